//! The load generator, run as a process of its own: signed events over keep-alive connections.
//!
//! Signatures are computed before the clock starts. In a *closed* loop each connection sends its
//! next event when the last was answered, all on one thread. In an *open* loop every event is due
//! at an instant of its own, and its latency counts from that instant however late a connection
//! came free to send it; there each connection has a thread, since a timer of the kernel is finer
//! than the millisecond of an event loop.

mod shots;
mod wire;

use crate::num::{count, float, percentile};
use crate::proc::{self, Watch};
use crate::{Outcome, clock, num};
use serde::{Deserialize, Serialize};
use shots::Shots;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use wire::Tally;

/// What the threads of an open loop get to start before the first event is due.
const OPEN_LEAD: Duration = Duration::from_millis(50);

/// What to send, and whom to watch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// The server.
    pub(crate) target: SocketAddr,
    /// Number of connections.
    pub(crate) connections: usize,
    /// Number of events.
    pub(crate) events: u64,
    /// Events a second; none for a closed loop.
    pub(crate) rate: Option<u32>,
    /// Sets the events of this benchmark apart from those of another.
    pub(crate) run: u64,
    /// Number of the first event.
    pub(crate) first: u64,
    /// Events go round this many customers.
    pub(crate) customers: u64,
    /// Number of the first of these customers.
    pub(crate) customer_first: u64,
    /// What signs the events.
    pub(crate) secret: String,
    /// The server's process.
    pub(crate) server: u32,
    /// Other processes of the benchmark.
    pub(crate) beside: Vec<u32>,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// When the clock started, in microseconds since the epoch.
    pub(crate) started_at: u64,
    /// From the first event to the last answer.
    pub(crate) seconds: f64,
    /// Events sent.
    pub(crate) events: u64,
    /// Answers 2xx.
    pub(crate) accepted: u64,
    /// Answers 4xx.
    pub(crate) refused: u64,
    /// Other answers, and connections that broke.
    pub(crate) failed: u64,
    /// Latencies, in microseconds.
    pub(crate) p50: u32,
    /// Of 99 in 100.
    pub(crate) p99: u32,
    /// Of 999 in 1,000.
    pub(crate) p999: u32,
    /// The longest.
    pub(crate) max: u32,
    /// Processor time of the server, in microseconds.
    pub(crate) server_cpu_micros: u64,
    /// Bytes the server sent to the disk.
    pub(crate) server_written_bytes: u64,
    /// Resident memory of the server at the end, in KiB.
    pub(crate) server_rss_kib: u64,
    /// Its proportional share, in KiB.
    pub(crate) server_pss_kib: u64,
    /// Share of the machine that neither side used.
    pub(crate) others_busy_pct: f64,
}

impl Report {
    /// Answers 2xx a second.
    pub(crate) fn accepted_rate(&self) -> f64 {
        num::ratio(float(self.accepted), self.seconds)
    }

    /// Answers a second, whatever they said.
    pub(crate) fn answered_rate(&self) -> f64 {
        num::ratio(float(self.accepted + self.refused), self.seconds)
    }

    /// `total` divided among the events.
    pub(crate) fn each(&self, total: u64) -> f64 {
        num::ratio(float(total), float(self.events))
    }
}

/// Sends what `spec` says and prints the report as JSON.
pub(crate) fn run(spec: &str) -> Outcome<()> {
    let spec: Spec = serde_json::from_str(spec)?;
    let shots = Arc::new(Shots::prepare(&spec)?);
    let mut ours = spec.beside.clone();
    ours.push(std::process::id());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (tally, seen, started_at, span) = match spec.rate {
        None => {
            let mut lanes = runtime.block_on(wire::connect(&spec))?;
            let watch = Watch::begin(spec.server, ours)?;
            let (started_at, began) = (clock::unix(), clock::now());
            let tally = runtime.block_on(wire::closed(&shots, &mut lanes))?;
            let span = clock::now().saturating_duration_since(began);
            (tally, watch.end()?, started_at, span)
        }
        Some(rate) => {
            let lanes = wire::connect_blocking(&spec)?;
            let watch = Watch::begin(spec.server, ours)?;
            let (started_at, began) = (clock::unix() + OPEN_LEAD, clock::now() + OPEN_LEAD);
            let tally = wire::open(&shots, lanes, began, rate)?;
            let span = clock::now().saturating_duration_since(began);
            (tally, watch.end()?, started_at, span)
        }
    };
    let report = report(tally, &seen, started_at, span, spec.server)?;
    crate::out::line(&serde_json::to_string(&report)?);
    Ok(())
}

fn report(
    mut tally: Tally,
    seen: &proc::Seen,
    started_at: Duration,
    span: Duration,
    server: u32,
) -> Outcome<Report> {
    tally.latencies.sort_unstable();
    let memory = proc::memory(server)?;
    Ok(Report {
        started_at: u64::try_from(started_at.as_micros())?,
        seconds: span.as_secs_f64(),
        events: count(tally.latencies.len()),
        accepted: tally.accepted,
        refused: tally.refused,
        failed: tally.failed,
        p50: percentile(&tally.latencies, 500),
        p99: percentile(&tally.latencies, 990),
        p999: percentile(&tally.latencies, 999),
        max: percentile(&tally.latencies, 1_000),
        server_cpu_micros: seen.server.cpu_micros,
        server_written_bytes: seen.server.written_bytes,
        server_rss_kib: memory.rss_kib,
        server_pss_kib: memory.pss_kib,
        others_busy_pct: seen.others_busy_pct,
    })
}
