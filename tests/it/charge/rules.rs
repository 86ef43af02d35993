//! What keeps an invoice from being charged, and that it is said.

use super::{books, charging, charging_with, invoice, open_invoices, until_stages};
use crate::support::World;
use serde_json::json;

/// Orders a charge and gives why it was left out.
async fn left_out(world: &World, id: &str) -> String {
    let output = world.output(&["invoices", "charge", id, "--json"]).await;
    let run: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(run["rows"][0]["state"], "skipped", "{run}");
    run["rows"][0]["why"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn money_a1_nothing_is_charged_before_somebody_says_who_collects() {
    let world = World::new().await;
    let pairs = world.pairs(1);
    world.configure("");
    let _daemon = world.start().await;
    let id = invoice(&world, &pairs[0], "INV-1", 1_000);
    let output = world.output(&["invoices", "charge", &id]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("zenskar.native_stripe is not set"), "{said}");
}

#[tokio::test]
async fn money_a3_test_charges_are_refused_for_a_live_organisation() {
    let (world, pairs, daemon) = charging(1).await;
    let id = invoice(&world, &pairs[0], "INV-1", 1_000);
    let text = std::fs::read_to_string(world.place.config()).unwrap();
    let text = text.replace(
        "native_stripe = \"off\"\n",
        "native_stripe = \"off\"\nkind = \"live\"\n",
    );
    world.place.put_config(&text).unwrap();
    daemon.stop().await.unwrap();
    let _daemon = world.start().await;
    let output = world.output(&["invoices", "charge", &id]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("Stripe is in test mode"), "{said}");
    assert_eq!(books(&world).0, (0, 0));
}

#[tokio::test]
async fn an_invoice_is_left_out_with_a_reason_that_says_what_to_do() {
    let (world, pairs, _daemon) = charging(2).await;
    let paid = invoice(&world, &pairs[0], "INV-1", 1_000);
    assert!(world.sandbox.zenskar_void_invoice(&paid));
    assert!(left_out(&world, &paid).await.contains("it is void"));
    let small = invoice(&world, &pairs[0], "INV-2", 20);
    assert!(
        left_out(&world, &small)
            .await
            .contains("less than Stripe charges")
    );
    world.sandbox.stripe_set_default(&pairs[1].stripe, None);
    let bare = invoice(&world, &pairs[1], "INV-3", 1_000);
    assert!(
        left_out(&world, &bare)
            .await
            .contains("no default payment method")
    );
    let detached = world
        .sandbox
        .stripe_attach(&pairs[1].stripe, "pm_card_visa");
    let detached = detached.unwrap();
    world
        .sandbox
        .stripe_set_default(&pairs[1].stripe, Some(&detached));
    world.sandbox.stripe_detach(&detached);
    let why = left_out(&world, &bare).await;
    assert!(why.contains("payment method"), "{why}");
    let none = world.output(&["invoices", "charge", "INV-404"]).await;
    assert_eq!(none.status.code(), Some(1));
    assert_eq!(books(&world), ((0, 0), (0, 0)));
    // The reason stays with the invoice.
    let shown = world.json(&["why", "INV-2"]).await;
    assert_eq!(shown["history"][0]["what"], "not charged");
}

#[tokio::test]
async fn money_a2_a_native_payment_under_way_refuses_and_a_new_one_freezes() {
    let (world, pairs, _daemon) = charging(1).await;
    let id = invoice(&world, &pairs[0], "INV-1", 1_000);
    let native = json!({
        "customer_id": pairs[0].zenskar, "amount": 1_000, "currency_code": "USD",
        "status": "in_progress", "payment_parts": [{"invoice_id": id, "amount": 1_000}],
    });
    world.sandbox.zenskar_add_payment(&native).unwrap();
    world
        .output(&["invoices", "charge", &id, "--no-wait"])
        .await;
    let status = world
        .until_status(|status| status["money"]["freeze"]["frozen"] == true)
        .await;
    let why = status["money"]["freeze"]["reason"].as_str().unwrap();
    assert!(
        why.contains("Zenskar's own connector made payment"),
        "{why}"
    );
    assert_eq!(books(&world).0, (0, 0));
}

#[tokio::test]
async fn money_b8_a_freeze_stops_what_is_to_begin_and_ends_by_a_person() {
    let (world, pairs, _daemon) = charging(1).await;
    let id = invoice(&world, &pairs[0], "INV-1", 1_000);
    world.output(&["freeze", "an audit"]).await;
    let run = world.json(&["invoices", "charge", &id, "--no-wait"]).await;
    assert_eq!(run["waiting"], 1);
    let shown = world.json(&["why", &id]).await;
    assert!(shown["refused"].as_str().unwrap().contains("an audit"));
    assert_eq!(books(&world).0, (0, 0));
    let ended = world.json(&["unfreeze"]).await;
    assert_eq!(ended["frozen"], false);
    until_stages(&world, &id, &["booked"]).await;
    let activity = world.json(&["status"]).await;
    assert_eq!(activity["money"]["freeze"]["frozen"], false);
}

#[tokio::test]
async fn money_b8_too_many_charges_trip_the_brake() {
    let more =
        "[events]\npoll = \"1s\"\n[limits]\nsame_customer_minutes = 0\ncharges_per_hour = 2\n";
    let (world, pairs, _daemon) = charging_with(3, more).await;
    for (number, pair) in pairs.iter().enumerate() {
        invoice(&world, pair, &format!("INV-{number}"), 1_000);
    }
    open_invoices(&world, 3).await;
    world
        .output(&["invoices", "charge", "--all-due", "--no-wait"])
        .await;
    let status = world
        .until_status(|status| {
            status["money"]["freeze"]["frozen"] == true && status["money"]["collecting"] == 0
        })
        .await;
    let why = status["money"]["freeze"]["reason"].as_str().unwrap();
    assert!(why.contains("more than 2 charges in an hour"), "{why}");
    // What had begun and not left when charges froze is taken back.
    let (taken, booked) = books(&world);
    assert!(taken.0 <= 2, "{taken:?}");
    assert_eq!(taken, booked);
}

#[tokio::test]
async fn money_c15_an_amount_that_changed_since_it_was_confirmed_is_left_out() {
    let (world, pairs, _daemon) = charging(1).await;
    let id = invoice(&world, &pairs[0], "INV-1", 1_000);
    assert!(world.sandbox.zenskar_credit_note(&id, 200));
    let head =
        format!("POST /api/v1/invoices/{id}/charge HTTP/1.1\r\ncontent-type: application/json\r\n");
    let body = json!({ "amount": 1_000, "currency": "USD" }).to_string();
    let (status, _) = world.ask_socket(&head, &body).await;
    assert_eq!(status, 200);
    loop {
        let run = world.json(&["invoices", "runs", "1"]).await;
        if run["skipped"] == 1 {
            let why = run["rows"][0]["why"].as_str().unwrap();
            assert!(why.contains("8.00 USD is due now"), "{why}");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(books(&world).0, (0, 0));
}

#[tokio::test]
async fn an_interrupted_run_begins_nothing_until_it_is_resumed() {
    let more = "[events]\npoll = \"1s\"\n[limits]\nsame_customer_minutes = 60\n";
    let (world, pairs, _daemon) = charging_with(1, more).await;
    let first = invoice(&world, &pairs[0], "INV-1", 1_000);
    let second = invoice(&world, &pairs[0], "INV-2", 1_000);
    world
        .output(&["invoices", "charge", &first, &second, "--no-wait"])
        .await;
    // The customer is charged once; the second invoice waits for its turn.
    let waits = async || {
        let run = world.json(&["invoices", "runs", "1"]).await;
        let rows = run["rows"].as_array().unwrap().clone();
        rows.iter().any(|row| {
            row["why"]
                .as_str()
                .is_some_and(|why| why.contains("a moment ago"))
        })
    };
    while !waits().await {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let output = world.output(&["invoices", "interrupt", "1"]).await;
    assert!(output.status.success());
    let run = world.json(&["invoices", "runs", "1"]).await;
    assert_eq!(run["state"], "interrupted");
    world.output(&["invoices", "resume", "1"]).await;
    let run = world.json(&["invoices", "runs", "1"]).await;
    assert_eq!(run["state"], "waiting");
}
