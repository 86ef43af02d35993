//! All tax ids of a customer that has more of them than its object shows.
//!
//! `expand[]=tax_ids` shows the first ten; the others are on pages of their own ("List all of a
//! customer's tax IDs").

use super::{Detail, StripeClient, read_page};
use crate::model::customer::Field;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Call, Failure};
use crate::remote::text::{path_segment, query};
use crate::stripe::convert::{Observed, observed};
use crate::stripe::object;
use serde_json::{Value as Json, json};

const LIST_TAX_IDS: Call = Call::read("list tax ids");

/// Pages of a hundred read at most: a customer with more is shown as it came, its tax ids unread.
const PAGES_MAX: usize = 10;

impl StripeClient {
    /// The customer with all its tax ids, where they were asked for and its object shows a part.
    pub(super) async fn with_all_tax_ids(
        &self,
        seen: Observed,
        detail: Detail,
        priority: Priority,
    ) -> Result<Observed, Failure> {
        let customer = seen.presence.customer();
        let is_unread = customer.is_some_and(|customer| customer.value(Field::TaxIds).is_none());
        if detail == Detail::Plain || !is_unread || !shows_a_part(&seen.payload) {
            return Ok(seen);
        }
        let Some(all) = self.all_tax_ids(&seen, priority).await? else {
            return Ok(seen);
        };
        Ok(holding(&seen, all).unwrap_or(seen))
    }

    async fn all_tax_ids(
        &self,
        seen: &Observed,
        priority: Priority,
    ) -> Result<Option<Vec<Json>>, Failure> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut pairs = vec![("limit", "100")];
            pairs.extend(after.as_deref().map(|after| ("starting_after", after)));
            let id = path_segment(seen.id.as_str());
            let path = format!("/v1/customers/{id}/tax_ids{}", query(&pairs));
            let reply = self
                .get(LIST_TAX_IDS, &self.others, &path, priority)
                .await?;
            let page = read_page(
                LIST_TAX_IDS,
                &reply,
                |bytes| serde_json::from_slice::<Json>(&bytes).ok(),
                |id| Some(id.to_owned()),
            )?;
            all.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(Some(all)),
            }
        }
        Ok(None)
    }
}

/// Whether a customer's object shows some of its tax ids and says that there are more.
fn shows_a_part(payload: &[u8]) -> bool {
    let object = serde_json::from_slice::<object::Customer>(payload);
    let list = object.ok().and_then(|object| object.tax_ids.flatten());
    list.is_some_and(|list| list.has_more)
}

/// The customer's object with these as its tax ids.
fn holding(seen: &Observed, tax_ids: Vec<Json>) -> Option<Observed> {
    let mut object: Json = serde_json::from_slice(&seen.payload).ok()?;
    let list = object.get_mut("tax_ids")?.as_object_mut()?;
    list.insert("data".to_owned(), Json::Array(tax_ids));
    list.insert("has_more".to_owned(), json!(false));
    observed(serde_json::to_vec(&object).ok()?).ok()
}
