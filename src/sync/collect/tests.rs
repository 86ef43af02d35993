use super::*;
use crate::model::collection::{Decline, Ending, Stage, Taken};
use crate::model::invoice::InvoiceStatus;
use crate::sync::testing::{collection, invoice, payment, usd};

fn rules() -> Rules {
    Rules {
        native: Native::Off,
        is_paired: true,
        live: false,
        links: true,
        written: Written::new(),
        consolidated: false,
    }
}

fn lines(digits: i64) -> LinesTotal {
    LinesTotal {
        digits,
        decimals: 0,
        currency: None,
    }
}

fn look<'a>(
    invoice: &'a Invoice,
    lines: &'a LinesTotal,
    payments: &'a [Payment],
    ours: &'a [Collection],
) -> Looked<'a> {
    Looked {
        invoice,
        lines,
        payments,
        complete: true,
        ours,
        contract_currency: None,
    }
}

#[test]
fn money_a1_nothing_is_collected_until_somebody_says_who_collects() {
    let unsaid = Rules {
        native: Native::Unsaid,
        ..rules()
    };
    let theirs = Rules {
        native: Native::Present {
            links: false,
            charge: true,
            transfers: false,
        },
        ..rules()
    };
    for (rules, rail, expected) in [
        (&unsaid, Rail::Charge, Err(Refusal::NativeUnsaid)),
        (&rules(), Rail::Charge, Ok(())),
        (&theirs, Rail::Charge, Ok(())),
        (&theirs, Rail::Link, Err(Refusal::NotOurs(Rail::Link))),
        (
            &theirs,
            Rail::Transfer,
            Err(Refusal::NotOurs(Rail::Transfer)),
        ),
    ] {
        assert_eq!(permit(rail, rules, None, &[]), expected, "{rail}");
    }
}

#[test]
fn money_a3_test_money_is_never_booked_into_a_live_organisation() {
    let mixed = Rules {
        is_paired: false,
        ..rules()
    };
    let refused = permit(Rail::Charge, &mixed, None, &[]);
    assert_eq!(refused, Err(Refusal::NotPaired { live: false }));
}

#[test]
fn money_b6_links_are_off_until_they_are_switched_on() {
    let off = Rules {
        links: false,
        ..rules()
    };
    assert_eq!(permit(Rail::Link, &off, None, &[]), Err(Refusal::LinksOff));
    assert_eq!(permit(Rail::Charge, &off, None, &[]), Ok(()));
}

#[test]
fn money_b8_a_freeze_stops_every_rail() {
    for rail in [Rail::Link, Rail::Charge, Rail::Transfer] {
        let refused = permit(rail, &rules(), Some("ann said so"), &[]);
        assert_eq!(refused, Err(Refusal::Frozen("ann said so".to_owned())));
    }
}

#[test]
fn money_c10_one_collection_at_a_time_whatever_its_rail() {
    let since = Timestamp::from_seconds(1);
    for (stage, holds) in [
        (Stage::Waiting, true),
        (Stage::Unknown(since), true),
        (Stage::Open, true),
        (Stage::Closing(Ending::Canceled), true),
        (Stage::Booking, true),
        (Stage::BookingUnknown(since), true),
        (Stage::Settling, true),
        (Stage::Booked, false),
        (Stage::Ended(Ending::Declined(Decline::default())), false),
        (Stage::Ended(Ending::Expired), false),
    ] {
        let held = [collection(stage.clone())];
        for rail in [Rail::Link, Rail::Charge, Rail::Transfer] {
            let leased = matches!(
                permit(rail, &rules(), None, &held),
                Err(Refusal::Leased { number: 1, .. })
            );
            assert_eq!(leased, holds, "{stage:?}");
        }
    }
}

#[test]
fn money_c10_the_amount_is_the_smaller_of_what_both_ledgers_say() {
    let taken = |minor| Collection {
        taken: Some(Taken {
            amount: usd(minor),
            at: Timestamp::from_seconds(1),
        }),
        ..collection(Stage::Booked)
    };
    let part_paid = |due| Invoice {
        status: InvoiceStatus::PartiallyPaid,
        due,
        ..invoice(10_000)
    };
    for (due, ours, expected) in [
        (10_000, vec![], Ok(usd(10_000))),
        (4_000, vec![taken(6_000)], Ok(usd(4_000))),
        // Zenskar does not show our payment yet.
        (10_000, vec![taken(6_000)], Ok(usd(4_000))),
        (
            10_000,
            vec![taken(6_000), taken(4_000)],
            Err(Refusal::NothingLeft),
        ),
        (10_000, vec![taken(12_000)], Err(Refusal::NothingLeft)),
    ] {
        let (invoice, lines) = (part_paid(due), lines(100));
        let found = judge(&look(&invoice, &lines, &[], &ours), None, &rules());
        assert_eq!(found, expected, "{due}");
    }
}

#[test]
fn money_a2_a_collection_of_somebody_else_is_seen_at_the_last_look() {
    let (invoice, lines) = (invoice(10_000), lines(100));
    for status in [
        "in_progress",
        "requires_action",
        "pending_charge",
        "authorized",
        "created",
    ] {
        let pending = [Payment {
            status: status.to_owned(),
            connector: Some("stripe".to_owned()),
            ..payment("p-1", "pi_other", 10_000)
        }];
        let refused = judge(&look(&invoice, &lines, &pending, &[]), None, &rules());
        let expected = Refusal::PendingElsewhere {
            payment: "p-1".to_owned(),
            status: status.to_owned(),
        };
        assert_eq!(refused, Err(expected));
    }
    let over = [Payment {
        status: "failed".to_owned(),
        ..payment("p-1", "pi_other", 10_000)
    }];
    assert!(judge(&look(&invoice, &lines, &over, &[]), None, &rules()).is_ok());
    let partly = Looked {
        complete: false,
        ..look(&invoice, &lines, &over, &[])
    };
    let refused = judge(&partly, None, &rules());
    assert_eq!(refused, Err(Refusal::PaymentsIncomplete));
}

#[test]
fn money_a2_a_charge_that_we_did_not_make_and_nobody_shows_refuses_the_lease() {
    let charged_at = Timestamp::from_seconds(100_000);
    let charged = Invoice {
        charged_at: Some(charged_at),
        ..invoice(10_000)
    };
    let lines = lines(100);
    let at = |seconds| Payment {
        status: "failed".to_owned(),
        created_at: Some(Timestamp::from_seconds(seconds)),
        ..payment("p-1", "pi_other", 10_000)
    };
    for (payments, is_explained) in [
        (vec![], false),
        (vec![at(99_999)], true),
        (vec![at(100_800)], true),
        (vec![at(50_000)], false),
    ] {
        let found = judge(&look(&charged, &lines, &payments, &[]), None, &rules());
        assert_eq!(found.is_ok(), is_explained, "{payments:?}");
    }
    let ours = [Collection {
        since: charged_at,
        ..collection(Stage::Ended(Ending::Canceled))
    }];
    assert!(judge(&look(&charged, &lines, &[], &ours), None, &rules()).is_ok());
}

#[test]
fn money_c15_an_amount_that_changed_since_it_was_confirmed_is_not_taken() {
    let (invoice, lines) = (invoice(9_000), lines(90));
    let looked = look(&invoice, &lines, &[], &[]);
    let changed = Refusal::AmountChanged {
        confirmed: usd(10_000),
        now: usd(9_000),
    };
    assert_eq!(judge(&looked, Some(usd(10_000)), &rules()), Err(changed));
    assert_eq!(judge(&looked, Some(usd(9_000)), &rules()), Ok(usd(9_000)));
}

#[test]
fn an_invoice_is_refused_for_what_is_not_known_of_it() {
    let (good, hundred) = (invoice(10_000), lines(100));
    let of_status = |status| Invoice {
        status,
        ..invoice(10_000)
    };
    let no_currency = Invoice {
        currency: None,
        ..invoice(10_000)
    };
    let not_open = |status: &str| Refusal::NotOpen {
        status: status.to_owned(),
    };
    let paid = Invoice {
        due: 0,
        ..invoice(10_000)
    };
    for (invoice, lines, expected) in [
        (
            of_status(InvoiceStatus::Draft),
            hundred.clone(),
            not_open("draft"),
        ),
        (
            of_status(InvoiceStatus::Void),
            hundred.clone(),
            not_open("void"),
        ),
        (
            of_status(InvoiceStatus::Other("frozen".to_owned())),
            hundred.clone(),
            not_open("frozen"),
        ),
        (paid, hundred.clone(), not_open("approved")),
        (no_currency.clone(), hundred.clone(), Refusal::NoCurrency),
        (good, lines(10_000), Refusal::ScaleInDoubt),
    ] {
        let found = judge(&look(&invoice, &lines, &[], &[]), None, &rules());
        assert_eq!(found, Err(expected));
    }
    let yen = Currency::parse("JPY").unwrap();
    let from_contract = Looked {
        contract_currency: Some(yen),
        ..look(&no_currency, &hundred, &[], &[])
    };
    let unsaid = Refusal::Units(UnitsError::Unsaid(yen));
    assert_eq!(judge(&from_contract, None, &rules()), Err(unsaid));
}

#[test]
fn a_refusal_says_what_to_do_and_ends_without_a_full_stop() {
    for refusal in [
        Refusal::NativeUnsaid,
        Refusal::NotPaired { live: true },
        Refusal::NotPaired { live: false },
        Refusal::NotLinked,
        Refusal::NoMethod,
    ] {
        let words = refusal.to_string();
        assert!(words.contains(':') && !words.ends_with('.'), "{words}");
    }
}

#[test]
fn money_c13_what_may_never_have_arrived_is_sent_again_only_while_it_is_owed() {
    let pending = Payment {
        status: "pending_charge".to_owned(),
        ..payment("p-1", "pi_other", 5)
    };
    let over = payment("p-1", "pi_other", 5);
    let void = Invoice {
        status: InvoiceStatus::Void,
        ..invoice(10_000)
    };
    let (owes, less) = (invoice(10_000), invoice(9_999));
    for (invoice, payments, expected) in [
        (Some(&owes), vec![], true),
        (Some(&owes), vec![over], true),
        (Some(&owes), vec![pending], false),
        (Some(&less), vec![], false),
        (Some(&void), vec![], false),
        (None, vec![], false),
    ] {
        let looked = (invoice, payments.as_slice());
        let found = still_owes(usd(10_000), looked, &Written::new());
        assert_eq!(found, expected, "{invoice:?} {payments:?}");
    }
}
