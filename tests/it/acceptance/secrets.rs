//! The secret that signs webhooks is rolled, expires, is empty, and clocks are apart.

use crate::support::daemon::WEBHOOK_SECRET;
use crate::support::{WEBHOOKS, World, now};
use serde_json::json;
use zenstripe_sandbox::signature_header;

const NEW: &str = "whsec_rolled";
const SIX_MINUTES: i64 = 360;

fn body(id: &str) -> String {
    let event = json!({
        "id": id, "object": "event", "livemode": false, "created": now(),
        "api_version": "2026-05-27.dahlia", "type": "customer.updated",
        "data": { "object": { "id": "cus_1", "object": "customer" } },
    });
    event.to_string()
}

impl World {
    /// The operator's file names these secrets' files.
    fn use_secrets(&self, files: &str) {
        let text = self.place.config_text(WEBHOOKS);
        let text = text.replace("[\"webhook-secret\"]", files);
        self.place.put_config(&text).unwrap();
    }

    /// Delivers an event signed by all of these at once, in this order, at this time.
    async fn deliver_signed(&self, secrets: &[&str], at: i64, id: &str) -> u16 {
        let body = body(id);
        let signature = signature_header(secrets, at, body.as_bytes(), true);
        let head = format!("POST /webhooks/stripe HTTP/1.1\r\nstripe-signature: {signature}\r\n");
        self.post(&head, &body).await
    }
}

#[tokio::test]
async fn while_a_secret_is_rolled_either_signature_counts_and_afterwards_the_new_one_alone() {
    let world = World::new().await;
    world.place.write_secret("webhook-secret-new", NEW).unwrap();
    world.use_secrets("[\"webhook-secret\"]");
    let _daemon = world.start().await;
    let both = [[WEBHOOK_SECRET, NEW], [NEW, WEBHOOK_SECRET]];
    for (step, files) in [
        "[\"webhook-secret\"]",
        "[\"webhook-secret\", \"webhook-secret-new\"]",
        "[\"webhook-secret-new\"]",
    ]
    .into_iter()
    .enumerate()
    {
        world.use_secrets(files);
        let reloaded = world.output(&["reload"]).await;
        assert!(reloaded.status.success(), "{reloaded:?}");
        for (order, secrets) in both.iter().enumerate() {
            let id = format!("evt_{step}_{order}");
            assert_eq!(world.deliver_signed(secrets, now(), &id).await, 200, "{id}");
        }
        for (secret, counts) in [(WEBHOOK_SECRET, step < 2), (NEW, step > 0)] {
            let id = format!("evt_{step}_{secret}");
            let status = world.deliver_signed(&[secret], now(), &id).await;
            assert_eq!(status, if counts { 200 } else { 400 }, "{secret}: {files}");
        }
    }
}

#[tokio::test]
async fn an_empty_secret_opens_no_door() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    let _daemon = world.start().await;
    world.place.write_secret("webhook-secret", "").unwrap();
    let _told = world.output(&["reload"]).await;
    let status = world.deliver_signed(&[""], now(), "evt_forged").await;
    assert!([400, 404, 503].contains(&status), "{status}");
    assert_eq!(world.json(&["events", "list"]).await["rows"], json!([]));
}

#[tokio::test]
async fn a_clock_that_is_six_minutes_wrong_is_told_by_its_reason() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    let _daemon = world.start().await;
    for (at, reason) in [
        (now() - SIX_MINUTES, "too_old"),
        (now() + SIX_MINUTES, "too_new"),
    ] {
        let status = world.deliver_signed(&[WEBHOOK_SECRET], at, "evt_skewed");
        assert_eq!(status.await, 400, "{reason}");
        let metrics = world.page("/metrics").await;
        let line =
            format!("zenstripe_webhooks_rejected_total{{remote=\"stripe\",reason=\"{reason}\"}} 1");
        assert!(metrics.contains(&line), "{metrics}");
    }
    assert_eq!(world.json(&["events", "list"]).await["rows"], json!([]));
}
