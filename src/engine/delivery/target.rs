//! A write's target: how it is looked at, and how it is written to.
//!
//! Zenskar recognises no repeat of a write, so a write needs a look, once. Stripe recognises one by
//! its idempotency key: one key serves for as long as it is unknown whether the write was made.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::model::customer::Customer;
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::intent::{Changes, Intent, Progress};
use crate::model::link::{Link, Side};
use crate::model::mirror::Mirror;
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Failure, Wanted};
use crate::remote::text;
use crate::store::{PreparedMirror, StoreError};
use crate::stripe;
use crate::stripe::convert::Observed;
use crate::sync::policy::Direction;
use crate::zenskar::client::{Found, Look};
use crate::zenskar::object::ZenskarCustomer;
use aws_lc_rs::digest::{SHA256, digest};

/// The target as it was seen just now, with what a write to it needs.
#[derive(Debug)]
pub(super) enum AtTarget {
    Stripe(Shown),
    Zenskar(Look),
}

/// A customer as one side showed it.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Shown {
    side: Side,
    id: String,
    customer: Customer,
    payload: Vec<u8>,
    date: Option<Timestamp>,
}

impl Shown {
    /// Stripe's customer; `None` if it is deleted.
    pub(in crate::engine) fn stripe(seen: &Observed, date: Option<Timestamp>) -> Option<Self> {
        Some(Self {
            side: Side::Stripe,
            id: seen.id.as_str().to_owned(),
            customer: seen.presence.customer()?.clone(),
            payload: seen.payload.clone(),
            date,
        })
    }

    fn zenskar(seen: ZenskarCustomer, date: Option<Timestamp>) -> Self {
        Self {
            side: Side::Zenskar,
            id: seen.id.as_str().to_owned(),
            customer: seen.customer,
            payload: seen.payload,
            date,
        }
    }

    /// What it holds.
    pub(super) const fn customer(&self) -> &Customer {
        &self.customer
    }

    /// As the last look at it.
    pub(super) fn mirror(&self) -> Result<PreparedMirror, StoreError> {
        let mirror = Mirror {
            observed_at: self.date.unwrap_or(Timestamp::MIN),
            deleted: false,
            payload: self.payload.clone(),
        };
        PreparedMirror::new(self.side, &self.id, &mirror)
    }
}

impl AtTarget {
    /// What it holds.
    pub(super) const fn customer(&self) -> &Customer {
        match self {
            Self::Stripe(shown) => shown.customer(),
            Self::Zenskar(look) => &look.seen().customer,
        }
    }

    /// What was seen, without the right to write.
    pub(super) fn into_shown(self) -> Shown {
        match self {
            Self::Stripe(shown) => shown,
            Self::Zenskar(look) => {
                let date = look.date();
                Shown::zenskar(look.into_seen(), date)
            }
        }
    }
}

impl Engine {
    /// Looks at the intent's target, unless sync is one-way, a look is at hand that is fresh, and
    /// nothing was sent yet; `None` if the target is gone.
    pub(super) async fn look_at_target(
        &self,
        intent: &Intent,
        link: &Link,
    ) -> Result<Option<AtTarget>, EngineError> {
        // Where the target's edits count too, the look must be of this moment.
        let counts = self.settings().policy.direction == Some(Direction::Both);
        let serves = intent.progress == Progress::Waiting && !counts;
        match intent.target {
            Side::Stripe => self.look_at_stripe(&link.stripe, serves).await,
            Side::Zenskar => self.look_at_zenskar(&link.zenskar, serves).await,
        }
    }

    async fn look_at_stripe(
        &self,
        id: &StripeCustomerId,
        serves: bool,
    ) -> Result<Option<AtTarget>, EngineError> {
        let at_hand = self.looks.take_stripe(id, self.clock.now());
        if let Some(shown) = at_hand.filter(|_| serves) {
            return Ok(Some(AtTarget::Stripe(shown)));
        }
        let answer = self.stripe.customer(id, Priority::Sync).await?;
        self.gate.open(Side::Stripe);
        Ok(Shown::stripe(&answer.value, answer.date).map(AtTarget::Stripe))
    }

    async fn look_at_zenskar(
        &self,
        id: &ZenskarCustomerId,
        serves: bool,
    ) -> Result<Option<AtTarget>, EngineError> {
        let at_hand = self.looks.take(id, self.clock.now());
        if let Some(look) = at_hand.filter(|_| serves) {
            return Ok(Some(AtTarget::Zenskar(look)));
        }
        Ok(match self.look_in_zenskar(id).await?.value {
            Found::Here(look) => Some(AtTarget::Zenskar(*look)),
            Found::Gone => None,
        })
    }

    /// Makes the changes, where they are still `wanted` when their turn comes, and says what the target holds now, if its answer can be read.
    pub(super) async fn write_to_target(
        &self,
        intent: &Intent,
        seen: AtTarget,
        changes: &Changes,
        wanted: Wanted<'_>,
    ) -> Result<Result<Option<Shown>, Failure>, EngineError> {
        Ok(match seen {
            AtTarget::Stripe(shown) => {
                let form = stripe::patch::update_form(changes, shown.customer());
                let installation = self.store.read()?.installation_id()?;
                let key = idempotency_key(&installation, intent, &form);
                self.stripe
                    .update_customer(&intent.link, &form, (&key, wanted), Priority::Sync)
                    .await
                    .map(|answer| Shown::stripe(&answer.value, answer.date))
            }
            AtTarget::Zenskar(look) => self
                .zenskar
                .update_customer(look, changes, wanted, Priority::Sync)
                .await
                .map(|answer| {
                    let date = answer.date;
                    answer.value.map(|seen| Shown::zenskar(seen, date))
                }),
        })
    }
}

/// The same for each repeat of a request whose outcome is unknown, and never that of another one:
/// Stripe refuses a known key with other parameters. It names the installation, so that whoever
/// reads Stripe's log, or an event, sees who wrote.
fn idempotency_key(installation: &str, intent: &Intent, form: &[(String, String)]) -> String {
    let link = intent.link.as_str();
    request_key(installation, link, intent.number, &text::form(form))
}

/// The idempotency key of a request about `what`, with its number and its body.
pub(in crate::engine) fn request_key(
    installation: &str,
    what: &str,
    number: u64,
    body: &str,
) -> String {
    let body = digest(&SHA256, body.as_bytes());
    let body: String = body
        .as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let own = own_keys(installation);
    format!("{own}{what}/{number}/{body}")
}

/// How the key of every request begins that this installation writes to Stripe with.
pub(in crate::engine) fn own_keys(installation: &str) -> String {
    format!("zenstripe/{installation}/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_that_of_one_request() {
        let intent = Intent {
            number: 7,
            link: StripeCustomerId::parse("cus_1").unwrap(),
            target: Side::Stripe,
            changes: Changes::new(),
            progress: Progress::Waiting,
            attempts: 1,
            decided_at: Timestamp::default(),
            observed_at: Timestamp::default(),
        };
        let form = |name: &str| vec![("name".to_owned(), name.to_owned())];
        let key = idempotency_key("0a", &intent, &form("Ann"));
        assert!(key.starts_with("zenstripe/0a/cus_1/7/"), "{key}");
        assert_eq!(key, idempotency_key("0a", &intent, &form("Ann")));
        assert_ne!(key, idempotency_key("0a", &intent, &form("Bea")));
        let other = Intent {
            number: 8,
            ..intent
        };
        assert_ne!(key, idempotency_key("0a", &other, &form("Ann")));
        assert!(key.len() < 255, "Stripe's limit");
    }
}
