//! Zenskar's objects as they stand on the wire, as far as we read them.
//!
//! Zenskar's pages contradict one another on names and on forms, so an object is kept as the JSON
//! object it is, and each part is looked for under every name that is documented.
//!
//! Source: Zenskar's API reference, "Customers".

use crate::model::customer::Customer;
use crate::model::id::{InvalidId, ZenskarCustomerId};
use crate::model::time::Timestamp;
use crate::remote::outcome::Page;
use crate::remote::transport::OBJECT_BYTES_MAX;
use crate::zenskar::convert;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};

/// An object that is not what its place says.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// It is not JSON, or not an object.
    #[error("not a customer of zenskar")]
    Shape(#[source] serde_json::Error),
    /// It is longer than is taken.
    #[error("a customer of zenskar of more than {OBJECT_BYTES_MAX} bytes")]
    TooLarge,
    /// Its id cannot be one.
    #[error("a customer of zenskar without a usable id")]
    Id(#[source] InvalidId),
}

/// A customer as Zenskar showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZenskarCustomer {
    /// Its id.
    pub id: ZenskarCustomerId,
    /// What it holds.
    pub customer: Customer,
    /// The id that other systems know it by, as written.
    pub external_id: Option<String>,
    /// Its e-mail address, as written.
    pub email: Option<String>,
    /// When it was made, by Zenskar's clock, if it says.
    pub created_at: Option<Timestamp>,
    /// When it was last changed, by Zenskar's clock, if it says.
    pub updated_at: Option<Timestamp>,
    /// The object as it came, byte for byte.
    pub payload: Vec<u8>,
    raw: Map<String, Json>,
}

impl ZenskarCustomer {
    /// Reads a customer object: an answer, an element of a page, or what a mirror keeps.
    ///
    /// # Errors
    ///
    /// Bytes that are not a customer object.
    pub fn parse(payload: Vec<u8>) -> Result<Self, ObjectError> {
        if payload.len() > OBJECT_BYTES_MAX {
            return Err(ObjectError::TooLarge);
        }
        let raw: Map<String, Json> =
            serde_json::from_slice(&payload).map_err(ObjectError::Shape)?;
        let id = text(&raw, &["id"]).unwrap_or_default();
        Ok(Self {
            id: ZenskarCustomerId::parse(&id).map_err(ObjectError::Id)?,
            customer: convert::customer(&raw),
            external_id: text(&raw, &["external_id"]),
            email: text(&raw, &["email"]),
            created_at: text(&raw, &["created_at"]).as_deref().and_then(timestamp),
            updated_at: text(&raw, &["updated_at"]).as_deref().and_then(timestamp),
            payload,
            raw,
        })
    }

    /// Whether its invoices are consolidated with others, so that another one may owe what they say
    /// (Zenskar's API reference: reserved keys of `custom_data`).
    #[must_use]
    pub fn is_consolidated(&self) -> bool {
        let custom = self.raw.get("custom_data").and_then(Json::as_object);
        custom.is_some_and(|custom| {
            let is_child = text(custom, &["parent_customer_id"]).is_some();
            let flag = custom.get("invoice_consolidation_enabled");
            let is_off = matches!(flag, None | Some(Json::Null | Json::Bool(false)))
                || flag.and_then(Json::as_str) == Some("false");
            is_child || !is_off
        })
    }

    /// The object with all its keys.
    pub(crate) const fn raw(&self) -> &Map<String, Json> {
        &self.raw
    }
}

/// The first of these keys that holds text or a number, as text; blank text is none.
pub(crate) fn text(object: &Map<String, Json>, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| match object.get(*key)? {
        Json::String(text) => Some(text.trim())
            .filter(|text| !text.is_empty())
            .map(Into::into),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// An instant as Zenskar writes it: naive and in UTC, `T` or a space between date and time, zero or
/// more digits of a second, sometimes with `Z` or an offset, sometimes a date alone.
#[must_use]
pub fn timestamp(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let instant = if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        instant
    } else if let Ok(date) = text.parse::<DateTime>() {
        date.to_zoned(TimeZone::UTC).ok()?.timestamp()
    } else {
        let date: Date = text.parse().ok()?;
        date.to_zoned(TimeZone::UTC).ok()?.timestamp()
    };
    Some(Timestamp::from_micros(instant.as_microsecond()))
}

/// Reads a page of customers; `None` for what is not one.
#[must_use]
pub fn customers_page(body: &[u8]) -> Option<Page<ZenskarCustomer, String>> {
    let list = List::parse(body)?;
    let rows = list.rows.len();
    let items: Vec<ZenskarCustomer> = list
        .rows
        .into_iter()
        .filter_map(|row| ZenskarCustomer::parse(row).ok())
        .collect();
    Some(Page {
        unreadable: rows.saturating_sub(items.len()),
        items,
        next: list.next,
    })
}

/// A page of a list, whatever its envelope: `results`, `data` or `customers` for the rows, `next`
/// or `cursor.next` for the cursor, or a bare array.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct List {
    /// The rows, byte for byte.
    pub(crate) rows: Vec<Vec<u8>>,
    /// The cursor of the next page; `None` at the end.
    pub(crate) next: Option<String>,
}

impl List {
    /// Reads a page; `None` for what is not one.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        use serde_json::value::RawValue;
        use std::collections::BTreeMap;

        let rows = |json: &[u8]| -> Option<Vec<Vec<u8>>> {
            let rows: Vec<&RawValue> = serde_json::from_slice(json).ok()?;
            Some(
                rows.iter()
                    .map(|row| row.get().as_bytes().to_vec())
                    .collect(),
            )
        };
        if body.trim_ascii_start().starts_with(b"[") {
            return Some(Self {
                rows: rows(body)?,
                next: None,
            });
        }
        let envelope: BTreeMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
        let rows = ["results", "data", "customers"]
            .iter()
            .find_map(|key| rows(envelope.get(*key)?.get().as_bytes()))?;
        let json =
            |key: &str| -> Option<Json> { serde_json::from_str(envelope.get(key)?.get()).ok() };
        let next = match (json("next"), json("cursor")) {
            (Some(Json::String(next)), _) => Some(next),
            (_, Some(Json::Object(cursor))) => text(&cursor, &["next"]),
            _ => None,
        };
        Some(Self {
            // A cursor without rows would be followed for ever.
            next: next.filter(|next| !next.is_empty() && !rows.is_empty()),
            rows,
        })
    }
}

#[cfg(test)]
mod tests;
