//! Secrets, by name, sealed before they come here and opened after they left (`store/seal.rs`).

use crate::store::error::StoreError;
use crate::store::seal::Sealed;
use crate::store::tables::SECRETS;
use crate::store::tx::{Order, ReadTx, WriteTx};
use std::ops::Bound;

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

impl ReadTx<'_> {
    /// Every secret whose name begins with `prefix`, by name, sealed.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn secrets_under(&self, prefix: &str) -> Result<Vec<(String, Sealed)>, StoreError> {
        let from = (Bound::Included(prefix.as_bytes()), Bound::Unbounded);
        let rows = self.list(SECRETS, from, Order::Ascending, usize::MAX)?;
        let named = rows.into_iter().map(|(key, sealed)| {
            let name = String::from_utf8_lossy(&key).into_owned();
            (name, sealed)
        });
        Ok(named
            .take_while(|(name, _)| name.starts_with(prefix))
            .collect())
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
