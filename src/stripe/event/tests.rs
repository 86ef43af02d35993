use super::*;
use crate::model::customer::Address;
use crate::model::id::StripeCustomerId;
use proptest::prelude::*;

const UPDATED: &str = r#"{
  "id": "evt_1", "object": "event", "api_version": "2026-05-27.dahlia", "created": 1780000016,
  "data": {
    "object": {"id": "cus_1", "object": "customer", "name": "New Name", "email": null,
      "address": {"line1": "1 Main St", "line2": null, "city": "Paris", "state": null,
                  "postal_code": "75002", "country": "FR"}, "metadata": {}},
    "previous_attributes": {"name": "Old Name"}
  },
  "livemode": false, "pending_webhooks": 1, "request": {"id": null}, "type": "customer.updated"
}"#;

/// `UPDATED` with other previous attributes; `None` takes the key out.
fn updated(previous: Option<&str>) -> String {
    match previous {
        Some(previous) => UPDATED.replace(r#"{"name": "Old Name"}"#, previous),
        None => UPDATED.replace(
            r#",
    "previous_attributes": {"name": "Old Name"}"#,
            "",
        ),
    }
}

#[test]
fn the_envelope_is_read_without_the_object() {
    let envelope = parse(UPDATED.as_bytes()).unwrap();
    assert_eq!(
        envelope,
        Envelope {
            id: EventId::parse("evt_1").unwrap(),
            kind: "customer.updated".into(),
            account: None,
            livemode: false,
            created: Timestamp::from_seconds(1_780_000_016),
            api_version: Some("2026-05-27.dahlia".into()),
            object: "cus_1".into(),
        }
    );
    let event = envelope.into_event(
        Channel::Webhook,
        Timestamp::from_seconds(1_780_000_020),
        UPDATED.into(),
    );
    assert_eq!(event.payload, UPDATED.as_bytes());
}

#[test]
fn renderings_of_every_version_are_read() {
    // Connected, no version, `request` as text, an object without id, unknown fields.
    for (json, account, version, object) in [
        (
            r#"{"id":"evt_1","type":"customer.deleted","account":"acct_1","livemode":true,
               "created":5,"api_version":"2020-08-27","request":"req_1",
               "data":{"object":{"id":"cus_1","object":"customer"}}}"#,
            Some("acct_1"),
            Some("2020-08-27"),
            "cus_1",
        ),
        (
            r#"{"id":"evt_1","type":"balance.available","livemode":true,"created":5,
               "api_version":null,"data":{"object":{"object":"balance"}},"new":[{}]}"#,
            None,
            None,
            "",
        ),
        (
            r#"{"id":"evt_1","type":"some.later_kind","livemode":true,"created":5,
               "data":{"object":[1]}}"#,
            None,
            None,
            "",
        ),
        (
            r#"{"id":"evt_1","type":"customer.updated","livemode":true,"created":5,
               "data":{"object":{"id":{"deep":[1]},"customer":7}}}"#,
            None,
            None,
            "",
        ),
        (
            r#"{"id":"evt_1","type":"customer.tax_id.created","livemode":true,"created":5,
               "data":{"object":{"id":"txi_1","customer":"cus_1"}}}"#,
            None,
            None,
            "cus_1",
        ),
        (
            r#"{"id":"evt_1","type":"customer.tax_id.created","livemode":true,"created":5,
               "data":{"object":{"id":"txi_1","customer":{"id":"cus_1"}}}}"#,
            None,
            None,
            "",
        ),
    ] {
        let envelope = parse(json.as_bytes()).unwrap();
        assert!(envelope.livemode);
        assert_eq!(envelope.account.as_ref().map(AccountId::as_str), account);
        assert_eq!(envelope.api_version.as_deref(), version);
        assert_eq!(envelope.object, object);
    }
}

#[test]
fn what_is_no_event_is_refused() {
    let long = UPDATED.replace("cus_1\"", &format!("cus_{}\"", "1".repeat(EVENT_BYTES_MAX)));
    for json in [
        "",
        "null",
        "[]",
        "{}",
        &UPDATED.replace("evt_1", "evt 1"),
        &UPDATED.replace("customer.updated", ""),
        &UPDATED.replace("\"livemode\": false", "\"livemode\": null"),
        &UPDATED.replace("1780000016", "\"today\""),
        &UPDATED.replace("\"livemode\"", "\"account\": \"a/b\", \"livemode\""),
        // A thin event has no object.
        r#"{"id":"evt_1","object":"v2.core.event","type":"v1.customer.created","livemode":false,
            "created":"2026-01-01T00:00:00Z"}"#,
        &long,
    ] {
        assert!(
            parse(json.as_bytes()).is_err(),
            "{}",
            json.get(..80).unwrap_or(json)
        );
    }
    assert!(matches!(parse(long.as_bytes()), Err(EventError::TooLarge)));
    let mut garbled = UPDATED.as_bytes().to_vec();
    let at = UPDATED.find("Paris").unwrap();
    garbled[at] = 0xFF;
    assert!(matches!(parse(&garbled), Err(EventError::Encoding(_))));
}

#[test]
fn the_snapshot_is_the_object_as_it_came() {
    let raw = snapshot(UPDATED.as_bytes()).unwrap().get();
    assert!(raw.starts_with(r#"{"id": "cus_1""#) && UPDATED.contains(raw));
    let seen = customer(UPDATED.as_bytes()).unwrap();
    assert_eq!(seen.id, StripeCustomerId::parse("cus_1").unwrap());
    assert_eq!(seen.payload, raw.as_bytes());
    let name = seen
        .presence
        .customer()
        .unwrap()
        .value(Field::Name)
        .unwrap()
        .clone();
    assert_eq!(name, Value::text("New Name"));
}

#[test]
fn a_deletion_carries_the_last_state_and_is_a_deletion() {
    let deleted = UPDATED.replace("customer.updated", "customer.deleted");
    let seen = customer(deleted.as_bytes()).unwrap();
    assert_eq!(seen.presence, Presence::Deleted);
}

fn address(line1: &str, city: &str) -> Value {
    Value::address(Address {
        line1: line1.into(),
        city: city.into(),
        postal_code: "75002".into(),
        country: "FR".into(),
        ..Address::default()
    })
}

#[test]
fn previous_attributes_name_what_was_changed() {
    let named = |fields: &[(Field, Value)]| Evidence::Named(fields.iter().cloned().collect());
    for (previous, expected) in [
        (None, Evidence::Unspecified),
        (Some("null"), Evidence::Unspecified),
        (Some("{}"), named(&[])),
        (Some(r#"{"invoice_settings":{"footer":null}}"#), named(&[])),
        (
            Some(r#"{"name":"Old Name","email":"old@example.com","phone":null}"#),
            named(&[
                (Field::Name, Value::text("Old Name")),
                (Field::Email, Value::text("old@example.com")),
                (Field::Phone, Value::Blank),
            ]),
        ),
        // The changed parts over the others.
        (
            Some(r#"{"address":{"city":"Lyon","line1":"2 Rue"}}"#),
            named(&[(Field::Address, address("2 Rue", "Lyon"))]),
        ),
        (
            Some(r#"{"address":{"line1":null}}"#),
            named(&[(Field::Address, address("", "Paris"))]),
        ),
        (
            Some(r#"{"address":{}}"#),
            named(&[(Field::Address, address("1 Main St", "Paris"))]),
        ),
        (
            Some(r#"{"address":null}"#),
            named(&[(Field::Address, Value::Blank)]),
        ),
        // What cannot be read proves nothing; what can be, does.
        (
            Some(r#"{"name":5,"email":"a@b.c"}"#),
            named(&[(Field::Email, Value::text("a@b.c"))]),
        ),
        (
            Some(r#"{"address":"Paris","phone":null}"#),
            named(&[(Field::Phone, Value::Blank)]),
        ),
        (Some(r#"{"address":{"city":[5]}}"#), named(&[])),
        (Some("[]"), named(&[])),
        (Some("7"), named(&[])),
    ] {
        let json = updated(previous);
        assert_eq!(
            previous_attributes(json.as_bytes()),
            expected,
            "{previous:?}"
        );
    }
}

/// An update of a customer that holds this now, and held `previous`.
fn changed(object: &str, previous: &str) -> String {
    format!(
        r#"{{"id":"evt_1","type":"customer.updated","livemode":false,"created":1,
            "data":{{"object":{{"id":"cus_1",{object}}},"previous_attributes":{previous}}}}}"#
    )
}

#[test]
fn the_parts_of_shipping_that_changed_are_named() {
    use Field::{ShippingAddress, ShippingName, ShippingPhone};
    let whole = r#""shipping":{"name":"Jo","phone":"1","address":{"line1":"1 Rue","city":"Paris",
        "postal_code":"75002","country":"FR"}}"#;
    let nameless = r#""shipping":{"name":"Jo","phone":null,"address":null}"#;
    let none = r#""shipping":null"#;
    for (object, previous, expected) in [
        (
            whole,
            r#"{"shipping":{"name":"Al"}}"#,
            vec![(ShippingName, Value::text("Al"))],
        ),
        (
            whole,
            r#"{"shipping":{"phone":null}}"#,
            vec![(ShippingPhone, Value::Blank)],
        ),
        (
            whole,
            r#"{"shipping":{"address":{"line1":"2 Rue"}}}"#,
            vec![(ShippingAddress, address("2 Rue", "Paris"))],
        ),
        (
            whole,
            r#"{"shipping":null}"#,
            vec![
                (ShippingName, Value::Blank),
                (ShippingPhone, Value::Blank),
                (ShippingAddress, Value::Blank),
            ],
        ),
        // What is blank before and after did not change.
        (
            nameless,
            r#"{"shipping":null}"#,
            vec![(ShippingName, Value::Blank)],
        ),
        (
            none,
            r#"{"shipping":{"name":"Al","phone":null,"address":{"line1":"2 Rue","city":"Lyon",
                "postal_code":"75002","country":"FR"}}}"#,
            vec![
                (ShippingName, Value::text("Al")),
                (ShippingAddress, address("2 Rue", "Lyon")),
            ],
        ),
        // What cannot be read proves nothing.
        (whole, r#"{"shipping":7}"#, vec![]),
        (whole, r#"{"shipping":{"name":[7]}}"#, vec![]),
        (r#""shipping":7"#, r#"{"shipping":{"name":"Al"}}"#, vec![]),
    ] {
        let json = changed(object, previous);
        let expected = Evidence::Named(expected.into_iter().collect());
        assert_eq!(previous_attributes(json.as_bytes()), expected, "{json}");
    }
}

#[test]
fn the_first_locale_and_the_keys_of_metadata_are_named() {
    for (previous, expected) in [
        (
            r#"{"preferred_locales":["de","fr"]}"#,
            Some(Value::text("de")),
        ),
        (r#"{"preferred_locales":[]}"#, Some(Value::Blank)),
        (r#"{"preferred_locales":null}"#, Some(Value::Blank)),
        (r#"{"preferred_locales":"de"}"#, None),
    ] {
        let json = changed(r#""preferred_locales":["en"]"#, previous);
        let expected = expected.map(|value| (Field::Locale, value));
        let expected = Evidence::Named(expected.into_iter().collect());
        assert_eq!(previous_attributes(json.as_bytes()), expected, "{json}");
    }
    let previous = r#"{"metadata":{"tier":"gold","added":null,"odd":7}}"#;
    let json = changed(r#""metadata":{"tier":"silver","added":"x"}"#, previous);
    let expected = [("tier", Value::text("gold")), ("added", Value::Blank)];
    let expected = expected.map(|(key, value)| (key.to_owned(), value));
    assert_eq!(previous_metadata(json.as_bytes()), expected.into());
    for previous in ["null", r#"{"metadata":null}"#, r#"{"metadata":[]}"#, "{}"] {
        let json = changed(r#""metadata":{}"#, previous);
        assert_eq!(
            previous_metadata(json.as_bytes()),
            BTreeMap::new(),
            "{json}"
        );
    }
}

#[test]
fn an_event_of_a_tax_id_is_about_its_customer_and_holds_none() {
    let json = r#"{"id":"evt_1","type":"customer.tax_id.created","livemode":false,"created":1,
        "data":{"object":{"id":"txi_1","object":"tax_id","customer":"cus_1","type":"eu_vat",
        "value":"DE1","country":"DE"}}}"#;
    assert_eq!(parse(json.as_bytes()).unwrap().object, "cus_1");
    assert!(customer(json.as_bytes()).is_err());
    let of_account = json.replace(r#""cus_1""#, "null");
    assert_eq!(parse(of_account.as_bytes()).unwrap().object, "");
}

#[test]
fn previous_attributes_that_are_there_twice_prove_nothing_and_hide_no_object() {
    let twice = updated(Some(
        r#"{"name": "Old Name"}, "previous_attributes": {"name": "Older Name"}"#,
    ));
    let payload = twice.as_bytes();
    assert_eq!(parse(payload).unwrap().object, "cus_1");
    assert!(snapshot(payload).unwrap().get().contains("New Name"));
    assert_eq!(customer(payload).unwrap().id.to_string(), "cus_1");
    assert_eq!(previous_attributes(payload), Evidence::Named(Fields::new()));
    assert!(previous_metadata(payload).is_empty());
}

#[test]
fn a_payload_that_cannot_be_read_proves_nothing() {
    let whole = updated(None);
    let half = whole.get(..whole.len() / 2).unwrap();
    let no_object = r#"{"type":"customer.updated","data":{}}"#;
    for payload in ["", " ", "null", "{}", "[]", half, no_object] {
        assert_eq!(
            previous_attributes(payload.as_bytes()),
            Evidence::Named(Fields::new()),
            "{payload:?}"
        );
    }
    let large = format!("{whole}{}", " ".repeat(EVENT_BYTES_MAX));
    assert_eq!(
        previous_attributes(large.as_bytes()),
        Evidence::Named(Fields::new())
    );
}

#[test]
fn an_address_that_went_away_is_named_with_its_parts() {
    let json = updated(Some(
        r#"{"address":{"line1":"2 Rue","line2":null,"city":"Lyon","state":null,
            "postal_code":"75002","country":"FR"}}"#,
    ));
    let (before, rest) = json.split_once(r#""address": {"#).unwrap();
    let (_, after) = rest.split_once('}').unwrap();
    let json = format!(r#"{before}"address": null{after}"#);
    let expected = [(Field::Address, address("2 Rue", "Lyon"))];
    assert_eq!(
        previous_attributes(json.as_bytes()),
        Evidence::Named(expected.into())
    );
}

#[test]
fn depth_is_no_way_to_the_end_of_the_stack() {
    for depth in [0, 1, 100, 200, 100_000] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let json = updated(Some(&format!(r#"{{"metadata":{deep}}}"#)));
        assert!(depth == 0 || parse(json.as_bytes()).is_ok(), "{depth}");
        let expected = Evidence::Named(Fields::new());
        assert_eq!(previous_attributes(json.as_bytes()), expected, "{depth}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let parsed = parse(&bytes);
        prop_assert!(parsed.is_err());
        prop_assert_eq!(previous_attributes(&bytes), Evidence::Named(Fields::new()));
        prop_assert!(snapshot(&bytes).is_err() && customer(&bytes).is_err());
    }

    /// A good event with a piece cut out or overwritten is read or refused.
    #[test]
    fn no_damaged_event_panics(at in 0..UPDATED.len(), length in 0_usize..40, with in "[ -~]{0,5}") {
        let mut bytes = UPDATED.as_bytes().to_vec();
        let end = bytes.len().min(at + length);
        bytes.splice(at..end, with.bytes());
        if let Ok(envelope) = parse(&bytes) {
            prop_assert!(!envelope.id.as_str().is_empty());
        }
        if let Evidence::Named(fields) = previous_attributes(&bytes) {
            prop_assert!(fields.len() <= 8);
        }
        if let Ok(seen) = customer(&bytes) {
            prop_assert!(!seen.payload.is_empty());
        }
    }
}

#[test]
fn an_event_tells_the_key_of_the_request_that_caused_it() {
    for (request, key) in [
        (r#"{"id": "req_1", "idempotency_key": "k/1"}"#, Some("k/1")),
        (r#"{"id": "req_1", "idempotency_key": null}"#, None),
        (r#""req_1""#, None),
        ("null", None),
        ("7", None),
    ] {
        let payload = format!(r#"{{"id": "evt_1", "request": {request}}}"#);
        assert_eq!(
            idempotency_key(payload.as_bytes()).as_deref(),
            key,
            "{request}"
        );
    }
    assert_eq!(idempotency_key(b"{}"), None);
    assert_eq!(idempotency_key(b""), None);
}
