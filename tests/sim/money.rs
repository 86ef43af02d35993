//! Money: invoices are charged while requests and answers are lost, power fails, clocks jump and people
//! interfere; then quiet, and the books of both remotes and our ledger are compared.
//!
//! What must hold for every seed:
//!
//! - no more is taken on an invoice than it was ever invoiced;
//! - whatever Stripe took is booked in Zenskar once, whole, and whatever is booked was taken;
//! - every collection is over, and each that took money knows of it;
//! - no key was ever used with other bytes;
//! - whoever could be charged and was ordered to be is paid.

use crate::run::Report;
use crate::wire::Cut;
use crate::world::{Setup, World};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use zenstripe::clock::Random;
use zenstripe::engine::Engine;
use zenstripe::engine::collecting::invoices::Swept;
use zenstripe::engine::command::{Asked, Command, MoneyCommand, Order};
use zenstripe::engine::error::EngineError;
use zenstripe::model::charge::ChargeLine;
use zenstripe::model::collection::{Collection, Stage};
use zenstripe::model::id::{AccountId, InvoiceId, OrganisationId};
use zenstripe::store::{Identity, Mode};
use zenstripe::sync::creation::Creates;
use zenstripe::sync::policy::Policy;
use zenstripe_sandbox::{Fault, FaultKind, Options, Remote};

/// Operations of a run at least.
const OPERATIONS_MIN: u64 = 30;

/// Steps to quiet at most: more means that something goes round in circles.
const QUIET_MAX: usize = 3_000;

/// Every fault that must have fired at least once over all seeds.
pub(crate) const FAULTS: [&str; 14] = [
    "request lost",
    "response lost",
    "429",
    "lock_timeout",
    "500, applied",
    "500, not applied",
    "409",
    "503",
    "crash before a request",
    "crash before an answer",
    "crash at a sync",
    "restart",
    "two steps at once",
    "a day passes",
];

/// Test methods that customers have, and how they end.
const METHODS: [&str; 8] = [
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_chargeDeclined",
    "pm_card_chargeDeclinedInsufficientFunds",
    "pm_card_authenticationRequired",
    "pm_usBankAccount_success",
    "pm_usBankAccount_insufficientFunds",
];

struct Run {
    world: World,
    random: Random,
    /// Pairs of Stripe's and Zenskar's ids.
    customers: Vec<(String, String)>,
    /// Every invoice that was made, and what it was invoiced over.
    invoices: BTreeMap<String, i64>,
    report: Report,
    made: u64,
}

/// Runs a seed to its end and asks the questions; `Err` says what is wrong.
pub(crate) fn run(seed: u64) -> Result<Report, String> {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async {
            let mut run = Run::new(seed).await;
            run.operate().await;
            run.settle().await?;
            run.judge()?;
            let mut report = run.report;
            report.journal = run.world.journal();
            Ok(report)
        })
        .map_err(|wrong: String| format!("seed {seed}: {wrong}"))
}

impl Run {
    async fn new(seed: u64) -> Self {
        let random = Random::from_seed(seed ^ 0x0CA5_4000);
        let setup = Setup {
            seed,
            polling: true,
            webhooks: random.between(0, 2) > 0,
            skew: Duration::from_secs(random.between(0, 200)),
            charging: true,
        };
        let mut world = World::new(setup);
        world.set_policy(Policy::off()).await;
        world.set_creates(Creates::default()).await;
        bind(&world.process.engine).await;
        let mut run = Self {
            world,
            random,
            customers: Vec::new(),
            invoices: BTreeMap::new(),
            report: Report::default(),
            made: 0,
        };
        for number in 0..2 + run.random.between(0, 2) {
            run.make_customer(number);
        }
        for _ in 0..3 {
            run.make_invoice();
        }
        run
    }

    fn count(&mut self, what: &'static str) {
        *self.report.fired.entry(what).or_default() += 1;
    }

    fn pick(&self, of: usize) -> usize {
        let last = u64::try_from(of).unwrap().saturating_sub(1);
        usize::try_from(self.random.between(0, last)).unwrap()
    }

    fn make_customer(&mut self, number: u64) {
        let sandbox = &self.world.sandbox;
        let stripe = sandbox.stripe_create_customer(&json!({ "name": format!("Ann {number}") }));
        let theirs = json!({ "customer_name": format!("Ann {number}") });
        let zenskar = sandbox.zenskar_create_customer(&theirs).unwrap();
        sandbox.map_customer(&zenskar, &stripe);
        self.customers.push((stripe, zenskar));
        self.change_method(self.customers.len() - 1);
    }

    /// The customer chooses another payment method.
    fn change_method(&self, customer: usize) {
        let method = METHODS[self.pick(METHODS.len())];
        let (stripe, _) = &self.customers[customer];
        let method = self.world.sandbox.stripe_attach(stripe, method).unwrap();
        let sandbox = &self.world.sandbox;
        assert!(sandbox.stripe_set_default(stripe, Some(&method)));
    }

    fn make_invoice(&mut self) {
        self.made += 1;
        let (_, zenskar) = &self.customers[self.pick(self.customers.len())];
        let cents = i64::try_from(100 + self.random.between(0, 50_000)).unwrap();
        let fields = json!({
            "customer_id": zenskar, "number": format!("INV-{}", self.made), "amount": cents,
            "currency": "USD", "status": "approved", "due_date": "2020-05-01T00:00:00",
        });
        let id = self.world.sandbox.zenskar_create_invoice(&fields);
        self.invoices.insert(id.unwrap(), cents);
    }

    fn any_invoice(&self) -> String {
        let all: Vec<&String> = self.invoices.keys().collect();
        all[self.pick(all.len())].clone()
    }

    async fn operate(&mut self) {
        let operations = OPERATIONS_MIN + self.random.between(0, 20);
        let crash = self.random.between(0, operations - 1);
        for operation in 0..operations {
            if self.random.between(0, 4) == 0 {
                self.order_fault();
            }
            if operation == crash {
                self.order_crash();
            }
            self.operation().await;
            for _ in 0..self.random.between(0, 5) {
                self.tick().await;
            }
        }
    }

    fn order_crash(&mut self) {
        let requests = u32::try_from(self.random.between(0, 12)).unwrap();
        match self.random.between(0, 2) {
            0 => {
                self.world.crash_at_request(requests, Cut::Before);
                self.count("crash before a request");
            }
            1 => {
                self.world.crash_at_request(requests, Cut::After);
                self.count("crash before an answer");
            }
            _ => {
                self.world.crash_at_sync(1 + self.random.between(0, 12));
                self.count("crash at a sync");
            }
        }
    }

    fn order_fault(&self) {
        let (remote, method, prefix) = match self.random.between(0, 5) {
            0..=2 => (Remote::Stripe, "POST", "/v1/payment_intents"),
            3 => (Remote::Stripe, "GET", "/v1/payment_intents"),
            4 => (Remote::Zenskar, "POST", "/payments"),
            _ => (Remote::Zenskar, "GET", "/"),
        };
        let kind = match self.random.between(0, 8) {
            0..=1 => FaultKind::LoseRequest,
            2..=3 => FaultKind::LoseResponse,
            4 => FaultKind::TooManyRequests {
                reason: Some("endpoint-rate".to_owned()),
                retry_after: None,
            },
            5 if remote == Remote::Stripe => FaultKind::LockTimeout,
            6 if remote == Remote::Stripe => FaultKind::Conflict,
            7 => FaultKind::Unavailable,
            _ => FaultKind::ServerError {
                applied: self.random.between(0, 1) == 0,
            },
        };
        let _id = self.world.sandbox.order_fault(Fault {
            remote,
            method: Some(method.to_owned()),
            prefix: Some(prefix.to_owned()),
            skip: u32::try_from(self.random.between(0, 2)).unwrap(),
            times: u32::try_from(self.random.between(1, 3)).unwrap(),
            kind,
        });
    }

    /// Something happens in the world.
    async fn operation(&mut self) {
        match self.random.between(0, 99) {
            0..=9 => self.make_invoice(),
            10..=39 => self.order_charges().await,
            40..=49 => self.change_method(self.pick(self.customers.len())),
            50..=54 => self.interfere(),
            55..=59 => self.settle_debit(),
            60..=74 => self.world.sandbox.clock().advance(1),
            75..=84 => self.world.sandbox.clock().advance(60),
            85..=89 => self.world.sandbox.clock().advance(700),
            90..=91 => {
                // Past what Stripe keeps of a key.
                self.count("a day passes");
                self.world.sandbox.clock().advance(26 * 3_600);
            }
            92..=94 => self.freeze().await,
            95..=97 => {
                self.count("restart");
                self.world.restart();
            }
            _ => self.interrupt().await,
        }
    }

    /// A person credits, voids or pays an invoice beside us.
    fn interfere(&self) {
        let id = self.any_invoice();
        let sandbox = &self.world.sandbox;
        match self.random.between(0, 2) {
            0 => drop(sandbox.zenskar_credit_note(&id, 50)),
            1 => drop(sandbox.zenskar_void_invoice(&id)),
            _ => {
                let invoice = sandbox.zenskar_invoice(&id);
                let payment = json!({
                    "customer_id": invoice["customer_id"], "amount": 50, "currency_code": "USD",
                    "status": "success", "native": false,
                    "payment_parts": [{"invoice_id": id, "amount": 50}],
                });
                drop(sandbox.zenskar_add_payment(&payment));
            }
        }
    }

    fn settle_debit(&self) {
        for intent in self.world.sandbox.stripe_payment_intents() {
            if intent["status"] == "processing" {
                let id = intent["id"].as_str().unwrap_or_default();
                self.world.sandbox.stripe_settle_debit(id);
                return;
            }
        }
    }

    async fn order_charges(&mut self) {
        let count = 1 + self.random.between(0, 2);
        let invoices = (0..count).map(|_| Asked {
            invoice: self.any_invoice(),
            confirmed: None,
        });
        let order = Order {
            invoices: invoices.collect(),
            all_due: self.random.between(0, 4) == 0,
            key: None,
            who: "ann".to_owned(),
        };
        self.command(MoneyCommand::Charge(order)).await;
    }

    async fn freeze(&mut self) {
        let (reason, who) = ("an audit".to_owned(), "ann".to_owned());
        self.command(MoneyCommand::Freeze { reason, who }).await;
        for _ in 0..self.random.between(0, 6) {
            self.tick().await;
        }
        let who = "ann".to_owned();
        self.command(MoneyCommand::Unfreeze { who }).await;
    }

    async fn interrupt(&mut self) {
        for pause in [true, false] {
            let (run, who) = (1 + self.random.between(0, 3), "ann".to_owned());
            self.command(MoneyCommand::RunPause { run, pause, who })
                .await;
            self.tick().await;
        }
    }

    /// A person's order. That it is refused is no failure; a process that died starts again.
    async fn command(&mut self, command: MoneyCommand) {
        let engine = Arc::clone(&self.world.process.engine);
        drop(engine.command(Command::Money(command)).await);
        drop(engine);
        if self.world.process.disk.is_frozen() {
            self.world.restart();
        }
    }

    /// The daemon takes one step, or two at once.
    async fn tick(&mut self) {
        match self.random.between(0, 9) {
            0 => {
                self.world
                    .step(async |engine| engine.sort_events().await)
                    .await;
            }
            1 => {
                self.world
                    .step(async |engine| engine.poll_page().await)
                    .await;
            }
            2 => {
                self.world
                    .step(async |engine| engine.sweep_invoices().await)
                    .await;
            }
            _ => self.collect().await,
        }
    }

    /// What is due by now, in the order in which the loop takes it.
    fn due(&self) -> (Vec<Collection>, Vec<ChargeLine>) {
        let engine = &self.world.process.engine;
        let now = engine.clock.now();
        let collections = engine.due_collections(now, 8).unwrap();
        (collections, engine.due_lines(now, 8).unwrap())
    }

    async fn collect(&mut self) {
        let (collections, lines) = self.due();
        let mut due: Vec<Due> = collections
            .into_iter()
            .map(|one| Due::Collection(Box::new(one)))
            .collect();
        due.extend(lines.into_iter().map(Due::Line));
        if due.is_empty() {
            return;
        }
        let one = due.swap_remove(self.pick(due.len()));
        if due.is_empty() || self.random.between(0, 2) > 0 {
            self.world.step(async |engine| one.take(engine).await).await;
            return;
        }
        let other = due.swap_remove(self.pick(due.len()));
        self.count("two steps at once");
        self.world
            .step(async |engine| {
                let (one, other) = tokio::join!(one.take(engine), other.take(engine));
                one.and(other)
            })
            .await;
    }

    /// Nothing breaks any more, nothing is frozen or interrupted; every step is taken until none is
    /// left.
    async fn settle(&mut self) -> Result<(), String> {
        for count in self.world.sandbox.fault_counts() {
            *self
                .report
                .fired
                .entry(name_of(&count.fault.kind))
                .or_default() += u64::from(count.fired);
        }
        self.world.sandbox.clear_faults();
        *self.world.cut() = None;
        self.release().await;
        for _ in 0..QUIET_MAX {
            let (collections, lines) = self.due();
            if collections.is_empty() && lines.is_empty() {
                self.settle_debit();
                let read = self.world.process.engine.store.read().unwrap();
                let next = read.next_collection_due().unwrap().into_iter();
                let Some(next) = next.chain(read.next_line_due().unwrap()).min() else {
                    return self.sweep().await;
                };
                let wait = next.since(self.world.process.engine.clock.now());
                let seconds = i64::try_from(wait.as_secs()).unwrap() + 1;
                self.world.sandbox.clock().advance(seconds);
            }
            self.collect().await;
        }
        let read = self.world.process.engine.store.read().unwrap();
        let open = read.collections(None, 10_000).unwrap().into_iter();
        let open: Vec<_> = open.filter(Collection::holds_lease).collect();
        Err(format!(
            "it never comes to rest: {:?}, {open:?}",
            self.due()
        ))
    }

    /// A person ends the freeze and lets every run go on, again where the process did not survive it.
    async fn release(&mut self) {
        loop {
            let read = self.world.process.engine.store.read().unwrap();
            let is_frozen = read.freeze().unwrap().is_some();
            let runs = read.charge_runs(None, 500).unwrap().into_iter();
            let paused = runs
                .filter(|run| run.paused_at.is_some())
                .map(|run| run.number);
            let paused: Vec<u64> = paused.collect();
            drop(read);
            if !is_frozen && paused.is_empty() {
                return;
            }
            let who = || "ann".to_owned();
            self.command(MoneyCommand::Unfreeze { who: who() }).await;
            for run in paused {
                let (pause, who) = (false, who());
                self.command(MoneyCommand::RunPause { run, pause, who })
                    .await;
            }
        }
    }

    async fn sweep(&mut self) -> Result<(), String> {
        self.world.process.engine.want_invoice_sweep();
        for _ in 0..100 {
            let swept = self
                .world
                .step(async |engine| engine.sweep_invoices().await)
                .await;
            if matches!(swept, Some(Swept::Until(_))) {
                return Ok(());
            }
        }
        Err("a sweep of invoices does not end".to_owned())
    }

    /// The questions.
    fn judge(&self) -> Result<(), String> {
        let money = self.world.sandbox.money();
        let read = self.world.process.engine.store.read().unwrap();
        let ours = read.collections(None, 10_000).unwrap();
        let mut by_invoice: BTreeMap<&str, i64> = BTreeMap::new();
        for taken in &money.taken {
            let invoice = taken.metadata.get("zenstripe_invoice");
            let invoice = invoice.ok_or_else(|| format!("nobody's: {taken:?}"))?;
            *by_invoice.entry(invoice).or_default() += taken.amount;
            let booked: Vec<_> = money
                .booked
                .iter()
                .filter(|booked| booked.external_id.as_ref() == Some(&taken.payment_intent))
                .collect();
            match booked.as_slice() {
                [one] if one.amount == taken.amount => {}
                other => return Err(format!("{taken:?} is booked as {other:?}")),
            }
            let known = ours.iter().filter(|one| {
                let intent = one.intent.as_ref().map(ToString::to_string);
                intent.as_ref() == Some(&taken.payment_intent)
            });
            let known: Vec<_> = known.collect();
            match known.as_slice() {
                [one] if one.stage == Stage::Booked => {}
                other => return Err(format!("{taken:?} is known as {other:?}")),
            }
        }
        for (invoice, taken) in by_invoice {
            let invoiced = self.invoices[invoice];
            if taken > invoiced {
                return Err(format!("{taken} of {invoiced} taken on {invoice}"));
            }
        }
        if !money.in_flight.is_empty() {
            return Err(format!("still in flight: {:?}", money.in_flight));
        }
        for one in &ours {
            if !one.stage.is_over() {
                return Err(format!("not over: {one:?}"));
            }
        }
        let counts = read.collection_counts().unwrap();
        if (counts.open, counts.unbooked, counts.awaiting_person) != (0, 0, 0) {
            return Err(format!("{counts:?}"));
        }
        let journal = self.world.journal();
        if journal.contains("another copy of this store") {
            return Err("a key was used with other bytes".to_owned());
        }
        self.nothing_waits(&ours)
    }

    /// Every line of every run came to something, and what it says is so.
    fn nothing_waits(&self, ours: &[Collection]) -> Result<(), String> {
        let read = self.world.process.engine.store.read().unwrap();
        let known: BTreeSet<(&InvoiceId, u64)> =
            ours.iter().map(|one| (&one.invoice, one.number)).collect();
        if known.len() != ours.len() {
            return Err("a number was given twice".to_owned());
        }
        for run in read.charge_runs(None, 500).unwrap() {
            if run.counts.waiting > 0 {
                return Err(format!("a line still waits: {run:?}"));
            }
        }
        Ok(())
    }
}

/// Something that is due.
enum Due {
    Collection(Box<Collection>),
    Line(ChargeLine),
}

impl Due {
    async fn take(&self, engine: &Engine) -> Result<(), EngineError> {
        match self {
            Self::Collection(collection) => engine.step(collection).await.map(drop),
            Self::Line(line) => engine.charge_line(line).await.map(drop),
        }
    }
}

/// Binds the store, as the daemon does before it charges.
async fn bind(engine: &Engine) {
    let identity = Identity {
        account: AccountId::parse(zenstripe_sandbox::ACCOUNT).unwrap(),
        mode: Mode::Test,
        organisation: OrganisationId::parse(&Options::default().organisation).unwrap(),
    };
    engine
        .writer
        .write("bind store", move |tx| tx.set_identity(&identity))
        .await
        .unwrap();
}

fn name_of(kind: &FaultKind) -> &'static str {
    match kind {
        FaultKind::LoseRequest => "request lost",
        FaultKind::LoseResponse => "response lost",
        FaultKind::TooManyRequests { .. } => "429",
        FaultKind::LockTimeout => "lock_timeout",
        FaultKind::Conflict => "409",
        FaultKind::Unavailable => "503",
        FaultKind::ServerError { applied: true } => "500, applied",
        FaultKind::ServerError { applied: false } => "500, not applied",
        _ => "another",
    }
}
