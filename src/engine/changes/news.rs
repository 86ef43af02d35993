//! Which rows of a listing are news, and how news gets into the inbox.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::scan::step;
use crate::model::event::{Channel, Event, ZENSKAR_UPDATED, zenskar_event_id};
use crate::model::id::StripeCustomerId;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::model::work::Subject;
#[cfg(feature = "mutants")]
use crate::mutants::{self, Mutant};
use crate::store::{Inserted, PreparedEvent, ReadTx, StoreError, WriteTx};
use crate::sync::policy::Policy;
use crate::zenskar::object::ZenskarCustomer;

/// A row that is news, with all that its transaction needs.
pub(in crate::engine) struct News {
    /// The customer in Stripe that it is linked with.
    link: Option<StripeCustomerId>,
    /// None for a row that no event can be made of.
    event: Option<PreparedEvent>,
    /// Whether the last look at the customer showed something else.
    unseen: bool,
}

impl Engine {
    /// Which of these rows the store does not know.
    pub(in crate::engine) fn news(
        &self,
        rows: Vec<ZenskarCustomer>,
    ) -> Result<Vec<News>, EngineError> {
        let read = self.store.read()?;
        let policy = self.settings().policy.clone();
        let now = self.clock.now();
        let mut news = Vec::new();
        for seen in rows {
            news.extend(judge(&read, seen, &policy, now)?);
        }
        Ok(news)
    }
}

/// What a row means to us, if it is news.
fn judge(
    read: &ReadTx<'_>,
    seen: ZenskarCustomer,
    policy: &Policy,
    now: Timestamp,
) -> Result<Option<News>, StoreError> {
    let link = read.link_by_zenskar(&seen.id)?;
    let mut unseen = false;
    if let Some(link) = &link {
        if !step::is_news(read, link, &seen, policy)? {
            return Ok(None);
        }
        let known = read.mirror(Side::Zenskar, seen.id.as_str())?;
        let known = known.and_then(|known| ZenskarCustomer::parse(known.payload).ok());
        unseen = known.is_none_or(|known| known.customer != seen.customer);
    }
    Ok(Some(News {
        link: link.map(|link| link.stripe),
        event: event(seen, now),
        unseen,
    }))
}

/// The event of a row; none where the row says no time or is larger than the store takes, which is
/// no reason to end.
fn event(seen: ZenskarCustomer, now: Timestamp) -> Option<PreparedEvent> {
    let updated_at = seen.updated_at?;
    let event = Event {
        id: zenskar_event_id(&seen.id, updated_at).ok()?,
        kind: ZENSKAR_UPDATED.to_owned(),
        object: seen.id.to_string(),
        account: None,
        created: updated_at,
        api_version: None,
        channel: Channel::ZenskarPoll,
        received_at: now,
        payload: seen.payload,
    };
    PreparedEvent::new(&event)
        .inspect_err(
            |error| tracing::error!(event = %event.id, %error, "a customer is too large to keep"),
        )
        .ok()
}

/// Puts news into the inbox; how many were new.
///
/// An event that is known asks for a look all the same when the last one showed something else: a
/// look may have read what lagged behind, and the time of two changes may be written alike.
pub(in crate::engine) fn insert_news(
    tx: &mut WriteTx<'_>,
    news: &[News],
    now: Timestamp,
) -> Result<usize, StoreError> {
    #[cfg(feature = "mutants")]
    if mutants::is_on(Mutant::ChangesUnheard) {
        return Ok(0);
    }
    let mut new = 0_usize;
    for one in news {
        let inserted = match &one.event {
            Some(event) => Some(tx.insert_event(event)?),
            None => None,
        };
        let is_sorted = match inserted {
            Some(Inserted::New(_)) => {
                new = new.saturating_add(1);
                continue;
            }
            Some(Inserted::Known(seq)) => seq <= tx.intake_cursor()?,
            None => true,
        };
        if let Some(link) = one.link.as_ref().filter(|_| one.unseen && is_sorted)
            && tx.work(&Subject::Customer(link.clone()))?.is_none()
        {
            step::ask(tx, link, now)?;
        }
    }
    Ok(new)
}
