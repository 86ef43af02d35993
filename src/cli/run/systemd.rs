//! What the service manager is told. Without one, nothing happens.

use crate::engine::Engine;
use sd_notify::NotifyState;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// The service manager.
#[derive(Clone, Debug, Default)]
pub(super) struct Manager {
    said: Arc<Mutex<String>>,
}

impl Manager {
    pub(super) fn ready(&self) {
        self.tell(&[NotifyState::Ready]);
    }

    pub(super) fn reloading(&self) {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            self.tell(&[NotifyState::Reloading, now]);
        }
    }

    pub(super) fn stopping(&self) {
        self.tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
    }

    /// One line for `systemctl status`, told when it changes.
    pub(super) fn status(&self, text: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said != text {
            text.clone_into(&mut said);
            self.tell(&[NotifyState::Status(text)]);
        }
    }

    #[expect(clippy::unused_self, reason = "whoever tells holds the manager")]
    fn tell(&self, states: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(states) {
            let error = crate::telemetry::chain(&error);
            tracing::debug!(event = "manager_not_told", error);
        }
    }
}

/// Tells the watchdog that store and scheduler are alive, as long as they are: a snapshot is taken
/// and a story is committed before each word to it.
pub(super) async fn watchdog(engine: Arc<Engine>, stop: CancellationToken) {
    let Some(interval) = sd_notify::watchdog_enabled() else {
        return;
    };
    // Twice a period, as systemd's manual advises, and a third for the time of the proof itself.
    let pause = interval.checked_div(3).unwrap_or(interval);
    while !stop.is_cancelled() {
        let store = engine.store.clone();
        let read = tokio::task::spawn_blocking(move || store.read().map(drop)).await;
        let written = engine
            .writer
            .write("prove that the store writes", |_| Ok(()))
            .await;
        if matches!(read, Ok(Ok(()))) && written.is_ok() {
            Manager::default().tell(&[NotifyState::Watchdog]);
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = engine.clock.sleep(pause) => {}
        }
    }
}
