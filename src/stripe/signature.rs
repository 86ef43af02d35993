//! Whether a webhook delivery was signed by Stripe with one of our secrets.
//!
//! Stripe's documentation, "Verify webhook signatures manually": the header `Stripe-Signature` is
//! `t=<unix seconds>,v1=<hex>[,v1=<hex>…]`, and each `v1` is the HMAC-SHA256 of `<t>.<raw body>`
//! under one endpoint secret, the whole text including `whsec_`. While a secret is rolled there is
//! one `v1` per live secret. Other schemes (`v0`) prove nothing.
//!
//! # Guarantees
//!
//! - Pure: time is an argument.
//! - Every `v1` is compared with every secret, in constant time; one HMAC per secret.
//! - An empty secret is no secret, and no secret is a closed door: it would verify what anybody
//!   can forge.
//! - [`SignatureError::TooOld`] and [`SignatureError::TooNew`] speak of deliveries that *are*
//!   signed: they mean a replay, or a clock that is wrong.

use crate::model::time::Timestamp;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use std::fmt;
use std::time::Duration;

/// How far the signed time may lie from ours, in both directions (Stripe's libraries: 300 s).
pub const TOLERANCE: Duration = Duration::from_secs(300);

/// Longest header that is read, in bytes: a time and more signatures than Stripe has secrets per
/// endpoint.
pub const HEADER_BYTES_MAX: usize = 2_048;

/// Bytes of a signature.
const TAG_BYTES: usize = 32;

/// The secrets of our endpoints, ready for use; any number of them are valid at a time.
pub struct SigningSecrets {
    keys: Vec<hmac::Key>,
}

impl SigningSecrets {
    /// The secrets, each the whole text with `whsec_`; blank ones are left out.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let keys = secrets
            .into_iter()
            .map(<[u8]>::trim_ascii)
            .filter(|secret| !secret.is_empty())
            .map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret))
            .collect();
        Self { keys }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none, so that no delivery is accepted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Checks a delivery: its `Stripe-Signature` header and its body as it came.
    ///
    /// # Errors
    ///
    /// The delivery is not to be believed; the variant says why.
    pub fn verify(
        &self,
        header: Option<&[u8]>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<SignedAt, SignatureError> {
        if self.keys.is_empty() {
            return Err(SignatureError::NoSecret);
        }
        let header = header
            .filter(|header| !header.is_empty())
            .ok_or(SignatureError::Missing)?;
        let header = Header::parse(header).ok_or(SignatureError::Malformed)?;
        if !self.any_matches(&header, body) {
            return Err(SignatureError::NoMatch);
        }
        let signed = Timestamp::from_seconds(header.seconds);
        if now.since(signed) > TOLERANCE {
            return Err(SignatureError::TooOld);
        }
        if signed.since(now) > TOLERANCE {
            return Err(SignatureError::TooNew);
        }
        Ok(SignedAt(signed))
    }

    fn any_matches(&self, header: &Header<'_>, body: &[u8]) -> bool {
        let mut matched = false;
        for key in &self.keys {
            let mut context = hmac::Context::with_key(key);
            context.update(header.time);
            context.update(b".");
            context.update(body);
            let tag = context.sign();
            for signature in &header.signatures {
                matched |= verify_slices_are_equal(tag.as_ref(), signature).is_ok();
            }
        }
        matched
    }
}

impl fmt::Debug for SigningSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningSecrets({})", self.keys.len())
    }
}

/// Proof that a delivery was signed, and when, by Stripe's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedAt(Timestamp);

impl SignedAt {
    /// When it was signed; each repeat of a delivery is signed anew.
    #[must_use]
    pub const fn timestamp(self) -> Timestamp {
        self.0
    }
}

/// Why a delivery is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum SignatureError {
    /// It has no signature.
    #[error("no signature")]
    Missing,
    /// Its signature header has not the documented form.
    #[error("malformed signature header")]
    Malformed,
    /// It is signed, longer ago than the tolerance: a replay, or our clock is fast.
    #[error("signed more than {} s ago", TOLERANCE.as_secs())]
    TooOld,
    /// It is signed, further ahead than the tolerance: our clock is slow.
    #[error("signed more than {} s ahead", TOLERANCE.as_secs())]
    TooNew,
    /// No signature belongs to one of our secrets.
    #[error("no signature matches a secret")]
    NoMatch,
    /// There is no secret to check with.
    #[error("no signing secret")]
    NoSecret,
}

impl SignatureError {
    /// The reason's name in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::TooOld => "too-old",
            Self::TooNew => "too-new",
            Self::NoMatch => "no-match",
            Self::NoSecret => "no-secret",
        }
    }
}

struct Header<'a> {
    /// The time as it stands in the header, since that text is what was signed.
    time: &'a [u8],
    seconds: i64,
    signatures: Vec<[u8; TAG_BYTES]>,
}

impl<'a> Header<'a> {
    fn parse(header: &'a [u8]) -> Option<Self> {
        if header.len() > HEADER_BYTES_MAX {
            return None;
        }
        let mut time = None;
        let mut signatures = Vec::new();
        for part in header.split(|byte| *byte == b',') {
            let part = part.trim_ascii();
            if let Some(text) = part.strip_prefix(b"t=") {
                // Two times would leave open which one counts.
                if time.replace(text).is_some() {
                    return None;
                }
            } else if let Some(text) = part.strip_prefix(b"v1=") {
                // What is not 64 hexadecimal digits cannot match.
                signatures.extend(unhex(text));
            }
        }
        let time = time?;
        let seconds = std::str::from_utf8(time).ok()?.parse().ok()?;
        (!signatures.is_empty()).then_some(Self {
            time,
            seconds,
            signatures,
        })
    }
}

fn unhex(text: &[u8]) -> Option<[u8; TAG_BYTES]> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let mut bytes = [0; TAG_BYTES];
    if text.len() != TAG_BYTES.saturating_mul(2) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)?.checked_mul(16)?.checked_add(digit(*low)?)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
