use super::*;
use crate::model::charge::{ChargeLine, ChargeRun, LineCounts, LineState};
use crate::model::freeze::Freeze;
use crate::model::time::Timestamp;
use crate::store::SeenInvoice;
use crate::store::codec::tests::{hex, unhex};
use crate::store::codec::{decode, encode};
use crate::sync::testing::{collection, invoice, usd};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn taken(stage: Stage) -> Collection {
    Collection {
        taken: Some(Taken {
            amount: usd(9_000),
            at: at(3),
        }),
        booking: Some(Booking {
            amount: 9_000,
            part: 8_000,
            due_before: 8_500,
            payment: PaymentId::parse("p-1").ok(),
        }),
        intent: PaymentIntentId::parse("pi_1").ok(),
        charge: Some("ch_1".into()),
        session: SessionId::parse("cs_1").ok(),
        run: Some(4),
        note: Some("no answer".into()),
        ..collection(stage)
    }
}

fn pinned<T: Record + PartialEq + std::fmt::Debug>(value: &T, golden: &str) {
    assert_eq!(hex(&encode(value).unwrap()), golden, "{value:?}");
    assert_eq!(&decode::<T>(&unhex(golden)).unwrap(), value);
}

#[test]
fn the_first_version_of_what_money_is_kept_in_is_pinned() {
    pinned(&taken(Stage::BookingUnknown(at(5))), GOLDEN_COLLECTION);
    let seen = SeenInvoice {
        invoice: invoice(10_000),
        seen_at: at(2),
        gone: true,
    };
    pinned(&seen, GOLDEN_INVOICE);
    let run = ChargeRun {
        number: 7,
        by: "ann".into(),
        at: at(1),
        counts: LineCounts {
            waiting: 1,
            begun: 2,
            skipped: 3,
        },
        paused_at: Some(at(2)),
    };
    pinned(&run, GOLDEN_RUN);
    let line = ChargeLine {
        run: 7,
        invoice: invoice(1).id,
        name: "INV-1".into(),
        confirmed: Some(usd(5)),
        state: LineState::Skipped("paid".into()),
        due_at: at(4),
        note: Some("leased".into()),
    };
    pinned(&line, GOLDEN_LINE);
    let freeze = Freeze {
        at: at(1),
        by: "ann".into(),
        reason: "audit".into(),
    };
    pinned(&freeze, GOLDEN_FREEZE);
}

#[test]
fn every_stage_comes_back_as_it_went() {
    let declined = Ending::Declined(Decline {
        code: "card_declined".into(),
        decline_code: Some("lost_card".into()),
        advice_code: None,
    });
    for ending in [
        declined,
        Ending::NeedsCustomer,
        Ending::Refused("no".into()),
        Ending::Canceled,
        Ending::Expired,
        Ending::Withdrawn("frozen".into()),
    ] {
        for stage in [Stage::Closing(ending.clone()), Stage::Ended(ending.clone())] {
            let value = collection(stage);
            assert_eq!(
                decode::<Collection>(&encode(&value).unwrap()).unwrap(),
                value
            );
        }
    }
    for stage in [Stage::Booking, Stage::Settling, Stage::Booked] {
        let value = taken(stage.clone());
        let value = Collection {
            due_at: value.due_at.filter(|_| !stage.is_over()),
            ..value
        };
        assert_eq!(
            decode::<Collection>(&encode(&value).unwrap()).unwrap(),
            value
        );
    }
    for stage in [Stage::Waiting, Stage::Unknown(at(1)), Stage::Open] {
        let value = collection(stage);
        assert_eq!(
            decode::<Collection>(&encode(&value).unwrap()).unwrap(),
            value
        );
    }
}

#[test]
fn a_collection_that_cannot_be_is_not_written() {
    let nothing = Collection {
        amount: usd(0),
        ..collection(Stage::Open)
    };
    let unnumbered = Collection {
        number: 0,
        ..collection(Stage::Open)
    };
    let untaken = Collection {
        taken: None,
        ..taken(Stage::Booked)
    };
    let taken_and_open = taken(Stage::Open);
    let due = Collection {
        due_at: Some(at(1)),
        ..collection(Stage::Ended(Ending::Canceled))
    };
    for wrong in [nothing, unnumbered, untaken, taken_and_open, due] {
        assert!(
            matches!(encode(&wrong), Err(RecordError::Rule(_))),
            "{wrong:?}"
        );
    }
}

const GOLDEN_COLLECTION: &str = "1f01000300000000000000692d3101000000000000000100000003000000000000007a2d3105000000000000006375735f3110270000000000000300000000000000555344010400000000000000706d5f31010400000000000000636172640300000000000000616e6e0104000000000000000c00000000000000616d6f756e743d31303030300f000000000000007a656e7374726970652f692d312f3105000000404b4c000000000001040000000000000070695f3101040000000000000063685f3101040000000000000063735f310128230000000000000300000000000000555344c0c62d0000000000012823000000000000401f0000000000003421000000000000010300000000000000702d310000000000ca9a3b0000000000ca9a3b000000000100ca9a3b000000000109000000000000006e6f20616e73776572";
const GOLDEN_INVOICE: &str = "1e01000300000000000000692d31010500000000000000494e562d3103000000000000007a2d310800000000000000617070726f7665640103000000000000005553441027000000000000102700000000000010270000000000000000000080841e000000000001";
const GOLDEN_RUN: &str = "20010007000000000000000300000000000000616e6e40420f00000000000100000000000000020000000000000003000000000000000180841e0000000000";
const GOLDEN_LINE: &str = "21010007000000000000000300000000000000692d310500000000000000494e562d3101050000000000000003000000000000005553440200000004000000000000007061696400093d00000000000106000000000000006c6561736564";
const GOLDEN_FREEZE: &str =
    "22010040420f00000000000300000000000000616e6e05000000000000006175646974";
