//! The search box of the console: ids of every kind, and addresses of e-mail.

use crate::support::{WEBHOOKS, World};
use serde_json::json;
use zenstripe_sandbox::{Fault, FaultKind, Remote};

#[tokio::test]
async fn an_id_leads_to_its_page() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(WEBHOOKS, 1).await;
    let patch = json!({ "name": "Renamed" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world.until_zenskar(&pair, "customer_name", "Renamed").await;
    let events = world.json(&["events", "list"]).await;
    let event = events["rows"][0]["id"].as_str().unwrap().to_owned();
    let customer = format!("/customers/{}", pair.stripe);
    let mut viewer = world.visitor("viewer").await;
    for (sought, page) in [
        (event.clone(), format!("/events/{event}")),
        (pair.stripe.clone(), customer.clone()),
        (format!("++{}+", pair.zenskar), customer),
    ] {
        let found = viewer.post("/search", &format!("q={sought}")).await;
        assert_eq!(
            (found.status, found.header("location")),
            (303, Some(page.as_str())),
            "{sought}"
        );
        assert_eq!(viewer.get(&page).await.status, 200);
    }
    for nothing in ["1", "evt_none", "cus_%3Cb%3E", "two+words", "a%2Fb"] {
        let page = viewer.post("/search", &format!("q={nothing}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        assert!(page.body.contains("Nothing here has the id"), "{page:?}");
        assert!(page.body.contains("What can be searched for"), "{page:?}");
        assert!(!page.body.contains("cus_<b>"), "{page:?}");
    }
    let blank = viewer.post("/search", "q=+").await;
    assert!(blank.status == 200 && !blank.body.contains("Nothing here"));
    assert!(viewer.page("/search").await.contains("evt_…"));
    // Every page has the box, and no address of a page says what was sought.
    let page = viewer.page("/customers").await;
    assert!(
        page.contains("<form method=\"post\" action=\"/search\""),
        "{page}"
    );
    let refused = viewer.post("/search", "q=ann%40example.com").await;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(
        refused.body.contains("Viewers do not see addresses"),
        "{refused:?}"
    );
    assert!(!viewer.page("/").await.contains("or e-mail"));
}

#[tokio::test]
async fn an_address_of_e_mail_leads_to_who_has_it() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(WEBHOOKS, 1).await;
    let address = world.sandbox.stripe_customer(&pair.stripe)["email"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut operator = world.visitor("operator").await;
    let sought = format!("q={address}");
    let one = operator.post("/search", &sought).await;
    let page = format!("/customers/{}", pair.stripe);
    assert_eq!(one.header("location"), Some(page.as_str()), "{one:?}");

    let other = world
        .sandbox
        .stripe_create_customer(&json!({ "name": "<b>Twin", "email": address }));
    let two = operator.post("/search", &sought).await;
    assert_eq!(two.status, 200, "{two:?}");
    for part in [
        page.as_str(),
        &other,
        "&#60;b&#62;Twin",
        "In Stripe",
        "In Zenskar",
        &format!("/customers/{other}/candidates"),
    ] {
        assert!(two.body.contains(part), "{part}: {two:?}");
    }
    assert!(!two.body.contains("<b>Twin"), "{two:?}");

    let nobody = operator.post("/search", "q=nobody@example.com").await;
    assert!(
        nobody
            .body
            .contains("Nobody has the address <b>nobody@example.com</b>"),
        "{nobody:?}"
    );
    let refuse = Fault::next(Remote::Zenskar, FaultKind::Refuse { status: 422 });
    let refuse = refuse.method("GET").prefix("/customers").times(10_000);
    let _id = world.sandbox.order_fault(refuse);
    for sought in [sought.as_str(), "q=nobody@example.com"] {
        let silent = operator.post("/search", sought).await;
        assert!(silent.body.contains("Zenskar did not say"), "{silent:?}");
        assert!(!silent.body.contains("Nobody has"), "{silent:?}");
    }
    world.sandbox.clear_faults();
    assert_eq!(operator.post("/search", "q=ann%40").await.status, 400);

    // What was sought is kept nowhere.
    let log = world.place.log();
    let activity = operator.json("/activity").await.to_string();
    for address in [address.as_str(), "nobody@", "nobody%40"] {
        assert!(!log.contains(address), "{log}");
        assert!(!activity.contains(address), "{activity}");
    }
}

#[tokio::test]
async fn a_customer_of_zenskar_that_waits_has_a_page() {
    let world = World::new().await;
    world.sandbox.switch(|s| s.zenskar.null_for_unmapped = true);
    let _daemon = world
        .linked(
            "[customers]\nsync = \"export-only\"\n[events]\npoll = \"1s\"\n",
            0,
        )
        .await;
    let alone = json!({ "customer_name": "Zoe", "email": "zoe@example.com" });
    let id = world.sandbox.zenskar_create_customer(&alone).unwrap();
    world
        .until_status(|status| status["queues"]["parked"] == 1)
        .await;
    let mut operator = world.visitor("operator").await;
    let page = format!("/customers/{id}");
    for sought in [id.as_str(), "zoe@example.com"] {
        let found = operator.post("/search", &format!("q={sought}")).await;
        assert_eq!(found.header("location"), Some(page.as_str()), "{found:?}");
    }
    let shown = operator.page(&page).await;
    assert!(
        shown.contains("once the partner in Stripe is known here"),
        "{shown}"
    );
}
