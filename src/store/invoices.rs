//! Invoices as they were last seen, and those of them on which something is due.
//!
//! # Invariants
//!
//! - `invoices_open` holds exactly one row for each open invoice of `invoices`: its due date, and its
//!   id. One without a due date sorts behind the others.

use crate::model::id::InvoiceId;
use crate::model::invoice::Invoice;
use crate::model::time::Timestamp;
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::BAD_KEY;
use crate::store::key;
use crate::store::tables::{INVOICES, INVOICES_OPEN};
use crate::store::tx::{ENOUGH, ON, Order, ReadTx, WriteTx, after, until};

/// An invoice, and when it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenInvoice {
    /// The invoice.
    pub invoice: Invoice,
    /// When it was last seen, by this host's clock.
    pub seen_at: Timestamp,
    /// Whether Zenskar did not know it then.
    pub gone: bool,
}

impl SeenInvoice {
    /// Whether something of it is to be collected, as far as was seen.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.invoice.is_open() && !self.gone
    }

    /// Where it stands among the open ones.
    #[must_use]
    pub fn place(&self) -> (Timestamp, InvoiceId) {
        let due = self.invoice.due_date.unwrap_or(Timestamp::MAX);
        (due, self.invoice.id.clone())
    }
}

impl ReadTx<'_> {
    /// An invoice as it was last seen.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn invoice(&self, id: &InvoiceId) -> Result<Option<SeenInvoice>, StoreError> {
        self.record(INVOICES, id.as_str().as_bytes())
    }

    /// The open invoices, the earliest due first, from after this place.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged or missing.
    pub fn open_invoices(
        &self,
        after_place: Option<&(Timestamp, InvoiceId)>,
        limit: usize,
    ) -> Result<Vec<SeenInvoice>, StoreError> {
        let mut open = Vec::new();
        if limit == 0 {
            return Ok(open);
        }
        let from = after_place.map(|(due, id)| key::due(*due, id.as_str().as_bytes()));
        let bounds = after(from.as_deref());
        self.scan(INVOICES_OPEN, bounds, Order::Ascending, |row, _| {
            let wrong =
                |what| StoreError::corrupt(INVOICES_OPEN.name(), row, RecordError::Rule(what));
            let (_, id) = key::to_due(row).ok_or_else(|| wrong(BAD_KEY))?;
            let seen = self.record::<SeenInvoice>(INVOICES, id)?;
            open.push(seen.ok_or_else(|| wrong("the open invoice is missing"))?);
            until(open.len(), limit)
        })?;
        Ok(open)
    }

    /// The first invoice that people know by this number, among those seen.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn invoice_numbered(&self, number: &str) -> Result<Option<SeenInvoice>, StoreError> {
        let mut found = None;
        self.scan(
            INVOICES,
            crate::store::tx::ALL,
            Order::Ascending,
            |id, value| {
                let seen: SeenInvoice = crate::store::codec::decode(value)
                    .map_err(|wrong| StoreError::corrupt(INVOICES.name(), id, wrong))?;
                if seen.invoice.number.as_deref() == Some(number) {
                    found = Some(seen);
                    return ENOUGH;
                }
                ON
            },
        )?;
        Ok(found)
    }

    /// How many invoices are open.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn open_invoice_count(&self) -> Result<u64, StoreError> {
        self.count(INVOICES_OPEN)
    }
}

impl WriteTx<'_> {
    /// Writes an invoice as it was seen, in place of what was there.
    ///
    /// What a list shows has no currency: the one that is known stays.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn put_invoice(&mut self, seen: &SeenInvoice) -> Result<(), StoreError> {
        let id = seen.invoice.id.as_str().as_bytes();
        let known = self.invoice(&seen.invoice.id)?;
        let mut seen = seen.clone();
        if let Some(known) = &known {
            seen.invoice.currency = seen.invoice.currency.or(known.invoice.currency);
        }
        let row = |seen: &SeenInvoice| {
            let (due, id) = seen.place();
            key::due(due, id.as_str().as_bytes())
        };
        let before = known.filter(SeenInvoice::is_open).map(|known| row(&known));
        let now = Some(&seen).filter(|seen| seen.is_open()).map(row);
        if before != now {
            if let Some(before) = before {
                self.delete(INVOICES_OPEN, &before)?;
            }
            if let Some(now) = now {
                self.put_bytes(INVOICES_OPEN, &now, &[])?;
            }
        }
        self.put(INVOICES, id, &seen)
    }
}
