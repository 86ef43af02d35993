//! The bodies of both remotes' answers.

use crate::event::{address, email, name, phone_after, phone_before};
use crate::ids::{stripe_customer, stripe_number, zenskar_customer, zenskar_number};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Telephone numbers of looks begin here, so that they differ from those of events.
const LOOKS: u64 = 5_000_000;
/// The language of everybody.
pub(crate) const LOCALE: &str = "en";
/// Rows of a page, unless asked for fewer.
const PAGE: u64 = 100;
/// Parameters of Zenskar's list that search; no customer here is found by one.
const SEARCHES: [&str; 4] = ["external_id", "email", "updated_at__gte", "search"];

/// Answers about customers 0 to `customers`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    customers: u64,
}

/// A parameter of a query; none of ours needs decoding.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// The customer of Stripe as the remote sends it.
pub(crate) fn stripe_object(number: u64, phone: &str) -> Value {
    let [line1, line2, city, state, postal_code] = address(number);
    json!({
        "id": stripe_customer(number), "object": "customer",
        "address": {
            "city": city, "country": "US", "line1": line1, "line2": line2,
            "postal_code": postal_code, "state": state,
        },
        "balance": 0, "created": 1_750_000_000 + number, "currency": "usd", "default_source": null,
        "delinquent": false, "description": null, "discount": null, "email": email(number),
        "invoice_prefix": "BENCH", "livemode": false, "metadata": {}, "name": name(number),
        "next_invoice_sequence": 1, "phone": phone, "preferred_locales": [LOCALE],
        "shipping": null, "tax_exempt": "none", "test_clock": null,
        "invoice_settings": {
            "custom_fields": null, "default_payment_method": null, "footer": null,
            "rendering_options": null,
        },
    })
}

/// The customer of Zenskar as the remote sends it, before any patch.
pub(crate) fn zenskar_object(number: u64) -> Value {
    let [line1, line2, city, state, postal_code] = address(number);
    json!({
        "id": zenskar_customer(number), "external_id": null, "customer_name": name(number),
        "email": email(number), "phone_number": phone_before(number),
        "address": {
            "line1": line1, "line2": line2, "line3": null, "city": city, "state": state,
            "zipCode": postal_code, "country": "United States", "country_code": "US",
            "validation_status": "valid",
        },
        "ship_to_address": null, "tax_info": [], "custom_data": { "preferred_locale": LOCALE }, "contacts": [],
        "custom_attributes": {}, "communications_enabled": true, "auto_charge_enabled": true,
        "created_at": "2025-06-01T00:00:00", "updated_at": "2025-06-01T00:00:00",
    })
}

/// The customer of Zenskar with what was `patched` since.
fn patched_object(number: u64, patched: &BTreeMap<u64, Map<String, Value>>) -> Value {
    let mut object = zenskar_object(number);
    if let (Some(fields), Some(change)) = (object.as_object_mut(), patched.get(&number)) {
        fields.extend(change.clone());
    }
    object
}

/// Whether a query of Zenskar's list searches.
pub(crate) fn is_search(query: &str) -> bool {
    SEARCHES.iter().any(|name| parameter(query, name).is_some())
}

impl Answer {
    /// Answers about customers 0 to `customers`.
    pub(crate) const fn new(customers: u64) -> Self {
        Self { customers }
    }

    /// A page of Stripe's customers, after one of them.
    pub(crate) fn stripe_page(self, after: Option<u64>, limit: u64) -> String {
        let first = after.map_or(0, |number| number + 1);
        let end = (first + limit.min(PAGE)).min(self.customers);
        let data = (first..end).map(|number| stripe_object(number, &phone_before(number)));
        json!({
            "object": "list", "data": data.collect::<Vec<Value>>(),
            "has_more": end < self.customers, "url": "/v1/customers",
        })
        .to_string()
    }

    /// A page of Zenskar's customers, from one of them, with what was `patched` since.
    pub(crate) fn zenskar_page(
        self,
        first: u64,
        limit: u64,
        patched: &BTreeMap<u64, Map<String, Value>>,
    ) -> String {
        let end = (first + limit.min(PAGE)).min(self.customers);
        let results = (first..end).map(|number| patched_object(number, patched));
        json!({
            "results": results.collect::<Vec<Value>>(),
            "next": (end < self.customers).then(|| end.to_string()), "previous": null,
            "total_count": self.customers,
        })
        .to_string()
    }

    /// Stripe's answer to `GET /v1/{rest}`, the `look`th of all.
    pub(crate) fn stripe(self, rest: &str, query: &str, look: u64) -> Option<String> {
        let phone = phone_after(LOOKS + look % LOOKS);
        let answer = match rest {
            "account" => json!({
                "id": super::ACCOUNT, "object": "account", "charges_enabled": true,
                "country": "US", "default_currency": "usd", "details_submitted": true,
                "payouts_enabled": true, "type": "standard",
                "settings": { "dashboard": { "display_name": "Bench" } },
            }),
            "events" | "webhook_endpoints" => json!({
                "object": "list", "data": [], "has_more": false, "url": format!("/v1/{rest}"),
            }),
            "customers" => {
                let limit = parameter(query, "limit").and_then(|text| text.parse().ok());
                let after = parameter(query, "starting_after").and_then(stripe_number);
                return Some(self.stripe_page(after, limit.unwrap_or(PAGE)));
            }
            _ => {
                let number = stripe_number(rest.strip_prefix("customers/")?)?;
                if number >= self.customers {
                    return None;
                }
                stripe_object(number, &phone)
            }
        };
        Some(answer.to_string())
    }

    /// Zenskar's answer to `GET /customers/{rest}`, with what was `patched` since.
    pub(crate) fn zenskar(
        self,
        rest: &str,
        query: &str,
        patched: &BTreeMap<u64, Map<String, Value>>,
    ) -> Option<String> {
        if rest.is_empty() {
            if is_search(query) {
                return Some(json!({ "results": [], "next": null, "total_count": 0 }).to_string());
            }
            let first = parameter(query, "cursor").and_then(|text| text.parse().ok());
            let limit = parameter(query, "limit").and_then(|text| text.parse().ok());
            let page = self.zenskar_page(first.unwrap_or(0), limit.unwrap_or(10), patched);
            return Some(page);
        }
        let (id, tail) = rest.split_once('/').unwrap_or((rest, ""));
        let number = zenskar_number(id).filter(|number| *number < self.customers)?;
        let answer = match tail {
            "" => patched_object(number, patched),
            "connector/stripe" => json!({
                "connector_name": "stripe", "reference_id": stripe_customer(number),
                "customer_name": name(number), "email": email(number),
            }),
            _ => return None,
        };
        Some(answer.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_seen_by_the_next_look() {
        let change = json!({ "phone_number": "+1" });
        let patched = BTreeMap::from([(1, change.as_object().unwrap().clone())]);
        let look = |number| -> Value {
            let text = Answer::new(3).zenskar(&zenskar_customer(number), "", &patched);
            serde_json::from_str(&text.unwrap()).unwrap()
        };
        assert_eq!(look(1)["phone_number"], "+1");
        assert_eq!(look(2)["phone_number"], phone_before(2).as_str());
        assert_eq!(
            Answer::new(3).zenskar(&zenskar_customer(3), "", &patched),
            None
        );
    }

    #[test]
    fn pages_come_to_their_end() {
        let answer = Answer::new(250);
        let mut cursor = String::new();
        let mut rows = 0;
        loop {
            let page = answer.zenskar("", &format!("limit=100{cursor}"), &BTreeMap::new());
            let page: Value = serde_json::from_str(&page.unwrap()).unwrap();
            rows += page["results"].as_array().unwrap().len();
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(rows, 250);
    }
}
