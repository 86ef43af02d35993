//! A payment is made once: idempotency keys, and what can go wrong on the way.

use zenstripe_sandbox::{Fault, FaultKind, Outcome, Remote};

use crate::support::{customer_with, keyed, sandbox, stripe_request};

const PATH: &str = "/v1/payment_intents";

#[test]
fn answers_are_kept_under_keys() {
    let sandbox = sandbox();
    let (customer, method) = customer_with(&sandbox, "pm_card_visa");
    let (poor, declining) = customer_with(&sandbox, "pm_card_chargeDeclined");
    let body = |customer: &str, method: &str, amount: i64| {
        format!(
            "amount={amount}&currency=usd&customer={customer}&payment_method={method}\
             &confirm=true&off_session=true"
        )
    };
    for (key, body, status) in [
        ("paid", body(&customer, &method, 100), 200),
        ("declined", body(&poor, &declining, 100), 402),
    ] {
        let first = keyed(&sandbox, key, PATH, &body);
        assert_eq!(first.status, status, "{}", first.value());
        assert_eq!(first.header("Idempotent-Replayed"), None);
        let again = keyed(&sandbox, key, PATH, &body);
        assert_eq!((again.status, &again.body), (status, &first.body));
        assert_eq!(again.header("Idempotent-Replayed"), Some("true"));
    }
    let other = keyed(&sandbox, "paid", PATH, &body(&customer, &method, 101));
    assert_eq!(other.status, 400);
    assert_eq!(other.value()["error"]["type"], "idempotency_error");
    assert_eq!(sandbox.stripe_payment_intents().len(), 2);
    let small = keyed(&sandbox, "small", PATH, &body(&customer, &method, 1));
    assert_eq!(small.status, 400);
    let corrected = keyed(&sandbox, "small", PATH, &body(&customer, &method, 100));
    assert_eq!(corrected.status, 200, "what was not valid is not kept");
    sandbox.clock().advance(24 * 3600);
    let later = keyed(&sandbox, "paid", PATH, &body(&customer, &method, 100));
    assert_eq!(
        (later.status, later.header("Idempotent-Replayed")),
        (200, None)
    );
    assert_eq!(
        sandbox.stripe_payment_intents().len(),
        4,
        "a key is forgotten after a day"
    );
}

#[test]
fn faults_hit_payments() {
    let sandbox = sandbox();
    let (customer, method) = customer_with(&sandbox, "pm_card_visa");
    let body = format!(
        "amount=100&currency=usd&customer={customer}&payment_method={method}&confirm=true\
         &off_session=true"
    );
    let limited = FaultKind::TooManyRequests {
        reason: Some("endpoint-rate".to_owned()),
        retry_after: None,
    };
    let failing = |applied| FaultKind::ServerError { applied };
    for (at, (fault, first, then, made)) in [
        (FaultKind::LoseRequest, None, 200, 1),
        (FaultKind::LoseResponse, None, 200, 1),
        (limited, Some(429), 200, 1),
        (FaultKind::LockTimeout, Some(429), 200, 1),
        (FaultKind::Conflict, Some(409), 200, 1),
        (failing(false), Some(500), 500, 0),
        (failing(true), Some(500), 500, 1),
        (FaultKind::Unavailable, Some(503), 200, 1),
    ]
    .into_iter()
    .enumerate()
    {
        let before = sandbox.stripe_payment_intents().len();
        let order = Fault::next(Remote::Stripe, fault.clone())
            .method("POST")
            .prefix(PATH);
        let _id = sandbox.order_fault(order);
        let key = format!("key-{at}");
        let request = stripe_request("POST", PATH, &body).with_header("Idempotency-Key", &key);
        let status = match sandbox.handle(Remote::Stripe, &request).outcome {
            Outcome::Answer(response) => Some(response.status),
            Outcome::ConnectionLost => None,
        };
        assert_eq!(status, first, "{fault:?}");
        assert_eq!(keyed(&sandbox, &key, PATH, &body).status, then, "{fault:?}");
        let after = sandbox.stripe_payment_intents().len();
        assert_eq!(after - before, made, "{fault:?}");
    }
    let _id = sandbox.order_fault(Fault::next(Remote::Stripe, FaultKind::Delay { ms: 500 }));
    let request = stripe_request("POST", PATH, &body).with_header("Idempotency-Key", "slow");
    assert_eq!(sandbox.handle(Remote::Stripe, &request).delay_ms, 500);
    let busy = keyed(&sandbox, "slow", PATH, &body);
    assert_eq!(busy.status, 409, "still on its way");
    assert_eq!(busy.value()["error"]["code"], "idempotency_key_in_use");
    sandbox.clock().advance_ms(500);
    assert_eq!(keyed(&sandbox, "slow", PATH, &body).status, 200);
}
