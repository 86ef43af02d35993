//! Who asks: a process by the socket it came in through, anybody else by the token they hold.
//!
//! A right token is let through whatever came before it from its address: programs behind one proxy
//! share an address, and one with a token that expired must not lock out the others. A wrong one is
//! held against its address, so that guessing costs time and the log stays readable.

use super::Actor;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::http::console::guard::is_of_another_site;
use crate::http::listener::Peer;
use crate::http::proxies;
use crate::http::reply::{Class, Failure};
use crate::http::tries::Tries;
use crate::store::StoreError;
use crate::telemetry::chain;
use axum::extract::Request;
use http::{HeaderMap, header};
use std::fmt;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// Longest token that is looked up, in bytes.
const TOKEN_BYTES_MAX: usize = 256;

/// Knows tokens: who holds the one with this text, if it works.
pub type Tokens = Arc<dyn Fn(&str) -> Result<Option<Actor>, StoreError> + Send + Sync>;

/// Tells who asks.
#[derive(Clone)]
pub struct Bearers {
    tokens: Tokens,
    tries: Arc<Tries>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Bearers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearers").finish_non_exhaustive()
    }
}

impl Bearers {
    /// Tokens as `tokens` knows them.
    #[must_use]
    pub fn new(tokens: Tokens, clock: Arc<dyn Clock>) -> Self {
        Self {
            tokens,
            tries: Arc::default(),
            clock,
        }
    }

    /// The tokens in the engine's store. That one was used is written down by `actions`, which no
    /// request waits for.
    #[must_use]
    pub fn of(engine: &Arc<Engine>, actions: &TaskTracker) -> Self {
        let clock = Arc::clone(&engine.clock);
        let (engine, actions) = (Arc::clone(engine), actions.clone());
        let tokens = move |text: &str| {
            let Some(brought) = engine.brought_token(text)? else {
                return Ok(None);
            };
            if let Some(key) = brought.unnoted {
                let engine = Arc::clone(&engine);
                actions.spawn(async move {
                    if let Err(error) = engine.note_token(key).await {
                        let error = chain(&error);
                        tracing::warn!(event = "token_not_noted", error);
                    }
                });
            }
            let token = brought.token;
            Ok(Some(Actor::Token {
                name: token.name,
                role: token.role,
            }))
        };
        Self::new(Arc::new(tokens), clock)
    }

    /// Who asks, or why they are not listened to.
    pub(super) fn actor(&self, request: &Request) -> Result<Actor, Failure> {
        if let Some(Peer::Unix(caller)) = request.extensions().get() {
            let actor = Actor::Process { uid: caller.uid };
            return if caller.allowed {
                Ok(actor)
            } else {
                Err(unknown())
            };
        }
        if is_of_another_site(request.headers()) {
            return Err(Failure::new(
                Class::Forbidden,
                "other_site",
                "This was sent by a page of another site.",
            )
            .hint("The API is for programs; browsers have the console."));
        }
        let Some(text) = token(request.headers()) else {
            return Err(unknown());
        };
        match (self.tokens)(text) {
            Ok(Some(actor)) => Ok(actor),
            Ok(None) => Err(self.wrong(request)),
            Err(error) => Err(Failure::internal(&error)),
        }
    }

    fn wrong(&self, request: &Request) -> Failure {
        let (address, now) = (proxies::address(request), self.clock.now());
        if !self.tries.may_try(address, now) {
            return Failure::new(Class::TooMany, "too_many", "Too many tokens were wrong.")
                .hint("Wait a minute, and use a token that `zenstripe token list` shows.");
        }
        self.tries.was_wrong(address, now);
        tracing::warn!(event = "token_refused", "a token that lets nobody in");
        unknown()
    }
}

/// Whoever has no token hears the same as whoever has one that is wrong, revoked or expired.
fn unknown() -> Failure {
    Failure::new(
        Class::Unauthenticated,
        "unauthenticated",
        "This needs a token.",
    )
    .hint("Send one that works as `Authorization: Bearer …`; `zenstripe token create` makes one.")
}

/// The token that a request brings. Brought twice, it is nobody's.
fn token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    let fits = !token.is_empty() && token.len() <= TOKEN_BYTES_MAX;
    (fits && scheme.eq_ignore_ascii_case("bearer")).then_some(token)
}
