//! The requests of a run: signed before the clock starts, written out as they are sent.

use super::Spec;
use crate::event::{BODY_BYTES, Event, Pool, SIGNATURE_BYTES, sign, signing_key};
use crate::{Outcome, clock};
use std::sync::atomic::{AtomicU64, Ordering};

/// All requests of a run.
#[derive(Debug)]
pub(crate) struct Shots {
    pool: Pool,
    signatures: Vec<[u8; SIGNATURE_BYTES]>,
    head: Vec<u8>,
    next: AtomicU64,
    spec: Spec,
    signed_at: u64,
}

impl Shots {
    /// Signs every event.
    pub(crate) fn prepare(spec: &Spec) -> Outcome<Self> {
        let pool = Pool::new()?;
        let key = signing_key(&spec.secret);
        let signed_at = clock::unix().as_secs();
        let head = format!(
            "POST /webhooks/stripe HTTP/1.1\r\n\
             host: {}\r\n\
             user-agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\n\
             accept: */*; q=0.5, application/xml\r\n\
             cache-control: no-cache\r\n\
             content-type: application/json; charset=utf-8\r\n\
             content-length: {BODY_BYTES}\r\n\
             stripe-signature: t={signed_at},v1=",
            spec.target
        );
        let mut shots = Self {
            pool,
            signatures: Vec::with_capacity(usize::try_from(spec.events)?),
            head: head.into_bytes(),
            next: AtomicU64::new(0),
            spec: spec.clone(),
            signed_at,
        };
        let mut body = Vec::with_capacity(BODY_BYTES);
        for place in 0..spec.events {
            body.clear();
            shots.pool.write(&shots.event(place), &mut body);
            shots.signatures.push(sign(&key, signed_at, &body));
        }
        Ok(shots)
    }

    /// Takes the next request: its place in the run, or none when all are taken.
    pub(crate) fn take(&self) -> Option<u64> {
        let place = self.next.fetch_add(1, Ordering::Relaxed);
        (place < self.spec.events).then_some(place)
    }

    /// Writes the request at `place` into `out`, in place of what was there.
    pub(crate) fn write(&self, place: u64, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.head);
        let signature = usize::try_from(place)
            .ok()
            .and_then(|place| self.signatures.get(place));
        out.extend_from_slice(signature.map_or(&[], <[u8; SIGNATURE_BYTES]>::as_slice));
        out.extend_from_slice(b"\r\n\r\n");
        self.pool.write(&self.event(place), out);
    }

    const fn event(&self, place: u64) -> Event {
        Event {
            run: self.spec.run,
            number: self.spec.first + place,
            customer: self.spec.customer_first + (self.spec.first + place) % self.spec.customers,
            created: self.signed_at,
        }
    }
}
