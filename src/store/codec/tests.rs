use super::*;
use crate::model::creation::{Creation, Stage};
use crate::model::cursor::{
    ChangeCursor, ChangeFilter, ChangeWindow, PollCursor, PollWindow, ScanCounts, ScanCursor,
    ScanPhase, StripeListing,
};
use crate::model::customer::{Address, Field, Fields, TaxId, Value};
use crate::model::dead::{Dropped, Kept, Redrive, RedriveEnd};
use crate::model::difference::{Difference, Held};
use crate::model::event::{Channel, Event};
use crate::model::id::{AccountId, EventId, OrganisationId, StripeCustomerId, ZenskarCustomerId};
use crate::model::intent::{Change, Intent, Progress};
use crate::model::journal::Entry;
use crate::model::link::{Link, LinkProof, LinkState, Side};
use crate::model::mark::Mark;
use crate::model::mirror::Mirror;
use crate::model::pair::Pair;
use crate::model::run::{Decided, Decision, DecisionState, Goal, Run, RunCounts, RunKind};
use crate::model::session::{Login, Role, Session};
use crate::model::time::Timestamp;
use crate::model::token::Token;
use crate::model::work::{DeadLetter, DeadWork, Subject, Work};
use crate::store::meta::{Identity, Mode};
use crate::store::outbox::Scheduled;
use crate::store::seal::Sealed;
use crate::sync::activation::{Activations, Since};
use crate::sync::creation::Switched;
use crate::sync::policy::Direction;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use std::collections::BTreeMap;
use std::fmt::Debug;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn cus(id: &str) -> StripeCustomerId {
    StripeCustomerId::parse(id).unwrap()
}

fn address() -> Address {
    Address {
        line1: "1 Rue".into(),
        city: "Paris".into(),
        country: "FR".into(),
        ..Address::default()
    }
}

fn event() -> Event {
    Event {
        id: EventId::parse("evt_1").unwrap(),
        kind: "customer.updated".into(),
        object: "cus_1".into(),
        account: Some(AccountId::parse("acct_1").unwrap()),
        created: at(1),
        api_version: Some("v".into()),
        channel: Channel::Poll,
        received_at: at(2),
        payload: b"{}".to_vec(),
    }
}

fn link() -> Link {
    Link {
        stripe: cus("cus_1"),
        zenskar: ZenskarCustomerId::parse("z-1").unwrap(),
        version: 3,
        base: [
            (Field::Name, Value::Text("A".into())),
            (Field::Phone, Value::Blank),
            (Field::Address, Value::Address(address())),
        ]
        .into(),
        state: LinkState::Deleted(Side::Zenskar),
        proof: LinkProof::Person,
        made_at: at(4),
        planned_at: at(6),
    }
}

fn scheduled() -> Scheduled {
    let change = Change {
        from: Value::Blank,
        to: Value::Text("a@b.c".into()),
    };
    Scheduled {
        intent: Intent {
            number: 7,
            link: cus("cus_1"),
            target: Side::Zenskar,
            changes: [(Field::Email, change)].into(),
            progress: Progress::Unknown(at(5)),
            attempts: 2,
            decided_at: at(3),
            observed_at: at(2),
        },
        due_at: Some(at(9)),
    }
}

fn work() -> Work {
    Work {
        subject: Subject::Customer(cus("cus_1")),
        events: vec![1, 5],
        asked: 6,
        since: at(1),
        due_at: at(2),
        attempts: 1,
        last_error: Some("timeout".into()),
    }
}

fn dead(what: DeadWork) -> DeadLetter {
    DeadLetter {
        number: 4,
        what,
        reason: "no".into(),
        at: at(3),
        attempts: 5,
    }
}

fn dropped(what: DeadWork, kept: Kept) -> Dropped {
    Dropped {
        letter: dead(what),
        kept,
        at: at(8),
        who: "ann".into(),
    }
}

fn dropped_intent() -> Dropped {
    let intent = Intent {
        progress: Progress::Dead(at(7)),
        ..scheduled().intent
    };
    let kept = Kept::Intent {
        intent,
        linked_at: at(1),
        base: [(Field::Email, Value::Blank)].into(),
    };
    dropped(DeadWork::Intent(cus("cus_1"), 7), kept)
}

fn differences() -> Vec<Difference> {
    vec![Difference {
        field: Field::Phone,
        stripe: Value::Text("1".into()),
        zenskar: Value::Blank,
        base: Some(Value::Blank),
        why: Held::Conflict,
    }]
}

fn mirror() -> Mirror {
    Mirror {
        observed_at: at(8),
        deleted: true,
        payload: b"{}".to_vec(),
    }
}

fn poll() -> PollCursor {
    PollCursor {
        high: Some(at(1)),
        window: Some(PollWindow {
            from: at(1),
            to: at(2),
            after: Some(EventId::parse("evt_2").unwrap()),
            found: 3,
            restarts: 4,
            gap: true,
        }),
    }
}

fn scan() -> ScanCursor {
    ScanCursor {
        phase: ScanPhase::Stripe(Some(cus("cus_9"))),
        started_at: at(1),
        stripe_started_at: Some(at(3)),
        zenskar_started_at: Some(at(6)),
        zenskar_swept_at: Some(at(7)),
        finished_at: Some(at(2)),
        wanted: true,
        sweep_wanted: true,
        is_sweep: true,
        unread_at: Some(at(4)),
        unread_again: Some(at(5)),
        found: ScanCounts {
            stripe: 1,
            zenskar: 2,
            linked: 3,
            unanswered: 4,
            claimed_twice: 5,
            missed: 6,
            missed_in_zenskar: 7,
        },
        before: Some(cus("cus_8")),
        handled: Some(ZenskarCustomerId::parse("z-7").unwrap()),
        restarts: 9,
        stopped: Some("no".into()),
        differing: [((Side::Zenskar, Field::Email), 8)].into(),
        stripe_listed_until: Some(at(8)),
        stripe_pages: 10,
        zenskar_pages: 11,
        zenskar_before: Some(at(12)),
        listing: Some(StripeListing {
            began_at: at(13),
            zenskar_before: Some(at(14)),
            ended_at: at(15),
            serves_until: Some(at(16)),
            pages: 17,
        }),
        stripe_listed_at: Some(at(18)),
        stripe_customers: 19,
        stripe_each_at: Some(at(20)),
    }
}

/// What version 3 kept of the same.
fn scan_before_listings() -> ScanCursor {
    ScanCursor {
        zenskar_before: None,
        listing: None,
        stripe_listed_at: None,
        stripe_customers: 0,
        stripe_each_at: None,
        ..scan()
    }
}

/// What version 2 kept of the same.
fn scan_before_marks() -> ScanCursor {
    ScanCursor {
        differing: BTreeMap::new(),
        stripe_listed_until: None,
        stripe_pages: 0,
        zenskar_pages: 0,
        ..scan_before_listings()
    }
}

/// What version 1 kept of the same.
fn scan_before_sweeps() -> ScanCursor {
    let found = ScanCounts {
        missed_in_zenskar: 0,
        ..scan().found
    };
    ScanCursor {
        zenskar_started_at: None,
        zenskar_swept_at: None,
        sweep_wanted: false,
        is_sweep: false,
        found,
        ..scan_before_marks()
    }
}

fn changes() -> ChangeCursor {
    ChangeCursor {
        high: Some(at(1)),
        window: Some(ChangeWindow {
            from: at(2),
            to: at(3),
            after: Some("next".into()),
            rows: 6,
            found: 4,
            restarts: 5,
        }),
        filter: ChangeFilter::Ignored,
    }
}

fn entry() -> Entry {
    Entry::engine(at(1), "linked", &"customer/cus_1").with("why", &"mapping")
}

fn identity() -> Identity {
    Identity {
        account: AccountId::parse("acct_1").unwrap(),
        mode: Mode::Live,
        organisation: OrganisationId::parse("org-1").unwrap(),
    }
}

fn sealed() -> Sealed {
    Sealed {
        key_id: [1; 8],
        nonce: [2; 12],
        ciphertext: vec![3, 4],
    }
}

fn activations() -> Activations {
    let since = Since {
        here: at(1),
        stripe: Some(at(2)),
    };
    Activations {
        direction: Some(Direction::From(Side::Stripe)),
        fields: [(Field::Email, since)].into(),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn unhex(text: &str) -> Vec<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).unwrap();
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::try_from(digit(pair[0]) * 16 + digit(pair[1])).unwrap())
        .collect()
}

/// A published version is frozen: `golden` never changes, and is read for ever. Only the newest
/// version is written.
fn pinned<T: Record + PartialEq + Debug>(value: &T, golden: &str) {
    assert_eq!(hex(&encode(value).unwrap()), golden, "{value:?}");
    assert_eq!(&decode::<T>(&unhex(golden)).unwrap(), value);
}

#[test]
fn the_first_version_is_pinned() {
    let schema = Schema {
        version: 1,
        oldest_reader: 1,
    };
    pinned(&schema, GOLDEN_SCHEMA);
    pinned(&Installation([9; 16]), GOLDEN_INSTALLATION);
    pinned(&identity(), GOLDEN_IDENTITY);
    pinned(&77_u64, GOLDEN_NUMBER);
    pinned(&cus("cus_1"), GOLDEN_TEXT);
    pinned(&work(), GOLDEN_WORK);
    pinned(&entry(), GOLDEN_ENTRY);
    pinned(&sealed(), GOLDEN_SEALED);
    pinned(&poll(), GOLDEN_POLL);
    pinned(&changes(), GOLDEN_CHANGES);
    pinned(&vec![Mark::of("cus_1")], GOLDEN_LISTED);
    let login = Login {
        who: "ann".into(),
        role: Role::Operator,
        expires_at: at(1),
        used_at: Some(at(2)),
    };
    pinned(&login, GOLDEN_LOGIN);
    let session = Session {
        who: "ann".into(),
        role: Role::Admin,
        began_at: at(1),
        seen_at: at(2),
    };
    pinned(&session, GOLDEN_SESSION);
    let token = Token {
        number: 7,
        name: "ci".into(),
        role: Role::Operator,
        made_by: "ann".into(),
        made_at: at(1),
        expires_at: at(2),
        used_at: Some(at(1)),
    };
    pinned(&token, GOLDEN_TOKEN);
    pinned(&dropped_intent(), GOLDEN_DROPPED);
    let redrive = Redrive {
        reason: Some("no".into()),
        who: "ann".into(),
        begun_at: at(1),
        until: 9,
        after: 4,
        total: 7,
        done: 3,
        end: Some((at(2), RedriveEnd::Cancelled("bob".into()))),
    };
    pinned(&redrive, GOLDEN_REDRIVE);
    let creation = Creation::new(work().subject, Stage::Dead(at(2)), at(1));
    let kept = [Kept::Nothing, Kept::Creation(creation)];
    for kept in kept {
        let dropped = dropped(DeadWork::Creation(work().subject), kept);
        let record = encode(&dropped).unwrap();
        assert_eq!(decode::<Dropped>(&record).unwrap(), dropped);
    }
    assert_eq!(
        decode::<ScanCursor>(&unhex(GOLDEN_SCAN)).unwrap(),
        scan_before_sweeps()
    );
    assert_eq!(
        decode_event(&unhex(GOLDEN_EVENT)).unwrap(),
        (event(), false)
    );
    assert_eq!(hex(&encode_mirror(&mirror()).unwrap()), GOLDEN_MIRROR);
    assert_eq!(decode_mirror(&unhex(GOLDEN_MIRROR)).unwrap(), mirror());
}

/// An older version is read for ever.
fn read<T: Record + PartialEq + Debug>(value: &T, golden: &str) {
    assert_eq!(&decode::<T>(&unhex(golden)).unwrap(), value);
}

/// Version 1 knew four fields.
#[test]
fn version_1_of_what_holds_fields_is_read() {
    read(&link(), GOLDEN_LINK);
    read(&scheduled(), GOLDEN_INTENT);
    read(&differences(), GOLDEN_DIFFERENCES);
    read(&activations(), GOLDEN_ACTIVATIONS);
}

#[test]
fn what_knows_of_creations_is_pinned_and_older_versions_are_read() {
    read(&dead(DeadWork::Work(work())), GOLDEN_DEAD_WORK);
    let intent = DeadWork::Intent(cus("cus_1"), 7);
    read(&dead(intent), GOLDEN_DEAD_INTENT);
    let creation = DeadWork::Creation(Subject::Customer(cus("cus_1")));
    pinned(&dead(creation), GOLDEN_DEAD_CREATION_2);
    let made = Link {
        proof: LinkProof::Created,
        ..link()
    };
    read(&made, GOLDEN_LINK_3);
    let unknown = Link {
        state: LinkState::Unknown,
        ..link()
    };
    pinned(&unknown, GOLDEN_LINK_4);
}

#[test]
fn version_2_of_what_holds_fields_is_pinned() {
    let pair = Field::Metadata(Pair::new("k", "K").unwrap());
    let tax_id = TaxId {
        country: "DE".into(),
        kind: "VAT".into(),
        id: "DE1".into(),
    };
    let tax_ids = Value::TaxIds([tax_id].into());
    let mut link = link();
    link.base = [
        (Field::Name, Value::Text("A".into())),
        (Field::Address, Value::Address(address())),
        (Field::ShippingName, Value::Text("S".into())),
        (Field::ShippingPhone, Value::Blank),
        (Field::ShippingAddress, Value::Address(address())),
        (Field::Locale, Value::Text("fr".into())),
        (Field::TaxIds, tax_ids.clone()),
        (pair, Value::Text("v".into())),
    ]
    .into();
    read(&link, GOLDEN_LINK_2);
    let mut scheduled = scheduled();
    let change = Change {
        from: Value::Blank,
        to: tax_ids,
    };
    scheduled.intent.changes.insert(Field::TaxIds, change);
    pinned(&scheduled, GOLDEN_INTENT_2);
    let nested = Difference {
        field: pair,
        stripe: Value::Text("v".into()),
        zenskar: Value::Nested("[1]".into()),
        base: None,
        why: Held::Nested,
    };
    pinned(&vec![nested], GOLDEN_DIFFERENCES_2);
    let mut activations = activations();
    let since = activations.fields[&Field::Email];
    activations.fields.insert(pair, since);
    pinned(&activations, GOLDEN_ACTIVATIONS_2);
}

fn run() -> Run {
    Run {
        number: 3,
        kind: RunKind::Undo(2),
        who: "alice".into(),
        at: at(1),
        decided_at: Some(at(2)),
        undone_by: Some(4),
        counts: RunCounts {
            customers: 5,
            waiting: 6,
            done: 7,
            overtaken: 8,
            ordered: 9,
        },
    }
}

fn decided() -> Decided {
    let decision = |field, state| Decision {
        field,
        stripe: Goal::keep(&Value::text("x")),
        zenskar: Goal::write(&Value::Blank, &Value::text("x")),
        base_before: Some(Value::Blank),
        base_after: None,
        state,
    };
    Decided {
        run: 3,
        link: cus("cus_1"),
        at: at(1),
        decisions: vec![
            decision(Field::Name, DecisionState::Waiting),
            decision(Field::Email, DecisionState::Done(at(2))),
            decision(Field::TaxIds, DecisionState::Overtaken("no".into())),
        ],
    }
}

#[test]
fn version_1_of_runs_is_pinned() {
    pinned(&run(), GOLDEN_RUN);
    pinned(&decided(), GOLDEN_DECIDED);
    let mut twice = decided();
    twice.decisions[1].field = Field::Name;
    assert!(matches!(encode(&twice), Err(RecordError::Rule(_))));
    twice.decisions.clear();
    assert!(matches!(encode(&twice), Err(RecordError::Rule(_))));
}

#[test]
fn a_pair_that_cannot_be_one_is_damage() {
    let text = unhex(GOLDEN_ACTIVATIONS_2);
    let key = text.iter().position(|byte| *byte == b'k').unwrap();
    let mut damaged = text;
    damaged[key] = b'[';
    assert!(matches!(
        decode::<Activations>(&damaged),
        Err(RecordError::Rule(_))
    ));
}

#[test]
fn version_2_of_events_and_of_the_scan_is_pinned() {
    assert_eq!(
        decode::<ScanCursor>(&unhex(GOLDEN_SCAN_2)).unwrap(),
        scan_before_marks()
    );
    let heard = Event {
        channel: Channel::ZenskarPoll,
        ..event()
    };
    assert_eq!(hex(&encode_event(&heard).unwrap()), GOLDEN_EVENT_2);
    assert_eq!(
        decode_event(&unhex(GOLDEN_EVENT_2)).unwrap(),
        (heard, false)
    );
}

#[test]
fn version_3_of_the_scan_is_pinned() {
    assert_eq!(
        decode::<ScanCursor>(&unhex(GOLDEN_SCAN_3)).unwrap(),
        scan_before_listings()
    );
}

#[test]
fn version_4_of_the_scan_is_pinned() {
    pinned(&scan(), GOLDEN_SCAN_4);
}

#[test]
fn an_event_of_version_1_can_be_pruned() {
    let pruned = without_payload(&unhex(GOLDEN_EVENT)).unwrap();
    let (head, dropped) = decode_head(&pruned).unwrap();
    assert!(dropped);
    assert_eq!((head.id, head.channel), (event().id, Channel::Poll));
}

#[test]
fn a_compressed_payload_of_an_earlier_library_is_read() {
    let expected = Mirror {
        payload: b"{\"a\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}".to_vec(),
        ..mirror()
    };
    assert_eq!(decode_mirror(&unhex(GOLDEN_ZSTD)).unwrap(), expected);
}

#[test]
fn damage_is_refused() {
    let record = encode(&link()).unwrap();
    assert!(matches!(decode::<Link>(&[]), Err(RecordError::Short(0))));
    assert!(matches!(
        decode::<Work>(&record),
        Err(RecordError::Tag {
            found: 8,
            wanted: 7
        })
    ));
    let mut newer = record.clone();
    newer[1] = 5;
    assert!(matches!(
        decode::<Link>(&newer),
        Err(RecordError::Version(5))
    ));
    let mut longer = record.clone();
    longer.push(0);
    assert!(matches!(
        decode::<Link>(&longer),
        Err(RecordError::Encoding(_))
    ));
    for length in 0..record.len() {
        assert!(decode::<Link>(&record[..length]).is_err(), "{length}");
    }
}

#[test]
fn values_that_break_a_rule_are_neither_written_nor_read() {
    let mut nothing = scheduled();
    nothing.intent.changes.clear();
    assert!(matches!(encode(&nothing), Err(RecordError::Rule(_))));
    let mut closed = scheduled();
    closed.intent.progress = Progress::Dead(at(1));
    assert!(matches!(encode(&closed), Err(RecordError::Rule(_))));
    assert!(matches!(
        encode(&Vec::<Difference>::new()),
        Err(RecordError::Rule(_))
    ));
    let mut unordered = work();
    unordered.events = vec![2, 1];
    assert!(matches!(encode(&unordered), Err(RecordError::Rule(_))));
    // The bytes of work whose events are 5 and 5.
    let golden = unhex(GOLDEN_WORK);
    let one = golden.iter().position(|byte| *byte == 2).unwrap();
    let mut twice = golden;
    twice[one + 8] = 5;
    assert!(decode::<Work>(&twice).is_err());
}

#[test]
fn a_pruned_event_keeps_its_head() {
    let mut large = event();
    large.payload = b"{\"a\": 1, \"b\": 2}".repeat(300);
    let record = encode_event(&large).unwrap();
    assert!(record.len() < 400, "{}", record.len());
    let pruned = without_payload(&record).unwrap();
    let (head, dropped) = decode_head(&pruned).unwrap();
    assert!(dropped);
    assert_eq!(head, decode_head(&record).unwrap().0);
    assert_eq!(decode_event(&pruned).unwrap().0.payload, b"");
}

#[test]
fn a_payload_that_is_too_large_is_refused() {
    let mut large = event();
    large.payload = vec![0; 8 * 1024 * 1024 + 1];
    assert!(matches!(encode_event(&large), Err(RecordError::Rule(_))));
}

fn any_text() -> impl Strategy<Value = String> {
    any::<String>()
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_micros)
}

fn any_id() -> impl Strategy<Value = StripeCustomerId> {
    "cus_[a-zA-Z0-9]{1,40}".prop_map(|id| cus(&id))
}

fn any_field() -> impl Strategy<Value = Field> {
    let pair = |stripe, zenskar| Field::Metadata(Pair::new(stripe, zenskar).unwrap());
    let mut fields = Field::ALL.to_vec();
    fields.extend([pair("a", "A"), pair("a", "B"), pair("b", "A")]);
    proptest::sample::select(fields)
}

fn any_value() -> impl Strategy<Value = Value> {
    let parts = proptest::collection::vec(any_text(), 6);
    prop_oneof![
        Just(Value::Blank),
        any_text().prop_map(Value::Text),
        parts.prop_map(|parts| Value::Address(Address {
            line1: parts[0].clone(),
            line2: parts[1].clone(),
            city: parts[2].clone(),
            state: parts[3].clone(),
            postal_code: parts[4].clone(),
            country: parts[5].clone(),
        })),
        any_text().prop_map(|id| Value::TaxIds(
            [TaxId {
                id,
                ..TaxId::default()
            }]
            .into()
        )),
        any_text().prop_map(Value::Nested),
    ]
}

fn any_fields() -> impl Strategy<Value = Fields> {
    proptest::collection::btree_map(any_field(), any_value(), 0..5)
}

fn any_side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Stripe), Just(Side::Zenskar)]
}

fn any_progress() -> impl Strategy<Value = Progress> {
    prop_oneof![
        Just(Progress::Waiting),
        any_time().prop_map(Progress::Unknown),
        any_time().prop_map(Progress::Replaced),
        any_time().prop_map(Progress::Dead),
    ]
}

fn any_work() -> impl Strategy<Value = Work> {
    let events = proptest::collection::btree_set(any::<u64>(), 0..=64);
    let counts = (any::<u64>(), any::<u32>());
    let error = proptest::option::of(any_text());
    (any_id(), events, counts, any_time(), any_time(), error).prop_map(
        |(id, events, (asked, attempts), since, due_at, last_error)| Work {
            subject: Subject::Customer(id),
            events: events.into_iter().collect(),
            asked,
            since,
            due_at,
            attempts,
            last_error,
        },
    )
}

proptest! {
    #[test]
    fn links_come_back(
        id in any_id(),
        version: u64,
        base in any_fields(),
        deleted in proptest::option::of(any_side()),
        person: bool,
        made_at in any_time(),
        planned_at in any_time(),
    ) {
        let link = Link {
            stripe: id,
            version,
            base,
            state: deleted.map_or(LinkState::Unknown, LinkState::Deleted),
            proof: if person { LinkProof::Person } else { LinkProof::Mapping },
            made_at,
            planned_at,
            ..link()
        };
        prop_assert_eq!(decode::<Link>(&encode(&link).unwrap()).unwrap(), link);
    }

    #[test]
    fn intents_come_back(
        link in any_id(),
        number: u64,
        from in any_fields(),
        to in any_value(),
        progress in any_progress(),
        target in any_side(),
        attempts: u32,
        times in (any_time(), any_time(), any_time()),
    ) {
        let mut row = scheduled();
        row.intent.changes.extend(
            from.into_iter().map(|(field, from)| (field, Change { from, to: to.clone() })),
        );
        row.intent = Intent {
            number,
            link,
            target,
            progress,
            attempts,
            decided_at: times.0,
            observed_at: times.1,
            ..row.intent
        };
        row.due_at = row.intent.is_open().then_some(times.2);
        prop_assert_eq!(decode::<Scheduled>(&encode(&row).unwrap()).unwrap(), row);
    }

    #[test]
    fn work_and_dead_letters_come_back(work in any_work(), reason in any_text(), at in any_time()) {
        let letter = DeadLetter {
            reason,
            at,
            ..dead(DeadWork::Work(work.clone()))
        };
        prop_assert_eq!(decode::<Work>(&encode(&work).unwrap()).unwrap(), work);
        prop_assert_eq!(decode::<DeadLetter>(&encode(&letter).unwrap()).unwrap(), letter);
    }

    #[test]
    fn payloads_come_back_byte_for_byte(
        start in proptest::collection::vec(any::<u8>(), 0..200),
        times in 1..40_usize,
        kind in any_text(),
    ) {
        let event = Event {
            kind,
            payload: start.repeat(times),
            ..event()
        };
        let record = encode_event(&event).unwrap();
        prop_assert!(record.len() < event.payload.len() + event.kind.len() + 200);
        prop_assert_eq!(decode_event(&record).unwrap(), (event, false));
    }

    #[test]
    fn no_bytes_make_a_reader_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        newer in any::<bool>(),
    ) {
        for tag in 1..=35 {
            let mut record = vec![tag, 1 + u8::from(newer), 0];
            record.extend_from_slice(&bytes);
            drop(decode::<Schema>(&record));
            drop(decode::<Identity>(&record));
            drop(decode::<Work>(&record));
            drop(decode::<Link>(&record));
            drop(decode::<Scheduled>(&record));
            drop(decode::<DeadLetter>(&record));
            drop(decode::<Dropped>(&record));
            drop(decode::<Redrive>(&record));
            drop(decode::<Vec<Difference>>(&record));
            drop(decode::<Entry>(&record));
            drop(decode::<Sealed>(&record));
            drop(decode::<PollCursor>(&record));
            drop(decode::<Activations>(&record));
            drop(decode::<ScanCursor>(&record));
            drop(decode::<Creation>(&record));
            drop(decode::<Switched>(&record));
            drop(decode_event(&record));
            drop(decode_mirror(&record));
        }
    }
}

const GOLDEN_SCHEMA: &str = "0101000100000001000000";
const GOLDEN_INSTALLATION: &str = "02010009090909090909090909090909090909";
const GOLDEN_IDENTITY: &str = "0301000600000000000000616363745f310105000000000000006f72672d31";
const GOLDEN_NUMBER: &str = "0401004d00000000000000";
const GOLDEN_TEXT: &str = "05010005000000000000006375735f31";
const GOLDEN_WORK: &str = "\
    0701000e00000000000000637573746f6d65722f6375735f3102000000000000000100000000000000050000\
    0000000000060000000000000040420f000000000080841e0000000000010000000107000000000000007469\
    6d656f7574";
const GOLDEN_LINK: &str = "\
    08010005000000000000006375735f3103000000000000007a2d310300000000000000030000000000000000\
    0000000100000001000000000000004102000000000000000300000002000000050000000000000031205275\
    6500000000000000000500000000000000506172697300000000000000000000000000000000020000000000\
    0000465201000000010000000100000000093d0000000000808d5b0000000000";
const GOLDEN_INTENT: &str = "\
    090100070000000000000005000000000000006375735f310100000001000000000000000100000000000000\
    0100000005000000000000006140622e6301000000404b4c000000000002000000c0c62d000000000080841e\
    0000000000014054890000000000";
const GOLDEN_DEAD_WORK: &str = "\
    0a01000400000000000000000000000e00000000000000637573746f6d65722f6375735f3102000000000000\
    0001000000000000000500000000000000060000000000000040420f000000000080841e0000000000010000\
    0001070000000000000074696d656f757402000000000000006e6fc0c62d000000000005000000";
const GOLDEN_DEAD_INTENT: &str = "\
    0a010004000000000000000100000005000000000000006375735f3107000000000000000200000000000000\
    6e6fc0c62d000000000005000000";
const GOLDEN_DIFFERENCES: &str =
    "0b01000100000000000000020000000100000001000000000000003100000000010000000003000000";
const GOLDEN_ENTRY: &str = "\
    0d010040420f000000000006000000000000006c696e6b65640e00000000000000637573746f6d65722f6375\
    735f310600000000000000656e67696e65010000000000000003000000000000007768790700000000000000\
    6d617070696e67";
const GOLDEN_SEALED: &str = "0e0100010101010101010102020202020202020202020202000000000000000304";
const GOLDEN_ACTIVATIONS: &str =
    "11010001000000000000000001000000000000000100000040420f00000000000180841e0000000000";
const GOLDEN_POLL: &str = "\
    0f01000140420f00000000000140420f000000000080841e00000000000105000000000000006576745f320300\
    0000000000000400000001";
const GOLDEN_SCAN: &str = "\
    100100010000000105000000000000006375735f3940420f000000000001c0c62d00000000000180841e000000\
    0000010100093d000000000001404b4c0000000000010000000000000002000000000000000300000000000000\
    0400000000000000050000000000000006000000000000000105000000000000006375735f3801030000000000\
    00007a2d37090000000102000000000000006e6f";
const GOLDEN_CHANGES: &str = "\
    1201000140420f00000000000180841e0000000000c0c62d00000000000104000000000000006e657874\
    060000000000000004000000000000000500000002000000";
const GOLDEN_RUN: &str = "\
    13010003000000000000000200000002000000000000000500000000000000616c69636540420f000000\
    00000180841e000000000001040000000000000005000000000000000600000000000000070000000000\
    000008000000000000000900000000000000";
const GOLDEN_DECIDED: &str = "\
    140100030000000000000005000000000000006375735f3140420f000000000003000000000000000000\
    000001000000010000000000000078010000000100000000000000780100000000010000000100000000\
    000000780001000000000000000000010000000100000001000000000000007801000000010000000000\
    000078010000000001000000010000000000000078000100000000000100000080841e00000000000800\
    000001000000010000000000000078010000000100000000000000780100000000010000000100000000\
    00000078000100000000000200000002000000000000006e6f";
const GOLDEN_SCAN_2: &str = "\
    100200010000000105000000000000006375735f3940420f000000000001c0c62d00000000000180841e\
    0000000000010100093d000000000001404b4c0000000000010000000000000002000000000000000300\
    000000000000040000000000000005000000000000000600000000000000010500000000000000637573\
    5f380103000000000000007a2d37090000000102000000000000006e6f01808d5b000000000001c0cf6a\
    000000000001010700000000000000";
const GOLDEN_LOGIN: &str = "1a01000300000000000000616e6e0240420f00000000000180841e0000000000";
const GOLDEN_SESSION: &str = "1b01000300000000000000616e6e0340420f000000000080841e0000000000";
const GOLDEN_TOKEN: &str = "\
    1c0100070000000000000002000000000000006369020300000000000000616e6e40420f0000000000\
    80841e00000000000140420f0000000000";
const GOLDEN_DROPPED: &str = "\
    1d010004000000000000000100000005000000000000006375735f31070000000000000002000000\
    000000006e6fc0c62d00000000000500000001000000070000000000000005000000000000006375\
    735f3101000000010000000000000001000000000000000100000005000000000000006140622e63\
    03000000c0cf6a000000000002000000c0c62d000000000080841e00000000000040420f00000000\
    000100000000000000010000000000000000127a00000000000300000000000000616e6e";
const GOLDEN_REDRIVE: &str = "\
    2301000102000000000000006e6f0300000000000000616e6e40420f000000000009000000000000\
    000400000000000000070000000000000003000000000000000180841e0000000000010000000300\
    000000000000626f62";
const GOLDEN_LISTED: &str = "1701000100000000000000482e7b69dd3690e7";
const GOLDEN_SCAN_3: &str = "\
    100300010000000105000000000000006375735f3940420f000000000001c0c62d00000000000180841e\
    0000000000010100093d000000000001404b4c0000000000010000000000000002000000000000000300\
    000000000000040000000000000005000000000000000600000000000000010500000000000000637573\
    5f380103000000000000007a2d37090000000102000000000000006e6f01808d5b000000000001c0cf6a\
    0000000000010107000000000000000100000000000000010000000100000008000000000000000100127a\
    00000000000a000000000000000b00000000000000";
const GOLDEN_SCAN_4: &str = "\
    100400010000000105000000000000006375735f3940420f000000000001c0c62d00000000000180841e\
    0000000000010100093d000000000001404b4c0000000000010000000000000002000000000000000300\
    000000000000040000000000000005000000000000000600000000000000010500000000000000637573\
    5f380103000000000000007a2d37090000000102000000000000006e6f01808d5b000000000001c0cf6a\
    000000000001010700000000000000010000000000000001000000010000000800000000000000010012\
    7a00000000000a000000000000000b0000000000000001001bb7000000000001405dc600000000000180\
    9fd50000000000c0e1e40000000000010024f4000000000011000000000000000180a812010000000013\
    0000000000000001002d310100000000";
const GOLDEN_EVENT_2: &str = "\
    06020005000000000000006576745f311000000000000000637573746f6d65722e757064617465640500\
    0000000000006375735f31010600000000000000616363745f3140420f00000000000101000000000000\
    00760300000080841e00000000000100000002000000000000007b7d";
const GOLDEN_EVENT: &str = "\
    06010005000000000000006576745f311000000000000000637573746f6d65722e7570646174656405000000\
    000000006375735f31010600000000000000616363745f3140420f0000000000010100000000000000760100\
    000080841e00000000000100000002000000000000007b7d";
const GOLDEN_MIRROR: &str = "0c010000127a0000000000010100000002000000000000007b7d";
const GOLDEN_ZSTD: &str = "\
    0c010000127a0000000000010200000040000000180000000000000028b52ffd20407d0000487b2261223a22\
    61227d01003c8111";
const GOLDEN_LINK_2: &str = "\
    08020005000000000000006375735f3103000000000000007a2d310300000000000000080000000000000000\
    0000000100000001000000000000004103000000020000000500000000000000312052756500000000000000\
    0005000000000000005061726973000000000000000000000000000000000200000000000000465204000000\
    0100000001000000000000005305000000000000000600000002000000050000000000000031205275650000\
    0000000000000500000000000000506172697300000000000000000000000000000000020000000000000046\
    5207000000010000000200000000000000667208000000030000000100000000000000020000000000000044\
    45030000000000000056415403000000000000004445310900000001000000000000006b0100000000000000\
    4b0100000001000000000000007601000000010000000100000000093d0000000000808d5b0000000000";
const GOLDEN_INTENT_2: &str = "\
    090200070000000000000005000000000000006375735f310100000002000000000000000100000000000000\
    0100000005000000000000006140622e63080000000000000003000000010000000000000002000000000000\
    0044450300000000000000564154030000000000000044453101000000404b4c000000000002000000c0c62d\
    000000000080841e0000000000014054890000000000";
const GOLDEN_DIFFERENCES_2: &str = "\
    0b020001000000000000000900000001000000000000006b01000000000000004b0100000001000000000000\
    00760400000003000000000000005b315d0006000000";
const GOLDEN_ACTIVATIONS_2: &str = "\
    11020001000000000000000002000000000000000100000040420f00000000000180841e0000000000090000\
    0001000000000000006b01000000000000004b40420f00000000000180841e0000000000";
const GOLDEN_DEAD_CREATION_2: &str = "\
    0a02000400000000000000020000000e00000000000000637573746f6d65722f6375735f3102000000000000\
    006e6fc0c62d000000000005000000";
const GOLDEN_LINK_4: &str = "\
    08040005000000000000006375735f3103000000000000007a2d310300000000000000030000000000000000\
    0000000100000001000000000000004102000000000000000300000002000000050000000000000031205275\
    6500000000000000000500000000000000506172697300000000000000000000000000000000020000000000\
    000046520300000001000000\
    00093d0000000000808d5b0000000000";
const GOLDEN_LINK_3: &str = "\
    08030005000000000000006375735f3103000000000000007a2d310300000000000000030000000000000000\
    0000000100000001000000000000004102000000000000000300000002000000050000000000000031205275\
    6500000000000000000500000000000000506172697300000000000000000000000000000000020000000000\
    0000465201000000010000000500000000093d0000000000808d5b0000000000";
