//! Both remotes together: one request at a time, with what was ordered to go wrong.
//!
//! Everything here is a function of the requests, the verbs, the clock and the seed. Not here:
//! the lock around it (see `sandbox`).

use serde_json::Value;

use crate::base::{Base, Reply};
use crate::fault::FaultKind;
use crate::log::{Log, Write};
use crate::message::{Handled, Outcome, Remote, Request, Response};
use crate::native::Native;
use crate::stripe::{Stripe, decode, form_json};
use crate::zenskar::Zenskar;

/// The whole state of a sandbox.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) base: Base,
    pub(crate) stripe: Stripe,
    pub(crate) zenskar: Zenskar,
    pub(crate) log: Log,
    pub(crate) native: Native,
}

impl World {
    /// Handles a request to one of the remotes.
    pub(crate) fn handle(&mut self, remote: Remote, request: &Request) -> Handled {
        let decoded;
        let request = if request.path.contains('%') {
            decoded = Request {
                path: decode(&request.path),
                ..request.clone()
            };
            &decoded
        } else {
            request
        };
        self.settle();
        let delay_ms = self.base.faults.delay(remote, request);
        let fault = self.base.faults.on_request(remote, request);
        let reply = match fault {
            Some(FaultKind::LoseRequest) => None,
            Some(FaultKind::Gateway { status }) => Some(gateway(status)),
            _ => Some(self.answer(remote, request, fault.as_ref(), delay_ms)),
        };
        self.note_write(remote, request, reply.as_ref());
        self.settle();
        let lost = matches!(
            fault,
            Some(FaultKind::LoseRequest | FaultKind::LoseResponse)
        );
        let response = reply.map(|reply| reply.response).filter(|_| !lost);
        self.log
            .exchange(self.base.now_ms, remote, request, response.as_ref());
        let outcome = response.map_or(Outcome::ConnectionLost, Outcome::Answer);
        Handled { outcome, delay_ms }
    }

    fn answer(
        &mut self,
        remote: Remote,
        request: &Request,
        fault: Option<&FaultKind>,
        delay_ms: u64,
    ) -> Reply {
        match remote {
            Remote::Stripe => self.stripe.answer(&mut self.base, request, fault, delay_ms),
            Remote::Zenskar => {
                let stripe = &self.stripe;
                let gone = |id: &str| stripe.is_deleted(id);
                self.zenskar.answer(&mut self.base, request, fault, &gone)
            }
        }
    }

    /// Lets what the clock has brought happen, and Zenskar's own connector do what is due.
    pub(crate) fn settle(&mut self) {
        self.stripe.run_due(&mut self.base);
        self.native
            .run(&mut self.base, &mut self.stripe, &mut self.zenskar);
    }

    fn note_write(&mut self, remote: Remote, request: &Request, reply: Option<&Reply>) {
        if request.method == "GET" {
            return;
        }
        let response = reply.map(|reply| &reply.response);
        let Some(customer) = written_customer(remote, request, response) else {
            return;
        };
        let body = match remote {
            Remote::Stripe => form_json(request),
            Remote::Zenskar => serde_json::from_slice(&request.body).unwrap_or(Value::Null),
        };
        let write = Write {
            at: self.base.now(),
            remote,
            method: request.method.clone(),
            path: request.path.clone(),
            idempotency_key: request.header("idempotency-key").map(str::to_owned),
            body,
            applied: reply.is_some_and(|reply| reply.applied),
        };
        self.log.write(&customer, write);
    }
}

/// The page of a gateway.
fn gateway(status: u16) -> Reply {
    let mut response = Response::text(status, "<html><body>Sign in</body></html>");
    if (300..400).contains(&status) {
        let to = "https://login.example.com/".to_owned();
        response.headers.push(("Location".to_owned(), to));
    }
    Reply {
        response,
        applied: false,
    }
}

/// The customer that a request writes to: in its path, or in the answer to a creation. A creation
/// that was never applied belongs to `new`.
fn written_customer(
    remote: Remote,
    request: &Request,
    response: Option<&Response>,
) -> Option<String> {
    let segments = request.segments();
    let rest = match (remote, segments.as_slice()) {
        (Remote::Stripe, ["v1", "customers", rest @ ..]) => rest,
        (Remote::Zenskar, ["customers" | "customer", rest @ ..]) => rest,
        _ => return None,
    };
    match rest.first() {
        Some(id) => Some((*id).to_owned()),
        None => {
            let made = response.and_then(|response| {
                response
                    .value()
                    .get("id")
                    .and_then(Value::as_str)
                    .map(str::to_owned)
            });
            Some(made.unwrap_or_else(|| "new".to_owned()))
        }
    }
}
