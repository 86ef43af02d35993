//! Any record, read and written again.
//!
//! The fuzzer's way in: records are private to the store, damage to them is not.

use crate::model::charge::{ChargeLine, ChargeRun};
use crate::model::collection::Collection;
use crate::model::connection::Grant;
use crate::model::creation::Creation;
use crate::model::cursor::{ChangeCursor, PollCursor, ScanCursor};
use crate::model::dead::{Dropped, Redrive};
use crate::model::difference::Difference;
use crate::model::endpoint::Registration;
use crate::model::freeze::Freeze;
use crate::model::id::StripeCustomerId;
use crate::model::journal::Entry;
use crate::model::link::Link;
use crate::model::mark::Mark;
use crate::model::run::{Decided, Run};
use crate::model::session::{Login, Session};
use crate::model::token::Token;
use crate::model::work::{DeadLetter, Work};
use crate::store::codec::{
    Installation, Record, Schema, Tag, decode, decode_event, decode_mirror, encode, encode_event,
    encode_mirror,
};
use crate::store::error::RecordError;
use crate::store::{Identity, Scheduled, Sealed, SeenInvoice};
use crate::sync::activation::Activations;
use crate::sync::creation::Switched;

/// Reads a record of whichever kind it says it is, and writes what was read.
///
/// # Errors
///
/// A record that no release can have written.
pub fn survey(record: &[u8]) -> Result<Vec<u8>, RecordError> {
    let Some(tag) = record.first() else {
        return Err(RecordError::Short(record.len()));
    };
    let rewriter = REWRITERS.iter().find(|(kind, _)| kind.byte() == *tag);
    let (_, rewrite) = rewriter.ok_or(RecordError::Rule("no kind of record has this tag"))?;
    rewrite(record)
}

type Rewrite = fn(&[u8]) -> Result<Vec<u8>, RecordError>;

const REWRITERS: [(Tag, Rewrite); 35] = [
    (Tag::Schema, rewrite::<Schema>),
    (Tag::Installation, rewrite::<Installation>),
    (Tag::Identity, rewrite::<Identity>),
    (Tag::Number, rewrite::<u64>),
    (Tag::Text, rewrite::<StripeCustomerId>),
    (Tag::Event, event),
    (Tag::Work, rewrite::<Work>),
    (Tag::Link, rewrite::<Link>),
    (Tag::Intent, rewrite::<Scheduled>),
    (Tag::DeadLetter, rewrite::<DeadLetter>),
    (Tag::Differences, rewrite::<Vec<Difference>>),
    (Tag::Mirror, mirror),
    (Tag::Entry, rewrite::<Entry>),
    (Tag::Sealed, rewrite::<Sealed>),
    (Tag::PollCursor, rewrite::<PollCursor>),
    (Tag::ScanCursor, rewrite::<ScanCursor>),
    (Tag::Activations, rewrite::<Activations>),
    (Tag::ChangeCursor, rewrite::<ChangeCursor>),
    (Tag::Run, rewrite::<Run>),
    (Tag::Decided, rewrite::<Decided>),
    (Tag::Creation, rewrite::<Creation>),
    (Tag::Switched, rewrite::<Switched>),
    (Tag::Listed, rewrite::<Vec<Mark>>),
    (Tag::Grant, rewrite::<Grant>),
    (Tag::Registration, rewrite::<Registration>),
    (Tag::Login, rewrite::<Login>),
    (Tag::Session, rewrite::<Session>),
    (Tag::Token, rewrite::<Token>),
    (Tag::Dropped, rewrite::<Dropped>),
    (Tag::Invoice, rewrite::<SeenInvoice>),
    (Tag::Collection, rewrite::<Collection>),
    (Tag::ChargeRun, rewrite::<ChargeRun>),
    (Tag::ChargeLine, rewrite::<ChargeLine>),
    (Tag::Freeze, rewrite::<Freeze>),
    (Tag::Redrive, rewrite::<Redrive>),
];

fn rewrite<T: Record>(record: &[u8]) -> Result<Vec<u8>, RecordError> {
    encode(&decode::<T>(record)?)
}

fn event(record: &[u8]) -> Result<Vec<u8>, RecordError> {
    encode_event(&decode_event(record)?.0)
}

fn mirror(record: &[u8]) -> Result<Vec<u8>, RecordError> {
    encode_mirror(&decode_mirror(record)?)
}
