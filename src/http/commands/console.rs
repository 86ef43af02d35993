//! Logins to the console, and the activity.

use super::{Answer, Doors, answer, bad_query, invalid, rows, shown, viewed, who};
use crate::engine::command::Command;
use crate::engine::view::ConsoleLogin;
use crate::http::api::{Actor, Input};
use crate::model::session::{self, Role};
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::routing::{delete, get, post};
use serde::Deserialize;

pub(super) fn router() -> Router<Doors> {
    Router::new()
        .route("/console/logins", post(issue))
        .route("/console/sessions", delete(end))
        .route("/activity", get(activity))
}

/// `{"role": "operator", "for": "Ann Lee"}`; without a name it is for whoever asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IssueBody {
    role: String,
    #[serde(rename = "for")]
    person: Option<String>,
}

async fn issue(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    Input(body): Input<IssueBody>,
) -> Answer {
    let role = Role::parse(&body.role).ok_or_else(|| {
        invalid(format!(
            "{:?} is none of viewer, operator, admin",
            body.role
        ))
    })?;
    let who = who::name(&actor).await;
    let person = body.person.as_deref().unwrap_or(&who);
    let person =
        session::name(person).ok_or_else(|| invalid("a name is one line of at most 80 bytes"))?;
    let order = Command::ConsoleLogin { role, person, who };
    let mut login: ConsoleLogin = viewed(&doors, order).await?;
    login.url = format!("{}/login?token={}", doors.daemon.console_url(), login.token);
    shown(&login)
}

async fn end(State(doors): State<Doors>, Extension(actor): Extension<Actor>) -> Answer {
    let who = who::name(&actor).await;
    answer(&doors, Command::ConsoleEnd { who }).await
}

/// What it was done to, such as `customer/cus_1`, and where the page begins.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActivityQuery {
    about: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

async fn activity(
    State(doors): State<Doors>,
    query: Result<Query<ActivityQuery>, QueryRejection>,
) -> Answer {
    let Query(query) = query.map_err(bad_query)?;
    let order = Command::ActivityList {
        about: query.about,
        after: query.after,
        limit: rows(query.limit)?,
    };
    answer(&doors, order).await
}
