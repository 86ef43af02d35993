//! Stored forms of fields, values and sides, which other records are made of.

use crate::model::customer::{Address, Field, Fields, TaxId, Value};
use crate::model::link::Side;
use crate::model::pair::Pair;
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

/// A field. Version 1 ended with `Address`: what it wrote reads the same in version 2, whose
/// variants stand behind those, as every version's have to.
#[derive(Clone, Serialize, Deserialize)]
pub(super) enum FieldV2 {
    Name,
    Email,
    Phone,
    Address,
    ShippingName,
    ShippingPhone,
    ShippingAddress,
    Locale,
    TaxIds,
    Metadata { stripe: String, zenskar: String },
}

impl From<Field> for FieldV2 {
    fn from(field: Field) -> Self {
        match field {
            Field::Name => Self::Name,
            Field::Email => Self::Email,
            Field::Phone => Self::Phone,
            Field::Address => Self::Address,
            Field::ShippingName => Self::ShippingName,
            Field::ShippingPhone => Self::ShippingPhone,
            Field::ShippingAddress => Self::ShippingAddress,
            Field::Locale => Self::Locale,
            Field::TaxIds => Self::TaxIds,
            Field::Metadata(pair) => Self::Metadata {
                stripe: pair.stripe().to_owned(),
                zenskar: pair.zenskar().to_owned(),
            },
        }
    }
}

impl TryFrom<FieldV2> for Field {
    type Error = RecordError;

    fn try_from(field: FieldV2) -> Result<Self, RecordError> {
        Ok(match field {
            FieldV2::Name => Self::Name,
            FieldV2::Email => Self::Email,
            FieldV2::Phone => Self::Phone,
            FieldV2::Address => Self::Address,
            FieldV2::ShippingName => Self::ShippingName,
            FieldV2::ShippingPhone => Self::ShippingPhone,
            FieldV2::ShippingAddress => Self::ShippingAddress,
            FieldV2::Locale => Self::Locale,
            FieldV2::TaxIds => Self::TaxIds,
            FieldV2::Metadata { stripe, zenskar } => {
                let pair = Pair::new(&stripe, &zenskar);
                Self::Metadata(pair.map_err(|_| RecordError::Rule("a pair of names is none"))?)
            }
        })
    }
}

/// A value. Version 1 ended with `Address`; as with [`FieldV2`], more stand behind it.
#[derive(Serialize, Deserialize)]
pub(super) enum ValueV2 {
    Blank,
    Text(String),
    Address(AddressV1),
    TaxIds(Vec<TaxIdV2>),
    Nested(String),
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

#[derive(Serialize, Deserialize)]
pub(super) struct TaxIdV2 {
    country: String,
    kind: String,
    id: String,
}

impl From<&Value> for ValueV2 {
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
            Value::TaxIds(ids) => Self::TaxIds(ids.iter().map(TaxIdV2::from).collect()),
            Value::Nested(json) => Self::Nested(json.clone()),
        }
    }
}

impl From<&TaxId> for TaxIdV2 {
    fn from(id: &TaxId) -> Self {
        Self {
            country: id.country.clone(),
            kind: id.kind.clone(),
            id: id.id.clone(),
        }
    }
}

impl From<ValueV2> for Value {
    fn from(value: ValueV2) -> Self {
        match value {
            ValueV2::Blank => Self::Blank,
            ValueV2::Text(text) => Self::Text(text),
            ValueV2::Address(address) => Self::Address(Address {
                line1: address.line1,
                line2: address.line2,
                city: address.city,
                state: address.state,
                postal_code: address.postal_code,
                country: address.country,
            }),
            ValueV2::TaxIds(ids) => {
                let ids = ids.into_iter().map(|id| TaxId {
                    country: id.country,
                    kind: id.kind,
                    id: id.id,
                });
                Self::TaxIds(ids.collect())
            }
            ValueV2::Nested(json) => Self::Nested(json),
        }
    }
}

/// Values by field, ascending.
pub(super) type FieldsV2 = Vec<(FieldV2, ValueV2)>;

pub(super) fn from_fields(fields: &Fields) -> FieldsV2 {
    fields
        .iter()
        .map(|(field, value)| (FieldV2::from(*field), ValueV2::from(value)))
        .collect()
}

pub(super) fn to_fields(stored: FieldsV2) -> Result<Fields, RecordError> {
    ascending(
        stored
            .into_iter()
            .map(|(field, value)| Ok((Field::try_from(field)?, value.into()))),
    )
}

/// The map of `pairs`, which have to come in ascending order.
pub(super) fn ascending<K: Ord + Copy, V, M: FromIterator<(K, V)>>(
    pairs: impl Iterator<Item = Result<(K, V), RecordError>>,
) -> Result<M, RecordError> {
    let mut last = None;
    pairs
        .map(|pair| {
            let (key, value) = pair?;
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
