//! Times as Zenskar writes and reads them.
//!
//! Times are microseconds since 1970 inside. They are written as UTC without saying so.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::switches::TimestampForm;

/// A time read from a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// A time without an offset, or Unix seconds.
    Naive(i64),
    /// A time with an offset.
    Aware(i64),
}

/// Writes a time; `updated` tells the two columns apart for the mixed form.
pub(crate) fn write(us: i64, form: TimestampForm, updated: bool) -> String {
    let timestamp = Timestamp::from_microsecond(us).unwrap_or(Timestamp::UNIX_EPOCH);
    let format = match form {
        TimestampForm::Micros => "%Y-%m-%dT%H:%M:%S.%6f",
        TimestampForm::SpacedMicros => "%Y-%m-%d %H:%M:%S.%6f",
        TimestampForm::Seconds => "%Y-%m-%dT%H:%M:%S",
        TimestampForm::Zulu => "%Y-%m-%dT%H:%M:%S.%6fZ",
        TimestampForm::Mixed if us.rem_euclid(1_000_000) == 0 && !updated => "%Y-%m-%dT%H:%M:%S",
        TimestampForm::Mixed if us.rem_euclid(1_000_000) == 0 => "%Y-%m-%d %H:%M:%S",
        TimestampForm::Mixed if updated => "%Y-%m-%d %H:%M:%S.%6f",
        TimestampForm::Mixed => "%Y-%m-%dT%H:%M:%S.%6f",
    };
    timestamp.strftime(format).to_string()
}

/// Reads ISO text with `T` or a space, a date alone, or Unix seconds.
pub(crate) fn read(text: &str) -> Option<Read> {
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds.checked_mul(1_000_000).map(Read::Naive);
    }
    let has_offset = text.ends_with(['Z', 'z']) || text.rfind(['+', '-']).is_some_and(|at| at > 9);
    if has_offset {
        return text
            .parse::<Timestamp>()
            .ok()
            .map(|time| Read::Aware(time.as_microsecond()));
    }
    let civil = match text.parse::<DateTime>() {
        Ok(civil) => civil,
        Err(_) => text
            .parse::<Date>()
            .ok()?
            .to_datetime(jiff::civil::Time::midnight()),
    };
    let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
    Some(Read::Naive(zoned.timestamp().as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::{Read, read, write};
    use crate::switches::TimestampForm;

    #[test]
    fn forms() {
        let us = 1_779_199_927_147_536;
        for (form, updated, expected) in [
            (TimestampForm::Micros, true, "2026-05-19T14:12:07.147536"),
            (
                TimestampForm::SpacedMicros,
                true,
                "2026-05-19 14:12:07.147536",
            ),
            (TimestampForm::Seconds, true, "2026-05-19T14:12:07"),
            (TimestampForm::Zulu, true, "2026-05-19T14:12:07.147536Z"),
            (TimestampForm::Mixed, true, "2026-05-19 14:12:07.147536"),
            (TimestampForm::Mixed, false, "2026-05-19T14:12:07.147536"),
        ] {
            assert_eq!(write(us, form, updated), expected);
        }
    }

    #[test]
    fn reading() {
        let us = 1_779_199_927_000_000;
        for (text, expected) in [
            ("2026-05-19T14:12:07", Some(Read::Naive(us))),
            ("2026-05-19 14:12:07.000000", Some(Read::Naive(us))),
            ("1779199927", Some(Read::Naive(us))),
            ("2026-05-19T14:12:07Z", Some(Read::Aware(us))),
            ("2026-05-19T16:12:07+02:00", Some(Read::Aware(us))),
            ("2026-05-19", Some(Read::Naive(us - 51_127_000_000))),
            ("yesterday", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
