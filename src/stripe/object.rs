//! Stripe's objects as they stand on the wire, as far as we read them.
//!
//! Source: Stripe's API reference (Customers, Errors, pagination). Every field is optional where
//! any API version leaves it out; unknown fields are ignored.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A customer, or what is left of a deleted one: `{id, object, deleted: true}`.
#[derive(Debug, Deserialize)]
pub(crate) struct Customer {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) deleted: Option<bool>,
    #[serde(default)]
    pub(crate) livemode: Option<bool>,
    #[serde(default)]
    pub(crate) created: Option<i64>,
    #[serde(default, deserialize_with = "words")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "words")]
    pub(crate) email: Option<String>,
    #[serde(default, deserialize_with = "words")]
    pub(crate) phone: Option<String>,
    #[serde(default)]
    pub(crate) address: Option<Address>,
    #[serde(default, deserialize_with = "shown")]
    pub(crate) shipping: Shown<Shipping>,
    #[serde(default, deserialize_with = "shown")]
    pub(crate) preferred_locales: Shown<Vec<String>>,
    #[serde(default, deserialize_with = "shown")]
    pub(crate) tax_ids: Shown<TaxIds>,
    #[serde(default, deserialize_with = "shown")]
    pub(crate) metadata: Shown<BTreeMap<String, Json>>,
}

/// What the object showed of a part: `None` where it did not, or in a form that is not known, and
/// `Some(None)` where that was `null`.
pub(crate) type Shown<T> = Option<Option<T>>;

fn shown<'de, T, D>(part: D) -> Result<Shown<T>, D::Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    let raw = Box::<RawValue>::deserialize(part)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

/// Text, or what stands for it in the same words: a number, `true`.
fn words<'de, D: Deserializer<'de>>(part: D) -> Result<Option<String>, D::Error> {
    match Json::deserialize(part)? {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(text)),
        scalar @ (Json::Number(_) | Json::Bool(_)) => Ok(Some(scalar.to_string())),
        Json::Array(_) | Json::Object(_) => Err(D::Error::custom("text has no parts")),
    }
}

/// Where shipments go.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Shipping {
    #[serde(default, deserialize_with = "words")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "words")]
    pub(crate) phone: Option<String>,
    #[serde(default)]
    pub(crate) address: Option<Address>,
}

/// The first of a customer's tax ids, where they were asked for with `expand[]`.
#[derive(Debug, Deserialize)]
pub(crate) struct TaxIds {
    pub(crate) data: Vec<TaxId>,
    #[serde(default)]
    pub(crate) has_more: bool,
}

/// A tax id.
#[derive(Debug, Deserialize)]
pub(crate) struct TaxId {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) country: Option<String>,
    #[serde(default)]
    pub(crate) value: Option<String>,
}

/// A postal address; `country` is an ISO 3166-1 alpha-2 code where Stripe enforces it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Address {
    #[serde(default, deserialize_with = "words")]
    pub(crate) line1: Option<String>,
    #[serde(default, deserialize_with = "words")]
    pub(crate) line2: Option<String>,
    #[serde(default, deserialize_with = "words")]
    pub(crate) city: Option<String>,
    #[serde(default, deserialize_with = "words")]
    pub(crate) state: Option<String>,
    #[serde(default, deserialize_with = "words")]
    pub(crate) postal_code: Option<String>,
    #[serde(default, deserialize_with = "words")]
    pub(crate) country: Option<String>,
}

/// A page of a list, its elements unread.
#[derive(Debug, Deserialize)]
pub(crate) struct List<'a> {
    #[serde(borrow)]
    pub(crate) data: Vec<&'a RawValue>,
    #[serde(default)]
    has_more: Option<bool>,
}

impl List<'_> {
    /// Whether there is more after this page. A page that does not say so is gone on from while it
    /// holds anything: one request too many shows the end, and an end that is none would not be seen.
    pub(crate) fn has_more(&self) -> bool {
        self.has_more.unwrap_or(!self.data.is_empty())
    }
}

/// Any object that has an id.
#[derive(Debug, Deserialize)]
pub(crate) struct Identified {
    pub(crate) id: String,
}

/// The account that a key belongs to.
#[derive(Debug, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) country: Option<String>,
    #[serde(default)]
    pub(crate) default_currency: Option<String>,
    #[serde(default)]
    pub(crate) business_profile: Option<BusinessProfile>,
    #[serde(default)]
    pub(crate) settings: Option<Settings>,
}

/// The public face of an account.
#[derive(Debug, Deserialize)]
pub(crate) struct BusinessProfile {
    #[serde(default)]
    pub(crate) name: Option<String>,
}

/// Settings of an account.
#[derive(Debug, Deserialize)]
pub(crate) struct Settings {
    #[serde(default)]
    pub(crate) dashboard: Option<Dashboard>,
}

/// How the dashboard shows an account.
#[derive(Debug, Deserialize)]
pub(crate) struct Dashboard {
    #[serde(default)]
    pub(crate) display_name: Option<String>,
}

/// The body of an error.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ErrorBody {
    #[serde(default)]
    pub(crate) error: ErrorDetail,
}

/// What went wrong (API reference, Errors).
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ErrorDetail {
    #[serde(default, rename = "type")]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) code: Option<String>,
    #[serde(default)]
    pub(crate) param: Option<String>,
    #[serde(default)]
    pub(crate) message: Option<String>,
}
