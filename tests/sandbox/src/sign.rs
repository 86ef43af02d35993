//! Webhook signatures as Stripe makes them, and proofs as Zenskar may.
//!
//! Not here: verification; the receiver under test has its own.

use aws_lc_rs::{digest, hmac};

/// The `v1` signature of `body` at Unix time `t`: lower-case hex of
/// HMAC-SHA256(`secret`, `"<t>.<body>"`). The secret is used whole, with its `whsec_`.
#[must_use]
pub fn sign(secret: &str, t: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(t.to_string().as_bytes());
    context.update(b".");
    context.update(body);
    hex(context.sign().as_ref())
}

/// A whole `Stripe-Signature` header: one `v1` for each secret, and for test events also the `v0`
/// that a verifier has to ignore.
#[must_use]
pub fn signature_header(secrets: &[&str], t: i64, body: &[u8], livemode: bool) -> String {
    let mut header = format!("t={t}");
    for secret in secrets {
        header.push_str(",v1=");
        header.push_str(&sign(secret, t, body));
    }
    if !livemode {
        header.push_str(",v0=");
        header.push_str(&sign("not a secret", t, body));
    }
    header
}

/// The hex HMAC-SHA256 of `body` under `secret`.
#[must_use]
pub fn hmac_hex(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex(hmac::sign(&key, body).as_ref())
}

/// The hex SHA-256 of `bytes`.
#[must_use]
pub fn hash_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| char::from(*DIGITS.get(usize::from(n)).unwrap_or(&b'0'));
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{sign, signature_header};

    #[test]
    fn known_signature() {
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac whsec_test
        assert_eq!(
            sign("whsec_test", 1_700_000_000, b"{}"),
            "35495024f4ef3f94e5a93e22221544c4b75e9a42300cd965ab81cb85cd994e91"
        );
    }

    #[test]
    fn header_has_one_v1_per_secret_and_v0_only_in_test_mode() {
        let header = signature_header(&["a", "b"], 5, b"x", false);
        assert_eq!(header.matches(",v1=").count(), 2);
        assert!(header.starts_with("t=5,v1=") && header.contains(",v0="));
        assert!(!signature_header(&["a"], 5, b"x", true).contains("v0="));
    }
}
