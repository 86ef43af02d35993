//! What would change is seen before anything is switched on, and nothing is written for it.

use crate::support::{Pair, World};
use serde_json::{Value, json};

const OFF: &str = "[customers]\nsync = \"off\"\n[events]\npoll = \"off\"\n";
const MANAGE: &str = "/integrations/stripe/manage";
const CHOSEN: &str = "sync=import-only&fields=name&fields=email";

fn rename(world: &World, pair: &Pair, name: &str) {
    world
        .sandbox
        .stripe_update_customer(&pair.stripe, &json!({ "name": name }));
}

/// Waits until both sides were compared.
async fn compared(world: &World, links: u64) -> Value {
    world
        .until_status(|status| {
            let scan = &status["scan"];
            status["rehearsal"].is_object()
                && status["links"] == links
                && status["queues"]["work"] == 0
                && scan["phase"] == "idle"
                && scan["wanted"] == false
                && scan["finished_at"].is_string()
        })
        .await
}

async fn refused(world: &World, arguments: &[&str], words: &str) {
    let output = world.output(arguments).await;
    let said = String::from_utf8_lossy(&output.stderr);
    // What is typed wrongly is a matter of usage.
    let is_refused = matches!(output.status.code(), Some(1 | 2));
    assert!(is_refused && said.contains(words), "{output:?}");
}

#[tokio::test]
async fn the_plan_is_seen_before_sync_is_switched_on_and_nothing_is_written() {
    let world = World::new().await;
    let pairs = world.pairs(2);
    let before = world.in_zenskar(&pairs[0], "customer_name");
    rename(&world, &pairs[0], "Renamed while off");
    world.configure(OFF);
    let daemon = world.start().await;
    let mut visitor = world.visitor("admin").await;
    refused(&world, &["plan"], "customers.sync is off").await;

    let review = format!("{MANAGE}/review?{CHOSEN}");
    let page = visitor.page(&review).await;
    assert!(
        page.contains("Nobody has compared both sides yet"),
        "{page}"
    );
    let asked = visitor.post(&format!("{MANAGE}/compare"), CHOSEN).await;
    assert_eq!(asked.header("location"), Some(review.as_str()), "{asked:?}");
    compared(&world, 2).await;
    let seen = visitor.json(&review).await;
    assert_eq!(seen["outlook"]["uncompared"], false, "{seen}");
    assert_eq!(seen["outlook"]["plan"]["customers"], 1, "{seen}");
    assert_eq!(
        seen["outlook"]["plan"]["writes_to"],
        json!({ "zenskar": 1 })
    );
    assert_eq!(seen["outlook"]["plan"]["incomplete"], Value::Null, "{seen}");
    let page = visitor.page("/plan").await;
    assert!(page.contains("Customer sync is off.") && page.contains("Renamed while off"));
    assert!(!page.contains("Apply the plan"), "{page}");

    let plan = world.json(&["plan"]).await;
    assert_eq!(plan["hash"], Value::Null, "{plan}");
    assert_eq!(plan["rehearsal"]["sync"], "import-only", "{plan}");
    assert_eq!(
        plan["rows"][0]["stripe_value"], "Renamed while off",
        "{plan}"
    );
    refused(
        &world,
        &["apply", "0123456789abcdef"],
        "customers.sync is off",
    )
    .await;

    // It is there after a crash, and what happens meanwhile moves nothing.
    daemon.kill().await.unwrap();
    let _daemon = world.start().await;
    let mut visitor = world.visitor("admin").await;
    rename(&world, &pairs[1], "Renamed in rehearsal");
    let status = world
        .until_status(|status| status["queues"]["inbox"] == 0)
        .await;
    assert_eq!(status["rehearsal"]["fields"], json!(["name", "email"]));
    assert_eq!(status["queues"]["outbox"], 0, "{status}");
    assert_eq!(world.in_zenskar(&pairs[0], "customer_name"), before);

    // Other fields were not compared; the other direction is another plan.
    let seen = visitor.json(&format!("{review}&fields=phone")).await;
    assert_eq!(seen["outlook"]["uncompared"], true, "{seen}");
    let plan = ["plan", "--rehearse", "export-only", "--fields", "name"];
    let plan = world.json(&plan).await;
    assert_eq!(plan["rehearsal"]["sync"], "export-only", "{plan}");
    compared(&world, 2).await;
    let plan = world.json(&["plan"]).await;
    assert_eq!(
        plan["summary"]["writes_to"],
        json!({ "stripe": 2 }),
        "{plan}"
    );

    world.json(&["plan", "--end-rehearsal"]).await;
    let status = world.json(&["status"]).await;
    assert_eq!(status["rehearsal"], Value::Null, "{status}");
    assert_eq!(status["differences"], json!({}), "{status}");
    refused(&world, &["plan"], "--rehearse").await;
    let again = world.json(&["plan", "--end-rehearsal"]).await;
    assert_eq!(again["count"], 0, "{again}");
}

#[tokio::test]
async fn switched_on_it_becomes_a_plan_that_can_be_applied() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    rename(&world, &pair, "Renamed while off");
    world.configure(OFF);
    let _daemon = world.start().await;
    let unknown = ["plan", "--rehearse", "sideways"];
    refused(&world, &unknown, "is not a sync type").await;
    let unknown = ["plan", "--rehearse", "import-only", "--fields", "colour"];
    refused(&world, &unknown, "is not a field of customers").await;
    refused(
        &world,
        &["plan", "--rehearse", "off"],
        "nothing would change",
    )
    .await;
    world.json(&["plan", "--rehearse", "import-only"]).await;
    compared(&world, 1).await;

    world.configure(&OFF.replace("\"off\"\n[", "\"import-only\"\n["));
    world
        .until_status(|status| status["sync"] == "import-only" && status["rehearsal"].is_null())
        .await;
    refused(
        &world,
        &["plan", "--rehearse", "export-only"],
        "customers.sync is import-only",
    )
    .await;
    let status = world
        .until_status(|status| {
            status["differences"] == json!({ "no-base": 1 }) && status["queues"]["work"] == 0
        })
        .await;
    assert_eq!(status["queues"]["outbox"], 0, "{status}");
    let plan = world.json(&["plan"]).await;
    let hash = plan["hash"].as_str().unwrap();
    world.json(&["apply", hash]).await;
    world
        .until_zenskar(&pair, "customer_name", "Renamed while off")
        .await;

    // A change that is considered while sync is on is told from what is known.
    let mut visitor = world.visitor("admin").await;
    let review = format!("{MANAGE}/review?sync=export-only&fields=name");
    let seen = visitor.json(&review).await;
    assert_eq!(seen["outlook"]["uncompared"], false, "{seen}");
    assert_eq!(seen["outlook"]["plan"]["customers"], 0, "{seen}");
}

#[tokio::test]
async fn what_was_listed_of_stripe_is_not_read_again_one_by_one() {
    let world = World::new().await;
    let pairs = world.pairs(60);
    for pair in &pairs {
        rename(&world, pair, "Renamed while off");
    }
    world.configure(OFF);
    let _daemon = world.start().await;
    let fields = "name,email,phone";
    let both = [
        "plan",
        "--rehearse",
        "import-and-export",
        "--fields",
        fields,
    ];
    world.json(&both).await;
    compared(&world, 60).await;
    let plan = world.json(&["plan"]).await;
    assert_eq!(plan["summary"]["ask"], json!({ "no-base": 60 }), "{plan}");
    let asked = world.sandbox.exchanges().into_iter();
    let one_by_one = asked.filter(|one| one.path.starts_with("/v1/customers/cus_"));
    let paths: Vec<String> = one_by_one.map(|one| one.path).collect();
    assert_eq!(paths, Vec::<String>::new());
}

#[tokio::test]
async fn a_review_leads_to_its_own_plan_alone() {
    let world = World::new().await;
    world.pairs(1);
    world.configure(OFF);
    let _daemon = world.start().await;
    let rehearse = ["plan", "--rehearse", "import-only", "--fields", "name"];
    world.json(&rehearse).await;
    compared(&world, 1).await;
    let mut visitor = world.visitor("admin").await;
    for (sync, its_own) in [("import-only", true), ("export-only", false)] {
        let review = format!("{MANAGE}/review?sync={sync}&fields=name");
        let page = visitor.page(&review).await;
        assert_eq!(page.contains("href=\"/plan\""), its_own, "{page}");
        assert_eq!(page.contains("Compare again to see that plan"), !its_own);
    }
}
