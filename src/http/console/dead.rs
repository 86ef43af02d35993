//! Dead letters: work that was given up, to be tried again or dropped.

use super::Desk;
use super::events::TABS;
use super::form::Posted;
use super::mask::for_visitor;
use super::page::{Here, PageQuery, Shell, Tab, Visit, one_page, see_other, tabs};
use super::time::grouped;
use crate::engine::command::{Command, Letters};
use crate::engine::view::{DeadReasons, DeadRow, Done, Page, Redrive};
use crate::http::commands::{bad_path, viewed};
use crate::http::mask::Looks;
use crate::http::reply::{Class, Failure};
use askama::Template;
use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;

/// Where they are listed.
const LIST: &str = "/events/dead";

pub(super) fn router() -> Router<Desk> {
    Router::new().route(LIST, get(list))
}

pub(super) fn orders() -> Router<Desk> {
    Router::new()
        .route("/events/dead/retry", post(retry))
        .route("/events/dead/cancel", post(cancel))
        .route("/events/dead/{number}/drop", get(ask_drop).post(give_up))
}

/// The customer that a letter is about.
pub(super) fn customer(row: &DeadRow) -> &str {
    let (_, id) = row.subject.split_once('/').unwrap_or_default();
    id
}

/// What was given up, for people.
pub(super) fn kind(row: &DeadRow) -> &'static str {
    match row.kind.as_str() {
        "look" => "A look at",
        "change" => "A write for",
        _ => "The creation of a counterpart for",
    }
}

/// How often it was tried.
pub(super) fn attempts(row: &DeadRow) -> String {
    match row.attempts {
        1 => "1 attempt".to_owned(),
        count => format!("{count} attempts"),
    }
}

/// How far a redrive is, for people.
pub(super) fn progress(redrive: &Redrive) -> String {
    let (done, total) = (grouped(redrive.done), grouped(redrive.total));
    match (&redrive.cancelled_by, redrive.is_open()) {
        (Some(by), _) => format!("{done} of {total} tried again, then stopped by {by}"),
        (None, true) => format!("{done} of {total} tried again"),
        (None, false) => format!("{done} of {total} tried again: that was all"),
    }
}

/// The letters, and the redrive that goes on or was the last.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    page: Page<DeadRow>,
    redrive: Option<Redrive>,
}

#[derive(Template)]
#[template(path = "dead.html", config = "src/http/console/askama.toml")]
struct ListPage<'a> {
    shell: Shell,
    tabs: Vec<Tab>,
    page: &'a Page<DeadRow>,
    is_first: bool,
    redrive: Option<&'a Redrive>,
    reasons: DeadReasons,
}

impl ListPage<'_> {
    /// Whether all letters are being tried again, or those of a reason.
    fn is_under_way(&self) -> bool {
        self.redrive.is_some_and(Redrive::is_open)
    }

    fn grouped(&self, count: &u64) -> String {
        grouped(*count)
    }
}

async fn list(
    visit: Visit,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let order = |after, limit| Command::DeadList { after, limit };
    let (mut page, is_first) = one_page::<DeadRow>(&visit, query, order).await?;
    page.rows = for_visitor(page.rows, &visit.visitor);
    let doors = &visit.desk.doors;
    let redrive: Option<Redrive> = viewed(doors, Command::Redrive).await?;
    let redrive = for_visitor(redrive, &visit.visitor);
    // Viewers see no reason.
    let reasons = if is_first && visit.visitor.sees_values() && page.rows.len() > 1 {
        viewed(doors, Command::DeadReasons).await?
    } else {
        DeadReasons::default()
    };
    let listed = Listed { page, redrive };
    Ok(visit.answer(Here::Events, &listed, |shell| ListPage {
        shell,
        tabs: tabs(TABS, LIST),
        page: &listed.page,
        is_first,
        redrive: listed.redrive.as_ref(),
        reasons,
    }))
}

async fn retry(State(desk): State<Desk>, posted: Posted) -> Result<Response, Failure> {
    let (which, who) = (letters(&posted)?, posted.visitor.who.clone());
    let done = viewed(&desk.doors, Command::DeadRetry { which, who }).await;
    desk.tell(&posted.visitor, done.map(|done: Done| done.message));
    Ok(see_other(LIST))
}

async fn cancel(State(desk): State<Desk>, posted: Posted) -> Result<Response, Failure> {
    let who = posted.visitor.who.clone();
    let done = viewed(&desk.doors, Command::RedriveCancel { who }).await;
    desk.tell(&posted.visitor, done.map(|done: Done| done.message));
    Ok(see_other(LIST))
}

#[derive(Template)]
#[template(path = "drop.html", config = "src/http/console/askama.toml")]
struct DropPage<'a> {
    shell: Shell,
    row: &'a DeadRow,
}

impl DropPage<'_> {
    /// What it means that this letter is dropped.
    fn consequence(&self) -> &'static str {
        match self.row.kind.as_str() {
            "look" => {
                "Nobody looks at this customer because of it. Its next event asks for a new look."
            }
            "change" => {
                "The write is not sent, and the record stays as it is. What differs is decided anew when the customer changes next."
            }
            _ => "No counterpart is made for this customer, unless a person orders it.",
        }
    }
}

async fn ask_drop(
    visit: Visit,
    number: Result<Path<u64>, PathRejection>,
) -> Result<Response, Failure> {
    let Path(number) = number.map_err(bad_path)?;
    // The first one after the number before.
    let order = Command::DeadList {
        after: number.checked_sub(1).map(|before| before.to_string()),
        limit: 1,
    };
    let page: Page<DeadRow> = viewed(&visit.desk.doors, order).await?;
    let row = page.rows.into_iter().find(|row| row.number == number);
    let row = row.ok_or_else(|| {
        let message = format!("There is no dead letter {number}. It may have been dropped.");
        Failure::new(Class::NotFound, "not_found", message)
    })?;
    Ok(visit.answer(Here::Events, &row, |shell| DropPage { shell, row: &row }))
}

async fn give_up(
    State(desk): State<Desk>,
    number: Result<Path<u64>, PathRejection>,
    posted: Posted,
) -> Result<Response, Failure> {
    let Path(number) = number.map_err(bad_path)?;
    let (which, who) = (Letters::Numbers(vec![number]), posted.visitor.who.clone());
    let done = viewed(&desk.doors, Command::DeadDrop { which, who }).await;
    desk.tell(&posted.visitor, done.map(|done: Done| done.message));
    Ok(see_other(LIST))
}

/// Which letters a form is about: one by its number, those with a reason, or all.
pub(super) fn letters(posted: &Posted) -> Result<Letters, Failure> {
    if posted.fields.has("all") {
        return Ok(Letters::All);
    }
    if posted.fields.has("reason") {
        return Ok(Letters::Reason(posted.fields.text("reason").to_owned()));
    }
    let numbers = posted.fields.all("number").into_iter().map(str::parse);
    let numbers: Result<Vec<u64>, _> = numbers.collect();
    match numbers {
        Ok(numbers) if !numbers.is_empty() => Ok(Letters::Numbers(numbers)),
        _ => Err(Failure::new(
            Class::Malformed,
            "invalid",
            "Say which dead letters.",
        )),
    }
}
