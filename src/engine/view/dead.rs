//! Dead letters: listed, by reason, dropped, and tried again.

use serde::{Deserialize, Serialize};

/// One dead letter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadRow {
    /// Its number.
    pub number: u64,
    /// `look`, `change` or `creation`.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// Why it was set aside, in the remote's words where it gave any.
    pub reason: String,
    /// When.
    pub at: String,
    /// Attempts made.
    pub attempts: u32,
}

/// One dead letter that was dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedRow {
    /// As it was.
    #[serde(flatten)]
    pub letter: DeadRow,
    /// When it was dropped.
    pub dropped_at: String,
    /// Who dropped it.
    pub dropped_by: String,
    /// Until when it can be taken back.
    pub gone_at: String,
}

/// A reason for which dead letters were set aside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadReason {
    /// The reason, with `…` where each names its own.
    pub reason: String,
    /// How many there are.
    pub count: u64,
    /// When the last of them was set aside.
    pub last_at: String,
}

/// The reasons of dead letters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadReasons {
    /// The most frequent first.
    pub rows: Vec<DeadReason>,
    /// How many letters they are of: the oldest ones.
    pub letters: u64,
    /// How many letters were left out.
    pub left_out: u64,
}

/// Dead letters that are tried again, little by little.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    /// `under way`, `done` or `cancelled`.
    pub state: String,
    /// How many were to be tried again when it began.
    pub total: u64,
    /// How many were.
    pub done: u64,
    /// Those with this reason; absent for all.
    pub reason: Option<String>,
    /// Who asked for it.
    pub who: String,
    /// When it began.
    pub begun_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// Who stopped it.
    pub cancelled_by: Option<String>,
}

impl Redrive {
    /// Whether it goes on.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.ended_at.is_none()
    }
}
