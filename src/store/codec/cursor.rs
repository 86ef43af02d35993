//! Stored forms of the poller's and the scan's places.

use crate::model::cursor::{PollCursor, PollWindow, ScanCounts, ScanCursor, ScanPhase};
use crate::model::id::{EventId, StripeCustomerId, ZenskarCustomerId};
use crate::model::time::Timestamp;
use crate::store::codec::fields::time;
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct PollCursorV1 {
    high: Option<i64>,
    window: Option<PollWindowV1>,
}

#[derive(Serialize, Deserialize)]
struct PollWindowV1 {
    from: i64,
    to: i64,
    after: Option<String>,
    found: u64,
    restarts: u32,
    gap: bool,
}

impl Record for PollCursor {
    const TAG: Tag = Tag::PollCursor;
    const VERSION: u16 = 1;
    type Newest = PollCursorV1;

    fn to_newest(&self) -> Result<PollCursorV1, RecordError> {
        Ok(PollCursorV1 {
            high: self.high.map(Timestamp::micros),
            window: self.window.as_ref().map(|window| PollWindowV1 {
                from: window.from.micros(),
                to: window.to.micros(),
                after: window.after.as_ref().map(ToString::to_string),
                found: window.found,
                restarts: window.restarts,
                gap: window.gap,
            }),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => body::<PollCursorV1>(bytes)?.try_into(),
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl TryFrom<PollCursorV1> for PollCursor {
    type Error = RecordError;

    fn try_from(stored: PollCursorV1) -> Result<Self, RecordError> {
        let window = match stored.window {
            None => None,
            Some(window) => Some(PollWindow {
                from: time(window.from),
                to: time(window.to),
                after: window.after.as_deref().map(EventId::parse).transpose()?,
                found: window.found,
                restarts: window.restarts,
                gap: window.gap,
            }),
        };
        Ok(Self {
            high: stored.high.map(time),
            window,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct ScanCursorV1 {
    phase: ScanPhaseV1,
    started_at: i64,
    stripe_started_at: Option<i64>,
    finished_at: Option<i64>,
    wanted: bool,
    unread_at: Option<i64>,
    unread_again: Option<i64>,
    found: ScanCountsV1,
    before: Option<String>,
    handled: Option<String>,
    restarts: u32,
    stopped: Option<String>,
}

#[derive(Serialize, Deserialize)]
enum ScanPhaseV1 {
    Idle,
    Stripe(Option<String>),
    Zenskar(Option<String>),
}

#[derive(Serialize, Deserialize)]
struct ScanCountsV1 {
    stripe: u64,
    zenskar: u64,
    linked: u64,
    unanswered: u64,
    claimed_twice: u64,
    missed: u64,
}

impl Record for ScanCursor {
    const TAG: Tag = Tag::ScanCursor;
    const VERSION: u16 = 1;
    type Newest = ScanCursorV1;

    fn to_newest(&self) -> Result<ScanCursorV1, RecordError> {
        Ok(ScanCursorV1 {
            phase: match &self.phase {
                ScanPhase::Idle => ScanPhaseV1::Idle,
                ScanPhase::Stripe(after) => {
                    ScanPhaseV1::Stripe(after.as_ref().map(ToString::to_string))
                }
                ScanPhase::Zenskar(after) => ScanPhaseV1::Zenskar(after.clone()),
            },
            started_at: self.started_at.micros(),
            stripe_started_at: self.stripe_started_at.map(Timestamp::micros),
            finished_at: self.finished_at.map(Timestamp::micros),
            wanted: self.wanted,
            unread_at: self.unread_at.map(Timestamp::micros),
            unread_again: self.unread_again.map(Timestamp::micros),
            found: ScanCountsV1 {
                stripe: self.found.stripe,
                zenskar: self.found.zenskar,
                linked: self.found.linked,
                unanswered: self.found.unanswered,
                claimed_twice: self.found.claimed_twice,
                missed: self.found.missed,
            },
            before: self.before.as_ref().map(ToString::to_string),
            handled: self.handled.as_ref().map(ToString::to_string),
            restarts: self.restarts,
            stopped: self.stopped.clone(),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => body::<ScanCursorV1>(bytes)?.try_into(),
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl TryFrom<ScanCursorV1> for ScanCursor {
    type Error = RecordError;

    fn try_from(stored: ScanCursorV1) -> Result<Self, RecordError> {
        Ok(Self {
            phase: match stored.phase {
                ScanPhaseV1::Idle => ScanPhase::Idle,
                ScanPhaseV1::Stripe(after) => {
                    ScanPhase::Stripe(after.as_deref().map(StripeCustomerId::parse).transpose()?)
                }
                ScanPhaseV1::Zenskar(after) => ScanPhase::Zenskar(after),
            },
            started_at: time(stored.started_at),
            stripe_started_at: stored.stripe_started_at.map(time),
            finished_at: stored.finished_at.map(time),
            wanted: stored.wanted,
            unread_at: stored.unread_at.map(time),
            unread_again: stored.unread_again.map(time),
            found: ScanCounts {
                stripe: stored.found.stripe,
                zenskar: stored.found.zenskar,
                linked: stored.found.linked,
                unanswered: stored.found.unanswered,
                claimed_twice: stored.found.claimed_twice,
                missed: stored.found.missed,
            },
            before: stored
                .before
                .as_deref()
                .map(StripeCustomerId::parse)
                .transpose()?,
            handled: stored
                .handled
                .as_deref()
                .map(ZenskarCustomerId::parse)
                .transpose()?,
            restarts: stored.restarts,
            stopped: stored.stopped,
        })
    }
}
