//! What people do with many dead letters, or take back: a redrive, and letters that were dropped.
//!
//! A **redrive** tries letters again, little by little. A letter that was **dropped** is hidden, and
//! kept for a while.

use crate::model::creation::Creation;
use crate::model::customer::Fields;
use crate::model::intent::Intent;
use crate::model::time::Timestamp;
use crate::model::work::DeadLetter;

/// A dead letter that was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The letter as it was; its number stays its own.
    pub letter: DeadLetter,
    /// What went with it.
    pub kept: Kept,
    /// When it was dropped.
    pub at: Timestamp,
    /// Who dropped it.
    pub who: String,
}

/// What went with a letter that was dropped, and comes back with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing: the letter says it all.
    Nothing,
    /// The write that was given up.
    Intent {
        /// The write.
        intent: Intent,
        /// When its link was made, by which the same link is known again.
        linked_at: Timestamp,
        /// What both sides had last agreed on about its fields.
        base: Fields,
    },
    /// The creation that was given up.
    Creation(Creation),
}

/// Dead letters that are tried again, little by little; at most one redrive goes on at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redrive {
    /// Those with this reason, without what tells one from another; `None` for all.
    pub reason: Option<String>,
    /// Who asked for it.
    pub who: String,
    /// When it began.
    pub begun_at: Timestamp,
    /// The last letter that there was then. What is given up again is a letter after it, and no part
    /// of it.
    pub until: u64,
    /// Its place: letters up to this number were gone through.
    pub after: u64,
    /// How many letters it was to try again when it began.
    pub total: u64,
    /// How many it tried again.
    pub done: u64,
    /// When and how it ended.
    pub end: Option<(Timestamp, RedriveEnd)>,
}

/// How a redrive ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedriveEnd {
    /// It went through all letters.
    Finished,
    /// This person stopped it.
    Cancelled(String),
}

impl Redrive {
    /// Whether it goes on.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.end.is_none()
    }
}
