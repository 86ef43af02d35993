//! Customers are made on the other side: people make, edit and delete customers on both sides while
//! everything fails and the operator's file changes.
//!
//! Whoever was made while that was switched on has a counterpart in the end, once, or is a
//! question for a person; nobody else is given one, and no counterpart gets one of its own.

mod checks;

use crate::act::Act;
use crate::crash_backend::Survive;
use crate::run::{Report, Run, order_fault};
use crate::values::tier;
use crate::wire::Make;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use zenstripe::model::customer::Field;
use zenstripe::model::id::{StripeCustomerId, ZenskarCustomerId};
use zenstripe::model::link::{Link, Side};
use zenstripe::model::time::Timestamp;
use zenstripe::model::work::Subject;
use zenstripe::sync::creation::Creates;
use zenstripe_sandbox::{Fault, FaultKind, Remote};

/// Operations of a run at least.
const OPERATIONS_MIN: u64 = 40;

/// What happens in the world.
#[derive(Clone, Copy, Debug)]
enum Operation {
    /// A person makes a customer on one side.
    Make(Side),
    /// A person makes one that Zenskar can't take, since it has no name.
    MakeNameless,
    /// A person makes one with an address that somebody has.
    MakeAlike(Side),
    /// A person makes a customer on both sides, before anybody else does.
    MakeBoth,
    /// A person edits whoever is there.
    Edit(Side),
    /// A person deletes whoever is there.
    Delete(Side),
    /// The operator's file says elsewhere where customers are made.
    Switch,
    /// A person has a plan written: who was there before is made.
    Apply,
    /// A remote refuses to make a customer, or something else.
    Refusal,
    /// The process stops and starts.
    Restart,
    /// Nothing happens for so long that everything comes to its end.
    Rest,
    /// Seconds go by.
    Wait(i64),
}

/// Each operation and how often it is drawn, of the sum of all.
const OPERATIONS: [(u64, Operation); 16] = [
    (12, Operation::Make(Side::Stripe)),
    (12, Operation::Make(Side::Zenskar)),
    (2, Operation::MakeNameless),
    (2, Operation::MakeAlike(Side::Stripe)),
    (2, Operation::MakeAlike(Side::Zenskar)),
    (3, Operation::MakeBoth),
    (6, Operation::Edit(Side::Stripe)),
    (6, Operation::Edit(Side::Zenskar)),
    (1, Operation::Delete(Side::Stripe)),
    (1, Operation::Delete(Side::Zenskar)),
    (4, Operation::Switch),
    (2, Operation::Apply),
    (4, Operation::Refusal),
    (1, Operation::Restart),
    (2, Operation::Rest),
    (30, Operation::Wait(20)),
];

/// What must have happened over all seeds, besides the faults.
pub(crate) const FAULTS: [&str; 12] = [
    "made in Stripe",
    "made in Zenskar",
    "made by order",
    "made in spite of a lost answer",
    "left to a person",
    "not made twice on both sides",
    "Stripe: making lost",
    "Stripe: answer to making lost",
    "Zenskar: making lost",
    "Zenskar: answer to making lost",
    "making refused",
    "making switched off",
];

/// What must have become of a customer that a person made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// It has a counterpart.
    Made,
    /// It has none that we made.
    Not,
    /// Nobody can say: what it was made under ceased to hold, or somebody may be its counterpart.
    Either,
}

/// A customer that a person made.
#[derive(Clone, Debug)]
struct Source {
    side: Side,
    id: String,
    expected: Expected,
}

impl Source {
    fn subject(&self) -> Subject {
        match self.side {
            Side::Stripe => Subject::Customer(StripeCustomerId::parse(&self.id).unwrap()),
            Side::Zenskar => Subject::Unlinked(ZenskarCustomerId::parse(&self.id).unwrap()),
        }
    }
}

/// A run in which customers are made.
struct Making {
    run: Run,
    sources: Vec<Source>,
    /// Whom a person edited.
    edited: BTreeSet<(Side, String)>,
    /// Requests to make a customer whose answers are to be lost.
    lost: bool,
}

/// Runs a seed to its end and asks the questions; `Err` says what is wrong.
pub(crate) fn run(seed: u64) -> Result<Report, String> {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async {
            let mut making = Making {
                run: Run::two_way(seed).await,
                sources: Vec::new(),
                edited: BTreeSet::new(),
                lost: false,
            };
            making.begin().await;
            making.operate().await;
            making.finish().await
        })
}

impl Making {
    async fn begin(&mut self) {
        self.run.draw_switches();
        let told = self.run.random.between(0, 4) > 0;
        self.run
            .world
            .sandbox
            .switch(|switches| switches.zenskar.null_for_unmapped = told);
        for number in 0..2 {
            self.run.begin_pair(number);
        }
        // Where nothing maps them to each other, each may be given a counterpart by order.
        for (stripe, zenskar) in self.run.customers.clone() {
            for (side, id) in [(Side::Stripe, stripe), (Side::Zenskar, zenskar)] {
                let expected = Expected::Either;
                self.sources.push(Source { side, id, expected });
            }
        }
        // These are older than anything that is switched on.
        self.make(Side::Stripe);
        self.make(Side::Zenskar);
        self.switch().await;
        self.rest().await;
        let now = self.run.world.sandbox.clock().now();
        self.run.world.polling_since = now;
        self.run.advance(5);
    }

    async fn operate(&mut self) {
        let operations = OPERATIONS_MIN + self.run.random.between(0, 20);
        let crash = self.run.random.between(0, operations - 1);
        let faults: Vec<u64> = (0..4 + self.run.random.between(0, 4))
            .map(|_| self.run.random.between(0, operations - 1))
            .collect();
        for operation in 0..operations {
            for _ in faults.iter().filter(|at| **at == operation) {
                self.order_fault();
            }
            if operation == crash {
                self.run.order_crash();
            }
            self.happen(self.run.draw(&OPERATIONS)).await;
            for _ in 0..self.run.random.between(0, 4) {
                self.tick().await;
            }
        }
        if self.run.world.crashes == 0 {
            self.run.world.process.disk.freeze(Survive::Nothing);
            self.run.world.restart();
        }
    }

    async fn happen(&mut self, operation: Operation) {
        match operation {
            Operation::Make(side) => self.make(side),
            Operation::MakeNameless => {
                let fields = self.fields(Side::Stripe, "name", Json::Null);
                self.add(Side::Stripe, &fields, Some(Expected::Either));
            }
            Operation::MakeAlike(side) => {
                let taken = self.any_email();
                for number in 0..self.sources.len() {
                    let Source { side, id, .. } = self.sources[number].clone();
                    if self.email(side, &id) == taken {
                        self.sources[number].expected = Expected::Either;
                    }
                }
                let fields = self.fields(side, "email", json!(taken));
                self.add(side, &fields, Some(Expected::Either));
            }
            Operation::MakeBoth => self.make_both(),
            Operation::Edit(side) => self.edit(side),
            Operation::Delete(side) => self.delete(side),
            Operation::Switch => self.switch().await,
            Operation::Apply => {
                for source in &mut self.sources {
                    if source.expected == Expected::Not {
                        source.expected = Expected::Either;
                    }
                }
                self.run.apply().await;
            }
            Operation::Refusal => self.order_refusal(),
            Operation::Restart => {
                self.run.world.restart();
                self.run.count("restart");
            }
            Operation::Rest => self.rest().await,
            Operation::Wait(seconds) => self.run.advance(seconds),
        }
    }

    /// One step of the daemon: at times of a creation, alone or beside another step.
    async fn tick(&mut self) {
        self.tell_time().await;
        let create = match self.run.random.between(0, 3) {
            0 | 1 => self.run.due_creation(),
            _ => None,
        };
        let Some(create) = create else {
            self.run.tick().await;
            return;
        };
        let beside = match self.run.random.between(0, 5) {
            0 => self.run.due_look(),
            1 => self.run.due_send(),
            2 => Some(Act::Scan),
            3 => Some(Act::Sort),
            _ => None,
        };
        match beside {
            Some(other) => self.run.world.together(create, other).await,
            None => self.run.world.act(create).await,
        }
    }

    /// What the daemon does before it looks for creations.
    async fn tell_time(&mut self) {
        let told = async |engine: &zenstripe::engine::Engine| engine.time_creating().await;
        let _told = self.run.world.step(told).await;
    }

    fn make(&mut self, side: Side) {
        let fields = self.fields(side, "", Json::Null);
        self.add(side, &fields, None);
    }

    /// A new customer's fields, as a side has them, with `value` for one of them.
    fn fields(&mut self, side: Side, key: &str, value: Json) -> Json {
        let [name, email, phone, street] =
            [Field::Name, Field::Email, Field::Phone, Field::Address]
                .map(|field| self.run.new_value(field));
        let level = self.run.new_value(tier());
        let mut fields = match side {
            Side::Stripe => json!({ "name": name, "email": email, "phone": phone,
                "address": {"line1": street, "country": "FR"}, "metadata": {"tier": level} }),
            Side::Zenskar => json!({ "customer_name": name, "email": email, "phone_number": phone,
                "address": {"line1": street, "country_code": "FR"},
                "custom_data": {"level": level} }),
        };
        if !key.is_empty() {
            fields[key] = value;
        }
        fields
    }

    /// A person makes this customer, which is refused where the address is taken.
    fn add(&mut self, side: Side, fields: &Json, expected: Option<Expected>) -> Option<String> {
        let sandbox = &self.run.world.sandbox;
        let id = match side {
            Side::Stripe => Some(sandbox.stripe_create_customer(fields)),
            Side::Zenskar => sandbox.zenskar_create_customer(fields).ok(),
        }?;
        let expected = expected.unwrap_or_else(|| self.expected_now(side));
        self.sources.push(Source {
            side,
            id: id.clone(),
            expected,
        });
        Some(id)
    }

    /// What must become of a customer that a person makes on `side` now.
    fn expected_now(&self, side: Side) -> Expected {
        let world = &self.run.world;
        let read = world.process.engine.store.read().unwrap();
        let now = Timestamp::from_seconds(world.sandbox.clock().now());
        let Some(since) = read.switched().unwrap().on(side.other()) else {
            return Expected::Not;
        };
        if since.source.is_none_or(|since| now <= since) {
            return Expected::Either;
        }
        Expected::Made
    }

    /// A person knows both systems: the one in Zenskar names the one in Stripe.
    fn make_both(&mut self) {
        let ours = self.fields(Side::Stripe, "", Json::Null);
        let either = Some(Expected::Either);
        let Some(stripe) = self.add(Side::Stripe, &ours, either) else {
            return;
        };
        let theirs = self.fields(Side::Zenskar, "external_id", json!(stripe));
        let zenskar = self.add(Side::Zenskar, &theirs, either);
        if let Some(zenskar) = zenskar.filter(|_| self.run.random.between(0, 1) == 0) {
            self.run.world.sandbox.map_customer(&zenskar, &stripe);
        }
    }

    fn any(&self, side: Side) -> Option<String> {
        let sandbox = &self.run.world.sandbox;
        let mut ids = match side {
            Side::Stripe => sandbox.stripe_customer_ids(),
            Side::Zenskar => sandbox.zenskar_customer_ids(),
        };
        ids.retain(|id| self.is_there(side, id));
        (!ids.is_empty()).then(|| ids[self.run.pick(ids.len())].clone())
    }

    fn is_there(&self, side: Side, id: &str) -> bool {
        let sandbox = &self.run.world.sandbox;
        match side {
            Side::Stripe => {
                let customer = sandbox.stripe_customer(id);
                !customer.is_null() && customer["deleted"] != true
            }
            Side::Zenskar => !sandbox.zenskar_customer(id).is_null(),
        }
    }

    fn any_email(&self) -> String {
        let side = [Side::Stripe, Side::Zenskar][self.run.pick(2)];
        let id = self.any(side);
        id.map_or_else(String::new, |id| self.email(side, &id))
    }

    fn email(&self, side: Side, id: &str) -> String {
        let customer = match side {
            Side::Stripe => self.run.world.sandbox.stripe_customer(id),
            Side::Zenskar => self.run.world.sandbox.zenskar_customer(id),
        };
        customer["email"].as_str().unwrap_or_default().to_owned()
    }

    fn edit(&mut self, side: Side) {
        let Some(id) = self.any(side) else { return };
        let field = [Field::Name, Field::Email, Field::Phone, tier()][self.run.pick(4)];
        let value = self.run.new_value(field);
        let patch = crate::both::patch(side, field, &value);
        let sandbox = &self.run.world.sandbox;
        let saved = match side {
            Side::Stripe => sandbox.stripe_update_customer(&id, &patch),
            Side::Zenskar => sandbox.zenskar_update_customer(&id, &patch).is_ok(),
        };
        if saved {
            self.edited.insert((side, id));
        }
    }

    fn delete(&mut self, side: Side) {
        let Some(id) = self.any(side) else { return };
        let sandbox = &self.run.world.sandbox;
        match side {
            Side::Stripe => drop(sandbox.stripe_delete_customer(&id)),
            Side::Zenskar => drop(sandbox.zenskar_delete_customer(&id)),
        }
        let made = self.makes().into_iter().find(|make| make.id == id);
        for source in &mut self.sources {
            let is_source_of = made.as_ref().is_some_and(|made| made.source == source.id);
            if source.id == id || is_source_of {
                source.expected = Expected::Either;
            }
        }
        self.run.count(match side {
            Side::Stripe => "deleted in Stripe",
            Side::Zenskar => "deleted in Zenskar",
        });
    }

    /// The operator's file says, drawn, where customers are made.
    async fn switch(&mut self) {
        let creates = match self.run.random.between(0, 5) {
            0 => Creates::default(),
            1 => creates(true, false),
            2 => creates(false, true),
            _ => creates(true, true),
        };
        // Stripe says seconds: within the second of a switch nobody can tell before from after.
        self.run.advance(2);
        let before = self.run.world.creates();
        self.run.world.set_creates(creates).await;
        self.tell_time().await;
        self.run.advance(3);
        for target in [Side::Stripe, Side::Zenskar] {
            if before.allows(target) && !creates.allows(target) {
                self.run.count("making switched off");
                for source in &mut self.sources {
                    if source.side != target && source.expected == Expected::Made {
                        source.expected = Expected::Either;
                    }
                }
            }
        }
    }

    fn order_fault(&mut self) {
        let stripe = |kind| Fault::next(Remote::Stripe, kind).method("POST");
        let stripe = |kind| stripe(kind).prefix("/v1/customers");
        let zenskar = |kind| Fault::next(Remote::Zenskar, kind).method("POST");
        let applied = FaultKind::ServerError { applied: true };
        let (fault, name) = match self.run.random.between(0, 8) {
            0 => (stripe(FaultKind::LoseRequest), "Stripe: making lost"),
            1 => (
                stripe(FaultKind::LoseResponse),
                "Stripe: answer to making lost",
            ),
            2 => (stripe(applied), "Stripe: answer to making lost"),
            3 => (zenskar(FaultKind::LoseRequest), "Zenskar: making lost"),
            4 => (
                zenskar(FaultKind::LoseResponse),
                "Zenskar: answer to making lost",
            ),
            5 => (zenskar(applied), "Zenskar: answer to making lost"),
            _ => return order_fault(&self.run.world, &self.run.random),
        };
        self.lost |= name.contains("answer");
        let _id = self.run.world.sandbox.order_fault(fault);
        self.run.count(name);
    }

    fn order_refusal(&mut self) {
        let refuse = FaultKind::Refuse { status: 400 };
        let fault = match self.run.random.between(0, 3) {
            0 => Fault::next(Remote::Stripe, refuse).prefix("/v1/customers"),
            1 => Fault::next(Remote::Zenskar, refuse),
            _ => return self.run.order_refusal(),
        };
        let _id = self.run.world.sandbox.order_fault(fault.method("POST"));
        self.run.count("making refused");
    }

    /// Everything comes to its end.
    async fn rest(&mut self) {
        self.run.calm_down();
        self.tell_time().await;
        self.run.settle().await;
    }

    fn makes(&self) -> Vec<Make> {
        self.run.world.makes.lock().unwrap().clone()
    }

    async fn finish(mut self) -> Result<Report, String> {
        self.rest().await;
        self.run.scan_all().await;
        let links = {
            let read = self.run.world.process.engine.store.read().unwrap();
            read.links(None, usize::MAX).unwrap()
        };
        let pair = |link: &Link| {
            (
                link.stripe.as_str().to_owned(),
                link.zenskar.as_str().to_owned(),
            )
        };
        self.run.customers = links.iter().map(pair).collect();
        let mut wrong = self.made_wrongly();
        wrong.extend(self.not_made(&links));
        wrong.extend(links.iter().flat_map(|link| self.unequal(link)));
        wrong.extend(self.under_way());
        wrong.extend(self.run.unrest());
        wrong.extend(self.run.lost_events());
        wrong.extend(self.run.planned_again().await);
        self.run.count_fired();
        self.run.report.journal = self.run.world.journal();
        if wrong.is_empty() {
            return Ok(self.run.report);
        }
        let seed = self.run.world.setup.seed;
        Err(format!("seed {seed}: {}", wrong.join("; ")))
    }
}

const fn creates(stripe: bool, zenskar: bool) -> Creates {
    Creates { stripe, zenskar }
}
