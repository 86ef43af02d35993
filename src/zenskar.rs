//! Zenskar as we see it: its wire types, its answers, and writes that look first.
//!
//! Zenskar has no versions on its objects, no idempotency keys outside usage events, and documents
//! neither its error bodies nor its limits in full (its API reference and guides; where they are
//! silent, the comments here say what is assumed).
//!
//! # Invariants
//!
//! - Wire types do not leave this layer, but for the object a [`Look`](client::Look) carries to its
//!   write.
//! - There is no write without a look at what it changes, and one look is good for one write.
//! - A filter is a wish: every row is checked again on our side.

mod amount;
pub mod client;
pub mod convert;
pub mod country;
pub mod error;
pub mod hook;
mod invoice;
pub mod object;
