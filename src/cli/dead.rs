//! `dead …`: what was given up until a person acts.

use crate::cli::args::{Dead, Letters};
use crate::cli::client::Client;
use crate::cli::customers::{done, next_page, page_query};
use crate::cli::error::{Exit, Outcome};
use crate::cli::out::Out;
use crate::engine::view::{DeadRow, Page};
use http::Method;
use serde_json::{Value, json};

/// Does what was typed.
///
/// # Errors
///
/// The daemon does not run, or refuses.
pub async fn dead(client: &Client, command: &Dead, out: &Out) -> Outcome {
    match command {
        Dead::List { page } => {
            let page: Page<DeadRow> = client
                .get(&format!("/dead{}", page_query(page, &[])))
                .await?;
            list(&page, out);
            Ok(Exit::Ok)
        }
        Dead::Retry(letters) => {
            done(
                client,
                Method::POST,
                "/dead/retry",
                Some(body(letters)),
                out,
            )
            .await
        }
        Dead::Drop(letters) => {
            done(client, Method::POST, "/dead/drop", Some(body(letters)), out).await
        }
    }
}

fn body(letters: &Letters) -> Value {
    if letters.all {
        json!({ "all": true })
    } else {
        json!({ "numbers": letters.numbers })
    }
}

fn list(page: &Page<DeadRow>, out: &Out) {
    if out.is_json() {
        out.json(page);
        return;
    }
    let rows = page.rows.iter().map(|row| {
        vec![
            row.number.to_string(),
            row.kind.clone(),
            row.subject.clone(),
            out.ago(&row.at),
            row.attempts.to_string(),
            row.reason.clone(),
        ]
    });
    let columns = ["NUMBER", "KIND", "ABOUT", "SINCE", "ATTEMPTS", "REASON"];
    out.table(&columns, rows.collect(), "no dead letters");
    next_page(page, "dead list", out);
}
