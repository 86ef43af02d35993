//! The half of a scan that lists Zenskar, which alone is a sweep.

use crate::engine::Engine;
use crate::engine::changes::{LAG, OVERLAP, insert_news};
use crate::engine::error::EngineError;
use crate::engine::linking::{make_link, new_link, proof};
use crate::engine::scan::roll::Roll;
use crate::engine::scan::step::{Missed, Rules, Seen, prepared, put_place};
use crate::engine::scan::{Scanned, count, count_differing, is_gone, served};
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

impl Engine {
    pub(super) async fn scan_zenskar(
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
        let alone = subjects(&unlinked);
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
                self.search_unlinked(&cursor).await?;
                cursor.finished_at = Some(self.clock.now());
                cursor.listing = served(cursor.listing, self.clock.now());
            }
            cursor.zenskar_swept_at = cursor.zenskar_started_at;
            cursor.stopped = None;
        } else {
            cursor.phase = ScanPhase::Zenskar(page.next);
        }
        self.end_page(cursor, marks, alone).await?;
        self.wake.look.notify_one();
        Ok(if finished {
            Scanned::Finished
        } else {
            Scanned::Page
        })
    }

    /// Writes down that a page was read: who was on it, and who has no partner.
    async fn end_page(
        &self,
        mut cursor: ScanCursor,
        marks: Vec<Mark>,
        alone: Vec<Subject>,
    ) -> Result<(), EngineError> {
        let now = self.clock.now();
        self.writer
            .write("scan page done", move |tx| {
                // Those whose mapping proved a link have one by now.
                alone
                    .iter()
                    .try_for_each(|subject| tx.note_alone(subject, now))?;
                tx.put_listed(Side::Zenskar, cursor.zenskar_pages, &marks)?;
                cursor.zenskar_pages = cursor.zenskar_pages.saturating_add(1);
                put_place(tx, cursor)
            })
            .await?;
        Ok(())
    }

    /// The linked customers of a page; gives the others, with those whose mapping may name another
    /// customer by now, and the fields that are not as agreed.
    async fn take_linked(
        &self,
        rows: Vec<ZenskarCustomer>,
        observed_at: Timestamp,
    ) -> Result<(Vec<ZenskarCustomer>, Vec<Field>), EngineError> {
        let now = self.clock.now();
        let settings = self.compared_by()?;
        let mut linked = Vec::new();
        let mut unlinked = Vec::new();
        let mut differing = Vec::new();
        let read = self.store.read()?;
        let rules = Rules {
            policy: &settings.policy,
            active: &read.compared()?,
            match_email: settings.match_email,
        };
        for seen in rows {
            match read.link_by_zenskar(&seen.id)? {
                Some(link) => {
                    if may_follow(&link) {
                        unlinked.push(seen.clone());
                    }
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
        // A scan that lists Stripe was asked for; else what changed since the last one counts.
        let asked = cursor.stripe_started_at.is_some();
        let swept_at = cursor.zenskar_swept_at.map(|at| at.minus(LAG));
        let is_news = |seen: &ZenskarCustomer| {
            asked
                || seen
                    .updated_at
                    .is_none_or(|at| swept_at.is_none_or(|swept| at >= swept))
        };
        for seen in rows.iter().skip(seen_to) {
            let taken = self.ask_mapping(&mut cursor.found, seen, (observed_at, is_news(seen)));
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
        (observed_at, is_news): (Timestamp, bool),
    ) -> Result<(), EngineError> {
        let now = self.clock.now();
        match self.mapping_for_scan(&seen.id).await? {
            // It is not in force, which its mapping does not change.
            Mapping::Names(stripe)
                if self.is_linked_with(&seen.id, &stripe)?
                    || self.after_creation(&stripe, &seen.id)?.is_some() => {}
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
            answer @ (Mapping::NoAnswer | Mapping::Nothing) => {
                if answer == Mapping::NoAnswer {
                    found.unanswered = found.unanswered.saturating_add(1);
                }
                self.ask_for_sought(seen, is_news).await?;
                self.know_unlinked(seen, &answer).await?;
            }
        }
        Ok(())
    }

    fn is_linked_with(
        &self,
        zenskar: &ZenskarCustomerId,
        stripe: &StripeCustomerId,
    ) -> Result<bool, EngineError> {
        let link = self.store.read()?.link_by_zenskar(zenskar)?;
        Ok(link.is_some_and(|link| link.stripe == *stripe))
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
        let too_many = self.look_for(missed).await?;
        if too_many.is_none() {
            let listing = (Side::Zenskar, cursor.started_at);
            self.forget_gone(listing, &roll).await?;
        }
        Ok(too_many)
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

    pub(in crate::engine) async fn note_second_claim(
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

fn subjects(rows: &[ZenskarCustomer]) -> Vec<Subject> {
    let ids = rows.iter().map(|seen| seen.id.clone());
    ids.map(Subject::Unlinked).collect()
}

/// Whether a link gives way where Zenskar's mapping names another customer of Stripe.
const fn may_follow(link: &Link) -> bool {
    match link.state {
        LinkState::Active | LinkState::Deleted(Side::Zenskar) => false,
        LinkState::Deleted(Side::Stripe) | LinkState::Unknown | LinkState::Unlinked => true,
    }
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
