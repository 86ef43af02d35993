//! When each loop runs: on a signal, when the next row is due, and at the latest after a period.
//!
//! The loops take no input but the store. [`run`] ends when it is told to, after what is under way
//! has come to its end, or at once when the store fails.

use crate::engine::Engine;
use crate::engine::collecting::invoices::Swept;
use crate::engine::error::EngineError;
use crate::engine::redrive::Redriven;
use crate::engine::scan::Scanned;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Records looked at, or changed, at the same time. Both remotes' limiters lie far below what this
/// many could ask for; more would only hold more memory.
pub const CONCURRENT_MAX: usize = 16;

/// A loop runs at the latest after this, whatever signal was lost.
const PERIOD: Duration = Duration::from_secs(5);

/// How long the intake lets events gather after the first.
const GATHER: Duration = Duration::from_millis(20);

/// How often a redrive sees whether what is due was done. The remotes take far less in that time than
/// it lets be due.
const PAUSE_WHILE_FULL: Duration = Duration::from_millis(250);

/// Pause after a remote failed a loop that has no record to put off.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);

/// The pause after so many failures of a remote in a row: soon at first, since most are over at once
/// and to see one that is not, and never longer than the loop waits anyway.
fn pause_after(failures: u32, pause: Duration) -> Duration {
    let doubled = 1_u32
        .checked_shl(failures.saturating_sub(1))
        .unwrap_or(u32::MAX);
    let growing = PAUSE_AFTER_FAILURE.saturating_mul(doubled);
    growing.min(pause.max(PAUSE_AFTER_FAILURE))
}

/// How often the janitor and the scan see whether there is anything to do.
const PERIOD_SLOW: Duration = Duration::from_secs(60);

/// Runs every loop until `stop`.
///
/// # Errors
///
/// The store failed; the process ends, and what is durable is known by opening it again.
pub async fn run(engine: Arc<Engine>, stop: CancellationToken) -> Result<(), EngineError> {
    let mut loops = JoinSet::new();
    let spawn = |loops: &mut JoinSet<Result<(), EngineError>>, task| loops.spawn(task);
    spawn(&mut loops, boxed(intake(Arc::clone(&engine), stop.clone())));
    spawn(&mut loops, boxed(looks(Arc::clone(&engine), stop.clone())));
    spawn(
        &mut loops,
        boxed(deliveries(Arc::clone(&engine), stop.clone())),
    );
    spawn(
        &mut loops,
        boxed(creations(Arc::clone(&engine), stop.clone())),
    );
    spawn(
        &mut loops,
        boxed(collecting(Arc::clone(&engine), stop.clone())),
    );
    spawn(
        &mut loops,
        boxed(invoices(Arc::clone(&engine), stop.clone())),
    );
    spawn(
        &mut loops,
        boxed(redrive(Arc::clone(&engine), stop.clone())),
    );
    spawn(&mut loops, boxed(poller(Arc::clone(&engine), stop.clone())));
    spawn(
        &mut loops,
        boxed(changes(Arc::clone(&engine), stop.clone())),
    );
    spawn(&mut loops, boxed(scan(Arc::clone(&engine), stop.clone())));
    spawn(
        &mut loops,
        boxed(connection(Arc::clone(&engine), stop.clone())),
    );
    spawn(
        &mut loops,
        boxed(endpoint(Arc::clone(&engine), stop.clone())),
    );
    spawn(&mut loops, boxed(janitor(engine, stop.clone())));
    let mut outcome = Ok(());
    while let Some(ended) = loops.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                stop.cancel();
                outcome = outcome.and(Err(error));
            }
            Err(panic) => {
                // A loop that panicked is a defect; the others come to their end and the process
                // starts again from what is durable.
                tracing::error!(%panic, "a loop of the engine ended");
                stop.cancel();
                if let Ok(reason) = panic.try_into_panic() {
                    std::panic::resume_unwind(reason);
                }
            }
        }
    }
    outcome
}

type Task = crate::clock::BoxFuture<'static, Result<(), EngineError>>;

fn boxed(task: impl Future<Output = Result<(), EngineError>> + Send + 'static) -> Task {
    Box::pin(task)
}

async fn intake(engine: Arc<Engine>, stop: CancellationToken) -> Result<(), EngineError> {
    while !stop.is_cancelled() {
        if engine.sort_events().await? == 0 {
            wait(&engine, &stop, &engine.wake.intake, PERIOD).await;
            // What comes together is sorted together: a transaction for each event would hold up
            // the acknowledgement of the next.
            engine.clock.sleep(GATHER).await;
        }
    }
    Ok(())
}

async fn looks(engine: Arc<Engine>, stop: CancellationToken) -> Result<(), EngineError> {
    let mut tasks = JoinSet::new();
    while !stop.is_cancelled() {
        let now = engine.clock.now();
        let open =
            engine.gate.is_open(Side::Stripe, now) && engine.gate.is_open(Side::Zenskar, now);
        let due = if open {
            engine.due_work(now, CONCURRENT_MAX)?
        } else {
            Vec::new()
        };
        for work in due {
            if tasks.len() < CONCURRENT_MAX && engine.gate.admit_to_both(now) {
                let engine = Arc::clone(&engine);
                tasks.spawn(async move { engine.look_at(&work.subject).await.map(drop) });
            }
        }
        let next = engine.store.read()?.next_work_due()?;
        settle(&engine, &stop, &engine.wake.look, &mut tasks, next).await?;
    }
    finish(tasks).await
}

async fn deliveries(engine: Arc<Engine>, stop: CancellationToken) -> Result<(), EngineError> {
    let mut tasks = JoinSet::new();
    while !stop.is_cancelled() {
        let now = engine.clock.now();
        for intent in engine.due_intents(now, CONCURRENT_MAX)? {
            if tasks.len() < CONCURRENT_MAX && engine.gate.admit(intent.target, now) {
                let engine = Arc::clone(&engine);
                tasks.spawn(async move { engine.deliver(&intent).await.map(drop) });
            }
        }
        let next = engine.store.read()?.next_intent_due()?;
        settle(&engine, &stop, &engine.wake.delivery, &mut tasks, next).await?;
    }
    finish(tasks).await
}

async fn creations(engine: Arc<Engine>, stop: CancellationToken) -> Result<(), EngineError> {
    let mut tasks = JoinSet::new();
    while !stop.is_cancelled() {
        engine.time_creating().await?;
        let now = engine.clock.now();
        let open =
            engine.gate.is_open(Side::Stripe, now) && engine.gate.is_open(Side::Zenskar, now);
        let due = if open {
            engine.due_creations(now, CONCURRENT_MAX)?
        } else {
            Vec::new()
        };
        for creation in due {
            if tasks.len() < CONCURRENT_MAX && engine.gate.admit_to_both(now) {
                let engine = Arc::clone(&engine);
                tasks.spawn(async move { engine.create(&creation.subject).await.map(drop) });
            }
        }
        let next = engine.store.read()?.next_creation_due()?;
        settle(&engine, &stop, &engine.wake.creation, &mut tasks, next).await?;
    }
    finish(tasks).await
}

/// What is under way comes before what is to begin: money that was taken is to be booked.
async fn collecting(engine: Arc<Engine>, stop: CancellationToken) -> Result<(), EngineError> {
    let mut tasks = JoinSet::new();
    while !stop.is_cancelled() {
        let now = engine.clock.now();
        let open =
            engine.gate.is_open(Side::Stripe, now) && engine.gate.is_open(Side::Zenskar, now);
        if open {
            for due in engine.due_collections(now, CONCURRENT_MAX)? {
                if tasks.len() < CONCURRENT_MAX && engine.gate.admit_to_both(now) {
                    let engine = Arc::clone(&engine);
                    tasks.spawn(async move { engine.step(&due).await.map(drop) });
                }
            }
            for line in engine.due_lines(now, CONCURRENT_MAX)? {
                if tasks.len() < CONCURRENT_MAX && engine.gate.admit_to_both(now) {
                    let engine = Arc::clone(&engine);
                    tasks.spawn(async move { engine.charge_line(&line).await.map(drop) });
                }
            }
        }
        let read = engine.store.read()?;
        let next = read.next_collection_due()?.into_iter();
        let next = next.chain(read.next_line_due()?).min();
        drop(read);
        settle(&engine, &stop, &engine.wake.collecting, &mut tasks, next).await?;
    }
    finish(tasks).await
}

async fn invoices(engine: Arc<Engine>, stop: CancellationToken) -> Result<(), EngineError> {
    while !stop.is_cancelled() {
        let now = engine.clock.now();
        if engine.awaits_connection()? || !engine.gate.admit(Side::Zenskar, now) {
            wait(&engine, &stop, &engine.wake.invoices, PAUSE_AFTER_FAILURE).await;
            continue;
        }
        let pause = match try_remote(engine.sweep_invoices().await)? {
            Some(Swept::More) => continue,
            Some(Swept::Until(next_at)) => next_at.since(engine.clock.now()),
            None => PAUSE_AFTER_FAILURE,
        };
        wait(&engine, &stop, &engine.wake.invoices, pause).await;
    }
    Ok(())
}

/// Waits until there may be something to start: a task ended, a signal, the next row is due.
async fn settle(
    engine: &Engine,
    stop: &CancellationToken,
    signal: &Notify,
    tasks: &mut JoinSet<Result<(), EngineError>>,
    next_due: Option<Timestamp>,
) -> Result<(), EngineError> {
    let now = engine.clock.now();
    // A row that is due and was not started is claimed or has to wait for a task to end.
    let until_due = next_due
        .map(|due| due.since(now))
        .filter(|span| !span.is_zero());
    let span = until_due.unwrap_or(PERIOD).min(PERIOD);
    tokio::select! {
        biased;
        Some(ended) = tasks.join_next() => flatten(ended)?,
        () = wait(engine, stop, signal, span) => {}
    }
    while let Some(ended) = tasks.try_join_next() {
        flatten(ended)?;
    }
    Ok(())
}

/// Lets what is under way come to its end.
async fn finish(mut tasks: JoinSet<Result<(), EngineError>>) -> Result<(), EngineError> {
    while let Some(ended) = tasks.join_next().await {
        flatten(ended)?;
    }
    Ok(())
}

fn flatten(
    ended: Result<Result<(), EngineError>, tokio::task::JoinError>,
) -> Result<(), EngineError> {
    match ended {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(reason) => std::panic::resume_unwind(reason),
            Err(_cancelled) => Ok(()),
        },
    }
}

async fn poller(engine: Arc<Engine>, stop: CancellationToken) -> Result<(), EngineError> {
    let mut found = 0_u64;
    let mut failures = 0_u32;
    while !stop.is_cancelled() {
        if engine.gate.is_closed(Side::Stripe) {
            wait(&engine, &stop, &engine.wake.poller, PERIOD_SLOW).await;
            continue;
        }
        let Some(pause) = engine.poll_pause(found)? else {
            wait(&engine, &stop, &engine.wake.poller, PERIOD).await;
            continue;
        };
        if !engine.gate.admit(Side::Stripe, engine.clock.now()) {
            wait(&engine, &stop, &engine.wake.poller, PERIOD).await;
            continue;
        }
        let pause = match try_remote(engine.poll_page().await)? {
            // A place that is gone once can be gone again at once.
            Some(polled) if polled.again => PAUSE_AFTER_FAILURE,
            Some(polled) if !polled.complete => continue,
            Some(polled) => {
                failures = 0;
                found = polled.found;
                engine.poll_pause(found)?.unwrap_or(pause)
            }
            None => {
                failures = failures.saturating_add(1);
                pause_after(failures, pause)
            }
        };
        wait(&engine, &stop, &engine.wake.poller, pause).await;
    }
    Ok(())
}

async fn changes(engine: Arc<Engine>, stop: CancellationToken) -> Result<(), EngineError> {
    let mut found = 0_u64;
    let mut failures = 0_u32;
    while !stop.is_cancelled() {
        if engine.awaits_connection()? {
            wait(&engine, &stop, &engine.wake.changes, PERIOD_SLOW).await;
            continue;
        }
        let Some(pause) = engine.changes_pause(found) else {
            wait(&engine, &stop, &engine.wake.changes, PERIOD).await;
            continue;
        };
        if !engine.gate.admit(Side::Zenskar, engine.clock.now()) {
            wait(&engine, &stop, &engine.wake.changes, PERIOD).await;
            continue;
        }
        let pause = match try_remote(engine.poll_changes().await)? {
            // A place that is gone once can be gone again at once.
            Some(changed) if changed.again => PAUSE_AFTER_FAILURE,
            Some(changed) if !changed.complete => continue,
            Some(changed) => {
                failures = 0;
                found = changed.found;
                engine.changes_pause(found).unwrap_or(pause)
            }
            None => {
                failures = failures.saturating_add(1);
                pause_after(failures, pause)
            }
        };
        wait(&engine, &stop, &engine.wake.changes, pause).await;
    }
    Ok(())
}

async fn scan(engine: Arc<Engine>, stop: CancellationToken) -> Result<(), EngineError> {
    while !stop.is_cancelled() {
        let (gate, now) = (&engine.gate, engine.clock.now());
        if !(gate.is_open(Side::Stripe, now) && gate.is_open(Side::Zenskar, now)) {
            wait(&engine, &stop, &engine.wake.scan, PAUSE_AFTER_FAILURE).await;
            continue;
        }
        match try_remote(engine.scan_page().await)? {
            Some(Scanned::Page) => {}
            Some(Scanned::Idle | Scanned::Finished | Scanned::Stopped) => {
                wait(&engine, &stop, &engine.wake.scan, PERIOD_SLOW).await;
            }
            Some(Scanned::Again) | None => {
                wait(&engine, &stop, &engine.wake.scan, PAUSE_AFTER_FAILURE).await;
            }
        }
    }
    Ok(())
}

async fn redrive(engine: Arc<Engine>, stop: CancellationToken) -> Result<(), EngineError> {
    while !stop.is_cancelled() {
        let pause = match engine.redrive().await? {
            Redriven::Part => continue,
            Redriven::Full => PAUSE_WHILE_FULL,
            Redriven::Idle => PERIOD_SLOW,
        };
        wait(&engine, &stop, &engine.wake.redrive, pause).await;
    }
    Ok(())
}

async fn connection(engine: Arc<Engine>, stop: CancellationToken) -> Result<(), EngineError> {
    while !stop.is_cancelled() {
        let pause = engine.tend_connection().await?;
        wait(&engine, &stop, &engine.wake.connection, pause).await;
    }
    engine.end_jobs();
    Ok(())
}

async fn endpoint(engine: Arc<Engine>, stop: CancellationToken) -> Result<(), EngineError> {
    while !stop.is_cancelled() {
        let pause = engine.tend_endpoint().await?;
        wait(&engine, &stop, &engine.wake.endpoint, pause).await;
    }
    Ok(())
}

async fn janitor(engine: Arc<Engine>, stop: CancellationToken) -> Result<(), EngineError> {
    let never = Notify::new();
    while !stop.is_cancelled() {
        if engine.sweep().await? == 0 {
            wait(&engine, &stop, &never, PERIOD_SLOW).await;
        }
    }
    Ok(())
}

/// Leaves a remote's failure to the next round; the store's ends the process.
fn try_remote<T>(outcome: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(EngineError::Remote(failure)) => {
            tracing::warn!(%failure, "a remote did not answer as needed");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn wait(engine: &Engine, stop: &CancellationToken, signal: &Notify, span: Duration) {
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = signal.notified() => {}
        () = engine.clock.sleep(span) => {}
    }
}
