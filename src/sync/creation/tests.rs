use super::*;
use crate::model::customer::{Address, TaxId, Value};
use crate::model::difference;
use crate::sync::matching::Candidate;
use crate::sync::policy::Direction;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn cus(id: &str) -> StripeCustomerId {
    StripeCustomerId::parse(id).unwrap()
}

fn z(id: &str) -> ZenskarCustomerId {
    ZenskarCustomerId::parse(id).unwrap()
}

fn ann() -> Customer {
    Customer::new([(Field::Name, Value::text("Ann"))].into())
}

/// How a case differs from the plain one.
type Differs<T> = fn(&mut T);

/// Creating was switched on at second 100 of the system's clock.
const ON: Option<Since> = Some(Since {
    here: Timestamp::from_seconds(7),
    source: Some(Timestamp::from_seconds(100)),
});

/// A customer of Stripe that was made after that, and that nobody in Zenskar may be.
struct OfStripe {
    since: Option<Since>,
    ordered: bool,
    made_at: Option<i64>,
    customer: Option<Customer>,
    names: Option<&'static str>,
    search: Search,
}

/// What becomes of it, where it differs like this.
fn of_stripe(differs: impl FnOnce(&mut OfStripe)) -> Verdict {
    let mut case = OfStripe {
        since: ON,
        ordered: false,
        made_at: Some(101),
        customer: Some(ann()),
        names: None,
        search: Search {
            complete: true,
            ..Search::default()
        },
    };
    differs(&mut case);
    judge(&State {
        since: case.since,
        ordered: case.ordered,
        made_at: case.made_at.map(at),
        customer: case.customer.as_ref(),
        evidence: Evidence::InZenskar {
            names: case.names,
            search: &case.search,
        },
    })
}

fn may_be(id: &str, mapping: Mapping) -> Candidate {
    Candidate {
        id: z(id),
        mapping,
        metadata: false,
        external_id: false,
        email: true,
    }
}

fn untold() -> Option<Since> {
    ON.map(|since| Since {
        source: None,
        ..since
    })
}

#[test]
fn who_is_made_in_zenskar_and_when() {
    use Verdict::{Create, Off, Offer};
    let not_on = |case: &mut OfStripe| case.since = None;
    let old = |case: &mut OfStripe| case.made_at = Some(100);
    let ordered = |case: &mut OfStripe| case.ordered = true;
    let untimed = |case: &mut OfStripe| case.made_at = None;
    let untold = |case: &mut OfStripe| case.since = untold();

    assert_eq!(of_stripe(|_| {}), Create, "made after it was switched on");
    assert_eq!(of_stripe(not_on), Off, "it is not switched on");
    assert_eq!(of_stripe(old), Offer, "made before, or in that second");
    assert_eq!(of_stripe(untimed), Offer, "it does not say when");
    assert_eq!(of_stripe(untold), Offer, "Stripe has not told its time");
    assert_eq!(of_stripe(ordered), Create);
    let and_ordered = |differs: fn(&mut OfStripe)| {
        of_stripe(|case| {
            differs(case);
            case.ordered = true;
        })
    };
    assert_eq!(and_ordered(|case| case.made_at = Some(100)), Create);
    assert_eq!(and_ordered(|case| case.made_at = None), Create);
    assert_eq!(
        and_ordered(|case| case.since = None),
        Off,
        "no order widens it"
    );
}

#[test]
fn who_is_not_made_in_zenskar_and_why() {
    let others = Mapping::Names(cus("cus_2"));
    let doubts: [(&str, Doubt, Differs<OfStripe>); 5] = [
        ("it is deleted", Doubt::Deleted, |case| case.customer = None),
        ("it has no name", Doubt::Nameless, |case| {
            case.customer = Some(Customer::default());
        }),
        ("the search was cut short", Doubt::Incomplete, |case| {
            case.search.complete = false;
        }),
        (
            "it names one that is not there",
            Doubt::Names("z-9".into()),
            |case| {
                case.names = Some("z-9");
            },
        ),
        (
            "one has its address",
            Doubt::Candidates(vec![z("z-1")]),
            |case| {
                case.search.candidates = vec![may_be("z-1", Mapping::Nothing)];
            },
        ),
    ];
    for (why, doubt, differs) in doubts {
        let verdict = of_stripe(differs);
        assert_eq!(verdict, Verdict::Doubt(doubt.clone()), "{why}");
        let ordered = of_stripe(|case| {
            differs(case);
            (case.ordered, case.made_at) = (true, Some(100));
        });
        assert_eq!(
            ordered,
            Verdict::Doubt(doubt),
            "{why}: an order settles no doubt"
        );
    }
    let two = of_stripe(|case| {
        let second = may_be("z-2", Mapping::NoAnswer);
        case.search.candidates = vec![may_be("z-1", others), second];
    });
    let both = Doubt::Candidates(vec![z("z-1"), z("z-2")]);
    assert_eq!(two, Verdict::Doubt(both), "whosever they are");
}

/// A customer of Zenskar that was made after creating was switched on, and that nobody in Stripe
/// may be.
struct OfZenskar {
    ordered: bool,
    made_at: i64,
    customer: Option<Customer>,
    mapping: Mapping,
    held: Option<Held>,
}

/// What becomes of it, where it differs like this.
fn of_zenskar(differs: impl FnOnce(&mut OfZenskar)) -> Verdict {
    let mut case = OfZenskar {
        ordered: false,
        made_at: 101,
        customer: Some(ann()),
        mapping: Mapping::Nothing,
        held: Some(Held::default()),
    };
    differs(&mut case);
    judge(&State {
        since: ON,
        ordered: case.ordered,
        made_at: Some(at(case.made_at)),
        customer: case.customer.as_ref(),
        evidence: Evidence::InStripe {
            mapping: &case.mapping,
            held: case.held.as_ref(),
        },
    })
}

#[test]
fn who_is_made_in_stripe_and_when() {
    use Verdict::{AskStripe, Create, Offer};
    let unasked = |case: &mut OfZenskar| case.held = None;
    let old = |case: &mut OfZenskar| case.made_at = 100;
    let old_unasked = |case: &mut OfZenskar| (case.made_at, case.held) = (100, None);
    let ordered = |case: &mut OfZenskar| (case.made_at, case.ordered) = (100, true);
    let ordered_unasked = |case: &mut OfZenskar| {
        ordered(case);
        case.held = None;
    };
    assert_eq!(of_zenskar(|_| {}), Create);
    assert_eq!(of_zenskar(unasked), AskStripe);
    assert_eq!(of_zenskar(old), Offer);
    assert_eq!(of_zenskar(old_unasked), Offer, "not worth a read of Stripe");
    assert_eq!(of_zenskar(ordered_unasked), AskStripe);
    assert_eq!(of_zenskar(ordered), Create);
}

#[test]
fn who_is_not_made_in_stripe_and_why() {
    let external = |deleted| Doubt::External(cus("cus_1"), deleted);
    let doubts: [(&str, Doubt, Differs<Held>); 4] = [
        ("its external id names one", external(false), |held| {
            held.external = Some((cus("cus_1"), false));
        }),
        ("that names a deleted one", external(true), |held| {
            held.external = Some((cus("cus_1"), true));
        }),
        ("one has its address", Doubt::EmailTaken, |held| {
            held.email = true;
        }),
        ("one names it", Doubt::NamedBy(cus("cus_3")), |held| {
            held.names_it = Some(cus("cus_3"));
        }),
    ];
    for (why, doubt, holds) in doubts {
        let verdict = of_zenskar(|case| {
            case.ordered = true;
            holds(case.held.as_mut().unwrap());
        });
        assert_eq!(verdict, Verdict::Doubt(doubt), "{why}");
    }
    let deleted = of_zenskar(|case| case.customer = None);
    assert_eq!(deleted, Verdict::Doubt(Doubt::Deleted));
    let silent = of_zenskar(|case| case.mapping = Mapping::NoAnswer);
    assert_eq!(
        silent,
        Verdict::Doubt(Doubt::Unanswered),
        "no answer is none"
    );
    let mapped = of_zenskar(|case| case.mapping = Mapping::Names(cus("cus_2")));
    assert_eq!(mapped, Verdict::Doubt(Doubt::Mapped(cus("cus_2"))));
}

#[test]
fn switched_on_is_remembered_by_side_and_begins_anew_after_off() {
    let (none, both) = (
        Creates::default(),
        Creates {
            stripe: true,
            zenskar: true,
        },
    );
    let zenskar = Creates {
        stripe: false,
        ..both
    };
    let clocks = |here, stripe, zenskar| Clocks {
        here: at(here),
        stripe: Some(at(stripe)),
        zenskar,
    };
    let first = Switched::default().under(zenskar, clocks(1, 101, None));
    let since = |here, source| {
        Some(Since {
            here: at(here),
            source,
        })
    };
    assert_eq!(first.zenskar, since(1, Some(at(101))));
    assert_eq!(first.stripe, None);
    // Zenskar's clock is not known at first, and is filled in when it is.
    let wider = first.under(both, clocks(2, 102, None));
    assert!(wider.is_wider_than(&first) && !first.is_wider_than(&wider));
    assert_eq!(wider.zenskar, since(1, Some(at(101))));
    assert_eq!(wider.stripe, since(2, None));
    let told = wider.under(both, clocks(3, 103, Some(at(203))));
    assert_eq!(told.stripe, since(2, Some(at(203))));
    assert_eq!(told.under(both, clocks(4, 104, Some(at(204)))), told);
    assert!(!told.is_wider_than(&wider));
    let again = told
        .under(none, clocks(5, 105, None))
        .under(zenskar, clocks(6, 106, None));
    assert_eq!(again.zenskar, since(6, Some(at(106))));
}

fn policy(fields: impl IntoIterator<Item = Field>) -> Policy {
    Policy {
        direction: Some(Direction::Both),
        fields: fields.into_iter().collect(),
        ..Policy::off()
    }
}

#[test]
fn it_is_given_the_selected_fields_that_hold_something() {
    let address = Address {
        city: "Paris".into(),
        ..Address::default()
    };
    let id = TaxId {
        id: "DE1".into(),
        ..TaxId::default()
    };
    let whole = Fields::from([
        (Field::Name, Value::text("Ann")),
        (Field::Email, Value::text("ann@example.com")),
        (Field::ShippingName, Value::text("Bea")),
        (Field::ShippingAddress, Value::Address(address)),
        (Field::TaxIds, Value::TaxIds([id].into())),
    ]);
    let customer = Customer::new(whole.clone());
    let given = |customer: &Customer, target, fields: &[Field]| -> Vec<Field> {
        let policy = policy(fields.iter().copied());
        values(customer, target, &policy).into_keys().collect()
    };
    assert_eq!(values(&customer, Side::Zenskar, &policy(Field::ALL)), whole);
    // Tax ids are objects of their own in Stripe.
    let but_tax_ids = [
        Field::Name,
        Field::Email,
        Field::ShippingName,
        Field::ShippingAddress,
    ];
    assert_eq!(given(&customer, Side::Stripe, &Field::ALL), but_tax_ids);
    let email = [Field::Email];
    assert_eq!(given(&customer, Side::Stripe, &email), email);
    assert_eq!(
        given(&customer, Side::Zenskar, &email),
        [Field::Name, Field::Email]
    );
    // A shipping that Stripe would refuse does not keep the rest from being made.
    let mut parts = whole;
    parts.remove(&Field::ShippingAddress);
    let part = Customer::new(parts);
    assert_eq!(
        given(&part, Side::Stripe, &Field::ALL),
        [Field::Name, Field::Email]
    );
}

#[test]
fn a_link_begins_with_what_the_answer_shows_of_what_was_given() {
    let text = |field, text| (field, Value::text(text));
    let source =
        Customer::new([text(Field::Name, "Ann later"), text(Field::Email, "A@b.c")].into());
    let made = Customer::new([text(Field::Name, "Ann"), text(Field::Email, "a@b.c")].into());
    let made = made.without(Field::Address);
    let sent = [text(Field::Name, "Ann"), text(Field::Email, "A@b.c")].into();
    let policy = policy([Field::Name, Field::Email, Field::Phone, Field::Address]);
    let begins = |target, shown| beginning(&sent, &source, (target, &made, shown), &policy);
    let both = [text(Field::Name, "Ann"), (Field::Phone, Value::Blank)];
    // Nobody can have edited it since, so its form of the address is its own.
    for (target, stripe, zenskar) in [
        (Side::Zenskar, "A@b.c", "a@b.c"),
        (Side::Stripe, "a@b.c", "A@b.c"),
    ] {
        let begun = begins(target, Shown::ByAnswer);
        let mut agreed = Fields::from(both.clone());
        agreed.insert(Field::Email, Value::text("A@b.c"));
        assert_eq!(begun.base, agreed);
        let own = Difference {
            field: Field::Email,
            stripe: Value::text(stripe),
            zenskar: Value::text(zenskar),
            base: Some(Value::text("A@b.c")),
            why: difference::Held::NotTaken,
        };
        assert_eq!(begun.not_taken, [own]);
    }
    // A later look tells lower case from an edit, and nothing else.
    let begun = begins(Side::Zenskar, Shown::Later);
    assert_eq!(begun, begins(Side::Zenskar, Shown::ByAnswer));
    let edited = Customer::new([text(Field::Name, "Ann"), text(Field::Email, "bea@b.c")].into());
    let edited = (Side::Zenskar, &edited.without(Field::Address), Shown::Later);
    let begun = beginning(&sent, &source, edited, &policy);
    assert_eq!((begun.base, begun.not_taken), (Fields::from(both), vec![]));
}
