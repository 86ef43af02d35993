//! A full reading of both sides: finds links, agreed values, gaps and deletions.
//!
//! First Stripe's customers are listed, a hundred a read, into the mirror; a linked one that does
//! not look as it did becomes work, and so does a linked one that is not listed. Then Zenskar's
//! customers are listed in the same way; each one without link is asked for its mapping. The scan
//! resumes page by page after a crash, yields to everything else, and writes to neither side.
//!
//! A sweep is the second half alone. It comes more often than a scan where Zenskar cannot be asked
//! for what changed ([`crate::engine::changes`]).

pub(super) mod roll;
pub(super) mod step;

use self::roll::Roll;
use self::step::{Listed, Missed, Rules, Seen, ask, prepared, put_place, take_listed};
use crate::engine::Engine;
use crate::engine::changes::{OVERLAP, insert_news};
use crate::engine::error::EngineError;
use crate::engine::linking::{make_link, new_link, proof};
use crate::model::cursor::{ScanCounts, ScanCursor, ScanPhase};
use crate::model::customer::Field;
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::journal::Entry;
use crate::model::link::{Link, LinkProof, LinkState, Side};
use crate::model::mark::Mark;
use crate::model::mirror::Mirror;
use crate::model::time::Timestamp;
use crate::model::work::Subject;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Class, Failure};
use crate::store::Placed;
use crate::sync::matching::Mapping;
use crate::zenskar::object::ZenskarCustomer;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a scan runs by itself. Listing Zenskar costs no allowance; Stripe is listed only when
/// a scan was asked for.
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
        if begun(cursor, now).is_none() || self.settings().policy.direction.is_none() {
            return Ok(Scanned::Idle);
        }
        self.writer
            .write("begin scan", move |tx| {
                // What was asked for since the cursor was read counts as well.
                match begun(&tx.scan_cursor()?, now) {
                    Some(begun) => tx.set_scan_cursor(&begun),
                    None => Ok(()),
                }
            })
            .await?;
        Ok(Scanned::Page)
    }

    async fn scan_stripe(
        &self,
        mut cursor: ScanCursor,
        after: Option<StripeCustomerId>,
    ) -> Result<Scanned, EngineError> {
        let answer = match self
            .stripe
            .customers_page(after.as_ref(), self.detail(), Priority::Scan)
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
            Err(failure) => return Err(self.refused(failure)),
        };
        self.gate.open(Side::Stripe);
        let observed_at = answer.date.unwrap_or(Timestamp::MIN);
        let page = answer.value;
        cursor.stripe_started_at = cursor.stripe_started_at.or(answer.date);
        cursor.stripe_listed_until = cursor.stripe_listed_until.max(answer.date);
        cursor.found.stripe = cursor.found.stripe.saturating_add(count(page.items.len()));
        cursor.before = after;
        cursor.phase = match page.next {
            Some(last) => ScanPhase::Stripe(Some(last)),
            None => to_zenskar(&mut cursor),
        };
        let at_end = cursor.phase == ScanPhase::Zenskar(None);
        let now = self.clock.now();
        let settings = self.settings();
        let read = self.store.read()?;
        let mut listed = BTreeMap::new();
        for seen in page.items {
            listed.insert(seen.id.clone(), Listed::new(&read, seen, observed_at)?);
        }
        drop(read);
        let kept = listed.iter().filter(|(_, seen)| seen.is_kept());
        let marks: Vec<Mark> = kept.map(|(id, _)| Mark::of(id.as_str())).collect();
        if at_end && let Some(most) = self.missed_too_many(&mut cursor, &listed, &marks).await? {
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
                    active: &tx.activations()?,
                    match_email: settings.match_email,
                };
                for (id, seen) in &listed {
                    let differing = take_listed(tx, id, seen, &rules, now)?;
                    count_differing(&mut cursor, Side::Stripe, &differing);
                }
                tx.put_listed(Side::Stripe, cursor.stripe_pages, &marks)?;
                cursor.stripe_pages = cursor.stripe_pages.saturating_add(1);
                put_place(tx, cursor)
            })
            .await?;
        self.wake.look.notify_one();
        Ok(Scanned::Page)
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
        let stopped = ScanCursor {
            phase: ScanPhase::Idle,
            finished_at: Some(now),
            stopped: Some(why),
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
        let mut after: Option<StripeCustomerId> = None;
        loop {
            let links = self.store.read()?.links(after.as_ref(), LINKS_STEP)?;
            let Some(last) = links.last() else { break };
            after = Some(last.stripe.clone());
            self.writer
                .write("look at linked customers", move |tx| {
                    let linked = |link: &&Link| link.state != LinkState::Unlinked;
                    let mut linked = links.iter().filter(linked);
                    linked.try_for_each(|link| ask(tx, &link.stripe, now))
                })
                .await?;
        }
        cursor.phase = to_zenskar(&mut cursor);
        let entry = Entry::engine(now, "scan without Stripe", &"stripe/customers")
            .with("why", &crate::engine::look::reason(failure));
        self.writer
            .write("scan without Stripe", move |tx| {
                tx.append_journal(&entry)?;
                put_place(tx, cursor)
            })
            .await?;
        self.wake.look.notify_one();
        Ok(Scanned::Page)
    }

    /// Makes work of the linked customers that the listing did not hold, unless they are more than
    /// may be missing: then it says how many may.
    async fn missed_too_many(
        &self,
        cursor: &mut ScanCursor,
        last_page: &BTreeMap<StripeCustomerId, Listed>,
        marks: &[Mark],
    ) -> Result<Option<usize>, EngineError> {
        let began = cursor.stripe_started_at.unwrap_or(Timestamp::MIN);
        let read = self.store.read()?;
        let roll = Roll::read(&read, (Side::Stripe, cursor), marks)?;
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
        self.look_for(missed).await
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

    async fn scan_zenskar(
        &self,
        mut cursor: ScanCursor,
        from: Option<String>,
    ) -> Result<Scanned, EngineError> {
        let answer = match self
            .zenskar
            .customers_page(from.as_deref(), Priority::Scan)
            .await
        {
            Ok(answer) => answer,
            Err(failure) if from.is_some() && is_gone(&failure) => {
                return self.go_back(cursor, ScanPhase::Zenskar(None)).await;
            }
            Err(failure) => return Err(self.refused(failure)),
        };
        self.gate.open(Side::Zenskar);
        cursor.zenskar_started_at = cursor.zenskar_started_at.or(answer.date);
        // Without its `Date` the page is no older than the first one.
        let shown_at = answer.date.or(cursor.zenskar_started_at);
        let observed_at = shown_at.unwrap_or(Timestamp::MIN);
        let page = answer.value;
        let rows = page.items.len();
        let marks: Vec<Mark> = page
            .items
            .iter()
            .map(|seen| Mark::of(seen.id.as_str()))
            .collect();
        let (unlinked, differing) = self.take_linked(page.items, observed_at).await?;
        if cursor.is_sweep {
            self.take_changed(unlinked).await?;
        } else {
            self.ask_mappings(&mut cursor, &unlinked, observed_at)
                .await?;
        }
        cursor.found.zenskar = cursor.found.zenskar.saturating_add(count(rows));
        count_differing(&mut cursor, Side::Zenskar, &differing);
        if page.next.is_none()
            && let Some(most) = self.missed_in_zenskar(&mut cursor, &marks).await?
        {
            let why = format!(
                "more than {most} linked customers are not listed in Zenskar: \
                 is zenskar.organisation or the key another organisation's?"
            );
            return self.stop_scan(cursor, why).await;
        }
        let finished = page.next.is_none();
        if finished {
            cursor.phase = ScanPhase::Idle;
            if !cursor.is_sweep {
                cursor.finished_at = Some(self.clock.now());
            }
            cursor.zenskar_swept_at = cursor.zenskar_started_at;
            cursor.stopped = None;
        } else {
            cursor.phase = ScanPhase::Zenskar(page.next);
        }
        self.writer
            .write("scan page done", move |tx| {
                tx.put_listed(Side::Zenskar, cursor.zenskar_pages, &marks)?;
                cursor.zenskar_pages = cursor.zenskar_pages.saturating_add(1);
                put_place(tx, cursor)
            })
            .await?;
        if finished {
            self.roll.drop();
        }
        self.wake.look.notify_one();
        Ok(if finished {
            Scanned::Finished
        } else {
            Scanned::Page
        })
    }

    /// The linked customers of a page; gives the others, and the fields that are not as agreed.
    async fn take_linked(
        &self,
        rows: Vec<ZenskarCustomer>,
        observed_at: Timestamp,
    ) -> Result<(Vec<ZenskarCustomer>, Vec<Field>), EngineError> {
        let now = self.clock.now();
        let settings = self.settings();
        let mut linked = Vec::new();
        let mut unlinked = Vec::new();
        let mut differing = Vec::new();
        let read = self.store.read()?;
        let rules = Rules {
            policy: &settings.policy,
            active: &read.activations()?,
            match_email: settings.match_email,
        };
        for seen in rows {
            match read.link_by_zenskar(&seen.id)? {
                Some(link) => {
                    let seen = Seen::new(&read, &link, &seen, (observed_at, &rules))?;
                    differing.extend_from_slice(seen.differing());
                    linked.extend(seen.is_to_be_taken().then_some(seen));
                }
                None => unlinked.push(seen),
            }
        }
        drop(read);
        if !linked.is_empty() {
            self.writer
                .write("mirror listed customers of Zenskar", move |tx| {
                    linked.iter().try_for_each(|seen| seen.take(tx, now))
                })
                .await?;
        }
        Ok((unlinked, differing))
    }

    /// The unlinked customers of a sweep's page: those that changed since the poller last heard
    /// are news, as if it had heard of them.
    async fn take_changed(&self, rows: Vec<ZenskarCustomer>) -> Result<(), EngineError> {
        let Some(high) = self.store.read()?.change_cursor()?.high else {
            return Ok(());
        };
        let from = high.minus(OVERLAP);
        let rows = rows
            .into_iter()
            .filter(|seen| seen.updated_at.is_some_and(|at| at >= from))
            .collect();
        let news = self.news(rows)?;
        let now = self.clock.now();
        self.writer
            .write("insert swept customers", move |tx| {
                insert_news(tx, &news, now).map(drop)
            })
            .await?;
        self.wake.intake.notify_one();
        Ok(())
    }

    /// Asks the mapping of each unlinked customer of a page, beginning after the last one that was
    /// seen to when the page was read before.
    async fn ask_mappings(
        &self,
        cursor: &mut ScanCursor,
        rows: &[ZenskarCustomer],
        observed_at: Timestamp,
    ) -> Result<(), EngineError> {
        let handled = cursor.handled.take();
        let seen_to = rows
            .iter()
            .position(|seen| handled.as_ref() == Some(&seen.id))
            .map_or(0, |at| at.saturating_add(1));
        for seen in rows.iter().skip(seen_to) {
            let taken = self.ask_mapping(&mut cursor.found, seen, observed_at);
            match taken.await {
                Ok(()) => cursor.handled = Some(seen.id.clone()),
                Err(EngineError::Remote(failure)) => {
                    cursor.handled = cursor.handled.take().or(handled);
                    let place = cursor.clone();
                    self.writer
                        .write("keep place in page", move |tx| put_place(tx, place))
                        .await?;
                    return Err(EngineError::Remote(failure));
                }
                Err(error) => return Err(error),
            }
        }
        cursor.handled = None;
        Ok(())
    }

    /// One unlinked customer of Zenskar's listing.
    async fn ask_mapping(
        &self,
        found: &mut ScanCounts,
        seen: &ZenskarCustomer,
        observed_at: Timestamp,
    ) -> Result<(), EngineError> {
        let now = self.clock.now();
        match self.mapping_for_scan(&seen.id).await? {
            Mapping::Names(stripe) => {
                let link = new_link(&stripe, &seen.id, LinkProof::Mapping, now);
                let mirror = Mirror {
                    observed_at,
                    deleted: false,
                    payload: seen.payload.clone(),
                };
                let mirror = prepared(Side::Zenskar, seen.id.as_str(), &mirror)?;
                let made = self
                    .writer
                    .write("link customer", move |tx| {
                        let placed = make_link(tx, &link, "engine", now)?;
                        if let (Placed::Stored, Some(mirror)) = (&placed, &mirror) {
                            tx.put_mirror(mirror)?;
                        }
                        Ok(placed)
                    })
                    .await?;
                match made {
                    Placed::Stored => found.linked = found.linked.saturating_add(1),
                    Placed::Claimed(other) => {
                        found.claimed_twice = found.claimed_twice.saturating_add(1);
                        self.note_second_claim(&seen.id, &stripe, &other).await?;
                    }
                }
            }
            Mapping::NoAnswer => {
                found.unanswered = found.unanswered.saturating_add(1);
                self.ask_for_named(seen).await?;
            }
            Mapping::Nothing => self.ask_for_named(seen).await?,
        }
        Ok(())
    }

    /// Makes work of the linked customers that Zenskar's listing did not hold, unless they are more
    /// than may be missing: then it says how many may.
    async fn missed_in_zenskar(
        &self,
        cursor: &mut ScanCursor,
        marks: &[Mark],
    ) -> Result<Option<usize>, EngineError> {
        // A listing without any `Date` tells no customer that it saw from one that it did not.
        let Some(began) = cursor.zenskar_started_at else {
            return Ok(None);
        };
        let read = self.store.read()?;
        let started_at = cursor.started_at;
        let roll = Roll::read(&read, (Side::Zenskar, cursor), marks)?;
        let missed = Missed::find(&read, |link| {
            // One that was linked meanwhile may lie on a page that was read before.
            let id = link.zenskar.as_str();
            if link.made_at >= started_at || roll.holds(id) {
                return Ok(false);
            }
            let seen_at = read.mirror_seen_at(Side::Zenskar, id)?;
            Ok(seen_at.is_none_or(|seen_at| seen_at < began))
        })?;
        drop(read);
        cursor.found.missed_in_zenskar = count(missed.links.len());
        self.look_for(missed).await
    }

    /// What the mapping says. A refusal that is about this customer alone says nothing, and must
    /// not keep the scan from the customers after it.
    async fn mapping_for_scan(&self, id: &ZenskarCustomerId) -> Result<Mapping, EngineError> {
        match self.zenskar.mapping(id, Priority::Scan).await {
            Ok(answer) => Ok(proof(answer.value)),
            Err(failure) if is_about_one(&failure) => {
                tracing::warn!(customer = %id, %failure, "a mapping gave no answer");
                Ok(Mapping::NoAnswer)
            }
            Err(failure) => Err(self.refused(failure)),
        }
    }

    pub(super) async fn note_second_claim(
        &self,
        zenskar: &ZenskarCustomerId,
        stripe: &StripeCustomerId,
        other: &Link,
    ) -> Result<(), EngineError> {
        let entry = Entry::engine(
            self.clock.now(),
            "second claim",
            &Subject::Customer(stripe.clone()),
        )
        .with("zenskar", zenskar)
        .with(
            "already linked",
            &format!("{} with {}", other.stripe, other.zenskar),
        );
        self.writer
            .write("note second claim", move |tx| tx.append_journal(&entry))
            .await?;
        Ok(())
    }
}

/// The scan that is due after this cursor, if any is.
fn begun(cursor: &ScanCursor, now: Timestamp) -> Option<ScanCursor> {
    let is_due = |at: Timestamp| now.since(at) >= SCAN_EVERY;
    let unread = cursor.unread_again.is_some_and(|at| at <= now);
    let asked = cursor.wanted || unread;
    // A scan that stopped has not shown that this is the account the links are of.
    let lists_stripe = asked || cursor.finished_at.is_none() || cursor.stopped.is_some();
    let is_due = cursor.finished_at.is_none_or(is_due);
    let is_sweep = !asked && !is_due && cursor.sweep_wanted && !lists_stripe;
    if !asked && !is_due && !is_sweep {
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

/// The beginning of Zenskar's listing: what the place in Stripe's needed is dropped.
fn to_zenskar(cursor: &mut ScanCursor) -> ScanPhase {
    cursor.before = None;
    cursor.restarts = 0;
    ScanPhase::Zenskar(None)
}

/// Whether a failure says something of one customer only: it is an answer, and neither the key nor
/// the rate is what it is about.
fn is_about_one(failure: &Failure) -> bool {
    match failure.class {
        // Without a status it is our own refusal of an answer that is too large.
        Class::Refused => true,
        Class::Unauthorized => false,
        _ => !matches!(failure.status, None | Some(401 | 429)),
    }
}

/// Whether the place that a page was asked from is gone: a cursor that aged out, or a customer
/// that was deleted.
fn is_gone(failure: &Failure) -> bool {
    matches!(failure.class, Class::CursorGone | Class::Missing)
}

/// Whether the key, or the server, does not list customers at all.
fn cannot_list(failure: &Failure) -> bool {
    matches!(
        failure.class,
        Class::Forbidden | Class::Refused | Class::Missing
    )
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
