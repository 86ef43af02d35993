//! `/api/v1`: the door that the command line, scripts and other systems use.
//!
//! The shell around the commands: who may give orders, JSON in and out, one form of failure, a
//! limit on bodies. The same router is served on the console's listener and on the Unix socket.
//!
//! # Invariants
//!
//! - Every request has an [`Actor`] before a command sees it: a process that the Unix socket let
//!   in, or whoever holds a token. Nothing else gets past the shell, and a cookie is not looked at.
//! - A token comes in a header, which no other site's page makes a browser send, and which is in no
//!   log; never in an address.
//! - A body is JSON and says so. A form on another site's page cannot, so a browser does not send
//!   an order that its user did not give.
//!
//! Not here: the commands and the role that each takes ([`crate::http::commands`]), and what a token
//! is ([`crate::engine::tokens`]).

mod bearer;

pub use bearer::{Bearers, Tokens};

use crate::http::mask::Looks;
use crate::http::reply::{Class, Failure};
use crate::model::session::{Role, TOKEN_PREFIX};
use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;
use std::fmt;

/// Where the commands are.
pub const PREFIX: &str = "/api/v1";
/// Largest body of an order, in bytes. The longest lists a few thousand ids.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// What every answer says: no cache keeps it, and no browser takes it for anything but data of ours.
const HEADERS: [(HeaderName, &str); 3] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Who gives an order; it is written down with what was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A process on this machine, by its user.
    Process {
        /// The user's id.
        uid: u32,
    },
    /// Whoever holds a token.
    Token {
        /// The token's name.
        name: String,
        /// What may be done with it.
        role: Role,
    },
}

impl Actor {
    /// What they may do. A process that the socket lets in may do everything.
    #[must_use]
    pub const fn role(&self) -> Role {
        match self {
            Self::Process { .. } => Role::Admin,
            Self::Token { role, .. } => *role,
        }
    }
}

impl Looks for Actor {
    fn role(&self) -> Role {
        Self::role(self)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { uid } => write!(f, "uid {uid}"),
            Self::Token { name, .. } => write!(f, "{TOKEN_PREFIX}{name}"),
        }
    }
}

/// Puts `commands`, whose paths begin below [`PREFIX`], behind the door.
pub fn shell(commands: Router, bearers: Bearers) -> Router {
    let commands = commands
        .fallback(async || Failure::new(Class::NotFound, "not_found", "There is no such command."))
        .method_not_allowed_fallback(async || {
            Failure::new(
                Class::WrongMethod,
                "wrong_method",
                "The command has another method.",
            )
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            admit(bearers.clone(), request, next)
        }));
    Router::new().nest(PREFIX, commands)
}

async fn admit(bearers: Bearers, mut request: Request, next: Next) -> Response {
    let mut response = match bearers.actor(&request) {
        Ok(actor) => {
            request.extensions_mut().insert(actor);
            next.run(request).await
        }
        Err(failure) => failure.into_response(),
    };
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// Middleware: lets on whoever has this role.
pub async fn require(role: Role, request: Request, next: Next) -> Response {
    let actor = request.extensions().get::<Actor>();
    if actor.is_some_and(|actor| actor.role() >= role) {
        return next.run(request).await;
    }
    Failure::new(
        Class::Forbidden,
        "role",
        format!("This takes a token with the role {role}."),
    )
    .hint(format!(
        "Make one with `zenstripe token create --role {role}`."
    ))
    .into_response()
}

/// The JSON body of an order.
#[derive(Clone, Copy, Debug)]
pub struct Input<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Input<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(failure(&rejection)),
        }
    }
}

fn failure(rejection: &JsonRejection) -> Failure {
    let status = rejection.status();
    let (class, code) = match rejection {
        JsonRejection::MissingJsonContentType(_) => (Class::WrongType, "not_json"),
        JsonRejection::JsonDataError(_) => (Class::Refused, "invalid_input"),
        _ if status == StatusCode::PAYLOAD_TOO_LARGE => (Class::TooLarge, "too_large"),
        _ => (Class::Malformed, "malformed"),
    };
    Failure::new(class, code, rejection.body_text())
}

#[cfg(test)]
mod tests;
