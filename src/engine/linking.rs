//! Finding and making links: by an event of an unlinked customer, by a scan, by a person. What
//! proves a link is in [`crate::sync::matching`].
//!
//! A link made here has no base yet; the look that follows records as base every field on which
//! both sides agree.

use crate::engine::Engine;
use crate::engine::creation::{Considered, NAMED_MAX, rows};
use crate::engine::decisions;
use crate::engine::error::EngineError;
use crate::engine::look::remove_dead_letter;
use crate::engine::unlinked::hand_over;
use crate::model::creation::{Creation, Stage};
use crate::model::customer::{Customer, Field, Fields, Presence, Value};
use crate::model::event::Event;
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::journal::Entry;
use crate::model::link::{Link, LinkProof, LinkState};
use crate::model::time::Timestamp;
use crate::model::work::{Subject, Work};
use crate::remote::limiter::Priority;
use crate::remote::outcome::Class;
use crate::store::{Clue, Placed, ReadTx, StoreError, WriteTx};
use crate::stripe;
use crate::stripe::convert::Observed;
use crate::sync::matching::{Candidate, METADATA_KEY, Mapping, Search, Verdict, gives_way, judge};
use crate::zenskar::client;
use std::collections::BTreeMap;
use std::time::Duration;

/// How the reason begins for which a customer waits whose partner may be one of several.
pub(super) const AMBIGUOUS: &str = "several customers of Zenskar may be it";

/// What the search for a link came to.
#[derive(Debug)]
pub(super) enum Found {
    /// There is one now.
    Linked(Link),
    /// There is none; the work is parked until one appears.
    Parked,
    /// A creation may have made one of the two for the other: the work waits until it was tried.
    Creation(Timestamp),
}

/// How long after a creation is tried again its link is looked for.
const AFTER_CREATION: Duration = Duration::from_secs(5);

impl Engine {
    /// Searches the Zenskar customer of an unlinked Stripe customer.
    pub(super) async fn find_link(
        &self,
        work: &Work,
        id: &StripeCustomerId,
        events: &[Event],
    ) -> Result<Found, EngineError> {
        let now = self.clock.now();
        let seen = self.stripe_for_search(id, events).await?;
        let search = self.search(id, &seen, Priority::Scan).await?;
        let verdict = judge(id, &search);
        let clues = self.clues(&seen, &verdict);
        let considered = match verdict {
            Verdict::Link(zenskar, proof) => {
                if let Some(due_at) = self.after_creation(id, &zenskar)? {
                    self.show_made(id, zenskar, proof).await?;
                    return Ok(Found::Creation(due_at));
                }
                let link = new_link(id, &zenskar, proof, now);
                let row = link.clone();
                let made = self
                    .writer
                    .write("link customer", move |tx| {
                        make_link(tx, &row, "engine", now)
                    })
                    .await?;
                match made {
                    Placed::Stored => return Ok(Found::Linked(link)),
                    Placed::Claimed(other) => Considered::waits(format!(
                        "{zenskar} belongs to {id} by its {}, and is linked to {}: unlink one of them",
                        proof.as_str(),
                        other.stripe
                    )),
                }
            }
            verdict @ Verdict::Ambiguous(_) => Considered::waits(why_not(&verdict, &search)),
            verdict @ Verdict::Unlinked => {
                let why = why_not(&verdict, &search);
                self.consider_in_zenskar(&seen, &search, &why)?
            }
        };
        self.note_clues(id, &seen, clues).await?;
        if !self.park_considered(work, considered).await? {
            // An event came while we searched: look again with it.
            self.wake.look.notify_one();
        }
        if seen.presence == Presence::Deleted {
            let subject = work.subject.clone();
            self.writer
                .write("forget a customer that is gone", move |tx| {
                    tx.forget_alone(&subject)
                })
                .await?;
        }
        Ok(Found::Parked)
    }

    /// When a creation was tried that may have made one of these two for the other, if there is
    /// one: it links them, and knows what both agree on.
    pub(super) fn after_creation(
        &self,
        stripe: &StripeCustomerId,
        zenskar: &ZenskarCustomerId,
    ) -> Result<Option<Timestamp>, EngineError> {
        let read = self.store.read()?;
        for subject in [
            Subject::Customer(stripe.clone()),
            Subject::Unlinked(zenskar.clone()),
        ] {
            let row = read.creation(&subject)?;
            let sent = row.filter(|row| matches!(row.stage, Stage::Unknown(_)));
            if let Some(row) = sent {
                let due_at = row.due_at.max(self.clock.now());
                return Ok(Some(due_at.plus(AFTER_CREATION)));
            }
        }
        Ok(None)
    }

    /// Has a creation link at once the customer that names the one it is for.
    async fn show_made(
        &self,
        made: &StripeCustomerId,
        source: ZenskarCustomerId,
        proof: LinkProof,
    ) -> Result<(), EngineError> {
        let named = self.store.read()?.named_by(&source, NAMED_MAX)?;
        if proof != LinkProof::Metadata || named.contains(made) {
            return Ok(());
        }
        let (made, now) = (made.clone(), self.clock.now());
        self.writer
            .write("show creation what it made", move |tx| {
                tx.note_named(&source, &made)?;
                match tx.creation(&Subject::Unlinked(source))? {
                    Some(row) if row.is_open() => tx.put_creation(&Creation { due_at: now, ..row }),
                    _ => Ok(()),
                }
            })
            .await?;
        self.wake.creation.notify_one();
        Ok(())
    }

    /// Customers of Zenskar that may belong to this customer of Stripe, and what speaks for each. A
    /// look-up that fails is an error: it never means "not found".
    pub(super) async fn search(
        &self,
        id: &StripeCustomerId,
        seen: &Observed,
        priority: Priority,
    ) -> Result<Search, EngineError> {
        let mut clues: BTreeMap<ZenskarCustomerId, (bool, bool, bool)> = BTreeMap::new();
        let named = stripe::convert::metadata(&seen.payload, METADATA_KEY);
        let names_nobody = match &named {
            Some(named) => match self.named(named, priority).await? {
                Some(named) => {
                    clues.entry(named).or_default().0 = true;
                    false
                }
                None => true,
            },
            None => false,
        };
        let by_id = self
            .zenskar
            .customers_by_external_id(id.as_str(), priority)
            .await?;
        let mut complete = by_id.value.complete;
        // A customer that is gone in Stripe is linked only where Zenskar's mapping still names it.
        let is_here = seen.presence != Presence::Deleted;
        for found in by_id.value.customers {
            clues.entry(found.id).or_default().1 = is_here;
        }
        let mut email_proves = false;
        let email = seen
            .presence
            .customer()
            .and_then(|customer| customer.value(Field::Email));
        if let Some(Value::Text(email)) = email {
            let by_email = self.zenskar.customers_by_email(email, priority).await?;
            complete &= by_email.value.complete;
            for found in by_email.value.customers {
                clues.entry(found.id).or_default().2 = true;
            }
            let only_email = !clues.is_empty() && clues.values().all(|(m, x, _)| !m && !x);
            if self.settings().match_email && only_email {
                let having = self.stripe.count_by_email(email, 2, priority).await?;
                email_proves = having.value == 1;
            }
        }
        let mut candidates = Vec::new();
        for (id, (metadata, external_id, email)) in clues {
            candidates.push(Candidate {
                mapping: self.mapping(&id, priority).await?,
                id,
                metadata,
                external_id,
                email,
            });
        }
        Ok(Search {
            candidates,
            complete,
            email_proves,
            names_nobody,
        })
    }

    /// The customer of Zenskar that metadata name, where there is one. People write metadata:
    /// what cannot be an id there is refused, and proves as little as the id of nobody.
    async fn named(
        &self,
        named: &str,
        priority: Priority,
    ) -> Result<Option<ZenskarCustomerId>, EngineError> {
        let Ok(named) = ZenskarCustomerId::parse(named) else {
            return Ok(None);
        };
        match self.zenskar.customer(&named, priority).await {
            Ok(found) if found.value.presence() == Presence::Deleted => Ok(None),
            Ok(_) => Ok(Some(named)),
            Err(failure) if matches!(failure.status, Some(400 | 404 | 422)) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// The Stripe customer whose partner is searched: as its newest event shows it, or read anew.
    async fn stripe_for_search(
        &self,
        id: &StripeCustomerId,
        events: &[Event],
    ) -> Result<Observed, EngineError> {
        let newest = events.iter().max_by_key(|event| event.created);
        // Of two events of one second nobody can tell which is the later one.
        let alone = |one: &&Event| {
            let same = events.iter().filter(|other| other.created == one.created);
            same.count() == 1
        };
        let snapshot = newest
            .filter(alone)
            .and_then(|event| stripe::event::customer(&event.payload).ok());
        let listed = match &snapshot {
            None if events.is_empty() => self.listed_whole(id)?.map(|(observed, _)| observed),
            _ => None,
        };
        match snapshot.or(listed) {
            Some(observed) => Ok(observed),
            None => Ok(self.stripe.customer(id, Priority::Scan).await?.value),
        }
    }

    /// By what the partner of a customer of Stripe would show itself, beside what names it: the
    /// address, where that proves, and that it is one of several that may be it.
    fn clues(&self, seen: &Observed, verdict: &Verdict) -> Vec<Clue> {
        let mut clues = Vec::new();
        if self.settings().match_email {
            clues.extend(seen.presence.customer().and_then(email_of));
        }
        if let Verdict::Ambiguous(several) = verdict {
            clues.extend(several.iter().cloned().map(Clue::Candidate));
        }
        clues
    }

    /// Remembers by what the partner of a customer of Stripe that is not linked would show itself,
    /// and whom its metadata name.
    async fn note_clues(
        &self,
        id: &StripeCustomerId,
        seen: &Observed,
        clues: Vec<Clue>,
    ) -> Result<(), EngineError> {
        let named = stripe::convert::metadata(&seen.payload, METADATA_KEY);
        let named = named.and_then(|text| ZenskarCustomerId::parse(&text).ok());
        if named.is_none() && clues.is_empty() {
            return Ok(());
        }
        let id = id.clone();
        self.writer
            .write("remember who is sought", move |tx| {
                if let Some(named) = &named {
                    tx.note_named(named, &id)?;
                }
                clues.iter().try_for_each(|clue| tx.note_clue(clue, &id))
            })
            .await?;
        Ok(())
    }

    /// Links the customer of Zenskar whose link is not in force, where its mapping names another
    /// customer of Stripe by now; whether it did.
    pub(super) async fn follow_mapping(&self, link: &Link) -> Result<bool, EngineError> {
        let stripe = match self.mapping(&link.zenskar, Priority::Scan).await? {
            Mapping::Names(stripe) if stripe != link.stripe => stripe,
            Mapping::Names(_) | Mapping::Nothing | Mapping::NoAnswer => return Ok(false),
        };
        let now = self.clock.now();
        let moved = new_link(&stripe, &link.zenskar, LinkProof::Mapping, now);
        let made = self
            .writer
            .write("link customer", move |tx| {
                make_link(tx, &moved, "engine", now)
            })
            .await?;
        if let Placed::Claimed(other) = &made {
            self.note_second_claim(&link.zenskar, &stripe, other)
                .await?;
        }
        self.wake.look.notify_one();
        Ok(made == Placed::Stored)
    }

    /// What Zenskar's mapping says of one of its customers; a customer that is gone says nothing.
    pub(super) async fn mapping(
        &self,
        id: &ZenskarCustomerId,
        priority: Priority,
    ) -> Result<Mapping, EngineError> {
        match self.zenskar.mapping(id, priority).await {
            Ok(answer) => Ok(proof(answer.value)),
            Err(failure) if failure.class == Class::Missing => Ok(Mapping::NoAnswer),
            Err(failure) => Err(failure.into()),
        }
    }
}

/// The address of a customer, as a clue.
pub(super) fn email_of(customer: &Customer) -> Option<Clue> {
    match customer.value(Field::Email)? {
        Value::Text(email) => Some(Clue::Email(email.clone())),
        _ => None,
    }
}

/// Why no link follows from a search, for people.
pub(super) fn why_not(verdict: &Verdict, search: &Search) -> String {
    let why = why_no_link(verdict, search);
    if search.names_nobody {
        return format!("{why}; its metadata \"{METADATA_KEY}\" name no customer of Zenskar");
    }
    why
}

fn why_no_link(verdict: &Verdict, search: &Search) -> String {
    let no_answer = |one: &Candidate| one.mapping == Mapping::NoAnswer;
    match verdict {
        Verdict::Ambiguous(several) => {
            let several: Vec<&str> = several.iter().map(ZenskarCustomerId::as_str).collect();
            format!(
                "{AMBIGUOUS}: {}; link one of them with \"zenstripe customers link\"",
                several.join(", ")
            )
        }
        _ if !search.complete => {
            "Zenskar's search was not complete, and none of what it found is mapped to it"
                .to_owned()
        }
        _ if search.candidates.iter().any(no_answer) => {
            "Zenskar's mapping gave no answer for a customer that may be it".to_owned()
        }
        _ => "no customer of Zenskar is mapped to it".to_owned(),
    }
}

/// The links that have one of these two customers.
pub(super) fn holders(
    read: &ReadTx<'_>,
    stripe: &StripeCustomerId,
    zenskar: &ZenskarCustomerId,
) -> Result<Vec<Link>, StoreError> {
    let mut holders: Vec<Link> = read.link(stripe)?.into_iter().collect();
    let other = read.link_by_zenskar(zenskar)?;
    holders.extend(other.filter(|other| other.stripe != *stripe));
    Ok(holders)
}

/// Takes a link away over which nothing moves, with all that was to become of it.
pub(super) fn make_way(
    tx: &mut WriteTx<'_>,
    known: &Link,
    link: &Link,
    now: Timestamp,
) -> Result<(), StoreError> {
    let subject = Subject::Customer(known.stripe.clone());
    let entry = Entry::engine(now, "link gave way", &subject)
        .with("zenskar", &known.zenskar)
        .with("to", &format!("{} = {}", link.stripe, link.zenskar));
    tx.append_journal(&entry)?;
    take_apart(tx, &known.stripe, now)?;
    tx.remove_link(&known.stripe)?;
    // Stripe has nothing to say of a customer that is gone, nor is a partner to be found for it.
    if known.stripe != link.stripe && known.state != LinkState::Unlinked {
        tx.remove_parked(&subject)?;
        tx.remove_work(&subject)?;
    }
    Ok(())
}

/// Drops everything that was to become of a link.
pub(super) fn take_apart(
    tx: &mut WriteTx<'_>,
    stripe: &StripeCustomerId,
    now: Timestamp,
) -> Result<(), StoreError> {
    for intent in tx.intents(stripe)? {
        tx.remove_intent(stripe, intent.number)?;
        remove_dead_letter(tx, &intent)?;
    }
    tx.put_differences(stripe, &[])?;
    decisions::unlink(tx, stripe, now)
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

/// Stores a new link and takes up the events that waited for it. A link over which nothing moves
/// gives way to it ([`gives_way`]).
pub(super) fn make_link(
    tx: &mut WriteTx<'_>,
    link: &Link,
    who: &str,
    now: Timestamp,
) -> Result<Placed, StoreError> {
    for known in holders(tx, &link.stripe, &link.zenskar)? {
        let is_same = known.stripe == link.stripe && known.zenskar == link.zenskar;
        if is_same && known.state == LinkState::Active {
            // Somebody else was quicker, and what was agreed since stands.
            return Ok(Placed::Stored);
        }
        if !gives_way(&known, (&link.stripe, &link.zenskar)) {
            return Ok(Placed::Claimed(Box::new(known)));
        }
    }
    for known in holders(tx, &link.stripe, &link.zenskar)? {
        make_way(tx, &known, link, now)?;
    }
    let placed = tx.put_link(link)?;
    if placed == Placed::Stored {
        let subject = Subject::Customer(link.stripe.clone());
        tracing::info!(event = "customer_linked", customer = %link.stripe, zenskar = %link.zenskar);
        rows::close(tx, link, now)?;
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
            .with("proof", &link.proof.as_str());
        who.clone_into(&mut entry.who);
        tx.append_journal(&entry)?;
    }
    Ok(placed)
}
