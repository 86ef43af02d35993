//! Customers and their payment methods: attached, detached, made the default.
//!
//! Not here: the payment method itself (see `payment_methods`).

use serde_json::{Value, json};

use super::customers::{self, Change};
use super::events::{Cause, Subject};
use super::failure::Failure;
use super::params::{Checked, text};
use super::payment_methods::{self, PaymentMethod, not_theirs, set_default};
use super::{Stripe, fields, test_methods};
use crate::base::Base;

impl Stripe {
    /// The legacy default source of a customer.
    pub(crate) fn default_source(&self, customer: &str) -> Option<String> {
        let map = self.customers.get(customer)?.to_map();
        map.get("default_source")?.as_str().map(str::to_owned)
    }

    /// `POST /v1/customers`; the id.
    pub(crate) fn create_with_methods(
        &mut self,
        base: &mut Base,
        form: &Checked,
        cause: &Cause,
    ) -> Result<String, Failure> {
        customers::expansions(form, "")?;
        check_token(form)?;
        let method = text(form, "payment_method");
        let settings = form.get("invoice_settings").and_then(Value::as_object);
        let default = settings.and_then(|settings| text(settings, "default_payment_method"));
        if let Some(id) = default.filter(|id| Some(*id) != method) {
            let place = "invoice_settings[default_payment_method]";
            return Err(Failure::missing_ref("PaymentMethod", id, place));
        }
        if let Some(id) = text(form, "default_source") {
            return Err(Failure::missing_ref("source", id, "default_source"));
        }
        if let Some(id) = method {
            self.methods.attachable(id, "")?;
        }
        let named = method.or_else(|| text(form, "source"));
        let is_source = method.is_none();
        let made = named.map(|id| self.real_method(base, id, None));
        let replaced = base.switches.stripe.address_replaced;
        let edit = |map: &mut serde_json::Map<String, Value>| {
            fields::apply(map, form, replaced)?;
            match &made {
                Some(id) if is_source => {
                    map.insert("default_source".to_owned(), json!(id));
                }
                Some(id) if default.is_some() => set_default(map, Some(id)),
                _ => {}
            }
            Ok(())
        };
        let id = self.create_customer(base, base.now(), cause, edit)?;
        if let Some(made) = made {
            self.give(base, &made, &id, cause);
        }
        Ok(id)
    }

    /// `POST /v1/customers/{id}`.
    pub(crate) fn update_with_methods(
        &mut self,
        base: &mut Base,
        id: &str,
        form: &Checked,
        cause: &Cause,
    ) -> Result<(), Failure> {
        customers::expansions(form, "")?;
        check_token(form)?;
        self.methods.check_defaults(form, id)?;
        let is_there = self.customers.get(id).is_some_and(|c| !c.deleted);
        let token = text(form, "source").filter(|_| is_there);
        let made = token.map(|token| self.real_method(base, token, None));
        let replaced = base.switches.stripe.address_replaced;
        let change = self.customers.change(id, |map| {
            fields::apply(map, form, replaced)?;
            if let Some(made) = &made {
                map.insert("default_source".to_owned(), json!(made));
            }
            Ok(())
        })?;
        if let Some(made) = made {
            self.give(base, &made, id, cause);
        }
        self.tell(base, change, cause);
        Ok(())
    }

    /// Gives a method to a customer and tells of it.
    pub(crate) fn give(&mut self, base: &mut Base, method: &str, customer: &str, cause: &Cause) {
        if self.methods.own(method, Some(customer)).as_deref() == Some(customer) {
            return;
        }
        let Some(method) = self.methods.get(method) else {
            return;
        };
        let (kind, object) = if method.is_source() {
            ("customer.source.created", method.render_source())
        } else {
            ("payment_method.attached", method.render())
        };
        self.tell_object(base, kind, object, cause);
    }

    /// `POST /v1/payment_methods/{id}/attach`; the id of the method, new if a test id was given.
    pub(crate) fn attach(
        &mut self,
        base: &mut Base,
        id: &str,
        customer: &str,
        cause: &Cause,
    ) -> Result<String, Failure> {
        if self.methods.get(id).is_none() && test_methods::find(id).is_none() {
            return Err(payment_methods::missing(id));
        }
        self.known_customer(customer)?;
        self.methods.attachable(id, customer)?;
        let id = self.real_method(base, id, None);
        self.give(base, &id, customer, cause);
        Ok(id)
    }

    /// `POST /v1/payment_methods/{id}/detach`. A default that it was is cleared.
    pub(crate) fn detach(
        &mut self,
        base: &mut Base,
        id: &str,
        cause: &Cause,
    ) -> Result<(), Failure> {
        if self.methods.get(id).is_none() {
            return Err(payment_methods::missing(id));
        }
        let Some(customer) = self.methods.own(id, None) else {
            let message = "The payment method you provided is not attached to a customer so \
                           detachment is impossible.";
            return Err(Failure::request(message));
        };
        let Some(method) = self.methods.get_mut(id) else {
            return Err(payment_methods::missing(id));
        };
        method.spent = true;
        let object = method.render();
        let livemode = base.switches.stripe.livemode;
        let subject = Subject::Given {
            object,
            previous: Some(json!({ "customer": customer })),
        };
        let kind = "payment_method.detached";
        self.emit(base, kind, subject, cause.clone(), None, livemode);
        let change = self.customers.change(&customer, |map| {
            let default = map.get("invoice_settings");
            let default = default.and_then(|settings| settings.get("default_payment_method"));
            if default.is_some_and(|default| default == id) {
                set_default(map, None);
            }
            if map.get("default_source").is_some_and(|source| source == id) {
                map.insert("default_source".to_owned(), Value::Null);
            }
            Ok(())
        });
        self.tell(base, change.ok().flatten(), cause);
        Ok(())
    }

    /// `DELETE /v1/customers/{id}`: what it had cannot be used again.
    pub(crate) fn delete_with_methods(&mut self, id: &str) -> Result<Change, Failure> {
        let change = self.customers.delete(id)?;
        let ids: Vec<String> = self
            .methods
            .of(id)
            .map(|method| method.id.clone())
            .collect();
        for id in ids {
            self.methods.own(&id, None);
            if let Some(method) = self.methods.get_mut(&id) {
                method.spent = true;
            }
        }
        Ok(change)
    }

    /// `GET /v1/customers/{customer}/payment_methods/{id}`.
    pub(crate) fn method_of(&self, customer: &str, id: &str) -> Result<Value, Failure> {
        let method = self.methods.get(id);
        let theirs = method.filter(|method| method.customer() == Some(customer));
        theirs
            .map(PaymentMethod::render)
            .ok_or_else(|| payment_methods::missing(id))
    }

    /// Checks that the customer that a path names is there.
    pub(crate) fn living_customer(&self, id: &str) -> Result<(), Failure> {
        let customer = self.customers.get(id);
        match customer.filter(|customer| !customer.deleted) {
            Some(_) => Ok(()),
            None => Err(Failure::missing("customer", id, "customer")),
        }
    }

    /// The customer as the API shows it, expansions and sources filled in.
    pub(crate) fn shown_customer(
        &self,
        id: &str,
        version: &str,
        form: &Checked,
    ) -> Result<Value, Failure> {
        let mut value = self.customers.show(id, version, form)?;
        self.fill_sources(&mut value, id);
        self.fill(&mut value, &super::params::texts(form, "expand"), version);
        Ok(value)
    }

    fn fill_sources(&self, value: &mut Value, id: &str) {
        let list = value.get_mut("sources").and_then(Value::as_object_mut);
        let Some(list) = list else {
            return;
        };
        let sources = self.methods.of(id).filter(|method| method.is_source());
        let sources: Vec<Value> = sources.map(PaymentMethod::render_source).collect();
        list.insert("total_count".to_owned(), json!(sources.len()));
        list.insert("data".to_owned(), Value::Array(sources));
    }

    /// Whether a method now does what another test method does.
    pub(crate) fn change_method(&mut self, id: &str, test: &str) -> bool {
        match (self.methods.get_mut(id), test_methods::find(test)) {
            (Some(method), Some(test)) if method.test.kind == test.kind => {
                method.test = test;
                true
            }
            _ => false,
        }
    }

    /// Makes a method of a customer the default, or clears the default.
    pub(crate) fn choose_default(
        &mut self,
        base: &mut Base,
        customer: &str,
        method: Option<&str>,
        cause: &Cause,
    ) -> Result<(), Failure> {
        if let Some(id) = method {
            self.method_of(customer, id)
                .map_err(|_| not_theirs(id, "payment_method"))?;
        }
        let change = self.customers.change(customer, |map| {
            set_default(map, method);
            Ok(())
        })?;
        self.tell(base, change, cause);
        Ok(())
    }

    /// Gives a customer a default method without telling of it.
    pub(crate) fn seed_default(&mut self, base: &mut Base, customer: &str, test: &str) {
        let id = self.real_method(base, test, Some(customer));
        let changed = self.customers.change(customer, |map| {
            set_default(map, Some(&id));
            Ok(())
        });
        // A customer that is not there gets none.
        drop(changed);
    }

    /// The payment methods of a customer, newest first.
    pub(crate) fn methods_of(&self, customer: &str) -> Vec<Value> {
        self.methods
            .of(customer)
            .map(PaymentMethod::render)
            .collect()
    }
}

/// Refuses a source that is no token of a test card.
fn check_token(form: &Checked) -> Result<(), Failure> {
    let unknown = text(form, "source")
        .filter(|token| !token.starts_with("tok_") || test_methods::find(token).is_none());
    match unknown {
        Some(token) => Err(Failure::missing_ref("token", token, "source")),
        None => Ok(()),
    }
}
