//! Zenskar's invoice object.
//!
//! The list leaves out the currency, which only the single invoice has. Not here: the routes (see
//! `invoices`), and what payments do to one (see `payments`).

use serde_json::{Map, Value, json};

use super::amount::{self, digits, major};
use super::customer::Key;
use super::time::{self, Read};
use crate::switches::{InvoiceCurrency, TimestampForm, ZenskarSwitches};

/// Where an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Draft,
    Approved,
    Edited,
    Discarded,
    Paid,
    Void,
    PartiallyPaid,
    Upcoming,
}

const STATUSES: [(Status, &str); 8] = [
    (Status::Draft, "draft"),
    (Status::Approved, "approved"),
    (Status::Edited, "edited"),
    (Status::Discarded, "discarded"),
    (Status::Paid, "paid"),
    (Status::Void, "void"),
    (Status::PartiallyPaid, "partially_paid"),
    (Status::Upcoming, "upcoming"),
];

impl Status {
    pub(crate) fn name(self) -> &'static str {
        let known = STATUSES.iter().find(|(status, _)| *status == self);
        known.map_or("other", |(_, name)| name)
    }

    pub(crate) fn of(name: &str) -> Option<Self> {
        let known = STATUSES.iter().find(|(_, known)| *known == name);
        known.map(|(status, _)| *status)
    }

    /// Whether money can be put towards it.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Approved | Self::PartiallyPaid | Self::Paid)
    }
}

/// A line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) quantity: i64,
    /// Minor units.
    pub(crate) amount: i64,
}

/// An invoice.
#[derive(Debug, Clone)]
pub(crate) struct Invoice {
    pub(crate) id: String,
    pub(crate) key: Key,
    /// Microseconds.
    pub(crate) updated: i64,
    pub(crate) customer_id: String,
    pub(crate) contract_id: Option<String>,
    pub(crate) number: String,
    pub(crate) external_id: Option<String>,
    pub(crate) status: Status,
    /// Upper case.
    pub(crate) currency: String,
    /// Minor units, as everything here.
    pub(crate) total: i64,
    /// Taken off by credit notes.
    pub(crate) credited: i64,
    /// Taken off by wallet credits.
    pub(crate) applied: i64,
    /// Paid by payments that succeeded.
    pub(crate) paid: i64,
    pub(crate) lines: Vec<Line>,
    /// Minor units of one unit of the line items.
    pub(crate) scale: i64,
    /// Microseconds, as all times here.
    pub(crate) due_date: Option<i64>,
    pub(crate) promise_due_date: Option<i64>,
    pub(crate) charged_at: Option<i64>,
    pub(crate) approved_at: Option<i64>,
    pub(crate) paid_at: Option<i64>,
}

/// The first moment of a day.
fn day(us: i64) -> i64 {
    us - us.rem_euclid(86_400_000_000)
}

/// A time in a test's own JSON: ISO text or Unix seconds.
pub(crate) fn read_time(value: &Value) -> Option<i64> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    time::read(&text).map(|read| match read {
        Read::Naive(us) | Read::Aware(us) => us,
    })
}

impl Invoice {
    /// What is still owed.
    pub(crate) fn due(&self) -> i64 {
        let is_owed = !matches!(self.status, Status::Void | Status::Discarded);
        let rest = self.total - self.credited - self.applied - self.paid;
        if is_owed { rest.max(0) } else { 0 }
    }

    /// Sets the status that the payments make it have.
    pub(crate) fn settle(&mut self, now_us: i64) {
        if !self.status.is_open() {
            return;
        }
        self.status = if self.due() == 0 {
            Status::Paid
        } else if self.paid > 0 {
            Status::PartiallyPaid
        } else {
            Status::Approved
        };
        self.paid_at = match self.status {
            Status::Paid => self.paid_at.or(Some(now_us)),
            _ => None,
        };
    }

    /// The object in a list.
    pub(crate) fn render_item(&self, switches: &ZenskarSwitches) -> Map<String, Value> {
        let form = switches.timestamps;
        let when = |at: Option<i64>| at.map(|at| time::write(at, form, false));
        let date = |at: Option<i64>| {
            let short = switches.due_date_only;
            at.map(|at| match short {
                true => time::write(at, TimestampForm::Seconds, false)
                    .chars()
                    .take(10)
                    .collect(),
                false => time::write(at, form, false),
            })
        };
        let money = |minor: i64| amount::minor(minor, switches.invoice_amounts);
        let value = json!({
            "id": self.id,
            "invoice_id": self.id,
            "customer_id": self.customer_id,
            "contract_id": self.contract_id,
            "invoice_number": self.number,
            "invoice_period": {
                "begin_date": when(Some(day(self.key.0) - 30 * 86_400_000_000)),
                "end_date_exclusive": when(Some(day(self.key.0))),
            },
            "status": self.status.name(),
            "created_at": when(Some(self.key.0)),
            "created_by": "system",
            "last_updated_at": time::write(self.updated, form, true),
            "invoice_total": money(self.total),
            "net_invoice_total": money(self.total - self.credited - self.applied),
            "applied_balance": money(self.applied),
            "invoice_url": format!("https://app.zenskar.com/invoices/{}", self.id),
            "external_id": self.external_id,
            "payment_url": format!("https://app.zenskar.com/pay/{}", self.id),
            "due_date": date(self.due_date),
            "promise_due_date": date(self.promise_due_date),
            "amount_due": money(self.due()),
            "charged_at": when(self.charged_at),
        });
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    /// The single object.
    pub(crate) fn render(
        &self,
        switches: &ZenskarSwitches,
        customer_name: Option<&str>,
    ) -> Map<String, Value> {
        let mut map = self.render_item(switches);
        let form = switches.timestamps;
        let when = |at: Option<i64>| json!(at.map(|at| time::write(at, form, false)));
        let customer = json!({ "id": self.customer_id, "customer_name": customer_name });
        let more = [
            ("customer", customer),
            ("custom_attributes", json!({})),
            ("notes", Value::Null),
            ("approved_at", when(self.approved_at)),
            ("paid_at", when(self.paid_at)),
        ];
        map.extend(more.map(|(name, value)| (name.to_owned(), value)));
        let name = match switches.invoice_currency {
            InvoiceCurrency::Currency => "currency",
            InvoiceCurrency::CurrencyCode => "currency_code",
            InvoiceCurrency::Absent => return map,
        };
        map.insert(name.to_owned(), json!(self.currency));
        map
    }

    /// The line items, in major units.
    pub(crate) fn render_lines(&self) -> Value {
        let money = |minor: i64| {
            let shown = digits(minor, self.scale);
            let display = if self.currency == "USD" {
                format!("${shown}")
            } else {
                format!("{shown} {}", self.currency)
            };
            json!({
                "value": major(minor, self.scale), "unit": self.currency, "display": display,
            })
        };
        let lines = self.lines.iter().map(|line| {
            let quantity = line.quantity;
            json!({
                "name": line.name,
                "quantity": {
                    "value": quantity, "unit": "unit", "display": format!("{quantity} units"),
                },
                "subtotal": money(line.amount),
                "pricing_model": "per-unit-pricing",
                "features": [],
            })
        });
        let lines: Vec<Value> = lines.collect();
        let total = self.lines.iter().map(|line| line.amount).sum();
        json!({ "lines": lines, "total": major(total, self.scale) })
    }
}
