//! Customers: who is linked, one customer with both sides, links made and taken apart.

use super::Desk;
use super::conflicts::why_words;
use super::form::Posted;
use super::mask::for_visitor;
use super::page::{Here, Shell, Visit, see_other};
use crate::engine::command::{Command, Customers, ROWS_DEFAULT};
use crate::engine::view::{CandidatesView, CustomerRow, CustomerView, Done, FieldRow, Page};
use crate::http::commands::{bad_path, bad_query, viewed};
use crate::http::reply::{Class, Failure};
use crate::model::customer::Value;
use askama::Template;
use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

pub(super) fn router() -> Router<Desk> {
    Router::new()
        .route("/customers", get(list))
        .route("/customers/{id}", get(show))
}

pub(super) fn orders() -> Router<Desk> {
    Router::new()
        .route("/customers/{id}/candidates", get(candidates))
        .route("/customers/{id}/link", post(link))
        .route("/customers/{id}/unlink", get(ask_unlink).post(unlink))
}

/// The lists: their name in addresses, what they are called, and what they hold.
const LISTS: [(&str, &str, Customers); 4] = [
    ("linked", "Linked", Customers::Linked),
    ("unlinked", "Without partner", Customers::Unlinked),
    ("differing", "Differing", Customers::Differing),
    ("deleted", "Deleted on one side", Customers::Deleted),
];

#[derive(Debug, Deserialize)]
struct ListQuery {
    which: Option<String>,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "customers.html", config = "src/http/console/askama.toml")]
struct ListPage<'a> {
    shell: Shell,
    which: &'static str,
    page: &'a Page<CustomerRow>,
    is_first: bool,
}

impl ListPage<'_> {
    fn lists(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        let which = self.which;
        LISTS
            .into_iter()
            .map(move |(name, title, _)| (name, title, name == which))
    }

    /// What an empty list means, and what to do.
    fn nothing(&self) -> (&'static str, &'static str) {
        match self.which {
            "unlinked" => (
                "Nobody waits for a partner",
                "Customers without a partner on the other side appear here once something happens to them.",
            ),
            "differing" => (
                "Nothing differs",
                "Both sides hold the same, field by field, as far as they were looked at.",
            ),
            "deleted" => (
                "Nobody was deleted",
                "A customer that is deleted on one side stays on the other, and appears here.",
            ),
            _ => (
                "Nobody is linked yet",
                "A customer is linked when it is in Stripe and in Zenskar, and one names the other or a person says so.",
            ),
        }
    }
}

async fn list(
    visit: Visit,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(query) = query.map_err(bad_query)?;
    let doors = &visit.desk.doors;
    let wanted = query.which.as_deref().unwrap_or("linked");
    let (which, _, customers) = LISTS
        .into_iter()
        .find(|(name, _, _)| *name == wanted)
        .ok_or_else(|| Failure::new(Class::NotFound, "not_found", "There is no such list."))?;
    let is_first = query.after.is_none();
    let order = Command::CustomersList {
        which: customers,
        after: query.after,
        limit: ROWS_DEFAULT,
    };
    let mut page: Page<CustomerRow> = viewed(doors, order).await?;
    page.rows = for_visitor(page.rows, &visit.visitor);
    Ok(visit.answer(Here::Customers, &page, |shell| ListPage {
        shell,
        which,
        page: &page,
        is_first,
    }))
}

/// Whether neither side holds anything, as far as they were seen.
fn is_blank(field: &FieldRow) -> bool {
    let blank = Value::Blank.to_string();
    let nothing = |value: &Option<String>| value.as_ref().is_none_or(|value| *value == blank);
    field.held.is_none()
        && [&field.stripe, &field.zenskar, &field.agreed]
            .into_iter()
            .all(nothing)
}

/// Where a customer's page is.
pub(super) fn address(row: &CustomerRow) -> String {
    let id = if row.stripe.is_empty() {
        row.zenskar.as_deref().unwrap_or_default()
    } else {
        row.stripe.as_str()
    };
    format!("/customers/{id}")
}

/// A state as tone and words.
fn state(row: &CustomerRow) -> (&'static str, &str) {
    let tone = match row.state.as_str() {
        "linked" if row.differences.is_empty() => "good",
        "linked" => "warn",
        "unlinked" => "wait",
        _ => "bad",
    };
    let words = if tone == "warn" {
        "linked, and differs"
    } else {
        row.state.as_str()
    };
    (tone, words)
}

#[derive(Template)]
#[template(path = "customer.html", config = "src/http/console/askama.toml")]
struct CustomerPage<'a> {
    shell: Shell,
    customer: &'a CustomerView,
}

impl CustomerPage<'_> {
    fn is_linked(&self) -> bool {
        self.customer.row.zenskar.is_some() && !self.customer.row.stripe.is_empty()
    }

    fn title(&self) -> &str {
        let row = &self.customer.row;
        let id = if row.stripe.is_empty() {
            row.zenskar.as_ref()
        } else {
            Some(&row.stripe)
        };
        row.name.as_ref().or(id).map_or("Customer", String::as_str)
    }

    /// Fields that say something; the others are blank on both sides.
    fn telling(&self) -> impl Iterator<Item = &FieldRow> {
        self.customer.fields.iter().filter(|field| !is_blank(field))
    }

    fn blank(&self) -> Vec<&str> {
        let blank = self.customer.fields.iter().filter(|field| is_blank(field));
        blank.map(|field| field.field.as_str()).collect()
    }

    fn why(&self, field: &FieldRow) -> Option<&'static str> {
        field.held.as_deref().map(why_words)
    }
}

async fn show(visit: Visit, id: Result<Path<String>, PathRejection>) -> Result<Response, Failure> {
    let Path(id) = id.map_err(bad_path)?;
    let customer: CustomerView = viewed(&visit.desk.doors, Command::CustomerShow { id }).await?;
    let customer = for_visitor(customer, &visit.visitor);
    Ok(
        visit.answer(Here::Customers, &customer, |shell| CustomerPage {
            shell,
            customer: &customer,
        }),
    )
}

#[derive(Template)]
#[template(path = "candidates.html", config = "src/http/console/askama.toml")]
struct CandidatesPage<'a> {
    shell: Shell,
    view: &'a CandidatesView,
}

async fn candidates(
    visit: Visit,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Failure> {
    let Path(id) = id.map_err(bad_path)?;
    let view: CandidatesView =
        viewed(&visit.desk.doors, Command::CustomerCandidates { id }).await?;
    Ok(
        visit.answer(Here::Customers, &view, |shell| CandidatesPage {
            shell,
            view: &view,
        }),
    )
}

async fn link(
    State(desk): State<Desk>,
    id: Result<Path<String>, PathRejection>,
    posted: Posted,
) -> Result<Response, Failure> {
    let Path(stripe) = id.map_err(bad_path)?;
    let order = Command::CustomerLink {
        stripe: stripe.clone(),
        zenskar: posted.fields.text("zenskar").to_owned(),
        who: posted.visitor.who.clone(),
    };
    let done: Result<Done, Failure> = viewed(&desk.doors, order).await;
    desk.tell(&posted.visitor, done.map(|done| done.message));
    Ok(see_other(&format!("/customers/{stripe}")))
}

#[derive(Template)]
#[template(path = "unlink.html", config = "src/http/console/askama.toml")]
struct UnlinkPage<'a> {
    shell: Shell,
    row: &'a CustomerRow,
}

async fn ask_unlink(
    visit: Visit,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Failure> {
    let Path(id) = id.map_err(bad_path)?;
    let customer: CustomerView = viewed(&visit.desk.doors, Command::CustomerShow { id }).await?;
    Ok(
        visit.answer(Here::Customers, &customer.row, |shell| UnlinkPage {
            shell,
            row: &customer.row,
        }),
    )
}

async fn unlink(
    State(desk): State<Desk>,
    id: Result<Path<String>, PathRejection>,
    posted: Posted,
) -> Result<Response, Failure> {
    let Path(id) = id.map_err(bad_path)?;
    let order = Command::CustomerUnlink {
        id: id.clone(),
        who: posted.visitor.who.clone(),
    };
    let done: Result<Done, Failure> = viewed(&desk.doors, order).await;
    desk.tell(&posted.visitor, done.map(|done| done.message));
    Ok(see_other(&format!("/customers/{id}")))
}
