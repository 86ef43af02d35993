//! Doubles for the tests of this layer and of those right of it: a clock that moves when all wait,
//! and a transport that answers from a script.

use crate::clock::{BoxFuture, Clock};
use crate::model::time::Timestamp;
use crate::remote::transport::{Request, Response, Transport, TransportError};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A clock that stands still until [`drive`] finds everybody waiting.
#[derive(Clone, Debug)]
pub(crate) struct StillClock(Arc<Mutex<(Timestamp, Vec<Timestamp>)>>);

impl StillClock {
    pub(crate) fn new() -> Self {
        let start = Timestamp::from_seconds(1_000_000);
        Self(Arc::new(Mutex::new((start, Vec::new()))))
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.0.lock().unwrap().0 = now;
    }

    /// Moves to the next end of a sleep; whether there was one.
    fn skip(&self) -> bool {
        let mut state = self.0.lock().unwrap();
        let now = state.0;
        state.1.retain(|end| *end > now);
        let Some(next) = state.1.iter().copied().min() else {
            return false;
        };
        state.0 = next;
        true
    }
}

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().0
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        let end = self.now().plus(span);
        self.0.lock().unwrap().1.push(end);
        let clock = self.clone();
        Box::pin(std::future::poll_fn(move |_| {
            if clock.now() >= end {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }))
    }
}

/// Runs the futures to their end, in this order within each round, moving the clock when no
/// future can go on.
pub(crate) fn drive(clock: &StillClock, mut futures: Vec<BoxFuture<'_, ()>>) {
    let mut context = Context::from_waker(Waker::noop());
    while !futures.is_empty() {
        // Several rounds, since one future can let another go on.
        let before = futures.len();
        for _ in 0..16 {
            futures.retain_mut(|future| Pin::new(future).poll(&mut context).is_pending());
        }
        if futures.len() == before {
            assert!(clock.skip(), "{before} futures wait for nothing");
        }
    }
}

/// Runs one future to its end.
pub(crate) fn run<T>(clock: &StillClock, future: impl Future<Output = T> + Send) -> T
where
    T: Send,
{
    let mut out = None;
    let slot = &mut out;
    drive(
        clock,
        vec![Box::pin(async move { *slot = Some(future.await) })],
    );
    out.unwrap()
}

/// Answers from a script, in order, and keeps what it was asked.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    answers: Mutex<VecDeque<Result<Response, TransportError>>>,
    seen: Mutex<Vec<Request>>,
}

impl Scripted {
    pub(crate) fn new(
        answers: impl IntoIterator<Item = Result<Response, TransportError>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            seen: Mutex::default(),
        })
    }

    /// What was asked so far, and forgets it.
    pub(crate) fn seen(&self) -> Vec<Request> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

impl Transport for Scripted {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        self.seen.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async move { answer.expect("the script has an answer") })
    }
}

/// An answer with these headers and this body.
pub(crate) fn response(status: u16, headers: &[(&'static str, &str)], body: &str) -> Response {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_str(value).unwrap())
        })
        .collect();
    Response {
        status,
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

/// `GET /path`, its headers by name, its body: what a test compares.
pub(crate) fn shown(request: &Request) -> String {
    let mut lines = vec![format!("{} {}", request.method, request.url)];
    for (name, value) in &request.headers {
        lines.push(format!("{name}: {}", value.expose()));
    }
    if !request.body.is_empty() {
        lines.push(String::new());
        lines.push(String::from_utf8_lossy(&request.body).into_owned());
    }
    lines.join("\n")
}
