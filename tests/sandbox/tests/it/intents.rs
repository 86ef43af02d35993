//! `PaymentIntents`: what is refused, what is taken, what is declined, and what days later brings.

use serde_json::{Value, json};
use zenstripe_sandbox::{Remote, Sandbox};

use crate::support::{
    column, customer, customer_with, kinds_since, sandbox, send, stripe, stripe_request,
};

const PATH: &str = "/v1/payment_intents";

/// Creates and confirms off session; the answer.
fn pay(sandbox: &Sandbox, (customer, method): &(String, String), more: &str) -> (u16, Value) {
    let body = format!(
        "amount=1099&currency=usd&customer={customer}&payment_method={method}&confirm=true\
         &off_session=true&metadata[invoice]=inv_1{more}"
    );
    stripe(sandbox, "POST", PATH, &body)
}

#[test]
fn a_card_is_charged() {
    let sandbox = sandbox();
    let who = customer_with(&sandbox, "pm_card_visa");
    let before = sandbox.stripe_events().len();
    let (status, intent) = pay(
        &sandbox,
        &who,
        "&description=Invoice+1&expand[]=latest_charge",
    );
    assert_eq!(status, 200, "{intent}");
    for (name, value) in [
        ("status", json!("succeeded")),
        ("amount", json!(1099)),
        ("amount_received", json!(1099)),
        ("currency", json!("usd")),
        ("customer", json!(who.0)),
        ("payment_method", json!(who.1)),
        ("metadata", json!({"invoice": "inv_1"})),
        ("description", json!("Invoice 1")),
        ("last_payment_error", Value::Null),
        ("livemode", json!(false)),
    ] {
        assert_eq!(intent[name], value, "{name}");
    }
    let charge = &intent["latest_charge"];
    assert!(charge["id"].as_str().unwrap().starts_with("ch_3"));
    assert_eq!(charge["status"], "succeeded");
    assert_eq!(charge["metadata"], json!({"invoice": "inv_1"}));
    assert_eq!(charge["payment_method_details"]["card"]["last4"], "4242");
    let id = intent["id"].as_str().unwrap();
    let by_intent = format!("/v1/charges?payment_intent={id}");
    assert_eq!(
        stripe(&sandbox, "GET", &by_intent, "").1["data"],
        json!([charge])
    );
    let path = format!("/v1/charges/{}", charge["id"].as_str().unwrap());
    assert_eq!(stripe(&sandbox, "GET", &path, "").1, *charge);
    assert_eq!(
        kinds_since(&sandbox, before),
        [
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded"
        ]
    );
    let events = sandbox.stripe_events();
    assert_eq!(events[0]["data"]["object"]["status"], "succeeded");
    assert_eq!(
        events[2]["data"]["object"]["status"],
        "requires_confirmation"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn a_decline_is_a_402_with_the_object_inside() {
    let sandbox = sandbox();
    for (test, code, decline_code, advice) in [
        (
            "pm_card_chargeDeclined",
            "card_declined",
            "generic_decline",
            "try_again_later",
        ),
        (
            "pm_card_chargeDeclinedInsufficientFunds",
            "card_declined",
            "insufficient_funds",
            "try_again_later",
        ),
        (
            "pm_card_chargeDeclinedLostCard",
            "card_declined",
            "lost_card",
            "do_not_try_again",
        ),
        (
            "pm_card_chargeDeclinedStolenCard",
            "card_declined",
            "stolen_card",
            "do_not_try_again",
        ),
        (
            "pm_card_chargeDeclinedFraudulent",
            "card_declined",
            "fraudulent",
            "do_not_try_again",
        ),
        (
            "pm_card_chargeDeclinedExpiredCard",
            "expired_card",
            "",
            "confirm_card_data",
        ),
        (
            "pm_card_chargeDeclinedProcessingError",
            "processing_error",
            "",
            "try_again_later",
        ),
        (
            "pm_card_authenticationRequired",
            "authentication_required",
            "authentication_required",
            "",
        ),
    ] {
        let who = customer_with(&sandbox, test);
        let before = sandbox.stripe_events().len();
        let (status, answer) = pay(&sandbox, &who, "");
        let error = &answer["error"];
        let word = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            (status, word("type")),
            (402, "card_error".to_owned()),
            "{answer}"
        );
        assert_eq!(word("code"), code, "{test}");
        assert_eq!(word("decline_code"), decline_code, "{test}");
        assert_eq!(word("advice_code"), advice, "{test}");
        let intent = &error["payment_intent"];
        assert_eq!(intent["status"], "requires_payment_method");
        assert_eq!(intent["payment_method"], Value::Null);
        assert_eq!(intent["amount_received"], 0);
        let last = &intent["last_payment_error"];
        assert_eq!(
            (&last["payment_method"]["id"], &last["code"]),
            (&json!(who.1), &json!(code))
        );
        assert_eq!(intent["latest_charge"], error["charge"]);
        let path = format!("{PATH}/{}", intent["id"].as_str().unwrap());
        assert_eq!(stripe(&sandbox, "GET", &path, "").1, *intent, "it exists");
        assert_eq!(
            kinds_since(&sandbox, before),
            [
                "payment_intent.created",
                "charge.failed",
                "payment_intent.payment_failed"
            ]
        );
        let (status, canceled) = stripe(&sandbox, "POST", &format!("{path}/cancel"), "");
        assert_eq!((status, &canceled["status"]), (200, &json!("canceled")));
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn what_is_refused() {
    let sandbox = sandbox();
    let (customer, method) = customer_with(&sandbox, "pm_card_visa");
    let (other, foreign) = customer_with(&sandbox, "pm_card_visa");
    let bank = sandbox
        .stripe_attach(&customer, "pm_usBankAccount")
        .unwrap();
    let detached = sandbox.stripe_attach(&customer, "pm_card_visa").unwrap();
    sandbox.stripe_detach(&detached);
    let gone = crate::support::customer(&sandbox);
    sandbox.stripe_delete_customer(&gone);
    let us = format!("amount=100&currency=usd&customer={customer}");
    for (body, code, param) in [
        ("currency=usd".to_owned(), "parameter_missing", "amount"),
        ("amount=100".to_owned(), "parameter_missing", "currency"),
        (
            "amount=100&currency=usd&foo=1".to_owned(),
            "parameter_unknown",
            "foo",
        ),
        (
            "amount=1.5&currency=usd".to_owned(),
            "parameter_invalid_integer",
            "amount",
        ),
        (
            "amount=0&currency=usd".to_owned(),
            "parameter_invalid_integer",
            "amount",
        ),
        (
            "amount=49&currency=usd".to_owned(),
            "amount_too_small",
            "amount",
        ),
        (
            "amount=29&currency=gbp".to_owned(),
            "amount_too_small",
            "amount",
        ),
        (
            "amount=1000000000000&currency=usd".to_owned(),
            "amount_too_large",
            "amount",
        ),
        ("amount=1001&currency=kwd".to_owned(), "", "amount"),
        ("amount=1050&currency=ugx".to_owned(), "", "amount"),
        ("amount=100&currency=zzz".to_owned(), "", "currency"),
        (
            "amount=100&currency=usd&customer=cus_no".to_owned(),
            "resource_missing",
            "customer",
        ),
        (
            format!("amount=100&currency=usd&customer={gone}"),
            "resource_missing",
            "customer",
        ),
        (
            format!("{us}&payment_method=pm_no"),
            "resource_missing",
            "payment_method",
        ),
        (
            format!("{us}&payment_method={foreign}"),
            "resource_missing",
            "payment_method",
        ),
        (format!("{us}&payment_method={detached}"), "", ""),
        (
            format!("amount=100&currency=usd&payment_method={method}"),
            "",
            "payment_method",
        ),
        (format!("{us}&off_session=true"), "", "off_session"),
        (
            format!("{us}&confirm=true&off_session=true"),
            "payment_intent_unexpected_state",
            "",
        ),
        (
            format!("{us}&confirm=true&payment_method={method}"),
            "",
            "return_url",
        ),
        (
            format!("{us}&payment_method={bank}&payment_method_types[]=card"),
            "",
            "payment_method",
        ),
        (
            format!("{us}&payment_method_types[]=sepa_debit"),
            "",
            "currency",
        ),
        (
            format!("{us}&payment_method_types[]=paypal"),
            "",
            "payment_method_types[0]",
        ),
        (
            format!("amount=100000000&currency=usd&customer={customer}&payment_method={bank}"),
            "amount_too_large",
            "amount",
        ),
        (
            format!("amount=100&currency=eur&customer={customer}&payment_method={bank}"),
            "",
            "currency",
        ),
        (format!("{us}&expand[]=invoice"), "", "expand"),
        (
            format!("{us}&allowed_payment_method_types[]=card"),
            "parameter_unknown",
            "",
        ),
    ] {
        let (status, answer) = stripe(&sandbox, "POST", PATH, &body);
        let error = &answer["error"];
        assert_eq!(status, 400, "{body}: {answer}");
        assert_eq!(
            error["code"].as_str().unwrap_or_default(),
            code,
            "{body}: {answer}"
        );
        if !param.is_empty() {
            assert_eq!(error["param"], param, "{body}");
        }
    }
    assert_eq!(
        sandbox.stripe_payment_intents(),
        Vec::<Value>::new(),
        "none was made"
    );
    assert_ne!(other, customer);
}

#[test]
fn types_cannot_be_named_from_endive_on() {
    let sandbox = sandbox();
    let (customer, method) = customer_with(&sandbox, "pm_card_visa");
    let body = format!(
        "amount=100&currency=usd&customer={customer}&payment_method={method}\
         &payment_method_types[]=card"
    );
    for (version, status) in [
        ("2026-05-27.dahlia", 200),
        ("2026-08-26.dahlia", 200),
        ("2026-09-30.endive", 400),
        ("2026-10-28.endive", 400),
    ] {
        let request = stripe_request("POST", PATH, &body).with_header("Stripe-Version", version);
        let response = send(&sandbox, Remote::Stripe, &request);
        let answer = response.value();
        assert_eq!(response.status, status, "{version}: {answer}");
        if status == 400 {
            let code = "payment_method_types_no_longer_supported";
            assert_eq!(answer["error"]["code"], code);
        } else {
            assert_eq!(answer["payment_method_types"], json!(["card"]));
        }
    }
    let body = "amount=100&currency=usd&allowed_payment_method_types[]=card\
                &allowed_payment_method_types[]=paypal";
    let request =
        stripe_request("POST", PATH, body).with_header("Stripe-Version", "2026-10-28.endive");
    let intent = send(&sandbox, Remote::Stripe, &request).value();
    assert_eq!(
        intent["payment_method_types"],
        json!(["card"]),
        "narrowed without a word"
    );
}

#[test]
fn the_default_source_pays_where_no_method_is_named() {
    let sandbox = sandbox();
    let (customer, method) = customer_with(&sandbox, "pm_card_mastercard");
    assert!(sandbox.stripe_set_default(&customer, Some(&method)));
    let body = format!("amount=100&currency=usd&customer={customer}&confirm=true&off_session=true");
    let (status, _) = stripe(&sandbox, "POST", PATH, &body);
    assert_eq!(
        status, 400,
        "the default payment method is that of invoices"
    );
    stripe(
        &sandbox,
        "POST",
        &format!("/v1/customers/{customer}"),
        "source=tok_visa",
    );
    let (status, intent) = stripe(&sandbox, "POST", PATH, &body);
    assert_eq!((status, &intent["status"]), (200, &json!("succeeded")));
    assert!(
        intent["payment_method"]
            .as_str()
            .unwrap()
            .starts_with("card_")
    );
}

#[test]
fn confirmed_later_and_canceled() {
    let sandbox = sandbox();
    let (customer, method) = customer_with(&sandbox, "pm_card_visa");
    let start = |more: &str| {
        let body = format!("amount=500&currency=usd&customer={customer}{more}");
        let (status, intent) = stripe(&sandbox, "POST", PATH, &body);
        assert_eq!(status, 200, "{intent}");
        let status = intent["status"].as_str().unwrap().to_owned();
        (format!("{PATH}/{}", intent["id"].as_str().unwrap()), status)
    };
    let (bare, status) = start("");
    assert_eq!(status, "requires_payment_method");
    let (ready, status) = start(&format!("&payment_method={method}"));
    assert_eq!(status, "requires_confirmation");
    let act = |path: &str, what: &str, body: &str| {
        let (status, answer) = stripe(&sandbox, "POST", &format!("{path}/{what}"), body);
        let word = if status == 200 {
            &answer["status"]
        } else {
            &answer["error"]["code"]
        };
        (status, word.as_str().unwrap_or_default().to_owned())
    };
    let state = "payment_intent_unexpected_state".to_owned();
    assert_eq!(
        act(&bare, "confirm", "off_session=true"),
        (400, state.clone())
    );
    let body = format!("off_session=true&payment_method={method}");
    assert_eq!(act(&bare, "confirm", &body), (200, "succeeded".to_owned()));
    assert_eq!(act(&bare, "confirm", &body), (400, state.clone()));
    assert_eq!(act(&bare, "cancel", ""), (400, state.clone()));
    let reason = "cancellation_reason=duplicate";
    assert_eq!(act(&ready, "cancel", reason), (200, "canceled".to_owned()));
    assert_eq!(act(&ready, "cancel", ""), (400, state.clone()));
    assert_eq!(act(&ready, "confirm", "off_session=true"), (400, state));
    let (_, canceled) = stripe(&sandbox, "GET", &ready, "");
    assert_eq!(canceled["cancellation_reason"], "duplicate");
    assert!(canceled["canceled_at"].is_i64());
    let (status, answer) = stripe(&sandbox, "POST", &format!("{ready}/cancel"), "");
    assert_eq!(status, 400);
    assert_eq!(answer["error"]["payment_intent"]["status"], "canceled");
    assert_eq!(
        act(&format!("{PATH}/pi_no"), "cancel", ""),
        (404, "resource_missing".to_owned())
    );
}

#[test]
fn authentication_on_session() {
    let sandbox = sandbox();
    let (customer, method) = customer_with(&sandbox, "pm_card_authenticationRequired");
    let body = format!(
        "amount=500&currency=usd&customer={customer}&payment_method={method}&confirm=true\
         &payment_method_types[]=card"
    );
    let refused = format!("{body}&error_on_requires_action=true");
    let (status, answer) = stripe(&sandbox, "POST", PATH, &refused);
    assert_eq!(status, 402);
    assert_eq!(
        answer["error"]["decline_code"],
        "authentication_not_handled"
    );
    for (passed, end) in [(true, "succeeded"), (false, "requires_payment_method")] {
        let (_, intent) = stripe(&sandbox, "POST", PATH, &body);
        assert_eq!(intent["status"], "requires_action");
        assert_eq!(intent["next_action"]["type"], "use_stripe_sdk");
        assert_eq!(
            sandbox.stripe_events()[0]["type"],
            "payment_intent.requires_action"
        );
        let id = intent["id"].as_str().unwrap();
        assert!(sandbox.stripe_authenticate(id, passed));
        assert!(!sandbox.stripe_authenticate(id, passed), "once");
        let (_, intent) = stripe(&sandbox, "GET", &format!("{PATH}/{id}"), "");
        assert_eq!(intent["status"], end);
    }
}

#[test]
fn a_bank_debit_is_known_after_days() {
    for (test, currency, end, code) in [
        ("pm_usBankAccount_success", "usd", "succeeded", Value::Null),
        (
            "pm_usBankAccount_insufficientFunds",
            "usd",
            "requires_payment_method",
            json!("insufficient_funds"),
        ),
        (
            "pm_usBankAccount_processing",
            "usd",
            "processing",
            Value::Null,
        ),
        ("pm_success_de", "eur", "succeeded", Value::Null),
        (
            "pm_failed_de",
            "eur",
            "requires_payment_method",
            json!("insufficient_funds"),
        ),
    ] {
        let sandbox = sandbox();
        let (customer, method) = customer_with(&sandbox, test);
        let before = sandbox.stripe_events().len();
        let body = format!(
            "amount=500&currency={currency}&customer={customer}&payment_method={method}\
             &confirm=true&off_session=true"
        );
        let (status, intent) = stripe(&sandbox, "POST", PATH, &body);
        assert_eq!(
            (status, &intent["status"]),
            (200, &json!("processing")),
            "{intent}"
        );
        assert!(
            intent["latest_charge"]
                .as_str()
                .unwrap()
                .starts_with("py_3")
        );
        assert_eq!(intent["amount_received"], 0);
        let path = format!("{PATH}/{}", intent["id"].as_str().unwrap());
        assert_eq!(
            stripe(&sandbox, "POST", &format!("{path}/cancel"), "").0,
            400
        );
        sandbox.clock().advance(4 * 86_400 - 1);
        assert_eq!(stripe(&sandbox, "GET", &path, "").1["status"], "processing");
        sandbox.clock().advance(1);
        let (_, intent) = stripe(&sandbox, "GET", &path, "");
        assert_eq!(intent["status"], end, "{test}");
        assert_eq!(intent["last_payment_error"]["code"], code);
        let mut kinds = vec![
            "payment_intent.created",
            "charge.pending",
            "payment_intent.processing",
        ];
        kinds.extend(match end {
            "succeeded" => vec!["charge.succeeded", "payment_intent.succeeded"],
            "processing" => vec![],
            _ => vec!["charge.failed", "payment_intent.payment_failed"],
        });
        assert_eq!(kinds_since(&sandbox, before), kinds, "{test}");
    }
}

#[test]
fn a_bank_debit_can_be_known_at_once() {
    let sandbox = sandbox();
    let who = customer_with(&sandbox, "pm_usBankAccount_processing");
    let id = pay(&sandbox, &who, "").1["id"].as_str().unwrap().to_owned();
    assert!(!sandbox.stripe_settle_debit(&id), "never, says the method");
    assert!(sandbox.stripe_method_behaves(&who.1, "pm_usBankAccount_accountClosed"));
    assert!(sandbox.stripe_settle_debit(&id));
    assert!(!sandbox.stripe_settle_debit(&id), "once");
    let (_, intent) = stripe(&sandbox, "GET", &format!("{PATH}/{id}"), "");
    assert_eq!(intent["last_payment_error"]["code"], "account_closed");
}

#[test]
fn a_method_can_change_its_mind() {
    let sandbox = sandbox();
    let who = customer_with(&sandbox, "pm_card_visa");
    assert_eq!(pay(&sandbox, &who, "").0, 200);
    assert!(sandbox.stripe_method_behaves(&who.1, "pm_card_chargeDeclined"));
    assert_eq!(pay(&sandbox, &who, "").0, 402);
    assert!(
        !sandbox.stripe_method_behaves(&who.1, "pm_usBankAccount"),
        "another kind"
    );
    assert!(!sandbox.stripe_method_behaves("pm_no", "pm_card_visa"));
}

#[test]
fn lists_of_intents() {
    let sandbox = sandbox();
    let who = customer_with(&sandbox, "pm_card_visa");
    let other = customer(&sandbox);
    stripe(
        &sandbox,
        "POST",
        PATH,
        &format!("amount=100&currency=usd&customer={other}"),
    );
    let mut ids = Vec::new();
    for _ in 0..3 {
        sandbox.clock().advance(10);
        ids.insert(
            0,
            pay(&sandbox, &who, "").1["id"].as_str().unwrap().to_owned(),
        );
    }
    let list = |query: &str| stripe(&sandbox, "GET", &format!("{PATH}?{query}"), "").1;
    let of = format!("customer={}", who.0);
    assert_eq!(column(&list(&of)["data"], "id"), ids);
    let page = list(&format!("{of}&limit=1&starting_after={}", ids[0]));
    assert_eq!(
        (column(&page["data"], "id"), &page["has_more"]),
        (vec![ids[1].clone()], &json!(true))
    );
    let page = list(&format!("{of}&ending_before={}", ids[1]));
    assert_eq!(column(&page["data"], "id"), [ids[0].clone()]);
    let now = sandbox.clock().now();
    let page = list(&format!("{of}&created[gt]={}", now - 20));
    assert_eq!(column(&page["data"], "id"), ids[..2]);
    let page = list("expand[]=data.latest_charge&limit=1");
    assert_eq!(page["data"][0]["latest_charge"]["object"], "charge");
    let charges = stripe(
        &sandbox,
        "GET",
        &format!("/v1/charges?{of}&expand[]=data.payment_intent"),
        "",
    )
    .1;
    assert_eq!(charges["data"][0]["payment_intent"]["id"], *ids[0]);
}
