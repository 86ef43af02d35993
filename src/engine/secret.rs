//! Secrets that are drawn here and shown to somebody once: what is kept of them is their digest.

use crate::model::session::Digest;
use aws_lc_rs::digest::{SHA256, digest as hash};
use zeroize::Zeroizing;

/// Bytes of a secret: 256 bits.
const BYTES: usize = 32;

/// The operating system gives no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no randomness")]
pub struct NoRandomness;

/// A new secret, in hexadecimal digits.
///
/// # Errors
///
/// The operating system gives no randomness.
pub fn draw() -> Result<Zeroizing<String>, NoRandomness> {
    let mut bytes = Zeroizing::new([0_u8; BYTES]);
    aws_lc_rs::rand::fill(bytes.as_mut_slice()).map_err(|_| NoRandomness)?;
    Ok(Zeroizing::new(hex(bytes.as_slice())))
}

/// What is kept of a secret.
#[must_use]
pub fn digest(secret: &str) -> Digest {
    // SHA-256 has this many bytes.
    hash(&SHA256, secret.as_bytes())
        .as_ref()
        .try_into()
        .unwrap_or_default()
}

/// Bytes in hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digest that [`hex`] wrote.
#[must_use]
pub fn unhex(text: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex || text.len() != digest.len().saturating_mul(2) {
        return None;
    }
    for (index, byte) in digest.iter_mut().enumerate() {
        let at = index.saturating_mul(2);
        *byte = u8::from_str_radix(text.get(at..at.saturating_add(2))?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_digests_are_written_and_read() {
        let (one, other) = (draw().unwrap(), draw().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 64);
        let kept = digest(&one);
        assert_eq!(unhex(&hex(&kept)), Some(kept));
        for bad in ["", "00", &"g".repeat(64), &"+1".repeat(32)] {
            assert_eq!(unhex(bad), None, "{bad:?}");
        }
    }
}
