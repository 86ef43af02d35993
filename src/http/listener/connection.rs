//! One connection, from its handshake to its end.

use super::activity::{Activity, Noted};
use super::body::{AnswerBody, RequestBody};
use super::limits::{
    H2_CONNECTION_WINDOW_BYTES, H2_PING_DEADLINE, H2_PING_INTERVAL, H2_RESETS_PENDING,
    H2_SEND_BYTES, H2_STREAM_WINDOW_BYTES, H2_STREAMS, READ_BUFFER_BYTES_MIN, STOP_GRACE,
};
use super::socket::{Peer, Stream};
use super::{Handler, Limits, tls};
use crate::telemetry::chain;
use crate::telemetry::metrics::{Door, End, Metrics};
use axum::body::Body as AnyBody;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the connections of one listener share.
pub(super) struct Shared<H> {
    pub(super) handler: H,
    pub(super) door: Door,
    pub(super) limits: Limits,
    pub(super) metrics: Arc<Metrics>,
    /// Asks connections to end after the requests under way.
    pub(super) stop: CancellationToken,
    /// Ends them at once.
    pub(super) cut: CancellationToken,
    pub(super) tasks: TaskTracker,
}

impl<H: Handler> Shared<H> {
    /// Serves `stream` until either side ends it.
    pub(super) async fn serve(
        self: Arc<Self>,
        stream: Stream,
        peer: Peer,
        tls: Option<TlsAcceptor>,
    ) {
        let door = self.door;
        self.metrics.http.connections.of(door).inc();
        let end = tokio::select! {
            biased;
            () = self.cut.cancelled() => End::Drain,
            end = Arc::clone(&self).speak(stream, peer, tls) => end,
        };
        self.metrics.http.connections.of(door).dec();
        self.metrics.http.ended.of((door, end)).inc();
        tracing::debug!(
            event = "connection_ended",
            listener = door.as_str(),
            end = end.as_str()
        );
    }

    async fn speak(self: Arc<Self>, stream: Stream, peer: Peer, tls: Option<TlsAcceptor>) -> End {
        match (stream, tls) {
            (Stream::Tcp(stream), Some(acceptor)) => {
                let handshake = timeout(self.limits.handshake_deadline, acceptor.accept(stream));
                let shaken = tokio::select! {
                    biased;
                    () = self.stop.cancelled() => return End::Closed,
                    shaken = Box::pin(handshake) => shaken,
                };
                match shaken {
                    Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(tls::H2) => {
                        self.http2(stream, peer).await
                    }
                    Ok(Ok(stream)) => self.http1(stream, peer).await,
                    Ok(Err(error)) => {
                        let error = chain(&error);
                        tracing::debug!(event = "handshake_failed", error);
                        End::Handshake
                    }
                    Err(_late) => End::Handshake,
                }
            }
            (Stream::Tcp(stream), None) => self.http1(stream, peer).await,
            (Stream::Unix(stream), _) => self.http1(stream, peer).await,
        }
    }

    async fn http1<S>(self: Arc<Self>, stream: S, peer: Peer) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::begin(true);
        let (limits, stop) = (self.limits, self.stop.clone());
        let io = TokioIo::new(Noted::new(stream, Arc::clone(&activity)));
        let noted = Arc::clone(&activity);
        let service = service_fn(move |request| Arc::clone(&self).answer(request, peer, &noted));
        // hyper's own limit of 100 headers stands: setting one makes it allocate per request.
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_header_size(limits.head_bytes)
            .max_buf_size(limits.head_bytes.max(READ_BUFFER_BYTES_MIN))
            .serve_connection(io, service);
        watch(
            connection,
            http1::Connection::graceful_shutdown,
            &activity,
            &limits,
            &stop,
        )
        .await
    }

    async fn http2<S>(self: Arc<Self>, stream: S, peer: Peer) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::begin(false);
        let (limits, stop) = (self.limits, self.stop.clone());
        let io = TokioIo::new(Noted::new(stream, Arc::clone(&activity)));
        let executor = Tracked {
            tasks: self.tasks.clone(),
            cut: self.cut.clone(),
        };
        let noted = Arc::clone(&activity);
        let service = service_fn(move |request| Arc::clone(&self).answer(request, peer, &noted));
        let connection = http2::Builder::new(executor)
            .timer(TokioTimer::new())
            .max_concurrent_streams(H2_STREAMS)
            .initial_stream_window_size(H2_STREAM_WINDOW_BYTES)
            .initial_connection_window_size(H2_CONNECTION_WINDOW_BYTES)
            .max_send_buf_size(H2_SEND_BYTES)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(H2_RESETS_PENDING)
            .keep_alive_interval(H2_PING_INTERVAL)
            .keep_alive_timeout(H2_PING_DEADLINE)
            .serve_connection(io, service);
        watch(
            connection,
            http2::Connection::graceful_shutdown,
            &activity,
            &limits,
            &stop,
        )
        .await
    }

    /// Has the handler answer one request.
    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: Peer,
        activity: &Arc<Activity>,
    ) -> impl Future<Output = Result<Response<AnswerBody>, Infallible>> + Send + use<H> {
        let under_way = activity.request();
        let deadline = Instant::now() + self.limits.body_deadline;
        async move {
            let response = if matches!(peer, Peer::Unix(caller) if !caller.allowed) {
                status(StatusCode::FORBIDDEN)
            } else {
                let request = request.map(|body| RequestBody::new(body, deadline));
                let answer = self.handler.handle(request, peer);
                AssertUnwindSafe(answer)
                    .catch_unwind()
                    .await
                    .unwrap_or_else(|_panic| {
                        self.metrics.http.panics.of(self.door).inc();
                        status(StatusCode::INTERNAL_SERVER_ERROR)
                    })
            };
            Ok(response.map(|body| AnswerBody::new(body, under_way)))
        }
    }
}

/// An answer without a body.
fn status(status: StatusCode) -> Response<AnyBody> {
    let mut response = Response::new(AnyBody::empty());
    *response.status_mut() = status;
    response
}

/// Drives `connection` to its end, within its deadlines.
async fn watch<C>(
    connection: C,
    leave: fn(Pin<&mut C>),
    activity: &Activity,
    limits: &Limits,
    stop: &CancellationToken,
) -> End
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    let mut timer = pin!(sleep_until(Instant::now()));
    let mut leaving = None;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled(), if leaving.is_none() => {
                leaving = Some(End::Closed);
                leave(connection.as_mut());
                // hyper closes a connection between two requests, and not one before its first.
                timer.as_mut().reset(Instant::now() + STOP_GRACE.min(limits.head_deadline));
            }
            result = &mut connection => return match result {
                Ok(()) => leaving.unwrap_or(End::Closed),
                Err(error) => {
                    let error = chain(&error);
                    tracing::debug!(event = "connection_failed", error);
                    // A peer that is told to leave need not be polite about it.
                    leaving.unwrap_or(End::Failed)
                }
            },
            () = &mut timer => match (activity.check(Instant::now(), limits), leaving) {
                // A peer of HTTP/2 is told before we close, so that it repeats what crossed.
                (Err(End::Idle), None) => {
                    leaving = Some(End::Idle);
                    leave(connection.as_mut());
                    timer.as_mut().reset(Instant::now() + limits.head_deadline);
                }
                (Err(end), _) => return end,
                (Ok(_), Some(reason)) if activity.is_quiet() => return reason,
                (Ok(look_again), _) => timer.as_mut().reset(look_again),
            },
        }
    }
}

/// Runs hyper's streams where the drain waits for them.
#[derive(Clone)]
struct Tracked {
    tasks: TaskTracker,
    cut: CancellationToken,
}

impl<F> Executor<F> for Tracked
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let cut = self.cut.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = cut.cancelled() => {}
                () = stream => {}
            }
        });
    }
}
