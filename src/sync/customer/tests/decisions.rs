//! What a person decided, carried out over looks and answers.

use super::*;
use crate::model::run::{Decision, Goal};
use crate::sync::proposal::{take_side, take_value};
use crate::sync::sending::after_answer;

/// Both sides changed "Ann", and the plan asked: Stripe holds "Bea", Zenskar holds "Cid".
fn conflict() -> Case {
    let mut case = Case::agreed("Ann");
    case.policy.direction = Some(Direction::Both);
    case.stripe = customer("Bea");
    case.zenskar = customer("Cid");
    let plan = case.plan();
    assert_eq!(plan.differences[0].why, Held::Conflict);
    case.apply(&plan);
    case
}

impl Case {
    fn decide(&mut self, decision: Decision) {
        self.decided.push(Decided {
            run: u64::try_from(self.decided.len()).unwrap() + 1,
            link: self.link.stripe.clone(),
            at: self.now,
            decisions: vec![decision],
        });
    }

    /// The look that follows, applied.
    fn look(&mut self) -> Plan {
        let plan = self.plan();
        self.apply(&plan);
        plan
    }

    /// The lowest open intent is sent, and answered with what the target holds from now on.
    fn deliver(&mut self) {
        self.deliver_as(Clone::clone);
    }

    fn deliver_as(&mut self, form: impl Fn(&Value) -> Value) {
        let at = self.intents.iter().position(Intent::is_open).unwrap();
        let intent = self.intents.remove(at);
        let changed = |customer: &Customer| {
            let mut fields = Fields::new();
            for field in Field::ALL {
                let kept = customer.value(field).unwrap().clone();
                let change = intent.changes.get(&field);
                fields.insert(field, change.map_or(kept, |change| form(&change.to)));
            }
            Customer::new(fields)
        };
        let target = match intent.target {
            Side::Stripe => &mut self.stripe,
            Side::Zenskar => &mut self.zenskar,
        };
        *target = changed(target);
        let decided = std::mem::take(&mut self.decided);
        let after = after_answer(&intent, target, &self.link.base, decided, self.now);
        self.link.base = after.base;
        self.decided = after.decided;
        self.held
            .retain(|one| !intent.changes.contains_key(&one.field));
        self.held.extend(after.not_taken);
    }

    fn last(&self) -> &DecisionState {
        &self.decided.last().unwrap().decisions[0].state
    }

    fn names(&self) -> (&Value, &Value) {
        let name = |customer: &'_ Customer| customer.value(Field::Name).cloned();
        assert!(name(&self.stripe).is_some() && name(&self.zenskar).is_some());
        (
            self.stripe.value(Field::Name).unwrap(),
            self.zenskar.value(Field::Name).unwrap(),
        )
    }

    fn is_done(&self) -> bool {
        *self.last() == DecisionState::Done(self.now)
    }

    fn is_overtaken(&self) -> bool {
        matches!(self.last(), DecisionState::Overtaken(_))
    }
}

#[test]
fn either_side_or_a_typed_value_is_written_to_whoever_holds_something_else() {
    type Choose = fn(&Difference) -> Decision;
    let choices: [(Choose, &str, usize); 3] = [
        (|one| take_side(one, Side::Stripe), "Bea", 1),
        (|one| take_side(one, Side::Zenskar), "Cid", 1),
        (|one| take_value(one, &Value::text("Dot")), "Dot", 2),
    ];
    for (choose, name, writes) in choices {
        let mut case = conflict();
        case.decide(choose(&case.held[0]));
        let plan = case.look();
        assert_eq!((plan.writes.len(), plan.differences.len()), (writes, 0));
        assert_eq!(
            case.look().writes,
            [],
            "{name}: planning again plans nothing"
        );
        for left in (0..writes).rev() {
            assert_eq!(case.link.base[&Field::Name], Value::text("Ann"), "{name}");
            case.deliver();
            assert_eq!(case.is_done(), left == 0, "{name}");
        }
        let name = Value::text(name);
        assert_eq!(case.names(), (&name, &name));
        assert_eq!(case.link.base[&Field::Name], name);
        assert_eq!(case.look().differences, []);
    }
}

#[test]
fn an_edit_in_between_overtakes_the_decision_and_is_asked_about() {
    for (sent, edit_stripe) in [(0, true), (0, false), (1, true), (1, false)] {
        let mut case = conflict();
        case.decide(take_value(&case.held[0], &Value::text("Dot")));
        case.look();
        for _ in 0..sent {
            case.deliver();
        }
        let edited = if edit_stripe {
            &mut case.stripe
        } else {
            &mut case.zenskar
        };
        *edited = customer("Eve");
        let plan = case.look();
        assert!(case.is_overtaken(), "{sent} sent, in Stripe: {edit_stripe}");
        assert_eq!(plan.writes, []);
        assert_eq!(plan.differences[0].why, Held::Conflict);
        assert_eq!(plan.base[&Field::Name], Value::text("Ann"));
    }
}

#[test]
fn a_side_that_took_the_value_and_was_set_back_is_edited_and_not_unwritten() {
    let mut case = conflict();
    case.decide(take_value(&case.held[0], &Value::text("Dot")));
    case.look();
    case.deliver();
    case.stripe = customer("Bea");
    case.look();
    assert!(case.is_overtaken());
}

#[test]
fn a_write_whose_answer_was_lost_is_seen_to_have_arrived() {
    let mut case = conflict();
    case.decide(take_side(&case.held[0], Side::Stripe));
    case.look();
    case.intents[0].progress = Progress::Unknown(case.now);
    case.zenskar = customer("Bea");
    let plan = case.look();
    assert_eq!(plan.arrived, [1]);
    assert!(case.is_done());
    assert_eq!(case.link.base[&Field::Name], Value::text("Bea"));
}

#[test]
fn a_refused_value_waits_for_another_decision() {
    let mut case = conflict();
    case.decide(take_value(&case.held[0], &Value::text("Dot")));
    case.look();
    case.deliver();
    case.intents[0].progress = Progress::Dead(case.now);
    let plan = case.look();
    assert_eq!(
        (plan.writes.len(), plan.differences[0].why),
        (0, Held::Refused)
    );
    assert_eq!(case.look().differences[0].why, Held::Refused, "it stays so");
    // Somebody types what Zenskar takes.
    case.decide(take_value(&case.held[0], &Value::text("Eve")));
    case.look();
    let first = &case.decided[0].decisions[0].state;
    assert!(matches!(first, DecisionState::Overtaken(_)), "{first:?}");
    assert!(
        case.intents.iter().all(Intent::is_open),
        "its dead letter is gone"
    );
    case.deliver();
    case.deliver();
    assert!(case.is_done());
    assert_eq!(case.names(), (&Value::text("Eve"), &Value::text("Eve")));
}

#[test]
fn a_value_that_is_taken_in_a_form_of_the_targets_own_is_not_written_again() {
    let mut case = conflict();
    case.decide(take_side(&case.held[0], Side::Stripe));
    case.look();
    case.deliver_as(|_| Value::text("BEA"));
    assert!(case.is_overtaken());
    for _ in 0..2 {
        let plan = case.look();
        assert_eq!(
            (plan.writes.len(), plan.differences[0].why),
            (0, Held::NotTaken)
        );
    }
}

#[test]
fn undoing_brings_back_the_values_and_the_conflict() {
    for typed in [false, true] {
        let mut case = conflict();
        case.decide(if typed {
            take_value(&case.held[0], &Value::text("Dot"))
        } else {
            take_side(&case.held[0], Side::Stripe)
        });
        case.look();
        while case.intents.iter().any(Intent::is_open) {
            case.deliver();
        }
        assert!(case.is_done());
        let base = case.link.base.get(&Field::Name);
        let back = decision::undo(&case.decided[0].decisions[0], base);
        case.decide(back.unwrap());
        case.look();
        while case.intents.iter().any(Intent::is_open) {
            case.deliver();
        }
        assert!(case.is_done());
        assert_eq!(case.names(), (&Value::text("Bea"), &Value::text("Cid")));
        assert_eq!(case.link.base[&Field::Name], Value::text("Ann"));
        let plan = case.look();
        assert_eq!(
            (plan.writes.len(), plan.differences[0].why),
            (0, Held::Conflict)
        );
    }
}

#[test]
fn undoing_leaves_a_field_alone_that_was_edited_since() {
    let mut case = conflict();
    case.decide(take_side(&case.held[0], Side::Stripe));
    case.look();
    case.deliver();
    let back = decision::undo(&case.decided[0].decisions[0], None).unwrap();
    case.stripe = customer("Eve");
    case.decide(back);
    let plan = case.look();
    assert!(case.is_overtaken());
    // The edit moves on as every edit does.
    assert_eq!(plan.writes[0].changes[&Field::Name].to, Value::text("Eve"));
}

#[test]
fn undoing_what_was_half_written_takes_back_that_half() {
    let mut case = conflict();
    case.decide(take_value(&case.held[0], &Value::text("Dot")));
    case.look();
    case.deliver();
    let half = case.decided[0].decisions[0].clone();
    decision::overtake(&mut case.decided, "undone", |_, _| true);
    case.decide(decision::undo(&half, Some(&Value::text("Ann"))).unwrap());
    case.look();
    while case.intents.iter().any(Intent::is_open) {
        case.deliver();
    }
    assert!(case.is_done());
    assert_eq!(case.names(), (&Value::text("Bea"), &Value::text("Cid")));
}

#[test]
fn a_decision_that_the_rules_no_longer_allow_is_dropped() {
    let chosen = |case: &Case| take_side(&case.held[0], Side::Zenskar);
    let mut one_way = conflict();
    one_way.decide(chosen(&one_way));
    one_way.policy.direction = Some(Direction::From(Side::Stripe));
    assert!(
        one_way
            .look()
            .writes
            .iter()
            .all(|write| write.target == Side::Zenskar)
    );
    assert!(one_way.is_overtaken());

    let mut left_out = conflict();
    left_out.decide(chosen(&left_out));
    left_out.policy.fields.remove(&Field::Name);
    assert_eq!(left_out.look().writes, []);
    assert!(left_out.is_overtaken());
}

#[test]
fn a_blank_erases_by_decision_only_where_it_may() {
    for (allow_blank, writes) in [(false, 0), (true, 1)] {
        let mut case = conflict();
        case.stripe = Customer::default();
        case.look();
        case.decide(take_side(&case.held[0], Side::Stripe));
        case.policy.allow_blank = allow_blank;
        assert_eq!(case.look().writes.len(), writes, "{allow_blank}");
    }
    // What a run wrote over a blank is ours to erase.
    let mut case = Case::agreed("Ann");
    let erase = Decision {
        field: Field::Name,
        stripe: Goal::keep(&Value::text("Ann")),
        zenskar: Goal::write(&Value::text("Ann"), &Value::Blank),
        base_before: Some(Value::text("Ann")),
        base_after: None,
        state: DecisionState::Waiting,
    };
    case.decide(erase);
    assert_eq!(case.look().writes.len(), 1);
}

#[test]
fn of_two_decisions_the_later_one_counts() {
    let mut case = conflict();
    let held = case.held[0].clone();
    case.decide(take_side(&held, Side::Stripe));
    case.decide(take_side(&held, Side::Zenskar));
    let plan = case.look();
    assert_eq!(plan.writes.len(), 1);
    assert_eq!(plan.writes[0].target, Side::Stripe);
    let first = &case.decided[0].decisions[0].state;
    assert!(matches!(first, DecisionState::Overtaken(_)));
}
