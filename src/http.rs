//! Everything that listens.
//!
//! Two TCP listeners and a Unix socket share one accept loop ([`listener`]); what they serve is
//! decided by the [`listener::Handler`] each is given.
//!
//! # Invariants
//!
//! - Nothing a client does, or leaves undone, holds a connection for longer than a named limit.
//! - What an unauthenticated caller sends reaches the store only after its signature was checked.
//! - An answer never says more about a failure than its class.
//!
//! Not here: what a person's action does (`engine`), and which address serves what (`cli`).

pub mod api;
pub mod commands;
pub mod connect;
pub mod console;
pub mod health;
pub mod host;
pub mod listener;
mod mask;
pub mod proxies;
pub mod public;
pub mod reply;
mod tries;
pub mod webhook;

#[cfg(test)]
mod testing;
