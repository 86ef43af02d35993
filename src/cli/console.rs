//! `console`: a way into the console, for one person and once.

use crate::cli::args::Console;
use crate::cli::client::Client;
use crate::cli::error::{Exit, Outcome};
use crate::cli::out::{Out, Tone};
use crate::engine::view::{ConsoleLogin, Done};
use crate::model::session::Role;
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
    let body = json!({ "role": Role::from(console.role).as_str(), "for": console.person });
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
    out.line("`listen.console` says otherwise; from elsewhere, with that address afterwards:");
    out.line(&format!("  ssh -L {} HOST", tunnel(&login.url)));
    Ok(Exit::Ok)
}

/// What `ssh -L` takes to make the console's own address work on another machine.
fn tunnel(url: &str) -> String {
    let authority = url.split('/').nth(2).unwrap_or_default();
    let port = authority.rsplit(':').next().unwrap_or_default();
    format!("{port}:{authority}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tunnel_is_to_the_port_that_the_console_has() {
        for (url, expected) in [
            ("http://127.0.0.1:9481/login?token=t", "9481:127.0.0.1:9481"),
            ("http://[::1]:8000/login", "8000:[::1]:8000"),
        ] {
            assert_eq!(tunnel(url), expected);
        }
    }
}
