//! The customers of the organisation, with the orders they are listed in.
//!
//! Each write moves `updated_at`, by a microsecond at least. Earlier states are kept as long as
//! reads may lag behind. Not here: checks of requests (see `body`) and filters (see `list`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::customer::{Customer, Key};
use super::refusal::Refusal;

/// The customers of the organisation.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) by_key: BTreeMap<Key, Customer>,
    pub(crate) by_update: BTreeSet<(i64, Key)>,
    keys: BTreeMap<Arc<str>, Key>,
    by_email: BTreeMap<Box<str>, Key>,
    /// What each customer was, with the time in microseconds at which it ceased to be so.
    history: BTreeMap<Arc<str>, Vec<(i64, Option<Customer>)>>,
    last: u64,
    last_us: i64,
    /// Counts writes, so that counts of matches can be reused.
    pub(crate) version: u64,
}

impl Store {
    /// The ids of all that are there.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(AsRef::as_ref)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Customer> {
        self.by_key.get(self.keys.get(id)?)
    }

    /// A key for a new customer.
    pub(crate) fn next_key(&mut self, now_us: i64) -> Key {
        self.last += 1;
        (self.tick(now_us), self.last)
    }

    /// A time no write had before.
    pub(crate) fn tick(&mut self, now_us: i64) -> i64 {
        self.last_us = now_us.max(self.last_us + 1);
        self.last_us
    }

    /// Puts in a customer, new or changed. Refuses an e-mail address that another one has.
    pub(crate) fn put(&mut self, customer: Customer, lag: i64) -> Result<(), Refusal> {
        if let Some(email) = &customer.email
            && self
                .by_email
                .get(&folded(email))
                .is_some_and(|owner| *owner != customer.key)
        {
            let message = format!("Customer with email {email} already exists");
            return Err(Refusal::detail(400, &message));
        }
        let old = self.take(&customer.id);
        self.remember(&customer.id, old, customer.updated, lag);
        self.keys.insert(Arc::clone(&customer.id), customer.key);
        self.by_update.insert((customer.updated, customer.key));
        if let Some(email) = &customer.email {
            self.by_email.insert(folded(email), customer.key);
        }
        self.by_key.insert(customer.key, customer);
        Ok(())
    }

    /// Removes a customer; whether there was one.
    pub(crate) fn remove(&mut self, id: &str, now_us: i64, lag: i64) -> bool {
        let Some(old) = self.take(id) else {
            return false;
        };
        let at = self.tick(now_us);
        let id = Arc::clone(&old.id);
        self.remember(&id, Some(old), at, lag);
        true
    }

    fn take(&mut self, id: &str) -> Option<Customer> {
        self.version += 1;
        let key = self.keys.remove(id)?;
        let old = self.by_key.remove(&key)?;
        self.by_update.remove(&(old.updated, key));
        if let Some(email) = &old.email {
            self.by_email.remove(&folded(email));
        }
        Some(old)
    }

    fn remember(&mut self, id: &Arc<str>, old: Option<Customer>, at: i64, lag: i64) {
        if lag <= 0 {
            self.history.clear();
            return;
        }
        let states = self.history.entry(Arc::clone(id)).or_default();
        states.retain(|(until, _)| *until > at - lag * 1_000_000);
        states.push((at, old));
    }

    /// The customer as reads see it that lag `lag` seconds behind `now_us`.
    pub(crate) fn seen(&self, id: &str, now_us: i64, lag: i64) -> Option<&Customer> {
        if lag > 0
            && let Some(states) = self.history.get(id)
        {
            let moment = now_us - lag * 1_000_000;
            if let Some((_, state)) = states.iter().find(|(until, _)| *until > moment) {
                return state.as_ref();
            }
        }
        self.get(id)
    }
}

/// How e-mail addresses are compared.
fn folded(email: &str) -> Box<str> {
    email.to_lowercase().into_boxed_str()
}
