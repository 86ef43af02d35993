//! Clues: by what a customer of Zenskar shows that it may be the partner of a customer of Stripe
//! that waits for one.
//!
//! What is kept is the [mark](Mark) of a clue, not the clue. Two clues of one mark cost a search
//! that finds nobody. A row stays after its customer was linked, until its clue is met again.

use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::mark::Mark;
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::BAD_KEY;
use crate::store::key;
use crate::store::tables::CLUES;
use crate::store::tx::{Bounds, Order, ReadTx, WriteTx, until};
use std::ops::Bound;

/// What a customer of Zenskar shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clue {
    /// This address of e-mail, in whatever case.
    Email(String),
    /// That it is this one: it may be the partner, and others may be.
    Candidate(ZenskarCustomerId),
}

impl Clue {
    fn mark(&self) -> Mark {
        Mark::of(&match self {
            Self::Email(email) => format!("email/{}", email.trim().to_lowercase()),
            Self::Candidate(id) => format!("zenskar/{id}"),
        })
    }
}

impl ReadTx<'_> {
    /// Customers of Stripe that this clue may lead to, at most `limit`. They may have a partner by
    /// now.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn sought_by(
        &self,
        clue: &Clue,
        limit: usize,
    ) -> Result<Vec<StripeCustomerId>, StoreError> {
        let mark = clue.mark().number();
        let from = key::number(mark);
        // The bound after the last mark there is would be one too many.
        let to = mark.checked_add(1).map(key::number);
        let to = to
            .as_ref()
            .map_or(Bound::Unbounded, |to| Bound::Excluded(to.as_slice()));
        let bounds: Bounds<'_> = (Bound::Included(&from), to);
        let mut found = Vec::new();
        self.scan(CLUES, bounds, Order::Ascending, |row, _| {
            let id = key::to_run(row).and_then(|id| StripeCustomerId::parse(id).ok());
            let bad = || StoreError::corrupt(CLUES.name(), row, RecordError::Rule(BAD_KEY));
            found.push(id.ok_or_else(bad)?);
            until(found.len(), limit)
        })?;
        Ok(found)
    }
}

impl WriteTx<'_> {
    /// Remembers that this clue may lead to that customer of Stripe.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn note_clue(&mut self, clue: &Clue, stripe: &StripeCustomerId) -> Result<(), StoreError> {
        self.put_bytes(CLUES, &row(clue, stripe), &[])
    }

    /// Forgets what [`Self::note_clue`] remembered.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn forget_clue(
        &mut self,
        clue: &Clue,
        stripe: &StripeCustomerId,
    ) -> Result<bool, StoreError> {
        self.delete(CLUES, &row(clue, stripe))
    }
}

fn row(clue: &Clue, stripe: &StripeCustomerId) -> Vec<u8> {
    key::run(clue.mark().number(), stripe.as_str())
}
