//! Many customers at once.

use serde_json::{Value, json};

use crate::support::{sandbox, stripe, zenskar};

#[test]
fn seeded_pairs_are_mapped_and_alike() {
    let sandbox = sandbox();
    let pairs = sandbox.seed_customers(2000);
    let (stripe_id, zenskar_id) = &pairs[1234];
    assert_eq!(sandbox.mapping(zenskar_id).as_ref(), Some(stripe_id));
    let (ours, theirs) = (
        sandbox.zenskar_customer(zenskar_id),
        sandbox.stripe_customer(stripe_id),
    );
    assert_eq!(ours["customer_name"], theirs["name"]);
    assert_eq!(
        (&ours["email"], &ours["phone_number"]),
        (&theirs["email"], &theirs["phone"])
    );
    assert_eq!(ours["address"]["zipCode"], theirs["address"]["postal_code"]);
    assert_eq!(sandbox.stripe_events(), Vec::<Value>::new());

    let mut seen = 0;
    let mut target = "/v1/customers?limit=100".to_owned();
    loop {
        let (_, page) = stripe(&sandbox, "GET", &target, "");
        let data = page["data"].as_array().unwrap();
        seen += data.len();
        if page["has_more"] == false {
            break;
        }
        let last = data[data.len() - 1]["id"].as_str().unwrap();
        target = format!("/v1/customers?limit=100&starting_after={last}");
    }
    assert_eq!(seen, 2000);

    sandbox.clock().advance(60);
    sandbox
        .zenskar_update_customer(zenskar_id, &json!({"customer_name": "new"}))
        .unwrap();
    let since = sandbox.clock().now() - 30;
    let (_, page) = zenskar(
        &sandbox,
        "GET",
        &format!("/customers?updated_at__gte={since}"),
        "",
    );
    assert_eq!(
        (&page["total_count"], &page["results"][0]["id"]),
        (&json!(1), &json!(zenskar_id))
    );
}

#[test]
fn many_customers_with_money() {
    let sandbox = sandbox();
    let pairs = sandbox.seed_customers(1000);
    let invoices = sandbox.seed_money(&pairs, 3);
    assert_eq!((invoices.len(), sandbox.pairs().len()), (3000, 1000));
    assert_eq!(sandbox.stripe_events().len(), 0);
    let customer = sandbox.stripe_customer(&pairs[0].0);
    let methods = sandbox.stripe_payment_methods(&pairs[0].0);
    let default = &customer["invoice_settings"]["default_payment_method"];
    assert_eq!((methods.len(), default), (1, &methods[0]["id"]));
    let (mut cursor, mut seen) = (String::new(), 0);
    loop {
        let target =
            format!("/invoices?status__in=approved,partially_paid&limit=100&cursor={cursor}");
        let (_, list) = zenskar(&sandbox, "GET", &target, "");
        seen += list["results"].as_array().unwrap().len();
        match list["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, 2500);
}
