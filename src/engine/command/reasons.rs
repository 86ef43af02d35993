//! Dead letters by why they were set aside: many failures, few reasons.

use super::CommandError;
use crate::engine::Engine;
use crate::engine::view::DeadReason;
use crate::model::work::DeadLetter;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Dead letters that are gone through for their reasons, the newest ones left out.
const LETTERS_MAX: usize = 5_000;

/// Longest word that says something about a failure, in bytes; longer ones are ids.
const WORD_BYTES_MAX: usize = 24;

impl Engine {
    /// Why letters were set aside, the most frequent reason first.
    pub(super) fn dead_reasons(&self) -> Result<Vec<DeadReason>, CommandError> {
        let letters = self.store.read()?.dead_letters(None, LETTERS_MAX)?;
        let mut reasons: BTreeMap<String, DeadReason> = BTreeMap::new();
        for letter in letters {
            let reason = fingerprint(&letter.reason);
            let known = reasons.entry(reason.clone()).or_insert(DeadReason {
                reason,
                count: 0,
                last_at: String::new(),
            });
            known.count = known.count.saturating_add(1);
            // They come in the order in which they were set aside.
            known.last_at = letter.at.to_string();
        }
        let mut reasons: Vec<DeadReason> = reasons.into_values().collect();
        reasons.sort_by_key(|reason| Reverse(reason.count));
        Ok(reasons)
    }

    /// The numbers of the letters that were set aside for this reason.
    pub(super) fn dead_for(&self, reason: &str) -> Result<Vec<u64>, CommandError> {
        let letters = self.store.read()?.dead_letters(None, LETTERS_MAX)?;
        let is_it = |letter: &DeadLetter| fingerprint(&letter.reason) == reason;
        let found = letters.into_iter().filter(is_it);
        Ok(found.map(|letter| letter.number).collect())
    }
}

/// The reason without what tells one failure from another of its kind: ids, addresses, figures that
/// are no status.
fn fingerprint(reason: &str) -> String {
    let words = reason.split_whitespace().map(|word| {
        let core = word.trim_matches(|c: char| !c.is_alphanumeric());
        let is_status = core.len() == 3 && core.bytes().all(|byte| byte.is_ascii_digit());
        let names_one = core
            .bytes()
            .any(|byte| byte.is_ascii_digit() || byte == b'@');
        if is_status || !(names_one || core.len() > WORD_BYTES_MAX) {
            word.to_owned()
        } else {
            word.replace(core, "…")
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_one_kind_have_one_fingerprint() {
        for (one, other, expected) in [
            (
                "zenskar answered 422: e-mail ann@example.com is taken",
                "zenskar answered 422: e-mail bob@example.com is taken",
                "zenskar answered 422: e-mail … is taken",
            ),
            (
                "No such customer: 'cus_1a2B'",
                "No such customer: 'cus_9z'",
                "No such customer: '…'",
            ),
            (
                "timed out after 20 s (3 attempts)",
                "timed out after 9 s (12 attempts)",
                "timed out after … s (… attempts)",
            ),
        ] {
            assert_eq!(fingerprint(one), expected);
            assert_eq!(fingerprint(other), expected);
        }
        assert_ne!(fingerprint("answered 422"), fingerprint("answered 500"));
    }
}
