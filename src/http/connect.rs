//! `GET /oauth/stripe/start` and `GET /oauth/stripe/callback`: a browser's way to Stripe and back.
//!
//! # Invariants
//!
//! - Where a browser is sent follows from the configuration alone, never from what it sends: a
//!   forged `Host` changes nothing.
//! - Only GET does something; HEAD, which link previews like, uses up no ticket.
//! - The browser's secret is in a cookie that no script reads and that goes along with no request
//!   that another site makes but for the way back itself (`SameSite=Lax`; over TLS `__Host-`, which
//!   binds it to this name).
//! - Nothing that came from outside is in a page but as text, and no page is kept by a cache.
//!
//! Not here: whether a browser is let on ([`crate::engine::connect`]).

use crate::engine::Engine;
use crate::engine::connect::{Back, CALLBACK, Landing, START};
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use std::fmt::Write;
use std::sync::Arc;

/// The cookie over TLS.
const SECURE_COOKIE: &str = "__Host-zenstripe_oauth";
/// The cookie without, which is for the machine itself.
const PLAIN_COOKIE: &str = "zenstripe_oauth";
/// How long the cookie is kept, in seconds: as long as a state can be used.
const COOKIE_SECONDS: u32 = 600;

/// What every answer says to browsers.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

/// The two pages. Answers link back to `console`.
pub fn router(engine: Arc<Engine>, console: &str) -> Router {
    let doors = Doors {
        engine,
        console: console.into(),
    };
    Router::new()
        .route(START, any(start))
        .route(CALLBACK, any(callback))
        .with_state(doors)
}

#[derive(Clone, Debug)]
struct Doors {
    engine: Arc<Engine>,
    console: Arc<str>,
}

#[derive(Deserialize)]
struct StartQuery {
    #[serde(default)]
    ticket: String,
}

async fn start(
    State(doors): State<Doors>,
    method: Method,
    query: Result<Query<StartQuery>, QueryRejection>,
) -> Response {
    if method != Method::GET {
        return wrong_method();
    }
    let ticket = query.map(|Query(query)| query.ticket).unwrap_or_default();
    let departure = match doors.engine.depart(&ticket) {
        Ok(departure) => departure,
        Err(landing) => return page(&landing, &doors.console),
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    let cookie = cookie(&departure.browser, COOKIE_SECONDS, departure.is_secure);
    set(&mut response, header::LOCATION, &departure.location);
    set(&mut response, header::SET_COOKIE, &cookie);
    guarded(response)
}

#[derive(Deserialize)]
struct CallbackQuery {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
}

async fn callback(
    State(doors): State<Doors>,
    method: Method,
    headers: HeaderMap,
    query: Result<Query<CallbackQuery>, QueryRejection>,
) -> Response {
    if method != Method::GET {
        return wrong_method();
    }
    // What cannot be read carries no state.
    let mut back = query.map_or_else(
        |_| Back::default(),
        |Query(query)| Back {
            state: query.state,
            code: query.code,
            error: query.error,
            browser: None,
        },
    );
    let brought = browser(&headers);
    back.browser = brought.as_ref().map(|(secret, _)| secret.clone());
    let landing = doors.engine.arrive(back).await;
    let mut response = page(&landing, &doors.console);
    if let Some((_, is_secure)) = brought {
        // It has done its work.
        set(&mut response, header::SET_COOKIE, &cookie("", 0, is_secure));
    }
    response
}

fn cookie(secret: &str, seconds: u32, is_secure: bool) -> String {
    let (name, secure) = if is_secure {
        (SECURE_COOKIE, "; Secure")
    } else {
        (PLAIN_COOKIE, "")
    };
    format!("{name}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// The secret that the browser was given, and whether over TLS. Given twice, it is nobody's.
fn browser(headers: &HeaderMap) -> Option<(String, bool)> {
    let cookies = headers.get_all(header::COOKIE).iter();
    let pairs = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let mut ours = pairs.filter(|(name, _)| [SECURE_COOKIE, PLAIN_COOKIE].contains(name));
    match (ours.next(), ours.next()) {
        (Some((name, secret)), None) => Some((secret.to_owned(), name == SECURE_COOKIE)),
        _ => None,
    }
}

fn wrong_method() -> Response {
    let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
    set(&mut response, header::ALLOW, "GET");
    guarded(response)
}

fn page(landing: &Landing, console: &str) -> Response {
    let status = if landing.connected {
        StatusCode::OK
    } else {
        StatusCode::BAD_REQUEST
    };
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n<p>{message}</p>\n",
        title = escaped(landing.title),
        message = escaped(&landing.message),
    );
    if !landing.hint.is_empty() {
        // Writing into a `String` cannot fail.
        writeln!(html, "<p>{}</p>", escaped(&landing.hint)).unwrap_or_default();
    }
    let console = escaped(console);
    write!(
        html,
        "<p><a href=\"{console}\">Back to the console</a></p>\n</main>\n</body>\n</html>\n"
    )
    .unwrap_or_default();
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    guarded((status, kind, html).into_response())
}

fn guarded(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    // Every value is built of what may stand in a header.
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

/// `text` as it may stand in a page.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_cookies(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::COOKIE, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn one_cookie_of_ours_is_the_browsers_secret() {
        for (values, expected) in [
            (&["zenstripe_oauth=a"][..], Some(("a", false))),
            (&["x=1; zenstripe_oauth=a; y=2"], Some(("a", false))),
            (&["x=1", "__Host-zenstripe_oauth=b"], Some(("b", true))),
            (&["zenstripe_oauth=a; zenstripe_oauth=b"], None),
            (&["zenstripe_oauth=a", "__Host-zenstripe_oauth=b"], None),
            (&["xzenstripe_oauth=a"], None),
            (&["zenstripe_oauth"], None),
            (&[], None),
        ] {
            let found = browser(&with_cookies(values));
            let found = found.as_ref().map(|(secret, tls)| (secret.as_str(), *tls));
            assert_eq!(found, expected, "{values:?}");
        }
    }

    #[test]
    fn a_cookie_is_for_this_browser_and_this_name() {
        let plain = "zenstripe_oauth=s; Path=/; Max-Age=600; HttpOnly; SameSite=Lax";
        assert_eq!(cookie("s", 600, false), plain);
        assert_eq!(
            cookie("s", 600, true),
            "__Host-zenstripe_oauth=s; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"
        );
    }

    #[test]
    fn a_page_holds_what_came_from_outside_as_text() {
        assert_eq!(
            escaped("<a href='x'>\"&"),
            "&lt;a href=&#39;x&#39;&gt;&quot;&amp;"
        );
        let landing = Landing {
            connected: false,
            title: "t",
            message: "<script>".to_owned(),
            hint: String::new(),
        };
        let response = page(&landing, "http://localhost:1");
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        for (name, value) in HEADERS {
            assert_eq!(response.headers()[name], value);
        }
    }
}
