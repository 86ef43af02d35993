//! Zenskar's deliveries, which are hints.

use super::*;
use crate::model::event::{Channel, ZENSKAR_UNKNOWN, ZENSKAR_UPDATED};

const HINT: &str = r#"{"event":"customer.updated","organisation_id":"org-1","resource_id":"z-1","data":{"id":"z-1","updated_at":"2026-05-28T20:26:00"}}"#;

fn tag(secret: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, body.as_bytes());
    tag.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl World {
    async fn hint(&self, tag: Option<&str>, body: &str) -> Answer {
        let header = tag.map(|tag| format!("x-signature: {tag}\r\n"));
        let length = body.len();
        let request = format!(
            "POST {ZENSKAR_PATH} HTTP/1.1\r\nhost: x\r\n{}content-length: {length}\r\n\r\n{body}",
            header.unwrap_or_default()
        );
        self.client().await.ask(request.as_bytes()).await
    }

    async fn proven(&self, body: &str) -> Answer {
        self.hint(Some(&tag(SECRET, body)), body).await
    }
}

#[tokio::test]
async fn a_proven_hint_is_stored_as_it_came_once_and_wakes_the_engine() {
    let world = World::new();
    let answer = world.proven(HINT).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "stored"));
    within(world.wake.notified()).await;
    let read = world.store.read().unwrap();
    let stored = read.event(1).unwrap().unwrap().event;
    assert_eq!(stored.kind, ZENSKAR_UPDATED);
    assert_eq!(stored.object, "z-1");
    assert_eq!(stored.channel, Channel::ZenskarWebhook);
    assert_eq!(stored.payload, HINT.as_bytes());
    let answer = world.proven(HINT).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "known"));
    let webhooks = &world.metrics.webhooks;
    assert_eq!(webhooks.accepted.of(Remote::Zenskar).get(), 1);
    assert_eq!(webhooks.duplicate.of(Remote::Zenskar).get(), 1);
    assert_eq!(webhooks.received.of(Remote::Stripe).get(), 0);
}

#[tokio::test]
async fn without_proof_it_is_a_400_and_stores_nothing() {
    let world = World::new();
    let forged = tag("another", HINT);
    for (tag, reason) in [
        (None, Rejected::Missing),
        (Some(&forged), Rejected::NoMatch),
    ] {
        let answer = world.hint(tag.map(String::as_str), HINT).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (400, reason.as_str())
        );
        let counter = world
            .metrics
            .webhooks
            .rejected
            .of((Remote::Zenskar, reason));
        assert_eq!(counter.get(), 1);
    }
    assert_eq!(world.stored_count(), 0);
}

#[tokio::test]
async fn without_a_secret_there_is_no_such_page() {
    let world = World::new();
    world
        .zenskar_acceptance
        .send_replace(zenskar_acceptance(None));
    assert_eq!(world.proven(HINT).await.status, 404);
    let get = get_request(ZENSKAR_PATH);
    assert_eq!(world.client().await.ask(&get).await.status, 404);
    world
        .zenskar_acceptance
        .send_replace(zenskar_acceptance(Some(SECRET)));
    assert_eq!(world.proven(HINT).await.status, 200);
    assert_eq!(world.client().await.ask(&get).await.status, 405);
}

#[tokio::test]
async fn what_is_not_understood_is_stored_and_counted() {
    let world = World::new();
    let body = r#"{"event":"usage limit exceeded"}"#;
    assert_eq!(world.proven(body).await.status, 200);
    let read = world.store.read().unwrap();
    let stored = read.event(1).unwrap().unwrap().event;
    assert_eq!(
        (stored.kind.as_str(), stored.object.as_str()),
        (ZENSKAR_UNKNOWN, "")
    );
    assert_eq!(
        world
            .metrics
            .webhooks
            .unknown_type
            .of(Remote::Zenskar)
            .get(),
        1
    );
}

#[tokio::test]
async fn a_hint_of_another_organisation_is_acknowledged_counted_and_not_stored() {
    let world = World::new();
    let body = HINT.replace("org-1", "org-2");
    let answer = world.proven(&body).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, "foreign_account")
    );
    let ignored = (Remote::Zenskar, Ignored::ForeignAccount);
    assert_eq!(world.metrics.webhooks.ignored.of(ignored).get(), 1);
    assert_eq!(world.stored_count(), 0);
}

#[tokio::test]
async fn a_failed_commit_and_a_large_body_are_told_like_stripes() {
    let world = World::new();
    let large = "x".repeat(BODY_BYTES_MAX + 1);
    assert_eq!(world.proven(&large).await.status, 413);
    let failing = world.writer.write("fail", move |_| -> Result<(), _> {
        Err(StoreError::Io {
            doing: "commit",
            source: io::Error::from(io::ErrorKind::StorageFull).into(),
        })
    });
    assert!(failing.await.is_err());
    assert_eq!(world.proven(HINT).await.status, 503);
}
