//! `expand[]`: ids in an answer become the objects they stand for.
//!
//! Which paths a route takes is checked before anything is done; the filling in works on any
//! answer. Not here: the lists inside a customer (see `customer`).

use std::collections::BTreeSet;

use serde_json::Value;

use super::failure::Failure;
use super::intent::Intent;
use super::params::{Checked, texts};
use super::payment_methods::PaymentMethod;
use super::{ACCOUNT, Call, Stripe};

/// What can be expanded on a `PaymentIntent`.
pub(crate) const INTENT: &[&str] = &[
    "customer",
    "latest_charge",
    "latest_charge.customer",
    "latest_charge.balance_transaction",
    "payment_method",
    "payment_method.customer",
];

/// What can be expanded on a charge.
pub(crate) const CHARGE: &[&str] = &["balance_transaction", "customer", "payment_intent"];

/// What can be expanded on a payment method.
pub(crate) const METHOD: &[&str] = &["customer"];

/// What can be expanded on a Checkout session.
pub(crate) const SESSION: &[&str] = &[
    "customer",
    "line_items",
    "payment_intent",
    "payment_intent.latest_charge",
    "payment_intent.payment_method",
];

/// The permission that reading an expanded member takes.
fn permission(path: &str) -> Option<&'static str> {
    let last = path.rsplit('.').next().unwrap_or(path);
    Some(match last {
        "customer" => "rak_customer_read",
        "latest_charge" => "rak_charge_read",
        "payment_method" | "default_payment_method" => "rak_payment_method_read",
        "payment_intent" => "rak_payment_intent_read",
        _ => return None,
    })
}

/// Checks the paths of a form; `prefix` is `data.` for lists.
pub(crate) fn check(
    form: &Checked,
    known: &[&str],
    prefix: &str,
    (call, denied): (&Call<'_>, &BTreeSet<String>),
) -> Result<Vec<String>, Failure> {
    let paths = texts(form, "expand");
    for path in &paths {
        let short = path.strip_prefix(prefix).unwrap_or_default();
        if !known.contains(&short) {
            let message = format!("This property cannot be expanded ({path}).");
            return Err(Failure::invalid("expand", message));
        }
        if let Some(wanted) = permission(path)
            && call.key.starts_with("rk_")
            && denied.contains(wanted)
        {
            return Err(Failure::permission(&call.key, ACCOUNT, wanted));
        }
    }
    Ok(paths)
}

impl Stripe {
    /// The object behind an id.
    fn object(&self, id: &str, version: &str, as_source: bool) -> Option<Value> {
        let (prefix, _) = id.split_once('_')?;
        match prefix {
            "cus" => self.customers.show(id, version, &Checked::new()).ok(),
            "card" if as_source => self.methods.get(id).map(PaymentMethod::render_source),
            "pm" | "card" => self.methods.get(id).map(PaymentMethod::render),
            "ch" | "py" => self.charges.show(id).ok(),
            "pi" => self.intents.get(id).map(Intent::render),
            _ => None,
        }
    }

    /// Puts the objects in where the paths lead to ids.
    pub(crate) fn fill(&self, value: &mut Value, paths: &[String], version: &str) {
        for path in paths {
            let parts: Vec<&str> = path.split('.').collect();
            self.fill_one(value, &parts, version);
        }
    }

    fn fill_one(&self, value: &mut Value, parts: &[&str], version: &str) {
        if let Value::Array(items) = value {
            for item in items {
                self.fill_one(item, parts, version);
            }
            return;
        }
        let Some((first, rest)) = parts.split_first() else {
            return;
        };
        let Some(member) = value.get_mut(*first) else {
            return;
        };
        if let Some(id) = member.as_str()
            && let Some(object) = self.object(id, version, *first == "default_source")
        {
            *member = object;
        }
        self.fill_one(member, rest, version);
    }
}
