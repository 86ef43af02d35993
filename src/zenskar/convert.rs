//! Zenskar's customers as values of the model, and changes as a body for Zenskar.
//!
//! # Where the two write the same thing differently
//!
//! | Zenskar | model | towards Zenskar |
//! |---|---|---|
//! | `customer_name`, `email`, `phone_number` (also `phone`) | text; `null`, absent and empty are blank | the text; blank is `""`, never `null`, whose meaning Zenskar does not document |
//! | `address` (also `billing_address`) | address | whole: Zenskar's own other keys are sent back as they were read, ours over them; a part that becomes blank is `""` if it was not blank there |
//! | `address.line1` (also `street`) | `line1` | `line1` |
//! | `address.line2`, `line3` | `line2`, joined with `", "` | as they were if the joined text is unchanged; else all in `line2`, and `line3` is blank |
//! | `address.zipCode` (also `zip_code`, `postal_code`) | `postal_code` | `zipCode` (the others are ignored by Zenskar) |
//! | `address.country_code`, `country` | `country`: the code if it is one of two or three letters or an English name says it, else the text | both as they were if the country is unchanged; else the code and its English name |
//! | `address.validation_status`, `connector_validation` | not read | not sent: they are Zenskar's to set |
//! | anything else | not read | not sent, so not changed |
//!
//! Nested objects are sent whole because Zenskar does not say whether it merges or replaces them:
//! sent whole, both mean the same.

use crate::model::customer::{Address, Customer, Field, Value};
use crate::model::intent::Changes;
use crate::zenskar::country;
use crate::zenskar::object::{ZenskarCustomer, text};
use serde_json::{Map, Value as Json};

/// Keys of an address that Zenskar sets by itself.
const NOT_SENT: [&str; 2] = ["validation_status", "connector_validation"];

/// Names of a part of the address; the first is the one that is sent.
const LINE1: [&str; 2] = ["line1", "street"];
const LINE2: [&str; 1] = ["line2"];
const LINE3: [&str; 1] = ["line3"];
const CITY: [&str; 1] = ["city"];
const STATE: [&str; 1] = ["state"];
const POSTAL_CODE: [&str; 3] = ["zipCode", "zip_code", "postal_code"];
const COUNTRY: [&str; 1] = ["country"];
const COUNTRY_CODE: [&str; 1] = ["country_code"];

pub(crate) fn customer(raw: &Map<String, Json>) -> Customer {
    let value = |keys: &[&str]| text(raw, keys).map_or(Value::Blank, |text| Value::text(&text));
    let address = raw_address(raw).map(address).unwrap_or_default();
    let fields = [
        (Field::Name, value(&["customer_name"])),
        (Field::Email, value(&["email"])),
        (Field::Phone, value(&["phone_number", "phone"])),
        (Field::Address, Value::address(address)),
    ];
    Customer::new(fields.into())
}

pub(crate) fn raw_address(raw: &Map<String, Json>) -> Option<&Map<String, Json>> {
    ["address", "billing_address"]
        .iter()
        .find_map(|key| raw.get(*key)?.as_object())
}

fn address(raw: &Map<String, Json>) -> Address {
    let part = |keys: &[&str]| text(raw, keys).unwrap_or_default();
    let lines = [part(&LINE2), part(&LINE3)];
    Address {
        line1: part(&LINE1),
        line2: lines
            .into_iter()
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join(", "),
        city: part(&CITY),
        state: part(&STATE),
        postal_code: part(&POSTAL_CODE),
        country: country_of(&part(&COUNTRY_CODE), &part(&COUNTRY)),
    }
}

/// The country: by its code, else by its name, else as written.
fn country_of(code: &str, written: &str) -> String {
    let known = country::code(code).or_else(|| country::code(written));
    match known {
        Some(known) => known.to_owned(),
        None if code.is_empty() => written.to_owned(),
        None => code.to_owned(),
    }
}

/// The body that makes these changes to the customer that was looked at: changed keys alone.
///
/// An address that stays blank, or a value that does not fit its field, is left out.
#[must_use]
pub fn patch_body(changes: &Changes, observed: &ZenskarCustomer) -> Json {
    let mut body = Map::new();
    for (field, change) in changes {
        let key = match field {
            Field::Name => "customer_name",
            Field::Email => "email",
            Field::Phone => "phone_number",
            Field::Address => "address",
        };
        let value = match (field, &change.to) {
            (Field::Address, Value::Address(to)) => patch_address(to, observed.raw_address()),
            (Field::Address, Value::Blank) => {
                patch_address(&Address::default(), observed.raw_address())
            }
            (Field::Address, Value::Text(_)) | (_, Value::Address(_)) => continue,
            (_, Value::Text(text)) => Json::String(text.clone()),
            (_, Value::Blank) => Json::String(String::new()),
        };
        if value != Json::Object(Map::new()) {
            body.insert(key.to_owned(), value);
        }
    }
    Json::Object(body)
}

fn patch_address(to: &Address, observed: Option<&Map<String, Json>>) -> Json {
    let empty = Map::new();
    let observed = observed.unwrap_or(&empty);
    let from = address(observed);
    let mut sent: Map<String, Json> = observed
        .iter()
        .filter(|(key, value)| !value.is_null() && !NOT_SENT.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    put(&mut sent, &LINE1, &to.line1);
    if to.line2 != from.line2 {
        put(&mut sent, &LINE2, &to.line2);
        put(&mut sent, &LINE3, "");
    }
    put(&mut sent, &CITY, &to.city);
    put(&mut sent, &STATE, &to.state);
    put(&mut sent, &POSTAL_CODE, &to.postal_code);
    if to.country != from.country {
        match country::name(&to.country) {
            Some(name) => {
                put(&mut sent, &COUNTRY_CODE, &to.country);
                put(&mut sent, &COUNTRY, name);
            }
            None => {
                put(&mut sent, &COUNTRY_CODE, "");
                put(&mut sent, &COUNTRY, &to.country);
            }
        }
    }
    Json::Object(sent)
}

/// Sets a part under the first of its names. A part that is and was blank stays out.
fn put(sent: &mut Map<String, Json>, names: &[&str], value: &str) {
    let was_blank = text(sent, names).is_none();
    for name in names {
        sent.remove(*name);
    }
    if let Some(name) = names.first()
        && !(value.is_empty() && was_blank)
    {
        sent.insert((*name).to_owned(), Json::String(value.to_owned()));
    }
}

#[cfg(test)]
mod tests;
