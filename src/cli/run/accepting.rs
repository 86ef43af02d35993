//! Which webhooks of Stripe's are believed: what the configuration says, together with the endpoints
//! that we made and with whoever is connected.

use crate::cli::prepare::Prepared;
use crate::engine::Engine;
use crate::http::webhook::{Acceptance, Audience};
use crate::model::connection::Way;
use crate::stripe::signature::SigningSecrets;
use crate::telemetry::chain;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Joins both whenever one of them changes.
#[derive(Debug)]
pub(super) struct Accepting {
    engine: Arc<Engine>,
    prepared: Mutex<Prepared>,
    way: Way,
    out: watch::Sender<Acceptance>,
}

impl Accepting {
    pub(super) fn new(
        engine: &Arc<Engine>,
        prepared: &Prepared,
    ) -> (Arc<Self>, watch::Receiver<Acceptance>) {
        let nobody = Acceptance {
            secrets: SigningSecrets::new([]),
            audience: Audience::Nobody,
            livemode: prepared.demand.is_live(),
        };
        let (out, acceptance) = watch::channel(nobody);
        let accepting = Self {
            engine: Arc::clone(engine),
            way: prepared.demand.way,
            prepared: Mutex::new(prepared.clone()),
            out,
        };
        accepting.publish();
        (Arc::new(accepting), acceptance)
    }

    /// The configuration was read again.
    pub(super) fn set(&self, prepared: &Prepared) {
        *self.prepared.lock().unwrap_or_else(PoisonError::into_inner) = prepared.clone();
        self.publish();
    }

    /// Follows the engine until `stop`.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.engine.wake.acceptance.notified() => self.publish(),
            }
        }
    }

    /// A store that cannot be read ends the process by itself; here it leaves things as they were.
    fn publish(&self) {
        let (made, heard) = match (self.engine.webhook_secrets(), self.engine.heard_account()) {
            (Ok(made), Ok(heard)) => (made, heard),
            (Err(error), _) => return not_read(&error),
            (_, Err(error)) => return not_read(&error),
        };
        let prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let by_hand = prepared.webhook_secrets.iter();
        let by_hand = by_hand.map(|resolved| resolved.secret.expose());
        let made = made.iter().map(|secret| secret.as_slice());
        self.out.send_replace(Acceptance {
            secrets: SigningSecrets::new(by_hand.chain(made)),
            audience: match (heard, self.way) {
                (None, _) => Audience::Nobody,
                (Some(account), Way::Key) => Audience::Own(account),
                (Some(account), Way::OAuth) => Audience::Connected(account),
            },
            livemode: prepared.demand.is_live(),
        });
    }
}

fn not_read(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(event = "acceptance_not_read", error = chain(error));
}
