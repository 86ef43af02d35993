//! The command line.

use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Measures the daemon beside a bare and an ideal receiver. Exit code: 0 all binding floors hold,
/// 1 one does not, 2 the run itself failed.
#[derive(Debug, Parser)]
#[command(name = "bench-all", bin_name = "cargo bench-all")]
pub(crate) struct Args {
    /// What to measure and how.
    #[command(flatten)]
    pub(crate) options: Options,
    /// What this process is, when it is not the one that leads.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to measure and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Short rounds and fewer customers: for a look, not for a record
    #[arg(long)]
    pub(crate) quick: bool,
    /// Rounds that count; the median of them is taken
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Only these, separated by commas
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) only: Vec<Topic>,
    /// Only the bare and the ideal receiver, without the daemon
    #[arg(long)]
    pub(crate) receivers: bool,
    /// Linked customers of the start-up and memory measurements [default: 1000000; 50000 with
    /// --quick]
    #[arg(long, value_name = "N")]
    pub(crate) customers: Option<u64>,
    /// Writes what was measured as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Measures this daemon instead of building one
    #[arg(long, value_name = "FILE")]
    pub(crate) binary: Option<PathBuf>,
    /// Where the stores are made, and removed afterwards [default: beside the build]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Topic {
    /// Durable acknowledged webhooks a second, 64 connections
    Ack,
    /// Refusals of bad signatures
    Refuse,
    /// Latency at 500/s and 5,000/s while the pipeline works
    Open,
    /// From a webhook to the answer of a Zenskar that answers at once
    Pipeline,
    /// Memory and start with an empty store
    Idle,
    /// Start-up, memory and the console's pages with a million linked customers
    Million,
    /// A scan: our own work for each customer, and a million of them on both sides
    Scan,
    /// Size of the binary
    Size,
}

impl Options {
    /// Whether `topic` is to be measured.
    pub(crate) fn wants(&self, topic: Topic) -> bool {
        self.only.is_empty() || self.only.contains(&topic)
    }
}

/// What this process is.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A receiver: bare, or ideal with a store
    #[command(hide = true)]
    Receiver {
        /// Secret of the webhook endpoint
        #[arg(long)]
        secret: String,
        /// Store of the ideal receiver
        #[arg(long)]
        store: Option<PathBuf>,
    },
    /// A burst of load
    #[command(hide = true)]
    Load {
        /// What to send, as JSON
        spec: String,
    },
}
