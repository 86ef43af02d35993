//! What both forms of the demonstration stand on: a sandbox that is served, customers in it, and a
//! place for the daemon.

use crate::Outcome;
use crate::daemon::{Place, WEBHOOK_SECRET};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::task::JoinSet;
use zenstripe_sandbox::{Listeners, Options, Sandbox, ServeOptions, serve};

/// A sandbox at work, and a place for a daemon.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) place: Place,
    pub(crate) stripe: SocketAddr,
    pub(crate) zenskar: SocketAddr,
    /// Removed when the stage is struck.
    _directory: TempDir,
    /// Ends with the stage.
    _serving: JoinSet<std::io::Result<()>>,
}

/// A customer on both sides.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) stripe: String,
    pub(crate) zenskar: String,
}

impl Stage {
    /// Serves a sandbox that sends its webhooks to the daemon to come.
    pub(crate) async fn set(binary: &Path, record: Option<PathBuf>) -> Outcome<Self> {
        let sandbox = Sandbox::new(Options {
            now_unix: jiff::Timestamp::now().as_second(),
            ..Options::default()
        });
        let (any, failed) = ("127.0.0.1:0", |error: std::io::Error| error.to_string());
        let listeners = Listeners::bind(any, any).await.map_err(failed)?;
        let stripe = listeners.stripe.local_addr().map_err(failed)?;
        let zenskar = listeners.zenskar.local_addr().map_err(failed)?;
        let directory = TempDir::with_prefix("zenstripe-demo-").map_err(failed)?;
        let place = Place::new(binary, directory.path(), (stripe, zenskar)).map_err(failed)?;
        sandbox.add_webhook(&place.webhook_url(), WEBHOOK_SECRET)?;
        let options = ServeOptions {
            record,
            ..ServeOptions::default()
        };
        let mut serving = JoinSet::new();
        let never = std::future::pending();
        serving.spawn(serve(sandbox.clone(), listeners, options, never));
        Ok(Self {
            sandbox,
            place,
            stripe,
            zenskar,
            _directory: directory,
            _serving: serving,
        })
    }

    /// Puts in customers that exist on both sides.
    pub(crate) fn pairs(&self, count: usize) -> Vec<Pair> {
        let seeded = self.sandbox.seed_customers(count).into_iter();
        seeded
            .map(|(stripe, zenskar)| Pair { stripe, zenskar })
            .collect()
    }

    /// A field of a customer as Zenskar holds it.
    pub(crate) fn in_zenskar(&self, pair: &Pair, field: &str) -> String {
        let customer = self.sandbox.zenskar_customer(&pair.zenskar);
        customer
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    /// How often `field` of a customer was written in Zenskar with this value.
    pub(crate) fn written(&self, pair: &Pair, field: &str, value: &str) -> usize {
        let writes = self.sandbox.writes(&pair.zenskar).into_iter();
        let ours = writes.filter(|write| {
            write.applied && write.body.get(field).and_then(Value::as_str) == Some(value)
        });
        ours.count()
    }
}
