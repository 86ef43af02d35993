//! Who a listing held: the marks of its pages, sorted.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::model::cursor::{ScanCursor, ScanPhase};
use crate::model::link::Side;
use crate::model::mark::Mark;
use crate::model::time::Timestamp;
use crate::store::{ReadTx, StoreError};
use std::sync::{Arc, Mutex, PoisonError};

/// Who a listing held: eight bytes a customer.
#[derive(Debug)]
pub(in crate::engine) struct Roll(Vec<Mark>);

impl Roll {
    /// Who was on the pages of the last listing of `side` that the store keeps, as far as `cursor`
    /// says, and these.
    pub(super) fn read(
        read: &ReadTx<'_>,
        (side, cursor): (Side, &ScanCursor),
        more: &[Mark],
    ) -> Result<Self, StoreError> {
        let pages = match side {
            // A later listing of Zenskar alone leaves the last one of Stripe.
            Side::Stripe => cursor
                .listing
                .as_ref()
                .map_or(cursor.stripe_pages, |one| one.pages),
            Side::Zenskar => cursor.zenskar_pages,
        };
        let mut marks = read.listed(side, pages)?;
        marks.extend_from_slice(more);
        marks.sort_unstable();
        Ok(Self(marks))
    }

    /// Whether the customer `id` was listed, as far as its mark says.
    pub(in crate::engine) fn holds(&self, id: &str) -> bool {
        self.0.binary_search(&Mark::of(id)).is_ok()
    }
}

/// The roll of Stripe's last listing, and when that ended, kept for the looks that follow it.
#[derive(Debug, Default)]
pub(in crate::engine) struct KeptRoll(Mutex<Option<(Timestamp, Arc<Roll>)>>);

impl KeptRoll {
    /// Nobody asks for it any more, or another one is to be made.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Engine {
    /// Forgets the roll once no look can follow from the listing.
    pub(in crate::engine) fn drop_roll(&self) -> Result<(), EngineError> {
        let read = self.store.read()?;
        if read.scan_cursor()?.phase == ScanPhase::Idle && read.work_count()? == 0 {
            self.roll.forget();
        }
        Ok(())
    }

    /// Who the last listing of Stripe saw, once it has seen everybody there.
    pub(in crate::engine) fn roll_of_stripe(
        &self,
        read: &ReadTx<'_>,
        cursor: &ScanCursor,
    ) -> Result<Arc<Roll>, EngineError> {
        let listing = cursor.listing.as_ref();
        let listed_at = listing.map_or(cursor.started_at, |listing| listing.ended_at);
        let mut kept = self.roll.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, roll)) = &*kept
            && *at == listed_at
        {
            return Ok(Arc::clone(roll));
        }
        let roll = Arc::new(Roll::read(read, (Side::Stripe, cursor), &[])?);
        *kept = Some((listed_at, Arc::clone(&roll)));
        Ok(roll)
    }
}
