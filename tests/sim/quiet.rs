//! Until nothing is left to do, and what must be true then.

use crate::act::Act;
use crate::run::{Report, Run, fault_name};
use crate::values::drawn;
use crate::world::World;
use std::collections::BTreeSet;
use zenstripe::engine::command::Command;
use zenstripe::engine::redrive::Redriven;
use zenstripe::engine::scan::Scanned;
use zenstripe::model::customer::{Field, Value};
use zenstripe::model::difference::Difference;
use zenstripe::model::id::{EventId, StripeCustomerId};
use zenstripe::model::intent::Intent;
use zenstripe::model::link::LinkState;
use zenstripe::model::time::Timestamp;
use zenstripe::model::work::{Subject, Work};

/// Rounds after which a world that still moves is taken to move for ever.
const ROUNDS_MAX: usize = 3_000;

/// Polls that find nothing before polling is at rest: longer than the pause between two sweeps.
const POLLS_IN_VAIN: u32 = 4;

/// How long an acknowledged event is surely kept, in seconds: a day less than its retention.
pub(crate) const KEPT_SECONDS: i64 = 34 * 86_400;

/// When a question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    BeforeScan,
    AtTheEnd,
}

impl Run {
    /// Sends what is due to the daemon, at times while it is looking at something.
    pub(crate) async fn deliver_due(&mut self) {
        let hints = self.world.sandbox.due_zenskar_deliveries();
        let due = self.world.due_deliveries().into_iter().map(Act::Webhook);
        let due: Vec<Act> = due.chain(hints.into_iter().map(Act::Hint)).collect();
        for webhook in due {
            let beside = match self.random.between(0, 7) {
                0 => self.due_look(),
                1 => self.due_send(),
                2 => Some(Act::Sort),
                _ => None,
            };
            match beside {
                Some(other) => self.world.together(other, webhook).await,
                None => self.world.act(webhook).await,
            }
        }
    }

    /// A look that is due, if there is any.
    pub(crate) fn due_look(&self) -> Option<Act> {
        let engine = &self.world.process.engine;
        let due = engine.due_work(engine.clock.now(), 8).ok()?;
        if due.is_empty() {
            return None;
        }
        Some(Act::Look(due[self.pick(due.len())].subject.clone()))
    }

    /// A delivery that is due, if there is any.
    pub(crate) fn due_send(&self) -> Option<Act> {
        let engine = &self.world.process.engine;
        let due = engine.due_intents(engine.clock.now(), 8).ok()?;
        if due.is_empty() {
            return None;
        }
        Some(Act::Send(due[self.pick(due.len())].clone()))
    }

    /// A creation that is due, if there is any.
    pub(crate) fn due_creation(&self) -> Option<Act> {
        let engine = &self.world.process.engine;
        let due = engine.due_creations(engine.clock.now(), 8).ok()?;
        if due.is_empty() {
            return None;
        }
        Some(Act::Create(due[self.pick(due.len())].subject.clone()))
    }

    /// One attempt to make a customer that is due; whether there was any.
    pub(crate) async fn create(&mut self) -> bool {
        let Some(create) = self.due_creation() else {
            return false;
        };
        self.world.act(create).await;
        true
    }

    /// One look at what is due; whether there was any.
    pub(crate) async fn look(&mut self) -> bool {
        let Some(look) = self.due_look() else {
            return false;
        };
        self.world.act(look).await;
        true
    }

    /// One attempt of what is due; whether there was any.
    pub(crate) async fn send(&mut self) -> bool {
        let Some(send) = self.due_send() else {
            return false;
        };
        self.world.act(send).await;
        true
    }

    /// Lets everything come to its end: deliveries, polls, scans, work, intents.
    pub(crate) async fn settle(&mut self) {
        let mut polled_in_vain = 0;
        for _ in 0..ROUNDS_MAX {
            self.deliver_due().await;
            while self
                .world
                .step(async |engine| engine.sort_events().await)
                .await
                != Some(0)
            {}
            let redriven = self.world.step(async |engine| engine.redrive().await);
            let redriven = redriven.await == Some(Redriven::Part);
            if redriven || self.look().await || self.send().await || self.create().await {
                polled_in_vain = 0;
                continue;
            }
            let scanned = self
                .world
                .step(async |engine| engine.scan_page().await)
                .await;
            if !matches!(scanned, Some(Scanned::Idle | Scanned::Finished)) {
                if scanned == Some(Scanned::Stopped) {
                    self.scan_after_stop().await;
                }
                continue;
            }
            if self.world.setup.polling && polled_in_vain < POLLS_IN_VAIN {
                let polled = self
                    .world
                    .step(async |engine| engine.poll_page().await)
                    .await;
                let heard = self
                    .world
                    .step(async |engine| engine.poll_changes().await)
                    .await;
                let in_vain = polled.is_some_and(|polled| polled.complete && polled.new == 0)
                    && heard.is_some_and(|heard| heard.complete && heard.new == 0);
                polled_in_vain = if in_vain { polled_in_vain + 1 } else { 0 };
                // Past the lag, and past events that are listed late.
                self.world.sandbox.clock().advance(120);
                continue;
            }
            match self.next_due() {
                Some(due) => {
                    let wait = due.since(self.world.process.engine.clock.now());
                    let millis = i64::try_from(wait.as_millis()).unwrap();
                    self.world.sandbox.clock().advance_ms(millis.max(1));
                }
                None => return,
            }
        }
        let read = self.world.process.engine.store.read().unwrap();
        let intents: Vec<_> = self
            .customers
            .iter()
            .flat_map(|(id, _)| read.intents(&StripeCustomerId::parse(id).unwrap()).unwrap())
            .collect();
        panic!(
            "seed {}: the world does not come to rest: {:?} {intents:?} {:?}",
            self.world.setup.seed,
            read.work_list(None, usize::MAX).unwrap(),
            read.scan_cursor().unwrap(),
        );
    }

    /// A scan whose places aged while much time went by between its pages stops, and a person asks
    /// for another one. It stops for nothing else here.
    async fn scan_after_stop(&mut self) {
        let engine = &self.world.process.engine;
        let why = engine.store.read().unwrap().scan_cursor().unwrap().stopped;
        let why = why.unwrap_or_default();
        let seed = self.world.setup.seed;
        assert!(
            why.contains("the place that its own listing gave"),
            "seed {seed}: {why}"
        );
        let scan = Command::Scan {
            who: "person".to_owned(),
        };
        if engine.command(scan).await.is_err() {
            self.world.restart();
        }
    }

    /// When the next thing is due that does not come by itself.
    fn next_due(&self) -> Option<Timestamp> {
        let read = self.world.process.engine.store.read().unwrap();
        let work = read.next_work_due().unwrap();
        let intent = read.next_intent_due().unwrap();
        let creation = read.next_creation_due().unwrap();
        let sandbox = &self.world.sandbox;
        let hint = sandbox.next_zenskar_delivery_ms();
        let delivery = sandbox.next_delivery_ms().into_iter().chain(hint).min();
        let delivery = delivery
            .map(|millis| Timestamp::from_micros(millis * 1_000).plus(self.world.setup.skew));
        [work, intent, creation, delivery]
            .into_iter()
            .flatten()
            .min()
    }

    /// Adds up which faults fired.
    pub(crate) fn count_fired(&mut self) {
        for count in self.world.sandbox.fault_counts() {
            let fired = self.report.fired.entry(fault_name(&count.fault));
            *fired.or_default() += u64::from(count.fired);
        }
    }

    /// A whole scan, and all that comes of it.
    pub(crate) async fn scan_all(&mut self) {
        let who = "simulation".to_owned();
        let scan = Command::Scan { who };
        let engine = |run: &Self| std::sync::Arc::clone(&run.world.process.engine);
        while engine(self).command(scan.clone()).await.is_err() {
            self.world.restart();
        }
        self.settle().await;
    }

    /// Heals the world, lets it come to rest, and asks.
    pub(crate) async fn finish(mut self) -> Result<Report, String> {
        self.heal().await;
        self.settle().await;
        // A scan repairs what was lost, so what was lost is asked for before it.
        let mut lost = self.unequal(Asked::BeforeScan);
        lost.extend(self.unheard());
        self.scan_all().await;
        let mut wrong = self.reference(|reference| reference.wrong.clone());
        wrong.extend(lost);
        wrong.extend(self.unrest());
        wrong.extend(self.miscounted());
        wrong.extend(self.lost_events());
        wrong.extend(self.unlinked());
        wrong.extend(self.unequal(Asked::AtTheEnd));
        wrong.extend(self.planned_again().await);
        self.report.written = self.reference(|reference| reference.written);
        self.report.journal = self.world.journal();
        if wrong.is_empty() {
            Ok(self.report)
        } else {
            Err(format!(
                "seed {}: {}",
                self.world.setup.seed,
                wrong.join("; ")
            ))
        }
    }

    /// Events that were acknowledged, or listed while we polled, and are not in the inbox.
    pub(crate) fn lost_events(&self) -> Vec<String> {
        let read = self.world.process.engine.store.read().unwrap();
        let oldest = self.world.sandbox.clock().now() - KEPT_SECONDS;
        let mut expected: BTreeSet<String> = self
            .world
            .acknowledged
            .iter()
            .filter(|(_, at)| *at > oldest)
            .map(|(id, _)| id.clone())
            .collect();
        // A window whose place Stripe kept forgetting is given up, says so, and a scan repairs it.
        let given_up = self.world.journal().contains("gap in events");
        if self.world.setup.polling && !self.gap && !given_up {
            let begun = read.poll_cursor().unwrap().high.is_some();
            let events = self.world.sandbox.stripe_events();
            let first = self.world.polling_since;
            expected.extend(
                events
                    .iter()
                    .filter(|event| begun && event["created"].as_i64().unwrap() > first)
                    .map(|event| event["id"].as_str().unwrap().to_owned()),
            );
        }
        let is_lost = |id: &String| {
            let id = EventId::parse(id).unwrap();
            read.event_by_id(&id).unwrap().is_none()
        };
        expected
            .into_iter()
            .filter(is_lost)
            .map(|id| format!("{id} is lost"))
            .collect()
    }

    /// Customers that are there and mapped, and have no link.
    pub(crate) fn unlinked(&self) -> Vec<String> {
        let read = self.world.process.engine.store.read().unwrap();
        let mut wrong = Vec::new();
        for (stripe, zenskar) in &self.customers {
            let there = is_there(&self.world, stripe, zenskar);
            let mapped = self.world.sandbox.mapping(zenskar).is_some();
            let id = StripeCustomerId::parse(stripe).unwrap();
            if there && mapped && read.link(&id).unwrap().is_none() {
                wrong.push(format!("{stripe} is mapped and not linked"));
            }
        }
        wrong
    }

    /// What linked customers hold in Zenskar and the store does not know, though Zenskar was polled.
    pub(crate) fn unheard(&self) -> Vec<String> {
        let read = self.world.process.engine.store.read().unwrap();
        let mut wrong = Vec::new();
        for (stripe, zenskar) in &self.customers {
            let id = StripeCustomerId::parse(stripe).unwrap();
            let link = read.link(&id).unwrap();
            let heard = self.world.setup.polling && is_there(&self.world, stripe, zenskar);
            // A look that was given up saw nothing.
            let Some(link) = link.filter(|_| heard && !self.is_given_up(&id)) else {
                continue;
            };
            if link.state != LinkState::Active {
                continue;
            }
            let shown = read.differences(&id).unwrap();
            for field in drawn() {
                let holds = self.zenskar(zenskar)[&field].clone();
                let agreed = link.base.get(&field).map(text);
                let mut shown = shown.iter().filter(|difference| difference.field == field);
                let is_shown = shown.any(|difference| text(&difference.zenskar) == holds);
                if agreed != Some(holds.as_str()) && !is_shown {
                    let knows = format!("agreed {agreed:?}");
                    wrong.push(format!(
                        "{zenskar} {field}: {holds:?} is not heard of, {knows}"
                    ));
                }
            }
        }
        wrong
    }

    /// Fields of linked customers that differ though nothing allows it, or without being shown.
    fn unequal(&self, asked: Asked) -> Vec<String> {
        let read = self.world.process.engine.store.read().unwrap();
        let mut wrong = Vec::new();
        for (stripe, zenskar) in &self.customers {
            let id = StripeCustomerId::parse(stripe).unwrap();
            let Some(link) = read.link(&id).unwrap() else {
                continue;
            };
            let shown = read.differences(&id).unwrap();
            if link.state == LinkState::Unlinked {
                if !shown.is_empty() {
                    wrong.push(format!("{stripe} is taken apart and shows differences"));
                }
                continue;
            }
            if !is_there(&self.world, stripe, zenskar) {
                // The scan notices what is gone on either side.
                let gone = self.world.sandbox.stripe_customer(stripe)["deleted"] == true;
                let gone_there = self.world.sandbox.zenskar_customer(zenskar).is_null();
                let gone = gone || (gone_there && !self.is_given_up(&id));
                if gone && link.state == LinkState::Active && asked == Asked::AtTheEnd {
                    wrong.push(format!("{stripe} is deleted and its link active"));
                }
                continue;
            }
            // What events would have brought is lost with them: the scan shows it.
            let lost = self.gap || self.is_given_up(&id);
            if asked == Asked::BeforeScan && (lost || link.state != LinkState::Active) {
                continue;
            }
            if link.state != LinkState::Active {
                wrong.push(format!(
                    "{stripe} is there and its link is {:?}",
                    link.state
                ));
                continue;
            }
            for field in drawn() {
                let never_agreed = lost && !link.base.contains_key(&field);
                let difference = shown.iter().find(|difference| difference.field == field);
                let said =
                    self.unequal_field((stripe, zenskar), (field, difference), never_agreed, asked);
                wrong.extend(said.map(|what| format!("{asked:?}: {stripe} {field} {what}")));
            }
        }
        wrong
    }

    /// What is wrong with one field.
    fn unequal_field(
        &self,
        (stripe, zenskar): (&str, &str),
        (field, difference): (Field, Option<&Difference>),
        never_agreed: bool,
        asked: Asked,
    ) -> Option<String> {
        let ours = self.stripe(stripe)[&field].clone();
        let theirs = self.zenskar(zenskar)[&field].clone();
        let at_end = asked == Asked::AtTheEnd;
        if ours == theirs {
            let stale = at_end && difference.is_some();
            return stale.then(|| format!("is {ours:?} on both sides and shown as a difference"));
        }
        let why = difference.map(|difference| difference.why);
        if !never_agreed && !self.reference(|all| all.may_differ(zenskar, field, why)) {
            let history = self.reference(|all| all.history(zenskar, field));
            let values = format!("{ours:?} {theirs:?}");
            return Some(format!("{values} should be equal, {why:?} ({history})"));
        }
        if !at_end {
            return None;
        }
        let Some(difference) = difference else {
            return Some(format!("{ours:?} {theirs:?} differ and nothing shows it"));
        };
        let shown = (text(&difference.stripe), text(&difference.zenskar));
        (shown != (ours.as_str(), theirs.as_str()))
            .then(|| format!("{ours:?} {theirs:?} is shown as {shown:?}"))
    }

    /// Whether a look at this customer was ever given up: what its events proved may be lost with
    /// it, or a person dropped it.
    fn is_given_up(&self, id: &StripeCustomerId) -> bool {
        let subject = Subject::Customer(id.clone());
        let read = self.world.process.engine.store.read().unwrap();
        let of_it = read.journal_of(&subject.to_string(), None, usize::MAX);
        let given_up = of_it.unwrap().entries.into_iter();
        self.dropped.contains(&subject)
            || given_up
                .map(|numbered| numbered.entry.what)
                .any(|what| what == "look given up")
    }

    /// Fields that the engine wrote on either side.
    fn written(&self) -> (u64, u64) {
        let ledger = self.world.ledger().written;
        (self.reference(|reference| reference.written), ledger)
    }

    /// Looks at every linked customer once more: nothing may come of it.
    pub(crate) async fn planned_again(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let written = self.written();
        for (stripe, zenskar) in self.customers.clone() {
            if !is_there(&self.world, &stripe, &zenskar) {
                continue;
            }
            let id = StripeCustomerId::parse(&stripe).unwrap();
            // A refused value that a person gave up is decided anew by the next look.
            if self.dropped.contains(&Subject::Customer(id.clone())) {
                continue;
            }
            let engine = &self.world.process.engine;
            let Some(before) = engine.store.read().unwrap().link(&id).unwrap() else {
                continue;
            };
            let subject = Subject::Customer(id.clone());
            let now = engine.clock.now();
            let work = Work {
                asked: 1,
                ..Work::new(subject.clone(), now)
            };
            engine
                .writer
                .write("ask again", move |tx| tx.put_work(&work))
                .await
                .unwrap();
            engine.look_at(&subject).await.unwrap();
            let read = engine.store.read().unwrap();
            let after = read.link(&id).unwrap().unwrap();
            let open = read.intents(&id).unwrap().into_iter().find(Intent::is_open);
            if after.base != before.base || after.state != before.state {
                wrong.push(format!(
                    "{stripe}: planning again moved the base: {before:?} -> {after:?}"
                ));
            }
            if let Some(open) = open {
                wrong.push(format!("{stripe}: planning again planned {open:?}"));
            }
        }
        if self.written() != written {
            wrong.push("planning again wrote".to_owned());
        }
        wrong
    }
}

/// A value as the sandbox's customers show it; an address by its first line.
pub(crate) fn text(value: &Value) -> &str {
    match value {
        Value::Blank => "",
        Value::Text(text) => text,
        Value::Address(address) => &address.line1,
        Value::TaxIds(ids) => ids.first().map_or("", |id| &id.id),
        Value::Nested(_) => panic!("nobody here draws {value}"),
    }
}

fn is_there(world: &World, stripe: &str, zenskar: &str) -> bool {
    let customer = world.sandbox.stripe_customer(stripe);
    customer["deleted"] != true
        && !customer.is_null()
        && !world.sandbox.zenskar_customer(zenskar).is_null()
}
