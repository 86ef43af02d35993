//! Money as a whole: seen from outside, told of by webhooks, driven over `/_sandbox`, in accounts.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use zenstripe_sandbox::{ACCOUNT, Fault, FaultKind, PLATFORM, Remote, Request, Sandbox, sign};

use crate::support::{
    NOW, bill, column, customer_with, payer, sandbox, send, stripe, stripe_request, zenskar,
};

fn inside(sandbox: &Sandbox, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::new(method, &format!("/_sandbox{path}")).with_body(body.to_string());
    let response = send(sandbox, Remote::Stripe, &request);
    (response.status, response.value())
}

fn post(sandbox: &Sandbox, path: &str, body: &Value) -> Value {
    let (status, answer) = inside(sandbox, "POST", path, body);
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

fn charge(sandbox: &Sandbox, (customer, method): &(String, String), amount: i64) -> Value {
    let body = format!(
        "amount={amount}&currency=usd&customer={customer}&payment_method={method}&confirm=true\
         &off_session=true&metadata[invoice]=i{amount}"
    );
    stripe(sandbox, "POST", "/v1/payment_intents", &body).1
}

#[test]
fn where_the_money_is() {
    let sandbox = sandbox();
    let taken = charge(&sandbox, &customer_with(&sandbox, "pm_card_visa"), 1000);
    charge(
        &sandbox,
        &customer_with(&sandbox, "pm_card_chargeDeclined"),
        2000,
    );
    charge(
        &sandbox,
        &customer_with(&sandbox, "pm_usBankAccount_success"),
        3000,
    );
    let id = bill(&sandbox, &payer(&sandbox), 1500);
    let book = |status: &str, amount: i64| {
        let body = json!({
            "amount": amount, "currency_code": "USD", "status": status,
            "external_id": taken["id"],
            "payment_parts": [{ "invoice_id": id, "amount": amount }],
        });
        assert_eq!(
            zenskar(&sandbox, "POST", "/payments", &body.to_string()).0,
            200
        );
    };
    book("success", 1000);
    book("in_progress", 500);
    sandbox.zenskar_credit_note(&id, 100);
    let view = sandbox.money();
    assert_eq!((view.taken.len(), view.in_flight.len()), (1, 1));
    assert_eq!(view.taken[0].payment_intent, taken["id"].as_str().unwrap());
    assert_eq!(view.taken[0].metadata["invoice"], "i1000");
    assert_eq!(view.in_flight[0].status, "processing");
    assert_eq!(view.booked.len(), 2);
    assert_eq!(view.booked[0].parts, [(id.clone(), 1000)]);
    let owed = &view.owed[0];
    assert_eq!(
        (owed.total, owed.credited, owed.paid, owed.due),
        (1500, 100, 1000, 400)
    );
    let usd = |amount: i64| BTreeMap::from([("usd".to_owned(), amount)]);
    assert_eq!(
        (view.sum_taken(), view.sum_booked()),
        (usd(1000), usd(1000))
    );
    sandbox.clock().advance(4 * 86_400);
    assert_eq!(sandbox.money().sum_taken(), usd(4000));
    let (status, shown) = inside(&sandbox, "GET", "/money", &Value::Null);
    assert_eq!((status, shown), (200, json!(sandbox.money())));
}

#[test]
fn webhooks_and_events_tell_of_payments() {
    let sandbox = sandbox();
    let who = customer_with(&sandbox, "pm_card_visa");
    let endpoint = json!({
        "url": "http://example.com/h", "secret": "whsec_1",
        "enabled_events": ["payment_intent.succeeded", "checkout.session.completed"],
    });
    sandbox.add_webhook_with(&endpoint).unwrap();
    let paid = charge(&sandbox, &who, 1000);
    let due = sandbox.due_deliveries(NOW);
    assert_eq!(due.len(), 1);
    let body: Value = serde_json::from_slice(&due[0].body).unwrap();
    assert_eq!(body["data"]["object"], paid);
    let signature = due[0]
        .headers
        .iter()
        .find(|(name, _)| name == "Stripe-Signature");
    let wanted = sign("whsec_1", NOW, &due[0].body);
    assert!(signature.unwrap().1.contains(&format!("v1={wanted}")));
    let list = stripe(&sandbox, "GET", "/v1/events?type=payment_intent.*", "").1;
    assert_eq!(
        column(&list["data"], "type"),
        ["payment_intent.succeeded", "payment_intent.created"]
    );
    for (kind, count) in [
        (FaultKind::DropDelivery, 0),
        (FaultKind::DuplicateDelivery, 2),
    ] {
        let order = Fault::next(Remote::Stripe, kind).prefix("payment_intent.succeeded");
        let _id = sandbox.order_fault(order);
        charge(&sandbox, &who, 1000);
        assert_eq!(sandbox.due_deliveries(NOW).len(), count);
    }
    let late = Fault::next(Remote::Stripe, FaultKind::LateEvent { secs: 60 });
    let _id = sandbox.order_fault(late.prefix("payment_intent.succeeded"));
    let count = || {
        let target = "/v1/events?type=payment_intent.succeeded&limit=100";
        stripe(&sandbox, "GET", target, "").1["data"]
            .as_array()
            .unwrap()
            .len()
    };
    let before = count();
    charge(&sandbox, &who, 1000);
    assert_eq!(count(), before);
    sandbox.clock().advance(60);
    assert_eq!(count(), before + 1);
}

#[test]
fn a_person_drives_stripe_over_http() {
    let sandbox = sandbox();
    let (_, made) = inside(
        &sandbox,
        "POST",
        "/stripe/customers",
        &json!({ "name": "Jo" }),
    );
    let customer = made["id"].as_str().unwrap();
    let of = format!("/stripe/customers/{customer}");
    let post = |path: &str, body: Value| post(&sandbox, path, &body);
    let test = json!({ "payment_method": "pm_card_visa" });
    let method = post(&format!("{of}/payment_methods"), test)["id"].clone();
    post(
        &format!("{of}/default"),
        json!({ "payment_method": method }),
    );
    let shown = sandbox.stripe_customer(customer);
    assert_eq!(shown["invoice_settings"]["default_payment_method"], method);
    let method = method.as_str().unwrap().to_owned();
    let behaves = json!({ "behaves": "pm_card_authenticationRequired" });
    post(&format!("/stripe/payment_methods/{method}"), behaves);
    let body = format!(
        "amount=500&currency=usd&customer={customer}&payment_method={method}&confirm=true\
         &payment_method_types[]=card"
    );
    let intent = stripe(&sandbox, "POST", "/v1/payment_intents", &body).1;
    assert_eq!(intent["status"], "requires_action");
    let act = format!(
        "/stripe/payment_intents/{}/authenticate",
        intent["id"].as_str().unwrap()
    );
    post(&act, json!({ "passed": true }));
    assert_eq!(sandbox.money().taken.len(), 1);
    post(
        &format!("/stripe/payment_methods/{method}/detach"),
        json!({}),
    );
    assert_eq!(
        sandbox.stripe_payment_methods(customer),
        Vec::<Value>::new()
    );

    let session = "mode=payment&success_url=https://shop.example&line_items[0][quantity]=1\
                   &line_items[0][price_data][currency]=usd\
                   &line_items[0][price_data][unit_amount]=700\
                   &line_items[0][price_data][product_data][name]=a";
    let session = stripe(&sandbox, "POST", "/v1/checkout/sessions", session).1;
    let pay = format!("/stripe/sessions/{}/pay", session["id"].as_str().unwrap());
    let declining = json!({ "payment_method": "pm_card_chargeDeclined" });
    let (status, answer) = inside(&sandbox, "POST", &pay, &declining);
    assert_eq!(
        (status, &answer["error"]["error"]["code"]),
        (400, &json!("card_declined"))
    );
    post(&pay, json!({}));
    assert_eq!(sandbox.stripe_sessions()[0]["payment_status"], "paid");
}

#[test]
fn a_person_drives_zenskar_over_http() {
    let sandbox = sandbox();
    let post = |path: &str, body: Value| post(&sandbox, path, &body);
    let zenskar_id = payer(&sandbox);
    let fields = json!({ "customer_id": zenskar_id, "amount": 900, "currency": "eur" });
    let invoice = post("/zenskar/invoices", fields);
    assert_eq!(
        (&invoice["currency"], &invoice["amount_due"]),
        (&json!("EUR"), &json!(900))
    );
    let path = format!("/zenskar/invoices/{}", invoice["id"].as_str().unwrap());
    assert_eq!(
        post(&path, json!({ "number": "A-1" }))["invoice_number"],
        "A-1"
    );
    assert_eq!(
        post(&format!("{path}/credit_note"), json!({ "amount": 200 }))["amount_due"],
        700
    );
    let payment = json!({
        "amount": 700, "currency_code": "EUR", "status": "in_progress",
        "payment_parts": [{ "invoice_id": invoice["id"], "amount": 700 }],
    });
    let payment = post("/zenskar/payments", payment);
    let change = format!("/zenskar/payments/{}", payment["id"].as_str().unwrap());
    assert_eq!(
        post(&change, json!({ "status": "success" }))["status"],
        "success"
    );
    let (_, shown) = inside(&sandbox, "GET", &path, &Value::Null);
    assert_eq!(shown["status"], "paid");
    assert_eq!(post(&format!("{path}/void"), json!({}))["status"], "void");
    for (method, path) in [
        ("GET", "/zenskar/invoices/no"),
        ("POST", "/zenskar/invoices/no/void"),
        ("GET", "/zenskar/payments/no"),
        ("POST", "/stripe/payment_methods/no/detach"),
        ("POST", "/stripe/payment_intents/no/authenticate"),
    ] {
        assert_eq!(
            inside(&sandbox, method, path, &json!({})).0,
            404,
            "{method} {path}"
        );
    }
}

#[test]
fn other_accounts_hold_no_money() {
    let sandbox = sandbox();
    let who = customer_with(&sandbox, "pm_card_visa");
    let id = charge(&sandbox, &who, 1000)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let intent = format!("/v1/payment_intents/{id}");
    let body = "amount=100&currency=usd";
    for (key, account, method, path, status) in [
        (
            "sk_test_sandbox",
            Some(ACCOUNT),
            "GET",
            intent.as_str(),
            200,
        ),
        ("sk_test_sandbox", Some(PLATFORM), "GET", &intent, 403),
        ("sk_test_platform", None, "GET", &intent, 404),
        ("sk_test_platform", None, "GET", "/v1/payment_intents", 200),
        ("sk_test_platform", None, "POST", "/v1/payment_intents", 400),
        (
            "sk_test_platform",
            None,
            "GET",
            "/v1/checkout/sessions",
            200,
        ),
        ("sk_test_platform", Some(ACCOUNT), "GET", &intent, 403),
        ("sk_live_sandbox", None, "GET", &intent, 401),
    ] {
        let sent = if method == "POST" { body } else { "" };
        let mut request = stripe_request(method, path, sent);
        request.headers[0].1 = format!("Bearer {key}");
        if let Some(account) = account {
            request = request.with_header("Stripe-Account", account);
        }
        let response = send(&sandbox, Remote::Stripe, &request);
        assert_eq!(response.status, status, "{key} {account:?} {method} {path}");
        if path == "/v1/payment_intents" && status == 200 {
            assert_eq!(response.value()["data"], json!([]));
        }
    }
}
