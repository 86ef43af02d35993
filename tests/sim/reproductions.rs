//! What a reader of the code found and no seed did, by what is true now.

mod late;
mod rules;

use crate::world::{Setup, World, full_policy};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use zenstripe::engine::Engine;
use zenstripe::engine::command::{Command, EventCommand, Letters};
use zenstripe::engine::scan::Scanned;
use zenstripe::model::customer::{Customer, Field, Presence, Value};
use zenstripe::model::difference::{Difference, Held};
use zenstripe::model::id::{StripeCustomerId, ZenskarCustomerId};
use zenstripe::model::intent::{Intent, Progress};
use zenstripe::model::link::{Link, LinkProof, LinkState};
use zenstripe::model::time::Timestamp;
use zenstripe::model::work::Subject;
use zenstripe::remote::limiter::Priority;
use zenstripe::sync::customer::{State, plan};
use zenstripe::sync::evidence::Evidence;
use zenstripe::sync::policy::Policy;
use zenstripe_sandbox::{Fault, FaultKind, Remote};

fn run<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(story)
}

fn world() -> World {
    World::new(Setup {
        seed: 1,
        polling: false,
        webhooks: true,
        skew: Duration::ZERO,
        charging: false,
    })
}

/// A customer on both sides: whether its e-mail address is the same, and whether it is mapped.
fn pair(world: &World, number: u32, same_email: bool, mapped: bool) -> (String, String) {
    let email = format!("s{number}@x.com");
    let stripe = world.sandbox.stripe_create_customer(
        &json!({"name": format!("N{number}"), "email": email, "phone": "+331"}),
    );
    let theirs = if same_email {
        email
    } else {
        format!("z{number}@x.com")
    };
    let zenskar = world.sandbox.zenskar_create_customer(&json!({
        "customer_name": format!("N{number}"), "email": theirs, "phone_number": "+331",
        "external_id": stripe,
    }));
    let zenskar = zenskar.unwrap();
    if mapped {
        world.sandbox.map_customer(&zenskar, &stripe);
    }
    (stripe, zenskar)
}

/// Webhooks arrive and are sorted into work.
async fn hear(world: &mut World) {
    for delivery in world.due_deliveries() {
        world.act(crate::act::Act::Webhook(delivery)).await;
    }
    while world.step(async |engine| engine.sort_events().await).await != Some(0) {}
}

/// Everything that is due now is done.
async fn quiet(world: &mut World) {
    for _ in 0..200 {
        hear(world).await;
        let engine = engine(world);
        let now = engine.clock.now();
        if let Some(work) = engine.due_work(now, 8).unwrap().first() {
            engine.look_at(&work.subject).await.unwrap();
        } else if let Some(intent) = engine.due_intents(now, 8).unwrap().first() {
            engine.deliver(intent).await.unwrap();
        } else {
            return;
        }
    }
    panic!("the world does not come to rest");
}

async fn scan(world: &World) {
    while !matches!(world.process.engine.scan_page().await, Ok(Scanned::Idle)) {}
}

fn engine(world: &World) -> Arc<Engine> {
    Arc::clone(&world.process.engine)
}

fn id(stripe: &str) -> StripeCustomerId {
    StripeCustomerId::parse(stripe).unwrap()
}

fn subject(stripe: &str) -> Subject {
    Subject::Customer(id(stripe))
}

fn intents(world: &World, stripe: &str) -> Vec<Intent> {
    let read = world.process.engine.store.read().unwrap();
    read.intents(&id(stripe)).unwrap()
}

fn dead_count(world: &World) -> u64 {
    let read = world.process.engine.store.read().unwrap();
    read.dead_count().unwrap()
}

/// Customers 1 and 2, linked and at rest; the ids of the first.
async fn linked() -> (World, String, String) {
    let mut world = world();
    let (stripe, zenskar) = pair(&world, 1, true, true);
    let _other = pair(&world, 2, true, true);
    scan(&world).await;
    quiet(&mut world).await;
    world.sandbox.clock().advance(5);
    (world, stripe, zenskar)
}

/// The same after Stripe's name became NEW, with its write decided and not sent.
async fn decided() -> (World, String, String) {
    let (mut world, stripe, zenskar) = linked().await;
    let patch = json!({"name": "NEW"});
    world.sandbox.stripe_update_customer(&stripe, &patch);
    hear(&mut world).await;
    let engine = engine(&world);
    engine.look_at(&subject(&stripe)).await.unwrap();
    assert_eq!(intents(&world, &stripe).len(), 1);
    (world, stripe, zenskar)
}

fn person() -> String {
    "person".to_owned()
}

fn failing() -> FaultKind {
    FaultKind::ServerError { applied: false }
}

/// The base decided whether a refused value was still wanted. A field that was never seen to agree
/// has none, so the look after the refusal dropped the dead letter, and nobody heard of it.
#[test]
fn a_refused_value_of_a_field_without_base_stays_a_dead_letter() {
    run(async {
        let mut world = world();
        let (stripe, _) = pair(&world, 1, false, true);
        let _other = pair(&world, 2, true, true);
        scan(&world).await;
        quiet(&mut world).await;
        world.sandbox.clock().advance(5);
        let taken = json!({"email": "s2@x.com"});
        world.sandbox.stripe_update_customer(&stripe, &taken);
        quiet(&mut world).await;
        assert_eq!(dead_count(&world), 1);
        let dead = |intent: &Intent| matches!(intent.progress, Progress::Dead(_));
        assert!(intents(&world, &stripe).iter().all(dead));
    });
}

/// Zenskar kept the value in a form of its own, so the base stayed where it was and Stripe's value
/// counted as a change for ever: a later edit by a person was written over with it.
#[test]
fn a_value_that_was_taken_in_another_form_is_not_written_over_a_persons_edit() {
    let email = |text: &str| [(Field::Email, Value::text(text))].into();
    let customer = |text: &str| Presence::Present(Customer::new(email(text)));
    let link = Link {
        base: email("old@x.com"),
        ..link_row()
    };
    let held = [Difference {
        field: Field::Email,
        stripe: Value::text("Jane@X.com"),
        zenskar: Value::text("jane@x.com"),
        base: Some(Value::text("old@x.com")),
        why: Held::NotTaken,
    }];
    for theirs in ["jane@x.com", "person@x.com"] {
        let (stripe, zenskar) = (customer("Jane@X.com"), customer(theirs));
        let state = State {
            link: &link,
            stripe: &stripe,
            zenskar: &zenskar,
            intents: &[],
            decided: &[],
            held: &held,
            evidence: &Evidence::default(),
            now: Timestamp::from_seconds(9),
            settle: Duration::from_secs(120),
        };
        assert!(plan(&state, &full_policy()).writes.is_empty(), "{theirs}");
    }
}

fn link_row() -> Link {
    Link {
        stripe: id("cus_1"),
        zenskar: ZenskarCustomerId::parse("z").unwrap(),
        version: 1,
        base: [].into(),
        state: LinkState::Active,
        proof: LinkProof::Mapping,
        made_at: Timestamp::default(),
        planned_at: Timestamp::default(),
    }
}

/// The scan wrote back the place it had read before its page, and with it that no other scan was
/// wanted: one that was asked for during the page never began.
#[test]
fn a_scan_that_is_asked_for_during_a_page_is_not_forgotten() {
    run(async {
        let (world, ..) = linked().await;
        world.sandbox.clock().advance(90_000);
        let engine = engine(&world);
        engine.scan_page().await.unwrap();
        let wanted = Command::Scan { who: person() };
        let (asked, page) = tokio::join!(engine.command(wanted), engine.scan_page());
        asked.unwrap();
        page.unwrap();
        assert!(engine.store.read().unwrap().scan_cursor().unwrap().wanted);
    });
}

/// A delivery that was under way put its intent back after the link had been taken apart, and sent
/// it again a minute later.
#[test]
fn nothing_is_written_after_a_link_was_taken_apart() {
    run(async {
        let (mut world, stripe, zenskar) = decided().await;
        let engine = engine(&world);
        let lost = Fault::next(Remote::Zenskar, FaultKind::LoseRequest).method("PATCH");
        let _id = world.sandbox.order_fault(lost);
        let intent = intents(&world, &stripe).remove(0);
        let apart = Command::CustomerUnlink {
            id: stripe.clone(),
            who: person(),
        };
        let (sent, unlinked) = tokio::join!(engine.deliver(&intent), engine.command(apart));
        sent.unwrap();
        unlinked.unwrap();
        world.sandbox.clock().advance(60);
        quiet(&mut world).await;
        assert_eq!(intents(&world, &stripe), []);
        let after = world.sandbox.zenskar_customer(&zenskar);
        assert_eq!(after["customer_name"], "N1");
    });
}

/// A look before a delivery that failed was recorded as no attempt: it was repeated at the shortest
/// wait for ever, and never became a dead letter.
#[test]
fn looks_before_a_delivery_that_fail_back_off_and_end() {
    run(async {
        let (world, stripe, _) = decided().await;
        let engine = engine(&world);
        world.sandbox.clock().advance(60);
        let fault = Fault::next(Remote::Zenskar, failing()).method("GET");
        let _id = world.sandbox.order_fault(fault.times(100_000));
        let began = engine.clock.now();
        for _ in 0..50 {
            let due = engine.store.read().unwrap().next_intent_due().unwrap();
            let wait = due.unwrap().since(engine.clock.now()).as_millis();
            let wait = i64::try_from(wait).unwrap() + 1;
            world.sandbox.clock().advance_ms(wait);
            let due = engine.due_intents(engine.clock.now(), 1).unwrap();
            engine.deliver(&due[0]).await.unwrap();
        }
        assert!(intents(&world, &stripe)[0].attempts >= 50);
        let spent = engine.clock.now().since(began);
        assert!(spent > Duration::from_secs(3_600), "{spent:?}");
    });
}

/// The scan stopped at the first customer whose mapping could not be read, page after page, and
/// those behind it were never linked.
#[test]
fn one_mapping_that_fails_does_not_keep_others_from_being_linked() {
    run(async {
        let world = world();
        let (_, zenskar) = pair(&world, 1, true, false);
        let (other, _) = pair(&world, 2, true, true);
        let path = format!("/customers/{zenskar}/connector");
        let fault = Fault::next(Remote::Zenskar, failing()).prefix(&path);
        let _id = world.sandbox.order_fault(fault.times(100_000));
        let engine = engine(&world);
        for _ in 0..30 {
            let _outcome = engine.scan_page().await;
            world.sandbox.clock().advance(30);
        }
        assert!(
            engine
                .store
                .read()
                .unwrap()
                .link(&id(&other))
                .unwrap()
                .is_some()
        );
    });
}

/// One 404, such as a replica of Zenskar gives that lags behind, marked the customer as deleted,
/// and only a scan that somebody asked for looked at it again.
#[test]
fn one_answer_that_a_customer_is_gone_does_not_end_its_link() {
    run(async {
        let (mut world, stripe, zenskar) = linked().await;
        let patch = json!({"name": "NEW"});
        world.sandbox.stripe_update_customer(&stripe, &patch);
        let refuse = FaultKind::Refuse { status: 404 };
        let path = format!("/customers/{zenskar}");
        let fault = Fault::next(Remote::Zenskar, refuse).method("GET");
        let _id = world.sandbox.order_fault(fault.prefix(&path));
        for _ in 0..5 {
            quiet(&mut world).await;
            world.sandbox.clock().advance(600);
        }
        let after = world.sandbox.zenskar_customer(&zenskar);
        assert_eq!(after["customer_name"], "NEW");
    });
}

/// What both sides had agreed on before sync was switched off still counted when it came back: the
/// next change of any field wrote everything that Stripe had changed meanwhile, over people's edits.
#[test]
fn what_happened_while_sync_was_off_is_not_written_over_a_persons_edit() {
    run(async {
        let (mut world, stripe, zenskar) = linked().await;
        world.set_policy(Policy::off()).await;
        let patch = json!({"phone": "+332"});
        world.sandbox.stripe_update_customer(&stripe, &patch);
        quiet(&mut world).await;
        let edit = json!({"phone_number": "+33 person"});
        let edited = world.sandbox.zenskar_update_customer(&zenskar, &edit);
        edited.unwrap();
        world.sandbox.clock().advance(500);
        world.set_policy(full_policy()).await;
        // Stripe's events say seconds: within the second of a switch nobody can tell before from
        // after.
        world.sandbox.clock().advance(2);
        let patch = json!({"name": "NEW"});
        world.sandbox.stripe_update_customer(&stripe, &patch);
        world.sandbox.clock().advance(5);
        quiet(&mut world).await;
        let after = world.sandbox.zenskar_customer(&zenskar);
        assert_eq!(after["phone_number"], "+33 person");
        assert_eq!(after["customer_name"], "NEW");
    });
}

/// A look was taken as fresh when its delivery began, and the delivery then waited minutes for its
/// turn at the limiter: the write left without anybody having looked in between.
#[test]
fn a_write_that_waited_for_its_turn_looks_again() {
    run(async {
        let (world, stripe, zenskar) = decided().await;
        let engine = engine(&world);
        let limited = FaultKind::TooManyRequests {
            reason: None,
            retry_after: Some(300),
        };
        let _id = world
            .sandbox
            .order_fault(Fault::next(Remote::Zenskar, limited));
        let zenskar = ZenskarCustomerId::parse(&zenskar).unwrap();
        let refused = engine.zenskar.mapping(&zenskar, Priority::Scan).await;
        assert!(refused.is_err());
        let (began, reads) = (engine.clock.now(), engine.zenskar.reads());
        let intent = intents(&world, &stripe).remove(0);
        engine.deliver(&intent).await.unwrap();
        let waited = engine.clock.now().since(began);
        let looked = engine.zenskar.reads() > reads;
        let name = &world.sandbox.zenskar_customer(zenskar.as_str())["customer_name"];
        assert!(
            looked || waited < Duration::from_secs(40) || name == "N1",
            "{waited:?}"
        );
    });
}

/// The last attempt of a look made a dead letter of the work as it had been read, and removed the
/// work with an event that had come meanwhile.
#[test]
fn an_event_that_comes_during_the_last_look_is_kept() {
    run(async {
        let (mut world, stripe, _) = linked().await;
        let patch = json!({"name": "A"});
        world.sandbox.stripe_update_customer(&stripe, &patch);
        hear(&mut world).await;
        world.sandbox.clock().advance(5);
        let patch = json!({"name": "B"});
        world.sandbox.stripe_update_customer(&stripe, &patch);
        for delivery in world.due_deliveries() {
            world.act(crate::act::Act::Webhook(delivery)).await;
        }
        let fault = Fault::next(Remote::Zenskar, FaultKind::Conflict).method("GET");
        let _id = world.sandbox.order_fault(fault);
        let (engine, subject) = (engine(&world), subject(&stripe));
        let (sorted, looked) = tokio::join!(engine.sort_events(), engine.look_at(&subject));
        sorted.unwrap();
        looked.unwrap();
        let read = engine.store.read().unwrap();
        let newest = read.last_seq().unwrap();
        let work = read.work(&subject).unwrap();
        assert!(work.unwrap().events.contains(&newest));
    });
}

/// A look that had read the intent as dead put it back so after a person had asked for another
/// attempt: the intent was dead, and the letter by which people know it was gone.
#[test]
fn a_dead_letter_that_is_retried_during_a_look_is_not_lost() {
    run(async {
        let (mut world, stripe, _) = linked().await;
        let taken = json!({"email": "s2@x.com"});
        world.sandbox.stripe_update_customer(&stripe, &taken);
        quiet(&mut world).await;
        assert_eq!(dead_count(&world), 1);
        world.sandbox.clock().advance(5);
        let patch = json!({"name": "X"});
        world.sandbox.stripe_update_customer(&stripe, &patch);
        hear(&mut world).await;
        let (engine, subject) = (engine(&world), subject(&stripe));
        let retry = Command::DeadRetry {
            which: Letters::All,
            who: person(),
        };
        let (retried, looked) = tokio::join!(engine.command(retry), engine.look_at(&subject));
        retried.unwrap();
        looked.unwrap();
        let dead = |intent: &Intent| matches!(intent.progress, Progress::Dead(_));
        let ghost = intents(&world, &stripe).iter().any(dead);
        assert!(!ghost || dead_count(&world) > 0);
    });
}

/// One request held all changed fields, so an address that Zenskar refused kept the name that came
/// with it from ever arriving.
#[test]
fn a_refused_field_does_not_hold_back_the_others() {
    run(async {
        let (mut world, stripe, zenskar) = linked().await;
        let patch = json!({"email": "s2@x.com", "name": "NEW"});
        world.sandbox.stripe_update_customer(&stripe, &patch);
        quiet(&mut world).await;
        world.sandbox.clock().advance(5);
        let patch = json!({"phone": "+339"});
        world.sandbox.stripe_update_customer(&stripe, &patch);
        quiet(&mut world).await;
        let after = world.sandbox.zenskar_customer(&zenskar);
        assert_eq!(after["customer_name"], "NEW");
        assert_eq!(after["phone_number"], "+339");
    });
}
