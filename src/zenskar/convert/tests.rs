use super::*;
use crate::model::intent::Change;
use serde_json::json;

fn seen(object: &Json) -> ZenskarCustomer {
    let mut object = object.clone();
    object["id"] = json!("1");
    ZenskarCustomer::parse(object.to_string().into_bytes()).unwrap()
}

fn to(field: Field, value: Value) -> (Field, Change) {
    let from = Value::Blank;
    (field, Change { from, to: value })
}

fn full() -> Address {
    Address {
        line1: "1 Rue".into(),
        line2: "Apt 2".into(),
        city: "Paris".into(),
        state: "IDF".into(),
        postal_code: "75002".into(),
        country: "FR".into(),
    }
}

/// What is sent as `address` for `to`, when `observed` was seen.
fn sent(observed: &Json, new: Address) -> Json {
    let changes = [to(Field::Address, Value::address(new))].into();
    patch_body(&changes, &seen(&json!({"address": observed})))
        .get("address")
        .cloned()
        .unwrap_or(Json::Null)
}

#[test]
fn changed_keys_alone_are_sent_and_blank_is_empty_text() {
    let observed = seen(&json!({"customer_name": "Old", "email": "a@b.c", "phone": "1"}));
    let changes = [
        to(Field::Name, Value::text("New")),
        to(Field::Phone, Value::Blank),
    ];
    assert_eq!(
        patch_body(&changes.into(), &observed),
        json!({"customer_name": "New", "phone_number": ""})
    );
    assert_eq!(patch_body(&Changes::new(), &observed), json!({}));
}

#[test]
fn an_address_is_sent_whole() {
    let all = json!({"line1": "1 Rue", "line2": "Apt 2", "city": "Paris", "state": "IDF",
        "zipCode": "75002", "country": "France", "country_code": "FR"});
    assert_eq!(sent(&Json::Null, full()), all);
    // Zenskar's own keys go back as they came, its verdicts and nulls do not.
    let observed = json!({"line1": "Old", "line2": null, "county": "X", "is_default_billing": true,
        "validation_status": "valid", "connector_validation": {"avalara": 1}, "note": null});
    let mut expected = all;
    expected["county"] = json!("X");
    expected["is_default_billing"] = json!(true);
    assert_eq!(sent(&observed, full()), expected);
}

#[test]
fn a_part_that_becomes_blank_is_empty_text() {
    let observed = json!({"line1": "1 Rue", "line2": "Apt 2", "line3": null, "city": "Paris",
        "state": "", "zip_code": "75002", "country": "France", "country_code": "FR"});
    let new = Address {
        line1: "1 Rue".into(),
        ..Address::default()
    };
    // `state` was blank and stays out.
    assert_eq!(
        sent(&observed, new),
        json!({"line1": "1 Rue", "line2": "", "city": "", "zipCode": "", "country": "",
            "country_code": ""})
    );
    let all_blank = sent(&observed, Address::default());
    assert_eq!(all_blank["line1"], json!(""));
    // An address that is and stays blank is not sent at all.
    assert_eq!(sent(&Json::Null, Address::default()), Json::Null);
}

#[test]
fn lines_stay_as_they_were_unless_they_change() {
    let observed = json!({"line1": "1 Rue", "line2": "Apt 2", "line3": "Door 3"});
    let same = Address {
        line2: "Apt 2, Door 3".into(),
        ..full()
    };
    let body = sent(&observed, same);
    assert_eq!(
        (&body["line2"], &body["line3"]),
        (&json!("Apt 2"), &json!("Door 3"))
    );
    let other = Address {
        line2: "Apt 4".into(),
        ..full()
    };
    let body = sent(&observed, other);
    assert_eq!(
        (&body["line2"], &body["line3"]),
        (&json!("Apt 4"), &json!(""))
    );
}

#[test]
fn the_country_stays_as_written_unless_it_changes() {
    for (observed, country, written, code) in [
        (
            json!({"country": "la France", "country_code": "FR"}),
            "FR",
            json!("la France"),
            json!("FR"),
        ),
        (
            json!({"country": "France"}),
            "FR",
            json!("France"),
            Json::Null,
        ),
        (
            json!({"country": "France", "country_code": "FR"}),
            "US",
            json!("United States"),
            json!("US"),
        ),
        (
            json!({"country_code": "FR"}),
            "DE",
            json!("Germany"),
            json!("DE"),
        ),
        (
            json!({"country": "France", "country_code": "FR"}),
            "Nowhere",
            json!("Nowhere"),
            json!(""),
        ),
        (
            json!({"country": "Nowhere"}),
            "FR",
            json!("France"),
            json!("FR"),
        ),
    ] {
        let new = Address {
            country: country.into(),
            ..full()
        };
        let body = sent(&observed, new);
        assert_eq!(body["country"], written, "{observed}");
        assert_eq!(
            body.get("country_code").cloned().unwrap_or(Json::Null),
            code,
            "{observed}"
        );
    }
}

#[test]
fn no_body_holds_a_null_and_every_body_reads_back() {
    for observed in [
        Json::Null,
        json!({}),
        json!({"line1": null, "line2": null, "line3": "x", "zip_code": "1", "street": "S"}),
        json!({"country": "UK", "postal_code": 5, "city": null}),
    ] {
        let new = full();
        let body = sent(&observed, new.clone());
        assert!(
            body.as_object()
                .unwrap()
                .values()
                .all(|value| !value.is_null()),
            "{body}"
        );
        let back = seen(&json!({ "address": body }));
        assert_eq!(back.customer.value(Field::Address), &Value::Address(new));
    }
}

#[test]
fn a_value_that_does_not_fit_its_field_is_left_out() {
    let changes = [
        to(Field::Name, Value::address(full())),
        to(Field::Address, Value::text("1 Rue")),
    ];
    assert_eq!(patch_body(&changes.into(), &seen(&json!({}))), json!({}));
}
