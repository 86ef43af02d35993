//! Links: pairs of customers, one to one.
//!
//! # Invariants
//!
//! - `links_by_zenskar` holds exactly the reverse of `links`, so no id occurs in two links.
//! - The links whose customer Stripe does not know are counted with every change.

use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::{Link, LinkState};
use crate::store::error::{RecordError, StoreError};
use crate::store::tables::{COUNTERS, LINKS, LINKS_BY_ZENSKAR};
use crate::store::tx::{Order, ReadTx, WriteTx, after};

/// How many links are of a customer that Stripe does not know.
const UNKNOWN: &[u8] = b"links/unknown";

/// What became of a link that was to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is written.
    Stored,
    /// Nothing is written: this other link has one of its two ids.
    Claimed(Box<Link>),
}

impl ReadTx<'_> {
    /// The link of a customer in Stripe.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn link(&self, stripe: &StripeCustomerId) -> Result<Option<Link>, StoreError> {
        self.record(LINKS, stripe.as_str().as_bytes())
    }

    /// The link of a customer in Zenskar.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged or missing.
    pub fn link_by_zenskar(&self, zenskar: &ZenskarCustomerId) -> Result<Option<Link>, StoreError> {
        let row = zenskar.as_str().as_bytes();
        let Some(stripe) = self.record::<StripeCustomerId>(LINKS_BY_ZENSKAR, row)? else {
            return Ok(None);
        };
        match self.link(&stripe)? {
            Some(link) if link.zenskar == *zenskar => Ok(Some(link)),
            _ => Err(StoreError::corrupt(
                LINKS_BY_ZENSKAR.name(),
                row,
                RecordError::Rule("the index does not lead to the link"),
            )),
        }
    }

    /// Links by Stripe id, after `after_id`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn links(
        &self,
        after_id: Option<&StripeCustomerId>,
        limit: usize,
    ) -> Result<Vec<Link>, StoreError> {
        let bounds = after(after_id.map(|id| id.as_str().as_bytes()));
        self.values(LINKS, bounds, Order::Ascending, limit)
    }

    /// How many links there are.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn link_count(&self) -> Result<u64, StoreError> {
        self.count(LINKS)
    }

    /// How many links are of a customer that Stripe does not know.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn unknown_count(&self) -> Result<u64, StoreError> {
        self.counter(UNKNOWN)
    }
}

impl WriteTx<'_> {
    /// Writes a link, new or changed. To give a customer another partner, remove its link first.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or a row is damaged.
    pub fn put_link(&mut self, link: &Link) -> Result<Placed, StoreError> {
        let known = self.link(&link.stripe)?;
        if let Some(known) = &known
            && known.zenskar != link.zenskar
        {
            return Ok(Placed::Claimed(Box::new(known.clone())));
        }
        if known.is_none() {
            if let Some(other) = self.link_by_zenskar(&link.zenskar)? {
                return Ok(Placed::Claimed(Box::new(other)));
            }
            let row = link.zenskar.as_str().as_bytes();
            self.put(LINKS_BY_ZENSKAR, row, &link.stripe)?;
        }
        self.count_unknown(known.as_ref(), Some(link))?;
        self.put(LINKS, link.stripe.as_str().as_bytes(), link)?;
        Ok(Placed::Stored)
    }

    /// Removes a link; gives what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the row is damaged.
    pub fn remove_link(&mut self, stripe: &StripeCustomerId) -> Result<Option<Link>, StoreError> {
        let known = self.link(stripe)?;
        if let Some(known) = &known {
            self.count_unknown(Some(known), None)?;
            self.delete(LINKS_BY_ZENSKAR, known.zenskar.as_str().as_bytes())?;
            self.delete(LINKS, stripe.as_str().as_bytes())?;
        }
        Ok(known)
    }

    fn count_unknown(
        &mut self,
        before: Option<&Link>,
        now: Option<&Link>,
    ) -> Result<(), StoreError> {
        let is_unknown =
            |link: Option<&Link>| link.is_some_and(|link| link.state == LinkState::Unknown);
        let count = self.counter(UNKNOWN)?;
        let count = match (is_unknown(before), is_unknown(now)) {
            (false, true) => count.saturating_add(1),
            (true, false) => count.saturating_sub(1),
            (true, true) | (false, false) => return Ok(()),
        };
        self.put(COUNTERS, UNKNOWN, &count)
    }
}
