//! Changes as the form parameters of an update (API reference, "Update a customer").
//!
//! | model | parameters |
//! |---|---|
//! | text | one; empty text takes the value away |
//! | address | one for each part, so that it is replaced as a whole; empty for a blank address |

use crate::model::customer::{Address, Customer, Field, Value};
use crate::model::intent::Changes;

/// The parameters that make a customer, seen just now, hold these changes.
#[must_use]
pub(crate) fn update_form(changes: &Changes, _seen: &Customer) -> Vec<(String, String)> {
    let mut form = Vec::new();
    for (field, change) in changes {
        match &change.to {
            Value::Blank => form.push((field_name(*field).to_owned(), String::new())),
            Value::Text(text) => form.push((field_name(*field).to_owned(), text.clone())),
            Value::Address(address) => form.extend(parts(field_name(*field), address)),
        }
    }
    form
}

const fn field_name(field: Field) -> &'static str {
    match field {
        Field::Name => "name",
        Field::Email => "email",
        Field::Phone => "phone",
        Field::Address => "address",
    }
}

fn parts(name: &str, address: &Address) -> Vec<(String, String)> {
    let parts = [
        ("line1", &address.line1),
        ("line2", &address.line2),
        ("city", &address.city),
        ("state", &address.state),
        ("postal_code", &address.postal_code),
        ("country", &address.country),
    ];
    parts
        .map(|(part, text)| (format!("{name}[{part}]"), text.clone()))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::intent::Change;

    fn form(field: Field, to: Value) -> Vec<(String, String)> {
        let from = Value::Blank;
        update_form(&[(field, Change { from, to })].into(), &Customer::default())
    }

    #[test]
    fn a_blank_is_sent_as_empty_text() {
        let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        assert_eq!(form(Field::Name, Value::text("Ann")), pair("name", "Ann"));
        assert_eq!(form(Field::Phone, Value::Blank), pair("phone", ""));
        assert_eq!(form(Field::Address, Value::Blank), pair("address", ""));
    }

    #[test]
    fn an_address_is_sent_with_every_part() {
        let address = Address {
            line1: "1 Main St".into(),
            country: "US".into(),
            ..Address::default()
        };
        let sent = form(Field::Address, Value::Address(address));
        let names: Vec<_> = sent.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), 6);
        assert!(names.contains(&"address[line2]"));
        assert!(sent.contains(&("address[country]".into(), "US".into())));
    }
}
