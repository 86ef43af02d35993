//! `zenstripe-sandbox`: the two remotes over HTTP, on the command line.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use zenstripe_sandbox::{Listeners, Options, Sandbox, ServeOptions, serve};

/// A stateful local Stripe and Zenskar, with faults on order and a clock that can be moved.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve both remotes over HTTP until interrupted.
    ///
    /// Prints the addresses, the keys and the organisation to use. `GET /_sandbox` on either
    /// address lists the routes to look inside, move the clock and order faults.
    Serve(Serve),
}

/// The arguments of `serve`.
#[derive(Debug, Args)]
struct Serve {
    /// Where Stripe answers; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:12111")]
    stripe: String,
    /// Where Zenskar answers; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:12112")]
    zenskar: String,
    /// Seed of every id: the same seed and the same requests give the same ids
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Make a webhook endpoint for every event at this URL (http only)
    #[arg(long, value_name = "URL", requires = "secret")]
    webhook: Option<String>,
    /// The secret that signs what is sent to --webhook
    #[arg(long, value_name = "SECRET", requires = "webhook")]
    secret: Option<String>,
    /// Write each exchange as one JSON line to this file; credentials are blanked
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Start with this many mapped pairs of customers
    #[arg(long, value_name = "N", default_value_t = 0)]
    customers: usize,
    /// Give each of them a default payment method and this many invoices
    #[arg(long, value_name = "N", default_value_t = 0)]
    invoices: usize,
    /// Set the clock to this Unix time instead of the present
    #[arg(long, value_name = "UNIX")]
    now: Option<i64>,
    /// Let the clock stand still until it is moved over /_sandbox/clock
    #[arg(long)]
    frozen_clock: bool,
    /// Answer any number of requests a second
    #[arg(long)]
    no_rate_limits: bool,
}

fn main() -> ExitCode {
    let Command {
        verb: Verb::Serve(arguments),
    } = Command::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&format!("cannot start: {error}")),
    };
    match runtime.block_on(run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => complain(&problem),
    }
}

async fn run(arguments: Serve) -> Result<(), String> {
    let mut options = Options {
        seed: arguments.seed,
        now_unix: arguments
            .now
            .unwrap_or_else(|| Timestamp::now().as_second()),
        ..Options::default()
    };
    options.switches.stripe.rate_limits = !arguments.no_rate_limits;
    let credentials = (options.zenskar_key.clone(), options.organisation.clone());
    let sandbox = Sandbox::new(options);
    let pairs = sandbox.seed_customers(arguments.customers);
    if arguments.invoices > 0 {
        sandbox.seed_money(&pairs, arguments.invoices);
    }
    if let (Some(url), Some(secret)) = (&arguments.webhook, &arguments.secret) {
        sandbox
            .add_webhook(url, secret)
            .map_err(|problem| format!("--webhook: {problem}"))?;
    }
    let listeners = Listeners::bind(&arguments.stripe, &arguments.zenskar)
        .await
        .map_err(|error| format!("cannot listen: {error}"))?;
    announce(&listeners, &credentials).map_err(|error| format!("cannot print: {error}"))?;
    let serve_options = ServeOptions {
        record: arguments.record,
        frozen_clock: arguments.frozen_clock,
    };
    let stop = interrupted().map_err(|error| format!("cannot watch for signals: {error}"))?;
    serve(sandbox, listeners, serve_options, stop)
        .await
        .map_err(|error| error.to_string())
}

fn announce(listeners: &Listeners, (key, organisation): &(String, String)) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "stripe   http://{}", listeners.stripe.local_addr()?)?;
    writeln!(out, "         key sk_test_sandbox or rk_test_sandbox")?;
    writeln!(
        out,
        "         platform: client {}, key sk_test_platform",
        zenstripe_sandbox::CLIENT_ID
    )?;
    writeln!(out, "zenskar  http://{}", listeners.zenskar.local_addr()?)?;
    writeln!(out, "         x-api-key {key}, organisation {organisation}")?;
    writeln!(out, "inside   GET /_sandbox on either lists the routes")?;
    out.flush()
}

/// Done at the first interrupt or termination.
fn interrupted() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn complain(problem: &str) -> ExitCode {
    // There is nobody left to tell if standard error is gone.
    writeln!(std::io::stderr(), "zenstripe-sandbox: {problem}").unwrap_or_default();
    ExitCode::FAILURE
}
