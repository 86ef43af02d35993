//! The words of the domain: identifiers, time, money; the canonical customer, links and intents;
//! invoices and what is collected on them.
//!
//! Nothing here reads a clock, a socket, a file or a random source, and nothing here knows how
//! Stripe, Zenskar or the store spell these things: conversions live with the wire
//! (`stripe/convert.rs`, `zenskar/convert.rs`) and with the store (`store/codec.rs`).
//!
//! # Invariants
//!
//! - A type here depends on the standard library alone.
//! - A value that came from outside is checked where it becomes a type of this module, once.

pub mod charge;
pub mod collection;
pub mod connection;
pub mod creation;
pub mod cursor;
pub mod customer;
pub mod dead;
pub mod difference;
pub mod endpoint;
pub mod event;
pub mod freeze;
pub mod id;
pub mod intent;
pub mod invoice;
pub mod journal;
pub mod link;
pub mod mark;
pub mod method;
pub mod mirror;
pub mod money;
pub mod pair;
pub mod payment_intent;
pub mod run;
pub mod session;
pub mod time;
pub mod token;
pub mod work;
