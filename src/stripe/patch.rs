//! Changes as a form for Stripe.
//!
//! # How a value is written
//!
//! | model | form of `POST /v1/customers/{id}` | why |
//! |---|---|---|
//! | `name`, `email`, `phone` | the text; blank is the empty string | the empty string unsets a parameter ("Update a customer") |
//! | `address` | every part, blank ones empty; a blank address is `address=` | older API versions merge parts into what is there |
//! | `shipping.name`, `.phone`, `.address` | `shipping` with all of them, those that do not change as they were seen; all blank is `shipping=` | Stripe replaces `shipping` as a whole and wants name and address in it |
//! | `locale` | `preferred_locales[]`: it, then those that were behind the first | the list is replaced as a whole |
//! | a blank `locale` | not sent | Stripe takes no empty list; [`Policy::may_blank`] keeps it from being decided |
//! | metadata | `metadata[KEY]`; blank is the empty string | keys that are not named stay; the empty string removes one ("Metadata") |
//! | tax ids | not sent | they are objects of their own; [`Policy::can_write`] keeps them from being decided |
//! | a value that does not fit its field, or has parts | not sent | |
//!
//! A `shipping` without name or without address is sent as it is: the refusal, in Stripe's words,
//! becomes a question for a person, and no value is made up.
//!
//! [`Policy::may_blank`]: crate::sync::policy::Policy::may_blank
//! [`Policy::can_write`]: crate::sync::policy::Policy::can_write

use crate::model::customer::{Address, Customer, Field, Fields, Value};
use crate::model::id::ZenskarCustomerId;
use crate::model::intent::{Change, Changes};
use crate::stripe::convert::SHIPPING;
use crate::sync::matching::METADATA_KEY;

/// The form that makes these changes to the customer that was seen, as names and values that are
/// not yet encoded. Empty where nothing can be sent.
pub(crate) fn update_form(changes: &Changes, seen: &Customer) -> Vec<(String, String)> {
    let mut form = Vec::new();
    for (field, change) in changes {
        match field {
            Field::Name => put_text(&mut form, "name", &change.to),
            Field::Email => put_text(&mut form, "email", &change.to),
            Field::Phone => put_text(&mut form, "phone", &change.to),
            Field::Address => put_address(&mut form, "address", &change.to),
            Field::Locale => put_locales(&mut form, &change.to, seen),
            Field::Metadata(pair) => {
                put_text(
                    &mut form,
                    &format!("metadata[{}]", pair.stripe()),
                    &change.to,
                );
            }
            Field::ShippingName | Field::ShippingPhone | Field::ShippingAddress | Field::TaxIds => {
            }
        }
    }
    if SHIPPING.iter().any(|field| changes.contains_key(field)) {
        put_shipping(&mut form, changes, seen);
    }
    form
}

/// The form that makes a customer of these values, whose metadata name its customer in Zenskar.
pub(crate) fn create_form(values: &Fields, zenskar: &ZenskarCustomerId) -> Vec<(String, String)> {
    let to = |value: &Value| Change {
        from: Value::Blank,
        to: value.clone(),
    };
    let changes = values
        .iter()
        .map(|(field, value)| (*field, to(value)))
        .collect();
    let mut form = update_form(&changes, &Customer::default());
    let names = (
        format!("metadata[{METADATA_KEY}]"),
        zenskar.as_str().to_owned(),
    );
    // The empty string unsets what is there, and nothing is.
    form.retain(|(name, value)| *name != names.0 && !value.is_empty());
    form.push(names);
    form
}

fn put_text(form: &mut Vec<(String, String)>, name: &str, value: &Value) {
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::Blank => String::new(),
        Value::Address(_) | Value::TaxIds(_) | Value::Nested(_) => return,
    };
    form.push((name.to_owned(), text));
}

fn put_address(form: &mut Vec<(String, String)>, name: &str, value: &Value) {
    match value {
        Value::Address(address) => put_parts(form, name, address),
        Value::Blank => form.push((name.to_owned(), String::new())),
        Value::Text(_) | Value::TaxIds(_) | Value::Nested(_) => {}
    }
}

fn put_parts(form: &mut Vec<(String, String)>, name: &str, address: &Address) {
    let parts = [
        ("line1", &address.line1),
        ("line2", &address.line2),
        ("city", &address.city),
        ("state", &address.state),
        ("postal_code", &address.postal_code),
        ("country", &address.country),
    ];
    form.extend(parts.map(|(part, text)| (format!("{name}[{part}]"), text.clone())));
}

fn put_locales(form: &mut Vec<(String, String)>, first: &Value, seen: &Customer) {
    // Of a list that was not read, the rest would be lost.
    let (Value::Text(first), Some(_)) = (first, seen.value(Field::Locale)) else {
        return;
    };
    let more = seen.more_locales().iter();
    let more = more.filter(|locale| *locale != first);
    for (at, locale) in std::iter::once(first).chain(more).enumerate() {
        form.push((format!("preferred_locales[{at}]"), locale.clone()));
    }
}

fn put_shipping(form: &mut Vec<(String, String)>, changes: &Changes, seen: &Customer) {
    let [name, phone, address] = SHIPPING.map(|field| {
        let changed = changes.get(&field).map(|change| &change.to);
        changed.or_else(|| seen.value(field))
    });
    // What was not read cannot be sent back, and what is left out would be erased.
    let (Some(name), Some(phone), Some(address)) = (name, phone, address) else {
        return;
    };
    if [name, phone, address].iter().all(|value| value.is_blank()) {
        form.push(("shipping".to_owned(), String::new()));
        return;
    }
    put_text(form, "shipping[name]", name);
    put_text(form, "shipping[phone]", phone);
    match address {
        Value::Blank => put_parts(form, "shipping[address]", &Address::default()),
        other => put_address(form, "shipping[address]", other),
    }
}

#[cfg(test)]
mod tests;
