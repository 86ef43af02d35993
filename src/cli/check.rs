//! `check`: the configuration as a reload would take it, and the store's header. Changes nothing.

use crate::cli::client::not_loaded;
use crate::cli::environment::Environment;
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::key::KeyFile;
use crate::cli::out::{Out, Tone};
use crate::cli::prepare::{Finding, Prepared, SecretPlaces, prepare};
use crate::cli::settings;
use crate::config::{Config, Create, LoadError, Loaded, Poll, Problems, SyncDirection};
use crate::store::{Store, StoreError};
use serde_json::json;
use std::path::Path;

/// Checks and prints everything that is wrong.
///
/// # Errors
///
/// Something is.
pub fn check(path: &Path, env: &Environment, out: &Out) -> Outcome {
    let loaded = load(path, out)?;
    let places = SecretPlaces::of(path, env.credentials.as_deref());
    let findings = prepare(&loaded.config, &loaded, &places)
        .err()
        .unwrap_or_default();
    let store = store_header(&loaded.config.store.path)?;
    let key = KeyFile::of(&loaded.config, &places).state()?;
    let advice = advice(&loaded.config);
    if out.is_json() {
        let problems: Vec<_> = findings.iter().map(finding_json).collect();
        out.json(&json!({
            "ok": findings.is_empty(),
            "problems": problems,
            "advice": advice,
            "store": store,
            "key": key,
            "files": loaded.files,
        }));
    } else {
        show_findings(&findings, out);
        for line in &advice {
            let word = out.paint(Tone::Warning, "note:");
            out.painted_line(&format!("{word} {line}"));
        }
        out.line(&format!("store: {store}"));
        out.line(&format!("key: {key}"));
        if findings.is_empty() {
            let word = out.paint(Tone::Good, "ok:");
            out.painted_line(&format!("{word} the configuration can be used"));
        }
    }
    if findings.is_empty() {
        Ok(Exit::Ok)
    } else {
        Err(refused(path, findings.len()))
    }
}

/// Loads a configuration; what is wrong with it is printed where it stands.
///
/// # Errors
///
/// There is none, it cannot be read, or it is not valid.
pub fn load(path: &Path, out: &Out) -> Outcome<Loaded> {
    match crate::config::load(path) {
        Ok(loaded) => Ok(loaded),
        Err(LoadError::Invalid(problems)) => Err(invalid(path, &problems, out)),
        Err(error) => Err(not_loaded(&error)),
    }
}

/// Loads a configuration and makes it ready.
///
/// # Errors
///
/// It cannot be used; everything that is wrong has been printed.
pub fn load_and_prepare(
    path: &Path,
    places: &SecretPlaces,
    out: &Out,
) -> Outcome<(Loaded, Prepared)> {
    let loaded = load(path, out)?;
    match prepare(&loaded.config, &loaded, places) {
        Ok(prepared) => Ok((loaded, prepared)),
        Err(_) if is_fresh(&loaded.config) => Err(first_steps(path)),
        Err(findings) => {
            for finding in &findings {
                out.note(&format!("{finding}\n  fix: {}", finding.fix));
            }
            Err(refused(path, findings.len()))
        }
    }
}

fn invalid(path: &Path, problems: &Problems, out: &Out) -> Failure {
    if !out.is_json() {
        out.note_trusted(&problems.render(out.has_error_colours()));
    }
    Failure {
        causes: if out.is_json() {
            problems.lines().collect()
        } else {
            Vec::new()
        },
        ..refused(path, problems.count())
    }
}

fn refused(path: &Path, count: usize) -> Failure {
    let problems = if count == 1 { "problem" } else { "problems" };
    Failure::new(
        Exit::Config,
        format!("{count} {problems} in the configuration {}", path.display()),
    )
    .hint(format!(
        "correct it and run: zenstripe --config {} check",
        path.display()
    ))
}

/// Nothing of what must be set was set: somebody starts.
fn is_fresh(config: &Config) -> bool {
    config.stripe.secret_key_file.is_none()
        && config.zenskar.api_key_file.is_none()
        && config.stripe.account.is_none()
}

fn first_steps(path: &Path) -> Failure {
    let path = path.display();
    Failure::new(
        Exit::Config,
        format!(
            "{path} names no keys yet\n\
             \x20 1. put a Stripe key (sk_… or rk_…) into a file of mode 600: `stripe.secret_key_file`\n\
             \x20 2. write the account's id, acct_…: `stripe.account`\n\
             \x20 3. put a Zenskar API key into a file of mode 600: `zenskar.api_key_file`\n\
             \x20 4. write the organisation's id: `zenskar.organisation`\n\
             \x20 5. zenstripe --config {path} check     says what is still missing"
        ),
    )
}

/// Prints what keeps a configuration from being used.
fn show_findings(findings: &[Finding], out: &Out) {
    for finding in findings {
        let word = out.paint(Tone::Bad, "error:");
        out.painted_line(&format!("{word} {finding}"));
        out.line(&format!("  fix: {}", finding.fix));
    }
}

fn finding_json(finding: &Finding) -> serde_json::Value {
    json!({
        "key": finding.key,
        "place": finding.place,
        "what": finding.what,
        "fix": finding.fix,
    })
}

/// What is allowed and perhaps not meant.
fn advice(config: &Config) -> Vec<String> {
    let mut advice = Vec::new();
    let mut say = |text: &str| advice.push(text.to_owned());
    if config.customers.sync == SyncDirection::Off {
        say("`customers.sync` is \"off\": nothing is written to Zenskar");
    }
    if config.customers.sync == SyncDirection::Off && config.customers.create != Create::None {
        say("`customers.sync` is \"off\": no customer is created either");
    }
    if config.events.poll == Poll::Off {
        say("`events.poll` is \"off\": an event whose webhook is lost is lost");
    }
    if !settings::has_ingress(config) && config.listen.public_url.is_none() {
        say("no webhook can come in and be believed: changes are found by polling");
    }
    if config.events.poll == Poll::Off && !settings::has_ingress(config) {
        say("nothing notices changes: neither webhooks nor polling");
    }
    advice
}

/// What the store's file is, in words.
fn store_header(path: &Path) -> Outcome<String> {
    if !path.exists() {
        return Ok(format!("{} is made at the first start", path.display()));
    }
    match Store::check_header(path) {
        Ok(schema) => Ok(format!("{} has schema {schema}", path.display())),
        Err(StoreError::InUse) => Ok(format!("{} is in use by the daemon", path.display())),
        Err(error @ StoreError::Unclean) => Ok(format!("{}: {error}", path.display())),
        Err(error) => Err(store_failed(path, &error)),
    }
}

/// Why the store cannot be used, as a failure of the command.
#[must_use]
pub fn store_failed(path: &Path, error: &StoreError) -> Failure {
    let shown = path.display();
    let failure = |exit| Failure::new(exit, format!("open the store {shown}")).because(Some(error));
    match error {
        StoreError::InUse => failure(Exit::InUse)
            .hint("another zenstripe uses it: see `zenstripe status`, or give this one its own `store.path`"),
        StoreError::TooNew { .. } => {
            failure(Exit::Config).hint("install the release that wrote it, or a newer one")
        }
        StoreError::Foreign { .. } => {
            failure(Exit::Config).hint("`store.path` names a file of another program")
        }
        _ if is_denied(error) => failure(Exit::Permission)
            .hint("the service's user must own the file and its directory"),
        _ => failure(Exit::Io).hint("see whether its directory exists and the disk is healthy and not full"),
    }
}

/// Whether the file system refused.
fn is_denied(error: &StoreError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let denied = error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied);
        if denied {
            return true;
        }
        cause = error.source();
    }
    // The database engine keeps the cause to itself and says it in words.
    std::iter::once(crate::telemetry::chain(error)).any(|text| text.contains("ermission denied"))
}
