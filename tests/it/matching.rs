//! Which customers are found to be the same, and by what.

use crate::support::daemon::Daemon;
use crate::support::{POLLING, WEBHOOKS, World};
use serde_json::{Value, json};
use std::time::Duration;

const BY_EMAIL: &str = "[customers]\nsync = \"import-only\"\nmatch_email = true\n\
    [events]\npoll = \"off\"\n";

struct Two {
    world: World,
    stripe: String,
    zenskar: String,
    _daemon: Daemon,
}

/// A customer on each side that nothing maps, and a daemon that has not heard of them.
async fn unmapped(more: &str, ours: &Value, theirs: &Value) -> Two {
    let world = World::new().await;
    world.configure(more);
    let daemon = world.start().await;
    let stripe = world.sandbox.stripe_create_customer(ours);
    let mut theirs = theirs.clone();
    if theirs["external_id"] == "its id" {
        theirs["external_id"] = json!(stripe);
    }
    let zenskar = world.sandbox.zenskar_create_customer(&theirs).unwrap();
    Two {
        world,
        stripe,
        zenskar,
        _daemon: daemon,
    }
}

impl Two {
    async fn candidates(&self) -> Value {
        let search = ["customers", "candidates", &self.stripe];
        self.world.json(&search).await
    }

    fn change(&self, patch: &Value) {
        assert!(
            self.world
                .sandbox
                .stripe_update_customer(&self.stripe, patch)
        );
    }

    async fn until_linked_by(&self, proof: &str) {
        self.world.until_status(|status| status["links"] == 1).await;
        let shown = ["customers", "show", &self.stripe];
        let shown = self.world.json(&shown).await;
        assert_eq!(shown["row"]["zenskar"], self.zenskar.as_str());
        assert_eq!(shown["proof"], proof);
    }
}

#[tokio::test]
async fn an_external_id_that_is_stripes_id_links() {
    let theirs = json!({ "customer_name": "Ann", "external_id": "its id" });
    let two = unmapped(WEBHOOKS, &json!({ "name": "Ann" }), &theirs).await;
    let found = two.candidates().await;
    assert_eq!(found["verdict"], "link", "{found}");
    assert_eq!(found["rows"][0]["clues"], json!(["external-id"]));
    two.change(&json!({ "name": "Bea" }));
    two.until_linked_by("external-id").await;
}

#[tokio::test]
async fn metadata_that_names_the_zenskar_customer_links() {
    let theirs = json!({ "customer_name": "Ann" });
    let two = unmapped(WEBHOOKS, &json!({ "name": "Ann" }), &theirs).await;
    two.change(&json!({ "metadata": { "zenstripe_zenskar_customer": two.zenskar } }));
    two.until_linked_by("metadata").await;
}

#[tokio::test]
async fn an_address_links_only_where_that_is_allowed_and_nobody_shares_it() {
    let ours = json!({ "name": "Ann", "email": "ann@example.com" });
    let theirs = json!({ "customer_name": "Ann", "email": "ann@example.com" });
    let two = unmapped(WEBHOOKS, &ours, &theirs).await;
    let found = two.candidates().await;
    assert_eq!(found["verdict"], "none", "{found}");
    assert_eq!(found["rows"][0]["clues"], json!(["email"]));
    two.change(&json!({ "name": "Bea" }));
    let parked = |status: &Value| status["queues"]["parked"] == 1;
    two.world.until_status(parked).await;
    assert_eq!(two.world.json(&["status"]).await["links"], 0);

    let two = unmapped(BY_EMAIL, &ours, &theirs).await;
    two.change(&json!({ "name": "Bea" }));
    two.until_linked_by("email").await;

    let two = unmapped(BY_EMAIL, &ours, &theirs).await;
    let _twin = two.world.sandbox.stripe_create_customer(&ours);
    two.change(&json!({ "name": "Bea" }));
    two.world
        .until_status(|status| status["queues"]["parked"] == 2)
        .await;
    assert_eq!(two.world.json(&["status"]).await["links"], 0);
}

#[tokio::test]
async fn two_that_may_be_it_are_a_question_and_a_person_answers_it() {
    let theirs = json!({ "customer_name": "Ann", "external_id": "its id" });
    let two = unmapped(WEBHOOKS, &json!({ "name": "Ann" }), &theirs).await;
    let twin = json!({ "customer_name": "Ann the second", "external_id": two.stripe });
    let twin = two.world.sandbox.zenskar_create_customer(&twin).unwrap();
    let found = two.candidates().await;
    assert_eq!(found["verdict"], "ambiguous", "{found}");
    assert_eq!(found["rows"].as_array().map(Vec::len), Some(2));
    two.change(&json!({ "name": "Bea" }));
    let parked = |status: &Value| status["queues"]["parked"] == 1;
    two.world.until_status(parked).await;
    let waits = two.world.json(&["customers", "list", "--unlinked"]).await;
    let note = waits["rows"][0]["note"].as_str().unwrap();
    assert!(
        note.contains(&twin) && note.contains("customers link"),
        "{note}"
    );
    let link = ["customers", "link", &two.stripe, &two.zenskar];
    assert!(two.world.output(&link).await.status.success());
    two.until_linked_by("person").await;
    let found = two.candidates().await;
    assert_eq!(found["verdict"], "linked", "{found}");
}

const BY_EMAIL_POLLING: &str = "[customers]\nsync = \"import-only\"\nmatch_email = true\n\
    [events]\npoll = \"1s\"\n";

/// A customer of Stripe that waits for a partner, since Zenskar has none for it.
async fn parked(more: &str, ours: &Value) -> (World, String, Daemon) {
    let world = World::new().await;
    world.configure(more);
    let daemon = world.start().await;
    let stripe = world.sandbox.stripe_create_customer(ours);
    let waits = |status: &Value| status["queues"]["parked"] == 1;
    world.until_status(waits).await;
    (world, stripe, daemon)
}

#[tokio::test]
async fn a_counterpart_made_later_is_found_by_its_external_id() {
    for (more, scan) in [(POLLING, false), (WEBHOOKS, true)] {
        let (world, stripe, daemon) = parked(more, &json!({ "name": "Ann" })).await;
        let theirs = json!({ "customer_name": "Ann", "external_id": stripe });
        let zenskar = world.sandbox.zenskar_create_customer(&theirs).unwrap();
        if scan {
            assert!(world.output(&["scan"]).await.status.success());
        }
        let two = Two {
            world,
            stripe,
            zenskar,
            _daemon: daemon,
        };
        two.until_linked_by("external-id").await;
    }
}

#[tokio::test]
async fn a_counterpart_made_later_is_found_by_an_address_that_nobody_shares() {
    for (more, scan) in [(BY_EMAIL_POLLING, false), (BY_EMAIL, true)] {
        let ours = json!({ "name": "Ann", "email": "ann@example.com" });
        let (world, stripe, daemon) = parked(more, &ours).await;
        let theirs = json!({ "customer_name": "Ann", "email": "ann@example.com" });
        let zenskar = world.sandbox.zenskar_create_customer(&theirs).unwrap();
        if scan {
            assert!(world.output(&["scan"]).await.status.success());
        }
        let two = Two {
            world,
            stripe,
            zenskar,
            _daemon: daemon,
        };
        two.until_linked_by("email").await;
    }
}

#[tokio::test]
async fn a_question_that_was_answered_in_zenskar_is_taken_up() {
    let world = World::new().await;
    world.configure(POLLING);
    let ours = json!({ "name": "Ann" });
    let stripe = world.sandbox.stripe_create_customer(&ours);
    let theirs = json!({ "customer_name": "Ann", "external_id": stripe });
    let zenskar = world.sandbox.zenskar_create_customer(&theirs).unwrap();
    let twin = world.sandbox.zenskar_create_customer(&theirs).unwrap();
    let daemon = world.start().await;
    let asked = |status: &Value| {
        let queues = &status["queues"];
        queues["parked"] == 3 && queues["work"] == 0 && queues["inbox"] == 0
    };
    world.until_status(asked).await;
    let waits = world.json(&["customers", "list", "--unlinked"]).await;
    let note = waits["rows"][0]["note"].as_str().unwrap_or_default();
    assert!(note.contains("several customers"), "{waits}");
    let corrected = json!({ "external_id": "another" });
    let updated = world.sandbox.zenskar_update_customer(&twin, &corrected);
    updated.unwrap();
    let two = Two {
        world,
        stripe,
        zenskar,
        _daemon: daemon,
    };
    two.until_linked_by("external-id").await;
}

#[tokio::test]
async fn a_mapping_that_names_a_customer_unknown_to_stripe_is_a_question_at_one_read() {
    let world = World::new().await;
    world.configure(POLLING);
    let theirs = json!({ "customer_name": "Ann" });
    let zenskar = world.sandbox.zenskar_create_customer(&theirs).unwrap();
    assert!(world.sandbox.map_customer(&zenskar, "cus_foreign"));
    let _daemon = world.start().await;
    let status = world
        .until_status(|status| status["unknown_in_stripe"] == 1)
        .await;
    assert_eq!(status["state"], "degraded");
    let problem = status["problems"][0]["what"].as_str().unwrap_or_default();
    assert!(problem.contains("stripe does not know"), "{status}");
    let listed = world.json(&["customers", "list"]).await;
    assert_eq!(listed["rows"][0]["state"], "unknown in stripe", "{listed}");
    let shown = world.json(&["customers", "show", "cus_foreign"]).await;
    let note = shown["row"]["note"].as_str().unwrap_or_default();
    assert!(note.contains("stripe does not know it"), "{shown}");
    let looked = |exchange: &zenstripe_sandbox::Exchange| {
        exchange.path.starts_with("/v1/customers/cus_foreign")
    };
    let exchanges = world.sandbox.exchanges();
    let looks = exchanges.iter().filter(|one| looked(one)).count();
    assert!(looks <= 2, "{looks} reads");
}

async fn until_row(world: &World, id: &str, wanted: impl Fn(&Value) -> bool) {
    let mut shown = Value::Null;
    // A customer that Zenskar does not show is asked for again after half a minute.
    for _ in 0..900 {
        let output = world.output(&["customers", "show", id, "--json"]).await;
        // It is an error until the customer is linked or waits.
        shown = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if wanted(&shown["row"]) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{shown}\n{}", world.place.log());
}

fn is_linked_with(zenskar: &str) -> impl Fn(&Value) -> bool {
    move |row| row["state"] == "linked" && row["zenskar"] == zenskar
}

#[tokio::test]
async fn a_duplicate_that_was_merged_in_zenskar_lets_go_of_its_customer() {
    let world = World::new().await;
    let merged = world.pairs(1).remove(0);
    let _daemon = world.linked(POLLING, 1).await;
    let theirs = json!({ "customer_name": "Ann" });
    let stays = world.sandbox.zenskar_create_customer(&theirs).unwrap();
    assert!(world.sandbox.map_customer(&stays, &merged.stripe));
    assert!(world.sandbox.zenskar_delete_customer(&merged.zenskar));
    let change = json!({ "name": "Ann" });
    assert!(
        world
            .sandbox
            .stripe_update_customer(&merged.stripe, &change)
    );
    let is_gone = |row: &Value| row["state"] == "deleted in zenskar";
    until_row(&world, &merged.stripe, is_gone).await;
    let change = json!({ "phone_number": "+49 30 1" });
    let changed = world.sandbox.zenskar_update_customer(&stays, &change);
    changed.unwrap();
    until_row(&world, &merged.stripe, is_linked_with(&stays)).await;
}

#[tokio::test]
async fn a_duplicate_that_was_merged_in_stripe_lets_go_of_its_customer() {
    let world = World::new().await;
    let merged = world.pairs(1).remove(0);
    let _daemon = world.linked(POLLING, 1).await;
    let stays = world
        .sandbox
        .stripe_create_customer(&json!({ "name": "Ann" }));
    assert!(world.sandbox.map_customer(&merged.zenskar, &stays));
    assert!(world.sandbox.stripe_delete_customer(&merged.stripe));
    until_row(&world, &stays, is_linked_with(&merged.zenskar)).await;
}

#[tokio::test]
async fn a_pair_that_a_person_took_apart_stands_in_no_other_pairs_way() {
    let world = World::new().await;
    let wrong = world.pairs(1).remove(0);
    let _daemon = world.linked(POLLING, 1).await;
    let theirs = json!({ "customer_name": "Ann" });
    let right = world.sandbox.zenskar_create_customer(&theirs).unwrap();
    assert!(world.sandbox.map_customer(&right, &wrong.stripe));
    let unlink = ["customers", "unlink", &wrong.stripe];
    assert!(world.output(&unlink).await.status.success());
    assert!(world.output(&["scan"]).await.status.success());
    until_row(&world, &wrong.stripe, is_linked_with(&right)).await;
}

#[tokio::test]
async fn a_mapping_to_a_deleted_customer_of_stripe_can_be_put_right() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(WEBHOOKS, 1).await;
    assert!(world.sandbox.stripe_delete_customer(&pair.stripe));
    let is_gone = |row: &Value| row["state"] == "deleted in stripe";
    until_row(&world, &pair.stripe, is_gone).await;
    let stays = world
        .sandbox
        .stripe_create_customer(&json!({ "name": "Ann" }));
    assert!(world.sandbox.map_customer(&pair.zenskar, &stays));
    assert!(world.output(&["scan"]).await.status.success());
    until_row(&world, &stays, is_linked_with(&pair.zenskar)).await;
}

#[tokio::test]
async fn metadata_that_name_nobody_leave_the_other_proofs_in_force() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    let _daemon = world.start().await;
    let ours = json!({ "metadata": { "zenstripe_zenskar_customer": "acme-42" } });
    let stripe = world.sandbox.stripe_create_customer(&ours);
    let waits = |status: &Value| status["queues"]["parked"] == 1;
    world.until_status(waits).await;
    let shown = world.json(&["customers", "show", &stripe]).await;
    let note = shown["row"]["note"].as_str().unwrap_or_default();
    assert!(note.contains("zenstripe_zenskar_customer"), "{shown}");
    assert_eq!(world.json(&["status"]).await["queues"]["dead"], 0);
    let theirs = json!({ "customer_name": "Ann", "external_id": stripe });
    let zenskar = world.sandbox.zenskar_create_customer(&theirs).unwrap();
    assert!(world.output(&["scan"]).await.status.success());
    until_row(&world, &stripe, is_linked_with(&zenskar)).await;
}
