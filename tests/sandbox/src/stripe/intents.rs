//! `PaymentIntents` asked for over the API: what is refused, and what is made.
//!
//! A `PaymentIntent` that is created and declined at once exists all the same: the answer is a 402
//! with the object inside. Not here: what an attempt comes to (see `attempt`).

use serde_json::{Map, Value};

use super::attempt::Attempt;
use super::customer::before;
use super::endpoints::new_metadata;
use super::events::Cause;
use super::failure::Failure;
use super::intent::{Intent, Status, Types, types_for};
use super::params::{Checked, EXPAND, Kind, Param, clearing, param, required, text, texts};
use super::payment_methods::{Named, not_theirs, spent};
use super::test_methods::MethodType;
use super::{Stripe, currency};
use crate::base::Base;

const LONG: Kind = Kind::Text(5000);

/// `off_session`: a boolean, or the kind of agreement there is.
const OFF_SESSION: Kind = Kind::Choice(&["true", "false", "one_off", "recurring"]);

const AUTOMATIC: Kind = Kind::Hash(&[
    param("allow_redirects", Kind::Choice(&["always", "never"])),
    required("enabled", Kind::Bool),
]);

/// The parameters of `POST /v1/payment_intents`.
pub(crate) const CREATE: &[Param] = &[
    param("allowed_payment_method_types", Kind::List(&LONG)),
    required("amount", Kind::Int),
    param("automatic_payment_methods", AUTOMATIC),
    param(
        "capture_method",
        Kind::Choice(&["automatic", "automatic_async", "manual"]),
    ),
    param("confirm", Kind::Bool),
    param(
        "confirmation_method",
        Kind::Choice(&["automatic", "manual"]),
    ),
    required("currency", LONG),
    param("customer", LONG),
    param("description", Kind::Text(1000)),
    param("error_on_requires_action", Kind::Bool),
    EXPAND,
    clearing("metadata", Kind::Metadata),
    param("off_session", OFF_SESSION),
    param("payment_method", LONG),
    param("payment_method_types", Kind::List(&LONG)),
    param("receipt_email", Kind::Email),
    param("return_url", LONG),
    param(
        "setup_future_usage",
        Kind::Choice(&["off_session", "on_session"]),
    ),
    param("statement_descriptor", Kind::Text(22)),
    param("statement_descriptor_suffix", Kind::Text(22)),
    param("use_stripe_sdk", Kind::Bool),
];

/// The parameters of `POST /v1/payment_intents/{id}/confirm`.
pub(crate) const CONFIRM: &[Param] = &[
    param("error_on_requires_action", Kind::Bool),
    EXPAND,
    param("off_session", OFF_SESSION),
    param("payment_method", LONG),
    param("payment_method_types", Kind::List(&LONG)),
    param("receipt_email", Kind::Email),
    param("return_url", LONG),
    param("use_stripe_sdk", Kind::Bool),
];

/// The parameters of `POST /v1/payment_intents/{id}/cancel`.
pub(crate) const CANCEL: &[Param] = &[
    param(
        "cancellation_reason",
        Kind::Choice(&[
            "abandoned",
            "duplicate",
            "fraudulent",
            "requested_by_customer",
        ]),
    ),
    EXPAND,
];

/// Members that are shown as they were sent.
const SHOWN: [&str; 4] = [
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
];

/// Refuses parameters that the version does not have.
pub(crate) fn check_version(form: &Checked, version: &str) -> Result<(), Failure> {
    let allowed = "allowed_payment_method_types";
    if form.contains_key(allowed) && before(version, "2026-07-29") {
        return Err(Failure::unknown_parameter(allowed));
    }
    let types = "payment_method_types";
    if form.contains_key(types) && !before(version, "2026-09-30") {
        let message = "The payment_method_types parameter is not taken from API version \
                       2026-09-30.endive on. Use dynamic payment methods.";
        let code = "payment_method_types_no_longer_supported";
        return Err(Failure::coded(code, types, message));
    }
    Ok(())
}

/// The metadata of a new object.
pub(crate) fn metadata(form: &Checked) -> Result<Map<String, Value>, Failure> {
    let metadata = new_metadata(&Map::new(), form);
    if metadata.len() > 50 {
        let message = "You can only have up to 50 keys in the metadata hash.";
        return Err(Failure::invalid("metadata", message));
    }
    Ok(metadata)
}

/// The kinds of payment method that are asked for.
pub(crate) fn types(form: &Checked, currency: &str, version: &str) -> Result<Types, Failure> {
    let automatic = form
        .get("automatic_payment_methods")
        .and_then(Value::as_object);
    let named = texts(form, "payment_method_types");
    let is_on = automatic.is_some_and(|map| map.get("enabled") == Some(&Value::Bool(true)));
    if is_on && !named.is_empty() {
        let message = "You may only specify one of these parameters: automatic_payment_methods, \
                       payment_method_types.";
        return Err(Failure::request(message));
    }
    if !named.is_empty() {
        named_types(&named, currency)?;
        return Ok(Types::Named(named));
    }
    let allowed = texts(form, "allowed_payment_method_types");
    if !allowed.is_empty() {
        // Silently narrowed to what the account takes.
        let known = types_for(currency);
        let left = known.into_iter().filter(|name| allowed.contains(name));
        return Ok(Types::Named(left.collect()));
    }
    let is_off = automatic.is_some_and(|map| map.get("enabled") == Some(&Value::Bool(false)));
    if is_off || (automatic.is_none() && before(version, "2023-08-16")) {
        return Ok(Types::Named(vec![MethodType::Card.name().to_owned()]));
    }
    let redirects = automatic.and_then(|map| map.get("allow_redirects"));
    Ok(Types::Automatic {
        no_redirects: redirects.is_some_and(|word| word == "never"),
    })
}

fn named_types(named: &[String], currency: &str) -> Result<(), Failure> {
    let all = [
        MethodType::Card,
        MethodType::UsBankAccount,
        MethodType::SepaDebit,
    ];
    for (at, name) in named.iter().enumerate() {
        let Some(kind) = all.iter().find(|kind| kind.name() == name) else {
            let place = format!("payment_method_types[{at}]");
            let message =
                format!("The payment method type \"{name}\" is invalid for this account.");
            return Err(Failure::invalid(&place, message));
        };
        if kind.currency().is_some_and(|only| only != currency) {
            return Err(wrong_currency(currency, name));
        }
    }
    Ok(())
}

fn wrong_currency(currency: &str, kind: &str) -> Failure {
    let message = format!(
        "The currency provided ({currency}) is invalid for the payment method type {kind}."
    );
    Failure::invalid("currency", message)
}

fn is_true(form: &Checked, name: &str) -> bool {
    form.get(name) == Some(&Value::Bool(true))
}

/// Whether the customer is not there to act.
fn is_off_session(form: &Checked) -> bool {
    text(form, "off_session").is_some_and(|word| word != "false")
}

impl Stripe {
    /// Checks that a customer that a parameter names is there.
    pub(crate) fn known_customer(&self, id: &str) -> Result<(), Failure> {
        let customer = self.customers.get(id);
        match customer.filter(|customer| !customer.deleted) {
            Some(_) => Ok(()),
            None => Err(Failure::missing_ref("customer", id, "customer")),
        }
    }

    /// Checks that a payment method can pay for a customer; its kind.
    pub(crate) fn usable(&self, id: &str, customer: Option<&str>) -> Result<MethodType, Failure> {
        let method = match self.methods.named(id, "payment_method")? {
            Named::Test(test) => return Ok(test.kind),
            Named::Known(method) => method,
        };
        if method.spent {
            return Err(spent());
        }
        match (method.customer(), customer) {
            (Some(owner), Some(customer)) if owner != customer => {
                Err(not_theirs(id, "payment_method"))
            }
            (Some(_), None) => {
                let message = format!(
                    "The payment method supplied ({id}) belongs to a customer. Please include the \
                     customer in the customer parameter on the PaymentIntent."
                );
                Err(Failure::invalid("payment_method", message))
            }
            _ => Ok(method.test.kind),
        }
    }

    /// Checks that a kind of payment method fits a `PaymentIntent`.
    fn fits(kind: MethodType, intent: &Intent) -> Result<(), Failure> {
        if kind.currency().is_some_and(|only| only != intent.currency) {
            return Err(wrong_currency(&intent.currency, kind.name()));
        }
        if intent.type_names().iter().any(|name| name == kind.name()) {
            let is_card = kind == MethodType::Card;
            return currency::check(intent.amount, &intent.currency, is_card, "amount");
        }
        let message = format!(
            "The PaymentMethod provided ({}) is not allowed for this PaymentIntent.",
            kind.name()
        );
        Err(Failure::invalid("payment_method", message))
    }

    /// `POST /v1/payment_intents`; the id.
    pub(crate) fn create_intent(
        &mut self,
        base: &mut Base,
        form: &Checked,
        version: &str,
        cause: &Cause,
    ) -> Result<String, Failure> {
        check_version(form, version)?;
        let currency = currency::read(text(form, "currency").unwrap_or_default(), "currency")?;
        let amount = form.get("amount").and_then(Value::as_i64).unwrap_or(0);
        currency::check(amount, &currency, true, "amount")?;
        let customer = text(form, "customer");
        customer.map_or(Ok(()), |id| self.known_customer(id))?;
        let mut intent = Intent {
            id: base.random.id("pi_3", 23),
            key: (base.now(), 0),
            secret: String::new(),
            amount,
            types: types(form, &currency, version)?,
            currency,
            status: Status::RequiresPaymentMethod,
            customer: customer.map(str::to_owned),
            method: None,
            manual_capture: text(form, "capture_method") == Some("manual"),
            metadata: metadata(form)?,
            description: text(form, "description").map(str::to_owned),
            more: SHOWN
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), form.get(*name)?.clone())))
                .collect(),
            amount_received: 0,
            latest_charge: None,
            last_error: None,
            next_action: None,
            canceled_at: None,
            cancellation_reason: None,
            session: None,
            disguise: None,
            livemode: base.switches.stripe.livemode,
        };
        intent.secret = format!("{}_secret_{}", intent.id, base.random.id("", 25));
        let mut attempt = self.attempt(form, &intent, version, is_true(form, "confirm"))?;
        let id = intent.id.clone();
        let sent = text(form, "payment_method").map(str::to_owned);
        if let Some(method) = sent.or_else(|| attempt.as_ref().map(|a| a.method.clone())) {
            Self::fits(self.usable(&method, customer)?, &intent)?;
            let method = self.real_method(base, &method, None);
            if let Some(attempt) = &mut attempt {
                attempt.method.clone_from(&method);
            }
            intent.method = Some(method);
            intent.status = Status::RequiresConfirmation;
        }
        self.intents.add(intent);
        self.tell_intent(base, &id, "payment_intent.created", cause);
        if let Some(attempt) = attempt {
            self.confirm(base, &id, &attempt, cause)?;
        }
        Ok(id)
    }

    /// What is to be tried, if anything is.
    fn attempt(
        &self,
        form: &Checked,
        intent: &Intent,
        version: &str,
        confirm: bool,
    ) -> Result<Option<Attempt>, Failure> {
        if !confirm {
            for name in ["off_session", "error_on_requires_action", "return_url"] {
                if form.contains_key(name) {
                    let message = format!("{name} can only be used when confirm is true.");
                    return Err(Failure::invalid(name, message));
                }
            }
            return Ok(None);
        }
        let default = intent
            .customer
            .as_deref()
            .and_then(|id| self.default_source(id));
        let sent = text(form, "payment_method").map(str::to_owned);
        let Some(method) = sent.or_else(|| intent.method.clone()).or(default) else {
            let message = "You cannot confirm this PaymentIntent because it's missing a payment \
                           method. Send one in payment_method.";
            return Err(Failure::unexpected_state(message, None));
        };
        let off_session = is_off_session(form);
        let return_url = text(form, "return_url").map(str::to_owned);
        let could_redirect = intent.types
            == Types::Automatic {
                no_redirects: false,
            };
        if could_redirect && !off_session && return_url.is_none() && !before(version, "2023-08-16")
        {
            let message = "This PaymentIntent is configured to accept payment methods that may \
                           redirect: provide a return_url, or set \
                           automatic_payment_methods[allow_redirects] to never.";
            return Err(Failure::invalid("return_url", message));
        }
        Ok(Some(Attempt {
            method,
            off_session,
            return_url,
            error_on_action: is_true(form, "error_on_requires_action"),
        }))
    }

    /// `POST /v1/payment_intents/{id}/confirm`.
    pub(crate) fn confirm_intent(
        &mut self,
        base: &mut Base,
        id: &str,
        form: &Checked,
        version: &str,
        cause: &Cause,
    ) -> Result<(), Failure> {
        check_version(form, version)?;
        let intent = self.intents.find(id)?;
        if intent.session.is_some() {
            let message = "You cannot confirm this PaymentIntent because it belongs to a Checkout \
                           Session.";
            return Err(Failure::unexpected_state(message, Some(intent.render())));
        }
        if !intent.status.can_confirm() {
            let message = format!(
                "You cannot confirm this PaymentIntent because it has a status of {}.",
                intent.status.name()
            );
            return Err(Failure::unexpected_state(&message, Some(intent.render())));
        }
        let attempt = self.attempt(form, intent, version, true)?;
        let Some(mut attempt) = attempt else {
            return Ok(());
        };
        let kind = self.usable(&attempt.method, intent.customer.as_deref())?;
        let mut trial = intent.clone();
        if form.contains_key("payment_method_types") {
            trial.types = types(form, &trial.currency, version)?;
        }
        Self::fits(kind, &trial)?;
        attempt.method = self.real_method(base, &attempt.method, None);
        if let Some(intent) = self.intents.get_mut(id) {
            intent.types = trial.types;
            intent.method = Some(attempt.method.clone());
        }
        self.confirm(base, id, &attempt, cause)
    }

    /// `POST /v1/payment_intents/{id}/cancel`.
    pub(crate) fn cancel_intent(
        &mut self,
        base: &mut Base,
        id: &str,
        form: &Checked,
        cause: &Cause,
    ) -> Result<(), Failure> {
        let intent = self.intents.find(id)?;
        if intent.session.is_some() {
            let message = "You cannot cancel this PaymentIntent because it belongs to a Checkout \
                           Session. Expire the session instead.";
            return Err(Failure::unexpected_state(message, Some(intent.render())));
        }
        if !intent.status.can_cancel() {
            let message = format!(
                "You cannot cancel this PaymentIntent because it has a status of {}. Only a \
                 PaymentIntent with one of the following statuses may be canceled: \
                 requires_payment_method, requires_capture, requires_confirmation, \
                 requires_action, processing.",
                intent.status.name()
            );
            return Err(Failure::unexpected_state(&message, Some(intent.render())));
        }
        let reason = text(form, "cancellation_reason").map(str::to_owned);
        self.set_canceled(base, id, reason, cause);
        Ok(())
    }
}
