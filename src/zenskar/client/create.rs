//! Making a customer, and the look that has to come before it.

use crate::model::customer::Fields;
use crate::model::id::StripeCustomerId;
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Call, Outcome, Repeat};
use crate::zenskar::client::{Matches, ZenskarClient, answer};
use crate::zenskar::convert::create_body;
use crate::zenskar::object::ZenskarCustomer;
use http::Method;

const READ_TIME: Call = Call::read("read time");
const CREATE_CUSTOMER: Call = Call::write("create customer", Repeat::LookFirst);

/// That there is no customer with an external id, as a look showed just now: what the making of one
/// needs, once.
///
/// Not `Clone`: after an unknown outcome there is another look.
#[derive(Debug, PartialEq, Eq)]
pub struct Absence {
    external_id: StripeCustomerId,
    came_at: Timestamp,
}

/// What a look for an external id found.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Surely nobody has it.
    Absent(Absence),
    /// These have it, or the look was not complete.
    Held(Matches),
}

impl ZenskarClient {
    /// Whether nobody has the id of this customer of Stripe for external id.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn absent(
        &self,
        external_id: &StripeCustomerId,
        priority: Priority,
    ) -> Outcome<Lookup> {
        let found = self
            .customers_by_external_id(external_id.as_str(), priority)
            .await?;
        let came_at = self.base.clock().now();
        Ok(found.map(|found| {
            if found.complete && found.customers.is_empty() {
                Lookup::Absent(Absence {
                    external_id: external_id.clone(),
                    came_at,
                })
            } else {
                Lookup::Held(found)
            }
        }))
    }

    /// Makes a customer of these values for the customer of Stripe that has none, and says what
    /// Zenskar holds, if its answer can be read.
    ///
    /// `has_connector` says whether Zenskar's own Stripe connector is to hear of the two.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn create_customer(
        &self,
        absence: Absence,
        values: &Fields,
        has_connector: bool,
        priority: Priority,
    ) -> Outcome<Option<ZenskarCustomer>> {
        let permit = self.limiter.acquire(priority).await;
        self.still_serves(CREATE_CUSTOMER, absence.came_at)?;
        let body = create_body(values, &absence.external_id, has_connector).to_string();
        let reply = self
            .send(
                permit,
                CREATE_CUSTOMER,
                Method::POST,
                "/customers",
                Some(body),
                false,
            )
            .await
            .map_err(|failed| failed.failure)?;
        let made = ZenskarCustomer::parse(reply.response.body.to_vec()).ok();
        Ok(answer(&reply, made))
    }

    /// Has Zenskar tell its time, by the `Date` of an answer.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn tell_time(&self, priority: Priority) -> Outcome<()> {
        let reply = self
            .get(READ_TIME, "/customers?limit=1", false, priority)
            .await
            .map_err(|failed| failed.failure)?;
        Ok(answer(&reply, ()))
    }
}
