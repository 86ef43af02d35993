//! Carrying out what plans decided: one intent, one attempt, one recorded outcome.
//!
//! The attempt is recorded before the request leaves, so that after a crash it counts as unknown.
//! Zenskar has no idempotency and no version field: a repeat always looks first, and so does a
//! first attempt whose plan has grown old. Stripe is treated alike, so that an edit made meanwhile
//! is not written over; besides, it recognises a repeat by its key, which is the intent's number.

pub(in crate::engine) mod target;

use crate::engine::Engine;
use crate::engine::backoff;
use crate::engine::decisions::put_decided;
use crate::engine::error::EngineError;
use crate::engine::gate::PARKED_FOR;
use crate::engine::look::{describe, distrust, reason};
use crate::engine::scan::step;
use crate::engine::settings::Settings;
use crate::model::customer::Customer;
use crate::model::intent::{Changes, Intent, Progress};
use crate::model::link::{Link, LinkState, Side};
use crate::model::time::Timestamp;
use crate::model::work::{DeadWork, Subject, Work};
use crate::remote::outcome::{Class, Failure};
use crate::store::{StoreError, WriteTx};
use crate::sync::sending::{Before, after_answer, before_sending, one_by_one};
use std::sync::Arc;
use std::time::Duration;
use target::{AtTarget, Shown};

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
        let link = read.link(&intent.link)?;
        let outdated = read.activations()?.outdates(&intent);
        drop(read);
        let Some(link) = link.filter(|link| link.state == LinkState::Active) else {
            // Nothing moves over a link that is gone, and a row that stayed would be due for ever.
            self.writer
                .write("drop change without link", move |tx| {
                    tx.remove_intent(&intent.link, intent.number)
                })
                .await?;
            return Ok(Delivered::Skipped);
        };
        if outdated {
            return self.plan_again(intent).await;
        }
        match self.look_first(&intent, &link).await {
            Ok(Some((look, before, rules))) => self.act(intent, look, before, &rules).await,
            Ok(None) => self.plan_again(intent).await,
            Err(EngineError::Remote(failure)) => {
                // A look that fails is an attempt too: it backs off, and comes to an end.
                let row = intent.clone();
                let tried = Intent {
                    attempts: intent.attempts.saturating_add(1),
                    ..intent
                };
                self.record_failure(tried, &row, failure).await
            }
            Err(error) => Err(error),
        }
    }

    /// Looks at the target and compares it with the intent; `None` if it is gone.
    async fn look_first(
        &self,
        intent: &Intent,
        link: &Link,
    ) -> Result<Option<(AtTarget, Before, Arc<Settings>)>, EngineError> {
        let Some(seen) = self.look_at_target(intent, link).await? else {
            return Ok(None);
        };
        // The rules in force now: others may have been while the look was on its way.
        let rules = self.settings();
        #[cfg(feature = "mutants")]
        if crate::mutants::is_on(crate::mutants::Mutant::RepeatWithoutLook) {
            return Ok(Some((seen, Before::Send(intent.changes.clone()), rules)));
        }
        let decided = self.store.read()?.decided(&intent.link)?;
        let now = self.clock.now();
        let policy = &rules.policy;
        let before = before_sending(intent, seen.customer(), &decided, policy, now);
        Ok(Some((seen, before, rules)))
    }

    async fn act(
        &self,
        intent: Intent,
        seen: AtTarget,
        before: Before,
        rules: &Settings,
    ) -> Result<Delivered, EngineError> {
        match before {
            Before::Arrived => {
                self.settle("change seen to have arrived", intent, seen.into_shown())
                    .await
            }
            Before::Replan => self.plan_again(intent).await,
            Before::LookAgain(at) => self.look_again("look again later", intent, at).await,
            Before::Send(changes) => self.send(intent, seen, changes, rules).await,
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
        seen: AtTarget,
        changes: Changes,
        rules: &Settings,
    ) -> Result<Delivered, EngineError> {
        let earlier = intent.clone();
        let now = self.clock.now();
        intent.attempts = intent.attempts.saturating_add(1);
        intent.progress = Progress::Unknown(now);
        let (before, row) = (earlier.clone(), intent.clone());
        let begun = self
            .writer
            .write("begin attempt", move |tx| begin(tx, &before, &row, now))
            .await?;
        if !begun {
            return Ok(Delivered::Skipped);
        }
        let in_force = || self.settings().policy == rules.policy;
        let written = self.write_to_target(&intent, seen, &changes, &in_force);
        match written.await? {
            // It was not applied, and under these rules it is to be decided anew.
            Err(Failure {
                class: Class::Retry { .. },
                ..
            }) if !in_force() => self.plan_again(earlier).await,
            Ok(shown) => {
                self.gate.open(intent.target);
                match shown {
                    Some(shown) => self.settle("change delivered", intent, shown).await,
                    None => {
                        let at = self.clock.now().plus(CONFIRM_AFTER);
                        self.look_again("confirm by a look", intent, at).await
                    }
                }
            }
            Err(failure) => self.record_failure(intent, &earlier, failure).await,
        }
    }

    async fn look_again(
        &self,
        what: &'static str,
        intent: Intent,
        at: Timestamp,
    ) -> Result<Delivered, EngineError> {
        self.writer
            .write(what, move |tx| {
                put_if_there(tx, &intent, Some(at)).map(drop)
            })
            .await?;
        Ok(Delivered::Later)
    }

    /// The target holds what it holds: the base moves for what it took, and the intent is done.
    async fn settle(
        &self,
        what: &'static str,
        intent: Intent,
        shown: Shown,
    ) -> Result<Delivered, EngineError> {
        let now = self.clock.now();
        let mirror = shown.mirror()?;
        tracing::info!(
            event = "change_settled",
            customer = %intent.link,
            target = %intent.target,
            intent = intent.number,
            attempts = intent.attempts,
            what,
        );
        self.writer
            .write("record delivery", move |tx| {
                settle(tx, what, &intent, shown.customer(), now)?;
                tx.put_mirror(&mirror)
            })
            .await?;
        Ok(Delivered::Done)
    }

    /// Records a failed attempt. `earlier` is the intent as it was before it.
    async fn record_failure(
        &self,
        mut intent: Intent,
        earlier: &Intent,
        failure: Failure,
    ) -> Result<Delivered, EngineError> {
        let now = self.clock.now();
        let reason = reason(&failure);
        let key = format!("{}/{}", intent.link, intent.number);
        let due_at = match failure.class {
            Class::Missing => return self.plan_again(intent).await,
            Class::Refused if one_by_one(&intent).count() > 1 => {
                intent.progress = earlier.progress;
                return self.send_apart(intent, reason, now).await;
            }
            Class::Refused => return self.bury_intent(intent, reason, now).await,
            Class::Unauthorized => {
                // The key is refused, not the change: it costs no attempt.
                self.park(&failure);
                intent = earlier.clone();
                now.plus(PARKED_FOR)
            }
            Class::Retry { after } => {
                intent.progress = earlier.progress;
                now.plus(backoff::wait(&key, intent.attempts, after))
            }
            Class::Forbidden => {
                intent.progress = earlier.progress;
                now.plus(backoff::wait(&key, intent.attempts, Some(PARKED_FOR)))
            }
            Class::Unknown | Class::CursorGone => {
                now.plus(backoff::wait(&key, intent.attempts, None))
            }
        };
        if intent.attempts >= backoff::ATTEMPTS_MAX {
            return self.bury_intent(intent, reason, now).await;
        }
        let anew = intent.target == Side::Stripe && wants_new_key(&failure, earlier);
        self.writer
            .write("attempt later", move |tx| {
                if anew && tx.remove_intent(&intent.link, intent.number)?.is_some() {
                    let number = tx.next_intent_number(&intent.link)?;
                    return tx.put_intent(&Intent { number, ..intent }, Some(due_at));
                }
                put_if_there(tx, &intent, Some(due_at)).map(drop)
            })
            .await?;
        Ok(Delivered::Later)
    }

    /// A request of several fields was refused as a whole: each goes by itself from now on, so
    /// that only what cannot be taken stays behind.
    async fn send_apart(
        &self,
        intent: Intent,
        reason: String,
        now: Timestamp,
    ) -> Result<Delivered, EngineError> {
        self.writer
            .write("send fields apart", move |tx| {
                if tx.remove_intent(&intent.link, intent.number)?.is_none() {
                    return Ok(());
                }
                let entry = describe(now, "fields sent apart", &intent).with("why", &reason);
                tx.append_journal(&entry)?;
                for alone in one_by_one(&intent) {
                    let number = tx.next_intent_number(&intent.link)?;
                    tx.put_intent(&Intent { number, ..alone }, Some(now))?;
                }
                Ok(())
            })
            .await?;
        self.wake.delivery.notify_one();
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
                if tx.intent(&intent.link, intent.number)?.is_none() {
                    return Ok(());
                }
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
    tx.append_journal(&describe(now, what, intent))?;
    // A row that is gone was taken away with its link: the answer proves nothing about another one.
    let there = tx.remove_intent(&intent.link, intent.number)?.is_some();
    let Some(link) = tx.link(&intent.link)?.filter(|_| there) else {
        return Ok(());
    };
    let decided = tx.decided(&intent.link)?;
    let after = after_answer(intent, shown, &link.base, decided, now);
    // An undone field differs again: the look that follows says how.
    if after.leaves_different(now) {
        step::ask(tx, &intent.link, now)?;
    }
    put_decided(tx, &after.decided, now)?;
    tx.put_link(&Link {
        base: after.base,
        version: link.version.saturating_add(1),
        ..link
    })?;
    let mut differences = tx.differences(&intent.link)?;
    differences.retain(|old| !intent.changes.contains_key(&old.field));
    differences.extend(after.not_taken);
    tx.put_differences(&intent.link, &differences)?;
    Ok(())
}

/// Whether Stripe would answer a repeat under the same key as it answered this request. While an
/// earlier request under the key may still be at work, no other one is sent beside it.
fn wants_new_key(failure: &Failure, earlier: &Intent) -> bool {
    match failure.class {
        Class::Unknown => failure.is_final(),
        Class::Retry { .. } | Class::Forbidden => {
            failure.is_final() && earlier.progress == Progress::Waiting
        }
        Class::Refused | Class::Missing | Class::CursorGone | Class::Unauthorized => false,
    }
}

/// Records that an attempt begins, unless the intent or its link moved since it was read.
fn begin(
    tx: &mut WriteTx<'_>,
    before: &Intent,
    begun: &Intent,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let unmoved = tx
        .intent(&before.link, before.number)?
        .is_some_and(|row| row.intent == *before);
    let linked = tx
        .link(&before.link)?
        .is_some_and(|link| link.state == LinkState::Active);
    if unmoved && linked {
        tx.put_intent(begun, Some(now))?;
    }
    Ok(unmoved && linked)
}

/// Writes an intent back, unless it was taken away meanwhile.
fn put_if_there(
    tx: &mut WriteTx<'_>,
    intent: &Intent,
    due_at: Option<Timestamp>,
) -> Result<bool, StoreError> {
    let there = tx.intent(&intent.link, intent.number)?.is_some();
    if there {
        tx.put_intent(intent, due_at)?;
    }
    Ok(there)
}

/// Leaves an intent to the next plan: it is not due, and the record is.
fn plan_again(tx: &mut WriteTx<'_>, intent: &Intent, now: Timestamp) -> Result<(), StoreError> {
    if !put_if_there(tx, intent, None)? {
        return Ok(());
    }
    if intent.target == Side::Stripe {
        distrust(tx, &intent.link)?;
    }
    let subject = Subject::Customer(intent.link.clone());
    let mut work = tx
        .work(&subject)?
        .unwrap_or_else(|| Work::new(subject, now));
    work.asked = work.asked.saturating_add(1);
    work.due_at = now;
    tx.put_work(&work)
}
