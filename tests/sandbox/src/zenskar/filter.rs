//! Filters of the customer list: `field=value`, `field__op=value`, and the two searches.
//!
//! A filter that is not known is ignored or refused, as the switches say. Not here: order and
//! pages (see `list`).

use serde_json::Value;

use super::customer::Customer;
use super::refusal::Refusal;
use super::time::{self, Read};
use crate::switches::ZenskarSwitches;

/// An operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    Neq,
    Gt,
    Gte,
    Lt,
    Lte,
    In,
    IsNull,
    Like,
    Ilike,
}

const TEXT: &[Op] = &[Op::Eq, Op::Neq, Op::In, Op::IsNull, Op::Like, Op::Ilike];
const TIME: &[Op] = &[
    Op::Eq,
    Op::Neq,
    Op::Gt,
    Op::Gte,
    Op::Lt,
    Op::Lte,
    Op::In,
    Op::IsNull,
];

/// The fields that can be filtered, with their operators.
const FIELDS: [(&str, &[Op]); 10] = [
    ("id", &[Op::Eq, Op::In, Op::IsNull]),
    ("external_id", TEXT),
    ("email", TEXT),
    ("phone_number", &[Op::Like, Op::Ilike, Op::IsNull]),
    ("communications_enabled", &[Op::Eq]),
    ("auto_charge_enabled", &[Op::Eq]),
    ("created_at", TIME),
    ("updated_at", TIME),
    ("customer_name", &[Op::Ilike]),
    ("business_entity_id", &[Op::Eq]),
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Text(String),
    Times(Vec<i64>),
    Flag(bool),
}

/// One condition on a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    field: &'static str,
    op: Op,
    wanted: Wanted,
}

/// All conditions of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filters {
    pub(crate) all: Vec<Filter>,
    /// `search`: path and text that it contains.
    search: Vec<(Vec<String>, String)>,
    /// `search_name_external_id`.
    pub(crate) ranked: Option<String>,
    /// A filter on invoices, of which there are none.
    pub(crate) nothing: bool,
}

pub(super) fn op_of(name: &str) -> Option<Op> {
    Some(match name {
        "neq" => Op::Neq,
        "gt" => Op::Gt,
        "gte" => Op::Gte,
        "lt" => Op::Lt,
        "lte" => Op::Lte,
        "in" => Op::In,
        "isnull" => Op::IsNull,
        "like" => Op::Like,
        "ilike" => Op::Ilike,
        _ => return None,
    })
}

/// Adds the condition of one query parameter; whether it is known.
pub(crate) fn add(
    filters: &mut Filters,
    name: &str,
    value: &str,
    switches: &ZenskarSwitches,
) -> Result<bool, Refusal> {
    match name {
        "search" => {
            filters.search.extend(searches(value));
            return Ok(true);
        }
        "search_name_external_id" => {
            filters.ranked = Some(value.to_lowercase());
            return Ok(true);
        }
        "invoice__customer_id" | "invoice__status" => {
            filters.nothing = true;
            return Ok(true);
        }
        _ => {}
    }
    let (field, op) = match name.rsplit_once("__") {
        Some((field, suffix)) => match op_of(suffix) {
            Some(op) => (field, op),
            None => return Ok(false),
        },
        None => (name, Op::Eq),
    };
    let known = FIELDS
        .iter()
        .find(|(known, ops)| *known == field && ops.contains(&op));
    let Some((field, _)) = known else {
        return Ok(false);
    };
    let ignored = *field == "updated_at" && switches.ignore_updated_at;
    let wanted = wanted(field, op, name, value, switches)?;
    if !ignored {
        filters.all.push(Filter { field, op, wanted });
    }
    Ok(true)
}

/// The paths and texts of a `search`.
pub(super) fn searches(value: &str) -> impl Iterator<Item = (Vec<String>, String)> {
    value.split(',').filter_map(|pair| {
        let (path, text) = pair.split_once('=')?;
        let path = path.trim().split('.').map(str::to_owned).collect();
        Some((path, text.trim().to_lowercase()))
    })
}

fn wanted(
    field: &str,
    op: Op,
    name: &str,
    value: &str,
    switches: &ZenskarSwitches,
) -> Result<Wanted, Refusal> {
    let loc = ["query", name];
    let flag = || match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(Wanted::Flag(true)),
        "false" | "0" | "no" | "off" => Ok(Wanted::Flag(false)),
        _ => {
            let message = "value could not be parsed to a boolean";
            Err(Refusal::field(&loc, message, "type_error.bool"))
        }
    };
    match field {
        _ if op == Op::IsNull => flag(),
        "communications_enabled" | "auto_charge_enabled" => flag(),
        "created_at" | "updated_at" => {
            let texts: Vec<&str> = if op == Op::In {
                value.split(',').collect()
            } else {
                vec![value]
            };
            let mut times = Vec::new();
            for text in texts {
                match time::read(text) {
                    Some(Read::Aware(_)) if switches.aware_times_fail => {
                        return Err(Refusal::server());
                    }
                    Some(Read::Naive(us) | Read::Aware(us)) => times.push(us),
                    None => {
                        let message = "invalid datetime format";
                        return Err(Refusal::field(&loc, message, "value_error.datetime"));
                    }
                }
            }
            Ok(Wanted::Times(times))
        }
        _ => Ok(Wanted::Text(value.to_owned())),
    }
}

impl Filters {
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.search.is_empty() && self.ranked.is_none() && !self.nothing
    }

    /// The earliest and latest `updated_at` that can match, both included.
    pub(crate) fn updated_range(&self) -> Option<(i64, i64)> {
        let (mut from, mut to) = (i64::MIN, i64::MAX);
        for filter in self
            .all
            .iter()
            .filter(|filter| filter.field == "updated_at")
        {
            let Wanted::Times(times) = &filter.wanted else {
                continue;
            };
            let Some(at) = times.first() else { continue };
            match filter.op {
                Op::Gt | Op::Gte => from = from.max(*at),
                Op::Lt | Op::Lte => to = to.min(*at),
                _ => {}
            }
        }
        (from > i64::MIN || to < i64::MAX).then_some((from, to))
    }

    /// Whether a customer meets every condition.
    pub(crate) fn accept(&self, customer: &Customer) -> bool {
        !self.nothing
            && self.all.iter().all(|filter| filter.accepts(customer))
            && self
                .ranked
                .as_ref()
                .is_none_or(|text| rank(customer, text).is_some())
            && (self.search.is_empty() || {
                let fields = Value::Object(customer.to_fields());
                self.search
                    .iter()
                    .all(|(path, text)| contains(&fields, path, text))
            })
    }
}

impl Filter {
    fn accepts(&self, customer: &Customer) -> bool {
        match (&self.wanted, self.field) {
            (Wanted::Flag(wanted), "communications_enabled" | "auto_charge_enabled") => {
                let fields = customer.to_fields();
                fields.get(self.field).and_then(Value::as_bool) == Some(*wanted)
            }
            (Wanted::Flag(wanted), _) => self.text_of(customer).is_none() == *wanted,
            (Wanted::Times(times), field) => {
                let at = if field == "created_at" {
                    customer.key.0
                } else {
                    customer.updated
                };
                times_accept(self.op, at, times)
            }
            (Wanted::Text(wanted), _) => {
                let text = self.text_of(customer);
                text.is_some_and(|text| text_accepts(self.op, &text, wanted))
            }
        }
    }

    fn text_of(&self, customer: &Customer) -> Option<String> {
        let text = match self.field {
            "id" => Some(&*customer.id),
            "external_id" => customer.external_id.as_deref(),
            "email" => customer.email.as_deref(),
            "phone_number" => customer.phone.as_deref(),
            "customer_name" => Some(&*customer.name),
            "created_at" | "updated_at" => Some(""),
            field => {
                let fields = customer.to_fields();
                return fields.get(field).and_then(Value::as_str).map(str::to_owned);
            }
        };
        text.map(str::to_owned)
    }
}

pub(super) fn times_accept(op: Op, at: i64, wanted: &[i64]) -> bool {
    let first = wanted.first().copied().unwrap_or_default();
    match op {
        Op::Neq => at != first,
        Op::Gt => at > first,
        Op::Gte => at >= first,
        Op::Lt => at < first,
        Op::Lte => at <= first,
        _ => wanted.contains(&at),
    }
}

pub(super) fn text_accepts(op: Op, text: &str, wanted: &str) -> bool {
    match op {
        Op::Neq => text != wanted,
        Op::In => wanted.split(',').any(|item| item.trim() == text),
        Op::Like => like(wanted, text),
        Op::Ilike => like(&wanted.to_lowercase(), &text.to_lowercase()),
        _ => text == wanted,
    }
}

/// SQL's LIKE: `%` stands for anything, `_` for one character, and what follows a backslash for
/// itself.
fn like(pattern: &str, text: &str) -> bool {
    let mut letters = pattern.chars();
    match letters.next() {
        None => text.is_empty(),
        Some('%') => {
            let rest = letters.as_str();
            let mut tail = text.chars();
            loop {
                if like(rest, tail.as_str()) {
                    return true;
                }
                if tail.next().is_none() {
                    return false;
                }
            }
        }
        Some(first) => {
            let escaped = (first == '\\').then(|| letters.next()).flatten();
            let (letter, any) = (escaped.unwrap_or(first), escaped.is_none() && first == '_');
            let mut tail = text.chars();
            tail.next().is_some_and(|got| any || letter == got)
                && like(letters.as_str(), tail.as_str())
        }
    }
}

/// How well name or external id fit a text: 0 is exact, 1 starts so, 2 contains it.
pub(crate) fn rank(customer: &Customer, text: &str) -> Option<u8> {
    let one = |value: &str| {
        let value = value.to_lowercase();
        if value == text {
            Some(0)
        } else if value.starts_with(text) {
            Some(1)
        } else {
            value.contains(text).then_some(2)
        }
    };
    let external = customer.external_id.as_deref().and_then(one);
    one(&customer.name).into_iter().chain(external).min()
}

pub(super) fn contains(value: &Value, path: &[String], text: &str) -> bool {
    match (value, path.split_first()) {
        (Value::Array(items), _) => items.iter().any(|item| contains(item, path, text)),
        (_, None) => match value {
            Value::String(found) => found.to_lowercase().contains(text),
            Value::Null | Value::Object(_) => false,
            other => other.to_string().contains(text),
        },
        (_, Some((name, rest))) => value
            .get(name)
            .is_some_and(|part| contains(part, rest, text)),
    }
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn like_is_that_of_sql() {
        for (pattern, text, expected) in [
            ("acme", "acme", true),
            ("acme", "acme corp", false),
            ("acme%", "acme corp", true),
            ("%me%", "acme corp", true),
            ("a_me", "acme", true),
            ("a_me", "ame", false),
            ("%", "", true),
            ("a\\_me", "a_me", true),
            ("a\\_me", "acme", false),
            ("100\\%", "100%", true),
            ("\\", "\\", true),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }
}
