//! `dead …`: what was given up until a person acts.

use crate::cli::args::{Dead, Letters};
use crate::cli::client::Client;
use crate::cli::customers::{done, next_page, page_query};
use crate::cli::error::{Exit, Outcome};
use crate::cli::out::Out;
use crate::engine::view::{DeadReasons, DeadRow, DroppedRow, Page, Redrive};
use http::Method;
use serde_json::{Value, json};

/// Does what was typed.
///
/// # Errors
///
/// The daemon does not run, or refuses.
pub async fn dead(client: &Client, command: &Dead, out: &Out) -> Outcome {
    let (path, letters) = match command {
        Dead::List { page } => {
            let page: Page<DeadRow> = client
                .get(&format!("/dead{}", page_query(page, &[])))
                .await?;
            list(&page, out);
            return Ok(Exit::Ok);
        }
        Dead::Dropped { page } => {
            let page: Page<DroppedRow> = client
                .get(&format!("/dead/dropped{}", page_query(page, &[])))
                .await?;
            dropped(&page, out);
            return Ok(Exit::Ok);
        }
        Dead::Reasons => {
            let reasons: DeadReasons = client.get("/dead/reasons").await?;
            list_reasons(&reasons, out);
            return Ok(Exit::Ok);
        }
        Dead::Progress => {
            let redrive: Option<Redrive> = client.get("/dead/retry").await?;
            progress(redrive.as_ref(), out);
            return Ok(Exit::Ok);
        }
        Dead::Cancel => return done(client, Method::DELETE, "/dead/retry", None, out).await,
        Dead::Retry(letters) => ("/dead/retry", letters),
        Dead::Drop(letters) => ("/dead/drop", letters),
        Dead::TakeBack(letters) => ("/dead/take-back", letters),
    };
    done(client, Method::POST, path, Some(body(letters)), out).await
}

fn body(letters: &Letters) -> Value {
    match &letters.reason {
        Some(reason) => json!({ "reason": reason }),
        None if letters.all => json!({ "all": true }),
        None => json!({ "numbers": letters.numbers }),
    }
}

fn list(page: &Page<DeadRow>, out: &Out) {
    if out.is_json() {
        out.json(page);
        return;
    }
    let rows = page.rows.iter().map(|row| cells(row, &row.at, out));
    let columns = ["NUMBER", "KIND", "ABOUT", "SINCE", "ATTEMPTS", "REASON"];
    out.table(&columns, rows.collect(), "no dead letters");
    next_page(page, "dead list", out);
}

fn dropped(page: &Page<DroppedRow>, out: &Out) {
    if out.is_json() {
        out.json(page);
        return;
    }
    let rows = page.rows.iter().map(|row| {
        let mut cells = cells(&row.letter, &row.dropped_at, out);
        cells.insert(4, row.dropped_by.clone());
        cells
    });
    let columns = [
        "NUMBER", "KIND", "ABOUT", "DROPPED", "BY", "ATTEMPTS", "REASON",
    ];
    out.table(&columns, rows.collect(), "nothing was dropped");
    next_page(page, "dead dropped", out);
}

fn cells(row: &DeadRow, at: &str, out: &Out) -> Vec<String> {
    vec![
        row.number.to_string(),
        row.kind.clone(),
        row.subject.clone(),
        out.ago(at),
        row.attempts.to_string(),
        row.reason.clone(),
    ]
}

fn list_reasons(reasons: &DeadReasons, out: &Out) {
    if out.is_json() {
        out.json(reasons);
        return;
    }
    let rows = reasons.rows.iter().map(|one| {
        vec![
            one.count.to_string(),
            out.ago(&one.last_at),
            one.reason.clone(),
        ]
    });
    let columns = ["LETTERS", "LAST", "REASON"];
    out.table(&columns, rows.collect(), "no dead letters");
    if reasons.left_out > 0 {
        out.note(&format!(
            "counted: the oldest {}; {} more are there",
            reasons.letters, reasons.left_out
        ));
    }
}

fn progress(redrive: Option<&Redrive>, out: &Out) {
    if out.is_json() {
        out.json(&redrive);
        return;
    }
    let Some(one) = redrive else {
        out.line("nothing was tried again as a whole");
        return;
    };
    let when = out.ago(one.ended_at.as_ref().unwrap_or(&one.begun_at));
    let state = match (&one.cancelled_by, one.is_open()) {
        (Some(by), _) => format!("stopped by {by} {when}"),
        (None, true) => format!("under way since {when}, ordered by {}", one.who),
        (None, false) => format!("ended {when}, ordered by {}", one.who),
    };
    out.line(&format!(
        "{} of {} tried again; {state}",
        one.done, one.total
    ));
    if let Some(reason) = &one.reason {
        out.line(&format!("reason: {reason}"));
    }
}
