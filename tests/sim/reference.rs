//! The model that is obviously right: who wrote what last, field by field.
//!
//! It watches people edit both sides and the engine write to Zenskar, and knows nothing of links,
//! bases or intents. Import only: Stripe's changes move, Zenskar's edits stay until Stripe's field
//! changes again.

use crate::values::{drawn, zenskar_fields};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use zenstripe::model::customer::Field;
use zenstripe::model::difference::Held;
use zenstripe::sync::policy::Policy;

/// One field of one customer.
#[derive(Clone, Debug, Default)]
struct Story {
    /// Every value Stripe held, oldest first.
    stripe: Vec<String>,
    /// The newest of them that Zenskar was seen to hold.
    landed: Option<usize>,
    /// What Zenskar holds.
    zenskar: String,
    /// When a person first edited Zenskar's field after that, in seconds.
    edited_since: Option<i64>,
    /// When Stripe's field last changed, and when a person last edited Zenskar's: in steps.
    stripe_at: u64,
    zenskar_at: u64,
    /// Which of Stripe's values came while the field was not selected: they are not written over a
    /// person's edit. Without one they may still move, since their event may come after the switch.
    while_off: BTreeSet<usize>,
    /// When the field came back into the selection, or the customers were linked anew: what
    /// differed by then is a question for a person.
    anew_at: u64,
    /// Values that Zenskar refused in a request of nothing else.
    refused: BTreeSet<String>,
}

/// All fields of all customers, by Zenskar's id.
#[derive(Debug, Default)]
pub(crate) struct Reference {
    stories: BTreeMap<(String, Field), Story>,
    steps: u64,
    /// Fields that are not selected.
    off: BTreeSet<Field>,
    /// Zenskar's ids of links that a person took apart.
    apart: BTreeSet<String>,
    /// How many seconds reads of Zenskar lag behind its writes.
    pub(crate) read_lag: i64,
    /// Whether Zenskar keeps e-mail addresses in lower case.
    pub(crate) lowercase_emails: bool,
    /// What the engine did wrong.
    pub(crate) wrong: Vec<String>,
    /// Fields the engine wrote.
    pub(crate) written: u64,
    /// Writes that reached Zenskar, whether they changed anything or not.
    pub(crate) patches: u64,
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
                if self.off.contains(field) {
                    story.while_off.insert(story.stripe.len());
                }
                story.stripe.push(value.clone());
                story.stripe_at = self.steps;
            }
        }
    }

    /// A person edited Zenskar's customer.
    pub(crate) fn zenskar_edited(&mut self, id: &str, now: &BTreeMap<Field, String>, at: i64) {
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
                story.edited_since.get_or_insert(at);
            }
        }
    }

    /// The operator's file names other fields. While nothing is linked no edit is at stake, and
    /// what happened before counts.
    pub(crate) fn selected(&mut self, policy: &Policy, linked: bool) {
        self.steps += 1;
        let off: BTreeSet<Field> = drawn()
            .into_iter()
            .filter(|field| policy.direction.is_none() || !policy.fields.contains(field))
            .collect();
        for ((id, field), story) in &mut self.stories {
            match (self.off.contains(field), off.contains(field)) {
                (true, false) => {
                    story.anew_at = self.steps;
                    if !linked {
                        story.while_off.clear();
                    }
                    self.log.push((id.clone(), *field, "on".to_owned()));
                }
                (false, true) => self.log.push((id.clone(), *field, "off".to_owned())),
                _ => {}
            }
        }
        self.off = off;
    }

    /// A person linked these customers, or took their link apart.
    pub(crate) fn linked(&mut self, id: &str, linked: bool) {
        self.steps += 1;
        if linked {
            self.apart.remove(id);
        } else {
            self.apart.insert(id.to_owned());
        }
        for field in drawn() {
            if let Some(story) = self.stories.get_mut(&(id.to_owned(), field)) {
                story.anew_at = self.steps;
            }
            let what = if linked { "linked" } else { "unlinked" };
            self.log.push((id.to_owned(), field, what.to_owned()));
        }
    }

    /// Zenskar refused a write. What it refused for is known only where one field was sent.
    pub(crate) fn refused(&mut self, id: &str, body: &Json) {
        let mut sent = zenskar_fields(body);
        sent.retain(|_, value| !value.is_empty());
        let alone = sent.len() == 1;
        for (field, value) in sent {
            self.log
                .push((id.to_owned(), field, format!("refused: {value}")));
            let story = self.stories.get_mut(&(id.to_owned(), field));
            if let Some(story) = story.filter(|_| alone) {
                story.refused.insert(value);
            }
        }
    }

    /// The engine wrote to Zenskar.
    pub(crate) fn engine_wrote(&mut self, id: &str, (before, after): (&Json, &Json), at: i64) {
        self.patches += 1;
        // What nobody asked to be written stands beside what is.
        let other = "/custom_data/other";
        if before.pointer(other) != after.pointer(other) {
            self.wrong.push(format!("{id}: a write lost {other}"));
        }
        let before = zenskar_fields(before);
        for (field, value) in zenskar_fields(after) {
            if before[&field] == value {
                continue;
            }
            self.written += 1;
            self.log
                .push((id.to_owned(), field, format!("engine: {value}")));
            let lower = self.lowercase_emails && field == Field::Email;
            let lag = self.read_lag;
            let off = self.off.contains(&field);
            let Some(story) = self.stories.get_mut(&(id.to_owned(), field)) else {
                self.wrong
                    .push(format!("{id} {field}: written though it is nobody's"));
                continue;
            };
            // An edit that no read showed yet stops nobody; a look serves for five seconds.
            let shown = |edited: i64| lag == 0 || at - edited > lag + 5;
            let fault = story.judge(&value, lower, story.edited_since.is_some_and(shown));
            story.zenskar = value;
            let fault = if off {
                Some("wrote a field that is not selected")
            } else if self.apart.contains(id) {
                Some("wrote to a customer whose link was taken apart")
            } else {
                fault
            };
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
            // Refused, and a person decides.
            || (why == Some(Held::Refused) && story.refused.contains(now))
            // Sent, and kept in Zenskar's own form.
            || (self.lowercase_emails
                && field == Field::Email
                && story.zenskar == now.to_lowercase())
            // Linked or selected anew after Stripe's last change: which side is right is unknown.
            || story.anew_at > story.stripe_at
            // A person edited Zenskar after Stripe's last change.
            || story.zenskar_at > story.stripe_at
            // Stripe went back to what Zenskar had when a person edited it: no change to move.
            || story.landed.is_some_and(|landed| story.stripe[landed] == now)
            // Stripe left a value and came back to it while a person edited Zenskar: nobody can
            // tell whether what was written in between arrived and was edited away.
            || (matches!(why, Some(Held::Conflict | Held::Drift))
                && story.edited_since.is_some()
                && story.returned())
            // Never equal, and never changed since.
            || (story.landed.is_none() && story.stripe.len() == 1)
    }
}

impl Story {
    /// Takes the engine's write; what is wrong with it.
    fn judge(&mut self, value: &str, lower: bool, edited: bool) -> Option<&'static str> {
        // Stripe may have held the value several times: the first time that keeps the order is
        // the one, and after a person's edit it takes another time to be a new change.
        let from = match self.landed {
            Some(landed) if edited => landed + 1,
            Some(landed) => landed,
            None => 0,
        };
        let is_held = |held: &str| held == value || (lower && held.to_lowercase() == value);
        let position = |from: usize| {
            let mut later = self.stripe.iter().enumerate().skip(from);
            later
                .find(|(index, held)| is_held(held) && !(edited && self.while_off.contains(index)))
                .map(|(index, _)| index)
        };
        let found = position(from);
        let mut off = self.while_off.iter();
        let was_off = off.any(|index| *index >= from && is_held(&self.stripe[*index]));
        let fault = match (found, position(0)) {
            (Some(_), _) => None,
            _ if was_off => Some("wrote what changed while it was not selected over an edit"),
            (None, None) => Some("wrote what Stripe never held"),
            (None, Some(_)) if position(from.saturating_sub(1)).is_some() => {
                Some("repeated a write over a person's edit")
            }
            (None, Some(_)) => Some("wrote an older value over a newer one"),
        };
        if let Some(index) = found {
            self.land(index);
        }
        fault
    }

    /// Whether Stripe holds a value that it held, and left, before.
    fn returned(&self) -> bool {
        let Some((now, before)) = self.stripe.split_last() else {
            return false;
        };
        before.contains(now)
    }

    fn land(&mut self, index: usize) {
        self.landed = self.landed.max(Some(index));
        self.edited_since = None;
    }
}
