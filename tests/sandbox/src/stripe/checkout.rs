//! Checkout: sessions made, paid, expired, and what a bank says of one days later.
//!
//! The `PaymentIntent` of a session is made by the first attempt to pay. Not here: what is refused
//! when one is made (see `session_form`), and the page (see `pay_page`).

use serde_json::{Map, Value, json};

use super::attempt::{Attempt, Due};
use super::events::Cause;
use super::failure::Failure;
use super::intent::{Intent, Status, Types};
use super::params::{Checked, text};
use super::session::{Session, SessionStatus};
use super::session_form::check;
use super::test_methods::{self, Outcome};
use super::{Call, Stripe};
use crate::base::Base;
use crate::message::Request;

/// Where the sandbox answers if the request does not say.
const ORIGIN: &str = "127.0.0.1:12111";

/// The path of a session's page.
pub(crate) const PAGE: &str = "/c/pay/";

fn origin(request: &Request) -> &str {
    request.header("host").unwrap_or(ORIGIN)
}

impl Stripe {
    /// `POST /v1/checkout/sessions`; the id.
    pub(crate) fn create_session(
        &mut self,
        base: &mut Base,
        call: &Call<'_>,
        form: &Checked,
    ) -> Result<String, Failure> {
        let now = base.now();
        let wanted = check(form, &call.version, now, &mut base.random)?;
        let customer = text(form, "customer");
        customer.map_or(Ok(()), |id| self.known_customer(id))?;
        let livemode = base.switches.stripe.livemode;
        let prefix = if livemode { "cs_live_a1" } else { "cs_test_a1" };
        let id = base.random.id(prefix, 58);
        let session = Session {
            id: id.clone(),
            key: (now, 0),
            status: SessionStatus::Open,
            paid: false,
            currency: wanted.currency,
            items: wanted.items,
            customer: customer.map(str::to_owned),
            details: Value::Null,
            expires_at: wanted.expires_at,
            url: format!("http://{}{PAGE}{id}", origin(call.request)),
            success_url: wanted.success_url,
            cancel_url: wanted.cancel_url,
            types: wanted.types,
            metadata: wanted.metadata,
            intent_data: wanted.intent_data,
            more: wanted.more,
            intent: None,
            livemode,
        };
        let at_ms = session.expires_at.saturating_mul(1000);
        self.sessions.add(session);
        self.schedule(at_ms, Due::Expire(id.clone()));
        Ok(id)
    }

    /// `POST /v1/checkout/sessions/{id}/expire`.
    pub(crate) fn expire_session(
        &mut self,
        base: &mut Base,
        id: &str,
        cause: &Cause,
    ) -> Result<(), Failure> {
        let session = self.sessions.find(id)?;
        if session.status != SessionStatus::Open {
            let message = format!(
                "Only Checkout Sessions with a status in [\"open\"] can be expired. This Session \
                 has a status of {}.",
                session.status.name()
            );
            return Err(Failure::request(message).stored());
        }
        self.end_session(base, id, cause);
        Ok(())
    }

    /// A session has reached its end on the clock.
    pub(crate) fn lapse(&mut self, base: &mut Base, id: &str) {
        let session = self.sessions.get(id);
        if session.is_some_and(|session| session.status == SessionStatus::Open) {
            self.end_session(base, id, &Cause::default());
        }
    }

    fn end_session(&mut self, base: &mut Base, id: &str, cause: &Cause) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        session.status = SessionStatus::Expired;
        let intent = session.intent.clone();
        if let Some(intent) = intent {
            let open = self.intents.get(&intent);
            if open.is_some_and(|intent| intent.status.can_cancel()) {
                self.set_canceled(base, &intent, Some("expired".to_owned()), cause);
            }
        }
        self.tell_session(base, id, "checkout.session.expired", cause);
    }

    fn tell_session(&mut self, base: &mut Base, id: &str, kind: &str, cause: &Cause) {
        let version = base.switches.stripe.account_version.clone();
        if let Some(object) = self.sessions.get(id).map(|s| s.render(&version)) {
            self.tell_object(base, kind, object, cause);
        }
    }

    /// A customer pays on the page with a test method.
    pub(crate) fn pay_session(
        &mut self,
        base: &mut Base,
        id: &str,
        method: &str,
    ) -> Result<(), Failure> {
        let session = self.sessions.find(id)?;
        if session.status != SessionStatus::Open {
            let message = format!("This session is {}.", session.status.name());
            return Err(Failure::request(message));
        }
        let Some(test) = test_methods::find(method) else {
            return Err(Failure::missing_ref("PaymentMethod", method, "pay"));
        };
        if !session.types.iter().any(|name| name == test.kind.name()) {
            let message = format!("This session takes no {}.", test.kind.name());
            return Err(Failure::request(message));
        }
        let cause = Cause::default();
        if session.total() > 0 {
            let intent = self.intent_of(base, id, &cause)?;
            let made = self.real_method(base, test.id, None);
            if let Some(intent) = self.intents.get_mut(&intent) {
                intent.method = Some(made.clone());
            }
            let attempt = Attempt {
                method: made,
                off_session: false,
                return_url: None,
                error_on_action: false,
            };
            self.confirm(base, &intent, &attempt, &cause)?;
            if test.outcome == Outcome::Authenticates {
                self.customer_acts(base, &intent, true);
            }
        }
        self.complete_session(base, id, &cause);
        Ok(())
    }

    /// The `PaymentIntent` of a session, made if there is none.
    fn intent_of(&mut self, base: &mut Base, id: &str, cause: &Cause) -> Result<String, Failure> {
        let session = self.sessions.find(id)?;
        if let Some(intent) = &session.intent {
            return Ok(intent.clone());
        }
        let data = &session.intent_data;
        let shown = [
            "receipt_email",
            "setup_future_usage",
            "statement_descriptor",
            "statement_descriptor_suffix",
        ];
        let shown = shown.iter();
        let shown = shown.filter_map(|name| Some(((*name).to_owned(), data.get(*name)?.clone())));
        let metadata = data.get("metadata").and_then(Value::as_object);
        let intent_id = base.random.id("pi_3", 23);
        let intent = Intent {
            id: intent_id.clone(),
            key: (base.now(), 0),
            secret: format!("{intent_id}_secret_{}", base.random.id("", 25)),
            amount: session.total(),
            currency: session.currency.clone(),
            status: Status::RequiresPaymentMethod,
            customer: session.customer.clone(),
            method: None,
            types: Types::Named(session.types.clone()),
            manual_capture: text(data, "capture_method") == Some("manual"),
            metadata: metadata.cloned().unwrap_or_default(),
            description: text(data, "description").map(str::to_owned),
            more: shown.collect(),
            amount_received: 0,
            latest_charge: None,
            last_error: None,
            next_action: None,
            canceled_at: None,
            cancellation_reason: None,
            session: Some(id.to_owned()),
            disguise: None,
            livemode: session.livemode,
        };
        self.intents.add(intent);
        if let Some(session) = self.sessions.get_mut(id) {
            session.intent = Some(intent_id.clone());
        }
        self.tell_intent(base, &intent_id, "payment_intent.created", cause);
        Ok(intent_id)
    }

    fn complete_session(&mut self, base: &mut Base, id: &str, cause: &Cause) {
        let details = self.details_of(id);
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        session.status = SessionStatus::Complete;
        session.details = details;
        let intent = session
            .intent
            .as_deref()
            .and_then(|id| self.intents.get(id));
        session.paid = intent.is_some_and(|intent| intent.status == Status::Succeeded);
        self.tell_session(base, id, "checkout.session.completed", cause);
    }

    fn details_of(&self, id: &str) -> Value {
        let session = self.sessions.get(id);
        let customer = session.and_then(|session| session.customer.as_deref());
        let customer = customer.and_then(|id| self.customers.get(id));
        let map = customer.map_or_else(Map::new, super::customer::Customer::to_map);
        let member = |name: &str| map.get(name).cloned().unwrap_or(Value::Null);
        let email = session.and_then(|session| session.more.get("customer_email"));
        json!({
            "address": member("address"),
            "business_name": null,
            "email": email.cloned().unwrap_or_else(|| member("email")),
            "individual_name": null,
            "name": member("name"),
            "phone": member("phone"),
            "tax_exempt": "none",
            "tax_ids": [],
        })
    }

    /// The bank debit of a `PaymentIntent` is known; a session may have waited for it.
    pub(crate) fn session_settled(&mut self, base: &mut Base, intent: &str, paid: bool) {
        let intent = self.intents.get(intent);
        let Some(id) = intent.and_then(|intent| intent.session.clone()) else {
            return;
        };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.paid = paid;
        }
        let kind = if paid {
            "checkout.session.async_payment_succeeded"
        } else {
            "checkout.session.async_payment_failed"
        };
        self.tell_session(base, &id, kind, &Cause::default());
    }

    /// A session as the API shows it, with its lines if they are asked for.
    pub(crate) fn show_session(session: &Session, version: &str, with_items: bool) -> Value {
        let mut value = session.render(version);
        if let Some(map) = value.as_object_mut().filter(|_| with_items) {
            map.insert("line_items".to_owned(), session.render_items());
        }
        value
    }

    /// Every session, oldest first.
    pub(crate) fn all_sessions(&self, base: &Base) -> Vec<Value> {
        let version = &base.switches.stripe.account_version;
        self.sessions.all().map(|s| s.render(version)).collect()
    }
}
