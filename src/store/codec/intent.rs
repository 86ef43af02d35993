//! Stored form of an intent and of when it is due.

use crate::model::id::StripeCustomerId;
use crate::model::intent::{Change, Intent, Progress};
use crate::model::time::Timestamp;
use crate::store::codec::fields::{FieldV1, SideV1, ValueV1, ascending, time};
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use crate::store::outbox::Scheduled;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct IntentV1 {
    number: u64,
    link: String,
    target: SideV1,
    changes: Vec<(FieldV1, ChangeV1)>,
    progress: ProgressV1,
    attempts: u32,
    decided_at: i64,
    observed_at: i64,
    due_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct ChangeV1 {
    from: ValueV1,
    to: ValueV1,
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
    const VERSION: u16 = 1;
    type Newest = IntentV1;

    fn to_newest(&self) -> Result<IntentV1, RecordError> {
        check(self)?;
        let intent = &self.intent;
        Ok(IntentV1 {
            number: intent.number,
            link: intent.link.as_str().to_owned(),
            target: intent.target.into(),
            changes: intent
                .changes
                .iter()
                .map(|(field, change)| {
                    let change = ChangeV1 {
                        from: (&change.from).into(),
                        to: (&change.to).into(),
                    };
                    (FieldV1::from(*field), change)
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
        let scheduled = match version {
            1 => Self::try_from(body::<IntentV1>(bytes)?)?,
            _ => return Err(RecordError::Version(version)),
        };
        check(&scheduled)?;
        Ok(scheduled)
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

impl TryFrom<IntentV1> for Scheduled {
    type Error = RecordError;

    fn try_from(stored: IntentV1) -> Result<Self, RecordError> {
        let changes = stored.changes.into_iter().map(|(field, change)| {
            let change = Change {
                from: change.from.into(),
                to: change.to.into(),
            };
            (field.into(), change)
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
        Ok(Self {
            intent,
            due_at: stored.due_at.map(time),
        })
    }
}
