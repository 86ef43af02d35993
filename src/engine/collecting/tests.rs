use super::*;
use crate::engine::collecting::invoices::Swept;
use crate::engine::testing::{Bench, says};

#[test]
fn a_day_begins_where_the_operator_is() {
    let due = Timestamp::from_seconds(1_779_148_800);
    assert_eq!(due.to_string(), "2026-05-19T00:00:00Z");
    let bench = Bench::new(Vec::new(), Vec::new());
    let settings = bench.engine.settings();
    let in_zone = |offset| Collecting {
        time_zone: TimeZone::fixed(jiff::tz::offset(offset)),
        ..settings.collecting.clone()
    };
    for (offset, expected) in [
        (0, "2026-05-19T00:00:00Z"),
        (5, "2026-05-18T19:00:00Z"),
        (-8, "2026-05-19T08:00:00Z"),
    ] {
        let begins = in_zone(offset).day_begins(due);
        assert_eq!(begins.to_string(), expected, "{offset}");
        // A time of day does not make it another day.
        let noon = due.plus(std::time::Duration::from_secs(12 * 3_600));
        assert_eq!(in_zone(offset).day_begins(noon), begins);
    }
}

#[test]
fn a_sweep_that_is_wanted_while_one_is_under_way_begins_after_it() {
    let none = || says(200, 0, r#"{"results":[],"next":null}"#);
    let bench = Bench::new(Vec::new(), vec![none(), none()]);
    let until = |stop_at: usize| {
        for step in 1..=stop_at {
            let swept = bench.run(bench.engine.sweep_invoices()).unwrap();
            if let Swept::Until(next_at) = swept {
                assert!(next_at > bench.clock_now());
                return Some(step);
            }
        }
        None
    };
    // It began, and listed.
    assert_eq!(until(2), None);
    bench.engine.want_invoice_sweep();
    assert!(until(9).is_some());
    assert_eq!(bench.zenskar.seen().len(), 2);
}
