//! Our webhook endpoint at Stripe, as far as we keep it.

use crate::model::time::Timestamp;

/// Longest id of an endpoint that is taken, in bytes. Stripe: "up to 255 characters".
pub const ENDPOINT_ID_BYTES_MAX: usize = 255;

/// What is kept of registering our endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// How often one was begun to be made. It is a part of the idempotency key, so that an endpoint
    /// that was deleted is made anew and not answered with from Stripe's memory.
    pub round: u64,
    /// Since when one is being made: the request may have left, and its outcome is not known.
    pub making: Option<Timestamp>,
    /// The one whose secret we have.
    pub kept: Option<Kept>,
}

/// An endpoint whose secret we have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Stripe's id, `we_…`.
    pub id: String,
    /// Where it delivers to.
    pub url: String,
    /// The version it renders events in. It cannot be changed.
    pub api_version: String,
    /// Whether it is a platform's, for events of connected accounts. It cannot be changed.
    pub connect: bool,
}
