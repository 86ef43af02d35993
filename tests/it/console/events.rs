//! Events in the console: found, shown, their payloads for whoever asks, and replayed.

use super::{OWN, Visitor};
use crate::creation::{ann, created_in};
use crate::support::daemon::WEBHOOK_SECRET;
use crate::support::{Pair, WEBHOOKS, World, now};
use serde_json::{Value, json};
use zenstripe::model::dead::Dropped;
use zenstripe::model::time::Timestamp;
use zenstripe::store::{Store, StoreOptions, Writer};
use zenstripe_sandbox::{Fault, FaultKind, Remote};

/// Nothing that came from outside may be markup.
const HOSTILE: &str = "<script>alert(1)</script>\"'&";

impl World {
    /// Delivers an event that no change in the sandbox made.
    async fn hears(&self, id: &str, kind: &str, object: &str) {
        let event = json!({
            "id": id, "object": "event", "api_version": "2025-08-27.basil", "created": now(),
            "data": { "object": { "id": object, "object": "thing", "name": HOSTILE } },
            "livemode": false, "pending_webhooks": 1, "type": kind,
        });
        let status = self.post_webhook(&event.to_string(), WEBHOOK_SECRET).await;
        assert_eq!(status, 200);
    }

    /// A customer of Stripe whose counterpart Zenskar refuses: the `dead`-th dead letter.
    pub(crate) async fn refused(&self, customer: &Value, dead: u64) -> String {
        let refuse = Fault::next(Remote::Zenskar, FaultKind::Refuse { status: 422 });
        let refuse = refuse.method("POST").prefix("/customers");
        let _id = self.sandbox.order_fault(refuse);
        let id = self.sandbox.stripe_create_customer(customer);
        self.until_status(|status| status["queues"]["dead"] == dead)
            .await;
        id
    }

    /// The id of the newest event of a customer that changed, once it is done.
    async fn done_event(&self) -> String {
        for _ in 0..600 {
            let events = self.json(&["events", "list"]).await;
            let rows = events["rows"].as_array().unwrap();
            let done = |row: &&Value| row["kind"] == "customer.updated" && row["state"] == "done";
            if let Some(row) = rows.iter().find(done) {
                return row["id"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{}", self.json(&["events", "list"]).await);
    }
}

async fn renamed() -> (World, Pair, crate::support::daemon::Daemon, String) {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let daemon = world.linked(WEBHOOKS, 1).await;
    let patch = json!({ "name": HOSTILE });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world.until_zenskar(&pair, "customer_name", HOSTILE).await;
    let id = world.done_event().await;
    (world, pair, daemon, id)
}

#[tokio::test]
async fn a_payload_is_shown_to_whoever_asks_and_the_activity_says_so() {
    let (world, pair, _daemon, id) = renamed().await;
    let mut operator = world.visitor("operator").await;
    let list = operator.page("/events").await;
    let link = format!("href=\"/customers/{}\"", pair.stripe);
    for part in [
        "customer.updated",
        "Stripe’s webhook",
        "</svg>done</span>",
        &link,
    ] {
        assert!(list.contains(part), "{part}: {list}");
    }
    let path = format!("/events/{id}");
    let page = operator.page(&path).await;
    assert!(page.contains(&link) && page.contains(&id), "{page}");
    assert!(
        page.contains("Show the payload") && !page.contains("alert(1)"),
        "{page}"
    );
    let json = operator.json(&path).await;
    assert_eq!(
        (&json["payload"], &json["pruned"]),
        (&Value::Null, &json!(false))
    );
    assert!(!operator.page("/activity").await.contains("ayload shown"));

    let shown = operator.post(&format!("{path}/payload"), "").await;
    assert_eq!(shown.status, 200, "{shown:?}");
    let body = &shown.body;
    assert!(
        body.contains("&#34;previous_attributes&#34;: {\n"),
        "{body}"
    );
    assert!(body.contains("&#60;script&#62;alert(1)") && !body.contains("<script>alert"));
    // The frame's forms lead back to a page that can be opened.
    assert!(
        body.contains(&format!("name=\"back\" value=\"{path}\"")),
        "{body}"
    );
    let activity = operator.page("/activity").await;
    assert!(
        activity.contains("Event payload shown") && activity.contains(&id),
        "{activity}"
    );
    let history = world.json(&["customers", "show", &pair.stripe]).await["history"].clone();
    assert_eq!(
        (&history[0]["what"], &history[0]["who"]),
        (&json!("event payload shown"), &json!("Ann Lee"))
    );
    let form = format!("form_key={}", operator.form_key().await);
    let accept = [OWN, ("accept", "application/json")];
    let twin = operator
        .send(&format!("{path}/payload"), &accept, &form)
        .await;
    let twin: Value = serde_json::from_str(&twin.body).unwrap();
    let payload = twin["payload"].as_str().unwrap();
    assert!(payload.contains("previous_attributes"), "{payload}");
    let missing = operator.post("/events/evt_none/payload", "").await;
    assert_eq!(missing.status, 404);
}

/// Takes the payloads from events that are done, as their retention does, while no daemon runs.
async fn prune(world: &World) {
    let path = world.place.directory.join("zenstripe.redb");
    let store = Store::open(&path, StoreOptions::default()).unwrap();
    let writer = Writer::spawn(store.clone()).unwrap();
    let later = Timestamp::from_seconds(now() + 1_000);
    let prunable = store.read().unwrap();
    let prunable = prunable
        .prunable_events(later, Timestamp::MIN, 100)
        .unwrap();
    writer
        .write("prune", move |tx| tx.prune_events(&prunable))
        .await
        .unwrap();
    writer.close().await;
}

#[tokio::test]
async fn a_payload_that_is_gone_is_said_to_be_and_the_event_is_replayed_all_the_same() {
    let (world, _, daemon, id) = renamed().await;
    daemon.stop().await.unwrap();
    prune(&world).await;
    let _daemon = world.start().await;
    let mut operator = world.visitor("operator").await;
    let path = format!("/events/{id}");
    let page = operator.page(&path).await;
    assert!(page.contains("The payload is gone"), "{page}");
    assert!(!page.contains("Show the payload"), "{page}");
    assert_eq!(operator.json(&path).await["pruned"], true);
    let refused = operator.post(&format!("{path}/payload"), "").await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(!operator.page("/activity").await.contains("ayload shown"));
    let replayed = operator.post(&format!("{path}/replay"), "").await;
    assert_eq!(replayed.status, 303);
    assert!(operator.page(&path).await.contains("is looked at again"));
}

#[tokio::test]
async fn an_event_is_replayed_with_what_its_customer_holds_now() {
    let (world, pair, _daemon, id) = renamed().await;
    let mut operator = world.visitor("operator").await;
    // What happens next nobody tells of.
    world
        .sandbox
        .switch(|switches| switches.stripe.drop_webhooks = true);
    let patch = json!({ "name": "Nobody told" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    let path = format!("/events/{id}");
    let replayed = operator.post(&format!("{path}/replay"), "").await;
    assert_eq!(
        (replayed.status, replayed.header("location")),
        (303, Some(path.as_str()))
    );
    let page = operator.page(&path).await;
    assert!(page.contains("is looked at again"), "{page}");
    world
        .until_zenskar(&pair, "customer_name", "Nobody told")
        .await;
    let activity = operator.page("/activity").await;
    assert!(activity.contains("Event replayed") && activity.contains("Ann Lee"));
}

#[tokio::test]
async fn what_is_not_acted_upon_has_no_button_and_what_it_holds_is_text() {
    let world = World::new().await;
    let _daemon = world.linked(WEBHOOKS, 0).await;
    world.hears("evt_other", "invoice.paid", "<b>\"in_1").await;
    let mut operator = world.visitor("operator").await;
    let list = operator.page("/events").await;
    assert!(list.contains("</svg>not acted upon</span>"), "{list}");
    assert!(
        !list.contains("<b>\"") && list.contains("&#60;b&#62;&#34;in_1"),
        "{list}"
    );
    let page = operator.page("/events/evt_other").await;
    assert!(page.contains("Nothing is done about events of this type"));
    assert!(
        !page.contains("/replay\"") && !page.contains("<b>\""),
        "{page}"
    );
    let refused = operator.post("/events/evt_other/replay", "").await;
    assert_eq!(refused.header("location"), Some("/events/evt_other"));
    let page = operator.page("/events/evt_other").await;
    assert!(page.contains("Nothing is done about events of type invoice.paid"));
    let shown = operator.post("/events/evt_other/payload", "").await;
    assert!(!shown.body.contains("<script>alert"), "{shown:?}");
    let activity = operator.page("/activity").await;
    assert!(
        activity.contains("href=\"/events/evt_other\""),
        "{activity}"
    );
}

#[tokio::test]
async fn viewers_see_events_and_no_payloads() {
    let (world, pair, _daemon, id) = renamed().await;
    let mut viewer: Visitor = world.visitor("viewer").await;
    let path = format!("/events/{id}");
    let page = viewer.page(&path).await;
    assert!(page.contains("Viewers do not see payloads"), "{page}");
    assert!(
        !page.contains("<form method=\"post\" action=\"/events"),
        "{page}"
    );
    assert_eq!(viewer.json(&path).await["payload"], Value::Null);
    for (path, body) in [
        (format!("{path}/payload"), ""),
        (format!("{path}/replay"), ""),
        ("/events/dead/1/drop".to_owned(), ""),
        ("/events/dropped/take-back".to_owned(), "number=1"),
    ] {
        let refused = viewer.post(&path, body).await;
        assert_eq!(refused.status, 403, "{path}: {refused:?}");
        assert!(!refused.body.contains("alert(1)"), "{refused:?}");
    }
    let refused = viewer.get("/events/dead/1/drop").await;
    assert_eq!(refused.status, 403);
    let shown = world.json(&["customers", "show", &pair.stripe]).await;
    assert!(!shown.to_string().contains("payload shown"), "{shown}");
}

#[tokio::test]
async fn events_are_turned_over_and_filtered() {
    let world = World::new().await;
    let _daemon = world.linked(WEBHOOKS, 0).await;
    for number in 0..60 {
        world
            .hears(&format!("evt_{number}"), "invoice.paid", "in_1")
            .await;
    }
    world
        .hears("evt_sub", "customer.subscription.updated", "sub_1")
        .await;
    world
        .hears("evt_tax", "customer.tax_id.created", "txi_1")
        .await;
    let mut visitor = world.visitor("viewer").await;
    let first = visitor.json("/events").await;
    assert_eq!(first["rows"].as_array().unwrap().len(), 50);
    let next = first["next"].as_str().unwrap();
    let page = visitor.page("/events").await;
    assert!(
        page.contains(&format!("href=\"/events?after={next}\">Next page")),
        "{page}"
    );
    let second = visitor.json(&format!("/events?after={next}")).await;
    assert_eq!(second["rows"].as_array().unwrap().len(), 12);
    assert_eq!(second["next"], Value::Null);
    let page = visitor.page(&format!("/events?after={next}")).await;
    assert!(
        page.contains(">First page") && !page.contains(">Next page"),
        "{page}"
    );

    for (query, count) in [
        ("type=customer.", 2),
        ("type=customer.*", 2),
        ("type=customer", 0),
        ("type=customer.tax_id.created", 1),
        ("type=invoice.paid&state=not+ours+to+act+on", 50),
        ("type=invoice.paid&state=done", 0),
        ("state=received&type=", 0),
    ] {
        let found = visitor.json(&format!("/events?{query}")).await;
        assert_eq!(found["rows"].as_array().unwrap().len(), count, "{query}");
    }
    let page = visitor
        .page("/events?type=invoice.paid&state=not+ours+to+act+on")
        .await;
    let next = "/events?type=invoice.paid&#38;state=not%20ours%20to%20act%20on&#38;after=";
    assert!(page.contains(next), "{page}");
    assert!(page.contains("<option value=\"not ours to act on\" selected>Not acted upon"));
    let none = visitor.page("/events?type=%22%3E%3Cb%3E").await;
    assert!(
        none.contains("Nothing found") && none.contains("Show all"),
        "{none}"
    );
    assert!(!none.contains("\"><b>"), "{none}");
    assert_eq!(visitor.get("/events?state=odd").await.status, 404);
    assert_eq!(visitor.get("/events?after=x").await.status, 400);
    assert_eq!(visitor.get("/events/evt_none").await.status, 404);
}

#[tokio::test]
async fn a_dead_letter_is_dropped_by_whoever_was_shown_what_it_is() {
    let (world, _daemon) = created_in("both").await;
    let mut visitor = world.visitor("operator").await;
    let id = world.refused(&ann(), 1).await;
    let overview = visitor.page("/").await;
    assert!(overview.contains("href=\"/events/dead\""), "{overview}");
    let list = visitor.page("/events/dead").await;
    assert!(list.contains("href=\"/events/dead/1/drop\""), "{list}");
    let ask = visitor.page("/events/dead/1/drop").await;
    for part in [
        id.as_str(),
        "status 422",
        "Drop it",
        "No counterpart is made",
        "For 30 days it is kept",
    ] {
        assert!(ask.contains(part), "{part}: {ask}");
    }
    assert_eq!(visitor.json("/events/dead/1/drop").await["number"], 1);
    assert_eq!(visitor.get("/events/dead/2/drop").await.status, 404);
    // Sent twice, it is dropped once.
    for told in ["1 dropped", "There is no dead letter 1"] {
        let dropped = visitor.post("/events/dead/1/drop", "").await;
        assert_eq!(dropped.header("location"), Some("/events/dead"));
        let list = visitor.page("/events/dead").await;
        assert!(
            list.contains(told) && list.contains("No dead letters"),
            "{list}"
        );
    }
    // It is hidden, not counted, and can be taken back with all that it stood for.
    let status = world.json(&["status"]).await;
    let counts = (&status["queues"]["dead"], &status["creations"]["dead"]);
    assert_eq!(counts, (&json!(0), &json!(0)), "{status}");
    let mut viewer = world.visitor("viewer").await;
    let hidden = viewer.page("/events/dropped").await;
    assert!(
        hidden.contains(id.as_str()) && !hidden.contains("status 422"),
        "{hidden}"
    );
    assert!(!hidden.contains("Take back"), "{hidden}");
    let list = visitor.page("/events/dropped").await;
    for part in [
        id.as_str(),
        "status 422",
        "by Ann Lee",
        "in 29 days",
        "Take back",
    ] {
        assert!(list.contains(part), "{part}: {list}");
    }
    for told in ["1 taken back", "No dropped letter has the number 1"] {
        let back = visitor.post("/events/dropped/take-back", "number=1").await;
        assert_eq!(back.header("location"), Some("/events/dropped"));
        let list = visitor.page("/events/dropped").await;
        assert!(
            list.contains(told) && list.contains("Nothing was dropped"),
            "{list}"
        );
    }
    let activity = visitor.page("/activity").await;
    for part in ["Dead letter dropped", "Dead letter taken back"] {
        assert!(activity.contains(part), "{part}: {activity}");
    }
    let retried = visitor.post("/events/dead/retry", "number=1").await;
    assert_eq!(retried.status, 303);
    world.until_status(|status| status["links"] == 1).await;
}

/// What is kept of a dropped letter goes by the clock, so the daemon is told another time of dropping.
#[tokio::test]
async fn a_dropped_letter_is_gone_after_thirty_days() {
    let (world, daemon) = created_in("both").await;
    for number in 1..=2 {
        let customer = json!({ "name": "Ann", "email": format!("ann{number}@example.com") });
        world.refused(&customer, number).await;
    }
    let dropped = world.output(&["dead", "drop", "--all"]).await;
    let told = String::from_utf8_lossy(&dropped.stdout).into_owned();
    assert_eq!(told, "2 dropped; for 30 days they can be taken back\n");
    daemon.stop().await.unwrap();
    let long_ago = Timestamp::from_seconds(now() - 31 * 86_400);
    age_dropped(&world, 1, long_ago).await;
    let _daemon = world.start().await;
    world
        .until_status(|status| status["store"]["rows"]["dropped"] == 1)
        .await;
    let left = world.json(&["dead", "dropped"]).await;
    assert_eq!(left["rows"][0]["number"], 2, "{left}");
    let gone = world.output(&["dead", "take-back", "1"]).await;
    assert_eq!(gone.status.code(), Some(1), "{gone:?}");
    let back = world.json(&["dead", "take-back", "--all"]).await;
    assert_eq!(back["count"], 1, "{back}");
    world
        .until_status(|status| status["queues"]["dead"] == 1)
        .await;
}

/// Has a letter dropped at another time, while no daemon runs.
async fn age_dropped(world: &World, number: u64, at: Timestamp) {
    let path = world.place.directory.join("zenstripe.redb");
    let store = Store::open(&path, StoreOptions::default()).unwrap();
    let writer = Writer::spawn(store.clone()).unwrap();
    let aged = writer.write("age", move |tx| {
        let dropped = tx.dropped(number)?.unwrap();
        tx.take_back_dropped(&dropped)?;
        tx.remove_dead_letter(number)?;
        tx.put_dropped(&Dropped { at, ..dropped })
    });
    aged.await.unwrap();
    writer.close().await;
}
