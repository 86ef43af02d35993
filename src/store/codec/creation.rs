//! Stored forms of a creation, and of since when customers are created.

use crate::model::creation::{Creation, Sent, Stage};
use crate::model::time::Timestamp;
use crate::model::work::Subject;
use crate::store::codec::fields::{FieldsV2, from_fields, time, to_fields};
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use crate::sync::creation::{Since, Switched};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct CreationV1 {
    subject: String,
    stage: StageV1,
    attempts: u32,
    number: u64,
    ordered_by: Option<String>,
    request: Option<SentV1>,
    decided_at: i64,
    due_at: i64,
}

/// As version 1, and since when the customer is not shown.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct CreationV2 {
    first: CreationV1,
    gone_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
enum StageV1 {
    Offered,
    Waiting,
    Unknown(i64),
    Dead(i64),
}

#[derive(Serialize, Deserialize)]
struct SentV1 {
    values: FieldsV2,
    body: Option<String>,
    at: i64,
}

impl Record for Creation {
    const TAG: Tag = Tag::Creation;
    const VERSION: u16 = 2;
    type Newest = CreationV2;

    fn to_newest(&self) -> Result<CreationV2, RecordError> {
        check(self)?;
        let first = CreationV1 {
            subject: self.subject.to_string(),
            stage: match self.stage {
                Stage::Offered => StageV1::Offered,
                Stage::Waiting => StageV1::Waiting,
                Stage::Unknown(at) => StageV1::Unknown(at.micros()),
                Stage::Dead(at) => StageV1::Dead(at.micros()),
            },
            attempts: self.attempts,
            number: self.number,
            ordered_by: self.ordered_by.clone(),
            request: self.request.as_ref().map(|sent| SentV1 {
                values: from_fields(&sent.values),
                body: sent.body.clone(),
                at: sent.at.micros(),
            }),
            decided_at: self.decided_at.micros(),
            due_at: self.due_at.micros(),
        };
        let gone_at = self.gone_at.map(Timestamp::micros);
        Ok(CreationV2 { first, gone_at })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        let creation = match version {
            1 => Self::try_from(body::<CreationV1>(bytes)?)?,
            2 => return body::<CreationV2>(bytes)?.try_into(),
            _ => return Err(RecordError::Version(version)),
        };
        check(&creation)?;
        Ok(creation)
    }
}

fn check(creation: &Creation) -> Result<(), RecordError> {
    match creation.stage {
        Stage::Unknown(_) if creation.request.is_none() => Err(RecordError::Rule(
            "a creation of unknown outcome sent nothing",
        )),
        _ if creation.request.is_some() && creation.number == 0 => {
            Err(RecordError::Rule("a request of a creation has no number"))
        }
        _ => Ok(()),
    }
}

impl TryFrom<CreationV2> for Creation {
    type Error = RecordError;

    fn try_from(stored: CreationV2) -> Result<Self, RecordError> {
        let creation = Self {
            gone_at: stored.gone_at.map(time),
            ..Self::try_from(stored.first)?
        };
        check(&creation)?;
        Ok(creation)
    }
}

impl TryFrom<CreationV1> for Creation {
    type Error = RecordError;

    fn try_from(stored: CreationV1) -> Result<Self, RecordError> {
        let sent = |sent: SentV1| {
            Ok::<_, RecordError>(Sent {
                values: to_fields(sent.values)?,
                body: sent.body,
                at: time(sent.at),
            })
        };
        Ok(Self {
            subject: Subject::parse(&stored.subject)?,
            stage: match stored.stage {
                StageV1::Offered => Stage::Offered,
                StageV1::Waiting => Stage::Waiting,
                StageV1::Unknown(at) => Stage::Unknown(time(at)),
                StageV1::Dead(at) => Stage::Dead(time(at)),
            },
            attempts: stored.attempts,
            number: stored.number,
            ordered_by: stored.ordered_by,
            request: stored.request.map(sent).transpose()?,
            decided_at: time(stored.decided_at),
            due_at: time(stored.due_at),
            gone_at: None,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct SwitchedV1 {
    stripe: Option<SinceV1>,
    zenskar: Option<SinceV1>,
}

#[derive(Serialize, Deserialize)]
struct SinceV1 {
    here: i64,
    source: Option<i64>,
}

impl Record for Switched {
    const TAG: Tag = Tag::Switched;
    const VERSION: u16 = 1;
    type Newest = SwitchedV1;

    fn to_newest(&self) -> Result<SwitchedV1, RecordError> {
        let since = |since: Since| SinceV1 {
            here: since.here.micros(),
            source: since.source.map(Timestamp::micros),
        };
        Ok(SwitchedV1 {
            stripe: self.stripe.map(since),
            zenskar: self.zenskar.map(since),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => body::<SwitchedV1>(bytes).map(Self::from),
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl From<SwitchedV1> for Switched {
    fn from(stored: SwitchedV1) -> Self {
        let since = |since: SinceV1| Since {
            here: time(since.here),
            source: since.source.map(time),
        };
        Self {
            stripe: stored.stripe.map(since),
            zenskar: stored.zenskar.map(since),
        }
    }
}

#[cfg(test)]
mod tests;
