//! Decisions about the connection of an account: is what Stripe granted what we want, and what
//! becomes of the grant that is kept.
//!
//! # Invariants
//!
//! - An account other than the one the store or the configuration names is never accepted.
//! - A request for a token that may have left is never made again: redeeming a code twice takes the
//!   connection back (Stripe's documentation, "OAuth reference"). It is settled as unknown.

use crate::model::connection::{Connection, Ended, Grant, GrantState, Reason, Way};
use crate::model::id::AccountId;
use crate::model::time::Timestamp;

/// Codes of Stripe's that say that a platform may not act for an account ("Error codes").
const REVOKED: [&str; 2] = ["account_invalid", "platform_api_key_expired"];

/// What Stripe granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The account.
    pub account: AccountId,
    /// Whether it is of live mode.
    pub live: bool,
    /// Whether it allows writing.
    pub can_write: bool,
}

/// What is wanted of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The account that the store is bound to.
    pub bound: Option<AccountId>,
    /// The account that the configuration names.
    pub named: Option<AccountId>,
    /// Whether it is to be of live mode.
    pub live: bool,
}

/// Whether a grant is what is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Accept,
    /// It is of another account than this.
    OtherAccount(AccountId),
    /// It is of the other mode.
    OtherMode,
    /// It allows reading alone.
    ReadOnly,
}

/// Judges a grant.
#[must_use]
pub fn judge(granted: &Granted, wanted: &Wanted) -> Verdict {
    if granted.live != wanted.live {
        return Verdict::OtherMode;
    }
    let mut accounts = wanted.bound.iter().chain(&wanted.named);
    if let Some(other) = accounts.find(|account| **account != granted.account) {
        return Verdict::OtherAccount(other.clone());
    }
    if granted.can_write {
        Verdict::Accept
    } else {
        Verdict::ReadOnly
    }
}

/// The grant while a code is being redeemed.
#[must_use]
pub fn redeeming(grant: &Grant, now: Timestamp) -> Grant {
    Grant {
        redeeming: Some(now),
        ..grant.clone()
    }
}

/// The grant after Stripe said no to a code: as it was before.
#[must_use]
pub fn not_redeemed(grant: &Grant) -> Grant {
    Grant {
        redeeming: None,
        ..grant.clone()
    }
}

/// The grant once it is accepted. What was to be taken back of the same account stays.
#[must_use]
pub fn accepted(grant: &Grant, account: &AccountId, now: Timestamp) -> Grant {
    Grant {
        state: GrantState::Held {
            account: account.clone(),
            since: now,
        },
        redeeming: None,
        unwanted: grant
            .unwanted
            .clone()
            .filter(|unwanted| unwanted != account),
    }
}

/// The grant after one that is not wanted: that one is to be taken back, unless it is of the account
/// that is connected.
#[must_use]
pub fn refused(grant: &Grant, granted: &AccountId) -> Grant {
    let unwanted = Some(granted.clone()).filter(|granted| grant.held() != Some(granted));
    Grant {
        state: grant.state.clone(),
        redeeming: None,
        unwanted: unwanted.or_else(|| grant.unwanted.clone()),
    }
}

/// The grant after a request for a token whose outcome is not known; `account` is the only one it
/// can be about, where there is one. A connection that holds goes on holding.
#[must_use]
pub fn unsettled(grant: &Grant, account: Option<&AccountId>, now: Timestamp) -> Grant {
    let state = match &grant.state {
        GrantState::Held { .. } => grant.state.clone(),
        GrantState::None | GrantState::Ended { .. } => GrantState::Ended {
            account: account.cloned(),
            why: Ended::Unsettled,
            since: now,
        },
    };
    Grant {
        state,
        redeeming: None,
        unwanted: grant.unwanted.clone(),
    }
}

/// The grant after it ended; `None` where none was held. One that a person ended is to be taken back
/// at Stripe, also where it is in doubt whether there is one.
#[must_use]
pub fn ended(grant: &Grant, why: Ended, now: Timestamp) -> Option<Grant> {
    let (account, unwanted) = match why {
        Ended::Person => {
            let account = grant.held().or_else(|| in_doubt(grant))?.clone();
            (account.clone(), Some(account))
        }
        Ended::Revoked | Ended::Unsettled => (grant.held()?.clone(), grant.unwanted.clone()),
    };
    Some(Grant {
        state: GrantState::Ended {
            account: Some(account),
            why,
            since: now,
        },
        redeeming: grant.redeeming,
        unwanted,
    })
}

/// The account that may be connected without our knowing: whether it is, Stripe can say.
#[must_use]
pub fn in_doubt(grant: &Grant) -> Option<&AccountId> {
    match &grant.state {
        GrantState::Ended { account, why, .. } if why.can_come_back() => account.as_ref(),
        GrantState::None | GrantState::Held { .. } | GrantState::Ended { .. } => None,
    }
}

/// Whether a refusal of Stripe's with this code says that we may not act for the account, rather
/// than that our key is wrong.
#[must_use]
pub fn is_revoked(code: Option<&str>) -> bool {
    code.is_some_and(|code| REVOKED.contains(&code))
}

/// Whether the account is connected; `refused` is since when Stripe does not accept our key, with
/// its words, and `account` the one that a key is of.
#[must_use]
pub fn connection(
    way: Way,
    account: Option<&AccountId>,
    grant: &Grant,
    refused: Option<(&str, Timestamp)>,
) -> Connection {
    let by = match way {
        Way::Key => account,
        Way::OAuth => grant.held(),
    };
    match (by, refused, &grant.state) {
        (Some(account), None, _) => Connection::Connected {
            account: account.clone(),
        },
        (Some(account), Some((said, since)), _) => Connection::Disconnected {
            account: Some(account.clone()),
            reason: Reason::KeyRefused(said.to_owned()),
            since,
        },
        (
            None,
            _,
            GrantState::Ended {
                account,
                why,
                since,
            },
        ) => Connection::Disconnected {
            account: account.clone(),
            reason: Reason::Ended(*why),
            since: *since,
        },
        (None, _, GrantState::None | GrantState::Held { .. }) => Connection::NotConnected,
    }
}

#[cfg(test)]
mod tests;
