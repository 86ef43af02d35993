//! Invoices as they were last seen, and those of them on which something is due.
//!
//! # Invariants
//!
//! - `invoices_open` holds exactly one row for each open invoice of `invoices`: its due date, and its
//!   id. One without a due date sorts behind the others.
//! - `invoices_by_number` holds one row for each invoice with a number that can stand in a key.

use crate::model::id::InvoiceId;
use crate::model::invoice::Invoice;
use crate::model::time::Timestamp;
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::BAD_KEY;
use crate::store::key;
use crate::store::tables::{INVOICES, INVOICES_BY_NUMBER, INVOICES_OPEN};
use crate::store::tx::{Bounds, Order, ReadTx, WriteTx, after, until};
use std::ops::Bound;

/// Longest number by which an invoice is found, in bytes.
const NUMBER_BYTES_MAX: usize = 512;

/// An invoice, and when it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenInvoice {
    /// The invoice.
    pub invoice: Invoice,
    /// When it was last seen, by this host's clock.
    pub seen_at: Timestamp,
    /// When it was last read by itself, which shows more than a list does.
    pub looked_at: Option<Timestamp>,
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

    /// The invoices that people know by this number, among those seen, at most `limit`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged or missing.
    pub fn invoices_numbered(
        &self,
        number: &str,
        limit: usize,
    ) -> Result<Vec<SeenInvoice>, StoreError> {
        let mut found = Vec::new();
        let Some(from) = by_number(number, "") else {
            return Ok(found);
        };
        let to = key::intents_to(number);
        let bounds: Bounds<'_> = (Bound::Included(&from), Bound::Excluded(&to));
        self.scan(INVOICES_BY_NUMBER, bounds, Order::Ascending, |row, _| {
            let id = row.get(from.len()..).unwrap_or_default();
            let seen = self.record::<SeenInvoice>(INVOICES, id)?.ok_or_else(|| {
                let missing = RecordError::Rule("the numbered invoice is missing");
                StoreError::corrupt(INVOICES_BY_NUMBER.name(), row, missing)
            })?;
            found.push(seen);
            until(found.len(), limit)
        })?;
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
            seen.looked_at = seen.looked_at.or(known.looked_at);
        }
        let number = |seen: &SeenInvoice| {
            let number = seen.invoice.number.as_deref()?;
            by_number(number, seen.invoice.id.as_str())
        };
        let (old, new) = (known.as_ref().and_then(number), number(&seen));
        if old != new {
            if let Some(old) = old {
                self.delete(INVOICES_BY_NUMBER, &old)?;
            }
            if let Some(new) = new {
                self.put_bytes(INVOICES_BY_NUMBER, &new, &[])?;
            }
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

/// The key of an invoice by its number; `None` for a number that cannot stand in a key.
fn by_number(number: &str, id: &str) -> Option<Vec<u8>> {
    let fits = number.len() <= NUMBER_BYTES_MAX && !number.contains('\0');
    fits.then(|| key::named(number, id))
}
