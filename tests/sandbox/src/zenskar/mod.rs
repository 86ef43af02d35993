//! The Zenskar side: from a request to its answer.
//!
//! A request passes, in this order: credentials, ordered faults, rate limit, API version, body,
//! route. There is no idempotency of any kind. Not here: anything but customers, their mappings,
//! invoices and payments; other paths are answered with 404.

mod amount;
mod body;
mod charge;
mod cursor;
mod customer;
mod filter;
mod hooks;
mod invoice;
mod invoices;
mod list;
mod payment;
mod payments;
mod refusal;
mod rows;
mod store;
mod table;
mod time;
mod verbs;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use body::Connector;
pub(crate) use charge::Progress;
use customer::Customer;
use filter::Filters;
use hooks::Hooks;
pub use hooks::ZenskarDelivery;
use invoices::Invoices;
use list::Scene;
use payments::Payments;
use refusal::Refusal;
use store::Store;
pub(crate) use verbs::Seed;

use crate::base::{Base, Reply, http_date};
use crate::fault::FaultKind;
use crate::limits::Buckets;
use crate::message::{Request, Response};
use crate::switches::ZenskarSwitches;

/// Everything the organisation holds.
#[derive(Debug)]
pub(crate) struct Zenskar {
    organisation: String,
    api_key: String,
    store: Store,
    invoices: Invoices,
    payments: Payments,
    buckets: Buckets,
    generation: u64,
    counted: Option<(Filters, u64, usize)>,
    pub(crate) hooks: Hooks,
    /// Customers changed since the last look, for Zenskar's own connector; new ones apart.
    pub(crate) changed: Vec<String>,
    /// Customers made without a mapping since the last look.
    pub(crate) unmapped: Vec<String>,
    /// Payments that Zenskar's own connector was asked to charge since the last look.
    pub(crate) charges: Vec<String>,
}

impl Zenskar {
    pub(crate) fn new(organisation: &str, api_key: &str) -> Self {
        Self {
            organisation: organisation.to_owned(),
            api_key: api_key.to_owned(),
            store: Store::default(),
            invoices: Invoices::default(),
            payments: Payments::default(),
            buckets: Buckets::default(),
            generation: 0,
            counted: None,
            hooks: Hooks::default(),
            changed: Vec::new(),
            unmapped: Vec::new(),
            charges: Vec::new(),
        }
    }

    /// Answers a request; `fault` is what shall go wrong with it. `gone` tells whether a Stripe
    /// customer was deleted.
    pub(crate) fn answer(
        &mut self,
        base: &mut Base,
        request: &Request,
        fault: Option<&FaultKind>,
        gone: &dyn Fn(&str) -> bool,
    ) -> Reply {
        let result = self.admit(base, request, fault).and_then(|()| {
            if let Some(FaultKind::ServerError { applied: false }) = fault {
                return Err(Refusal::server());
            }
            self.route(base, request, gone)
        });
        let applied = result.is_ok();
        let mut response = match (result, fault) {
            (Ok(_), Some(FaultKind::ServerError { .. })) => Refusal::server().response(),
            (Ok(value), _) => Response::json(200, &value),
            (Err(refusal), _) => refusal.response(),
        };
        response.push_header("Date", http_date(base.now()));
        Reply { response, applied }
    }

    fn admit(
        &mut self,
        base: &Base,
        request: &Request,
        fault: Option<&FaultKind>,
    ) -> Result<(), Refusal> {
        if request.header("x-api-key") != Some(&self.api_key) {
            return Err(Refusal::unauthorized());
        }
        match request.header("organisation") {
            None => return Err(Refusal::unauthorized()),
            Some(organisation) if organisation != self.organisation => {
                return Err(Refusal::forbidden());
            }
            Some(_) => {}
        }
        match fault {
            Some(FaultKind::TooManyRequests { retry_after, .. }) => {
                return Err(Refusal::limited(*retry_after));
            }
            Some(FaultKind::LockTimeout) => return Err(Refusal::limited(None)),
            Some(FaultKind::Unavailable) => return Err(Refusal::unavailable()),
            Some(FaultKind::Conflict) => return Err(Refusal::detail(409, "Conflict")),
            Some(FaultKind::Refuse { status: 401 }) => return Err(Refusal::unauthorized()),
            Some(FaultKind::Refuse { status: 403 }) => return Err(Refusal::forbidden()),
            Some(FaultKind::Refuse { status }) => return Err(Refusal::detail(*status, "Refused")),
            _ => {}
        }
        if let Some(rate) = base.switches.zenskar.rate_limit {
            if !self.buckets.has("", rate, base.now_ms) {
                return Err(Refusal::limited(None));
            }
            self.buckets.take("");
        }
        let version = request.header("apiversion");
        if version.is_some_and(|version| version.parse::<u32>().is_err()) {
            let loc = ["header", "apiversion"];
            let message = "value is not a valid integer";
            return Err(Refusal::field(&loc, message, "type_error.integer"));
        }
        Ok(())
    }

    fn route(
        &mut self,
        base: &mut Base,
        request: &Request,
        gone: &dyn Fn(&str) -> bool,
    ) -> Result<Value, Refusal> {
        let segments = request.segments();
        let rest = match segments.as_slice() {
            ["customers" | "customer", rest @ ..] => rest,
            ["invoices", rest @ ..] => return self.route_invoices(base, request, rest),
            ["payments", rest @ ..] => return self.route_payments(base, request, rest),
            _ => return Err(Refusal::detail(404, "Not Found")),
        };
        if let Some(id) = rest.first()
            && !body::is_uuid(id)
        {
            let loc = ["path", "customer_id"];
            return Err(Refusal::field(
                &loc,
                "value is not a valid uuid",
                "type_error.uuid",
            ));
        }
        match (request.method.as_str(), rest) {
            ("GET", []) => list::list(&mut self.scene(base), &request.query),
            ("GET", [id]) => self.show(base, id, &request.query),
            ("GET", [id, "connector", name]) => self.mapping(base, id, name, gone),
            ("POST", []) => self.create(base, &body::object(request)?),
            ("PATCH", [id]) => {
                let switches = &base.switches.zenskar;
                self.patch(base, switches, id, &body::object(request)?)
            }
            ("DELETE", [id]) => {
                body::object(request)?;
                if self.owes(id) {
                    let message = "Customer has unpaid invoices";
                    return Err(Refusal::detail(400, message));
                }
                self.delete(base, id)
            }
            ("PATCH", [id, "connector"]) => {
                let connector = body::connector(&body::object(request)?)?;
                self.set_mapping(base, id, &connector)?;
                self.mapping(base, id, &connector.name, &|_| false)
            }
            ("DELETE", [id, "connector", name]) => {
                body::object(request)?;
                self.delete_mapping(base, id, name)
            }
            (_, [] | [_] | [_, "connector"] | [_, "connector", _]) => {
                Err(Refusal::detail(405, "Method Not Allowed"))
            }
            _ => Err(Refusal::detail(404, "Not Found")),
        }
    }

    fn scene<'a>(&'a mut self, base: &'a Base) -> Scene<'a> {
        Scene {
            store: &self.store,
            switches: &base.switches.zenskar,
            now_ms: base.now_ms,
            generation: self.generation,
            organisation: &self.organisation,
            counted: &mut self.counted,
        }
    }

    fn show(&mut self, base: &Base, id: &str, query: &str) -> Result<Value, Refusal> {
        match list::one(&self.scene(base), id, query) {
            Some(map) => Ok(Value::Object(map)),
            None if base.switches.zenskar.null_for_missing => Ok(Value::Null),
            None => Err(Refusal::no_customer()),
        }
    }

    /// The object that a write answers with; writes do not lag.
    fn written(&self, base: &Base, id: &str) -> Value {
        let form = base.switches.zenskar.timestamps;
        let customer = self.store.get(id);
        customer.map_or(Value::Null, |customer| {
            Value::Object(customer.render(&self.organisation, form, false))
        })
    }

    /// Tells the webhook of a change; gives the object that the write answers with.
    fn announce(&mut self, base: &Base, event: &str, id: &str) -> Value {
        let object = self.written(base, id);
        let alert = (event, id, object.clone());
        self.hooks.note(base, &self.organisation, alert);
        object
    }

    fn create(&mut self, base: &mut Base, object: &Map<String, Value>) -> Result<Value, Refusal> {
        let checked = body::check(object, true)?;
        let external = checked.fields.get("external_id").and_then(Value::as_str);
        let (id, is_id) = match external {
            Some(external) if body::is_uuid(external) => (external.to_ascii_lowercase(), true),
            _ => (base.random.uuid(), false),
        };
        if self.store.get(&id).is_some() {
            return Err(Refusal::detail(400, "Customer with this id already exists"));
        }
        let key = self.store.next_key(base.now_ms * 1000);
        let mut customer = Customer::new(Arc::from(id.as_str()), key, Box::default());
        let mut fields = customer.to_fields();
        body::apply(&mut fields, &checked.fields, &base.switches.zenskar);
        if is_id {
            fields.insert("external_id".to_owned(), Value::Null);
        }
        customer.set_fields(&fields);
        match &checked.connector {
            Some(connector) => map(&mut customer, connector),
            None => self.unmapped.push(id.clone()),
        }
        self.store.put(customer, base.switches.zenskar.read_lag)?;
        Ok(self.announce(base, "customer.created", &id))
    }

    fn patch(
        &mut self,
        base: &Base,
        switches: &ZenskarSwitches,
        id: &str,
        object: &Map<String, Value>,
    ) -> Result<Value, Refusal> {
        let checked = body::check(object, false)?;
        let mut customer = self
            .store
            .get(id)
            .cloned()
            .ok_or_else(Refusal::no_customer)?;
        let mut fields = customer.to_fields();
        body::apply(&mut fields, &checked.fields, switches);
        customer.set_fields(&fields);
        if let Some(connector) = &checked.connector {
            map(&mut customer, connector);
        }
        customer.updated = self.store.tick(base.now_ms * 1000);
        self.store.put(customer, base.switches.zenskar.read_lag)?;
        self.changed.push(id.to_owned());
        Ok(self.announce(base, "customer.updated", id))
    }

    fn delete(&mut self, base: &Base, id: &str) -> Result<Value, Refusal> {
        let lag = base.switches.zenskar.read_lag;
        if self.store.remove(id, base.now_ms * 1000, lag) {
            self.announce(base, "customer.deleted", id);
            return Ok(Value::Null);
        }
        Err(Refusal::no_customer())
    }

    fn mapping(
        &self,
        base: &Base,
        id: &str,
        name: &str,
        gone: &dyn Fn(&str) -> bool,
    ) -> Result<Value, Refusal> {
        let customer = self.store.get(id).ok_or_else(Refusal::no_customer)?;
        let Some(reference) = customer.connectors.get(name) else {
            if base.switches.zenskar.null_for_unmapped {
                return Ok(json!({
                    "connector_name": name,
                    "reference_id": null,
                    "customer_name": &*customer.name,
                    "email": customer.email.as_deref(),
                }));
            }
            let message = format!("No {name} integration found for this customer");
            return Err(Refusal::detail(400, &message));
        };
        if name == "stripe" && gone(reference) {
            return Err(Refusal::detail(400, "resource deleted on connector"));
        }
        Ok(json!({
            "connector_name": name,
            "reference_id": &**reference,
            "customer_name": &*customer.name,
            "email": customer.email.as_deref(),
        }))
    }

    fn set_mapping(&mut self, base: &Base, id: &str, connector: &Connector) -> Result<(), Refusal> {
        let mut customer = self
            .store
            .get(id)
            .cloned()
            .ok_or_else(Refusal::no_customer)?;
        map(&mut customer, connector);
        customer.updated = self.store.tick(base.now_ms * 1000);
        self.store.put(customer, base.switches.zenskar.read_lag)?;
        self.announce(base, "customer.updated", id);
        Ok(())
    }

    fn delete_mapping(&mut self, base: &Base, id: &str, name: &str) -> Result<Value, Refusal> {
        let mut customer = self
            .store
            .get(id)
            .cloned()
            .ok_or_else(Refusal::no_customer)?;
        if customer.connectors.remove(name).is_none() {
            let message = format!("No {name} integration found for this customer");
            return Err(Refusal::detail(400, &message));
        }
        customer.updated = self.store.tick(base.now_ms * 1000);
        self.store.put(customer, base.switches.zenskar.read_lag)?;
        Ok(Value::Null)
    }
}

fn map(customer: &mut Customer, connector: &Connector) {
    let (name, reference) = (connector.name.as_str(), connector.reference_id.as_str());
    customer.connectors.insert(name.into(), reference.into());
}
