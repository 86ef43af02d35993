//! Collecting invoices: from an order to charge one until its money is booked, or surely not taken.
//!
//! [`invoices`] keeps what Zenskar shows of open invoices. [`charging`] takes the lines of charge
//! runs: the last look at both remotes, the decision ([`crate::sync::collect`]), and the collection
//! that holds the lease. [`in_stripe`] carries it out and finds out what became of it;
//! [`in_zenskar`] books what was taken. Each step is one request or one transaction and leaves the
//! collection in a stage from which the next one follows, also after a crash.
//!
//! # Invariants
//!
//! - A collection is durable before its request leaves, and its request is sent again in the same
//!   bytes under the same key, or not at all.
//! - While charges are frozen nothing is sent that may take money; what was taken is booked.
//! - A collection of unknown outcome is asked about. It ends when Stripe shows what became of it, and
//!   never because time has passed.
//! - Zenskar is looked at right before each booking. What was taken is booked or stands where people
//!   see it: a step that cannot go on waits for a person, with its lease ([`Collection::awaits_person`]).
//!
//! Not here: what is decided ([`crate::sync`]), and links and bank transfers.

mod charging;
mod in_stripe;
mod in_zenskar;
pub mod invoices;
mod steps;

pub(super) use charging::freeze;

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::model::collection::Collection;
use crate::model::invoice::Invoice;
use crate::model::journal::Entry;
use crate::model::time::Timestamp;
use crate::sync::collect::Rules;
use jiff::tz::TimeZone;

/// What the configuration says about collecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collecting {
    /// The rules, but for what the keys of both remotes say.
    pub rules: Rules,
    /// What the organisation is, against what its key says.
    pub kind: Option<Kind>,
    /// The brakes.
    pub limits: crate::sync::brakes::Limits,
    /// Whether what is more than an invoice owes is booked without asking.
    pub unallocated: bool,
    /// The time zone in which invoices become due.
    pub time_zone: TimeZone,
}

impl Collecting {
    /// When the day begins, by the operator's time zone, that Zenskar wrote as `due` without a zone.
    #[must_use]
    pub fn day_begins(&self, due: Timestamp) -> Timestamp {
        let begins = jiff::Timestamp::from_microsecond(due.micros()).and_then(|due| {
            let day = due.to_zoned(TimeZone::UTC).date();
            day.to_zoned(self.time_zone.clone())
        });
        begins.map_or(due, |begins| {
            Timestamp::from_micros(begins.timestamp().as_microsecond())
        })
    }
}

/// What an organisation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// For tests.
    Sandbox,
    /// For real.
    Live,
}

impl Engine {
    /// The rules in force, with what the keys of both remotes say.
    pub(super) fn collecting_rules(&self) -> Rules {
        let settings = self.settings();
        let is_sandbox = match settings.collecting.kind {
            Some(kind) => kind == Kind::Sandbox,
            None => self.zenskar.is_sandbox(),
        };
        Rules {
            is_paired: is_sandbox != settings.live,
            live: settings.live,
            ..settings.collecting.rules.clone()
        }
    }

    /// Collections whose next step is due and that nobody works on, the longest due first.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn due_collections(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Collection>, EngineError> {
        let read = self.store.read()?;
        let mut due = read.due_collections(now, limit.saturating_mul(2))?;
        due.retain(|collection| !self.collecting.is_taken(&collection.invoice));
        due.truncate(limit);
        Ok(due)
    }
}

/// The subject of an invoice in the journal.
pub(super) fn subject(invoice: &crate::model::id::InvoiceId) -> String {
    format!("invoice/{invoice}")
}

/// An entry of the journal about a collection.
fn entry(now: Timestamp, what: &str, collection: &Collection) -> Entry {
    let mut entry = Entry::engine(now, what, &subject(&collection.invoice))
        .with("collection", &collection.number)
        .with("rail", &collection.rail)
        .with("amount", &collection.amount);
    for (name, id) in [
        ("customer", Some(collection.customer.to_string())),
        (
            "payment intent",
            collection.intent.as_ref().map(ToString::to_string),
        ),
        ("charge", collection.charge.clone()),
    ] {
        if let Some(id) = id {
            entry = entry.with(name, &id);
        }
    }
    entry
}

/// What people call the invoice.
fn name_of(invoice: &Invoice) -> String {
    invoice.name().to_owned()
}

#[cfg(test)]
mod tests;
