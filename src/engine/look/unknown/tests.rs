use super::*;
use crate::engine::linking::new_link;
use crate::engine::scan::step::ask;
use crate::engine::testing::{Bench, Script, says};
use crate::model::id::ZenskarCustomerId;
use crate::model::link::LinkProof;
use crate::model::mirror::Mirror;
use crate::remote::transport::{Response, TransportError};
use crate::store::PreparedMirror;

const NOW: i64 = 2_000_000;
const UNKNOWN_ID: &str =
    r#"{"error":{"type":"invalid_request_error","code":"resource_missing","message":"no"}}"#;
const IN_STRIPE: &str = r#"{"id":"cus_1","object":"customer","name":"A"}"#;
const IN_ZENSKAR: &str = r#"{"id":"z1","customer_name":"A"}"#;

fn cus() -> StripeCustomerId {
    StripeCustomerId::parse("cus_1").unwrap()
}

fn subject() -> Subject {
    Subject::Customer(cus())
}

/// A linked customer that is to be looked at, and that Stripe was seen to know or not.
fn bench(stripe: Script, zenskar: Script, was_seen: bool) -> Bench {
    let bench = Bench::new(stripe, zenskar);
    bench.clock.set(Timestamp::from_seconds(NOW));
    bench.write(move |tx| {
        if was_seen {
            let mirror = Mirror {
                observed_at: Timestamp::from_seconds(1),
                deleted: false,
                payload: IN_STRIPE.as_bytes().to_vec(),
            };
            tx.put_mirror(&PreparedMirror::new(Side::Stripe, "cus_1", &mirror)?)?;
        }
        let zenskar = ZenskarCustomerId::parse("z1").unwrap();
        let now = Timestamp::from_seconds(NOW);
        tx.put_link(&new_link(&cus(), &zenskar, LinkProof::Mapping, now))?;
        ask(tx, &cus(), now)
    });
    bench
}

fn mapped_to(id: &str) -> Result<Response, TransportError> {
    says(200, NOW, &format!(r#"{{"reference_id":"{id}"}}"#))
}

impl Bench {
    fn look(&self) -> Looked {
        self.run(self.engine.look_at(&subject())).unwrap()
    }

    fn state(&self) -> LinkState {
        let read = self.engine.store.read().unwrap();
        read.link(&cus()).unwrap().unwrap().state
    }

    fn unknown(&self) -> u64 {
        let read = self.engine.store.read().unwrap();
        read.link_counts().unwrap().unknown_in_stripe
    }
}

#[test]
fn a_customer_that_stripe_does_not_know_is_asked_for_twice_and_then_told_of() {
    let missing = || says(404, NOW, UNKNOWN_ID);
    let bench = bench(vec![missing(), missing()], vec![mapped_to("cus_1")], true);
    assert_eq!(bench.look(), Looked::Postponed);
    assert_eq!(bench.state(), LinkState::Active);
    let read = bench.engine.store.read().unwrap();
    let due = read.work(&subject()).unwrap().unwrap().due_at;
    assert_eq!(due, Timestamp::from_seconds(NOW).plus(READ_LAG));
    drop(read);
    assert_eq!(bench.look(), Looked::Parked);
    assert_eq!(bench.state(), LinkState::Unknown);
    assert_eq!(bench.unknown(), 1);
    assert_eq!(bench.journal(), ["customer unknown in stripe"]);
    let read = bench.engine.store.read().unwrap();
    assert_eq!(read.work(&subject()).unwrap(), None);
    assert_eq!(read.dead_count().unwrap(), 0);
    let parked = read.parked(&subject()).unwrap().unwrap();
    assert_eq!(parked.last_error.as_deref(), Some(UNKNOWN));
}

#[test]
fn a_failure_in_between_is_no_second_answer() {
    let answers = vec![
        says(404, NOW, UNKNOWN_ID),
        says(503, NOW, "{}"),
        says(404, NOW, UNKNOWN_ID),
    ];
    let bench = bench(answers, Vec::new(), true);
    for _ in 0..3 {
        assert_eq!(bench.look(), Looked::Postponed);
    }
    assert_eq!(bench.state(), LinkState::Active);
}

#[test]
fn a_customer_that_stripe_shows_again_is_linked_again() {
    let answers = vec![says(404, NOW, UNKNOWN_ID), says(200, NOW, IN_STRIPE)];
    let in_zenskar = vec![mapped_to("cus_1"), says(200, NOW, IN_ZENSKAR)];
    let bench = bench(answers, in_zenskar, false);
    assert_eq!(bench.look(), Looked::Parked);
    assert_eq!(bench.state(), LinkState::Unknown);
    bench.write(|tx| ask(tx, &cus(), Timestamp::from_seconds(NOW)));
    assert_eq!(bench.look(), Looked::Applied);
    assert_eq!(bench.state(), LinkState::Active);
    assert_eq!(bench.unknown(), 0);
    let read = bench.engine.store.read().unwrap();
    assert_eq!(read.parked(&subject()).unwrap(), None);
}

#[test]
fn a_mapping_that_was_put_right_is_followed() {
    let missing = vec![says(404, NOW, UNKNOWN_ID)];
    let bench = bench(missing, vec![mapped_to("cus_2")], false);
    assert_eq!(bench.look(), Looked::Parked);
    let read = bench.engine.store.read().unwrap();
    let zenskar = ZenskarCustomerId::parse("z1").unwrap();
    let link = read.link_by_zenskar(&zenskar).unwrap().unwrap();
    assert_eq!(link.stripe.as_str(), "cus_2");
    assert_eq!(read.link(&cus()).unwrap(), None);
    assert_eq!(read.parked(&subject()).unwrap(), None);
    assert_eq!(read.link_counts().unwrap().unknown_in_stripe, 0);
}
