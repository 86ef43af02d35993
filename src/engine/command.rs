//! Every action of a person, one variant each. Pages, the API and the command line are thin doors
//! to [`Engine::command`].

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::view;
use serde_json::Value as Json;

/// Rows of a page when nobody says otherwise, and the most that are given.
pub const ROWS_DEFAULT: usize = 50;
/// Most rows of a page.
pub const ROWS_MAX: usize = 500;

/// An action, with who takes it where that is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The whole state at one glance: [`view::Status`].
    Status,
    /// Linked customers, or parked ones: [`view::Page`] of [`view::CustomerRow`].
    CustomersList {
        /// Which.
        which: Customers,
        /// Where the page begins, as the page before said.
        after: Option<String>,
        /// Rows, up to [`ROWS_MAX`].
        limit: usize,
    },
    /// One customer, by either id: [`view::CustomerView`].
    CustomerShow {
        /// Its id in Stripe or in Zenskar.
        id: String,
    },
    /// Link two customers: [`view::Done`].
    CustomerLink {
        /// Its id in Stripe.
        stripe: String,
        /// Its id in Zenskar.
        zenskar: String,
        /// Who says so.
        who: String,
    },
    /// Take a link apart, until a person links again: [`view::Done`].
    CustomerUnlink {
        /// Its id in Stripe or in Zenskar.
        id: String,
        /// Who says so.
        who: String,
    },
    /// Events, newest first: [`view::Page`] of [`view::EventRow`].
    EventsList {
        /// Where the page begins, as the page before said.
        after: Option<String>,
        /// Rows, up to [`ROWS_MAX`].
        limit: usize,
    },
    /// One event: [`view::EventView`].
    EventShow {
        /// Stripe's id.
        id: String,
    },
    /// Look again at what an event is about: [`view::Done`].
    EventReplay {
        /// Stripe's id.
        id: String,
        /// Who says so.
        who: String,
    },
    /// Dead letters, oldest first: [`view::Page`] of [`view::DeadRow`].
    DeadList {
        /// Where the page begins, as the page before said.
        after: Option<String>,
        /// Rows, up to [`ROWS_MAX`].
        limit: usize,
    },
    /// Try dead letters again: [`view::Done`].
    DeadRetry {
        /// Which.
        which: Letters,
        /// Who says so.
        who: String,
    },
    /// Give dead letters up for good: [`view::Done`].
    DeadDrop {
        /// Which.
        which: Letters,
        /// Who says so.
        who: String,
    },
    /// Ask for a full scan: [`view::Done`].
    Scan {
        /// Who says so.
        who: String,
    },
}

/// Which customers a list holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Customers {
    /// Linked ones.
    #[default]
    Linked,
    /// Those whose events wait for a link.
    Unlinked,
    /// Linked ones with fields that differ.
    Differing,
}

/// Which dead letters an action is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Letters {
    /// All.
    All,
    /// These numbers.
    Numbers(Vec<u64>),
}

/// Why an action was not done.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// It would break a rule.
    #[error("{message}")]
    Refused {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// A remote or the store failed.
    #[error("the action failed")]
    Engine(#[from] EngineError),
}
