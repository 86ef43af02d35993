//! Customers that are known to be on one side alone.
//!
//! # Invariants
//!
//! - A customer with a link that no person took apart has no row: the transaction that makes the
//!   link removes the rows of both, and the one that takes it apart writes them again.
//!
//! Whom a look found no partner of has a row, and so has whom a listing showed without link.
//!
//! So the rows are counted by counting them, however many there are.

use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::{Link, LinkState, Side};
use crate::model::time::Timestamp;
use crate::model::work::Subject;
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::BAD_KEY;
use crate::store::key;
use crate::store::tables::{ALONE_IN_STRIPE, ALONE_IN_ZENSKAR, COUNTERS, Table};
use crate::store::tx::{Order, ReadTx, WriteTx, after, until};

impl ReadTx<'_> {
    /// How many customers of `side` are known to have no partner.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn alone_count(&self, side: Side) -> Result<u64, StoreError> {
        self.count(table(side))
    }

    /// Whether this customer is known to have no partner.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn is_alone(&self, subject: &Subject) -> Result<bool, StoreError> {
        let (side, id) = place(subject);
        let found = self.with(table(side), id.as_bytes(), |_| Ok(()))?;
        Ok(found.is_some())
    }

    /// Customers of `side` without partner and since when that is known, by id, after `after_id`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn alone(
        &self,
        side: Side,
        after_id: Option<&Subject>,
        limit: usize,
    ) -> Result<Vec<(Subject, Timestamp)>, StoreError> {
        let from = after_id.map(|subject| place(subject).1.as_bytes());
        let mut found = Vec::new();
        self.scan(table(side), after(from), Order::Ascending, |row, value| {
            let bad = || StoreError::corrupt(table(side).name(), row, RecordError::Rule(BAD_KEY));
            let id = std::str::from_utf8(row).map_err(|_| bad())?;
            let subject = match side {
                Side::Stripe => StripeCustomerId::parse(id).ok().map(Subject::Customer),
                Side::Zenskar => ZenskarCustomerId::parse(id).ok().map(Subject::Unlinked),
            };
            let since = key::to_instant_of(value);
            found.push((subject.ok_or_else(bad)?, since.ok_or_else(bad)?));
            until(found.len(), limit)
        })?;
        Ok(found)
    }

    /// When a listing last showed every customer of `side` (this host's clock).
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn alone_counted_at(&self, side: Side) -> Result<Option<Timestamp>, StoreError> {
        let micros = i64::try_from(self.counter(&counted_name(side))?).unwrap_or(i64::MAX);
        Ok((micros > 0).then(|| Timestamp::from_micros(micros)))
    }
}

impl WriteTx<'_> {
    /// Takes note that a customer has no partner, unless it has a link.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or a row is damaged.
    pub fn note_alone(&mut self, subject: &Subject, since: Timestamp) -> Result<(), StoreError> {
        let link = match subject {
            Subject::Customer(id) => self.link(id)?,
            Subject::Unlinked(id) => self.link_by_zenskar(id)?,
        };
        if link.is_some_and(|link| link.state != LinkState::Unlinked) || self.is_alone(subject)? {
            return Ok(());
        }
        let (side, id) = place(subject);
        self.put_bytes(table(side), id.as_bytes(), &key::instant(since))
    }

    /// Forgets a customer that is not there any more.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn forget_alone(&mut self, subject: &Subject) -> Result<(), StoreError> {
        let (side, id) = place(subject);
        self.delete(table(side), id.as_bytes()).map(drop)
    }

    /// Takes note that a listing showed every customer of `side`.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn set_alone_counted_at(&mut self, side: Side, now: Timestamp) -> Result<(), StoreError> {
        let micros = u64::try_from(now.micros()).unwrap_or(0);
        self.put(COUNTERS, &counted_name(side), &micros)
    }

    /// The customers of a link are, or are not, alone from here on. Of a link that ended because a
    /// customer was deleted, or is unknown, only the other one is there.
    pub(super) fn move_alone(
        &mut self,
        link: &Link,
        before: Option<LinkState>,
        now: Option<LinkState>,
    ) -> Result<(), StoreError> {
        let both = [
            Subject::Customer(link.stripe.clone()),
            Subject::Unlinked(link.zenskar.clone()),
        ];
        let is_there = |side: Side| match before {
            Some(LinkState::Deleted(gone)) => gone != side,
            Some(LinkState::Unknown) => side != Side::Stripe,
            Some(LinkState::Active | LinkState::Unlinked) | None => true,
        };
        let is_apart = |state: Option<LinkState>| state.is_none_or(|at| at == LinkState::Unlinked);
        for subject in both {
            let (side, id) = place(&subject);
            match (is_apart(before), is_apart(now)) {
                (true, false) => self.forget_alone(&subject)?,
                (false, true) if is_there(side) => {
                    let since = key::instant(link.made_at);
                    self.put_bytes(table(side), id.as_bytes(), &since)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

const fn table(side: Side) -> Table {
    match side {
        Side::Stripe => ALONE_IN_STRIPE,
        Side::Zenskar => ALONE_IN_ZENSKAR,
    }
}

fn place(subject: &Subject) -> (Side, &str) {
    match subject {
        Subject::Customer(id) => (Side::Stripe, id.as_str()),
        Subject::Unlinked(id) => (Side::Zenskar, id.as_str()),
    }
}

fn counted_name(side: Side) -> Vec<u8> {
    format!("alone/{side}/counted at").into_bytes()
}
