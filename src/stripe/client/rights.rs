//! What a restricted key may not read is left out, where the rest may be read.
//!
//! Expanding tax ids takes a right of its own, and without it the whole call is refused
//! ("Expanding Responses"). A customer without its tax ids is worth more than none: what was not
//! read is not blank.

use super::{Detail, StripeClient};
use crate::model::time::Timestamp;
use crate::remote::outcome::{Class, Failure, Outcome};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a right that was missed is taken to be missing still: a person can add it to the key.
const ASKED_AGAIN: Duration = Duration::from_secs(600);

/// Since when a right is known to be missing.
#[derive(Debug, Default)]
pub(super) struct Missed(Mutex<Option<Timestamp>>);

impl Missed {
    pub(super) fn at(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, at: Option<Timestamp>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// The key is another one.
    pub(super) fn forget(&self) {
        self.set(None);
    }
}

impl StripeClient {
    /// Asks in this detail, or in less where the key has not the right to more.
    pub(super) async fn within_rights<T, F>(
        &self,
        detail: Detail,
        ask: impl Fn(Detail) -> F,
    ) -> Outcome<T>
    where
        F: Future<Output = Outcome<T>>,
    {
        let now = self.base.clock().now();
        let missed = self.tax_ids.at();
        if detail == Detail::Plain || missed.is_some_and(|at| now.since(at) < ASKED_AGAIN) {
            return ask(Detail::Plain).await;
        }
        match ask(detail).await {
            Err(failure) if lacks_tax_ids(&failure) => {
                let answer = ask(Detail::Plain).await?;
                if missed.is_none() {
                    tracing::warn!(
                        event = "tax_ids_not_read",
                        "the key lacks the right to them"
                    );
                }
                self.tax_ids.set(Some(now));
                Ok(answer)
            }
            outcome => {
                if outcome.is_ok() {
                    self.tax_ids.forget();
                }
                outcome
            }
        }
    }
}

/// Whether a refusal is for want of the right to tax ids alone: Stripe names the permission that is
/// missing ("Restricted API keys"). Any other is a matter of the whole key.
fn lacks_tax_ids(failure: &Failure) -> bool {
    let words = failure.message.to_lowercase();
    failure.class == Class::Forbidden && (words.contains("tax_id") || words.contains("tax id"))
}
