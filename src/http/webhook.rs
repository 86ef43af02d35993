//! `POST /webhooks/stripe` and `POST /webhooks/zenskar`: check the proof, store the event, answer.
//!
//! # Invariants
//!
//! - Nothing is parsed, stored or logged of a body before its signature was found good.
//! - Without a secret for Zenskar there is no such page as its webhook's.
//! - 200 for a delivery that is stored means that it is on the disk.
//! - A 4xx speaks of the signature or the size alone. Whatever else is wrong with a delivery that
//!   was signed is acknowledged and counted: Stripe disables endpoints that answer 400.
//! - Every signed event of our account and mode is stored, also of types we do not know.
//! - What we cannot store now is a 503, and Stripe delivers it again. Whether Zenskar does is not
//!   known; polling finds what it does not.
//!
//! Not here: what an event means. The engine is woken and reads the inbox.

mod budget;
mod judge;
mod zenskar;

#[cfg(test)]
mod tests;

pub use budget::{BODY_BYTES_MAX, BUDGET_BYTES, BodyBudget};
pub use judge::{Accept, Acceptance, Audience, Verdict};
pub use zenskar::ZenskarAcceptance;

use crate::clock::Clock;
use crate::http::listener::RequestBody;
use crate::store::{Inserted, PreparedEvent, StoreError, WriteError, Writer};
use crate::telemetry::chain;
use crate::telemetry::metrics::{Ignored, Metrics, Rejected, Unavailable};
use crate::telemetry::throttle::Throttle;
#[cfg(feature = "mutants")]
use crate::{
    model::cursor::PollCursor,
    mutants::{self, Mutant},
};
use axum::body::Body;
use budget::Unread;
use http::{HeaderMap, Request, Response, StatusCode};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Path of Stripe's endpoint.
pub const PATH: &str = "/webhooks/stripe";
/// Path of Zenskar's endpoint.
pub const ZENSKAR_PATH: &str = "/webhooks/zenskar";
/// How far the mutant that moves the poll cursor jumps past the event: the overlap of windows would
/// hide a smaller step.
#[cfg(feature = "mutants")]
const MUTANT_STEP: Duration = Duration::from_secs(11 * 60);
/// How often a log line about refused or ignored deliveries appears.
const LOG_SPAN: Duration = Duration::from_secs(60);

/// Stripe's endpoint.
pub type StripeWebhook = Webhook<Acceptance>;
/// Zenskar's endpoint.
pub type ZenskarWebhook = Webhook<ZenskarAcceptance>;

/// What an endpoint needs.
#[derive(Debug)]
pub struct Webhook<A> {
    /// What is accepted; replaced by a reload.
    pub acceptance: watch::Receiver<A>,
    /// Writes the inbox.
    pub writer: Writer,
    /// Whether we do anything with events of this type; for the count of those we do not.
    pub known_type: fn(&str) -> bool,
    /// Woken when there is something new in the inbox.
    pub wake: Arc<Notify>,
    /// Memory for bodies of all connections.
    pub budget: BodyBudget,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where deliveries are counted.
    pub metrics: Arc<Metrics>,
    /// Keeps log lines apart.
    pub log: LogThrottles,
}

/// Log lines that a sender could repeat at will.
#[derive(Debug)]
pub struct LogThrottles {
    rejected: Throttle,
    ignored: Throttle,
    unavailable: Throttle,
}

impl Default for LogThrottles {
    fn default() -> Self {
        Self {
            rejected: Throttle::new(LOG_SPAN),
            ignored: Throttle::new(LOG_SPAN),
            unavailable: Throttle::new(LOG_SPAN),
        }
    }
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Duplicate,
    Rejected(Rejected),
    Ignored(Ignored),
    Unavailable(Unavailable),
}

impl<A: Accept> Webhook<A> {
    /// Whether there is such an endpoint.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.acceptance.borrow().is_open()
    }

    /// Answers one delivery.
    pub async fn receive(&self, request: Request<RequestBody>) -> Response<Body> {
        let began = Instant::now();
        let webhooks = &self.metrics.webhooks;
        webhooks.received.of(A::REMOTE).inc();
        let outcome = self.take(request).await;
        match outcome {
            Outcome::Accepted => {
                webhooks.accepted.of(A::REMOTE).inc();
                let took = began.elapsed().as_secs_f64();
                webhooks.ack_seconds.of(A::REMOTE).observe(took);
            }
            Outcome::Duplicate => {
                webhooks.duplicate.of(A::REMOTE).inc();
            }
            Outcome::Rejected(reason) => self.rejected(reason),
            Outcome::Ignored(reason) => self.ignored(reason),
            Outcome::Unavailable(reason) => {
                webhooks.unavailable.of((A::REMOTE, reason)).inc();
            }
        }
        outcome.answer()
    }

    /// Answers one delivery whose body was read already, with the status alone.
    pub async fn receive_bytes(&self, headers: &HeaderMap, body: &[u8]) -> StatusCode {
        self.take_bytes(headers, body).await.answer().status()
    }

    async fn take(&self, request: Request<RequestBody>) -> Outcome {
        let (head, body) = request.into_parts();
        let body = match self.budget.read(body).await {
            Ok(body) => body,
            Err(Unread::TooLarge) => return Outcome::Rejected(Rejected::TooLarge),
            Err(Unread::Unfinished) => return Outcome::Rejected(Rejected::Unfinished),
            Err(Unread::Busy) => return Outcome::Unavailable(Unavailable::Busy),
        };
        self.take_bytes(&head.headers, body.bytes()).await
    }

    async fn take_bytes(&self, headers: &HeaderMap, body: &[u8]) -> Outcome {
        let verdict = self
            .acceptance
            .borrow()
            .judge(headers, body, self.clock.now());
        let event = match verdict {
            Verdict::Ours(event) => event,
            Verdict::Rejected(reason) => return Outcome::Rejected(reason),
            Verdict::Ignored(reason) => return Outcome::Ignored(reason),
        };
        tracing::debug!(event = "webhook_verified", id = %event.id, kind = event.kind);
        let known_type = (self.known_type)(&event.kind);
        #[cfg(feature = "mutants")]
        if mutants::is_on(Mutant::CursorMovedByWebhook) {
            self.move_cursor(event.created).await;
        }
        let event = PreparedEvent::new(&event);
        let outcome = match event {
            Ok(event) => self.store(event).await,
            Err(error) => self.unavailable(Unavailable::CommitFailed, &error),
        };
        if outcome == Outcome::Accepted && !known_type {
            self.metrics.webhooks.unknown_type.of(A::REMOTE).inc();
        }
        outcome
    }

    async fn store(&self, event: PreparedEvent) -> Outcome {
        let stored = match self.writer.try_insert_event(event) {
            #[cfg(feature = "mutants")]
            Ok(_) if mutants::is_on(Mutant::AckBeforeCommit) => return Outcome::Accepted,
            Ok(stored) => stored.await,
            Err(error) => return self.unavailable(Unavailable::Busy, &error),
        };
        match stored {
            Ok(Inserted::New(_)) => {
                self.wake.notify_one();
                Outcome::Accepted
            }
            Ok(Inserted::Known(_)) => Outcome::Duplicate,
            Err(error) => self.unavailable(reason(&error), &error),
        }
    }

    /// What a webhook must never do.
    #[cfg(feature = "mutants")]
    async fn move_cursor(&self, created: crate::model::time::Timestamp) {
        let moved = self.writer.write("mutant", move |tx| {
            let cursor = tx.poll_cursor()?;
            let high = cursor.high.max(Some(created.plus(MUTANT_STEP)));
            tx.set_poll_cursor(&PollCursor { high, window: None })
        });
        drop(moved.await);
    }

    fn rejected(&self, reason: Rejected) {
        self.metrics.webhooks.rejected.of((A::REMOTE, reason)).inc();
        if let Some(suppressed) = self.log.rejected.admit(self.clock.now()) {
            let reason = reason.as_str();
            let remote = A::REMOTE.as_str();
            tracing::warn!(event = "webhook_rejected", remote, reason, suppressed);
        }
    }

    fn ignored(&self, reason: Ignored) {
        self.metrics.webhooks.ignored.of((A::REMOTE, reason)).inc();
        if let Some(suppressed) = self.log.ignored.admit(self.clock.now()) {
            let reason = reason.as_str();
            let remote = A::REMOTE.as_str();
            tracing::info!(event = "webhook_ignored", remote, reason, suppressed);
        }
    }

    fn unavailable(&self, reason: Unavailable, error: &dyn std::error::Error) -> Outcome {
        if let Some(suppressed) = self.log.unavailable.admit(self.clock.now()) {
            let (reason, error) = (reason.as_str(), chain(error));
            let remote = A::REMOTE.as_str();
            tracing::error!(
                event = "webhook_not_stored",
                remote,
                reason,
                error,
                suppressed
            );
        }
        Outcome::Unavailable(reason)
    }
}

impl Outcome {
    /// Stripe shows the body to whoever looks at the delivery, so it names the reason in a word.
    fn answer(self) -> Response<Body> {
        let (status, text) = match self {
            Self::Accepted => (StatusCode::OK, "stored"),
            Self::Duplicate => (StatusCode::OK, "known"),
            Self::Ignored(reason) => (StatusCode::OK, reason.as_str()),
            Self::Rejected(Rejected::TooLarge) => {
                (StatusCode::PAYLOAD_TOO_LARGE, Rejected::TooLarge.as_str())
            }
            Self::Rejected(Rejected::Unfinished) => {
                (StatusCode::REQUEST_TIMEOUT, Rejected::Unfinished.as_str())
            }
            Self::Rejected(reason) => (StatusCode::BAD_REQUEST, reason.as_str()),
            Self::Unavailable(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason.as_str()),
        };
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        response
    }
}

/// Why a write did not happen.
fn reason(error: &WriteError) -> Unavailable {
    match error {
        WriteError::WriterGone => Unavailable::Stopping,
        WriteError::Failed { source, .. } if is_disk_full(source) => Unavailable::DiskFull,
        WriteError::Failed { .. } => Unavailable::CommitFailed,
    }
}

fn is_disk_full(error: &StoreError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let full = error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::StorageFull);
        if full {
            return true;
        }
        cause = error.source();
    }
    false
}
