//! Short ways to ask the sandbox.

use serde_json::Value;
use zenstripe_sandbox::{Options, Outcome, Remote, Request, Response, Sandbox};

/// Where the clock of every test starts.
pub(crate) const NOW: i64 = 1_780_000_000;

pub(crate) fn sandbox() -> Sandbox {
    Sandbox::new(Options {
        now_unix: NOW,
        ..Options::default()
    })
}

pub(crate) fn stripe_request(method: &str, target: &str, body: &str) -> Request {
    let request = Request::new(method, target)
        .with_header("Authorization", "Bearer sk_test_sandbox")
        .with_body(body.as_bytes().to_vec());
    if body.is_empty() {
        return request;
    }
    request.with_header("Content-Type", "application/x-www-form-urlencoded")
}

pub(crate) fn zenskar_request(method: &str, target: &str, body: &str) -> Request {
    Request::new(method, target)
        .with_header("x-api-key", "sandbox_key")
        .with_header("organisation", "0f0e0d0c-0b0a-4908-8706-050403020100")
        .with_header("apiversion", "20230501")
        .with_header("Content-Type", "application/json")
        .with_body(body.as_bytes().to_vec())
}

/// The answer to a request; panics if the connection was lost.
pub(crate) fn send(sandbox: &Sandbox, remote: Remote, request: &Request) -> Response {
    match sandbox.handle(remote, request).outcome {
        Outcome::Answer(response) => response,
        Outcome::ConnectionLost => panic!("connection lost: {} {}", request.method, request.path),
    }
}

pub(crate) fn stripe(sandbox: &Sandbox, method: &str, target: &str, body: &str) -> (u16, Value) {
    let response = send(
        sandbox,
        Remote::Stripe,
        &stripe_request(method, target, body),
    );
    (response.status, response.value())
}

pub(crate) fn zenskar(sandbox: &Sandbox, method: &str, target: &str, body: &str) -> (u16, Value) {
    let response = send(
        sandbox,
        Remote::Zenskar,
        &zenskar_request(method, target, body),
    );
    (response.status, response.value())
}

/// The answer to a POST to Stripe under an idempotency key, with all of it.
pub(crate) fn keyed(sandbox: &Sandbox, key: &str, target: &str, body: &str) -> Response {
    let request = stripe_request("POST", target, body).with_header("Idempotency-Key", key);
    send(sandbox, Remote::Stripe, &request)
}

/// A new Stripe customer.
pub(crate) fn customer(sandbox: &Sandbox) -> String {
    sandbox.stripe_create_customer(&serde_json::json!({ "name": "Jo" }))
}

/// A new Stripe customer with a method made from a test id.
pub(crate) fn customer_with(sandbox: &Sandbox, test_method: &str) -> (String, String) {
    let customer = customer(sandbox);
    let method = sandbox.stripe_attach(&customer, test_method).unwrap();
    (customer, method)
}

/// A new Zenskar customer.
pub(crate) fn payer(sandbox: &Sandbox) -> String {
    let fields = serde_json::json!({ "customer_name": "Acme", "external_id": "acme-1" });
    sandbox.zenskar_create_customer(&fields).unwrap()
}

/// A new Zenskar invoice of a customer over so many cents.
pub(crate) fn bill(sandbox: &Sandbox, customer: &str, amount: i64) -> String {
    let fields = serde_json::json!({ "customer_id": customer, "amount": amount });
    sandbox.zenskar_create_invoice(&fields).unwrap()
}

/// The types of all events since there were `before`, oldest first.
pub(crate) fn kinds_since(sandbox: &Sandbox, before: usize) -> Vec<String> {
    let events = sandbox.stripe_events();
    let new = events.len() - before;
    let kinds = events.iter().take(new).rev();
    kinds
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect()
}

/// A member of each item of a list.
pub(crate) fn column(list: &Value, name: &str) -> Vec<String> {
    let items = list.as_array().unwrap();
    items
        .iter()
        .map(|item| item[name].as_str().unwrap().to_owned())
        .collect()
}
