//! Events: what came, what became of it, its payload for whoever asks for it, and looking again.
//!
//! A payload holds what customers hold. A page has one only where an operator asked for it by a form,
//! and that they did is in the activity.

use super::Desk;
use super::form::Posted;
use super::page::{Here, Shell, Tab, Visit, see_other, tabs};
use crate::engine::command::{
    Command, EVENTS_SEARCHED, EventCommand, EventFilter, EventState, ROWS_DEFAULT,
};
use crate::engine::view::{Done, EventRow, EventView, Page};
use crate::http::commands::{bad_path, bad_query, viewed};
use crate::http::reply::{Class, Failure};
use crate::model::event::{ZENSKAR_DELETED, ZENSKAR_UPDATED};
use crate::remote::indent::indented;
use crate::remote::text::{path_segment, query as address_query};
use crate::sync::subject::{heard_types, in_zenskar, of_event};
use askama::Template;
use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

/// Most of a payload that a page shows, in bytes with its line breaks.
const PAYLOAD_SHOWN_MAX: usize = 256 * 1024;

/// The lists under one heading.
pub(super) const TABS: [(&str, &str); 3] = [
    ("/events", "Inbox"),
    ("/events/dead", "Dead letters"),
    ("/events/dropped", "Dropped"),
];

pub(super) fn router() -> Router<Desk> {
    Router::new()
        .route("/events", get(list))
        .route("/events/{id}", get(show))
}

pub(super) fn orders() -> Router<Desk> {
    Router::new()
        .route("/events/{id}/payload", post(show_payload))
        .route("/events/{id}/replay", post(replay))
}

/// Where an event's page is.
pub(super) fn address(id: &str) -> String {
    format!("/events/{}", path_segment(id))
}

/// What became of an event, as tone and words.
pub(super) fn state(state: &str) -> (&'static str, &'static str) {
    match state {
        "received" => ("wait", "received"),
        "waiting" => ("wait", "waits to be looked at"),
        "parked" => ("wait", "waits for a link"),
        "dead" => ("bad", "given up"),
        "done" => ("good", "done"),
        _ => ("idle", "not acted upon"),
    }
}

/// How an event came, for people.
fn channel(row: &EventRow) -> &'static str {
    match row.channel.as_str() {
        "webhook" => "Stripe’s webhook",
        "poll" => "Polling Stripe",
        "zenskar webhook" => "Zenskar’s webhook",
        _ => "Polling Zenskar",
    }
}

/// Whether the object is a customer, which has a page.
fn is_of_customer(row: &EventRow) -> bool {
    let (kind, object) = (row.kind.as_str(), row.object.as_str());
    of_event(kind, object).is_some() || in_zenskar(kind, object).is_some()
}

#[derive(Debug, Deserialize)]
struct ListQuery {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    state: String,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "events.html", config = "src/http/console/askama.toml")]
struct ListPage<'a> {
    shell: Shell,
    tabs: Vec<Tab>,
    page: &'a Page<EventRow>,
    kind: &'a str,
    wanted: &'a str,
    is_first: bool,
}

impl ListPage<'_> {
    fn is_filtered(&self) -> bool {
        !self.kind.is_empty() || !self.wanted.is_empty()
    }

    /// Whether the page ended although more may be found.
    fn ended_early(&self) -> bool {
        self.page.rows.len() < ROWS_DEFAULT && self.page.next.is_some()
    }

    fn kinds(&self) -> impl Iterator<Item = &'static str> {
        let beginnings = ["customer.", "zenskar."].into_iter();
        beginnings
            .chain(heard_types())
            .chain([ZENSKAR_UPDATED, ZENSKAR_DELETED])
    }

    fn states(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        EventState::ALL.into_iter().map(|one| {
            let name = one.as_str();
            (name, state(name).1, name == self.wanted)
        })
    }

    fn searched(&self) -> String {
        super::time::grouped(u64::try_from(EVENTS_SEARCHED).unwrap_or(u64::MAX))
    }

    /// The list with the same filter, from `after` on.
    fn list(&self, after: Option<&String>) -> String {
        let pairs = [
            ("type", Some(self.kind)),
            ("state", Some(self.wanted)),
            ("after", after.map(String::as_str)),
        ];
        let pairs = pairs.into_iter();
        let pairs = pairs.filter_map(|(name, value)| Some((name, value?)));
        let pairs: Vec<_> = pairs.filter(|(_, value)| !value.is_empty()).collect();
        format!("/events{}", address_query(&pairs))
    }

    fn channel(&self, row: &EventRow) -> &'static str {
        channel(row)
    }

    fn is_of_customer(&self, row: &EventRow) -> bool {
        is_of_customer(row)
    }
}

async fn list(
    visit: Visit,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(query) = query.map_err(bad_query)?;
    let kind = query.kind.trim().trim_end_matches('*');
    let state = match query.state.as_str() {
        "" => None,
        name => Some(
            EventState::ALL
                .into_iter()
                .find(|state| state.as_str() == name)
                .ok_or_else(|| {
                    Failure::new(Class::NotFound, "not_found", "There is no such state.")
                })?,
        ),
    };
    let is_first = query.after.is_none();
    let order = Command::Events(EventCommand::List {
        filter: EventFilter {
            kind: (!kind.is_empty()).then(|| kind.to_owned()),
            state,
        },
        after: query.after,
        limit: ROWS_DEFAULT,
    });
    let page: Page<EventRow> = viewed(&visit.desk.doors, order).await?;
    Ok(visit.answer(Here::Events, &page, |shell| ListPage {
        shell,
        tabs: tabs(TABS, "/events"),
        page: &page,
        kind,
        wanted: &query.state,
        is_first,
    }))
}

/// A payload as a page shows it.
struct Shown {
    text: String,
    /// Whether there is more than that.
    is_cut: bool,
}

#[derive(Template)]
#[template(path = "event.html", config = "src/http/console/askama.toml")]
struct EventPage<'a> {
    shell: Shell,
    event: &'a EventView,
    address: String,
    payload: Option<Shown>,
}

impl EventPage<'_> {
    fn channel(&self) -> &'static str {
        channel(&self.event.row)
    }

    fn is_of_customer(&self) -> bool {
        is_of_customer(&self.event.row)
    }
}

async fn show(visit: Visit, id: Result<Path<String>, PathRejection>) -> Result<Response, Failure> {
    let Path(id) = id.map_err(bad_path)?;
    let event: EventView = viewed(
        &visit.desk.doors,
        Command::Events(EventCommand::Head { id }),
    )
    .await?;
    Ok(page(&visit, &event))
}

async fn show_payload(
    visit: Visit,
    id: Result<Path<String>, PathRejection>,
    posted: Posted,
) -> Result<Response, Failure> {
    let Path(id) = id.map_err(bad_path)?;
    let who = posted.visitor.who;
    let event: EventView = viewed(
        &visit.desk.doors,
        Command::Events(EventCommand::Payload { id, who }),
    )
    .await?;
    Ok(page(&visit, &event))
}

fn page(visit: &Visit, event: &EventView) -> Response {
    let address = address(&event.row.id);
    let payload = event.payload.as_deref().map(|payload| {
        let (text, is_cut) = indented(payload, PAYLOAD_SHOWN_MAX);
        Shown { text, is_cut }
    });
    visit.answer(Here::Events, event, |mut shell| {
        // Where a form of the frame leads back to: what was posted cannot be opened.
        shell.path.clone_from(&address);
        EventPage {
            shell,
            event,
            address,
            payload,
        }
    })
}

async fn replay(
    State(desk): State<Desk>,
    id: Result<Path<String>, PathRejection>,
    posted: Posted,
) -> Result<Response, Failure> {
    let Path(id) = id.map_err(bad_path)?;
    let (to, who) = (address(&id), posted.visitor.who.clone());
    let done: Result<Done, Failure> = viewed(
        &desk.doors,
        Command::Events(EventCommand::Replay { id, who }),
    )
    .await;
    desk.tell(&posted.visitor, done.map(|done| done.message));
    Ok(see_other(&to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_that_are_customers_lead_to_one() {
        let row = |kind: &str, object: &str| EventRow {
            kind: kind.to_owned(),
            object: object.to_owned(),
            ..EventRow::default()
        };
        for (kind, object, is_customer) in [
            ("customer.updated", "cus_1", true),
            ("customer.tax_id.created", "cus_1", true),
            ("customer.tax_id.created", "txi_1", false),
            (ZENSKAR_UPDATED, "z1", true),
            ("customer.subscription.updated", "sub_1", false),
            ("invoice.paid", "in_1", false),
            ("customer.updated", "", false),
        ] {
            assert_eq!(is_of_customer(&row(kind, object)), is_customer, "{kind}");
        }
    }

    #[test]
    fn every_state_has_words_and_a_picture() {
        for one in EventState::ALL {
            let (tone, words) = state(one.as_str());
            let is_idle = one == EventState::NotOurs;
            assert_eq!(tone == "idle", is_idle, "{one:?}: {words}");
        }
    }

    #[test]
    fn an_address_holds_whatever_an_id_holds() {
        assert_eq!(address("evt_1"), "/events/evt_1");
        assert_eq!(address("zenskar:z:1?#"), "/events/zenskar%3Az%3A1%3F%23");
    }
}
