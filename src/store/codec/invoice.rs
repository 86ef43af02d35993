//! Stored form of an invoice as it was last seen.

use crate::model::id::{InvoiceId, ZenskarCustomerId};
use crate::model::invoice::{Invoice, InvoiceStatus};
use crate::model::money::Currency;
use crate::store::codec::fields::time;
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use crate::store::invoices::SeenInvoice;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct InvoiceV1 {
    id: String,
    number: Option<String>,
    customer: String,
    status: String,
    currency: Option<String>,
    total: i64,
    gross: i64,
    due: i64,
    due_date: Option<i64>,
    created_at: Option<i64>,
    updated_at: Option<i64>,
    charged_at: Option<i64>,
    seen_at: i64,
    gone: bool,
}

impl Record for SeenInvoice {
    const TAG: Tag = Tag::Invoice;
    const VERSION: u16 = 1;
    type Newest = InvoiceV1;

    fn to_newest(&self) -> Result<InvoiceV1, RecordError> {
        let invoice = &self.invoice;
        Ok(InvoiceV1 {
            id: invoice.id.to_string(),
            number: invoice.number.clone(),
            customer: invoice.customer.to_string(),
            status: invoice.status.as_str().to_owned(),
            currency: invoice.currency.map(|currency| currency.to_string()),
            total: invoice.total,
            gross: invoice.gross,
            due: invoice.due,
            due_date: invoice.due_date.map(|at| at.micros()),
            created_at: invoice.created_at.map(|at| at.micros()),
            updated_at: invoice.updated_at.map(|at| at.micros()),
            charged_at: invoice.charged_at.map(|at| at.micros()),
            seen_at: self.seen_at.micros(),
            gone: self.gone,
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        match version {
            1 => Self::try_from(body::<InvoiceV1>(bytes)?),
            _ => Err(RecordError::Version(version)),
        }
    }
}

impl TryFrom<InvoiceV1> for SeenInvoice {
    type Error = RecordError;

    fn try_from(stored: InvoiceV1) -> Result<Self, RecordError> {
        Ok(Self {
            invoice: Invoice {
                id: InvoiceId::parse(&stored.id)?,
                number: stored.number,
                customer: ZenskarCustomerId::parse(&stored.customer)?,
                status: InvoiceStatus::of(&stored.status),
                currency: stored.currency.as_deref().map(currency).transpose()?,
                total: stored.total,
                gross: stored.gross,
                due: stored.due,
                due_date: stored.due_date.map(time),
                created_at: stored.created_at.map(time),
                updated_at: stored.updated_at.map(time),
                charged_at: stored.charged_at.map(time),
            },
            seen_at: time(stored.seen_at),
            gone: stored.gone,
        })
    }
}

/// The currency of these letters.
pub(super) fn currency(letters: &str) -> Result<Currency, RecordError> {
    Currency::parse(letters).map_err(|_| RecordError::Rule("a currency is none"))
}
