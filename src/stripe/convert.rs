//! Stripe's objects as values of the model.
//!
//! | Stripe | model | difference |
//! |---|---|---|
//! | `name`, `email`, `phone` | text | `null`, absent and empty text are blank; white space at the ends goes |
//! | `address` | address | the same for each part; an address without parts is blank |
//! | `address.country` | `country` | two letters become upper case |
//! | `deleted: true` | [`Presence::Deleted`] | |

use crate::model::customer::{Address, Customer, Field, Presence, Value};
use crate::model::id::StripeCustomerId;
use crate::remote::transport::OBJECT_BYTES_MAX;
use crate::stripe::object;

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
    let fields = [
        (Field::Name, text(wire.name.as_deref())),
        (Field::Email, text(wire.email.as_deref())),
        (Field::Phone, text(wire.phone.as_deref())),
        (Field::Address, address(wire.address)),
    ];
    Presence::Present(Customer::new(fields.into()))
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
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Observed, ObjectError> {
        observed(json.as_bytes().to_vec())
    }

    #[test]
    fn nothing_is_blank_however_stripe_says_it() {
        for json in [
            r#"{"id":"cus_1"}"#,
            r#"{"id":"cus_1","name":null,"email":null,"phone":null,"address":null}"#,
            r#"{"id":"cus_1","name":"","email":" ","address":{}}"#,
            r#"{"id":"cus_1","address":{"line1":null,"line2":"","country":null},"metadata":{}}"#,
        ] {
            let seen = read(json).unwrap();
            assert_eq!(
                seen.presence,
                Presence::Present(Customer::default()),
                "{json}"
            );
            assert_eq!(seen.payload, json.as_bytes());
        }
    }

    #[test]
    fn every_field_is_read() {
        let seen = read(
            r#"{"id":"cus_1","object":"customer","livemode":false,"name":" Jane Doe ",
               "email":"jane@example.com","phone":"+15550100",
               "address":{"line1":"1 Main St","line2":"Apt 2","city":"Springfield","state":"IL",
                          "postal_code":"62701","country":"us"}}"#,
        )
        .unwrap();
        assert_eq!(seen.livemode, Some(false));
        let customer = seen.presence.customer().unwrap();
        assert_eq!(customer.value(Field::Name), &Value::text("Jane Doe"));
        assert_eq!(
            customer.value(Field::Email),
            &Value::text("jane@example.com")
        );
        assert_eq!(customer.value(Field::Phone), &Value::text("+15550100"));
        assert_eq!(
            customer.value(Field::Address),
            &Value::Address(Address {
                line1: "1 Main St".into(),
                line2: "Apt 2".into(),
                city: "Springfield".into(),
                state: "IL".into(),
                postal_code: "62701".into(),
                country: "US".into(),
            })
        );
    }

    #[test]
    fn a_deleted_customer_is_deleted() {
        let seen = read(r#"{"id":"cus_1","object":"customer","deleted":true}"#).unwrap();
        assert_eq!(seen.presence, Presence::Deleted);
    }

    #[test]
    fn what_is_no_customer_is_refused() {
        for json in [
            "",
            "null",
            "[]",
            r#"{"name":"x"}"#,
            r#"{"id":"cus 1"}"#,
            r#"{"id":7}"#,
        ] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
