//! A file that appears whole or not at all.
//!
//! It is written under a name of this process's own beside its place, made durable, and linked to
//! its place, which fails if something is there already. What a crash leaves aside is never read.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file that is being made.
#[derive(Debug)]
pub(super) struct Aside {
    place: PathBuf,
    aside: PathBuf,
}

impl Aside {
    /// An empty file, to be made the file `place`.
    pub(super) fn new(place: &Path) -> io::Result<Self> {
        let mut aside = place.as_os_str().to_owned();
        aside.push(format!(".new-{}", std::process::id()));
        let aside = PathBuf::from(aside);
        match std::fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // What was there is of a process with this number that is no more.
            _ => {}
        }
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&aside)?;
        let place = place.to_owned();
        Ok(Self { place, aside })
    }

    /// The file, to write to; only its owner may use it.
    pub(super) fn file(&self) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(&self.aside)
    }

    /// Puts the file in its place, durably.
    pub(super) fn publish(self) -> io::Result<()> {
        self.file()?.sync_all()?;
        std::fs::hard_link(&self.aside, &self.place)?;
        std::fs::remove_file(&self.aside)?;
        let directory = match self.place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        File::open(directory)?.sync_all()
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Gone already when it was published; otherwise nobody reads it.
        drop(std::fs::remove_file(&self.aside));
    }
}
