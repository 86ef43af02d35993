//! The inbox: events as they came, each once.
//!
//! # Invariants
//!
//! - `events` and `event_ids` have the same events; a sequence number is given once, also when
//!   all earlier events were pruned.
//! - The payload comes back byte for byte, until it is pruned.
//!
//! Not here: what an event asks for (`store/work.rs` sorts, the engine decides).

use crate::model::event::{Channel, Event};
use crate::model::id::{AccountId, EventId};
use crate::model::time::Timestamp;
use crate::store::codec::{decode_event, decode_head, encode_event};
use crate::store::error::{RecordError, StoreError};
use crate::store::key;
use crate::store::tables::{EVENT_IDS, EVENTS};
use crate::store::tx::{Order, ReadTx, WriteTx, after, before, until};

/// An event without its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventHead {
    /// Stripe's id.
    pub id: EventId,
    /// Stripe's type, such as `customer.updated`.
    pub kind: String,
    /// Id of the object it is about, or empty.
    pub object: String,
    /// The connected account it names, if any.
    pub account: Option<AccountId>,
    /// When Stripe made it.
    pub created: Timestamp,
    /// API version it was rendered in, if it says.
    pub api_version: Option<String>,
    /// How it reached us first.
    pub channel: Channel,
    /// When it reached us first, by this host's clock.
    pub received_at: Timestamp,
}

/// An event of the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its sequence number: the order of arrival, from 1.
    pub seq: u64,
    /// The event; its payload is empty once that was pruned.
    pub event: Event,
    /// Whether the payload was pruned.
    pub pruned: bool,
}

/// The head of an event of the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHead {
    /// Its sequence number: the order of arrival, from 1.
    pub seq: u64,
    /// The event without its payload.
    pub head: EventHead,
    /// Whether the payload was pruned.
    pub pruned: bool,
}

/// What became of an event that was brought to the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is in, under this sequence number.
    New(u64),
    /// It was in already, under this sequence number.
    Known(u64),
}

/// An event ready to be written: encoded and compressed, so that the writer only has to place it.
#[derive(Clone, Debug)]
pub struct PreparedEvent {
    id: EventId,
    record: Vec<u8>,
}

impl PreparedEvent {
    /// Encodes `event` on the caller's thread.
    ///
    /// # Errors
    ///
    /// The payload is larger than the store takes (8 MiB).
    pub fn new(event: &Event) -> Result<Self, StoreError> {
        let record = encode_event(event).map_err(|source| StoreError::Refused {
            table: EVENTS.name(),
            source,
        })?;
        Ok(Self {
            id: event.id.clone(),
            record,
        })
    }

    /// Bytes it takes in the queue and, about, in the file.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.record.len()
    }

    /// The event's id.
    #[must_use]
    pub const fn id(&self) -> &EventId {
        &self.id
    }
}

impl ReadTx<'_> {
    /// The event with this sequence number.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn event(&self, seq: u64) -> Result<Option<StoredEvent>, StoreError> {
        let found = self.with(EVENTS, &key::number(seq), decode_event)?;
        Ok(found.map(|(event, pruned)| StoredEvent { seq, event, pruned }))
    }

    /// The event with this id.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged or missing.
    pub fn event_by_id(&self, id: &EventId) -> Result<Option<StoredEvent>, StoreError> {
        let Some(seq) = self.event_seq(id)? else {
            return Ok(None);
        };
        match self.event(seq)? {
            Some(stored) if stored.event.id == *id => Ok(Some(stored)),
            _ => Err(StoreError::corrupt(
                EVENT_IDS.name(),
                id.as_str().as_bytes(),
                RecordError::Rule("the index does not lead to the event"),
            )),
        }
    }

    /// The sequence number of the event with this id.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn event_seq(&self, id: &EventId) -> Result<Option<u64>, StoreError> {
        self.record(EVENT_IDS, id.as_str().as_bytes())
    }

    /// The head of the event with this sequence number.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn event_head(&self, seq: u64) -> Result<Option<StoredHead>, StoreError> {
        let found = self.with(EVENTS, &key::number(seq), decode_head)?;
        Ok(found.map(|(head, pruned)| StoredHead { seq, head, pruned }))
    }

    /// Heads of the events after `seq`, oldest first.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn events_after(&self, seq: u64, limit: usize) -> Result<Vec<StoredHead>, StoreError> {
        let from = key::number(seq);
        self.heads(after(Some(&from)), Order::Ascending, limit)
    }

    /// Heads of the events before `seq`, or of all, newest first.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn events_newest(
        &self,
        before_seq: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredHead>, StoreError> {
        let to = before_seq.map(key::number);
        let bounds = before(to.as_ref().map(<[u8; 8]>::as_slice));
        self.heads(bounds, Order::Descending, limit)
    }

    /// The highest sequence number ever given; zero before the first event.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn last_seq(&self) -> Result<u64, StoreError> {
        // Only events that were sorted are ever pruned, so an empty table leaves the cursor.
        let last = self.last_key(EVENTS)?;
        let last = last.as_deref().and_then(key::to_number).unwrap_or(0);
        Ok(last.max(self.intake_cursor()?))
    }

    /// Mean size of the rows of the last `sample` events, in bytes; `None` without events.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn event_bytes(&self, sample: usize) -> Result<Option<u64>, StoreError> {
        let (mut rows, mut bytes) = (0_usize, 0_usize);
        self.scan(
            EVENTS,
            crate::store::tx::ALL,
            Order::Descending,
            |key, value| {
                rows = rows.saturating_add(1);
                bytes = bytes.saturating_add(key.len()).saturating_add(value.len());
                until(rows, sample)
            },
        )?;
        Ok(bytes
            .checked_div(rows)
            .and_then(|mean| u64::try_from(mean).ok()))
    }

    fn heads(
        &self,
        bounds: crate::store::tx::Bounds<'_>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<StoredHead>, StoreError> {
        let mut heads = Vec::new();
        if limit == 0 {
            return Ok(heads);
        }
        self.scan(EVENTS, bounds, order, |row, value| {
            let corrupt = |wrong| StoreError::corrupt(EVENTS.name(), row, wrong);
            let seq = key::to_number(row).ok_or_else(|| corrupt(RecordError::Rule(BAD_KEY)))?;
            let (head, pruned) = decode_head(value).map_err(corrupt)?;
            heads.push(StoredHead { seq, head, pruned });
            until(heads.len(), limit)
        })?;
        Ok(heads)
    }
}

/// A key that is no number.
pub(super) const BAD_KEY: &str = "the key is not of its table's form";

impl WriteTx<'_> {
    /// Puts an event in, unless it is known.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn insert_event(&mut self, event: &PreparedEvent) -> Result<Inserted, StoreError> {
        if let Some(seq) = self.event_seq(&event.id)? {
            return Ok(Inserted::Known(seq));
        }
        let last = match self.last_seq {
            Some(last) => last,
            None => self.last_seq()?,
        };
        let seq = last.saturating_add(1);
        self.put_bytes(EVENTS, &key::number(seq), &event.record)?;
        self.put(EVENT_IDS, event.id.as_str().as_bytes(), &seq)?;
        self.last_seq = Some(seq);
        Ok(Inserted::New(seq))
    }
}
