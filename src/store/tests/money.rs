//! Invoices, collections, charge runs and the freeze, as the store keeps them.

use super::{at, memory, write};
use crate::model::charge::{ChargeLine, ChargeRun, LineCounts, LineState};
use crate::model::collection::{Collection, Ending, Stage, Taken};
use crate::model::freeze::Freeze;
use crate::model::id::{InvoiceId, PaymentIntentId, SessionId};
use crate::model::invoice::{Invoice, InvoiceStatus};
use crate::model::time::Timestamp;
use crate::store::{CollectionCounts, SeenInvoice, WriteTx};
use crate::sync::testing::{collection, invoice, usd};

fn id(text: &str) -> InvoiceId {
    InvoiceId::parse(text).unwrap()
}

fn seen(of: &str, due: Option<i64>) -> SeenInvoice {
    SeenInvoice {
        invoice: Invoice {
            id: id(of),
            due_date: due.map(at),
            ..invoice(10_000)
        },
        seen_at: at(1),
        looked_at: None,
        gone: false,
    }
}

fn of(invoice: &str, number: u64, stage: Stage) -> Collection {
    Collection {
        invoice: id(invoice),
        number,
        ..collection(stage)
    }
}

fn run(number: u64) -> ChargeRun {
    ChargeRun {
        number,
        by: "ann".to_owned(),
        at: at(1),
        counts: LineCounts::default(),
        order: None,
        paused_at: None,
    }
}

fn line(run: u64, invoice: &str, due: i64) -> ChargeLine {
    ChargeLine {
        run,
        invoice: id(invoice),
        name: "INV-1".to_owned(),
        confirmed: Some(usd(10_000)),
        state: LineState::Waiting,
        due_at: at(due),
        note: None,
    }
}

/// A row in every table of money.
pub(super) fn fill(tx: &mut WriteTx<'_>) {
    tx.put_invoice(&seen("i-1", Some(9))).unwrap();
    let begun = Collection {
        intent: PaymentIntentId::parse("pi_1").ok(),
        ..of("i-1", 1, Stage::Open)
    };
    assert!(tx.begin_collection(&begun).unwrap());
    let number = tx.next_charge_run_number().unwrap();
    tx.put_charge_run(&run(number)).unwrap();
    tx.put_charge_line(&line(number, "i-1", 3)).unwrap();
    tx.put_charge_key(&[4; 32], number).unwrap();
}

#[test]
fn open_invoices_are_listed_by_their_due_date() {
    let store = memory();
    write(&store, |tx| {
        for (name, due) in [("i-3", None), ("i-2", Some(5)), ("i-1", Some(9))] {
            tx.put_invoice(&seen(name, due)).unwrap();
        }
    });
    let names = |after: Option<&(Timestamp, InvoiceId)>, limit| {
        let open = store.read().unwrap().open_invoices(after, limit).unwrap();
        let names = open.iter().map(|seen| seen.invoice.id.to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(None, 9), ["i-2", "i-1", "i-3"]);
    assert_eq!(names(Some(&(at(5), id("i-2"))), 1), ["i-1"]);
    write(&store, |tx| {
        let mut paid = seen("i-2", Some(5));
        paid.invoice.status = InvoiceStatus::Paid;
        paid.invoice.due = 0;
        // A list shows no currency.
        paid.invoice.currency = None;
        tx.put_invoice(&paid).unwrap();
        tx.put_invoice(&seen("i-1", Some(2))).unwrap();
        let gone = SeenInvoice {
            gone: true,
            ..seen("i-3", None)
        };
        tx.put_invoice(&gone).unwrap();
    });
    assert_eq!(names(None, 9), ["i-1"]);
    let read = store.read().unwrap();
    assert_eq!(read.open_invoice_count().unwrap(), 1);
    let paid = read.invoice(&id("i-2")).unwrap().unwrap();
    assert_eq!(paid.invoice.currency, invoice(1).currency);
    let numbered = |number| read.invoices_numbered(number, 9).unwrap().len();
    assert_eq!(
        (numbered("INV-1"), numbered("INV-2"), numbered("INV")),
        (3, 0, 0)
    );
}

#[test]
fn money_c10_the_store_gives_a_lease_once() {
    let store = memory();
    write(&store, |tx| {
        let number = tx.next_collection_number(&id("i-1")).unwrap();
        let first = of("i-1", number, Stage::Waiting);
        assert!(tx.begin_collection(&first).unwrap());
        let number = tx.next_collection_number(&id("i-1")).unwrap();
        assert_eq!(number, 2);
        let second = of("i-1", number, Stage::Waiting);
        assert!(!tx.begin_collection(&second).unwrap());
        assert!(tx.begin_collection(&of("i-2", 1, Stage::Waiting)).unwrap());
        let ended = first
            .clone()
            .at_stage(Stage::Ended(Ending::Canceled), at(2_000));
        assert!(tx.move_collection(&first, &ended).unwrap());
        // Who read it before it moved does not move it.
        assert!(!tx.move_collection(&first, &first).unwrap());
        assert!(tx.begin_collection(&second).unwrap());
    });
    let read = store.read().unwrap();
    assert_eq!(read.collections_of(&id("i-1")).unwrap().len(), 2);
    assert_eq!(read.collections_of(&id("i-10")).unwrap(), []);
}

#[test]
fn collections_are_found_by_what_is_due_by_time_and_by_object() {
    let store = memory();
    let taken = |first: &Collection| Collection {
        taken: Some(Taken {
            amount: usd(10_000),
            at: at(5),
        }),
        intent: PaymentIntentId::parse("pi_1").ok(),
        session: SessionId::parse("cs_1").ok(),
        ..first.clone().at_stage(Stage::Booking, at(5))
    };
    let first = of("i-1", 1, Stage::Open);
    let booking = taken(&first);
    let rows = (first, booking.clone());
    write(&store, move |tx| {
        let (first, booking) = rows;
        tx.begin_collection(&first).unwrap();
        assert!(tx.move_collection(&first, &booking).unwrap());
        let later = Collection {
            decided_at: at(2_000),
            ..of("i-2", 1, Stage::Waiting)
        };
        tx.begin_collection(&later).unwrap();
    });
    let read = store.read().unwrap();
    let due = read.due_collections(at(5), 9).unwrap();
    assert_eq!(due, std::slice::from_ref(&booking));
    assert_eq!(read.next_collection_due().unwrap(), Some(at(5)));
    for object in ["pi_1", "cs_1"] {
        let found = read.collections_with(object).unwrap();
        assert_eq!(found, std::slice::from_ref(&booking));
    }
    assert_eq!(read.collections_with("pi_").unwrap(), []);
    let counts = CollectionCounts {
        open: 2,
        unbooked: 1,
        awaiting_person: 0,
    };
    assert_eq!(read.collection_counts().unwrap(), counts);
    let latest = read.collections(None, 1).unwrap();
    assert_eq!(latest[0].invoice, id("i-2"));
    let before = (latest[0].decided_at, &latest[0].invoice, latest[0].number);
    assert_eq!(read.collections(Some(before), 9).unwrap().len(), 1);
    assert_eq!(read.collections_since(at(2_000)).unwrap().len(), 1);
    let waiting = Collection {
        due_at: None,
        ..booking.clone()
    };
    write(&store, move |tx| {
        tx.move_collection(&booking, &waiting).unwrap();
    });
    let read = store.read().unwrap();
    assert_eq!(read.collection_counts().unwrap().awaiting_person, 1);
    assert_eq!(read.due_collections(at(9), 9).unwrap(), []);
}

#[test]
fn lines_of_a_run_have_their_turn_until_it_is_interrupted() {
    let store = memory();
    write(&store, |tx| {
        for number in [1, 2] {
            tx.put_charge_run(&run(number)).unwrap();
            tx.put_charge_line(&line(number, "i-1", 3)).unwrap();
            tx.put_charge_line(&line(number, "i-2", 9)).unwrap();
        }
    });
    let due = |now, limit| {
        let lines = store.read().unwrap().due_lines(at(now), limit).unwrap();
        let lines = lines.into_iter().map(|line| (line.run, line.invoice));
        lines.collect::<Vec<_>>()
    };
    assert_eq!(due(3, 9), [(1, id("i-1")), (2, id("i-1"))]);
    assert_eq!(due(9, 3).len(), 3);
    write(&store, |tx| {
        let begun = ChargeLine {
            state: LineState::Begun(1),
            ..line(1, "i-1", 3)
        };
        tx.put_charge_line(&begun).unwrap();
        let paused = ChargeRun {
            paused_at: Some(at(4)),
            ..tx.charge_run(2).unwrap().unwrap()
        };
        tx.put_charge_run(&paused).unwrap();
    });
    assert_eq!(due(8, 9), []);
    let read = store.read().unwrap();
    assert_eq!(read.next_line_due().unwrap(), Some(at(9)));
    let counts = LineCounts {
        waiting: 1,
        begun: 1,
        skipped: 0,
    };
    assert_eq!(read.charge_run(1).unwrap().unwrap().counts, counts);
    assert_eq!(read.charge_runs(None, 1).unwrap()[0].number, 2);
    let lines = read.charge_lines(1, Some(&id("i-1")), 9).unwrap();
    assert_eq!(lines.len(), 1);
    write(&store, |tx| {
        let skipped = ChargeLine {
            state: LineState::Skipped("paid".to_owned()),
            ..line(1, "i-2", 9)
        };
        tx.put_charge_line(&skipped).unwrap();
    });
    let read = store.read().unwrap();
    assert_eq!(read.next_line_due().unwrap(), None);
    assert_eq!(read.charge_run(1).unwrap().unwrap().counts.waiting, 0);
}

#[test]
fn a_freeze_stays_until_it_is_ended() {
    let store = memory();
    let freeze = Freeze {
        at: at(1),
        by: "ann".to_owned(),
        reason: "audit".to_owned(),
    };
    let frozen = freeze.clone();
    write(&store, move |tx| {
        tx.set_freeze(Some(&frozen)).unwrap();
        tx.set_native_off_since(Some(at(7))).unwrap();
    });
    let read = store.read().unwrap();
    assert_eq!(read.freeze().unwrap(), Some(freeze));
    assert_eq!(read.native_off_since().unwrap(), Some(at(7)));
    assert_eq!(read.epoch().unwrap(), 1);
    write(&store, |tx| {
        tx.set_freeze(None).unwrap();
        tx.set_native_off_since(None).unwrap();
    });
    let read = store.read().unwrap();
    assert_eq!(read.freeze().unwrap(), None);
    assert_eq!(read.native_off_since().unwrap(), None);
}
