//! Open differences, by link.
//!
//! # Invariants
//!
//! - A link without differences has no row.
//! - The counts by reason are kept with every change, so that reading them costs nothing however
//!   many differences there are.

use crate::model::difference::{Difference, Held};
use crate::model::id::StripeCustomerId;
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::BAD_KEY;
use crate::store::tables::{COUNTERS, DIFFERENCES};
use crate::store::tx::{Order, ReadTx, WriteTx, after};
use std::collections::BTreeMap;

impl ReadTx<'_> {
    /// The differences of a link; empty when there are none.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn differences(&self, link: &StripeCustomerId) -> Result<Vec<Difference>, StoreError> {
        let found = self.record(DIFFERENCES, link.as_str().as_bytes())?;
        Ok(found.unwrap_or_default())
    }

    /// Links that have differences, by Stripe id, after `after_id`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn differences_list(
        &self,
        after_id: Option<&StripeCustomerId>,
        limit: usize,
    ) -> Result<Vec<(StripeCustomerId, Vec<Difference>)>, StoreError> {
        let bounds = after(after_id.map(|id| id.as_str().as_bytes()));
        self.list(DIFFERENCES, bounds, Order::Ascending, limit)?
            .into_iter()
            .map(|(row, differences)| {
                let id = std::str::from_utf8(&row)
                    .ok()
                    .and_then(|id| StripeCustomerId::parse(id).ok())
                    .ok_or_else(|| {
                        StoreError::corrupt(DIFFERENCES.name(), &row, RecordError::Rule(BAD_KEY))
                    })?;
                Ok((id, differences))
            })
            .collect()
    }

    /// How many differences there are, by reason; a reason without any is left out.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn difference_counts(&self) -> Result<BTreeMap<Held, u64>, StoreError> {
        let mut counts = BTreeMap::new();
        for reason in Held::ALL {
            let count = self.counter(&counter_name(reason))?;
            if count > 0 {
                counts.insert(reason, count);
            }
        }
        Ok(counts)
    }

    /// How many links have differences.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn differing_links(&self) -> Result<u64, StoreError> {
        self.count(DIFFERENCES)
    }
}

impl WriteTx<'_> {
    /// Writes the differences of a link in place of what was there; none removes the row.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the row is damaged.
    pub fn put_differences(
        &mut self,
        link: &StripeCustomerId,
        differences: &[Difference],
    ) -> Result<(), StoreError> {
        let row = link.as_str().as_bytes();
        let known = self.differences(link)?;
        if known == differences {
            return Ok(());
        }
        for reason in Held::ALL {
            let (before, now) = (count(&known, reason), count(differences, reason));
            if before != now {
                let name = counter_name(reason);
                let total = self.counter(&name)?;
                let total = total.saturating_add(now).saturating_sub(before);
                self.put(COUNTERS, &name, &total)?;
            }
        }
        if differences.is_empty() {
            self.delete(DIFFERENCES, row)?;
            return Ok(());
        }
        self.put(DIFFERENCES, row, &differences.to_vec())
    }
}

fn counter_name(reason: Held) -> Vec<u8> {
    format!("differences/{reason}").into_bytes()
}

fn count(differences: &[Difference], reason: Held) -> u64 {
    let count = differences.iter().filter(|found| found.why == reason);
    u64::try_from(count.count()).unwrap_or(u64::MAX)
}
