use super::*;
use crate::engine::linking::new_link;
use crate::engine::testing::{Bench, says};
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::LinkProof;
use crate::model::time::Timestamp;

const NOW: i64 = 2_000_000;

fn cus(id: &str) -> StripeCustomerId {
    StripeCustomerId::parse(id).unwrap()
}

fn zen(id: &str) -> ZenskarCustomerId {
    ZenskarCustomerId::parse(id).unwrap()
}

#[test]
fn both_sides_are_asked_and_what_is_linked_is_said() {
    let bench = Bench::new(
        vec![says(
            200,
            NOW,
            r#"{"object":"list","has_more":false,"data":[
                {"id":"cus_1","object":"customer","name":"Ann","email":"a@b.c"},
                {"id":"cus_2","object":"customer","name":null,"email":"a@b.c"}]}"#,
        )],
        vec![says(
            200,
            NOW,
            r#"{"results":[{"id":"z1","customer_name":"Ann","email":"A@B.c"}]}"#,
        )],
    );
    let link = new_link(
        &cus("cus_1"),
        &zen("z1"),
        LinkProof::Person,
        Timestamp::default(),
    );
    bench.write(move |tx| tx.put_link(&link));
    let found = bench
        .run(bench.engine.customers_by_email(" a@b.c "))
        .unwrap();
    let row = |id: &str, name: Option<&str>, linked_with: Option<&str>| FoundRow {
        id: id.to_owned(),
        name: name.map(str::to_owned),
        linked_with: linked_with.map(str::to_owned),
        known: linked_with.is_some(),
    };
    let rows = vec![
        row("cus_1", Some("Ann"), Some("z1")),
        row("cus_2", None, None),
    ];
    assert_eq!((found.stripe.rows, found.stripe.complete), (rows, true));
    let rows = vec![row("z1", Some("Ann"), Some("cus_1"))];
    assert_eq!((found.zenskar.rows, found.zenskar.complete), (rows, true));
}

#[test]
fn a_side_that_does_not_answer_is_an_error_and_never_nobody() {
    let bench = Bench::new(
        vec![says(
            403,
            NOW,
            r#"{"error":{"message":"not for this key"}}"#,
        )],
        vec![says(200, NOW, r#"{"results":[]}"#)],
    );
    let found = bench.run(bench.engine.customers_by_email("a@b.c")).unwrap();
    assert!(
        found.stripe.error.is_some() && !found.stripe.complete,
        "{found:?}"
    );
    let nobody = FoundSide {
        complete: true,
        ..FoundSide::default()
    };
    assert_eq!(found.zenskar, nobody);
    assert!(bench.journal().is_empty(), "the activity holds no address");
}

#[test]
fn only_what_is_an_address_is_asked_for() {
    let bench = Bench::new(Vec::new(), Vec::new());
    let long = format!("{}@b.c", "a".repeat(EMAIL_BYTES_MAX));
    for text in [
        "", "a", "@", "a@", "@b", "a@b@c", "a@.b", "a@b.", "a b@c", &long,
    ] {
        let refused = bench.run(bench.engine.customers_by_email(text));
        assert!(matches!(refused, Err(CommandError::Invalid(_))), "{text:?}");
    }
}
