//! What waits to be looked at, and what was set aside.

use crate::model::id::{InvalidId, StripeCustomerId, ZenskarCustomerId};
use crate::model::time::Timestamp;
use std::fmt;

/// What a piece of work is about. All events of one subject are one piece of work, so that they
/// cost one look.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A customer, named by its id in Stripe.
    Customer(StripeCustomerId),
    /// A customer of Zenskar that has no link: whether its mapping proves one.
    Unlinked(ZenskarCustomerId),
}

impl Subject {
    /// The subject whose [`Display`](fmt::Display) form this is, such as `customer/cus_1` or
    /// `zenskar/` and an id.
    ///
    /// # Errors
    ///
    /// Text of another form.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if let Some(id) = text.strip_prefix("zenskar/") {
            return ZenskarCustomerId::parse(id).map(Self::Unlinked);
        }
        let id = text
            .strip_prefix("customer/")
            .ok_or(InvalidId { kind: "subject" })?;
        StripeCustomerId::parse(id).map(Self::Customer)
    }

    /// The customer's id in Stripe, where that is what names it.
    #[must_use]
    pub const fn stripe(&self) -> Option<&StripeCustomerId> {
        match self {
            Self::Customer(id) => Some(id),
            Self::Unlinked(_) => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Customer(id) => write!(f, "customer/{id}"),
            Self::Unlinked(id) => write!(f, "zenskar/{id}"),
        }
    }
}

/// Events remembered by number for one piece of work. Later ones add nothing that a look at the
/// current state would not show, but for which fields they name; past this many, the oldest stay.
pub const WORK_EVENTS_MAX: usize = 64;

/// A piece of work: look at the subject, compare, decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// What to look at.
    pub subject: Subject,
    /// Sequence numbers of the events that ask for it, ascending, at most [`WORK_EVENTS_MAX`].
    pub events: Vec<u64>,
    /// How many asked for it: events, scans, a new link, a person.
    pub asked: u64,
    /// When it was first asked for.
    pub since: Timestamp,
    /// When it is to be tried next.
    pub due_at: Timestamp,
    /// Attempts that failed so far.
    pub attempts: u32,
    /// Why the last one failed.
    pub last_error: Option<String>,
}

impl Work {
    /// New work, due at once.
    #[must_use]
    pub const fn new(subject: Subject, now: Timestamp) -> Self {
        Self {
            subject,
            events: Vec::new(),
            asked: 0,
            since: now,
            due_at: now,
            attempts: 0,
            last_error: None,
        }
    }

    /// Adds an event that asks for the same.
    pub fn add_event(&mut self, sequence: u64) {
        self.asked = self.asked.saturating_add(1);
        if self.events.len() < WORK_EVENTS_MAX && !self.events.contains(&sequence) {
            self.events.push(sequence);
        }
    }
}

/// Something that was set aside after its last attempt or a refusal, until a person decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number; never used twice.
    pub number: u64,
    /// What was set aside.
    pub what: DeadWork,
    /// Why, in the remote's own words where it gave any.
    pub reason: String,
    /// When it was set aside.
    pub at: Timestamp,
    /// Attempts made.
    pub attempts: u32,
}

/// What a dead letter holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadWork {
    /// A look that kept failing.
    Work(Work),
    /// A write that was refused or kept failing: the link and the intent's number.
    Intent(StripeCustomerId, u64),
    /// A creation that was refused or kept failing: the customer that is there.
    Creation(Subject),
}

impl DeadWork {
    /// The customer that it is about.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::Work(work) => work.subject.clone(),
            Self::Intent(link, _) => Subject::Customer(link.clone()),
            Self::Creation(subject) => subject.clone(),
        }
    }
}
