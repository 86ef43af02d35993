//! A customer of Zenskar that changed and has no link: its mapping is asked for, and proves one or
//! does not.
//!
//! Without a link its events wait, are counted, and are taken up by the link that appears. Where it
//! may be the partner of a customer of Stripe that waits for one, that is searched for again.

use crate::engine::Engine;
use crate::engine::creation::{Considered, rows};
use crate::engine::error::EngineError;
use crate::engine::linking::{email_of, make_link, new_link, proof};
use crate::engine::look::Looked;
use crate::engine::scan::step;
use crate::model::event::Channel;
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::{LinkProof, Side};
use crate::model::time::Timestamp;
use crate::model::work::{Subject, Work};
use crate::remote::limiter::Priority;
use crate::remote::outcome::Class;
use crate::store::{Clue, Placed, ReadTx, StoreError, WriteTx};
use crate::sync::matching::Mapping;
use crate::zenskar::client::Found;
use crate::zenskar::object::ZenskarCustomer;
use std::collections::BTreeSet;

/// Customers of Stripe that one clue leads to at once. An address that more have proves nothing.
const SOUGHT_MAX: usize = 16;

impl Engine {
    /// Does what follows from a change of an unlinked customer of Zenskar.
    pub(super) async fn examine_unlinked(
        &self,
        work: &Work,
        id: &ZenskarCustomerId,
    ) -> Result<Looked, EngineError> {
        let now = self.clock.now();
        if let Some(link) = self.store.read()?.link_by_zenskar(id)? {
            let (subject, id) = (work.subject.clone(), id.clone());
            self.writer
                .write("hand work to link", move |tx| {
                    hand_over(tx, &id, &link.stripe, now)?;
                    tx.remove_work(&subject).map(drop)
                })
                .await?;
            self.wake.look.notify_one();
            return Ok(Looked::Applied);
        }
        let mapping = match self.zenskar.mapping(id, Priority::Scan).await {
            Ok(answer) => proof(answer.value),
            Err(failure) if failure.class == Class::Missing => {
                // It is gone, and nothing of ours was linked with it.
                let subject = work.subject.clone();
                self.writer
                    .write("drop work of unlinked customer", move |tx| {
                        rows::forget(tx, &subject)?;
                        tx.remove_parked(&subject)?;
                        tx.remove_work(&subject).map(drop)
                    })
                    .await?;
                return Ok(Looked::Applied);
            }
            Err(failure) => return Err(self.refused(failure)),
        };
        let considered = match mapping {
            Mapping::Names(stripe) => {
                if let Some(due_at) = self.after_creation(&stripe, id)? {
                    return self.wait_for_creation(work, due_at).await;
                }
                let link = new_link(&stripe, id, LinkProof::Mapping, now);
                let made = self
                    .writer
                    .write("link customer", move |tx| {
                        make_link(tx, &link, "engine", now)
                    })
                    .await?;
                let Placed::Claimed(other) = made else {
                    self.wake.look.notify_one();
                    return Ok(Looked::Applied);
                };
                self.note_second_claim(id, &stripe, &other).await?;
                Considered::waits(format!(
                    "{id} is mapped to {stripe}, and {} is linked with {}: unlink one of them",
                    other.stripe, other.zenskar
                ))
            }
            answer @ (Mapping::Nothing | Mapping::NoAnswer) => {
                let why = match answer {
                    Mapping::NoAnswer => "Zenskar's mapping gave no answer",
                    _ => "it is mapped to no customer of Stripe",
                };
                self.consider_in_stripe(id, &answer, why).await?
            }
        };
        self.park_considered(work, considered).await?;
        if let Some(seen) = self.shown_unlinked(work, id).await? {
            self.ask_for_sought(&seen, true).await?;
        }
        Ok(Looked::Parked)
    }

    /// Has the partner of every customer of Stripe searched whose partner this customer of Zenskar
    /// may be, which its mapping does not prove: by its external id, by its address where that
    /// proves, since metadata name it, or since it was one of several. Those whose search came to
    /// nothing are searched for again where the customer `is_news`.
    pub(super) async fn ask_for_sought(
        &self,
        seen: &ZenskarCustomer,
        is_news: bool,
    ) -> Result<(), EngineError> {
        let read = self.store.read()?;
        let external = seen.external_id.as_deref().map(StripeCustomerId::parse);
        let mut sought: BTreeSet<StripeCustomerId> = BTreeSet::new();
        if let Some(Ok(id)) = external {
            let mirror = read.mirror(Side::Stripe, id.as_str())?;
            let is_here = mirror.is_some_and(|mirror| !mirror.deleted);
            if is_here || is_waiting(&read, &id)? {
                sought.insert(id);
            }
        }
        let mut clues = Vec::new();
        if is_news {
            clues.push(Clue::Candidate(seen.id.clone()));
            clues.extend(email_of(&seen.customer).filter(|_| self.settings().match_email));
            sought.extend(waiting(&read, read.named_by(&seen.id, SOUGHT_MAX)?)?);
        }
        let mut stale = Vec::new();
        for clue in clues {
            for id in read.sought_by(&clue, SOUGHT_MAX)? {
                if is_waiting(&read, &id)? {
                    sought.insert(id);
                } else if read.work(&Subject::Customer(id.clone()))?.is_none() {
                    stale.push((clue.clone(), id));
                }
            }
        }
        drop(read);
        if sought.is_empty() && stale.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        self.writer
            .write("search for customers that are sought", move |tx| {
                for (clue, id) in &stale {
                    tx.forget_clue(clue, id)?;
                }
                for id in &sought {
                    search_again(tx, id, is_news, now)?;
                }
                Ok::<_, StoreError>(())
            })
            .await?;
        self.wake.look.notify_one();
        Ok(())
    }

    /// A customer of Zenskar without link as the newest row that told of its change shows it, or
    /// read anew; none if it is gone.
    async fn shown_unlinked(
        &self,
        work: &Work,
        id: &ZenskarCustomerId,
    ) -> Result<Option<ZenskarCustomer>, EngineError> {
        let read = self.store.read()?;
        if let Some(newest) = work.events.last()
            && let Some(stored) = read.event(*newest)?
            && stored.event.channel == Channel::ZenskarPoll
            && let Ok(seen) = ZenskarCustomer::parse(stored.event.payload)
        {
            return Ok(Some(seen).filter(|seen| seen.id == *id));
        }
        drop(read);
        let found = self.zenskar.customer(id, Priority::Scan).await;
        Ok(
            match found.map_err(|failure| self.refused(failure))?.value {
                Found::Here(look) => Some(look.seen().clone()),
                Found::Gone => None,
            },
        )
    }
}

/// Whether a customer of Stripe without link waits for one.
fn is_waiting(read: &ReadTx<'_>, id: &StripeCustomerId) -> Result<bool, StoreError> {
    let subject = Subject::Customer(id.clone());
    Ok(read.link(id)?.is_none() && read.parked(&subject)?.is_some())
}

/// Those that wait for a link.
fn waiting(
    read: &ReadTx<'_>,
    ids: Vec<StripeCustomerId>,
) -> Result<Vec<StripeCustomerId>, StoreError> {
    let mut waiting = Vec::new();
    for id in ids {
        if is_waiting(read, &id)? {
            waiting.push(id);
        }
    }
    Ok(waiting)
}

/// Has the partner of a customer of Stripe searched, unless it has one or is being looked at. One
/// search is enough, and what it came to waits, where nothing `is_news`.
fn search_again(
    tx: &mut WriteTx<'_>,
    id: &StripeCustomerId,
    is_news: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let subject = Subject::Customer(id.clone());
    if tx.link(id)?.is_some() || tx.work(&subject)?.is_some() {
        return Ok(());
    }
    match tx.parked(&subject)? {
        Some(_) if is_news => tx.unpark(&subject, now).map(drop),
        Some(_) => Ok(()),
        None => step::ask(tx, id, now),
    }
}

/// Gives what waits for a link of this customer of Zenskar to the work of its link.
pub(super) fn hand_over(
    tx: &mut WriteTx<'_>,
    zenskar: &ZenskarCustomerId,
    stripe: &StripeCustomerId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let from = Subject::Unlinked(zenskar.clone());
    let waiting = [tx.remove_parked(&from)?, tx.remove_work(&from)?];
    let waiting: Vec<Work> = waiting.into_iter().flatten().collect();
    if waiting.is_empty() {
        return Ok(());
    }
    step::ask(tx, stripe, now)?;
    let subject = Subject::Customer(stripe.clone());
    let mut work = tx
        .work(&subject)?
        .unwrap_or_else(|| Work::new(subject, now));
    for sequence in waiting.iter().flat_map(|work| &work.events) {
        work.add_event(*sequence);
    }
    tx.put_work(&work)
}
