//! Stored form of a freeze of charges.

use crate::model::freeze::Freeze;
use crate::store::codec::fields::time;
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct FreezeV1 {
    at: i64,
    by: String,
    reason: String,
}

impl Record for Freeze {
    const TAG: Tag = Tag::Freeze;
    const VERSION: u16 = 1;
    type Newest = FreezeV1;

    fn to_newest(&self) -> Result<FreezeV1, RecordError> {
        Ok(FreezeV1 {
            at: self.at.micros(),
            by: self.by.clone(),
            reason: self.reason.clone(),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => {
                let stored: FreezeV1 = body(bytes)?;
                Ok(Self {
                    at: time(stored.at),
                    by: stored.by,
                    reason: stored.reason,
                })
            }
            _ => Err(RecordError::Version(version)),
        }
    }
}
