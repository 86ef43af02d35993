//! `customers …`: linked and unlinked customers, one of them in full, links by hand.

use crate::cli::args::{Customers, Page as PageArgs};
use crate::cli::client::Client;
use crate::cli::error::{Exit, Outcome};
use crate::cli::out::{Out, Tone};
use crate::engine::view::{CandidatesView, CustomerRow, CustomerView, Done, HistoryRow, Page};
use crate::remote::text::{path_segment, query};
use http::Method;
use serde_json::json;

/// Does what was typed.
///
/// # Errors
///
/// The daemon does not run, or refuses.
pub async fn customers(client: &Client, command: &Customers, out: &Out) -> Outcome {
    match command {
        Customers::List {
            unlinked,
            differing,
            deleted,
            page,
        } => {
            let which = match (unlinked, differing, deleted) {
                (true, ..) => "unlinked",
                (_, true, _) => "differing",
                (.., true) => "deleted",
                _ => "linked",
            };
            list(client, which, page, out).await
        }
        Customers::Show { id } => show(client, id, out).await,
        Customers::Candidates { id } => candidates(client, id, out).await,
        Customers::Link { stripe, zenskar } => {
            let body = json!({ "stripe": stripe, "zenskar": zenskar });
            done(client, Method::POST, "/links", Some(body), out).await
        }
        Customers::Unlink { id } => {
            let path = format!("/links/{}", path_segment(id));
            done(client, Method::DELETE, &path, None, out).await
        }
    }
}

/// Has something done and says what came of it.
///
/// # Errors
///
/// The daemon does not run, or refuses.
pub async fn done(
    client: &Client,
    method: Method,
    path: &str,
    body: Option<serde_json::Value>,
    out: &Out,
) -> Outcome {
    let done: Done = client.act(method, path, body).await?;
    if out.is_json() {
        out.json(&done);
    } else {
        out.line(&done.message);
    }
    Ok(Exit::Ok)
}

/// The query of a page.
#[must_use]
pub fn page_query(page: &PageArgs, more: &[(&str, &str)]) -> String {
    let limit = page.limit.to_string();
    let mut pairs = more.to_vec();
    pairs.push(("limit", &limit));
    if let Some(after) = &page.after {
        pairs.push(("after", after));
    }
    query(&pairs)
}

/// Says how to see the rest of a list, if there is one.
pub fn next_page<T>(page: &Page<T>, command: &str, out: &Out) {
    if let Some(next) = &page.next {
        out.note(&format!("more: zenstripe {command} --after {next}"));
    }
}

async fn list(client: &Client, which: &str, args: &PageArgs, out: &Out) -> Outcome {
    let path = format!("/customers{}", page_query(args, &[("which", which)]));
    let page: Page<CustomerRow> = client.get(&path).await?;
    if out.is_json() {
        out.json(&page);
        return Ok(Exit::Ok);
    }
    let (empty, command) = match which {
        "unlinked" => ("no customers wait for a link", "customers list --unlinked"),
        "differing" => ("no differences", "customers list --differing"),
        "deleted" => ("no linked customer is deleted", "customers list --deleted"),
        _ => ("no linked customers", "customers list"),
    };
    let rows = page.rows.iter().map(|row| {
        vec![
            row.stripe.clone(),
            row.zenskar.clone().unwrap_or_default(),
            row.state.clone(),
            row.differences.join(", "),
            row.note.clone().unwrap_or_default(),
        ]
    });
    out.table(
        &["STRIPE", "ZENSKAR", "STATE", "DIFFERS IN", "NOTE"],
        rows.collect(),
        empty,
    );
    next_page(&page, command, out);
    Ok(Exit::Ok)
}

async fn show(client: &Client, id: &str, out: &Out) -> Outcome {
    let customer: CustomerView = client
        .get(&format!("/customers/{}", path_segment(id)))
        .await?;
    if out.is_json() {
        out.json(&customer);
        return Ok(Exit::Ok);
    }
    let row = &customer.row;
    let zenskar = row.zenskar.as_deref().unwrap_or("-");
    out.line(&format!("{}  =  {zenskar}   {}", row.stripe, row.state));
    if let Some(proof) = &customer.proof {
        out.line(&format!("linked by {proof}"));
    }
    if let Some(note) = &row.note {
        out.line(note);
    }
    fields(&customer, out);
    writes(&customer, out);
    if let Some(work) = &customer.work {
        heading("waits", out);
        let reason = work
            .last_error
            .as_deref()
            .unwrap_or("has not been tried yet");
        out.line(&format!(
            "since {}, next try {}, {} failed: {reason}",
            out.when(&work.since),
            out.ago(&work.due_at),
            work.attempts
        ));
    }
    heading("history", out);
    let history = customer
        .history
        .iter()
        .map(|line| history_row(line, out))
        .collect();
    out.table(
        &["WHEN", "WHAT", "WHO", "DETAILS"],
        history,
        "nothing was done yet",
    );
    Ok(Exit::Ok)
}

async fn candidates(client: &Client, id: &str, out: &Out) -> Outcome {
    let path = format!("/customers/{}/candidates", path_segment(id));
    let found: CandidatesView = client.get(&path).await?;
    if out.is_json() {
        out.json(&found);
        return Ok(Exit::Ok);
    }
    out.line(&format!("{}: {}", found.stripe, found.message));
    let rows = found.rows.iter().map(|row| {
        vec![
            row.zenskar.clone(),
            row.mapping.clone(),
            row.clues.join(", "),
            row.linked_with.clone().unwrap_or_default(),
        ]
    });
    let columns = ["ZENSKAR", "MAPPED TO", "FOUND BY", "LINKED WITH"];
    out.table(&columns, rows.collect(), "the search found nobody");
    Ok(Exit::Ok)
}

fn fields(customer: &CustomerView, out: &Out) {
    heading("fields, as last seen", out);
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let rows = customer.fields.iter().map(|field| {
        vec![
            field.field.clone(),
            text(&field.stripe),
            text(&field.zenskar),
            text(&field.agreed),
            field.held.clone().unwrap_or_default(),
        ]
    });
    let columns = [
        "FIELD",
        "STRIPE",
        "ZENSKAR",
        "LAST AGREED",
        "WHY IT DIFFERS",
    ];
    out.table(&columns, rows.collect(), "not looked at yet");
}

fn writes(customer: &CustomerView, out: &Out) {
    if customer.intents.is_empty() {
        return;
    }
    heading("writes", out);
    let rows = customer.intents.iter().map(|intent| {
        vec![
            intent.number.to_string(),
            intent.target.clone(),
            intent.progress.clone(),
            intent.attempts.to_string(),
            intent.fields.join(", "),
        ]
    });
    let columns = ["NUMBER", "TO", "PROGRESS", "ATTEMPTS", "FIELDS"];
    out.table(&columns, rows.collect(), "");
}

fn history_row(line: &HistoryRow, out: &Out) -> Vec<String> {
    let details: Vec<String> = line
        .details
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    vec![
        out.when(&line.at),
        line.what.clone(),
        line.who.clone(),
        details.join(" "),
    ]
}

fn heading(text: &str, out: &Out) {
    out.line("");
    let text = out.paint(Tone::Strong, text);
    out.painted_line(&text);
}
