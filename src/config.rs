//! The configuration.

pub mod secret;
pub mod words;
