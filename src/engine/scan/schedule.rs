//! When a scan is due by itself, and what it costs of Stripe's allowance for reads.
//!
//! Zenskar is listed every day, which costs no allowance. Stripe is listed with it, unless that
//! would take more than its [share](LISTING_SHARE) of the allowance: then not so often.

use crate::engine::poller::{READS_DAYS, READS_FLOOR};
use crate::engine::scan::SCAN_EVERY;
use crate::model::cursor::ScanCursor;
use crate::model::time::Timestamp;
use crate::stripe::client::PAGE_MAX;
use std::time::Duration;

/// One read in so many is for scans that come by themselves; the others are for polling and looks.
pub const LISTING_SHARE: u64 = 5;

/// How long after one listing of Stripe's `customers` the next follows by itself, where Stripe
/// allows so many reads in 30 days: not before a day, and not so often that listing takes more than
/// its share.
#[must_use]
pub fn listing_period(customers: u64, allowance: u64) -> Duration {
    period(listing_reads(customers), allowance)
}

/// Reads of Stripe that a listing of so many customers takes.
#[must_use]
pub fn listing_reads(customers: u64) -> u64 {
    let page = u64::try_from(PAGE_MAX).unwrap_or(1).max(1);
    customers.div_ceil(page).max(1)
}

/// How often what takes so many reads may be done by itself.
fn period(reads: u64, allowance: u64) -> Duration {
    let share = allowance.div_euclid(LISTING_SHARE).max(1);
    let seconds = u64::from(READS_DAYS).saturating_mul(86_400);
    let spread = seconds.saturating_mul(reads).div_ceil(share);
    SCAN_EVERY.max(Duration::from_secs(spread))
}

/// When each side is listed next without being asked for, by this host's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Next {
    pub(in crate::engine) stripe: Timestamp,
    pub(in crate::engine) zenskar: Timestamp,
}

/// What follows from the cursor, where `links` customers are linked.
pub(in crate::engine) fn next(cursor: &ScanCursor, links: u64) -> Next {
    let Some(finished_at) = cursor.finished_at else {
        // The first scan, which shows that this is the account the links are of, does not wait.
        return Next {
            stripe: Timestamp::default(),
            zenskar: Timestamp::default(),
        };
    };
    let daily = finished_at.plus(SCAN_EVERY);
    let every = listing_period(customers(cursor, links), READS_FLOOR);
    let spared = cursor.stripe_listed_at.map(|at| at.plus(every));
    let stripe = spared.map_or(daily, |at| at.max(daily));
    // A scan that stopped has not shown that the links are this account's: Stripe comes first.
    let zenskar = if cursor.stopped.is_some() {
        stripe
    } else {
        daily
    };
    let unread = cursor.unread_again;
    Next {
        stripe: unread.map_or(stripe, |at| at.min(stripe)),
        zenskar: unread.map_or(zenskar, |at| at.min(zenskar)),
    }
}

/// Customers that Stripe has, as far as it is known.
pub(in crate::engine) fn customers(cursor: &ScanCursor, links: u64) -> u64 {
    cursor.stripe_customers.max(links)
}

/// Whether each linked customer may be looked at, at a read each, since Stripe cannot be listed:
/// where a scan was asked for, and by itself as rarely as a listing of so many reads.
pub(super) fn may_look_at_each(cursor: &ScanCursor, links: u64, now: Timestamp) -> bool {
    let every = period(links, READS_FLOOR);
    cursor
        .stripe_each_at
        .is_none_or(|at| now.since(at) >= every)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    #[test]
    fn listing_stripe_stays_within_its_share_of_the_allowance() {
        for (customers, allowance, days) in [
            (0, READS_FLOOR, 1),
            (100, READS_FLOOR, 1),
            (6_600, READS_FLOOR, 1),
            (10_000, READS_FLOOR, 2),
            (20_000, READS_FLOOR, 3),
            (200_000, READS_FLOOR, 30),
            (1_000_000, READS_FLOOR, 150),
            // 100,000 transactions in 30 days allow 50 million reads.
            (1_000_000, 50_000_000, 1),
            (100, 0, 30),
        ] {
            let every = listing_period(customers, allowance);
            let whole_days = every.as_secs().div_ceil(DAY);
            assert_eq!(whole_days, days, "{customers} of {allowance}");
        }
        for customers in [1, 99, 101, 6_601, 6_701, 123_456, 9_999_999] {
            let every = listing_period(customers, READS_FLOOR).as_secs();
            let reads = u128::from(listing_reads(customers)) * u128::from(30 * DAY);
            let most = u128::from(READS_FLOOR / LISTING_SHARE) * u128::from(every);
            assert!(reads <= most, "{customers}: {every} s");
        }
    }

    #[test]
    fn each_side_is_listed_when_it_may_be() {
        let day = |days: u64| Timestamp::from_micros(0).plus(Duration::from_secs(days * DAY));
        let scanned = |stripe_customers: u64| ScanCursor {
            finished_at: Some(day(10)),
            stripe_listed_at: Some(day(10)),
            stripe_customers,
            ..ScanCursor::default()
        };
        let both = |stripe, zenskar| Next { stripe, zenskar };
        assert_eq!(next(&scanned(50), 20), both(day(11), day(11)));
        assert_eq!(next(&scanned(20_000), 20), both(day(13), day(11)));
        assert_eq!(next(&scanned(0), 20_000), both(day(13), day(11)));
        let swept = ScanCursor {
            finished_at: Some(day(12)),
            ..scanned(20_000)
        };
        assert_eq!(next(&swept, 0), both(day(13), day(13)));
        let never_listed = ScanCursor {
            stripe_listed_at: None,
            ..scanned(20_000)
        };
        assert_eq!(next(&never_listed, 0), both(day(11), day(11)));
        // What stopped a scan is not found out at the cost of the whole allowance, and Zenskar
        // alone is not listed before.
        let stopped = ScanCursor {
            stopped: Some("no".to_owned()),
            ..scanned(20_000)
        };
        assert_eq!(next(&stopped, 0), both(day(13), day(13)));
        let unread = ScanCursor {
            unread_again: Some(day(12)),
            ..scanned(200_000)
        };
        assert_eq!(next(&unread, 0), both(day(12), day(11)));
        let never = next(&ScanCursor::default(), 20_000);
        assert_eq!(never, both(Timestamp::default(), Timestamp::default()));
    }

    #[test]
    fn looks_at_each_customer_are_spared() {
        let looked = ScanCursor {
            stripe_each_at: Some(Timestamp::from_seconds(0)),
            ..ScanCursor::default()
        };
        let after = |days: i64| Timestamp::from_seconds(days * 86_400);
        assert!(may_look_at_each(&ScanCursor::default(), 2_000, after(0)));
        assert!(may_look_at_each(&looked, 50, after(1)));
        assert!(!may_look_at_each(&looked, 2_000, after(29)));
        assert!(may_look_at_each(&looked, 2_000, after(30)));
    }
}
