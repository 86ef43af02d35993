//! The model that is obviously right: who wrote what last, field by field.
//!
//! It watches people edit both sides and the engine write to Zenskar, and knows nothing of links,
//! bases or intents. Import only: Stripe's changes move, Zenskar's edits stay until Stripe's field
//! changes again.

use crate::world::zenskar_fields;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use zenstripe::model::customer::Field;
use zenstripe::model::difference::Held;

/// One field of one customer.
#[derive(Clone, Debug, Default)]
struct Story {
    /// Every value Stripe held, oldest first.
    stripe: Vec<String>,
    /// The newest of them that Zenskar was seen to hold.
    landed: Option<usize>,
    /// What Zenskar holds.
    zenskar: String,
    /// Whether a person edited Zenskar's field after that.
    edited_since: bool,
    /// When Stripe's field last changed, and when a person last edited Zenskar's: in steps.
    stripe_at: u64,
    zenskar_at: u64,
}

/// All fields of all customers, by Zenskar's id.
#[derive(Debug, Default)]
pub(crate) struct Reference {
    stories: BTreeMap<(String, Field), Story>,
    steps: u64,
    /// What the engine did wrong.
    pub(crate) wrong: Vec<String>,
    /// Fields the engine wrote.
    pub(crate) written: u64,
    /// What happened to each field, for whoever reads a failure.
    log: Vec<(String, Field, String)>,
}

impl Reference {
    /// A customer as both sides hold it at the start.
    pub(crate) fn begin(
        &mut self,
        id: &str,
        stripe: &BTreeMap<Field, String>,
        zenskar: &BTreeMap<Field, String>,
    ) {
        for (field, value) in stripe {
            let theirs = &zenskar[field];
            let story = Story {
                stripe: vec![value.clone()],
                landed: (value == theirs).then_some(0),
                zenskar: theirs.clone(),
                ..Story::default()
            };
            self.stories.insert((id.to_owned(), *field), story);
        }
    }

    /// Stripe's customer was edited.
    pub(crate) fn stripe_edited(&mut self, id: &str, now: &BTreeMap<Field, String>) {
        self.steps += 1;
        for (field, value) in now {
            let Some(story) = self.stories.get_mut(&(id.to_owned(), *field)) else {
                continue;
            };
            if story.stripe.last() != Some(value) {
                self.log
                    .push((id.to_owned(), *field, format!("stripe: {value}")));
                story.stripe.push(value.clone());
                story.stripe_at = self.steps;
            }
        }
    }

    /// A person edited Zenskar's customer.
    pub(crate) fn zenskar_edited(&mut self, id: &str, now: &BTreeMap<Field, String>) {
        self.steps += 1;
        for (field, value) in now {
            let Some(story) = self.stories.get_mut(&(id.to_owned(), *field)) else {
                continue;
            };
            if story.zenskar != *value {
                self.log
                    .push((id.to_owned(), *field, format!("person: {value}")));
                story.zenskar.clone_from(value);
                story.zenskar_at = self.steps;
                story.edited_since = true;
            }
        }
    }

    /// The engine wrote to Zenskar.
    pub(crate) fn engine_wrote(&mut self, id: &str, before: &Json, after: &Json) {
        let before = zenskar_fields(before);
        for (field, value) in zenskar_fields(after) {
            if before[&field] == value {
                continue;
            }
            self.written += 1;
            self.log
                .push((id.to_owned(), field, format!("engine: {value}")));
            let key = (id.to_owned(), field);
            let Some(story) = self.stories.get_mut(&key) else {
                self.wrong
                    .push(format!("{id} {field}: written though it is nobody's"));
                continue;
            };
            // Stripe may have held the value several times: the first time that keeps the order is
            // the one, and after a person's edit it takes another time to be a new change.
            let from = match story.landed {
                Some(landed) if story.edited_since => landed + 1,
                Some(landed) => landed,
                None => 0,
            };
            let position = |from: usize| {
                let mut later = story.stripe.iter().enumerate().skip(from);
                later
                    .find(|(_, held)| **held == value)
                    .map(|(index, _)| index)
            };
            let fault = match (position(from), position(0)) {
                (Some(_), _) => None,
                (None, None) => Some("wrote what Stripe never held"),
                (None, Some(_)) if position(from.saturating_sub(1)).is_some() => {
                    Some("repeated a write over a person's edit")
                }
                (None, Some(_)) => Some("wrote an older value over a newer one"),
            };
            let landed = position(from);
            story.zenskar = value;
            if let Some(index) = landed {
                story.land(index);
            }
            if let Some(fault) = fault {
                let history = self.history(id, field);
                self.wrong
                    .push(format!("{id} {field}: {fault} ({history})"));
            }
        }
    }

    /// What happened to a field, in order.
    pub(crate) fn history(&self, id: &str, field: Field) -> String {
        let of_field = |(other, one, _): &&(String, Field, String)| other == id && *one == field;
        let lines: Vec<_> = self
            .log
            .iter()
            .filter(of_field)
            .map(|(.., what)| what.as_str())
            .collect();
        lines.join(", ")
    }

    /// Whether this field may differ when all is quiet, given that the store shows it.
    pub(crate) fn may_differ(&self, id: &str, field: Field, why: Option<Held>) -> bool {
        let Some(story) = self.stories.get(&(id.to_owned(), field)) else {
            return false;
        };
        let now = story.stripe.last().map_or("", String::as_str);
        // A blank never erases.
        now.is_empty()
            // A person edited Zenskar after Stripe's last change.
            || story.zenskar_at > story.stripe_at
            // Stripe went back to what Zenskar had when a person edited it: no change to move.
            || story.landed.is_some_and(|landed| story.stripe[landed] == now)
            // Stripe left a value and came back to it while a person edited Zenskar: nobody can
            // tell whether what was written in between arrived and was edited away.
            || (matches!(why, Some(Held::Conflict | Held::Drift))
                && story.edited_since
                && story.returned())
            // Never equal, and never changed since.
            || (story.landed.is_none() && story.stripe.len() == 1)
    }
}

impl Story {
    /// Whether Stripe holds a value that it held, and left, before.
    fn returned(&self) -> bool {
        let Some((now, before)) = self.stripe.split_last() else {
            return false;
        };
        before.contains(now)
    }

    fn land(&mut self, index: usize) {
        self.landed = self.landed.max(Some(index));
        self.edited_since = false;
    }
}
