//! `custom_data`: free JSON that holds what has no place of its own in Zenskar.

use crate::model::customer::{Field, Value};
use crate::model::pair::{PREFERRED_LOCALE, SHIPPING_NAME, SHIPPING_PHONE};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// Fields that have a key by agreement.
pub(super) const OURS: [(Field, &str); 3] = [
    (Field::ShippingName, SHIPPING_NAME),
    (Field::ShippingPhone, SHIPPING_PHONE),
    (Field::Locale, PREFERRED_LOCALE),
];

/// The key that holds a field, if it is in `custom_data`.
pub(super) fn key(field: Field) -> Option<&'static str> {
    match field {
        Field::Metadata(pair) => Some(pair.zenskar()),
        other => OURS
            .iter()
            .find(|(ours, _)| *ours == other)
            .map(|(_, key)| *key),
    }
}

/// What each key holds.
pub(super) fn values(data: &Map<String, Json>) -> BTreeMap<String, Value> {
    let values = data.iter().map(|(key, held)| (key.clone(), value(held)));
    values.collect()
}

fn value(held: &Json) -> Value {
    match held {
        Json::Null => Value::Blank,
        Json::String(text) => Value::text(text),
        Json::Bool(_) | Json::Number(_) => Value::Text(held.to_string()),
        Json::Array(_) | Json::Object(_) => Value::Nested(held.to_string()),
    }
}

/// The whole of `custom_data` with these keys set; `None` where that changes nothing.
pub(super) fn patch(
    changes: &[(&str, &Value)],
    observed: Map<String, Json>,
) -> Option<Map<String, Json>> {
    let mut sent = observed;
    sent.retain(|_, held| !held.is_null());
    let mut changed = false;
    for (key, to) in changes {
        let held = sent.get(*key);
        let text = match to {
            Value::Text(text) => text.as_str(),
            // A key that is not there is as blank as it can be.
            Value::Blank if held.is_none() => continue,
            Value::Blank => "",
            Value::Address(_) | Value::TaxIds(_) | Value::Nested(_) => continue,
        };
        if held.is_some_and(|held| held.is_array() || held.is_object()) {
            continue;
        }
        let to = of_kind(held, text);
        sent.insert((*key).to_owned(), to);
        changed = true;
    }
    changed.then_some(sent)
}

/// The text as JSON of the kind that is held, where it can be: whoever reads a number there goes
/// on reading one.
fn of_kind(held: Option<&Json>, text: &str) -> Json {
    let parsed = serde_json::from_str::<Json>(text).ok();
    let same = parsed.filter(|parsed| {
        let kind = match held {
            Some(Json::Number(_)) => parsed.is_number(),
            Some(Json::Bool(_)) => parsed.is_boolean(),
            _ => false,
        };
        // Written back, it must say the very same.
        let written = parsed.to_string();
        kind && written == text
    });
    same.unwrap_or_else(|| Json::String(text.to_owned()))
}
