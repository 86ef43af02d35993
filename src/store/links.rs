//! Links: pairs of customers, one to one.
//!
//! # Invariants
//!
//! - `links_by_zenskar` holds exactly the reverse of `links`, so no id occurs in two links.
//! - The counts by state are kept with every change, so that reading them costs nothing.

use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::{Link, LinkState, Side};
use crate::model::work::Subject;
use crate::store::error::{RecordError, StoreError};
use crate::store::tables::{COUNTERS, LINKS, LINKS_BY_ZENSKAR};
use crate::store::tx::{Order, ReadTx, WriteTx, after};

/// Rows read at once while all are counted.
const ROWS_STEP: usize = 1_000;

/// How many links there are, by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// They are in force.
    pub active: u64,
    /// Their customer in Stripe is deleted.
    pub deleted_in_stripe: u64,
    /// Their customer in Zenskar is deleted.
    pub deleted_in_zenskar: u64,
    /// Stripe does not know their customer.
    pub unknown_in_stripe: u64,
    /// A person took them apart.
    pub unlinked: u64,
}

impl LinkCounts {
    /// The links one of whose customers is deleted.
    #[must_use]
    pub const fn deleted(&self) -> u64 {
        self.deleted_in_stripe
            .saturating_add(self.deleted_in_zenskar)
    }
}

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

    /// How many links there are, by state.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn link_counts(&self) -> Result<LinkCounts, StoreError> {
        let count = |state: LinkState| self.counter(counter_name(state));
        Ok(LinkCounts {
            active: count(LinkState::Active)?,
            deleted_in_stripe: count(LinkState::Deleted(Side::Stripe))?,
            deleted_in_zenskar: count(LinkState::Deleted(Side::Zenskar))?,
            unknown_in_stripe: count(LinkState::Unknown)?,
            unlinked: count(LinkState::Unlinked)?,
        })
    }

    /// How many links there are, in whatever state.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn link_count(&self) -> Result<u64, StoreError> {
        self.count(LINKS)
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
        self.put(LINKS, link.stripe.as_str().as_bytes(), link)?;
        let before = known.map(|known| known.state);
        self.move_link(link, before, Some(link.state))?;
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
            self.delete(LINKS_BY_ZENSKAR, known.zenskar.as_str().as_bytes())?;
            self.delete(LINKS, stripe.as_str().as_bytes())?;
            self.move_link(known, Some(known.state), None)?;
        }
        Ok(known)
    }

    /// What follows from a link's change of state.
    fn move_link(
        &mut self,
        link: &Link,
        before: Option<LinkState>,
        now: Option<LinkState>,
    ) -> Result<(), StoreError> {
        if before == now {
            return Ok(());
        }
        if let Some(name) = before.map(counter_name) {
            let count = self.counter(name)?.saturating_sub(1);
            self.put(COUNTERS, name, &count)?;
        }
        if let Some(name) = now.map(counter_name) {
            let count = self.counter(name)?.saturating_add(1);
            self.put(COUNTERS, name, &count)?;
        }
        self.move_alone(link, before, now)
    }

    /// Counts the links of a file that has no counts yet, and takes note of who is known to have no
    /// partner.
    pub(super) fn count_links(&mut self) -> Result<(), StoreError> {
        let mut after_id: Option<StripeCustomerId> = None;
        loop {
            let links = self.links(after_id.as_ref(), ROWS_STEP)?;
            let Some(last) = links.last() else { break };
            after_id = Some(last.stripe.clone());
            for link in &links {
                let name = counter_name(link.state);
                let count = self.counter(name)?.saturating_add(1);
                self.put(COUNTERS, name, &count)?;
                if link.state == LinkState::Unlinked {
                    self.move_alone(link, Some(LinkState::Active), Some(link.state))?;
                }
            }
        }
        let mut after_subject: Option<Subject> = None;
        loop {
            let parked = self.parked_list(after_subject.as_ref(), ROWS_STEP)?;
            let Some(last) = parked.last() else {
                return Ok(());
            };
            after_subject = Some(last.subject.clone());
            for work in &parked {
                self.note_alone(&work.subject, work.since)?;
            }
        }
    }
}

const fn counter_name(state: LinkState) -> &'static [u8] {
    match state {
        LinkState::Active => b"links/active",
        LinkState::Deleted(Side::Stripe) => b"links/deleted in stripe",
        LinkState::Deleted(Side::Zenskar) => b"links/deleted in zenskar",
        LinkState::Unknown => b"links/unknown in stripe",
        LinkState::Unlinked => b"links/unlinked",
    }
}
