//! Runs that are cut short: the client goes away, or the daemon dies, while they are decided.

use crate::support::daemon::Daemon;
use crate::support::{Pair, World};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

/// More customers than are decided in several transactions.
const MANY: usize = 220;

const BOTH: &str = "[customers]\nsync = \"import-and-export\"\nfields = [\"name\"]\n\
    initial = \"stripe\"\n[events]\npoll = \"off\"\n";

/// A daemon, and customers whose names were never seen to agree.
async fn at_first_sight() -> (World, Vec<Pair>, Daemon) {
    let world = World::new().await;
    let pairs = world.pairs(MANY);
    for (number, pair) in pairs.iter().enumerate() {
        let patch = json!({ "customer_name": before(number) });
        let edited = world.sandbox.zenskar_update_customer(&pair.zenskar, &patch);
        edited.unwrap();
    }
    let daemon = world.linked(BOTH, MANY).await;
    world
        .until_status(|status| {
            status["differences"] == json!({ "no-base": MANY }) && status["queues"]["work"] == 0
        })
        .await;
    (world, pairs, daemon)
}

fn before(number: usize) -> String {
    format!("Zenskar {number}")
}

/// Orders something as a client does that goes away once it has begun, as run `run`.
async fn order_and_leave(world: &World, (path, run): (&str, u64), body: &Value) {
    let socket = world.place.directory.join("zenstripe.sock");
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let body = body.to_string();
    let length = body.len();
    let request = format!(
        "POST /api/v1{path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    until_run(world, run, |_| true).await;
}

async fn until_run(world: &World, run: u64, wanted: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..600 {
        let shown = world.json(&["runs"]).await;
        let rows = shown["rows"].as_array().unwrap();
        let found = rows.iter().find(|row| row["run"] == run);
        if let Some(row) = found.filter(|row| wanted(row)) {
            return row.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{}\n{}", world.json(&["runs"]).await, world.place.log());
}

fn is_done(row: &Value) -> bool {
    row["state"] == "done"
}

fn in_stripe(world: &World, pair: &Pair) -> String {
    let name = &world.sandbox.stripe_customer(&pair.stripe)["name"];
    name.as_str().unwrap().to_owned()
}

/// Customers whose name in Zenskar is Stripe's, and those whose name is what it was.
fn written(world: &World, pairs: &[Pair]) -> (usize, usize) {
    let held = |pair: &Pair| world.in_zenskar(pair, "customer_name");
    let by_stripe = pairs
        .iter()
        .filter(|one| held(one) == in_stripe(world, one));
    let as_before = pairs.iter().enumerate();
    let as_before = as_before.filter(|(number, one)| held(one) == before(*number));
    (by_stripe.count(), as_before.count())
}

#[tokio::test]
async fn what_is_applied_and_undone_is_decided_whole_though_the_client_goes_away() {
    let (world, pairs, _daemon) = at_first_sight().await;
    let plan = world.json(&["plan"]).await;
    order_and_leave(&world, ("/plan/apply", 1), &json!({ "hash": plan["hash"] })).await;
    let applied = until_run(&world, 1, is_done).await;
    assert_eq!(applied["done"], MANY, "{applied}");
    assert_eq!(written(&world, &pairs), (MANY, 0));
    order_and_leave(&world, ("/runs/1/undo", 2), &json!({})).await;
    let undone = until_run(&world, 2, is_done).await;
    assert_eq!(undone["done"], MANY, "{undone}");
    assert_eq!(written(&world, &pairs), (0, MANY));
}

#[tokio::test]
async fn after_a_kill_while_a_run_is_undone_the_undoing_is_brought_to_its_end() {
    let (world, pairs, daemon) = at_first_sight().await;
    let plan = world.json(&["plan"]).await;
    world.json(&["apply", plan["hash"].as_str().unwrap()]).await;
    until_run(&world, 1, is_done).await;
    order_and_leave(&world, ("/runs/1/undo", 2), &json!({})).await;
    until_run(&world, 2, |row| row["customers"] != 0).await;
    daemon.kill().await.unwrap();
    let _daemon = world.start().await;
    let found = until_run(&world, 2, |_| true).await;
    if found["state"] == "interrupted" {
        let listed = world.output(&["runs"]).await;
        let said = String::from_utf8_lossy(&listed.stderr);
        assert!(
            said.contains("zenstripe undo 1\" goes on with it"),
            "{said}"
        );
        let undo = world.json(&["undo", "1"]).await;
        assert_eq!(undo["run"], 2, "{undo}");
    }
    let undone = until_run(&world, 2, is_done).await;
    assert_eq!(undone["done"], MANY, "{undone}");
    assert_eq!(written(&world, &pairs), (0, MANY));
}

#[tokio::test]
async fn after_a_kill_while_a_plan_is_applied_every_customer_is_written_or_planned_again() {
    let (world, pairs, daemon) = at_first_sight().await;
    let plan = world.json(&["plan"]).await;
    order_and_leave(&world, ("/plan/apply", 1), &json!({ "hash": plan["hash"] })).await;
    until_run(&world, 1, |row| row["customers"] != 0).await;
    daemon.kill().await.unwrap();
    let _daemon = world.start().await;
    let row = until_run(&world, 1, |row| row["waiting"] == 0).await;
    let decided = row["customers"].as_u64().unwrap();
    let plan = world.json(&["plan"]).await;
    let rest = plan["summary"]["customers"].as_u64().unwrap();
    assert_eq!(decided + rest, u64::try_from(MANY).unwrap(), "{plan}");
    if row["state"] == "interrupted" {
        let shown = world.output(&["runs", "1"]).await;
        let said = String::from_utf8_lossy(&shown.stderr);
        assert!(said.contains("\"zenstripe plan\" shows the rest"), "{said}");
    }
    // Killed right before its end, it had decided about all of them.
    if rest > 0 {
        world.json(&["apply", plan["hash"].as_str().unwrap()]).await;
        until_run(&world, 2, is_done).await;
    }
    assert_eq!(written(&world, &pairs), (MANY, 0));
    world.json(&["undo", "1"]).await;
    let undo = if rest > 0 { 3 } else { 2 };
    let undone = until_run(&world, undo, is_done).await;
    assert_eq!(undone["done"], decided, "{undone}");
    let first = usize::try_from(decided).unwrap();
    assert_eq!(written(&world, &pairs), (MANY - first, first));
}
