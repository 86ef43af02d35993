use super::*;
use crate::model::collection::Taken;
use crate::model::id::PaymentIntentId;
use crate::model::invoice::InvoiceStatus;
use crate::sync::testing::{collection, invoice, payment, usd};

const SETTLE: Duration = Duration::from_secs(120);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn taken(minor: i64, stage: Stage) -> Collection {
    Collection {
        intent: PaymentIntentId::parse("pi_1").ok(),
        charge: Some("ch_1".to_owned()),
        taken: Some(Taken {
            amount: usd(minor),
            at: at(1_000),
        }),
        ..collection(stage)
    }
}

fn look<'a>(invoice: &'a Invoice, payments: &'a [Payment]) -> Looked<'a> {
    Looked {
        invoice: Some(invoice),
        payments,
        complete: true,
        now: at(2_000),
    }
}

fn booking(amount: i64, part: i64, due_before: i64) -> Booking {
    Booking {
        amount,
        part,
        due_before,
        payment: None,
    }
}

#[test]
fn money_d17_what_is_there_is_not_booked_again() {
    let owes = invoice(10_000);
    let there = |id: &str| Step::There(PaymentId::parse(id).unwrap());
    let send = Step::Send(booking(10_000, 10_000, 10_000));
    let reversal = Payment {
        kind: "payment_reversal".to_owned(),
        ..payment("p-2", "pi_1", 10_000)
    };
    for (payments, expected) in [
        (vec![], send.clone()),
        (vec![payment("p-1", "pi_1", 10_000)], there("p-1")),
        (vec![payment("p-1", "ch_1", 10_000)], there("p-1")),
        (vec![payment("p-1", "py_1", 10_000)], send.clone()),
        // The filter's wildcards bring what is not it.
        (
            vec![payment("p-1", "pix1", 10_000), payment("p-3", "PI_1", 1)],
            send,
        ),
        (vec![reversal, payment("p-1", "pi_1", 10_000)], there("p-1")),
        (
            vec![
                payment("p-1", "pi_1", 10_000),
                payment("p-2", "ch_1", 10_000),
            ],
            Step::Twice(vec![
                PaymentId::parse("p-1").unwrap(),
                PaymentId::parse("p-2").unwrap(),
            ]),
        ),
        (
            vec![payment("p-1", "pi_1", 9_000)],
            Step::Differs {
                payment: PaymentId::parse("p-1").unwrap(),
                amount: 9_000,
            },
        ),
    ] {
        let collection = taken(10_000, Stage::Booking);
        let looked = look(&owes, &payments);
        let found = step(&collection, &looked, &Written::new(), SETTLE, true);
        assert_eq!(found, expected, "{payments:?}");
    }
}

#[test]
fn money_d17_an_unknown_booking_is_looked_for_twice_before_it_is_repeated() {
    let owes = invoice(10_000);
    for (sent, looks, expected) in [
        (1_990, 0, Step::Wait(at(2_110))),
        (1_800, 0, Step::Wait(at(2_120))),
        (1_800, 1, Step::Wait(at(2_120))),
        (1_800, 2, Step::Send(booking(10_000, 10_000, 10_000))),
    ] {
        let collection = Collection {
            attempts: looks,
            ..taken(10_000, Stage::BookingUnknown(at(sent)))
        };
        let looked = look(&owes, &[]);
        let found = step(&collection, &looked, &Written::new(), SETTLE, true);
        assert_eq!(found, expected, "{sent} {looks}");
        let partly = Looked {
            complete: false,
            ..looked
        };
        let found = step(&collection, &partly, &Written::new(), SETTLE, true);
        assert_eq!(
            found,
            Step::Wait(at(2_120)),
            "a part of a list proves nothing"
        );
    }
}

#[test]
fn money_c16_what_is_not_due_any_more_is_booked_unallocated_and_never_dropped() {
    let of = |status, due| Invoice {
        status,
        due,
        ..invoice(10_000)
    };
    for (invoice, part, due_before) in [
        (of(InvoiceStatus::Approved, 10_000), 10_000, 10_000),
        (of(InvoiceStatus::PartiallyPaid, 3_000), 3_000, 3_000),
        (of(InvoiceStatus::Paid, 0), 0, 0),
        (of(InvoiceStatus::Void, 10_000), 0, 0),
        (of(InvoiceStatus::Paid, -500), 0, 0),
    ] {
        let collection = taken(10_000, Stage::Booking);
        let whole = booking(10_000, part, due_before);
        let looked = look(&invoice, &[]);
        let found = step(&collection, &looked, &Written::new(), SETTLE, true);
        assert_eq!(found, Step::Send(whole.clone()), "{invoice:?}");
        let asked = step(&collection, &looked, &Written::new(), SETTLE, false);
        let expected = if part < 10_000 {
            Step::AskAboutRest(whole)
        } else {
            Step::Send(whole)
        };
        assert_eq!(asked, expected, "{invoice:?}");
    }
    let owes = invoice(1);
    let gone = Looked {
        invoice: None,
        ..look(&owes, &[])
    };
    let found = step(
        &taken(10_000, Stage::Booking),
        &gone,
        &Written::new(),
        SETTLE,
        true,
    );
    assert_eq!(found, Step::Send(booking(10_000, 0, 0)));
}

#[test]
fn money_c10_a_booking_is_over_when_the_invoice_owes_less() {
    let booked = booking(10_000, 10_000, 10_000);
    let paid = Invoice {
        status: InvoiceStatus::Paid,
        due: 0,
        ..invoice(10_000)
    };
    let there = payment("p-1", "pi_1", 10_000);
    let pending = Payment {
        status: "created".to_owned(),
        ..there.clone()
    };
    let elsewhere = Payment {
        parts: Vec::new(),
        ..there.clone()
    };
    for (invoice, payment, expected) in [
        (Some(&paid), Some(&there), true),
        (Some(&invoice(10_000)), Some(&there), false),
        (Some(&paid), None, false),
        (Some(&paid), Some(&pending), false),
        (Some(&paid), Some(&elsewhere), false),
        (None, Some(&there), false),
    ] {
        assert_eq!(is_settled(&booked, invoice, payment), expected);
    }
    assert!(is_settled(&booking(500, 0, 0), None, Some(&elsewhere)));
}

#[test]
fn money_d17_one_stripe_id_in_two_payments_is_found() {
    let refund = Payment {
        kind: "refund".to_owned(),
        ..payment("p-4", "pi_2", 5)
    };
    let payments = [
        payment("p-1", "pi_1", 5),
        payment("p-2", "pi_2", 5),
        payment("p-3", "pi_1", 5),
        refund,
    ];
    assert_eq!(booked_twice(&payments), ["pi_1"]);
}
