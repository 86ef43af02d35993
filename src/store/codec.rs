//! Stored values: `[tag u8][version u16 LE][bincode]`, and the only user of bincode.
//!
//! # Invariants
//!
//! - A stored type (`LinkV1`) is not a domain type (`Link`): the domain may change, a published
//!   stored version never does. A change adds `LinkV2`; readers accept every published version,
//!   writers write the newest. A test pins the bytes of each.
//! - Integers have fixed width, bytes left over are refused, no record is larger than
//!   [`RECORD_BYTES_MAX`]. No map, float or `usize` occurs in a stored type; ids are text, instants
//!   are `i64` microseconds, objects of the remotes stay the bytes they came as.
//! - Rules of a value are checked before it is written and after it is read.
//!
//! Not here: which table holds what (`store/tables.rs`), and keys (`store/key.rs`).

mod activation;
mod changes;
mod charge;
mod collection;
mod connection;
mod creation;
mod cursor;
mod dead;
mod endpoint;
mod event;
mod fields;
mod freeze;
mod intent;
mod invoice;
mod journal;
mod link;
mod listed;
mod meta;
mod mirror;
mod payload;
mod run;
mod session;
mod survey;
mod token;
mod work;

use crate::store::error::RecordError;
use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) use event::{decode_event, decode_head, encode_event, without_payload};
pub(super) use meta::{Installation, Schema};
pub(super) use mirror::{decode_mirror, decode_observed_at, encode_mirror};
pub use survey::survey;

/// Largest record, in bytes: four of the largest bodies that are taken in, so that only damage
/// exceeds it.
const RECORD_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Tag and version.
const ENVELOPE_BYTES: usize = 3;

/// The kind of a record. A number is never used for another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Tag {
    Schema,
    Installation,
    Identity,
    Number,
    Text,
    Event,
    Work,
    Link,
    Intent,
    DeadLetter,
    Differences,
    Mirror,
    Entry,
    Sealed,
    PollCursor,
    ScanCursor,
    Activations,
    ChangeCursor,
    Run,
    Decided,
    Creation,
    Switched,
    Listed,
    Grant,
    Registration,
    Login,
    Session,
    Token,
    Dropped,
    Invoice,
    Collection,
    ChargeRun,
    ChargeLine,
    Freeze,
    Redrive,
}

impl Tag {
    const fn byte(self) -> u8 {
        match self {
            Self::Schema => 1,
            Self::Installation => 2,
            Self::Identity => 3,
            Self::Number => 4,
            Self::Text => 5,
            Self::Event => 6,
            Self::Work => 7,
            Self::Link => 8,
            Self::Intent => 9,
            Self::DeadLetter => 10,
            Self::Differences => 11,
            Self::Mirror => 12,
            Self::Entry => 13,
            Self::Sealed => 14,
            Self::PollCursor => 15,
            Self::ScanCursor => 16,
            Self::Activations => 17,
            Self::ChangeCursor => 18,
            Self::Run => 19,
            Self::Decided => 20,
            Self::Creation => 21,
            Self::Switched => 22,
            Self::Listed => 23,
            Self::Grant => 24,
            Self::Registration => 25,
            Self::Login => 26,
            Self::Session => 27,
            Self::Token => 28,
            Self::Dropped => 29,
            Self::Invoice => 30,
            Self::Collection => 31,
            Self::ChargeRun => 32,
            Self::ChargeLine => 33,
            Self::Freeze => 34,
            Self::Redrive => 35,
        }
    }
}

/// A domain value that has a stored form.
pub(super) trait Record: Sized {
    /// Its kind.
    const TAG: Tag;
    /// The version that is written.
    const VERSION: u16;
    /// The stored form of that version.
    type Newest: Serialize;

    /// The stored form, or the rule that the value breaks.
    fn to_newest(&self) -> Result<Self::Newest, RecordError>;

    /// The value that `body` of `version` holds.
    fn from_version(version: u16, body: &[u8]) -> Result<Self, RecordError>;
}

/// The record of `value`.
pub(super) fn encode<T: Record>(value: &T) -> Result<Vec<u8>, RecordError> {
    seal_envelope(T::TAG, T::VERSION, &value.to_newest()?)
}

/// The value that `record` holds.
pub(super) fn decode<T: Record>(record: &[u8]) -> Result<T, RecordError> {
    let (version, body) = open_envelope(T::TAG, record)?;
    T::from_version(version, body)
}

fn seal_envelope<T: Serialize>(tag: Tag, version: u16, body: &T) -> Result<Vec<u8>, RecordError> {
    let mut record = Vec::with_capacity(256);
    record.push(tag.byte());
    record.extend_from_slice(&version.to_le_bytes());
    options()
        .serialize_into(&mut record, body)
        .map_err(encoding)?;
    Ok(record)
}

fn open_envelope(tag: Tag, record: &[u8]) -> Result<(u16, &[u8]), RecordError> {
    let Some((&[found, low, high], body)) = record.split_first_chunk::<ENVELOPE_BYTES>() else {
        return Err(RecordError::Short(record.len()));
    };
    if found != tag.byte() {
        return Err(RecordError::Tag {
            found,
            wanted: tag.byte(),
        });
    }
    Ok((u16::from_le_bytes([low, high]), body))
}

/// The stored form in `body`.
fn body<T: DeserializeOwned>(body: &[u8]) -> Result<T, RecordError> {
    options().deserialize(body).map_err(encoding)
}

/// The stored form in `body`, borrowing from it.
fn body_borrowed<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, RecordError> {
    options().deserialize(body).map_err(encoding)
}

fn options() -> impl Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_limit(RECORD_BYTES_MAX)
}

fn encoding(error: bincode::Error) -> RecordError {
    RecordError::Encoding(error)
}

#[cfg(test)]
mod tests;
