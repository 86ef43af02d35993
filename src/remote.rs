//! `remote`.
