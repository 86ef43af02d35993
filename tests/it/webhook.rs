//! What comes to the public listener.

use crate::support::daemon::WEBHOOK_SECRET;
use crate::support::{WEBHOOKS, World, now};
use serde_json::{Value, json};

fn event(id: &str, account: Option<&str>, livemode: bool) -> String {
    let mut event = json!({
        "id": id,
        "object": "event",
        "api_version": "2026-05-27.dahlia",
        "created": now(),
        "data": { "object": { "id": "cus_1", "object": "customer" } },
        "livemode": livemode,
        "pending_webhooks": 1,
        "type": "customer.updated",
    });
    if let Some(account) = account {
        event["account"] = Value::from(account);
    }
    event.to_string()
}

#[tokio::test]
async fn a_bad_signature_stores_nothing() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    let _daemon = world.start().await;
    let body = event("evt_forged", None, false);
    assert_eq!(world.post_webhook(&body, "whsec_of_another").await, 400);
    let events = world.json(&["events", "list"]).await;
    assert_eq!(events["rows"], json!([]));
    let metrics = world.page("/metrics").await;
    let line = "zenstripe_webhooks_rejected_total{remote=\"stripe\",reason=\"no_match\"} 1";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn a_duplicate_is_acknowledged_and_stored_once() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    let _daemon = world.start().await;
    let body = event("evt_twice", None, false);
    assert_eq!(world.post_webhook(&body, WEBHOOK_SECRET).await, 200);
    assert_eq!(world.post_webhook(&body, WEBHOOK_SECRET).await, 200);
    let events = world.json(&["events", "list"]).await;
    assert_eq!(events["rows"].as_array().unwrap().len(), 1);
    let metrics = world.page("/metrics").await;
    let line = "zenstripe_webhooks_duplicate_total{remote=\"stripe\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    let shown = world.json(&["events", "show", "evt_twice"]).await;
    assert_eq!(shown["payload"].as_str().unwrap(), body);
}

#[tokio::test]
async fn events_of_another_account_and_of_the_other_mode_are_acknowledged_and_counted() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    let _daemon = world.start().await;
    let foreign = event("evt_foreign", Some("acct_another"), false);
    assert_eq!(world.post_webhook(&foreign, WEBHOOK_SECRET).await, 200);
    let live = event("evt_live", None, true);
    assert_eq!(world.post_webhook(&live, WEBHOOK_SECRET).await, 200);
    let events = world.json(&["events", "list"]).await;
    assert_eq!(events["rows"], json!([]));
    let metrics = world.page("/metrics").await;
    for reason in ["foreign_account", "other_mode"] {
        let name = "zenstripe_webhooks_ignored_total";
        let line = format!("{name}{{remote=\"stripe\",reason=\"{reason}\"}} 1");
        assert!(metrics.contains(&line), "{metrics}");
    }
}
