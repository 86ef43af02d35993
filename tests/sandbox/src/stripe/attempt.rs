//! Attempts to pay: what a confirmed `PaymentIntent` comes to, at once or days later.
//!
//! Each attempt that reaches a bank makes a charge. A failed one takes the payment method off
//! the `PaymentIntent` and leaves it under `last_payment_error`. Not here: what may be confirmed (see
//! `intents`), and Checkout (see `checkout`).

use serde_json::{Value, json};

use super::charge::{self, Charge, ChargeStatus};
use super::events::{Cause, Subject};
use super::failure::Failure;
use super::intent::Status;
use super::payment_methods::Birth;
use super::test_methods::{
    AUTHENTICATION_FAILED, AUTHENTICATION_NOT_HANDLED, AUTHENTICATION_REQUIRED, Decline, Outcome,
};
use super::{Stripe, test_methods};
use crate::base::Base;

/// How a `PaymentIntent` is confirmed.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) method: String,
    pub(crate) off_session: bool,
    pub(crate) return_url: Option<String>,
    pub(crate) error_on_action: bool,
}

/// What the clock brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    /// A bank debit is known.
    Settle(String),
    /// A Checkout session lapses.
    Expire(String),
}

impl Stripe {
    /// Puts something on the clock.
    pub(crate) fn schedule(&mut self, at_ms: i64, due: Due) {
        self.due_last += 1;
        self.due.insert((at_ms, self.due_last), due);
    }

    /// From now on a `PaymentIntent` shows another status than it has; whether there is one.
    pub(crate) fn disguise(&mut self, id: &str, status: Option<&str>) -> bool {
        let intent = self.intents.get_mut(id);
        intent
            .map(|intent| intent.disguise = status.map(str::to_owned))
            .is_some()
    }

    /// Carries out what the clock has brought.
    pub(crate) fn run_due(&mut self, base: &mut Base) {
        while let Some(entry) = self.due.first_entry().filter(|e| e.key().0 <= base.now_ms) {
            match entry.remove() {
                Due::Settle(intent) => {
                    self.settle_debit(base, &intent);
                }
                Due::Expire(session) => self.lapse(base, &session),
            }
        }
    }

    /// The payment method behind an id: itself, or a new one where the id is a test method's.
    pub(crate) fn real_method(
        &mut self,
        base: &mut Base,
        id: &str,
        customer: Option<&str>,
    ) -> String {
        let test = test_methods::find(id).filter(|_| self.methods.get(id).is_none());
        let Some(test) = test else {
            return id.to_owned();
        };
        let prefix = if id.starts_with("tok_") {
            "card_1"
        } else {
            "pm_1"
        };
        let birth = Birth {
            id: base.random.id(prefix, 23),
            fingerprint: base.random.id("", 16),
            now: base.now(),
            livemode: base.switches.stripe.livemode,
        };
        let made = birth.id.clone();
        self.methods.make(birth, test, customer);
        made
    }

    /// Tells of a `PaymentIntent` as it is.
    pub(crate) fn tell_intent(&mut self, base: &mut Base, id: &str, kind: &str, cause: &Cause) {
        if let Some(object) = self.intents.get(id).map(super::intent::Intent::render) {
            self.tell_object(base, kind, object, cause);
        }
    }

    /// Tells of an object that looks the same in every version.
    pub(crate) fn tell_object(
        &mut self,
        base: &mut Base,
        kind: &str,
        object: Value,
        cause: &Cause,
    ) {
        let livemode = base.switches.stripe.livemode;
        let subject = Subject::Given {
            object,
            previous: None,
        };
        self.emit(base, kind, subject, cause.clone(), None, livemode);
    }

    fn tell_charge(&mut self, base: &mut Base, id: &str, kind: &str, cause: &Cause) {
        if let Some(object) = self.charges.get(id).map(Charge::render) {
            self.tell_object(base, kind, object, cause);
        }
    }

    /// Tries to pay. The method has been checked and is the `PaymentIntent`'s.
    pub(crate) fn confirm(
        &mut self,
        base: &mut Base,
        id: &str,
        attempt: &Attempt,
        cause: &Cause,
    ) -> Result<(), Failure> {
        let Some(method) = self.methods.get(&attempt.method) else {
            return Err(super::payment_methods::missing(&attempt.method));
        };
        let outcome = method.test.outcome;
        match outcome {
            Outcome::Succeeds => self.succeed(base, id, cause),
            Outcome::Declines(why) => return Err(self.decline(base, id, why, true, cause)),
            Outcome::Authenticates if attempt.off_session => {
                return Err(self.decline(base, id, AUTHENTICATION_REQUIRED, true, cause));
            }
            Outcome::Authenticates if attempt.error_on_action => {
                return Err(self.decline(base, id, AUTHENTICATION_NOT_HANDLED, false, cause));
            }
            Outcome::Authenticates => self.ask_to_act(base, id, attempt, cause),
            Outcome::Settles(_) | Outcome::Hangs => {
                let charge = self.charge(base, id, ChargeStatus::Pending, None);
                self.tell_charge(base, &charge, "charge.pending", cause);
                self.set_status(id, Status::Processing);
                self.tell_intent(base, id, "payment_intent.processing", cause);
                if outcome != Outcome::Hangs {
                    let wait_ms = base
                        .switches
                        .stripe
                        .debit_settles_after
                        .saturating_mul(1000);
                    let at_ms = base.now_ms.saturating_add(wait_ms);
                    self.schedule(at_ms, Due::Settle(id.to_owned()));
                }
            }
        }
        Ok(())
    }

    fn set_status(&mut self, id: &str, status: Status) {
        if let Some(intent) = self.intents.get_mut(id) {
            intent.status = status;
            intent.next_action = None;
            if status != Status::RequiresPaymentMethod {
                intent.last_error = None;
            }
        }
    }

    /// Makes the charge of an attempt; its id.
    fn charge(
        &mut self,
        base: &mut Base,
        id: &str,
        status: ChargeStatus,
        failure: Option<Decline>,
    ) -> String {
        let Some(intent) = self.intents.get_mut(id) else {
            return String::new();
        };
        let method = intent.method.as_deref().and_then(|id| self.methods.get(id));
        let Some(method) = method else {
            return String::new();
        };
        let charge = Charge {
            id: base.random.id(charge::prefix(method.test.kind), 23),
            key: (base.now(), 0),
            amount: intent.amount,
            currency: intent.currency.clone(),
            status,
            captured: !intent.manual_capture,
            intent: id.to_owned(),
            customer: intent.customer.clone(),
            method: method.clone(),
            metadata: intent.metadata.clone(),
            description: intent.description.clone(),
            failure,
            livemode: intent.livemode,
        };
        let charge_id = charge.id.clone();
        intent.latest_charge = Some(charge_id.clone());
        self.charges.add(charge);
        charge_id
    }

    fn succeed(&mut self, base: &mut Base, id: &str, cause: &Cause) {
        let charge = self.charge(base, id, ChargeStatus::Succeeded, None);
        self.tell_charge(base, &charge, "charge.succeeded", cause);
        self.finish(base, id, cause);
    }

    /// The money is there, or held.
    fn finish(&mut self, base: &mut Base, id: &str, cause: &Cause) {
        let Some(intent) = self.intents.get_mut(id) else {
            return;
        };
        let (manual, amount) = (intent.manual_capture, intent.amount);
        let saves = intent.more.contains_key("setup_future_usage");
        let (method, customer) = (intent.method.clone(), intent.customer.clone());
        if manual {
            self.set_status(id, Status::RequiresCapture);
            self.tell_intent(base, id, "payment_intent.amount_capturable_updated", cause);
        } else {
            intent.amount_received = amount;
            self.set_status(id, Status::Succeeded);
            self.tell_intent(base, id, "payment_intent.succeeded", cause);
        }
        let Some(method) = method.and_then(|id| self.methods.get_mut(&id)) else {
            return;
        };
        if method.customer().is_some() {
            return;
        }
        match customer.filter(|_| saves) {
            Some(customer) => {
                let id = method.id.clone();
                self.give(base, &id, &customer, cause);
            }
            None => method.spent = true,
        }
    }

    /// An attempt failed: the error that says so, with the object inside.
    fn decline(
        &mut self,
        base: &mut Base,
        id: &str,
        why: Decline,
        reached_bank: bool,
        cause: &Cause,
    ) -> Failure {
        let charge = reached_bank.then(|| self.charge(base, id, ChargeStatus::Failed, Some(why)));
        if let Some(charge) = &charge {
            self.tell_charge(base, charge, "charge.failed", cause);
        }
        let method = self.take_method(id);
        let error = last_error(&why, charge.as_deref(), &method, "card_error");
        if let Some(intent) = self.intents.get_mut(id) {
            intent.last_error = Some(error.clone());
        }
        self.tell_intent(base, id, "payment_intent.payment_failed", cause);
        let intent = self.intents.get(id).map(super::intent::Intent::render);
        Failure::card(&why, error, intent.unwrap_or(Value::Null))
    }

    /// Takes the method off a `PaymentIntent` that failed; what it was.
    fn take_method(&mut self, id: &str) -> Value {
        self.set_status(id, Status::RequiresPaymentMethod);
        let taken = self.intents.get_mut(id).and_then(|i| i.method.take());
        let method = taken.and_then(|id| self.methods.get(&id));
        method.map_or(Value::Null, super::payment_methods::PaymentMethod::render)
    }

    fn ask_to_act(&mut self, base: &mut Base, id: &str, attempt: &Attempt, cause: &Cause) {
        self.set_status(id, Status::RequiresAction);
        if let Some(intent) = self.intents.get_mut(id) {
            let action = match &attempt.return_url {
                Some(url) => json!({
                    "type": "redirect_to_url",
                    "redirect_to_url": {
                        "return_url": url,
                        "url": format!("https://hooks.stripe.com/3d_secure_2/hosted?merchant={id}"),
                    },
                }),
                None => json!({
                    "type": "use_stripe_sdk",
                    "use_stripe_sdk": { "type": "three_d_secure_redirect", "source": "src_sandbox" },
                }),
            };
            intent.next_action = Some(action);
        }
        self.tell_intent(base, id, "payment_intent.requires_action", cause);
    }

    /// The customer authenticates, or fails to; whether anything waited for that.
    pub(crate) fn customer_acts(&mut self, base: &mut Base, id: &str, passed: bool) -> bool {
        let waits = self.intents.get(id);
        if waits.is_none_or(|intent| intent.status != Status::RequiresAction) {
            return false;
        }
        let cause = Cause::default();
        if passed {
            self.succeed(base, id, &cause);
        } else {
            self.decline(base, id, AUTHENTICATION_FAILED, false, &cause);
        }
        true
    }

    /// A bank debit is known: it went through, or came back. Whether it is.
    pub(crate) fn settle_debit(&mut self, base: &mut Base, id: &str) -> bool {
        let Some(intent) = self.intents.get(id) else {
            return false;
        };
        let method = intent.method.as_deref().and_then(|id| self.methods.get(id));
        let (Status::Processing, Some(method)) = (intent.status, method) else {
            return false;
        };
        let outcome = method.test.outcome;
        let charge = intent.latest_charge.clone().unwrap_or_default();
        let cause = Cause::default();
        let failure = match outcome {
            Outcome::Settles(failure) => failure,
            Outcome::Declines(failure) => Some(failure),
            Outcome::Hangs => return false,
            _ => None,
        };
        if let Some(charge) = self.charges.get_mut(&charge) {
            charge.failure = failure;
            charge.status = match failure {
                Some(_) => ChargeStatus::Failed,
                None => ChargeStatus::Succeeded,
            };
        }
        match failure {
            None => {
                self.tell_charge(base, &charge, "charge.succeeded", &cause);
                self.finish(base, id, &cause);
            }
            Some(why) => {
                self.tell_charge(base, &charge, "charge.failed", &cause);
                let method = self.take_method(id);
                let error = last_error(&why, Some(&charge), &method, "invalid_request_error");
                if let Some(intent) = self.intents.get_mut(id) {
                    intent.last_error = Some(error);
                }
                self.tell_intent(base, id, "payment_intent.payment_failed", &cause);
            }
        }
        self.session_settled(base, id, failure.is_none());
        true
    }

    /// A `PaymentIntent` ends without money.
    pub(crate) fn set_canceled(
        &mut self,
        base: &mut Base,
        id: &str,
        reason: Option<String>,
        cause: &Cause,
    ) {
        self.set_status(id, Status::Canceled);
        if let Some(intent) = self.intents.get_mut(id) {
            intent.canceled_at = Some(base.now());
            intent.cancellation_reason = reason;
        }
        self.tell_intent(base, id, "payment_intent.canceled", cause);
    }
}

fn last_error(why: &Decline, charge: Option<&str>, method: &Value, kind: &str) -> Value {
    let page = why.code.replace('_', "-");
    let mut error = json!({
        "code": why.code,
        "doc_url": format!("https://stripe.com/docs/error-codes/{page}"),
        "message": why.message,
        "payment_method": method,
        "type": kind,
    });
    if let Some(map) = error.as_object_mut() {
        let more = [
            ("charge", charge),
            ("decline_code", why.decline_code),
            ("advice_code", why.advice_code),
        ];
        for (name, value) in more {
            if let Some(value) = value {
                map.insert(name.to_owned(), json!(value));
            }
        }
    }
    error
}
