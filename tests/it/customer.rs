//! A customer changes in Stripe, and what becomes of it in Zenskar.

use crate::support::{POLLING, WEBHOOKS, World};
use serde_json::json;

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
    let pair = crate::support::Pair { stripe, zenskar };
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
