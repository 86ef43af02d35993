//! Charges that Zenskar's own connector makes at Stripe when asked to.
//!
//! The answer says nothing; a payment in `pending_charge` appears, reaches Stripe after a while and
//! ends as that says. Asked twice, it charges twice. Not here: Stripe's part (see `native`).

use serde_json::{Map, Value, json};

use super::Zenskar;
use super::payment::Payment;
use super::payments::no_invoice;
use super::refusal::Refusal;
use crate::base::Base;

/// What a charge of Zenskar's own is about.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) customer: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
}

/// How such a charge ended, or stands.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    /// The payment's status.
    pub(crate) status: &'static str,
    pub(crate) external_id: Option<String>,
    pub(crate) method: Option<&'static str>,
}

impl Zenskar {
    /// `POST /payments/invoice/{id}/charge`.
    pub(super) fn charge(
        &mut self,
        base: &mut Base,
        id: &str,
        object: &Map<String, Value>,
    ) -> Result<Value, Refusal> {
        let invoice = self.invoices.get(id).ok_or_else(no_invoice)?;
        if !invoice.status.is_open() || invoice.due() == 0 {
            return Err(Refusal::detail(400, "Nothing is due on this invoice"));
        }
        let skips = object.get("skip_invoice_due_date_check") == Some(&json!(true));
        let is_due = invoice.due_date.is_some_and(|at| at <= base.now_ms * 1000);
        if !skips && !is_due {
            return Err(Refusal::detail(400, "Invoice is not yet due"));
        }
        let (amount, currency) = (invoice.due(), invoice.currency.clone());
        let customer_id = Some(invoice.customer_id.clone());
        let now_us = base.now_ms * 1000;
        let payment = Payment {
            id: base.random.uuid(),
            key: self.payments.next_key(now_us),
            amount,
            currency,
            status: "pending_charge".to_owned(),
            kind: "payment".to_owned(),
            method: None,
            method_details: json!({}),
            customer_id,
            native: true,
            external_id: None,
            parent_id: None,
            description: None,
            parts: vec![(id.to_owned(), amount)],
        };
        let made = self.put_payment(base, payment, "payment.created");
        self.edit_invoice(base, id, |invoice| invoice.charged_at = Some(now_us));
        self.charges.push(made);
        Ok(json!({}))
    }

    /// Charges every invoice that has fallen due and was not charged before.
    pub(crate) fn charge_due(&mut self, base: &mut Base) {
        let now_us = base.now_ms * 1000;
        let all = self.invoices.all();
        let due = all.filter(|invoice| {
            let customer = self.store.get(&invoice.customer_id);
            let fields = customer.map(super::Customer::to_fields);
            let flag = fields.and_then(|fields| fields.get("auto_charge_enabled").cloned());
            invoice.due_date.is_some_and(|at| at <= now_us)
                && invoice.charged_at.is_none()
                && invoice.due() > 0
                && flag == Some(json!(true))
        });
        let ids: Vec<String> = due.map(|invoice| invoice.id.clone()).collect();
        for id in ids {
            // What cannot be paid is not charged.
            drop(self.charge(base, &id, &Map::new()));
        }
    }

    /// What a payment in `pending_charge` asks of Stripe.
    pub(crate) fn order(&self, payment: &str) -> Option<Order> {
        let payment = self.payments.get(payment)?;
        Some(Order {
            customer: payment.customer_id.clone()?,
            amount: payment.amount,
            currency: payment.currency.to_lowercase(),
        })
    }

    /// Notes where a charge stands. What its invoice does not need stays unallocated.
    pub(crate) fn progress(&mut self, base: &Base, id: &str, progress: Progress) {
        let Some(mut payment) = self.payments.get(id).cloned() else {
            return;
        };
        progress.status.clone_into(&mut payment.status);
        payment.external_id = progress.external_id.or(payment.external_id);
        payment.method = progress.method.map(str::to_owned).or(payment.method);
        if payment.counts() {
            for (invoice, part) in &mut payment.parts {
                let due = self.invoices.get(invoice);
                *part = (*part).min(due.map_or(0, super::invoice::Invoice::due));
            }
            payment.parts.retain(|(_, part)| *part > 0);
        }
        self.put_payment(base, payment, "payment.updated");
    }
}
