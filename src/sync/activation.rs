//! Since when each field is active, and what of a link's past still counts.
//!
//! A base says that whoever changes the field afterwards is to be followed. That holds only while
//! somebody follows: what people did while sync was off, or the field not selected, was done under
//! other rules, and must not be written over when it is switched on again. So a field that becomes
//! active begins as if its two sides had never met: where they agree that is the base, where they
//! differ that is a question for a person. The same goes for what was decided before, and for
//! events of before.

use crate::model::customer::{Field, Fields};
use crate::model::event::Event;
use crate::model::intent::Intent;
use crate::model::link::{Link, Side};
use crate::model::run::Decided;
use crate::model::time::Timestamp;
use crate::sync::decision;
use crate::sync::policy::{Direction, Policy};
use std::collections::BTreeMap;

/// When a field became active, by two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// This host's: plans, decisions and receptions are compared with it.
    pub here: Timestamp,
    /// Stripe's, as far as it is known: events are compared with it. `None` where nothing was
    /// linked yet, so that no event comes from before.
    pub stripe: Option<Timestamp>,
}

/// What is active, and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activations {
    /// The direction in force; `None` when sync is off.
    pub direction: Option<Direction>,
    /// The selected fields; none when sync is off.
    pub fields: BTreeMap<Field, Since>,
}

impl Activations {
    /// What is active under `policy`, where this was until `now`.
    #[must_use]
    pub fn under(&self, policy: &Policy, now: Since) -> Self {
        let same = !widens(self.direction, policy.direction);
        let selected = policy.fields.iter().filter(|_| policy.direction.is_some());
        let fields = selected.map(|field| {
            let known = self.fields.get(field).filter(|_| same);
            (*field, known.copied().unwrap_or(now))
        });
        Self {
            direction: policy.direction,
            fields: fields.collect(),
        }
    }

    /// The fields that are active here, and were not so in `before`.
    #[must_use]
    pub fn new_since(&self, before: &Self) -> Vec<Field> {
        let fields = self.fields.iter();
        fields
            .filter(|(field, since)| before.fields.get(field) != Some(*since))
            .map(|(field, _)| *field)
            .collect()
    }

    /// The link with those entries of its base that count.
    #[must_use]
    pub fn counting(&self, link: &Link) -> Link {
        let counts = |field: &Field| {
            let since = self.fields.get(field);
            since.is_none_or(|since| since.here <= link.planned_at)
        };
        let base: Fields = link
            .base
            .iter()
            .filter(|(field, _)| counts(field))
            .map(|(field, value)| (*field, value.clone()))
            .collect();
        Link {
            base,
            ..link.clone()
        }
    }

    /// The intents with those changes that were decided since their field is active.
    #[must_use]
    pub fn counting_intents(&self, intents: Vec<Intent>) -> Vec<Intent> {
        let counted = intents.into_iter().filter_map(|mut intent| {
            let decided_at = intent.decided_at;
            intent
                .changes
                .retain(|field, _| !self.is_before(*field, decided_at));
            (!intent.changes.is_empty()).then_some(intent)
        });
        counted.collect()
    }

    /// What people decided, without what they decided before its field became active.
    #[must_use]
    pub fn counting_decided(&self, mut decided: Vec<Decided>) -> Vec<Decided> {
        decision::overtake(&mut decided, decision::BY_RULES, |run, one| {
            self.is_before(one.field, run.at)
        });
        decided
    }

    /// Whether a field of the intent became active after it was decided: it must be decided anew.
    #[must_use]
    pub fn outdates(&self, intent: &Intent) -> bool {
        let mut fields = intent.changes.keys();
        fields.any(|field| self.is_before(*field, intent.decided_at))
    }

    /// Whether what the event says of `field` proves anything: it was made while that was active.
    #[must_use]
    pub fn hears(&self, field: Field, event: &Event) -> bool {
        self.fields.get(&field).is_some_and(|since| {
            since.here <= event.received_at
                && since.stripe.is_none_or(|stripe| stripe <= event.created)
        })
    }

    /// Whether what Stripe held at this time, by its clock, is what it holds under the rules in
    /// force. A state of before says nothing about who changed what since.
    #[must_use]
    pub fn covers(&self, stripe: Timestamp) -> bool {
        let mut since = self.fields.values().filter_map(|since| since.stripe);
        since.all(|since| since <= stripe)
    }

    /// When the link's base is settled by a plan made `now`: where that is news, and after
    /// everything that became active, even if this host's clock was set back meanwhile.
    #[must_use]
    pub fn planned_at(&self, link: &Link, now: Timestamp) -> Timestamp {
        let newest = self.fields.values().map(|since| since.here).max();
        match newest {
            Some(newest) if newest > link.planned_at => newest.max(now),
            _ => link.planned_at,
        }
    }

    fn is_before(&self, field: Field, at: Timestamp) -> bool {
        self.fields.get(&field).is_some_and(|since| at < since.here)
    }
}

/// Whether a side may be written under `new` that could not be under `old`.
const fn widens(old: Option<Direction>, new: Option<Direction>) -> bool {
    match (old, new) {
        (_, None) | (Some(Direction::Both), _) => false,
        (None, Some(_)) | (Some(Direction::From(_)), Some(Direction::Both)) => true,
        (Some(Direction::From(old)), Some(Direction::From(new))) => !matches!(
            (old, new),
            (Side::Stripe, Side::Stripe) | (Side::Zenskar, Side::Zenskar)
        ),
    }
}

#[cfg(test)]
mod tests;
