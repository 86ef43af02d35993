//! `stripe`.
