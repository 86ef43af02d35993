//! The verbs of tests that have to do with money.
//!
//! Not here: customers, events and webhooks (see `sandbox`).

use serde_json::{Map, Value};

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

    /// A bank debit in processing is known now, as its payment method says; whether it is.
    pub fn stripe_settle_debit(&self, intent: &str) -> bool {
        let mut world = self.world();
        let World { base, stripe, .. } = &mut *world;
        let settled = stripe.settle_debit(base, intent);
        world.settle();
        settled
    }

    /// From now on a `PaymentIntent` shows this word as its status, known to Stripe or not, or again
    /// its own; whether there is one. What can be done with it stays as it is.
    pub fn stripe_show_status(&self, intent: &str, status: Option<&str>) -> bool {
        self.world().stripe.disguise(intent, status)
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

    /// Every Checkout session, oldest first.
    #[must_use]
    pub fn stripe_sessions(&self) -> Vec<Value> {
        let world = self.world();
        world.stripe.all_sessions(&world.base)
    }

    /// A customer pays a Checkout session with a test method, as on its page. A bank debit
    /// completes the session and is known days later; a card that asks for authentication gets it.
    ///
    /// # Errors
    ///
    /// The error body: declined (then the session is still open), not open, or of another kind
    /// than the session takes.
    pub fn stripe_pay_session(&self, session: &str, test_method: &str) -> Result<(), Value> {
        let mut world = self.world();
        let World { base, stripe, .. } = &mut *world;
        let paid = stripe.pay_session(base, session, test_method);
        paid.map_err(|failure| failure.response("").value())
    }

    /// A person makes a Zenskar invoice; its id. Wanted are `customer_id` and `amount` (minor
    /// units); besides `number`, `currency` (USD), `status` (approved), `due_date` (today, ISO or Unix
    /// seconds), `promise_due_date`, `external_id`, `contract_id`, `applied_balance`,
    /// `lines` (each `name`, `quantity`, `amount` in minor units) and `line_item_scale` (100). `paid` as
    /// a status means that somebody paid it outside of payments.
    ///
    /// # Errors
    ///
    /// What is wrong with the fields.
    pub fn zenskar_create_invoice(&self, fields: &Value) -> Result<String, Value> {
        let mut world = self.world();
        let World { base, zenskar, .. } = &mut *world;
        zenskar.person_bills(base, &members(fields))
    }

    /// A person changes a Zenskar invoice: the same fields, and `charged_at`.
    ///
    /// # Errors
    ///
    /// What is wrong with the fields, or that there is no such invoice.
    pub fn zenskar_update_invoice(&self, id: &str, fields: &Value) -> Result<(), Value> {
        let mut world = self.world();
        let World { base, zenskar, .. } = &mut *world;
        zenskar.person_rebills(base, id, &members(fields))
    }

    /// A person voids a Zenskar invoice; whether there is one.
    pub fn zenskar_void_invoice(&self, id: &str) -> bool {
        let mut world = self.world();
        let World { base, zenskar, .. } = &mut *world;
        zenskar.person_voids(base, id)
    }

    /// A credit note takes `minor` units off what is due on a Zenskar invoice; whether there is
    /// one.
    pub fn zenskar_credit_note(&self, id: &str, minor: i64) -> bool {
        let mut world = self.world();
        let World { base, zenskar, .. } = &mut *world;
        zenskar.person_credits(base, id, minor)
    }

    /// A Zenskar invoice as it is, without lag and with its line items, or `null`.
    #[must_use]
    pub fn zenskar_invoice(&self, id: &str) -> Value {
        let world = self.world();
        world.zenskar.invoice(&world.base, id)
    }

    /// Every Zenskar invoice without lag, oldest first.
    #[must_use]
    pub fn zenskar_invoices(&self) -> Vec<Value> {
        let world = self.world();
        world.zenskar.all_invoices(&world.base)
    }

    /// A payment appears in Zenskar that nobody asked for over the API, such as one in
    /// `in_progress` of Zenskar's own Stripe connector; its id. Members as in `POST /payments`;
    /// `native` says whether it is the connector's (true) or a person's.
    ///
    /// # Errors
    ///
    /// The body of the refusal.
    pub fn zenskar_add_payment(&self, fields: &Value) -> Result<String, Value> {
        let mut world = self.world();
        let World { base, zenskar, .. } = &mut *world;
        zenskar.person_pays(base, &members(fields))
    }

    /// The `status` or `external_id` of a Zenskar payment changes; whether there is one.
    pub fn zenskar_update_payment(&self, id: &str, fields: &Value) -> bool {
        let mut world = self.world();
        let World { base, zenskar, .. } = &mut *world;
        zenskar.person_changes_payment(base, id, &members(fields))
    }

    /// A Zenskar payment as it is, without lag, or `null`.
    #[must_use]
    pub fn zenskar_payment(&self, id: &str) -> Value {
        let world = self.world();
        world.zenskar.payment(&world.base, id)
    }

    /// Every Zenskar payment without lag, oldest first.
    #[must_use]
    pub fn zenskar_payments(&self) -> Vec<Value> {
        let world = self.world();
        world.zenskar.all_payments(&world.base)
    }
}

fn members(fields: &Value) -> Map<String, Value> {
    fields.as_object().cloned().unwrap_or_default()
}
