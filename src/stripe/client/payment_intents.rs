//! Charges: a `PaymentIntent` is made, read, listed and canceled.

use crate::model::id::{MethodId, PaymentIntentId, StripeCustomerId};
use crate::model::method::{Defaults, Method};
use crate::model::payment_intent::PaymentIntent;
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Call, Failure, Outcome, Page, Repeat, Wanted};
use crate::remote::text::{path_segment, query};
use crate::stripe::client::{StripeClient, answer, read_page, unreadable};
use crate::stripe::payment_intent;
use serde_json::Value as Json;

const CHARGE: Call = Call::write("charge", Repeat::SameKey);
const CANCEL: Call = Call::write("cancel PaymentIntent", Repeat::SameKey);
const READ_INTENT: Call = Call::read("read PaymentIntent");
const LIST_INTENTS: Call = Call::read("list PaymentIntents");
const READ_METHOD: Call = Call::read("read payment method");
const READ_DEFAULTS: Call = Call::read("read default payment method");

impl StripeClient {
    /// Sends the request of a charge, byte for byte, and says what the `PaymentIntent` is then. One
    /// that was declined is an answer as well: Stripe names it in the error.
    ///
    /// # Errors
    ///
    /// The call failed; [`Class::Unknown`](crate::remote::outcome::Class::Unknown) when money may
    /// have been taken.
    pub async fn charge(
        &self,
        (form, key): (&str, &str),
        wanted: Wanted<'_>,
        priority: Priority,
    ) -> Outcome<PaymentIntent> {
        let sent = (form.to_owned(), key);
        let path = "/v1/payment_intents";
        let (reply, failed) = self
            .post_to(CHARGE, &self.intents, path, sent, wanted, priority)
            .await?;
        let body = &reply.response.body;
        let seen = match failed {
            None => payment_intent::payment_intent(body),
            Some(failure) => match payment_intent::refused_intent(body) {
                Some(seen) => Some(seen),
                None => return Err(without_intent(failure)),
            },
        };
        let seen = seen.ok_or_else(|| unreadable(CHARGE, &reply, "not a PaymentIntent"))?;
        Ok(answer(&reply, seen))
    }

    /// Cancels a `PaymentIntent`, and says what it is then. The answer proves nothing before it is
    /// read again.
    ///
    /// # Errors
    ///
    /// The call failed, or it cannot be canceled any more.
    pub async fn cancel_intent(
        &self,
        id: &PaymentIntentId,
        key: &str,
        priority: Priority,
    ) -> Outcome<PaymentIntent> {
        let path = format!("/v1/payment_intents/{}/cancel", path_segment(id.as_str()));
        let sent = (String::new(), key);
        let (reply, failed) = self
            .post_to(CANCEL, &self.intents, &path, sent, &|| true, priority)
            .await?;
        if let Some(failure) = failed {
            return Err(failure);
        }
        let seen = payment_intent::payment_intent(&reply.response.body)
            .filter(|seen| seen.id == *id)
            .ok_or_else(|| unreadable(CANCEL, &reply, "not the PaymentIntent"))?;
        Ok(answer(&reply, seen))
    }

    /// A `PaymentIntent` as it is now.
    ///
    /// # Errors
    ///
    /// The call failed. That Stripe does not know an id that it gave us means a wrong account or mode,
    /// and never that there is none.
    pub async fn intent(&self, id: &PaymentIntentId, priority: Priority) -> Outcome<PaymentIntent> {
        let path = format!("/v1/payment_intents/{}", path_segment(id.as_str()));
        let reply = self
            .get(READ_INTENT, &self.intents, &path, priority)
            .await?;
        let seen = payment_intent::payment_intent(&reply.response.body)
            .filter(|seen| seen.id == *id)
            .ok_or_else(|| unreadable(READ_INTENT, &reply, "not the PaymentIntent"))?;
        Ok(answer(&reply, seen))
    }

    /// A page of the account's `PaymentIntents` that were made at `since` or later, of one customer or
    /// of all, newest first, after `after`.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn intents_page(
        &self,
        customer: Option<&StripeCustomerId>,
        since: Timestamp,
        after: Option<&PaymentIntentId>,
        priority: Priority,
    ) -> Outcome<Page<PaymentIntent, PaymentIntentId>> {
        let since = since.seconds().to_string();
        let mut pairs = vec![("created[gte]", since.as_str()), ("limit", "100")];
        pairs.extend(customer.map(|customer| ("customer", customer.as_str())));
        pairs.extend(after.map(|after| ("starting_after", after.as_str())));
        let path = format!("/v1/payment_intents{}", query(&pairs));
        let reply = self
            .get(LIST_INTENTS, &self.intents, &path, priority)
            .await?;
        let page = read_page(
            LIST_INTENTS,
            &reply,
            |bytes| payment_intent::payment_intent(&bytes),
            |id| PaymentIntentId::parse(id).ok(),
        )?;
        Ok(answer(&reply, page))
    }

    /// What a customer's charges go to by default, by both of Stripe's fields.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn defaults(
        &self,
        customer: &StripeCustomerId,
        priority: Priority,
    ) -> Outcome<Defaults> {
        let path = format!("/v1/customers/{}", path_segment(customer.as_str()));
        let reply = self
            .get(READ_DEFAULTS, &self.customers, &path, priority)
            .await?;
        let body: Json = serde_json::from_slice(&reply.response.body)
            .map_err(|_| unreadable(READ_DEFAULTS, &reply, "not a customer"))?;
        if body.get("id").and_then(Json::as_str) != Some(customer.as_str()) {
            return Err(unreadable(READ_DEFAULTS, &reply, "another customer"));
        }
        let settings = body.get("invoice_settings");
        let named = settings.and_then(|settings| settings.get("default_payment_method"));
        Ok(answer(
            &reply,
            Defaults {
                deleted: body.get("deleted").and_then(Json::as_bool) == Some(true),
                method: named.and_then(method_id),
                source: body.get("default_source").and_then(method_id),
            },
        ))
    }

    /// A stored payment method as it is now, by whichever id it is known.
    ///
    /// # Errors
    ///
    /// The call failed.
    pub async fn method(&self, id: &MethodId, priority: Priority) -> Outcome<Method> {
        let path = format!("/v1/payment_methods/{}", path_segment(id.as_str()));
        let reply = self.get(READ_METHOD, &self.others, &path, priority).await?;
        let body: Json = serde_json::from_slice(&reply.response.body).unwrap_or_default();
        let text = |key| body.get(key).and_then(Json::as_str);
        let kind = text("type").filter(|_| text("id") == Some(id.as_str()));
        let kind = kind.ok_or_else(|| unreadable(READ_METHOD, &reply, "not the payment method"))?;
        let customer = body.get("customer");
        let customer =
            customer.and_then(|owner| owner.as_str().or_else(|| owner.get("id")?.as_str()));
        Ok(answer(
            &reply,
            Method {
                id: id.clone(),
                kind: kind.to_owned(),
                customer: customer.and_then(|owner| StripeCustomerId::parse(owner).ok()),
            },
        ))
    }
}

/// The id of a method, written as it is or as the object with it.
fn method_id(json: &Json) -> Option<MethodId> {
    let id = json.as_str().or_else(|| json.get("id")?.as_str())?;
    MethodId::parse(id).ok()
}

/// A charge that was declined without naming what was declined: what became of it is not known.
fn without_intent(failure: Failure) -> Failure {
    if failure.status == Some(402) {
        Failure {
            class: CHARGE.undecided(None),
            ..failure
        }
    } else {
        failure
    }
}
