//! The canonical customer: the same value whichever of the two systems it was read from.
//!
//! Both systems have several ways to say "nothing" (absent, `null`, empty text); here there is
//! one, [`Value::Blank`]. Text is kept as written except for white space at its ends.

use std::collections::BTreeMap;
use std::fmt;

/// A field that the connector keeps in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Stripe `name`, Zenskar `customer_name`.
    Name,
    /// `email` on both sides.
    Email,
    /// Stripe `phone`, Zenskar `phone_number`.
    Phone,
    /// `address` on both sides, moved as a whole.
    Address,
}

impl Field {
    /// Every field, in the order people read them.
    pub const ALL: [Self; 4] = [Self::Name, Self::Email, Self::Phone, Self::Address];

    /// The field's name in configuration, logs, status and the journal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Address => "address",
        }
    }

    /// The field with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a field holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Nothing: absent, `null` and empty text are one.
    #[default]
    Blank,
    /// Text without white space at its ends, never empty.
    Text(String),
    /// A postal address with at least one part.
    Address(Address),
}

impl Value {
    /// Text as a value: trimmed, and blank when nothing is left.
    #[must_use]
    pub fn text(text: &str) -> Self {
        match text.trim() {
            "" => Self::Blank,
            trimmed => Self::Text(trimmed.to_owned()),
        }
    }

    /// An address as a value: blank when all its parts are.
    #[must_use]
    pub fn address(address: Address) -> Self {
        if address == Address::default() {
            Self::Blank
        } else {
            Self::Address(address)
        }
    }

    /// Whether the field holds nothing.
    #[must_use]
    pub const fn is_blank(&self) -> bool {
        matches!(self, Self::Blank)
    }
}

impl fmt::Display for Value {
    /// For people: the text, the address on one line, or `(blank)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("(blank)"),
            Self::Text(text) => f.write_str(text),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// A postal address; an empty part is blank.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// First line.
    pub line1: String,
    /// Second line; Zenskar's third line is joined to it, since Stripe has two.
    pub line2: String,
    /// City.
    pub city: String,
    /// State, county, province or region, as written.
    pub state: String,
    /// Stripe `postal_code`, Zenskar `zipCode`.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2 in upper case where the code is known, else as written.
    pub country: String,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            &self.line1,
            &self.line2,
            &self.postal_code,
            &self.city,
            &self.state,
            &self.country,
        ];
        let mut separator = "";
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            write!(f, "{separator}{part}")?;
            separator = ", ";
        }
        Ok(())
    }
}

/// Values by field. Whether a missing field means "blank" or "not known" is said where it is used.
pub type Fields = BTreeMap<Field, Value>;

/// The customer as one side holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customer {
    fields: Fields,
}

impl Customer {
    /// A customer with these values; a field not named is blank.
    #[must_use]
    pub fn new(fields: Fields) -> Self {
        let fields = fields
            .into_iter()
            .filter(|(_, value)| !value.is_blank())
            .collect();
        Self { fields }
    }

    /// What `field` holds.
    #[must_use]
    pub fn value(&self, field: Field) -> &Value {
        static BLANK: Value = Value::Blank;
        self.fields.get(&field).unwrap_or(&BLANK)
    }

    /// The fields that are not blank.
    #[must_use]
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }
}

/// What a look at one side found under an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The customer is there.
    Present(Customer),
    /// The side says it was deleted, or knows nothing by this id.
    Deleted,
}

impl Presence {
    /// The customer, unless it is deleted.
    #[must_use]
    pub const fn customer(&self) -> Option<&Customer> {
        match self {
            Self::Present(customer) => Some(customer),
            Self::Deleted => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_in_one_way() {
        assert_eq!(Value::text(""), Value::Blank);
        assert_eq!(Value::text(" \t"), Value::Blank);
        assert_eq!(Value::address(Address::default()), Value::Blank);
        let blank = Customer::new([(Field::Name, Value::Blank)].into());
        assert_eq!(blank, Customer::default());
        assert_eq!(blank.value(Field::Name), &Value::Blank);
    }

    #[test]
    fn field_names_come_back() {
        for field in Field::ALL {
            assert_eq!(Field::parse(field.as_str()), Some(field));
        }
        assert_eq!(Field::parse("Name"), None);
    }

    #[test]
    fn an_address_prints_without_its_blank_parts() {
        let address = Address {
            line1: "1 Rue de la Paix".into(),
            city: "Paris".into(),
            country: "FR".into(),
            ..Address::default()
        };
        assert_eq!(address.to_string(), "1 Rue de la Paix, Paris, FR");
    }
}
