//! The configuration changes while the daemon runs.

use crate::support::daemon::until;
use crate::support::{LONGEST, POLLING, Pair, WEBHOOKS, World};
use serde_json::{Value, json};
use std::time::Duration;
use zenstripe_sandbox::{Fault, FaultKind, Remote};

const EMAIL_ALONE: &str =
    "[customers]\nsync = \"import-only\"\nfields = [\"email\"]\n[events]\npoll = \"off\"\n";

/// Nothing moves; webhooks come in all the same.
const OFF: &str = "[customers]\nsync = \"off\"\n[events]\npoll = \"off\"\n";

fn row<'a>(config: &'a Value, key: &str) -> &'a Value {
    let settings = config["settings"].as_array().unwrap();
    settings.iter().find(|row| row["key"] == key).unwrap()
}

#[tokio::test]
async fn a_file_renamed_over_is_taken_over_by_itself() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(WEBHOOKS, 1).await;
    world.configure(EMAIL_ALONE);
    loop {
        let config = world.json(&["config", "show"]).await;
        if row(&config, "customers.fields")["value"] == "[\"email\"]" {
            break;
        }
    }
    let patch = json!({ "name": "Stays in Stripe" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    let patch = json!({ "email": "moves@example.com" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world
        .until_zenskar(&pair, "email", "moves@example.com")
        .await;
    assert_ne!(world.in_zenskar(&pair, "customer_name"), "Stays in Stripe");
}

#[tokio::test]
async fn a_swapped_symlink_is_taken_over_by_itself() {
    let world = World::new().await;
    let directory = &world.place.directory;
    for (name, more) in [("one.toml", WEBHOOKS), ("two.toml", POLLING)] {
        std::fs::write(directory.join(name), world.place.config_text(more)).unwrap();
    }
    std::os::unix::fs::symlink("one.toml", world.place.config()).unwrap();
    let _daemon = world.start().await;
    std::os::unix::fs::symlink("two.toml", directory.join("draft")).unwrap();
    std::fs::rename(directory.join("draft"), world.place.config()).unwrap();
    world
        .until_status(|status| status["poll"]["mode"] == "every 1 s")
        .await;
}

#[tokio::test]
async fn a_bad_file_keeps_the_old_configuration_and_says_why() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(POLLING, 1).await;
    world.configure("[customers]\nsync = \"sideways\"\n");
    let status = world
        .until_status(|status| status["state"] == "degraded")
        .await;
    let what = status["problems"][0]["what"].as_str().unwrap();
    assert!(what.contains("customers.sync"), "{what}");
    let reloaded = world.output(&["reload"]).await;
    assert_eq!(reloaded.status.code(), Some(78));
    let patch = json!({ "email": "still@example.com" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world
        .until_zenskar(&pair, "email", "still@example.com")
        .await;
    let metrics = world.page("/metrics").await;
    assert!(metrics.contains("zenstripe_config_last_reload_successful 0"));

    world.configure(POLLING);
    world.until_status(|status| status["state"] == "ok").await;
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_waits() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    let _daemon = world.start().await;
    let text = world.place.config_text(WEBHOOKS);
    let text = text.replace("console = \"127.0.0.1:0\"", "console = \"[::1]:0\"");
    world.place.put_config(&text).unwrap();
    let reloaded = world.json(&["reload"]).await;
    let waiting = "listen.console: \"127.0.0.1:0\" -> \"[::1]:0\"";
    assert_eq!(reloaded["pending_restart"], json!([waiting]));
    let status = world.json(&["status"]).await;
    assert_eq!(
        status["daemon"]["config"]["pending_restart"],
        json!([waiting])
    );
}

#[tokio::test]
async fn a_new_key_is_used_without_a_restart() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(POLLING, 1).await;
    world.sandbox.expire_key("sk_test_sandbox");
    world
        .until_status(|status| status["stripe"]["state"] == "parked")
        .await;
    let patch = json!({ "email": "after@example.com" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world
        .place
        .write_secret("stripe-key", "rk_test_sandbox")
        .unwrap();
    world
        .until_zenskar(&pair, "email", "after@example.com")
        .await;
    world
        .until_status(|status| status["stripe"]["state"] == "connected")
        .await;
}

#[tokio::test]
async fn a_key_of_the_other_mode_is_refused_and_the_old_one_stays() {
    let world = World::new().await;
    world.configure(POLLING);
    let _daemon = world.start().await;
    world
        .place
        .write_secret("stripe-key", "sk_live_sandbox")
        .unwrap();
    let status = world
        .until_status(|status| status["state"] == "degraded")
        .await;
    let what = status["problems"][0]["what"].as_str().unwrap();
    assert!(what.contains("the key is for live mode"), "{what}");
    assert!(!what.contains("sk_live_sandbox"), "{what}");
}

/// Edits the customer in Stripe, and waits until the daemon has taken the event in.
async fn edit(world: &World, pair: &Pair, patch: &Value) {
    let before = world.json(&["events", "list"]).await;
    world.sandbox.stripe_update_customer(&pair.stripe, patch);
    loop {
        let sorted = world.json(&["status"]).await["queues"]["inbox"] == 0;
        if sorted && world.json(&["events", "list"]).await != before {
            return;
        }
    }
}

/// Stripe's events say whole seconds: only after a while can an event be told from those before the
/// switch.
async fn tell_apart() {
    tokio::time::sleep(Duration::from_secs(3)).await;
}

#[tokio::test]
async fn switching_sync_off_and_on_writes_nothing_of_what_happened_meanwhile() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(WEBHOOKS, 1).await;
    let patch = json!({ "email": "agreed@example.com" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world
        .until_zenskar(&pair, "email", "agreed@example.com")
        .await;

    world.configure(OFF);
    world.json(&["reload"]).await;
    edit(&world, &pair, &json!({ "email": "meanwhile@example.com" })).await;
    world.configure(WEBHOOKS);
    world.json(&["reload"]).await;
    let status = world
        .until_status(|status| status["differences"]["no-base"] == 1)
        .await;
    assert_eq!(status["queues"]["outbox"], 0, "{status}");
    // An event of another field is no leave to write this one.
    let patch = json!({ "phone": "+33 1 23" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world.until_zenskar(&pair, "phone_number", "+33 1 23").await;
    assert_eq!(world.in_zenskar(&pair, "email"), "agreed@example.com");

    tell_apart().await;
    let patch = json!({ "email": "later@example.com" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world
        .until_zenskar(&pair, "email", "later@example.com")
        .await;
    let shown = world.json(&["customers", "show", &pair.stripe]).await;
    assert_eq!(shown["row"]["differences"], json!([]), "{shown}");
}

#[tokio::test]
async fn a_field_selected_anew_by_a_restart_begins_with_a_question() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let daemon = world.linked(WEBHOOKS, 1).await;
    let patch = json!({ "name": "Agreed", "email": "agreed@example.com" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world.until_zenskar(&pair, "customer_name", "Agreed").await;
    daemon.stop().await.unwrap();

    world.configure(EMAIL_ALONE);
    let daemon = world.start().await;
    edit(&world, &pair, &json!({ "name": "Meanwhile" })).await;
    daemon.stop().await.unwrap();

    world.configure(WEBHOOKS);
    let _daemon = world.start().await;
    world
        .until_status(|status| status["differences"]["no-base"] == 1)
        .await;
    assert_eq!(world.in_zenskar(&pair, "customer_name"), "Agreed");
    tell_apart().await;
    let patch = json!({ "name": "Later" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world.until_zenskar(&pair, "customer_name", "Later").await;
}

#[tokio::test]
async fn a_rolled_webhook_secret_is_used_without_a_restart() {
    let world = World::new().await;
    world.configure(POLLING);
    let _daemon = world.start().await;
    let body = r#"{"id":"evt_rolled","object":"event"}"#;
    assert_eq!(world.post_webhook(body, "whsec_rolled").await, 400);
    world
        .place
        .write_secret("webhook-secret", "whsec_rolled")
        .unwrap();
    assert!(world.output(&["reload"]).await.status.success());
    assert_eq!(world.post_webhook(body, "whsec_rolled").await, 200);
}

/// Both ways, with these fields.
fn both(fields: &str) -> String {
    format!(
        "[customers]\nsync = \"import-and-export\"\nfields = [{fields}]\n[events]\npoll = \"off\"\n"
    )
}

#[tokio::test]
async fn a_field_that_leaves_the_selection_is_not_written_by_what_was_under_way() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(&both("\"name\", \"email\""), 1).await;
    world
        .until_status(|status| status["queues"]["work"] == 0)
        .await;
    let before = world.in_zenskar(&pair, "customer_name");
    // The look that decides reads at once, the one right before the write is answered late.
    let late = Fault::next(Remote::Zenskar, FaultKind::Delay { ms: 8_000 });
    let path = format!("/customers/{}", pair.zenskar);
    let late = late.method("GET").prefix(&path).skip(1);
    let _id = world.sandbox.order_fault(late);
    let patch = json!({ "name": "Stays in Stripe" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    let is_held = || world.sandbox.fault_counts()[0].fired == 1;
    let held = until(LONGEST, || is_held().then_some(())).await;
    assert!(held.is_some(), "{}", world.place.log());
    world.configure(&both("\"email\""));
    let reloaded = world.output(&["reload"]).await;
    assert!(reloaded.status.success(), "{reloaded:?}");
    let settled = |status: &Value| {
        let queues = &status["queues"];
        queues["work"] == 0 && queues["outbox"] == 0
    };
    world.until_status(settled).await;
    assert_eq!(world.in_zenskar(&pair, "customer_name"), before);
    assert!(
        world
            .sandbox
            .writes(&pair.zenskar)
            .iter()
            .all(|write| !format!("{write:?}").contains("Stays in Stripe"))
    );
}

#[tokio::test]
async fn what_was_learnt_of_a_rate_is_kept_by_a_reload_that_does_not_change_it() {
    let world = World::new().await;
    world.pairs(1);
    let _daemon = world.linked(POLLING, 1).await;
    let limited = FaultKind::TooManyRequests {
        reason: None,
        retry_after: None,
    };
    for _ in 0..4 {
        let _id = world
            .sandbox
            .order_fault(Fault::next(Remote::Zenskar, limited.clone()).times(1));
    }
    let rate = |status: &Value| status["zenskar"]["rates"]["zenskar"].as_u64().unwrap();
    world.until_status(|status| rate(status) < 400).await;
    world.configure(EMAIL_ALONE);
    assert!(world.output(&["reload"]).await.status.success());
    let status = world.json(&["status"]).await;
    assert!(rate(&status) < 450, "{status}");
    let text = world.place.config_text(EMAIL_ALONE);
    let text = text.replace("start = 500", "start = 600");
    world.place.put_config(&text).unwrap();
    assert!(world.output(&["reload"]).await.status.success());
    let status = world.json(&["status"]).await;
    assert!(rate(&status) >= 600, "{status}");
}
