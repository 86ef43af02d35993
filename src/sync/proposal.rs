//! What a plan proposes for each difference that nothing moves by itself.
//!
//! | the difference | who wins |
//! |---|---|
//! | never seen to agree | one-way: the source; both ways: whom `initial` names, else nobody |
//! | drift | the source |
//! | both sides changed | whom the field's rule names, else nobody |
//! | the source is blank | the source, where blanks may erase |
//! | not taken, refused, nested | nobody: a person types another value, or corrects a side |
//!
//! Nobody wins where the rules name nobody: such a field is listed as a question, and nothing is
//! written. A plan is a proposal alone. It becomes a run when a person applies it by its hash.

use crate::model::customer::Value;
use crate::model::difference::{Difference, Held};
use crate::model::link::Side;
use crate::model::run::{Decision, DecisionState, Goal};
use crate::sync::decision::forbidden;
use crate::sync::policy::{Direction, Policy, Rule};

/// What is proposed for one difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposal {
    /// This side's value is written to the other.
    Write(Side),
    /// It would be, but it is blank and may not erase what the other side holds.
    WouldBlank(Side),
    /// Nothing: a person decides.
    Ask,
}

impl Proposal {
    /// Whose value wins, whether or not it is written.
    #[must_use]
    pub const fn winner(&self) -> Option<Side> {
        match self {
            Self::Write(side) | Self::WouldBlank(side) => Some(*side),
            Self::Ask => None,
        }
    }
}

/// Proposes what to do about a difference.
#[must_use]
pub fn propose(difference: &Difference, policy: &Policy) -> Proposal {
    let Some(winner) = winner(difference, policy) else {
        return Proposal::Ask;
    };
    let target = winner.other();
    let decision = take_side(difference, winner);
    if !policy.allows(difference.field, target) {
        Proposal::Ask
    } else if held_by(difference, winner).is_blank() && !policy.may_blank(difference.field, target)
    {
        Proposal::WouldBlank(winner)
    } else if forbidden(&decision, target, held_by(difference, target), policy).is_some() {
        Proposal::Ask
    } else {
        Proposal::Write(winner)
    }
}

fn winner(difference: &Difference, policy: &Policy) -> Option<Side> {
    let source = match policy.direction? {
        Direction::From(source) => Some(source),
        // What is written one way only has one source, whatever the direction.
        Direction::Both if Policy::can_write(difference.field, Side::Stripe) => None,
        Direction::Both => Some(Side::Stripe),
    };
    match difference.why {
        Held::NoBase => source.or(policy.initial),
        Held::Drift => source,
        Held::Conflict => match policy.conflict.of(difference.field) {
            Rule::Side(side) => Some(side),
            Rule::Ask | Rule::Newest => None,
        },
        Held::WouldBlank => {
            let blank = |side: &Side| held_by(difference, *side).is_blank();
            [Side::Stripe, Side::Zenskar].into_iter().find(blank)
        }
        Held::NotTaken | Held::Refused | Held::Nested => None,
    }
}

const fn held_by(difference: &Difference, side: Side) -> &Value {
    match side {
        Side::Stripe => &difference.stripe,
        Side::Zenskar => &difference.zenskar,
    }
}

/// The decision that this side's value is right.
#[must_use]
pub fn take_side(difference: &Difference, winner: Side) -> Decision {
    take_value(difference, held_by(difference, winner))
}

/// The decision that both sides are to hold `value`.
#[must_use]
pub fn take_value(difference: &Difference, value: &Value) -> Decision {
    Decision {
        field: difference.field,
        stripe: Goal::write(&difference.stripe, value),
        zenskar: Goal::write(&difference.zenskar, value),
        base_before: difference.base.clone(),
        base_after: None,
        state: DecisionState::Waiting,
    }
}

/// Why a person's decision cannot be carried out under these rules: the first side that cannot be
/// written, and why.
#[must_use]
pub fn refuse(decision: &Decision, policy: &Policy) -> Option<(Side, &'static str)> {
    [Side::Stripe, Side::Zenskar].into_iter().find_map(|side| {
        let goal = decision.goal(side);
        let why = forbidden(decision, side, &goal.before, policy);
        why.filter(|_| goal.is_write()).map(|why| (side, why))
    })
}

#[cfg(test)]
mod tests;
