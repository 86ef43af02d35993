//! Invoices: those that are open, and one with all that was done about it.

use super::Desk;
use super::form::Posted;
use super::mask::for_visitor;
use super::money::{self, Badge};
use super::page::{Here, Shell, Tab, Visit, see_other, tabs};
use crate::engine::command::{Command, MoneyCommand, ROWS_DEFAULT};
use crate::engine::view::{
    CollectionRow, Done, HistoryRow, InvoiceRow, InvoiceView, MoneyStatus, Page,
};
use crate::http::commands::{bad_path, bad_query, viewed};
use crate::http::reply::{Class, Failure};
use crate::model::time::Timestamp;
use crate::remote::text::path_segment;
use askama::Template;
use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

/// Where they are listed.
pub(super) const LIST: &str = "/invoices";

pub(super) fn router() -> Router<Desk> {
    Router::new()
        .route(LIST, get(list))
        .route("/invoices/{invoice}", get(show))
}

pub(super) fn orders() -> Router<Desk> {
    Router::new()
        .route("/invoices/refresh", post(refresh))
        .route("/invoices/{invoice}/retry", post(retry))
}

/// Where an invoice's page is.
pub(super) fn address(invoice: &str) -> String {
    format!("{LIST}/{}", path_segment(invoice))
}

#[derive(Debug, Deserialize)]
struct ListQuery {
    #[serde(default)]
    number: String,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "invoices.html", config = "src/http/console/askama.toml")]
struct ListPage<'a> {
    shell: Shell,
    tabs: Vec<Tab>,
    money: &'a MoneyStatus,
    page: &'a Page<InvoiceRow>,
    is_first: bool,
    now: Timestamp,
}

impl ListPage<'_> {
    fn late(&self, row: &InvoiceRow) -> Option<Badge> {
        money::lateness(row, self.now)
    }

    /// Whether something on the page can be charged.
    fn can_charge(&self) -> bool {
        let rows = &self.page.rows;
        self.shell.decides() && rows.iter().any(|row| money::blocked(row).is_none())
    }
}

async fn list(
    visit: Visit,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(ListQuery { number, after }) = query.map_err(bad_query)?;
    let number = number.trim();
    if !number.is_empty() {
        return Ok(see_other(&address(number)));
    }
    let is_first = after.is_none();
    let limit = ROWS_DEFAULT;
    let order = Command::Money(MoneyCommand::Invoices { after, limit });
    let page: Page<InvoiceRow> = viewed(&visit.desk.doors, order).await?;
    let page = for_visitor(page, &visit.visitor);
    let money = money::glance(&visit).await?;
    let now = visit.desk.doors.engine.clock.now();
    Ok(visit.answer(Here::Invoices, &page, |shell| ListPage {
        shell,
        tabs: tabs(money::TABS, LIST),
        money: &money,
        page: &page,
        is_first,
        now,
    }))
}

async fn refresh(State(desk): State<Desk>, posted: Posted) -> Result<Response, Failure> {
    let order = Command::Money(MoneyCommand::Refresh);
    let done: Result<Done, Failure> = viewed(&desk.doors, order).await;
    desk.tell(&posted.visitor, done.map(|done| done.message));
    Ok(see_other(LIST))
}

#[derive(Template)]
#[template(path = "invoice.html", config = "src/http/console/askama.toml")]
struct InvoicePage<'a> {
    shell: Shell,
    money: &'a MoneyStatus,
    view: &'a InvoiceView,
    now: Timestamp,
}

impl InvoicePage<'_> {
    fn late(&self) -> Option<Badge> {
        money::lateness(&self.view.invoice, self.now)
    }

    /// The last attempt first.
    fn collections(&self) -> impl Iterator<Item = &CollectionRow> {
        self.view.collections.iter().rev()
    }

    fn history(&self) -> &[HistoryRow] {
        &self.view.history
    }
}

/// Whether a person may say that what is more than an invoice owes is booked unallocated: money was
/// taken, and waits.
fn has_rest(row: &CollectionRow) -> bool {
    row.awaits_person && row.taken.is_some() && row.payment.is_none()
}

async fn show(
    visit: Visit,
    invoice: Result<Path<String>, PathRejection>,
) -> Result<Response, Failure> {
    let Path(invoice) = invoice.map_err(bad_path)?;
    let order = Command::Money(MoneyCommand::Why { invoice });
    let view: InvoiceView = viewed(&visit.desk.doors, order).await?;
    let view = for_visitor(view, &visit.visitor);
    let money = money::glance(&visit).await?;
    let now = visit.desk.doors.engine.clock.now();
    Ok(visit.answer(Here::Invoices, &view, |shell| InvoicePage {
        shell,
        money: &money,
        view: &view,
        now,
    }))
}

async fn retry(
    State(desk): State<Desk>,
    invoice: Result<Path<String>, PathRejection>,
    posted: Posted,
) -> Result<Response, Failure> {
    let Path(invoice) = invoice.map_err(bad_path)?;
    let number = posted.fields.text("number").parse().map_err(|_| {
        let message = "The number of the collection is a number.";
        Failure::new(Class::Malformed, "invalid", message)
    })?;
    let to = address(&invoice);
    let order = Command::Money(MoneyCommand::Retry {
        invoice,
        number: Some(number),
        unallocated: posted.fields.has("unallocated"),
        who: posted.visitor.who.clone(),
    });
    let done: Result<Done, Failure> = viewed(&desk.doors, order).await;
    desk.tell(&posted.visitor, done.map(|done| done.message));
    Ok(see_other(&to))
}
