//! The fields that people edit here, and how each side shows them.

use serde_json::Value as Json;
use std::collections::BTreeMap;
use zenstripe::model::customer::Field;
use zenstripe::model::pair::Pair;

/// The pair of metadata that moves.
pub(crate) fn tier() -> Field {
    Field::Metadata(Pair::new("tier", "level").unwrap())
}

/// The fields that people edit.
pub(crate) fn drawn() -> [Field; 7] {
    [
        Field::Name,
        Field::Email,
        Field::Phone,
        Field::Address,
        Field::ShippingAddress,
        Field::TaxIds,
        tier(),
    ]
}

/// The text of each field as Stripe shows it: an address by its first line, tax ids by the first.
pub(crate) fn stripe_fields(customer: &Json, tax_ids: &[Json]) -> BTreeMap<Field, String> {
    let places = [
        "/name",
        "/email",
        "/phone",
        "/address/line1",
        "/shipping/address/line1",
        "",
        "/metadata/tier",
    ];
    let mut fields = fields(customer, places);
    let id = tax_ids.first().and_then(|id| id["value"].as_str());
    fields.insert(Field::TaxIds, id.unwrap_or_default().to_owned());
    fields
}

/// The same as Zenskar shows it.
pub(crate) fn zenskar_fields(customer: &Json) -> BTreeMap<Field, String> {
    let places = [
        "/customer_name",
        "/email",
        "/phone_number",
        "/address/line1",
        "/ship_to_address/line1",
        "/tax_info/0/tax_id",
        "/custom_data/level",
    ];
    fields(customer, places)
}

fn fields(customer: &Json, places: [&str; 7]) -> BTreeMap<Field, String> {
    let text = |place| {
        let value = customer.pointer(place).and_then(Json::as_str);
        value.unwrap_or_default().to_owned()
    };
    drawn().into_iter().zip(places.map(text)).collect()
}
