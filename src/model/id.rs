//! Typed identifiers of both systems.
//!
//! An identifier is opaque, case-sensitive text of 1 to 255 visible ASCII characters (Stripe: "up
//! to 255 characters"; Zenskar: UUIDs). Anything else cannot name an object and is refused here,
//! so no later code meets an identifier that could break a path, a key or a log line.

use std::fmt;

/// Longest identifier either system issues, in bytes.
pub const ID_BYTES_MAX: usize = 255;

/// Text that cannot be an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidId {
    /// What was to be named, such as "Stripe customer id".
    pub kind: &'static str,
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not a {}: 1 to {ID_BYTES_MAX} visible ASCII characters without '/'",
            self.kind
        )
    }
}

impl std::error::Error for InvalidId {}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes `text` for an identifier.
            ///
            /// # Errors
            ///
            /// Text that is empty, too long, or holds a space, control, non-ASCII character or `/`.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let fits = !text.is_empty() && text.len() <= ID_BYTES_MAX;
                if fits && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/') {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId { kind: $kind })
                }
            }

            /// The identifier's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier!(
    /// A customer in Stripe, as `cus_…`.
    StripeCustomerId,
    "Stripe customer id"
);
identifier!(
    /// A customer in Zenskar: a UUID in text form.
    ZenskarCustomerId,
    "Zenskar customer id"
);
identifier!(
    /// An event of Stripe, as `evt_…`, or a change in Zenskar, as `zenskar:…`. Ids do not sort by
    /// time.
    EventId,
    "event id"
);
identifier!(
    /// A Stripe account, as `acct_…`.
    AccountId,
    "Stripe account id"
);
identifier!(
    /// A Zenskar organisation: a UUID in text form.
    OrganisationId,
    "Zenskar organisation id"
);
identifier!(
    /// An invoice in Zenskar: a UUID in text form.
    InvoiceId,
    "Zenskar invoice id"
);
identifier!(
    /// A payment in Zenskar: a UUID in text form.
    PaymentId,
    "Zenskar payment id"
);
identifier!(
    /// A PaymentIntent in Stripe, as `pi_…`.
    PaymentIntentId,
    "Stripe PaymentIntent id"
);
identifier!(
    /// A Checkout session in Stripe, as `cs_…`.
    SessionId,
    "Stripe Checkout session id"
);
identifier!(
    /// A stored payment method in Stripe: `pm_…`, or a source of older kind, as `card_…`.
    MethodId,
    "Stripe payment method id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_could_break_a_path_or_a_log_line() {
        for bad in ["", " ", "a b", "a/b", "a\n", "é", &"x".repeat(256)] {
            assert!(StripeCustomerId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(StripeCustomerId::parse(&"x".repeat(255)).is_ok());
    }

    #[test]
    fn keeps_case() {
        let id = EventId::parse("evt_1A").unwrap();
        assert_eq!(id.as_str(), "evt_1A");
        assert_ne!(id, EventId::parse("evt_1a").unwrap());
    }
}
