//! `run`: the daemon. The one place where its parts meet.
//!
//! # Guarantees
//!
//! - Nothing is served before the store is open and known to belong to this account, mode and
//!   organisation.
//! - The first SIGTERM or SIGINT drains: nothing new is accepted, what is under way ends, the store
//!   is closed, the exit code is 0. The second one ends at once.
//! - A store that fails ends the process with 74: what is durable is known by opening it again.
//! - Trouble at a remote never ends it.

mod accepting;
mod account;
mod manage;
mod metered;
mod names;
mod open;
mod reload;
mod sample;
mod seal;
mod serve;
mod signals;
mod state;
mod systemd;

use crate::cli::check;
use crate::cli::environment::Environment;
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::first;
use crate::cli::key::KeyFile;
use crate::cli::out::Out;
use crate::cli::prepare::{Prepared, SecretPlaces};
use crate::cli::settings;
use crate::cli::watch::Watcher;
use crate::clock::{Clock, SystemClock};
use crate::config::Loaded;
use crate::engine::error::EngineError;
use crate::engine::{Engine, driver};
use crate::http::webhook::{Acceptance, ZenskarAcceptance};
use crate::model::id::AccountId;
use crate::store::{Store, Writer};
use crate::telemetry::log::{self, DEFAULT_FILTER, Output};
use crate::telemetry::metrics::Metrics;
use accepting::Accepting;
use account::Verdict;
use metered::Metered;
use names::Names;
use open::Listeners;
use reload::Reloader;
use serve::Pages;
use signals::Signals;
use state::State;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use systemd::Manager;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Longest time for what is under way once the daemon is told to stop. The listeners' own drain is
/// shorter; a call to a remote that takes longer is known as one of unknown outcome at the next start.
const DRAIN_DEADLINE: Duration = Duration::from_secs(25);

/// Time for threads of the runtime that are inside a system call.
const THREADS_DEADLINE: Duration = Duration::from_secs(2);

/// Runs the daemon until it is told to stop.
///
/// # Errors
///
/// It cannot start, or the store failed.
pub fn run(path: &Path, env: &Environment, out: &Out) -> Outcome {
    let places = SecretPlaces::of(path, env.credentials.as_deref());
    let (loaded, prepared) = check::load_and_prepare(path, &places, out)?;
    let output = Output::detect(env.journal_stream.as_deref());
    log::start(output, env.log.as_deref().unwrap_or(DEFAULT_FILTER))
        .map_err(|error| Failure::of(Exit::Failed, &error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::of(Exit::Io, &error))?;
    let start = Start {
        path,
        places,
        loaded,
        prepared,
    };
    let outcome = runtime.block_on(Box::pin(daemon(start)));
    runtime.shutdown_timeout(THREADS_DEADLINE);
    match outcome {
        // A log for machines is not interrupted by text for people.
        Err(failure) if output != Output::Terminal => {
            let (causes, hint) = (failure.causes.join(": "), failure.hint.unwrap_or_default());
            tracing::error!(event = "ended", error = failure.message, causes, hint);
            Ok(failure.exit)
        }
        outcome => outcome,
    }
}

/// What a start begins with.
struct Start<'a> {
    path: &'a Path,
    places: SecretPlaces,
    loaded: Loaded,
    prepared: Prepared,
}

/// What the end waits for.
enum End {
    Asked(&'static str),
    Failed(Failure),
}

/// The daemon's parts, joined and not yet at work.
struct Parts {
    engine: Arc<Engine>,
    state: Arc<State>,
    metrics: Arc<Metrics>,
    account: Option<AccountId>,
    proven: Verdict,
    prepared: Prepared,
    listeners: Listeners,
    accepting: Arc<Accepting>,
    acceptance: watch::Receiver<Acceptance>,
    zenskar_acceptance: watch::Receiver<ZenskarAcceptance>,
    names: Arc<Names>,
    reloader: Reloader,
    watcher: Watcher,
    manager: Manager,
}

async fn daemon(start: Start<'_>) -> Outcome {
    let mut signals = Signals::new().map_err(|error| Failure::of(Exit::Io, &error))?;
    let parts = join(start).await?;
    let Parts {
        engine,
        state,
        metrics,
        account,
        manager,
        ..
    } = parts;
    let (stop, mut tasks, mut loops) = (CancellationToken::new(), JoinSet::new(), JoinSet::new());
    let doors = serve::Doors {
        engine: &engine,
        state: &state,
        metrics: &metrics,
        acceptance: parts.acceptance,
        zenskar_acceptance: parts.zenskar_acceptance,
        pages: Pages::of(&state.effective()),
        hosts: parts.names.hosts(),
    };
    parts.listeners.serve(&mut tasks, &doors, &stop);
    drop(doors);
    tasks.spawn(
        parts
            .reloader
            .run(parts.watcher, parts.prepared, stop.clone()),
    );
    tasks.spawn(sample::run(
        Arc::clone(&engine),
        metrics,
        manager.clone(),
        stop.clone(),
    ));
    tasks.spawn(parts.accepting.run(stop.clone()));
    tasks.spawn(systemd::watchdog(Arc::clone(&engine), stop.clone()));
    signals.on_hangup(&mut tasks, state.asked(), stop.clone());
    loops.spawn(driver::run(Arc::clone(&engine), stop.clone()));
    state.set_ready(true);
    manager.ready();
    let shown = account.as_ref().map_or("none", AccountId::as_str);
    tracing::info!(
        event = "started",
        account = shown,
        version = env!("CARGO_PKG_VERSION")
    );

    let writer = engine.writer.clone();
    let end = tokio::select! {
        biased;
        name = signals.stop() => End::Asked(name),
        error = writer.failed() => End::Failed(store_failure(&*error)),
        Some(ended) = loops.join_next() => End::Failed(loop_failure(ended)),
        failure = account::keep_proving(&engine, account.as_ref(), parts.proven) => End::Failed(failure),
    };
    state.set_ready(false);
    manager.stopping();
    drain(end, (tasks, loops), &writer, &mut signals, &stop).await
}

/// Opens everything, and joins it. A start that fails leaves the store closed.
async fn join(start: Start<'_>) -> Outcome<Parts> {
    let (store, writer) = open::store(&start.loaded.config.store.path).await?;
    let joined = join_around(start, (store, writer.clone())).await;
    if joined.is_err() {
        writer.close().await;
    }
    joined
}

async fn join_around(start: Start<'_>, (store, writer): (Store, Writer)) -> Outcome<Parts> {
    let Start {
        path,
        places,
        loaded,
        prepared,
    } = start;
    let config = loaded.config.clone();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION")));
    let transport = Arc::new(Metered::new(Arc::clone(&metrics))?);
    let (stripe, zenskar) = open::clients(&config, &prepared, &transport, &clock);
    let demand = &prepared.demand;
    let proven = account::prove(&stripe, demand).await;
    if let (Some(account), Verdict::Other(found)) = (&demand.account, &proven) {
        return Err(account::refused(account, found));
    }
    let account = open::bind(&store, &writer, demand, &config.store.path).await?;
    let key = KeyFile::of(&config, &places);
    let file = &config.store.path;
    let sealer = seal::open(&key, &store, file)?;
    let listeners = Listeners::bind(&config, &prepared, &metrics).await?;
    seal::prove(&sealer, &key, (&store, &writer), file).await?;
    let site = open::site(&config, &prepared, sealer, &listeners, &transport);
    let addresses = (listeners.addresses(), listeners.console_address());
    let state = State::new(&loaded, &prepared, addresses, path);
    let state = Arc::new(state);
    let watcher = Watcher::new(path, loaded.fingerprint, state.asked())
        .map_err(|error| Failure::of(Exit::Config, &error))?;
    let settings = settings::engine(&config);
    let engine = Engine::new((store, writer), stripe, zenskar, clock, settings).at(site);
    take_up(&engine, path).await?;
    let engine = Arc::new(engine);
    let names = Arc::new(Names::new(listeners.console_address(), &config));
    let (accepting, acceptance) = Accepting::new(&engine, &prepared);
    let (zenskar_in, zenskar_acceptance) = watch::channel(open::zenskar_acceptance(&prepared));
    let manager = Manager::default();
    let reloader = Reloader {
        places,
        running: config,
        engine: Arc::clone(&engine),
        state: Arc::clone(&state),
        accepting: Arc::clone(&accepting),
        zenskar_acceptance: zenskar_in,
        metrics: Arc::clone(&metrics),
        transport,
        certificate: listeners.certificate(),
        manager: manager.clone(),
        names: Arc::clone(&names),
    };
    Ok(Parts {
        engine,
        state,
        metrics,
        account,
        proven,
        prepared,
        listeners,
        accepting,
        acceptance,
        zenskar_acceptance,
        names,
        reloader,
        watcher,
        manager,
    })
}

/// What the store and the files hold from before is taken up.
async fn take_up(engine: &Engine, path: &Path) -> Outcome<()> {
    let resumed = engine.resume_connection().await;
    resumed.map_err(|error| store_failure(&error))?;
    let noted = engine.activate(&engine.settings().policy).await;
    noted.map_err(|error| store_failure(&error))?;
    let noted = engine.switch_creating(engine.settings().creates).await;
    noted.map_err(|error| store_failure(&error))?;
    let looked = engine.reconsider().await;
    looked.map_err(|error| store_failure(&error))?;
    let taken = first::take_over(engine, path).await;
    taken.map_err(|error| store_failure(&error))
}

/// Ends what is under way, closes the store, and says how the process ends.
async fn drain(
    end: End,
    (mut tasks, mut loops): (JoinSet<()>, JoinSet<Result<(), EngineError>>),
    writer: &Writer,
    signals: &mut Signals,
    stop: &CancellationToken,
) -> Outcome {
    if let End::Asked(signal) = &end {
        tracing::info!(event = "stopping", signal, "finishing what is under way");
    }
    stop.cancel();
    let finish = async {
        while tasks.join_next().await.is_some() {}
        while loops.join_next().await.is_some() {}
        writer.close().await;
    };
    tokio::select! {
        biased;
        signal = signals.stop() => {
            tracing::warn!(event = "ended_at_once", signal, "told twice to stop");
            return Ok(Exit::Failed);
        }
        ended = tokio::time::timeout(DRAIN_DEADLINE, finish) => if ended.is_err() {
            tracing::warn!(event = "drain_cut", "what was under way did not end in time");
        },
    }
    match end {
        End::Asked(_) => {
            tracing::info!(event = "stopped");
            Ok(Exit::Ok)
        }
        End::Failed(failure) => Err(failure),
    }
}

fn store_failure(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::new(Exit::Io, "the store failed")
        .because(Some(error))
        .hint("see whether the disk is healthy and not full; what was acknowledged is safe")
}

fn loop_failure(ended: Result<Result<(), EngineError>, tokio::task::JoinError>) -> Failure {
    match ended {
        Ok(Ok(())) => Failure::new(Exit::Failed, "the engine ended by itself"),
        Ok(Err(error)) => store_failure(&error),
        Err(error) => {
            Failure::new(Exit::Failed, "a task of the engine ended").because(Some(&error))
        }
    }
}
