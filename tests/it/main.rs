//! What a person or a peer sees of the real program, beside the sandbox, over real HTTP.
//!
//! Nothing here waits for a time: it waits for a state, for as long as a busy machine may need.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed set-up is a failed test"
)]

mod acceptance;
mod both_ways;
mod charge;
mod chromium;
mod cli;
mod connect;
mod console;
mod counts;
mod creation;
mod customer;
mod decisions;
mod endpoint;
mod hearing;
mod kill;
mod matching;
mod outage;
mod reload;
mod runs;
mod scan;
mod start;
mod support;
mod webhook;
