//! What happens at Stripe without an API request: a person at the dashboard, a test's own hand.
//!
//! Changes made here give the same events as changes over the API, without an idempotency key.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::customer::Customer;
use super::{
    ACCOUNT, Basics, Cause, Change, Checked, Delivery, DeliveryView, Event, Failure, Stripe,
    Subject, endpoints, fields,
};
use crate::base::Base;
use crate::fault::Faults;

/// An event as a test injects it.
#[derive(Debug, Clone)]
pub(crate) struct Injected {
    pub(crate) kind: String,
    /// The account it belongs to; `None` is ours.
    pub(crate) account: Option<String>,
    pub(crate) livemode: bool,
    pub(crate) object: Value,
    pub(crate) previous: Option<Value>,
}

impl Stripe {
    /// Makes a customer and tells of it.
    pub(crate) fn create_customer(
        &mut self,
        base: &mut Base,
        created: i64,
        cause: &Cause,
        edit: impl FnOnce(&mut Map<String, Value>) -> Result<(), Failure>,
    ) -> Result<String, Failure> {
        let id = base.random.id("cus_", 14);
        let livemode = base.switches.stripe.livemode;
        // What the edit refuses must leave no trace, so it is tried on a customer nobody sees.
        let mut trial = Customer::new(
            Arc::from(id.as_str()),
            (created, 0),
            livemode,
            Basics::default(),
        );
        let mut map = trial.to_map();
        edit(&mut map)?;
        trial.set_map(&map);
        let customer = self
            .customers
            .insert(&id, created, livemode, Basics::default());
        customer.set_map(&map);
        let after = Box::new(customer.clone());
        self.tell(base, Some(Change::Created(after)), cause);
        Ok(id)
    }

    /// Puts in a customer without telling of it.
    pub(crate) fn seed_customer(&mut self, id: &str, created: i64, live: bool, basics: Basics) {
        self.customers.insert(id, created, live, basics);
    }

    /// A person makes a customer. `created` in `fields` backdates it.
    pub(crate) fn person_creates(&mut self, base: &mut Base, fields: &Value) -> String {
        let empty = Map::new();
        let patch = fields.as_object().unwrap_or(&empty);
        let created = patch
            .get("created")
            .and_then(Value::as_i64)
            .unwrap_or_else(|| base.now());
        let cause = self.by_hand(base);
        let edit = |map: &mut Map<String, Value>| {
            fields::edit(map, patch);
            Ok(())
        };
        self.create_customer(base, created, &cause, edit)
            .unwrap_or_default()
    }

    /// A person changes a customer; whether there was one.
    pub(crate) fn person_updates(&mut self, base: &mut Base, id: &str, patch: &Value) -> bool {
        let empty = Map::new();
        let patch = patch.as_object().unwrap_or(&empty);
        let cause = self.by_hand(base);
        let change = self.customers.change(id, |map| {
            fields::edit(map, patch);
            Ok(())
        });
        let found = change.is_ok();
        self.tell(base, change.ok().flatten(), &cause);
        found
    }

    /// A person deletes a customer; whether there was one.
    pub(crate) fn person_deletes(&mut self, base: &mut Base, id: &str) -> bool {
        let cause = self.by_hand(base);
        let change = self.delete_with_methods(id).ok();
        let found = change.is_some();
        self.tell(base, change, &cause);
        found
    }

    pub(crate) fn by_hand(&self, base: &mut Base) -> Cause {
        Cause {
            request: Some(base.random.id("req_", 14)),
            idempotency_key: None,
        }
    }

    /// The customer as `GET` in the account's version shows it, or `null`.
    pub(crate) fn customer(&self, base: &Base, id: &str) -> Value {
        let version = &base.switches.stripe.account_version;
        self.customers
            .show(id, version, &Checked::new())
            .unwrap_or(Value::Null)
    }

    /// The ids of all customers, deleted ones among them.
    pub(crate) fn customer_ids(&self) -> Vec<String> {
        self.customers.ids().map(str::to_owned).collect()
    }

    /// The tax ids of a customer, whole.
    pub(crate) fn tax_ids(&self, id: &str) -> Vec<Value> {
        self.customers
            .get(id)
            .map(Customer::tax_ids)
            .unwrap_or_default()
    }

    pub(crate) fn customer_count(&self) -> usize {
        self.customers.len()
    }

    /// Whether the customer existed and was deleted.
    pub(crate) fn is_deleted(&self, id: &str) -> bool {
        self.customers
            .get(id)
            .is_some_and(|customer| customer.deleted)
    }

    /// Makes the event of a change.
    pub(crate) fn tell(&mut self, base: &mut Base, change: Option<Change>, cause: &Cause) {
        let Some(change) = change else { return };
        let (kind, before, after) = match change {
            Change::Created(after) => ("customer.created", None, after),
            Change::Updated(before, after) => ("customer.updated", Some(before), after),
            Change::Deleted(before) => ("customer.deleted", None, before),
        };
        let livemode = base.switches.stripe.livemode;
        let (old, new) = match (kind, &before) {
            ("customer.deleted", _) => (Vec::new(), Vec::new()),
            (_, None) => (Vec::new(), after.tax_ids()),
            (_, Some(before)) => (before.tax_ids(), after.tax_ids()),
        };
        let same = |before: &Customer| before.is_same_but_for_tax_ids(&after);
        if !before.as_deref().is_some_and(same) {
            if kind == "customer.updated" {
                self.changed.push(after.id.to_string());
            }
            let subject = Subject::Customer { before, after };
            self.emit(base, kind, subject, cause.clone(), None, livemode);
        }
        let made = new.iter().filter(|id| !old.contains(id));
        let gone = old.iter().filter(|id| !new.contains(id));
        let made = made.map(|id| ("customer.tax_id.created", id));
        let gone = gone.map(|id| ("customer.tax_id.deleted", id));
        for (kind, id) in made.chain(gone) {
            let subject = Subject::Given {
                object: id.clone(),
                previous: None,
            };
            self.emit(base, kind, subject, cause.clone(), None, livemode);
        }
    }

    /// An event that no change here made, such as one of a foreign account.
    pub(crate) fn inject(&mut self, base: &mut Base, injected: Injected) -> String {
        let subject = Subject::Given {
            object: injected.object,
            previous: injected.previous,
        };
        let (account, live) = (injected.account, injected.livemode);
        self.emit(
            base,
            &injected.kind,
            subject,
            Cause::default(),
            account,
            live,
        )
    }

    pub(crate) fn emit(
        &mut self,
        base: &mut Base,
        kind: &str,
        subject: Subject,
        cause: Cause,
        account: Option<String>,
        livemode: bool,
    ) -> String {
        let id = base.random.id("evt_1", 23);
        let switches = &base.switches.stripe;
        let faults: &mut Faults = &mut base.faults;
        let lag = switches
            .event_lag
            .saturating_add(faults.event_lateness(kind));
        let now = base.now_ms.div_euclid(1000);
        let mut event = Event {
            id: Arc::from(id.as_str()),
            kind: kind.to_owned(),
            created: now,
            account,
            livemode,
            cause,
            version: switches.account_version.clone(),
            subject,
            visible_at: now.saturating_add(lag),
            pending: 0,
        };
        let around = (switches, self.connect.is_connected(ACCOUNT));
        event.pending =
            self.deliveries
                .enqueue(&event, &self.endpoints, around, faults, base.now_ms);
        self.events.add(event);
        id
    }

    /// Every event still kept, newest first, in the account's default version of its time.
    pub(crate) fn all_events(&self) -> Vec<Value> {
        let newest_first = self.events.by_key.values().rev();
        newest_first
            .map(|event| event.render(&event.version, None))
            .collect()
    }

    pub(crate) fn event_count(&self) -> usize {
        self.events.by_key.len()
    }

    pub(crate) fn birth(
        &self,
        base: &mut Base,
        by_account: bool,
        platform: bool,
    ) -> endpoints::Birth {
        endpoints::Birth {
            id: base.random.id("we_1", 23),
            secret: base.random.id("whsec_", 32),
            now: base.now(),
            livemode: base.switches.stripe.livemode,
            by_account,
            platform,
        }
    }

    /// Makes an endpoint with a secret of the caller's choice; the fields are as in the API.
    pub(crate) fn add_endpoint(
        &mut self,
        base: &mut Base,
        fields: &Value,
    ) -> Result<String, String> {
        let mut form = fields.as_object().cloned().unwrap_or_default();
        form.entry("enabled_events").or_insert_with(|| json!(["*"]));
        let by_account = form
            .get("by_account")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        let mut birth = self.birth(base, by_account, false);
        if let Some(secret) = form.get("secret").and_then(Value::as_str) {
            secret.clone_into(&mut birth.secret);
        }
        let id = birth.id.clone();
        let made = self.endpoints.create(&form, birth);
        made.map(|_| id)
            .map_err(|failure| failure.response("").value().to_string())
    }

    /// Rolls an endpoint's secret; the old ones sign for `keep` more seconds.
    pub(crate) fn roll_secret(&mut self, base: &mut Base, id: &str, keep: i64) -> Option<String> {
        let secret = base.random.id("whsec_", 32);
        self.endpoints
            .get_mut(id)?
            .roll(secret.clone(), base.now(), keep);
        Some(secret)
    }

    /// From now on the key is refused as expired.
    pub(crate) fn expire_key(&mut self, key: &str) {
        self.expired_keys.insert(key.to_owned());
    }

    /// From now on the key is known.
    pub(crate) fn allow_key(&mut self, key: &str) {
        self.expired_keys.remove(key);
        self.api_keys.insert(key.to_owned());
    }

    pub(crate) fn take_due(&mut self, base: &Base, signed_at: i64) -> Vec<Delivery> {
        let (deliveries, around) = self.around(base);
        deliveries.take_due(&around, signed_at)
    }

    pub(crate) fn delivery_result(&mut self, base: &Base, id: u64, status: Option<u16>) {
        let (deliveries, mut around) = self.around(base);
        deliveries.result(&mut around, id, status);
    }

    pub(crate) fn delivery_views(&self) -> Vec<DeliveryView> {
        self.deliveries.views()
    }

    pub(crate) fn next_due(&self) -> Option<i64> {
        self.deliveries.next_due()
    }

    /// Sends an event again to every endpoint that wants it; how many deliveries that makes.
    pub(crate) fn resend(&mut self, base: &Base, event: &str) -> usize {
        let Some(event) = self.events.get(event) else {
            return 0;
        };
        let wanting = self
            .endpoints
            .by_key
            .values()
            .filter(|e| e.wants(&event.kind));
        wanting
            .map(|endpoint| self.deliveries.resend(endpoint, event, base.now_ms))
            .count()
    }

    /// GETs of the last 30 days.
    pub(crate) fn reads(&self, base: &Base) -> u64 {
        self.reads.recent(base.now_ms)
    }
}
