//! Webhook deliveries: who gets an event, when it is due, and what becomes of it.
//!
//! Deliveries fall due on the sandbox's clock; whoever sends them takes them with the time to sign
//! with and reports each result. Retries follow Stripe's pace, with a new signature each. Not
//! here: sending (see `post`).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::Serialize;

use super::endpoints::{Endpoint, Endpoints};
use super::events::{Event, Events};
use crate::fault::{FaultKind, Faults};
use crate::sign::signature_header;
use crate::switches::StripeSwitches;

/// Seconds between tries in a sandbox: three more within a few hours.
const TEST_PAUSES: [i64; 3] = [600, 3600, 10_800];

/// Seconds between tries in live mode: three days in all.
const LIVE_PAUSES: [i64; 12] = [
    300, 1800, 7200, 18_000, 36_000, 36_000, 36_000, 36_000, 36_000, 21_600, 14_400, 10_800,
];

/// Longest time that a reordered delivery waits for a later one, in milliseconds.
const REORDER_MS: i64 = 60_000;

/// A delivery that is due: post `body` with `headers` to `endpoint_url`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// For `delivery_result`.
    pub id: u64,
    /// The endpoint, `we_…`.
    pub endpoint_id: String,
    /// Where to post.
    pub endpoint_url: String,
    /// The event, `evt_…`.
    pub event_id: String,
    /// The event's type.
    pub event_type: String,
    /// Headers, `Stripe-Signature` among them.
    pub headers: Vec<(String, String)>,
    /// The raw body that was signed.
    pub body: Bytes,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Due now or later.
    Waiting,
    /// Taken, without a result yet.
    Taken,
    /// Answered with 2xx.
    Delivered,
    /// Given up after the last try, or its endpoint is gone.
    Failed,
    /// Never sent, by a fault or switch.
    Dropped,
}

/// A delivery as the dashboard would show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeliveryView {
    /// For `delivery_result`.
    pub id: u64,
    /// The endpoint, `we_…`.
    pub endpoint: String,
    /// The event, `evt_…`.
    pub event: String,
    /// The event's type.
    pub event_type: String,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// Tries so far.
    pub attempts: u32,
    /// When it is due, in milliseconds on the sandbox's clock.
    pub due_ms: i64,
    /// What the last try was answered with.
    pub last_status: Option<u16>,
}

#[derive(Debug, Clone)]
struct Entry {
    view: DeliveryView,
    order: u64,
    /// Whether the event counts it as pending; copies do not count.
    counts: bool,
}

/// All deliveries.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    entries: BTreeMap<u64, Entry>,
    queue: BTreeSet<(i64, u64, u64)>,
    /// Those that go out once a later one has.
    held: BTreeSet<u64>,
    last: u64,
    order: u64,
}

/// What deliveries need of the world.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    pub(crate) now_ms: i64,
    pub(crate) switches: &'a StripeSwitches,
    pub(crate) endpoints: &'a mut Endpoints,
    pub(crate) events: &'a mut Events,
}

/// Whether an endpoint gets an event of the account, by where both belong.
fn belongs(
    endpoint: &Endpoint,
    event: &Event,
    switches: &StripeSwitches,
    is_connected: bool,
) -> bool {
    if event.account.is_some() {
        return endpoint.connect;
    }
    if endpoint.platform {
        return endpoint.connect && is_connected;
    }
    if switches.connected {
        endpoint.connect || endpoint.by_account
    } else {
        !endpoint.connect
    }
}

impl Deliveries {
    /// Queues the deliveries of a new event; returns how many endpoints get it.
    pub(crate) fn enqueue(
        &mut self,
        event: &Event,
        endpoints: &Endpoints,
        (switches, is_connected): (&StripeSwitches, bool),
        faults: &mut Faults,
        now_ms: i64,
    ) -> u32 {
        let mut count = 0;
        for endpoint in endpoints.by_key.values() {
            if !endpoint.wants(&event.kind) || !belongs(endpoint, event, switches, is_connected) {
                continue;
            }
            count += 1;
            let fault = faults.on_delivery(&event.kind);
            let dropped = switches.drop_webhooks || fault == Some(FaultKind::DropDelivery);
            let (delay_ms, overtaken) = match fault {
                Some(FaultKind::DelayDelivery { secs }) => (secs.saturating_mul(1000), false),
                Some(FaultKind::ReorderDelivery) => (REORDER_MS, true),
                _ => (0, false),
            };
            let due_ms = now_ms.saturating_add(delay_ms);
            let id = self.push(endpoint, event, due_ms, true);
            if dropped && let Some(entry) = self.entries.get_mut(&id) {
                entry.view.status = DeliveryStatus::Dropped;
                self.queue.remove(&(due_ms, entry.order, id));
            }
            if overtaken && !dropped {
                self.held.insert(id);
            } else if !dropped {
                self.release(&endpoint.id, now_ms);
            }
            if fault == Some(FaultKind::DuplicateDelivery) {
                self.push(endpoint, event, now_ms, false);
            }
        }
        count
    }

    fn push(&mut self, endpoint: &Endpoint, event: &Event, due_ms: i64, counts: bool) -> u64 {
        self.last += 1;
        self.order += 1;
        let view = DeliveryView {
            id: self.last,
            endpoint: endpoint.id.clone(),
            event: event.id.to_string(),
            event_type: event.kind.clone(),
            status: DeliveryStatus::Waiting,
            attempts: 0,
            due_ms,
            last_status: None,
        };
        let entry = Entry {
            view,
            order: self.order,
            counts,
        };
        self.queue.insert((due_ms, self.order, self.last));
        self.entries.insert(self.last, entry);
        self.last
    }

    /// Lets the held deliveries of an endpoint go, behind the newest one.
    fn release(&mut self, endpoint: &str, now_ms: i64) {
        let held = std::mem::take(&mut self.held);
        for id in held {
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            if entry.view.endpoint != endpoint {
                self.held.insert(id);
                continue;
            }
            self.queue.remove(&(entry.view.due_ms, entry.order, id));
            self.order += 1;
            (entry.view.due_ms, entry.order) = (now_ms, self.order);
            self.queue.insert((now_ms, entry.order, id));
        }
    }

    /// Sends an event once more to an endpoint, as the dashboard's "resend" does.
    pub(crate) fn resend(&mut self, endpoint: &Endpoint, event: &Event, now_ms: i64) -> u64 {
        self.push(endpoint, event, now_ms, false)
    }

    /// Takes what is due, signed at `signed_at`.
    pub(crate) fn take_due(&mut self, around: &Around<'_>, signed_at: i64) -> Vec<Delivery> {
        let mut taken = Vec::new();
        while let Some(&(due_ms, order, id)) = self.queue.first() {
            if due_ms > around.now_ms {
                break;
            }
            self.queue.remove(&(due_ms, order, id));
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            self.held.remove(&id);
            let endpoint = around
                .endpoints
                .get(&entry.view.endpoint)
                .filter(|e| !e.disabled);
            match (endpoint, around.events.get(&entry.view.event)) {
                (Some(endpoint), Some(event)) => {
                    entry.view.status = DeliveryStatus::Taken;
                    entry.view.attempts += 1;
                    taken.push(delivery(id, endpoint, event, around, signed_at));
                }
                _ => entry.view.status = DeliveryStatus::Failed,
            }
        }
        taken
    }

    /// Notes what a delivery was answered with; `None` is no answer at all.
    pub(crate) fn result(&mut self, around: &mut Around<'_>, id: u64, status: Option<u16>) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if entry.view.status != DeliveryStatus::Taken {
            return;
        }
        entry.view.last_status = status;
        let endpoint = around.endpoints.get_mut(&entry.view.endpoint);
        if status.is_some_and(|status| (200..300).contains(&status)) {
            entry.view.status = DeliveryStatus::Delivered;
            if let Some(endpoint) = endpoint {
                endpoint.failing_since = None;
            }
            if entry.counts
                && let Some(event) = around.events.get_mut(&entry.view.event)
            {
                event.pending = event.pending.saturating_sub(1);
            }
            return;
        }
        let now = around.now_ms.div_euclid(1000);
        if let Some(endpoint) = endpoint {
            let since = *endpoint.failing_since.get_or_insert(now);
            endpoint.disabled |= now - since >= around.switches.disable_after;
        }
        let pauses: &[i64] = if around.switches.livemode {
            &LIVE_PAUSES
        } else {
            &TEST_PAUSES
        };
        let tried = usize::try_from(entry.view.attempts).unwrap_or(usize::MAX);
        match pauses.get(tried.saturating_sub(1)) {
            Some(pause) => {
                entry.view.status = DeliveryStatus::Waiting;
                entry.view.due_ms = around.now_ms + pause * 1000;
                self.queue.insert((entry.view.due_ms, entry.order, id));
            }
            None => entry.view.status = DeliveryStatus::Failed,
        }
    }

    pub(crate) fn views(&self) -> Vec<DeliveryView> {
        self.entries
            .values()
            .map(|entry| entry.view.clone())
            .collect()
    }

    /// When the next delivery is due, in milliseconds on the sandbox's clock.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.queue.first().map(|(due_ms, _, _)| *due_ms)
    }
}

fn delivery(
    id: u64,
    endpoint: &Endpoint,
    event: &Event,
    around: &Around<'_>,
    signed_at: i64,
) -> Delivery {
    let version = endpoint.api_version.as_ref().unwrap_or(&event.version);
    let is_connected = endpoint.platform || around.switches.connected;
    let account = (endpoint.connect && is_connected).then_some(super::ACCOUNT);
    let body = Bytes::from(event.render(version, account).to_string());
    let secrets = endpoint.active_secrets(around.now_ms.div_euclid(1000));
    let signature = signature_header(&secrets, signed_at, &body, event.livemode);
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Delivery {
        id,
        endpoint_id: endpoint.id.clone(),
        endpoint_url: endpoint.url.clone(),
        event_id: event.id.to_string(),
        event_type: event.kind.clone(),
        headers: vec![
            header("Content-Type", "application/json; charset=utf-8"),
            header("Accept", "*/*"),
            header("Cache-Control", "no-cache"),
            header(
                "User-Agent",
                "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            ),
            header("Stripe-Signature", &signature),
        ],
        body,
    }
}
