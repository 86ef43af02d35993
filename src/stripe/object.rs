//! Stripe's objects as they stand on the wire, as far as we read them.
//!
//! Source: Stripe's API reference (Customers, Errors, pagination). Every field is optional where
//! any API version leaves it out; unknown fields are ignored.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

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
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) email: Option<String>,
    #[serde(default)]
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
    pub(crate) metadata: Shown<BTreeMap<String, Option<String>>>,
}

/// What the object showed of a part: `None` where it did not, `Some(None)` where that was `null`.
pub(crate) type Shown<T> = Option<Option<T>>;

fn shown<'de, T, D>(part: D) -> Result<Shown<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(part).map(Some)
}

/// Where shipments go.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Shipping {
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
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
    #[serde(default)]
    pub(crate) line1: Option<String>,
    #[serde(default)]
    pub(crate) line2: Option<String>,
    #[serde(default)]
    pub(crate) city: Option<String>,
    #[serde(default)]
    pub(crate) state: Option<String>,
    #[serde(default)]
    pub(crate) postal_code: Option<String>,
    #[serde(default)]
    pub(crate) country: Option<String>,
}

/// A page of a list, its elements unread.
#[derive(Debug, Deserialize)]
pub(crate) struct List<'a> {
    #[serde(borrow)]
    pub(crate) data: Vec<&'a RawValue>,
    pub(crate) has_more: bool,
}

/// Any object that has an id.
#[derive(Debug, Deserialize)]
pub(crate) struct Identified {
    pub(crate) id: String,
}

/// A webhook endpoint. Its secret is shown when it is made alone.
#[derive(Deserialize)]
pub(crate) struct WebhookEndpoint {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) enabled_events: BTreeSet<String>,
    #[serde(default)]
    pub(crate) api_version: Option<String>,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, Option<String>>,
    #[serde(default)]
    pub(crate) secret: Option<String>,
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
