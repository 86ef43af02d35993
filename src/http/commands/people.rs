//! What people decide: conflicts, plans, runs.

use super::routes::Routes;
use super::{Answer, Doors, PageQuery, answer, bad_path, bad_query, invalid, rows, seen, who};
use crate::config::edit::CustomersEdit;
use crate::config::words::Word;
use crate::engine::command::{Apply, Ask, Choice, Command, Conflicts};
use crate::engine::view::{ConflictRow, Page, PlanView, RunRow, RunView};
use crate::http::api::{Actor, Input};
use crate::http::reply::Failure;
use crate::model::customer::{Address, Value};
use crate::model::difference::Held;
use crate::model::link::Side;
use crate::model::session::Role;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use serde::Deserialize;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .for_role(Role::Viewer)
        .get("/conflicts", conflicts)
        .get("/conflicts/{id}", conflicts_of)
        .get("/plan", plan)
        .get("/runs", runs)
        .get("/runs/{run}", run)
        .for_role(Role::Operator)
        .post("/conflicts/{id}", resolve)
        .post("/plan/apply", apply)
        .post("/runs/{run}/undo", undo)
        .for_role(Role::Admin)
        .post("/rehearsal", rehearse)
        .delete("/rehearsal", end_rehearsal)
}

/// Which conflicts, and where the page begins.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConflictsQuery {
    why: Option<String>,
    #[serde(default)]
    all: bool,
    after: Option<String>,
    limit: Option<usize>,
}

async fn conflicts(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    query: Result<Query<ConflictsQuery>, QueryRejection>,
) -> Answer {
    let Query(query) = query.map_err(bad_query)?;
    let which = match (query.why, query.all) {
        (None, false) => Conflicts::Waiting,
        (None, true) => Conflicts::All,
        (Some(why), _) => {
            let known = Held::ALL.into_iter().find(|held| held.as_str() == why);
            Conflicts::Only(known.ok_or_else(|| unknown_reason(&why))?)
        }
    };
    let limit = rows(query.limit)?;
    let after = query.after;
    let order = Command::ConflictsList {
        which,
        after,
        limit,
    };
    seen::<Page<ConflictRow>>(&doors, &actor, order).await
}

fn unknown_reason(why: &str) -> Failure {
    let known: Vec<&str> = Held::ALL.into_iter().map(Held::as_str).collect();
    invalid(format!("{why:?} is none of {}", known.join(", ")))
}

async fn conflicts_of(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let Path(id) = id.map_err(bad_path)?;
    seen::<Page<ConflictRow>>(&doors, &actor, Command::ConflictsOf { id }).await
}

/// One side of the two, as it is named in bodies and queries.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SideName {
    Stripe,
    Zenskar,
}

impl From<SideName> for Side {
    fn from(name: SideName) -> Self {
        match name {
            SideName::Stripe => Self::Stripe,
            SideName::Zenskar => Self::Zenskar,
        }
    }
}

/// `{"field": "name", "take": "stripe"}` or `{"field": "name", "value": "Ann"}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resolution {
    field: String,
    take: Option<SideName>,
    value: Option<Typed>,
}

/// A value that a person typed.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Typed {
    Text(String),
    Address(TypedAddress),
}

/// A postal address; a part that is not named is blank.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TypedAddress {
    line1: String,
    line2: String,
    city: String,
    state: String,
    postal_code: String,
    country: String,
}

impl From<Typed> for Value {
    fn from(typed: Typed) -> Self {
        let trimmed = |text: String| text.trim().to_owned();
        match typed {
            Typed::Text(text) => Self::text(&text),
            Typed::Address(address) => Self::address(Address {
                line1: trimmed(address.line1),
                line2: trimmed(address.line2),
                city: trimmed(address.city),
                state: trimmed(address.state),
                postal_code: trimmed(address.postal_code),
                country: trimmed(address.country).to_uppercase(),
            }),
        }
    }
}

async fn resolve(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
    Input(body): Input<Resolution>,
) -> Answer {
    let Path(id) = id.map_err(bad_path)?;
    let choice = match (body.take, body.value) {
        (Some(side), None) => Choice::Take(side.into()),
        (None, Some(value)) => Choice::Value(value.into()),
        _ => return Err(invalid("expected either \"take\" or \"value\"")),
    };
    answer(
        &doors,
        Command::ConflictResolve {
            id,
            field: body.field,
            choice,
            who: who::name(&actor).await,
        },
    )
    .await
}

/// Which plan, and where the page begins.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanQuery {
    initial: Option<SideName>,
    after: Option<String>,
    limit: Option<usize>,
}

async fn plan(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    query: Result<Query<PlanQuery>, QueryRejection>,
) -> Answer {
    let Query(query) = query.map_err(bad_query)?;
    let limit = rows(query.limit)?;
    let order = Command::Plan(Ask {
        under: None,
        initial: query.initial.map(Side::from),
        whole: true,
        after: query.after,
        limit,
    });
    seen::<PlanView>(&doors, &actor, order).await
}

/// `{"sync": "import-only", "fields": ["name"]}`; without fields those of the configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RehearsalBody {
    sync: String,
    fields: Option<Vec<String>>,
}

async fn rehearse(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    Input(body): Input<RehearsalBody>,
) -> Answer {
    let fields = body.fields.iter().flatten();
    let fields: Result<Vec<_>, Failure> = fields
        .map(|name| word(name, "a field of customers"))
        .collect();
    let edit = CustomersEdit {
        sync: word(&body.sync, "a sync type")?,
        fields: fields.map(|fields| body.fields.is_some().then_some(fields))?,
    };
    let preview = doors.daemon.preview(&edit)?;
    let who = who::name(&actor).await;
    let policy = Box::new(preview.policy);
    answer(&doors, Command::Rehearse { policy, who }).await
}

async fn end_rehearsal(State(doors): State<Doors>, Extension(actor): Extension<Actor>) -> Answer {
    let who = who::name(&actor).await;
    answer(&doors, Command::RehearsalEnd { who }).await
}

fn word<W: Word>(name: &str, what: &str) -> Result<W, Failure> {
    let found = W::ALL.iter().find(|(word, _)| *word == name);
    found.map(|(_, word)| *word).ok_or_else(|| {
        let known: Vec<&str> = W::ALL.iter().map(|(word, _)| *word).collect();
        invalid(format!("{name:?} is not {what}: {}", known.join(", ")))
    })
}

/// Which plan, and how much of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplyBody {
    hash: String,
    canary: Option<u64>,
    max_changes: Option<u64>,
}

async fn apply(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    Input(body): Input<ApplyBody>,
) -> Answer {
    let apply = Apply {
        hash: body.hash,
        canary: body.canary,
        max_changes: body.max_changes,
    };
    let who = who::name(&actor).await;
    answer(&doors, Command::PlanApply { apply, who }).await
}

async fn runs(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Answer {
    let Query(PageQuery { after, limit }) = query.map_err(bad_query)?;
    let limit = rows(limit)?;
    seen::<Page<RunRow>>(&doors, &actor, Command::RunsList { after, limit }).await
}

async fn run(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    run: Result<Path<u64>, PathRejection>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Answer {
    let Path(run) = run.map_err(bad_path)?;
    let Query(PageQuery { after, limit }) = query.map_err(bad_query)?;
    let limit = rows(limit)?;
    seen::<RunView>(&doors, &actor, Command::RunShow { run, after, limit }).await
}

async fn undo(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    run: Result<Path<u64>, PathRejection>,
) -> Answer {
    let Path(run) = run.map_err(bad_path)?;
    let who = who::name(&actor).await;
    answer(&doors, Command::RunUndo { run, who }).await
}
