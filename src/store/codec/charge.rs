//! Stored forms of a charge run and of its lines.

use crate::model::charge::{ChargeLine, ChargeRun, LineCounts, LineState};
use crate::model::id::InvoiceId;
use crate::store::codec::collection::MoneyV1;
use crate::store::codec::fields::time;
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct ChargeRunV1 {
    number: u64,
    by: String,
    at: i64,
    waiting: u64,
    begun: u64,
    skipped: u64,
    paused_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct ChargeLineV1 {
    run: u64,
    invoice: String,
    name: String,
    confirmed: Option<MoneyV1>,
    state: LineStateV1,
    due_at: i64,
    note: Option<String>,
}

#[derive(Serialize, Deserialize)]
enum LineStateV1 {
    Waiting,
    Begun(u64),
    Skipped(String),
}

impl Record for ChargeRun {
    const TAG: Tag = Tag::ChargeRun;
    const VERSION: u16 = 1;
    type Newest = ChargeRunV1;

    fn to_newest(&self) -> Result<ChargeRunV1, RecordError> {
        Ok(ChargeRunV1 {
            number: self.number,
            by: self.by.clone(),
            at: self.at.micros(),
            waiting: self.counts.waiting,
            begun: self.counts.begun,
            skipped: self.counts.skipped,
            paused_at: self.paused_at.map(|at| at.micros()),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => {
                let stored: ChargeRunV1 = body(bytes)?;
                Ok(Self {
                    number: stored.number,
                    by: stored.by,
                    at: time(stored.at),
                    counts: LineCounts {
                        waiting: stored.waiting,
                        begun: stored.begun,
                        skipped: stored.skipped,
                    },
                    paused_at: stored.paused_at.map(time),
                })
            }
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl Record for ChargeLine {
    const TAG: Tag = Tag::ChargeLine;
    const VERSION: u16 = 1;
    type Newest = ChargeLineV1;

    fn to_newest(&self) -> Result<ChargeLineV1, RecordError> {
        Ok(ChargeLineV1 {
            run: self.run,
            invoice: self.invoice.to_string(),
            name: self.name.clone(),
            confirmed: self.confirmed.map(MoneyV1::from),
            state: match &self.state {
                LineState::Waiting => LineStateV1::Waiting,
                LineState::Begun(number) => LineStateV1::Begun(*number),
                LineState::Skipped(why) => LineStateV1::Skipped(why.clone()),
            },
            due_at: self.due_at.micros(),
            note: self.note.clone(),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => {
                let stored: ChargeLineV1 = body(bytes)?;
                Ok(Self {
                    run: stored.run,
                    invoice: InvoiceId::parse(&stored.invoice)?,
                    name: stored.name,
                    confirmed: stored.confirmed.map(TryInto::try_into).transpose()?,
                    state: match stored.state {
                        LineStateV1::Waiting => LineState::Waiting,
                        LineStateV1::Begun(number) => LineState::Begun(number),
                        LineStateV1::Skipped(why) => LineState::Skipped(why),
                    },
                    due_at: time(stored.due_at),
                    note: stored.note,
                })
            }
            _ => Err(RecordError::Version(version)),
        }
    }
}
