//! The bodies that cross a listener: a request's with its deadline, an answer's with its request.

use super::activity::Request;
use axum::body::Body as AnyBody;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, Sleep, sleep_until};

/// A request's body that did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It took too long, however steadily it came.
    #[error("request body is late")]
    Late,
    /// The connection or its protocol broke.
    #[error("read request body")]
    Broken {
        /// What the library says.
        source: hyper::Error,
    },
}

/// A request's body; it ends with [`BodyError::Late`] when it is not whole at its deadline.
///
/// A body that is there already, as almost all are, costs no timer.
pub struct RequestBody {
    incoming: Incoming,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").finish_non_exhaustive()
    }
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, deadline: Instant) -> Self {
        Self {
            incoming,
            deadline,
            timer: None,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        // The timer first: a client that always has one more byte ready must not outrun it.
        if let Some(timer) = &mut self.timer
            && timer.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Some(Err(BodyError::Late)));
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) {
            return Poll::Ready(
                frame.map(|frame| frame.map_err(|source| BodyError::Broken { source })),
            );
        }
        let deadline = self.deadline;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(BodyError::Late)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// An answer's body; its request is under way until it is dropped.
pub(super) struct AnswerBody {
    body: AnyBody,
    _request: Request,
}

impl AnswerBody {
    pub(super) fn new(body: AnyBody, request: Request) -> Self {
        Self {
            body,
            _request: request,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
