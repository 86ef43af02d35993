//! Webhook endpoints of the key's own account: with a platform's key, those of the platform, since
//! an endpoint cannot be made on a connected account.
//!
//! Source: Stripe's API reference, "Webhook Endpoints".

use crate::remote::limiter::Priority;
use crate::remote::outcome::{Call, Class, Failure, Outcome, Page, Repeat};
use crate::remote::text::{form, path_segment, query};
use crate::remote::transport::HeaderText;
use crate::stripe::client::{Reply, StripeClient, answer, read_page, unreadable};
use crate::stripe::object;
use crate::sync::endpoint::{INSTALLATION_KEY, Seen, Wanted};
use http::Method;
use std::fmt;
use zeroize::Zeroizing;

const LIST: Call = Call::read("list webhook endpoints");
const MAKE: Call = Call::write("make webhook endpoint", Repeat::SameKey);
const REPAIR: Call = Call::write("repair webhook endpoint", Repeat::LookFirst);
const DELETE: Call = Call::write("delete webhook endpoint", Repeat::LookFirst);

/// What people see of it in Stripe's dashboard.
const DESCRIPTION: &str = "zenstripe";

/// An endpoint that was made.
pub struct Made {
    /// What it is.
    pub seen: Seen,
    /// Signs what it delivers; shown this once.
    pub secret: Zeroizing<String>,
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made")
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

/// The form that makes `wanted`. It is sent byte for byte under one idempotency key.
#[must_use]
pub fn form_of(wanted: &Wanted, installation: &str) -> String {
    let mut pairs = common(wanted, installation);
    pairs.push(("api_version".to_owned(), wanted.api_version.clone()));
    if wanted.connect {
        pairs.push(("connect".to_owned(), "true".to_owned()));
    }
    form(&pairs)
}

fn common(wanted: &Wanted, installation: &str) -> Vec<(String, String)> {
    let mut pairs = vec![
        ("url".to_owned(), wanted.url.clone()),
        ("description".to_owned(), DESCRIPTION.to_owned()),
        (
            format!("metadata[{INSTALLATION_KEY}]"),
            installation.to_owned(),
        ),
    ];
    let types = wanted.events.iter();
    pairs.extend(types.map(|kind| ("enabled_events[]".to_owned(), kind.clone())));
    pairs
}

impl StripeClient {
    /// A page of endpoints after `after`.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn endpoints_page(
        &self,
        after: Option<&str>,
        priority: Priority,
    ) -> Outcome<Page<Seen, String>> {
        let mut pairs = vec![("limit", "100")];
        pairs.extend(after.map(|after| ("starting_after", after)));
        let path = format!("/v1/webhook_endpoints{}", query(&pairs));
        let reply = self
            .own_call(LIST, Method::GET, &path, None, priority)
            .await?;
        let page = read_page(
            LIST,
            &reply,
            |bytes| serde_json::from_slice(&bytes).ok().map(seen),
            |id| Some(id.to_owned()),
        )?;
        Ok(answer(&reply, page))
    }

    /// Makes an endpoint of this form. A repeat under the same key has the same form, and is answered
    /// as the first one was, secret included.
    ///
    /// # Errors
    ///
    /// The call failed; [`Class::Unknown`] when it may have been made.
    pub async fn make_endpoint(&self, form: &str, key: &str, priority: Priority) -> Outcome<Made> {
        let reply = self
            .own_call(
                MAKE,
                Method::POST,
                "/v1/webhook_endpoints",
                Some((form.to_owned(), key)),
                priority,
            )
            .await?;
        let wire: object::WebhookEndpoint = serde_json::from_slice(&reply.response.body)
            .map_err(|_| unreadable(MAKE, &reply, "not an endpoint"))?;
        let secret = wire.secret.clone().filter(|secret| !secret.is_empty());
        let secret =
            secret.ok_or_else(|| unreadable(MAKE, &reply, "an endpoint without its secret"))?;
        Ok(answer(
            &reply,
            Made {
                seen: seen(wire),
                secret: Zeroizing::new(secret),
            },
        ))
    }

    /// Puts right what can be changed of an endpoint, and enables it.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn repair_endpoint(
        &self,
        id: &str,
        wanted: &Wanted,
        installation: &str,
        priority: Priority,
    ) -> Outcome<()> {
        let mut pairs = common(wanted, installation);
        pairs.push(("disabled".to_owned(), "false".to_owned()));
        let path = format!("/v1/webhook_endpoints/{}", path_segment(id));
        // What it sets is the same however often it is set, so it needs no key.
        let body = Some((form(&pairs), ""));
        let reply = self
            .own_call(REPAIR, Method::POST, &path, body, priority)
            .await?;
        Ok(answer(&reply, ()))
    }

    /// Deletes an endpoint. One that is not there is as it should be.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn delete_endpoint(&self, id: &str, priority: Priority) -> Result<(), Failure> {
        let path = format!("/v1/webhook_endpoints/{}", path_segment(id));
        let deleted = self.own_call(DELETE, Method::DELETE, &path, None, priority);
        match deleted.await {
            Err(failure) if failure.class == Class::Missing => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    async fn own_call(
        &self,
        call: Call,
        method: Method,
        path: &str,
        body: Option<(String, &str)>,
        priority: Priority,
    ) -> Result<Reply, Failure> {
        let mut headers = self.own_headers();
        if let Some((_, key)) = &body {
            let encoding = HeaderText::plain("application/x-www-form-urlencoded");
            headers.push(("content-type", encoding));
            if !key.is_empty() {
                headers.push(("idempotency-key", HeaderText::plain(*key)));
            }
        }
        let mut request = self.base.request(method, path, headers);
        if let Some((form, _)) = body {
            request.body = form.into();
        }
        self.send(call, &self.others, request, priority).await
    }
}

fn seen(wire: object::WebhookEndpoint) -> Seen {
    let mut metadata = wire.metadata;
    Seen {
        id: wire.id,
        url: wire.url,
        events: wire.enabled_events,
        api_version: wire.api_version,
        enabled: wire.status == "enabled",
        installation: metadata.remove(INSTALLATION_KEY).flatten(),
    }
}

#[cfg(test)]
mod tests;
