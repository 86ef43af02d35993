//! Calls to Zenskar's API.
//!
//! # Guarantees
//!
//! - Every request waits for its turn. Zenskar publishes no limit: the rate starts low and grows
//!   while nothing complains.
//! - Every request names the API version: without it the rich filters are not there (Zenskar's
//!   documentation, "List customers").
//! - A customer is written only by one who has just looked at it: [`ZenskarClient::customer`] alone
//!   makes a [`Look`], and [`ZenskarClient::update_customer`] uses it up. One is made only by who has
//!   just looked that there is none ([`Absence`]).

mod create;
mod invoices;

use crate::clock::Clock;
use crate::model::customer::Presence;
use crate::model::id::{OrganisationId, StripeCustomerId, ZenskarCustomerId};
use crate::model::intent::Changes;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::remote::client::{ApiKey, Base, Limiter, Reply};
use crate::remote::health::Health;
use crate::remote::limiter::{LimiterStats, Permit, Priority, Rates};
use crate::remote::outcome::{Answer, Call, Class, Failure, Outcome, Page, Repeat, Wanted};
use crate::remote::text::{path_segment, query};
use crate::remote::transport::{HeaderText, Transport};
use crate::zenskar::convert::patch_body;
use crate::zenskar::error::failure;
use crate::zenskar::object::{ZenskarCustomer, customers_page};
use http::Method;
use serde_json::Value as Json;
use std::sync::Arc;
use std::time::Duration;

pub use create::{Absence, Lookup};
pub use invoices::{NewPayment, NotBooked, Payments};

/// The API version that is spoken (Zenskar's documentation, overview: the default).
pub const API_VERSION: &str = "20230501";

/// Rows asked for per page. Zenskar does not say how many it gives; fewer are as good.
pub const PAGE_ROWS: usize = 100;

const READ_CUSTOMER: Call = Call::read("read customer");
const LIST_CUSTOMERS: Call = Call::read("list customers");
const LIST_CHANGED: Call = Call::read("list changed customers");
const FIND_CUSTOMERS: Call = Call::read("find customers");
const READ_MAPPING: Call = Call::read("read connector mapping");
const UPDATE_CUSTOMER: Call = Call::write("update customer", Repeat::LookFirst);

/// What a client needs to know.
#[derive(Clone, Debug)]
pub struct ZenskarClientOptions {
    /// Where the API is, such as `https://api.zenskar.com`.
    pub api_base: String,
    /// The API key.
    pub key: ApiKey,
    /// The organisation.
    pub organisation: OrganisationId,
    /// Requests per second, adaptive between the two.
    pub rates: Rates,
}

/// How long a look serves a write, counted when the write's turn comes. An edit in between would be
/// written over, and nobody opens, edits and saves a customer in less.
pub const LOOK_SERVES: Duration = Duration::from_secs(30);

/// A customer that was looked at just now: what a write needs, once.
///
/// Not `Clone`: a write whose outcome is unknown is repeated after another look.
#[derive(Debug, PartialEq, Eq)]
pub struct Look {
    seen: ZenskarCustomer,
    date: Option<Timestamp>,
    /// When it came, by this host's clock.
    came_at: Timestamp,
}

impl Look {
    /// What was seen.
    #[must_use]
    pub const fn seen(&self) -> &ZenskarCustomer {
        &self.seen
    }

    /// When it was seen, by Zenskar's clock.
    #[must_use]
    pub const fn date(&self) -> Option<Timestamp> {
        self.date
    }

    /// What was seen, without the right to write.
    #[must_use]
    pub fn into_seen(self) -> ZenskarCustomer {
        self.seen
    }
}

/// What a look found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// The customer.
    Here(Box<Look>),
    /// Nothing: it was deleted, or is another organisation's.
    Gone,
}

impl Found {
    /// The same as a value of the model.
    #[must_use]
    pub fn presence(&self) -> Presence {
        match self {
            Self::Here(look) => Presence::Present(look.seen.customer.clone()),
            Self::Gone => Presence::Deleted,
        }
    }
}

/// Customers that match a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matches {
    /// Those that do, checked on our side.
    pub customers: Vec<ZenskarCustomer>,
    /// Whether these are all. They are not if there are more pages, or if a row came that does not
    /// match: then the filter was ignored, and that nothing was found proves nothing.
    pub complete: bool,
}

/// What Zenskar's own connector says about a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// It is this customer of Stripe.
    Names(StripeCustomerId),
    /// Zenskar answered that there is no mapping.
    Nothing,
    /// Zenskar could not say, for this reason (a 400, such as "no integration", "deleted on
    /// connector", or a general one). It never means "not linked".
    NoAnswer(String),
}

/// Calls to one Zenskar organisation.
#[derive(Debug)]
pub struct ZenskarClient {
    base: Base,
    organisation: OrganisationId,
    limiter: Limiter,
}

impl ZenskarClient {
    /// A client that has sent nothing yet.
    #[must_use]
    pub fn new(
        options: ZenskarClientOptions,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let base = Base::new(&options.api_base, options.key, transport, clock);
        Self {
            limiter: Limiter::new("zenskar", options.rates, base.clock()),
            organisation: options.organisation,
            base,
        }
    }

    /// The customer as it is now.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn customer(&self, id: &ZenskarCustomerId, priority: Priority) -> Outcome<Found> {
        let path = format!("/customers/{}", path_segment(id.as_str()));
        let gone = |date| Answer {
            value: Found::Gone,
            date,
            request_id: None,
        };
        let reply = match self.get(READ_CUSTOMER, &path, false, priority).await {
            Ok(reply) => reply,
            Err(Failed { failure, date }) if failure.class == Class::Missing => {
                return Ok(gone(date));
            }
            Err(failed) => return Err(failed.failure),
        };
        if is_null(&reply.response.body) {
            return Ok(gone(reply.date));
        }
        let seen = ZenskarCustomer::parse(reply.response.body.to_vec())
            .map_err(|_| unreadable(READ_CUSTOMER, &reply, "not a customer"))?;
        if seen.id != *id {
            return Err(unreadable(READ_CUSTOMER, &reply, "another customer"));
        }
        let look = Look {
            seen,
            date: reply.date,
            came_at: self.base.clock().now(),
        };
        Ok(answer(&reply, Found::Here(Box::new(look))))
    }

    /// A page of the organisation's customers, oldest first, so that a customer made meanwhile
    /// comes at the end.
    ///
    /// # Errors
    ///
    /// The call failed; [`Class::CursorGone`] when the cursor is not accepted.
    pub async fn customers_page(
        &self,
        cursor: Option<&str>,
        priority: Priority,
    ) -> Outcome<Page<ZenskarCustomer, String>> {
        let mut pairs = vec![("limit", "100"), ("order", "created_at")];
        if let Some(cursor) = cursor {
            pairs.push(("cursor", cursor));
        }
        self.page(LIST_CUSTOMERS, &pairs, cursor, priority).await
    }

    /// A page of the customers that changed at `since` or later, to the second, oldest change
    /// first.
    ///
    /// The filter and the order are asked for and not relied upon: the page holds every row that
    /// came, and it is the caller who sees to which of them were asked for.
    ///
    /// # Errors
    ///
    /// The call failed; [`Class::CursorGone`] when the cursor is not accepted.
    pub async fn changed_page(
        &self,
        since: Timestamp,
        cursor: Option<&str>,
        priority: Priority,
    ) -> Outcome<Page<ZenskarCustomer, String>> {
        // A time with a zone makes some of Zenskar's endpoints fail; it takes any for UTC.
        let since = since.to_string();
        let mut pairs = vec![
            ("updated_at__gte", since.trim_end_matches('Z')),
            ("order", "updated_at"),
            ("limit", "100"),
        ];
        if let Some(cursor) = cursor {
            pairs.push(("cursor", cursor));
        }
        self.page(LIST_CHANGED, &pairs, cursor, priority).await
    }

    /// The customers with exactly this external id.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn customers_by_external_id(
        &self,
        external_id: &str,
        priority: Priority,
    ) -> Outcome<Matches> {
        let matches = |seen: &ZenskarCustomer| seen.external_id.as_deref() == Some(external_id);
        self.find("external_id", external_id, matches, priority)
            .await
    }

    /// The customers with this e-mail address, whatever the case of its letters.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn customers_by_email(&self, email: &str, priority: Priority) -> Outcome<Matches> {
        let email = email.trim();
        let matches = |seen: &ZenskarCustomer| {
            seen.email
                .as_deref()
                .is_some_and(|other| other.eq_ignore_ascii_case(email))
        };
        self.find("email", email, matches, priority).await
    }

    /// Which customer of Stripe Zenskar's own connector holds this customer for.
    ///
    /// # Errors
    ///
    /// The call failed; [`Class::Missing`] when Zenskar does not know the customer.
    pub async fn mapping(&self, id: &ZenskarCustomerId, priority: Priority) -> Outcome<Mapping> {
        let path = format!("/customers/{}/connector/stripe", path_segment(id.as_str()));
        let reply = match self.get(READ_MAPPING, &path, false, priority).await {
            Ok(reply) => reply,
            Err(Failed { failure, date })
                if failure.status == Some(400) && failure.class == Class::Refused =>
            {
                return Ok(Answer {
                    value: Mapping::NoAnswer(failure.message),
                    date,
                    request_id: None,
                });
            }
            Err(failed) => return Err(failed.failure),
        };
        let body: Json = serde_json::from_slice(&reply.response.body)
            .map_err(|_| unreadable(READ_MAPPING, &reply, "not a mapping"))?;
        Ok(answer(&reply, read_mapping(&body)))
    }

    /// Makes these changes to the customer that was looked at, and says what Zenskar now holds, if
    /// its answer can be read.
    ///
    /// Fields that are not named stay as they are. The look is used up: after a failure with
    /// [`Class::Unknown`] the next attempt begins with another one.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn update_customer(
        &self,
        look: Look,
        changes: &Changes,
        wanted: Wanted<'_>,
        priority: Priority,
    ) -> Outcome<Option<ZenskarCustomer>> {
        let permit = self.limiter.acquire(priority).await;
        self.still_serves(UPDATE_CUSTOMER, look.came_at)?;
        if !wanted() {
            return Err(Failure::unwanted(Side::Zenskar, UPDATE_CUSTOMER));
        }
        let seen = look.seen;
        let path = format!("/customers/{}", path_segment(seen.id.as_str()));
        let body = patch_body(changes, &seen).to_string();
        let reply = self
            .send(
                permit,
                UPDATE_CUSTOMER,
                Method::PATCH,
                &path,
                Some(body),
                false,
            )
            .await
            .map_err(|failed| failed.failure)?;
        let now = ZenskarCustomer::parse(reply.response.body.to_vec())
            .ok()
            .filter(|now| now.id == seen.id);
        Ok(answer(&reply, now))
    }

    /// Fails if a look is too old for a write whose turn has come.
    fn still_serves(&self, call: Call, came_at: Timestamp) -> Result<(), Failure> {
        if self.base.clock().now().since(came_at) <= LOOK_SERVES {
            return Ok(());
        }
        // Nothing was sent: whoever waited this long for a turn looks again first.
        let mut stale = Failure::new(Side::Zenskar, call, Class::Retry { after: None });
        "the look before the write is too old".clone_into(&mut stale.message);
        Err(stale)
    }

    /// Uses another key from the next request on.
    pub fn set_key(&self, key: ApiKey) {
        self.base.set_key(key);
    }

    /// Changes the rates.
    pub fn set_rates(&self, rates: Rates) {
        self.limiter.set_rates(rates);
    }

    /// Zenskar's time when it last answered; `None` before its first answer.
    #[must_use]
    pub fn remote_now(&self) -> Option<Timestamp> {
        self.base.remote_now()
    }

    /// Zenskar's time by now, as far as its last answer and this host's clock say.
    #[must_use]
    pub fn remote_about(&self) -> Option<Timestamp> {
        self.base.remote_about()
    }

    /// What the last calls came to.
    #[must_use]
    pub fn health(&self) -> Health {
        self.base.health()
    }

    /// Reads sent since the start.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.base.reads()
    }

    /// Writes sent since the start.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.base.writes()
    }

    /// What the limiter is doing.
    #[must_use]
    pub fn limiters(&self) -> Vec<LimiterStats> {
        vec![self.limiter.stats()]
    }

    async fn page(
        &self,
        call: Call,
        pairs: &[(&str, &str)],
        cursor: Option<&str>,
        priority: Priority,
    ) -> Outcome<Page<ZenskarCustomer, String>> {
        let path = format!("/customers{}", query(pairs));
        let reply = self
            .get(call, &path, cursor.is_some(), priority)
            .await
            .map_err(|failed| failed.failure)?;
        let mut page = read_page(call, &reply)?;
        // A cursor that leads to itself would be followed for ever.
        page.next = page.next.filter(|next| Some(next.as_str()) != cursor);
        Ok(answer(&reply, page))
    }

    async fn find(
        &self,
        name: &str,
        value: &str,
        matches: impl Fn(&ZenskarCustomer) -> bool,
        priority: Priority,
    ) -> Outcome<Matches> {
        let path = format!("/customers{}", query(&[(name, value), ("limit", "100")]));
        let reply = self
            .get(FIND_CUSTOMERS, &path, false, priority)
            .await
            .map_err(|failed| failed.failure)?;
        let page = read_page(FIND_CUSTOMERS, &reply)?;
        let rows = page.items.len();
        let customers: Vec<ZenskarCustomer> = page.items.into_iter().filter(matches).collect();
        let complete = page.next.is_none() && page.unreadable == 0 && customers.len() == rows;
        Ok(answer(
            &reply,
            Matches {
                customers,
                complete,
            },
        ))
    }

    async fn get(
        &self,
        call: Call,
        path: &str,
        has_cursor: bool,
        priority: Priority,
    ) -> Result<Reply, Failed> {
        let permit = self.limiter.acquire(priority).await;
        self.send(permit, call, Method::GET, path, None, has_cursor)
            .await
    }

    async fn send(
        &self,
        permit: Permit<'_>,
        call: Call,
        method: Method,
        path: &str,
        body: Option<String>,
        has_cursor: bool,
    ) -> Result<Reply, Failed> {
        let mut request = self.base.request(method, path, self.headers());
        if let Some(body) = body {
            let json = HeaderText::plain("application/json");
            request.headers.push(("content-type", json));
            request.body = body.into();
        }
        let reply = self.base.send(request).await.map_err(|error| {
            let failure = Failure::unanswered(Side::Zenskar, call, error);
            self.base.note(Some(&failure));
            Failed {
                failure,
                date: None,
            }
        })?;
        let failure = match reply.response.is_success() {
            true if reply.response.is_markup() => unreadable(call, &reply, "not JSON"),
            true => {
                self.base.note(None);
                permit.on_success();
                return Ok(reply);
            }
            false => failure(call, has_cursor, &reply.response, reply.date),
        };
        self.base.note(Some(&failure));
        match reply.response.status {
            429 => permit.on_limited("429", failure.retry_after()),
            // A gateway that gives up, or that names a wait, is asked less.
            502..=504 => permit.on_limited("overload", failure.retry_after()),
            _ => permit.on_success(),
        }
        Err(Failed {
            failure,
            date: reply.date,
        })
    }

    fn headers(&self) -> Vec<(&'static str, HeaderText)> {
        vec![
            ("x-api-key", HeaderText::secret(self.base.key().expose())),
            (
                "organisation",
                HeaderText::plain(self.organisation.as_str()),
            ),
            ("apiversion", HeaderText::plain(API_VERSION)),
            ("accept", HeaderText::plain("application/json")),
        ]
    }
}

/// A failure, and when the remote said so.
#[derive(Debug)]
struct Failed {
    failure: Failure,
    date: Option<Timestamp>,
}

fn read_page(call: Call, reply: &Reply) -> Result<Page<ZenskarCustomer, String>, Failure> {
    customers_page(&reply.response.body).ok_or_else(|| unreadable(call, reply, "not a list"))
}

/// A mapping as the connector endpoint shows it: `{"connector_name", "reference_id", …}`, or `null`.
fn read_mapping(body: &Json) -> Mapping {
    let other = body
        .get("connector_name")
        .and_then(Json::as_str)
        .filter(|name| !name.eq_ignore_ascii_case("stripe"));
    if let Some(name) = other {
        return Mapping::NoAnswer(format!("it speaks of the connector {name:?}"));
    }
    match body.get("reference_id") {
        Some(Json::String(id)) if !id.trim().is_empty() => match StripeCustomerId::parse(id.trim())
        {
            Ok(id) => Mapping::Names(id),
            Err(_) => Mapping::NoAnswer("its reference is no id of stripe".to_owned()),
        },
        Some(Json::String(_) | Json::Null) => Mapping::Nothing,
        None if body.is_null() => Mapping::Nothing,
        _ => Mapping::NoAnswer("its form is not understood".to_owned()),
    }
}

fn is_null(body: &[u8]) -> bool {
    body.trim_ascii() == b"null"
}

fn answer<T>(reply: &Reply, value: T) -> Answer<T> {
    Answer {
        value,
        date: reply.date,
        request_id: None,
    }
}

fn unreadable(call: Call, reply: &Reply, what: &str) -> Failure {
    Failure::unreadable(Side::Zenskar, call, reply.response.status, what)
}

#[cfg(test)]
mod tests;
