//! Payments: their routes, and what each does to the invoices it is for.
//!
//! There is no idempotency: the same POST twice makes two payments. Only a payment in `success`
//! lowers what is due. Not here: charges that Zenskar makes at Stripe (see `charge`).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::amount;
use super::filter::Op;
use super::invoices;
use super::payment::{METHODS, Payer, Payment, STATUSES, TYPES};
use super::refusal::{Refusal, problem};
use super::rows::{Moment, Rows};
use super::table::{self, Cell, Column, EXACT, Kind, PATTERN, RANGE, View};
use super::{Zenskar, body};
use crate::base::Base;
use crate::message::Request;
use crate::money_view::Booked;
use crate::switches::PatchNested;

/// The payments of the organisation.
pub(crate) type Payments = Rows<Payment>;

const COLUMNS: [Column; 14] = [
    ("id", Kind::Text, EXACT),
    ("customer_id", Kind::Text, EXACT),
    ("connector_id", Kind::Text, EXACT),
    ("external_id", Kind::Text, PATTERN),
    ("payment_method", Kind::Text, EXACT),
    ("type", Kind::Text, EXACT),
    ("status", Kind::Text, EXACT),
    ("parent_id", Kind::Text, EXACT),
    ("currency_code", Kind::Text, &[Op::Ilike]),
    ("amount", Kind::Number, &[Op::Gte, Op::Lte]),
    ("autocharge", Kind::Flag, &[Op::Eq]),
    ("timestamp", Kind::Unix, RANGE),
    ("created_at", Kind::Time, RANGE),
    ("invoice__id", Kind::Text, EXACT),
];

fn moment(base: &Base) -> Moment {
    Moment {
        now_us: base.now_ms * 1000,
        lag: base.switches.zenskar.payment_lag,
    }
}

fn missing() -> Refusal {
    Refusal::detail(404, "Payment not found")
}

/// A checked body of `POST /payments`.
#[derive(Debug)]
struct Checked {
    amount: i64,
    currency: String,
    customer_id: Option<String>,
    parts: Vec<(String, i64)>,
}

impl Zenskar {
    /// Answers a request below `/payments`.
    pub(super) fn route_payments(
        &mut self,
        base: &mut Base,
        request: &Request,
        rest: &[&str],
    ) -> Result<Value, Refusal> {
        let query = &request.query;
        if let [id] | ["invoice", id, ..] = rest
            && !body::is_uuid(id)
        {
            let loc = ["path", "id"];
            let message = "value is not a valid uuid";
            return Err(Refusal::field(&loc, message, "type_error.uuid"));
        }
        match (request.method.as_str(), rest) {
            ("GET", []) => self.list_payments(base, query, |_| true),
            ("POST", []) => {
                let object = body::object(request)?;
                let id = self.create_payment(base, &object, false)?;
                Ok(self.payment(base, &id))
            }
            ("GET", [id]) => {
                let seen = self.payments.seen(id, moment(base));
                seen.map(|payment| self.show_payment(base, payment))
                    .ok_or_else(missing)
            }
            ("PATCH", [id]) => {
                let object = body::object(request)?;
                self.patch_payment(base, id, &object)
            }
            ("GET", ["invoice", id]) => self.payments_of(base, id, query),
            ("POST", ["invoice", id, "charge"]) => {
                let object = body::object(request)?;
                self.charge(base, id, &object)
            }
            (_, [] | [_] | ["invoice", _] | ["invoice", _, "charge"]) => {
                Err(Refusal::detail(405, "Method Not Allowed"))
            }
            _ => Err(Refusal::detail(404, "Not Found")),
        }
    }

    fn show_payment(&self, base: &Base, payment: &Payment) -> Value {
        let customer = payment.customer_id.as_deref();
        let customer = customer.and_then(|id| self.store.get(id));
        let payer = customer.map_or_else(Payer::default, |customer| Payer {
            name: Some(&customer.name),
            email: customer.email.as_deref(),
            external_id: customer.external_id.as_deref(),
        });
        let switches = &base.switches.zenskar;
        payment.render(switches, &self.organisation, payer, &self.invoices)
    }

    fn list_payments(
        &self,
        base: &Base,
        query: &str,
        keep: impl Fn(&Payment) -> bool,
    ) -> Result<Value, Refusal> {
        let view = View {
            switches: &base.switches.zenskar,
            stamp: self.stamp(base),
            columns: &COLUMNS,
            orders: &["created_at", "timestamp", "amount"],
        };
        let seen = self.payments.seen_all(moment(base));
        let rows = seen
            .filter(|payment| keep(payment))
            .map(|payment| (payment.key, payment));
        let render = |payment: &Payment| self.show_payment(base, payment);
        table::list(&view, query, rows, cells, render)
    }

    /// The successful payments of an invoice.
    pub(super) fn payments_of(
        &self,
        base: &Base,
        invoice: &str,
        query: &str,
    ) -> Result<Value, Refusal> {
        self.list_payments(base, query, |payment| {
            payment.status == "success" && payment.parts.iter().any(|(id, _)| id == invoice)
        })
    }

    /// The payment as it is, without lag, or `null`.
    pub(crate) fn payment(&self, base: &Base, id: &str) -> Value {
        let payment = self.payments.get(id);
        payment.map_or(Value::Null, |payment| self.show_payment(base, payment))
    }

    /// Every payment without lag, oldest first.
    pub(crate) fn all_payments(&self, base: &Base) -> Vec<Value> {
        let all = self.payments.all();
        all.map(|payment| self.show_payment(base, payment))
            .collect()
    }

    /// Every payment as tests see it, oldest first.
    pub(crate) fn booked(&self) -> Vec<Booked> {
        let all = self.payments.all();
        all.map(|payment| Booked {
            payment: payment.id.clone(),
            status: payment.status.clone(),
            kind: payment.kind.clone(),
            customer: payment.customer_id.clone(),
            native: payment.native,
            external_id: payment.external_id.clone(),
            amount: payment.amount,
            currency: payment.currency.to_lowercase(),
            parts: payment.parts.clone(),
        })
        .collect()
    }

    pub(crate) fn payment_count(&self) -> usize {
        self.payments.len()
    }

    fn create_payment(
        &mut self,
        base: &mut Base,
        object: &Map<String, Value>,
        native: bool,
    ) -> Result<String, Refusal> {
        let checked = check(object)?;
        let status = word(object, "status").unwrap_or("created").to_owned();
        let customer_id = self.payer(&checked)?;
        self.check_parts(&checked, customer_id.as_deref(), None)?;
        let key = self.payments.next_key(base.now_ms * 1000);
        let details = object.get("payment_method_details");
        let text = |name: &str| word(object, name).map(str::to_owned);
        let payment = Payment {
            id: base.random.uuid(),
            key,
            amount: checked.amount,
            currency: checked.currency,
            status,
            kind: word(object, "type").unwrap_or("payment").to_owned(),
            method: text("payment_method"),
            method_details: details.cloned().unwrap_or_else(|| json!({})),
            customer_id,
            native,
            external_id: text("external_id"),
            parent_id: text("parent_id"),
            description: text("description"),
            parts: checked.parts,
        };
        Ok(self.put_payment(base, payment, "payment.created"))
    }

    /// Puts in a payment, new or changed, and settles its invoices; its id.
    pub(super) fn put_payment(&mut self, base: &Base, payment: Payment, event: &str) -> String {
        let id = payment.id.clone();
        let mut changes: BTreeMap<String, i64> = BTreeMap::new();
        let old = self.payments.get(&id).filter(|old| old.counts());
        for (invoice, part) in old.iter().flat_map(|old| &old.parts) {
            *changes.entry(invoice.clone()).or_default() -= part;
        }
        let new = Some(&payment).filter(|payment| payment.counts());
        for (invoice, part) in new.iter().flat_map(|new| &new.parts) {
            *changes.entry(invoice.clone()).or_default() += part;
        }
        self.payments.put(&id, payment.key, payment, moment(base));
        for (invoice, change) in changes.into_iter().filter(|(_, change)| *change != 0) {
            self.edit_invoice(base, &invoice, |invoice| invoice.paid += change);
        }
        if base.switches.zenskar.money_webhooks {
            let object = self.payment(base, &id);
            self.hooks
                .note(base, &self.organisation, (event, &id, object));
        }
        id
    }

    /// Whose payment it is: as it says, or as its invoices say.
    fn payer(&self, checked: &Checked) -> Result<Option<String>, Refusal> {
        if let Some(id) = &checked.customer_id {
            let known = self.store.get(id);
            let refusal = || Refusal::detail(400, "Customer not found");
            return known.map(|c| Some(c.id.to_string())).ok_or_else(refusal);
        }
        let first = checked.parts.first();
        let invoice = first.and_then(|(id, _)| self.invoices.get(id));
        Ok(invoice.map(|invoice| invoice.customer_id.clone()))
    }

    /// Checks that the parts fit the payment and what is due; `old` is the payment they replace.
    fn check_parts(
        &self,
        checked: &Checked,
        customer: Option<&str>,
        old: Option<&Payment>,
    ) -> Result<(), Refusal> {
        let refuse = |text: &str| Err(Refusal::detail(400, text));
        let sum: i64 = checked.parts.iter().map(|(_, part)| part).sum();
        if sum > checked.amount {
            return refuse("Sum of payment parts exceeds the payment amount");
        }
        for (at, (id, _)) in checked.parts.iter().enumerate() {
            let Some(invoice) = self.invoices.get(id) else {
                return refuse("Invoice not found");
            };
            if !invoice.status.is_open() {
                let text = format!("Invoice in status {} cannot be paid", invoice.status.name());
                return refuse(&text);
            }
            if invoice.currency != checked.currency {
                return refuse("Currency of payment and invoice differ");
            }
            if customer.is_some_and(|customer| invoice.customer_id != customer) {
                return refuse("Invoice belongs to another customer");
            }
            let of_invoice = |parts: &[(String, i64)]| -> i64 {
                let same = parts.iter().filter(|(known, _)| known == id);
                same.map(|(_, part)| part).sum()
            };
            let freed = old
                .filter(|old| old.counts())
                .map_or(0, |old| of_invoice(&old.parts));
            let so_far = checked.parts.get(..=at).unwrap_or_default();
            if of_invoice(so_far) > invoice.due() + freed {
                return refuse("Payment part exceeds the amount due of the invoice");
            }
        }
        Ok(())
    }

    fn patch_payment(
        &mut self,
        base: &Base,
        id: &str,
        object: &Map<String, Value>,
    ) -> Result<Value, Refusal> {
        let mut payment = self.payments.get(id).cloned().ok_or_else(missing)?;
        let mut problems = Vec::new();
        let new = check_parts_form(object, &mut problems);
        if problems.is_empty() && new.is_empty() {
            let loc = ["body", "payment_parts"];
            let message = "ensure this value has at least 1 items";
            problems.push(problem(&loc, message, "value_error.list.min_items"));
        }
        if !problems.is_empty() {
            return Err(Refusal::fields(&problems));
        }
        let old = payment.clone();
        let parts = if base.switches.zenskar.payment_parts == PatchNested::Merge {
            let mut kept = old.parts.clone();
            kept.retain(|(id, _)| new.iter().all(|(named, _)| named != id));
            kept.extend(new);
            kept
        } else {
            new
        };
        let checked = Checked {
            amount: payment.amount,
            currency: payment.currency.clone(),
            customer_id: payment.customer_id.clone(),
            parts,
        };
        self.check_parts(&checked, payment.customer_id.as_deref(), Some(&old))?;
        payment.parts = checked.parts;
        let id = self.put_payment(base, payment, "payment.updated");
        Ok(self.payment(base, &id))
    }

    /// A payment appears that was not asked for over the API: members as in the API, and `native`
    /// (true unless said) for one of Zenskar's own connector. `Err` is the body of the refusal.
    pub(crate) fn person_pays(
        &mut self,
        base: &mut Base,
        fields: &Map<String, Value>,
    ) -> Result<String, Value> {
        let native = fields.get("native").and_then(Value::as_bool);
        self.create_payment(base, fields, native.unwrap_or(true))
            .map_err(|refusal| refusal.response().value())
    }

    /// A payment changes: `status`, `external_id`. Whether there is one.
    pub(crate) fn person_changes_payment(
        &mut self,
        base: &Base,
        id: &str,
        fields: &Map<String, Value>,
    ) -> bool {
        let Some(mut payment) = self.payments.get(id).cloned() else {
            return false;
        };
        if let Some(status) = word(fields, "status") {
            status.clone_into(&mut payment.status);
        }
        if let Some(external) = word(fields, "external_id") {
            payment.external_id = Some(external.to_owned());
        }
        self.put_payment(base, payment, "payment.updated");
        true
    }
}

fn cells(payment: &Payment, column: &str) -> Vec<Cell> {
    let text = |text: &str| vec![Cell::Text(text.to_owned())];
    let maybe = |value: Option<&str>| value.map_or_else(Vec::new, text);
    match column {
        "id" => text(&payment.id),
        "customer_id" => maybe(payment.customer_id.as_deref()),
        "connector_id" => maybe(payment.native.then_some(super::payment::CONNECTOR)),
        "external_id" => maybe(payment.external_id.as_deref()),
        "payment_method" => maybe(payment.method.as_deref()),
        "type" => text(&payment.kind),
        "status" => text(&payment.status),
        "parent_id" => maybe(payment.parent_id.as_deref()),
        "currency_code" => text(&payment.currency),
        "amount" => vec![Cell::Number(payment.amount)],
        "autocharge" => vec![Cell::Flag(payment.native)],
        "timestamp" | "created_at" => vec![Cell::Number(payment.key.0)],
        "invoice__id" => {
            let ids = payment.parts.iter();
            ids.map(|(id, _)| Cell::Text(id.clone())).collect()
        }
        _ => Vec::new(),
    }
}

fn word<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

fn check(object: &Map<String, Value>) -> Result<Checked, Refusal> {
    let mut problems = Vec::new();
    for name in ["amount", "currency_code"] {
        if object.get(name).is_none_or(Value::is_null) {
            let loc = ["body", name];
            problems.push(problem(&loc, "field required", "value_error.missing"));
        }
    }
    let given = object.iter().filter(|(_, value)| !value.is_null());
    for (name, value) in given {
        let loc = ["body", name.as_str()];
        let is_one_of = |words: &[&str]| value.as_str().is_some_and(|word| words.contains(&word));
        let (fine, message, kind) = match name.as_str() {
            "amount" => (
                amount::read(value).is_some(),
                "value is not a valid integer",
                "type_error.integer",
            ),
            "currency_code" | "external_id" | "description" => {
                (value.is_string(), "str type expected", "type_error.str")
            }
            "customer_id" | "parent_id" => (
                value.as_str().is_some_and(body::is_uuid),
                "value is not a valid uuid",
                "type_error.uuid",
            ),
            "status" | "type" | "payment_method" => {
                let words: &[&str] = match name.as_str() {
                    "status" => &STATUSES,
                    "type" => &TYPES,
                    _ => &METHODS,
                };
                (
                    is_one_of(words),
                    "value is not a valid enumeration member",
                    "type_error.enum",
                )
            }
            "payment_method_details" => (
                value.is_object(),
                "value is not a valid dict",
                "type_error.dict",
            ),
            _ => (true, "", ""),
        };
        if !fine {
            problems.push(problem(&loc, message, kind));
        }
    }
    let parts = check_parts_form(object, &mut problems);
    if !problems.is_empty() {
        return Err(Refusal::fields(&problems));
    }
    let amount = object.get("amount").and_then(amount::read).unwrap_or(0);
    if amount <= 0 {
        return Err(Refusal::detail(400, "Amount must be greater than zero"));
    }
    Ok(Checked {
        amount,
        currency: word(object, "currency_code")
            .unwrap_or_default()
            .to_uppercase(),
        customer_id: word(object, "customer_id").map(str::to_ascii_lowercase),
        parts,
    })
}

fn check_parts_form(object: &Map<String, Value>, problems: &mut Vec<Value>) -> Vec<(String, i64)> {
    let list = match object.get("payment_parts") {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(list)) => list,
        Some(_) => {
            let loc = ["body", "payment_parts"];
            problems.push(problem(
                &loc,
                "value is not a valid list",
                "type_error.list",
            ));
            return Vec::new();
        }
    };
    let mut parts = Vec::new();
    for (at, part) in list.iter().enumerate() {
        let at = at.to_string();
        let mut wrong = |name: &str, message: &str, kind: &str| {
            problems.push(problem(
                &["body", "payment_parts", &at, name],
                message,
                kind,
            ));
        };
        let id = part.get("invoice_id").and_then(Value::as_str);
        let amount = part.get("amount").and_then(amount::read);
        if id.is_none_or(|id| !body::is_uuid(id)) {
            wrong("invoice_id", "value is not a valid uuid", "type_error.uuid");
        }
        match amount {
            None => wrong(
                "amount",
                "value is not a valid integer",
                "type_error.integer",
            ),
            Some(amount) if amount <= 0 => {
                let message = "ensure this value is greater than 0";
                wrong("amount", message, "value_error.number.not_gt");
            }
            Some(amount) => parts.push((id.unwrap_or_default().to_ascii_lowercase(), amount)),
        }
    }
    parts
}

/// 404 where a charge names no invoice.
pub(super) fn no_invoice() -> Refusal {
    invoices::missing()
}
