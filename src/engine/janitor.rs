//! What is old goes, a little at a time; and what was read of Stripe is counted.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::poller::READS_DAYS;
use crate::sync::dead::{DROPPED_KEPT, is_past};
use crate::sync::{session, token};
use std::time::Duration;

/// How long event ids are kept at least. Stripe lets an operator send an event again for 30 days.
pub const IDS_KEPT: Duration = Duration::from_secs(35 * 86_400);

/// Rows that go in one transaction: it holds the writer for a few milliseconds.
const SWEEP_MAX: usize = 256;

/// Days of read counts kept beyond those that count.
const READS_SPARE_DAYS: u32 = 5;

impl Engine {
    /// Removes the next rows that are past their time. Returns how many; zero means none is left.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn sweep(&self) -> Result<usize, EngineError> {
        let retention = self.settings().retention;
        let now = self.clock.now();
        let payloads_before = now.minus(retention);
        let ids_before = now.minus(retention.max(IDS_KEPT));
        let prunable =
            self.store
                .read()?
                .prunable_events(payloads_before, ids_before, SWEEP_MAX)?;
        let (payloads, events) = prunable.counts();
        if !prunable.is_empty() {
            self.writer
                .write("prune events", move |tx| tx.prune_events(&prunable))
                .await?;
        }
        let oldest_day = self
            .today()
            .saturating_sub(READS_DAYS.saturating_add(READS_SPARE_DAYS));
        let (today, reads) = (self.today(), self.unbooked_reads());
        if reads > 0 {
            self.writer
                .write("count reads", move |tx| tx.add_reads(today, reads))
                .await?;
        }
        self.drop_roll()?;
        let rest = self
            .writer
            .write("prune journal, runs and dropped letters", move |tx| {
                let entries = tx.prune_journal(payloads_before, SWEEP_MAX)?;
                let days = tx.prune_reads(oldest_day, SWEEP_MAX)?;
                let runs = tx.prune_runs(payloads_before, SWEEP_MAX)?;
                let dropped = tx.prune_dropped(now.minus(DROPPED_KEPT), SWEEP_MAX)?;
                tx.prune_logins(|login| session::is_spent(login, now))?;
                tx.prune_sessions(|session| session::is_over(session, now))?;
                if tx.redrive()?.is_some_and(|redrive| is_past(&redrive, now)) {
                    tx.set_redrive(None)?;
                }
                tx.prune_tokens(|token| token::is_over(token, now))?;
                let rows = entries.saturating_add(days).saturating_add(runs);
                Ok(rows.saturating_add(dropped))
            })
            .await?;
        Ok(payloads.saturating_add(events).saturating_add(rest))
    }
}
