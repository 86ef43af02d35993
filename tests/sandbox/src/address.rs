//! Addresses in little memory: both remotes hold them by the million.
//!
//! An address is a fixed list of optional texts; which key each stands for is the remote's
//! affair. Keys outside that list are not kept.

use serde_json::{Map, Value};

/// The keys of Stripe's address.
pub(crate) const STRIPE: [&str; 6] = ["city", "country", "line1", "line2", "postal_code", "state"];

/// The keys of Zenskar's address.
pub(crate) const ZENSKAR: [&str; 9] = [
    "line1",
    "line2",
    "line3",
    "city",
    "state",
    "zipCode",
    "country",
    "country_code",
    "validation_status",
];

/// An address whose `N` parts are known by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address<const N: usize>([Option<Box<str>>; N]);

impl<const N: usize> Address<N> {
    pub(crate) fn new(parts: [Option<Box<str>>; N]) -> Self {
        Self(parts)
    }

    /// The address in `value`, or `None` if that is no object.
    pub(crate) fn from_value(keys: [&str; N], value: &Value) -> Option<Box<Self>> {
        let map = value.as_object()?;
        let part = |key: &str| map.get(key).and_then(Value::as_str).map(Box::from);
        Some(Box::new(Self(keys.map(part))))
    }

    /// Every key, `null` where there is no text.
    pub(crate) fn to_value(&self, keys: [&str; N]) -> Value {
        let parts = self
            .0
            .iter()
            .map(|part| part.as_deref().map_or(Value::Null, Value::from));
        Value::Object(Map::from_iter(
            keys.iter().map(|key| (*key).to_owned()).zip(parts),
        ))
    }
}

/// An optional text out of a JSON object.
pub(crate) fn text(map: &Map<String, Value>, key: &str) -> Option<Box<str>> {
    map.get(key).and_then(Value::as_str).map(Box::from)
}
