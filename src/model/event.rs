//! What the connector keeps of an event that Stripe announced.

use crate::model::id::{AccountId, EventId};
use crate::model::time::Timestamp;

/// How an event reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Stripe delivered it to our webhook listener.
    Webhook,
    /// We found it on the events API.
    Poll,
}

/// An event as it goes into the inbox: a few words to sort it by, and the bytes as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Stripe's id; the same whichever way the event came.
    pub id: EventId,
    /// Stripe's type, such as `customer.updated`.
    pub kind: String,
    /// Id of the object it is about, or empty where the object has none.
    pub object: String,
    /// The connected account it names, if any.
    pub account: Option<AccountId>,
    /// When Stripe made it, to the second.
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
