//! What can go wrong in the store.

use crate::model::id::InvalidId;
use crate::store::key;
use std::path::PathBuf;
use std::sync::Arc;

/// The cause of an error whose type is not ours.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong in the store. None of it is an outcome of business: those are values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the file open.
    #[error("the store is open in another process")]
    InUse,
    /// The file holds something else.
    #[error("the file is not a store of zenstripe")]
    Foreign {
        /// What the database engine said, if it was its verdict.
        #[source]
        source: Option<Cause>,
    },
    /// A newer release wrote the file, and this one cannot read it.
    #[error(
        "the store has schema {found}, readable from schema {oldest_reader} on; \
         this release knows schema {known}"
    )]
    TooNew {
        /// Schema of the file.
        found: u32,
        /// Oldest schema whose releases can read the file.
        oldest_reader: u32,
        /// Newest schema of this release.
        known: u32,
    },
    /// The file was not closed and has to be recovered, which only an open for writing does.
    #[error("the store was not closed and recovers when it is next opened")]
    Unclean,
    /// The file system, or the database engine above it. The store is not used after this: the
    /// process ends and starts again from what is durable.
    #[error("{doing}")]
    Io {
        /// What was being done, such as `commit to the store`.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: Cause,
    },
    /// A row that no release can have written, or that contradicts another one.
    #[error("row {key} of table {table} is corrupt")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row's key, for people.
        key: String,
        /// What is wrong with it.
        #[source]
        source: RecordError,
    },
    /// A value that must not be written: it is too large or contradicts itself.
    #[error("a value for table {table} is refused")]
    Refused {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        #[source]
        source: RecordError,
    },
    /// A snapshot was to be written; only the writer writes.
    #[error("a snapshot cannot be written")]
    ReadOnly,
    /// The key file beside the store.
    #[error("use the key file {}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why it cannot be used.
        #[source]
        source: Cause,
    },
    /// The writer's thread came to an end by itself: a story panicked.
    #[error("the store's writer panicked")]
    Panicked,
}

impl StoreError {
    /// An error of the database engine.
    pub(super) fn io(doing: &'static str, source: impl Into<redb::Error>) -> Self {
        let source: Cause = match source.into() {
            // The engine's error names no cause, so who asks why would not find it.
            redb::Error::Io(error) => Box::new(error),
            other => Box::new(other),
        };
        Self::Io { doing, source }
    }

    /// A row that is wrong.
    pub(super) fn corrupt(table: &'static str, key: &[u8], source: RecordError) -> Self {
        Self::Corrupt {
            table,
            key: key::show(key),
            source,
        }
    }
}

/// What is wrong with a stored value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It ends before its envelope does.
    #[error("{0} bytes are too few for a record")]
    Short(usize),
    /// It is a record of another kind.
    #[error("the record has tag {found}, not {wanted}")]
    Tag {
        /// Tag found.
        found: u8,
        /// Tag of the kind that was asked for.
        wanted: u8,
    },
    /// A version that this release does not know.
    #[error("version {0} of the record is not known to this release")]
    Version(u16),
    /// Its bytes do not decode, or its value does not encode.
    #[error("the record's bytes are not what its version says")]
    Encoding(#[source] Cause),
    /// Its compressed part does not expand.
    #[error("the compressed part of the record does not expand")]
    Compression(#[source] std::io::Error),
    /// It holds text that cannot be an identifier.
    #[error("the record holds a bad identifier")]
    Id(#[from] InvalidId),
    /// It breaks a rule that every value of its kind keeps.
    #[error("{0}")]
    Rule(&'static str),
}

/// Why a write did not happen, or is not known to have happened.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The writer has stopped, and the story was not run.
    #[error("the store's writer has stopped")]
    WriterGone,
    /// The story, or the commit it was part of, failed. Whether it is in the file is known when
    /// the store is opened again.
    #[error("write to the store: {story}")]
    Failed {
        /// The story's name.
        story: &'static str,
        /// Why.
        #[source]
        source: Arc<StoreError>,
    },
}

/// The writer's queue is full; nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store's writer has no room for another event")]
pub struct QueueFull;
