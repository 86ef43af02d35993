//! Two-way sync: people edit both sides while everything fails, the operator's file changes and
//! the process dies, and no edit is lost in silence.
//!
//! Nearly every edit has a value that nobody used before, so that each value on either side tells
//! whose it is and how it came there. What must be true then is in [`crate::ledger`].

use crate::crash_backend::Survive;
use crate::ledger::agreed;
use crate::quiet::{KEPT_SECONDS, text};
use crate::run::{Report, Run, custom_data, order_fault, tax_info};
use crate::values::drawn;
use serde_json::{Value as Json, json};
use zenstripe::model::customer::Field;
use zenstripe::model::difference::{Difference, Held};
use zenstripe::model::id::StripeCustomerId;
use zenstripe::model::link::{LinkState, Side};
use zenstripe::sync::policy::Direction;
use zenstripe_sandbox::{Fault, FaultKind, Remote};

/// Customers of a run at least.
const CUSTOMERS_MIN: u64 = 5;

/// Operations of a run at least.
const OPERATIONS_MIN: u64 = 40;

/// What happens in the world.
#[derive(Clone, Copy, Debug)]
enum Operation {
    /// A person edits one side.
    Edit(Side),
    /// A person edits one side twice within a second.
    EditTwice(Side),
    /// People edit one field on both sides at once.
    EditBoth,
    /// People write the same on both sides.
    EditAlike,
    /// A person empties a field.
    Blank(Side),
    /// A person saves right before the next write to this side arrives.
    Rush(Side),
    /// Stripe's customer gets an address that another customer of Zenskar has.
    TakeEmail,
    /// A person decides what becomes of a field that differs.
    Resolve,
    /// A person has a plan written.
    Apply,
    /// A person takes a run back.
    Undo,
    /// The operator's file changes.
    Reload,
    /// Stripe's key is refused from now on, or accepted again.
    Key,
    /// One of the remotes refuses something.
    Refusal,
    /// Somebody links two customers in Zenskar's own screens.
    Map,
    /// An operator has Stripe send an event again.
    Resend,
    /// A customer is deleted on one side.
    Delete,
    /// Stripe forgets events that nobody read.
    LoseMonth,
    /// The process stops and starts.
    Restart,
    /// Nothing happens for so long that everything comes to its end.
    Rest,
    /// Seconds go by.
    Wait(i64),
}

/// Each operation and how often it is drawn, of the sum of all.
const OPERATIONS: [(u64, Operation); 25] = [
    (22, Operation::Edit(Side::Stripe)),
    (22, Operation::Edit(Side::Zenskar)),
    (3, Operation::EditTwice(Side::Stripe)),
    (3, Operation::EditTwice(Side::Zenskar)),
    (5, Operation::EditBoth),
    (2, Operation::EditAlike),
    (1, Operation::Blank(Side::Stripe)),
    (1, Operation::Blank(Side::Zenskar)),
    (2, Operation::Rush(Side::Stripe)),
    (2, Operation::Rush(Side::Zenskar)),
    (2, Operation::TakeEmail),
    (6, Operation::Resolve),
    (2, Operation::Apply),
    (2, Operation::Undo),
    (3, Operation::Reload),
    (1, Operation::Key),
    (2, Operation::Refusal),
    (1, Operation::Map),
    (2, Operation::Resend),
    (1, Operation::Delete),
    (1, Operation::LoseMonth),
    (1, Operation::Restart),
    (1, Operation::Rest),
    (14, Operation::Wait(1)),
    (14, Operation::Wait(60)),
];

/// Faults and deeds, besides those of one-way sync, that must have happened over all seeds.
pub(crate) const FAULTS: [&str; 28] = [
    "edit on both sides",
    "the same edit on both sides",
    "blanked",
    "both ways",
    "import only",
    "export only",
    "rule: ask",
    "rule: stripe",
    "rule: zenskar",
    "rule: newest",
    "rule of a field",
    "blanks allowed",
    "edit that no look could show",
    "conflict decided by rule",
    "resolved with a side",
    "resolved with a typed value",
    "plan applied",
    "run undone",
    "decision carried out",
    "decision overtaken",
    "undoing carried out",
    "rest",
    "Stripe: request lost",
    "Stripe: response lost",
    "Stripe: 409",
    "Stripe: lock_timeout",
    "Stripe: 500, applied",
    "Stripe: 500, not applied",
];

/// Runs a seed to its end and asks the questions; `Err` says what is wrong.
pub(crate) fn run(seed: u64) -> Result<Report, String> {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async {
            let mut run = Run::two_way(seed).await;
            run.begin_both().await;
            run.operate_both().await;
            run.finish_both().await
        })
}

impl Run {
    async fn begin_both(&mut self) {
        self.draw_switches();
        for number in 0..CUSTOMERS_MIN + self.random.between(0, 2) {
            self.begin_pair(number);
        }
        self.reload().await;
        self.rest().await;
        // What happened before the connector was installed is not its business.
        self.world.polling_since = self.world.sandbox.clock().now();
        self.world.sandbox.clock().advance(5);
    }

    async fn operate_both(&mut self) {
        let operations = OPERATIONS_MIN + self.random.between(0, 20);
        let crash = self.random.between(0, operations - 1);
        let faults: Vec<u64> = (0..3 + self.random.between(0, 3))
            .map(|_| self.random.between(0, operations - 1))
            .collect();
        for operation in 0..operations {
            for _ in faults.iter().filter(|at| **at == operation) {
                self.order_fault_both();
            }
            if operation == crash {
                self.order_crash();
            }
            self.happen(self.draw(&OPERATIONS)).await;
            for _ in 0..self.random.between(0, 4) {
                self.tick().await;
            }
        }
        if self.world.crashes == 0 {
            self.world.process.disk.freeze(Survive::Nothing);
            self.world.restart();
        }
    }

    async fn happen(&mut self, operation: Operation) {
        match operation {
            Operation::Edit(side) => self.person_edits(side),
            Operation::EditTwice(side) => {
                self.person_edits(side);
                self.person_edits(side);
            }
            Operation::EditBoth => {
                let (pair, field) = (self.any_customer(), self.any_field());
                for side in [Side::Stripe, Side::Zenskar] {
                    let value = self.new_value(field);
                    self.save(side, &pair, &patch(side, field, &value));
                }
                self.count("edit on both sides");
            }
            Operation::EditAlike => {
                let (pair, field) = (self.any_customer(), self.any_field());
                let value = self.new_value(field);
                for side in [Side::Stripe, Side::Zenskar] {
                    self.save(side, &pair, &patch(side, field, &value));
                }
                self.count("the same edit on both sides");
            }
            Operation::Blank(side) => {
                let pair = self.any_customer();
                self.save(side, &pair, &patch(side, Field::Phone, ""));
                self.count("blanked");
            }
            Operation::Rush(side) => {
                let field = self.any_field();
                let value = self.new_value(field);
                self.world.rush(side, patch(side, field, &value));
                self.count("edit before a write");
            }
            Operation::TakeEmail => self.take_email(),
            Operation::Resolve => self.resolve().await,
            Operation::Apply => self.apply().await,
            Operation::Undo => self.undo().await,
            Operation::Reload => self.reload().await,
            Operation::Key => self.turn_key(),
            Operation::Refusal => self.order_refusal(),
            Operation::Map => {
                let (stripe, zenskar) = self.any_customer();
                self.world.sandbox.map_customer(&zenskar, &stripe);
            }
            Operation::Resend => self.resend(),
            Operation::Delete => self.delete(),
            Operation::LoseMonth => self.lose_a_month(),
            Operation::Restart => {
                self.world.restart();
                self.count("restart");
            }
            Operation::Rest => {
                self.rest().await;
                self.count("rest");
            }
            Operation::Wait(seconds) => self.advance(seconds),
        }
    }

    /// A fault of either suite, or one of a write to Stripe.
    fn order_fault_both(&self) {
        let stripe = |kind| Fault::next(Remote::Stripe, kind).method("POST");
        let kind = match self.random.between(0, 11) {
            0 => FaultKind::LoseRequest,
            1 => FaultKind::LoseResponse,
            2 => FaultKind::Conflict,
            3 => FaultKind::LockTimeout,
            4 => FaultKind::ServerError { applied: true },
            5 => FaultKind::ServerError { applied: false },
            _ => return order_fault(&self.world, &self.random),
        };
        let _id = self.world.sandbox.order_fault(stripe(kind));
    }

    fn any_field(&self) -> Field {
        drawn()[self.pick(drawn().len())]
    }

    /// A value that nobody used before.
    pub(crate) fn new_value(&mut self, field: Field) -> String {
        self.edits += 1;
        let edit = self.edits;
        match field {
            Field::Email => format!("Mail-{edit}@example.com"),
            Field::Phone => format!("+33 {edit}"),
            Field::TaxIds => format!("FR{edit}"),
            _ => format!("{field} {edit}"),
        }
    }

    fn person_edits(&mut self, side: Side) {
        let (pair, field) = (self.any_customer(), self.any_field());
        let value = self.new_value(field);
        let mut edit = patch(side, field, &value);
        if self.random.between(0, 4) == 0 {
            let value = self.new_value(Field::Name);
            merge_into(&mut edit, patch(side, Field::Name, &value));
        }
        self.save(side, &pair, &edit);
    }

    /// A person saves a customer; those that are gone cannot be saved.
    fn save(&self, side: Side, (stripe, zenskar): &(String, String), patch: &Json) {
        let id = match side {
            Side::Stripe => stripe,
            Side::Zenskar => zenskar,
        };
        self.world.save(side, id, patch);
    }

    /// The operator's file changes, to whatever it may say.
    async fn reload(&mut self) {
        // Stripe's events say seconds: within the second of a switch nobody can tell before from
        // after.
        self.world.sandbox.clock().advance(2);
        let policy = self.draw_policy();
        self.world.set_policy(policy).await;
        self.world.sandbox.clock().advance(2);
    }

    /// Everything comes to its end; the engine's word on what is agreed counts then.
    async fn rest(&mut self) {
        self.calm_down();
        // While sync is off, what was asked for waits until it is on.
        if self.world.policy().direction.is_some() {
            self.settle().await;
        }
        let read = self.world.process.engine.store.read().unwrap();
        for (stripe, _) in &self.customers {
            let id = StripeCustomerId::parse(stripe).unwrap();
            let link = read.link(&id).unwrap();
            if let Some(link) = link.filter(|link| link.state == LinkState::Active) {
                let mut ledger = self.world.ledger();
                ledger.rested(stripe, |field| agreed(&link.base, field));
            }
        }
    }

    async fn finish_both(mut self) -> Result<Report, String> {
        self.rest().await;
        let mut wrong = Vec::new();
        if self.world.policy().direction.is_some() {
            self.scan_all().await;
            wrong.extend(self.unequal_both("under its rules"));
        }
        let mut policy = self.draw_policy();
        policy.direction = Some(Direction::Both);
        policy.fields = crate::world::both_policy().fields;
        self.world.set_policy(policy).await;
        self.rest().await;
        self.scan_all().await;
        wrong.extend(self.unequal_both("at the end"));
        wrong.extend(self.unrest());
        wrong.extend(self.lost_events());
        wrong.extend(self.unlinked());
        wrong.extend(self.unheard());
        wrong.extend(self.planned_again().await);
        wrong.extend(self.unexplained());
        wrong.extend(self.undecided());
        self.report.journal = self.world.journal();
        let (unseen, overruled) = {
            let ledger = self.world.ledger();
            wrong.extend(ledger.wrong.clone());
            wrong.extend(ledger.echoes());
            self.report.written = ledger.written;
            (ledger.unseen, ledger.overruled.len())
        };
        let fired = &mut self.report.fired;
        *fired.entry("edit that no look could show").or_default() += unseen;
        let overruled = u64::try_from(overruled).unwrap();
        *fired.entry("conflict decided by rule").or_default() += overruled;
        if wrong.is_empty() {
            return Ok(self.report);
        }
        let seed = self.world.setup.seed;
        Err(format!("seed {seed}: {}", wrong.join("; ")))
    }

    /// Edits that a rule decided against, and of which the journal says nothing.
    fn unexplained(&self) -> Vec<String> {
        let read = self.world.process.engine.store.read().unwrap();
        let entries = read.journal(None, usize::MAX).unwrap().entries;
        let overruled = self.world.ledger().overruled.clone();
        let is_silent = |one: &crate::ledger::Overruled| {
            let subject = format!("customer/{}", one.stripe);
            !entries.iter().map(|numbered| &numbered.entry).any(|entry| {
                let says = |name: &str, value: &str| {
                    let mut details = entry.details.iter();
                    details.any(|(key, text)| key == name && text.contains(value))
                };
                entry.what == "conflict decided by rule"
                    && entry.subject == subject
                    && says("field", &one.field.to_string())
                    && says(&one.side.to_string(), &one.value)
            })
        };
        // The journal is kept as long as events are.
        let oldest = self.world.sandbox.clock().now() - KEPT_SECONDS;
        let kept = overruled.into_iter().filter(|one| one.at / 1_000 > oldest);
        let silent = kept.filter(is_silent);
        silent
            .map(|one| {
                let history = self.world.ledger().history(&one.stripe, one.field);
                format!("the journal says nothing of {one:?} ({history})")
            })
            .collect()
    }

    /// Fields of linked customers that differ though nothing allows it, or without being shown.
    fn unequal_both(&self, when: &str) -> Vec<String> {
        let read = self.world.process.engine.store.read().unwrap();
        let mut wrong = Vec::new();
        for (stripe, zenskar) in &self.customers {
            let id = StripeCustomerId::parse(stripe).unwrap();
            let link = read.link(&id).unwrap();
            let gone = self.gone(stripe, zenskar);
            let expected = match (gone, link.map(|link| link.state)) {
                // A person took it apart, or it was deleted before anybody linked it.
                (_, Some(LinkState::Unlinked)) | (Some(_), None) => continue,
                (Some(side), Some(state)) => {
                    let ended = matches!(state, LinkState::Deleted(_));
                    wrong.extend((!ended).then(|| {
                        format!("{when}: {stripe} is deleted in {side} and its link {state:?}")
                    }));
                    continue;
                }
                (None, None) if self.world.sandbox.mapping(zenskar).is_none() => continue,
                (None, state) => state == Some(LinkState::Active),
            };
            if !expected {
                wrong.push(format!("{when}: {stripe} is there and not linked"));
                continue;
            }
            let shown = read.differences(&id).unwrap();
            for field in &self.world.policy().fields {
                if drawn().contains(field) {
                    let one = shown.iter().find(|one| one.field == *field);
                    let fault = self.unequal_pair(stripe, zenskar, *field, one);
                    wrong.extend(fault.map(|fault| format!("{when}: {stripe} {field}: {fault}")));
                }
            }
        }
        wrong
    }

    /// Which side deleted the customer.
    fn gone(&self, stripe: &str, zenskar: &str) -> Option<Side> {
        if self.world.sandbox.stripe_customer(stripe)["deleted"] == true {
            return Some(Side::Stripe);
        }
        let there = !self.world.sandbox.zenskar_customer(zenskar).is_null();
        (!there).then_some(Side::Zenskar)
    }

    /// What is wrong with one field of a linked customer.
    fn unequal_pair(
        &self,
        stripe: &str,
        zenskar: &str,
        field: Field,
        one: Option<&Difference>,
    ) -> Option<String> {
        let (ours, theirs) = (&self.stripe(stripe)[&field], &self.zenskar(zenskar)[&field]);
        let ledger = self.world.ledger();
        let known = [Side::Stripe, Side::Zenskar].map(|side| ledger.holds(stripe, field, side));
        let why = one.map(|one| one.why);
        let shown = one.map(|one| (text(&one.stripe), text(&one.zenskar)));
        let fault = if known != [Some(ours.as_str()), Some(theirs.as_str())] {
            format!("the model knows of {known:?}")
        } else if ours == theirs {
            // What undoes a run and was refused is shown until a person gives it up.
            let refused = why == Some(Held::Refused) && self.is_undecided(stripe, field);
            let stale = one.filter(|_| !refused);
            return stale.map(|one| format!("is {ours:?} on both sides and shown as {one:?}"));
        } else if shown.is_some_and(|shown| shown != (ours, theirs)) {
            format!("is shown as {shown:?}")
        } else if !ledger.may_differ(stripe, field, why) {
            format!("should be equal, {why:?}")
        } else {
            return None;
        };
        let history = ledger.history(stripe, field);
        Some(format!("{ours:?} {theirs:?} {fault} ({history})"))
    }
}

/// How a person writes `value` into a field of one side.
pub(crate) fn patch(side: Side, field: Field, value: &str) -> Json {
    match (side, field) {
        (Side::Stripe, Field::Name) => json!({ "name": value }),
        (Side::Zenskar, Field::Name) => json!({ "customer_name": value }),
        (_, Field::Email) => json!({ "email": value }),
        (Side::Stripe, Field::Phone) => json!({ "phone": value }),
        (Side::Zenskar, Field::Phone) => json!({ "phone_number": value }),
        (Side::Stripe, Field::Address) => {
            json!({ "address": { "line1": value, "country": "FR" } })
        }
        (Side::Zenskar, Field::Address) => {
            json!({ "address": { "line1": value, "country_code": "FR" } })
        }
        (Side::Stripe, Field::ShippingAddress) => json!({
            "shipping": { "name": "Jo", "address": { "line1": value, "country": "FR" } }
        }),
        (Side::Zenskar, Field::ShippingAddress) => {
            json!({ "ship_to_address": { "line1": value, "country": "France" } })
        }
        (Side::Stripe, Field::TaxIds) => {
            json!({ "tax_ids": [{ "type": "eu_vat", "value": value }] })
        }
        (Side::Zenskar, Field::TaxIds) => json!({ "tax_info": [tax_info(value)] }),
        (Side::Stripe, _) => json!({ "metadata": { "tier": value } }),
        (Side::Zenskar, _) => json!({ "custom_data": custom_data(value) }),
    }
}

fn merge_into(patch: &mut Json, more: Json) {
    if let (Json::Object(patch), Json::Object(more)) = (patch, more) {
        patch.extend(more);
    }
}
