//! Work to be looked at, and work that waits for a link.
//!
//! # Invariants
//!
//! - Each row of `work` has exactly one row in `work_due`, at its `due_at`.
//! - Events remembered by a piece of work are in ascending order and at most
//!   [`WORK_EVENTS_MAX`].
//!
//! Not here: claims on work that is being done. They live in memory; a crash releases them.

use crate::model::time::Timestamp;
use crate::model::work::{Subject, WORK_EVENTS_MAX, Work};
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::{BAD_KEY, StoredHead};
use crate::store::key;
use crate::store::tables::{PARKED, Table, WORK, WORK_DUE};
use crate::store::tx::{ALL, ENOUGH, Order, ReadTx, WriteTx, after, until};
use std::collections::BTreeMap;

/// Where an event goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sorted {
    /// To the work of this subject.
    Work(Subject),
    /// To what waits for a link of this subject.
    Parked(Subject),
    /// Nowhere; it stays in the inbox.
    Ignored,
}

/// What [`WriteTx::take_in`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakenIn {
    /// Events sorted.
    pub events: usize,
    /// Of these, to work.
    pub work: usize,
    /// Of these, to parked work.
    pub parked: usize,
    /// The intake cursor afterwards.
    pub cursor: u64,
}

impl ReadTx<'_> {
    /// The work on `subject`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn work(&self, subject: &Subject) -> Result<Option<Work>, StoreError> {
        self.record(WORK, subject.to_string().as_bytes())
    }

    /// The work on `subject` that waits for a link.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn parked(&self, subject: &Subject) -> Result<Option<Work>, StoreError> {
        self.record(PARKED, subject.to_string().as_bytes())
    }

    /// Work that is due at `now`, the longest due first.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged or missing.
    pub fn due_work(&self, now: Timestamp, limit: usize) -> Result<Vec<Work>, StoreError> {
        let mut due = Vec::new();
        if limit == 0 {
            return Ok(due);
        }
        self.scan(WORK_DUE, ALL, Order::Ascending, |row, _| {
            let (due_at, subject) = read_due(row)?;
            if due_at > now {
                return ENOUGH;
            }
            match self.record::<Work>(WORK, subject)? {
                Some(work) if work.due_at == due_at => due.push(work),
                _ => return Err(astray(row)),
            }
            until(due.len(), limit)
        })?;
        Ok(due)
    }

    /// When the next work is due.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn next_work_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut next = None;
        self.scan(WORK_DUE, ALL, Order::Ascending, |row, _| {
            next = Some(read_due(row)?.0);
            ENOUGH
        })?;
        Ok(next)
    }

    /// How many subjects have work.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn work_count(&self) -> Result<u64, StoreError> {
        self.count(WORK)
    }

    /// How many subjects have work that waits for a link.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn parked_count(&self) -> Result<u64, StoreError> {
        self.count(PARKED)
    }

    /// Work by subject, after `after_subject`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn work_list(
        &self,
        after_subject: Option<&Subject>,
        limit: usize,
    ) -> Result<Vec<Work>, StoreError> {
        self.list_of(WORK, after_subject, limit)
    }

    /// Work that waits for a link, by subject, after `after_subject`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn parked_list(
        &self,
        after_subject: Option<&Subject>,
        limit: usize,
    ) -> Result<Vec<Work>, StoreError> {
        self.list_of(PARKED, after_subject, limit)
    }

    fn list_of(
        &self,
        table: Table,
        after_subject: Option<&Subject>,
        limit: usize,
    ) -> Result<Vec<Work>, StoreError> {
        let from = after_subject.map(ToString::to_string);
        let bounds = after(from.as_ref().map(String::as_bytes));
        self.values(table, bounds, Order::Ascending, limit)
    }
}

impl WriteTx<'_> {
    /// Sorts the next events of the inbox, at most `limit`, in the order of arrival, and moves the
    /// intake cursor past them.
    ///
    /// `sort` says where an event goes; it may look at what the transaction has written so far, but
    /// not at the work of this batch, which is written at its end: many events of one subject cost
    /// one row. Work that is there already keeps its attempts,
    /// and with attempts its due time.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written, or `sort` failed.
    pub fn take_in(
        &mut self,
        limit: usize,
        now: Timestamp,
        mut sort: impl FnMut(&ReadTx<'_>, &StoredHead) -> Result<Sorted, StoreError>,
    ) -> Result<TakenIn, StoreError> {
        let cursor = self.intake_cursor()?;
        let mut taken = TakenIn {
            cursor,
            ..TakenIn::default()
        };
        let (mut work, mut parked) = (BTreeMap::new(), BTreeMap::new());
        for stored in self.events_after(cursor, limit)? {
            match sort(self, &stored)? {
                Sorted::Work(subject) => {
                    taken.work = taken.work.saturating_add(1);
                    self.gather(WORK, &mut work, subject, stored.seq, now)?;
                }
                Sorted::Parked(subject) => {
                    taken.parked = taken.parked.saturating_add(1);
                    self.gather(PARKED, &mut parked, subject, stored.seq, now)?;
                }
                Sorted::Ignored => {}
            }
            taken.events = taken.events.saturating_add(1);
            taken.cursor = stored.seq;
        }
        for work in work.values() {
            self.put_work(work)?;
        }
        for work in parked.values() {
            self.put_in_order(PARKED, work)?;
        }
        if taken.cursor != cursor {
            self.set_intake_cursor(taken.cursor)?;
        }
        Ok(taken)
    }

    fn gather(
        &self,
        table: Table,
        batch: &mut BTreeMap<Subject, Work>,
        subject: Subject,
        seq: u64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(work) = batch.get_mut(&subject) {
            work.add_event(seq);
            return Ok(());
        }
        let known = self.record(table, subject.to_string().as_bytes())?;
        let mut work: Work = known.unwrap_or_else(|| Work::new(subject.clone(), now));
        work.add_event(seq);
        if work.attempts == 0 {
            // It waits for a time of its own, not for a remote to come back: the event is news.
            work.due_at = work.due_at.min(now);
        }
        batch.insert(subject, work);
        Ok(())
    }

    /// Writes the work on its subject, in place of what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the value breaks a rule of its kind.
    pub fn put_work(&mut self, work: &Work) -> Result<(), StoreError> {
        let subject = work.subject.to_string();
        let subject = subject.as_bytes();
        let known = self.record::<Work>(WORK, subject)?;
        if known.as_ref().map(|known| known.due_at) != Some(work.due_at) {
            if let Some(known) = known {
                self.delete(WORK_DUE, &key::due(known.due_at, subject))?;
            }
            self.put_bytes(WORK_DUE, &key::due(work.due_at, subject), &[])?;
        }
        self.put_in_order(WORK, work)
    }

    /// Writes work with its events in order: one that is asked for again is older than the others.
    fn put_in_order(&mut self, table: Table, work: &Work) -> Result<(), StoreError> {
        let mut ordered = work.clone();
        ordered.events.sort_unstable();
        ordered.events.dedup();
        self.put(table, ordered.subject.to_string().as_bytes(), &ordered)
    }

    /// Removes the work on `subject`; gives what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the row is damaged.
    pub fn remove_work(&mut self, subject: &Subject) -> Result<Option<Work>, StoreError> {
        let Some(known) = self.work(subject)? else {
            return Ok(None);
        };
        let subject = subject.to_string();
        self.delete(WORK_DUE, &key::due(known.due_at, subject.as_bytes()))?;
        self.delete(WORK, subject.as_bytes())?;
        Ok(Some(known))
    }

    /// Lets `work` wait for a link: it leaves what is due and joins what already waits.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or a row is damaged.
    pub fn park(&mut self, work: &Work) -> Result<(), StoreError> {
        self.remove_work(&work.subject)?;
        let merged = match self.parked(&work.subject)? {
            // Why it waits is what was found last.
            Some(known) => merge(work.clone(), &known),
            None => work.clone(),
        };
        self.put_parked(&merged)
    }

    /// Writes why `subject` waits for a link, whether or not it waited before.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the row is damaged.
    pub fn note_parked(
        &mut self,
        subject: &Subject,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let known = self.parked(subject)?;
        let parked = Work {
            due_at: now,
            last_error: Some(why.to_owned()),
            ..known.unwrap_or_else(|| Work::new(subject.clone(), now))
        };
        self.put_parked(&parked)
    }

    /// Writes work that waits for a link. Its customer has no partner, as far as is known.
    fn put_parked(&mut self, work: &Work) -> Result<(), StoreError> {
        self.note_alone(&work.subject, work.since)?;
        self.put_in_order(PARKED, work)
    }

    /// Puts what waits on `subject` back to work, due now; gives the work, unless nothing waited.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or a row is damaged.
    pub fn unpark(
        &mut self,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Option<Work>, StoreError> {
        let Some(waiting) = self.remove_parked(subject)? else {
            return Ok(None);
        };
        let mut work = match self.work(subject)? {
            Some(known) => merge(known, &waiting),
            None => waiting,
        };
        work.due_at = now;
        self.put_work(&work)?;
        Ok(Some(work))
    }

    /// Removes what waits on `subject`; gives what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the row is damaged.
    pub fn remove_parked(&mut self, subject: &Subject) -> Result<Option<Work>, StoreError> {
        let known = self.parked(subject)?;
        if known.is_some() {
            self.delete(PARKED, subject.to_string().as_bytes())?;
        }
        Ok(known)
    }
}

/// Both as one: every event once, in order, the oldest staying when there are too many.
fn merge(mut work: Work, other: &Work) -> Work {
    work.events.extend_from_slice(&other.events);
    work.events.sort_unstable();
    work.events.dedup();
    work.events.truncate(WORK_EVENTS_MAX);
    work.asked = work.asked.saturating_add(other.asked);
    work.since = work.since.min(other.since);
    work
}

fn read_due(row: &[u8]) -> Result<(Timestamp, &[u8]), StoreError> {
    key::to_due(row)
        .ok_or_else(|| StoreError::corrupt(WORK_DUE.name(), row, RecordError::Rule(BAD_KEY)))
}

fn astray(row: &[u8]) -> StoreError {
    StoreError::corrupt(
        WORK_DUE.name(),
        row,
        RecordError::Rule("no work is due then"),
    )
}
