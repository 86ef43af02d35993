//! The cases of a round: who is sent what.

use super::{Fleet, OTHERS_PCT};
use crate::Outcome;
use crate::args::{Options, Topic};
use crate::load::{Report, Spec};
use crate::num::{float, ratio, text};
use crate::yard::{SECRET, fire};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Linked customers of the daemon whose pipeline works.
pub(crate) const LINKED: u64 = 20_000;
/// Of these, as many have events in a case that does not wait for the pipeline: more than it can
/// finish meanwhile, and few enough that what is left over is done before the next case.
const BUSY: u64 = 2_000;
/// Connections of every case.
const CONNECTIONS: usize = 64;
/// A pipeline that does nothing for this long has done all it will.
const QUIET: Duration = Duration::from_secs(3);
/// A round waits at most this long for a pipeline.
const DRAIN_DEADLINE: Duration = Duration::from_secs(120);
/// Signs events whose signature is to be refused.
const FORGED: &str = "whsec_of_somebody_else";

/// A server of the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Host {
    /// The bare receiver.
    Bare,
    /// The ideal receiver.
    Ideal,
    /// The daemon with synchronisation off: events are kept, nothing is done with them.
    Plain,
    /// The daemon with linked customers, whose pipeline works.
    Linked,
}

/// How a case loads its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// Closed loop, events that nobody keeps.
    Light,
    /// Closed loop, events that are kept.
    Durable,
    /// Closed loop, events with bad signatures.
    Forged,
    /// Open loop at this many a second.
    Open(u32),
    /// Closed loop, each event of another linked customer, until Zenskar has answered them all.
    Through,
}

/// One case of a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Its name in progress lines and in the JSON.
    pub(crate) name: &'static str,
    /// Who is loaded.
    pub(crate) host: Host,
    /// How.
    pub(crate) load: Load,
    /// The part of the benchmark it belongs to.
    topic: Topic,
}

const fn case(name: &'static str, host: Host, load: Load, topic: Topic) -> Case {
    Case {
        name,
        host,
        load,
        topic,
    }
}

/// All cases, in the order of a round: what is compared runs close together.
pub(crate) const CASES: [Case; 10] = [
    case("bare", Host::Bare, Load::Light, Topic::Ack),
    case("daemon-refuses", Host::Plain, Load::Forged, Topic::Refuse),
    case("ideal", Host::Ideal, Load::Durable, Topic::Ack),
    case("daemon", Host::Plain, Load::Durable, Topic::Ack),
    case("daemon-working", Host::Linked, Load::Durable, Topic::Ack),
    case("ideal-500", Host::Ideal, Load::Open(500), Topic::Open),
    case("daemon-500", Host::Linked, Load::Open(500), Topic::Open),
    case("ideal-5000", Host::Ideal, Load::Open(5_000), Topic::Open),
    case("daemon-5000", Host::Linked, Load::Open(5_000), Topic::Open),
    case(
        "daemon-through",
        Host::Linked,
        Load::Through,
        Topic::Pipeline,
    ),
];

impl Case {
    /// The cases that `options` ask for. Refusals are measured against the bare receiver.
    pub(crate) fn wanted(options: &Options) -> Vec<Self> {
        let mut cases = CASES.to_vec();
        cases.retain(|case| {
            let beside = case.host == Host::Bare && options.wants(Topic::Refuse);
            let daemon = matches!(case.host, Host::Plain | Host::Linked);
            (options.wants(case.topic) || beside) && !(daemon && options.receivers)
        });
        cases
    }
}

/// What a round found, by case.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Round {
    /// What the load generator saw.
    pub(crate) reports: BTreeMap<&'static str, Report>,
    /// What the stub saw.
    pub(crate) through: BTreeMap<&'static str, Through>,
}

/// What became of a case's events behind the acknowledgement.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Through {
    /// Writes that Zenskar answered.
    pub(crate) patches: u64,
    /// Reads of Stripe.
    pub(crate) stripe_reads: u64,
    /// Reads of Zenskar.
    pub(crate) zenskar_reads: u64,
    /// From the first event to the last answer.
    pub(crate) seconds: f64,
    /// Events a second over that span, each counted once Zenskar has answered.
    pub(crate) rate: f64,
}

impl Round {
    /// Whether others left the machine alone.
    pub(crate) fn is_clean(&self) -> bool {
        self.reports
            .values()
            .all(|report| report.others_busy_pct <= OTHERS_PCT)
    }
}

impl Fleet {
    /// Takes one case and returns a line about it.
    pub(crate) fn take(&mut self, case: &Case, round: &mut Round) -> Outcome<String> {
        let site = *self.sites.get(&case.host).ok_or("a server is missing")?;
        let (events, rate) = match case.load {
            Load::Light | Load::Forged => (self.sizes.light, None),
            Load::Durable => (self.sizes.durable, None),
            Load::Through => (self.sizes.pipeline, None),
            Load::Open(rate) => (u64::from(rate) * self.sizes.open_seconds, Some(rate)),
        };
        let others = self.sites.values().map(|other| other.pid);
        let mut beside: Vec<u32> = others.filter(|pid| *pid != site.pid).collect();
        beside.push(std::process::id());
        let spec = Spec {
            target: site.address,
            connections: CONNECTIONS,
            events,
            rate,
            run: self.run,
            first: self.next,
            customers: if case.load == Load::Through {
                LINKED
            } else {
                BUSY
            },
            customer_first: 0,
            secret: if case.load == Load::Forged {
                FORGED
            } else {
                SECRET
            }
            .to_owned(),
            server: site.pid,
            beside,
        };
        self.next += events;
        let before = self.seen(case);
        let report = fire(&spec)?;
        check(case, &report)?;
        let mut line = told(case, &report);
        if let Some(before) = before {
            let through = self.drain(case, &report, &before);
            line.push_str(&format_through(&through));
            round.through.insert(case.name, through);
        }
        round.reports.insert(case.name, report);
        Ok(line)
    }

    /// What the stub of a linked daemon has seen so far.
    fn seen(&self, case: &Case) -> Option<Through> {
        let (_, stub) = self.daemons.get(&case.host)?;
        (case.host == Host::Linked).then(|| Through {
            patches: stub.patches(),
            stripe_reads: stub.stripe_reads(),
            zenskar_reads: stub.zenskar_reads(),
            ..Through::default()
        })
    }

    /// Waits until the pipeline has nothing left of this case.
    fn drain(&self, case: &Case, report: &Report, before: &Through) -> Through {
        let Some((_, stub)) = self.daemons.get(&case.host) else {
            return Through::default();
        };
        // Events of one customer may share a write; those of a pipeline round never do.
        let expected = if case.load == Load::Through {
            before.patches + report.accepted
        } else {
            u64::MAX
        };
        let patches = stub.wait_for(expected, QUIET, DRAIN_DEADLINE) - before.patches;
        let micros = stub.last_patch().saturating_sub(report.started_at);
        let seconds = if patches > 0 {
            float(micros) / 1e6
        } else {
            0.0
        };
        Through {
            patches,
            stripe_reads: stub.stripe_reads() - before.stripe_reads,
            zenskar_reads: stub.zenskar_reads() - before.zenskar_reads,
            seconds,
            rate: ratio(float(patches), seconds),
        }
    }
}

/// Refuses a round whose server did not answer as it must.
fn check(case: &Case, report: &Report) -> Outcome<()> {
    let wanted = match case.load {
        Load::Forged => report.refused,
        _ => report.accepted,
    };
    if wanted == report.events {
        Ok(())
    } else {
        Err(format!(
            "{}: of {} events {} were accepted, {} refused, {} failed",
            case.name, report.events, report.accepted, report.refused, report.failed
        )
        .into())
    }
}

/// A report on one line.
fn told(case: &Case, report: &Report) -> String {
    let ms = |micros: u32| text(f64::from(micros) / 1_000.0, 2);
    format!(
        "{:<15} {:>8}/s  p50 {:>6}  p99 {:>6}  p99.9 {:>6}  max {:>6} ms  cpu {:>5} µs  disk {:>6} B  rss {:>5} MB  others {:>2} %",
        case.name,
        text(report.answered_rate(), 0),
        ms(report.p50),
        ms(report.p99),
        ms(report.p999),
        ms(report.max),
        text(report.each(report.server_cpu_micros), 1),
        text(report.each(report.server_written_bytes), 0),
        text(super::megabytes(report.server_rss_kib), 1),
        text(report.others_busy_pct, 0),
    )
}

fn format_through(through: &Through) -> String {
    format!(
        "\n        behind it: {} writes to Zenskar, {}/s; reads: {} of Stripe, {} of Zenskar",
        text(float(through.patches), 0),
        text(through.rate, 0),
        text(float(through.stripe_reads), 0),
        text(float(through.zenskar_reads), 0),
    )
}
