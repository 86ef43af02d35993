//! Our webhook endpoint at Stripe: made, verified and repaired, as far as there is an address at
//! which Stripe reaches us.
//!
//! # Invariants
//!
//! - That one is being made is durable before the request leaves, and a repeat has the same bytes
//!   under the same key: Stripe answers it with the same endpoint, secret included.
//! - The secret is sealed and durable before anything older is cleaned up.
//! - Endpoints that are not ours are never touched.
//! - Without an endpoint polling goes on, so nothing here ends anything.
//!
//! Not here: which step is next ([`crate::sync::endpoint`]).

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::look::reason;
use crate::engine::site::Site;
use crate::engine::view::EndpointStatus;
use crate::model::connection::{Ended, GrantState, Way};
use crate::model::endpoint::{Kept, Registration};
use crate::model::journal::Entry;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Class, Failure};
use crate::stripe::client::form_of;
use crate::sync::endpoint::{self, Seen, Step, Wanted};
use crate::sync::subject::endpoint_events;
use aws_lc_rs::digest;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// How often an endpoint that is as it should be is looked at: 720 reads in 30 days.
const VERIFY_EVERY: Duration = Duration::from_secs(3_600);

/// How long after a refusal it is tried again. A new key and a reload are tried at once.
const AFTER_REFUSAL: Duration = Duration::from_secs(600);

/// How long after a failure it is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// Steps at a time: an account has no more endpoints than half of these.
const STEPS_MAX: usize = 2 * endpoint::ENDPOINTS_MAX;

/// Names of sealed secrets begin with this, and end with the endpoint's id.
const SECRETS: &str = "stripe/webhook/";

/// How our endpoint is, as far as we know.
#[derive(Debug, Default)]
pub(super) struct Endpoint(Mutex<EndpointStatus>);

impl Endpoint {
    pub(super) fn status(&self) -> EndpointStatus {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn say(&self, state: &str, kept: Option<&Kept>, why: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = EndpointStatus {
            state: state.to_owned(),
            url: kept.map(|kept| kept.url.clone()),
            id: kept.map(|kept| kept.id.clone()),
            reason: why,
        };
    }
}

/// What is wanted of the endpoint at this time.
enum Wish {
    /// One like this.
    One(Wanted),
    /// None.
    Nothing,
    /// Nobody is connected, and may be again: what is there stays.
    Wait,
}

impl Engine {
    /// Whether webhooks can reach us and be believed.
    #[must_use]
    pub fn has_ingress(&self) -> bool {
        self.settings().ingress || self.endpoint.status().state == "registered"
    }

    /// The secrets of the endpoints we made. One that cannot be opened is left out: what it signs is
    /// found by polling.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn webhook_secrets(&self) -> Result<Vec<Zeroizing<Vec<u8>>>, EngineError> {
        let Some(site) = &self.site else {
            return Ok(Vec::new());
        };
        let mut secrets = Vec::new();
        for (name, sealed) in self.store.read()?.secrets_under(SECRETS)? {
            match site.sealer.open(&name, &sealed) {
                Ok(secret) => secrets.push(secret),
                Err(error) => tracing::error!(event = "secret_not_opened", name, %error),
            }
        }
        Ok(secrets)
    }

    /// Does what is to be done about the endpoint; says when to look again.
    pub(super) async fn tend_endpoint(&self) -> Result<Duration, EngineError> {
        let Some(site) = &self.site else {
            return Ok(VERIFY_EVERY);
        };
        let kept = self.store.read()?.registration()?.kept;
        let wanted = match self.wish(site)? {
            Wish::Wait => {
                self.endpoint.say("waiting", kept.as_ref(), None);
                return Ok(VERIFY_EVERY);
            }
            Wish::Nothing if kept.is_none() => {
                self.endpoint.say("off", None, None);
                return Ok(VERIFY_EVERY);
            }
            Wish::Nothing => None,
            Wish::One(wanted) => Some(wanted),
        };
        match self.put_right(site, wanted.as_ref()).await {
            Ok(pause) => Ok(pause),
            Err(EngineError::Remote(failure)) => Ok(self.note_failure(&failure)?),
            Err(error) => Err(error),
        }
    }

    fn wish(&self, site: &Site) -> Result<Wish, EngineError> {
        let connect = site.way() == Way::OAuth;
        if connect {
            match self.store.read()?.grant()?.state {
                GrantState::Held { .. } => {}
                GrantState::Ended {
                    why: Ended::Person, ..
                } => return Ok(Wish::Nothing),
                GrantState::None | GrantState::Ended { .. } => return Ok(Wish::Wait),
            }
        }
        Ok(site.webhook_url.as_ref().map_or(Wish::Nothing, |url| {
            Wish::One(Wanted {
                url: url.clone(),
                events: endpoint_events(connect),
                api_version: self.settings().api_version.clone(),
                connect,
            })
        }))
    }

    /// Step by step, each after a look at what is there.
    async fn put_right(
        &self,
        site: &Site,
        wanted: Option<&Wanted>,
    ) -> Result<Duration, EngineError> {
        let installation = self.store.read()?.installation_id()?;
        for _ in 0..STEPS_MAX {
            let listed = self.endpoints().await?;
            let kept = self.store.read()?.registration()?.kept;
            match endpoint::next(wanted, &installation, kept.as_ref(), &listed) {
                Step::Make => {
                    // Only where one is wanted.
                    let Some(wanted) = wanted else { break };
                    self.make_endpoint(site, wanted, &installation).await?;
                }
                Step::Repair(id) => {
                    let Some(wanted) = wanted else { break };
                    let repaired =
                        self.stripe
                            .repair_endpoint(&id, wanted, &installation, Priority::Sync);
                    repaired.await?;
                    self.note_endpoint("webhook endpoint repaired", &id).await?;
                }
                Step::Delete(id) => {
                    self.stripe.delete_endpoint(&id, Priority::Sync).await?;
                    self.forget_endpoint(&id).await?;
                }
                Step::Full(count) => {
                    let why = format!(
                        "the account has {count} webhook endpoints, as many as Stripe allows, and \
                         none is ours to replace"
                    );
                    self.endpoint.say("full", None, Some(why));
                    return Ok(AFTER_REFUSAL);
                }
                Step::Settled => {
                    self.keep_one_secret(kept.as_ref()).await?;
                    let state = if wanted.is_some() {
                        "registered"
                    } else {
                        "off"
                    };
                    let kept = kept.filter(|_| wanted.is_some());
                    self.endpoint.say(state, kept.as_ref(), None);
                    return Ok(VERIFY_EVERY);
                }
            }
        }
        Ok(AFTER_FAILURE)
    }

    /// Every endpoint of the key's account.
    async fn endpoints(&self) -> Result<Vec<Seen>, EngineError> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        // An account has no more than a page of them.
        for _ in 0..STEPS_MAX {
            let page = self.stripe.endpoints_page(after.as_deref(), Priority::Sync);
            let page = page.await?.value;
            all.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(all)
    }

    async fn make_endpoint(
        &self,
        site: &Site,
        wanted: &Wanted,
        installation: &str,
    ) -> Result<(), EngineError> {
        let now = self.clock.now();
        let round = self
            .writer
            .write("make webhook endpoint", move |tx| {
                let mut registration = tx.registration()?;
                if registration.making.is_none() {
                    registration.round = registration.round.saturating_add(1);
                    registration.making = Some(now);
                    tx.set_registration(&registration)?;
                }
                Ok(registration.round)
            })
            .await?;
        let form = form_of(wanted, installation);
        let key = idempotency_key(installation, round, &form);
        let made = match self.stripe.make_endpoint(&form, &key, Priority::Sync).await {
            Ok(made) => made.value,
            Err(failure) => {
                if is_refusal(&failure) {
                    self.writer
                        .write("record refusal of webhook endpoint", |tx| {
                            let registration = tx.registration()?;
                            tx.set_registration(&Registration {
                                making: None,
                                ..registration
                            })
                        })
                        .await?;
                }
                return Err(failure.into());
            }
        };
        let id = made.seen.id;
        let name = format!("{SECRETS}{id}");
        let sealed = match site.sealer.seal(&name, made.secret.as_bytes()) {
            Ok(sealed) => sealed,
            Err(error) => {
                // The library refuses nothing we give it; without it nothing is kept in the open.
                tracing::error!(event = "secret_not_sealed", %error);
                return Ok(());
            }
        };
        let kept = Kept {
            id: id.clone(),
            url: wanted.url.clone(),
            api_version: wanted.api_version.clone(),
            connect: wanted.connect,
        };
        self.writer
            .write("keep webhook endpoint", move |tx| {
                tx.put_secret(&name, &sealed)?;
                tx.set_registration(&Registration {
                    round,
                    making: None,
                    kept: Some(kept),
                })
            })
            .await?;
        self.note_endpoint("webhook endpoint registered", &id).await
    }

    /// The endpoint is gone, and so is its secret.
    async fn forget_endpoint(&self, id: &str) -> Result<(), EngineError> {
        let gone = id.to_owned();
        self.writer
            .write("forget webhook endpoint", move |tx| {
                tx.remove_secret(&format!("{SECRETS}{gone}"))?;
                let registration = tx.registration()?;
                if registration
                    .kept
                    .as_ref()
                    .is_some_and(|kept| kept.id == gone)
                {
                    tx.set_registration(&Registration {
                        kept: None,
                        ..registration
                    })?;
                }
                Ok(())
            })
            .await?;
        self.note_endpoint("webhook endpoint deleted", id).await
    }

    /// Secrets of endpoints that somebody else deleted sign nothing.
    async fn keep_one_secret(&self, kept: Option<&Kept>) -> Result<(), EngineError> {
        let name = kept.map(|kept| format!("{SECRETS}{}", kept.id));
        let others = self.store.read()?.secrets_under(SECRETS)?;
        let others: Vec<String> = others
            .into_iter()
            .map(|(other, _)| other)
            .filter(|other| Some(other) != name.as_ref())
            .collect();
        if others.is_empty() {
            return Ok(());
        }
        self.writer
            .write("forget webhook secrets", move |tx| {
                others
                    .iter()
                    .try_for_each(|other| tx.remove_secret(other).map(drop))
            })
            .await?;
        self.wake.acceptance.notify_one();
        Ok(())
    }

    async fn note_endpoint(&self, what: &'static str, id: &str) -> Result<(), EngineError> {
        tracing::info!(event = "webhook_endpoint", what, id);
        let entry = Entry::engine(self.clock.now(), what, &format!("endpoint/{id}"));
        self.writer
            .write("note webhook endpoint", move |tx| {
                tx.append_journal(&entry).map(drop)
            })
            .await?;
        self.wake.acceptance.notify_one();
        Ok(())
    }

    fn note_failure(&self, failure: &Failure) -> Result<Duration, EngineError> {
        tracing::warn!(event = "webhook_endpoint_failed", %failure);
        let kept = self.store.read()?.registration()?.kept;
        let (state, pause) = if is_refusal(failure) || failure.class == Class::Unauthorized {
            ("refused", AFTER_REFUSAL)
        } else {
            ("waiting", AFTER_FAILURE)
        };
        // One that was made delivers whether it can be looked at or not.
        let known = kept.is_some() && state == "waiting";
        let state = if known { "registered" } else { state };
        self.endpoint
            .say(state, kept.as_ref(), Some(reason(failure)));
        Ok(pause)
    }
}

/// Whether Stripe said no, and would say so again.
const fn is_refusal(failure: &Failure) -> bool {
    matches!(
        failure.class,
        Class::Refused | Class::Forbidden | Class::Missing
    )
}

/// From the installation, how many were begun, and what is asked for, its address included.
fn idempotency_key(installation: &str, round: u64, form: &str) -> String {
    let digest = digest::digest(&digest::SHA256, form.as_bytes());
    let digits: String = digest
        .as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("zenstripe-endpoint-{installation}-{round}-{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_has_the_same_key_and_nothing_else_has() {
        let key = idempotency_key("aa", 1, "url=a");
        assert_eq!(key, idempotency_key("aa", 1, "url=a"));
        for other in [
            idempotency_key("bb", 1, "url=a"),
            idempotency_key("aa", 2, "url=a"),
            idempotency_key("aa", 1, "url=b"),
        ] {
            assert_ne!(key, other);
        }
        assert!(key.len() < 255);
    }
}
