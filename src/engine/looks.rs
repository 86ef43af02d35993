//! Looks at Zenskar that are kept for the delivery that follows, so that it need not look again.

use crate::model::id::ZenskarCustomerId;
use crate::model::time::Timestamp;
use crate::zenskar::client::Look;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a look at Zenskar serves a first delivery. Longer than a delivery waits while nothing
/// is wrong, shorter than anybody takes to open, edit and save a customer.
pub const LOOK_FRESH: Duration = Duration::from_secs(5);

/// Looks that are kept for deliveries.
const LOOKS_MAX: usize = 1_024;

/// What Zenskar showed lately, for the delivery that follows a plan.
#[derive(Debug, Default)]
pub(super) struct Looks(Mutex<BTreeMap<ZenskarCustomerId, (Timestamp, Look)>>);

impl Looks {
    /// Keeps a look, if there is room.
    pub(super) fn keep(&self, id: &ZenskarCustomerId, look: Look, now: Timestamp) {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.len() >= LOOKS_MAX {
            looks.retain(|_, (at, _)| now.since(*at) < LOOK_FRESH);
        }
        if looks.len() < LOOKS_MAX {
            looks.insert(id.clone(), (now, look));
        }
    }

    /// Takes the look at `id`, if it is fresh. It serves one delivery.
    pub(super) fn take(&self, id: &ZenskarCustomerId, now: Timestamp) -> Option<Look> {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, look) = looks.remove(id)?;
        (now.since(at) < LOOK_FRESH).then_some(look)
    }
}
