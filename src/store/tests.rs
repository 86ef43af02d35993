mod money;

use super::*;
use crate::model::creation::{Creation, Stage};
use crate::model::customer::Value;
use crate::model::dead::{Dropped, Kept};
use crate::model::difference::{Difference, Held};
use crate::model::event::{Channel, Event};
use crate::model::id::{AccountId, EventId, OrganisationId, StripeCustomerId, ZenskarCustomerId};
use crate::model::intent::{Change, Intent, Progress};
use crate::model::journal::Entry;
use crate::model::link::{Link, LinkProof, LinkState, Side};
use crate::model::mirror::Mirror;
use crate::model::run::{Decided, Decision, DecisionState, Goal, Run, RunCounts, RunKind};
use crate::model::session::{Login, Role, Session};
use crate::model::time::Timestamp;
use crate::model::token::Token;
use crate::model::work::{DeadLetter, DeadWork, Subject, Work};
use std::time::Duration;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn cus(id: &str) -> StripeCustomerId {
    StripeCustomerId::parse(id).unwrap()
}

fn subject(id: &str) -> Subject {
    Subject::Customer(cus(id))
}

fn zen(id: &str) -> ZenskarCustomerId {
    ZenskarCustomerId::parse(id).unwrap()
}

fn creation(id: &str, stage: Stage, due: i64) -> Creation {
    Creation {
        due_at: at(due),
        ..Creation::new(subject(id), stage, at(0))
    }
}

fn memory() -> Store {
    Store::open_backend(
        redb::backends::InMemoryBackend::new(),
        StoreOptions::default(),
    )
    .unwrap()
}

impl Store {
    /// A store for the tests of those right of it.
    pub(crate) fn in_memory() -> Self {
        memory()
    }
}

/// One story, committed.
fn write<R>(store: &Store, story: impl FnOnce(&mut WriteTx<'_>) -> R) -> R {
    store.commit(|tx| Ok(story(tx))).unwrap()
}

fn event(number: u64) -> Event {
    Event {
        id: EventId::parse(&format!("evt_{number}")).unwrap(),
        kind: "customer.updated".into(),
        object: "cus_1".into(),
        account: None,
        created: at(10),
        api_version: None,
        channel: Channel::Webhook,
        received_at: at(i64::try_from(number).unwrap()),
        payload: format!("{{\"number\": {number}}}").into_bytes(),
    }
}

fn insert(store: &Store, numbers: std::ops::RangeInclusive<u64>) {
    write(store, |tx| {
        for number in numbers {
            let prepared = PreparedEvent::new(&event(number)).unwrap();
            tx.insert_event(&prepared).unwrap();
        }
    });
}

fn take_in(store: &Store, limit: usize) -> TakenIn {
    write(store, |tx| {
        tx.take_in(limit, at(100), |_, stored| {
            Ok(Sorted::Work(subject(&stored.head.object)))
        })
        .unwrap()
    })
}

fn link(stripe: &str, zenskar: &str) -> Link {
    Link {
        stripe: cus(stripe),
        zenskar: ZenskarCustomerId::parse(zenskar).unwrap(),
        version: 1,
        base: [].into(),
        state: LinkState::Active,
        proof: LinkProof::Mapping,
        made_at: at(1),
        planned_at: at(2),
    }
}

fn intent(link: &str, number: u64) -> Intent {
    let change = Change {
        from: Value::Blank,
        to: Value::text("x"),
    };
    Intent {
        number,
        link: cus(link),
        target: Side::Zenskar,
        changes: [(crate::model::customer::Field::Name, change)].into(),
        progress: Progress::Waiting,
        attempts: 0,
        decided_at: at(1),
        observed_at: at(1),
    }
}

#[test]
fn an_event_is_one_event_however_often_it_comes() {
    let store = memory();
    let prepared = PreparedEvent::new(&event(1)).unwrap();
    let first = write(&store, |tx| tx.insert_event(&prepared).unwrap());
    let again = write(&store, |tx| tx.insert_event(&prepared).unwrap());
    assert_eq!((first, again), (Inserted::New(1), Inserted::Known(1)));
    let view = store.read().unwrap();
    assert_eq!(view.event(1).unwrap().unwrap().event, event(1));
    assert_eq!(view.event_by_id(&event(1).id).unwrap().unwrap().seq, 1);
    assert_eq!(view.event_by_id(&event(2).id).unwrap(), None);
    assert_eq!(view.last_seq().unwrap(), 1);
    assert_eq!(view.rows().unwrap()["events"], 1);
}

#[test]
fn events_are_listed_by_pages_both_ways() {
    let store = memory();
    insert(&store, 1..=5);
    let view = store.read().unwrap();
    let seqs = |heads: Vec<StoredHead>| heads.iter().map(|head| head.seq).collect::<Vec<_>>();
    assert_eq!(seqs(view.events_newest(None, 2).unwrap()), [5, 4]);
    assert_eq!(seqs(view.events_newest(Some(4), 9).unwrap()), [3, 2, 1]);
    assert_eq!(seqs(view.events_after(3, 9).unwrap()), [4, 5]);
    assert_eq!(seqs(view.events_after(0, 0).unwrap()), [0; 0]);
    assert!(view.event_bytes(3).unwrap().unwrap() > 20);
    assert_eq!(memory().read().unwrap().event_bytes(3).unwrap(), None);
}

#[test]
fn many_events_of_one_customer_are_one_piece_of_work() {
    let store = memory();
    insert(&store, 1..=5);
    let taken = take_in(&store, 3);
    assert_eq!((taken.events, taken.work, taken.cursor), (3, 3, 3));
    assert_eq!(take_in(&store, 9).events, 2);
    assert_eq!(take_in(&store, 9).events, 0);
    let view = store.read().unwrap();
    let work = view.work(&subject("cus_1")).unwrap().unwrap();
    assert_eq!((work.events, work.asked), (vec![1, 2, 3, 4, 5], 5));
    assert_eq!(view.work_count().unwrap(), 1);
    assert_eq!(view.intake_cursor().unwrap(), 5);
}

#[test]
fn work_is_due_the_oldest_first_and_once() {
    let store = memory();
    let work = |id: &str, due| Work {
        due_at: at(due),
        ..Work::new(subject(id), at(0))
    };
    write(&store, |tx| {
        tx.put_work(&work("cus_1", 30)).unwrap();
        tx.put_work(&work("cus_2", 10)).unwrap();
        tx.put_work(&work("cus_3", 99)).unwrap();
        tx.put_work(&work("cus_1", 20)).unwrap();
    });
    let view = store.read().unwrap();
    let due: Vec<_> = view
        .due_work(at(50), 9)
        .unwrap()
        .into_iter()
        .map(|work| work.due_at)
        .collect();
    assert_eq!(due, [at(10), at(20)]);
    assert_eq!(view.due_work(at(50), 1).unwrap().len(), 1);
    assert_eq!(view.next_work_due().unwrap(), Some(at(10)));
    write(&store, |tx| {
        assert!(tx.remove_work(&subject("cus_2")).unwrap().is_some());
        assert!(tx.remove_work(&subject("cus_2")).unwrap().is_none());
    });
    let view = store.read().unwrap();
    assert_eq!(view.next_work_due().unwrap(), Some(at(20)));
    let after = subject("cus_1");
    assert_eq!(
        view.work_list(Some(&after), 9).unwrap()[0].subject,
        subject("cus_3")
    );
}

#[test]
fn an_old_event_can_be_asked_for_again() {
    let store = memory();
    let mut work = Work::new(subject("cus_1"), at(5));
    for seq in [7, 2, 5] {
        work.add_event(seq);
    }
    write(&store, |tx| tx.put_work(&work).unwrap());
    let found = store.read().unwrap().work(&subject("cus_1")).unwrap();
    assert_eq!(found.unwrap().events, [2, 5, 7]);
}

#[test]
fn parked_work_comes_back_with_all_that_asked_for_it() {
    let store = memory();
    let mut first = Work::new(subject("cus_1"), at(5));
    first.add_event(3);
    let mut second = Work::new(subject("cus_1"), at(9));
    second.add_event(1);
    write(&store, |tx| {
        tx.put_work(&first).unwrap();
        tx.park(&first).unwrap();
        assert_eq!(tx.work(&subject("cus_1")).unwrap(), None);
        tx.park(&second).unwrap();
        assert_eq!(
            (tx.parked_count().unwrap(), tx.work_count().unwrap()),
            (1, 0)
        );
        let work = tx.unpark(&subject("cus_1"), at(20)).unwrap().unwrap();
        assert_eq!(
            (work.events.clone(), work.asked, work.since),
            (vec![1, 3], 2, at(5))
        );
        assert_eq!(tx.due_work(at(20), 9).unwrap(), [work]);
        assert_eq!(tx.unpark(&subject("cus_1"), at(20)).unwrap(), None);
    });
}

#[test]
fn a_customer_is_in_one_link_at_most() {
    let store = memory();
    write(&store, |tx| {
        assert_eq!(tx.put_link(&link("cus_1", "z-1")).unwrap(), Placed::Stored);
        assert_eq!(tx.put_link(&link("cus_1", "z-1")).unwrap(), Placed::Stored);
        let claimed = Placed::Claimed(Box::new(link("cus_1", "z-1")));
        assert_eq!(tx.put_link(&link("cus_2", "z-1")).unwrap(), claimed);
        assert_eq!(tx.put_link(&link("cus_1", "z-2")).unwrap(), claimed);
        assert_eq!(tx.link(&cus("cus_2")).unwrap(), None);
        tx.remove_link(&cus("cus_1")).unwrap();
        assert_eq!(tx.put_link(&link("cus_2", "z-1")).unwrap(), Placed::Stored);
    });
    let view = store.read().unwrap();
    let found = view
        .link_by_zenskar(&ZenskarCustomerId::parse("z-1").unwrap())
        .unwrap();
    assert_eq!(found, Some(link("cus_2", "z-1")));
    assert_eq!(view.link_count().unwrap(), 1);
    assert_eq!(view.links(Some(&cus("cus_1")), 9).unwrap().len(), 1);
}

#[test]
fn writes_of_one_link_go_out_one_after_the_other() {
    let store = memory();
    write(&store, |tx| {
        for expected in 1..=2 {
            let number = tx.next_intent_number(&cus("cus_1")).unwrap();
            assert_eq!(number, expected);
            tx.put_intent(&intent("cus_1", number), Some(at(10)))
                .unwrap();
        }
        tx.put_intent(&intent("cus_2", 1), Some(at(5))).unwrap();
        let due = tx.due_intents(at(50), 9).unwrap();
        assert_eq!(due, [intent("cus_2", 1), intent("cus_1", 1)]);
        // The first backs off; the second waits behind it.
        tx.put_intent(&intent("cus_1", 1), Some(at(90))).unwrap();
        assert_eq!(tx.due_intents(at(50), 9).unwrap().len(), 1);
        let mut dead = intent("cus_1", 1);
        dead.progress = Progress::Dead(at(20));
        tx.put_intent(&dead, None).unwrap();
        assert_eq!(tx.due_intents(at(50), 9).unwrap()[1], intent("cus_1", 2));
        tx.remove_intent(&cus("cus_2"), 1).unwrap();
        assert_eq!(tx.next_intent_due().unwrap(), Some(at(10)));
        assert_eq!(
            tx.intents(&cus("cus_1")).unwrap(),
            [dead, intent("cus_1", 2)]
        );
        tx.remove_intent(&cus("cus_1"), 2).unwrap();
        assert_eq!(tx.next_intent_due().unwrap(), None);
        assert_eq!(tx.next_intent_number(&cus("cus_1")).unwrap(), 3);
    });
}

#[test]
fn numbers_of_dead_letters_are_not_used_twice() {
    let store = memory();
    write(&store, |tx| {
        let what = DeadWork::Intent(cus("cus_1"), 1);
        let first = tx.add_dead_letter(what.clone(), "no", at(1), 3).unwrap();
        assert_eq!(tx.dead_letter(first.number).unwrap(), Some(first.clone()));
        assert_eq!(tx.remove_dead_letter(first.number).unwrap(), Some(first));
        assert_eq!(tx.add_dead_letter(what, "no", at(1), 3).unwrap().number, 2);
        assert_eq!(tx.dead_letters(Some(1), 9).unwrap().len(), 1);
        let about = |id| tx.dead_letters_of(&subject(id)).unwrap();
        assert_eq!(about("cus_1").len(), 1);
        assert_eq!(about("cus_10"), []);
        assert_eq!(tx.dead_count().unwrap(), 1);
    });
}

#[test]
fn differences_are_counted_by_reason() {
    let store = memory();
    let difference = |why| Difference {
        field: crate::model::customer::Field::Name,
        stripe: Value::Blank,
        zenskar: Value::text("x"),
        base: None,
        why,
    };
    write(&store, |tx| {
        let two = [difference(Held::NoBase), difference(Held::Conflict)];
        tx.put_differences(&cus("cus_1"), &two).unwrap();
        tx.put_differences(&cus("cus_2"), &[difference(Held::NoBase)])
            .unwrap();
        let counts = tx.difference_counts().unwrap();
        assert_eq!(counts, [(Held::NoBase, 2), (Held::Conflict, 1)].into());
        tx.put_differences(&cus("cus_1"), &[]).unwrap();
        assert_eq!(tx.difference_counts().unwrap(), [(Held::NoBase, 1)].into());
        assert_eq!(tx.differing_links().unwrap(), 1);
        assert_eq!(tx.differences(&cus("cus_1")).unwrap(), []);
        assert_eq!(tx.differences_list(None, 9).unwrap()[0].0, cus("cus_2"));
    });
}

#[test]
fn mirrors_cursors_reads_and_identity_come_back() {
    let store = memory();
    let mirror = Mirror {
        observed_at: at(4),
        deleted: false,
        payload: b"{}".repeat(100),
    };
    let identity = Identity {
        account: AccountId::parse("acct_1").unwrap(),
        mode: Mode::Test,
        organisation: OrganisationId::parse("org").unwrap(),
    };
    write(&store, |tx| {
        let prepared = PreparedMirror::new(Side::Zenskar, "z-1", &mirror).unwrap();
        tx.put_mirror(&prepared).unwrap();
        tx.set_identity(&identity).unwrap();
        tx.add_reads(20_000, 2).unwrap();
        tx.add_reads(20_000, 3).unwrap();
        tx.add_reads(20_001, 1).unwrap();
    });
    write(&store, |tx| {
        assert_eq!(tx.mirror(Side::Zenskar, "z-1").unwrap(), Some(mirror));
        assert_eq!(tx.mirror(Side::Stripe, "z-1").unwrap(), None);
        assert_eq!(tx.identity().unwrap(), Some(identity));
        assert_eq!(
            (tx.reads_since(0).unwrap(), tx.reads_since(20_001).unwrap()),
            (6, 1)
        );
        assert_eq!(tx.prune_reads(20_001, 9).unwrap(), 1);
        assert_eq!(tx.reads_since(0).unwrap(), 1);
        assert_eq!(tx.poll_cursor().unwrap(), Default::default());
        assert_eq!(tx.scan_cursor().unwrap(), Default::default());
        assert!(tx.remove_mirror(Side::Zenskar, "z-1").unwrap());
    });
}

#[test]
fn the_journal_is_read_newest_first_and_keeps_its_last_entry() {
    let store = memory();
    write(&store, |tx| {
        for second in 1..=6 {
            let subject = if second % 2 == 0 { "even" } else { "odd" };
            tx.append_journal(&Entry::engine(at(second), "counted", &subject))
                .unwrap();
        }
        let page = tx.journal(None, 2).unwrap();
        assert_eq!((page.entries[0].number, page.next), (6, Some(5)));
        let page = tx.journal(page.next, 9).unwrap();
        assert_eq!((page.entries.len(), page.next), (4, None));
        let page = tx.journal_of("odd", None, 2).unwrap();
        assert_eq!((page.entries[0].number, page.next), (5, Some(3)));
        let page = tx.journal_of("odd", page.next, 2).unwrap();
        assert_eq!((page.entries[0].number, page.next), (1, None));
        assert_eq!(tx.prune_journal(at(3), 9).unwrap(), 2);
        assert_eq!(tx.prune_journal(at(99), 9).unwrap(), 3);
        let of_odd = tx.journal_of("odd", None, 9).unwrap();
        assert_eq!(of_odd.entries, [], "what is pruned is not found by subject");
        assert_eq!(
            tx.append_journal(&Entry::engine(at(7), "counted", &"odd"))
                .unwrap(),
            7
        );
        assert_eq!(tx.journal_count().unwrap(), 2);
    });
}

#[test]
fn events_are_pruned_when_nothing_needs_them() {
    let store = memory();
    insert(&store, 1..=6);
    take_in(&store, 5);
    write(&store, |tx| {
        // Events 1 to 5 are sorted; work names all, then only 2.
        let mut work = tx.work(&subject("cus_1")).unwrap().unwrap();
        work.events = vec![2];
        tx.put_work(&work).unwrap();
    });
    let prune = |payload_before, id_before, limit| {
        let prunable = store
            .read()
            .unwrap()
            .prunable_events(at(payload_before), at(id_before), limit)
            .unwrap();
        write(&store, |tx| tx.prune_events(&prunable).unwrap());
        prunable.counts()
    };
    assert_eq!(prune(4, 0, 9), (2, 0));
    let view = store.read().unwrap();
    assert!(view.event(1).unwrap().unwrap().pruned);
    assert!(!view.event(2).unwrap().unwrap().pruned);
    assert_eq!(prune(4, 0, 9), (0, 0));
    assert_eq!(prune(99, 4, 1), (1, 1));
    assert_eq!(prune(99, 99, 9), (0, 3));
    let view = store.read().unwrap();
    let left: Vec<_> = view
        .events_after(0, 9)
        .unwrap()
        .iter()
        .map(|head| head.seq)
        .collect();
    assert_eq!(left, [2, 6]);
    // A pruned event is new when it comes again, under a new number.
    write(&store, |tx| {
        let prepared = PreparedEvent::new(&event(1)).unwrap();
        assert_eq!(tx.insert_event(&prepared).unwrap(), Inserted::New(7));
    });
}

#[test]
fn sequence_numbers_go_on_after_all_events_are_pruned() {
    let store = memory();
    insert(&store, 1..=3);
    write(&store, |tx| {
        tx.take_in(9, at(1), |_, _| Ok(Sorted::Ignored)).unwrap()
    });
    let prunable = store
        .read()
        .unwrap()
        .prunable_events(at(99), at(99), 9)
        .unwrap();
    write(&store, |tx| tx.prune_events(&prunable).unwrap());
    assert_eq!(store.read().unwrap().rows().unwrap()["event_ids"], 0);
    insert(&store, 4..=4);
    assert_eq!(store.read().unwrap().events_after(0, 9).unwrap()[0].seq, 4);
}

#[test]
fn damage_is_an_error_with_table_and_key() {
    let store = memory();
    write(&store, |tx| {
        tx.put_bytes(tables::LINKS, b"cus_1", b"rubbish").unwrap();
        tx.put_bytes(tables::WORK_DUE, &key::due(at(1), b"customer/cus_1"), &[])
            .unwrap();
    });
    let view = store.read().unwrap();
    let error = view.link(&cus("cus_1")).unwrap_err();
    assert_eq!(error.to_string(), "row cus_1 of table links is corrupt");
    assert!(matches!(
        view.due_work(at(5), 9),
        Err(StoreError::Corrupt {
            table: "work_due",
            ..
        })
    ));
}

#[test]
fn one_process_opens_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let store = Store::open(&path, StoreOptions::default()).unwrap();
    let id = store.read().unwrap().installation_id().unwrap();
    assert_eq!(id.len(), 32);
    let again = Store::open(&path, StoreOptions::default());
    assert!(matches!(again, Err(StoreError::InUse)), "{again:?}");
    assert!(matches!(Store::check_header(&path), Err(StoreError::InUse)));
    assert!(store.file_bytes().unwrap().unwrap() > 0);
    drop(store);
    assert_eq!(Store::check_header(&path).unwrap(), SCHEMA_VERSION);
    let store = Store::open(&path, StoreOptions::default()).unwrap();
    assert_eq!(store.read().unwrap().installation_id().unwrap(), id);
    let names: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(names.len(), 1);
    let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_that_is_no_store_is_refused_and_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("text");
    std::fs::write(&text, b"not a database").unwrap();
    let other = directory.path().join("other.redb");
    let table: redb::TableDefinition<'_, u64, u64> = redb::TableDefinition::new("other");
    let database = redb::Database::create(&other).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(table).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let empty = directory.path().join("empty");
    std::fs::write(&empty, b"").unwrap();
    for path in [&text, &other] {
        let opened = Store::open(path, StoreOptions::default());
        assert!(
            matches!(opened, Err(StoreError::Foreign { .. })),
            "{opened:?}"
        );
        let checked = Store::check_header(path);
        assert!(
            matches!(checked, Err(StoreError::Foreign { .. })),
            "{checked:?}"
        );
    }
    assert_eq!(std::fs::read(&text).unwrap(), b"not a database");
}

#[test]
fn a_newer_store_is_refused_unless_it_says_otherwise() {
    let store = memory();
    let newer = |oldest_reader| codec::Schema {
        version: 9,
        oldest_reader,
    };
    write(&store, |tx| {
        tx.put(tables::META, meta::SCHEMA, &newer(SCHEMA_VERSION))
            .unwrap();
    });
    assert_eq!(schema::check(&store.read().unwrap()).unwrap(), 9);
    write(&store, |tx| {
        let unknown = newer(SCHEMA_VERSION + 1);
        tx.put(tables::META, meta::SCHEMA, &unknown).unwrap();
    });
    let error = schema::check(&store.read().unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the store has schema 9, readable from schema {} on; this release knows schema \
             {SCHEMA_VERSION}",
            SCHEMA_VERSION + 1
        )
    );
}

#[test]
fn secrets_open_with_their_key_under_their_name_only() {
    let store = memory();
    let sealer = Sealer::new(&[1; KEY_BYTES]).unwrap();
    let sealed = sealer.seal("stripe", b"sk_live").unwrap();
    write(&store, |tx| tx.put_secret("stripe", &sealed).unwrap());
    let found = store.read().unwrap().secret("stripe").unwrap().unwrap();
    assert_eq!(
        sealer.open("stripe", &found).unwrap().as_slice(),
        b"sk_live"
    );
    assert_eq!(sealer.open("zenskar", &found), Err(SealError::Altered));
    let other = Sealer::new(&[2; KEY_BYTES]).unwrap();
    assert_eq!(other.open("stripe", &found), Err(SealError::OtherKey));
    let mut altered = found;
    altered.ciphertext[0] ^= 1;
    assert_eq!(sealer.open("stripe", &altered), Err(SealError::Altered));
    assert_ne!(sealer.seal("stripe", b"sk_live").unwrap(), sealed);
    write(&store, |tx| assert!(tx.remove_secret("stripe").unwrap()));
}

#[test]
fn a_key_file_is_made_once_and_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.key");
    let sealed = Sealer::from_file(&path).unwrap().seal("a", b"b").unwrap();
    let again = Sealer::from_file(&path).unwrap();
    assert_eq!(again.open("a", &sealed).unwrap().as_slice(), b"b");
    let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
    mode(0o640).unwrap();
    let error = Sealer::from_file(&path).unwrap_err();
    assert!(matches!(error, StoreError::KeyFile { .. }), "{error:?}");
    mode(0o600).unwrap();
    std::fs::write(&path, [0; 5]).unwrap();
    assert!(Sealer::from_file(&path).is_err());
}

#[test]
fn a_snapshot_does_not_see_what_comes_after_it() {
    let store = memory();
    let before = store.read().unwrap();
    insert(&store, 1..=1);
    assert_eq!(before.last_seq().unwrap(), 0);
    assert_eq!(store.read().unwrap().last_seq().unwrap(), 1);
}

#[test]
fn transactions_can_move_between_threads() {
    const fn is_send<T: Send>() {}
    is_send::<ReadTx<'static>>();
    is_send::<Writer>();
    is_send::<Store>();
}

#[tokio::test]
async fn the_thread_commits_what_is_brought_together_and_ends_when_closed() {
    let store = memory();
    let writer = Writer::spawn(store.clone()).unwrap();
    let inserts: Vec<_> = (1..=50)
        .map(|number| {
            let prepared = PreparedEvent::new(&event(number)).unwrap();
            writer.try_insert_event(prepared).unwrap()
        })
        .collect();
    let answers = futures_util::future::join_all(inserts).await;
    for (index, answer) in answers.into_iter().enumerate() {
        let seq = u64::try_from(index).unwrap() + 1;
        assert_eq!(answer.unwrap(), Inserted::New(seq));
    }
    let counted = writer.write("count", |tx| tx.last_seq()).await.unwrap();
    assert_eq!(counted, 50);
    let stats = writer.stats();
    assert_eq!(stats.jobs, 51);
    assert!(stats.commits < 51, "{stats:?}");
    assert_eq!(stats.stories["receive event"], 50);
    assert_eq!(stats.commit_times.iter().sum::<u64>(), stats.commits);
    let last = writer.write("not awaited", |tx| tx.add_reads(1, 1));
    drop(last);
    writer.close().await;
    let late = writer.write("late", |_| Ok(())).await;
    assert!(matches!(late, Err(WriteError::WriterGone)));
}

#[tokio::test]
async fn a_full_queue_refuses_events_and_lets_stories_wait() {
    let store = memory();
    let writer = Writer::inline(store);
    let mut large = event(1);
    large.payload = {
        let random = crate::clock::Random::from_seed(1);
        (0..1024 * 1024)
            .map(|_| random.next().to_le_bytes()[0])
            .collect()
    };
    let prepared = PreparedEvent::new(&large).unwrap();
    let mut waiting = Vec::new();
    while let Ok(answer) = writer.try_insert_event(prepared.clone()) {
        waiting.push(answer);
    }
    assert_eq!(waiting.len(), 31);
    assert_eq!(writer.stats().queued, 31);
    let answers = futures_util::future::join_all(waiting).await;
    assert!(answers.into_iter().all(|answer| answer.is_ok()));
    assert!(writer.stats().commits >= 8, "{:?}", writer.stats());
    assert!(writer.try_insert_event(prepared).is_ok());
}

#[tokio::test]
async fn a_panic_in_a_story_ends_the_writer_loudly() {
    let store = memory();
    let writer = Writer::spawn(store).unwrap();
    let failed = writer.failed();
    let story = writer
        .write("broken", |_| -> Result<(), StoreError> { panic!("a bug") })
        .await;
    assert!(matches!(story, Err(WriteError::WriterGone)));
    assert!(matches!(*failed.await, StoreError::Panicked));
    writer.close().await;
}

#[tokio::test]
async fn an_error_in_a_story_undoes_its_commit_and_ends_the_writer() {
    let store = memory();
    let writer = Writer::inline(store.clone());
    let good = writer.write("good", |tx| tx.add_reads(1, 1));
    let bad = writer.write("bad", |tx| tx.put_intent(&empty(), None));
    let after = writer.write("after", |tx| tx.add_reads(1, 1));
    let (good, bad, after) = tokio::join!(good, bad, after);
    assert!(matches!(
        good,
        Err(WriteError::Failed { story: "good", .. })
    ));
    assert!(matches!(bad, Err(WriteError::Failed { story: "bad", .. })));
    assert!(matches!(after, Err(WriteError::WriterGone)));
    assert!(matches!(*writer.failed().await, StoreError::Refused { .. }));
    assert_eq!(store.read().unwrap().reads_since(0).unwrap(), 0);
}

fn empty() -> Intent {
    Intent {
        changes: [].into(),
        ..intent("cus_1", 1)
    }
}

#[test]
fn a_writer_that_is_dropped_commits_what_it_took() {
    let store = memory();
    let writer = Writer::spawn(store.clone()).unwrap();
    drop(
        writer
            .try_insert_event(PreparedEvent::new(&event(1)).unwrap())
            .unwrap(),
    );
    drop(writer);
    let seen = (0..500).any(|_| {
        std::thread::park_timeout(Duration::from_millis(10));
        store.read().unwrap().last_seq().unwrap() == 1
    });
    assert!(seen);
}

/// Everything a store can hold, once.
fn run(number: u64) -> Run {
    Run {
        number,
        kind: RunKind::Apply("0a".into()),
        who: "alice".into(),
        at: at(6),
        decided_at: Some(at(7)),
        undone_by: None,
        counts: RunCounts::default(),
    }
}

fn decided(run: u64, link: &str) -> Decided {
    let decision = Decision {
        field: crate::model::customer::Field::Name,
        stripe: Goal::keep(&Value::text("x")),
        zenskar: Goal::write(&Value::Blank, &Value::text("x")),
        base_before: None,
        base_after: None,
        state: DecisionState::Waiting,
    };
    Decided {
        run,
        link: cus(link),
        at: at(6),
        decisions: vec![decision],
    }
}

#[test]
fn what_runs_decided_is_counted_found_both_ways_and_pruned_when_it_is_over() {
    let store = memory();
    write(&store, |tx| {
        for number in 1..=2 {
            assert_eq!(tx.next_run_number().unwrap(), number);
            tx.put_run(&run(number)).unwrap();
            for link in ["cus_1", "cus_2", "cus_10"] {
                tx.put_decided(&decided(number, link)).unwrap();
            }
        }
    });
    let view = store.read().unwrap();
    let of = |view: &ReadTx<'_>, link: &str| -> Vec<u64> {
        let decided = view.decided(&cus(link)).unwrap();
        decided.iter().map(|one| one.run).collect()
    };
    assert_eq!(of(&view, "cus_1"), [1, 2]);
    let links = |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(cus);
        let decided = view.decided_by(1, after.as_ref(), limit).unwrap();
        decided.iter().map(|one| one.link.to_string()).collect()
    };
    assert_eq!(links(None, 2), ["cus_1", "cus_10"]);
    assert_eq!(links(Some("cus_10"), 9), ["cus_2"]);
    let counts = view.run(1).unwrap().unwrap().counts;
    assert_eq!((counts.customers, counts.waiting, counts.done), (3, 3, 0));
    assert_eq!(view.runs(None, 9).unwrap()[0].number, 2);
    assert_eq!(view.runs(Some(2), 9).unwrap()[0].number, 1);

    write(&store, |tx| {
        for link in ["cus_1", "cus_2", "cus_10"] {
            let mut done = decided(1, link);
            done.decisions[0].state = DecisionState::Done(at(8));
            tx.put_decided(&done).unwrap();
        }
        let counts = tx.run(1).unwrap().unwrap().counts;
        assert_eq!((counts.customers, counts.waiting, counts.done), (3, 0, 3));
        assert_eq!(tx.prune_runs(at(6), 9).unwrap(), 0, "not old enough");
        assert_eq!(tx.prune_runs(at(7), 2).unwrap(), 2);
        assert_eq!(tx.prune_runs(at(7), 9).unwrap(), 2, "the last and the run");
        assert_eq!(tx.prune_runs(at(7), 9).unwrap(), 0, "the other one waits");
        assert_eq!(of(tx, "cus_1"), [2]);
    });
    assert_eq!(store.read().unwrap().runs(None, 9).unwrap().len(), 1);
}

fn session(seen: i64) -> Session {
    Session {
        who: "ann".to_owned(),
        role: Role::Admin,
        began_at: at(6),
        seen_at: at(seen),
    }
}

fn token(number: u64, name: &str) -> Token {
    Token {
        number,
        name: name.to_owned(),
        role: Role::Operator,
        made_by: "ann".to_owned(),
        made_at: at(6),
        expires_at: at(7),
        used_at: None,
    }
}

fn dropped(letter: DeadLetter, seconds: i64) -> Dropped {
    let gone = Intent {
        progress: Progress::Dead(at(2)),
        ..intent("cus_1", 1)
    };
    Dropped {
        letter,
        kept: Kept::Intent {
            intent: gone,
            linked_at: at(1),
            base: [(crate::model::customer::Field::Name, Value::text("x"))].into(),
        },
        at: at(seconds),
        who: "ann".to_owned(),
    }
}

#[test]
fn dropped_letters_are_kept_until_they_are_taken_back_or_old() {
    let store = memory();
    write(&store, |tx| {
        for seconds in [30, 10, 20] {
            let dead = DeadWork::Work(Work::new(subject("cus_1"), at(1)));
            let letter = tx.add_dead_letter(dead, "no", at(2), 3).unwrap();
            tx.remove_dead_letter(letter.number).unwrap();
            tx.put_dropped(&dropped(letter, seconds)).unwrap();
        }
        let numbers = |tx: &WriteTx<'_>, before| {
            let letters = tx.dropped_letters(before, 2).unwrap();
            let numbers = letters.iter().map(|one| one.letter.number);
            numbers.collect::<Vec<_>>()
        };
        assert_eq!(numbers(tx, None), [1, 3], "the one dropped last first");
        assert_eq!(numbers(tx, Some((at(20), 3))), [2]);
        assert_eq!(tx.dead_count().unwrap(), 0);
        let third = tx.dropped(3).unwrap().unwrap();
        tx.take_back_dropped(&third).unwrap();
        assert_eq!(tx.dropped(3).unwrap(), None);
        let all = tx.dead_letters(None, 9).unwrap();
        assert_eq!(all, std::slice::from_ref(&third.letter));
        assert_eq!(tx.dead_letters_of(&subject("cus_1")).unwrap(), all);
        assert_eq!(tx.prune_dropped(at(10), 9).unwrap(), 0);
        assert_eq!(tx.prune_dropped(at(31), 1).unwrap(), 1, "the oldest first");
        assert_eq!(numbers(tx, None), [1]);
        assert_eq!(tx.prune_dropped(at(31), 9).unwrap(), 1);
        assert_eq!(tx.dropped_count().unwrap(), 0);
    });
}

fn fill(store: &Store) {
    insert(store, 1..=3);
    take_in(store, 2);
    let sealer = Sealer::new(&[1; KEY_BYTES]).unwrap();
    let sealed = sealer.seal("stripe", b"sk_test").unwrap();
    let mirror = Mirror {
        observed_at: at(4),
        deleted: false,
        payload: b"{\"id\": \"cus_1\"}".repeat(10),
    };
    write(store, |tx| {
        tx.set_identity(&Identity {
            account: AccountId::parse("acct_1").unwrap(),
            mode: Mode::Test,
            organisation: OrganisationId::parse("org").unwrap(),
        })
        .unwrap();
        tx.park(&Work::new(subject("cus_2"), at(1))).unwrap();
        tx.put_link(&link("cus_1", "z-1")).unwrap();
        let number = tx.next_intent_number(&cus("cus_1")).unwrap();
        tx.put_intent(&intent("cus_1", number), Some(at(10)))
            .unwrap();
        let dead = DeadWork::Work(Work::new(subject("cus_3"), at(1)));
        tx.add_dead_letter(dead.clone(), "gone", at(2), 4).unwrap();
        let letter = tx.add_dead_letter(dead, "no", at(2), 4).unwrap();
        let letter = tx.remove_dead_letter(letter.number).unwrap().unwrap();
        tx.put_dropped(&dropped(letter, 8)).unwrap();
        let difference = Difference {
            field: crate::model::customer::Field::Name,
            stripe: Value::Blank,
            zenskar: Value::text("x"),
            base: None,
            why: Held::Drift,
        };
        tx.put_differences(&cus("cus_1"), &[difference]).unwrap();
        let prepared = PreparedMirror::new(Side::Stripe, "cus_1", &mirror).unwrap();
        tx.put_mirror(&prepared).unwrap();
        tx.append_journal(&Entry::engine(at(5), "linked", &"customer/cus_1"))
            .unwrap();
        tx.put_secret("stripe", &sealed).unwrap();
        tx.add_reads(20_000, 7).unwrap();
        let login = Login {
            who: "ann".to_owned(),
            role: Role::Admin,
            expires_at: at(7),
            used_at: Some(at(6)),
        };
        tx.put_login(&[1; 32], &login).unwrap();
        tx.put_session(&[2; 32], &session(6)).unwrap();
        let number = tx.next_token_number().unwrap();
        tx.put_token(&[3; 32], &token(number, "ci")).unwrap();
        tx.put_run(&run(1)).unwrap();
        tx.put_decided(&decided(1, "cus_1")).unwrap();
        tx.put_creation(&creation("cus_4", Stage::Waiting, 6))
            .unwrap();
        tx.note_named(&zen("z-4"), &cus("cus_4")).unwrap();
        let alone = Subject::Unlinked(zen("z-5"));
        tx.note_alone(&alone, at(7)).unwrap();
        tx.note_clue(&Clue::Candidate(zen("z-5")), &cus("cus_5"))
            .unwrap();
        money::fill(tx);
    });
}

#[test]
fn creations_are_due_while_they_are_open_and_are_counted_by_side_and_stage() {
    let store = memory();
    let (offered, open) = (
        creation("cus_1", Stage::Offered, 1),
        creation("cus_2", Stage::Waiting, 5),
    );
    let in_stripe = Creation {
        subject: Subject::Unlinked(zen("z-1")),
        ..open.clone()
    };
    let rows = [offered.clone(), open.clone(), in_stripe.clone()];
    write(&store, move |tx| {
        rows.iter()
            .try_for_each(|row| tx.put_creation(row))
            .unwrap();
    });
    let counts = |side| store.read().unwrap().creation_counts(side).unwrap();
    let zenskar = CreationCounts {
        offered: 1,
        open: 1,
        dead: 0,
    };
    assert_eq!(counts(Side::Zenskar), zenskar);
    assert_eq!(counts(Side::Stripe).open, 1);
    let read = store.read().unwrap();
    assert_eq!(read.due_creations(at(4), 9).unwrap(), []);
    assert_eq!(read.next_creation_due().unwrap(), Some(at(5)));
    assert_eq!(
        read.due_creations(at(5), 9).unwrap(),
        [open.clone(), in_stripe]
    );
    assert_eq!(
        read.creations(Some(&subject("cus_1")), 1).unwrap(),
        std::slice::from_ref(&open)
    );
    drop(read);
    let dead = Creation {
        stage: Stage::Dead(at(6)),
        ..open
    };
    write(&store, move |tx| {
        tx.put_creation(&dead).unwrap();
        tx.remove_creation(&Subject::Unlinked(zen("z-1"))).unwrap();
        assert_eq!(tx.next_creation_number(&dead.subject).unwrap(), 1);
        tx.remove_creation(&dead.subject).unwrap();
        assert_eq!(tx.next_creation_number(&dead.subject).unwrap(), 2);
        tx.put_creation(&dead).unwrap();
    });
    assert_eq!(
        counts(Side::Zenskar),
        CreationCounts {
            open: 0,
            dead: 1,
            ..zenskar
        }
    );
    assert_eq!(counts(Side::Stripe), CreationCounts::default());
    assert_eq!(store.read().unwrap().next_creation_due().unwrap(), None);
    assert_eq!(
        store.read().unwrap().creation(&subject("cus_1")).unwrap(),
        Some(offered)
    );
}

#[test]
fn links_are_counted_by_state_and_whom_none_holds_is_alone() {
    let store = memory();
    let alone = |read: &ReadTx<'_>| {
        let sides = [Side::Stripe, Side::Zenskar];
        sides.map(|side| read.alone_count(side).unwrap())
    };
    let unlinked = |id: &str| Subject::Unlinked(zen(id));
    let story = |states: Vec<Option<LinkState>>| {
        write(&store, move |tx| {
            for state in states {
                match state {
                    Some(state) => {
                        let link = Link {
                            state,
                            ..link("cus_1", "z-1")
                        };
                        tx.put_link(&link).unwrap();
                    }
                    None => drop(tx.remove_link(&cus("cus_1")).unwrap()),
                }
            }
        });
        let read = store.read().unwrap();
        (read.link_counts().unwrap(), alone(&read))
    };
    write(&store, move |tx| {
        for known in [subject("cus_1"), unlinked("z-1"), unlinked("z-2")] {
            tx.note_alone(&known, at(1)).unwrap();
        }
    });
    let counts = LinkCounts::default();
    let is = LinkState::Active;
    assert_eq!(story(vec![]), (counts, [1, 2]));
    assert_eq!(
        story(vec![Some(is), Some(is)]),
        (
            LinkCounts {
                active: 1,
                ..counts
            },
            [0, 1]
        )
    );
    // Neither a look nor a listing takes a linked customer for one that is alone.
    write(&store, move |tx| {
        tx.note_alone(&subject("cus_1"), at(2)).unwrap();
        tx.park(&Work::new(subject("cus_1"), at(2))).unwrap();
    });
    let gone = LinkState::Deleted(Side::Stripe);
    let deleted = LinkCounts {
        deleted_in_stripe: 1,
        ..counts
    };
    assert_eq!(story(vec![Some(gone)]), (deleted, [0, 1]));
    let apart = LinkState::Unlinked;
    let taken_apart = LinkCounts {
        unlinked: 1,
        ..counts
    };
    assert_eq!(story(vec![Some(apart)]), (taken_apart, [0, 2]));
    assert_eq!(story(vec![Some(is), Some(apart)]), (taken_apart, [1, 2]));
    assert_eq!(story(vec![None]), (counts, [1, 2]));
    let gone = LinkState::Deleted(Side::Zenskar);
    assert_eq!(story(vec![Some(is), Some(gone), None]), (counts, [1, 1]));
    let listed = store.read().unwrap().alone(Side::Zenskar, None, 9).unwrap();
    assert_eq!(listed, [(unlinked("z-2"), at(1))]);
}

#[test]
fn who_waits_for_a_partner_is_found_by_what_that_shows() {
    let store = memory();
    let email = |text: &str| Clue::Email(text.to_owned());
    let candidate = |id: &str| Clue::Candidate(zen(id));
    write(&store, move |tx| {
        for (clue, stripe) in [
            (email("Ann@example.com"), "cus_1"),
            (email("ann@example.com "), "cus_2"),
            (email("bea@example.com"), "cus_3"),
            (candidate("z-1"), "cus_1"),
            (candidate("ann@example.com"), "cus_4"),
        ] {
            tx.note_clue(&clue, &cus(stripe)).unwrap();
        }
        let gone = tx.forget_clue(&candidate("z-1"), &cus("cus_1"));
        assert!(gone.unwrap());
        let gone = tx.forget_clue(&candidate("z-1"), &cus("cus_1"));
        assert!(!gone.unwrap());
    });
    let read = store.read().unwrap();
    let sought = |clue: &Clue, limit| read.sought_by(clue, limit).unwrap();
    let both = [cus("cus_1"), cus("cus_2")];
    assert_eq!(sought(&email("ANN@example.com"), 9), both);
    assert_eq!(sought(&email("ann@example.com"), 1), both[..1]);
    assert_eq!(sought(&candidate("z-1"), 9), []);
}

#[test]
fn who_names_a_customer_is_found_by_its_name_alone() {
    let store = memory();
    let mirror = Mirror {
        observed_at: at(1),
        deleted: false,
        payload: b"{}".to_vec(),
    };
    write(&store, move |tx| {
        for (zenskar, stripe) in [("z-1", "cus_1"), ("z-1", "cus_2"), ("z-10", "cus_3")] {
            tx.note_named(&zen(zenskar), &cus(stripe)).unwrap();
            let mirror = PreparedMirror::new(Side::Stripe, stripe, &mirror).unwrap();
            tx.put_mirror(&mirror).unwrap();
        }
        let zenskar = PreparedMirror::new(Side::Zenskar, "z-1", &mirror).unwrap();
        tx.put_mirror(&zenskar).unwrap();
        assert!(tx.forget_named(&zen("z-1"), &cus("cus_2")).unwrap());
    });
    let read = store.read().unwrap();
    assert_eq!(read.named_by(&zen("z-1"), 9).unwrap(), [cus("cus_1")]);
    assert_eq!(read.named_by(&zen("z-10"), 9).unwrap(), [cus("cus_3")]);
    assert_eq!(read.named_by(&zen("z-2"), 9).unwrap(), []);
    let ids = |after, limit| read.mirror_ids(Side::Stripe, after, limit).unwrap();
    assert_eq!(ids(None, 2), ["cus_1", "cus_2"]);
    assert_eq!(ids(Some("cus_2"), 2), ["cus_3"]);
    assert_eq!(read.mirror_ids(Side::Zenskar, None, 9).unwrap(), ["z-1"]);
}

#[test]
fn sessions_are_kept_by_their_digest_until_they_go() {
    let store = memory();
    write(&store, |tx| {
        tx.put_session(&[1; 32], &session(6)).unwrap();
        tx.put_session(&[2; 32], &session(9)).unwrap();
    });
    let read = store.read().unwrap();
    assert_eq!(read.session(&[1; 32]).unwrap(), Some(session(6)));
    assert_eq!(read.session(&[3; 32]).unwrap(), None);
    write(&store, |tx| {
        let pruned = tx.prune_sessions(|session| session.seen_at < at(9));
        assert_eq!(pruned.unwrap(), 1);
        assert!(tx.remove_session(&[2; 32]).unwrap());
        assert!(!tx.remove_session(&[2; 32]).unwrap());
    });
    assert_eq!(store.read().unwrap().sessions().unwrap(), []);
}

#[test]
fn tokens_are_kept_by_their_digest_and_no_number_is_given_twice() {
    let store = memory();
    write(&store, |tx| {
        for (key, name) in [([1; 32], "one"), ([2; 32], "two")] {
            let number = tx.next_token_number().unwrap();
            tx.put_token(&key, &token(number, name)).unwrap();
        }
    });
    let read = store.read().unwrap();
    assert_eq!(read.token(&[1; 32]).unwrap(), Some(token(1, "one")));
    assert_eq!(read.token(&[3; 32]).unwrap(), None);
    assert_eq!(read.tokens().unwrap(), [token(1, "one"), token(2, "two")]);
    write(&store, |tx| {
        let gone = tx.prune_tokens(|token| token.is_called("2"));
        assert_eq!(gone.unwrap(), 1);
        assert_eq!(tx.next_token_number().unwrap(), 3);
    });
}

/// Tables by the schema that brought them; the others are of the first.
const LATER_TABLES: [(u32, &str); 28] = [
    (2, "runs"),
    (2, "decided"),
    (2, "decided_by_run"),
    (2, "creations"),
    (2, "creations_due"),
    (2, "named"),
    (3, "alone_in_stripe"),
    (3, "alone_in_zenskar"),
    (3, "clues"),
    (4, "dead_by_subject"),
    (5, "logins"),
    (5, "sessions"),
    (6, "journal_by_subject"),
    (7, "tokens"),
    (8, "dropped"),
    (8, "dropped_by_time"),
    (9, "invoices"),
    (9, "invoices_open"),
    (9, "invoices_by_number"),
    (9, "collections"),
    (9, "collections_due"),
    (9, "collections_by_time"),
    (9, "collections_by_object"),
    (9, "charge_runs"),
    (9, "charge_runs_open"),
    (9, "charge_lines"),
    (9, "charge_lines_due"),
    (9, "charge_keys"),
];

/// The links of an older file, and who waits in it, are counted when it is opened.
fn is_counted(view: &ReadTx<'_>) {
    let counts = LinkCounts {
        active: 1,
        ..LinkCounts::default()
    };
    assert_eq!(view.link_counts().unwrap(), counts);
    assert!(view.is_alone(&subject("cus_2")).unwrap());
    assert_eq!(view.alone_counted_at(Side::Stripe).unwrap(), None);
}

/// A store that a release wrote stays in the repository as it was, and every later release opens
/// it. A release with a new schema finds its own file missing: it is written, and is to be kept.
#[test]
fn stores_of_all_releases_open() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/store");
    let own = kept.join(format!("v{SCHEMA_VERSION}.redb"));
    if !own.exists() {
        std::fs::create_dir_all(&kept).unwrap();
        let options = StoreOptions {
            installation_id: Some([7; 16]),
            ..StoreOptions::default()
        };
        fill(&Store::open(&own, options).unwrap());
    }
    for version in 1..=SCHEMA_VERSION {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.redb");
        std::fs::copy(kept.join(format!("v{version}.redb")), &path).unwrap();
        assert_eq!(Store::check_header(&path).unwrap(), version);
        let store = Store::open(&path, StoreOptions::default()).unwrap();
        let view = store.read().unwrap();
        assert_eq!(view.installation_id().unwrap(), "07".repeat(16));
        assert_eq!(view.event(3).unwrap().unwrap().event, event(3));
        assert_eq!(
            view.work(&subject("cus_1")).unwrap().unwrap().events,
            [1, 2]
        );
        assert_eq!(
            view.parked_list(None, 9).unwrap()[0].subject,
            subject("cus_2")
        );
        assert_eq!(
            view.link(&cus("cus_1")).unwrap(),
            Some(link("cus_1", "z-1"))
        );
        assert_eq!(view.due_intents(at(10), 9).unwrap(), [intent("cus_1", 1)]);
        let letters = view.dead_letters_of(&subject("cus_3")).unwrap();
        assert_eq!(letters[0].reason, "gone");
        assert_eq!(view.difference_counts().unwrap(), [(Held::Drift, 1)].into());
        let mirror = view.mirror(Side::Stripe, "cus_1").unwrap().unwrap();
        assert_eq!(mirror.payload, b"{\"id\": \"cus_1\"}".repeat(10));
        assert_eq!(
            view.journal(None, 9).unwrap().entries[0].entry.what,
            "linked"
        );
        let newest = &view.journal(None, 1).unwrap().entries[0];
        let of_it = view.journal_of(&newest.entry.subject, None, 1).unwrap();
        assert_eq!(of_it.entries, std::slice::from_ref(newest));
        let sealer = Sealer::new(&[1; KEY_BYTES]).unwrap();
        let secret = view.secret("stripe").unwrap().unwrap();
        assert_eq!(
            sealer.open("stripe", &secret).unwrap().as_slice(),
            b"sk_test"
        );
        assert_eq!(view.reads_since(0).unwrap(), 7);
        // None may be empty in the file that knew of it.
        let is_later = |table: &str| {
            let mut later = LATER_TABLES.iter();
            later.any(|(schema, name)| *schema > version && *name == table)
        };
        let empty: Vec<_> = view
            .rows()
            .unwrap()
            .into_iter()
            .filter(|(table, rows)| *rows == 0 && !is_later(table))
            .collect();
        assert_eq!(empty, []);
        is_counted(&view);
        if version > 1 {
            let waiting = creation("cus_4", Stage::Waiting, 6);
            assert_eq!(view.due_creations(at(6), 9).unwrap(), [waiting]);
            assert_eq!(view.named_by(&zen("z-4"), 9).unwrap(), [cus("cus_4")]);
        }
    }
}
