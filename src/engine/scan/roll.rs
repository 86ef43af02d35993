//! Who a listing held: the marks of its pages, sorted.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::model::cursor::ScanCursor;
use crate::model::link::Side;
use crate::model::mark::Mark;
use crate::model::time::Timestamp;
use crate::store::{ReadTx, StoreError};
use std::sync::{Arc, Mutex, PoisonError};

/// Who a listing held: eight bytes a customer.
#[derive(Debug)]
pub(in crate::engine) struct Roll(Vec<Mark>);

impl Roll {
    /// Who was on the pages of `cursor`'s listing of `side` that the store keeps, and these.
    pub(super) fn read(
        read: &ReadTx<'_>,
        (side, cursor): (Side, &ScanCursor),
        more: &[Mark],
    ) -> Result<Self, StoreError> {
        let pages = match side {
            Side::Stripe => cursor.stripe_pages,
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

/// The roll of Stripe's listing of the scan under way, kept for the looks that follow it.
#[derive(Debug, Default)]
pub(in crate::engine) struct KeptRoll(Mutex<Option<(Timestamp, Arc<Roll>)>>);

impl KeptRoll {
    /// Nobody asks any more.
    pub(super) fn drop(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Engine {
    /// Who the scan under way saw in Stripe, once it has seen everybody there.
    pub(in crate::engine) fn roll_of_stripe(
        &self,
        read: &ReadTx<'_>,
        cursor: &ScanCursor,
    ) -> Result<Arc<Roll>, EngineError> {
        let mut kept = self.roll.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((started_at, roll)) = &*kept
            && *started_at == cursor.started_at
        {
            return Ok(Arc::clone(roll));
        }
        let roll = Arc::new(Roll::read(read, (Side::Stripe, cursor), &[])?);
        *kept = Some((cursor.started_at, Arc::clone(&roll)));
        Ok(roll)
    }
}
