//! Pruning by age, in short transactions.
//!
//! # Invariants
//!
//! - An event is pruned only when it was sorted, and when no work, parked work or dead letter, be it
//!   dropped, names it.
//! - An event's id outlives its payload: as long as Stripe may bring the event again, it is known.
//! - The newest entry of the journal stays: it carries the last number given.
//!
//! What may go is found on a snapshot, outside the writer ([`ReadTx::prunable_events`]); the
//! transaction only removes what it is told to. Between the two nothing can begin to name an old
//! event but a person who replays it, and a piece of work whose event is gone is still done: an
//! event is a hint.

use crate::model::dead::Dropped;
use crate::model::journal::Entry;
use crate::model::time::Timestamp;
use crate::model::work::{DeadLetter, DeadWork, Work};
use crate::store::codec::{decode, decode_head, without_payload};
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::BAD_KEY;
use crate::store::key;
use crate::store::tables::{
    DEAD, DROPPED, EVENT_IDS, EVENTS, JOURNAL, JOURNAL_BY_SUBJECT, PARKED, READS, Table, WORK,
};
use crate::store::tx::{ALL, ENOUGH, ON, Order, ReadTx, WriteTx, after, until};
use std::collections::BTreeSet;
use std::ops::Bound;

/// Events that may go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prunable {
    /// These lose their payload.
    payloads: Vec<u64>,
    /// These go altogether.
    events: Vec<u64>,
    /// Up to here payloads were looked at.
    looked_at: u64,
}

impl Prunable {
    /// Whether nothing may go.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.payloads.is_empty() && self.events.is_empty()
    }

    /// How many events lose their payload, and how many go altogether.
    #[must_use]
    pub const fn counts(&self) -> (usize, usize) {
        (self.payloads.len(), self.events.len())
    }
}

impl ReadTx<'_> {
    /// Events that came before `payload_before` may lose their payload, and those that came before
    /// `id_before` may go altogether; at most `limit` of each, the oldest first.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn prunable_events(
        &self,
        payload_before: Timestamp,
        id_before: Timestamp,
        limit: usize,
    ) -> Result<Prunable, StoreError> {
        let sorted = self.intake_cursor()?;
        let looked_at = self.payload_cursor()?;
        let mut prunable = Prunable {
            looked_at,
            ..Prunable::default()
        };
        if limit == 0 || !self.oldest_event_before(payload_before.max(id_before))? {
            return Ok(prunable);
        }
        let named = self.named_events()?;
        self.visit_older(ALL, id_before, sorted, |seq, _| {
            if !named.contains(&seq) {
                prunable.events.push(seq);
            }
            until(prunable.events.len(), limit)
        })?;
        let from = key::number(looked_at);
        let going: BTreeSet<u64> = prunable.events.iter().copied().collect();
        self.visit_older(after(Some(&from)), payload_before, sorted, |seq, pruned| {
            if !pruned && !named.contains(&seq) && !going.contains(&seq) {
                prunable.payloads.push(seq);
            }
            prunable.looked_at = seq;
            until(prunable.payloads.len(), limit)
        })?;
        Ok(prunable)
    }

    fn oldest_event_before(&self, instant: Timestamp) -> Result<bool, StoreError> {
        let oldest = self.events_after(0, 1)?;
        Ok(oldest
            .first()
            .is_some_and(|stored| stored.head.received_at < instant))
    }

    /// Visits sorted events that came before `instant`, in order of arrival.
    fn visit_older(
        &self,
        bounds: crate::store::tx::Bounds<'_>,
        instant: Timestamp,
        sorted: u64,
        mut visit: impl FnMut(u64, bool) -> crate::store::tx::Step,
    ) -> Result<(), StoreError> {
        self.scan(EVENTS, bounds, Order::Ascending, |row, value| {
            let corrupt = |wrong| StoreError::corrupt(EVENTS.name(), row, wrong);
            let seq = key::to_number(row).ok_or_else(|| corrupt(RecordError::Rule(BAD_KEY)))?;
            let (head, pruned) = decode_head(value).map_err(corrupt)?;
            if seq > sorted || head.received_at >= instant {
                return ENOUGH;
            }
            visit(seq, pruned)
        })
    }

    /// Events that work, parked work and dead letters name, dropped ones too.
    fn named_events(&self) -> Result<BTreeSet<u64>, StoreError> {
        let mut named = BTreeSet::new();
        for table in [WORK, PARKED] {
            self.visit_rows(table, |work: Work| named.extend(work.events))?;
        }
        let mut of_letter = |letter: DeadLetter| {
            if let DeadWork::Work(work) = letter.what {
                named.extend(work.events);
            }
        };
        self.visit_rows(DEAD, &mut of_letter)?;
        self.visit_rows(DROPPED, |dropped: Dropped| of_letter(dropped.letter))?;
        Ok(named)
    }

    fn visit_rows<T: crate::store::codec::Record>(
        &self,
        table: Table,
        mut visit: impl FnMut(T),
    ) -> Result<(), StoreError> {
        self.scan(table, ALL, Order::Ascending, |row, value| {
            visit(decode(value).map_err(|wrong| StoreError::corrupt(table.name(), row, wrong))?);
            ON
        })
    }
}

impl WriteTx<'_> {
    /// Prunes what [`ReadTx::prunable_events`] found.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or a row is damaged.
    pub fn prune_events(&mut self, prunable: &Prunable) -> Result<(), StoreError> {
        for seq in &prunable.payloads {
            let row = key::number(*seq);
            if let Some(record) = self.with(EVENTS, &row, without_payload)? {
                self.put_bytes(EVENTS, &row, &record)?;
            }
        }
        for seq in &prunable.events {
            if let Some(stored) = self.event_head(*seq)? {
                self.delete(EVENT_IDS, stored.head.id.as_str().as_bytes())?;
                self.delete(EVENTS, &key::number(*seq))?;
            }
        }
        if prunable.looked_at > self.payload_cursor()? {
            self.set_payload_cursor(prunable.looked_at)?;
        }
        Ok(())
    }

    /// Removes entries of the journal from before `instant`, the oldest first, at most `limit`;
    /// says how many.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or a row is damaged.
    pub fn prune_journal(&mut self, instant: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let newest = self.last_key(JOURNAL)?;
        let mut rows = Vec::new();
        self.scan(JOURNAL, ALL, Order::Ascending, |row, value| {
            let entry: Entry =
                decode(value).map_err(|wrong| StoreError::corrupt(JOURNAL.name(), row, wrong))?;
            if entry.at >= instant || rows.len() >= limit || Some(row) == newest.as_deref() {
                return ENOUGH;
            }
            let corrupt = || StoreError::corrupt(JOURNAL.name(), row, RecordError::Rule(BAD_KEY));
            let number = key::to_number(row).ok_or_else(corrupt)?;
            rows.push((row.to_vec(), key::about(&entry.subject, number)));
            ON
        })?;
        for (row, about) in &rows {
            self.delete(JOURNAL, row)?;
            self.delete(JOURNAL_BY_SUBJECT, about)?;
        }
        Ok(rows.len())
    }

    /// Removes the counts of reads from before `day`, at most `limit`; says how many.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn prune_reads(&mut self, day: u32, limit: usize) -> Result<usize, StoreError> {
        let to = key::day(day);
        let bounds = (Bound::Unbounded, Bound::Excluded(to.as_slice()));
        let mut rows = Vec::new();
        self.scan(READS, bounds, Order::Ascending, |row, _| {
            if rows.len() >= limit {
                return ENOUGH;
            }
            rows.push(row.to_vec());
            ON
        })?;
        for row in &rows {
            self.delete(READS, row)?;
        }
        Ok(rows.len())
    }
}
