//! Settings made of other settings: lists, tables of the operator's own, and the two tables that
//! are one value.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::super::problem::quoted;
use super::super::words::{Field, Winner, Word};
use super::super::{ConflictRule, CurrencyCode, MetadataField, MetadataKey, SecretRef, Tls};
use super::{Misfit, Setting, Value, in_toml, misshapen, wrong_type};

impl<T: Setting> Setting for Vec<T> {
    fn expected() -> String {
        format!("a list, each entry {}", T::expected())
    }

    fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>> {
        let Some(entries) = value.get_ref().as_array() else {
            return Err(wrong_type::<Self>(value));
        };
        let mut misfits = Vec::new();
        let mut list = Self::with_capacity(entries.len());
        for entry in entries {
            match T::read(entry) {
                Ok(entry) => list.push(entry),
                Err(more) => misfits.extend(more.into_iter().map(|misfit| Misfit {
                    what: format!("has an entry that {}", misfit.what),
                    ..misfit
                })),
            }
        }
        if misfits.is_empty() {
            Ok(list)
        } else {
            Err(misfits)
        }
    }

    fn show(&self) -> Option<String> {
        let entries: Vec<String> = self.iter().filter_map(Setting::show).collect();
        Some(format!("[{}]", entries.join(", ")))
    }
}

/// The name of an entry in a table of the operator's own.
trait EntryName: Ord + Sized {
    fn read_name(text: &str) -> Result<Self, String>;
    fn name(&self) -> &str;
}

impl EntryName for CurrencyCode {
    fn read_name(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }

    fn name(&self) -> &str {
        self.as_str()
    }
}

impl EntryName for MetadataKey {
    fn read_name(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }

    fn name(&self) -> &str {
        self.as_str()
    }
}

impl EntryName for MetadataField {
    fn read_name(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }

    fn name(&self) -> &str {
        self.as_str()
    }
}

impl EntryName for Field {
    fn read_name(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(word, _)| *word == text);
        found
            .map(|(_, field)| *field)
            .ok_or_else(|| format!("expected {}", Self::expected()))
    }

    fn name(&self) -> &str {
        self.as_str()
    }
}

/// Reads a table's entries one by one, the misfits of all of them together.
fn entries<K: EntryName, T: Setting>(
    table: &DeTable<'_>,
    map: &mut BTreeMap<K, T>,
) -> Result<(), Vec<Misfit>> {
    let mut misfits = Vec::new();
    for (name, value) in table {
        let written = name.get_ref().as_ref();
        let key = K::read_name(written).map_err(|label| {
            vec![Misfit {
                span: name.span(),
                what: format!("cannot have an entry {}", quoted(written)),
                label,
            }]
        });
        match (key, T::read(value)) {
            (Ok(key), Ok(value)) => {
                map.insert(key, value);
            }
            (key, value) => {
                let value = value.map_err(|misfits| in_entry(written, misfits));
                misfits.extend(key.err().into_iter().chain(value.err()).flatten());
            }
        }
    }
    if misfits.is_empty() {
        Ok(())
    } else {
        Err(misfits)
    }
}

fn in_entry(name: &str, mut misfits: Vec<Misfit>) -> Vec<Misfit> {
    for misfit in &mut misfits {
        misfit.what = format!("has an entry `{name}` that {}", misfit.what);
    }
    misfits
}

fn show_entries<K: EntryName, T: Setting>(map: &BTreeMap<K, T>) -> Vec<String> {
    let shown = map
        .iter()
        .filter_map(|(key, value)| Some((key.name(), value.show()?)));
    shown
        .map(|(key, value)| format!("{} = {value}", in_toml_key(key)))
        .collect()
}

fn in_toml_key(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if key.bytes().all(bare) {
        key.to_owned()
    } else {
        in_toml(key)
    }
}

impl<K: EntryName, T: Setting> Setting for BTreeMap<K, T> {
    fn expected() -> String {
        format!("a table, each entry {}", T::expected())
    }

    fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>> {
        let mut map = Self::new();
        map.lay(value)?;
        Ok(map)
    }

    fn show(&self) -> Option<String> {
        let shown = show_entries(self);
        (!shown.is_empty()).then(|| format!("{{ {} }}", shown.join(", ")))
    }

    /// Entry by entry: those of earlier files stay.
    fn lay(&mut self, value: &Value<'_>) -> Result<(), Vec<Misfit>> {
        match value.get_ref().as_table() {
            Some(table) => entries(table, self),
            None => Err(wrong_type::<Self>(value)),
        }
    }
}

impl Setting for ConflictRule {
    fn expected() -> String {
        format!(
            "{}, or a table of fields with one of these",
            Winner::expected()
        )
    }

    fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>> {
        let mut rule = Self::default();
        rule.lay(value)?;
        Ok(rule)
    }

    fn show(&self) -> Option<String> {
        let default = self.default.show()?;
        let mut entries = show_entries(&self.fields);
        entries.extend(show_entries(&self.metadata));
        if entries.is_empty() {
            return Some(default);
        }
        let entries = entries.join(", ");
        Some(format!("{{ default = {default}, {entries} }}"))
    }

    /// A word is the rule for every field; a table changes the fields it names.
    fn lay(&mut self, value: &Value<'_>) -> Result<(), Vec<Misfit>> {
        let table = match value.get_ref() {
            DeValue::Table(table) => table,
            DeValue::String(_) => {
                *self = Self {
                    default: Winner::read(value)?,
                    ..Self::default()
                };
                return Ok(());
            }
            _ => return Err(wrong_type::<Self>(value)),
        };
        let mut rest = table.clone();
        let mut misfits = Vec::new();
        if let Some(default) = rest.remove("default") {
            match Winner::read(&default) {
                Ok(winner) => self.default = winner,
                Err(more) => misfits.extend(in_entry("default", more)),
            }
        }
        let (mut pairs, mut fields) = (DeTable::new(), DeTable::new());
        for (name, value) in rest {
            let is_of_pair = name.get_ref().starts_with(MetadataField::PREFIX);
            let table = if is_of_pair { &mut pairs } else { &mut fields };
            table.insert(name, value);
        }
        let read = [
            entries(&fields, &mut self.fields),
            entries(&pairs, &mut self.metadata),
        ];
        misfits.extend(read.into_iter().filter_map(Result::err).flatten());
        if misfits.is_empty() {
            Ok(())
        } else {
            Err(misfits)
        }
    }
}

impl Setting for Tls {
    fn expected() -> String {
        "a table { certificate = \"…\", key = \"…\" }".to_owned()
    }

    fn read(value: &Value<'_>) -> Result<Self, Vec<Misfit>> {
        let Some(table) = value.get_ref().as_table() else {
            return Err(wrong_type::<Self>(value));
        };
        let mut misfits = Vec::new();
        let certificate = part::<PathBuf>(value, table, "certificate", &mut misfits);
        let key = part::<SecretRef>(value, table, "key", &mut misfits);
        for (name, _) in table {
            if !["certificate", "key"].contains(&name.get_ref().as_ref()) {
                misfits.push(Misfit {
                    span: name.span(),
                    what: format!("cannot have an entry {}", quoted(name.get_ref())),
                    label: "expected `certificate` or `key`".to_owned(),
                });
            }
        }
        match (certificate, key) {
            (Some(certificate), Some(key)) if misfits.is_empty() => Ok(Self { certificate, key }),
            _ => Err(misfits),
        }
    }

    fn show(&self) -> Option<String> {
        let (certificate, key) = (self.certificate.show()?, self.key.show()?);
        Some(format!("{{ certificate = {certificate}, key = {key} }}"))
    }
}

/// One required entry of a fixed table.
fn part<T: Setting>(
    whole: &Value<'_>,
    table: &DeTable<'_>,
    name: &str,
    misfits: &mut Vec<Misfit>,
) -> Option<T> {
    let Some(value) = table.get(name) else {
        misfits.extend(misshapen(whole, format!("has no `{name}`"), &T::expected()));
        return None;
    };
    T::read(value).map_err(|more| misfits.extend(more)).ok()
}
