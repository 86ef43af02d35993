//! What Stripe's refusals mean.
//!
//! Sources: Stripe's API reference ("Errors", "Idempotent requests"), "Advanced error handling"
//! and "Rate limits". In words:
//!
//! | answer | class |
//! |---|---|
//! | 401; codes `platform_api_key_expired`, `api_key_expired`, `account_invalid` | unauthorized |
//! | 3xx; another 4xx than 401, 403 and 429 whose body is not an error of Stripe's | as 5xx: a gateway speaks, and may have let the request through |
//! | other 403 | forbidden: the key lacks a right |
//! | 404 with `resource_missing` | missing; any other 404 is refused (a wrong path) |
//! | 400 or 404 about `starting_after`, or "aged out of our retention policy" | cursor gone |
//! | 429, `lock_timeout` | retry: limits and locks are checked before anything is done |
//! | `idempotency_key_in_use` | a read is retried; a write is unknown, since its first copy is still at work |
//! | other 409, 408, 424, 5xx | a read is retried; a write is unknown. A stored 5xx comes again under the same key, so a new key needs a look first |
//! | `Stripe-Should-Retry: false` | turns the retry of a 409 into refused |
//! | any other | refused |
//!
//! `Stripe-Should-Retry` speaks of a repeat within seconds. It cannot make a write known to be
//! unapplied, and a read that Stripe failed to answer is asked again by our queue minutes later.

use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::remote::outcome::{Call, Class, Failure};
use crate::remote::text::retry_after;
use crate::remote::transport::Response;
use crate::stripe::object::{ErrorBody, ErrorDetail};
use std::time::Duration;

/// The header that names the limit a request ran into.
const LIMIT_REASON: &str = "stripe-rate-limited-reason";

/// Which of our limiters a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limited {
    /// The account's.
    Account,
    /// The endpoint's.
    Endpoint,
}

/// Which limit a refusal is about, in Stripe's own word, if it is about one. A 429 that names none
/// is about the account, but for `lock_timeout`, which is about one object.
pub(crate) fn limited<'a>(
    response: &'a Response,
    failure: Option<&Failure>,
) -> Option<(Limited, &'a str)> {
    if response.status != 429 {
        return None;
    }
    match response.header(LIMIT_REASON) {
        Some(reason @ ("endpoint-rate" | "endpoint-concurrency" | "resource-specific")) => {
            Some((Limited::Endpoint, reason))
        }
        Some(reason) => Some((Limited::Account, reason)),
        None if failure?.code.as_deref() == Some("lock_timeout") => None,
        None => Some((Limited::Account, "429")),
    }
}

/// The failure that an answer other than success is.
pub(crate) fn failure(call: Call, response: &Response, date: Option<Timestamp>) -> Failure {
    // A body that is not Stripe's (a proxy's page) has no code and no words worth keeping.
    let body = serde_json::from_slice::<ErrorBody>(&response.body).ok();
    let error = body.map(|body| body.error).filter(is_stripes);
    let class = match &error {
        None if is_foreign(response.status) => call.undecided(asked_wait(response, date)),
        _ => classify(call, response, error.as_ref(), date),
    };
    let error = error.unwrap_or_default();
    Failure::new(Side::Stripe, call, class).said(
        response.status,
        error.code.as_deref().or(error.kind.as_deref()),
        error.message.as_deref().unwrap_or_default(),
        response.header("request-id"),
    )
}

fn classify(
    call: Call,
    response: &Response,
    error: Option<&ErrorDetail>,
    date: Option<Timestamp>,
) -> Class {
    let after = asked_wait(response, date);
    let code = error
        .and_then(|error| error.code.as_deref())
        .unwrap_or_default();
    match (response.status, code) {
        (401, _) | (_, "platform_api_key_expired" | "api_key_expired" | "account_invalid") => {
            Class::Unauthorized
        }
        (403, _) => Class::Forbidden,
        (400 | 404, _) if error.is_some_and(is_about_cursor) => Class::CursorGone,
        (404, "resource_missing") => Class::Missing,
        (429, _) | (_, "lock_timeout") => Class::Retry { after },
        (_, "idempotency_key_in_use") => call.undecided(after),
        (409, _) if response.header("stripe-should-retry") == Some("false") => Class::Refused,
        (408 | 409 | 424 | 500..=599, _) => call.undecided(after),
        _ => Class::Refused,
    }
}

/// The wait that an answer asks for.
fn asked_wait(response: &Response, date: Option<Timestamp>) -> Option<Duration> {
    response
        .header("retry-after")
        .and_then(|text| retry_after(text, date))
}

/// Whether Stripe's API speaks: each of its errors has a type, a code or words.
fn is_stripes(error: &ErrorDetail) -> bool {
    error.kind.is_some() || error.code.is_some() || error.message.is_some()
}

/// Whether an answer of this status that Stripe's API did not write proves nothing: somebody on the
/// way to it says it.
const fn is_foreign(status: u16) -> bool {
    matches!(status, 300..=499) && !matches!(status, 401 | 403 | 429)
}

/// A cursor can be gone in two ways: the object it names was deleted, or, for events, it is older
/// than Stripe keeps them.
fn is_about_cursor(error: &ErrorDetail) -> bool {
    let is_param = matches!(
        error.param.as_deref(),
        Some("starting_after" | "ending_before")
    );
    let message = error.message.as_deref().unwrap_or_default();
    is_param || message.contains("aged out of our retention policy")
}

#[cfg(test)]
mod tests;
