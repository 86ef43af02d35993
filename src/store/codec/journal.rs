//! Stored form of an entry of the journal.

use crate::model::journal::Entry;
use crate::store::codec::fields::time;
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct EntryV1 {
    at: i64,
    what: String,
    subject: String,
    who: String,
    details: Vec<(String, String)>,
}

impl Record for Entry {
    const TAG: Tag = Tag::Entry;
    const VERSION: u16 = 1;
    type Newest = EntryV1;

    fn to_newest(&self) -> Result<EntryV1, RecordError> {
        Ok(EntryV1 {
            at: self.at.micros(),
            what: self.what.clone(),
            subject: self.subject.clone(),
            who: self.who.clone(),
            details: self.details.clone(),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => Ok(body::<EntryV1>(bytes)?.into()),
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl From<EntryV1> for Entry {
    fn from(stored: EntryV1) -> Self {
        Self {
            at: time(stored.at),
            what: stored.what,
            subject: stored.subject,
            who: stored.who,
            details: stored.details,
        }
    }
}
