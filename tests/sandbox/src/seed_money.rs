//! Something to collect: default payment methods and invoices of customers that exist on both sides.
//!
//! No events are made, as if all of it had been there long before. Most methods pay; some are bank
//! debits, some decline, some ask for authentication.

use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::world::World;

/// The methods, in turn.
const METHODS: [&str; 7] = [
    "pm_card_visa",
    "pm_card_mastercard",
    "pm_usBankAccount_success",
    "pm_card_visa",
    "pm_card_chargeDeclinedInsufficientFunds",
    "pm_card_amex",
    "pm_card_authenticationRequired",
];

/// Seconds of a day.
const DAY: i64 = 86_400;

impl Sandbox {
    /// Gives each mapped pair (`(stripe id, zenskar id)`) a default payment method and so many
    /// invoices in dollars, due from ten days ago to ten days ahead, every sixth a draft. The ids of
    /// the invoices.
    pub fn seed_money(&self, pairs: &[(String, String)], invoices_each: usize) -> Vec<String> {
        let mut world = self.world();
        let World {
            base,
            stripe,
            zenskar,
            ..
        } = &mut *world;
        let mut made = Vec::new();
        let mut n = i64::try_from(zenskar.invoice_count()).unwrap_or_default();
        for ((stripe_id, zenskar_id), method) in pairs.iter().zip(METHODS.iter().cycle()) {
            stripe.seed_default(base, stripe_id, method);
            for _ in 0..invoices_each {
                n += 1;
                let status = if n % 6 == 0 { "draft" } else { "approved" };
                let fields = json!({
                    "customer_id": zenskar_id,
                    "amount": 5_000 + n * 7919 % 90_000,
                    "status": status,
                    "due_date": base.now() + (n * 8 % 21 - 10) * DAY,
                });
                let fields = fields.as_object().cloned().unwrap_or_default();
                // A pair that is not there gets none.
                made.extend(zenskar.person_bills(base, &fields).ok());
            }
        }
        made
    }

    /// The mapped pairs that are there, as [`Self::seed_customers`] gives them.
    #[must_use]
    pub fn pairs(&self) -> Vec<(String, String)> {
        let world = self.world();
        let ids = world.zenskar.customer_ids().into_iter();
        ids.filter_map(|id| Some((world.zenskar.stripe_id(&id)?, id)))
            .collect()
    }
}

/// What `POST /_sandbox/seed` answers with `invoices`.
pub(crate) fn seeded(sandbox: &Sandbox, pairs: &[(String, String)], each: u64) -> Value {
    let each = usize::try_from(each).unwrap_or(0);
    json!(sandbox.seed_money(pairs, each).len())
}
