//! Stored form of the place of the poller of Zenskar's customers.

use crate::model::cursor::{ChangeCursor, ChangeFilter, ChangeWindow};
use crate::model::time::Timestamp;
use crate::store::codec::fields::time;
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct ChangeCursorV1 {
    high: Option<i64>,
    window: Option<ChangeWindowV1>,
    filter: ChangeFilterV1,
}

#[derive(Serialize, Deserialize)]
struct ChangeWindowV1 {
    from: i64,
    to: i64,
    after: Option<String>,
    rows: u64,
    found: u64,
    restarts: u32,
}

#[derive(Serialize, Deserialize)]
enum ChangeFilterV1 {
    Untold,
    Works,
    Ignored,
}

impl Record for ChangeCursor {
    const TAG: Tag = Tag::ChangeCursor;
    const VERSION: u16 = 1;
    type Newest = ChangeCursorV1;

    fn to_newest(&self) -> Result<ChangeCursorV1, RecordError> {
        Ok(ChangeCursorV1 {
            high: self.high.map(Timestamp::micros),
            window: self.window.as_ref().map(|window| ChangeWindowV1 {
                from: window.from.micros(),
                to: window.to.micros(),
                after: window.after.clone(),
                rows: window.rows,
                found: window.found,
                restarts: window.restarts,
            }),
            filter: match self.filter {
                ChangeFilter::Untold => ChangeFilterV1::Untold,
                ChangeFilter::Works => ChangeFilterV1::Works,
                ChangeFilter::Ignored => ChangeFilterV1::Ignored,
            },
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => body::<ChangeCursorV1>(bytes).map(Self::from),
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl From<ChangeCursorV1> for ChangeCursor {
    fn from(stored: ChangeCursorV1) -> Self {
        Self {
            high: stored.high.map(time),
            window: stored.window.map(|window| ChangeWindow {
                from: time(window.from),
                to: time(window.to),
                after: window.after,
                rows: window.rows,
                found: window.found,
                restarts: window.restarts,
            }),
            filter: match stored.filter {
                ChangeFilterV1::Untold => ChangeFilter::Untold,
                ChangeFilterV1::Works => ChangeFilter::Works,
                ChangeFilterV1::Ignored => ChangeFilter::Ignored,
            },
        }
    }
}
