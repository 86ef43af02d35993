//! Invoices: their routes, and what a person does with them.
//!
//! Over the API they can only be read here. Not here: payments (see `payments`).

use serde_json::{Map, Value, json};

use super::amount;
use super::cursor::Stamp;
use super::filter::Op;
use super::invoice::{Invoice, Line, Status, read_time};
use super::refusal::Refusal;
use super::rows::{Moment, Rows};
use super::table::{self, Cell, Column, EXACT, Kind, PATTERN, RANGE, TEXT, View};
use super::{Zenskar, body};
use crate::base::Base;
use crate::message::Request;
use crate::money_view::Owed;
use crate::stripe::pairs;

const COLUMNS: [Column; 13] = [
    ("id", Kind::Text, EXACT),
    ("customer_id", Kind::Text, EXACT),
    ("customer__external_id", Kind::Text, TEXT),
    ("customer__customer_name", Kind::Text, &[Op::Ilike]),
    ("contract_id", Kind::Text, EXACT),
    ("external_id", Kind::Text, TEXT),
    ("invoice_number", Kind::Text, PATTERN),
    ("status", Kind::Text, EXACT),
    ("invoice_total", Kind::Number, RANGE),
    ("amount_due", Kind::Number, RANGE),
    ("due_date", Kind::Time, RANGE),
    ("created_at", Kind::Time, RANGE),
    ("last_updated_at", Kind::Time, RANGE),
];

const ORDERS: [&str; 5] = [
    "created_at",
    "due_date",
    "amount_due",
    "invoice_total",
    "last_updated_at",
];

/// 404 for an invoice.
pub(crate) fn missing() -> Refusal {
    Refusal::detail(404, "Invoice not found")
}

fn moment(base: &Base) -> Moment {
    Moment {
        now_us: base.now_ms * 1000,
        lag: base.switches.zenskar.invoice_lag,
    }
}

impl Zenskar {
    pub(super) fn stamp(&self, base: &Base) -> Stamp {
        Stamp {
            generation: self.generation,
            now_ms: base.now_ms,
            ttl: base.switches.zenskar.cursor_ttl,
        }
    }

    /// Answers a request below `/invoices`.
    pub(super) fn route_invoices(
        &self,
        base: &Base,
        request: &Request,
        rest: &[&str],
    ) -> Result<Value, Refusal> {
        let query = &request.query;
        match (request.method.as_str(), rest) {
            ("GET", []) => self.list_invoices(base, query),
            ("GET", ["external_id", id]) => {
                let mut seen = self.invoices.seen_all(moment(base));
                let found = seen.find(|invoice| invoice.external_id.as_deref() == Some(*id));
                match found {
                    Some(invoice) => Ok(self.show_invoice(base, invoice, query)),
                    None if base.switches.zenskar.null_for_missing => Ok(Value::Null),
                    None => Err(missing()),
                }
            }
            ("GET", [id]) => {
                let invoice = self.seen_invoice(base, id)?;
                Ok(self.show_invoice(base, invoice, query))
            }
            ("GET", [id, "line_items"]) => Ok(self.seen_invoice(base, id)?.render_lines()),
            ("GET", [id, "payments"]) => {
                self.seen_invoice(base, id)?;
                self.payments_of(base, id, query)
            }
            (_, [] | [_] | [_, "line_items" | "payments"] | ["external_id", _]) => {
                Err(Refusal::detail(405, "Method Not Allowed"))
            }
            _ => Err(Refusal::detail(404, "Not Found")),
        }
    }

    fn seen_invoice(&self, base: &Base, id: &str) -> Result<&Invoice, Refusal> {
        if !body::is_uuid(id) {
            let loc = ["path", "invoice_id"];
            let message = "value is not a valid uuid";
            return Err(Refusal::field(&loc, message, "type_error.uuid"));
        }
        self.invoices.seen(id, moment(base)).ok_or_else(missing)
    }

    fn show_invoice(&self, base: &Base, invoice: &Invoice, query: &str) -> Value {
        let customer = self.store.get(&invoice.customer_id);
        let name = customer.map(|customer| &*customer.name);
        let mut map = invoice.render(&base.switches.zenskar, name);
        let wants_lines = pairs(query)
            .iter()
            .any(|(name, value)| name == "include_line_items" && value == "true");
        if wants_lines {
            map.insert("line_items".to_owned(), invoice.render_lines());
        }
        Value::Object(map)
    }

    fn list_invoices(&self, base: &Base, query: &str) -> Result<Value, Refusal> {
        let switches = &base.switches.zenskar;
        let cut = usize::from(!switches.last_updated_at_known);
        let view = View {
            switches,
            stamp: self.stamp(base),
            columns: COLUMNS.get(..COLUMNS.len() - cut).unwrap_or_default(),
            orders: ORDERS.get(..ORDERS.len() - cut).unwrap_or_default(),
        };
        let seen = self.invoices.seen_all(moment(base));
        let rows = seen.map(|invoice| (invoice.key, invoice));
        let cells = |invoice: &Invoice, column: &str| self.invoice_cells(invoice, column);
        let render = |invoice: &Invoice| Value::Object(invoice.render_item(switches));
        table::list(&view, query, rows, cells, render)
    }

    fn invoice_cells(&self, invoice: &Invoice, column: &str) -> Vec<Cell> {
        let text = |text: &str| vec![Cell::Text(text.to_owned())];
        let maybe = |value: Option<&str>| value.map_or_else(Vec::new, text);
        let number = |value: Option<i64>| value.map(Cell::Number).into_iter().collect();
        let customer = || self.store.get(&invoice.customer_id);
        match column {
            "id" => text(&invoice.id),
            "customer_id" => text(&invoice.customer_id),
            "customer__external_id" => maybe(customer().and_then(|c| c.external_id.as_deref())),
            "customer__customer_name" => maybe(customer().map(|c| &*c.name)),
            "contract_id" => maybe(invoice.contract_id.as_deref()),
            "external_id" => maybe(invoice.external_id.as_deref()),
            "invoice_number" => text(&invoice.number),
            "status" => text(invoice.status.name()),
            "invoice_total" => number(Some(invoice.total)),
            "amount_due" => number(Some(invoice.due())),
            "due_date" => number(invoice.due_date),
            "created_at" => number(Some(invoice.key.0)),
            "last_updated_at" => number(Some(invoice.updated)),
            _ => Vec::new(),
        }
    }

    /// Changes an invoice; whether there is one.
    pub(super) fn edit_invoice(
        &mut self,
        base: &Base,
        id: &str,
        edit: impl FnOnce(&mut Invoice),
    ) -> bool {
        let Some(mut invoice) = self.invoices.get(id).cloned() else {
            return false;
        };
        edit(&mut invoice);
        let now_us = base.now_ms * 1000;
        invoice.settle(now_us);
        invoice.updated = self.invoices.tick(now_us);
        self.put_invoice(base, invoice, "invoice.updated");
        true
    }

    fn put_invoice(&mut self, base: &Base, invoice: Invoice, event: &str) {
        let (id, key) = (invoice.id.clone(), invoice.key);
        if base.switches.zenskar.money_webhooks {
            let object = self.show_invoice(base, &invoice, "");
            let alert = (event, &*id, object);
            self.hooks.note(base, &self.organisation, alert);
        }
        self.invoices.put(&id, key, invoice, moment(base));
    }

    /// A person makes an invoice; its id. `Err` says what is wrong with the fields.
    pub(crate) fn person_bills(
        &mut self,
        base: &mut Base,
        fields: &Map<String, Value>,
    ) -> Result<String, Value> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let customer = text("customer_id").unwrap_or_default();
        if self.store.get(customer).is_none() {
            return Err(json!("customer_id is wanted, of a customer that is there"));
        }
        let total = fields.get("amount").and_then(amount::read);
        let total = total.ok_or_else(|| json!("amount is wanted, in minor units"))?;
        let now_us = base.now_ms * 1000;
        let key = self.invoices.next_key(now_us);
        let mut invoice = Invoice {
            id: base.random.uuid(),
            key,
            updated: key.0,
            customer_id: customer.to_owned(),
            contract_id: None,
            number: format!("INV-{:06}", key.1),
            external_id: None,
            status: Status::Approved,
            currency: "USD".to_owned(),
            total,
            credited: 0,
            applied: 0,
            paid: 0,
            lines: vec![Line {
                name: "Subscription".to_owned(),
                quantity: 1,
                amount: total,
            }],
            scale: 100,
            due_date: Some(now_us - now_us.rem_euclid(86_400_000_000)),
            promise_due_date: None,
            charged_at: None,
            approved_at: Some(now_us),
            paid_at: None,
        };
        set(&mut invoice, fields)?;
        invoice.settle(now_us);
        let id = invoice.id.clone();
        self.put_invoice(base, invoice, "invoice.created");
        Ok(id)
    }

    /// A person changes an invoice. `Err` says what is wrong.
    pub(crate) fn person_rebills(
        &mut self,
        base: &Base,
        id: &str,
        fields: &Map<String, Value>,
    ) -> Result<(), Value> {
        let Some(mut trial) = self.invoices.get(id).cloned() else {
            return Err(json!("no such invoice"));
        };
        set(&mut trial, fields)?;
        self.edit_invoice(base, id, |invoice| *invoice = trial);
        Ok(())
    }

    /// A person voids an invoice; whether there is one.
    pub(crate) fn person_voids(&mut self, base: &Base, id: &str) -> bool {
        self.edit_invoice(base, id, |invoice| invoice.status = Status::Void)
    }

    /// A credit note takes `minor` off what is due; whether there is such an invoice.
    pub(crate) fn person_credits(&mut self, base: &Base, id: &str, minor: i64) -> bool {
        self.edit_invoice(base, id, |invoice| invoice.credited += minor)
    }

    /// The invoice as `GET` shows it, without lag, with its line items, or `null`.
    pub(crate) fn invoice(&self, base: &Base, id: &str) -> Value {
        let invoice = self.invoices.get(id);
        invoice.map_or(Value::Null, |invoice| {
            self.show_invoice(base, invoice, "include_line_items=true")
        })
    }

    /// Every invoice without lag, oldest first.
    pub(crate) fn all_invoices(&self, base: &Base) -> Vec<Value> {
        let all = self.invoices.all();
        all.map(|invoice| self.show_invoice(base, invoice, ""))
            .collect()
    }

    /// Every invoice as tests see it, oldest first.
    pub(crate) fn owed(&self) -> Vec<Owed> {
        let all = self.invoices.all();
        all.map(|invoice| Owed {
            invoice: invoice.id.clone(),
            number: invoice.number.clone(),
            status: invoice.status.name().to_owned(),
            customer: invoice.customer_id.clone(),
            currency: invoice.currency.to_lowercase(),
            total: invoice.total,
            credited: invoice.credited + invoice.applied,
            paid: invoice.paid,
            due: invoice.due(),
        })
        .collect()
    }

    pub(crate) fn invoice_count(&self) -> usize {
        self.invoices.len()
    }

    /// Whether a customer owes anything.
    pub(super) fn owes(&self, customer: &str) -> bool {
        self.invoices.all().any(|invoice| {
            invoice.customer_id == customer && invoice.status.is_open() && invoice.due() > 0
        })
    }
}

/// Sets the members that a person gave. An amount without lines makes a single line.
fn set(invoice: &mut Invoice, fields: &Map<String, Value>) -> Result<(), Value> {
    for (name, value) in fields {
        let wrong = || json!(format!("{name} cannot be {value}"));
        let text = || value.as_str().map(str::to_owned).ok_or_else(wrong);
        let number = || amount::read(value).ok_or_else(wrong);
        let time = || match value {
            Value::Null => Ok(None),
            value => read_time(value).map(Some).ok_or_else(wrong),
        };
        match name.as_str() {
            "customer_id" => {}
            "amount" => invoice.total = number()?,
            "currency" => invoice.currency = text()?.to_uppercase(),
            "number" => invoice.number = text()?,
            "status" => invoice.status = Status::of(&text()?).ok_or_else(wrong)?,
            "due_date" => invoice.due_date = time()?,
            "promise_due_date" => invoice.promise_due_date = time()?,
            "charged_at" => invoice.charged_at = time()?,
            "external_id" => invoice.external_id = value.as_str().map(str::to_owned),
            "contract_id" => invoice.contract_id = value.as_str().map(str::to_owned),
            "applied_balance" => invoice.applied = number()?,
            "line_item_scale" => invoice.scale = number()?,
            "lines" => {
                let lines = value.as_array().ok_or_else(wrong)?;
                let lines = lines.iter().map(read_line);
                invoice.lines = lines.collect::<Option<_>>().ok_or_else(wrong)?;
            }
            _ => return Err(json!(format!("{name} is not known"))),
        }
    }
    if invoice.status == Status::Paid && fields.contains_key("status") {
        invoice.paid = invoice.total - invoice.credited - invoice.applied;
    }
    if fields.contains_key("amount")
        && !fields.contains_key("lines")
        && let [line] = invoice.lines.as_mut_slice()
    {
        line.amount = invoice.total;
    }
    Ok(())
}

fn read_line(line: &Value) -> Option<Line> {
    Some(Line {
        name: line.get("name")?.as_str()?.to_owned(),
        quantity: line.get("quantity").and_then(Value::as_i64).unwrap_or(1),
        amount: amount::read(line.get("amount")?)?,
    })
}

/// The invoices and payments of the organisation.
pub(crate) type Invoices = Rows<Invoice>;
