//! A full reading of both sides: finds links, agreed values, gaps and deletions.
//!
//! First Stripe's customers are listed, a hundred a read, into the mirror; a linked one that does
//! not look as it did becomes work, and so does a linked one that is not listed. Then Zenskar's
//! customers are listed; each one without link is asked for its mapping. The scan resumes page by
//! page after a crash, yields to everything else, and writes to neither side.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::linking::{make_link, new_link, proof};
use crate::model::cursor::{ScanCounts, ScanCursor, ScanPhase};
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::journal::Entry;
use crate::model::link::{Link, LinkProof, LinkState, Side};
use crate::model::mirror::Mirror;
use crate::model::time::Timestamp;
use crate::model::work::{Subject, Work};
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Class, Failure};
use crate::store::{Placed, PreparedMirror, StoreError, WriteTx};
use crate::stripe::convert::Observed;
use crate::sync::matching::Mapping;
use crate::sync::policy::Policy;
use crate::zenskar::object::ZenskarCustomer;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a scan runs by itself. Listing Zenskar costs no allowance; Stripe is listed only when
/// a scan was asked for.
pub const SCAN_EVERY: Duration = Duration::from_secs(86_400);

/// Links examined in one piece while looking for those that were not listed.
const LINKS_STEP: usize = 1_000;

/// Linked customers that may be missing from a listing before it is taken for another account's.
const MISSED_MAX: usize = 20;

/// What one step of a scan did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// Nothing is to be scanned now.
    Idle,
    /// One page was read.
    Page,
    /// The scan came to its end.
    Finished,
    /// So many linked customers are missing that the account or key must be wrong.
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
            ScanPhase::Idle => self.begin_scan(cursor).await,
            ScanPhase::Stripe(after) => self.scan_stripe(cursor, after).await,
            ScanPhase::Zenskar(from) => self.scan_zenskar(cursor, from).await,
        }
    }

    async fn begin_scan(&self, cursor: ScanCursor) -> Result<Scanned, EngineError> {
        let now = self.clock.now();
        let due = cursor
            .finished_at
            .is_none_or(|at| now.since(at) >= SCAN_EVERY);
        if !(cursor.wanted || due) || self.settings().policy.direction.is_none() {
            return Ok(Scanned::Idle);
        }
        let lists_stripe = cursor.wanted || cursor.finished_at.is_none();
        let phase = if lists_stripe {
            ScanPhase::Stripe(None)
        } else {
            ScanPhase::Zenskar(None)
        };
        let begun = ScanCursor {
            phase,
            started_at: now,
            stripe_started_at: None,
            wanted: false,
            found: ScanCounts::default(),
            ..cursor
        };
        self.writer
            .write("begin scan", move |tx| tx.set_scan_cursor(&begun))
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
            .customers_page(after.as_ref(), Priority::Scan)
            .await
        {
            Ok(answer) => answer,
            // The customer that the place names is gone: Stripe cannot go on from it.
            Err(failure) if after.is_some() && is_gone(&failure) => {
                cursor.phase = ScanPhase::Stripe(None);
                self.writer
                    .write("restart scan", move |tx| tx.set_scan_cursor(&cursor))
                    .await?;
                return Ok(Scanned::Page);
            }
            Err(failure) => return Err(self.refused(failure)),
        };
        self.gate.open(Side::Stripe);
        let observed_at = answer.date.unwrap_or(Timestamp::MIN);
        let page = answer.value;
        cursor.stripe_started_at = cursor.stripe_started_at.or(answer.date);
        cursor.found.stripe = cursor.found.stripe.saturating_add(count(page.items.len()));
        cursor.phase = match page.next {
            Some(last) => ScanPhase::Stripe(Some(last)),
            None => ScanPhase::Zenskar(None),
        };
        let at_end = cursor.phase == ScanPhase::Zenskar(None);
        let now = self.clock.now();
        let policy = self.settings().policy.clone();
        let listed: BTreeMap<StripeCustomerId, Observed> = page
            .items
            .into_iter()
            .map(|seen| (seen.id.clone(), seen))
            .collect();
        if at_end && self.missed_too_many(&mut cursor, &listed).await? {
            return Ok(Scanned::Stopped);
        }
        self.writer
            .write("mirror listed customers", move |tx| {
                for seen in listed.into_values() {
                    take_listed(tx, seen, observed_at, &policy, now)?;
                }
                tx.set_scan_cursor(&cursor)
            })
            .await?;
        self.wake.look.notify_one();
        Ok(Scanned::Page)
    }

    /// Makes work of the linked customers that the listing did not hold, unless they are too many.
    async fn missed_too_many(
        &self,
        cursor: &mut ScanCursor,
        last_page: &BTreeMap<StripeCustomerId, Observed>,
    ) -> Result<bool, EngineError> {
        let began = cursor.stripe_started_at.unwrap_or(Timestamp::MIN);
        let read = self.store.read()?;
        let most = usize::try_from(read.link_count()? / 100)
            .unwrap_or(usize::MAX)
            .max(MISSED_MAX);
        let mut missed = Vec::new();
        let mut after: Option<StripeCustomerId> = None;
        loop {
            let links = read.links(after.as_ref(), LINKS_STEP)?;
            let Some(last) = links.last() else { break };
            after = Some(last.stripe.clone());
            for link in links
                .into_iter()
                .filter(|link| link.state == LinkState::Active)
            {
                let mirror = read.mirror(Side::Stripe, link.stripe.as_str())?;
                let listed = mirror.is_some_and(|mirror| mirror.observed_at >= began)
                    || last_page.contains_key(&link.stripe);
                if !listed {
                    missed.push(link.stripe);
                }
            }
            if missed.len() > most {
                break;
            }
        }
        drop(read);
        cursor.found.missed = count(missed.len());
        let now = self.clock.now();
        if missed.len() > most {
            let stopped = ScanCursor {
                phase: ScanPhase::Idle,
                finished_at: Some(now),
                ..cursor.clone()
            };
            let entry = Entry::engine(now, "scan stopped", &"stripe/customers")
                .with("missing", &format!("more than {most} linked customers"))
                .with("check", &"is stripe.account or the key another account's?");
            self.writer
                .write("stop scan", move |tx| {
                    tx.append_journal(&entry)?;
                    tx.set_scan_cursor(&stopped)
                })
                .await?;
            return Ok(true);
        }
        for part in missed.chunks(LINKS_STEP) {
            let part = part.to_vec();
            self.writer
                .write("look for missed customers", move |tx| {
                    part.iter().try_for_each(|id| ask(tx, id, now))
                })
                .await?;
        }
        Ok(false)
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
                cursor.phase = ScanPhase::Zenskar(None);
                self.writer
                    .write("restart scan", move |tx| tx.set_scan_cursor(&cursor))
                    .await?;
                return Ok(Scanned::Page);
            }
            Err(failure) => return Err(self.refused(failure)),
        };
        self.gate.open(Side::Zenskar);
        let observed_at = answer.date.unwrap_or(Timestamp::MIN);
        let page = answer.value;
        cursor.found.zenskar = cursor.found.zenskar.saturating_add(count(page.items.len()));
        for seen in &page.items {
            self.take_zenskar(&mut cursor.found, seen, observed_at)
                .await?;
        }
        let finished = page.next.is_none();
        let now = self.clock.now();
        if finished {
            cursor.phase = ScanPhase::Idle;
            cursor.finished_at = Some(now);
        } else {
            cursor.phase = ScanPhase::Zenskar(page.next);
        }
        self.writer
            .write("scan page done", move |tx| tx.set_scan_cursor(&cursor))
            .await?;
        self.wake.look.notify_one();
        Ok(if finished {
            Scanned::Finished
        } else {
            Scanned::Page
        })
    }

    /// One customer of Zenskar's listing.
    async fn take_zenskar(
        &self,
        found: &mut ScanCounts,
        seen: &ZenskarCustomer,
        observed_at: Timestamp,
    ) -> Result<(), EngineError> {
        let read = self.store.read()?;
        let link = read.link_by_zenskar(&seen.id)?;
        let now = self.clock.now();
        if let Some(link) = link {
            let known: Vec<_> = read.differences(&link.stripe)?;
            let policy = self.settings().policy.clone();
            let differs = policy.fields.iter().any(|field| {
                let value = seen.customer.value(*field);
                let shown = known
                    .iter()
                    .any(|one| one.field == *field && one.zenskar == *value);
                link.base.get(field) != Some(value) && !shown
            });
            if differs && link.state == LinkState::Active {
                self.writer
                    .write("look at listed customer", move |tx| {
                        ask(tx, &link.stripe, now)
                    })
                    .await?;
            }
            return Ok(());
        }
        drop(read);
        match self.mapping_for_scan(&seen.id).await? {
            Mapping::Names(stripe) => {
                let link = new_link(&stripe, &seen.id, LinkProof::Mapping, now);
                let mirror = Mirror {
                    observed_at,
                    deleted: false,
                    payload: seen.payload.clone(),
                };
                let mirror = PreparedMirror::new(Side::Zenskar, seen.id.as_str(), &mirror)?;
                let made = self
                    .writer
                    .write("link customer", move |tx| {
                        let placed = make_link(tx, &link, "engine", now)?;
                        if placed == Placed::Stored {
                            tx.put_mirror(&mirror)?;
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
            Mapping::NoAnswer => found.unanswered = found.unanswered.saturating_add(1),
            Mapping::Nothing => {}
        }
        Ok(())
    }

    async fn mapping_for_scan(&self, id: &ZenskarCustomerId) -> Result<Mapping, EngineError> {
        match self.zenskar.mapping(id, Priority::Scan).await {
            Ok(answer) => Ok(proof(answer.value)),
            Err(failure) if failure.class == Class::Missing => Ok(Mapping::NoAnswer),
            Err(failure) => Err(self.refused(failure)),
        }
    }

    async fn note_second_claim(
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

/// Takes one customer of Stripe's listing: the mirror follows, and a linked customer that does not
/// look as it did becomes work.
fn take_listed(
    tx: &mut WriteTx<'_>,
    seen: Observed,
    observed_at: Timestamp,
    policy: &Policy,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = seen.id.clone();
    if let Some(link) = tx.link(&id)? {
        let known = tx.differences(&id)?;
        let differs = seen.presence.customer().is_none_or(|customer| {
            policy.fields.iter().any(|field| {
                let value = customer.value(*field);
                let shown = known
                    .iter()
                    .any(|one| one.field == *field && one.stripe == *value);
                link.base.get(field) != Some(value) && !shown
            })
        });
        if differs || link.state != LinkState::Active {
            ask(tx, &id, now)?;
        }
    }
    let known = tx.mirror(Side::Stripe, id.as_str())?;
    if known.is_some_and(|known| known.observed_at > observed_at) {
        return Ok(());
    }
    let deleted = seen.presence.customer().is_none();
    let mirror = Mirror {
        observed_at,
        deleted,
        payload: seen.payload,
    };
    tx.put_mirror(&PreparedMirror::new(Side::Stripe, id.as_str(), &mirror)?)
}

/// Whether the place that a page was asked from is gone: a cursor that aged out, or a customer
/// that was deleted.
fn is_gone(failure: &Failure) -> bool {
    matches!(failure.class, Class::CursorGone | Class::Missing)
}

/// Asks for a look at a customer.
fn ask(tx: &mut WriteTx<'_>, id: &StripeCustomerId, now: Timestamp) -> Result<(), StoreError> {
    let subject = Subject::Customer(id.clone());
    let mut work = tx
        .work(&subject)?
        .unwrap_or_else(|| Work::new(subject, now));
    work.asked = work.asked.saturating_add(1);
    tx.put_work(&work)
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}
