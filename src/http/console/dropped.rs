//! Dead letters that were dropped, to be taken back.

use super::Desk;
use super::dead::letters;
use super::events::TABS;
use super::form::Posted;
use super::mask::for_visitor;
use super::page::{Here, PageQuery, Shell, Tab, Visit, one_page, see_other, tabs};
use crate::engine::command::Command;
use crate::engine::view::{Done, DroppedRow, Page};
use crate::http::commands::viewed;
use crate::http::reply::Failure;
use askama::Template;
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{get, post};

/// Where they are listed.
const LIST: &str = "/events/dropped";

pub(super) fn router() -> Router<Desk> {
    Router::new().route(LIST, get(list))
}

pub(super) fn orders() -> Router<Desk> {
    Router::new().route("/events/dropped/take-back", post(take_back))
}

#[derive(Template)]
#[template(path = "dropped.html", config = "src/http/console/askama.toml")]
struct ListPage<'a> {
    shell: Shell,
    tabs: Vec<Tab>,
    page: &'a Page<DroppedRow>,
    is_first: bool,
}

async fn list(
    visit: Visit,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let order = |after, limit| Command::DroppedList { after, limit };
    let (mut page, is_first) = one_page::<DroppedRow>(&visit, query, order).await?;
    page.rows = for_visitor(page.rows, &visit.visitor);
    Ok(visit.answer(Here::Events, &page, |shell| ListPage {
        shell,
        tabs: tabs(TABS, LIST),
        page: &page,
        is_first,
    }))
}

async fn take_back(State(desk): State<Desk>, posted: Posted) -> Result<Response, Failure> {
    let (which, who) = (letters(&posted)?, posted.visitor.who.clone());
    let done = viewed(&desk.doors, Command::DeadTakeBack { which, who }).await;
    desk.tell(&posted.visitor, done.map(|done: Done| done.message));
    Ok(see_other(LIST))
}
