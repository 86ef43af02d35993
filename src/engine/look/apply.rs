//! The transactions that end a look: a plan applied, work taken off, work given up.

use crate::engine::backoff;
use crate::engine::decisions::put_decided;
use crate::engine::look::describe;
use crate::model::customer::Value;
use crate::model::id::StripeCustomerId;
use crate::model::intent::{Intent, Progress};
use crate::model::journal::Entry;
use crate::model::link::{Link, LinkState, Side};
use crate::model::time::Timestamp;
use crate::model::work::{DeadWork, Subject, Work};
use crate::store::{PreparedMirror, ReadTx, StoreError, WriteTx};
use crate::sync::activation::Activations;
use crate::sync::customer::Plan;

/// A plan with everything that goes into its transaction.
pub(super) struct Decision {
    pub(super) work: Work,
    pub(super) link: Link,
    pub(super) plan: Plan,
    pub(super) active: Activations,
    pub(super) stripe: PreparedMirror,
    pub(super) zenskar: PreparedMirror,
    /// When each side was seen, by its own clock.
    pub(super) seen_at: SeenAt,
    /// When Stripe had been seen before.
    pub(super) seen_before: Option<Timestamp>,
    pub(super) now: Timestamp,
}

/// When each side was seen, by its own clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeenAt {
    pub(super) stripe: Timestamp,
    pub(super) zenskar: Timestamp,
}

impl Decision {
    /// Applies the plan, unless the link moved since it was read, the rules did, or Stripe was seen
    /// later.
    pub(super) fn apply(&self, tx: &mut WriteTx<'_>) -> Result<bool, StoreError> {
        let id = &self.link.stripe;
        let unmoved = tx.link(id)?.is_some_and(|link| {
            link.version == self.link.version
                && link.zenskar == self.link.zenskar
                && link.made_at == self.link.made_at
        });
        let unmoved = unmoved && tx.activations()? == self.active;
        // A scan may have listed the customer meanwhile, and later than it was read here.
        let known = tx.mirror_seen_at(Side::Stripe, id.as_str())?;
        let overtaken = known != self.seen_before && known > Some(self.seen_at.stripe);
        if !unmoved || overtaken {
            return Ok(false);
        }
        tx.put_mirror(&self.stripe)?;
        tx.put_mirror(&self.zenskar)?;
        self.put_intents(tx)?;
        self.put_link(tx)?;
        tx.put_differences(id, &self.plan.differences)?;
        put_decided(tx, &self.plan.decided, self.now)?;
        self.finish_work(tx)?;
        Ok(true)
    }

    fn put_link(&self, tx: &mut WriteTx<'_>) -> Result<(), StoreError> {
        let planned_at = self.active.planned_at(&self.link, self.now);
        let settled = planned_at == self.link.planned_at && self.link.base == self.plan.base;
        if settled && self.link.state == self.plan.state {
            return Ok(());
        }
        if let (LinkState::Deleted(side), true) =
            (self.plan.state, self.plan.state != self.link.state)
        {
            let entry = Entry::engine(self.now, "customer deleted", &self.work.subject)
                .with("side", &side)
                .with("zenskar", &self.link.zenskar);
            tx.append_journal(&entry)?;
        }
        tx.put_link(&Link {
            base: self.plan.base.clone(),
            state: self.plan.state,
            planned_at,
            version: self.link.version.saturating_add(1),
            ..self.link.clone()
        })?;
        Ok(())
    }

    /// Brings the outbox to what the plan says.
    fn put_intents(&self, tx: &mut WriteTx<'_>) -> Result<(), StoreError> {
        let id = &self.link.stripe;
        for old in tx.intents(id)? {
            let stays = self
                .plan
                .intents
                .iter()
                .any(|intent| intent.number == old.number);
            if !stays {
                let what = if self.plan.arrived.contains(&old.number) {
                    "change seen to have arrived"
                } else {
                    "change overtaken"
                };
                tx.append_journal(&describe(self.now, what, &old))?;
                tx.remove_intent(id, old.number)?;
                remove_dead_letter(tx, &old)?;
            }
        }
        for intent in &self.plan.intents {
            tx.put_intent(intent, intent.is_open().then_some(self.now))?;
        }
        for held in &self.plan.overruled {
            // An intent may wait that asks for the winner already: what it is to be written over is
            // another value than when it was decided, else no side would have changed.
            let base = held
                .base
                .as_ref()
                .map_or_else(String::new, Value::to_string);
            let entry = Entry::engine(self.now, "conflict decided by rule", &self.work.subject)
                .with("field", &held.field)
                .with("stripe", &held.stripe)
                .with("zenskar", &held.zenskar)
                .with("agreed before", &base);
            tx.append_journal(&entry)?;
        }
        for write in &self.plan.writes {
            let intent = Intent {
                number: tx.next_intent_number(id)?,
                link: id.clone(),
                target: write.target,
                changes: write.changes.clone(),
                progress: Progress::Waiting,
                attempts: 0,
                decided_at: self.now,
                observed_at: match write.target {
                    Side::Stripe => self.seen_at.stripe,
                    Side::Zenskar => self.seen_at.zenskar,
                },
            };
            tx.append_journal(&describe(self.now, "change decided", &intent))?;
            tx.put_intent(&intent, Some(self.now))?;
        }
        Ok(())
    }

    /// Takes the work off, but for what was asked since it was read.
    fn finish_work(&self, tx: &mut WriteTx<'_>) -> Result<(), StoreError> {
        let subject = &self.work.subject;
        remove_letters_of(tx, subject)?;
        if let Some(rest) = asked_since(tx, &self.work, self.now)? {
            return tx.put_work(&rest);
        }
        if self.plan.state == LinkState::Deleted(Side::Zenskar) {
            // It may come back, and what its events prove is taken up then.
            let note = format!("{} is deleted in zenskar", self.link.zenskar);
            return tx.park(&Work {
                last_error: Some(note),
                attempts: 0,
                ..self.work.clone()
            });
        }
        tx.remove_parked(subject)?;
        match self.plan.recheck_at {
            Some(due_at) => tx.put_work(&Work {
                due_at,
                asked: 1,
                ..Work::new(subject.clone(), self.now)
            }),
            None => tx.remove_work(subject).map(drop),
        }
    }
}

/// Makes a dead letter of work; what was asked since it was read stays work.
pub(super) fn bury(
    tx: &mut WriteTx<'_>,
    work: Work,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let entry = Entry::engine(now, "look given up", &work.subject).with("why", &reason);
    tx.append_journal(&entry)?;
    match asked_since(tx, &work, now)? {
        Some(rest) => tx.put_work(&rest)?,
        None => drop(tx.remove_work(&work.subject)?),
    }
    let intents = work.subject.stripe().map(|id| tx.intents(id)).transpose()?;
    let intents = intents.into_iter().flatten();
    for intent in intents.filter(Intent::is_open) {
        // It waits for the next plan, which may be long in coming: it is tried by itself then.
        tx.put_intent(&intent, Some(now.plus(backoff::WAIT_MAX)))?;
    }
    remove_letters_of(tx, &work.subject)?;
    let attempts = work.attempts;
    tx.add_dead_letter(DeadWork::Work(work), reason, now, attempts)?;
    Ok(())
}

/// Events of earlier looks at a record that came to nothing, since they were given up or the
/// customer was gone: what they prove still counts.
pub(super) fn unsettled(read: &ReadTx<'_>, subject: &Subject) -> Result<Vec<u64>, StoreError> {
    let mut events = read
        .parked(subject)?
        .map_or_else(Vec::new, |work| work.events);
    for letter in read.dead_letters_of(subject)? {
        match letter.what {
            DeadWork::Work(work) => events.extend(work.events),
            DeadWork::Intent(..) | DeadWork::Creation(_) => {}
        }
    }
    Ok(events)
}

/// What was asked about a record since its work was read, as work that is due now.
pub(super) fn asked_since(
    tx: &WriteTx<'_>,
    work: &Work,
    now: Timestamp,
) -> Result<Option<Work>, StoreError> {
    let mut rest = Work::new(work.subject.clone(), now);
    if let Some(current) = tx.work(&work.subject)? {
        rest.asked = current.asked.saturating_sub(work.asked);
        let seen = |sequence: &u64| work.events.contains(sequence);
        rest.events = current
            .events
            .into_iter()
            .filter(|event| !seen(event))
            .collect();
    }
    Ok((rest.asked > 0).then_some(rest))
}

/// Drops the dead letters about looks at a record, which a later look makes pointless.
pub(super) fn remove_letters_of(tx: &mut WriteTx<'_>, subject: &Subject) -> Result<(), StoreError> {
    tx.remove_dead_letters(subject, |what| matches!(what, DeadWork::Work(_)))
}

/// Takes off work that nothing follows from, unless something was added since it was read.
pub(in crate::engine) fn pass_over(tx: &mut WriteTx<'_>, work: &Work) -> Result<(), StoreError> {
    let unmoved = tx
        .work(&work.subject)?
        .is_some_and(|current| current.asked == work.asked);
    if unmoved {
        tx.remove_work(&work.subject)?;
    }
    work.subject.stripe().map_or(Ok(()), |id| let_go(tx, id))
}

/// Nothing that was decided about a link is sent; what may still arrive is remembered.
pub(super) fn let_go(tx: &mut WriteTx<'_>, id: &StripeCustomerId) -> Result<(), StoreError> {
    for intent in tx.intents(id)? {
        match intent.progress {
            Progress::Waiting => drop(tx.remove_intent(id, intent.number)?),
            Progress::Unknown(since) => {
                let progress = Progress::Replaced(since);
                tx.put_intent(&Intent { progress, ..intent }, None)?;
            }
            Progress::Replaced(_) | Progress::Dead(_) => {}
        }
    }
    Ok(())
}

/// Drops the dead letter of an intent that is gone.
pub(in crate::engine) fn remove_dead_letter(
    tx: &mut WriteTx<'_>,
    intent: &Intent,
) -> Result<(), StoreError> {
    if !matches!(intent.progress, Progress::Dead(_)) {
        return Ok(());
    }
    let gone = DeadWork::Intent(intent.link.clone(), intent.number);
    tx.remove_dead_letters(&gone.subject(), |what| *what == gone)
}
