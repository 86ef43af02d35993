//! The routes of payment methods, `PaymentIntents`, charges and Checkout sessions.
//!
//! Not here: the routes of customers and events (see the module itself).

use serde_json::{Value, json};

use super::charge::Charge;
use super::events::Cause;
use super::expand;
use super::failure::Failure;
use super::intent::{Intent, Status};
use super::params::{Checked, text, texts};
use super::route::Route;
use super::session::Session;
use super::{Call, Stripe, page};
use crate::base::Base;
use crate::money_view::Taken;

impl Stripe {
    /// Carries out a request that has to do with money.
    pub(crate) fn carry_out_money(
        &mut self,
        base: &mut Base,
        call: &Call<'_>,
        route: Route<'_>,
        form: &Checked,
    ) -> Result<Value, Failure> {
        let cause = Cause {
            request: Some(call.request_id.clone()),
            idempotency_key: call.idempotency_key.clone(),
        };
        let (known, prefix) = route.expansions();
        let denied = &base.switches.stripe.denied_permissions;
        let paths = expand::check(form, known, prefix, (call, denied))?;
        let mut value = self.money(base, call, route, form, &cause)?;
        self.fill(&mut value, &paths, &call.version);
        Ok(value)
    }

    fn money(
        &mut self,
        base: &mut Base,
        call: &Call<'_>,
        route: Route<'_>,
        form: &Checked,
        cause: &Cause,
    ) -> Result<Value, Failure> {
        let longest = base.switches.stripe.max_limit;
        let version = &call.version;
        match route {
            Route::Methods => {
                let url = ("/v1/payment_methods", longest);
                self.methods.list(text(form, "customer"), form, url)
            }
            Route::MethodsOf(id) => {
                self.living_customer(id)?;
                let url = format!("/v1/customers/{id}/payment_methods");
                self.methods.list(Some(id), form, (&url, longest))
            }
            Route::MethodOf(customer, id) => {
                self.living_customer(customer)?;
                self.method_of(customer, id)
            }
            Route::Method(id) => self.methods.show(id),
            Route::Attach(id) => {
                let customer = text(form, "customer").unwrap_or_default();
                let id = self.attach(base, id, customer, cause)?;
                self.methods.show(&id)
            }
            Route::Detach(id) => {
                self.detach(base, id, cause)?;
                self.methods.show(id)
            }
            Route::Intents => self.intents.list(form, longest),
            Route::Intent(id) => self.intents.find(id).map(Intent::render),
            Route::CreateIntent => {
                let id = self.create_intent(base, form, version, cause)?;
                self.intents.find(&id).map(Intent::render)
            }
            Route::ConfirmIntent(id) => {
                self.confirm_intent(base, id, form, version, cause)?;
                self.intents.find(id).map(Intent::render)
            }
            Route::CancelIntent(id) => {
                self.cancel_intent(base, id, form, cause)?;
                self.intents.find(id).map(Intent::render)
            }
            Route::Charges => self.charges.list(form, longest),
            Route::Charge(id) => self.charges.show(id),
            _ => self.checkout(base, call, route, form, cause),
        }
    }

    fn checkout(
        &mut self,
        base: &mut Base,
        call: &Call<'_>,
        route: Route<'_>,
        form: &Checked,
        cause: &Cause,
    ) -> Result<Value, Failure> {
        let version = &call.version;
        let mut paths = texts(form, "expand").into_iter();
        let with_items = paths.any(|path| path.ends_with("line_items"));
        let show = |session: &Session| Self::show_session(session, version, with_items);
        match route {
            Route::Sessions => {
                let longest = base.switches.stripe.max_limit;
                self.sessions.list(form, longest, show)
            }
            Route::Session(id) => self.sessions.find(id).map(show),
            Route::SessionItems(id) => self.sessions.find(id).map(Session::render_items),
            Route::CreateSession => {
                let id = self.create_session(base, call, form)?;
                self.sessions.find(&id).map(show)
            }
            Route::ExpireSession(id) => {
                self.expire_session(base, id, cause)?;
                self.sessions.find(id).map(show)
            }
            _ => Err(Failure::unknown_url(
                &call.request.method,
                &call.request.path,
            )),
        }
    }

    /// Another platform charges a customer's default method; the id of its `PaymentIntent`, if it
    /// came to that.
    pub(crate) fn platform_charges(
        &mut self,
        base: &mut Base,
        customer: &str,
        amount: i64,
        currency: &str,
    ) -> Option<String> {
        let map = self.customers.get(customer)?.to_map();
        let settings = map.get("invoice_settings");
        let default = settings.and_then(|settings| settings.get("default_payment_method"));
        let default = default.and_then(Value::as_str).map(str::to_owned);
        let newest = self.methods.of(customer).next();
        let method = default
            .or_else(|| self.default_source(customer))
            .or_else(|| newest.map(|method| method.id.clone()))?;
        let form = json!({
            "amount": amount, "currency": currency, "customer": customer,
            "payment_method": method, "confirm": true, "off_session": "true",
        });
        let form = form.as_object().cloned().unwrap_or_default();
        let version = base.switches.stripe.account_version.clone();
        let cause = self.by_hand(base);
        let before = self.intents.newest().map(|intent| intent.key);
        let made = self.create_intent(base, &form, &version, &cause);
        let newest = self.intents.newest();
        let declined = newest.filter(|intent| before != Some(intent.key));
        made.ok()
            .or_else(|| declined.map(|intent| intent.id.clone()))
    }

    /// A `PaymentIntent`, or `null`.
    pub(crate) fn intent(&self, id: &str) -> Value {
        self.intents.get(id).map_or(Value::Null, Intent::render)
    }

    /// What was taken, and what is on its way, oldest first.
    pub(crate) fn taken(&self) -> (Vec<Taken>, Vec<Taken>) {
        let (mut taken, mut in_flight) = (Vec::new(), Vec::new());
        for intent in self.intents.all() {
            let (list, amount) = match intent.status {
                Status::Succeeded => (&mut taken, intent.amount_received),
                Status::Processing | Status::RequiresCapture => (&mut in_flight, intent.amount),
                _ => continue,
            };
            let metadata = intent.metadata.iter();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            list.push(Taken {
                payment_intent: intent.id.clone(),
                status: intent.status.name().to_owned(),
                charge: intent.latest_charge.clone(),
                session: intent.session.clone(),
                customer: intent.customer.clone(),
                amount,
                currency: intent.currency.clone(),
                metadata: metadata.map(|(k, v)| (k.clone(), text(v))).collect(),
            });
        }
        (taken, in_flight)
    }

    /// Every `PaymentIntent`, oldest first.
    pub(crate) fn all_intents(&self) -> Vec<Value> {
        self.intents.all().map(Intent::render).collect()
    }

    /// Every charge, oldest first.
    pub(crate) fn all_charges(&self) -> Vec<Value> {
        self.charges.all().map(Charge::render).collect()
    }

    /// The answer of an account that holds no money.
    pub(crate) fn no_money(route: Route<'_>) -> Result<Value, Failure> {
        match route {
            Route::Methods => Ok(page::list("/v1/payment_methods", &[], false)),
            Route::Intents => Ok(page::list("/v1/payment_intents", &[], false)),
            Route::Charges => Ok(page::list("/v1/charges", &[], false)),
            Route::Sessions => Ok(page::list("/v1/checkout/sessions", &[], false)),
            Route::Session(id) | Route::ExpireSession(id) | Route::SessionItems(id) => {
                Err(Failure::missing("checkout.session", id, "session"))
            }
            Route::MethodsOf(id) | Route::MethodOf(id, _) => {
                Err(Failure::missing("customer", id, "customer"))
            }
            Route::Method(id) | Route::Attach(id) | Route::Detach(id) => {
                Err(super::payment_methods::missing(id))
            }
            Route::Intent(id) | Route::ConfirmIntent(id) | Route::CancelIntent(id) => {
                Err(Failure::missing("payment_intent", id, "intent"))
            }
            Route::Charge(id) => Err(Failure::missing("charge", id, "id")),
            _ => Err(Failure::request(
                "The sandbox keeps nothing in this account.",
            )),
        }
    }
}
