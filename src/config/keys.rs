//! Every key of the configuration: where its value lives, what it may be, and whether a running
//! daemon can take a new value.
//!
//! Loading, `config show` and the diff all walk this one table, so a setting cannot be known to one
//! of them and unknown to another; a test compares the table with `config/zenstripe.toml`.

use super::Config;
use super::value::{Misfit, Setting, Value};

/// What a new value needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It is taken over by the running daemon.
    Reloadable,
    /// It waits for the next start.
    NeedsRestart,
}

/// One key.
#[derive(Clone, Copy)]
pub struct Key {
    /// The dotted path, such as `customers.sync`.
    pub path: &'static str,
    /// What a new value needs.
    pub effect: Effect,
    expected: fn() -> String,
    show: fn(&Config) -> Option<String>,
    lay: fn(&mut Config, &Value<'_>) -> Result<(), Vec<Misfit>>,
    copy: fn(&mut Config, &Config),
    same: fn(&Config, &Config) -> bool,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, effect, .. } = self;
        f.debug_struct("Key")
            .field("path", path)
            .field("effect", effect)
            .finish_non_exhaustive()
    }
}

impl Key {
    /// What may be written, in words.
    pub fn expected(&self) -> String {
        (self.expected)()
    }

    /// The value in TOML's notation; `None` where nothing is set.
    pub fn show(&self, config: &Config) -> Option<String> {
        (self.show)(config)
    }

    /// Whether two configurations agree on this key.
    pub fn same(&self, one: &Config, other: &Config) -> bool {
        (self.same)(one, other)
    }

    /// Takes this key's value from another configuration.
    pub fn copy(&self, to: &mut Config, from: &Config) {
        (self.copy)(to, from);
    }

    /// Lays a value read from a file over the one in `config`.
    pub(super) fn lay(&self, config: &mut Config, value: &Value<'_>) -> Result<(), Vec<Misfit>> {
        (self.lay)(config, value)
    }

    /// The last part of the path.
    pub fn name(&self) -> &'static str {
        self.path
            .rsplit_once('.')
            .map_or(self.path, |(_, name)| name)
    }
}

/// The key of this path.
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The names directly below a path (`""` is the top), in the order of the file.
pub fn below(path: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for key in KEYS {
        let rest = if path.is_empty() {
            Some(key.path)
        } else {
            key.path
                .strip_prefix(path)
                .and_then(|rest| rest.strip_prefix('.'))
        };
        let name = rest.map(|rest| rest.split_once('.').map_or(rest, |(name, _)| name));
        names.extend(name.filter(|name| !names.contains(name)));
    }
    names
}

fn expected_of<T: Setting>(_field: fn(&Config) -> &T) -> String {
    T::expected()
}

macro_rules! keys {
    ($($path:literal $effect:ident $($field:ident).+;)+) => {
        /// Every key, in the order of the file.
        pub static KEYS: &[Key] = &[$(Key {
            path: $path,
            effect: Effect::$effect,
            expected: || expected_of(|config| &config.$($field).+),
            show: |config| config.$($field).+.show(),
            lay: |config, value| config.$($field).+.lay(value),
            copy: |to, from| to.$($field).+.clone_from(&from.$($field).+),
            same: |one, other| one.$($field).+ == other.$($field).+,
        },)+];
    };
}

// The store is bound to mode, account and organisation, and a repeated request must reach the same
// service in the same version: these wait for a restart. Sockets and files are opened once.
keys! {
    "stripe.mode" NeedsRestart stripe.mode;
    "stripe.api_base" NeedsRestart stripe.api_base;
    "stripe.connect_base" NeedsRestart stripe.connect_base;
    "stripe.api_version" NeedsRestart stripe.api_version;
    "stripe.requests_per_second" Reloadable stripe.requests_per_second;
    "stripe.secret_key_file" Reloadable stripe.secret_key_file;
    "stripe.client_id" NeedsRestart stripe.client_id;
    "stripe.account" NeedsRestart stripe.account;
    "stripe.webhook_secret_files" Reloadable stripe.webhook_secret_files;
    "zenskar.api_base" NeedsRestart zenskar.api_base;
    "zenskar.requests_per_second.start" Reloadable zenskar.requests_per_second.start;
    "zenskar.requests_per_second.max" Reloadable zenskar.requests_per_second.max;
    "zenskar.settle" Reloadable zenskar.settle;
    "zenskar.organisation" NeedsRestart zenskar.organisation;
    "zenskar.api_key_file" Reloadable zenskar.api_key_file;
    "zenskar.webhook_secret_file" Reloadable zenskar.webhook_secret_file;
    "zenskar.kind" Reloadable zenskar.kind;
    "zenskar.native_stripe" Reloadable zenskar.native_stripe;
    "zenskar.owners.links" Reloadable zenskar.owners.links;
    "zenskar.owners.charge" Reloadable zenskar.owners.charge;
    "zenskar.owners.transfers" Reloadable zenskar.owners.transfers;
    "zenskar.minor_units" Reloadable zenskar.minor_units;
    "zenskar.consolidation" Reloadable zenskar.consolidation;
    "listen.public" NeedsRestart listen.public;
    "listen.public_url" NeedsRestart listen.public_url;
    "listen.console" NeedsRestart listen.console;
    "listen.console_names" Reloadable listen.console_names;
    "listen.console_behind_proxy" NeedsRestart listen.console_behind_proxy;
    "listen.trusted_proxies" NeedsRestart listen.trusted_proxies;
    "listen.socket" NeedsRestart listen.socket;
    "listen.tls" NeedsRestart listen.tls;
    "store.path" NeedsRestart store.path;
    "store.retention_days" Reloadable store.retention_days;
    "store.key_file" NeedsRestart store.key_file;
    "customers.sync" Reloadable customers.sync;
    "customers.conflict" Reloadable customers.conflict;
    "customers.initial" Reloadable customers.initial;
    "customers.match_email" Reloadable customers.match_email;
    "customers.allow_blank" Reloadable customers.allow_blank;
    "customers.create" Reloadable customers.create;
    "customers.fields" Reloadable customers.fields;
    "customers.metadata" Reloadable customers.metadata;
    "events.poll" Reloadable events.poll;
    "payments.links" Reloadable payments.links;
    "payments.auto_charge" Reloadable payments.auto_charge;
    "payments.respect_auto_charge_flag" Reloadable payments.respect_auto_charge_flag;
    "payments.default_method" Reloadable payments.default_method;
    "payments.overpaid" Reloadable payments.overpaid;
    "payments.time_zone" Reloadable payments.time_zone;
    "payments.reopen.refund" Reloadable payments.reopen.refund;
    "payments.reopen.dispute" Reloadable payments.reopen.dispute;
    "payments.reopen.return" Reloadable payments.reopen.returned;
    "transfers.apply" Reloadable transfers.apply;
    "transfers.legacy_ach" Reloadable transfers.legacy_ach;
    "transfers.hold.ach" Reloadable transfers.hold.ach;
    "transfers.hold.wire" Reloadable transfers.hold.wire;
    "transfers.set_manual" Reloadable transfers.set_manual;
    "payment_methods.mirror" Reloadable payment_methods.mirror;
    "limits.charges_per_hour" Reloadable limits.charges_per_hour;
    "limits.decline_rate" Reloadable limits.decline_rate;
    "limits.same_customer_minutes" Reloadable limits.same_customer_minutes;
    "limits.amount_per_hour" Reloadable limits.amount_per_hour;
    "alerts.url" Reloadable alerts.url;
}
