//! The verbs of tests that have to do with money.
//!
//! Not here: customers, events and webhooks (see `sandbox`).

use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::world::World;

impl Sandbox {
    /// Attaches a new payment method to a Stripe customer, made from a test id such as
    /// `pm_card_visa`; its id.
    ///
    /// # Errors
    ///
    /// The API's error body.
    pub fn stripe_attach(&self, customer: &str, test_method: &str) -> Result<String, Value> {
        let mut world = self.world();
        let World { base, stripe, .. } = &mut *world;
        let cause = stripe.by_hand(base);
        let made = stripe.attach(base, test_method, customer, &cause);
        made.map_err(|failure| failure.response("").value())
    }

    /// Detaches a payment method from its Stripe customer; whether it was attached.
    pub fn stripe_detach(&self, method: &str) -> bool {
        let mut world = self.world();
        let World { base, stripe, .. } = &mut *world;
        let cause = stripe.by_hand(base);
        stripe.detach(base, method, &cause).is_ok()
    }

    /// Makes a payment method the default of its Stripe customer, or clears the default; whether
    /// that could be done.
    pub fn stripe_set_default(&self, customer: &str, method: Option<&str>) -> bool {
        let mut world = self.world();
        let World { base, stripe, .. } = &mut *world;
        let cause = stripe.by_hand(base);
        let done = stripe.choose_default(base, customer, method, &cause);
        world.settle();
        done.is_ok()
    }

    /// From now on a payment method does what another test method of its kind does; whether both
    /// are known. A bank debit in processing ends as that says.
    pub fn stripe_method_behaves(&self, method: &str, test_method: &str) -> bool {
        self.world().stripe.change_method(method, test_method)
    }

    /// The payment methods of a Stripe customer, newest first.
    #[must_use]
    pub fn stripe_payment_methods(&self, customer: &str) -> Vec<Value> {
        self.world().stripe.methods_of(customer)
    }

    /// The customer authenticates a `PaymentIntent` in `requires_action`, or fails to; whether it
    /// was in that status.
    pub fn stripe_authenticate(&self, intent: &str, passed: bool) -> bool {
        let mut world = self.world();
        let World { base, stripe, .. } = &mut *world;
        stripe.customer_acts(base, intent, passed)
    }

    /// Every `PaymentIntent`, oldest first.
    #[must_use]
    pub fn stripe_payment_intents(&self) -> Vec<Value> {
        self.world().stripe.all_intents()
    }

    /// Every charge, oldest first.
    #[must_use]
    pub fn stripe_charges(&self) -> Vec<Value> {
        self.world().stripe.all_charges()
    }
}
