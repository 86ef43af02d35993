//! What the daemon knows of itself: its start, its configuration, whether it is ready.

use super::{manage, names};
use crate::cli::prepare::Prepared;
use crate::clock::{BoxFuture, Clock, SystemClock};
use crate::config::edit::CustomersEdit;
use crate::config::{Change, Config, Loaded};
use crate::engine::view;
use crate::http::commands::{ChangeError, Daemon, Managed, Preview};
use crate::store::Mode;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};

/// What came of reading the configuration again.
pub(super) type Reload = Result<view::Reloaded, String>;

/// The daemon's state besides the engine's. Doors read it, the reloader writes it.
#[derive(Debug)]
pub(super) struct State {
    fixed: view::Daemon,
    console: Option<SocketAddr>,
    path: PathBuf,
    ready: AtomicBool,
    asked: Arc<Notify>,
    /// Who waits for a reload.
    waiting: Mutex<Vec<oneshot::Sender<Reload>>>,
    changing: Mutex<Changing>,
}

/// What a reload changes.
#[derive(Debug)]
struct Changing {
    /// The files' configuration as last accepted.
    loaded: Loaded,
    /// What of it is in force.
    effective: Config,
    loaded_at: String,
    refused: Option<String>,
    pending: Vec<Change>,
    fixed_secrets: Vec<&'static str>,
    watch: Option<String>,
}

impl State {
    pub(super) fn new(
        loaded: &Loaded,
        prepared: &Prepared,
        (listeners, console): (BTreeMap<String, String>, Option<SocketAddr>),
        path: &Path,
    ) -> Self {
        let now = SystemClock.now().to_string();
        let mode = match prepared.demand.mode {
            Mode::Live => "live",
            Mode::Test => "test",
        };
        let account = prepared.demand.account.as_ref();
        let fixed = view::Daemon {
            pid: std::process::id(),
            started_at: now.clone(),
            account: account.map(ToString::to_string).unwrap_or_default(),
            mode: mode.to_owned(),
            organisation: prepared.demand.organisation.to_string(),
            listeners,
            config: view::ConfigStatus {
                path: path.display().to_string(),
                ..view::ConfigStatus::default()
            },
        };
        Self {
            fixed,
            console,
            path: path.to_owned(),
            ready: AtomicBool::new(false),
            asked: Arc::default(),
            waiting: Mutex::default(),
            changing: Mutex::new(Changing {
                effective: loaded.config.clone(),
                loaded: loaded.clone(),
                loaded_at: now,
                refused: None,
                pending: Vec::new(),
                fixed_secrets: prepared.fixed_secrets.clone(),
                watch: None,
            }),
        }
    }

    /// Whether the daemon does its work: not while it starts or drains.
    pub(super) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::SeqCst)
    }

    pub(super) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::SeqCst);
    }

    /// Wakes the reloader.
    pub(super) fn asked(&self) -> Arc<Notify> {
        Arc::clone(&self.asked)
    }

    /// The configuration in force.
    pub(super) fn effective(&self) -> Config {
        self.changing().effective.clone()
    }

    /// A configuration was taken over.
    pub(super) fn accepted(
        &self,
        loaded: Loaded,
        effective: Config,
        pending: Vec<Change>,
        fixed_secrets: Vec<&'static str>,
    ) {
        let mut changing = self.changing();
        changing.loaded = loaded;
        changing.effective = effective;
        changing.pending = pending;
        changing.fixed_secrets = fixed_secrets;
        changing.loaded_at = SystemClock.now().to_string();
        changing.refused = None;
    }

    /// A configuration was refused; the old one stays.
    pub(super) fn refused(&self, why: &str) {
        self.changing().refused = Some(why.to_owned());
    }

    /// Why changes are noticed late, if they are.
    pub(super) fn watched(&self, degraded: Option<String>) {
        self.changing().watch = degraded;
    }

    /// Tells everybody who asked what came of it.
    pub(super) fn answer(&self, reload: &Reload) {
        let waiting =
            std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        for asked in waiting {
            // One that gave up waiting needs no answer.
            drop(asked.send(reload.clone()));
        }
    }

    fn changing(&self) -> MutexGuard<'_, Changing> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn config_status(&self) -> view::ConfigStatus {
        let changing = self.changing();
        view::ConfigStatus {
            path: self.fixed.config.path.clone(),
            loaded_at: changing.loaded_at.clone(),
            refused: changing.refused.clone(),
            pending_restart: words(&changing.pending),
            fixed_secrets: changing
                .fixed_secrets
                .iter()
                .map(ToString::to_string)
                .collect(),
            watch: changing.watch.clone(),
        }
    }
}

/// Changes, each as `key: old -> new`.
pub(super) fn words(changes: &[Change]) -> Vec<String> {
    let unset = || "unset".to_owned();
    let words = |change: &Change| {
        let old = change.old.clone().unwrap_or_else(unset);
        let new = change.new.clone().unwrap_or_else(unset);
        format!("{}: {old} -> {new}", change.key)
    };
    changes.iter().map(words).collect()
}

impl Daemon for State {
    fn about(&self) -> view::Daemon {
        view::Daemon {
            config: self.config_status(),
            ..self.fixed.clone()
        }
    }

    fn problems(&self) -> Vec<view::Problem> {
        let refused = self.changing().refused.clone();
        let problem = |why: String| view::Problem {
            what: format!("the configuration files were refused, the old ones are in force: {why}"),
            hint: format!(
                "correct them; `zenstripe --config {} check` shows where",
                self.fixed.config.path
            ),
        };
        refused.map(problem).into_iter().collect()
    }

    fn config(&self) -> view::ConfigView {
        let settings = {
            let changing = self.changing();
            let pending = |key: &str| {
                let change = changing.pending.iter().find(|change| change.key == key)?;
                Some(change.new.clone().unwrap_or_default())
            };
            let rows = changing.loaded.rows();
            rows.map(|(key, _, origin)| view::SettingRow {
                key: key.path.to_owned(),
                value: key.show(&changing.effective),
                origin: origin.to_string(),
                pending: pending(key.path),
            })
            .collect()
        };
        view::ConfigView {
            status: self.config_status(),
            settings,
        }
    }

    fn console_url(&self) -> String {
        let url = |address| names::url(address, &self.changing().effective.listen);
        self.console.map(url).unwrap_or_default()
    }

    fn managed(&self) -> Result<Managed, ChangeError> {
        manage::managed(&self.path)
    }

    fn preview(&self, edit: &CustomersEdit) -> Result<Preview, ChangeError> {
        manage::preview(&self.path, edit)
    }

    fn change_customers<'a>(
        &'a self,
        edit: &'a CustomersEdit,
        seen: &'a str,
    ) -> BoxFuture<'a, Result<view::Reloaded, ChangeError>> {
        Box::pin(async move {
            let (before, after) = manage::write(&self.path, edit, seen)?;
            match self.reload().await {
                Ok(reloaded) => Ok(reloaded),
                Err(why) => {
                    manage::put_back(&self.path, &before, &after);
                    // What was taken over last is in force; this only says so in the status.
                    drop(self.reload().await);
                    Err(ChangeError::Refused(why))
                }
            }
        })
    }

    fn reload(&self) -> BoxFuture<'_, Reload> {
        let (tell, told) = oneshot::channel();
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(tell);
        self.asked.notify_one();
        Box::pin(async move {
            told.await
                .unwrap_or_else(|_| Err("the daemon is going down".to_owned()))
        })
    }
}
