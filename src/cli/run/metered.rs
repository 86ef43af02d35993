//! The network with a meter on it: calls by remote and how they ended, and how long they took.

use crate::cli::error::{Exit, Failure};
use crate::clock::BoxFuture;
use crate::remote::transport::{HttpTransport, Request, Response, Transport, TransportError};
use crate::telemetry::metrics::{CallClass, Metrics, Remote};
use std::sync::Arc;
use tokio::time::Instant;

/// Sends requests and counts them.
#[derive(Debug)]
pub(super) struct Metered {
    inner: HttpTransport,
    metrics: Arc<Metrics>,
}

impl Metered {
    pub(super) fn new(metrics: Arc<Metrics>) -> Result<Self, Failure> {
        let inner = HttpTransport::new(None).map_err(|error| {
            Failure::of(Exit::Io, &error)
                .hint("install the system's root certificates: apt install ca-certificates")
        })?;
        Ok(Self { inner, metrics })
    }
}

impl Transport for Metered {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            // Only Stripe's calls name its version.
            let remote = match request.header("stripe-version") {
                Some(_) => Remote::Stripe,
                None => Remote::Zenskar,
            };
            let began = Instant::now();
            let result = self.inner.send(request).await;
            let remotes = &self.metrics.remotes;
            remotes.calls.of((remote, class(&result))).inc();
            remotes
                .call_seconds
                .of(remote)
                .observe(began.elapsed().as_secs_f64());
            result
        })
    }
}

fn class(result: &Result<Response, TransportError>) -> CallClass {
    match result {
        Err(TransportError::NotSent(_)) => CallClass::Retry,
        Err(TransportError::Lost(_) | TransportError::TooLarge { .. }) => CallClass::Unknown,
        Ok(response) => match response.status {
            200..=299 => CallClass::Done,
            401 => CallClass::Unauthorized,
            409 | 429 | 500.. => CallClass::Retry,
            _ => CallClass::Refused,
        },
    }
}
