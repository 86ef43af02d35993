//! Whether a remote answers: what its last calls came to.
//!
//! An answer is the remote's own word, a refusal included. No answer, a server that fails, and the
//! page of a gateway in between are none. All instants are this host's, since a remote that does
//! not answer tells no time.

use crate::model::time::Timestamp;
use crate::remote::outcome::{Class, Failure};
use std::time::Duration;

/// How long a remote has to be without an answer before it counts as unreachable. A restart of a
/// gateway is over by then.
pub const UNREACHABLE_AFTER: Duration = Duration::from_secs(60);

/// How many calls in a row it takes besides: one that was lost says nothing of those to come.
const FAILED_MIN: u32 = 2;

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    /// When.
    pub at: Timestamp,
    /// What may be done about it.
    pub class: Class,
    /// In words, the remote's own included: they may name a customer.
    pub words: String,
}

/// How a remote is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// When it last answered.
    pub answered_at: Option<Timestamp>,
    /// The last call that failed, answered or not; kept when later ones succeed.
    pub last_error: Option<LastError>,
    silence: Option<Silence>,
}

/// Calls without an answer since the last one that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Silence {
    since: Timestamp,
    failed: u32,
}

impl Health {
    /// Takes note of what a call came to.
    pub fn note(&mut self, failure: Option<&Failure>, now: Timestamp) {
        if let Some(failure) = failure.filter(|failure| is_worth_telling(failure)) {
            self.last_error = Some(LastError {
                at: now,
                class: failure.class,
                words: failure.in_words(),
            });
        }
        if failure.is_none_or(is_answer) {
            self.answered_at = Some(now);
            self.silence = None;
            return;
        }
        let silence = self.silence.get_or_insert(Silence {
            since: now,
            failed: 0,
        });
        silence.failed = silence.failed.saturating_add(1);
    }

    /// Since when the remote is unreachable, if it is.
    #[must_use]
    pub fn unreachable_since(&self, now: Timestamp) -> Option<Timestamp> {
        let silence = self.silence.as_ref()?;
        let lasts = now.since(silence.since) >= UNREACHABLE_AFTER;
        (lasts && silence.failed >= FAILED_MIN).then_some(silence.since)
    }
}

/// Whether the remote itself said this.
const fn is_answer(failure: &Failure) -> bool {
    match failure.status {
        None => false,
        // It asks for less, or another request is at work on the same thing.
        Some(409 | 424 | 429) => true,
        Some(_) => !matches!(failure.class, Class::Retry { .. } | Class::Unknown),
    }
}

/// That something is not there is an answer to a question, and a limit is waited for.
const fn is_worth_telling(failure: &Failure) -> bool {
    !matches!(failure.class, Class::Missing | Class::CursorGone)
        && !matches!(failure.status, Some(429))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::link::Side;
    use crate::remote::outcome::Call;

    const READ: Call = Call::read("read customer");
    const AGAIN: Class = Class::Retry { after: None };

    fn failure(class: Class, status: Option<u16>) -> Failure {
        let failure = Failure::new(Side::Stripe, READ, class);
        match status {
            Some(status) => failure.said(status, None, "in its words", None),
            None => failure,
        }
    }

    #[test]
    fn a_remote_is_unreachable_when_nothing_is_answered_for_a_minute() {
        let at = Timestamp::from_seconds;
        for (class, status, is_silence) in [
            (AGAIN, None, true),
            (Class::Unknown, None, true),
            (AGAIN, Some(503), true),
            (AGAIN, Some(302), true),
            (AGAIN, Some(404), true),
            (AGAIN, Some(429), false),
            (AGAIN, Some(409), false),
            (Class::Refused, Some(400), false),
            (Class::Missing, Some(404), false),
            (Class::Unauthorized, Some(401), false),
        ] {
            let mut health = Health::default();
            health.note(None, at(100));
            health.note(Some(&failure(class, status)), at(110));
            // One lost call says nothing of those to come.
            assert_eq!(
                health.unreachable_since(at(900)),
                None,
                "{class:?} {status:?}"
            );
            health.note(Some(&failure(class, status)), at(140));
            assert_eq!(
                health.unreachable_since(at(169)),
                None,
                "{class:?} {status:?}"
            );
            let since = is_silence.then_some(at(110));
            assert_eq!(
                health.unreachable_since(at(170)),
                since,
                "{class:?} {status:?}"
            );
            let answered = if is_silence { at(100) } else { at(140) };
            assert_eq!(health.answered_at, Some(answered), "{class:?} {status:?}");
            health.note(None, at(200));
            assert_eq!(
                health.unreachable_since(at(900)),
                None,
                "{class:?} {status:?}"
            );
        }
    }

    #[test]
    fn the_last_error_stays_and_says_what_and_when() {
        let mut health = Health::default();
        let at = Timestamp::from_seconds(110);
        health.note(Some(&failure(AGAIN, Some(503))), at);
        health.note(None, at.plus(UNREACHABLE_AFTER));
        health.note(
            Some(&failure(Class::Missing, Some(404))),
            at.plus(UNREACHABLE_AFTER),
        );
        let error = health.last_error.unwrap();
        assert_eq!((error.at, error.class), (at, AGAIN));
        assert_eq!(
            error.words,
            "read customer in stripe: retry, status 503: in its words"
        );
    }
}
