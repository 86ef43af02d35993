//! What both remote systems have in common: a request in and an answer out, what came of it, and
//! how fast it may be asked.
//!
//! Left of `stripe` and `zenskar`, which know how each of them spells things.
//!
//! # Invariants
//!
//! - A call ends in an [`Answer`](outcome::Answer) or in a [`Failure`](outcome::Failure) whose
//!   class was decided here or next to the wire, once. Nobody further right reads a status code.
//! - No request leaves without a place in its [`Limiter`](limiter::Limiter): the limiter lies
//!   inside the clients.
//! - The time of a remote is what the remote says (`Date`), never this host's clock.
//! - A secret is never in a `Debug` form, and customer data is never in a `Display` form.

pub mod client;
pub mod health;
pub mod indent;
pub mod limiter;
pub mod outcome;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
pub mod transport;
