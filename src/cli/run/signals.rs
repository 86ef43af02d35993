//! Signals to the daemon.

use std::io;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The signals we answer to, from now on.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: Some(signal(SignalKind::hangup())?),
        })
    }

    /// The next signal to stop, by name.
    pub(super) async fn stop(&mut self) -> &'static str {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Asks for a reload at each SIGHUP.
    pub(super) fn on_hangup(
        &mut self,
        tasks: &mut JoinSet<()>,
        asked: Arc<Notify>,
        stop: CancellationToken,
    ) {
        let Some(mut hangup) = self.hangup.take() else {
            return;
        };
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    got = hangup.recv() => match got {
                        Some(()) => asked.notify_one(),
                        None => return,
                    },
                }
            }
        });
    }
}
