//! Stripe's objects as values of the model.
//!
//! | Stripe | model | difference |
//! |---|---|---|
//! | `name`, `email`, `phone` | text | `null`, absent and empty text are blank; white space at the ends goes |
//! | `address` | address | the same for each part; an address without parts is blank |
//! | `address.country` | `country` | two letters become upper case |
//! | `shipping.name`, `shipping.phone` | text | as `name`; `shipping: null` makes all three blank |
//! | `shipping.address` | address | as `address` |
//! | `preferred_locales` | its first, as text | the others are kept beside it, to be sent back behind a new first |
//! | `tax_ids` | tax ids: country, kind and id | `eu_vat` is `VAT` of `country`, else of the member whose letters the id begins with; of any other `type` the first two letters are the country and the rest is the kind |
//! | `metadata` | text by key | absent, `null` and empty are blank; a number, `true` and `false` are their text; a list or an object is shown and never written over |
//! | `deleted: true` | [`Presence::Deleted`] | |
//!
//! Of `shipping`, `preferred_locales`, `tax_ids` and `metadata`, what the object does not show at
//! all, or in a form that is not known, was not read, and is not blank. That is the rule for `tax_ids`, which stand in an answer
//! asked for with `expand[]=tax_ids` and in no event of a current version; a list that does not
//! hold all of them (`has_more`) was not read either.
//!
//! How the same values are written to Stripe is in [`crate::stripe::patch`].

use crate::model::customer::{Address, Customer, Field, Fields, Presence, Value};
use crate::model::id::StripeCustomerId;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::remote::transport::OBJECT_BYTES_MAX;
use crate::stripe::{object, tax};
use serde_json::Value as Json;

/// An object that is not what its place says.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// It is not JSON, or a part of it has not the documented type.
    #[error("not a customer of stripe")]
    Shape(#[source] serde_json::Error),
    /// It is longer than is taken.
    #[error("a customer of stripe of more than {OBJECT_BYTES_MAX} bytes")]
    TooLarge,
    /// Its id cannot be one.
    #[error("a customer of stripe without a usable id")]
    Id(#[source] crate::model::id::InvalidId),
}

/// A customer as Stripe showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Its id.
    pub id: StripeCustomerId,
    /// What it holds, or that it is deleted.
    pub presence: Presence,
    /// Whether it is of live mode; a deleted one does not say.
    pub livemode: Option<bool>,
    /// When it was made, to the second; a deleted one does not say.
    pub created: Option<Timestamp>,
    /// The object as it came, byte for byte.
    pub payload: Vec<u8>,
}

/// Reads a customer object: an answer, an element of a page, an event's snapshot, or what a mirror
/// keeps.
///
/// # Errors
///
/// Bytes that are not a customer object.
pub fn observed(payload: Vec<u8>) -> Result<Observed, ObjectError> {
    if payload.len() > OBJECT_BYTES_MAX {
        return Err(ObjectError::TooLarge);
    }
    let wire: object::Customer = serde_json::from_slice(&payload).map_err(ObjectError::Shape)?;
    Ok(Observed {
        id: StripeCustomerId::parse(&wire.id).map_err(ObjectError::Id)?,
        livemode: wire.livemode,
        created: wire.created.map(Timestamp::from_seconds),
        presence: presence(wire),
        payload,
    })
}

/// What a customer's metadata hold under `key`, in an object as it came; `None` for nothing, and
/// for what is no customer.
#[must_use]
pub fn metadata(payload: &[u8], key: &str) -> Option<String> {
    // Few have it, and a search is much faster than a parse.
    if !payload
        .windows(key.len())
        .any(|part| part == key.as_bytes())
    {
        return None;
    }
    let object: serde_json::Value = serde_json::from_slice(payload).ok()?;
    let text = object.get("metadata")?.get(key)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn presence(wire: object::Customer) -> Presence {
    if wire.deleted == Some(true) {
        return Presence::Deleted;
    }
    let mut fields = Fields::from([
        (Field::Name, text(wire.name.as_deref())),
        (Field::Email, text(wire.email.as_deref())),
        (Field::Phone, text(wire.phone.as_deref())),
        (Field::Address, address(wire.address)),
    ]);
    let mut unread = Vec::new();
    match wire.shipping {
        Some(shown) => fields.extend(shipping(shown)),
        None => unread.extend(SHIPPING),
    }
    let mut more_locales = Vec::new();
    match wire.preferred_locales {
        Some(shown) => {
            let mut locales = shown.unwrap_or_default().into_iter();
            fields.insert(Field::Locale, text(locales.next().as_deref()));
            more_locales = locales.collect();
        }
        None => unread.push(Field::Locale),
    }
    match wire.tax_ids.flatten().filter(|list| !list.has_more) {
        Some(list) => {
            let ids = list.data.into_iter().filter_map(tax::id);
            fields.insert(Field::TaxIds, Value::tax_ids(ids.collect()));
        }
        None => unread.push(Field::TaxIds),
    }
    let mut customer = Customer::new(fields).with_more_locales(more_locales);
    if let Some(metadata) = wire.metadata {
        let values = metadata.unwrap_or_default().into_iter();
        let values = values.map(|(key, value)| (key, scalar(&value)));
        customer = customer.with_keyed(Side::Stripe, values.collect());
    }
    Presence::Present(unread.into_iter().fold(customer, Customer::without))
}

/// The fields that `shipping` holds.
pub(crate) const SHIPPING: [Field; 3] = [
    Field::ShippingName,
    Field::ShippingPhone,
    Field::ShippingAddress,
];

/// The fields of a shipping that may be `null`, in the order of [`SHIPPING`].
pub(crate) fn shipping(wire: Option<object::Shipping>) -> [(Field, Value); 3] {
    let wire = wire.unwrap_or_default();
    [
        (Field::ShippingName, text(wire.name.as_deref())),
        (Field::ShippingPhone, text(wire.phone.as_deref())),
        (Field::ShippingAddress, address(wire.address)),
    ]
}

/// A value of metadata. Stripe's are text; a number or a truth value counts as its text.
fn scalar(value: &Json) -> Value {
    match value {
        Json::Null => Value::Blank,
        Json::String(text) => Value::text(text),
        Json::Number(_) | Json::Bool(_) => Value::text(&value.to_string()),
        Json::Array(_) | Json::Object(_) => Value::Nested(value.to_string()),
    }
}

/// Text that may be absent.
pub(crate) fn text(text: Option<&str>) -> Value {
    text.map_or(Value::Blank, Value::text)
}

/// An address that may be absent.
pub(crate) fn address(wire: Option<object::Address>) -> Value {
    let wire = wire.unwrap_or_default();
    let part = |text: Option<String>| text.as_deref().unwrap_or_default().trim().to_owned();
    Value::address(Address {
        line1: part(wire.line1),
        line2: part(wire.line2),
        city: part(wire.city),
        state: part(wire.state),
        postal_code: part(wire.postal_code),
        country: country(&part(wire.country)),
    })
}

fn country(text: &str) -> String {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        text.to_ascii_uppercase()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests;
