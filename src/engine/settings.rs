//! The operator's configuration in the form the loops use.

use crate::engine::collecting::Collecting;
use crate::sync::creation::Creates;
use crate::sync::policy::Policy;
use std::time::Duration;

/// What the loops take from the configuration. Swapped as a whole on reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What may move.
    pub policy: Policy,
    /// Whether an address of e-mail that is unique on both sides proves that two customers are one.
    pub match_email: bool,
    /// Where the missing counterpart of a customer is made.
    pub creates: Creates,
    /// Whether Zenskar's own Stripe connector may be at work. It is told of a customer that is made
    /// in Zenskar, and given time before one is made in Stripe.
    pub has_connector: bool,
    /// What is collected.
    pub collecting: Collecting,
    /// How long after it was sent a write may still arrive.
    pub settle: Duration,
    /// Whether and how often to poll.
    pub poll: Poll,
    /// API version our calls and our endpoint use; a snapshot in another one is not used.
    pub api_version: String,
    /// Live mode; events of the other mode are not ours.
    pub live: bool,
    /// Whether webhooks can reach us. Without them polling is all there is.
    pub ingress: bool,
    /// How long payloads, journal and counts are kept.
    pub retention: Duration,
}

/// Whether and how often to poll Stripe's events API; and how often Zenskar's changed customers,
/// which are polled in any case: nothing else is sure to tell of them within a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// Stripe's never; Zenskar's as if adaptive.
    Off,
    /// As often as is useful within Stripe's read allowance and Zenskar's rate.
    Adaptive,
    /// At this period.
    Every(Duration),
}
