//! Keeps a repeated log line from flooding the journal, and says how many were left out.

use crate::model::time::Timestamp;
use std::sync::Mutex;
use std::time::Duration;

/// Lets one line through per span.
#[derive(Debug)]
pub struct Throttle {
    span: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Timestamp>,
    suppressed: u64,
}

impl Throttle {
    /// One line per `span`.
    #[must_use]
    pub fn new(span: Duration) -> Self {
        Self {
            span,
            state: Mutex::default(),
        }
    }

    /// Whether to print the line now; if so, how many were suppressed since the last one.
    pub fn admit(&self, now: Timestamp) -> Option<u64> {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match state.last {
            // A clock set back must not silence the line until it has caught up.
            Some(last) if now >= last && now.since(last) < self.span => {
                state.suppressed = state.suppressed.saturating_add(1);
                None
            }
            _ => {
                state.last = Some(now);
                Some(std::mem::take(&mut state.suppressed))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_the_first_and_counts_the_rest() {
        let throttle = Throttle::new(Duration::from_secs(10));
        let at = |seconds| throttle.admit(Timestamp::from_seconds(seconds));
        assert_eq!(at(100), Some(0));
        assert_eq!(at(101), None);
        assert_eq!(at(109), None);
        assert_eq!(at(110), Some(2));
        assert_eq!(at(50), Some(0), "the clock was set back");
    }
}
