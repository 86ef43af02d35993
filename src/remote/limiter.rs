//! How fast a remote may be asked, and who goes first.
//!
//! A limiter spaces its requests evenly at a rate that adapts: every "too many" halves it, every
//! success that had to wait for its turn adds a little (additive increase, multiplicative
//! decrease). Not more requests are under way than the rate allows for one second.
//!
//! # Guarantees
//!
//! - In any span of time no more requests start than `max × span`, plus one, plus what fits into
//!   [`LATENESS_MAX`].
//! - A waiting request of a higher [`Priority`] always goes before one of a lower; scans use what
//!   the others leave. Equal ones go in the order they came.
//! - It follows from the clock it is given alone. A host clock that jumps costs at most one wait
//!   of the length that was due.
//! - A caller that is dropped while it waits leaves its place.
//!
//! Not here: repeating. A refused request ends, and its caller's queue decides when it comes again.

use crate::clock::Clock;
use crate::model::time::Timestamp;
use futures_util::future::{Either, select};
use std::collections::BTreeMap;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How late a request may start and still count as on time, which makes up for timers that wake a
/// millisecond or two late.
pub const LATENESS_MAX: Duration = Duration::from_millis(20);

/// Several requests are under way when a remote says "too many"; their answers are one message.
const HALVE_ONCE_IN: Duration = Duration::from_secs(1);

/// Wait after "too many" when the remote names none.
const PAUSE: Duration = Duration::from_secs(1);

/// Requests under way at least allowed, so that a slow remote is still asked in parallel.
const IN_FLIGHT_MIN: u64 = 4;

/// Slowest rate, in requests per 1,000 seconds.
const MILLI_RATE_MIN: u64 = 500;

/// Who goes first; the order is that of the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Calls that collect, book or give back money.
    Money,
    /// Calls that bring customers into step.
    Sync,
    /// Calls of a scan, which has all day.
    Scan,
}

impl Priority {
    /// Every priority, highest first.
    pub const ALL: [Self; 3] = [Self::Money, Self::Sync, Self::Scan];

    /// The priority's name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::Sync => "sync",
            Self::Scan => "scan",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Rates of a limiter, in requests per second; zero counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// The rate it starts with.
    pub start: u32,
    /// The rate it never exceeds.
    pub max: u32,
}

impl Rates {
    /// A fixed rate, which only a remote that says "too many" lowers for a while.
    #[must_use]
    pub const fn fixed(rate: u32) -> Self {
        Self {
            start: rate,
            max: rate,
        }
    }
}

/// What a limiter is doing, for status and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimiterStats {
    /// What it limits, such as `stripe/v1/events`.
    pub name: String,
    /// The present rate, in requests per 1,000 seconds.
    pub milli_rate: u64,
    /// Requests under way.
    pub in_flight: u64,
    /// Requests that wait, by priority.
    pub waiting: BTreeMap<Priority, u64>,
    /// Requests let through since the start.
    pub granted: u64,
    /// How often the remote said "too many" since the start.
    pub limited: u64,
    /// The remote's last reason for it.
    pub last_reason: Option<String>,
    /// Nothing leaves before this instant (host clock), if it lies ahead.
    pub paused_until: Option<Timestamp>,
}

/// Lets requests through at a rate, by priority.
#[derive(Debug)]
pub struct Limiter {
    name: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    /// Who waits, first to go first. The number keeps equal ones in the order they came.
    waiting: BTreeMap<(Priority, u64), Arc<Notify>>,
    tickets: u64,
    in_flight: u64,
    granted: u64,
    limited: u64,
    last_reason: Option<String>,
}

impl Limiter {
    /// A limiter for what `name` says, at these rates.
    #[must_use]
    pub fn new(name: impl Into<String>, rates: Rates, clock: Arc<dyn Clock>) -> Self {
        Self {
            name: name.into(),
            clock,
            state: Mutex::new(State {
                pace: Pace::new(rates),
                waiting: BTreeMap::new(),
                tickets: 0,
                in_flight: 0,
                granted: 0,
                limited: 0,
                last_reason: None,
            }),
        }
    }

    /// Waits for a turn. The permit is held until the answer is there.
    pub async fn acquire(&self, priority: Priority) -> Permit<'_> {
        let place = Place::take(self, priority);
        let mut waited = false;
        loop {
            let turn = self.state().turn(place.key, self.clock.now());
            match turn {
                Turn::Now => {
                    // Leaving the place wakes whoever is next.
                    drop(place);
                    return Permit {
                        limiter: self,
                        waited,
                    };
                }
                Turn::After(span) => {
                    let woken = pin!(place.wake.notified());
                    match select(woken, self.clock.sleep(span)).await {
                        Either::Left(_) | Either::Right(_) => {}
                    }
                }
                Turn::WhenWoken => place.wake.notified().await,
            }
            waited = true;
        }
    }

    /// Changes the rates; it begins anew at their `start`.
    pub fn set_rates(&self, rates: Rates) {
        let mut state = self.state();
        state.pace.set_rates(rates);
        state.wake_first();
    }

    /// What it is doing.
    #[must_use]
    pub fn stats(&self) -> LimiterStats {
        let now = self.clock.now();
        let state = self.state();
        let mut waiting: BTreeMap<Priority, u64> =
            Priority::ALL.into_iter().map(|name| (name, 0)).collect();
        for (priority, _) in state.waiting.keys() {
            let count = waiting.entry(*priority).or_default();
            *count = count.saturating_add(1);
        }
        LimiterStats {
            name: self.name.clone(),
            milli_rate: state.pace.milli_rate,
            in_flight: state.in_flight,
            waiting,
            granted: state.granted,
            limited: state.limited,
            last_reason: state.last_reason.clone(),
            paused_until: Some(state.pace.paused_until).filter(|until| *until > now),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave for one request. Dropped without a word it says nothing about the rate.
#[derive(Debug)]
#[must_use = "the request is under way for as long as its permit lives"]
pub struct Permit<'a> {
    limiter: &'a Limiter,
    waited: bool,
}

impl Permit<'_> {
    /// The remote answered. A request that had to wait for its turn shows that more was wanted, so
    /// the rate grows: by one request per second for every second of such successes.
    pub fn on_success(self) {
        if self.waited {
            self.limiter.state().pace.grow();
        }
    }

    /// The remote said "too many", for this reason, and asks for this wait.
    pub fn on_limited(self, reason: &str, after: Option<Duration>) {
        let now = self.limiter.clock.now();
        let mut state = self.limiter.state();
        state.limited = state.limited.saturating_add(1);
        state.last_reason = Some(reason.to_owned());
        state.pace.shrink(now, after.unwrap_or(PAUSE));
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        state.in_flight = state.in_flight.saturating_sub(1);
        state.wake_first();
    }
}

/// A place in the queue; dropping it leaves the queue.
struct Place<'a> {
    limiter: &'a Limiter,
    key: (Priority, u64),
    wake: Arc<Notify>,
}

impl<'a> Place<'a> {
    fn take(limiter: &'a Limiter, priority: Priority) -> Self {
        let mut state = limiter.state();
        state.tickets = state.tickets.wrapping_add(1);
        let key = (priority, state.tickets);
        let wake = Arc::new(Notify::new());
        state.waiting.insert(key, Arc::clone(&wake));
        Self { limiter, key, wake }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        state.waiting.remove(&self.key);
        state.wake_first();
    }
}

/// What the one who asks is to do.
enum Turn {
    /// Go.
    Now,
    /// Ask again after this span, or when woken.
    After(Duration),
    /// Ask again when woken.
    WhenWoken,
}

impl State {
    fn turn(&mut self, key: (Priority, u64), now: Timestamp) -> Turn {
        let is_first = self.waiting.keys().next() == Some(&key);
        if !is_first || self.in_flight >= self.pace.in_flight_max() {
            return Turn::WhenWoken;
        }
        match self.pace.try_start(now) {
            Ok(()) => {
                self.in_flight = self.in_flight.saturating_add(1);
                self.granted = self.granted.saturating_add(1);
                Turn::Now
            }
            Err(wait) => Turn::After(wait),
        }
    }

    fn wake_first(&self) {
        if let Some(wake) = self.waiting.values().next() {
            wake.notify_one();
        }
    }
}

/// The rate and the next start it allows: pure, and in whole microseconds.
#[derive(Debug)]
struct Pace {
    /// Requests per 1,000 seconds.
    milli_rate: u64,
    milli_max: u64,
    /// The next request starts on time at this instant.
    next: Timestamp,
    /// Nothing starts before this instant, which was set `pause` ahead.
    paused_until: Timestamp,
    pause: Duration,
    shrunk_at: Option<Timestamp>,
}

impl Pace {
    fn new(rates: Rates) -> Self {
        let milli = |rate: u32| u64::from(rate.max(1)).saturating_mul(1_000);
        Self {
            milli_rate: milli(rates.start.min(rates.max)),
            milli_max: milli(rates.max),
            next: Timestamp::MIN,
            paused_until: Timestamp::MIN,
            pause: Duration::ZERO,
            shrunk_at: None,
        }
    }

    /// Starts a request, or says how long to wait.
    fn try_start(&mut self, now: Timestamp) -> Result<(), Duration> {
        let interval = self.interval();
        // Both instants were set from a `now` this far before them: if they lie further ahead, the
        // clock was set back.
        self.next = self.next.min(now.plus(interval));
        self.paused_until = self.paused_until.min(now.plus(self.pause));
        let start = self.next.max(self.paused_until);
        if start > now {
            return Err(start.since(now));
        }
        // On time, or a timer's delay late: the next is counted from when this one was due. After a
        // longer silence it is counted from now, so that silence saves nothing up.
        let is_late = now.since(self.next) > LATENESS_MAX;
        self.next = if is_late { now } else { self.next }.plus(interval);
        Ok(())
    }

    /// Time between two requests, rounded up to whole microseconds.
    fn interval(&self) -> Duration {
        Duration::from_micros(1_000_000_000_u64.div_ceil(self.milli_rate.max(1)))
    }

    fn in_flight_max(&self) -> u64 {
        self.milli_rate.div_ceil(1_000).max(IN_FLIGHT_MIN)
    }

    fn grow(&mut self) {
        let step = 1_000_000_u64.div_ceil(self.milli_rate.max(1));
        self.milli_rate = self.milli_rate.saturating_add(step).min(self.milli_max);
    }

    fn shrink(&mut self, now: Timestamp, wait: Duration) {
        if self.paused_until.since(now) < wait {
            self.paused_until = now.plus(wait);
            self.pause = wait;
        }
        let is_news = self
            .shrunk_at
            .is_none_or(|at| now < at || now.since(at) >= HALVE_ONCE_IN);
        if is_news {
            self.shrunk_at = Some(now);
            self.milli_rate = self.milli_rate.div_euclid(2).max(MILLI_RATE_MIN);
        }
    }

    fn set_rates(&mut self, rates: Rates) {
        let fresh = Self::new(rates);
        self.milli_rate = fresh.milli_rate;
        self.milli_max = fresh.milli_max;
    }
}

#[cfg(test)]
mod tests;
