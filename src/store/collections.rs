//! Collections: the ledger of what is and was collected, and the lease of every invoice.
//!
//! # Invariants
//!
//! - Of an invoice's collections at most one holds the lease: [`WriteTx::begin_collection`] is the
//!   only way to add one, and refuses a second.
//! - A row of `collections` has exactly one row in `collections_by_time`, one in `collections_due`
//!   where a step is due, and one in `collections_by_object` for each of its objects in Stripe.
//! - A collection of which a request may have left is never removed.

use crate::model::collection::Collection;
use crate::model::id::InvoiceId;
use crate::model::time::Timestamp;
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::BAD_KEY;
use crate::store::key;
use crate::store::tables::{
    COLLECTIONS, COLLECTIONS_BY_OBJECT, COLLECTIONS_BY_TIME, COLLECTIONS_DUE, COUNTERS,
};
use crate::store::tx::{ALL, Bounds, ENOUGH, Order, ReadTx, WriteTx, before, until};
use std::ops::Bound;

/// Collections by what people have to know of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CollectionCounts {
    /// They hold their lease.
    pub open: u64,
    /// Money was taken that Zenskar is not known to hold.
    pub unbooked: u64,
    /// They wait for a person.
    pub awaiting_person: u64,
}

impl ReadTx<'_> {
    /// One collection.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn collection(
        &self,
        invoice: &InvoiceId,
        number: u64,
    ) -> Result<Option<Collection>, StoreError> {
        self.record(COLLECTIONS, &key::intent(invoice.as_str(), number))
    }

    /// The collections of an invoice, the first one first.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn collections_of(&self, invoice: &InvoiceId) -> Result<Vec<Collection>, StoreError> {
        let (from, to) = bounds_of(invoice.as_str());
        let bounds: Bounds<'_> = (Bound::Included(&from), Bound::Excluded(&to));
        self.values(COLLECTIONS, bounds, Order::Ascending, usize::MAX)
    }

    /// The collections that have this object of Stripe.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged or missing.
    pub fn collections_with(&self, object: &str) -> Result<Vec<Collection>, StoreError> {
        let (from, to) = bounds_of(object);
        let bounds: Bounds<'_> = (Bound::Included(&from), Bound::Excluded(&to));
        let mut found = Vec::new();
        self.scan(COLLECTIONS_BY_OBJECT, bounds, Order::Ascending, |row, _| {
            let collection = row.get(from.len()..).unwrap_or_default();
            found.push(self.found(COLLECTIONS_BY_OBJECT.name(), row, collection)?);
            crate::store::tx::ON
        })?;
        Ok(found)
    }

    /// Collections whose next step is due at `now`, the longest due first.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged or missing.
    pub fn due_collections(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Collection>, StoreError> {
        let mut due = Vec::new();
        if limit == 0 {
            return Ok(due);
        }
        self.scan(COLLECTIONS_DUE, ALL, Order::Ascending, |row, _| {
            let (due_at, collection) = read_due(COLLECTIONS_DUE.name(), row)?;
            if due_at > now {
                return ENOUGH;
            }
            due.push(self.found(COLLECTIONS_DUE.name(), row, collection)?);
            until(due.len(), limit)
        })?;
        Ok(due)
    }

    /// When the next step of a collection is due.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn next_collection_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut next = None;
        self.scan(COLLECTIONS_DUE, ALL, Order::Ascending, |row, _| {
            next = Some(read_due(COLLECTIONS_DUE.name(), row)?.0);
            ENOUGH
        })?;
        Ok(next)
    }

    /// Collections that were decided at `since` or later, the latest first.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged or missing.
    pub fn collections_since(&self, since: Timestamp) -> Result<Vec<Collection>, StoreError> {
        let from = key::instant(since);
        let bounds: Bounds<'_> = (Bound::Included(from.as_slice()), Bound::Unbounded);
        self.by_time(bounds, usize::MAX)
    }

    /// Collections, the latest decided first, from before this one.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged or missing.
    pub fn collections(
        &self,
        before_collection: Option<(Timestamp, &InvoiceId, u64)>,
        limit: usize,
    ) -> Result<Vec<Collection>, StoreError> {
        let from = before_collection.map(|(decided_at, invoice, number)| {
            key::due(decided_at, &key::intent(invoice.as_str(), number))
        });
        self.by_time(before(from.as_deref()), limit)
    }

    /// How many collections there are, by what people have to know of them.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn collection_counts(&self) -> Result<CollectionCounts, StoreError> {
        Ok(CollectionCounts {
            open: self.counter(OPEN)?,
            unbooked: self.counter(UNBOOKED)?,
            awaiting_person: self.counter(AWAITING)?,
        })
    }

    fn by_time(&self, bounds: Bounds<'_>, limit: usize) -> Result<Vec<Collection>, StoreError> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        self.scan(COLLECTIONS_BY_TIME, bounds, Order::Descending, |row, _| {
            let (_, collection) = read_due(COLLECTIONS_BY_TIME.name(), row)?;
            found.push(self.found(COLLECTIONS_BY_TIME.name(), row, collection)?);
            until(found.len(), limit)
        })?;
        Ok(found)
    }

    /// The collection that a row of an index speaks of.
    fn found(
        &self,
        index: &'static str,
        row: &[u8],
        collection: &[u8],
    ) -> Result<Collection, StoreError> {
        self.record(COLLECTIONS, collection)?.ok_or_else(|| {
            let missing = RecordError::Rule("the collection is missing");
            StoreError::corrupt(index, row, missing)
        })
    }
}

impl WriteTx<'_> {
    /// The number of the invoice's next collection. It is taken by asking.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn next_collection_number(&mut self, invoice: &InvoiceId) -> Result<u64, StoreError> {
        self.next_number(format!("collection/{invoice}").as_bytes())
    }

    /// Adds a collection, unless one of the invoice holds the lease; says whether it was added.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the value breaks a rule of its kind.
    pub fn begin_collection(&mut self, collection: &Collection) -> Result<bool, StoreError> {
        let others = self.collections_of(&collection.invoice)?;
        let is_leased = others.iter().any(Collection::holds_lease);
        #[cfg(feature = "mutants")]
        let is_leased = is_leased && !crate::mutants::is_on(crate::mutants::Mutant::LeaseSkipped);
        if is_leased {
            return Ok(false);
        }
        let row = key::intent(collection.invoice.as_str(), collection.number);
        let by_time = key::due(collection.decided_at, &row);
        self.put_bytes(COLLECTIONS_BY_TIME, &by_time, &[])?;
        self.write_collection(None, collection)?;
        Ok(true)
    }

    /// Removes a collection of which no request left, unless it moved; says whether it did. Its number
    /// is not given again.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn take_back_collection(&mut self, before: &Collection) -> Result<bool, StoreError> {
        let is_untouched = before.intent.is_none() && before.session.is_none();
        let stored = self.collection(&before.invoice, before.number)?;
        if stored.as_ref() != Some(before) || !is_untouched || before.taken.is_some() {
            return Ok(false);
        }
        let row = key::intent(before.invoice.as_str(), before.number);
        self.delete(COLLECTIONS_BY_TIME, &key::due(before.decided_at, &row))?;
        if let Some(due_at) = before.due_at {
            self.delete(COLLECTIONS_DUE, &key::due(due_at, &row))?;
        }
        for (name, is_one) in COUNTED {
            if is_one(before) {
                let count = self.counter(name)?;
                self.put(COUNTERS, name, &count.saturating_sub(1))?;
            }
        }
        self.delete(COLLECTIONS, &row)
    }

    /// Writes a collection in place of `before`, unless that one is not what is stored; says whether
    /// it was written.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the value breaks a rule of its kind.
    pub fn move_collection(
        &mut self,
        before: &Collection,
        collection: &Collection,
    ) -> Result<bool, StoreError> {
        let stored = self.collection(&before.invoice, before.number)?;
        if stored.as_ref() != Some(before) {
            return Ok(false);
        }
        self.write_collection(stored.as_ref(), collection)?;
        Ok(true)
    }

    fn write_collection(
        &mut self,
        before: Option<&Collection>,
        collection: &Collection,
    ) -> Result<(), StoreError> {
        let row = key::intent(collection.invoice.as_str(), collection.number);
        let due = |of: &Collection| of.due_at.map(|at| key::due(at, &row));
        let (old, new) = (before.and_then(due), due(collection));
        if old != new {
            if let Some(old) = old {
                self.delete(COLLECTIONS_DUE, &old)?;
            }
            if let Some(new) = new {
                self.put_bytes(COLLECTIONS_DUE, &new, &[])?;
            }
        }
        let intent = collection.intent.as_ref().map(|id| id.as_str());
        let session = collection.session.as_ref().map(|id| id.as_str());
        for object in [intent, session].into_iter().flatten() {
            let mut by_object = bounds_of(object).0;
            by_object.extend_from_slice(&row);
            self.put_bytes(COLLECTIONS_BY_OBJECT, &by_object, &[])?;
        }
        for (name, is_one) in COUNTED {
            let was = before.is_some_and(is_one);
            let is = is_one(collection);
            let count = self.counter(name)?;
            match (was, is) {
                (false, true) => self.put(COUNTERS, name, &count.saturating_add(1))?,
                (true, false) => self.put(COUNTERS, name, &count.saturating_sub(1))?,
                _ => {}
            }
        }
        self.put(COLLECTIONS, &row, collection)
    }
}

const OPEN: &[u8] = b"collections/open";
const UNBOOKED: &[u8] = b"collections/unbooked";
const AWAITING: &[u8] = b"collections/awaiting_person";

type IsOne = fn(&Collection) -> bool;

/// What is counted with every change, so that reading the counts costs nothing.
const COUNTED: [(&[u8], IsOne); 3] = [
    (OPEN, Collection::holds_lease),
    (UNBOOKED, |collection| {
        collection.stage.is_taken_not_booked()
    }),
    (AWAITING, Collection::awaits_person),
];

/// The bounds of what begins with an id.
fn bounds_of(id: &str) -> (Vec<u8>, Vec<u8>) {
    (key::intents_from(id), key::intents_to(id))
}

fn read_due<'r>(index: &'static str, row: &'r [u8]) -> Result<(Timestamp, &'r [u8]), StoreError> {
    key::to_due(row).ok_or_else(|| StoreError::corrupt(index, row, RecordError::Rule(BAD_KEY)))
}
