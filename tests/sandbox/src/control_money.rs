//! The routes below `/_sandbox` that have to do with money.
//!
//! Not here: customers, events, faults and the clock (see `control`).

use serde_json::{Value, json};

use crate::control::{Answer, body, found, missing, refuse, text};
use crate::message::Request;
use crate::sandbox::Sandbox;

/// The routes, as `GET /_sandbox` lists them.
pub(crate) const ROUTES: [(&str, &str); 18] = [
    (
        "GET /_sandbox/money",
        "what Stripe took, what Zenskar booked, and what is owed",
    ),
    (
        "POST /_sandbox/stripe/customers/{id}/payment_methods",
        "{payment_method: a test id}: attaches a new one",
    ),
    (
        "POST /_sandbox/stripe/customers/{id}/default",
        "{payment_method: an id or null}: the default",
    ),
    (
        "POST /_sandbox/stripe/payment_methods/{id}",
        "{behaves: a test id}: what it does from now on; /detach: detaches it",
    ),
    (
        "GET /_sandbox/stripe/payment_intents",
        "every PaymentIntent, oldest first",
    ),
    (
        "POST /_sandbox/stripe/payment_intents/{id}/authenticate",
        "{passed}: the customer acts on one in requires_action",
    ),
    (
        "POST /_sandbox/stripe/payment_intents/{id}/settle",
        "a bank debit in processing is known now, as its method says",
    ),
    (
        "POST /_sandbox/stripe/payment_intents/{id}/status",
        "{status}: a word to show instead of its own; null ends that",
    ),
    ("GET /_sandbox/stripe/charges", "every charge, oldest first"),
    (
        "GET /_sandbox/stripe/sessions",
        "every Checkout session, oldest first",
    ),
    (
        "POST /_sandbox/stripe/sessions/{id}/pay",
        "{payment_method: a test id}: a customer pays on the page",
    ),
    (
        "GET /_sandbox/zenskar/invoices",
        "every Zenskar invoice, without lag; /{id}: one, with its line items",
    ),
    (
        "POST /_sandbox/zenskar/invoices",
        "{customer_id, amount, …}: a person makes an invoice",
    ),
    (
        "POST /_sandbox/zenskar/invoices/{id}",
        "a person changes an invoice",
    ),
    (
        "POST /_sandbox/zenskar/invoices/{id}/void",
        "a person voids an invoice; /credit_note {amount}: lowers what is due",
    ),
    (
        "GET /_sandbox/zenskar/payments",
        "every Zenskar payment, without lag; /{id}: one",
    ),
    (
        "POST /_sandbox/zenskar/payments",
        "{…, native}: a payment appears, of Zenskar's own connector or a person's",
    ),
    (
        "POST /_sandbox/zenskar/payments/{id}",
        "{status, external_id}: a payment changes",
    ),
];

/// Answers a request, if it has to do with money.
pub(crate) fn route(
    sandbox: &Sandbox,
    method: &str,
    rest: &[&str],
    request: &Request,
) -> Option<Answer> {
    match rest {
        ["money"] if method == "GET" => Some(Ok(json!(sandbox.money()))),
        ["stripe", "customers", id, "payment_methods" | "default"] => {
            let what = rest.last().copied().unwrap_or_default();
            Some(customer(sandbox, method, (id, what), request))
        }
        [
            "stripe",
            "payment_methods" | "payment_intents" | "charges" | "sessions",
            ..,
        ] => {
            let rest = rest.get(1..).unwrap_or_default();
            Some(stripe(sandbox, method, rest, request))
        }
        ["zenskar", "invoices", rest @ ..] => Some(invoices(sandbox, method, rest, request)),
        ["zenskar", "payments", rest @ ..] => Some(payments(sandbox, method, rest, request)),
        _ => None,
    }
}

fn invoices(sandbox: &Sandbox, method: &str, rest: &[&str], request: &Request) -> Answer {
    let shown = |id: &str| found(sandbox.zenskar_invoice(id));
    match (method, rest) {
        ("GET", []) => Ok(json!(sandbox.zenskar_invoices())),
        ("GET", [id]) => shown(id),
        ("POST", []) => {
            let fields = Value::Object(body(request)?);
            let made = sandbox.zenskar_create_invoice(&fields);
            made.map_err(|problem| (400, problem))
                .and_then(|id| shown(&id))
        }
        ("POST" | "PATCH", [id]) => {
            let fields = Value::Object(body(request)?);
            let changed = sandbox.zenskar_update_invoice(id, &fields);
            changed.map_err(|problem| (400, problem))?;
            shown(id)
        }
        ("POST", [id, "void"]) if sandbox.zenskar_void_invoice(id) => shown(id),
        ("POST", [id, "credit_note"]) => {
            let body = body(request)?;
            match body.get("amount").and_then(Value::as_i64) {
                Some(minor) if sandbox.zenskar_credit_note(id, minor) => shown(id),
                Some(_) => missing(),
                None => refuse(400, "amount is wanted"),
            }
        }
        ("POST", [_, "void"]) => missing(),
        _ => refuse(404, "no such route; GET /_sandbox lists them"),
    }
}

fn payments(sandbox: &Sandbox, method: &str, rest: &[&str], request: &Request) -> Answer {
    let shown = |id: &str| found(sandbox.zenskar_payment(id));
    match (method, rest) {
        ("GET", []) => Ok(json!(sandbox.zenskar_payments())),
        ("GET", [id]) => shown(id),
        ("POST", []) => {
            let made = sandbox.zenskar_add_payment(&Value::Object(body(request)?));
            made.map_err(|problem| (400, problem))
                .and_then(|id| shown(&id))
        }
        ("POST" | "PATCH", [id]) => {
            sandbox.zenskar_update_payment(id, &Value::Object(body(request)?));
            shown(id)
        }
        _ => refuse(404, "no such route; GET /_sandbox lists them"),
    }
}

fn customer(
    sandbox: &Sandbox,
    method: &str,
    (id, what): (&str, &str),
    request: &Request,
) -> Answer {
    match (method, what) {
        ("GET", "payment_methods") => Ok(json!(sandbox.stripe_payment_methods(id))),
        ("POST", "payment_methods") => {
            let body = body(request)?;
            let made = sandbox.stripe_attach(id, text(&body, "payment_method")?);
            made.map(|id| json!({ "id": id })).map_err(|e| (400, e))
        }
        ("POST", "default") => {
            let body = body(request)?;
            let chosen = body.get("payment_method").and_then(Value::as_str);
            done(sandbox.stripe_set_default(id, chosen))
        }
        _ => refuse(405, "no such method here; GET /_sandbox lists the routes"),
    }
}

fn stripe(sandbox: &Sandbox, method: &str, rest: &[&str], request: &Request) -> Answer {
    match (method, rest) {
        ("POST", ["payment_methods", id]) => {
            let body = body(request)?;
            done(sandbox.stripe_method_behaves(id, text(&body, "behaves")?))
        }
        ("POST", ["payment_methods", id, "detach"]) => done(sandbox.stripe_detach(id)),
        ("GET", ["payment_intents"]) => Ok(json!(sandbox.stripe_payment_intents())),
        ("POST", ["payment_intents", id, "authenticate"]) => {
            let body = body(request)?;
            let passed = body.get("passed").and_then(Value::as_bool).unwrap_or(true);
            done(sandbox.stripe_authenticate(id, passed))
        }
        ("POST", ["payment_intents", id, "settle"]) => done(sandbox.stripe_settle_debit(id)),
        ("POST", ["payment_intents", id, "status"]) => {
            let body = body(request)?;
            let status = body.get("status").and_then(Value::as_str);
            done(sandbox.stripe_show_status(id, status))
        }
        ("GET", ["charges"]) => Ok(json!(sandbox.stripe_charges())),
        ("GET", ["sessions"]) => Ok(json!(sandbox.stripe_sessions())),
        ("POST", ["sessions", id, "pay"]) => {
            let body = body(request)?;
            let chosen = body.get("payment_method").and_then(Value::as_str);
            let paid = sandbox.stripe_pay_session(id, chosen.unwrap_or("pm_card_visa"));
            paid.map(|()| json!({})).map_err(|problem| (400, problem))
        }
        _ => refuse(404, "no such route; GET /_sandbox lists them"),
    }
}

fn done(found: bool) -> Answer {
    if found { Ok(json!({})) } else { missing() }
}
