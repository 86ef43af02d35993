//! Configuration file to settled change: notices that the file, a drop-in or a secret was replaced,
//! waits until the writer is done, and loads.
//!
//! Guarantees:
//! - A change is noticed however it is made: written in place, renamed over, a symlink swapped
//!   anywhere along the path, a drop-in or its directory added or removed. Where the kernel does not
//!   tell (network file systems, no watches left), a look every 30 s does.
//! - Reading the files raises no change, nor does a file that ends up as it was.
//! - A bad file is reported once, with what is wrong; the next change is noticed as usual.
//!
//! Not in here: keeping or swapping the configuration, which is the caller's.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::config::load::{self, Fingerprint};
use crate::config::problem::Source;
use crate::config::{LoadError, Loaded};

mod interest;

use interest::Interest;

/// A writer that paused for so long is done.
const QUIET: Duration = Duration::from_millis(300);

/// A writer that never pauses is looked at nevertheless.
const QUIET_WAIT_MAX: Duration = Duration::from_secs(5);

/// How often to look without being told.
const POLL: Duration = Duration::from_secs(30);

/// Of a watched secret or certificate, so much is compared.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Rounds until the watched directories agree with the files.
const ARM_ROUNDS_MAX: usize = 8;

/// Why the configuration was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A file changed.
    Files,
    /// Somebody asked: SIGHUP, or `zenstripe reload`.
    Asked,
}

/// A change after which the files came to rest.
#[derive(Debug)]
pub struct Settled {
    /// Why the configuration was loaded.
    pub cause: Cause,
    /// What it is now, or why it is refused.
    pub loaded: Result<Loaded, LoadError>,
}

/// Watches the configuration and the files it refers to.
#[derive(Debug)]
pub struct Watcher {
    path: PathBuf,
    others: Vec<PathBuf>,
    /// Somebody wants a reload.
    asked: Arc<Notify>,
    /// The kernel saw something.
    stirred: Arc<Notify>,
    armed: Arc<Mutex<Armed>>,
    poll: Interval,
    last: State,
    // What has been noticed and not yet looked at; kept here so that `changed` can be cancelled.
    pending: Pending,
}

#[derive(Debug, Default)]
struct Pending {
    asked: bool,
    stirred: bool,
}

/// What the files are, as far as a reload is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    config: Option<Fingerprint>,
    others: Option<Fingerprint>,
}

impl Watcher {
    /// Watches a configuration, given the fingerprint of the one in use: what changed between its
    /// loading and this call is noticed too. `asked` triggers a load without any change.
    ///
    /// Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// The path cannot be made absolute.
    pub fn new(path: &Path, used: Fingerprint, asked: Arc<Notify>) -> Result<Self, LoadError> {
        let stirred = Arc::new(Notify::new());
        // The first tick comes at once, which is the first look.
        let mut poll = interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            path: load::absolute(path)?,
            others: Vec::new(),
            asked,
            armed: Arc::new(Mutex::new(Armed::new(Arc::clone(&stirred)))),
            stirred,
            poll,
            last: State {
                config: Some(used),
                others: None,
            },
            pending: Pending::default(),
        })
    }

    /// Also watches these files: secrets, certificates. Call it before reading them, so that no
    /// change falls between.
    pub async fn watch_also(&mut self, files: Vec<PathBuf>) {
        if files != self.others {
            self.others = files;
            self.last.others = self.look().await.0.others;
        }
    }

    /// Why changes are noticed late, if the kernel does not tell.
    pub fn degraded(&self) -> Option<String> {
        lock(&self.armed).failure.clone()
    }

    /// Waits for the next settled change. Nothing is lost if this is cancelled.
    pub async fn changed(&mut self) -> Settled {
        loop {
            self.wait().await;
            let (state, sources) = self.look().await;
            let Pending { asked, .. } = std::mem::take(&mut self.pending);
            // Files whose content is not known yet have not changed.
            let others_changed = self.last.others.is_some() && self.last.others != state.others;
            let changed = others_changed || self.last.config != state.config;
            self.last = state;
            if changed || asked {
                let loaded = sources.and_then(|sources| Ok(load::parse(&self.path, &sources)?));
                let cause = if asked { Cause::Asked } else { Cause::Files };
                return Settled { cause, loaded };
            }
        }
    }

    /// Returns when something was noticed and the writer is done, or somebody asked.
    async fn wait(&mut self) {
        let Self {
            asked,
            stirred,
            poll,
            pending,
            ..
        } = self;
        if !pending.asked && !pending.stirred {
            tokio::select! {
                biased;
                () = asked.notified() => pending.asked = true,
                () = stirred.notified() => pending.stirred = true,
                _ = poll.tick() => pending.stirred = true,
            }
        }
        if pending.asked {
            return;
        }
        let quiet = async { while timeout(QUIET, stirred.notified()).await.is_ok() {} };
        tokio::select! {
            biased;
            () = asked.notified() => pending.asked = true,
            _ = timeout(QUIET_WAIT_MAX, quiet) => {}
        }
    }

    /// Watches what there is to watch, then reads it: what comes later raises an event.
    async fn look(&self) -> (State, Result<Vec<Source>, LoadError>) {
        let (path, others) = (self.path.clone(), self.others.clone());
        let armed = Arc::clone(&self.armed);
        let looking = tokio::task::spawn_blocking(move || {
            lock(&armed).arm(&path, &others);
            let sources = load::read(&path);
            let config = match &sources {
                Ok(sources) => load::fingerprint(sources),
                Err(error) => fingerprint_of_error(error),
            };
            let others = fingerprint_of_files(&others);
            (
                State {
                    config: Some(config),
                    others: Some(others),
                },
                sources,
            )
        });
        match looking.await {
            Ok(seen) => seen,
            // Only when the runtime is shutting down.
            Err(error) => {
                let (path, source) = (self.path.clone(), std::io::Error::other(error));
                (
                    self.last.clone(),
                    Err(LoadError::Unreadable { path, source }),
                )
            }
        }
    }
}

fn fingerprint_of_error(error: &LoadError) -> Fingerprint {
    let source = std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default();
    Fingerprint::of([
        b"error".as_slice(),
        error.to_string().as_bytes(),
        source.as_bytes(),
    ])
}

/// Content and mode: making a secret private is a change worth a new attempt.
fn fingerprint_of_files(paths: &[PathBuf]) -> Fingerprint {
    let parts: Vec<Vec<u8>> = paths
        .iter()
        .map(|path| match contents(path) {
            Ok(content) => content,
            Err(error) => error.kind().to_string().into_bytes(),
        })
        .map(|part| Fingerprint::of([part.as_slice()]).as_bytes().to_vec())
        .collect();
    Fingerprint::of(parts.iter().map(Vec::as_slice))
}

fn contents(path: &Path) -> std::io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    let mut content = metadata.permissions().mode().to_be_bytes().to_vec();
    if metadata.is_file() {
        std::fs::File::open(path)?
            .take(FILE_BYTES_MAX)
            .read_to_end(&mut content)?;
    }
    Ok(content)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The kernel's watches.
#[derive(Debug)]
struct Armed {
    stirred: Arc<Notify>,
    interest: Arc<Mutex<Interest>>,
    notifier: Option<RecommendedWatcher>,
    failure: Option<String>,
}

impl Armed {
    fn new(stirred: Arc<Notify>) -> Self {
        Self {
            stirred,
            interest: Arc::default(),
            notifier: None,
            failure: None,
        }
    }

    /// Watches every directory on the way to the files. Repeated for directories that are watched
    /// already, because one that was replaced took its watch with it.
    fn arm(&mut self, path: &Path, others: &[PathBuf]) {
        let before = self.failure.take();
        if self.notifier.is_none() {
            let notifier = notifier(Arc::clone(&self.stirred), Arc::clone(&self.interest));
            self.notifier = notifier
                .map_err(|error| self.failure = Some(error.to_string()))
                .ok();
        }
        // A directory can be swapped between looking and watching, hence until both agree.
        for _ in 0..ARM_ROUNDS_MAX {
            let wanted = Interest::in_files(path, others);
            let watched = std::mem::replace(&mut *lock(&self.interest), wanted.clone());
            if let Some(notifier) = &mut self.notifier {
                for gone in watched.directories().difference(&wanted.directories()) {
                    // It may have been deleted, and its watch with it.
                    drop(notifier.unwatch(gone));
                }
                for directory in wanted.directories() {
                    if let Err(error) = notifier.watch(&directory, RecursiveMode::NonRecursive) {
                        self.failure = Some(error.to_string());
                    }
                }
            }
            if wanted == watched {
                break;
            }
        }
        if self.failure.is_some() && self.failure != before {
            let error = self.failure.as_deref().unwrap_or_default();
            tracing::warn!(error, "configuration files are looked at every 30 s only");
        }
    }
}

fn notifier(
    stirred: Arc<Notify>,
    interest: Arc<Mutex<Interest>>,
) -> notify::Result<RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<Event>| {
        if matters(&event, &lock(&interest)) {
            stirred.notify_one();
        }
    })
}

fn matters(event: &notify::Result<Event>, interest: &Interest) -> bool {
    match event {
        // Our own reading raises these.
        Ok(event) if event.kind.is_access() => false,
        Ok(event) => event.need_rescan() || interest.concerns(&event.paths),
        // Such as a queue that ran over: anything may have changed.
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests;
