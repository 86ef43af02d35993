//! Payments: every collection, the latest first, and on top of them those that wait for a person.

use super::Desk;
use super::mask::for_visitor;
use super::money;
use super::page::{Here, PageQuery, Shell, Visit, one_page};
use crate::engine::command::{Command, MoneyCommand, ROWS_MAX};
use crate::engine::view::{CollectionRow, MoneyStatus, Page};
use crate::http::commands::viewed;
use crate::http::reply::Failure;
use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

/// Pages of [`ROWS_MAX`] collections in which those that wait for a person are looked for.
const PAGES_SEARCHED: usize = 4;

/// Those that wait for a person, as many as are shown on top.
const WAITING_MAX: usize = 20;

pub(super) fn router() -> Router<Desk> {
    Router::new().route("/payments", get(list))
}

/// The collections, and those among all of them that wait for a person.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    page: Page<CollectionRow>,
    awaiting_person: Vec<CollectionRow>,
}

#[derive(Template)]
#[template(path = "payments.html", config = "src/http/console/askama.toml")]
struct ListPage<'a> {
    shell: Shell,
    money: &'a MoneyStatus,
    listed: &'a Listed,
    is_first: bool,
}

impl ListPage<'_> {
    /// Those that wait for a person and are not listed.
    fn unlisted(&self) -> u64 {
        let listed = u64::try_from(self.listed.awaiting_person.len());
        let all = self.money.awaiting_person;
        all.saturating_sub(listed.unwrap_or(u64::MAX))
    }
}

async fn list(
    visit: Visit,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let order = |after, limit| Command::Money(MoneyCommand::Payments { after, limit });
    let (page, is_first) = one_page::<CollectionRow>(&visit, query, order).await?;
    let money = money::glance(&visit).await?;
    let awaiting_person = if is_first && money.awaiting_person > 0 {
        awaiting_person(&visit, money.awaiting_person).await?
    } else {
        Vec::new()
    };
    let listed = Listed {
        page: for_visitor(page, &visit.visitor),
        awaiting_person: for_visitor(awaiting_person, &visit.visitor),
    };
    Ok(visit.answer(Here::Payments, &listed, |shell| ListPage {
        shell,
        money: &money,
        listed: &listed,
        is_first,
    }))
}

/// Those that wait for a person, money that was taken first.
async fn awaiting_person(visit: &Visit, count: u64) -> Result<Vec<CollectionRow>, Failure> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..PAGES_SEARCHED {
        let limit = ROWS_MAX;
        let order = Command::Money(MoneyCommand::Payments { after, limit });
        let page: Page<CollectionRow> = viewed(&visit.desk.doors, order).await?;
        found.extend(page.rows.into_iter().filter(|row| row.awaits_person));
        after = page.next;
        if after.is_none() || found.len() >= count {
            break;
        }
    }
    found.sort_by_key(|row| row.taken.is_none());
    found.truncate(WAITING_MAX);
    Ok(found)
}
