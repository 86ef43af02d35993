//! A webhook delivery of Zenskar's, read as a hint that a customer may have changed.
//!
//! Zenskar documents that a secret is typed in beside the endpoint's address, that it "will be
//! hashed using the SHA256 algorithm and added to the payload", and nothing more: neither where
//! the hash stands, nor of what it is, nor what a delivery looks like (Zenskar's guide, "Webhook
//! alerts"). So all that is guessed about deliveries stands in this file, and nothing that follows
//! rests on it: a delivery says whom to look at, and what is there is read over the API.
//!
//! # Guarantees
//!
//! - Pure: time is an argument.
//! - A delivery is proven by the hex HMAC-SHA256 of its raw body under the secret, in any header,
//!   or by the hex SHA-256 of the secret, anywhere in the body. The latter proves nothing of the
//!   rest of the body, which a hint can bear. Both are compared in constant time.
//! - A proven delivery is always an event: one that is not understood is kept as it came.

use crate::model::event::{
    Channel, Event, ZENSKAR_DELETED, ZENSKAR_UNKNOWN, ZENSKAR_UPDATED, zenskar_event_id,
};
use crate::model::id::{EventId, InvalidId, ZenskarCustomerId};
use crate::model::time::Timestamp;
use crate::zenskar::object::{text, timestamp};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac};
use serde_json::{Map, Value as Json};
use std::fmt;

/// Bytes of a hash.
const HASH_BYTES: usize = 32;

/// Digits of a hash in hexadecimal.
const HASH_DIGITS: usize = 64;

/// A delivery without a time of its own is a duplicate of an equal one for so long. Later ones are
/// hints of their own: two changes can look alike.
const ALIKE_SECONDS: i64 = 60;

/// The secret that deliveries are proven with.
pub struct HookSecret {
    key: hmac::Key,
    hashed: digest::Digest,
}

/// Why a delivery is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// It carries nothing that could be a proof.
    Missing,
    /// What it carries is no proof under our secret.
    NoMatch,
}

/// What a proven delivery tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The organisation that it says it is of, if it says.
    pub organisation: Option<String>,
    /// The event that it is.
    pub event: Event,
}

impl HookSecret {
    /// The secret, as it was typed into Zenskar; `None` for a blank one, which proves nothing.
    #[must_use]
    pub fn new(secret: &[u8]) -> Option<Self> {
        let secret = secret.trim_ascii();
        (!secret.is_empty()).then(|| Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
            hashed: digest::digest(&digest::SHA256, secret),
        })
    }

    /// Whether a delivery with these header values and this body was sent by who knows the secret.
    ///
    /// # Errors
    ///
    /// Nothing proves it.
    pub fn verify<'a>(
        &self,
        headers: impl IntoIterator<Item = &'a [u8]>,
        body: &[u8],
    ) -> Result<(), Unproven> {
        let signed = hmac::sign(&self.key, body);
        let is_equal =
            |ours: &[u8], theirs: [u8; HASH_BYTES]| verify_slices_are_equal(ours, &theirs).is_ok();
        let mut outcome = Err(Unproven::Missing);
        let in_headers = headers.into_iter().filter_map(in_header);
        let in_body = body
            .split(|byte| !byte.is_ascii_hexdigit())
            .filter_map(unhex);
        let proofs = in_headers
            .map(|hash| is_equal(signed.as_ref(), hash))
            .chain(in_body.map(|hash| is_equal(self.hashed.as_ref(), hash)));
        for proves in proofs {
            outcome = match (outcome, proves) {
                (Ok(()), _) | (_, true) => Ok(()),
                (Err(_), false) => Err(Unproven::NoMatch),
            };
        }
        outcome
    }
}

impl fmt::Debug for HookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HookSecret")
    }
}

/// Reads a proven delivery that came at `now`.
///
/// # Errors
///
/// None that can occur: a hash makes an id.
pub fn read(body: &[u8], now: Timestamp) -> Result<Hint, InvalidId> {
    let object: Map<String, Json> = serde_json::from_slice(body).unwrap_or_default();
    let (kind, customer, updated_at) = match told(&object) {
        Some(told) => told,
        None => (ZENSKAR_UNKNOWN, None, None),
    };
    let derived = customer
        .as_ref()
        .zip(updated_at)
        .filter(|_| kind == ZENSKAR_UPDATED)
        .and_then(|(customer, at)| zenskar_event_id(customer, at).ok());
    let id = match derived {
        Some(id) => id,
        None => of_content(body, now)?,
    };
    Ok(Hint {
        organisation: text(&object, &["organisation_id", "organisation"]),
        event: Event {
            id,
            kind: kind.to_owned(),
            object: customer.map_or_else(String::new, |id| id.to_string()),
            account: None,
            created: updated_at.unwrap_or(now),
            api_version: None,
            channel: Channel::ZenskarWebhook,
            received_at: now,
            payload: body.to_vec(),
        },
    })
}

type Told = (&'static str, Option<ZenskarCustomerId>, Option<Timestamp>);

/// The kind of event, the customer, and when it changed, where that is what a delivery is about.
fn told(object: &Map<String, Json>) -> Option<Told> {
    let name = text(object, &["event", "event_type", "type"])?.to_ascii_lowercase();
    if !name.contains("customer") {
        return None;
    }
    let empty = Map::new();
    let data = ["data", "customer", "resource"]
        .iter()
        .find_map(|key| object.get(*key)?.as_object())
        .unwrap_or(&empty);
    let id = text(object, &["resource_id", "customer_id"])
        .or_else(|| text(data, &["customer_id", "id"]))?;
    let customer = ZenskarCustomerId::parse(&id).ok()?;
    let kind = if name.contains("delet") {
        ZENSKAR_DELETED
    } else {
        ZENSKAR_UPDATED
    };
    let updated_at = text(data, &["updated_at"]).as_deref().and_then(timestamp);
    Some((kind, Some(customer), updated_at))
}

/// The id of a delivery that names no change: a hash of what it says and of when it came.
fn of_content(body: &[u8], now: Timestamp) -> Result<EventId, InvalidId> {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&now.seconds().div_euclid(ALIKE_SECONDS).to_be_bytes());
    context.update(body);
    let hash = context.finish();
    let hex: String = hash
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    EventId::parse(&format!("zenskar:{hex}"))
}

/// The hash that a header's value is, as such or with the name of its scheme before it.
fn in_header(value: &[u8]) -> Option<[u8; HASH_BYTES]> {
    let value = value.trim_ascii();
    unhex(value.strip_prefix(b"sha256=").unwrap_or(value))
}

fn unhex(text: &[u8]) -> Option<[u8; HASH_BYTES]> {
    if text.len() != HASH_DIGITS || !text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut hash = [0; HASH_BYTES];
    for (byte, pair) in hash.iter_mut().zip(text.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests;
