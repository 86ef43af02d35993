//! Who has an address of e-mail, as both sides say now. The store keeps no addresses to search.

use super::{CommandError, invalid};
use crate::engine::Engine;
use crate::engine::view::{FoundRow, FoundSide, FoundView};
use crate::model::customer::{Customer, Field};
use crate::model::link::LinkState;
use crate::model::work::Subject;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Failure, Page};
use crate::store::{ReadTx, StoreError};
use crate::stripe::convert::Observed;
use crate::zenskar::client::Matches;
use crate::zenskar::object::ZenskarCustomer;

/// Longest address, in bytes. What is longer Stripe refuses.
const EMAIL_BYTES_MAX: usize = 512;

impl Engine {
    /// Asks both sides; that one of them does not answer does not hide what the other said.
    pub(super) async fn customers_by_email(&self, email: &str) -> Result<FoundView, CommandError> {
        let email = email.trim();
        if !is_address(email) {
            return Err(invalid(&"that is no address of e-mail"));
        }
        let (stripe, zenskar) = tokio::join!(
            self.stripe.customers_by_email(email, Priority::Money),
            self.zenskar.customers_by_email(email, Priority::Money),
        );
        let read = self.store.read()?;
        Ok(FoundView {
            stripe: match stripe {
                Ok(answer) => in_stripe(&read, &answer.value)?,
                Err(failure) => self.silent(failure),
            },
            zenskar: match zenskar {
                Ok(answer) => in_zenskar(&read, &answer.value)?,
                Err(failure) => self.silent(failure),
            },
        })
    }

    fn silent(&self, failure: Failure) -> FoundSide {
        let error = Some(failure.in_words());
        // A refused key is everybody's business.
        drop(self.refused(failure));
        FoundSide {
            error,
            ..FoundSide::default()
        }
    }
}

/// Whether a remote can be asked for it. What it would refuse it would repeat in its refusal, which
/// is shown to people who see no addresses.
fn is_address(text: &str) -> bool {
    let fits = text.len() <= EMAIL_BYTES_MAX;
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control();
    fits && text.chars().all(is_plain)
        && text.split_once('@').is_some_and(|(local, domain)| {
            let is_name = !domain.contains('@') && !domain.starts_with('.');
            !local.is_empty() && !domain.is_empty() && is_name && !domain.ends_with('.')
        })
}

fn in_stripe<C>(read: &ReadTx<'_>, page: &Page<Observed, C>) -> Result<FoundSide, StoreError> {
    let rows = page.items.iter().map(|seen| {
        let link = read.link(&seen.id)?;
        let parked = read.parked(&Subject::Customer(seen.id.clone()))?;
        let known = link.is_some() || parked.is_some();
        let link = link.filter(|link| link.state != LinkState::Unlinked);
        Ok(FoundRow {
            id: seen.id.to_string(),
            name: seen.presence.customer().and_then(name),
            linked_with: link.map(|link| link.zenskar.to_string()),
            known,
        })
    });
    Ok(FoundSide {
        rows: rows.collect::<Result<_, StoreError>>()?,
        complete: page.next.is_none() && page.unreadable == 0,
        error: None,
    })
}

fn in_zenskar(read: &ReadTx<'_>, matches: &Matches) -> Result<FoundSide, StoreError> {
    let rows = matches.customers.iter().map(|seen: &ZenskarCustomer| {
        let link = read.link_by_zenskar(&seen.id)?;
        let parked = read.parked(&Subject::Unlinked(seen.id.clone()))?;
        let known = link.is_some() || parked.is_some();
        let link = link.filter(|link| link.state != LinkState::Unlinked);
        Ok(FoundRow {
            id: seen.id.to_string(),
            name: name(&seen.customer),
            linked_with: link.map(|link| link.stripe.to_string()),
            known,
        })
    });
    Ok(FoundSide {
        rows: rows.collect::<Result<_, StoreError>>()?,
        complete: matches.complete,
        error: None,
    })
}

fn name(customer: &Customer) -> Option<String> {
    let name = customer.value(Field::Name).filter(|name| !name.is_blank());
    name.map(ToString::to_string)
}

#[cfg(test)]
mod tests;
