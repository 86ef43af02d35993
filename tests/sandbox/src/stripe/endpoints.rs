//! Webhook endpoints: made, changed, disabled and deleted over the API.
//!
//! The secret is shown in the answer to the creation only. Not here: what is delivered to them
//! (see `deliveries`).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::events::fits;
use super::failure::Failure;
use super::page::{self, Key};
use super::params::{Checked, EXPAND, Kind, Param, clearing, param, required, text, texts};

/// The most endpoints an account can have.
const MOST: usize = 16;

/// The parameters of `GET /v1/webhook_endpoints`.
pub(crate) const LIST: &[Param] = &[
    param("ending_before", Kind::Text(5000)),
    EXPAND,
    param("limit", Kind::Int),
    param("starting_after", Kind::Text(5000)),
];

/// The parameters of `POST /v1/webhook_endpoints`.
pub(crate) const CREATE: &[Param] = &[
    param("api_version", Kind::Version),
    param("connect", Kind::Bool),
    clearing("description", Kind::Text(5000)),
    required("enabled_events", Kind::List(&Kind::EventType)),
    EXPAND,
    clearing("metadata", Kind::Metadata),
    required("url", Kind::Text(5000)),
];

/// The parameters of `POST /v1/webhook_endpoints/{id}`.
pub(crate) const UPDATE: &[Param] = &[
    clearing("description", Kind::Text(5000)),
    param("disabled", Kind::Bool),
    param("enabled_events", Kind::List(&Kind::EventType)),
    EXPAND,
    clearing("metadata", Kind::Metadata),
    param("url", Kind::Text(5000)),
];

/// A secret of an endpoint, with the time it ends if it was rolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    pub(crate) text: String,
    pub(crate) until: Option<i64>,
}

/// A webhook endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) enabled_events: Vec<String>,
    pub(crate) api_version: Option<String>,
    /// For events of connected accounts.
    pub(crate) connect: bool,
    /// Made with `Stripe-Account`, so the connected account's own.
    pub(crate) by_account: bool,
    /// The platform's own.
    pub(crate) platform: bool,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) disabled: bool,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) created: i64,
    pub(crate) livemode: bool,
    pub(crate) failing_since: Option<i64>,
}

impl Endpoint {
    /// Whether it wants events of this type.
    pub(crate) fn wants(&self, kind: &str) -> bool {
        !self.disabled
            && self
                .enabled_events
                .iter()
                .any(|pattern| fits(pattern, kind))
    }

    /// The secrets that sign at `now`, newest first.
    pub(crate) fn active_secrets(&self, now: i64) -> Vec<&str> {
        let live = self.secrets.iter().rev();
        live.filter(|s| s.until.is_none_or(|t| now < t))
            .map(|s| &*s.text)
            .collect()
    }

    /// Makes `text` the secret; the ones before still sign for `keep` seconds.
    pub(crate) fn roll(&mut self, text: String, now: i64, keep: i64) {
        for secret in &mut self.secrets {
            let until = now + keep;
            secret.until = Some(secret.until.map_or(until, |known| known.min(until)));
        }
        self.secrets
            .retain(|secret| secret.until.is_none_or(|until| now < until));
        self.secrets.push(Secret { text, until: None });
    }

    fn render(&self, with_secret: bool) -> Value {
        let mut object = json!({
            "id": self.id,
            "object": "webhook_endpoint",
            "api_version": self.api_version,
            "application": null,
            "created": self.created,
            "description": self.description,
            "enabled_events": self.enabled_events,
            "livemode": self.livemode,
            "metadata": self.metadata,
            "status": if self.disabled { "disabled" } else { "enabled" },
            "url": self.url,
        });
        if let (true, Some(secret)) = (with_secret, self.secrets.last())
            && let Some(map) = object.as_object_mut()
        {
            map.insert("secret".to_owned(), json!(secret.text));
        }
        object
    }
}

/// The endpoints of the account.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    pub(crate) by_key: BTreeMap<Key, Endpoint>,
    last: u64,
}

/// What a new endpoint gets from its surroundings.
#[derive(Debug)]
pub(crate) struct Birth {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) now: i64,
    pub(crate) livemode: bool,
    pub(crate) by_account: bool,
    pub(crate) platform: bool,
}

impl Endpoints {
    pub(crate) fn get(&self, id: &str) -> Option<&Endpoint> {
        self.by_key.values().find(|endpoint| endpoint.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Endpoint> {
        self.by_key.values_mut().find(|endpoint| endpoint.id == id)
    }

    fn find(&self, id: &str, platform: bool) -> Result<Key, Failure> {
        let mut all = self.by_key.iter();
        let found = all.find(|(_, found)| found.id == id && found.platform == platform);
        found
            .map(|(key, _)| *key)
            .ok_or_else(|| Failure::missing("webhook endpoint", id, "id"))
    }

    pub(crate) fn create(&mut self, checked: &Checked, birth: Birth) -> Result<Value, Failure> {
        let same = |endpoint: &&Endpoint| endpoint.platform == birth.platform;
        if self.by_key.values().filter(same).count() >= MOST {
            let message = format!(
                "You have reached the maximum of {MOST} test webhook endpoints. Delete one to \
                 make another."
            );
            return Err(Failure::request(message));
        }
        let url = checked_url(checked, birth.livemode)?.unwrap_or_default();
        let enabled_events = texts(checked, "enabled_events");
        if enabled_events.is_empty() {
            return Err(Failure::missing_parameter("enabled_events"));
        }
        let endpoint = Endpoint {
            id: birth.id,
            url,
            enabled_events,
            api_version: text(checked, "api_version").map(str::to_owned),
            connect: checked
                .get("connect")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            by_account: birth.by_account,
            platform: birth.platform,
            description: text(checked, "description").map(str::to_owned),
            metadata: new_metadata(&Map::new(), checked),
            disabled: false,
            secrets: vec![Secret {
                text: birth.secret,
                until: None,
            }],
            created: birth.now,
            livemode: birth.livemode,
            failing_since: None,
        };
        let shown = endpoint.render(true);
        self.last += 1;
        self.by_key.insert((birth.now, self.last), endpoint);
        Ok(shown)
    }

    pub(crate) fn list(&self, checked: &Checked, platform: bool) -> Result<Value, Failure> {
        let window = page::window(checked, |id, name| {
            self.find(id, platform)
                .map_err(|_| Failure::missing_ref("webhook endpoint", id, name))
        })?;
        let page = page::page(&self.by_key, &window, |found| found.platform == platform);
        let shown = page.keys.iter().filter_map(|key| self.by_key.get(key));
        let data: Vec<Value> = shown.map(|endpoint| endpoint.render(false)).collect();
        Ok(page::list("/v1/webhook_endpoints", &data, page.has_more))
    }

    pub(crate) fn show(&self, id: &str, platform: bool) -> Result<Value, Failure> {
        let found = self.by_key.get(&self.find(id, platform)?);
        found
            .map(|e| e.render(false))
            .ok_or_else(|| Failure::missing("webhook endpoint", id, "id"))
    }

    pub(crate) fn update(
        &mut self,
        id: &str,
        checked: &Checked,
        platform: bool,
    ) -> Result<Value, Failure> {
        let key = self.find(id, platform)?;
        let missing = || Failure::missing("webhook endpoint", id, "id");
        let endpoint = self.by_key.get_mut(&key).ok_or_else(missing)?;
        if let Some(url) = checked_url(checked, endpoint.livemode)? {
            endpoint.url = url;
        }
        if checked.contains_key("enabled_events") {
            endpoint.enabled_events = texts(checked, "enabled_events");
        }
        if checked.contains_key("description") {
            endpoint.description = text(checked, "description").map(str::to_owned);
        }
        if let Some(disabled) = checked.get("disabled").and_then(Value::as_bool) {
            endpoint.disabled = disabled;
            endpoint.failing_since = None;
        }
        endpoint.metadata = new_metadata(&endpoint.metadata, checked);
        Ok(endpoint.render(false))
    }

    pub(crate) fn delete(&mut self, id: &str, platform: bool) -> Result<Value, Failure> {
        let key = self.find(id, platform)?;
        self.by_key.remove(&key);
        Ok(json!({ "id": id, "object": "webhook_endpoint", "deleted": true }))
    }
}

fn checked_url(checked: &Checked, livemode: bool) -> Result<Option<String>, Failure> {
    let Some(url) = text(checked, "url") else {
        return Ok(None);
    };
    let fits = url.starts_with("https://") || (!livemode && url.starts_with("http://"));
    if fits {
        return Ok(Some(url.to_owned()));
    }
    let message = "Invalid URL: URL must be a valid HTTPS URL.";
    Err(Failure::coded("url_invalid", "url", message))
}

/// Metadata after an update: empty texts remove keys, `null` removes all.
pub(crate) fn new_metadata(old: &Map<String, Value>, checked: &Checked) -> Map<String, Value> {
    let mut new = old.clone();
    match checked.get("metadata") {
        None => {}
        Some(Value::Object(changes)) => {
            for (key, value) in changes {
                if value.as_str().is_none_or(str::is_empty) {
                    new.remove(key);
                } else {
                    new.insert(key.clone(), value.clone());
                }
            }
        }
        Some(_) => new.clear(),
    }
    new
}
