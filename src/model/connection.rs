//! Whether the Stripe account is connected, and what was granted to us over OAuth.

use crate::model::id::AccountId;
use crate::model::time::Timestamp;
use std::fmt;

/// How the account is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By a key of its own.
    Key,
    /// By a platform's key, on behalf of an account whose owner agreed (Stripe's "OAuth for Standard
    /// accounts").
    OAuth,
}

impl Way {
    /// Its name in status and activity.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::OAuth => "oauth",
        }
    }
}

/// Whether the account is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Nobody has connected one.
    NotConnected,
    /// Calls for it are made.
    Connected {
        /// Which. With a key of its own it is what the operator says.
        account: AccountId,
    },
    /// No calls for it are made; nothing is lost, and everything goes on once it is connected again.
    Disconnected {
        /// Which, where that is known.
        account: Option<AccountId>,
        /// Why, in words.
        reason: Reason,
        /// Since when, by this host's clock.
        since: Timestamp,
    },
}

/// Why an account that was connected is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The grant ended.
    Ended(Ended),
    /// Stripe does not accept our key, in its words.
    KeyRefused(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(ended) => f.write_str(ended.words()),
            Self::KeyRefused(said) => f.write_str(said),
        }
    }
}

/// What was granted over OAuth, as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// What holds.
    pub state: GrantState,
    /// Since when a code is being redeemed: the request may have left, and its outcome is not known.
    pub redeeming: Option<Timestamp>,
    /// An account whose grant is to be taken back at Stripe.
    pub unwanted: Option<AccountId>,
}

/// What holds of a grant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum GrantState {
    /// There was none.
    #[default]
    None,
    /// The owner of this account agreed.
    Held {
        /// The account.
        account: AccountId,
        /// Since when, by this host's clock.
        since: Timestamp,
    },
    /// It is over, or nobody knows whether it began.
    Ended {
        /// The account, where that is known.
        account: Option<AccountId>,
        /// Why.
        why: Ended,
        /// Since when, by this host's clock.
        since: Timestamp,
    },
}

impl Grant {
    /// The account that calls are made for.
    #[must_use]
    pub const fn held(&self) -> Option<&AccountId> {
        match &self.state {
            GrantState::Held { account, .. } => Some(account),
            GrantState::None | GrantState::Ended { .. } => None,
        }
    }
}

/// How a grant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A person disconnected here.
    Person,
    /// Stripe says that our platform may not act for the account: its owner took the grant back, or
    /// the key is of another platform.
    Revoked,
    /// The answer to the request for a token was lost, so nobody knows whether there is a grant.
    Unsettled,
}

impl Ended {
    /// In words that follow "disconnected:".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Person => "a person disconnected the account here",
            Self::Revoked => "the account's owner took the connection back at Stripe",
            Self::Unsettled => "Stripe's answer got lost while the account was being connected",
        }
    }

    /// Whether Stripe may let us act for the account again without anybody acting here.
    #[must_use]
    pub const fn can_come_back(self) -> bool {
        match self {
            Self::Person => false,
            Self::Revoked | Self::Unsettled => true,
        }
    }
}
