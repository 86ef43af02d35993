//! Whether a delivery is to be stored: pure, so that every case stands in a table of tests.

use crate::model::event::{Channel, Event};
use crate::model::id::AccountId;
use crate::model::time::Timestamp;
use crate::stripe::event;
use crate::stripe::signature::{SignatureError, SigningSecrets};
use crate::telemetry::metrics::{Ignored, Rejected, Remote};
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use std::fmt::Debug;

/// Header with Stripe's signatures.
const SIGNATURE: &str = "stripe-signature";

/// What `object` says in a thin event.
const THIN: &str = "v2.core.event";

/// Who may deliver, and what.
pub trait Accept: Debug + Send + Sync + 'static {
    /// Who delivers.
    const REMOTE: Remote;

    /// Whether there is such an endpoint at all.
    fn is_open(&self) -> bool;

    /// Judges a delivery by its headers and its body.
    fn judge(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Verdict;
}

/// What is accepted of Stripe.
#[derive(Debug)]
pub struct Acceptance {
    /// Secrets that are active. Without one, every delivery is refused.
    pub secrets: SigningSecrets,
    /// Whose events are ours.
    pub audience: Audience,
    /// Whether we work in live mode.
    pub livemode: bool,
}

/// Whose events are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Nobody's: no account is connected.
    Nobody,
    /// Those of the key's own account, which carry no account.
    Own(AccountId),
    /// Those of an account connected to the key's platform, which carry it.
    Connected(AccountId),
}

impl Audience {
    pub(super) fn includes(&self, account: Option<&AccountId>) -> bool {
        match (self, account) {
            (Self::Own(_), None) => true,
            (Self::Own(ours) | Self::Connected(ours), Some(account)) => ours == account,
            (Self::Nobody, _) | (Self::Connected(_), None) => false,
        }
    }
}

/// What is to be done with a delivery.
#[derive(Debug)]
pub enum Verdict {
    /// Store it.
    Ours(Event),
    /// Refuse it for good.
    Rejected(Rejected),
    /// Acknowledge it, and do no more.
    Ignored(Ignored),
}

impl Accept for Acceptance {
    const REMOTE: Remote = Remote::Stripe;

    /// It is there without a secret too, to say so to whoever registered it.
    fn is_open(&self) -> bool {
        true
    }

    /// In this order: signature, form, mode, account.
    fn judge(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Verdict {
        let signature = signature(headers);
        if let Err(error) = self.secrets.verify(signature.as_deref(), body, now) {
            return Verdict::Rejected(error.into());
        }
        let envelope = match event::parse(body) {
            Ok(envelope) => envelope,
            Err(_) if is_thin(body) => return Verdict::Ignored(Ignored::Thin),
            Err(_) => return Verdict::Ignored(Ignored::NotAnEvent),
        };
        if envelope.livemode != self.livemode {
            return Verdict::Ignored(Ignored::OtherMode);
        }
        if !self.audience.includes(envelope.account.as_ref()) {
            return Verdict::Ignored(Ignored::ForeignAccount);
        }
        Verdict::Ours(envelope.into_event(Channel::Webhook, now, body.to_vec()))
    }
}

impl From<SignatureError> for Rejected {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::NoSecret => Self::NoSecret,
            SignatureError::Missing => Self::Missing,
            SignatureError::Malformed => Self::Malformed,
            SignatureError::NoMatch => Self::NoMatch,
            SignatureError::TooOld => Self::TooOld,
            SignatureError::TooNew => Self::TooNew,
        }
    }
}

/// The header with the signatures; lines of one name are one list (RFC 9110, 5.3).
fn signature(headers: &HeaderMap) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = headers
        .get_all(SIGNATURE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    (!lines.is_empty()).then(|| lines.join(&b','))
}

/// A thin event names its object and carries none; an endpoint gets them if it was made for them.
fn is_thin(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Head<'a> {
        object: &'a str,
    }
    serde_json::from_slice::<Head<'_>>(body).is_ok_and(|head| head.object == THIN)
}
