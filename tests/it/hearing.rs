//! A customer changes in Zenskar, and how we hear of it.

use crate::support::{Pair, World};
use serde_json::{Value, json};
use zenstripe_sandbox::{TimestampForm, WebhookProof, hmac_hex};

/// Import alone, so that an edit in Zenskar is drift; Zenskar is asked every second, and no scan is
/// due but the first.
const IMPORT: &str = "[customers]\nsync = \"import-only\"\n[events]\npoll = \"1s\"\n";

/// The same, hearing by webhook alone.
const BY_WEBHOOK: &str = "[customers]\nsync = \"import-only\"\n[events]\npoll = \"off\"\n";

/// The secret that is typed into Zenskar.
const SECRET: &str = "typed into the dashboard";

impl World {
    /// Customers that nobody changed for a while.
    fn old_pairs(&self, count: usize) -> Vec<Pair> {
        let pairs = self.pairs(count);
        self.sandbox.clock().advance(3_600);
        pairs
    }

    /// How often Zenskar was asked for what changed.
    fn polls(&self) -> usize {
        let exchanges = self.sandbox.exchanges().into_iter();
        let polls = exchanges.filter(|one| one.query.contains("updated_at__gte"));
        polls.count()
    }

    /// A person edits the customer in Zenskar.
    fn edit_in_zenskar(&self, pair: &Pair, patch: &Value) {
        self.sandbox
            .zenskar_update_customer(&pair.zenskar, patch)
            .unwrap();
    }

    /// Waits until polling says how far it is.
    async fn until_polled(&self, filter: &str) {
        self.until_status(|status| {
            status["changes"]["read_until"].is_string() && status["changes"]["filter"] == filter
        })
        .await;
    }

    /// Waits until the edit is shown as drift.
    async fn until_drift(&self) {
        self.until_status(|status| status["differences"]["drift"] == 1)
            .await;
    }
}

#[tokio::test]
async fn an_edit_in_zenskar_is_drift_within_a_poll() {
    let world = World::new().await;
    let pair = world.old_pairs(2).remove(0);
    // Its times without a fraction, and pages shorter than asked for.
    world.sandbox.switch(|switches| {
        switches.zenskar.timestamps = TimestampForm::Mixed;
        switches.zenskar.max_limit = 1;
    });
    let _daemon = world.linked(IMPORT, 2).await;
    world.until_polled("works").await;
    world.edit_in_zenskar(&pair, &json!({ "phone_number": "+1 555 0199" }));
    world.until_drift().await;
    let events = world.json(&["events", "list"]).await;
    let event = &events["rows"][0];
    assert_eq!(event["kind"], "zenskar.customer.updated");
    assert_eq!(event["channel"], "zenskar poll");
    assert_eq!(event["object"], pair.zenskar.as_str());
    let shown = world
        .json(&["events", "show", event["id"].as_str().unwrap()])
        .await;
    assert!(shown["payload"].as_str().unwrap().contains("0199"));
    // What we write ourselves is no news: the one event stays the only one of Zenskar.
    let patch = json!({ "name": "New Name" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world
        .until_zenskar(&pair, "customer_name", "New Name")
        .await;
    let polls = world.polls();
    world.until_status(|_| world.polls() > polls + 1).await;
    let events = world.json(&["events", "list"]).await;
    let of_zenskar = events["rows"].as_array().unwrap().iter();
    let of_zenskar = of_zenskar.filter(|row| row["channel"] == "zenskar poll");
    assert_eq!(of_zenskar.count(), 1);
}

#[tokio::test]
async fn where_the_filter_is_ignored_a_sweep_finds_the_edit_and_a_deletion() {
    let world = World::new().await;
    let pairs = world.old_pairs(3);
    world
        .sandbox
        .switch(|switches| switches.zenskar.ignore_updated_at = true);
    let _daemon = world.linked(IMPORT, 3).await;
    world.until_polled("ignored").await;
    world.edit_in_zenskar(&pairs[0], &json!({ "phone_number": "+1 555 0199" }));
    world.until_drift().await;
    assert!(world.sandbox.zenskar_delete_customer(&pairs[1].zenskar));
    world
        .until_status(|status| status["scan"]["found"]["missed_in_zenskar"] == 1)
        .await;
    let metrics = world.page("/metrics").await;
    assert!(
        metrics.contains("zenstripe_zenskar_changes_filter_ignored"),
        "{metrics}"
    );
    let text = world.output(&["status"]).await;
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("sweeps find them"), "{text}");
    let doctor = world.output(&["doctor"]).await;
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("ignores the filter"), "{doctor}");
}

#[tokio::test]
async fn an_edit_in_zenskar_is_heard_of_by_its_webhook() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    world.place.write_secret("zenskar-webhook", SECRET).unwrap();
    let text = world.place.config_text(BY_WEBHOOK);
    let with_secret = "[zenskar]\nwebhook_secret_file = \"zenskar-webhook\"\n";
    // Without its secret there is no such page.
    world.place.put_config(&text).unwrap();
    let _daemon = world.start().await;
    world.until_status(|status| status["links"] == 1).await;
    let url = world.place.webhook_url().replace("stripe", "zenskar");
    assert_eq!(world.post_to_zenskars_page("{}", SECRET).await, 404);
    let text = text.replace("[zenskar]\n", with_secret);
    world.place.put_config(&text).unwrap();
    assert!(world.output(&["reload"]).await.status.success());

    world.sandbox.set_zenskar_webhook(&url, SECRET);
    world
        .sandbox
        .switch(|switches| switches.zenskar.webhook_proof = WebhookProof::SecretInBody);
    // A poll may hear of an edit first; there is none again for a while then.
    let mut heard = Vec::new();
    while heard.last() != Some(&json!("zenskar webhook")) {
        assert!(heard.len() < 5, "heard of by {heard:?} alone");
        let number = format!("+1 555 019{}", heard.len());
        let known = world.json(&["events", "list"]).await;
        world.edit_in_zenskar(&pair, &json!({ "phone_number": number }));
        heard.push(until_news(&world, &known).await["channel"].clone());
    }
    world.until_drift().await;
    assert_eq!(world.post_to_zenskars_page("{}", "forged").await, 400);
    let alert = r#"{"event":"usage limit exceeded"}"#;
    let known = world.json(&["events", "list"]).await;
    assert_eq!(world.post_to_zenskars_page(alert, SECRET).await, 200);
    let newest = until_news(&world, &known).await;
    assert_eq!(newest["kind"], "zenskar.unknown");
}

/// Waits for an event that is not among the known ones; the newest.
async fn until_news(world: &World, known: &Value) -> Value {
    for _ in 0..600 {
        let events = world.json(&["events", "list"]).await;
        if events["rows"] != known["rows"] {
            return events["rows"][0].clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no event beside {known}\n{}", world.place.log());
}

#[tokio::test]
async fn an_unlinked_customer_of_zenskar_waits_and_is_linked_once_it_is_mapped() {
    let world = World::new().await;
    let _daemon = world.linked(IMPORT, 0).await;
    world.until_polled("untold").await;
    let stripe = world
        .sandbox
        .stripe_create_customer(&json!({ "name": "Alone" }));
    let zenskar = world
        .sandbox
        .zenskar_create_customer(&json!({ "customer_name": "Alone" }))
        .unwrap();
    // The customers of both sides wait, each by itself.
    world
        .until_status(|status| status["queues"]["parked"] == 2)
        .await;
    let list = ["customers", "list", "--unlinked", "--limit", "1"];
    let first = world.json(&list).await;
    assert_eq!(first["rows"][0]["stripe"], stripe.as_str());
    let next = first["next"].as_str().unwrap();
    let second = world.json(&[&list[..], &["--after", next]].concat()).await;
    assert_eq!(second["rows"][0]["stripe"], "");
    assert_eq!(second["rows"][0]["zenskar"], zenskar.as_str());
    let next = second["next"].as_str().unwrap();
    let last = world.json(&[&list[..], &["--after", next]].concat()).await;
    assert_eq!(last["rows"], json!([]));
    assert!(world.sandbox.map_customer(&zenskar, &stripe));
    world.until_status(|status| status["links"] == 1).await;
    world
        .until_status(|status| status["queues"]["parked"] == 0)
        .await;
}

impl World {
    /// Posts to the page of Zenskar's webhooks, proven with `secret`; gives the status.
    async fn post_to_zenskars_page(&self, body: &str, secret: &str) -> u16 {
        let tag = hmac_hex(secret, body.as_bytes());
        let head = format!("POST /webhooks/zenskar HTTP/1.1\r\nx-signature: {tag}\r\n");
        self.post(&head, body).await
    }
}
