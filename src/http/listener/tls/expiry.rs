//! When a certificate runs out.
//!
//! The only thing of a certificate that we read ourselves: the TLS library checks certificates of
//! peers, and does not tell our own one's dates. RFC 5280, section 4.1; DER of definite length.

use crate::model::time::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The version, `[0]`, which a certificate of version 1 leaves out.
const VERSION: u8 = 0xa0;

/// The end of a certificate's validity, if it can be read.
pub(super) fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    let (signed, _) = expect(SEQUENCE, certificate)?;
    let rest = expect(VERSION, signed).map_or(signed, |(_, rest)| rest);
    let (_serial, rest) = expect(INTEGER, rest)?;
    let (_algorithm, rest) = expect(SEQUENCE, rest)?;
    let (_issuer, rest) = expect(SEQUENCE, rest)?;
    let (validity, _) = expect(SEQUENCE, rest)?;
    let (_kind, _not_before, rest) = element(validity)?;
    let (kind, not_after, _) = element(rest)?;
    time(kind, std::str::from_utf8(not_after).ok()?)
}

fn expect(kind: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(bytes)?;
    (found == kind).then_some((content, rest))
}

/// The first element's kind and content, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[kind, short], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match short.checked_sub(0x80) {
        None => (usize::from(short), rest),
        Some(count) => {
            let (digits, rest) = rest.split_at_checked(usize::from(count))?;
            let length = digits.iter().try_fold(0_usize, |length, digit| {
                length.checked_mul(256)?.checked_add(usize::from(*digit))
            })?;
            (length, rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((kind, content, rest))
}

/// `YYMMDDhhmmssZ`, where years below 50 are in this century, or `YYYYMMDDhhmmssZ`.
fn time(kind: u8, text: &str) -> Option<Timestamp> {
    let (year, rest) = match kind {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (
                if year < 50 {
                    year + 2_000
                } else {
                    year + 1_900
                },
                rest,
            )
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at.checked_add(2)?)?.parse::<i8>().ok();
    let when = DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0).ok()?;
    let seconds = TimeZone::UTC.to_timestamp(when).ok()?.as_second();
    Some(Timestamp::from_seconds(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(year: i32) -> Vec<u8> {
        let mut parameters = rcgen::CertificateParams::new(["a.test".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(year, 2, 3);
        let key = rcgen::KeyPair::generate().unwrap();
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_forms_of_time_are_read() {
        for (year, text) in [
            (2_049, "2049-02-03T00:00:00Z"),
            (2_050, "2050-02-03T00:00:00Z"),
        ] {
            assert_eq!(not_after(&certificate(year)).unwrap().to_string(), text);
        }
        let of = |kind, text| time(kind, text).map(|time| time.to_string());
        assert_eq!(
            of(UTC_TIME, "991231235959Z").unwrap(),
            "1999-12-31T23:59:59Z"
        );
        assert_eq!(
            of(GENERALIZED_TIME, "20261123014500Z").unwrap(),
            "2026-11-23T01:45:00Z"
        );
        for text in [
            "",
            "26",
            "2611230145",
            "26112301450é",
            "261323014500Z",
            "-1-1-1-1-1-1Z",
        ] {
            assert_eq!(of(UTC_TIME, text), None, "{text}");
        }
    }

    #[test]
    fn what_is_cut_short_has_no_end() {
        let whole = certificate(2_030);
        for length in 0..whole.len() {
            assert_eq!(not_after(&whole[..length]), None, "{length}");
        }
    }
}
