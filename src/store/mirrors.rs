//! Mirrors: what was last seen of each customer on each side.

use crate::model::link::Side;
use crate::model::mirror::Mirror;
use crate::model::time::Timestamp;
use crate::store::codec::{decode_mirror, decode_observed_at, encode_mirror};
use crate::store::error::{RecordError, StoreError};
use crate::store::inbox::BAD_KEY;
use crate::store::key;
use crate::store::tables::MIRRORS;
use crate::store::tx::{ENOUGH, Order, ReadTx, WriteTx, after, until};

/// A mirror ready to be written: encoded and compressed, so that the writer only has to place it.
#[derive(Clone, Debug)]
pub struct PreparedMirror {
    row: Vec<u8>,
    record: Vec<u8>,
}

impl PreparedMirror {
    /// Encodes the mirror of the customer `id` of `side` on the caller's thread.
    ///
    /// # Errors
    ///
    /// The object is larger than the store takes (8 MiB).
    pub fn new(side: Side, id: &str, mirror: &Mirror) -> Result<Self, StoreError> {
        let record = encode_mirror(mirror).map_err(|source| StoreError::Refused {
            table: MIRRORS.name(),
            source,
        })?;
        Ok(Self {
            row: key::mirror(side, id),
            record,
        })
    }
}

impl ReadTx<'_> {
    /// What was last seen of the customer `id` of `side`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn mirror(&self, side: Side, id: &str) -> Result<Option<Mirror>, StoreError> {
        self.with(MIRRORS, &key::mirror(side, id), decode_mirror)
    }

    /// When the mirror of the customer `id` of `side` was seen, if there is one.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the row is damaged.
    pub fn mirror_seen_at(&self, side: Side, id: &str) -> Result<Option<Timestamp>, StoreError> {
        self.with(MIRRORS, &key::mirror(side, id), decode_observed_at)
    }
}

impl ReadTx<'_> {
    /// Ids of the customers of `side` that have a mirror, after `after_id`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row is damaged.
    pub fn mirror_ids(
        &self,
        side: Side,
        after_id: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        let from = key::mirror(side, after_id.unwrap_or_default());
        let mut ids = Vec::new();
        if limit == 0 {
            return Ok(ids);
        }
        self.scan(MIRRORS, after(Some(&from)), Order::Ascending, |row, _| {
            match key::to_mirror(row) {
                Some((found, id)) if found == side => ids.push(id.to_owned()),
                Some(_) => return ENOUGH,
                None => {
                    let bad = RecordError::Rule(BAD_KEY);
                    return Err(StoreError::corrupt(MIRRORS.name(), row, bad));
                }
            }
            until(ids.len(), limit)
        })?;
        Ok(ids)
    }
}

impl WriteTx<'_> {
    /// Writes a mirror in place of what was there.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn put_mirror(&mut self, mirror: &PreparedMirror) -> Result<(), StoreError> {
        self.put_bytes(MIRRORS, &mirror.row, &mirror.record)
    }

    /// Removes the mirror of the customer `id` of `side`; says whether there was one.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn remove_mirror(&mut self, side: Side, id: &str) -> Result<bool, StoreError> {
        self.delete(MIRRORS, &key::mirror(side, id))
    }
}
