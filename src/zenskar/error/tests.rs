use super::*;
use crate::remote::outcome::Repeat;
use crate::remote::testing::response;
use std::time::Duration;

const READ: Call = Call::read("read customer");
const WRITE: Call = Call::write("update customer", Repeat::LookFirst);
const AGAIN: Class = Class::Retry { after: None };

fn class(call: Call, cursor: bool, status: u16, body: &str) -> Class {
    failure(call, cursor, &response(status, &[], body), None).class
}

#[test]
fn every_refusal_has_its_class() {
    let deny =
        r#"{"Message":"User is not authorized to access this resource with an explicit deny"}"#;
    let validation = r#"{"detail":[{"loc":["body","email"],"msg":"field required",
        "type":"value_error.missing"}]}"#;
    for (status, body, read, write) in [
        (
            401,
            r#"{"message":"Unauthorized"}"#,
            Class::Unauthorized,
            Class::Unauthorized,
        ),
        (401, "", Class::Unauthorized, Class::Unauthorized),
        (403, deny, Class::Unauthorized, Class::Unauthorized),
        (
            403,
            r#"{"message":"Forbidden"}"#,
            Class::Forbidden,
            Class::Forbidden,
        ),
        (
            404,
            r#"{"detail":"Customer not found"}"#,
            Class::Missing,
            Class::Missing,
        ),
        (404, "<html>nginx</html>", AGAIN, Class::Unknown),
        (404, "", AGAIN, Class::Unknown),
        (404, r#"{"message":"Not Found"}"#, AGAIN, Class::Unknown),
        (400, "<html>nginx</html>", AGAIN, Class::Unknown),
        (400, "\"text\"", AGAIN, Class::Unknown),
        (405, "", AGAIN, Class::Unknown),
        (413, "<html>nginx</html>", AGAIN, Class::Unknown),
        (422, "null", AGAIN, Class::Unknown),
        (
            400,
            r#"{"detail":"email must be unique"}"#,
            Class::Refused,
            Class::Refused,
        ),
        (
            409,
            r#"{"detail":{"code":"X"}}"#,
            Class::Refused,
            Class::Refused,
        ),
        (422, validation, Class::Refused, Class::Refused),
        (429, r#"{"message":"Too Many Requests"}"#, AGAIN, AGAIN),
        (500, "Internal Server Error", AGAIN, Class::Unknown),
        (502, "", AGAIN, Class::Unknown),
        (503, "", AGAIN, Class::Unknown),
        (
            504,
            r#"{"message":"Endpoint request timed out"}"#,
            AGAIN,
            Class::Unknown,
        ),
        (302, "", AGAIN, Class::Unknown),
        (307, r#"{"message":"moved"}"#, AGAIN, Class::Unknown),
    ] {
        assert_eq!(class(READ, false, status, body), read, "{status} {body}");
        assert_eq!(class(WRITE, false, status, body), write, "{status} {body}");
    }
}

#[test]
fn a_cursor_that_is_refused_is_gone() {
    for (status, body, expected) in [
        (400, r#"{"detail":"bad cursor"}"#, Class::CursorGone),
        (404, r#"{"detail":"x"}"#, Class::CursorGone),
        (422, r#"{"detail":[]}"#, Class::CursorGone),
        (404, "<html>", AGAIN),
        (429, "{}", AGAIN),
    ] {
        assert_eq!(class(READ, true, status, body), expected, "{status} {body}");
    }
}

#[test]
fn waits_are_heeded() {
    let limited = response(429, &[("retry-after", "9")], "");
    let wait = Class::Retry {
        after: Some(Duration::from_secs(9)),
    };
    assert_eq!(failure(WRITE, false, &limited, None).class, wait);
}

#[test]
fn words_and_codes_are_found_in_every_form() {
    let words = r#"{"detail":{"message":"no","code":"DUPLICATE_EMAIL"}}"#;
    for (body, message, code) in [
        (
            r#"{"detail":"email must be unique"}"#,
            "email must be unique",
            None,
        ),
        (words, "no", Some("DUPLICATE_EMAIL")),
        (r#"{"detail":{"a":1}}"#, r#"{"a":1}"#, None),
        (
            r#"{"detail":[{"loc":["body","email"],"msg":"not an email","type":"value_error"},
                {"loc":["body","items",0],"msg":"required"}]}"#,
            "body.email: not an email; body.items.0: required",
            Some("value_error"),
        ),
        (r#"{"message":"Unauthorized"}"#, "Unauthorized", None),
        (r#"{"Message":"denied"}"#, "denied", None),
        (r#"{"error_code":"E7","error":"bad"}"#, "bad", Some("E7")),
        (
            r#"{"detail":"DUPLICATE_ADDRESS: exists"}"#,
            "DUPLICATE_ADDRESS: exists",
            Some("DUPLICATE_ADDRESS"),
        ),
        ("plain words", "plain words", None),
        (r#"{"detail":[]}"#, r#"{"detail":[]}"#, None),
        ("", "", None),
    ] {
        let failure = failure(WRITE, false, &response(400, &[], body), None);
        assert_eq!(failure.message, message, "{body}");
        assert_eq!(failure.code.as_deref(), code, "{body}");
    }
}
