//! What the connector keeps of an event: one that Stripe announced, or a change that Zenskar showed.
//!
//! Zenskar has no events API. A change of one of its customers is made an event by whoever hears of
//! it first, poller or webhook, under an id that both derive from the customer and from the time
//! of the change.

use crate::model::id::{AccountId, EventId, InvalidId, ZenskarCustomerId};
use crate::model::link::Side;
use crate::model::time::Timestamp;

/// How an event reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Stripe delivered it to our webhook listener.
    Webhook,
    /// We found it on the events API.
    Poll,
    /// Zenskar delivered it to our webhook listener.
    ZenskarWebhook,
    /// We found it among Zenskar's customers that changed.
    ZenskarPoll,
}

impl Channel {
    /// Whose change it tells of.
    #[must_use]
    pub const fn side(self) -> Side {
        match self {
            Self::Webhook | Self::Poll => Side::Stripe,
            Self::ZenskarWebhook | Self::ZenskarPoll => Side::Zenskar,
        }
    }
}

/// The type of an event that tells of a customer of Zenskar that was made or changed.
pub const ZENSKAR_UPDATED: &str = "zenskar.customer.updated";

/// The type of an event that tells of a customer of Zenskar that was deleted.
pub const ZENSKAR_DELETED: &str = "zenskar.customer.deleted";

/// The type of a delivery of Zenskar's that is not understood.
pub const ZENSKAR_UNKNOWN: &str = "zenskar.unknown";

/// The id of the event that `customer` was changed at `updated_at`, both as Zenskar says.
///
/// # Errors
///
/// A customer's id that is too long to be a part of another. Zenskar's are UUIDs.
pub fn zenskar_event_id(
    customer: &ZenskarCustomerId,
    updated_at: Timestamp,
) -> Result<EventId, InvalidId> {
    EventId::parse(&format!("zenskar:{customer}:{}", updated_at.micros()))
}

/// An event as it goes into the inbox: a few words to sort it by, and the bytes as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Stripe's id, or one that is derived from what changed in Zenskar; the same whichever way the
    /// event came.
    pub id: EventId,
    /// Stripe's type, such as `customer.updated`, or one of ours for a change in Zenskar.
    pub kind: String,
    /// Id of the object it is about, or empty where the object has none.
    pub object: String,
    /// The connected account it names, if any.
    pub account: Option<AccountId>,
    /// When Stripe made it, to the second; when the customer changed, by Zenskar's clock; when a
    /// webhook of Zenskar's that tells no time came.
    pub created: Timestamp,
    /// API version it was rendered in, if it says.
    pub api_version: Option<String>,
    /// How it reached us first.
    pub channel: Channel,
    /// When it reached us first, by this host's clock.
    pub received_at: Timestamp,
    /// The body as it came, byte for byte; for a polled event, that element of the page.
    pub payload: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_in_zenskar_has_one_id_whoever_brings_it() {
        let customer = ZenskarCustomerId::parse("z-1").unwrap();
        let id = zenskar_event_id(&customer, Timestamp::from_micros(1_500_000)).unwrap();
        assert_eq!(id.as_str(), "zenskar:z-1:1500000");
        let long = ZenskarCustomerId::parse(&"z".repeat(250)).unwrap();
        assert!(zenskar_event_id(&long, Timestamp::MIN).is_err());
    }
}
