//! Stored forms of a redrive, and of a dead letter that was dropped, with what went with it.

use crate::model::creation::Creation;
use crate::model::dead::{Dropped, Kept, Redrive, RedriveEnd};
use crate::store::codec::creation::CreationV2;
use crate::store::codec::fields::{FieldsV2, from_fields, time, to_fields};
use crate::store::codec::intent::IntentV2;
use crate::store::codec::work::DeadLetterV2;
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use crate::store::outbox::Scheduled;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct DroppedV1 {
    letter: DeadLetterV2,
    kept: KeptV1,
    at: i64,
    who: String,
}

#[derive(Serialize, Deserialize)]
enum KeptV1 {
    Nothing,
    Intent {
        intent: IntentV2,
        linked_at: i64,
        base: FieldsV2,
    },
    Creation(CreationV2),
}

impl Record for Dropped {
    const TAG: Tag = Tag::Dropped;
    const VERSION: u16 = 1;
    type Newest = DroppedV1;

    fn to_newest(&self) -> Result<DroppedV1, RecordError> {
        Ok(DroppedV1 {
            letter: self.letter.to_newest()?,
            kept: match &self.kept {
                Kept::Nothing => KeptV1::Nothing,
                Kept::Intent {
                    intent,
                    linked_at,
                    base,
                } => {
                    let (intent, due_at) = (intent.clone(), None);
                    KeptV1::Intent {
                        intent: Scheduled { intent, due_at }.to_newest()?,
                        linked_at: linked_at.micros(),
                        base: from_fields(base),
                    }
                }
                Kept::Creation(creation) => KeptV1::Creation(creation.to_newest()?),
            },
            at: self.at.micros(),
            who: self.who.clone(),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        if version != 1 {
            return Err(RecordError::Version(version));
        }
        let stored: DroppedV1 = body(bytes)?;
        Ok(Self {
            letter: stored.letter.try_into()?,
            kept: match stored.kept {
                KeptV1::Nothing => Kept::Nothing,
                KeptV1::Intent {
                    intent,
                    linked_at,
                    base,
                } => Kept::Intent {
                    intent: Scheduled::try_from(intent)?.intent,
                    linked_at: time(linked_at),
                    base: to_fields(base)?,
                },
                KeptV1::Creation(creation) => Kept::Creation(Creation::try_from(creation)?),
            },
            at: time(stored.at),
            who: stored.who,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct RedriveV1 {
    reason: Option<String>,
    who: String,
    begun_at: i64,
    until: u64,
    after: u64,
    total: u64,
    done: u64,
    end: Option<(i64, RedriveEndV1)>,
}

#[derive(Serialize, Deserialize)]
enum RedriveEndV1 {
    Finished,
    Cancelled(String),
}

impl Record for Redrive {
    const TAG: Tag = Tag::Redrive;
    const VERSION: u16 = 1;
    type Newest = RedriveV1;

    fn to_newest(&self) -> Result<RedriveV1, RecordError> {
        let end = self.end.as_ref().map(|(at, how)| {
            let how = match how {
                RedriveEnd::Finished => RedriveEndV1::Finished,
                RedriveEnd::Cancelled(who) => RedriveEndV1::Cancelled(who.clone()),
            };
            (at.micros(), how)
        });
        Ok(RedriveV1 {
            reason: self.reason.clone(),
            who: self.who.clone(),
            begun_at: self.begun_at.micros(),
            until: self.until,
            after: self.after,
            total: self.total,
            done: self.done,
            end,
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        if version != 1 {
            return Err(RecordError::Version(version));
        }
        let stored: RedriveV1 = body(bytes)?;
        let end = stored.end.map(|(at, how)| {
            let how = match how {
                RedriveEndV1::Finished => RedriveEnd::Finished,
                RedriveEndV1::Cancelled(who) => RedriveEnd::Cancelled(who),
            };
            (time(at), how)
        });
        Ok(Self {
            reason: stored.reason,
            who: stored.who,
            begun_at: time(stored.begun_at),
            until: stored.until,
            after: stored.after,
            total: stored.total,
            done: stored.done,
            end,
        })
    }
}
