//! Finding and making links: by an event of an unlinked customer, by a scan, by a person.
//!
//! A link made here has no base yet; the look that follows records as base every field on which
//! both sides agree.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::unlinked::hand_over;
use crate::model::customer::{Field, Fields, Value};
use crate::model::event::Event;
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::journal::Entry;
use crate::model::link::{Link, LinkProof, LinkState};
use crate::model::time::Timestamp;
use crate::model::work::{Subject, Work};
use crate::remote::limiter::Priority;
use crate::remote::outcome::Class;
use crate::store::Placed;
use crate::store::StoreError;
use crate::store::WriteTx;
use crate::stripe;
use crate::sync::matching::{Mapping, Verdict, judge};
use crate::zenskar::client;

/// What the search for a link came to.
#[derive(Debug)]
pub(super) enum Found {
    /// There is one now.
    Linked(Link),
    /// There is none; the work is parked until one appears.
    Parked,
}

/// Customers of Zenskar that a search found.
struct Candidates {
    ids: Vec<ZenskarCustomerId>,
    /// Whether the search surely saw all there are.
    complete: bool,
}

impl Engine {
    /// Searches the Zenskar customer of an unlinked Stripe customer, proven by its mapping.
    pub(super) async fn find_link(
        &self,
        work: &Work,
        id: &StripeCustomerId,
        events: &[Event],
    ) -> Result<Found, EngineError> {
        let now = self.clock.now();
        let mut candidates = Vec::new();
        let found = self.candidates(id, events).await?;
        for zenskar in found.ids {
            let mapping = self.mapping(&zenskar).await?;
            candidates.push((zenskar, mapping));
        }
        let why = match judge(id, &candidates) {
            Verdict::Link(zenskar) => {
                let link = new_link(id, &zenskar, LinkProof::Mapping, now);
                let row = link.clone();
                let made = self
                    .writer
                    .write("link customer", move |tx| {
                        make_link(tx, &row, "engine", now)
                    })
                    .await?;
                match made {
                    Placed::Stored => return Ok(Found::Linked(link)),
                    Placed::Claimed(other) => format!(
                        "{zenskar} is mapped to {id} and linked to {}: unlink one of them",
                        other.stripe
                    ),
                }
            }
            Verdict::Unlinked if !found.complete => {
                "Zenskar's search was not complete, and none of what it found is mapped to it"
                    .to_owned()
            }
            Verdict::Unlinked
                if candidates
                    .iter()
                    .any(|(_, says)| *says == Mapping::NoAnswer) =>
            {
                "Zenskar's mapping gave no answer for a customer that may be it".to_owned()
            }
            Verdict::Unlinked => "no customer of Zenskar is mapped to it".to_owned(),
            Verdict::Ambiguous(several) => {
                let several: Vec<&str> = several.iter().map(ZenskarCustomerId::as_str).collect();
                format!(
                    "several customers of Zenskar are mapped to it: {}",
                    several.join(", ")
                )
            }
        };
        let parked = Work {
            last_error: Some(why),
            attempts: 0,
            ..work.clone()
        };
        let stripe = id.clone();
        let is_parked = self
            .writer
            .write("park work", move |tx| park(tx, &parked, &stripe))
            .await?;
        if !is_parked {
            // An event came while we searched: look again with it.
            self.wake.look.notify_one();
        }
        Ok(Found::Parked)
    }

    /// Customers of Zenskar that may belong to this customer of Stripe.
    async fn candidates(
        &self,
        id: &StripeCustomerId,
        events: &[Event],
    ) -> Result<Candidates, EngineError> {
        let mut ids = Vec::new();
        let by_id = self
            .zenskar
            .customers_by_external_id(id.as_str(), Priority::Scan)
            .await?;
        let mut complete = by_id.value.complete;
        ids.extend(by_id.value.customers.into_iter().map(|seen| seen.id));
        if let Value::Text(email) = self.stripe_email(id, events).await? {
            let by_email = self
                .zenskar
                .customers_by_email(&email, Priority::Scan)
                .await?;
            complete &= by_email.value.complete;
            ids.extend(by_email.value.customers.into_iter().map(|seen| seen.id));
        }
        ids.sort();
        ids.dedup();
        Ok(Candidates { ids, complete })
    }

    async fn stripe_email(
        &self,
        id: &StripeCustomerId,
        events: &[Event],
    ) -> Result<Value, EngineError> {
        let newest = events.iter().max_by_key(|event| event.created);
        let snapshot = newest.and_then(|event| stripe::event::customer(&event.payload).ok());
        let presence = match snapshot {
            Some(observed) => observed.presence,
            None => {
                self.stripe
                    .customer(id, Priority::Scan)
                    .await?
                    .value
                    .presence
            }
        };
        Ok(presence.customer().map_or(Value::Blank, |customer| {
            customer.value(Field::Email).clone()
        }))
    }

    /// What Zenskar's mapping says of one of its customers; a customer that is gone says nothing.
    pub(super) async fn mapping(&self, id: &ZenskarCustomerId) -> Result<Mapping, EngineError> {
        match self.zenskar.mapping(id, Priority::Scan).await {
            Ok(answer) => Ok(proof(answer.value)),
            Err(failure) if failure.class == Class::Missing => Ok(Mapping::NoAnswer),
            Err(failure) => Err(failure.into()),
        }
    }
}

/// What the mapping proves.
pub(super) fn proof(mapping: client::Mapping) -> Mapping {
    match mapping {
        client::Mapping::Names(stripe) => Mapping::Names(stripe),
        client::Mapping::Nothing => Mapping::Nothing,
        client::Mapping::NoAnswer(_) => Mapping::NoAnswer,
    }
}

/// A link that was just made: nothing is agreed yet.
#[must_use]
pub(super) fn new_link(
    stripe: &StripeCustomerId,
    zenskar: &ZenskarCustomerId,
    proof: LinkProof,
    now: Timestamp,
) -> Link {
    Link {
        stripe: stripe.clone(),
        zenskar: zenskar.clone(),
        version: 1,
        base: Fields::new(),
        state: LinkState::Active,
        proof,
        made_at: now,
        planned_at: now,
    }
}

/// Stores a new link and takes up the events that waited for it.
pub(super) fn make_link(
    tx: &mut WriteTx<'_>,
    link: &Link,
    who: &str,
    now: Timestamp,
) -> Result<Placed, StoreError> {
    let placed = tx.put_link(link)?;
    if placed == Placed::Stored {
        let subject = Subject::Customer(link.stripe.clone());
        tracing::info!(event = "customer_linked", customer = %link.stripe, zenskar = %link.zenskar);
        tx.unpark(&subject, now)?;
        hand_over(tx, &link.zenskar, &link.stripe, now)?;
        if tx.work(&subject)?.is_none() {
            tx.put_work(&Work {
                asked: 1,
                ..Work::new(subject.clone(), now)
            })?;
        }
        let mut entry = Entry::engine(now, "customer linked", &subject)
            .with("zenskar", &link.zenskar)
            .with("proof", &format!("{:?}", link.proof).to_lowercase());
        who.clone_into(&mut entry.who);
        tx.append_journal(&entry)?;
    }
    Ok(placed)
}

/// Parks work, unless something was added to it since it was read.
fn park(tx: &mut WriteTx<'_>, work: &Work, stripe: &StripeCustomerId) -> Result<bool, StoreError> {
    let unmoved = tx
        .work(&work.subject)?
        .is_some_and(|current| current.asked == work.asked);
    let still_unlinked = tx.link(stripe)?.is_none();
    if unmoved && still_unlinked {
        tx.park(work)?;
    }
    Ok(unmoved && still_unlinked)
}
