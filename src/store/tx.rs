//! Transactions: a snapshot to read from, and a story being written.
//!
//! [`ReadTx`] has the verbs that read, [`WriteTx`] reads as one and has the verbs that write. The
//! verbs are grouped by noun in the files beside this one; here are the few moves they are made of.
//!
//! # Invariants
//!
//! - What a [`WriteTx`] reads includes what was written before in the same commit.
//! - No verb panics on damaged data: a row that does not decode is [`StoreError::Corrupt`].
//!
//! Not here: when a commit happens (`store/writer.rs`).

use crate::store::codec::{self, Record};
use crate::store::error::{RecordError, StoreError};
use crate::store::tables::{self, Table};
use redb::{ReadableTable, ReadableTableMetadata};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Bound, ControlFlow, Deref};

/// A consistent view of the store. Short-lived: pages it can see are not reused while it lives.
pub struct ReadTx<'a> {
    source: Source<'a>,
}

/// A story being written. Lives inside the writer only.
pub struct WriteTx<'a> {
    view: ReadTx<'a>,
    /// The last sequence number given to an event, once it was looked up in this commit.
    pub(super) last_seq: Option<u64>,
}

type SeenTable = redb::ReadOnlyTable<&'static [u8], &'static [u8]>;
type OpenTable<'a> = redb::Table<'a, &'static [u8], &'static [u8]>;

enum Source<'a> {
    Snapshot {
        transaction: redb::ReadTransaction,
        /// Tables stay open once they are: opening one costs as much as a small read.
        open: RefCell<BTreeMap<Table, SeenTable>>,
    },
    Commit {
        transaction: &'a redb::WriteTransaction,
        /// Tables stay open for the whole commit: opening one costs as much as a small insert.
        open: RefCell<BTreeMap<Table, OpenTable<'a>>>,
    },
}

/// Bounds of a scan.
pub(super) type Bounds<'k> = (Bound<&'k [u8]>, Bound<&'k [u8]>);

/// Everything.
pub(super) const ALL: Bounds<'static> = (Bound::Unbounded, Bound::Unbounded);

/// Which way a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Ascending,
    Descending,
}

/// Whether a scan goes on.
pub(super) type Step = Result<ControlFlow<()>, StoreError>;

/// The scan goes on.
pub(super) const ON: Step = Ok(ControlFlow::Continue(()));

/// The scan ends here.
pub(super) const ENOUGH: Step = Ok(ControlFlow::Break(()));

/// The scan goes on while fewer than `limit` are `taken`.
pub(super) fn until(taken: usize, limit: usize) -> Step {
    if taken < limit { ON } else { ENOUGH }
}

/// Bounds of what comes after `key`, or of everything.
pub(super) fn after(key: Option<&[u8]>) -> Bounds<'_> {
    (
        key.map_or(Bound::Unbounded, Bound::Excluded),
        Bound::Unbounded,
    )
}

/// Bounds of what comes before `key`, or of everything.
pub(super) fn before(key: Option<&[u8]>) -> Bounds<'_> {
    (
        Bound::Unbounded,
        key.map_or(Bound::Unbounded, Bound::Excluded),
    )
}

impl ReadTx<'static> {
    pub(super) const fn snapshot(transaction: redb::ReadTransaction) -> Self {
        Self {
            source: Source::Snapshot {
                transaction,
                open: RefCell::new(BTreeMap::new()),
            },
        }
    }
}

impl<'a> ReadTx<'a> {
    /// Rows by table, without counting them one by one.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn rows(&self) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        tables::ALL
            .into_iter()
            .map(|table| Ok((table.name(), self.count(table)?)))
            .collect()
    }

    pub(super) fn count(&self, table: Table) -> Result<u64, StoreError> {
        match &self.source {
            Source::Snapshot { .. } => self.in_snapshot(table, |table| table.len())?,
            Source::Commit { .. } => self.in_commit(table, |table| table.len())?,
        }
        .map_err(|error| StoreError::io("read the store", error))
    }

    /// What `use_value` makes of the value of `key`, if there is one.
    pub(super) fn with<R>(
        &self,
        table: Table,
        key: &[u8],
        use_value: impl FnOnce(&[u8]) -> Result<R, RecordError>,
    ) -> Result<Option<R>, StoreError> {
        let found = match &self.source {
            Source::Snapshot { .. } => self.in_snapshot(table, |table| {
                ReadableTable::get(table, key)
                    .map(|value| value.map(|value| use_value(value.value())))
            })?,
            Source::Commit { .. } => self.in_commit(table, |table| {
                table
                    .get(key)
                    .map(|value| value.map(|value| use_value(value.value())))
            })?,
        };
        found
            .map_err(|error| StoreError::io("read the store", error))?
            .transpose()
            .map_err(|wrong| StoreError::corrupt(table.name(), key, wrong))
    }

    /// The record of `key`, if there is one.
    pub(super) fn record<T: Record>(
        &self,
        table: Table,
        key: &[u8],
    ) -> Result<Option<T>, StoreError> {
        self.with(table, key, codec::decode)
    }

    /// Visits the rows within `bounds` until `visit` has enough.
    pub(super) fn scan(
        &self,
        table: Table,
        bounds: Bounds<'_>,
        order: Order,
        mut visit: impl FnMut(&[u8], &[u8]) -> Step,
    ) -> Result<(), StoreError> {
        match &self.source {
            Source::Snapshot { .. } => {
                self.in_snapshot(table, |table| walk(table, bounds, order, &mut visit))?
            }
            Source::Commit { .. } => {
                self.in_commit(table, |table| walk(table, bounds, order, &mut visit))?
            }
        }
    }

    /// The records within `bounds`, with what `key` makes of their keys, at most `limit`.
    pub(super) fn list<T: Record>(
        &self,
        table: Table,
        bounds: Bounds<'_>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
        let mut list = Vec::new();
        if limit == 0 {
            return Ok(list);
        }
        self.scan(table, bounds, order, |key, value| {
            let value = codec::decode(value)
                .map_err(|wrong| StoreError::corrupt(table.name(), key, wrong))?;
            list.push((key.to_vec(), value));
            until(list.len(), limit)
        })?;
        Ok(list)
    }

    /// As [`Self::list`], without the keys.
    pub(super) fn values<T: Record>(
        &self,
        table: Table,
        bounds: Bounds<'_>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<T>, StoreError> {
        let list = self.list(table, bounds, order, limit)?;
        Ok(list.into_iter().map(|(_, value)| value).collect())
    }

    /// The last key of `table`.
    pub(super) fn last_key(&self, table: Table) -> Result<Option<Vec<u8>>, StoreError> {
        let mut last = None;
        self.scan(table, ALL, Order::Descending, |key, _| {
            last = Some(key.to_vec());
            ENOUGH
        })?;
        Ok(last)
    }

    /// Runs `act` on an open table of the snapshot, which is taken out while it is used.
    fn in_snapshot<R>(
        &self,
        table: Table,
        act: impl FnOnce(&SeenTable) -> R,
    ) -> Result<R, StoreError> {
        let Source::Snapshot { transaction, open } = &self.source else {
            return Err(StoreError::ReadOnly);
        };
        let kept = open.borrow_mut().remove(&table);
        let opened = match kept {
            Some(opened) => opened,
            None => transaction
                .open_table(table.definition())
                .map_err(|error| StoreError::io("open a table of the store", error))?,
        };
        let result = act(&opened);
        open.borrow_mut().insert(table, opened);
        Ok(result)
    }

    /// Runs `act` on an open table of the commit. Nested use of one table is an error of redb's,
    /// not a panic: the table is taken out while it is used.
    fn in_commit<R>(
        &self,
        table: Table,
        act: impl FnOnce(&mut OpenTable<'a>) -> R,
    ) -> Result<R, StoreError> {
        let Source::Commit { transaction, open } = &self.source else {
            return Err(StoreError::ReadOnly);
        };
        let kept = open.borrow_mut().remove(&table);
        let mut opened = match kept {
            Some(opened) => opened,
            None => transaction
                .open_table(table.definition())
                .map_err(|error| StoreError::io("open a table of the store", error))?,
        };
        let result = act(&mut opened);
        open.borrow_mut().insert(table, opened);
        Ok(result)
    }
}

fn walk(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    bounds: Bounds<'_>,
    order: Order,
    visit: &mut dyn FnMut(&[u8], &[u8]) -> Step,
) -> Result<(), StoreError> {
    let failed = |error| StoreError::io("read the store", error);
    let mut range = table.range::<&[u8]>(bounds).map_err(failed)?;
    loop {
        let row = match order {
            Order::Ascending => range.next(),
            Order::Descending => range.next_back(),
        };
        let Some(row) = row else { return Ok(()) };
        let (key, value) = row.map_err(failed)?;
        if visit(key.value(), value.value())?.is_break() {
            return Ok(());
        }
    }
}

impl<'a> WriteTx<'a> {
    pub(super) const fn new(transaction: &'a redb::WriteTransaction) -> Self {
        Self {
            view: ReadTx {
                source: Source::Commit {
                    transaction,
                    open: RefCell::new(BTreeMap::new()),
                },
            },
            last_seq: None,
        }
    }

    /// Writes the record of `value`.
    pub(super) fn put<T: Record>(
        &mut self,
        table: Table,
        key: &[u8],
        value: &T,
    ) -> Result<(), StoreError> {
        let record = codec::encode(value).map_err(|source| StoreError::Refused {
            table: table.name(),
            source,
        })?;
        self.put_bytes(table, key, &record)
    }

    /// Writes a row whose value is already a record, or empty.
    #[expect(
        clippy::needless_pass_by_ref_mut,
        reason = "it changes what is read afterwards, which a shared reference would hide"
    )]
    pub(super) fn put_bytes(
        &mut self,
        table: Table,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), StoreError> {
        self.view
            .in_commit(table, |table| table.insert(key, value).map(drop))?
            .map_err(|error| StoreError::io("write to the store", error))
    }

    /// Removes a row; says whether it was there.
    #[expect(
        clippy::needless_pass_by_ref_mut,
        reason = "it changes what is read afterwards, which a shared reference would hide"
    )]
    pub(super) fn delete(&mut self, table: Table, key: &[u8]) -> Result<bool, StoreError> {
        self.view
            .in_commit(table, |table| table.remove(key).map(|row| row.is_some()))?
            .map_err(|error| StoreError::io("write to the store", error))
    }
}

impl<'a> Deref for WriteTx<'a> {
    type Target = ReadTx<'a>;

    fn deref(&self) -> &ReadTx<'a> {
        &self.view
    }
}

impl fmt::Debug for ReadTx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadTx").finish_non_exhaustive()
    }
}

impl fmt::Debug for WriteTx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteTx").finish_non_exhaustive()
    }
}
