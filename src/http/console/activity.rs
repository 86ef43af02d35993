//! Activity: what was done and why, and runs with their undoing.

use super::Desk;
use super::form::Posted;
use super::mask::for_visitor;
use super::page::{Here, PageQuery, Shell, Tab, Visit, one_page, see_other, tabs};
use crate::engine::command::{Command, ROWS_DEFAULT};
use crate::engine::view::{CustomerView, HistoryRow, Page, RunRow, RunView};
use crate::http::commands::{bad_path, bad_query, viewed};
use crate::http::reply::Failure;
use askama::Template;
use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;

pub(super) fn router() -> Router<Desk> {
    Router::new()
        .route("/activity", get(list))
        .route("/customers/{id}/history", get(history))
        .route("/activity/runs", get(runs))
        .route("/activity/runs/{run}", get(run))
}

pub(super) fn orders() -> Router<Desk> {
    Router::new().route("/activity/runs/{run}/undo", get(ask_undo).post(undo))
}

/// The lists under one heading.
const TABS: [(&str, &str); 2] = [("/activity", "What was done"), ("/activity/runs", "Runs")];

#[derive(Template)]
#[template(path = "activity.html", config = "src/http/console/askama.toml")]
struct ActivityPage<'a> {
    shell: Shell,
    tabs: Vec<Tab>,
    page: &'a Page<HistoryRow>,
    is_first: bool,
    /// The id of the customer whose history it is.
    of: Option<&'a str>,
}

impl ActivityPage<'_> {
    /// The customer that an entry is about.
    fn customer<'r>(&self, row: &'r HistoryRow) -> Option<&'r str> {
        let subject = row.subject.as_str();
        let in_stripe = subject.strip_prefix("customer/");
        in_stripe.or_else(|| subject.strip_prefix("zenskar/"))
    }

    /// The event that an entry is about.
    fn event<'r>(&self, row: &'r HistoryRow) -> Option<&'r str> {
        row.subject.strip_prefix("event/")
    }
}

async fn list(
    visit: Visit,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let order = |after, limit| Command::ActivityList {
        about: None,
        after,
        limit,
    };
    let (mut page, is_first) = one_page::<HistoryRow>(&visit, query, order).await?;
    page.rows = for_visitor(page.rows, &visit.visitor);
    Ok(visit.answer(Here::Activity, &page, |shell| ActivityPage {
        shell,
        tabs: tabs(TABS, "/activity"),
        page: &page,
        is_first,
        of: None,
    }))
}

/// All that was done about one customer.
async fn history(
    visit: Visit,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let Path(id) = id.map_err(bad_path)?;
    let order = Command::CustomerShow { id: id.clone() };
    let customer: CustomerView = viewed(&visit.desk.doors, order).await?;
    let about = match (customer.row.stripe.as_str(), &customer.row.zenskar) {
        ("", Some(zenskar)) => format!("zenskar/{zenskar}"),
        (stripe, _) => format!("customer/{stripe}"),
    };
    let order = |after, limit| Command::ActivityList {
        about: Some(about),
        after,
        limit,
    };
    let (mut page, is_first) = one_page::<HistoryRow>(&visit, query, order).await?;
    page.rows = for_visitor(page.rows, &visit.visitor);
    Ok(visit.answer(Here::Customers, &page, |shell| ActivityPage {
        shell,
        tabs: Vec::new(),
        page: &page,
        is_first,
        of: Some(&id),
    }))
}

#[derive(Template)]
#[template(path = "runs.html", config = "src/http/console/askama.toml")]
struct RunsPage<'a> {
    shell: Shell,
    tabs: Vec<Tab>,
    page: &'a Page<RunRow>,
    is_first: bool,
}

impl RunsPage<'_> {
    fn kind(&self, run: &RunRow) -> String {
        kind(run)
    }
}

/// What a run was, for people.
fn kind(run: &RunRow) -> String {
    match (run.kind.as_str(), run.undoes) {
        ("resolve", _) => "A conflict was decided".to_owned(),
        ("apply", _) => "A plan was applied".to_owned(),
        (_, Some(undone)) => format!("Run {undone} was taken back"),
        (other, None) => other.to_owned(),
    }
}

async fn runs(
    visit: Visit,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let order = |after, limit| Command::RunsList { after, limit };
    let (page, is_first) = one_page::<RunRow>(&visit, query, order).await?;
    Ok(visit.answer(Here::Activity, &page, |shell| RunsPage {
        shell,
        tabs: tabs(TABS, "/activity/runs"),
        page: &page,
        is_first,
    }))
}

#[derive(Template)]
#[template(path = "run.html", config = "src/http/console/askama.toml")]
struct RunPage<'a> {
    shell: Shell,
    view: &'a RunView,
    is_first: bool,
}

impl RunPage<'_> {
    fn kind(&self) -> String {
        kind(&self.view.run)
    }

    fn can_be_undone(&self) -> bool {
        self.view.run.undone_by.is_none() && self.view.run.state != "deciding"
    }
}

async fn one(visit: &Visit, run: u64, after: Option<String>) -> Result<RunView, Failure> {
    let limit = ROWS_DEFAULT;
    let order = Command::RunShow { run, after, limit };
    let mut view: RunView = viewed(&visit.desk.doors, order).await?;
    view.rows = for_visitor(view.rows, &visit.visitor);
    Ok(view)
}

async fn run(
    visit: Visit,
    run: Result<Path<u64>, PathRejection>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let Path(run) = run.map_err(bad_path)?;
    let Query(PageQuery { after }) = query.map_err(bad_query)?;
    let is_first = after.is_none();
    let view = one(&visit, run, after).await?;
    Ok(visit.answer(Here::Activity, &view, |shell| RunPage {
        shell,
        view: &view,
        is_first,
    }))
}

#[derive(Template)]
#[template(path = "undo.html", config = "src/http/console/askama.toml")]
struct UndoPage<'a> {
    shell: Shell,
    view: &'a RunView,
}

async fn ask_undo(
    visit: Visit,
    run: Result<Path<u64>, PathRejection>,
) -> Result<Response, Failure> {
    let Path(run) = run.map_err(bad_path)?;
    let view = one(&visit, run, None).await?;
    Ok(visit.answer(Here::Activity, &view, |shell| UndoPage {
        shell,
        view: &view,
    }))
}

async fn undo(
    State(desk): State<Desk>,
    run: Result<Path<u64>, PathRejection>,
    posted: Posted,
) -> Result<Response, Failure> {
    let Path(run) = run.map_err(bad_path)?;
    let who = posted.visitor.who.clone();
    let row: Result<RunRow, Failure> = viewed(&desk.doors, Command::RunUndo { run, who }).await;
    let to = row.as_ref().map_or(run, |row| row.run);
    let told = row.map(|row| format!("run {run} is being taken back by run {}", row.run));
    desk.tell(&posted.visitor, told);
    Ok(see_other(&format!("/activity/runs/{to}")))
}
