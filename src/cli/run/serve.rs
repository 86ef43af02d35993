//! What each listener serves.

use super::open::Listeners;
use super::state::State;
use crate::clock::Random;
use crate::engine::Engine;
use crate::http::api::{self, Tokens};
use crate::http::commands::{self, Daemon};
use crate::http::health::{Check, Health};
use crate::http::listener::{Handler, Listener};
use crate::http::public::Public;
use crate::http::reply::RequestIds;
use crate::http::webhook::{
    Acceptance, BodyBudget, LogThrottles, StripeWebhook, ZenskarAcceptance, ZenskarWebhook,
};
use crate::model::event::{ZENSKAR_DELETED, ZENSKAR_UPDATED};
use crate::sync::subject::EVENT_TYPES;
use crate::telemetry::metrics::Metrics;
use axum::Router;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What is behind the doors.
pub(super) struct Doors<'a> {
    pub(super) engine: &'a Arc<Engine>,
    pub(super) state: &'a Arc<State>,
    pub(super) metrics: &'a Arc<Metrics>,
    pub(super) acceptance: watch::Receiver<Acceptance>,
    pub(super) zenskar_acceptance: watch::Receiver<ZenskarAcceptance>,
}

impl Listeners {
    /// Serves on every listener until `stop`, then drains.
    pub(super) fn serve(
        self,
        tasks: &mut JoinSet<()>,
        doors: &Doors<'_>,
        stop: &CancellationToken,
    ) {
        let health = health(doors);
        if let Some(public) = self.public {
            spawn(tasks, public, webhooks(doors), stop);
        }
        spawn(tasks, self.console, health.clone().router(), stop);
        let actions = TaskTracker::new();
        let commands = commands(doors, actions.clone()).merge(health.router());
        spawn(tasks, self.socket, commands, stop);
        let stop = stop.clone();
        tasks.spawn(async move {
            stop.cancelled().await;
            actions.close();
            actions.wait().await;
        });
    }
}

fn spawn<H: Handler>(
    tasks: &mut JoinSet<()>,
    listener: Listener,
    handler: H,
    stop: &CancellationToken,
) {
    let stop = stop.clone();
    tasks.spawn(async move {
        let drained = listener.serve(handler, stop).await;
        if drained.cut > 0 {
            tracing::warn!(event = "connections_cut", count = drained.cut);
        }
    });
}

fn webhooks(doors: &Doors<'_>) -> Public {
    let engine = doors.engine;
    // Both take memory for bodies from one budget.
    let budget = BodyBudget::default();
    Public {
        stripe: StripeWebhook {
            acceptance: doors.acceptance.clone(),
            writer: engine.writer.clone(),
            known_type: |kind| EVENT_TYPES.contains(&kind),
            wake: Arc::clone(&engine.wake.intake),
            budget: budget.clone(),
            clock: Arc::clone(&engine.clock),
            metrics: Arc::clone(doors.metrics),
            log: LogThrottles::default(),
        },
        zenskar: ZenskarWebhook {
            acceptance: doors.zenskar_acceptance.clone(),
            writer: engine.writer.clone(),
            known_type: |kind| [ZENSKAR_UPDATED, ZENSKAR_DELETED].contains(&kind),
            wake: Arc::clone(&engine.wake.intake),
            budget,
            clock: Arc::clone(&engine.clock),
            metrics: Arc::clone(doors.metrics),
            log: LogThrottles::default(),
        },
        rest: Router::new(),
    }
}

/// The commands, for whoever the socket lets in. There are no tokens in this version.
fn commands(doors: &Doors<'_>, actions: TaskTracker) -> Router {
    let daemon: Arc<dyn Daemon> = Arc::<State>::clone(doors.state);
    let commands = commands::router(Arc::clone(doors.engine), daemon, actions);
    let tokens: Tokens = Arc::new(|_token: &str| None);
    api::shell(
        commands,
        tokens,
        RequestIds::new(Arc::new(Random::from_os())),
    )
}

fn health(doors: &Doors<'_>) -> Health {
    let (state, store) = (Arc::clone(doors.state), doors.engine.store.clone());
    Health {
        live: Arc::new([Check::new("process", || true)]),
        ready: Arc::new([
            Check::new("serving", move || state.is_ready()),
            Check::new("store", move || store.read().is_ok()),
        ]),
        metrics: Arc::clone(doors.metrics),
    }
}
