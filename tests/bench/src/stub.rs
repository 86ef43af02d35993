//! Stripe and Zenskar as the daemon's counterparts: they answer at once, remember what was
//! patched, and count. Both sit on one listener, since their paths differ.
//!
//! A look at a customer of Stripe shows another telephone number each time, so that every event of
//! a linked customer ends in a write to Zenskar.

mod answer;

use crate::{Outcome, clock, ids};
pub(crate) use answer::Answer;
use answer::is_search;
pub(crate) use answer::{LOCALE, stripe_object, zenskar_object};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The Stripe account behind the stub.
pub(crate) const ACCOUNT: &str = "acct_1BenchBenchBench";
/// The Zenskar organisation behind the stub.
pub(crate) const ORGANISATION: &str = "7d0f6c1e-3f5a-4b7e-9a51-0b8f3c2d1e00";
/// How often a wait looks again.
const LOOK_STEP: Duration = Duration::from_millis(5);

/// A running stub; its thread ends with this process.
#[derive(Debug)]
pub(crate) struct Stub {
    address: SocketAddr,
    remotes: Arc<Remotes>,
}

/// What both remotes remember.
#[derive(Debug)]
struct Remotes {
    customers: u64,
    patched: Mutex<BTreeMap<u64, Map<String, Value>>>,
    counts: Counts,
    unknown: Mutex<BTreeMap<String, u64>>,
}

#[derive(Debug, Default)]
struct Counts {
    stripe_reads: AtomicU64,
    zenskar_reads: AtomicU64,
    stripe_pages: AtomicU64,
    zenskar_pages: AtomicU64,
    patches: AtomicU64,
    last_patch: AtomicU64,
}

impl Stub {
    /// Starts a stub that knows customers 0 to `customers`.
    pub(crate) fn start(customers: u64) -> Outcome<Self> {
        let remotes = Arc::new(Remotes {
            customers,
            patched: Mutex::new(BTreeMap::new()),
            counts: Counts::default(),
            unknown: Mutex::new(BTreeMap::new()),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let served = Arc::clone(&remotes);
        thread::Builder::new()
            .name("stub".to_owned())
            .spawn(move || runtime.block_on(accept(listener, served)))?;
        Ok(Self { address, remotes })
    }

    /// Where both remotes are, as an address for the configuration.
    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Customers patched in Zenskar so far, each patch counted.
    pub(crate) fn patches(&self) -> u64 {
        self.remotes.counts.patches.load(Ordering::Acquire)
    }

    /// Reads of Stripe so far.
    pub(crate) fn stripe_reads(&self) -> u64 {
        self.remotes.counts.stripe_reads.load(Ordering::Acquire)
    }

    /// Reads of Zenskar so far.
    pub(crate) fn zenskar_reads(&self) -> u64 {
        self.remotes.counts.zenskar_reads.load(Ordering::Acquire)
    }

    /// Pages of Stripe's customers so far.
    pub(crate) fn stripe_pages(&self) -> u64 {
        self.remotes.counts.stripe_pages.load(Ordering::Acquire)
    }

    /// Pages of Zenskar's customers so far.
    pub(crate) fn zenskar_pages(&self) -> u64 {
        self.remotes.counts.zenskar_pages.load(Ordering::Acquire)
    }

    /// When the last patch was answered, in microseconds since the epoch.
    pub(crate) fn last_patch(&self) -> u64 {
        self.remotes.counts.last_patch.load(Ordering::Acquire)
    }

    /// Requests that the stub has no answer to, by path.
    pub(crate) fn unknown(&self) -> BTreeMap<String, u64> {
        let unknown = self.remotes.unknown.lock();
        unknown.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until `patches` have come, or none came for `quiet`, and at most `most`.
    /// Returns how many have.
    pub(crate) fn wait_for(&self, patches: u64, quiet: Duration, most: Duration) -> u64 {
        let mut seen = self.patches();
        let began = clock::now();
        let mut changed = began;
        while seen < patches && clock::now() - changed < quiet && clock::now() - began < most {
            clock::pause(LOOK_STEP);
            let now = self.patches();
            if now != seen {
                (seen, changed) = (now, clock::now());
            }
        }
        seen
    }
}

async fn accept(listener: TcpListener, remotes: Arc<Remotes>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        drop(stream.set_nodelay(true));
        let remotes = Arc::clone(&remotes);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let remotes = Arc::clone(&remotes);
                async move { Ok::<_, Infallible>(remotes.serve(request).await) }
            });
            // A connection that the daemon drops is its own affair.
            drop(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

impl Remotes {
    async fn serve(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => Bytes::new(),
        };
        let query = head.uri.query().unwrap_or_default();
        let answer = self.answer(&head.method, head.uri.path(), query, &body);
        let (status, json) = match answer {
            Some(json) => (StatusCode::OK, json),
            None => {
                self.note_unknown(&head.method, head.uri.path());
                let text = r#"{"error":{"type":"invalid_request_error"},"detail":"not found"}"#;
                (StatusCode::NOT_FOUND, text.to_owned())
            }
        };
        let mut response = Response::new(Full::new(Bytes::from(json)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("request-id", HeaderValue::from_static("req_bench"));
        response
    }

    fn answer(&self, method: &Method, path: &str, query: &str, body: &[u8]) -> Option<String> {
        let mut parts = path.trim_start_matches('/').splitn(2, '/');
        let (first, rest) = (parts.next()?, parts.next().unwrap_or_default());
        match (method, first) {
            (&Method::GET, "v1") => {
                let look = self.counts.stripe_reads.fetch_add(1, Ordering::AcqRel);
                if rest == "customers" {
                    self.counts.stripe_pages.fetch_add(1, Ordering::AcqRel);
                }
                Answer::new(self.customers).stripe(rest, query, look)
            }
            (&Method::GET, "customers" | "customer") => {
                self.counts.zenskar_reads.fetch_add(1, Ordering::AcqRel);
                if rest.is_empty() && !is_search(query) {
                    self.counts.zenskar_pages.fetch_add(1, Ordering::AcqRel);
                }
                let patched = self.patched.lock().unwrap_or_else(PoisonError::into_inner);
                Answer::new(self.customers).zenskar(rest, query, &patched)
            }
            (&Method::PATCH, "customers" | "customer") => self.patch(rest, body),
            _ => None,
        }
    }

    fn patch(&self, id: &str, body: &[u8]) -> Option<String> {
        let number = ids::zenskar_number(id).filter(|number| *number < self.customers)?;
        let change: Map<String, Value> = serde_json::from_slice(body).ok()?;
        let mut patched = self.patched.lock().unwrap_or_else(PoisonError::into_inner);
        patched.entry(number).or_default().extend(change);
        let answer = Answer::new(self.customers).zenskar(id, "", &patched);
        drop(patched);
        let now = u64::try_from(clock::unix().as_micros()).unwrap_or(0);
        self.counts.last_patch.fetch_max(now, Ordering::AcqRel);
        self.counts.patches.fetch_add(1, Ordering::AcqRel);
        answer
    }

    fn note_unknown(&self, method: &Method, path: &str) {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        *unknown.entry(format!("{method} {path}")).or_default() += 1;
    }
}
