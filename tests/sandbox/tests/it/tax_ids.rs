//! Tax ids of Stripe's customers: where they are shown, and what tells of them.

use serde_json::{Value, json};

use crate::support::{sandbox, stripe};

#[test]
fn tax_ids_are_objects_of_their_own() {
    let sandbox = sandbox();
    let form = "tax_id_data[0][type]=eu_vat&tax_id_data[0][value]=EL123";
    let (status, made) = stripe(&sandbox, "POST", "/v1/customers", form);
    assert_eq!(status, 200, "{made}");
    let id = made["id"].as_str().unwrap();
    let show = |expand: &str| stripe(&sandbox, "GET", &format!("/v1/customers/{id}{expand}"), "").1;
    assert_eq!(show("")["tax_ids"], Value::Null);
    let list = &show("?expand[]=tax_ids")["tax_ids"];
    assert_eq!(
        (&list["has_more"], &list["data"][0]["country"]),
        (&json!(false), &json!("GR"))
    );
    let listed = stripe(&sandbox, "GET", "/v1/customers?expand[]=data.tax_ids", "").1;
    assert_eq!(listed["data"][0]["tax_ids"], *list);

    // A person takes one away and adds another: events of tax ids, none of the customer.
    let one = json!([{ "type": "us_ein", "value": "12-3" }]);
    sandbox.stripe_update_customer(id, &json!({ "tax_ids": one }));
    let events = sandbox.stripe_events();
    let kinds: Vec<_> = events.iter().rev().map(|event| &event["type"]).collect();
    assert_eq!(
        kinds,
        [
            "customer.created",
            "customer.tax_id.created",
            "customer.tax_id.created",
            "customer.tax_id.deleted",
        ]
    );
    let events = sandbox.stripe_events();
    let (gone, made) = (&events[0]["data"]["object"], &events[1]["data"]["object"]);
    assert_eq!(
        (&gone["value"], &gone["customer"]),
        (&json!("EL123"), &json!(id))
    );
    assert_eq!(
        (&made["type"], &made["country"]),
        (&json!("us_ein"), &json!("US"))
    );
    assert_ne!(gone["id"], made["id"]);

    // With another change beside it, the update names that alone.
    let many: Vec<Value> = (0..11)
        .map(|at| json!({ "type": "us_ein", "value": format!("{at}") }))
        .collect();
    let patch =
        json!({ "tax_ids": many, "shipping": { "name": "Jo", "address": { "city": "A" } } });
    sandbox.stripe_update_customer(id, &patch);
    let events = sandbox.stripe_events();
    let update = events
        .iter()
        .find(|event| event["type"] == "customer.updated");
    let data = &update.unwrap()["data"];
    assert_eq!(data["previous_attributes"], json!({ "shipping": null }));
    assert_eq!(data["object"]["shipping"]["address"]["line1"], Value::Null);
    let list = &show("?expand[]=tax_ids")["tax_ids"];
    assert_eq!(
        (&list["has_more"], list["data"].as_array().unwrap().len()),
        (&json!(true), 10)
    );
}
