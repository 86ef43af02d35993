//! Calls to Stripe's API.
//!
//! # Guarantees
//!
//! - Every request waits for its turn twice: at its endpoint (Stripe's documentation, "Rate
//!   limits": 25 requests per second by default) and at the account (100 in live mode, 25 in a
//!   sandbox).
//! - Every request names the API version, so that answers keep their form when the account's
//!   default version moves.
//! - Objects are handed on with the bytes as they came.
//! - Reads are counted: Stripe rations them (500 per transaction, at least 10,000 a month).
//! - Every write carries an idempotency key, so that Stripe recognises a repeat.

mod account;
mod acting;
mod create;
mod endpoints;
mod payment_intents;
mod rights;
mod tax_ids;

use crate::clock::Clock;
use crate::model::customer::Field;
use crate::model::id::{AccountId, EventId, StripeCustomerId};
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::remote::client::{ApiKey, Base, Limiter, Reply, permits};
use crate::remote::health::Health;
use crate::remote::limiter::{LimiterStats, Permit, Priority, Rates};
use crate::remote::outcome::{Answer, Call, Failure, Outcome, Page, Repeat, Wanted};
use crate::remote::text::{form, path_segment, query};
use crate::remote::transport::{HeaderText, Request, Transport};
use crate::stripe::convert::{Observed, observed};
use crate::stripe::error::{Limited, failure, limited};
use crate::stripe::event::{self, Envelope};
use crate::stripe::page;
use http::Method;
use rights::Missed;
use std::collections::BTreeSet;
use std::sync::{Arc, RwLock};

pub use account::AccountSeen;
pub use acting::Acting;
pub use endpoints::{Made, form_of};

/// Most objects on one page (API reference, "Pagination").
pub const PAGE_MAX: usize = 100;

/// Most event types one request can ask for (API reference, "List all events").
pub const EVENT_TYPES_MAX: usize = 20;

/// Requests per second of the whole account in live mode, and in a sandbox.
const LIVE_RATE: u32 = 100;
const TEST_RATE: u32 = 25;

const READ_CUSTOMER: Call = Call::read("read customer");
const LIST_CUSTOMERS: Call = Call::read("list customers");
const UPDATE_CUSTOMER: Call = Call::write("update customer", Repeat::SameKey);
const READ_EVENT: Call = Call::read("read event");
const LIST_EVENTS: Call = Call::read("list events");

/// What a client needs to know.
#[derive(Clone, Debug)]
pub struct StripeClientOptions {
    /// Where the API is, such as `https://api.stripe.com`.
    pub api_base: String,
    /// A secret or restricted key, or a platform's secret key.
    pub key: ApiKey,
    /// The connected account to act for, with a platform's key alone.
    pub account: Option<AccountId>,
    /// The API version to speak, such as `2026-05-27.dahlia`.
    pub api_version: String,
    /// Whether the key is of live mode, which has a higher limit.
    pub live: bool,
    /// Requests per second and endpoint.
    pub requests_per_second: u32,
}

/// An event with the bytes it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSeen {
    /// Its head.
    pub envelope: Envelope,
    /// That element of the page, byte for byte.
    pub payload: Vec<u8>,
}

/// A span of Stripe's own time, both ends included, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventWindow {
    /// Its oldest second.
    pub from: Timestamp,
    /// Its newest second; `None` for no end.
    pub to: Option<Timestamp>,
}

/// How much of a customer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What Stripe shows by itself.
    Plain,
    /// That, and the tax ids. A restricted key needs the right to read them as well, or the whole
    /// call is refused ("Expanding Responses").
    TaxIds,
}

impl Detail {
    /// What these fields need.
    #[must_use]
    pub fn of(fields: &BTreeSet<Field>) -> Self {
        if fields.contains(&Field::TaxIds) {
            Self::TaxIds
        } else {
            Self::Plain
        }
    }
}

/// Calls to one Stripe account.
#[derive(Debug)]
pub struct StripeClient {
    base: Base,
    live: bool,
    acting: RwLock<Acting>,
    api_version: String,
    whole: Limiter,
    customers: Limiter,
    events: Limiter,
    intents: Limiter,
    others: Limiter,
    tax_ids: Missed,
}

impl StripeClient {
    /// A client that has sent nothing yet.
    #[must_use]
    pub fn new(
        options: StripeClientOptions,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let base = Base::new(&options.api_base, options.key, transport, clock);
        let limiter = |name: &str, rate| Limiter::new(name, Rates::fixed(rate), base.clock());
        let endpoint = |name: &str| limiter(name, options.requests_per_second);
        Self {
            whole: limiter(
                "stripe",
                account_rate(options.live, options.requests_per_second),
            ),
            customers: endpoint("stripe/v1/customers"),
            events: endpoint("stripe/v1/events"),
            intents: endpoint("stripe/v1/payment_intents"),
            others: endpoint("stripe/others"),
            tax_ids: Missed::default(),
            live: options.live,
            acting: RwLock::new(options.account.map_or(Acting::Own, Acting::For)),
            api_version: options.api_version,
            base,
        }
    }

    /// The customer as it is now. A deleted one is an answer; an id that Stripe does not know is a
    /// failure ([`Class::Missing`](crate::remote::outcome::Class::Missing)), since for an id that
    /// was once seen it means a wrong account or mode.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn customer(&self, id: &StripeCustomerId, priority: Priority) -> Outcome<Observed> {
        self.customer_in(id, Detail::Plain, priority).await
    }

    /// As [`customer`](Self::customer), in this detail, as far as the key's rights go: a customer
    /// that may be read without its tax ids is.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn customer_in(
        &self,
        id: &StripeCustomerId,
        detail: Detail,
        priority: Priority,
    ) -> Outcome<Observed> {
        self.within_rights(detail, |detail| self.read_customer(id, detail, priority))
            .await
    }

    async fn read_customer(
        &self,
        id: &StripeCustomerId,
        detail: Detail,
        priority: Priority,
    ) -> Outcome<Observed> {
        let expand = match detail {
            Detail::Plain => String::new(),
            Detail::TaxIds => query(&[("expand[]", "tax_ids")]),
        };
        let path = format!("/v1/customers/{}{expand}", path_segment(id.as_str()));
        let reply = self
            .get(READ_CUSTOMER, &self.customers, &path, priority)
            .await?;
        let seen = observed(reply.response.body.to_vec())
            .map_err(|_| unreadable(READ_CUSTOMER, &reply, "not a customer"))?;
        if seen.id != *id {
            return Err(unreadable(READ_CUSTOMER, &reply, "another customer"));
        }
        let seen = self.with_all_tax_ids(seen, detail, priority).await?;
        Ok(answer(&reply, seen))
    }

    /// Makes these changes to the customer, given as form parameters, and says what it holds now.
    /// Parameters that are not named stay as they are.
    ///
    /// A repeat under the same key has the same parameters, and is answered as the first one was.
    ///
    /// # Errors
    ///
    /// The call failed; [`Class::Unknown`](crate::remote::outcome::Class::Unknown) when it may have
    /// been made.
    pub async fn update_customer(
        &self,
        id: &StripeCustomerId,
        changes: &[(String, String)],
        (key, wanted): (&str, Wanted<'_>),
        priority: Priority,
    ) -> Outcome<Observed> {
        let path = format!("/v1/customers/{}", path_segment(id.as_str()));
        let sent = (form(changes), key);
        let reply = self
            .post(UPDATE_CUSTOMER, &path, sent, wanted, priority)
            .await?;
        let seen = observed(reply.response.body.to_vec())
            .map_err(|_| unreadable(UPDATE_CUSTOMER, &reply, "not a customer"))?;
        if seen.id != *id {
            return Err(unreadable(UPDATE_CUSTOMER, &reply, "another customer"));
        }
        Ok(answer(&reply, seen))
    }

    /// A page of the account's customers, newest first, after `after`, in this detail as far as the
    /// key's rights go. Deleted customers are not listed.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn customers_page(
        &self,
        after: Option<&StripeCustomerId>,
        detail: Detail,
        priority: Priority,
    ) -> Outcome<Page<Observed, StripeCustomerId>> {
        self.within_rights(detail, |detail| {
            self.list_customers(after, detail, priority)
        })
        .await
    }

    async fn list_customers(
        &self,
        after: Option<&StripeCustomerId>,
        detail: Detail,
        priority: Priority,
    ) -> Outcome<Page<Observed, StripeCustomerId>> {
        let mut pairs = vec![("limit", "100")];
        if detail == Detail::TaxIds {
            pairs.push(("expand[]", "data.tax_ids"));
        }
        if let Some(after) = after {
            pairs.push(("starting_after", after.as_str()));
        }
        let path = format!("/v1/customers{}", query(&pairs));
        let reply = self
            .get(LIST_CUSTOMERS, &self.customers, &path, priority)
            .await?;
        let mut page = page::customers(&reply.response.body)
            .map_err(|wrong| unreadable(LIST_CUSTOMERS, &reply, wrong.0))?;
        let mut items = Vec::with_capacity(page.items.len());
        for seen in page.items {
            items.push(self.with_all_tax_ids(seen, detail, priority).await?);
        }
        page.items = items;
        Ok(answer(&reply, page))
    }

    /// A page of the account's events of these types in this window, newest first, after `after`.
    ///
    /// At most [`EVENT_TYPES_MAX`] types can be asked for; with none, or more, events of every type
    /// come. Stripe keeps events for 30 days, and an event can become visible seconds after one
    /// that is newer ("List all events"): end the window some time before the remote's now, and
    /// let windows overlap.
    ///
    /// # Errors
    ///
    /// The call failed; [`Class::CursorGone`](crate::remote::outcome::Class::CursorGone) when
    /// `after` is older than Stripe keeps events.
    pub async fn events_page(
        &self,
        window: EventWindow,
        after: Option<&EventId>,
        types: &[&str],
        priority: Priority,
    ) -> Outcome<Page<EventSeen, EventId>> {
        let from = window.from.seconds().to_string();
        let to = window.to.map(|to| to.seconds().to_string());
        let mut pairs = vec![("limit", "100"), ("created[gte]", from.as_str())];
        if let Some(to) = &to {
            pairs.push(("created[lte]", to));
        }
        if types.len() <= EVENT_TYPES_MAX {
            pairs.extend(types.iter().map(|kind| ("types[]", *kind)));
        }
        if let Some(after) = after {
            pairs.push(("starting_after", after.as_str()));
        }
        let path = format!("/v1/events{}", query(&pairs));
        let reply = self.get(LIST_EVENTS, &self.events, &path, priority).await?;
        let page = read_page(LIST_EVENTS, &reply, event_seen, |id| {
            EventId::parse(id).ok()
        })?;
        Ok(answer(&reply, page))
    }

    /// One event, for as long as Stripe keeps it.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn event(&self, id: &EventId, priority: Priority) -> Outcome<EventSeen> {
        let path = format!("/v1/events/{}", path_segment(id.as_str()));
        let reply = self.get(READ_EVENT, &self.events, &path, priority).await?;
        let seen = event_seen(reply.response.body.to_vec())
            .filter(|seen| seen.envelope.id == *id)
            .ok_or_else(|| unreadable(READ_EVENT, &reply, "not the event"))?;
        Ok(answer(&reply, seen))
    }

    /// Uses another key from the next request on.
    pub fn set_key(&self, key: ApiKey) {
        self.base.set_key(key);
        self.tax_ids.forget();
    }

    /// Changes the rate per endpoint, in requests per second.
    pub fn set_requests_per_second(&self, rate: u32) {
        for limiter in [&self.customers, &self.events, &self.intents, &self.others] {
            limiter.set_rates(Rates::fixed(rate));
        }
        let whole = account_rate(self.live, rate);
        self.whole.set_rates(Rates::fixed(whole));
    }

    /// Stripe's time when it last answered; `None` before its first answer.
    #[must_use]
    pub fn remote_now(&self) -> Option<Timestamp> {
        self.base.remote_now()
    }

    /// Stripe's time by now, as far as its last answer and this host's clock say.
    #[must_use]
    pub fn remote_about(&self) -> Option<Timestamp> {
        self.base.remote_about()
    }

    /// Whether the key was found to lack the right to read tax ids.
    #[must_use]
    pub fn lacks_tax_ids(&self) -> bool {
        self.tax_ids.at().is_some()
    }

    /// What the last calls came to.
    #[must_use]
    pub fn health(&self) -> Health {
        self.base.health()
    }

    /// Reads sent since the start, for Stripe's read allowance.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.base.reads()
    }

    /// Writes sent since the start; Stripe does not ration them.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.base.writes()
    }

    /// What the limiters are doing: the account's first, then the endpoints'.
    #[must_use]
    pub fn limiters(&self) -> Vec<LimiterStats> {
        let endpoints = [&self.customers, &self.events, &self.intents, &self.others];
        let all = std::iter::once(&self.whole).chain(endpoints);
        all.map(Limiter::stats).collect()
    }

    async fn get(
        &self,
        call: Call,
        endpoint: &Limiter,
        path: &str,
        priority: Priority,
    ) -> Result<Reply, Failure> {
        let request = self.base.request(Method::GET, path, self.headers(call)?);
        self.send(call, endpoint, request, priority).await
    }

    async fn post(
        &self,
        call: Call,
        path: &str,
        (form, key): (String, &str),
        wanted: Wanted<'_>,
        priority: Priority,
    ) -> Result<Reply, Failure> {
        let (reply, failed) = self
            .post_to(call, &self.customers, path, (form, key), wanted, priority)
            .await?;
        failed.map_or(Ok(reply), Err)
    }

    /// As `post`, to an endpoint whose refusals have a body of their own.
    async fn post_to(
        &self,
        call: Call,
        endpoint: &Limiter,
        path: &str,
        (form, key): (String, &str),
        wanted: Wanted<'_>,
        priority: Priority,
    ) -> Result<(Reply, Option<Failure>), Failure> {
        let mut headers = self.headers(call)?;
        let encoding = HeaderText::plain("application/x-www-form-urlencoded");
        headers.push(("content-type", encoding));
        headers.push(("idempotency-key", HeaderText::plain(key)));
        let mut request = self.base.request(Method::POST, path, headers);
        request.body = form.into();
        let permits = permits(&[endpoint, &self.whole], priority).await;
        if !wanted() {
            return Err(Failure::unwanted(Side::Stripe, call));
        }
        self.exchange(call, permits, request).await
    }

    async fn send(
        &self,
        call: Call,
        endpoint: &Limiter,
        request: Request,
        priority: Priority,
    ) -> Result<Reply, Failure> {
        let permits = permits(&[endpoint, &self.whole], priority).await;
        let (reply, failed) = self.exchange(call, permits, request).await?;
        failed.map_or(Ok(reply), Err)
    }

    /// Sends a request, and gives the answer with the failure that it is, if it is one.
    async fn exchange(
        &self,
        call: Call,
        permits: Vec<Permit<'_>>,
        request: Request,
    ) -> Result<(Reply, Option<Failure>), Failure> {
        let reply = self.base.send(request).await.map_err(|error| {
            let failure = Failure::unanswered(Side::Stripe, call, error);
            self.base.note(Some(&failure));
            failure
        })?;
        let failed = match reply.response.is_success() {
            true if reply.response.is_markup() => Some(unreadable(call, &reply, "not JSON")),
            true => None,
            false => Some(failure(call, &reply.response, reply.date)),
        };
        // A card that is declined says nothing about Stripe.
        let is_decline = reply.response.status == 402;
        self.base.note(failed.as_ref().filter(|_| !is_decline));
        let limit = limited(&reply.response, failed.as_ref());
        for (permit, which) in permits
            .into_iter()
            .zip([Limited::Endpoint, Limited::Account])
        {
            match limit {
                Some((limit, reason)) if limit == which => {
                    permit.on_limited(reason, failed.as_ref().and_then(Failure::retry_after));
                }
                // It says nothing about the rate: another limit, or a lock on the object.
                _ if reply.response.status == 429 => drop(permit),
                _ => permit.on_success(),
            }
        }
        Ok((reply, failed))
    }
}

/// The account's rate. A rate per endpoint above it says that this is not Stripe's own server.
fn account_rate(live: bool, endpoint_rate: u32) -> u32 {
    endpoint_rate.max(if live { LIVE_RATE } else { TEST_RATE })
}

fn event_seen(payload: Vec<u8>) -> Option<EventSeen> {
    let envelope = event::parse(&payload).ok()?;
    Some(EventSeen { envelope, payload })
}

/// Reads a list; the next page begins after its last element, readable or not.
fn read_page<T, C>(
    call: Call,
    reply: &Reply,
    item: impl Fn(Vec<u8>) -> Option<T>,
    cursor: impl Fn(&str) -> Option<C>,
) -> Result<Page<T, C>, Failure> {
    page::read(&reply.response.body, item, cursor).map_err(|wrong| unreadable(call, reply, wrong.0))
}

fn answer<T>(reply: &Reply, value: T) -> Answer<T> {
    Answer {
        value,
        date: reply.date,
        request_id: reply.response.header("request-id").map(Into::into),
    }
}

fn unreadable(call: Call, reply: &Reply, what: &str) -> Failure {
    let mut failure = Failure::unreadable(Side::Stripe, call, reply.response.status, what);
    failure.request_id = reply.response.header("request-id").map(Into::into);
    failure
}

#[cfg(test)]
mod tests;
