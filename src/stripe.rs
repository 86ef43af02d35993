//! Stripe as we see it: its wire types, its signature, its events, its answers.
//!
//! # Invariants
//!
//! - Wire types do not leave this layer: what goes right is a type of `model`, and the bytes as
//!   they came.
//! - Unknown fields, event types and enum words are kept in those bytes and ignored here.
//! - Nothing from outside can panic here, and nothing outside is read without a bound.

pub mod client;
pub mod convert;
pub mod error;
pub mod event;
pub mod oauth;
pub mod object;
pub mod page;
pub(crate) mod patch;
pub mod payment_intent;
pub mod signature;
mod tax;
