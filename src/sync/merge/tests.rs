use super::*;
use crate::model::time::Timestamp;
use crate::sync::evidence::Span;

const IMPORT: Direction = Direction::From(Side::Stripe);
const EXPORT: Direction = Direction::From(Side::Zenskar);

/// What the pending events say in one row of the table.
#[derive(Clone, Copy, Debug)]
enum Says {
    Nothing,
    Named(&'static str),
    Update,
}

fn value(text: &str) -> Value {
    Value::text(text)
}

fn step(direction: Option<Direction>, base: Option<&str>, now: (&str, &str), says: Says) -> Step {
    let mut evidence = Evidence::default();
    match says {
        Says::Nothing => {}
        Says::Named(before) => evidence.name(Field::Name, value(before)),
        Says::Update => evidence.unspecified(),
    }
    let policy = Policy {
        direction,
        fields: Field::ALL.into(),
        ..Policy::off()
    };
    let base = base.map(value);
    let (stripe, zenskar) = (value(now.0), value(now.1));
    let sides = Sides {
        base: base.as_ref().map(Base::same),
        stripe: &stripe,
        zenskar: &zenskar,
    };
    merge(Field::Name, sides, &evidence, &policy)
}

#[test]
fn the_table() {
    use Held::{Conflict, Drift, NoBase, WouldBlank};
    use Says::{Named, Nothing, Update};
    use Side::{Stripe, Zenskar};
    use Step::{Agree, Hold, Write};
    let both = Some(Direction::Both);
    let (import, export) = (Some(IMPORT), Some(EXPORT));
    // direction, base, (stripe, zenskar), events, step
    for (direction, base, now, says, expected) in [
        // Equal sides agree, whatever was agreed before and whoever may write.
        (import, Some("a"), ("a", "a"), Nothing, Agree),
        (import, Some("a"), ("b", "b"), Nothing, Agree),
        (import, None, ("b", "b"), Nothing, Agree),
        (None, None, ("b", "b"), Nothing, Agree),
        // One-way: the source's change moves, whatever the target holds.
        (import, Some("a"), ("b", "a"), Nothing, Write(Zenskar)),
        (import, Some("a"), ("b", "c"), Nothing, Write(Zenskar)),
        (export, Some("a"), ("a", "b"), Nothing, Write(Stripe)),
        // One-way: the target's edit stays.
        (import, Some("a"), ("a", "b"), Nothing, Hold(Drift)),
        (export, Some("a"), ("b", "a"), Nothing, Hold(Drift)),
        // One-way without base: an event must prove the change.
        (import, None, ("b", "a"), Nothing, Hold(NoBase)),
        (import, None, ("b", "a"), Named("a"), Write(Zenskar)),
        (import, None, ("b", "x"), Named("a"), Write(Zenskar)),
        (import, None, ("b", "x"), Update, Write(Zenskar)),
        (export, None, ("b", "a"), Named("a"), Hold(NoBase)),
        // Two-way with base.
        (both, Some("a"), ("b", "a"), Nothing, Write(Zenskar)),
        (both, Some("a"), ("a", "b"), Nothing, Write(Stripe)),
        (both, Some("a"), ("b", "c"), Nothing, Hold(Conflict)),
        // Two-way without base: the other side must still hold the old value.
        (both, None, ("b", "a"), Named("a"), Write(Zenskar)),
        (both, None, ("b", "x"), Named("a"), Hold(NoBase)),
        (both, None, ("b", "x"), Update, Hold(NoBase)),
        // A blank never erases.
        (import, Some("a"), ("", "a"), Nothing, Hold(WouldBlank)),
        (both, Some("a"), ("a", ""), Nothing, Hold(WouldBlank)),
        (import, Some(""), ("b", ""), Nothing, Write(Zenskar)),
        // Off.
        (None, Some("a"), ("b", "a"), Named("a"), Hold(Drift)),
        (None, None, ("b", "a"), Named("a"), Hold(NoBase)),
    ] {
        let row = format!("{direction:?} base {base:?} now {now:?} {says:?}");
        assert_eq!(step(direction, base, now, says), expected, "{row}");
    }
}

#[test]
fn a_blank_erases_where_that_is_allowed() {
    let policy = Policy {
        direction: Some(IMPORT),
        fields: Field::ALL.into(),
        allow_blank: true,
        ..Policy::off()
    };
    let (base, blank) = (value("a"), Value::Blank);
    let sides = Sides {
        base: Some(Base::same(&base)),
        stripe: &blank,
        zenskar: &base,
    };
    let step = merge(Field::Name, sides, &Evidence::default(), &policy);
    assert_eq!(step, Step::Write(Side::Zenskar));
}

#[test]
fn the_rule_of_a_conflict() {
    use Side::{Stripe, Zenskar};
    use Step::{Hold, Overrule};
    let span = |after: i64, until: i64| Span {
        after: Timestamp::from_seconds(after),
        until: Timestamp::from_seconds(until),
    };
    let ask = Hold(Held::Conflict);
    // rule, when Stripe's field changed, when Zenskar's did, step
    for (rule, stripe, zenskar, expected) in [
        (Rule::Ask, Some(span(1, 2)), Some(span(8, 9)), ask),
        (Rule::Side(Stripe), None, None, Overrule(Zenskar)),
        (Rule::Side(Zenskar), None, None, Overrule(Stripe)),
        (
            Rule::Newest,
            Some(span(1, 2)),
            Some(span(8, 9)),
            Overrule(Stripe),
        ),
        (
            Rule::Newest,
            Some(span(8, 9)),
            Some(span(1, 2)),
            Overrule(Zenskar),
        ),
        // Either may have been the later one.
        (Rule::Newest, Some(span(1, 8)), Some(span(2, 9)), ask),
        // Two clocks that are a second apart say nothing.
        (Rule::Newest, Some(span(1, 2)), Some(span(3, 9)), ask),
        (Rule::Newest, Some(span(1, 2)), None, ask),
        (Rule::Newest, None, None, ask),
    ] {
        let mut evidence = Evidence::default();
        for (side, span) in [(Stripe, stripe), (Zenskar, zenskar)] {
            if let Some(span) = span {
                evidence.changed_within(side, Field::Name, span);
            }
        }
        let mut policy = Policy {
            direction: Some(Direction::Both),
            fields: Field::ALL.into(),
            ..Policy::off()
        };
        policy.conflict.fields.insert(Field::Name, rule);
        let (base, ours, theirs) = (value("a"), value("b"), value("c"));
        let sides = Sides {
            base: Some(Base::same(&base)),
            stripe: &ours,
            zenskar: &theirs,
        };
        let row = format!("{rule:?} {stripe:?} {zenskar:?}");
        assert_eq!(
            merge(Field::Name, sides, &evidence, &policy),
            expected,
            "{row}"
        );
        // Another field keeps asking.
        let other = merge(Field::Phone, sides, &evidence, &policy);
        assert_eq!(other, ask, "{row}");
    }
}

#[test]
fn a_value_that_a_side_keeps_in_its_own_form_has_not_changed() {
    let (asked, kept, edited) = (value("Ann@x.com"), value("ann@x.com"), value("bea@x.com"));
    let base = Base {
        stripe: &asked,
        zenskar: &kept,
    };
    let step = |direction, stripe, zenskar| {
        let policy = Policy {
            direction: Some(direction),
            fields: Field::ALL.into(),
            ..Policy::off()
        };
        let sides = Sides {
            base: Some(base),
            stripe,
            zenskar,
        };
        merge(Field::Email, sides, &Evidence::default(), &policy)
    };
    for direction in [IMPORT, EXPORT, Direction::Both] {
        assert_eq!(step(direction, &asked, &kept), Step::Hold(Held::NotTaken));
    }
    // An edit of either side moves as if both had held the same.
    assert_eq!(
        step(Direction::Both, &edited, &kept),
        Step::Write(Side::Zenskar)
    );
    assert_eq!(
        step(Direction::Both, &asked, &edited),
        Step::Write(Side::Stripe)
    );
    assert_eq!(step(IMPORT, &asked, &edited), Step::Hold(Held::NotTaken));
}

#[test]
fn tax_ids_are_never_written_to_stripe() {
    use Held::{Conflict, Drift, NoBase};
    let both = Some(Direction::Both);
    for (direction, base, now, expected) in [
        (both, Some("a"), ("a", "b"), Step::Hold(Drift)),
        (Some(EXPORT), Some("a"), ("a", "b"), Step::Hold(Drift)),
        (Some(EXPORT), None, ("a", "b"), Step::Hold(NoBase)),
        (both, Some("a"), ("c", "b"), Step::Hold(Conflict)),
        (both, Some("a"), ("c", "a"), Step::Write(Side::Zenskar)),
        (
            Some(IMPORT),
            Some("a"),
            ("c", "a"),
            Step::Write(Side::Zenskar),
        ),
    ] {
        let policy = Policy {
            direction,
            fields: Field::ALL.into(),
            allow_blank: true,
            ..Policy::off()
        };
        let base = base.map(value);
        let (stripe, zenskar) = (value(now.0), value(now.1));
        let sides = Sides {
            base: base.as_ref().map(Base::same),
            stripe: &stripe,
            zenskar: &zenskar,
        };
        let step = merge(Field::TaxIds, sides, &Evidence::default(), &policy);
        assert_eq!(step, expected, "{direction:?} {base:?} {now:?}");
        assert!(!policy.allows(Field::TaxIds, Side::Stripe));
    }
}

#[test]
fn what_has_parts_is_held_whichever_side_it_is_on() {
    let nested = Value::Nested("[1]".to_owned());
    let (text, base) = (value("x"), value("a"));
    for (direction, stripe, zenskar) in [
        (IMPORT, &text, &nested),
        (EXPORT, &text, &nested),
        (EXPORT, &nested, &text),
    ] {
        let policy = Policy {
            direction: Some(direction),
            fields: Field::ALL.into(),
            ..Policy::off()
        };
        let base = Some(Base::same(&base));
        let sides = Sides {
            base,
            stripe,
            zenskar,
        };
        let step = merge(Field::Name, sides, &Evidence::default(), &policy);
        assert_eq!(step, Step::Hold(Held::Nested), "{direction:?}");
    }
}

#[test]
fn stripe_keeps_its_preferred_locale_whatever_is_allowed() {
    let policy = Policy {
        direction: Some(EXPORT),
        fields: Field::ALL.into(),
        allow_blank: true,
        ..Policy::off()
    };
    let (base, blank) = (value("fr"), Value::Blank);
    let sides = Sides {
        base: Some(Base::same(&base)),
        stripe: &base,
        zenskar: &blank,
    };
    let step = merge(Field::Locale, sides, &Evidence::default(), &policy);
    assert_eq!(step, Step::Hold(Held::WouldBlank));
    let step = merge(Field::Phone, sides, &Evidence::default(), &policy);
    assert_eq!(step, Step::Write(Side::Stripe));
}
