//! Amounts of money as Zenskar writes and reads them.
//!
//! Totals, dues and payments are in minor units; the line items of an invoice are in major units,
//! by a scale of their own. Inside, everything is in minor units.

use serde_json::{Value, json};

use crate::switches::AmountForm;

/// An amount in minor units.
pub(crate) fn minor(amount: i64, form: AmountForm) -> Value {
    match form {
        AmountForm::Int => json!(amount),
        AmountForm::Float => number(&format!("{amount}.0")),
        AmountForm::Text => json!(amount.to_string()),
        AmountForm::DecimalText => json!(format!("{amount}.00")),
    }
}

/// An amount in major units, `scale` minor ones each, as digits.
pub(crate) fn digits(amount: i64, scale: i64) -> String {
    let scale = scale.max(1);
    let decimals = scale.to_string().len() - 1;
    let (whole, part) = (amount.abs() / scale, amount.abs() % scale);
    let sign = if amount < 0 { "-" } else { "" };
    if decimals == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{part:0>decimals$}")
    }
}

/// An amount in major units, `scale` minor ones each.
pub(crate) fn major(amount: i64, scale: i64) -> Value {
    number(&digits(amount, scale))
}

fn number(digits: &str) -> Value {
    serde_json::from_str(digits).unwrap_or(Value::Null)
}

/// A whole number as Pydantic reads it: a number without a fraction, or digits.
pub(crate) fn read(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let text = number.to_string();
            let (whole, part) = text.split_once('.')?;
            let is_whole = part.chars().all(|digit| digit == '0');
            is_whole.then(|| whole.parse().ok()).flatten()
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{digits, major, minor, read};
    use crate::switches::AmountForm;

    #[test]
    fn forms() {
        for (form, expected) in [
            (AmountForm::Int, "10000"),
            (AmountForm::Float, "10000.0"),
            (AmountForm::Text, "\"10000\""),
            (AmountForm::DecimalText, "\"10000.00\""),
        ] {
            assert_eq!(minor(10_000, form).to_string(), expected);
        }
        for (amount, scale, expected) in [
            (71_030, 100, "710.30"),
            (-5, 100, "-0.05"),
            (500, 1, "500"),
            (1234, 1000, "1.234"),
        ] {
            assert_eq!(digits(amount, scale), expected);
        }
        assert_eq!(major(71_030, 100).to_string(), "710.3");
    }

    #[test]
    fn reading() {
        for (value, expected) in [
            (json!(5), Some(5)),
            (json!(5.0), Some(5)),
            (json!(5.5), None),
            (json!("5"), Some(5)),
            (json!("5.0"), None),
            (json!(null), None),
            (json!(true), None),
        ] {
            assert_eq!(read(&value), expected, "{value}");
        }
    }
}
