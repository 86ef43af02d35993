//! How many customers are linked, alone, ambiguous and deleted, as people are told.

use crate::support::daemon::Daemon;
use crate::support::{LONGEST, Pair, World};
use serde_json::{Value, json};

const BOTH: &str = "[customers]\nsync = \"import-and-export\"\nfields = [\"name\", \"phone\"]\n\
    initial = \"stripe\"\n[events]\npoll = \"off\"\n";

/// Who is where, before anybody looked.
struct Census {
    world: World,
    linked: Vec<Pair>,
    in_stripe: Vec<String>,
    in_zenskar: Vec<String>,
    _daemon: Daemon,
}

/// Three that are linked, of which two differ in their names and one lacks a phone in Stripe; three
/// in Stripe alone, two in Zenskar alone, and one in Stripe that may be two in Zenskar.
async fn census() -> Census {
    let world = World::new().await;
    let sandbox = &world.sandbox;
    let theirs = |body: &Value| sandbox.zenskar_create_customer(body).unwrap();
    let pair = |ours: &Value, body: &Value| {
        let pair = Pair {
            stripe: sandbox.stripe_create_customer(ours),
            zenskar: theirs(body),
        };
        assert!(sandbox.map_customer(&pair.zenskar, &pair.stripe));
        pair
    };
    let linked = vec![
        pair(&json!({"name": "Ann"}), &json!({"customer_name": "Anna"})),
        pair(&json!({"name": "Bea"}), &json!({"customer_name": "Beate"})),
        pair(
            &json!({"name": "Cleo"}),
            &json!({"customer_name": "Cleo", "phone_number": "+1 555 0100"}),
        ),
    ];
    let ours = |name: &str| sandbox.stripe_create_customer(&json!({ "name": name }));
    let in_stripe = ["Dora", "Eva", "Fay"].map(ours).into();
    let named = |name: &&str| theirs(&json!({ "customer_name": name }));
    let in_zenskar = ["Gil", "Hal"].iter().map(named).collect();
    let ivo = ours("Ivo");
    for name in ["Ivo the first", "Ivo the second"] {
        theirs(&json!({ "customer_name": name, "external_id": ivo }));
    }
    world.configure(BOTH);
    let daemon = world.start().await;
    world
        .until_status(|status| {
            status["scan"]["finished_at"].is_string()
                && status["links"] == 3
                && status["queues"]["work"] == 0
                && status["queues"]["inbox"] == 0
                && status["queues"]["parked"] != 0
        })
        .await;
    Census {
        world,
        linked,
        in_stripe,
        in_zenskar,
        _daemon: daemon,
    }
}

impl Census {
    /// Linked, ambiguous, in Stripe alone and in Zenskar alone.
    async fn counts(&self) -> [u64; 4] {
        let plan = self.world.json(&["plan"]).await;
        let names = ["linked", "ambiguous", "only_in_stripe", "only_in_zenskar"];
        names.map(|name| plan["summary"][name].as_u64().unwrap())
    }

    async fn until_counts(&self, wanted: [u64; 4]) {
        let began = tokio::time::Instant::now();
        while self.counts().await != wanted {
            if began.elapsed() > LONGEST {
                let counts = self.counts().await;
                panic!("{counts:?}, not {wanted:?}\n{}", self.world.place.log());
            }
        }
    }

    async fn does(&self, arguments: &[&str]) {
        let done = self.world.output(arguments).await;
        assert!(done.status.success(), "{done:?}");
    }
}

#[tokio::test]
async fn every_count_of_a_plan_is_exact() {
    let census = census().await;
    // Ivo's two in Zenskar have no partner yet, either.
    census.until_counts([3, 1, 3, 4]).await;
    let plan = census.world.json(&["plan"]).await;
    let summary = &plan["summary"];
    for (name, count) in [
        ("customers", 2),
        ("fields", 2),
        ("would_blank", 1),
        ("stripe_reads", 2),
        ("stripe_writes", 0),
        ("zenskar_requests", 6),
        ("minutes", 1),
    ] {
        assert_eq!(summary[name], count, "{name} of {plan}");
    }
    assert_eq!(summary["writes_to"], json!({ "zenskar": 2 }));
    assert_eq!(summary["by_field"], json!({ "name": 2 }));
    assert_eq!(summary["creates"], json!({}));
    assert_eq!(summary["ask"], json!({}));
    for side in ["stripe", "zenskar"] {
        assert!(summary["listed_at"][side].is_string(), "{plan}");
    }
    let used = 10_000 - summary["stripe_reads_left"].as_u64().unwrap();
    let status = census.world.json(&["status"]).await;
    assert_eq!(status["poll"]["reads_used"], used);
    let text = census.world.output(&["plan"]).await;
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("3 linked, 1 ambiguous, 3 in Stripe alone (listed "),
        "{text}"
    );
}

#[tokio::test]
async fn who_is_linked_unlinked_or_deleted_leaves_one_count_for_another() {
    let census = census().await;
    let (dora, gil) = (&census.in_stripe[0], &census.in_zenskar[0]);
    census.until_counts([3, 1, 3, 4]).await;
    census.does(&["customers", "link", dora, gil]).await;
    census.until_counts([4, 1, 2, 3]).await;
    census.does(&["customers", "unlink", dora]).await;
    census.until_counts([3, 1, 3, 4]).await;
    let status = census.world.json(&["status"]).await;
    assert_eq!(status["links"], 3);
    assert_eq!(status["scan"]["expected"], 3);
    assert_eq!(
        status["links_by_state"],
        json!({
            "active": 3, "deleted in stripe": 0, "deleted in zenskar": 0,
            "unknown in stripe": 0, "unlinked": 1
        })
    );
    assert_eq!(status["notices"], json!([]));
    // One that nobody is linked with goes: Stripe tells, Zenskar is listed again.
    assert!(
        census
            .world
            .sandbox
            .stripe_delete_customer(&census.in_stripe[1])
    );
    census.until_counts([3, 1, 2, 4]).await;
    assert!(
        census
            .world
            .sandbox
            .zenskar_delete_customer(&census.in_zenskar[1])
    );
    census.does(&["scan"]).await;
    census.until_counts([3, 1, 2, 3]).await;
}

#[tokio::test]
async fn a_linked_customer_that_is_deleted_is_told_of_and_listed_until_it_is_unlinked() {
    let census = census().await;
    let ann = &census.linked[0];
    assert!(census.world.sandbox.stripe_delete_customer(&ann.stripe));
    let deleted = |status: &Value| status["links_by_state"]["deleted in stripe"] == 1;
    let status = census.world.until_status(deleted).await;
    assert_eq!(status["links"], 2);
    let notice = &status["notices"][0];
    assert_eq!(
        notice["what"],
        "linked customers that were deleted in stripe: 1; nothing is deleted in zenskar"
    );
    let text = census.world.output(&["status"]).await;
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("2 linked, 1 deleted in stripe"), "{text}");
    assert!(text.contains("customers list --deleted"), "{text}");
    let listed = census.world.json(&["customers", "list", "--deleted"]).await;
    let rows = listed["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{listed}");
    assert_eq!(rows[0]["stripe"], ann.stripe.as_str());
    assert_eq!(rows[0]["state"], "deleted in stripe");
    let measured = "zenstripe_customer_links{state=\"deleted_in_stripe\"} 1";
    let began = tokio::time::Instant::now();
    while !census.world.page("/metrics").await.contains(measured) {
        assert!(began.elapsed() < LONGEST, "it is not among the metrics");
    }
    census.until_counts([2, 1, 3, 4]).await;
    // Taken apart, the one that is still there is alone.
    census.does(&["customers", "unlink", &ann.stripe]).await;
    census.until_counts([2, 1, 3, 5]).await;
    let listed = census.world.json(&["customers", "list", "--deleted"]).await;
    assert_eq!(listed["rows"], json!([]));
    assert_eq!(census.world.json(&["status"]).await["notices"], json!([]));
}
