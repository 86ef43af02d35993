//! Scans of both sides, and what they cost.

use crate::support::World;

/// By this direction; nothing is heard, so that the scan alone brings it.
fn sync(direction: &str) -> String {
    let fields = "[\"name\", \"email\", \"phone\", \"address\"]";
    format!("[customers]\nsync = \"{direction}\"\nfields = {fields}\n[events]\npoll = \"off\"\n")
}

#[tokio::test]
async fn a_first_scan_reads_stripe_page_by_page_and_no_customer_by_itself() {
    for direction in ["import-only", "export-only", "import-and-export"] {
        let world = World::new().await;
        let pairs = world.pairs(120);
        world.sandbox.clock().advance(60);
        let _daemon = world.linked(&sync(direction), pairs.len()).await;
        world
            .until_status(|status| {
                let scan = &status["scan"];
                status["queues"]["work"] == 0
                    && scan["phase"] == "idle"
                    && !scan["finished_at"].is_null()
            })
            .await;
        let exchanges = world.sandbox.exchanges();
        let one_by_one = |path: &str| path.starts_with("/v1/customers/");
        let alone = exchanges.iter().filter(|seen| one_by_one(&seen.path));
        assert_eq!(alone.count(), 0, "{direction}");
    }
}

#[tokio::test]
async fn a_scan_tells_its_cost_before_it_begins_and_when_the_next_one_comes() {
    let world = World::new().await;
    let pairs = world.pairs(3);
    let _daemon = world.linked(&sync("import-only"), pairs.len()).await;
    let told = world.output(&["scan", "--wait"]).await;
    let told = String::from_utf8_lossy(&told.stderr).into_owned();
    let (cost, begins) = (
        told.find("reads of Stripe: about 1,"),
        told.find("a scan of both sides begins"),
    );
    assert!(cost.is_some() && cost < begins, "{told}");
    assert!(!told.contains("warning"), "{told}");
    let status = world
        .until_status(|status| !status["scan"]["next_stripe"].is_null())
        .await;
    assert_eq!(
        status["scan"]["next_stripe"],
        status["scan"]["next_zenskar"]
    );
}
