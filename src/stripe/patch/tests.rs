use super::*;
use crate::model::pair::Pair;
use crate::stripe::convert::observed;
use proptest::prelude::{Just, Strategy, prop_assert_eq, prop_oneof, proptest};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

fn seen(object: &Json) -> Customer {
    let mut object = object.clone();
    object["id"] = json!("cus_1");
    let seen = observed(object.to_string().into_bytes()).unwrap();
    seen.presence.customer().unwrap().clone()
}

fn changes(to: impl IntoIterator<Item = (Field, Value)>) -> Changes {
    let change = |to| Change {
        from: Value::Blank,
        to,
    };
    let changes = to.into_iter().map(|(field, to)| (field, change(to)));
    changes.collect()
}

fn form(to: impl IntoIterator<Item = (Field, Value)>, seen: &Customer) -> String {
    let form = update_form(&changes(to), seen).into_iter();
    let pairs = form.map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join("&")
}

fn tier() -> Field {
    Field::Metadata(Pair::new("tier", "level").unwrap())
}

fn address(line1: &str) -> Value {
    Value::address(Address {
        line1: line1.into(),
        country: "FR".into(),
        ..Address::default()
    })
}

#[test]
fn every_value_has_a_form() {
    let shipped = seen(
        &json!({"shipping": {"name": "Jo", "phone": "1", "address": {"city": "A"}},
        "preferred_locales": ["de", "fr", "en"]}),
    );
    let whole = "line1]=1 Rue&address[line2]=&address[city]=&address[state]=\
                 &address[postal_code]=&address[country]=FR";
    for (field, to, expected) in [
        (Field::Name, Value::text("New"), "name=New".to_owned()),
        (Field::Email, Value::Blank, "email=".to_owned()),
        (Field::Phone, Value::text("+1 5"), "phone=+1 5".to_owned()),
        (Field::Address, address("1 Rue"), format!("address[{whole}")),
        (Field::Address, Value::Blank, "address=".to_owned()),
        (
            tier(),
            Value::text("gold"),
            "metadata[tier]=gold".to_owned(),
        ),
        (tier(), Value::Blank, "metadata[tier]=".to_owned()),
        (
            Field::Locale,
            Value::text("fr"),
            "preferred_locales[0]=fr&preferred_locales[1]=en".to_owned(),
        ),
        (Field::Locale, Value::Blank, String::new()),
        (
            Field::TaxIds,
            Value::tax_ids(BTreeSet::new()),
            String::new(),
        ),
        (tier(), Value::Nested("{}".into()), String::new()),
        (Field::Name, address("1 Rue"), String::new()),
    ] {
        assert_eq!(
            form([(field, to.clone())], &shipped),
            expected,
            "{field} {to}"
        );
    }
}

#[test]
fn shipping_is_sent_as_a_whole() {
    let shipped = json!({"shipping": {"name": "Jo", "phone": null, "address": {"city": "A"}}});
    let shipped = seen(&shipped);
    let parts = |line1: &str, city: &str, country: &str| {
        format!(
            "shipping[address][line1]={line1}&shipping[address][line2]=\
             &shipping[address][city]={city}&shipping[address][state]=\
             &shipping[address][postal_code]=&shipping[address][country]={country}"
        )
    };
    assert_eq!(
        form([(Field::ShippingPhone, Value::text("1"))], &shipped),
        format!("shipping[name]=Jo&shipping[phone]=1&{}", parts("", "A", ""))
    );
    assert_eq!(
        form([(Field::ShippingAddress, address("1 Rue"))], &shipped),
        format!(
            "shipping[name]=Jo&shipping[phone]=&{}",
            parts("1 Rue", "", "FR")
        )
    );
    let none = [
        (Field::ShippingName, Value::Blank),
        (Field::ShippingAddress, Value::Blank),
    ];
    assert_eq!(form(none, &shipped), "shipping=");
    // Without an address Stripe refuses it; none is made up.
    let unshipped = seen(&json!({"shipping": null}));
    assert_eq!(
        form([(Field::ShippingName, Value::text("Al"))], &unshipped),
        format!("shipping[name]=Al&shipping[phone]=&{}", parts("", "", ""))
    );
    // What was not read cannot be sent back.
    let unread = seen(&json!({}));
    assert_eq!(
        form([(Field::ShippingName, Value::text("Al"))], &unread),
        ""
    );
}

/// What Stripe makes of a form of one customer that held nothing.
fn taken(form: Vec<(String, String)>) -> Json {
    let mut object = json!({"shipping": null, "preferred_locales": [], "metadata": {}});
    for (name, value) in form {
        let mut place = &mut object;
        for part in name.split(['[', ']']).filter(|part| !part.is_empty()) {
            if let Ok(at) = part.parse::<usize>() {
                let list = place.as_array_mut().unwrap();
                assert_eq!(list.len(), at);
                list.push(Json::Null);
                place = list.last_mut().unwrap();
            } else {
                if !place.is_object() {
                    *place = Json::Object(Map::new());
                }
                let map = place.as_object_mut().unwrap();
                place = map.entry(part).or_insert(Json::Null);
            }
        }
        *place = if value.is_empty() {
            Json::Null
        } else {
            json!(value)
        };
    }
    object
}

fn any_text() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Blank),
        "[a-zA-Z0-9+ ]{1,12}".prop_map(|text| Value::text(&text))
    ]
}

fn any_address() -> impl Strategy<Value = Value> {
    let part = || "[a-z]{0,3}";
    (part(), part(), part(), part(), part(), "[A-Z]{2}").prop_map(
        |(line1, line2, city, state, postal_code, country)| {
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

proptest! {
    #[test]
    fn what_is_sent_reads_back(
        texts in proptest::collection::vec(any_text(), 7),
        address in any_address(),
        shipping in any_address(),
    ) {
        let mut wanted: Vec<(Field, Value)> = [
            Field::Name, Field::Email, Field::Phone, Field::ShippingName, Field::ShippingPhone,
            Field::Locale, tier(),
        ].into_iter().zip(texts).collect();
        wanted.push((Field::Address, address));
        wanted.push((Field::ShippingAddress, shipping));
        let nothing = seen(&taken(Vec::new()));
        let after = seen(&taken(update_form(&changes(wanted.clone()), &nothing)));
        for (field, value) in wanted {
            prop_assert_eq!(after.value(field), Some(&value), "{}", field);
        }
    }
}

#[test]
fn a_new_customer_names_its_customer_in_zenskar() {
    let address = Address {
        city: "Paris".into(),
        ..Address::default()
    };
    let values = Fields::from([
        (Field::Name, Value::text("Ann")),
        (Field::Address, Value::Address(address)),
        (Field::Locale, Value::text("fr")),
    ]);
    let zenskar = ZenskarCustomerId::parse("z-1").unwrap();
    let form = create_form(&values, &zenskar);
    let expected = [
        ("name", "Ann"),
        ("address[city]", "Paris"),
        ("preferred_locales[0]", "fr"),
        ("metadata[zenstripe_zenskar_customer]", "z-1"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(form, expected);
}
