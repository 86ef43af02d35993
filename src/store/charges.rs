//! Charge runs and their lines; and whether charges are frozen.
//!
//! # Invariants
//!
//! - The counts of a run are those of its lines: they change in the transaction that changes a line.
//! - `charge_runs_open` holds the runs with a waiting line, and `charge_lines_due` one row for each
//!   waiting line.

use crate::model::charge::{ChargeLine, ChargeRun, LineState};
use crate::model::freeze::Freeze;
use crate::model::id::InvoiceId;
use crate::model::time::Timestamp;
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::BAD_KEY;
use crate::store::key;
use crate::store::tables::{
    CHARGE_KEYS, CHARGE_LINES, CHARGE_LINES_DUE, CHARGE_RUNS, CHARGE_RUNS_OPEN, META,
};
use crate::store::tx::{ALL, Bounds, ENOUGH, ON, Order, ReadTx, WriteTx, before, until};
use std::ops::Bound;

/// Row of [`META`] with the freeze, while there is one.
const FREEZE: &[u8] = b"freeze";
/// Row of [`META`] with since when Zenskar's own connector is said to collect nothing.
const NATIVE_OFF: &[u8] = b"native_off";
/// Name of the counter of how often the store was restored.
const EPOCH: &[u8] = b"epoch";

const NUMBERS: &[u8] = b"charge_runs";

impl ReadTx<'_> {
    /// A charge run.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn charge_run(&self, number: u64) -> Result<Option<ChargeRun>, StoreError> {
        self.record(CHARGE_RUNS, &key::number(number))
    }

    /// Charge runs before `before_run`, the newest first.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn charge_runs(
        &self,
        before_run: Option<u64>,
        limit: usize,
    ) -> Result<Vec<ChargeRun>, StoreError> {
        let from = before_run.map(key::number);
        let bounds = before(from.as_ref().map(<[u8; 8]>::as_slice));
        self.values(CHARGE_RUNS, bounds, Order::Descending, limit)
    }

    /// The charge run that was ordered under this digest of a caller's key.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn charge_run_by_key(&self, digest: &[u8; 32]) -> Result<Option<u64>, StoreError> {
        self.record(CHARGE_KEYS, digest)
    }

    /// The lines of a charge run by invoice, after `after_invoice`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn charge_lines(
        &self,
        run: u64,
        after_invoice: Option<&InvoiceId>,
        limit: usize,
    ) -> Result<Vec<ChargeLine>, StoreError> {
        let from = key::run(run, after_invoice.map_or("", InvoiceId::as_str));
        let to = key::number(run.saturating_add(1));
        let bounds: Bounds<'_> = (Bound::Excluded(&from), Bound::Excluded(to.as_slice()));
        self.values(CHARGE_LINES, bounds, Order::Ascending, limit)
    }

    /// A line of a charge run.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn charge_line(
        &self,
        run: u64,
        invoice: &InvoiceId,
    ) -> Result<Option<ChargeLine>, StoreError> {
        self.record(CHARGE_LINES, &key::run(run, invoice.as_str()))
    }

    /// Lines whose turn it is at `now`, of the runs that are not interrupted, the oldest run first.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged or missing.
    pub fn due_lines(&self, now: Timestamp, limit: usize) -> Result<Vec<ChargeLine>, StoreError> {
        let mut lines = Vec::new();
        for run in self.open_charge_runs()? {
            let (from, to) = (key::number(run), key::number(run.saturating_add(1)));
            let bounds: Bounds<'_> = (Bound::Included(&from), Bound::Excluded(&to));
            self.scan(CHARGE_LINES_DUE, bounds, Order::Ascending, |row, _| {
                let (due_at, invoice) = read_line(row)?;
                if due_at > now || lines.len() >= limit {
                    return ENOUGH;
                }
                lines.push(self.line_of(row, run, invoice)?);
                until(lines.len(), limit)
            })?;
        }
        Ok(lines)
    }

    /// When the turn of the next line comes, of the runs that are not interrupted.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn next_line_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut next: Option<Timestamp> = None;
        for run in self.open_charge_runs()? {
            let (from, to) = (key::number(run), key::number(run.saturating_add(1)));
            let bounds: Bounds<'_> = (Bound::Included(&from), Bound::Excluded(&to));
            self.scan(CHARGE_LINES_DUE, bounds, Order::Ascending, |row, _| {
                let due_at = read_line(row)?.0;
                next = Some(next.map_or(due_at, |next| next.min(due_at)));
                ENOUGH
            })?;
        }
        Ok(next)
    }

    /// The freeze of charges, while there is one.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn freeze(&self) -> Result<Option<Freeze>, StoreError> {
        self.record(META, FREEZE)
    }

    /// Since when Zenskar's own connector is said to collect nothing, if it is said.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn native_off_since(&self) -> Result<Option<Timestamp>, StoreError> {
        let micros: Option<u64> = self.record(META, NATIVE_OFF)?;
        Ok(micros.map(|micros| Timestamp::from_micros(micros.cast_signed())))
    }

    /// How often this store was restored, and once for its making.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn epoch(&self) -> Result<u64, StoreError> {
        Ok(self.counter(EPOCH)?.saturating_add(1))
    }

    /// The numbers of the runs with a waiting line that are not interrupted, the oldest first.
    fn open_charge_runs(&self) -> Result<Vec<u64>, StoreError> {
        let mut numbers = Vec::new();
        self.scan(CHARGE_RUNS_OPEN, ALL, Order::Ascending, |row, _| {
            numbers.extend(key::to_number(row));
            ON
        })?;
        let mut open = Vec::new();
        for number in numbers {
            let run = self.charge_run(number)?;
            open.extend(
                run.filter(|run| run.paused_at.is_none())
                    .map(|run| run.number),
            );
        }
        Ok(open)
    }

    fn line_of(&self, row: &[u8], run: u64, invoice: &str) -> Result<ChargeLine, StoreError> {
        let line = self.record(CHARGE_LINES, &key::run(run, invoice))?;
        line.ok_or_else(|| {
            let missing = RecordError::Rule("the line is missing");
            StoreError::corrupt(CHARGE_LINES_DUE.name(), row, missing)
        })
    }
}

impl WriteTx<'_> {
    /// The number of the next charge run. It is taken by asking.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn next_charge_run_number(&mut self) -> Result<u64, StoreError> {
        self.next_number(NUMBERS)
    }

    /// Writes a charge run without lines, or its interruption; its counts follow from its lines.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn put_charge_run(&mut self, run: &ChargeRun) -> Result<(), StoreError> {
        self.put(CHARGE_RUNS, &key::number(run.number), run)
    }

    /// Remembers that a charge run was ordered under this digest of a caller's key.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn put_charge_key(&mut self, digest: &[u8; 32], run: u64) -> Result<(), StoreError> {
        self.put(CHARGE_KEYS, digest, &run)
    }

    /// Writes a line in place of what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or the line's run is missing.
    pub fn put_charge_line(&mut self, line: &ChargeLine) -> Result<(), StoreError> {
        let row = key::run(line.run, line.invoice.as_str());
        let before = self.charge_line(line.run, &line.invoice)?;
        let due = |line: &ChargeLine| {
            (line.state == LineState::Waiting)
                .then(|| line_due(line.run, line.due_at, &line.invoice))
        };
        let (old, new) = (before.as_ref().and_then(due), due(line));
        if old != new {
            if let Some(old) = old {
                self.delete(CHARGE_LINES_DUE, &old)?;
            }
            if let Some(new) = new {
                self.put_bytes(CHARGE_LINES_DUE, &new, &[])?;
            }
        }
        let number = key::number(line.run);
        let mut run = self.charge_run(line.run)?.ok_or_else(|| {
            let missing = RecordError::Rule("the run of the line is missing");
            StoreError::corrupt(CHARGE_LINES.name(), &row, missing)
        })?;
        if let Some(before) = &before {
            let count = run.counts.of(&before.state);
            *count = count.saturating_sub(1);
        }
        let count = run.counts.of(&line.state);
        *count = count.saturating_add(1);
        if run.counts.waiting == 0 {
            self.delete(CHARGE_RUNS_OPEN, &number)?;
        } else {
            self.put_bytes(CHARGE_RUNS_OPEN, &number, &[])?;
        }
        self.put_charge_run(&run)?;
        self.put(CHARGE_LINES, &row, line)
    }

    /// Freezes charges, or ends the freeze.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn set_freeze(&mut self, freeze: Option<&Freeze>) -> Result<(), StoreError> {
        match freeze {
            Some(freeze) => self.put(META, FREEZE, freeze),
            None => self.delete(META, FREEZE).map(drop),
        }
    }

    /// Writes since when Zenskar's own connector is said to collect nothing.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn set_native_off_since(&mut self, since: Option<Timestamp>) -> Result<(), StoreError> {
        match since {
            Some(since) => self.put(META, NATIVE_OFF, &since.micros().cast_unsigned()),
            None => self.delete(META, NATIVE_OFF).map(drop),
        }
    }
}

fn line_due(run: u64, due_at: Timestamp, invoice: &InvoiceId) -> Vec<u8> {
    let mut key = key::number(run).to_vec();
    key.extend_from_slice(&key::due(due_at, invoice.as_str().as_bytes()));
    key
}

/// When the line of a row of `charge_lines_due` is due, and its invoice.
fn read_line(row: &[u8]) -> Result<(Timestamp, &str), StoreError> {
    let read = || {
        let (_, due) = row.split_first_chunk::<8>()?;
        let (due_at, invoice) = key::to_due(due)?;
        Some((due_at, std::str::from_utf8(invoice).ok()?))
    };
    read().ok_or_else(|| {
        StoreError::corrupt(CHARGE_LINES_DUE.name(), row, RecordError::Rule(BAD_KEY))
    })
}
