//! Dead letters by why they were set aside: many failures, few reasons.

use super::CommandError;
use crate::engine::Engine;
use crate::engine::view::{DeadReason, DeadReasons};
use crate::store::{ReadTx, StoreError};
use crate::sync::dead::{fingerprint, is_about};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Dead letters that are gone through for a list of their reasons, the newest ones left out: a page
/// shows it. Whatever is done about all letters of a reason is done about all.
pub(super) const LETTERS_MAX: usize = 5_000;

/// Letters read at once.
const LETTERS_STEP: usize = 1_000;

impl Engine {
    /// Why letters were set aside, the most frequent reason first.
    pub(super) fn dead_reasons(&self) -> Result<DeadReasons, CommandError> {
        let read = self.store.read()?;
        let letters = read.dead_letters(None, LETTERS_MAX)?;
        let gone_through = u64::try_from(letters.len()).unwrap_or(u64::MAX);
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
        Ok(DeadReasons {
            rows: reasons,
            letters: gone_through,
            left_out: read.dead_count()?.saturating_sub(gone_through),
        })
    }
}

/// The numbers of the letters that were set aside for this reason, or of all.
pub(super) fn numbers(read: &ReadTx<'_>, reason: Option<&str>) -> Result<Vec<u64>, StoreError> {
    let (mut numbers, mut after) = (Vec::new(), None);
    loop {
        let letters = read.dead_letters(after, LETTERS_STEP)?;
        let Some(last) = letters.last() else {
            return Ok(numbers);
        };
        after = Some(last.number);
        let found = letters.iter().filter(|letter| is_about(reason, letter));
        numbers.extend(found.map(|letter| letter.number));
    }
}
