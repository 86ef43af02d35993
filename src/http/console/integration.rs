//! The Stripe card: connect, disconnect, and how webhooks arrive.

use super::Desk;
use super::form::Posted;
use super::overview::sync_words;
use super::page::{Here, Shell, Visit, html, see_other};
use crate::engine::command::Command;
use crate::engine::view::{
    ConnectBegun, ConnectStanding, ConnectionStatus, Done, EndpointStatus, Remote, Status,
};
use crate::http::commands::{viewed, whole_status};
use crate::http::mask::for_visitor;
use crate::http::reply::Failure;
use crate::model::session::Digest;
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Where the card is.
pub(super) const CARD: &str = "/integrations/stripe";

/// Sessions of which the last way to Stripe is remembered.
const WAYS_MAX: usize = 64;

pub(super) fn router() -> Router<Desk> {
    Router::new().route(CARD, get(show))
}

pub(super) fn orders() -> Router<Desk> {
    Router::new()
        .route("/integrations/stripe/connect", post(connect))
        .route(
            "/integrations/stripe/disconnect",
            get(ask_disconnect).post(disconnect),
        )
}

/// Which flow each session began last, to tell what came of it.
#[derive(Debug, Default)]
pub(super) struct Ways(Mutex<BTreeMap<Digest, u64>>);

impl Ways {
    fn put(&self, session: Digest, flow: u64) {
        let mut ways = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while ways.len() >= WAYS_MAX {
            ways.pop_first();
        }
        ways.insert(session, flow);
    }

    fn of(&self, session: &Digest) -> Option<u64> {
        let ways = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ways.get(session).copied()
    }
}

/// The card.
#[derive(Debug, Serialize)]
struct Card<'a> {
    mode: &'a str,
    account: &'a str,
    connection: &'a ConnectionStatus,
    endpoint: &'a EndpointStatus,
    stripe: &'a Remote,
    sync: &'a str,
    /// Whether both sides are compared although sync is off.
    is_rehearsed: bool,
    /// What came of this person's last way to Stripe, unless it led to the connection.
    last_way: Option<ConnectStanding>,
}

#[derive(Template)]
#[template(path = "integration.html", config = "src/http/console/askama.toml")]
struct CardPage<'a> {
    shell: Shell,
    card: &'a Card<'a>,
}

impl CardPage<'_> {
    fn is_connected(&self) -> bool {
        self.card.connection.state == "connected" && self.card.stripe.state != "parked"
    }

    fn by_oauth(&self) -> bool {
        self.card.connection.way == "oauth"
    }

    fn sync(&self) -> &'static str {
        sync_words(self.card.sync)
    }

    /// How webhooks arrive: a tone, a word and a sentence.
    fn endpoint(&self) -> (&'static str, &'static str, &'static str) {
        match self.card.endpoint.state.as_str() {
            "registered" => (
                "good",
                "Registered",
                "Stripe sends its events here; what gets lost is found by polling.",
            ),
            "waiting" => (
                "wait",
                "Waiting",
                "It is registered as soon as the account is connected and Stripe answers.",
            ),
            "full" => (
                "bad",
                "No room",
                "Stripe allows 16 endpoints, and there are as many.",
            ),
            "refused" => (
                "bad",
                "Refused",
                "Stripe does not take it: events come by polling alone.",
            ),
            _ => (
                "idle",
                "Off",
                "listen.public_url is not set: events come by polling alone.",
            ),
        }
    }
}

async fn show(visit: Visit) -> Result<Response, Failure> {
    let doors = &visit.desk.doors;
    let status = for_visitor(whole_status(doors).await?, &visit.visitor);
    let last_way = match visit.desk.ways.of(&visit.visitor.key) {
        Some(flow) => {
            // One that is too old to be remembered has nothing to tell.
            let standing: Result<ConnectStanding, _> =
                viewed(doors, Command::ConnectShow { flow }).await;
            standing
                .ok()
                .filter(|standing| standing.state != "connected")
        }
        None => None,
    };
    let card = Card {
        mode: &status.daemon.mode,
        account: &status.daemon.account,
        connection: &status.connection,
        endpoint: &status.endpoint,
        stripe: &status.stripe,
        sync: &status.sync,
        is_rehearsed: status.rehearsal.is_some(),
        last_way,
    };
    Ok(visit.answer(Here::Integrations, &card, |shell| CardPage {
        shell,
        card: &card,
    }))
}

#[derive(Template)]
#[template(path = "leaving.html", config = "src/http/console/askama.toml")]
struct LeavingPage<'a> {
    shell: Shell,
    begun: &'a ConnectBegun,
}

/// A page that goes on to Stripe by itself: what a form leads to is held to this console by the
/// policy, and where a page goes on to is not.
async fn connect(visit: Visit, posted: Posted) -> Result<Response, Failure> {
    let desk = &visit.desk;
    let who = posted.visitor.who.clone();
    let begun: Result<ConnectBegun, _> = viewed(&desk.doors, Command::Connect { who }).await;
    match begun {
        Ok(begun) => {
            desk.ways.put(posted.visitor.key, begun.flow);
            let shell = visit.shell(Here::Integrations);
            Ok(html(&LeavingPage {
                shell,
                begun: &begun,
            }))
        }
        Err(failure) => {
            desk.tell::<String>(&posted.visitor, Err(failure));
            Ok(see_other(CARD))
        }
    }
}

#[derive(Template)]
#[template(path = "disconnect.html", config = "src/http/console/askama.toml")]
struct DisconnectPage<'a> {
    shell: Shell,
    status: &'a Status,
    /// Writes on their way.
    waiting: u64,
}

async fn ask_disconnect(visit: Visit) -> Result<Response, Failure> {
    let status = whole_status(&visit.desk.doors).await?;
    let waiting = status.queues.get("outbox").copied().unwrap_or_default();
    let waiting = waiting.saturating_add(status.creations.open);
    Ok(
        visit.answer(Here::Integrations, &status.connection, |shell| {
            DisconnectPage {
                shell,
                status: &status,
                waiting,
            }
        }),
    )
}

async fn disconnect(State(desk): State<Desk>, posted: Posted) -> Response {
    let order = Command::Disconnect {
        abandon: posted.fields.has("abandon"),
        who: posted.visitor.who.clone(),
    };
    let done: Result<Done, Failure> = viewed(&desk.doors, order).await;
    desk.tell(&posted.visitor, done.map(|done| done.message));
    see_other(CARD)
}
