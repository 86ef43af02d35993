//! The world of one run: the real engine, store and clients over the sandbox, a disk that breaks,
//! and one clock for all of them.

use crate::crash_backend::{CrashBackend, Survive};
use crate::ledger::Ledger;
use crate::reference::Reference;
use crate::values::tier;
use crate::wire::{Cut, Makes, Rush, Wire};
use futures_util::FutureExt;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;
use zenstripe::clock::{BoxFuture, Clock, Random};
use zenstripe::engine::Engine;
use zenstripe::engine::collecting::Collecting;
use zenstripe::engine::error::EngineError;
use zenstripe::engine::settings::{Poll as Polling, Settings};
use zenstripe::http::webhook::{
    Acceptance, Audience, BUDGET_BYTES, BodyBudget, LogThrottles, StripeWebhook, ZenskarAcceptance,
    ZenskarWebhook,
};
use zenstripe::model::customer::Field;
use zenstripe::model::id::{AccountId, OrganisationId};
use zenstripe::model::link::Side;
use zenstripe::model::time::Timestamp;
use zenstripe::remote::client::ApiKey;
use zenstripe::remote::limiter::{Priority, Rates};
use zenstripe::remote::transport::Transport;
use zenstripe::store::{Store, StoreOptions, Writer};
use zenstripe::stripe::client::{StripeClient, StripeClientOptions};
use zenstripe::stripe::signature::SigningSecrets;
use zenstripe::sync::brakes::Limits;
use zenstripe::sync::collect::{Native, Rules};
use zenstripe::sync::creation::Creates;
use zenstripe::sync::policy::{Direction, Policy};
use zenstripe::telemetry::metrics::Metrics;
use zenstripe::zenskar::client::{ZenskarClient, ZenskarClientOptions};
use zenstripe::zenskar::hook::HookSecret;
use zenstripe_sandbox::{Delivery, Options, Sandbox};

/// The API version that the endpoint and the clients speak.
const API_VERSION: &str = "2026-05-27.dahlia";

/// The secret of the webhook endpoint.
const SECRET: &str = "whsec_simulation";

/// How long a request of unknown outcome may still arrive.
const SETTLE: Duration = Duration::from_secs(120);

/// The clock of the sandbox as the daemon's host shows it: set wrong by a constant.
#[derive(Clone)]
pub(crate) struct HostClock {
    sandbox: Sandbox,
    skew: Duration,
}

impl fmt::Debug for HostClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostClock")
    }
}

impl Clock for HostClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.sandbox.clock().now_ms() * 1_000).plus(self.skew)
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        let millis = i64::try_from(span.as_millis().max(1)).unwrap();
        self.sandbox.clock().advance_ms(millis);
        Box::pin(std::future::ready(()))
    }
}

/// How one run is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) polling: bool,
    pub(crate) webhooks: bool,
    pub(crate) skew: Duration,
    /// Whether invoices may be charged.
    pub(crate) charging: bool,
}

/// The world.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) reference: Arc<Mutex<Reference>>,
    ledger: Arc<Mutex<Ledger>>,
    pub(crate) setup: Setup,
    pub(crate) crashes: u32,
    /// Events that were answered 200, and when Stripe made them, in Unix seconds.
    pub(crate) acknowledged: Vec<(String, i64)>,
    pub(crate) process: Process,
    /// The end of the run's set-up, in Unix seconds.
    pub(crate) polling_since: i64,
    /// What may move, by the operator's file as it is now.
    policy: Policy,
    /// Where customers are made, by the same.
    creates: Creates,
    /// What the engine made.
    pub(crate) makes: Makes,
    rush: Rush,
    random: Random,
}

/// What a crash takes away.
pub(crate) struct Process {
    pub(crate) disk: CrashBackend,
    pub(crate) engine: Arc<Engine>,
    pub(crate) webhook: StripeWebhook,
    pub(crate) zenskar_webhook: ZenskarWebhook,
    wire: Wire,
    // Keeps the webhooks' acceptances alive.
    _acceptance: Acceptances,
}

impl World {
    pub(crate) fn new(setup: Setup) -> Self {
        let sandbox = Sandbox::new(Options {
            seed: setup.seed,
            keep_exchanges: 0,
            ..Options::default()
        });
        let reference = Arc::new(Mutex::new(Reference::default()));
        if setup.webhooks {
            sandbox
                .add_webhook("http://daemon/webhooks/stripe", SECRET)
                .unwrap();
            sandbox.set_zenskar_webhook("http://daemon/webhooks/zenskar", SECRET);
        }
        let disk = CrashBackend::new(Vec::new());
        let (policy, rush) = (full_policy(), Rush::default());
        let (creates, makes) = (Creates::default(), Makes::default());
        let ledger = Arc::default();
        let eyes = (&reference, &ledger, &rush, &makes);
        let process = Process::start(
            &sandbox,
            (disk, setup.skew),
            eyes,
            settings(setup, policy.clone(), creates),
        );
        let random = Random::from_seed(setup.seed ^ 0xD15C);
        Self {
            sandbox,
            reference,
            ledger,
            setup,
            crashes: 0,
            acknowledged: Vec::new(),
            process,
            polling_since: 0,
            policy,
            creates,
            makes,
            rush,
            random,
        }
    }

    /// Power fails at the `number`-th sync from now.
    pub(crate) fn crash_at_sync(&self, number: u64) {
        let survive = match self.random.between(0, 2) {
            0 => Survive::Nothing,
            1 => Survive::Everything,
            _ => Survive::Torn(self.random.next()),
        };
        self.process
            .disk
            .crash_at_sync(self.process.disk.syncs() + number, survive);
    }

    /// The process dies at the `number`-th request from now.
    pub(crate) fn crash_at_request(&self, number: u32, cut: Cut) {
        *self.process.wire.cut.lock().unwrap() = Some((number, cut));
    }

    /// When the process is to die, if that is ordered.
    pub(crate) fn cut(&self) -> MutexGuard<'_, Option<(u32, Cut)>> {
        self.process.wire.cut.lock().unwrap()
    }

    /// A new process over what the disk kept.
    pub(crate) fn restart(&mut self) {
        self.ledger().crashed();
        if self.process.disk.is_frozen() {
            self.crashes += 1;
        } else {
            self.process.disk.freeze(Survive::Nothing);
        }
        let disk = self.process.disk.revive();
        let eyes = (&self.reference, &self.ledger, &self.rush, &self.makes);
        let settings = settings(self.setup, self.policy.clone(), self.creates);
        self.process = Process::start(&self.sandbox, (disk, self.setup.skew), eyes, settings);
    }

    /// The operator's file changes: the daemon takes it up at once.
    pub(crate) async fn set_policy(&mut self, policy: Policy) {
        let linked = self.process.engine.store.read().unwrap().link_count();
        let linked = linked.unwrap() > 0;
        self.reference.lock().unwrap().selected(&policy, linked);
        self.ledger().reloaded(&policy, linked);
        self.policy = policy;
        let noted = self.process.engine.activate(&self.policy).await;
        if self.process.disk.is_frozen() {
            self.restart();
        } else {
            noted.unwrap();
            let settings = settings(self.setup, self.policy.clone(), self.creates);
            self.process.engine.set_settings(settings);
            if self.process.engine.reconsider().await.is_err() {
                self.restart();
            }
        }
    }

    /// The operator's file says elsewhere where customers are made: the daemon takes it up at once.
    pub(crate) async fn set_creates(&mut self, creates: Creates) {
        self.creates = creates;
        let noted = self.process.engine.switch_creating(creates).await;
        if self.process.disk.is_frozen() {
            self.restart();
        } else {
            noted.unwrap();
            let settings = settings(self.setup, self.policy.clone(), creates);
            self.process.engine.set_settings(settings);
        }
    }

    /// Where customers are made, by the operator's file as it is now.
    pub(crate) const fn creates(&self) -> Creates {
        self.creates
    }

    /// What may move, by the operator's file as it is now.
    pub(crate) const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// A person saves a customer; one that is gone, or that is refused, is not saved.
    pub(crate) fn save(&self, side: Side, id: &str, patch: &Json) {
        self.process.wire.save(side, id, patch);
    }

    /// What people and the engine did, where both ways are open.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// A person saves this right before the next write of ours to this side arrives.
    pub(crate) fn rush(&self, side: Side, patch: Json) {
        *self.rush.lock().unwrap() = Some((side, patch));
    }

    /// Nobody is about to save anything.
    pub(crate) fn calm(&self) {
        *self.rush.lock().unwrap() = None;
    }

    /// Runs one step of the engine; a dead process starts again.
    pub(crate) async fn step<T>(
        &mut self,
        step: impl AsyncFnOnce(&Engine) -> Result<T, EngineError>,
    ) -> Option<T> {
        let engine = Arc::clone(&self.process.engine);
        let outcome = step(&engine).await;
        drop(engine);
        match outcome {
            Ok(value) if !self.process.disk.is_frozen() => Some(value),
            Err(EngineError::Remote(_)) if !self.process.disk.is_frozen() => None,
            outcome => {
                assert!(
                    self.process.disk.is_frozen(),
                    "the store failed while the disk has power: {:?}",
                    outcome.err()
                );
                self.restart();
                None
            }
        }
    }

    /// Deliveries that Stripe would send now.
    pub(crate) fn due_deliveries(&self) -> Vec<Delivery> {
        self.sandbox
            .due_deliveries(self.process.engine.clock.now().seconds())
    }

    /// Everything the journal holds, oldest first.
    pub(crate) fn journal(&self) -> String {
        let read = self.process.engine.store.read().unwrap();
        let mut entries = read.journal(None, usize::MAX).unwrap().entries;
        entries.reverse();
        format!("{entries:#?}")
    }
}

impl Process {
    fn start(
        sandbox: &Sandbox,
        (disk, skew): (CrashBackend, Duration),
        (reference, ledger, rush, makes): Eyes<'_>,
        settings: Settings,
    ) -> Self {
        let options = StoreOptions {
            cache_bytes: 1024 * 1024,
            installation_id: Some([7; 16]),
        };
        let store = Store::open_backend(disk.clone(), options).unwrap();
        let writer = Writer::inline(store.clone());
        let clock: Arc<dyn Clock> = Arc::new(HostClock {
            sandbox: sandbox.clone(),
            skew,
        });
        let wire = Wire {
            sandbox: sandbox.clone(),
            disk: disk.clone(),
            cut: Arc::default(),
            rush: Arc::clone(rush),
            reference: Arc::clone(reference),
            ledger: Arc::clone(ledger),
            makes: Arc::clone(makes),
        };
        let transport: Arc<dyn Transport> = Arc::new(wire.clone());
        let stripe = StripeClient::new(
            StripeClientOptions {
                api_base: "http://stripe".to_owned(),
                key: ApiKey::parse("sk_test_sandbox").unwrap(),
                account: None,
                api_version: API_VERSION.to_owned(),
                live: false,
                requests_per_second: 25,
            },
            Arc::clone(&transport),
            Arc::clone(&clock),
        );
        let zenskar = ZenskarClient::new(
            ZenskarClientOptions {
                api_base: "http://zenskar".to_owned(),
                key: ApiKey::parse("sandbox_key").unwrap(),
                organisation: OrganisationId::parse(&Options::default().organisation).unwrap(),
                rates: Rates { start: 20, max: 50 },
            },
            transport,
            Arc::clone(&clock),
        );
        let engine = Engine::new(
            (store, writer.clone()),
            stripe,
            zenskar,
            Arc::clone(&clock),
            settings,
        );
        activate(&engine);
        let (webhook, zenskar_webhook, acceptance) = webhooks(&engine, writer);
        Self {
            disk,
            engine: Arc::new(engine),
            webhook,
            zenskar_webhook,
            wire,
            _acceptance: acceptance,
        }
    }
}

/// Who watches the network, and what waits on it.
type Eyes<'a> = (
    &'a Arc<Mutex<Reference>>,
    &'a Arc<Mutex<Ledger>>,
    &'a Rush,
    &'a Makes,
);

/// What keeps both webhooks open.
type Acceptances = (watch::Sender<Acceptance>, watch::Sender<ZenskarAcceptance>);

/// The webhooks of both remotes.
fn webhooks(engine: &Engine, writer: Writer) -> (StripeWebhook, ZenskarWebhook, Acceptances) {
    let (acceptance, receiver) = watch::channel(Acceptance {
        secrets: SigningSecrets::new([SECRET.as_bytes()]),
        audience: Audience::Own(AccountId::parse(zenstripe_sandbox::ACCOUNT).unwrap()),
        livemode: false,
    });
    let webhook = StripeWebhook {
        acceptance: receiver,
        writer: writer.clone(),
        known_type: |_| true,
        wake: Arc::clone(&engine.wake.intake),
        budget: BodyBudget::new(BUDGET_BYTES),
        clock: Arc::clone(&engine.clock),
        metrics: Arc::new(Metrics::new("simulation")),
        log: LogThrottles::default(),
    };
    let (zenskar_acceptance, receiver) = watch::channel(ZenskarAcceptance {
        secret: HookSecret::new(SECRET.as_bytes()),
        organisation: OrganisationId::parse(&Options::default().organisation).unwrap(),
    });
    let zenskar_webhook = ZenskarWebhook {
        acceptance: receiver,
        writer,
        known_type: |_| true,
        wake: Arc::clone(&engine.wake.intake),
        budget: BodyBudget::new(BUDGET_BYTES),
        clock: Arc::clone(&engine.clock),
        metrics: Arc::new(Metrics::new("simulation")),
        log: LogThrottles::default(),
    };
    let acceptances = (acceptance, zenskar_acceptance);
    (webhook, zenskar_webhook, acceptances)
}

/// What the daemon does at its start: it asks whose key it has, which tells Stripe's time and keeps
/// nothing from starting, and takes note of what is active.
fn activate(engine: &Engine) {
    drop(driven(engine.stripe.account(Priority::Sync)));
    driven(engine.activate(&engine.settings().policy)).unwrap();
    driven(engine.switch_creating(engine.settings().creates)).unwrap();
    driven(engine.reconsider()).unwrap();
}

/// Runs what waits for nobody but itself to its end.
fn driven<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    loop {
        if let Some(value) = future.as_mut().now_or_never() {
            return value;
        }
    }
}

/// Everything moves, from Stripe to Zenskar.
pub(crate) fn full_policy() -> Policy {
    Policy {
        direction: Some(Direction::From(Side::Stripe)),
        fields: Field::ALL.into_iter().chain([tier()]).collect(),
        ..Policy::off()
    }
}

/// Everything moves, both ways.
pub(crate) fn both_policy() -> Policy {
    Policy {
        direction: Some(Direction::Both),
        ..full_policy()
    }
}

/// What is collected: nothing, or what people order.
fn collecting(charging: bool) -> Collecting {
    Collecting {
        rules: Rules {
            native: if charging {
                Native::Off
            } else {
                Native::Unsaid
            },
            is_paired: true,
            live: false,
            links: false,
            written: BTreeMap::new(),
            consolidated: false,
        },
        kind: None,
        limits: Limits {
            charges_per_hour: 500,
            declines_in_thousand: 1_000,
            same_customer: Duration::from_secs(60),
            amount_per_hour: BTreeMap::new(),
        },
        unallocated: true,
        time_zone: jiff::tz::TimeZone::UTC,
    }
}

fn settings(setup: Setup, policy: Policy, creates: Creates) -> Settings {
    Settings {
        policy,
        match_email: false,
        creates,
        has_connector: true,
        collecting: collecting(setup.charging),
        settle: SETTLE,
        poll: if setup.polling {
            Polling::Adaptive
        } else {
            Polling::Off
        },
        api_version: API_VERSION.to_owned(),
        live: false,
        ingress: setup.webhooks,
        retention: Duration::from_secs(35 * 86_400),
    }
}
