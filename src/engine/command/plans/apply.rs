//! A plan written down as a run, so far as it is what the person saw who applied it.

use super::whole::{Part, Seen, Whole, initial_of};
use super::{CommandError, Planned, planned};
use crate::engine::Engine;
use crate::engine::command::runs::LINKS_STEP;
use crate::engine::creation::rows::{offered, order};
use crate::engine::decisions::decide;
use crate::engine::view::RunRow;
use crate::model::creation::Creation;
use crate::model::id::StripeCustomerId;
use crate::model::run::{Decision, Run, RunKind};
use crate::model::time::Timestamp;
use crate::model::work::Subject;
use crate::store::{StoreError, WriteTx};
use crate::sync::creation::Creates;
use crate::sync::decision::is_waiting;
use crate::sync::policy::Policy;
use crate::sync::proposal::take_side;

/// Newest runs among which one is searched that applied the same plan.
const RUNS_SEARCHED: usize = 100;

/// How a plan is bounded when it is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apply {
    /// What the plan's view said.
    pub hash: String,
    /// So many customers alone, as a trial; the others wait for another plan.
    pub canary: Option<u64>,
    /// Nothing is done if the plan writes more fields than this.
    pub max_changes: Option<u64>,
}

impl Engine {
    /// Decides what a plan proposes, if the plan is still the one with this hash.
    pub(in crate::engine::command) async fn apply_plan(
        &self,
        ask: Apply,
        who: &str,
    ) -> Result<RunRow, CommandError> {
        let initial = initial_of(&ask.hash)?;
        let policy = self.plan_policy(initial)?;
        let creates = self.settings().creates;
        let mut whole = Whole::new(policy.direction);
        let mut seen = Seen::first(ask.canary.unwrap_or(u64::MAX));
        let visit = |part: Part<'_>| {
            whole.add(part);
            seen.add(part);
        };
        self.add_up(&policy, creates, visit).await?;
        seen.close();
        if whole.hash(initial).as_ref() != Some(&ask.hash) {
            return Err(self.another_plan(&ask.hash)?);
        }
        let changes = seen.fields.saturating_add(seen.creations);
        if ask.max_changes.is_some_and(|most| changes > most) {
            return Err(too_much(&seen, ask.canary));
        }
        let now = self.clock.now();
        let kind = RunKind::Apply(ask.hash);
        let (run, _under_way) = self.begin_run(kind, who, now).await?;
        self.decide_plan(&policy, &run, &seen, now).await?;
        self.order_creations(creates, &run, &seen).await?;
        let row = self.end_run(run.number).await?;
        self.wake.look.notify_one();
        Ok(row)
    }

    async fn decide_plan(
        &self,
        policy: &Policy,
        run: &Run,
        seen: &Seen,
        now: Timestamp,
    ) -> Result<(), CommandError> {
        let mut after: Option<StripeCustomerId> = None;
        loop {
            let (part, last) = planned(&self.store.read()?, policy, after.as_ref(), LINKS_STEP)?;
            let Some(last) = last else { return Ok(()) };
            after = Some(last);
            let part: Vec<Planned> = part
                .into_iter()
                .filter_map(|planned| only_seen(planned, seen))
                .collect();
            if !part.is_empty() {
                let run = run.clone();
                self.writer
                    .write("decide part of a plan", move |tx| {
                        let mut part = part.iter();
                        part.try_for_each(|planned| decide_planned(tx, &run, planned, now))
                    })
                    .await?;
                // What is decided is carried out while the rest is written down.
                self.wake.look.notify_one();
            }
            tokio::task::yield_now().await;
        }
    }

    /// Orders that customers are made which are on one side only.
    async fn order_creations(
        &self,
        creates: Creates,
        run: &Run,
        seen: &Seen,
    ) -> Result<(), CommandError> {
        let mut after: Option<Subject> = None;
        loop {
            let part = offered(&self.store.read()?, creates, after.as_ref(), LINKS_STEP)?;
            let Some(last) = part.last() else {
                return Ok(());
            };
            after = Some(last.subject.clone());
            let part: Vec<Creation> = part
                .into_iter()
                .filter(|creation| seen.holds_creation(creation))
                .collect();
            if !part.is_empty() {
                let (run, now) = (run.clone(), self.clock.now());
                self.writer
                    .write("order part of a plan", move |tx| {
                        order_part(tx, &run, &part, now)
                    })
                    .await?;
                self.wake.creation.notify_one();
            }
            tokio::task::yield_now().await;
        }
    }

    /// Why this hash cannot be applied, and what can be done.
    fn another_plan(&self, hash: &str) -> Result<CommandError, CommandError> {
        let runs = self.store.read()?.runs(None, RUNS_SEARCHED)?;
        let mut runs = runs.into_iter();
        let before = runs.find(|run| matches!(&run.kind, RunKind::Apply(other) if other == hash));
        let hint = "run \"zenstripe plan\" again, and apply the hash that it shows";
        Ok(match before {
            Some(run) => CommandError::Refused {
                message: format!(
                    "the plan is not {hash} any more: run {} applied it",
                    run.number
                ),
                hint: format!(
                    "see \"zenstripe runs {}\"; for what is left, {hint}",
                    run.number
                ),
            },
            None => CommandError::Refused {
                message: format!("the plan is not {hash} any more: something changed since"),
                hint: hint.to_owned(),
            },
        })
    }
}

fn too_much(seen: &Seen, canary: Option<u64>) -> CommandError {
    let (fields, creations) = (seen.fields, seen.creations);
    let what = format!("writes {fields} fields and makes {creations} customers");
    match canary {
        None => CommandError::Refused {
            message: format!("the plan {what}"),
            hint: "raise --max-changes, or try a part of it with --canary".to_owned(),
        },
        Some(customers) => CommandError::Refused {
            message: format!("the plan, for its first {customers} customers alone, {what}"),
            hint: "raise --max-changes, or try fewer customers with --canary".to_owned(),
        },
    }
}

/// What was seen of what is planned about a link, if anything was.
fn only_seen(mut planned: Planned, seen: &Seen) -> Option<Planned> {
    let link = planned.link.clone();
    planned.rows.retain(|(difference, proposal)| {
        let winner = proposal.winner();
        winner.is_some_and(|winner| seen.holds(&link, difference, winner))
    });
    let writes = planned.writes().next().is_some();
    writes.then_some(planned)
}

/// Decides what was planned about one link, so far as it is still as it was.
fn decide_planned(
    tx: &mut WriteTx<'_>,
    run: &Run,
    planned: &Planned,
    now: Timestamp,
) -> Result<(), StoreError> {
    let stripe = &planned.link.stripe;
    let link = tx.link(stripe)?;
    if link.is_none_or(|link| link.zenskar != planned.link.zenskar) {
        return Ok(());
    }
    let current = tx.differences(stripe)?;
    let decided = tx.decided(stripe)?;
    let decisions: Vec<Decision> = planned
        .writes()
        .filter(|(difference, _)| {
            current.contains(difference) && !is_waiting(&decided, difference.field)
        })
        .map(|(difference, winner)| take_side(difference, winner))
        .collect();
    if !decisions.is_empty() {
        decide(tx, run, stripe, decisions, now)?;
    }
    Ok(())
}

fn order_part(
    tx: &mut WriteTx<'_>,
    run: &Run,
    part: &[Creation],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut ordered = 0_u64;
    for creation in part {
        let is_new = order(tx, &creation.subject, &run.who, now)?;
        ordered = ordered.saturating_add(u64::from(is_new));
    }
    if let Some(mut run) = tx.run(run.number)? {
        run.counts.ordered = run.counts.ordered.saturating_add(ordered);
        tx.put_run(&run)?;
    }
    Ok(())
}
