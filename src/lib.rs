//! zenstripe: an on-prem connector between one Stripe account and one Zenskar organisation.
//!
//! # Map
//!
//! A module may use those to its left, never those to its right:
//!
//! ```text
//! model < sync < config, clock, telemetry < remote < stripe, zenskar, store < engine < http < cli
//! ```
//!
//! - [`model`]: the words of the domain; depends on the standard library alone.
//! - [`sync`]: decisions. State in, plan out; no clock, no socket, no file.
//! - [`config`]: the operator's file, as plain data. [`clock`]: time and chance, as parameters.
//!   [`telemetry`]: logs, counters, error chains.
//! - [`remote`]: a request in, an outcome out, and how many of them at a time.
//! - [`stripe`], [`zenskar`]: each system as we see it. [`store`]: the embedded store.
//! - [`engine`]: the loops that join the parts, and nothing that decides.
//! - [`http`]: everything that listens. [`cli`]: arguments, printing, and the composition root.
//!
//! # Glossary
//!
//! One word per thing, in tables, types, logs, metrics, configuration, commands and pages.
//!
//! - **link**: which customer of Stripe and which of Zenskar are the same.
//! - **base**: what both systems last agreed on, field by field.
//! - **intent**: a write that was decided and is not yet known to have happened.
//! - **conflict**: a field that both sides changed, and that waits for a rule or a person.
//! - **difference**: a field that differs and is not moved by itself.
//! - **drift**: a difference at the target of a one-way sync.
//! - **inbox**: what waits to be looked at. **intake**: the worker that empties it.
//! - **outbox**: intents that wait to be sent. **delivery**: the worker that sends them.
//! - **dead letter**: work that was given up, kept with its reason until a person decides.
//! - **scan**: a look at every customer of both systems.
//! - **activity**: what the connector and people did, and why, for people to read.
//! - **attempt**: one request for an intent; recorded before it leaves.
//! - **lease**: the right to collect an invoice; one at a time.
//! - **booking**: a payment as recorded in Zenskar.
//! - **transfer**: money that arrived by bank.

pub mod cli;
pub mod clock;
pub mod config;
pub mod engine;
pub mod http;
pub mod model;
#[cfg(feature = "mutants")]
pub mod mutants;
pub mod remote;
pub mod store;
pub mod stripe;
pub mod sync;
pub mod telemetry;
pub mod zenskar;
