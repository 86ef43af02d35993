//! Carrying out what plans decided: one intent, one attempt, one recorded outcome.
//!
//! The attempt is recorded before the request leaves, so that after a crash it counts as unknown.
//! Zenskar has no idempotency and no version field: a repeat always looks first, and so does a
//! first attempt whose plan has grown old.

use crate::engine::Engine;
use crate::engine::backoff;
use crate::engine::error::EngineError;
use crate::engine::gate::PARKED_FOR;
use crate::engine::look::{describe, reason};
use crate::model::customer::Customer;
use crate::model::id::ZenskarCustomerId;
use crate::model::intent::{Changes, Intent, Progress};
use crate::model::link::{Link, Side};
use crate::model::mirror::Mirror;
use crate::model::time::Timestamp;
use crate::model::work::{DeadWork, Subject, Work};
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Class, Failure};
use crate::store::{PreparedMirror, StoreError, WriteTx};
use crate::sync::sending::{Before, after_answer, before_sending};
use crate::zenskar::client::{Found, Look};
use crate::zenskar::object::ZenskarCustomer;
use std::time::Duration;

/// Wait before a look that is to show whether a write with an unreadable answer arrived.
const CONFIRM_AFTER: Duration = Duration::from_secs(2);

/// What became of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Somebody else has the record, or the intent is gone.
    Skipped,
    /// The target took it, or was seen to hold it already.
    Done,
    /// It does not fit what was found: the record is looked at again.
    Replan,
    /// It is tried again later.
    Later,
    /// It was refused, or attempts are used up.
    Dead,
}

impl Engine {
    /// Attempts one intent.
    ///
    /// # Errors
    ///
    /// The store failed. A failure of the remote is recorded with the intent and no error here.
    pub async fn deliver(&self, intent: &Intent) -> Result<Delivered, EngineError> {
        let subject = Subject::Customer(intent.link.clone());
        let Some(_claim) = self.claims.take(&subject) else {
            return Ok(Delivered::Skipped);
        };
        let read = self.store.read()?;
        let current = read.intents(&intent.link)?;
        let intent = current
            .into_iter()
            .find(|other| other.number == intent.number);
        let Some(intent) = intent.filter(Intent::is_open) else {
            return Ok(Delivered::Skipped);
        };
        let Some(link) = read.link(&intent.link)? else {
            return Ok(Delivered::Skipped);
        };
        let outdated = read.activations()?.outdates(&intent);
        drop(read);
        if outdated {
            return self.plan_again(intent).await;
        }
        match self.look_first(&intent, &link.zenskar).await {
            Ok(Some((look, before))) => self.act(intent, look, before).await,
            Ok(None) => self.plan_again(intent).await,
            Err(EngineError::Remote(failure)) => {
                let progress = intent.progress;
                self.record_failure(intent, progress, failure).await
            }
            Err(error) => Err(error),
        }
    }

    /// Looks at the target, unless a look is at hand that is fresh and nothing was sent yet.
    async fn look_first(
        &self,
        intent: &Intent,
        target: &ZenskarCustomerId,
    ) -> Result<Option<(Look, Before)>, EngineError> {
        let policy = &self.settings().policy;
        let at_hand = self.looks.take(target, self.clock.now());
        let look = match at_hand.filter(|_| intent.attempts == 0) {
            Some(look) => look,
            None => match self.zenskar.customer(target, Priority::Sync).await?.value {
                Found::Here(look) => *look,
                Found::Gone => return Ok(None),
            },
        };
        self.gate.open(Side::Zenskar);
        #[cfg(feature = "mutants")]
        if crate::mutants::is_on(crate::mutants::Mutant::RepeatWithoutLook) {
            return Ok(Some((look, Before::Send(intent.changes.clone()))));
        }
        let before = before_sending(intent, &look.seen().customer, policy);
        Ok(Some((look, before)))
    }

    async fn act(
        &self,
        intent: Intent,
        look: Look,
        before: Before,
    ) -> Result<Delivered, EngineError> {
        let now = self.clock.now();
        match before {
            Before::Arrived => {
                let (date, seen) = (look.date(), look.into_seen());
                self.settle("change seen to have arrived", intent, seen, date, now)
                    .await
            }
            Before::Replan => self.plan_again(intent).await,
            Before::Send(changes) => self.send(intent, look, changes).await,
        }
    }

    /// Has the record looked at again before anything more is sent.
    async fn plan_again(&self, intent: Intent) -> Result<Delivered, EngineError> {
        let now = self.clock.now();
        self.writer
            .write("plan again", move |tx| plan_again(tx, &intent, now))
            .await?;
        self.wake.look.notify_one();
        Ok(Delivered::Replan)
    }

    async fn send(
        &self,
        mut intent: Intent,
        look: Look,
        changes: Changes,
    ) -> Result<Delivered, EngineError> {
        let earlier = intent.progress;
        let now = self.clock.now();
        intent.attempts = intent.attempts.saturating_add(1);
        intent.progress = Progress::Unknown(now);
        let row = intent.clone();
        self.writer
            .write("begin attempt", move |tx| tx.put_intent(&row, Some(now)))
            .await?;
        match self
            .zenskar
            .update_customer(look, &changes, Priority::Sync)
            .await
        {
            Ok(answer) => {
                self.gate.open(Side::Zenskar);
                let now = self.clock.now();
                match answer.value {
                    Some(shown) => {
                        self.settle("change delivered", intent, shown, answer.date, now)
                            .await
                    }
                    None => {
                        let due_at = now.plus(CONFIRM_AFTER);
                        self.writer
                            .write("confirm by a look", move |tx| {
                                tx.put_intent(&intent, Some(due_at))
                            })
                            .await?;
                        Ok(Delivered::Later)
                    }
                }
            }
            Err(failure) => self.record_failure(intent, earlier, failure).await,
        }
    }

    /// The target holds what it holds: the base moves for what it took, and the intent is done.
    async fn settle(
        &self,
        what: &'static str,
        intent: Intent,
        shown: ZenskarCustomer,
        date: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Delivered, EngineError> {
        let mirror = Mirror {
            observed_at: date.unwrap_or(Timestamp::MIN),
            deleted: false,
            payload: shown.payload.clone(),
        };
        let mirror = PreparedMirror::new(Side::Zenskar, shown.id.as_str(), &mirror)?;
        tracing::info!(
            event = "change_settled",
            customer = %intent.link,
            intent = intent.number,
            attempts = intent.attempts,
            what,
        );
        self.writer
            .write("record delivery", move |tx| {
                settle(tx, what, &intent, &shown.customer, now)?;
                tx.put_mirror(&mirror)
            })
            .await?;
        Ok(Delivered::Done)
    }

    /// Records a failed attempt. `earlier` is how far the intent was before it.
    async fn record_failure(
        &self,
        mut intent: Intent,
        earlier: Progress,
        failure: Failure,
    ) -> Result<Delivered, EngineError> {
        let now = self.clock.now();
        let reason = reason(&failure);
        let key = format!("{}/{}", intent.link, intent.number);
        let due_at = match failure.class {
            Class::Missing => return self.plan_again(intent).await,
            Class::Refused => return self.bury_intent(intent, reason, now).await,
            Class::Unauthorized | Class::Forbidden => {
                self.gate.park(failure.remote, &reason, now);
                intent.progress = earlier;
                intent.attempts = intent.attempts.saturating_sub(1);
                now.plus(PARKED_FOR)
            }
            Class::Retry { after } => {
                intent.progress = earlier;
                now.plus(backoff::wait(&key, intent.attempts.max(1), after))
            }
            Class::Unknown | Class::CursorGone => {
                now.plus(backoff::wait(&key, intent.attempts.max(1), None))
            }
        };
        if intent.attempts >= backoff::ATTEMPTS_MAX {
            return self.bury_intent(intent, reason, now).await;
        }
        self.writer
            .write("attempt later", move |tx| {
                tx.put_intent(&intent, Some(due_at))
            })
            .await?;
        Ok(Delivered::Later)
    }

    async fn bury_intent(
        &self,
        intent: Intent,
        reason: String,
        now: Timestamp,
    ) -> Result<Delivered, EngineError> {
        tracing::warn!(
            event = "dead_letter",
            customer = %intent.link,
            intent = intent.number,
            attempts = intent.attempts,
        );
        self.writer
            .write("make dead letter of change", move |tx| {
                let entry = describe(now, "change given up", &intent).with("why", &reason);
                tx.append_journal(&entry)?;
                let what = DeadWork::Intent(intent.link.clone(), intent.number);
                tx.add_dead_letter(what, &reason, now, intent.attempts)?;
                let dead = Intent {
                    progress: Progress::Dead(now),
                    ..intent.clone()
                };
                plan_again(tx, &dead, now)
            })
            .await?;
        self.wake.look.notify_one();
        Ok(Delivered::Dead)
    }
}

fn settle(
    tx: &mut WriteTx<'_>,
    what: &str,
    intent: &Intent,
    shown: &Customer,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(link) = tx.link(&intent.link)? else {
        return Ok(());
    };
    let after = after_answer(intent, shown, &link.base);
    let mut base = link.base.clone();
    base.extend(after.agreed);
    tx.put_link(&Link {
        base,
        version: link.version.saturating_add(1),
        ..link
    })?;
    tx.remove_intent(&intent.link, intent.number)?;
    if !after.not_taken.is_empty() {
        let mut differences = tx.differences(&intent.link)?;
        differences.retain(|old| after.not_taken.iter().all(|new| new.field != old.field));
        differences.extend(after.not_taken);
        tx.put_differences(&intent.link, &differences)?;
    }
    tx.append_journal(&describe(now, what, intent)).map(drop)
}

/// Leaves an intent to the next plan: it is not due, and the record is.
fn plan_again(tx: &mut WriteTx<'_>, intent: &Intent, now: Timestamp) -> Result<(), StoreError> {
    tx.put_intent(intent, None)?;
    let subject = Subject::Customer(intent.link.clone());
    let mut work = tx
        .work(&subject)?
        .unwrap_or_else(|| Work::new(subject, now));
    work.asked = work.asked.saturating_add(1);
    work.due_at = now;
    tx.put_work(&work)
}
