//! `/_sandbox/…`: JSON routes on both listeners to look inside and to drive everything.
//!
//! They need no credentials and are not recorded. Not here: anything that the library API cannot
//! do as well.

use serde_json::{Map, Value, json};

use crate::control_money;
use crate::fault::Fault;
use crate::message::{Remote, Request, Response};
use crate::native::remote_of;
use crate::sandbox::Sandbox;
use crate::seed_money::seeded;
use crate::stripe::pairs;
use crate::switches::Switches;
use crate::world::World;

/// The routes, as `GET /_sandbox` lists them.
const ROUTES: [(&str, &str); 30] = [
    (
        "GET /_sandbox/state",
        "counts of everything, the clock, the reads",
    ),
    ("GET /_sandbox/clock", "now in seconds and milliseconds"),
    ("POST /_sandbox/clock", "{advance} or {advance_ms} or {set}"),
    ("GET /_sandbox/switches", "all switches"),
    (
        "POST /_sandbox/switches",
        "changes the switches given: {stripe: {…}, zenskar: {…}}",
    ),
    (
        "GET /_sandbox/faults",
        "ordered faults with how often each fired",
    ),
    (
        "POST /_sandbox/faults",
        "orders a fault: {remote, kind, …, method, prefix, skip, times}",
    ),
    ("DELETE /_sandbox/faults", "forgets all faults"),
    ("GET /_sandbox/stripe/customers/{id}", "a Stripe customer"),
    (
        "POST /_sandbox/stripe/customers",
        "a person makes a Stripe customer",
    ),
    (
        "POST /_sandbox/stripe/customers/{id}",
        "a person changes a Stripe customer",
    ),
    (
        "DELETE /_sandbox/stripe/customers/{id}",
        "a person deletes a Stripe customer",
    ),
    (
        "GET /_sandbox/zenskar/customers/{id}",
        "a Zenskar customer, without lag, and its mapping",
    ),
    (
        "POST /_sandbox/zenskar/customers",
        "a person makes a Zenskar customer",
    ),
    (
        "POST /_sandbox/zenskar/customers/{id}",
        "a person changes a Zenskar customer",
    ),
    (
        "DELETE /_sandbox/zenskar/customers/{id}",
        "a person deletes a Zenskar customer",
    ),
    ("POST /_sandbox/map", "{zenskar, stripe}: maps a customer"),
    (
        "POST /_sandbox/seed",
        "{count}: makes mapped pairs; {invoices}: of each, with a default method",
    ),
    (
        "POST /_sandbox/cursors/expire",
        "every Zenskar list cursor stops working",
    ),
    (
        "POST /_sandbox/zenskar/webhook",
        "{url, secret}: Zenskar posts every change of a customer there",
    ),
    ("GET /_sandbox/events", "all Stripe events, newest first"),
    (
        "POST /_sandbox/events",
        "{type, object, account, livemode}: injects an event",
    ),
    (
        "POST /_sandbox/events/{id}/resend",
        "delivers an event again",
    ),
    ("GET /_sandbox/deliveries", "all deliveries"),
    (
        "POST /_sandbox/webhooks",
        "{url, secret, …}: makes an endpoint; /{id}/roll {keep}: rolls",
    ),
    (
        "POST /_sandbox/keys/{key}/expire",
        "a Stripe key expires; /allow: it is valid",
    ),
    (
        "GET /_sandbox/connections",
        "accounts that are connected to the platform",
    ),
    (
        "POST /_sandbox/connections/{account}/revoke",
        "the account's owner takes the connection back",
    ),
    (
        "POST /_sandbox/redirects",
        "{uri}: OAuth may send a browser back there, and to no other than such",
    ),
    (
        "GET /_sandbox/exchanges",
        "the last exchanges; /_sandbox/writes/{customer}: its writes",
    ),
];

pub(crate) type Answer = Result<Value, (u16, Value)>;

/// Answers a request below `/_sandbox`.
pub(crate) fn handle(sandbox: &Sandbox, request: &Request) -> Response {
    match route(sandbox, request) {
        Ok(value) => Response::json(200, &value),
        Err((status, problem)) => Response::json(status, &json!({ "error": problem })),
    }
}

fn route(sandbox: &Sandbox, request: &Request) -> Answer {
    let segments = request.segments();
    let rest = segments.get(1..).unwrap_or_default();
    let method = request.method.as_str();
    if let Some(answer) = control_money::route(sandbox, method, rest, request) {
        return answer;
    }
    match rest {
        ["stripe", "customers", id @ ..] => stripe_customers(sandbox, method, id, request),
        ["zenskar", "customers", id @ ..] => zenskar_customers(sandbox, method, id, request),
        ["events", ..]
        | ["deliveries"]
        | ["webhooks", ..]
        | ["keys", ..]
        | ["connections", ..]
        | ["redirects"] => stripe(sandbox, method, rest, request),
        _ => world(sandbox, method, rest, request),
    }
}

fn world(sandbox: &Sandbox, method: &str, rest: &[&str], request: &Request) -> Answer {
    match (method, rest) {
        ("GET", []) => {
            let routes = ROUTES.iter().chain(&control_money::ROUTES);
            let routes = routes.map(|(route, what)| ((*route).to_owned(), json!(what)));
            Ok(Value::Object(Map::from_iter(routes)))
        }
        ("GET", ["state"]) => Ok(state(sandbox)),
        ("GET", ["clock"]) => Ok(clock(sandbox)),
        ("POST", ["clock"]) => {
            let body = body(request)?;
            let number = |name: &str| body.get(name).and_then(Value::as_i64);
            match (number("advance"), number("advance_ms"), number("set")) {
                (Some(seconds), None, None) => sandbox.clock().advance(seconds),
                (None, Some(ms), None) => sandbox.clock().advance_ms(ms),
                (None, None, Some(unix)) => sandbox.clock().set(unix),
                _ => return refuse(400, "one of advance, advance_ms, set is wanted"),
            }
            Ok(clock(sandbox))
        }
        ("GET", ["switches"]) => Ok(json!(sandbox.switches())),
        ("POST" | "PATCH", ["switches"]) => {
            let mut all = json!(sandbox.switches());
            merge(&mut all, &Value::Object(body(request)?));
            let all: Switches = read(all)?;
            sandbox.switch(|switches| *switches = all);
            Ok(json!(sandbox.switches()))
        }
        ("GET", ["faults"]) => Ok(json!(sandbox.fault_counts())),
        ("POST", ["faults"]) => {
            let fault: Fault = read(Value::Object(body(request)?))?;
            Ok(json!({ "id": sandbox.order_fault(fault) }))
        }
        ("DELETE", ["faults"]) => {
            sandbox.clear_faults();
            Ok(json!([]))
        }
        ("POST", ["map"]) => {
            let body = body(request)?;
            let (zenskar, stripe) = (text(&body, "zenskar")?, text(&body, "stripe")?);
            if sandbox.map_customer(zenskar, stripe) {
                Ok(json!({}))
            } else {
                missing()
            }
        }
        ("POST", ["seed"]) => Ok(seed(sandbox, &body(request)?)),
        ("POST", ["cursors", "expire"]) => {
            sandbox.expire_cursors();
            Ok(json!({}))
        }
        ("POST", ["zenskar", "webhook"]) => {
            let body = body(request)?;
            sandbox.set_zenskar_webhook(text(&body, "url")?, text(&body, "secret")?);
            Ok(json!({}))
        }
        ("GET", ["exchanges"]) => Ok(json!(newest(sandbox.exchanges(), request))),
        ("GET", ["writes", id]) => Ok(json!(sandbox.writes(id))),
        ("GET", ["writes"]) => {
            let world = sandbox.world();
            let counts = world
                .log
                .written()
                .map(|(id, count)| (id.clone(), json!(count)));
            Ok(Value::Object(Map::from_iter(counts)))
        }
        _ => refuse(404, "no such route; GET /_sandbox lists them"),
    }
}

fn seed(sandbox: &Sandbox, body: &Map<String, Value>) -> Value {
    let count = body.get("count").and_then(Value::as_u64).unwrap_or(1);
    let made = sandbox.seed_customers(usize::try_from(count).unwrap_or(0));
    let shown = made.iter().take(1000);
    let pairs = shown.map(|(stripe, zenskar)| json!({ "stripe": stripe, "zenskar": zenskar }));
    let each = body.get("invoices").and_then(Value::as_u64);
    let invoices = each.map(|each| seeded(sandbox, &made, each));
    json!({ "count": made.len(), "pairs": pairs.collect::<Vec<_>>(), "invoices": invoices })
}

fn stripe_customers(sandbox: &Sandbox, method: &str, id: &[&str], request: &Request) -> Answer {
    match (method, id) {
        ("GET", [id]) => found(sandbox.stripe_customer(id)),
        ("POST", []) => {
            let id = sandbox.stripe_create_customer(&Value::Object(body(request)?));
            Ok(sandbox.stripe_customer(&id))
        }
        ("POST" | "PATCH", [id]) => {
            let found = sandbox.stripe_update_customer(id, &Value::Object(body(request)?));
            if found {
                Ok(sandbox.stripe_customer(id))
            } else {
                missing()
            }
        }
        ("DELETE", [id]) => {
            let found = sandbox.stripe_delete_customer(id);
            if found {
                Ok(sandbox.stripe_customer(id))
            } else {
                missing()
            }
        }
        _ => refuse(405, "no such method here; GET /_sandbox lists the routes"),
    }
}

fn zenskar_customers(sandbox: &Sandbox, method: &str, id: &[&str], request: &Request) -> Answer {
    match (method, id) {
        ("GET", [id]) => {
            let mut customer = found(sandbox.zenskar_customer(id))?;
            let as_read = {
                let mut world = sandbox.world();
                let World { base, zenskar, .. } = &mut *world;
                zenskar.seen(base, id)
            };
            if let Some(map) = customer.as_object_mut() {
                map.insert("_stripe_id".to_owned(), json!(sandbox.mapping(id)));
                map.insert("_as_read".to_owned(), as_read);
            }
            Ok(customer)
        }
        ("POST", []) => {
            let made = sandbox.zenskar_create_customer(&Value::Object(body(request)?));
            made.map(|id| sandbox.zenskar_customer(&id))
                .map_err(|problem| (400, problem))
        }
        ("POST" | "PATCH", [id]) => {
            let done = sandbox.zenskar_update_customer(id, &Value::Object(body(request)?));
            done.map(|()| sandbox.zenskar_customer(id))
                .map_err(|problem| (400, problem))
        }
        ("DELETE", [id]) => {
            if sandbox.zenskar_delete_customer(id) {
                Ok(Value::Null)
            } else {
                missing()
            }
        }
        _ => refuse(405, "no such method here; GET /_sandbox lists the routes"),
    }
}

fn stripe(sandbox: &Sandbox, method: &str, rest: &[&str], request: &Request) -> Answer {
    match (method, rest) {
        ("GET", ["events"]) => Ok(json!(sandbox.stripe_events())),
        ("POST", ["events"]) => {
            let body = body(request)?;
            let account = body.get("account").and_then(Value::as_str);
            let livemode = body
                .get("livemode")
                .and_then(Value::as_bool)
                .unwrap_or(false);
            let object = body.get("object").cloned().unwrap_or_else(|| json!({}));
            let id = sandbox.inject_event(text(&body, "type")?, account, livemode, object);
            Ok(json!({ "id": id }))
        }
        ("POST", ["events", id, "resend"]) => Ok(json!({ "deliveries": sandbox.resend_event(id) })),
        ("GET", ["deliveries"]) => Ok(json!(sandbox.deliveries())),
        ("POST", ["webhooks"]) => {
            let made = sandbox.add_webhook_with(&Value::Object(body(request)?));
            made.map(|id| json!({ "id": id }))
                .map_err(|problem| (400, json!(problem)))
        }
        ("POST", ["webhooks", id, "roll"]) => {
            let body = body(request)?;
            let keep = body.get("keep").and_then(Value::as_i64).unwrap_or(86_400);
            match sandbox.roll_secret(id, keep) {
                Some(secret) => Ok(json!({ "secret": secret })),
                None => missing(),
            }
        }
        ("GET", ["connections"]) => Ok(json!(sandbox.stripe_connected())),
        ("POST", ["connections", account, "revoke"]) if sandbox.stripe_revoke(account) => {
            Ok(json!({}))
        }
        ("POST", ["connections", _, "revoke"]) => missing(),
        ("POST", ["redirects"]) => {
            sandbox.register_redirect(text(&body(request)?, "uri")?);
            Ok(json!({}))
        }
        ("POST", ["keys", key, "expire"]) => {
            sandbox.expire_key(key);
            Ok(json!({}))
        }
        ("POST", ["keys", key, "allow"]) => {
            sandbox.allow_key(key);
            Ok(json!({}))
        }
        _ => refuse(404, "no such route; GET /_sandbox lists them"),
    }
}

fn state(sandbox: &Sandbox) -> Value {
    let world = sandbox.world();
    let mut writes = [0_usize; 2];
    for (id, count) in world.log.written() {
        let [stripe, zenskar] = &mut writes;
        *(if remote_of(id) == Remote::Stripe {
            stripe
        } else {
            zenskar
        }) += count;
    }
    let [stripe_writes, zenskar_writes] = writes;
    json!({
        "now": world.base.now(),
        "exchanges": world.log.total(),
        "stripe": {
            "account": crate::stripe::ACCOUNT,
            "customers": world.stripe.customer_count(),
            "payment_intents": world.stripe.all_intents().len(),
            "events": world.stripe.event_count(),
            "reads_in_30_days": world.stripe.reads(&world.base),
            "writes_applied": stripe_writes,
        },
        "zenskar": {
            "organisation": world.zenskar.organisation(),
            "customers": world.zenskar.customer_count(),
            "invoices": world.zenskar.invoice_count(),
            "payments": world.zenskar.payment_count(),
            "writes_applied": zenskar_writes,
        },
    })
}

fn clock(sandbox: &Sandbox) -> Value {
    let now_ms = sandbox.clock().now_ms();
    json!({ "now": now_ms.div_euclid(1000), "now_ms": now_ms })
}

/// The last items, as many as `?limit=` says.
fn newest<T>(mut items: Vec<T>, request: &Request) -> Vec<T> {
    let limit = pairs(&request.query)
        .into_iter()
        .find(|(name, _)| name == "limit")
        .and_then(|(_, value)| value.parse::<usize>().ok())
        .unwrap_or(100);
    items.split_off(items.len().saturating_sub(limit))
}

pub(crate) fn body(request: &Request) -> Result<Map<String, Value>, (u16, Value)> {
    if request.body.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(&request.body).map_err(|error| (400, json!(error.to_string())))
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, (u16, Value)> {
    serde_json::from_value(value).map_err(|error| (400, json!(error.to_string())))
}

pub(crate) fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Result<&'a str, (u16, Value)> {
    let found = body.get(name).and_then(Value::as_str);
    found.ok_or_else(|| (400, json!(format!("{name} is wanted"))))
}

pub(crate) fn found(value: Value) -> Answer {
    if value.is_null() {
        missing()
    } else {
        Ok(value)
    }
}

pub(crate) fn missing() -> Answer {
    refuse(404, "no such object")
}

pub(crate) fn refuse(status: u16, problem: &str) -> Answer {
    Err((status, json!(problem)))
}

/// Puts the members of `change` into `all`, nested objects member by member.
fn merge(all: &mut Value, change: &Value) {
    match (all, change) {
        (Value::Object(all), Value::Object(change)) => {
            for (name, value) in change {
                merge(all.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (all, change) => *all = change.clone(),
    }
}
