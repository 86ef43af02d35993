//! The pages, through their own forms: connect, customers, conflicts, plans, dead letters.

use super::Visitor;
use crate::connect::Reach;
use crate::creation::{ann, created_in};
use crate::decisions::in_conflict;
use crate::support::daemon::Daemon;
use crate::support::{POLLING, Pair, WEBHOOKS, World};
use serde_json::json;
use zenstripe_sandbox::{ACCOUNT, Fault, FaultKind, Remote};

/// Nothing that came from outside may be markup.
const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&";

#[tokio::test]
async fn an_account_is_connected_from_the_card_and_disconnected() {
    let world = World::new().await;
    world.configure_oauth(POLLING, Reach::Public, None);
    let _daemon = world.start().await;
    let mut visitor = world.visitor("admin").await;
    let card = visitor.page("/integrations/stripe").await;
    assert!(card.contains("Not connected") && card.contains("<button class=\"main\">Connect"));
    let redirect = format!(
        "http://127.0.0.1:{}/oauth/stripe/callback",
        world.place.port
    );
    assert!(
        card.contains(&redirect) && card.contains("invalid_redirect_uri"),
        "{card}"
    );

    let leaving = visitor.post("/integrations/stripe/connect", "").await;
    assert_eq!(leaving.status, 200, "{leaving:?}");
    let (_, rest) = leaving.body.split_once("content=\"0;url=").unwrap();
    let url = rest.split('"').next().unwrap().replace("&#38;", "&");
    let card = visitor.page("/integrations/stripe").await;
    assert!(!card.contains("ticket="), "the ticket is on no other page");
    let mut browser = crate::support::browser::Browser::default();
    let page = browser.connect(&url, ACCOUNT).await.unwrap();
    let back = format!("href=\"{}/integrations/stripe\"", visitor.base);
    assert!(
        page.body.contains("is connected") && page.body.contains(&back),
        "{page:?}"
    );

    let card = visitor.page("/integrations/stripe").await;
    assert!(
        card.contains("</svg>Connected</p>") && card.contains(ACCOUNT),
        "{card}"
    );
    let json = visitor.json("/integrations/stripe").await;
    assert_eq!(json["connection"]["account"], ACCOUNT);
    assert!(json["connection"]["since"].is_string());
    let ask = visitor.page("/integrations/stripe/disconnect").await;
    assert!(ask.contains("Disconnect Stripe?"));
    let done = visitor.post("/integrations/stripe/disconnect", "").await;
    assert_eq!(done.header("location"), Some("/integrations/stripe"));
    let card = visitor.page("/integrations/stripe").await;
    assert!(
        card.contains("a person disconnected the account here")
            || card.contains("A person disconnected the account here"),
        "{card}"
    );
    // Told once.
    assert!(
        card.contains("role=\"status\"") && card.contains("is disconnected"),
        "{card}"
    );
    let again = visitor.page("/integrations/stripe").await;
    assert!(!again.contains("class=\"note good\""));
    let history = visitor.page("/activity").await;
    assert!(history.contains("Connected") && history.contains("Disconnected"));
    assert!(history.contains("Ann Lee"));
}

/// A customer with a name that would be markup.
async fn hostile() -> (World, Pair, Daemon) {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let daemon = world.linked(WEBHOOKS, 1).await;
    world
        .sandbox
        .stripe_update_customer(&pair.stripe, &json!({ "name": HOSTILE }));
    world.until_zenskar(&pair, "customer_name", HOSTILE).await;
    world
        .until_status(|status| status["queues"]["outbox"] == 0)
        .await;
    (world, pair, daemon)
}

#[tokio::test]
async fn customers_are_found_and_shown_and_what_they_are_called_is_text() {
    let (world, pair, _daemon) = hostile().await;
    let mut operator = world.visitor("operator").await;
    let path = format!("/customers/{}", pair.stripe);
    for page in ["/customers", &path, "/activity"] {
        let shown = operator.page(page).await;
        assert!(
            !shown.contains("<script>alert") && !shown.contains("<img"),
            "{page}: {shown}"
        );
        assert!(
            page == "/activity" || shown.contains("&#60;script&#62;alert(1)"),
            "{page}: {shown}"
        );
    }
    let json = operator.json(&path).await;
    assert_eq!(json["row"]["name"], HOSTILE);

    let ask = operator.page(&format!("{path}/unlink")).await;
    assert!(ask.contains("Take the link apart?"));
    let taken = operator.post(&format!("{path}/unlink"), "").await;
    assert_eq!(taken.status, 303);
    assert!(operator.page(&path).await.contains("unlinked by a person"));
    let candidates = operator.page(&format!("{path}/candidates")).await;
    assert!(
        candidates.contains("Who may be its partner"),
        "{candidates}"
    );
    let linked = operator
        .post(
            &format!("{path}/link"),
            &format!("zenskar={}", pair.zenskar),
        )
        .await;
    assert_eq!(linked.status, 303);
    let shown = operator.page(&path).await;
    assert!(shown.contains("Take the link apart"), "{shown}");
    let entry = world.json(&["customers", "show", &pair.stripe]).await;
    assert!(
        entry["history"].to_string().contains("\"who\":\"Ann Lee\""),
        "{entry}"
    );
}

#[tokio::test]
async fn viewers_see_no_values_and_decide_nothing() {
    let (world, pair, _daemon) = hostile().await;
    let path = format!("/customers/{}", pair.stripe);
    let mut operator = world.visitor("operator").await;
    let mut viewer = world.visitor("viewer").await;
    for page in ["/customers", &path, "/activity", "/conflicts", "/plan"] {
        let shown = viewer.page(page).await;
        assert!(
            !shown.contains("alert(1)") && !shown.contains("action=\"/customers/"),
            "{page}: {shown}"
        );
        let json = viewer.json(page).await.to_string();
        assert!(!json.contains("alert(1)"), "{page}: {json}");
    }
    for (path, body) in [
        (format!("{path}/unlink"), ""),
        (
            format!("/conflicts/{}", pair.stripe),
            "field=name&take=stripe",
        ),
        ("/plan/apply".to_owned(), "hash=x&count=1&expected=1"),
        ("/events/dead/retry".to_owned(), "all=true"),
        ("/events/dead/1/drop".to_owned(), ""),
        ("/integrations/stripe/connect".to_owned(), ""),
        ("/integrations/stripe/manage".to_owned(), "sync=off&seen=x"),
    ] {
        let refused = viewer.post(&path, body).await;
        assert_eq!(refused.status, 403, "{path}: {refused:?}");
        assert!(refused.body.contains("This takes the role"), "{refused:?}");
    }
    let refused = operator
        .post("/integrations/stripe/manage", "sync=off&seen=x")
        .await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn a_conflict_is_decided_and_taken_back_in_the_console() {
    let (world, pair, _daemon) = in_conflict().await;
    let mut visitor = world.visitor("operator").await;
    let list = visitor.page("/conflicts").await;
    assert!(
        list.contains("From Stripe") && list.contains("Both sides changed it"),
        "{list}"
    );
    let path = format!("/conflicts/{}", pair.stripe);
    let sides = visitor.page(&path).await;
    assert!(
        sides.contains("Take Stripe’s") && sides.contains("From Zenskar"),
        "{sides}"
    );
    let unsaid = visitor.post(&path, "field=name").await;
    assert_eq!(unsaid.status, 400, "{unsaid:?}");
    let decided = visitor
        .post(&path, "field=name&take=value&value=Typed")
        .await;
    assert_eq!(decided.status, 303, "{decided:?}");
    world.until_stripe(&pair, "/name", "Typed").await;
    world.until_zenskar(&pair, "customer_name", "Typed").await;
    world
        .until_status(|status| status["differences"] == json!({}))
        .await;
    assert!(
        visitor
            .page(&path)
            .await
            .contains("Nothing differs any more")
    );
    assert!(
        visitor
            .page("/activity/runs")
            .await
            .contains("A conflict was decided")
    );
    let run = visitor.page("/activity/runs/1").await;
    assert!(
        run.contains("<del>From Stripe</del>") && run.contains("Take it back"),
        "{run}"
    );
    assert!(
        visitor
            .page("/activity/runs/1/undo")
            .await
            .contains("Take run 1 back?")
    );
    let undone = visitor.post("/activity/runs/1/undo", "").await;
    assert_eq!(undone.header("location"), Some("/activity/runs/2"));
    world.until_stripe(&pair, "/name", "From Stripe").await;
    world
        .until_zenskar(&pair, "customer_name", "From Zenskar")
        .await;
}

#[tokio::test]
async fn a_plan_is_applied_by_whoever_types_its_count() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let patch = json!({ "customer_name": "Old here" });
    world
        .sandbox
        .zenskar_update_customer(&pair.zenskar, &patch)
        .unwrap();
    let _daemon = world.linked(WEBHOOKS, 1).await;
    world
        .until_status(|status| status["differences"] == json!({ "no-base": 1 }))
        .await;
    let mut visitor = world.visitor("operator").await;
    let plan = visitor.page("/plan").await;
    assert!(
        plan.contains("Type the number of changes, 1, to write them"),
        "{plan}"
    );
    let hash = visitor.json("/plan").await["hash"]
        .as_str()
        .unwrap()
        .to_owned();
    let form = |count: &str| format!("hash={hash}&expected=1&count={count}");
    let slip = visitor.post("/plan/apply", &form("7")).await;
    assert_eq!(slip.header("location"), Some("/plan"));
    assert!(
        visitor
            .page("/plan")
            .await
            .contains("is not the number of changes")
    );
    assert_eq!(world.in_zenskar(&pair, "customer_name"), "Old here");
    let applied = visitor.post("/plan/apply", &form("1")).await;
    assert_eq!(
        applied.header("location"),
        Some("/activity/runs/1"),
        "{applied:?}"
    );
    let name = world.sandbox.stripe_customer(&pair.stripe)["name"]
        .as_str()
        .unwrap()
        .to_owned();
    world.until_zenskar(&pair, "customer_name", &name).await;
    world
        .until_status(|status| status["differences"] == json!({}))
        .await;
    assert!(visitor.page("/plan").await.contains("Nothing differs"));
}

#[tokio::test]
async fn a_dead_letter_is_tried_again() {
    let (world, _daemon) = created_in("both").await;
    let mut visitor = world.visitor("operator").await;
    assert!(
        visitor
            .page("/events/dead")
            .await
            .contains("No dead letters")
    );
    let refuse = Fault::next(Remote::Zenskar, FaultKind::Refuse { status: 422 });
    let _id = world
        .sandbox
        .order_fault(refuse.method("POST").prefix("/customers"));
    world.sandbox.stripe_create_customer(&ann());
    world
        .until_status(|status| status["queues"]["dead"] == 1)
        .await;
    let page = visitor.page("/events/dead").await;
    assert!(
        page.contains("status 422") && page.contains("Try again"),
        "{page}"
    );
    let unsaid = visitor.post("/events/dead/retry", "").await;
    assert_eq!(unsaid.status, 400, "{unsaid:?}");
    let retried = visitor.post("/events/dead/retry", "number=1").await;
    assert_eq!(retried.header("location"), Some("/events/dead"));
    world.until_status(|status| status["links"] == 1).await;
    assert!(
        visitor
            .page("/events/dead")
            .await
            .contains("No dead letters")
    );
}

#[tokio::test]
async fn dead_letters_of_one_reason_are_tried_again_together() {
    let (world, _daemon) = created_in("both").await;
    let mut visitor = world.visitor("operator").await;
    for (dead, status) in [(1, 422), (2, 422), (3, 400)] {
        let refuse = Fault::next(Remote::Zenskar, FaultKind::Refuse { status });
        let refuse = refuse.method("POST").prefix("/customers");
        let _id = world.sandbox.order_fault(refuse);
        let email = format!("ann{dead}@example.com");
        let customer = json!({ "name": format!("Ann {dead}"), "email": email });
        world.sandbox.stripe_create_customer(&customer);
        world
            .until_status(|status| status["queues"]["dead"] == dead)
            .await;
    }
    let page = visitor.page("/events/dead").await;
    let (reasons, one_by_one) = page.split_once("One by one").unwrap();
    let reason = reasons.split("name=\"reason\" value=\"").nth(1).unwrap();
    let reason = reason.split('"').next().unwrap();
    assert!(
        reason.contains("status 422"),
        "the most frequent first: {reasons}"
    );
    assert_eq!(one_by_one.matches("status 422").count(), 2, "{one_by_one}");
    let none = visitor.post("/events/dead/retry", "reason=another").await;
    assert_eq!(none.status, 303);
    let form = format!("reason={}", reason.replace(' ', "+"));
    let retried = visitor.post("/events/dead/retry", &form).await;
    assert_eq!(retried.header("location"), Some("/events/dead"));
    world.until_status(|status| status["links"] == 2).await;
    let page = visitor.page("/events/dead").await;
    assert!(page.contains("2 tried again"), "{page}");
    assert!(
        page.contains("status 400") && !page.contains("By reason"),
        "{page}"
    );
}

/// Every page, as JSON too.
#[tokio::test]
async fn every_page_has_a_json_twin_and_no_page_is_large() {
    let world = World::new().await;
    let pair = world.pairs(60).remove(0);
    let _daemon = world.linked(POLLING, 60).await;
    let mut visitor: Visitor = world.visitor("admin").await;
    let customer = format!("/customers/{}", pair.stripe);
    for path in [
        "/",
        "/integrations/stripe",
        "/integrations/stripe/manage",
        "/integrations/stripe/manage/fields?sync=import-only",
        "/integrations/stripe/manage/review?sync=off",
        "/customers",
        "/customers?which=differing",
        &customer,
        "/conflicts",
        "/conflicts?all=true",
        "/plan",
        "/activity",
        "/activity/runs",
        "/events",
        "/events?type=customer.&state=done",
        "/events/dead",
        "/events/dropped",
        "/invoices",
        "/charges",
        "/payments",
        "/freeze",
        "/search",
    ] {
        let page = visitor.page(path).await;
        assert!(
            page.contains("<h1>") && page.len() < 40_000,
            "{path}: {}",
            page.len()
        );
        assert!(visitor.json(path).await.is_object(), "{path}");
    }
    let first = visitor.json("/customers").await;
    let next = first["next"].as_str().unwrap();
    assert_eq!(first["rows"].as_array().unwrap().len(), 50);
    let second = visitor.json(&format!("/customers?after={next}")).await;
    assert_eq!(second["rows"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn the_whole_history_of_a_customer_is_there_page_by_page() {
    let (world, pair, _daemon) = in_conflict().await;
    let mut visitor = world.visitor("operator").await;
    let id = &pair.stripe;
    for _ in 0..30 {
        let unlinked = visitor.post(&format!("/customers/{id}/unlink"), "").await;
        assert_eq!(unlinked.status, 303);
        let zenskar = format!("zenskar={}", pair.zenskar);
        let linked = visitor
            .post(&format!("/customers/{id}/link"), &zenskar)
            .await;
        assert_eq!(linked.status, 303);
    }
    let page = visitor.page(&format!("/customers/{id}")).await;
    assert!(page.contains("All that was done about this customer"));
    let first = format!("/customers/{id}/history");
    let seen = visitor.json(&first).await;
    assert_eq!(seen["rows"].as_array().unwrap().len(), 50);
    let page = visitor.page(&first).await;
    let next = seen["next"].as_str().unwrap();
    let next = format!("{first}?after={next}");
    assert!(
        page.contains(&next.replace('=', "&#61;")) || page.contains(&next),
        "{page}"
    );
    let rest = visitor.json(&next).await;
    let rows = rest["rows"].as_array().unwrap();
    let about = format!("customer/{id}");
    assert!(rows.iter().all(|row| row["subject"] == about), "{rest}");
    let first_act = rows.last().unwrap();
    assert_eq!(first_act["what"], "customer linked", "{rest}");
    assert_eq!(first_act["who"], "engine");
    assert_eq!(
        visitor.get("/customers/cus_nobody/history").await.status,
        404
    );
}

#[tokio::test]
async fn the_system_says_what_runs_under_which_configuration_and_what_is_on_its_way() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(POLLING, 1).await;
    let mut viewer = world.visitor("viewer").await;
    let page = viewer.page("/system/outbox").await;
    assert!(page.contains("Nothing is on its way"), "{page}");
    let refuse = Fault::next(Remote::Zenskar, FaultKind::Refuse { status: 500 });
    let refuse = refuse.method("PATCH").prefix("/customers").times(10_000);
    let _id = world.sandbox.order_fault(refuse);
    let patch = json!({ "name": "On its way" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world
        .until_status(|status| status["queues"]["outbox"] == 1)
        .await;
    let page = viewer.page("/system").await;
    assert!(
        page.contains(env!("CARGO_PKG_VERSION")) && page.contains("Reads of Stripe in 30 days")
    );
    assert!(!page.contains("/system/configuration"), "{page}");
    assert_eq!(viewer.get("/system/configuration").await.status, 403);
    world
        .until_status(|status| status["zenskar"]["last_error"].is_object())
        .await;
    let seen = viewer.json("/system").await;
    assert_eq!(seen["zenskar"]["last_error"]["message"], "hidden", "{seen}");
    let outbox = viewer.json("/system/outbox").await;
    assert_eq!(outbox["rows"][0]["stripe"], pair.stripe, "{outbox}");
    assert_eq!(outbox["rows"][0]["target"], "zenskar", "{outbox}");
    assert_eq!(outbox["rows"][0]["fields"], json!(["name"]), "{outbox}");
    let page = viewer.page("/system/outbox").await;
    assert!(
        page.contains(&pair.stripe) && !page.contains("On its way</"),
        "{page}"
    );

    let mut admin = world.visitor("admin").await;
    let page = admin.page("/system/configuration").await;
    assert!(
        page.contains("customers.sync") && page.contains("zenstripe.toml:"),
        "{page}"
    );
    let broken = world.place.config_text("[customers]\nsink = \"off\"\n");
    world.place.put_config(&broken).unwrap();
    world
        .until_status(|status| status["daemon"]["config"]["refused"].is_string())
        .await;
    let page = admin.page("/system/configuration").await;
    assert!(
        page.contains("were refused") && page.contains("sink"),
        "{page}"
    );
}
