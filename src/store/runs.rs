//! Runs, and what they decided: kept by link for the looks that carry it out, and found by run.
//!
//! # Invariants
//!
//! - `decided_by_run` holds exactly the reverse keys of `decided`.
//! - The counts of a run are those of its decisions: they change in the transaction that changes
//!   a decision.

use crate::model::id::StripeCustomerId;
use crate::model::run::{Decided, Run};
use crate::model::time::Timestamp;
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::BAD_KEY;
use crate::store::key;
use crate::store::tables::{DECIDED, DECIDED_BY_RUN, RUNS};
use crate::store::tx::{ALL, Bounds, ENOUGH, ON, Order, ReadTx, WriteTx, before, until};
use std::ops::Bound;

const NUMBERS: &[u8] = b"runs";

impl ReadTx<'_> {
    /// The run with this number.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn run(&self, number: u64) -> Result<Option<Run>, StoreError> {
        self.record(RUNS, &key::number(number))
    }

    /// Runs before `before_run`, the newest first.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn runs(&self, before_run: Option<u64>, limit: usize) -> Result<Vec<Run>, StoreError> {
        let from = before_run.map(key::number);
        let bounds = before(from.as_ref().map(<[u8; 8]>::as_slice));
        self.values(RUNS, bounds, Order::Descending, limit)
    }

    /// What was decided about a link, the oldest run first.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn decided(&self, link: &StripeCustomerId) -> Result<Vec<Decided>, StoreError> {
        let (from, to) = (
            key::intents_from(link.as_str()),
            key::intents_to(link.as_str()),
        );
        let bounds: Bounds<'_> = (Bound::Included(&from), Bound::Excluded(&to));
        self.values(DECIDED, bounds, Order::Ascending, usize::MAX)
    }

    /// What a run decided, by Stripe id, after `after_link`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged or missing.
    pub fn decided_by(
        &self,
        run: u64,
        after_link: Option<&StripeCustomerId>,
        limit: usize,
    ) -> Result<Vec<Decided>, StoreError> {
        let from = key::run(run, after_link.map_or("", StripeCustomerId::as_str));
        let to = key::number(run.saturating_add(1));
        let bounds: Bounds<'_> = (Bound::Excluded(&from), Bound::Excluded(&to));
        let mut decided = Vec::new();
        if limit == 0 {
            return Ok(decided);
        }
        self.scan(DECIDED_BY_RUN, bounds, Order::Ascending, |row, _| {
            let astray = |why| StoreError::corrupt(DECIDED_BY_RUN.name(), row, why);
            let link = key::to_run(row).ok_or_else(|| astray(RecordError::Rule(BAD_KEY)))?;
            let found = self.record(DECIDED, &key::intent(link, run))?;
            decided.push(found.ok_or_else(|| {
                astray(RecordError::Rule("nothing was decided about the link then"))
            })?);
            until(decided.len(), limit)
        })?;
        Ok(decided)
    }
}

impl WriteTx<'_> {
    /// The number of the next run. It is taken by asking.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn next_run_number(&mut self) -> Result<u64, StoreError> {
        self.next_number(NUMBERS)
    }

    /// Writes a run in place of what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn put_run(&mut self, run: &Run) -> Result<(), StoreError> {
        self.put(RUNS, &key::number(run.number), run)
    }

    /// Writes what a run decided about a link, in place of what was there, and counts it.
    ///
    /// # Errors
    ///
    /// The file cannot be written, a row is damaged, or the value breaks a rule of its kind.
    pub fn put_decided(&mut self, decided: &Decided) -> Result<(), StoreError> {
        let row = key::intent(decided.link.as_str(), decided.run);
        let known = self.record::<Decided>(DECIDED, &row)?;
        if known.as_ref() == Some(decided) {
            return Ok(());
        }
        if let Some(mut run) = self.run(decided.run)? {
            match &known {
                Some(known) => run.counts.remove(&known.decisions),
                None => run.counts.customers = run.counts.customers.saturating_add(1),
            }
            run.counts.add(&decided.decisions);
            self.put_run(&run)?;
        }
        let by_run = key::run(decided.run, decided.link.as_str());
        self.put_bytes(DECIDED_BY_RUN, &by_run, &[])?;
        self.put(DECIDED, &row, decided)
    }

    /// Removes runs that were decided before `instant` and wait for nothing, the oldest first, with
    /// what they decided: at most `limit` rows; says how many.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or a row is damaged.
    pub fn prune_runs(&mut self, instant: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut old = None;
        self.scan(RUNS, ALL, Order::Ascending, |row, value| {
            let run: Run = crate::store::codec::decode(value)
                .map_err(|wrong| StoreError::corrupt(RUNS.name(), row, wrong))?;
            if run.at >= instant {
                return ENOUGH;
            }
            if run.counts.waiting > 0 {
                return ON;
            }
            old = Some(run);
            ENOUGH
        })?;
        let Some(run) = old else { return Ok(0) };
        let decided = self.decided_by(run.number, None, limit)?;
        for one in &decided {
            self.delete(DECIDED, &key::intent(one.link.as_str(), run.number))?;
            self.delete(DECIDED_BY_RUN, &key::run(run.number, one.link.as_str()))?;
        }
        if decided.len() < limit {
            self.delete(RUNS, &key::number(run.number))?;
            return Ok(decided.len().saturating_add(1));
        }
        Ok(decided.len())
    }
}
