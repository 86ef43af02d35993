use super::step::prepared;
use super::*;
use crate::engine::command::Command;
use crate::engine::delivery::Delivered;
use crate::engine::linking::new_link;
use crate::engine::look::Looked;
use crate::engine::settings::Settings;
use crate::engine::testing::{Bench, Script, says};
use crate::model::customer::{Fields, Value};
use crate::model::id::ZenskarCustomerId;
use crate::model::link::LinkProof;
use crate::model::mirror::Mirror;
use crate::model::work::Subject;
use crate::store::PreparedMirror;
use crate::sync::policy::{Direction, Policy};

const NOW: i64 = 2_000_000;

fn cus(id: &str) -> StripeCustomerId {
    StripeCustomerId::parse(id).unwrap()
}

fn customer(id: &str) -> String {
    format!(r#"{{"id":"{id}","object":"customer","name":"A"}}"#)
}

fn listed(ids: &[&str], has_more: bool) -> String {
    let rows: Vec<String> = ids.iter().map(|id| customer(id)).collect();
    format!(
        r#"{{"object":"list","data":[{}],"has_more":{has_more}}}"#,
        rows.join(",")
    )
}

fn zenskar(ids: &[&str]) -> String {
    let rows: Vec<String> = ids
        .iter()
        .map(|id| format!(r#"{{"id":"{id}","customer_name":"A"}}"#))
        .collect();
    format!(r#"{{"results":[{}],"next":null}}"#, rows.join(","))
}

const GONE: &str =
    r#"{"error":{"type":"invalid_request_error","param":"starting_after","message":"no"}}"#;

impl Bench {
    fn scan(&self) -> Result<Scanned, EngineError> {
        self.run(self.engine.scan_page())
    }

    fn at_phase(&self, phase: ScanPhase) {
        self.write(move |tx| {
            tx.set_scan_cursor(&ScanCursor {
                phase,
                finished_at: Some(Timestamp::from_seconds(1)),
                ..ScanCursor::default()
            })
        });
    }

    fn place(&self) -> ScanCursor {
        self.engine.store.read().unwrap().scan_cursor().unwrap()
    }

    fn link(&self, stripe: &str, zenskar: &str, state: LinkState) {
        let id = ZenskarCustomerId::parse(zenskar).unwrap();
        let link = Link {
            state,
            base: Fields::from([(Field::Name, Value::text("A"))]),
            ..new_link(&cus(stripe), &id, LinkProof::Mapping, Timestamp::default())
        };
        self.write(move |tx| tx.put_link(&link));
    }

    fn has_work(&self, id: &str) -> bool {
        let subject = Subject::Customer(cus(id));
        let read = self.engine.store.read().unwrap();
        read.work(&subject).unwrap().is_some()
    }
}

#[test]
fn a_scan_that_is_asked_for_meanwhile_follows() {
    let bench = Bench::new(Vec::new(), vec![says(200, NOW, &zenskar(&[]))]);
    bench.at_phase(ScanPhase::Zenskar(None));
    // The page is asked for with the cursor as it was; the wish comes before its transaction.
    let who = "x".to_owned();
    let place = bench.place();
    bench
        .run(bench.engine.command(Command::Scan { who }))
        .unwrap();
    let scanned = bench.run(bench.engine.scan_zenskar(place, None)).unwrap();
    assert_eq!(scanned, Scanned::Finished);
    assert!(bench.place().wanted);
    assert_eq!(bench.scan().unwrap(), Scanned::Page);
    assert_eq!(bench.place().phase, ScanPhase::Stripe(None));
    assert!(!bench.place().wanted);
}

#[test]
fn asking_for_a_scan_moves_no_place() {
    let bench = Bench::new(Vec::new(), Vec::new());
    bench.at_phase(ScanPhase::Zenskar(Some("7".to_owned())));
    assert!(bench.write(step::want));
    assert!(!bench.write(step::want));
    let place = bench.place();
    assert!(place.wanted);
    assert_eq!(place.phase, ScanPhase::Zenskar(Some("7".to_owned())));
}

#[test]
fn a_mapping_that_is_refused_says_nothing_and_stops_nothing() {
    for status in [403, 409, 422, 500, 503] {
        let names = r#"{"reference_id":"cus_2"}"#;
        let bench = Bench::new(
            Vec::new(),
            vec![
                says(200, NOW, &zenskar(&["z1", "z2"])),
                says(status, NOW, r#"{"message":"no"}"#),
                says(200, NOW, names),
            ],
        );
        bench.at_phase(ScanPhase::Zenskar(None));
        assert_eq!(bench.scan().unwrap(), Scanned::Finished, "{status}");
        let found = bench.place().found;
        assert_eq!((found.unanswered, found.linked), (1, 1), "{status}");
    }
}

#[test]
fn a_page_that_is_repeated_goes_on_where_it_was_left() {
    let page = || says(200, NOW, &zenskar(&["z1", "z2"]));
    let nothing = || says(400, NOW, r#"{"message":"no integration"}"#);
    let bench = Bench::new(
        Vec::new(),
        vec![
            page(),
            nothing(),
            says(429, NOW, r#"{"message":"slow"}"#),
            page(),
            nothing(),
        ],
    );
    bench.at_phase(ScanPhase::Zenskar(None));
    assert!(bench.scan().is_err());
    let handled = ZenskarCustomerId::parse("z1").unwrap();
    assert_eq!(bench.place().handled, Some(handled));
    assert_eq!(bench.scan().unwrap(), Scanned::Finished);
    let place = bench.place();
    assert_eq!((place.handled, place.found.zenskar), (None, 2));
    assert_eq!(place.found.unanswered, 2);
    assert_eq!(bench.zenskar.seen().len(), 5);
}

#[test]
fn a_link_that_ended_by_mistake_is_looked_at_again() {
    let bench = Bench::new(
        vec![says(200, NOW, &listed(&["cus_1", "cus_2"], false))],
        vec![says(200, NOW, &zenskar(&["z3"]))],
    );
    bench.link("cus_1", "z1", LinkState::Deleted(Side::Stripe));
    bench.link("cus_2", "z2", LinkState::Unlinked);
    bench.link("cus_3", "z3", LinkState::Deleted(Side::Zenskar));
    bench.at_phase(ScanPhase::Stripe(None));
    bench.scan().unwrap();
    bench.scan().unwrap();
    assert!(bench.has_work("cus_1"));
    assert!(bench.has_work("cus_3"));
}

#[test]
fn a_listing_whose_place_is_gone_goes_back_and_gives_up() {
    let mut script = vec![
        says(200, NOW, &listed(&["cus_9"], true)),
        says(200, NOW, &listed(&["cus_8"], true)),
    ];
    script.extend((0..2).map(|_| says(404, NOW, GONE)));
    script.push(says(200, NOW, &listed(&["cus_9"], true)));
    script.extend((0..2).map(|_| says(404, NOW, GONE)));
    let bench = Bench::new(script, Vec::new());
    bench.at_phase(ScanPhase::Stripe(None));
    bench.scan().unwrap();
    bench.scan().unwrap();
    assert_eq!(bench.scan().unwrap(), Scanned::Again);
    assert_eq!(bench.place().phase, ScanPhase::Stripe(Some(cus("cus_9"))));
    assert_eq!(bench.scan().unwrap(), Scanned::Again);
    assert_eq!(bench.place().phase, ScanPhase::Stripe(None));
    bench.scan().unwrap();
    assert_eq!(bench.scan().unwrap(), Scanned::Again);
    // From the beginning again, and its place is gone again.
    bench.at_restart();
    assert_eq!(bench.scan().unwrap(), Scanned::Stopped);
    assert!(bench.place().stopped.is_some());
    assert_eq!(bench.journal(), ["scan stopped"]);
}

impl Bench {
    /// As after another page of the listing.
    fn at_restart(&self) {
        self.write(|tx| {
            let place = tx.scan_cursor()?;
            tx.set_scan_cursor(&ScanCursor {
                phase: ScanPhase::Stripe(Some(cus("cus_9"))),
                ..place
            })
        });
    }
}

#[test]
fn a_scan_that_stopped_is_a_problem_until_one_comes_to_its_end() {
    let bench = Bench::new(
        vec![
            says(200, NOW, &listed(&[], false)),
            says(200, NOW, &listed(&[], false)),
        ],
        vec![says(200, NOW, &zenskar(&[]))],
    );
    for number in 0..=MISSED_MAX {
        let (stripe, zenskar) = (format!("cus_{number}"), format!("z{number}"));
        bench.link(&stripe, &zenskar, LinkState::Active);
    }
    bench.at_phase(ScanPhase::Stripe(None));
    assert_eq!(bench.scan().unwrap(), Scanned::Stopped);
    let problems = || {
        let status = bench.run(bench.engine.command(Command::Status)).unwrap();
        format!("{status:?}")
    };
    assert!(problems().contains("scan stopped: more than 20"));
    // The next one lists Stripe too: whether the account is right is not known before.
    let later = bench.engine.clock.now().plus(SCAN_EVERY);
    bench.clock.set(later);
    assert_eq!(bench.scan().unwrap(), Scanned::Page);
    assert_eq!(bench.place().phase, ScanPhase::Stripe(None));
    bench.write(|tx| tx.remove_link(&cus("cus_0")));
    bench.scan().unwrap();
    assert_eq!(bench.scan().unwrap(), Scanned::Finished);
    assert_eq!(bench.place().stopped, None);
    assert!(!problems().contains("scan stopped"));
}

#[test]
fn the_scan_of_every_day_lists_stripe_and_shows_what_no_event_told() {
    let renamed = listed(&["cus_1"], false).replace(r#""name":"A""#, r#""name":"B""#);
    let bench = Bench::new(
        vec![
            says(200, NOW, &listed(&["cus_1"], false)),
            says(200, NOW + 86_400, &renamed),
        ],
        vec![
            says(200, NOW, &zenskar(&["z1"])),
            says(200, NOW + 86_400, &zenskar(&["z1"])),
        ],
    );
    bench.link("cus_1", "z1", LinkState::Active);
    let place = (Side::Stripe, Field::Name);
    for (day, differing) in [(0_u64, None), (1, Some(&1))] {
        let now = Timestamp::from_seconds(NOW).plus(SCAN_EVERY * u32::try_from(day).unwrap());
        bench.clock.set(now);
        while bench.scan().unwrap() != Scanned::Finished {}
        let asked = bench.stripe.seen();
        let paths: Vec<&str> = asked.iter().map(|request| request.url.as_str()).collect();
        assert!(
            paths.len() == 1 && paths[0].contains("/v1/customers?"),
            "{paths:?}"
        );
        assert_eq!(bench.place().differing.get(&place), differing, "day {day}");
        assert!(bench.has_work("cus_1"));
        // Nothing more until tomorrow, and the status says so.
        assert_eq!(bench.scan().unwrap(), Scanned::Idle);
        let status = bench.run(bench.engine.command(Command::Status)).unwrap();
        let ended = bench.place().finished_at.unwrap();
        let tomorrow = ended.plus(SCAN_EVERY).to_string();
        let status = format!("{status:?}");
        assert_eq!(
            status.matches(&tomorrow).count(),
            2,
            "{tomorrow} in {status}"
        );
    }
}

#[test]
fn looks_in_place_of_a_listing_are_spared_unless_a_person_asks() {
    let refused = || says(403, NOW, "{}");
    let page = || says(200, NOW, &zenskar(&["z1"]));
    // Each time it is asked without tax ids too.
    let bench = Bench::new(
        (0..6).map(|_| refused()).collect(),
        vec![page(), page(), page()],
    );
    bench.link("cus_1", "z1", LinkState::Active);
    // A day and a minute: a wait for the limiter moves the clock by less than a second.
    let looked = |day: i64| Some(NOW + 86_460 * day);
    let scan_on = |day: i64| {
        bench.write(|tx| tx.remove_work(&Subject::Customer(cus("cus_1"))));
        bench.clock.set(Timestamp::from_seconds(NOW + 86_460 * day));
        while bench.scan().unwrap() != Scanned::Finished {}
        bench.place().stripe_each_at.map(Timestamp::seconds)
    };
    assert_eq!(scan_on(0), looked(0));
    bench.write(|tx| {
        let cursor = tx.scan_cursor()?;
        // As after looks at 2,000 customers, which may be repeated in 30 days.
        tx.set_scan_cursor(&ScanCursor {
            stripe_each_at: cursor.stripe_each_at.map(|at| at.plus(SCAN_EVERY * 29)),
            ..cursor
        })
    });
    assert_eq!(scan_on(1), Some(NOW + 86_400 * 29));
    assert!(bench.write(step::want));
    assert_eq!(scan_on(2), looked(2));
}

#[test]
fn without_the_right_to_list_every_linked_customer_is_looked_at() {
    // It is asked without tax ids too: that right may be the one that is missing.
    let denied = || says(403, NOW, "{}");
    let bench = Bench::new(vec![denied(), denied()], Vec::new());
    bench.link("cus_1", "z1", LinkState::Active);
    bench.link("cus_2", "z2", LinkState::Unlinked);
    bench.at_phase(ScanPhase::Stripe(None));
    assert_eq!(bench.scan().unwrap(), Scanned::Page);
    assert!(bench.has_work("cus_1"));
    assert!(!bench.has_work("cus_2"));
    assert_eq!(bench.place().phase, ScanPhase::Zenskar(None));
}

#[test]
fn a_read_of_the_same_second_is_not_overwritten_by_the_listing() {
    let bench = Bench::new(
        vec![says(200, NOW, &listed(&["cus_1", "cus_2"], false))],
        Vec::new(),
    );
    let mirror = Mirror {
        observed_at: Timestamp::from_seconds(NOW),
        deleted: false,
        payload: b"newer".to_vec(),
    };
    let row = PreparedMirror::new(Side::Stripe, "cus_1", &mirror).unwrap();
    bench.write(move |tx| tx.put_mirror(&row));
    bench.at_phase(ScanPhase::Stripe(None));
    bench.scan().unwrap();
    let read = bench.engine.store.read().unwrap();
    assert_eq!(read.mirror(Side::Stripe, "cus_1").unwrap(), Some(mirror));
    assert!(read.mirror(Side::Stripe, "cus_2").unwrap().is_some());
}

#[test]
fn a_customer_too_large_to_keep_is_passed_over() {
    let mirror = |bytes: usize| Mirror {
        observed_at: Timestamp::default(),
        deleted: false,
        payload: vec![b'x'; bytes],
    };
    let large = mirror(9 * 1024 * 1024);
    assert!(prepared(Side::Stripe, "cus_1", &large).unwrap().is_none());
    let small = mirror(10);
    assert!(prepared(Side::Stripe, "cus_1", &small).unwrap().is_some());
}

#[test]
fn an_unread_event_brings_a_scan_now_and_another_a_day_later() {
    let now = Timestamp::from_seconds(NOW);
    let bench = Bench::new(Vec::new(), Vec::new());
    bench.at_phase(ScanPhase::Idle);
    assert!(bench.write(move |tx| step::want_for_unread(tx, now)));
    let first = begun(&bench.place(), 0, now).unwrap();
    assert_eq!(first.phase, ScanPhase::Stripe(None));
    bench.write(move |tx| {
        tx.set_scan_cursor(&ScanCursor {
            phase: ScanPhase::Idle,
            finished_at: Some(now),
            ..first
        })
    });
    assert!(!bench.write(move |tx| step::want_for_unread(tx, now)));
    assert!(begun(&bench.place(), 0, now).is_none());
    let tomorrow = now.plus(SCAN_EVERY);
    let second = begun(&bench.place(), 0, tomorrow).unwrap();
    assert_eq!(second.phase, ScanPhase::Stripe(None));
    assert_eq!(
        (second.unread_at, second.unread_again),
        (Some(tomorrow), None)
    );
}

fn changed(id: &str, name: &str, updated_at: i64) -> String {
    let time = Timestamp::from_seconds(updated_at);
    format!(r#"{{"id":"{id}","customer_name":"{name}","updated_at":"{time}"}}"#)
}

#[test]
fn a_sweep_lists_zenskar_alone_and_leaves_the_daily_scan_its_time() {
    let rows = [
        changed("z1", "B", NOW - 9),
        changed("z8", "B", 7),
        changed("z9", "B", NOW - 9),
    ];
    let page = format!(r#"{{"results":[{}],"next":null}}"#, rows.join(","));
    let bench = Bench::new(Vec::new(), vec![says(200, NOW, &page)]);
    bench.link("cus_1", "z1", LinkState::Active);
    let finished_at = Some(bench.engine.clock.now());
    bench.at_phase(ScanPhase::Idle);
    bench.write(move |tx| {
        tx.set_change_cursor(&crate::model::cursor::ChangeCursor {
            high: Some(Timestamp::from_seconds(NOW - 30)),
            ..Default::default()
        })?;
        let place = tx.scan_cursor()?;
        tx.set_scan_cursor(&ScanCursor {
            finished_at,
            ..place
        })?;
        step::want_sweep(tx)
    });
    assert_eq!(bench.scan().unwrap(), Scanned::Page);
    assert_eq!(bench.place().phase, ScanPhase::Zenskar(None));
    assert_eq!(bench.scan().unwrap(), Scanned::Finished);
    let place = bench.place();
    assert_eq!(place.finished_at, finished_at);
    assert_eq!(place.zenskar_swept_at, Some(Timestamp::from_seconds(NOW)));
    assert!(bench.has_work("cus_1"));
    // Of the unlinked ones the one that changed is news; no mapping was asked for here.
    let read = bench.engine.store.read().unwrap();
    let events = read.events_after(0, 9).unwrap();
    let objects: Vec<&str> = events.iter().map(|one| one.head.object.as_str()).collect();
    assert_eq!(objects, ["z9"]);
    assert_eq!(bench.zenskar.seen().len(), 1);
}

#[test]
fn a_linked_customer_that_zenskar_does_not_list_is_looked_at() {
    let bench = Bench::new(
        Vec::new(),
        vec![
            says(
                200,
                NOW,
                r#"{"results":[{"id":"z1","customer_name":"A"}],"next":"two"}"#,
            ),
            says(200, NOW + 9, &zenskar(&["z2"])),
        ],
    );
    for number in 1..=3 {
        bench.link(
            &format!("cus_{number}"),
            &format!("z{number}"),
            LinkState::Active,
        );
    }
    bench.link("cus_4", "z4", LinkState::Unlinked);
    bench.write(|tx| {
        tx.set_scan_cursor(&ScanCursor {
            phase: ScanPhase::Zenskar(None),
            started_at: Timestamp::from_seconds(1),
            ..ScanCursor::default()
        })
    });
    bench.scan().unwrap();
    assert_eq!(bench.scan().unwrap(), Scanned::Finished);
    assert_eq!(bench.place().found.missed_in_zenskar, 1);
    let read = bench.engine.store.read().unwrap();
    for (id, is_asked_by_the_end) in [("cus_3", true), ("cus_4", false)] {
        let work = read.work(&Subject::Customer(cus(id))).unwrap();
        assert_eq!(work.is_some(), is_asked_by_the_end, "{id}");
    }
    let mirror = read.mirror(Side::Zenskar, "z1").unwrap().unwrap();
    assert_eq!(mirror.observed_at, Timestamp::from_seconds(NOW));
}

#[test]
fn a_listing_of_zenskar_that_misses_too_many_stops_the_scan() {
    let bench = Bench::new(Vec::new(), vec![says(200, NOW, &zenskar(&[]))]);
    for number in 0..=MISSED_MAX {
        let (stripe, zenskar) = (format!("cus_{number}"), format!("z{number}"));
        bench.link(&stripe, &zenskar, LinkState::Active);
    }
    bench.write(|tx| {
        tx.set_scan_cursor(&ScanCursor {
            phase: ScanPhase::Zenskar(None),
            started_at: Timestamp::from_seconds(1),
            ..ScanCursor::default()
        })
    });
    assert_eq!(bench.scan().unwrap(), Scanned::Stopped);
    let why = bench.place().stopped.unwrap();
    assert!(why.contains("not listed in Zenskar"), "{why}");
    assert!(!bench.has_work("cus_0"));
}

#[test]
fn a_listing_that_lags_behind_does_not_take_the_mirror_back() {
    let older = changed("z1", "A", NOW - 100);
    let page = format!(r#"{{"results":[{older}],"next":null}}"#);
    let mirror = |observed_at: i64| Mirror {
        observed_at: Timestamp::from_seconds(observed_at),
        deleted: false,
        payload: changed("z1", "B", NOW - 5).into_bytes(),
    };
    for (observed_at, stays) in [(NOW - 4, true), (NOW - 40, false)] {
        let bench = Bench::new(Vec::new(), vec![says(200, NOW, &page)]);
        bench.link("cus_1", "z1", LinkState::Active);
        let known = mirror(observed_at);
        let row = PreparedMirror::new(Side::Zenskar, "z1", &known).unwrap();
        bench.write(move |tx| tx.put_mirror(&row));
        bench.at_phase(ScanPhase::Zenskar(None));
        bench.scan().unwrap();
        let read = bench.engine.store.read().unwrap();
        let after = read.mirror(Side::Zenskar, "z1").unwrap().unwrap();
        assert_eq!(after == known, stays, "{observed_at}");
    }
}

impl Bench {
    /// A mirror as a look at `seconds` left it.
    fn mirror(&self, side: Side, id: &str, seconds: i64, payload: &str) {
        let mirror = Mirror {
            observed_at: Timestamp::from_seconds(seconds),
            deleted: false,
            payload: payload.as_bytes().to_vec(),
        };
        let row = PreparedMirror::new(side, id, &mirror).unwrap();
        self.write(move |tx| tx.put_mirror(&row));
    }

    fn seen_at(&self, side: Side, id: &str) -> Option<Timestamp> {
        let read = self.engine.store.read().unwrap();
        read.mirror_seen_at(side, id).unwrap()
    }
}

#[test]
fn who_is_listed_as_before_is_not_missed_and_costs_no_write() {
    let bench = Bench::new(
        vec![says(200, NOW, &listed(&["cus_1", "cus_2"], false))],
        vec![says(200, NOW, &zenskar(&["z1", "z2"]))],
    );
    for number in 1..=2 {
        let (stripe, zenskar) = (format!("cus_{number}"), format!("z{number}"));
        bench.link(&stripe, &zenskar, LinkState::Active);
    }
    let in_zenskar = r#"{"id":"z1","customer_name":"A"}"#;
    bench.mirror(Side::Stripe, "cus_1", NOW - 100, &customer("cus_1"));
    bench.mirror(Side::Stripe, "cus_2", NOW - 100, "{}");
    bench.mirror(Side::Zenskar, "z1", NOW - 100, in_zenskar);
    bench.write(|tx| {
        tx.set_scan_cursor(&ScanCursor {
            phase: ScanPhase::Stripe(None),
            started_at: Timestamp::from_seconds(1),
            ..ScanCursor::default()
        })
    });
    bench.scan().unwrap();
    assert_eq!(bench.scan().unwrap(), Scanned::Finished);
    let (before, now) = (
        Some(Timestamp::from_seconds(NOW - 100)),
        Some(Timestamp::from_seconds(NOW)),
    );
    assert_eq!(bench.seen_at(Side::Stripe, "cus_1"), before);
    assert_eq!(bench.seen_at(Side::Stripe, "cus_2"), now);
    assert_eq!(bench.seen_at(Side::Zenskar, "z1"), before);
    assert_eq!(bench.seen_at(Side::Zenskar, "z2"), now);
    let found = bench.place().found;
    assert_eq!((found.missed, found.missed_in_zenskar), (0, 0));
    assert_eq!(bench.place().stripe_listed_until, now);
}

#[test]
fn the_pages_of_an_earlier_listing_do_not_count() {
    let bench = Bench::new(
        vec![says(200, NOW, &listed(&["cus_2"], false))],
        vec![says(200, NOW, &zenskar(&["z1"]))],
    );
    for number in 1..=2 {
        let (stripe, zenskar) = (format!("cus_{number}"), format!("z{number}"));
        bench.link(&stripe, &zenskar, LinkState::Active);
    }
    bench.write(|tx| {
        for page in 0..3 {
            tx.put_listed(Side::Stripe, page, &[Mark::of("cus_1")])?;
            tx.put_listed(Side::Zenskar, page, &[Mark::of("z2")])?;
        }
        tx.set_scan_cursor(&ScanCursor {
            phase: ScanPhase::Stripe(None),
            started_at: Timestamp::from_seconds(1),
            ..ScanCursor::default()
        })
    });
    bench.scan().unwrap();
    assert_eq!(bench.scan().unwrap(), Scanned::Finished);
    let found = bench.place().found;
    assert_eq!((found.missed, found.missed_in_zenskar), (1, 1));
    assert!(bench.has_work("cus_1") && bench.has_work("cus_2"));
}

#[test]
fn what_is_not_as_agreed_is_counted_by_side_and_field() {
    let renamed = r#"{"results":[{"id":"z1","customer_name":"B"}],"next":null}"#;
    let bench = Bench::new(Vec::new(), vec![says(200, NOW, renamed)]);
    bench.link("cus_1", "z1", LinkState::Active);
    bench.at_phase(ScanPhase::Zenskar(None));
    bench.scan().unwrap();
    let differing = bench.place().differing;
    assert_eq!(differing.get(&(Side::Zenskar, Field::Name)), Some(&1));
    assert!(differing.keys().all(|(side, _)| *side == Side::Zenskar));
}

/// Two customers that agree in their name, listed in Stripe while `changed_at` is when Zenskar's
/// were changed; both ways. The looks at them are due.
fn listed_both_ways(stripe: Script, zenskar: Script) -> Bench {
    let mut answers = vec![says(200, NOW, &listed(&["cus_1"], false))];
    answers.extend(stripe);
    let mut rows = vec![says(200, NOW, r#"{"results":[],"next":null}"#)];
    rows.extend(zenskar);
    let bench = Bench::new(answers, rows);
    let before = (*bench.engine.settings()).clone();
    bench.engine.set_settings(Settings {
        policy: Policy {
            direction: Some(Direction::Both),
            fields: [Field::Name].into(),
            ..before.policy.clone()
        },
        ..before
    });
    bench.link("cus_1", "z1", LinkState::Active);
    bench.write(|tx| ask(tx, &cus("cus_1"), Timestamp::default()));
    assert_eq!(bench.scan().unwrap(), Scanned::Page);
    assert_eq!(bench.scan().unwrap(), Scanned::Page);
    assert_eq!(bench.place().phase, ScanPhase::Zenskar(None));
    bench.stripe.seen();
    bench
}

fn look(bench: &Bench) -> Looked {
    let subject = Subject::Customer(cus("cus_1"));
    bench.run(bench.engine.look_at(&subject)).unwrap()
}

#[test]
fn a_listing_serves_where_zenskar_did_not_change_since_it_began() {
    for (changed_at, reads) in [(NOW - 1, 0), (NOW, 1)] {
        let same = changed("z1", "A", changed_at);
        let bench = listed_both_ways(
            vec![says(200, NOW + 1, &customer("cus_1"))],
            vec![says(200, NOW + 1, &same), says(200, NOW + 1, &same)],
        );
        assert_eq!(look(&bench), Looked::Applied);
        assert_eq!(bench.stripe.seen().len(), reads, "changed at {changed_at}");
    }
}

#[test]
fn work_of_after_a_scan_is_done_by_a_read() {
    let old = changed("z1", "A", NOW - 9);
    let bench = listed_both_ways(
        vec![says(200, NOW + 1, &customer("cus_1"))],
        vec![
            says(200, NOW, &zenskar(&[])),
            says(200, NOW + 1, &old),
            says(200, NOW + 1, &old),
        ],
    );
    assert_eq!(bench.scan().unwrap(), Scanned::Finished);
    assert_eq!(look(&bench), Looked::Applied);
    assert_eq!(
        bench.stripe.seen().len(),
        0,
        "it was asked for before the scan ended"
    );
    let later = bench.engine.clock.now().plus(Duration::from_secs(1));
    bench.write(move |tx| ask(tx, &cus("cus_1"), later));
    assert_eq!(look(&bench), Looked::Applied);
    assert_eq!(bench.stripe.seen().len(), 1);
}

/// Both ways, an edit in Stripe that no event told of yet must not be written over by what follows
/// from the listing; and the look after that must see it.
#[test]
fn what_a_delivery_finds_changed_since_the_listing_is_read_and_not_written_over() {
    let edited = customer("cus_1").replace(r#""A""#, r#""Edited""#);
    let theirs = changed("z1", "B", NOW - 1);
    let bench = listed_both_ways(
        vec![says(200, NOW + 2, &edited), says(200, NOW + 3, &edited)],
        vec![
            says(200, NOW + 1, &theirs),
            says(200, NOW + 3, &theirs),
            says(200, NOW + 3, &theirs),
        ],
    );
    assert_eq!(look(&bench), Looked::Applied);
    assert_eq!(bench.stripe.seen().len(), 0);
    let read = bench.engine.store.read().unwrap();
    let intent = read.intents(&cus("cus_1")).unwrap().remove(0);
    drop(read);
    assert_eq!(intent.target, Side::Stripe);
    let delivered = bench.run(bench.engine.deliver(&intent)).unwrap();
    assert_eq!(delivered, Delivered::Replan);
    assert_eq!(look(&bench), Looked::Applied);
    assert_eq!(
        bench.stripe.seen().len(),
        2,
        "the delivery read, and the look after it"
    );
    let read = bench.engine.store.read().unwrap();
    let differences = read.differences(&cus("cus_1")).unwrap();
    assert_eq!(differences[0].stripe, Value::text("Edited"));
    assert_eq!(differences[0].zenskar, Value::text("B"));
}

#[test]
fn a_gateway_that_answers_for_stripe_is_no_reason_to_read_every_customer() {
    let refusal = r#"{"error":{"type":"invalid_request_error","message":"No such parameter"}}"#;
    let bench = Bench::new(
        vec![
            says(404, NOW, "<html>not found</html>"),
            says(302, NOW, ""),
            says(400, NOW, refusal),
        ],
        Vec::new(),
    );
    bench.link("cus_1", "z1", LinkState::Active);
    bench.at_phase(ScanPhase::Stripe(None));
    for _ in 0..2 {
        assert!(matches!(bench.scan(), Err(EngineError::Remote(_))));
        assert_eq!(bench.place().phase, ScanPhase::Stripe(None));
    }
    // What Stripe itself refuses it would refuse again.
    assert!(matches!(bench.scan(), Ok(Scanned::Stopped)));
    assert!(
        bench
            .place()
            .stopped
            .is_some_and(|why| why.contains("refuses to list"))
    );
    assert!(!bench.has_work("cus_1"));
}
