//! Looks at the two remotes: which of Zenskar's count, and those that are kept for the delivery that
//! follows, so that it need not look again.

use crate::engine::Engine;
use crate::engine::delivery::target::Shown;
use crate::engine::error::EngineError;
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::Side;
use crate::model::mirror::Mirror;
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Answer, Call, Class, Failure};
use crate::sync::lag::{Reading, wait_for_newer};
use crate::zenskar::client::{Found, Look};
use crate::zenskar::object::ZenskarCustomer;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a look serves a first delivery. Longer than a delivery waits while nothing
/// is wrong, shorter than anybody takes to open, edit and save a customer.
pub const LOOK_FRESH: Duration = Duration::from_secs(5);

/// Looks that are kept for deliveries.
const LOOKS_MAX: usize = 1_024;

/// What the remotes showed lately, for the delivery that follows a plan.
#[derive(Debug, Default)]
pub(super) struct Looks {
    stripe: Kept<StripeCustomerId, Shown>,
    zenskar: Kept<ZenskarCustomerId, Look>,
}

impl Looks {
    /// Keeps a look at Zenskar, if there is room.
    pub(super) fn keep(&self, id: &ZenskarCustomerId, look: Look, now: Timestamp) {
        self.zenskar.keep(id, look, now);
    }

    /// Keeps a look at Stripe, if there is room.
    pub(super) fn keep_stripe(&self, id: &StripeCustomerId, shown: Shown, now: Timestamp) {
        self.stripe.keep(id, shown, now);
    }

    /// Takes the look at Zenskar's `id`, if it is fresh. It serves one delivery.
    pub(super) fn take(&self, id: &ZenskarCustomerId, now: Timestamp) -> Option<Look> {
        self.zenskar.take(id, now)
    }

    /// Takes the look at Stripe's `id`, if it is fresh. It serves one delivery.
    pub(super) fn take_stripe(&self, id: &StripeCustomerId, now: Timestamp) -> Option<Shown> {
        self.stripe.take(id, now)
    }
}

/// Looks at one side, and when each was made.
#[derive(Debug)]
struct Kept<K, L>(Mutex<BTreeMap<K, (Timestamp, L)>>);

impl<K, L> Default for Kept<K, L> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord + Clone, L> Kept<K, L> {
    fn keep(&self, id: &K, look: L, now: Timestamp) {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.len() >= LOOKS_MAX {
            looks.retain(|_, (at, _)| now.since(*at) < LOOK_FRESH);
        }
        if looks.len() < LOOKS_MAX {
            looks.insert(id.clone(), (now, look));
        }
    }

    fn take(&self, id: &K, now: Timestamp) -> Option<L> {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, look) = looks.remove(id)?;
        (now.since(at) < LOOK_FRESH).then_some(look)
    }
}

impl Engine {
    /// A customer as Zenskar holds it now.
    ///
    /// # Errors
    ///
    /// The call or the store failed, or the answer shows an older state than an earlier one did:
    /// that is a failure of the remote, to be tried again when the answer must be up to date.
    pub(super) async fn look_in_zenskar(
        &self,
        id: &ZenskarCustomerId,
    ) -> Result<Answer<Found>, EngineError> {
        let answer = self.zenskar.customer(id, Priority::Sync).await?;
        self.gate.open(Side::Zenskar);
        if let Found::Here(look) = &answer.value
            && let Some(wait) = self.lags_behind(id, look)?
        {
            let call = Call::read("read the present state of customer");
            let class = Class::Retry { after: Some(wait) };
            return Err(EngineError::Remote(Failure {
                message: "the answer is older than an earlier one".to_owned(),
                ..Failure::new(Side::Zenskar, call, class)
            }));
        }
        Ok(answer)
    }

    fn lags_behind(
        &self,
        id: &ZenskarCustomerId,
        look: &Look,
    ) -> Result<Option<Duration>, EngineError> {
        let known = self.store.read()?.mirror(Side::Zenskar, id.as_str())?;
        let Some(known) = known.filter(|known| !known.deleted && !known.payload.is_empty()) else {
            return Ok(None);
        };
        let at = look.date().unwrap_or(Timestamp::MIN);
        Ok(wait_after(known, look.seen(), at))
    }
}

/// How long to wait before a customer counts that shows an older state than the last look at it;
/// `at` is when it was shown, by Zenskar's clock.
pub(super) fn wait_after(known: Mirror, seen: &ZenskarCustomer, at: Timestamp) -> Option<Duration> {
    let before = Reading {
        at: known.observed_at,
        updated_at: ZenskarCustomer::parse(known.payload)
            .ok()
            .and_then(|known| known.updated_at),
    };
    let now = Reading {
        at,
        updated_at: seen.updated_at,
    };
    wait_for_newer(before, now)
}
