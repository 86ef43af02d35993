//! Who was on the pages of a listing, page by page, so that who was not can be told at its end.
//!
//! They are part of the scan's place and stand beside it, a row a page. Rows of an earlier listing
//! are not removed: a listing writes its pages over them, and counts its own in the scan's cursor.

use crate::model::link::Side;
use crate::model::mark::Mark;
use crate::store::error::StoreError;
use crate::store::key;
use crate::store::tables::CURSORS;
use crate::store::tx::{ON, Order, ReadTx, WriteTx};
use std::ops::Bound;

impl ReadTx<'_> {
    /// The marks on the first `pages` pages of the listing of `side`, in no order.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn listed(&self, side: Side, pages: u64) -> Result<Vec<Mark>, StoreError> {
        let (from, to) = (key::page(side, 0), key::page(side, pages));
        let bounds = (
            Bound::Included(from.as_slice()),
            Bound::Excluded(to.as_slice()),
        );
        let mut marks = Vec::new();
        self.scan(CURSORS, bounds, Order::Ascending, |row, value| {
            let page: Vec<Mark> = crate::store::codec::decode(value)
                .map_err(|wrong| StoreError::corrupt(CURSORS.name(), row, wrong))?;
            marks.extend(page);
            ON
        })?;
        Ok(marks)
    }
}

impl WriteTx<'_> {
    /// Writes who was on the page `page` of the listing of `side`, counted from zero.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn put_listed(&mut self, side: Side, page: u64, marks: &[Mark]) -> Result<(), StoreError> {
        self.put(CURSORS, &key::page(side, page), &marks.to_vec())
    }
}
