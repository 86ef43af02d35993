//! Zenskar's customer object, kept small.
//!
//! Kept are the texts that most customers have; everything else only where it differs from the
//! default. The mapping to connectors is kept but never shown in the object. Not here: storing
//! (see `store`) and the checks of what comes in (see `body`).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::time;
use crate::address::{Address, ZENSKAR, text};
use crate::switches::TimestampForm;

/// Creation time in microseconds and position.
pub(crate) type Key = (i64, u64);

/// A customer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Customer {
    pub(crate) id: Arc<str>,
    pub(crate) key: Key,
    /// Microseconds.
    pub(crate) updated: i64,
    pub(crate) name: Box<str>,
    pub(crate) external_id: Option<Box<str>>,
    pub(crate) email: Option<Box<str>>,
    pub(crate) phone: Option<Box<str>>,
    pub(crate) address: Option<Box<Address<9>>>,
    /// Connector name to the id over there.
    pub(crate) connectors: BTreeMap<Box<str>, Box<str>>,
    rest: Option<Box<Map<String, Value>>>,
}

impl Customer {
    pub(crate) fn new(id: Arc<str>, key: Key, name: Box<str>) -> Self {
        Self {
            id,
            key,
            updated: key.0,
            name,
            external_id: None,
            email: None,
            phone: None,
            address: None,
            connectors: BTreeMap::new(),
            rest: None,
        }
    }

    /// The writable members.
    pub(crate) fn to_fields(&self) -> Map<String, Value> {
        let mut map = defaults();
        for (key, value) in self.rest.as_deref().into_iter().flatten() {
            map.insert(key.clone(), value.clone());
        }
        let texts = [
            ("external_id", &self.external_id),
            ("email", &self.email),
            ("phone_number", &self.phone),
        ];
        for (key, value) in texts {
            map.insert(
                key.to_owned(),
                value.as_deref().map_or(Value::Null, Value::from),
            );
        }
        map.insert("customer_name".to_owned(), json!(&*self.name));
        let address = self
            .address
            .as_ref()
            .map_or(Value::Null, |a| shown_address(a));
        map.insert("address".to_owned(), address);
        let ship_to = map.get("ship_to_address");
        if let Some(ship_to) = ship_to.and_then(|value| Address::from_value(ZENSKAR, value)) {
            map.insert("ship_to_address".to_owned(), shown_address(&ship_to));
        }
        map
    }

    /// Takes over the writable members of `map`.
    pub(crate) fn set_fields(&mut self, map: &Map<String, Value>) {
        self.name = text(map, "customer_name").unwrap_or_default();
        self.external_id = text(map, "external_id").filter(|id| !id.is_empty());
        self.email = text(map, "email");
        self.phone = text(map, "phone_number");
        self.address = map
            .get("address")
            .and_then(|value| Address::from_value(ZENSKAR, value));
        let defaults = defaults();
        let rest: Map<String, Value> = map
            .iter()
            .filter(|(key, value)| defaults.get(*key).is_some_and(|default| default != *value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        self.rest = (!rest.is_empty()).then(|| Box::new(rest));
    }

    /// The object of a response.
    pub(crate) fn render(
        &self,
        organisation: &str,
        form: TimestampForm,
        contacts: bool,
    ) -> Map<String, Value> {
        let mut map = self.to_fields();
        map.insert("id".to_owned(), json!(&*self.id));
        map.insert("organisation_id".to_owned(), json!(organisation));
        let contacts = if contacts { json!([]) } else { Value::Null };
        map.insert("contacts".to_owned(), contacts);
        map.insert("custom_attributes".to_owned(), json!({}));
        map.insert("invoice_details".to_owned(), json!({}));
        map.insert(
            "created_at".to_owned(),
            json!(time::write(self.key.0, form, false)),
        );
        map.insert(
            "updated_at".to_owned(),
            json!(time::write(self.updated, form, true)),
        );
        map
    }
}

fn shown_address(address: &Address<9>) -> Value {
    let mut value = address.to_value(ZENSKAR);
    if let Some(map) = value.as_object_mut() {
        map.insert("connector_validation".to_owned(), json!({}));
        if map.get("validation_status").is_none_or(Value::is_null) {
            map.insert("validation_status".to_owned(), json!("pending"));
        }
    }
    value
}

fn defaults() -> Map<String, Value> {
    let value = json!({
        "auto_charge_enabled": true,
        "business_entity_id": null,
        "communications_enabled": true,
        "custom_data": {},
        "ship_to_address": null,
        "tax_info": [],
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
