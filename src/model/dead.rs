//! Dead letters that a person dropped: hidden, and kept for a while so that they can be taken back.

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
