//! Secrets, by name, sealed before they come here and opened after they left (`store/seal.rs`).

use crate::store::error::StoreError;
use crate::store::seal::Sealed;
use crate::store::tables::SECRETS;
use crate::store::tx::{ReadTx, WriteTx};

impl ReadTx<'_> {
    /// The secret under `name`, sealed.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn secret(&self, name: &str) -> Result<Option<Sealed>, StoreError> {
        self.record(SECRETS, name.as_bytes())
    }
}

impl WriteTx<'_> {
    /// Writes the secret under `name` in place of what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn put_secret(&mut self, name: &str, sealed: &Sealed) -> Result<(), StoreError> {
        self.put(SECRETS, name.as_bytes(), sealed)
    }

    /// Removes the secret under `name`; says whether there was one.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn remove_secret(&mut self, name: &str) -> Result<bool, StoreError> {
        self.delete(SECRETS, name.as_bytes())
    }
}
