//! Dead letters by why they were set aside: many failures, few reasons.

use super::CommandError;
use crate::engine::Engine;
use crate::engine::view::DeadReason;
use crate::model::work::DeadLetter;
use crate::sync::dead::fingerprint;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Dead letters that are gone through for their reasons, the newest ones left out.
const LETTERS_MAX: usize = 5_000;

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
