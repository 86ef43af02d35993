//! Stripe's API: keys, parameters, lists, idempotency, limits, events.

use serde_json::{Value, json};
use zenstripe_sandbox::{ACCOUNT, Fault, FaultKind, Remote, Request, Sandbox};

use crate::support::{NOW, column, sandbox, send, stripe, stripe_request};

fn create(sandbox: &Sandbox, body: &str) -> String {
    let (status, customer) = stripe(sandbox, "POST", "/v1/customers", body);
    assert_eq!(status, 200, "{customer}");
    customer["id"].as_str().unwrap().to_owned()
}

#[test]
fn who_is_let_in() {
    let sandbox = sandbox();
    sandbox.expire_key("rk_test_sandbox");
    let get = |headers: &[(&str, &str)]| {
        let mut request = Request::new("GET", "/v1/account");
        for (name, value) in headers {
            request = request.with_header(name, value);
        }
        let response = send(&sandbox, Remote::Stripe, &request);
        (response.status, response.value()["error"]["code"].clone())
    };
    let key = ("Authorization", "Bearer sk_test_sandbox");
    for (headers, status, code) in [
        (vec![], 401, Value::Null),
        (
            vec![("Authorization", "Bearer sk_test_wrong")],
            401,
            Value::Null,
        ),
        (
            vec![("Authorization", "Bearer sk_live_sandbox")],
            401,
            Value::Null,
        ),
        (
            vec![("Authorization", "Bearer rk_test_sandbox")],
            401,
            json!("api_key_expired"),
        ),
        (
            vec![("Authorization", "Basic c2tfdGVzdF9zYW5kYm94Og==")],
            200,
            Value::Null,
        ),
        (vec![key], 200, Value::Null),
        (
            vec![key, ("Stripe-Version", "2020-08-27")],
            200,
            Value::Null,
        ),
        (
            vec![key, ("Stripe-Version", "2020-08-28")],
            400,
            Value::Null,
        ),
        (vec![key, ("Stripe-Account", ACCOUNT)], 200, Value::Null),
        (
            vec![key, ("Stripe-Account", "acct_other")],
            403,
            json!("account_invalid"),
        ),
    ] {
        assert_eq!(get(&headers), (status, code), "{headers:?}");
    }
    sandbox.switch(|s| s.stripe.deauthorized = true);
    assert_eq!(get(&[key, ("Stripe-Account", ACCOUNT)]).0, 403);
    assert_eq!(get(&[key]).0, 200);
}

#[test]
fn restricted_keys_lack_what_is_switched_off() {
    let sandbox = sandbox();
    sandbox.switch(|s| {
        s.stripe
            .denied_permissions
            .insert("rak_accounts_kyc_basic_read".to_owned());
    });
    let get = |key: &str| {
        let bearer = format!("Bearer {key}");
        let request = Request::new("GET", "/v1/account").with_header("Authorization", &bearer);
        send(&sandbox, Remote::Stripe, &request)
    };
    assert_eq!(get("sk_test_sandbox").value()["id"], ACCOUNT);
    let refused = get("rk_test_sandbox");
    assert_eq!(refused.status, 403);
    let message = refused.value()["error"]["message"].to_string();
    assert!(message.contains("rak_accounts_kyc_basic_read"), "{message}");
}

#[test]
fn headers_of_an_answer() {
    let sandbox = sandbox();
    let request = stripe_request("GET", "/v1/customers", "");
    let response = send(&sandbox, Remote::Stripe, &request);
    assert_eq!(
        response.header("Date"),
        Some("Thu, 28 May 2026 20:26:40 GMT")
    );
    assert_eq!(response.header("Stripe-Version"), Some("2026-05-27.dahlia"));
    assert!(response.header("Request-Id").unwrap().starts_with("req_"));
    let request = request.with_header("Stripe-Version", "2025-03-31.basil");
    let response = send(&sandbox, Remote::Stripe, &request);
    assert_eq!(response.header("Stripe-Version"), Some("2025-03-31.basil"));
}

#[test]
fn a_customer_lives_and_dies() {
    let sandbox = sandbox();
    let id = create(
        &sandbox,
        "name=J%C3%B6+Doe&email=jo%40example.com&address[line1]=1+Main&address[city]=Lyon\
         &metadata[a]=1&metadata[b]=2",
    );
    let path = format!("/v1/customers/{id}");
    let (_, customer) = stripe(&sandbox, "GET", &path, "");
    assert_eq!(customer["name"], "Jö Doe");
    assert_eq!(customer["address"]["city"], "Lyon");
    assert_eq!(customer["address"]["line2"], Value::Null);
    assert_eq!(customer["created"], NOW);
    let body = "name=&address[city]=Nice&metadata[a]=&metadata[c]=3&balance=-500";
    let (_, customer) = stripe(&sandbox, "POST", &path, body);
    assert_eq!(customer["name"], Value::Null);
    assert_eq!(
        customer["address"]["line1"], "1 Main",
        "sub-keys not sent stay"
    );
    assert_eq!(customer["metadata"], json!({"b": "2", "c": "3"}));
    assert_eq!(customer["balance"], -500);
    let (_, customer) = stripe(&sandbox, "POST", &path, "address=&metadata=");
    assert_eq!(
        (&customer["address"], &customer["metadata"]),
        (&Value::Null, &json!({}))
    );
    let gone = json!({"id": id, "object": "customer", "deleted": true});
    assert_eq!(stripe(&sandbox, "DELETE", &path, ""), (200, gone.clone()));
    assert_eq!(stripe(&sandbox, "GET", &path, ""), (200, gone));
    for (method, body) in [("POST", "name=x"), ("DELETE", "")] {
        let (status, error) = stripe(&sandbox, method, &path, body);
        assert_eq!(
            (status, &error["error"]["code"]),
            (404, &json!("resource_missing"))
        );
    }
    assert_eq!(
        stripe(&sandbox, "GET", "/v1/customers", "").1["data"],
        json!([])
    );
    let events = sandbox.stripe_events();
    let kinds = column(&json!(events), "type");
    let updated = "customer.updated";
    assert_eq!(
        kinds,
        ["customer.deleted", updated, updated, "customer.created"]
    );
    assert_eq!(
        events[0]["data"]["object"].get("deleted"),
        None,
        "the whole last object"
    );
    assert_eq!(
        events[2]["data"]["previous_attributes"],
        json!({
            "name": "Jö Doe", "balance": 0, "address": {"city": "Lyon"},
            "metadata": {"a": "1", "c": null},
        })
    );
}

#[test]
fn an_address_can_be_replaced_whole() {
    let sandbox = sandbox();
    let id = create(&sandbox, "address[line1]=1+Main&address[city]=Lyon");
    sandbox.switch(|s| s.stripe.address_replaced = true);
    let path = format!("/v1/customers/{id}");
    let (_, customer) = stripe(&sandbox, "POST", &path, "address[city]=Nice");
    assert_eq!(customer["address"]["line1"], Value::Null);
}

#[test]
fn a_change_of_nothing_makes_no_event() {
    let sandbox = sandbox();
    let id = create(&sandbox, "name=a");
    stripe(&sandbox, "POST", &format!("/v1/customers/{id}"), "name=a");
    assert_eq!(sandbox.stripe_events().len(), 1);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn what_is_refused() {
    let sandbox = sandbox();
    let id = create(&sandbox, "name=a");
    let one = format!("/v1/customers/{id}");
    for (method, path, body, status, code, param) in [
        (
            "POST",
            "/v1/customers",
            "foo=1",
            400,
            json!("parameter_unknown"),
            "foo",
        ),
        (
            "POST",
            "/v1/customers",
            "address[zip]=1",
            400,
            json!("parameter_unknown"),
            "address[zip]",
        ),
        (
            "POST",
            &*one,
            "tax_id_data[0][type]=eu_vat",
            400,
            json!("parameter_unknown"),
            "tax_id_data",
        ),
        (
            "POST",
            "/v1/customers",
            "email=nobody",
            400,
            json!("email_invalid"),
            "email",
        ),
        (
            "POST",
            "/v1/customers",
            "source=tok_no",
            400,
            json!("resource_missing"),
            "source",
        ),
        (
            "POST",
            &one,
            "invoice_settings[default_payment_method]=pm_1",
            400,
            json!("resource_missing"),
            "invoice_settings[default_payment_method]",
        ),
        (
            "GET",
            "/v1/customers?limit=0",
            "",
            400,
            json!("parameter_invalid_integer"),
            "limit",
        ),
        (
            "GET",
            "/v1/customers?limit=101",
            "",
            400,
            json!("parameter_invalid_integer"),
            "limit",
        ),
        (
            "GET",
            "/v1/customers?offset=1",
            "",
            400,
            json!("parameter_unknown"),
            "offset",
        ),
        (
            "GET",
            "/v1/customers?expand[]=data.foo",
            "",
            400,
            Value::Null,
            "expand",
        ),
        (
            "GET",
            "/v1/customers?starting_after=cus_no",
            "",
            400,
            json!("resource_missing"),
            "starting_after",
        ),
        (
            "GET",
            "/v1/customers/cus_no",
            "",
            404,
            json!("resource_missing"),
            "id",
        ),
        (
            "GET",
            "/v1/events/evt_no",
            "",
            404,
            json!("resource_missing"),
            "id",
        ),
        (
            "DELETE",
            &one,
            "force=true",
            400,
            json!("parameter_unknown"),
            "force",
        ),
    ] {
        let (got, answer) = stripe(&sandbox, method, path, body);
        let error = &answer["error"];
        assert_eq!(
            (got, &error["code"], &error["param"], &error["type"]),
            (
                status,
                &code,
                &json!(param),
                &json!("invalid_request_error")
            ),
            "{method} {path} {body}: {answer}"
        );
    }
    let (status, answer) = stripe(&sandbox, "GET", "/v1/nothing", "");
    assert_eq!(status, 404);
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("Unrecognized request URL")
    );
    let json = Request::new("POST", "/v1/customers")
        .with_header("Authorization", "Bearer sk_test_sandbox")
        .with_header("Content-Type", "application/json")
        .with_body("{}");
    assert_eq!(send(&sandbox, Remote::Stripe, &json).status, 400);
    assert_eq!(sandbox.stripe_events().len(), 1, "refusals leave no trace");
}

#[test]
fn lists_of_customers() {
    let sandbox = sandbox();
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(create(&sandbox, &format!("email=u{}@example.com", n % 2)));
        sandbox.clock().advance(1);
    }
    let list = |query: &str| {
        let (_, answer) = stripe(&sandbox, "GET", &format!("/v1/customers?{query}"), "");
        let found = column(&answer["data"], "id");
        let places: Vec<usize> = found
            .iter()
            .map(|id| ids.iter().position(|known| known == id).unwrap())
            .collect();
        (places, answer["has_more"].as_bool().unwrap())
    };
    let (two, from) = (&ids[2], NOW + 1);
    assert_eq!(list(""), (vec![4, 3, 2, 1, 0], false));
    assert_eq!(list("limit=2"), (vec![4, 3], true));
    assert_eq!(
        list(&format!("limit=2&starting_after={two}")),
        (vec![1, 0], false)
    );
    assert_eq!(
        list(&format!("limit=1&ending_before={two}")),
        (vec![3], true)
    );
    assert_eq!(list("email=u1@example.com"), (vec![3, 1], false));
    assert_eq!(
        list(&format!("created[gte]={from}&created[lt]={}", NOW + 3)),
        (vec![2, 1], false)
    );
    assert_eq!(list(&format!("created={from}")), (vec![1], false));
}

#[test]
fn idempotency() {
    let sandbox = sandbox();
    let post = |key: &str, target: &str, body: &str| {
        let request = stripe_request("POST", target, body).with_header("Idempotency-Key", key);
        let response = send(&sandbox, Remote::Stripe, &request);
        let replayed = response.header("Idempotent-Replayed").is_some();
        (response.status, response.value(), replayed)
    };
    let (_, first, replayed) = post("k", "/v1/customers", "name=a&phone=1");
    assert!(!replayed);
    assert_eq!(
        post("k", "/v1/customers", "phone=1&name=a"),
        (200, first.clone(), true)
    );
    let (status, error, _) = post("k", "/v1/customers", "name=b");
    assert_eq!(
        (status, &error["error"]["type"]),
        (400, &json!("idempotency_error"))
    );
    let id = first["id"].as_str().unwrap();
    let (_, error, _) = post("k", &format!("/v1/customers/{id}"), "name=a&phone=1");
    assert_eq!(error["error"]["type"], "idempotency_error");
    assert_eq!(post("v", "/v1/customers", "foo=1").0, 400);
    assert_eq!(
        post("v", "/v1/customers", "name=c").0,
        200,
        "a failed validation is not kept"
    );
    assert_eq!(post(&"x".repeat(256), "/v1/customers", "name=c").0, 400);
    let event = &sandbox.stripe_events()[1];
    assert_eq!(event["request"]["idempotency_key"], "k");
    assert!(event["request"]["id"].as_str().unwrap().starts_with("req_"));
    sandbox.clock().advance(24 * 3600);
    let (_, again, replayed) = post("k", "/v1/customers", "name=a&phone=1");
    assert!(!replayed);
    assert_ne!(again["id"], first["id"], "after a day the key is new");
}

#[test]
fn a_500_is_kept_and_a_key_is_busy_until_its_answer_is_there() {
    let sandbox = sandbox();
    let post = |key: &str| {
        let request =
            stripe_request("POST", "/v1/customers", "name=a").with_header("Idempotency-Key", key);
        let response = send(&sandbox, Remote::Stripe, &request);
        (response.status, response.value()["error"]["code"].clone())
    };
    let _id = sandbox.order_fault(Fault::next(
        Remote::Stripe,
        FaultKind::ServerError { applied: true },
    ));
    assert_eq!(post("a"), (500, Value::Null));
    assert_eq!(post("a"), (500, Value::Null), "replayed");
    assert_eq!(sandbox.stripe_events().len(), 1, "it was applied once");
    let _id = sandbox.order_fault(Fault::next(Remote::Stripe, FaultKind::Unavailable));
    assert_eq!((post("b").0, post("b").0), (503, 200), "a 503 is not kept");
    let _id = sandbox.order_fault(Fault::next(Remote::Stripe, FaultKind::Delay { ms: 3000 }));
    assert_eq!(post("c").0, 200);
    assert_eq!(post("c"), (409, json!("idempotency_key_in_use")));
    sandbox.clock().advance(3);
    assert_eq!(post("c").0, 200);
}

#[test]
fn limits_and_the_allowance_of_reads() {
    let sandbox = sandbox();
    sandbox.switch(|s| {
        s.stripe.rate_limits = true;
        s.stripe.account_rate = 3;
        s.stripe.endpoint_rate = 2;
    });
    let get = |path: &str| {
        let response = send(&sandbox, Remote::Stripe, &stripe_request("GET", path, ""));
        let reason = response
            .header("Stripe-Rate-Limited-Reason")
            .map(str::to_owned);
        (response.status, reason)
    };
    assert_eq!(get("/v1/customers").0, 200);
    assert_eq!(get("/v1/customers").0, 200);
    assert_eq!(
        get("/v1/customers"),
        (429, Some("endpoint-rate".to_owned()))
    );
    assert_eq!(get("/v1/events").0, 200);
    assert_eq!(get("/v1/account"), (429, Some("global-rate".to_owned())));
    sandbox.clock().advance_ms(500);
    assert_eq!(get("/v1/customers").0, 200);
    assert_eq!(sandbox.stripe_reads(), 4);
    sandbox.switch(|s| {
        s.stripe.rate_limits = false;
        s.stripe.read_allowance = Some(5);
    });
    assert_eq!(get("/v1/account").0, 200);
    assert_eq!(get("/v1/account").0, 429);
    sandbox.clock().advance(31 * 86_400);
    assert_eq!(get("/v1/account").0, 200);
}

#[test]
fn the_events_list() {
    let sandbox = sandbox();
    let id = create(&sandbox, "name=a");
    sandbox.clock().advance(10);
    sandbox.stripe_update_customer(&id, &json!({"name": "b"}));
    sandbox.inject_event("customer.updated", Some("acct_foreign"), false, json!({}));
    sandbox.inject_event(
        "invoice.paid",
        None,
        false,
        json!({"id": "in_1", "object": "invoice"}),
    );
    let list = |query: &str| {
        let (status, answer) = stripe(&sandbox, "GET", &format!("/v1/events?{query}"), "");
        if status == 200 {
            Ok(column(&answer["data"], "type"))
        } else {
            Err(answer)
        }
    };
    let (created, updated) = ("customer.created", "customer.updated");
    assert_eq!(
        list("").unwrap(),
        ["invoice.paid", updated, created],
        "no foreign ones"
    );
    assert_eq!(list("type=customer.*").unwrap(), [updated, created]);
    let types = "types[]=customer.created&types[]=invoice.paid";
    assert_eq!(list(types).unwrap(), ["invoice.paid", created]);
    assert!(list(&format!("{types}&type=invoice.paid")).is_err());
    assert!(list(&"types[]=a&".repeat(21)).is_err());
    assert_eq!(
        list(&format!("created[gt]={NOW}")).unwrap(),
        ["invoice.paid", updated]
    );
    assert_eq!(
        list("delivery_success=true").unwrap().len(),
        3,
        "nobody waits for any"
    );
    let events = stripe(&sandbox, "GET", "/v1/events", "").1;
    let oldest = events["data"][2]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        list(&format!("ending_before={oldest}&limit=1")).unwrap(),
        [updated]
    );
    let (_, one) = stripe(&sandbox, "GET", &format!("/v1/events/{oldest}"), "");
    assert_eq!(one, events["data"][2]);

    sandbox.clock().set(NOW + 30 * 86_400 + 5);
    assert_eq!(list("").unwrap(), ["invoice.paid", updated]);
    assert_eq!(
        stripe(&sandbox, "GET", &format!("/v1/events/{oldest}"), "").0,
        404
    );
    let refused = list(&format!("starting_after={oldest}")).unwrap_err();
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("aged out of our retention policy"),
        "{message}"
    );
}

#[test]
fn events_can_show_late_and_out_of_order() {
    let sandbox = sandbox();
    let count = || {
        stripe(&sandbox, "GET", "/v1/events", "").1["data"]
            .as_array()
            .unwrap()
            .len()
    };
    let _id = sandbox.order_fault(Fault::next(
        Remote::Stripe,
        FaultKind::LateEvent { secs: 5 },
    ));
    let late = create(&sandbox, "name=late");
    create(&sandbox, "name=early");
    let (_, answer) = stripe(&sandbox, "GET", "/v1/events", "");
    assert_ne!(answer["data"][0]["data"]["object"]["id"], late);
    assert_eq!(count(), 1);
    sandbox.clock().advance(5);
    assert_eq!(count(), 2);
    sandbox.switch(|s| s.stripe.event_lag = 3);
    create(&sandbox, "name=c");
    assert_eq!(count(), 2);
    sandbox.clock().advance(3);
    assert_eq!(count(), 3);
}

#[test]
fn events_keep_the_version_they_were_made_in() {
    let sandbox = sandbox();
    sandbox.switch(|s| s.stripe.account_version = "2020-03-02".to_owned());
    create(&sandbox, "name=a");
    sandbox.switch(|s| s.stripe.account_version = "2026-05-27.dahlia".to_owned());
    create(&sandbox, "name=b");
    let request =
        stripe_request("GET", "/v1/events", "").with_header("Stripe-Version", "2026-05-27.dahlia");
    let events = send(&sandbox, Remote::Stripe, &request).value();
    let versions = column(&events["data"], "api_version");
    assert_eq!(versions, ["2026-05-27.dahlia", "2020-03-02"]);
    let object = |n: usize| &events["data"][n]["data"]["object"];
    assert_eq!(object(0).get("sources"), None);
    assert_eq!(object(1)["sources"]["total_count"], 0);
}

#[test]
fn the_same_calls_give_the_same_answers() {
    let run = || {
        let sandbox = sandbox();
        sandbox.seed_customers(3);
        create(&sandbox, "name=a&metadata[x]=1");
        let (_, customers) = stripe(&sandbox, "GET", "/v1/customers", "");
        (customers, sandbox.stripe_events(), sandbox.exchanges())
    };
    assert_eq!(run(), run());
}
