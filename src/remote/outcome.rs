//! What came of a call: an answer, or a failure with a class.
//!
//! The class says what may be done next, and is decided once, next to the wire: here where there
//! was no answer at all, in `stripe/error.rs` and `zenskar/error.rs` where there was one.

use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::remote::text::{printable, shortened};
use crate::remote::transport::TransportError;
use std::fmt;
use std::time::Duration;

/// Longest message of a remote that is kept, in characters.
pub const MESSAGE_CHARS_MAX: usize = 1_000;

/// Longest error code or request id of a remote that is kept, in characters.
pub const CODE_CHARS_MAX: usize = 128;

/// How a write whose outcome is unknown is made safe to repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// The remote recognises a repeat by its idempotency key: the same bytes may be sent again
    /// under the same key for as long as the remote keeps it.
    SameKey,
    /// The remote recognises nothing: it is looked at first, and only what is missing is sent.
    LookFirst,
}

/// What a call does at the remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it may be repeated at will.
    Read,
    /// It changes something.
    Write(Repeat),
}

/// A kind of call, named once for errors, logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// What is done, to follow "failed to", such as `read customer`.
    pub name: &'static str,
    /// What it does at the remote.
    pub effect: Effect,
}

impl Call {
    /// A call that changes nothing.
    #[must_use]
    pub const fn read(name: &'static str) -> Self {
        Self {
            name,
            effect: Effect::Read,
        }
    }

    /// A call that changes something, and how a repeat of it is made safe.
    #[must_use]
    pub const fn write(name: &'static str, repeat: Repeat) -> Self {
        Self {
            name,
            effect: Effect::Write(repeat),
        }
    }

    /// The class of a failure after which the remote may or may not have acted: a read is
    /// repeated, a write is unknown.
    #[must_use]
    pub const fn undecided(self, after: Option<Duration>) -> Class {
        match self.effect {
            Effect::Read => Class::Retry { after },
            Effect::Write(_) => Class::Unknown,
        }
    }
}

/// Whether a write that waited for its turn is still wanted; asked right before it is sent.
pub type Wanted<'a> = &'a (dyn Fn() -> bool + Sync);

/// What may be done after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It is known not to have been applied, and may be sent again.
    Retry {
        /// The remote asks for at least this wait.
        after: Option<Duration>,
    },
    /// A write that may have been applied. What makes a repeat safe is the call's [`Repeat`].
    Unknown,
    /// The remote said no, and would say so again. It was not applied.
    Refused,
    /// The remote does not know the object it is about.
    Missing,
    /// The remote does not know the page cursor (any more): start again from a time, or from the
    /// beginning.
    CursorGone,
    /// The key is not accepted: nothing works until a person acts.
    Unauthorized,
    /// The key is accepted and lacks this right: other calls may work.
    Forbidden,
}

impl Class {
    /// The class's name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry { .. } => "retry",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
            Self::Missing => "missing",
            Self::CursorGone => "cursor-gone",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
        }
    }
}

/// A call that failed.
///
/// Its `Display` form holds no words of the remote's, since those may name a customer; `message`
/// does, for the store and the console.
#[derive(Debug, thiserror::Error)]
pub struct Failure {
    /// The remote that was called.
    pub remote: Side,
    /// What was tried, to follow "failed to".
    pub call: &'static str,
    /// What may be done next.
    pub class: Class,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The remote's own code, such as `lock_timeout`.
    pub code: Option<Box<str>>,
    /// The remote's own words, at most [`MESSAGE_CHARS_MAX`]; may name a customer. For a failure
    /// without an answer, what went wrong.
    pub message: String,
    /// The remote's number for the request (Stripe's `Request-Id`).
    pub request_id: Option<Box<str>>,
    /// Why there was no answer.
    #[source]
    pub source: Option<Box<TransportError>>,
}

impl Failure {
    /// No answer came.
    #[must_use]
    pub fn unanswered(remote: Side, call: Call, error: TransportError) -> Self {
        let class = match error {
            TransportError::NotSent(_) => Class::Retry { after: None },
            TransportError::Lost(_) => call.undecided(None),
            // The same question would have the same answer.
            TransportError::TooLarge { .. } if call.effect == Effect::Read => Class::Refused,
            TransportError::TooLarge { .. } => Class::Unknown,
        };
        Self {
            message: error.to_string(),
            source: Some(Box::new(error)),
            ..Self::new(remote, call, class)
        }
    }

    /// Nothing was sent: the write was not wanted any more when its turn came.
    #[must_use]
    pub fn unwanted(remote: Side, call: Call) -> Self {
        Self {
            message: "the rules changed while the write waited for its turn".to_owned(),
            ..Self::new(remote, call, Class::Retry { after: None })
        }
    }

    /// An answer came, said yes, and cannot be understood.
    #[must_use]
    pub fn unreadable(remote: Side, call: Call, status: u16, what: &str) -> Self {
        Self {
            status: Some(status),
            message: format!("the answer is not understood: {what}"),
            ..Self::new(remote, call, call.undecided(None))
        }
    }

    /// A failure of this class, to be filled in.
    #[must_use]
    pub const fn new(remote: Side, call: Call, class: Class) -> Self {
        Self {
            remote,
            call: call.name,
            class,
            status: None,
            code: None,
            message: String::new(),
            request_id: None,
            source: None,
        }
    }

    /// Whether the remote has ended its work on the request: it keeps its answer under the
    /// idempotency key, and would give it again. Not so where no answer came, or where another copy
    /// of the request is still at work (`idempotency_key_in_use`).
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.status.is_some() && self.code.as_deref() != Some("idempotency_key_in_use")
    }

    /// The failure for a person: what, and what the remote said. May name a customer.
    #[must_use]
    pub fn in_words(&self) -> String {
        if self.message.is_empty() {
            self.to_string()
        } else {
            format!("{self}: {}", self.message)
        }
    }

    /// The wait that the remote asks for.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self.class {
            Class::Retry { after } => after,
            _ => None,
        }
    }

    /// The failure with what the remote said, bounded and without control characters.
    #[must_use]
    pub fn said(
        mut self,
        status: u16,
        code: Option<&str>,
        message: &str,
        request_id: Option<&str>,
    ) -> Self {
        let word = |text: &str| shortened(&printable(text), CODE_CHARS_MAX).into_boxed_str();
        self.status = Some(status);
        self.code = code.map(word);
        self.message = shortened(&printable(message), MESSAGE_CHARS_MAX);
        self.request_id = request_id.map(word);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} in {}: {}",
            self.call,
            self.remote,
            self.class.as_str()
        )?;
        if let Some(status) = self.status {
            write!(f, ", status {status}")?;
        }
        if let Some(code) = &self.code {
            write!(f, ", code {code}")?;
        }
        if let Some(request_id) = &self.request_id {
            write!(f, ", request {request_id}")?;
        }
        Ok(())
    }
}

/// What a remote answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<T> {
    /// The answer.
    pub value: T,
    /// When it was given, by the remote's own clock (`Date`), to the second.
    pub date: Option<Timestamp>,
    /// The remote's number for the request (Stripe's `Request-Id`).
    pub request_id: Option<Box<str>>,
}

impl<T> Answer<T> {
    /// The same answer with another value.
    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> Answer<U> {
        Answer {
            value: to(self.value),
            date: self.date,
            request_id: self.request_id,
        }
    }
}

/// An answer or a failure.
pub type Outcome<T> = Result<Answer<T>, Failure>;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, C> {
    /// What could be read, in the remote's order.
    pub items: Vec<T>,
    /// How many items could not be read; they are left out.
    pub unreadable: usize,
    /// Where the next page begins; `None` when this was the last.
    pub next: Option<C>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;

    const READ: Call = Call::read("read customer");
    const WRITE: Call = Call::write("update customer", Repeat::LookFirst);

    #[test]
    fn a_failure_without_an_answer_has_the_class_of_its_call() {
        let again = Class::Retry { after: None };
        let not_sent = || TransportError::NotSent("refused".into());
        let lost = || TransportError::Lost("reset".into());
        let large = || TransportError::TooLarge { limit: 1 };
        for (call, error, class) in [
            (READ, not_sent(), again),
            (WRITE, not_sent(), again),
            (READ, lost(), again),
            (WRITE, lost(), Class::Unknown),
            (READ, large(), Class::Refused),
            (WRITE, large(), Class::Unknown),
        ] {
            let failure = Failure::unanswered(Side::Zenskar, call, error);
            assert_eq!(failure.class, class, "{failure:?}");
            assert!(failure.source().is_some());
        }
    }

    #[test]
    fn its_display_form_names_no_customer() {
        let failure = Failure::new(Side::Stripe, READ, Class::Refused).said(
            400,
            Some("email_invalid"),
            "Invalid email: jane@example.com\u{7}",
            Some("req_1"),
        );
        assert_eq!(
            failure.to_string(),
            "read customer in stripe: refused, status 400, code email_invalid, request req_1"
        );
        assert_eq!(failure.message, "Invalid email: jane@example.com ");
        let long = Failure::new(Side::Stripe, READ, Class::Refused).said(
            400,
            None,
            &"é".repeat(MESSAGE_CHARS_MAX * 2),
            None,
        );
        assert_eq!(long.message.chars().count(), MESSAGE_CHARS_MAX + 1);
    }
}
