use super::*;
use crate::model::customer::TaxId;
use crate::model::pair::Pair;
use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};
use serde_json::json;
use std::collections::BTreeSet;

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
        assert_eq!(
            back.customer.value(Field::Address).unwrap(),
            &Value::Address(new)
        );
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

fn tier() -> Field {
    Field::Metadata(Pair::new("tier", "level").unwrap())
}

fn tax_ids(ids: &[(&str, &str, &str)]) -> Value {
    let id = |(country, kind, id): &(&str, &str, &str)| TaxId {
        country: (*country).to_owned(),
        kind: (*kind).to_owned(),
        id: (*id).to_owned(),
    };
    Value::tax_ids(ids.iter().map(id).collect())
}

/// What is sent for one change of what was seen.
fn body(field: Field, value: Value, observed: &Json) -> Json {
    patch_body(&[to(field, value)].into(), &seen(observed))
}

#[test]
fn what_has_no_place_of_its_own_is_in_custom_data() {
    let observed = json!({"custom_data": {"shipping_name": " Jo ", "shipping_phone": 5,
        "preferred_locale": "fr", "level": true}});
    let customer = seen(&observed).customer;
    for (field, expected) in [
        (Field::ShippingName, "Jo"),
        (Field::ShippingPhone, "5"),
        (Field::Locale, "fr"),
        (tier(), "true"),
    ] {
        assert_eq!(
            customer.value(field),
            Some(&Value::text(expected)),
            "{field}"
        );
    }
}

#[test]
fn what_an_object_does_not_show_was_not_read_and_is_not_sent() {
    for field in [
        Field::ShippingName,
        Field::ShippingPhone,
        Field::ShippingAddress,
        Field::Locale,
        Field::TaxIds,
        tier(),
    ] {
        let value = match field {
            Field::ShippingAddress => Value::Address(full()),
            Field::TaxIds => tax_ids(&[("DE", "VAT", "DE1")]),
            _ => Value::text("x"),
        };
        let unread = json!({"customer_name": "A"});
        assert_eq!(seen(&unread).customer.value(field), None, "{field}");
        assert_eq!(body(field, value.clone(), &unread), json!({}), "{field}");
        let odd = json!({"custom_data": 7, "ship_to_address": "x"});
        assert!(seen(&odd).customer.value(field).is_none(), "{field}");
        let null = json!({"custom_data": null, "ship_to_address": null, "tax_info": null});
        let customer = seen(&null).customer;
        assert_eq!(customer.value(field), Some(&Value::Blank), "{field}");
        let sent = body(field, value.clone(), &null);
        assert_eq!(
            seen(&merged(&null, &sent)).customer.value(field),
            Some(&value),
            "{sent}"
        );
    }
}

#[test]
fn custom_data_is_sent_whole_and_keeps_what_it_holds() {
    let observed = json!({"custom_data": {"level": "gold", "users": [{"a": null}], "none": null,
        "seats": 5, "ok": true}});
    for (value, level) in [("silver", json!("silver")), ("7", json!("7"))] {
        assert_eq!(
            body(tier(), Value::text(value), &observed),
            json!({"custom_data": {"level": level, "users": [{"a": null}], "seats": 5, "ok": true}})
        );
    }
    assert_eq!(
        body(tier(), Value::Blank, &observed)["custom_data"]["level"],
        json!("")
    );
    // What is not there and stays blank is not sent.
    let empty = json!({"custom_data": {}});
    assert_eq!(body(tier(), Value::Blank, &empty), json!({}));
}

#[test]
fn a_number_stays_a_number_where_the_text_is_one() {
    for (held, text, sent) in [
        (json!(5), "6", json!(6)),
        (json!(5), "6.5", json!(6.5)),
        (json!(5), "6.0e3", json!("6.0e3")),
        (json!(5), "007", json!("007")),
        (json!(5), "true", json!("true")),
        (json!(5), "six", json!("six")),
        (json!(true), "false", json!(false)),
        (json!(true), "1", json!("1")),
        (json!("5"), "6", json!("6")),
        (Json::Null, "6", json!("6")),
    ] {
        let observed = json!({"custom_data": {"level": held}});
        let body = body(tier(), Value::text(text), &observed);
        assert_eq!(body["custom_data"]["level"], sent, "{held} {text}");
        let back = seen(&body).customer;
        assert_eq!(
            back.value(tier()),
            Some(&Value::text(text)),
            "{held} {text}"
        );
    }
}

#[test]
fn what_has_parts_is_shown_and_never_written_over() {
    for held in [json!({"a": 1}), json!(["x"])] {
        let observed = json!({"custom_data": {"level": held, "other": "x"}});
        let customer = seen(&observed).customer;
        let nested = Value::Nested(held.to_string());
        assert_eq!(customer.value(tier()), Some(&nested));
        assert_eq!(body(tier(), Value::text("gold"), &observed), json!({}));
        assert_eq!(body(tier(), nested, &json!({"custom_data": {}})), json!({}));
    }
    let observed = json!({"tax_info": [{"tax_code": "VAT"}]});
    let customer = seen(&observed).customer;
    assert!(customer.value(Field::TaxIds).unwrap().is_nested());
    let ids = tax_ids(&[("DE", "VAT", "DE1")]);
    assert_eq!(body(Field::TaxIds, ids, &observed), json!({}));
}

#[test]
fn tax_ids_are_read_under_every_code() {
    for (country, code, id, expected) in [
        ("USA", "EIN", "12-3", ("US", "EIN", "12-3")),
        ("US", "ein", "12-3", ("US", "EIN", "12-3")),
        ("IND", "GST", "1", ("IN", "GST", "1")),
        ("AUS", "GST", "1", ("AU", "GST", "1")),
        ("UK", "VAT", "GB1", ("GB", "VAT", "GB1")),
        ("GB", "VAT", "GB1", ("GB", "VAT", "GB1")),
        ("DE", "VAT", " DE1 ", ("DE", "VAT", "DE1")),
        ("EU", "VAT", "DE1", ("DE", "VAT", "DE1")),
        ("EU", "VAT", "EL1", ("GR", "VAT", "EL1")),
        ("EU", "VAT", "123", ("EU", "VAT", "123")),
        ("EU", "OSS_VAT", "IM372", ("EU", "OSS_VAT", "IM372")),
        ("SG", "GST", "1", ("SG", "GST", "1")),
        ("Atlantis", "X", "1", ("Atlantis", "X", "1")),
        ("", "", "1", ("", "", "1")),
    ] {
        let entry = json!({"country_code": country, "tax_code": code, "tax_id": id});
        let customer = seen(&json!({"tax_info": [entry]})).customer;
        assert_eq!(
            customer.value(Field::TaxIds),
            Some(&tax_ids(&[expected])),
            "{entry}"
        );
    }
}

#[test]
fn tax_ids_are_sent_as_a_whole_and_in_the_codes_of_zenskar() {
    let kept = json!({"country_code": "UK", "tax_code": "vat", "tax_id": "GB1", "more": 1});
    let mut nulled = kept.clone();
    nulled["id"] = Json::Null;
    let gone = json!({"country_code": "DE", "tax_code": "VAT", "tax_id": "DE1"});
    let observed = json!({"tax_info": [gone, nulled]});
    let ids = tax_ids(&[
        ("GB", "VAT", "GB1"),
        ("US", "EIN", "12-3"),
        ("FR", "VAT", "FR1"),
    ]);
    assert_eq!(
        body(Field::TaxIds, ids, &observed),
        json!({"tax_info": [
            {"country_code": "FR", "tax_code": "VAT", "tax_id": "FR1"},
            kept,
            {"country_code": "USA", "tax_code": "EIN", "tax_id": "12-3"},
        ]})
    );
    assert_eq!(
        body(Field::TaxIds, Value::Blank, &observed),
        json!({"tax_info": []})
    );
    let none = json!({"tax_info": []});
    assert_eq!(body(Field::TaxIds, Value::Blank, &none), json!({}));
}

/// What Zenskar holds after a PATCH of what it held, if it replaces nested objects.
fn merged(held: &Json, body: &Json) -> Json {
    let mut after = held.clone();
    for (key, value) in body.as_object().unwrap() {
        after[key] = value.clone();
    }
    after
}

fn any_text() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Blank),
        "[0-9]{1,3}".prop_map(|text| Value::text(&text)),
        "[a-zé .]{1,8}".prop_map(|text| Value::text(&text)),
    ]
}

fn any_address() -> impl Strategy<Value = Value> {
    let country = prop_oneof![Just("FR"), Just("US"), Just(""), Just("Nowhere")];
    let part = || "[a-z]{0,3}";
    (part(), part(), part(), part(), part(), country).prop_map(
        |(line1, line2, city, state, postal_code, country)| {
            let country = country.to_owned();
            Value::address(Address {
                line1,
                line2,
                city,
                state,
                postal_code,
                country,
            })
        },
    )
}

fn any_tax_ids() -> impl Strategy<Value = Value> {
    let country = prop_oneof![
        Just("DE"),
        Just("US"),
        Just("GB"),
        Just("IN"),
        Just("EU"),
        Just("")
    ];
    let kind = prop_oneof![Just("GST"), Just("EIN"), Just("OSS_VAT")];
    let id = (country, kind, "[A-Z]{2}[0-9]{1,2}").prop_map(|(country, kind, id)| TaxId {
        country: country.to_owned(),
        kind: kind.to_owned(),
        id,
    });
    proptest::collection::btree_set(id, 0..3).prop_map(|ids: BTreeSet<TaxId>| Value::tax_ids(ids))
}

fn any_held() -> impl Strategy<Value = Json> {
    let level = || {
        prop_oneof![
            Just(Json::Null),
            Just(json!("x")),
            Just(json!(7)),
            Just(json!(true)),
            Just(json!("")),
        ]
    };
    let address = || {
        prop_oneof![
            Just(Json::Null),
            Just(json!({})),
            Just(json!({"line1": "a", "line3": "b", "country": "France", "zip_code": null})),
            Just(json!({"country_code": "US", "city": 5, "validation_status": "valid"})),
        ]
    };
    let tax = prop_oneof![
        Just(Json::Null),
        Just(json!([])),
        Just(json!([{"country_code": "USA", "tax_code": "EIN", "tax_id": "US1", "x": null}])),
    ];
    (level(), level(), address(), address(), tax).prop_map(|(level, name, address, ship_to, tax)| {
        json!({"custom_data": {"level": level, "shipping_name": name, "other": {"deep": [null]}},
            "address": address, "ship_to_address": ship_to, "tax_info": tax})
    })
}

proptest! {
    /// Whatever is held, what is sent reads back, in either meaning of a PATCH, without a null
    /// and without a loss beside it.
    #[test]
    fn what_is_sent_reads_back(
        held in any_held(),
        texts in proptest::collection::vec(any_text(), 7),
        address in any_address(),
        ship_to in any_address(),
        ids in any_tax_ids(),
    ) {
        let mut wanted: Vec<(Field, Value)> = [
            Field::Name, Field::Email, Field::Phone, Field::ShippingName, Field::ShippingPhone,
            Field::Locale, tier(),
        ].into_iter().zip(texts).collect();
        wanted.extend([
            (Field::Address, address), (Field::ShippingAddress, ship_to), (Field::TaxIds, ids),
        ]);
        let changes = wanted.iter().map(|(field, value)| to(*field, value.clone())).collect();
        let body = patch_body(&changes, &seen(&held));
        for (key, sent) in body.as_object().unwrap() {
            let parts = sent.as_object().into_iter().flat_map(Map::values);
            prop_assert!(!sent.is_null() && parts.clone().all(|part| !part.is_null()), "{}", key);
        }
        let replaced = merged(&held, &body);
        let mut deep = held.clone();
        for (key, sent) in body.as_object().unwrap() {
            match (deep[key].as_object_mut(), sent.as_object()) {
                (Some(old), Some(new)) => old.extend(new.clone()),
                _ => deep[key] = sent.clone(),
            }
        }
        for after in [replaced, deep] {
            prop_assert_eq!(&after["custom_data"]["other"], &held["custom_data"]["other"]);
            let after = seen(&after).customer;
            for (field, value) in &wanted {
                prop_assert_eq!(after.value(*field), Some(value), "{}: {}", field, body);
            }
        }
    }
}

#[test]
fn a_new_customer_says_what_it_holds_and_whose_it_is() {
    let pair = Field::Metadata(Pair::new("csm", "manager").unwrap());
    let id = TaxId {
        country: "US".into(),
        kind: "EIN".into(),
        id: "12-3".into(),
    };
    let address = Address {
        city: "Paris".into(),
        country: "FR".into(),
        ..Address::default()
    };
    let values = Fields::from([
        (Field::Name, Value::text("Acme")),
        (Field::ShippingName, Value::text("Bea")),
        (Field::ShippingAddress, Value::Address(address)),
        (Field::TaxIds, Value::TaxIds([id].into())),
        (pair, Value::text("Zoe")),
    ]);
    let stripe = StripeCustomerId::parse("cus_1").unwrap();
    let body = create_body(&values, &stripe, true);
    let expected = json!({
        "customer_name": "Acme",
        "external_id": "cus_1",
        "connector": { "name": "stripe", "reference_id": "cus_1" },
        "ship_to_address": { "city": "Paris", "country": "France", "country_code": "FR" },
        "tax_info": [{ "country_code": "USA", "tax_code": "EIN", "tax_id": "12-3" }],
        "custom_data": { "shipping_name": "Bea", "manager": "Zoe" },
    });
    assert_eq!(body, expected);
    let alone = create_body(&Fields::new(), &stripe, false);
    assert_eq!(alone, json!({ "external_id": "cus_1" }));
}
