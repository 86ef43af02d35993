//! Counts as ratios, medians and readable text.
#![expect(
    clippy::as_conversions,
    reason = "measured counts become floats for ratios; a rounding error of 2^-53 is below every digit printed"
)]

use std::time::Duration;

/// A count as a float.
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

/// A length as a count.
pub(crate) const fn count(length: usize) -> u64 {
    length as u64
}

/// `part` of `whole`, or 0 when there is nothing to share.
pub(crate) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// Whole microseconds, at most those of an hour: no latency here is longer.
pub(crate) fn micros(span: Duration) -> u32 {
    u32::try_from(span.as_micros()).unwrap_or(3_600_000_000)
}

/// The middle value; of an even number, the lower of the two in the middle. 0 of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len().saturating_sub(1) / 2;
    sorted.get(middle).copied().unwrap_or_default()
}

/// The value below which `per_mille` of `sorted` lie. 0 of none.
pub(crate) fn percentile(sorted: &[u32], per_mille: usize) -> u32 {
    let rank = sorted.len().saturating_mul(per_mille).div_ceil(1_000);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// Text of `value` with `decimals` digits after the point and commas between the thousands.
pub(crate) fn text(value: f64, decimals: usize) -> String {
    let plain = format!("{value:.decimals$}");
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let mut grouped = String::new();
    let length = whole.chars().count();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (length - place).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() {
        grouped
    } else {
        format!("{grouped}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_a_measured_value() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.0).abs() < 1e-9);
        assert!(median([]).abs() < 1e-9);
    }

    #[test]
    fn percentiles_take_the_value_at_the_rank() {
        let sorted: Vec<u32> = (1..=1_000).collect();
        assert_eq!(percentile(&sorted, 500), 500);
        assert_eq!(percentile(&sorted, 990), 990);
        assert_eq!(percentile(&sorted, 1_000), 1_000);
        assert_eq!(percentile(&[7], 990), 7);
        assert_eq!(percentile(&[], 990), 0);
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(text(1_234_567.0, 0), "1,234,567");
        assert_eq!(text(-123.456, 1), "-123.5");
        assert_eq!(text(999.0, 2), "999.00");
    }
}
