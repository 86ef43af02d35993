//! Payment methods of Stripe customers: attached, listed, made the default, detached.

use serde_json::{Value, json};

use crate::support::{
    column, customer, customer_with, kinds_since, sandbox, stripe, stripe_request,
};

#[test]
fn a_test_method_becomes_a_new_one_of_the_customer() {
    let sandbox = sandbox();
    let customer = customer(&sandbox);
    for (test, kind, last4) in [
        ("pm_card_visa", "card", "4242"),
        ("pm_card_visa_chargeDeclined", "card", "0002"),
        ("pm_card_authenticationRequired", "card", "3184"),
        ("pm_usBankAccount_success", "us_bank_account", "6789"),
        ("pm_success_de", "sepa_debit", "3000"),
    ] {
        let path = format!("/v1/payment_methods/{test}/attach");
        let (status, made) = stripe(&sandbox, "POST", &path, &format!("customer={customer}"));
        assert_eq!(status, 200, "{made}");
        let id = made["id"].as_str().unwrap();
        assert!(id.starts_with("pm_1") && id != test, "{id}");
        assert_eq!(made["customer"], *customer);
        assert_eq!(made["type"], kind);
        assert_eq!(made[kind]["last4"], last4);
        let path = format!("/v1/payment_methods/{id}");
        assert_eq!(stripe(&sandbox, "GET", &path, ""), (200, made.clone()));
        let path = format!("/v1/customers/{customer}/payment_methods/{id}");
        assert_eq!(stripe(&sandbox, "GET", &path, ""), (200, made));
    }
    let list = |query: &str| {
        let path = format!("/v1/customers/{customer}/payment_methods{query}");
        stripe(&sandbox, "GET", &path, "").1
    };
    let types = ["sepa_debit", "us_bank_account", "card", "card", "card"];
    assert_eq!(column(&list("")["data"], "type"), types, "newest first");
    assert_eq!(list("?type=card")["data"].as_array().unwrap().len(), 3);
    let page = list("?limit=2");
    assert_eq!(page["has_more"], true);
    let last = page["data"][1]["id"].as_str().unwrap();
    let rest = list(&format!("?starting_after={last}"));
    assert_eq!(column(&rest["data"], "type"), ["card", "card", "card"]);
    let all = stripe(
        &sandbox,
        "GET",
        &format!("/v1/payment_methods?customer={customer}&expand[]=data.customer"),
        "",
    )
    .1;
    assert_eq!(all["data"][0]["customer"]["name"], "Jo");
}

#[test]
fn what_cannot_be_attached() {
    let sandbox = sandbox();
    let (one, method) = customer_with(&sandbox, "pm_card_visa");
    let other = customer(&sandbox);
    let gone = customer(&sandbox);
    sandbox.stripe_delete_customer(&gone);
    for (method, customer, status, code) in [
        ("pm_no", one.as_str(), 404, json!("resource_missing")),
        ("pm_card_visa", "cus_no", 400, json!("resource_missing")),
        ("pm_card_visa", &gone, 400, json!("resource_missing")),
        (&method, &other, 400, Value::Null),
        (&method, &one, 200, Value::Null),
    ] {
        let path = format!("/v1/payment_methods/{method}/attach");
        let (got, answer) = stripe(&sandbox, "POST", &path, &format!("customer={customer}"));
        assert_eq!(got, status, "{method} {customer}: {answer}");
        assert_eq!(answer["error"]["code"], code, "{method} {customer}");
    }
    let detach = format!("/v1/payment_methods/{method}/detach");
    assert_eq!(stripe(&sandbox, "POST", &detach, "").0, 200);
    assert_eq!(stripe(&sandbox, "POST", &detach, "").0, 400, "once");
    let attach = format!("/v1/payment_methods/{method}/attach");
    let (status, error) = stripe(&sandbox, "POST", &attach, &format!("customer={one}"));
    assert_eq!(status, 400, "{error}");
}

#[test]
fn the_default_changes_with_events() {
    let sandbox = sandbox();
    let (customer, first) = customer_with(&sandbox, "pm_card_visa");
    let second = sandbox
        .stripe_attach(&customer, "pm_card_mastercard")
        .unwrap();
    let (_, foreign) = customer_with(&sandbox, "pm_card_visa");
    let path = format!("/v1/customers/{customer}");
    let field = "invoice_settings[default_payment_method]";
    for (id, status) in [(&first, 200), (&second, 200), (&foreign, 400)] {
        let (got, answer) = stripe(&sandbox, "POST", &path, &format!("{field}={id}"));
        assert_eq!(got, status, "{answer}");
        if status == 400 {
            assert_eq!(answer["error"]["param"], field);
            assert_eq!(answer["error"]["code"], "resource_missing");
        }
    }
    let event = &sandbox.stripe_events()[0];
    assert_eq!(event["type"], "customer.updated");
    let previous = json!({ "invoice_settings": { "default_payment_method": first } });
    assert_eq!(event["data"]["previous_attributes"], previous);
    let expand = "expand[]=invoice_settings.default_payment_method";
    let (_, shown) = stripe(&sandbox, "GET", &format!("{path}?{expand}"), "");
    let default = &shown["invoice_settings"]["default_payment_method"];
    assert_eq!(default["card"]["brand"], "mastercard");

    let before = sandbox.stripe_events().len();
    let detach = format!("/v1/payment_methods/{second}/detach");
    let (_, detached) = stripe(&sandbox, "POST", &detach, "");
    assert_eq!(detached["customer"], Value::Null);
    let kinds = ["payment_method.detached", "customer.updated"];
    assert_eq!(kinds_since(&sandbox, before), kinds);
    let event = &sandbox.stripe_events()[1];
    assert_eq!(event["data"]["previous_attributes"]["customer"], *customer);
    let shown = sandbox.stripe_customer(&customer);
    assert_eq!(
        shown["invoice_settings"]["default_payment_method"],
        Value::Null
    );
}

#[test]
fn a_default_can_be_cleared() {
    let sandbox = sandbox();
    let (customer, method) = customer_with(&sandbox, "pm_card_visa");
    assert!(sandbox.stripe_set_default(&customer, Some(&method)));
    assert!(!sandbox.stripe_set_default(&customer, Some("pm_no")));
    let path = format!("/v1/customers/{customer}");
    let body = "invoice_settings[default_payment_method]=";
    let (status, shown) = stripe(&sandbox, "POST", &path, body);
    assert_eq!(status, 200);
    let default = &shown["invoice_settings"]["default_payment_method"];
    assert_eq!(*default, Value::Null);
}

#[test]
fn a_legacy_card_is_the_default_source() {
    let sandbox = sandbox();
    let customer = customer(&sandbox);
    let path = format!("/v1/customers/{customer}");
    let (status, shown) = stripe(&sandbox, "POST", &path, "source=tok_visa&expand[]=sources");
    assert_eq!(status, 200, "{shown}");
    let card = shown["default_source"].as_str().unwrap().to_owned();
    assert!(card.starts_with("card_1"));
    assert_eq!(shown["sources"]["data"][0]["object"], "card");
    assert_eq!(
        column(&json!(sandbox.stripe_payment_methods(&customer)), "id"),
        [card.as_str()]
    );
    let (_, shown) = stripe(
        &sandbox,
        "GET",
        &format!("{path}?expand[]=default_source"),
        "",
    );
    assert_eq!(shown["default_source"]["brand"], "Visa");
    let method = sandbox.stripe_attach(&customer, "pm_card_visa").unwrap();
    for (body, status, param) in [
        (format!("default_source={card}"), 200, Value::Null),
        (
            format!("default_source={method}"),
            400,
            json!("default_source"),
        ),
        (
            "default_source=card_no".to_owned(),
            400,
            json!("default_source"),
        ),
        ("source=tok_no".to_owned(), 400, json!("source")),
    ] {
        let (got, answer) = stripe(&sandbox, "POST", &path, &body);
        assert_eq!((got, &answer["error"]["param"]), (status, &param), "{body}");
    }
}

#[test]
fn a_customer_can_be_made_with_a_method() {
    let sandbox = sandbox();
    let body = "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa";
    let (status, made) = stripe(&sandbox, "POST", "/v1/customers", body);
    assert_eq!(status, 200, "{made}");
    let id = made["id"].as_str().unwrap();
    let methods = sandbox.stripe_payment_methods(id);
    let default = &made["invoice_settings"]["default_payment_method"];
    assert_eq!((methods.len(), default), (1, &methods[0]["id"]));
    let body = "invoice_settings[default_payment_method]=pm_card_visa";
    assert_eq!(stripe(&sandbox, "POST", "/v1/customers", body).0, 400);
    sandbox.stripe_delete_customer(id);
    let path = format!("/v1/payment_methods/{}", default.as_str().unwrap());
    assert_eq!(
        stripe(&sandbox, "GET", &path, "").1["customer"],
        Value::Null
    );
    let path = format!("/v1/customers/{id}/payment_methods");
    assert_eq!(stripe(&sandbox, "GET", &path, "").0, 404);
}

#[test]
fn restricted_keys_need_the_permission() {
    let sandbox = sandbox();
    let (customer, method) = customer_with(&sandbox, "pm_card_visa");
    for (permission, verb, path, body) in [
        (
            "rak_payment_method_read",
            "GET",
            format!("/v1/payment_methods/{method}"),
            "",
        ),
        (
            "rak_payment_method_write",
            "POST",
            format!("/v1/payment_methods/{method}/detach"),
            "",
        ),
        (
            "rak_payment_intent_read",
            "GET",
            "/v1/payment_intents".to_owned(),
            "",
        ),
        (
            "rak_payment_intent_write",
            "POST",
            "/v1/payment_intents".to_owned(),
            "amount=1",
        ),
        (
            "rak_payment_intent_write",
            "POST",
            "/v1/payment_intents/pi_no/cancel".to_owned(),
            "",
        ),
        ("rak_charge_read", "GET", "/v1/charges".to_owned(), ""),
        (
            "rak_customer_read",
            "GET",
            format!("/v1/payment_methods/{method}?expand[]=customer"),
            "",
        ),
    ] {
        sandbox.switch(|s| {
            s.stripe.denied_permissions = std::iter::once(permission.to_owned()).collect();
        });
        let mut request = stripe_request(verb, &path, body);
        request.headers[0].1 = "Bearer rk_test_sandbox".to_owned();
        let response = crate::support::send(&sandbox, zenstripe_sandbox::Remote::Stripe, &request);
        let error = response.value();
        assert_eq!(response.status, 403, "{permission}: {error}");
        assert!(
            error["error"]["message"]
                .as_str()
                .unwrap()
                .contains(permission)
        );
    }
    assert_eq!(
        sandbox.stripe_payment_methods(&customer).len(),
        1,
        "nothing was done"
    );
}
