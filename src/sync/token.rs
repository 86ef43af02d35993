//! Tokens: how long one lasts.
//!
//! # Invariants
//!
//! - Every token ends by itself: one that nobody remembers is not a way in for ever. There is no
//!   "never"; who needs a program to go on makes the next token in time.
//! - After its time a token lets nobody in, whether or not it is still in the store.

use crate::model::time::Timestamp;
use crate::model::token::Token;
use crate::sync::session::Standing;
use std::time::Duration;

/// How long a token works where nobody says otherwise.
pub const LIFETIME: Duration = Duration::from_secs(90 * 86_400);
/// Longest time that a token can be made for.
pub const LIFETIME_MAX: Duration = Duration::from_secs(366 * 86_400);
/// A use is written down when the last one is so old: not every request is a write.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// How long a token works that somebody asks for; none if that is nothing, or too long.
#[must_use]
pub fn lifetime(asked: Option<Duration>) -> Option<Duration> {
    let lifetime = asked.unwrap_or(LIFETIME);
    (!lifetime.is_zero() && lifetime <= LIFETIME_MAX).then_some(lifetime)
}

/// How a token stands that is used now.
#[must_use]
pub fn standing(token: &Token, now: Timestamp) -> Standing {
    if is_over(token, now) {
        return Standing::Over;
    }
    let is_fresh = |at: Timestamp| now.since(at) < NOTED_EVERY;
    if token.used_at.is_some_and(is_fresh) {
        Standing::Open
    } else {
        Standing::Noted
    }
}

/// Whether a token's time is over, so that it may go.
#[must_use]
pub fn is_over(token: &Token, now: Timestamp) -> bool {
    now >= token.expires_at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::Role;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn a_use_is_noted_once_a_minute_and_none_is_after_its_time() {
        for (used, now, expected) in [
            (None, 0, Standing::Noted),
            (Some(0), 59, Standing::Open),
            (Some(0), 60, Standing::Noted),
            (Some(80), 99, Standing::Open),
            (Some(99), 100, Standing::Over),
            (None, 100, Standing::Over),
        ] {
            let token = Token {
                number: 1,
                name: "ci".to_owned(),
                role: Role::Viewer,
                made_by: "ann".to_owned(),
                made_at: at(0),
                expires_at: at(100),
                used_at: used.map(at),
            };
            assert_eq!(standing(&token, at(now)), expected, "{used:?} {now}");
        }
    }

    #[test]
    fn a_lifetime_is_some_and_not_for_ever() {
        assert_eq!(lifetime(None), Some(LIFETIME));
        let day = Duration::from_secs(86_400);
        assert_eq!(lifetime(Some(day)), Some(day));
        assert_eq!(lifetime(Some(LIFETIME_MAX)), Some(LIFETIME_MAX));
        assert_eq!(lifetime(Some(Duration::ZERO)), None);
        assert_eq!(lifetime(Some(LIFETIME_MAX + Duration::from_secs(1))), None);
    }
}
