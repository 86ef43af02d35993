//! Who works on what right now.
//!
//! One process holds the store, so a claim lives in memory: a crash releases all of them. A look
//! and a delivery of the same customer never overlap, and customers do not wait for one another.

use crate::model::work::Subject;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The claims of this process: of customers, or of invoices.
#[derive(Clone, Debug)]
pub struct Claims<K: Ord = Subject>(Arc<Mutex<BTreeSet<K>>>);

impl<K: Ord> Default for Claims<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Ord + Clone> Claims<K> {
    /// Claims `subject`, unless somebody has it.
    #[must_use]
    pub fn take(&self, subject: &K) -> Option<Claim<K>> {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        claims.insert(subject.clone()).then(|| Claim {
            claims: self.clone(),
            subject: subject.clone(),
        })
    }

    /// Whether somebody has `subject`.
    #[must_use]
    pub fn is_taken(&self, subject: &K) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(subject)
    }
}

/// A claim; dropping it releases the subject.
#[derive(Debug)]
pub struct Claim<K: Ord = Subject> {
    claims: Claims<K>,
    subject: K,
}

impl<K: Ord> Drop for Claim<K> {
    fn drop(&mut self) {
        let mut claims = self.claims.0.lock().unwrap_or_else(PoisonError::into_inner);
        claims.remove(&self.subject);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_claimed_once_until_it_is_released() {
        let claims = Claims::default();
        let subject = Subject::parse("customer/cus_1").unwrap();
        let other = Subject::parse("customer/cus_2").unwrap();
        let claim = claims.take(&subject).unwrap();
        assert!(claims.take(&subject).is_none());
        assert!(claims.take(&other).is_some());
        drop(claim);
        assert!(!claims.is_taken(&subject));
        assert!(claims.take(&subject).is_some());
    }
}
