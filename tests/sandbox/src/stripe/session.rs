//! The Checkout session object, and the list of sessions.
//!
//! Not here: how one is made, paid and ended (see `checkout`), and its page (see `pay_page`).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::customer::before;
use super::failure::Failure;
use super::page::{self, Key};
use super::params::{Checked, EXPAND, Kind, Param, param, text};

/// The parameters of `GET /v1/checkout/sessions`.
pub(crate) const LIST: &[Param] = &[
    param("created", Kind::Range),
    param("customer", Kind::Text(5000)),
    param("ending_before", Kind::Text(5000)),
    EXPAND,
    param("limit", Kind::Int),
    param("payment_intent", Kind::Text(5000)),
    param("payment_link", Kind::Text(5000)),
    param("starting_after", Kind::Text(5000)),
    param("status", Kind::Choice(&["complete", "expired", "open"])),
    param("subscription", Kind::Text(5000)),
];

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionStatus {
    Open,
    Complete,
    Expired,
}

impl SessionStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Complete => "complete",
            Self::Expired => "expired",
        }
    }
}

/// A line of a session.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) price: String,
    pub(crate) product: String,
    pub(crate) name: String,
    pub(crate) unit_amount: i64,
    pub(crate) quantity: i64,
}

impl Item {
    pub(crate) fn total(&self) -> i64 {
        self.unit_amount.saturating_mul(self.quantity)
    }
}

/// A Checkout session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) key: Key,
    pub(crate) status: SessionStatus,
    pub(crate) paid: bool,
    pub(crate) currency: String,
    pub(crate) items: Vec<Item>,
    pub(crate) customer: Option<String>,
    /// What the customer's details were when it was completed.
    pub(crate) details: Value,
    pub(crate) expires_at: i64,
    pub(crate) url: String,
    pub(crate) success_url: String,
    pub(crate) cancel_url: Option<String>,
    pub(crate) types: Vec<String>,
    pub(crate) metadata: Map<String, Value>,
    /// What the `PaymentIntent` is to be made with.
    pub(crate) intent_data: Map<String, Value>,
    /// Members that are shown as they were sent.
    pub(crate) more: Map<String, Value>,
    pub(crate) intent: Option<String>,
    pub(crate) livemode: bool,
}

impl Session {
    /// What is to be paid.
    pub(crate) fn total(&self) -> i64 {
        self.items.iter().map(Item::total).sum()
    }

    pub(crate) fn payment_status(&self) -> &'static str {
        match (self.total(), self.paid) {
            (0, _) => "no_payment_required",
            (_, true) => "paid",
            (_, false) => "unpaid",
        }
    }

    /// Where a browser goes after paying.
    pub(crate) fn way_back(&self) -> String {
        self.success_url.replace("{CHECKOUT_SESSION_ID}", &self.id)
    }

    /// The lines, as a list.
    pub(crate) fn render_items(&self) -> Value {
        let data = self.items.iter().map(|item| {
            json!({
                "id": item.id,
                "object": "item",
                "adjustable_quantity": null,
                "amount_discount": 0,
                "amount_subtotal": item.total(),
                "amount_tax": 0,
                "amount_total": item.total(),
                "currency": self.currency,
                "description": item.name,
                "metadata": {},
                "price": {
                    "id": item.price,
                    "object": "price",
                    "active": false,
                    "billing_scheme": "per_unit",
                    "created": self.key.0,
                    "currency": self.currency,
                    "custom_unit_amount": null,
                    "livemode": self.livemode,
                    "lookup_key": null,
                    "metadata": {},
                    "nickname": null,
                    "product": item.product,
                    "recurring": null,
                    "tax_behavior": "unspecified",
                    "tiers_mode": null,
                    "transform_quantity": null,
                    "type": "one_time",
                    "unit_amount": item.unit_amount,
                    "unit_amount_decimal": item.unit_amount.to_string(),
                },
                "quantity": item.quantity,
            })
        });
        let data: Vec<Value> = data.collect();
        let url = format!("/v1/checkout/sessions/{}/line_items", self.id);
        page::list(&url, &data, false)
    }

    /// The object in a version.
    pub(crate) fn render(&self, version: &str) -> Value {
        let is_open = self.status == SessionStatus::Open;
        let more = |name: &str| self.more.get(name).cloned().unwrap_or(Value::Null);
        let flag = |name: &str| {
            let hash = self.more.get(name);
            let enabled = hash.and_then(|hash| hash.get("enabled"));
            enabled.and_then(Value::as_bool).unwrap_or(false)
        };
        let ui_mode = if before(version, "2026-03-25") {
            "hosted"
        } else {
            "hosted_page"
        };
        let creation = more("customer_creation");
        let creation = match (creation, &self.customer) {
            (Value::Null, None) => json!("if_required"),
            (creation, _) => creation,
        };
        let mut value = json!({
            "id": self.id,
            "adaptive_pricing": { "enabled": flag("adaptive_pricing") },
            "allow_promotion_codes": more("allow_promotion_codes"),
            "amount_subtotal": self.total(),
            "amount_total": self.total(),
            "automatic_tax": {
                "enabled": flag("automatic_tax"), "liability": null, "provider": null,
                "status": null,
            },
            "billing_address_collection": more("billing_address_collection"),
            "cancel_url": self.cancel_url,
            "client_reference_id": more("client_reference_id"),
            "created": self.key.0,
            "currency": self.currency,
            "customer": self.customer,
            "customer_creation": creation,
            "customer_details": self.details,
            "customer_email": more("customer_email"),
            "expires_at": self.expires_at,
            "livemode": self.livemode,
            "locale": more("locale"),
            "metadata": self.metadata,
            "payment_intent": self.intent,
            "payment_method_types": self.types,
            "payment_status": self.payment_status(),
            "status": self.status.name(),
            "submit_type": more("submit_type"),
            "success_url": self.success_url,
            "ui_mode": ui_mode,
            "url": is_open.then_some(&self.url),
        });
        if let (Some(map), Value::Object(fixed)) = (value.as_object_mut(), fixed()) {
            map.extend(fixed);
        }
        value
    }
}

/// Members of a session that are always the same here.
fn fixed() -> Value {
    json!({
        "object": "checkout.session",
        "after_expiration": null,
        "client_secret": null,
        "collected_information": null,
        "consent": null,
        "consent_collection": null,
        "currency_conversion": null,
        "custom_fields": [],
        "custom_text": {
            "after_submit": null, "shipping_address": null, "submit": null,
            "terms_of_service_acceptance": null,
        },
        "customer_account": null,
        "discounts": [],
        "invoice": null,
        "invoice_creation": {
            "enabled": false,
            "invoice_data": {
                "account_tax_ids": null, "custom_fields": null, "description": null,
                "footer": null, "issuer": null, "metadata": {}, "rendering_options": null,
            },
        },
        "mode": "payment",
        "origin_context": null,
        "payment_link": null,
        "payment_method_collection": "if_required",
        "payment_method_configuration_details": null,
        "payment_method_options": {},
        "permissions": null,
        "phone_number_collection": { "enabled": false },
        "recovered_from": null,
        "saved_payment_method_options": null,
        "setup_intent": null,
        "shipping_address_collection": null,
        "shipping_cost": null,
        "shipping_options": [],
        "subscription": null,
        "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 },
        "wallet_options": null,
    })
}

/// The Checkout sessions of the account.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_key: BTreeMap<Key, Session>,
    keys: BTreeMap<String, Key>,
    last: u64,
}

impl Sessions {
    pub(crate) fn get(&self, id: &str) -> Option<&Session> {
        self.by_key.get(self.keys.get(id)?)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Session> {
        self.by_key.get_mut(self.keys.get(id)?)
    }

    /// The one that a path names.
    pub(crate) fn find(&self, id: &str) -> Result<&Session, Failure> {
        self.get(id)
            .ok_or_else(|| Failure::missing("checkout.session", id, "session"))
    }

    /// Puts in a new one; its position is given here.
    pub(crate) fn add(&mut self, mut session: Session) {
        self.last += 1;
        session.key.1 = self.last;
        self.keys.insert(session.id.clone(), session.key);
        self.by_key.insert(session.key, session);
    }

    /// Every one, oldest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Session> {
        self.by_key.values()
    }

    /// `GET /v1/checkout/sessions`; `render` shows one.
    pub(crate) fn list(
        &self,
        form: &Checked,
        longest: usize,
        render: impl Fn(&Session) -> Value,
    ) -> Result<Value, Failure> {
        let wanted = |name: &str| text(form, name);
        let (customer, intent) = (wanted("customer"), wanted("payment_intent"));
        let status = wanted("status");
        let is_elsewhere = form.contains_key("payment_link") || form.contains_key("subscription");
        let mut window = page::window(form, |id, name| {
            let key = self.keys.get(id).copied();
            key.ok_or_else(|| Failure::missing_ref("checkout.session", id, name))
        })?;
        window.limit = window.limit.min(longest);
        let page = page::page(&self.by_key, &window, |session| {
            !is_elsewhere
                && customer.is_none_or(|id| session.customer.as_deref() == Some(id))
                && intent.is_none_or(|id| session.intent.as_deref() == Some(id))
                && status.is_none_or(|status| session.status.name() == status)
        });
        let shown = page.keys.iter().filter_map(|key| self.by_key.get(key));
        let data: Vec<Value> = shown.map(render).collect();
        Ok(page::list("/v1/checkout/sessions", &data, page.has_more))
    }
}
