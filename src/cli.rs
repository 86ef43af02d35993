//! The command line: what is typed, what is printed, how the process ends; and [`run`], the one
//! place where the parts of the daemon meet.
//!
//! # Invariants
//!
//! - Printing and the environment are here and nowhere else.
//! - A secret is never an argument and never printed, but for what lets somebody in and was made just
//!   then.
//! - Every action is the daemon's: commands are doors to its `/api/v1`, but for those that need no
//!   daemon (`run`, `init`, `check`, `doctor`, `version`).

pub mod args;
pub mod check;
pub mod client;
pub mod connect;
pub mod console;
pub mod customers;
pub mod daemon;
pub mod dead;
pub mod doctor;
pub mod environment;
pub mod error;
pub mod events;
pub mod first;
pub mod init;
pub mod key;
pub mod money;
pub mod out;
pub mod people;
pub mod prepare;
pub mod run;
pub mod scan;
pub mod settings;
pub mod status;
pub mod token;
pub mod watch;

use crate::cli::args::{Args, Command};
use crate::cli::client::Client;
use crate::cli::environment::Environment;
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::out::Out;
use crate::clock::{Clock, SystemClock};
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use std::process::ExitCode;

/// Runs what was typed.
#[must_use]
pub fn main() -> ExitCode {
    let env = Environment::read();
    let args = match parse(&env) {
        Ok(args) => args,
        Err(error) => return ended_by_clap(&error),
    };
    let out = Out::new(args.json, args.color, &env, SystemClock.now());
    match dispatch(&args, &env, &out) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            out.failure(&failure);
            failure.exit.into()
        }
    }
}

fn parse(env: &Environment) -> Result<Args, clap::Error> {
    // clap itself heeds NO_COLOR only where it looks at a terminal; said once, it holds everywhere.
    let colour = if env.no_color {
        clap::ColorChoice::Never
    } else {
        clap::ColorChoice::Auto
    };
    Args::from_arg_matches(&Args::command().color(colour).try_get_matches()?)
}

/// Help and version are successes; a closed pipe is none of our business.
fn ended_by_clap(error: &clap::Error) -> ExitCode {
    if let Err(closed) = error.print() {
        drop(closed);
    }
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Ok.into(),
        _ => Exit::Usage.into(),
    }
}

fn dispatch(args: &Args, env: &Environment, out: &Out) -> Outcome {
    match &args.command {
        Command::Run => run::run(&args.config, env, out),
        Command::Init => init::init(&args.config, SystemClock.now(), out),
        Command::Check => check::check(&args.config, env, out),
        Command::Version => Ok(version(out)),
        Command::Doctor => in_runtime(doctor::doctor(&args.config, env, out)),
        Command::Status => ask(args, async |client| status::status(&client, out).await),
        Command::Connect => ask(args, async |client| connect::connect(&client, out).await),
        Command::Console(console) => ask(args, async |client| {
            console::console(&client, console, out).await
        }),
        Command::Token(command) => ask(args, async |client| {
            token::token(&client, command, out).await
        }),
        Command::Disconnect(disconnect) => ask(args, async |client| {
            connect::disconnect(&client, *disconnect, out).await
        }),
        Command::Customers(command) => ask(args, async |client| {
            customers::customers(&client, command, out).await
        }),
        Command::Events(command) => ask(args, async |client| {
            events::events(&client, command, out).await
        }),
        Command::Conflicts(command) => ask(args, async |client| {
            people::conflicts(&client, command, out).await
        }),
        Command::Plan(plan) => ask(args, async |client| people::plan(&client, plan, out).await),
        Command::Apply(apply) => ask(args, async |client| {
            people::apply(&client, apply, out).await
        }),
        Command::Runs(command) => ask(args, async |client| {
            people::runs(&client, command, out).await
        }),
        Command::Undo { run } => ask(args, async |client| people::undo(&client, *run, out).await),
        Command::Invoices(command) => ask(args, async |client| {
            money::invoices(&client, command, out).await
        }),
        Command::Payments(command) => ask(args, async |client| {
            money::payments(&client, command, out).await
        }),
        Command::Why { invoice } => {
            ask(args, async |client| money::why(&client, invoice, out).await)
        }
        Command::Freeze(freeze) => ask(args, async |client| {
            money::freeze(&client, freeze, out).await
        }),
        Command::Unfreeze => ask(args, async |client| money::unfreeze(&client, out).await),
        Command::Dead(command) => ask(args, async |client| dead::dead(&client, command, out).await),
        Command::Scan(scan) => ask(args, async |client| scan::scan(&client, *scan, out).await),
        Command::Reload => ask(args, async |client| daemon::reload(&client, out).await),
        Command::Wait(wait) => ask(args, async |client| daemon::wait(&client, *wait, out).await),
        Command::Config(command) => ask(args, async |client| {
            daemon::config(&client, *command, out).await
        }),
    }
}

/// Runs a command that talks to the daemon.
fn ask(args: &Args, command: impl AsyncFnOnce(Client) -> Outcome) -> Outcome {
    let client = Client::of_config(&args.config)?;
    in_runtime(command(client))
}

fn in_runtime(command: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::of(Exit::Io, &error))?
        .block_on(command)
}

fn version(out: &Out) -> Exit {
    let version = env!("CARGO_PKG_VERSION");
    let schema = crate::store::SCHEMA_VERSION;
    if out.is_json() {
        out.json(&serde_json::json!({ "version": version, "store_schema": schema }));
    } else {
        out.line(&format!("zenstripe {version} (store schema {schema})"));
    }
    Exit::Ok
}
