//! A write that was decided and is not yet known to have happened: a row of the outbox.

use crate::model::customer::{Field, Value};
use crate::model::id::StripeCustomerId;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use std::collections::BTreeMap;

/// One field of an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What the target held when the write was decided; what an undo would restore.
    pub from: Value,
    /// What the target is to hold.
    pub to: Value,
}

/// Fields to write, by field.
pub type Changes = BTreeMap<Field, Change>;

/// A decided write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Number within its link; grows with every intent of the link.
    pub number: u64,
    /// The link it belongs to.
    pub link: StripeCustomerId,
    /// The side that is written to.
    pub target: Side,
    /// What is written. Never empty.
    pub changes: Changes,
    /// How far it got.
    pub progress: Progress,
    /// Attempts recorded so far; each is recorded before its request leaves.
    pub attempts: u32,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// Observation that `Change::from` was taken from, in the target's own time where it has one.
    pub observed_at: Timestamp,
}

/// How far an intent got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// No request of it can have reached the target: it may be sent, or dropped by a newer plan.
    Waiting,
    /// A request may have reached the target at or after this instant, and no answer says so.
    /// Before it is repeated the target is looked at.
    Unknown(Timestamp),
    /// As [`Progress::Unknown`], but a newer plan took its place. It is never sent again; it is
    /// kept until a late arrival can be ruled out, so that its values are recognised as ours.
    Replaced(Timestamp),
    /// Attempts are used up or the target refused it; a person decides (dead letter).
    Dead(Timestamp),
}

impl Intent {
    /// Whether it may be sent (again).
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.progress, Progress::Waiting | Progress::Unknown(_))
    }
}
