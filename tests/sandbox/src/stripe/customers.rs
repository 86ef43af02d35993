//! The customers of the account and their routes.
//!
//! Lists are newest first and leave out the deleted; those stay as tombstones, as in Stripe. Not
//! here: the events of changes (the caller gets what to tell as a [`Change`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::customer::{Basics, Customer};
use super::failure::Failure;
use super::page::{self, Key};
use super::params::{Checked, EXPAND, Kind, Param, param, text, texts};

/// The parameters of `GET /v1/customers`.
pub(crate) const LIST: &[Param] = &[
    param("created", Kind::Range),
    param("email", Kind::Text(512)),
    param("ending_before", Kind::Text(5000)),
    EXPAND,
    param("limit", Kind::Int),
    param("starting_after", Kind::Text(5000)),
    param("test_clock", Kind::Text(5000)),
];

/// What can be expanded on a customer.
const EXPANDABLE: [&str; 11] = [
    "cash_balance",
    "default_source",
    "discount",
    "invoice_credit_balance",
    "invoice_settings.default_payment_method",
    "sources",
    "subscriptions",
    "tax",
    "tax.location",
    "tax_ids",
    "test_clock",
];

/// What happened to a customer.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// It was made.
    Created(Box<Customer>),
    /// It was changed: before and after.
    Updated(Box<Customer>, Box<Customer>),
    /// It was deleted; what it was.
    Deleted(Box<Customer>),
}

/// The customers of the account.
#[derive(Debug, Default)]
pub(crate) struct Customers {
    by_key: BTreeMap<Key, Customer>,
    keys: BTreeMap<Arc<str>, Key>,
    last: u64,
    live: usize,
}

impl Customers {
    /// Customers that are not deleted.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Every id that was ever given out.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(AsRef::as_ref)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Customer> {
        self.by_key.get(self.keys.get(id)?)
    }

    /// Puts in a new customer with these texts, created at `created`.
    pub(crate) fn insert(
        &mut self,
        id: &str,
        created: i64,
        livemode: bool,
        basics: Basics,
    ) -> &mut Customer {
        self.last += 1;
        self.live += 1;
        let key = (created, self.last);
        let id: Arc<str> = Arc::from(id);
        self.keys.insert(Arc::clone(&id), key);
        let customer = Customer::new(id, key, livemode, basics);
        self.by_key.entry(key).or_insert(customer)
    }

    /// Changes a customer; `None` if it stayed the same.
    pub(crate) fn change(
        &mut self,
        id: &str,
        edit: impl FnOnce(&mut Map<String, Value>) -> Result<(), Failure>,
    ) -> Result<Option<Change>, Failure> {
        let customer = self.live_mut(id)?;
        let before = customer.clone();
        let mut map = customer.to_map();
        edit(&mut map)?;
        customer.set_map(&map);
        let changed = *customer != before;
        let after = customer.clone();
        Ok(changed.then(|| Change::Updated(Box::new(before), Box::new(after))))
    }

    fn live_mut(&mut self, id: &str) -> Result<&mut Customer, Failure> {
        let found = self.keys.get(id).and_then(|key| self.by_key.get_mut(key));
        found
            .filter(|customer| !customer.deleted)
            .ok_or_else(|| missing(id))
    }

    /// Deletes a customer.
    pub(crate) fn delete(&mut self, id: &str) -> Result<Change, Failure> {
        let customer = self.live_mut(id)?;
        let before = customer.clone();
        customer.set_map(&Map::new());
        customer.deleted = true;
        self.live -= 1;
        Ok(Change::Deleted(Box::new(before)))
    }

    /// `GET /v1/customers/{id}`.
    pub(crate) fn show(&self, id: &str, version: &str, form: &Checked) -> Result<Value, Failure> {
        let expand = expansions(form, "")?;
        let customer = self.get(id).ok_or_else(|| missing(id))?;
        if customer.deleted {
            return Ok(customer.tombstone());
        }
        Ok(Value::Object(customer.render(version, &expand)))
    }

    /// `GET /v1/customers`.
    pub(crate) fn list(
        &self,
        version: &str,
        checked: &Checked,
        longest: usize,
    ) -> Result<Value, Failure> {
        let expand = expansions(checked, "data.")?;
        if let Some(clock) = text(checked, "test_clock") {
            return Err(Failure::missing_ref("test clock", clock, "test_clock"));
        }
        let email = text(checked, "email");
        let mut window = page::window(checked, |id, name| {
            let key = self.keys.get(id).copied();
            key.ok_or_else(|| Failure::missing_ref("customer", id, name))
        })?;
        window.limit = window.limit.min(longest);
        let page = page::page(&self.by_key, &window, |customer| {
            !customer.deleted && email.is_none_or(|email| customer.email() == Some(email))
        });
        let shown = page.keys.iter().filter_map(|key| self.by_key.get(key));
        let data: Vec<Value> = shown
            .map(|customer| Value::Object(customer.render(version, &expand)))
            .collect();
        Ok(page::list("/v1/customers", &data, page.has_more))
    }

    /// `GET /v1/customers/{id}/tax_ids`.
    pub(crate) fn tax_ids(
        &self,
        id: &str,
        checked: &Checked,
        longest: usize,
    ) -> Result<Value, Failure> {
        let customer = self.get(id).filter(|customer| !customer.deleted);
        let all = customer.ok_or_else(|| missing(id))?.tax_ids();
        // In the order in which they are shown inside the customer.
        let key = |at: usize| (0, u64::MAX - u64::try_from(at).unwrap_or_default());
        let mut window = page::window(checked, |wanted, name| {
            let at = all.iter().position(|one| one["id"] == *wanted);
            at.map(key)
                .ok_or_else(|| Failure::missing_ref("tax id", wanted, name))
        })?;
        window.limit = window.limit.min(longest);
        let by_key: BTreeMap<Key, &Value> = all
            .iter()
            .enumerate()
            .map(|(at, one)| (key(at), one))
            .collect();
        let page = page::page(&by_key, &window, |_| true);
        let shown = page.keys.iter().filter_map(|key| by_key.get(key));
        let data: Vec<Value> = shown.map(|one| (*one).clone()).collect();
        let url = format!("/v1/customers/{id}/tax_ids");
        Ok(page::list(&url, &data, page.has_more))
    }
}

fn missing(id: &str) -> Failure {
    Failure::missing("customer", id, "id")
}

/// The checked `expand[]` paths without their prefix.
pub(crate) fn expansions(checked: &Checked, prefix: &str) -> Result<Vec<String>, Failure> {
    let mut paths = Vec::new();
    for path in texts(checked, "expand") {
        match path
            .strip_prefix(prefix)
            .filter(|path| EXPANDABLE.contains(path))
        {
            Some(known) => paths.push(known.to_owned()),
            None => {
                let message = format!("This property cannot be expanded ({path}).");
                return Err(Failure::invalid("expand", message));
            }
        }
    }
    Ok(paths)
}
