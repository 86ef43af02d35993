use super::*;
use crate::model::customer::Value;
use crate::model::event::Channel;
use crate::model::id::{EventId, StripeCustomerId, ZenskarCustomerId};
use crate::model::intent::{Change, Progress};
use crate::model::link::{LinkProof, LinkState};

const IMPORT: Option<Direction> = Some(Direction::From(Side::Stripe));
const EXPORT: Option<Direction> = Some(Direction::From(Side::Zenskar));
const BOTH: Option<Direction> = Some(Direction::Both);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn since(seconds: i64) -> Since {
    Since {
        here: at(seconds),
        stripe: None,
    }
}

fn policy(direction: Option<Direction>, fields: &[Field]) -> Policy {
    Policy {
        direction,
        fields: fields.iter().copied().collect(),
        ..Policy::off()
    }
}

fn active(fields: &[(Field, i64)]) -> Activations {
    Activations {
        direction: IMPORT,
        fields: fields.iter().map(|(one, at)| (*one, since(*at))).collect(),
    }
}

#[test]
fn what_becomes_active_begins_now() {
    let (name, email) = (Field::Name, Field::Email);
    // before, its fields' time, after, the fields' times after, those that are new
    for (before, known, after, fields, expected, new) in [
        (
            None,
            vec![],
            IMPORT,
            vec![name],
            vec![(name, 9)],
            vec![name],
        ),
        (
            IMPORT,
            vec![(name, 1)],
            IMPORT,
            vec![name],
            vec![(name, 1)],
            vec![],
        ),
        (
            IMPORT,
            vec![(name, 1)],
            IMPORT,
            vec![name, email],
            vec![(name, 1), (email, 9)],
            vec![email],
        ),
        (
            IMPORT,
            vec![(name, 1), (email, 1)],
            IMPORT,
            vec![email],
            vec![(email, 1)],
            vec![],
        ),
        // Off leaves nothing active, whatever is selected.
        (IMPORT, vec![(name, 1)], None, vec![name], vec![], vec![]),
        // A side that may be written now and could not be before.
        (
            IMPORT,
            vec![(name, 1)],
            BOTH,
            vec![name],
            vec![(name, 9)],
            vec![name],
        ),
        (
            IMPORT,
            vec![(name, 1)],
            EXPORT,
            vec![name],
            vec![(name, 9)],
            vec![name],
        ),
        (
            BOTH,
            vec![(name, 1)],
            IMPORT,
            vec![name],
            vec![(name, 1)],
            vec![],
        ),
    ] {
        let before = Activations {
            direction: before,
            ..active(&known)
        };
        let after = before.under(&policy(after, &fields), since(9));
        let shown = format!("{before:?} -> {after:?}");
        assert_eq!(after.fields, active(&expected).fields, "{shown}");
        assert_eq!(after.new_since(&before), new, "{shown}");
    }
}

fn link(planned_at: i64) -> Link {
    Link {
        stripe: StripeCustomerId::parse("cus_1").unwrap(),
        zenskar: ZenskarCustomerId::parse("z-1").unwrap(),
        version: 1,
        base: [
            (Field::Name, Value::text("A")),
            (Field::Email, Value::Blank),
        ]
        .into(),
        state: LinkState::Active,
        proof: LinkProof::Mapping,
        made_at: at(1),
        planned_at: at(planned_at),
    }
}

#[test]
fn a_base_from_before_does_not_count() {
    let (name, email) = (Field::Name, Field::Email);
    // activations, when the base was settled, what of it counts, when it is settled by a plan at 7
    for (fields, planned_at, counts, settled) in [
        (vec![(name, 1), (email, 1)], 5, vec![name, email], 5),
        (vec![(name, 5), (email, 5)], 5, vec![name, email], 5),
        (vec![(name, 6), (email, 1)], 5, vec![email], 7),
        (vec![(name, 6), (email, 6)], 5, vec![], 7),
        // A field that is not selected is the plan's to drop.
        (vec![(name, 1)], 5, vec![name, email], 5),
        // The clock was set back: what a plan settles counts from then on all the same.
        (vec![(name, 8), (email, 1)], 5, vec![email], 8),
    ] {
        let (active, link) = (active(&fields), link(planned_at));
        let counting = active.counting(&link);
        let found: Vec<Field> = counting.base.keys().copied().collect();
        assert_eq!(found, counts, "{fields:?}");
        assert_eq!(active.planned_at(&link, at(7)), at(settled), "{fields:?}");
        let settled = Link {
            planned_at: at(settled),
            ..link
        };
        assert_eq!(active.counting(&settled), settled, "{fields:?}");
    }
}

#[test]
fn what_was_decided_before_is_decided_anew() {
    let change = Change {
        from: Value::Blank,
        to: Value::text("B"),
    };
    let intent = Intent {
        number: 1,
        link: StripeCustomerId::parse("cus_1").unwrap(),
        target: Side::Zenskar,
        changes: [(Field::Name, change.clone()), (Field::Email, change)].into(),
        progress: Progress::Waiting,
        attempts: 0,
        decided_at: at(5),
        observed_at: at(5),
    };
    for (name_at, email_at, counts) in [
        (1, 5, vec![Field::Name, Field::Email]),
        (6, 1, vec![Field::Email]),
        (6, 6, vec![]),
    ] {
        let active = active(&[(Field::Name, name_at), (Field::Email, email_at)]);
        let counting = active.counting_intents(vec![intent.clone()]);
        let found: Vec<Field> = counting
            .iter()
            .flat_map(|intent| intent.changes.keys().copied())
            .collect();
        assert_eq!(found, counts);
        assert_eq!(active.outdates(&intent), counts.len() < 2);
    }
}

#[test]
fn events_of_before_prove_nothing() {
    // since here, since by Stripe's clock, received, made, whether it counts
    for (here, stripe, received, created, counts) in [
        (5, None, 5, 1, true),
        (5, None, 4, 9, false),
        (5, Some(3), 6, 3, true),
        (5, Some(3), 6, 2, false),
    ] {
        let since = Since {
            here: at(here),
            stripe: stripe.map(at),
        };
        let active = Activations {
            direction: IMPORT,
            fields: [(Field::Name, since)].into(),
        };
        let event = Event {
            id: EventId::parse("evt_1").unwrap(),
            kind: "customer.updated".into(),
            object: "cus_1".into(),
            account: None,
            created: at(created),
            api_version: None,
            channel: Channel::Poll,
            received_at: at(received),
            payload: Vec::new(),
        };
        assert_eq!(active.hears(Field::Name, &event), counts, "{since:?}");
        assert!(!active.hears(Field::Email, &event));
    }
}
