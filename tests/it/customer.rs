//! A customer changes in Stripe, and what becomes of it in Zenskar.

use crate::support::{LONGEST, POLLING, Pair, WEBHOOKS, World, daemon::until};
use serde_json::{Value, json};

/// Import of every field and a pair of metadata; webhooks alone.
const METADATA: &str = "[customers]\nsync = \"import-only\"\n\
    metadata = { account_manager = \"csm\" }\n[events]\npoll = \"off\"\n";

/// The same without the pair.
const ONE_FIELD: &str =
    "[customers]\nsync = \"import-only\"\nfields = [\"shipping.name\"]\n[events]\npoll = \"off\"\n";

/// Waits until Zenskar's customer holds `value` at this JSON pointer.
async fn until_at(world: &World, pair: &Pair, place: &str, value: &Value) {
    let customer = || world.sandbox.zenskar_customer(&pair.zenskar);
    let arrived = || (customer().pointer(place) == Some(value)).then_some(());
    let shown = until(LONGEST, arrived).await;
    assert!(
        shown.is_some(),
        "{place}: {}\n{}",
        customer(),
        world.place.log()
    );
}

#[tokio::test]
async fn a_customer_change_arrives_by_webhook_alone() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let daemon = world.linked(WEBHOOKS, 1).await;
    let patch = json!({ "email": "new@example.com", "name": "New Name", "phone": "+1 555 0100" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world.until_zenskar(&pair, "email", "new@example.com").await;
    world
        .until_zenskar(&pair, "customer_name", "New Name")
        .await;
    world
        .until_zenskar(&pair, "phone_number", "+1 555 0100")
        .await;
    let events = world.json(&["events", "list"]).await;
    assert_eq!(events["rows"][0]["channel"], "webhook");
    assert!(daemon.stop().await.unwrap().success());
}

#[tokio::test]
async fn a_customer_change_arrives_by_polling_alone() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    world
        .sandbox
        .switch(|switches| switches.stripe.drop_webhooks = true);
    let daemon = world.linked(POLLING, 1).await;
    let patch = json!({ "email": "new@example.com" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world.until_zenskar(&pair, "email", "new@example.com").await;
    let events = world.json(&["events", "list"]).await;
    assert_eq!(events["rows"][0]["channel"], "poll");
    assert!(daemon.stop().await.unwrap().success());
}

#[tokio::test]
async fn an_event_of_an_unlinked_customer_is_taken_up_when_a_person_links_it() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    let _daemon = world.start().await;
    let stripe = world
        .sandbox
        .stripe_create_customer(&json!({ "name": "Alone", "email": "alone@example.com" }));
    let zenskar = world
        .sandbox
        .zenskar_create_customer(&json!({ "customer_name": "Alone", "email": "alone@example.com" }))
        .unwrap();
    let patch = json!({ "email": "found@example.com" });
    world.sandbox.stripe_update_customer(&stripe, &patch);
    world
        .until_status(|status| status["queues"]["parked"] == 1)
        .await;
    let unlinked = world.json(&["customers", "list", "--unlinked"]).await;
    assert_eq!(unlinked["rows"][0]["stripe"], stripe.as_str());

    let linked = world
        .output(&["customers", "link", &stripe, &zenskar])
        .await;
    assert!(linked.status.success(), "{linked:?}");
    let pair = Pair { stripe, zenskar };
    world
        .until_zenskar(&pair, "email", "found@example.com")
        .await;
    let shown = world.json(&["customers", "show", &pair.zenskar]).await;
    assert_eq!(shown["row"]["state"], "linked");
    let whose = shown["history"].as_array().unwrap();
    assert!(
        whose.iter().any(|line| line["who"] != "engine"),
        "the person is named: {whose:?}"
    );
}

#[tokio::test]
async fn a_write_that_zenskar_refuses_is_a_dead_letter_until_a_person_retries_it() {
    let world = World::new().await;
    let pairs = world.pairs(2);
    let _daemon = world.linked(WEBHOOKS, 2).await;
    let taken = world.in_zenskar(&pairs[1], "email");
    let patch = json!({ "email": taken });
    world
        .sandbox
        .stripe_update_customer(&pairs[0].stripe, &patch);
    let status = world
        .until_status(|status| status["queues"]["dead"] == 1)
        .await;
    assert_eq!(status["state"], "degraded");
    assert_eq!(world.output(&["status"]).await.status.code(), Some(3));
    let dead = world.json(&["dead", "list"]).await;
    let number = dead["rows"][0]["number"].to_string();

    // Dropped and taken back, it waits as before.
    let dropped = world.output(&["dead", "drop", &number]).await;
    assert!(dropped.status.success(), "{dropped:?}");
    world
        .until_status(|status| status["queues"]["dead"] == 0)
        .await;
    let kept = world.json(&["dead", "dropped"]).await;
    assert_eq!(kept["rows"][0]["kind"], "change", "{kept}");
    let back = world.output(&["dead", "take-back", &number]).await;
    assert!(back.status.success(), "{back:?}");
    world
        .until_status(|status| {
            status["queues"]["dead"] == 1
                && status["queues"]["work"] == 0
                && status["differences"] == json!({ "refused": 1 })
        })
        .await;

    let freed = json!({ "email": "another@example.com" });
    world
        .sandbox
        .zenskar_update_customer(&pairs[1].zenskar, &freed)
        .unwrap();
    let retried = world.output(&["dead", "retry", &number]).await;
    assert!(retried.status.success(), "{retried:?}");
    world.until_zenskar(&pairs[0], "email", &taken).await;
    world
        .until_status(|status| status["queues"]["dead"] == 0)
        .await;
}

#[tokio::test]
async fn a_pair_of_metadata_and_a_shipping_address_arrive() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let theirs = json!({ "custom_data": { "region": "EMEA", "seats": 7, "none": null } });
    world
        .sandbox
        .zenskar_update_customer(&pair.zenskar, &theirs)
        .unwrap();
    let _daemon = world.linked(METADATA, 1).await;
    let patch = json!({
        "metadata": { "account_manager": "Jane", "other": "stays" },
        "preferred_locales": ["fr-CA", "en"],
        "shipping": { "name": "Dock 4", "phone": "+33 1 23",
            "address": { "line1": "4 Quai", "city": "Lyon", "country": "FR" } },
    });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    until_at(&world, &pair, "/custom_data/csm", &json!("Jane")).await;
    let customer = world.sandbox.zenskar_customer(&pair.zenskar);
    assert_eq!(
        customer["custom_data"],
        json!({ "region": "EMEA", "seats": 7, "csm": "Jane", "shipping_name": "Dock 4",
            "shipping_phone": "+33 1 23", "preferred_locale": "fr-CA" })
    );
    let address = &customer["ship_to_address"];
    assert_eq!(
        (
            &address["line1"],
            &address["city"],
            &address["country_code"]
        ),
        (&json!("4 Quai"), &json!("Lyon"), &json!("FR"))
    );
    // Zenskar holds it a moment before its answer is recorded.
    world
        .until_status(|status| status["queues"]["outbox"] == 0)
        .await;
    let shown = world.json(&["customers", "show", &pair.stripe]).await;
    let fields = shown["fields"].as_array().unwrap();
    let row = fields
        .iter()
        .find(|row| row["field"] == "metadata.account_manager");
    assert_eq!(row.unwrap()["agreed"], "Jane", "{shown}");

    // A pair that leaves the selection stops moving at once.
    world.configure(ONE_FIELD);
    assert!(world.output(&["reload"]).await.status.success());
    let patch = json!({ "metadata": { "account_manager": "Joe" },
        "shipping": { "name": "Dock 5", "address": { "line1": "5 Quai" } } });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    until_at(
        &world,
        &pair,
        "/custom_data/shipping_name",
        &json!("Dock 5"),
    )
    .await;
    let customer = world.sandbox.zenskar_customer(&pair.zenskar);
    assert_eq!(customer["custom_data"]["csm"], "Jane");
    assert_eq!(customer["ship_to_address"]["line1"], "4 Quai");
}

#[tokio::test]
async fn tax_ids_arrive_in_zenskar_though_no_event_of_the_customer_shows_them() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(WEBHOOKS, 1).await;
    let ids = json!([{ "type": "eu_vat", "value": "DE123456789" },
        { "type": "us_ein", "value": "12-3456789" }]);
    let patch = json!({ "tax_ids": ids });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    let whole = json!([
        { "country_code": "DE", "tax_code": "VAT", "tax_id": "DE123456789" },
        { "country_code": "USA", "tax_code": "EIN", "tax_id": "12-3456789" },
    ]);
    until_at(&world, &pair, "/tax_info", &whole).await;
    // An update of the customer, whose snapshot holds none, takes nothing back.
    let patch = json!({ "name": "Renamed" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world.until_zenskar(&pair, "customer_name", "Renamed").await;
    let patch = json!({ "tax_ids": [ids[0]] });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    until_at(&world, &pair, "/tax_info", &json!([whole[0]])).await;
    let shown = world.json(&["customers", "show", &pair.stripe]).await;
    assert_eq!(shown["row"]["differences"], json!([]), "{shown}");
}

/// Stripe shows ten of them inside the customer.
#[tokio::test]
async fn all_tax_ids_arrive_however_many_there_are() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(WEBHOOKS, 1).await;
    let number = |at: u32| format!("DE{}", 100_000_000 + at);
    let ids: Vec<_> = (0..113)
        .map(|at| json!({ "type": "eu_vat", "value": number(at) }))
        .collect();
    let patch = json!({ "tax_ids": ids });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    let whole: Vec<_> = (0..113)
        .map(|at| json!({ "country_code": "DE", "tax_code": "VAT", "tax_id": number(at) }))
        .collect();
    until_at(&world, &pair, "/tax_info", &json!(whole)).await;
}

#[tokio::test]
async fn what_has_parts_in_custom_data_is_shown_and_not_written_over() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let theirs = json!({ "custom_data": { "csm": { "name": "Jane" } } });
    world
        .sandbox
        .zenskar_update_customer(&pair.zenskar, &theirs)
        .unwrap();
    let _daemon = world.linked(METADATA, 1).await;
    let patch = json!({ "metadata": { "account_manager": "Joe" }, "name": "Renamed" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world.until_zenskar(&pair, "customer_name", "Renamed").await;
    let customer = world.sandbox.zenskar_customer(&pair.zenskar);
    assert_eq!(customer["custom_data"], theirs["custom_data"]);
    world
        .until_status(|status| status["differences"]["nested"] == 1)
        .await;
}
