//! `cli`.

pub mod watch;
