//! Stored forms of the poller's and the scan's places.

use crate::model::cursor::{
    PollCursor, PollWindow, ScanCounts, ScanCursor, ScanPhase, StripeListing,
};
use crate::model::customer::Field;
use crate::model::id::{EventId, StripeCustomerId, ZenskarCustomerId};
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::store::codec::fields::{FieldV2, SideV1, ascending, time};
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

/// Version 2 also keeps what the listing of Zenskar needs.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct ScanCursorV2 {
    scan: ScanCursorV1,
    zenskar_started_at: Option<i64>,
    zenskar_swept_at: Option<i64>,
    sweep_wanted: bool,
    is_sweep: bool,
    missed_in_zenskar: u64,
}

/// Version 3 also keeps who was listed, and what differed.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct ScanCursorV3 {
    scan: ScanCursorV2,
    differing: Vec<((SideV1, FieldV2), u64)>,
    stripe_listed_until: Option<i64>,
    stripe_pages: u64,
    zenskar_pages: u64,
}

/// Version 4 also keeps the last listing of Stripe, and when the next one is due.
#[derive(Serialize, Deserialize)]
pub(in crate::store) struct ScanCursorV4 {
    scan: ScanCursorV3,
    zenskar_before: Option<i64>,
    listing: Option<StripeListingV1>,
    stripe_listed_at: Option<i64>,
    stripe_customers: u64,
    stripe_each_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct StripeListingV1 {
    began_at: i64,
    zenskar_before: Option<i64>,
    ended_at: i64,
    serves_until: Option<i64>,
    pages: u64,
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
    const VERSION: u16 = 4;
    type Newest = ScanCursorV4;

    fn to_newest(&self) -> Result<ScanCursorV4, RecordError> {
        Ok(ScanCursorV4 {
            scan: ScanCursorV3::from(self),
            zenskar_before: self.zenskar_before.map(Timestamp::micros),
            listing: self.listing.as_ref().map(StripeListingV1::from),
            stripe_listed_at: self.stripe_listed_at.map(Timestamp::micros),
            stripe_customers: self.stripe_customers,
            stripe_each_at: self.stripe_each_at.map(Timestamp::micros),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => body::<ScanCursorV1>(bytes)?.try_into(),
            2 => body::<ScanCursorV2>(bytes)?.try_into(),
            3 => body::<ScanCursorV3>(bytes)?.try_into(),
            4 => body::<ScanCursorV4>(bytes)?.try_into(),
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl From<&StripeListing> for StripeListingV1 {
    fn from(listing: &StripeListing) -> Self {
        Self {
            began_at: listing.began_at.micros(),
            zenskar_before: listing.zenskar_before.map(Timestamp::micros),
            ended_at: listing.ended_at.micros(),
            serves_until: listing.serves_until.map(Timestamp::micros),
            pages: listing.pages,
        }
    }
}

impl From<StripeListingV1> for StripeListing {
    fn from(stored: StripeListingV1) -> Self {
        Self {
            began_at: time(stored.began_at),
            zenskar_before: stored.zenskar_before.map(time),
            ended_at: time(stored.ended_at),
            serves_until: stored.serves_until.map(time),
            pages: stored.pages,
        }
    }
}

impl From<&ScanCursor> for ScanCursorV3 {
    fn from(cursor: &ScanCursor) -> Self {
        let differing = cursor.differing.iter();
        Self {
            scan: ScanCursorV2::from(cursor),
            differing: differing
                .map(|((side, field), count)| {
                    ((SideV1::from(*side), FieldV2::from(*field)), *count)
                })
                .collect(),
            stripe_listed_until: cursor.stripe_listed_until.map(Timestamp::micros),
            stripe_pages: cursor.stripe_pages,
            zenskar_pages: cursor.zenskar_pages,
        }
    }
}

impl TryFrom<ScanCursorV4> for ScanCursor {
    type Error = RecordError;

    fn try_from(stored: ScanCursorV4) -> Result<Self, RecordError> {
        Ok(Self {
            zenskar_before: stored.zenskar_before.map(time),
            listing: stored.listing.map(StripeListing::from),
            stripe_listed_at: stored.stripe_listed_at.map(time),
            stripe_customers: stored.stripe_customers,
            stripe_each_at: stored.stripe_each_at.map(time),
            ..Self::try_from(stored.scan)?
        })
    }
}

impl From<&ScanCursor> for ScanCursorV2 {
    fn from(cursor: &ScanCursor) -> Self {
        Self {
            scan: ScanCursorV1::from(cursor),
            zenskar_started_at: cursor.zenskar_started_at.map(Timestamp::micros),
            zenskar_swept_at: cursor.zenskar_swept_at.map(Timestamp::micros),
            sweep_wanted: cursor.sweep_wanted,
            is_sweep: cursor.is_sweep,
            missed_in_zenskar: cursor.found.missed_in_zenskar,
        }
    }
}

impl TryFrom<ScanCursorV3> for ScanCursor {
    type Error = RecordError;

    fn try_from(stored: ScanCursorV3) -> Result<Self, RecordError> {
        let differing = stored.differing.into_iter();
        Ok(Self {
            differing: ascending(differing.map(|((side, field), count)| {
                Ok(((Side::from(side), Field::try_from(field)?), count))
            }))?,
            stripe_listed_until: stored.stripe_listed_until.map(time),
            stripe_pages: stored.stripe_pages,
            zenskar_pages: stored.zenskar_pages,
            ..Self::try_from(stored.scan)?
        })
    }
}

impl TryFrom<ScanCursorV2> for ScanCursor {
    type Error = RecordError;

    fn try_from(stored: ScanCursorV2) -> Result<Self, RecordError> {
        let mut cursor = Self::try_from(stored.scan)?;
        cursor.zenskar_started_at = stored.zenskar_started_at.map(time);
        cursor.zenskar_swept_at = stored.zenskar_swept_at.map(time);
        cursor.sweep_wanted = stored.sweep_wanted;
        cursor.is_sweep = stored.is_sweep;
        cursor.found.missed_in_zenskar = stored.missed_in_zenskar;
        Ok(cursor)
    }
}

impl From<&ScanCursor> for ScanCursorV1 {
    fn from(cursor: &ScanCursor) -> Self {
        Self {
            phase: match &cursor.phase {
                ScanPhase::Idle => ScanPhaseV1::Idle,
                ScanPhase::Stripe(after) => {
                    ScanPhaseV1::Stripe(after.as_ref().map(ToString::to_string))
                }
                ScanPhase::Zenskar(after) => ScanPhaseV1::Zenskar(after.clone()),
            },
            started_at: cursor.started_at.micros(),
            stripe_started_at: cursor.stripe_started_at.map(Timestamp::micros),
            finished_at: cursor.finished_at.map(Timestamp::micros),
            wanted: cursor.wanted,
            unread_at: cursor.unread_at.map(Timestamp::micros),
            unread_again: cursor.unread_again.map(Timestamp::micros),
            found: ScanCountsV1 {
                stripe: cursor.found.stripe,
                zenskar: cursor.found.zenskar,
                linked: cursor.found.linked,
                unanswered: cursor.found.unanswered,
                claimed_twice: cursor.found.claimed_twice,
                missed: cursor.found.missed,
            },
            before: cursor.before.as_ref().map(ToString::to_string),
            handled: cursor.handled.as_ref().map(ToString::to_string),
            restarts: cursor.restarts,
            stopped: cursor.stopped.clone(),
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
                missed_in_zenskar: 0,
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
            ..Self::default()
        })
    }
}
