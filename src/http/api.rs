//! `/api/v1`: the door that the command line, scripts and the console's own pages use.
//!
//! The shell around the commands: who may give orders, JSON in and out, one form of failure, a
//! limit on bodies. The same router is served on the console's listener and on the Unix socket.
//!
//! # Invariants
//!
//! - Every request has an [`Actor`] before a command sees it: a process that the Unix socket let
//!   in, or the owner of a token. Nothing else gets past the shell.
//! - A body is JSON and says so. A form on another site's page cannot, so a browser does not send
//!   an order that its user did not give.
//!
//! Not here: the commands, and where tokens are kept.

use crate::http::listener::Peer;
use crate::http::reply::{Class, Failure, RequestIds};
use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;

/// Where the commands are.
pub const PREFIX: &str = "/api/v1";
/// Largest body of an order, in bytes. The longest lists a few thousand ids.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Longest bearer token that is looked up, in bytes.
const TOKEN_BYTES_MAX: usize = 256;

/// Who gives an order; it is written down with what was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A process on this machine, by its user.
    Process {
        /// The user's id.
        uid: u32,
    },
    /// The owner of a token.
    Token {
        /// The token's name.
        name: String,
    },
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { uid } => write!(f, "uid {uid}"),
            Self::Token { name } => write!(f, "token {name}"),
        }
    }
}

/// Knows tokens: the name of the one with this text, if there is one.
pub type Tokens = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Puts `commands`, whose paths begin below [`PREFIX`], behind the door.
pub fn shell(commands: Router, tokens: Tokens, ids: RequestIds) -> Router {
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
            admit(Arc::clone(&tokens), request, next)
        }))
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            ids.clone().name(request, next)
        }));
    Router::new().nest(PREFIX, commands)
}

async fn admit(tokens: Tokens, mut request: Request, next: Next) -> Response {
    let mut response = match actor(&request, &tokens) {
        Some(actor) => {
            request.extensions_mut().insert(actor);
            next.run(request).await
        }
        None => Failure::new(
            Class::Unauthenticated,
            "unauthenticated",
            "This needs a token.",
        )
        .hint("Make one with `zenstripe token create`.")
        .into_response(),
    };
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}

fn actor(request: &Request, tokens: &Tokens) -> Option<Actor> {
    if let Some(Peer::Unix(caller)) = request.extensions().get() {
        return caller.allowed.then_some(Actor::Process { uid: caller.uid });
    }
    let value = request
        .headers()
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let fits = scheme.eq_ignore_ascii_case("bearer") && token.len() <= TOKEN_BYTES_MAX;
    let name = fits.then(|| tokens(token.trim()))??;
    Some(Actor::Token { name })
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
mod tests {
    use super::*;
    use crate::clock::Random;
    use crate::http::listener::Caller;
    use crate::http::testing::ask_router;
    use axum::Extension;
    use axum::routing::post;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Order {
        number: u32,
    }

    fn router() -> Router {
        let commands = Router::new()
            .route(
                "/who",
                axum::routing::get(async |Extension(actor): Extension<Actor>| actor.to_string()),
            )
            .route(
                "/order",
                post(async |Input(order): Input<Order>| order.number.to_string()),
            );
        let tokens: Tokens = Arc::new(|token| (token == "good").then(|| "ci".to_owned()));
        shell(
            commands,
            tokens,
            RequestIds::new(Arc::new(Random::from_seed(1))),
        )
    }

    fn caller(allowed: bool) -> Extension<Peer> {
        Extension(Peer::Unix(Caller {
            uid: 7,
            gid: 7,
            pid: None,
            allowed,
        }))
    }

    const TOKEN: (&str, &str) = ("authorization", "Bearer good");
    const JSON: (&str, &str) = ("content-type", "application/json");

    #[tokio::test]
    async fn only_a_process_or_a_token_gets_in() {
        let bare = router();
        for (headers, status, body) in [
            (&[][..], 401, None),
            (&[("authorization", "Bearer bad")], 401, None),
            (&[("authorization", "Bearer ")], 401, None),
            (&[("authorization", "Basic good")], 401, None),
            (&[TOKEN], 200, Some("token ci")),
            (&[("authorization", "bearer good")], 200, Some("token ci")),
        ] {
            let (have, answered, text) = ask_router(&bare, "GET", "/api/v1/who", headers, "").await;
            assert_eq!(have, status, "{headers:?}");
            assert_eq!(answered["cache-control"], "no-store");
            assert!(body.is_none_or(|body| body == text), "{text}");
            assert_eq!(status == 401, answered.contains_key("www-authenticate"));
        }
        let socket = router().layer(caller(true));
        let (status, _, body) = ask_router(&socket, "GET", "/api/v1/who", &[], "").await;
        assert_eq!((status, body.as_str()), (200, "uid 7"));
        let stranger = router().layer(caller(false));
        let (status, ..) = ask_router(&stranger, "GET", "/api/v1/who", &[TOKEN], "").await;
        assert_eq!(
            status, 401,
            "a process that may not does not get in by a token either"
        );
        let (status, ..) = ask_router(&bare, "GET", "/api/v1/none", &[], "").await;
        assert_eq!(status, 401, "what exists is nobody's business");
    }

    #[tokio::test]
    async fn failures_have_one_form() {
        let router = router();
        let large = format!("{{\"number\":{}}}", " ".repeat(BODY_BYTES_MAX));
        for (method, path, headers, body, status, code) in [
            ("GET", "/none", &[TOKEN][..], "", 404, "not_found"),
            ("GET", "/order", &[TOKEN], "", 405, "wrong_method"),
            (
                "POST",
                "/order",
                &[TOKEN],
                "{\"number\":1}",
                415,
                "not_json",
            ),
            ("POST", "/order", &[TOKEN, JSON], "{", 400, "malformed"),
            (
                "POST",
                "/order",
                &[TOKEN, JSON],
                "{\"number\":-1}",
                422,
                "invalid_input",
            ),
            ("POST", "/order", &[TOKEN, JSON], &large, 413, "too_large"),
        ] {
            let path = format!("{PREFIX}{path}");
            let (have, headers, text) = ask_router(&router, method, &path, headers, body).await;
            assert_eq!(have, status, "{method} {path}: {text}");
            assert!(headers.contains_key("x-request-id"));
            let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(answer["error"]["code"], code);
            assert!(answer["error"]["message"].is_string());
        }
        let order = ask_router(
            &router,
            "POST",
            "/api/v1/order",
            &[TOKEN, JSON],
            "{\"number\":5}",
        );
        assert_eq!(order.await.2, "5");
    }

    #[tokio::test]
    async fn a_request_keeps_the_name_it_came_with() {
        let router = router();
        let named = [TOKEN, ("x-request-id", "job-17")];
        let (_, headers, _) = ask_router(&router, "GET", "/api/v1/who", &named, "").await;
        assert_eq!(headers["x-request-id"], "job-17");
        let unnamed = [TOKEN, ("x-request-id", "a \"b")];
        let (_, headers, _) = ask_router(&router, "GET", "/api/v1/who", &unnamed, "").await;
        assert_eq!(headers["x-request-id"].len(), 16);
    }
}
