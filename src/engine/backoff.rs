//! How long to wait before the next attempt.
//!
//! Decorrelated jitter: each wait is drawn between the shortest wait and three times the one
//! before it, up to a cap. The sequence follows from a seed, so only the number of attempts has to
//! be stored, and one record's waits do not move in step with another's.

use crate::clock::Random;
use std::time::Duration;

/// Shortest wait: a remote that hiccuped is usually back by then.
pub const WAIT_MIN: Duration = Duration::from_secs(1);

/// Longest wait: after a long outage work resumes within this time.
pub const WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// Attempts after which work becomes a dead letter: with the waits above, a day or two of trying,
/// so that an outage over night heals by itself.
pub const ATTEMPTS_MAX: u32 = 200;

/// Attempts whose waits grow; later ones are drawn from the upper half of the range.
const GROWING_ATTEMPTS: u32 = 16;

/// The wait after the `attempts`-th failed attempt (from 1) of the record `key`.
///
/// A wait that the remote asked for is a lower bound.
#[must_use]
pub fn wait(key: &str, attempts: u32, asked: Option<Duration>) -> Duration {
    let late = u64::from(attempts.saturating_sub(GROWING_ATTEMPTS));
    let random = Random::from_seed(seed(key).wrapping_add(late));
    if late > 0 {
        let millis = random.between(millis(WAIT_MAX / 2), millis(WAIT_MAX));
        return Duration::from_millis(millis).max(asked.unwrap_or_default());
    }
    let mut wait = WAIT_MIN;
    for _ in 0..attempts {
        let high = wait.saturating_mul(3).min(WAIT_MAX);
        wait = Duration::from_millis(random.between(millis(WAIT_MIN), millis(high)));
    }
    wait.max(asked.unwrap_or_default())
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// FNV-1a: spreads keys, no more.
fn seed(key: &str) -> u64 {
    key.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_within_their_bounds_and_follow_from_the_key() {
        for attempts in 1..100 {
            let first = wait("customer/cus_1", attempts, None);
            assert!(
                (WAIT_MIN..=WAIT_MAX).contains(&first),
                "{attempts}: {first:?}"
            );
            assert_eq!(first, wait("customer/cus_1", attempts, None));
        }
        assert_ne!(
            wait("customer/cus_1", 9, None),
            wait("customer/cus_2", 9, None)
        );
    }

    #[test]
    fn a_wait_the_remote_asks_for_is_kept() {
        let asked = Duration::from_secs(3_000);
        assert_eq!(wait("customer/cus_1", 1, Some(asked)), asked);
    }

    #[test]
    fn trying_lasts_at_least_a_day() {
        let total: Duration = (1..=ATTEMPTS_MAX)
            .map(|n| wait("customer/cus_1", n, None))
            .sum();
        let hour = Duration::from_secs(3_600);
        assert!((24 * hour..72 * hour).contains(&total), "{total:?}");
    }
}
