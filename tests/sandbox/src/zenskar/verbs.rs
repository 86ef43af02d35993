//! What happens at Zenskar without an API request: a person in its console, a test's own hand.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::body::{self, Connector};
use super::customer::Customer;
use super::{Zenskar, list};
use crate::address::Address;
use crate::base::Base;
use crate::switches::{PatchNested, ZenskarSwitches};

/// A customer put in by the thousand.
#[derive(Debug)]
pub(crate) struct Seed {
    pub(crate) id: String,
    pub(crate) name: Box<str>,
    pub(crate) email: Option<Box<str>>,
    pub(crate) phone: Option<Box<str>>,
    pub(crate) address: Option<Box<Address<9>>>,
    pub(crate) external_id: Option<Box<str>>,
    pub(crate) stripe: Option<Box<str>>,
}

impl Zenskar {
    /// A person makes a customer. `Err` is the body of the refusal.
    pub(crate) fn person_creates(
        &mut self,
        base: &mut Base,
        fields: &Value,
    ) -> Result<String, Value> {
        let empty = Map::new();
        let fields = fields.as_object().unwrap_or(&empty);
        let made = self
            .create(base, fields)
            .map_err(|refusal| refusal.response().value())?;
        let id = made.get("id").and_then(Value::as_str);
        Ok(id.unwrap_or_default().to_owned())
    }

    /// A person changes a customer: nested values are replaced, `null` clears. `Err` is the body
    /// of the refusal.
    pub(crate) fn person_updates(
        &mut self,
        base: &Base,
        id: &str,
        patch: &Value,
    ) -> Result<(), Value> {
        let empty = Map::new();
        let patch = patch.as_object().unwrap_or(&empty);
        let switches = ZenskarSwitches {
            null_clears: true,
            patch_nested: PatchNested::Replace,
            ..base.switches.zenskar.clone()
        };
        let result = self.patch(base, &switches, id, patch);
        result
            .map(|_| ())
            .map_err(|refusal| refusal.response().value())
    }

    /// A person deletes a customer; whether there was one.
    pub(crate) fn person_deletes(&mut self, base: &Base, id: &str) -> bool {
        self.delete(base, id).is_ok()
    }

    /// The customer as it is now, without any lag, or `null`.
    pub(crate) fn customer(&self, base: &Base, id: &str) -> Value {
        self.written(base, id)
    }

    /// The ids of all customers that are there.
    pub(crate) fn customer_ids(&self) -> Vec<String> {
        self.store.ids().map(str::to_owned).collect()
    }

    /// The customer as `GET` shows it, lag and all, or `null`.
    pub(crate) fn seen(&mut self, base: &Base, id: &str) -> Value {
        list::one(&self.scene(base), id, "").map_or(Value::Null, Value::Object)
    }

    /// The Stripe id that a customer is mapped to.
    pub(crate) fn stripe_id(&self, id: &str) -> Option<String> {
        let customer = self.store.get(id)?;
        customer.connectors.get("stripe").map(ToString::to_string)
    }

    /// The customers mapped to a Stripe id.
    pub(crate) fn mapped_to(&self, stripe: &str) -> Vec<String> {
        let customers = self.store.by_key.values();
        customers
            .filter(|customer| {
                customer
                    .connectors
                    .get("stripe")
                    .is_some_and(|id| **id == *stripe)
            })
            .map(|customer| customer.id.to_string())
            .collect()
    }

    /// Maps a customer to a Stripe id; whether there is such a customer.
    pub(crate) fn map_customer(&mut self, base: &Base, id: &str, stripe: &str) -> bool {
        let connector = Connector {
            name: "stripe".to_owned(),
            reference_id: stripe.to_owned(),
        };
        self.set_mapping(base, id, &connector).is_ok()
    }

    pub(crate) fn customer_count(&self) -> usize {
        self.store.by_key.len()
    }

    /// Every cursor given out so far stops working.
    pub(crate) fn expire_cursors(&mut self) {
        self.generation += 1;
    }

    /// Puts in a customer without checks.
    pub(crate) fn seed(&mut self, base: &Base, seed: Seed) {
        let key = self.store.next_key(base.now_ms * 1000);
        let mut customer = Customer::new(Arc::from(seed.id.as_str()), key, seed.name);
        customer.external_id = seed.external_id;
        customer.email = seed.email;
        customer.phone = seed.phone;
        customer.address = seed.address;
        if let Some(stripe) = seed.stripe {
            customer.connectors.insert("stripe".into(), stripe);
        }
        // A taken e-mail address is dropped: seeding twice must not fail.
        if self.store.put(customer.clone(), 0).is_err() {
            customer.email = None;
            self.store.put(customer, 0).unwrap_or_default();
        }
    }

    pub(crate) fn organisation(&self) -> &str {
        &self.organisation
    }

    /// Whether `id` could be a customer's.
    pub(crate) fn is_id(id: &str) -> bool {
        body::is_uuid(id)
    }
}
