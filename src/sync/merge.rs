//! Three-way merge of one field.

use crate::model::customer::{Field, Value};
use crate::model::difference::Held;
use crate::model::link::Side;
use crate::sync::evidence::Evidence;
use crate::sync::policy::{Direction, Policy};

/// One field as both sides hold it, and what they last agreed on.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// The agreed value; `None` when the field was never seen to agree.
    pub base: Option<&'a Value>,
    /// What Stripe holds.
    pub stripe: &'a Value,
    /// What Zenskar holds.
    pub zenskar: &'a Value,
}

impl Sides<'_> {
    /// What `side` holds.
    #[must_use]
    pub const fn value(&self, side: Side) -> &Value {
        match side {
            Side::Stripe => self.stripe,
            Side::Zenskar => self.zenskar,
        }
    }
}

/// What becomes of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Both sides hold the same value: that is the base.
    Agree,
    /// This side is to take the other's value.
    Write(Side),
    /// The field differs and nothing is written.
    Hold(Held),
}

/// Decides one selected field.
///
/// With a base, a side changed if it does not hold it. Without one, only an event can prove that
/// Stripe changed: in one-way sync its word is enough, since the target's value gives way to the
/// source's next change anyway; where both sides may change, Zenskar must besides still hold what
/// the event says Stripe held before.
#[must_use]
pub fn merge(field: Field, sides: Sides<'_>, evidence: &Evidence, policy: &Policy) -> Step {
    if sides.stripe == sides.zenskar {
        return Step::Agree;
    }
    let step = match (policy.direction, sides.base) {
        (None, base) => Step::Hold(unproved(base)),
        (Some(Direction::From(source)), Some(base)) => {
            if sides.value(source) == base {
                Step::Hold(Held::Drift)
            } else {
                Step::Write(source.other())
            }
        }
        (Some(Direction::From(source)), None) => {
            if source == Side::Stripe && evidence.changed(field) {
                Step::Write(Side::Zenskar)
            } else {
                Step::Hold(Held::NoBase)
            }
        }
        (Some(Direction::Both), Some(base)) => {
            match (sides.stripe == base, sides.zenskar == base) {
                (false, true) => Step::Write(Side::Zenskar),
                (true, false) => Step::Write(Side::Stripe),
                _ => Step::Hold(Held::Conflict),
            }
        }
        (Some(Direction::Both), None) => {
            if evidence.held_before(field, sides.zenskar) {
                Step::Write(Side::Zenskar)
            } else {
                Step::Hold(Held::NoBase)
            }
        }
    };
    match step {
        Step::Write(target) if !Policy::can_write(field, target) => {
            Step::Hold(unproved(sides.base))
        }
        Step::Write(_) if sides.stripe.is_nested() || sides.zenskar.is_nested() => {
            Step::Hold(Held::Nested)
        }
        Step::Write(target)
            if sides.value(target.other()).is_blank() && !policy.may_blank(field, target) =>
        {
            Step::Hold(Held::WouldBlank)
        }
        Step::Write(_) | Step::Hold(_) | Step::Agree => step,
    }
}

const fn unproved(base: Option<&Value>) -> Held {
    if base.is_some() {
        Held::Drift
    } else {
        Held::NoBase
    }
}

#[cfg(test)]
mod tests;
