//! Stored form of an event: its head and its body in one record.

use crate::model::event::{Channel, Event};
use crate::model::id::{AccountId, EventId};
use crate::store::codec::fields::time;
use crate::store::codec::payload::{PayloadV1, compress};
use crate::store::codec::{Tag, body_borrowed, open_envelope, seal_envelope};
use crate::store::error::RecordError;
use crate::store::inbox::EventHead;
use serde::{Deserialize, Serialize};

/// Version 2 knows the channels of Zenskar.
const VERSION: u16 = 2;

#[derive(Serialize, Deserialize)]
struct Stored<'a, C> {
    id: &'a str,
    kind: &'a str,
    object: &'a str,
    account: Option<&'a str>,
    created: i64,
    api_version: Option<&'a str>,
    channel: C,
    received_at: i64,
    #[serde(borrow)]
    payload: PayloadV1<'a>,
}

type EventV1<'a> = Stored<'a, ChannelV1>;
type EventV2<'a> = Stored<'a, ChannelV2>;

#[derive(Serialize, Deserialize)]
enum ChannelV1 {
    Webhook,
    Poll,
}

#[derive(Serialize, Deserialize)]
enum ChannelV2 {
    Webhook,
    Poll,
    ZenskarWebhook,
    ZenskarPoll,
}

impl From<ChannelV1> for ChannelV2 {
    fn from(channel: ChannelV1) -> Self {
        match channel {
            ChannelV1::Webhook => Self::Webhook,
            ChannelV1::Poll => Self::Poll,
        }
    }
}

impl<'a> From<EventV1<'a>> for EventV2<'a> {
    fn from(stored: EventV1<'a>) -> Self {
        Self {
            id: stored.id,
            kind: stored.kind,
            object: stored.object,
            account: stored.account,
            created: stored.created,
            api_version: stored.api_version,
            channel: stored.channel.into(),
            received_at: stored.received_at,
            payload: stored.payload,
        }
    }
}

/// The record of `event`, its payload compressed.
pub(in crate::store) fn encode_event(event: &Event) -> Result<Vec<u8>, RecordError> {
    let compressed = compress(&event.payload)?;
    let stored = EventV2 {
        id: event.id.as_str(),
        kind: &event.kind,
        object: &event.object,
        account: event.account.as_ref().map(AccountId::as_str),
        created: event.created.micros(),
        api_version: event.api_version.as_deref(),
        channel: match event.channel {
            Channel::Webhook => ChannelV2::Webhook,
            Channel::Poll => ChannelV2::Poll,
            Channel::ZenskarWebhook => ChannelV2::ZenskarWebhook,
            Channel::ZenskarPoll => ChannelV2::ZenskarPoll,
        },
        received_at: event.received_at.micros(),
        payload: PayloadV1::new(&event.payload, compressed.as_deref()),
    };
    seal_envelope(Tag::Event, VERSION, &stored)
}

/// The event in `record`, and whether its payload was dropped.
pub(in crate::store) fn decode_event(record: &[u8]) -> Result<(Event, bool), RecordError> {
    let stored = read(record)?;
    let payload = stored.payload.expand()?;
    let head = stored.head()?;
    let event = Event {
        id: head.id,
        kind: head.kind,
        object: head.object,
        account: head.account,
        created: head.created,
        api_version: head.api_version,
        channel: head.channel,
        received_at: head.received_at,
        payload,
    };
    Ok((event, stored.payload.is_dropped()))
}

/// The event's head in `record`, without expanding its payload, and whether that was dropped.
pub(in crate::store) fn decode_head(record: &[u8]) -> Result<(EventHead, bool), RecordError> {
    let stored = read(record)?;
    Ok((stored.head()?, stored.payload.is_dropped()))
}

/// `record` without its payload.
pub(in crate::store) fn without_payload(record: &[u8]) -> Result<Vec<u8>, RecordError> {
    let mut stored = read(record)?;
    stored.payload = PayloadV1::Dropped;
    seal_envelope(Tag::Event, VERSION, &stored)
}

fn read(record: &[u8]) -> Result<EventV2<'_>, RecordError> {
    match open_envelope(Tag::Event, record)? {
        (1, body) => body_borrowed::<EventV1<'_>>(body).map(EventV2::from),
        (VERSION, body) => body_borrowed(body),
        (version, _) => Err(RecordError::Version(version)),
    }
}

impl EventV2<'_> {
    fn head(&self) -> Result<EventHead, RecordError> {
        Ok(EventHead {
            id: EventId::parse(self.id)?,
            kind: self.kind.to_owned(),
            object: self.object.to_owned(),
            account: self.account.map(AccountId::parse).transpose()?,
            created: time(self.created),
            api_version: self.api_version.map(str::to_owned),
            channel: match self.channel {
                ChannelV2::Webhook => Channel::Webhook,
                ChannelV2::Poll => Channel::Poll,
                ChannelV2::ZenskarWebhook => Channel::ZenskarWebhook,
                ChannelV2::ZenskarPoll => Channel::ZenskarPoll,
            },
            received_at: time(self.received_at),
        })
    }
}
