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

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::scan::{SCAN_EVERY, step};
use crate::engine::settings::Poll;
use crate::model::cursor::{ChangeCursor, ChangeFilter, ChangeWindow, ScanCursor, ScanPhase};
use crate::model::event::{Channel, Event, ZENSKAR_UPDATED, zenskar_event_id};
use crate::model::id::StripeCustomerId;
use crate::model::journal::Entry;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::model::work::Subject;
#[cfg(feature = "mutants")]
use crate::mutants::{self, Mutant};
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Class, Failure, Page};
use crate::store::{Inserted, PreparedEvent, ReadTx, StoreError, WriteTx};
use crate::sync::lag::READ_LAG;
use crate::sync::policy::{Direction, Policy};
use crate::zenskar::client::PAGE_ROWS;
use crate::zenskar::object::ZenskarCustomer;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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

/// What a page of a sweep counts for, in time between sweeps: a tenth of the rate that Zenskar is
/// surely good for.
const SWEEP_PAGE: Duration = Duration::from_secs(2);

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

/// A row that is news, with all that its transaction needs.
pub(super) struct News {
    /// The customer in Stripe that it is linked with.
    link: Option<StripeCustomerId>,
    /// None for a row that no event can be made of.
    event: Option<PreparedEvent>,
    /// Whether the last look at the customer showed something else.
    unseen: bool,
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

/// When full sweeps are due, should they be needed.
#[derive(Clone, Copy, Debug)]
struct Sweeps {
    every: Duration,
    /// Zenskar's time.
    remote_now: Option<Timestamp>,
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
        self.wake.intake.notify_one();
        if wants_sweep {
            self.wake.scan.notify_one();
        }
        Ok(changed)
    }

    /// Which of these rows the store does not know.
    pub(super) fn news(&self, rows: Vec<ZenskarCustomer>) -> Result<Vec<News>, EngineError> {
        let read = self.store.read()?;
        let policy = self.settings().policy.clone();
        let now = self.clock.now();
        let mut news = Vec::new();
        for seen in rows {
            news.extend(judge(&read, seen, &policy, now)?);
        }
        Ok(news)
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
            Poll::Off => None,
            Poll::Every(period) => Some(period),
            Poll::Adaptive => Some(adaptive(direction, found)),
        }
    }

    /// When sweeps are due while the filter is ignored.
    fn sweeps(&self) -> Result<Sweeps, EngineError> {
        let rows = self.store.read()?.scan_cursor()?.found.zenskar;
        let least = match self.settings().poll {
            Poll::Every(period) => period,
            Poll::Adaptive | Poll::Off => POLL_SLOW,
        };
        Ok(Sweeps {
            every: sweep_period(least, rows),
            remote_now: self.zenskar.remote_now(),
        })
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

/// How long after the beginning of a listing of `rows` customers a sweep follows: not before `least`, and not so often
/// that sweeping takes more than its share of Zenskar's rate.
#[must_use]
pub fn sweep_period(least: Duration, rows: u64) -> Duration {
    let page = u64::try_from(PAGE_ROWS).unwrap_or(1).max(1);
    let pages = u32::try_from(rows.div_ceil(page)).unwrap_or(u32::MAX);
    least.max(SWEEP_PAGE.saturating_mul(pages)).min(SCAN_EVERY)
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

/// What a row means to us, if it is news.
fn judge(
    read: &ReadTx<'_>,
    seen: ZenskarCustomer,
    policy: &Policy,
    now: Timestamp,
) -> Result<Option<News>, StoreError> {
    let link = read.link_by_zenskar(&seen.id)?;
    let mut unseen = false;
    if let Some(link) = &link {
        if !step::is_news(read, link, &seen, policy)? {
            return Ok(None);
        }
        let known = read.mirror(Side::Zenskar, seen.id.as_str())?;
        let known = known.and_then(|known| ZenskarCustomer::parse(known.payload).ok());
        unseen = known.is_none_or(|known| known.customer != seen.customer);
    }
    Ok(Some(News {
        link: link.map(|link| link.stripe),
        event: event(seen, now),
        unseen,
    }))
}

/// The event of a row; none where the row says no time or is larger than the store takes, which is
/// no reason to end.
fn event(seen: ZenskarCustomer, now: Timestamp) -> Option<PreparedEvent> {
    let updated_at = seen.updated_at?;
    let event = Event {
        id: zenskar_event_id(&seen.id, updated_at).ok()?,
        kind: ZENSKAR_UPDATED.to_owned(),
        object: seen.id.to_string(),
        account: None,
        created: updated_at,
        api_version: None,
        channel: Channel::ZenskarPoll,
        received_at: now,
        payload: seen.payload,
    };
    PreparedEvent::new(&event)
        .inspect_err(
            |error| tracing::error!(event = %event.id, %error, "a customer is too large to keep"),
        )
        .ok()
}

/// Puts news into the inbox; how many were new.
///
/// An event that is known asks for a look all the same when the last one showed something else: a
/// look may have read what lagged behind, and the time of two changes may be written alike.
pub(super) fn insert_news(
    tx: &mut WriteTx<'_>,
    news: &[News],
    now: Timestamp,
) -> Result<usize, StoreError> {
    #[cfg(feature = "mutants")]
    if mutants::is_on(Mutant::ChangesUnheard) {
        return Ok(0);
    }
    let mut new = 0_usize;
    for one in news {
        let inserted = match &one.event {
            Some(event) => Some(tx.insert_event(event)?),
            None => None,
        };
        let is_sorted = match inserted {
            Some(Inserted::New(_)) => {
                new = new.saturating_add(1);
                continue;
            }
            Some(Inserted::Known(seq)) => seq <= tx.intake_cursor()?,
            None => true,
        };
        if let Some(link) = one.link.as_ref().filter(|_| one.unseen && is_sorted)
            && tx.work(&Subject::Customer(link.clone()))?.is_none()
        {
            step::ask(tx, link, now)?;
        }
    }
    Ok(new)
}

/// Takes note that the filter is ignored; the journal hears of it once.
fn note_ignored(
    tx: &mut WriteTx<'_>,
    cursor: &mut ChangeCursor,
    now: Timestamp,
) -> Result<(), StoreError> {
    if cursor.filter != ChangeFilter::Ignored {
        cursor.filter = ChangeFilter::Ignored;
        tracing::warn!(event = "changes_filter_ignored");
        let entry = Entry::engine(now, "filter of changes ignored", &SUBJECT)
            .with("filter", &"updated_at__gte")
            .with("repaired by", &"sweeps");
        tx.append_journal(&entry)?;
    }
    Ok(())
}

/// The filter is ignored: changes were read as far as the last sweep shows, and another sweep is
/// asked for when it is due. Whether it is.
fn leave_to_sweeps(
    tx: &mut WriteTx<'_>,
    cursor: &mut ChangeCursor,
    sweeps: Sweeps,
    now: Timestamp,
) -> Result<bool, StoreError> {
    note_ignored(tx, cursor, now)?;
    cursor.window = None;
    let scan = tx.scan_cursor()?;
    cursor.high = cursor
        .high
        .max(scan.zenskar_swept_at.map(|at| at.minus(LAG)));
    if !sweeps.is_due(&scan) {
        return Ok(false);
    }
    step::want_sweep(tx)
}

impl Sweeps {
    /// Whether one is due. A scan that stopped waits for its cause to be seen to.
    fn is_due(self, scan: &ScanCursor) -> bool {
        let (Some(now), Some(swept_at)) = (self.remote_now, scan.zenskar_swept_at) else {
            return scan.phase == ScanPhase::Idle && scan.stopped.is_none();
        };
        scan.phase == ScanPhase::Idle && scan.stopped.is_none() && now.since(swept_at) >= self.every
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
