//! Text on its way to and from a remote: encoding into addresses, reading of HTTP dates, and
//! making foreign words safe to keep.

use crate::model::time::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;
use std::fmt::Write;
use std::time::Duration;

/// Longest wait that a remote can ask for. A remote that asks for more is asked again after this.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// `text` as one segment of a path: everything but RFC 3986's unreserved characters is encoded.
///
/// A segment of dots alone would be taken for a step up the path, encoded or not, so its dots are
/// encoded twice: it then names nothing.
#[must_use]
pub fn path_segment(text: &str) -> String {
    if matches!(text, "." | "..") {
        text.replace('.', "%252E")
    } else {
        encoded(text)
    }
}

/// Names and values as the query of an address, with its `?`; empty for none.
#[must_use]
pub fn query(pairs: &[(&str, &str)]) -> String {
    let mut query = String::new();
    for (name, value) in pairs {
        query.push(if query.is_empty() { '?' } else { '&' });
        query.push_str(&encoded(name));
        query.push('=');
        query.push_str(&encoded(value));
    }
    query
}

/// Names and values as the body of a form.
#[must_use]
pub fn form(pairs: &[(String, String)]) -> String {
    let parts: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    parts.join("&")
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            // Writing into a `String` cannot fail.
            other => write!(out, "%{other:02X}").unwrap_or_default(),
        }
    }
    out
}

/// An HTTP date (RFC 9110, 5.6.7), such as `Tue, 24 Nov 2026 08:12:31 GMT`, or in one of the two
/// older forms that everybody has to read.
#[must_use]
pub fn http_date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let obsolete = |form| {
        DateTime::strptime(form, text)
            .ok()?
            .to_zoned(TimeZone::UTC)
            .ok()
    };
    let date = DateTimeParser::new()
        .parse_timestamp(text)
        .ok()
        .or_else(|| obsolete("%A, %d-%b-%y %H:%M:%S GMT").map(|date| date.timestamp()))
        .or_else(|| obsolete("%a %b %e %H:%M:%S %Y").map(|date| date.timestamp()))?;
    Some(Timestamp::from_seconds(date.as_second()))
}

/// The wait that `Retry-After` asks for: seconds, or an HTTP date, which is counted from the
/// remote's own `date`. At most [`RETRY_AFTER_MAX`].
#[must_use]
pub fn retry_after(text: &str, date: Option<Timestamp>) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => http_date(text)?.since(date?),
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// `text` without control characters: a remote's words reach terminals and logs.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

/// At most `chars_max` characters of `text`, with `…` where it was cut.
#[must_use]
pub fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => {
            let mut short: String = text.get(..end).unwrap_or_default().to_owned();
            short.push('…');
            short
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_what_an_address_cannot_hold() {
        assert_eq!(path_segment("cus_1"), "cus_1");
        assert_eq!(path_segment("a?b#c%d/é"), "a%3Fb%23c%25d%2F%C3%A9");
        assert_eq!(path_segment(".."), "%252E%252E");
        assert_eq!(query(&[]), "");
        assert_eq!(
            query(&[("created[gte]", "5"), ("email", "a+b@x.io")]),
            "?created%5Bgte%5D=5&email=a%2Bb%40x.io"
        );
    }

    #[test]
    fn reads_dates_and_waits() {
        let date = http_date("Tue, 24 Nov 2026 08:12:31 GMT");
        assert_eq!(date, Some(Timestamp::from_seconds(1_795_507_951)));
        for text in [
            " Tue, 24 Nov 2026 08:12:31 GMT ",
            "Tuesday, 24-Nov-26 08:12:31 GMT",
            "Tue Nov 24 08:12:31 2026",
        ] {
            assert_eq!(http_date(text), date, "{text}");
        }
        for text in ["", "yesterday", "1795507951", "Tue, 24 Nov 2026"] {
            assert_eq!(http_date(text), None, "{text}");
        }
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (text, wait) in [
            ("7", seconds(7)),
            (" 0 ", seconds(0)),
            ("99999999", Some(RETRY_AFTER_MAX)),
            ("Tue, 24 Nov 2026 08:12:41 GMT", seconds(10)),
            ("Tue, 24 Nov 2026 08:12:01 GMT", seconds(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(retry_after(text, date), wait, "{text}");
        }
        assert_eq!(retry_after("Tue, 24 Nov 2026 08:12:41 GMT", None), None);
    }

    #[test]
    fn shortens_between_characters() {
        assert_eq!(shortened("héllo", 2), "hé…");
        assert_eq!(shortened("hé", 2), "hé");
    }
}
