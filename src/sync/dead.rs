//! Dead letters: which are of one kind, until when a dropped one can be taken back, and whether what
//! it stood for is as it was.

use crate::model::customer::Fields;
use crate::model::dead::Dropped;
use crate::model::intent::{Intent, Progress};
use crate::model::link::{Link, LinkState};
use crate::model::time::Timestamp;
use std::time::Duration;

/// How long a letter that was dropped can be taken back.
pub const DROPPED_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Longest word that says something about a failure, in bytes; longer ones are ids.
const WORD_BYTES_MAX: usize = 24;

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
