//! Creations: customers that are to be made on the side that lacks them.
//!
//! # Invariants
//!
//! - A row of `creations` that is open has exactly one row in `creations_due`, at its `due_at`; any
//!   other has none.
//! - The counts by side and stage are kept with every change, so that reading them costs nothing
//!   however many are offered.
//! - A number is never given twice for a customer, also after its creation is gone.

use crate::model::creation::{Creation, Stage};
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::model::work::Subject;
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::BAD_KEY;
use crate::store::key;
use crate::store::meta::SWITCHED;
use crate::store::tables::{COUNTERS, CREATIONS, CREATIONS_DUE, META, NAMED};
use crate::store::tx::{ALL, Bounds, ENOUGH, Order, ReadTx, WriteTx, after, until};
use crate::sync::creation::Switched;
use std::ops::Bound;

/// How many creations there are, by stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CreationCounts {
    /// They wait for a person's order.
    pub offered: u64,
    /// They are on their way.
    pub open: u64,
    /// They were given up.
    pub dead: u64,
}

impl ReadTx<'_> {
    /// The creation of the counterpart of `subject`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn creation(&self, subject: &Subject) -> Result<Option<Creation>, StoreError> {
        self.record(CREATIONS, subject.to_string().as_bytes())
    }

    /// Creations by subject, after `after_subject`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn creations(
        &self,
        after_subject: Option<&Subject>,
        limit: usize,
    ) -> Result<Vec<Creation>, StoreError> {
        let from = after_subject.map(ToString::to_string);
        let bounds = after(from.as_ref().map(String::as_bytes));
        self.values(CREATIONS, bounds, Order::Ascending, limit)
    }

    /// Creations that are due at `now`, the longest due first.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged or missing.
    pub fn due_creations(&self, now: Timestamp, limit: usize) -> Result<Vec<Creation>, StoreError> {
        let mut due = Vec::new();
        if limit == 0 {
            return Ok(due);
        }
        self.scan(CREATIONS_DUE, ALL, Order::Ascending, |row, _| {
            let (due_at, subject) = read_due(row)?;
            if due_at > now {
                return ENOUGH;
            }
            match self.record::<Creation>(CREATIONS, subject)? {
                Some(creation) if creation.is_open() && creation.due_at == due_at => {
                    due.push(creation);
                }
                _ => return Err(astray(row)),
            }
            until(due.len(), limit)
        })?;
        Ok(due)
    }

    /// When the next creation is due.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn next_creation_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut next = None;
        self.scan(CREATIONS_DUE, ALL, Order::Ascending, |row, _| {
            next = Some(read_due(row)?.0);
            ENOUGH
        })?;
        Ok(next)
    }

    /// How many creations there are of customers to be made on `target`.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn creation_counts(&self, target: Side) -> Result<CreationCounts, StoreError> {
        let count = |name: &str| self.counter(&counter_name(target, name));
        Ok(CreationCounts {
            offered: count(OFFERED)?,
            open: count(OPEN)?,
            dead: count(DEAD)?,
        })
    }

    /// Since when customers are created; nothing in a new store.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn switched(&self) -> Result<Switched, StoreError> {
        Ok(self.record(META, SWITCHED)?.unwrap_or_default())
    }

    /// Customers of Stripe that were seen with metadata that name this customer of Zenskar, at most
    /// `limit`. They may say something else by now.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn named_by(
        &self,
        zenskar: &ZenskarCustomerId,
        limit: usize,
    ) -> Result<Vec<StripeCustomerId>, StoreError> {
        let (from, to) = (
            key::named_from(zenskar.as_str()),
            key::named_to(zenskar.as_str()),
        );
        let bounds: Bounds<'_> = (Bound::Included(&from), Bound::Excluded(&to));
        let mut found = Vec::new();
        self.scan(NAMED, bounds, Order::Ascending, |row, _| {
            let id = key::to_named(row).and_then(|id| StripeCustomerId::parse(id).ok());
            let bad = || StoreError::corrupt(NAMED.name(), row, RecordError::Rule(BAD_KEY));
            found.push(id.ok_or_else(bad)?);
            until(found.len(), limit)
        })?;
        Ok(found)
    }
}

impl WriteTx<'_> {
    /// Writes a creation in place of what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the value breaks a rule of its kind.
    pub fn put_creation(&mut self, creation: &Creation) -> Result<(), StoreError> {
        let known = self.creation(&creation.subject)?;
        let row = creation.subject.to_string();
        self.move_creation_due(row.as_bytes(), known.as_ref(), Some(creation))?;
        self.count_creation(known.as_ref(), Some(creation))?;
        self.put(CREATIONS, row.as_bytes(), creation)
    }

    /// Removes the creation of the counterpart of `subject`; gives what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the row is damaged.
    pub fn remove_creation(&mut self, subject: &Subject) -> Result<Option<Creation>, StoreError> {
        let known = self.creation(subject)?;
        if let Some(known) = &known {
            let row = subject.to_string();
            self.move_creation_due(row.as_bytes(), Some(known), None)?;
            self.count_creation(Some(known), None)?;
            self.delete(CREATIONS, row.as_bytes())?;
        }
        Ok(known)
    }

    /// The number of the next request to create the counterpart of `subject`. It is taken by asking.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn next_creation_number(&mut self, subject: &Subject) -> Result<u64, StoreError> {
        self.next_number(format!("creation/{subject}").as_bytes())
    }

    /// Writes since when customers are created.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn set_switched(&mut self, switched: &Switched) -> Result<(), StoreError> {
        self.put(META, SWITCHED, switched)
    }

    /// Remembers that the metadata of this customer of Stripe name that customer of Zenskar.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn note_named(
        &mut self,
        zenskar: &ZenskarCustomerId,
        stripe: &StripeCustomerId,
    ) -> Result<(), StoreError> {
        self.put_bytes(NAMED, &key::named(zenskar.as_str(), stripe.as_str()), &[])
    }

    /// Forgets what [`Self::note_named`] remembered.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn forget_named(
        &mut self,
        zenskar: &ZenskarCustomerId,
        stripe: &StripeCustomerId,
    ) -> Result<bool, StoreError> {
        self.delete(NAMED, &key::named(zenskar.as_str(), stripe.as_str()))
    }

    fn move_creation_due(
        &mut self,
        subject: &[u8],
        before: Option<&Creation>,
        now: Option<&Creation>,
    ) -> Result<(), StoreError> {
        let due = |row: Option<&Creation>| row.filter(|row| row.is_open()).map(|row| row.due_at);
        let (before, now) = (due(before), due(now));
        if before == now {
            return Ok(());
        }
        if let Some(before) = before {
            self.delete(CREATIONS_DUE, &key::due(before, subject))?;
        }
        if let Some(now) = now {
            self.put_bytes(CREATIONS_DUE, &key::due(now, subject), &[])?;
        }
        Ok(())
    }

    fn count_creation(
        &mut self,
        before: Option<&Creation>,
        now: Option<&Creation>,
    ) -> Result<(), StoreError> {
        let name = |row: &Creation| counter_name(row.target(), stage_name(row.stage));
        let (before, now) = (before.map(name), now.map(name));
        if before == now {
            return Ok(());
        }
        if let Some(name) = before {
            let count = self.counter(&name)?.saturating_sub(1);
            self.put(COUNTERS, &name, &count)?;
        }
        if let Some(name) = now {
            let count = self.counter(&name)?.saturating_add(1);
            self.put(COUNTERS, &name, &count)?;
        }
        Ok(())
    }
}

const OFFERED: &str = "offered";
const OPEN: &str = "open";
const DEAD: &str = "dead";

const fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Offered => OFFERED,
        Stage::Waiting | Stage::Unknown(_) => OPEN,
        Stage::Dead(_) => DEAD,
    }
}

fn counter_name(target: Side, stage: &str) -> Vec<u8> {
    format!("creations/{target}/{stage}").into_bytes()
}

fn read_due(row: &[u8]) -> Result<(Timestamp, &[u8]), StoreError> {
    key::to_due(row)
        .ok_or_else(|| StoreError::corrupt(CREATIONS_DUE.name(), row, RecordError::Rule(BAD_KEY)))
}

fn astray(row: &[u8]) -> StoreError {
    StoreError::corrupt(
        CREATIONS_DUE.name(),
        row,
        RecordError::Rule("no creation is due then"),
    )
}
