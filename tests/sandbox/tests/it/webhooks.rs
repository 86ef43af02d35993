//! Webhook endpoints and deliveries.

use serde_json::{Value, json};
use zenstripe_sandbox::{
    ACCOUNT, DeliveryStatus, Fault, FaultKind, Remote, Sandbox, WebhookProof, hash_hex, hmac_hex,
    sign, signature_header,
};

use crate::support::{NOW, sandbox, stripe};

const URL: &str = "http://127.0.0.1:9/hook";

/// What is due, as pairs of endpoint and event type, each answered with `status`.
fn deliver(sandbox: &Sandbox, status: Option<u16>) -> Vec<Value> {
    let due = sandbox.due_deliveries(sandbox.clock().now());
    due.into_iter()
        .map(|delivery| {
            sandbox.delivery_result(delivery.id, status);
            serde_json::from_slice(&delivery.body).unwrap()
        })
        .collect()
}

fn names(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["data"]["object"]["name"].as_str().unwrap())
        .collect()
}

#[test]
fn endpoints_over_the_api() {
    let sandbox = sandbox();
    let path = "/v1/webhook_endpoints";
    let body = "url=https%3A%2F%2Fexample.com%2Fa&enabled_events[]=customer.updated\
                &api_version=2025-03-31.basil&metadata[by]=test";
    let (_, made) = stripe(&sandbox, "POST", path, body);
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    let (_, shown) = stripe(&sandbox, "GET", &one, "");
    assert_eq!(shown.get("secret"), None, "the secret is shown once");
    assert_eq!(
        (&shown["status"], &shown["metadata"]["by"]),
        (&json!("enabled"), &json!("test"))
    );
    let (_, shown) = stripe(&sandbox, "POST", &one, "disabled=true&enabled_events[]=*");
    assert_eq!(
        (&shown["status"], &shown["enabled_events"]),
        (&json!("disabled"), &json!(["*"]))
    );
    for (body, param) in [
        ("url=https://e.com", "enabled_events"),
        ("enabled_events[]=*", "url"),
        (
            "url=https://e.com&enabled_events[]=customer.*",
            "enabled_events[0]",
        ),
        ("url=ftp://e.com&enabled_events[]=*", "url"),
        (
            "url=https://e.com&enabled_events[]=*&api_version=2000-01-01",
            "api_version",
        ),
    ] {
        let (status, answer) = stripe(&sandbox, "POST", path, body);
        assert_eq!(
            (status, &answer["error"]["param"]),
            (400, &json!(param)),
            "{body}"
        );
    }
    for _ in 0..15 {
        let body = "url=https://example.com/b&enabled_events[]=*";
        assert_eq!(stripe(&sandbox, "POST", path, body).0, 200);
    }
    let (status, _) = stripe(
        &sandbox,
        "POST",
        path,
        "url=https://e.com&enabled_events[]=*",
    );
    assert_eq!(status, 400, "the 17th");
    let (_, list) = stripe(&sandbox, "GET", "/v1/webhook_endpoints?limit=100", "");
    assert_eq!(list["data"].as_array().unwrap().len(), 16);
    assert_eq!(stripe(&sandbox, "DELETE", &one, "").1["deleted"], true);
    assert_eq!(stripe(&sandbox, "GET", &one, "").0, 404);
}

#[test]
fn a_delivery_is_signed_and_in_the_endpoints_version() {
    let sandbox = sandbox();
    let fields = json!({"url": URL, "secret": "whsec_a", "api_version": "2020-03-02"});
    let endpoint = sandbox.add_webhook_with(&fields).unwrap();
    sandbox.stripe_create_customer(&json!({"name": "a"}));
    let due = sandbox.due_deliveries(NOW + 7);
    let [delivery] = due.as_slice() else {
        panic!("one delivery")
    };
    let header = &delivery
        .headers
        .iter()
        .find(|(name, _)| name == "Stripe-Signature")
        .unwrap()
        .1;
    assert_eq!(
        *header,
        signature_header(&["whsec_a"], NOW + 7, &delivery.body, false)
    );
    assert!(header.contains(&sign("whsec_a", NOW + 7, &delivery.body)));
    let sent: Value = serde_json::from_slice(&delivery.body).unwrap();
    assert_eq!(
        (&sent["api_version"], &sent["pending_webhooks"]),
        (&json!("2020-03-02"), &json!(1))
    );
    assert!(sent["data"]["object"].get("sources").is_some());
    let listed = &sandbox.stripe_events()[0];
    assert_eq!(
        (&listed["id"], &listed["api_version"]),
        (&sent["id"], &json!("2026-05-27.dahlia"))
    );
    assert_eq!(
        listed["data"]["object"].get("sources"),
        None,
        "two shapes of one event"
    );

    sandbox.delivery_result(delivery.id, Some(204));
    assert_eq!(sandbox.stripe_events()[0]["pending_webhooks"], 0);
    let new = sandbox.roll_secret(&endpoint, 60).unwrap();
    sandbox.stripe_create_customer(&json!({"name": "b"}));
    let signatures = |sandbox: &Sandbox| {
        let due = sandbox.due_deliveries(NOW);
        let header = due[0]
            .headers
            .iter()
            .find(|(name, _)| name == "Stripe-Signature")
            .unwrap();
        assert!(header.1.contains(&sign(&new, NOW, &due[0].body)));
        header.1.matches(",v1=").count()
    };
    assert_eq!(signatures(&sandbox), 2, "both secrets sign");
    sandbox.clock().advance(60);
    sandbox.stripe_create_customer(&json!({"name": "c"}));
    assert_eq!(signatures(&sandbox), 1);
}

#[test]
fn failures_are_tried_again_and_show_in_the_list() {
    let sandbox = sandbox();
    sandbox.add_webhook(URL, "whsec_a").unwrap();
    sandbox.stripe_create_customer(&json!({"name": "a"}));
    let pending = || {
        let (_, list) = stripe(&sandbox, "GET", "/v1/events?delivery_success=false", "");
        list["data"].as_array().unwrap().len()
    };
    let mut tries = 0;
    for _ in 0..25 {
        tries += deliver(&sandbox, Some(500)).len();
        assert_eq!(pending(), 1);
        sandbox.clock().advance(600);
    }
    tries += deliver(&sandbox, None).len();
    assert_eq!(tries, 4, "once and three more times within a few hours");
    assert_eq!(sandbox.deliveries()[0].status, DeliveryStatus::Failed);
    let event = sandbox.stripe_events()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(sandbox.resend_event(&event), 1);
    assert_eq!(deliver(&sandbox, Some(200)).len(), 1);
}

#[test]
fn an_endpoint_that_fails_for_days_is_disabled() {
    let sandbox = sandbox();
    let endpoint = sandbox.add_webhook(URL, "whsec_a").unwrap();
    for _ in 0..4 {
        sandbox.stripe_create_customer(&json!({"name": "a"}));
        deliver(&sandbox, None);
        sandbox.clock().advance(86_400);
    }
    let (_, shown) = stripe(
        &sandbox,
        "GET",
        &format!("/v1/webhook_endpoints/{endpoint}"),
        "",
    );
    assert_eq!(shown["status"], "disabled");
    sandbox.stripe_create_customer(&json!({"name": "b"}));
    assert_eq!(deliver(&sandbox, Some(200)), Vec::<Value>::new());
}

#[test]
fn faults_of_deliveries() {
    for (kind, now, later) in [
        (FaultKind::DropDelivery, vec!["b"], vec![]),
        (FaultKind::DuplicateDelivery, vec!["a", "a", "b"], vec![]),
        (FaultKind::DelayDelivery { secs: 30 }, vec!["b"], vec!["a"]),
        (FaultKind::ReorderDelivery, vec!["b", "a"], vec![]),
    ] {
        let sandbox = sandbox();
        sandbox.add_webhook(URL, "whsec_a").unwrap();
        let fault = Fault::next(Remote::Stripe, kind.clone()).prefix("customer.");
        let _id = sandbox.order_fault(fault);
        for name in ["a", "b"] {
            sandbox.stripe_create_customer(&json!({"name": name}));
        }
        assert_eq!(names(&deliver(&sandbox, Some(200))), now, "{kind:?}");
        sandbox.clock().advance(61);
        assert_eq!(names(&deliver(&sandbox, Some(200))), later, "{kind:?}");
        assert_eq!(sandbox.fault_counts()[0].fired, 1);
    }
    let sandbox = sandbox();
    sandbox.add_webhook(URL, "whsec_a").unwrap();
    sandbox.switch(|s| s.stripe.drop_webhooks = true);
    sandbox.stripe_create_customer(&json!({"name": "a"}));
    assert_eq!(sandbox.next_delivery_ms(), None);
    assert_eq!(sandbox.stripe_events()[0]["pending_webhooks"], 1);
}

#[test]
fn connected_accounts() {
    let sandbox = sandbox();
    let plain = json!({"url": URL, "secret": "whsec_a", "enabled_events": ["customer.created"]});
    let mut connect = plain.clone();
    connect["connect"] = json!(true);
    sandbox.add_webhook_with(&plain).unwrap();
    sandbox.add_webhook_with(&connect).unwrap();
    sandbox.inject_event("customer.created", Some("acct_foreign"), true, json!({}));
    let foreign = deliver(&sandbox, Some(200));
    assert_eq!(foreign.len(), 1, "only the endpoint for connected accounts");
    assert_eq!(
        (&foreign[0]["account"], &foreign[0]["livemode"]),
        (&json!("acct_foreign"), &json!(true))
    );
    sandbox.stripe_create_customer(&json!({"name": "a"}));
    let own = deliver(&sandbox, Some(200));
    assert_eq!((own.len(), own[0].get("account")), (1, None));
    sandbox.switch(|s| s.stripe.connected = true);
    sandbox.stripe_create_customer(&json!({"name": "b"}));
    let connected = deliver(&sandbox, Some(200));
    assert_eq!(
        (connected.len(), &connected[0]["account"]),
        (1, &json!(ACCOUNT))
    );
}

#[test]
fn zenskar_tells_of_a_change_until_it_is_heard_and_proves_itself_either_way() {
    let sandbox = sandbox();
    sandbox.set_zenskar_webhook(URL, "typed in");
    let customer = json!({ "customer_name": "A" });
    let id = sandbox.zenskar_create_customer(&customer).unwrap();
    let [made] = sandbox.due_zenskar_deliveries().try_into().unwrap();
    let header = made
        .headers
        .iter()
        .find(|(name, _)| name == "X-Zenskar-Signature");
    assert_eq!(header.unwrap().1, hmac_hex("typed in", &made.body));
    let alert: Value = serde_json::from_slice(&made.body).unwrap();
    assert_eq!(alert["event"], "customer.created");
    assert_eq!(alert["data"]["id"], id.as_str());

    sandbox.zenskar_delivery_result(made.id, Some(500));
    assert!(sandbox.due_zenskar_deliveries().is_empty());
    sandbox.clock().advance(60);
    sandbox.switch(|switches| {
        switches.zenskar.webhook_proof = WebhookProof::SecretInBody;
    });
    let [again] = sandbox.due_zenskar_deliveries().try_into().unwrap();
    assert_eq!(again.id, made.id);
    let alert: Value = serde_json::from_slice(&again.body).unwrap();
    assert_eq!(alert["signature"], hash_hex(b"typed in"));
    sandbox.zenskar_delivery_result(again.id, Some(200));
    sandbox.clock().advance(3_600);
    assert!(sandbox.due_zenskar_deliveries().is_empty());

    sandbox.switch(|switches| switches.zenskar.drop_webhooks = true);
    assert!(sandbox.zenskar_delete_customer(&id));
    assert_eq!(sandbox.next_zenskar_delivery_ms(), None);
}
