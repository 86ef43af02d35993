use super::*;
use crate::engine::testing::{Bench, Script, says};
use crate::model::cursor::ScanCursor;

const DAY: i64 = 86_400;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn event(number: u32, created: i64) -> String {
    format!(
        r#"{{"id":"evt_{number}","object":"event","type":"customer.updated","livemode":false,
        "created":{created},"api_version":"v1",
        "data":{{"object":{{"id":"cus_1","object":"customer"}}}}}}"#
    )
}

fn page(events: &[String], has_more: bool) -> String {
    format!(
        r#"{{"object":"list","data":[{}],"has_more":{has_more}}}"#,
        events.join(",")
    )
}

fn gone() -> String {
    r#"{"error":{"type":"invalid_request_error","param":"starting_after","message":"no"}}"#
        .to_owned()
}

fn bench(stripe: Script, high: i64) -> Bench {
    let bench = Bench::new(stripe, Vec::new());
    bench.write(move |tx| {
        tx.set_poll_cursor(&PollCursor {
            high: Some(at(high)),
            window: None,
        })
    });
    bench
}

impl Bench {
    fn poll(&self) -> Polled {
        self.run(self.engine.poll_page()).unwrap()
    }

    fn cursor(&self) -> PollCursor {
        self.engine.store.read().unwrap().poll_cursor().unwrap()
    }

    fn scan_cursor(&self) -> ScanCursor {
        self.engine.store.read().unwrap().scan_cursor().unwrap()
    }
}

#[test]
fn polling_is_fast_only_where_it_is_needed_and_allowed() {
    for (ingress, found, used, days, expected) in [
        (true, 0, 0, 30, POLL_SLOW),
        (true, 3, 0, 30, POLL_FAST),
        (false, 0, 0, 30, POLL_BUSY),
        // 26 days for the last 5,000 reads, and for the last 10.
        (false, 3, 5_000, 26, Duration::from_secs(449)),
        (false, 3, 9_990, 26, POLL_SCARCE),
        (false, 3, 12_000, 1, POLL_SCARCE),
        (true, 0, 6_000, 1, POLL_SLOW),
    ] {
        assert_eq!(
            adaptive(ingress, found, used, days),
            expected,
            "{ingress} {found} {used} {days}"
        );
    }
}

#[test]
fn polling_alone_never_uses_the_allowance_up() {
    for found in [0, 1] {
        let (mut used, mut seconds) = (0_u64, 0_u64);
        while seconds < 30 * 86_400 {
            used += 1;
            let days = 30 - u32::try_from(seconds / 86_400).unwrap();
            seconds += adaptive(false, found, used, days).as_secs();
        }
        assert!(used <= READS_FLOOR, "{found}: {used}");
    }
}

#[test]
fn the_pause_spreads_what_is_left_until_the_oldest_reads_count_no_more() {
    let bench = bench(Vec::new(), 0);
    bench.clock.set(at(100 * DAY));
    bench.write(|tx| tx.add_reads(74, 9_000));
    // Day 74 leaves the 30 days four days from now.
    let pause = bench.engine.poll_pause(1).unwrap().unwrap();
    assert_eq!(pause, Duration::from_secs(4 * 86_400 / 1_000));
}

#[test]
fn only_what_a_webhook_should_have_brought_by_now_makes_polling_fast() {
    let now = 2_000_000;
    let first = page(&[event(3, now - 10), event(2, now - 70)], true);
    let last = page(&[event(1, now - 90)], false);
    let bench = bench(
        vec![says(200, now, &first), says(200, now, &last)],
        now - 300,
    );
    let polled = bench.poll();
    assert_eq!((polled.new, polled.found, polled.complete), (2, 1, false));
    // The second page tells of the whole window.
    let polled = bench.poll();
    assert_eq!((polled.new, polled.found, polled.complete), (1, 2, true));
    assert_eq!(bench.cursor().high, Some(at(now).minus(LAG)));
}

#[test]
fn the_first_poll_begins_where_the_first_listing_began() {
    let now = 2_000_000;
    let bench = Bench::new(vec![says(200, now, &page(&[], false))], Vec::new());
    bench.write(move |tx| {
        tx.set_scan_cursor(&ScanCursor {
            stripe_started_at: Some(at(now - 500)),
            ..ScanCursor::default()
        })
    });
    assert!(bench.poll().complete);
    assert_eq!(bench.cursor().high, Some(at(now - 500)));
}

#[test]
fn a_window_that_outlives_the_list_asks_for_a_scan_once() {
    let now = 40 * DAY;
    let early = page(&[event(4, DAY + 1_000)], true);
    let later = |number| page(&[event(number, DAY + 500)], true);
    let bench = bench(
        vec![
            says(200, 20 * DAY, &early),
            says(200, now, &later(3)),
            says(200, now, &later(2)),
        ],
        DAY,
    );
    bench.poll();
    assert!(!bench.scan_cursor().wanted);
    bench.poll();
    assert!(bench.scan_cursor().wanted);
    bench.write(|tx| tx.set_scan_cursor(&ScanCursor::default()));
    bench.poll();
    assert!(!bench.scan_cursor().wanted);
    assert_eq!(bench.journal(), ["gap in events"]);
}

#[test]
fn a_place_that_is_gone_again_and_again_ends_in_a_scan() {
    let now = 2_000_000;
    let mut script = Vec::new();
    for number in 0..=RESTARTS_MAX {
        script.push(says(200, now, &page(&[event(number, now - 90)], true)));
        script.push(says(400, now, &gone()));
    }
    let bench = bench(script, now - 300);
    for restarts in 1..=RESTARTS_MAX {
        bench.poll();
        assert!(bench.poll().again);
        let window = bench.cursor().window.unwrap();
        assert_eq!((window.restarts, window.after), (restarts, None));
    }
    bench.poll();
    assert!(bench.poll().again);
    assert_eq!(bench.cursor().window, None);
    assert!(bench.scan_cursor().wanted);
    assert_eq!(bench.journal(), ["gap in events"]);
}

#[test]
fn events_that_cannot_be_read_are_left_to_a_scan_a_day() {
    let now = 2_000_000;
    let bad = page(&[r#"{"id":"evt_9","object":"event"}"#.to_owned()], false);
    let answer = || says(200, now, &bad);
    let bench = bench(vec![answer(), answer()], now - 300);
    bench.poll();
    assert!(bench.scan_cursor().wanted);
    assert_eq!(bench.journal(), ["unreadable events"]);
    assert_eq!(bench.engine.left_out.unreadable(), 1);
    bench.write(|tx| {
        let cursor = tx.scan_cursor()?;
        tx.set_scan_cursor(&ScanCursor {
            wanted: false,
            ..cursor
        })
    });
    // The next window meets it again, or another one: that is for tomorrow.
    bench.poll();
    let scan = bench.scan_cursor();
    assert!(!scan.wanted);
    assert!(scan.unread_again > scan.unread_at);
    assert_eq!(bench.journal().len(), 1);
}

#[test]
fn events_of_the_other_mode_are_counted() {
    let now = 2_000_000;
    let other = event(1, now - 90).replace("false", "true");
    let bench = bench(vec![says(200, now, &page(&[other], false))], now - 300);
    assert_eq!(bench.poll().new, 0);
    assert_eq!(bench.engine.left_out.other_mode(), 1);
}

#[test]
fn a_wrong_date_in_the_future_is_stepped_back_from() {
    let now = 2_000_000;
    let empty = page(&[], false);
    let bench = bench(
        vec![
            says(200, now + 400 * DAY, &empty),
            says(200, now, &empty),
            says(200, now + 5, &page(&[event(1, now - 90)], false)),
        ],
        now - 300,
    );
    bench.poll();
    assert!(bench.cursor().high > Some(at(now + 300 * DAY)));
    bench.write(|tx| tx.set_scan_cursor(&ScanCursor::default()));
    assert!(!bench.poll().complete);
    assert_eq!(bench.cursor().high, Some(at(now).minus(LAG)));
    assert!(bench.scan_cursor().wanted);
    assert_eq!(bench.poll().new, 1);
}

#[test]
fn a_date_that_its_own_events_contradict_moves_nothing_back() {
    let now = 2_000_000;
    let bench = bench(
        vec![says(200, 1_000, &page(&[event(1, now - 90)], false))],
        now - 300,
    );
    let polled = bench.poll();
    assert_eq!((polled.new, polled.complete), (1, true));
    assert_eq!(bench.cursor().high, Some(at(now - 300)));
}

#[test]
fn polled_events_of_another_account_are_left_out_and_counted() {
    use crate::model::id::OrganisationId;
    use crate::store::{Identity, Mode};

    let now = 2_000_000;
    let of = |number, account: &str| {
        let named = format!(r#""account":"{account}","livemode""#);
        event(number, now - 90).replace(r#""livemode""#, &named)
    };
    let events = [event(3, now - 90), of(2, "acct_other"), of(1, "acct_ours")];
    let bench = bench(vec![says(200, now, &page(&events, false))], now - 300);
    let identity = Identity {
        account: AccountId::parse("acct_ours").unwrap(),
        mode: Mode::Test,
        organisation: OrganisationId::parse("org-1").unwrap(),
    };
    bench.write(move |tx| tx.set_identity(&identity));
    assert_eq!(bench.poll().new, 2);
    assert_eq!(bench.engine.left_out.other_account(), 1);
    let read = bench.engine.store.read().unwrap();
    let foreign = EventId::parse("evt_2").unwrap();
    assert!(read.event_by_id(&foreign).unwrap().is_none());
}
