//! A customer of Zenskar that changed and has no link: its mapping is asked for, and proves one or
//! does not.
//!
//! Without a link its events wait, are counted, and are taken up by the link that appears.

use crate::engine::Engine;
use crate::engine::creation::{Considered, rows};
use crate::engine::error::EngineError;
use crate::engine::linking::{make_link, new_link, proof};
use crate::engine::look::Looked;
use crate::engine::scan::step;
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::{LinkProof, Side};
use crate::model::time::Timestamp;
use crate::model::work::{Subject, Work};
use crate::remote::limiter::Priority;
use crate::remote::outcome::Class;
use crate::store::{Placed, StoreError, WriteTx};
use crate::sync::matching::Mapping;
use crate::zenskar::object::ZenskarCustomer;

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
        Ok(Looked::Parked)
    }

    /// A customer of Zenskar's whose external id is that of a customer in Stripe: that one's partner
    /// is searched, once.
    pub(super) async fn ask_for_named(&self, seen: &ZenskarCustomer) -> Result<(), EngineError> {
        let named = seen.external_id.as_deref().map(StripeCustomerId::parse);
        let Some(Ok(id)) = named else { return Ok(()) };
        let subject = Subject::Customer(id.clone());
        let read = self.store.read()?;
        let is_here = read
            .mirror(Side::Stripe, id.as_str())?
            .is_some_and(|mirror| !mirror.deleted);
        let is_known = read.link(&id)?.is_some()
            || read.work(&subject)?.is_some()
            || read.parked(&subject)?.is_some();
        drop(read);
        if is_here && !is_known {
            let now = self.clock.now();
            self.writer
                .write("search for named customer", move |tx| {
                    step::ask(tx, &id, now)
                })
                .await?;
        }
        Ok(())
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
