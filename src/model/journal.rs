//! What the connector did and why, for people: one entry a decision.

use crate::model::time::Timestamp;

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, by this host's clock.
    pub at: Timestamp,
    /// What happened, as a fixed phrase such as `change delivered`.
    pub what: String,
    /// What it happened to, such as `customer/cus_1`.
    pub subject: String,
    /// Who: `engine`, or a person's name.
    pub who: String,
    /// Facts, by name, in the order they are to be read.
    pub details: Vec<(String, String)>,
}

impl Entry {
    /// An entry of the engine's.
    #[must_use]
    pub fn engine(at: Timestamp, what: &str, subject: &impl ToString) -> Self {
        Self {
            at,
            what: what.to_owned(),
            subject: subject.to_string(),
            who: "engine".to_owned(),
            details: Vec::new(),
        }
    }

    /// The entry with one more fact.
    #[must_use]
    pub fn with(mut self, name: &str, value: &impl ToString) -> Self {
        self.details.push((name.to_owned(), value.to_string()));
        self
    }
}
