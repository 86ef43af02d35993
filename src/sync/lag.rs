//! Reads that lag behind writes: what one answer of Zenskar's proves, and what only time does.
//!
//! Zenskar promises nothing about when a read shows a write. So a state that is older than one
//! seen before is not taken for news, and a write of unknown outcome that a look does not show is
//! not taken for lost at once.

use crate::model::link::Side;
use crate::model::time::Timestamp;
use std::time::Duration;

/// How long a read of Zenskar may lag behind a write. Nothing documents it: half a minute is what
/// integrations allow for.
pub const READ_LAG: Duration = Duration::from_secs(30);

/// A state of a customer, as one answer showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// When the answer was given, by Zenskar's clock.
    pub at: Timestamp,
    /// When the customer was last changed, by Zenskar's clock, if it says.
    pub updated_at: Option<Timestamp>,
}

/// How long to wait before a look counts that shows an older state than an earlier answer did.
///
/// A state that stays older beyond the lag is the present one: somebody restored it.
#[must_use]
pub fn wait_for_newer(before: Reading, now: Reading) -> Option<Duration> {
    let until = before.at.plus(READ_LAG);
    let older = now.updated_at? < before.updated_at?;
    (older && now.at < until).then(|| until.since(now.at))
}

/// When a write that was sent at `since` and is not seen at its target may be sent again. Stripe's
/// reads show its writes, and it recognises a repeat of one that is still on its way.
#[must_use]
pub fn lost_at(target: Side, since: Timestamp) -> Timestamp {
    match target {
        Side::Stripe => since,
        Side::Zenskar => since.plus(READ_LAG),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(at: i64, updated_at: i64) -> Reading {
        Reading {
            at: Timestamp::from_seconds(at),
            updated_at: Some(Timestamp::from_seconds(updated_at)),
        }
    }

    #[test]
    fn an_older_state_counts_only_after_the_lag() {
        let before = shown(100, 90);
        assert_eq!(wait_for_newer(before, shown(101, 90)), None);
        assert_eq!(wait_for_newer(before, shown(101, 101)), None);
        let rest = Some(Duration::from_secs(29));
        assert_eq!(wait_for_newer(before, shown(101, 80)), rest);
        assert_eq!(wait_for_newer(before, shown(130, 80)), None);
    }

    #[test]
    fn a_state_without_a_time_proves_no_order() {
        let mut untold = shown(101, 0);
        untold.updated_at = None;
        assert_eq!(wait_for_newer(shown(100, 90), untold), None);
        assert_eq!(wait_for_newer(untold, shown(102, 80)), None);
    }
}
