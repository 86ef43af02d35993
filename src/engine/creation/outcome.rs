//! What an attempt at a creation came to, recorded.

use crate::engine::Engine;
use crate::engine::backoff;
use crate::engine::creation::consider::offer;
use crate::engine::creation::{Created, rows};
use crate::engine::error::EngineError;
use crate::engine::gate::PARKED_FOR;
use crate::engine::linking::make_link;
use crate::engine::look::reason;
use crate::engine::scan::step::{self, prepared};
use crate::model::creation::{Creation, Sent, Stage};
use crate::model::difference::Difference;
use crate::model::id::StripeCustomerId;
use crate::model::journal::Entry;
use crate::model::link::{Link, Side};
use crate::model::mirror::Mirror;
use crate::model::time::Timestamp;
use crate::model::work::Subject;
use crate::remote::outcome::{Class, Failure};
use crate::store::{Placed, StoreError, WriteTx};
use crate::stripe::convert::Observed;
use crate::sync::creation::Verdict;
use crate::zenskar::object::ZenskarCustomer;

/// A customer as one side showed it.
pub(super) struct Sighting {
    side: Side,
    id: String,
    mirror: Mirror,
}

impl Sighting {
    pub(super) fn stripe(seen: &Observed, at: Timestamp) -> Self {
        Self {
            side: Side::Stripe,
            id: seen.id.to_string(),
            mirror: Mirror {
                observed_at: at,
                deleted: seen.presence.customer().is_none(),
                payload: seen.payload.clone(),
            },
        }
    }

    pub(super) fn zenskar(seen: &ZenskarCustomer, at: Option<Timestamp>) -> Self {
        Self {
            side: Side::Zenskar,
            id: seen.id.to_string(),
            mirror: Mirror {
                observed_at: at.unwrap_or(Timestamp::MIN),
                deleted: false,
                payload: seen.payload.clone(),
            },
        }
    }
}

impl Engine {
    /// Records that a request begins; `None` if the creation moved meanwhile.
    pub(super) async fn begin_creation(
        &self,
        row: &Creation,
        sent: Sent,
    ) -> Result<Option<Creation>, EngineError> {
        let (row, now) = (row.clone(), self.clock.now());
        let begun = self
            .writer
            .write("begin creation", move |tx| {
                rows::begin(tx, &row, &sent, now)
            })
            .await?;
        Ok(begun)
    }

    /// Links the customer with the one that was made for it.
    pub(super) async fn link_created(
        &self,
        row: Creation,
        (link, not_taken): (Link, Vec<Difference>),
        sightings: [Sighting; 2],
    ) -> Result<Created, EngineError> {
        let now = self.clock.now();
        let mut mirrors = Vec::new();
        for seen in &sightings {
            mirrors.extend(prepared(seen.side, &seen.id, &seen.mirror)?);
        }
        tracing::info!(
            event = "customer_created",
            customer = %link.stripe,
            zenskar = %link.zenskar,
            target = %row.target(),
            attempts = row.attempts,
        );
        let claimed = self
            .writer
            .write("link created customer", move |tx| {
                let claimed = link_created(tx, &row, (&link, &not_taken), now)?;
                if claimed.is_none() {
                    mirrors
                        .iter()
                        .try_for_each(|mirror| tx.put_mirror(mirror))?;
                }
                Ok(claimed)
            })
            .await?;
        self.wake.look.notify_one();
        Ok(match claimed {
            None => Created::Linked,
            Some(why) => {
                tracing::warn!(event = "created_not_linked", %why);
                Created::Question
            }
        })
    }

    /// The customer was linked meanwhile: nothing is to be made.
    pub(super) async fn overtaken(&self, row: Creation) -> Result<Created, EngineError> {
        self.writer
            .write("drop creation of linked customer", move |tx| {
                tx.remove_creation(&row.subject).map(drop)
            })
            .await?;
        Ok(Created::Skipped)
    }

    /// A look shows that there is a counterpart: the search for a link finds what proves it.
    pub(super) async fn leave_to_matching(
        &self,
        row: Creation,
        stripe: StripeCustomerId,
    ) -> Result<Created, EngineError> {
        let now = self.clock.now();
        let why = format!("its counterpart may be there: {stripe} is searched for");
        self.writer
            .write("leave creation to matching", move |tx| {
                let what = ("creation withdrawn", why.as_str());
                rows::withdraw(tx, &row, what, None, now)?;
                step::ask(tx, &stripe, now)
            })
            .await?;
        self.wake.look.notify_one();
        Ok(Created::Question)
    }

    /// It is not made after all.
    pub(super) async fn withdraw_creation(
        &self,
        row: Creation,
        verdict: &Verdict,
    ) -> Result<Created, EngineError> {
        let side = row.target();
        let (why, stage) = match verdict {
            Verdict::Doubt(doubt) => (format!("not created in {side}: {doubt}"), None),
            Verdict::Offer => (offer(side), Some(Stage::Offered)),
            Verdict::Off | Verdict::AskStripe | Verdict::Create => {
                return self.stop_creating(row).await;
            }
        };
        self.end_creation(row, ("creation withdrawn", why), stage)
            .await
    }

    /// Creating was switched off: what was not sent is not sent.
    pub(super) async fn stop_creating(&self, row: Creation) -> Result<Created, EngineError> {
        let why = format!("creating in {} is switched off", row.target());
        self.end_creation(row, ("creation stopped", why), None)
            .await
    }

    /// The customer was made and cannot be linked: a person decides.
    pub(super) async fn question(
        &self,
        row: Creation,
        why: String,
    ) -> Result<Created, EngineError> {
        self.end_creation(row, (NOT_LINKED, why), None).await
    }

    async fn end_creation(
        &self,
        row: Creation,
        (what, why): (&'static str, String),
        stage: Option<Stage>,
    ) -> Result<Created, EngineError> {
        let now = self.clock.now();
        self.writer
            .write(what, move |tx| {
                if rows::is_linked(tx, &row.subject)? {
                    return tx.remove_creation(&row.subject).map(drop);
                }
                rows::withdraw(tx, &row, (what, &why), stage, now)
            })
            .await?;
        Ok(Created::Question)
    }

    pub(super) async fn look_again_at(
        &self,
        row: Creation,
        due_at: Timestamp,
    ) -> Result<Created, EngineError> {
        self.writer
            .write("look for created customer later", move |tx| {
                rows::put_if_there(tx, &Creation { due_at, ..row }).map(drop)
            })
            .await?;
        Ok(Created::Later)
    }

    /// Puts a creation off after a look failed, or makes a dead letter of it when that was the last
    /// attempt.
    pub(super) async fn postpone_creation(
        &self,
        subject: &Subject,
        failure: Failure,
    ) -> Result<Created, EngineError> {
        let Some(row) = self
            .store
            .read()?
            .creation(subject)?
            .filter(Creation::is_open)
        else {
            return Ok(Created::Skipped);
        };
        let tried = Creation {
            attempts: row.attempts.saturating_add(1),
            ..row.clone()
        };
        match failure.class {
            // A look that is refused shows nothing of what an earlier request did.
            Class::Refused => self.bury_creation(tried, reason(&failure)).await,
            _ => self.try_later(tried, row, failure).await,
        }
    }

    /// Records a failed request. `earlier` is the creation as it was before it.
    pub(super) async fn creation_failed(
        &self,
        begun: Creation,
        earlier: Creation,
        failure: Failure,
    ) -> Result<Created, EngineError> {
        let to_stripe = begun.target() == Side::Stripe;
        let mut tried = begun;
        match failure.class {
            // Nothing was made, unless it was by a request before this one.
            Class::Refused | Class::Missing | Class::CursorGone
                if earlier.stage == Stage::Waiting =>
            {
                tried.request = None;
                return self.bury_creation(tried, reason(&failure)).await;
            }
            Class::Refused | Class::Missing | Class::CursorGone if to_stripe => {
                tried.request = tried.request.map(|sent| Sent { body: None, ..sent });
            }
            Class::Refused | Class::Missing | Class::CursorGone => {
                return self.bury_creation(tried, reason(&failure)).await;
            }
            Class::Unknown => {
                if to_stripe && failure.is_final() {
                    // Stripe keeps that answer under the key: what happened is looked for.
                    tried.request = tried.request.map(|sent| Sent { body: None, ..sent });
                }
            }
            Class::Retry { .. } | Class::Forbidden | Class::Unauthorized => {
                tried = Creation {
                    attempts: tried.attempts,
                    ..earlier.clone()
                };
            }
        }
        self.try_later(tried, earlier, failure).await
    }

    async fn try_later(
        &self,
        mut tried: Creation,
        earlier: Creation,
        failure: Failure,
    ) -> Result<Created, EngineError> {
        let now = self.clock.now();
        let reason = reason(&failure);
        let asked = match failure.class {
            Class::Unauthorized => {
                // The key is refused, not the customer: it costs no attempt.
                self.park(&failure);
                tried.attempts = earlier.attempts;
                Some(PARKED_FOR)
            }
            Class::Forbidden => Some(PARKED_FOR),
            Class::Retry { after } => after,
            _ => None,
        };
        if tried.attempts >= backoff::ATTEMPTS_MAX {
            return self.bury_creation(tried, reason).await;
        }
        let key = format!("create/{}", tried.subject);
        tried.due_at = now.plus(backoff::wait(&key, tried.attempts.max(1), asked));
        self.writer
            .write("create later", move |tx| {
                if !rows::put_if_there(tx, &tried)? {
                    return Ok(());
                }
                let why = format!("{}; {reason}", rows::under_way(&tried.subject));
                tx.note_parked(&tried.subject, &why, now)
            })
            .await?;
        Ok(Created::Later)
    }

    pub(super) async fn bury_creation(
        &self,
        row: Creation,
        why: String,
    ) -> Result<Created, EngineError> {
        let now = self.clock.now();
        tracing::warn!(event = "dead_letter", subject = %row.subject, attempts = row.attempts);
        self.writer
            .write("make dead letter of creation", move |tx| {
                rows::bury(tx, &row, &why, now)
            })
            .await?;
        Ok(Created::Dead)
    }
}

/// What the journal says of a customer that was made and has no link.
const NOT_LINKED: &str = "created customer not linked";

/// Makes the link, unless another one has either customer: then it says which.
pub(super) fn link_created(
    tx: &mut WriteTx<'_>,
    row: &Creation,
    (link, not_taken): (&Link, &[Difference]),
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let made = match row.target() {
        Side::Stripe => link.stripe.as_str(),
        Side::Zenskar => link.zenskar.as_str(),
    };
    let entry = Entry::engine(now, "customer created", &row.subject)
        .with("target", &row.target())
        .with("id", &made)
        .with("requests sent", &row.attempts)
        .with(
            "ordered by",
            &row.ordered_by.as_deref().unwrap_or("the rules"),
        );
    tx.append_journal(&entry)?;
    tx.remove_creation(&row.subject)?;
    if let Some(known) = tx.link(&link.stripe)?
        && known.zenskar == link.zenskar
    {
        // Its event came before its answer, and what we wrote into it proved the link. What was
        // agreed since is newer than the answer.
        let is_news = |one: &&Difference| !known.base.contains_key(&one.field);
        let news: Vec<&Difference> = not_taken.iter().filter(is_news).collect();
        let mut shown = tx.differences(&link.stripe)?;
        shown.retain(|one| !news.iter().any(|new| new.field == one.field));
        shown.extend(news.into_iter().cloned());
        tx.put_differences(&link.stripe, &shown)?;
        let mut base = link.base.clone();
        base.extend(known.base.clone());
        tx.put_link(&Link {
            base,
            proof: link.proof,
            version: known.version.saturating_add(1),
            ..known
        })?;
        return Ok(None);
    }
    match make_link(tx, link, "engine", now)? {
        Placed::Stored => {
            tx.put_differences(&link.stripe, not_taken)?;
            Ok(None)
        }
        Placed::Claimed(other) => {
            let why = format!(
                "{made} was made for it in {}, and {} is linked with {}: unlink one of them",
                row.target(),
                other.stripe,
                other.zenskar
            );
            rows::withdraw(tx, row, (NOT_LINKED, &why), None, now)?;
            Ok(Some(why))
        }
    }
}
