//! Dead letters: which are of one kind, which a redrive takes next, until when a dropped one can be
//! taken back, and whether what it stood for is as it was.

use crate::model::customer::Fields;
use crate::model::dead::{Dropped, Redrive, RedriveEnd};
use crate::model::intent::{Intent, Progress};
use crate::model::link::{Link, LinkState};
use crate::model::time::Timestamp;
use crate::model::work::DeadLetter;
use std::time::Duration;

/// How long a letter that was dropped can be taken back.
pub const DROPPED_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// How long a redrive is shown after its end.
const REDRIVE_SHOWN: Duration = Duration::from_secs(86_400);

/// Longest word that says something about a failure, in bytes; longer ones are ids.
const WORD_BYTES_MAX: usize = 24;

/// How much may be due at once for a redrive to add to it. What is new waits behind so much at most,
/// and what is left when a redrive is stopped stays a dead letter.
pub const DUE_MAX: usize = 100;

/// Which letters a redrive takes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Their numbers.
    pub numbers: Vec<u64>,
    /// The redrive's place after them.
    pub after: u64,
    /// Whether there are no more.
    pub is_last: bool,
}

/// How many letters a redrive may take while so much is due; none until half of it was done, so that
/// they are not taken one by one.
#[must_use]
pub const fn room(due: usize) -> usize {
    let room = DUE_MAX.saturating_sub(due);
    if room < DUE_MAX.div_ceil(2) { 0 } else { room }
}

/// Takes up to `room` letters; `letters` are those after the redrive's place, and with `more` there
/// may be others behind them.
#[must_use]
pub fn next_part(redrive: &Redrive, letters: &[DeadLetter], more: bool, room: usize) -> Part {
    let mut part = Part {
        numbers: Vec::new(),
        after: redrive.after,
        is_last: !more,
    };
    for letter in letters {
        if letter.number > redrive.until {
            part.is_last = true;
            break;
        }
        if is_about(redrive.reason.as_deref(), letter) {
            if part.numbers.len() >= room {
                part.is_last = false;
                break;
            }
            part.numbers.push(letter.number);
        }
        part.after = letter.number;
    }
    part
}

/// The redrive after a part of which `done` letters were there still.
#[must_use]
pub fn after_part(redrive: &Redrive, part: &Part, done: u64, now: Timestamp) -> Redrive {
    Redrive {
        after: part.after,
        done: redrive.done.saturating_add(done),
        end: part.is_last.then_some((now, RedriveEnd::Finished)),
        ..redrive.clone()
    }
}

/// Whether a redrive ended so long ago that it is not shown; the activity has it.
#[must_use]
pub fn is_past(redrive: &Redrive, now: Timestamp) -> bool {
    let end = redrive.end.as_ref();
    end.is_some_and(|(at, _)| now.since(*at) >= REDRIVE_SHOWN)
}

/// Whether a letter has this reason; every letter has none.
#[must_use]
pub fn is_about(reason: Option<&str>, letter: &DeadLetter) -> bool {
    reason.is_none_or(|reason| fingerprint(&letter.reason) == reason)
}

/// When a letter that was dropped goes for good.
#[must_use]
pub fn gone_at(dropped: &Dropped) -> Timestamp {
    dropped.at.plus(DROPPED_KEPT)
}

/// What both sides last agreed on about the fields of a write.
#[must_use]
pub fn base_of(intent: &Intent, link: &Link) -> Fields {
    let is_written = |field| intent.changes.contains_key(field);
    let base = link.base.iter().filter(|(field, _)| is_written(*field));
    base.map(|(field, value)| (*field, value.clone())).collect()
}

/// Whether a write that was dropped can come back: over the same link, with the same agreed on before
/// it, and with no other write of its fields.
///
/// Else it is another question by now, which was decided anew or will be.
#[must_use]
pub fn can_come_back(
    intent: &Intent,
    (linked_at, base): (Timestamp, &Fields),
    link: &Link,
    intents: &[Intent],
) -> bool {
    let writes_the_same = |other: &Intent| {
        other.target == intent.target
            && !matches!(other.progress, Progress::Replaced(_))
            && other.changes.keys().any(|f| intent.changes.contains_key(f))
    };
    link.state == LinkState::Active
        && link.made_at == linked_at
        && base_of(intent, link) == *base
        && !intents.iter().any(writes_the_same)
}

/// The reason without what tells one failure from another of its kind: ids, addresses, figures that
/// are no status.
#[must_use]
pub fn fingerprint(reason: &str) -> String {
    let words = reason.split_whitespace().map(|word| {
        let core = word.trim_matches(|c: char| !c.is_alphanumeric());
        let is_status = core.len() == 3 && core.bytes().all(|byte| byte.is_ascii_digit());
        let names_one = core
            .bytes()
            .any(|byte| byte.is_ascii_digit() || byte == b'@');
        if is_status || !(names_one || core.len() > WORD_BYTES_MAX) {
            word.to_owned()
        } else {
            word.replace(core, "…")
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::customer::{Field, Value};
    use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
    use crate::model::intent::Change;
    use crate::model::link::{LinkProof, Side};
    use crate::model::work::{DeadWork, Subject};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn name(value: &str) -> Fields {
        [(Field::Name, Value::text(value))].into()
    }

    fn intent(number: u64, field: Field, progress: Progress) -> Intent {
        let change = Change {
            from: Value::text("A"),
            to: Value::text("B"),
        };
        Intent {
            number,
            link: StripeCustomerId::parse("cus_1").unwrap(),
            target: Side::Zenskar,
            changes: [(field, change)].into(),
            progress,
            attempts: 1,
            decided_at: at(2),
            observed_at: at(2),
        }
    }

    fn link() -> Link {
        Link {
            stripe: StripeCustomerId::parse("cus_1").unwrap(),
            zenskar: ZenskarCustomerId::parse("z-1").unwrap(),
            version: 1,
            base: name("A"),
            state: LinkState::Active,
            proof: LinkProof::Mapping,
            made_at: at(1),
            planned_at: at(1),
        }
    }

    fn letter(number: u64, reason: &str) -> DeadLetter {
        let subject = Subject::Customer(StripeCustomerId::parse("cus_1").unwrap());
        DeadLetter {
            number,
            what: DeadWork::Creation(subject),
            reason: reason.to_owned(),
            at: at(1),
            attempts: 1,
        }
    }

    fn redrive(reason: Option<&str>) -> Redrive {
        Redrive {
            reason: reason.map(str::to_owned),
            who: "ann".to_owned(),
            begun_at: at(1),
            until: 6,
            after: 1,
            total: 4,
            done: 0,
            end: None,
        }
    }

    #[test]
    fn a_redrive_takes_letters_of_its_reason_up_to_its_last_one() {
        let letters = [
            letter(2, "no: cus_1"),
            letter(3, "other"),
            letter(4, "no: cus_2"),
            letter(6, "no: cus_3"),
            letter(7, "no: cus_4"),
        ];
        let all = redrive(None);
        let one = redrive(Some("no: …"));
        for (redrive, count, more, room, numbers, after, is_last) in [
            (&all, 5, true, 9, vec![2, 3, 4, 6], 6, true),
            (&all, 3, true, 9, vec![2, 3, 4], 4, false),
            (&all, 3, false, 9, vec![2, 3, 4], 4, true),
            (&all, 5, true, 2, vec![2, 3], 3, false),
            (&one, 5, true, 9, vec![2, 4, 6], 6, true),
            (&one, 5, true, 1, vec![2], 3, false),
            (&one, 0, false, 9, vec![], 1, true),
        ] {
            let part = next_part(redrive, &letters[..count], more, room);
            let expected = Part {
                numbers,
                after,
                is_last,
            };
            assert_eq!(part, expected, "{count} {more} {room}");
        }
        let part = next_part(&all, &letters, true, 9);
        let ended = after_part(&all, &part, 3, at(9));
        assert_eq!((ended.done, ended.after), (3, 6), "one was gone");
        assert_eq!(ended.end, Some((at(9), RedriveEnd::Finished)));
    }

    #[test]
    fn a_redrive_waits_until_half_of_what_is_due_was_done() {
        let rooms = [0, 50, 51, 100, 1_000].map(room);
        assert_eq!(rooms, [100, 50, 0, 0, 0]);
    }

    #[test]
    fn a_write_comes_back_to_what_it_was_decided_for_alone() {
        let dropped = intent(1, Field::Name, Progress::Dead(at(3)));
        let kept = (at(1), &base_of(&dropped, &link()));
        let may = |link: &Link, others: &[Intent]| can_come_back(&dropped, kept, link, others);
        assert!(may(&link(), &[]));
        let waiting = Progress::Waiting;
        assert!(may(&link(), &[intent(2, Field::Phone, waiting)]));
        assert!(may(
            &link(),
            &[intent(2, Field::Name, Progress::Replaced(at(4)))]
        ));
        assert!(!may(&link(), &[intent(2, Field::Name, waiting)]));
        let agreed = Link {
            base: name("B"),
            ..link()
        };
        assert!(!may(&agreed, &[]), "both agreed on it since");
        let anew = Link {
            made_at: at(5),
            ..link()
        };
        assert!(!may(&anew, &[]), "it is another link");
        let apart = Link {
            state: LinkState::Unlinked,
            ..link()
        };
        assert!(!may(&apart, &[]));
    }

    #[test]
    fn failures_of_one_kind_have_one_fingerprint() {
        for (one, other, expected) in [
            (
                "zenskar answered 422: e-mail ann@example.com is taken",
                "zenskar answered 422: e-mail bob@example.com is taken",
                "zenskar answered 422: e-mail … is taken",
            ),
            (
                "No such customer: 'cus_1a2B'",
                "No such customer: 'cus_9z'",
                "No such customer: '…'",
            ),
            (
                "timed out after 20 s (3 attempts)",
                "timed out after 9 s (12 attempts)",
                "timed out after … s (… attempts)",
            ),
        ] {
            assert_eq!(fingerprint(one), expected);
            assert_eq!(fingerprint(other), expected);
        }
        assert_ne!(fingerprint("answered 422"), fingerprint("answered 500"));
    }
}
