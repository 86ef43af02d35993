use super::invoices::Swept;
use super::steps::Stepped;
use super::*;
use crate::engine::testing::{Bench, says};
use crate::model::collection::{Ending, Stage};
use crate::model::id::PaymentIntentId;
use crate::sync::testing::collection;

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

fn intent(status: &str) -> String {
    let of = collection(Stage::Open);
    serde_json::json!({
        "id": "pi_1", "status": status, "amount": 10_000, "amount_received": 0,
        "currency": "usd", "created": 1, "metadata": {
            "zenstripe_installation": "0a", "zenstripe_epoch": "1",
            "zenstripe_organisation": "org-1", "zenstripe_invoice": of.invoice.as_str(),
            "zenstripe_attempt": "1",
        },
    })
    .to_string()
}

/// A remote that fails again and again is no `PaymentIntent` that cannot be canceled: it is tried for
/// as long as any other work. (Seed 3222 left one to a person after ten failures.)
#[test]
fn a_payment_intent_is_canceled_however_often_stripe_failed_before() {
    let script = vec![
        says(200, 1, &intent("requires_payment_method")),
        says(200, 1, &intent("canceled")),
        says(200, 1, &intent("canceled")),
    ];
    let bench = Bench::new(script, Vec::new());
    let closing = Collection {
        attempts: 50,
        intent: PaymentIntentId::parse("pi_1").ok(),
        ..collection(Stage::Closing(Ending::NeedsCustomer))
    };
    let row = closing.clone();
    bench.write(move |tx| tx.begin_collection(&row));
    let stepped = bench.run(bench.engine.step(&closing)).unwrap();
    assert_eq!(stepped, Stepped::Moved);
    let read = bench.engine.store.read().unwrap();
    let ended = read.collection(&closing.invoice, 1).unwrap().unwrap();
    assert_eq!(ended.stage, Stage::Ended(Ending::NeedsCustomer));
    assert_eq!(bench.journal()[0], "the customer has to confirm");
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
