//! One transaction at a time: the scan's place, and what one listed customer leads to.

use crate::engine::looks::wait_after;
use crate::engine::scan::{LINKS_STEP, MISSED_MAX, SCAN_EVERY};
use crate::model::cursor::ScanCursor;
use crate::model::customer::Presence;
use crate::model::difference::Difference;
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::{Link, LinkState, Side};
use crate::model::mirror::Mirror;
use crate::model::time::Timestamp;
use crate::model::work::{Subject, Work};
use crate::store::{PreparedMirror, ReadTx, StoreError, WriteTx};
use crate::stripe;
use crate::stripe::convert::Observed;
use crate::sync::matching::METADATA_KEY;
use crate::sync::policy::Policy;
use crate::zenskar::object::ZenskarCustomer;

/// Writes the scan's place, and leaves alone what others ask of the next scan meanwhile.
pub(super) fn put_place(tx: &mut WriteTx<'_>, place: ScanCursor) -> Result<(), StoreError> {
    let current = tx.scan_cursor()?;
    tx.set_scan_cursor(&ScanCursor {
        wanted: current.wanted,
        sweep_wanted: current.sweep_wanted,
        unread_at: current.unread_at,
        unread_again: current.unread_again,
        ..place
    })
}

/// Asks for a scan; whether there was none asked for.
pub(in crate::engine) fn want(tx: &mut WriteTx<'_>) -> Result<bool, StoreError> {
    let cursor = tx.scan_cursor()?;
    if cursor.wanted {
        return Ok(false);
    }
    tx.set_scan_cursor(&ScanCursor {
        wanted: true,
        ..cursor
    })?;
    Ok(true)
}

/// Asks for a sweep of Zenskar; whether there was none asked for.
pub(in crate::engine) fn want_sweep(tx: &mut WriteTx<'_>) -> Result<bool, StoreError> {
    let cursor = tx.scan_cursor()?;
    if cursor.sweep_wanted {
        return Ok(false);
    }
    tx.set_scan_cursor(&ScanCursor {
        sweep_wanted: true,
        ..cursor
    })?;
    Ok(true)
}

/// Asks for a scan because events could not be read: now, or, since the same event is met in
/// several windows and each scan costs reads, a day after the last one. Whether it is due at once.
pub(in crate::engine) fn want_for_unread(
    tx: &mut WriteTx<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let cursor = tx.scan_cursor()?;
    let again = cursor.unread_at.map(|at| at.plus(SCAN_EVERY));
    if let Some(again) = again.filter(|again| *again > now) {
        tx.set_scan_cursor(&ScanCursor {
            unread_again: Some(again),
            ..cursor
        })?;
        return Ok(false);
    }
    tx.set_scan_cursor(&ScanCursor {
        wanted: true,
        unread_at: Some(now),
        ..cursor
    })?;
    Ok(true)
}

/// One customer of Stripe's listing, its mirror compressed outside of any transaction.
pub(super) struct Listed {
    presence: Presence,
    observed_at: Timestamp,
    names: Option<String>,
    mirror: Option<PreparedMirror>,
}

impl Listed {
    pub(super) fn new(seen: Observed, observed_at: Timestamp) -> Result<Self, StoreError> {
        let names = stripe::convert::metadata(&seen.payload, METADATA_KEY);
        let mirror = Mirror {
            observed_at,
            deleted: seen.presence.customer().is_none(),
            payload: seen.payload,
        };
        Ok(Self {
            presence: seen.presence,
            observed_at,
            names,
            mirror: prepared(Side::Stripe, seen.id.as_str(), &mirror)?,
        })
    }
}

/// A mirror ready to be written; none where the object is larger than the store takes, which is no
/// reason to end.
pub(in crate::engine) fn prepared(
    side: Side,
    id: &str,
    mirror: &Mirror,
) -> Result<Option<PreparedMirror>, StoreError> {
    match PreparedMirror::new(side, id, mirror) {
        Ok(mirror) => Ok(Some(mirror)),
        Err(error @ StoreError::Refused { .. }) => {
            tracing::error!(%side, customer = id, %error, "a customer is too large to keep");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Takes one customer of Stripe's listing: the mirror follows, and a linked customer that does not
/// look as it did becomes work.
pub(super) fn take_listed(
    tx: &mut WriteTx<'_>,
    id: &StripeCustomerId,
    seen: &Listed,
    (policy, match_email): (&Policy, bool),
    now: Timestamp,
) -> Result<(), StoreError> {
    let link = tx.link(id)?;
    if let Some(Ok(named)) = seen.names.as_deref().map(ZenskarCustomerId::parse) {
        tx.note_named(&named, id)?;
    }
    if link.is_none() && (seen.names.is_some() || match_email) {
        // One search is enough: what it came to waits for an event, or for a person.
        let subject = Subject::Customer(id.clone());
        if tx.parked(&subject)?.is_none() && tx.work(&subject)?.is_none() {
            ask(tx, id, now)?;
        }
    }
    if let Some(link) = link {
        let known = tx.differences(id)?;
        let counting = tx.activations()?.counting(&link);
        let differs = seen.presence.customer().is_none_or(|customer| {
            policy.fields.iter().any(|field| {
                let value = customer.value(*field);
                value.is_some_and(|value| match known.iter().find(|one| one.field == *field) {
                    Some(one) => one.stripe != *value || is_outdated(one, &counting),
                    None => counting.base.get(field) != Some(value),
                })
            })
        });
        if differs || matches!(link.state, LinkState::Deleted(_)) {
            ask(tx, id, now)?;
        }
    }
    let known = tx.mirror(Side::Stripe, id.as_str())?;
    // `Date` counts whole seconds: a read of the same second may be the later one.
    if known.is_some_and(|known| known.observed_at >= seen.observed_at) {
        return Ok(());
    }
    seen.mirror
        .as_ref()
        .map_or(Ok(()), |mirror| tx.put_mirror(mirror))
}

/// Whether a customer of Zenskar, linked like this, is not as the store knows it: agreed, or shown
/// as a difference.
pub(in crate::engine) fn is_news(
    read: &ReadTx<'_>,
    link: &Link,
    seen: &ZenskarCustomer,
    policy: &Policy,
) -> Result<bool, StoreError> {
    match link.state {
        LinkState::Active => {}
        // A link that ended because Zenskar once did not know the customer is taken up again.
        LinkState::Deleted(side) => return Ok(side == Side::Zenskar),
        LinkState::Unlinked => return Ok(false),
    }
    let known = read.differences(&link.stripe)?;
    let counting = read.activations()?.counting(link);
    Ok(policy.fields.iter().any(|field| {
        let value = seen.customer.value(*field);
        // What was not read is no news.
        value.is_some_and(|value| match known.iter().find(|one| one.field == *field) {
            Some(one) => one.zenskar != *value || is_outdated(one, &counting),
            None => counting.base.get(field) != Some(value),
        })
    }))
}

/// One linked customer of Zenskar's listing, its mirror compressed outside of any transaction.
pub(super) struct Seen {
    link: StripeCustomerId,
    is_news: bool,
    mirror: Option<PreparedMirror>,
}

impl Seen {
    pub(super) fn new(
        read: &ReadTx<'_>,
        link: &Link,
        seen: &ZenskarCustomer,
        (observed_at, policy): (Timestamp, &Policy),
    ) -> Result<Self, StoreError> {
        let mirror = Mirror {
            observed_at,
            deleted: false,
            payload: seen.payload.clone(),
        };
        let known = read.mirror(Side::Zenskar, seen.id.as_str())?;
        let mirror = if known.is_some_and(|known| stays(known, seen, observed_at)) {
            None
        } else {
            prepared(Side::Zenskar, seen.id.as_str(), &mirror)?
        };
        Ok(Self {
            link: link.stripe.clone(),
            is_news: is_news(read, link, seen, policy)?,
            mirror,
        })
    }

    /// The mirror follows, and a customer that does not look as it did becomes work.
    pub(super) fn take(&self, tx: &mut WriteTx<'_>, now: Timestamp) -> Result<(), StoreError> {
        if self.is_news {
            ask(tx, &self.link, now)?;
        }
        self.mirror
            .as_ref()
            .map_or(Ok(()), |mirror| tx.put_mirror(mirror))
    }
}

/// Linked customers that a listing did not hold.
pub(super) struct Missed {
    /// Who; no more of them than show that they are too many.
    pub(super) links: Vec<StripeCustomerId>,
    /// How many may be missing before the listing is taken for another account's.
    pub(super) most: usize,
}

impl Missed {
    /// The links in force for which `is_missed` says so.
    pub(super) fn find(
        read: &ReadTx<'_>,
        is_missed: impl Fn(&Link) -> Result<bool, StoreError>,
    ) -> Result<Self, StoreError> {
        let most = usize::try_from(read.link_count()? / 100)
            .unwrap_or(usize::MAX)
            .max(MISSED_MAX);
        let mut missed = Self {
            links: Vec::new(),
            most,
        };
        let mut after: Option<StripeCustomerId> = None;
        loop {
            let links = read.links(after.as_ref(), LINKS_STEP)?;
            let Some(last) = links.last() else { break };
            after = Some(last.stripe.clone());
            for link in links {
                if link.state == LinkState::Active && is_missed(&link)? {
                    missed.links.push(link.stripe);
                }
            }
            if missed.links.len() > most {
                break;
            }
        }
        Ok(missed)
    }
}

/// Whether the mirror is later than what a listing shows: read in the same second or after it, or
/// newer than reads that lag.
fn stays(known: Mirror, seen: &ZenskarCustomer, observed_at: Timestamp) -> bool {
    known.observed_at >= observed_at || wait_after(known, seen, observed_at).is_some()
}

/// Whether a shown difference rests on a base that does not count since its field is active: it has
/// become another question.
pub(super) fn is_outdated(shown: &Difference, counting: &Link) -> bool {
    shown.base.is_some() && !counting.base.contains_key(&shown.field)
}

/// Asks for a look at a customer.
pub(in crate::engine) fn ask(
    tx: &mut WriteTx<'_>,
    id: &StripeCustomerId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let subject = Subject::Customer(id.clone());
    let mut work = tx
        .work(&subject)?
        .unwrap_or_else(|| Work::new(subject, now));
    work.asked = work.asked.saturating_add(1);
    tx.put_work(&work)
}
