//! Stored forms of fields, values and sides, which other records are made of.

use crate::model::customer::{Address, Field, Fields, Value};
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::store::error::RecordError;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum SideV1 {
    Stripe,
    Zenskar,
}

impl From<Side> for SideV1 {
    fn from(side: Side) -> Self {
        match side {
            Side::Stripe => Self::Stripe,
            Side::Zenskar => Self::Zenskar,
        }
    }
}

impl From<SideV1> for Side {
    fn from(side: SideV1) -> Self {
        match side {
            SideV1::Stripe => Self::Stripe,
            SideV1::Zenskar => Self::Zenskar,
        }
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum FieldV1 {
    Name,
    Email,
    Phone,
    Address,
}

impl From<Field> for FieldV1 {
    fn from(field: Field) -> Self {
        match field {
            Field::Name => Self::Name,
            Field::Email => Self::Email,
            Field::Phone => Self::Phone,
            Field::Address => Self::Address,
        }
    }
}

impl From<FieldV1> for Field {
    fn from(field: FieldV1) -> Self {
        match field {
            FieldV1::Name => Self::Name,
            FieldV1::Email => Self::Email,
            FieldV1::Phone => Self::Phone,
            FieldV1::Address => Self::Address,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) enum ValueV1 {
    Blank,
    Text(String),
    Address(AddressV1),
}

#[derive(Serialize, Deserialize)]
pub(super) struct AddressV1 {
    line1: String,
    line2: String,
    city: String,
    state: String,
    postal_code: String,
    country: String,
}

impl From<&Value> for ValueV1 {
    fn from(value: &Value) -> Self {
        match value {
            Value::Blank => Self::Blank,
            Value::Text(text) => Self::Text(text.clone()),
            Value::Address(address) => Self::Address(AddressV1 {
                line1: address.line1.clone(),
                line2: address.line2.clone(),
                city: address.city.clone(),
                state: address.state.clone(),
                postal_code: address.postal_code.clone(),
                country: address.country.clone(),
            }),
        }
    }
}

impl From<ValueV1> for Value {
    fn from(value: ValueV1) -> Self {
        match value {
            ValueV1::Blank => Self::Blank,
            ValueV1::Text(text) => Self::Text(text),
            ValueV1::Address(address) => Self::Address(Address {
                line1: address.line1,
                line2: address.line2,
                city: address.city,
                state: address.state,
                postal_code: address.postal_code,
                country: address.country,
            }),
        }
    }
}

/// Values by field, ascending.
pub(super) type FieldsV1 = Vec<(FieldV1, ValueV1)>;

pub(super) fn from_fields(fields: &Fields) -> FieldsV1 {
    fields
        .iter()
        .map(|(field, value)| (FieldV1::from(*field), ValueV1::from(value)))
        .collect()
}

pub(super) fn to_fields(stored: FieldsV1) -> Result<Fields, RecordError> {
    ascending(
        stored
            .into_iter()
            .map(|(field, value)| (field.into(), value.into())),
    )
}

/// The map of `pairs`, which have to come in ascending order.
pub(super) fn ascending<K: Ord + Copy, V, M: FromIterator<(K, V)>>(
    pairs: impl Iterator<Item = (K, V)>,
) -> Result<M, RecordError> {
    let mut last = None;
    pairs
        .map(|(key, value)| {
            if last.is_some_and(|last| last >= key) {
                return Err(RecordError::Rule("fields are out of order"));
            }
            last = Some(key);
            Ok((key, value))
        })
        .collect()
}

pub(super) const fn time(at: i64) -> Timestamp {
    Timestamp::from_micros(at)
}
