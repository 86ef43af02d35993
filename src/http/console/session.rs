//! Sessions: a cookie with a secret, of which the store keeps the digest.
//!
//! # Invariants
//!
//! - A secret is drawn here when somebody signs in; one that a browser brings is never taken over.
//! - The cookie is for this listener alone: no script reads it, and no other site's page makes a
//!   browser send it (`SameSite=Strict`).

use super::Desk;
use super::guard::came_by_a_link;
use super::page::{self, accepts_json};
use crate::engine::secret::{NoRandomness, digest, draw, hex};
use crate::http::mask::Looks;
use crate::http::reply::{Class, Failure};
use crate::model::journal::Entry;
use crate::model::session::{Digest, Role, Session};
use crate::store::{StoreError, WriteError};
use crate::sync::session::{self as decide, LIFETIME, Standing};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use zeroize::Zeroizing;

/// Hexadecimal digits of a secret.
const SECRET_DIGITS: usize = 64;

/// Sessions at a time. Nobody has so many people at a console.
const SESSIONS_MAX: usize = 1_000;

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    /// Who, as the activity names them.
    pub(super) who: String,
    /// What they may do.
    pub(super) role: Role,
    /// Of the session.
    pub(super) key: Digest,
    /// What forms of this session carry. It follows from the secret, which no page holds.
    pub(super) form_key: String,
}

impl Looks for Visitor {
    fn role(&self) -> Role {
        self.role
    }
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// The store cannot be read.
    #[error("read the sessions")]
    Read(#[from] StoreError),
    /// The store cannot be written.
    #[error("write a session")]
    Write(#[from] WriteError),
    /// No secret can be drawn.
    #[error("draw a secret")]
    Randomness(#[from] NoRandomness),
}

/// What the cookies of a session are like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookies {
    name: String,
    secure: &'static str,
}

impl Cookies {
    /// Those of the listener on `port`. Instances on one machine share a host, and cookies know no
    /// ports. Where browsers come over TLS the cookie is `is_secure`: no browser sends it in the clear,
    /// and no other host of the domain can have set it (`__Host-`).
    #[must_use]
    pub fn new(port: u16, is_secure: bool) -> Self {
        let (prefix, secure) = if is_secure {
            ("__Host-", "; Secure")
        } else {
            ("", "")
        };
        Self {
            name: format!("{prefix}zenstripe_{port}"),
            secure,
        }
    }

    /// Whether no browser sends them in the clear.
    pub(super) const fn are_secure(&self) -> bool {
        !self.secure.is_empty()
    }

    /// The cookie that a browser is to keep for so long.
    fn of(&self, secret: &str, seconds: u64) -> String {
        let Self { name, secure } = self;
        format!("{name}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }
}

/// Middleware: lets on whoever is signed in.
pub(super) async fn admit(desk: Desk, mut request: Request, next: Next) -> Response {
    match find(&desk, request.headers()).await {
        Ok(Some(visitor)) => {
            request.extensions_mut().insert(visitor.clone());
            let mut response = next.run(request).await;
            // For the page that says what went wrong.
            response.extensions_mut().insert(visitor);
            response
        }
        Ok(None) => not_signed_in(&desk, &request),
        Err(error) => Failure::internal(&error).into_response(),
    }
}

/// Middleware: lets on whoever has this role.
pub(super) async fn require(role: Role, request: Request, next: Next) -> Response {
    let visitor = request.extensions().get::<Visitor>();
    if visitor.is_some_and(|visitor| visitor.role >= role) {
        return next.run(request).await;
    }
    Failure::new(
        Class::Forbidden,
        "role",
        format!("This takes the role {role}."),
    )
    .hint(format!(
        "Somebody with access to the machine gives it: zenstripe console --role {role}"
    ))
    .into_response()
}

fn not_signed_in(desk: &Desk, request: &Request) -> Response {
    if accepts_json(request.headers()) {
        return Failure::new(
            Class::Unauthenticated,
            "unauthenticated",
            "Nobody is signed in.",
        )
        .hint("`zenstripe console` shows an address that signs you in.")
        .into_response();
    }
    let path = request.uri().path();
    if *request.method() == Method::GET && came_by_a_link(request.headers()) {
        return page::once_more(desk, path);
    }
    let back = if *request.method() == Method::GET {
        path
    } else {
        "/"
    };
    let to = match back {
        "/" => "/login".to_owned(),
        path => format!("/login?next={path}"),
    };
    page::see_other(&to)
}

/// The session that a browser brings.
async fn find(desk: &Desk, headers: &HeaderMap) -> Result<Option<Visitor>, SessionError> {
    let Some(secret) = brought(&desk.cookies.name, headers) else {
        return Ok(None);
    };
    let key = digest(&secret);
    let engine = &desk.doors.engine;
    let Some(session) = engine.store.read()?.session(&key)? else {
        return Ok(None);
    };
    let now = engine.clock.now();
    let visitor = Visitor {
        who: session.who.clone(),
        role: session.role,
        key,
        form_key: form_key(&secret),
    };
    match decide::standing(&session, now) {
        Standing::Open => Ok(Some(visitor)),
        Standing::Over => {
            let written = engine
                .writer
                .write("end session", move |tx| tx.remove_session(&key).map(drop));
            written.await?;
            Ok(None)
        }
        Standing::Noted => {
            let written = engine.writer.write("note session", move |tx| {
                // It may have ended meanwhile.
                match tx.session(&key)? {
                    Some(session) => tx.put_session(
                        &key,
                        &Session {
                            seen_at: now,
                            ..session
                        },
                    ),
                    None => Ok(()),
                }
            });
            written.await?;
            Ok(Some(visitor))
        }
    }
}

/// Whether a session goes on.
pub(super) fn is_open(desk: &Desk, key: &Digest) -> Result<bool, StoreError> {
    let engine = &desk.doors.engine;
    let session = engine.store.read()?.session(key)?;
    Ok(session.is_some_and(|session| !decide::is_over(&session, engine.clock.now())))
}

/// Begins a session with a token, in place of the one that the browser had; gives its cookie.
pub(super) async fn begin(
    desk: &Desk,
    token: &str,
    headers: &HeaderMap,
) -> Result<Option<String>, SessionError> {
    let engine = &desk.doors.engine;
    let secret = draw()?;
    let (token, key, now) = (digest(token), digest(&secret), engine.clock.now());
    let before = brought(&desk.cookies.name, headers).map(|secret| digest(&secret));
    let begun = engine
        .writer
        .write("begin session", move |tx| {
            let Some(login) = tx.login(&token)? else {
                return Ok(false);
            };
            let Some(session) = decide::begin(&login, now) else {
                return Ok(false);
            };
            let mut entry = Entry::engine(now, "signed in", &"console").with("role", &session.role);
            session.who.clone_into(&mut entry.who);
            let used = crate::model::session::Login {
                used_at: Some(now),
                ..login
            };
            tx.put_login(&token, &used)?;
            if let Some(before) = before {
                tx.remove_session(&before)?;
            }
            let open = tx.sessions()?.len();
            tx.prune_sessions(|session| open >= SESSIONS_MAX || decide::is_over(session, now))?;
            tx.put_session(&key, &session)?;
            tx.append_journal(&entry)?;
            Ok(true)
        })
        .await?;
    Ok(begun.then(|| desk.cookies.of(&secret, LIFETIME.as_secs())))
}

/// Ends a session; gives the cookie that takes it from the browser.
pub(super) async fn end(desk: &Desk, visitor: &Visitor) -> Result<String, SessionError> {
    let engine = &desk.doors.engine;
    let (key, now) = (visitor.key, engine.clock.now());
    let mut entry = Entry::engine(now, "signed out", &"console");
    visitor.who.clone_into(&mut entry.who);
    engine
        .writer
        .write("end session", move |tx| {
            tx.remove_session(&key)?;
            tx.append_journal(&entry).map(drop)
        })
        .await?;
    Ok(desk.cookies.of("", 0))
}

/// An answer that sends a browser on, with a cookie.
pub(super) fn with_cookie(mut response: Response, cookie: &str) -> Response {
    // A name of ours, hexadecimal digits and attributes: what may stand in a header.
    match HeaderValue::try_from(cookie) {
        Ok(value) => {
            response.headers_mut().append(header::SET_COOKIE, value);
            response
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The secret that a browser brings. Brought twice, it is nobody's.
fn brought(name: &str, headers: &HeaderMap) -> Option<Zeroizing<String>> {
    let secret = one_cookie(name, headers)?;
    let is_one = secret.len() == SECRET_DIGITS && secret.bytes().all(|b| b.is_ascii_hexdigit());
    is_one.then(|| Zeroizing::new(secret.to_owned()))
}

/// The value of the one cookie of this name.
pub(super) fn one_cookie<'a>(name: &str, headers: &'a HeaderMap) -> Option<&'a str> {
    let values = headers.get_all(header::COOKIE).iter();
    let mut ours = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name);
    match (ours.next(), ours.next()) {
        (Some((_, value)), None) => Some(value),
        _ => None,
    }
}

fn form_key(secret: &str) -> String {
    hex(&digest(&format!("form {secret}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookies: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            let value = HeaderValue::from_str(cookie).unwrap();
            headers.append(header::COOKIE, value);
        }
        headers
    }

    #[test]
    fn one_cookie_with_a_secret_is_a_session() {
        let Cookies { name, .. } = Cookies::new(9_481, false);
        assert_eq!(name, "zenstripe_9481");
        let good = "a".repeat(64);
        for (cookies, found) in [
            (vec![format!("zenstripe_9481={good}")], true),
            (vec![format!("x=1; zenstripe_9481={good}; y")], true),
            (vec![format!("zenstripe_1={good}")], false),
            (vec![format!("zenstripe_9481={good}"); 2], false),
            (vec![format!("zenstripe_9481={good}x")], false),
            (vec!["zenstripe_9481=".to_owned()], false),
            (vec![format!("zenstripe_9481={}", "ä".repeat(32))], false),
            (vec![], false),
        ] {
            let cookies: Vec<&str> = cookies.iter().map(String::as_str).collect();
            let brought = brought(&name, &headers(&cookies));
            assert_eq!(brought.is_some(), found, "{cookies:?}");
        }
    }

    #[test]
    fn the_form_key_follows_from_the_secret_and_does_not_show_it() {
        let key = form_key("secret");
        assert_eq!(key.len(), 64);
        assert_ne!(
            key,
            hex(&digest("secret")),
            "the store's digest is no form key"
        );
        assert_ne!(key, form_key("other"));
    }

    #[test]
    fn the_cookie_is_for_this_listener_alone() {
        assert_eq!(
            Cookies::new(1, false).of("s", 9),
            "zenstripe_1=s; Path=/; Max-Age=9; HttpOnly; SameSite=Strict"
        );
        assert_eq!(
            Cookies::new(1, true).of("s", 9),
            "__Host-zenstripe_1=s; Path=/; Max-Age=9; HttpOnly; SameSite=Strict; Secure"
        );
    }
}
