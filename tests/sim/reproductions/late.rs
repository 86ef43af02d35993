//! What comes late or twice: reads that lag, answers that are lost, snapshots of long ago, refusals
//! that are kept.

use super::*;
use crate::world::both_policy;

/// Zenskar shows writes late. A look that showed the name of before our own write agreed with a
/// name that Stripe had gone back to: it became the base, and the real difference was never seen.
#[test]
fn a_look_that_lags_behind_our_own_write_is_not_believed() {
    run(async {
        let (mut world, stripe, zenskar) = linked().await;
        world
            .sandbox
            .switch(|switches| switches.zenskar.read_lag = 20);
        for name in ["NEW", "N1"] {
            let patch = json!({ "name": name });
            world.sandbox.stripe_update_customer(&stripe, &patch);
            quiet(&mut world).await;
            world.sandbox.clock().advance(2);
        }
        assert_eq!(
            world.sandbox.zenskar_customer(&zenskar)["customer_name"],
            "NEW"
        );
        world.sandbox.clock().advance(40);
        quiet(&mut world).await;
        let after = world.sandbox.zenskar_customer(&zenskar);
        assert_eq!(after["customer_name"], "N1");
    });
}

/// A write whose answer was lost was repeated as soon as a look did not show it, though the look
/// only lagged behind.
#[test]
fn a_write_whose_answer_was_lost_is_not_repeated_while_reads_may_lag() {
    run(async {
        let (mut world, stripe, zenskar) = decided().await;
        world
            .sandbox
            .switch(|switches| switches.zenskar.read_lag = 20);
        let lost = Fault::next(Remote::Zenskar, FaultKind::LoseResponse).method("PATCH");
        let _id = world.sandbox.order_fault(lost);
        quiet(&mut world).await;
        let written = |world: &World| world.reference.lock().unwrap().patches;
        assert_eq!(written(&world), 1);
        for _ in 0..20 {
            world.sandbox.clock().advance(3);
            quiet(&mut world).await;
        }
        assert_eq!(written(&world), 1);
        assert_eq!(intents(&world, &stripe), []);
        let after = world.sandbox.zenskar_customer(&zenskar);
        assert_eq!(after["customer_name"], "NEW");
    });
}

/// A webhook's snapshot of before a field was switched on agreed with Zenskar and became its base:
/// what Stripe had changed while it was off then passed for news, and was written over an edit.
#[test]
fn a_snapshot_of_before_a_field_was_switched_on_does_not_become_its_base() {
    run(async {
        let (mut world, stripe, zenskar) = linked().await;
        let mut without = full_policy();
        without.fields.remove(&Field::Email);
        let patch = json!({"phone": "+332"});
        world.sandbox.stripe_update_customer(&stripe, &patch);
        // It arrives, and is looked at long after.
        hear(&mut world).await;
        world.sandbox.clock().advance(5);
        world.set_policy(without).await;
        world.sandbox.clock().advance(5);
        let patch = json!({"email": "new@x.com"});
        world.sandbox.stripe_update_customer(&stripe, &patch);
        world.sandbox.clock().advance(5);
        world.set_policy(full_policy()).await;
        world.sandbox.clock().advance(5);
        let engine = engine(&world);
        engine.look_at(&subject(&stripe)).await.unwrap();
        let edit = json!({"email": "person@x.com"});
        let edited = world.sandbox.zenskar_update_customer(&zenskar, &edit);
        edited.unwrap();
        world.sandbox.clock().advance(60);
        quiet(&mut world).await;
        let after = world.sandbox.zenskar_customer(&zenskar);
        assert_eq!(after["email"], "person@x.com");
        assert_eq!(after["phone_number"], "+332");
    });
}

/// A webhook's snapshot shows no tax ids. Taken for a blank, it showed a difference that there is
/// not, and dropped a write of them that was on its way.
#[test]
fn a_snapshot_without_tax_ids_says_nothing_of_them() {
    run(async {
        let (mut world, stripe, zenskar) = linked().await;
        let edit = |world: &World, patch| {
            world.sandbox.clock().advance(5);
            world.sandbox.stripe_update_customer(&stripe, &patch);
        };
        let tax_ids = |id: &str| json!({"tax_ids": [{"type": "eu_vat", "value": id}]});
        edit(&world, tax_ids("DE1"));
        quiet(&mut world).await;
        let held = |world: &World, place: &str| {
            let customer = world.sandbox.zenskar_customer(&zenskar);
            customer.pointer(place).cloned().unwrap_or_default()
        };
        assert_eq!(held(&world, "/tax_info/0/tax_id"), "DE1");
        let reads = world.sandbox.stripe_reads();
        edit(&world, json!({"phone": "+332"}));
        quiet(&mut world).await;
        assert_eq!(held(&world, "/phone_number"), "+332");
        assert_eq!(world.sandbox.stripe_reads(), reads, "the snapshot served");
        let differences = |world: &World| {
            let read = world.process.engine.store.read().unwrap();
            read.differences(&id(&stripe)).unwrap()
        };
        assert_eq!(differences(&world), []);

        // A decided write of tax ids outlives a snapshot.
        edit(&world, tax_ids("DE2"));
        hear(&mut world).await;
        engine(&world).look_at(&subject(&stripe)).await.unwrap();
        edit(&world, json!({"phone": "+333"}));
        hear(&mut world).await;
        engine(&world).look_at(&subject(&stripe)).await.unwrap();
        quiet(&mut world).await;
        assert_eq!(held(&world, "/phone_number"), "+333");
        assert_eq!(held(&world, "/tax_info/0/tax_id"), "DE2");

        // And an event of one is not covered by the snapshot of a later one of the customer.
        edit(&world, tax_ids("DE3"));
        edit(&world, json!({"phone": "+334"}));
        quiet(&mut world).await;
        assert_eq!(held(&world, "/tax_info/0/tax_id"), "DE3");
        assert_eq!(differences(&world), []);
    });
}

/// Stripe keeps a refusal under the idempotency key: a dead letter that was retried under it would be
/// answered with the refusal of before, whatever a person had put right.
#[test]
fn a_refused_write_to_stripe_that_is_retried_is_another_request() {
    run(async {
        let (mut world, stripe, zenskar) = linked().await;
        world.set_policy(both_policy()).await;
        scan(&world).await;
        quiet(&mut world).await;
        world.sandbox.clock().advance(5);
        let edit = json!({"customer_name": "NEW"});
        let edited = world.sandbox.zenskar_update_customer(&zenskar, &edit);
        edited.unwrap();
        let refuse = Fault::next(Remote::Stripe, FaultKind::Refuse { status: 400 }).method("POST");
        let _id = world.sandbox.order_fault(refuse);
        let engine = engine(&world);
        let who = person();
        engine.command(Command::Scan { who }).await.unwrap();
        scan(&world).await;
        quiet(&mut world).await;
        assert_eq!(dead_count(&world), 1);
        let refused = intents(&world, &stripe).remove(0).number;
        let (which, who) = (Letters::All, person());
        let retry = Command::DeadRetry { which, who };
        engine.command(retry).await.unwrap();
        assert_ne!(intents(&world, &stripe).remove(0).number, refused);
        quiet(&mut world).await;
        assert_eq!(dead_count(&world), 0);
        assert_eq!(world.sandbox.stripe_customer(&stripe)["name"], "NEW");
    });
}

/// An event of before a person linked two customers anew was replayed, and counted as proof of a
/// change once more: a person's edit of Zenskar was written over with what Stripe had held all
/// along.
#[test]
fn an_event_of_before_its_link_was_made_anew_proves_nothing_when_it_is_replayed() {
    run(async {
        let (mut world, stripe, zenskar) = decided().await;
        quiet(&mut world).await;
        let after =
            |world: &World| world.sandbox.zenskar_customer(&zenskar)["customer_name"].clone();
        assert_eq!(after(&world), "NEW");
        world.sandbox.clock().advance(60);
        let who = person();
        let apart = Command::CustomerUnlink {
            id: stripe.clone(),
            who,
        };
        engine(&world).command(apart).await.unwrap();
        let patch = json!({ "customer_name": "A person's" });
        let edited = world.sandbox.zenskar_update_customer(&zenskar, &patch);
        edited.unwrap();
        world.sandbox.clock().advance(60);
        let anew = Command::CustomerLink {
            stripe: stripe.clone(),
            zenskar: zenskar.clone(),
            who: person(),
        };
        engine(&world).command(anew).await.unwrap();
        quiet(&mut world).await;
        let events = world.sandbox.stripe_events();
        let event = events
            .iter()
            .find(|event| event["type"] == "customer.updated");
        let replay = Command::Events(EventCommand::Replay {
            id: event.unwrap()["id"].as_str().unwrap().to_owned(),
            who: person(),
        });
        engine(&world).command(replay).await.unwrap();
        quiet(&mut world).await;
        assert_eq!(after(&world), "A person's");
        let read = engine(&world).store.read().unwrap();
        let held = read.differences(&id(&stripe)).unwrap();
        assert_eq!(held[0].why, Held::NoBase);
    });
}

/// The first look over a new link was answered by the snapshot of the event that waited for it. No
/// snapshot shows tax ids, so nothing was ever agreed on them, and Zenskar's were not heard of.
#[test]
fn tax_ids_are_read_for_a_new_link_though_an_event_shows_the_rest() {
    run(async {
        let (mut world, stripe, zenskar) = linked().await;
        let apart = Command::CustomerUnlink {
            id: stripe.clone(),
            who: person(),
        };
        engine(&world).command(apart).await.unwrap();
        world.sandbox.clock().advance(60);
        let patch = json!({ "name": "NEW" });
        world.sandbox.stripe_update_customer(&stripe, &patch);
        quiet(&mut world).await;
        world.sandbox.clock().advance(60);
        let anew = Command::CustomerLink {
            stripe: stripe.clone(),
            zenskar,
            who: person(),
        };
        engine(&world).command(anew).await.unwrap();
        quiet(&mut world).await;
        let read = engine(&world).store.read().unwrap();
        let base = read.link(&id(&stripe)).unwrap().unwrap().base;
        assert_eq!(base.get(&Field::TaxIds), Some(&Value::Blank));
    });
}
