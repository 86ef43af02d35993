//! The simulation: the real code over a world that breaks on purpose, from a seed.
//!
//! What a run did is compared with a model that is obviously right. A failure names the seed and
//! the place of the crash; the same run is had again by them.

#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step of a simulation is a failed test"
)]

/// As the program has it: a third of a seed's time is memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod act;
mod both;
mod crash_backend;
mod decisions;
mod ledger;
mod making;
mod money;
mod people;
mod quiet;
mod reference;
mod reproductions;
mod rest;
mod run;
mod seeds;
mod store;
mod values;
mod wire;
mod world;
