//! Zenskar's minor units and Stripe's: the one function from each to the other, and what amounts
//! Stripe takes.
//!
//! Zenskar writes every amount in hundredths, as its own pages show; nothing says so for currencies
//! whose minor unit is another one. Those are refused until the operator says how many decimals the
//! organisation writes (`zenskar.minor_units`).

use crate::model::invoice::{Invoice, LinesTotal};
use crate::model::money::{Currency, Money};
use std::collections::BTreeMap;
use std::fmt;

/// Decimals that the organisation writes, by currency, where the operator said so.
pub type Written = BTreeMap<Currency, u8>;

/// Why an amount cannot be said in the other system's units, or is not taken by Stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitsError {
    /// Nobody said how Zenskar writes this currency.
    Unsaid(Currency),
    /// It has a part that the other system cannot say.
    Fraction(Currency),
    /// It is too large for a number of 64 bits.
    TooLarge(Currency),
    /// It is less than Stripe charges.
    BelowMinimum {
        /// The least amount.
        minimum: Money,
    },
    /// It has more digits than Stripe takes.
    AboveDigits {
        /// The currency.
        currency: Currency,
        /// Digits that Stripe takes.
        digits: u32,
    },
    /// The last digits are not zero where Stripe wants zeros.
    NotAStep {
        /// The currency.
        currency: Currency,
        /// What an amount is a multiple of.
        step: i64,
    },
}

impl fmt::Display for UnitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsaid(currency) => write!(
                f,
                "how Zenskar writes amounts of {currency} is not known: set \
                 zenskar.minor_units = {{ {currency} = … }} to the decimals that it writes"
            ),
            Self::Fraction(currency) => write!(
                f,
                "the amount has a fraction of {currency} that the other system cannot write"
            ),
            Self::TooLarge(currency) => write!(f, "the amount of {currency} is too large"),
            Self::BelowMinimum { minimum } => {
                write!(
                    f,
                    "the amount is less than Stripe charges, which is {minimum}"
                )
            }
            Self::AboveDigits { currency, digits } => write!(
                f,
                "the amount has more than the {digits} digits that Stripe takes in {currency}"
            ),
            Self::NotAStep { currency, step } => write!(
                f,
                "the amount is not a multiple of {step}, as Stripe wants it in {currency}"
            ),
        }
    }
}

impl std::error::Error for UnitsError {}

/// What Zenskar writes as `amount` of `currency`, in Stripe's minor units.
///
/// # Errors
///
/// It is not known how Zenskar writes the currency, or the amount does not fit.
pub fn to_stripe(amount: i64, currency: Currency, written: &Written) -> Result<Money, UnitsError> {
    let decimals = decimals_in_zenskar(currency, written)?;
    let minor = rescale(amount, decimals, currency.decimals(), currency)?;
    Ok(Money::new(minor, currency))
}

/// What Stripe counts as `money`, in Zenskar's minor units.
///
/// # Errors
///
/// It is not known how Zenskar writes the currency, or the amount does not fit.
pub fn to_zenskar(money: Money, written: &Written) -> Result<i64, UnitsError> {
    let currency = money.currency();
    let decimals = decimals_in_zenskar(currency, written)?;
    rescale(money.minor(), currency.decimals(), decimals, currency)
}

fn decimals_in_zenskar(currency: Currency, written: &Written) -> Result<u8, UnitsError> {
    match written.get(&currency) {
        Some(decimals) => Ok(*decimals),
        None if currency.is_plain() => Ok(2),
        None => Err(UnitsError::Unsaid(currency)),
    }
}

/// An amount with `from` decimals as one with `to`, exactly.
fn rescale(amount: i64, from: u8, to: u8, currency: Currency) -> Result<i64, UnitsError> {
    let factor = power_of_ten(from.abs_diff(to)).ok_or(UnitsError::TooLarge(currency))?;
    if to >= from {
        return amount
            .checked_mul(factor)
            .ok_or(UnitsError::TooLarge(currency));
    }
    match (amount.checked_rem(factor), amount.checked_div(factor)) {
        (Some(0), Some(scaled)) => Ok(scaled),
        _ => Err(UnitsError::Fraction(currency)),
    }
}

fn power_of_ten(exponent: u8) -> Option<i64> {
    10_i64.checked_pow(exponent.into())
}

/// Whether Stripe takes a charge of this amount. `is_card` says whether it is charged to a card.
///
/// # Errors
///
/// It does not; Stripe may yet refuse others, since it compares after a conversion.
pub fn chargeable(money: Money, is_card: bool) -> Result<(), UnitsError> {
    let (currency, minor) = (money.currency(), money.minor());
    let minimum = currency.minimum().unwrap_or(1);
    if minor < minimum {
        let minimum = Money::new(minimum, currency);
        return Err(UnitsError::BelowMinimum { minimum });
    }
    if minor.checked_rem(currency.step()) != Some(0) {
        let step = currency.step();
        return Err(UnitsError::NotAStep { currency, step });
    }
    let digits = currency.digits_max(is_card);
    match 10_i64.checked_pow(digits) {
        Some(end) if minor >= end => Err(UnitsError::AboveDigits { currency, digits }),
        _ => Ok(()),
    }
}

/// Whether what an invoice says in minor units agrees with what its lines say in major units, so
/// that the scale is known and not guessed.
///
/// The lines are asked for the sum before credit notes; tax may stand beside the lines, and so the
/// two need not be equal: they only have to leave no doubt which of "hundredths" and "whole units"
/// the invoice is written in. Lines of nothing prove nothing.
#[must_use]
pub fn scale_is_sure(
    invoice: &Invoice,
    lines: &LinesTotal,
    currency: Currency,
    written: &Written,
) -> bool {
    let Ok(decimals) = decimals_in_zenskar(currency, written) else {
        return false;
    };
    if lines.currency.is_some_and(|other| other != currency) {
        return false;
    }
    let (Some(ours), Some(theirs)) = (
        u128::try_from(invoice.gross).ok(),
        u128::try_from(lines.digits).ok(),
    ) else {
        return false;
    };
    if ours == 0 || theirs == 0 {
        return false;
    }
    // Both over the same denominator: the invoice as minor units, and as if it were major units.
    let scale = |exponent: u8| 10_u128.checked_pow(exponent.into());
    let (Some(per_line), Some(per_minor)) = (scale(lines.decimals), scale(decimals)) else {
        return false;
    };
    let (Some(as_minor), Some(as_major), Some(theirs)) = (
        ours.checked_mul(per_line),
        ours.checked_mul(per_line)
            .and_then(|scaled| scaled.checked_mul(per_minor)),
        theirs.checked_mul(per_minor),
    ) else {
        return false;
    };
    // Without decimals both readings are one.
    let is_minor = within_a_third(as_minor, theirs);
    is_minor && (per_minor == 1 || !within_a_third(as_major, theirs))
}

/// Whether one is not more than half as much again as the other: no tax is higher, and no scale is
/// as low.
fn within_a_third(one: u128, other: u128) -> bool {
    let at_most = |one: u128, other: u128| {
        let (Some(twice), Some(thrice)) = (one.checked_mul(2), other.checked_mul(3)) else {
            return false;
        };
        twice <= thrice
    };
    at_most(one, other) && at_most(other, one)
}

#[cfg(test)]
mod tests;
