//! The command line of the sandbox.

fn main() {}
