//! What is accepted of Zenskar: whoever knows the secret, about our organisation.

use super::judge::{Accept, Verdict};
use crate::model::id::OrganisationId;
use crate::model::time::Timestamp;
use crate::telemetry::metrics::{Ignored, Rejected, Remote};
use crate::zenskar::hook::{self, HookSecret, Unproven};
use http::{HeaderMap, HeaderValue};

/// What is accepted of Zenskar.
#[derive(Debug)]
pub struct ZenskarAcceptance {
    /// The secret that was typed into Zenskar; without one there is no endpoint.
    pub secret: Option<HookSecret>,
    /// The organisation whose deliveries are ours.
    pub organisation: OrganisationId,
}

impl Accept for ZenskarAcceptance {
    const REMOTE: Remote = Remote::Zenskar;

    fn is_open(&self) -> bool {
        self.secret.is_some()
    }

    /// In this order: proof, organisation. What is not understood is stored too.
    fn judge(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Verdict {
        let Some(secret) = &self.secret else {
            return Verdict::Rejected(Rejected::NoSecret);
        };
        let values = headers.values().map(HeaderValue::as_bytes);
        match secret.verify(values, body) {
            Ok(()) => {}
            Err(Unproven::Missing) => return Verdict::Rejected(Rejected::Missing),
            Err(Unproven::NoMatch) => return Verdict::Rejected(Rejected::NoMatch),
        }
        let Ok(hint) = hook::read(body, now) else {
            return Verdict::Ignored(Ignored::NotAnEvent);
        };
        let ours = self.organisation.as_str();
        let is_ours = |theirs: &str| theirs.eq_ignore_ascii_case(ours);
        if !hint.organisation.as_deref().is_none_or(is_ours) {
            return Verdict::Ignored(Ignored::ForeignAccount);
        }
        Verdict::Ours(hint.event)
    }
}
