//! Stored form of a mirror.

use crate::model::mirror::Mirror;
use crate::model::time::Timestamp;
use crate::store::codec::fields::time;
use crate::store::codec::payload::{PayloadV1, compress};
use crate::store::codec::{Tag, body_borrowed, open_envelope, seal_envelope};
use crate::store::error::RecordError;
use serde::{Deserialize, Serialize};

const VERSION: u16 = 1;

#[derive(Serialize, Deserialize)]
struct MirrorV1<'a> {
    observed_at: i64,
    deleted: bool,
    #[serde(borrow)]
    payload: PayloadV1<'a>,
}

/// The record of `mirror`, its object compressed.
pub(in crate::store) fn encode_mirror(mirror: &Mirror) -> Result<Vec<u8>, RecordError> {
    let compressed = compress(&mirror.payload)?;
    let stored = MirrorV1 {
        observed_at: mirror.observed_at.micros(),
        deleted: mirror.deleted,
        payload: PayloadV1::new(&mirror.payload, compressed.as_deref()),
    };
    seal_envelope(Tag::Mirror, VERSION, &stored)
}

/// When the mirror in `record` was seen; its object stays compressed.
pub(in crate::store) fn decode_observed_at(record: &[u8]) -> Result<Timestamp, RecordError> {
    stored(record).map(|stored| time(stored.observed_at))
}

/// The mirror in `record`.
pub(in crate::store) fn decode_mirror(record: &[u8]) -> Result<Mirror, RecordError> {
    let stored = stored(record)?;
    Ok(Mirror {
        observed_at: time(stored.observed_at),
        deleted: stored.deleted,
        payload: stored.payload.expand()?,
    })
}

fn stored(record: &[u8]) -> Result<MirrorV1<'_>, RecordError> {
    match open_envelope(Tag::Mirror, record)? {
        (VERSION, body) => body_borrowed(body),
        (version, _) => Err(RecordError::Version(version)),
    }
}
