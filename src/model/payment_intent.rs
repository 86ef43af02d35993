//! A PaymentIntent of Stripe, as far as collecting an invoice needs to know.

use crate::model::collection::Decline;
use crate::model::id::{InvoiceId, OrganisationId, PaymentIntentId};
use crate::model::money::Money;
use crate::model::time::Timestamp;

/// A PaymentIntent as Stripe showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentIntent {
    /// Its id.
    pub id: PaymentIntentId,
    /// Its status.
    pub status: Status,
    /// What was asked for.
    pub amount: Money,
    /// What was received.
    pub received: Money,
    /// Its charge, the last if there were more.
    pub charge: Option<String>,
    /// What the last try came to, where that was an error.
    pub decline: Option<Decline>,
    /// Whose it is, if it is ours.
    pub mark: Option<Mark>,
    /// When it was made.
    pub created: Timestamp,
}

/// The status of a PaymentIntent (Stripe's API reference, "The PaymentIntent object").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// `succeeded`.
    Succeeded,
    /// `processing`.
    Processing,
    /// `requires_capture`.
    RequiresCapture,
    /// `requires_action`.
    RequiresAction,
    /// `requires_confirmation`.
    RequiresConfirmation,
    /// `requires_payment_method`.
    RequiresPaymentMethod,
    /// `canceled`.
    Canceled,
    /// A word that the documentation does not name.
    Other(String),
}

impl Status {
    /// The status of this word.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "succeeded" => Self::Succeeded,
            "processing" => Self::Processing,
            "requires_capture" => Self::RequiresCapture,
            "requires_action" => Self::RequiresAction,
            "requires_confirmation" => Self::RequiresConfirmation,
            "requires_payment_method" => Self::RequiresPaymentMethod,
            "canceled" => Self::Canceled,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Stripe's word for it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Processing => "processing",
            Self::RequiresCapture => "requires_capture",
            Self::RequiresAction => "requires_action",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::Canceled => "canceled",
            Self::Other(word) => word,
        }
    }
}

/// Whose an object of Stripe is: what every one that we make for a collection carries, so that it is
/// known for ours whatever becomes of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The installation.
    pub installation: String,
    /// How often the store had been restored, which tells a copy of it from what it was copied from.
    pub epoch: u64,
    /// The organisation of the invoice.
    pub organisation: OrganisationId,
    /// The invoice.
    pub invoice: InvoiceId,
    /// The collection's number.
    pub attempt: u64,
}
