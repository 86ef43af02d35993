//! Events: the envelope, which customer fields it says were changed, and the snapshot inside.
//!
//! An event is a hint. Its envelope sorts it; its payload is kept as it came; what it says about a
//! customer is evidence of which side changed, never a value to copy from.
//!
//! The same event can come in two renderings: a delivery in its endpoint's API version, a polled
//! one in the account's version of that day. Only what every version has is read.
//!
//! Source: Stripe's API reference, "The Event object".

use crate::model::customer::{Field, Fields, Presence, Value};
use crate::model::event::{Channel, Event};
use crate::model::id::{AccountId, EventId};
use crate::model::time::Timestamp;
use crate::remote::transport::OBJECT_BYTES_MAX;
use crate::stripe::convert::{self, ObjectError, Observed};
use crate::stripe::object;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value as Json;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Longest event that is read, in bytes. Stripe's own are far below 1 MiB.
pub const EVENT_BYTES_MAX: usize = OBJECT_BYTES_MAX;

/// Longest type name or version of an event that is read, in bytes.
const WORD_BYTES_MAX: usize = 255;

/// The head of an event: what is needed to sort it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Stripe's id.
    pub id: EventId,
    /// Stripe's type, such as `customer.updated`.
    pub kind: String,
    /// The connected account it names; absent on events of the key's own account.
    pub account: Option<AccountId>,
    /// Whether it is of live mode. Endpoints of a Connect platform receive both.
    pub livemode: bool,
    /// When Stripe made it, to the second.
    pub created: Timestamp,
    /// The API version it is rendered in, if it says.
    pub api_version: Option<String>,
    /// The id of the object it is about, and of a tax id the customer's; empty where there is none.
    pub object: String,
}

impl Envelope {
    /// The event as it goes into the inbox. `payload` is what the envelope was read from.
    #[must_use]
    pub fn into_event(self, channel: Channel, received_at: Timestamp, payload: Vec<u8>) -> Event {
        Event {
            id: self.id,
            kind: self.kind,
            object: self.object,
            account: self.account,
            created: self.created,
            api_version: self.api_version,
            channel,
            received_at,
            payload,
        }
    }
}

/// Bytes that are not an event.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// More than [`EVENT_BYTES_MAX`].
    #[error("an event of more than {EVENT_BYTES_MAX} bytes")]
    TooLarge,
    /// Not text, which JSON is.
    #[error("an event that is not UTF-8")]
    Encoding(#[source] std::str::Utf8Error),
    /// Not JSON, or not of the documented form.
    #[error("not an event of stripe")]
    Shape(#[source] serde_json::Error),
    /// This part cannot be used.
    #[error("an event of stripe without a usable {0}")]
    Part(&'static str),
    /// Its object is not what its type says.
    #[error("the object of an event")]
    Object(#[source] ObjectError),
}

/// An envelope with `O` read of its object.
#[derive(Deserialize)]
struct Wire<O> {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    account: Option<String>,
    livemode: bool,
    created: i64,
    #[serde(default)]
    api_version: Option<String>,
    data: Contents<O>,
}

#[derive(Deserialize)]
struct Contents<O> {
    object: O,
}

impl Wire<IgnoredAny> {
    fn about_nothing(self) -> Wire<About> {
        Wire {
            id: self.id,
            kind: self.kind,
            account: self.account,
            livemode: self.livemode,
            created: self.created,
            api_version: self.api_version,
            data: Contents {
                object: About::default(),
            },
        }
    }
}

/// The ids that an object carries: its own, and the customer's that it belongs to.
#[derive(Default, Deserialize)]
#[serde(default)]
struct About {
    id: Option<Id>,
    customer: Option<Id>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct Snapshot<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    data: Contents<&'a RawValue>,
}

#[derive(Deserialize)]
struct Changed<'a> {
    #[serde(borrow)]
    data: Change<'a>,
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow)]
    object: &'a RawValue,
    #[serde(borrow, default)]
    previous_attributes: Option<&'a RawValue>,
}

/// Reads an event's envelope; its object is skipped over, not decoded.
///
/// # Errors
///
/// Bytes that are not an event.
pub fn parse(bytes: &[u8]) -> Result<Envelope, EventError> {
    // Every webhook passes here before it is acknowledged: one pass does for what Stripe sends. What
    // that skips over is not looked at.
    std::str::from_utf8(bytes).map_err(EventError::Encoding)?;
    let wire: Wire<About> = match decode(bytes) {
        Err(EventError::Shape(_)) => decode::<Wire<IgnoredAny>>(bytes)?.about_nothing(),
        wire => wire?,
    };
    let word = |text: String, part| {
        let fits = !text.is_empty() && text.len() <= WORD_BYTES_MAX;
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(text)
        } else {
            Err(EventError::Part(part))
        }
    };
    let account = match wire.account {
        Some(id) => Some(AccountId::parse(&id).map_err(|_| EventError::Part("account"))?),
        None => None,
    };
    let About { id, customer } = wire.data.object;
    let about = if is_of_tax_id(&wire.kind) {
        customer
    } else {
        id
    };
    let object = match about {
        Some(Id::Text(id)) if id.len() <= WORD_BYTES_MAX => Some(id),
        _ => None,
    };
    Ok(Envelope {
        id: EventId::parse(&wire.id).map_err(|_| EventError::Part("id"))?,
        kind: word(wire.kind, "type")?,
        account,
        livemode: wire.livemode,
        created: Timestamp::from_seconds(wire.created),
        api_version: match wire.api_version {
            Some(version) => Some(word(version, "api_version")?),
            None => None,
        },
        object: object.unwrap_or_default(),
    })
}

/// Whether events of this type are about a tax id of a customer and not about the customer itself:
/// they hold no customer, and prove that its tax ids changed.
#[must_use]
pub fn is_of_tax_id(kind: &str) -> bool {
    kind.starts_with("customer.tax_id.")
}

/// The idempotency key of the request that caused an event, where it had one ("the Event object":
/// `request.idempotency_key`). Before API version 2017-05-25 `request` is an id alone.
#[must_use]
pub fn idempotency_key(payload: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Caused {
        request: Option<Json>,
    }
    let caused: Caused = decode(payload).ok()?;
    let key = caused.request?.get("idempotency_key")?.as_str()?.to_owned();
    Some(key)
}

/// The object inside an event, as it came.
///
/// # Errors
///
/// Bytes that are not an event.
pub fn snapshot(payload: &[u8]) -> Result<&RawValue, EventError> {
    Ok(decode::<Snapshot<'_>>(payload)?.data.object)
}

/// The customer inside a `customer.…` event, as it was when the event was made.
///
/// `customer.deleted` carries the customer's last state without saying so in the object; it is
/// [`Presence::Deleted`] here.
///
/// # Errors
///
/// Bytes that are not an event about a customer.
pub fn customer(payload: &[u8]) -> Result<Observed, EventError> {
    let event: Snapshot<'_> = decode(payload)?;
    if is_of_tax_id(&event.kind) {
        return Err(EventError::Part("customer"));
    }
    let object = event.data.object.get().as_bytes().to_vec();
    let mut observed = convert::observed(object).map_err(EventError::Object)?;
    if event.kind == "customer.deleted" {
        observed.presence = Presence::Deleted;
    }
    Ok(observed)
}

/// What an event proves about which fields of its customer were changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The event is readable and does not say what changed: anything may have.
    Unspecified,
    /// These fields were changed; each with the value it had before. Of any other it proves
    /// nothing.
    Named(Fields),
}

/// Reads which fields of a customer an event names as changed, with their old values.
///
/// `previous_attributes` holds the old values of changed top-level attributes; of a nested object
/// it holds the changed parts alone ("the Event object": `data.previous_attributes`), so the old
/// address is the event's address with those parts put back. It can be absent or `null`. Metadata
/// is read by [`previous_metadata`]; no update names tax ids.
///
/// Never fails: what cannot be read proves nothing. That holds for a field, for all of
/// `previous_attributes`, and for a payload that was pruned: taken for an event that names nothing,
/// it would let values be written that nobody changed.
#[must_use]
pub fn previous_attributes(payload: &[u8]) -> Evidence {
    let nothing = Evidence::Named(Fields::new());
    let Ok(event) = decode::<Changed<'_>>(payload) else {
        return nothing;
    };
    let Some(previous) = event.data.previous_attributes else {
        return Evidence::Unspecified;
    };
    match serde_json::from_str::<Json>(previous.get()) {
        Ok(Json::Object(previous)) => Evidence::Named(named(event.data.object, &previous)),
        Ok(Json::Null) => Evidence::Unspecified,
        _ => nothing,
    }
}

/// The old values that can be read.
fn named(object: &RawValue, previous: &serde_json::Map<String, Json>) -> Fields {
    let mut named = Fields::new();
    for (field, key) in [
        (Field::Name, "name"),
        (Field::Email, "email"),
        (Field::Phone, "phone"),
    ] {
        match previous.get(key) {
            Some(Json::Null) => {
                named.insert(field, Value::Blank);
            }
            Some(Json::String(old)) => {
                named.insert(field, Value::text(old));
            }
            Some(_) | None => {}
        }
    }
    let old = previous.get("address");
    if let Some(old) = old.and_then(|old| old_address(object, old)) {
        named.insert(Field::Address, old);
    }
    let old = previous.get("shipping");
    named.extend(
        old.and_then(|old| old_shipping(object, old))
            .into_iter()
            .flatten(),
    );
    // An array comes whole.
    match previous.get("preferred_locales") {
        Some(Json::Null) => {
            named.insert(Field::Locale, Value::Blank);
        }
        Some(Json::Array(old)) => {
            let first = old.first().and_then(Json::as_str);
            named.insert(Field::Locale, convert::text(first));
        }
        Some(_) | None => {}
    }
    named
}

/// Reads which keys of the customer's metadata an event names as changed, with their old values:
/// `null` is a key that was not there. What cannot be read proves nothing.
#[must_use]
pub fn previous_metadata(payload: &[u8]) -> BTreeMap<String, Value> {
    let Ok(event) = decode::<Changed<'_>>(payload) else {
        return BTreeMap::new();
    };
    let previous = event.data.previous_attributes.map(RawValue::get);
    let previous = previous.and_then(|text| serde_json::from_str::<Json>(text).ok());
    let metadata = previous.as_ref().and_then(|all| all.get("metadata"));
    let keys = metadata.and_then(Json::as_object).into_iter().flatten();
    keys.filter_map(|(key, old)| match old {
        Json::Null => Some((key.clone(), Value::Blank)),
        Json::String(old) => Some((key.clone(), Value::text(old))),
        _ => None,
    })
    .collect()
}

/// The fields of shipping that the event changed, as they were before. Only those: where shipping
/// was not there before, its parts that are still blank were not changed.
fn old_shipping(object: &RawValue, previous: &Json) -> Option<Vec<(Field, Value)>> {
    let object: Json = serde_json::from_str(object.get()).ok()?;
    let now = match object.get("shipping") {
        Some(Json::Object(shipping)) => shipping.clone(),
        None | Some(Json::Null) => serde_json::Map::new(),
        Some(_) => return None,
    };
    let mut old = match previous {
        Json::Null => serde_json::Map::new(),
        Json::Object(_) => now.clone(),
        _ => return None,
    };
    for (part, value) in previous.as_object().into_iter().flatten() {
        match (old.get_mut(part), value) {
            (Some(Json::Object(old)), Json::Object(parts)) => old.extend(parts.clone()),
            _ => drop(old.insert(part.clone(), value.clone())),
        }
    }
    let fields = |shipping| {
        let wire: Option<object::Shipping> = serde_json::from_value(Json::Object(shipping)).ok();
        wire.map(|wire| convert::shipping(Some(wire)))
    };
    let pairs = fields(old)?.into_iter().zip(fields(now)?);
    let changed = pairs.filter(|(old, now)| old != now).map(|(old, _)| old);
    Some(changed.collect())
}

/// The address before the event: its parts in `previous` over those in the event's object.
fn old_address(object: &RawValue, previous: &Json) -> Option<Value> {
    if previous.is_null() {
        return Some(Value::Blank);
    }
    let object: Json = serde_json::from_str(object.get()).ok()?;
    let mut old = match object.get("address") {
        Some(Json::Object(address)) => address.clone(),
        None | Some(Json::Null) => serde_json::Map::new(),
        Some(_) => return None,
    };
    for (part, value) in previous.as_object()? {
        old.insert(part.clone(), value.clone());
    }
    let old: object::Address = serde_json::from_value(Json::Object(old)).ok()?;
    Some(convert::address(Some(old)))
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, EventError> {
    if bytes.len() > EVENT_BYTES_MAX {
        return Err(EventError::TooLarge);
    }
    serde_json::from_slice(bytes).map_err(EventError::Shape)
}

#[cfg(test)]
mod tests;
