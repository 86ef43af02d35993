//! The canonical customer: the same value whichever of the two systems it was read from.
//!
//! Both systems have several ways to say "nothing" (absent, `null`, empty text); here there is
//! one, [`Value::Blank`]. Text is kept as written except for white space at its ends.
//!
//! What was not read is not nothing: a side that did not show a field has no value for it, and
//! nothing follows from that ([`Customer::value`]).

use crate::model::link::Side;
use crate::model::pair::Pair;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Stripe `shipping.name`, Zenskar `custom_data.shipping_name`.
    ShippingName,
    /// Stripe `shipping.phone`, Zenskar `custom_data.shipping_phone`.
    ShippingPhone,
    /// Stripe `shipping.address`, Zenskar `ship_to_address`, moved as a whole.
    ShippingAddress,
    /// Stripe `preferred_locales[0]`, Zenskar `custom_data.preferred_locale`.
    Locale,
    /// Stripe `tax_ids`, Zenskar `tax_info`, moved as a whole and towards Zenskar only.
    TaxIds,
    /// A key of Stripe's `metadata`, and one of Zenskar's `custom_data`.
    Metadata(Pair),
}

impl Field {
    /// Every field that customers have by themselves, in the order people read them. Pairs of
    /// metadata come with the configuration.
    pub const ALL: [Self; 9] = [
        Self::Name,
        Self::Email,
        Self::Phone,
        Self::Address,
        Self::ShippingName,
        Self::ShippingPhone,
        Self::ShippingAddress,
        Self::Locale,
        Self::TaxIds,
    ];

    /// The field's name in configuration, logs, status and the journal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Address => "address",
            Self::ShippingName => "shipping.name",
            Self::ShippingPhone => "shipping.phone",
            Self::ShippingAddress => "shipping.address",
            Self::Locale => "locale",
            Self::TaxIds => "tax_ids",
            Self::Metadata(pair) => pair.field_name(),
        }
    }

    /// The field with this name, of those that customers have by themselves.
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
    /// Tax ids, at least one.
    TaxIds(BTreeSet<TaxId>),
    /// What has parts where only text is understood, as JSON: a list or an object in `custom_data`.
    /// It is shown and compared, and never written or written over.
    Nested(String),
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

    /// Tax ids as a value: blank when there are none.
    #[must_use]
    pub fn tax_ids(ids: BTreeSet<TaxId>) -> Self {
        if ids.is_empty() {
            Self::Blank
        } else {
            Self::TaxIds(ids)
        }
    }

    /// Whether the value has parts that we do not understand.
    #[must_use]
    pub const fn is_nested(&self) -> bool {
        matches!(self, Self::Nested(_))
    }

    /// Whether the field holds nothing.
    #[must_use]
    pub const fn is_blank(&self) -> bool {
        matches!(self, Self::Blank)
    }
}

impl fmt::Display for Value {
    /// For people: the text, the address or the tax ids on one line, or `(blank)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("(blank)"),
            Self::Text(text) => f.write_str(text),
            Self::Address(address) => address.fmt(f),
            Self::TaxIds(ids) => {
                let mut separator = "";
                for id in ids {
                    write!(f, "{separator}{id}")?;
                    separator = ", ";
                }
                Ok(())
            }
            Self::Nested(json) => f.write_str(json),
        }
    }
}

/// A number under which a tax authority knows the customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaxId {
    /// ISO 3166-1 alpha-2 in upper case, `EU` for an id of the union itself, or as written where
    /// no code is known.
    pub country: String,
    /// What kind of id it is there, in upper case, such as `VAT` or `GST`.
    pub kind: String,
    /// The id as written, never blank.
    pub id: String,
}

impl TaxId {
    /// The European Union itself, in the place of a country.
    pub const UNION: &'static str = "EU";

    /// The country that an id of value added tax of the European Union names by the letters it
    /// begins with, else the union. Greece writes `EL` there (Council Directive 2006/112/EC,
    /// article 215).
    #[must_use]
    pub fn union_member(id: &str) -> String {
        match id.get(..2).map(str::to_ascii_uppercase) {
            Some(letters) if letters == "EL" => "GR".to_owned(),
            Some(letters) if letters.bytes().all(|byte| byte.is_ascii_uppercase()) => letters,
            _ => Self::UNION.to_owned(),
        }
    }
}

impl fmt::Display for TaxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.country, &self.kind] {
            if !part.is_empty() {
                write!(f, "{part} ")?;
            }
        }
        f.write_str(&self.id)
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

/// The customer as one side showed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customer {
    fields: Fields,
    unread: BTreeSet<Field>,
    keyed: Option<(Side, BTreeMap<String, Value>)>,
    more_locales: Vec<String>,
}

impl Customer {
    /// A customer with these values. Of the fields that customers have by themselves, one that is
    /// not named is blank; a pair of metadata that is not named was not read.
    #[must_use]
    pub fn new(fields: Fields) -> Self {
        let pairs = |field: &Field| matches!(field, Field::Metadata(_));
        let fields = fields
            .into_iter()
            .filter(|(field, value)| !value.is_blank() || pairs(field))
            .collect();
        Self {
            fields,
            ..Self::default()
        }
    }

    /// The customer with all of its metadata (Stripe) or `custom_data` (Zenskar), by that side's
    /// own keys: a pair whose key is not among them is blank.
    #[must_use]
    pub fn with_keyed(self, side: Side, values: BTreeMap<String, Value>) -> Self {
        Self {
            keyed: Some((side, values)),
            ..self
        }
    }

    /// The customer whose `field` was not read.
    #[must_use]
    pub fn without(mut self, field: Field) -> Self {
        self.fields.remove(&field);
        self.unread.insert(field);
        self
    }

    /// The customer with languages that Stripe prefers less than [`Field::Locale`], in order.
    #[must_use]
    pub fn with_more_locales(self, more_locales: Vec<String>) -> Self {
        Self {
            more_locales,
            ..self
        }
    }

    /// What `field` holds; `None` when it was not read, which is neither blank nor a change.
    #[must_use]
    pub fn value(&self, field: Field) -> Option<&Value> {
        static BLANK: Value = Value::Blank;
        if self.unread.contains(&field) {
            return None;
        }
        match (self.fields.get(&field), field, &self.keyed) {
            (Some(value), ..) => Some(value),
            (None, Field::Metadata(_), None) => None,
            (None, Field::Metadata(pair), Some((side, values))) => {
                let key = match side {
                    Side::Stripe => pair.stripe(),
                    Side::Zenskar => pair.zenskar(),
                };
                Some(values.get(key).unwrap_or(&BLANK))
            }
            (None, ..) => Some(&BLANK),
        }
    }

    /// The languages that Stripe prefers less than [`Field::Locale`], in order.
    #[must_use]
    pub fn more_locales(&self) -> &[String] {
        &self.more_locales
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
        assert_eq!(blank.value(Field::Name), Some(&Value::Blank));
    }

    #[test]
    fn what_was_not_read_is_not_blank() {
        let pair = Field::Metadata(Pair::new("tier", "level").unwrap());
        let named = Customer::new([(Field::TaxIds, Value::text("x"))].into());
        assert_eq!(named.value(pair), None);
        assert_eq!(named.without(Field::TaxIds).value(Field::TaxIds), None);

        let values = BTreeMap::from([("tier".to_owned(), Value::text("gold"))]);
        let stripe = Customer::default().with_keyed(Side::Stripe, values.clone());
        assert_eq!(stripe.value(pair), Some(&Value::text("gold")));
        let zenskar = Customer::default().with_keyed(Side::Zenskar, values);
        assert_eq!(zenskar.value(pair), Some(&Value::Blank));
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
