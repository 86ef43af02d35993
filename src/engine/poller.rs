//! Stripe's events API, read into the same inbox as webhooks.
//!
//! The API is eventually consistent and newest first, so a window of time is read that ends a
//! while ago and begins before the last one ended, page by page to its end; event ids remove what
//! is known. The cursor moves when a window is complete, and by nothing else: webhooks never touch
//! it, so losing every webhook only costs time. All instants are Stripe's own.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::settings::Poll;
use crate::model::cursor::{PollCursor, PollWindow, ScanCursor};
use crate::model::event::Channel;
use crate::model::id::EventId;
use crate::model::journal::Entry;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Class, Page};
use crate::store::{Inserted, PreparedEvent, StoreError, WriteTx};
use crate::stripe::client::{EventSeen, EventWindow};
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
pub const READS_DAYS: u32 = 30;

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
    /// Reads the next page of the events API, newest events first.
    ///
    /// # Errors
    ///
    /// The store or Stripe failed; the place is kept.
    pub async fn poll_page(&self) -> Result<Polled, EngineError> {
        let read = self.store.read()?;
        let (cursor, scan) = (read.poll_cursor()?, read.scan_cursor()?);
        drop(read);
        let high = cursor.high;
        let from = match (&cursor.window, high) {
            (Some(window), _) => window.from,
            (None, Some(high)) => high.minus(OVERLAP),
            (None, None) => Timestamp::default(),
        };
        let after = cursor
            .window
            .as_ref()
            .and_then(|window| window.after.as_ref());
        let window = EventWindow { from, to: None };
        let types = &subject::EVENT_TYPES;
        let answer = self
            .stripe
            .events_page(window, after, types, Priority::Sync)
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) if failure.class == Class::CursorGone => {
                self.restart_window(cursor).await?;
                return Ok(Polled::default());
            }
            Err(failure) => return Err(self.refused(failure)),
        };
        self.gate.open(Side::Stripe);
        let newest = answer
            .value
            .items
            .iter()
            .map(|seen| seen.envelope.created)
            .max();
        // An answer without `Date` proves no time but that of the events it holds.
        let Some(remote_now) = answer.date.or(newest) else {
            return Ok(Polled {
                complete: true,
                ..Polled::default()
            });
        };
        let Some(high) = high else {
            return self.begin_polling(remote_now).await;
        };
        if cursor.window.is_none() && high < remote_now.minus(LISTED_FOR) {
            self.ask_for_scan(&scan, high, remote_now).await?;
        }
        let open = cursor.window.clone().unwrap_or_else(|| PollWindow {
            from,
            to: remote_now.minus(LAG).max(high),
            after: None,
        });
        self.take_page(answer.value, after_page(&cursor, open))
            .await
    }

    async fn take_page(
        &self,
        page: Page<EventSeen, EventId>,
        (unfinished, finished): (PollCursor, PollCursor),
    ) -> Result<Polled, EngineError> {
        if page.unreadable > 0 {
            tracing::error!(
                count = page.unreadable,
                "events of the events API cannot be read"
            );
        }
        let cursor = match page.next {
            Some(after) => {
                let window = unfinished.window.map(|open| PollWindow {
                    after: Some(after),
                    ..open
                });
                PollCursor {
                    window,
                    ..unfinished
                }
            }
            None => finished,
        };
        let complete = cursor.window.is_none();
        let settings = self.settings();
        let now = self.clock.now();
        let count = page.items.len();
        let events: Vec<PreparedEvent> = page
            .items
            .into_iter()
            .filter(|seen| seen.envelope.livemode == settings.live)
            .filter_map(|seen| {
                let event = seen.envelope.into_event(Channel::Poll, now, seen.payload);
                let prepared = PreparedEvent::new(&event);
                if let Err(error) = &prepared {
                    tracing::error!(event = %event.id, %error, "an event is too large to keep");
                }
                prepared.ok()
            })
            .collect();
        let reads = self.unbooked_reads();
        let today = self.today();
        let new = self
            .writer
            .write("insert polled page", move |tx| {
                tx.add_reads(today, reads)?;
                insert(tx, &events, &cursor)
            })
            .await?;
        if new > 0 {
            self.wake.intake.notify_one();
        }
        Ok(Polled {
            new,
            events: count,
            complete,
        })
    }

    /// The first poll: what happened before the connector was installed is not its business.
    async fn begin_polling(&self, remote_now: Timestamp) -> Result<Polled, EngineError> {
        let first = PollCursor {
            high: Some(remote_now),
            window: None,
        };
        self.writer
            .write("begin polling", move |tx| tx.set_poll_cursor(&first))
            .await?;
        Ok(Polled {
            complete: true,
            ..Polled::default()
        })
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
        let wanted = ScanCursor {
            wanted: true,
            ..scan.clone()
        };
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
        let restarted = PollCursor {
            window: None,
            ..cursor
        };
        self.writer
            .write("restart poll window", move |tx| {
                tx.set_poll_cursor(&restarted)
            })
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
        let first = self.today().saturating_sub(READS_DAYS);
        let used = self.store.read()?.reads_since(first)?;
        Ok(match settings.poll {
            Poll::Off => None,
            Poll::Every(period) => Some(period),
            Poll::Adaptive => Some(adaptive(settings.ingress, found, used)),
        })
    }

    /// Today, in days since the epoch (UTC).
    pub(super) fn today(&self) -> u32 {
        u32::try_from(self.clock.now().seconds().div_euclid(86_400)).unwrap_or(0)
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

/// The cursor after a page is in the inbox: with more pages to come, and without.
fn after_page(cursor: &PollCursor, window: PollWindow) -> (PollCursor, PollCursor) {
    let finished = PollCursor {
        high: Some(window.to),
        window: None,
    };
    (
        PollCursor {
            window: Some(window),
            ..cursor.clone()
        },
        finished,
    )
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
            assert_eq!(
                adaptive(ingress, found, used),
                expected,
                "{ingress} {found} {used}"
            );
        }
    }

    #[test]
    fn the_slow_period_alone_stays_within_the_floor() {
        let polls = 30 * 86_400 / POLL_SLOW.as_secs();
        assert!(polls < READS_FLOOR);
    }
}
