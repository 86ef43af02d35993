//! Dead letters that were dropped: kept apart from the others until they are taken back or too old.
//!
//! # Invariants
//!
//! - A number is in `dead` or in `dropped`, never in both.
//! - `dropped_by_time` holds exactly the reverse keys of `dropped`.

use crate::model::dead::Dropped;
use crate::model::time::Timestamp;
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::BAD_KEY;
use crate::store::key;
use crate::store::tables::{DROPPED, DROPPED_BY_TIME};
use crate::store::tx::{ALL, Bounds, ENOUGH, ON, Order, ReadTx, WriteTx, before, until};

impl ReadTx<'_> {
    /// The dropped letter with this number.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn dropped(&self, number: u64) -> Result<Option<Dropped>, StoreError> {
        self.record(DROPPED, &key::number(number))
    }

    /// Dropped letters, the one dropped last first, from before `before_letter`: when it was dropped,
    /// and its number.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged or missing.
    pub fn dropped_letters(
        &self,
        before_letter: Option<(Timestamp, u64)>,
        limit: usize,
    ) -> Result<Vec<Dropped>, StoreError> {
        let from = before_letter.map(|(at, number)| row(at, number));
        let bounds = before(from.as_deref());
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        self.visit_dropped(bounds, Order::Descending, |_, number| {
            let corrupt = || {
                let wrong = RecordError::Rule("the dropped letter is missing");
                StoreError::corrupt(DROPPED_BY_TIME.name(), &key::number(number), wrong)
            };
            found.push(self.dropped(number)?.ok_or_else(corrupt)?);
            until(found.len(), limit)
        })?;
        Ok(found)
    }

    /// How many dropped letters there are.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn dropped_count(&self) -> Result<u64, StoreError> {
        self.count(DROPPED)
    }

    fn visit_dropped(
        &self,
        bounds: Bounds<'_>,
        order: Order,
        mut visit: impl FnMut(Timestamp, u64) -> crate::store::tx::Step,
    ) -> Result<(), StoreError> {
        self.scan(DROPPED_BY_TIME, bounds, order, |row, _| {
            let found = key::to_due(row);
            let found = found.and_then(|(at, number)| Some((at, key::to_number(number)?)));
            let bad =
                || StoreError::corrupt(DROPPED_BY_TIME.name(), row, RecordError::Rule(BAD_KEY));
            let (at, number) = found.ok_or_else(bad)?;
            visit(at, number)
        })
    }
}

impl WriteTx<'_> {
    /// Keeps a letter that was dropped.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn put_dropped(&mut self, dropped: &Dropped) -> Result<(), StoreError> {
        let number = dropped.letter.number;
        self.put(DROPPED, &key::number(number), dropped)?;
        self.put_bytes(DROPPED_BY_TIME, &row(dropped.at, number), &[])
    }

    /// Puts a letter that was dropped back among the others.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn take_back_dropped(&mut self, dropped: &Dropped) -> Result<(), StoreError> {
        self.forget_dropped(dropped.at, dropped.letter.number)?;
        self.put_dead_letter(&dropped.letter)
    }

    /// Removes letters that were dropped before `instant`, the oldest first, at most `limit`; says how
    /// many.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or a row is damaged.
    pub fn prune_dropped(&mut self, instant: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut old = Vec::new();
        self.visit_dropped(ALL, Order::Ascending, |at, number| {
            if at >= instant || old.len() >= limit {
                return ENOUGH;
            }
            old.push((at, number));
            ON
        })?;
        for (at, number) in &old {
            self.forget_dropped(*at, *number)?;
        }
        Ok(old.len())
    }

    fn forget_dropped(&mut self, at: Timestamp, number: u64) -> Result<(), StoreError> {
        self.delete(DROPPED, &key::number(number))?;
        self.delete(DROPPED_BY_TIME, &row(at, number)).map(drop)
    }
}

fn row(at: Timestamp, number: u64) -> Vec<u8> {
    key::due(at, &key::number(number))
}
