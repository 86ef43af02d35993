//! Three-way merge of one field.

use crate::model::customer::{Field, Value};
use crate::model::difference::Held;
use crate::model::link::Side;
use crate::sync::evidence::Evidence;
use crate::sync::policy::{Direction, Policy, Rule};

/// One field as both sides hold it, and what they last agreed on.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// What was agreed; `None` when the field was never seen to agree.
    pub base: Option<Base<'a>>,
    /// What Stripe holds.
    pub stripe: &'a Value,
    /// What Zenskar holds.
    pub zenskar: &'a Value,
}

/// What both sides last agreed on, as each of them holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base<'a> {
    /// As Stripe holds it.
    pub stripe: &'a Value,
    /// As Zenskar holds it. Another value only where a side took a value in a form of its own.
    pub zenskar: &'a Value,
}

impl<'a> Base<'a> {
    /// The same value on both sides.
    #[must_use]
    pub const fn same(value: &'a Value) -> Self {
        Self {
            stripe: value,
            zenskar: value,
        }
    }

    /// As `side` holds it.
    #[must_use]
    pub const fn value(&self, side: Side) -> &'a Value {
        match side {
            Side::Stripe => self.stripe,
            Side::Zenskar => self.zenskar,
        }
    }
}

impl Sides<'_> {
    /// Whether `side` holds something else than was agreed.
    fn changed(&self, side: Side, base: Base<'_>) -> bool {
        self.value(side) != base.value(side)
    }

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
    /// Both sides changed, and by the field's rule this side is to take the other's value.
    Overrule(Side),
    /// The field differs and nothing is written.
    Hold(Held),
}

/// Decides one selected field.
///
/// With a base, a side changed if it does not hold it. Without one, only an event can prove that
/// Stripe changed: in one-way sync its word is enough, since the target's value gives way to the
/// source's next change anyway; where both sides may change, Zenskar must besides still hold what
/// the event says Stripe held before. Where both changed, the field's rule decides.
#[must_use]
pub fn merge(field: Field, sides: Sides<'_>, evidence: &Evidence, policy: &Policy) -> Step {
    if sides.stripe == sides.zenskar {
        return Step::Agree;
    }
    if let Some(base) = sides.base
        && !sides.changed(Side::Stripe, base)
        && !sides.changed(Side::Zenskar, base)
    {
        return Step::Hold(Held::NotTaken);
    }
    let step = match (policy.direction, sides.base) {
        (None, base) => Step::Hold(unproved(base)),
        (Some(Direction::From(source)), Some(base)) => {
            if sides.changed(source, base) {
                Step::Write(source.other())
            } else if base.stripe == base.zenskar {
                Step::Hold(Held::Drift)
            } else {
                Step::Hold(Held::NotTaken)
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
            match (
                sides.changed(Side::Stripe, base),
                sides.changed(Side::Zenskar, base),
            ) {
                (true, false) => Step::Write(Side::Zenskar),
                (false, true) => Step::Write(Side::Stripe),
                _ => conflict(policy.conflict.of(field), evidence.newest(field)),
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
        Step::Overrule(target) if !Policy::can_write(field, target) => Step::Hold(Held::Conflict),
        Step::Write(target) if !Policy::can_write(field, target) => {
            Step::Hold(unproved(sides.base))
        }
        Step::Write(_) | Step::Overrule(_)
            if sides.stripe.is_nested() || sides.zenskar.is_nested() =>
        {
            Step::Hold(Held::Nested)
        }
        Step::Write(target) | Step::Overrule(target)
            if sides.value(target.other()).is_blank() && !policy.may_blank(field, target) =>
        {
            Step::Hold(Held::WouldBlank)
        }
        Step::Write(_) | Step::Overrule(_) | Step::Hold(_) | Step::Agree => step,
    }
}

/// What becomes of a field that both sides changed.
const fn conflict(rule: Rule, newest: Option<Side>) -> Step {
    match (rule, newest) {
        (Rule::Side(winner), _) | (Rule::Newest, Some(winner)) => Step::Overrule(winner.other()),
        (Rule::Ask, _) | (Rule::Newest, None) => Step::Hold(Held::Conflict),
    }
}

const fn unproved(base: Option<Base<'_>>) -> Held {
    if base.is_some() {
        Held::Drift
    } else {
        Held::NoBase
    }
}

#[cfg(test)]
mod tests;
