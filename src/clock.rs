//! Time and chance, as parameters.
//!
//! Everything right of this module takes a [`Clock`] and a [`Random`]; the daemon hands in the
//! machine's, the simulation its own. Only this file asks the machine for the time.
//!
//! What a remote says about its own time (its `Date` header) is not here: that belongs to the
//! remote's client, and poll windows and observation times use nothing else.

use crate::model::time::Timestamp;
use std::fmt;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A future on the heap, as the seams return them.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The time, and waiting for it.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Now, by this host's clock.
    fn now(&self) -> Timestamp;

    /// Ends after `span`.
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()>;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(span))
    }
}

/// Numbers that look random and follow from a seed (`SplitMix64`).
///
/// Good for jitter and for spreading work; never for secrets, which draw from the operating system
/// through `aws_lc_rs::rand`.
#[derive(Debug)]
pub struct Random(Mutex<u64>);

impl Random {
    /// The sequence that follows from `seed`.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    /// A sequence nobody can foresee.
    #[must_use]
    pub fn from_os() -> Self {
        let mut bytes = [0_u8; 8];
        // A generator that cannot be filled leaves the seed at zero: jitter needs no secrecy.
        if aws_lc_rs::rand::fill(&mut bytes).is_err() {
            bytes = [0; 8];
        }
        Self::from_seed(u64::from_le_bytes(bytes))
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        let mut state = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both included; `low` when the range is empty.
    pub fn between(&self, low: u64, high: u64) -> u64 {
        match high.checked_sub(low).and_then(|width| width.checked_add(1)) {
            Some(width) => low.saturating_add(self.next().checked_rem(width).unwrap_or(0)),
            None if low == 0 && high == u64::MAX => self.next(),
            None => low,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let (a, b) = (Random::from_seed(7), Random::from_seed(7));
        assert_eq!(
            [a.next(), a.next(), a.next()],
            [b.next(), b.next(), b.next()]
        );
    }

    #[test]
    fn between_keeps_its_bounds() {
        let random = Random::from_seed(1);
        for _ in 0..1_000 {
            assert!((3..=5).contains(&random.between(3, 5)));
        }
        assert_eq!(random.between(9, 2), 9);
        assert_eq!(random.between(4, 4), 4);
    }
}
