//! Whether a remote takes our calls at all.
//!
//! A key that is refused parks the remote: no work of it fails, nothing is lost, and one call a
//! minute finds out whether a person has repaired it. New credentials open the gate at once.

use crate::model::link::Side;
use crate::model::time::Timestamp;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a parked remote is left alone before it is tried again.
pub const PARKED_FOR: Duration = Duration::from_secs(60);

/// Why a remote is parked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// In the remote's words.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// When it is tried next.
    pub until: Timestamp,
}

/// The gates to both remotes.
#[derive(Debug, Default)]
pub struct Gate {
    stripe: Mutex<Option<Parked>>,
    zenskar: Mutex<Option<Parked>>,
}

impl Gate {
    /// Parks a remote, or leaves it parked for longer.
    pub fn park(&self, remote: Side, reason: &str, now: Timestamp) {
        let mut parked = self
            .of(remote)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if parked.is_none() {
            tracing::warn!(event = "remote_parked", %remote, "a key is refused; no work fails");
        }
        let since = parked.as_ref().map_or(now, |parked| parked.since);
        let until = now.plus(PARKED_FOR);
        *parked = Some(Parked {
            reason: reason.to_owned(),
            since,
            until,
        });
    }

    /// Whether a call may be made now, by one who then makes it: while the remote is parked, one call
    /// is let through, and the others wait for what comes of it.
    #[must_use]
    pub fn admit(&self, remote: Side, now: Timestamp) -> bool {
        let mut parked = self
            .of(remote)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match parked.as_mut() {
            None => true,
            Some(parked) if parked.until > now => false,
            Some(parked) => {
                parked.until = now.plus(PARKED_FOR);
                true
            }
        }
    }

    /// The same for a call to each remote.
    #[must_use]
    pub fn admit_to_both(&self, now: Timestamp) -> bool {
        let is_open = self.is_open(Side::Stripe, now) && self.is_open(Side::Zenskar, now);
        is_open && self.admit(Side::Stripe, now) && self.admit(Side::Zenskar, now)
    }

    /// A call was accepted, or credentials changed.
    pub fn open(&self, remote: Side) {
        *self
            .of(remote)
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether calls may be made now.
    #[must_use]
    pub fn is_open(&self, remote: Side, now: Timestamp) -> bool {
        self.parked(remote).is_none_or(|parked| parked.until <= now)
    }

    /// Why the remote is parked, if it is.
    #[must_use]
    pub fn parked(&self, remote: Side) -> Option<Parked> {
        self.of(remote)
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    const fn of(&self, remote: Side) -> &Mutex<Option<Parked>> {
        match remote {
            Side::Stripe => &self.stripe,
            Side::Zenskar => &self.zenskar,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parked_remote_is_tried_once_a_minute_until_it_opens() {
        let gate = Gate::default();
        let now = Timestamp::from_seconds(100);
        assert!(gate.is_open(Side::Stripe, now));
        gate.park(Side::Stripe, "key revoked", now);
        assert!(!gate.is_open(Side::Stripe, now));
        assert!(gate.is_open(Side::Zenskar, now));
        let later = now.plus(PARKED_FOR);
        assert!(gate.is_open(Side::Stripe, later));
        // Of all who wait, one is let through.
        assert!(gate.admit_to_both(later));
        assert!(!gate.admit(Side::Stripe, later) && !gate.admit_to_both(later));
        assert!(gate.admit(Side::Zenskar, later));
        let later = later.plus(PARKED_FOR);
        assert!(gate.admit(Side::Stripe, later));
        gate.park(Side::Stripe, "key revoked", later);
        assert_eq!(
            gate.parked(Side::Stripe).map(|parked| parked.since),
            Some(now)
        );
        gate.open(Side::Stripe);
        assert!(gate.is_open(Side::Stripe, now));
    }

    #[test]
    fn a_change_waits_for_the_remote_that_it_is_written_to() {
        use crate::engine::testing::Bench;
        use crate::model::customer::{Field, Value};
        use crate::model::id::StripeCustomerId;
        use crate::model::intent::{Change, Changes, Intent, Progress};

        let bench = Bench::new(Vec::new(), Vec::new());
        let now = bench.engine.clock.now();
        let change = Change {
            from: Value::text("A"),
            to: Value::text("B"),
        };
        for (number, target) in [(1, Side::Stripe), (2, Side::Stripe), (3, Side::Zenskar)] {
            let intent = Intent {
                number,
                link: StripeCustomerId::parse(&format!("cus_{number}")).unwrap(),
                target,
                changes: Changes::from([(Field::Name, change.clone())]),
                progress: Progress::Waiting,
                attempts: 0,
                decided_at: now,
                observed_at: now,
            };
            bench.write(move |tx| tx.put_intent(&intent, Some(now)));
        }
        let due = |now| {
            let due = bench.engine.due_intents(now, 1).unwrap().into_iter();
            due.map(|intent| intent.target).collect::<Vec<_>>()
        };
        assert_eq!(due(now), [Side::Stripe]);
        bench.engine.gate.park(Side::Stripe, "key revoked", now);
        // Not even from behind those that wait.
        assert_eq!(due(now), [Side::Zenskar]);
        bench.engine.gate.park(Side::Zenskar, "key revoked", now);
        assert!(due(now).is_empty());
        bench.engine.gate.open(Side::Stripe);
        assert_eq!(due(now), [Side::Stripe]);
    }
}
