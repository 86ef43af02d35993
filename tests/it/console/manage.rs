//! Manage: the file that the console edits is the operator's.

use crate::support::World;

const OFF: &str = "# Ours: do not touch.\n[customers] # who\n  sync = 'off'   # until March\n\n\
    # The end.\n[events]\npoll = \"off\"\n";

/// The review's page, and what its form carries.
async fn seen(visitor: &mut super::Visitor, query: &str) -> (String, String) {
    let path = format!("/integrations/stripe/manage/review?{query}");
    let page = visitor.page(&path).await;
    let seen = page
        .split_once("name=\"seen\" value=\"")
        .map(|(_, rest)| rest);
    let seen = seen
        .and_then(|rest| rest.split('"').next())
        .unwrap_or_default();
    (page.clone(), seen.to_owned())
}

#[tokio::test]
async fn sync_is_switched_on_in_the_file_and_in_force() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    world.configure(OFF);
    let _daemon = world.start().await;
    let mut visitor = world.visitor("admin").await;
    let chosen = "sync=import-only&fields=name&fields=email";
    let (page, key) = seen(&mut visitor, chosen).await;
    assert!(page.contains("From now on, what changes in Stripe is written to Zenskar"));
    let before = std::fs::read_to_string(world.place.config()).unwrap();
    let saved = visitor
        .post(
            "/integrations/stripe/manage",
            &format!("{chosen}&seen={key}"),
        )
        .await;
    assert_eq!(
        saved.header("location"),
        Some("/integrations/stripe"),
        "{saved:?}"
    );
    let after = std::fs::read_to_string(world.place.config()).unwrap();
    let expected = before.replace(
        "  sync = 'off'   # until March\n",
        "  sync = \"import-only\"   # until March\nfields = [\"name\", \"email\"]\n",
    );
    assert_eq!(after, expected);
    let card = visitor.page("/integrations/stripe").await;
    assert!(
        card.contains("Saved: customer sync is Import only."),
        "{card}"
    );
    world.until_status(|status| status["links"] == 1).await;
    world
        .sandbox
        .stripe_update_customer(&pair.stripe, &serde_json::json!({ "name": "Moved" }));
    world.until_zenskar(&pair, "customer_name", "Moved").await;
    let activity = visitor.page("/activity").await;
    assert!(activity.contains("Configuration changed") && activity.contains("customers.sync"));

    let (page, key) = seen(&mut visitor, "sync=off").await;
    assert!(page.contains("No change is written any more"));
    let saved = visitor
        .post(
            "/integrations/stripe/manage",
            &format!("sync=off&seen={key}"),
        )
        .await;
    assert_eq!(saved.status, 303);
    world.until_status(|status| status["sync"] == "off").await;
}

#[tokio::test]
async fn the_wizard_asks_for_the_type_and_then_for_the_fields() {
    let world = World::new().await;
    world.configure(OFF);
    let _daemon = world.start().await;
    let mut visitor = world.visitor("admin").await;
    let page = visitor.page("/integrations/stripe/manage").await;
    assert!(page.contains("Import and Export") && page.contains("Enable the Customers module"));
    let fields = visitor
        .page("/integrations/stripe/manage/fields?module=on&sync=import-only")
        .await;
    assert!(
        fields.contains("value=\"shipping.name\" checked"),
        "{fields}"
    );
    let none = visitor
        .get("/integrations/stripe/manage/review?sync=import-only")
        .await;
    let back = none.header("location").unwrap().to_owned();
    assert!(
        visitor
            .page(&back)
            .await
            .contains("Select one field at least.")
    );
}

#[tokio::test]
async fn a_file_that_changed_or_is_overruled_is_left_alone() {
    let world = World::new().await;
    world.configure(OFF);
    let _daemon = world.start().await;
    let mut visitor = world.visitor("admin").await;
    let chosen = "sync=export-only&fields=name";
    let (_, key) = seen(&mut visitor, chosen).await;
    let changed = world
        .place
        .config_text(OFF)
        .replace("# The end.", "# Another end.");
    world.place.put_config(&changed).unwrap();
    let refused = visitor
        .post(
            "/integrations/stripe/manage",
            &format!("{chosen}&seen={key}"),
        )
        .await;
    let back = refused.header("location").unwrap().to_owned();
    assert!(
        back.starts_with("/integrations/stripe/manage/review?sync=export-only"),
        "{back}"
    );
    assert!(
        visitor
            .page(&back)
            .await
            .contains("The file changed meanwhile; nothing was saved.")
    );
    assert_eq!(
        std::fs::read_to_string(world.place.config()).unwrap(),
        changed
    );

    // Two-way sync of nothing is no configuration.
    let (_, key) = seen(&mut visitor, chosen).await;
    let drop_ins = world.place.directory.join("zenstripe.d");
    std::fs::create_dir(&drop_ins).unwrap();
    std::fs::write(
        drop_ins.join("10-sync.toml"),
        "[customers]\nsync = \"import-only\"\n",
    )
    .unwrap();
    let (page, _) = seen(&mut visitor, chosen).await;
    assert!(page.contains("10-sync.toml:2 sets it"), "{page}");
    let refused = visitor
        .post(
            "/integrations/stripe/manage",
            &format!("{chosen}&seen={key}"),
        )
        .await;
    assert_eq!(refused.status, 303);
    assert_eq!(
        std::fs::read_to_string(world.place.config()).unwrap(),
        changed
    );
    std::fs::write(drop_ins.join("10-sync.toml"), "[customers\n").unwrap();
    let broken = visitor.get("/integrations/stripe/manage").await;
    assert_eq!(broken.status, 503, "{broken:?}");
    assert!(broken.body.contains("orrect the file first"), "{broken:?}");
}
