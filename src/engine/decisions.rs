//! What people decided, in the store: written down, and followed up in the transactions that carry
//! it out. What becomes of a decision is in [`crate::sync::decision`].

use crate::engine::scan::step;
use crate::model::id::StripeCustomerId;
use crate::model::intent::Intent;
use crate::model::journal::Entry;
use crate::model::link::{Link, LinkState};
use crate::model::run::{Decided, Decision, DecisionState, Run};
use crate::model::time::Timestamp;
use crate::model::work::Subject;
use crate::store::{StoreError, WriteTx};
use crate::sync::decision;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Runs whose decisions are being written down by this process. One that is not among them, and
/// was not brought to its end, was interrupted.
#[derive(Debug, Default)]
pub(super) struct Deciding(Mutex<BTreeSet<u64>>);

/// One of them. Whatever ends the writing ends this, so that no run is held up by one that nobody
/// goes on with.
#[derive(Debug)]
pub(super) struct UnderWay<'a> {
    deciding: &'a Deciding,
    run: u64,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.deciding.lock().remove(&self.run);
    }
}

impl Deciding {
    /// Begins to write a run's decisions down, unless somebody does.
    pub(super) fn begin(&self, run: u64) -> Option<UnderWay<'_>> {
        let is_new = self.lock().insert(run);
        is_new.then_some(UnderWay {
            deciding: self,
            run,
        })
    }

    pub(super) fn is_under_way(&self, run: u64) -> bool {
        self.lock().contains(&run)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why decisions about a link end that a person took apart.
const BY_UNLINKING: &str = "the customers were unlinked";

/// Why a decision ends whose refused write is not tried again.
const BY_DROPPING: &str = "its refused write was dropped";

/// Writes decisions of a run about one link down, and has it looked at. Whether the link is in
/// force; nothing is written for one that is not.
pub(super) fn decide(
    tx: &mut WriteTx<'_>,
    run: &Run,
    link: &StripeCustomerId,
    decisions: Vec<Decision>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let known = tx.link(link)?;
    let Some(known) = known.filter(|link| link.state == LinkState::Active) else {
        return Ok(false);
    };
    for one in &decisions {
        let mut entry = about(now, "decision made", run.number, link, one)
            .with("stripe", &one.stripe.wanted)
            .with("zenskar", &one.zenskar.wanted);
        run.who.clone_into(&mut entry.who);
        tx.append_journal(&entry)?;
    }
    tx.put_decided(&Decided {
        run: run.number,
        link: link.clone(),
        at: now,
        decisions,
    })?;
    // A plan that is being made knows nothing of it, and is thrown away.
    tx.put_link(&Link {
        version: known.version.saturating_add(1),
        ..known
    })?;
    step::ask(tx, link, now)?;
    Ok(true)
}

/// Writes decisions about a link back, as a plan or an answer left them.
pub(super) fn put_decided(
    tx: &mut WriteTx<'_>,
    decided: &[Decided],
    now: Timestamp,
) -> Result<(), StoreError> {
    for one in decided {
        let known = tx.decided(&one.link)?;
        let known = known.into_iter().find(|known| known.run == one.run);
        let Some(known) = known.filter(|known| known != one) else {
            continue;
        };
        for (before, after) in known.decisions.iter().zip(&one.decisions) {
            if before.state == after.state {
                continue;
            }
            let entry = match &after.state {
                DecisionState::Waiting => continue,
                DecisionState::Done(_) => {
                    about(now, "decision carried out", one.run, &one.link, after)
                }
                DecisionState::Overtaken(why) => {
                    about(now, "decision overtaken", one.run, &one.link, after).with("why", why)
                }
            };
            tx.append_journal(&entry)?;
        }
        tx.put_decided(one)?;
    }
    Ok(())
}

/// Ends what was decided about a link that a person takes apart.
pub(super) fn unlink(
    tx: &mut WriteTx<'_>,
    link: &StripeCustomerId,
    now: Timestamp,
) -> Result<(), StoreError> {
    end(tx, link, BY_UNLINKING, now)
}

/// Ends what was decided about a link over which nothing moves, for this reason.
pub(super) fn end(
    tx: &mut WriteTx<'_>,
    link: &StripeCustomerId,
    why: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut decided = tx.decided(link)?;
    decision::overtake(&mut decided, why, |_, _| true);
    put_decided(tx, &decided, now)
}

/// Ends what was decided about the fields of a write that was refused and is not tried again.
pub(super) fn drop_refused(
    tx: &mut WriteTx<'_>,
    intent: &Intent,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut decided = tx.decided(&intent.link)?;
    decision::overtake(&mut decided, BY_DROPPING, |_, one| {
        let change = intent.changes.get(&one.field);
        change.is_some_and(|change| change.to == one.goal(intent.target).wanted)
    });
    put_decided(tx, &decided, now)
}

/// Opens again what [`drop_refused`] ended, where nothing was decided about it since.
pub(super) fn take_back_refused(
    tx: &mut WriteTx<'_>,
    intent: &Intent,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut decided = tx.decided(&intent.link)?;
    let mut undone = BTreeSet::new();
    for one in &decided {
        if tx.run(one.run)?.is_none_or(|run| run.undone_by.is_some()) {
            undone.insert(one.run);
        }
    }
    decision::reopen(&mut decided, BY_DROPPING, |run, one| {
        let change = intent.changes.get(&one.field);
        !undone.contains(&run) && change.is_some_and(|c| c.to == one.goal(intent.target).wanted)
    });
    put_decided(tx, &decided, now)
}

fn about(now: Timestamp, what: &str, run: u64, link: &StripeCustomerId, one: &Decision) -> Entry {
    Entry::engine(now, what, &Subject::Customer(link.clone()))
        .with("run", &run)
        .with("field", &one.field)
}
