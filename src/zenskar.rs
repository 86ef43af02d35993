//! `zenskar`.
