//! The allocator of the system, told to keep its memory in one arena.
//!
//! glibc gives threads arenas of their own. The store's pages are taken by whichever thread reads
//! and given back by whichever makes room, so each arena keeps its holes, and the process holds
//! two or three times what it uses: the more processors, the more. How many arenas there are is
//! read before `main` begins, so the process is replaced by itself once, with that said. Small
//! memory, which is most, does not pass through the arena but through a cache of each thread.

use crate::cli::environment::{ARENAS, Environment};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Begins the process anew with one arena, under the same id, unless the environment says how many.
/// Gives back why that was not possible.
pub(super) fn keep_one(env: &Environment) -> Option<io::Error> {
    if env.says_arenas || !cfg!(target_env = "gnu") {
        return None;
    }
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return Some(error),
    };
    let mut arguments = std::env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    Some(again.args(arguments).env(ARENAS, "1").exec())
}
