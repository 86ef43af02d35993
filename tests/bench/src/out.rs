//! The benchmark's own output.

use std::io::{Write, stderr, stdout};

/// Prints a line of the result. A reader that went away is no error.
pub(crate) fn line(text: &str) {
    drop(writeln!(stdout().lock(), "{text}"));
}

/// Prints a line about progress.
pub(crate) fn note(text: &str) {
    drop(writeln!(stderr().lock(), "{text}"));
}
