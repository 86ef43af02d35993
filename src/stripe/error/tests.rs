use super::*;
use crate::remote::outcome::Repeat;
use crate::remote::testing::response;

const READ: Call = Call::read("read customer");
const WRITE: Call = Call::write("update customer", Repeat::SameKey);
const AGAIN: Class = Class::Retry { after: None };

fn body(code: &str, param: &str, message: &str) -> String {
    serde_json::json!({"error": {"type": "invalid_request_error", "code": code, "param": param,
        "message": message}})
    .to_string()
}

/// Class of a read and of a write.
fn classes(status: u16, headers: &[(&'static str, &str)], body: &str) -> (Class, Class) {
    let response = response(status, headers, body);
    let class = |call| failure(call, &response, None).class;
    (class(READ), class(WRITE))
}

const AGED: &str = "The event evt_1 is no longer available because it's aged out of our \
                    retention policy.";

type Row = (u16, &'static str, &'static str, &'static str, Class, Class);

/// Status, code, param, message; class of a read, class of a write.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    (400, "", "", "Missing required param", Class::Refused, Class::Refused),
    (400, "email_invalid", "email", "", Class::Refused, Class::Refused),
    (400, "idempotency_error", "", "", Class::Refused, Class::Refused),
    (400, "", "", AGED, Class::CursorGone, Class::CursorGone),
    (400, "resource_missing", "starting_after", "", Class::CursorGone, Class::CursorGone),
    (404, "resource_missing", "starting_after", "", Class::CursorGone, Class::CursorGone),
    (401, "", "", "Invalid API Key provided", Class::Unauthorized, Class::Unauthorized),
    (401, "platform_api_key_expired", "", "", Class::Unauthorized, Class::Unauthorized),
    (403, "account_invalid", "", "", Class::Unauthorized, Class::Unauthorized),
    (400, "account_invalid", "", "", Class::Unauthorized, Class::Unauthorized),
    (403, "", "", "The provided key does not have", Class::Forbidden, Class::Forbidden),
    (404, "resource_missing", "id", "No such customer", Class::Missing, Class::Missing),
    (404, "", "", "Unrecognized request URL", Class::Refused, Class::Refused),
    (402, "card_declined", "", "", Class::Refused, Class::Refused),
    (409, "idempotency_key_in_use", "", "", AGAIN, Class::Unknown),
    (409, "lock_timeout", "", "", AGAIN, AGAIN),
    (409, "", "", "", AGAIN, Class::Unknown),
    (424, "", "", "", AGAIN, Class::Unknown),
    (429, "rate_limit", "", "", AGAIN, AGAIN),
    (429, "lock_timeout", "", "", AGAIN, AGAIN),
    (500, "", "", "", AGAIN, Class::Unknown),
    (502, "", "", "", AGAIN, Class::Unknown),
    (503, "", "", "", AGAIN, Class::Unknown),
    (413, "", "", "Request too large", Class::Refused, Class::Refused),
];

#[test]
fn every_refusal_has_its_class() {
    for (status, code, param, message, read, write) in TABLE {
        let body = body(code, param, message);
        assert_eq!(
            classes(*status, &[], &body),
            (*read, *write),
            "{status} {body}"
        );
    }
}

#[test]
fn a_body_that_is_not_stripes_is_judged_by_its_status() {
    for (status, read, write) in [
        (302, AGAIN, Class::Unknown),
        (307, AGAIN, Class::Unknown),
        (400, AGAIN, Class::Unknown),
        (404, AGAIN, Class::Unknown),
        (405, AGAIN, Class::Unknown),
        (409, AGAIN, Class::Unknown),
        (413, AGAIN, Class::Unknown),
        (403, Class::Forbidden, Class::Forbidden),
        (429, AGAIN, AGAIN),
        (502, AGAIN, Class::Unknown),
        (401, Class::Unauthorized, Class::Unauthorized),
    ] {
        for body in [
            "",
            "<html>",
            "null",
            "[]",
            r#"{"error":"text"}"#,
            r#"{"error":null}"#,
            r#"{"error":{}}"#,
            r#"{"message":"Not Found"}"#,
        ] {
            assert_eq!(classes(status, &[], body), (read, write), "{status} {body}");
        }
    }
}

#[test]
fn waits_and_advice_are_heeded() {
    let wait = Class::Retry {
        after: Some(Duration::from_secs(3)),
    };
    assert_eq!(classes(429, &[("retry-after", "3")], ""), (wait, wait));
    assert_eq!(
        classes(503, &[("retry-after", "3")], ""),
        (wait, Class::Unknown)
    );
    let never = [("stripe-should-retry", "false")];
    let conflict = body("", "", "in conflict");
    assert_eq!(
        classes(409, &never, &conflict),
        (Class::Refused, Class::Refused)
    );
    assert_eq!(classes(500, &never, ""), (AGAIN, Class::Unknown));
    // A 500 that is stored under the key stays unknown whatever the advice.
    let again = [("stripe-should-retry", "true")];
    assert_eq!(classes(500, &again, ""), (AGAIN, Class::Unknown));
}

#[test]
fn a_limit_is_told_from_a_lock() {
    for (reason, code, expected) in [
        (Some("global-rate"), "rate_limit", Some(Limited::Account)),
        (Some("global-concurrency"), "", Some(Limited::Account)),
        (Some("endpoint-rate"), "rate_limit", Some(Limited::Endpoint)),
        (Some("endpoint-concurrency"), "", Some(Limited::Endpoint)),
        (Some("resource-specific"), "", Some(Limited::Endpoint)),
        (Some("later-word"), "", Some(Limited::Account)),
        (None, "lock_timeout", None),
        (None, "", Some(Limited::Account)),
    ] {
        let headers: Vec<_> = reason
            .map(|reason| (LIMIT_REASON, reason))
            .into_iter()
            .collect();
        let response = response(429, &headers, &body(code, "", ""));
        let failure = failure(READ, &response, None);
        let which = limited(&response, Some(&failure)).map(|(which, _)| which);
        assert_eq!(which, expected, "{reason:?} {code}");
    }
    let response = response(400, &[(LIMIT_REASON, "global-rate")], "");
    assert_eq!(limited(&response, None), None);
}

#[test]
fn the_failure_keeps_what_stripe_said() {
    let body = body("resource_missing", "id", "No such customer: 'cus_1'");
    let response = response(404, &[("request-id", "req_1")], &body);
    let failure = failure(READ, &response, None);
    assert_eq!(
        failure.to_string(),
        "read customer in stripe: missing, status 404, code resource_missing, request req_1"
    );
    assert_eq!(failure.message, "No such customer: 'cus_1'");
}
