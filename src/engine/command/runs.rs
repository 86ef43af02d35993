//! Runs: what was decided at once, listed, shown and undone.

use super::{CommandError, invalid};
use crate::engine::Engine;
use crate::engine::decisions::{UnderWay, decide, put_decided};
use crate::engine::view::{DecisionRow, Page, Problem, RunRow, RunView};
use crate::model::customer::Fields;
use crate::model::id::StripeCustomerId;
use crate::model::run::{Decided, Decision, DecisionState, Run, RunCounts, RunKind};
use crate::model::time::Timestamp;
use crate::store::{ReadTx, StoreError, WriteTx};
use crate::sync::decision;

/// Links about which is decided in one transaction: it holds the writer for some milliseconds.
pub(super) const LINKS_STEP: usize = 100;

/// Newest runs among which `status` looks for undoings that were interrupted; `runs` shows all.
const RUNS_WATCHED: usize = 50;

/// Why what a run still had to write is not written.
const BY_UNDOING: &str = "the run was undone";

impl Engine {
    pub(super) fn runs(
        &self,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Page<RunRow>, CommandError> {
        let before = before.map(str::parse::<u64>).transpose();
        let before = before.map_err(|e| invalid(&e))?;
        let runs = self.store.read()?.runs(before, limit)?;
        let next = runs.last().filter(|_| runs.len() >= limit);
        let next = next.map(|run| run.number.to_string());
        let rows = runs.iter().map(|run| self.run_row(run)).collect();
        Ok(Page { rows, next })
    }

    pub(super) fn run(
        &self,
        number: u64,
        after: Option<&str>,
        limit: usize,
    ) -> Result<RunView, CommandError> {
        let after = after.map(StripeCustomerId::parse).transpose();
        let after = after.map_err(|e| invalid(&e))?;
        let read = self.store.read()?;
        let run = read.run(number)?.ok_or_else(|| no_run(number))?;
        let decided = read.decided_by(number, after.as_ref(), limit)?;
        let next = decided.last().filter(|_| decided.len() >= limit);
        Ok(RunView {
            run: self.run_row(&run),
            next: next.map(|last| last.link.to_string()),
            rows: decided.iter().flat_map(decision_rows).collect(),
        })
    }

    /// Takes back what a run wrote, wherever it is still there; goes on with it where that was
    /// interrupted.
    pub(super) async fn undo_run(&self, number: u64, who: &str) -> Result<RunRow, CommandError> {
        let now = self.clock.now();
        let run = self.store.read()?.run(number)?;
        let run = run.ok_or_else(|| no_run(number))?;
        if self.is_deciding(&run) {
            return Err(CommandError::Refused {
                message: format!("run {number} is still being written down"),
                hint: "undo it when \"zenstripe runs\" shows it under way".to_owned(),
            });
        }
        if let (RunKind::Undo(of), None) = (&run.kind, run.decided_at) {
            return Err(CommandError::Refused {
                message: format!("run {number} was interrupted while it took back run {of}"),
                hint: format!("bring it to its end first: zenstripe undo {of}"),
            });
        }
        let undo = self.begin_undo(number, who, now).await?;
        let under_way = self.deciding.begin(undo.number);
        let Some(_under_way) = under_way else {
            return Err(CommandError::Refused {
                message: format!("run {number} is being taken back by run {}", undo.number),
                hint: format!("follow it: zenstripe runs {}", undo.number),
            });
        };
        self.decide_undo(number, &undo, now).await?;
        let row = self.end_run(undo.number).await?;
        self.wake.look.notify_one();
        Ok(row)
    }

    /// The run that takes back run `number`: a new one, or the one that was interrupted.
    async fn begin_undo(
        &self,
        number: u64,
        who: &str,
        now: Timestamp,
    ) -> Result<Run, CommandError> {
        let who = who.to_owned();
        let begun = self
            .writer
            .write("begin to undo a run", move |tx| {
                let Some(undone) = tx.run(number)? else {
                    return Ok(Undoing::Gone);
                };
                let Some(by) = undone.undone_by else {
                    let undo = new_run(tx, RunKind::Undo(number), who, now)?;
                    let undone_by = Some(undo.number);
                    tx.put_run(&Run {
                        undone_by,
                        ..undone
                    })?;
                    return Ok(Undoing::Open(undo));
                };
                let open = tx.run(by)?.filter(|undo| undo.decided_at.is_none());
                Ok(match open {
                    // What is decided from here on is this person's order.
                    Some(undo) => Undoing::Open(Run { who, ..undo }),
                    None => Undoing::Over(by),
                })
            })
            .await?;
        match begun {
            Undoing::Open(undo) => Ok(undo),
            Undoing::Gone => Err(no_run(number)),
            Undoing::Over(by) => Err(CommandError::Refused {
                message: format!("run {number} was undone already, by run {by}"),
                hint: format!("to have its values back, undo run {by}"),
            }),
        }
    }

    async fn decide_undo(
        &self,
        number: u64,
        undo: &Run,
        now: Timestamp,
    ) -> Result<(), CommandError> {
        let mut after = None;
        loop {
            let part = self.store.read()?;
            let part = part.decided_by(number, after.as_ref(), LINKS_STEP)?;
            let Some(last) = part.last() else {
                return Ok(());
            };
            after = Some(last.link.clone());
            let undo = undo.clone();
            self.writer
                .write("undo part of a run", move |tx| {
                    part.iter()
                        .try_for_each(|one| take_back(tx, &undo, one, now))
                })
                .await?;
            tokio::task::yield_now().await;
        }
    }

    /// Begins a run: from here on it has its number. It is under way until what comes with it is
    /// dropped.
    pub(super) async fn begin_run(
        &self,
        kind: RunKind,
        who: &str,
        now: Timestamp,
    ) -> Result<(Run, Option<UnderWay<'_>>), CommandError> {
        let who = who.to_owned();
        let run = self
            .writer
            .write("begin run", move |tx| new_run(tx, kind, who, now))
            .await?;
        let under_way = self.deciding.begin(run.number);
        Ok((run, under_way))
    }

    /// Everything the run decides is written down.
    pub(super) async fn end_run(&self, number: u64) -> Result<RunRow, CommandError> {
        let now = self.clock.now();
        let run = self
            .writer
            .write("end run", move |tx| {
                let Some(run) = tx.run(number)? else {
                    return Ok(None);
                };
                let run = Run {
                    decided_at: Some(now),
                    ..run
                };
                tx.put_run(&run)?;
                Ok(Some(run))
            })
            .await?;
        let run = run.ok_or_else(|| no_run(number))?;
        Ok(self.run_row(&run))
    }

    /// Undoings that were interrupted: they leave a run taken back in part until somebody goes on.
    pub(super) fn cut_undoings(&self, read: &ReadTx<'_>) -> Result<Vec<Problem>, StoreError> {
        let runs = read.runs(None, RUNS_WATCHED)?;
        let cut = runs.iter().filter_map(|run| match run.kind {
            RunKind::Undo(of) if run.decided_at.is_none() && !self.is_deciding(run) => {
                Some(Problem {
                    what: format!(
                        "run {} was interrupted: run {of} is taken back in part",
                        run.number
                    ),
                    hint: format!("run \"zenstripe undo {of}\": it goes on where it was"),
                })
            }
            _ => None,
        });
        Ok(cut.collect())
    }

    fn is_deciding(&self, run: &Run) -> bool {
        run.decided_at.is_none() && self.deciding.is_under_way(run.number)
    }

    fn run_row(&self, run: &Run) -> RunRow {
        let state = match run.decided_at {
            None if self.is_deciding(run) => "deciding",
            None => "interrupted",
            Some(_) if run.counts.waiting > 0 => "under way",
            Some(_) => "done",
        };
        let (kind, plan, undoes) = match &run.kind {
            RunKind::Resolve => ("resolve", None, None),
            RunKind::Apply(hash) => ("apply", Some(hash.clone()), None),
            RunKind::Undo(number) => ("undo", None, Some(*number)),
        };
        RunRow {
            run: run.number,
            kind: kind.to_owned(),
            plan,
            undoes,
            undone_by: run.undone_by,
            who: run.who.clone(),
            at: run.at.to_string(),
            state: state.to_owned(),
            customers: run.counts.customers,
            ordered: run.counts.ordered,
            waiting: run.counts.waiting,
            done: run.counts.done,
            overtaken: run.counts.overtaken,
        }
    }
}

/// What is known of the undoing of a run.
enum Undoing {
    /// There is no such run.
    Gone,
    /// This run does it, and has not decided everything.
    Open(Run),
    /// The run with this number did it.
    Over(u64),
}

fn new_run(
    tx: &mut WriteTx<'_>,
    kind: RunKind,
    who: String,
    now: Timestamp,
) -> Result<Run, StoreError> {
    let run = Run {
        number: tx.next_run_number()?,
        kind,
        who,
        at: now,
        decided_at: None,
        undone_by: None,
        counts: RunCounts::default(),
    };
    tx.put_run(&run)?;
    Ok(run)
}

/// Decides that what a run wrote about one link is to be as it was; what it did not write yet is
/// not written. A link about which the undoing decided before is left as it is.
fn take_back(
    tx: &mut WriteTx<'_>,
    undo: &Run,
    undone: &Decided,
    now: Timestamp,
) -> Result<(), StoreError> {
    let decided = tx.decided(&undone.link)?;
    if decided.iter().any(|one| one.run == undo.number) {
        return Ok(());
    }
    let Some(mut latest) = decided.into_iter().find(|one| one.run == undone.run) else {
        return Ok(());
    };
    let base = tx
        .link(&undone.link)?
        .map_or_else(Fields::new, |link| link.base);
    let back: Vec<Decision> = latest
        .decisions
        .iter()
        .filter_map(|one| decision::undo(one, base.get(&one.field)))
        .collect();
    let list = std::slice::from_mut(&mut latest);
    decision::overtake(list, BY_UNDOING, |_, _| true);
    put_decided(tx, list, now)?;
    if !back.is_empty() {
        decide(tx, undo, &undone.link, back, now)?;
    }
    Ok(())
}

fn decision_rows(decided: &Decided) -> impl Iterator<Item = DecisionRow> + '_ {
    decided.decisions.iter().map(|one| DecisionRow {
        stripe: decided.link.to_string(),
        field: one.field.to_string(),
        stripe_before: one.stripe.before.to_string(),
        stripe_wanted: one.stripe.wanted.to_string(),
        zenskar_before: one.zenskar.before.to_string(),
        zenskar_wanted: one.zenskar.wanted.to_string(),
        state: match &one.state {
            DecisionState::Waiting => "waiting".to_owned(),
            DecisionState::Done(_) => "done".to_owned(),
            DecisionState::Overtaken(why) => format!("overtaken: {why}"),
        },
    })
}

fn no_run(number: u64) -> CommandError {
    CommandError::NotFound(format!("there is no run {number}"))
}
