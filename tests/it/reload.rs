//! The configuration changes while the daemon runs.

use crate::support::{POLLING, WEBHOOKS, World};
use serde_json::{Value, json};

const EMAIL_ALONE: &str =
    "[customers]\nsync = \"import-only\"\nfields = [\"email\"]\n[events]\npoll = \"off\"\n";

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
