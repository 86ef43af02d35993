//! Tokens, logins to the console and who is signed in there.

use super::routes::Routes;
use super::{Answer, Doors, answer, bad_path, invalid, shown, viewed, who};
use crate::engine::command::{Access, Command};
use crate::engine::view::{ConsoleLogin, TokenMade};
use crate::http::api::{self, Actor, Input};
use crate::http::reply::Failure;
use crate::model::session::{self, Role};
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use serde::Deserialize;
use std::time::Duration;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .for_role(Role::Admin)
        .get("/tokens", tokens)
        .post("/tokens", make)
        .delete("/tokens/{token}", revoke)
        .post("/console/logins", issue)
        .get("/console/sessions", sessions)
        .delete("/console/sessions", end_all)
        .delete("/console/sessions/{id}", end)
}

async fn tokens(State(doors): State<Doors>) -> Answer {
    answer(&doors, Command::Access(Access::Tokens)).await
}

/// `{"role": "operator", "name": "ci", "ttl_seconds": 86400}`; the last two may be left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MakeBody {
    role: String,
    name: Option<String>,
    ttl_seconds: Option<u64>,
}

async fn make(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    Input(body): Input<MakeBody>,
) -> Answer {
    let order = Access::MakeToken {
        name: body.name,
        role: role(&body.role)?,
        lifetime: body.ttl_seconds.map(Duration::from_secs),
        who: who::name(&actor).await,
    };
    shown(&make_token(&doors, order).await?)
}

/// Has a token made, and says where it is used.
pub(in crate::http) async fn make_token(
    doors: &Doors,
    order: Access,
) -> Result<TokenMade, Failure> {
    let mut made: TokenMade = viewed(doors, Command::Access(order)).await?;
    made.api = format!("{}{}", doors.daemon.console_url(), api::PREFIX);
    Ok(made)
}

async fn revoke(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    called: Result<Path<String>, PathRejection>,
) -> Answer {
    let Path(called) = called.map_err(bad_path)?;
    let who = who::name(&actor).await;
    let order = Access::RevokeToken { called, who };
    answer(&doors, Command::Access(order)).await
}

async fn sessions(State(doors): State<Doors>) -> Answer {
    answer(&doors, Command::Access(Access::Sessions)).await
}

async fn end(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let Path(id) = id.map_err(bad_path)?;
    let who = who::name(&actor).await;
    let order = Access::EndSession { id, who };
    answer(&doors, Command::Access(order)).await
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
    let role = role(&body.role)?;
    let who = who::name(&actor).await;
    let person = body.person.as_deref().unwrap_or(&who);
    let person = session::name(person).ok_or_else(|| {
        invalid("a person's name is one line of at most 80 bytes, and not a token's: say whom it is \"for\"")
    })?;
    let order = Command::Access(Access::Login { role, person, who });
    let mut login: ConsoleLogin = viewed(&doors, order).await?;
    login.url = format!("{}/login?token={}", doors.daemon.console_url(), login.token);
    shown(&login)
}

async fn end_all(State(doors): State<Doors>, Extension(actor): Extension<Actor>) -> Answer {
    let who = who::name(&actor).await;
    answer(&doors, Command::Access(Access::EndSessions { who })).await
}

/// The role of this name.
pub(in crate::http) fn role(name: &str) -> Result<Role, Failure> {
    Role::parse(name).ok_or_else(|| invalid(format!("{name:?} is none of viewer, operator, admin")))
}
