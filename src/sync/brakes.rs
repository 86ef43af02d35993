//! The brakes: when charges freeze by themselves, and how soon a customer is charged again.
//!
//! A brake looks at what was begun lately, the next collection included, before that one begins. It
//! trips rather once too often: a freeze costs a person's look, and nothing else.

use crate::model::collection::{Collection, Ending, Rail, Stage};
use crate::model::id::StripeCustomerId;
use crate::model::invoice::Payment;
use crate::model::money::{Currency, Money};
use crate::model::time::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What a brake looks back on.
pub const LOOKS_BACK: Duration = Duration::from_secs(60 * 60);

/// Collections that have to be over within [`LOOKS_BACK`] before their rate of declines says
/// anything.
const DECLINES_OF_MIN: u64 = 10;

/// What the operator allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Charges begun an hour.
    pub charges_per_hour: u64,
    /// Declined ones of those that are over, in thousandths.
    pub declines_in_thousand: u64,
    /// How long the same customer is not charged again.
    pub same_customer: Duration,
    /// Minor units asked for an hour, by currency.
    pub amount_per_hour: BTreeMap<Currency, i64>,
}

/// Why charges freeze by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trip {
    /// More charges than allowed.
    Charges {
        /// How many are allowed an hour.
        limit: u64,
    },
    /// More money than allowed.
    Amount {
        /// How much is allowed an hour.
        limit: Money,
    },
    /// More declines than allowed.
    Declines {
        /// How many were declined.
        declined: u64,
        /// Of how many.
        of: u64,
    },
    /// Zenskar's own connector collects, while it is said that it does not.
    NativePayment {
        /// Its payment.
        payment: String,
    },
    /// Stripe has an object under our key that we did not ask for in these bytes: another copy of
    /// this store is at work.
    Clone {
        /// The collection whose key it was.
        collection: String,
    },
}

impl fmt::Display for Trip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Charges { limit } => write!(
                f,
                "more than {limit} charges in an hour (limits.charges_per_hour)"
            ),
            Self::Amount { limit } => {
                write!(f, "more than {limit} in an hour (limits.amount_per_hour)")
            }
            Self::Declines { declined, of } => write!(
                f,
                "{declined} of {of} charges of the last hour were declined (limits.decline_rate)"
            ),
            Self::NativePayment { payment } => write!(
                f,
                "Zenskar's own connector made payment {payment}, while zenskar.native_stripe is \
                 \"off\""
            ),
            Self::Clone { collection } => write!(
                f,
                "Stripe knows the key of collection {collection} with other contents: another copy \
                 of this store seems to be at work"
            ),
        }
    }
}

/// Whether a brake trips if one more charge of `amount` begins. `lately` are the collections that
/// began within [`LOOKS_BACK`].
#[must_use]
pub fn trip(amount: Money, lately: &[Collection], limits: &Limits) -> Option<Trip> {
    let charges = || {
        lately
            .iter()
            .filter(|collection| collection.rail == Rail::Charge)
    };
    let count = count(charges());
    if count >= limits.charges_per_hour {
        let limit = limits.charges_per_hour;
        return Some(Trip::Charges { limit });
    }
    if let Some(limit) = limits.amount_per_hour.get(&amount.currency()) {
        let limit = Money::new(*limit, amount.currency());
        let asked = charges()
            .filter(|collection| collection.amount.currency() == amount.currency())
            .try_fold(amount, |sum, collection| sum.checked_add(collection.amount));
        if asked.is_none_or(|asked| asked.minor() > limit.minor()) {
            return Some(Trip::Amount { limit });
        }
    }
    let over = self::count(charges().filter(|collection| collection.stage.is_over()));
    let declined = self::count(charges().filter(|collection| is_declined(&collection.stage)));
    let is_too_many =
        declined.saturating_mul(1_000) > over.saturating_mul(limits.declines_in_thousand);
    (over >= DECLINES_OF_MIN && is_too_many).then_some(Trip::Declines { declined, of: over })
}

fn count<'a>(collections: impl Iterator<Item = &'a Collection>) -> u64 {
    collections.fold(0, |count, _| count.saturating_add(1))
}

const fn is_declined(stage: &Stage) -> bool {
    matches!(
        stage,
        Stage::Ended(Ending::Declined(_) | Ending::NeedsCustomer)
    )
}

/// When the customer may be charged again, if that is not now.
#[must_use]
pub fn too_soon(
    customer: &StripeCustomerId,
    lately: &[Collection],
    limits: &Limits,
    now: Timestamp,
) -> Option<Timestamp> {
    lately
        .iter()
        .filter(|collection| collection.rail == Rail::Charge && collection.customer == *customer)
        .map(|collection| collection.decided_at.plus(limits.same_customer))
        .max()
        .filter(|again| *again > now)
}

/// A payment of Zenskar's own connector that was begun after we were told that it makes none.
/// `ours` says whether a Stripe id is of our own collecting.
#[must_use]
pub fn native_payment(
    payments: &[Payment],
    since: Timestamp,
    ours: impl Fn(&str) -> bool,
) -> Option<Trip> {
    let theirs = payments.iter().find(|payment| {
        let is_stripes = payment
            .connector
            .as_deref()
            .is_some_and(|name| name.eq_ignore_ascii_case("stripe"));
        // It may be told to the second.
        let second = Duration::from_secs(1);
        let is_new = payment.created_at.is_some_and(|at| at.plus(second) > since);
        let is_ours = payment.external_id.as_deref().is_some_and(&ours);
        is_stripes && is_new && !is_ours
    })?;
    Some(Trip::NativePayment {
        payment: theirs.id.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::collection::Decline;
    use crate::sync::testing::{collection, payment, usd};

    fn limits() -> Limits {
        Limits {
            charges_per_hour: 20,
            declines_in_thousand: 500,
            same_customer: Duration::from_secs(600),
            amount_per_hour: BTreeMap::from([(usd(0).currency(), 100_000)]),
        }
    }

    fn begun(count: usize, minor: i64, stage: &Stage) -> Vec<Collection> {
        let one = Collection {
            amount: usd(minor),
            ..collection(stage.clone())
        };
        vec![one; count]
    }

    #[test]
    fn money_b8_too_many_charges_in_an_hour_freeze() {
        let trip = |count| trip(usd(1), &begun(count, 1, &Stage::Open), &limits());
        assert_eq!(trip(19), None);
        assert_eq!(trip(20), Some(Trip::Charges { limit: 20 }));
    }

    #[test]
    fn money_b8_too_much_money_in_an_hour_freezes() {
        let trip = |minor| trip(usd(minor), &begun(9, 10_000, &Stage::Open), &limits());
        assert_eq!(trip(10_000), None);
        let limit = usd(100_000);
        assert_eq!(trip(10_001), Some(Trip::Amount { limit }));
        // What does not fit is more than any limit.
        assert_eq!(trip(i64::MAX), Some(Trip::Amount { limit }));
    }

    #[test]
    fn money_b8_too_many_declines_freeze_once_there_are_enough_to_say() {
        let declined = Stage::Ended(Ending::Declined(Decline::default()));
        let of = |declines, booked| {
            let mut all = begun(declines, 1, &declined);
            all.extend(begun(booked, 1, &Stage::Booked));
            trip(usd(1), &all, &limits())
        };
        assert_eq!(of(9, 0), None);
        assert_eq!(of(5, 5), None);
        let expected = Trip::Declines {
            declined: 6,
            of: 10,
        };
        assert_eq!(of(6, 4), Some(expected));
    }

    #[test]
    fn money_b8_the_same_customer_is_not_charged_twice_within_minutes() {
        let lately = begun(1, 1, &Stage::Booked);
        let customer = lately[0].customer.clone();
        let other = StripeCustomerId::parse("cus_2").unwrap();
        let at = |seconds| Timestamp::from_seconds(seconds);
        let soon = |customer, seconds| too_soon(customer, &lately, &limits(), at(seconds));
        assert_eq!(soon(&customer, 1_599), Some(at(1_600)));
        assert_eq!(soon(&customer, 1_600), None);
        assert_eq!(soon(&other, 1_001), None);
    }

    #[test]
    fn money_a2_a_native_payment_freezes_where_there_should_be_none() {
        let native = Payment {
            connector: Some("Stripe".to_owned()),
            ..payment("p-1", "pi_9", 5)
        };
        let recorded = payment("p-2", "pi_9", 5);
        let trip = |of: &Payment, since, ours| {
            let since = Timestamp::from_seconds(since);
            native_payment(std::slice::from_ref(of), since, |_| ours)
        };
        let expected = Trip::NativePayment {
            payment: "p-1".to_owned(),
        };
        assert_eq!(trip(&native, 999, false), Some(expected));
        // Before it was said, of ours, or recorded by a person.
        assert_eq!(trip(&native, 1_001, false), None);
        assert_eq!(trip(&native, 999, true), None);
        assert_eq!(trip(&recorded, 999, false), None);
    }
}
