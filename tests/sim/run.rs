//! One run: a world from a seed, operations and faults in it, then quiet, then the questions.

use crate::act::Act;
use crate::reference::Reference;
use crate::values::{stripe_fields, zenskar_fields};
use crate::wire::Cut;
use crate::world::{Setup, World, both_policy};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use zenstripe::clock::Random;
use zenstripe::model::work::Subject;
use zenstripe_sandbox::{Fault, FaultKind, Remote};

/// Customers of a run at least.
const CUSTOMERS_MIN: u64 = 5;

/// Operations of a run at least.
const OPERATIONS_MIN: u64 = 40;

/// Names, addresses and so on that Stripe's people choose from: few, so that a field often goes
/// back to a value it had.
const CHOICES: u64 = 3;

/// What a run is remembered by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// How often each fault fired.
    pub(crate) fired: BTreeMap<&'static str, u64>,
    /// Everything the journal says at the end.
    pub(crate) journal: String,
    /// Fields the engine wrote.
    pub(crate) written: u64,
}

/// The run and what it draws from.
pub(crate) struct Run {
    pub(crate) world: World,
    pub(crate) random: Random,
    /// Pairs of Stripe's and Zenskar's ids.
    pub(crate) customers: Vec<(String, String)>,
    pub(crate) report: Report,
    /// Events older than Stripe lists them were lost with their webhooks.
    pub(crate) gap: bool,
    /// Whose dead letters were dropped: what they stood for was given up by a person.
    pub(crate) dropped: BTreeSet<Subject>,
    pub(crate) edits: u64,
}

/// Runs a seed to its end and asks the questions; `Err` says what is wrong.
pub(crate) fn run(seed: u64) -> Result<Report, String> {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async {
            let mut run = Run::new(seed);
            run.begin().await;
            run.operate().await;
            run.finish().await
        })
}

impl Run {
    fn new(seed: u64) -> Self {
        let random = Random::from_seed(seed);
        let kind = random.between(0, 9);
        let setup = Setup {
            seed,
            polling: kind >= 3,
            webhooks: kind < 8,
            skew: Duration::from_secs(random.between(0, 200)),
            charging: false,
        };
        Self {
            world: World::new(setup),
            random,
            customers: Vec::new(),
            report: Report::default(),
            gap: false,
            dropped: BTreeSet::new(),
            edits: 0,
        }
    }

    /// A world whose two sides are kept in step both ways.
    pub(crate) async fn two_way(seed: u64) -> Self {
        let mut run = Self::new(seed);
        run.world.set_policy(both_policy()).await;
        run
    }

    /// A customer on both sides, alike but for the name of some, and mapped but for some.
    fn create_pair(&mut self, number: u64) -> (String, String) {
        let values = self.stripe_values(number);
        let stripe = self.world.sandbox.stripe_create_customer(&values);
        let mut theirs = json!({
            "customer_name": values["name"], "email": values["email"],
            "phone_number": values["phone"],
            "address": {"line1": values["address"]["line1"], "country_code": "FR"},
            "ship_to_address": {"line1": values["shipping"]["address"]["line1"],
                "country": "France"},
            "custom_data": custom_data(values["metadata"]["tier"].as_str().unwrap()),
            "tax_info": [tax_info(values["tax_ids"][0]["value"].as_str().unwrap())],
        });
        if self.random.between(0, 4) == 0 {
            theirs["customer_name"] = json!(format!("Another {number}"));
        }
        let zenskar = self.world.sandbox.zenskar_create_customer(&theirs).unwrap();
        if self.random.between(0, 4) > 0 {
            self.world.sandbox.map_customer(&zenskar, &stripe);
        }
        self.customers.push((stripe.clone(), zenskar.clone()));
        (stripe, zenskar)
    }

    /// A customer on both sides that is to be kept in step both ways.
    pub(crate) fn begin_pair(&mut self, number: u64) {
        let (stripe, zenskar) = self.create_pair(number);
        let (ours, theirs) = (self.stripe(&stripe), self.zenskar(&zenskar));
        let pair = (stripe.as_str(), zenskar.as_str());
        self.world.ledger().begin(pair, &ours, &theirs);
    }

    /// Customers on both sides, the first poll and the first scan.
    async fn begin(&mut self) {
        self.draw_switches();
        for number in 0..CUSTOMERS_MIN + self.random.between(0, 2) {
            let (stripe, zenskar) = self.create_pair(number);
            let (ours, theirs) = (self.stripe(&stripe), self.zenskar(&zenskar));
            self.reference(|reference| reference.begin(&zenskar, &ours, &theirs));
        }
        self.settle().await;
        // What happened before the connector was installed is not its business.
        self.world.polling_since = self.world.sandbox.clock().now();
        self.world.sandbox.clock().advance(1);
    }

    async fn operate(&mut self) {
        let operations = OPERATIONS_MIN + self.random.between(0, 20);
        let mut faults: Vec<u64> = (0..3 + self.random.between(0, 3))
            .map(|_| self.random.between(0, operations - 1))
            .collect();
        let crash = self.random.between(0, operations - 1);
        for operation in 0..operations {
            faults.retain(|at| {
                if *at == operation {
                    order_fault(&self.world, &self.random);
                }
                *at != operation
            });
            if operation == crash {
                self.order_crash();
            }
            self.operation().await;
            for _ in 0..self.random.between(0, 3) {
                self.tick().await;
            }
        }
        if self.world.crashes == 0 {
            self.world
                .process
                .disk
                .freeze(crate::crash_backend::Survive::Nothing);
            self.count("crash between steps");
            self.world.restart();
        }
    }

    pub(crate) fn order_crash(&mut self) {
        match self.random.between(0, 3) {
            0 => {
                let requests = self.random.between(0, 3);
                self.world
                    .crash_at_request(u32::try_from(requests).unwrap(), Cut::Before);
                self.count("crash before a request");
            }
            1 => {
                let requests = self.random.between(0, 3);
                self.world
                    .crash_at_request(u32::try_from(requests).unwrap(), Cut::After);
                self.count("crash before an answer");
            }
            _ => {
                self.world.crash_at_sync(1 + self.random.between(0, 12));
                self.count("crash at a sync");
            }
        }
    }

    /// Something happens in the world.
    async fn operation(&mut self) {
        match self.random.between(0, 99) {
            0..=37 => self.stripe_edit(),
            38..=39 => self.take_email(),
            40 => self.change_policy().await,
            41 => self.turn_key(),
            42..=43 => self.order_refusal(),
            44..=45 => self.rush(),
            46..=54 => self.zenskar_edit(),
            55..=58 => {
                // Two edits within one second.
                self.stripe_edit();
                self.stripe_edit();
            }
            59..=61 => {
                let (stripe, zenskar) = self.any_customer();
                self.world.sandbox.map_customer(&zenskar, &stripe);
            }
            62..=64 => self.resend(),
            65 => self.delete(),
            66..=80 => self.advance(1),
            81..=90 => self.advance(30),
            91..=96 => self.advance(300),
            97 => self.advance(7_200),
            98 => self.lose_a_month(),
            _ => {
                // A clean stop and start.
                self.world.restart();
                self.count("restart");
            }
        }
    }

    /// The daemon or Stripe's deliveries take one step, or two at once.
    pub(crate) async fn tick(&mut self) {
        if self.random.between(0, 3) == 0 {
            let (one, other) = self.draw_pair();
            match (one, other) {
                (Some(one), Some(other)) => {
                    self.count("two steps at once");
                    self.world.together(one, other).await;
                }
                (Some(act), None) | (None, Some(act)) => self.world.act(act).await,
                (None, None) => {}
            }
            return;
        }
        match self.random.between(0, 29) {
            0..=5 => self.deliver_due().await,
            6..=11 => self.world.act(Act::Sort).await,
            12..=17 => drop(self.look().await),
            18..=23 => drop(self.send().await),
            24..=25 => {
                if self.world.setup.polling {
                    let polls = [Act::Poll, Act::Hear];
                    self.world.act(polls[self.pick(2)].clone()).await;
                }
            }
            26..=28 => {
                self.world.act(Act::Scan).await;
                self.world.act(Act::Sweep).await;
            }
            _ => {
                if let Some(command) = self.draw_command() {
                    self.world.act(Act::Command(command)).await;
                }
            }
        }
    }

    /// Two steps that may go on at the same time, of one customer or of two.
    fn draw_pair(&mut self) -> (Option<Act>, Option<Act>) {
        let scan = Some(Act::Scan);
        match self.random.between(0, 7) {
            0 => (self.due_look(), self.due_send()),
            1 => {
                let send = self.due_send();
                let same = match &send {
                    Some(Act::Send(intent)) => Act::Look(Subject::Customer(intent.link.clone())),
                    _ => Act::Sort,
                };
                (Some(same), send)
            }
            2 => (self.due_send(), self.draw_command().map(Act::Command)),
            3 => (self.due_look(), self.draw_command().map(Act::Command)),
            4 if self.world.setup.polling => {
                let beside = [scan, Some(Act::Poll), self.due_look()];
                (Some(Act::Hear), beside[self.pick(3)].clone())
            }
            4 | 5 => (scan, self.due_look()),
            6 => (Some(Act::Sort), self.due_look()),
            _ => (self.due_look(), self.due_look()),
        }
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.world.sandbox.clock().advance(seconds);
    }

    /// Stripe forgets events that nobody read, and gives up delivering them.
    pub(crate) fn lose_a_month(&mut self) {
        if self.world.setup.polling && self.random.between(0, 3) == 0 {
            self.advance(31 * 86_400);
            self.gap = true;
            self.count("gap of a month");
        }
    }

    fn stripe_edit(&self) {
        let (stripe, zenskar) = self.any_customer();
        let number = self
            .customers
            .iter()
            .position(|(id, _)| *id == stripe)
            .unwrap();
        let values = self.stripe_values(u64::try_from(number).unwrap());
        let keys = [
            "name", "email", "phone", "address", "shipping", "metadata", "tax_ids",
        ];
        let key = keys[self.pick(7)];
        let mut patch = json!({ key: values[key] });
        if self.random.between(0, 3) == 0 {
            let key = ["name", "phone"][self.pick(2)];
            patch[key] = values[key].clone();
        }
        if self.random.between(0, 19) == 0 {
            patch["phone"] = json!("");
        }
        self.world.sandbox.stripe_update_customer(&stripe, &patch);
        let now = self.stripe(&stripe);
        self.reference(|reference| reference.stripe_edited(&zenskar, &now));
    }

    /// A person edits Zenskar.
    fn zenskar_edit(&mut self) {
        let (_, zenskar) = self.any_customer();
        let patch = self.person_patch();
        if self
            .world
            .sandbox
            .zenskar_update_customer(&zenskar, &patch)
            .is_ok()
        {
            let now = self.zenskar(&zenskar);
            let at = self.world.sandbox.clock().now();
            self.reference(|reference| reference.zenskar_edited(&zenskar, &now, at));
        }
    }

    pub(crate) fn resend(&mut self) {
        let events = self.world.sandbox.stripe_events();
        if !events.is_empty() {
            let event = &events[self.pick(events.len())];
            self.world
                .sandbox
                .resend_event(event["id"].as_str().unwrap());
            self.count("event sent again");
        }
    }

    pub(crate) fn delete(&mut self) {
        // Few, and never below the customers a run has at least.
        if self.random.between(0, 1) == 0 {
            let (stripe, _) = self.any_customer();
            self.world.sandbox.stripe_delete_customer(&stripe);
            self.count("deleted in Stripe");
        } else {
            let (_, zenskar) = self.any_customer();
            self.world.sandbox.zenskar_delete_customer(&zenskar);
            self.count("deleted in Zenskar");
        }
    }

    fn stripe_values(&self, number: u64) -> Json {
        let choice = self.random.between(0, CHOICES - 1);
        json!({
            "name": format!("Name {choice}"),
            "email": format!("Mail-{choice}-{number}@example.com"),
            "phone": format!("+33 1 {choice}"),
            "address": {"line1": format!("{choice} Rue de la Paix"), "country": "FR"},
            "shipping": {"name": "Jo",
                "address": {"line1": format!("{choice} Quai"), "country": "FR"}},
            "metadata": {"tier": format!("Tier {choice}")},
            "tax_ids": [{"type": "eu_vat", "value": format!("FR{choice}")}],
        })
    }

    pub(crate) fn any_customer(&self) -> (String, String) {
        self.customers[self.pick(self.customers.len())].clone()
    }

    pub(crate) fn pick(&self, of: usize) -> usize {
        let last = u64::try_from(of).unwrap() - 1;
        usize::try_from(self.random.between(0, last)).unwrap()
    }

    /// One of these, drawn; each with how often it is, of the sum of all.
    pub(crate) fn draw<T: Copy>(&self, of: &[(u64, T)]) -> T {
        let sum: u64 = of.iter().map(|(weight, _)| weight).sum();
        let mut drawn = self.random.between(0, sum - 1);
        for (weight, one) in of {
            match drawn.checked_sub(*weight) {
                Some(left) => drawn = left,
                None => return *one,
            }
        }
        unreachable!("what is drawn is below the sum")
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.report.fired.entry(what).or_default() += 1;
    }

    pub(crate) fn reference<T>(&self, then: impl FnOnce(&mut Reference) -> T) -> T {
        then(&mut self.world.reference.lock().unwrap())
    }

    pub(crate) fn stripe(&self, id: &str) -> BTreeMap<zenstripe::model::customer::Field, String> {
        let sandbox = &self.world.sandbox;
        stripe_fields(&sandbox.stripe_customer(id), &sandbox.stripe_tax_ids(id))
    }

    pub(crate) fn zenskar(&self, id: &str) -> BTreeMap<zenstripe::model::customer::Field, String> {
        zenskar_fields(&self.world.sandbox.zenskar_customer(id))
    }
}

/// `custom_data` with what the pair of metadata holds, and what stands beside it.
pub(crate) fn custom_data(level: &str) -> Json {
    json!({"level": level, "shipping_name": "Jo", "other": "kept"})
}

/// A tax id as Zenskar holds it.
pub(crate) fn tax_info(id: &str) -> Json {
    json!({"country_code": "EU", "tax_code": "VAT", "tax_id": id})
}

/// Orders one fault of the kinds that this world bears: where only webhooks bring events, Stripe
/// may not drop them for good.
pub(crate) fn order_fault(world: &World, random: &Random) {
    let limited = |reason: Option<&str>| FaultKind::TooManyRequests {
        reason: reason.map(str::to_owned),
        retry_after: None,
    };
    let zenskar = |kind| Fault::next(Remote::Zenskar, kind);
    let stripe = |kind| Fault::next(Remote::Stripe, kind);
    let secs = i64::try_from(random.between(10, 240)).unwrap();
    let fault = match random.between(0, 13) {
        0 | 1 => zenskar(FaultKind::LoseRequest).method("PATCH"),
        2 | 3 => zenskar(FaultKind::LoseResponse).method("PATCH"),
        4 => zenskar(FaultKind::LoseRequest),
        5 => zenskar(limited(None)).times(6),
        6 => stripe(limited(Some("endpoint-rate"))).times(6),
        7 => stripe(FaultKind::LockTimeout).prefix("/v1/customers"),
        8 => zenskar(FaultKind::ServerError {
            applied: random.between(0, 1) == 0,
        })
        .method("PATCH"),
        9 => zenskar(FaultKind::Unavailable).times(2),
        10 => stripe(FaultKind::DuplicateDelivery).times(3),
        11 => stripe(FaultKind::ReorderDelivery).times(2),
        12 => stripe(FaultKind::LateEvent { secs }).times(2),
        _ if world.setup.polling => stripe(FaultKind::DropDelivery).times(3),
        _ => stripe(FaultKind::DelayDelivery { secs }),
    };
    let _id = world.sandbox.order_fault(fault);
}

/// The name a fault is counted by; those that hit writes to Stripe have names of their own.
pub(crate) fn fault_name(fault: &Fault) -> &'static str {
    let posts = fault.remote == Remote::Stripe && fault.method.as_deref() == Some("POST");
    match &fault.kind {
        FaultKind::LoseRequest if posts => "Stripe: request lost",
        FaultKind::LoseResponse if posts => "Stripe: response lost",
        FaultKind::LockTimeout if posts => "Stripe: lock_timeout",
        FaultKind::Conflict if posts => "Stripe: 409",
        FaultKind::ServerError { applied: true } if posts => "Stripe: 500, applied",
        FaultKind::ServerError { applied: false } if posts => "Stripe: 500, not applied",
        FaultKind::LoseRequest => "request lost",
        FaultKind::LoseResponse => "response lost",
        FaultKind::TooManyRequests { .. } => "429",
        FaultKind::LockTimeout => "lock_timeout",
        FaultKind::Conflict => "409",
        FaultKind::ServerError { applied: true } => "500, applied",
        FaultKind::ServerError { applied: false } => "500, not applied",
        FaultKind::Unavailable => "503",
        FaultKind::Refuse { .. } => "refused",
        FaultKind::Delay { .. } => "delay",
        FaultKind::DropDelivery => "webhook dropped",
        FaultKind::DuplicateDelivery => "webhook twice",
        FaultKind::DelayDelivery { .. } => "webhook late",
        FaultKind::ReorderDelivery => "webhooks out of order",
        FaultKind::LateEvent { .. } => "event listed late",
        FaultKind::Gateway { .. } => "gateway answers",
    }
}
