//! The network between the process and the sandbox, and what may happen at a request: the process
//! dies, or a person saves right before a write. Both models watch it.

use crate::crash_backend::{CrashBackend, Survive};
use crate::ledger::{Ledger, Written};
use crate::reference::Reference;
use crate::values::{stripe_fields, zenskar_fields};
use bytes::Bytes;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use zenstripe::clock::BoxFuture;
use zenstripe::model::customer::Field;
use zenstripe::model::link::Side;
use zenstripe::remote::transport::{Request, Response, Transport, TransportError};
use zenstripe::sync::matching::METADATA_KEY;
use zenstripe_sandbox::{Outcome, Remote, Request as SandboxRequest, Sandbox};

/// What happens to the process at one of its next requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It dies before the request leaves.
    Before,
    /// It dies when the request has been carried out, before the answer.
    After,
}

/// What a person does to a customer of this side right before the next write to it arrives.
pub(crate) type Rush = Arc<Mutex<Option<(Side, Json)>>>;

/// A customer that the engine made.
#[derive(Clone, Debug)]
pub(crate) struct Make {
    /// Where it was made.
    pub(crate) side: Side,
    /// Its id there.
    pub(crate) id: String,
    /// Whom it says it is the counterpart of.
    pub(crate) source: String,
}

/// All that the engine made, in order.
pub(crate) type Makes = Arc<Mutex<Vec<Make>>>;

/// The network: the sandbox in process, with an eye on what is written to Zenskar.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) sandbox: Sandbox,
    pub(crate) disk: CrashBackend,
    pub(crate) cut: Arc<Mutex<Option<(u32, Cut)>>>,
    pub(crate) rush: Rush,
    pub(crate) reference: Arc<Mutex<Reference>>,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    pub(crate) makes: Makes,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    fn is_cut(&self, when: Cut) -> bool {
        let mut cut = self.cut.lock().unwrap();
        match *cut {
            Some((0, wanted)) if wanted == when => {
                *cut = None;
                self.disk.freeze(Survive::Nothing);
                true
            }
            Some((left, wanted)) if when == Cut::After && left > 0 => {
                *cut = Some((left - 1, wanted));
                false
            }
            _ => false,
        }
    }

    /// The person saves between our look and our write.
    fn rush_edit(&self, side: Side, id: &str) {
        let mut rush = self.rush.lock().unwrap();
        let Some((_, patch)) = rush.take_if(|(wanted, _)| *wanted == side) else {
            return;
        };
        drop(rush);
        self.save(side, id, &patch);
    }

    /// A person saves a customer; one that is gone, or that is refused, is not saved.
    pub(crate) fn save(&self, side: Side, id: &str, patch: &Json) {
        let saved = match side {
            Side::Stripe => self.sandbox.stripe_update_customer(id, patch),
            Side::Zenskar => self.sandbox.zenskar_update_customer(id, patch).is_ok(),
        };
        if saved {
            self.note_edit(side, id);
        }
    }

    /// Tells the models what a person saved.
    fn note_edit(&self, side: Side, id: &str) {
        let now = self.held(side, id);
        let clock = self.sandbox.clock();
        let mut reference = self.reference.lock().unwrap();
        let mut ledger = self.ledger.lock().unwrap();
        match side {
            Side::Stripe => {}
            Side::Zenskar => reference.zenskar_edited(id, &now, clock.now()),
        }
        ledger.edited(side, id, &now, clock.now_ms());
    }

    /// What a side holds.
    fn held(&self, side: Side, id: &str) -> BTreeMap<Field, String> {
        match side {
            Side::Stripe => stripe_fields(
                &self.sandbox.stripe_customer(id),
                &self.sandbox.stripe_tax_ids(id),
            ),
            Side::Zenskar => zenskar_fields(&self.sandbox.zenskar_customer(id)),
        }
    }

    fn ids(&self, side: Side) -> BTreeSet<String> {
        let ids = match side {
            Side::Stripe => self.sandbox.stripe_customer_ids(),
            Side::Zenskar => self.sandbox.zenskar_customer_ids(),
        };
        ids.into_iter().collect()
    }

    /// Notes who was not there before.
    fn note_made(&self, side: Side, there: &BTreeSet<String>) {
        for id in self.ids(side).difference(there) {
            let source = match side {
                Side::Stripe => self.sandbox.stripe_customer(id)["metadata"][METADATA_KEY].clone(),
                Side::Zenskar => self.sandbox.zenskar_customer(id)["external_id"].clone(),
            };
            let source = source.as_str().unwrap_or_default().to_owned();
            let id = id.clone();
            self.makes.lock().unwrap().push(Make { side, id, source });
        }
    }

    fn is_gone(&self, side: Side, id: &str) -> bool {
        match side {
            Side::Stripe => self.sandbox.stripe_customer(id)["deleted"] == true,
            Side::Zenskar => self.sandbox.zenskar_customer(id).is_null(),
        }
    }

    /// Tells the model of two-way sync what the engine read or wrote.
    fn note_in_ledger(&self, (side, id): (Side, &str), (status, cut): (u16, bool), writes: bool) {
        let mut ledger = self.ledger.lock().unwrap();
        if ledger.other(side, id).is_none() {
            return;
        }
        let at = self.sandbox.clock().now_ms();
        // A customer that is gone holds nothing.
        if writes && !self.is_gone(side, id) {
            let answered = (200..300).contains(&status) && !cut;
            let now = self.held(side, id);
            ledger.engine_wrote(side, id, &now, Written { at, answered });
        } else if !writes && status == 200 && !cut {
            ledger.read(side, id, at);
        }
    }

    fn carry(&self, request: &Request) -> Result<Response, TransportError> {
        let lost = || TransportError::Lost("connection reset".into());
        if self.disk.is_frozen() || self.is_cut(Cut::Before) {
            return Err(lost());
        }
        let (remote, target) = match request.url.strip_prefix("http://stripe") {
            Some(target) => (Remote::Stripe, target),
            None => (
                Remote::Zenskar,
                request.url.strip_prefix("http://zenskar").unwrap(),
            ),
        };
        let mut forwarded =
            SandboxRequest::new(request.method.as_str(), target).with_body(request.body.clone());
        for (name, value) in &request.headers {
            forwarded = forwarded.with_header(name, value.expose());
        }
        let id = forwarded
            .path
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        let side = match remote {
            Remote::Stripe => Side::Stripe,
            Remote::Zenskar => Side::Zenskar,
        };
        let writes = matches!(
            (side, forwarded.method.as_str()),
            (Side::Stripe, "POST") | (Side::Zenskar, "PATCH")
        );
        if writes {
            self.rush_edit(side, &id);
        }
        let makes = forwarded.method == "POST" && forwarded.path.ends_with("/customers");
        let there = if makes {
            self.ids(side)
        } else {
            BTreeSet::new()
        };
        let before = (writes && side == Side::Zenskar).then(|| self.sandbox.zenskar_customer(&id));
        let handled = self.sandbox.handle(remote, &forwarded);
        if makes {
            self.note_made(side, &there);
        }
        let cut = self.is_cut(Cut::After);
        let status = match &handled.outcome {
            Outcome::Answer(answer) => answer.status,
            Outcome::ConnectionLost => 0,
        };
        if let Some(before) = before {
            let after = self.sandbox.zenskar_customer(&id);
            let mut reference = self.reference.lock().unwrap();
            reference.engine_wrote(&id, (&before, &after), self.sandbox.clock().now());
            if [400, 422].contains(&status)
                && let Ok(body) = serde_json::from_slice(&request.body)
            {
                reference.refused(&id, &body);
                self.ledger.lock().unwrap().refused(&id, &body);
            }
        }
        self.note_in_ledger((side, &id), (status, cut), writes);
        if cut {
            return Err(lost());
        }
        match handled.outcome {
            Outcome::ConnectionLost => Err(lost()),
            Outcome::Answer(answer) => Ok(response(&answer)),
        }
    }
}

async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn response(answer: &zenstripe_sandbox::Response) -> Response {
    let mut headers = http::HeaderMap::new();
    for (name, value) in &answer.headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, http::HeaderValue::from_str(value).unwrap());
    }
    Response {
        status: answer.status,
        headers,
        body: Bytes::clone(&answer.body),
    }
}

impl Transport for Wire {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            // Whoever runs at the same time has a turn before the request leaves.
            yield_once().await;
            self.carry(&request)
        })
    }
}
