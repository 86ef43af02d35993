//! `cargo demo`: the daemon beside the sandbox, on this machine, without any account.
//!
//! Without arguments it runs until Ctrl-C, with people who change customers in Stripe, and prints a
//! line for each change and for its arrival in Zenskar. With `--once` it runs the scenario: each
//! step is judged by what is seen from outside, in the sandbox, and never in the daemon's store.

mod build;
mod lively;
mod scenario;
mod stage;

// The same browser that the integration tests use.
#[path = "../../it/support/browser.rs"]
mod browser;

// The same daemon in a directory of its own that the integration tests use.
#[path = "../../it/support/daemon.rs"]
mod daemon;

use clap::Parser;
use serde_json::json;
use stage::Stage;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the daemon beside a local Stripe and Zenskar.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo demo", version, about)]
struct Args {
    /// Run the scenario once; exit 0 only if every step was seen to work
    #[arg(long)]
    once: bool,
    /// Print the steps as JSON
    #[arg(long, requires = "once")]
    json: bool,
    /// Write each exchange with the remotes as one JSON line to this file; credentials are blanked
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// What went wrong, in words.
type Outcome<T = ()> = Result<T, String>;

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("cannot start: {error}")),
    };
    match runtime.block_on(run(args)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => complain(&problem),
    }
}

async fn run(args: Args) -> Outcome<bool> {
    tell("building the daemon …");
    let binary = build::daemon().await?;
    let stage = Stage::set(&binary, args.record).await?;
    if !args.once {
        lively::run(&stage).await?;
        return Ok(true);
    }
    let steps = tokio::select! {
        steps = scenario::run(&stage) => steps?,
        () = told_to_stop() => return Err("interrupted".to_owned()),
    };
    let all = steps.iter().all(|step| step.ok);
    if args.json {
        say(&json!({ "steps": steps }).to_string());
    } else {
        let good = steps.iter().filter(|step| step.ok).count();
        say(&format!(
            "{good} of {} steps were seen to work",
            steps.len()
        ));
    }
    Ok(all)
}

/// Ends at Ctrl-C, or when we are terminated: either way the daemon is stopped first.
async fn told_to_stop() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => tokio::signal::ctrl_c().await.unwrap_or_default(),
    }
}

/// Prints a line of the result; a closed pipe is not our affair.
fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").unwrap_or_default();
}

/// Prints a line of progress, beside the result.
fn tell(line: &str) {
    writeln!(std::io::stderr(), "{line}").unwrap_or_default();
}

fn complain(problem: &str) -> ExitCode {
    tell(&format!("error: {problem}"));
    ExitCode::FAILURE
}
