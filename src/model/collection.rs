//! A collection: one attempt to collect an invoice over one rail, from the decision until the money
//! is booked or surely not taken.
//!
//! While it is under way it holds the invoice's lease: no other collection of the invoice begins, on
//! any rail. Collections are the ledger of what we took; they are kept, never written over by the
//! next one.

use crate::model::id::{
    InvoiceId, MethodId, PaymentId, PaymentIntentId, SessionId, StripeCustomerId, ZenskarCustomerId,
};
use crate::model::money::Money;
use crate::model::time::Timestamp;
use std::fmt;

/// The way by which money is collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rail {
    /// The customer pays on Stripe Checkout.
    Link,
    /// A stored payment method is charged.
    Charge,
    /// Money that arrived by bank is applied.
    Transfer,
}

impl Rail {
    /// Its word in pages, logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Charge => "charge",
            Self::Transfer => "transfer",
        }
    }
}

impl fmt::Display for Rail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One attempt to collect an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// The invoice.
    pub invoice: InvoiceId,
    /// Its number among the invoice's collections, from 1; never given twice.
    pub number: u64,
    /// How it collects.
    pub rail: Rail,
    /// Who owes the invoice, in Zenskar.
    pub zenskar_customer: ZenskarCustomerId,
    /// Who pays, in Stripe.
    pub customer: StripeCustomerId,
    /// What is asked for.
    pub amount: Money,
    /// What is charged, where something stored is.
    pub method: Option<MethodId>,
    /// What kind of method that is, in Stripe's word, such as `card`.
    pub method_kind: Option<String>,
    /// Who wanted it: a person's name, or `engine`.
    pub by: String,
    /// The charge run that it is of, if it is of one.
    pub run: Option<u64>,
    /// The request, byte for byte. It is sent again as it is or not at all.
    pub body: String,
    /// The request's idempotency key.
    pub key: String,
    /// How far it got.
    pub stage: Stage,
    /// Its PaymentIntent, once one is known.
    pub intent: Option<PaymentIntentId>,
    /// Its charge, once one is known: another name of the same money.
    pub charge: Option<String>,
    /// Its Checkout session, once one is known.
    pub session: Option<SessionId>,
    /// What was taken, once something was.
    pub taken: Option<Taken>,
    /// What is booked of it, once that is decided.
    pub booking: Option<Booking>,
    /// Who allowed what is more than the invoice owes to be booked unallocated, if somebody did.
    pub rest_by: Option<String>,
    /// Requests of the present stage that were sent or failed.
    pub attempts: u32,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// When its present stage began.
    pub since: Timestamp,
    /// When its next step is due; `None` where it ended, or waits for a person.
    pub due_at: Option<Timestamp>,
    /// What the last step that failed came to, for people. May name a customer.
    pub note: Option<String>,
}

/// Money that Stripe took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// How much: what Stripe received, which may be less or more than was asked for.
    pub amount: Money,
    /// When it was known to us.
    pub at: Timestamp,
}

/// What was decided to be booked of money that was taken, in Zenskar's minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// All of it: the payment's amount.
    pub amount: i64,
    /// What of it is put against the invoice; the rest stands unallocated.
    pub part: i64,
    /// What the invoice owed before.
    pub due_before: i64,
    /// The payment in Zenskar, once it is there.
    pub payment: Option<PaymentId>,
}

/// How far a collection got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is decided, and no request of it can have left.
    Waiting,
    /// Its request may have reached Stripe since then, and no answer says what came of it.
    Unknown(Timestamp),
    /// Stripe holds it, and may yet take the money.
    Open,
    /// It is to take no money, for this reason, and Stripe has not shown yet that it will not.
    Closing(Ending),
    /// The money is taken and not yet booked: the next step is to look whether it is.
    Booking,
    /// A booking may have reached Zenskar since then, and no answer says so.
    BookingUnknown(Timestamp),
    /// Zenskar holds the payment; the invoice has yet to be seen to owe less.
    Settling,
    /// The money is booked, and the invoice was seen to owe less. It is over.
    Booked,
    /// No money was taken and none will be. It is over.
    Ended(Ending),
}

/// Why a collection took no money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The payment method was declined.
    Declined(Decline),
    /// The customer has to confirm the payment, which was not asked for: by a link, now.
    NeedsCustomer,
    /// Stripe took the request for wrong, for this reason; nothing was made of it.
    Refused(String),
    /// It was canceled, in Stripe or by us.
    Canceled,
    /// Its Checkout session expired.
    Expired,
    /// It was withdrawn before its request left, for this reason.
    Withdrawn(String),
}

/// What Stripe says of a payment method that was declined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decline {
    /// The error's code, such as `card_declined`.
    pub code: String,
    /// The issuer's reason, such as `insufficient_funds`.
    pub decline_code: Option<String>,
    /// What Stripe advises, such as `try_again_later`.
    pub advice_code: Option<String>,
}

impl Decline {
    /// The most telling of its words.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.decline_code.as_deref().unwrap_or(&self.code)
    }
}

impl Stage {
    /// Its word in pages, in JSON, in logs and metrics.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Unknown(_) => "unknown",
            Self::Open => "processing",
            Self::Closing(_) => "canceling",
            Self::Booking => "taken, not booked",
            Self::BookingUnknown(_) => "taken, booking unknown",
            Self::Settling => "booked, not yet seen",
            Self::Booked => "booked",
            Self::Ended(Ending::Declined(_)) => "declined",
            Self::Ended(Ending::NeedsCustomer) => "needs the customer",
            Self::Ended(Ending::Refused(_)) => "refused",
            Self::Ended(Ending::Canceled) => "canceled",
            Self::Ended(Ending::Expired) => "expired",
            Self::Ended(Ending::Withdrawn(_)) => "withdrawn",
        }
    }

    /// Whether it is over.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Booked | Self::Ended(_))
    }

    /// Whether the money is taken and Zenskar is not known to hold the payment: the loudest state
    /// there is.
    #[must_use]
    pub const fn is_taken_not_booked(&self) -> bool {
        matches!(self, Self::Booking | Self::BookingUnknown(_))
    }
}

impl Collection {
    /// Whether it holds the invoice's lease.
    #[must_use]
    pub const fn holds_lease(&self) -> bool {
        !self.stage.is_over()
    }

    /// The names that Stripe has for the money of it.
    #[must_use]
    pub fn names_in_stripe(&self) -> Vec<String> {
        let intent = self.intent.as_ref().map(ToString::to_string);
        intent.into_iter().chain(self.charge.clone()).collect()
    }

    /// Whether it waits for a person: it is under way, and nothing is due.
    #[must_use]
    pub const fn awaits_person(&self) -> bool {
        self.holds_lease() && self.due_at.is_none()
    }

    /// What people and the journal call it: the invoice and its number.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.invoice, self.number)
    }

    /// The collection at another stage, its next step due at once.
    #[must_use]
    pub fn at_stage(self, stage: Stage, now: Timestamp) -> Self {
        let due_at = (!stage.is_over()).then_some(now);
        Self {
            stage,
            attempts: 0,
            since: now,
            due_at,
            note: None,
            ..self
        }
    }
}
