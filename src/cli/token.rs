//! `token …`: how programs get in over HTTP.

use crate::cli::args::Token;
use crate::cli::client::Client;
use crate::cli::customers::done;
use crate::cli::error::{Exit, Outcome};
use crate::cli::out::{Out, Tone};
use crate::engine::view::{Page, TokenMade, TokenRow};
use crate::model::session::Role;
use crate::remote::text::path_segment;
use http::Method;
use serde_json::json;

/// Does what was typed.
///
/// # Errors
///
/// The daemon does not run, or refuses.
pub async fn token(client: &Client, command: &Token, out: &Out) -> Outcome {
    match command {
        Token::Create { role, ttl, name } => {
            let body = json!({
                "role": Role::from(*role).as_str(),
                "name": name,
                "ttl_seconds": ttl.as_secs(),
            });
            let made: TokenMade = client.act(Method::POST, "/tokens", Some(body)).await?;
            tell(&made, out);
            Ok(Exit::Ok)
        }
        Token::List => {
            let page: Page<TokenRow> = client.get("/tokens").await?;
            list(&page, out);
            Ok(Exit::Ok)
        }
        Token::Revoke { token } => {
            let path = format!("/tokens/{}", path_segment(token));
            done(client, Method::DELETE, &path, None, out).await
        }
    }
}

fn tell(made: &TokenMade, out: &Out) {
    if out.is_json() {
        out.json(made);
        return;
    }
    let row = &made.row;
    out.line(&format!(
        "made the token {} ({}), which works until {}:",
        row.name,
        row.role,
        out.when(&row.expires_at)
    ));
    out.line("");
    out.painted_line(&format!("  {}", out.paint(Tone::Strong, &made.token)));
    out.line("");
    out.line(
        "It is shown this once, and kept as a digest alone. Put it into a file of mode 600 as",
    );
    out.line("  Authorization: Bearer TOKEN");
    out.line("and send that header:");
    out.line(&format!("  curl --header @FILE {}/status", made.api));
}

fn list(page: &Page<TokenRow>, out: &Out) {
    if out.is_json() {
        out.json(page);
        return;
    }
    let rows = page.rows.iter().map(|row| {
        let used = row.used_at.as_ref();
        vec![
            row.number.to_string(),
            row.name.clone(),
            row.role.clone(),
            row.made_by.clone(),
            out.ago(&row.made_at),
            out.ago(&row.expires_at),
            used.map_or_else(|| "never".to_owned(), |at| out.ago(at)),
        ]
    });
    let columns = [
        "NUMBER",
        "NAME",
        "ROLE",
        "MADE BY",
        "MADE",
        "EXPIRES",
        "LAST USED",
    ];
    out.table(&columns, rows.collect(), "no tokens");
}
