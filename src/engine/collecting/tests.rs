use super::*;
use crate::engine::testing::Bench;

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
