//! The console in a real browser: what people click, with a keyboard alone, without scripts; and that
//! every page holds to the policy, to its origin and to WCAG.

mod driver;

use crate::charge::{charging_with, invoice, open_invoices, until_stages};
use crate::connect::Reach;
use crate::console::letters::many;
use crate::console::money::taken_and_not_booked;
use crate::creation::{ann, created_in};
use crate::decisions::in_conflict;
use crate::support::{POLLING, World};
use driver::{Chromium, ENTER, SPACE, TAB};
use serde_json::{Value, json};
use std::path::Path;
use zenstripe_sandbox::{Fault, FaultKind, Remote};

impl World {
    /// A browser whose user is signed in.
    async fn signed_in(&self, role: &str) -> (Chromium, String) {
        let browser = Chromium::start().await;
        let base = self.sign_in(&browser, role).await;
        (browser, base)
    }

    async fn sign_in(&self, browser: &Chromium, role: &str) -> String {
        let login = self
            .json(&["console", "--role", role, "--for", "Ann Lee"])
            .await;
        browser.open(login["url"].as_str().unwrap()).await;
        browser.press("Sign in").await;
        browser.says("Signed in as Ann Lee").await;
        self.console().await
    }
}

#[tokio::test]
async fn the_account_is_connected_through_stripes_pages() {
    let world = World::new().await;
    world.configure_oauth(POLLING, Reach::Public, None);
    let _daemon = world.start().await;
    let (browser, base) = world.signed_in("admin").await;
    assert!(
        !browser.url().await.contains("token"),
        "{}",
        browser.url().await
    );
    browser.press("Integrations").await;
    browser.says("Not connected").await;
    browser.press("Connect").await;
    // Stripe's own page, as the sandbox has it.
    browser.says("acct_").await;
    assert!(browser.url().await.contains("/oauth/authorize"));
    browser.press("Connect").await;
    browser.says("is connected").await;
    browser.press("Back to the console").await;
    browser.says("Connected").await;
    assert_eq!(browser.url().await, format!("{base}/integrations/stripe"));
    world.until_connection("connected").await;

    browser.press("Disconnect").await;
    browser.says("Disconnect Stripe?").await;
    browser.press("Disconnect").await;
    browser.says("Disconnected").await;
    world.until_connection("disconnected").await;
}

#[tokio::test]
async fn customer_sync_is_switched_on_in_three_pages() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    world.configure("[customers]\nsync = \"off\" # not yet\n[events]\npoll = \"1s\"\n");
    let _daemon = world.start().await;
    let (browser, _) = world.signed_in("admin").await;
    browser.press("Choose what is synced").await;
    browser.says("Enable the Customers module").await;
    browser.press("Enabled").await;
    browser.press("Import and Export").await;
    browser.press("Next").await;
    browser.says("Fields that are synced").await;
    for field in [
        "Shipping: name",
        "Shipping: phone",
        "Shipping: address",
        "locale",
        "Tax ids",
    ] {
        browser.press(field).await;
    }
    browser.press("Next").await;
    let review = browser.says("What will change").await;
    assert!(
        review.contains("fields = [\"name\", \"email\", \"phone\", \"address\"]"),
        "{review}"
    );
    browser.press("Save").await;
    browser
        .says("Saved: customer sync is Import and Export.")
        .await;
    world.until_status(|status| status["links"] == 1).await;
    let file = std::fs::read_to_string(world.place.config()).unwrap();
    assert!(
        file.contains("sync = \"import-and-export\" # not yet"),
        "{file}"
    );
    let patch = json!({ "customer_name": "Both ways" });
    world
        .sandbox
        .zenskar_update_customer(&pair.zenskar, &patch)
        .unwrap();
    world.until_stripe(&pair, "/name", "Both ways").await;
}

#[tokio::test]
async fn a_conflict_is_decided_by_keyboard_alone() {
    let (world, pair, _daemon) = in_conflict().await;
    let (browser, base) = world.signed_in("operator").await;
    browser
        .open(&format!("{base}/conflicts/{}", pair.stripe))
        .await;
    browser.painted().await;
    browser.key(TAB).await;
    assert_eq!(focus(&browser).await, "Skip to the content");
    let mut passed = Vec::new();
    while !focus(&browser).await.starts_with("Take Zenskar") {
        passed.push(focus(&browser).await);
        assert!(passed.len() < 40, "{passed:?}");
        let seen = browser
            .run("return getComputedStyle(document.activeElement).outlineStyle")
            .await;
        assert_ne!(seen, "none", "the focus is seen: {passed:?}");
        browser.key(TAB).await;
    }
    browser.key(ENTER).await;
    browser.says("You decided about name").await;
    world.until_stripe(&pair, "/name", "From Zenskar").await;
}

async fn focus(browser: &Chromium) -> String {
    let text = browser
        .run("return document.activeElement.textContent.trim()")
        .await;
    text.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn everything_works_without_scripts() {
    let (world, pair, _daemon) = in_conflict().await;
    let browser = Chromium::start().await;
    browser.without_scripts().await;
    let base = world.sign_in(&browser, "operator").await;
    browser.press("Conflicts").await;
    browser.says("Both sides changed it").await;
    browser.press(&pair.stripe).await;
    browser.press("Neither: type the right value").await;
    browser.fill("value", "Typed by hand").await;
    browser.press("Write this to both").await;
    browser.says("You decided about name").await;
    world.until_stripe(&pair, "/name", "Typed by hand").await;
    world
        .until_status(|status| status["differences"] == json!({}))
        .await;
    browser.press("Dark").await;
    browser.says("The console is dark.").await;
    browser.press("Sign out").await;
    browser.says("On the machine that runs zenstripe").await;
    browser.open(&format!("{base}/customers")).await;
    browser.says("On the machine that runs zenstripe").await;
}

#[tokio::test]
async fn another_sites_form_and_an_ended_session_change_nothing() {
    let (world, pair, _daemon) = in_conflict().await;
    let (browser, base) = world.signed_in("operator").await;
    let path = format!("{base}/conflicts/{}", pair.stripe);
    browser
        .open(&format!(
            "data:text/html,<form method=post action='{path}'><input name=field value=name>\
             <button name=take value=stripe>Win a prize</button></form>"
        ))
        .await;
    browser.press("Win a prize").await;
    browser
        .says("This was not sent by a page of the console.")
        .await;
    browser.open(&path).await;
    browser.says("From Zenskar").await;
    browser.delete_cookies().await;
    browser.press("Take Stripe").await;
    browser.says("On the machine that runs zenstripe").await;
    let conflicts = world.json(&["conflicts", "list"]).await;
    assert_eq!(conflicts["rows"].as_array().unwrap().len(), 1);
    assert_eq!(conflicts["rows"][0]["decided_in"], Value::Null);
}

#[tokio::test]
async fn figures_move_while_the_page_is_open() {
    let world = World::new().await;
    let _daemon = world.linked(POLLING, 0).await;
    let (browser, _) = world.signed_in("viewer").await;
    browser.says("First steps").await;
    world.pairs(2);
    world.json(&["scan"]).await;
    world.until_status(|status| status["links"] == 2).await;
    for _ in 0..200 {
        let links = browser
            .run("return document.querySelector('[data-live=links]').textContent")
            .await;
        if links == "2" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{}", browser.text().await);
}

/// A page that is looked at, and the name of its picture.
type Look = (&'static str, String);

async fn looks(world: &World, stripe: &str) -> Vec<Look> {
    let pages = [
        ("overview", "/".to_owned()),
        ("stripe", "/integrations/stripe".to_owned()),
        ("manage", "/integrations/stripe/manage".to_owned()),
        (
            "fields",
            "/integrations/stripe/manage/fields?sync=import-only".to_owned(),
        ),
        (
            "review",
            "/integrations/stripe/manage/review?sync=import-only&fields=name&fields=email"
                .to_owned(),
        ),
        ("customers", "/customers".to_owned()),
        ("nobody", "/customers?which=deleted".to_owned()),
        ("customer", format!("/customers/{stripe}")),
        ("history", format!("/customers/{stripe}/history")),
        ("unlink", format!("/customers/{stripe}/unlink")),
        ("candidates", format!("/customers/{stripe}/candidates")),
        ("conflicts", "/conflicts".to_owned()),
        ("conflict", format!("/conflicts/{stripe}")),
        ("plan", "/plan".to_owned()),
        ("activity", "/activity".to_owned()),
        ("access", "/access".to_owned()),
        ("runs", "/activity/runs".to_owned()),
        ("events", "/events".to_owned()),
        ("no-events", "/events?type=invoice.&state=dead".to_owned()),
        ("dead", "/events/dead".to_owned()),
        ("dropped", "/events/dropped".to_owned()),
        ("invoices", "/invoices".to_owned()),
        ("charges", "/charges".to_owned()),
        ("nothing-due", "/charges/new?due=all".to_owned()),
        ("payments", "/payments".to_owned()),
        ("freeze", "/freeze".to_owned()),
        ("search", "/search".to_owned()),
        ("system", "/system".to_owned()),
        ("configuration", "/system/configuration".to_owned()),
        ("outbox", "/system/outbox".to_owned()),
        ("missing", "/nothing".to_owned()),
    ];
    let base = world.console().await;
    pages
        .into_iter()
        .map(|(name, path)| (name, format!("{base}{path}")))
        .collect()
}

/// The program that knows WCAG.
fn axe() -> String {
    let axe =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/axe/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(axe)
        .unwrap_or_else(|error| panic!("axe-core, which tests/run installs: {error}"))
}

#[tokio::test]
async fn every_page_holds_to_the_policy_to_its_origin_and_to_wcag() {
    let axe = axe();
    let (world, pair, _daemon) = in_conflict().await;
    let (browser, base) = world.signed_in("admin").await;
    let ci = ["token", "create", "--role", "viewer", "--name", "ci"];
    assert!(world.output(&ci).await.status.success());
    let mut looks = looks(&world, &pair.stripe).await;
    browser.requests().await;
    let mut wrong = Vec::new();
    for scheme in ["light", "dark"] {
        browser.scheme(scheme).await;
        for (name, url) in &looks {
            browser.open(url).await;
            look(&browser, &axe, &format!("{name}-{scheme}"), &mut wrong).await;
        }
    }
    browser.open(&format!("{base}/access")).await;
    browser.fill("name", "nightly-report").await;
    browser.press("Make the token").await;
    browser.says("Copy it now").await;
    look(&browser, &axe, "made-dark", &mut wrong).await;
    let foreign = |url: &String| !url.starts_with(&format!("{base}/"));
    let left: Vec<String> = browser
        .requests()
        .await
        .into_iter()
        .filter(foreign)
        .collect();
    assert!(left.is_empty(), "{left:?}");
    browser.delete_cookies().await;
    looks = vec![("login", format!("{base}/login"))];
    for (name, url) in looks {
        browser.open(&url).await;
        look(&browser, &axe, &format!("{name}-dark"), &mut wrong).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Pages that a form leads to, and those about something that was given up.
#[tokio::test]
async fn what_forms_lead_to_holds_to_the_same() {
    let axe = axe();
    let (world, _daemon) = created_in("both").await;
    let refuse = Fault::next(Remote::Zenskar, FaultKind::Refuse { status: 422 });
    let refuse = refuse.method("POST").prefix("/customers");
    let _id = world.sandbox.order_fault(refuse);
    world.sandbox.stripe_create_customer(&ann());
    world
        .until_status(|status| status["queues"]["dead"] == 1)
        .await;
    let twin = json!({ "name": "Ann Lee of the other office", "email": "ann@example.com" });
    world.sandbox.stripe_create_customer(&twin);
    world
        .until_status(|status| status["queues"]["inbox"] == 0 && status["queues"]["work"] == 0)
        .await;
    let events = world.json(&["events", "list"]).await;
    let event = events["rows"][0]["id"].as_str().unwrap();
    let (browser, base) = world.signed_in("operator").await;
    let mut wrong = Vec::new();
    for scheme in ["light", "dark"] {
        browser.scheme(scheme).await;
        for (name, path) in [
            ("letters", "/events/dead".to_owned()),
            ("drop", "/events/dead/1/drop".to_owned()),
            ("event", format!("/events/{event}")),
        ] {
            browser.open(&format!("{base}{path}")).await;
            look(&browser, &axe, &format!("{name}-{scheme}"), &mut wrong).await;
        }
        browser.open(&format!("{base}/events/dead/1/drop")).await;
        browser.press("Drop it").await;
        browser.says("1 dropped").await;
        browser.open(&format!("{base}/events/dropped")).await;
        look(&browser, &axe, &format!("dropped-{scheme}"), &mut wrong).await;
        browser.press("Take back").await;
        browser.says("1 taken back").await;
        browser.open(&format!("{base}/events/{event}")).await;
        browser.press("Show the payload").await;
        browser.says("That you looked at it").await;
        look(&browser, &axe, &format!("payload-{scheme}"), &mut wrong).await;
        browser.search("cus_nobody").await;
        browser.says("Nothing here has the id cus_nobody").await;
        look(&browser, &axe, &format!("nothing-{scheme}"), &mut wrong).await;
        browser.search("ann@example.com").await;
        browser.says("Who has the address ann@example.com").await;
        look(&browser, &axe, &format!("found-{scheme}"), &mut wrong).await;
        let refuse = Fault::next(Remote::Zenskar, FaultKind::Refuse { status: 422 });
        let refuse = refuse.method("GET").prefix("/customers").times(10_000);
        let _id = world.sandbox.order_fault(refuse);
        browser.search("ann@example.com").await;
        browser.says("Zenskar did not say").await;
        look(&browser, &axe, &format!("silent-{scheme}"), &mut wrong).await;
        world.sandbox.clear_faults();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How far it is moves while somebody looks on; the stop is somebody else's.
#[tokio::test]
async fn many_dead_letters_are_tried_again_before_ones_eyes() {
    let axe = axe();
    let (world, _daemon) = many().await;
    let (browser, base) = world.signed_in("operator").await;
    let mut wrong = Vec::new();
    browser.open(&format!("{base}/events/dead")).await;
    browser.press("Try all again").await;
    browser.says("It goes on by itself").await;
    for scheme in ["light", "dark"] {
        browser.scheme(scheme).await;
        browser.open(&format!("{base}/events/dead")).await;
        look(&browser, &axe, &format!("redrive-{scheme}"), &mut wrong).await;
    }
    let stopped = world.output(&["dead", "cancel"]).await;
    assert!(stopped.status.success(), "{stopped:?}");
    browser
        .says("100 of 130 tried again, then stopped by")
        .await;
    browser.open(&format!("{base}/events/dead")).await;
    browser.says("Try all again").await;
    look(&browser, &axe, "redriven-dark", &mut wrong).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The plan is seen before anything is switched on, by the keyboard alone as by hand.
#[tokio::test]
async fn what_would_change_is_seen_before_sync_is_switched_on() {
    let axe = axe();
    let world = World::new().await;
    let pair = world.pairs(3).remove(0);
    let patch = json!({ "name": "Ann Lee, renamed while sync was off" });
    world.sandbox.stripe_update_customer(&pair.stripe, &patch);
    world.configure("[customers]\nsync = \"off\"\n[events]\npoll = \"off\"\n");
    let _daemon = world.start().await;
    let (browser, base) = world.signed_in("admin").await;
    let review = "review?sync=import-only&fields=name&fields=email";
    let review = format!("{base}/integrations/stripe/manage/{review}");
    let mut wrong = Vec::new();
    browser.open(&review).await;
    browser.says("Nobody has compared both sides yet").await;
    look(&browser, &axe, "unseen-light", &mut wrong).await;
    browser.press("See what would change").await;
    browser.says("Both sides are being compared").await;
    world
        .until_status(|status| status["links"] == 3 && status["queues"]["work"] == 0)
        .await;
    for scheme in ["light", "dark"] {
        browser.scheme(scheme).await;
        browser.open(&review).await;
        browser.says("None of it is written by saving").await;
        look(&browser, &axe, &format!("seen-{scheme}"), &mut wrong).await;
        browser.open(&format!("{base}/plan")).await;
        browser.says("Ann Lee, renamed while sync was off").await;
        look(&browser, &axe, &format!("rehearsed-{scheme}"), &mut wrong).await;
    }
    browser.open(&review).await;
    browser.press("Drop the comparison").await;
    browser.says("What the comparison found is dropped").await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Invoices are charged from the list by the keyboard alone, and their run is seen to move; every page
/// about money holds to the same as the others.
#[tokio::test]
async fn invoices_are_charged_by_keyboard_before_ones_eyes() {
    let axe = axe();
    let more = "[events]\npoll = \"1s\"\n[limits]\nsame_customer_minutes = 60\n";
    let (world, pairs, _daemon) = charging_with(3, more).await;
    for (pair, number) in pairs.iter().zip([41, 42, 43]) {
        invoice(&world, pair, &format!("INV-{number}"), number * 1_000);
    }
    let second = invoice(&world, &pairs[0], "INV-44", 99_000);
    open_invoices(&world, 4).await;
    let (browser, base) = world.signed_in("admin").await;
    let mut wrong = Vec::new();
    let mut looked = async |path: &str, name: &str| {
        for scheme in ["light", "dark"] {
            browser.scheme(scheme).await;
            browser.open(&format!("{base}{path}")).await;
            look(&browser, &axe, &format!("{name}-{scheme}"), &mut wrong).await;
        }
    };
    looked("/invoices", "invoices-open").await;
    looked("/charges/new?due=all", "charge-all").await;
    looked(&format!("/charges/new?invoice={second}"), "charge-one").await;
    browser.open(&format!("{base}/invoices")).await;
    browser.painted().await;
    let boxes = "return document.activeElement.type === 'checkbox'";
    let (mut chosen, mut passed) = (0, 0);
    while focus(&browser).await != "CHARGE" {
        passed += 1;
        assert!(passed < 60, "{}", browser.text().await);
        if browser.run(boxes).await == true {
            browser.key(SPACE).await;
            chosen += 1;
        }
        browser.key(TAB).await;
    }
    assert_eq!(chosen, 4);
    browser.key(ENTER).await;
    browser.says("Charge 4 invoices?").await;
    browser.fill("count", "4").await;
    browser.key(ENTER).await;
    browser
        .says("Ordered: 4 invoices are charged in run 1.")
        .await;
    // The customer of two is charged once; the other one waits for its turn.
    browser.says("3 begun, 0 left out, 1 waiting").await;
    world
        .until_status(|status| status["money"]["collecting"] == 0)
        .await;
    looked("/charges/1", "charge-run").await;
    let interrupted = world.output(&["invoices", "interrupt", "1"]).await;
    assert!(interrupted.status.success(), "{interrupted:?}");
    browser.says("Something changed.").await;
    browser.open(&format!("{base}/charges/1")).await;
    browser.press("Resume").await;
    browser.says("Charge run 1 goes on").await;
    let frozen = world.output(&["freeze", "the books are closed"]).await;
    assert!(frozen.status.success(), "{frozen:?}");
    looked("/charges", "charge-runs").await;
    looked("/payments", "payments-made").await;
    looked("/invoices/INV-42", "invoice-booked").await;
    looked("/freeze", "frozen").await;
    looked("/", "overview-frozen").await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What waits for a person is loud, and a person has it go on.
#[tokio::test]
async fn money_that_is_not_booked_is_seen_and_booked() {
    let axe = axe();
    let (world, id, _daemon) = taken_and_not_booked().await;
    let (browser, base) = world.signed_in("operator").await;
    let mut wrong = Vec::new();
    for scheme in ["light", "dark"] {
        browser.scheme(scheme).await;
        for (path, name) in [
            ("/payments".to_owned(), "payments-loud"),
            (format!("/invoices/{id}"), "invoice-loud"),
            ("/".to_owned(), "overview-loud"),
        ] {
            browser.open(&format!("{base}{path}")).await;
            look(&browser, &axe, &format!("{name}-{scheme}"), &mut wrong).await;
        }
    }
    browser.without_scripts().await;
    browser.open(&format!("{base}/payments")).await;
    browser.press("INV-1").await;
    browser.press("Book the rest unallocated").await;
    browser.says("The collection of INV-1 goes on.").await;
    until_stages(&world, &id, &["booked"]).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Looks at a page, wide and as narrow as a telephone.
async fn look(browser: &Chromium, axe: &str, name: &str, wrong: &mut Vec<String>) {
    let found = browser
        .run_async(&format!(
            "const done = arguments[arguments.length - 1]; {axe};\n\
             axe.run().then((found) => done(found.violations.map((one) => one.id + ': ' + \
             one.nodes.map((node) => node.html + ' ' + node.failureSummary).join(' | '))), \
             (error) => done([String(error)]));"
        ))
        .await;
    for violation in found.as_array().unwrap() {
        wrong.push(format!("{name}: {violation}"));
    }
    let refused = browser.run("return window.refused").await;
    if refused != json!([]) {
        wrong.push(format!("{name}: {refused}"));
    }
    browser.picture(name).await;
    browser.size(320, 700).await;
    let sideways = browser
        .run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        .await;
    if sideways != 0 {
        wrong.push(format!("{name}: {sideways} pixels too wide on a telephone"));
    }
    browser.picture(&format!("{name}-phone")).await;
    browser.size(1280, 900).await;
}
