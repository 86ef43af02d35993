//! Zenskar's own Stripe connector: a third party that writes to both remotes.
//!
//! Off unless switched on. It copies name, e-mail, phone and address between mapped customers
//! after a delay, and can give new Zenskar customers a Stripe customer of its own making. What it
//! writes does not start another copy. Asked to charge an invoice, or when one falls due if that is
//! switched on, it makes a `PaymentIntent` on the customer's default method. Not here: links to pay.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::base::Base;
use crate::message::Remote;
use crate::stripe::Stripe;
use crate::switches::{NativeExternalId, NativeSync};
use crate::zenskar::{Progress, Zenskar};

/// Stripe's and Zenskar's names of the fields that are copied.
const FIELDS: [(&str, &str); 3] = [
    ("name", "customer_name"),
    ("email", "email"),
    ("phone", "phone_number"),
];

/// Stripe's and Zenskar's names of the parts of an address.
const ADDRESS: [(&str, &str); 6] = [
    ("line1", "line1"),
    ("line2", "line2"),
    ("city", "city"),
    ("state", "state"),
    ("postal_code", "zipCode"),
    ("country", "country"),
];

#[derive(Debug)]
enum Job {
    /// Copy a Stripe customer to Zenskar.
    Import(String),
    /// Copy a Zenskar customer to Stripe.
    Export(String),
    /// Make a Stripe customer for a Zenskar one.
    Create(String),
    /// Charge what a Zenskar payment asks for.
    Charge(String),
}

/// Copies that are due now or later.
#[derive(Debug, Default)]
pub(crate) struct Native {
    jobs: BTreeMap<(i64, u64), Job>,
    /// Zenskar payments with the `PaymentIntent` that decides them.
    running: BTreeMap<String, String>,
    last: u64,
}

impl Native {
    /// Takes note of new changes and carries out what is due.
    pub(crate) fn run(&mut self, base: &mut Base, stripe: &mut Stripe, zenskar: &mut Zenskar) {
        let switches = &base.switches.zenskar;
        let due = base.now_ms + switches.native_sync_delay.saturating_mul(1000);
        let (sync, creates) = (switches.native_sync, switches.create_makes_stripe_customer);
        for id in std::mem::take(&mut stripe.changed) {
            if matches!(sync, NativeSync::Import | NativeSync::Both) {
                self.push(due, Job::Import(id));
            }
        }
        for id in std::mem::take(&mut zenskar.changed) {
            if matches!(sync, NativeSync::Export | NativeSync::Both) {
                self.push(due, Job::Export(id));
            }
        }
        for id in std::mem::take(&mut zenskar.unmapped) {
            if creates {
                self.push(due, Job::Create(id));
            }
        }
        if base.switches.zenskar.native_auto_charge {
            zenskar.charge_due(base);
        }
        let wait = base.switches.zenskar.native_charge_delay;
        let charge_due = base.now_ms + wait.saturating_mul(1000);
        for id in std::mem::take(&mut zenskar.charges) {
            self.push(charge_due, Job::Charge(id));
        }
        while let Some(entry) = self.jobs.first_entry().filter(|e| e.key().0 <= base.now_ms) {
            match entry.remove() {
                Job::Import(id) => import(base, stripe, zenskar, &id),
                Job::Export(id) => export(base, stripe, zenskar, &id),
                Job::Create(id) => create(base, stripe, zenskar, &id),
                Job::Charge(id) => self.charge(base, stripe, zenskar, &id),
            }
            stripe.changed.clear();
            zenskar.changed.clear();
        }
        let running = std::mem::take(&mut self.running);
        for (payment, intent) in running {
            let progress = progress(base, stripe, &intent);
            if is_open(&progress) {
                self.running.insert(payment, intent);
            } else {
                zenskar.progress(base, &payment, progress);
            }
        }
    }

    fn charge(&mut self, base: &mut Base, stripe: &mut Stripe, zenskar: &mut Zenskar, id: &str) {
        let Some(order) = zenskar.order(id) else {
            return;
        };
        let customer = zenskar.stripe_id(&order.customer);
        let intent = customer.and_then(|customer| {
            stripe.platform_charges(base, &customer, order.amount, &order.currency)
        });
        let Some(intent) = intent else {
            let failed = Progress {
                status: "failed",
                external_id: None,
                method: None,
            };
            zenskar.progress(base, id, failed);
            return;
        };
        let progress = progress(base, stripe, &intent);
        if is_open(&progress) {
            self.running.insert(id.to_owned(), intent);
        }
        zenskar.progress(base, id, progress);
    }

    fn push(&mut self, due: i64, job: Job) {
        self.last += 1;
        self.jobs.insert((due, self.last), job);
    }
}

fn import(base: &Base, stripe: &Stripe, zenskar: &mut Zenskar, id: &str) {
    let customer = stripe.customer(base, id);
    let mut patch = Map::new();
    for (theirs, ours) in FIELDS {
        if let Some(value) = customer.get(theirs).filter(|value| !value.is_null()) {
            patch.insert(ours.to_owned(), value.clone());
        }
    }
    if let Some(address) = customer.get("address").and_then(Value::as_object) {
        patch.insert("address".to_owned(), translated(address, ADDRESS));
    }
    for mapped in zenskar.mapped_to(id) {
        // What Zenskar itself would refuse is not copied.
        let copied = zenskar.person_updates(base, &mapped, &Value::Object(patch.clone()));
        copied.unwrap_or_default();
    }
}

fn export(base: &mut Base, stripe: &mut Stripe, zenskar: &Zenskar, id: &str) {
    if let Some(stripe_id) = zenskar.stripe_id(id) {
        let patch = exported(&zenskar.customer(base, id));
        stripe.person_updates(base, &stripe_id, &patch);
    }
}

fn create(base: &mut Base, stripe: &mut Stripe, zenskar: &mut Zenskar, id: &str) {
    if zenskar.stripe_id(id).is_some() {
        return;
    }
    let fields = exported(&zenskar.customer(base, id));
    let stripe_id = stripe.person_creates(base, &fields);
    zenskar.map_customer(base, id, &stripe_id);
}

/// Whether a charge has not ended.
fn is_open(progress: &Progress) -> bool {
    matches!(progress.status, "in_progress" | "requires_action")
}

/// What a `PaymentIntent` makes of the payment that it is for.
fn progress(base: &Base, stripe: &Stripe, intent: &str) -> Progress {
    let object = stripe.intent(intent);
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let charge = text("latest_charge");
    let status = match text("status").unwrap_or_default() {
        "succeeded" => "success",
        "processing" => "in_progress",
        "requires_action" => "requires_action",
        "canceled" => "canceled",
        _ => "failed",
    };
    let external = match base.switches.zenskar.native_external_id {
        NativeExternalId::PaymentIntent => Some(intent),
        NativeExternalId::Charge => charge,
    };
    let is_debit = charge.is_some_and(|id| id.starts_with("py_"));
    Progress {
        status,
        external_id: external.map(str::to_owned),
        method: Some(if is_debit { "direct_debit" } else { "card" }),
    }
}

fn exported(customer: &Value) -> Value {
    let mut patch = Map::new();
    for (theirs, ours) in FIELDS {
        let value = customer.get(ours).cloned().unwrap_or(Value::Null);
        patch.insert(theirs.to_owned(), value);
    }
    if let Some(address) = customer.get("address").and_then(Value::as_object) {
        let swapped = ADDRESS.map(|(theirs, ours)| (ours, theirs));
        patch.insert("address".to_owned(), translated(address, swapped));
    }
    Value::Object(patch)
}

fn translated(address: &Map<String, Value>, names: [(&str, &str); 6]) -> Value {
    let pairs = names.iter().map(|(from, to)| {
        let value = address.get(*from).cloned().unwrap_or(Value::Null);
        ((*to).to_owned(), value)
    });
    json!(Map::from_iter(pairs))
}

/// Which remote a customer id belongs to, by its form.
pub(crate) fn remote_of(id: &str) -> Remote {
    if Zenskar::is_id(id) {
        Remote::Zenskar
    } else {
        Remote::Stripe
    }
}
