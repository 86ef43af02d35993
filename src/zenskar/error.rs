//! What Zenskar's refusals mean.
//!
//! Sources: Zenskar's API reference (overview, authentication, the validation error schema). It
//! leaves the bodies of most errors open, so words are looked for in every form that the framework
//! and the gateway it runs on (`FastAPI`, AWS API Gateway) are known to use. In words:
//!
//! | answer | class |
//! |---|---|
//! | 401; 403 with "explicit deny" (wrong or empty organisation) | unauthorized |
//! | other 403 | forbidden |
//! | 404 with a JSON object | missing, unless it is the gateway's own `{"message": "Not Found"}` |
//! | 400, 404, 422 on a page with a cursor | cursor gone |
//! | 429 | retry, after `Retry-After` if it is given |
//! | 408, 5xx | a read is retried; a write is unknown, also after 500 |
//! | 3xx; another 4xx without a JSON object | as 5xx: it is not Zenskar's API that speaks, and the request may have come through |
//! | 400, 409, 422 and any other | refused |

use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::remote::outcome::{Call, Class, Failure};
use crate::remote::text::retry_after;
use crate::remote::transport::Response;
use serde_json::Value as Json;

/// Words that Zenskar's documentation names as codes, wherever in a body they stand.
const CODES: [&str; 3] = [
    "INVOICE_CANNOT_BE_VOIDED",
    "DUPLICATE_ADDRESS",
    "InvoiceAlreadyGeneratedForThisBillingPeriod",
];

/// The failure that an answer other than success is.
pub(crate) fn failure(
    call: Call,
    asked_with_cursor: bool,
    response: &Response,
    date: Option<Timestamp>,
) -> Failure {
    let raw = String::from_utf8_lossy(&response.body);
    let body: Json = serde_json::from_slice(&response.body).unwrap_or_default();
    let words = words(&body).unwrap_or_else(|| raw.clone().into_owned());
    let is_ours = body.is_object() && !is_gateways(response.status, &body);
    let after = response
        .header("retry-after")
        .and_then(|text| retry_after(text, date));
    let class = match response.status {
        401 => Class::Unauthorized,
        403 if words.contains("explicit deny") => Class::Unauthorized,
        403 => Class::Forbidden,
        400 | 404 | 422 if asked_with_cursor && is_ours => Class::CursorGone,
        404 if is_ours => Class::Missing,
        429 => Class::Retry { after },
        408 | 500..=599 => call.undecided(after),
        300..=399 => call.undecided(after),
        400..=499 if !is_ours => call.undecided(after),
        _ => Class::Refused,
    };
    let code = CODES
        .into_iter()
        .find(|code| raw.contains(code))
        .map(str::to_owned)
        .or_else(|| code(&body));
    Failure::new(Side::Zenskar, call, class).said(response.status, code.as_deref(), &words, None)
}

/// Whether a 404 is that of the gateway in front of Zenskar, which does not know the path (AWS API
/// Gateway): Zenskar says what it did not find in `detail`.
fn is_gateways(status: u16, body: &Json) -> bool {
    let is_alone = body.as_object().is_some_and(|object| object.len() == 1);
    status == 404 && is_alone && body.get("message").and_then(Json::as_str) == Some("Not Found")
}

/// The words of an error body: `detail` as text, object or list, `message`, or `Message`.
fn words(body: &Json) -> Option<String> {
    match body.get("detail") {
        Some(Json::String(text)) => return Some(text.clone()),
        Some(Json::Array(list)) if !list.is_empty() => {
            let parts: Vec<String> = list.iter().map(validation_words).collect();
            return Some(parts.join("; "));
        }
        Some(detail @ Json::Object(_)) => {
            return Some(message(detail).map_or_else(|| detail.to_string(), str::to_owned));
        }
        _ => {}
    }
    message(body).map(str::to_owned)
}

fn message(body: &Json) -> Option<&str> {
    ["message", "Message", "msg", "error"]
        .iter()
        .find_map(|key| body.get(*key)?.as_str())
}

/// One element of a validation error: `{"loc": ["body", "email"], "msg": …, "type": …}`.
fn validation_words(item: &Json) -> String {
    let place: Vec<String> = item
        .get("loc")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .map(|step| {
            step.as_str()
                .map_or_else(|| step.to_string(), str::to_owned)
        })
        .collect();
    let what = message(item).map_or_else(|| item.to_string(), str::to_owned);
    if place.is_empty() {
        what
    } else {
        format!("{}: {what}", place.join("."))
    }
}

fn code(body: &Json) -> Option<String> {
    let detail = body.get("detail");
    let first = detail
        .and_then(Json::as_array)
        .and_then(|list| list.first());
    [Some(body), detail]
        .into_iter()
        .flatten()
        .find_map(|object| object.get("code").or_else(|| object.get("error_code")))
        .or_else(|| first?.get("type"))
        .and_then(Json::as_str)
        .map(str::to_owned)
}

#[cfg(test)]
mod tests;
