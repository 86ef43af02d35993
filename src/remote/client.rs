//! What both clients are built from: the key, the clock of the remote, and one request at a time
//! through a limiter.

use crate::clock::Clock;
use crate::model::time::Timestamp;
use crate::remote::health::Health;
use crate::remote::limiter::{Permit, Priority};
use crate::remote::outcome::Failure;
use crate::remote::text::http_date;
use crate::remote::transport::{HeaderText, Request, Response, Transport, TransportError};
use http::Method;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

pub use crate::remote::limiter::Limiter;

/// Longest key that is accepted, in bytes.
const KEY_BYTES_MAX: usize = 4_096;

/// Longest wait for the answer to a read. Both remotes answer in well under a second; what takes
/// this long does not come.
pub const READ_CALL_TIMEOUT: Duration = Duration::from_secs(40);

/// Longest wait for the answer to a write. Longer than a read's: giving up on a write costs a look.
/// Stripe's own libraries wait for 80 seconds.
pub const WRITE_CALL_TIMEOUT: Duration = Duration::from_secs(80);

/// Text that cannot be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key: 1 to {KEY_BYTES_MAX} visible ASCII characters")]
pub struct InvalidKey;

/// A secret that opens a remote; never shown, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// Takes `text` for a key, without the white space at its ends.
    ///
    /// # Errors
    ///
    /// Text that is empty, too long, or cannot stand in a header.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let text = text.trim();
        let fits = !text.is_empty() && text.len() <= KEY_BYTES_MAX;
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(InvalidKey)
        }
    }

    /// Whether the key begins with `prefix`, such as `sk_test_` or `sandbox_`.
    #[must_use]
    pub fn starts_with(&self, prefix: &str) -> bool {
        self.0.starts_with(prefix)
    }

    /// The key, for the wire.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The common part of a client.
#[derive(Debug)]
pub(crate) struct Base {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    api_base: String,
    key: Mutex<ApiKey>,
    remote_now: Mutex<Option<(Timestamp, Timestamp)>>,
    health: Mutex<Health>,
    reads: AtomicU64,
    writes: AtomicU64,
}

impl Base {
    pub(crate) fn new(
        api_base: &str,
        key: ApiKey,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            transport,
            clock,
            api_base: api_base.trim_end_matches('/').to_owned(),
            key: Mutex::new(key),
            remote_now: Mutex::new(None),
            health: Mutex::default(),
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        }
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub(crate) fn key(&self) -> ApiKey {
        lock(&self.key).clone()
    }

    pub(crate) fn set_key(&self, key: ApiKey) {
        *lock(&self.key) = key;
    }

    /// The `Date` of the last answer.
    pub(crate) fn remote_now(&self) -> Option<Timestamp> {
        lock(&self.remote_now).map(|(date, _)| date)
    }

    /// The remote's time by now: its last `Date`, and what passed since by this host's clock.
    pub(crate) fn remote_about(&self) -> Option<Timestamp> {
        lock(&self.remote_now).map(|(date, here)| date.plus(self.clock.now().since(here)))
    }

    /// What the last calls came to.
    pub(crate) fn health(&self) -> Health {
        lock(&self.health).clone()
    }

    /// Takes note of what a call came to.
    pub(crate) fn note(&self, failure: Option<&Failure>) {
        lock(&self.health).note(failure, self.clock.now());
    }

    /// GET requests sent since the start, whatever came of them.
    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Requests other than GET sent since the start, whatever came of them.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// A request to `path_and_query`, without body.
    pub(crate) fn request(
        &self,
        method: Method,
        path_and_query: &str,
        headers: Vec<(&'static str, HeaderText)>,
    ) -> Request {
        let timeout = if method == Method::GET {
            READ_CALL_TIMEOUT
        } else {
            WRITE_CALL_TIMEOUT
        };
        Request {
            method,
            url: format!("{}{path_and_query}", self.api_base),
            headers,
            body: bytes::Bytes::new(),
            timeout,
        }
    }

    /// Sends the request and remembers the remote's time.
    pub(crate) async fn send(&self, request: Request) -> Result<Reply, TransportError> {
        let count = if request.method == Method::GET {
            &self.reads
        } else {
            &self.writes
        };
        count.fetch_add(1, Ordering::Relaxed);
        let response = self.transport.send(request).await?;
        let date = response.header("date").and_then(http_date);
        if date.is_some() {
            *lock(&self.remote_now) = date.map(|date| (date, self.clock.now()));
        }
        Ok(Reply { response, date })
    }
}

/// An answer and when it was given.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) response: Response,
    pub(crate) date: Option<Timestamp>,
}

/// Waits for a turn in each limiter, in this order; a permit of an earlier one is held while the
/// later ones are waited for, so narrow limiters come first.
pub(crate) async fn permits<'a>(limiters: &[&'a Limiter], priority: Priority) -> Vec<Permit<'a>> {
    let mut permits = Vec::with_capacity(limiters.len());
    for limiter in limiters {
        permits.push(limiter.acquire(priority).await);
    }
    permits
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
