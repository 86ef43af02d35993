//! Changes made in Zenskar move to Stripe, and both ways.

use crate::support::daemon::Daemon;
use crate::support::{Pair, World};
use serde_json::{Value, json};

const EXPORT: &str = "[customers]\nsync = \"export-only\"\n[events]\npoll = \"off\"\n";
const BOTH: &str = "[customers]\nsync = \"import-and-export\"\n\
    fields = [\"name\", \"email\", \"phone\", \"address\"]\n[events]\npoll = \"off\"\n";

fn edit_zenskar(world: &World, pair: &Pair, patch: &Value) {
    let edited = world.sandbox.zenskar_update_customer(&pair.zenskar, patch);
    edited.unwrap();
}

/// A daemon with this configuration, and one customer that both sides agree on.
async fn agreed(more: &str) -> (World, Pair, Daemon) {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let daemon = world.linked(more, 1).await;
    world
        .until_status(|status| status["queues"]["work"] == 0)
        .await;
    (world, pair, daemon)
}

async fn scan(world: &World) {
    let scan = world.output(&["scan"]).await;
    assert!(scan.status.success(), "{scan:?}");
}

#[tokio::test]
async fn a_change_in_zenskar_is_written_to_stripe_and_one_in_stripe_stays() {
    let (world, pair, _daemon) = agreed(EXPORT).await;
    let before = world.in_zenskar(&pair, "phone_number");
    let patch = json!({ "phone": "+1 555 0199" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    let address = json!({ "line1": "1 Quai", "city": "Lyon", "country_code": "FR" });
    let patch = json!({ "customer_name": "From Zenskar", "address": address });
    edit_zenskar(&world, &pair, &patch);
    scan(&world).await;
    world.until_stripe(&pair, "/name", "From Zenskar").await;
    world.until_stripe(&pair, "/address/line1", "1 Quai").await;
    world.until_stripe(&pair, "/address/city", "Lyon").await;
    let status = world
        .until_status(|status| status["differences"]["drift"] == 1)
        .await;
    assert_eq!(status["sync"], "export-only");
    assert_eq!(world.in_zenskar(&pair, "phone_number"), before);
    world.until_stripe(&pair, "/phone", "+1 555 0199").await;
}

#[tokio::test]
async fn both_ways_each_side_gets_the_others_change_once() {
    let (world, pair, _daemon) = agreed(BOTH).await;
    edit_zenskar(&world, &pair, &json!({ "customer_name": "From Zenskar" }));
    let patch = json!({ "phone": "+1 555 0199" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world
        .until_zenskar(&pair, "phone_number", "+1 555 0199")
        .await;
    world.until_stripe(&pair, "/name", "From Zenskar").await;
    // Stripe announces our own write, and nothing follows from it.
    world
        .until_status(|status| status["queues"]["outbox"] == 0 && status["queues"]["work"] == 0)
        .await;
    let status = world.json(&["status"]).await;
    assert_eq!(status["differences"], json!({}), "{status}");
    assert_eq!(world.in_zenskar(&pair, "customer_name"), "From Zenskar");
}

#[tokio::test]
async fn a_field_that_both_sides_changed_waits_for_a_rule_and_the_others_move_on() {
    let (world, pair, daemon) = agreed(BOTH).await;
    edit_zenskar(&world, &pair, &json!({ "customer_name": "From Zenskar" }));
    let patch = json!({ "name": "From Stripe", "phone": "+1 555 0199" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world
        .until_zenskar(&pair, "phone_number", "+1 555 0199")
        .await;
    world
        .until_status(|status| status["differences"]["conflict"] == 1)
        .await;
    assert_eq!(world.in_zenskar(&pair, "customer_name"), "From Zenskar");
    let rule = BOTH.replace(
        "[events]",
        "conflict = { default = \"ask\", name = \"zenskar\" }\n[events]",
    );
    world.configure(&rule);
    world.until_stripe(&pair, "/name", "From Zenskar").await;
    world
        .until_status(|status| status["differences"] == json!({}))
        .await;
    let shown = world.json(&["customers", "show", &pair.stripe]).await;
    let history = shown["history"].to_string();
    assert!(history.contains("conflict decided by rule"), "{history}");
    assert!(
        history.contains("From Stripe"),
        "what was written over is told"
    );
    assert!(daemon.stop().await.unwrap().success());
}
