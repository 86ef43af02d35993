use super::*;
use crate::engine::command::Command;
use crate::engine::linking::new_link;
use crate::engine::testing::Bench;
use crate::model::creation::{Creation, Sent, Stage};
use crate::model::customer::{Field, Fields, Value};
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::intent::{Change, Intent, Progress};
use crate::model::link::{Link, LinkProof, Side};
use crate::model::run::{Decided, Decision, DecisionState, Goal, Run, RunCounts, RunKind};
use crate::model::work::{Subject, Work};
use serde_json::Value as Json;

const DAY: u64 = 86_400;
const BY: &str = "ann";

fn cus() -> StripeCustomerId {
    StripeCustomerId::parse("cus_1").unwrap()
}

fn subject() -> Subject {
    Subject::Customer(cus())
}

fn link(base: &str, now: Timestamp) -> Link {
    let zenskar = ZenskarCustomerId::parse("z-1").unwrap();
    Link {
        base: [(Field::Name, Value::text(base))].into(),
        ..new_link(&cus(), &zenskar, LinkProof::Person, now)
    }
}

/// What a person decided in a run, whose write was refused.
fn decision() -> Decision {
    Decision {
        field: Field::Name,
        stripe: Goal::keep(&Value::text("B")),
        zenskar: Goal::write(&Value::text("A"), &Value::text("B")),
        base_before: None,
        base_after: None,
        state: DecisionState::Waiting,
    }
}

fn run(undone_by: Option<u64>, now: Timestamp) -> Run {
    Run {
        number: 1,
        kind: RunKind::Resolve,
        who: BY.to_owned(),
        at: now,
        decided_at: Some(now),
        undone_by,
        counts: RunCounts::default(),
    }
}

/// A write that was refused is a dead letter.
fn refused() -> Bench {
    let bench = Bench::new(Vec::new(), Vec::new());
    let now = bench.clock_now();
    bench.write(move |tx| {
        tx.put_link(&link("A", now))?;
        let change = Change {
            from: Value::text("A"),
            to: Value::text("B"),
        };
        let intent = Intent {
            number: tx.next_intent_number(&cus())?,
            link: cus(),
            target: Side::Zenskar,
            changes: [(Field::Name, change)].into(),
            progress: Progress::Dead(now),
            attempts: 3,
            decided_at: now,
            observed_at: now,
        };
        tx.put_intent(&intent, None)?;
        tx.put_run(&run(None, now))?;
        tx.put_decided(&Decided {
            run: 1,
            link: cus(),
            at: now,
            decisions: vec![decision()],
        })?;
        let what = DeadWork::Intent(cus(), intent.number);
        tx.add_dead_letter(what, "no", now, 3).map(drop)
    });
    bench
}

impl Bench {
    fn orders(&self, command: Command) -> Result<Json, CommandError> {
        self.run(self.engine.command(command))
    }

    fn drops(&self, which: Letters) -> Json {
        let who = BY.to_owned();
        self.orders(Command::DeadDrop { which, who }).unwrap()
    }

    fn takes_back(&self, which: Letters) -> Result<Json, CommandError> {
        let who = BY.to_owned();
        self.orders(Command::DeadTakeBack { which, who })
    }

    fn counts(&self) -> (u64, u64) {
        let read = self.engine.store.read().unwrap();
        (read.dead_count().unwrap(), read.dropped_count().unwrap())
    }

    fn outcome(&self) -> DecisionState {
        let read = self.engine.store.read().unwrap();
        let mut decided = read.decided(&cus()).unwrap();
        decided.remove(0).decisions.remove(0).state
    }
}

#[test]
fn a_write_that_was_dropped_comes_back_as_it_was() {
    let bench = refused();
    let read = bench.engine.store.read().unwrap();
    let before = read.intents(&cus()).unwrap();
    assert_eq!(bench.drops(Letters::All)["count"], 1);
    assert_eq!(bench.counts(), (0, 1));
    let read = bench.engine.store.read().unwrap();
    assert_eq!(read.intents(&cus()).unwrap(), []);
    assert!(matches!(bench.outcome(), DecisionState::Overtaken(_)));
    bench.takes_back(Letters::Numbers(vec![1])).unwrap();
    assert_eq!(bench.counts(), (1, 0));
    let read = bench.engine.store.read().unwrap();
    assert_eq!(read.intents(&cus()).unwrap(), before);
    assert_eq!(bench.outcome(), DecisionState::Waiting);
    assert!(read.work(&subject()).unwrap().is_some(), "it is looked at");
    let journal = bench.journal();
    assert_eq!(journal[0], "dead letter taken back", "{journal:?}");
    let gone = bench.takes_back(Letters::Numbers(vec![1]));
    assert!(matches!(gone, Err(CommandError::NotFound(_))), "{gone:?}");
}

#[test]
fn what_became_another_question_is_not_taken_back() {
    let bench = refused();
    bench.drops(Letters::Numbers(vec![1]));
    let now = bench.clock_now();
    bench.write(move |tx| tx.put_link(&link("B", now)));
    for which in [Letters::All, Letters::Reason("no".to_owned())] {
        let refused = bench.takes_back(which);
        assert!(
            matches!(refused, Err(CommandError::Refused { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(bench.counts(), (0, 1));
    let none = bench.takes_back(Letters::Reason("other".to_owned()));
    assert_eq!(none.unwrap()["count"], 0);
}

#[test]
fn a_decision_whose_run_was_undone_stays_ended() {
    let bench = refused();
    bench.drops(Letters::All);
    let now = bench.clock_now();
    bench.write(move |tx| tx.put_run(&run(Some(2), now)));
    bench.takes_back(Letters::All).unwrap();
    assert!(matches!(bench.outcome(), DecisionState::Overtaken(_)));
}

#[test]
fn a_creation_that_was_dropped_comes_back_unless_there_is_another() {
    let bench = Bench::new(Vec::new(), Vec::new());
    let now = bench.clock_now();
    let dead = Creation {
        request: Some(Sent {
            values: Fields::new(),
            body: None,
            at: now,
        }),
        number: 1,
        ..Creation::new(subject(), Stage::Dead(now), now)
    };
    let row = dead.clone();
    bench.write(move |tx| {
        tx.put_creation(&row)?;
        tx.add_dead_letter(DeadWork::Creation(subject()), "no", now, 1)
    });
    bench.drops(Letters::All);
    let creation = || {
        let read = bench.engine.store.read().unwrap();
        read.creation(&subject()).unwrap()
    };
    assert_eq!(creation(), None);
    bench.takes_back(Letters::All).unwrap();
    assert_eq!(creation(), Some(dead));
    bench.drops(Letters::All);
    bench.write(move |tx| {
        tx.put_creation(&Creation::new(subject(), Stage::Offered, now))?;
        Ok(())
    });
    assert!(bench.takes_back(Letters::All).is_err());
    assert_eq!(bench.counts(), (0, 1));
}

#[test]
fn a_dropped_letter_goes_after_thirty_days() {
    let bench = Bench::new(Vec::new(), Vec::new());
    let now = bench.clock_now();
    bench.write(move |tx| {
        let what = DeadWork::Work(Work::new(subject(), now));
        tx.add_dead_letter(what.clone(), "no", now, 1)?;
        tx.add_dead_letter(what, "no", now, 1)
    });
    bench.drops(Letters::Numbers(vec![1]));
    bench.later(20 * DAY);
    bench.drops(Letters::Numbers(vec![2]));
    let sweep = || while bench.run(bench.engine.sweep()).unwrap() > 0 {};
    sweep();
    assert_eq!(bench.counts(), (0, 2));
    bench.later(10 * DAY + 1);
    sweep();
    assert_eq!(bench.counts(), (0, 1));
    let limit = 9;
    let list = bench.orders(Command::DroppedList { after: None, limit });
    let list = list.unwrap();
    assert_eq!(list["rows"][0]["number"], 2, "{list}");
    assert_eq!(list["rows"][0]["dropped_by"], BY);
    assert_eq!(bench.takes_back(Letters::All).unwrap()["count"], 1);
    bench.later(40 * DAY);
    sweep();
    assert_eq!(bench.counts(), (1, 0), "what was taken back stays");
}
