//! Instants and spans as people read them.

use crate::model::time::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

/// An instant of RFC 3339 as markup: how long ago, and the instant itself for whoever points at it.
/// The script says it in the reader's own time zone.
pub(super) fn when(instant: &str, now: Timestamp) -> String {
    let Ok(parsed) = instant.parse::<jiff::Timestamp>() else {
        return escaped(instant);
    };
    let at = Timestamp::from_micros(parsed.as_microsecond());
    let text = if at <= now {
        let ago = now.since(at).as_secs();
        if ago < 5 {
            "just now".to_owned()
        } else {
            format!("{} ago", span(ago))
        }
    } else {
        format!("in {}", span(at.since(now).as_secs()))
    };
    let exact = parsed.strftime("%-d %B %Y, %H:%M:%S UTC");
    let machine = parsed.strftime("%Y-%m-%dT%H:%M:%SZ");
    format!("<time datetime=\"{machine}\" title=\"{exact}\">{text}</time>")
}

/// Seconds in the largest unit that fits, in words.
pub(super) fn span(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..MINUTE => (seconds, "second"),
        MINUTE..HOUR => (seconds.div_euclid(MINUTE), "minute"),
        HOUR..DAY => (seconds.div_euclid(HOUR), "hour"),
        _ => (seconds.div_euclid(DAY), "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// A number with its thousands set apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len().saturating_mul(2));
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(index);
        if index > 0 && left.checked_rem(3) == Some(0) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn escaped(text: &str) -> String {
    let letter = |letter: char| match letter {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_told_from_now() {
        let now = Timestamp::from_seconds(1_000_000_000);
        for (instant, text) in [
            ("2001-09-09T01:46:40Z", "just now"),
            ("2001-09-09T01:46:10.5Z", "29 seconds ago"),
            ("2001-09-09T00:46:40Z", "1 hour ago"),
            ("2001-09-01T01:46:40Z", "8 days ago"),
            ("2001-09-09T01:48:40Z", "in 2 minutes"),
        ] {
            let shown = when(instant, now);
            assert!(shown.contains(&format!(">{text}<")), "{shown}");
        }
        let shown = when("2001-09-01T01:46:40.25Z", now);
        assert!(
            shown.contains("title=\"1 September 2001, 01:46:40 UTC\""),
            "{shown}"
        );
        assert!(
            shown.contains("datetime=\"2001-09-01T01:46:40Z\""),
            "{shown}"
        );
        assert_eq!(when("<b>", now), "&lt;b&gt;");
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, shown) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), shown);
        }
    }
}
