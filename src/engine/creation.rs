//! Making the counterpart of a customer that is there on one side only, where the operator wants
//! that. Who is made is decided in [`crate::sync::creation`].
//!
//! A look at a customer without link, or a scan, finds that one may be made, and decides or offers a
//! creation. Here a decided one is carried out, by the rules of a delivery: the intent is durable
//! before its request leaves, and one of unknown outcome is looked for before another is sent. Both
//! sides are asked again right before the request, so that a decision may grow old.
//!
//! # How a repeat is made safe
//!
//! - Towards Stripe: the same bytes under the same key, for as long as Stripe surely knows the key;
//!   then a look at everybody who was made since, for metadata that name the customer.
//! - Towards Zenskar: a look for the external id, which is the id in Stripe, once reads cannot lag.
//!
//! # Invariants
//!
//! - A customer with a creation waits for a link (it is parked), so that its events are kept.
//! - A link ends the creations of both its customers ([`rows::close`]).
//!
//! What comes back as an event of our own making finds the link, or is found by what we wrote into
//! it: the metadata in Stripe, the external id in Zenskar.

mod consider;
mod in_stripe;
mod in_zenskar;
mod outcome;
pub mod rows;
mod switch;

pub(super) use consider::Considered;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::model::creation::Creation;
use crate::model::time::Timestamp;
use crate::model::work::Subject;
use std::time::Duration;

/// Wait before a look that is to show whether a request with an unreadable answer had an effect.
const CONFIRM_AFTER: Duration = Duration::from_secs(2);

/// Customers of Stripe asked, at most, whether their metadata still name a customer.
pub(super) const NAMED_MAX: usize = 8;

/// What became of a creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// Somebody else has the customer, or there is nothing to do.
    Skipped,
    /// The customer is there, and linked.
    Linked,
    /// It is not made, or not linked: a question for a person.
    Question,
    /// It is tried again later.
    Later,
    /// It was refused, or attempts are used up.
    Dead,
}

impl Engine {
    /// Creations that are due and whose customer nobody has, oldest first.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn due_creations(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Creation>, EngineError> {
        let read = self.store.read()?;
        let mut due = read.due_creations(now, limit.saturating_mul(2))?;
        due.retain(|creation| !self.claims.is_taken(&creation.subject));
        due.truncate(limit);
        Ok(due)
    }

    /// Attempts to make the counterpart of one customer.
    ///
    /// # Errors
    ///
    /// The store failed. A failure of a remote is recorded with the creation and no error here.
    pub async fn create(&self, subject: &Subject) -> Result<Created, EngineError> {
        let Some(_claim) = self.claims.take(subject) else {
            return Ok(Created::Skipped);
        };
        let read = self.store.read()?;
        let Some(row) = read.creation(subject)?.filter(Creation::is_open) else {
            return Ok(Created::Skipped);
        };
        if rows::is_linked(&read, subject)? {
            drop(read);
            return self.overtaken(row).await;
        }
        drop(read);
        let outcome = match subject {
            Subject::Customer(id) => self.create_in_zenskar(row, id).await,
            Subject::Unlinked(id) => self.create_in_stripe(row, id).await,
        };
        match outcome {
            Err(EngineError::Remote(failure)) => self.postpone_creation(subject, failure).await,
            outcome => outcome,
        }
    }
}

#[cfg(test)]
mod tests;
