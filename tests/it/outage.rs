//! A remote is down, or somebody on the way to it answers in its place.

use crate::support::{POLLING, World};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;
use zenstripe_sandbox::{Fault, FaultKind, Remote};

/// Longer than it takes until a remote without an answer counts as unreachable.
const LONGEST: Duration = Duration::from_secs(100);

impl World {
    /// Asks for the status until both remotes are unreachable.
    async fn until_unreachable(&self) -> Value {
        let began = Instant::now();
        loop {
            let status = self.json(&["status"]).await;
            let is_down = |side: &str| status[side]["state"] == "unreachable";
            if is_down("stripe") && is_down("zenskar") {
                return status;
            }
            assert!(began.elapsed() < LONGEST, "{status}\n{}", self.place.log());
        }
    }

    /// From now on nothing is answered: Stripe breaks connections, Zenskar is not there.
    fn take_down(&self) {
        for (remote, kind) in [
            (Remote::Stripe, FaultKind::LoseRequest),
            (Remote::Zenskar, FaultKind::Unavailable),
        ] {
            let fault = Fault::next(remote, kind).times(u32::MAX);
            let _id = self.sandbox.order_fault(fault);
        }
    }
}

#[tokio::test]
async fn remotes_that_are_down_are_unreachable_after_a_minute_and_connected_when_they_are_back() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(POLLING, 1).await;
    world
        .until_status(|status| status["changes"]["read_until"].is_string())
        .await;
    assert_eq!(world.output(&["status"]).await.status.code(), Some(0));
    world.take_down();
    let status = world
        .until_status(|status| status["zenskar"]["last_error"]["class"] == "retry")
        .await;
    // One call that failed is told and proves nothing yet.
    assert_eq!(status["zenskar"]["state"], "connected");

    let status = world.until_unreachable().await;
    let since = status["zenskar"]["since"].as_str().unwrap();
    let what = status["problems"][1]["what"].as_str().unwrap();
    assert!(
        what.starts_with("zenskar has not answered since "),
        "{what}"
    );
    assert!(what.contains(since) && what.contains("503"), "{what}");
    let what = status["problems"][0]["what"].as_str().unwrap();
    assert!(
        what.contains("stripe") && what.contains("no answer"),
        "{what}"
    );
    assert!(status["poll"]["lag_seconds"].as_u64().unwrap() >= 60);
    let text = world.output(&["status"]).await;
    assert_eq!(text.status.code(), Some(3), "degraded");
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(
        text.contains("unreachable") && text.contains("last error"),
        "{text}"
    );

    world.sandbox.clear_faults();
    // Whatever asks them next finds out; polling does by itself.
    let patch = json!({ "email": "after@example.com" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world
        .sandbox
        .stripe_update_customer(&pair.stripe, &json!({ "phone": "+1 555 0100" }));
    world
        .until_zenskar(&pair, "email", "after@example.com")
        .await;
    world.until_status(|status| status["state"] == "ok").await;
    assert_eq!(world.output(&["status"]).await.status.code(), Some(0));
}

#[tokio::test]
async fn a_gateway_that_answers_in_their_place_makes_no_dead_letters() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(POLLING, 1).await;
    let patch = json!({ "email": "after@example.com" });
    let mut is_edited = false;
    for status in [302, 404] {
        for remote in [Remote::Zenskar, Remote::Stripe] {
            world.sandbox.clear_faults();
            let fault = Fault::next(remote, FaultKind::Gateway { status });
            let _id = world
                .sandbox
                .order_fault(fault.prefix(path(remote)).times(u32::MAX));
            if !is_edited {
                is_edited = world.sandbox.stripe_update_customer(&pair.stripe, &patch);
            }
            let side = remote.name();
            let words = format!("status {status}");
            let seen = world
                .until_status(|status| {
                    let error = status[side]["last_error"]["message"].as_str();
                    error.is_some_and(|error| error.contains(&words))
                })
                .await;
            assert_eq!(seen["queues"]["dead"], 0, "{seen}");
            assert_eq!(seen["queues"]["refused"], 0, "{seen}");
        }
    }
    world.sandbox.clear_faults();
    world
        .until_zenskar(&pair, "email", "after@example.com")
        .await;
    assert_eq!(world.json(&["dead", "list"]).await["rows"], json!([]));
}

/// Where customers are.
fn path(remote: Remote) -> &'static str {
    match remote {
        Remote::Stripe => "/v1/customers",
        Remote::Zenskar => "/customers",
    }
}

#[tokio::test]
async fn a_key_without_the_right_to_tax_ids_moves_everything_else_and_says_so() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    world.sandbox.switch(|switches| {
        let denied = &mut switches.stripe.denied_permissions;
        denied.insert("rak_tax_id_read".to_owned());
    });
    world
        .place
        .write_secret("stripe-key", "rk_test_sandbox")
        .unwrap();
    let _daemon = world.linked(POLLING, 1).await;
    let patch = json!({ "email": "after@example.com" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world
        .until_zenskar(&pair, "email", "after@example.com")
        .await;
    let status = world
        .until_status(|status| status["state"] == "degraded")
        .await;
    assert_eq!(status["stripe"]["state"], "connected");
    let problem = &status["problems"][0];
    assert!(
        problem["what"].as_str().unwrap().contains("Tax IDs: Read"),
        "{problem}"
    );
    assert!(
        problem["hint"]
            .as_str()
            .unwrap()
            .contains("customers.fields"),
        "{problem}"
    );
    let doctor = world.output(&["doctor"]).await;
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("Tax IDs: Read"), "{doctor}");
}
