//! Taking note of what becomes active, before anything is done under new rules.
//!
//! The pure part, what a field's becoming active does to what was agreed and decided before, is in
//! [`crate::sync::activation`].

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::scan::step;
use crate::model::customer::Field;
use crate::model::difference::{Difference, Held};
use crate::model::event::Event;
use crate::model::intent::Intent;
use crate::model::journal::Entry;
use crate::model::link::Link;
use crate::model::run::Decided;
use crate::model::time::Timestamp;
use crate::store::{StoreError, WriteTx};
use crate::stripe;
use crate::sync::activation::{Activations, Since};
use crate::sync::evidence::Evidence;
use crate::sync::policy::{Policy, Rule};
use std::time::Duration;

/// How much later than Stripe says it may be.
const WHOLE_SECOND: Duration = Duration::from_secs(1);

/// Links whose differences are gone through in one transaction.
const ROWS_STEP: usize = 500;

/// What the store knows of a link, so far as it counts since its fields are active.
pub(super) struct Known {
    /// What is active.
    pub(super) active: Activations,
    /// The link with those entries of its base that count.
    pub(super) link: Link,
    /// Its intents with those changes that count.
    pub(super) intents: Vec<Intent>,
    /// The differences that the last plan left.
    pub(super) held: Vec<Difference>,
    /// What people decided about it, so far as it counts.
    pub(super) decided: Vec<Decided>,
}

impl Known {
    /// What the events prove of a customer that was made in Stripe at `made_at`, read only where
    /// the base leaves a selected field open.
    ///
    /// An event of our own write, whose idempotency key begins with `own`, tells of no edit.
    ///
    /// A tax id that is made with its customer is no change of it, and an event does not say that
    /// it was: within the second in which the customer was made, one proves nothing.
    pub(super) fn evidence(
        &self,
        events: &[Event],
        made_at: Option<Timestamp>,
        policy: &Policy,
        own: &str,
    ) -> Evidence {
        let mut evidence = Evidence::default();
        if policy
            .fields
            .iter()
            .all(|field| self.link.base.contains_key(field))
        {
            return evidence;
        }
        let is_own = |event: &&Event| {
            let key = stripe::event::idempotency_key(&event.payload);
            key.is_some_and(|key| key.starts_with(own))
        };
        for event in events.iter().filter(|event| !is_own(event)) {
            if stripe::event::is_of_tax_id(&event.kind)
                && made_at.is_some_and(|made_at| made_at < event.created)
                && self.active.hears(Field::TaxIds, event)
            {
                evidence.touch(Field::TaxIds);
            }
            if event.kind != "customer.updated" {
                continue;
            }
            match stripe::event::previous_attributes(&event.payload) {
                stripe::event::Evidence::Unspecified => {
                    let mut open = policy.fields.iter();
                    if open.all(|field| {
                        self.link.base.contains_key(field) || self.active.hears(*field, event)
                    }) {
                        evidence.unspecified();
                    }
                }
                stripe::event::Evidence::Named(before) => {
                    let heard = before.into_iter();
                    for (field, value) in
                        heard.filter(|(field, _)| self.active.hears(*field, event))
                    {
                        evidence.name(field, value);
                    }
                    self.metadata_evidence(event, policy, &mut evidence);
                }
            }
        }
        evidence
    }

    /// What an event proves of the selected pairs of metadata.
    fn metadata_evidence(&self, event: &Event, policy: &Policy, evidence: &mut Evidence) {
        let selected = policy.fields.iter();
        let mut pairs = selected.filter_map(|field| match field {
            Field::Metadata(pair) if self.active.hears(*field, event) => Some(*pair),
            _ => None,
        });
        if let Some(first) = pairs.next() {
            let before = stripe::event::previous_metadata(&event.payload);
            for pair in std::iter::once(first).chain(pairs) {
                if let Some(value) = before.get(pair.stripe()) {
                    evidence.name(Field::Metadata(pair), value.clone());
                }
            }
        }
    }
}

impl Engine {
    /// What the store knows of a link.
    pub(super) fn known(&self, link: &Link) -> Result<Known, EngineError> {
        let read = self.store.read()?;
        let active = read.activations()?;
        Ok(Known {
            link: active.counting(link),
            intents: active.counting_intents(read.intents(&link.stripe)?),
            held: read.differences(&link.stripe)?,
            decided: active.counting_decided(read.decided(&link.stripe)?),
            active,
        })
    }

    /// Takes note that `policy` comes into force; to be called before it does, at the start and
    /// whenever settings are swapped. Fields that were not active before begin anew.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn activate(&self, policy: &Policy) -> Result<(), EngineError> {
        // Stripe says whole seconds, of its answers and of its events, so that its time is up to a
        // second later than the answer says: what was made within that second becomes a question.
        let about = self.stripe.remote_about();
        let now = Since {
            here: self.clock.now(),
            stripe: about.map(|about| about.plus(WHOLE_SECOND)),
        };
        let known = self.store.read()?.activations()?;
        if known.under(policy, now) == known {
            return Ok(());
        }
        let policy = policy.clone();
        let wants_scan = self
            .writer
            .write("activate fields", move |tx| activate(tx, &policy, now))
            .await?;
        if wants_scan {
            self.wake.scan.notify_one();
        }
        Ok(())
    }

    /// Has every customer looked at again that shows a difference which the rules in force may
    /// decide: who wins a conflict, and whether a blank erases. To be called after rules came into
    /// force, at the start and whenever settings were swapped.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn reconsider(&self) -> Result<(), EngineError> {
        let policy = self.settings().policy.clone();
        // `rules`: whether a rule decides instead of a person.
        let decides = |why: Held, rules: bool| match why {
            // The winner under other rules may have been refused, or blank.
            Held::Conflict | Held::Refused => rules,
            Held::WouldBlank => rules || policy.allow_blank,
            Held::NoBase | Held::Drift | Held::NotTaken | Held::Nested => false,
        };
        // The counts say at once where there is nothing to go through, however much differs.
        let counts = self.store.read()?.difference_counts()?;
        let any_rule = policy.conflict.decide();
        if !counts.keys().any(|why| decides(*why, any_rule)) {
            return Ok(());
        }
        let is_decided =
            |one: &Difference| decides(one.why, policy.conflict.of(one.field) != Rule::Ask);
        let mut after = None;
        loop {
            let rows = self.store.read()?;
            let mut rows = rows.differences_list(after.as_ref(), ROWS_STEP)?;
            let Some((last, _)) = rows.last() else {
                return Ok(());
            };
            after = Some(last.clone());
            rows.retain(|(_, held)| held.iter().any(is_decided));
            if rows.is_empty() {
                continue;
            }
            let now = self.clock.now();
            self.writer
                .write("look again under these rules", move |tx| {
                    rows.iter().try_for_each(|(id, _)| step::ask(tx, id, now))
                })
                .await?;
            self.wake.look.notify_one();
        }
    }
}

/// Whether linked customers have to be looked at, which a scan does.
fn activate(tx: &mut WriteTx<'_>, policy: &Policy, now: Since) -> Result<bool, StoreError> {
    let before = tx.activations()?;
    let is_linked = tx.link_count()? > 0;
    // While nothing is linked nobody's edit is at stake, and every event is heard. Else, where
    // Stripe did not tell its time yet, this host's has to do: an event that is taken for an older
    // one costs a person a question, and one that is taken for a newer one writes over an edit.
    let stripe = is_linked.then(|| now.stripe.unwrap_or(now.here));
    let now = Since { stripe, ..now };
    let after = before.under(policy, now);
    tx.set_activations(&after)?;
    if after.direction.is_some() {
        // What it showed is looked at again, under the rules that are in force now.
        tx.set_rehearsal(None)?;
    }
    let new = after.new_since(&before);
    if new.is_empty() || !is_linked {
        return Ok(false);
    }
    let mut cursor = tx.scan_cursor()?;
    cursor.wanted = true;
    tx.set_scan_cursor(&cursor)?;
    let names: Vec<&str> = new.into_iter().map(|field| field.as_str()).collect();
    let entry =
        Entry::engine(now.here, "fields active", &"customers").with("fields", &names.join(", "));
    tx.append_journal(&entry)?;
    Ok(true)
}
