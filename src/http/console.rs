//! The console: pages for people.
//!
//! Pages are made on the server and embedded in the binary; every action is a plain form, and every
//! page says the same as JSON to whoever asks for that (`Accept: application/json`). The script adds
//! times that read well and figures that move, and nothing that is needed.
//!
//! # Invariants
//!
//! - Nothing but the login, its assets and the way back from Stripe is answered without a session.
//!   `/api/v1` is on the same listener, behind a door of its own ([`crate::http::api`]).
//! - Nothing changes by GET. What changes something came from a page of ours, in a browser that says
//!   so (`Sec-Fetch-Site`, else `Origin`), with the session's own form key, from somebody whose role
//!   allows it ([`guard`], [`session`], [`form`]).
//! - What came from outside is in a page as text alone, and no script but ours runs ([`guard`]).
//! - A payload is in a page only where an operator asked for it by a form ([`events`]).
//! - Who did what is in the activity: every action is a command with the person's name, and so are
//!   signing in and out.
//!
//! Not here: what an action does (`engine::command`).

mod access;
mod activity;
mod assets;
mod charges;
mod conflicts;
mod customers;
mod dead;
mod dropped;
mod events;
mod form;
mod freeze;
pub(in crate::http) mod guard;
mod integration;
mod invoices;
mod live;
mod login;
mod manage;
mod money;
mod notice;
mod outlook;
mod overview;
mod page;
mod payments;
mod plan;
mod search;
mod session;
mod sums;
mod system;
mod time;

pub use session::Cookies;

use crate::http::commands::Doors;
use crate::http::host::Hosts;
use crate::http::mask;
use crate::http::reply::{Class, Failure, RequestIds};
use crate::http::tries::Tries;
use crate::model::session::Role;
use assets::Assets;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::routing::get;
use integration::Ways;
use live::Live;
use notice::{Notice, Notices};
use session::Visitor;
use std::fmt;
use std::sync::Arc;
use sums::Sums;
use tokio_util::sync::CancellationToken;

/// Largest form, in bytes. The longest has a postal address; one that orders charges may be longer.
pub const FORM_BYTES_MAX: usize = 16 * 1024;

/// What the pages share.
#[derive(Clone)]
pub struct Desk(Arc<Shared>);

/// See [`Desk`].
#[derive(Debug)]
pub struct Shared {
    doors: Doors,
    assets: Assets,
    cookies: Cookies,
    notices: Notices,
    tries: Tries,
    live: Live,
    ways: Ways,
    sums: Sums,
    stop: CancellationToken,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl std::ops::Deref for Desk {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Desk {
    /// The pages in front of `doors`; their streams end with `stop`.
    #[must_use]
    pub fn new(doors: Doors, cookies: Cookies, stop: CancellationToken) -> Self {
        Self(Arc::new(Shared {
            doors,
            assets: Assets::new(),
            cookies,
            notices: Notices::default(),
            tries: Tries::default(),
            live: Live::default(),
            ways: Ways::default(),
            sums: Sums::default(),
            stop,
        }))
    }
}

impl Desk {
    /// Tells a visitor on the next page what came of an action.
    fn tell<M: Into<String>>(&self, visitor: &Visitor, done: Result<M, Failure>) {
        let notice = match done {
            Ok(message) => Notice::good(message),
            Err(failure) => Notice::bad(&failure),
        };
        self.notices.put(visitor.key, notice);
    }
}

/// The pages. `more` is what else is for browsers on this listener; it needs no session.
pub fn router(desk: &Desk, more: Router, hosts: Hosts, ids: RequestIds) -> Router {
    let pages = viewers()
        .merge(for_role(operators(), Role::Operator))
        .merge(for_role(admins(), Role::Admin))
        .fallback(async || Failure::new(Class::NotFound, "not_found", "There is no such page."))
        .method_not_allowed_fallback(async || {
            Failure::new(
                Class::WrongMethod,
                "wrong_method",
                "A page is not asked like this.",
            )
        });
    let signed_in = desk.clone();
    let pages = pages.layer(middleware::from_fn(move |request: Request, next: Next| {
        session::admit(signed_in.clone(), request, next)
    }));
    let told = desk.clone();
    let pages = Router::new()
        .merge(login::router())
        .merge(pages)
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            page::explain(told.clone(), request, next)
        }))
        .layer(middleware::from_fn(guard::own_pages_only))
        .layer(middleware::from_fn(guard::headers))
        .merge(assets::router())
        .with_state(desk.clone())
        .merge(more);
    pages
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            hosts.clone().guard(request, next)
        }))
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            ids.clone().name(request, next)
        }))
}

fn viewers() -> Router<Desk> {
    Router::new()
        .route("/", get(overview::show))
        .route("/live", get(live::stream))
        .merge(login::own_router())
        .merge(integration::router())
        .merge(customers::router())
        .merge(conflicts::router())
        .merge(invoices::router())
        .merge(charges::router())
        .merge(payments::router())
        .merge(freeze::router())
        .merge(events::router())
        .merge(dead::router())
        .merge(dropped::router())
        .merge(activity::router())
        .merge(search::router())
        .merge(plan::router())
        .merge(system::router())
}

fn operators() -> Router<Desk> {
    Router::new()
        .merge(customers::orders())
        .merge(conflicts::orders())
        .merge(invoices::orders())
        .merge(charges::orders())
        .merge(freeze::orders())
        .merge(events::orders())
        .merge(dead::orders())
        .merge(dropped::orders())
        .merge(activity::orders())
        .merge(plan::orders())
}

fn admins() -> Router<Desk> {
    integration::orders()
        .merge(manage::orders())
        .merge(outlook::orders())
        .merge(freeze::ends())
        .merge(system::orders())
        .merge(access::router())
}

/// Routes that take a role.
fn for_role(routes: Router<Desk>, role: Role) -> Router<Desk> {
    routes.route_layer(middleware::from_fn(move |request: Request, next: Next| {
        session::require(role, request, next)
    }))
}
