//! Customers both ways: echoes, blanks, deletions, shared and changed addresses, and a field that
//! leaves the selection. Edits at once are in [`crate::both_ways`].

use crate::support::daemon::Daemon;
use crate::support::{Pair, World};
use serde_json::{Value, json};

const BOTH: &str = "[customers]\nsync = \"import-and-export\"\n\
    fields = [\"name\", \"email\", \"phone\", \"address\"]\n[events]\npoll = \"1s\"\n";

/// The same without the phone number.
const WITHOUT_PHONE: &str = "[customers]\nsync = \"import-and-export\"\n\
    fields = [\"name\", \"email\", \"address\"]\n[events]\npoll = \"1s\"\n";

/// A daemon that keeps these customers in step both ways, and knows that they are.
async fn agreed(count: usize) -> (World, Vec<Pair>, Daemon) {
    let world = World::new().await;
    let pairs = world.pairs(count);
    let daemon = world.linked(BOTH, count).await;
    world.until_quiet().await;
    (world, pairs, daemon)
}

fn edit_zenskar(world: &World, pair: &Pair, patch: &Value) {
    let edited = world.sandbox.zenskar_update_customer(&pair.zenskar, patch);
    edited.unwrap();
}

fn edit_stripe(world: &World, pair: &Pair, patch: &Value) {
    assert!(world.sandbox.stripe_update_customer(&pair.stripe, patch));
}

#[tokio::test]
async fn our_own_write_comes_back_as_an_event_and_nothing_is_written_for_it() {
    let (world, pairs, _daemon) = agreed(1).await;
    let pair = &pairs[0];
    for round in 0..3 {
        let (name, phone) = (format!("Name {round}"), format!("+1 555 {round}"));
        edit_zenskar(&world, pair, &json!({ "customer_name": name }));
        world.until_stripe(pair, "/name", &name).await;
        edit_stripe(&world, pair, &json!({ "phone": phone }));
        world.until_zenskar(pair, "phone_number", &phone).await;
    }
    // The event of every write of ours came back and was looked at.
    world
        .until_status(|_| world.events_about(pair).len() == 6)
        .await;
    let status = world.until_quiet().await;
    assert_eq!(status["differences"], json!({}), "{status}");
    assert_eq!(world.writes_of(pair), 6, "one for each edit");
}

#[tokio::test]
async fn a_blank_does_not_erase_a_value_and_is_shown() {
    let (world, pairs, _daemon) = agreed(1).await;
    let pair = &pairs[0];
    let phone = world.in_zenskar(pair, "phone_number");
    assert_ne!(phone, "");
    edit_stripe(&world, pair, &json!({ "phone": "", "name": "Moves On" }));
    world.until_zenskar(pair, "customer_name", "Moves On").await;
    world
        .until_status(|status| status["differences"]["would-blank"] == 1)
        .await;
    assert_eq!(world.in_zenskar(pair, "phone_number"), phone);
    world.until_quiet().await;
    let held = &world.sandbox.stripe_customer(&pair.stripe)["phone"];
    let came_back = held.as_str().is_some_and(|held| !held.is_empty());
    assert!(!came_back, "nor does the value come back: {held}");
}

#[tokio::test]
async fn a_customer_deleted_in_stripe_stays_in_zenskar_as_people_edit_it() {
    let (world, pairs, _daemon) = agreed(2).await;
    let pair = &pairs[0];
    edit_zenskar(&world, pair, &json!({ "customer_name": "Before" }));
    world.until_stripe(pair, "/name", "Before").await;
    assert!(world.sandbox.stripe_delete_customer(&pair.stripe));
    edit_zenskar(&world, pair, &json!({ "customer_name": "Stays" }));
    world
        .until_status(|_| {
            let read = world.sandbox.exchanges().into_iter();
            let mut last = read.filter(|one| one.path.ends_with(&pair.stripe));
            last.any(|one| one.response["deleted"] == true)
        })
        .await;
    let status = world.until_quiet().await;
    assert_eq!(status["queues"]["dead"], 0, "{status}");
    assert_eq!(world.in_zenskar(pair, "customer_name"), "Stays");
    assert_eq!(world.writes_of(pair), 1, "none but the first");
    // The others move on.
    edit_zenskar(&world, &pairs[1], &json!({ "customer_name": "Moves" }));
    world.until_stripe(&pairs[1], "/name", "Moves").await;
}

#[tokio::test]
async fn two_customers_with_one_address_keep_their_own_partners() {
    let (world, pairs, _daemon) = agreed(2).await;
    let (one, other) = (&pairs[0], &pairs[1]);
    let theirs = world.in_zenskar(one, "email");
    let shared = world.in_zenskar(other, "email");
    // Stripe lets two customers have one address; Zenskar does not.
    let patch = json!({ "email": shared, "name": "The First" });
    edit_stripe(&world, one, &patch);
    world.until_zenskar(one, "customer_name", "The First").await;
    world
        .until_status(|status| status["differences"]["refused"] == 1)
        .await;
    assert_eq!(world.in_zenskar(one, "email"), theirs);
    edit_stripe(&world, other, &json!({ "name": "The Second" }));
    world
        .until_zenskar(other, "customer_name", "The Second")
        .await;
    assert_eq!(world.in_zenskar(one, "customer_name"), "The First");
    let status = world.json(&["status"]).await;
    assert_eq!(status["links"], 2, "{status}");
}

#[tokio::test]
async fn a_changed_address_moves_both_ways_and_the_link_stays() {
    let (world, pairs, _daemon) = agreed(2).await;
    let pair = &pairs[0];
    let freed = world.in_zenskar(pair, "email");
    edit_stripe(&world, pair, &json!({ "email": "new@example.com" }));
    world.until_zenskar(pair, "email", "new@example.com").await;
    edit_zenskar(&world, pair, &json!({ "email": "newer@example.com" }));
    world
        .until_stripe(pair, "/email", "newer@example.com")
        .await;
    // Somebody else gets the address that became free, and takes over nobody's partner.
    edit_stripe(&world, &pairs[1], &json!({ "email": freed }));
    world.until_zenskar(&pairs[1], "email", &freed).await;
    let status = world.until_quiet().await;
    assert_eq!(status["differences"], json!({}), "{status}");
    for pair in &pairs {
        let shown = world.json(&["customers", "show", &pair.stripe]).await;
        assert_eq!(shown["row"]["zenskar"], pair.zenskar.as_str(), "{shown}");
    }
}

#[tokio::test]
async fn a_field_that_a_reload_takes_out_of_the_selection_stops_at_once() {
    let (world, pairs, _daemon) = agreed(1).await;
    let pair = &pairs[0];
    let before = world.in_zenskar(pair, "phone_number");
    world.configure(WITHOUT_PHONE);
    assert!(world.output(&["reload"]).await.status.success());
    edit_stripe(
        &world,
        pair,
        &json!({ "phone": "+1 555 0100", "name": "One" }),
    );
    world.until_zenskar(pair, "customer_name", "One").await;
    edit_zenskar(&world, pair, &json!({ "customer_name": "Two" }));
    world.until_stripe(pair, "/name", "Two").await;
    let status = world.until_quiet().await;
    assert_eq!(world.in_zenskar(pair, "phone_number"), before);
    assert_eq!(status["differences"], json!({}), "{status}");
    // Back again, what differs meanwhile is a question, not a write.
    world.configure(BOTH);
    assert!(world.output(&["reload"]).await.status.success());
    world
        .until_status(|status| status["differences"]["no-base"] == 1)
        .await;
    assert_eq!(world.in_zenskar(pair, "phone_number"), before);
}
