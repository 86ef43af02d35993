//! Payment methods: cards and bank accounts, attached to customers or not.
//!
//! Each is made from one of Stripe's test ids and does what that says. Legacy cards
//! (`card_…`) are payment methods too. Not here: what a charge on one does (see `intents`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::page::{self, Key};
use super::params::{Checked, EXPAND, Kind, Param, param, required, text};
use super::test_methods::{self, MethodType, TestMethod};

/// The parameters of `POST /v1/payment_methods/{id}/attach`.
pub(crate) const ATTACH: &[Param] = &[required("customer", Kind::Text(5000)), EXPAND];

const TYPES: Kind = Kind::Text(5000);

/// The parameters of `GET /v1/customers/{id}/payment_methods`.
pub(crate) const OF_CUSTOMER: &[Param] = &[
    param(
        "allow_redisplay",
        Kind::Choice(&["always", "limited", "unspecified"]),
    ),
    param("ending_before", Kind::Text(5000)),
    EXPAND,
    param("limit", Kind::Int),
    param("starting_after", Kind::Text(5000)),
    param("type", TYPES),
];

/// The parameters of `GET /v1/payment_methods`.
pub(crate) const LIST: &[Param] = &[
    param(
        "allow_redisplay",
        Kind::Choice(&["always", "limited", "unspecified"]),
    ),
    param("customer", Kind::Text(5000)),
    param("ending_before", Kind::Text(5000)),
    EXPAND,
    param("limit", Kind::Int),
    param("starting_after", Kind::Text(5000)),
    param("type", TYPES),
];

/// A payment method.
#[derive(Debug, Clone)]
pub(crate) struct PaymentMethod {
    pub(crate) id: String,
    pub(crate) key: Key,
    customer: Option<String>,
    /// It was detached, or used without a customer: it cannot be used again.
    pub(crate) spent: bool,
    pub(crate) test: &'static TestMethod,
    livemode: bool,
    fingerprint: String,
}

impl PaymentMethod {
    /// The customer it belongs to.
    pub(crate) fn customer(&self) -> Option<&str> {
        self.customer.as_deref()
    }

    /// Whether it is one of the old kind, made from a token.
    pub(crate) fn is_source(&self) -> bool {
        self.id.starts_with("card_")
    }

    fn details(&self) -> Value {
        let test = self.test;
        match test.kind {
            MethodType::Card => json!({
                "brand": test.brand,
                "checks": {
                    "address_line1_check": null, "address_postal_code_check": null,
                    "cvc_check": "pass",
                },
                "country": "US",
                "display_brand": test.brand,
                "exp_month": 12,
                "exp_year": 2034,
                "fingerprint": self.fingerprint,
                "funding": "credit",
                "generated_from": null,
                "last4": test.last4,
                "networks": { "available": [test.brand], "preferred": null },
                "regulated_status": "unregulated",
                "three_d_secure_usage": { "supported": true },
                "wallet": null,
            }),
            MethodType::UsBankAccount => json!({
                "account_holder_type": "company",
                "account_type": "checking",
                "bank_name": "STRIPE TEST BANK",
                "financial_connections_account": null,
                "fingerprint": self.fingerprint,
                "last4": test.last4,
                "networks": { "preferred": "ach", "supported": ["ach"] },
                "routing_number": "110000000",
                "status_details": {},
            }),
            MethodType::SepaDebit => json!({
                "bank_code": "37040044",
                "branch_code": "",
                "country": test.brand,
                "fingerprint": self.fingerprint,
                "generated_from": { "charge": null, "setup_attempt": null },
                "last4": test.last4,
            }),
        }
    }

    /// The details as a charge shows them.
    pub(crate) fn charged_details(&self) -> Value {
        let mut details = self.details();
        if let Some(map) = details.as_object_mut() {
            for name in [
                "display_brand",
                "financial_connections_account",
                "generated_from",
                "networks",
                "status_details",
            ] {
                map.remove(name);
            }
            if self.test.kind == MethodType::Card {
                map.insert("network".to_owned(), json!(self.test.brand));
                map.insert("installments".to_owned(), Value::Null);
                map.insert("three_d_secure".to_owned(), Value::Null);
                map.remove("three_d_secure_usage");
            }
        }
        json!({ (self.test.kind.name()): details, "type": self.test.kind.name() })
    }

    /// The object.
    pub(crate) fn render(&self) -> Value {
        json!({
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": billing_details(),
            "created": self.key.0,
            "customer": self.customer,
            "customer_account": null,
            "livemode": self.livemode,
            "metadata": {},
            "type": self.test.kind.name(),
            (self.test.kind.name()): self.details(),
        })
    }

    /// The object as a customer's source.
    pub(crate) fn render_source(&self) -> Value {
        let brand = match self.test.brand {
            "visa" => "Visa",
            "mastercard" => "MasterCard",
            _ => "American Express",
        };
        json!({
            "id": self.id,
            "object": "card",
            "address_city": null,
            "address_country": null,
            "address_line1": null,
            "address_line1_check": null,
            "address_line2": null,
            "address_state": null,
            "address_zip": null,
            "address_zip_check": null,
            "brand": brand,
            "country": "US",
            "customer": self.customer,
            "cvc_check": "pass",
            "dynamic_last4": null,
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": self.fingerprint,
            "funding": "credit",
            "last4": self.test.last4,
            "metadata": {},
            "name": null,
            "regulated_status": "unregulated",
            "tokenization_method": null,
            "wallet": null,
        })
    }
}

/// Billing details of which nothing is known.
pub(crate) fn billing_details() -> Value {
    json!({
        "address": {
            "city": null, "country": null, "line1": null, "line2": null, "postal_code": null,
            "state": null,
        },
        "email": null, "name": null, "phone": null, "tax_id": null,
    })
}

/// What a new payment method is born with.
#[derive(Debug)]
pub(crate) struct Birth {
    pub(crate) id: String,
    pub(crate) fingerprint: String,
    pub(crate) now: i64,
    pub(crate) livemode: bool,
}

/// The payment methods of the account.
#[derive(Debug, Default)]
pub(crate) struct Methods {
    by_key: BTreeMap<Key, PaymentMethod>,
    keys: BTreeMap<String, Key>,
    by_owner: BTreeMap<String, BTreeSet<Key>>,
    last: u64,
}

impl Methods {
    pub(crate) fn get(&self, id: &str) -> Option<&PaymentMethod> {
        self.by_key.get(self.keys.get(id)?)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut PaymentMethod> {
        self.by_key.get_mut(self.keys.get(id)?)
    }

    /// Makes one from a test method.
    pub(crate) fn make(&mut self, birth: Birth, test: &'static TestMethod, customer: Option<&str>) {
        self.last += 1;
        let key = (birth.now, self.last);
        self.keys.insert(birth.id.clone(), key);
        let id = birth.id.clone();
        let method = PaymentMethod {
            id: birth.id,
            key,
            customer: None,
            spent: false,
            test,
            livemode: birth.livemode,
            fingerprint: birth.fingerprint,
        };
        self.by_key.insert(key, method);
        self.own(&id, customer);
    }

    /// Makes a method a customer's, or nobody's; whose it was.
    pub(crate) fn own(&mut self, id: &str, customer: Option<&str>) -> Option<String> {
        let key = *self.keys.get(id)?;
        let method = self.by_key.get_mut(&key)?;
        let old = std::mem::replace(&mut method.customer, customer.map(str::to_owned));
        if let Some(keys) = old.as_ref().and_then(|old| self.by_owner.get_mut(old)) {
            keys.remove(&key);
        }
        if let Some(customer) = customer {
            let keys = self.by_owner.entry(customer.to_owned()).or_default();
            keys.insert(key);
        }
        old
    }

    /// The methods of a customer, newest first.
    pub(crate) fn of(&self, customer: &str) -> impl Iterator<Item = &PaymentMethod> {
        let keys = self.by_owner.get(customer).into_iter().flatten();
        keys.rev().filter_map(|key| self.by_key.get(key))
    }

    /// `GET /v1/payment_methods/{id}`.
    pub(crate) fn show(&self, id: &str) -> Result<Value, Failure> {
        self.get(id)
            .map(PaymentMethod::render)
            .ok_or_else(|| missing(id))
    }

    /// The list, of one customer or all.
    pub(crate) fn list(
        &self,
        customer: Option<&str>,
        form: &Checked,
        (url, longest): (&str, usize),
    ) -> Result<Value, Failure> {
        let kind = text(form, "type");
        let mut window = page::window(form, |id, name| {
            let key = self.keys.get(id).copied();
            key.ok_or_else(|| Failure::missing_ref("PaymentMethod", id, name))
        })?;
        window.limit = window.limit.min(longest);
        let wanted = |method: &PaymentMethod| {
            method.customer.is_some() && kind.is_none_or(|kind| method.test.kind.name() == kind)
        };
        let page = match customer {
            Some(id) => {
                let of = self.of(id).map(|method| (method.key, method)).collect();
                page::page(&of, &window, |method| wanted(method))
            }
            None => page::page(&self.by_key, &window, wanted),
        };
        let shown = page.keys.iter().filter_map(|key| self.by_key.get(key));
        let data: Vec<Value> = shown.map(PaymentMethod::render).collect();
        Ok(page::list(url, &data, page.has_more))
    }

    /// The test method that a parameter names, or the method that exists under that id.
    pub(crate) fn named(&self, id: &str, param: &str) -> Result<Named<'_>, Failure> {
        if let Some(method) = self.get(id) {
            return Ok(Named::Known(method));
        }
        test_methods::find(id)
            .map(Named::Test)
            .ok_or_else(|| Failure::missing_ref("PaymentMethod", id, param))
    }

    /// Checks that a customer can get this method; whether it is a test id.
    pub(crate) fn attachable(&self, id: &str, customer: &str) -> Result<(), Failure> {
        let method = match self.named(id, "payment_method")? {
            Named::Test(_) => return Ok(()),
            Named::Known(method) => method,
        };
        if method.spent {
            return Err(spent());
        }
        match method.customer.as_deref() {
            Some(owner) if owner != customer => Err(Failure::request(
                "The payment method has already been attached to a customer.",
            )),
            _ => Ok(()),
        }
    }

    /// Checks the defaults that an update of a customer names, and that they are the customer's.
    pub(crate) fn check_defaults(&self, form: &Checked, customer: &str) -> Result<(), Failure> {
        let is_theirs = |id: &str, is_source: bool| {
            self.get(id).is_some_and(|method| {
                method.customer.as_deref() == Some(customer) && (!is_source || method.is_source())
            })
        };
        if let Some(id) = text(form, "default_source").filter(|id| !is_theirs(id, true)) {
            return Err(Failure::missing_ref("source", id, "default_source"));
        }
        let settings = form.get("invoice_settings").and_then(Value::as_object);
        let default = settings.and_then(|settings| text(settings, "default_payment_method"));
        if let Some(id) = default.filter(|id| !is_theirs(id, false)) {
            let place = "invoice_settings[default_payment_method]";
            return Err(not_theirs(id, place));
        }
        Ok(())
    }
}

/// What an id of a payment method in a parameter stands for.
#[derive(Debug)]
pub(crate) enum Named<'a> {
    /// A method that exists.
    Known(&'a PaymentMethod),
    /// A test method, of which a new one is to be made.
    Test(&'static TestMethod),
}

pub(crate) fn missing(id: &str) -> Failure {
    Failure::missing("PaymentMethod", id, "payment_method")
}

/// 400: the method is not attached to that customer.
pub(crate) fn not_theirs(id: &str, param: &str) -> Failure {
    let message = format!(
        "The customer does not have a payment method with the ID {id}. The payment method must be \
         attached to the customer."
    );
    Failure::coded("resource_missing", param, message)
}

/// 400: the method was detached, or used without a customer.
pub(crate) fn spent() -> Failure {
    Failure::request(
        "This PaymentMethod was previously used without being attached to a Customer or was \
         detached from a Customer, and may not be used again.",
    )
}

/// Sets the default source or payment method of a customer's members; `null` clears.
pub(crate) fn set_default(map: &mut Map<String, Value>, id: Option<&str>) {
    if let Some(settings) = map
        .get_mut("invoice_settings")
        .and_then(Value::as_object_mut)
    {
        settings.insert("default_payment_method".to_owned(), json!(id));
    }
}
