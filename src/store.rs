//! The store: one file, one process, one writer.
//!
//! [`Store`] opens the file and gives snapshots to read from ([`ReadTx`]); [`Writer`] writes, one
//! named story at a time, many to a commit. The verbs of both are grouped by noun: inbox, work,
//! links, clues, listings, outbox, creations, dead letters, differences, runs, mirrors, cursors, journal,
//! secrets, reads, meta.
//!
//! # Invariants
//!
//! - What the writer answered for is on the disk; what it did not answer for is there as a whole or
//!   not at all.
//! - Opening after a crash costs milliseconds, whatever the size of the file.
//! - No type and no error of the database engine leaves this module but as an opaque cause.
//! - An error of the file system is final: the process ends and opens the store again.
//!
//! Not here: what is to be stored and when (`engine`), and time: instants are handed in.

mod alone;
mod aside;
mod charges;
mod clues;
mod codec;
mod collections;
mod creations;
mod cursors;
mod dead;
mod differences;
mod dropped;
mod error;
mod inbox;
mod invoices;
mod janitor;
mod journal;
mod key;
mod links;
mod listed;
mod meta;
mod mirrors;
mod outbox;
mod reads;
mod runs;
mod schema;
mod seal;
mod secrets;
mod sessions;
mod tables;
mod tokens;
mod tx;
mod work;
mod writer;

pub use clues::Clue;
pub use codec::survey;
pub use collections::CollectionCounts;
pub use creations::CreationCounts;
pub use error::{Cause, QueueFull, RecordError, StoreError, WriteError};
pub use inbox::{EventHead, Inserted, PreparedEvent, StoredEvent, StoredHead};
pub use invoices::SeenInvoice;
pub use janitor::Prunable;
pub use journal::{JournalPage, Numbered};
pub use links::{LinkCounts, Placed};
pub use meta::{Identity, Mode};
pub use mirrors::PreparedMirror;
pub use outbox::Scheduled;
pub use schema::SCHEMA_VERSION;
pub use seal::{KEY_BYTES, SealError, Sealed, Sealer};
pub use tx::{ReadTx, WriteTx};
pub use work::{Sorted, TakenIn};
pub use writer::{COMMIT_TIME_BOUNDS, Writer, WriterStats};

use aside::Aside;
use redb::{DatabaseError, ReadableDatabase, StorageBackend};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Memory for pages of the file, in bytes. The engine's own default, 1 GiB, wins nothing here:
/// backfill is as fast with this, and the process stays below 100 MB whatever the file's size.
pub const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// How to open a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// Memory for pages of the file, in bytes.
    pub cache_bytes: usize,
    /// Installation id of a new file; drawn from the operating system when `None`.
    pub installation_id: Option<[u8; 16]>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            cache_bytes: CACHE_BYTES,
            installation_id: None,
        }
    }
}

/// The open store. Clones are the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    database: redb::Database,
    path: Option<PathBuf>,
}

impl Store {
    /// Opens the store in the file `path`, which is made if it is missing, and brings its schema
    /// up to date.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] while another process has it open, [`StoreError::TooNew`] and
    /// [`StoreError::Foreign`] for a file that this release must not touch.
    pub fn open(path: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        let failed = |error| StoreError::io("open the store's file", redb::StorageError::Io(error));
        if !path.try_exists().map_err(failed)? {
            Self::make(path, options)?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(failed)?;
        Self::open_file(file, Some(path.to_owned()), options)
    }

    /// Makes the file `path`: under another name first, because a file whose making was interrupted
    /// cannot be told from one that is no store.
    fn make(path: &Path, options: StoreOptions) -> Result<(), StoreError> {
        let failed = |error| StoreError::io("make the store's file", redb::StorageError::Io(error));
        let aside = Aside::new(path).map_err(failed)?;
        drop(Self::open_file(
            aside.file().map_err(failed)?,
            None,
            options,
        )?);
        match aside.publish() {
            // Another process was faster; if it is still there, the file is in use.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            result => result.map_err(failed),
        }
    }

    fn open_file(
        file: File,
        path: Option<PathBuf>,
        options: StoreOptions,
    ) -> Result<Self, StoreError> {
        let backend = redb::backends::FileBackend::new(file).map_err(refused)?;
        Self::with_backend(backend, path, options)
    }

    /// Opens the store in `backend`; for the simulation.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open_backend(
        backend: impl StorageBackend,
        options: StoreOptions,
    ) -> Result<Self, StoreError> {
        Self::with_backend(backend, None, options)
    }

    /// A snapshot to read from.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read(&self) -> Result<ReadTx<'static>, StoreError> {
        let transaction = self
            .inner
            .database
            .begin_read()
            .map_err(|error| StoreError::io("begin to read the store", error))?;
        Ok(ReadTx::snapshot(transaction))
    }

    /// Size of the file, in bytes; `None` when there is no file.
    ///
    /// # Errors
    ///
    /// The file cannot be looked at.
    pub fn file_bytes(&self) -> Result<Option<u64>, StoreError> {
        let Some(path) = &self.inner.path else {
            return Ok(None);
        };
        let metadata = std::fs::metadata(path).map_err(|error| {
            StoreError::io("look at the store's file", redb::StorageError::Io(error))
        })?;
        Ok(Some(metadata.len()))
    }

    /// Looks at the file `path` without changing it; gives its schema.
    ///
    /// # Errors
    ///
    /// As [`Store::open`], and [`StoreError::Unclean`] when it would have to recover.
    pub fn check_header(path: &Path) -> Result<u32, StoreError> {
        let database = redb::Builder::new()
            .set_cache_size(0)
            .open_read_only(path)
            .map_err(refused)?;
        let transaction = database
            .begin_read()
            .map_err(|error| StoreError::io("begin to read the store", error))?;
        if has_meta(&transaction)? {
            schema::check(&ReadTx::snapshot(transaction))
        } else {
            Err(StoreError::Foreign { source: None })
        }
    }

    fn with_backend(
        backend: impl StorageBackend,
        path: Option<PathBuf>,
        options: StoreOptions,
    ) -> Result<Self, StoreError> {
        let database = redb::Builder::new()
            .set_cache_size(options.cache_bytes)
            .create_with_backend(backend)
            .map_err(refused)?;
        let store = Self {
            inner: Arc::new(Inner { database, path }),
        };
        store.bring_up_to_date(options)?;
        Ok(store)
    }

    fn bring_up_to_date(&self, options: StoreOptions) -> Result<(), StoreError> {
        let found = {
            let transaction = self
                .inner
                .database
                .begin_read()
                .map_err(|error| StoreError::io("begin to read the store", error))?;
            if has_meta(&transaction)? {
                schema::check(&ReadTx::snapshot(transaction))?
            } else if is_empty(&transaction)? {
                0
            } else {
                return Err(StoreError::Foreign { source: None });
            }
        };
        let installation = match options.installation_id {
            Some(id) => id,
            None => draw_id()?,
        };
        for schema in found..SCHEMA_VERSION {
            self.commit(|tx| schema::migrate(tx, schema, installation))?;
        }
        Ok(())
    }

    /// Runs `act` in a transaction of its own and commits it; nothing of it stays on an error.
    fn commit<R>(
        &self,
        act: impl FnOnce(&mut WriteTx<'_>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let mut transaction = self
            .inner
            .database
            .begin_write()
            .map_err(|error| StoreError::io("begin to write the store", error))?;
        transaction
            .set_durability(redb::Durability::Immediate)
            .map_err(|error| StoreError::Io {
                doing: "begin to write the store",
                source: error.into(),
            })?;
        // Without it, opening a large file after a crash takes seconds: it is read from end to end.
        transaction.set_quick_repair(true);
        let result = act(&mut WriteTx::new(&transaction))?;
        transaction
            .commit()
            .map_err(|error| StoreError::io("commit to the store", error))?;
        Ok(result)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}

fn has_meta(transaction: &redb::ReadTransaction) -> Result<bool, StoreError> {
    let mut tables = list_tables(transaction)?;
    Ok(tables.any(|name| name == tables::META.name()))
}

fn is_empty(transaction: &redb::ReadTransaction) -> Result<bool, StoreError> {
    Ok(list_tables(transaction)?.next().is_none())
}

fn list_tables(
    transaction: &redb::ReadTransaction,
) -> Result<impl Iterator<Item = String>, StoreError> {
    let tables = transaction
        .list_tables()
        .map_err(|error| StoreError::io("list the store's tables", error))?;
    Ok(tables.map(|table| redb::TableHandle::name(&table).to_owned()))
}

/// Why the engine did not open the file.
fn refused(error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse,
        DatabaseError::RepairAborted => StoreError::Unclean,
        DatabaseError::Storage(redb::StorageError::Io(error))
            if error.kind() == std::io::ErrorKind::InvalidData =>
        {
            StoreError::Foreign {
                source: Some(error.into()),
            }
        }
        other => StoreError::io("open the store", other),
    }
}

fn draw_id() -> Result<[u8; 16], StoreError> {
    let mut id = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut id).map_err(|error| StoreError::Io {
        doing: "draw an installation id",
        source: error.into(),
    })?;
    Ok(id)
}

#[cfg(test)]
mod tests;
