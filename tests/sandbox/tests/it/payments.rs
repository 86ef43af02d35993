//! Zenskar's payments: what is refused, what they do to invoices, and its own charges.

use serde_json::{Value, json};
use zenstripe_sandbox::{
    AmountForm, Fault, FaultKind, NativeExternalId, Outcome, PatchNested, Remote, Sandbox,
};

use crate::support::{NOW, bill, column, customer, payer, sandbox, zenskar, zenskar_request};

fn book(sandbox: &Sandbox, invoice: &str, amount: i64, status: &str) -> Value {
    let body = json!({
        "amount": amount, "currency_code": "USD", "type": "payment", "payment_method": "card",
        "status": status, "external_id": "pi_3AbC",
        "payment_parts": [{ "invoice_id": invoice, "amount": amount }],
    });
    let (status, payment) = zenskar(sandbox, "POST", "/payments", &body.to_string());
    assert_eq!(status, 200, "{payment}");
    payment
}

fn standing(sandbox: &Sandbox, invoice: &str) -> (i64, String) {
    let (_, shown) = zenskar(sandbox, "GET", &format!("/invoices/{invoice}"), "");
    let status = shown["status"].as_str().unwrap().to_owned();
    (shown["amount_due"].as_i64().unwrap(), status)
}

#[test]
fn only_success_lowers_what_is_due() {
    let sandbox = sandbox();
    let customer = payer(&sandbox);
    let id = bill(&sandbox, &customer, 1000);
    for status in [
        "created",
        "in_progress",
        "pending_charge",
        "authorized",
        "failed",
    ] {
        book(&sandbox, &id, 1000, status);
        assert_eq!(
            standing(&sandbox, &id),
            (1000, "approved".to_owned()),
            "{status}"
        );
    }
    book(&sandbox, &id, 400, "success");
    assert_eq!(standing(&sandbox, &id), (600, "partially_paid".to_owned()));
    let last = book(&sandbox, &id, 600, "success");
    assert_eq!(standing(&sandbox, &id), (0, "paid".to_owned()));
    for (name, value) in [
        ("amount", json!("600")),
        ("amount_refunded", json!("0")),
        ("currency_code", json!("USD")),
        ("status", json!("success")),
        ("customer_id", json!(customer)),
        ("customer_external_id", json!("acme-1")),
        ("connector_name", Value::Null),
        ("external_id", json!("pi_3AbC")),
        ("type", json!("payment")),
    ] {
        assert_eq!(last[name], value, "{name}");
    }
    assert_eq!(last["invoices"][0]["invoice_id"], json!(id));
    assert_eq!(last["invoices"][0]["amount"], "600");
    let (_, of_invoice) = zenskar(&sandbox, "GET", &format!("/invoices/{id}/payments"), "");
    assert_eq!(of_invoice["total_count"], 2, "successful ones only");
    let (_, all) = zenskar(&sandbox, "GET", &format!("/payments?invoice__id={id}"), "");
    assert_eq!(all["total_count"], 7);
}

#[test]
fn the_same_twice_makes_two() {
    let sandbox = sandbox();
    let id = bill(&sandbox, &payer(&sandbox), 1000);
    let body = json!({
        "amount": 500, "currency_code": "usd", "status": "success", "external_id": "pi_1",
        "payment_parts": [{ "invoice_id": id, "amount": 500 }],
    });
    let body = body.to_string();
    let request = zenskar_request("POST", "/payments", &body).with_header("Idempotency-Key", "k");
    let mut ids = Vec::new();
    for _ in 0..2 {
        let response = crate::support::send(&sandbox, Remote::Zenskar, &request);
        assert_eq!(response.status, 200);
        ids.push(response.value()["id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(standing(&sandbox, &id), (0, "paid".to_owned()));
    assert_eq!(
        zenskar(&sandbox, "POST", "/payments", &body).0,
        400,
        "nothing is due"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn what_is_refused() {
    let sandbox = sandbox();
    let one = payer(&sandbox);
    let two = sandbox
        .zenskar_create_customer(&json!({ "customer_name": "Beta" }))
        .unwrap();
    let id = bill(&sandbox, &one, 1000);
    let in_status = |status: &str| {
        let fields = json!({ "customer_id": one, "amount": 1000, "status": status });
        sandbox.zenskar_create_invoice(&fields).unwrap()
    };
    let (draft, void) = (in_status("draft"), in_status("void"));
    let nobody = "00000000-0000-4000-8000-000000000000";
    let part = |id: &str, amount: i64| json!([{ "invoice_id": id, "amount": amount }]);
    let money = |amount: Value, currency: &str, parts: Value| {
        json!({
            "amount": amount, "currency_code": currency, "status": "success",
            "payment_parts": parts,
        })
    };
    for (body, status, text) in [
        (json!({}), 422, "currency_code"),
        (
            json!({ "amount": 1, "currency_code": 5 }),
            422,
            "type_error.str",
        ),
        (
            money(json!(1.5), "USD", json!([])),
            422,
            "type_error.integer",
        ),
        (
            money(json!("x"), "USD", json!([])),
            422,
            "type_error.integer",
        ),
        (money(json!(5), "USD", json!({})), 422, "type_error.list"),
        (money(json!(5), "USD", json!([{}])), 422, "payment_parts"),
        (money(json!(5), "USD", part(&id, 0)), 422, "not_gt"),
        (
            json!({ "amount": 1, "currency_code": "USD", "status": "done" }),
            422,
            "enum",
        ),
        (
            json!({ "amount": 1, "currency_code": "USD", "customer_id": "x" }),
            422,
            "uuid",
        ),
        (money(json!(0), "USD", json!([])), 400, "greater than zero"),
        (
            money(json!(1001), "USD", part(&id, 1001)),
            400,
            "exceeds the amount due",
        ),
        (
            money(json!(500), "USD", part(&id, 501)),
            400,
            "exceeds the payment amount",
        ),
        (
            money(
                json!(2000),
                "USD",
                json!([
                    { "invoice_id": id, "amount": 600 }, { "invoice_id": id, "amount": 600 },
                ]),
            ),
            400,
            "exceeds the amount due",
        ),
        (money(json!(500), "EUR", part(&id, 500)), 400, "Currency"),
        (money(json!(500), "USD", part(&draft, 500)), 400, "draft"),
        (money(json!(500), "USD", part(&void, 500)), 400, "void"),
        (
            money(json!(500), "USD", part(nobody, 500)),
            400,
            "Invoice not found",
        ),
        (
            json!({ "amount": 1, "currency_code": "USD", "customer_id": nobody }),
            400,
            "Customer not found",
        ),
        (
            json!({
                "amount": 500, "currency_code": "USD", "customer_id": two,
                "payment_parts": part(&id, 500),
            }),
            400,
            "another customer",
        ),
    ] {
        let (got, answer) = zenskar(&sandbox, "POST", "/payments", &body.to_string());
        assert_eq!(got, status, "{body}: {answer}");
        assert!(answer.to_string().contains(text), "{body}: {answer}");
    }
    assert_eq!(sandbox.zenskar_payments(), Vec::<Value>::new());
    assert_eq!(
        zenskar(&sandbox, "GET", &format!("/payments/{nobody}"), "").0,
        404
    );
    assert_eq!(zenskar(&sandbox, "GET", "/payments/x", "").0, 422);
    assert_eq!(
        zenskar(&sandbox, "DELETE", &format!("/payments/{nobody}"), "{}").0,
        405
    );
}

#[test]
fn parts_can_be_changed() {
    for (mode, left) in [
        (PatchNested::Replace, (1000, 300)),
        (PatchNested::Merge, (600, 300)),
    ] {
        let sandbox = sandbox();
        sandbox.switch(|s| s.zenskar.payment_parts = mode);
        let customer = payer(&sandbox);
        let (one, two) = (
            bill(&sandbox, &customer, 1000),
            bill(&sandbox, &customer, 500),
        );
        let body = json!({
            "amount": 700, "currency_code": "USD", "status": "success",
            "payment_parts": [{ "invoice_id": one, "amount": 400 }],
        });
        let (_, payment) = zenskar(&sandbox, "POST", "/payments", &body.to_string());
        let path = format!("/payments/{}", payment["id"].as_str().unwrap());
        for (parts, status) in [
            (json!([]), 422),
            (json!([{ "invoice_id": two, "amount": 701 }]), 400),
            (json!([{ "invoice_id": two, "amount": 200 }]), 200),
        ] {
            let body = json!({ "payment_parts": parts }).to_string();
            let (got, answer) = zenskar(&sandbox, "PATCH", &path, &body);
            assert_eq!(got, status, "{answer}");
        }
        let due = (standing(&sandbox, &one).0, standing(&sandbox, &two).0);
        assert_eq!(due, left, "{mode:?}");
        assert_eq!(standing(&sandbox, &two).1, "partially_paid");
        let body = json!({ "payment_parts": [{ "invoice_id": two, "amount": 300 }] }).to_string();
        assert_eq!(
            zenskar(&sandbox, "PATCH", &path, &body).0,
            200,
            "its own part is free again"
        );
        assert_eq!(standing(&sandbox, &two).0, 200);
    }
}

#[test]
fn filters_and_their_wildcards() {
    let sandbox = sandbox();
    let customer = payer(&sandbox);
    for (external, status) in [
        ("pi_3A", "success"),
        ("piX3A", "created"),
        ("ch_3B", "success"),
    ] {
        sandbox.clock().advance(60);
        let body = json!({
            "amount": 100, "currency_code": "USD", "status": status, "external_id": external,
            "customer_id": customer, "payment_method": "card",
        });
        assert_eq!(
            zenskar(&sandbox, "POST", "/payments", &body.to_string()).0,
            200
        );
    }
    for (query, wanted) in [
        (
            "external_id__ilike=PI_3a".to_owned(),
            vec!["piX3A", "pi_3A"],
        ),
        ("external_id__ilike=ch%5C_3B".to_owned(), vec!["ch_3B"]),
        ("external_id__ilike=%253b".to_owned(), vec!["ch_3B"]),
        ("external_id__ilike=3A".to_owned(), vec![]),
        ("external_id__ilike=pi%5C_3A".to_owned(), vec!["pi_3A"]),
        ("status=success".to_owned(), vec!["ch_3B", "pi_3A"]),
        ("type=refund".to_owned(), vec![]),
        (format!("customer_id={customer}&limit=1"), vec!["ch_3B"]),
        (
            format!("timestamp__gte={}", NOW + 120),
            vec!["ch_3B", "piX3A"],
        ),
        (
            "created_at__lte=2026-05-28T20:28:00".to_owned(),
            vec!["pi_3A"],
        ),
        (
            "order=created_at&payment_method=card".to_owned(),
            vec!["pi_3A", "piX3A", "ch_3B"],
        ),
        ("external_id=pi_3A&limit=1".to_owned(), vec!["ch_3B"]),
    ] {
        let (status, list) = zenskar(&sandbox, "GET", &format!("/payments?{query}"), "");
        assert_eq!(status, 200, "{query}: {list}");
        assert_eq!(column(&list["results"], "external_id"), wanted, "{query}");
    }
    let (status, _) = zenskar(&sandbox, "GET", "/payments?timestamp__gte=2026-05-28", "");
    assert_eq!(status, 422, "seconds are wanted");
    for (form, text) in [
        (AmountForm::Text, "\"100\""),
        (AmountForm::DecimalText, "\"100.00\""),
        (AmountForm::Int, "100"),
        (AmountForm::Float, "100.0"),
    ] {
        sandbox.switch(|s| s.zenskar.payment_amounts = form);
        let (_, list) = zenskar(&sandbox, "GET", "/payments?limit=1", "");
        assert_eq!(list["results"][0]["amount"].to_string(), text);
    }
}

#[test]
fn a_write_can_show_late() {
    let sandbox = sandbox();
    let id = bill(&sandbox, &payer(&sandbox), 1000);
    sandbox.switch(|s| s.zenskar.payment_lag = 20);
    let made = book(&sandbox, &id, 1000, "success");
    let path = format!("/payments/{}", made["id"].as_str().unwrap());
    let count = || {
        let (_, list) = zenskar(&sandbox, "GET", &format!("/payments?invoice__id={id}"), "");
        list["results"].as_array().unwrap().len()
    };
    assert_eq!((count(), zenskar(&sandbox, "GET", &path, "").0), (0, 404));
    assert_eq!(
        standing(&sandbox, &id).0,
        0,
        "the invoice has a lag of its own"
    );
    sandbox.clock().advance(21);
    assert_eq!((count(), zenskar(&sandbox, "GET", &path, "").0), (1, 200));
}

#[test]
fn faults_hit_payments() {
    let sandbox = sandbox();
    let id = bill(&sandbox, &payer(&sandbox), 10_000);
    let body = json!({
        "amount": 100, "currency_code": "USD", "status": "success",
        "payment_parts": [{ "invoice_id": id, "amount": 100 }],
    })
    .to_string();
    for (kind, status, made) in [
        (FaultKind::LoseRequest, None, 0),
        (FaultKind::LoseResponse, None, 1),
        (FaultKind::ServerError { applied: false }, Some(500), 0),
        (FaultKind::ServerError { applied: true }, Some(500), 1),
        (
            FaultKind::TooManyRequests {
                reason: None,
                retry_after: Some(1),
            },
            Some(429),
            0,
        ),
        (FaultKind::Unavailable, Some(503), 0),
        (FaultKind::Gateway { status: 502 }, Some(502), 0),
    ] {
        let before = sandbox.zenskar_payments().len();
        let order = Fault::next(Remote::Zenskar, kind.clone())
            .method("POST")
            .prefix("/payments");
        let _id = sandbox.order_fault(order);
        let request = zenskar_request("POST", "/payments", &body);
        let got = match sandbox.handle(Remote::Zenskar, &request).outcome {
            Outcome::Answer(response) => Some(response.status),
            Outcome::ConnectionLost => None,
        };
        assert_eq!(got, status, "{kind:?}");
        assert_eq!(sandbox.zenskar_payments().len() - before, made, "{kind:?}");
    }
    assert_eq!(standing(&sandbox, &id).0, 9800);
}

#[test]
fn native_payments_appear_and_change() {
    let sandbox = sandbox();
    let id = bill(&sandbox, &payer(&sandbox), 1000);
    let fields = json!({
        "amount": 1000, "currency_code": "USD", "status": "in_progress", "external_id": "pi_9",
        "payment_parts": [{ "invoice_id": id, "amount": 1000 }],
    });
    let payment = sandbox.zenskar_add_payment(&fields).unwrap();
    let shown = sandbox.zenskar_payment(&payment);
    assert_eq!(
        (&shown["connector_name"], &shown["status"]),
        (&json!("stripe"), &json!("in_progress"))
    );
    assert_eq!(standing(&sandbox, &id).0, 1000);
    assert!(sandbox.zenskar_update_payment(&payment, &json!({ "status": "success" })));
    assert_eq!(standing(&sandbox, &id), (0, "paid".to_owned()));
    assert!(sandbox.zenskar_update_payment(&payment, &json!({ "status": "failed" })));
    assert_eq!(standing(&sandbox, &id), (1000, "approved".to_owned()));
    assert!(!sandbox.zenskar_update_payment("no", &json!({})));
}

#[test]
fn zenskar_charges_by_itself_when_asked() {
    let sandbox = sandbox();
    let zenskar_id = payer(&sandbox);
    let stripe_id = customer(&sandbox);
    sandbox.map_customer(&zenskar_id, &stripe_id);
    let tomorrow = json!({
        "customer_id": zenskar_id, "amount": 1000, "due_date": NOW + 86_400,
    });
    let id = sandbox.zenskar_create_invoice(&tomorrow).unwrap();
    let path = format!("/payments/invoice/{id}/charge");
    let charge = |body: &str| zenskar(&sandbox, "POST", &path, body);
    assert_eq!(charge("{}").0, 400, "not due");
    let now = r#"{"skip_invoice_due_date_check":true}"#;
    let statuses = || {
        let payments = sandbox.zenskar_payments();
        column(&json!(payments), "status")
    };
    assert_eq!(charge(now), (200, json!({})));
    sandbox.clock().advance(10);
    assert_eq!(statuses(), ["failed"], "there is no payment method");
    let method = sandbox
        .stripe_attach(&stripe_id, "pm_card_chargeDeclined")
        .unwrap();
    charge(now);
    assert_eq!(statuses(), ["failed", "pending_charge"]);
    sandbox.clock().advance(10);
    assert_eq!(statuses(), ["failed", "failed"]);
    sandbox.stripe_method_behaves(&method, "pm_card_visa");
    charge(now);
    charge(now);
    assert_eq!(
        sandbox.zenskar_invoice(&id)["charged_at"],
        "2026-05-28T20:27:00.000000"
    );
    sandbox.clock().advance(10);
    assert_eq!(
        statuses(),
        ["failed", "failed", "success", "success"],
        "asked twice, charged twice"
    );
    assert_eq!(standing(&sandbox, &id), (0, "paid".to_owned()));
    let payments = sandbox.zenskar_payments();
    assert_eq!(payments[2]["invoices"][0]["amount"], "1000");
    assert_eq!(
        payments[3]["invoices"],
        json!([]),
        "the second has nothing to pay"
    );
    let intents = sandbox.stripe_payment_intents();
    assert_eq!(payments[3]["external_id"], intents[2]["id"]);
    assert_eq!(charge(now).0, 400, "nothing is due");
}

#[test]
fn a_native_bank_debit_takes_days() {
    let sandbox = sandbox();
    sandbox.switch(|s| s.zenskar.native_external_id = NativeExternalId::Charge);
    let zenskar_id = payer(&sandbox);
    let stripe_id = customer(&sandbox);
    sandbox.map_customer(&zenskar_id, &stripe_id);
    sandbox
        .stripe_attach(&stripe_id, "pm_usBankAccount_success")
        .unwrap();
    let id = bill(&sandbox, &zenskar_id, 1000);
    zenskar(
        &sandbox,
        "POST",
        &format!("/payments/invoice/{id}/charge"),
        "{}",
    );
    sandbox.clock().advance(10);
    let payment = || sandbox.zenskar_payments()[0].clone();
    assert_eq!(payment()["status"], "in_progress");
    assert_eq!(standing(&sandbox, &id).0, 1000);
    sandbox.clock().advance(4 * 86_400);
    assert_eq!(payment()["status"], "success");
    assert_eq!(payment()["payment_method"], "direct_debit");
    assert!(
        payment()["external_id"]
            .as_str()
            .unwrap()
            .starts_with("py_")
    );
    assert_eq!(standing(&sandbox, &id), (0, "paid".to_owned()));
}

#[test]
fn zenskar_charges_what_is_due_if_it_is_told_to() {
    let sandbox = sandbox();
    let stripe_id = customer(&sandbox);
    sandbox.stripe_attach(&stripe_id, "pm_card_visa").unwrap();
    let charged = payer(&sandbox);
    sandbox.map_customer(&charged, &stripe_id);
    let spared = json!({ "customer_name": "Beta", "auto_charge_enabled": false });
    let spared = sandbox.zenskar_create_customer(&spared).unwrap();
    sandbox.map_customer(&spared, &stripe_id);
    let due = |customer: &str, days: i64| {
        let fields = json!({
            "customer_id": customer, "amount": 1000, "due_date": NOW + days * 86_400,
        });
        sandbox.zenskar_create_invoice(&fields).unwrap()
    };
    let (first, later, other) = (due(&charged, 0), due(&charged, 2), due(&spared, 0));
    sandbox.clock().advance(60);
    assert_eq!(
        sandbox.zenskar_payments(),
        Vec::<Value>::new(),
        "off unless said"
    );
    sandbox.switch(|s| s.zenskar.native_auto_charge = true);
    for (advance, paid) in [(60, vec![&first]), (2 * 86_400, vec![&first, &later])] {
        sandbox.clock().advance(advance);
        sandbox.clock().advance(60);
        for id in [&first, &later, &other] {
            let status = sandbox.zenskar_invoice(id)["status"].clone();
            let wanted = if paid.contains(&id) {
                "paid"
            } else {
                "approved"
            };
            assert_eq!(status, wanted);
        }
    }
    assert_eq!(sandbox.money().taken.len(), 2);
}
