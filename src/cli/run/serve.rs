//! What each listener serves.

use super::names;
use super::open::Listeners;
use super::state::State;
use crate::clock::Random;
use crate::config::{Config, Mode};
use crate::engine::Engine;
use crate::http::api::{self, Bearers};
use crate::http::commands::{self, Daemon};
use crate::http::connect;
use crate::http::console::{self, Desk};
use crate::http::health::{Check, Health};
use crate::http::host::Hosts;
use crate::http::listener::{Handler, Listener};
use crate::http::public::Public;
use crate::http::reply::RequestIds;
use crate::http::webhook::{
    Acceptance, BodyBudget, LogThrottles, StripeWebhook, ZenskarAcceptance, ZenskarWebhook,
};
use crate::model::event::{ZENSKAR_DELETED, ZENSKAR_UPDATED};
use crate::sync::subject::{DEAUTHORISED, heard_types};
use crate::telemetry::metrics::Metrics;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Where browsers find the pages that connect an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pages {
    /// On the public listener.
    Public,
    /// On the console's.
    Console,
    /// Nowhere: they are of no use.
    Nowhere,
}

impl Pages {
    pub(super) fn of(config: &Config) -> Self {
        let stripe = &config.stripe;
        match (&stripe.client_id, &config.listen.public_url, stripe.mode) {
            (Some(_), Some(_), _) => Self::Public,
            (Some(_), None, Mode::Test) => Self::Console,
            (Some(_), None, Mode::Live) | (None, _, _) => Self::Nowhere,
        }
    }
}

/// What is behind the doors.
pub(super) struct Doors<'a> {
    pub(super) engine: &'a Arc<Engine>,
    pub(super) state: &'a Arc<State>,
    pub(super) metrics: &'a Arc<Metrics>,
    pub(super) acceptance: watch::Receiver<Acceptance>,
    pub(super) zenskar_acceptance: watch::Receiver<ZenskarAcceptance>,
    pub(super) pages: Pages,
    pub(super) hosts: Hosts,
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
        let address = self.console_address();
        let card = format!("{}/integrations/stripe", doors.state.console_url());
        let pages = || connect::router(Arc::clone(doors.engine), &card);
        let actions = TaskTracker::new();
        let daemon: Arc<dyn Daemon> = Arc::<State>::clone(doors.state);
        let commands = commands::Doors {
            engine: Arc::clone(doors.engine),
            daemon,
            actions: actions.clone(),
        };
        let (public, local) = match doors.pages {
            Pages::Public => (pages(), Router::new()),
            Pages::Console => (Router::new(), pages()),
            Pages::Nowhere => (Router::new(), Router::new()),
        };
        if let Some(listener) = self.public {
            spawn(tasks, listener, webhooks(doors, public), stop);
        }
        let ids = RequestIds::new(Arc::new(Random::from_os()));
        let cookies = names::cookies(address, &doors.state.effective().listen);
        let desk = Desk::new(commands.clone(), cookies, stop.clone());
        let api = shell(doors, commands);
        let pages = console::router(
            &desk,
            local.merge(api.clone()),
            doors.hosts.clone(),
            ids.clone(),
        );
        let proxies = names::proxies(&doors.state.effective().listen);
        let pages = pages.layer(middleware::from_fn(move |request: Request, next: Next| {
            proxies.clone().note(request, next)
        }));
        // Monitors ask by whatever name they have.
        let console = health.clone().router().merge(pages);
        spawn(tasks, self.console, console, stop);
        let named = move |request: Request, next: Next| ids.clone().name(request, next);
        let commands = api.layer(middleware::from_fn(named));
        spawn(tasks, self.socket, commands.merge(health.router()), stop);
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

fn webhooks(doors: &Doors<'_>, rest: Router) -> Public {
    let engine = doors.engine;
    // Both take memory for bodies from one budget.
    let budget = BodyBudget::default();
    Public {
        stripe: StripeWebhook {
            acceptance: doors.acceptance.clone(),
            writer: engine.writer.clone(),
            known_type: |kind| heard_types().contains(&kind) || kind == DEAUTHORISED,
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
        rest,
    }
}

/// The commands, for whoever the socket lets in or a token does.
fn shell(doors: &Doors<'_>, commands: commands::Doors) -> Router {
    let bearers = Bearers::of(doors.engine, &commands.actions);
    api::shell(commands::router(commands), bearers)
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
