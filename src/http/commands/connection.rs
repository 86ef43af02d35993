//! Connecting an account, and ending that.

use super::routes::Routes;
use super::{Answer, Doors, answer, bad_path, who};
use crate::engine::command::Command;
use crate::http::api::{Actor, Input};
use crate::model::session::Role;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use serde::Deserialize;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .for_role(Role::Admin)
        .post("/connect", connect)
        .get("/connect/{flow}", standing)
        .post("/disconnect", disconnect)
}

async fn connect(State(doors): State<Doors>, Extension(actor): Extension<Actor>) -> Answer {
    let who = who::name(&actor).await;
    answer(&doors, Command::Connect { who }).await
}

async fn standing(State(doors): State<Doors>, flow: Result<Path<u64>, PathRejection>) -> Answer {
    let Path(flow) = flow.map_err(bad_path)?;
    answer(&doors, Command::ConnectShow { flow }).await
}

/// `{"abandon": true}` although writes are on their way.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Disconnect {
    #[serde(default)]
    abandon: bool,
}

async fn disconnect(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    Input(Disconnect { abandon }): Input<Disconnect>,
) -> Answer {
    let who = who::name(&actor).await;
    answer(&doors, Command::Disconnect { abandon, who }).await
}
