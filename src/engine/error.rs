//! What can end a step of a loop early.

use crate::remote::outcome::Failure;
use crate::store::{StoreError, WriteError};

/// What can end a step of a loop early.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store cannot be read; the process ends.
    #[error("read the store")]
    Read(#[from] StoreError),
    /// The store cannot be written; the process ends.
    #[error("write to the store")]
    Write(#[from] WriteError),
    /// A remote did not answer as needed; the work waits.
    #[error("call a remote")]
    Remote(#[from] Failure),
}

impl EngineError {
    /// Whether the process cannot go on.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Read(_) | Self::Write(_))
    }
}
