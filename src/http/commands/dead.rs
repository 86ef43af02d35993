//! Dead letters: listed, tried again, dropped and taken back.

use super::routes::Routes;
use super::{Answer, Doors, PageQuery, answer, bad_query, invalid, rows, seen, who};
use crate::engine::command::{Command, Letters};
use crate::engine::view::{DeadRow, DroppedRow, Page, Redrive};
use crate::http::api::{Actor, Input};
use crate::http::reply::Failure;
use crate::model::session::Role;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use serde::Deserialize;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .for_role(Role::Viewer)
        .get("/dead", list)
        .get("/dead/dropped", dropped)
        .get("/dead/retry", progress)
        .for_role(Role::Operator)
        .get("/dead/reasons", reasons)
        .post("/dead/retry", retry)
        .delete("/dead/retry", cancel)
        .post("/dead/drop", give_up)
        .post("/dead/take-back", take_back)
}

async fn list(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Answer {
    let Query(PageQuery { after, limit }) = query.map_err(bad_query)?;
    let limit = rows(limit)?;
    seen::<Page<DeadRow>>(&doors, &actor, Command::DeadList { after, limit }).await
}

async fn dropped(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Answer {
    let Query(PageQuery { after, limit }) = query.map_err(bad_query)?;
    let limit = rows(limit)?;
    seen::<Page<DroppedRow>>(&doors, &actor, Command::DroppedList { after, limit }).await
}

async fn reasons(State(doors): State<Doors>) -> Answer {
    answer(&doors, Command::DeadReasons).await
}

/// `{"all": true}`, `{"numbers": [1, 2]}` or `{"reason": "…"}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LettersBody {
    #[serde(default)]
    all: bool,
    #[serde(default)]
    numbers: Vec<u64>,
    reason: Option<String>,
}

impl LettersBody {
    fn which(self) -> Result<Letters, Failure> {
        match (self.all, self.numbers.is_empty(), self.reason) {
            (true, true, None) => Ok(Letters::All),
            (false, false, None) => Ok(Letters::Numbers(self.numbers)),
            (false, true, Some(reason)) => Ok(Letters::Reason(reason)),
            _ => Err(invalid(
                "expected one of \"all\": true, \"numbers\" and \"reason\"",
            )),
        }
    }
}

async fn retry(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    Input(body): Input<LettersBody>,
) -> Answer {
    let (which, who) = (body.which()?, who::name(&actor).await);
    answer(&doors, Command::DeadRetry { which, who }).await
}

/// `null` where none was ever begun.
async fn progress(State(doors): State<Doors>, Extension(actor): Extension<Actor>) -> Answer {
    seen::<Option<Redrive>>(&doors, &actor, Command::Redrive).await
}

async fn cancel(State(doors): State<Doors>, Extension(actor): Extension<Actor>) -> Answer {
    let who = who::name(&actor).await;
    answer(&doors, Command::RedriveCancel { who }).await
}

async fn give_up(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    Input(body): Input<LettersBody>,
) -> Answer {
    let (which, who) = (body.which()?, who::name(&actor).await);
    answer(&doors, Command::DeadDrop { which, who }).await
}

async fn take_back(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    Input(body): Input<LettersBody>,
) -> Answer {
    let (which, who) = (body.which()?, who::name(&actor).await);
    answer(&doors, Command::DeadTakeBack { which, who }).await
}
