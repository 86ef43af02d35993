//! The journal: what was done and why, for people.

use crate::model::journal::Entry;
use crate::store::codec::decode;
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::BAD_KEY;
use crate::store::key;
use crate::store::tables::{JOURNAL, JOURNAL_BY_SUBJECT};
use crate::store::tx::{Bounds, ENOUGH, ON, Order, ReadTx, WriteTx, before};
use std::ops::Bound;

/// An entry and its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// Its number: the order of writing, from 1.
    pub number: u64,
    /// The entry.
    pub entry: Entry,
}

/// Entries read at once.
const ENTRIES_STEP: usize = 1_000;

const NO_ENTRY: &str = "the entry that it names is not there";

/// One page of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalPage {
    /// Entries, newest first.
    pub entries: Vec<Numbered>,
    /// Where the next page begins: give it as `before_number`. `None` at the journal's start.
    pub next: Option<u64>,
}

fn bad_index(row: &[u8], rule: &'static str) -> StoreError {
    StoreError::corrupt(JOURNAL_BY_SUBJECT.name(), row, RecordError::Rule(rule))
}

impl ReadTx<'_> {
    /// Entries before `before_number`, or all, newest first.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn journal(
        &self,
        before_number: Option<u64>,
        limit: usize,
    ) -> Result<JournalPage, StoreError> {
        let to = before_number.map(key::number);
        let bounds = before(to.as_ref().map(<[u8; 8]>::as_slice));
        let mut page = JournalPage::default();
        self.scan(JOURNAL, bounds, Order::Descending, |row, value| {
            if page.entries.len() >= limit {
                page.next = page.entries.last().map(|numbered| numbered.number);
                return ENOUGH;
            }
            let corrupt = |wrong| StoreError::corrupt(JOURNAL.name(), row, wrong);
            let number = key::to_number(row).ok_or_else(|| corrupt(RecordError::Rule(BAD_KEY)))?;
            let entry: Entry = decode(value).map_err(corrupt)?;
            page.entries.push(Numbered { number, entry });
            ON
        })?;
        Ok(page)
    }

    /// As [`Self::journal`], only what happened to `subject`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn journal_of(
        &self,
        subject: &str,
        before_number: Option<u64>,
        limit: usize,
    ) -> Result<JournalPage, StoreError> {
        let from = key::about_from(subject);
        let to = before_number.map_or_else(
            || key::about_to(subject),
            |number| key::about(subject, number),
        );
        let bounds: Bounds<'_> = (Bound::Included(&from), Bound::Excluded(&to));
        let (mut numbers, mut next) = (Vec::new(), None);
        self.scan(JOURNAL_BY_SUBJECT, bounds, Order::Descending, |row, _| {
            if numbers.len() >= limit {
                next = numbers.last().copied();
                return ENOUGH;
            }
            numbers.push(key::to_about(row).ok_or_else(|| bad_index(row, BAD_KEY))?);
            ON
        })?;
        let entries = numbers.into_iter().map(|number| {
            let entry: Option<Entry> = self.record(JOURNAL, &key::number(number))?;
            let entry = entry.ok_or_else(|| bad_index(&key::about(subject, number), NO_ENTRY))?;
            Ok(Numbered { number, entry })
        });
        Ok(JournalPage {
            entries: entries.collect::<Result<_, StoreError>>()?,
            next,
        })
    }

    /// How many entries there are.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn journal_count(&self) -> Result<u64, StoreError> {
        self.count(JOURNAL)
    }
}

impl WriteTx<'_> {
    /// Appends an entry; gives its number.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn append_journal(&mut self, entry: &Entry) -> Result<u64, StoreError> {
        // The newest entry is never pruned, so a number is never given twice.
        let last = self.last_key(JOURNAL)?;
        let last = last.as_deref().and_then(key::to_number).unwrap_or(0);
        let number = last.saturating_add(1);
        self.put(JOURNAL, &key::number(number), entry)?;
        self.index_entry(number, entry)?;
        Ok(number)
    }

    fn index_entry(&mut self, number: u64, entry: &Entry) -> Result<(), StoreError> {
        let about = key::about(&entry.subject, number);
        self.put_bytes(JOURNAL_BY_SUBJECT, &about, &[])
    }

    /// Makes the index of the journal by subject, which files of schema 5 lack.
    pub(super) fn index_journal(&mut self) -> Result<(), StoreError> {
        let mut before = None;
        loop {
            let page = self.journal(before, ENTRIES_STEP)?;
            for Numbered { number, entry } in &page.entries {
                self.index_entry(*number, entry)?;
            }
            if page.next.is_none() {
                return Ok(());
            }
            before = page.next;
        }
    }
}
