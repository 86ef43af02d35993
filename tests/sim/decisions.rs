//! What people decide in two-way sync: conflicts resolved, plans applied, runs undone.

use crate::act::Act;
use crate::run::Run;
use zenstripe::engine::command::{Apply, Ask, Choice, Command};
use zenstripe::model::customer::{Address, Field, Value};
use zenstripe::model::difference::{Difference, Held};
use zenstripe::model::id::StripeCustomerId;
use zenstripe::model::link::{LinkState, Side};
use zenstripe::model::run::{DecisionState, RunKind};

/// Runs among which a person picks the one to take back.
const RUNS_SEEN: usize = 4;

impl Run {
    /// A person decides about a difference that some customer shows, if any does.
    pub(crate) async fn resolve(&mut self) {
        let shown = {
            let read = self.world.process.engine.store.read().unwrap();
            read.differences_list(None, usize::MAX).unwrap()
        };
        if shown.is_empty() {
            return;
        }
        let (id, differences) = &shown[self.pick(shown.len())];
        let one = &differences[self.pick(differences.len())];
        let choice = match self.random.between(0, 2) {
            0 => Choice::Take(Side::Stripe),
            1 => Choice::Take(Side::Zenskar),
            _ => Choice::Value(self.typed(one.field)),
        };
        self.count(match choice {
            Choice::Take(_) => "resolved with a side",
            Choice::Value(_) => "resolved with a typed value",
        });
        let command = Command::ConflictResolve {
            id: id.as_str().to_owned(),
            field: one.field.as_str().to_owned(),
            choice,
            who: "person".to_owned(),
        };
        self.world.act(Act::Command(command)).await;
    }

    fn typed(&mut self, field: Field) -> Value {
        let text = self.new_value(field);
        match field {
            Field::Address | Field::ShippingAddress => Value::Address(Address {
                line1: text,
                country: "FR".to_owned(),
                ..Address::default()
            }),
            _ => Value::text(&text),
        }
    }

    /// A person has a plan made, and has it written.
    pub(crate) async fn apply(&mut self) {
        let initial = match self.random.between(0, 2) {
            0 => None,
            1 => Some(Side::Stripe),
            _ => Some(Side::Zenskar),
        };
        let ask = Command::Plan(Ask {
            under: None,
            whole: true,
            initial,
            after: None,
            limit: 1,
        });
        let Ok(plan) = self.world.process.engine.command(ask).await else {
            return;
        };
        let Some(hash) = plan["hash"].as_str() else {
            return;
        };
        let canary = (self.random.between(0, 3) == 0).then_some(1);
        let apply = Apply {
            hash: hash.to_owned(),
            canary,
            max_changes: None,
        };
        self.count("plan applied");
        let who = "person".to_owned();
        let command = Command::PlanApply { apply, who };
        self.world.act(Act::Command(command)).await;
    }

    /// A person takes a run back that was not taken back before, or not wholly.
    pub(crate) async fn undo(&mut self) {
        let read = self.world.process.engine.store.read().unwrap();
        let is_cut = |by: u64| {
            let by = read.run(by).unwrap();
            by.is_some_and(|by| by.decided_at.is_none())
        };
        let runs: Vec<u64> = read
            .runs(None, RUNS_SEEN)
            .unwrap()
            .into_iter()
            .filter(|run| run.undone_by.is_none_or(is_cut))
            .map(|run| run.number)
            .collect();
        drop(read);
        if runs.is_empty() {
            return;
        }
        let run = runs[self.pick(runs.len())];
        self.count("run undone");
        let who = "person".to_owned();
        let command = Command::RunUndo { run, who };
        self.world.act(Act::Command(command)).await;
    }

    /// What people decided and what became of nothing: when all is quiet each decision was carried
    /// out, was overtaken, or waits for a person because a side refused it.
    pub(crate) fn undecided(&mut self) -> Vec<String> {
        let read = self.world.process.engine.store.read().unwrap();
        let mut wrong = Vec::new();
        let mut counts = Vec::new();
        for run in read.runs(None, usize::MAX).unwrap() {
            let mut known = zenstripe::model::run::RunCounts::default();
            for decided in read.decided_by(run.number, None, usize::MAX).unwrap() {
                known.customers += 1;
                known.add(&decided.decisions);
                for one in &decided.decisions {
                    match one.state {
                        DecisionState::Done(_) if matches!(run.kind, RunKind::Undo(_)) => {
                            counts.push("undoing carried out");
                        }
                        DecisionState::Done(_) => counts.push("decision carried out"),
                        DecisionState::Overtaken(_) => counts.push("decision overtaken"),
                        DecisionState::Waiting => {
                            let shown = read.differences(&decided.link).unwrap();
                            if self.is_in_force(&decided.link) && !is_refused(&shown, one.field) {
                                let link = &decided.link;
                                let field = one.field;
                                wrong.push(format!("run {} waits: {link} {field}", run.number));
                            }
                        }
                    }
                }
            }
            if known != run.counts {
                wrong.push(format!("run {} counts {:?}", run.number, run.counts));
            }
        }
        for name in counts {
            self.count(name);
        }
        wrong
    }

    /// Whether what a person decided about a field waits to be carried out.
    pub(crate) fn is_undecided(&self, stripe: &str, field: Field) -> bool {
        let id = StripeCustomerId::parse(stripe).unwrap();
        let read = self.world.process.engine.store.read().unwrap();
        let runs = read.runs(None, usize::MAX).unwrap().into_iter();
        let mut decided =
            runs.flat_map(|run| read.decided_by(run.number, None, usize::MAX).unwrap());
        decided.any(|decided| {
            let mut decisions = decided.decisions.iter();
            decided.link == id
                && decisions.any(|one| one.field == field && one.state == DecisionState::Waiting)
        })
    }

    fn is_in_force(&self, id: &StripeCustomerId) -> bool {
        let read = self.world.process.engine.store.read().unwrap();
        let link = read.link(id).unwrap();
        link.is_some_and(|link| link.state == LinkState::Active)
    }
}

fn is_refused(shown: &[Difference], field: Field) -> bool {
    let mut shown = shown.iter();
    shown.any(|one| one.field == field && one.why == Held::Refused)
}
