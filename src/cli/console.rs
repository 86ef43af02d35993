//! `console`: a way into the console, for one person and once.

use crate::cli::args::Console;
use crate::cli::client::Client;
use crate::cli::error::{Exit, Outcome};
use crate::cli::out::{Out, Tone};
use crate::engine::view::{ConsoleLogin, Done};
use http::Method;
use serde_json::json;

/// Shows the address to open, or signs everybody out.
///
/// # Errors
///
/// The daemon does not run, or refuses.
pub async fn console(client: &Client, console: &Console, out: &Out) -> Outcome {
    if console.sign_out_everybody {
        let done: Done = client
            .act(Method::DELETE, "/console/sessions", None)
            .await?;
        if out.is_json() {
            out.json(&done);
        } else {
            out.line(&done.message);
        }
        return Ok(Exit::Ok);
    }
    let body = json!({ "role": console.role.as_str(), "for": console.person });
    let path = "/console/logins";
    let login: ConsoleLogin = client.act(Method::POST, path, Some(body)).await?;
    if out.is_json() {
        out.json(&login);
        return Ok(Exit::Ok);
    }
    out.line(&format!(
        "open this address in your browser, to sign in as {} ({}):",
        login.who, login.role
    ));
    out.line("");
    out.painted_line(&format!("  {}", out.paint(Tone::Strong, &login.url)));
    out.line("");
    out.line("It works once, for ten minutes. The console listens on this machine alone unless");
    out.line("`listen.console` says otherwise; from elsewhere: ssh -L 9481:127.0.0.1:9481 HOST");
    Ok(Exit::Ok)
}
