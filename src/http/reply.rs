//! Failures as answers: class → status, and a body that is safe to show.
//!
//! Every failure that a handler answers with has the body `{"error":{"code","message","hint"}}`: a word for
//! programs, a sentence for people, and what to do if we know. What went wrong inside of us is in
//! the log under the request's id, and not in the answer.

use crate::clock::Random;
use crate::telemetry::chain;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use std::sync::Arc;
use tracing::Instrument;

/// Carries a request's id, in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id that is taken from a client, in bytes: a UUID with some prefix.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The request cannot be read.
    Malformed,
    /// Nobody we know asks.
    Unauthenticated,
    /// Whoever asks may not.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// The thing cannot be asked this way.
    WrongMethod,
    /// It does not fit the present state; asking again after a look may help.
    Conflict,
    /// The body is over the limit.
    TooLarge,
    /// The body is not JSON.
    WrongType,
    /// The name in the request is not ours.
    WrongHost,
    /// It can be read and is not allowed by a rule.
    Refused,
    /// Too many of these lately.
    TooMany,
    /// Our own defect.
    Internal,
    /// Not now.
    Unavailable,
}

impl Class {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::WrongType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::WrongHost => StatusCode::MISDIRECTED_REQUEST,
            Self::Refused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A failure as an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    class: Class,
    code: &'static str,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// A failure the asking side can understand: `code` is one word in `snake_case` that stays
    /// the same from release to release, `message` is a sentence.
    pub fn new(class: Class, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            class,
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A failure inside of us: `error` is logged, the answer says only where to look.
    #[must_use]
    pub fn internal(error: &dyn std::error::Error) -> Self {
        let error = chain(error);
        tracing::error!(event = "request_failed", error);
        Self::new(
            Class::Internal,
            "internal",
            "Something went wrong inside zenstripe.",
        )
        .hint("Look for this request's id in the log.")
    }

    /// What happened, in a sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do, if we know.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Its kind.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let error = Error {
            code: self.code,
            message: &self.message,
            hint: self.hint.as_deref(),
        };
        let mut response = (self.class.status(), axum::Json(Envelope { error })).into_response();
        if self.class == Class::Unauthenticated {
            let scheme = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        // For the console, which says the same as a page.
        response.extensions_mut().insert(self);
        response
    }
}

/// The name of a request.
#[derive(Clone, Debug)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// Names requests: by what a client calls them, if that is a name, else by a number of ours.
#[derive(Clone, Debug)]
pub struct RequestIds(Arc<Random>);

impl RequestIds {
    /// Draws ids from `random`.
    #[must_use]
    pub const fn new(random: Arc<Random>) -> Self {
        Self(random)
    }

    fn of(&self, request: &Request) -> HeaderValue {
        let given = request
            .headers()
            .get(REQUEST_ID)
            .filter(|value| is_name(value.as_bytes()));
        let ours = || {
            let number = self.0.next();
            // Hexadecimal digits are a header's value, always.
            HeaderValue::try_from(format!("{number:016x}"))
                .unwrap_or_else(|_| HeaderValue::from_static("0"))
        };
        given.cloned().unwrap_or_else(ours)
    }

    /// Middleware: logs under the request's id and answers with it.
    pub async fn name(self, mut request: Request, next: Next) -> Response {
        let id = self.of(&request);
        request.extensions_mut().insert(RequestId(id.clone()));
        let span = tracing::info_span!(
            "request",
            request_id = id.to_str().unwrap_or_default(),
            method = request.method().as_str(),
            path = request.uri().path(),
        );
        let mut response = next.run(request).instrument(span).await;
        response.headers_mut().insert(REQUEST_ID, id);
        response
    }
}

fn is_name(text: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    (1..=REQUEST_ID_BYTES_MAX).contains(&text.len()) && text.iter().all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_name_or_is_replaced() {
        for (text, name) in [
            ("", false),
            ("a b", false),
            ("a\"b", false),
            (&"x".repeat(65), false),
            (&"x".repeat(64), true),
            ("7f2c-a_1.b:c", true),
        ] {
            assert_eq!(is_name(text.as_bytes()), name, "{text:?}");
        }
    }
}
