//! Making a customer, and finding one that was perhaps made.

use crate::model::id::StripeCustomerId;
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Call, Outcome, Page, Repeat};
use crate::remote::text::query;
use crate::stripe::client::{
    LIST_CUSTOMERS, PAGE_MAX, StripeClient, answer, read_page, unreadable,
};
use crate::stripe::convert::{Observed, observed};
use crate::stripe::object;

const CREATE_CUSTOMER: Call = Call::write("create customer", Repeat::SameKey);

impl StripeClient {
    /// Makes a customer of this form, which is sent byte for byte, and says what it holds.
    ///
    /// A repeat under the same key has the same form, and is answered as the first one was.
    ///
    /// # Errors
    ///
    /// The call failed; [`Class::Unknown`](crate::remote::outcome::Class::Unknown) when it may have
    /// been made.
    pub async fn create_customer(
        &self,
        form: &str,
        key: &str,
        priority: Priority,
    ) -> Outcome<Observed> {
        let reply = self
            .post(
                CREATE_CUSTOMER,
                "/v1/customers",
                (form.to_owned(), key),
                &|| true,
                priority,
            )
            .await?;
        let seen = observed(reply.response.body.to_vec())
            .map_err(|_| unreadable(CREATE_CUSTOMER, &reply, "not a customer"))?;
        Ok(answer(&reply, seen))
    }

    /// The newest customers of the account with exactly this address of e-mail, letters' case
    /// included; `next` says whether there are more.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn customers_by_email(
        &self,
        email: &str,
        priority: Priority,
    ) -> Outcome<Page<Observed, StripeCustomerId>> {
        self.newest(&[("email", email), ("limit", "100")], priority)
            .await
    }

    /// A page of the account's customers that were made at `since` or later, newest first, after
    /// `after`. Deleted customers are not listed.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn customers_since(
        &self,
        since: Timestamp,
        after: Option<&StripeCustomerId>,
        priority: Priority,
    ) -> Outcome<Page<Observed, StripeCustomerId>> {
        let since = since.seconds().to_string();
        let mut pairs = vec![("created[gte]", since.as_str()), ("limit", "100")];
        pairs.extend(after.map(|after| ("starting_after", after.as_str())));
        self.newest(&pairs, priority).await
    }

    /// How many customers of the account have exactly this address of e-mail, letters' case
    /// included, counted to `most`.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn count_by_email(
        &self,
        email: &str,
        most: usize,
        priority: Priority,
    ) -> Outcome<usize> {
        let limit = most.min(PAGE_MAX).to_string();
        let path = format!(
            "/v1/customers{}",
            query(&[("email", email), ("limit", &limit)])
        );
        let reply = self
            .get(LIST_CUSTOMERS, &self.customers, &path, priority)
            .await?;
        let list: object::List<'_> = serde_json::from_slice(&reply.response.body)
            .map_err(|_| unreadable(LIST_CUSTOMERS, &reply, "not a list"))?;
        Ok(answer(&reply, list.data.len()))
    }

    async fn newest(
        &self,
        pairs: &[(&str, &str)],
        priority: Priority,
    ) -> Outcome<Page<Observed, StripeCustomerId>> {
        let path = format!("/v1/customers{}", query(pairs));
        let reply = self
            .get(LIST_CUSTOMERS, &self.customers, &path, priority)
            .await?;
        let page = read_page(
            LIST_CUSTOMERS,
            &reply,
            |bytes| observed(bytes).ok(),
            |id| StripeCustomerId::parse(id).ok(),
        )?;
        Ok(answer(&reply, page))
    }
}
