//! Dead letters: listed, by reason, and dropped.

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
