//! A customer that is there on one side only is made on the other, once, where that is switched on.

use crate::support::daemon::{Daemon, until};
use crate::support::{LONGEST, World};
use serde_json::{Value, json};
use zenstripe_sandbox::{Fault, FaultKind, Remote};

/// Made where `create` says, both ways, by webhook and by polling.
fn creating(create: &str) -> String {
    format!(
        "[customers]\nsync = \"import-and-export\"\n\
         fields = [\"name\", \"email\", \"phone\", \"address\", \"shipping.name\"]\n\
         create = \"{create}\"\n[events]\npoll = \"1s\"\n"
    )
}

/// A world whose daemon creates where `create` says, and counts as older who is there already.
pub(crate) async fn created_in(create: &str) -> (World, Daemon) {
    let world = World::new().await;
    world.sandbox.switch(|s| s.zenskar.null_for_unmapped = true);
    world.configure(&creating(create));
    let daemon = switched_on(&world, create).await;
    (world, daemon)
}

async fn switched_on(world: &World, create: &str) -> Daemon {
    let daemon = world.start().await;
    wait_until_switched(world, create).await;
    daemon
}

/// Waits until both clocks were taken note of, and lets the remotes' go on by more than a second.
async fn wait_until_switched(world: &World, create: &str) {
    let sides: &[&str] = match create {
        "both" => &["stripe", "zenskar"],
        "none" => &[],
        _ => &[create],
    };
    world
        .until_status(|status| {
            let since = status["creations"]["since"].as_object().unwrap();
            let told = |side: &&str| since.get(*side).is_some_and(Value::is_string);
            since.len() == sides.len() && sides.iter().all(told)
        })
        .await;
    // What is made from now on is made later, to the second, than anything that was taken note of.
    if !sides.is_empty() {
        world.sandbox.clock().advance(5);
    }
}

pub(crate) fn ann() -> Value {
    json!({
        "name": "Ann", "email": "ann@example.com", "phone": "+1 555 0100",
        "address": { "line1": "1 Rue", "city": "Paris", "country": "FR" },
    })
}

fn zoe() -> Value {
    json!({
        "customer_name": "Zoe", "email": "zoe@example.com", "phone_number": "+1 555 0200",
        "address": { "line1": "1 Quai", "city": "Lyon", "country_code": "FR" },
        "custom_data": { "shipping_name": "nobody to ship to" },
    })
}

/// Requests to make a customer, as the remote saw them.
fn requests(world: &World, remote: Remote) -> Vec<Value> {
    let path = match remote {
        Remote::Stripe => "/v1/customers",
        Remote::Zenskar => "/customers",
    };
    let exchanges = world.sandbox.exchanges().into_iter();
    exchanges
        .filter(|one| one.remote == remote && one.method == "POST" && one.path == path)
        .map(|one| json!({ "key": one.headers.get("idempotency-key"), "body": one.body }))
        .collect()
}

/// What the customers that wait for a link wait for.
async fn notes(world: &World) -> Vec<String> {
    let waits = world.json(&["customers", "list", "--unlinked"]).await;
    let rows = waits["rows"].as_array().unwrap().iter();
    rows.map(|row| row["note"].as_str().unwrap_or_default().to_owned())
        .collect()
}

async fn until_note(world: &World, part: &str) {
    for _ in 0..600 {
        if notes(world).await.iter().any(|note| note.contains(part)) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{:?}\n{}", notes(world).await, world.place.log());
}

async fn until_quiet(world: &World) {
    world
        .until_status(|status| {
            let queues = &status["queues"];
            let quiet = ["inbox", "work", "outbox"];
            quiet.iter().all(|name| queues[name] == 0)
                && status["creations"]["open"] == 0
                && status["scan"]["phase"] == "idle"
                && status["scan"]["wanted"] == false
        })
        .await;
}

async fn scan(world: &World) {
    assert!(world.output(&["scan"]).await.status.success());
    until_quiet(world).await;
}

async fn show(world: &World, id: &str) -> Value {
    world.json(&["customers", "show", id]).await
}

#[tokio::test]
async fn a_customer_of_stripe_is_made_in_zenskar_once() {
    let (world, _daemon) = created_in("both").await;
    let stripe = world.sandbox.stripe_create_customer(&ann());
    world.until_status(|status| status["links"] == 1).await;
    scan(&world).await;
    scan(&world).await;
    let status = world.json(&["status"]).await;
    assert_eq!(status["differences"], json!({}), "{status}");
    assert_eq!(requests(&world, Remote::Zenskar).len(), 1);
    assert!(requests(&world, Remote::Stripe).is_empty());
    let shown = show(&world, &stripe).await;
    assert_eq!(shown["proof"], "created", "{shown}");
    let zenskar = shown["row"]["zenskar"].as_str().unwrap().to_owned();
    let made = world.sandbox.zenskar_customer(&zenskar);
    assert_eq!(made["external_id"], stripe.as_str());
    assert_eq!(made["customer_name"], "Ann");
    assert_eq!(made["email"], "ann@example.com");
    assert_eq!(made["phone_number"], "+1 555 0100");
    assert_eq!(made["address"]["country_code"], "FR");
    assert_eq!(world.sandbox.mapping(&zenskar), Some(stripe.clone()));
    // What both agree on is known, so the next change moves, either way.
    let patch = json!({ "name": "Ann the second" });
    world.sandbox.stripe_update_customer(&stripe, &patch);
    let pair = crate::support::Pair { stripe, zenskar };
    world
        .until_zenskar(&pair, "customer_name", "Ann the second")
        .await;
    let patch = json!({ "phone_number": "+1 555 0199" });
    let edited = world.sandbox.zenskar_update_customer(&pair.zenskar, &patch);
    edited.unwrap();
    world.until_stripe(&pair, "/phone", "+1 555 0199").await;
}

#[tokio::test]
async fn a_customer_of_zenskar_is_made_in_stripe_once() {
    let (world, _daemon) = created_in("both").await;
    let zenskar = world.sandbox.zenskar_create_customer(&zoe()).unwrap();
    world.until_status(|status| status["links"] == 1).await;
    scan(&world).await;
    scan(&world).await;
    assert_eq!(requests(&world, Remote::Stripe).len(), 1);
    assert!(requests(&world, Remote::Zenskar).is_empty());
    let shown = show(&world, &zenskar).await;
    assert_eq!(shown["proof"], "created", "{shown}");
    let stripe = shown["row"]["stripe"].as_str().unwrap();
    let made = world.sandbox.stripe_customer(stripe);
    assert_eq!(
        made["metadata"]["zenstripe_zenskar_customer"],
        zenskar.as_str()
    );
    assert_eq!(made["name"], "Zoe");
    assert_eq!(made["email"], "zoe@example.com");
    assert_eq!(made["address"]["city"], "Lyon");
    // Stripe takes no shipping without an address, which is no reason not to make the rest.
    assert_eq!(made["shipping"], Value::Null);
    let status = world.json(&["status"]).await;
    assert_eq!(status["differences"], json!({ "no-base": 1 }), "{status}");
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_customer() {
    let (world, _daemon) = created_in("both").await;
    for (remote, path) in [
        (Remote::Stripe, "/v1/customers"),
        (Remote::Zenskar, "/customers"),
    ] {
        let lose = Fault::next(remote, FaultKind::LoseResponse);
        let _id = world.sandbox.order_fault(lose.method("POST").prefix(path));
    }
    let stripe = world.sandbox.stripe_create_customer(&ann());
    let zenskar = world.sandbox.zenskar_create_customer(&zoe()).unwrap();
    world.until_status(|status| status["links"] == 2).await;
    scan(&world).await;
    // Zenskar was looked at; to Stripe the very same was sent again, or its event came first.
    assert_eq!(requests(&world, Remote::Zenskar).len(), 1);
    let sent = requests(&world, Remote::Stripe);
    assert!(sent.len() <= 2 && sent.first() == sent.last(), "{sent:?}");
    for id in [stripe, zenskar] {
        let shown = show(&world, &id).await;
        assert_eq!(shown["row"]["state"], "linked", "{shown}");
    }
    let made = world.sandbox.stripe_events().into_iter();
    let made = made.filter(|event| event["type"] == "customer.created");
    assert_eq!(made.count(), 2, "Ann, and Zoe once");
}

#[tokio::test]
async fn a_refusal_is_a_question_in_the_remotes_words_and_is_tried_again_on_request() {
    let (world, _daemon) = created_in("both").await;
    for (remote, path) in [
        (Remote::Stripe, "/v1/customers"),
        (Remote::Zenskar, "/customers"),
    ] {
        let refuse = Fault::next(remote, FaultKind::Refuse { status: 422 });
        let _id = world
            .sandbox
            .order_fault(refuse.method("POST").prefix(path));
    }
    world.sandbox.stripe_create_customer(&ann());
    world.sandbox.zenskar_create_customer(&zoe()).unwrap();
    let status = world
        .until_status(|status| status["creations"]["dead"] == 2)
        .await;
    assert_eq!(status["state"], "degraded");
    assert_eq!(status["links"], 0);
    let letters = world.json(&["dead", "list"]).await;
    for letter in letters["rows"].as_array().unwrap() {
        assert_eq!(letter["kind"], "creation");
        let reason = letter["reason"].as_str().unwrap();
        assert!(reason.contains("status 422"), "{reason}");
    }
    let notes = notes(&world).await;
    let told = |note: &String| note.contains("not created in") && note.contains("Refused");
    assert!(
        notes.iter().filter(|note| told(note)).count() >= 1,
        "{notes:?}"
    );
    // It is not tried again by itself, not even when its customer changes.
    scan(&world).await;
    assert_eq!(requests(&world, Remote::Zenskar).len(), 1);
    let retried = world.output(&["dead", "retry", "--all"]).await;
    assert!(retried.status.success(), "{retried:?}");
    world.until_status(|status| status["links"] == 2).await;
    until_quiet(&world).await;
    assert_eq!(requests(&world, Remote::Zenskar).len(), 2);
    let sent = requests(&world, Remote::Stripe);
    assert_eq!(sent.len(), 2);
    assert_ne!(
        sent[0]["key"], sent[1]["key"],
        "a refusal is kept under its key"
    );
}

#[tokio::test]
async fn who_was_there_before_waits_for_an_order_and_costs_stripe_no_reads() {
    let world = World::new().await;
    world.sandbox.switch(|s| s.zenskar.null_for_unmapped = true);
    let few = 3;
    for number in 0..40 {
        let name = format!("Customer {number}");
        world
            .sandbox
            .stripe_create_customer(&json!({ "name": name }));
    }
    for number in 0..few {
        let fields = json!({ "customer_name": format!("Billed {number}") });
        world.sandbox.zenskar_create_customer(&fields).unwrap();
    }
    let quiet = creating("both").replace("poll = \"1s\"", "poll = \"1d\"");
    world.configure(&quiet);
    let daemon = world.start().await;
    let offered = |status: &Value| status["creations"]["offered"] == 40 + few;
    world.until_status(offered).await;
    until_quiet(&world).await;
    let reads = world.sandbox.stripe_reads();
    assert!(reads < 20, "{reads} reads");
    assert!(daemon.stop().await.unwrap().success());
    let _daemon = world.start().await;
    world.until_status(offered).await;
    scan(&world).await;
    assert!(requests(&world, Remote::Zenskar).is_empty());
    assert!(requests(&world, Remote::Stripe).is_empty());
    let notes = notes(&world).await;
    assert!(
        notes
            .iter()
            .all(|note| note.contains("created when ordered")),
        "{notes:?}"
    );
    // Nothing made after that is kept waiting.
    world.sandbox.clock().advance(5);
    world.sandbox.stripe_create_customer(&ann());
    world.until_status(|status| status["links"] == 1).await;
}

#[tokio::test]
async fn an_address_that_somebody_has_is_a_question() {
    let (world, _daemon) = created_in("both").await;
    let theirs = json!({ "customer_name": "Ann", "email": "ann@example.com" });
    world.sandbox.zenskar_create_customer(&theirs).unwrap();
    world.until_status(|status| status["links"] == 1).await;
    // Somebody else in Stripe has her address, and so may be the one, or not.
    world.sandbox.stripe_create_customer(&ann());
    until_note(
        &world,
        "not created in zenskar: customers of Zenskar may be it",
    )
    .await;
    world
        .sandbox
        .stripe_create_customer(&json!({ "email": "zoe@example.com" }));
    until_note(&world, "which Zenskar requires").await;
    world.sandbox.zenskar_create_customer(&zoe()).unwrap();
    until_note(
        &world,
        "not created in stripe: a customer of Stripe has its address",
    )
    .await;
    until_quiet(&world).await;
    scan(&world).await;
    assert!(requests(&world, Remote::Zenskar).is_empty());
    assert_eq!(requests(&world, Remote::Stripe).len(), 1);
}

#[tokio::test]
async fn a_mapping_that_gives_no_answer_is_none() {
    let (world, _daemon) = created_in("stripe").await;
    world
        .sandbox
        .switch(|s| s.zenskar.null_for_unmapped = false);
    world.sandbox.zenskar_create_customer(&zoe()).unwrap();
    until_note(
        &world,
        "not created in stripe: Zenskar's mapping gave no answer",
    )
    .await;
    scan(&world).await;
    assert!(requests(&world, Remote::Stripe).is_empty());
}

#[tokio::test]
async fn a_mapping_that_names_another_customer_of_stripe_is_a_question() {
    let world = World::new().await;
    world
        .sandbox
        .switch(|s| s.zenskar.create_makes_stripe_customer = true);
    let text = world.place.config_text(&creating("zenskar"));
    let text = text.replace("settle =", "native_stripe = \"off\"\nsettle =");
    world.place.put_config(&text).unwrap();
    let _daemon = switched_on(&world, "zenskar").await;
    let stripe = world.sandbox.stripe_create_customer(&ann());
    until_note(&world, "was made for it in Zenskar, whose mapping names").await;
    // The one that Zenskar made is the one that it is linked with.
    world.until_status(|status| status["links"] == 1).await;
    until_quiet(&world).await;
    scan(&world).await;
    assert_eq!(requests(&world, Remote::Zenskar).len(), 1);
    let shown = show(&world, &stripe).await;
    assert_eq!(shown["row"]["state"], "unlinked", "{shown}");
}

#[tokio::test]
async fn it_is_switched_on_and_off_while_the_daemon_runs() {
    let (world, _daemon) = created_in("none").await;
    let before = world
        .sandbox
        .stripe_create_customer(&json!({ "name": "Before" }));
    world
        .until_status(|status| status["queues"]["parked"] == 1)
        .await;
    world.configure(&creating("both"));
    wait_until_switched(&world, "both").await;
    let offered = |status: &Value| status["creations"]["offered"] == 1;
    world.until_status(offered).await;
    let during = world
        .sandbox
        .stripe_create_customer(&json!({ "name": "During" }));
    world.until_status(|status| status["links"] == 1).await;
    // What was decided and not sent is not sent: the remote takes nothing meanwhile.
    let busy = FaultKind::TooManyRequests {
        reason: None,
        retry_after: Some(1),
    };
    let busy = Fault::next(Remote::Zenskar, busy).method("POST");
    let _id = world.sandbox.order_fault(busy.times(1_000_000));
    world
        .sandbox
        .stripe_create_customer(&json!({ "name": "Held up" }));
    until_note(&world, "it is being created in zenskar; create customer").await;
    world.configure(&creating("none"));
    wait_until_switched(&world, "none").await;
    world.sandbox.clear_faults();
    until_note(&world, "creating in zenskar is switched off").await;
    world
        .sandbox
        .stripe_create_customer(&json!({ "name": "After" }));
    world
        .until_status(|status| status["queues"]["parked"] == 3)
        .await;
    until_quiet(&world).await;
    let made: Vec<String> = requests(&world, Remote::Zenskar)
        .iter()
        .map(|request| request["body"].as_str().unwrap_or_default().to_owned())
        .filter(|body| !body.contains("Held up"))
        .collect();
    assert_eq!(made.len(), 1, "{made:?}");
    assert!(made[0].contains(&during) && !made[0].contains(&before));
    let status = world.json(&["status"]).await;
    assert_eq!(status["links"], 1, "{status}");
}

#[tokio::test]
async fn a_kill_between_request_and_answer_makes_no_second_customer() {
    let (world, daemon) = created_in("both").await;
    for (remote, path) in [
        (Remote::Stripe, "/v1/customers"),
        (Remote::Zenskar, "/customers"),
    ] {
        let hold = Fault::next(remote, FaultKind::Delay { ms: 600_000 });
        let _id = world.sandbox.order_fault(hold.method("POST").prefix(path));
    }
    world.sandbox.stripe_create_customer(&ann());
    world.sandbox.zenskar_create_customer(&zoe()).unwrap();
    let sent = |remote| requests(&world, remote).len();
    let both = || (sent(Remote::Stripe) == 1 && sent(Remote::Zenskar) == 1).then_some(());
    let applied = until(LONGEST, both).await;
    assert!(applied.is_some(), "{}", world.place.log());
    assert!(!daemon.kill().await.unwrap().success());
    let _daemon = world.start().await;
    world.until_status(|status| status["links"] == 2).await;
    scan(&world).await;
    assert_eq!(requests(&world, Remote::Zenskar).len(), 1);
    let sent = requests(&world, Remote::Stripe);
    assert!(sent.len() <= 2 && sent.first() == sent.last(), "{sent:?}");
}

#[tokio::test]
async fn customers_of_before_are_made_when_a_plan_that_names_them_is_applied() {
    let world = World::new().await;
    world.sandbox.switch(|s| s.zenskar.null_for_unmapped = true);
    let here = world.sandbox.stripe_create_customer(&ann());
    let there = world.sandbox.zenskar_create_customer(&zoe()).unwrap();
    world.sandbox.clock().advance(5);
    world.configure(&creating("both"));
    let _daemon = switched_on(&world, "both").await;
    world
        .until_status(|status| status["creations"]["offered"] == 2)
        .await;
    until_quiet(&world).await;
    let plan = world.json(&["plan"]).await;
    let made = json!({ "stripe": 1, "zenskar": 1 });
    assert_eq!(plan["summary"]["creates"], made, "{plan}");
    let rows = plan["rows"].as_array().unwrap();
    let proposed: Vec<_> = rows.iter().map(|row| &row["proposal"]).collect();
    assert_eq!(proposed, ["create", "create"], "{plan}");
    assert_eq!(
        (&rows[0]["stripe"], &rows[1]["zenskar"]),
        (&json!(here), &json!(there))
    );
    let page = world.json(&["plan", "--limit", "1"]).await;
    let next = page["next"].as_str().unwrap();
    let rest = world.json(&["plan", "--after", next]).await;
    assert_eq!(rest["rows"][0]["zenskar"], json!(there), "{rest}");
    let hash = plan["hash"].as_str().unwrap();
    let few = world.output(&["apply", hash, "--max-changes", "1"]).await;
    assert_eq!(few.status.code(), Some(1), "{few:?}");
    assert!(requests(&world, Remote::Zenskar).is_empty());
    let run = world.json(&["apply", hash]).await;
    assert_eq!(run["ordered"], 2, "{run}");
    world.until_status(|status| status["links"] == 2).await;
    assert_eq!(requests(&world, Remote::Zenskar).len(), 1);
    assert_eq!(requests(&world, Remote::Stripe).len(), 1);
    let again = world.output(&["apply", hash]).await;
    assert_eq!(again.status.code(), Some(1), "{again:?}");
}
