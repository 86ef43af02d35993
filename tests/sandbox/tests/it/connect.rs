//! A platform, and OAuth between it and the account.

use serde_json::{Value, json};
use zenstripe_sandbox::{
    ACCOUNT, CLIENT_ID, OTHER_ACCOUNT, PLATFORM, Remote, Request, Response, Sandbox,
};

use crate::support::{customer_with, sandbox, send};

const REDIRECT: &str = "http%3A%2F%2F127.0.0.1%3A1%2Fback";

fn query(more: &str) -> String {
    format!(
        "response_type=code&client_id={CLIENT_ID}&scope=read_write&redirect_uri={REDIRECT}\
         &state=s%201{more}"
    )
}

fn page(sandbox: &Sandbox, query: &str) -> Response {
    let request = Request::new("GET", &format!("/oauth/authorize?{query}"));
    send(sandbox, Remote::Stripe, &request)
}

fn post(sandbox: &Sandbox, path: &str, body: &str) -> Response {
    let request = Request::new("POST", path).with_body(body.as_bytes().to_vec());
    send(sandbox, Remote::Stripe, &request)
}

/// Where the browser is sent after a button.
fn press(sandbox: &Sandbox, decision: &str, account: &str) -> String {
    let body = query(&format!("&decision={decision}&account={account}"));
    let answer = post(sandbox, "/oauth/authorize", &body);
    assert_eq!(answer.status, 302);
    answer.header("location").unwrap().to_owned()
}

fn code(location: &str) -> String {
    let (_, rest) = location.split_once("code=").unwrap();
    rest.split('&').next().unwrap().to_owned()
}

fn redeem(sandbox: &Sandbox, code: &str, key: &str) -> (u16, Value) {
    let body = format!("client_secret={key}&grant_type=authorization_code&code={code}");
    let answer = post(sandbox, "/oauth/token", &body);
    (answer.status, answer.value())
}

/// The account is connected; its access token.
fn connected(sandbox: &Sandbox) -> String {
    let code = code(&press(sandbox, "authorize", ACCOUNT));
    let (status, token) = redeem(sandbox, &code, "sk_test_platform");
    assert_eq!(status, 200, "{token}");
    token["access_token"].as_str().unwrap().to_owned()
}

fn call(sandbox: &Sandbox, method: &str, target: &str, key: &str, account: &str) -> (u16, Value) {
    let mut request =
        Request::new(method, target).with_header("Authorization", &format!("Bearer {key}"));
    if !account.is_empty() {
        request = request.with_header("Stripe-Account", account);
    }
    let answer = send(sandbox, Remote::Stripe, &request);
    (answer.status, answer.value())
}

#[test]
fn a_person_authorises_and_the_platform_acts_for_the_account() {
    let sandbox = sandbox();
    let shown = page(&sandbox, &query(""));
    let html = String::from_utf8_lossy(&shown.body).into_owned();
    assert_eq!(shown.status, 200);
    assert!(html.contains("name=\"state\" value=\"s 1\""), "{html}");
    assert!(html.contains("value=\"authorize\"") && html.contains("value=\"deny\""));

    let (status, refused) = call(
        &sandbox,
        "GET",
        "/v1/customers",
        "sk_test_platform",
        ACCOUNT,
    );
    assert_eq!(
        (status, &refused["error"]["code"]),
        (403, &json!("account_invalid"))
    );

    let location = press(&sandbox, "authorize", ACCOUNT);
    assert!(location.starts_with("http://127.0.0.1:1/back?scope=read_write&code=ac_"));
    assert!(location.ends_with("&state=s%201"), "{location}");
    let (status, token) = redeem(&sandbox, &code(&location), "sk_test_platform");
    assert_eq!(status, 200, "{token}");
    assert_eq!(
        (
            &token["stripe_user_id"],
            &token["livemode"],
            &token["token_type"]
        ),
        (&json!(ACCOUNT), &json!(false), &json!("bearer"))
    );
    let access = token["access_token"].as_str().unwrap();
    assert_eq!(sandbox.stripe_connected(), [ACCOUNT]);

    sandbox.stripe_create_customer(&json!({ "name": "a" }));
    for (key, account, id, customers) in [
        ("sk_test_platform", ACCOUNT, ACCOUNT, 1),
        ("sk_test_platform", "", PLATFORM, 0),
        (access, "", ACCOUNT, 1),
        ("sk_test_sandbox", "", ACCOUNT, 1),
    ] {
        let (_, shown) = call(&sandbox, "GET", "/v1/account", key, account);
        assert_eq!(shown["id"], id, "{key} {account}");
        let (_, list) = call(&sandbox, "GET", "/v1/customers", key, account);
        assert_eq!(
            list["data"].as_array().unwrap().len(),
            customers,
            "{key} {account}"
        );
    }
    let log = format!("{:?}", sandbox.exchanges());
    assert!(
        !log.contains(access) && !log.contains("client_secret=sk_"),
        "{log}"
    );
}

#[test]
fn a_person_says_no() {
    let sandbox = sandbox();
    let location = press(&sandbox, "deny", ACCOUNT);
    assert_eq!(
        location,
        "http://127.0.0.1:1/back?error=access_denied\
         &error_description=The%20user%20denied%20your%20request&state=s%201"
    );
    assert!(sandbox.stripe_connected().is_empty());
}

#[test]
fn what_cannot_be_sent_back_is_shown_as_json() {
    let sandbox = sandbox();
    sandbox.register_redirect("http://127.0.0.1:1/back");
    assert_eq!(page(&sandbox, &query("")).status, 200);
    for (query, word) in [
        (query("").replace(CLIENT_ID, "ca_other"), "invalid_client"),
        (query("").replace("back", "other"), "invalid_redirect_uri"),
        (
            query("").replace("read_write", "everything"),
            "invalid_scope",
        ),
        (
            query("").replace("response_type=code", "response_type=token"),
            "unsupported_response_type",
        ),
    ] {
        let answer = page(&sandbox, &query);
        assert!((400..500).contains(&answer.status), "{query}");
        assert_eq!(answer.value()["error"], word, "{query}");
        assert!(answer.value()["error_description"].is_string());
        assert_eq!(answer.header("location"), None);
    }
}

#[test]
fn a_code_lives_five_minutes_and_once() {
    let sandbox = sandbox();
    let late = code(&press(&sandbox, "authorize", ACCOUNT));
    sandbox.clock().advance(300);
    let (status, refused) = redeem(&sandbox, &late, "sk_test_platform");
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
    assert!(sandbox.stripe_connected().is_empty());

    let code = code(&press(&sandbox, "authorize", ACCOUNT));
    for (key, word) in [
        ("sk_test_sandbox", "invalid_client"),
        ("rk_test_sandbox", "invalid_client"),
        ("sk_live_platform", "invalid_grant"),
    ] {
        assert_eq!(redeem(&sandbox, &code, key).1["error"], word, "{key}");
    }
    assert_eq!(redeem(&sandbox, &code, "sk_test_platform").0, 200);
    assert_eq!(sandbox.stripe_connected(), [ACCOUNT]);
    let (status, refused) = redeem(&sandbox, &code, "sk_test_platform");
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
    assert!(
        sandbox.stripe_connected().is_empty(),
        "redeemed twice, it is taken back"
    );
}

#[test]
fn the_token_page_names_what_is_wrong_with_a_request() {
    let sandbox = sandbox();
    let secret = "client_secret=sk_test_platform";
    for (body, word) in [
        ("", "invalid_client"),
        ("client_secret=sk_test_platform", "invalid_request"),
        (
            &format!("{secret}&grant_type=magic"),
            "unsupported_grant_type",
        ),
        (
            &format!("{secret}&grant_type=authorization_code"),
            "invalid_request",
        ),
        (
            &format!("{secret}&grant_type=authorization_code&code=ac_1"),
            "invalid_grant",
        ),
    ] {
        let answer = post(&sandbox, "/oauth/token", body);
        assert_eq!(answer.value()["error"], word, "{body}");
    }
}

const ENDPOINTS: &str = "/v1/webhook_endpoints";

fn make_endpoint(sandbox: &Sandbox, key: &str, more: &str) {
    let body = format!("url=https%3A%2F%2Fe.com&enabled_events[]=*{more}");
    let request = Request::new("POST", ENDPOINTS)
        .with_header("Authorization", &format!("Bearer {key}"))
        .with_body(body.into_bytes());
    assert_eq!(send(sandbox, Remote::Stripe, &request).status, 200);
}

fn count_endpoints(sandbox: &Sandbox, account: &str) -> usize {
    let (_, list) = call(sandbox, "GET", ENDPOINTS, "sk_test_platform", account);
    list["data"].as_array().unwrap().len()
}

#[test]
fn a_connection_is_taken_back_once() {
    let sandbox = sandbox();
    let access = connected(&sandbox);
    let body = format!("client_id={CLIENT_ID}&stripe_user_id={ACCOUNT}");
    let request = Request::new("POST", "/oauth/deauthorize")
        .with_header("Authorization", "Bearer sk_test_platform")
        .with_body(body.into_bytes());
    let done = send(&sandbox, Remote::Stripe, &request);
    assert_eq!(done.value()["stripe_user_id"], ACCOUNT);
    let again = send(&sandbox, Remote::Stripe, &request);
    let word = &again.value()["error"];
    assert_eq!((again.status, word), (401, &json!("invalid_client")));
    let (status, refused) = call(&sandbox, "GET", "/v1/account", &access, "");
    let code = &refused["error"]["code"];
    assert_eq!((status, code), (401, &json!("platform_api_key_expired")));
    let (status, _) = call(&sandbox, "GET", "/v1/account", "sk_test_platform", ACCOUNT);
    assert_eq!(status, 403);
}

#[test]
fn the_platforms_endpoint_hears_of_a_connected_account_and_of_the_end() {
    let sandbox = sandbox();
    make_endpoint(&sandbox, "sk_test_platform", "&connect=true");
    make_endpoint(&sandbox, "sk_test_platform", "");
    make_endpoint(&sandbox, "sk_test_sandbox", "");
    assert_eq!(count_endpoints(&sandbox, ""), 2, "the platform's own alone");
    sandbox.stripe_create_customer(&json!({ "name": "before" }));
    connected(&sandbox);
    assert_eq!(count_endpoints(&sandbox, ACCOUNT), 1, "the account's own");
    sandbox.stripe_create_customer(&json!({ "name": "after" }));
    assert!(sandbox.stripe_revoke(ACCOUNT));
    assert!(!sandbox.stripe_revoke(ACCOUNT));

    let due = sandbox.due_deliveries(sandbox.clock().now());
    let mut told: Vec<(String, Value)> = due
        .iter()
        .map(|delivery| {
            let event: Value = serde_json::from_slice(&delivery.body).unwrap();
            (delivery.event_type.clone(), event["account"].clone())
        })
        .collect();
    told.sort_by_key(|(kind, account)| (kind.clone(), account.to_string()));
    let (gone, made) = ("account.application.deauthorized", "customer.created");
    let expected = [
        (gone, json!(ACCOUNT)),
        (made, json!(ACCOUNT)),
        (made, Value::Null),
        (made, Value::Null),
    ];
    assert_eq!(
        told,
        expected.map(|(kind, account)| (kind.to_owned(), account))
    );
    let (_, list) = call(&sandbox, "GET", "/v1/events", "sk_test_sandbox", "");
    let mut kinds = list["data"].as_array().unwrap().iter();
    assert!(kinds.all(|event| event["type"] == made), "{list}");
}

#[test]
fn a_person_can_connect_the_wrong_account() {
    let sandbox = sandbox();
    let code = code(&press(&sandbox, "authorize", OTHER_ACCOUNT));
    let (_, token) = redeem(&sandbox, &code, "sk_test_platform");
    assert_eq!(token["stripe_user_id"], OTHER_ACCOUNT);
    let (_, shown) = call(
        &sandbox,
        "GET",
        "/v1/account",
        "sk_test_platform",
        OTHER_ACCOUNT,
    );
    assert_eq!(shown["id"], OTHER_ACCOUNT);
    sandbox.stripe_create_customer(&json!({ "name": "a" }));
    let (_, list) = call(
        &sandbox,
        "GET",
        "/v1/customers",
        "sk_test_platform",
        OTHER_ACCOUNT,
    );
    assert_eq!(list["data"], json!([]));
}

#[test]
fn the_platform_charges_for_a_connected_account() {
    let sandbox = sandbox();
    let token = connected(&sandbox);
    let (customer, method) = customer_with(&sandbox, "pm_card_visa");
    let target = format!(
        "/v1/payment_intents?amount=500&currency=usd&customer={customer}&payment_method={method}\
         &confirm=true&off_session=true"
    );
    for (key, account, status) in [
        ("sk_test_platform", ACCOUNT, 200),
        (token.as_str(), "", 200),
        ("sk_test_platform", OTHER_ACCOUNT, 403),
        ("sk_test_platform", "", 400),
    ] {
        let (got, answer) = call(&sandbox, "POST", &target, key, account);
        assert_eq!(got, status, "{key} {account}: {answer}");
    }
    sandbox.stripe_revoke(ACCOUNT);
    let (status, _) = call(&sandbox, "POST", &target, &token, "");
    assert_eq!(status, 401);
    assert_eq!(sandbox.money().taken.len(), 2);
}
