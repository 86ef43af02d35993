//! Strict parameters: what each route takes, and the check that nothing else was sent.
//!
//! A checked form is JSON with the types that were declared. Text that clears a field (`name=`)
//! becomes `null`. Not here: what the parameters mean (see the routes).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::form::{Node, in_order};
use super::lists;

/// The type of a parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Text of at most this many characters.
    Text(usize),
    /// An e-mail address of at most 512 characters.
    Email,
    /// A whole number.
    Int,
    /// `true` or `false`.
    Bool,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A subscribable event type.
    EventType,
    /// An API version.
    Version,
    /// A kind of tax id.
    TaxIdType,
    /// Named parameters.
    Hash(&'static [Param]),
    /// A list.
    List(&'static Self),
    /// Free keys with text.
    Metadata,
    /// A number, or a range of `gt`, `gte`, `lt`, `lte`. Checked to an object; `eq` is the number.
    Range,
}

/// A parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param {
    name: &'static str,
    kind: Kind,
    required: bool,
    clears: bool,
}

/// An optional parameter that cannot be empty.
pub(crate) const fn param(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        kind,
        required: false,
        clears: false,
    }
}

/// An optional parameter that clears the field when empty.
pub(crate) const fn clearing(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        kind,
        required: false,
        clears: true,
    }
}

/// A parameter without which the request is refused.
pub(crate) const fn required(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        kind,
        required: true,
        clears: false,
    }
}

/// `expand[]`.
pub(crate) const EXPAND: Param = param("expand", Kind::List(&Kind::Text(5000)));

const RANGE: &[Param] = &[
    param("gt", Kind::Int),
    param("gte", Kind::Int),
    param("lt", Kind::Int),
    param("lte", Kind::Int),
];

/// A checked form.
pub(crate) type Checked = Map<String, Value>;

/// Checks a form against the parameters of a route.
pub(crate) fn check(
    params: &'static [Param],
    form: &BTreeMap<String, Node>,
) -> Result<Checked, Failure> {
    check_hash(params, form, "")
}

fn check_hash(
    params: &'static [Param],
    form: &BTreeMap<String, Node>,
    place: &str,
) -> Result<Checked, Failure> {
    let mut checked = Checked::new();
    for (name, node) in form {
        let here = join(place, name);
        let Some(param) = params.iter().find(|param| param.name == name) else {
            return Err(Failure::unknown_parameter(&here));
        };
        let value = match node {
            Node::Text(text) if text.is_empty() && param.clears => Value::Null,
            node => check_kind(param.kind, node, &here)?,
        };
        checked.insert(name.clone(), value);
    }
    let missing = params
        .iter()
        .find(|p| p.required && !checked.contains_key(p.name));
    match missing {
        Some(param) => Err(Failure::missing_parameter(&join(place, param.name))),
        None => Ok(checked),
    }
}

fn join(place: &str, name: &str) -> String {
    if place.is_empty() {
        name.to_owned()
    } else {
        format!("{place}[{name}]")
    }
}

fn check_kind(kind: Kind, node: &Node, here: &str) -> Result<Value, Failure> {
    match (kind, node) {
        (Kind::Hash(params), Node::Parts(parts)) => {
            check_hash(params, parts, here).map(Value::Object)
        }
        (Kind::Range, Node::Parts(parts)) => check_hash(RANGE, parts, here).map(Value::Object),
        (Kind::Range, Node::Text(text)) => Ok(json!({ "eq": integer(text, here)? })),
        (Kind::List(item), Node::Parts(parts)) => in_order(parts)
            .into_iter()
            .enumerate()
            .map(|(at, node)| check_kind(*item, node, &format!("{here}[{at}]")))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::Array),
        (Kind::Metadata, Node::Parts(parts)) => metadata(parts, here),
        (Kind::Metadata, Node::Text(text)) if text.is_empty() => Ok(Value::Null),
        (Kind::Hash(_) | Kind::Metadata, Node::Text(_)) => {
            Err(Failure::invalid(here, "Invalid object"))
        }
        (Kind::List(_), Node::Text(_)) => Err(Failure::invalid(here, "Invalid array")),
        (_, Node::Parts(_)) => Err(Failure::invalid(here, "Invalid string: must be a string")),
        (kind, Node::Text(text)) => check_text(kind, text, here),
    }
}

fn check_text(kind: Kind, text: &str, here: &str) -> Result<Value, Failure> {
    if text.is_empty() {
        let message = format!(
            "You passed an empty string for '{here}'. We assume empty values are an attempt to \
             unset a parameter; however '{here}' cannot be unset. You should remove '{here}' from \
             your request or supply a non-empty value."
        );
        return Err(Failure::coded("parameter_invalid_empty", here, message));
    }
    match kind {
        Kind::Int => Ok(json!(integer(text, here)?)),
        Kind::Bool => match text {
            "true" => Ok(json!(true)),
            "false" => Ok(json!(false)),
            _ => Err(Failure::invalid(here, format!("Invalid boolean: {text}"))),
        },
        Kind::Choice(words) => listed(
            words.contains(&text),
            text,
            here,
            &format!("one of {}", words.join(", ")),
        ),
        Kind::EventType => listed(lists::is_event_type(text), text, here, "an event type"),
        Kind::Version => listed(lists::is_version(text), text, here, "an API version"),
        Kind::TaxIdType => listed(lists::is_tax_id_type(text), text, here, "a type of tax ID"),
        Kind::Email => {
            let text = short(text, 512, here)?;
            if is_email(text) {
                return Ok(json!(text));
            }
            let message = format!("Invalid email address: {text}");
            Err(Failure::coded("email_invalid", here, message))
        }
        Kind::Text(most) => short(text, most, here).map(|text| json!(text)),
        Kind::Hash(_) | Kind::List(_) | Kind::Metadata | Kind::Range => {
            Err(Failure::invalid(here, "Invalid object"))
        }
    }
}

fn listed(known: bool, text: &str, here: &str, wanted: &str) -> Result<Value, Failure> {
    if known {
        return Ok(json!(text));
    }
    let name = here.split('[').next().unwrap_or(here);
    Err(Failure::invalid(
        here,
        format!("Invalid {name}: {text} must be {wanted}"),
    ))
}

fn integer(text: &str, here: &str) -> Result<i64, Failure> {
    text.parse().map_err(|_| {
        Failure::coded(
            "parameter_invalid_integer",
            here,
            format!("Invalid integer: {text}"),
        )
    })
}

fn short<'a>(text: &'a str, most: usize, here: &str) -> Result<&'a str, Failure> {
    if text.chars().count() <= most {
        return Ok(text);
    }
    let shown: String = text.chars().take(20).collect();
    let message = format!("Invalid string: {shown}...; must be at most {most} characters");
    Err(Failure::invalid(here, message))
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    !local.is_empty()
        && !domain.is_empty()
        && !domain.contains('@')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !text.contains(char::is_whitespace)
}

fn metadata(parts: &BTreeMap<String, Node>, here: &str) -> Result<Value, Failure> {
    let mut checked = Map::new();
    for (key, node) in parts {
        let place = join(here, key);
        let Node::Text(text) = node else {
            return Err(Failure::invalid(&place, "Metadata values must be strings"));
        };
        if key.is_empty() || key.chars().count() > 40 {
            let message = "Metadata keys must be 1 to 40 characters long";
            return Err(Failure::invalid(&place, message));
        }
        if text.chars().count() > 500 {
            let message = "Metadata values can have up to 500 characters";
            return Err(Failure::invalid(&place, message));
        }
        checked.insert(key.clone(), json!(text));
    }
    Ok(Value::Object(checked))
}

/// The texts of a checked list.
pub(crate) fn texts(checked: &Checked, name: &str) -> Vec<String> {
    let items = checked.get(name).and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// A checked text.
pub(crate) fn text<'a>(checked: &'a Checked, name: &str) -> Option<&'a str> {
    checked.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::{EXPAND, Kind, Param, check, clearing, param, required};
    use crate::stripe::form::parse_into;

    const PARAMS: &[Param] = &[
        required("url", Kind::Text(10)),
        clearing("name", Kind::Text(5)),
        param("n", Kind::Int),
        param("b", Kind::Bool),
        param("c", Kind::Choice(&["x", "y"])),
        param("e", Kind::Email),
        param("m", Kind::Metadata),
        param("h", Kind::Hash(&[param("k", Kind::Text(5))])),
        param("created", Kind::Range),
        EXPAND,
    ];

    fn checked(text: &str) -> Result<Value, (Value, Value)> {
        let mut form = BTreeMap::new();
        assert_eq!(parse_into(&mut form, text), Ok(()), "{text}");
        check(PARAMS, &form).map(Value::Object).map_err(|failure| {
            let body = failure.response("").value();
            (
                body["error"]["code"].clone(),
                body["error"]["param"].clone(),
            )
        })
    }

    #[test]
    fn accepts_and_types() {
        let text = "url=u&name=&n=-3&b=true&c=y&e=a@b.c&m[k]=v&m[gone]=&h[k]=1&created[gte]=5\
                    &expand[]=a&expand[]=b";
        assert_eq!(
            checked(text),
            Ok(json!({
                "url": "u", "name": null, "n": -3, "b": true, "c": "y", "e": "a@b.c",
                "m": {"k": "v", "gone": ""}, "h": {"k": "1"}, "created": {"gte": 5},
                "expand": ["a", "b"],
            }))
        );
        assert_eq!(
            checked("url=u&created=7"),
            Ok(json!({"url": "u", "created": {"eq": 7}}))
        );
    }

    #[test]
    fn refuses() {
        for (text, code, at) in [
            ("name=a", json!("parameter_missing"), "url"),
            ("url=u&foo=1", json!("parameter_unknown"), "foo"),
            ("url=u&h[x]=1", json!("parameter_unknown"), "h[x]"),
            ("url=u&n=a", json!("parameter_invalid_integer"), "n"),
            (
                "url=u&created[gte]=x",
                json!("parameter_invalid_integer"),
                "created[gte]",
            ),
            ("url=u&b=1", Value::Null, "b"),
            ("url=u&c=z", Value::Null, "c"),
            ("url=u&c=", json!("parameter_invalid_empty"), "c"),
            ("url=u&e=nobody", json!("email_invalid"), "e"),
            ("url=u&name=toolong", Value::Null, "name"),
            ("url=u&h=1", Value::Null, "h"),
            ("url=u&name[x]=1", Value::Null, "name"),
            ("url=u&expand=a", Value::Null, "expand"),
        ] {
            assert_eq!(checked(text), Err((code, json!(at))), "{text}");
        }
    }
}
