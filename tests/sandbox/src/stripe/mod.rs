//! The Stripe side: from a request to its answer.
//!
//! A request passes, in this order: key, version, account, ordered faults, limits, idempotency,
//! parameters, permission, route. Not here: objects without a customer's part in them, refunds and
//! disputes; their paths are answered as unknown URLs.

mod account;
mod attempt;
mod charge;
mod checkout;
mod collect;
mod connect;
mod currency;
mod customer;
mod customers;
mod deliveries;
mod endpoints;
mod events;
mod expand;
mod failure;
mod fields;
mod form;
mod idempotency;
mod intent;
mod intents;
mod lists;
mod page;
mod params;
mod pay_page;
mod payment_methods;
mod route;
mod session;
mod session_form;
mod test_methods;
mod verbs;
mod wallet;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub use account::ACCOUNT;
use attempt::Due;
use charge::Charges;
pub use connect::{CLIENT_ID, OTHER_ACCOUNT, PLATFORM};
use connect::{Connect, Scope};
pub(crate) use customer::Basics;
use customers::{Change, Customers};
use deliveries::{Around, Deliveries};
pub use deliveries::{Delivery, DeliveryStatus, DeliveryView};
use endpoints::Endpoints;
use events::{Cause, Event, Events, Subject};
use failure::Failure;
use form::Node;
pub(crate) use form::{decode, pairs};
use idempotency::Keys;
use intent::Intents;
use params::Checked;
use payment_methods::Methods;
use route::Route;
use session::Sessions;
pub(crate) use verbs::Injected;

use crate::base::{Base, Reply, http_date};
use crate::fault::FaultKind;
use crate::limits::{Buckets, Reads};
use crate::message::{Request, Response};

/// The permission that expanding tax ids takes besides.
const TAX_IDS_READ: &str = "rak_tax_id_read";

/// Everything the account holds.
#[derive(Debug)]
pub(crate) struct Stripe {
    created: i64,
    customers: Customers,
    methods: Methods,
    intents: Intents,
    charges: Charges,
    sessions: Sessions,
    /// What the clock will bring, by milliseconds.
    due: BTreeMap<(i64, u64), Due>,
    due_last: u64,
    events: Events,
    endpoints: Endpoints,
    deliveries: Deliveries,
    keys: Keys,
    api_keys: BTreeSet<String>,
    expired_keys: BTreeSet<String>,
    pub(crate) connect: Connect,
    buckets: Buckets,
    reads: Reads,
    /// Customers changed since the last look, for Zenskar's own connector.
    pub(crate) changed: Vec<String>,
}

/// A request that was let in.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    request: &'a Request,
    key: String,
    version: String,
    by_account: bool,
    /// Whose objects it is about.
    scope: Scope,
    request_id: String,
    idempotency_key: Option<String>,
    delay_ms: u64,
}

/// The answer to a call, and whether it may be kept and took effect.
#[derive(Debug)]
struct Answered {
    response: Response,
    stored: bool,
    applied: bool,
}

impl Stripe {
    pub(crate) fn new(now: i64, api_keys: &[String]) -> Self {
        Self {
            created: now,
            customers: Customers::default(),
            methods: Methods::default(),
            intents: Intents::default(),
            charges: Charges::default(),
            sessions: Sessions::default(),
            due: BTreeMap::new(),
            due_last: 0,
            events: Events::default(),
            endpoints: Endpoints::default(),
            deliveries: Deliveries::default(),
            keys: Keys::default(),
            api_keys: api_keys.iter().cloned().collect(),
            expired_keys: BTreeSet::new(),
            connect: Connect::default(),
            buckets: Buckets::default(),
            reads: Reads::default(),
            changed: Vec::new(),
        }
    }

    /// Answers a request; `fault` is what shall go wrong with it.
    pub(crate) fn answer(
        &mut self,
        base: &mut Base,
        request: &Request,
        fault: Option<&FaultKind>,
        delay_ms: u64,
    ) -> Reply {
        if request.path.starts_with("/oauth/") {
            return self.oauth(base, request, fault);
        }
        if request.path.starts_with(checkout::PAGE) {
            return self.pay_page(base, request, fault);
        }
        let request_id = base.random.id("req_", 14);
        let log_url = format!("https://dashboard.stripe.com/test/logs/{request_id}");
        let version = request.header("stripe-version").map_or_else(
            || base.switches.stripe.account_version.clone(),
            str::to_owned,
        );
        let mut call = Call {
            request,
            key: String::new(),
            version,
            by_account: request.header("stripe-account").is_some(),
            scope: Scope::Account,
            request_id,
            idempotency_key: request.header("idempotency-key").map(str::to_owned),
            delay_ms,
        };
        if request.method != "POST" {
            call.idempotency_key = None;
        }
        let answered = match self.admit(base, &mut call, fault) {
            Ok(()) => self.once(base, &call, fault, &log_url),
            Err(failure) => refusal(&failure, &log_url),
        };
        let mut response = answered.response;
        response.push_header("Date", http_date(base.now()));
        response.push_header("Stripe-Version", call.version.clone());
        if !is_lock_timeout(&response) {
            response.push_header("Request-Id", call.request_id.clone());
        }
        if let Some(key) = &call.idempotency_key {
            response.push_header("Idempotency-Key", key.clone());
        }
        Reply {
            response,
            applied: answered.applied,
        }
    }

    /// Everything that can refuse a call before its key and parameters are looked at.
    fn admit(
        &mut self,
        base: &Base,
        call: &mut Call<'_>,
        fault: Option<&FaultKind>,
    ) -> Result<(), Failure> {
        let switches = &base.switches.stripe;
        call.key = self.authenticate(call.request, switches.livemode)?;
        if !lists::is_version(&call.version) {
            let refused = Failure::bad_version(&call.version);
            call.version.clone_from(&switches.account_version);
            return Err(refused);
        }
        call.scope = self.scope(&call.key, call.request, switches.deauthorized)?;
        match fault {
            Some(FaultKind::TooManyRequests { reason, .. }) => {
                return Err(Failure::limited(reason.clone()));
            }
            Some(FaultKind::LockTimeout) => return Err(Failure::locked()),
            Some(FaultKind::Unavailable) => return Err(Failure::server(503)),
            Some(FaultKind::Refuse { status }) => return Err(Failure::refused(*status)),
            Some(FaultKind::Conflict) => {
                let key = call.idempotency_key.as_deref().unwrap_or_default();
                return Err(Failure::key_in_use(key));
            }
            _ => {}
        }
        self.limit(base, call.request)
    }

    fn authenticate(&self, request: &Request, livemode: bool) -> Result<String, Failure> {
        let header = request
            .header("authorization")
            .ok_or_else(Failure::no_key)?;
        let (scheme, value) = header.split_once(' ').unwrap_or((header, ""));
        let key = match scheme.to_ascii_lowercase().as_str() {
            "bearer" => value.trim().to_owned(),
            "basic" => basic_user(value.trim()).ok_or_else(Failure::no_key)?,
            _ => return Err(Failure::no_key()),
        };
        if key.is_empty() {
            return Err(Failure::no_key());
        }
        if self.connect.is_dead(&key) {
            return Err(Failure::expired_platform_key());
        }
        if self.expired_keys.contains(&key) {
            return Err(Failure::expired_key(&key));
        }
        let mode = if livemode { "_live_" } else { "_test_" };
        let known = self.api_keys.contains(&key) || self.connect.opened_by(&key).is_some();
        if known && key.contains(mode) {
            return Ok(key);
        }
        Err(Failure::bad_key(&key))
    }

    /// Whose objects a call with this key is about.
    fn scope(&self, key: &str, request: &Request, deauthorized: bool) -> Result<Scope, Failure> {
        let named = request.header("stripe-account");
        if let Some(scope) = self.connect.opened_by(key) {
            return match named {
                Some(account) if account != scope.id() => Err(Failure::bad_account(key, account)),
                _ => Ok(scope),
            };
        }
        let is_platforms = connect::is_platforms(key);
        match named {
            None if is_platforms => Ok(Scope::Platform),
            None => Ok(Scope::Account),
            Some(account) if deauthorized => Err(Failure::bad_account(key, account)),
            Some(ACCOUNT) if !is_platforms || self.connect.is_connected(ACCOUNT) => {
                Ok(Scope::Account)
            }
            Some(OTHER_ACCOUNT) if is_platforms && self.connect.is_connected(OTHER_ACCOUNT) => {
                Ok(Scope::Other)
            }
            Some(account) => Err(Failure::bad_account(key, account)),
        }
    }

    fn limit(&mut self, base: &Base, request: &Request) -> Result<(), Failure> {
        let switches = &base.switches.stripe;
        if switches.rate_limits {
            let name = Route::of(request).map_or("", |route| route.name());
            let endpoint = format!("{} {name}", request.method);
            if !self.buckets.has("", switches.account_rate, base.now_ms) {
                return Err(Failure::limited(Some("global-rate".to_owned())));
            }
            if !self
                .buckets
                .has(&endpoint, switches.endpoint_rate, base.now_ms)
            {
                return Err(Failure::limited(Some("endpoint-rate".to_owned())));
            }
            self.buckets.take("");
            self.buckets.take(&endpoint);
        }
        if request.method == "GET" {
            let spent = self.reads.recent(base.now_ms);
            if switches
                .read_allowance
                .is_some_and(|allowance| spent >= allowance)
            {
                return Err(Failure::limited(Some("resource-specific".to_owned())));
            }
            self.reads.count(base.now_ms);
        }
        Ok(())
    }

    /// Runs a call unless its idempotency key already has an answer, and keeps the answer.
    fn once(
        &mut self,
        base: &mut Base,
        call: &Call<'_>,
        fault: Option<&FaultKind>,
        log_url: &str,
    ) -> Answered {
        let Some(key) = call.idempotency_key.clone() else {
            return self.run(base, call, fault, log_url);
        };
        if key.is_empty() || key.chars().count() > 255 {
            let message = "Idempotency keys can have 1 to 255 characters.";
            return refusal(&Failure::request(message), log_url);
        }
        match self.keys.replay(&key, call.request, base.now_ms) {
            Err(failure) => return refusal(&failure, log_url),
            Ok(Some((mut response, first))) => {
                response.push_header("Idempotent-Replayed", "true");
                response.push_header("Original-Request", first);
                return Answered {
                    response,
                    stored: false,
                    applied: false,
                };
            }
            Ok(None) => {}
        }
        let answered = self.run(base, call, fault, log_url);
        if answered.stored {
            let answer = (answered.response.clone(), call.request_id.clone());
            self.keys
                .keep(&key, call.request, base.now_ms, call.delay_ms, answer);
        }
        answered
    }

    fn run(
        &mut self,
        base: &mut Base,
        call: &Call<'_>,
        fault: Option<&FaultKind>,
        log_url: &str,
    ) -> Answered {
        if let Some(FaultKind::ServerError { applied }) = fault {
            let took = *applied && self.route(base, call).is_ok();
            return Answered {
                applied: took,
                ..refusal(&Failure::server(500), log_url)
            };
        }
        match self.route(base, call) {
            Ok(value) => Answered {
                response: Response::json(200, &value),
                stored: true,
                applied: true,
            },
            Err(failure) => refusal(&failure, log_url),
        }
    }

    fn route(&mut self, base: &mut Base, call: &Call<'_>) -> Result<Value, Failure> {
        let request = call.request;
        let Some(route) = Route::of(request) else {
            return Err(Failure::unknown_url(&request.method, &request.path));
        };
        if call.key.starts_with("rk_")
            && base
                .switches
                .stripe
                .denied_permissions
                .contains(route.permission())
        {
            return Err(Failure::permission(&call.key, ACCOUNT, route.permission()));
        }
        let denied = &base.switches.stripe.denied_permissions;
        let expands = request.query.contains("tax_ids");
        if call.key.starts_with("rk_") && expands && denied.contains(TAX_IDS_READ) {
            return Err(Failure::permission(&call.key, ACCOUNT, TAX_IDS_READ));
        }
        let form = params::check(route.params(), &read_form(request)?)?;
        if call.scope == Scope::Account {
            self.carry_out(base, call, route, &form)
        } else {
            self.carry_out_elsewhere(base, call, route, &form)
        }
    }

    /// An account that holds no customers and no events.
    fn carry_out_elsewhere(
        &mut self,
        base: &mut Base,
        call: &Call<'_>,
        route: Route<'_>,
        form: &Checked,
    ) -> Result<Value, Failure> {
        let is_platform = call.scope == Scope::Platform;
        match route {
            Route::Account => Ok(account::object(self.created, call.scope.id())),
            Route::Customers => Ok(page::list("/v1/customers", &[], false)),
            Route::Events => Ok(page::list("/v1/events", &[], false)),
            Route::Customer(id)
            | Route::UpdateCustomer(id)
            | Route::DeleteCustomer(id)
            | Route::TaxIds(id) => Err(Failure::missing("customer", id, "id")),
            Route::Event(id) => Err(Failure::missing("event", id, "id")),
            Route::Endpoints if is_platform => self.endpoints.list(form, true),
            Route::Endpoint(id) if is_platform => self.endpoints.show(id, true),
            Route::CreateEndpoint if is_platform => {
                let birth = self.birth(base, false, true);
                self.endpoints.create(form, birth)
            }
            Route::UpdateEndpoint(id) if is_platform => self.endpoints.update(id, form, true),
            Route::DeleteEndpoint(id) if is_platform => self.endpoints.delete(id, true),
            _ => Self::no_money(route),
        }
    }

    fn carry_out(
        &mut self,
        base: &mut Base,
        call: &Call<'_>,
        route: Route<'_>,
        form: &Checked,
    ) -> Result<Value, Failure> {
        let cause = Cause {
            request: Some(call.request_id.clone()),
            idempotency_key: call.idempotency_key.clone(),
        };
        let version = &call.version;
        let longest = base.switches.stripe.max_limit;
        match route {
            Route::Account => Ok(account::object(self.created, ACCOUNT)),
            Route::Customers => {
                let mut page = self.customers.list(version, form, longest)?;
                self.fill(&mut page, &params::texts(form, "expand"), version);
                Ok(page)
            }
            Route::Customer(id) => self.shown_customer(id, version, form),
            Route::CreateCustomer => {
                let id = self.create_with_methods(base, form, &cause)?;
                self.shown_customer(&id, version, form)
            }
            Route::UpdateCustomer(id) => {
                self.update_with_methods(base, id, form, &cause)?;
                self.shown_customer(id, version, form)
            }
            Route::DeleteCustomer(id) => {
                let change = self.delete_with_methods(id)?;
                self.tell(base, Some(change), &cause);
                self.customers.show(id, version, form)
            }
            Route::TaxIds(id) => self.customers.tax_ids(id, form, longest),
            Route::Events => self.events.list(form, base.now(), longest),
            Route::Event(id) => self.events.show(id, form, base.now()),
            Route::Endpoints => self.endpoints.list(form, false),
            Route::Endpoint(id) => self.endpoints.show(id, false),
            Route::CreateEndpoint if connect::is_platforms(&call.key) => Err(Failure::request(
                "Webhook endpoints cannot be made on a connected account.",
            )),
            Route::CreateEndpoint => {
                let birth = self.birth(base, call.by_account, false);
                self.endpoints.create(form, birth)
            }
            Route::UpdateEndpoint(id) => self.endpoints.update(id, form, false),
            Route::DeleteEndpoint(id) => self.endpoints.delete(id, false),
            _ => self.carry_out_money(base, call, route, form),
        }
    }

    fn around<'a>(&'a mut self, base: &'a Base) -> (&'a mut Deliveries, Around<'a>) {
        let around = Around {
            now_ms: base.now_ms,
            switches: &base.switches.stripe,
            endpoints: &mut self.endpoints,
            events: &mut self.events,
        };
        (&mut self.deliveries, around)
    }
}

fn refusal(failure: &Failure, log_url: &str) -> Answered {
    Answered {
        response: failure.response(log_url),
        stored: failure.stored,
        applied: false,
    }
}

fn is_lock_timeout(response: &Response) -> bool {
    response.status == 429
        && response
            .value()
            .pointer("/error/code")
            .is_some_and(|c| c == "lock_timeout")
}

/// The parameters of a request: the query, and the body unless it is a GET.
fn read_form(request: &Request) -> Result<BTreeMap<String, Node>, Failure> {
    let mut form = BTreeMap::new();
    let clash = |name: String| Failure::invalid(&name, "Invalid object");
    form::parse_into(&mut form, &request.query).map_err(clash)?;
    if request.method == "GET" || request.body.is_empty() {
        return Ok(form);
    }
    let kind = request
        .header("content-type")
        .unwrap_or("application/x-www-form-urlencoded");
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(Failure::request(
            "Invalid request (check that your POST content type is \
             application/x-www-form-urlencoded). If you have any questions, we can help at \
             https://support.stripe.com/.",
        ));
    }
    let body = String::from_utf8_lossy(&request.body);
    form::parse_into(&mut form, &body).map_err(clash)?;
    Ok(form)
}

/// A Stripe form body as JSON, for the log of writes.
pub(crate) fn form_json(request: &Request) -> Value {
    read_form(request).map_or(Value::Null, |form| Node::Parts(form).to_json())
}

/// The user of basic authentication.
fn basic_user(encoded: &str) -> Option<String> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0_u32, 0_u32, Vec::new());
    for letter in encoded.trim_end_matches('=').bytes() {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        bits = (bits << 6) | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xFF).ok()?);
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    Some(text.split(':').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::basic_user;

    #[test]
    fn basic_authentication() {
        // printf 'sk_test_sandbox:' | base64
        assert_eq!(
            basic_user("c2tfdGVzdF9zYW5kYm94Og==").as_deref(),
            Some("sk_test_sandbox")
        );
        assert_eq!(basic_user("%%%"), None);
    }
}
