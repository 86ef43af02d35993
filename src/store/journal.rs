//! The journal: what was done and why, for people.

use crate::model::journal::Entry;
use crate::store::codec::decode;
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::BAD_KEY;
use crate::store::key;
use crate::store::tables::JOURNAL;
use crate::store::tx::{ENOUGH, ON, Order, ReadTx, WriteTx, before};

/// An entry and its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// Its number: the order of writing, from 1.
    pub number: u64,
    /// The entry.
    pub entry: Entry,
}

/// One page of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalPage {
    /// Entries, newest first.
    pub entries: Vec<Numbered>,
    /// Where the next page begins: give it as `before_number`. `None` at the journal's start.
    pub next: Option<u64>,
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
        self.journal_page(before_number, limit, limit, |_| true)
    }

    /// As [`Self::journal`], only what happened to `subject`; looks at no more than `look_at`
    /// entries, so that the page may be short although [`JournalPage::next`] says there is more.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn journal_of(
        &self,
        subject: &str,
        before_number: Option<u64>,
        limit: usize,
        look_at: usize,
    ) -> Result<JournalPage, StoreError> {
        self.journal_page(before_number, limit, look_at, |entry| {
            entry.subject == subject
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

    fn journal_page(
        &self,
        before_number: Option<u64>,
        limit: usize,
        look_at: usize,
        wanted: impl Fn(&Entry) -> bool,
    ) -> Result<JournalPage, StoreError> {
        let to = before_number.map(key::number);
        let bounds = before(to.as_ref().map(<[u8; 8]>::as_slice));
        let mut page = JournalPage::default();
        let mut left = look_at;
        let mut last = before_number;
        self.scan(JOURNAL, bounds, Order::Descending, |row, value| {
            if left == 0 || page.entries.len() >= limit {
                page.next = last;
                return ENOUGH;
            }
            let corrupt = |wrong| StoreError::corrupt(JOURNAL.name(), row, wrong);
            let number = key::to_number(row).ok_or_else(|| corrupt(RecordError::Rule(BAD_KEY)))?;
            let entry: Entry = decode(value).map_err(corrupt)?;
            left = left.saturating_sub(1);
            last = Some(number);
            if wanted(&entry) {
                page.entries.push(Numbered { number, entry });
            }
            ON
        })?;
        Ok(page)
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
        Ok(number)
    }
}
