//! Stored forms of work and of dead letters.
//!
//! Version 2 of a dead letter knows one more kind than version 1, behind the others, so that one
//! form reads both.

use crate::model::id::StripeCustomerId;
use crate::model::work::{DeadLetter, DeadWork, Subject, WORK_EVENTS_MAX, Work};
use crate::store::codec::fields::time;
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct WorkV1 {
    subject: String,
    events: Vec<u64>,
    asked: u64,
    since: i64,
    due_at: i64,
    attempts: u32,
    last_error: Option<String>,
}

impl Record for Work {
    const TAG: Tag = Tag::Work;
    const VERSION: u16 = 1;
    type Newest = WorkV1;

    fn to_newest(&self) -> Result<WorkV1, RecordError> {
        check(self)?;
        Ok(WorkV1 {
            subject: self.subject.to_string(),
            events: self.events.clone(),
            asked: self.asked,
            since: self.since.micros(),
            due_at: self.due_at.micros(),
            attempts: self.attempts,
            last_error: self.last_error.clone(),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => body::<WorkV1>(bytes)?.try_into(),
            _ => Err(RecordError::Version(version)),
        }
    }
}

fn check(work: &Work) -> Result<(), RecordError> {
    if work.events.len() > WORK_EVENTS_MAX {
        Err(RecordError::Rule("work remembers too many events"))
    } else if !work.events.is_sorted_by(|a, b| a < b) {
        Err(RecordError::Rule("events of work are out of order"))
    } else {
        Ok(())
    }
}

impl TryFrom<WorkV1> for Work {
    type Error = RecordError;

    fn try_from(stored: WorkV1) -> Result<Self, RecordError> {
        let work = Self {
            subject: Subject::parse(&stored.subject)?,
            events: stored.events,
            asked: stored.asked,
            since: time(stored.since),
            due_at: time(stored.due_at),
            attempts: stored.attempts,
            last_error: stored.last_error,
        };
        check(&work)?;
        Ok(work)
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct DeadLetterV2 {
    number: u64,
    what: DeadWorkV2,
    reason: String,
    at: i64,
    attempts: u32,
}

#[derive(Serialize, Deserialize)]
enum DeadWorkV2 {
    Work(WorkV1),
    Intent(String, u64),
    Creation(String),
}

impl Record for DeadLetter {
    const TAG: Tag = Tag::DeadLetter;
    const VERSION: u16 = 2;
    type Newest = DeadLetterV2;

    fn to_newest(&self) -> Result<DeadLetterV2, RecordError> {
        Ok(DeadLetterV2 {
            number: self.number,
            what: match &self.what {
                DeadWork::Work(work) => DeadWorkV2::Work(work.to_newest()?),
                DeadWork::Intent(link, number) => {
                    DeadWorkV2::Intent(link.as_str().to_owned(), *number)
                }
                DeadWork::Creation(subject) => DeadWorkV2::Creation(subject.to_string()),
            },
            reason: self.reason.clone(),
            at: self.at.micros(),
            attempts: self.attempts,
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 | 2 => body::<DeadLetterV2>(bytes)?.try_into(),
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl TryFrom<DeadLetterV2> for DeadLetter {
    type Error = RecordError;

    fn try_from(stored: DeadLetterV2) -> Result<Self, RecordError> {
        Ok(Self {
            number: stored.number,
            what: match stored.what {
                DeadWorkV2::Work(work) => DeadWork::Work(work.try_into()?),
                DeadWorkV2::Intent(link, number) => {
                    DeadWork::Intent(StripeCustomerId::parse(&link)?, number)
                }
                DeadWorkV2::Creation(subject) => DeadWork::Creation(Subject::parse(&subject)?),
            },
            reason: stored.reason,
            at: time(stored.at),
            attempts: stored.attempts,
        })
    }
}
