//! The seam to the network: one plain request in, one plain response out.
//!
//! [`HttpTransport`] sends over HTTPS; the simulation puts the remotes' routers behind the same
//! trait. A transport sends each request at most once and follows no redirect: whether to send
//! again is decided by those who know what the request does.
//!
//! Not here: what a status means ([`outcome`](super::outcome)), and how often a request may leave
//! ([`limiter`](super::limiter)).

use crate::clock::BoxFuture;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method};
use std::error::Error;
use std::fmt;
use std::time::Duration;
use zeroize::Zeroizing;

/// Longest answer that is read, in bytes, after decompression. A page of 100 objects of 100 kB
/// each stays below it.
pub const RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Longest single object that is taken, in bytes: a customer, an event. Both remotes' own are far
/// below 1 MiB. Less than the store keeps, so that an object that was taken is never too large for
/// it.
pub const OBJECT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Longest wait for a connection, TLS included. Shorter than every request's own time-out, so that
/// an unreachable remote is known to be one: nothing was sent.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest silence in the middle of an answer.
pub const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an unused connection is kept: shorter than the 60 s after which load balancers commonly
/// close it, since a request that meets a closing connection is lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Text of a header; a secret one is never shown and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderText {
    text: Zeroizing<String>,
    secret: bool,
}

impl HeaderText {
    /// Text that may be shown.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: Zeroizing::new(text.into()),
            secret: false,
        }
    }

    /// Text that may not be shown.
    #[must_use]
    pub fn secret(text: impl Into<String>) -> Self {
        Self {
            text: Zeroizing::new(text.into()),
            secret: true,
        }
    }

    /// The text, for the wire.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Whether it may not be shown.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        self.secret
    }
}

impl fmt::Debug for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.secret {
            f.write_str("(secret)")
        } else {
            fmt::Debug::fmt(self.expose(), f)
        }
    }
}

/// A request to a remote.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Its whole address, percent-encoded.
    pub url: String,
    /// Headers, in lower case.
    pub headers: Vec<(&'static str, HeaderText)>,
    /// Its body, empty for none.
    pub body: Bytes,
    /// Longest time from the first byte sent to the last byte read.
    pub timeout: Duration,
}

impl Request {
    /// The header's text, if the request has it.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| *header == name)
            .map(|(_, text)| text.expose())
    }
}

impl fmt::Debug for Request {
    /// Without query and body, which may name a customer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.split('?').next().unwrap_or_default();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &url)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// A remote's answer, whatever its status.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, decompressed.
    pub body: Bytes,
}

impl Response {
    /// The header's text, if the answer has it and it is visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|text| text.to_str().ok())
    }

    /// Whether the remote says that it did what was asked.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// Whether it is a page for people, as gateways have them: neither remote speaks like this.
    #[must_use]
    pub fn is_markup(&self) -> bool {
        self.body.trim_ascii_start().starts_with(b"<")
    }
}

impl fmt::Debug for Response {
    /// Without the body, which may name a customer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Nothing can have reached the remote: no address, no connection, no TLS.
    #[error("no connection")]
    NotSent(#[source] Box<dyn Error + Send + Sync>),
    /// The request may have reached the remote: time-out, reset, broken answer.
    #[error("no answer")]
    Lost(#[source] Box<dyn Error + Send + Sync>),
    /// The remote answered with more than we read.
    #[error("answer of more than {limit} bytes")]
    TooLarge {
        /// The most that is read, in bytes.
        limit: usize,
    },
}

/// Sends requests.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Sends `request` once and reads the whole answer.
    ///
    /// # Errors
    ///
    /// There is no answer; the variant says whether the request may have arrived.
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>>;
}

/// The transport cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum HttpSetupError {
    /// The certificates cannot be read.
    #[error("read the certificates of the CA file")]
    Certificates(#[source] reqwest::Error),
    /// The HTTP client cannot be made, for example because the system has no root certificates.
    #[error("set up the HTTP client")]
    Client(#[source] reqwest::Error),
}

/// Requests over HTTP and HTTPS.
///
/// Certificates are checked against the system's roots and those of the CA file. A proxy is used
/// where the environment names one (`HTTPS_PROXY`, `NO_PROXY`).
#[derive(Clone, Debug)]
pub struct HttpTransport {
    client: reqwest::Client,
}

impl HttpTransport {
    /// A transport that trusts the system's roots and, if given, the PEM certificates in `ca_pem`.
    ///
    /// # Errors
    ///
    /// Certificates that cannot be read, or no way to check any.
    pub fn new(ca_pem: Option<&[u8]>) -> Result<Self, HttpSetupError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("zenstripe/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .referer(false);
        if let Some(pem) = ca_pem {
            let certificates =
                reqwest::Certificate::from_pem_bundle(pem).map_err(HttpSetupError::Certificates)?;
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder.build().map_err(HttpSetupError::Client)?;
        Ok(Self { client })
    }

    async fn exchange(&self, request: Request) -> Result<Response, TransportError> {
        let mut builder = self
            .client
            .request(request.method, &request.url)
            .timeout(request.timeout)
            .body(request.body);
        for (name, text) in &request.headers {
            let mut value = http::HeaderValue::from_str(text.expose())
                .map_err(|error| TransportError::NotSent(error.into()))?;
            value.set_sensitive(text.is_secret());
            builder = builder.header(*name, value);
        }
        let mut answer = builder.send().await.map_err(unsent_or_lost)?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let mut body = BytesMut::new();
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|error| TransportError::Lost(error.without_url().into()))?
        {
            if body.len().saturating_add(chunk.len()) > RESPONSE_BYTES_MAX {
                return Err(TransportError::TooLarge {
                    limit: RESPONSE_BYTES_MAX,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response {
            status,
            headers,
            body: body.freeze(),
        })
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(self.exchange(request))
    }
}

/// The address is taken out of the error: its query may name a customer.
fn unsent_or_lost(error: reqwest::Error) -> TransportError {
    let unsent = error.is_connect() || error.is_builder();
    let error = error.without_url().into();
    if unsent {
        TransportError::NotSent(error)
    } else {
        TransportError::Lost(error)
    }
}

#[cfg(test)]
mod tests;
