//! What customers can be created and changed with, and how a change lands in the object.
//!
//! Two ways in: checked form parameters of the API, and plain JSON of a person at the dashboard.
//! Not here: storing the result and telling of it (see `customers`).

use serde_json::{Map, Value, json};

use super::endpoints::new_metadata;
use super::failure::Failure;
use super::params::{Checked, EXPAND, Kind, Param, clearing, param, required, text};
use crate::address::STRIPE;

const LONG: Kind = Kind::Text(5000);

const ADDRESS: Kind = Kind::Hash(&[
    clearing("city", LONG),
    clearing("country", LONG),
    clearing("line1", LONG),
    clearing("line2", LONG),
    clearing("postal_code", LONG),
    clearing("state", LONG),
]);

const CASH_BALANCE: Kind = Kind::Hash(&[param(
    "settings",
    Kind::Hash(&[param(
        "reconciliation_mode",
        Kind::Choice(&["automatic", "manual", "merchant_default"]),
    )]),
)]);

const INVOICE_SETTINGS: Kind = Kind::Hash(&[
    clearing(
        "custom_fields",
        Kind::List(&Kind::Hash(&[
            required("name", Kind::Text(40)),
            required("value", Kind::Text(140)),
        ])),
    ),
    clearing("default_payment_method", LONG),
    clearing("footer", LONG),
    clearing(
        "rendering_options",
        Kind::Hash(&[
            clearing(
                "amount_tax_display",
                Kind::Choice(&["exclude_tax", "include_inclusive_tax"]),
            ),
            param("template", LONG),
        ]),
    ),
]);

const SHIPPING: Kind = Kind::Hash(&[
    required("address", ADDRESS),
    required("name", LONG),
    clearing("phone", LONG),
]);

const TAX_EXEMPT: Kind = Kind::Choice(&["exempt", "none", "reverse"]);

const TAX: Kind = Kind::Hash(&[
    clearing("ip_address", LONG),
    param(
        "validate_location",
        Kind::Choice(&["auto", "deferred", "immediately"]),
    ),
]);

/// The parameters of `POST /v1/customers`.
pub(crate) const CREATE: &[Param] = &[
    clearing("address", ADDRESS),
    param("balance", Kind::Int),
    clearing("business_name", Kind::Text(150)),
    param("cash_balance", CASH_BALANCE),
    clearing("description", LONG),
    clearing("email", Kind::Email),
    EXPAND,
    clearing("individual_name", Kind::Text(150)),
    param("invoice_prefix", LONG),
    param("invoice_settings", INVOICE_SETTINGS),
    clearing("metadata", Kind::Metadata),
    clearing("name", Kind::Text(256)),
    param("next_invoice_sequence", Kind::Int),
    param("payment_method", LONG),
    clearing("phone", Kind::Text(20)),
    param("preferred_locales", Kind::List(&LONG)),
    clearing("shipping", SHIPPING),
    param("source", LONG),
    param("tax", TAX),
    clearing("tax_exempt", TAX_EXEMPT),
    param(
        "tax_id_data",
        Kind::List(&Kind::Hash(&[
            required("type", Kind::TaxIdType),
            required("value", LONG),
        ])),
    ),
    param("test_clock", LONG),
];

/// The parameters of `POST /v1/customers/{id}`.
pub(crate) const UPDATE: &[Param] = &[
    clearing("address", ADDRESS),
    param("balance", Kind::Int),
    param("bank_account", LONG),
    clearing("business_name", Kind::Text(150)),
    param("card", LONG),
    param("cash_balance", CASH_BALANCE),
    param("default_alipay_account", LONG),
    param("default_bank_account", LONG),
    param("default_card", LONG),
    param("default_source", LONG),
    clearing("description", LONG),
    clearing("email", Kind::Email),
    EXPAND,
    clearing("individual_name", Kind::Text(150)),
    param("invoice_prefix", LONG),
    param("invoice_settings", INVOICE_SETTINGS),
    clearing("metadata", Kind::Metadata),
    clearing("name", Kind::Text(256)),
    param("next_invoice_sequence", Kind::Int),
    clearing("phone", Kind::Text(20)),
    param("preferred_locales", Kind::List(&LONG)),
    clearing("shipping", SHIPPING),
    param("source", LONG),
    param("tax", TAX),
    clearing("tax_exempt", TAX_EXEMPT),
];

/// Parameters that name objects of kinds the sandbox has none of: always "No such …".
const REFERENCES: [(&str, &str); 6] = [
    ("bank_account", "token"),
    ("card", "token"),
    ("default_alipay_account", "source"),
    ("default_bank_account", "source"),
    ("default_card", "source"),
    ("test_clock", "test clock"),
];

/// Applies checked parameters to a customer's members. Payment methods among them were checked
/// before, and put in place of tokens.
pub(crate) fn apply(
    map: &mut Map<String, Value>,
    checked: &Checked,
    address_replaced: bool,
) -> Result<(), Failure> {
    for (name, what) in REFERENCES {
        if let Some(id) = text(checked, name) {
            return Err(Failure::missing_ref(what, id, name));
        }
    }
    let metadata = map
        .get("metadata")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let metadata = new_metadata(&metadata, checked);
    if metadata.len() > 50 {
        let message = "You can only have up to 50 keys in the metadata hash.";
        return Err(Failure::invalid("metadata", message));
    }
    map.insert("metadata".to_owned(), Value::Object(metadata));
    for (name, value) in checked {
        apply_one(map, name, value, address_replaced);
    }
    Ok(())
}

fn apply_one(map: &mut Map<String, Value>, name: &str, value: &Value, address_replaced: bool) {
    match name {
        "metadata" | "expand" | "tax" | "payment_method" | "source" => {}
        "address" => {
            let address = new_address(map.get("address"), value, address_replaced);
            map.insert(name.to_owned(), address);
        }
        "shipping" => {
            map.insert(name.to_owned(), shipping(value));
        }
        "invoice_settings" => merge(map, name, value),
        "tax_exempt" if value.is_null() => {
            map.insert(name.to_owned(), json!("none"));
        }
        "business_name" | "individual_name" if value.is_null() => {
            map.remove(name);
        }
        "cash_balance" => {
            if let Some(mode) = value.pointer("/settings/reconciliation_mode") {
                map.insert("reconciliation_mode".to_owned(), mode.clone());
            }
        }
        "tax_id_data" => {
            map.insert("tax_ids".to_owned(), tax_ids(map, value));
        }
        _ => {
            map.insert(name.to_owned(), value.clone());
        }
    }
}

fn new_address(old: Option<&Value>, change: &Value, replaced: bool) -> Value {
    let Some(change) = change.as_object() else {
        return Value::Null;
    };
    let old = old.and_then(Value::as_object).filter(|_| !replaced);
    let pairs = STRIPE.iter().map(|key| {
        let kept = || old.and_then(|old| old.get(*key));
        let value = change
            .get(*key)
            .or_else(kept)
            .cloned()
            .unwrap_or(Value::Null);
        ((*key).to_owned(), value)
    });
    Value::Object(Map::from_iter(pairs))
}

fn shipping(value: &Value) -> Value {
    let Some(shipping) = value.as_object() else {
        return Value::Null;
    };
    json!({
        "address": new_address(None, shipping.get("address").unwrap_or(&Value::Null), true),
        "name": shipping.get("name"),
        "phone": shipping.get("phone"),
    })
}

fn merge(map: &mut Map<String, Value>, name: &str, change: &Value) {
    let old = map.entry(name.to_owned()).or_insert_with(|| json!({}));
    if let (Some(old), Some(change)) = (old.as_object_mut(), change.as_object()) {
        for (key, value) in change {
            old.insert(key.clone(), value.clone());
        }
    }
}

/// Tax id objects out of what names their types and values; one that is there already stays.
fn tax_ids(map: &Map<String, Value>, data: &Value) -> Value {
    let old = map.get("tax_ids").and_then(Value::as_array);
    let old = old.map_or(&[][..], Vec::as_slice);
    let owner = map.get("id").cloned().unwrap_or(Value::Null);
    let tail: String = owner.as_str().unwrap_or_default().chars().skip(4).collect();
    let mut list: Vec<Value> = Vec::new();
    for item in data.as_array().into_iter().flatten() {
        let (kind, value) = (item.get("type"), item.get("value"));
        let mut same = old.iter().filter(|one| {
            one.get("type") == kind && one.get("value") == value && !list.contains(one)
        });
        if let Some(same) = same.next() {
            list.push(same.clone());
            continue;
        }
        let is_taken = |id: &str| {
            let mut all = old.iter().chain(&list);
            all.any(|one| one.get("id").and_then(Value::as_str) == Some(id))
        };
        let mut ids = (0_usize..).map(|at| format!("txi_{tail}{at}"));
        let id = ids.find(|id| !is_taken(id)).unwrap_or_default();
        list.push(json!({
            "id": id,
            "object": "tax_id",
            "country": country(kind, value),
            "created": map.get("created"),
            "customer": owner,
            "livemode": map.get("livemode"),
            "owner": { "type": "customer", "customer": owner },
            "type": kind,
            "value": value,
            "verification": null,
        }));
    }
    Value::Array(list)
}

/// The country of a tax id: by its type, and of a European one by its first letters.
fn country(kind: Option<&Value>, value: Option<&Value>) -> Value {
    let kind = kind.and_then(Value::as_str).unwrap_or_default();
    let value = value.and_then(Value::as_str).unwrap_or_default();
    let letters = match kind {
        "eu_vat" => value.get(..2).map(|letters| letters.replace("EL", "GR")),
        "eu_oss_vat" => None,
        _ => kind
            .split_once('_')
            .map(|(letters, _)| letters.to_uppercase()),
    };
    letters.map_or(Value::Null, Value::from)
}

/// Applies a person's edit: members as the object shows them. `address`, `metadata` and
/// `invoice_settings` are merged, `null` in `metadata` removes the key. `tax_ids` is the whole list,
/// each with its `type` and `value`.
pub(crate) fn edit(map: &mut Map<String, Value>, patch: &Map<String, Value>) {
    let fixed = ["id", "object", "created", "livemode", "deleted"];
    for (name, value) in patch
        .iter()
        .filter(|(name, _)| !fixed.contains(&name.as_str()))
    {
        match name.as_str() {
            "metadata" => {
                let old = map
                    .get(name)
                    .and_then(Value::as_object)
                    .cloned()
                    .unwrap_or_default();
                map.insert(name.clone(), Value::Object(new_metadata(&old, patch)));
            }
            "address" => {
                let address = new_address(map.get(name), value, false);
                map.insert(name.clone(), address);
            }
            "invoice_settings" => merge(map, name, value),
            "shipping" => {
                map.insert(name.clone(), shipping(value));
            }
            "tax_ids" => {
                map.insert(name.clone(), tax_ids(map, value));
            }
            _ => {
                map.insert(name.clone(), value.clone());
            }
        }
    }
}
