//! What to do with an intent when its turn comes, and what its answer proves.

use crate::model::customer::{Customer, Field, Fields, Value};
use crate::model::difference::Difference;
use crate::model::intent::{Change, Changes, Intent, Progress};
use crate::model::link::Side;
use crate::model::run::{Decided, DecisionState};
use crate::model::time::Timestamp;
use crate::sync::decision::{is_decided, take_answer};
use crate::sync::lag::lost_at;
use crate::sync::policy::Policy;

/// What a look at the target right before sending comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// The target holds everything already: the intent is done.
    Arrived,
    /// These fields still hold what they held when the write was decided: send them.
    Send(Changes),
    /// As that, but a request was sent so lately that a read may not show it yet: look again then.
    LookAgain(Timestamp),
    /// Something else changed meanwhile, or the rules did: decide anew.
    Replan,
}

/// Compares an intent with what its target holds now.
#[must_use]
pub fn before_sending(
    intent: &Intent,
    current: &Customer,
    decided: &[Decided],
    policy: &Policy,
    now: Timestamp,
) -> Before {
    let missing: Changes = intent
        .changes
        .iter()
        .filter(|(field, change)| {
            let held = current.value(**field);
            held.is_none_or(|held| *held != change.to && !is_own_form(**field, change, held))
        })
        .map(|(field, change)| (*field, change.clone()))
        .collect();
    if missing.is_empty() {
        return Before::Arrived;
    }
    let unmoved = |(field, change): (_, &Change)| {
        policy.allows(field, intent.target)
            && (!change.to.is_blank()
                || policy.may_blank(field, intent.target)
                || is_decided(decided, (intent.target, field), change, policy))
            && current.value(field) == Some(&change.from)
    };
    if missing
        .iter()
        .all(|(field, change)| unmoved((*field, change)))
    {
        match intent.progress {
            Progress::Unknown(since) if now < lost_at(intent.target, since) => {
                Before::LookAgain(lost_at(intent.target, since))
            }
            _ => Before::Send(missing),
        }
    } else {
        Before::Replan
    }
}

/// The same write in as many requests as it can be made of.
///
/// One for each field, but that Stripe takes `shipping` as a whole. What may have happened to the
/// whole may have happened to each part, so each keeps how far the whole got.
pub fn one_by_one(intent: &Intent) -> impl Iterator<Item = Intent> {
    let mut parts: Vec<Changes> = Vec::new();
    for (field, change) in &intent.changes {
        let whole = parts.iter_mut().find(|part| {
            let mut others = part.keys();
            intent.target == Side::Stripe
                && is_shipping(*field)
                && others.any(|other| is_shipping(*other))
        });
        let change = (*field, change.clone());
        match whole {
            Some(part) => part.extend([change]),
            None => parts.push(Changes::from([change])),
        }
    }
    parts.into_iter().map(|changes| Intent {
        changes,
        attempts: 0,
        ..intent.clone()
    })
}

const fn is_shipping(field: Field) -> bool {
    matches!(
        field,
        Field::ShippingName | Field::ShippingPhone | Field::ShippingAddress
    )
}

/// What the target's answer to a write proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// The whole base of the link from now on.
    pub base: Fields,
    /// Values the target was sent and does not hold.
    pub not_taken: Vec<Difference>,
    /// What people decided about the link, as it is from now on.
    pub decided: Vec<Decided>,
}

impl After {
    /// Whether the answer, which came `now`, ends a decision that leaves the two sides different.
    #[must_use]
    pub fn leaves_different(&self, now: Timestamp) -> bool {
        let mut all = self.decided.iter().flat_map(|run| &run.decisions);
        all.any(|one| {
            one.state == DecisionState::Done(now) && one.stripe.wanted != one.zenskar.wanted
        })
    }
}

/// Compares what an intent asked for with what the target's answer shows.
///
/// The base of fields that were not taken stays where it is, and so does that of a field about
/// which a decision is to be carried out, until both sides hold what was decided.
#[must_use]
pub fn after_answer(
    intent: &Intent,
    answered: &Customer,
    base: &Fields,
    decided: Vec<Decided>,
    now: Timestamp,
) -> After {
    let mut after = After {
        base: base.clone(),
        not_taken: Vec::new(),
        decided,
    };
    for (field, change) in &intent.changes {
        // An answer that does not show the field proves nothing of it; the next look does.
        let Some(held) = answered.value(*field) else {
            continue;
        };
        let (place, shown) = ((intent.target, *field), (&change.to, held));
        let is_decided = take_answer(&mut after.decided, &mut after.base, place, shown, now);
        if *held == change.to {
            if !is_decided {
                after.base.insert(*field, change.to.clone());
            }
            continue;
        }
        let (given, agreed) = ((&change.to, held), base.get(field));
        let difference = Difference::not_taken(*field, intent.target, given, agreed);
        after.not_taken.push(difference);
    }
    after
}

/// Whether a target that shows `held` took a change in a form of its own, though no answer says so:
/// it keeps addresses of e-mail in lower case. One that held that before shows nothing.
#[must_use]
pub fn is_own_form(field: Field, change: &Change, held: &Value) -> bool {
    *held != change.from && is_lowered(field, &change.to, held)
}

/// Whether `held` is how a system that keeps addresses of e-mail in lower case keeps `given`.
#[must_use]
pub fn is_lowered(field: Field, given: &Value, held: &Value) -> bool {
    match (field, given, held) {
        (Field::Email, Value::Text(given), Value::Text(held)) => {
            given != held && given.to_lowercase() == *held
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::StripeCustomerId;

    fn intent(target: Side, fields: &[Field]) -> Intent {
        let change = || Change {
            from: Value::Blank,
            to: Value::text("x"),
        };
        Intent {
            number: 1,
            link: StripeCustomerId::parse("cus_1").unwrap(),
            target,
            changes: fields.iter().map(|field| (*field, change())).collect(),
            progress: Progress::Waiting,
            attempts: 3,
            decided_at: Timestamp::default(),
            observed_at: Timestamp::default(),
        }
    }

    #[test]
    fn shipping_stays_together_towards_stripe_alone() {
        let fields = [
            Field::Name,
            Field::ShippingName,
            Field::ShippingAddress,
            Field::Locale,
        ];
        for (target, parts) in [(Side::Stripe, vec![1, 2, 1]), (Side::Zenskar, vec![1; 4])] {
            let whole = intent(target, &fields);
            let apart: Vec<Intent> = one_by_one(&whole).collect();
            let sizes: Vec<usize> = apart.iter().map(|part| part.changes.len()).collect();
            assert_eq!(sizes, parts, "{target}");
            assert!(apart.iter().all(|part| part.attempts == 0));
            let all = apart.into_iter().flat_map(|part| part.changes);
            assert_eq!(all.collect::<Changes>(), whole.changes, "{target}");
        }
    }

    #[test]
    fn what_an_answer_does_not_show_is_neither_agreed_nor_refused() {
        let intent = intent(Side::Zenskar, &[Field::Name, Field::TaxIds]);
        let shown = Customer::new([(Field::Name, Value::text("x"))].into());
        let (shown, now) = (shown.without(Field::TaxIds), Timestamp::default());
        let after = after_answer(&intent, &shown, &Fields::new(), Vec::new(), now);
        assert_eq!(after.base, [(Field::Name, Value::text("x"))].into());
        assert_eq!(after.not_taken, []);
        // Nor is it sent again before somebody saw what is there.
        let policy = Policy {
            direction: Some(crate::sync::policy::Direction::From(Side::Stripe)),
            fields: Field::ALL.into(),
            ..Policy::off()
        };
        let unread = Customer::default().without(Field::TaxIds);
        let before = before_sending(&intent, &unread, &[], &policy, Timestamp::default());
        assert_eq!(before, Before::Replan);
    }
}
