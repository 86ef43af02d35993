//! The routes of the Stripe API that exist here: path, parameters, permission.

use super::params::{EXPAND, Kind, Param, param};
use super::{
    charge, customers, endpoints, events, expand, fields, intent, intents, payment_methods,
    session, session_form,
};
use crate::message::Request;

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Route<'a> {
    Account,
    Customers,
    CreateCustomer,
    Customer(&'a str),
    UpdateCustomer(&'a str),
    DeleteCustomer(&'a str),
    TaxIds(&'a str),
    Methods,
    MethodsOf(&'a str),
    MethodOf(&'a str, &'a str),
    Method(&'a str),
    Attach(&'a str),
    Detach(&'a str),
    Intents,
    CreateIntent,
    Intent(&'a str),
    ConfirmIntent(&'a str),
    CancelIntent(&'a str),
    Charges,
    Charge(&'a str),
    Sessions,
    CreateSession,
    Session(&'a str),
    ExpireSession(&'a str),
    SessionItems(&'a str),
    Events,
    Event(&'a str),
    Endpoints,
    CreateEndpoint,
    Endpoint(&'a str),
    UpdateEndpoint(&'a str),
    DeleteEndpoint(&'a str),
}

const EXPAND_ONLY: &[Param] = &[EXPAND];

const INTENT: &[Param] = &[param("client_secret", Kind::Text(5000)), EXPAND];

impl<'a> Route<'a> {
    /// The route of a request, if the path and method are known.
    pub(crate) fn of(request: &'a Request) -> Option<Self> {
        let segments = request.segments();
        let ["v1", rest @ ..] = segments.as_slice() else {
            return None;
        };
        Some(match (request.method.as_str(), rest) {
            ("GET", ["account"]) => Self::Account,
            ("GET", ["customers"]) => Self::Customers,
            ("POST", ["customers"]) => Self::CreateCustomer,
            // A collection's own paths are not ids.
            (_, ["customers", "search"]) => return None,
            ("GET", ["customers", id]) => Self::Customer(id),
            ("POST", ["customers", id]) => Self::UpdateCustomer(id),
            ("DELETE", ["customers", id]) => Self::DeleteCustomer(id),
            ("GET", ["customers", id, "tax_ids"]) => Self::TaxIds(id),
            ("GET", ["events"]) => Self::Events,
            ("GET", ["events", id]) => Self::Event(id),
            ("GET", ["webhook_endpoints"]) => Self::Endpoints,
            ("POST", ["webhook_endpoints"]) => Self::CreateEndpoint,
            ("GET", ["webhook_endpoints", id]) => Self::Endpoint(id),
            ("POST", ["webhook_endpoints", id]) => Self::UpdateEndpoint(id),
            ("DELETE", ["webhook_endpoints", id]) => Self::DeleteEndpoint(id),
            (method, rest) => return Self::of_money(method, rest),
        })
    }

    fn of_money(method: &str, rest: &[&'a str]) -> Option<Self> {
        Some(match (method, rest) {
            (_, ["payment_intents" | "charges", "search"]) => return None,
            ("GET", ["payment_methods"]) => Self::Methods,
            ("GET", ["payment_methods", id]) => Self::Method(id),
            ("POST", ["payment_methods", id, "attach"]) => Self::Attach(id),
            ("POST", ["payment_methods", id, "detach"]) => Self::Detach(id),
            ("GET", ["customers", id, "payment_methods"]) => Self::MethodsOf(id),
            ("GET", ["customers", customer, "payment_methods", id]) => Self::MethodOf(customer, id),
            ("GET", ["payment_intents"]) => Self::Intents,
            ("POST", ["payment_intents"]) => Self::CreateIntent,
            ("GET", ["payment_intents", id]) => Self::Intent(id),
            ("POST", ["payment_intents", id, "confirm"]) => Self::ConfirmIntent(id),
            ("POST", ["payment_intents", id, "cancel"]) => Self::CancelIntent(id),
            ("GET", ["charges"]) => Self::Charges,
            ("GET", ["charges", id]) => Self::Charge(id),
            ("GET", ["checkout", "sessions"]) => Self::Sessions,
            ("POST", ["checkout", "sessions"]) => Self::CreateSession,
            ("GET", ["checkout", "sessions", id]) => Self::Session(id),
            ("POST", ["checkout", "sessions", id, "expire"]) => Self::ExpireSession(id),
            ("GET", ["checkout", "sessions", id, "line_items"]) => Self::SessionItems(id),
            _ => return None,
        })
    }

    /// The path as a template: what the limit per endpoint counts by.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Account => "/v1/account",
            Self::Customers | Self::CreateCustomer => "/v1/customers",
            Self::Customer(_) | Self::UpdateCustomer(_) | Self::DeleteCustomer(_) => {
                "/v1/customers/{customer}"
            }
            Self::TaxIds(_) => "/v1/customers/{customer}/tax_ids",
            Self::Methods => "/v1/payment_methods",
            Self::MethodsOf(_) => "/v1/customers/{customer}/payment_methods",
            Self::MethodOf(..) => "/v1/customers/{customer}/payment_methods/{payment_method}",
            Self::Method(_) => "/v1/payment_methods/{payment_method}",
            Self::Attach(_) => "/v1/payment_methods/{payment_method}/attach",
            Self::Detach(_) => "/v1/payment_methods/{payment_method}/detach",
            Self::Intents | Self::CreateIntent => "/v1/payment_intents",
            Self::Intent(_) => "/v1/payment_intents/{intent}",
            Self::ConfirmIntent(_) => "/v1/payment_intents/{intent}/confirm",
            Self::CancelIntent(_) => "/v1/payment_intents/{intent}/cancel",
            Self::Charges => "/v1/charges",
            Self::Charge(_) => "/v1/charges/{charge}",
            Self::Sessions | Self::CreateSession => "/v1/checkout/sessions",
            Self::Session(_) => "/v1/checkout/sessions/{session}",
            Self::ExpireSession(_) => "/v1/checkout/sessions/{session}/expire",
            Self::SessionItems(_) => "/v1/checkout/sessions/{session}/line_items",
            Self::Events => "/v1/events",
            Self::Event(_) => "/v1/events/{id}",
            Self::Endpoints | Self::CreateEndpoint => "/v1/webhook_endpoints",
            Self::Endpoint(_) | Self::UpdateEndpoint(_) | Self::DeleteEndpoint(_) => {
                "/v1/webhook_endpoints/{webhook_endpoint}"
            }
        }
    }

    /// The permission that a restricted key needs.
    pub(crate) fn permission(&self) -> &'static str {
        match self {
            Self::Account => "rak_accounts_kyc_basic_read",
            Self::Customers | Self::Customer(_) => "rak_customer_read",
            Self::CreateCustomer | Self::UpdateCustomer(_) | Self::DeleteCustomer(_) => {
                "rak_customer_write"
            }
            Self::TaxIds(_) => super::TAX_IDS_READ,
            Self::Methods | Self::MethodsOf(_) | Self::MethodOf(..) | Self::Method(_) => {
                "rak_payment_method_read"
            }
            Self::Attach(_) | Self::Detach(_) => "rak_payment_method_write",
            Self::Intents | Self::Intent(_) => "rak_payment_intent_read",
            Self::CreateIntent | Self::ConfirmIntent(_) | Self::CancelIntent(_) => {
                "rak_payment_intent_write"
            }
            Self::Charges | Self::Charge(_) => "rak_charge_read",
            Self::Sessions | Self::Session(_) | Self::SessionItems(_) => {
                "rak_checkout_session_read"
            }
            Self::CreateSession | Self::ExpireSession(_) => "rak_checkout_session_write",
            Self::Events | Self::Event(_) => "rak_event_read",
            Self::Endpoints | Self::Endpoint(_) => "rak_webhook_read",
            Self::CreateEndpoint | Self::UpdateEndpoint(_) | Self::DeleteEndpoint(_) => {
                "rak_webhook_write"
            }
        }
    }

    /// The parameters it takes.
    pub(crate) fn params(&self) -> &'static [Param] {
        match self {
            Self::Account
            | Self::Customer(_)
            | Self::Event(_)
            | Self::Endpoint(_)
            | Self::MethodOf(..)
            | Self::Method(_)
            | Self::Detach(_)
            | Self::Charge(_)
            | Self::Session(_)
            | Self::ExpireSession(_) => EXPAND_ONLY,
            Self::Sessions => session::LIST,
            Self::CreateSession => session_form::CREATE,
            Self::Methods => payment_methods::LIST,
            Self::MethodsOf(_) => payment_methods::OF_CUSTOMER,
            Self::Attach(_) => payment_methods::ATTACH,
            Self::Intents => intent::LIST,
            Self::CreateIntent => intents::CREATE,
            Self::Intent(_) => INTENT,
            Self::ConfirmIntent(_) => intents::CONFIRM,
            Self::CancelIntent(_) => intents::CANCEL,
            Self::Charges => charge::LIST,
            Self::DeleteCustomer(_) | Self::DeleteEndpoint(_) => &[],
            Self::Customers => customers::LIST,
            Self::CreateCustomer => fields::CREATE,
            Self::UpdateCustomer(_) => fields::UPDATE,
            Self::Events => events::LIST,
            Self::TaxIds(_) | Self::Endpoints | Self::SessionItems(_) => endpoints::LIST,
            Self::CreateEndpoint => endpoints::CREATE,
            Self::UpdateEndpoint(_) => endpoints::UPDATE,
        }
    }

    /// What can be expanded, and what comes before the path in a list.
    pub(crate) fn expansions(&self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::Methods | Self::MethodsOf(_) => (expand::METHOD, "data."),
            Self::Intents => (expand::INTENT, "data."),
            Self::Charges => (expand::CHARGE, "data."),
            Self::MethodOf(..) | Self::Method(_) | Self::Attach(_) | Self::Detach(_) => {
                (expand::METHOD, "")
            }
            Self::Charge(_) => (expand::CHARGE, ""),
            Self::Sessions => (expand::SESSION, "data."),
            Self::CreateSession | Self::Session(_) | Self::ExpireSession(_) => {
                (expand::SESSION, "")
            }
            Self::SessionItems(_) => (&[], ""),
            _ => (expand::INTENT, ""),
        }
    }
}
