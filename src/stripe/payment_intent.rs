//! `PaymentIntents` as they stand on the wire, and the form of one that charges a stored method.
//!
//! Source: Stripe's API reference, "PaymentIntents", "Errors".

use crate::model::collection::Decline;
use crate::model::id::{InvoiceId, MethodId, OrganisationId, PaymentIntentId, StripeCustomerId};
use crate::model::money::{Currency, Money};
use crate::model::payment_intent::{Mark, PaymentIntent, Status};
use crate::model::time::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Metadata of Stripe under which an object says whose it is ([`Mark`]).
pub const INSTALLATION: &str = "zenstripe_installation";
/// The installation's epoch.
pub const EPOCH: &str = "zenstripe_epoch";
/// The organisation of the invoice.
pub const ORGANISATION: &str = "zenstripe_organisation";
/// The invoice.
pub const INVOICE: &str = "zenstripe_invoice";
/// The collection's number.
pub const ATTEMPT: &str = "zenstripe_attempt";

/// The mark as parameters of a form, in the hash `at`, such as `metadata`.
#[must_use]
pub fn mark_form(mark: &Mark, at: &str) -> Vec<(String, String)> {
    let pairs = [
        (INSTALLATION, mark.installation.clone()),
        (EPOCH, mark.epoch.to_string()),
        (ORGANISATION, mark.organisation.to_string()),
        (INVOICE, mark.invoice.to_string()),
        (ATTEMPT, mark.attempt.to_string()),
    ];
    pairs
        .into_iter()
        .map(|(key, value)| (format!("{at}[{key}]"), value))
        .collect()
}

/// The mark in an object's metadata; `None` where there is none, or not a whole one.
fn read_mark(metadata: &BTreeMap<String, Json>) -> Option<Mark> {
    let text = |key| metadata.get(key).and_then(Json::as_str);
    Some(Mark {
        installation: text(INSTALLATION)?.to_owned(),
        epoch: text(EPOCH)?.parse().ok()?,
        organisation: OrganisationId::parse(text(ORGANISATION)?).ok()?,
        invoice: InvoiceId::parse(text(INVOICE)?).ok()?,
        attempt: text(ATTEMPT)?.parse().ok()?,
    })
}

#[derive(Deserialize)]
struct Wire {
    id: String,
    status: String,
    amount: i64,
    #[serde(default)]
    amount_received: i64,
    currency: String,
    #[serde(default)]
    latest_charge: Option<Json>,
    #[serde(default)]
    last_payment_error: Option<WireError>,
    #[serde(default)]
    metadata: BTreeMap<String, Json>,
    created: i64,
}

#[derive(Deserialize)]
struct WireError {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    decline_code: Option<String>,
    #[serde(default)]
    advice_code: Option<String>,
}

#[derive(Deserialize)]
struct WireRefusal {
    error: WireRefused,
}

#[derive(Deserialize)]
struct WireRefused {
    #[serde(default)]
    payment_intent: Option<Json>,
}

/// Reads a `PaymentIntent`; `None` for what is none.
#[must_use]
pub fn payment_intent(bytes: &[u8]) -> Option<PaymentIntent> {
    let wire: Wire = serde_json::from_slice(bytes).ok()?;
    let currency = Currency::parse(&wire.currency).ok()?;
    let error = wire.last_payment_error;
    Some(PaymentIntent {
        id: PaymentIntentId::parse(&wire.id).ok()?,
        status: Status::of(&wire.status),
        amount: Money::new(wire.amount, currency),
        received: Money::new(wire.amount_received, currency),
        charge: match wire.latest_charge {
            Some(Json::String(id)) => Some(id),
            Some(Json::Object(charge)) => charge.get("id")?.as_str().map(str::to_owned),
            _ => None,
        },
        decline: error.map(|error| Decline {
            code: error.code.unwrap_or_default(),
            decline_code: error.decline_code,
            advice_code: error.advice_code,
        }),
        mark: read_mark(&wire.metadata),
        created: Timestamp::from_seconds(wire.created),
    })
}

/// The `PaymentIntent` inside the body of an error: a charge that was declined has one.
#[must_use]
pub fn refused_intent(bytes: &[u8]) -> Option<PaymentIntent> {
    let wire: WireRefusal = serde_json::from_slice(bytes).ok()?;
    let inner = serde_json::to_vec(&wire.error.payment_intent?).ok()?;
    payment_intent(&inner)
}

/// What is charged.
#[derive(Clone, Copy, Debug)]
pub struct Charge<'a> {
    /// How much.
    pub amount: Money,
    /// Who pays.
    pub customer: &'a StripeCustomerId,
    /// What is charged.
    pub method: &'a MethodId,
    /// What the customer reads beside it: the invoice's number.
    pub description: &'a str,
    /// Whose it is.
    pub mark: &'a Mark,
}

/// The form of a request that charges a stored method without its owner.
///
/// The method is always named: without one Stripe would take `default_source`, which is not what
/// `invoice_settings` says (API reference, "Create a PaymentIntent").
#[must_use]
pub fn charge_form(charge: &Charge<'_>) -> Vec<(String, String)> {
    let currency = charge.amount.currency();
    let pairs = [
        ("amount", charge.amount.minor().to_string()),
        ("currency", currency.in_lower_case()),
        ("customer", charge.customer.to_string()),
        ("payment_method", charge.method.to_string()),
        ("off_session", "true".to_owned()),
        ("confirm", "true".to_owned()),
        ("description", charge.description.to_owned()),
    ];
    let mut form: Vec<(String, String)> = pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    form.extend(mark_form(charge.mark, "metadata"));
    form
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mark() -> Mark {
        Mark {
            installation: "0a".to_owned(),
            epoch: 1,
            organisation: OrganisationId::parse("org-1").unwrap(),
            invoice: InvoiceId::parse("i-1").unwrap(),
            attempt: 3,
        }
    }

    fn wire(status: &str) -> Json {
        let metadata: BTreeMap<String, String> = mark_form(&mark(), "m")
            .into_iter()
            .map(|(key, value)| (key.replace("m[", "").replace(']', ""), value))
            .collect();
        json!({
            "id": "pi_1", "object": "payment_intent", "status": status, "amount": 500,
            "amount_received": 0, "currency": "usd", "latest_charge": "ch_1",
            "metadata": metadata, "created": 7,
        })
    }

    #[test]
    fn a_payment_intent_says_whose_it_is() {
        let seen = payment_intent(wire("succeeded").to_string().as_bytes()).unwrap();
        assert_eq!(seen.mark, Some(mark()));
        assert_eq!(seen.status, Status::Succeeded);
        assert_eq!(seen.charge.as_deref(), Some("ch_1"));
        assert_eq!(seen.amount.to_string(), "5.00 USD");
        let mut foreign = wire("succeeded");
        foreign["metadata"] = json!({INVOICE: "i-1"});
        let seen = payment_intent(foreign.to_string().as_bytes()).unwrap();
        assert_eq!(seen.mark, None);
    }

    #[test]
    fn a_decline_carries_its_payment_intent_and_the_reason() {
        let mut intent = wire("requires_payment_method");
        intent["last_payment_error"] = json!({
            "code": "card_declined", "decline_code": "insufficient_funds",
            "advice_code": "try_again_later", "payment_method": {"type": "us_bank_account"},
        });
        let body = json!({"error": {"code": "card_declined", "payment_intent": intent}});
        let seen = refused_intent(body.to_string().as_bytes()).unwrap();
        assert_eq!(seen.status, Status::RequiresPaymentMethod);
        assert_eq!(seen.decline.unwrap().reason(), "insufficient_funds");
        let bare = json!({"error": {"code": "card_declined"}});
        assert_eq!(refused_intent(bare.to_string().as_bytes()), None);
    }

    #[test]
    fn a_charge_names_its_method_and_its_mark() {
        let (customer, method, mark) = (
            StripeCustomerId::parse("cus_1").unwrap(),
            MethodId::parse("pm_1").unwrap(),
            mark(),
        );
        let form = charge_form(&Charge {
            amount: Money::new(500, Currency::parse("USD").unwrap()),
            customer: &customer,
            method: &method,
            description: "INV-1",
            mark: &mark,
        });
        let has = |name: &str, value: &str| {
            form.iter()
                .any(|(other, text)| other == name && text == value)
        };
        assert!(has("payment_method", "pm_1") && has("currency", "usd"));
        assert!(has("metadata[zenstripe_attempt]", "3"));
        assert!(has("off_session", "true") && has("confirm", "true"));
    }
}
