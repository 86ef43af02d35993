//! Charging invoices: ordered by the command line or the API, taken in Stripe, booked in Zenskar, and
//! explained. What counts is seen from outside: in both remotes' own books.

mod failures;
mod rules;
mod table;

use crate::support::daemon::{Daemon, until};
use crate::support::{LONGEST, Pair, World};
use serde_json::{Value, json};

/// Nothing is synchronised; charges are allowed.
const CHARGES: &str = "[events]\npoll = \"1s\"\n[limits]\nsame_customer_minutes = 0\n";

/// A world with customers on both sides, each with a card that works, and a daemon that may charge.
pub(crate) async fn charging(customers: usize) -> (World, Vec<Pair>, Daemon) {
    charging_with(customers, CHARGES).await
}

pub(crate) async fn charging_with(customers: usize, more: &str) -> (World, Vec<Pair>, Daemon) {
    let world = World::new().await;
    let pairs = world.pairs(customers);
    for pair in &pairs {
        card(&world, pair, "pm_card_visa");
    }
    configure(&world, more);
    let daemon = world.start().await;
    (world, pairs, daemon)
}

/// The configuration of a daemon that may charge.
pub(crate) fn configure(world: &World, more: &str) {
    let text = world.place.charging_config_text(more);
    world.place.put_config(&text).unwrap();
}

/// Gives a customer a default payment method.
pub(crate) fn card(world: &World, pair: &Pair, test_method: &str) {
    let method = world.sandbox.stripe_attach(&pair.stripe, test_method);
    let method = method.unwrap();
    assert!(
        world
            .sandbox
            .stripe_set_default(&pair.stripe, Some(&method))
    );
}

/// An approved invoice over so many cents, long due.
pub(crate) fn invoice(world: &World, pair: &Pair, number: &str, cents: i64) -> String {
    let fields = json!({
        "customer_id": pair.zenskar,
        "number": number,
        "amount": cents,
        "currency": "USD",
        "status": "approved",
        "due_date": "2020-05-01T00:00:00",
    });
    world.sandbox.zenskar_create_invoice(&fields).unwrap()
}

/// What Stripe took and what Zenskar holds, in cents, and how many payments that is.
pub(crate) fn books(world: &World) -> ((usize, i64), (usize, i64)) {
    let money = world.sandbox.money();
    let taken = money.taken.iter().map(|taken| taken.amount).sum();
    let booked = money.booked.iter().map(|booked| booked.amount).sum();
    ((money.taken.len(), taken), (money.booked.len(), booked))
}

/// Has the invoices listed, and waits until so many are seen.
pub(crate) async fn open_invoices(world: &World, count: usize) {
    let refreshed = world.output(&["invoices", "refresh"]).await;
    assert!(refreshed.status.success(), "{refreshed:?}");
    world
        .until_status(|status| status["money"]["open_invoices"] == count)
        .await;
}

/// Waits until the collections of an invoice are at these stages.
pub(crate) async fn until_stages(world: &World, invoice: &str, wanted: &[&str]) -> Value {
    for _ in 0..1_200 {
        let shown = world.json(&["why", invoice]).await;
        let stages: Vec<&str> = shown["collections"]
            .as_array()
            .map(|all| all.iter().filter_map(|one| one["stage"].as_str()).collect())
            .unwrap_or_default();
        if stages == wanted {
            return shown;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!(
        "{}\n{}",
        world.json(&["why", invoice]).await,
        world.place.log()
    );
}

#[tokio::test]
async fn a_charge_is_taken_booked_and_explained() {
    let (world, pairs, _daemon) = charging(1).await;
    let id = invoice(&world, &pairs[0], "INV-1", 12_345);
    let output = world.output(&["invoices", "charge", &id]).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}\n{}", world.place.log());
    assert!(
        said.contains("123.45 USD") && said.contains("booked"),
        "{said}"
    );
    assert_eq!(books(&world), ((1, 12_345), (1, 12_345)));
    let in_zenskar = world.sandbox.zenskar_invoice(&id);
    assert_eq!(in_zenskar["status"], "paid");
    let money = world.sandbox.money();
    let intent = &money.taken[0].payment_intent;
    assert_eq!(
        money.booked[0].external_id.as_deref(),
        Some(intent.as_str())
    );
    // A person finds it by the number that they know, with Stripe's ids.
    let output = world.output(&["why", "INV-1"]).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in [
        "INV-1: paid",
        intent,
        "charge begun",
        "money taken",
        "payment booked in Zenskar",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let payments = world.json(&["payments", "list"]).await;
    assert_eq!(payments["rows"][0]["stage"], "booked");
    assert_eq!(payments["rows"][0]["taken"]["minor"], 12_345);
    let status = world.json(&["status"]).await;
    assert_eq!(status["money"]["taken_not_booked"], 0);
}

#[tokio::test]
async fn what_is_due_is_charged_at_once_and_what_is_not_waits() {
    let (world, pairs, _daemon) = charging(3).await;
    let ids: Vec<String> = (0..3)
        .map(|number| invoice(&world, &pairs[number], &format!("INV-{number}"), 1_000))
        .collect();
    let later = json!({
        "customer_id": pairs[0].zenskar, "number": "INV-9", "amount": 1_000,
        "currency": "USD", "status": "approved", "due_date": "2099-01-01T00:00:00",
    });
    let later = world.sandbox.zenskar_create_invoice(&later).unwrap();
    open_invoices(&world, 4).await;
    let listed = world.json(&["invoices", "list"]).await;
    assert_eq!(listed["rows"][3]["number"], "INV-9");
    assert_eq!(listed["rows"][0]["due"]["text"], "10.00 USD");
    let output = world.output(&["invoices", "charge", "--all-due"]).await;
    assert!(output.status.success(), "{output:?}\n{}", world.place.log());
    assert_eq!(books(&world), ((3, 3_000), (3, 3_000)));
    for id in &ids {
        assert_eq!(world.sandbox.zenskar_invoice(id)["status"], "paid");
    }
    assert_eq!(world.sandbox.zenskar_invoice(&later)["status"], "approved");
    let run = world.json(&["invoices", "runs", "1"]).await;
    assert_eq!((&run["begun"], &run["state"]), (&json!(3), &json!("done")));
}

#[tokio::test]
async fn a_bank_debit_is_booked_when_the_bank_says_so_and_not_before() {
    let (world, pairs, _daemon) = charging(1).await;
    card(&world, &pairs[0], "pm_usBankAccount_success");
    let id = invoice(&world, &pairs[0], "INV-1", 5_000);
    let output = world.output(&["invoices", "charge", &id]).await;
    assert!(output.status.success(), "{output:?}");
    let shown = until_stages(&world, &id, &["processing"]).await;
    assert_eq!(books(&world), ((0, 0), (0, 0)));
    // While it is, nobody charges it again.
    let again = world.json(&["invoices", "charge", &id, "--no-wait"]).await;
    let intent = shown["collections"][0]["payment_intent"].as_str().unwrap();
    let skipped = async || {
        let run = again["number"].to_string();
        let run = world.json(&["invoices", "runs", &run]).await;
        run["rows"][0]["why"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let mut why = skipped().await;
    for _ in 0..600 {
        if why.contains("under way") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        why = skipped().await;
    }
    assert!(why.contains("collection 1 by charge is under way"), "{why}");
    assert!(world.sandbox.stripe_settle_debit(intent));
    until_stages(&world, &id, &["booked"]).await;
    assert_eq!(books(&world), ((1, 5_000), (1, 5_000)));
    let booked = world.sandbox.zenskar_payments();
    assert_eq!(booked[0]["payment_method"], "direct_debit");
}

#[tokio::test]
async fn a_program_charges_by_the_api_once_for_each_of_its_keys() {
    let (world, pairs, _daemon) = charging(1).await;
    let id = invoice(&world, &pairs[0], "INV-1", 2_500);
    let body = json!({ "amount": 2_500, "currency": "USD" }).to_string();
    let path = format!("/invoices/{id}/charge");
    let order = async |key: &str, body: &str| {
        let head = format!(
            "POST /api/v1{path} HTTP/1.1\r\ncontent-type: application/json\r\n\
             idempotency-key: {key}\r\n"
        );
        world.ask_socket(&head, body).await
    };
    let (status, first) = order("one", &body).await;
    assert_eq!(status, 200, "{first}");
    let (_, again) = order("one", &body).await;
    let number = |answer: &str| {
        let json: Value = serde_json::from_str(answer).unwrap();
        json["number"].clone()
    };
    assert_eq!(number(&first), number(&again));
    let (status, other) = order("one", "{}").await;
    assert_eq!(status, 409, "{other}");
    until_stages(&world, &id, &["booked"]).await;
    // Under a key of its own it is another order, and there is nothing left to take.
    let (status, _) = order("two", "{}").await;
    assert_eq!(status, 200);
    let left_out = async || {
        let runs = world.json(&["invoices", "runs"]).await;
        runs["rows"][0]["skipped"] == 1
    };
    while !left_out().await {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(books(&world), ((1, 2_500), (1, 2_500)));
}

#[tokio::test]
async fn news_of_a_payment_comes_by_webhook() {
    let (world, pairs, _daemon) = charging_with(1, "[events]\npoll = \"off\"\n").await;
    card(&world, &pairs[0], "pm_usBankAccount_success");
    let id = invoice(&world, &pairs[0], "INV-1", 5_000);
    world.output(&["invoices", "charge", &id]).await;
    let shown = until_stages(&world, &id, &["processing"]).await;
    let intent = shown["collections"][0]["payment_intent"].as_str().unwrap();
    assert!(world.sandbox.stripe_settle_debit(intent));
    let paid = || (world.sandbox.zenskar_invoice(&id)["status"] == "paid").then_some(());
    assert!(
        until(LONGEST, paid).await.is_some(),
        "{}",
        world.place.log()
    );
}
