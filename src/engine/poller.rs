//! Stripe's events API, read into the same inbox as webhooks.
//!
//! The API is newest first and eventually consistent. A window begins before the last one ended and
//! is read page by page from the newest event there is: the request names no end, since what is
//! newer is wanted too. When it is complete the cursor moves to where every event was surely listed
//! as its first page was read, [`LAG`] before that; event ids remove what is read twice. Nothing
//! else moves the cursor forward: webhooks never touch it, so losing every one only costs time. All
//! instants are Stripe's own.
//!
//! What polling cannot bring is left to a scan: events that are listed no more, and events that
//! cannot be read.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::scan::step;
use crate::engine::settings::Poll;
use crate::model::cursor::{PollCursor, PollWindow};
use crate::model::event::Channel;
use crate::model::id::{AccountId, EventId};
use crate::model::journal::Entry;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Class, Page};
use crate::store::{Inserted, PreparedEvent, StoreError, WriteTx};
use crate::stripe::client::{EventSeen, EventWindow};
use crate::stripe::event::Envelope;
use crate::sync::subject;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long after it was made an event is sure to be listed. Connectors in production read with a
/// lag of a minute.
pub const LAG: Duration = Duration::from_secs(60);

/// How far a window reaches back before the end of the last one, for what was listed late.
pub const OVERLAP: Duration = Duration::from_secs(10 * 60);

/// How long Stripe lists events ("going back up to 30 days"), less an hour for the way.
pub const LISTED_FOR: Duration = Duration::from_secs(30 * 86_400 - 3_600);

/// Reads that Stripe allows every account in 30 days, whatever its transactions.
pub const READS_FLOOR: u64 = 10_000;

/// Days over which Stripe counts reads.
pub const READS_DAYS: u32 = 30;

const POLL_FAST: Duration = Duration::from_secs(10);
const POLL_BUSY: Duration = Duration::from_secs(60);
/// 30 days of polls at this period stay below the floor.
const POLL_SLOW: Duration = Duration::from_secs(300);

/// Longest pause, however little of the allowance is left.
const POLL_SCARCE: Duration = Duration::from_secs(3_600);

/// How often one window is read again because Stripe does not know its place.
const RESTARTS_MAX: u32 = 3;

/// What one page brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Polled {
    /// Events that were not in the inbox yet: webhooks missed them, or are late.
    pub new: usize,
    /// Events on the page.
    pub events: usize,
    /// Whether the window is complete.
    pub complete: bool,
    /// Events of the whole window so far that only polling saw.
    pub found: u64,
    /// Whether the window begins again: wait before that.
    pub again: bool,
}

/// Events of Stripe's that came and did not go into the inbox, since the start.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    unreadable: AtomicU64,
    other_mode: AtomicU64,
    other_account: AtomicU64,
}

impl LeftOut {
    /// Events that cannot be read.
    pub(super) fn unreadable(&self) -> u64 {
        self.unreadable.load(Ordering::Relaxed)
    }

    /// Events of the other mode.
    pub(super) fn other_mode(&self) -> u64 {
        self.other_mode.load(Ordering::Relaxed)
    }

    /// Events of another account.
    pub(super) fn other_account(&self) -> u64 {
        self.other_account.load(Ordering::Relaxed)
    }
}

/// A page with all that its transaction needs.
struct Batch {
    events: Vec<PreparedEvent>,
    /// Of those that are new, these tell that a webhook was lost: whether each is old enough.
    telling: Vec<bool>,
    unreadable: usize,
    open: PollWindow,
    next: Option<EventId>,
    high: Timestamp,
    remote_now: Timestamp,
    now: Timestamp,
}

impl Engine {
    /// Reads the next page of the events API, newest events first.
    ///
    /// # Errors
    ///
    /// The store or Stripe failed; the place is kept.
    pub async fn poll_page(&self) -> Result<Polled, EngineError> {
        let cursor = self.store.read()?.poll_cursor()?;
        let from = match (&cursor.window, cursor.high) {
            (Some(window), _) => window.from,
            (None, Some(high)) => high.minus(OVERLAP),
            (None, None) => Timestamp::default(),
        };
        let after = cursor
            .window
            .as_ref()
            .and_then(|window| window.after.as_ref());
        let window = EventWindow { from, to: None };
        let types = &subject::heard_types();
        let answer = self
            .stripe
            .events_page(window, after, types, Priority::Sync)
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) if failure.class == Class::CursorGone => {
                return self.restart_window(cursor).await;
            }
            Err(failure) => return Err(self.refused(failure)),
        };
        self.gate.open(Side::Stripe);
        let created = answer.value.items.iter().map(|seen| seen.envelope.created);
        let newest = created.max();
        // An answer without `Date` proves no time but that of the events it holds.
        let Some(remote_now) = answer.date.or(newest) else {
            return Ok(Polled {
                complete: true,
                ..Polled::default()
            });
        };
        let Some(high) = cursor.high else {
            return self.begin_polling(remote_now).await;
        };
        // Events newer than the answer says it is prove that it is this `Date` that is wrong.
        let is_sound = answer.date.is_some() && newest.is_none_or(|at| at <= remote_now.plus(LAG));
        if is_sound && remote_now < high.minus(LAG) {
            return self.step_back(high, remote_now).await;
        }
        let open = cursor.window.unwrap_or_else(|| PollWindow {
            from,
            to: remote_now.minus(LAG).max(high),
            after: None,
            found: 0,
            restarts: 0,
            gap: false,
        });
        self.take_page(answer.value, open, (high, remote_now)).await
    }

    async fn take_page(
        &self,
        page: Page<EventSeen, EventId>,
        open: PollWindow,
        (high, remote_now): (Timestamp, Timestamp),
    ) -> Result<Polled, EngineError> {
        let (settings, has_ingress) = (self.settings(), self.has_ingress());
        let now = self.clock.now();
        let count = page.items.len();
        let identity = self.store.read()?.identity()?;
        let ours = identity.map(|identity| identity.account);
        self.count_left_out(&page, settings.live, ours.as_ref());
        let sure = remote_now.minus(LAG);
        let mut events = Vec::new();
        let mut telling = Vec::new();
        for seen in page.items {
            let envelope = &seen.envelope;
            if envelope.livemode != settings.live || is_foreign(envelope, ours.as_ref()) {
                continue;
            }
            let event = seen.envelope.into_event(Channel::Poll, now, seen.payload);
            match PreparedEvent::new(&event) {
                Ok(prepared) => {
                    events.push(prepared);
                    // The webhook of a younger one may be on its way.
                    telling.push(!has_ingress || event.created <= sure);
                }
                Err(error) => {
                    tracing::error!(event = %event.id, %error, "an event is too large to keep");
                }
            }
        }
        let batch = Batch {
            events,
            telling,
            unreadable: page.unreadable,
            open,
            next: page.next,
            high,
            remote_now,
            now,
        };
        let reads = self.unbooked_reads();
        let today = self.today();
        let (polled, wants_scan) = self
            .writer
            .write("insert polled page", move |tx| {
                tx.add_reads(today, reads)?;
                batch.insert(tx)
            })
            .await?;
        if polled.new > 0 {
            self.wake.intake.notify_one();
        }
        if wants_scan {
            self.wake.scan.notify_one();
        }
        Ok(Polled {
            events: count,
            ..polled
        })
    }

    fn count_left_out(
        &self,
        page: &Page<EventSeen, EventId>,
        live: bool,
        ours: Option<&AccountId>,
    ) {
        let left_out = &self.left_out;
        if page.unreadable > 0 {
            let count = u64::try_from(page.unreadable).unwrap_or(u64::MAX);
            left_out.unreadable.fetch_add(count, Ordering::Relaxed);
            tracing::error!(count, "events of the events API cannot be read");
        }
        let others = page
            .items
            .iter()
            .filter(|seen| seen.envelope.livemode != live);
        let count = u64::try_from(others.count()).unwrap_or(u64::MAX);
        if count > 0 {
            left_out.other_mode.fetch_add(count, Ordering::Relaxed);
            tracing::warn!(count, "events of the other mode are left out");
        }
        let others = page
            .items
            .iter()
            .filter(|seen| seen.envelope.livemode == live && is_foreign(&seen.envelope, ours));
        let count = u64::try_from(others.count()).unwrap_or(u64::MAX);
        if count > 0 {
            left_out.other_account.fetch_add(count, Ordering::Relaxed);
            tracing::warn!(count, "events of another account are left out");
        }
    }

    /// The first poll: what happened before the connector was installed is not its business, but
    /// what happened since the first scan began to list Stripe is.
    async fn begin_polling(&self, remote_now: Timestamp) -> Result<Polled, EngineError> {
        self.writer
            .write("begin polling", move |tx| {
                let listed = tx.scan_cursor()?.stripe_started_at;
                tx.set_poll_cursor(&PollCursor {
                    high: Some(listed.map_or(remote_now, |at| at.min(remote_now))),
                    window: None,
                })
            })
            .await?;
        Ok(Polled {
            complete: true,
            ..Polled::default()
        })
    }

    /// The cursor lies in Stripe's future: an earlier `Date` was wrong, and waiting for that time
    /// would mean to see nothing until then. What happened in between is found by a scan.
    async fn step_back(
        &self,
        high: Timestamp,
        remote_now: Timestamp,
    ) -> Result<Polled, EngineError> {
        let back = remote_now.minus(LAG);
        let now = self.clock.now();
        let entry = gap_entry(now, "stripe's time went back", high, remote_now);
        self.writer
            .write("step back in events", move |tx| {
                tx.append_journal(&entry)?;
                step::want(tx)?;
                tx.set_poll_cursor(&PollCursor {
                    high: Some(back),
                    window: None,
                })
            })
            .await?;
        self.wake.scan.notify_one();
        Ok(Polled::default())
    }

    /// The page cursor aged out: the window is read again from its newest event. A window whose
    /// place is never known is given up, and what it held is found by a scan.
    async fn restart_window(&self, cursor: PollCursor) -> Result<Polled, EngineError> {
        let Some(open) = cursor.window else {
            // The page was asked for without a place, so no place can be gone.
            return Ok(Polled {
                again: true,
                ..Polled::default()
            });
        };
        let gives_up = open.restarts >= RESTARTS_MAX;
        let now = self.clock.now();
        self.writer
            .write("restart poll window", move |tx| {
                if !gives_up {
                    let window = Some(PollWindow {
                        after: None,
                        restarts: open.restarts.saturating_add(1),
                        ..open
                    });
                    return tx.set_poll_cursor(&PollCursor { window, ..cursor });
                }
                step::want(tx)?;
                tx.append_journal(&gap_entry(now, "gap in events", open.from, open.to))?;
                tx.set_poll_cursor(&PollCursor {
                    high: Some(open.to),
                    window: None,
                })
            })
            .await?;
        if gives_up {
            self.wake.scan.notify_one();
        }
        Ok(Polled {
            again: true,
            ..Polled::default()
        })
    }

    /// How long to wait before the next window.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn poll_pause(&self, found: u64) -> Result<Option<Duration>, EngineError> {
        let settings = self.settings();
        let today = self.today();
        let first = today.saturating_sub(READS_DAYS);
        let read = self.store.read()?;
        let used = read.reads_since(first)?;
        let mut oldest = first;
        while oldest < today && read.reads_since(oldest.saturating_add(1))? == used {
            oldest = oldest.saturating_add(1);
        }
        // When the oldest of these reads counts no more, there is more to spend again.
        let days = READS_DAYS
            .saturating_sub(today.saturating_sub(oldest))
            .max(1);
        Ok(match settings.poll {
            Poll::Off => None,
            Poll::Every(period) => Some(period),
            Poll::Adaptive => {
                // While money is on its way webhooks alone are not waited for.
                let is_calm = read.collection_counts()?.open == 0;
                let may_wait = self.has_ingress() && is_calm;
                Some(adaptive(may_wait, found, used, days))
            }
        })
    }

    /// Today, in days since the epoch (UTC).
    pub(super) fn today(&self) -> u32 {
        u32::try_from(self.clock.now().seconds().div_euclid(86_400)).unwrap_or(0)
    }
}

/// The adaptive period: fast while only polling sees events or there is nothing else, slow while
/// webhooks are healthy.
///
/// Half of the allowance is spent like this; what remains then is spread over the `days` until
/// there is more, so that it is never used up by polling.
#[must_use]
pub fn adaptive(ingress: bool, found: u64, reads_used: u64, days: u32) -> Duration {
    let wished = match (found > 0, ingress) {
        (true, _) => POLL_FAST,
        (false, false) => POLL_BUSY,
        (false, true) => POLL_SLOW,
    };
    if reads_used < READS_FLOOR / 2 {
        return wished;
    }
    let left = READS_FLOOR.saturating_sub(reads_used);
    let seconds = u64::from(days).saturating_mul(86_400);
    let spread = seconds
        .checked_div(left)
        .map_or(POLL_SCARCE, Duration::from_secs);
    wished.max(spread).min(POLL_SCARCE)
}

/// Whether an event names an account that is not the one the store is bound to. One that names none
/// is the account's whose events were asked for.
fn is_foreign(envelope: &Envelope, ours: Option<&AccountId>) -> bool {
    match (&envelope.account, ours) {
        (Some(account), Some(ours)) => account != ours,
        _ => false,
    }
}

/// Events between these instants cannot be read.
fn gap_entry(now: Timestamp, what: &str, read_until: Timestamp, remote_now: Timestamp) -> Entry {
    Entry::engine(now, what, &"stripe/events")
        .with("read until", &read_until)
        .with("stripe's time", &remote_now)
        .with("repaired by", &"scan")
}

impl Batch {
    /// Puts the page into the inbox and moves the place; says too whether a scan is wanted now.
    fn insert(self, tx: &mut WriteTx<'_>) -> Result<(Polled, bool), StoreError> {
        let mut open = self.open;
        let mut new = 0_usize;
        // The page is newest first; the inbox counts upwards in the order things happened.
        for (event, tells) in self.events.iter().zip(&self.telling).rev() {
            if matches!(tx.insert_event(event)?, Inserted::New(_)) {
                new = new.saturating_add(1);
                open.found = open.found.saturating_add(u64::from(*tells));
            }
        }
        let mut wants_scan = false;
        // Looked at with every page: a window can take longer than Stripe lists its oldest events.
        if !open.gap && self.high < self.remote_now.minus(LISTED_FOR) {
            open.gap = true;
            wants_scan = true;
            if step::want(tx)? {
                let entry = gap_entry(self.now, "gap in events", self.high, self.remote_now);
                tx.append_journal(&entry)?;
            }
        }
        if self.unreadable > 0 && step::want_for_unread(tx, self.now)? {
            wants_scan = true;
            let entry = Entry::engine(self.now, "unreadable events", &"stripe/events")
                .with("count", &self.unreadable)
                .with("repaired by", &"scan");
            tx.append_journal(&entry)?;
        }
        let found = open.found;
        let complete = self.next.is_none();
        let cursor = match self.next {
            Some(after) => PollCursor {
                high: Some(self.high),
                window: Some(PollWindow {
                    after: Some(after),
                    ..open
                }),
            },
            None => PollCursor {
                high: Some(open.to),
                window: None,
            },
        };
        tx.set_poll_cursor(&cursor)?;
        let polled = Polled {
            new,
            complete,
            found,
            ..Polled::default()
        };
        Ok((polled, wants_scan))
    }
}

#[cfg(test)]
mod tests;
