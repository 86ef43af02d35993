//! Reads of Stripe, counted by UTC day: Stripe allots them by the month.

use crate::store::codec::decode;
use crate::store::error::StoreError;
use crate::store::key;
use crate::store::tables::READS;
use crate::store::tx::{ON, Order, ReadTx, WriteTx};
use std::ops::Bound;

impl ReadTx<'_> {
    /// Reads on `day` and later. A day is counted from 1970-01-01.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn reads_since(&self, day: u32) -> Result<u64, StoreError> {
        let from = key::day(day);
        let bounds = (Bound::Included(from.as_slice()), Bound::Unbounded);
        let mut sum = 0_u64;
        self.scan(READS, bounds, Order::Ascending, |row, value| {
            let count: u64 =
                decode(value).map_err(|wrong| StoreError::corrupt(READS.name(), row, wrong))?;
            sum = sum.saturating_add(count);
            ON
        })?;
        Ok(sum)
    }
}

impl WriteTx<'_> {
    /// Adds `count` reads to `day`.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn add_reads(&mut self, day: u32, count: u64) -> Result<(), StoreError> {
        let row = key::day(day);
        let known: u64 = self.record(READS, &row)?.unwrap_or(0);
        self.put(READS, &row, &known.saturating_add(count))
    }
}
