//! A scan: our own work for each customer, and a whole one of a million customers on both sides,
//! ended by `kill -9` in its middle.

use super::{SETTLE, Sizes};
use crate::daemon::{Daemon, Setting};
use crate::num::{count, float, median, ratio, text};
use crate::seed::{base, linked, seed};
use crate::stub::{Answer, Stub};
use crate::yard::Yard;
use crate::{Outcome, clock, out, proc};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;
use zenstripe::model::customer::{Field, Presence};
use zenstripe::model::link::{Link, Side};
use zenstripe::model::time::Timestamp;
use zenstripe::stripe;
use zenstripe::sync::compare::compare;
use zenstripe::sync::customer::{State, plan};
use zenstripe::sync::evidence::Evidence;
use zenstripe::sync::policy::{Direction, Policy};
use zenstripe::zenskar;

/// Customers of a page.
const PAGE: u64 = 100;
/// Customers of each side whose pages are worked on in memory.
const IN_MEMORY: u64 = 20_000;
/// Of so many customers one differs.
const DIFFERS: u64 = 100;
/// How often the work in memory is repeated; the median counts.
const REPEATS: usize = 5;
/// How often the whole scan is looked at.
const STEP: Duration = Duration::from_millis(250);
/// How long the whole scan may take.
const DEADLINE: Duration = Duration::from_secs(1_800);
/// Pages that may be asked for once more after the crash.
const AGAIN: u64 = 3;

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Customers of both sides a second of processor time that our own work takes, on one thread.
    pub(crate) own_rate: f64,
    /// The same of what only parses the same pages.
    pub(crate) parse_rate: f64,
    /// Median of the ratios of the two.
    pub(crate) own_ratio: f64,
    /// The whole.
    pub(crate) whole: Whole,
}

/// A whole scan by the daemon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole {
    /// Customers on each side.
    pub(crate) customers: u64,
    /// Seconds that it took, without the time between the crash and being ready again.
    pub(crate) seconds: f64,
    /// Processor time of the daemon, in microseconds.
    pub(crate) cpu_micros: u64,
    /// Bytes that the daemon wrote.
    pub(crate) written_bytes: u64,
    /// The most memory that it ever had, in KiB.
    pub(crate) peak_kib: u64,
    /// Pages asked for beyond those that there are: read again after the crash.
    pub(crate) again: u64,
}

/// Measures both.
pub(crate) fn measure(yard: &Yard, binary: &Path, sizes: &Sizes) -> Outcome<Found> {
    let mut own = Vec::new();
    let mut parse = Vec::new();
    let mut ratios = Vec::new();
    let pages = Pages::new(IN_MEMORY)?;
    for _ in 0..REPEATS {
        let (ours, theirs) = (pages.work()?, pages.parse()?);
        ratios.push(ratio(ours, theirs));
        own.push(ours);
        parse.push(theirs);
    }
    let (own_rate, parse_rate) = (median(own), median(parse));
    out::note(&format!(
        "our own work: {} customers a second of processor time; parsing alone: {}",
        text(own_rate, 0),
        text(parse_rate, 0)
    ));
    Ok(Found {
        own_rate,
        parse_rate,
        own_ratio: median(ratios),
        whole: whole(yard, binary, sizes.million)?,
    })
}

/// Both listings in memory, and the links of their customers in the same order: to find them is the
/// store's work.
struct Pages {
    stripe: Vec<String>,
    zenskar: Vec<String>,
    links: Vec<Link>,
    policy: Policy,
}

impl Pages {
    fn new(customers: u64) -> Outcome<Self> {
        let answer = Answer::new(customers);
        let (mut stripe, mut zenskar) = (Vec::new(), Vec::new());
        let mut links = Vec::new();
        for first in (0..customers).step_by(usize::try_from(PAGE)?) {
            let after = first.checked_sub(1);
            stripe.push(answer.stripe_page(after, PAGE));
            zenskar.push(answer.zenskar_page(first, PAGE, &BTreeMap::new()));
        }
        for number in 0..customers {
            let mut link = linked(number, Timestamp::default())?;
            if number % DIFFERS == 0 {
                link.base = base(number + customers);
            }
            links.push(link);
        }
        Ok(Self {
            stripe,
            zenskar,
            links,
            policy: Policy {
                direction: Some(Direction::From(Side::Stripe)),
                fields: Field::ALL.into(),
                ..Policy::off()
            },
        })
    }

    /// Parses both listings, compares each customer with its link, and makes a plan where it is
    /// not as agreed. Customers a second of processor time: others use this machine too.
    fn work(&self) -> Outcome<f64> {
        let began = proc::thread_seconds()?;
        let mut seen = 0_u64;
        let mut news = BTreeMap::new();
        let mut links = self.links.iter();
        for page in &self.stripe {
            let page = stripe::page::customers(page.as_bytes())?;
            for customer in page.items {
                seen += 1;
                let link = links.next().filter(|link| link.stripe == customer.id);
                let link = link.ok_or("no link")?;
                let shown = customer.presence.customer().ok_or("deleted")?;
                if compare(Side::Stripe, shown, link, &[], &self.policy).is_news {
                    news.insert(&link.stripe, customer.presence);
                }
            }
        }
        let mut links = self.links.iter();
        for page in &self.zenskar {
            let page = zenskar::object::customers_page(page.as_bytes()).ok_or("no page")?;
            for customer in page.items {
                seen += 1;
                let link = links.next().filter(|link| link.zenskar == customer.id);
                let link = link.ok_or("no link")?;
                if compare(Side::Zenskar, &customer.customer, link, &[], &self.policy).is_news
                    && let Some(stripe) = news.get(&link.stripe)
                {
                    let state = State {
                        link,
                        stripe,
                        zenskar: &Presence::Present(customer.customer),
                        intents: &[],
                        held: &[],
                        decided: &[],
                        evidence: &Evidence::default(),
                        now: Timestamp::default(),
                        settle: Duration::ZERO,
                    };
                    black_box(plan(&state, &self.policy).check(&state, &self.policy))?;
                }
            }
        }
        let differing = count(self.links.len()).div_ceil(DIFFERS);
        if count(news.len()) != differing {
            return Err(format!("{} customers differ, and not {differing}", news.len()).into());
        }
        Ok(ratio(float(seen), proc::thread_seconds()? - began))
    }

    /// Parses both listings and does nothing else.
    fn parse(&self) -> Outcome<f64> {
        let began = proc::thread_seconds()?;
        for page in self.stripe.iter().chain(&self.zenskar) {
            let page: serde_json::Value = serde_json::from_str(page)?;
            black_box(page);
        }
        let seen = float(2 * count(self.links.len()));
        Ok(ratio(seen, proc::thread_seconds()? - began))
    }
}

/// As far as `status` is read here.
#[derive(Debug, Deserialize)]
struct Status {
    scan: Scan,
}

#[derive(Debug, Deserialize)]
struct Scan {
    phase: String,
    wanted: bool,
    found: BTreeMap<String, u64>,
    stopped: Option<String>,
}

fn whole(yard: &Yard, binary: &Path, customers: u64) -> Outcome<Whole> {
    let setting = Setting {
        binary: binary.to_owned(),
        dir: yard.room("scan")?,
        sync: "import-only",
    };
    out::note(&format!("linking {} customers", text(float(customers), 0)));
    let stub = Stub::start(customers)?;
    seed(&setting.store(), customers)?;
    let daemon = Daemon::start(&setting, &stub)?;
    clock::pause(SETTLE);
    setting.command(&["scan"])?;
    let mut whole = Whole {
        customers,
        seconds: 0.0,
        cpu_micros: 0,
        written_bytes: 0,
        peak_kib: 0,
        again: 0,
    };
    let half = customers.div_ceil(PAGE) / 2;
    until(&daemon, &mut whole, || Ok(stub.stripe_pages() >= half))?;
    daemon.kill()?;
    let daemon = Daemon::start(&setting, &stub)?;
    until(&daemon, &mut whole, || {
        let status: Status = serde_json::from_str(&setting.command(&["--json", "status"])?)?;
        if let Some(why) = status.scan.stopped {
            return Err(format!("the scan stopped: {why}").into());
        }
        Ok(status.scan.phase == "idle" && !status.scan.wanted)
    })?;
    let status: Status = serde_json::from_str(&setting.command(&["--json", "status"])?)?;
    daemon.stop()?;
    for side in ["stripe", "zenskar"] {
        let seen = status.scan.found.get(side).copied().unwrap_or(0);
        if seen != customers {
            return Err(format!("the scan saw {seen} customers of {side}").into());
        }
    }
    let asked = stub.stripe_pages() + stub.zenskar_pages();
    whole.again = asked.saturating_sub(2 * customers.div_ceil(PAGE));
    if whole.again > AGAIN {
        return Err(format!("{} pages were asked for again after kill -9", whole.again).into());
    }
    Ok(whole)
}

/// Watches the daemon until `is_done`, and adds what it took.
fn until(daemon: &Daemon, whole: &mut Whole, is_done: impl Fn() -> Outcome<bool>) -> Outcome<()> {
    let pid = daemon.site().pid;
    let before = proc::usage(pid)?;
    let began = clock::now();
    while !is_done()? {
        if clock::now() - began > DEADLINE {
            return Err("the scan does not end".into());
        }
        clock::pause(STEP);
    }
    let after = proc::usage(pid)?;
    whole.seconds += (clock::now() - began).as_secs_f64();
    whole.cpu_micros += after.cpu_micros - before.cpu_micros;
    whole.written_bytes += after.written_bytes - before.written_bytes;
    whole.peak_kib = whole.peak_kib.max(proc::peak(pid)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_in_memory_finds_who_differs() {
        let pages = Pages::new(300).unwrap();
        assert_eq!(pages.stripe.len(), 3);
        assert!(pages.work().unwrap() > 0.0);
        assert!(pages.parse().unwrap() > 0.0);
    }
}
