//! The commands of `/api/v1`: the daemon's actions as JSON.
//!
//! A thin door to [`Engine::command`]: a route names an action, an answer is its view. What is not
//! the engine's (the configuration, the process) comes from [`Daemon`].
//!
//! # Invariants
//!
//! - Every route takes a role ([`listed`]): what shows something is for viewers, what acts upon
//!   customers and events for operators, and the connection, the configuration and who gets in for
//!   admins.
//! - Viewers see no value that a customer holds and no event as it came, as on the console's pages:
//!   what is shown to them goes through [`seen`].
//!
//! Not here: what an action does, and who may give orders ([`crate::http::api`]).

mod access;
mod connection;
mod dead;
mod managed;
mod money;
mod people;
mod routes;
mod who;

pub(in crate::http) use access::{make_token, role};
pub use managed::{ChangeError, Managed, Preview};
pub(in crate::http) use money::order_key;
pub use routes::Route;

use crate::clock::BoxFuture;
use crate::config::edit::CustomersEdit;
use crate::engine::Engine;
use crate::engine::command::{
    Command, CommandError, Customers, EventCommand, EventFilter, ROWS_DEFAULT, ROWS_MAX,
};
use crate::engine::error::EngineError;
use crate::engine::view::{self, CustomerRow, CustomerView, EventRow, EventView, HistoryRow, Page};
use crate::http::api::{Actor, Input};
use crate::http::mask::{Looks, Values, for_visitor};
use crate::http::reply::{Class, Failure};
use crate::model::session::Role;
use crate::telemetry::chain;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::{Json, Router};
use routes::Routes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// What of the daemon is not the engine's.
pub trait Daemon: Send + Sync + fmt::Debug {
    /// The process, and what it is bound to.
    fn about(&self) -> view::Daemon;
    /// What is wrong besides what the engine sees, most urgent first.
    fn problems(&self) -> Vec<view::Problem>;
    /// Every setting in force.
    fn config(&self) -> view::ConfigView;
    /// How a browser on this machine reaches the console, such as `http://127.0.0.1:9481`.
    fn console_url(&self) -> String;
    /// What the configuration's file says that the console may change.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not valid.
    fn managed(&self) -> Result<Managed, ChangeError>;
    /// What a change would do to the file.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or would not be valid.
    fn preview(&self, edit: &CustomersEdit) -> Result<Preview, ChangeError>;
    /// Makes a change if the file is as it was `seen`, and has it taken over.
    fn change_customers<'a>(
        &'a self,
        edit: &'a CustomersEdit,
        seen: &'a str,
    ) -> BoxFuture<'a, Result<view::Reloaded, ChangeError>>;
    /// Reads the configuration again; the text says why the old one stays.
    fn reload(&self) -> BoxFuture<'_, Result<view::Reloaded, String>>;
}

/// What the routes share, here and on the console's pages.
#[derive(Clone, Debug)]
pub struct Doors {
    /// Does what is ordered.
    pub engine: Arc<Engine>,
    /// The rest of the daemon.
    pub daemon: Arc<dyn Daemon>,
    /// Where what was ordered is done.
    pub actions: TaskTracker,
}

type Answer = Result<Json<Value>, Failure>;

/// The routes, for [`crate::http::api::shell`].
pub fn router(doors: Doors) -> Router {
    routes().parts().0.with_state(doors)
}

/// What is served, with the role that each takes.
#[must_use]
pub fn listed() -> Vec<Route> {
    routes().parts().1
}

fn routes() -> Routes {
    let routes = Routes::new()
        .for_role(Role::Viewer)
        .get("/status", status)
        .get("/customers", customers)
        .get("/customers/{id}", customer)
        .get("/events", events)
        .get("/events/{id}", event)
        .get("/activity", activity)
        .get("/outbox", outbox)
        .for_role(Role::Operator)
        .get("/customers/{id}/candidates", candidates)
        .post("/links", link)
        .delete("/links/{id}", unlink)
        .post("/events/{id}/replay", replay)
        .post("/scan", scan)
        .for_role(Role::Admin)
        .post("/reload", reload)
        .get("/config", config);
    let routes = money::routes(dead::routes(people::routes(routes)));
    access::routes(connection::routes(routes))
}

async fn status(State(doors): State<Doors>, Extension(actor): Extension<Actor>) -> Answer {
    shown(&for_visitor(whole_status(&doors).await?, &actor))
}

/// The whole state, the engine's and the rest of the daemon's.
pub(super) async fn whole_status(doors: &Doors) -> Result<view::Status, Failure> {
    let mut status: view::Status = viewed(doors, Command::Status).await?;
    status.daemon = doors.daemon.about();
    // With OAuth it is the engine that knows.
    if let Some(account) = &status.connection.account {
        status.daemon.account.clone_from(account);
    }
    let mut problems = doors.daemon.problems();
    if !problems.is_empty() {
        "degraded".clone_into(&mut status.state);
    }
    problems.append(&mut status.problems);
    status.problems = problems;
    Ok(status)
}

/// Which customers, and where the page begins.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomersQuery {
    which: Option<Which>,
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Which {
    #[default]
    Linked,
    Unlinked,
    Differing,
    Deleted,
}

async fn customers(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    query: Result<Query<CustomersQuery>, QueryRejection>,
) -> Answer {
    let Query(query) = query.map_err(bad_query)?;
    let which = match query.which.unwrap_or_default() {
        Which::Linked => Customers::Linked,
        Which::Unlinked => Customers::Unlinked,
        Which::Differing => Customers::Differing,
        Which::Deleted => Customers::Deleted,
    };
    let limit = rows(query.limit)?;
    let after = query.after;
    let order = Command::CustomersList {
        which,
        after,
        limit,
    };
    seen::<Page<CustomerRow>>(&doors, &actor, order).await
}

async fn customer(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let Path(id) = id.map_err(bad_path)?;
    seen::<CustomerView>(&doors, &actor, Command::CustomerShow { id }).await
}

async fn candidates(State(doors): State<Doors>, id: Result<Path<String>, PathRejection>) -> Answer {
    let Path(id) = id.map_err(bad_path)?;
    answer(&doors, Command::CustomerCandidates { id }).await
}

/// Two customers that are one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    stripe: String,
    zenskar: String,
}

async fn link(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    Input(body): Input<Link>,
) -> Answer {
    let Link { stripe, zenskar } = body;
    answer(
        &doors,
        Command::CustomerLink {
            stripe,
            zenskar,
            who: who::name(&actor).await,
        },
    )
    .await
}

async fn unlink(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let Path(id) = id.map_err(bad_path)?;
    answer(
        &doors,
        Command::CustomerUnlink {
            id,
            who: who::name(&actor).await,
        },
    )
    .await
}

/// Where a page begins, and how long it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    after: Option<String>,
    limit: Option<usize>,
}

async fn events(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Answer {
    let Query(PageQuery { after, limit }) = query.map_err(bad_query)?;
    let limit = rows(limit)?;
    let order = EventCommand::List {
        filter: EventFilter::default(),
        after,
        limit,
    };
    seen::<Page<EventRow>>(&doors, &actor, Command::Events(order)).await
}

async fn event(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let Path(id) = id.map_err(bad_path)?;
    if !actor.sees_values() {
        let order = Command::Events(EventCommand::Head { id });
        return seen::<EventView>(&doors, &actor, order).await;
    }
    let order = match &actor {
        Actor::Process { .. } => EventCommand::Show { id },
        // That somebody elsewhere looked at a payload is noted, as it is on the pages.
        Actor::Token { .. } => {
            let head = EventCommand::Head { id: id.clone() };
            let head: EventView = viewed(&doors, Command::Events(head)).await?;
            if head.pruned {
                return shown(&head);
            }
            let who = who::name(&actor).await;
            EventCommand::Payload { id, who }
        }
    };
    answer(&doors, Command::Events(order)).await
}

async fn replay(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let Path(id) = id.map_err(bad_path)?;
    answer(
        &doors,
        Command::Events(EventCommand::Replay {
            id,
            who: who::name(&actor).await,
        }),
    )
    .await
}

/// What it was done to, such as `customer/cus_1`, and where the page begins.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActivityQuery {
    about: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

async fn outbox(
    State(doors): State<Doors>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Answer {
    let Query(PageQuery { after, limit }) = query.map_err(bad_query)?;
    let limit = rows(limit)?;
    answer(&doors, Command::OutboxList { after, limit }).await
}

async fn activity(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    query: Result<Query<ActivityQuery>, QueryRejection>,
) -> Answer {
    let Query(query) = query.map_err(bad_query)?;
    let order = Command::ActivityList {
        about: query.about,
        after: query.after,
        limit: rows(query.limit)?,
    };
    seen::<Page<HistoryRow>>(&doors, &actor, order).await
}

async fn scan(State(doors): State<Doors>, Extension(actor): Extension<Actor>) -> Answer {
    answer(
        &doors,
        Command::Scan {
            who: who::name(&actor).await,
        },
    )
    .await
}

async fn reload(State(doors): State<Doors>, Extension(actor): Extension<Actor>) -> Answer {
    let who = who::name(&actor).await;
    tracing::info!(event = "reload_asked", who, "somebody asks for a reload");
    match doors.daemon.reload().await {
        Ok(reloaded) => shown(&reloaded),
        Err(why) => Err(not_reloaded(why)),
    }
}

pub(super) fn not_reloaded(why: String) -> Failure {
    Failure::new(Class::Refused, "configuration", why)
        .hint("the old configuration stays in force; correct the file and reload again")
}

async fn config(State(doors): State<Doors>) -> Answer {
    shown(&doors.daemon.config())
}

/// Has a command carried out. It comes to its end whether or not whoever asked stays to hear of it:
/// a connection that breaks must not leave a run half decided.
async fn run(doors: &Doors, command: Command) -> Result<Value, Failure> {
    let engine = Arc::clone(&doors.engine);
    let done = doors.actions.spawn(async move {
        let done = engine.command(command).await;
        done.map_err(|error| refusal(&error))
    });
    match done.await {
        Ok(answer) => answer,
        Err(ended) => match ended.try_into_panic() {
            Ok(reason) => std::panic::resume_unwind(reason),
            Err(cut) => Err(Failure::internal(&cut)),
        },
    }
}

/// Has a command carried out, and reads the view that its variant names.
pub(super) async fn viewed<T: DeserializeOwned>(
    doors: &Doors,
    command: Command,
) -> Result<T, Failure> {
    let value = run(doors, command).await?;
    serde_json::from_value(value).map_err(|error| Failure::internal(&error))
}

async fn answer(doors: &Doors, command: Command) -> Answer {
    run(doors, command).await.map(Json)
}

/// The view that a command gives, as whoever asks may see it.
async fn seen<T: Values + Serialize + DeserializeOwned>(
    doors: &Doors,
    actor: &Actor,
    command: Command,
) -> Answer {
    if actor.sees_values() {
        return answer(doors, command).await;
    }
    let view: T = viewed(doors, command).await?;
    shown(&for_visitor(view, actor))
}

fn shown<T: Serialize>(value: &T) -> Answer {
    serde_json::to_value(value)
        .map(Json)
        .map_err(|error| Failure::internal(&error))
}

/// Why an action was not done. Whoever may give orders may also know why.
fn refusal(error: &CommandError) -> Failure {
    match error {
        CommandError::NotFound(message) => Failure::new(Class::NotFound, "not_found", message),
        CommandError::Invalid(message) => invalid(message),
        CommandError::Refused { message, hint } => {
            Failure::new(Class::Conflict, "refused", message).hint(hint)
        }
        CommandError::Engine(EngineError::Remote(failure)) => {
            Failure::new(Class::Unavailable, "remote", chain(failure)).hint(failure.message.clone())
        }
        CommandError::Engine(EngineError::Read(_) | EngineError::Write(_)) => {
            tracing::error!(event = "command_failed", error = chain(error));
            Failure::new(Class::Unavailable, "store", chain(error))
        }
    }
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(Class::Malformed, "invalid", message)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the form that `map_err` wants"
)]
pub(super) fn bad_query(rejection: QueryRejection) -> Failure {
    invalid(rejection.body_text())
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the form that `map_err` wants"
)]
pub(super) fn bad_path(rejection: PathRejection) -> Failure {
    invalid(rejection.body_text())
}

fn rows(limit: Option<usize>) -> Result<usize, Failure> {
    match limit.unwrap_or(ROWS_DEFAULT) {
        limit @ 1..=ROWS_MAX => Ok(limit),
        _ => Err(invalid(format!("`limit` is 1 to {ROWS_MAX}"))),
    }
}
