//! Stored form of a page of a listing.

use crate::model::mark::Mark;
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;

impl Record for Vec<Mark> {
    const TAG: Tag = Tag::Listed;
    const VERSION: u16 = 1;
    type Newest = Vec<u64>;

    fn to_newest(&self) -> Result<Vec<u64>, RecordError> {
        Ok(self.iter().map(|mark| mark.number()).collect())
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => {
                let stored: Vec<u64> = body(bytes)?;
                Ok(stored.into_iter().map(Mark::from_number).collect())
            }
            _ => Err(RecordError::Version(version)),
        }
    }
}
