//! Faults of requests, as both remotes' clients see them.

use serde_json::{Value, json};
use zenstripe_sandbox::{Fault, FaultKind, Outcome, Remote, Request};

use crate::support::{sandbox, stripe, stripe_request, zenskar, zenskar_request};

/// Status, or 0 for a lost connection; the header that tells why; the delay; whether applied.
#[test]
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn what_a_client_sees() {
    let limited = FaultKind::TooManyRequests {
        reason: Some("global-rate".to_owned()),
        retry_after: Some(7),
    };
    let bare = FaultKind::TooManyRequests {
        reason: None,
        retry_after: None,
    };
    let (stripe, zenskar) = (Remote::Stripe, Remote::Zenskar);
    for (remote, kind, status, header, delay_ms, applied) in [
        (stripe, FaultKind::LoseRequest, 0, None, 0, false),
        (stripe, FaultKind::LoseResponse, 0, None, 0, true),
        (stripe, limited.clone(), 429, Some("global-rate"), 0, false),
        (stripe, bare.clone(), 429, None, 0, false),
        (stripe, FaultKind::LockTimeout, 429, None, 0, false),
        (stripe, FaultKind::Conflict, 409, None, 0, false),
        (
            stripe,
            FaultKind::ServerError { applied: false },
            500,
            None,
            0,
            false,
        ),
        (
            stripe,
            FaultKind::ServerError { applied: true },
            500,
            None,
            0,
            true,
        ),
        (stripe, FaultKind::Unavailable, 503, None, 0, false),
        (stripe, FaultKind::Delay { ms: 250 }, 200, None, 250, true),
        (zenskar, FaultKind::LoseRequest, 0, None, 0, false),
        (zenskar, FaultKind::LoseResponse, 0, None, 0, true),
        (zenskar, limited, 429, Some("7"), 0, false),
        (zenskar, bare, 429, None, 0, false),
        (zenskar, FaultKind::Conflict, 409, None, 0, false),
        (
            zenskar,
            FaultKind::ServerError { applied: false },
            500,
            None,
            0,
            false,
        ),
        (
            zenskar,
            FaultKind::ServerError { applied: true },
            500,
            None,
            0,
            true,
        ),
        (zenskar, FaultKind::Unavailable, 503, None, 0, false),
        (zenskar, FaultKind::Delay { ms: 250 }, 200, None, 250, true),
    ] {
        let sandbox = sandbox();
        let [(stripe_id, zenskar_id)] = <[_; 1]>::try_from(sandbox.seed_customers(1)).unwrap();
        let (id, request, name): (_, Request, fn(&Value) -> &Value) = match remote {
            Remote::Stripe => {
                let path = format!("/v1/customers/{stripe_id}");
                (stripe_id, stripe_request("POST", &path, "name=new"), |c| {
                    &c["name"]
                })
            }
            Remote::Zenskar => {
                let path = format!("/customers/{zenskar_id}");
                let body = r#"{"customer_name":"new"}"#;
                (
                    zenskar_id,
                    zenskar_request("PATCH", &path, body),
                    |c| &c["customer_name"],
                )
            }
        };
        let _id = sandbox.order_fault(Fault::next(remote, kind.clone()));
        let handled = sandbox.handle(remote, &request);
        let (got, reason) = match &handled.outcome {
            Outcome::ConnectionLost => (0, None),
            Outcome::Answer(response) => {
                let reason = response.header("Stripe-Rate-Limited-Reason");
                (
                    response.status,
                    reason.or_else(|| response.header("Retry-After")),
                )
            }
        };
        assert_eq!((got, reason), (status, header), "{remote:?} {kind:?}");
        assert_eq!(handled.delay_ms, delay_ms, "{remote:?} {kind:?}");
        let customer = match remote {
            Remote::Stripe => sandbox.stripe_customer(&id),
            Remote::Zenskar => sandbox.zenskar_customer(&id),
        };
        assert_eq!(
            *name(&customer) == json!("new"),
            applied,
            "{remote:?} {kind:?}"
        );
        let writes = sandbox.writes(&id);
        assert_eq!(
            (writes.len(), writes[0].applied),
            (1, applied),
            "{remote:?} {kind:?}"
        );
        assert_eq!(sandbox.fault_counts()[0].fired, 1);
    }
}

#[test]
fn a_lock_timeout_has_neither_reason_nor_request_id() {
    let sandbox = sandbox();
    let _id = sandbox.order_fault(Fault::next(Remote::Stripe, FaultKind::LockTimeout));
    let handled = sandbox.handle(Remote::Stripe, &stripe_request("GET", "/v1/customers", ""));
    let answer = handled.answer().unwrap();
    assert_eq!(answer.value()["error"]["code"], "lock_timeout");
    assert_eq!(answer.header("Stripe-Rate-Limited-Reason"), None);
    assert_eq!(answer.header("Request-Id"), None);
}

#[test]
fn a_lost_answer_is_found_again_under_its_key() {
    let sandbox = sandbox();
    let _id = sandbox.order_fault(Fault::next(Remote::Stripe, FaultKind::LoseResponse));
    let request =
        stripe_request("POST", "/v1/customers", "name=a").with_header("Idempotency-Key", "k");
    assert_eq!(sandbox.handle(Remote::Stripe, &request).answer(), None);
    let again = sandbox.handle(Remote::Stripe, &request);
    let answer = again.answer().unwrap();
    assert_eq!(answer.header("Idempotent-Replayed"), Some("true"));
    let (_, list) = stripe(&sandbox, "GET", "/v1/customers", "");
    assert_eq!(list["data"], json!([answer.value()]), "made once");
    let id = answer.value()["id"].as_str().unwrap().to_owned();
    let applied: Vec<bool> = sandbox
        .writes(&id)
        .iter()
        .map(|write| write.applied)
        .collect();
    assert_eq!(applied, [true, false]);
}

#[test]
fn faults_over_the_inside_routes() {
    let sandbox = sandbox();
    let post = |path: &str, body: Value| {
        let request = Request::new("POST", path).with_body(body.to_string());
        sandbox
            .handle(Remote::Zenskar, &request)
            .answer()
            .unwrap()
            .value()
    };
    let fault = json!({
        "remote": "zenskar", "kind": "unavailable", "method": "GET", "prefix": "/customers",
        "times": 2,
    });
    assert_eq!(post("/_sandbox/faults", fault), json!({"id": 1}));
    let statuses: Vec<u16> = (0..3)
        .map(|_| zenskar(&sandbox, "GET", "/customers", "").0)
        .collect();
    assert_eq!(statuses, [503, 503, 200]);
    let switches = post("/_sandbox/switches", json!({"zenskar": {"read_lag": 3}}));
    assert_eq!(
        (
            &switches["zenskar"]["read_lag"],
            &switches["zenskar"]["max_limit"]
        ),
        (&json!(3), &json!(100))
    );
    let refused = post("/_sandbox/switches", json!({"zenskar": {"red_lag": 3}}));
    assert!(
        refused["error"].as_str().unwrap().contains("red_lag"),
        "{refused}"
    );
    assert_eq!(
        post("/_sandbox/clock", json!({"advance": 5}))["now"],
        sandbox.clock().now()
    );
}
