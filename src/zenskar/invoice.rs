//! Zenskar's invoices, their lines, and the payments on them, as they stand on the wire.
//!
//! An amount that is not a whole number of minor units makes the object unreadable: it is left out
//! and counted, since no money is moved on a guess.
//!
//! Source: Zenskar's API reference, "Invoices" and "Payments".

use crate::model::id::{InvoiceId, PaymentId, ZenskarCustomerId};
use crate::model::invoice::{Invoice, InvoiceStatus, LinesTotal, Payment};
use crate::model::money::Currency;
use crate::zenskar::amount::{Decimal, decimal, whole};
use crate::zenskar::object::{text, timestamp};
use serde_json::{Map, Value as Json};

/// Reads an invoice; `None` for what is none, or says no amount.
pub(crate) fn invoice(bytes: &[u8]) -> Option<Invoice> {
    let raw: Map<String, Json> = serde_json::from_slice(bytes).ok()?;
    let customer = text(&raw, &["customer_id"]).or_else(|| nested(&raw, "customer", "id"))?;
    let gross = raw.get("invoice_total").and_then(whole)?;
    let at = |key| text(&raw, &[key]).as_deref().and_then(timestamp);
    Some(Invoice {
        id: InvoiceId::parse(&text(&raw, &["id"])?).ok()?,
        number: text(&raw, &["invoice_number"]),
        customer: ZenskarCustomerId::parse(&customer).ok()?,
        status: InvoiceStatus::of(&text(&raw, &["status"])?),
        currency: currency(&raw, &["currency_code", "currency"]),
        total: match raw.get("net_invoice_total") {
            None | Some(Json::Null) => gross,
            Some(net) => whole(net)?,
        },
        gross,
        due: raw.get("amount_due").and_then(whole)?,
        due_date: at("due_date"),
        created_at: at("created_at"),
        updated_at: at("last_updated_at").or_else(|| at("updated_at")),
        charged_at: at("charged_at"),
    })
}

/// Reads what the lines of an invoice add up to; `None` for what does not say.
pub(crate) fn lines_total(bytes: &[u8]) -> Option<LinesTotal> {
    let raw: Map<String, Json> = serde_json::from_slice(bytes).ok()?;
    let lines = raw.get("lines").and_then(Json::as_array)?;
    let parts = lines.iter().map(|line| line.get("subtotal"));
    let parts: Vec<&Json> = parts.collect::<Option<_>>()?;
    let units = parts.iter().filter_map(|part| unit(part));
    let mut units: Vec<Currency> = units.collect();
    units.extend(raw.get("total").and_then(unit));
    units.dedup();
    let total = match raw.get("total").and_then(value) {
        Some(total) => total,
        None => sum(parts.into_iter().map(value))?,
    };
    Some(LinesTotal {
        digits: total.digits,
        decimals: total.decimals,
        currency: match units.as_slice() {
            [one] => Some(*one),
            _ => None,
        },
    })
}

/// An amount, by itself or with its unit.
fn value(part: &Json) -> Option<Decimal> {
    decimal(part.get("value").unwrap_or(part))
}

fn unit(part: &Json) -> Option<Currency> {
    Currency::parse(part.get("unit")?.as_str()?).ok()
}

fn sum(parts: impl Iterator<Item = Option<Decimal>>) -> Option<Decimal> {
    let parts: Vec<Decimal> = parts.collect::<Option<_>>()?;
    let decimals = parts.iter().map(|part| part.decimals).max()?;
    let digits = parts.iter().try_fold(0_i64, |sum, part| {
        let missing = decimals.checked_sub(part.decimals)?;
        let factor = 10_i64.checked_pow(missing.into())?;
        sum.checked_add(part.digits.checked_mul(factor)?)
    })?;
    Some(Decimal { digits, decimals })
}

/// Reads a payment; `None` for what is none, or says no amount.
pub(crate) fn payment(bytes: &[u8]) -> Option<Payment> {
    let raw: Map<String, Json> = serde_json::from_slice(bytes).ok()?;
    let parts = raw.get("invoices").or_else(|| raw.get("payment_parts"));
    let parts = match parts {
        None | Some(Json::Null) => Vec::new(),
        Some(parts) => {
            let parts = parts.as_array()?.iter();
            parts.map(part).collect::<Option<_>>()?
        }
    };
    let at = |key| text(&raw, &[key]).as_deref().and_then(timestamp);
    Some(Payment {
        id: PaymentId::parse(&text(&raw, &["id"])?).ok()?,
        kind: text(&raw, &["type"]).unwrap_or_else(|| "payment".to_owned()),
        status: text(&raw, &["status"])?,
        external_id: text(&raw, &["external_id"]),
        connector: text(&raw, &["connector_name"])
            .or_else(|| text(&raw, &["connector_id"]).map(|_| "unnamed".to_owned())),
        amount: raw.get("amount").and_then(whole)?,
        currency: currency(&raw, &["currency_code", "currency"]),
        parts,
        created_at: at("created_at").or_else(|| at("timestamp")),
    })
}

fn part(part: &Json) -> Option<(InvoiceId, i64)> {
    let invoice = part.get("invoice_id")?.as_str()?;
    let amount = whole(part.get("amount")?)?;
    Some((InvoiceId::parse(invoice).ok()?, amount))
}

fn currency(raw: &Map<String, Json>, keys: &[&str]) -> Option<Currency> {
    Currency::parse(&text(raw, keys)?).ok()
}

fn nested(raw: &Map<String, Json>, outer: &str, inner: &str) -> Option<String> {
    text(raw.get(outer)?.as_object()?, &[inner])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_invoice_is_read_from_a_list_and_by_itself() {
        let listed = json!({
            "id": "i-1", "invoice_id": "other", "customer_id": "z-1", "invoice_number": "INV-7",
            "status": "partially_paid", "invoice_total": 12_000.0, "net_invoice_total": "10000.00",
            "amount_due": 4000, "due_date": "2026-05-19", "created_at": "2026-05-01 10:12:12.98",
            "last_updated_at": "2026-05-02T00:00:00", "charged_at": null,
        });
        let seen = invoice(listed.to_string().as_bytes()).unwrap();
        assert_eq!((seen.gross, seen.total, seen.due), (12_000, 10_000, 4_000));
        assert_eq!((seen.currency, seen.name()), (None, "INV-7"));
        assert!(seen.is_open());
        assert_eq!(seen.due_date.unwrap().to_string(), "2026-05-19T00:00:00Z");
        let alone = json!({
            "id": "i-1", "customer": {"id": "z-1"}, "status": "approved", "invoice_total": 5,
            "amount_due": 5, "currency": "eur",
        });
        let seen = invoice(alone.to_string().as_bytes()).unwrap();
        assert_eq!(
            (seen.total, seen.currency),
            (5, Currency::parse("EUR").ok())
        );
    }

    #[test]
    fn an_amount_that_is_no_whole_number_is_not_guessed() {
        for due in [json!(10.5), json!("1e3"), json!(null), json!("ten")] {
            let wrong = json!({
                "id": "i-1", "customer_id": "z-1", "status": "approved", "invoice_total": 5,
                "amount_due": due,
            });
            assert_eq!(invoice(wrong.to_string().as_bytes()), None, "{due}");
        }
    }

    #[test]
    fn lines_add_up_in_major_units() {
        let line = |value: Json, unit: &str| json!({"subtotal": {"value": value, "unit": unit}});
        for (lines, total, expected) in [
            (
                vec![line(json!(710.3), "USD")],
                json!(710.3),
                Some((7_103, 1, Some("USD"))),
            ),
            (
                vec![line(json!(1.25), "USD"), line(json!(3), "USD")],
                json!(null),
                Some((425, 2, Some("USD"))),
            ),
            (
                vec![line(json!(1), "USD"), line(json!(3), "EUR")],
                json!({"value": 4, "unit": "USD"}),
                Some((4, 0, None)),
            ),
            (vec![], json!(null), None),
            (vec![line(json!("one"), "USD")], json!(null), None),
        ] {
            let body = json!({"lines": lines, "total": total}).to_string();
            let found = lines_total(body.as_bytes()).map(|lines| {
                let currency = lines.currency.map(|currency| currency.to_string());
                (lines.digits, lines.decimals, currency)
            });
            let expected = expected
                .map(|(digits, decimals, unit)| (digits, decimals, unit.map(str::to_owned)));
            assert_eq!(found, expected, "{body}");
        }
    }

    #[test]
    fn a_payment_says_what_it_is_of_and_who_made_it() {
        let row = json!({
            "id": "p-1", "amount": "10000", "currency_code": "USD", "status": "success",
            "external_id": "pi_1", "type": "payment", "connector_name": null, "connector_id": null,
            "invoices": [{"invoice_id": "i-1", "amount": "6000.00"}],
            "timestamp": "2026-05-19T14:12:07.147536",
        });
        let seen = payment(row.to_string().as_bytes()).unwrap();
        assert_eq!((seen.amount, seen.connector.as_deref()), (10_000, None));
        assert_eq!(seen.part_of(&InvoiceId::parse("i-1").unwrap()), 6_000);
        let native = json!({
            "id": "p-2", "amount": 5, "status": "pending_charge", "connector_id": "c-1",
        });
        let seen = payment(native.to_string().as_bytes()).unwrap();
        assert!(seen.is_pending() && seen.connector.is_some() && seen.parts.is_empty());
    }
}
