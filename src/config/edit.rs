//! Changes of the configuration file's text that keep all else: comments, order, spelling.
//!
//! Not in here: reading and writing the file, and whether the result is valid ([`super::load`]).

use super::words::{Field, SyncDirection};
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};

/// What the console changes of `[customers]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomersEdit {
    /// Which way changes travel.
    pub sync: SyncDirection,
    /// Which fields travel; `None` leaves that as it is.
    pub fields: Option<Vec<Field>>,
}

/// The text cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It is not TOML.
    #[error("the file is not TOML")]
    Syntax(#[source] toml_edit::TomlError),
    /// `customers` is something else.
    #[error("`customers` is no table")]
    NoTable,
}

/// The text with the change made.
///
/// # Errors
/// The text cannot be changed.
pub fn customers(text: &str, edit: &CustomersEdit) -> Result<String, EditError> {
    let mut document: DocumentMut = text.parse().map_err(EditError::Syntax)?;
    let missing = || Item::Table(Table::new());
    let table = document.entry("customers").or_insert_with(missing);
    let table = table.as_table_like_mut().ok_or(EditError::NoTable)?;
    set(table, "sync", Value::from(edit.sync.as_str()));
    if let Some(fields) = &edit.fields {
        let names: Array = fields.iter().map(|field| field.as_str()).collect();
        set(table, "fields", Value::Array(names));
    }
    Ok(document.to_string())
}

/// Sets a value; what is written around the old one stays.
fn set(table: &mut dyn TableLike, key: &str, mut value: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => drop(table.insert(key, Item::Value(value))),
    }
}

/// The lines that differ, each marked as gone (`-`) or new (`+`); for texts of which few lines differ.
pub fn difference(before: &str, after: &str) -> Vec<(char, String)> {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.lines().collect(), after.lines().collect());
    let mut lines = Vec::new();
    let mut rest = after.as_slice();
    for old in before {
        match rest.iter().position(|new| *new == old) {
            Some(at) => {
                let (new, left) = rest.split_at(at);
                lines.extend(new.iter().map(|line| ('+', (*line).to_owned())));
                rest = left.get(1..).unwrap_or_default();
            }
            None => lines.push(('-', old.to_owned())),
        }
    }
    lines.extend(rest.iter().map(|line| ('+', (*line).to_owned())));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EXAMPLE;

    fn edit(sync: SyncDirection, fields: &[Field]) -> CustomersEdit {
        CustomersEdit {
            sync,
            fields: (!fields.is_empty()).then(|| fields.to_vec()),
        }
    }

    #[test]
    fn everything_else_stays_as_it_was_written() {
        let two_way = edit(SyncDirection::ImportAndExport, &[Field::Name, Field::Email]);
        let import = edit(SyncDirection::ImportOnly, &[]);
        for (before, edit, after) in [
            (
                "# top\n[customers]   # who\n  sync   =   'off'   # why\ncreate = \"none\"\n\n# end\n",
                &import,
                "# top\n[customers]   # who\n  sync   =   \"import-only\"   # why\ncreate = \"none\"\n\n# end\n",
            ),
            (
                "[customers]\nsync = \"off\"\nfields = [ \"phone\" ] # these\n[events]\n",
                &two_way,
                "[customers]\nsync = \"import-and-export\"\nfields = [\"name\", \"email\"] # these\n[events]\n",
            ),
            (
                "customers = { sync = \"off\" }\n",
                &import,
                "customers = { sync = \"import-only\" }\n",
            ),
            (
                "customers.sync = \"off\" # dotted\n",
                &import,
                "customers.sync = \"import-only\" # dotted\n",
            ),
            (
                "[stripe]\nmode = \"test\"\n",
                &import,
                "[stripe]\nmode = \"test\"\n\n[customers]\nsync = \"import-only\"\n",
            ),
            ("", &import, "[customers]\nsync = \"import-only\"\n"),
        ] {
            assert_eq!(customers(before, edit).unwrap(), after, "{before}");
        }
        assert!(matches!(
            customers("[[customers]]\n", &import),
            Err(EditError::NoTable)
        ));
        assert!(matches!(
            customers("a = \n", &import),
            Err(EditError::Syntax(_))
        ));
    }

    #[test]
    fn of_the_example_only_what_is_changed_changes() {
        let two_way = edit(
            SyncDirection::ImportAndExport,
            &[Field::Name, Field::TaxIds],
        );
        let after = customers(EXAMPLE, &two_way).unwrap();
        assert_eq!(
            difference(EXAMPLE, &after),
            [
                ('-', "sync = \"off\"".to_owned()),
                ('+', "sync = \"import-and-export\"".to_owned()),
                ('+', "fields = [\"name\", \"tax_ids\"]".to_owned()),
            ]
        );
    }
}
