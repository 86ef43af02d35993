//! A customer that is there on one side only and is to be made on the other.

use crate::model::customer::Fields;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::model::work::Subject;

/// A creation: at most one for each customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation {
    /// The customer that is there.
    pub subject: Subject,
    /// How far it got.
    pub stage: Stage,
    /// Attempts recorded so far; each is recorded before its request leaves.
    pub attempts: u32,
    /// Number of the request, never given twice for a customer; 0 before the first. It stays for as
    /// long as the target may take another request for a repeat of the first one.
    pub number: u64,
    /// The person who ordered it; `None` where it follows from the rules.
    pub ordered_by: Option<String>,
    /// The request under way, or the last one that may have had an effect.
    pub request: Option<Sent>,
    /// When it was decided or offered.
    pub decided_at: Timestamp,
    /// When it is to be tried next, while it is open.
    pub due_at: Timestamp,
    /// When its own side first did not show the customer, since it last did.
    pub gone_at: Option<Timestamp>,
}

/// How far a creation got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The customer was made before creating was switched on: it waits for a person's order.
    Offered,
    /// No request of it can have reached the target: it may be sent, or dropped.
    Waiting,
    /// A request may have reached the target at or after this instant, and no answer says so.
    Unknown(Timestamp),
    /// The target refused it, or attempts are used up; a person decides (dead letter).
    Dead(Timestamp),
}

/// A request to make a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What it says, by field.
    pub values: Fields,
    /// Its bytes, where the target takes the same bytes for a repeat.
    pub body: Option<String>,
    /// When it was first sent.
    pub at: Timestamp,
}

impl Creation {
    /// A creation at its beginning.
    #[must_use]
    pub const fn new(subject: Subject, stage: Stage, now: Timestamp) -> Self {
        Self {
            subject,
            stage,
            attempts: 0,
            number: 0,
            ordered_by: None,
            request: None,
            decided_at: now,
            due_at: now,
            gone_at: None,
        }
    }

    /// The side on which the customer is to be made.
    #[must_use]
    pub const fn target(&self) -> Side {
        target(&self.subject)
    }

    /// Whether it may be sent (again).
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Waiting | Stage::Unknown(_))
    }
}

/// The side on which a customer without link is missing.
#[must_use]
pub const fn target(subject: &Subject) -> Side {
    match subject {
        Subject::Customer(_) => Side::Zenskar,
        Subject::Unlinked(_) => Side::Stripe,
    }
}
