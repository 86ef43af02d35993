//! `conflicts …`, `plan`, `apply`, `runs`, `undo`: what waits for a person, and what people decided.

use crate::cli::args::{Apply, Conflicts, Page as PageArgs, Plan, Runs};
use crate::cli::client::{BROKEN, Client};
use crate::cli::customers::{done, next_page, page_query};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::out::{Out, Tone};
use crate::engine::view::{
    ConflictRow, DecisionRow, Done, Page, PlanRow, PlanSummary, PlanView, RunRow, RunView,
};
use crate::remote::text::path_segment;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Does what was typed behind `conflicts`.
///
/// # Errors
///
/// The daemon does not run, or refuses.
pub async fn conflicts(client: &Client, command: &Conflicts, out: &Out) -> Outcome {
    match command {
        Conflicts::List { why, all, page } => {
            let all_text = all.to_string();
            let mut more = vec![("all", all_text.as_str())];
            more.extend(why.as_deref().map(|why| ("why", why)));
            let path = format!("/conflicts{}", page_query(page, &more));
            let found: Page<ConflictRow> = client.get(&path).await?;
            show_conflicts(&found, "nothing waits for a decision", out);
            next_page(&found, "conflicts list", out);
        }
        Conflicts::Show { id } => {
            let path = format!("/conflicts/{}", path_segment(id));
            let found: Page<ConflictRow> = client.get(&path).await?;
            show_conflicts(&found, "none of its fields waits for a decision", out);
        }
        Conflicts::Resolve { id, field, choice } => {
            let body = match (choice.stripe, choice.zenskar, &choice.value) {
                (true, ..) => json!({ "field": field, "take": "stripe" }),
                (_, true, _) => json!({ "field": field, "take": "zenskar" }),
                (_, _, value) => json!({ "field": field, "value": typed(value.as_deref()) }),
            };
            let path = format!("/conflicts/{}", path_segment(id));
            let run: RunRow = client.act(Method::POST, &path, Some(body)).await?;
            began(&run, out);
        }
    }
    Ok(Exit::Ok)
}

/// A typed value: an address is a JSON object, everything else is text.
fn typed(value: Option<&str>) -> Value {
    let text = value.unwrap_or_default();
    match serde_json::from_str(text) {
        Ok(object @ Value::Object(_)) => object,
        _ => Value::from(text),
    }
}

fn show_conflicts(found: &Page<ConflictRow>, empty: &str, out: &Out) {
    if out.is_json() {
        out.json(found);
        return;
    }
    let rows = found.rows.iter().map(|row| {
        let note = match (&row.decided_in, &row.refusal) {
            (Some(run), _) => format!("being written in run {run}"),
            (None, Some(refusal)) => refusal.clone(),
            (None, None) => String::new(),
        };
        vec![
            row.stripe.clone(),
            row.field.clone(),
            row.why.clone(),
            row.stripe_value.clone(),
            row.zenskar_value.clone(),
            row.agreed.clone().unwrap_or_else(|| "-".to_owned()),
            note,
        ]
    });
    let columns = [
        "CUSTOMER",
        "FIELD",
        "WHY",
        "STRIPE",
        "ZENSKAR",
        "LAST AGREED",
        "NOTE",
    ];
    out.table(&columns, rows.collect(), empty);
    if let Some(row) = found.rows.iter().find(|row| row.decided_in.is_none()) {
        out.note(&format!(
            "decide: zenstripe conflicts resolve {} {} --stripe | --zenskar | --value VALUE",
            row.stripe, row.field
        ));
    }
}

/// Shows what would be written.
///
/// # Errors
///
/// The daemon does not run, or refuses.
pub async fn plan(client: &Client, plan: &Plan, out: &Out) -> Outcome {
    if plan.end_rehearsal {
        return done(client, Method::DELETE, "/rehearsal", None, out).await;
    }
    if let Some(sync) = &plan.rehearse {
        let body = json!({ "sync": sync, "fields": plan.fields });
        let begun: Done = client.act(Method::POST, "/rehearsal", Some(body)).await?;
        if !out.is_json() {
            out.note(&begun.message);
        }
    }
    let initial = plan.initial.map(super::args::SideName::as_str);
    let more: Vec<(&str, &str)> = initial.map(|side| ("initial", side)).into_iter().collect();
    let path = format!("/plan{}", page_query(&plan.page, &more));
    let view: PlanView = client.get(&path).await?;
    if out.is_json() {
        out.json(&view);
        return Ok(Exit::Ok);
    }
    let rows = view.rows.iter().map(plan_row).collect();
    let columns = [
        "CUSTOMER",
        "FIELD",
        "STRIPE",
        "ZENSKAR",
        "LAST AGREED",
        "WINNER",
        "WHY",
    ];
    if let Some(rehearsal) = &view.rehearsal {
        let begun_at = rehearsal.begun_at.as_deref();
        out.line(&format!(
            "Customer sync is off. With {} of {}, as compared since {}:",
            rehearsal.sync,
            rehearsal.fields.join(", "),
            begun_at.map_or_else(|| "now".to_owned(), |at| out.when(at)),
        ));
        out.line("");
    }
    out.table(&columns, rows, "nothing differs");
    if let Some(next) = &view.next {
        let option = initial.map_or_else(String::new, |side| format!(" --initial {side}"));
        out.note(&format!("more: zenstripe plan{option} --after {next}"));
    }
    if let Some(summary) = &view.summary {
        sum_up(summary, out);
    }
    if view.rehearsal.is_some() {
        out.note("nothing is written until customers.sync is switched on and a plan is applied");
        return Ok(Exit::Ok);
    }
    match (&view.hash, &view.summary) {
        (Some(hash), _) => out.note(&format!("to have it written: zenstripe apply {hash}")),
        (None, Some(_)) => out.note("nothing would be written"),
        (None, None) => {}
    }
    Ok(Exit::Ok)
}

fn plan_row(row: &PlanRow) -> Vec<String> {
    if row.proposal == "create" {
        let customer = format!("{}{}", row.stripe, row.zenskar);
        let side = |name: &str| {
            let is_there = row.winner.as_deref() == Some(name);
            if is_there { "is there" } else { "is made" }.to_owned()
        };
        let none = || "-".to_owned();
        return vec![
            customer,
            "whole customer".to_owned(),
            side("stripe"),
            side("zenskar"),
            none(),
            row.winner.clone().unwrap_or_default(),
            row.why.clone(),
        ];
    }
    let winner = match (row.winner.as_deref(), row.proposal.as_str()) {
        (Some(side), "write") => side.to_owned(),
        (Some(side), proposal) => format!("{side}, {proposal}"),
        (None, _) => "a person decides".to_owned(),
    };
    vec![
        row.stripe.clone(),
        row.field.clone(),
        row.stripe_value.clone(),
        row.zenskar_value.clone(),
        row.agreed.clone().unwrap_or_else(|| "-".to_owned()),
        winner,
        row.why.clone(),
    ]
}

/// When all customers of a side were last listed, behind how many of them are alone.
fn listed(summary: &PlanSummary, side: &str, out: &Out) -> String {
    match summary.listed_at.get(side).and_then(Option::as_ref) {
        Some(at) => format!(" (listed {})", out.when(at)),
        None => " (known of; not listed yet)".to_owned(),
    }
}

fn sum_up(summary: &PlanSummary, out: &Out) {
    let counts = |counts: &BTreeMap<String, u64>| -> String {
        let parts: Vec<String> = counts
            .iter()
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        if parts.is_empty() {
            "none".to_owned()
        } else {
            parts.join(", ")
        }
    };
    out.line("");
    out.painted_line(&out.paint(Tone::Strong, "altogether"));
    let rows = [
        (
            "customers",
            format!(
                "{} linked, {} ambiguous, {} in Stripe alone{}, {} in Zenskar alone{}",
                summary.linked,
                summary.ambiguous,
                summary.only_in_stripe,
                listed(summary, "stripe", out),
                summary.only_in_zenskar,
                listed(summary, "zenskar", out)
            ),
        ),
        (
            "would be written",
            format!(
                "{} fields of {} customers",
                summary.fields, summary.customers
            ),
        ),
        ("written to", counts(&summary.writes_to)),
        ("by field", counts(&summary.by_field)),
        ("would be made in", counts(&summary.creates)),
        ("would blank", summary.would_blank.to_string()),
        ("a person decides", counts(&summary.ask)),
        (
            "requests",
            format!(
                "Stripe {} reads ({} left of 30 days' allowance) and {} writes, Zenskar {}",
                summary.stripe_reads,
                summary.stripe_reads_left,
                summary.stripe_writes,
                summary.zenskar_requests
            ),
        ),
        ("takes about", format!("{} min", summary.minutes)),
    ];
    let rows = rows.map(|(name, value)| vec![name.to_owned(), value]);
    out.table(&["", ""], rows.to_vec(), "");
    if let Some(why) = &summary.incomplete {
        out.note(&format!("the plan may not be the whole: {why}"));
    }
}

/// Has a plan written.
///
/// # Errors
///
/// The daemon does not run, or refuses: the plan is another one by now, or writes too much.
pub async fn apply(client: &Client, apply: &Apply, out: &Out) -> Outcome {
    let body = json!({
        "hash": apply.hash,
        "canary": apply.canary,
        "max_changes": apply.max_changes,
    });
    let is_it = |run: &RunRow| run.plan.as_deref() == Some(&apply.hash);
    let follow = async || follow(client, is_it, "the plan is being added up", out).await;
    let run: RunRow = client
        .act_for_long("/plan/apply", Some(body), follow)
        .await
        .map_err(kept)?;
    began(&run, out);
    Ok(Exit::Ok)
}

/// Takes back what a run wrote.
///
/// # Errors
///
/// The daemon does not run, or refuses.
pub async fn undo(client: &Client, run: u64, out: &Out) -> Outcome {
    let path = format!("/runs/{run}/undo");
    let is_it = |row: &RunRow| row.undoes == Some(run);
    let follow = async || follow(client, is_it, "it is about to begin", out).await;
    let run: RunRow = client
        .act_for_long(&path, None, follow)
        .await
        .map_err(kept)?;
    began(&run, out);
    Ok(Exit::Ok)
}

/// Says how far a run is whose decisions are still being written down.
async fn follow(client: &Client, is_it: impl Fn(&RunRow) -> bool, before: &str, out: &Out) {
    let runs: Outcome<Page<RunRow>> = client.get("/runs?limit=20").await;
    let rows = runs.map(|page| page.rows).unwrap_or_default();
    out.note(&how_far(&rows, is_it, before));
}

/// How far a run is, of the newest ones; `before` if it has not begun.
fn how_far(rows: &[RunRow], is_it: impl Fn(&RunRow) -> bool, before: &str) -> String {
    let mut rows = rows.iter();
    let found = rows.find(|row| is_it(row) && row.state == "deciding");
    match found {
        Some(row) => format!(
            "run {}: decided for {} customers so far; it goes on without this command too",
            row.run, row.customers
        ),
        None => before.to_owned(),
    }
}

/// A connection that broke says nothing of what was decided until then.
fn kept(failure: Failure) -> Failure {
    if failure.exit == Exit::Failed && failure.message == BROKEN {
        return failure.hint("see what became of it: zenstripe runs");
    }
    failure
}

/// What to do about a run that was interrupted before all of it was decided.
fn interrupted(run: &RunRow) -> Option<String> {
    if run.state != "interrupted" || run.undone_by.is_some() {
        return None;
    }
    let number = run.run;
    let cut = format!("run {number} was interrupted before all of it was decided");
    Some(match (&run.plan, run.undoes) {
        (_, Some(undone)) => format!("{cut}: \"zenstripe undo {undone}\" goes on with it"),
        (Some(_), None) => format!(
            "{cut}: \"zenstripe plan\" shows the rest, \"zenstripe undo {number}\" takes back \
             what it wrote"
        ),
        (None, None) => format!("{cut}: see \"zenstripe conflicts list\", and decide again"),
    })
}

fn began(run: &RunRow, out: &Out) {
    if out.is_json() {
        out.json(run);
        return;
    }
    let fields = format!(
        "{} fields of {} customers are being written",
        run.waiting, run.customers
    );
    let made = format!("{} customers are being made", run.ordered);
    let what = match (run.waiting, run.ordered) {
        (0, 0) => "nothing is to be written".to_owned(),
        (0, _) => made,
        (_, 0) => fields,
        _ => format!("{fields}, {made}"),
    };
    out.line(&format!("run {}: {what}", run.run));
    out.note(&format!("follow it: zenstripe runs {}", run.run));
}

/// Lists runs, or shows one.
///
/// # Errors
///
/// The daemon does not run, or refuses.
pub async fn runs(client: &Client, command: &Runs, out: &Out) -> Outcome {
    match command.run {
        Some(run) => show_run(client, run, &command.page, out).await,
        None => list_runs(client, &command.page, out).await,
    }
}

async fn list_runs(client: &Client, args: &PageArgs, out: &Out) -> Outcome {
    let page: Page<RunRow> = client
        .get(&format!("/runs{}", page_query(args, &[])))
        .await?;
    if out.is_json() {
        out.json(&page);
        return Ok(Exit::Ok);
    }
    let rows = page.rows.iter().map(|run| run_row(run, out)).collect();
    let columns = [
        "RUN",
        "WHAT",
        "WHEN",
        "WHO",
        "STATE",
        "CUSTOMERS",
        "WAITING",
        "DONE",
        "OVERTAKEN",
    ];
    out.table(&columns, rows, "nothing was decided by a person yet");
    for note in page.rows.iter().filter_map(interrupted) {
        out.note(&note);
    }
    next_page(&page, "runs", out);
    Ok(Exit::Ok)
}

fn what(run: &RunRow) -> String {
    let what = match (&run.plan, run.undoes) {
        (Some(hash), _) => format!("{} {hash}", run.kind),
        (None, Some(undone)) => format!("{} {undone}", run.kind),
        (None, None) => run.kind.clone(),
    };
    match run.undone_by {
        Some(by) => format!("{what}, undone by {by}"),
        None => what,
    }
}

fn run_row(run: &RunRow, out: &Out) -> Vec<String> {
    vec![
        run.run.to_string(),
        what(run),
        out.when(&run.at),
        run.who.clone(),
        run.state.clone(),
        run.customers.to_string(),
        run.waiting.to_string(),
        run.done.to_string(),
        run.overtaken.to_string(),
    ]
}

async fn show_run(client: &Client, run: u64, args: &PageArgs, out: &Out) -> Outcome {
    let path = format!("/runs/{run}{}", page_query(args, &[]));
    let view: RunView = client.get(&path).await?;
    if out.is_json() {
        out.json(&view);
        return Ok(Exit::Ok);
    }
    let row = &view.run;
    out.line(&format!(
        "run {}: {}, by {}, {}: {}",
        row.run,
        what(row),
        row.who,
        out.when(&row.at),
        row.state
    ));
    out.line(&format!(
        "{} fields waiting, {} done, {} overtaken, of {} customers",
        row.waiting, row.done, row.overtaken, row.customers
    ));
    if row.ordered > 0 {
        out.line(&format!(
            "{} customers ordered to be made, which is not taken back",
            row.ordered
        ));
    }
    let rows = view.rows.iter().map(decision_row).collect();
    let columns = ["CUSTOMER", "FIELD", "STRIPE", "ZENSKAR", "STATE"];
    out.table(&columns, rows, "it decided nothing");
    if let Some(next) = &view.next {
        out.note(&format!("more: zenstripe runs {run} --after {next}"));
    }
    match interrupted(row) {
        Some(note) => out.note(&note),
        None if row.undone_by.is_none() && row.done > 0 => {
            out.note(&format!("to take it back: zenstripe undo {run}"));
        }
        None => {}
    }
    Ok(Exit::Ok)
}

fn decision_row(row: &DecisionRow) -> Vec<String> {
    let side = |before: &str, wanted: &str| {
        if before == wanted {
            before.to_owned()
        } else {
            format!("{before} -> {wanted}")
        }
    };
    vec![
        row.stripe.clone(),
        row.field.clone(),
        side(&row.stripe_before, &row.stripe_wanted),
        side(&row.zenskar_before, &row.zenskar_wanted),
        row.state.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_followed_while_it_is_being_decided() {
        let run = |run, plan: &str, state: &str, customers| RunRow {
            run,
            plan: Some(plan.to_owned()),
            state: state.to_owned(),
            customers,
            ..RunRow::default()
        };
        let said = |rows: &[RunRow]| {
            let is_it = |row: &RunRow| row.plan.as_deref() == Some("abc");
            how_far(rows, is_it, "the plan is being added up")
        };
        assert_eq!(said(&[]), "the plan is being added up");
        let others = [run(7, "xyz", "deciding", 9), run(6, "abc", "done", 8)];
        assert_eq!(said(&others), "the plan is being added up");
        let deciding = [
            run(9, "xyz", "deciding", 9),
            run(8, "abc", "deciding", 1200),
        ];
        assert_eq!(
            said(&deciding),
            "run 8: decided for 1200 customers so far; it goes on without this command too"
        );
    }
}
