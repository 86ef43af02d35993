//! Dead letters: what was set aside until a person decides.

use crate::model::time::Timestamp;
use crate::model::work::{DeadLetter, DeadWork};
use crate::store::error::StoreError;
use crate::store::key;
use crate::store::tables::DEAD;
use crate::store::tx::{Order, ReadTx, WriteTx, after};

const NUMBERS: &[u8] = b"dead";

impl ReadTx<'_> {
    /// The dead letter with this number.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn dead_letter(&self, number: u64) -> Result<Option<DeadLetter>, StoreError> {
        self.record(DEAD, &key::number(number))
    }

    /// Dead letters by number, after `after_number`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn dead_letters(
        &self,
        after_number: Option<u64>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let from = after_number.map(key::number);
        let bounds = after(from.as_ref().map(<[u8; 8]>::as_slice));
        self.values(DEAD, bounds, Order::Ascending, limit)
    }

    /// How many dead letters there are.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn dead_count(&self) -> Result<u64, StoreError> {
        self.count(DEAD)
    }
}

impl WriteTx<'_> {
    /// Sets something aside; gives the dead letter with its number.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn add_dead_letter(
        &mut self,
        what: DeadWork,
        reason: &str,
        at: Timestamp,
        attempts: u32,
    ) -> Result<DeadLetter, StoreError> {
        let letter = DeadLetter {
            number: self.next_number(NUMBERS)?,
            what,
            reason: reason.to_owned(),
            at,
            attempts,
        };
        self.put(DEAD, &key::number(letter.number), &letter)?;
        Ok(letter)
    }

    /// Removes a dead letter; gives what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the row is damaged.
    pub fn remove_dead_letter(&mut self, number: u64) -> Result<Option<DeadLetter>, StoreError> {
        let known = self.dead_letter(number)?;
        if known.is_some() {
            self.delete(DEAD, &key::number(number))?;
        }
        Ok(known)
    }
}
