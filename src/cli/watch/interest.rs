//! Which directory entries decide what a set of files contains: the files, every symlink on the way
//! to them, and what is missing so far.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use crate::config::load;

/// As many symlinks as the kernel follows.
const LINKS_MAX: usize = 40;

/// Directory entries to watch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Interest {
    /// Entries, each by the real path of its directory.
    entries: BTreeSet<PathBuf>,
    /// Directories of which every entry counts.
    whole: BTreeSet<PathBuf>,
}

impl Interest {
    /// What decides the content of a configuration and of other files.
    pub(super) fn in_files(path: &Path, others: &[PathBuf]) -> Self {
        let mut interest = Self::default();
        interest.trace(path);
        let directory = load::drop_ins(path);
        if let Some(real) = interest.trace(&directory).filter(|real| real.is_dir()) {
            interest.whole.insert(real);
            // One that cannot be listed is reported by loading it.
            for file in load::list(&directory).unwrap_or_default() {
                interest.trace(&file);
            }
        }
        for path in others {
            interest.trace(path);
        }
        interest
    }

    /// The directories to watch.
    pub(super) fn directories(&self) -> BTreeSet<PathBuf> {
        let parents = self.entries.iter().filter_map(|entry| entry.parent());
        parents
            .map(Path::to_owned)
            .chain(self.whole.iter().cloned())
            .collect()
    }

    /// Whether an event on these paths matters. One without paths may be anything.
    pub(super) fn concerns(&self, paths: &[PathBuf]) -> bool {
        let directories = self.directories();
        paths.is_empty()
            || paths.iter().any(|path| {
                self.entries.contains(path)
                    || directories.contains(path)
                    || path
                        .parent()
                        .is_some_and(|parent| self.whole.contains(parent))
            })
    }

    /// Follows an absolute path entry by entry; returns where it leads, if anywhere.
    fn trace(&mut self, path: &Path) -> Option<PathBuf> {
        let mut real = PathBuf::from("/");
        let mut rest = names(path);
        let mut links = 0;
        while let Some(name) = rest.pop_front() {
            if name == ".." {
                real.pop();
                continue;
            }
            let entry = real.join(&name);
            let Ok(metadata) = entry.symlink_metadata() else {
                self.entries.insert(entry);
                return None;
            };
            if metadata.is_symlink() {
                links += 1;
                let target = entry.read_link();
                self.entries.insert(entry);
                let target = target.ok().filter(|_| links <= LINKS_MAX)?;
                if target.is_absolute() {
                    real = PathBuf::from("/");
                }
                for name in names(&target).into_iter().rev() {
                    rest.push_front(name);
                }
                continue;
            }
            if rest.is_empty() {
                self.entries.insert(entry.clone());
            }
            real = entry;
        }
        Some(real)
    }
}

fn names(path: &Path) -> VecDeque<OsString> {
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    names.collect()
}
