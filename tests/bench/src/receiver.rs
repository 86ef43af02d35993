//! The two receivers the daemon is measured against, run as processes of their own.
//!
//! *Bare*: hyper and the signature check, nothing else. *Ideal*: and one group commit to redb of
//! the event and a queue row, deduplicated by event id, before the answer. Neither has limits,
//! deadlines, metrics, configuration or anything behind the queue: they are bounds, not products.

mod ledger;

use crate::event::signing_key;
use crate::{Outcome, clock, out};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use ledger::Ledger;
use std::convert::Infallible;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Age at which a signature is refused, either way, in seconds.
const TOLERANCE_SECONDS: u64 = 300;
/// Threads that serve connections.
const WORKERS: usize = 2;

struct Receiver {
    key: hmac::Key,
    ledger: Option<Ledger>,
}

/// Serves until standard input closes. With `store`, events are kept there before the answer.
pub(crate) fn run(secret: &str, store: Option<&Path>) -> Outcome<()> {
    let receiver = Arc::new(Receiver {
        key: signing_key(secret),
        ledger: store.map(Ledger::open).transpose()?,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    out::line(&listener.local_addr()?.to_string());
    runtime.spawn(accept(listener, receiver));
    wait_for_owner();
    Ok(())
}

/// Returns when whoever started this process has closed the other end of standard input.
fn wait_for_owner() {
    let watch = thread::spawn(|| std::io::stdin().read_to_end(&mut Vec::new()));
    drop(watch.join());
}

async fn accept(listener: TcpListener, receiver: Arc<Receiver>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(stream, Arc::clone(&receiver)));
    }
}

async fn serve(stream: TcpStream, receiver: Arc<Receiver>) {
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| {
        let receiver = Arc::clone(&receiver);
        async move { Ok::<_, Infallible>(receiver.answer(request).await) }
    });
    // An error here is a connection that broke; the load generator counts those.
    drop(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

impl Receiver {
    async fn answer(&self, request: Request<Incoming>) -> Response<Empty<Bytes>> {
        let (head, body) = request.into_parts();
        let status = match body.collect().await {
            Err(_) => StatusCode::BAD_REQUEST,
            Ok(body) => {
                let body = body.to_bytes();
                let now = clock::unix().as_secs();
                if is_signed(&self.key, &head.headers, &body, now) {
                    self.keep(body).await
                } else {
                    StatusCode::BAD_REQUEST
                }
            }
        };
        let mut response = Response::new(Empty::new());
        *response.status_mut() = status;
        response
    }

    async fn keep(&self, body: Bytes) -> StatusCode {
        match &self.ledger {
            None => StatusCode::OK,
            Some(ledger) if ledger.keep(body).await => StatusCode::OK,
            Some(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Whether the `Stripe-Signature` header holds a fresh signature of `body`.
fn is_signed(key: &hmac::Key, headers: &HeaderMap, body: &[u8], now: u64) -> bool {
    let header = headers.get("stripe-signature").map(|value| value.to_str());
    let Some(Ok(header)) = header else {
        return false;
    };
    let mut signed_at = None;
    let mut given = None;
    for part in header.split(',') {
        match part.split_once('=') {
            Some(("t", seconds)) => signed_at = seconds.parse::<u64>().ok(),
            Some(("v1", hex)) => given = given.or(Some(hex)),
            _ => {}
        }
    }
    let (Some(signed_at), Some(given)) = (signed_at, given) else {
        return false;
    };
    let expected = crate::event::sign(key, signed_at, body);
    now.abs_diff(signed_at) <= TOLERANCE_SECONDS
        && verify_slices_are_equal(&expected, given.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sign;

    #[test]
    fn a_signature_is_of_its_body_and_fresh() {
        let key = signing_key("whsec_test");
        let hex = sign(&key, 1_000, b"{}");
        let hex = std::str::from_utf8(&hex).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(
            "stripe-signature",
            format!("t=1000,v1={hex}").parse().unwrap(),
        );
        assert!(is_signed(&key, &headers, b"{}", 1_300));
        assert!(!is_signed(&key, &headers, b"{ }", 1_300));
        assert!(!is_signed(&key, &headers, b"{}", 1_301));
        assert!(!is_signed(
            &signing_key("whsec_other"),
            &headers,
            b"{}",
            1_000
        ));
        assert!(!is_signed(&key, &HeaderMap::new(), b"{}", 1_000));
    }
}
