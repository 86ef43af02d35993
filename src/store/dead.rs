//! Dead letters: what was set aside until a person decides.

use crate::model::time::Timestamp;
use crate::model::work::{DeadLetter, DeadWork, Subject};
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::BAD_KEY;
use crate::store::key;
use crate::store::tables::{DEAD, DEAD_BY_SUBJECT};
use crate::store::tx::{Bounds, ON, Order, ReadTx, WriteTx, after};
use std::ops::Bound;

const NUMBERS: &[u8] = b"dead";

/// Dead letters read at once.
const LETTERS_STEP: usize = 1_000;

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

    /// The dead letters about a subject, by number.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn dead_letters_of(&self, subject: &Subject) -> Result<Vec<DeadLetter>, StoreError> {
        let subject = subject.to_string();
        let (from, to) = (key::about_from(&subject), key::about_to(&subject));
        let bounds: Bounds<'_> = (Bound::Included(&from), Bound::Excluded(&to));
        let mut numbers = Vec::new();
        self.scan(DEAD_BY_SUBJECT, bounds, Order::Ascending, |row, _| {
            let bad =
                || StoreError::corrupt(DEAD_BY_SUBJECT.name(), row, RecordError::Rule(BAD_KEY));
            numbers.push(key::to_about(row).ok_or_else(bad)?);
            ON
        })?;
        let letters = numbers.into_iter().map(|number| self.dead_letter(number));
        letters.filter_map(Result::transpose).collect()
    }

    /// The number of the last dead letter that there was; zero before the first.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn last_dead_number(&self) -> Result<u64, StoreError> {
        self.counter(NUMBERS)
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
        self.put_dead_letter(&letter)?;
        Ok(letter)
    }

    pub(super) fn put_dead_letter(&mut self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.put(DEAD, &key::number(letter.number), letter)?;
        self.index_dead_letter(letter)
    }

    /// Removes a dead letter; gives what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the row is damaged.
    pub fn remove_dead_letter(&mut self, number: u64) -> Result<Option<DeadLetter>, StoreError> {
        let known = self.dead_letter(number)?;
        if let Some(letter) = &known {
            let subject = letter.what.subject().to_string();
            self.delete(DEAD, &key::number(number))?;
            self.delete(DEAD_BY_SUBJECT, &key::about(&subject, number))?;
        }
        Ok(known)
    }

    /// Removes the dead letters about a subject that `is_gone` holds for.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or a row is damaged.
    pub fn remove_dead_letters(
        &mut self,
        subject: &Subject,
        is_gone: impl Fn(&DeadWork) -> bool,
    ) -> Result<(), StoreError> {
        for letter in self.dead_letters_of(subject)? {
            if is_gone(&letter.what) {
                self.remove_dead_letter(letter.number)?;
            }
        }
        Ok(())
    }

    fn index_dead_letter(&mut self, letter: &DeadLetter) -> Result<(), StoreError> {
        let subject = letter.what.subject().to_string();
        self.put_bytes(DEAD_BY_SUBJECT, &key::about(&subject, letter.number), &[])
    }

    /// Makes the index of dead letters by subject, which files of schema 3 lack.
    pub(super) fn index_dead_letters(&mut self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let letters = self.dead_letters(after, LETTERS_STEP)?;
            let Some(last) = letters.last() else {
                return Ok(());
            };
            after = Some(last.number);
            for letter in &letters {
                self.index_dead_letter(letter)?;
            }
        }
    }
}
