//! The plan: what would be written about the fields that differ, and the order to write it.

use super::Desk;
use super::conflicts::why_words;
use super::form::Posted;
use super::mask::for_visitor;
use super::overview::sync_words;
use super::page::{Here, Shell, Visit, see_other};
use super::sums::{self, Rules, Summed};
use super::time::grouped;
use crate::engine::command::{Apply, Ask, Command, ROWS_DEFAULT};
use crate::engine::view::{PlanRow, PlanSummary, PlanView, Rehearsal, RunRow};
use crate::http::commands::{bad_query, viewed};
use crate::http::reply::{Class, Failure};
use crate::model::link::Side;
use askama::Template;
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

pub(super) fn router() -> Router<Desk> {
    Router::new().route("/plan", get(show))
}

pub(super) fn orders() -> Router<Desk> {
    Router::new().route("/plan/apply", post(apply))
}

#[derive(Debug, Deserialize)]
struct PlanQuery {
    initial: Option<String>,
    after: Option<String>,
}

/// Whose value is proposed where the sides differed at first sight.
const INITIALS: [(&str, &str); 3] = [
    ("", "As configured"),
    ("stripe", "Stripe’s"),
    ("zenskar", "Zenskar’s"),
];

#[derive(Template)]
#[template(path = "plan.html", config = "src/http/console/askama.toml")]
struct PlanPage<'a> {
    shell: Shell,
    view: &'a PlanView,
    initial: &'a str,
    is_first: bool,
    summed: Option<&'a Summed>,
}

impl PlanPage<'_> {
    fn initials(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        let initial = self.initial;
        INITIALS
            .into_iter()
            .map(move |(name, words)| (name, words, name == initial))
    }

    /// Whether the whole is being added up.
    fn is_under_way(&self) -> bool {
        self.summed.is_some_and(Summed::is_under_way)
    }

    /// When what is shown of the whole was added up, where that is being done again.
    fn summed_at(&self) -> Option<String> {
        let sum = self.summed.and_then(Summed::sum);
        sum.map(|sum| sum.at.to_string())
    }

    fn why(&self, row: &PlanRow) -> &'static str {
        if row.proposal == "create" {
            "It is on one side only"
        } else {
            why_words(&row.why)
        }
    }

    /// The sync type that is rehearsed, in words.
    fn sync(&self, rehearsal: &Rehearsal) -> &'static str {
        sync_words(&rehearsal.sync)
    }

    fn number(&self, number: &u64) -> String {
        grouped(*number)
    }

    fn asked(&self, summary: &PlanSummary) -> u64 {
        questions(summary)
    }
}

/// Fields about which a person decides.
pub(super) fn questions(summary: &PlanSummary) -> u64 {
    let counts = summary.ask.values();
    counts.fold(0, |sum, count| sum.saturating_add(*count))
}

fn rules(initial: Option<Side>) -> Rules {
    Rules {
        initial,
        ..Rules::default()
    }
}

/// Changes that a plan orders, as `apply` counts them.
fn changes(summary: &PlanSummary) -> u64 {
    let creates = summary.creates.values();
    creates.fold(summary.fields, |sum, count| sum.saturating_add(*count))
}

async fn show(
    visit: Visit,
    query: Result<Query<PlanQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(query) = query.map_err(bad_query)?;
    let initial = query.initial.unwrap_or_default();
    let side = match initial.as_str() {
        "stripe" => Some(Side::Stripe),
        "zenskar" => Some(Side::Zenskar),
        _ => None,
    };
    let is_first = query.after.is_none();
    let summed = match is_first {
        true => Some(sums::sum(&visit, rules(side)).await?),
        false => None,
    };
    let order = Command::Plan(Ask {
        under: None,
        initial: side,
        whole: false,
        after: query.after,
        limit: ROWS_DEFAULT,
    });
    let mut view: PlanView = viewed(&visit.desk.doors, order).await?;
    view.rows = for_visitor(view.rows, &visit.visitor);
    if let Some(sum) = summed.as_ref().and_then(Summed::sum) {
        view.hash.clone_from(&sum.view.hash);
        view.summary.clone_from(&sum.view.summary);
    }
    Ok(visit.answer(Here::Conflicts, &view, |shell| PlanPage {
        shell,
        view: &view,
        initial: &initial,
        is_first,
        summed: summed.as_ref(),
    }))
}

async fn apply(State(desk): State<Desk>, posted: Posted) -> Result<Response, Failure> {
    let fields = &posted.fields;
    // Typed, so that nobody writes a thousand fields by a slip of the hand.
    let count: u64 = fields.text("count").parse().map_err(|_| {
        Failure::new(
            Class::Malformed,
            "invalid",
            "The number of changes is typed in figures.",
        )
        .hint("Go back and type the number that the plan shows.")
    })?;
    let canary = match fields.text("canary") {
        "" => None,
        text => Some(text.parse().map_err(|_| {
            Failure::new(
                Class::Malformed,
                "invalid",
                "The number of customers is a number.",
            )
        })?),
    };
    if fields.text("expected") != count.to_string() {
        let refused = Failure::new(
            Class::Conflict,
            "refused",
            "The number that was typed is not the number of changes; nothing was written",
        );
        desk.tell::<String>(&posted.visitor, Err(refused));
        return Ok(see_other("/plan"));
    }
    let apply = Apply {
        hash: fields.text("hash").to_owned(),
        canary,
        max_changes: Some(count),
    };
    let who = posted.visitor.who.clone();
    let run: Result<RunRow, Failure> = viewed(&desk.doors, Command::PlanApply { apply, who }).await;
    let to = match &run {
        Ok(run) => format!("/activity/runs/{}", run.run),
        Err(_) => "/plan".to_owned(),
    };
    let told = run.map(|run| format!("the plan is being written (run {})", run.run));
    desk.tell(&posted.visitor, told);
    Ok(see_other(&to))
}
