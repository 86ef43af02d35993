//! Copies the engine's state into metrics and the service manager's status line, now and then.

use super::systemd::Manager;
use crate::engine::Engine;
use crate::engine::command::Command;
use crate::engine::view::Status;
use crate::store::WriterStats;
use crate::telemetry::metrics::{Key, LinkState, Metrics, Queue, Remote};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Half of the shortest scrape interval in common use.
const PERIOD: Duration = Duration::from_secs(5);

/// Runs until `stop`.
pub(super) async fn run(
    engine: Arc<Engine>,
    metrics: Arc<Metrics>,
    manager: Manager,
    stop: CancellationToken,
) {
    let mut before = WriterStats::default();
    while !stop.is_cancelled() {
        let stats = engine.writer.stats();
        metrics
            .store
            .commits
            .inc_by(stats.commits.saturating_sub(before.commits));
        let took = stats.commit_time.saturating_sub(before.commit_time);
        metrics.store.commit_seconds.inc_by(took.as_secs_f64());
        before = stats;
        if let Some(status) = status(&engine).await {
            copy(&status, &metrics);
            manager.status(&line(&status));
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = engine.clock.sleep(PERIOD) => {}
        }
    }
}

/// A store that cannot be read ends the process by itself; here it only leaves the metrics as
/// they were.
async fn status(engine: &Engine) -> Option<Status> {
    let value = engine.command(Command::Status).await.ok()?;
    serde_json::from_value(value).ok()
}

fn copy(status: &Status, metrics: &Metrics) {
    let count = |name: &str| status.queues.get(name).copied().unwrap_or(0);
    let queues = [
        (Queue::Inbox, count("inbox").saturating_add(count("work"))),
        (Queue::Outbox, count("outbox")),
        (Queue::Dead, count("dead")),
        (Queue::Parked, count("parked")),
    ];
    for (queue, depth) in queues {
        metrics
            .queues
            .depth
            .of(queue)
            .set(i64::try_from(depth).unwrap_or(i64::MAX));
    }
    for state in LinkState::all() {
        let count = status.links_by_state.get(&state.as_str().replace('_', " "));
        let count = i64::try_from(count.copied().unwrap_or(0)).unwrap_or(i64::MAX);
        metrics.links.of(state).set(count);
    }
    let seconds = |span: u64| Duration::from_secs(span).as_secs_f64();
    let oldest = seconds(status.oldest_work_seconds);
    metrics
        .queues
        .oldest_age_seconds
        .of(Queue::Inbox)
        .set(oldest);
    if let Some(lag) = status.poll.lag_seconds {
        metrics
            .remotes
            .poll_lag_seconds
            .of(Remote::Stripe)
            .set(seconds(lag));
    }
    if let Some(lag) = status.changes.lag_seconds {
        metrics
            .remotes
            .poll_lag_seconds
            .of(Remote::Zenskar)
            .set(seconds(lag));
    }
    metrics
        .remotes
        .changes_filter_ignored
        .set(i64::from(status.changes.filter == "ignored"));
    if status.poll.reads_floor > 0 {
        let used = seconds(status.poll.reads_used) / seconds(status.poll.reads_floor);
        metrics
            .remotes
            .read_allowance_used
            .of(Remote::Stripe)
            .set(used);
    }
    let bytes = i64::try_from(status.store.bytes).unwrap_or(i64::MAX);
    metrics.store.file_bytes.set(bytes);
    let forecast = i64::try_from(status.store.forecast_bytes).unwrap_or(i64::MAX);
    metrics.store.forecast_bytes.set(forecast);
}

fn line(status: &Status) -> String {
    let count = |name: &str| status.queues.get(name).copied().unwrap_or(0);
    let waiting = count("inbox")
        .saturating_add(count("work"))
        .saturating_add(count("outbox"));
    let state = &status.state;
    let mut line = format!(
        "{state}: {} customers linked, {waiting} waiting",
        status.links
    );
    if let Some(problem) = status.problems.first() {
        line.push_str("; ");
        line.push_str(&problem.what);
    }
    line
}
