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
//! | `ship_to_address` | shipping address | as `address` |
//! | `custom_data.shipping_name`, `custom_data.shipping_phone`, `custom_data.preferred_locale` | shipping name, shipping phone, locale: Zenskar documents no place for them, so these keys are ours by agreement | as any key of `custom_data` |
//! | `custom_data.KEY` of a pair | text; a number or a boolean is its JSON text; `null`, absent and empty are blank | `custom_data` whole: every other key as it was read, `null` ones left out; a number or a boolean stays one where the new text is one |
//! | `custom_data.KEY` that is a list or an object | its JSON, which is never equal to text | never written over |
//! | `tax_info` | tax ids: `country_code` as a code of two letters (`EU` with an id that begins with a member's letters is the member), `tax_code` in upper case, `tax_id` | whole: an entry that says the same is sent as it was read, a new one with Zenskar's own country codes (`USA`, `IND`, `AUS`, else two letters); none is `[]` |
//! | `tax_info` with an entry that cannot be read | its JSON, as above | never written over |
//! | anything else | not read | not sent, so not changed |
//!
//! Nested objects are sent whole because Zenskar does not say whether it merges or replaces them:
//! sent whole, both mean the same. So one that the answer did not show (`ship_to_address`,
//! `custom_data` or `tax_info` absent, where `null` is blank) was not read, is not blank, and is not
//! sent.
//!
//! The address is in this module; `custom_data` and `tax_info` are in those below it.

mod custom_data;
mod tax_info;

use crate::model::customer::{Address, Customer, Field, Fields, Value};
use crate::model::id::StripeCustomerId;
use crate::model::intent::{Change, Changes};
use crate::model::link::Side;
use crate::zenskar::country;
use crate::zenskar::object::{ZenskarCustomer, text};
use serde_json::{Map, Value as Json, json};

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

/// Nested objects, besides the address.
const SHIP_TO: &str = "ship_to_address";
const CUSTOM_DATA: &str = "custom_data";
const TAX_INFO: &str = "tax_info";

pub(crate) fn customer(raw: &Map<String, Json>) -> Customer {
    let value = |keys: &[&str]| text(raw, keys).map_or(Value::Blank, |text| Value::text(&text));
    let address = raw_address(raw).map(address).unwrap_or_default();
    let mut fields = Fields::from([
        (Field::Name, value(&["customer_name"])),
        (Field::Email, value(&["email"])),
        (Field::Phone, value(&["phone_number", "phone"])),
        (Field::Address, Value::address(address)),
    ]);
    let mut unread = Vec::new();
    let mut keyed = None;
    match shown_object(raw, SHIP_TO) {
        Some(ship_to) => {
            let address = self::address(&ship_to);
            fields.insert(Field::ShippingAddress, Value::address(address));
        }
        None => unread.push(Field::ShippingAddress),
    }
    match raw.get(TAX_INFO) {
        Some(shown) => drop(fields.insert(Field::TaxIds, tax_info::value(shown))),
        None => unread.push(Field::TaxIds),
    }
    match shown_object(raw, CUSTOM_DATA) {
        Some(data) => {
            let mut values = custom_data::values(&data);
            for (field, key) in custom_data::OURS {
                fields.insert(field, values.remove(key).unwrap_or_default());
            }
            keyed = Some(values);
        }
        None => unread.extend(custom_data::OURS.map(|(field, _)| field)),
    }
    let mut customer = Customer::new(fields);
    if let Some(values) = keyed {
        customer = customer.with_keyed(Side::Zenskar, values);
    }
    unread.into_iter().fold(customer, Customer::without)
}

pub(crate) fn raw_address(raw: &Map<String, Json>) -> Option<&Map<String, Json>> {
    ["address", "billing_address"]
        .iter()
        .find_map(|key| raw.get(*key)?.as_object())
}

/// An object's own object, empty where it is `null`; `None` where it was not shown, or as
/// something else.
fn shown_object(raw: &Map<String, Json>, key: &str) -> Option<Map<String, Json>> {
    match raw.get(key)? {
        Json::Object(shown) => Some(shown.clone()),
        Json::Null => Some(Map::new()),
        _ => None,
    }
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
/// An address that stays blank, a value that does not fit its field, and what belongs into an
/// object that was not read, is left out.
#[must_use]
pub fn patch_body(changes: &Changes, observed: &ZenskarCustomer) -> Json {
    Json::Object(written(changes, observed.raw()))
}

/// The body that makes a customer of these values. Its external id is the id in Stripe, which is
/// told to Zenskar's own connector too where there is one.
#[must_use]
pub fn create_body(values: &Fields, stripe: &StripeCustomerId, has_connector: bool) -> Json {
    let to = |value: &Value| Change {
        from: Value::Blank,
        to: value.clone(),
    };
    let changes = values
        .iter()
        .map(|(field, value)| (*field, to(value)))
        .collect();
    // Nothing is there yet, and that is known.
    let nothing = [SHIP_TO, CUSTOM_DATA, TAX_INFO].map(|key| (key.to_owned(), Json::Null));
    let mut body = written(&changes, &nothing.into_iter().collect());
    body.insert("external_id".to_owned(), stripe.as_str().into());
    if has_connector {
        let connector = json!({ "name": "stripe", "reference_id": stripe.as_str() });
        body.insert("connector".to_owned(), connector);
    }
    Json::Object(body)
}

/// What is written where an object is as `raw` shows it.
fn written(changes: &Changes, raw: &Map<String, Json>) -> Map<String, Json> {
    let mut body = Map::new();
    let mut data = Vec::new();
    for (field, change) in changes {
        let to = &change.to;
        let part = match field {
            Field::Name => patch_text(to).map(|text| ("customer_name", text)),
            Field::Email => patch_text(to).map(|text| ("email", text)),
            Field::Phone => patch_text(to).map(|text| ("phone_number", text)),
            Field::Address => patch_address(to, raw_address(raw)).map(|to| ("address", to)),
            Field::ShippingAddress => shown_object(raw, SHIP_TO)
                .and_then(|ship_to| patch_address(to, Some(&ship_to)))
                .map(|to| (SHIP_TO, to)),
            Field::TaxIds => tax_info::patch(to, raw.get(TAX_INFO)).map(|to| (TAX_INFO, to)),
            Field::ShippingName | Field::ShippingPhone | Field::Locale | Field::Metadata(_) => {
                data.extend(custom_data::key(*field).map(|key| (key, to)));
                None
            }
        };
        body.extend(part.map(|(key, value)| (key.to_owned(), value)));
    }
    if let Some(observed) = shown_object(raw, CUSTOM_DATA).filter(|_| !data.is_empty()) {
        let data = custom_data::patch(&data, observed);
        body.extend(data.map(|data| (CUSTOM_DATA.to_owned(), Json::Object(data))));
    }
    body
}

fn patch_text(to: &Value) -> Option<Json> {
    match to {
        Value::Text(text) => Some(Json::String(text.clone())),
        Value::Blank => Some(Json::String(String::new())),
        Value::Address(_) | Value::TaxIds(_) | Value::Nested(_) => None,
    }
}

fn patch_address(to: &Value, observed: Option<&Map<String, Json>>) -> Option<Json> {
    let blank = Address::default();
    let to = match to {
        Value::Address(to) => to,
        Value::Blank => &blank,
        Value::Text(_) | Value::TaxIds(_) | Value::Nested(_) => return None,
    };
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
    (!sent.is_empty()).then_some(Json::Object(sent))
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
