//! What the status of a PaymentIntent means for the invoice that it collects.
//!
//! The table is total: every word that Stripe documents has its row, and any other word has one of
//! its own. It is read by charges, links and bank transfers alike.
//!
//! | status | what it means |
//! |---|---|
//! | `succeeded` | the money is taken |
//! | `processing` | it may yet be taken |
//! | `requires_capture` | it may yet be taken, and we never ask for that: alarm |
//! | `requires_action`, `requires_confirmation`, `requires_payment_method` | nothing is taken, and somebody could yet make it be: cancel, and read back that it is |
//! | `canceled` | nothing is taken and nothing will be |
//! | any other | it may yet be taken: alarm |
//!
//! Source: Stripe's API reference, "The PaymentIntent object".

/// The status of a PaymentIntent.
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

/// What a status means for the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The money is taken.
    Taken,
    /// It may yet be taken.
    InFlight {
        /// Whether a person is to be told, since we never ask for this.
        alarm: bool,
    },
    /// Nothing is taken, and it could yet be: it is to be canceled, and read back canceled.
    ToCancel,
    /// Nothing is taken and nothing will be.
    Free,
}

/// What `status` means.
#[must_use]
pub const fn meaning(status: &Status) -> Meaning {
    match status {
        Status::Succeeded => Meaning::Taken,
        Status::Processing => Meaning::InFlight { alarm: false },
        Status::RequiresCapture | Status::Other(_) => Meaning::InFlight { alarm: true },
        Status::RequiresAction | Status::RequiresConfirmation | Status::RequiresPaymentMethod => {
            Meaning::ToCancel
        }
        Status::Canceled => Meaning::Free,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_c12_every_status_has_a_meaning_and_only_canceled_is_free() {
        let in_flight = |alarm| Meaning::InFlight { alarm };
        for (word, expected) in [
            ("succeeded", Meaning::Taken),
            ("processing", in_flight(false)),
            ("requires_capture", in_flight(true)),
            ("requires_action", Meaning::ToCancel),
            ("requires_confirmation", Meaning::ToCancel),
            ("requires_payment_method", Meaning::ToCancel),
            ("canceled", Meaning::Free),
            ("partially_funded", in_flight(true)),
            ("Succeeded", in_flight(true)),
            ("", in_flight(true)),
        ] {
            let status = Status::of(word);
            assert_eq!(status.as_str(), word);
            assert_eq!(meaning(&status), expected, "{word}");
        }
    }
}
