use super::*;
use crate::model::customer::{Field, Value};
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::store::codec::tests::{hex, unhex};
use crate::store::codec::{decode, encode};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn in_stripe() -> Creation {
    let zenskar = ZenskarCustomerId::parse("z-1").unwrap();
    Creation {
        attempts: 2,
        number: 3,
        ordered_by: Some("ann".into()),
        request: Some(Sent {
            values: [(Field::Name, Value::Text("A".into()))].into(),
            body: Some("name=A".into()),
            at: at(4),
        }),
        decided_at: at(5),
        due_at: at(6),
        ..Creation::new(Subject::Unlinked(zenskar), Stage::Unknown(at(7)), at(0))
    }
}

fn offered() -> Creation {
    let stripe = StripeCustomerId::parse("cus_1").unwrap();
    Creation::new(Subject::Customer(stripe), Stage::Offered, at(1))
}

fn switched() -> Switched {
    Switched {
        stripe: Some(Since {
            here: at(1),
            source: None,
        }),
        zenskar: Some(Since {
            here: at(2),
            source: Some(at(3)),
        }),
    }
}

#[test]
fn creations_of_the_first_version_are_read() {
    for (creation, golden) in [(in_stripe(), GOLDEN_IN_STRIPE), (offered(), GOLDEN_OFFERED)] {
        assert_eq!(decode::<Creation>(&unhex(golden)).unwrap(), creation);
    }
}

#[test]
fn the_newest_version_is_pinned() {
    let gone = Creation {
        gone_at: Some(at(8)),
        ..offered()
    };
    for (creation, golden) in [(offered(), GOLDEN_OFFERED_V2), (gone, GOLDEN_GONE)] {
        assert_eq!(hex(&encode(&creation).unwrap()), golden);
        assert_eq!(decode::<Creation>(&unhex(golden)).unwrap(), creation);
    }
    assert_eq!(hex(&encode(&switched()).unwrap()), GOLDEN_SWITCHED);
    assert_eq!(
        decode::<Switched>(&unhex(GOLDEN_SWITCHED)).unwrap(),
        switched()
    );
}

#[test]
fn every_stage_comes_back() {
    for stage in [
        Stage::Offered,
        Stage::Waiting,
        Stage::Unknown(at(1)),
        Stage::Dead(at(1)),
    ] {
        let creation = Creation {
            stage,
            ..in_stripe()
        };
        let record = encode(&creation).unwrap();
        assert_eq!(decode::<Creation>(&record).unwrap(), creation);
    }
}

#[test]
fn what_cannot_be_is_neither_written_nor_read() {
    let nothing_sent = Creation {
        request: None,
        ..in_stripe()
    };
    assert!(encode(&nothing_sent).is_err());
    let no_number = Creation {
        number: 0,
        ..in_stripe()
    };
    assert!(encode(&no_number).is_err());
    let record = encode(&in_stripe()).unwrap();
    for length in 0..record.len() {
        assert!(decode::<Creation>(&record[..length]).is_err(), "{length}");
    }
}

const GOLDEN_IN_STRIPE: &str = "\
    1501000b000000000000007a656e736b61722f7a2d3102000000c0cf6a000000000002000000030000000000\
    0000010300000000000000616e6e010100000000000000000000000100000001000000000000004101060000\
    00000000006e616d653d4100093d0000000000404b4c0000000000808d5b0000000000";
const GOLDEN_OFFERED: &str = "\
    1501000e00000000000000637573746f6d65722f6375735f3100000000000000000000000000000000000040\
    420f000000000040420f0000000000";
const GOLDEN_OFFERED_V2: &str = "\
    1502000e00000000000000637573746f6d65722f6375735f3100000000000000000000000000000000000040\
    420f000000000040420f000000000000";
const GOLDEN_GONE: &str = "\
    1502000e00000000000000637573746f6d65722f6375735f3100000000000000000000000000000000000040\
    420f000000000040420f000000000001\
    00127a0000000000";
const GOLDEN_SWITCHED: &str = "\
    1601000140420f0000000000000180841e000000000001c0c62d0000000000";
