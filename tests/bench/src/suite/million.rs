//! Start-up, memory and the console's pages with a million linked customers.

use super::{SETTLE, Sizes, pages};
use crate::daemon::{Daemon, Setting};
use crate::load::Spec;
use crate::num::{float, median, text};
use crate::seed::seed;
use crate::stub::Stub;
use crate::yard::{SECRET, Yard, fire};
use crate::{Outcome, clock, out, proc};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Starts of each kind; the median counts.
const STARTS: usize = 3;
/// Events before each end by `kill -9`, so that it finds the daemon at work.
const BURST: u64 = 2_000;
/// How long the pipeline may work on the events before memory is read. What it has not done by
/// then it has in its store, not in memory.
const WORK: Duration = Duration::from_secs(20);
/// Connections of the load.
const CONNECTIONS: usize = 64;

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Linked customers.
    pub(crate) customers: u64,
    /// Events sent before memory was read a second time.
    pub(crate) events: u64,
    /// Milliseconds from process start to ready, after a clean end.
    pub(crate) clean_ms: f64,
    /// The same after `kill -9`.
    pub(crate) killed_ms: f64,
    /// Whether the page cache was empty at each start.
    pub(crate) cold: bool,
    /// Memory at rest, before any event.
    pub(crate) at_rest: proc::Memory,
    /// Memory after the events.
    pub(crate) after_load: proc::Memory,
    /// The console's pages, after the events.
    pub(crate) pages: pages::Found,
    /// Size of the store with the links alone, in bytes.
    pub(crate) store_bytes: u64,
}

/// Measures start-up, memory and pages.
pub(crate) fn measure(yard: &Yard, binary: &Path, sizes: &Sizes, run: u64) -> Outcome<Found> {
    let customers = sizes.million;
    let setting = Setting {
        binary: binary.to_owned(),
        dir: yard.room("million")?,
        sync: "import-only",
    };
    let stub = Stub::start(customers)?;
    out::note(&format!("linking {} customers", text(float(customers), 0)));
    let began = clock::now();
    seed(&setting.store(), customers)?;
    let took = (clock::now() - began).as_secs_f64();
    out::note(&format!("linked in {} s", text(took, 0)));
    let store_bytes = fs::metadata(setting.store())?.len();
    // The first start may have work to do that belongs to no later one.
    Daemon::start(&setting, &stub)?.stop()?;

    let mut cold = true;
    let mut clean = Vec::new();
    for _ in 0..STARTS {
        cold &= drop_page_cache();
        let daemon = Daemon::start(&setting, &stub)?;
        clean.push(super::millis(daemon.ready_after));
        daemon.stop()?;
    }
    out::note(&format!("clean starts: {clean:.1?} ms"));

    let daemon = Daemon::start(&setting, &stub)?;
    clock::pause(SETTLE);
    let at_rest = proc::memory(daemon.site().pid)?;
    let mut load = Load {
        run,
        next: 0,
        customers,
    };
    load.send(&daemon, sizes.million_events)?;
    stub.wait_for(u64::MAX, SETTLE, WORK);
    let after_load = proc::memory(daemon.site().pid)?;
    let pages = pages::measure(&setting, &daemon, customers / 2)?;
    daemon.stop()?;

    let mut killed = Vec::new();
    let mut daemon = Daemon::start(&setting, &stub)?;
    for _ in 0..STARTS {
        load.send(&daemon, BURST)?;
        daemon.kill()?;
        cold &= drop_page_cache();
        daemon = Daemon::start(&setting, &stub)?;
        killed.push(super::millis(daemon.ready_after));
    }
    out::note(&format!("starts after kill -9: {killed:.1?} ms"));
    daemon.stop()?;
    Ok(Found {
        customers,
        events: sizes.million_events,
        clean_ms: median(clean),
        killed_ms: median(killed),
        cold,
        at_rest,
        after_load,
        pages,
        store_bytes,
    })
}

struct Load {
    run: u64,
    next: u64,
    customers: u64,
}

impl Load {
    fn send(&mut self, daemon: &Daemon, events: u64) -> Outcome<()> {
        let site = daemon.site();
        let report = fire(&Spec {
            target: site.address,
            connections: CONNECTIONS,
            events,
            rate: None,
            run: self.run ^ 1,
            first: self.next,
            customers: self.customers,
            customer_first: 0,
            secret: SECRET.to_owned(),
            server: site.pid,
            beside: vec![std::process::id()],
        })?;
        self.next += events;
        if report.accepted == events {
            Ok(())
        } else {
            Err(format!("only {} of {events} events were accepted", report.accepted).into())
        }
    }
}

/// Empties the kernel's page cache. Returns whether it could.
fn drop_page_cache() -> bool {
    let synced = Command::new("sync").status();
    synced.is_ok_and(|status| status.success())
        && fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}
