//! Which account the key opens, and which one is connected.

use crate::model::id::AccountId;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Call, Outcome};
use crate::stripe::client::acting::{Headers, named};
use crate::stripe::client::{StripeClient, answer, unreadable};
use crate::stripe::object;
use http::Method;

const READ_ACCOUNT: Call = Call::read("read account");

/// The account that the key opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSeen {
    /// Its id.
    pub id: AccountId,
    /// The name people know it by, if it has one.
    pub name: Option<String>,
    /// Its country, ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Its default currency, as Stripe writes it (lower case).
    pub default_currency: Option<String>,
}

impl StripeClient {
    /// The account that the key opens, or the connected account. A restricted key may lack the
    /// right to see it ([`Class::Forbidden`](crate::remote::outcome::Class::Forbidden)).
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn account(&self, priority: Priority) -> Outcome<AccountSeen> {
        let headers = self.headers(READ_ACCOUNT)?;
        self.read_account(headers, priority).await
    }

    /// A connected account, whether calls are made for it or not: an answer proves that they may be.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn connected_account(
        &self,
        account: &AccountId,
        priority: Priority,
    ) -> Outcome<AccountSeen> {
        let mut headers = self.own_headers();
        headers.push(named(account));
        self.read_account(headers, priority).await
    }

    /// The account of the key itself: with a platform's key, the platform's.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn own_account(&self, priority: Priority) -> Outcome<AccountSeen> {
        self.read_account(self.own_headers(), priority).await
    }

    async fn read_account(&self, headers: Headers, priority: Priority) -> Outcome<AccountSeen> {
        let request = self.base.request(Method::GET, "/v1/account", headers);
        let reply = self
            .send(READ_ACCOUNT, &self.others, request, priority)
            .await?;
        let body = &reply.response.body;
        let wire: object::Account = serde_json::from_slice(body)
            .map_err(|_| unreadable(READ_ACCOUNT, &reply, "not an account"))?;
        let id = AccountId::parse(&wire.id)
            .map_err(|_| unreadable(READ_ACCOUNT, &reply, "an account without a usable id"))?;
        let shown = wire.settings.and_then(|settings| settings.dashboard);
        let public = wire.business_profile.and_then(|profile| profile.name);
        Ok(answer(
            &reply,
            AccountSeen {
                id,
                name: shown
                    .and_then(|dashboard| dashboard.display_name)
                    .or(public)
                    .filter(|name| !name.trim().is_empty()),
                country: wire.country,
                default_currency: wire.default_currency,
            },
        ))
    }
}
