//! `reload`, `wait` and `config show`: orders to the daemon as a whole.

use crate::cli::args::{Config, Wait};
use crate::cli::client::Client;
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::out::{Out, Tone};
use crate::clock::{Clock, SystemClock};
use crate::engine::view::{ConfigView, Reloaded, SettingRow};
use http::Method;
use serde_json::json;
use std::time::Duration;

/// How often a daemon that is not ready is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Where readiness is told, on the socket as on the console's listener.
const READY: &str = "/readyz";

/// Has the configuration read again.
///
/// # Errors
///
/// The daemon does not run, or keeps what it has.
pub async fn reload(client: &Client, out: &Out) -> Outcome {
    let reloaded: Reloaded = client.act(Method::POST, "/reload", None).await?;
    if out.is_json() {
        out.json(&reloaded);
        return Ok(Exit::Ok);
    }
    out.line(&reloaded.message);
    for change in &reloaded.changed {
        out.line(&format!("  {change}"));
    }
    if !reloaded.pending_restart.is_empty() {
        out.line("these wait for a restart (systemctl restart zenstripe):");
        for change in &reloaded.pending_restart {
            out.line(&format!("  {change}"));
        }
    }
    Ok(Exit::Ok)
}

/// Waits until the daemon is ready.
///
/// # Errors
///
/// The time is over; the exit code says what it was waiting for.
pub async fn wait(client: &Client, wait: Wait, out: &Out) -> Outcome {
    let clock = SystemClock;
    let until = clock.now().plus(wait.timeout);
    loop {
        let failure = match client.send(Method::GET, READY, None).await {
            Ok(answer) if answer.status.is_success() => {
                if out.is_json() {
                    out.json(&json!({ "ready": true }));
                }
                return Ok(Exit::Ok);
            }
            Ok(answer) => {
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                Failure::new(Exit::Degraded, format!("not ready: {}", text.trim()))
                    .hint("see: zenstripe status")
            }
            // Asking again does not give us the right to.
            Err(failure) if failure.exit == Exit::Permission => return Err(failure),
            Err(failure) => failure,
        };
        if clock.now() >= until {
            return Err(failure);
        }
        clock.sleep(ASK_AGAIN).await;
    }
}

/// Shows the configuration in force.
///
/// # Errors
///
/// The daemon does not run.
pub async fn config(client: &Client, command: Config, out: &Out) -> Outcome {
    let Config::Show { changed } = command;
    let mut config: ConfigView = client.get("/config").await?;
    if changed {
        config
            .settings
            .retain(|row| row.origin != "default" || row.pending.is_some());
    }
    if out.is_json() {
        out.json(&config);
        return Ok(Exit::Ok);
    }
    let rows = config.settings.iter().map(row).collect();
    out.table(
        &["SETTING", "VALUE", "FROM"],
        rows,
        "every setting has its default",
    );
    if let Some(refused) = &config.status.refused {
        let text = out.paint(Tone::Warning, "the files as they are now were refused:");
        out.painted_line(&text);
        out.line(refused);
    }
    for change in &config.status.pending_restart {
        out.line(&format!("waits for a restart: {change}"));
    }
    Ok(Exit::Ok)
}

fn row(row: &SettingRow) -> Vec<String> {
    let value = row.value.clone().unwrap_or_else(|| "(unset)".to_owned());
    vec![row.key.clone(), value, row.origin.clone()]
}
