//! Events that come five times, late, out of order, in an old form, or are not for us.

use crate::support::{POLLING, WEBHOOKS, World, now};
use serde_json::{Value, json};
use zenstripe_sandbox::{Fault, FaultKind, Remote};

const DAY_SECONDS: i64 = 86_400;

#[tokio::test]
async fn one_event_five_times_at_once_is_acknowledged_five_times_and_written_once() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(WEBHOOKS, 1).await;
    world.hold_webhooks();
    let patch = json!({ "name": "Once" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    let event = world.events_about(&pair).remove(0);
    let five = [(); 5].map(|()| world.deliver(&event));
    assert_eq!(futures_util::future::join_all(five).await, [200; 5]);
    world.until_zenskar(&pair, "customer_name", "Once").await;
    world.until_quiet().await;
    assert_eq!(world.writes_of(&pair), 1);
    let events = world.json(&["events", "list"]).await;
    assert_eq!(events["rows"].as_array().unwrap().len(), 1, "{events}");
}

#[tokio::test]
async fn an_event_whose_work_failed_and_that_comes_again_arrives_once() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(WEBHOOKS, 1).await;
    world.hold_webhooks();
    let limited = FaultKind::TooManyRequests {
        reason: None,
        retry_after: Some(1),
    };
    let fault = Fault::next(Remote::Zenskar, limited).method("PATCH");
    let _id = world.sandbox.order_fault(fault);
    let patch = json!({ "name": "Again" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    let event = world.events_about(&pair).remove(0);
    // The first delivery fails on its way, by a proxy that changes the body.
    let broken = event.to_string().replace("Again", "Changed");
    assert_eq!(world.post_webhook(&broken, "whsec_of_another").await, 400);
    assert_eq!(world.deliver(&event).await, 200);
    world
        .until_status(|_| {
            let counts = world.sandbox.fault_counts();
            counts.iter().all(|count| count.fired == 1)
        })
        .await;
    assert_eq!(world.deliver(&event).await, 200);
    world.until_zenskar(&pair, "customer_name", "Again").await;
    world.until_quiet().await;
    assert_eq!(world.writes_of(&pair), 1);
}

#[tokio::test]
async fn an_event_older_than_three_days_that_an_operator_resends_is_taken_up() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(WEBHOOKS, 1).await;
    world.hold_webhooks();
    let patch = json!({ "name": "Four Days" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    let mut event = world.events_about(&pair).remove(0);
    event["created"] = json!(now() - 4 * DAY_SECONDS);
    assert_eq!(world.deliver(&event).await, 200);
    world
        .until_zenskar(&pair, "customer_name", "Four Days")
        .await;
    // And once more, by an operator who did not see that it arrived.
    assert_eq!(world.deliver(&event).await, 200);
    world.until_quiet().await;
    assert_eq!(world.writes_of(&pair), 1);
}

/// All orders in which three events may arrive.
const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

#[tokio::test]
async fn two_updates_and_another_event_of_one_second_end_alike_in_every_order() {
    let world = World::new().await;
    let pairs = world.pairs(ORDERS.len());
    let _daemon = world.linked(WEBHOOKS, ORDERS.len()).await;
    world.hold_webhooks();
    let second = now();
    for (number, (pair, order)) in pairs.iter().zip(ORDERS).enumerate() {
        for name in ["First", "Second"] {
            let patch = json!({ "name": format!("{name} {number}"), "phone": "+1 555 0100" });
            world.sandbox.stripe_update_customer(&pair.stripe, &patch);
        }
        let mut events = world.events_about(pair);
        assert_eq!(events.len(), 2);
        events.push(json!({
            "id": format!("evt_paid_{number}"), "object": "event", "livemode": false,
            "api_version": events[0]["api_version"], "type": "payment_intent.succeeded",
            "data": { "object": {
                "id": format!("pi_{number}"), "object": "payment_intent",
                "customer": pair.stripe,
            } },
        }));
        for place in order {
            events[place]["created"] = json!(second);
            assert_eq!(world.deliver(&events[place]).await, 200, "{order:?}");
        }
    }
    for (number, pair) in pairs.iter().enumerate() {
        let name = format!("Second {number}");
        world.until_zenskar(pair, "customer_name", &name).await;
        world
            .until_zenskar(pair, "phone_number", "+1 555 0100")
            .await;
    }
    let status = world.until_quiet().await;
    assert_eq!(status["differences"], json!({}), "{status}");
    for (number, pair) in pairs.iter().enumerate() {
        let name = world.in_zenskar(pair, "customer_name");
        assert_eq!(name, format!("Second {number}"), "the later one stays");
    }
}

#[tokio::test]
async fn a_polled_event_in_the_form_of_an_old_api_version_moves_what_is_true_now() {
    let world = World::new().await;
    world
        .sandbox
        .switch(|switches| switches.stripe.account_version = "2017-08-15".to_owned());
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(POLLING, 1).await;
    world.hold_webhooks();
    let patch = json!({ "name": "From Of Old", "address": { "line1": "1 Quai", "country": "FR" } });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world
        .until_zenskar(&pair, "customer_name", "From Of Old")
        .await;
    world.until_quiet().await;
    let address = &world.sandbox.zenskar_customer(&pair.zenskar)["address"];
    assert_eq!(address["line1"], "1 Quai");
    let events = world.json(&["events", "list"]).await;
    let id = events["rows"][0]["id"].as_str().unwrap();
    let shown = world.json(&["events", "show", id]).await;
    let payload: Value = serde_json::from_str(shown["payload"].as_str().unwrap()).unwrap();
    assert_eq!(payload["api_version"], "2017-08-15");
}

#[tokio::test]
async fn an_event_of_another_account_moves_nothing_though_it_names_our_customer() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(WEBHOOKS, 1).await;
    world.hold_webhooks();
    let before = world.in_zenskar(&pair, "customer_name");
    let patch = json!({ "name": "Foreign" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    let mut event = world.events_about(&pair).remove(0);
    event["account"] = json!("acct_1Another");
    assert_eq!(world.deliver(&event).await, 200);
    world.until_quiet().await;
    assert_eq!(world.in_zenskar(&pair, "customer_name"), before);
    assert_eq!(world.json(&["events", "list"]).await["rows"], json!([]));
}

#[tokio::test]
async fn an_account_that_took_its_permission_away_is_told_and_nothing_is_lost() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(POLLING, 1).await;
    world.hold_webhooks();
    world.sandbox.expire_key("sk_test_sandbox");
    let status = world
        .until_status(|status| status["stripe"]["state"] == "parked")
        .await;
    assert_eq!(status["state"], "degraded", "{status}");
    let patch = json!({ "name": "Meanwhile" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    let dead = world.json(&["dead", "list"]).await;
    assert_eq!(dead["rows"], json!([]), "a refused key buries no work");
    world
        .place
        .write_secret("stripe-key", "rk_test_sandbox")
        .unwrap();
    world
        .until_zenskar(&pair, "customer_name", "Meanwhile")
        .await;
}
