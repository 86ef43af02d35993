//! What goes in and what comes out: requests, responses, and answers that never arrive.
//!
//! These are plain values so that a simulation can drive the sandbox without a socket. Not here:
//! how they travel over HTTP (see `serve`).

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One of the two systems that the sandbox stands in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Remote {
    /// The Stripe API.
    Stripe,
    /// The Zenskar API.
    Zenskar,
}

impl Remote {
    /// The name as it stands in recorded exchanges: `stripe` or `zenskar`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::Zenskar => "zenskar",
        }
    }
}

/// A request as a client made it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Upper-case HTTP method.
    pub method: String,
    /// Path without the query, as sent (still percent-encoded).
    pub path: String,
    /// Query without the `?`; empty when there is none.
    pub query: String,
    /// Headers in order; names in any case.
    pub headers: Vec<(String, String)>,
    /// The body, empty when there is none.
    pub body: Bytes,
}

impl Request {
    /// A request without headers or body; `target` is a path with an optional query.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            ..Self::default()
        }
    }

    /// The same request with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same request with this body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The first header of this name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The path cut at its slashes, without empty parts.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.path
            .split('/')
            .filter(|part| !part.is_empty())
            .collect()
    }
}

/// A response as the client would read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// A JSON response.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
            body: Bytes::from(body.to_string()),
        }
    }

    /// A plain text response.
    #[must_use]
    pub fn text(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: vec![(
                "Content-Type".to_owned(),
                "text/plain; charset=utf-8".to_owned(),
            )],
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    /// A page for a browser.
    #[must_use]
    pub fn html(status: u16, page: &str) -> Self {
        Self {
            status,
            headers: vec![(
                "Content-Type".to_owned(),
                "text/html; charset=utf-8".to_owned(),
            )],
            body: Bytes::copy_from_slice(page.as_bytes()),
        }
    }

    /// The body as JSON, or `null` when it is none.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The first header of this name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    pub(crate) fn push_header(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| &**value)
}

/// What the client gets to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// An answer.
    Answer(Response),
    /// Nothing: the connection breaks. Whether the request was applied depends on the fault.
    ConnectionLost,
}

/// The result of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// What the client gets to see.
    pub outcome: Outcome,
    /// How long the outcome is held back. Effects are in place at once.
    pub delay_ms: u64,
}

impl Handled {
    pub(crate) fn now(response: Response) -> Self {
        Self {
            outcome: Outcome::Answer(response),
            delay_ms: 0,
        }
    }

    /// The answer, if there was one.
    #[must_use]
    pub fn answer(&self) -> Option<&Response> {
        match &self.outcome {
            Outcome::Answer(response) => Some(response),
            Outcome::ConnectionLost => None,
        }
    }
}
