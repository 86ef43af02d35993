//! Accepts connections and serves HTTP on them, within limits.
//!
//! Our own loop on hyper, because the limits need it: a cap on connections, deadlines for the
//! handshake, the head, the body, idleness and a client that does not take its answer, and a drain.
//!
//! # Invariants
//!
//! - At the cap a new connection waits in the system's backlog; none is accepted to be refused.
//! - HTTP/2 is spoken where ALPN chose it and nowhere else. Telling it from the first bytes would
//!   wait for them without a deadline.
//! - Once the listener is told to stop it accepts nothing, requests under way finish, and
//!   [`Listener::serve`] returns within the drain's deadline.
//!
//! Not here: what a request means. That is the [`Handler`]'s.

mod activity;
mod body;
mod connection;
pub mod limits;
mod socket;
mod tls;

#[cfg(test)]
mod tests;

pub use body::{BodyError, RequestBody};
pub use limits::Limits;
pub use socket::{BindError, Caller, Peer, Socket, UnixSocket};
pub use tls::{Certificate, Identity, TlsError};

use crate::telemetry::chain;
use crate::telemetry::metrics::{Door, Metrics};
use connection::Shared;
use http::{Request, Response};
use limits::ACCEPT_PAUSE;
use std::io;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Answers requests.
///
/// An [`axum::Router`] is one; a listener whose hottest route must not pay for routing puts its
/// own in front.
pub trait Handler: Send + Sync + 'static {
    /// The answer to `request` of `peer`. A panic becomes a 500.
    fn handle(
        &self,
        request: Request<RequestBody>,
        peer: Peer,
    ) -> impl Future<Output = Response<axum::body::Body>> + Send;
}

impl Handler for axum::Router {
    async fn handle(
        &self,
        mut request: Request<RequestBody>,
        peer: Peer,
    ) -> Response<axum::body::Body> {
        request.extensions_mut().insert(peer);
        match self.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections and streams that were still at work at the deadline, and were cut.
    pub cut: usize,
}

/// A socket about to be served.
pub struct Listener {
    socket: Socket,
    tls: Option<TlsAcceptor>,
    door: Door,
    limits: Limits,
    metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

impl Listener {
    /// Serves plain HTTP/1.1 on `socket`.
    #[must_use]
    pub fn new(socket: Socket, door: Door, limits: Limits, metrics: Arc<Metrics>) -> Self {
        Self {
            socket,
            tls: None,
            door,
            limits,
            metrics,
        }
    }

    /// Serves HTTP/1.1 and HTTP/2 over TLS instead. A Unix socket stays plain.
    ///
    /// # Errors
    ///
    /// When TLS cannot be set up.
    pub fn with_tls(mut self, certificate: &Certificate) -> Result<Self, TlsError> {
        self.tls = Some(TlsAcceptor::from(certificate.server()?));
        Ok(self)
    }

    /// The socket, for its address.
    #[must_use]
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Accepts and serves until `stop`, then drains.
    pub async fn serve<H: Handler>(self, handler: H, stop: CancellationToken) -> Drained {
        let shared = Arc::new(Shared {
            handler,
            door: self.door,
            limits: self.limits,
            metrics: Arc::clone(&self.metrics),
            stop: stop.clone(),
            cut: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        self.accept(&shared, &stop).await;
        shared.tasks.close();
        let mut cut = 0;
        if timeout(shared.limits.drain_deadline, shared.tasks.wait())
            .await
            .is_err()
        {
            cut = shared.tasks.len();
            shared.cut.cancel();
            shared.tasks.wait().await;
        }
        Drained { cut }
    }

    /// Accepts until `stop`; the socket is closed on return.
    async fn accept<H: Handler>(self, shared: &Arc<Shared<H>>, stop: &CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.limits.connections));
        let mut refused_before = false;
        loop {
            let slot = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                slot = Arc::clone(&slots).acquire_owned() => slot,
            };
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    refused_before = false;
                    let served = Arc::clone(shared).serve(stream, peer, self.tls.clone());
                    shared.tasks.spawn(async move {
                        served.await;
                        drop(slot);
                    });
                }
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    self.metrics.http.accept_errors.of(self.door).inc();
                    if !refused_before {
                        let error = chain(&error);
                        let listener = self.door.as_str();
                        tracing::warn!(event = "accept_failed", listener, error);
                    }
                    refused_before = true;
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => return,
                        () = sleep(ACCEPT_PAUSE) => {}
                    }
                }
            }
        }
    }
}

/// Whether an error of `accept` is about the connection that was to be accepted: it is gone, and
/// the next one may be fine.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::ConnectionRefused
            | Kind::NotConnected
            | Kind::Interrupted
            | Kind::InvalidInput
    )
}
