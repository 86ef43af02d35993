//! What can end a step of a loop early.

use crate::remote::outcome::Failure;
use crate::store::{StoreError, WriteError};

/// What can end a step of a loop early.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store cannot be read, and the process ends; or it does not take a value, which is that
    /// value's failure alone.
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
        match self {
            Self::Remote(_) | Self::Read(StoreError::Refused { .. }) => false,
            Self::Read(_) | Self::Write(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RecordError;

    #[test]
    fn a_refused_value_ends_nothing() {
        let refused = StoreError::Refused {
            table: "mirrors",
            source: RecordError::Rule("too large"),
        };
        assert!(!EngineError::Read(refused).is_fatal());
        assert!(EngineError::Read(StoreError::ReadOnly).is_fatal());
        assert!(EngineError::Write(WriteError::WriterGone).is_fatal());
    }
}
