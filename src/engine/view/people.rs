//! What people decide about: conflicts, plans and runs.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A field that differs and waits for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictRow {
    /// The customer's id in Stripe.
    pub stripe: String,
    /// Its id in Zenskar.
    pub zenskar: String,
    /// The field.
    pub field: String,
    /// Why it is not moved: `conflict`, `no-base`, `would-blank`, `not-taken`, `refused`, `nested`
    /// or `drift`.
    pub why: String,
    /// What Stripe holds.
    pub stripe_value: String,
    /// What Zenskar holds.
    pub zenskar_value: String,
    /// What both last agreed on, if they ever were seen to agree.
    pub agreed: Option<String>,
    /// What the side said that refused a value, where one did.
    pub refusal: Option<String>,
    /// The run in which it was decided, while that is being carried out.
    pub decided_in: Option<u64>,
}

/// Rules that are not in force, under which both sides are compared while sync is off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// The sync type, as `customers.sync` has it.
    pub sync: String,
    /// The fields.
    pub fields: Vec<String>,
    /// Since when they are compared.
    pub begun_at: Option<String>,
}

/// What would be written if a person confirmed it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanView {
    /// What `apply` takes; absent where nothing would be written, and but on the first page.
    pub hash: Option<String>,
    /// The whole at one glance; with the first page alone.
    pub summary: Option<PlanSummary>,
    /// The rules it rests on, where they are not in force: it can be seen, and not applied.
    #[serde(default)]
    pub rehearsal: Option<Rehearsal>,
    /// Fields that its rules ask for and that were not compared yet.
    #[serde(default)]
    pub uncompared: Vec<String>,
    /// The differences of this page.
    pub rows: Vec<PlanRow>,
    /// Where the next page begins; absent on the last.
    pub next: Option<String>,
}

/// One difference, and what the plan proposes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRow {
    /// The customer's id in Stripe.
    pub stripe: String,
    /// Its id in Zenskar.
    pub zenskar: String,
    /// The field.
    pub field: String,
    /// What Stripe holds.
    pub stripe_value: String,
    /// What Zenskar holds.
    pub zenskar_value: String,
    /// What both last agreed on, if they ever were seen to agree.
    pub agreed: Option<String>,
    /// The side whose value wins: `stripe` or `zenskar`; absent where a person decides.
    pub winner: Option<String>,
    /// `write`, `would blank` or `ask`; or `create`, where a customer is on one side only: then
    /// the other side's id and the field are empty, and the winner is the side where it is.
    pub proposal: String,
    /// Why it differs, as in [`ConflictRow::why`].
    pub why: String,
}

/// A plan at one glance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Linked customers, without those one of which is deleted.
    pub linked: u64,
    /// Customers that may be one of several others: a person links them.
    pub ambiguous: u64,
    /// Customers of Stripe that are known to have no partner, without the ambiguous ones and without
    /// those whose partner was deleted.
    pub only_in_stripe: u64,
    /// The same of Zenskar.
    pub only_in_zenskar: u64,
    /// By side, when a listing last showed every customer there; `null` while none has, and then
    /// there may be more without partner than are known. Whom events tell of since is counted.
    #[serde(default)]
    pub listed_at: BTreeMap<String, Option<String>>,
    /// Customers that the plan writes.
    pub customers: u64,
    /// Fields that it writes.
    pub fields: u64,
    /// Those fields, by the side that is written.
    pub writes_to: BTreeMap<String, u64>,
    /// Those fields, by field.
    pub by_field: BTreeMap<String, u64>,
    /// Customers that it makes, by the side on which they are made.
    #[serde(default)]
    pub creates: BTreeMap<String, u64>,
    /// Fields that it does not write, because a blank would erase a value.
    pub would_blank: u64,
    /// Fields about which a person decides, by why they differ.
    pub ask: BTreeMap<String, u64>,
    /// Reads of Stripe that carrying it out takes.
    pub stripe_reads: u64,
    /// Writes to Stripe.
    pub stripe_writes: u64,
    /// Requests to Zenskar.
    pub zenskar_requests: u64,
    /// About how many minutes it takes at the rates of now.
    pub minutes: u64,
    /// Reads that are left of those Stripe allows every account in 30 days.
    pub stripe_reads_left: u64,
    /// Why the plan may not be the whole, where it may not.
    pub incomplete: Option<String>,
}

/// What was decided at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Its number.
    pub run: u64,
    /// `resolve`, `apply` or `undo`.
    pub kind: String,
    /// The hash of the plan that was applied.
    pub plan: Option<String>,
    /// The run that it undid.
    pub undoes: Option<u64>,
    /// The run that undid it.
    pub undone_by: Option<u64>,
    /// Who decided.
    pub who: String,
    /// When.
    pub at: String,
    /// `deciding`, `interrupted`, `under way` or `done`.
    pub state: String,
    /// Customers that it is about.
    pub customers: u64,
    /// Customers whose counterpart it ordered to be made; they are not taken back by `undo`.
    #[serde(default)]
    pub ordered: u64,
    /// Fields that are still to be written.
    pub waiting: u64,
    /// Fields that were written.
    pub done: u64,
    /// Fields that were not, or not on both sides: what became of each is told with the run.
    pub overtaken: u64,
}

/// A run with what it decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunView {
    /// As in the list.
    pub run: RunRow,
    /// What it decided, of this page of customers.
    pub rows: Vec<DecisionRow>,
    /// Where the next page begins; absent on the last.
    pub next: Option<String>,
}

/// What was decided about one field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRow {
    /// The customer's id in Stripe.
    pub stripe: String,
    /// The field.
    pub field: String,
    /// What Stripe held.
    pub stripe_before: String,
    /// What it is to hold.
    pub stripe_wanted: String,
    /// What Zenskar held.
    pub zenskar_before: String,
    /// What it is to hold.
    pub zenskar_wanted: String,
    /// `waiting`, `done`, or why it was overtaken.
    pub state: String,
}
