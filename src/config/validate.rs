//! Bounds of single settings, and agreement between settings.
//!
//! Each check names the keys it is about and is left out where one of them could not be read, so
//! that one mistake is reported once. It points at the first of its keys that stands in a file.
//!
//! What is only unwise, or depends on the two systems, is `doctor`'s business; what a direction or
//! an owner needs at run time is the engine's.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use super::load::Draft;
use super::problem::{Problem, quoted};
use super::words::{Mode, NativeStripe, SyncDirection};
use super::{Config, Poll};
use crate::model::pair::PAIRS_OF_A_CUSTOMER_MAX;

/// A Unix socket's address has 108 bytes, the last of them zero.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Stripe lists events for 30 days; an id forgotten earlier would be taken for a new event.
const RETENTION_DAYS_MIN: u16 = 31;

/// Ten years.
const RETENTION_DAYS_MAX: u16 = 3650;

/// More requests per second than either system allows.
const RATE_MAX: u32 = 1000;

/// Zenskar's currencies have at most this many decimals.
const MINOR_UNITS_MAX: u8 = 4;

/// Checks a draft and adds what is wrong to its problems.
pub(super) fn validate(draft: &mut Draft) {
    let config = draft.config.clone();
    let mut judge = Judge { draft };
    stripe(&mut judge, &config);
    zenskar(&mut judge, &config);
    encryption(&mut judge, &config);
    listen(&mut judge, &config);
    customers(&mut judge, &config);
    rest(&mut judge, &config);
}

struct Judge<'d> {
    draft: &'d mut Draft,
}

impl Judge<'_> {
    /// Reports `title`, which is about these keys, if `wrong`.
    fn refuse_if(&mut self, wrong: bool, keys: &[&'static str], title: &str, label: &str) {
        if !wrong || keys.iter().any(|key| self.draft.failed.contains(key)) {
            return;
        }
        let sites = &self.draft.sites;
        let mut sites = keys
            .iter()
            .filter_map(|key| Some((*key, sites.get(key).cloned()?)));
        // A default cannot be wrong by itself, so at least one key stands in a file.
        let Some((_, site)) = sites.next() else {
            return;
        };
        let context = sites
            .map(|(key, site)| (site, format!("`{key}` is set here")))
            .collect();
        self.draft.problems.push(Problem {
            site,
            title: title.to_owned(),
            label: label.to_owned(),
            help: None,
            context,
        });
    }

    fn within<T: PartialOrd + std::fmt::Display>(
        &mut self,
        key: &'static str,
        value: &T,
        min: &T,
        max: &T,
        why: &str,
    ) {
        let title = format!("`{key}` cannot be {value}");
        let label = format!("expected {min} to {max}{why}");
        self.refuse_if(!(min..=max).contains(&value), &[key], &title, &label);
    }

    fn lasting(&mut self, key: &'static str, value: Duration, min: u64, max: u64, words: &str) {
        let range = Duration::from_secs(min)..=Duration::from_secs(max);
        let title = format!("`{key}` is out of bounds");
        self.refuse_if(!range.contains(&value), &[key], &title, words);
    }

    fn begins(&mut self, key: &'static str, value: Option<&str>, prefix: &str) {
        let Some(value) = value else { return };
        let rest = value.strip_prefix(prefix).unwrap_or_default();
        let good = !rest.is_empty()
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        let title = format!("`{key}` cannot be {}", quoted(value));
        self.refuse_if(
            !good,
            &[key],
            &title,
            &format!("expected an id such as \"{prefix}1A2b3C\""),
        );
    }
}

fn stripe(judge: &mut Judge<'_>, config: &Config) {
    let stripe = &config.stripe;
    let title = format!(
        "`stripe.api_version` cannot be {}",
        quoted(&stripe.api_version)
    );
    judge.refuse_if(
        !is_api_version(&stripe.api_version),
        &["stripe.api_version"],
        &title,
        "expected a version such as \"2026-05-27.dahlia\"",
    );
    judge.within(
        "stripe.requests_per_second",
        &stripe.requests_per_second,
        &1,
        &RATE_MAX,
        "",
    );
    judge.begins("stripe.client_id", stripe.client_id.as_deref(), "ca_");
    judge.begins("stripe.account", stripe.account.as_deref(), "acct_");
    judge.refuse_if(
        stripe.secret_key_file.is_some() && stripe.client_id.is_none() && stripe.account.is_none(),
        &[
            "stripe.secret_key_file",
            "stripe.client_id",
            "stripe.account",
        ],
        "`stripe.secret_key_file` is set, and neither `stripe.account` nor `stripe.client_id`",
        "expected the account whose key this is, or the client for OAuth",
    );
    let files: BTreeSet<_> = stripe.webhook_secret_files.iter().collect();
    judge.refuse_if(
        files.len() != stripe.webhook_secret_files.len(),
        &["stripe.webhook_secret_files"],
        "`stripe.webhook_secret_files` names a file twice",
        "expected each file once",
    );
}

/// `YYYY-MM-DD`, and since 2024 a dot and a name.
fn is_api_version(text: &str) -> bool {
    let (date, name) = match text.split_once('.') {
        Some((date, name)) => (date, Some(name)),
        None => (text, None),
    };
    let named = name
        .is_none_or(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase()));
    date.len() == 10 && date.parse::<jiff::civil::Date>().is_ok() && named
}

fn zenskar(judge: &mut Judge<'_>, config: &Config) {
    let zenskar = &config.zenskar;
    let rate = zenskar.requests_per_second;
    let (start, max) = (
        "zenskar.requests_per_second.start",
        "zenskar.requests_per_second.max",
    );
    judge.within(start, &rate.start, &1, &RATE_MAX, "");
    judge.within(max, &rate.max, &1, &RATE_MAX, "");
    let title = format!(
        "the rate starts at {} and must not exceed {}",
        rate.start, rate.max
    );
    judge.refuse_if(
        rate.start > rate.max,
        &[start, max],
        &title,
        "expected start <= max",
    );
    judge.lasting(
        "zenskar.settle",
        zenskar.settle,
        1,
        3600,
        "expected \"1s\" to \"1h\"",
    );
    let spaced = zenskar
        .organisation
        .as_deref()
        .is_some_and(|id| id.contains(char::is_whitespace));
    judge.refuse_if(
        spaced,
        &["zenskar.organisation"],
        "`zenskar.organisation` contains a space",
        "expected the organisation's id",
    );
    for (currency, decimals) in &zenskar.minor_units {
        let title = format!(
            "`zenskar.minor_units.{}` cannot be {decimals}",
            currency.as_str()
        );
        judge.refuse_if(
            *decimals > MINOR_UNITS_MAX,
            &["zenskar.minor_units"],
            &title,
            "expected a number of decimals, 0 to 4",
        );
    }
    let owners = zenskar.owners;
    for (key, owner) in [
        ("zenskar.owners.links", owners.links),
        ("zenskar.owners.charge", owners.charge),
        ("zenskar.owners.transfers", owners.transfers),
    ] {
        judge.refuse_if(
            zenskar.native_stripe == Some(NativeStripe::Present) && owner.is_none(),
            &[key, "zenskar.native_stripe"],
            &format!("`zenskar.native_stripe` is \"present\" and `{key}` is not set"),
            "expected one owner for each of links, charge and transfers",
        );
    }
}

/// Live keys and customers' pages do not travel in the clear.
fn encryption(judge: &mut Judge<'_>, config: &Config) {
    let addresses = [
        ("stripe.api_base", Some(&config.stripe.api_base)),
        ("stripe.connect_base", Some(&config.stripe.connect_base)),
        ("zenskar.api_base", Some(&config.zenskar.api_base)),
        ("listen.public_url", config.listen.public_url.as_ref()),
        ("alerts.url", config.alerts.url.as_ref()),
    ];
    for (key, address) in addresses {
        let clear = address.is_some_and(|address| !address.is_https());
        judge.refuse_if(
            clear && config.stripe.mode == Mode::Live,
            &[key, "stripe.mode"],
            &format!("`{key}` is not encrypted, and `stripe.mode` is \"live\""),
            "expected an address that begins with https://",
        );
    }
}

fn listen(judge: &mut Judge<'_>, config: &Config) {
    let listen = &config.listen;
    let clash = listen
        .public
        .is_some_and(|public| overlap(public, listen.console));
    judge.refuse_if(
        clash,
        &["listen.public", "listen.console"],
        &format!(
            "the public and the console listener are both on port {}",
            listen.console.port()
        ),
        "expected two different addresses",
    );
    judge.refuse_if(
        !listen.console_is_local() && listen.tls.is_none() && !listen.console_behind_proxy,
        &[
            "listen.console",
            "listen.tls",
            "listen.console_behind_proxy",
        ],
        "`listen.console` can be reached from other machines, and is not encrypted",
        "expected 127.0.0.1 or [::1]; else set `listen.tls`, or `listen.console_behind_proxy = true` \
         with a proxy in front that speaks TLS",
    );
    judge.refuse_if(
        listen.socket.as_os_str().as_bytes().len() > SOCKET_PATH_BYTES_MAX,
        &["listen.socket"],
        "`listen.socket` is too long",
        &format!("expected at most {SOCKET_PATH_BYTES_MAX} bytes"),
    );
    judge.refuse_if(
        listen.public_url.is_some() && listen.public.is_none(),
        &["listen.public_url", "listen.public"],
        "`listen.public_url` is set, and `listen.public` is \"\"",
        "expected a public listener behind this address",
    );
    judge.refuse_if(
        config.events.poll == Poll::Off && listen.public.is_none(),
        &["events.poll", "listen.public"],
        "no change would ever be noticed",
        "expected polling where `listen.public` is \"\"",
    );
}

/// Whether two addresses cannot both be listened on. Port 0 is any free port.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && (any || one.ip() == other.ip())
}

fn customers(judge: &mut Judge<'_>, config: &Config) {
    let customers = &config.customers;
    let two_way = customers.sync == SyncDirection::ImportAndExport;
    judge.refuse_if(
        two_way && customers.fields.is_none(),
        &["customers.sync", "customers.fields"],
        "`customers.sync` is \"import-and-export\" and `customers.fields` is not set",
        "expected a list of the fields that travel both ways",
    );
    if let Some(fields) = &customers.fields {
        let once: BTreeSet<_> = fields.iter().collect();
        judge.refuse_if(
            fields.is_empty() || once.len() != fields.len(),
            &["customers.fields"],
            "`customers.fields` is empty or names a field twice",
            "expected each field that travels, once",
        );
    }
    let mut ruled = customers.conflict.metadata.keys();
    let known = |key: &str| customers.metadata.keys().any(|one| one.as_str() == key);
    judge.refuse_if(
        ruled.any(|field| !known(field.key())),
        &["customers.conflict", "customers.metadata"],
        "`customers.conflict` names a pair of metadata that is not in `customers.metadata`",
        "expected the Stripe key of a pair that is there",
    );
    let targets: BTreeSet<_> = customers.metadata.values().collect();
    judge.refuse_if(
        targets.len() != customers.metadata.len(),
        &["customers.metadata"],
        "`customers.metadata` maps two keys to one",
        "expected a different Zenskar key for each Stripe key",
    );
    judge.refuse_if(
        customers.metadata.len() > PAIRS_OF_A_CUSTOMER_MAX,
        &["customers.metadata"],
        "`customers.metadata` has too many entries",
        &format!("expected at most {PAIRS_OF_A_CUSTOMER_MAX}, Stripe's limit"),
    );
}

fn rest(judge: &mut Judge<'_>, config: &Config) {
    judge.within(
        "store.retention_days",
        &config.store.retention_days,
        &RETENTION_DAYS_MIN,
        &RETENTION_DAYS_MAX,
        ": event ids must outlive the 30 days for which Stripe lists them",
    );
    if let Poll::Every(interval) = config.events.poll {
        judge.lasting(
            "events.poll",
            interval,
            1,
            86_400,
            "expected \"1s\" to \"1d\"",
        );
    }
    let limits = &config.limits;
    judge.within("limits.decline_rate", &limits.decline_rate, &0.0, &1.0, "");
    judge.within(
        "limits.same_customer_minutes",
        &limits.same_customer_minutes,
        &0,
        &10_080,
        "",
    );
    for (currency, amount) in &limits.amount_per_hour {
        let title = format!(
            "`limits.amount_per_hour.{}` cannot be {amount}",
            currency.as_str()
        );
        judge.refuse_if(
            *amount <= 0,
            &["limits.amount_per_hour"],
            &title,
            "expected an amount in minor units, above 0",
        );
    }
}
