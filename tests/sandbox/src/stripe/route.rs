//! The routes of the Stripe API that exist here: path, parameters, permission.

use super::params::Param;
use super::{customers, endpoints, events, fields};
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
    Events,
    Event(&'a str),
    Endpoints,
    CreateEndpoint,
    Endpoint(&'a str),
    UpdateEndpoint(&'a str),
    DeleteEndpoint(&'a str),
}

const EXPAND_ONLY: &[Param] = &[super::params::EXPAND];

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
            Self::Account | Self::Customer(_) | Self::Event(_) | Self::Endpoint(_) => EXPAND_ONLY,
            Self::DeleteCustomer(_) | Self::DeleteEndpoint(_) => &[],
            Self::Customers => customers::LIST,
            Self::CreateCustomer => fields::CREATE,
            Self::UpdateCustomer(_) => fields::UPDATE,
            Self::Events => events::LIST,
            Self::TaxIds(_) | Self::Endpoints => endpoints::LIST,
            Self::CreateEndpoint => endpoints::CREATE,
            Self::UpdateEndpoint(_) => endpoints::UPDATE,
        }
    }
}
