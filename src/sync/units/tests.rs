use super::*;
use crate::model::id::{InvoiceId, ZenskarCustomerId};
use crate::model::invoice::InvoiceStatus;
use proptest::prelude::*;

fn currency(text: &str) -> Currency {
    Currency::parse(text).unwrap()
}

fn written(of: &[(&str, u8)]) -> Written {
    let of = of.iter();
    of.map(|(code, decimals)| (currency(code), *decimals))
        .collect()
}

#[test]
fn money_d19_units_are_converted_exactly_or_refused() {
    use UnitsError::{Fraction, TooLarge, Unsaid};
    let said = written(&[("JPY", 2), ("KRW", 0), ("KWD", 2), ("ISK", 0), ("EUR", 2)]);
    for (amount, code, expected) in [
        (1_050, "USD", Ok(1_050)),
        (-1, "EUR", Ok(-1)),
        // Written in hundredths by Zenskar, in whole units by Stripe.
        (100_000, "JPY", Ok(1_000)),
        (100_050, "JPY", Err(Fraction(currency("JPY")))),
        (1_000, "KRW", Ok(1_000)),
        (1_234, "KWD", Ok(12_340)),
        (5, "ISK", Ok(500)),
        (i64::MAX, "ISK", Err(TooLarge(currency("ISK")))),
        (5, "UGX", Err(Unsaid(currency("UGX")))),
        (5, "VND", Err(Unsaid(currency("VND")))),
    ] {
        let found = to_stripe(amount, currency(code), &said).map(Money::minor);
        assert_eq!(found, expected, "{amount} {code}");
    }
}

#[test]
fn money_d19_what_stripe_takes_is_known_before_it_is_asked() {
    for (minor, code, is_card, is_taken) in [
        (49, "USD", true, false),
        (50, "USD", true, true),
        (0, "VND", true, false),
        (1, "VND", true, true),
        (-5, "USD", true, false),
        (99_999_999, "USD", false, true),
        (100_000_000, "USD", false, false),
        (100_000_000, "USD", true, true),
        (999_999_999_999, "USD", true, true),
        (1_000_000_000_000, "USD", true, false),
        (1_230, "KWD", true, true),
        (1_234, "KWD", true, false),
        (500, "ISK", true, true),
        (550, "ISK", true, false),
    ] {
        let money = Money::new(minor, currency(code));
        assert_eq!(chargeable(money, is_card).is_ok(), is_taken, "{money}");
    }
}

fn invoice(gross: i64) -> Invoice {
    Invoice {
        id: InvoiceId::parse("i-1").unwrap(),
        number: None,
        customer: ZenskarCustomerId::parse("z-1").unwrap(),
        status: InvoiceStatus::Approved,
        currency: None,
        total: gross,
        gross,
        due: gross,
        due_date: None,
        created_at: None,
        updated_at: None,
        charged_at: None,
    }
}

#[test]
fn money_d19_a_scale_in_doubt_is_refused() {
    let said = written(&[("JPY", 0), ("KRW", 2)]);
    for (gross, digits, decimals, code, is_sure) in [
        // 710.30 against 71,030 hundredths, and with a fifth of tax on it.
        (71_030, 7_103, 1, "USD", true),
        (85_236, 7_103, 1, "USD", true),
        // The invoice is written in whole units.
        (710, 7_103, 1, "USD", false),
        (710, 710, 0, "USD", false),
        // Nothing to compare with.
        (0, 0, 0, "USD", false),
        (100, 0, 0, "USD", false),
        (-100, -1, 0, "USD", false),
        // Neither reading is near.
        (7_103, 7_103, 1, "USD", false),
        // One unit is one unit.
        (1_000, 1_000, 0, "JPY", true),
        (100_000, 1_000, 0, "JPY", false),
        (100_000, 1_000, 0, "KRW", true),
        (100_000, 1_000, 0, "VND", false),
    ] {
        let lines = LinesTotal {
            digits,
            decimals,
            currency: None,
        };
        let found = scale_is_sure(&invoice(gross), &lines, currency(code), &said);
        assert_eq!(
            found, is_sure,
            "{gross} against {digits}e-{decimals} {code}"
        );
    }
    let lines = LinesTotal {
        digits: 1,
        decimals: 0,
        currency: Some(currency("EUR")),
    };
    assert!(!scale_is_sure(
        &invoice(100),
        &lines,
        currency("USD"),
        &said
    ));
}

proptest! {
    #[test]
    fn money_d19_there_and_back_is_the_same(amount: i64, decimals in 0_u8..=3, code in "(USD|JPY|KWD|ISK)") {
        let currency = currency(&code);
        let said = Written::from([(currency, decimals)]);
        if let Ok(money) = to_stripe(amount, currency, &said) {
            prop_assert_eq!(to_zenskar(money, &said), Ok(amount));
        }
    }
}
