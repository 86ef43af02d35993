//! The handle: one lock around one world, and the verbs of tests.
//!
//! Every method takes the lock, does its work and gives it back; nothing waits and nothing looks
//! at a wall clock. Not here: HTTP (see `serve`) and the JSON routes (see `control`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::base::Base;
use crate::fault::{Fault, FaultCount, Faults};
use crate::log::{Exchange, Log, Write};
use crate::message::{Handled, Remote, Request};
use crate::native::Native;
use crate::random::Random;
use crate::stripe::{Delivery, DeliveryView, Injected, Stripe};
use crate::switches::Switches;
use crate::world::World;
use crate::zenskar::{Zenskar, ZenskarDelivery};

/// How a sandbox starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Seed of every id.
    pub seed: u64,
    /// Where the clock stands, in Unix seconds.
    pub now_unix: i64,
    /// The Stripe keys that are accepted.
    pub stripe_keys: Vec<String>,
    /// The Zenskar key that is accepted.
    pub zenskar_key: String,
    /// The organisation's UUID.
    pub organisation: String,
    /// How many exchanges `exchanges()` remembers.
    pub keep_exchanges: usize,
    /// Whether `writes()` remembers; benchmarks with millions of writes may not want to.
    pub keep_writes: bool,
    /// The switches at the start.
    pub switches: Switches,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            now_unix: 1_780_000_000,
            stripe_keys: ["sk_test", "rk_test", "sk_live", "rk_live"]
                .map(|kind| format!("{kind}_sandbox"))
                .to_vec(),
            zenskar_key: "sandbox_key".to_owned(),
            organisation: "0f0e0d0c-0b0a-4908-8706-050403020100".to_owned(),
            keep_exchanges: 10_000,
            keep_writes: true,
            switches: Switches::default(),
        }
    }
}

/// A stateful Stripe and Zenskar. Clones share one state.
#[derive(Debug, Clone)]
pub struct Sandbox {
    world: Arc<Mutex<World>>,
}

/// The clock of a sandbox; everything that depends on time follows it.
#[derive(Debug, Clone)]
pub struct Clock {
    sandbox: Sandbox,
}

impl Clock {
    /// Unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.sandbox.world().base.now()
    }

    /// Unix milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.sandbox.world().base.now_ms
    }

    /// Moves the clock by seconds.
    pub fn advance(&self, seconds: i64) {
        self.advance_ms(seconds.saturating_mul(1000));
    }

    /// Moves the clock by milliseconds.
    pub fn advance_ms(&self, milliseconds: i64) {
        let mut world = self.sandbox.world();
        world.base.now_ms = world.base.now_ms.saturating_add(milliseconds);
        world.settle();
    }

    /// Sets the clock to Unix seconds.
    pub fn set(&self, unix: i64) {
        self.set_ms(unix.saturating_mul(1000));
    }

    /// Sets the clock to Unix milliseconds.
    pub fn set_ms(&self, unix_ms: i64) {
        let mut world = self.sandbox.world();
        world.base.now_ms = unix_ms;
        world.settle();
    }
}

impl Sandbox {
    /// A new sandbox. The same options and the same calls give the same answers.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let world = World {
            base: Base {
                now_ms: options.now_unix.saturating_mul(1000),
                random: Random::new(options.seed),
                switches: options.switches,
                faults: Faults::default(),
            },
            stripe: Stripe::new(options.now_unix, &options.stripe_keys),
            zenskar: Zenskar::new(&options.organisation, &options.zenskar_key),
            log: Log::new(options.keep_exchanges, options.keep_writes),
            native: Native::default(),
        };
        Self {
            world: Arc::new(Mutex::new(world)),
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Handles a request; paths below `/_sandbox` look inside and drive the sandbox.
    #[must_use]
    pub fn handle(&self, remote: Remote, request: &Request) -> Handled {
        if request.path == "/_sandbox" || request.path.starts_with("/_sandbox/") {
            return Handled::now(crate::control::handle(self, request));
        }
        self.world().handle(remote, request)
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock {
            sandbox: self.clone(),
        }
    }

    /// The switches as they are.
    #[must_use]
    pub fn switches(&self) -> Switches {
        self.world().base.switches.clone()
    }

    /// Changes switches.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.world().base.switches);
    }

    /// Orders a fault; the number names it in [`Self::fault_counts`].
    #[must_use = "the number finds the fault again; `let _id =` to ignore it"]
    pub fn order_fault(&self, fault: Fault) -> u64 {
        self.world().base.faults.order(fault)
    }

    /// The ordered faults with how often each fired, in the order given.
    #[must_use]
    pub fn fault_counts(&self) -> Vec<FaultCount> {
        self.world().base.faults.counts()
    }

    /// Forgets all ordered faults and their counts.
    pub fn clear_faults(&self) {
        self.world().base.faults.clear();
    }

    /// The last exchanges, oldest first.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.world().log.exchanges()
    }

    /// How many requests there were in all.
    #[must_use]
    pub fn exchange_count(&self) -> u64 {
        self.world().log.total()
    }

    /// Attempts to write a customer over the API, of either remote by its id. Creations that were
    /// never applied are under `new`.
    #[must_use]
    pub fn writes(&self, customer: &str) -> Vec<Write> {
        self.world().log.writes(customer)
    }

    /// A person makes a Stripe customer; fields as the object shows them, `created` backdates.
    pub fn stripe_create_customer(&self, fields: &Value) -> String {
        let mut world = self.world();
        let World { base, stripe, .. } = &mut *world;
        let id = stripe.person_creates(base, fields);
        world.settle();
        id
    }

    /// A person changes a Stripe customer; whether there is one. `address` and `metadata` merge.
    pub fn stripe_update_customer(&self, id: &str, patch: &Value) -> bool {
        let mut world = self.world();
        let World { base, stripe, .. } = &mut *world;
        let found = stripe.person_updates(base, id, patch);
        world.settle();
        found
    }

    /// A person deletes a Stripe customer; whether there was one.
    pub fn stripe_delete_customer(&self, id: &str) -> bool {
        let mut world = self.world();
        let World { base, stripe, .. } = &mut *world;
        stripe.person_deletes(base, id)
    }

    /// A Stripe customer in the account's version, a tombstone if deleted, else `null`.
    #[must_use]
    pub fn stripe_customer(&self, id: &str) -> Value {
        let world = self.world();
        world.stripe.customer(&world.base, id)
    }

    /// The ids of all Stripe customers, deleted ones among them.
    #[must_use]
    pub fn stripe_customer_ids(&self) -> Vec<String> {
        self.world().stripe.customer_ids()
    }

    /// The tax ids of a Stripe customer, whole; none where there is no such customer.
    #[must_use]
    pub fn stripe_tax_ids(&self, id: &str) -> Vec<Value> {
        self.world().stripe.tax_ids(id)
    }

    /// Every event still kept, newest first, as `GET /v1/events` would show them; foreign and not
    /// yet visible ones included.
    #[must_use]
    pub fn stripe_events(&self) -> Vec<Value> {
        self.world().stripe.all_events()
    }

    /// Makes an event that no change here caused; its id. `account` is `None` for our own.
    pub fn inject_event(
        &self,
        kind: &str,
        account: Option<&str>,
        livemode: bool,
        object: Value,
    ) -> String {
        let mut world = self.world();
        let World { base, stripe, .. } = &mut *world;
        let account = account.map(str::to_owned);
        let kind = kind.to_owned();
        stripe.inject(
            base,
            Injected {
                kind,
                account,
                livemode,
                object,
                previous: None,
            },
        )
    }

    /// Makes a webhook endpoint for every event with this secret; its id.
    ///
    /// # Errors
    ///
    /// The API's error body, such as for a 17th endpoint.
    pub fn add_webhook(&self, url: &str, secret: &str) -> Result<String, String> {
        self.add_webhook_with(&serde_json::json!({ "url": url, "secret": secret }))
    }

    /// Makes a webhook endpoint. Members are those of the API, and `secret`, and `by_account` for
    /// one that is made with `Stripe-Account`.
    ///
    /// # Errors
    ///
    /// The API's error body.
    pub fn add_webhook_with(&self, fields: &Value) -> Result<String, String> {
        let mut world = self.world();
        let World { base, stripe, .. } = &mut *world;
        stripe.add_endpoint(base, fields)
    }

    /// Rolls an endpoint's secret; the old one signs too for `keep` seconds. The new secret, or
    /// `None` if there is no such endpoint.
    #[must_use]
    pub fn roll_secret(&self, endpoint: &str, keep: i64) -> Option<String> {
        let mut world = self.world();
        let World { base, stripe, .. } = &mut *world;
        stripe.roll_secret(base, endpoint, keep)
    }

    /// From now on a Stripe key is refused as expired.
    pub fn expire_key(&self, key: &str) {
        self.world().stripe.expire_key(key);
    }

    /// From now on a Stripe key is accepted (in its mode).
    pub fn allow_key(&self, key: &str) {
        self.world().stripe.allow_key(key);
    }

    /// Takes the webhook deliveries that are due by the sandbox's clock, signed at `signed_at`
    /// (Unix seconds). Each wants a [`Self::delivery_result`].
    #[must_use]
    pub fn due_deliveries(&self, signed_at: i64) -> Vec<Delivery> {
        let mut world = self.world();
        let World { base, stripe, .. } = &mut *world;
        stripe.take_due(base, signed_at)
    }

    /// Says what a delivery was answered with; `None` is no answer.
    pub fn delivery_result(&self, id: u64, status: Option<u16>) {
        let mut world = self.world();
        let World { base, stripe, .. } = &mut *world;
        stripe.delivery_result(base, id, status);
    }

    /// Every delivery with where it stands.
    #[must_use]
    pub fn deliveries(&self) -> Vec<DeliveryView> {
        self.world().stripe.delivery_views()
    }

    /// When the next delivery is due, in milliseconds on the sandbox's clock.
    #[must_use]
    pub fn next_delivery_ms(&self) -> Option<i64> {
        self.world().stripe.next_due()
    }

    /// Sends an event once more to every endpoint that wants it; how many deliveries that makes.
    pub fn resend_event(&self, event: &str) -> usize {
        let mut world = self.world();
        let World { base, stripe, .. } = &mut *world;
        stripe.resend(base, event)
    }

    /// GETs to Stripe in the last 30 days.
    #[must_use]
    pub fn stripe_reads(&self) -> u64 {
        let world = self.world();
        world.stripe.reads(&world.base)
    }

    /// A person makes a Zenskar customer; members as in the API. Its id.
    ///
    /// # Errors
    ///
    /// The body of the refusal, such as for a taken e-mail address.
    pub fn zenskar_create_customer(&self, fields: &Value) -> Result<String, Value> {
        let mut world = self.world();
        let World { base, zenskar, .. } = &mut *world;
        let made = zenskar.person_creates(base, fields);
        world.settle();
        made
    }

    /// A person changes a Zenskar customer; `null` clears, nested values are replaced.
    ///
    /// # Errors
    ///
    /// The body of the refusal.
    pub fn zenskar_update_customer(&self, id: &str, patch: &Value) -> Result<(), Value> {
        let mut world = self.world();
        let World { base, zenskar, .. } = &mut *world;
        let done = zenskar.person_updates(base, id, patch);
        world.settle();
        done
    }

    /// A person deletes a Zenskar customer; whether there was one.
    pub fn zenskar_delete_customer(&self, id: &str) -> bool {
        let mut world = self.world();
        let World { base, zenskar, .. } = &mut *world;
        zenskar.person_deletes(base, id)
    }

    /// A Zenskar customer as it is, without lag, or `null`.
    #[must_use]
    pub fn zenskar_customer(&self, id: &str) -> Value {
        let world = self.world();
        world.zenskar.customer(&world.base, id)
    }

    /// The ids of all Zenskar customers that are there.
    #[must_use]
    pub fn zenskar_customer_ids(&self) -> Vec<String> {
        self.world().zenskar.customer_ids()
    }

    /// The Stripe id that a Zenskar customer is mapped to.
    #[must_use]
    pub fn mapping(&self, zenskar_id: &str) -> Option<String> {
        self.world().zenskar.stripe_id(zenskar_id)
    }

    /// Maps a Zenskar customer to a Stripe id; whether there is such a Zenskar customer.
    pub fn map_customer(&self, zenskar_id: &str, stripe_id: &str) -> bool {
        let mut world = self.world();
        let World { base, zenskar, .. } = &mut *world;
        zenskar.map_customer(base, zenskar_id, stripe_id)
    }

    /// Types a webhook alert into Zenskar: every change of a customer is posted to this URL, proven
    /// with the secret.
    pub fn set_zenskar_webhook(&self, url: &str, secret: &str) {
        self.world().zenskar.hooks.set_endpoint(url, secret);
    }

    /// Takes Zenskar's webhook deliveries that are due by the sandbox's clock. Each wants a
    /// [`Self::zenskar_delivery_result`].
    #[must_use]
    pub fn due_zenskar_deliveries(&self) -> Vec<ZenskarDelivery> {
        let mut world = self.world();
        let World { base, zenskar, .. } = &mut *world;
        zenskar.hooks.take_due(base)
    }

    /// Says what a delivery of Zenskar's was answered with; `None` is no answer.
    pub fn zenskar_delivery_result(&self, id: u64, status: Option<u16>) {
        let mut world = self.world();
        let World { base, zenskar, .. } = &mut *world;
        zenskar.hooks.result(base, id, status);
    }

    /// When Zenskar's next delivery is due, in milliseconds on the sandbox's clock.
    #[must_use]
    pub fn next_zenskar_delivery_ms(&self) -> Option<i64> {
        self.world().zenskar.hooks.next_due()
    }

    /// Every list cursor that Zenskar gave out stops working.
    pub fn expire_cursors(&self) {
        self.world().zenskar.expire_cursors();
    }

    /// Puts in `count` mapped pairs of customers, without events; `(stripe id, zenskar id)` each.
    pub fn seed_customers(&self, count: usize) -> Vec<(String, String)> {
        crate::seed::pairs(&mut self.world(), count)
    }
}
