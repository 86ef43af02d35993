//! What the daemon needs of this machine: its socket's directory, its store's file, room on the
//! disk.

use super::Check;
use crate::cli::check::store_failed;
use crate::cli::error::Exit;
use crate::cli::key::KeyFile;
use crate::cli::out::size;
use crate::config::Config;
use crate::store::{Store, StoreError};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Less room than this is worth a warning: a busy store grows by a few hundred megabytes before
/// retention balances intake.
const FREE_BYTES_MIN: u64 = 1_000_000_000;

/// Anybody may read.
const OTHERS_READ: u32 = 0o004;

/// The directory of the Unix socket.
pub(super) fn socket(config: &Config) -> Check {
    let name = "socket";
    let path = &config.listen.socket;
    let directory = path.parent().unwrap_or(path);
    let shown = directory.display();
    if directory.is_dir() {
        return Check::ok(name, format!("{} is where the commands go", path.display()));
    }
    Check::failed(
        name,
        Exit::Io,
        format!("there is no directory {shown}"),
        format!("mkdir -m 750 {shown}, or let systemd make it: RuntimeDirectory=zenstripe"),
    )
}

/// The store's file and its directory.
pub(super) fn store(config: &Config) -> Vec<Check> {
    let path = &config.store.path;
    let directory = path.parent().unwrap_or(path);
    if !directory.is_dir() {
        let shown = directory.display();
        let fix = format!("mkdir -m 700 {shown}, or let systemd make it: StateDirectory=zenstripe");
        return vec![Check::failed(
            "store",
            Exit::Io,
            format!("there is no directory {shown}"),
            fix,
        )];
    }
    vec![file(path), modes(path), room(directory)]
}

fn file(path: &Path) -> Check {
    let shown = path.display();
    if !path.exists() {
        return Check::ok("store", format!("{shown} is made at the first start"));
    }
    match Store::check_header(path) {
        Ok(schema) => Check::ok("store", format!("{shown} has schema {schema}")),
        Err(StoreError::InUse) => Check::ok("store", format!("{shown} is in use by the daemon")),
        Err(error @ StoreError::Unclean) => Check::ok("store", format!("{shown}: {error}")),
        Err(error) => Check::of("store", &store_failed(path, &error)),
    }
}

/// The key that seals what the store keeps secret.
pub(super) fn key(key: &KeyFile) -> Check {
    let name = "store's key";
    match key.state() {
        Ok(found) => Check::ok(name, found),
        Err(failure) => Check::of(name, &failure),
    }
}

/// The store holds customers' names and addresses.
fn modes(path: &Path) -> Check {
    let name = "store's mode";
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(file) if file.permissions().mode() & OTHERS_READ != 0 => Check::warning(
            name,
            format!("everybody may read {shown}, which holds customers' data"),
            format!("chmod 600 {shown}"),
        ),
        Ok(_) => Check::ok(name, "others may not read it"),
        Err(_) => Check::ok(name, "it is made so that others may not read it"),
    }
}

/// The standard library cannot ask, `df` (POSIX) can.
fn room(directory: &Path) -> Check {
    let name = "disk";
    let shown = directory.display();
    let listed = Command::new("df").arg("-Pk").arg(directory).output().ok();
    let free = listed.and_then(|listed| free_bytes(&String::from_utf8_lossy(&listed.stdout)));
    match free {
        Some(free) if free < FREE_BYTES_MIN => Check::warning(
            name,
            format!("{} are free at {shown}", size(free)),
            "make room, or move `store.path` to a larger disk",
        ),
        Some(free) => Check::ok(name, format!("{} are free at {shown}", size(free))),
        None => Check::warning(
            name,
            format!("how much is free at {shown} is not known"),
            "run df",
        ),
    }
}

/// The fourth column of the second line of `df -Pk`, in kilobytes of 1,024.
fn free_bytes(listed: &str) -> Option<u64> {
    let kilobytes: u64 = listed
        .lines()
        .nth(1)?
        .split_whitespace()
        .nth(3)?
        .parse()
        .ok()?;
    kilobytes.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_room_is_read_from_df() {
        let listed = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                      /dev/vda 263174212 20000000 75000000 22% /\n";
        assert_eq!(free_bytes(listed), Some(76_800_000_000));
        assert_eq!(free_bytes("df: nothing"), None);
    }
}
