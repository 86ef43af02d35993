//! Events: made by every change, kept 30 days, listed late if so ordered.
//!
//! An event keeps what the object was before and after, so that it can be shown in any version:
//! `GET /v1/events` shows it in the account's default version of when it was made, a delivery in
//! its endpoint's. Not here: who gets it delivered (see `deliveries`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::customer::{Customer, previous};
use super::failure::Failure;
use super::page::{self, Key};
use super::params::{Checked, EXPAND, Kind, Param, param, text, texts};

/// Seconds that events are kept.
pub(crate) const RETENTION: i64 = 30 * 86_400;

/// The parameters of `GET /v1/events`.
pub(crate) const LIST: &[Param] = &[
    param("created", Kind::Range),
    param("delivery_success", Kind::Bool),
    param("ending_before", Kind::Text(5000)),
    EXPAND,
    param("limit", Kind::Int),
    param("starting_after", Kind::Text(5000)),
    param("type", Kind::Text(5000)),
    param("types", Kind::List(&Kind::Text(5000))),
];

/// What an event is about.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    /// A customer, with what it was before if it was updated.
    Customer {
        before: Option<Box<Customer>>,
        after: Box<Customer>,
    },
    /// An object as given, the same in every version.
    Given {
        object: Value,
        previous: Option<Value>,
    },
}

/// The request that caused an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cause {
    /// `req_…`, absent for automatic changes.
    pub(crate) request: Option<String>,
    /// The `Idempotency-Key` of that request.
    pub(crate) idempotency_key: Option<String>,
}

/// An event.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: Arc<str>,
    pub(crate) kind: String,
    pub(crate) created: i64,
    /// The connected account of a foreign event.
    pub(crate) account: Option<String>,
    pub(crate) livemode: bool,
    pub(crate) cause: Cause,
    /// The account's default version when it was made.
    pub(crate) version: String,
    pub(crate) subject: Subject,
    /// When it shows in lists.
    pub(crate) visible_at: i64,
    /// Endpoints that have not taken it yet.
    pub(crate) pending: u32,
}

impl Event {
    /// The event in `version`.
    pub(crate) fn render(&self, version: &str, account: Option<&str>) -> Value {
        let mut data = Map::new();
        match &self.subject {
            Subject::Customer { before, after } => {
                let object = after.render(version, &[]);
                if let Some(before) = before {
                    let changed = previous(&before.render(version, &[]), &object);
                    data.insert("previous_attributes".to_owned(), Value::Object(changed));
                }
                data.insert("object".to_owned(), Value::Object(object));
            }
            Subject::Given { object, previous } => {
                data.insert("object".to_owned(), object.clone());
                if let Some(previous) = previous {
                    data.insert("previous_attributes".to_owned(), previous.clone());
                }
            }
        }
        let mut event = json!({
            "id": &*self.id,
            "object": "event",
            "api_version": version,
            "created": self.created,
            "data": data,
            "livemode": self.livemode,
            "pending_webhooks": self.pending,
            "request": {
                "id": self.cause.request,
                "idempotency_key": self.cause.idempotency_key,
            },
            "type": self.kind,
        });
        let account = self.account.as_deref().or(account);
        if let (Some(account), Some(event)) = (account, event.as_object_mut()) {
            event.insert("account".to_owned(), json!(account));
        }
        event
    }
}

/// The events of the account.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) by_key: BTreeMap<Key, Event>,
    keys: BTreeMap<Arc<str>, Key>,
    aged: BTreeSet<Arc<str>>,
    last: u64,
}

impl Events {
    pub(crate) fn get(&self, id: &str) -> Option<&Event> {
        self.by_key.get(self.keys.get(id)?)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Event> {
        self.by_key.get_mut(self.keys.get(id)?)
    }

    pub(crate) fn add(&mut self, event: Event) {
        // A day more than promised: cursors just past the edge are told so by the time check.
        let edge = event.created - RETENTION - 86_400;
        while let Some(entry) = self.by_key.first_entry().filter(|e| e.key().0 < edge) {
            let id = entry.remove().id;
            self.keys.remove(&id);
            self.aged.insert(id);
        }
        self.last += 1;
        let key = (event.created, self.last);
        self.keys.insert(Arc::clone(&event.id), key);
        self.by_key.insert(key, event);
    }

    fn cursor(&self, id: &str, name: &str, now: i64) -> Result<Key, Failure> {
        let aged_out = || {
            let message = format!(
                "The event {id} is no longer available because it's aged out of our retention \
                 policy."
            );
            Failure::invalid(name, message)
        };
        match self.keys.get(id) {
            Some(key) if key.0 < now - RETENTION => Err(aged_out()),
            Some(key) => Ok(*key),
            None if self.aged.contains(id) => Err(aged_out()),
            None => Err(Failure::missing_ref("event", id, name)),
        }
    }

    /// `GET /v1/events`.
    pub(crate) fn list(
        &self,
        checked: &Checked,
        now: i64,
        longest: usize,
    ) -> Result<Value, Failure> {
        no_expansion(checked)?;
        let types = wanted_types(checked)?;
        let delivered = checked.get("delivery_success").and_then(Value::as_bool);
        let mut window = page::window(checked, |id, name| self.cursor(id, name, now))?;
        window.limit = window.limit.min(longest);
        window.created.0 = window.created.0.max(now - RETENTION);
        let page = page::page(&self.by_key, &window, |event| {
            event.account.is_none()
                && event.visible_at <= now
                && (types.is_empty() || types.iter().any(|pattern| fits(pattern, &event.kind)))
                && delivered.is_none_or(|wanted| wanted == (event.pending == 0))
        });
        let shown = page.keys.iter().filter_map(|key| self.by_key.get(key));
        let data: Vec<Value> = shown
            .map(|event| event.render(&event.version, None))
            .collect();
        Ok(page::list("/v1/events", &data, page.has_more))
    }

    /// `GET /v1/events/{id}`.
    pub(crate) fn show(&self, id: &str, checked: &Checked, now: i64) -> Result<Value, Failure> {
        no_expansion(checked)?;
        self.get(id)
            .filter(|event| event.account.is_none())
            .filter(|event| event.created >= now - RETENTION && event.visible_at <= now)
            .map(|event| event.render(&event.version, None))
            .ok_or_else(|| Failure::missing("event", id, "id"))
    }
}

fn no_expansion(checked: &Checked) -> Result<(), Failure> {
    match texts(checked, "expand").first() {
        Some(path) => Err(Failure::invalid(
            "expand",
            format!("This property cannot be expanded ({path})."),
        )),
        None => Ok(()),
    }
}

fn wanted_types(checked: &Checked) -> Result<Vec<String>, Failure> {
    let mut types = texts(checked, "types");
    if types.len() > 20 {
        return Err(Failure::invalid(
            "types",
            "You can pass up to 20 event types.",
        ));
    }
    if let Some(kind) = text(checked, "type") {
        if !types.is_empty() {
            let message = "You may only specify one of these parameters: type, types.";
            return Err(Failure::invalid("type", message));
        }
        types.push(kind.to_owned());
    }
    Ok(types)
}

/// Whether an event type fits a pattern, where `*` stands for anything.
pub(crate) fn fits(pattern: &str, kind: &str) -> bool {
    match pattern.split_once('*') {
        Some((head, tail)) => {
            kind.len() >= head.len() + tail.len() && kind.starts_with(head) && kind.ends_with(tail)
        }
        None => pattern == kind,
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns() {
        for (pattern, kind, expected) in [
            ("customer.updated", "customer.updated", true),
            ("customer.*", "customer.updated", true),
            ("customer.*", "customer.source.created", true),
            ("*", "invoice.paid", true),
            ("customer.*", "invoice.paid", false),
            ("*.created", "customer.created", true),
            ("customer", "customer.created", false),
        ] {
            assert_eq!(fits(pattern, kind), expected, "{pattern} {kind}");
        }
    }
}
