//! zenstripe: an on-prem connector between one Stripe account and one Zenskar organisation.

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
