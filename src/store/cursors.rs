//! How far intake, pollers, scan and janitor have come.

use crate::model::cursor::{ChangeCursor, PollCursor, ScanCursor};
use crate::store::error::StoreError;
use crate::store::tables::CURSORS;
use crate::store::tx::{ReadTx, WriteTx};

const INTAKE: &[u8] = b"intake";
const POLL: &[u8] = b"poll";
const CHANGES: &[u8] = b"changes";
const SCAN: &[u8] = b"scan";
const PAYLOADS: &[u8] = b"payloads";

impl ReadTx<'_> {
    /// Sequence number of the last event that was sorted; zero before the first.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn intake_cursor(&self) -> Result<u64, StoreError> {
        Ok(self.record(CURSORS, INTAKE)?.unwrap_or(0))
    }

    /// The poller's place.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn poll_cursor(&self) -> Result<PollCursor, StoreError> {
        Ok(self.record(CURSORS, POLL)?.unwrap_or_default())
    }

    /// The place of the poller of Zenskar's customers.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn change_cursor(&self) -> Result<ChangeCursor, StoreError> {
        Ok(self.record(CURSORS, CHANGES)?.unwrap_or_default())
    }

    /// The scan's place.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn scan_cursor(&self) -> Result<ScanCursor, StoreError> {
        Ok(self.record(CURSORS, SCAN)?.unwrap_or_default())
    }

    /// Sequence number of the last event whose payload the janitor has looked at.
    pub(super) fn payload_cursor(&self) -> Result<u64, StoreError> {
        Ok(self.record(CURSORS, PAYLOADS)?.unwrap_or(0))
    }
}

impl WriteTx<'_> {
    /// Moves the intake's place.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn set_intake_cursor(&mut self, seq: u64) -> Result<(), StoreError> {
        self.put(CURSORS, INTAKE, &seq)
    }

    /// Moves the poller's place.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn set_poll_cursor(&mut self, cursor: &PollCursor) -> Result<(), StoreError> {
        self.put(CURSORS, POLL, cursor)
    }

    /// Moves the place of the poller of Zenskar's customers.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn set_change_cursor(&mut self, cursor: &ChangeCursor) -> Result<(), StoreError> {
        self.put(CURSORS, CHANGES, cursor)
    }

    /// Moves the scan's place.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn set_scan_cursor(&mut self, cursor: &ScanCursor) -> Result<(), StoreError> {
        self.put(CURSORS, SCAN, cursor)
    }

    pub(super) fn set_payload_cursor(&mut self, seq: u64) -> Result<(), StoreError> {
        self.put(CURSORS, PAYLOADS, &seq)
    }
}
