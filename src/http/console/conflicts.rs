//! Conflicts: fields that differ and wait for a person, side by side, and what is to become of them.

use super::Desk;
use super::form::{Fields, Posted};
use super::mask::for_visitor;
use super::page::{Here, Shell, Visit, see_other};
use crate::engine::command::{Choice, Command, Conflicts, ROWS_DEFAULT};
use crate::engine::view::{ConflictRow, Page, RunRow};
use crate::http::commands::{bad_path, bad_query, viewed};
use crate::http::reply::{Class, Failure};
use crate::model::customer::{Address, Value};
use crate::model::link::Side;
use askama::Template;
use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

pub(super) fn router() -> Router<Desk> {
    Router::new()
        .route("/conflicts", get(list))
        .route("/conflicts/{id}", get(show))
}

pub(super) fn orders() -> Router<Desk> {
    Router::new().route("/conflicts/{id}", post(resolve))
}

/// Why a field is not moved, for people.
pub(super) fn why_words(why: &str) -> &'static str {
    match why {
        "conflict" => "Both sides changed it",
        "no-base" => "The sides differed when they were first seen",
        "would-blank" => "A value would be erased",
        "not-taken" => "The other side did not take the value over",
        "refused" => "The other side refused the value",
        "nested" => "It has parts that are not understood",
        "drift" => "Edited at the side that is only written to",
        _ => "It differs",
    }
}

#[derive(Debug, Deserialize)]
struct ListQuery {
    #[serde(default)]
    all: bool,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "conflicts.html", config = "src/http/console/askama.toml")]
struct ListPage<'a> {
    shell: Shell,
    page: &'a Page<ConflictRow>,
    all: bool,
    is_first: bool,
}

impl ListPage<'_> {
    fn why(&self, row: &ConflictRow) -> &'static str {
        why_words(&row.why)
    }
}

async fn list(
    visit: Visit,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(query) = query.map_err(bad_query)?;
    let which = if query.all {
        Conflicts::All
    } else {
        Conflicts::Waiting
    };
    let is_first = query.after.is_none();
    let order = Command::ConflictsList {
        which,
        after: query.after,
        limit: ROWS_DEFAULT,
    };
    let mut page: Page<ConflictRow> = viewed(&visit.desk.doors, order).await?;
    page.rows = for_visitor(page.rows, &visit.visitor);
    Ok(visit.answer(Here::Conflicts, &page, |shell| ListPage {
        shell,
        page: &page,
        all: query.all,
        is_first,
    }))
}

#[derive(Template)]
#[template(path = "conflict.html", config = "src/http/console/askama.toml")]
struct ConflictPage<'a> {
    shell: Shell,
    id: &'a str,
    page: &'a Page<ConflictRow>,
}

impl ConflictPage<'_> {
    fn why(&self, row: &ConflictRow) -> &'static str {
        why_words(&row.why)
    }

    fn sides<'r>(&self, row: &'r ConflictRow) -> [(&'static str, &'static str, &'r str); 2] {
        [
            ("stripe", "Stripe", &row.stripe_value),
            ("zenskar", "Zenskar", &row.zenskar_value),
        ]
    }

    fn parts(&self) -> [(&'static str, &'static str); 6] {
        [
            ("line1", "Line 1"),
            ("line2", "Line 2"),
            ("city", "City"),
            ("state", "State or region"),
            ("postal_code", "Postal code"),
            ("country", "Country, as two letters"),
        ]
    }

    fn has_parts(&self, row: &ConflictRow) -> bool {
        matches!(row.field.as_str(), "address" | "shipping.address")
    }

    /// Tax ids are typed in Stripe's dashboard, where their kind is known.
    fn can_be_typed(&self, row: &ConflictRow) -> bool {
        row.field != "tax_ids"
    }
}

async fn show(visit: Visit, id: Result<Path<String>, PathRejection>) -> Result<Response, Failure> {
    let Path(id) = id.map_err(bad_path)?;
    let order = Command::ConflictsOf { id: id.clone() };
    let mut page: Page<ConflictRow> = viewed(&visit.desk.doors, order).await?;
    page.rows = for_visitor(page.rows, &visit.visitor);
    Ok(visit.answer(Here::Conflicts, &page, |shell| ConflictPage {
        shell,
        id: &id,
        page: &page,
    }))
}

async fn resolve(
    State(desk): State<Desk>,
    id: Result<Path<String>, PathRejection>,
    posted: Posted,
) -> Result<Response, Failure> {
    let Path(id) = id.map_err(bad_path)?;
    let field = posted.fields.text("field").to_owned();
    let order = Command::ConflictResolve {
        id: id.clone(),
        field: field.clone(),
        choice: choice(&posted.fields)?,
        who: posted.visitor.who.clone(),
    };
    let run: Result<RunRow, Failure> = viewed(&desk.doors, order).await;
    let told = run.map(|run| {
        format!(
            "You decided about {field}; it is being written (run {}).",
            run.run
        )
    });
    desk.tell(&posted.visitor, told);
    Ok(see_other(&format!("/conflicts/{id}")))
}

/// What the form says is right.
fn choice(fields: &Fields) -> Result<Choice, Failure> {
    match fields.text("take") {
        "stripe" => Ok(Choice::Take(Side::Stripe)),
        "zenskar" => Ok(Choice::Take(Side::Zenskar)),
        "value" if fields.has("line1") => Ok(Choice::Value(Value::address(Address {
            line1: fields.text("line1").to_owned(),
            line2: fields.text("line2").to_owned(),
            city: fields.text("city").to_owned(),
            state: fields.text("state").to_owned(),
            postal_code: fields.text("postal_code").to_owned(),
            country: fields.text("country").to_uppercase(),
        }))),
        "value" => Ok(Choice::Value(Value::text(fields.text("value")))),
        _ => Err(Failure::new(
            Class::Malformed,
            "invalid",
            "Say which value is right.",
        )),
    }
}
