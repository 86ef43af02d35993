//! A webhook delivery: the signature header up to the first line break, the body after it.
//!
//! Nobody without the secret can make a body pass, so a delivery that passes does so with its own
//! body alone, and within the tolerance of its time.

use std::time::Duration;
use zenstripe::model::time::Timestamp;
use zenstripe::stripe::signature::{SigningSecrets, TOLERANCE};

const SECRET: &[u8] = b"whsec_of_the_fuzz_targets";

/// The time of the deliveries in the corpus that pass.
const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

pub(crate) fn run(input: &[u8]) {
    let secrets = SigningSecrets::new([SECRET]);
    let line = input.iter().position(|byte| *byte == b'\n');
    let (header, body) = match line {
        Some(at) => (input.get(..at), input.get(at + 1..).unwrap_or_default()),
        None => (Some(input), <&[u8]>::default()),
    };
    if secrets.verify(header, body, NOW).is_err() {
        return;
    }
    let other = [body, b" "].concat();
    assert!(
        secrets.verify(header, &other, NOW).is_err(),
        "the signature of another body"
    );
    let late = NOW.plus(TOLERANCE * 2 + Duration::from_secs(1));
    assert!(
        secrets.verify(header, body, late).is_err(),
        "a signature of long ago"
    );
    let strangers = SigningSecrets::new([&b"whsec_of_somebody_else"[..]]);
    assert!(
        strangers.verify(header, body, NOW).is_err(),
        "somebody else's signature"
    );
}
