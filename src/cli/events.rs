//! `events …`: what came from Stripe.

use crate::cli::args::Events;
use crate::cli::client::Client;
use crate::cli::customers::{done, next_page, page_query};
use crate::cli::error::{Exit, Outcome};
use crate::cli::out::Out;
use crate::engine::view::{EventRow, EventView, Page};
use crate::remote::indent::indented;
use crate::remote::text::path_segment;
use http::Method;

/// Does what was typed.
///
/// # Errors
///
/// The daemon does not run, or refuses.
pub async fn events(client: &Client, command: &Events, out: &Out) -> Outcome {
    match command {
        Events::List { page } => {
            let page: Page<EventRow> = client
                .get(&format!("/events{}", page_query(page, &[])))
                .await?;
            list(&page, out);
            Ok(Exit::Ok)
        }
        Events::Show { id } => {
            let event: EventView = client.get(&format!("/events/{}", path_segment(id))).await?;
            show(&event, out);
            Ok(Exit::Ok)
        }
        Events::Replay { id } => {
            let path = format!("/events/{}/replay", path_segment(id));
            done(client, Method::POST, &path, None, out).await
        }
    }
}

fn list(page: &Page<EventRow>, out: &Out) {
    if out.is_json() {
        out.json(page);
        return;
    }
    let rows = page.rows.iter().map(|row| {
        vec![
            row.id.clone(),
            row.kind.clone(),
            row.object.clone(),
            row.channel.clone(),
            out.ago(&row.created),
            row.state.clone(),
        ]
    });
    let columns = ["EVENT", "TYPE", "ABOUT", "CAME BY", "MADE", "STATE"];
    out.table(&columns, rows.collect(), "no events yet");
    next_page(page, "events list", out);
}

fn show(event: &EventView, out: &Out) {
    if out.is_json() {
        out.json(event);
        return;
    }
    let row = &event.row;
    out.line(&format!("{}  {}", row.id, row.kind));
    out.line(&format!("about      {}", row.object));
    out.line(&format!("made       {}", out.when(&row.created)));
    out.line(&format!(
        "came       {}, by {}",
        out.when(&row.received_at),
        row.channel
    ));
    out.line(&format!("state      {}", row.state));
    if let Some(version) = &event.api_version {
        out.line(&format!("version    {version}"));
    }
    out.line("");
    match &event.payload {
        Some(payload) => out.line(&indented(payload, usize::MAX).0),
        None => out.line("its payload is no longer kept"),
    }
}
