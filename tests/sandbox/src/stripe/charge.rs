//! Charges: one for each attempt of a `PaymentIntent` that reached a bank.
//!
//! They are `ch_…` for cards and `py_…` for bank debits. Not here: when they are made (see
//! `intents`); refunds and disputes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::page::{self, Key};
use super::params::{Checked, EXPAND, Kind, Param, param, text};
use super::payment_methods::{PaymentMethod, billing_details};
use super::test_methods::{Decline, MethodType};

/// The parameters of `GET /v1/charges`.
pub(crate) const LIST: &[Param] = &[
    param("created", Kind::Range),
    param("customer", Kind::Text(5000)),
    param("ending_before", Kind::Text(5000)),
    EXPAND,
    param("limit", Kind::Int),
    param("payment_intent", Kind::Text(5000)),
    param("starting_after", Kind::Text(5000)),
    param("transfer_group", Kind::Text(5000)),
];

/// Where a charge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChargeStatus {
    Pending,
    Succeeded,
    Failed,
}

impl ChargeStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// A charge.
#[derive(Debug, Clone)]
pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) key: Key,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) status: ChargeStatus,
    pub(crate) captured: bool,
    pub(crate) intent: String,
    pub(crate) customer: Option<String>,
    pub(crate) method: PaymentMethod,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) description: Option<String>,
    pub(crate) failure: Option<Decline>,
    pub(crate) livemode: bool,
}

impl Charge {
    fn outcome(&self) -> Value {
        let (network, kind, message) = match self.status {
            ChargeStatus::Failed => (
                "declined_by_network",
                "issuer_declined",
                "The bank refused.",
            ),
            _ => ("approved_by_network", "authorized", "Payment complete."),
        };
        let failure = self.failure.as_ref();
        let reason = failure.and_then(|failure| failure.decline_code.or(Some(failure.code)));
        json!({
            "advice_code": failure.and_then(|failure| failure.advice_code),
            "network_advice_code": null,
            "network_decline_code": null,
            "network_status": network,
            "reason": reason,
            "seller_message": message,
            "type": kind,
        })
    }

    /// The object.
    pub(crate) fn render(&self) -> Value {
        let paid = self.status == ChargeStatus::Succeeded;
        let captured = if paid && self.captured {
            self.amount
        } else {
            0
        };
        json!({
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": captured,
            "amount_refunded": 0,
            "application": null,
            "application_fee": null,
            "application_fee_amount": null,
            "balance_transaction": null,
            "billing_details": billing_details(),
            "calculated_statement_descriptor": "SANDBOX",
            "captured": paid && self.captured,
            "created": self.key.0,
            "currency": self.currency,
            "customer": self.customer,
            "description": self.description,
            "disputed": false,
            "failure_balance_transaction": null,
            "failure_code": self.failure.map(|failure| failure.code),
            "failure_message": self.failure.map(|failure| failure.message),
            "fraud_details": {},
            "livemode": self.livemode,
            "metadata": self.metadata,
            "on_behalf_of": null,
            "outcome": self.outcome(),
            "paid": paid,
            "payment_intent": self.intent,
            "payment_method": self.method.id,
            "payment_method_details": self.method.charged_details(),
            "receipt_email": null,
            "receipt_number": null,
            "receipt_url": null,
            "refunded": false,
            "review": null,
            "shipping": null,
            "source_transfer": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": self.status.name(),
            "transfer_data": null,
            "transfer_group": null,
        })
    }
}

/// How the id of a charge on this kind of method begins.
pub(crate) fn prefix(kind: MethodType) -> &'static str {
    match kind {
        MethodType::Card => "ch_3",
        MethodType::UsBankAccount | MethodType::SepaDebit => "py_3",
    }
}

/// The charges of the account.
#[derive(Debug, Default)]
pub(crate) struct Charges {
    by_key: BTreeMap<Key, Charge>,
    keys: BTreeMap<String, Key>,
    last: u64,
}

impl Charges {
    pub(crate) fn get(&self, id: &str) -> Option<&Charge> {
        self.by_key.get(self.keys.get(id)?)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Charge> {
        self.by_key.get_mut(self.keys.get(id)?)
    }

    /// Puts in a new one; its position is given here.
    pub(crate) fn add(&mut self, mut charge: Charge) {
        self.last += 1;
        charge.key.1 = self.last;
        self.keys.insert(charge.id.clone(), charge.key);
        self.by_key.insert(charge.key, charge);
    }

    /// Every charge, oldest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Charge> {
        self.by_key.values()
    }

    /// `GET /v1/charges/{id}`.
    pub(crate) fn show(&self, id: &str) -> Result<Value, Failure> {
        self.get(id)
            .map(Charge::render)
            .ok_or_else(|| Failure::missing("charge", id, "id"))
    }

    /// `GET /v1/charges`.
    pub(crate) fn list(&self, form: &Checked, longest: usize) -> Result<Value, Failure> {
        let (customer, intent) = (text(form, "customer"), text(form, "payment_intent"));
        let mut window = page::window(form, |id, name| {
            let key = self.keys.get(id).copied();
            key.ok_or_else(|| Failure::missing_ref("charge", id, name))
        })?;
        window.limit = window.limit.min(longest);
        let page = page::page(&self.by_key, &window, |charge| {
            customer.is_none_or(|id| charge.customer.as_deref() == Some(id))
                && intent.is_none_or(|id| charge.intent == id)
                && !form.contains_key("transfer_group")
        });
        let shown = page.keys.iter().filter_map(|key| self.by_key.get(key));
        let data: Vec<Value> = shown.map(Charge::render).collect();
        Ok(page::list("/v1/charges", &data, page.has_more))
    }
}
