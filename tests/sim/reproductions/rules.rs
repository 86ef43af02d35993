//! Rules that change, or decide, while a write waits.

use super::*;
use crate::world::both_policy;
use zenstripe::model::link::Side;
use zenstripe::sync::policy::{Direction, Rule};

/// Customers 1 and 2 as [`linked`] has them, kept in step both ways under `policy`.
async fn both(policy: Policy) -> (World, String, String) {
    let (mut world, stripe, zenskar) = linked().await;
    world.set_policy(policy).await;
    scan(&world).await;
    quiet(&mut world).await;
    world.sandbox.clock().advance(60);
    (world, stripe, zenskar)
}

fn ruled(rule: Rule) -> Policy {
    let mut policy = both_policy();
    policy.conflict.default = rule;
    policy
}

fn edit_zenskar(world: &World, zenskar: &str, name: &str) {
    let patch = json!({ "customer_name": name });
    let edited = world.sandbox.zenskar_update_customer(zenskar, &patch);
    edited.unwrap();
}

async fn look(world: &mut World, stripe: &str) {
    hear(world).await;
    let engine = engine(world);
    engine.look_at(&subject(stripe)).await.unwrap();
}

/// The rule's word was kept in the journal only with a new write. Where one waited already that
/// asked for the same, what a person had saved meanwhile was written over without a word.
#[test]
fn each_edit_that_a_rule_decides_against_is_told() {
    run(async {
        let (mut world, stripe, zenskar) = both(ruled(Rule::Side(Side::Stripe))).await;
        let patch = json!({ "name": "Stripe's" });
        world.sandbox.stripe_update_customer(&stripe, &patch);
        look(&mut world, &stripe).await;
        assert_eq!(intents(&world, &stripe).len(), 1);
        edit_zenskar(&world, &zenskar, "A person's");
        world.sandbox.clock().advance(60);
        quiet(&mut world).await;
        let after = world.sandbox.zenskar_customer(&zenskar);
        assert_eq!(after["customer_name"], "Stripe's");
        let journal = world.journal();
        let told = journal.split("conflict decided by rule").nth(1);
        assert!(told.is_some_and(|told| told.contains("A person's")));
    });
}

/// A blank was decided while blanks might erase, and was sent although they might not by then.
#[test]
fn a_blank_that_waits_is_not_sent_once_blanks_erase_nothing() {
    run(async {
        let allowing = Policy {
            allow_blank: true,
            ..both_policy()
        };
        let (mut world, stripe, zenskar) = both(allowing).await;
        let patch = json!({ "phone": "" });
        world.sandbox.stripe_update_customer(&stripe, &patch);
        look(&mut world, &stripe).await;
        assert_eq!(intents(&world, &stripe).len(), 1);
        world.set_policy(both_policy()).await;
        world.sandbox.clock().advance(60);
        quiet(&mut world).await;
        let after = world.sandbox.zenskar_customer(&zenskar);
        assert_eq!(after["phone_number"], "+331");
        let held = engine(&world).store.read().unwrap();
        let held = held.differences(&id(&stripe)).unwrap();
        assert_eq!(held[0].why, Held::WouldBlank);
    });
}

/// The time of an edit in Zenskar was taken to lie between two looks. Where reads lag, the first of
/// them had not shown what was there already, and an edit that Stripe's had followed won over it.
#[test]
fn an_edit_that_a_lagging_read_showed_late_is_not_the_newest() {
    run(async {
        let (mut world, stripe, zenskar) = both(ruled(Rule::Newest)).await;
        world
            .sandbox
            .switch(|switches| switches.zenskar.read_lag = 20);
        edit_zenskar(&world, &zenskar, "Zenskar's, and older");
        world.sandbox.clock().advance(5);
        let patch = json!({ "name": "Stripe's, and newer", "phone": "+332" });
        world.sandbox.stripe_update_customer(&stripe, &patch);
        world.sandbox.clock().advance(10);
        // This look shows Zenskar as it was before either edit.
        look(&mut world, &stripe).await;
        world.sandbox.clock().advance(60);
        quiet(&mut world).await;
        let after = world.sandbox.stripe_customer(&stripe);
        assert_eq!(after["name"], "Stripe's, and newer");
    });
}

/// A winner that the other side refused stayed a question when the rule came to favour the other
/// side, until something else was heard of the customer.
#[test]
fn a_winner_that_was_refused_gives_way_when_the_rule_does() {
    run(async {
        let (mut world, stripe, zenskar) = both(ruled(Rule::Side(Side::Stripe))).await;
        let refuse = FaultKind::Refuse { status: 400 };
        let fault = Fault::next(Remote::Zenskar, refuse).method("PATCH");
        let _id = world.sandbox.order_fault(fault);
        edit_zenskar(&world, &zenskar, "Zenskar's");
        let patch = json!({ "name": "Stripe's" });
        world.sandbox.stripe_update_customer(&stripe, &patch);
        quiet(&mut world).await;
        assert_eq!(dead_count(&world), 1);
        world.sandbox.clock().advance(60);
        world.set_policy(ruled(Rule::Side(Side::Zenskar))).await;
        quiet(&mut world).await;
        let after = world.sandbox.stripe_customer(&stripe);
        assert_eq!(after["name"], "Zenskar's");
        assert_eq!(dead_count(&world), 0);
    });
}

/// A write waits by a rule, and then the direction turns against it. What its target held was taken
/// for what was agreed, so that the field stayed as it was and nobody was asked.
#[test]
fn a_write_that_may_not_be_made_any_more_leaves_no_base_behind() {
    run(async {
        let (mut world, stripe, zenskar) = both(ruled(Rule::Side(Side::Zenskar))).await;
        let patch = json!({ "name": "Stripe's" });
        world.sandbox.stripe_update_customer(&stripe, &patch);
        edit_zenskar(&world, &zenskar, "Zenskar's");
        look(&mut world, &stripe).await;
        assert_eq!(intents(&world, &stripe).len(), 1);
        let import = Policy {
            direction: Some(Direction::From(Side::Stripe)),
            ..both_policy()
        };
        world.set_policy(import).await;
        world.sandbox.clock().advance(60);
        quiet(&mut world).await;
        let after = world.sandbox.zenskar_customer(&zenskar);
        assert_eq!(after["customer_name"], "Stripe's");
    });
}

/// The winner by the rule was blank, so that nothing was written. When the rule named the other
/// side, nobody looked again.
#[test]
fn a_rule_that_names_the_side_that_is_not_blank_is_followed_at_once() {
    run(async {
        let (mut world, stripe, zenskar) = both(ruled(Rule::Side(Side::Stripe))).await;
        let patch = json!({ "phone": "" });
        world.sandbox.stripe_update_customer(&stripe, &patch);
        let patch = json!({ "phone_number": "+332" });
        let edited = world.sandbox.zenskar_update_customer(&zenskar, &patch);
        edited.unwrap();
        look(&mut world, &stripe).await;
        let held = engine(&world).store.read().unwrap();
        let held = held.differences(&id(&stripe)).unwrap();
        assert_eq!(held[0].why, Held::WouldBlank);
        world.set_policy(ruled(Rule::Side(Side::Zenskar))).await;
        world.sandbox.clock().advance(60);
        quiet(&mut world).await;
        assert_eq!(world.sandbox.stripe_customer(&stripe)["phone"], "+332");
    });
}
