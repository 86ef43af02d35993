//! Every action of a person, one variant each. Pages, the API and the command line are thin doors
//! to [`Engine::command`].

mod access;
mod candidates;
mod conflicts;
mod connection;
mod console;
mod creations;
mod customers;
mod dead;
mod dropped;
mod events;
mod money;
mod outbox;
mod plans;
mod reasons;
mod redrives;
mod rehearsals;
mod remotes;
mod runs;
mod search;
mod status;

pub use access::{Access, session_id};
pub use conflicts::{Choice, Conflicts};
pub(super) use dead::try_again;
pub use events::{EVENTS_SEARCHED, EventCommand, EventFilter, EventState};
pub use money::{Asked, MoneyCommand, Order};
pub use plans::{Apply, Ask};

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::view;
use crate::model::time::Timestamp;
use crate::store::{StoreError, WriteError};
use crate::sync::policy::Policy;
use serde::Serialize;
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
    /// Who may be a customer's partner, searched now: [`view::CandidatesView`].
    CustomerCandidates {
        /// Its id in Stripe.
        id: String,
    },
    /// Who has an address of e-mail, asked of both sides now: [`view::FoundView`].
    CustomersByEmail {
        /// The address.
        email: String,
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
    /// Differences that wait for a person: [`view::Page`] of [`view::ConflictRow`].
    ConflictsList {
        /// Which.
        which: Conflicts,
        /// Where the page begins, as the page before said.
        after: Option<String>,
        /// Rows, up to [`ROWS_MAX`], and those of the last customer beyond.
        limit: usize,
    },
    /// The differences of one customer: [`view::Page`] of [`view::ConflictRow`].
    ConflictsOf {
        /// Its id in Stripe or in Zenskar.
        id: String,
    },
    /// Decide about one field: [`view::RunRow`].
    ConflictResolve {
        /// The customer's id in Stripe or in Zenskar.
        id: String,
        /// The field.
        field: String,
        /// What is to become of it.
        choice: Choice,
        /// Who says so.
        who: String,
    },
    /// What would be written about the differences, if a person confirmed it: [`view::PlanView`].
    Plan(Ask),
    /// Compare both sides under rules that are not in force, while sync is off: [`view::Done`].
    Rehearse {
        /// The rules.
        policy: Box<Policy>,
        /// Who says so.
        who: String,
    },
    /// Drop what a rehearsal found: [`view::Done`].
    RehearsalEnd {
        /// Who says so.
        who: String,
    },
    /// Write what a plan proposed: [`view::RunRow`].
    PlanApply {
        /// Which plan, and how much of it.
        apply: Apply,
        /// Who says so.
        who: String,
    },
    /// Runs, newest first: [`view::Page`] of [`view::RunRow`].
    RunsList {
        /// Where the page begins, as the page before said.
        after: Option<String>,
        /// Rows, up to [`ROWS_MAX`].
        limit: usize,
    },
    /// One run with what it decided: [`view::RunView`].
    RunShow {
        /// Its number.
        run: u64,
        /// Where the page begins, as the page before said.
        after: Option<String>,
        /// Customers, up to [`ROWS_MAX`].
        limit: usize,
    },
    /// Take back what a run wrote: [`view::RunRow`].
    RunUndo {
        /// Its number.
        run: u64,
        /// Who says so.
        who: String,
    },
    /// About events.
    Events(EventCommand),
    /// Dead letters, oldest first: [`view::Page`] of [`view::DeadRow`].
    DeadList {
        /// Where the page begins, as the page before said.
        after: Option<String>,
        /// Rows, up to [`ROWS_MAX`].
        limit: usize,
    },
    /// Why letters were set aside: [`view::DeadReasons`].
    DeadReasons,
    /// Try dead letters again, all or those of a reason by a redrive: [`view::Done`].
    DeadRetry {
        /// Which.
        which: Letters,
        /// Who says so.
        who: String,
    },
    /// The redrive that goes on, or the last one that did, if any: [`view::Redrive`].
    Redrive,
    /// Stop the redrive: [`view::Done`].
    RedriveCancel {
        /// Who says so.
        who: String,
    },
    /// Drop dead letters, which are kept for a while: [`view::Done`].
    DeadDrop {
        /// Which.
        which: Letters,
        /// Who says so.
        who: String,
    },
    /// Dropped letters, the one dropped last first: [`view::Page`] of [`view::DroppedRow`].
    DroppedList {
        /// Where the page begins, as the page before said.
        after: Option<String>,
        /// Rows, up to [`ROWS_MAX`].
        limit: usize,
    },
    /// Take dropped letters back: [`view::Done`].
    DeadTakeBack {
        /// Which.
        which: Letters,
        /// Who says so.
        who: String,
    },
    /// Give a ticket to connect an account with: [`view::ConnectBegun`].
    Connect {
        /// Who says so.
        who: String,
    },
    /// What came of a ticket: [`view::ConnectStanding`].
    ConnectShow {
        /// Its number.
        flow: u64,
    },
    /// End the connection of the account: [`view::Done`].
    Disconnect {
        /// Although there are writes on their way.
        abandon: bool,
        /// Who says so.
        who: String,
    },
    /// Who gets in, and by what: as [`Access`] says.
    Access(Access),
    /// What was done and why, newest first: [`view::Page`] of [`view::HistoryRow`].
    ActivityList {
        /// What it was done to, such as `customer/cus_1`; else everything.
        about: Option<String>,
        /// Where the page begins, as the page before said.
        after: Option<String>,
        /// Rows, up to [`ROWS_MAX`].
        limit: usize,
    },
    /// Note that a person changed the configuration: [`view::Done`].
    ConfigurationNote {
        /// What is in force since, as `key: old -> new`.
        changed: Vec<String>,
        /// Who did it.
        who: String,
    },
    /// Writes that are not known to have arrived: [`view::Page`] of [`view::WriteRow`].
    OutboxList {
        /// Where the page begins, as the page before said.
        after: Option<String>,
        /// Rows, up to [`ROWS_MAX`].
        limit: usize,
    },
    /// About money: as [`MoneyCommand`] says.
    Money(MoneyCommand),
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
    /// Linked ones that were deleted on one side.
    Deleted,
}

/// Which dead letters an action is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Letters {
    /// All.
    All,
    /// These numbers.
    Numbers(Vec<u64>),
    /// Those with this reason, as [`view::DeadReason`] has it.
    Reason(String),
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

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<WriteError> for CommandError {
    fn from(error: WriteError) -> Self {
        Self::Engine(error.into())
    }
}

impl Engine {
    /// Carries out an action of a person and says what came of it, as the view its variant names.
    ///
    /// # Errors
    ///
    /// The action is refused, or a remote or the store failed; then nothing was done.
    pub async fn command(&self, command: Command) -> Result<Json, CommandError> {
        match command {
            Command::Status => json(&self.status()?),
            Command::CustomersList {
                which,
                after,
                limit,
            } => json(&self.customers(which, after.as_deref(), rows(limit))?),
            Command::CustomerShow { id } => json(&self.customer(&id)?),
            Command::CustomerCandidates { id } => json(&self.customer_candidates(&id).await?),
            Command::CustomersByEmail { email } => json(&self.customers_by_email(&email).await?),
            Command::CustomerLink {
                stripe,
                zenskar,
                who,
            } => json(&self.link_customers(&stripe, &zenskar, &who).await?),
            Command::CustomerUnlink { id, who } => json(&self.unlink_customer(&id, &who).await?),
            Command::ConflictsList {
                which,
                after,
                limit,
            } => json(&self.conflicts(which, after.as_deref(), rows(limit))?),
            Command::ConflictsOf { id } => json(&self.conflicts_of(&id)?),
            Command::ConflictResolve {
                id,
                field,
                choice,
                who,
            } => json(&self.resolve_conflict(&id, &field, &choice, &who).await?),
            Command::Plan(ask) => json(&self.plan(&ask).await?),
            Command::Rehearse { policy, who } => json(&self.order_rehearsal(&policy, &who).await?),
            Command::RehearsalEnd { who } => json(&self.drop_rehearsal(&who).await?),
            Command::PlanApply { apply, who } => json(&self.apply_plan(apply, &who).await?),
            Command::RunsList { after, limit } => json(&self.runs(after.as_deref(), rows(limit))?),
            Command::RunShow { run, after, limit } => {
                json(&self.run(run, after.as_deref(), rows(limit))?)
            }
            Command::RunUndo { run, who } => json(&self.undo_run(run, &who).await?),
            Command::Events(command) => self.events_command(command).await,
            Command::DeadList { after, limit } => {
                json(&self.dead_letters(after.as_deref(), rows(limit))?)
            }
            Command::DeadReasons => json(&self.dead_reasons()?),
            Command::DeadRetry { which, who } => json(&self.retry_dead(which, &who).await?),
            Command::Redrive => json(&self.redrive_view()?),
            Command::RedriveCancel { who } => json(&self.cancel_redrive(&who).await?),
            Command::DeadDrop { which, who } => json(&self.drop_dead(which, &who).await?),
            Command::DroppedList { after, limit } => {
                json(&self.dropped_letters(after.as_deref(), rows(limit))?)
            }
            Command::DeadTakeBack { which, who } => json(&self.take_back_dead(which, &who).await?),
            Command::Connect { who } => json(&self.begin_connecting(&who)?),
            Command::ConnectShow { flow } => json(&self.connect_standing(flow)?),
            Command::Disconnect { abandon, who } => json(&self.disconnect(abandon, &who).await?),
            Command::Access(access) => self.access(access).await,
            Command::ActivityList {
                about,
                after,
                limit,
            } => json(&self.activity(about.as_deref(), after.as_deref(), rows(limit))?),
            Command::ConfigurationNote { changed, who } => {
                json(&self.note_configuration(&changed, &who).await?)
            }
            Command::OutboxList { after, limit } => {
                json(&self.outbox(after.as_deref(), rows(limit))?)
            }
            Command::Money(command) => self.money_command(command).await,
            Command::Scan { who } => json(&self.want_scan(&who).await?),
        }
    }
}

/// Rows of a page, of those that were asked for.
fn rows(limit: usize) -> usize {
    limit.clamp(1, ROWS_MAX)
}

fn json(view: &impl Serialize) -> Result<Json, CommandError> {
    serde_json::to_value(view).map_err(|error| CommandError::Invalid(error.to_string()))
}

fn done(message: impl Into<String>, count: u64) -> view::Done {
    view::Done {
        message: message.into(),
        count,
    }
}

fn invalid(error: &impl ToString) -> CommandError {
    CommandError::Invalid(error.to_string())
}

fn show_time(at: Timestamp) -> Option<String> {
    (at > Timestamp::MIN).then(|| at.to_string())
}

#[cfg(test)]
mod tests;
