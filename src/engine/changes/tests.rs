use super::*;
use crate::engine::linking::new_link;
use crate::engine::look::Looked;
use crate::engine::scan::SCAN_EVERY;
use crate::engine::testing::{Bench, Script, says};
use crate::model::cursor::{ScanCounts, ScanCursor};
use crate::model::customer::{Field, Fields, Value};
use crate::model::event::{Channel, ZENSKAR_UPDATED};
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::{Link, LinkProof, LinkState};
use crate::model::work::Subject;
use crate::store::StoredHead;

/// Zenskar's time.
const NOW: i64 = 2_000_000;
/// Where the cursor stands.
const HIGH: i64 = NOW - 300;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn cus(id: &str) -> StripeCustomerId {
    StripeCustomerId::parse(id).unwrap()
}

fn zen(id: &str) -> ZenskarCustomerId {
    ZenskarCustomerId::parse(id).unwrap()
}

/// A row as Zenskar writes it: without a zone.
fn row(id: &str, name: &str, updated_at: i64) -> String {
    let time = at(updated_at).to_string();
    let time = time.trim_end_matches('Z');
    format!(r#"{{"id":"{id}","customer_name":"{name}","updated_at":"{time}.250000"}}"#)
}

fn page(rows: &[String], next: Option<&str>) -> String {
    let next = next.map_or_else(|| "null".to_owned(), |next| format!("{next:?}"));
    format!(r#"{{"results":[{}],"next":{next}}}"#, rows.join(","))
}

fn bench(zenskar: Script) -> Bench {
    let bench = Bench::new(Vec::new(), zenskar);
    bench.stand_at(ChangeCursor {
        high: Some(at(HIGH)),
        ..ChangeCursor::default()
    });
    bench.scanned(many());
    bench.linked("cus_1", "z1", LinkState::Active);
    bench
}

/// A scan that listed more customers than change in these tests.
fn many() -> ScanCursor {
    ScanCursor {
        finished_at: Some(at(1)),
        found: ScanCounts {
            zenskar: 50,
            ..ScanCounts::default()
        },
        ..ScanCursor::default()
    }
}

impl Bench {
    fn hear(&self) -> Changed {
        self.run(self.engine.poll_changes()).unwrap()
    }

    fn changes(&self) -> ChangeCursor {
        self.engine.store.read().unwrap().change_cursor().unwrap()
    }

    fn stand_at(&self, cursor: ChangeCursor) {
        self.write(move |tx| tx.set_change_cursor(&cursor));
    }

    fn sort(&self) {
        self.run(self.engine.sort_events()).unwrap();
    }

    fn events(&self) -> Vec<StoredHead> {
        let read = self.engine.store.read().unwrap();
        read.events_after(0, 99).unwrap()
    }

    fn linked(&self, stripe: &str, zenskar: &str, state: LinkState) {
        let link = Link {
            state,
            base: Fields::from([
                (Field::Name, Value::text("A")),
                (Field::Email, Value::Blank),
                (Field::Phone, Value::Blank),
                (Field::Address, Value::Blank),
            ]),
            ..new_link(
                &cus(stripe),
                &zen(zenskar),
                LinkProof::Mapping,
                Timestamp::default(),
            )
        };
        self.write(move |tx| tx.put_link(&link));
    }

    fn scanned(&self, scan: ScanCursor) {
        self.write(move |tx| tx.set_scan_cursor(&scan));
    }

    fn sweep_cursor(&self) -> ScanCursor {
        self.engine.store.read().unwrap().scan_cursor().unwrap()
    }

    fn asked(&self, subject: &Subject) -> Option<u64> {
        let read = self.engine.store.read().unwrap();
        read.work(subject).unwrap().map(|work| work.asked)
    }
}

fn customer(id: &str) -> Subject {
    Subject::Customer(cus(id))
}

#[test]
fn polling_is_as_fast_as_somebody_waits_for_it() {
    let (from, to) = (
        Direction::From(Side::Zenskar),
        Direction::From(Side::Stripe),
    );
    for (direction, found, expected) in [
        (to, 0, POLL_SLOW),
        (to, 9, POLL_SLOW),
        (from, 0, POLL_BUSY),
        (Direction::Both, 9, POLL_FAST),
    ] {
        assert_eq!(adaptive(direction, found), expected, "{direction:?}");
    }
}

#[test]
fn sweeping_takes_no_more_than_its_share_of_the_rate() {
    let least = Duration::from_secs(300);
    for (rows, expected) in [
        (0, least),
        (10_000, least),
        (100_000, Duration::from_secs(2_000)),
        (u64::MAX, SCAN_EVERY),
    ] {
        assert_eq!(sweep_period(least, rows), expected, "{rows}");
    }
}

#[test]
fn the_first_poll_asks_for_what_cannot_be_and_begins_where_the_scan_began() {
    for (rows, listed, high, filter) in [
        (vec![], None, NOW, ChangeFilter::Untold),
        (vec![], Some(NOW - 50), NOW - 50, ChangeFilter::Untold),
        (vec![row("z1", "A", 7)], None, NOW, ChangeFilter::Ignored),
    ] {
        let bench = Bench::new(Vec::new(), vec![says(200, NOW, &page(&rows, None))]);
        bench.scanned(ScanCursor {
            zenskar_started_at: listed.map(at),
            ..ScanCursor::default()
        });
        assert!(bench.hear().complete);
        let cursor = bench.changes();
        assert_eq!((cursor.high, cursor.filter), (Some(at(high)), filter));
        let asked = bench.zenskar.seen().remove(0).url;
        assert!(
            asked.contains("updated_at__gte=2999-01-01T00%3A00%3A00&"),
            "{asked}"
        );
    }
}

#[test]
fn what_changed_goes_into_the_inbox_once_and_asks_for_a_look_at_its_link() {
    let rows = [row("z1", "B", NOW - 70), row("z2", "A", NOW - 60)];
    let bench = bench(vec![
        says(200, NOW, &page(&rows, None)),
        says(200, NOW + 30, &page(&rows, None)),
    ]);
    let changed = bench.hear();
    assert_eq!((changed.new, changed.complete), (2, true));
    let cursor = bench.changes();
    assert_eq!(cursor.high, Some(at(NOW).minus(LAG)));
    assert_eq!(cursor.filter, ChangeFilter::Works);
    assert_eq!(bench.hear().new, 0);
    let events = bench.events();
    let id = format!("zenskar:z1:{}", (NOW - 70) * 1_000_000 + 250_000);
    assert_eq!(events[0].head.id.as_str(), id);
    assert_eq!(events[0].head.kind, ZENSKAR_UPDATED);
    assert_eq!(events[0].head.channel, Channel::ZenskarPoll);
    bench.sort();
    assert_eq!(bench.asked(&customer("cus_1")), Some(1));
    assert_eq!(bench.asked(&Subject::Unlinked(zen("z2"))), Some(1));
}

#[test]
fn what_the_store_knows_is_no_news() {
    let rows = [row("z1", "A", NOW - 70), row("z3", "C", NOW - 70)];
    let bench = bench(vec![says(200, NOW, &page(&rows, None))]);
    bench.linked("cus_3", "z3", LinkState::Unlinked);
    assert_eq!(bench.hear().new, 0);
    assert!(bench.events().is_empty());
}

#[test]
fn a_known_event_asks_again_where_the_last_look_showed_something_else() {
    let rows = [row("z1", "B", NOW - 70)];
    let again = || says(200, NOW, &page(&rows, None));
    let bench = bench(vec![again(), again(), again(), again()]);
    let subject = customer("cus_1");
    bench.hear();
    // It is not sorted yet, so it still asks by itself.
    bench.hear();
    bench.sort();
    assert_eq!(bench.asked(&subject), Some(1));
    // The look read what lagged behind, and saw nothing.
    bench.write(move |tx| tx.remove_work(&subject));
    bench.hear();
    assert_eq!(bench.asked(&customer("cus_1")), Some(1));
    // Work that waits is asked for once.
    bench.hear();
    assert_eq!(bench.asked(&customer("cus_1")), Some(1));
}

#[test]
fn a_window_is_read_to_its_end_whatever_the_order() {
    let first = page(&[row("z1", "B", NOW - 10)], Some("two"));
    // Old, new, and a page shorter than was asked for.
    let second = page(
        &[row("z4", "A", HIGH - 500), row("z5", "A", NOW - 20)],
        None,
    );
    let bench = bench(vec![says(200, NOW, &first), says(200, NOW + 9, &second)]);
    assert!(!bench.hear().complete);
    assert_eq!(bench.changes().high, Some(at(HIGH)));
    let changed = bench.hear();
    assert_eq!((changed.new, changed.found, changed.complete), (2, 3, true));
    assert_eq!(bench.changes().high, Some(at(NOW).minus(LAG)));
    let asked: Vec<String> = bench.zenskar.seen().into_iter().map(|r| r.url).collect();
    assert!(asked[1].contains("cursor=two"), "{asked:?}");
}

#[test]
fn a_row_that_was_not_asked_for_ends_paging_and_asks_for_sweeps() {
    let strays = [row("z9", "A", 7), row("z1", "B", NOW - 10)];
    let mut script: Script = (0..2)
        .map(|_| says(200, NOW, &page(&strays, Some("two"))))
        .collect();
    script.push(says(200, NOW + 9_000, &page(&[], None)));
    let bench = bench(script);
    bench.scanned(ScanCursor {
        zenskar_swept_at: Some(at(NOW - 400)),
        ..many()
    });
    // What was asked for is taken all the same.
    let changed = bench.hear();
    assert_eq!((changed.new, changed.complete), (1, true));
    assert_eq!(bench.changes().filter, ChangeFilter::Ignored);
    assert_eq!(bench.changes().high, Some(at(HIGH)));
    assert!(bench.sweep_cursor().sweep_wanted);
    // A sweep that came to its end says how far changes are known.
    bench.scanned(ScanCursor {
        zenskar_swept_at: Some(at(NOW - 20)),
        ..many()
    });
    bench.hear();
    assert_eq!(bench.changes().high, Some(at(NOW - 20).minus(LAG)));
    assert!(!bench.sweep_cursor().sweep_wanted, "it is not due yet");
    assert_eq!(bench.journal(), ["filter of changes ignored"]);
    bench.hear();
    assert_eq!(bench.changes().filter, ChangeFilter::Works);
    assert_eq!(
        bench.journal(),
        ["filter of changes works again", "filter of changes ignored"]
    );
}

#[test]
fn a_row_without_a_time_proves_no_filter() {
    let rows = [r#"{"id":"z1","customer_name":"B"}"#.to_owned()];
    let bench = bench(vec![says(200, NOW, &page(&rows, None))]);
    bench.hear();
    assert_eq!(bench.changes().filter, ChangeFilter::Ignored);
}

#[test]
fn a_filter_that_is_refused_is_done_without() {
    let refusal = r#"{"detail":[{"loc":["query","updated_at__gte"],"msg":"unknown"}]}"#;
    let bench = bench(vec![says(422, NOW, refusal)]);
    assert!(bench.hear().complete);
    assert_eq!(bench.changes().filter, ChangeFilter::Ignored);
    assert!(bench.sweep_cursor().sweep_wanted);
}

#[test]
fn a_window_whose_place_is_gone_begins_again_and_is_given_up() {
    let gone = || says(400, NOW, r#"{"detail":"cursor"}"#);
    let restarts = usize::try_from(RESTARTS_MAX).unwrap();
    let bench = bench((0..=restarts).map(|_| gone()).collect());
    for restart in 0..=restarts {
        let open = bench.changes().window.unwrap_or_else(|| ChangeWindow {
            from: at(HIGH),
            to: at(NOW - 60),
            after: None,
            rows: 0,
            found: 0,
            restarts: 0,
        });
        assert_eq!(usize::try_from(open.restarts).unwrap(), restart);
        bench.stand_at(ChangeCursor {
            high: Some(at(HIGH)),
            window: Some(ChangeWindow {
                after: Some("gone".to_owned()),
                ..open
            }),
            filter: ChangeFilter::Works,
        });
        assert!(bench.hear().again);
    }
    let cursor = bench.changes();
    assert_eq!((cursor.high, cursor.window), (Some(at(NOW - 60)), None));
    assert!(bench.sweep_cursor().sweep_wanted);
    assert_eq!(bench.journal(), ["gap in changes"]);
}

#[test]
fn a_cursor_in_zenskars_future_goes_back() {
    let bench = bench(vec![says(200, HIGH - 500, &page(&[], None))]);
    bench.hear();
    assert_eq!(bench.changes().high, Some(at(HIGH - 500).minus(LAG)));
    assert!(bench.sweep_cursor().sweep_wanted);
    assert_eq!(bench.journal(), ["zenskar's time went back"]);
}

#[test]
fn an_unlinked_customer_is_asked_for_its_mapping_and_waits_or_is_linked() {
    let nothing = r#"{"reference_id":null}"#;
    let names = r#"{"reference_id":"cus_7"}"#;
    for (answer, linked) in [(nothing, false), (names, true)] {
        let rows = [row("z7", "B", NOW - 10)];
        let bench = bench(vec![
            says(200, NOW, &page(&rows, None)),
            says(200, NOW, answer),
        ]);
        bench.hear();
        bench.sort();
        let subject = Subject::Unlinked(zen("z7"));
        let looked = bench.run(bench.engine.look_at(&subject)).unwrap();
        assert_eq!(looked == Looked::Parked, !linked);
        assert_eq!(bench.asked(&subject), None);
        let read = bench.engine.store.read().unwrap();
        assert_eq!(read.parked(&subject).unwrap().is_some(), !linked);
        assert_eq!(read.link(&cus("cus_7")).unwrap().is_some(), linked);
        // The event goes with the link.
        let work = read.work(&customer("cus_7")).unwrap();
        assert_eq!(work.map(|work| work.events), linked.then(|| vec![1]));
    }
}

#[test]
fn what_waits_for_a_link_is_taken_up_when_a_person_makes_one() {
    let rows = [row("z7", "B", NOW - 10)];
    let bench = bench(vec![
        says(200, NOW, &page(&rows, None)),
        says(404, NOW, r#"{"detail":"not found"}"#),
    ]);
    bench.hear();
    bench.sort();
    let link = new_link(
        &cus("cus_7"),
        &zen("z7"),
        LinkProof::Person,
        Timestamp::default(),
    );
    bench.write(move |tx| crate::engine::linking::make_link(tx, &link, "ann", at(9)));
    let read = bench.engine.store.read().unwrap();
    assert_eq!(read.work(&Subject::Unlinked(zen("z7"))).unwrap(), None);
    let work = read.work(&customer("cus_7")).unwrap().unwrap();
    assert_eq!(work.events, [1]);
}

#[test]
fn a_window_of_every_customer_proves_no_filter() {
    for (listed, filter) in [(1, ChangeFilter::Untold), (2, ChangeFilter::Works)] {
        let rows = [row("z1", "B", NOW - 70)];
        let bench = bench(vec![says(200, NOW, &page(&rows, None))]);
        bench.scanned(ScanCursor {
            found: ScanCounts {
                zenskar: listed,
                ..ScanCounts::default()
            },
            ..many()
        });
        bench.hear();
        let cursor = bench.changes();
        assert_eq!(
            (cursor.high, cursor.filter),
            (Some(at(NOW).minus(LAG)), filter)
        );
    }
}

#[test]
fn zenskar_is_polled_though_stripes_events_are_not() {
    let bench = bench(Vec::new());
    let settings = bench.engine.settings();
    bench
        .engine
        .set_settings(crate::engine::settings::Settings {
            poll: Poll::Off,
            ..(*settings).clone()
        });
    assert!(bench.engine.changes_pause(0).is_some());
    assert_eq!(bench.engine.poll_pause(0).unwrap(), None);
}
