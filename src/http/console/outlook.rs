//! What a change of the sync type or of its fields would lead to, before it is saved: the plan under
//! the rules that were chosen. While sync is off somebody has to have both sides compared first.

use super::Desk;
use super::form::Posted;
use super::manage::{MANAGE, address, edit};
use super::overview::Figures;
use super::page::{Visit, see_other};
use super::plan::questions;
use super::sums::{self, Rules, Sum};
use crate::engine::command::{Ask, Command};
use crate::engine::view::{Done, PlanSummary, PlanView, Rehearsal, Status};
use crate::http::commands::{Preview, viewed, whole_status};
use crate::http::reply::Failure;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use serde::Serialize;

pub(super) fn orders() -> Router<Desk> {
    Router::new()
        .route("/integrations/stripe/manage/compare", post(compare))
        .route("/integrations/stripe/manage/forget", post(forget))
}

/// What would change.
#[derive(Debug, Default, Serialize)]
pub(super) struct Outlook {
    /// Whether both sides have to be compared under these rules before anything can be said.
    pub(super) uncompared: bool,
    /// Chosen fields of which nothing can be said yet, beside those that can be told of.
    pub(super) new_fields: Vec<String>,
    /// What is compared while sync is off.
    pub(super) rehearsal: Option<Rehearsal>,
    /// Whether the plan is being added up.
    pub(super) is_under_way: bool,
    /// The plan under these rules.
    pub(super) plan: Option<PlanSummary>,
    /// Questions for a person in it.
    pub(super) questions: u64,
    /// How far the scan is.
    pub(super) scan: String,
    /// Customers that wait to be looked at.
    pub(super) waiting: u64,
}

impl Outlook {
    /// What would follow from the change that `preview` shows.
    pub(super) async fn of(visit: &Visit, preview: &Preview) -> Result<Self, Failure> {
        let desk = &visit.desk;
        let policy = &preview.policy;
        if preview.lines.is_empty() || policy.direction.is_none() {
            return Ok(Self::default());
        }
        let status: Status = whole_status(&desk.doors).await?;
        let is_off = status.sync == "off";
        if is_off && status.rehearsal.is_none() {
            return Ok(Self {
                uncompared: true,
                ..Self::default()
            });
        }
        let rules = Rules {
            under: Some(Box::new(policy.clone())),
            initial: None,
        };
        let order = Command::Plan(Ask {
            under: rules.under.clone(),
            initial: None,
            whole: false,
            after: None,
            limit: 0,
        });
        let plan: PlanView = viewed(&desk.doors, order).await?;
        let summed = sums::sum(visit, rules).await?;
        let summary = summed.sum().map(Sum::summary);
        let questions = summary.as_ref().map_or(0, questions);
        Ok(Self {
            is_under_way: summed.is_under_way(),
            uncompared: is_off && !plan.uncompared.is_empty(),
            new_fields: plan.uncompared,
            rehearsal: plan.rehearsal,
            questions,
            scan: Figures::of(&status).scan,
            waiting: status.queues.get("work").copied().unwrap_or_default(),
            plan: summary,
        })
    }
}

async fn compare(State(desk): State<Desk>, posted: Posted) -> Result<Response, Failure> {
    let edit = edit(&posted.fields)?;
    let preview = desk.doors.daemon.preview(&edit)?;
    let order = Command::Rehearse {
        policy: Box::new(preview.policy),
        who: posted.visitor.who.clone(),
    };
    let begun: Result<Done, Failure> = viewed(&desk.doors, order).await;
    desk.tell(&posted.visitor, begun.map(|done| done.message));
    Ok(see_other(&address(&edit)))
}

async fn forget(State(desk): State<Desk>, posted: Posted) -> Result<Response, Failure> {
    let who = posted.visitor.who.clone();
    let done: Result<Done, Failure> = viewed(&desk.doors, Command::RehearsalEnd { who }).await;
    desk.tell(&posted.visitor, done.map(|done| done.message));
    Ok(see_other(MANAGE))
}
