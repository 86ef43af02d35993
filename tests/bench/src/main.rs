//! The benchmark: the daemon beside a bare receiver and the ideal receiver, in one run.
//!
//! `cargo bench-all` builds the daemon, starts all three on this machine, and takes rounds in
//! turns, so that whatever else the machine does falls on all alike. Absolute figures belong to
//! the machine; the ratios to the ideal receiver are what a release has to hold, and what the exit
//! code says. Processes: this one leads, judges and plays the two remotes ([`stub`]); each
//! receiver ([`receiver`]) and each burst of load ([`load`]) is this program again under a hidden
//! subcommand; the daemon is the product's own binary.

mod args;
mod child;
mod clock;
mod daemon;
mod event;
mod ids;
mod load;
mod num;
mod out;
mod proc;
mod receiver;
mod report;
mod seed;
mod stub;
mod suite;
mod yard;

use args::{Args, Command};
use clap::Parser;
use std::process::ExitCode;

/// What can go wrong here is told to a person and ends the run: text is enough.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match &args.command {
        None => suite::run(&args.options),
        Some(Command::Receiver { secret, store }) => {
            receiver::run(secret, store.as_deref()).map(|()| true)
        }
        Some(Command::Load { spec }) => load::run(spec).map(|()| true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            out::note(&format!("error: {error}"));
            ExitCode::from(2)
        }
    }
}
