//! What all pages have in common: their frame, their JSON twin, and pages that say what went wrong.

use super::notice::Notice;
use super::session::{Visitor, one_cookie};
use super::{Desk, time};
use crate::engine::command::{Command, ROWS_DEFAULT};
use crate::engine::view::Page;
use crate::http::commands::{bad_query, viewed};
use crate::http::reply::{Failure, RequestId};
use crate::model::session::Role;
use crate::model::time::Timestamp;
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Keeps how light the console is.
pub(super) const THEME_COOKIE: &str = "zenstripe_theme";

/// How light it can be, and in words.
const THEMES: [(&str, &str); 3] = [("auto", "Auto"), ("light", "Light"), ("dark", "Dark")];

/// Without TLS the console is reached from its own machine alone: the configuration allows no other.
const IN_THE_CLEAR: &str = "This console is on plain HTTP: the cookie that keeps you signed in travels \
    unencrypted, and only on this machine.";

/// Where in the console a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Here {
    Overview,
    Integrations,
    Customers,
    Conflicts,
    Invoices,
    Payments,
    Events,
    Activity,
    Nowhere,
}

/// One entry of the navigation.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    here: Here,
}

const NAVIGATION: [Entry; 8] = [
    Entry {
        name: "Overview",
        path: "/",
        here: Here::Overview,
    },
    Entry {
        name: "Integrations",
        path: "/integrations/stripe",
        here: Here::Integrations,
    },
    Entry {
        name: "Customers",
        path: "/customers",
        here: Here::Customers,
    },
    Entry {
        name: "Conflicts",
        path: "/conflicts",
        here: Here::Conflicts,
    },
    Entry {
        name: "Invoices",
        path: "/invoices",
        here: Here::Invoices,
    },
    Entry {
        name: "Payments",
        path: "/payments",
        here: Here::Payments,
    },
    Entry {
        name: "Events",
        path: "/events",
        here: Here::Events,
    },
    Entry {
        name: "Activity",
        path: "/activity",
        here: Here::Activity,
    },
];

/// The frame of a page.
pub(super) struct Shell {
    pub(super) style: String,
    pub(super) script: String,
    pub(super) icon: String,
    pub(super) theme: &'static str,
    pub(super) path: String,
    pub(super) here: Here,
    /// `test` or `live`; blank where nobody is signed in.
    pub(super) mode: String,
    /// Who is signed in.
    pub(super) who: String,
    role: Option<Role>,
    pub(super) form_key: String,
    pub(super) notice: Option<Notice>,
    is_secure: bool,
    now: Timestamp,
}

#[derive(Template)]
#[template(path = "head.html", config = "src/http/console/askama.toml")]
struct Head<'a> {
    shell: &'a Shell,
}

#[derive(Template)]
#[template(path = "top.html", config = "src/http/console/askama.toml")]
struct Top<'a> {
    shell: &'a Shell,
}

#[derive(Template)]
#[template(path = "foot.html", config = "src/http/console/askama.toml")]
struct Foot<'a> {
    shell: &'a Shell,
}

impl Shell {
    /// Of a page for everybody.
    pub(super) fn outside(desk: &Desk, headers: &HeaderMap) -> Self {
        Self {
            style: desk.assets.style.path(),
            script: desk.assets.script.path(),
            icon: desk.assets.icon.path(),
            theme: theme(one_cookie(THEME_COOKIE, headers).unwrap_or_default()),
            path: "/".to_owned(),
            here: Here::Nowhere,
            mode: String::new(),
            who: String::new(),
            role: None,
            form_key: String::new(),
            notice: None,
            is_secure: desk.cookies.are_secure(),
            now: desk.doors.engine.clock.now(),
        }
    }

    /// Of a page for somebody who is signed in.
    fn inside(desk: &Desk, headers: &HeaderMap, visitor: &Visitor) -> Self {
        Self {
            mode: desk.doors.daemon.about().mode,
            who: visitor.who.clone(),
            role: Some(visitor.role),
            form_key: visitor.form_key.clone(),
            ..Self::outside(desk, headers)
        }
    }

    /// The rest of the head behind the title; markup, and so are the others.
    ///
    /// The frame is rendered by itself: compiled into every page it makes the binary larger.
    pub(super) fn head(&self) -> askama::Result<String> {
        Head { shell: self }.render()
    }

    /// Everything above a page's own content.
    pub(super) fn top(&self) -> askama::Result<String> {
        Top { shell: self }.render()
    }

    /// Everything below it.
    pub(super) fn foot(&self) -> askama::Result<String> {
        Foot { shell: self }.render()
    }

    /// What whoever signs in is to know of the cookie, where browsers do not come over TLS.
    pub(super) const fn in_the_clear(&self) -> Option<&'static str> {
        if self.is_secure {
            None
        } else {
            Some(IN_THE_CLEAR)
        }
    }

    pub(super) const fn is_signed_in(&self) -> bool {
        self.role.is_some()
    }

    pub(super) fn role(&self) -> &'static str {
        self.role.map_or("", Role::as_str)
    }

    /// Whether decisions about customers may be made.
    pub(super) fn decides(&self) -> bool {
        self.role >= Some(Role::Operator)
    }

    /// What the search box takes.
    pub(super) fn sought(&self) -> &'static str {
        if self.decides() {
            "Search by id or e-mail"
        } else {
            "Search by id"
        }
    }

    /// Whether the account may be connected and the configuration changed.
    pub(super) fn governs(&self) -> bool {
        self.role >= Some(Role::Admin)
    }

    pub(super) fn navigation(&self) -> impl Iterator<Item = (&'static Entry, bool)> {
        let here = self.here;
        NAVIGATION
            .iter()
            .map(move |entry| (entry, entry.here == here))
    }

    pub(super) fn themes(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        let theme = self.theme;
        THEMES
            .into_iter()
            .map(move |(name, word)| (name, word, name == theme))
    }

    /// An instant as people read it; markup.
    pub(super) fn when(&self, instant: &str) -> String {
        time::when(instant, self.now)
    }

    /// The same where there may be none.
    #[expect(clippy::ref_option, reason = "templates lend what they give")]
    pub(super) fn when_any(&self, instant: &Option<String>) -> String {
        instant
            .as_deref()
            .map_or_else(|| "never".to_owned(), |instant| self.when(instant))
    }
}

/// A person's look at a page.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) desk: Desk,
    pub(super) visitor: Visitor,
    headers: HeaderMap,
    path: String,
}

impl FromRequestParts<Desk> for Visit {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, desk: &Desk) -> Result<Self, StatusCode> {
        let visitor = parts.extensions.get::<Visitor>().cloned();
        Ok(Self {
            desk: desk.clone(),
            // Without a session nothing gets here.
            visitor: visitor.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?,
            headers: parts.headers.clone(),
            path: parts.uri.path().to_owned(),
        })
    }
}

impl Visit {
    /// The page that `template` makes of `view` within the frame, or the view as JSON.
    pub(super) fn answer<V: Serialize, T: Template>(
        &self,
        here: Here,
        view: &V,
        template: impl FnOnce(Shell) -> T,
    ) -> Response {
        if accepts_json(&self.headers) {
            return match serde_json::to_value(view) {
                Ok(view) => axum::Json(view).into_response(),
                Err(error) => Failure::internal(&error).into_response(),
            };
        }
        html(&template(self.shell(here)))
    }

    /// Whether a program asks, and not a browser.
    pub(super) fn is_program(&self) -> bool {
        accepts_json(&self.headers)
    }

    /// The frame.
    pub(super) fn shell(&self, here: Here) -> Shell {
        let shell = Shell::inside(&self.desk, &self.headers, &self.visitor);
        Shell {
            path: self.path.clone(),
            here,
            notice: self.desk.notices.take(&self.visitor.key),
            ..shell
        }
    }
}

/// One of several lists under a heading: where it is, what it is called, and whether it is shown.
pub(super) type Tab = (&'static str, &'static str, bool);

/// The lists under a heading, of which `here` is shown.
pub(super) fn tabs<const N: usize>(
    lists: [(&'static str, &'static str); N],
    here: &str,
) -> Vec<Tab> {
    lists
        .into_iter()
        .map(|(path, name)| (path, name, path == here))
        .collect()
}

/// Where a page of a list begins.
#[derive(Debug, Deserialize)]
pub(super) struct PageQuery {
    pub(super) after: Option<String>,
}

/// The page of rows that is asked for, and whether it is the first.
pub(super) async fn one_page<R: DeserializeOwned>(
    visit: &Visit,
    query: Result<Query<PageQuery>, QueryRejection>,
    order: impl FnOnce(Option<String>, usize) -> Command,
) -> Result<(Page<R>, bool), Failure> {
    let Query(PageQuery { after }) = query.map_err(bad_query)?;
    let is_first = after.is_none();
    let order = order(after, ROWS_DEFAULT);
    Ok((viewed(&visit.desk.doors, order).await?, is_first))
}

/// Whether a program asks, and not a browser.
pub(super) fn accepts_json(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accept
        .is_some_and(|accept| accept.contains("application/json") && !accept.contains("text/html"))
}

/// A page.
pub(super) fn html(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => {
            let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
            (kind, html).into_response()
        }
        Err(error) => Failure::internal(&error).into_response(),
    }
}

/// Sends a browser on after an action, so that to load the page again repeats nothing.
pub(super) fn see_other(path: &str) -> Response {
    match HeaderValue::try_from(path) {
        Ok(path) => (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// `path` if it is one of this listener; nobody is sent elsewhere by what an address says.
pub(super) fn local(path: &str) -> &str {
    let is_local = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains(['\\', '\r', '\n', '\t'])
        && path.is_ascii();
    if is_local { path } else { "/" }
}

/// The theme of this name.
pub(super) fn theme(name: &str) -> &'static str {
    match name {
        "light" => "light",
        "dark" => "dark",
        _ => "auto",
    }
}

#[derive(Template)]
#[template(path = "again.html", config = "src/http/console/askama.toml")]
struct AgainPage<'a> {
    path: &'a str,
    icon: String,
}

/// Has a browser ask again, by itself and from a page of ours: a link on another site made it leave
/// the session's cookie at home.
pub(super) fn once_more(desk: &Desk, path: &str) -> Response {
    html(&AgainPage {
        path: local(path),
        icon: desk.assets.icon.path(),
    })
}

#[derive(Template)]
#[template(path = "failure.html", config = "src/http/console/askama.toml")]
struct FailurePage<'a> {
    shell: Shell,
    title: &'static str,
    message: String,
    hint: Option<&'a str>,
    request: &'a str,
}

/// Middleware: a failure is a page, for whoever does not ask for JSON.
pub(super) async fn explain(desk: Desk, request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let id = request.extensions().get::<RequestId>().cloned();
    let response = next.run(request).await;
    let Some(failure) = response.extensions().get::<Failure>() else {
        return response;
    };
    if accepts_json(&headers) {
        return response;
    }
    let status = failure.class().status();
    let shell = match response.extensions().get::<Visitor>() {
        Some(visitor) => Shell::inside(&desk, &headers, visitor),
        None => Shell::outside(&desk, &headers),
    };
    let page = FailurePage {
        shell,
        title: title(status),
        message: super::notice::sentence(failure.message()),
        hint: failure.advice(),
        request: id.as_ref().map_or("", RequestId::as_str),
    };
    (status, html(&page)).into_response()
}

const fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::TOO_MANY_REQUESTS => "Wait a moment",
        StatusCode::CONFLICT => "That was not done",
        StatusCode::SERVICE_UNAVAILABLE => "Not now",
        StatusCode::INTERNAL_SERVER_ERROR => "Something went wrong",
        _ => "That cannot be done",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for (path, expected) in [
            ("/customers", "/customers"),
            ("/customers?after=cus_1", "/customers?after=cus_1"),
            ("", "/"),
            ("customers", "/"),
            ("//evil.test", "/"),
            ("/\\evil.test", "/"),
            ("/\t/evil.test", "/"),
            ("https://evil.test/", "/"),
            ("/a\r\nset-cookie: x", "/"),
        ] {
            assert_eq!(local(path), expected, "{path:?}");
        }
    }

    #[test]
    fn programs_get_json_and_browsers_get_pages() {
        for (accept, json) in [
            ("application/json", true),
            ("application/json, */*", true),
            ("text/html,application/xhtml+xml,*/*;q=0.8", false),
            ("text/html, application/json", false),
            ("*/*", false),
        ] {
            let headers: HeaderMap = [(header::ACCEPT, HeaderValue::from_static(accept))]
                .into_iter()
                .collect();
            assert_eq!(accepts_json(&headers), json, "{accept}");
        }
        assert!(!accepts_json(&HeaderMap::new()));
    }
}
