//! The pages about money, through their own forms: invoices charged and confirmed, charge runs,
//! payments that wait for a person, and the freeze.

use super::Visitor;
use crate::charge::{books, card, charging, charging_with, invoice, open_invoices, until_stages};
use crate::support::World;
use crate::support::daemon::Daemon;
use serde_json::{Value, json};
use std::time::Duration;

/// What a page's own form sends, with what is typed into it.
fn form(page: &str, typed: &str) -> String {
    let hidden = |name: &str| {
        let (_, rest) = page
            .split_once(&format!("name=\"{name}\" value=\""))
            .unwrap();
        rest.split('"').next().unwrap().replace(' ', "+")
    };
    format!("key={}&lines={}&{typed}", hidden("key"), hidden("lines"))
}

/// Waits until a charge run is as wanted.
async fn until_run(visitor: &mut Visitor, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..600 {
        let run = visitor.json(path).await;
        if wanted(&run) {
            return run;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", visitor.json(path).await);
}

fn location(page: &crate::support::browser::Page) -> String {
    assert_eq!(page.status, 303, "{page:?}");
    page.header("location").unwrap().to_owned()
}

/// A daemon that asks what to do with money that is more than an invoice owes, and an invoice whose
/// money was taken after it was voided.
pub(crate) async fn taken_and_not_booked() -> (World, String, Daemon) {
    let more = "[events]\npoll = \"1s\"\n[limits]\nsame_customer_minutes = 0\n\
                [payments]\noverpaid = \"ask\"\n";
    let (world, pairs, daemon) = charging_with(1, more).await;
    card(&world, &pairs[0], "pm_usBankAccount_success");
    let id = invoice(&world, &pairs[0], "INV-1", 5_000);
    world.output(&["invoices", "charge", &id]).await;
    let shown = until_stages(&world, &id, &["processing"]).await;
    let intent = shown["collections"][0]["payment_intent"].as_str().unwrap();
    assert!(world.sandbox.zenskar_credit_note(&id, 2_000));
    assert!(world.sandbox.stripe_settle_debit(intent));
    world
        .until_status(|status| status["money"]["awaiting_person"] == 1)
        .await;
    (world, id, daemon)
}

#[tokio::test]
async fn one_invoice_is_charged_once_its_amount_was_confirmed() {
    let (world, pairs, _daemon) = charging(1).await;
    let id = invoice(&world, &pairs[0], "INV-1", 12_345);
    let mut operator = world.visitor("operator").await;
    let empty = operator.page("/invoices").await;
    assert!(empty.contains("No invoice is open"), "{empty}");
    let listed = operator.post("/invoices/refresh", "").await;
    assert_eq!(location(&listed), "/invoices");
    open_invoices(&world, 1).await;
    let found = operator.get("/invoices?number=INV-1").await;
    assert_eq!(location(&found), "/invoices/INV-1");

    let page = operator.page("/invoices/INV-1").await;
    for part in ["123.45 USD", "1 May 2020", "overdue", "Charge Customer"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let confirm = operator.page(&format!("/charges/new?invoice={id}")).await;
    assert!(
        confirm.contains("Charge 123.45 USD for INV-1?") && !confirm.contains("name=\"count\""),
        "{confirm}"
    );
    assert_eq!(books(&world).0, (0, 0));
    let ordered = operator.post("/charges/order", &form(&confirm, "")).await;
    assert_eq!(location(&ordered), "/charges/1");
    until_stages(&world, &id, &["booked"]).await;
    assert_eq!(books(&world), ((1, 12_345), (1, 12_345)));

    let page = operator.page("/invoices/INV-1").await;
    let intent = &world.sandbox.money().taken[0].payment_intent;
    for part in [intent.as_str(), "by Ann Lee", "Money taken", "it is paid"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("Charge Customer"), "{page}");
    let payments = operator.page("/payments").await;
    assert!(
        payments.contains(intent.as_str()) && payments.contains("</svg>booked</span>"),
        "{payments}"
    );
    // Whoever goes back and sends the form again sees the same run.
    let again = operator.post("/charges/order", &form(&confirm, "")).await;
    assert_eq!(location(&again), "/charges/1");
    assert_eq!(books(&world).0, (1, 12_345));
}

#[tokio::test]
async fn several_are_charged_once_their_number_was_typed_and_what_changed_is_left_out() {
    let more = "[customers]\nsync = \"import-only\"\n[events]\npoll = \"1s\"\n";
    let (world, pairs, _daemon) = charging_with(3, more).await;
    world.until_status(|status| status["links"] == 3).await;
    let numbered = pairs.iter().zip(1_i64..);
    let ids: Vec<String> = numbered
        .map(|(pair, n)| invoice(&world, pair, &format!("INV-{n}"), 1_000 * n))
        .collect();
    open_invoices(&world, 3).await;
    let mut operator = world.visitor("operator").await;
    let list = operator.page("/invoices").await;
    let boxes = list.matches("type=\"checkbox\"").count();
    assert!(boxes == 3 && list.contains(">CHARGE</button>"), "{list}");
    let stripe = format!("href=\"/customers/{}\"", pairs[0].stripe);
    assert!(list.contains(&stripe), "{list}");

    let chosen: Vec<String> = ids.iter().map(|id| format!("invoice={id}")).collect();
    let path = format!("/charges/new?{}", chosen.join("&"));
    let confirm = operator.page(&path).await;
    for part in ["Charge 3 invoices?", "60.00 USD", "INV-2", "30.00 USD"] {
        assert!(confirm.contains(part), "{part}: {confirm}");
    }
    let offered = operator.json(&path).await;
    assert_eq!(offered["sums"], json!(["60.00 USD"]), "{offered}");
    let wrong = operator
        .post("/charges/order", &form(&confirm, "count=2"))
        .await;
    assert_eq!(location(&wrong), path);
    let page = operator.page(&path).await;
    assert!(page.contains("nothing is charged"), "{page}");
    assert_eq!(operator.json("/charges").await["rows"], json!([]));

    assert!(world.sandbox.zenskar_credit_note(&ids[1], 500));
    let sent = form(&confirm, "count=3");
    let ordered = operator.post("/charges/order", &sent).await;
    let run = location(&ordered);
    assert_eq!(location(&operator.post("/charges/order", &sent).await), run);
    let done = until_run(&mut operator, &run, |run| run["state"] == "done").await;
    assert_eq!((&done["begun"], &done["skipped"]), (&json!(2), &json!(1)));
    for id in [&ids[0], &ids[2]] {
        until_stages(&world, id, &["booked"]).await;
    }
    assert_eq!(books(&world), ((2, 4_000), (2, 4_000)));
    let page = operator.page(&run).await;
    for part in ["left out", "15.00 USD is due now", "</svg>booked</span>"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let runs = operator.page("/charges").await;
    assert!(runs.contains("3: 2 begun, 1 left out"), "{runs}");
}

#[tokio::test]
async fn all_that_are_due_are_charged_and_no_other() {
    let (world, pairs, _daemon) = charging(2).await;
    for (number, pair) in pairs.iter().enumerate() {
        invoice(&world, pair, &format!("INV-{number}"), 1_000);
    }
    let later = json!({
        "customer_id": pairs[0].zenskar, "number": "INV-9", "amount": 1_000,
        "currency": "USD", "status": "approved", "due_date": "2099-01-01T00:00:00",
    });
    world.sandbox.zenskar_create_invoice(&later).unwrap();
    open_invoices(&world, 3).await;
    let mut operator = world.visitor("operator").await;
    let confirm = operator.page("/charges/new?due=all").await;
    assert!(
        confirm.contains("Charge 2 invoices, all that are due?") && !confirm.contains("INV-9"),
        "{confirm}"
    );
    let none = operator.get("/charges/new").await;
    assert_eq!(location(&none), "/invoices");
    let ordered = operator
        .post("/charges/order", &form(&confirm, "count=2"))
        .await;
    until_run(&mut operator, &location(&ordered), |run| run["begun"] == 2).await;
    world
        .until_status(|status| status["money"]["collecting"] == 0)
        .await;
    assert_eq!(books(&world), ((2, 2_000), (2, 2_000)));
    let status = operator.json("/").await;
    assert_eq!(status["money"]["open_invoices"], 1, "{status}");
}

#[tokio::test]
async fn viewers_see_and_order_nothing() {
    let (world, pairs, _daemon) = charging(1).await;
    let id = invoice(&world, &pairs[0], "INV-1", 1_000);
    open_invoices(&world, 1).await;
    let mut viewer = world.visitor("viewer").await;
    let invoice = format!("/invoices/{id}");
    for path in ["/invoices", &invoice, "/charges", "/payments", "/freeze"] {
        let page = viewer.page(path).await;
        assert!(page.contains("<h1>") && page.len() < 40_000, "{path}");
        for button in ["CHARGE", "Charge Customer", "List anew", "Freeze charges"] {
            assert!(!page.contains(button), "{path}: {button}: {page}");
        }
        assert!(viewer.json(path).await.is_object(), "{path}");
    }
    let confirm = viewer.get(&format!("/charges/new?invoice={id}")).await;
    assert_eq!(confirm.status, 403, "{confirm:?}");
    for (path, body) in [
        ("/charges/order", format!("key=x&lines={id}+1000+USD")),
        ("/invoices/refresh", String::new()),
        (&format!("{invoice}/retry"), "number=1".to_owned()),
        ("/charges/1/interrupt", String::new()),
        ("/charges/1/resume", String::new()),
        ("/freeze", "reason=x".to_owned()),
        ("/freeze/end", String::new()),
    ] {
        let refused = viewer.post(path, &body).await;
        assert_eq!(refused.status, 403, "{path}: {refused:?}");
    }
    let mut operator = world.visitor("operator").await;
    for lines in ["", "lines=", "lines=a", "lines=a+b+USD"] {
        let refused = operator.post("/charges/order", lines).await;
        assert_eq!(refused.status, 400, "{lines}: {refused:?}");
    }
    // As many as can be confirmed at once make a longer form than others.
    let many = format!("{id}+1000+USD+").repeat(500);
    let wrong = operator
        .post("/charges/order", &format!("due=all&count=1&lines={many}"))
        .await;
    assert_eq!(location(&wrong), "/charges/new?due=all");
    assert_eq!(books(&world).0, (0, 0));
    let listed = viewer.json("/invoices").await;
    assert_eq!(listed["rows"][0]["due"]["text"], "10.00 USD");
}

#[tokio::test]
async fn a_run_is_interrupted_and_goes_on() {
    let more = "[events]\npoll = \"1s\"\n[limits]\nsame_customer_minutes = 60\n";
    let (world, pairs, _daemon) = charging_with(1, more).await;
    for number in 1..=2 {
        invoice(&world, &pairs[0], &format!("INV-{number}"), 1_000);
    }
    open_invoices(&world, 2).await;
    let mut operator = world.visitor("operator").await;
    let confirm = operator.page("/charges/new?due=all").await;
    let ordered = operator
        .post("/charges/order", &form(&confirm, "count=2"))
        .await;
    let path = location(&ordered);
    until_run(&mut operator, &path, |run| run["begun"] == 1).await;
    let page = operator.page(&path).await;
    let stream = format!(
        "data-stream=\"/live?run={}\"",
        path.trim_start_matches("/charges/")
    );
    for part in [
        stream.as_str(),
        "data-live=\"waiting\">1</b> waiting",
        ">Interrupt</button>",
        "under way",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let interrupted = operator.post(&format!("{path}/interrupt"), "").await;
    assert_eq!(location(&interrupted), path);
    let page = operator.page(&path).await;
    assert!(
        page.contains("is interrupted: 1 invoices wait") && page.contains(">Resume</button>"),
        "{page}"
    );
    assert_eq!(operator.json(&path).await["state"], "interrupted");
    operator.post(&format!("{path}/resume"), "").await;
    assert_eq!(operator.json(&path).await["state"], "waiting");
    let missing = operator.get("/charges/404").await;
    assert_eq!(missing.status, 404, "{missing:?}");
}

#[tokio::test]
async fn operators_freeze_charges_and_admins_end_it() {
    let (world, pairs, _daemon) = charging(1).await;
    let id = invoice(&world, &pairs[0], "INV-1", 1_000);
    open_invoices(&world, 1).await;
    let mut operator = world.visitor("operator").await;
    let frozen = operator
        .post("/freeze", "reason=the+books+are+closed")
        .await;
    assert_eq!(location(&frozen), "/freeze");
    for path in [
        "/",
        "/invoices",
        "/charges",
        "/payments",
        &format!("/invoices/{id}"),
    ] {
        let page = operator.page(path).await;
        for part in ["Charges are frozen", "The books are closed.", "By Ann Lee"] {
            assert!(page.contains(part), "{path}: {part}: {page}");
        }
        assert!(!page.contains(">CHARGE<"), "{path}");
    }
    let refused = operator.post("/freeze/end", "").await;
    assert_eq!(refused.status, 403, "{refused:?}");
    let page = operator.page(&format!("/charges/new?invoice={id}")).await;
    assert!(page.contains("There is nothing to charge"), "{page}");
    let mut admin = world.visitor("admin").await;
    assert_eq!(admin.json("/freeze").await["frozen"], true);
    let page = admin.page("/freeze").await;
    assert!(page.contains("End the freeze"), "{page}");
    let ended = admin.post("/freeze/end", "").await;
    assert_eq!(location(&ended), "/freeze");
    assert_eq!(admin.json("/freeze").await["frozen"], false);
    let list = operator.page("/invoices").await;
    assert!(
        list.contains(">CHARGE<") && !list.contains("Charges are frozen"),
        "{list}"
    );
}

#[tokio::test]
async fn money_that_was_taken_and_not_booked_is_loud_until_a_person_decides() {
    let (world, id, _daemon) = taken_and_not_booked().await;
    let mut viewer = world.visitor("viewer").await;
    let seen = viewer.json("/payments").await;
    assert_eq!(seen["awaiting_person"][0]["why"], "hidden", "{seen}");
    let mut operator = world.visitor("operator").await;
    let page = operator.page("/payments").await;
    for part in [
        "These wait for a person",
        "note bad loud",
        "50.00 USD taken and not booked",
        "payments.overpaid",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let page = operator.page("/").await;
    assert!(
        page.contains("href=\"/payments\">See the payments"),
        "{page}"
    );
    let address = format!("/invoices/{id}");
    let page = operator.page(&address).await;
    for part in [">Try again<", "Book the rest unallocated and try again"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let path = format!("{address}/retry");
    let done = operator.post(&path, "number=1&unallocated=true").await;
    assert_eq!(location(&done), address);
    until_stages(&world, &id, &["booked"]).await;
    assert_eq!(books(&world), ((1, 5_000), (1, 5_000)));
    operator.post(&path, "number=1").await;
    let page = operator.page(&address).await;
    assert!(page.contains("does not wait for a person"), "{page}");
    let seen = operator.json("/payments").await;
    assert_eq!(seen["awaiting_person"], json!([]), "{seen}");
}
