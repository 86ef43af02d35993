//! Zenskar's payment object.
//!
//! Not here: the routes, and what a payment does to its invoices (see `payments`).

use serde_json::{Value, json};

use super::amount;
use super::customer::Key;
use super::invoices::Invoices;
use super::time;
use crate::switches::ZenskarSwitches;

/// The id of the Stripe connector.
pub(crate) const CONNECTOR: &str = "5c0e5c0e-0000-4000-8000-000000000001";

/// Where a payment can stand.
pub(crate) const STATUSES: [&str; 12] = [
    "in_progress",
    "requires_action",
    "pending_charge",
    "authorized",
    "created",
    "success",
    "voided",
    "failed",
    "canceled",
    "refunded",
    "partially_refunded",
    "other",
];

/// What a payment can be.
pub(crate) const TYPES: [&str; 5] = [
    "payment",
    "refund",
    "payment_reversal",
    "authorization",
    "tax_withheld",
];

/// How a payment can have been made.
pub(crate) const METHODS: [&str; 13] = [
    "card",
    "cash",
    "check",
    "charge_back",
    "bank_transfer",
    "direct_debit",
    "amazon_payments",
    "paypal_express_checkout",
    "upi",
    "netbanking_emandates",
    "other",
    "credits",
    "ach_credit_transfer",
];

/// A payment.
#[derive(Debug, Clone)]
pub(crate) struct Payment {
    pub(crate) id: String,
    pub(crate) key: Key,
    /// Minor units.
    pub(crate) amount: i64,
    /// Upper case.
    pub(crate) currency: String,
    pub(crate) status: String,
    pub(crate) kind: String,
    pub(crate) method: Option<String>,
    pub(crate) method_details: Value,
    pub(crate) customer_id: Option<String>,
    /// Made by Zenskar's own Stripe connector.
    pub(crate) native: bool,
    pub(crate) external_id: Option<String>,
    pub(crate) parent_id: Option<String>,
    pub(crate) description: Option<String>,
    /// What of it goes to which invoice.
    pub(crate) parts: Vec<(String, i64)>,
}

/// Who a payment is from.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Payer<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) email: Option<&'a str>,
    pub(crate) external_id: Option<&'a str>,
}

impl Payment {
    /// Whether it lowers what is due.
    pub(crate) fn counts(&self) -> bool {
        self.status == "success" && matches!(self.kind.as_str(), "payment" | "tax_withheld")
    }

    /// The object.
    pub(crate) fn render(
        &self,
        switches: &ZenskarSwitches,
        organisation: &str,
        payer: Payer<'_>,
        invoices: &Invoices,
    ) -> Value {
        let money = |minor: i64| amount::minor(minor, switches.payment_amounts);
        let when = |at: i64| time::write(at, switches.timestamps, false);
        let connector = self.native.then_some(CONNECTOR);
        let parts = self.parts.iter().map(|(id, part)| {
            let invoice = invoices.get(id);
            json!({
                "invoice_id": id,
                "payment_id": self.id,
                "amount": money(*part),
                "amount_refunded": money(0),
                "currency_code": self.currency,
                "invoice_number": invoice.map(|invoice| &invoice.number),
                "status": invoice.map(|invoice| invoice.status.name()),
                "invoice_total": invoice.map(|invoice| money(invoice.total)),
                "created_at": when(self.key.0),
            })
        });
        json!({
            "id": self.id,
            "amount": money(self.amount),
            "amount_refunded": money(0),
            "currency_code": self.currency,
            "status": self.status,
            "customer_id": self.customer_id,
            "customer_name": payer.name,
            "customer_email": payer.email,
            "customer_external_id": payer.external_id,
            "connector_id": connector,
            "connector_name": self.native.then_some("stripe"),
            "organisation_id": organisation,
            "external_id": self.external_id,
            "payment_method": self.method,
            "payment_method_details": self.method_details,
            "type": self.kind,
            "parent_id": self.parent_id,
            "description": self.description,
            "autocharge": self.native,
            "invoices": parts.collect::<Vec<_>>(),
            "timestamp": when(self.key.0),
            "created_at": when(self.key.0),
            "transactions": [{
                "id": self.id,
                "amount": money(self.amount),
                "currency_code": self.currency,
                "payment": self.id,
                "status": self.status,
                "customer_id": self.customer_id,
                "connector_id": connector,
                "organisation_id": organisation,
                "external_id": self.external_id,
                "payment_method": self.method,
                "payment_method_details": self.method_details,
                "reference_number": null,
            }],
        })
    }
}
