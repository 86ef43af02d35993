//! Amounts as Zenskar writes them: numbers or text, whole or with decimals, never through a float.

use serde_json::Value as Json;

/// Decimals that are kept; what stands behind them is the noise of a float.
const DECIMALS_MAX: usize = 6;

/// A decimal: its digits without the point, and how many of them stand behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) digits: i64,
    pub(crate) decimals: u8,
}

/// The amount in `json`, a number or text such as `10000.00`; `None` for anything else.
pub(crate) fn decimal(json: &Json) -> Option<Decimal> {
    let text = match json {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.trim().to_owned(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => return None,
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if unsigned.is_empty() || !is_digits(unsigned) || !is_digits(fraction) {
        return None;
    }
    let fraction = fraction.get(..DECIMALS_MAX).unwrap_or(fraction);
    let fraction = fraction.trim_end_matches('0');
    Some(Decimal {
        digits: format!("{whole}{fraction}").parse().ok()?,
        decimals: u8::try_from(fraction.len()).ok()?,
    })
}

/// The whole number in `json`; `None` where there is none, or a part of one behind it.
pub(crate) fn whole(json: &Json) -> Option<i64> {
    let decimal = decimal(json)?;
    (decimal.decimals == 0).then_some(decimal.digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn amounts_are_read_in_every_form_and_never_rounded() {
        let some = |digits, decimals| Some(Decimal { digits, decimals });
        for (json, expected) in [
            (json!(10000), some(10_000, 0)),
            (json!(10000.0), some(10_000, 0)),
            (json!("10000"), some(10_000, 0)),
            (json!(" 10000.00 "), some(10_000, 0)),
            (json!(-12.5), some(-125, 1)),
            (json!("-0.50"), some(-5, 1)),
            (json!(710.3), some(7_103, 1)),
            (json!(0.300_000_000_000_000_04), some(3, 1)),
            (json!(0), some(0, 0)),
            (json!(null), None),
            (json!(""), None),
            (json!("."), None),
            (json!(".5"), None),
            (json!("1,000"), None),
            (json!("1e4"), None),
            (json!("--1"), None),
            (json!("99999999999999999999"), None),
            (json!({"value": 1}), None),
        ] {
            assert_eq!(decimal(&json), expected, "{json}");
        }
        assert_eq!(whole(&json!("5.00")), Some(5));
        assert_eq!(whole(&json!("5.01")), None);
    }
}
