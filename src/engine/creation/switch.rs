//! Since when customers are made: taken note of before anything is done under new rules.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::scan::step;
use crate::model::journal::Entry;
use crate::model::link::Side;
use crate::remote::limiter::Priority;
use crate::store::{StoreError, WriteTx};
use crate::sync::creation::{Clocks, Creates, Since};
use std::time::Duration;

/// How much later than a remote says it may be.
const WHOLE_SECOND: Duration = Duration::from_secs(1);

impl Engine {
    /// Takes note of where customers are made from now on; to be called before it comes into force,
    /// at the start and whenever settings are swapped. Where they were not made before, everybody
    /// counts as older who was made until now; a scan finds who that is.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn switch_creating(&self, creates: Creates) -> Result<(), EngineError> {
        // What a remote made within the second of its answer becomes an offer.
        let clocks = Clocks {
            here: self.clock.now(),
            stripe: self.stripe.remote_about().map(|at| at.plus(WHOLE_SECOND)),
            zenskar: self.zenskar.remote_about().map(|at| at.plus(WHOLE_SECOND)),
        };
        let known = self.store.read()?.switched()?;
        if known.under(creates, clocks) == known {
            return Ok(());
        }
        let is_wider = self
            .writer
            .write("switch creating", move |tx| switch(tx, creates, clocks))
            .await?;
        if is_wider {
            self.wake.scan.notify_one();
        }
        Ok(())
    }

    /// Fills in the time of a remote that had not told it when creating was switched on. A remote
    /// that does not answer now is asked again by whoever asks it next.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn time_creating(&self) -> Result<(), EngineError> {
        let creates = self.settings().creates;
        let switched = self.store.read()?.switched()?;
        let is_untold = |target: Side| {
            let since = switched.on(target).filter(|_| creates.allows(target));
            since.is_some_and(|since| since.source.is_none())
        };
        if !is_untold(Side::Stripe) && !is_untold(Side::Zenskar) {
            return Ok(());
        }
        if is_untold(Side::Stripe)
            && self.zenskar.remote_about().is_none()
            && self.gate.is_open(Side::Zenskar, self.clock.now())
            && let Err(failure) = self.zenskar.tell_time(Priority::Sync).await
        {
            tracing::warn!(%failure, "Zenskar did not tell its time");
        }
        self.switch_creating(creates).await
    }

    /// Since when customers are made on `target`, if they are.
    pub(super) fn creates_since(&self, target: Side) -> Result<Option<Since>, EngineError> {
        if !self.settings().creates.allows(target) {
            return Ok(None);
        }
        Ok(self.store.read()?.switched()?.on(target))
    }
}

/// Whether customers are made where they were not.
fn switch(tx: &mut WriteTx<'_>, creates: Creates, clocks: Clocks) -> Result<bool, StoreError> {
    let before = tx.switched()?;
    let after = before.under(creates, clocks);
    tx.set_switched(&after)?;
    for side in [Side::Stripe, Side::Zenskar] {
        let what = match (before.on(side), after.on(side)) {
            (None, Some(_)) => "creating switched on",
            (Some(_), None) => "creating switched off",
            _ => continue,
        };
        let entry = Entry::engine(clocks.here, what, &"customers").with("target", &side);
        tx.append_journal(&entry)?;
    }
    let is_wider = after.is_wider_than(&before);
    if is_wider {
        step::want(tx)?;
    }
    Ok(is_wider)
}
