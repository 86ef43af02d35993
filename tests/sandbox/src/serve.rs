//! The sandbox on two sockets.
//!
//! The clock follows wall time (unless frozen) on top of what it was moved by; due deliveries are
//! posted, signed with wall time. A lost request or response breaks the connection. Not here: what
//! is answered (see `world` and `control`).

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::log::Exchange;
use crate::message::{Handled, Outcome, Remote, Request};
use crate::post::post_deliveries;
use crate::sandbox::Sandbox;

/// How often the clock is moved.
const TICK: Duration = Duration::from_millis(20);

/// The sockets of the two remotes.
#[derive(Debug)]
pub struct Listeners {
    /// Where Stripe answers.
    pub stripe: TcpListener,
    /// Where Zenskar answers.
    pub zenskar: TcpListener,
}

impl Listeners {
    /// Binds both; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// If an address cannot be bound.
    pub async fn bind(stripe: &str, zenskar: &str) -> io::Result<Self> {
        Ok(Self {
            stripe: TcpListener::bind(stripe).await?,
            zenskar: TcpListener::bind(zenskar).await?,
        })
    }
}

/// How the sandbox is served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServeOptions {
    /// Write each exchange as a line of JSON to this file, which is emptied first.
    pub record: Option<PathBuf>,
    /// The clock moves only when told to.
    pub frozen_clock: bool,
}

/// What every connection needs.
#[derive(Debug)]
struct Shared {
    sandbox: Sandbox,
    record: Option<Mutex<File>>,
}

/// Serves until `stop` is done. Open connections are then cut.
///
/// # Errors
///
/// If the record file cannot be made.
pub async fn serve(
    sandbox: Sandbox,
    listeners: Listeners,
    options: ServeOptions,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let record = options
        .record
        .map(File::create)
        .transpose()?
        .map(Mutex::new);
    let shared = Arc::new(Shared {
        sandbox: sandbox.clone(),
        record,
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(accept(
        listeners.stripe,
        Remote::Stripe,
        Arc::clone(&shared),
    ));
    tasks.spawn(accept(listeners.zenskar, Remote::Zenskar, shared));
    tasks.spawn(post_deliveries(sandbox.clone()));
    if !options.frozen_clock {
        tasks.spawn(tick(sandbox));
    }
    stop.await;
    tasks.shutdown().await;
    Ok(())
}

async fn tick(sandbox: Sandbox) {
    let clock = sandbox.clock();
    let start = Instant::now();
    let mut moved = 0;
    loop {
        sleep(TICK).await;
        let passed = i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX);
        clock.advance_ms(passed - moved);
        moved = passed;
    }
}

async fn accept(listener: TcpListener, remote: Remote, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, remote, Arc::clone(&shared)));
                }
                // Out of file descriptors, most likely: some will be free again.
                Err(_) => sleep(TICK).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: TcpStream, remote: Remote, shared: Arc<Shared>) {
    // Small answers must not wait for each other.
    stream.set_nodelay(true).unwrap_or_default();
    let service = service_fn(|request| answer(request, remote, &shared));
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    // Broken connections are the clients' affair, or were ordered.
    served.unwrap_or_default();
}

async fn answer(
    incoming: http::Request<Incoming>,
    remote: Remote,
    shared: &Shared,
) -> Result<http::Response<Full<Bytes>>, io::Error> {
    let (parts, body) = incoming.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let request = Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts
            .headers
            .iter()
            .map(|(name, v)| (name.to_string(), text(v)))
            .collect(),
        body,
    };
    let handled = shared.sandbox.handle(remote, &request);
    if !request.path.starts_with("/_sandbox") {
        shared.record(remote, &request, &handled)?;
    }
    if handled.delay_ms > 0 {
        sleep(Duration::from_millis(handled.delay_ms)).await;
    }
    let response = match handled.outcome {
        Outcome::Answer(response) => response,
        Outcome::ConnectionLost => {
            return Err(io::Error::from(io::ErrorKind::ConnectionReset));
        }
    };
    let mut builder = http::Response::builder().status(response.status);
    for (name, value) in response.headers {
        builder = builder.header(name, value);
    }
    builder
        .body(Full::new(response.body))
        .map_err(io::Error::other)
}

impl Shared {
    /// Writes an exchange to the record, if there is one.
    fn record(&self, remote: Remote, request: &Request, handled: &Handled) -> io::Result<()> {
        let Some(file) = &self.record else {
            return Ok(());
        };
        let exchange = Exchange::new(0, 0, remote, request, handled.answer());
        let mut line = json!({
            "remote": remote.name(),
            "method": exchange.method,
            "path": exchange.path,
            "query": exchange.query,
            "headers": exchange.headers,
            "body": exchange.body,
            "status": exchange.status,
            "response": exchange.response,
        })
        .to_string();
        line.push('\n');
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes())
    }
}
