//! A connection ends, by whoever's hand, and what waited goes on once it is there again.

use super::{IMPORT, Reach};
use crate::support::World;
use crate::support::browser::Browser;
use serde_json::json;
use std::time::Duration;
use zenstripe_sandbox::{ACCOUNT, CLIENT_ID, Fault, FaultKind, Remote};

const WEBHOOKS_ALONE: &str = "[customers]\nsync = \"import-only\"\n[events]\npoll = \"off\"\n";

/// The owner ends the connection; a change is made meanwhile; connected again, it arrives.
async fn ended_and_connected_again(reach: Reach, more: &str) {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.oauth(more, reach).await;
    world.connected().await;
    world
        .until_status(|status| status["links"] == 1 && status["endpoint"]["state"] != "waiting")
        .await;
    world.email_moves(&pair, "before@example.com").await;

    assert!(world.sandbox.stripe_revoke(ACCOUNT));
    let status = world
        .until_status(|status| {
            let reason = status["connection"]["reason"].as_str();
            reason.is_some_and(|reason| reason.contains("took the connection back"))
        })
        .await;
    assert_eq!(status["state"], "degraded");
    let what = status["problems"][0]["what"].as_str().unwrap();
    assert!(what.starts_with("Stripe is disconnected"), "{status}");

    let before = calls_for_the_account(&world);
    let patch = json!({ "email": "meanwhile@example.com" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.in_zenskar(&pair, "email"), "before@example.com");
    let after = calls_for_the_account(&world);
    assert!(after - before <= 1, "calls go on: {}", after - before);

    world.connected().await;
    world
        .until_zenskar(&pair, "email", "meanwhile@example.com")
        .await;
    world.email_moves(&pair, "afterwards@example.com").await;
}

fn calls_for_the_account(world: &World) -> usize {
    let exchanges = world.sandbox.exchanges().into_iter();
    let ours = exchanges.filter(|one| one.headers.contains_key("stripe-account"));
    ours.count()
}

#[tokio::test]
async fn a_webhook_tells_of_the_end_and_connecting_again_wakes_what_waits() {
    // Nothing is polled, so that only the webhook can tell.
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.oauth(WEBHOOKS_ALONE, Reach::Public).await;
    world.connected().await;
    world
        .until_status(|status| status["links"] == 1 && status["endpoint"]["state"] == "registered")
        .await;
    world.email_moves(&pair, "by-webhook@example.com").await;
    assert!(world.sandbox.stripe_revoke(ACCOUNT));
    world.until_connection("disconnected").await;
    let events = world.json(&["events", "list"]).await;
    assert!(
        world.journal_holds(&events, "account.application.deauthorized"),
        "{events}"
    );
    world.connected().await;
    world
        .email_moves(&pair, "again-by-webhook@example.com")
        .await;
}

#[tokio::test]
async fn a_refusal_tells_of_the_end_where_no_webhook_can() {
    ended_and_connected_again(Reach::Nowhere, IMPORT).await;
}

#[tokio::test]
async fn an_end_that_is_told_late_ends_nothing() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.oauth(IMPORT, Reach::Public).await;
    world.connected().await;
    world
        .until_status(|status| status["links"] == 1 && status["endpoint"]["state"] == "registered")
        .await;
    let application = json!({ "id": CLIENT_ID, "object": "application", "name": "late" });
    let kind = "account.application.deauthorized";
    world
        .sandbox
        .inject_event(kind, Some(ACCOUNT), false, application);
    world.email_moves(&pair, "still@example.com").await;
    let status = world.json(&["status"]).await;
    assert_eq!(status["connection"]["state"], "connected", "{status}");
}

#[tokio::test]
async fn a_rotated_key_of_the_platform_parks_and_a_new_one_wakes() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.oauth(IMPORT, Reach::Public).await;
    world.connected().await;
    world.until_status(|status| status["links"] == 1).await;
    world.sandbox.expire_key("sk_test_platform");
    let status = world.until_connection("disconnected").await;
    let reason = status["connection"]["reason"].as_str().unwrap();
    assert!(reason.contains("api_key_expired"), "{status}");
    let patch = json!({ "email": "rotated@example.com" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world.sandbox.allow_key("sk_test_platform_new");
    world
        .place
        .write_secret("stripe-key", "sk_test_platform_new")
        .unwrap();
    world
        .until_zenskar(&pair, "email", "rotated@example.com")
        .await;
    world.until_connection("connected").await;
}

#[tokio::test]
async fn a_person_disconnects_and_connects_again() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.oauth(IMPORT, Reach::Public).await;
    let refused = world.output(&["disconnect"]).await;
    assert_eq!(
        refused.status.code(),
        Some(1),
        "nobody is connected: {refused:?}"
    );
    world.connected().await;
    world
        .until_status(|status| status["links"] == 1 && status["endpoint"]["state"] == "registered")
        .await;
    let done = world.json(&["disconnect"]).await;
    let said = done["message"].as_str().unwrap();
    assert_eq!(said, format!("{ACCOUNT} is disconnected"));
    assert!(world.sandbox.stripe_connected().is_empty());
    let status = world
        .until_status(|status| status["endpoint"]["state"] == "off")
        .await;
    assert_eq!(status["connection"]["state"], "disconnected");
    let patch = json!({ "email": "apart@example.com" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);

    world.connected().await;
    world
        .until_zenskar(&pair, "email", "apart@example.com")
        .await;
    world
        .until_status(|status| status["endpoint"]["state"] == "registered")
        .await;
}

#[tokio::test]
async fn writes_on_their_way_keep_a_connection_until_it_is_abandoned() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.oauth(IMPORT, Reach::Public).await;
    world.connected().await;
    world.until_status(|status| status["links"] == 1).await;
    let down = Fault::next(Remote::Zenskar, FaultKind::Unavailable);
    let down = down.method("PATCH").times(1_000);
    let _fault = world.sandbox.order_fault(down);
    let patch = json!({ "email": "abandoned@example.com" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world
        .until_status(|status| status["queues"]["outbox"] == 1)
        .await;
    let refused = world.output(&["disconnect"]).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("--abandon"), "{said}");
    world.until_connection("connected").await;
    assert!(
        world
            .output(&["disconnect", "--abandon"])
            .await
            .status
            .success()
    );
    let status = world.until_connection("disconnected").await;
    assert_eq!(status["queues"]["outbox"], 1, "nothing is lost");
}

#[tokio::test]
async fn with_a_key_of_the_accounts_own_there_is_nothing_to_connect() {
    let world = World::new().await;
    world.configure(IMPORT);
    let _daemon = world.start().await;
    for command in ["connect", "disconnect"] {
        let refused = world.output(&[command]).await;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("not by OAuth"), "{said}");
    }
    let start = format!("http://127.0.0.1:{}/oauth/stripe/start", world.place.port);
    assert_eq!(Browser::default().open(&start).await.unwrap().status, 404);
}

#[tokio::test]
async fn a_restricted_key_cannot_be_a_platforms() {
    let world = World::new().await;
    world.configure_oauth(IMPORT, Reach::Public, None);
    world
        .place
        .write_secret("stripe-key", "rk_test_sandbox")
        .unwrap();
    let check = world.output(&["check"]).await;
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert_eq!(check.status.code(), Some(78), "{said}");
    assert!(said.contains("restricted key"), "{said}");
}
