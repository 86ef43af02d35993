//! Takes a changed configuration over while the daemon runs: all of it, or nothing.
//!
//! # Guarantees
//!
//! - What is not valid, or cannot be used, changes nothing; why is in log, status and metric.
//! - A new Stripe key is used only if Stripe does not say that it opens another account.
//! - What needs a restart stays as it is, and is named.

use super::accepting::Accepting;
use super::account::{self, Verdict};
use super::metered::Metered;
use super::names::Names;
use super::open;
use super::state::{Reload, State, words};
use super::systemd::Manager;
use crate::cli::prepare::{Finding, Prepared, SecretPlaces, prepare, secret_files};
use crate::cli::settings;
use crate::cli::watch::{Cause, Watcher};
use crate::config::secret::Secret;
use crate::config::{Config, LoadError, Loaded, changes, with_restart_settings_of};
use crate::engine::Engine;
use crate::engine::view::Reloaded;
use crate::http::listener::Certificate;
use crate::http::webhook::ZenskarAcceptance;
use crate::model::link::Side;
use crate::remote::client::ApiKey;
use crate::remote::transport::Transport;
use crate::telemetry::chain;
use crate::telemetry::metrics::Metrics;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What a reload needs.
#[derive(Debug)]
pub(super) struct Reloader {
    pub(super) places: SecretPlaces,
    /// The configuration at the start: what needs a restart stays as it says.
    pub(super) running: Config,
    pub(super) engine: Arc<Engine>,
    pub(super) state: Arc<State>,
    pub(super) accepting: Arc<Accepting>,
    pub(super) zenskar_acceptance: watch::Sender<ZenskarAcceptance>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) transport: Arc<Metered>,
    pub(super) certificate: Option<Arc<Certificate>>,
    pub(super) manager: Manager,
    pub(super) names: Arc<Names>,
}

/// The keys in use, to see which of them changed.
#[derive(Debug)]
struct Keys {
    stripe: ApiKey,
    zenskar: ApiKey,
    webhooks: Vec<Secret>,
}

impl Keys {
    fn of(prepared: &Prepared) -> Self {
        let zenskar = prepared.zenskar_webhook_secret.iter();
        let webhooks = prepared.webhook_secrets.iter().chain(zenskar);
        Self {
            stripe: prepared.stripe_key.clone(),
            zenskar: prepared.zenskar_key.clone(),
            webhooks: webhooks.map(|resolved| resolved.secret.clone()).collect(),
        }
    }
}

impl Reloader {
    /// Takes over what changes until `stop`.
    pub(super) async fn run(
        self,
        mut watcher: Watcher,
        started_with: Prepared,
        stop: CancellationToken,
    ) {
        self.metrics.config.last_reload_successful.set(1);
        let mut keys = Keys::of(&started_with);
        watcher.watch_also(started_with.files).await;
        loop {
            self.state.watched(watcher.degraded());
            let settled = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                settled = watcher.changed() => settled,
            };
            self.manager.reloading();
            let reload = match settled.loaded {
                Ok(loaded) => {
                    // Watched before they are read, so that no change falls between.
                    watcher
                        .watch_also(secret_files(&loaded.config, &self.places))
                        .await;
                    self.take_over(loaded, &mut keys).await
                }
                Err(LoadError::Invalid(problems)) => {
                    Err(problems.lines().collect::<Vec<_>>().join("; "))
                }
                Err(error) => Err(chain(&error)),
            };
            self.tell(&reload);
            self.manager.ready();
            if settled.cause == Cause::Asked {
                self.state.answer(&reload);
            }
        }
    }

    fn tell(&self, reload: &Reload) {
        let successful = i64::from(reload.is_ok());
        self.metrics.config.last_reload_successful.set(successful);
        match reload {
            Ok(reloaded) => {
                let pending = reloaded.pending_restart.len();
                let gauge = i64::try_from(pending).unwrap_or(i64::MAX);
                self.metrics.config.pending_restart.set(gauge);
                let changed = reloaded.changed.join("; ");
                let waiting = reloaded.pending_restart.join("; ");
                tracing::info!(
                    event = "config_reloaded",
                    changed,
                    waiting,
                    "{}",
                    reloaded.message
                );
            }
            Err(why) => {
                self.state.refused(why);
                tracing::error!(event = "config_refused", why, "the old configuration stays");
            }
        }
    }

    async fn take_over(&self, loaded: Loaded, keys: &mut Keys) -> Reload {
        let ready = |config: &Config| prepare(config, &loaded, &self.places);
        ready(&loaded.config).map_err(|findings| sentence(&findings))?;
        let effective = with_restart_settings_of(&self.running, &loaded.config);
        let prepared = ready(&effective).map_err(|findings| {
            let why = sentence(&findings);
            format!("these changes can be taken over only together, by a restart: {why}")
        })?;
        self.check_stripe_key(&effective, &prepared, keys).await?;

        let before = self.state.effective();
        let changed = words(&changes(&before, &effective));
        let pending = changes(&effective, &loaded.config);
        let settings = settings::engine(&effective);
        let noted = self.engine.activate(&settings.policy).await;
        noted.map_err(|error| chain(&error))?;
        let noted = self.engine.switch_creating(settings.creates).await;
        noted.map_err(|error| chain(&error))?;
        let renewed = self.swap(&effective, &prepared, keys);
        let looked = self.engine.reconsider().await;
        looked.map_err(|error| chain(&error))?;
        let pending_words = words(&pending);
        self.state
            .accepted(loaded, effective, pending, prepared.fixed_secrets);
        let message = match (
            changed.is_empty() && renewed.is_empty(),
            pending_words.is_empty(),
        ) {
            (true, true) => "no setting and no key changed".to_owned(),
            (false, true) => format!("{} taken over", summary(changed.len(), &renewed)),
            (true, false) => "nothing can be taken over without a restart".to_owned(),
            (false, false) => {
                let taken = summary(changed.len(), &renewed);
                format!(
                    "{taken} taken over; {} wait for a restart",
                    pending_words.len()
                )
            }
        };
        Ok(Reloaded {
            message,
            changed,
            pending_restart: pending_words,
        })
    }

    /// Asks Stripe whose key it is, if it is a new one.
    async fn check_stripe_key(
        &self,
        config: &Config,
        prepared: &Prepared,
        keys: &Keys,
    ) -> Result<(), String> {
        if keys.stripe == prepared.stripe_key {
            return Ok(());
        }
        let transport: Arc<dyn Transport> = Arc::<Metered>::clone(&self.transport);
        let client = open::stripe(config, prepared, &transport, &self.engine.clock);
        let demand = &prepared.demand;
        match (account::prove(&client, demand).await, &demand.account) {
            (Verdict::Other(found), Some(account)) => Err(account::refusal(account, &found)),
            _ => Ok(()),
        }
    }

    /// Puts everything in force; says which secrets are new.
    fn swap(&self, config: &Config, prepared: &Prepared, keys: &mut Keys) -> Vec<&'static str> {
        let mut renewed = Vec::new();
        let engine = &self.engine;
        if keys.stripe != prepared.stripe_key {
            engine.stripe.set_key(prepared.stripe_key.clone());
            engine.credentials_changed();
            renewed.push("the Stripe key");
        }
        if keys.zenskar != prepared.zenskar_key {
            engine.zenskar.set_key(prepared.zenskar_key.clone());
            engine.gate.open(Side::Zenskar);
            renewed.push("the Zenskar key");
        }
        let before = std::mem::replace(keys, Keys::of(prepared));
        if before.webhooks != keys.webhooks {
            renewed.push("the webhook secrets");
        }
        // A rate that is set anew forgets what was learnt of the remote.
        let in_force = self.state.effective();
        let rate = config.stripe.requests_per_second;
        if rate != in_force.stripe.requests_per_second {
            engine.stripe.set_requests_per_second(rate);
        }
        let rates = settings::zenskar_rates(config);
        if rates != settings::zenskar_rates(&in_force) {
            engine.zenskar.set_rates(rates);
        }
        self.accepting.set(prepared);
        self.zenskar_acceptance
            .send_replace(open::zenskar_acceptance(prepared));
        if let (Some(certificate), Some(tls)) = (&self.certificate, &prepared.tls) {
            certificate.replace(tls.clone());
        }
        self.names.set(config);
        engine.set_settings(settings::engine(config));
        engine.wake.look.notify_one();
        engine.wake.delivery.notify_one();
        engine.wake.poller.notify_one();
        engine.wake.changes.notify_one();
        renewed
    }
}

fn summary(settings: usize, renewed: &[&str]) -> String {
    let mut parts = Vec::new();
    match settings {
        0 => {}
        1 => parts.push("1 setting".to_owned()),
        count => parts.push(format!("{count} settings")),
    }
    parts.extend(renewed.iter().map(ToString::to_string));
    parts.join(" and ")
}

fn sentence(findings: &[Finding]) -> String {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    lines.join("; ")
}
