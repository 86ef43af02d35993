use super::*;

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
        allow_blank: false,
    };
    let base = base.map(value);
    let (stripe, zenskar) = (value(now.0), value(now.1));
    let sides = Sides {
        base: base.as_ref(),
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
    };
    let (base, blank) = (value("a"), Value::Blank);
    let sides = Sides {
        base: Some(&base),
        stripe: &blank,
        zenskar: &base,
    };
    let step = merge(Field::Name, sides, &Evidence::default(), &policy);
    assert_eq!(step, Step::Write(Side::Zenskar));
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
        };
        let base = base.map(value);
        let (stripe, zenskar) = (value(now.0), value(now.1));
        let sides = Sides {
            base: base.as_ref(),
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
            allow_blank: false,
        };
        let base = Some(&base);
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
    };
    let (base, blank) = (value("fr"), Value::Blank);
    let sides = Sides {
        base: Some(&base),
        stripe: &base,
        zenskar: &blank,
    };
    let step = merge(Field::Locale, sides, &Evidence::default(), &policy);
    assert_eq!(step, Step::Hold(Held::WouldBlank));
    let step = merge(Field::Phone, sides, &Evidence::default(), &policy);
    assert_eq!(step, Step::Write(Side::Stripe));
}
