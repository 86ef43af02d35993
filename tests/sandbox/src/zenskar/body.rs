//! Request bodies: what Pydantic lets through, and how a change lands in the object.
//!
//! Unknown members are dropped without a word, at the top and in addresses, as the service does.

use serde_json::{Map, Value, json};

use super::refusal::{Refusal, problem};
use crate::address::ZENSKAR;
use crate::message::Request;
use crate::switches::{PatchNested, ZenskarSwitches};

/// Names of connectors, in the only spelling that is taken.
const CONNECTORS: [&str; 11] = [
    "stripe",
    "avalara",
    "quickbooks",
    "salesforce",
    "xero",
    "hubspot",
    "zoho",
    "adyen",
    "anrok",
    "dealhub",
    "netsuite",
];

/// A mapping to another system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connector {
    pub(crate) name: String,
    pub(crate) reference_id: String,
}

/// A checked body: known members only, and the mapping apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(crate) fields: Map<String, Value>,
    pub(crate) connector: Option<Connector>,
}

/// The JSON object of a request that must have one.
pub(crate) fn object(request: &Request) -> Result<Map<String, Value>, Refusal> {
    if request.body.is_empty() {
        return Err(Refusal::field(
            &["body"],
            "field required",
            "value_error.missing",
        ));
    }
    let is_json = request
        .header("content-type")
        .is_some_and(|kind| kind.contains("json"));
    if !is_json {
        let message = "value is not a valid dict";
        return Err(Refusal::field(&["body"], message, "type_error.dict"));
    }
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Refusal::field(
            &["body"],
            "value is not a valid dict",
            "type_error.dict",
        )),
        Err(error) => {
            let place = error.column().to_string();
            Err(Refusal::field(
                &["body", &place],
                "Invalid JSON",
                "value_error.jsondecode",
            ))
        }
    }
}

/// Checks a body for a create or a PATCH.
pub(crate) fn check(body: &Map<String, Value>, create: bool) -> Result<Checked, Refusal> {
    let mut problems = Vec::new();
    let mut fields = Map::new();
    if create && !body.contains_key("customer_name") {
        let loc = ["body", "customer_name"];
        problems.push(problem(&loc, "field required", "value_error.missing"));
    }
    for (name, value) in body {
        if value.is_null() {
            if create && name == "customer_name" {
                let message = "none is not an allowed value";
                problems.push(problem(
                    &["body", name],
                    message,
                    "type_error.none.not_allowed",
                ));
            }
            if is_known(name) {
                fields.insert(name.clone(), Value::Null);
            }
            continue;
        }
        match check_field(name, value) {
            Ok(Some(value)) => {
                fields.insert(name.clone(), value);
            }
            Ok(None) => {}
            Err(wrong) => problems.push(wrong),
        }
    }
    let connector = match body.get("connector").filter(|value| !value.is_null()) {
        Some(value) => check_connector(value, &["body", "connector"], &mut problems),
        None => None,
    };
    if problems.is_empty() {
        Ok(Checked { fields, connector })
    } else {
        Err(Refusal::fields(&problems))
    }
}

/// Checks the body of a PATCH of the mapping itself.
pub(crate) fn connector(body: &Map<String, Value>) -> Result<Connector, Refusal> {
    let mut problems = Vec::new();
    let value = Value::Object(body.clone());
    check_connector(&value, &["body"], &mut problems).ok_or_else(|| Refusal::fields(&problems))
}

fn is_known(name: &str) -> bool {
    matches!(
        name,
        "customer_name"
            | "external_id"
            | "email"
            | "phone_number"
            | "address"
            | "ship_to_address"
            | "tax_info"
            | "custom_data"
            | "communications_enabled"
            | "auto_charge_enabled"
            | "business_entity_id"
    )
}

fn check_field(name: &str, value: &Value) -> Result<Option<Value>, Value> {
    let loc = ["body", name];
    let wrong = |msg: &str, kind: &str| Err(problem(&loc, msg, kind));
    match name {
        "customer_name" | "external_id" | "email" | "phone_number" => {
            let Some(text) = value.as_str() else {
                return wrong("str type expected", "type_error.str");
            };
            if name == "email" && !is_email(text) {
                return wrong("value is not a valid email address", "value_error.email");
            }
            if name == "external_id" && text.chars().count() > 255 {
                let message = "ensure this value has at most 255 characters";
                return wrong(message, "value_error.any_str.max_length");
            }
        }
        "business_entity_id" if !value.as_str().is_some_and(is_uuid) => {
            return wrong("value is not a valid uuid", "type_error.uuid");
        }
        "communications_enabled" | "auto_charge_enabled" if !value.is_boolean() => {
            return wrong("value could not be parsed to a boolean", "type_error.bool");
        }
        "custom_data" if !value.is_object() => {
            return wrong("value is not a valid dict", "type_error.dict");
        }
        "tax_info" => return check_tax_info(value).map(Some),
        "address" | "ship_to_address" => return check_address(name, value).map(Some),
        _ if !is_known(name) => return Ok(None),
        _ => {}
    }
    Ok(Some(value.clone()))
}

fn check_address(name: &str, value: &Value) -> Result<Value, Value> {
    let Some(address) = value.as_object() else {
        return Err(problem(
            &["body", name],
            "value is not a valid dict",
            "type_error.dict",
        ));
    };
    let mut known = Map::new();
    for (key, value) in address
        .iter()
        .filter(|(key, _)| ZENSKAR.contains(&key.as_str()))
    {
        if !value.is_string() && !value.is_null() {
            let loc = ["body", name, key];
            return Err(problem(&loc, "str type expected", "type_error.str"));
        }
        known.insert(key.clone(), value.clone());
    }
    Ok(Value::Object(known))
}

/// A list of tax ids; what else an entry holds is dropped.
fn check_tax_info(value: &Value) -> Result<Value, Value> {
    let Some(entries) = value.as_array() else {
        let loc = ["body", "tax_info"];
        return Err(problem(
            &loc,
            "value is not a valid list",
            "type_error.list",
        ));
    };
    let mut list = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let at = at.to_string();
        let Some(entry) = entry.as_object() else {
            let loc = ["body", "tax_info", &at];
            return Err(problem(
                &loc,
                "value is not a valid dict",
                "type_error.dict",
            ));
        };
        let mut known = Map::new();
        for key in ["country_code", "tax_code", "tax_id"] {
            match entry.get(key) {
                Some(Value::String(text)) => {
                    known.insert(key.to_owned(), json!(text));
                }
                None | Some(Value::Null) => {
                    known.insert(key.to_owned(), Value::Null);
                }
                Some(_) => {
                    let loc = ["body", "tax_info", &at, key];
                    return Err(problem(&loc, "str type expected", "type_error.str"));
                }
            }
        }
        list.push(Value::Object(known));
    }
    Ok(Value::Array(list))
}

fn check_connector(value: &Value, loc: &[&str], problems: &mut Vec<Value>) -> Option<Connector> {
    let mut part = |key: &str| {
        let text = value.get(key).and_then(Value::as_str);
        if text.is_none() {
            let place = [loc, &[key]].concat();
            problems.push(problem(&place, "field required", "value_error.missing"));
        }
        text.map(str::to_owned)
    };
    let (name, reference_id) = (part("name"), part("reference_id"));
    let connector = Connector {
        name: name?,
        reference_id: reference_id?,
    };
    if CONNECTORS.contains(&connector.name.as_str()) {
        return Some(connector);
    }
    let place = [loc, &["name"]].concat();
    let message = "value is not a valid enumeration member";
    problems.push(problem(&place, message, "type_error.enum"));
    None
}

/// Puts checked members into an object, nested values and `null` as the switches say.
pub(crate) fn apply(
    map: &mut Map<String, Value>,
    fields: &Map<String, Value>,
    switches: &ZenskarSwitches,
) {
    for (name, value) in fields {
        let merges = switches.patch_nested == PatchNested::Merge;
        match (map.get_mut(name), value) {
            (_, Value::Null) if !switches.null_clears => {}
            (_, Value::Null) => {
                let cleared = match name.as_str() {
                    "customer_name" => continue,
                    "custom_data" => json!({}),
                    "tax_info" => json!([]),
                    "communications_enabled" | "auto_charge_enabled" => json!(true),
                    _ => Value::Null,
                };
                map.insert(name.clone(), cleared);
            }
            (Some(Value::Object(old)), Value::Object(new)) if merges => {
                old.extend(new.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            (_, Value::String(email)) if name == "email" && switches.lowercase_emails => {
                map.insert(name.clone(), Value::from(email.to_lowercase()));
            }
            _ => {
                map.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Whether `text` is a UUID.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, letter)| match at {
            8 | 13 | 18 | 23 => letter == '-',
            _ => letter.is_ascii_hexdigit(),
        })
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    !local.is_empty()
        && domain.contains('.')
        && !domain.contains('@')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !text.contains(char::is_whitespace)
}
