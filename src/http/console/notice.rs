//! What came of an action, told on the page that is shown next.
//!
//! Kept in memory for the session that acted: an address never carries what a page says.

use crate::http::reply::Failure;
use crate::model::session::Digest;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Notices that wait to be shown. A person needs one.
const NOTICES_MAX: usize = 256;

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) is_good: bool,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Notice {
    pub(super) fn good(message: impl Into<String>) -> Self {
        Self {
            is_good: true,
            message: sentence(&message.into()),
            hint: None,
        }
    }

    pub(super) fn bad(failure: &Failure) -> Self {
        Self {
            is_good: false,
            message: sentence(failure.message()),
            hint: failure.advice().map(sentence),
        }
    }
}

/// The same with a capital letter and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    // An id or a key of the configuration is written as it is.
    let word = text.split_whitespace().next().unwrap_or_default();
    let is_word = word != "zenstripe"
        && word
            .chars()
            .all(|c| c.is_alphabetic() || ",;:'-".contains(c));
    let mut out = String::with_capacity(text.len().saturating_add(1));
    if is_word {
        out.extend(first.to_uppercase());
    } else {
        out.push(first);
    }
    out.push_str(letters.as_str());
    if !out.ends_with(['.', '!', '?', ':']) {
        out.push('.');
    }
    out
}

/// The same with a capital letter alone.
pub(super) fn headline(text: &str) -> String {
    let sentence = sentence(text);
    sentence
        .strip_suffix('.')
        .map_or_else(|| sentence.clone(), str::to_owned)
}

/// All notices, one a session.
#[derive(Debug, Default)]
pub(super) struct Notices(Mutex<BTreeMap<Digest, Notice>>);

impl Notices {
    pub(super) fn put(&self, session: Digest, notice: Notice) {
        let mut notices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while notices.len() >= NOTICES_MAX {
            notices.pop_first();
        }
        notices.insert(session, notice);
    }

    pub(super) fn take(&self, session: &Digest) -> Option<Notice> {
        let mut notices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notices.remove(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_told_once_and_to_its_session() {
        let notices = Notices::default();
        notices.put([1; 32], Notice::good("linked"));
        assert_eq!(notices.take(&[2; 32]), None);
        assert_eq!(notices.take(&[1; 32]).unwrap().message, "Linked.");
        assert_eq!(notices.take(&[1; 32]), None);
    }

    #[test]
    fn what_was_said_becomes_a_sentence() {
        for (said, shown) in [
            ("cus_1 is linked", "cus_1 is linked."),
            ("the plan changed", "The plan changed."),
            ("Done.", "Done."),
            ("zenstripe is going down", "zenstripe is going down."),
            ("", ""),
        ] {
            assert_eq!(sentence(said), shown);
        }
    }
}
