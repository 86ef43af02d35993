//! Every metric of the daemon, by name.
//!
//! Names are `zenstripe_<noun>_<unit>`, counters end in `_total`, units are base units. Handles
//! are cheap: an update is an atomic operation, and no series is made after the start.
//!
//! Not here: the listener that serves [`Metrics::encode`], and whatever decides what to count.

mod each;
mod label;

pub use each::{Each, Key};
pub use label::{CallClass, Door, End, Ignored, LinkState, Queue, Rejected, Remote, Unavailable};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};
use std::sync::atomic::AtomicU64;

/// Content type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A gauge of seconds or of a share.
pub type FloatGauge = Gauge<f64, AtomicU64>;

/// Upper bounds for what should take milliseconds, in seconds.
const FAST_SECONDS: [f64; 11] = [
    0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0,
];
/// Upper bounds for calls to remotes, waits and ages, in seconds.
const SLOW_SECONDS: [f64; 11] = [
    0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0, 3_600.0,
];

/// The daemon's metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Deliveries of the remotes' webhooks.
    pub webhooks: Webhooks,
    /// What listens.
    pub http: Http,
    /// Queues.
    pub queues: Queues,
    /// Links of customers, by state.
    pub links: Each<LinkState, Gauge>,
    /// Calls to the remotes.
    pub remotes: Remotes,
    /// The store.
    pub store: Store,
    /// Configuration.
    pub config: Config,
}

/// Deliveries of the remotes' webhooks. Each one received is accepted, duplicate, rejected,
/// ignored or unavailable.
#[derive(Debug)]
pub struct Webhooks {
    /// Came in.
    pub received: Each<Remote, Counter>,
    /// Stored, then acknowledged.
    pub accepted: Each<Remote, Counter>,
    /// Known already.
    pub duplicate: Each<Remote, Counter>,
    /// Refused for good.
    pub rejected: Each<(Remote, Rejected), Counter>,
    /// Acknowledged, not stored.
    pub ignored: Each<(Remote, Ignored), Counter>,
    /// Asked to come again.
    pub unavailable: Each<(Remote, Unavailable), Counter>,
    /// Of the accepted ones, those of a type we do not know.
    pub unknown_type: Each<Remote, Counter>,
    /// From the request's head to the answer to a stored delivery.
    pub ack_seconds: Each<Remote, Histogram>,
}

/// What listens.
#[derive(Debug)]
pub struct Http {
    /// Open connections.
    pub connections: Each<Door, Gauge>,
    /// Connections that ended.
    pub ended: Each<(Door, End), Counter>,
    /// Times the system refused to accept a connection, such as without free descriptors.
    pub accept_errors: Each<Door, Counter>,
    /// Requests whose handler panicked.
    pub panics: Each<Door, Counter>,
    /// When the certificate runs out, in seconds since the epoch; zero without one.
    pub certificate_expiry: Gauge,
}

/// Queues.
#[derive(Debug)]
pub struct Queues {
    /// Entries waiting.
    pub depth: Each<Queue, Gauge>,
    /// Age of the oldest entry.
    pub oldest_age_seconds: Each<Queue, FloatGauge>,
}

/// Calls to the remotes.
#[derive(Debug)]
pub struct Remotes {
    /// Calls that ended.
    pub calls: Each<(Remote, CallClass), Counter>,
    /// How long calls took.
    pub call_seconds: Each<Remote, Histogram>,
    /// How far polling is behind.
    pub poll_lag_seconds: Each<Remote, FloatGauge>,
    /// Share of the remote's allowance for reads that is used up, from 0 to 1.
    pub read_allowance_used: Each<Remote, FloatGauge>,
    /// Whether Zenskar ignores the filter that polls ask with: 1 if it does.
    pub changes_filter_ignored: Gauge,
}

/// The store.
#[derive(Debug)]
pub struct Store {
    /// Group commits.
    pub commits: Counter,
    /// Time that group commits took.
    pub commit_seconds: Counter<f64, AtomicU64>,
    /// Size of the file.
    pub file_bytes: Gauge,
    /// Size the file will have once retention balances intake.
    pub forecast_bytes: Gauge,
}

/// Configuration.
#[derive(Debug)]
pub struct Config {
    /// 1 if the last reload took, 0 if the old configuration stayed.
    pub last_reload_successful: Gauge,
    /// Settings that differ from those in force and wait for a restart.
    pub pending_restart: Gauge,
}

impl Metrics {
    /// All metrics at zero, for a program of this version.
    #[must_use]
    pub fn new(version: &'static str) -> Self {
        let mut registry = Registry::default();
        let build = Info::new(vec![("version", version)]);
        registry.register("zenstripe_build", "Version that is running", build);
        Self {
            webhooks: Webhooks::register(&mut registry),
            http: Http::register(&mut registry),
            queues: Queues::register(&mut registry),
            links: gauges(&mut registry, "customer_links", "Links of customers"),
            remotes: Remotes::register(&mut registry),
            store: Store::register(&mut registry),
            config: Config::register(&mut registry),
            registry,
        }
    }

    /// Every metric as `OpenMetrics` text.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut page = String::new();
        // Writing to a string cannot fail; should a metric refuse to be written, an empty page
        // makes the scrape fail and be seen.
        match text::encode(&mut page, &self.registry) {
            Ok(()) => page,
            Err(_) => String::new(),
        }
    }
}

impl Webhooks {
    fn register(registry: &mut Registry) -> Self {
        let r = registry;
        Self {
            received: counters(r, "webhooks_received", "Webhook deliveries that came in"),
            accepted: counters(r, "webhooks_accepted", "Webhook deliveries stored"),
            duplicate: counters(r, "webhooks_duplicate", "Webhook deliveries known already"),
            rejected: counters(r, "webhooks_rejected", "Webhook deliveries refused"),
            ignored: counters(
                r,
                "webhooks_ignored",
                "Webhook deliveries acknowledged only",
            ),
            unavailable: counters(
                r,
                "webhooks_unavailable",
                "Webhook deliveries asked to come again",
            ),
            unknown_type: counters(
                r,
                "webhooks_unknown_type",
                "Webhook deliveries stored whose type is not known",
            ),
            ack_seconds: histograms(r, "webhook_ack_seconds", "Time to acknowledge", fast),
        }
    }
}

impl Http {
    fn register(r: &mut Registry) -> Self {
        Self {
            connections: gauges(r, "connections_open", "Open connections"),
            ended: counters(r, "connections_ended", "Connections that ended"),
            accept_errors: counters(r, "accept_errors", "Connections the system did not accept"),
            panics: counters(r, "handler_panics", "Requests whose handler panicked"),
            certificate_expiry: one(
                r,
                "certificate_expiry_timestamp_seconds",
                "When the listener's certificate runs out; 0 without one",
            ),
        }
    }
}

impl Queues {
    fn register(r: &mut Registry) -> Self {
        Self {
            depth: gauges(r, "queue_depth_entries", "Entries waiting"),
            oldest_age_seconds: gauges(r, "queue_oldest_age_seconds", "Age of the oldest entry"),
        }
    }
}

impl Remotes {
    fn register(r: &mut Registry) -> Self {
        Self {
            calls: counters(r, "api_calls", "Calls to the remotes"),
            call_seconds: histograms(r, "api_call_seconds", "Time of a call", slow),
            poll_lag_seconds: gauges(r, "poll_lag_seconds", "How far polling is behind"),
            read_allowance_used: gauges(
                r,
                "read_allowance_used_ratio",
                "Share of the allowance for reads used up",
            ),
            changes_filter_ignored: one(
                r,
                "zenskar_changes_filter_ignored",
                "Whether Zenskar ignores the filter by time of change, so that sweeps find changes",
            ),
        }
    }
}

impl Store {
    fn register(r: &mut Registry) -> Self {
        Self {
            commits: one(r, "store_commits", "Group commits"),
            commit_seconds: one(r, "store_commit_seconds", "Time that group commits took"),
            file_bytes: one(r, "store_file_bytes", "Size of the store's file"),
            forecast_bytes: one(
                r,
                "store_forecast_bytes",
                "Size the file will have once retention balances intake",
            ),
        }
    }
}

impl Config {
    fn register(r: &mut Registry) -> Self {
        Self {
            last_reload_successful: one(
                r,
                "config_last_reload_successful",
                "1 if the last reload took",
            ),
            pending_restart: one(
                r,
                "config_pending_restart_settings",
                "Settings that wait for a restart",
            ),
        }
    }
}

fn fast() -> Histogram {
    Histogram::new(FAST_SECONDS)
}

fn slow() -> Histogram {
    Histogram::new(SLOW_SECONDS)
}

fn named(name: &str) -> String {
    format!("zenstripe_{name}")
}

fn one<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(named(name), help, metric.clone());
    metric
}

fn counters<K: Key>(registry: &mut Registry, name: &str, help: &str) -> Each<K, Counter> {
    Each::register(registry, &named(name), help, Counter::default)
}

fn gauges<K: Key, M>(registry: &mut Registry, name: &str, help: &str) -> Each<K, M>
where
    M: Metric + prometheus_client::metrics::TypedMetric + Clone + Default,
{
    Each::register(registry, &named(name), help, M::default)
}

fn histograms<K: Key>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    make: fn() -> Histogram,
) -> Each<K, Histogram> {
    Each::register(registry, &named(name), help, make)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_exists_before_its_first_use() {
        let page = Metrics::new("1.2.3").encode();
        for line in [
            "zenstripe_build_info{version=\"1.2.3\"} 1",
            "zenstripe_webhooks_accepted_total{remote=\"stripe\"} 0",
            "zenstripe_webhooks_rejected_total{remote=\"stripe\",reason=\"no_match\"} 0",
            "zenstripe_queue_depth_entries{queue=\"inbox\"} 0",
            "zenstripe_queue_oldest_age_seconds{queue=\"dead\"} 0.0",
            "zenstripe_customer_links{state=\"deleted_in_zenskar\"} 0",
            "zenstripe_api_calls_total{remote=\"zenskar\",class=\"unknown\"} 0",
            "zenstripe_store_commit_seconds_total 0.0",
            "zenstripe_config_last_reload_successful 0",
            "# EOF",
        ] {
            assert!(
                page.lines().any(|have| have == line),
                "{line} is not in\n{page}"
            );
        }
    }

    #[test]
    fn names_and_help_follow_the_rules() {
        let page = Metrics::new("1").encode();
        for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (name, kind) = line.split_once(' ').unwrap();
            assert!(name.starts_with("zenstripe_"), "{name}");
            assert!(
                !name.ends_with("_total"),
                "{name}: the encoder adds it to counters"
            );
            if kind == "histogram" {
                assert!(name.ends_with("_seconds"), "{name}");
            }
        }
        assert!(!page.contains(".."), "the encoder ends the help text");
    }

    #[test]
    fn a_handle_counts_in_its_own_series() {
        let metrics = Metrics::new("1");
        let rejected = (Remote::Stripe, Rejected::TooOld);
        metrics.webhooks.rejected.of(rejected).inc();
        metrics
            .remotes
            .read_allowance_used
            .of(Remote::Stripe)
            .set(0.25);
        let page = metrics.encode();
        assert!(page.contains(
            "zenstripe_webhooks_rejected_total{remote=\"stripe\",reason=\"too_old\"} 1\n"
        ));
        assert!(page.contains("zenstripe_read_allowance_used_ratio{remote=\"stripe\"} 0.25\n"));
    }
}
