//! Charges that were ordered at once: a charge run, and a line of it for each invoice.

use crate::model::id::InvoiceId;
use crate::model::money::Money;
use crate::model::time::Timestamp;

/// A charge run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeRun {
    /// Its number; never given twice.
    pub number: u64,
    /// Who ordered it: a person's name, or `engine` where a rule did.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Lines by what became of them.
    pub counts: LineCounts,
    /// Since when it is interrupted, if it is: no line of it begins.
    pub paused_at: Option<Timestamp>,
}

/// Lines of a charge run, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// They wait for their turn.
    pub waiting: u64,
    /// Their collection began.
    pub begun: u64,
    /// They were left out, with a reason.
    pub skipped: u64,
}

impl LineCounts {
    /// All of them.
    #[must_use]
    pub const fn all(&self) -> u64 {
        self.waiting
            .saturating_add(self.begun)
            .saturating_add(self.skipped)
    }

    /// The count of lines at this state.
    pub const fn of(&mut self, state: &LineState) -> &mut u64 {
        match state {
            LineState::Waiting => &mut self.waiting,
            LineState::Begun(_) => &mut self.begun,
            LineState::Skipped(_) => &mut self.skipped,
        }
    }
}

/// An invoice of a charge run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeLine {
    /// The run.
    pub run: u64,
    /// The invoice.
    pub invoice: InvoiceId,
    /// What people call the invoice.
    pub name: String,
    /// The amount that a person agreed to, if one did: another one is not taken.
    pub confirmed: Option<Money>,
    /// What became of it.
    pub state: LineState,
    /// When it is tried, while it waits.
    pub due_at: Timestamp,
    /// Why it still waits, if it was tried.
    pub note: Option<String>,
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineState {
    /// It waits for its turn.
    Waiting,
    /// The invoice's collection of this number began.
    Begun(u64),
    /// It was left out, for this reason.
    Skipped(String),
}
