//! What people decide: conflicts resolved, plans applied, runs undone.

use crate::support::daemon::Daemon;
use crate::support::{Pair, World};
use serde_json::{Value, json};

const BOTH: &str = "[customers]\nsync = \"import-and-export\"\n\
    fields = [\"name\", \"email\", \"phone\", \"address\"]\n[events]\npoll = \"off\"\n";
const IMPORT: &str = "[customers]\nsync = \"import-only\"\n[events]\npoll = \"off\"\n";

/// A daemon, and a customer whose name both sides changed.
pub(crate) async fn in_conflict() -> (World, Pair, Daemon) {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let daemon = world.linked(BOTH, 1).await;
    idle(&world).await;
    edit_both(&world, &pair, ("From Stripe", "From Zenskar"));
    differs(&world, "conflict", 1).await;
    (world, pair, daemon)
}

fn edit_both(world: &World, pair: &Pair, (stripe, zenskar): (&str, &str)) {
    let patch = json!({ "customer_name": zenskar });
    let edited = world.sandbox.zenskar_update_customer(&pair.zenskar, &patch);
    edited.unwrap();
    let patch = json!({ "name": stripe });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
}

async fn idle(world: &World) {
    world
        .until_status(|status| status["queues"]["work"] == 0 && status["queues"]["outbox"] == 0)
        .await;
}

async fn differs(world: &World, why: &str, count: u64) {
    world
        .until_status(|status| status["differences"] == json!({ why: count }))
        .await;
}

async fn done(world: &World, run: &Value) -> Value {
    let number = run["run"].as_u64().unwrap().to_string();
    for _ in 0..600 {
        let shown = world.json(&["runs", &number]).await;
        if shown["run"]["state"] == "done" {
            return shown;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!(
        "{}\n{}",
        world.json(&["runs", &number]).await,
        world.place.log()
    );
}

async fn is_refused(world: &World, arguments: &[&str], words: &str) {
    let refused = world.output(arguments).await;
    assert_eq!(refused.status.code(), Some(1), "{arguments:?}: {refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains(words), "{said}");
}

#[tokio::test]
async fn a_conflict_is_resolved_with_a_side_or_a_typed_value_and_undone() {
    let (world, pair, _daemon) = in_conflict().await;
    let listed = world.json(&["conflicts", "list"]).await;
    let row = &listed["rows"][0];
    assert_eq!(row["field"], "name");
    assert_eq!(row["why"], "conflict");
    assert_eq!(row["stripe_value"], "From Stripe");
    assert_eq!(row["zenskar_value"], "From Zenskar");
    assert!(row["agreed"].is_string(), "{row}");

    let resolve = ["conflicts", "resolve", &pair.zenskar, "name"];
    let run = world
        .json(&[&resolve[..], &["--value", "Typed"]].concat())
        .await;
    world.until_stripe(&pair, "/name", "Typed").await;
    world.until_zenskar(&pair, "customer_name", "Typed").await;
    let shown = done(&world, &run).await;
    assert_eq!(shown["rows"][0]["state"], "done", "{shown}");
    assert_eq!(shown["rows"][0]["zenskar_before"], "From Zenskar");
    world
        .until_status(|status| status["differences"] == json!({}))
        .await;

    let undo = world.json(&["undo", &run["run"].to_string()]).await;
    world.until_stripe(&pair, "/name", "From Stripe").await;
    world
        .until_zenskar(&pair, "customer_name", "From Zenskar")
        .await;
    done(&world, &undo).await;
    differs(&world, "conflict", 1).await;
    idle(&world).await;
    is_refused(&world, &["undo", &run["run"].to_string()], "undone already").await;

    let run = world.json(&[&resolve[..], &["--zenskar"]].concat()).await;
    world.until_stripe(&pair, "/name", "From Zenskar").await;
    done(&world, &run).await;
    let runs = world.json(&["runs"]).await;
    assert_eq!(runs["rows"].as_array().unwrap().len(), 3);
    assert_eq!(runs["rows"][2]["undone_by"], 2);
    // Each value was written once a side.
    assert_eq!(world.in_zenskar(&pair, "customer_name"), "From Zenskar");
    is_refused(
        &world,
        &[&resolve[..], &["--stripe"]].concat(),
        "does not wait",
    )
    .await;
}

#[tokio::test]
async fn what_the_rules_do_not_write_is_refused_with_what_to_do() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(IMPORT, 1).await;
    idle(&world).await;
    let patch = json!({ "customer_name": "Edited here" });
    world
        .sandbox
        .zenskar_update_customer(&pair.zenskar, &patch)
        .unwrap();
    world.json(&["scan"]).await;
    differs(&world, "drift", 1).await;
    let waiting = world.json(&["conflicts", "list"]).await;
    assert_eq!(waiting["rows"], json!([]), "drift stays by the rules");
    let all = world.json(&["conflicts", "list", "--all"]).await;
    assert_eq!(all["rows"][0]["why"], "drift");
    let resolve = ["conflicts", "resolve", &pair.stripe, "name"];
    is_refused(
        &world,
        &[&resolve[..], &["--zenskar"]].concat(),
        "does not write name to stripe",
    )
    .await;
    is_refused(
        &world,
        &[&resolve[..], &["--value", "Typed"]].concat(),
        "customers.sync",
    )
    .await;
    is_refused(
        &world,
        &["conflicts", "resolve", "cus_none", "name", "--stripe"],
        "not linked",
    )
    .await;

    // A confirmed plan replaces the drift, and undoing brings the edit back.
    let plan = world.json(&["plan"]).await;
    assert_eq!(plan["rows"][0]["winner"], "stripe", "{plan}");
    let name = world.sandbox.stripe_customer(&pair.stripe)["name"].clone();
    let run = world.json(&["apply", plan["hash"].as_str().unwrap()]).await;
    world
        .until_zenskar(&pair, "customer_name", name.as_str().unwrap())
        .await;
    done(&world, &run).await;
    world.json(&["undo", &run["run"].to_string()]).await;
    world
        .until_zenskar(&pair, "customer_name", "Edited here")
        .await;
    differs(&world, "drift", 1).await;
}

/// A daemon, and customers whose names were never seen to agree.
async fn at_first_sight(count: usize) -> (World, Vec<Pair>, Daemon) {
    let world = World::new().await;
    let pairs = world.pairs(count);
    for (number, pair) in pairs.iter().enumerate() {
        let patch = json!({ "customer_name": format!("Zenskar {number}") });
        let edited = world.sandbox.zenskar_update_customer(&pair.zenskar, &patch);
        edited.unwrap();
    }
    let daemon = world.linked(BOTH, count).await;
    differs(&world, "no-base", u64::try_from(count).unwrap()).await;
    idle(&world).await;
    (world, pairs, daemon)
}

fn names(world: &World, pairs: &[Pair]) -> Vec<String> {
    let name = |pair: &Pair| world.in_zenskar(pair, "customer_name");
    pairs.iter().map(name).collect()
}

#[tokio::test]
async fn differences_at_first_sight_are_a_plan_and_nothing_is_written_before_it_is_confirmed() {
    let (world, pairs, _daemon) = at_first_sight(3).await;
    let first = names(&world, &pairs);
    // Nobody is named who wins: nothing would be written.
    let plan = world.json(&["plan"]).await;
    assert_eq!(plan["hash"], Value::Null, "{plan}");
    assert_eq!(plan["summary"]["ask"], json!({ "no-base": 3 }));
    let plan = world.json(&["plan", "--initial", "stripe"]).await;
    let summary = &plan["summary"];
    assert_eq!(summary["linked"], 3, "{plan}");
    assert_eq!(
        (&summary["fields"], &summary["customers"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(summary["writes_to"], json!({ "zenskar": 3 }));
    assert_eq!(summary["stripe_reads"], 3);
    assert_eq!(summary["zenskar_requests"], 9);
    let hash = plan["hash"].as_str().unwrap();
    let most = ["apply", hash, "--max-changes", "2"];
    is_refused(&world, &most, "writes 3 fields").await;
    let other = ["apply", "0123456789abcdef"];
    is_refused(&world, &other, "something changed since").await;
    let nonsense = world.output(&["apply", "nonsense"]).await;
    assert!(!nonsense.status.success());
    assert_eq!(names(&world, &pairs), first, "nothing was written");
}

#[tokio::test]
async fn a_plan_is_tried_on_one_customer_then_applied_and_undone_where_nobody_edited() {
    let (world, pairs, _daemon) = at_first_sight(3).await;
    let plan = world.json(&["plan", "--initial", "stripe"]).await;
    let hash = plan["hash"].as_str().unwrap();
    // A trial of one customer; the plan for the others is another one.
    let canary = world.json(&["apply", hash, "--canary", "1"]).await;
    assert_eq!(canary["customers"], 1, "{canary}");
    done(&world, &canary).await;
    differs(&world, "no-base", 2).await;
    is_refused(&world, &["apply", hash], "run 1 applied it").await;
    let rest = world.json(&["plan", "--initial", "stripe"]).await;
    let run = world.json(&["apply", rest["hash"].as_str().unwrap()]).await;
    done(&world, &run).await;
    world
        .until_status(|status| status["differences"] == json!({}))
        .await;
    for (pair, name) in pairs.iter().zip(names(&world, &pairs)) {
        assert_eq!(world.sandbox.stripe_customer(&pair.stripe)["name"], name);
    }

    // One of them is edited; undoing leaves that one alone.
    let last = pairs.iter().max_by_key(|pair| &pair.stripe).unwrap();
    let patch = json!({ "name": "Edited since" });
    world.sandbox.stripe_update_customer(&last.stripe, &patch);
    world
        .until_zenskar(last, "customer_name", "Edited since")
        .await;
    idle(&world).await;
    let undo = world.json(&["undo", &run["run"].to_string()]).await;
    let shown = done(&world, &undo).await;
    assert_eq!(
        (&shown["run"]["done"], &shown["run"]["overtaken"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(world.in_zenskar(last, "customer_name"), "Edited since");
    differs(&world, "no-base", 1).await;
}

#[tokio::test]
async fn the_initial_rule_names_the_winner_and_still_waits_for_a_person() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let patch = json!({ "customer_name": "Zenskar's" });
    world
        .sandbox
        .zenskar_update_customer(&pair.zenskar, &patch)
        .unwrap();
    let rule = BOTH.replace("[events]", "initial = \"zenskar\"\n[events]");
    let _daemon = world.linked(&rule, 1).await;
    differs(&world, "no-base", 1).await;
    idle(&world).await;
    let plan = world.json(&["plan"]).await;
    assert_eq!(plan["rows"][0]["winner"], "zenskar", "{plan}");
    assert_ne!(
        world.sandbox.stripe_customer(&pair.stripe)["name"],
        "Zenskar's"
    );
    world.json(&["apply", plan["hash"].as_str().unwrap()]).await;
    world.until_stripe(&pair, "/name", "Zenskar's").await;
}

#[tokio::test]
async fn the_event_of_our_own_undoing_is_no_edit_of_a_person() {
    let (world, pairs, _daemon) = at_first_sight(1).await;
    let pair = &pairs[0];
    let before = world.sandbox.stripe_customer(&pair.stripe)["name"].clone();
    let plan = world.json(&["plan", "--initial", "zenskar"]).await;
    let run = world.json(&["apply", plan["hash"].as_str().unwrap()]).await;
    world.until_stripe(pair, "/name", "Zenskar 0").await;
    done(&world, &run).await;
    let undo = world.json(&["undo", &run["run"].to_string()]).await;
    world
        .until_stripe(pair, "/name", before.as_str().unwrap())
        .await;
    done(&world, &undo).await;
    // Stripe tells of the write: its previous value is what Zenskar holds.
    let heard = |status: &Value| status["store"]["rows"]["events"].as_u64() >= Some(2);
    world.until_status(heard).await;
    idle(&world).await;
    differs(&world, "no-base", 1).await;
    assert_eq!(world.in_zenskar(pair, "customer_name"), "Zenskar 0");
}

#[tokio::test]
async fn undoing_blanks_what_a_run_wrote_over_a_blank() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let patch = json!({ "phone_number": "" });
    let edited = world.sandbox.zenskar_update_customer(&pair.zenskar, &patch);
    edited.unwrap();
    let _daemon = world.linked(IMPORT, 1).await;
    differs(&world, "no-base", 1).await;
    idle(&world).await;
    let phone = world.sandbox.stripe_customer(&pair.stripe)["phone"].clone();
    let plan = world.json(&["plan"]).await;
    let run = world.json(&["apply", plan["hash"].as_str().unwrap()]).await;
    let phone = phone.as_str().unwrap();
    world.until_zenskar(&pair, "phone_number", phone).await;
    done(&world, &run).await;
    world.json(&["undo", &run["run"].to_string()]).await;
    world.until_zenskar(&pair, "phone_number", "").await;
    differs(&world, "no-base", 1).await;
}

#[tokio::test]
async fn a_refused_value_is_a_question_in_the_refusers_words_until_another_is_typed() {
    let world = World::new().await;
    let pairs = world.pairs(2);
    let _daemon = world.linked(BOTH, 2).await;
    idle(&world).await;
    let taken = world.in_zenskar(&pairs[1], "email");
    let patch = json!({ "email": taken, "phone": "+1 555 0199" });
    world
        .sandbox
        .stripe_update_customer(&pairs[0].stripe, &patch);
    world
        .until_zenskar(&pairs[0], "phone_number", "+1 555 0199")
        .await;
    differs(&world, "refused", 1).await;
    let listed = world.json(&["conflicts", "list", "--why", "refused"]).await;
    let refusal = listed["rows"][0]["refusal"].as_str().unwrap();
    assert!(refusal.contains("400"), "{refusal}");
    let resolve = ["conflicts", "resolve", &pairs[0].stripe, "email"];
    let typed = ["--value", "nobody.has@example.com"];
    let run = world.json(&[&resolve[..], &typed].concat()).await;
    world
        .until_zenskar(&pairs[0], "email", "nobody.has@example.com")
        .await;
    world
        .until_stripe(&pairs[0], "/email", "nobody.has@example.com")
        .await;
    done(&world, &run).await;
    world
        .until_status(|status| status["queues"]["dead"] == 0 && status["differences"] == json!({}))
        .await;
}

#[tokio::test]
async fn an_address_is_typed_as_an_object() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(BOTH, 1).await;
    idle(&world).await;
    let address = json!({ "line1": "1 Quai", "city": "Lyon", "country_code": "FR" });
    let patch = json!({ "address": address });
    world
        .sandbox
        .zenskar_update_customer(&pair.zenskar, &patch)
        .unwrap();
    let patch = json!({ "address": { "line1": "2 Rue", "city": "Nice", "country": "FR" } });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    differs(&world, "conflict", 1).await;
    let resolve = ["conflicts", "resolve", &pair.stripe, "address", "--value"];
    let text = world.output(&[&resolve[..], &["3 Place"]].concat()).await;
    let said = String::from_utf8_lossy(&text.stderr);
    assert!(said.contains("takes an object of line1"), "{said}");
    let object = r#"{"line1": "3 Place", "city": "Metz", "country": "fr"}"#;
    world.json(&[&resolve[..], &[object]].concat()).await;
    world.until_stripe(&pair, "/address/line1", "3 Place").await;
    let in_zenskar = || {
        let customer = world.sandbox.zenskar_customer(&pair.zenskar);
        (customer["address"]["line1"] == "3 Place").then_some(())
    };
    let found = crate::support::daemon::until(crate::support::LONGEST, in_zenskar).await;
    assert!(found.is_some());
}

#[tokio::test]
async fn the_tables_for_people_say_what_to_do_next() {
    let (world, pair, _daemon) = in_conflict().await;
    let text = async |arguments: &[&str]| {
        let output = world.output(arguments).await;
        assert!(output.status.success(), "{output:?}");
        let both = [output.stdout, output.stderr].concat();
        String::from_utf8(both).unwrap()
    };
    let listed = text(&["conflicts", "list"]).await;
    assert!(
        listed.contains("From Zenskar") && listed.contains("conflicts resolve"),
        "{listed}"
    );
    let planned = text(&["plan"]).await;
    assert!(planned.contains("a person decides"), "{planned}");
    assert!(planned.contains("nothing would be written"), "{planned}");
    assert!(
        text(&["runs"])
            .await
            .contains("nothing was decided by a person yet")
    );
    let resolved = text(&["conflicts", "resolve", &pair.stripe, "name", "--stripe"]).await;
    assert!(
        resolved.contains("run 1") && resolved.contains("zenstripe runs 1"),
        "{resolved}"
    );
    world
        .until_zenskar(&pair, "customer_name", "From Stripe")
        .await;
    world
        .until_status(|status| status["differences"] == json!({}))
        .await;
    let shown = text(&["runs", "1"]).await;
    assert!(shown.contains("From Zenskar -> From Stripe"), "{shown}");
    assert!(shown.contains("zenstripe undo 1"), "{shown}");
}
