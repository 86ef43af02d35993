use super::*;
use crate::engine::linking::new_link;
use crate::engine::testing::Bench;
use crate::model::customer::{Field, Value};
use crate::model::difference::{Difference, Held};
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::LinkProof;
use crate::model::run::{Decided, DecisionState};
use serde_json::json;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// More than are decided in three transactions.
const MANY: u64 = 350;

const WHO: &str = "ann";

fn cus(number: u64) -> StripeCustomerId {
    StripeCustomerId::parse(&format!("cus_{number:04}")).unwrap()
}

fn differs(field: Field, stripe: &str) -> Difference {
    Difference {
        field,
        stripe: Value::text(stripe),
        zenskar: Value::text("In Zenskar"),
        base: None,
        why: Held::NoBase,
    }
}

/// An engine that knows [`MANY`] linked customers whose names differ.
fn bench() -> Bench {
    let bench = Bench::new(Vec::new(), Vec::new());
    bench.write(|tx| {
        for number in 0..MANY {
            let zenskar = ZenskarCustomerId::parse(&format!("zen-{number}")).unwrap();
            let stripe = cus(number);
            let link = new_link(&stripe, &zenskar, LinkProof::Person, Timestamp::default());
            tx.put_link(&link)?;
            tx.put_differences(&stripe, &[differs(Field::Name, "In Stripe")])?;
        }
        Ok(())
    });
    bench
}

fn apply(bench: &Bench) -> Command {
    let hash = bench.does(PLAN)["hash"].as_str().unwrap().to_owned();
    let apply = Apply {
        hash,
        canary: None,
        max_changes: None,
    };
    let who = WHO.to_owned();
    Command::PlanApply { apply, who }
}

const PLAN: Command = Command::Plan(Ask {
    under: None,
    whole: true,
    initial: None,
    after: None,
    limit: 1,
});

fn undo(run: u64) -> Command {
    let who = WHO.to_owned();
    Command::RunUndo { run, who }
}

impl Bench {
    /// Nothing that is asked here waits for a remote or for a time.
    fn tries(&self, command: Command) -> Result<Json, CommandError> {
        let mut context = Context::from_waker(Waker::noop());
        let mut acting = pin!(self.engine.command(command));
        loop {
            if let Poll::Ready(done) = acting.as_mut().poll(&mut context) {
                return done;
            }
        }
    }

    fn does(&self, command: Command) -> Json {
        self.tries(command).unwrap()
    }

    fn is_refused(&self, command: Command, words: &str) {
        let Err(CommandError::Refused { message, hint }) = self.tries(command) else {
            panic!("it was not refused");
        };
        let said = format!("{message}; {hint}");
        assert!(said.contains(words), "{said}");
    }

    /// Takes a command so far that some links are decided and some are not, does this, and then
    /// brings it to its end if `go_on` says so; else what it does is dropped.
    fn midway(&self, command: Command, run: u64, meanwhile: impl FnOnce(), go_on: bool) {
        let mut context = Context::from_waker(Waker::noop());
        let mut acting = pin!(self.engine.command(command));
        while self.decided(run).len() < 100 {
            assert!(acting.as_mut().poll(&mut context).is_pending());
        }
        assert!(self.decided(run).len() < 200);
        meanwhile();
        while go_on && acting.as_mut().poll(&mut context).is_pending() {}
    }

    fn decided(&self, run: u64) -> Vec<Decided> {
        let read = self.engine.store.read().unwrap();
        read.decided_by(run, None, usize::MAX).unwrap()
    }

    fn run_row(&self, run: u64) -> Json {
        let after = None;
        let limit = 1;
        self.does(Command::RunShow { run, after, limit })["run"].clone()
    }

    /// Everything that run 1 decided was carried out.
    fn carry_out(&self) {
        let decided = self.decided(1);
        self.write(move |tx| {
            for mut one in decided {
                for decision in &mut one.decisions {
                    decision.zenskar.reached = true;
                    decision.state = DecisionState::Done(Timestamp::default());
                }
                tx.put_decided(&one)?;
                tx.put_differences(&one.link, &[])?;
            }
            Ok(())
        });
    }
}

#[test]
fn an_undoing_that_was_interrupted_goes_on_where_it_was() {
    // The process dies, and another one opens the store; or the task alone is dropped.
    for restarts in [true, false] {
        let mut bench = bench();
        bench.does(apply(&bench));
        bench.carry_out();
        bench.midway(
            undo(1),
            2,
            || bench.is_refused(undo(1), "run 1 is being taken back by run 2"),
            false,
        );
        if restarts {
            bench = bench.restarted();
        }
        let cut = bench.run_row(2);
        assert_eq!(cut["state"], "interrupted", "{cut}");
        let first = bench.decided(2);
        // What was decided before is left as it is, also where it was carried out meanwhile.
        bench.is_refused(undo(2), "zenstripe undo 1");
        let notice = bench.does(Command::Status)["notices"][0]["hint"].clone();
        assert!(notice.as_str().unwrap().contains("zenstripe undo 1"));
        bench.clock.set(Timestamp::from_seconds(2_000_000));
        let row = bench.does(undo(1));
        assert_eq!(row["run"], 2, "{row}");
        assert_eq!(row["state"], "under way", "{row}");
        assert_eq!(row["customers"], MANY, "{row}");
        assert_eq!(row["waiting"], MANY, "{row}");
        let all = bench.decided(2);
        assert_eq!(&all[..first.len()], &first[..]);
        bench.is_refused(undo(1), "undone already, by run 2");
        assert_eq!(bench.does(Command::Status)["notices"], json!([]));
        assert_eq!(bench.run_row(1)["undone_by"], 2);
    }
}

#[test]
fn what_an_interrupted_apply_wrote_is_undone_and_the_rest_is_another_plan() {
    for restarts in [true, false] {
        let mut bench = bench();
        let applying = apply(&bench);
        bench.midway(
            applying.clone(),
            1,
            || bench.is_refused(undo(1), "still being written down"),
            false,
        );
        if restarts {
            bench = bench.restarted();
        }
        let cut = bench.run_row(1);
        assert_eq!(cut["state"], "interrupted", "{cut}");
        bench.is_refused(applying, "run 1 applied it");
        let plan = bench.does(PLAN);
        let decided = cut["customers"].as_u64().unwrap();
        assert_eq!(plan["summary"]["customers"], MANY - decided, "{plan}");
        let rest = bench.does(apply(&bench));
        assert_eq!(rest["customers"], MANY - decided, "{rest}");
        bench.carry_out();
        let undone = bench.does(undo(1));
        assert_eq!(undone["customers"], decided, "{undone}");
        assert_eq!(undone["waiting"], decided, "{undone}");
    }
}

#[test]
fn what_differs_since_the_plan_was_shown_is_not_written_by_it() {
    let bench = bench();
    let applying = apply(&bench);
    let look = || {
        bench.write(|tx| {
            // After the hash was compared: another value, one more field, one more customer.
            tx.put_differences(&cus(300), &[differs(Field::Name, "Nobody saw this")])?;
            let both = [
                differs(Field::Name, "In Stripe"),
                differs(Field::Phone, "Nor this"),
            ];
            tx.put_differences(&cus(301), &both)?;
            let zenskar = ZenskarCustomerId::parse("zen-new").unwrap();
            let link = new_link(&cus(900), &zenskar, LinkProof::Person, Timestamp::default());
            tx.put_link(&link)?;
            tx.put_differences(&cus(900), &[differs(Field::Name, "Nor them")])
        });
    };
    bench.midway(applying, 1, look, true);
    let decided = bench.decided(1);
    let fields: usize = decided.iter().map(|one| one.decisions.len()).sum();
    assert_eq!(decided.len(), 349);
    assert_eq!(fields, 349);
    let about = |number| decided.iter().find(|one| one.link == cus(number));
    assert_eq!(about(300), None);
    assert_eq!(about(900), None);
    assert_eq!(about(301).unwrap().decisions[0].field, Field::Name);
    let plan = bench.does(PLAN);
    assert_eq!(plan["summary"]["fields"], 3, "{plan}");
}

#[test]
fn max_changes_bounds_what_the_canary_would_write() {
    let bench = bench();
    let Command::PlanApply { apply, who } = apply(&bench) else {
        unreachable!()
    };
    let ask = |canary, max_changes| Command::PlanApply {
        apply: Apply {
            canary,
            max_changes,
            ..apply.clone()
        },
        who: who.clone(),
    };
    bench.is_refused(ask(None, Some(349)), "try a part of it with --canary");
    bench.is_refused(ask(Some(11), Some(10)), "try fewer customers");
    let row = bench.does(ask(Some(10), Some(10)));
    assert_eq!(row["waiting"], 10, "{row}");
    assert_eq!(row["state"], "under way");
    assert_eq!(bench.does(PLAN)["summary"]["fields"], json!(340));
}
