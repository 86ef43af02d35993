use super::*;
use crate::engine::command::{Command, Letters};
use crate::engine::redrive::Redriven;
use crate::engine::testing::Bench;
use crate::model::creation::{Creation, Stage};
use crate::model::id::StripeCustomerId;
use crate::model::time::Timestamp;
use crate::model::work::{DeadWork, Subject, Work};
use crate::sync::dead::DUE_MAX;
use serde_json::{Value as Json, json};

/// More than a list of reasons goes through.
const MANY: u64 = 5_200;

fn subject(number: u64) -> Subject {
    Subject::Customer(StripeCustomerId::parse(&format!("cus_{number}")).unwrap())
}

/// So many looks were given up, every tenth for another reason.
fn given_up(count: u64) -> Bench {
    let bench = Bench::new(Vec::new(), Vec::new());
    let now = bench.clock_now();
    bench.write(move |tx| {
        for number in 0..count {
            let what = DeadWork::Work(Work::new(subject(number), now));
            let reason = match number % 10 {
                0 => "answered 500".to_owned(),
                _ => format!("answered 422: cus_{number} is odd"),
            };
            tx.add_dead_letter(what, &reason, now, 3)?;
        }
        Ok(())
    });
    bench
}

impl Bench {
    fn order(&self, command: Command) -> Result<Json, CommandError> {
        self.run(self.engine.command(command))
    }

    fn retries(&self, which: Letters) -> Result<Json, CommandError> {
        let who = "ann".to_owned();
        self.order(Command::DeadRetry { which, who })
    }

    fn redrive(&self) -> Json {
        self.order(Command::Redrive).unwrap()
    }

    fn left(&self) -> u64 {
        self.engine.store.read().unwrap().dead_count().unwrap()
    }

    /// What was due was done.
    fn works(&self) {
        self.write(|tx| {
            for work in tx.due_work(Timestamp::from_micros(i64::MAX), usize::MAX)? {
                tx.remove_work(&work.subject)?;
            }
            Ok(())
        });
    }

    /// Goes on until the redrive is over, and says in how many steps.
    fn goes_on(&self) -> usize {
        let mut parts = 0;
        loop {
            self.works();
            match self.run(self.engine.redrive()).unwrap() {
                Redriven::Part => parts += 1,
                Redriven::Full => panic!("nothing is due"),
                Redriven::Idle => return parts,
            }
        }
    }
}

fn state(redrive: &Json) -> (&str, u64, u64) {
    let number = |name: &str| redrive[name].as_u64().unwrap();
    let state = redrive["state"].as_str().unwrap();
    (state, number("done"), number("total"))
}

#[test]
fn however_many_have_a_reason_all_are_tried_again() {
    let bench = given_up(MANY);
    let reasons = bench.order(Command::DeadReasons).unwrap();
    assert_eq!(reasons["rows"][0]["count"], 4_500, "{reasons}");
    assert_eq!(
        (&reasons["letters"], &reasons["left_out"]),
        (&json!(5_000), &json!(200))
    );
    let reason = reasons["rows"][0]["reason"].as_str().unwrap().to_owned();
    let begun = bench.retries(Letters::Reason(reason.clone())).unwrap();
    let told = "100 of 4680 tried again; the others follow by themselves";
    assert_eq!(begun, json!({ "message": told, "count": 100 }));
    // It waits for what is due, and adds to it when half is done.
    let step = || bench.run(bench.engine.redrive()).unwrap();
    assert_eq!(step(), Redriven::Full);
    assert_eq!(bench.left(), MANY - 100);
    let parts = bench.goes_on();
    assert!((45..=60).contains(&parts), "{parts} small transactions");
    let redrive = bench.redrive();
    assert_eq!(state(&redrive), ("done", 4_680, 4_680));
    assert_eq!(redrive["reason"], reason);
    assert_eq!(bench.left(), MANY - 4_680);
    let none = bench.retries(Letters::Reason("never".to_owned())).unwrap();
    assert_eq!(none["message"], "0 tried again");
    let all = bench.order(Command::DeadDrop {
        which: Letters::Reason("answered 500".to_owned()),
        who: "ann".to_owned(),
    });
    assert_eq!(all.unwrap()["count"], 520, "the same holds for dropping");
}

#[test]
fn a_redrive_goes_on_where_it_was_and_takes_no_letter_of_later() {
    let bench = given_up(250);
    bench.retries(Letters::All).unwrap();
    assert_eq!(state(&bench.redrive()), ("under way", 100, 250));
    let bench = bench.restarted();
    let now = bench.clock_now();
    bench.write(move |tx| {
        // One is gone meanwhile, and one is given up again.
        tx.remove_dead_letter(200)?;
        let what = DeadWork::Work(Work::new(subject(1), now));
        tx.add_dead_letter(what, "again", now, 1)
    });
    bench.goes_on();
    assert_eq!(state(&bench.redrive()), ("done", 249, 250));
    assert_eq!(bench.left(), 1);
    let journal = bench.journal();
    assert_eq!(journal[0], "redrive ended", "{journal:?}");
    // It is shown for a day.
    bench.later(86_399);
    bench.run(bench.engine.sweep()).unwrap();
    assert_ne!(bench.redrive(), Json::Null);
    bench.later(1);
    bench.run(bench.engine.sweep()).unwrap();
    assert_eq!(bench.redrive(), Json::Null);
}

#[test]
fn one_redrive_goes_on_at_a_time_and_can_be_stopped() {
    let bench = given_up(250);
    bench.retries(Letters::All).unwrap();
    let refused = bench.retries(Letters::Reason("answered 500".to_owned()));
    let refused = refused.unwrap_err().to_string();
    assert_eq!(
        refused,
        "dead letters are being tried again already: 100 of 250 were"
    );
    let cancel = || {
        let who = "bob".to_owned();
        bench.order(Command::RedriveCancel { who }).unwrap()
    };
    assert_eq!(
        cancel()["message"],
        "stopped: 100 of 250 were tried again, the others stay"
    );
    assert_eq!(cancel()["message"], "nothing is being tried again");
    bench.works();
    let step = bench.run(bench.engine.redrive()).unwrap();
    assert_eq!((step, bench.left()), (Redriven::Idle, 150));
    let redrive = bench.redrive();
    assert_eq!(state(&redrive), ("cancelled", 100, 250));
    assert_eq!(redrive["cancelled_by"], "bob");
    // Another one takes what is left.
    bench.retries(Letters::All).unwrap();
    bench.goes_on();
    assert_eq!(state(&bench.redrive()), ("done", 150, 150));
}

#[test]
fn few_are_tried_again_at_once_and_whatever_is_due_counts() {
    let bench = given_up(3);
    let done = bench.retries(Letters::All).unwrap();
    assert_eq!(done, json!({ "message": "3 tried again", "count": 3 }));
    let again = "dead letter retried";
    let journal = ["redrive ended", again, again, again, "redrive begun"];
    assert_eq!(bench.journal(), journal);
    let bench = given_up(3);
    let now = bench.clock_now();
    bench.write(move |tx| {
        for number in 0..u64::try_from(DUE_MAX).unwrap() {
            tx.put_creation(&Creation::new(subject(number), Stage::Waiting, now))?;
        }
        Ok(())
    });
    let done = bench.retries(Letters::All).unwrap();
    let told = "0 of 3 tried again; the others follow by themselves";
    assert_eq!(done["message"], told);
}
