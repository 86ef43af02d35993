//! Looks that found no customer: Stripe says that it knows none of that id.
//!
//! One that was deleted is shown as deleted; one that is not known never was in this account. So
//! the key is another account's, test data were deleted as a whole, or whatever named the customer
//! is wrong. No repetition changes that, and a person is told. Whatever shows the customer, an event
//! or a listing, takes it up again.

use super::apply::{asked_since, let_go, remove_letters_of};
use super::{Looked, reason};
use crate::engine::Engine;
use crate::engine::decisions;
use crate::engine::error::EngineError;
use crate::model::id::StripeCustomerId;
use crate::model::journal::Entry;
use crate::model::link::{Link, LinkState, Side};
use crate::model::time::Timestamp;
use crate::model::work::{Subject, Work};
use crate::remote::outcome::{Class, Failure};
use crate::store::{StoreError, WriteTx};
use crate::sync::decision::BY_UNKNOWN;
use crate::sync::lag::READ_LAG;

/// Why a customer waits that Stripe does not know.
const UNKNOWN: &str = "stripe does not know it: the key is another account's, test data were \
                       deleted, or what names it in Zenskar is wrong";

/// Whether this says that Stripe does not know the customer that was looked at.
pub(super) fn is_unknown<'a>(
    failure: &Failure,
    subject: &'a Subject,
) -> Option<&'a StripeCustomerId> {
    let is_unknown = failure.class == Class::Missing && failure.remote == Side::Stripe;
    subject.stripe().filter(|_| is_unknown)
}

impl Engine {
    /// A customer that Stripe was seen to know is asked for once more before it counts as unknown.
    pub(super) async fn examine_unknown(
        &self,
        work: Work,
        id: &StripeCustomerId,
        failure: &Failure,
    ) -> Result<Looked, EngineError> {
        let now = self.clock.now();
        let has_events = !self.events_of(&work)?.is_empty();
        let read = self.store.read()?;
        let link = read.link(id)?;
        let was_seen = has_events || read.mirror_seen_at(Side::Stripe, id.as_str())?.is_some();
        drop(read);
        let is_marked = link
            .as_ref()
            .is_some_and(|link| link.state == LinkState::Unknown);
        let was_asked = work.last_error.as_deref() == Some(UNKNOWN);
        tracing::debug!(customer = %id, failure = %reason(failure), "stripe does not know a customer");
        if was_seen && !is_marked && !was_asked {
            return self.ask_once_more(work, now).await;
        }
        let id = id.clone();
        self.writer
            .write("mark customer as unknown", move |tx| {
                mark_unknown(tx, &id, &work, now)
            })
            .await?;
        if let Some(link) = link {
            match self.follow_mapping(&link).await {
                // The next scan asks the mapping again.
                Err(EngineError::Remote(failure)) => {
                    tracing::debug!(zenskar = %link.zenskar, %failure, "no mapping");
                }
                followed => drop(followed?),
            }
        }
        Ok(Looked::Parked)
    }

    async fn ask_once_more(&self, work: Work, now: Timestamp) -> Result<Looked, EngineError> {
        self.writer
            .write("confirm that a customer is unknown", move |tx| {
                let Some(current) = tx.work(&work.subject)? else {
                    return Ok(());
                };
                // With attempts, news does not shorten the wait.
                tx.put_work(&Work {
                    due_at: now.plus(READ_LAG),
                    attempts: current.attempts.max(1),
                    last_error: Some(UNKNOWN.to_owned()),
                    ..current
                })
            })
            .await?;
        Ok(Looked::Postponed)
    }
}

/// Nothing moves over the link of a customer that Stripe does not know, if it has one; what was
/// asked since the work was read is looked at.
fn mark_unknown(
    tx: &mut WriteTx<'_>,
    id: &StripeCustomerId,
    work: &Work,
    now: Timestamp,
) -> Result<(), StoreError> {
    let stays = |link: &Link| matches!(link.state, LinkState::Unknown | LinkState::Unlinked);
    if let Some(link) = tx.link(id)?.filter(|link| !stays(link)) {
        let entry = Entry::engine(now, "customer unknown in stripe", &work.subject)
            .with("zenskar", &link.zenskar)
            .with("proof", &link.proof.as_str());
        tx.append_journal(&entry)?;
        tracing::warn!(event = "customer_unknown", customer = %id);
        let_go(tx, id)?;
        tx.put_differences(id, &[])?;
        decisions::end(tx, id, BY_UNKNOWN, now)?;
        tx.put_link(&Link {
            state: LinkState::Unknown,
            version: link.version.saturating_add(1),
            ..link
        })?;
    }
    remove_letters_of(tx, &work.subject)?;
    if let Some(rest) = asked_since(tx, work, now)? {
        return tx.put_work(&rest);
    }
    tx.park(&Work {
        last_error: Some(UNKNOWN.to_owned()),
        attempts: 0,
        ..work.clone()
    })
}

#[cfg(test)]
mod tests;
