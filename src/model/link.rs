//! Which customer of Stripe and which of Zenskar are the same, and what both last agreed on.

use crate::model::customer::Fields;
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::time::Timestamp;
use std::fmt;

/// One of the two systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Stripe.
    Stripe,
    /// Zenskar.
    Zenskar,
}

impl Side {
    /// The other system.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Stripe => Self::Zenskar,
            Self::Zenskar => Self::Stripe,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stripe => "stripe",
            Self::Zenskar => "zenskar",
        })
    }
}

/// A pair of customers, one to one: neither id occurs in another link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The customer in Stripe; also the link's key.
    pub stripe: StripeCustomerId,
    /// The customer in Zenskar.
    pub zenskar: ZenskarCustomerId,
    /// Grows with every change of the link, its base or its intents. A plan made from an older
    /// version is thrown away.
    pub version: u64,
    /// What both sides last agreed on. A field that is missing was never seen to agree.
    pub base: Fields,
    /// Whether it is in force.
    pub state: LinkState,
    /// What proved the link.
    pub proof: LinkProof,
    /// When it was made.
    pub made_at: Timestamp,
    /// When a plan last settled its base anew. What the base says of a field that became active
    /// later was agreed under other rules and does not count.
    pub planned_at: Timestamp,
}

/// Whether a link is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Both are.
    Active,
    /// This side's customer is deleted; nothing moves, nothing is deleted on the other side.
    Deleted(Side),
    /// Stripe does not know the customer: the key is another account's, test data were deleted, or
    /// what named it is wrong. Nothing moves until Stripe shows it.
    Unknown,
    /// A person took the link apart. The pair is remembered, so that the mapping that proved it
    /// does not make it again; nothing moves until a person links the customer anew.
    Unlinked,
}

/// What proved that two customers are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkProof {
    /// Zenskar's own connector mapping named the Stripe customer.
    Mapping,
    /// A person said so.
    Person,
    /// Metadata of the Stripe customer named the Zenskar customer.
    Metadata,
    /// The external id of the Zenskar customer is the Stripe customer's id.
    ExternalId,
    /// Both have the same address of e-mail, and nobody else has it.
    Email,
    /// We made the one for the other.
    Created,
}

impl LinkProof {
    /// The proof's name, for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mapping => "mapping",
            Self::Person => "person",
            Self::Metadata => "metadata",
            Self::ExternalId => "external-id",
            Self::Email => "email",
            Self::Created => "created",
        }
    }
}
