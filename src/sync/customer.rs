//! From what was observed of one linked customer to what is to be done about it.
//!
//! The first act is to settle intents: a field that holds what an intent asked for proves that the
//! write arrived, whatever became of its answer. Then each selected field is merged, and what must
//! be written is compared with the intents that are still open: one whose values are all still
//! wanted goes on, another one gives its place to a new write. An intent of unknown outcome that was replaced is kept for a while, since a
//! request can arrive late: its values, seen later, are then recognised as ours and put right.
//!
//! What a person decided about a field stands above the merge ([`crate::sync::decision`]).

mod check;

pub use check::Unsound;

use crate::model::customer::{Customer, Field, Fields, Presence, Value};
use crate::model::difference::{Difference, Held};
use crate::model::intent::{Change, Changes, Intent, Progress};
use crate::model::link::{Link, LinkState, Side};
use crate::model::run::{Decided, DecisionState};
use crate::model::time::Timestamp;
use crate::sync::decision;
use crate::sync::evidence::Evidence;
use crate::sync::merge::{Base, Sides, Step, merge};
use crate::sync::policy::Policy;
use crate::sync::sending::{is_lowered, is_own_form};
use std::collections::BTreeMap;
use std::time::Duration;

/// Everything a plan rests on.
#[derive(Clone, Copy, Debug)]
pub struct State<'a> {
    /// The link with its base.
    pub link: &'a Link,
    /// What Stripe holds.
    pub stripe: &'a Presence,
    /// What Zenskar holds.
    pub zenskar: &'a Presence,
    /// Every intent of the link, by number.
    pub intents: &'a [Intent],
    /// The differences that the last plan left.
    pub held: &'a [Difference],
    /// What people decided about the link, the oldest run first.
    pub decided: &'a [Decided],
    /// What the pending events prove.
    pub evidence: &'a Evidence,
    /// Now.
    pub now: Timestamp,
    /// How long after it was sent a request may still arrive.
    pub settle: Duration,
}

/// A write that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The side to write to.
    pub target: Side,
    /// The fields. Never empty.
    pub changes: Changes,
}

/// What is to be done about one linked customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whether both customers are there.
    pub state: LinkState,
    /// The whole base as it is to be from now on.
    pub base: Fields,
    /// Numbers of the intents that were seen to have arrived.
    pub arrived: Vec<u64>,
    /// The older intents that stay, as they are to be from now on.
    pub intents: Vec<Intent>,
    /// New writes, at most one a side, of what no intent that stays asks for already.
    pub writes: Vec<Write>,
    /// Fields that differ and stay so.
    pub differences: Vec<Difference>,
    /// Fields that both sides changed and one side's rule decided, as both held them: what the other
    /// side held is written over.
    pub overruled: Vec<Difference>,
    /// What people decided about the link, as it is to be from now on.
    pub decided: Vec<Decided>,
    /// When to look again, because a replaced request may still arrive.
    pub recheck_at: Option<Timestamp>,
}

/// Decides what is to be done.
#[must_use]
pub fn plan(state: &State<'_>, policy: &Policy) -> Plan {
    match (state.stripe, state.zenskar) {
        (Presence::Deleted, _) => deleted(state, Side::Stripe),
        (Presence::Present(_), Presence::Deleted) => deleted(state, Side::Zenskar),
        (Presence::Present(stripe), Presence::Present(zenskar)) => {
            merge_fields(state, policy, stripe, zenskar)
        }
    }
}

/// Nothing moves while one customer is gone; what may still arrive is remembered.
fn deleted(state: &State<'_>, side: Side) -> Plan {
    let mut plan = Plan {
        state: LinkState::Deleted(side),
        base: state.link.base.clone(),
        arrived: Vec::new(),
        intents: Vec::new(),
        writes: Vec::new(),
        differences: Vec::new(),
        overruled: Vec::new(),
        decided: state.decided.to_vec(),
        recheck_at: None,
    };
    decision::overtake(&mut plan.decided, decision::BY_DELETION, |_, _| true);
    for intent in state.intents {
        plan.keep_for_late_arrival(state, intent);
    }
    plan
}

fn merge_fields(state: &State<'_>, policy: &Policy, stripe: &Customer, zenskar: &Customer) -> Plan {
    let (settled, mut plan, held) = settle(state, policy, stripe, zenskar);
    let state = &State {
        held: &held,
        ..*state
    };
    let proven = decision::without_decided(&settled, &plan.decided);
    let evidence = with_intents(state.evidence, &proven);
    let mut changes: BTreeMap<Side, Changes> = BTreeMap::new();
    for field in &policy.fields {
        let field = *field;
        let (Some(stripe), Some(zenskar)) = (stripe.value(field), zenskar.value(field)) else {
            for (side, seen) in [(Side::Stripe, stripe), (Side::Zenskar, zenskar)] {
                if policy.allows(field, side) {
                    let open = decided_before(&settled, side, field, seen);
                    changes.entry(side).or_default().extend(open);
                }
            }
            plan.leave_unread(state, field);
            continue;
        };
        let held = (field, stripe, zenskar);
        if plan.carry_out(state, policy, &settled, held, &mut changes) {
            continue;
        }
        let base = plan.base.get(&field);
        let sides = Sides {
            base: base.map(|agreed| base_of_sides(state.held, &proven, policy, held, agreed)),
            stripe,
            zenskar,
        };
        let held = match merge(field, sides, &evidence, policy) {
            Step::Agree => {
                plan.base.insert(field, sides.stripe.clone());
                continue;
            }
            step @ (Step::Write(target) | Step::Overrule(target)) => {
                let change = Change {
                    from: sides.value(target).clone(),
                    to: sides.value(target.other()).clone(),
                };
                let over = step == Step::Overrule(target);
                let known_base = sides.base.map(|base| base.value(target));
                let unmoved = over || known_base == Some(&change.from);
                match held_back(state, &settled, (target, field, unmoved), &change) {
                    Some(held) => held,
                    None => {
                        if over {
                            let rule = plan.difference(field, sides, Held::Conflict);
                            plan.overruled.push(rule);
                        }
                        #[cfg(feature = "mutants")]
                        if crate::mutants::is_on(crate::mutants::Mutant::BaseMovedByDecision) {
                            plan.base.insert(field, change.to.clone());
                        }
                        changes.entry(target).or_default().insert(field, change);
                        continue;
                    }
                }
            }
            Step::Hold(Held::NoBase) if is_known_conflict(state.held, field, sides) => {
                Held::Conflict
            }
            Step::Hold(held) => held,
        };
        let difference = plan.difference(field, sides, held);
        plan.differences.push(difference);
    }
    plan.base.retain(|field, _| policy.fields.contains(field));
    plan.compare_with_intents(state, settled, changes);
    plan
}

/// Moves the base of every field that holds what an intent asked for.
///
/// Returns the intents with what is still missing of each, the plan so far, and the differences that
/// are known: those of before, and what a target was seen to have taken in a form of its own.
fn settle(
    state: &State<'_>,
    policy: &Policy,
    stripe: &Customer,
    zenskar: &Customer,
) -> (Vec<Intent>, Plan, Vec<Difference>) {
    let mut plan = Plan {
        state: LinkState::Active,
        base: state.link.base.clone(),
        arrived: Vec::new(),
        intents: Vec::new(),
        writes: Vec::new(),
        differences: Vec::new(),
        overruled: Vec::new(),
        decided: decision::in_force(state.decided, policy),
        recheck_at: None,
    };
    let (mut settled, mut taken) = (Vec::new(), Vec::new());
    for intent in state.intents {
        let to = intent.target;
        let target = match to {
            Side::Stripe => stripe,
            Side::Zenskar => zenskar,
        };
        let mut intent = intent.clone();
        if settles() {
            intent.changes.retain(|field, change| {
                // What a person decided is agreed when both sides hold it.
                let is_ours = !decision::is_waiting(&plan.decided, *field);
                let shown = target.value(*field);
                let arrived = shown == Some(&change.to);
                if arrived && is_ours {
                    plan.base.insert(*field, change.to.clone());
                }
                let own = shown.filter(|shown| is_ours && is_own_form(*field, change, shown));
                if let Some(shown) = own {
                    let agreed = plan.base.get(field);
                    taken.push(Difference::not_taken(
                        *field,
                        to,
                        (&change.to, shown),
                        agreed,
                    ));
                }
                !arrived && own.is_none()
            });
        }
        if intent.changes.is_empty() {
            plan.arrived.push(intent.number);
        } else {
            settled.push(intent);
        }
    }
    let is_old = |one: &&Difference| !taken.iter().any(|new| new.field == one.field);
    let before: Vec<_> = state.held.iter().filter(is_old).cloned().collect();
    taken.extend(before);
    (settled, plan, taken)
}

/// Whether an intent's values, seen at the target, prove that it arrived.
fn settles() -> bool {
    #[cfg(feature = "mutants")]
    if crate::mutants::is_on(crate::mutants::Mutant::IntentsNotSettled) {
        return false;
    }
    true
}

/// An intent is evidence too: its field was proven to have changed when it was decided. So is one
/// that was given up, which would otherwise be forgotten as a difference without proof.
fn with_intents(evidence: &Evidence, intents: &[Intent]) -> Evidence {
    let mut evidence = evidence.clone();
    for intent in intents {
        let replaced = matches!(intent.progress, Progress::Replaced(_));
        if intent.target == Side::Zenskar && !replaced {
            for (field, change) in &intent.changes {
                evidence.name(*field, change.from.clone());
            }
        }
    }
    evidence
}

/// Whether the target refused this very value before, and a person has not decided yet.
fn is_refused(intents: &[Intent], target: Side, field: Field, value: &Value) -> bool {
    intents.iter().any(|intent| {
        matches!(intent.progress, Progress::Dead(_))
            && intent.target == target
            && intent
                .changes
                .get(&field)
                .is_some_and(|change| change.to == *value)
    })
}

/// What the open intents ask of this field of the target.
fn waiting(intents: &[Intent], target: Side, field: Field) -> impl Iterator<Item = &Change> {
    let open = intents
        .iter()
        .filter(move |intent| intent.is_open() && intent.target == target);
    open.filter_map(move |intent| intent.changes.get(&field))
}

/// What was decided about a field whose source was not read now: it goes on while the target holds
/// what it was decided for. Without the source nobody can decide anew, and asking again would find
/// the same.
fn decided_before(
    intents: &[Intent],
    target: Side,
    field: Field,
    seen: &Customer,
) -> impl Iterator<Item = (Field, Change)> {
    let open = waiting(intents, target, field);
    let holds = seen.value(field);
    let open = open.filter(move |change| holds == Some(&change.from));
    open.map(move |change| (field, change.clone()))
}

/// Why a change that is wanted is not made; `unmoved` is whether the target surely holds what it
/// held when both agreed, or may be written over.
fn held_back(
    state: &State<'_>,
    intents: &[Intent],
    (target, field, unmoved): (Side, Field, bool),
    change: &Change,
) -> Option<Held> {
    if is_refused(intents, target, field, &change.to) {
        return Some(Held::Refused);
    }
    let not_taken = not_taken(state.held, target, field, change);
    let disputed = || !unmoved && is_disputed(state, intents, target, field, change);
    not_taken.or_else(|| disputed().then_some(Held::Conflict))
}

/// What each side holds if nobody changed it. A target that a write waits for has not changed while
/// it holds what it held when the write was decided. What may not be written any more waits no
/// more, and neither does what its source took back: what the target held then was a change of it.
fn base_of_sides<'a>(
    shown: &'a [Difference],
    intents: &'a [Intent],
    policy: &Policy,
    (field, stripe, zenskar): (Field, &'a Value, &'a Value),
    agreed: &'a Value,
) -> Base<'a> {
    let before = own_forms(shown, field, agreed).unwrap_or_else(|| {
        let of = |held| match is_lowered(field, agreed, held) {
            true => held,
            false => agreed,
        };
        Base {
            stripe: of(stripe),
            zenskar: of(zenskar),
        }
    });
    let of = |side: Side, source: &Value| {
        let counts = policy.allows(field, side) && before.value(side.other()) != source;
        waiting(intents, side, field).filter(move |_| counts)
    };
    let mut base = before;
    for change in of(Side::Stripe, zenskar) {
        base.stripe = &change.from;
    }
    for change in of(Side::Zenskar, stripe) {
        base.zenskar = &change.from;
    }
    base
}

/// What each side held when the target had just taken a value in a form of its own: from then on a
/// side changed if it holds something else than that. `agreed` is what both held before.
fn own_forms<'a>(held: &'a [Difference], field: Field, agreed: &Value) -> Option<Base<'a>> {
    held.iter()
        .find(|held| held.field == field && held.why == Held::NotTaken)
        .filter(|held| held.base.as_ref() == Some(agreed))
        .map(|held| Base {
            stripe: &held.stripe,
            zenskar: &held.zenskar,
        })
}

/// Whether the target took this very value before in a form of its own.
///
/// While it holds that form, writing again would change nothing; when it holds something else,
/// somebody edited it since, and the edit is not written over.
fn not_taken(held: &[Difference], target: Side, field: Field, change: &Change) -> Option<Held> {
    let before = held
        .iter()
        .find(|held| held.field == field && held.why == Held::NotTaken)?;
    let (asked, shown) = match target {
        Side::Zenskar => (&before.stripe, &before.zenskar),
        Side::Stripe => (&before.zenskar, &before.stripe),
    };
    if *asked != change.to {
        None
    } else if *shown == change.from {
        Some(Held::NotTaken)
    } else {
        Some(Held::Conflict)
    }
}

/// Whether these very values were a conflict before. They stay one when what proved it is used up.
fn is_known_conflict(held: &[Difference], field: Field, sides: Sides<'_>) -> bool {
    held.iter().any(|held| {
        held.field == field
            && held.why == Held::Conflict
            && held.stripe == *sides.stripe
            && held.zenskar == *sides.zenskar
    })
}

/// Whether this very value may have arrived and been edited away since.
///
/// A request of unknown outcome asked for it, and the target holds neither that, nor what it held
/// before, nor what was agreed: either the request was lost and somebody edited the old value, or it arrived and
/// somebody edited the new one. Nobody can tell, so the edit is not written over: it is a conflict
/// until the source changes again.
fn is_disputed(
    state: &State<'_>,
    intents: &[Intent],
    target: Side,
    field: Field,
    change: &Change,
) -> bool {
    let sent = intents.iter().any(|intent| {
        matches!(
            intent.progress,
            Progress::Unknown(_) | Progress::Replaced(_)
        ) && intent.target == target
            && intent
                .changes
                .get(&field)
                .is_some_and(|sent| sent.to == change.to && sent.from != change.from)
    });
    let known = state.held.iter().any(|held| {
        let source = match target {
            Side::Zenskar => &held.stripe,
            Side::Stripe => &held.zenskar,
        };
        held.field == field && held.why == Held::Conflict && *source == change.to
    });
    sent || known
}

impl Plan {
    /// Takes the next step of what a person decided about a field; whether that is all there is to
    /// do about it.
    fn carry_out(
        &mut self,
        state: &State<'_>,
        policy: &Policy,
        intents: &[Intent],
        (field, stripe, zenskar): (Field, &Value, &Value),
        changes: &mut BTreeMap<Side, Changes>,
    ) -> bool {
        let Some(decision) = decision::waiting(&mut self.decided, field) else {
            return false;
        };
        let refused = |side: Side, value: &Value| is_refused(intents, side, field, value);
        match decision::step(decision, (stripe, zenskar), policy, refused) {
            decision::Step::Done => {
                decision::finish(decision, &mut self.base, state.now);
                false
            }
            decision::Step::Overtaken(why) => {
                decision.state = DecisionState::Overtaken(why.to_owned());
                false
            }
            decision::Step::Refused => {
                let sides = Sides {
                    base: None,
                    stripe,
                    zenskar,
                };
                let difference = self.difference(field, sides, Held::Refused);
                self.differences.push(difference);
                true
            }
            decision::Step::Write(targets) => {
                for target in targets {
                    let held = match target {
                        Side::Stripe => stripe,
                        Side::Zenskar => zenskar,
                    };
                    let change = Change {
                        from: held.clone(),
                        to: decision.goal(target).wanted.clone(),
                    };
                    changes.entry(target).or_default().insert(field, change);
                }
                true
            }
        }
    }

    /// A field that was not read on both sides: nothing was learned, so what was shown of it stays
    /// shown, and nothing new is said.
    fn leave_unread(&mut self, state: &State<'_>, field: Field) {
        let shown = state.held.iter().find(|held| held.field == field);
        self.differences.extend(shown.map(|held| Difference {
            base: self.base.get(&field).cloned(),
            ..held.clone()
        }));
    }

    fn difference(&self, field: Field, sides: Sides<'_>, why: Held) -> Difference {
        Difference {
            field,
            stripe: sides.stripe.clone(),
            zenskar: sides.zenskar.clone(),
            base: self.base.get(&field).cloned(),
            why,
        }
    }

    /// Turns changes into writes, except for what an open intent asks for already.
    fn compare_with_intents(
        &mut self,
        state: &State<'_>,
        settled: Vec<Intent>,
        mut changes: BTreeMap<Side, Changes>,
    ) {
        for mut intent in settled {
            match intent.progress {
                Progress::Waiting | Progress::Unknown(_) => {
                    let wanted = changes.entry(intent.target).or_default();
                    if is_within(&intent.changes, wanted) {
                        // The target may hold something else by now than when it was decided.
                        for (field, change) in &mut intent.changes {
                            if let Some(now) = wanted.remove(field) {
                                *change = now;
                            }
                        }
                        self.intents.push(intent);
                    } else {
                        self.keep_for_late_arrival(state, &intent);
                    }
                }
                Progress::Replaced(_) => self.keep_for_late_arrival(state, &intent),
                Progress::Dead(_) => {
                    // What stopped being wanted must not come back with a retry.
                    intent.changes.retain(|field, _| {
                        let mut held = self.differences.iter();
                        held.any(|one| one.why == Held::Refused && one.field == *field)
                    });
                    if !intent.changes.is_empty() {
                        self.intents.push(intent);
                    }
                }
            }
        }
        self.writes = changes
            .into_iter()
            .filter(|(_, changes)| !changes.is_empty())
            .map(|(target, changes)| Write { target, changes })
            .collect();
    }

    /// Keeps an intent that will not be sent again for as long as a request of it may arrive.
    fn keep_for_late_arrival(&mut self, state: &State<'_>, intent: &Intent) {
        let (Progress::Unknown(since) | Progress::Replaced(since)) = intent.progress else {
            return;
        };
        let until = since.plus(state.settle);
        if state.now < until {
            let progress = Progress::Replaced(since);
            self.intents.push(Intent {
                progress,
                ..intent.clone()
            });
            self.recheck_at = Some(self.recheck_at.map_or(until, |at| at.min(until)));
        }
    }
}

/// Whether everything that was asked for is wanted still.
fn is_within(asked: &Changes, wanted: &Changes) -> bool {
    asked
        .iter()
        .all(|(field, change)| wanted.get(field).is_some_and(|now| now.to == change.to))
}

#[cfg(test)]
mod tests;
