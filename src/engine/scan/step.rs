//! One transaction at a time: the scan's place, and what one listed customer leads to.

use crate::engine::linking::email_of;
use crate::engine::looks::wait_after;
use crate::engine::poller::READS_FLOOR;
use crate::engine::scan::{LINKS_STEP, MISSED_MAX, schedule};
use crate::model::cursor::ScanCursor;
use crate::model::customer::{Field, Presence};
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::{Link, LinkState, Side};
use crate::model::mirror::Mirror;
use crate::model::time::Timestamp;
use crate::model::work::{Subject, Work};
use crate::store::{PreparedMirror, ReadTx, StoreError, WriteTx};
use crate::stripe;
use crate::stripe::convert::Observed;
use crate::sync::activation::Activations;
use crate::sync::compare::{Compared, compare};
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
/// several windows and each scan costs reads, as long after the last one as such scans follow one
/// another by themselves. Whether it is due at once.
pub(in crate::engine) fn want_for_unread(
    tx: &mut WriteTx<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let cursor = tx.scan_cursor()?;
    let customers = schedule::customers(&cursor, tx.link_count()?);
    let every = schedule::listing_period(customers, READS_FLOOR);
    let again = cursor.unread_at.map(|at| at.plus(every));
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
    mirror: Kept,
}

/// What is to become of the mirror of a listed customer.
enum Kept {
    /// The mirror that was seen at this instant holds the same already.
    Same(Timestamp, Mirror),
    /// It is to be written.
    Anew(PreparedMirror),
    /// The customer is larger than the store takes.
    TooLarge,
}

impl Listed {
    pub(super) fn new(
        read: &ReadTx<'_>,
        seen: Observed,
        observed_at: Timestamp,
    ) -> Result<Self, StoreError> {
        let names = stripe::convert::metadata(&seen.payload, METADATA_KEY);
        let mirror = Mirror {
            observed_at,
            deleted: seen.presence.customer().is_none(),
            payload: seen.payload,
        };
        let known = read.mirror(Side::Stripe, seen.id.as_str())?;
        let kept = match known.filter(|known| holds_the_same(known, &mirror)) {
            Some(known) => Kept::Same(known.observed_at, mirror),
            None => prepared(Side::Stripe, seen.id.as_str(), &mirror)?
                .map_or(Kept::TooLarge, Kept::Anew),
        };
        Ok(Self {
            presence: seen.presence,
            observed_at,
            names,
            mirror: kept,
        })
    }

    /// Writes the mirror, where it is not what was seen. Whether it is what this listing, or a later
    /// look, showed.
    fn keep(&self, tx: &mut WriteTx<'_>, id: &StripeCustomerId) -> Result<bool, StoreError> {
        let known = tx.mirror_seen_at(Side::Stripe, id.as_str())?;
        let is_timed = self.observed_at > Timestamp::MIN;
        match &self.mirror {
            Kept::Same(at, _) if known == Some(*at) => Ok(is_timed),
            // `Date` counts whole seconds: a read of the same second may be the later one.
            _ if known == Some(self.observed_at) => Ok(false),
            Kept::TooLarge => Ok(false),
            _ if known.is_some_and(|known| known > self.observed_at) => Ok(is_timed),
            // Another look came between, and the listing is later than that.
            Kept::Same(_, mirror) => match prepared(Side::Stripe, id.as_str(), mirror)? {
                Some(mirror) => tx.put_mirror(&mirror).map(|()| is_timed),
                None => Ok(false),
            },
            Kept::Anew(mirror) => tx.put_mirror(mirror).map(|()| is_timed),
        }
    }
}

/// Whether a mirror need not be written to show what was seen. One whose time nobody knows, or that
/// was pruned, is.
fn holds_the_same(known: &Mirror, seen: &Mirror) -> bool {
    known.observed_at > Timestamp::MIN
        && known.deleted == seen.deleted
        && known.payload == seen.payload
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

/// What a listing is compared by.
pub(super) struct Rules<'a> {
    pub(super) policy: &'a Policy,
    pub(super) active: &'a Activations,
    pub(super) match_email: bool,
}

/// What became of a listed customer of Stripe.
pub(super) struct Taken {
    /// The fields that are not as agreed.
    pub(super) differing: Vec<Field>,
    /// Whether its mirror is what the listing, or a later look, showed.
    pub(super) kept: bool,
}

/// Takes one customer of Stripe's listing: the mirror follows, and a linked customer that does not
/// look as it did becomes work.
pub(super) fn take_listed(
    tx: &mut WriteTx<'_>,
    id: &StripeCustomerId,
    seen: &Listed,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Taken, StoreError> {
    let link = tx.link(id)?;
    if let Some(Ok(named)) = seen.names.as_deref().map(ZenskarCustomerId::parse) {
        tx.note_named(&named, id)?;
    }
    if link.is_none() && (seen.names.is_some() || rules.match_email) {
        // One search is enough: what it came to waits for an event, for a person, or for a
        // customer of Zenskar that shows what is sought.
        let subject = Subject::Customer(id.clone());
        let waits = tx.parked(&subject)?.is_some();
        if !waits && tx.work(&subject)?.is_none() {
            ask(tx, id, now)?;
        }
        let email = seen.presence.customer().and_then(email_of);
        if let Some(email) = email.filter(|_| waits && rules.match_email) {
            tx.note_clue(&email, id)?;
        }
    }
    if link.is_none() && seen.presence.customer().is_some() {
        tx.note_alone(&Subject::Customer(id.clone()), now)?;
    }
    let mut differing = Vec::new();
    if let Some(link) = link {
        let known = tx.differences(id)?;
        let is_news = seen.presence.customer().is_none_or(|customer| {
            let counting = rules.active.counting(&link);
            let seen = compare(Side::Stripe, customer, &counting, &known, rules.policy);
            differing = seen.differing;
            seen.is_news
        });
        if is_news || matches!(link.state, LinkState::Deleted(_) | LinkState::Unknown) {
            ask(tx, id, now)?;
        }
        if link.state != LinkState::Active {
            differing.clear();
        }
    }
    let kept = seen.keep(tx, id)?;
    Ok(Taken { differing, kept })
}

/// Whether a customer of Zenskar, linked like this, is not as the store knows it: agreed, or shown
/// as a difference.
pub(in crate::engine) fn is_news(
    read: &ReadTx<'_>,
    link: &Link,
    seen: &ZenskarCustomer,
    policy: &Policy,
) -> Result<bool, StoreError> {
    let active = read.activations()?;
    Ok(compare_in_zenskar(read, link, seen, (policy, &active))?.is_news)
}

fn compare_in_zenskar(
    read: &ReadTx<'_>,
    link: &Link,
    seen: &ZenskarCustomer,
    (policy, active): (&Policy, &Activations),
) -> Result<Compared, StoreError> {
    // A link that ended because Zenskar once did not know the customer is taken up again.
    let is_news = link.state == LinkState::Deleted(Side::Zenskar);
    if link.state != LinkState::Active {
        return Ok(Compared {
            is_news,
            ..Compared::default()
        });
    }
    let known = read.differences(&link.stripe)?;
    let counting = active.counting(link);
    let customer = &seen.customer;
    Ok(compare(Side::Zenskar, customer, &counting, &known, policy))
}

/// One linked customer of Zenskar's listing, its mirror compressed outside of any transaction.
pub(super) struct Seen {
    link: StripeCustomerId,
    compared: Compared,
    mirror: Option<PreparedMirror>,
}

impl Seen {
    pub(super) fn new(
        read: &ReadTx<'_>,
        link: &Link,
        seen: &ZenskarCustomer,
        (observed_at, rules): (Timestamp, &Rules<'_>),
    ) -> Result<Self, StoreError> {
        let mirror = Mirror {
            observed_at,
            deleted: false,
            payload: seen.payload.clone(),
        };
        // Where the later change wins, it counts until when a customer was seen unchanged.
        let times_count = rules.policy.conflict.ask_for_times();
        let stays = read
            .mirror(Side::Zenskar, seen.id.as_str())?
            .is_some_and(|known| {
                (!times_count && holds_the_same(&known, &mirror)) || stays(known, seen, observed_at)
            });
        let mirror = if stays {
            None
        } else {
            prepared(Side::Zenskar, seen.id.as_str(), &mirror)?
        };
        Ok(Self {
            link: link.stripe.clone(),
            compared: compare_in_zenskar(read, link, seen, (rules.policy, rules.active))?,
            mirror,
        })
    }

    /// The fields that are not as agreed.
    pub(super) fn differing(&self) -> &[Field] {
        &self.compared.differing
    }

    /// Whether anything is to be written for it.
    pub(super) fn is_to_be_taken(&self) -> bool {
        self.compared.is_news || self.mirror.is_some()
    }

    /// The mirror follows, and a customer that does not look as it did becomes work.
    pub(super) fn take(&self, tx: &mut WriteTx<'_>, now: Timestamp) -> Result<(), StoreError> {
        if self.compared.is_news {
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
        let most = usize::try_from(read.link_counts()?.active / 100)
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
