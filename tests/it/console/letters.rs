//! Many dead letters tried again: progress that people see, stopped, and gone on with after a kill.

use crate::creation::created_in;
use crate::support::World;
use crate::support::daemon::Daemon;
use serde_json::{Value, json};
use zenstripe_sandbox::{Fault, FaultKind, Remote};

/// More than a redrive lets be due at once.
const MANY: u64 = 130;

/// How long Zenskar holds its answers back, in milliseconds: longer than a test takes.
const HELD_MS: u64 = 300_000;

/// A daemon with [`MANY`] dead letters, before a Zenskar that holds its answers back: what is tried
/// again stays under way.
pub(crate) async fn many() -> (World, Daemon) {
    let (world, daemon) = created_in("both").await;
    let refuse = Fault::next(Remote::Zenskar, FaultKind::Refuse { status: 422 });
    let refuse = refuse.method("POST").prefix("/customers").times(10_000);
    let _id = world.sandbox.order_fault(refuse);
    for number in 0..MANY {
        let email = format!("ann{number}@example.com");
        let customer = json!({ "name": format!("Ann {number}"), "email": email });
        world.sandbox.stripe_create_customer(&customer);
    }
    world
        .until_status(|status| status["queues"]["dead"] == MANY && status["queues"]["work"] == 0)
        .await;
    world.sandbox.clear_faults();
    let hold = Fault::next(Remote::Zenskar, FaultKind::Delay { ms: HELD_MS });
    let _id = world.sandbox.order_fault(hold.times(10_000));
    (world, daemon)
}

fn count(page: &Value) -> usize {
    page["rows"].as_array().unwrap().len()
}

#[tokio::test]
async fn many_dead_letters_are_tried_again_though_the_daemon_is_killed() {
    let (world, daemon) = many().await;
    let begun = world.output(&["dead", "retry", "--all"]).await;
    let told = String::from_utf8_lossy(&begun.stdout).into_owned();
    assert_eq!(
        told,
        "100 of 130 tried again; the others follow by themselves\n"
    );
    assert!(!daemon.kill().await.unwrap().success());
    world.sandbox.clear_faults();

    let _daemon = world.start().await;
    let status = world
        .until_status(|status| status["redrive"]["state"] == "done" && status["links"] == MANY)
        .await;
    let redrive = &status["redrive"];
    let counts = (&redrive["done"], &redrive["total"]);
    assert_eq!(counts, (&json!(MANY), &json!(MANY)), "{redrive}");
    assert_eq!(status["queues"]["dead"], 0, "{status}");
    let made = world.sandbox.zenskar_customer_ids().len();
    assert_eq!(u64::try_from(made).unwrap(), MANY, "each is made once");
    let activity = world.json(&["dead", "progress"]).await;
    assert_eq!(&activity, redrive);
}

#[tokio::test]
async fn people_see_how_far_it_is_and_stop_it() {
    let (world, _daemon) = many().await;
    let mut operator = world.visitor("operator").await;
    let mut viewer = world.visitor("viewer").await;
    let page = operator.page("/events/dead").await;
    assert!(
        page.contains("Try all again") && !page.contains("Stop it"),
        "{page}"
    );
    let begun = operator.post("/events/dead/retry", "all=true").await;
    assert_eq!(begun.header("location"), Some("/events/dead"));

    // On the page, by the stream that moves it, as JSON and on the command line.
    let page = operator.page("/events/dead").await;
    for part in [
        "100 of 130 tried again; the others follow by themselves",
        "data-live=\"redrive\">100 of 130 tried again</p>",
        "data-stream=\"/live\"",
        "Ordered by Ann Lee",
        "Stop it",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("Try all again"), "{page}");
    let seen = operator.json("/events/dead").await;
    assert_eq!((count(&seen), &seen["redrive"]["done"]), (30, &json!(100)));
    let progress = world.output(&["dead", "progress"]).await;
    let told = String::from_utf8_lossy(&progress.stdout).into_owned();
    assert!(
        told.starts_with("100 of 130 tried again; under way"),
        "{told}"
    );
    let status = world.json(&["status"]).await;
    let notices = status["notices"].to_string();
    assert!(notices.contains("100 of 130 were"), "{notices}");

    // A second one is refused, wherever it is asked for; so is a viewer.
    operator.post("/events/dead/retry", "all=true").await;
    let page = operator.page("/events/dead").await;
    let already = "Dead letters are being tried again already: 100 of 130 were.";
    assert!(page.contains(already), "{page}");
    let second = world.output(&["dead", "retry", "--all"]).await;
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    let refused = viewer.post("/events/dead/cancel", "").await;
    assert_eq!(refused.status, 403, "{refused:?}");
    let page = viewer.page("/events/dead").await;
    assert!(
        page.contains("100 of 130 tried again") && !page.contains("Stop it"),
        "{page}"
    );

    // Stopped twice, it is stopped once; what is left stays.
    for told in [
        "Stopped: 100 of 130 were tried again, the others stay.",
        "Nothing is being tried again.",
    ] {
        let stopped = operator.post("/events/dead/cancel", "").await;
        assert_eq!(stopped.header("location"), Some("/events/dead"));
        let page = operator.page("/events/dead").await;
        assert!(page.contains(told), "{told}: {page}");
        let line = "100 of 130 tried again, then stopped by Ann Lee";
        assert!(
            page.contains(line) && page.contains("Try all again"),
            "{page}"
        );
    }
    assert_eq!(count(&world.json(&["dead", "list"]).await), 30);
    let activity = operator.page("/activity").await;
    assert!(activity.contains("Redrive cancelled"), "{activity}");
    let dropped = world.json(&["dead", "drop", "--all"]).await;
    assert_eq!(dropped["count"], 30, "{dropped}");
}

#[tokio::test]
async fn those_of_one_reason_are_tried_again_by_their_reason() {
    let (world, _daemon) = many().await;
    let reasons = world.json(&["dead", "reasons"]).await;
    assert_eq!(reasons["rows"][0]["count"], MANY, "{reasons}");
    assert_eq!(reasons["left_out"], 0, "{reasons}");
    let reason = reasons["rows"][0]["reason"].as_str().unwrap();
    let none = world
        .json(&["dead", "retry", "--reason", "never seen"])
        .await;
    assert_eq!(none["count"], 0, "{none}");
    let begun = world.json(&["dead", "retry", "--reason", reason]).await;
    assert_eq!(begun["count"], 100, "{begun}");
    let progress = world.json(&["dead", "progress"]).await;
    assert_eq!(progress["reason"], reason, "{progress}");
    let mut viewer = world.visitor("viewer").await;
    let seen = viewer.json("/events/dead").await;
    assert_eq!(seen["redrive"]["reason"], "hidden", "{seen}");
    let stopped = world.json(&["dead", "cancel"]).await;
    assert_eq!(stopped["count"], 1, "{stopped}");
}
