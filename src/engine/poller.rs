//! Stripe's events API, read into the same inbox as webhooks.
//!
//! The API is eventually consistent and newest first, so a window of time is read that ends a
//! while ago and begins before the last one ended, page by page to its end; event ids remove what
//! is known. The cursor moves when a window is complete, and by nothing else: webhooks never touch
//! it, so losing every webhook only costs time. All instants are Stripe's own.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::settings::{Poll, Settings};
use crate::model::cursor::{PollCursor, PollWindow, ScanCursor};
use crate::model::event::Channel;
use crate::model::journal::Entry;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::Class;
use crate::store::error::StoreError;
use crate::store::inbox::{Inserted, PreparedEvent};
use crate::store::tx::WriteTx;
use crate::stripe;
use crate::sync::subject;
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
pub const READS_DAYS: i64 = 30;

const POLL_FAST: Duration = Duration::from_secs(10);
const POLL_BUSY: Duration = Duration::from_secs(60);
/// 30 days of polls at this period use nearly the floor, and no more.
const POLL_SLOW: Duration = Duration::from_secs(300);

/// What one page brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Polled {
    /// Events that were not in the inbox yet: webhooks missed them, or are late.
    pub new: usize,
    /// Events on the page.
    pub events: usize,
    /// Whether the window is complete.
    pub complete: bool,
}

impl Engine {
    /// Reads the next page of the events API.
    ///
    /// # Errors
    ///
    /// The store or Stripe failed; the place is kept.
    pub async fn poll_page(&self) -> Result<Polled, EngineError> {
        let read = self.store.read()?;
        let (cursor, scan) = (read.poll_cursor()?, read.scan_cursor()?);
        drop(read);
        let Some(window) = self.window(&cursor, &scan).await? else {
            return Ok(Polled { complete: true, ..Polled::default() });
        };
        let types = &subject::EVENT_TYPES;
        let page = self
            .stripe
            .events_page(window.from, Some(window.to), window.after.as_ref(), types, Priority::Sync)
            .await;
        let page = match page {
            Ok(answer) => answer.value,
            Err(failure) if failure.class == Class::CursorGone => {
                self.restart_window(cursor).await?;
                return Ok(Polled::default());
            }
            Err(failure) => return Err(self.refused(failure)),
        };
        self.gate.open(Side::Stripe);
        let settings = self.settings();
        let now = self.clock.now();
        let events: Vec<PreparedEvent> = page
            .items
            .iter()
            .filter_map(|bytes| prepare(bytes, &settings, now))
            .collect();
        let cursor = after_page(cursor, window, page.last_id, page.has_more);
        let count = page.items.len();
        let complete = cursor.window.is_none();
        let new = self
            .writer
            .write("insert polled page", move |tx| insert(tx, &events, &cursor))
            .await?;
        if new > 0 {
            self.wake.intake.notify_one();
        }
        Ok(Polled { new, events: count, complete })
    }

    /// The window to read: the one under way, or the next; `None` when none is due yet.
    async fn window(
        &self,
        cursor: &PollCursor,
        scan: &ScanCursor,
    ) -> Result<Option<PollWindow>, EngineError> {
        if let Some(window) = &cursor.window {
            return Ok(Some(window.clone()));
        }
        let Some(remote_now) = self.stripe_now().await? else {
            return Ok(None);
        };
        let to = remote_now.minus(LAG);
        let Some(high) = cursor.high else {
            // The first poll: what happened before the connector was installed is not its business.
            let first = PollCursor { high: Some(remote_now), window: None };
            self.writer.write("begin polling", move |tx| tx.set_poll_cursor(&first)).await?;
            return Ok(None);
        };
        let mut from = high.minus(OVERLAP);
        let oldest = remote_now.minus(LISTED_FOR);
        if high < oldest {
            from = oldest;
            self.ask_for_scan(scan, high, remote_now).await?;
        }
        Ok((to > high).then_some(PollWindow { from, to, after: None }))
    }

    /// Stripe's now: the `Date` of its last answer, renewed by a read when there is none yet or it
    /// is older than the lag.
    async fn stripe_now(&self) -> Result<Option<Timestamp>, EngineError> {
        let answer = self.stripe.time(Priority::Sync).await.map_err(|failure| self.refused(failure))?;
        Ok(answer)
    }

    /// Events between the cursor and what Stripe still lists are lost: a scan finds their effects.
    async fn ask_for_scan(
        &self,
        scan: &ScanCursor,
        high: Timestamp,
        remote_now: Timestamp,
    ) -> Result<(), EngineError> {
        if scan.wanted {
            return Ok(());
        }
        let wanted = ScanCursor { wanted: true, ..scan.clone() };
        let entry = Entry::engine(self.clock.now(), "gap in events", &"stripe/events")
            .with("read until", &high)
            .with("stripe's time", &remote_now)
            .with("repaired by", &"scan");
        self.writer
            .write("ask for scan", move |tx| {
                tx.append_journal(&entry)?;
                tx.set_scan_cursor(&wanted)
            })
            .await?;
        self.wake.scan.notify_one();
        Ok(())
    }

    /// The page cursor aged out: the window is read again from its newest event.
    async fn restart_window(&self, cursor: PollCursor) -> Result<(), EngineError> {
        let restarted = PollCursor { window: None, ..cursor };
        self.writer
            .write("restart poll window", move |tx| tx.set_poll_cursor(&restarted))
            .await?;
        Ok(())
    }

    /// How long to wait before the next window.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn poll_pause(&self, found: usize) -> Result<Option<Duration>, EngineError> {
        let settings = self.settings();
        let today = self.clock.now().seconds().div_euclid(86_400);
        let used = self.store.read()?.reads_since(today.saturating_sub(READS_DAYS))?;
        Ok(match settings.poll {
            Poll::Off => None,
            Poll::Every(period) => Some(period),
            Poll::Adaptive => Some(adaptive(settings.ingress, found, used)),
        })
    }
}

/// The adaptive period: fast while only polling sees events or there is nothing else, slow while
/// webhooks are healthy, and never faster than the read allowance bears.
#[must_use]
pub const fn adaptive(ingress: bool, found: usize, reads_used: u64) -> Duration {
    if reads_used > READS_FLOOR / 10 * 8 {
        return POLL_SLOW;
    }
    match (found > 0, ingress) {
        (true, _) => POLL_FAST,
        (false, false) if reads_used < READS_FLOOR / 2 => POLL_BUSY,
        (false, _) => POLL_SLOW,
    }
}

/// A polled event for the inbox, unless it is of the other mode or not readable.
fn prepare(bytes: &[u8], settings: &Settings, now: Timestamp) -> Option<PreparedEvent> {
    match stripe::event::parse(bytes) {
        Ok(envelope) if envelope.livemode == settings.live => {
            Some(PreparedEvent::new(&envelope.into_event(bytes, Channel::Poll, now)))
        }
        Ok(_) => None,
        Err(error) => {
            tracing::error!(%error, "an event of the events API cannot be read and is skipped");
            None
        }
    }
}

/// The cursor after a page is in the inbox.
fn after_page(
    cursor: PollCursor,
    window: PollWindow,
    last: Option<crate::model::id::EventId>,
    has_more: bool,
) -> PollCursor {
    match last {
        Some(last) if has_more => {
            PollCursor { window: Some(PollWindow { after: Some(last), ..window }), ..cursor }
        }
        _ => PollCursor { high: Some(window.to), window: None },
    }
}

fn insert(
    tx: &mut WriteTx<'_>,
    events: &[PreparedEvent],
    cursor: &PollCursor,
) -> Result<usize, StoreError> {
    let mut new = 0;
    // The page is newest first; the inbox counts upwards in the order things happened.
    for event in events.iter().rev() {
        if matches!(tx.insert_event(event)?, Inserted::New(_)) {
            new += 1;
        }
    }
    tx.set_poll_cursor(cursor)?;
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polling_is_fast_only_where_it_is_needed_and_allowed() {
        for (ingress, found, used, expected) in [
            (true, 0, 0, POLL_SLOW),
            (true, 3, 0, POLL_FAST),
            (false, 0, 0, POLL_BUSY),
            (false, 0, 6_000, POLL_SLOW),
            (false, 3, 6_000, POLL_FAST),
            (false, 3, 9_000, POLL_SLOW),
        ] {
            assert_eq!(adaptive(ingress, found, used), expected, "{ingress} {found} {used}");
        }
    }

    #[test]
    fn the_slow_period_alone_stays_within_the_floor() {
        let polls = 30 * 86_400 / POLL_SLOW.as_secs();
        assert!(polls < READS_FLOOR);
    }
}
