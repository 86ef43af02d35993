//! Token buckets and the count of reads.
//!
//! Both run on the sandbox's clock alone. Not here: the answers of a refusal, which differ between
//! the remotes.

use std::collections::BTreeMap;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Days over which reads are counted.
const READ_DAYS: i64 = 30;

/// Buckets by name, each of its own rate.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    buckets: BTreeMap<String, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    /// Thousandths of a token.
    level: i64,
    at_ms: i64,
}

impl Buckets {
    /// Whether `name` has a token at this rate; it is not taken.
    pub(crate) fn has(&mut self, name: &str, per_second: u32, now_ms: i64) -> bool {
        let full = i64::from(per_second) * 1000;
        let bucket = self
            .buckets
            .entry(name.to_owned())
            .or_insert_with(|| Bucket {
                level: full,
                at_ms: now_ms,
            });
        let passed = now_ms.saturating_sub(bucket.at_ms).max(0);
        let gained = passed.saturating_mul(i64::from(per_second));
        bucket.level = bucket.level.saturating_add(gained).min(full);
        bucket.at_ms = now_ms;
        bucket.level >= 1000
    }

    /// Takes one token.
    pub(crate) fn take(&mut self, name: &str) {
        if let Some(bucket) = self.buckets.get_mut(name) {
            bucket.level -= 1000;
        }
    }
}

/// GETs by day.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    by_day: BTreeMap<i64, u64>,
}

impl Reads {
    pub(crate) fn count(&mut self, now_ms: i64) {
        *self.by_day.entry(now_ms.div_euclid(DAY_MS)).or_default() += 1;
    }

    /// Reads of the last 30 days.
    pub(crate) fn recent(&self, now_ms: i64) -> u64 {
        let first = now_ms.div_euclid(DAY_MS) - READ_DAYS + 1;
        self.by_day.range(first..).map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{Buckets, DAY_MS, Reads};

    #[test]
    fn bucket_refills_with_the_clock() {
        let mut buckets = Buckets::default();
        let mut taken = 0;
        while buckets.has("a", 25, 0) {
            buckets.take("a");
            taken += 1;
        }
        assert_eq!(taken, 25);
        assert!(!buckets.has("a", 25, 39));
        assert!(buckets.has("a", 25, 40));
        assert!(buckets.has("b", 25, 0), "another name has its own");
    }

    #[test]
    fn reads_fall_out_after_30_days() {
        let mut reads = Reads::default();
        reads.count(0);
        reads.count(DAY_MS);
        assert_eq!(reads.recent(29 * DAY_MS), 2);
        assert_eq!(reads.recent(30 * DAY_MS), 1);
    }
}
