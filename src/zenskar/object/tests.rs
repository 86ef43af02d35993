use super::*;
use crate::model::customer::{Address, Field, Value};
use proptest::prelude::*;

fn read(json: &str) -> Result<ZenskarCustomer, ObjectError> {
    ZenskarCustomer::parse(json.as_bytes().to_vec())
}

#[test]
fn the_documented_object_is_read() {
    let json = r#"{"id":"123e4567-e89b-12d3-a456-426614174000","customer_name":" Acme ",
        "email":"billing@acme.com","external_id":"cus_12345","phone_number":"+1-555-0100",
        "address":{"line1":"123 Business Ave","line2":"Floor 2","line3":"Room 7",
            "city":"San Francisco","state":"CA","zipCode":"94102","country":"United States",
            "country_code":"US","validation_status":"valid"},
        "tax_info":[],"custom_data":{"industry":"Technology"},"communications_enabled":true,
        "updated_at":"2026-05-19T14:12:07.147536"}"#;
    let seen = read(json).unwrap();
    assert_eq!(seen.payload, json.as_bytes());
    assert_eq!(seen.external_id.as_deref(), Some("cus_12345"));
    assert_eq!(seen.email.as_deref(), Some("billing@acme.com"));
    assert_eq!(
        seen.updated_at,
        Some(Timestamp::from_micros(1_779_199_927_147_536))
    );
    assert_eq!(
        seen.customer.value(Field::Name).unwrap(),
        &Value::text("Acme")
    );
    assert_eq!(
        seen.customer.value(Field::Phone).unwrap(),
        &Value::text("+1-555-0100")
    );
    assert_eq!(
        seen.customer.value(Field::Address).unwrap(),
        &Value::Address(Address {
            line1: "123 Business Ave".into(),
            line2: "Floor 2, Room 7".into(),
            city: "San Francisco".into(),
            state: "CA".into(),
            postal_code: "94102".into(),
            country: "US".into(),
        })
    );
}

#[test]
fn the_other_documented_names_are_fallbacks() {
    let address = |json: &str| {
        let seen = read(&format!(r#"{{"id":"1","address":{json}}}"#)).unwrap();
        seen.customer.value(Field::Address).unwrap().to_string()
    };
    for (json, expected) in [
        (r#"{"zipCode":"1","zip_code":"2","postal_code":"3"}"#, "1"),
        (r#"{"zipCode":null,"zip_code":"2"}"#, "2"),
        (r#"{"zipCode":"","postal_code":94102}"#, "94102"),
        (r#"{"line1":"","street":"1 Main St"}"#, "1 Main St"),
        (r#"{"line2":null,"line3":"Room 7"}"#, "Room 7"),
        (r#"{"country":"France","country_code":null}"#, "FR"),
        (r#"{"country":"fr"}"#, "FR"),
        (r#"{"country":"USA"}"#, "US"),
        (r#"{"country":"UK"}"#, "GB"),
        (r#"{"country":"Germany","country_code":"fr"}"#, "FR"),
        (r#"{"country":"Frankreich"}"#, "Frankreich"),
        (r#"{"country":"Frankreich","country_code":"??"}"#, "??"),
        ("{}", "(blank)"),
        ("null", "(blank)"),
        ("[]", "(blank)"),
    ] {
        assert_eq!(address(json), expected, "{json}");
    }
    let seen = read(r#"{"id":"1","phone":"1","billing_address":{"street":"S","postal_code":"P"}}"#);
    let seen = seen.unwrap().customer;
    assert_eq!(seen.value(Field::Phone).unwrap(), &Value::text("1"));
    assert_eq!(seen.value(Field::Address).unwrap().to_string(), "S, P");
}

#[test]
fn what_is_no_customer_is_refused() {
    for json in ["", "null", "[]", "{}", r#"{"id":null}"#, r#"{"id":"a b"}"#] {
        assert!(read(json).is_err(), "{json}");
    }
}

#[test]
fn every_form_of_time_is_read() {
    let seconds = 1_778_580_732;
    for (text, micros) in [
        ("2026-05-12 10:12:12.982899", seconds * 1_000_000 + 982_899),
        ("2026-05-12T10:12:12.9", seconds * 1_000_000 + 900_000),
        ("2026-05-12T10:12:12", seconds * 1_000_000),
        (" 2026-05-12T10:12:12Z ", seconds * 1_000_000),
        ("2026-05-12T10:12:12.000000+00:00", seconds * 1_000_000),
        ("2026-05-12 12:12:12+02:00", seconds * 1_000_000),
        ("2026-05-12", 1_778_544_000_000_000),
    ] {
        assert_eq!(
            timestamp(text),
            Some(Timestamp::from_micros(micros)),
            "{text}"
        );
    }
    for text in ["", "today", "2026-13-01", "1778580732", "2026-05-12T"] {
        assert_eq!(timestamp(text), None, "{text}");
    }
}

#[test]
fn every_envelope_is_read() {
    let rows = || vec![br#"{"id": "1"}"#.to_vec(), b"5".to_vec()];
    let list = |next: Option<&str>| List {
        rows: rows(),
        next: next.map(Into::into),
    };
    for (json, expected) in [
        (
            r#"{"results":[{"id": "1"},5],"next":"abc","previous":null,"total_count":2}"#,
            list(Some("abc")),
        ),
        (
            r#"{"data":[{"id": "1"},5],"next":null,"total":2}"#,
            list(None),
        ),
        (r#"{"customers":[{"id": "1"},5],"next":""}"#, list(None)),
        (
            r#"{"results":[{"id": "1"},5],"cursor":{"next":"abc"}}"#,
            list(Some("abc")),
        ),
        (r#"{"data":null,"results":[{"id": "1"},5]}"#, list(None)),
        (r#" [{"id": "1"},5] "#, list(None)),
        (
            r#"{"results":[],"next":"abc"}"#,
            List {
                rows: vec![],
                next: None,
            },
        ),
    ] {
        assert_eq!(List::parse(json.as_bytes()), Some(expected), "{json}");
    }
    for json in ["", "null", "{}", r#"{"results":{}}"#, "<html>"] {
        assert_eq!(List::parse(json.as_bytes()), None, "{json}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(ZenskarCustomer::parse(bytes.clone()).is_err());
        prop_assert!(List::parse(&bytes).is_none_or(|list| list.rows.is_empty()));
    }

    #[test]
    fn no_text_is_a_time_by_accident(text in "[0-9TZ:. +-]{0,30}") {
        if let Some(at) = timestamp(&text) {
            prop_assert!(at > Timestamp::MIN && at < Timestamp::MAX);
        }
    }
}
