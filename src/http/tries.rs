//! How often an address may be wrong: at the login, and with tokens.

use crate::model::time::Timestamp;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Tokens that an address may get wrong in [`TRIES_SPAN`].
const TRIES_MAX: u32 = 5;
/// How long a wrong token is held against an address.
const TRIES_SPAN: Duration = Duration::from_secs(60);
/// Addresses that are remembered.
const ADDRESSES_MAX: usize = 1_024;

/// Wrong tokens, by address.
#[derive(Debug, Default)]
pub(super) struct Tries(Mutex<BTreeMap<Option<IpAddr>, (Timestamp, u32)>>);

impl Tries {
    /// Whether this address may try again.
    pub(super) fn may_try(&self, address: Option<IpAddr>, now: Timestamp) -> bool {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tries.retain(|_, (since, _)| now.since(*since) < TRIES_SPAN);
        let wrong = tries.get(&address).map_or(0, |(_, wrong)| *wrong);
        wrong < TRIES_MAX && (tries.len() < ADDRESSES_MAX || tries.contains_key(&address))
    }

    /// Holds a wrong one against an address.
    pub(super) fn was_wrong(&self, address: Option<IpAddr>, now: Timestamp) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, wrong) = tries.entry(address).or_insert((now, 0));
        *wrong = wrong.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_tokens_make_an_address_wait() {
        let (tries, at) = (Tries::default(), Timestamp::from_seconds);
        let (one, other) = (
            Some(IpAddr::from([127, 0, 0, 1])),
            Some(IpAddr::from([10, 0, 0, 1])),
        );
        for second in 0..5 {
            assert!(tries.may_try(one, at(second)));
            tries.was_wrong(one, at(second));
        }
        assert!(!tries.may_try(one, at(5)));
        assert!(tries.may_try(other, at(5)), "another address");
        assert!(tries.may_try(one, at(60)), "a minute later");
    }
}
