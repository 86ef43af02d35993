//! When a full sweep of Zenskar takes the place of its filter by the time of change.

use crate::engine::Engine;
use crate::engine::changes::{LAG, POLL_SLOW, SUBJECT};
use crate::engine::error::EngineError;
use crate::engine::scan::{SCAN_EVERY, step};
use crate::engine::settings::Poll;
use crate::model::cursor::{ChangeCursor, ChangeFilter, ScanCursor, ScanPhase};
use crate::model::journal::Entry;
use crate::model::time::Timestamp;
use crate::store::{StoreError, WriteTx};
use crate::zenskar::client::PAGE_ROWS;
use std::time::Duration;

/// What a page of a sweep counts for, in time between sweeps: a tenth of the rate that Zenskar is
/// surely good for.
const SWEEP_PAGE: Duration = Duration::from_secs(2);

/// When full sweeps are due, should they be needed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sweeps {
    every: Duration,
    /// Zenskar's time.
    remote_now: Option<Timestamp>,
}

impl Engine {
    /// When sweeps are due while the filter is ignored.
    pub(super) fn sweeps(&self) -> Result<Sweeps, EngineError> {
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

/// How long after the beginning of a listing of `rows` customers a sweep follows.
///
/// Not before `least`, and not so often that sweeping takes more than its share of Zenskar's rate.
#[must_use]
pub fn sweep_period(least: Duration, rows: u64) -> Duration {
    let page = u64::try_from(PAGE_ROWS).unwrap_or(1).max(1);
    let pages = u32::try_from(rows.div_ceil(page)).unwrap_or(u32::MAX);
    least.max(SWEEP_PAGE.saturating_mul(pages)).min(SCAN_EVERY)
}

/// Takes note that the filter is ignored; the journal hears of it once.
pub(super) fn note_ignored(
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
pub(super) fn leave_to_sweeps(
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
