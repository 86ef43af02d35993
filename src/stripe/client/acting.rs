//! For whom calls are made, and the headers that say so.

use crate::model::id::AccountId;
use crate::model::link::Side;
use crate::remote::client::ApiKey;
use crate::remote::outcome::{Call, Class, Failure};
use crate::remote::transport::HeaderText;
use crate::stripe::client::StripeClient;
use std::sync::PoisonError;

/// For whom calls are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acting {
    /// The key's own account.
    Own,
    /// An account connected to the key's platform (Stripe's documentation, "Making API calls for
    /// connected accounts").
    For(AccountId),
    /// Nobody: no account is connected, and the platform's own is none of our business. Calls for an
    /// account fail without being sent.
    Nobody,
}

impl StripeClient {
    /// Makes calls for somebody else from the next request on.
    pub fn set_acting(&self, acting: Acting) {
        *self.acting.write().unwrap_or_else(PoisonError::into_inner) = acting;
    }

    /// For whom calls are made.
    #[must_use]
    pub fn acting(&self) -> Acting {
        let acting = self.acting.read();
        acting.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key in use.
    pub(in crate::stripe) fn key(&self) -> ApiKey {
        self.base.key()
    }

    /// Headers of a call for the account.
    pub(super) fn headers(&self, call: Call) -> Result<Headers, Failure> {
        let mut headers = self.own_headers();
        match self.acting() {
            Acting::Own => {}
            Acting::For(account) => headers.push(named(&account)),
            Acting::Nobody => {
                let mut failure = Failure::new(Side::Stripe, call, Class::Unauthorized);
                "no account is connected".clone_into(&mut failure.message);
                return Err(failure);
            }
        }
        Ok(headers)
    }

    /// Headers of a call for the key's own account.
    pub(super) fn own_headers(&self) -> Headers {
        let bearer = format!("Bearer {}", self.base.key().expose());
        vec![
            ("authorization", HeaderText::secret(bearer)),
            ("stripe-version", HeaderText::plain(&self.api_version)),
        ]
    }
}

pub(super) type Headers = Vec<(&'static str, HeaderText)>;

/// The header that says for which account a platform calls.
pub(super) fn named(account: &AccountId) -> (&'static str, HeaderText) {
    ("stripe-account", HeaderText::plain(account.as_str()))
}
