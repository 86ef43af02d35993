//! A pair of names: a key of Stripe's `metadata`, and the key of Zenskar's `custom_data` that is to
//! hold the same.
//!
//! # Guarantees
//!
//! - A [`Pair`] has usable names: what either side refuses, keeps for itself, or we use for
//!   something else, is not one.
//! - It is small and `Copy`. Its names are kept once a process and never freed; their number and
//!   their lengths are bounded, so what they take is.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// Longest key of Stripe's metadata, in characters (Stripe's API reference, "Metadata").
pub const STRIPE_KEY_CHARS_MAX: usize = 40;

/// Longest key of `custom_data` that is taken, in characters. Zenskar names no limit.
pub const ZENSKAR_KEY_CHARS_MAX: usize = 100;

/// Pairs a customer can have: Stripe's limit of metadata keys per object.
pub const PAIRS_OF_A_CUSTOMER_MAX: usize = 50;

/// Different pairs that a process ever holds: those of every configuration it was given.
const PAIRS_MAX: usize = 5_000;

/// Keys that begin so, on either side, are our own.
const OWN_PREFIX: &str = "zenstripe";

/// Keys of `custom_data` that Zenskar gives a meaning of its own (its guides to parent accounts,
/// consolidated invoices, tax exemption and portal users), or that it may not be told by us.
const RESERVED: [&str; 4] = [
    "parent_customer_id",
    "invoice_consolidation_enabled",
    "exempt_tax",
    "users",
];

/// Where Zenskar holds the recipient of shipments: it documents no place of its own.
pub const SHIPPING_NAME: &str = "shipping_name";
/// Where Zenskar holds the recipient's phone number: it documents no place of its own.
pub const SHIPPING_PHONE: &str = "shipping_phone";
/// Where Zenskar holds the preferred language: it documents no place of its own.
pub const PREFERRED_LOCALE: &str = "preferred_locale";

/// A key of Stripe's metadata and the key of Zenskar's `custom_data` that belongs to it.
#[derive(Clone, Copy)]
pub struct Pair(&'static Names);

struct Names {
    stripe: String,
    zenskar: String,
    field: String,
}

/// Why two names are no pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidPair {
    /// The key of Stripe's metadata cannot be used.
    Stripe(String),
    /// The key of Zenskar's `custom_data` cannot be used.
    Zenskar(String),
    /// This process has met too many pairs.
    TooMany,
}

impl fmt::Display for InvalidPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stripe(why) | Self::Zenskar(why) => f.write_str(why),
            Self::TooMany => write!(
                f,
                "more than {PAIRS_MAX} different pairs were configured since the start: restart"
            ),
        }
    }
}

impl std::error::Error for InvalidPair {}

/// Whether `key` of Stripe's metadata can be one of a pair.
///
/// # Errors
///
/// Why not, as a sentence for the operator.
pub fn check_stripe_key(key: &str) -> Result<(), String> {
    if key.is_empty() || key.chars().count() > STRIPE_KEY_CHARS_MAX {
        return Err(format!(
            "Stripe's keys have 1 to {STRIPE_KEY_CHARS_MAX} characters"
        ));
    }
    if key.contains(['[', ']']) {
        return Err("Stripe's keys contain no square brackets".to_owned());
    }
    check_any_key(key)
}

/// Whether `key` of Zenskar's `custom_data` can be one of a pair.
///
/// # Errors
///
/// Why not, as a sentence for the operator.
pub fn check_zenskar_key(key: &str) -> Result<(), String> {
    if key.is_empty() || key.chars().count() > ZENSKAR_KEY_CHARS_MAX {
        return Err(format!(
            "a key of custom_data has 1 to {ZENSKAR_KEY_CHARS_MAX} characters"
        ));
    }
    let field = match key {
        SHIPPING_NAME => Some("shipping.name"),
        SHIPPING_PHONE => Some("shipping.phone"),
        PREFERRED_LOCALE => Some("locale"),
        _ => None,
    };
    if let Some(field) = field {
        return Err(format!("`{key}` holds the field `{field}`"));
    }
    check_any_key(key)
}

fn check_any_key(key: &str) -> Result<(), String> {
    if RESERVED.contains(&key) {
        return Err(format!("`{key}` means something to Zenskar itself"));
    }
    if key.starts_with(OWN_PREFIX) {
        return Err(format!("keys that begin with `{OWN_PREFIX}` are our own"));
    }
    if key.trim() != key || key.contains(char::is_control) {
        return Err("a key has no control characters, and no space at its ends".to_owned());
    }
    Ok(())
}

impl Pair {
    /// The pair of these names.
    ///
    /// # Errors
    ///
    /// A name that cannot be used, or too many pairs.
    pub fn new(stripe: &str, zenskar: &str) -> Result<Self, InvalidPair> {
        check_stripe_key(stripe).map_err(InvalidPair::Stripe)?;
        check_zenskar_key(zenskar).map_err(InvalidPair::Zenskar)?;
        static KNOWN: Mutex<BTreeMap<(String, String), &'static Names>> =
            Mutex::new(BTreeMap::new());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (stripe.to_owned(), zenskar.to_owned());
        if let Some(names) = known.get(&key) {
            return Ok(Self(names));
        }
        if known.len() >= PAIRS_MAX {
            return Err(InvalidPair::TooMany);
        }
        let names: &'static Names = Box::leak(Box::new(Names {
            stripe: stripe.to_owned(),
            zenskar: zenskar.to_owned(),
            field: format!("metadata.{stripe}"),
        }));
        known.insert(key, names);
        Ok(Self(names))
    }

    /// The key of Stripe's `metadata`.
    #[must_use]
    pub fn stripe(self) -> &'static str {
        &self.0.stripe
    }

    /// The key of Zenskar's `custom_data`.
    #[must_use]
    pub fn zenskar(self) -> &'static str {
        &self.0.zenskar
    }

    /// The pair's name as a field: `metadata.` and Stripe's key.
    #[must_use]
    pub fn field_name(self) -> &'static str {
        &self.0.field
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By Stripe's key, then by Zenskar's: the order that stored records are in.
impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        let names = |pair: &Self| (pair.stripe(), pair.zenskar());
        names(self).cmp(&names(other))
    }
}

impl Hash for Pair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.stripe(), self.zenskar()).hash(state);
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} = {:?}", self.stripe(), self.zenskar())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_its_names() {
        let pair = Pair::new("account_manager", "csm").unwrap();
        assert_eq!(pair, Pair::new("account_manager", "csm").unwrap());
        assert_ne!(pair, Pair::new("account_manager", "owner").unwrap());
        assert!(Pair::new("b", "a").unwrap() < Pair::new("b", "c").unwrap());
        assert!(Pair::new("a", "z").unwrap() < Pair::new("b", "a").unwrap());
        assert_eq!((pair.stripe(), pair.zenskar()), ("account_manager", "csm"));
        assert_eq!(pair.field_name(), "metadata.account_manager");
    }

    #[test]
    fn names_that_mean_something_else_are_no_pair() {
        for name in [
            "parent_customer_id",
            "invoice_consolidation_enabled",
            "exempt_tax",
            "users",
            "zenstripe_id",
            "",
            " a",
            "a\n",
        ] {
            assert!(Pair::new(name, "ok").is_err(), "{name:?}");
            assert!(Pair::new("ok", name).is_err(), "{name:?}");
        }
        for name in ["shipping_name", "shipping_phone", "preferred_locale"] {
            assert!(Pair::new(name, "ok").is_ok(), "{name:?}");
            assert!(Pair::new("ok", name).is_err(), "{name:?}");
        }
        assert!(Pair::new("a[b]", "ok").is_err());
        assert!(Pair::new("ok", "a[b]").is_ok());
        assert!(Pair::new(&"x".repeat(40), &"x".repeat(100)).is_ok());
        assert!(Pair::new(&"x".repeat(41), "ok").is_err());
        assert!(Pair::new("ok", &"x".repeat(101)).is_err());
    }
}
