//! The daemon dies in the middle of its work.

use crate::support::daemon::until;
use crate::support::{LONGEST, POLLING, World};
use serde_json::json;

/// Changes in the burst.
const BURST: usize = 1_000;

#[tokio::test]
async fn after_a_kill_in_a_burst_every_change_arrives_and_is_written_once() {
    let world = World::new().await;
    let pairs = world.pairs(BURST);
    let daemon = world.linked(POLLING, BURST).await;
    let name = |index: usize| format!("Name {index} of the burst");
    for (index, pair) in pairs.iter().enumerate() {
        let patch = json!({ "name": name(index) });
        world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    }
    let arrived = || {
        let all = pairs.iter().enumerate();
        all.filter(|(index, pair)| world.in_zenskar(pair, "customer_name") == name(*index))
            .count()
    };
    let begun = until(LONGEST, || (arrived() >= BURST / 10).then_some(())).await;
    assert!(begun.is_some(), "{}", world.place.log());
    assert!(!daemon.kill().await.unwrap().success());
    let before = arrived();
    assert!(before < BURST, "the kill came too late to prove anything");

    let daemon = world.start().await;
    let all = until(LONGEST, || (arrived() == BURST).then_some(())).await;
    assert!(
        all.is_some(),
        "{} of {BURST} arrived, {before} before the kill\n{}",
        arrived(),
        world.place.log()
    );
    for (index, pair) in pairs.iter().enumerate() {
        let writes = world.sandbox.writes(&pair.zenskar);
        let applied = writes
            .iter()
            .filter(|write| write.applied && write.body["customer_name"] == name(index).as_str());
        assert_eq!(applied.count(), 1, "{}: {writes:?}", pair.stripe);
    }
    assert!(daemon.stop().await.unwrap().success());
}
