//! Stored form of an intent and of when it is due.
//!
//! Version 2 knows more fields and values than version 1, all behind those of version 1, so that
//! one form reads both.

use crate::model::customer::Field;
use crate::model::id::StripeCustomerId;
use crate::model::intent::{Change, Intent, Progress};
use crate::model::time::Timestamp;
use crate::store::codec::fields::{FieldV2, SideV1, ValueV2, ascending, time};
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use crate::store::outbox::Scheduled;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct IntentV2 {
    number: u64,
    link: String,
    target: SideV1,
    changes: Vec<(FieldV2, ChangeV2)>,
    progress: ProgressV1,
    attempts: u32,
    decided_at: i64,
    observed_at: i64,
    due_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct ChangeV2 {
    from: ValueV2,
    to: ValueV2,
}

#[derive(Serialize, Deserialize)]
enum ProgressV1 {
    Waiting,
    Unknown(i64),
    Replaced(i64),
    Dead(i64),
}

impl Record for Scheduled {
    const TAG: Tag = Tag::Intent;
    const VERSION: u16 = 2;
    type Newest = IntentV2;

    fn to_newest(&self) -> Result<IntentV2, RecordError> {
        check(self)?;
        let intent = &self.intent;
        Ok(IntentV2 {
            number: intent.number,
            link: intent.link.as_str().to_owned(),
            target: intent.target.into(),
            changes: intent
                .changes
                .iter()
                .map(|(field, change)| {
                    let change = ChangeV2 {
                        from: (&change.from).into(),
                        to: (&change.to).into(),
                    };
                    (FieldV2::from(*field), change)
                })
                .collect(),
            progress: match intent.progress {
                Progress::Waiting => ProgressV1::Waiting,
                Progress::Unknown(at) => ProgressV1::Unknown(at.micros()),
                Progress::Replaced(at) => ProgressV1::Replaced(at.micros()),
                Progress::Dead(at) => ProgressV1::Dead(at.micros()),
            },
            attempts: intent.attempts,
            decided_at: intent.decided_at.micros(),
            observed_at: intent.observed_at.micros(),
            due_at: self.due_at.map(Timestamp::micros),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 | 2 => body::<IntentV2>(bytes)?.try_into(),
            _ => Err(RecordError::Version(version)),
        }
    }
}

fn check(scheduled: &Scheduled) -> Result<(), RecordError> {
    if scheduled.intent.changes.is_empty() {
        Err(RecordError::Rule("an intent changes nothing"))
    } else if scheduled.due_at.is_some() && !scheduled.intent.is_open() {
        Err(RecordError::Rule("an intent that is not open is due"))
    } else {
        Ok(())
    }
}

impl TryFrom<IntentV2> for Scheduled {
    type Error = RecordError;

    fn try_from(stored: IntentV2) -> Result<Self, RecordError> {
        let changes = stored.changes.into_iter().map(|(field, change)| {
            let change = Change {
                from: change.from.into(),
                to: change.to.into(),
            };
            Ok((Field::try_from(field)?, change))
        });
        let intent = Intent {
            number: stored.number,
            link: StripeCustomerId::parse(&stored.link)?,
            target: stored.target.into(),
            changes: ascending(changes)?,
            progress: match stored.progress {
                ProgressV1::Waiting => Progress::Waiting,
                ProgressV1::Unknown(at) => Progress::Unknown(time(at)),
                ProgressV1::Replaced(at) => Progress::Replaced(time(at)),
                ProgressV1::Dead(at) => Progress::Dead(time(at)),
            },
            attempts: stored.attempts,
            decided_at: time(stored.decided_at),
            observed_at: time(stored.observed_at),
        };
        let scheduled = Self {
            intent,
            due_at: stored.due_at.map(time),
        };
        check(&scheduled)?;
        Ok(scheduled)
    }
}
