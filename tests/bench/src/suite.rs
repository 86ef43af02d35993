//! The run: starts the servers, takes the rounds, judges.

mod cases;
mod figures;
mod million;
mod pages;
mod scan;

use crate::args::{Options, Topic};
use crate::child::{self, Guard};
use crate::daemon::{self, Daemon, Setting};
use crate::num::{float, median, ratio};
use crate::report::Record;
use crate::seed::seed;
use crate::stub::Stub;
use crate::yard::{Site, Yard, receiver};
use crate::{Outcome, clock, ids, out, proc};
pub(crate) use cases::Round;
use cases::{CASES, Case, Host, LINKED};
use figures::Figures;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Share of the machine that others may use in a round that counts, in percent.
const OTHERS_PCT: f64 = 15.0;
/// How long a server rests before its idle memory is read.
const SETTLE: Duration = Duration::from_secs(2);

/// How much is done in each part.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    /// Events of a closed loop against a receiver that keeps nothing.
    light: u64,
    /// Events of a closed loop that are kept.
    durable: u64,
    /// Length of an open loop, in seconds.
    open_seconds: u64,
    /// Events of the pipeline's rounds, each of another customer.
    pipeline: u64,
    /// Linked customers of the start-up measurements.
    million: u64,
    /// Events sent to the daemon that holds them.
    million_events: u64,
}

impl Sizes {
    fn of(options: &Options) -> Self {
        let sizes = if options.quick {
            Self {
                light: 30_000,
                durable: 15_000,
                open_seconds: 2,
                pipeline: 2_000,
                million: 50_000,
                million_events: 20_000,
            }
        } else {
            Self {
                light: 150_000,
                durable: 60_000,
                open_seconds: 6,
                pipeline: 6_000,
                million: 1_000_000,
                million_events: 300_000,
            }
        };
        Self {
            million: options.customers.unwrap_or(sizes.million),
            ..sizes
        }
    }
}

/// The servers of the rounds, and what they have been sent.
#[derive(Debug)]
struct Fleet {
    sites: BTreeMap<Host, Site>,
    receivers: Vec<Guard>,
    daemons: BTreeMap<Host, (Daemon, Stub)>,
    sizes: Sizes,
    /// Sets this run's events apart from those of another.
    run: u64,
    /// Number of the next event, so that no two of the run are the same.
    next: u64,
}

/// Runs the benchmark. Returns whether all binding floors hold.
pub(crate) fn run(options: &Options) -> Outcome<bool> {
    let sizes = Sizes::of(options);
    let yard = Yard::new(options.dir.as_deref())?;
    child::end_on_signal(yard.remover())?;
    let binary = binary(options)?;
    let run = ids::mix(clock::unix().as_secs());
    let mut fleet = Fleet {
        sites: BTreeMap::new(),
        receivers: Vec::new(),
        daemons: BTreeMap::new(),
        sizes,
        run,
        next: 0,
    };
    let cases = Case::wanted(options);
    fleet.man(&cases, &yard, binary.as_deref())?;
    let mut figures = Figures::default();
    if let Some(binary) = &binary {
        if options.wants(Topic::Idle) {
            figures.idle(&idle(&yard, binary)?);
        }
        if options.wants(Topic::Size) {
            figures.size(binary, &yard)?;
        }
    }
    let rounds = fleet.rounds(&cases, options)?;
    figures.of_rounds(&rounds, !options.receivers, &sizes);
    fleet.dismiss(&mut figures)?;
    if let Some(binary) = &binary
        && options.wants(Topic::Million)
    {
        let found = million::measure(&yard, binary, &sizes, run)?;
        figures.million(&found);
    }
    if let Some(binary) = &binary
        && options.wants(Topic::Scan)
    {
        figures.scan(&scan::measure(&yard, binary, &sizes)?);
    }
    let mut record: Record = figures.into_record(rounds);
    record.judge();
    record.print();
    if let Some(path) = &options.json {
        record.save(path)?;
    }
    Ok(record.ok)
}

/// The daemon's binary, unless only the receivers are measured.
fn binary(options: &Options) -> Outcome<Option<PathBuf>> {
    match (&options.binary, options.receivers) {
        (_, true) => Ok(None),
        (Some(path), _) => Ok(Some(path.canonicalize()?)),
        (None, _) => daemon::build().map(Some),
    }
}

/// What a daemon with an empty store needs.
#[derive(Clone, Copy, Debug)]
struct Idle {
    memory: proc::Memory,
    ready_after: Duration,
}

fn idle(yard: &Yard, binary: &Path) -> Outcome<Idle> {
    out::note("idle: a daemon with an empty store");
    let setting = Setting {
        binary: binary.to_owned(),
        dir: yard.room("idle")?,
        sync: "off",
    };
    let stub = Stub::start(0)?;
    let daemon = Daemon::start(&setting, &stub)?;
    clock::pause(SETTLE);
    let memory = proc::memory(daemon.site().pid)?;
    let ready_after = daemon.ready_after;
    daemon.stop()?;
    Ok(Idle {
        memory,
        ready_after,
    })
}

impl Fleet {
    /// Starts the servers that `cases` need.
    fn man(&mut self, cases: &[Case], yard: &Yard, binary: Option<&Path>) -> Outcome<()> {
        let wanted = |host| cases.iter().any(|case| case.host == host);
        for (host, store) in [(Host::Bare, None), (Host::Ideal, Some("ideal"))] {
            if wanted(host) {
                let store = match store {
                    Some(name) => Some(yard.room(name)?.join("ideal.redb")),
                    None => None,
                };
                let (guard, site) = receiver(store.as_deref())?;
                self.receivers.push(guard);
                self.sites.insert(host, site);
            }
        }
        for (host, sync) in [(Host::Plain, "off"), (Host::Linked, "import-only")] {
            let Some(binary) = binary.filter(|_| wanted(host)) else {
                continue;
            };
            let setting = Setting {
                binary: binary.to_owned(),
                dir: yard.room(sync)?,
                sync,
            };
            let customers = if host == Host::Linked { LINKED } else { 0 };
            let stub = Stub::start(customers)?;
            if customers > 0 {
                out::note(&format!("linking {customers} customers"));
                seed(&setting.store(), customers)?;
            }
            let daemon = Daemon::start(&setting, &stub)?;
            self.sites.insert(host, daemon.site());
            self.daemons.insert(host, (daemon, stub));
        }
        Ok(())
    }

    /// Takes rounds until enough of them are clean; with `--quick`, just as many as asked for.
    fn rounds(&mut self, cases: &[Case], options: &Options) -> Outcome<Vec<Round>> {
        let most = if options.quick { 1 } else { 2 } * options.rounds;
        let mut rounds = Vec::new();
        let clean = |rounds: &[Round]| rounds.iter().filter(|round| round.is_clean()).count();
        while !cases.is_empty() && rounds.len() < most && clean(&rounds) < options.rounds {
            let mut round = Round::default();
            for case in cases {
                out::note(&format!(
                    "round {} {}",
                    rounds.len() + 1,
                    self.take(case, &mut round)?
                ));
            }
            rounds.push(round);
        }
        if clean(&rounds) >= options.rounds {
            rounds.retain(Round::is_clean);
        }
        Ok(rounds)
    }

    /// Ends the servers, and asks the stubs what they did not understand.
    fn dismiss(&mut self, figures: &mut Figures) -> Outcome<()> {
        self.receivers.clear();
        self.sites.clear();
        for (host, (daemon, stub)) in std::mem::take(&mut self.daemons) {
            daemon.stop()?;
            for (request, times) in stub.unknown() {
                figures.remark(format!(
                    "{host:?}: the stub has no answer to {request} ({times} times)"
                ));
            }
        }
        Ok(())
    }
}

/// Median of `value` over the rounds that have it.
fn middle(rounds: &[Round], value: impl Fn(&Round) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> = rounds.iter().filter_map(value).collect();
    (!values.is_empty()).then(|| median(values))
}

/// KiB as MB of a million bytes.
fn megabytes(kib: u64) -> f64 {
    ratio(float(kib) * 1_024.0, 1_000_000.0)
}

/// A span in milliseconds.
fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}

const _: () = assert!(!CASES.is_empty());
