//! Faults on order: what shall go wrong with the next requests, deliveries or events.
//!
//! A fault names what it hits and how often; it counts each time it fires and never fires more
//! often than ordered. Faults are tried in the order they were given. Not here: lasting
//! behaviours (see `switches`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::message::{Remote, Request};

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum FaultKind {
    /// The request is not applied and the connection breaks.
    LoseRequest,
    /// The request is applied and the connection breaks.
    LoseResponse,
    /// 429. Not applied.
    TooManyRequests {
        /// Stripe: value of `Stripe-Rate-Limited-Reason`; without it the header is absent.
        #[serde(default)]
        reason: Option<String>,
        /// Value of `Retry-After`; without it the header is absent.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// Stripe's 429 with code `lock_timeout`. Not applied; not stored under an idempotency key.
    LockTimeout,
    /// Stripe's 409 for an idempotency key in use; Zenskar's plain 409. Not applied.
    Conflict,
    /// 500. Stripe stores it under the idempotency key.
    ServerError {
        /// Whether the request took effect all the same.
        #[serde(default)]
        applied: bool,
    },
    /// 503. Not applied, not stored.
    Unavailable,
    /// Any other status that refuses, such as 400, 401, 403, 404 or 422. Not applied.
    Refuse {
        /// The status.
        status: u16,
    },
    /// A gateway on the way answers, in HTML; the remote does not hear of the request. A redirect
    /// leads to a login page.
    Gateway {
        /// The status.
        status: u16,
    },
    /// The answer is held back. Combines with other faults of the same request.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// A webhook delivery that is never sent; the event stays pending.
    DropDelivery,
    /// A webhook delivery that is sent twice.
    DuplicateDelivery,
    /// A webhook delivery that is sent later.
    DelayDelivery {
        /// Seconds.
        secs: i64,
    },
    /// A webhook delivery that waits until a later one was sent (a minute at most).
    ReorderDelivery,
    /// An event that shows in `GET /v1/events` later, after events made after it.
    LateEvent {
        /// Seconds.
        secs: i64,
    },
}

impl FaultKind {
    fn hits(&self) -> Hits {
        match self {
            Self::DropDelivery
            | Self::DuplicateDelivery
            | Self::DelayDelivery { .. }
            | Self::ReorderDelivery => Hits::Delivery,
            Self::LateEvent { .. } => Hits::Event,
            Self::Delay { .. } => Hits::Delay,
            _ => Hits::Request,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hits {
    Request,
    Delay,
    Delivery,
    Event,
}

/// An order for something to go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Which remote it hits. Deliveries and events are Stripe's.
    pub remote: Remote,
    /// Only requests of this method; any when absent.
    #[serde(default)]
    pub method: Option<String>,
    /// Only requests whose path starts so; for deliveries and events, the event's type.
    #[serde(default)]
    pub prefix: Option<String>,
    /// How many matching ones pass unharmed first.
    #[serde(default)]
    pub skip: u32,
    /// How many are hit after that.
    #[serde(default = "once")]
    pub times: u32,
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: FaultKind,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// A fault that hits the next request (or delivery, or event) of `remote`.
    #[must_use]
    pub fn next(remote: Remote, kind: FaultKind) -> Self {
        Self {
            remote,
            method: None,
            prefix: None,
            skip: 0,
            times: 1,
            kind,
        }
    }

    /// The same for requests of this method only.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// The same for paths (or event types) that start so.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = Some(prefix.to_owned());
        self
    }

    /// The same for the next `times` matching ones.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// The same after `skip` matching ones have passed.
    #[must_use]
    pub fn skip(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }
}

/// A fault with what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultCount {
    /// What `order_fault` returned.
    pub id: u64,
    /// The order.
    pub fault: Fault,
    /// How often it fired.
    pub fired: u32,
    /// How often it still will.
    pub remaining: u32,
}

/// The orders of a sandbox.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    last: u64,
    orders: BTreeMap<u64, FaultCount>,
}

impl Faults {
    pub(crate) fn order(&mut self, fault: Fault) -> u64 {
        self.last += 1;
        let remaining = fault.times;
        let count = FaultCount {
            id: self.last,
            fault,
            fired: 0,
            remaining,
        };
        self.orders.insert(self.last, count);
        self.last
    }

    pub(crate) fn counts(&self) -> Vec<FaultCount> {
        self.orders.values().cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        self.orders.clear();
    }

    /// The fault that hits this request, if any.
    pub(crate) fn on_request(&mut self, remote: Remote, request: &Request) -> Option<FaultKind> {
        self.take(Hits::Request, remote, Some(&request.method), &request.path)
    }

    /// How long this request's answer is held back.
    pub(crate) fn delay(&mut self, remote: Remote, request: &Request) -> u64 {
        match self.take(Hits::Delay, remote, Some(&request.method), &request.path) {
            Some(FaultKind::Delay { ms }) => ms,
            _ => 0,
        }
    }

    /// The fault that hits a delivery of an event of this type, if any.
    pub(crate) fn on_delivery(&mut self, event_type: &str) -> Option<FaultKind> {
        self.take(Hits::Delivery, Remote::Stripe, None, event_type)
    }

    /// How much later an event of this type shows.
    pub(crate) fn event_lateness(&mut self, event_type: &str) -> i64 {
        match self.take(Hits::Event, Remote::Stripe, None, event_type) {
            Some(FaultKind::LateEvent { secs }) => secs,
            _ => 0,
        }
    }

    fn take(
        &mut self,
        hits: Hits,
        remote: Remote,
        method: Option<&str>,
        text: &str,
    ) -> Option<FaultKind> {
        for count in self.orders.values_mut() {
            let fault = &mut count.fault;
            let fits = count.remaining > 0
                && fault.kind.hits() == hits
                && fault.remote == remote
                && fault
                    .method
                    .as_deref()
                    .is_none_or(|m| method.is_none_or(|got| got == m))
                && fault
                    .prefix
                    .as_deref()
                    .is_none_or(|prefix| text.starts_with(prefix));
            if !fits {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            count.remaining -= 1;
            count.fired += 1;
            return Some(fault.kind.clone());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, FaultKind, Faults};
    use crate::message::{Remote, Request};

    #[test]
    fn fires_as_often_as_ordered_on_what_matches() {
        let mut faults = Faults::default();
        let fault = Fault::next(Remote::Stripe, FaultKind::LoseRequest);
        faults.order(
            fault
                .method("POST")
                .prefix("/v1/customers")
                .skip(1)
                .times(2),
        );
        let post = Request::new("POST", "/v1/customers/cus_1");
        let get = Request::new("GET", "/v1/customers/cus_1");
        assert_eq!(faults.on_request(Remote::Stripe, &get), None);
        assert_eq!(faults.on_request(Remote::Zenskar, &post), None);
        assert_eq!(faults.on_request(Remote::Stripe, &post), None, "skipped");
        assert_eq!(
            faults.on_request(Remote::Stripe, &post),
            Some(FaultKind::LoseRequest)
        );
        assert_eq!(
            faults.on_request(Remote::Stripe, &post),
            Some(FaultKind::LoseRequest)
        );
        assert_eq!(faults.on_request(Remote::Stripe, &post), None, "used up");
        let count = &faults.counts()[0];
        assert_eq!((count.fired, count.remaining), (2, 0));
    }

    #[test]
    fn reads_as_json() {
        let text = r#"{"remote":"zenskar","kind":"too_many_requests","retry_after":2}"#;
        let fault: Fault = serde_json::from_str(text).unwrap();
        let kind = FaultKind::TooManyRequests {
            reason: None,
            retry_after: Some(2),
        };
        assert_eq!(fault, Fault::next(Remote::Zenskar, kind));
    }
}
