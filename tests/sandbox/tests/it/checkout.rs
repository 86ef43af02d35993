//! Checkout: sessions are made, paid on their page, refused, known later, and lapse.

use serde_json::{Value, json};
use zenstripe_sandbox::{Fault, FaultKind, Outcome, Remote, Request, Response, Sandbox};

use crate::support::{
    NOW, column, customer, keyed, kinds_since, sandbox, send, stripe, stripe_request,
};

const PATH: &str = "/v1/checkout/sessions";

const LINE: &str = "line_items[0][quantity]=2&line_items[0][price_data][currency]=usd\
                    &line_items[0][price_data][unit_amount]=1050\
                    &line_items[0][price_data][product_data][name]=Invoice+%3C7%3E";

fn body(customer: &str) -> String {
    format!(
        "mode=payment&customer={customer}&client_reference_id=inv_7&metadata[of]=session\
         &payment_intent_data[metadata][of]=intent&payment_intent_data[description]=Invoice+7\
         &success_url=https://shop.example/done?s={{CHECKOUT_SESSION_ID}}\
         &cancel_url=https://shop.example/back&{LINE}"
    )
}

/// A new session: its customer, id and object.
fn open(sandbox: &Sandbox) -> (String, String, Value) {
    let customer = customer(sandbox);
    let (status, session) = stripe(sandbox, "POST", PATH, &body(&customer));
    assert_eq!(status, 200, "{session}");
    let id = session["id"].as_str().unwrap().to_owned();
    (customer, id, session)
}

fn show(sandbox: &Sandbox, id: &str) -> Value {
    stripe(sandbox, "GET", &format!("{PATH}/{id}"), "").1
}

fn browse(sandbox: &Sandbox, method: &str, id: &str, pay: &str) -> Response {
    let request = Request::new(method, &format!("/c/pay/{id}")).with_body(pay.to_owned());
    send(sandbox, Remote::Stripe, &request)
}

#[test]
fn an_open_session() {
    let sandbox = sandbox();
    let before = sandbox.stripe_events().len();
    let (customer, id, session) = open(&sandbox);
    assert!(id.starts_with("cs_test_a1"));
    for (name, value) in [
        ("object", json!("checkout.session")),
        ("status", json!("open")),
        ("payment_status", json!("unpaid")),
        ("payment_intent", Value::Null),
        ("amount_total", json!(2100)),
        ("currency", json!("usd")),
        ("customer", json!(customer)),
        ("client_reference_id", json!("inv_7")),
        ("metadata", json!({"of": "session"})),
        ("expires_at", json!(NOW + 86_400)),
        ("payment_method_types", json!(["card", "us_bank_account"])),
        ("mode", json!("payment")),
        ("ui_mode", json!("hosted_page")),
        ("url", json!(format!("http://127.0.0.1:12111/c/pay/{id}"))),
    ] {
        assert_eq!(session[name], value, "{name}");
    }
    assert_eq!(session.get("line_items"), None);
    assert_eq!(show(&sandbox, &id), session);
    let (_, shown) = stripe(
        &sandbox,
        "GET",
        &format!("{PATH}/{id}?expand[]=line_items"),
        "",
    );
    let items = stripe(&sandbox, "GET", &format!("{PATH}/{id}/line_items"), "").1;
    assert_eq!(shown["line_items"], items);
    assert_eq!(items["data"][0]["amount_total"], 2100);
    assert_eq!(
        sandbox.stripe_payment_intents(),
        Vec::<Value>::new(),
        "none before an attempt"
    );
    assert_eq!(kinds_since(&sandbox, before), ["customer.created"]);
    let request = stripe_request("POST", PATH, &body(&customer)).with_header("Host", "localhost:9");
    let url = send(&sandbox, Remote::Stripe, &request).value()["url"].clone();
    assert!(
        url.as_str()
            .unwrap()
            .starts_with("http://localhost:9/c/pay/cs_test_")
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn what_is_refused() {
    let sandbox = sandbox();
    let url = "success_url=https://shop.example";
    let price = "line_items[0][price_data]";
    let good = format!("mode=payment&{url}&{LINE}");
    for (body, code, param) in [
        (format!("{url}&{LINE}"), "parameter_missing", "mode"),
        (format!("mode=subscription&{url}&{LINE}"), "", "mode"),
        (
            format!("mode=payment&{LINE}"),
            "parameter_missing",
            "success_url",
        ),
        (
            format!("mode=payment&success_url=shop&{LINE}"),
            "url_invalid",
            "success_url",
        ),
        (
            format!("mode=payment&{url}"),
            "parameter_missing",
            "line_items",
        ),
        (
            format!("mode=payment&{url}&line_items[0][quantity]=1"),
            "parameter_missing",
            "line_items[0][price_data]",
        ),
        (
            format!("mode=payment&{url}&line_items[0][quantity]=1&line_items[0][price]=price_1"),
            "resource_missing",
            "line_items[0][price]",
        ),
        (
            format!("{good}&line_items[0][quantity]=0"),
            "parameter_invalid_integer",
            "line_items[0][quantity]",
        ),
        (
            format!("{good}&{price}[unit_amount]=-1"),
            "parameter_invalid_integer",
            "line_items[0][price_data][unit_amount]",
        ),
        (
            format!("{good}&{price}[unit_amount]=20"),
            "amount_too_small",
            "line_items",
        ),
        (
            format!("{good}&{price}[currency]=zzz"),
            "",
            "line_items[0][price_data][currency]",
        ),
        (
            format!(
                "{good}&line_items[1][quantity]=1&line_items[1][price_data][currency]=eur\
                 &line_items[1][price_data][unit_amount]=100\
                 &line_items[1][price_data][product_data][name]=b"
            ),
            "",
            "line_items[1][price_data][currency]",
        ),
        (
            format!("{good}&customer=cus_no"),
            "resource_missing",
            "customer",
        ),
        (
            format!("{good}&expires_at={}", NOW + 1799),
            "",
            "expires_at",
        ),
        (
            format!("{good}&expires_at={}", NOW + 86_401),
            "",
            "expires_at",
        ),
        (
            format!("{good}&client_reference_id={}", "x".repeat(201)),
            "",
            "client_reference_id",
        ),
        (format!("{good}&locale=xx"), "", "locale"),
        (
            format!("{good}&payment_method_types[]=sepa_debit"),
            "",
            "currency",
        ),
        (format!("{good}&foo=1"), "parameter_unknown", "foo"),
        (format!("{good}&expand[]=invoice"), "", "expand"),
    ] {
        let (status, answer) = stripe(&sandbox, "POST", PATH, &body);
        let error = &answer["error"];
        assert_eq!(status, 400, "{body}: {answer}");
        assert_eq!(
            error["code"].as_str().unwrap_or_default(),
            code,
            "{body}: {answer}"
        );
        assert_eq!(error["param"], param, "{body}");
    }
    let named = format!("{good}&payment_method_types[]=card");
    let request =
        stripe_request("POST", PATH, &named).with_header("Stripe-Version", "2026-09-30.endive");
    let answer = send(&sandbox, Remote::Stripe, &request).value();
    assert_eq!(
        answer["error"]["code"],
        "payment_method_types_no_longer_supported"
    );
    assert_eq!(sandbox.stripe_sessions(), Vec::<Value>::new());
}

#[test]
fn paid_by_card_on_the_page() {
    let sandbox = sandbox();
    let (customer, id, _) = open(&sandbox);
    let before = sandbox.stripe_events().len();
    let page = browse(&sandbox, "GET", &id, "");
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    assert_eq!(page.status, 200);
    for text in [
        "Invoice &lt;7&gt; &times; 2: 21.00 usd",
        "value=\"pm_card_visa\"",
        "/back",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert!(
        !html.contains("pm_success_de"),
        "only what the session takes"
    );
    let paid = browse(&sandbox, "POST", &id, "pay=pm_card_visa");
    let back = format!("https://shop.example/done?s={id}");
    assert_eq!(
        (paid.status, paid.header("Location")),
        (303, Some(back.as_str()))
    );
    let session = show(&sandbox, &id);
    for (name, value) in [
        ("status", json!("complete")),
        ("payment_status", json!("paid")),
        ("url", Value::Null),
    ] {
        assert_eq!(session[name], value, "{name}");
    }
    assert_eq!(session["customer_details"]["name"], "Jo");
    let intent = &sandbox.stripe_payment_intents()[0];
    assert_eq!(session["payment_intent"], intent["id"]);
    for (name, value) in [
        ("status", json!("succeeded")),
        ("amount_received", json!(2100)),
        ("customer", json!(customer)),
        ("metadata", json!({"of": "intent"})),
        ("description", json!("Invoice 7")),
    ] {
        assert_eq!(intent[name], value, "{name}");
    }
    let kinds = [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ];
    assert_eq!(kinds_since(&sandbox, before), kinds);
    assert_eq!(
        browse(&sandbox, "POST", &id, "pay=pm_card_visa").status,
        200,
        "only once"
    );
    assert_eq!(sandbox.stripe_payment_intents().len(), 1);
    let (status, answer) = stripe(&sandbox, "POST", &format!("{PATH}/{id}/expire"), "");
    assert_eq!(status, 400, "{answer}");
    let expanded = format!("{PATH}/{id}?expand[]=payment_intent.latest_charge");
    let charge = &stripe(&sandbox, "GET", &expanded, "").1["payment_intent"]["latest_charge"];
    assert_eq!(charge["amount"], 2100);
}

#[test]
fn declined_and_then_paid() {
    let sandbox = sandbox();
    let (_, id, _) = open(&sandbox);
    let declined = browse(&sandbox, "POST", &id, "pay=pm_card_chargeDeclined");
    assert_eq!(declined.status, 402);
    let html = String::from_utf8(declined.body.to_vec()).unwrap();
    assert!(html.contains("role=\"alert\"") && html.contains("declined"));
    let session = show(&sandbox, &id);
    assert_eq!(
        (&session["status"], &session["payment_status"]),
        (&json!("open"), &json!("unpaid"))
    );
    let intent = session["payment_intent"].as_str().unwrap();
    let path = format!("/v1/payment_intents/{intent}");
    for act in ["cancel", "confirm"] {
        let (status, answer) = stripe(&sandbox, "POST", &format!("{path}/{act}"), "");
        assert_eq!(status, 400, "{act}");
        assert_eq!(answer["error"]["code"], "payment_intent_unexpected_state");
    }
    assert_eq!(browse(&sandbox, "POST", &id, "pay=nonsense").status, 400);
    assert_eq!(
        browse(&sandbox, "POST", &id, "pay=pm_success_de").status,
        400,
        "not taken"
    );
    let paid = browse(&sandbox, "POST", &id, "pay=pm_card_authenticationRequired");
    assert_eq!(paid.status, 303);
    assert_eq!(show(&sandbox, &id)["payment_status"], "paid");
    assert_eq!(
        show(&sandbox, &id)["payment_intent"],
        *intent,
        "the same one"
    );
    assert_eq!(sandbox.stripe_payment_intents()[0]["amount_received"], 2100);
}

#[test]
fn a_bank_debit_completes_first_and_is_known_later() {
    for (test, paid, last) in [
        (
            "pm_usBankAccount_success",
            "paid",
            "checkout.session.async_payment_succeeded",
        ),
        (
            "pm_usBankAccount_insufficientFunds",
            "unpaid",
            "checkout.session.async_payment_failed",
        ),
    ] {
        let sandbox = sandbox();
        let (_, id, _) = open(&sandbox);
        sandbox.stripe_pay_session(&id, test).unwrap();
        let session = show(&sandbox, &id);
        assert_eq!(session["status"], "complete");
        assert_eq!(session["payment_status"], "unpaid");
        let events = sandbox.stripe_events();
        assert_eq!(events[0]["type"], "checkout.session.completed");
        assert_eq!(events[0]["data"]["object"]["payment_status"], "unpaid");
        assert_eq!(events[1]["type"], "payment_intent.processing");
        sandbox.clock().advance(4 * 86_400);
        assert_eq!(show(&sandbox, &id)["payment_status"], paid, "{test}");
        assert_eq!(show(&sandbox, &id)["status"], "complete");
        assert_eq!(sandbox.stripe_events()[0]["type"], last);
        let (status, _) = stripe(&sandbox, "POST", &format!("{PATH}/{id}/expire"), "");
        assert_eq!(status, 400);
    }
}

#[test]
fn sessions_end() {
    let sandbox = sandbox();
    let (customer, by_hand, _) = open(&sandbox);
    sandbox
        .stripe_pay_session(&by_hand, "pm_card_chargeDeclined")
        .unwrap_err();
    let before = sandbox.stripe_events().len();
    let (status, ended) = stripe(&sandbox, "POST", &format!("{PATH}/{by_hand}/expire"), "");
    assert_eq!(
        (status, &ended["status"], &ended["url"]),
        (200, &json!("expired"), &Value::Null)
    );
    assert_eq!(
        kinds_since(&sandbox, before),
        ["payment_intent.canceled", "checkout.session.expired"]
    );
    assert_eq!(sandbox.stripe_payment_intents()[0]["status"], "canceled");
    assert_eq!(browse(&sandbox, "GET", &by_hand, "").status, 410);
    sandbox
        .stripe_pay_session(&by_hand, "pm_card_visa")
        .unwrap_err();

    let soon = format!("{}&expires_at={}", body(&customer), NOW + 1800);
    let (_, session) = stripe(&sandbox, "POST", PATH, &soon);
    let id = session["id"].as_str().unwrap();
    sandbox.clock().advance(1799);
    assert_eq!(show(&sandbox, id)["status"], "open");
    sandbox.clock().advance(1);
    assert_eq!(show(&sandbox, id)["status"], "expired");
    assert_eq!(
        sandbox.stripe_events()[0]["type"],
        "checkout.session.expired"
    );
    assert_eq!(browse(&sandbox, "POST", id, "pay=pm_card_visa").status, 410);
    let (status, _) = stripe(&sandbox, "POST", &format!("{PATH}/{id}/expire"), "");
    assert_eq!(status, 400);
    assert_eq!(
        stripe(&sandbox, "POST", &format!("{PATH}/cs_no/expire"), "").0,
        404
    );
    assert_eq!(browse(&sandbox, "GET", "cs_no", "").status, 404);
}

#[test]
fn lists_of_sessions() {
    let sandbox = sandbox();
    let (one, first, _) = open(&sandbox);
    let (_, second, _) = open(&sandbox);
    sandbox.stripe_pay_session(&second, "pm_card_visa").unwrap();
    let intent = show(&sandbox, &second)["payment_intent"]
        .as_str()
        .unwrap()
        .to_owned();
    for (query, ids) in [
        (String::new(), vec![&second, &first]),
        (format!("customer={one}"), vec![&first]),
        (format!("payment_intent={intent}"), vec![&second]),
        ("status=open".to_owned(), vec![&first]),
        ("status=complete".to_owned(), vec![&second]),
        ("status=expired".to_owned(), vec![]),
        (format!("starting_after={second}"), vec![&first]),
    ] {
        let list = stripe(&sandbox, "GET", &format!("{PATH}?{query}"), "").1;
        let found = column(&list["data"], "id");
        assert_eq!(found.iter().collect::<Vec<_>>(), ids, "{query}");
    }
}

#[test]
fn a_method_is_saved_when_asked() {
    let sandbox = sandbox();
    let customer = customer(&sandbox);
    let saving = format!(
        "{}&payment_intent_data[setup_future_usage]=off_session",
        body(&customer)
    );
    for (body, count) in [(body(&customer), 0), (saving, 1)] {
        let (_, session) = stripe(&sandbox, "POST", PATH, &body);
        let id = session["id"].as_str().unwrap();
        sandbox.stripe_pay_session(id, "pm_card_visa").unwrap();
        assert_eq!(sandbox.stripe_payment_methods(&customer).len(), count);
    }
    let method = sandbox.stripe_payment_methods(&customer)[0]["id"].clone();
    let body = format!(
        "amount=100&currency=usd&customer={customer}&payment_method={}&confirm=true\
         &off_session=true",
        method.as_str().unwrap()
    );
    let (status, _) = stripe(&sandbox, "POST", "/v1/payment_intents", &body);
    assert_eq!(status, 200);
}

#[test]
fn faults_and_keys() {
    let sandbox = sandbox();
    let customer = customer(&sandbox);
    let body = body(&customer);
    for (at, kind) in [
        FaultKind::LoseResponse,
        FaultKind::LoseRequest,
        FaultKind::LockTimeout,
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("k{at}");
        let _id = sandbox.order_fault(Fault::next(Remote::Stripe, kind).prefix(PATH));
        let request = stripe_request("POST", PATH, &body).with_header("Idempotency-Key", &key);
        let first = sandbox.handle(Remote::Stripe, &request).outcome;
        let failed = matches!(&first, Outcome::Answer(answer) if answer.status == 429);
        assert!(failed || first == Outcome::ConnectionLost);
        let again = keyed(&sandbox, &key, PATH, &body);
        assert_eq!(again.status, 200);
        assert_eq!(sandbox.stripe_sessions().len(), at + 1, "one a key");
    }
    let id = sandbox.stripe_sessions()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let lost = Fault::next(Remote::Stripe, FaultKind::LoseResponse).prefix("/c/pay/");
    let _id = sandbox.order_fault(lost);
    let request = Request::new("POST", &format!("/c/pay/{id}")).with_body("pay=pm_card_visa");
    let outcome = sandbox.handle(Remote::Stripe, &request).outcome;
    assert_eq!(outcome, Outcome::ConnectionLost);
    assert_eq!(
        show(&sandbox, &id)["payment_status"],
        "paid",
        "the browser did not hear of it"
    );
}
