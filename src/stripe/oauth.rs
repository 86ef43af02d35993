//! Stripe Connect's OAuth for standard accounts: the address of the page, the token, taking back.
//!
//! Source: Stripe's documentation, "OAuth reference" and "Using OAuth with Standard accounts".
//!
//! # Guarantees
//!
//! - A code, a token and the key are in a body alone, never in an address, a log or an error.
//! - Redeeming a code is sent once: a second time takes the connection back, so that an outcome that
//!   is not known stays unknown here.
//!
//! In words, what a refusal means:
//!
//! | answer | class |
//! |---|---|
//! | `invalid_client`, 401, 403 | unauthorized: the key, the client or the mode is wrong |
//! | 429 | retry: limits are checked before anything is done |
//! | 408, 409, 424, 5xx | unknown |
//! | any other | refused |

use crate::model::id::AccountId;
use crate::model::link::Side;
use crate::remote::client::{ApiKey, WRITE_CALL_TIMEOUT};
use crate::remote::outcome::{Call, Class, Failure, Repeat};
use crate::remote::text::{form, query};
use crate::remote::transport::{HeaderText, Request, Response, Transport};
use crate::stripe::client::StripeClient;
use crate::sync::connect::Granted;
use http::Method;
use serde::Deserialize;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

const REDEEM: Call = Call::write("redeem authorization code", Repeat::LookFirst);
const DEAUTHORISE: Call = Call::write("deauthorise account", Repeat::LookFirst);

/// The scope that allows writing.
const SCOPE: &str = "read_write";

/// A platform's OAuth client.
#[derive(Debug)]
pub struct OAuth {
    transport: Arc<dyn Transport>,
    base: String,
    client_id: String,
    api_version: String,
}

/// What Stripe granted, with its secrets.
pub struct Tokens {
    /// What was granted.
    pub granted: Granted,
    /// Opens the account by itself; it does not expire.
    pub access: Zeroizing<String>,
    /// Makes another one.
    pub refresh: Zeroizing<String>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("granted", &self.granted)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct TokenBody {
    access_token: String,
    #[serde(default)]
    refresh_token: String,
    stripe_user_id: String,
    scope: String,
    livemode: bool,
}

#[derive(Default, Deserialize)]
struct Refused {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

impl OAuth {
    /// A client of the pages at `base`, such as `https://connect.stripe.com`.
    #[must_use]
    pub fn new(
        base: &str,
        client_id: &str,
        api_version: &str,
        transport: Arc<dyn Transport>,
    ) -> Self {
        Self {
            transport,
            base: base.trim_end_matches('/').to_owned(),
            client_id: client_id.to_owned(),
            api_version: api_version.to_owned(),
        }
    }

    /// Where a browser is sent, to come back to `redirect` with `state`.
    #[must_use]
    pub fn authorize_url(&self, redirect: &str, state: &str) -> String {
        let pairs = query(&[
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("scope", SCOPE),
            ("redirect_uri", redirect),
            ("state", state),
        ]);
        format!("{}/oauth/authorize{pairs}", self.base)
    }

    /// Redeems a code with the platform's key.
    ///
    /// # Errors
    ///
    /// It was refused, or its outcome is unknown: then it may have been redeemed, and must not be
    /// sent again.
    pub async fn redeem(&self, stripe: &StripeClient, code: &str) -> Result<Tokens, Failure> {
        let key = stripe.key();
        let body = [
            ("client_secret", key.expose()),
            ("grant_type", "authorization_code"),
            ("code", code),
        ];
        let response = self.post(REDEEM, "/oauth/token", &body, None).await?;
        let unreadable = |what| Failure::unreadable(Side::Stripe, REDEEM, response.status, what);
        let body: TokenBody =
            serde_json::from_slice(&response.body).map_err(|_| unreadable("not a token"))?;
        let account = AccountId::parse(&body.stripe_user_id)
            .map_err(|_| unreadable("a token without a usable account"))?;
        Ok(Tokens {
            granted: Granted {
                account,
                live: body.livemode,
                can_write: body.scope == SCOPE,
            },
            access: Zeroizing::new(body.access_token),
            refresh: Zeroizing::new(body.refresh_token),
        })
    }

    /// Takes the grant of an account back. One that is not connected is as it should be.
    ///
    /// # Errors
    ///
    /// It was refused for another reason, or its outcome is unknown. It can be sent again.
    pub async fn deauthorise(
        &self,
        stripe: &StripeClient,
        account: &AccountId,
    ) -> Result<(), Failure> {
        let key = stripe.key();
        let body = [
            ("client_id", self.client_id.as_str()),
            ("stripe_user_id", account.as_str()),
        ];
        let sent = self.post(DEAUTHORISE, "/oauth/deauthorize", &body, Some(&key));
        match sent.await {
            Ok(_) => Ok(()),
            // Also said of a wrong key or client, with which there is nothing of ours to take back.
            Err(failure) if failure.code.as_deref() == Some("invalid_client") => {
                if failure.message.contains(account.as_str()) {
                    Ok(())
                } else {
                    Err(failure)
                }
            }
            Err(failure) => Err(failure),
        }
    }

    async fn post(
        &self,
        call: Call,
        path: &str,
        body: &[(&str, &str)],
        key: Option<&ApiKey>,
    ) -> Result<Response, Failure> {
        let encoding = HeaderText::plain("application/x-www-form-urlencoded");
        let mut headers = vec![
            ("content-type", encoding),
            ("stripe-version", HeaderText::plain(&self.api_version)),
        ];
        if let Some(key) = key {
            let bearer = HeaderText::secret(format!("Bearer {}", key.expose()));
            headers.push(("authorization", bearer));
        }
        let pairs: Vec<(String, String)> = body
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let request = Request {
            method: Method::POST,
            url: format!("{}{path}", self.base),
            headers,
            body: form(&pairs).into(),
            timeout: WRITE_CALL_TIMEOUT,
        };
        let response = self
            .transport
            .send(request)
            .await
            .map_err(|error| Failure::unanswered(Side::Stripe, call, error))?;
        if response.is_success() {
            return Ok(response);
        }
        let refused: Refused = serde_json::from_slice(&response.body).unwrap_or_default();
        let class = classify(call, response.status, &refused.error);
        let code = Some(refused.error.as_str()).filter(|code| !code.is_empty());
        // Stripe repeats the code that was sent, which is a secret until it is used.
        let message = match body.iter().find(|(name, _)| *name == "code") {
            Some((_, secret)) => refused.error_description.replace(secret, "…"),
            None => refused.error_description,
        };
        let request_id = response.header("request-id");
        Err(Failure::new(Side::Stripe, call, class).said(
            response.status,
            code,
            &message,
            request_id,
        ))
    }
}

fn classify(call: Call, status: u16, error: &str) -> Class {
    match (status, error) {
        (_, "invalid_client") | (401 | 403, _) => Class::Unauthorized,
        (429, _) => Class::Retry { after: None },
        (408 | 409 | 424 | 500..=599, _) => call.undecided(None),
        _ => Class::Refused,
    }
}

#[cfg(test)]
mod tests;
