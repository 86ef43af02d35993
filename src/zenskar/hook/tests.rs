use super::*;

const SECRET: &[u8] = b"typed in the dashboard";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn signed(body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    hex(hmac::sign(&key, body).as_ref())
}

fn hashed() -> String {
    hex(digest::digest(&digest::SHA256, SECRET).as_ref())
}

fn verify(header: &str, body: &str) -> Result<(), Unproven> {
    let secret = HookSecret::new(SECRET).unwrap();
    secret.verify(
        [b"application/json".as_slice(), header.as_bytes()],
        body.as_bytes(),
    )
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn event(body: &str) -> Event {
    read(body.as_bytes(), at(90)).unwrap().event
}

#[test]
fn either_proof_is_taken_and_nothing_else() {
    let body = r#"{"event":"customer.updated"}"#;
    let good = signed(body.as_bytes());
    let shouted = good.to_uppercase();
    let schemed = format!("sha256={good}");
    for header in [&good, &shouted, &schemed] {
        assert_eq!(verify(header, body), Ok(()), "{header}");
        assert_eq!(verify(header, "{}"), Err(Unproven::NoMatch), "{header}");
    }
    let with_hash = format!(r#"{{"signature":"{}"}}"#, hashed());
    assert_eq!(verify("", &with_hash), Ok(()));
    // The hash of the secret proves nothing in a header, and that of the body nothing in the body.
    assert_eq!(verify(&hashed(), body), Err(Unproven::NoMatch));
    let with_tag = format!(r#"{{"signature":"{good}"}}"#);
    assert_eq!(verify("", &with_tag), Err(Unproven::NoMatch));
    assert_eq!(verify("", body), Err(Unproven::Missing));
    let short = good.get(1..).unwrap();
    assert_eq!(verify(short, body), Err(Unproven::Missing));
    // One more digit on either side is another number.
    let longer = format!("{}0", hashed());
    assert_eq!(verify("", &longer), Err(Unproven::Missing));
}

#[test]
fn a_blank_secret_is_none() {
    assert!(HookSecret::new(b" \n").is_none());
    let padded = HookSecret::new(b"typed in the dashboard\n").unwrap();
    let body = hashed();
    assert_eq!(padded.verify([], body.as_bytes()), Ok(()));
}

#[test]
fn a_change_that_says_its_time_has_the_id_that_the_poller_gives_it() {
    for body in [
        r#"{"event":"customer.updated","resource_id":"z-1","data":{"updated_at":"1970-01-01 00:00:07"}}"#,
        r#"{"type":"Customer added","data":{"id":"z-1","updated_at":"1970-01-01T00:00:07.000000"}}"#,
    ] {
        let event = event(body);
        let customer = ZenskarCustomerId::parse("z-1").unwrap();
        assert_eq!(event.id, zenskar_event_id(&customer, at(7)).unwrap());
        assert_eq!(
            (event.kind.as_str(), event.object.as_str()),
            (ZENSKAR_UPDATED, "z-1")
        );
        assert_eq!(
            (event.created, event.channel),
            (at(7), Channel::ZenskarWebhook)
        );
        assert_eq!(event.payload, body.as_bytes());
    }
}

#[test]
fn a_deletion_is_not_taken_for_the_change_before_it() {
    let body =
        r#"{"event":"customer deleted","resource_id":"z-1","data":{"updated_at":"1970-01-01"}}"#;
    let event = event(body);
    assert_eq!(
        (event.kind.as_str(), event.object.as_str()),
        (ZENSKAR_DELETED, "z-1")
    );
    assert!(!event.id.as_str().contains("z-1"));
}

#[test]
fn what_says_no_time_is_a_duplicate_only_for_a_while() {
    let body = br#"{"event":"customer.updated","resource_id":"z-1"}"#;
    let id = |seconds| read(body, at(seconds)).unwrap().event.id;
    assert_eq!(id(60), id(119));
    assert_ne!(id(60), id(120));
}

#[test]
fn what_is_not_understood_is_an_event_all_the_same() {
    for body in [
        "",
        "not json",
        "[]",
        r#"{"event":"invoice.approved","resource_id":"i-1","data":{"customer_id":"z-1"}}"#,
        r#"{"event":"customer.updated"}"#,
        r#"{"event":"customer.updated","resource_id":"a b"}"#,
        r#"{"resource_id":"z-1"}"#,
    ] {
        let event = event(body);
        assert_eq!(
            (event.kind.as_str(), event.object.as_str()),
            (ZENSKAR_UNKNOWN, ""),
            "{body}"
        );
    }
}

#[test]
fn an_organisation_is_told() {
    let hint = read(br#"{"organisation_id":"org-2"}"#, at(1)).unwrap();
    assert_eq!(hint.organisation.as_deref(), Some("org-2"));
}
