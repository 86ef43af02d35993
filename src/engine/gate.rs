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
        let since = parked.as_ref().map_or(now, |parked| parked.since);
        let until = now.plus(PARKED_FOR);
        *parked = Some(Parked {
            reason: reason.to_owned(),
            since,
            until,
        });
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
        gate.park(Side::Stripe, "key revoked", later);
        assert_eq!(
            gate.parked(Side::Stripe).map(|parked| parked.since),
            Some(now)
        );
        gate.open(Side::Stripe);
        assert!(gate.is_open(Side::Stripe, now));
    }
}
