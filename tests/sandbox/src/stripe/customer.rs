//! The customer object: kept small, shown as each API version shows it.
//!
//! Kept are the texts that most customers have; everything else only where it differs from the
//! default. Not here: the routes (see `customers`) and the events (see `events`).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::page::Key;
use crate::address::{Address, STRIPE, text};

/// Members that are no part of the object unless asked for or old. Changes of them are no changes
/// of the customer: tax ids are objects of their own.
const HIDDEN: [&str; 2] = ["tax_ids", "reconciliation_mode"];

/// Objects that a list inside another object shows at most.
const INSIDE_MAX: usize = 10;

/// A customer, or what is left of a deleted one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Customer {
    pub(crate) id: Arc<str>,
    pub(crate) key: Key,
    pub(crate) deleted: bool,
    pub(crate) livemode: bool,
    name: Option<Box<str>>,
    email: Option<Box<str>>,
    phone: Option<Box<str>>,
    description: Option<Box<str>>,
    address: Option<Box<Address<6>>>,
    metadata: BTreeMap<Box<str>, Box<str>>,
    rest: Option<Box<Map<String, Value>>>,
}

/// The texts that most customers have.
#[derive(Debug, Default)]
pub(crate) struct Basics {
    pub(crate) name: Option<Box<str>>,
    pub(crate) email: Option<Box<str>>,
    pub(crate) phone: Option<Box<str>>,
    pub(crate) address: Option<Box<Address<6>>>,
}

impl Customer {
    pub(crate) fn new(id: Arc<str>, key: Key, livemode: bool, basics: Basics) -> Self {
        Self {
            id,
            key,
            deleted: false,
            livemode,
            name: basics.name,
            email: basics.email,
            phone: basics.phone,
            description: None,
            address: basics.address,
            metadata: BTreeMap::new(),
            rest: None,
        }
    }

    pub(crate) fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// Every member, in the newest form.
    pub(crate) fn to_map(&self) -> Map<String, Value> {
        let mut map = self.defaults();
        for (key, value) in self.rest.as_deref().into_iter().flatten() {
            map.insert(key.clone(), value.clone());
        }
        let texts = [
            ("name", &self.name),
            ("email", &self.email),
            ("phone", &self.phone),
            ("description", &self.description),
        ];
        for (key, value) in texts {
            map.insert(
                key.to_owned(),
                value.as_deref().map_or(Value::Null, Value::from),
            );
        }
        let address = self
            .address
            .as_ref()
            .map_or(Value::Null, |a| a.to_value(STRIPE));
        map.insert("address".to_owned(), address);
        let metadata = self
            .metadata
            .iter()
            .map(|(k, v)| (k.to_string(), json!(&**v)));
        map.insert(
            "metadata".to_owned(),
            Value::Object(Map::from_iter(metadata)),
        );
        map
    }

    /// Takes over every member of `map` but the identity.
    pub(crate) fn set_map(&mut self, map: &Map<String, Value>) {
        self.name = text(map, "name");
        self.email = text(map, "email");
        self.phone = text(map, "phone");
        self.description = text(map, "description");
        self.address = map
            .get("address")
            .and_then(|value| Address::from_value(STRIPE, value));
        let metadata = map.get("metadata").and_then(Value::as_object);
        self.metadata = metadata
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str().into(), value.as_str()?.into())))
            .collect();
        let kept = [
            "name",
            "email",
            "phone",
            "description",
            "address",
            "metadata",
        ];
        let defaults = self.defaults();
        let rest: Map<String, Value> = map
            .iter()
            .filter(|(key, value)| {
                let is_none = key.as_str() == "tax_ids" && **value == json!([]);
                !is_none && !kept.contains(&key.as_str()) && defaults.get(*key) != Some(*value)
            })
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        self.rest = (!rest.is_empty()).then(|| Box::new(rest));
    }

    fn defaults(&self) -> Map<String, Value> {
        let prefix: String = self.id.chars().rev().take(8).collect();
        let value = json!({
            "id": &*self.id,
            "object": "customer",
            "balance": 0,
            "created": self.key.0,
            "currency": null,
            "customer_account": null,
            "default_source": null,
            "delinquent": false,
            "discount": null,
            "invoice_prefix": prefix.to_ascii_uppercase(),
            "invoice_settings": {
                "custom_fields": null,
                "default_payment_method": null,
                "footer": null,
                "rendering_options": null,
            },
            "livemode": self.livemode,
            "next_invoice_sequence": 1,
            "preferred_locales": [],
            "shipping": null,
            "tax_exempt": "none",
            "test_clock": null,
        });
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    /// Its tax ids, whole.
    pub(crate) fn tax_ids(&self) -> Vec<Value> {
        let rest = self.rest.as_deref();
        let list = rest.and_then(|rest| rest.get("tax_ids"));
        let list = list.and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    }

    /// Whether `other` is the same but for its tax ids.
    pub(crate) fn is_same_but_for_tax_ids(&self, other: &Self) -> bool {
        let map = |customer: &Self| {
            let mut map = customer.to_map();
            map.remove("tax_ids");
            map
        };
        map(self) == map(other)
    }

    /// What `GET` of a deleted customer and the answer to `DELETE` show.
    pub(crate) fn tombstone(&self) -> Value {
        json!({ "id": &*self.id, "object": "customer", "deleted": true })
    }

    /// The object in API version `version`, with the expansions asked for.
    pub(crate) fn render(&self, version: &str, expand: &[String]) -> Map<String, Value> {
        let mut map = self.to_map();
        let tax_ids = map.remove("tax_ids").unwrap_or_else(|| json!([]));
        let mode = map.remove("reconciliation_mode");
        let old = before(version, "2020-08-27");
        let wants = |name: &str| expand.iter().any(|path| path == name);
        let url = |part: &str| format!("/v1/customers/{}/{part}", self.id);
        for part in ["sources", "subscriptions", "tax_ids"] {
            if old || wants(part) {
                let data = if part == "tax_ids" {
                    tax_ids.clone()
                } else {
                    json!([])
                };
                map.insert(part.to_owned(), sublist(&url(part), &data));
            }
        }
        if wants("cash_balance") {
            map.insert("cash_balance".to_owned(), self.cash_balance(mode.as_ref()));
        }
        if wants("tax") {
            let tax = json!({
                "automatic_tax": "unrecognized_location",
                "ip_address": null,
                "location": null,
                "provider": "stripe",
            });
            map.insert("tax".to_owned(), tax);
        }
        if before(version, "2025-03-31") {
            let currency = map.get("currency").cloned().unwrap_or(Value::Null);
            map.insert("default_currency".to_owned(), currency);
        }
        if before(version, "2025-09-30") {
            map.remove("customer_account");
        }
        if before(version, "2019-10-17")
            && let Some(balance) = map.remove("balance")
        {
            map.insert("account_balance".to_owned(), balance);
        }
        map
    }

    fn cash_balance(&self, mode: Option<&Value>) -> Value {
        let named = mode
            .and_then(Value::as_str)
            .filter(|mode| *mode != "merchant_default");
        json!({
            "object": "cash_balance",
            "available": null,
            "customer": &*self.id,
            "customer_account": null,
            "livemode": self.livemode,
            "settings": {
                "reconciliation_mode": named.unwrap_or("automatic"),
                "using_merchant_default": named.is_none(),
            },
        })
    }
}

fn sublist(url: &str, data: &Value) -> Value {
    let all = data.as_array().map_or(&[][..], Vec::as_slice);
    let shown: Vec<&Value> = all.iter().take(INSIDE_MAX).collect();
    let has_more = all.len() > shown.len();
    let count = all.len();
    json!({ "object": "list", "data": shown, "has_more": has_more, "total_count": count, "url": url })
}

/// Whether `version` came before `date`.
pub(crate) fn before(version: &str, date: &str) -> bool {
    version.get(..10).is_some_and(|day| day < date)
}

/// `previous_attributes`: the old values of what changed. Hashes show only the sub-keys that
/// changed, arrays come whole, and what was absent comes as `null`.
pub(crate) fn previous(old: &Map<String, Value>, new: &Map<String, Value>) -> Map<String, Value> {
    let mut changed = Map::new();
    for key in old.keys().chain(new.keys()) {
        if HIDDEN.contains(&key.as_str()) {
            continue;
        }
        let (was, is) = (old.get(key), new.get(key));
        if was == is {
            continue;
        }
        let value = match (was, is) {
            (Some(Value::Object(was)), Some(Value::Object(is))) => Value::Object(previous(was, is)),
            (Some(was), _) => was.clone(),
            (None, _) => Value::Null,
        };
        changed.insert(key.clone(), value);
    }
    changed
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Basics, Customer, previous};

    fn customer() -> Customer {
        let basics = Basics {
            name: Some("Jo".into()),
            ..Basics::default()
        };
        Customer::new("cus_ABCDEFGH12345678".into(), (100, 1), false, basics)
    }

    #[test]
    fn what_is_set_comes_back() {
        let mut customer = customer();
        let mut map = customer.to_map();
        map.insert("balance".to_owned(), json!(-5));
        map.insert("metadata".to_owned(), json!({"a": "b"}));
        map.insert("address".to_owned(), json!({"city": "Paris"}));
        customer.set_map(&map);
        let seen = Value::Object(customer.to_map());
        assert_eq!(seen["balance"], -5);
        assert_eq!(seen["metadata"], json!({"a": "b"}));
        assert_eq!(seen["address"]["city"], "Paris");
        assert_eq!(seen["address"]["line1"], Value::Null);
        assert_eq!(seen["name"], "Jo");
    }

    #[test]
    fn versions_differ() {
        let has = |version: &str, key: &str| customer().render(version, &[]).contains_key(key);
        for (key, version, shown) in [
            ("sources", "2020-03-02", true),
            ("sources", "2020-08-27", false),
            ("subscriptions", "2020-03-02", true),
            ("tax_ids", "2020-03-02", true),
            ("tax_ids", "2026-05-27.dahlia", false),
            ("default_currency", "2020-08-27", true),
            ("default_currency", "2025-03-31.basil", false),
            ("account_balance", "2019-09-09", true),
            ("balance", "2019-09-09", false),
            ("balance", "2020-08-27", true),
            ("customer_account", "2025-04-30.basil", false),
            ("customer_account", "2026-05-27.dahlia", true),
        ] {
            assert_eq!(has(version, key), shown, "{key} in {version}");
        }
    }

    #[test]
    fn previous_attributes() {
        for (old, new, expected) in [
            (
                json!({"name": "a", "x": 1}),
                json!({"name": "b", "x": 1}),
                json!({"name": "a"}),
            ),
            (
                json!({"name": null}),
                json!({"name": "b"}),
                json!({"name": null}),
            ),
            (
                json!({"address": {"city": "a", "line1": "x"}}),
                json!({"address": {"city": "b", "line1": "x"}}),
                json!({"address": {"city": "a"}}),
            ),
            (
                json!({"address": null}),
                json!({"address": {"city": "b"}}),
                json!({"address": null}),
            ),
            (
                json!({"address": {"city": "a", "line1": null}}),
                json!({"address": null}),
                json!({"address": {"city": "a", "line1": null}}),
            ),
            (
                json!({"metadata": {"a": "1"}}),
                json!({"metadata": {"b": "2"}}),
                json!({"metadata": {"a": "1", "b": null}}),
            ),
            (
                json!({"preferred_locales": ["de", "fr"]}),
                json!({"preferred_locales": ["de"]}),
                json!({"preferred_locales": ["de", "fr"]}),
            ),
            (json!({"a": 1}), json!({"a": 1}), json!({})),
        ] {
            let (old_map, new_map) = (old.as_object().unwrap(), new.as_object().unwrap());
            assert_eq!(
                Value::Object(previous(old_map, new_map)),
                expected,
                "{old} to {new}"
            );
        }
    }
}
