//! Amounts of money: whole minor units and their currency, and nothing else.
//!
//! An amount is in the minor units that Stripe uses for the currency, which is Stripe's own table
//! and not ISO 4217's ([`Currency::decimals`]). Amounts of Zenskar are brought into this form by
//! [`crate::sync::units`] alone. There is no fraction, no rounding, and no arithmetic across
//! currencies; what does not fit is `None`.

use std::fmt;

/// A currency, by its three letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Text that is no currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCurrency;

impl fmt::Display for InvalidCurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a currency: three letters, such as USD")
    }
}

impl std::error::Error for InvalidCurrency {}

/// Currencies that Stripe takes without decimals (Stripe's documentation, "Supported currencies",
/// "Zero-decimal currencies"; UGX is named there, and is a special case).
const ZERO_DECIMAL: [&[u8; 3]; 15] = [
    b"BIF", b"CLP", b"DJF", b"GNF", b"JPY", b"KMF", b"KRW", b"MGA", b"PYG", b"RWF", b"VND", b"VUV",
    b"XAF", b"XOF", b"XPF",
];

/// Currencies that Stripe takes with three decimals, the last of which is 0 (the same page,
/// "Three-decimal currencies").
const THREE_DECIMAL: [&[u8; 3]; 5] = [b"BHD", b"JOD", b"KWD", b"OMR", b"TND"];

/// Currencies without decimals that Stripe takes with two, which are 0 (the same page, "Special
/// cases").
const WRITTEN_WITH_TWO: [&[u8; 3]; 2] = [b"ISK", b"UGX"];

/// Least amounts of a charge (the same page, "Minimum and maximum charge amounts"), in minor units.
/// Stripe compares after it has converted into the currency of settlement, so that it may refuse
/// more; a currency that is not listed has no least amount of its own.
const MINIMA: [(&[u8; 3], i64); 31] = [
    (b"AED", 200),
    (b"ARS", 50),
    (b"AUD", 50),
    (b"BRL", 50),
    (b"CAD", 50),
    (b"CHF", 50),
    (b"COP", 50),
    (b"CZK", 1_500),
    (b"DKK", 250),
    (b"EUR", 50),
    (b"GBP", 30),
    (b"HKD", 400),
    (b"HUF", 17_500),
    (b"IDR", 50),
    (b"ILS", 50),
    (b"INR", 50),
    (b"JPY", 50),
    (b"KRW", 50),
    (b"MXN", 1_000),
    (b"MYR", 200),
    (b"NOK", 300),
    (b"NZD", 50),
    (b"PHP", 50),
    (b"PLN", 200),
    (b"RON", 200),
    (b"RUB", 50),
    (b"SEK", 300),
    (b"SGD", 50),
    (b"THB", 1_000),
    (b"USD", 50),
    (b"ZAR", 50),
];

impl Currency {
    /// Takes `text` for a currency, whatever the case of its letters.
    ///
    /// # Errors
    ///
    /// Text that is not three ASCII letters.
    pub fn parse(text: &str) -> Result<Self, InvalidCurrency> {
        let letters: [u8; 3] = text.as_bytes().try_into().map_err(|_| InvalidCurrency)?;
        if letters.iter().all(u8::is_ascii_alphabetic) {
            Ok(Self(letters.map(|letter| letter.to_ascii_uppercase())))
        } else {
            Err(InvalidCurrency)
        }
    }

    /// Its letters, in upper case, as Zenskar writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// Its letters, in lower case, as Stripe writes it.
    #[must_use]
    pub fn in_lower_case(&self) -> String {
        self.as_str().to_ascii_lowercase()
    }

    /// Decimals of the minor unit that Stripe uses for it.
    #[must_use]
    pub fn decimals(self) -> u8 {
        if ZERO_DECIMAL.contains(&&self.0) {
            0
        } else if THREE_DECIMAL.contains(&&self.0) {
            3
        } else {
            2
        }
    }

    /// What every amount is a multiple of at Stripe, in minor units.
    #[must_use]
    pub fn step(self) -> i64 {
        if THREE_DECIMAL.contains(&&self.0) {
            10
        } else if WRITTEN_WITH_TWO.contains(&&self.0) {
            100
        } else {
            1
        }
    }

    /// Whether its minor units are hundredths for everybody: two decimals at Stripe, and in fact.
    #[must_use]
    pub fn is_plain(self) -> bool {
        self.decimals() == 2 && self.step() == 1
    }

    /// The least amount that Stripe charges, in minor units, where it names one.
    #[must_use]
    pub fn minimum(self) -> Option<i64> {
        let named = MINIMA.iter().find(|(letters, _)| **letters == self.0);
        named.map(|(_, minimum)| *minimum)
    }

    /// Digits that an amount may have at Stripe, in minor units. `is_card` says whether it is
    /// charged to a card; American Express takes fewer, and says so itself (the same page).
    #[must_use]
    pub fn digits_max(self, is_card: bool) -> u32 {
        match &self.0 {
            _ if is_card => 12,
            b"IDR" => 12,
            b"COP" => 10,
            b"INR" => 9,
            _ => 8,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount in minor units of its currency; may be negative, as a difference is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// So many minor units of `currency`.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Its minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// Its currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Whether there is anything of it.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.minor > 0
    }

    /// The sum; `None` across currencies, or where it does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let minor = self.of_one_currency(other)?.checked_add(other.minor)?;
        Some(Self { minor, ..self })
    }

    /// The difference; `None` across currencies, or where it does not fit.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        let minor = self.of_one_currency(other)?.checked_sub(other.minor)?;
        Some(Self { minor, ..self })
    }

    /// The smaller of both; `None` across currencies.
    #[must_use]
    pub fn at_most(self, other: Self) -> Option<Self> {
        let minor = self.of_one_currency(other)?.min(other.minor);
        Some(Self { minor, ..self })
    }

    fn of_one_currency(self, other: Self) -> Option<i64> {
        (self.currency == other.currency).then_some(self.minor)
    }
}

impl fmt::Display for Money {
    /// For people: `1,234.50 USD`, `1,000 JPY`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = usize::from(self.currency.decimals());
        let digits = format!(
            "{:0>1$}",
            self.minor.unsigned_abs(),
            decimals.saturating_add(1)
        );
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(decimals));
        if self.minor < 0 {
            f.write_str("-")?;
        }
        for (place, digit) in whole.chars().enumerate() {
            let left = whole.len().saturating_sub(place);
            if place > 0 && left.is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        if decimals > 0 {
            write!(f, ".{fraction}")?;
        }
        write!(f, " {}", self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(minor: i64, currency: &str) -> Money {
        Money::new(minor, Currency::parse(currency).unwrap())
    }

    #[test]
    fn a_currency_is_three_letters_in_any_case() {
        assert_eq!(Currency::parse("usd").unwrap().as_str(), "USD");
        assert_eq!(Currency::parse("Eur").unwrap().in_lower_case(), "eur");
        for bad in ["", "US", "USDX", "U5D", "€"] {
            assert_eq!(Currency::parse(bad), Err(InvalidCurrency), "{bad}");
        }
    }

    #[test]
    fn amounts_are_written_with_the_decimals_that_stripe_counts() {
        for (minor, currency, text) in [
            (0, "USD", "0.00 USD"),
            (5, "USD", "0.05 USD"),
            (-123_456, "USD", "-1,234.56 USD"),
            (1_000, "JPY", "1,000 JPY"),
            (0, "JPY", "0 JPY"),
            (12_340, "KWD", "12.340 KWD"),
            (500, "UGX", "5.00 UGX"),
            (i64::MIN, "JPY", "-9,223,372,036,854,775,808 JPY"),
        ] {
            assert_eq!(money(minor, currency).to_string(), text);
        }
    }

    #[test]
    fn nothing_is_added_across_currencies_or_past_the_end() {
        let (one, other) = (money(1, "USD"), money(1, "EUR"));
        assert_eq!(one.checked_add(other), None);
        assert_eq!(one.checked_sub(other), None);
        assert_eq!(one.at_most(other), None);
        assert_eq!(money(i64::MAX, "USD").checked_add(one), None);
        assert_eq!(money(i64::MIN, "USD").checked_sub(one), None);
        assert_eq!(money(3, "USD").checked_sub(one), Some(money(2, "USD")));
        assert_eq!(money(3, "USD").at_most(one), Some(one));
    }

    #[test]
    fn special_cases_are_as_stripe_lists_them() {
        for (currency, decimals, step, is_plain) in [
            ("USD", 2, 1, true),
            ("HUF", 2, 1, true),
            ("JPY", 0, 1, false),
            ("KWD", 3, 10, false),
            ("ISK", 2, 100, false),
            ("UGX", 2, 100, false),
        ] {
            let currency = Currency::parse(currency).unwrap();
            assert_eq!(currency.decimals(), decimals, "{currency}");
            assert_eq!(currency.step(), step, "{currency}");
            assert_eq!(currency.is_plain(), is_plain, "{currency}");
        }
        assert_eq!(Currency::parse("USD").unwrap().minimum(), Some(50));
        assert_eq!(Currency::parse("VND").unwrap().minimum(), None);
        assert_eq!(Currency::parse("USD").unwrap().digits_max(false), 8);
        assert_eq!(Currency::parse("USD").unwrap().digits_max(true), 12);
    }
}
