//! What the daemon tells about itself: log lines, metrics, and the one way to print an error.
//!
//! # Invariants
//!
//! - An error's text is made by [`chain`] and nowhere else.
//! - A label holds a word from a closed list: never an id, an address or anything a remote chose.
//! - Customer data appears in no metric and in no log line above `debug`.
//!
//! Not here: what is worth counting or logging. Each module decides that for itself.

pub mod log;
pub mod metrics;
pub mod throttle;

use std::error::Error;

/// `error` and its causes as one line: `store event: write file: no space left on device`.
///
/// A cause that its parent's text already ends with is printed once: several libraries repeat
/// their source in their own message.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let own = error.to_string();
        if !own.is_empty() && !text.ends_with(&own) {
            text.push_str(": ");
            text.push_str(&own);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Step {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    fn steps(texts: &[&'static str]) -> Step {
        let (first, rest) = texts.split_first().unwrap();
        Step {
            text: first,
            source: (!rest.is_empty()).then(|| Box::new(steps(rest))),
        }
    }

    #[test]
    fn prints_each_cause_once() {
        for (texts, line) in [
            (vec!["alone"], "alone"),
            (
                vec!["store event", "write file", "disk full"],
                "store event: write file: disk full",
            ),
            (
                vec!["send: reset by peer", "reset by peer"],
                "send: reset by peer",
            ),
            (vec!["read", "", "eof"], "read: eof"),
        ] {
            assert_eq!(chain(&steps(&texts)), line);
        }
    }
}
