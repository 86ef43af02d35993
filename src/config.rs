//! The typed configuration: one TOML file and its drop-ins, as plain data.
//!
//! A [`Config`] is what the operator asked for, checked: every value is inside its bounds and the
//! values agree with one another. It holds no secret, only references to secrets ([`SecretRef`]),
//! so it may be cloned, compared, printed and put into a support bundle.
//!
//! Guarantees: [`Config::default`] equals the uncommented lines of `config/zenstripe.toml`
//! ([`EXAMPLE`]); relative paths have been resolved against the configuration file's directory.
//!
//! Not in here: watching the file (`cli::watch`), reading the environment (the caller passes the
//! credentials directory), and what a value means to the engine.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

pub mod diff;
pub mod edit;
pub mod keys;
pub mod load;
pub mod problem;
pub mod secret;
pub mod text;
mod validate;
mod value;
pub mod words;

pub use diff::{Change, changes, with_restart_settings_of};
pub use load::{LoadError, Loaded, Origin, load};
pub use problem::Problems;
pub use secret::{Secret, SecretRef};
pub use text::{
    BaseUrl, CurrencyCode, CustomDataKey, HostName, MetadataField, MetadataKey, TimeZoneName,
};
pub use words::{
    Apply, AutoCharge, Consolidation, Create, DefaultMethod, Field, Initial, Mode, NativeStripe,
    OrganisationKind, Overpaid, Owner, PaymentMethodMirror, Reopen, SyncDirection, Winner,
};

/// The commented example: its uncommented lines are the defaults, its commented lines examples.
pub const EXAMPLE: &str = include_str!("../config/zenstripe.toml");

/// Everything the operator can set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    pub stripe: Stripe,
    pub zenskar: Zenskar,
    pub listen: Listen,
    pub store: Store,
    pub customers: Customers,
    pub events: Events,
    pub payments: Payments,
    pub transfers: Transfers,
    pub payment_methods: PaymentMethods,
    pub limits: Limits,
    pub alerts: Alerts,
}

/// `[stripe]`: the one Stripe account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stripe {
    /// Which half of the account; the other mode's events and keys are refused. Default `test`.
    pub mode: Mode,
    /// Where the API is. Default `https://api.stripe.com`.
    pub api_base: BaseUrl,
    /// Where the OAuth pages are. Default `https://connect.stripe.com`.
    pub connect_base: BaseUrl,
    /// Sent as `Stripe-Version`, and the version of webhook endpoints we register. Default
    /// `2026-05-27.dahlia`.
    pub api_version: String,
    /// Requests per second and endpoint, at most. Default 25.
    pub requests_per_second: u32,
    /// The API key, `sk_…` or `rk_…`. Default unset: nothing reaches Stripe.
    pub secret_key_file: Option<SecretRef>,
    /// The platform's OAuth client, `ca_…`. Default unset: the key's own account.
    pub client_id: Option<String>,
    /// The account, `acct_…`. Default unset: what OAuth stored.
    pub account: Option<String>,
    /// Signing secrets of webhook endpoints made by hand. Default none.
    pub webhook_secret_files: Vec<SecretRef>,
}

impl Default for Stripe {
    fn default() -> Self {
        Self {
            mode: Mode::Test,
            api_base: BaseUrl::known("https://api.stripe.com"),
            connect_base: BaseUrl::known("https://connect.stripe.com"),
            api_version: "2026-05-27.dahlia".to_owned(),
            requests_per_second: 25,
            secret_key_file: None,
            client_id: None,
            account: None,
            webhook_secret_files: Vec::new(),
        }
    }
}

/// `[zenskar]`: the one Zenskar organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zenskar {
    /// Where the API is. Default `https://api.zenskar.com`.
    pub api_base: BaseUrl,
    /// Between which rates the limiter adapts. Default 5 to 50.
    pub requests_per_second: RequestRate,
    /// How long to wait after a booking of unknown outcome before looking. Default 2 minutes.
    pub settle: Duration,
    /// The organisation's id. Default unset.
    pub organisation: Option<String>,
    /// The API key. Default unset: nothing reaches Zenskar.
    pub api_key_file: Option<SecretRef>,
    /// The signing secret of its webhooks. Default unset: they are refused, polling still works.
    pub webhook_secret_file: Option<SecretRef>,
    /// What the organisation is, against what its key's prefix says. Default unset: the prefix.
    pub kind: Option<OrganisationKind>,
    /// Whether Zenskar's own Stripe connector runs on this organisation. Default unset: nothing
    /// is collected.
    pub native_stripe: Option<NativeStripe>,
    /// Who collects over which rail beside a native connector. Default none.
    pub owners: Owners,
    /// How many decimals the organisation writes per currency, where it is not two. Default none.
    pub minor_units: BTreeMap<CurrencyCode, u8>,
    /// Which invoice of consolidated customers owes the money. Default unset: such customers are
    /// not collected from.
    pub consolidation: Option<Consolidation>,
}

impl Default for Zenskar {
    fn default() -> Self {
        Self {
            api_base: BaseUrl::known("https://api.zenskar.com"),
            requests_per_second: RequestRate { start: 5, max: 50 },
            settle: Duration::from_secs(120),
            organisation: None,
            api_key_file: None,
            webhook_secret_file: None,
            kind: None,
            native_stripe: None,
            owners: Owners::default(),
            minor_units: BTreeMap::new(),
            consolidation: None,
        }
    }
}

/// An adaptive rate in requests per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRate {
    /// The rate to begin with, and to fall back to.
    pub start: u32,
    /// The rate never exceeded.
    pub max: u32,
}

/// One owner per rail; unset where nobody was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Owners {
    /// Payment links.
    pub links: Option<Owner>,
    /// Charges of stored methods.
    pub charge: Option<Owner>,
    /// Money that arrives by bank.
    pub transfers: Option<Owner>,
}

/// `[listen]`: what the daemon listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Webhooks, OAuth and payment pages. Default `127.0.0.1:9480`; `None` (written `""`) is no
    /// ingress at all.
    pub public: Option<SocketAddr>,
    /// How the public listener is reached from outside. Default `None` (written `""`): no endpoint
    /// is registered and no link offered.
    pub public_url: Option<BaseUrl>,
    /// Console, API, metrics and health. Default `127.0.0.1:9481`.
    pub console: SocketAddr,
    /// Names by which the console is reached besides the loopback's and its address. Default none.
    pub console_names: Vec<HostName>,
    /// Whether a proxy in front of the console speaks TLS. Default no.
    pub console_behind_proxy: bool,
    /// Proxies that are believed when they say whom a request comes from (`X-Forwarded-For`), where
    /// one is in front of the console. Default this machine.
    pub trusted_proxies: Vec<IpAddr>,
    /// The Unix socket of the command line. Default `/run/zenstripe/zenstripe.sock`.
    pub socket: PathBuf,
    /// Serve TLS ourselves: on the public listener, and on a console that is not for this machine
    /// alone. Default unset: plain HTTP, for a proxy in front.
    pub tls: Option<Tls>,
}

impl Default for Listen {
    fn default() -> Self {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self {
            public: Some(SocketAddr::new(loopback, 9480)),
            public_url: None,
            console: SocketAddr::new(loopback, 9481),
            console_names: Vec::new(),
            console_behind_proxy: false,
            trusted_proxies: vec![loopback, IpAddr::V6(Ipv6Addr::LOCALHOST)],
            socket: PathBuf::from("/run/zenstripe/zenstripe.sock"),
            tls: None,
        }
    }
}

impl Listen {
    /// Whether the console is for this machine alone.
    #[must_use]
    pub const fn console_is_local(&self) -> bool {
        self.console.ip().to_canonical().is_loopback()
    }
}

/// A certificate chain and its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: SecretRef,
}

/// `[store]`: the embedded database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The database file. Default `/var/lib/zenstripe/zenstripe.redb`.
    pub path: PathBuf,
    /// Days for which finished events are kept; at least 31, because Stripe lists events for 30
    /// and a forgotten id would be taken for a new one. Default 35.
    pub retention_days: u16,
    /// The key that seals tokens in the store. Default unset: a file made beside the store.
    pub key_file: Option<SecretRef>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            path: PathBuf::from("/var/lib/zenstripe/zenstripe.redb"),
            retention_days: 35,
            key_file: None,
        }
    }
}

/// `[customers]`: the synchronisation of customer records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Customers {
    /// Which way changes travel. Default `off`.
    pub sync: SyncDirection,
    /// Who wins where both sides changed a field. Default `ask`, for every field.
    pub conflict: ConflictRule,
    /// Who wins where the sides differ at first sight. Default `ask`.
    pub initial: Initial,
    /// Whether equal mail addresses make two records one. Default no.
    pub match_email: bool,
    /// Whether an empty value may overwrite a filled one. Default no.
    pub allow_blank: bool,
    /// Where a missing counterpart is created. Default `none`.
    pub create: Create,
    /// Which fields travel. Default unset: all of them, one-way only.
    pub fields: Option<Vec<Field>>,
    /// Stripe metadata key to Zenskar `custom_data` key. Default none.
    pub metadata: BTreeMap<MetadataKey, CustomDataKey>,
}

/// Who wins a conflict, by field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConflictRule {
    /// For every field not named in `fields`.
    pub default: Winner,
    /// Exceptions.
    pub fields: BTreeMap<Field, Winner>,
    /// Exceptions among the pairs of metadata.
    pub metadata: BTreeMap<MetadataField, Winner>,
}

impl ConflictRule {
    /// The rule for one field.
    pub fn winner(&self, field: Field) -> Winner {
        self.fields.get(&field).copied().unwrap_or(self.default)
    }
}

/// `[events]`: how changes are noticed besides webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Events {
    /// How often both systems' change feeds are read. Default adaptive.
    pub poll: Poll,
}

/// The rhythm of polling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Poll {
    /// Often while webhooks are missing, seldom while they arrive.
    #[default]
    Adaptive,
    /// Never.
    Off,
    /// At this interval.
    Every(Duration),
}

/// `[payments]`: collecting invoices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payments {
    /// Whether payment links are offered. Default no.
    pub links: bool,
    /// When stored methods are charged without a person. Default `manual`: never.
    pub auto_charge: AutoCharge,
    /// Whether automatic charges also need the customer's `auto_charge_enabled`. Default yes.
    pub respect_auto_charge_flag: bool,
    /// What to charge where Stripe has no default method. Default `refuse`.
    pub default_method: DefaultMethod,
    /// What happens to money beyond the amount due. Default `ask`.
    pub overpaid: Overpaid,
    /// The IANA time zone of due dates. Default `UTC`.
    pub time_zone: TimeZoneName,
    /// Whether money that goes back reopens the invoice, by cause.
    pub reopen: ReopenRule,
}

impl Default for Payments {
    fn default() -> Self {
        Self {
            links: false,
            auto_charge: AutoCharge::Manual,
            respect_auto_charge_flag: true,
            default_method: DefaultMethod::Refuse,
            overpaid: Overpaid::Ask,
            time_zone: TimeZoneName::utc(),
            reopen: ReopenRule {
                refund: Reopen::Ask,
                dispute: Reopen::Reopen,
                returned: Reopen::Reopen,
            },
        }
    }
}

/// Whether an invoice is opened again, by cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReopenRule {
    /// After a refund. Default `ask`.
    pub refund: Reopen,
    /// After a dispute. Default `reopen`.
    pub dispute: Reopen,
    /// After a bank's return (written `return`). Default `reopen`.
    pub returned: Reopen,
}

/// `[transfers]`: money that arrives by bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfers {
    /// Whether a cash balance is applied to invoices. Default `propose`.
    pub apply: Apply,
    /// The same for legacy ACH credit transfer sources. Default `off`.
    pub legacy_ach: Apply,
    /// How long arrived money rests before it is applied automatically.
    pub hold: Hold,
    /// Whether customers are set to manual reconciliation in Stripe. Default no.
    pub set_manual: bool,
}

impl Default for Transfers {
    fn default() -> Self {
        Self {
            apply: Apply::Propose,
            legacy_ach: Apply::Off,
            hold: Hold {
                ach: Duration::from_secs(5 * 24 * 60 * 60),
                wire: Duration::ZERO,
            },
            set_manual: false,
        }
    }
}

/// How long money rests, by the way it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// ACH, which can be returned. Default 5 days.
    pub ach: Duration,
    /// Wire. Default 0.
    pub wire: Duration,
}

/// `[payment_methods]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaymentMethods {
    /// Where a customer's methods are shown. Default `console`.
    pub mirror: PaymentMethodMirror,
}

/// `[limits]`: money brakes; crossing one freezes charges.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Charges per hour. Default 500.
    pub charges_per_hour: u32,
    /// Declined charges as a part of all, 0 to 1. Default 0.5.
    pub decline_rate: f64,
    /// Minutes in which the same customer is not charged twice. Default 10.
    pub same_customer_minutes: u32,
    /// Minor units per hour and currency. Default none.
    pub amount_per_hour: BTreeMap<CurrencyCode, i64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            charges_per_hour: 500,
            decline_rate: 0.5,
            same_customer_minutes: 10,
            amount_per_hour: BTreeMap::new(),
        }
    }
}

/// `[alerts]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Alerts {
    /// Receives a signed POST when something needs a person. Default unset.
    pub url: Option<BaseUrl>,
}

#[cfg(test)]
mod tests;
