//! `console`: a way into the console, for one person and once.

use crate::cli::args::Console;
use crate::cli::client::Client;
use crate::cli::customers::done;
use crate::cli::error::{Exit, Outcome};
use crate::cli::out::{Out, Tone};
use crate::engine::view::{ConsoleLogin, Page, SessionRow};
use crate::model::session::Role;
use crate::remote::text::path_segment;
use http::Method;
use serde_json::json;

/// Where sessions are.
const SESSIONS: &str = "/console/sessions";

/// Shows the address to open, lists who is signed in, or signs out.
///
/// # Errors
///
/// The daemon does not run, or refuses.
pub async fn console(client: &Client, console: &Console, out: &Out) -> Outcome {
    if console.sign_out_everybody {
        return done(client, Method::DELETE, SESSIONS, None, out).await;
    }
    if let Some(id) = &console.sign_out {
        let path = format!("{SESSIONS}/{}", path_segment(id));
        return done(client, Method::DELETE, &path, None, out).await;
    }
    if console.sessions {
        list(&client.get(SESSIONS).await?, out);
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

fn list(page: &Page<SessionRow>, out: &Out) {
    if out.is_json() {
        out.json(page);
        return;
    }
    let rows = page.rows.iter().map(|row| {
        vec![
            row.id.clone(),
            row.who.clone(),
            row.role.clone(),
            out.ago(&row.began_at),
            out.ago(&row.seen_at),
        ]
    });
    let columns = ["ID", "WHO", "ROLE", "SINCE", "LAST SEEN"];
    out.table(&columns, rows.collect(), "nobody is signed in");
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
