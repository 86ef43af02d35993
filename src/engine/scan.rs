//! A full reading of both sides: finds links, agreed values, gaps and deletions.
//!
//! First Stripe's customers are listed, a hundred a read, into the mirror; a linked one that does
//! not look as it did becomes work, and so does a linked one that is not listed. Then Zenskar's
//! customers are listed in the same way; each one without link is asked for its mapping. The scan
//! resumes page by page after a crash, yields to everything else, and writes to neither side.
//!
//! It comes by itself every day. Stripe rations reads, so a scan that nobody asked for lists Zenskar
//! alone where listing Stripe as well would take more than its share of them ([`schedule`]); and the
//! looks that follow use what was listed in place of a read ([`crate::engine::look`]).
//!
//! A customer that is listed as it was known leaves its mirror as it was. Who was on a page is kept
//! beside the scan's place, by [marks](crate::model::mark), and says at the end who was not listed
//! ([`roll`]).
//!
//! A sweep is the second half alone. It comes more often than a scan where Zenskar cannot be asked
//! for what changed ([`crate::engine::changes`]).

mod alone;
pub(super) mod roll;
pub mod schedule;
pub(super) mod step;
mod zenskar;

use self::roll::Roll;
use self::step::{Listed, Missed, Rules, ask, put_place, take_listed};
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::model::cursor::{ScanCounts, ScanCursor, ScanPhase, StripeListing};
use crate::model::customer::Field;
use crate::model::id::StripeCustomerId;
use crate::model::journal::Entry;
use crate::model::link::{Link, LinkState, Side};
use crate::model::mark::Mark;
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Class, Failure, Page};
use crate::stripe::convert::Observed;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a scan runs by itself. Listing Zenskar costs no allowance; Stripe is listed as often as
/// its [share of the allowance](schedule::LISTING_SHARE) for reads lets it.
pub const SCAN_EVERY: Duration = Duration::from_secs(86_400);

/// Links examined in one piece while looking for those that were not listed.
const LINKS_STEP: usize = 1_000;

/// How often one listing may go back because its place is gone. A remote that never knows its own
/// place would be listed for ever, at the cost of a read each time.
const RESTARTS_MAX: u32 = 3;

/// Linked customers that may be missing from a listing before it is taken for another account's.
const MISSED_MAX: usize = 20;

/// What one step of a scan did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// Nothing is to be scanned now.
    Idle,
    /// One page was read.
    Page,
    /// The place in the listing is gone, and an earlier one is taken: wait before that.
    Again,
    /// The scan came to its end.
    Finished,
    /// The scan cannot be brought to its end; the cursor says why.
    Stopped,
}

impl Engine {
    /// Reads the next page of the scan, beginning one where one is due.
    ///
    /// # Errors
    ///
    /// The store or a remote failed; the place is kept.
    pub async fn scan_page(&self) -> Result<Scanned, EngineError> {
        let cursor = self.store.read()?.scan_cursor()?;
        match cursor.phase.clone() {
            ScanPhase::Idle => self.begin_scan(&cursor).await,
            ScanPhase::Stripe(after) => self.scan_stripe(cursor, after).await,
            ScanPhase::Zenskar(from) => self.scan_zenskar(cursor, from).await,
        }
    }

    async fn begin_scan(&self, cursor: &ScanCursor) -> Result<Scanned, EngineError> {
        let now = self.clock.now();
        let links = self.store.read()?.link_count()?;
        let is_off = self.settings().policy.direction.is_none();
        let is_rehearsal = is_off && cursor.wanted && self.rehearsal()?.is_some();
        if begun(cursor, links, now).is_none() || (is_off && !is_rehearsal) {
            return Ok(Scanned::Idle);
        }
        self.writer
            .write("begin scan", move |tx| {
                // What was asked for since the cursor was read counts as well.
                match begun(&tx.scan_cursor()?, links, now) {
                    Some(begun) => tx.set_scan_cursor(&begun),
                    None => Ok(()),
                }
            })
            .await?;
        if self.store.read()?.scan_cursor()?.listing.is_none() {
            self.roll.forget();
        }
        Ok(Scanned::Page)
    }

    async fn scan_stripe(
        &self,
        mut cursor: ScanCursor,
        after: Option<StripeCustomerId>,
    ) -> Result<Scanned, EngineError> {
        if cursor.stripe_started_at.is_none() {
            cursor.zenskar_before = self.zenskar_time().await?;
        }
        let answer = match self
            .stripe
            .customers_page(after.as_ref(), self.detail()?, Priority::Scan)
            .await
        {
            Ok(answer) => answer,
            // The customer that the place names is gone: Stripe cannot go on from it.
            Err(failure) if after.is_some() && is_gone(&failure) => {
                let before = cursor.before.take();
                return self.go_back(cursor, ScanPhase::Stripe(before)).await;
            }
            // Without the right to list, links are found all the same, at one read each.
            Err(failure) if after.is_none() && cannot_list(&failure) => {
                return self.pass_over_stripe(cursor, &failure).await;
            }
            Err(failure) if after.is_none() && is_refused(&failure) => {
                let why = format!("stripe refuses to list customers: {failure}");
                return self.stop_scan(cursor, why).await;
            }
            Err(failure) => return Err(self.refused(failure)),
        };
        self.gate.open(Side::Stripe);
        let observed_at = answer.date.unwrap_or(Timestamp::MIN);
        let now = self.clock.now();
        let page = answer.value;
        cursor.before = after;
        note_page(&mut cursor, answer.date, &page, now);
        let at_end = cursor.phase == ScanPhase::Zenskar(None);
        let settings = self.compared_by()?;
        let read = self.store.read()?;
        let mut listed = BTreeMap::new();
        for seen in page.items {
            listed.insert(seen.id.clone(), Listed::new(&read, seen, observed_at)?);
        }
        drop(read);
        if at_end && let Some(most) = self.missed_too_many(&mut cursor, &listed).await? {
            let why = format!(
                "more than {most} linked customers are not listed: \
                 is stripe.account or the key another account's?"
            );
            return self.stop_scan(cursor, why).await;
        }
        self.writer
            .write("mirror listed customers", move |tx| {
                let rules = Rules {
                    policy: &settings.policy,
                    active: &tx.compared()?,
                    match_email: settings.match_email,
                };
                let mut marks = Vec::new();
                for (id, seen) in &listed {
                    let taken = take_listed(tx, id, seen, &rules, now)?;
                    count_differing(&mut cursor, Side::Stripe, &taken.differing);
                    marks.extend(taken.kept.then(|| Mark::of(id.as_str())));
                }
                tx.put_listed(Side::Stripe, cursor.stripe_pages, &marks)?;
                cursor.stripe_pages = cursor.stripe_pages.saturating_add(1);
                if at_end {
                    listing_ends(&mut cursor, now);
                }
                put_place(tx, cursor)
            })
            .await?;
        self.wake.look.notify_one();
        Ok(Scanned::Page)
    }

    /// Zenskar's time, where the looks that follow need it: asked for if it is not known yet.
    async fn zenskar_time(&self) -> Result<Option<Timestamp>, EngineError> {
        if !self.settings().policy.writes_to(Side::Stripe) {
            return Ok(None);
        }
        if let Some(known) = self.zenskar.remote_now() {
            return Ok(Some(known));
        }
        let asked = self.zenskar.customers_page(None, Priority::Scan).await;
        let answer = asked.map_err(|failure| self.refused(failure))?;
        Ok(answer.date)
    }

    /// Takes an earlier place in a listing whose place is gone, unless that happened too often.
    async fn go_back(&self, mut cursor: ScanCursor, to: ScanPhase) -> Result<Scanned, EngineError> {
        if cursor.restarts >= RESTARTS_MAX {
            let side = match to {
                ScanPhase::Zenskar(_) => Side::Zenskar,
                ScanPhase::Idle | ScanPhase::Stripe(_) => Side::Stripe,
            };
            let why = format!("{side} does not know the place that its own listing gave");
            return self.stop_scan(cursor, why).await;
        }
        cursor.restarts = cursor.restarts.saturating_add(1);
        cursor.handled = None;
        cursor.phase = to;
        self.writer
            .write("go back in scan", move |tx| put_place(tx, cursor))
            .await?;
        Ok(Scanned::Again)
    }

    /// Ends a scan that must not, or cannot, be brought to its end.
    async fn stop_scan(&self, cursor: ScanCursor, why: String) -> Result<Scanned, EngineError> {
        let now = self.clock.now();
        tracing::error!(event = "scan_stopped", %why);
        let entry = Entry::engine(now, "scan stopped", &"scan").with("why", &why);
        // What was listed of Stripe until now has been read, and counts when the next one is due.
        let listed_at = match cursor.phase {
            ScanPhase::Stripe(_) => Some(now),
            ScanPhase::Idle | ScanPhase::Zenskar(_) => cursor.stripe_listed_at,
        };
        let stopped = ScanCursor {
            phase: ScanPhase::Idle,
            stripe_listed_at: listed_at,
            finished_at: Some(now),
            stopped: Some(why),
            // It may be another account's.
            listing: None,
            ..cursor
        };
        self.writer
            .write("stop scan", move |tx| {
                tx.append_journal(&entry)?;
                put_place(tx, stopped)
            })
            .await?;
        Ok(Scanned::Stopped)
    }

    /// Goes on to Zenskar: Stripe's customers cannot be listed with this key. What the listing
    /// would have shown of the linked ones is found by a look at each.
    async fn pass_over_stripe(
        &self,
        mut cursor: ScanCursor,
        failure: &Failure,
    ) -> Result<Scanned, EngineError> {
        let now = self.clock.now();
        let links = self.store.read()?.link_count()?;
        let looks = schedule::may_look_at_each(&cursor, links, now);
        if looks {
            self.look_at_each(now).await?;
            cursor.stripe_each_at = Some(now);
        }
        cursor.phase = to_zenskar(&mut cursor, now);
        let reads = if looks { links } else { 0 };
        let entry = Entry::engine(now, "scan without Stripe", &"stripe/customers")
            .with("why", &crate::engine::look::reason(failure))
            .with("customers to be read one by one", &reads);
        self.writer
            .write("scan without Stripe", move |tx| {
                tx.append_journal(&entry)?;
                put_place(tx, cursor)
            })
            .await?;
        self.wake.look.notify_one();
        Ok(Scanned::Page)
    }

    /// Makes work of every linked customer.
    async fn look_at_each(&self, now: Timestamp) -> Result<(), EngineError> {
        let mut after: Option<StripeCustomerId> = None;
        loop {
            let links = self.store.read()?.links(after.as_ref(), LINKS_STEP)?;
            let Some(last) = links.last() else {
                return Ok(());
            };
            after = Some(last.stripe.clone());
            self.writer
                .write("look at linked customers", move |tx| {
                    let linked = |link: &&Link| link.state != LinkState::Unlinked;
                    let mut linked = links.iter().filter(linked);
                    linked.try_for_each(|link| ask(tx, &link.stripe, now))
                })
                .await?;
        }
    }

    /// Makes work of the linked customers that the listing did not hold, unless they are more than
    /// may be missing: then it says how many may.
    async fn missed_too_many(
        &self,
        cursor: &mut ScanCursor,
        last_page: &BTreeMap<StripeCustomerId, Listed>,
    ) -> Result<Option<usize>, EngineError> {
        let began = cursor.stripe_started_at.unwrap_or(Timestamp::MIN);
        let read = self.store.read()?;
        let roll = Roll::read(&read, (Side::Stripe, cursor), &[])?;
        let missed = Missed::find(&read, |link| {
            let id = link.stripe.as_str();
            if roll.holds(id) || last_page.contains_key(&link.stripe) {
                return Ok(false);
            }
            // Whoever was looked at since it began is no news to it.
            let seen_at = read.mirror_seen_at(Side::Stripe, id)?;
            Ok(seen_at.is_none_or(|seen_at| seen_at < began))
        })?;
        drop(read);
        cursor.found.missed = count(missed.links.len());
        let too_many = self.look_for(missed).await?;
        if too_many.is_none() && began > Timestamp::MIN {
            let listing = (Side::Stripe, cursor.started_at);
            self.forget_gone(listing, &roll).await?;
        }
        Ok(too_many)
    }

    /// Makes work of linked customers that were not listed, unless they are too many.
    async fn look_for(&self, missed: Missed) -> Result<Option<usize>, EngineError> {
        if missed.links.len() > missed.most {
            return Ok(Some(missed.most));
        }
        let now = self.clock.now();
        for part in missed.links.chunks(LINKS_STEP) {
            let part = part.to_vec();
            self.writer
                .write("look for missed customers", move |tx| {
                    part.iter().try_for_each(|id| ask(tx, id, now))
                })
                .await?;
        }
        Ok(None)
    }
}

/// The scan that is due after this cursor, if any is.
fn begun(cursor: &ScanCursor, links: u64, now: Timestamp) -> Option<ScanCursor> {
    let next = schedule::next(cursor, links);
    let unread = cursor.unread_again.is_some_and(|at| at <= now);
    let lists_stripe = cursor.wanted || next.stripe <= now;
    let is_due = lists_stripe || next.zenskar <= now;
    // A scan that stopped has not shown that this is the account the links are of.
    let is_sweep = !is_due && cursor.sweep_wanted && cursor.stopped.is_none();
    if !is_due && !is_sweep {
        return None;
    }
    Some(ScanCursor {
        phase: if lists_stripe {
            ScanPhase::Stripe(None)
        } else {
            ScanPhase::Zenskar(None)
        },
        started_at: now,
        stripe_started_at: None,
        zenskar_started_at: None,
        zenskar_swept_at: cursor.zenskar_swept_at,
        finished_at: cursor.finished_at,
        wanted: false,
        sweep_wanted: false,
        is_sweep,
        unread_at: if unread { Some(now) } else { cursor.unread_at },
        unread_again: cursor.unread_again.filter(|_| !lists_stripe),
        found: ScanCounts::default(),
        differing: BTreeMap::new(),
        stripe_listed_until: cursor.stripe_listed_until,
        stripe_pages: 0,
        zenskar_pages: 0,
        zenskar_before: None,
        // Its pages are written anew.
        listing: cursor.listing.clone().filter(|_| !lists_stripe),
        stripe_listed_at: cursor.stripe_listed_at,
        stripe_customers: cursor.stripe_customers,
        stripe_each_at: cursor.stripe_each_at.filter(|_| !cursor.wanted),
        before: None,
        handled: None,
        restarts: 0,
        stopped: cursor.stopped.clone(),
    })
}

fn count_differing(cursor: &mut ScanCursor, side: Side, fields: &[Field]) {
    for field in fields {
        let count = cursor.differing.entry((side, *field)).or_default();
        *count = count.saturating_add(1);
    }
}

/// A page of Stripe's listing was shown at `date`, by Stripe's clock.
fn note_page(
    cursor: &mut ScanCursor,
    date: Option<Timestamp>,
    page: &Page<Observed, StripeCustomerId>,
    now: Timestamp,
) {
    cursor.stripe_started_at = cursor.stripe_started_at.or(date);
    cursor.stripe_listed_until = cursor.stripe_listed_until.max(date);
    cursor.found.stripe = cursor.found.stripe.saturating_add(count(page.items.len()));
    cursor.phase = match &page.next {
        Some(last) => ScanPhase::Stripe(Some(last.clone())),
        None => to_zenskar(cursor, now),
    };
}

/// Stripe's listing came to its end.
fn listing_ends(cursor: &mut ScanCursor, now: Timestamp) {
    cursor.stripe_customers = cursor.found.stripe;
    cursor.listing = cursor.stripe_started_at.map(|began_at| StripeListing {
        began_at,
        zenskar_before: cursor.zenskar_before,
        ended_at: now,
        serves_until: None,
        pages: cursor.stripe_pages,
    });
}

/// The listing, whose scan ends now: it serves what was asked for until then.
fn served(listing: Option<StripeListing>, now: Timestamp) -> Option<StripeListing> {
    listing.map(|listing| StripeListing {
        serves_until: listing.serves_until.or(Some(now)),
        ..listing
    })
}

/// The beginning of Zenskar's listing: what the place in Stripe's needed is dropped.
fn to_zenskar(cursor: &mut ScanCursor, now: Timestamp) -> ScanPhase {
    cursor.stripe_listed_at = Some(now);
    cursor.before = None;
    cursor.restarts = 0;
    ScanPhase::Zenskar(None)
}

/// Whether the place that a page was asked from is gone: a cursor that aged out, or a customer
/// that was deleted.
fn is_gone(failure: &Failure) -> bool {
    matches!(failure.class, Class::CursorGone | Class::Missing)
}

/// Whether the key has not the right to list customers. Whatever else is refused may not be another
/// time, and a read for every linked customer is no answer to it.
fn cannot_list(failure: &Failure) -> bool {
    failure.class == Class::Forbidden
}

/// Whether Stripe would say the same of the first page another time.
fn is_refused(failure: &Failure) -> bool {
    matches!(failure.class, Class::Refused | Class::Missing)
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
