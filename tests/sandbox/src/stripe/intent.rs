//! The `PaymentIntent` object, where each stands, and their list.
//!
//! Not here: what moves one from a status to another (see `intents`).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::page::{self, Key};
use super::params::{Checked, EXPAND, Kind, Param, param, text};
use super::test_methods::MethodType;

/// The parameters of `GET /v1/payment_intents`.
pub(crate) const LIST: &[Param] = &[
    param("created", Kind::Range),
    param("customer", Kind::Text(5000)),
    param("ending_before", Kind::Text(5000)),
    EXPAND,
    param("limit", Kind::Int),
    param("starting_after", Kind::Text(5000)),
];

/// Where a `PaymentIntent` stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Canceled,
    Succeeded,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::RequiresCapture => "requires_capture",
            Self::Canceled => "canceled",
            Self::Succeeded => "succeeded",
        }
    }

    /// Whether it can be canceled.
    pub(crate) fn can_cancel(self) -> bool {
        !matches!(self, Self::Processing | Self::Canceled | Self::Succeeded)
    }

    /// Whether it can be confirmed.
    pub(crate) fn can_confirm(self) -> bool {
        matches!(
            self,
            Self::RequiresPaymentMethod | Self::RequiresConfirmation | Self::RequiresAction
        )
    }
}

/// Which kinds of payment method a `PaymentIntent` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Types {
    /// Those that the account has for the currency; whether redirects are left out.
    Automatic {
        /// `automatic_payment_methods[allow_redirects]=never`.
        no_redirects: bool,
    },
    /// Those that were named.
    Named(Vec<String>),
}

/// The kinds of payment method that the account takes in a currency.
pub(crate) fn types_for(currency: &str) -> Vec<String> {
    [
        MethodType::Card,
        MethodType::UsBankAccount,
        MethodType::SepaDebit,
    ]
    .into_iter()
    .filter(|kind| kind.currency().is_none_or(|only| only == currency))
    .map(|kind| kind.name().to_owned())
    .collect()
}

/// A `PaymentIntent`.
#[derive(Debug, Clone)]
pub(crate) struct Intent {
    pub(crate) id: String,
    pub(crate) key: Key,
    pub(crate) secret: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) status: Status,
    pub(crate) customer: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) types: Types,
    pub(crate) manual_capture: bool,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) description: Option<String>,
    /// Members that are shown as they were sent.
    pub(crate) more: Map<String, Value>,
    pub(crate) amount_received: i64,
    pub(crate) latest_charge: Option<String>,
    pub(crate) last_error: Option<Value>,
    pub(crate) next_action: Option<Value>,
    pub(crate) canceled_at: Option<i64>,
    pub(crate) cancellation_reason: Option<String>,
    /// The Checkout session that owns it.
    pub(crate) session: Option<String>,
    /// What is shown instead of the status.
    pub(crate) disguise: Option<String>,
    pub(crate) livemode: bool,
}

impl Intent {
    /// The kinds of payment method it takes.
    pub(crate) fn type_names(&self) -> Vec<String> {
        match &self.types {
            Types::Automatic { .. } => types_for(&self.currency),
            Types::Named(names) => names.clone(),
        }
    }

    /// The object.
    pub(crate) fn render(&self) -> Value {
        let is_held = self.status == Status::RequiresCapture;
        let automatic = match self.types {
            Types::Automatic { no_redirects } => json!({
                "allow_redirects": if no_redirects { "never" } else { "always" },
                "enabled": true,
            }),
            Types::Named(_) => Value::Null,
        };
        let capture = if self.manual_capture {
            "manual"
        } else {
            "automatic_async"
        };
        let more = |name: &str| self.more.get(name).cloned().unwrap_or(Value::Null);
        json!({
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": if is_held { self.amount } else { 0 },
            "amount_details": { "tip": {} },
            "amount_received": self.amount_received,
            "application": null,
            "application_fee_amount": null,
            "automatic_payment_methods": automatic,
            "canceled_at": self.canceled_at,
            "cancellation_reason": self.cancellation_reason,
            "capture_method": capture,
            "client_secret": self.secret,
            "confirmation_method": "automatic",
            "created": self.key.0,
            "currency": self.currency,
            "customer": self.customer,
            "customer_account": null,
            "description": self.description,
            "excluded_payment_method_types": null,
            "last_payment_error": self.last_error,
            "latest_charge": self.latest_charge,
            "livemode": self.livemode,
            "metadata": self.metadata,
            "next_action": self.next_action,
            "on_behalf_of": null,
            "payment_method": self.method,
            "payment_method_configuration_details": null,
            "payment_method_options": {},
            "payment_method_types": self.type_names(),
            "processing": null,
            "receipt_email": more("receipt_email"),
            "review": null,
            "setup_future_usage": more("setup_future_usage"),
            "shipping": null,
            "statement_descriptor": more("statement_descriptor"),
            "statement_descriptor_suffix": more("statement_descriptor_suffix"),
            "status": self.disguise.as_deref().unwrap_or_else(|| self.status.name()),
            "transfer_data": null,
            "transfer_group": null,
        })
    }
}

/// The `PaymentIntents` of the account.
#[derive(Debug, Default)]
pub(crate) struct Intents {
    by_key: BTreeMap<Key, Intent>,
    keys: BTreeMap<String, Key>,
    last: u64,
}

impl Intents {
    pub(crate) fn get(&self, id: &str) -> Option<&Intent> {
        self.by_key.get(self.keys.get(id)?)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Intent> {
        self.by_key.get_mut(self.keys.get(id)?)
    }

    /// The one that a path names.
    pub(crate) fn find(&self, id: &str) -> Result<&Intent, Failure> {
        self.get(id)
            .ok_or_else(|| Failure::missing("payment_intent", id, "intent"))
    }

    /// Puts in a new one; its position is given here.
    pub(crate) fn add(&mut self, mut intent: Intent) {
        self.last += 1;
        intent.key.1 = self.last;
        self.keys.insert(intent.id.clone(), intent.key);
        self.by_key.insert(intent.key, intent);
    }

    /// The one made last.
    pub(crate) fn newest(&self) -> Option<&Intent> {
        self.by_key.values().max_by_key(|intent| intent.key.1)
    }

    /// Every one, oldest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Intent> {
        self.by_key.values()
    }

    /// `GET /v1/payment_intents`.
    pub(crate) fn list(&self, form: &Checked, longest: usize) -> Result<Value, Failure> {
        let customer = text(form, "customer");
        let mut window = page::window(form, |id, name| {
            let key = self.keys.get(id).copied();
            key.ok_or_else(|| Failure::missing_ref("payment_intent", id, name))
        })?;
        window.limit = window.limit.min(longest);
        let page = page::page(&self.by_key, &window, |intent| {
            customer.is_none_or(|id| intent.customer.as_deref() == Some(id))
        });
        let shown = page.keys.iter().filter_map(|key| self.by_key.get(key));
        let data: Vec<Value> = shown.map(Intent::render).collect();
        Ok(page::list("/v1/payment_intents", &data, page.has_more))
    }
}
