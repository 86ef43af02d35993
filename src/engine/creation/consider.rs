//! Customers without link, as looks and scans find them: whether one is made on the other side.

use crate::engine::Engine;
use crate::engine::creation::rows::{is_linked, under_way};
use crate::engine::error::EngineError;
use crate::engine::scan::step;
use crate::model::creation::{Creation, Stage, target};
use crate::model::cursor::{ScanCursor, ScanPhase};
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::journal::Entry;
use crate::model::link::Side;
use crate::model::mirror::Mirror;
use crate::model::time::Timestamp;
use crate::model::work::{Subject, Work};
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Call, Class, Failure};
use crate::store::{ReadTx, StoreError, WriteTx};
use crate::stripe;
use crate::stripe::convert::Observed;
use crate::sync::creation::{Evidence, Since, State, Verdict, judge};
use crate::sync::lag::READ_LAG;
use crate::sync::matching::{METADATA_KEY, Mapping, Search};
use crate::zenskar::client::Found;
use crate::zenskar::object::ZenskarCustomer;
use std::time::Duration;

/// Customers gone through in one piece.
const ROWS_STEP: usize = 1_000;

/// How long a listing serves the making of a customer; then the customer is read anew.
const LISTING_SERVES: Duration = Duration::from_secs(3_600);

/// What follows for a customer that was found to have no link.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Considered {
    /// Why it waits.
    why: String,
    /// The creation that follows, if one does.
    stage: Option<Stage>,
    /// When that is due.
    due_at: Timestamp,
}

impl Considered {
    /// It waits, for this reason, and nothing is made.
    pub(in crate::engine) const fn waits(why: String) -> Self {
        Self {
            why,
            stage: None,
            due_at: Timestamp::MIN,
        }
    }

    fn of(verdict: &Verdict, side: Side, why: &str, due_at: Timestamp) -> Self {
        let (why, stage) = match verdict {
            Verdict::Off => (why.to_owned(), None),
            Verdict::Doubt(doubt) => (format!("{why}; not created in {side}: {doubt}"), None),
            Verdict::Offer => (format!("{why}; {}", offer(side)), Some(Stage::Offered)),
            Verdict::AskStripe | Verdict::Create => (why.to_owned(), Some(Stage::Waiting)),
        };
        Self { why, stage, due_at }
    }

    /// Decides, offers or drops the creation, but for one that is on its way or was given up; gives
    /// why the customer waits.
    fn take(
        &self,
        tx: &mut WriteTx<'_>,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        let known = tx.creation(subject)?;
        match known.as_ref().map(|known| known.stage) {
            Some(Stage::Waiting | Stage::Unknown(_)) => return Ok(under_way(subject)),
            Some(Stage::Dead(_)) => {
                let parked = tx.parked(subject)?.and_then(|parked| parked.last_error);
                return Ok(parked.unwrap_or_else(|| self.why.clone()));
            }
            Some(Stage::Offered) | None => {}
        }
        match self.stage {
            Some(stage) if known.is_none_or(|known| known.stage != stage) => {
                tx.put_creation(&Creation {
                    due_at: self.due_at,
                    ..Creation::new(subject.clone(), stage, now)
                })?;
            }
            Some(_) => {}
            None => drop(tx.remove_creation(subject)?),
        }
        if self.stage != Some(Stage::Waiting) {
            return Ok(self.why.clone());
        }
        let entry =
            Entry::engine(now, "creation decided", subject).with("target", &target(subject));
        tx.append_journal(&entry)?;
        Ok(under_way(subject))
    }
}

/// That a person may order a creation, for people.
pub(super) fn offer(side: Side) -> String {
    format!("it was there before creating in {side} was switched on, and is created when ordered")
}

impl Engine {
    /// What follows for a customer of Stripe whose search proved no link.
    pub(in crate::engine) fn consider_in_zenskar(
        &self,
        seen: &Observed,
        search: &Search,
        why: &str,
    ) -> Result<Considered, EngineError> {
        let names = stripe::convert::metadata(&seen.payload, METADATA_KEY);
        let verdict = judge(&State {
            since: self.creates_since(Side::Zenskar)?,
            ordered: false,
            made_at: seen.created,
            customer: seen.presence.customer(),
            evidence: Evidence::InZenskar {
                names: names.as_deref(),
                search,
            },
        });
        let now = self.clock.now();
        Ok(Considered::of(&verdict, Side::Zenskar, why, now))
    }

    /// What follows for a customer of Zenskar whose mapping proved no link.
    pub(in crate::engine) async fn consider_in_stripe(
        &self,
        id: &ZenskarCustomerId,
        mapping: &Mapping,
        why: &str,
    ) -> Result<Considered, EngineError> {
        let Some(since) = self.creates_since(Side::Stripe)? else {
            return Ok(Considered::waits(why.to_owned()));
        };
        let found = self.zenskar.customer(id, Priority::Scan).await;
        match found.map_err(|failure| self.refused(failure))?.value {
            Found::Here(look) => Ok(self.considered_in_stripe(since, look.seen(), mapping, why)),
            Found::Gone => {
                // Its mapping is there: reads lag behind.
                let call = Call::read("read customer without link");
                let class = Class::Retry {
                    after: Some(READ_LAG),
                };
                Err(EngineError::Remote(Failure {
                    message: "the customer is not shown yet".to_owned(),
                    ..Failure::new(Side::Zenskar, call, class)
                }))
            }
        }
    }

    fn considered_in_stripe(
        &self,
        since: Since,
        seen: &ZenskarCustomer,
        mapping: &Mapping,
        why: &str,
    ) -> Considered {
        let verdict = judge(&State {
            since: Some(since),
            ordered: false,
            made_at: seen.created_at,
            customer: Some(&seen.customer),
            evidence: Evidence::InStripe {
                mapping,
                held: None,
            },
        });
        // Zenskar's own connector may be making one just now, and then maps it.
        let settings = self.settings();
        let wait = match settings.has_connector {
            true => settings.settle,
            false => Duration::ZERO,
        };
        let due_at = self.clock.now().plus(wait);
        Considered::of(&verdict, Side::Stripe, why, due_at)
    }

    /// Lets work on a customer without link wait, unless something was added to it since it was
    /// read; whether it waits.
    pub(in crate::engine) async fn park_considered(
        &self,
        work: &Work,
        considered: Considered,
    ) -> Result<bool, EngineError> {
        let (work, now) = (work.clone(), self.clock.now());
        let decides = considered.stage == Some(Stage::Waiting);
        let parked = self
            .writer
            .write("park work", move |tx| {
                let unmoved = tx
                    .work(&work.subject)?
                    .is_some_and(|current| current.asked == work.asked);
                if !unmoved || is_linked(tx, &work.subject)? {
                    return Ok(false);
                }
                let why = considered.take(tx, &work.subject, now)?;
                tx.park(&Work {
                    last_error: Some(why),
                    attempts: 0,
                    ..work
                })?;
                Ok(true)
            })
            .await?;
        if decides {
            self.wake.creation.notify_one();
        }
        Ok(parked)
    }

    /// Takes note of a customer of Zenskar's listing that has no link, where its like are made in
    /// Stripe. Once is enough: what came of it waits for an event, or for a person.
    pub(in crate::engine) async fn know_unlinked(
        &self,
        seen: &ZenskarCustomer,
        mapping: &Mapping,
    ) -> Result<(), EngineError> {
        let Some(since) = self.creates_since(Side::Stripe)? else {
            return Ok(());
        };
        let subject = Subject::Unlinked(seen.id.clone());
        if is_known(&self.store.read()?, &subject, since)? {
            return Ok(());
        }
        let why = match mapping {
            Mapping::Nothing => "it is mapped to no customer of Stripe",
            Mapping::NoAnswer | Mapping::Names(_) => "Zenskar's mapping proves no link",
        };
        let considered = self.considered_in_stripe(since, seen, mapping, why);
        let now = self.clock.now();
        self.writer
            .write("take note of customer without link", move |tx| {
                if is_linked(tx, &subject)? || is_known(tx, &subject, since)? {
                    return Ok(());
                }
                let why = considered.take(tx, &subject, now)?;
                tx.note_parked(&subject, &why, now)
            })
            .await?;
        self.wake.creation.notify_one();
        Ok(())
    }

    /// Has the partner of every listed customer of Stripe searched that has no link and was not
    /// searched for yet, where its like are made in Zenskar. To be called once the scan has asked
    /// Zenskar's mappings, which prove most links.
    pub(in crate::engine) async fn search_unlinked(
        &self,
        cursor: &ScanCursor,
    ) -> Result<(), EngineError> {
        let since = self.creates_since(Side::Zenskar)?;
        let (Some(since), Some(began)) = (since, cursor.stripe_started_at) else {
            return Ok(());
        };
        let mut after: Option<String> = None;
        loop {
            let read = self.store.read()?;
            let ids = read.mirror_ids(Side::Stripe, after.as_deref(), ROWS_STEP)?;
            let Some(last) = ids.last() else {
                return Ok(());
            };
            after = Some(last.clone());
            let mut wanted = Vec::new();
            for id in ids {
                let Ok(id) = StripeCustomerId::parse(&id) else {
                    continue;
                };
                let subject = Subject::Customer(id.clone());
                if is_linked(&read, &subject)? || is_known(&read, &subject, since)? {
                    continue;
                }
                if self.in_listing(&read, (cursor, began), &id)?.is_some() {
                    wanted.push(id);
                }
            }
            drop(read);
            if wanted.is_empty() {
                continue;
            }
            let now = self.clock.now();
            self.writer
                .write("search for customers without link", move |tx| {
                    for id in &wanted {
                        if tx.link(id)?.is_none() {
                            step::ask(tx, id, now)?;
                        }
                    }
                    Ok(())
                })
                .await?;
            self.wake.look.notify_one();
        }
    }

    /// A customer of Stripe as the last listing showed it, with when that was: whatever changed
    /// since comes as an event. Stripe rations reads.
    pub(in crate::engine) fn listed_whole(
        &self,
        id: &StripeCustomerId,
    ) -> Result<Option<(Observed, Timestamp)>, EngineError> {
        let read = self.store.read()?;
        let cursor = read.scan_cursor()?;
        let Some(began) = cursor.stripe_started_at else {
            return Ok(None);
        };
        let listed = self.in_listing(&read, (&cursor, began), id)?;
        let policy = &self.settings().policy;
        Ok(listed.and_then(|mirror| {
            let observed = stripe::convert::observed(mirror.payload).ok()?;
            let customer = observed.presence.customer()?;
            let is_whole = policy
                .fields
                .iter()
                .all(|field| customer.value(*field).is_some());
            is_whole.then_some((observed, mirror.observed_at))
        }))
    }

    /// A customer as a listing of Stripe, which began then, showed it. One that was listed as it was
    /// known before has kept its mirror.
    fn in_listing(
        &self,
        read: &ReadTx<'_>,
        (cursor, began): (&ScanCursor, Timestamp),
        id: &StripeCustomerId,
    ) -> Result<Option<Mirror>, EngineError> {
        let mirror = read.mirror(Side::Stripe, id.as_str())?;
        let Some(mut mirror) = mirror.filter(|mirror| !mirror.deleted) else {
            return Ok(None);
        };
        if mirror.observed_at < began {
            // Until the listing came to its end, who is on it is not known as a whole.
            if matches!(cursor.phase, ScanPhase::Stripe(_)) {
                return Ok(None);
            }
            let roll = self.roll_of_stripe(read, cursor)?;
            if mirror.observed_at == Timestamp::MIN || !roll.holds(id.as_str()) {
                return Ok(None);
            }
            mirror.observed_at = began;
        }
        Ok(Some(mirror))
    }

    /// The customer of Stripe that is to be made in Zenskar, with when it was seen.
    pub(super) async fn source_in_stripe(
        &self,
        id: &StripeCustomerId,
    ) -> Result<(Observed, Timestamp), EngineError> {
        let now = self.stripe.remote_about();
        let is_fresh = |at: Timestamp| now.is_some_and(|now| now.since(at) < LISTING_SERVES);
        if let Some(listed) = self.listed_whole(id)?.filter(|(_, at)| is_fresh(*at)) {
            return Ok(listed);
        }
        let answer = self
            .stripe
            .customer_in(id, self.detail()?, Priority::Sync)
            .await?;
        self.gate.open(Side::Stripe);
        Ok((answer.value, answer.date.unwrap_or(Timestamp::MIN)))
    }
}

/// Whether a customer without link was looked at since its like are made on the other side.
fn is_known(read: &ReadTx<'_>, subject: &Subject, since: Since) -> Result<bool, StoreError> {
    let waits = read.parked(subject)?;
    Ok(waits.is_some_and(|parked| parked.due_at >= since.here)
        || read.creation(subject)?.is_some()
        || read.work(subject)?.is_some())
}
