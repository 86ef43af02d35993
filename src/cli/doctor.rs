//! `doctor`: looks at everything the daemon stands on, and says of each thing how to repair it.
//!
//! Works with the daemon or without it. Both remotes are only read.

mod machine;
mod remotes;

use crate::cli::check;
use crate::cli::client::Client;
use crate::cli::environment::Environment;
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::key::KeyFile;
use crate::cli::out::{Out, Tone};
use crate::cli::prepare::{SecretPlaces, prepare};
use crate::engine::view::Status;
use crate::model::id::AccountId;
use serde::Serialize;
use std::path::Path;

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, and somebody should look.
    Warning,
    /// It does not work.
    Failed,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// How it went.
    pub state: State,
    /// What was found: the cause, where it is not as it should be.
    pub found: String,
    /// One thing that repairs it.
    pub fix: Option<String>,
    /// How the process ends if nothing is worse.
    #[serde(skip)]
    pub exit: Exit,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            state: State::Ok,
            found: found.into(),
            fix: None,
            exit: Exit::Ok,
        }
    }

    fn warning(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            state: State::Warning,
            fix: Some(fix.into()),
            exit: Exit::Warnings,
            ..Self::ok(name, found)
        }
    }

    fn failed(
        name: &'static str,
        exit: Exit,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Failed,
            fix: Some(fix.into()),
            exit,
            ..Self::ok(name, found)
        }
    }

    fn of(name: &'static str, failure: &Failure) -> Self {
        let mut found = failure.message.clone();
        for cause in &failure.causes {
            found.push_str(": ");
            found.push_str(cause);
        }
        let fix = failure.hint.clone().unwrap_or_default();
        Self::failed(name, failure.exit, found, fix)
    }
}

/// Looks at everything and prints what it found.
///
/// # Errors
///
/// There is no configuration to begin with.
pub async fn doctor(path: &Path, env: &Environment, out: &Out) -> Outcome {
    let loaded = check::load(path, out)?;
    let config = &loaded.config;
    let places = SecretPlaces::of(path, env.credentials.as_deref());
    let mut checks = Vec::new();
    let prepared = match prepare(config, &loaded, &places) {
        Ok(prepared) => {
            checks.push(Check::ok(
                "configuration",
                format!("{} can be used", path.display()),
            ));
            Some(prepared)
        }
        Err(findings) => {
            checks.extend(findings.iter().map(|finding| {
                let found = finding.to_string();
                Check::failed("configuration", Exit::Config, found, finding.fix.clone())
            }));
            None
        }
    };
    let (daemon, connected) = daemon(path).await;
    checks.push(daemon);
    checks.push(machine::socket(config));
    checks.extend(machine::store(config));
    checks.push(machine::key(&KeyFile::of(config, &places)));
    match &prepared {
        Some(prepared) => checks.extend(remotes::checks(config, prepared, connected).await),
        None => checks.push(Check::warning(
            "remotes",
            "not asked: the configuration is not complete",
            "correct the configuration first",
        )),
    }
    show(&checks, out);
    Ok(exit(&checks))
}

/// Whether the daemon runs, and is well; and which account it is connected to.
async fn daemon(path: &Path) -> (Check, Option<AccountId>) {
    let status = match Client::of_config(path) {
        Ok(client) => client.get::<Status>("/status").await,
        Err(failure) => Err(failure),
    };
    let account = status.as_ref().ok().and_then(|status| {
        let account = status.connection.account.as_deref()?;
        AccountId::parse(account).ok()
    });
    let check = match status {
        Ok(status) if status.state == "ok" => Check::ok(
            "daemon",
            format!("version {} runs and is well", status.version),
        ),
        Ok(status) => {
            let what: Vec<String> = status
                .problems
                .into_iter()
                .map(|problem| problem.what)
                .collect();
            Check::warning(
                "daemon",
                format!("it runs, and: {}", what.join("; ")),
                "see `zenstripe status`",
            )
        }
        Err(failure) if failure.exit == Exit::NotRunning => Check::warning(
            "daemon",
            "it does not run",
            failure.hint.unwrap_or_default(),
        ),
        Err(failure) => Check::of("daemon", &failure),
    };
    (check, account)
}

/// The first failure decides, then warnings.
fn exit(checks: &[Check]) -> Exit {
    let worst = |state| checks.iter().find(|check| check.state == state);
    worst(State::Failed)
        .or_else(|| worst(State::Warning))
        .map_or(Exit::Ok, |check| check.exit)
}

fn show(checks: &[Check], out: &Out) {
    if out.is_json() {
        out.json(&serde_json::json!({ "checks": checks }));
        return;
    }
    for (number, check) in (1..).zip(checks) {
        let state = match check.state {
            State::Ok => out.paint(Tone::Good, "ok     "),
            State::Warning => out.paint(Tone::Warning, "warning"),
            State::Failed => out.paint(Tone::Bad, "failed "),
        };
        let found = out.paint(Tone::Plain, &check.found);
        out.painted_line(&format!("{number:>2}. {state}  {:<20} {found}", check.name));
        if let Some(fix) = check.fix.as_ref().filter(|fix| !fix.is_empty()) {
            out.line(&format!("    fix: {fix}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_that_of_the_worst() {
        let ok = Check::ok("a", "");
        let warning = Check::warning("b", "", "");
        let failed = Check::failed("c", Exit::Unavailable, "", "");
        assert_eq!(exit(std::slice::from_ref(&ok)), Exit::Ok);
        assert_eq!(exit(&[ok.clone(), warning.clone()]), Exit::Warnings);
        assert_eq!(exit(&[warning, failed, ok]), Exit::Unavailable);
    }
}
