//! Where a run keeps its files, and its own program under other names.

use crate::child::Guard;
use crate::load::{Report, Spec};
use crate::{Outcome, out};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What signs the events of all servers.
pub(crate) const SECRET: &str = "whsec_bench_5f0c1b7e9a3d4628";

/// The run's own directory, removed at its end.
#[derive(Debug)]
pub(crate) struct Yard {
    dir: PathBuf,
}

impl Yard {
    /// Makes the directory below `parent`, or beside the build.
    pub(crate) fn new(parent: Option<&Path>) -> Outcome<Self> {
        let parent = match parent {
            Some(parent) => parent.to_owned(),
            None => target()?.join("bench-data"),
        };
        let dir = parent.join(std::process::id().to_string());
        fs::create_dir_all(&dir)?;
        // The daemon's configuration holds paths: they must not depend on where it is started.
        Ok(Self {
            dir: dir.canonicalize()?,
        })
    }

    /// What removes the directory where no guard can.
    pub(crate) fn remover(&self) -> impl FnOnce() + Send + 'static {
        let dir = self.dir.clone();
        move || remove(&dir)
    }

    /// A new directory of this name.
    pub(crate) fn room(&self, name: &str) -> Outcome<PathBuf> {
        let room = self.dir.join(name);
        fs::create_dir_all(&room)?;
        Ok(room)
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        remove(&self.dir);
    }
}

fn remove(dir: &Path) {
    if let Err(error) = fs::remove_dir_all(dir) {
        out::note(&format!("left behind {}: {error}", dir.display()));
    }
}

/// The directory that cargo builds into.
pub(crate) fn target() -> Outcome<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).ok_or("no build directory")?;
    Ok(target.to_owned())
}

/// A server that takes webhooks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Its process.
    pub(crate) pid: u32,
}

/// Starts a receiver: bare, or ideal with a store at `store`.
pub(crate) fn receiver(store: Option<&Path>) -> Outcome<(Guard, Site)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["receiver", "--secret", SECRET]);
    if let Some(store) = store {
        command.arg("--store").arg(store);
    }
    let mut guard = Guard::start(command.stdout(Stdio::piped()))?;
    let address = guard.first_line()?.parse()?;
    let pid = guard.id();
    Ok((guard, Site { address, pid }))
}

/// Sends a burst of load from a process of its own and returns its report.
pub(crate) fn fire(spec: &Spec) -> Outcome<Report> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("load").arg(serde_json::to_string(spec)?);
    let mut guard = Guard::start(command.stdout(Stdio::piped()))?;
    let line = guard.first_line()?;
    let report = serde_json::from_str(&line)
        .map_err(|error| format!("the load generator gave no report ({error})"))?;
    Ok(report)
}
