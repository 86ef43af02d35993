//! Bytes of others, compressed. They come back identical.

use crate::remote::transport::OBJECT_BYTES_MAX;
use crate::store::error::RecordError;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cell::RefCell;
use std::fmt;

/// Largest payload, in bytes; larger than any object that is taken in, and small enough that
/// its record never meets the codec's limit.
pub(super) const PAYLOAD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What the remotes' clients take, the store keeps.
const _: () = assert!(OBJECT_BYTES_MAX < PAYLOAD_BYTES_MAX);

/// zstd's level. Higher levels win a few percent on 4 KiB of JSON and cost several times the CPU.
const LEVEL: i32 = 1;

/// A payload as it is stored, borrowed from the record.
#[derive(Serialize, Deserialize)]
pub(super) enum PayloadV1<'a> {
    /// It was pruned.
    Dropped,
    /// As it came.
    Plain(#[serde(borrow)] Bytes<'a>),
    /// A zstd frame, and how many bytes it expands to.
    Zstd(u32, #[serde(borrow)] Bytes<'a>),
}

/// Bytes that serde moves as a block. In bincode they look like any other list of `u8`.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;
        impl<'de> Visitor<'de> for Borrowed {
            type Value = Bytes<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_bytes(Borrowed)
    }
}

thread_local! {
    /// zstd's working memory, kept because making it costs more than compressing one event.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
}

/// `payload` compressed, or nothing when that would not make it smaller.
pub(super) fn compress(payload: &[u8]) -> Result<Option<Vec<u8>>, RecordError> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(RecordError::Rule("the payload is too large"));
    }
    let compressed = COMPRESSOR.with(|cell| {
        let mut slot = cell.try_borrow_mut().ok()?;
        if slot.is_none() {
            *slot = zstd::bulk::Compressor::new(LEVEL).ok();
        }
        slot.as_mut()?.compress(payload).ok()
    });
    Ok(compressed.filter(|compressed| compressed.len() < payload.len()))
}

impl<'a> PayloadV1<'a> {
    /// The stored form of `payload`, given what [`compress`] made of it.
    pub(super) fn new(payload: &'a [u8], compressed: Option<&'a [u8]>) -> Self {
        match (compressed, u32::try_from(payload.len())) {
            (Some(compressed), Ok(length)) => Self::Zstd(length, Bytes(compressed)),
            _ => Self::Plain(Bytes(payload)),
        }
    }

    /// Whether it was pruned.
    pub(super) const fn is_dropped(&self) -> bool {
        matches!(self, Self::Dropped)
    }

    /// The bytes as they came; none when they were pruned.
    pub(super) fn expand(&self) -> Result<Vec<u8>, RecordError> {
        match self {
            Self::Dropped => Ok(Vec::new()),
            Self::Plain(Bytes(bytes)) => Ok(bytes.to_vec()),
            Self::Zstd(length, Bytes(frame)) => {
                let length = usize::try_from(*length).unwrap_or(usize::MAX);
                if length > PAYLOAD_BYTES_MAX {
                    return Err(RecordError::Rule("the payload is too large"));
                }
                let bytes =
                    zstd::bulk::decompress(frame, length).map_err(RecordError::Compression)?;
                if bytes.len() == length {
                    Ok(bytes)
                } else {
                    Err(RecordError::Rule("the payload expands to another length"))
                }
            }
        }
    }
}
