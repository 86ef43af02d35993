//! Time for the measurements: the one place of the benchmark that asks for it.
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures real time; everything else here takes it from this module"
)]

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Now, on the clock that never goes back.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Now, since the epoch. All processes of a run read the same clock.
pub(crate) fn unix() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Holds the calling thread for `span`.
pub(crate) fn pause(span: Duration) {
    thread::sleep(span);
}

/// Holds the calling thread until `due`; returns at once when that has passed.
pub(crate) fn pause_until(due: Instant) {
    let left = due.saturating_duration_since(now());
    if !left.is_zero() {
        pause(left);
    }
}
