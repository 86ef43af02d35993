//! One look at one record: read both remotes, plan, apply the plan in one transaction.

mod apply;
mod listing;
mod proof;
mod unknown;

pub(super) use apply::{pass_over, remove_dead_letter};
pub(super) use listing::distrust;

use crate::engine::Engine;
use crate::engine::backoff;
use crate::engine::delivery::target::Shown;
use crate::engine::error::EngineError;
use crate::engine::linking;
use crate::engine::settings::Settings;
use crate::model::customer::{Field, Presence};
use crate::model::event::Event;
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::intent::Intent;
use crate::model::journal::Entry;
use crate::model::link::{Link, LinkState, Side};
use crate::model::mirror::Mirror;
use crate::model::time::Timestamp;
use crate::model::work::{Subject, Work};
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Class, Failure};
use crate::store::{PreparedMirror, StoreError, WriteTx};
use crate::stripe;
use crate::stripe::client::Detail;
use crate::sync::customer::{State, plan};
use crate::sync::lag::READ_LAG;
use crate::telemetry::chain;
use crate::zenskar::client::Found;
use apply::{Decision, SeenAt, bury, unsettled};
use std::collections::BTreeSet;
use unknown::is_unknown;

/// What became of a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// Somebody else has the record, or the work is gone.
    Skipped,
    /// The plan was applied.
    Applied,
    /// The record has no link; the work waits until one appears.
    Parked,
    /// Something moved while we looked; the work is due again.
    Again,
    /// A remote failed; the work waits.
    Postponed,
}

/// What one side showed.
pub(super) struct Sight {
    pub(super) presence: Presence,
    mirror: Mirror,
    /// When the customer was made, by its remote's clock, if that said.
    made_at: Option<Timestamp>,
    /// When Zenskar's was last changed, by Zenskar's clock, if that says.
    changed_at: Option<Timestamp>,
}

impl Sight {
    fn stripe(observed: stripe::convert::Observed, observed_at: Timestamp) -> Self {
        let mirror = Mirror {
            observed_at,
            deleted: observed.presence == Presence::Deleted,
            payload: observed.payload,
        };
        Self {
            made_at: observed.created,
            changed_at: None,
            presence: observed.presence,
            mirror,
        }
    }
}

impl Engine {
    /// Looks at the record of a piece of work and does what follows.
    ///
    /// # Errors
    ///
    /// The store failed. A failure of a remote postpones the work and is no error here.
    pub async fn look_at(&self, subject: &Subject) -> Result<Looked, EngineError> {
        let Some(_claim) = self.claims.take(subject) else {
            return Ok(Looked::Skipped);
        };
        let Some(work) = self.store.read()?.work(subject)? else {
            return Ok(Looked::Skipped);
        };
        match self.examine(&work).await {
            Err(EngineError::Remote(failure)) => match is_unknown(&failure, subject) {
                Some(id) => self.examine_unknown(work, id, &failure).await,
                None => self.postpone(work, failure).await,
            },
            Err(error) if !error.is_fatal() => self.bury_work(work, chain(&error)).await,
            outcome => outcome,
        }
    }

    async fn examine(&self, work: &Work) -> Result<Looked, EngineError> {
        let settings = self.settings();
        if settings.policy.direction.is_none() {
            let Some(rehearsed) = self.rehearsed(&settings)? else {
                return self.pass_over(work).await;
            };
            return match &work.subject {
                Subject::Customer(id) => self.rehearse(work, id, &rehearsed.policy).await,
                Subject::Unlinked(zenskar) => self.examine_unlinked(work, zenskar).await,
            };
        }
        match &work.subject {
            Subject::Customer(id) => self.examine_customer(work, id, &settings).await,
            Subject::Unlinked(zenskar) => self.examine_unlinked(work, zenskar).await,
        }
    }

    async fn examine_customer(
        &self,
        work: &Work,
        id: &StripeCustomerId,
        settings: &Settings,
    ) -> Result<Looked, EngineError> {
        let events = self.events_of(work)?;
        let link = match self.store.read()?.link(id)? {
            Some(link) => link,
            None => match self.find_link(work, id, &events).await? {
                linking::Found::Linked(link) => link,
                linking::Found::Parked => return Ok(Looked::Parked),
                linking::Found::Creation(due_at) => {
                    return self.wait_for_creation(work, due_at).await;
                }
            },
        };
        if link.state == LinkState::Unlinked {
            if self.follow_mapping(&link).await? {
                return Ok(Looked::Again);
            }
            return self.park_unlinked(work).await;
        }
        let read = self.store.read()?;
        let seen_before = read.mirror_seen_at(Side::Stripe, id.as_str())?;
        drop(read);
        let (stripe, zenskar) = self.see_both(&link, work, &events).await?;
        let now = self.clock.now();
        if self.is_newly_gone(&link, &zenskar)? {
            return self.confirm_gone(work, &link, &zenskar.mirror).await;
        }
        let known = self.known(&link)?;
        let evidence = self.prove(&known, (&stripe, &zenskar), &events)?;
        let state = State {
            link: &known.link,
            stripe: &stripe.presence,
            zenskar: &zenskar.presence,
            intents: &known.intents,
            held: &known.held,
            decided: &known.decided,
            evidence: &evidence,
            now,
            settle: settings.settle,
        };
        let plan = plan(&state, &settings.policy);
        if let Err(unsound) = plan.check(&state, &settings.policy) {
            return self.bury_work(work.clone(), unsound.to_string()).await;
        }
        let zenskar_id = link.zenskar.as_str();
        let decision = Decision {
            stripe: PreparedMirror::new(Side::Stripe, id.as_str(), &stripe.mirror)?,
            zenskar: PreparedMirror::new(Side::Zenskar, zenskar_id, &zenskar.mirror)?,
            seen_at: SeenAt {
                stripe: stripe.mirror.observed_at,
                zenskar: zenskar.mirror.observed_at,
            },
            seen_before,
            work: work.clone(),
            link,
            plan,
            active: known.active,
            now,
        };
        self.apply(decision).await
    }

    async fn apply(&self, decision: Decision) -> Result<Looked, EngineError> {
        let writes = !decision.plan.writes.is_empty();
        // One that was merged into another may be mapped to that one by now.
        let is_deleted = decision.plan.state == LinkState::Deleted(Side::Stripe);
        let deleted = is_deleted.then(|| decision.link.clone());
        let applied = self
            .writer
            .write("apply customer plan", move |tx| decision.apply(tx))
            .await?;
        if writes {
            self.wake.delivery.notify_one();
        }
        if let Some(link) = deleted.filter(|_| applied) {
            self.follow_mapping(&link).await?;
        }
        Ok(if applied {
            Looked::Applied
        } else {
            Looked::Again
        })
    }

    /// Whether Zenskar does not know the customer of a link, and did when it was last looked at.
    fn is_newly_gone(&self, link: &Link, zenskar: &Sight) -> Result<bool, EngineError> {
        if !zenskar.mirror.deleted || link.state != LinkState::Active {
            return Ok(false);
        }
        let read = self.store.read()?;
        let known = read.mirror(Side::Zenskar, link.zenskar.as_str())?;
        Ok(!known.is_some_and(|known| known.deleted))
    }

    /// Zenskar's reads may lag behind its writes, so one answer does not end a link: the customer
    /// is looked at once more before it counts as deleted.
    async fn confirm_gone(
        &self,
        work: &Work,
        link: &Link,
        mirror: &Mirror,
    ) -> Result<Looked, EngineError> {
        let mirror = PreparedMirror::new(Side::Zenskar, link.zenskar.as_str(), mirror)?;
        let subject = work.subject.clone();
        let due_at = self.clock.now().plus(READ_LAG);
        self.writer
            .write("confirm that a customer is gone", move |tx| {
                tx.put_mirror(&mirror)?;
                wait_until(tx, &subject, due_at)
            })
            .await?;
        Ok(Looked::Postponed)
    }

    pub(super) async fn wait_for_creation(
        &self,
        work: &Work,
        due_at: Timestamp,
    ) -> Result<Looked, EngineError> {
        let subject = work.subject.clone();
        self.writer
            .write("leave link to creation", move |tx| {
                wait_until(tx, &subject, due_at)
            })
            .await?;
        Ok(Looked::Postponed)
    }

    /// Sync is off: nothing follows from this work, and nothing that was decided is sent.
    pub(super) async fn pass_over(&self, work: &Work) -> Result<Looked, EngineError> {
        let work = work.clone();
        self.writer
            .write("pass over work", move |tx| pass_over(tx, &work))
            .await?;
        Ok(Looked::Applied)
    }

    /// A person took the link apart: the work waits until one links the customer anew.
    async fn park_unlinked(&self, work: &Work) -> Result<Looked, EngineError> {
        let last_error = Some("a person took its link apart".to_owned());
        self.park_as_read(Work {
            last_error,
            attempts: 0,
            ..work.clone()
        })
        .await
    }

    /// Lets work wait for a link, unless something was added since it was read.
    pub(super) async fn park_as_read(&self, parked: Work) -> Result<Looked, EngineError> {
        self.writer
            .write("park work", move |tx| {
                let unmoved = tx
                    .work(&parked.subject)?
                    .is_some_and(|now| now.asked == parked.asked);
                if unmoved { tx.park(&parked) } else { Ok(()) }
            })
            .await?;
        Ok(Looked::Parked)
    }

    /// The events of Stripe that ask for this work, oldest first, with their payloads. Those of
    /// Zenskar are hints alone: what it holds is read anew.
    fn events_of(&self, work: &Work) -> Result<Vec<Event>, EngineError> {
        let read = self.store.read()?;
        let mut sequences: BTreeSet<u64> = work.events.iter().copied().collect();
        sequences.extend(unsettled(&read, &work.subject)?);
        let mut events = Vec::new();
        for sequence in sequences {
            let event = read.event(sequence)?.map(|stored| stored.event);
            events.extend(event.filter(|event| event.channel.side() == Side::Stripe));
        }
        Ok(events)
    }

    /// Both customers of a link as they are now, or as Stripe's was listed where that serves.
    pub(super) async fn see_both(
        &self,
        link: &Link,
        work: &Work,
        events: &[Event],
    ) -> Result<(Sight, Sight), EngineError> {
        if events.is_empty()
            && let Some(listed) = self.listed(&link.stripe, work)?
        {
            let zenskar = self.see_zenskar(&link.zenskar).await?;
            if listed.serves_beside(&zenskar) {
                return Ok((listed.sight, zenskar));
            }
        }
        let stripe = self.see_stripe(link, work, events).await?;
        Ok((stripe, self.see_zenskar(&link.zenskar).await?))
    }

    /// The customer as Stripe holds it: a webhook's snapshot where that is provably later than
    /// everything seen so far and complete in our version, else a fresh read.
    async fn see_stripe(
        &self,
        link: &Link,
        work: &Work,
        events: &[Event],
    ) -> Result<Sight, EngineError> {
        let id = &link.stripe;
        if let Some(sight) = self.snapshot(link, work, events)? {
            return Ok(sight);
        }
        let answer = self
            .stripe
            .customer_in(id, self.detail()?, Priority::Sync)
            .await?;
        self.gate.open(Side::Stripe);
        if self.settings().policy.writes_to(Side::Stripe)
            && let Some(shown) = Shown::stripe(&answer.value, answer.date)
        {
            self.looks.keep_stripe(id, shown, self.clock.now());
        }
        Ok(Sight::stripe(
            answer.value,
            answer.date.unwrap_or(Timestamp::MIN),
        ))
    }

    /// How much of a Stripe customer is asked for: what the selected fields need.
    pub(super) fn detail(&self) -> Result<Detail, StoreError> {
        Ok(Detail::of(&self.compared_by()?.policy.fields))
    }

    fn snapshot(
        &self,
        link: &Link,
        work: &Work,
        events: &[Event],
    ) -> Result<Option<Sight>, EngineError> {
        let settings = self.settings();
        let Some(newest) = events.iter().max_by_key(|event| event.created) else {
            return Ok(None);
        };
        let alone = events
            .iter()
            .filter(|event| event.created == newest.created)
            .count()
            == 1;
        // What happened to a tax id is in no snapshot of the customer.
        let of_tax_id = |event: &Event| stripe::event::is_of_tax_id(&event.kind);
        let complete =
            u64::try_from(events.len()) == Ok(work.asked) && !events.iter().any(of_tax_id);
        let ours = newest.api_version.as_deref() == Some(settings.api_version.as_str());
        let (read, id) = (self.store.read()?, &link.stripe);
        let Some(mirror) = read.mirror(Side::Stripe, id.as_str())? else {
            return Ok(None);
        };
        // What no snapshot shows is read once, where it may be: else nothing is ever agreed on it.
        let unread = settings.policy.fields.contains(&Field::TaxIds)
            && !link.base.contains_key(&Field::TaxIds)
            && !self.stripe.lacks_tax_ids()
            && !read
                .differences(id)?
                .iter()
                .any(|one| one.field == Field::TaxIds);
        // A look whose time Stripe did not say proves no order.
        // A listing that showed nothing new left no trace in the mirror.
        let seen_at = read.scan_cursor()?.stripe_listed_until;
        let seen_at = seen_at.map_or(mirror.observed_at, |at| at.max(mirror.observed_at));
        let later = mirror.observed_at > Timestamp::MIN && newest.created > seen_at;
        let covered = read.activations()?.covers(newest.created);
        if unread || !(alone && complete && ours && later && covered) {
            return Ok(None);
        }
        let observed = stripe::event::customer(&newest.payload).ok();
        Ok(observed
            .filter(|observed| observed.id == *id)
            .map(|observed| Sight::stripe(observed, newest.created)))
    }

    async fn see_zenskar(&self, id: &ZenskarCustomerId) -> Result<Sight, EngineError> {
        let answer = self.look_in_zenskar(id).await?;
        let presence = answer.value.presence();
        let mut mirror = Mirror {
            observed_at: answer.date.unwrap_or(Timestamp::MIN),
            deleted: presence == Presence::Deleted,
            payload: Vec::new(),
        };
        let mut changed_at = None;
        if let Found::Here(look) = answer.value {
            changed_at = look.seen().updated_at;
            mirror.payload.clone_from(&look.seen().payload);
            self.looks.keep(id, *look, self.clock.now());
        }
        Ok(Sight {
            presence,
            mirror,
            made_at: None,
            changed_at,
        })
    }

    /// Puts work off after a remote failed, or sets it aside when that was the last attempt.
    async fn postpone(&self, mut work: Work, failure: Failure) -> Result<Looked, EngineError> {
        let now = self.clock.now();
        let reason = reason(&failure);
        let mut asked = None;
        match failure.class {
            // A key that may not read customers at all is a matter of the key, not of the record.
            Class::Unauthorized | Class::Forbidden => {
                self.park(&failure);
                work.due_at = now.plus(crate::engine::gate::PARKED_FOR);
            }
            Class::Refused => return self.bury_work(work, reason).await,
            Class::Retry { after } => {
                asked = after;
                work.attempts = work.attempts.saturating_add(1);
            }
            Class::Unknown | Class::Missing | Class::CursorGone => {
                work.attempts = work.attempts.saturating_add(1);
            }
        }
        if work.attempts >= backoff::ATTEMPTS_MAX {
            return self.bury_work(work, reason).await;
        }
        if !matches!(failure.class, Class::Unauthorized | Class::Forbidden) {
            let key = work.subject.to_string();
            work.due_at = now.plus(backoff::wait(&key, work.attempts, asked));
        }
        work.last_error = Some(reason);
        self.writer
            .write("postpone work", move |tx| {
                let Some(current) = tx.work(&work.subject)? else {
                    return Ok(());
                };
                tx.put_work(&Work {
                    due_at: work.due_at,
                    attempts: work.attempts,
                    last_error: work.last_error,
                    ..current
                })
            })
            .await?;
        Ok(Looked::Postponed)
    }

    /// Makes a dead letter of work.
    async fn bury_work(&self, work: Work, reason: String) -> Result<Looked, EngineError> {
        let now = self.clock.now();
        tracing::warn!(event = "dead_letter", subject = %work.subject, attempts = work.attempts);
        self.writer
            .write("make dead letter of work", move |tx| {
                bury(tx, work, &reason, now)
            })
            .await?;
        Ok(Looked::Postponed)
    }
}

/// A journal entry about an intent, with every field's old and new value.
pub(super) fn describe(now: Timestamp, what: &str, intent: &Intent) -> Entry {
    let subject = Subject::Customer(intent.link.clone());
    let mut entry = Entry::engine(now, what, &subject)
        .with("intent", &intent.number)
        .with("target", &intent.target);
    for (field, change) in &intent.changes {
        entry = entry.with(field.as_str(), &format!("{} -> {}", change.from, change.to));
    }
    entry
}

/// A failure in words for a person: what, and what the remote said.
pub(super) fn reason(failure: &Failure) -> String {
    failure.in_words()
}

/// Lets work wait. It does not count as an attempt, and news does not shorten the wait.
fn wait_until(
    tx: &mut WriteTx<'_>,
    subject: &Subject,
    due_at: Timestamp,
) -> Result<(), StoreError> {
    let Some(current) = tx.work(subject)? else {
        return Ok(());
    };
    let attempts = current.attempts.max(1);
    tx.put_work(&Work {
        due_at,
        attempts,
        ..current
    })
}
