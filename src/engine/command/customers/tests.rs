use super::*;
use crate::engine::testing::{Bench, says};
use crate::model::time::Timestamp;

const NOW: i64 = 2_000_000;

#[test]
fn a_person_links_anew_what_a_deleted_customer_held() {
    for (state, is_refused) in [
        (LinkState::Deleted(Side::Zenskar), false),
        (LinkState::Deleted(Side::Stripe), false),
        (LinkState::Unknown, false),
        (LinkState::Unlinked, false),
        (LinkState::Active, true),
    ] {
        let bench = Bench::new(
            vec![says(200, NOW, r#"{"id":"cus_1","object":"customer"}"#)],
            vec![
                says(200, NOW, r#"{"id":"z2","customer_name":"A"}"#),
                says(400, NOW, r#"{"message":"no integration"}"#),
            ],
        );
        let zenskar = |id: &str| ZenskarCustomerId::parse(id).unwrap();
        let stripe = StripeCustomerId::parse("cus_1").unwrap();
        let made_at = Timestamp::from_seconds(1);
        let known = Link {
            state,
            ..new_link(&stripe, &zenskar("z1"), LinkProof::Mapping, made_at)
        };
        bench.write(move |tx| tx.put_link(&known));
        let linked = bench.run(bench.engine.link_customers("cus_1", "z2", "ann"));
        assert_eq!(linked.is_err(), is_refused, "{state:?}: {linked:?}");
        let read = bench.engine.store.read().unwrap();
        let link = read.link(&stripe).unwrap().unwrap();
        let partner = if is_refused { "z1" } else { "z2" };
        assert_eq!(link.zenskar, zenskar(partner), "{state:?}");
        assert_eq!(link.state, LinkState::Active, "{state:?}");
        assert_eq!(read.link_count().unwrap(), 1, "{state:?}");
    }
}
