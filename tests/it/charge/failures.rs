//! Charges while something breaks: a request or an answer is lost, a remote answers wrongly, the
//! daemon dies. Whatever happens, an invoice is paid once and booked once.

use super::{books, card, charging, invoice, open_invoices, until_stages};
use crate::support::World;
use zenstripe_sandbox::{Fault, FaultKind, Remote};

const INTENTS: &str = "/v1/payment_intents";
const PAYMENTS: &str = "/payments";

fn order_fault(world: &World, (remote, prefix): (Remote, &str), kind: FaultKind, times: u32) {
    let _id = world.sandbox.order_fault(Fault {
        remote,
        method: Some("POST".to_owned()),
        prefix: Some(prefix.to_owned()),
        skip: 0,
        times,
        kind,
    });
}

/// A charge of one invoice with this fault ends booked, once on both sides.
async fn ends_booked_once(at: (Remote, &str), kind: FaultKind, times: u32) {
    let (world, pairs, _daemon) = charging(1).await;
    let id = invoice(&world, &pairs[0], "INV-1", 7_700);
    order_fault(&world, at, kind.clone(), times);
    world
        .output(&["invoices", "charge", &id, "--no-wait"])
        .await;
    until_stages(&world, &id, &["booked"]).await;
    assert_eq!(books(&world), ((1, 7_700), (1, 7_700)), "{kind:?}");
    assert_eq!(world.sandbox.zenskar_invoice(&id)["status"], "paid");
    assert_eq!(world.sandbox.stripe_payment_intents().len(), 1, "{kind:?}");
}

#[tokio::test]
async fn lesson_6_a_lost_request_is_sent_again_under_its_key() {
    ends_booked_once((Remote::Stripe, INTENTS), FaultKind::LoseRequest, 2).await;
}

#[tokio::test]
async fn lesson_6_a_charge_whose_answer_was_lost_is_not_made_twice() {
    ends_booked_once((Remote::Stripe, INTENTS), FaultKind::LoseResponse, 2).await;
}

#[tokio::test]
async fn lesson_8_too_many_requests_and_locks_cost_time_alone() {
    let limited = FaultKind::TooManyRequests {
        reason: Some("endpoint-rate".to_owned()),
        retry_after: None,
    };
    ends_booked_once((Remote::Stripe, INTENTS), limited, 1).await;
    ends_booked_once((Remote::Stripe, INTENTS), FaultKind::LockTimeout, 1).await;
    ends_booked_once((Remote::Stripe, INTENTS), FaultKind::Conflict, 2).await;
    ends_booked_once((Remote::Stripe, INTENTS), FaultKind::Unavailable, 2).await;
}

/// Stripe keeps the error under the key and gives it again; that the money was taken is found in its
/// list.
#[tokio::test]
async fn lesson_8_an_error_that_is_stored_under_the_key_is_looked_behind() {
    let stored = FaultKind::ServerError { applied: true };
    ends_booked_once((Remote::Stripe, INTENTS), stored, 1).await;
}

#[tokio::test]
async fn money_d17_a_booking_whose_answer_was_lost_is_not_made_twice() {
    ends_booked_once((Remote::Zenskar, PAYMENTS), FaultKind::LoseResponse, 1).await;
    let applied = FaultKind::ServerError { applied: true };
    ends_booked_once((Remote::Zenskar, PAYMENTS), applied, 1).await;
}

#[tokio::test]
async fn money_d17_a_booking_that_was_lost_is_made_after_two_looks() {
    ends_booked_once((Remote::Zenskar, PAYMENTS), FaultKind::LoseRequest, 1).await;
    let failed = FaultKind::ServerError { applied: false };
    ends_booked_once((Remote::Zenskar, PAYMENTS), failed, 1).await;
}

/// The daemon is killed at each request of a charge in turn; another one brings it to its end.
#[tokio::test]
async fn lesson_7_killed_at_every_step_a_charge_is_made_once_and_booked_once() {
    let (world, pairs, mut daemon) = charging(1).await;
    for (number, (remote, prefix)) in [
        (Remote::Stripe, INTENTS),
        (Remote::Zenskar, PAYMENTS),
        (Remote::Stripe, INTENTS),
        (Remote::Zenskar, PAYMENTS),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("INV-{number}");
        let id = invoice(&world, &pairs[0], &name, 1_000);
        // The first two die while the answer is held back, the others before the request arrives.
        let kind = if number < 2 {
            FaultKind::Delay { ms: 3_000 }
        } else {
            FaultKind::LoseRequest
        };
        order_fault(&world, (remote, prefix), kind, 1);
        world
            .output(&["invoices", "charge", &id, "--no-wait"])
            .await;
        let fired = || {
            let counts = world.sandbox.fault_counts();
            counts.iter().all(|count| count.fired > 0)
        };
        while !fired() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        daemon.kill().await.unwrap();
        daemon = world.start().await;
        until_stages(&world, &id, &["booked"]).await;
        let done = number + 1;
        let sum = i64::try_from(done).unwrap() * 1_000;
        assert_eq!(books(&world), ((done, sum), (done, sum)), "{number}");
    }
}

#[tokio::test]
async fn a_declined_card_is_canceled_in_stripe_before_another_try() {
    let (world, pairs, _daemon) = charging(1).await;
    card(&world, &pairs[0], "pm_card_chargeDeclinedInsufficientFunds");
    let id = invoice(&world, &pairs[0], "INV-1", 3_000);
    let output = world.output(&["invoices", "charge", &id]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("declined") && said.contains("insufficient_funds"),
        "{said}"
    );
    let status = |number: usize| {
        let intents = world.sandbox.stripe_payment_intents();
        let found = &intents[number]["status"];
        found.as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(status(0), "canceled");
    card(&world, &pairs[0], "pm_card_visa");
    let output = world.output(&["invoices", "charge", &id]).await;
    assert!(output.status.success(), "{output:?}\n{}", world.place.log());
    until_stages(&world, &id, &["declined", "booked"]).await;
    assert_eq!(books(&world), ((1, 3_000), (1, 3_000)));
}

#[tokio::test]
async fn money_c12_a_card_that_wants_its_owner_is_no_decline() {
    let (world, pairs, _daemon) = charging(1).await;
    card(&world, &pairs[0], "pm_card_authenticationRequired");
    let id = invoice(&world, &pairs[0], "INV-1", 3_000);
    let output = world.output(&["invoices", "charge", &id]).await;
    assert_eq!(output.status.code(), Some(1));
    let shown = until_stages(&world, &id, &["needs the customer"]).await;
    let why = shown["collections"][0]["why"].as_str().unwrap();
    assert!(why.contains("confirm"), "{why}");
    assert_eq!(
        world.sandbox.stripe_payment_intents()[0]["status"],
        "canceled"
    );
}

/// Zenskar does not take the payment: the loudest state there is, which a person sees and repairs.
#[tokio::test]
async fn money_that_cannot_be_booked_waits_in_sight_of_people() {
    let (world, pairs, _daemon) = charging(1).await;
    let id = invoice(&world, &pairs[0], "INV-1", 4_000);
    order_fault(
        &world,
        (Remote::Zenskar, PAYMENTS),
        FaultKind::Refuse { status: 422 },
        1_000,
    );
    world
        .output(&["invoices", "charge", &id, "--no-wait"])
        .await;
    let status = world
        .until_status(|status| status["money"]["awaiting_person"] == 1)
        .await;
    assert_eq!(status["money"]["taken_not_booked"], 1);
    assert_eq!(status["state"], "degraded");
    let problem = status["problems"][0]["what"].as_str().unwrap();
    assert!(problem.contains("money taken and not booked"), "{problem}");
    assert_eq!(books(&world), ((1, 4_000), (0, 0)));
    world.sandbox.clear_faults();
    let output = world.output(&["payments", "retry", "INV-1"]).await;
    assert!(output.status.success(), "{output:?}");
    until_stages(&world, &id, &["booked"]).await;
    assert_eq!(books(&world), ((1, 4_000), (1, 4_000)));
}

/// A copy of the store that knows nothing of a charge orders it again: Stripe knows the key. With the
/// same contents it is the same charge, with others Stripe refuses it, and charges freeze.
#[tokio::test]
async fn money_c11_a_copy_of_the_store_collides_at_stripe_instead_of_charging() {
    for other_card in [false, true] {
        let (world, pairs, daemon) = charging(1).await;
        let id = invoice(&world, &pairs[0], "INV-1", 4_000);
        open_invoices(&world, 1).await;
        let store = world.place.directory.join("zenstripe.redb");
        let copied = world.place.directory.join("copy.redb");
        daemon.stop().await.unwrap();
        std::fs::copy(&store, &copied).unwrap();
        let daemon = world.start().await;
        let refused = FaultKind::Refuse { status: 503 };
        order_fault(&world, (Remote::Zenskar, PAYMENTS), refused, 1_000);
        world
            .output(&["invoices", "charge", &id, "--no-wait"])
            .await;
        world
            .until_status(|status| status["money"]["taken_not_booked"] == 1)
            .await;
        daemon.stop().await.unwrap();
        std::fs::copy(&copied, &store).unwrap();
        world.sandbox.clear_faults();
        if other_card {
            card(&world, &pairs[0], "pm_card_visa");
        }
        let _daemon = world.start().await;
        world
            .output(&["invoices", "charge", &id, "--no-wait"])
            .await;
        if other_card {
            let status = world
                .until_status(|status| status["money"]["freeze"]["frozen"] == true)
                .await;
            let why = status["money"]["freeze"]["reason"].as_str().unwrap();
            assert!(why.contains("another copy of this store"), "{why}");
        } else {
            until_stages(&world, &id, &["booked"]).await;
            assert_eq!(books(&world).1, (1, 4_000));
        }
        assert_eq!(books(&world).0, (1, 4_000), "{}", world.place.log());
    }
}

/// A charge that nobody answers, for good, ends when Stripe surely never saw it, and not before.
#[tokio::test]
async fn a_charge_without_an_answer_keeps_its_lease() {
    let (world, pairs, _daemon) = charging(1).await;
    let id = invoice(&world, &pairs[0], "INV-1", 4_000);
    order_fault(
        &world,
        (Remote::Stripe, INTENTS),
        FaultKind::LoseRequest,
        1_000,
    );
    world
        .output(&["invoices", "charge", &id, "--no-wait"])
        .await;
    let shown = until_stages(&world, &id, &["unknown"]).await;
    assert!(shown["refused"].as_str().unwrap().contains("under way"));
    world.sandbox.clear_faults();
    until_stages(&world, &id, &["booked"]).await;
    assert_eq!(books(&world), ((1, 4_000), (1, 4_000)));
}

/// No copy of the request had arrived, and the customer paid in another way meanwhile: a repeat would
/// be what takes the money, and is not sent.
#[tokio::test]
async fn money_c13_a_repeat_does_not_take_what_is_paid_meanwhile() {
    let (world, pairs, _daemon) = charging(1).await;
    let id = invoice(&world, &pairs[0], "INV-1", 4_000);
    order_fault(
        &world,
        (Remote::Stripe, INTENTS),
        FaultKind::LoseRequest,
        1_000,
    );
    world
        .output(&["invoices", "charge", &id, "--no-wait"])
        .await;
    until_stages(&world, &id, &["unknown"]).await;
    let by_hand = serde_json::json!({
        "customer_id": pairs[0].zenskar, "amount": 4_000, "currency_code": "USD",
        "status": "success", "native": false,
        "payment_parts": [{"invoice_id": id, "amount": 4_000}],
    });
    world.sandbox.zenskar_add_payment(&by_hand).unwrap();
    world.sandbox.clear_faults();
    let is_noticed = async || {
        let shown = world.json(&["why", &id]).await;
        let why = shown["collections"][0]["why"].as_str();
        why.is_some_and(|why| why.contains("the invoice owes less"))
    };
    while !is_noticed().await {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(books(&world).0, (0, 0));
}
