//! What the sandbox saw: every exchange, and every write per customer.
//!
//! Exchanges are kept in a ring of limited length; writes in full, because tests count them, or
//! not at all. Credentials never get in here. Not here: the record file (see `serve`).

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::Value;

use crate::message::{Remote, Request, Response};

/// One request with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exchange {
    /// Position among all exchanges, from 1.
    pub number: u64,
    /// Milliseconds on the sandbox's clock.
    pub at_ms: i64,
    /// Who was asked.
    pub remote: Remote,
    /// Method of the request.
    pub method: String,
    /// Path of the request.
    pub path: String,
    /// Query of the request.
    pub query: String,
    /// Headers of the request, lower-case names, credentials blanked.
    pub headers: BTreeMap<String, String>,
    /// Body of the request.
    pub body: String,
    /// Status that was answered; absent when the connection broke.
    pub status: Option<u16>,
    /// Body that was answered: JSON, or text as a string.
    pub response: Value,
}

/// One attempt to write a customer through the API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Write {
    /// Unix seconds on the sandbox's clock.
    pub at: i64,
    /// Whose API was written to.
    pub remote: Remote,
    /// Method of the request.
    pub method: String,
    /// Path of the request.
    pub path: String,
    /// The `Idempotency-Key` sent.
    pub idempotency_key: Option<String>,
    /// The body; Stripe's form as nested JSON.
    pub body: Value,
    /// Whether it took effect. A lost request, a refusal and a replay did not.
    pub applied: bool,
}

/// The memory of a sandbox.
#[derive(Debug)]
pub(crate) struct Log {
    keep: usize,
    keep_writes: bool,
    total: u64,
    exchanges: VecDeque<Exchange>,
    writes: BTreeMap<String, Vec<Write>>,
}

impl Log {
    pub(crate) fn new(keep: usize, keep_writes: bool) -> Self {
        Self {
            keep,
            keep_writes,
            total: 0,
            exchanges: VecDeque::new(),
            writes: BTreeMap::new(),
        }
    }

    pub(crate) fn exchange(
        &mut self,
        at_ms: i64,
        remote: Remote,
        request: &Request,
        response: Option<&Response>,
    ) {
        self.total += 1;
        if self.keep == 0 {
            return;
        }
        if self.exchanges.len() >= self.keep {
            self.exchanges.pop_front();
        }
        let exchange = Exchange::new(self.total, at_ms, remote, request, response);
        self.exchanges.push_back(exchange);
    }

    pub(crate) fn write(&mut self, customer: &str, write: Write) {
        if !self.keep_writes {
            return;
        }
        self.writes
            .entry(customer.to_owned())
            .or_default()
            .push(write);
    }

    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.iter().cloned().collect()
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn writes(&self, customer: &str) -> Vec<Write> {
        self.writes.get(customer).cloned().unwrap_or_default()
    }

    pub(crate) fn written(&self) -> impl Iterator<Item = (&String, usize)> {
        self.writes
            .iter()
            .map(|(id, writes)| (id, writes.iter().filter(|w| w.applied).count()))
    }
}

impl Exchange {
    pub(crate) fn new(
        number: u64,
        at_ms: i64,
        remote: Remote,
        request: &Request,
        response: Option<&Response>,
    ) -> Self {
        let mut headers = BTreeMap::new();
        for (name, value) in &request.headers {
            let name = name.to_ascii_lowercase();
            let secret = matches!(name.as_str(), "authorization" | "x-api-key" | "cookie");
            let value = if secret { "[redacted]" } else { value };
            headers.insert(name, value.to_owned());
        }
        Self {
            number,
            at_ms,
            remote,
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers,
            body: shown_body(request),
            status: response.map(|response| response.status),
            response: response.map_or(Value::Null, shown_answer),
        }
    }
}

/// The body without the credentials that OAuth puts there.
fn shown_body(request: &Request) -> String {
    let body = String::from_utf8_lossy(&request.body).into_owned();
    if !request.path.starts_with("/oauth/") {
        return body;
    }
    let blank = |pair: &str| match pair.split_once('=') {
        Some((name @ ("client_secret" | "code"), _)) => format!("{name}=[redacted]"),
        _ => pair.to_owned(),
    };
    body.split('&').map(blank).collect::<Vec<_>>().join("&")
}

fn shown_answer(response: &Response) -> Value {
    let mut shown = serde_json::from_slice(&response.body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&response.body).into_owned()));
    for name in ["access_token", "refresh_token", "secret"] {
        if let Some(value) = shown.get_mut(name) {
            *value = Value::String("[redacted]".to_owned());
        }
    }
    shown
}
