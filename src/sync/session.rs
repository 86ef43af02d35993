//! Sessions of the console: how one begins, how long it lasts.
//!
//! # Invariants
//!
//! - A login begins one session, once, in its time.
//! - A session ends after [`IDLE`] without a sign of life, and after [`LIFETIME`] in any case.

use crate::model::session::{Login, Session};
use crate::model::time::Timestamp;
use std::time::Duration;

/// How long a login that somebody asked for can be used.
pub const LOGIN_LIFETIME: Duration = Duration::from_secs(600);
/// How long the login can be used that a new installation comes with.
pub const FIRST_LOGIN_LIFETIME: Duration = Duration::from_secs(86_400);
/// Longest time between two signs of life.
pub const IDLE: Duration = Duration::from_secs(1_800);
/// Longest session.
pub const LIFETIME: Duration = Duration::from_secs(43_200);
/// A sign of life is written down when the last one is so old: not every page is a write.
const NOTED_EVERY: Duration = Duration::from_secs(60);

const _: () = assert!(NOTED_EVERY.as_secs() < IDLE.as_secs());
const _: () = assert!(IDLE.as_secs() < LIFETIME.as_secs());

/// What becomes of a session when it is heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It goes on.
    Open,
    /// It goes on, and that it was heard of is to be written down.
    Noted,
    /// It has ended.
    Over,
}

/// The session that a login begins; none if it was used, or is late.
#[must_use]
pub fn begin(login: &Login, now: Timestamp) -> Option<Session> {
    let can_be_used = login.used_at.is_none() && now < login.expires_at;
    can_be_used.then(|| Session {
        who: login.who.clone(),
        role: login.role,
        began_at: now,
        seen_at: now,
    })
}

/// How a session stands that is heard of now.
#[must_use]
pub fn standing(session: &Session, now: Timestamp) -> Standing {
    if is_over(session, now) {
        Standing::Over
    } else if now.since(session.seen_at) >= NOTED_EVERY {
        Standing::Noted
    } else {
        Standing::Open
    }
}

/// Whether a session has ended, so that it may go.
#[must_use]
pub fn is_over(session: &Session, now: Timestamp) -> bool {
    now.since(session.seen_at) >= IDLE || now.since(session.began_at) >= LIFETIME
}

/// Whether a login can be forgotten. One that was used is kept until nobody could use it anyway, so
/// that what brought it cannot bring it again.
#[must_use]
pub fn is_spent(login: &Login, now: Timestamp) -> bool {
    now >= login.expires_at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::Role;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn login(used_at: Option<Timestamp>) -> Login {
        Login {
            who: "ann".to_owned(),
            role: Role::Operator,
            expires_at: at(600),
            used_at,
        }
    }

    #[test]
    fn a_login_begins_one_session_in_its_time() {
        let session = begin(&login(None), at(599)).unwrap();
        assert_eq!(
            (session.who.as_str(), session.role),
            ("ann", Role::Operator)
        );
        assert_eq!((session.began_at, session.seen_at), (at(599), at(599)));
        assert_eq!(begin(&login(None), at(600)), None);
        assert_eq!(begin(&login(Some(at(1))), at(2)), None);
        assert!(!is_spent(&login(Some(at(1))), at(599)) && is_spent(&login(None), at(600)));
    }

    #[test]
    fn a_session_ends_when_idle_and_after_half_a_day() {
        for (seen, now, expected) in [
            (0, 59, Standing::Open),
            (0, 60, Standing::Noted),
            (0, 1_799, Standing::Noted),
            (0, 1_800, Standing::Over),
            (43_190, 43_199, Standing::Open),
            (43_190, 43_200, Standing::Over),
        ] {
            let session = Session {
                who: "ann".to_owned(),
                role: Role::Viewer,
                began_at: at(0),
                seen_at: at(seen),
            };
            assert_eq!(standing(&session, at(now)), expected, "{seen} {now}");
        }
    }
}
