//! The outbox: intents that are to be delivered, or whose outcome is not known.
//!
//! # Invariants
//!
//! - Writes of one link go out one after the other: `outbox_due` has at most one row for a link,
//!   that of its lowest open intent, and none while that one is not scheduled.
//! - A number is never given twice for a link, also after its intents are gone.

use crate::model::id::StripeCustomerId;
use crate::model::intent::Intent;
use crate::model::time::Timestamp;
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::BAD_KEY;
use crate::store::key;
use crate::store::tables::{OUTBOX, OUTBOX_DUE};
use crate::store::tx::{ALL, Bounds, ENOUGH, Order, ReadTx, WriteTx, after, until};
use std::ops::Bound;

/// An intent, and when its next attempt is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// The intent.
    pub intent: Intent,
    /// When its next attempt is due; `None` when none is planned.
    pub due_at: Option<Timestamp>,
}

impl ReadTx<'_> {
    /// The intents of a link, lowest number first.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn intents(&self, link: &StripeCustomerId) -> Result<Vec<Intent>, StoreError> {
        let scheduled = self.scheduled_of(link)?;
        Ok(scheduled.into_iter().map(|row| row.intent).collect())
    }

    /// One intent, and when it is due.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn intent(
        &self,
        link: &StripeCustomerId,
        number: u64,
    ) -> Result<Option<Scheduled>, StoreError> {
        self.record(OUTBOX, &key::intent(link.as_str(), number))
    }

    /// Intents that are due at `now`, the longest due first: of each link only its lowest open one.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged or missing.
    pub fn due_intents(&self, now: Timestamp, limit: usize) -> Result<Vec<Intent>, StoreError> {
        self.due_intents_where(now, limit, |_| true)
    }

    /// The same of those that are wanted.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn due_intents_where(
        &self,
        now: Timestamp,
        limit: usize,
        is_wanted: impl Fn(&Intent) -> bool,
    ) -> Result<Vec<Intent>, StoreError> {
        let mut due = Vec::new();
        if limit == 0 {
            return Ok(due);
        }
        self.scan(OUTBOX_DUE, ALL, Order::Ascending, |row, _| {
            let (due_at, intent) = read_due(row)?;
            if due_at > now {
                return ENOUGH;
            }
            match self.record::<Scheduled>(OUTBOX, intent)? {
                Some(found) if found.due_at == Some(due_at) => {
                    due.extend(Some(found.intent).filter(&is_wanted));
                }
                _ => return Err(astray(row)),
            }
            until(due.len(), limit)
        })?;
        Ok(due)
    }

    /// When the next intent is due.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn next_intent_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut next = None;
        self.scan(OUTBOX_DUE, ALL, Order::Ascending, |row, _| {
            next = Some(read_due(row)?.0);
            ENOUGH
        })?;
        Ok(next)
    }

    /// Intents by link and number, after `after_intent`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn outbox(
        &self,
        after_intent: Option<(&StripeCustomerId, u64)>,
        limit: usize,
    ) -> Result<Vec<Scheduled>, StoreError> {
        let from = after_intent.map(|(link, number)| key::intent(link.as_str(), number));
        self.values(OUTBOX, after(from.as_deref()), Order::Ascending, limit)
    }

    /// How many intents there are, in whatever state.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn intent_count(&self) -> Result<u64, StoreError> {
        self.count(OUTBOX)
    }

    fn scheduled_of(&self, link: &StripeCustomerId) -> Result<Vec<Scheduled>, StoreError> {
        let (from, to) = (
            key::intents_from(link.as_str()),
            key::intents_to(link.as_str()),
        );
        let bounds: Bounds<'_> = (Bound::Included(&from), Bound::Excluded(&to));
        self.values(OUTBOX, bounds, Order::Ascending, usize::MAX)
    }
}

impl WriteTx<'_> {
    /// The number of the link's next intent. It is taken by asking.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn next_intent_number(&mut self, link: &StripeCustomerId) -> Result<u64, StoreError> {
        self.next_number(format!("intent/{link}").as_bytes())
    }

    /// Writes an intent in place of what was there. `due_at` is when its next attempt is due; an
    /// intent that is not open has none.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the value breaks a rule of its kind.
    pub fn put_intent(
        &mut self,
        intent: &Intent,
        due_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let before = self.due_row(&intent.link)?;
        let scheduled = Scheduled {
            intent: intent.clone(),
            due_at,
        };
        let row = key::intent(intent.link.as_str(), intent.number);
        self.put(OUTBOX, &row, &scheduled)?;
        self.move_due(&intent.link, before)
    }

    /// Removes an intent; gives what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or a row is damaged.
    pub fn remove_intent(
        &mut self,
        link: &StripeCustomerId,
        number: u64,
    ) -> Result<Option<Intent>, StoreError> {
        let Some(known) = self.intent(link, number)? else {
            return Ok(None);
        };
        let before = self.due_row(link)?;
        self.delete(OUTBOX, &key::intent(link.as_str(), number))?;
        self.move_due(link, before)?;
        Ok(Some(known.intent))
    }

    /// The row that `link` should have in the index of what is due.
    fn due_row(&self, link: &StripeCustomerId) -> Result<Option<Vec<u8>>, StoreError> {
        let rows = self.scheduled_of(link)?;
        let lowest = rows.into_iter().find(|row| row.intent.is_open());
        Ok(lowest.and_then(|row| {
            let intent = key::intent(link.as_str(), row.intent.number);
            Some(key::due(row.due_at?, &intent))
        }))
    }

    fn move_due(
        &mut self,
        link: &StripeCustomerId,
        before: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let now = self.due_row(link)?;
        if before == now {
            return Ok(());
        }
        if let Some(before) = before {
            self.delete(OUTBOX_DUE, &before)?;
        }
        if let Some(now) = now {
            self.put_bytes(OUTBOX_DUE, &now, &[])?;
        }
        Ok(())
    }
}

fn read_due(row: &[u8]) -> Result<(Timestamp, &[u8]), StoreError> {
    key::to_due(row)
        .ok_or_else(|| StoreError::corrupt(OUTBOX_DUE.name(), row, RecordError::Rule(BAD_KEY)))
}

fn astray(row: &[u8]) -> StoreError {
    StoreError::corrupt(
        OUTBOX_DUE.name(),
        row,
        RecordError::Rule("no intent is due then"),
    )
}
