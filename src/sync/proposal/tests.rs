use super::*;
use crate::model::customer::Field;
use crate::sync::policy::ConflictRules;

fn difference(field: Field, why: Held, (stripe, zenskar): (&str, &str)) -> Difference {
    Difference {
        field,
        stripe: Value::text(stripe),
        zenskar: Value::text(zenskar),
        base: None,
        why,
    }
}

fn policy(direction: Direction, initial: Option<Side>, rule: Rule) -> Policy {
    Policy {
        direction: Some(direction),
        fields: Field::ALL.into(),
        initial,
        conflict: ConflictRules {
            default: rule,
            ..ConflictRules::default()
        },
        ..Policy::off()
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table reads as a whole")]
fn the_table() {
    use Held::{Conflict, Drift, Nested, NoBase, NotTaken, Refused, WouldBlank};
    use Proposal::{Ask, Write};
    use Side::{Stripe, Zenskar};
    let (import, export, both) = (
        Direction::From(Stripe),
        Direction::From(Zenskar),
        Direction::Both,
    );
    let (ask, newest, stripe) = (Rule::Ask, Rule::Newest, Rule::Side(Stripe));
    let (name, taxes) = (Field::Name, Field::TaxIds);
    let (differ, blank) = (("a", "b"), ("", "b"));
    // direction, initial, the field's rule, field, why, (stripe, zenskar), proposal
    for (direction, initial, rule, field, why, values, expected) in [
        // One-way, the source wins, whatever `initial` says.
        (import, None, ask, name, NoBase, differ, Write(Stripe)),
        (
            import,
            Some(Zenskar),
            ask,
            name,
            NoBase,
            differ,
            Write(Stripe),
        ),
        (export, None, ask, name, NoBase, differ, Write(Zenskar)),
        (import, None, ask, name, Drift, differ, Write(Stripe)),
        (export, None, ask, name, Drift, differ, Write(Zenskar)),
        // Both ways, whom `initial` names, where nothing was ever agreed.
        (both, None, ask, name, NoBase, differ, Ask),
        (both, Some(Stripe), ask, name, NoBase, differ, Write(Stripe)),
        (
            both,
            Some(Zenskar),
            ask,
            name,
            NoBase,
            differ,
            Write(Zenskar),
        ),
        // A conflict goes by the field's rule. When a field changed is not known any more.
        (both, Some(Zenskar), ask, name, Conflict, differ, Ask),
        (both, None, newest, name, Conflict, differ, Ask),
        (both, None, stripe, name, Conflict, differ, Write(Stripe)),
        (import, None, ask, name, Conflict, differ, Ask),
        // A blank erases nothing by itself.
        (
            import,
            None,
            ask,
            name,
            NoBase,
            blank,
            Proposal::WouldBlank(Stripe),
        ),
        (
            both,
            None,
            ask,
            name,
            WouldBlank,
            blank,
            Proposal::WouldBlank(Stripe),
        ),
        (export, None, ask, name, NoBase, blank, Write(Zenskar)),
        // Tax ids are never written to Stripe, so that Stripe is their source.
        (both, None, ask, taxes, NoBase, differ, Write(Stripe)),
        (both, None, ask, taxes, Drift, differ, Write(Stripe)),
        (export, None, ask, taxes, NoBase, differ, Ask),
        // What a side does not take needs another value.
        (both, Some(Stripe), stripe, name, NotTaken, differ, Ask),
        (import, None, ask, name, Refused, differ, Ask),
        (import, None, ask, name, Nested, differ, Ask),
    ] {
        let case = difference(field, why, values);
        let found = propose(&case, &policy(direction, initial, rule));
        assert_eq!(
            found, expected,
            "{direction:?} {initial:?} {rule:?} {case:?}"
        );
    }
}

#[test]
fn where_blanks_may_erase_a_plan_proposes_it() {
    let case = difference(Field::Name, Held::WouldBlank, ("", "b"));
    let allowed = Policy {
        allow_blank: true,
        ..policy(Direction::From(Side::Stripe), None, Rule::Ask)
    };
    assert_eq!(propose(&case, &allowed), Proposal::Write(Side::Stripe));
    let locale = difference(Field::Locale, Held::WouldBlank, ("fr", ""));
    let export = Policy {
        direction: Some(Direction::From(Side::Zenskar)),
        ..allowed
    };
    let found = propose(&locale, &export);
    assert_eq!(
        found,
        Proposal::WouldBlank(Side::Zenskar),
        "Stripe takes none"
    );
}

#[test]
fn nothing_is_proposed_while_sync_is_off_or_the_field_is_left_out() {
    let case = difference(Field::Name, Held::NoBase, ("a", "b"));
    assert_eq!(propose(&case, &Policy::off()), Proposal::Ask);
    let mut without = policy(Direction::From(Side::Stripe), None, Rule::Ask);
    without.fields.remove(&Field::Name);
    assert_eq!(propose(&case, &without), Proposal::Ask);
}

#[test]
fn a_choice_that_the_rules_do_not_carry_out_is_refused_at_once() {
    let case = difference(Field::Name, Held::Drift, ("a", "b"));
    let import = policy(Direction::From(Side::Stripe), None, Rule::Ask);
    assert_eq!(refuse(&take_side(&case, Side::Stripe), &import), None);
    let refused = refuse(&take_side(&case, Side::Zenskar), &import);
    assert_eq!(refused.map(|(side, _)| side), Some(Side::Stripe));
    let typed = take_value(&case, &Value::text("c"));
    assert_eq!(
        refuse(&typed, &import).map(|(side, _)| side),
        Some(Side::Stripe)
    );
    let both = policy(Direction::Both, None, Rule::Ask);
    assert_eq!(refuse(&typed, &both), None);
    assert!(refuse(&take_value(&case, &Value::Blank), &both).is_some());
}
