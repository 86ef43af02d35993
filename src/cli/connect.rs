//! `connect` and `disconnect`: an account of Stripe's, by OAuth.

use crate::cli::args::Disconnect;
use crate::cli::client::Client;
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::out::{Out, Tone};
use crate::clock::{Clock, SystemClock};
use crate::engine::view::{ConnectBegun, ConnectStanding, Done};
use http::Method;
use serde_json::json;
use std::time::Duration;

/// How often it is asked what came of it.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Shows the address to open, and waits for what comes of it. Going away meanwhile changes nothing.
///
/// # Errors
///
/// The daemon does not run, or the account was not connected.
pub async fn connect(client: &Client, out: &Out) -> Outcome {
    let begun: ConnectBegun = client.act(Method::POST, "/connect", None).await?;
    if out.is_json() {
        out.json(&begun);
    } else {
        out.line("open this address in your browser; it works once, for ten minutes:");
        out.line("");
        out.painted_line(&format!("  {}", out.paint(Tone::Strong, &begun.url)));
        out.line("");
        out.line(
            "Stripe sends you back to this address, which has to be registered in its dashboard",
        );
        out.line("(Connect, Settings, Redirects) exactly so:");
        out.line(&format!("  {}", begun.redirect_uri));
        out.line("an error as JSON instead of Stripe's page says that it is not, or that");
        out.line("`stripe.client_id` is not of the mode of `stripe.mode`");
        out.line("");
        out.line("waiting for you to come back (Ctrl-C stops the waiting, nothing else) …");
    }
    let path = format!("/connect/{}", begun.flow);
    let mut said = String::new();
    loop {
        let standing: ConnectStanding = client.get(&path).await?;
        match standing.state.as_str() {
            "connected" => {
                if out.is_json() {
                    out.json(&standing);
                } else {
                    out.painted_line(&out.paint(Tone::Good, &standing.message));
                }
                return Ok(Exit::Ok);
            }
            "refused" | "late" => {
                if out.is_json() {
                    out.json(&standing);
                    return Ok(Exit::Failed);
                }
                return Err(Failure::new(Exit::Failed, standing.message).hint(standing.hint));
            }
            _ if said != standing.message && !out.is_json() => {
                out.line(&standing.message);
                said = standing.message;
            }
            _ => {}
        }
        SystemClock.sleep(ASK_AGAIN).await;
    }
}

/// Ends the connection.
///
/// # Errors
///
/// The daemon does not run, or refuses.
pub async fn disconnect(client: &Client, disconnect: Disconnect, out: &Out) -> Outcome {
    let body = json!({ "abandon": disconnect.abandon });
    let done: Done = client.act(Method::POST, "/disconnect", Some(body)).await?;
    if out.is_json() {
        out.json(&done);
    } else {
        out.line(&done.message);
    }
    Ok(Exit::Ok)
}
