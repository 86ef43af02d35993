//! What is particular to this installation: the key of its secrets, and how it is reached from
//! outside.

use crate::model::connection::Way;
use crate::model::id::{AccountId, OrganisationId};
use crate::store::{Identity, Mode, Sealer};
use crate::stripe::oauth::OAuth;

/// What a daemon has, and a simulation has not.
#[derive(Debug)]
pub struct Site {
    /// Seals and opens what the store keeps secret.
    pub sealer: Sealer,
    /// The platform whose account it connects by OAuth; `None` with a key of the account's own.
    pub platform: Option<Platform>,
    /// Where Stripe reaches our webhook; `None` where no endpoint is to be registered.
    pub webhook_url: Option<String>,
    /// The account that the configuration names.
    pub account: Option<AccountId>,
    /// Stripe's mode.
    pub mode: Mode,
    /// The organisation.
    pub organisation: OrganisationId,
}

/// A platform.
#[derive(Debug)]
pub struct Platform {
    /// Its OAuth client.
    pub oauth: OAuth,
    /// Where browsers reach our pages, such as `https://pay.example.com`; `None` where they cannot.
    pub pages: Option<String>,
}

impl Site {
    /// How the account is reached.
    #[must_use]
    pub const fn way(&self) -> Way {
        match self.platform {
            Some(_) => Way::OAuth,
            None => Way::Key,
        }
    }

    /// What a store is bound to that belongs to this account.
    #[must_use]
    pub fn identity(&self, account: &AccountId) -> Identity {
        Identity {
            account: account.clone(),
            mode: self.mode,
            organisation: self.organisation.clone(),
        }
    }
}
