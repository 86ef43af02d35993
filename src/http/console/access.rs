//! Access: which programs have a token, who is signed in, and an end to either. For admins.

use super::Desk;
use super::form::Posted;
use super::page::{Here, Shell, Visit, see_other};
use super::session::Visitor;
use crate::engine::command::{Access, Command, session_id};
use crate::engine::view::{AccessView, Done, SessionRow, TokenMade};
use crate::http::commands::{make_token, role, viewed};
use crate::http::reply::{Class, Failure};
use crate::model::session::Role;
use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use std::time::Duration;

/// Where the page is.
const PAGE: &str = "/access";

/// How long a token may work, in days, and in words. The first is proposed.
const LIFETIMES: [(u64, &str); 4] = [
    (90, "90 days"),
    (7, "7 days"),
    (30, "30 days"),
    (365, "a year"),
];

/// Seconds in a day.
const DAY_SECONDS: u64 = 86_400;

pub(super) fn router() -> Router<Desk> {
    Router::new()
        .route(PAGE, get(show))
        .route("/access/tokens", post(make))
        .route("/access/tokens/revoke", post(revoke))
        .route("/access/sessions/end", post(end))
}

#[derive(Template)]
#[template(path = "access.html", config = "src/http/console/askama.toml")]
struct AccessPage<'a> {
    shell: Shell,
    view: &'a AccessView,
    /// The session that looks.
    own: String,
}

impl AccessPage<'_> {
    fn roles(&self) -> [(&'static str, &'static str); 3] {
        Role::ALL.map(|role| {
            let words = match role {
                Role::Viewer => "Viewer: reads, and sees no values",
                Role::Operator => "Operator: decides about customers",
                Role::Admin => "Admin: connects and configures",
            };
            (role.as_str(), words)
        })
    }

    fn lifetimes(&self) -> [(u64, &'static str); 4] {
        LIFETIMES
    }

    fn is_own(&self, session: &SessionRow) -> bool {
        session.id == self.own
    }
}

async fn show(visit: Visit) -> Result<Response, Failure> {
    let order = Command::Access(Access::All);
    let view: AccessView = viewed(&visit.desk.doors, order).await?;
    let own = session_id(&visit.visitor.key);
    Ok(visit.answer(Here::Nowhere, &view, |shell| AccessPage {
        shell,
        view: &view,
        own,
    }))
}

#[derive(Template)]
#[template(path = "made.html", config = "src/http/console/askama.toml")]
struct MadePage<'a> {
    shell: Shell,
    made: &'a TokenMade,
}

/// Shows the token in the answer itself: it is in no address, and nothing keeps it until another page
/// is asked for.
async fn make(visit: Visit, posted: Posted) -> Result<Response, Failure> {
    let made = match asked(&posted) {
        Ok(order) => make_token(&visit.desk.doors, order).await,
        Err(failure) => Err(failure),
    };
    match made {
        Ok(made) => Ok(visit.answer(Here::Nowhere, &made, |shell| MadePage {
            shell,
            made: &made,
        })),
        Err(failure) => Ok(told::<String>(&visit.desk, &posted.visitor, Err(failure))),
    }
}

/// The token that a form asks for.
fn asked(posted: &Posted) -> Result<Access, Failure> {
    let name = posted.fields.text("name");
    let days = posted.fields.text("days").parse::<u64>();
    let days = days.map_err(|_| {
        Failure::new(
            Class::Malformed,
            "invalid",
            "Say for how many days the token is to work.",
        )
    })?;
    Ok(Access::MakeToken {
        name: (!name.is_empty()).then(|| name.to_owned()),
        role: role(posted.fields.text("role"))?,
        lifetime: Some(Duration::from_secs(days.saturating_mul(DAY_SECONDS))),
        who: posted.visitor.who.clone(),
    })
}

async fn revoke(State(desk): State<Desk>, posted: Posted) -> Response {
    let order = Access::RevokeToken {
        called: posted.fields.text("token").to_owned(),
        who: posted.visitor.who.clone(),
    };
    let done: Result<Done, Failure> = viewed(&desk.doors, Command::Access(order)).await;
    told(&desk, &posted.visitor, done.map(|done| done.message))
}

async fn end(State(desk): State<Desk>, posted: Posted) -> Response {
    let order = Access::EndSession {
        id: posted.fields.text("session").to_owned(),
        who: posted.visitor.who.clone(),
    };
    let done: Result<Done, Failure> = viewed(&desk.doors, Command::Access(order)).await;
    told(&desk, &posted.visitor, done.map(|done| done.message))
}

/// Back to the page, which says what came of it.
fn told<M: Into<String>>(desk: &Desk, visitor: &Visitor, done: Result<M, Failure>) -> Response {
    desk.tell(visitor, done);
    see_other(PAGE)
}
