//! Stored form of what is active, and since when.
//!
//! Version 2 knows more fields than version 1, all behind those of version 1, so that one form
//! reads both.

use crate::model::customer::Field;
use crate::store::codec::fields::{FieldV2, SideV1, ascending, time};
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use crate::sync::activation::{Activations, Since};
use crate::sync::policy::Direction;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct ActivationsV2 {
    direction: Option<DirectionV1>,
    fields: Vec<(FieldV2, SinceV1)>,
}

#[derive(Serialize, Deserialize)]
enum DirectionV1 {
    From(SideV1),
    Both,
}

#[derive(Serialize, Deserialize)]
struct SinceV1 {
    here: i64,
    stripe: Option<i64>,
}

impl Record for Activations {
    const TAG: Tag = Tag::Activations;
    const VERSION: u16 = 2;
    type Newest = ActivationsV2;

    fn to_newest(&self) -> Result<ActivationsV2, RecordError> {
        let fields = self.fields.iter().map(|(field, since)| {
            let since = SinceV1 {
                here: since.here.micros(),
                stripe: since.stripe.map(|at| at.micros()),
            };
            ((*field).into(), since)
        });
        Ok(ActivationsV2 {
            direction: self.direction.map(|direction| match direction {
                Direction::From(side) => DirectionV1::From(side.into()),
                Direction::Both => DirectionV1::Both,
            }),
            fields: fields.collect(),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 | 2 => body::<ActivationsV2>(bytes)?.try_into(),
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl TryFrom<ActivationsV2> for Activations {
    type Error = RecordError;

    fn try_from(stored: ActivationsV2) -> Result<Self, RecordError> {
        Ok(Self {
            direction: stored.direction.map(|direction| match direction {
                DirectionV1::From(side) => Direction::From(side.into()),
                DirectionV1::Both => Direction::Both,
            }),
            fields: ascending(stored.fields.into_iter().map(|(field, since)| {
                let since = Since {
                    here: time(since.here),
                    stripe: since.stripe.map(time),
                };
                Ok((Field::try_from(field)?, since))
            }))?,
        })
    }
}
