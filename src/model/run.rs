//! What people decided about differences, and in which run.
//!
//! A **decision** is about one field of one link: what each side held when it was made, and what
//! each is to hold. A **run** is what was decided at once: one conflict resolved, a plan applied, a
//! run undone. Decisions outlive their being carried out, so that a run can be undone.

use crate::model::customer::{Field, Value};
use crate::model::id::StripeCustomerId;
use crate::model::link::Side;
use crate::model::time::Timestamp;

/// What one side held when a decision was made, and what it is to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// What it held.
    pub before: Value,
    /// What it is to hold. The same as `before` where this side is not written.
    pub wanted: Value,
    /// Whether it was seen to hold what is wanted. From then on another value is somebody's edit.
    pub reached: bool,
}

impl Goal {
    /// The side keeps what it holds.
    #[must_use]
    pub fn keep(value: &Value) -> Self {
        Self::write(value, value)
    }

    /// The side is to hold `wanted` in the place of `before`.
    #[must_use]
    pub fn write(before: &Value, wanted: &Value) -> Self {
        Self {
            before: before.clone(),
            wanted: wanted.clone(),
            reached: before == wanted,
        }
    }

    /// Whether the side is written at all.
    #[must_use]
    pub fn is_write(&self) -> bool {
        self.before != self.wanted
    }

    /// Whether nobody but us changed what the side holds since the decision was made.
    #[must_use]
    pub fn fits(&self, held: &Value) -> bool {
        *held == self.wanted || (!self.reached && *held == self.before)
    }
}

/// What a person decided about one field of one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The field.
    pub field: Field,
    /// Stripe's side of it.
    pub stripe: Goal,
    /// Zenskar's side of it.
    pub zenskar: Goal,
    /// What both sides had last agreed on when it was made.
    pub base_before: Option<Value>,
    /// What they are to have agreed on once it is carried out, where it leaves them with different
    /// values, as undoing does. Where both hold the same, that is what they agree on.
    pub base_after: Option<Value>,
    /// How far it got.
    pub state: DecisionState,
}

/// How far a decision got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecisionState {
    /// It is to be carried out.
    Waiting,
    /// Both sides were seen to hold what was decided.
    Done(Timestamp),
    /// It is not carried out any more, for this reason; what it wrote until then stays.
    Overtaken(String),
}

impl Decision {
    /// This side of it.
    #[must_use]
    pub const fn goal(&self, side: Side) -> &Goal {
        match side {
            Side::Stripe => &self.stripe,
            Side::Zenskar => &self.zenskar,
        }
    }

    /// This side of it, to be changed.
    pub const fn goal_mut(&mut self, side: Side) -> &mut Goal {
        match side {
            Side::Stripe => &mut self.stripe,
            Side::Zenskar => &mut self.zenskar,
        }
    }

    /// Whether it is still to be carried out.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        matches!(self.state, DecisionState::Waiting)
    }

    /// What both sides have agreed on once it is carried out.
    #[must_use]
    pub fn agreed(&self) -> Option<&Value> {
        if self.stripe.wanted == self.zenskar.wanted {
            Some(&self.stripe.wanted)
        } else {
            self.base_after.as_ref()
        }
    }
}

/// The decisions of one run about one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The run.
    pub run: u64,
    /// The link.
    pub link: StripeCustomerId,
    /// When they were made.
    pub at: Timestamp,
    /// What was decided, at most once a field. Never empty.
    pub decisions: Vec<Decision>,
}

/// What was decided at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its number; never used twice.
    pub number: u64,
    /// What it was.
    pub kind: RunKind,
    /// Who decided.
    pub who: String,
    /// When it began.
    pub at: Timestamp,
    /// When all its decisions were written down; `None` while that is under way, or if the process
    /// ended before. What was written down until then is carried out all the same.
    pub decided_at: Option<Timestamp>,
    /// The run that undid it.
    pub undone_by: Option<u64>,
    /// Its decisions, counted.
    pub counts: RunCounts,
}

/// What a run was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// One conflict was resolved.
    Resolve,
    /// The plan with this hash was applied.
    Apply(String),
    /// The run with this number was undone.
    Undo(u64),
}

/// Decisions of a run, counted by how far they got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Links they are about.
    pub customers: u64,
    /// To be carried out.
    pub waiting: u64,
    /// Carried out.
    pub done: u64,
    /// Not carried out any more.
    pub overtaken: u64,
    /// Customers whose counterpart it ordered to be made. They are not among the decisions: what was
    /// made is not taken back.
    pub ordered: u64,
}

impl RunCounts {
    /// Counts decisions in.
    pub fn add(&mut self, decisions: &[Decision]) {
        for decision in decisions {
            let count = self.of(&decision.state);
            *count = count.saturating_add(1);
        }
    }

    /// Counts decisions out.
    pub fn remove(&mut self, decisions: &[Decision]) {
        for decision in decisions {
            let count = self.of(&decision.state);
            *count = count.saturating_sub(1);
        }
    }

    const fn of(&mut self, state: &DecisionState) -> &mut u64 {
        match state {
            DecisionState::Waiting => &mut self.waiting,
            DecisionState::Done(_) => &mut self.done,
            DecisionState::Overtaken(_) => &mut self.overtaken,
        }
    }
}
