//! The freeze of charges: whether, since when, by whom and why; frozen by operators, ended by admins.

use super::Desk;
use super::form::Posted;
use super::money;
use super::page::{Here, Shell, Tab, Visit, see_other, tabs};
use crate::engine::command::{Command, MoneyCommand};
use crate::engine::view::{FreezeView, MoneyStatus};
use crate::http::commands::viewed;
use crate::http::reply::Failure;
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};

const PATH: &str = "/freeze";

pub(super) fn router() -> Router<Desk> {
    Router::new().route(PATH, get(show))
}

pub(super) fn orders() -> Router<Desk> {
    Router::new().route(PATH, post(freeze))
}

/// What takes an admin.
pub(super) fn ends() -> Router<Desk> {
    Router::new().route("/freeze/end", post(unfreeze))
}

#[derive(Template)]
#[template(path = "freeze.html", config = "src/http/console/askama.toml")]
struct FreezePage<'a> {
    shell: Shell,
    tabs: Vec<Tab>,
    money: &'a MoneyStatus,
}

async fn show(visit: Visit) -> Result<Response, Failure> {
    let money = money::glance(&visit).await?;
    Ok(
        visit.answer(Here::Invoices, &money.freeze, |shell| FreezePage {
            shell,
            tabs: tabs(money::TABS, PATH),
            money: &money,
        }),
    )
}

async fn freeze(State(desk): State<Desk>, posted: Posted) -> Result<Response, Failure> {
    let order = MoneyCommand::Freeze {
        reason: posted.fields.text("reason").to_owned(),
        who: posted.visitor.who.clone(),
    };
    ordered(&desk, &posted, order, "no charge begins any more").await
}

async fn unfreeze(State(desk): State<Desk>, posted: Posted) -> Result<Response, Failure> {
    let who = posted.visitor.who.clone();
    let order = MoneyCommand::Unfreeze { who };
    ordered(&desk, &posted, order, "charges may begin again").await
}

async fn ordered(
    desk: &Desk,
    posted: &Posted,
    order: MoneyCommand,
    told: &str,
) -> Result<Response, Failure> {
    let done: Result<FreezeView, Failure> = viewed(&desk.doors, Command::Money(order)).await;
    desk.tell(&posted.visitor, done.map(|_| told));
    Ok(see_other(PATH))
}
