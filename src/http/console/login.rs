//! The login: a token that works once, in exchange for a session.
//!
//! The token's address is opened by GET, which changes nothing: a link preview uses up no token. It
//! is sent on by the page's own form, so it is in no address of a page behind the login, in no
//! `Referer` and in no log.

use super::Desk;
use super::form::{Fields, Posted};
use super::notice::Notice;
use super::page::{self, Shell, html, see_other};
use super::session;
use crate::http::proxies;
use crate::http::reply::{Class, Failure};
use askama::Template;
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;

/// Without a session.
pub(super) fn router() -> Router<Desk> {
    Router::new().route("/login", get(show).post(sign_in))
}

/// With one.
pub(super) fn own_router() -> Router<Desk> {
    Router::new()
        .route("/logout", post(sign_out))
        .route("/theme", post(set_theme))
}

#[derive(Template)]
#[template(path = "login.html", config = "src/http/console/askama.toml")]
struct LoginPage<'a> {
    shell: Shell,
    token: &'a str,
    next: &'a str,
    wrong: Option<&'a str>,
}

#[derive(Debug, Default, Deserialize)]
struct LoginQuery {
    #[serde(default)]
    token: String,
    #[serde(default)]
    next: String,
}

async fn show(State(desk): State<Desk>, request: Request) -> Response {
    let query = Query::<LoginQuery>::try_from_uri(request.uri());
    let query = query.map(|Query(query)| query).unwrap_or_default();
    let shell = Shell::outside(&desk, request.headers());
    html(&LoginPage {
        shell,
        token: &query.token,
        next: page::local(&query.next),
        wrong: None,
    })
}

async fn sign_in(State(desk): State<Desk>, request: Request) -> Result<Response, Failure> {
    let address = proxies::address(&request);
    let now = desk.doors.engine.clock.now();
    if !desk.tries.may_try(address, now) {
        return Err(
            Failure::new(Class::TooMany, "too_many", "Too many tokens were wrong.")
                .hint("Wait a minute, and use the whole address that `zenstripe console` shows."),
        );
    }
    let shell = Shell::outside(&desk, request.headers());
    let headers = request.headers().clone();
    let fields = Fields::read(request).await?;
    let begun = session::begin(&desk, fields.text("token"), &headers).await;
    let begun = begun.map_err(|error| Failure::internal(&error))?;
    if let Some(cookie) = begun {
        let to = see_other(page::local(fields.text("next")));
        return Ok(session::with_cookie(to, &cookie));
    }
    desk.tries.was_wrong(address, now);
    tracing::warn!(event = "login_refused", "a token that lets nobody in");
    let page = LoginPage {
        shell,
        token: "",
        next: page::local(fields.text("next")),
        wrong: Some("This token lets nobody in. It may have been used, or its time is over."),
    };
    Ok((StatusCode::UNAUTHORIZED, html(&page)).into_response())
}

async fn sign_out(State(desk): State<Desk>, posted: Posted) -> Result<Response, Failure> {
    let cookie = session::end(&desk, &posted.visitor).await;
    let cookie = cookie.map_err(|error| Failure::internal(&error))?;
    Ok(session::with_cookie(see_other("/login"), &cookie))
}

async fn set_theme(State(desk): State<Desk>, posted: Posted) -> Response {
    let theme = page::theme(posted.fields.text("theme"));
    let message = match theme {
        "auto" => "The console follows your system's colours.".to_owned(),
        theme => format!("The console is {theme}."),
    };
    desk.notices.put(posted.visitor.key, Notice::good(message));
    let cookie = format!(
        "{}={theme}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict",
        page::THEME_COOKIE
    );
    session::with_cookie(see_other(page::local(posted.fields.text("back"))), &cookie)
}
