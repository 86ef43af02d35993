//! What a person decided about a field, carried out.
//!
//! A decision stands above the merge for as long as it fits: while each side holds what it held
//! when the decision was made, or what it is to hold. Whoever edits the field in between overtakes
//! the decision, and the merge decides again. The base moves when both sides hold what was decided,
//! and not before: a decision that is overtaken half-way leaves a conflict, never a silent winner.

use crate::model::customer::{Field, Fields, Value};
use crate::model::intent::{Change, Intent};
use crate::model::link::Side;
use crate::model::run::{Decided, Decision, DecisionState, Goal};
use crate::model::time::Timestamp;
use crate::sync::policy::Policy;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Both sides, in the order in which they are written.
const SIDES: [Side; 2] = [Side::Stripe, Side::Zenskar];

/// Why a decision is not carried out when nothing about it is wrong but its time.
pub const BY_LATER_DECISION: &str = "a later decision was made";
/// As [`BY_LATER_DECISION`].
pub const BY_RULES: &str = "the field, or the direction, was switched since";
/// As [`BY_LATER_DECISION`].
pub const BY_DELETION: &str = "the customer was deleted";
/// As [`BY_LATER_DECISION`].
pub const BY_UNKNOWN: &str = "stripe does not know the customer";
/// As [`BY_LATER_DECISION`].
pub const BY_EDIT: &str = "the field was edited since";
/// As [`BY_LATER_DECISION`].
pub const BY_FORM: &str = "the value was taken in a form of the target's own";
/// As [`BY_LATER_DECISION`].
pub const BY_BLANK: &str = "a blank may not erase this value";

/// What becomes of a decision in this look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Both sides hold what was decided.
    Done,
    /// These sides are to be written.
    Write(Vec<Side>),
    /// A side refused what was decided: a person decides again, or has it tried again.
    Refused,
    /// It is not carried out any more.
    Overtaken(&'static str),
}

/// Takes the next step of a decision; `stripe` and `zenskar` are what the sides hold, and
/// `is_refused` whether a side refused this very value.
pub(super) fn step(
    decision: &mut Decision,
    (stripe, zenskar): (&Value, &Value),
    policy: &Policy,
    is_refused: impl Fn(Side, &Value) -> bool,
) -> Step {
    let held = |side: Side| match side {
        Side::Stripe => stripe,
        Side::Zenskar => zenskar,
    };
    if SIDES
        .iter()
        .any(|side| !decision.goal(*side).fits(held(*side)))
    {
        return Step::Overtaken(BY_EDIT);
    }
    for side in SIDES {
        let goal = decision.goal_mut(side);
        goal.reached |= goal.wanted == *held(side);
    }
    let missing = |side: &Side| decision.goal(*side).wanted != *held(*side);
    let targets: Vec<Side> = SIDES.into_iter().filter(missing).collect();
    if targets.is_empty() {
        return Step::Done;
    }
    for side in &targets {
        if let Some(why) = forbidden(decision, *side, held(*side), policy) {
            return Step::Overtaken(why);
        }
    }
    let refused = |side: &Side| is_refused(*side, &decision.goal(*side).wanted);
    if targets.iter().any(refused) {
        return Step::Refused;
    }
    Step::Write(targets)
}

/// Why a decision may not be carried out at this side, which holds `held`, under these rules.
///
/// Undoing may blank what a run wrote where a blank was before: it erases our own value alone.
#[must_use]
pub fn forbidden(
    decision: &Decision,
    side: Side,
    held: &Value,
    policy: &Policy,
) -> Option<&'static str> {
    let field = decision.field;
    let wanted = &decision.goal(side).wanted;
    let undoes = decision.stripe.wanted != decision.zenskar.wanted;
    if !policy.allows(field, side) || held.is_nested() || wanted.is_nested() {
        Some(BY_RULES)
    } else if wanted.is_blank()
        && !policy.may_blank(field, side)
        && !(undoes && Policy::can_blank(field, side))
    {
        Some(BY_BLANK)
    } else {
        None
    }
}

/// Whether a decision that is to be carried out asks for this change, and may under these rules.
pub(super) fn is_decided(
    decided: &[Decided],
    (target, field): (Side, Field),
    change: &Change,
    policy: &Policy,
) -> bool {
    let mut all = decided.iter().flat_map(|run| &run.decisions);
    all.any(|one| {
        one.field == field
            && one.is_waiting()
            && one.goal(target).wanted == change.to
            && forbidden(one, target, &change.from, policy).is_none()
    })
}

/// The decision about `field` that is to be carried out; of several the latest.
pub(super) fn waiting(decided: &mut [Decided], field: Field) -> Option<&mut Decision> {
    let all = decided.iter_mut().rev().flat_map(|run| &mut run.decisions);
    all.filter(|one| one.field == field)
        .find(|one| one.is_waiting())
}

/// Whether a decision about `field` is to be carried out.
#[must_use]
pub fn is_waiting(decided: &[Decided], field: Field) -> bool {
    let mut all = decided.iter().flat_map(|run| &run.decisions);
    all.any(|one| one.field == field && one.is_waiting())
}

/// Drops every decision that is to be carried out and for which `is_over` says so.
pub fn overtake(decided: &mut [Decided], why: &str, is_over: impl Fn(&Decided, &Decision) -> bool) {
    for run in decided {
        let over: Vec<bool> = run.decisions.iter().map(|one| is_over(run, one)).collect();
        for (decision, over) in run.decisions.iter_mut().zip(over) {
            if over && decision.is_waiting() {
                decision.state = DecisionState::Overtaken(why.to_owned());
            }
        }
    }
}

/// Has decisions carried out after all that ended for this reason and for which `is_wanted` says so,
/// by their run, unless a later one was made about the field.
pub fn reopen(decided: &mut [Decided], why: &str, is_wanted: impl Fn(u64, &Decision) -> bool) {
    let mut latest: BTreeMap<Field, u64> = BTreeMap::new();
    for run in decided.iter() {
        for one in &run.decisions {
            let known = latest.entry(one.field).or_insert(run.run);
            *known = run.run.max(*known);
        }
    }
    for run in decided {
        let is_latest = |field: Field| latest.get(&field) == Some(&run.run);
        for one in &mut run.decisions {
            let ended = matches!(&one.state, DecisionState::Overtaken(by) if by == why);
            if ended && is_latest(one.field) && is_wanted(run.run, one) {
                one.state = DecisionState::Waiting;
            }
        }
    }
}

/// Of two decisions about one field the later one counts, and none about a field that the rules
/// leave out.
pub(super) fn in_force(decided: &[Decided], policy: &Policy) -> Vec<Decided> {
    let later = |run: &Decided, field: Field| {
        let mut later = decided.iter().filter(|other| other.run > run.run);
        later.any(|other| {
            let mut fields = other.decisions.iter();
            fields.any(|one| one.field == field && one.is_waiting())
        })
    };
    let mut now = decided.to_vec();
    overtake(&mut now, BY_LATER_DECISION, |run, one| {
        later(run, one.field)
    });
    overtake(&mut now, BY_RULES, |_, one| {
        !policy.fields.contains(&one.field)
    });
    now
}

/// What the target's answer to a write proves about the decision that asked for it: whether one
/// did; the base and the decision follow. `asked` was sent, and `held` is what the answer shows.
pub(super) fn take_answer(
    decided: &mut [Decided],
    base: &mut Fields,
    (target, field): (Side, Field),
    (asked, held): (&Value, &Value),
    now: Timestamp,
) -> bool {
    let Some(decision) = waiting(decided, field) else {
        return false;
    };
    let goal = decision.goal_mut(target);
    if goal.wanted != *asked {
        return false;
    }
    if goal.wanted != *held {
        decision.state = DecisionState::Overtaken(BY_FORM.to_owned());
        return true;
    }
    goal.reached = true;
    if decision.stripe.reached && decision.zenskar.reached {
        finish(decision, base, now);
    }
    true
}

/// Both sides hold what was decided: that is what they agree on.
pub(super) fn finish(decision: &mut Decision, base: &mut Fields, now: Timestamp) {
    match decision.agreed() {
        Some(agreed) => base.insert(decision.field, agreed.clone()),
        None => base.remove(&decision.field),
    };
    decision.state = DecisionState::Done(now);
}

/// Whether a decision that is to be carried out asks for this value at this side.
pub(super) fn asks_for(decided: &[Decided], target: Side, field: Field, value: &Value) -> bool {
    let mut all = decided.iter().flat_map(|run| &run.decisions);
    all.any(|one| one.field == field && one.is_waiting() && one.goal(target).wanted == *value)
}

/// The intents without what decisions ask for that were not carried out.
///
/// The merge decides a write because its source is proven to have changed. A decision proves
/// nothing: once it is overtaken, both sides hold what they held before it.
pub(super) fn without_decided<'a>(intents: &'a [Intent], decided: &[Decided]) -> Cow<'a, [Intent]> {
    if decided.is_empty() {
        return Cow::Borrowed(intents);
    }
    let asked = |target: Side, field: Field, change: &Change| {
        let mut all = decided.iter().flat_map(|run| &run.decisions);
        all.any(|one| {
            let goal = one.goal(target);
            one.field == field
                && !matches!(one.state, DecisionState::Done(_))
                && goal.before == change.from
                && goal.wanted == change.to
        })
    };
    let mut intents = intents.to_vec();
    for intent in &mut intents {
        let target = intent.target;
        intent
            .changes
            .retain(|field, change| !asked(target, *field, change));
    }
    Cow::Owned(intents)
}

/// Whether a decision that was carried out leaves this base.
pub(super) fn proves_base(decided: &[Decided], field: Field, base: &Value) -> bool {
    let mut all = decided.iter().flat_map(|run| &run.decisions);
    all.any(|one| {
        one.field == field
            && matches!(one.state, DecisionState::Done(_))
            && one.agreed() == Some(base)
    })
}

/// The decision that takes back what this one wrote, where it is still there; `base` is what both
/// sides last agreed on.
///
/// `None` for one that wrote nothing.
#[must_use]
pub fn undo(decision: &Decision, base: Option<&Value>) -> Option<Decision> {
    let back = |side: Side| {
        let goal = decision.goal(side);
        if !goal.is_write() {
            Goal::keep(&goal.wanted)
        } else if goal.reached {
            Goal::write(&goal.wanted, &goal.before)
        } else {
            Goal::keep(&goal.before)
        }
    };
    let (stripe, zenskar) = (back(Side::Stripe), back(Side::Zenskar));
    (stripe.is_write() || zenskar.is_write()).then(|| Decision {
        field: decision.field,
        stripe,
        zenskar,
        base_before: base.cloned(),
        base_after: decision.base_before.clone(),
        state: DecisionState::Waiting,
    })
}
