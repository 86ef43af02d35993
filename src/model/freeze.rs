//! A freeze of charges: nothing new is collected until a person ends it.

use crate::model::time::Timestamp;

/// That charges are frozen, and why. Intake, sync and booking go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Since when.
    pub at: Timestamp,
    /// Who froze them: a person's name, or `engine` where a brake tripped.
    pub by: String,
    /// Why, in words.
    pub reason: String,
}
