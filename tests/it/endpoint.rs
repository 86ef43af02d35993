//! Our webhook endpoint: registered, verified, repaired; others' stay as they are.

use crate::connect::Reach;
use crate::support::World;
use serde_json::{Value, json};
use zenstripe_sandbox::{Fault, FaultKind, Remote, Request};

const WEBHOOKS_ALONE: &str = "[customers]\nsync = \"import-only\"\n[events]\npoll = \"off\"\n";

const ENDPOINTS: &str = "/v1/webhook_endpoints";

impl World {
    /// A key of the account's own, no secret made by hand, and an address for Stripe.
    fn configure_public(&self) {
        let url = format!("public_url = \"http://127.0.0.1:{}\"", self.place.port);
        let text = self
            .place
            .config_text(WEBHOOKS_ALONE)
            .replace("webhook_secret_files = [\"webhook-secret\"]\n", "")
            .replace("[listen]\n", &format!("[listen]\n{url}\n"));
        self.place.put_config(&text).unwrap();
    }

    fn stripe(&self, method: &str, target: &str, body: &str, key: &str) -> Value {
        let mut request = Request::new(method, target)
            .with_header("Authorization", &format!("Bearer {key}"))
            .with_body(body.as_bytes().to_vec());
        if !body.is_empty() {
            request = request.with_header("Content-Type", "application/x-www-form-urlencoded");
        }
        let handled = self.sandbox.handle(Remote::Stripe, &request);
        handled.answer().unwrap().value()
    }

    fn endpoints(&self, key: &str) -> Vec<Value> {
        let list = self.stripe("GET", &format!("{ENDPOINTS}?limit=100"), "", key);
        list["data"].as_array().unwrap().clone()
    }

    /// Those with an installation's id in their metadata.
    fn ours(&self, key: &str) -> Vec<Value> {
        let all = self.endpoints(key).into_iter();
        all.filter(|one| one["metadata"].get("zenstripe_installation").is_some())
            .collect()
    }

    async fn registered(&self) -> Value {
        let status = self
            .until_status(|status| status["endpoint"]["state"] == "registered")
            .await;
        status["endpoint"].clone()
    }

    /// A reload has the endpoint looked at.
    async fn look_again(&self) {
        assert!(self.output(&["reload"]).await.status.success());
    }

    async fn until_ours(&self, key: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        for _ in 0..600 {
            let ours = self.ours(key);
            if wanted(&ours) {
                return ours;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{:?}\n{}", self.endpoints(key), self.place.log());
    }
}

const OWN: &str = "sk_test_sandbox";

#[tokio::test]
async fn it_is_registered_once_and_what_it_delivers_is_believed() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    world.configure_public();
    let daemon = world.start().await;
    world.registered().await;
    let ours = world.ours(OWN);
    assert_eq!(ours.len(), 1, "{ours:?}");
    let one = &ours[0];
    assert_eq!(one["url"], world.place.webhook_url());
    assert_eq!(one["api_version"], "2026-05-27.dahlia");
    let mut events: Vec<&str> = one["enabled_events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    events.sort_unstable();
    assert_eq!(
        events,
        [
            "customer.created",
            "customer.deleted",
            "customer.tax_id.created",
            "customer.tax_id.deleted",
            "customer.tax_id.updated",
            "customer.updated",
            "payment_intent.canceled",
            "payment_intent.payment_failed",
            "payment_intent.processing",
            "payment_intent.requires_action",
            "payment_intent.succeeded",
        ]
    );
    world.until_status(|status| status["links"] == 1).await;
    let patch = json!({ "email": "registered@example.com" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world
        .until_zenskar(&pair, "email", "registered@example.com")
        .await;
    let status = world.json(&["status"]).await;
    assert_eq!(status["endpoint"]["id"], one["id"]);
    let log = world.place.log();
    assert!(!log.contains("whsec_"), "{log}");

    // Another start finds it as it was.
    daemon.stop().await.unwrap();
    let _daemon = world.start().await;
    world.registered().await;
    assert_eq!(world.ours(OWN), ours);
}

#[tokio::test]
async fn of_a_platform_it_is_for_connected_accounts_and_hears_of_their_end() {
    let world = World::new().await;
    world.configure_oauth(WEBHOOKS_ALONE, Reach::Public, None);
    let _daemon = world.start().await;
    world.connected().await;
    world.registered().await;
    let ours = world.ours("sk_test_platform");
    assert_eq!(ours.len(), 1, "{ours:?}");
    let events = ours[0]["enabled_events"].to_string();
    assert!(
        events.contains("account.application.deauthorized"),
        "{events}"
    );
    assert_eq!(
        world.ours(OWN),
        Vec::<Value>::new(),
        "none on the account itself"
    );
    let made = world.sandbox.exchanges().into_iter();
    let made: Vec<_> = made
        .filter(|one| one.path == ENDPOINTS && one.method == "POST")
        .collect();
    assert!(made[0].body.contains("connect=true"), "{made:?}");

    // What another account of the platform does is acknowledged, counted and not stored.
    let object = json!({ "id": "cus_x", "object": "customer" });
    world
        .sandbox
        .inject_event("customer.updated", Some("acct_another"), false, object);
    let line = "zenstripe_webhooks_ignored_total{remote=\"stripe\",reason=\"foreign_account\"} 1";
    for _ in 0..200 {
        if world.page("/metrics").await.contains(line) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(world.page("/metrics").await.contains(line));
    let events = world.json(&["events", "list"]).await;
    assert_eq!(events["rows"], json!([]), "{events}");
}

#[tokio::test]
async fn what_drifted_is_repaired_and_what_was_deleted_is_made_again() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    world.configure_public();
    let _daemon = world.start().await;
    world.registered().await;
    let foreign = "url=https%3A%2F%2Fexample.com%2Fhook&enabled_events[]=*";
    let foreign = world.stripe("POST", ENDPOINTS, foreign, OWN);
    let first = world.ours(OWN).remove(0);
    let path = format!("{ENDPOINTS}/{}", first["id"].as_str().unwrap());

    for change in [
        "disabled=true",
        "enabled_events[]=invoice.paid",
        "url=https%3A%2F%2Fexample.com%2Felsewhere",
        "metadata[zenstripe_installation]=",
    ] {
        world.stripe("POST", &path, change, OWN);
        world.look_again().await;
        let same = |ours: &[Value]| ours == std::slice::from_ref(&first);
        world.until_ours(OWN, same).await;
    }

    world.stripe("DELETE", &path, "", OWN);
    world.look_again().await;
    let again = world.until_ours(OWN, |ours| ours.len() == 1).await;
    assert_ne!(again[0]["id"], first["id"], "it is another one");
    world
        .until_status(|status| status["endpoint"]["id"] == again[0]["id"])
        .await;
    world.until_status(|status| status["links"] == 1).await;
    let patch = json!({ "email": "again@example.com" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world
        .until_zenskar(&pair, "email", "again@example.com")
        .await;
    let path = format!("{ENDPOINTS}/{}", foreign["id"].as_str().unwrap());
    let kept = world.stripe("GET", &path, "", OWN);
    assert_eq!(kept["url"], foreign["url"], "others' stay as they are");
}

#[tokio::test]
async fn a_lost_answer_to_its_making_leaves_one() {
    let world = World::new().await;
    world.configure_public();
    let lost = Fault::next(Remote::Stripe, FaultKind::LoseResponse);
    let lost = lost.method("POST").prefix(ENDPOINTS);
    let _fault = world.sandbox.order_fault(lost);
    let daemon = world.start().await;
    world.until_ours(OWN, |ours| ours.len() == 1).await;
    // Killed before it knows; the next start asks again under the same key.
    daemon.kill().await.unwrap();
    let _daemon = world.start().await;
    world.registered().await;
    assert_eq!(world.ours(OWN).len(), 1);
    let made = world.sandbox.exchanges().into_iter();
    let keys: std::collections::BTreeSet<_> = made
        .filter(|one| one.path == ENDPOINTS && one.method == "POST")
        .map(|one| one.headers["idempotency-key"].clone())
        .collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    let body = json!({
        "id": "evt_after", "object": "event", "livemode": false, "created": 1,
        "api_version": "2026-05-27.dahlia", "type": "customer.updated",
        "data": { "object": { "id": "cus_1", "object": "customer" } },
    });
    let secret = "whsec_not_ours";
    assert_eq!(world.post_webhook(&body.to_string(), secret).await, 400);
}

#[tokio::test]
async fn a_full_account_is_explained_and_foreign_endpoints_stay() {
    let world = World::new().await;
    world.configure_public();
    let foreign = "url=https%3A%2F%2Fexample.com%2Fhook&enabled_events[]=*\
                   &metadata[zenstripe_installation]=of_another";
    while world.endpoints(OWN).len() < 16 {
        world.stripe("POST", ENDPOINTS, foreign, OWN);
    }
    let _daemon = world.start().await;
    let status = world
        .until_status(|status| status["endpoint"]["state"] == "full")
        .await;
    let reason = status["endpoint"]["reason"].as_str().unwrap();
    assert!(reason.contains("16 webhook endpoints"), "{reason}");
    assert_eq!(status["state"], "degraded");
    assert_eq!(world.endpoints(OWN).len(), 16);
    let last = world.ours(OWN).remove(0);
    let path = format!("{ENDPOINTS}/{}", last["id"].as_str().unwrap());
    world.stripe("DELETE", &path, "", OWN);
    world.look_again().await;
    world.registered().await;
    assert_eq!(world.endpoints(OWN).len(), 16);
}

#[tokio::test]
async fn a_key_without_the_right_is_told_which_and_polling_goes_on() {
    let world = World::new().await;
    world.sandbox.switch(|switches| {
        let denied = &mut switches.stripe.denied_permissions;
        denied.insert("rak_webhook_read".to_owned());
        denied.insert("rak_webhook_write".to_owned());
    });
    world
        .place
        .write_secret("stripe-key", "rk_test_sandbox")
        .unwrap();
    world.configure_public();
    let _daemon = world.start().await;
    let status = world
        .until_status(|status| status["endpoint"]["state"] == "refused")
        .await;
    let reason = status["endpoint"]["reason"].as_str().unwrap();
    assert!(reason.contains("rak_webhook_read"), "{reason}");
    assert_eq!(
        status["connection"]["state"], "connected",
        "only that right is missing"
    );
}
