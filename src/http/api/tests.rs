//! Who gets in, and in which form failures are told.

use super::*;
use crate::clock::{Random, SystemClock};
use crate::http::listener::{Caller, Peer};
use crate::http::reply::RequestIds;
use crate::http::testing::ask_router;
use axum::Extension;
use axum::routing::post;
use serde::Deserialize;
use std::sync::Arc;

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
    let commands = commands.route(
        "/decide",
        post(async || "decided").route_layer(middleware::from_fn(|request, next| {
            require(Role::Operator, request, next)
        })),
    );
    let ci = |role| Actor::Token {
        name: "ci".to_owned(),
        role,
    };
    let tokens: Tokens = Arc::new(move |token| {
        Ok(match token {
            "good" => Some(ci(Role::Operator)),
            "small" => Some(ci(Role::Viewer)),
            _ => None,
        })
    });
    let ids = RequestIds::new(Arc::new(Random::from_seed(1)));
    let bearers = Bearers::new(tokens, Arc::new(SystemClock));
    shell(commands, bearers).layer(middleware::from_fn(move |request: Request, next: Next| {
        ids.clone().name(request, next)
    }))
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
        (&[TOKEN], 200, Some("token/ci")),
        (&[("authorization", "bearer good")], 200, Some("token/ci")),
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

#[tokio::test]
async fn a_role_that_is_too_small_hears_which_one_it_takes() {
    let small = ("authorization", "Bearer small");
    let router = router();
    let decide = |token| {
        let router = router.clone();
        async move { ask_router(&router, "POST", "/api/v1/decide", &[token], "").await }
    };
    let (status, headers, text) = decide(small).await;
    assert_eq!(
        (status, headers.contains_key("www-authenticate")),
        (403, false)
    );
    assert!(
        text.contains("\"role\"") && text.contains("operator"),
        "{text}"
    );
    assert_eq!(decide(TOKEN).await.2, "decided");
    let socket = router.clone().layer(caller(true));
    let (status, ..) = ask_router(&socket, "POST", "/api/v1/decide", &[], "").await;
    assert_eq!(status, 200, "a process has every role");
}

#[tokio::test]
async fn wrong_tokens_make_their_address_wait_and_lock_nobody_out() {
    let router = router();
    let wrong = [("authorization", "Bearer wrong")];
    for expected in [401, 401, 401, 401, 401, 429] {
        let (status, headers, _) = ask_router(&router, "GET", "/api/v1/who", &wrong, "").await;
        assert_eq!(status, expected);
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }
    let (status, ..) = ask_router(&router, "GET", "/api/v1/who", &[TOKEN], "").await;
    assert_eq!(status, 200);
    let (status, ..) = ask_router(&router, "GET", "/api/v1/who", &[], "").await;
    assert_eq!(status, 401, "no token is not a wrong one");
}

#[tokio::test]
async fn a_token_counts_in_its_header_alone_once_and_from_no_other_site() {
    let router = router();
    for (path, headers, expected) in [
        ("/api/v1/who?token=good", &[][..], 401),
        ("/api/v1/who?access_token=good", &[], 401),
        ("/api/v1/who", &[("cookie", "token=good")], 401),
        ("/api/v1/who", &[TOKEN, TOKEN], 401),
        (
            "/api/v1/who",
            &[TOKEN, ("sec-fetch-site", "cross-site")],
            403,
        ),
        ("/api/v1/who", &[TOKEN, ("origin", "http://evil.test")], 403),
    ] {
        let (status, ..) = ask_router(&router, "GET", path, headers, "").await;
        assert_eq!(status, expected, "{path} {headers:?}");
    }
}
