//! Where the money is: what Stripe took, what Zenskar booked, and what is owed.
//!
//! For checks from outside that nothing was taken twice, lost or booked without having been
//! taken. Amounts are minor units, currencies lower case. Not here: any judgement.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::sandbox::Sandbox;

/// Money that Stripe took, or is about to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// The `PaymentIntent`.
    pub payment_intent: String,
    /// Its status.
    pub status: String,
    /// The charge.
    pub charge: Option<String>,
    /// The Checkout session that it belongs to.
    pub session: Option<String>,
    /// The Stripe customer.
    pub customer: Option<String>,
    /// What was received, or is on its way.
    pub amount: i64,
    /// The currency.
    pub currency: String,
    /// The metadata of the `PaymentIntent`.
    pub metadata: BTreeMap<String, String>,
}

/// A payment in Zenskar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Booked {
    /// The payment.
    pub payment: String,
    /// Its status; only `success` lowers what is due.
    pub status: String,
    /// Its type.
    pub kind: String,
    /// The Zenskar customer.
    pub customer: Option<String>,
    /// Whether Zenskar's own connector made it.
    pub native: bool,
    /// The id it has elsewhere.
    pub external_id: Option<String>,
    /// Its amount.
    pub amount: i64,
    /// The currency.
    pub currency: String,
    /// What of it goes to which invoice.
    pub parts: Vec<(String, i64)>,
}

/// An invoice in Zenskar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Owed {
    /// The invoice.
    pub invoice: String,
    /// Its number.
    pub number: String,
    /// Its status.
    pub status: String,
    /// The Zenskar customer.
    pub customer: String,
    /// The currency.
    pub currency: String,
    /// Its total.
    pub total: i64,
    /// Taken off by credit notes and wallet credits.
    pub credited: i64,
    /// Paid by successful payments.
    pub paid: i64,
    /// Still owed.
    pub due: i64,
}

/// All money of both remotes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MoneyView {
    /// `PaymentIntents` that succeeded.
    pub taken: Vec<Taken>,
    /// `PaymentIntents` in processing or holding money.
    pub in_flight: Vec<Taken>,
    /// Every payment in Zenskar.
    pub booked: Vec<Booked>,
    /// Every invoice in Zenskar.
    pub owed: Vec<Owed>,
}

impl MoneyView {
    /// What Stripe took, by currency.
    #[must_use]
    pub fn sum_taken(&self) -> BTreeMap<String, i64> {
        let taken = self.taken.iter();
        sums(taken.map(|taken| (&taken.currency, taken.amount)))
    }

    /// What Zenskar booked as success, by currency.
    #[must_use]
    pub fn sum_booked(&self) -> BTreeMap<String, i64> {
        let booked = self.booked.iter();
        let booked = booked.filter(|booked| booked.status == "success");
        sums(booked.map(|booked| (&booked.currency, booked.amount)))
    }
}

fn sums<'a>(amounts: impl Iterator<Item = (&'a String, i64)>) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for (currency, amount) in amounts {
        *sums.entry(currency.clone()).or_default() += amount;
    }
    sums
}

impl Sandbox {
    /// What Stripe took, what Zenskar booked, and what is owed, without any lag.
    #[must_use]
    pub fn money(&self) -> MoneyView {
        let world = self.world();
        let (taken, in_flight) = world.stripe.taken();
        MoneyView {
            taken,
            in_flight,
            booked: world.zenskar.booked(),
            owed: world.zenskar.owed(),
        }
    }
}
