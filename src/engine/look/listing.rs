//! What a scan listed of a customer of Stripe, in place of a read of it: Stripe rations reads.
//!
//! Whatever changed since the listing comes as an event, or is found by the next one. Where Stripe
//! is written to, an older state must not hide an edit:
//!
//! - A delivery reads its target anew before it writes; where that is not as it was planned for,
//!   the listing serves no more ([`distrust`]).
//! - While a write to Stripe is under way, or a person's decision is to be carried out, the listing
//!   does not serve.
//! - It serves only where Zenskar holds what it held when the listing began: then what both hold
//!   they held at the same time, and did agree on.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::look::Sight;
use crate::model::cursor::{ScanCursor, ScanPhase, StripeListing};
use crate::model::id::StripeCustomerId;
use crate::model::link::Side;
use crate::model::mirror::Mirror;
use crate::model::time::Timestamp;
use crate::model::work::Work;
use crate::store::{PreparedMirror, ReadTx, StoreError, WriteTx};
use crate::stripe;
use std::cmp::Ordering;

/// A customer of Stripe as a listing showed it.
pub(super) struct Listed {
    pub(super) sight: Sight,
    /// Zenskar's customer must not have changed since this time of Zenskar's; any time will do where
    /// Stripe is not written to.
    unmoved_since: Option<Unmoved>,
}

/// A time of Zenskar's before the listing began, if one is known.
struct Unmoved(Option<Timestamp>);

impl Listed {
    /// Whether it serves beside what Zenskar holds now.
    pub(super) fn serves_beside(&self, zenskar: &Sight) -> bool {
        match &self.unmoved_since {
            None => true,
            Some(Unmoved(since)) => {
                let changed_at = zenskar.changed_at;
                changed_at.zip(*since).is_some_and(|(at, since)| at < since)
            }
        }
    }
}

impl Engine {
    /// The customer as the last listing showed it, for work that the listing's scan asked for.
    pub(super) fn listed(
        &self,
        id: &StripeCustomerId,
        work: &Work,
    ) -> Result<Option<Listed>, EngineError> {
        let settings = self.compared_by()?;
        let read = self.store.read()?;
        let cursor = read.scan_cursor()?;
        let Some(listing) = serving(&cursor, work) else {
            return Ok(None);
        };
        // What is rehearsed writes nothing, whatever it would.
        let writes = self.settings().policy.writes_to(Side::Stripe);
        if writes && is_under_way(&read, id)? {
            return Ok(None);
        }
        let Some(mirror) = self.in_last_listing(&read, (&cursor, listing), id)? else {
            return Ok(None);
        };
        if !read.activations()?.covers(mirror.observed_at) {
            return Ok(None);
        }
        let Ok(observed) = stripe::convert::observed(mirror.payload) else {
            return Ok(None);
        };
        // An event's snapshot may have come since, which does not show what the scan saw.
        let mut selected = settings.policy.fields.iter();
        let is_whole = observed
            .presence
            .customer()
            .is_some_and(|customer| selected.all(|field| customer.value(*field).is_some()));
        Ok(is_whole.then(|| Listed {
            sight: Sight::stripe(observed, mirror.observed_at),
            unmoved_since: writes.then_some(Unmoved(listing.zenskar_before)),
        }))
    }

    /// The mirror, where it is what the listing showed or a later look did.
    fn in_last_listing(
        &self,
        read: &ReadTx<'_>,
        (cursor, listing): (&ScanCursor, &StripeListing),
        id: &StripeCustomerId,
    ) -> Result<Option<Mirror>, EngineError> {
        let mirror = read.mirror(Side::Stripe, id.as_str())?;
        let Some(mut mirror) = mirror.filter(|mirror| !mirror.deleted) else {
            return Ok(None);
        };
        match mirror.observed_at.cmp(&listing.began_at) {
            Ordering::Greater => {}
            // What was listed as it was known before has kept its mirror; within the second in which
            // the listing began, an older look cannot be told from it otherwise.
            Ordering::Less | Ordering::Equal => {
                let roll = self.roll_of_stripe(read, cursor)?;
                if mirror.observed_at == Timestamp::MIN || !roll.holds(id.as_str()) {
                    return Ok(None);
                }
                mirror.observed_at = listing.began_at;
            }
        }
        Ok(Some(mirror))
    }
}

/// The last listing, where `work` was asked for before its scan came to its end.
fn serving<'a>(cursor: &'a ScanCursor, work: &Work) -> Option<&'a StripeListing> {
    let listing = cursor.listing.as_ref()?;
    let serves = listing.serves_until.is_none_or(|until| work.since <= until);
    (serves && !matches!(cursor.phase, ScanPhase::Stripe(_))).then_some(listing)
}

/// Whether a write to Stripe is under way, or a person's decision.
fn is_under_way(read: &ReadTx<'_>, id: &StripeCustomerId) -> Result<bool, StoreError> {
    let mut intents = read.intents(id)?.into_iter();
    if intents.any(|intent| intent.target == Side::Stripe) {
        return Ok(true);
    }
    let decided = read.decided(id)?;
    let mut decisions = decided.iter().flat_map(|run| &run.decisions);
    Ok(decisions.any(|decision| decision.is_waiting()))
}

/// Has the next look at a customer read Stripe: what is known of it is not what is there.
pub(in crate::engine) fn distrust(
    tx: &mut WriteTx<'_>,
    id: &StripeCustomerId,
) -> Result<(), StoreError> {
    let Some(mirror) = tx.mirror(Side::Stripe, id.as_str())? else {
        return Ok(());
    };
    let unknown = Mirror {
        observed_at: Timestamp::MIN,
        ..mirror
    };
    tx.put_mirror(&PreparedMirror::new(Side::Stripe, id.as_str(), &unknown)?)
}
