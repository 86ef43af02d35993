//! Webhook alerts as Zenskar may send them: nothing documents what they look like.
//!
//! One endpoint, typed in with its secret. A change of a customer makes a delivery, which is sent
//! until it is answered with 2xx, a few times at most. The envelope is invented; the proof is one of
//! the two that the documentation can be read as (see the switch `webhook_proof`).

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::base::Base;
use crate::sign::{hash_hex, hmac_hex};
use crate::switches::WebhookProof;

/// Pause before a delivery is tried again, in milliseconds.
const PAUSE_MS: i64 = 60_000;

/// Tries of a delivery.
const TRIES_MAX: u32 = 5;

/// A delivery that is due: post `body` with `headers` to `url`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZenskarDelivery {
    /// For `zenskar_delivery_result`.
    pub id: u64,
    /// Where to post.
    pub url: String,
    /// Headers, the proof among them if that is where it goes.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Bytes,
}

#[derive(Debug)]
struct Endpoint {
    url: String,
    secret: String,
}

#[derive(Debug)]
struct Entry {
    alert: Value,
    tries: u32,
}

/// The endpoint and what is to be sent to it.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    endpoint: Option<Endpoint>,
    waiting: BTreeMap<(i64, u64), Entry>,
    taken: BTreeMap<u64, Entry>,
    last: u64,
}

impl Hooks {
    /// Types in an endpoint, in place of the one there was.
    pub(crate) fn set_endpoint(&mut self, url: &str, secret: &str) {
        self.endpoint = Some(Endpoint {
            url: url.to_owned(),
            secret: secret.to_owned(),
        });
    }

    /// A customer was changed; `object` is what it is now.
    pub(crate) fn note(&mut self, base: &Base, organisation: &str, event: (&str, &str, Value)) {
        let (event, id, object) = event;
        if self.endpoint.is_none() || base.switches.zenskar.drop_webhooks {
            return;
        }
        self.last += 1;
        let alert = json!({
            "event": event, "organisation_id": organisation, "resource_id": id, "data": object,
        });
        let entry = Entry { alert, tries: 0 };
        self.waiting.insert((base.now_ms, self.last), entry);
    }

    /// Takes what is due.
    pub(crate) fn take_due(&mut self, base: &Base) -> Vec<ZenskarDelivery> {
        let Some(endpoint) = &self.endpoint else {
            return Vec::new();
        };
        let mut due = Vec::new();
        while let Some(first) = self.waiting.first_entry() {
            if first.key().0 > base.now_ms {
                break;
            }
            let ((_, id), mut entry) = first.remove_entry();
            entry.tries += 1;
            due.push(delivery(id, endpoint, &entry.alert, base));
            self.taken.insert(id, entry);
        }
        due
    }

    /// Notes what a delivery was answered with; `None` is no answer at all.
    pub(crate) fn result(&mut self, base: &Base, id: u64, status: Option<u16>) {
        let Some(entry) = self.taken.remove(&id) else {
            return;
        };
        let done = status.is_some_and(|status| (200..300).contains(&status));
        if !done && entry.tries < TRIES_MAX {
            self.waiting.insert((base.now_ms + PAUSE_MS, id), entry);
        }
    }

    /// When the next delivery is due, in milliseconds on the sandbox's clock.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.waiting.keys().next().map(|(due_ms, _)| *due_ms)
    }
}

fn delivery(id: u64, endpoint: &Endpoint, alert: &Value, base: &Base) -> ZenskarDelivery {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut headers = vec![header("Content-Type", "application/json")];
    let mut alert = alert.clone();
    let proof = base.switches.zenskar.webhook_proof;
    if proof == WebhookProof::SecretInBody
        && let Some(alert) = alert.as_object_mut()
    {
        let hash = hash_hex(endpoint.secret.as_bytes());
        alert.insert("signature".to_owned(), Value::from(hash));
    }
    let body = Bytes::from(alert.to_string());
    if proof == WebhookProof::BodyInHeader {
        let signature = hmac_hex(&endpoint.secret, &body);
        headers.push(header("X-Zenskar-Signature", &signature));
    }
    ZenskarDelivery {
        id,
        url: endpoint.url.clone(),
        headers,
        body,
    }
}
