//! An invoice of Zenskar, as far as collecting it needs to know, and the payments on it.

use crate::model::id::{InvoiceId, PaymentId, ZenskarCustomerId};
use crate::model::money::Currency;
use crate::model::time::Timestamp;

/// An invoice as Zenskar showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// Its id.
    pub id: InvoiceId,
    /// The number that people know it by.
    pub number: Option<String>,
    /// Who owes it.
    pub customer: ZenskarCustomerId,
    /// How far it got.
    pub status: InvoiceStatus,
    /// Its currency, if it was shown: a list shows none.
    pub currency: Option<Currency>,
    /// What was invoiced, after credit notes, in Zenskar's minor units.
    pub total: i64,
    /// What was invoiced before credit notes, in Zenskar's minor units: what its lines add up to.
    pub gross: i64,
    /// What is still to be paid, in Zenskar's minor units. May be negative where more was paid.
    pub due: i64,
    /// When it is due, as Zenskar wrote it, taken for UTC; a draft may have none.
    pub due_date: Option<Timestamp>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
    /// When somebody charged it by Zenskar's own connector, if it says so.
    pub charged_at: Option<Timestamp>,
}

/// How far an invoice got (Zenskar's documentation, "Invoices").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvoiceStatus {
    /// Not yet approved.
    Draft,
    /// Approved: nothing of it is paid.
    Approved,
    /// A draft that was edited.
    Edited,
    /// A draft that was thrown away.
    Discarded,
    /// Paid.
    Paid,
    /// Void.
    Void,
    /// A part of it is paid.
    PartiallyPaid,
    /// Of a period that has not ended.
    Upcoming,
    /// A word that the documentation does not name.
    Other(String),
}

impl InvoiceStatus {
    /// The status of this word.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "draft" => Self::Draft,
            "approved" => Self::Approved,
            "edited" => Self::Edited,
            "discarded" => Self::Discarded,
            "paid" => Self::Paid,
            "void" => Self::Void,
            "partially_paid" => Self::PartiallyPaid,
            "upcoming" => Self::Upcoming,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Zenskar's word for it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Draft => "draft",
            Self::Approved => "approved",
            Self::Edited => "edited",
            Self::Discarded => "discarded",
            Self::Paid => "paid",
            Self::Void => "void",
            Self::PartiallyPaid => "partially_paid",
            Self::Upcoming => "upcoming",
            Self::Other(word) => word,
        }
    }

    /// Whether money may be collected on it.
    #[must_use]
    pub const fn is_collectable(&self) -> bool {
        matches!(self, Self::Approved | Self::PartiallyPaid)
    }
}

impl Invoice {
    /// Whether something of it is to be collected.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.status.is_collectable() && self.due > 0
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.number.as_deref().unwrap_or(self.id.as_str())
    }
}

/// What an invoice's lines add up to, in major units as Zenskar writes them there: a decimal, taken
/// apart into whole digits and how many of them are decimals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinesTotal {
    /// The digits without the point.
    pub digits: i64,
    /// How many of the digits stand after the point.
    pub decimals: u8,
    /// The currency that the lines name, if all name one and the same.
    pub currency: Option<Currency>,
}

/// A payment in Zenskar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// What it is of: `payment`, `refund`, or another word of Zenskar's.
    pub kind: String,
    /// Its status, in Zenskar's word, such as `success`.
    pub status: String,
    /// What it is of in the other system: of ours the PaymentIntent's id.
    pub external_id: Option<String>,
    /// The connector that made it, such as `stripe`; none for one that was recorded.
    pub connector: Option<String>,
    /// Its amount, in Zenskar's minor units.
    pub amount: i64,
    /// Its currency, if it was shown.
    pub currency: Option<Currency>,
    /// What of it was put against which invoice, in Zenskar's minor units.
    pub parts: Vec<(InvoiceId, i64)>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
}

impl Payment {
    /// Whether it counts as money that came in.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status == "success"
    }

    /// Whether it is a collection that somebody began and that is not over: it does not lower what
    /// is due, and may yet take money (Zenskar's documentation, "Payments": unrealised ones).
    #[must_use]
    pub fn is_pending(&self) -> bool {
        matches!(
            self.status.as_str(),
            "in_progress" | "requires_action" | "pending_charge" | "authorized" | "created"
        )
    }

    /// What of it was put against `invoice`, in Zenskar's minor units.
    #[must_use]
    pub fn part_of(&self, invoice: &InvoiceId) -> i64 {
        let parts = self.parts.iter().filter(|(id, _)| id == invoice);
        parts.fold(0, |sum, (_, part)| sum.saturating_add(*part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_keeps_its_word_and_only_two_are_collectable() {
        let words = [
            "draft",
            "approved",
            "edited",
            "discarded",
            "paid",
            "void",
            "partially_paid",
            "upcoming",
            "frozen",
        ];
        let collectable = words.into_iter().filter(|word| {
            let status = InvoiceStatus::of(word);
            assert_eq!(status.as_str(), *word);
            status.is_collectable()
        });
        assert_eq!(
            collectable.collect::<Vec<_>>(),
            ["approved", "partially_paid"]
        );
    }
}
