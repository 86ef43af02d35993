use super::*;
use crate::model::pair::Pair;

fn read(json: &str) -> Result<Observed, ObjectError> {
    observed(json.as_bytes().to_vec())
}

#[test]
fn nothing_is_blank_however_stripe_says_it() {
    for json in [
        r#"{"id":"cus_1"}"#,
        r#"{"id":"cus_1","name":null,"email":null,"phone":null,"address":null}"#,
        r#"{"id":"cus_1","name":"","email":" ","address":{}}"#,
        r#"{"id":"cus_1","address":{"line1":null,"line2":"","country":null},"metadata":{}}"#,
    ] {
        let seen = read(json).unwrap();
        let customer = seen.presence.customer().unwrap();
        for field in [Field::Name, Field::Email, Field::Phone, Field::Address] {
            assert_eq!(customer.value(field), Some(&Value::Blank), "{json}");
        }
        assert_eq!(seen.payload, json.as_bytes());
    }
}

#[test]
fn every_field_is_read() {
    let seen = read(
        r#"{"id":"cus_1","object":"customer","livemode":false,"name":" Jane Doe ",
           "email":"jane@example.com","phone":"+15550100",
           "address":{"line1":"1 Main St","line2":"Apt 2","city":"Springfield","state":"IL",
                      "postal_code":"62701","country":"us"}}"#,
    )
    .unwrap();
    assert_eq!(seen.livemode, Some(false));
    let customer = seen.presence.customer().unwrap();
    assert_eq!(
        customer.value(Field::Name).unwrap(),
        &Value::text("Jane Doe")
    );
    assert_eq!(
        customer.value(Field::Email).unwrap(),
        &Value::text("jane@example.com")
    );
    assert_eq!(
        customer.value(Field::Phone).unwrap(),
        &Value::text("+15550100")
    );
    assert_eq!(
        customer.value(Field::Address).unwrap(),
        &Value::Address(Address {
            line1: "1 Main St".into(),
            line2: "Apt 2".into(),
            city: "Springfield".into(),
            state: "IL".into(),
            postal_code: "62701".into(),
            country: "US".into(),
        })
    );
}

#[test]
fn a_deleted_customer_is_deleted() {
    let seen = read(r#"{"id":"cus_1","object":"customer","deleted":true}"#).unwrap();
    assert_eq!(seen.presence, Presence::Deleted);
}

#[test]
fn what_is_no_customer_is_refused() {
    for json in [
        "",
        "null",
        "[]",
        r#"{"name":"x"}"#,
        r#"{"id":"cus 1"}"#,
        r#"{"id":7}"#,
    ] {
        assert!(read(json).is_err(), "{json}");
    }
}

/// What is seen of an object, field by field, as people read it; `-` where it was not read.
fn shown(json: &str, fields: &[Field]) -> Vec<String> {
    let json = format!(r#"{{"id":"cus_1",{json}}}"#);
    let seen = read(&json).unwrap();
    let customer = seen.presence.customer().unwrap();
    let values = fields.iter().map(|field| customer.value(*field));
    values
        .map(|value| value.map_or_else(|| "-".to_owned(), ToString::to_string))
        .collect()
}

#[test]
fn shipping_is_three_fields() {
    for (json, expected) in [
        (r#""shipping":null"#, ["(blank)", "(blank)", "(blank)"]),
        (r#""name":"x""#, ["-", "-", "-"]),
        (
            r#""shipping":{"name":" Jo ","phone":null,"address":{"line1":"1 Rue","country":"fr"}}"#,
            ["Jo", "(blank)", "1 Rue, FR"],
        ),
        (
            r#""shipping":{"name":"Jo","phone":"+1 2","address":null}"#,
            ["Jo", "+1 2", "(blank)"],
        ),
    ] {
        assert_eq!(shown(json, &SHIPPING), expected, "{json}");
    }
}

#[test]
fn what_an_object_does_not_show_was_not_read() {
    let tier = Field::Metadata(Pair::new("tier", "level").unwrap());
    for (json, field, expected) in [
        (r#""preferred_locales":["de","fr"]"#, Field::Locale, "de"),
        (r#""preferred_locales":[]"#, Field::Locale, "(blank)"),
        (r#""preferred_locales":null"#, Field::Locale, "(blank)"),
        (r#""name":"x""#, Field::Locale, "-"),
        (r#""metadata":{"tier":" gold "}"#, tier, "gold"),
        (r#""metadata":{"level":"gold"}"#, tier, "(blank)"),
        (r#""metadata":{"tier":""}"#, tier, "(blank)"),
        (r#""metadata":{}"#, tier, "(blank)"),
        (r#""name":"x""#, tier, "-"),
        (r#""name":"x""#, Field::TaxIds, "-"),
        (
            r#""tax_ids":{"object":"list","data":[],"has_more":false}"#,
            Field::TaxIds,
            "(blank)",
        ),
        (
            r#""tax_ids":{"object":"list","has_more":false,"data":[
                {"id":"txi_2","type":"us_ein","country":"US","value":"12-3"},
                {"id":"txi_1","type":"eu_vat","country":"DE","value":"DE1"}]}"#,
            Field::TaxIds,
            "DE VAT DE1, US EIN 12-3",
        ),
        // There are more, which nobody showed.
        (
            r#""tax_ids":{"object":"list","has_more":true,"data":[
                {"id":"txi_1","type":"eu_vat","country":"DE","value":"DE1"}]}"#,
            Field::TaxIds,
            "-",
        ),
    ] {
        assert_eq!(shown(json, &[field]), [expected], "{json}");
    }
}

#[test]
fn languages_behind_the_first_are_kept() {
    let seen = read(r#"{"id":"cus_1","preferred_locales":["de","fr","en"]}"#).unwrap();
    assert_eq!(
        seen.presence.customer().unwrap().more_locales(),
        ["fr", "en"]
    );
}

#[test]
fn one_part_of_another_form_does_not_lose_the_customer() {
    let seen = read(
        r#"{"id":"cus_1","name":42,"email":"a@example.com","address":{"postal_code":62701},
           "preferred_locales":"en","shipping":"none","tax_ids":{"data":[{"country":"DE"}]},
           "metadata":{"a":7,"b":null,"c":true,"d":" text ","e":{"deep":[1]}}}"#,
    )
    .unwrap();
    let customer = seen.presence.customer().unwrap();
    assert_eq!(customer.value(Field::Name), Some(&Value::text("42")));
    let address = Address {
        postal_code: "62701".into(),
        ..Address::default()
    };
    assert_eq!(
        customer.value(Field::Address),
        Some(&Value::Address(address))
    );
    // In a form that is not known: not read, and not blank.
    for field in [Field::Locale, Field::ShippingName, Field::TaxIds] {
        assert_eq!(customer.value(field), None, "{field}");
    }
    for (key, value) in [
        ("a", Value::text("7")),
        ("b", Value::Blank),
        ("c", Value::text("true")),
        ("d", Value::text("text")),
        ("e", Value::Nested(r#"{"deep":[1]}"#.to_owned())),
    ] {
        let pair = Field::Metadata(Pair::new(key, "csm").unwrap());
        assert_eq!(customer.value(pair), Some(&value), "{key}");
    }
    // Metadata that are no map were not read.
    let seen = read(r#"{"id":"cus_1","metadata":[]}"#).unwrap();
    let customer = seen.presence.customer().unwrap();
    let pair = Field::Metadata(Pair::new("a", "csm").unwrap());
    assert_eq!(customer.value(pair), None);
}
