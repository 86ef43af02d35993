//! Currencies and amounts: what Stripe takes, and what it refuses.
//!
//! Amounts are whole numbers of the currency's smallest unit. Not here: conversion; the smallest
//! amount is that of the currency itself, as if it were settled in it.

use super::failure::Failure;

/// Currencies that can be charged.
const KNOWN: &str = "
aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd
cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd
hkd hnl hrk htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl
mad mdl mga mkd mmk mnt mop mro mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php
pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd
twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw
";

/// Currencies whose smallest unit is the whole.
const ZERO_DECIMAL: &str = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf";

/// Currencies of three decimals, the last of which has to be 0.
const THREE_DECIMAL: &str = "bhd jod kwd omr tnd";

/// Currencies without decimals in fact, sent as if they had two, which have to be 00.
const HUNDREDFOLD: &str = "isk ugx";

/// The smallest charge by currency.
const SMALLEST: [(&str, i64); 31] = [
    ("usd", 50),
    ("aed", 200),
    ("ars", 50),
    ("aud", 50),
    ("brl", 50),
    ("cad", 50),
    ("chf", 50),
    ("cop", 50),
    ("czk", 1500),
    ("dkk", 250),
    ("eur", 50),
    ("gbp", 30),
    ("hkd", 400),
    ("huf", 17_500),
    ("idr", 50),
    ("ils", 50),
    ("inr", 50),
    ("jpy", 50),
    ("krw", 50),
    ("mxn", 1000),
    ("myr", 200),
    ("nok", 300),
    ("nzd", 50),
    ("php", 50),
    ("pln", 200),
    ("ron", 200),
    ("rub", 50),
    ("sek", 300),
    ("sgd", 50),
    ("thb", 1000),
    ("zar", 50),
];

fn lists(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|known| known == word)
}

/// The currency as Stripe writes it, if it can be charged.
pub(crate) fn read(text: &str, param: &str) -> Result<String, Failure> {
    let currency = text.to_ascii_lowercase();
    if lists(KNOWN, &currency) {
        return Ok(currency);
    }
    let message = format!("Invalid currency: {currency}. It is not one that can be charged.");
    Err(Failure::invalid(param, message))
}

/// How many digits follow the point.
fn decimals(currency: &str) -> usize {
    if lists(ZERO_DECIMAL, currency) {
        0
    } else if lists(THREE_DECIMAL, currency) {
        3
    } else {
        2
    }
}

/// An amount as people write it, such as `12.50 usd`.
pub(crate) fn shown(amount: i64, currency: &str) -> String {
    let decimals = decimals(currency);
    let digits = format!("{amount:0>width$}", width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    let point = if decimals == 0 { "" } else { "." };
    format!("{whole}{point}{part} {currency}")
}

/// The most digits an amount can have.
fn most_digits(currency: &str, is_card: bool) -> usize {
    match currency {
        _ if is_card => 12,
        "idr" => 12,
        "cop" => 10,
        "inr" => 9,
        _ => 8,
    }
}

/// Checks that an amount can be charged.
pub(crate) fn check(
    amount: i64,
    currency: &str,
    is_card: bool,
    param: &str,
) -> Result<(), Failure> {
    if amount < 1 {
        let code = "parameter_invalid_integer";
        let message = "This value must be greater than or equal to 1.";
        return Err(Failure::coded(code, param, message));
    }
    let step = if lists(THREE_DECIMAL, currency) {
        10
    } else if lists(HUNDREDFOLD, currency) {
        100
    } else {
        1
    };
    if amount % step != 0 {
        let message = format!("Invalid amount: in {currency} it has to be a multiple of {step}.");
        return Err(Failure::invalid(param, message));
    }
    let smallest = SMALLEST.iter().find(|(known, _)| *known == currency);
    if let Some((_, smallest)) = smallest.filter(|(_, smallest)| amount < *smallest) {
        let least = shown(*smallest, currency);
        let message = format!("Amount must be at least {least}");
        return Err(Failure::coded("amount_too_small", param, message));
    }
    let most = most_digits(currency, is_card);
    if amount.to_string().len() > most {
        let message = format!("Amount must have no more than {most} digits in {currency}");
        return Err(Failure::coded("amount_too_large", param, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{check, read, shown};

    #[test]
    fn amounts() {
        for (amount, currency, is_card, code) in [
            (50, "usd", true, ""),
            (49, "usd", true, "amount_too_small"),
            (0, "usd", true, "parameter_invalid_integer"),
            (-5, "usd", true, "parameter_invalid_integer"),
            (50, "jpy", true, ""),
            (49, "jpy", true, "amount_too_small"),
            (999_999_999_999, "usd", true, ""),
            (1_000_000_000_000, "usd", true, "amount_too_large"),
            (99_999_999, "usd", false, ""),
            (100_000_000, "usd", false, "amount_too_large"),
            (999_999_999, "inr", false, ""),
            (1_000_000_000, "inr", false, "amount_too_large"),
            (5000, "kwd", true, ""),
            (5001, "kwd", true, "null"),
            (500, "ugx", true, ""),
            (550, "isk", true, "null"),
            (1, "xaf", true, ""),
        ] {
            let code_of = |failure: super::Failure| {
                let body = failure.response("").value();
                body["error"]["code"].as_str().unwrap_or("null").to_owned()
            };
            let got = check(amount, currency, is_card, "amount").map_err(code_of);
            let wanted = if code.is_empty() {
                Ok(())
            } else {
                Err(code.to_owned())
            };
            assert_eq!(got, wanted, "{amount} {currency}");
        }
    }

    #[test]
    fn names_and_looks() {
        assert_eq!(read("USD", "currency").as_deref(), Ok("usd"));
        assert!(read("usdt", "currency").is_err() && read("", "currency").is_err());
        for (amount, currency, text) in [
            (5, "usd", "0.05 usd"),
            (1250, "usd", "12.50 usd"),
            (50, "jpy", "50 jpy"),
            (1230, "kwd", "1.230 kwd"),
        ] {
            assert_eq!(shown(amount, currency), text);
        }
    }
}
