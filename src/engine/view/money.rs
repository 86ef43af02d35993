//! Invoices, what is collected on them, charge runs, and the freeze of charges.

use super::HistoryRow;
use serde::{Deserialize, Serialize};

/// An amount, for programs and for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Its minor units: Stripe's where the currency is known, else as Zenskar writes them.
    pub minor: i64,
    /// Its currency, where it is known.
    pub currency: Option<String>,
    /// The same in words, such as `1,234.50 USD`.
    pub text: String,
}

/// An invoice as it was last seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceRow {
    /// Its id in Zenskar.
    pub id: String,
    /// What people call it: its number, or the id of one without.
    pub number: String,
    /// Who owes it: a customer's id in Zenskar.
    pub zenskar: String,
    /// The same customer's id in Stripe, where the two are linked.
    pub stripe: Option<String>,
    /// Its status, in Zenskar's word.
    pub status: String,
    /// What is due.
    pub due: Amount,
    /// What was invoiced, after credit notes.
    pub total: Amount,
    /// When it is due.
    pub due_date: Option<String>,
    /// Whether that is past.
    pub is_due: bool,
    /// When it was last seen.
    pub seen_at: Option<String>,
    /// The last attempt to collect it, if there was one.
    pub collection: Option<CollectionRow>,
    /// Why it cannot be charged, as far as is known without asking; absent where nothing speaks
    /// against it.
    pub refused: Option<String>,
}

/// One attempt to collect an invoice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionRow {
    /// The invoice's id.
    pub invoice: String,
    /// What people call the invoice.
    pub invoice_number: String,
    /// Its number among the attempts on the invoice.
    pub number: u64,
    /// How it collects: `link`, `charge` or `transfer`.
    pub rail: String,
    /// How far it got: `waiting`, `unknown`, `processing`, `canceling`, `taken, not booked`,
    /// `taken, booking unknown`, `booked, not yet seen`, `booked`, `declined`, `needs the customer`,
    /// `refused`, `canceled`, `expired` or `withdrawn`.
    pub stage: String,
    /// Whether it is over.
    pub is_over: bool,
    /// Whether it waits for a person.
    pub awaits_person: bool,
    /// What was asked for.
    pub amount: Amount,
    /// What was taken.
    pub taken: Option<Amount>,
    /// Who pays: a customer's id in Stripe.
    pub stripe: String,
    /// The payment method.
    pub method: Option<String>,
    /// The PaymentIntent.
    pub payment_intent: Option<String>,
    /// The charge.
    pub charge: Option<String>,
    /// The payment in Zenskar.
    pub payment: Option<String>,
    /// Why it was declined, refused, or waits.
    pub why: Option<String>,
    /// Who ordered it.
    pub by: String,
    /// The charge run that it is of.
    pub run: Option<u64>,
    /// When it was decided.
    pub decided_at: Option<String>,
    /// When its present stage began.
    pub since: Option<String>,
    /// When its next step is due.
    pub due_at: Option<String>,
}

/// An invoice with all that was done about it: the answer to `why`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceView {
    /// The invoice.
    #[serde(flatten)]
    pub invoice: InvoiceRow,
    /// Every attempt to collect it, the first one first.
    pub collections: Vec<CollectionRow>,
    /// What was decided and done, newest first.
    pub history: Vec<HistoryRow>,
}

/// Charges that were ordered at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeRunRow {
    /// Its number.
    pub number: u64,
    /// Who ordered it.
    pub by: String,
    /// When.
    pub at: Option<String>,
    /// `waiting`, `interrupted` or `done`.
    pub state: String,
    /// Invoices.
    pub lines: u64,
    /// Those that wait for their turn.
    pub waiting: u64,
    /// Those whose collection began.
    pub begun: u64,
    /// Those that were left out.
    pub skipped: u64,
}

/// A charge run with its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeRunView {
    /// The run.
    #[serde(flatten)]
    pub run: ChargeRunRow,
    /// Its lines, by invoice.
    pub rows: Vec<ChargeLineRow>,
    /// Where the next page begins; absent on the last.
    pub next: Option<String>,
}

/// An invoice of a charge run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeLineRow {
    /// The invoice's id.
    pub invoice: String,
    /// What people call it.
    pub number: String,
    /// `waiting`, `skipped`, or how far its collection got.
    pub state: String,
    /// Why it waits, was left out, or came to nothing.
    pub why: Option<String>,
    /// The amount that was confirmed, if one was.
    pub confirmed: Option<Amount>,
    /// Its collection, once one began.
    pub collection: Option<CollectionRow>,
}

/// Whether charges are frozen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeView {
    /// Whether they are.
    pub frozen: bool,
    /// Since when.
    pub at: Option<String>,
    /// Who froze them; `engine` where a brake tripped.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Money at one glance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoneyStatus {
    /// The freeze of charges.
    pub freeze: FreezeView,
    /// Why no rail is open at all, if none is.
    pub off: Option<String>,
    /// Open invoices, as far as was seen.
    pub open_invoices: u64,
    /// Collections under way.
    pub collecting: u64,
    /// Collections whose money was taken and that are not booked.
    pub taken_not_booked: u64,
    /// Collections that wait for a person.
    pub awaiting_person: u64,
}
