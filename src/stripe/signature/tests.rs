use super::*;
use proptest::prelude::*;

/// Made with `openssl dgst -sha256 -hmac`, so that the scheme is not checked against itself.
const BODY: &[u8] = br#"{"id":"evt_1"}"#;
const TIME: i64 = 1_700_000_000;
const ONE: &str = "401fbbceeb3818dc562ff77127ba1c62e47e24c9c6cde4d7a6eba85e32dbd058";
const TWO: &str = "4fb9aa7e8a9678e685ef5c7eafa19ac1eb7c0564196cbe246ca08c2fd799eaf3";
const NONE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn verify(
    secrets: &[&str],
    header: &str,
    body: &[u8],
    offset: i64,
) -> Result<SignedAt, SignatureError> {
    let secrets = SigningSecrets::new(secrets.iter().map(|secret| secret.as_bytes()));
    let now = Timestamp::from_seconds(TIME + offset);
    secrets.verify(Some(header.as_bytes()), body, now)
}

#[test]
fn any_signature_may_match_any_secret() {
    let signed = Ok(SignedAt(Timestamp::from_seconds(TIME)));
    let no_match = Err(SignatureError::NoMatch);
    let both = ["whsec_one", "whsec_two"];
    for (secrets, header, expected) in [
        (&both[..], format!("t={TIME},v1={ONE}"), signed),
        (&both[..], format!("t={TIME},v1={TWO}"), signed),
        (&both[1..], format!("t={TIME},v1={ONE},v1={TWO}"), signed),
        (&both[1..], format!("t={TIME},v1={TWO},v1={ONE}"), signed),
        (&both[..1], format!("v1={ONE},t={TIME},v0={NONE}"), signed),
        (
            &both[..1],
            format!("t={TIME}, v1={}", ONE.to_uppercase()),
            signed,
        ),
        (&both[..1], format!("t={TIME},v1=zz,v1={ONE}"), signed),
        (&["", "whsec_one"], format!("t={TIME},v1={ONE}"), signed),
        (&both[..1], format!("t={TIME},v1={TWO}"), no_match),
        (&both[..], format!("t={TIME},v1={NONE}"), no_match),
        // The signed text is that of the header: the same instant written otherwise is another.
        (&both[..1], format!("t=0{TIME},v1={ONE}"), no_match),
        (&both[..1], format!("t={},v1={ONE}", TIME + 1), no_match),
    ] {
        assert_eq!(verify(secrets, &header, BODY, 0), expected, "{header}");
    }
    let header = format!("t={TIME},v1={ONE}");
    assert_eq!(verify(&both, &header, br#"{"id":"evt_2"}"#, 0), no_match);
}

#[test]
fn the_header_has_the_documented_form() {
    for header in [
        String::new(),
        "v1".into(),
        format!("v1={ONE}"),
        format!("t={TIME}"),
        format!("t={TIME},v0={ONE}"),
        format!("t={TIME},v1=abc"),
        format!("t=,v1={ONE}"),
        format!("t=now,v1={ONE}"),
        format!("t=99999999999999999999,v1={ONE}"),
        format!("t={TIME},t={TIME},v1={ONE}"),
        format!("t={TIME},v1={ONE}{}", ",v1=a".repeat(HEADER_BYTES_MAX)),
    ] {
        let expected = if header.is_empty() {
            SignatureError::Missing
        } else {
            SignatureError::Malformed
        };
        assert_eq!(
            verify(&["whsec_one"], &header, BODY, 0),
            Err(expected),
            "{header}"
        );
    }
    let secrets = SigningSecrets::new([b"whsec_one".as_slice()]);
    let now = Timestamp::from_seconds(TIME);
    assert_eq!(
        secrets.verify(None, BODY, now),
        Err(SignatureError::Missing)
    );
}

#[test]
fn the_clocks_may_differ_by_the_tolerance_either_way() {
    let header = format!("t={TIME},v1={ONE}");
    for (offset, expected) in [
        (300, None),
        (-300, None),
        (301, Some(SignatureError::TooOld)),
        (-301, Some(SignatureError::TooNew)),
        (360, Some(SignatureError::TooOld)),
    ] {
        assert_eq!(
            verify(&["whsec_one"], &header, BODY, offset).err(),
            expected,
            "{offset}"
        );
    }
    // Only what is signed says something about the clocks.
    let forged = format!("t={TIME},v1={NONE}");
    assert_eq!(
        verify(&["whsec_one"], &forged, BODY, 9_000),
        Err(SignatureError::NoMatch)
    );
}

#[test]
fn no_secret_is_a_closed_door() {
    // The signature that anybody can make under an empty key.
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"");
    let mut signed = format!("{TIME}.").into_bytes();
    signed.extend_from_slice(BODY);
    let tag = hmac::sign(&key, &signed);
    let hex: String = tag
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let header = format!("t={TIME},v1={hex}");
    for secrets in [&[][..], &[""], &[" \n", ""]] {
        assert_eq!(
            verify(secrets, &header, BODY, 0),
            Err(SignatureError::NoSecret)
        );
    }
    assert!(SigningSecrets::new([b"".as_slice()]).is_empty());
}

#[test]
fn secrets_are_not_in_debug_forms() {
    let secrets = SigningSecrets::new([b"whsec_one".as_slice(), b"whsec_two".as_slice()]);
    assert_eq!(format!("{secrets:?}"), "SigningSecrets(2)");
}

proptest! {
    #[test]
    fn no_header_panics_or_matches(header in proptest::collection::vec(any::<u8>(), 0..300)) {
        let secrets = SigningSecrets::new([b"whsec_one".as_slice()]);
        prop_assert!(secrets.verify(Some(&header), BODY, Timestamp::from_seconds(TIME)).is_err());
    }

    #[test]
    fn no_likely_header_panics_or_matches(header in "(t=[0-9]{0,20}|v1=[0-9a-f]{0,64}|v0=|,| |=){0,12}") {
        let secrets = SigningSecrets::new([b"whsec_one".as_slice()]);
        prop_assert!(secrets.verify(Some(header.as_bytes()), BODY, Timestamp::from_seconds(TIME)).is_err());
    }
}
