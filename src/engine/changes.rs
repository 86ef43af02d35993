//! Zenskar's customers by the time of their change, read into the same inbox as Stripe's events.
//!
//! Zenskar has no events API, and documents neither that its list of customers can be filtered by
//! `updated_at` nor in which order that comes. So a window is asked for and every row is looked at:
//! one that was not asked for shows that the filter is ignored. Paging ends there, status and
//! journal say so, and full sweeps find what changed until a whole window comes as asked. No row
//! ends a window by being old, so the order is of no consequence.
//!
//! A window begins [`OVERLAP`] before the last one ended. When it is complete the cursor moves to
//! where every change was surely shown as its first page was read, [`LAG`] before that. Nothing
//! else moves it; webhooks and scans never touch it. All instants are Zenskar's own.
//!
//! A row that holds what the store knows, agreed or as a difference, is no news: what we wrote
//! ourselves ends here.

mod news;
mod sweeps;

pub(super) use news::insert_news;
pub use sweeps::sweep_period;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::scan::step;
use crate::engine::settings::Poll;
use crate::model::cursor::{ChangeCursor, ChangeFilter, ChangeWindow};
use crate::model::journal::Entry;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Class, Failure, Page};
use crate::store::{StoreError, WriteTx};
use crate::sync::lag::READ_LAG;
use crate::sync::policy::Direction;
use crate::zenskar::object::ZenskarCustomer;
use news::News;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use sweeps::{Sweeps, leave_to_sweeps, note_ignored};

/// How long after it was made a change is sure to be listed: twice as long as a read may lag.
pub const LAG: Duration = READ_LAG.saturating_mul(2);

/// How far a window reaches back before the end of the last one, for what was shown late.
pub const OVERLAP: Duration = Duration::from_secs(10 * 60);

/// No customer changed in 2999, so whoever comes when it is asked for was not asked for.
const NEVER: Timestamp = Timestamp::from_seconds(32_472_144_000);

/// How often one window is read again because Zenskar does not know its place.
const RESTARTS_MAX: u32 = 3;

const POLL_FAST: Duration = Duration::from_secs(10);
const POLL_BUSY: Duration = Duration::from_secs(30);
/// Where nothing moves from Zenskar, a change there is drift, which no person waits for.
const POLL_SLOW: Duration = Duration::from_secs(300);

/// What the journal says these entries are about.
const SUBJECT: &str = "zenskar/customers";

/// What one page brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Changes that were not in the inbox yet.
    pub new: usize,
    /// Whether the window is complete.
    pub complete: bool,
    /// Changes of the whole window so far that nothing else told of.
    pub found: u64,
    /// Whether the window begins again: wait before that.
    pub again: bool,
}

/// Customers of Zenskar's that were listed and cannot be read, since the start.
#[derive(Debug, Default)]
pub(super) struct Unreadable(AtomicU64);

impl Unreadable {
    /// How many.
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, rows: usize) {
        if rows > 0 {
            let count = u64::try_from(rows).unwrap_or(u64::MAX);
            self.0.fetch_add(count, Ordering::Relaxed);
            tracing::error!(count, "customers of zenskar cannot be read");
        }
    }
}

/// A page with all that its transaction needs.
struct Batch {
    news: Vec<News>,
    open: ChangeWindow,
    next: Option<String>,
    /// How many rows there were.
    rows: u64,
    /// How many of them were not asked for.
    strays: usize,
    sweeps: Sweeps,
    now: Timestamp,
}

impl Engine {
    /// Reads the next page of Zenskar's customers that changed.
    ///
    /// # Errors
    ///
    /// The store or Zenskar failed; the place is kept.
    pub async fn poll_changes(&self) -> Result<Changed, EngineError> {
        let cursor = self.store.read()?.change_cursor()?;
        let Some(high) = cursor.high else {
            return self.begin_changes().await;
        };
        let from = match &cursor.window {
            Some(window) => window.from,
            // A request says whole seconds.
            None => Timestamp::from_seconds(high.minus(OVERLAP).seconds()),
        };
        let after = cursor
            .window
            .as_ref()
            .and_then(|open| open.after.as_deref());
        let answer = match self.zenskar.changed_page(from, after, Priority::Sync).await {
            Ok(answer) => answer,
            Err(failure) if failure.class == Class::CursorGone => {
                return self.restart_changes(cursor).await;
            }
            Err(failure) if is_refused_filter(&failure) => return self.do_without_filter().await,
            Err(failure) => return Err(self.refused(failure)),
        };
        self.gate.open(Side::Zenskar);
        let page = answer.value;
        let newest = page.items.iter().filter_map(|seen| seen.updated_at).max();
        let open = match cursor.window {
            Some(open) => open,
            None => {
                // An answer without `Date` proves no time but that of the changes it holds.
                let Some(remote_now) = answer.date.or(newest) else {
                    return Ok(complete());
                };
                // Changes newer than the answer says it is prove that it is this `Date` that is
                // wrong.
                let is_sound =
                    answer.date.is_some() && newest.is_none_or(|at| at <= remote_now.plus(LAG));
                if is_sound && remote_now < high.minus(LAG) {
                    return self.step_back_in_changes(high, remote_now).await;
                }
                ChangeWindow {
                    from,
                    to: remote_now.minus(LAG).max(high),
                    after: None,
                    rows: 0,
                    found: 0,
                    restarts: 0,
                }
            }
        };
        self.take_changes(page, open).await
    }

    async fn take_changes(
        &self,
        page: Page<ZenskarCustomer, String>,
        open: ChangeWindow,
    ) -> Result<Changed, EngineError> {
        let now = self.clock.now();
        self.unreadable_customers.add(page.unreadable);
        let rows = u64::try_from(page.items.len()).unwrap_or(u64::MAX);
        let (asked, strays): (Vec<_>, Vec<_>) = page
            .items
            .into_iter()
            .partition(|seen| is_from(seen, open.from));
        let news = self.news(asked)?;
        let batch = Batch {
            news,
            open,
            next: page.next,
            rows,
            strays: strays.len(),
            sweeps: self.sweeps()?,
            now,
        };
        let (changed, wants_sweep) = self
            .writer
            .write("insert changed customers", move |tx| batch.insert(tx))
            .await?;
        if changed.new > 0 {
            self.wake.intake.notify_one();
        }
        // A known event may have asked for a look all the same.
        self.wake.look.notify_one();
        if wants_sweep {
            self.wake.scan.notify_one();
        }
        Ok(changed)
    }

    /// The first poll asks for what cannot be, which shows whether the filter works. What changed
    /// before the connector was installed is not its business, but what changed since the first
    /// scan began to list Zenskar is.
    async fn begin_changes(&self) -> Result<Changed, EngineError> {
        let answer = match self.zenskar.changed_page(NEVER, None, Priority::Sync).await {
            Ok(answer) => answer,
            Err(failure) if is_refused_filter(&failure) => {
                // Its time is told by the answers to come.
                let Some(at) = self.zenskar.remote_now() else {
                    return Err(self.refused(failure));
                };
                self.begin_at(at, true).await?;
                return Ok(complete());
            }
            Err(failure) => return Err(self.refused(failure)),
        };
        self.gate.open(Side::Zenskar);
        if let Some(remote_now) = answer.date {
            let is_ignored = answer.value.items.iter().any(|seen| !is_from(seen, NEVER));
            self.begin_at(remote_now, is_ignored).await?;
        }
        Ok(complete())
    }

    async fn begin_at(&self, remote_now: Timestamp, is_ignored: bool) -> Result<(), EngineError> {
        let now = self.clock.now();
        self.writer
            .write("begin to hear of changes", move |tx| {
                let listed = tx.scan_cursor()?.zenskar_started_at;
                let mut cursor = ChangeCursor {
                    high: Some(listed.map_or(remote_now, |at| at.min(remote_now))),
                    ..tx.change_cursor()?
                };
                if is_ignored {
                    note_ignored(tx, &mut cursor, now)?;
                }
                tx.set_change_cursor(&cursor)
            })
            .await?;
        Ok(())
    }

    /// Zenskar refuses to be asked for what changed.
    async fn do_without_filter(&self) -> Result<Changed, EngineError> {
        let (now, sweeps) = (self.clock.now(), self.sweeps()?);
        let wants_sweep = self
            .writer
            .write("do without filter of changes", move |tx| {
                let mut cursor = tx.change_cursor()?;
                let wants_sweep = leave_to_sweeps(tx, &mut cursor, sweeps, now)?;
                tx.set_change_cursor(&cursor)?;
                Ok::<_, StoreError>(wants_sweep)
            })
            .await?;
        if wants_sweep {
            self.wake.scan.notify_one();
        }
        Ok(complete())
    }

    /// The cursor lies in Zenskar's future: an earlier `Date` was wrong, and waiting for that time
    /// would mean to hear nothing until then. What changed in between is found by a sweep.
    async fn step_back_in_changes(
        &self,
        high: Timestamp,
        remote_now: Timestamp,
    ) -> Result<Changed, EngineError> {
        let entry = Entry::engine(self.clock.now(), "zenskar's time went back", &SUBJECT)
            .with("read until", &high)
            .with("zenskar's time", &remote_now)
            .with("repaired by", &"sweep");
        self.writer
            .write("step back in changes", move |tx| {
                tx.append_journal(&entry)?;
                step::want_sweep(tx)?;
                let cursor = tx.change_cursor()?;
                tx.set_change_cursor(&ChangeCursor {
                    high: Some(remote_now.minus(LAG)),
                    window: None,
                    ..cursor
                })
            })
            .await?;
        self.wake.scan.notify_one();
        Ok(Changed::default())
    }

    /// Zenskar does not know its own cursor any more: the window is read again from its beginning.
    /// One whose place is never known is given up, and what it held is found by a sweep.
    async fn restart_changes(&self, cursor: ChangeCursor) -> Result<Changed, EngineError> {
        let again = Changed {
            again: true,
            ..Changed::default()
        };
        let Some(open) = cursor.window.clone() else {
            // The page was asked for without a place, so no place can be gone.
            return Ok(again);
        };
        let gives_up = open.restarts >= RESTARTS_MAX;
        let now = self.clock.now();
        self.writer
            .write("restart window of changes", move |tx| {
                if !gives_up {
                    let window = Some(ChangeWindow {
                        after: None,
                        rows: 0,
                        restarts: open.restarts.saturating_add(1),
                        ..open
                    });
                    return tx.set_change_cursor(&ChangeCursor { window, ..cursor });
                }
                step::want_sweep(tx)?;
                let entry = Entry::engine(now, "gap in changes", &SUBJECT)
                    .with("from", &open.from)
                    .with("to", &open.to)
                    .with("repaired by", &"sweep");
                tx.append_journal(&entry)?;
                tx.set_change_cursor(&ChangeCursor {
                    high: Some(open.to),
                    window: None,
                    ..cursor
                })
            })
            .await?;
        if gives_up {
            self.wake.scan.notify_one();
        }
        Ok(again)
    }

    /// How long to wait before the next window; `None` while nothing is to be heard.
    #[must_use]
    pub fn changes_pause(&self, found: u64) -> Option<Duration> {
        let settings = self.settings();
        let direction = settings.policy.direction?;
        match settings.poll {
            Poll::Every(period) => Some(period),
            // What is off is Stripe's events API.
            Poll::Adaptive | Poll::Off => Some(adaptive(direction, found)),
        }
    }
}

/// The adaptive period. A poll costs one request of the few that Zenskar takes in a second.
#[must_use]
pub fn adaptive(direction: Direction, found: u64) -> Duration {
    match direction {
        Direction::From(Side::Stripe) => POLL_SLOW,
        Direction::From(Side::Zenskar) | Direction::Both if found > 0 => POLL_FAST,
        Direction::From(Side::Zenskar) | Direction::Both => POLL_BUSY,
    }
}

/// Whether the request asked for this row. One that does not say when it changed proves nothing.
fn is_from(seen: &ZenskarCustomer, from: Timestamp) -> bool {
    seen.updated_at.is_some_and(|at| at >= from)
}

/// Whether Zenskar says that it cannot be asked like this.
fn is_refused_filter(failure: &Failure) -> bool {
    failure.class == Class::Refused && matches!(failure.status, Some(400 | 422))
}

const fn complete() -> Changed {
    Changed {
        new: 0,
        complete: true,
        found: 0,
        again: false,
    }
}

impl Batch {
    /// Puts the page into the inbox and moves the place; says too whether a sweep is wanted now.
    fn insert(self, tx: &mut WriteTx<'_>) -> Result<(Changed, bool), StoreError> {
        let new = insert_news(tx, &self.news, self.now)?;
        let found = u64::try_from(new).unwrap_or(u64::MAX);
        let open = ChangeWindow {
            rows: self.open.rows.saturating_add(self.rows),
            found: self.open.found.saturating_add(found),
            ..self.open
        };
        let found = open.found;
        let mut cursor = tx.change_cursor()?;
        let mut wants_sweep = false;
        let mut is_complete = true;
        if self.strays > 0 {
            wants_sweep = leave_to_sweeps(tx, &mut cursor, self.sweeps, self.now)?;
        } else if let Some(next) = self.next {
            is_complete = false;
            cursor.window = Some(ChangeWindow {
                after: Some(next),
                ..open
            });
        } else {
            // A window of all the customers there are shows nothing of the filter.
            let proves = open.rows < tx.scan_cursor()?.found.zenskar;
            if proves && cursor.filter == ChangeFilter::Ignored {
                let entry = Entry::engine(self.now, "filter of changes works again", &SUBJECT);
                tx.append_journal(&entry)?;
            }
            cursor = ChangeCursor {
                high: Some(open.to),
                window: None,
                filter: if proves {
                    ChangeFilter::Works
                } else {
                    cursor.filter
                },
            };
        }
        tx.set_change_cursor(&cursor)?;
        let changed = Changed {
            new,
            complete: is_complete,
            found,
            again: false,
        };
        Ok((changed, wants_sweep))
    }
}

#[cfg(test)]
mod tests;
