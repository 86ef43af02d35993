//! Until nothing is left to do, and what must be true then.

use crate::run::{Report, Run, fault_name};
use crate::world::World;
use std::collections::BTreeSet;
use zenstripe::engine::command::Command;
use zenstripe::engine::scan::Scanned;
use zenstripe::model::customer::Field;
use zenstripe::model::id::{EventId, StripeCustomerId};
use zenstripe::model::link::LinkState;
use zenstripe::model::time::Timestamp;
use zenstripe::model::work::{Subject, Work};

/// Rounds after which a world that still moves is taken to move for ever.
const ROUNDS_MAX: usize = 3_000;

/// How long an acknowledged event is surely kept, in seconds: a day less than its retention.
const KEPT_SECONDS: i64 = 34 * 86_400;

impl Run {
    /// Sends what is due to the daemon.
    pub(crate) async fn deliver_due(&mut self) {
        for delivery in self.world.due_deliveries() {
            self.world.deliver(&delivery).await;
        }
    }

    /// One look at what is due; whether there was any.
    pub(crate) async fn look(&mut self) -> bool {
        let engine = &self.world.process.engine;
        let Ok(due) = engine.due_work(engine.clock.now(), 8) else {
            return false;
        };
        if due.is_empty() {
            return false;
        }
        let at = usize::try_from(self.random.next() % u64::try_from(due.len()).unwrap()).unwrap();
        let subject = due[at].subject.clone();
        self.world
            .step(async |engine| engine.look_at(&subject).await)
            .await;
        true
    }

    /// One attempt of what is due; whether there was any.
    pub(crate) async fn send(&mut self) -> bool {
        let engine = &self.world.process.engine;
        let Ok(due) = engine.due_intents(engine.clock.now(), 8) else {
            return false;
        };
        if due.is_empty() {
            return false;
        }
        let at = usize::try_from(self.random.next() % u64::try_from(due.len()).unwrap()).unwrap();
        let intent = due[at].clone();
        self.world
            .step(async |engine| engine.deliver(&intent).await)
            .await;
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
            if self.look().await || self.send().await {
                polled_in_vain = 0;
                continue;
            }
            let scanned = self
                .world
                .step(async |engine| engine.scan_page().await)
                .await;
            if !matches!(scanned, Some(Scanned::Idle | Scanned::Finished)) {
                assert_ne!(
                    scanned,
                    Some(Scanned::Stopped),
                    "seed {}",
                    self.world.setup.seed
                );
                continue;
            }
            if self.world.setup.polling && polled_in_vain < 3 {
                let polled = self
                    .world
                    .step(async |engine| engine.poll_page().await)
                    .await;
                let in_vain = polled.is_some_and(|polled| polled.complete && polled.new == 0);
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
        panic!(
            "seed {}: the world does not come to rest",
            self.world.setup.seed
        );
    }

    /// When the next thing is due that does not come by itself.
    fn next_due(&self) -> Option<Timestamp> {
        let read = self.world.process.engine.store.read().unwrap();
        let work = read.next_work_due().unwrap();
        let intent = read.next_intent_due().unwrap();
        let delivery = self
            .world
            .sandbox
            .next_delivery_ms()
            .map(|millis| Timestamp::from_micros(millis * 1_000).plus(self.world.setup.skew));
        [work, intent, delivery].into_iter().flatten().min()
    }

    /// Heals the world, lets it come to rest, and asks.
    pub(crate) async fn finish(mut self) -> Result<Report, String> {
        for count in self.world.sandbox.fault_counts() {
            let fired = self
                .report
                .fired
                .entry(fault_name(&count.fault.kind))
                .or_default();
            *fired += u64::from(count.fired);
        }
        self.world.sandbox.clear_faults();
        self.settle().await;
        let who = "simulation".to_owned();
        let scan = Command::Scan { who };
        while self
            .world
            .process
            .engine
            .command(scan.clone())
            .await
            .is_err()
        {
            self.world.restart();
        }
        self.settle().await;
        let mut wrong = self.reference(|reference| reference.wrong.clone());
        wrong.extend(self.lost_events());
        wrong.extend(self.unlinked());
        wrong.extend(self.unequal());
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
    fn lost_events(&self) -> Vec<String> {
        let read = self.world.process.engine.store.read().unwrap();
        let oldest = self.world.sandbox.clock().now() - KEPT_SECONDS;
        let mut expected: BTreeSet<String> = self
            .world
            .acknowledged
            .iter()
            .filter(|(_, at)| *at > oldest)
            .map(|(id, _)| id.clone())
            .collect();
        if self.world.setup.polling && !self.gap {
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
    fn unlinked(&self) -> Vec<String> {
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

    /// Fields of linked customers that differ though nothing allows it, or without being shown.
    fn unequal(&self) -> Vec<String> {
        let read = self.world.process.engine.store.read().unwrap();
        let mut wrong = Vec::new();
        for (stripe, zenskar) in &self.customers {
            let id = StripeCustomerId::parse(stripe).unwrap();
            let Some(link) = read.link(&id).unwrap() else {
                continue;
            };
            if !is_there(&self.world, stripe, zenskar) {
                // What is gone in Zenskar is noticed with the next look at the customer.
                let gone = self.world.sandbox.stripe_customer(stripe)["deleted"] == true;
                if gone && link.state == LinkState::Active {
                    wrong.push(format!("{stripe} is deleted and its link active"));
                }
                continue;
            }
            let (ours, theirs) = (self.stripe(stripe), self.zenskar(zenskar));
            let shown = read.differences(&id).unwrap();
            for field in Field::ALL {
                if ours[&field] == theirs[&field] {
                    continue;
                }
                let values = format!("{stripe} {field}: {:?} {:?}", ours[&field], theirs[&field]);
                let never_agreed = self.gap && !link.base.contains_key(&field);
                let difference = shown.iter().find(|difference| difference.field == field);
                let why = difference.map(|difference| difference.why);
                if !never_agreed && !self.reference(|all| all.may_differ(zenskar, field, why)) {
                    let history = self.reference(|all| all.history(zenskar, field));
                    wrong.push(format!("{values} should be equal, {why:?} ({history})"));
                } else if difference.is_none() {
                    wrong.push(format!("{values} differ and nothing shows it"));
                }
            }
        }
        wrong
    }

    /// Looks at every linked customer once more: nothing may come of it.
    async fn planned_again(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let written = self.reference(|reference| reference.written);
        for (stripe, zenskar) in self.customers.clone() {
            if !is_there(&self.world, &stripe, &zenskar) {
                continue;
            }
            let id = StripeCustomerId::parse(&stripe).unwrap();
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
            if read.link(&id).unwrap().unwrap().version != before.version {
                wrong.push(format!("{stripe}: planning again moved the base"));
            }
            if !read.intents(&id).unwrap().is_empty() {
                wrong.push(format!("{stripe}: planning again planned a write"));
            }
        }
        if self.reference(|reference| reference.written) != written {
            wrong.push("planning again wrote".to_owned());
        }
        wrong
    }
}

fn is_there(world: &World, stripe: &str, zenskar: &str) -> bool {
    let customer = world.sandbox.stripe_customer(stripe);
    customer["deleted"] != true
        && !customer.is_null()
        && !world.sandbox.zenskar_customer(zenskar).is_null()
}
