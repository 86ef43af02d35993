//! What the daemon shows of itself: the JSON of `/api/v1`, read again by the command line.
//!
//! Fields are added, never renamed or removed: scripts rely on them. Instants are RFC 3339 in UTC.

mod access;
mod connection;
mod console;
mod dead;
mod money;
mod people;

pub use access::{AccessView, SessionRow, TokenMade, TokenRow};
pub use connection::{ConnectBegun, ConnectStanding, ConnectionStatus, EndpointStatus};
pub use console::ConsoleLogin;
pub use dead::{DeadReason, DeadReasons, DeadRow, DroppedRow, Redrive};
pub use money::{
    Amount, ChargeLineRow, ChargeRunRow, ChargeRunView, CollectionRow, FreezeView, InvoiceRow,
    InvoiceView, MoneyStatus,
};
pub use people::{
    ConflictRow, DecisionRow, PlanRow, PlanSummary, PlanView, Rehearsal, RunRow, RunView,
};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The whole state at one glance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the running daemon.
    pub version: String,
    /// `ok`, or `degraded` when something needs a person or a remote does not answer.
    pub state: String,
    /// What is wrong and what to do, most urgent first; empty when all is well.
    pub problems: Vec<Problem>,
    /// What a person may want to see to, and what to do; nothing is wrong because of it.
    #[serde(default)]
    pub notices: Vec<Problem>,
    /// The two systems.
    pub stripe: Remote,
    /// The two systems.
    pub zenskar: Remote,
    /// Whether the Stripe account is connected.
    #[serde(default)]
    pub connection: ConnectionStatus,
    /// Our webhook endpoint at Stripe.
    #[serde(default)]
    pub endpoint: EndpointStatus,
    /// Direction of customer sync as configured.
    pub sync: String,
    /// What is compared while sync is off, if anything is.
    #[serde(default)]
    pub rehearsal: Option<Rehearsal>,
    /// Money at one glance.
    #[serde(default)]
    pub money: MoneyStatus,
    /// Dead letters that are tried again, or were last.
    #[serde(default)]
    pub redrive: Option<Redrive>,
    /// Queues by name: `inbox`, `work`, `parked`, `outbox`, `dead`, and what waits for a person:
    /// `conflicts` and `refused` fields.
    pub queues: BTreeMap<String, u64>,
    /// Age in seconds of the oldest piece of work, 0 when there is none.
    pub oldest_work_seconds: u64,
    /// Linked customers whose link is in force.
    pub links: u64,
    /// Links by state: `active`, `deleted in stripe`, `deleted in zenskar`, `unknown in stripe`, `unlinked`.
    #[serde(default)]
    pub links_by_state: BTreeMap<String, u64>,
    /// Those of them that Stripe does not know.
    #[serde(default)]
    pub unknown_in_stripe: u64,
    /// Differences that wait for a person, by reason.
    pub differences: BTreeMap<String, u64>,
    /// Customers made on the side that lacks them.
    #[serde(default)]
    pub creations: CreationsStatus,
    /// The events API.
    pub poll: PollStatus,
    /// Zenskar's customers that change.
    #[serde(default)]
    pub changes: ChangesStatus,
    /// The scan.
    pub scan: ScanStatus,
    /// The store.
    pub store: StoreStatus,
    /// The process, and what it is bound to. Not the engine's: whoever answers fills it in.
    #[serde(default)]
    pub daemon: Daemon,
}

/// Customers made on the side that lacks them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreationsStatus {
    /// By the side on which they are made: since when, by the other side's clock. `null` while that
    /// has not told its time; absent where none are made.
    pub since: BTreeMap<String, Option<String>>,
    /// Customers that were there before, and are made when a person orders it.
    pub offered: u64,
    /// On their way.
    pub open: u64,
    /// Given up: each is a dead letter.
    pub dead: u64,
}

/// The process, and what it is bound to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daemon {
    /// Its process id.
    pub pid: u32,
    /// When it started.
    pub started_at: String,
    /// The Stripe account.
    pub account: String,
    /// `test` or `live`.
    pub mode: String,
    /// The Zenskar organisation.
    pub organisation: String,
    /// What listens, and where: `public`, `console`, `socket`.
    pub listeners: BTreeMap<String, String>,
    /// The configuration.
    pub config: ConfigStatus,
}

/// The configuration in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigStatus {
    /// The main file.
    pub path: String,
    /// When it was last taken over.
    pub loaded_at: String,
    /// Why the files as they are now were refused, when they were.
    pub refused: Option<String>,
    /// Settings that wait for a restart, as `key: old -> new`.
    pub pending_restart: Vec<String>,
    /// Secrets whose new content waits for a restart, because systemd hands them out once.
    #[serde(default)]
    pub fixed_secrets: Vec<String>,
    /// Why changes of the files are noticed late, when they are.
    pub watch: Option<String>,
}

/// Every setting in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigView {
    /// The configuration as a whole.
    pub status: ConfigStatus,
    /// Each setting, in the order of the example file.
    pub settings: Vec<SettingRow>,
}

/// One setting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingRow {
    /// Its dotted path.
    pub key: String,
    /// The value in force, in TOML's notation; absent where nothing is set.
    pub value: Option<String>,
    /// `default`, or file and line.
    pub origin: String,
    /// The value that waits for a restart, where one does; empty text where it becomes unset.
    pub pending: Option<String>,
}

/// What reading the configuration again came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// In words, for a person.
    pub message: String,
    /// What changed and is in force, as `key: old -> new`.
    pub changed: Vec<String>,
    /// Settings that wait for a restart.
    pub pending_restart: Vec<String>,
}

/// Something that needs attention.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: String,
}

/// One of the two systems.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// `connected`, `parked` while its key is refused, or `unreachable` while nothing is answered.
    pub state: String,
    /// Since when it is parked or unreachable, by this host's clock.
    #[serde(default)]
    pub since: Option<String>,
    /// Why it is parked.
    pub reason: Option<String>,
    /// Its own time when it last answered.
    pub last_answer: Option<String>,
    /// When it last answered, by this host's clock, be it with a refusal.
    #[serde(default)]
    pub last_success: Option<String>,
    /// The last call that failed; kept when later ones succeed.
    #[serde(default)]
    pub last_error: Option<RemoteError>,
    /// Rights that the key lacks, and without which something is not read.
    #[serde(default)]
    pub lacks: Vec<String>,
    /// Requests per second that its limiters allow, by limiter.
    pub rates: BTreeMap<String, u64>,
}

/// A call that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteError {
    /// When, by this host's clock.
    pub at: String,
    /// What may be done about it: `retry`, `unknown`, `refused`, `unauthorized`, `forbidden`.
    pub class: String,
    /// In words, the remote's own where it gave any.
    pub message: String,
}

/// The events API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollStatus {
    /// `off`, `adaptive`, or the period.
    pub mode: String,
    /// Every event made before this instant has been read.
    pub read_until: Option<String>,
    /// How far that lies behind Stripe's time, in seconds.
    pub lag_seconds: Option<u64>,
    /// Reads of the last 30 days.
    pub reads_used: u64,
    /// Reads that Stripe allows every account in 30 days.
    pub reads_floor: u64,
    /// Events since the start that could not be read; a scan finds what they told.
    #[serde(default)]
    pub unreadable: u64,
    /// Events since the start of the other mode, which are left out.
    #[serde(default)]
    pub other_mode: u64,
    /// Events since the start of another account, which are left out.
    #[serde(default)]
    pub other_account: u64,
}

/// Zenskar's customers that change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangesStatus {
    /// Every change made before this instant has been read.
    pub read_until: Option<String>,
    /// How far that lies behind Zenskar's time, in seconds.
    pub lag_seconds: Option<u64>,
    /// `works`, `ignored` (sweeps find what changed), or `untold` while no answer shows it.
    pub filter: String,
    /// When the last complete listing of Zenskar's customers began, by Zenskar's clock.
    pub swept_at: Option<String>,
    /// Customers listed since the start that could not be read.
    pub unreadable: u64,
}

/// The scan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanStatus {
    /// `idle`, `stripe` or `zenskar`.
    pub phase: String,
    /// Whether another was asked for.
    pub wanted: bool,
    /// Whether it is a sweep: of Zenskar alone.
    #[serde(default)]
    pub sweep: bool,
    /// When the scan under way, or the last one, began.
    #[serde(default)]
    pub started_at: Option<String>,
    /// When the last one came to its end.
    pub finished_at: Option<String>,
    /// Customers of each side at least: as many as are linked. Absent where none is.
    #[serde(default)]
    pub expected: Option<u64>,
    /// Customers of both sides a second since it began, while one is under way.
    #[serde(default)]
    pub per_second: u64,
    /// Seconds until it ends at least, at this rate; absent where nothing tells.
    #[serde(default)]
    pub seconds_left: Option<u64>,
    /// Linked customers whose field was not as agreed, by side and field.
    #[serde(default)]
    pub differing: BTreeMap<String, BTreeMap<String, u64>>,
    /// What the scan under way, or the last one, found.
    pub found: BTreeMap<String, u64>,
    /// Why the last one stopped before its end, if it did.
    #[serde(default)]
    pub stopped: Option<String>,
    /// When Stripe's customers are listed next without being asked for; absent while a scan is
    /// under way, before the first, and while sync is off.
    #[serde(default)]
    pub next_stripe: Option<String>,
    /// The same of Zenskar's.
    #[serde(default)]
    pub next_zenskar: Option<String>,
    /// Reads of Stripe that a scan takes which is asked for at this moment, as far as it is known.
    #[serde(default)]
    pub stripe_reads: u64,
    /// Minutes that it takes at least.
    #[serde(default)]
    pub minutes: u64,
}

/// The store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreStatus {
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Size that it will have, in bytes, once as many events go as come, at today's rate.
    #[serde(default)]
    pub forecast_bytes: u64,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
}

/// A linked or parked customer in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerRow {
    /// Its id in Stripe; empty for a customer of Zenskar without link.
    pub stripe: String,
    /// Its id in Zenskar, when it is linked or has no id in Stripe.
    pub zenskar: Option<String>,
    /// `linked`, `unlinked`, `deleted in stripe`, `deleted in zenskar`, `unknown in stripe` or
    /// `unlinked by a person`.
    pub state: String,
    /// Fields that differ.
    pub differences: Vec<String>,
    /// Why it is not linked, where it is not.
    pub note: Option<String>,
    /// What it was called when it was last seen, in Stripe or else in Zenskar.
    #[serde(default)]
    pub name: Option<String>,
}

/// Who may be a Stripe customer's customer in Zenskar, as a search finds them now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidatesView {
    /// The customer's id in Stripe.
    pub stripe: String,
    /// What the search comes to: `link`, `ambiguous`, `none`, or `linked` where there is a link.
    pub verdict: String,
    /// The id in Zenskar that is linked, or would be.
    pub zenskar: Option<String>,
    /// What proves it: `mapping`, `metadata`, `external-id`, `email`, `person`.
    pub proof: Option<String>,
    /// In words.
    pub message: String,
    /// Whether the search surely saw everybody.
    pub complete: bool,
    /// Who was found.
    pub rows: Vec<CandidateRow>,
}

/// A customer of Zenskar that a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateRow {
    /// Its id.
    pub zenskar: String,
    /// What Zenskar's mapping says: the id in Stripe, `none`, or `no answer`.
    pub mapping: String,
    /// What speaks for it: `metadata`, `external-id`, `email`.
    pub clues: Vec<String>,
    /// The Stripe customer that it is linked with already.
    pub linked_with: Option<String>,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// Its rows.
    pub rows: Vec<T>,
    /// Where the next page begins; absent on the last.
    pub next: Option<String>,
}

/// One customer with everything known about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerView {
    /// As in the list.
    pub row: CustomerRow,
    /// What proved the link.
    pub proof: Option<String>,
    /// The fields side by side, as last seen.
    pub fields: Vec<FieldRow>,
    /// Writes that are on their way or were set aside.
    pub intents: Vec<IntentRow>,
    /// Work that waits for it.
    pub work: Option<WorkRow>,
    /// What was done about it, newest first.
    pub history: Vec<HistoryRow>,
}

/// One field of a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldRow {
    /// The field.
    pub field: String,
    /// What Stripe held when last seen.
    pub stripe: Option<String>,
    /// What Zenskar held when last seen.
    pub zenskar: Option<String>,
    /// What both last agreed on.
    pub agreed: Option<String>,
    /// Why it is not moved, where it differs and is not.
    pub held: Option<String>,
}

/// One write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentRow {
    /// Its number within the customer.
    pub number: u64,
    /// The side it writes to.
    pub target: String,
    /// `waiting`, `unknown`, `replaced` or `dead`.
    pub progress: String,
    /// Attempts made.
    pub attempts: u32,
    /// Fields it writes.
    pub fields: Vec<String>,
}

/// A write on its way, in a list of those of every customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteRow {
    /// The customer's id in Stripe.
    pub stripe: String,
    /// The write.
    #[serde(flatten)]
    pub write: IntentRow,
    /// When it was decided.
    pub decided_at: Option<String>,
    /// When its next attempt is due; absent when none is planned.
    pub due_at: Option<String>,
}

/// Work that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkRow {
    /// What it is about, such as `customer/cus_1`.
    pub subject: String,
    /// How many asked for it.
    pub asked: u64,
    /// Since when.
    pub since: String,
    /// When it is tried next.
    pub due_at: String,
    /// Attempts that failed.
    pub attempts: u32,
    /// Why the last one failed.
    pub last_error: Option<String>,
}

/// One line of history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// When.
    pub at: String,
    /// What happened.
    pub what: String,
    /// What it happened to.
    pub subject: String,
    /// Who did it.
    pub who: String,
    /// Facts by name, in reading order.
    pub details: Vec<(String, String)>,
}

/// One event in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    /// Its place in the inbox.
    pub sequence: u64,
    /// Stripe's id.
    pub id: String,
    /// Stripe's type.
    pub kind: String,
    /// The object it is about.
    pub object: String,
    /// `webhook` or `poll`: how it came first.
    pub channel: String,
    /// When Stripe made it.
    pub created: String,
    /// When it came.
    pub received_at: String,
    /// `received`, `waiting`, `parked` (no link yet), `dead`, `done` or `not ours to act on`.
    pub state: String,
}

/// One event with its payload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EventView {
    /// As in the list.
    pub row: EventRow,
    /// The connected account that it names.
    #[serde(default)]
    pub account: Option<String>,
    /// The API version it is rendered in.
    pub api_version: Option<String>,
    /// Whether the payload's retention is over.
    #[serde(default)]
    pub pruned: bool,
    /// The payload as it came; absent once its retention is over, and where it was not asked for.
    pub payload: Option<String>,
}

/// Who has an address of e-mail, as both sides said when they were asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundView {
    /// In Stripe.
    pub stripe: FoundSide,
    /// In Zenskar.
    pub zenskar: FoundSide,
}

/// Who was found on one side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundSide {
    /// The customers.
    pub rows: Vec<FoundRow>,
    /// Whether these are surely all.
    pub complete: bool,
    /// Why the side did not say; then it is not known whether anybody is there.
    pub error: Option<String>,
}

/// A customer that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundRow {
    /// Its id on its side.
    pub id: String,
    /// What it is called there.
    pub name: Option<String>,
    /// The customer of the other side that it is linked with.
    pub linked_with: Option<String>,
    /// Whether it is linked, was, or waits for a link: whether there is more to show of it.
    pub known: bool,
}

/// What an action did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// In words, for a person.
    pub message: String,
    /// How many things it was done to.
    pub count: u64,
}
