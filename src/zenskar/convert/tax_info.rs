//! `tax_info`: a list of tax ids, whose countries Zenskar writes in a mixture of codes.
//!
//! Source: Zenskar's guide to taxes (`USA`, `IND`, `AUS`, `EU`, `GB` or `UK`, `SG`, `JP`, `BR`,
//! `CA`, and two letters for members of the European Union).

use crate::model::customer::{TaxId, Value};
use crate::zenskar::country;
use crate::zenskar::object::text;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Countries that Zenskar writes with three letters.
const THREE_LETTERS: [(&str, &str); 3] = [("US", "USA"), ("IN", "IND"), ("AU", "AUS")];

/// Value added tax, as Zenskar and we write it.
const VAT: &str = "VAT";

/// The list as a value; one with an entry that cannot be read is kept as it is.
pub(super) fn value(shown: &Json) -> Value {
    let entries = match shown {
        Json::Null => return Value::Blank,
        Json::Array(entries) => entries.iter().map(entry),
        other => return Value::Nested(other.to_string()),
    };
    let ids: Option<BTreeSet<TaxId>> = entries.collect();
    ids.map_or_else(|| Value::Nested(shown.to_string()), Value::tax_ids)
}

fn entry(shown: &Json) -> Option<TaxId> {
    let shown = shown.as_object()?;
    let id = text(shown, &["tax_id"])?;
    let written = text(shown, &["country_code"]).unwrap_or_default();
    let kind = text(shown, &["tax_code"])
        .unwrap_or_default()
        .to_uppercase();
    let country = if written.eq_ignore_ascii_case(TaxId::UNION) && kind == VAT {
        TaxId::union_member(&id)
    } else {
        country::code(&written).map_or(written, Into::into)
    };
    Some(TaxId { country, kind, id })
}

/// The whole list that holds what it is to hold; `None` where that changes nothing or the list was
/// not read.
pub(super) fn patch(to: &Value, shown: Option<&Json>) -> Option<Json> {
    let shown = shown?;
    let before = value(shown);
    let none = BTreeSet::new();
    let ids = match to {
        Value::TaxIds(ids) => ids,
        Value::Blank => &none,
        Value::Text(_) | Value::Address(_) | Value::Nested(_) => return None,
    };
    if before.is_nested() || before == *to {
        return None;
    }
    let entries = shown.as_array().map_or(&[][..], Vec::as_slice);
    let sent = ids.iter().map(|id| {
        let same = entries
            .iter()
            .find(|shown| entry(shown).as_ref() == Some(id));
        same.map_or_else(|| new_entry(id), without_nulls)
    });
    Some(sent.collect())
}

fn new_entry(id: &TaxId) -> Json {
    let three = THREE_LETTERS.iter().find(|(two, _)| *two == id.country);
    let country = three.map_or(id.country.as_str(), |(_, three)| three);
    json!({ "country_code": country, "tax_code": id.kind, "tax_id": id.id })
}

fn without_nulls(entry: &Json) -> Json {
    let mut entry = entry.clone();
    if let Some(entry) = entry.as_object_mut() {
        entry.retain(|_, held| !held.is_null());
    }
    entry
}
