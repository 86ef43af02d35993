//! Two-way sync: people edit both sides, and no edit is lost in silence.
//!
//! Every edit has a value that nobody used before, so that each value on either side tells whose it
//! is and how it came there. The engine may carry a value to the other side, once; it may write over
//! a value only if that was agreed, or carried, or superseded by whoever made it. When all is quiet
//! both sides hold the same, or the store shows what each holds.

use crate::act::Act;
use crate::crash_backend::Survive;
use crate::quiet::text;
use crate::run::{Run, order_fault};
use crate::values::{drawn, stripe_fields, tier, zenskar_fields};
use crate::world::World;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use zenstripe::engine::command::Command;
use zenstripe::model::customer::Field;
use zenstripe::model::difference::Held;
use zenstripe::model::id::StripeCustomerId;
use zenstripe::model::link::{LinkState, Side};

/// One field of one customer.
#[derive(Clone, Debug, Default)]
struct Story {
    /// Values that both sides were seen to hold, or held at the same time: no loss to write over.
    agreed: BTreeSet<String>,
    /// Values that the engine carried, and where to.
    carried: BTreeMap<String, Side>,
    /// Who wrote what, in order.
    log: Vec<String>,
    /// Which sides people edited since both last held the same.
    edited: BTreeSet<Side>,
    /// Whether the engine does not know of a write of its own whether it was made, since then.
    unsure: bool,
}

impl Story {
    /// Whether a person wrote what this side holds.
    fn is_a_persons(&self, side: Side) -> bool {
        let person = format!("person in {side}: ");
        let engine = format!("engine in {side}: ");
        let mut lines = self.log.iter().rev();
        let last = lines.find(|line| line.starts_with(&person) || line.starts_with(&engine));
        last.is_some_and(|line| line.starts_with(&person))
    }
}

/// What people and the engine did to both sides.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By Stripe's id and field.
    stories: BTreeMap<(String, Field), Story>,
    /// Zenskar's ids to Stripe's.
    pairs: BTreeMap<String, String>,
    wrong: Vec<String>,
    /// Writes of the engine's that changed something.
    pub(crate) written: u64,
}

type Values = BTreeMap<Field, String>;

impl Ledger {
    /// Customers as they are at the start.
    pub(crate) fn begin(
        &mut self,
        (stripe, zenskar): (&str, &str),
        ours: &Values,
        theirs: &Values,
    ) {
        self.pairs.insert(zenskar.to_owned(), stripe.to_owned());
        for (field, value) in ours {
            let story = self.stories.entry((stripe.to_owned(), *field)).or_default();
            if theirs[field] == *value {
                story.agreed.insert(value.clone());
            }
        }
    }

    /// The other side's id of a customer.
    pub(crate) fn other(&self, side: Side, id: &str) -> Option<String> {
        let mut pairs = self.pairs.iter();
        match side {
            Side::Zenskar => self.pairs.get(id).cloned(),
            Side::Stripe => pairs
                .find(|(_, stripe)| *stripe == id)
                .map(|(zenskar, _)| zenskar.clone()),
        }
    }

    fn stripe_id(&self, side: Side, id: &str) -> Option<String> {
        match side {
            Side::Stripe => Some(id.to_owned()),
            Side::Zenskar => self.pairs.get(id).cloned(),
        }
    }

    /// The process died: what it had not yet kept of its own writes it does not know.
    pub(crate) fn crashed(&mut self) {
        for story in self.stories.values_mut() {
            story.unsure |= !story.carried.is_empty();
        }
    }

    /// A person edited one side.
    pub(crate) fn edited(&mut self, side: Side, id: &str, field: Field, value: &str) {
        let Some(stripe) = self.stripe_id(side, id) else {
            return;
        };
        let story = self.stories.entry((stripe, field)).or_default();
        story.log.push(format!("person in {side}: {value}"));
        story.edited.insert(side);
    }

    /// A request of the engine's reached one side; `answered` is whether its answer came back.
    pub(crate) fn engine_wrote(
        &mut self,
        (side, id): (Side, &str),
        (before, after, other): (&Values, &Values, &Values),
        answered: bool,
    ) {
        let Some(stripe) = self.stripe_id(side, id) else {
            return;
        };
        for (field, value) in after {
            let Some(story) = self.stories.get_mut(&(stripe.clone(), *field)) else {
                continue;
            };
            story.unsure |= !answered;
            let over = &before[field];
            if over == value {
                continue;
            }
            self.written += 1;
            story.log.push(format!("engine in {side}: {value}"));
            let fault = if story.carried.insert(value.clone(), side).is_some() {
                Some("carried a value twice")
            } else if other[field] != *value && !story.log.iter().any(|line| line.ends_with(value))
            {
                Some("wrote what nobody wrote")
            } else if !over.is_empty()
                && !story.agreed.contains(over)
                && !story.carried.contains_key(over)
            {
                Some("wrote over an edit that is nowhere else")
            } else {
                None
            };
            if other[field] == *value {
                story.agreed.insert(value.clone());
                story.edited.clear();
                story.unsure = !answered;
            }
            if let Some(fault) = fault {
                let history = story.log.join(", ");
                self.wrong
                    .push(format!("{stripe} {field}: {fault} ({history})"));
            }
        }
    }

    /// Whether a field may differ when all is quiet.
    fn may_differ(&self, stripe: &str, field: Field, why: Held) -> bool {
        let Some(story) = self.stories.get(&(stripe.to_owned(), field)) else {
            return false;
        };
        match why {
            // What the engine carried itself is no edit.
            Held::Conflict => {
                let edits = [Side::Stripe, Side::Zenskar].map(|side| story.is_a_persons(side));
                edits == [true, true] && (story.edited.len() == 2 || story.unsure)
            }
            // Without an agreed value nobody knows who changed.
            Held::NoBase => story.agreed.is_empty() || story.carried.is_empty(),
            Held::Drift | Held::WouldBlank | Held::NotTaken | Held::Refused | Held::Nested => false,
        }
    }
}

pub(crate) fn run(seed: u64) -> Result<(), String> {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(story(seed))
}

async fn story(seed: u64) -> Result<(), String> {
    let mut run = Run::two_way(seed).await;
    for number in 0..5 {
        run.begin_pair(number);
    }
    run.settle().await;
    run.world.polling_since = run.world.sandbox.clock().now();
    run.world.sandbox.clock().advance(5);
    let mut edit = 0;
    let operations = 40 + run.random.between(0, 20);
    let crash = run.random.between(0, operations - 1);
    let faults: Vec<u64> = (0..3 + run.random.between(0, 3))
        .map(|_| run.random.between(0, operations - 1))
        .collect();
    for operation in 0..operations {
        for _ in faults.iter().filter(|at| **at == operation) {
            order_fault(&run.world, &run.random);
        }
        if operation == crash {
            run.order_crash();
        }
        match run.random.between(0, 9) {
            0..=2 => person(&run, Side::Stripe, &mut edit),
            3..=5 => person(&run, Side::Zenskar, &mut edit),
            6 => run.advance(1),
            7 => run.advance(30),
            8 => run.advance(300),
            _ => run.world.restart(),
        }
        for _ in 0..run.random.between(0, 4) {
            step(&mut run).await;
        }
    }
    finish(run, edit).await
}

/// A person changes one field of one customer to a value that nobody used before.
fn person(run: &Run, side: Side, edit: &mut u64) {
    *edit += 1;
    let (stripe, zenskar) = run.any_customer();
    let fields = [
        Field::Name,
        Field::Email,
        Field::Phone,
        Field::Address,
        Field::ShippingAddress,
        tier(),
    ];
    let field = fields[run.pick(fields.len())];
    let value = match field {
        Field::Email => format!("mail-{edit}@example.com"),
        Field::Phone => format!("+33 {edit}"),
        _ => format!("{field} {edit}"),
    };
    let (ours, theirs): (Json, Json) = match field {
        Field::Name => (json!({ "name": value }), json!({ "customer_name": value })),
        Field::Email => (json!({ "email": value }), json!({ "email": value })),
        Field::Phone => (json!({ "phone": value }), json!({ "phone_number": value })),
        Field::Address => (
            json!({ "address": { "line1": value, "country": "FR" } }),
            json!({ "address": { "line1": value, "country_code": "FR" } }),
        ),
        Field::ShippingAddress => (
            json!({ "shipping": {
                "name": "Whoever", "address": { "line1": value, "country": "FR" }
            } }),
            json!({ "ship_to_address": { "line1": value, "country_code": "FR" } }),
        ),
        _ => (
            json!({ "metadata": { "tier": value } }),
            json!({ "custom_data": { "level": value } }),
        ),
    };
    let (patch, id) = match side {
        Side::Stripe => (ours, &stripe),
        Side::Zenskar => (theirs, &zenskar),
    };
    match side {
        Side::Stripe => assert!(run.world.sandbox.stripe_update_customer(id, &patch)),
        Side::Zenskar => {
            let edited = run.world.sandbox.zenskar_update_customer(id, &patch);
            edited.unwrap();
        }
    }
    run.world.ledger().edited(side, id, field, &value);
}

async fn step(run: &mut Run) {
    match run.random.between(0, 9) {
        0 | 1 => run.deliver_due().await,
        2 => run.world.act(Act::Sort).await,
        3 | 4 => drop(run.look().await),
        5 | 6 => drop(run.send().await),
        7 if run.world.setup.polling => run.world.act(Act::Poll).await,
        8 => {
            let who = "person".to_owned();
            run.world.act(Act::Command(Command::Scan { who })).await;
        }
        _ => run.world.act(Act::Scan).await,
    }
}

async fn finish(mut run: Run, edits: u64) -> Result<(), String> {
    if run.world.crashes == 0 {
        run.world.process.disk.freeze(Survive::Nothing);
        run.world.restart();
    }
    run.world.sandbox.clear_faults();
    run.settle().await;
    let who = "simulation".to_owned();
    while run
        .world
        .process
        .engine
        .command(Command::Scan { who: who.clone() })
        .await
        .is_err()
    {
        run.world.restart();
    }
    run.settle().await;
    let mut wrong = run.world.ledger().wrong.clone();
    for (stripe, zenskar) in run.customers.clone() {
        wrong.extend(unequal(&run.world, &stripe, &zenskar));
    }
    let written = run.world.ledger().written;
    if written > edits {
        wrong.push(format!("{edits} edits, and {written} writes: an echo"));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        let seed = run.world.setup.seed;
        Err(format!("seed {seed}: {}", wrong.join("; ")))
    }
}

fn unequal(world: &World, stripe: &str, zenskar: &str) -> Vec<String> {
    let id = StripeCustomerId::parse(stripe).unwrap();
    let read = world.process.engine.store.read().unwrap();
    let link = read.link(&id).unwrap();
    if link.as_ref().map(|link| link.state) != Some(LinkState::Active) {
        return vec![format!("{stripe} is not linked: {link:?}")];
    }
    let shown = read.differences(&id).unwrap();
    let sandbox = &world.sandbox;
    let ours = stripe_fields(
        &sandbox.stripe_customer(stripe),
        &sandbox.stripe_tax_ids(stripe),
    );
    let theirs = zenskar_fields(&world.sandbox.zenskar_customer(zenskar));
    let mut wrong = Vec::new();
    for field in drawn() {
        let one = shown.iter().find(|one| one.field == field);
        let (ours, theirs) = (&ours[&field], &theirs[&field]);
        let ledger = world.ledger();
        let history = ledger
            .stories
            .get(&(stripe.to_owned(), field))
            .map(|story| story.log.join(", "))
            .unwrap_or_default();
        let fault = match one {
            None if ours != theirs => Some("differs and nothing shows it".to_owned()),
            Some(_) if ours == theirs => Some("is equal and shown as a difference".to_owned()),
            Some(one)
                if (text(&one.stripe), text(&one.zenskar)) != (ours.as_str(), theirs.as_str()) =>
            {
                Some(format!(
                    "is shown as {:?} and {:?}",
                    one.stripe, one.zenskar
                ))
            }
            Some(one) if !ledger.may_differ(stripe, field, one.why) => {
                Some(format!("should be equal ({})", one.why))
            }
            _ => None,
        };
        wrong.extend(
            fault.map(|fault| format!("{stripe} {field}: {ours:?} {theirs:?} {fault} ({history})")),
        );
    }
    wrong
}

/// Every edit ends on both sides, or in a question; none is written over unseen.
#[test]
fn two_way_seeds_converge_and_lose_no_edit() {
    let _held = crate::seeds::without_mutants();
    let (failures, _) = crate::seeds::each_fourth_seed(run);
    assert!(
        failures.is_empty(),
        "{} fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
