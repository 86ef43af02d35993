//! A loaded configuration, made ready to be used: its secrets read, its demands compared with what
//! this version does. `run`, `check` and every reload go through here.

use crate::cli::settings::{self, Unavailable};
use crate::config::secret::{Places, Resolved, SecretError, StripeKeyKind, stripe_key_kind};
use crate::config::{Config, Loaded, Origin, SecretRef};
use crate::http::listener::Identity as TlsIdentity;
use crate::model::connection::Way;
use crate::model::id::{AccountId, OrganisationId};
use crate::remote::client::ApiKey;
use crate::store::{Identity, Mode};
use crate::telemetry::chain;
use std::path::{Path, PathBuf};

/// Everything that is needed to run, read and checked.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Stripe's key.
    pub stripe_key: ApiKey,
    /// Zenskar's key.
    pub zenskar_key: ApiKey,
    /// Signing secrets of Stripe's webhooks.
    pub webhook_secrets: Vec<Resolved>,
    /// The secret of Zenskar's webhook, where there is one.
    pub zenskar_webhook_secret: Option<Resolved>,
    /// The public listener's certificate, where it speaks TLS itself.
    pub tls: Option<TlsIdentity>,
    /// Whom a store is bound to by this configuration.
    pub demand: Demand,
    /// Files to watch besides the configuration's own.
    pub files: Vec<PathBuf>,
    /// Secrets whose new content waits for a restart: systemd hands them out once.
    pub fixed_secrets: Vec<&'static str>,
}

/// Whom a store is bound to by a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// How the account is reached.
    pub way: Way,
    /// The account. With OAuth it need not be named: the store remembers the one that was connected.
    pub account: Option<AccountId>,
    /// Stripe's mode.
    pub mode: Mode,
    /// The organisation.
    pub organisation: OrganisationId,
}

impl Demand {
    /// Whether it is about real money.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.mode == Mode::Live
    }

    /// What a new store is bound to at once.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        let account = self.account.clone().filter(|_| self.way == Way::Key)?;
        Some(Identity {
            account,
            mode: self.mode,
            organisation: self.organisation.clone(),
        })
    }

    /// Whether a store that is bound like this fits.
    #[must_use]
    pub fn fits(&self, bound: &Identity) -> bool {
        let account = self.account.as_ref();
        account.is_none_or(|account| *account == bound.account)
            && self.mode == bound.mode
            && self.organisation == bound.organisation
    }
}

/// Something that keeps a configuration from being used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The setting it is about.
    pub key: &'static str,
    /// File and line, where the setting stands in a file.
    pub place: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "`{}`: {}", self.key, self.what)
    }
}

/// Where secrets are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretPlaces {
    /// The configuration file's directory.
    pub config: PathBuf,
    /// systemd's credentials directory.
    pub credentials: Option<PathBuf>,
}

impl SecretPlaces {
    /// The places of a configuration file.
    #[must_use]
    pub fn of(config: &Path, credentials: Option<&Path>) -> Self {
        let config = std::path::absolute(config).unwrap_or_else(|_| config.to_owned());
        Self {
            config: config.parent().map(Path::to_owned).unwrap_or_default(),
            credentials: credentials.map(Path::to_owned),
        }
    }

    /// The same, as the configuration takes it.
    #[must_use]
    pub fn borrowed(&self) -> Places<'_> {
        Places {
            config: &self.config,
            credentials: self.credentials.as_deref(),
        }
    }
}

/// Where every secret of a configuration is kept, whether it can be read or not.
#[must_use]
pub fn secret_files(config: &Config, places: &SecretPlaces) -> Vec<PathBuf> {
    let mut secrets: Vec<&SecretRef> = config.stripe.webhook_secret_files.iter().collect();
    secrets.extend(&config.stripe.secret_key_file);
    secrets.extend(&config.zenskar.api_key_file);
    secrets.extend(&config.zenskar.webhook_secret_file);
    secrets.extend(config.listen.tls.iter().map(|tls| &tls.key));
    let located = secrets
        .into_iter()
        .map(|secret| secret.locate(places.borrowed()).0);
    let certificate = config.listen.tls.iter().map(|tls| tls.certificate.clone());
    located.chain(certificate).collect()
}

/// Makes `config` ready; `loaded` says where its values stand.
///
/// # Errors
///
/// Everything that keeps it from being used.
pub fn prepare(
    config: &Config,
    loaded: &Loaded,
    places: &SecretPlaces,
) -> Result<Prepared, Vec<Finding>> {
    let mut findings = Findings {
        loaded,
        list: Vec::new(),
    };
    for Unavailable { key, what, fix } in settings::unavailable(config) {
        findings.add(key, what, fix);
    }
    let mut secrets = Secrets {
        places,
        fixed: Vec::new(),
    };
    let stripe_key = stripe_key(config, &mut secrets, &mut findings);
    let zenskar_key = secrets
        .required(
            "zenskar.api_key_file",
            config.zenskar.api_key_file.as_ref(),
            &mut findings,
        )
        .and_then(|secret| api_key("zenskar.api_key_file", &secret, &mut findings));
    let mut webhook_secrets = Vec::new();
    for secret in &config.stripe.webhook_secret_files {
        let key = "stripe.webhook_secret_files";
        webhook_secrets.extend(secrets.optional(key, secret, &mut findings));
    }
    let secret = config.zenskar.webhook_secret_file.as_ref();
    let zenskar_webhook_secret = secret
        .and_then(|secret| secrets.optional("zenskar.webhook_secret_file", secret, &mut findings));
    let tls = tls(config, &mut secrets, &mut findings);
    let demand = demand(config, &mut findings);
    match (stripe_key, zenskar_key, demand) {
        (Some(stripe_key), Some(zenskar_key), Some(demand)) if findings.list.is_empty() => {
            Ok(Prepared {
                stripe_key,
                zenskar_key,
                webhook_secrets,
                zenskar_webhook_secret,
                tls,
                demand,
                files: secret_files(config, places),
                fixed_secrets: secrets.fixed,
            })
        }
        _ => Err(findings.list),
    }
}

struct Findings<'a> {
    loaded: &'a Loaded,
    list: Vec<Finding>,
}

impl Findings<'_> {
    fn add(&mut self, key: &'static str, what: impl Into<String>, fix: impl Into<String>) {
        let place = match self.loaded.origin(key) {
            Origin::Default => None,
            origin @ Origin::File { .. } => Some(origin.to_string()),
        };
        self.list.push(Finding {
            key,
            place,
            what: what.into(),
            fix: fix.into(),
        });
    }
}

struct Secrets<'a> {
    places: &'a SecretPlaces,
    fixed: Vec<&'static str>,
}

impl Secrets<'_> {
    fn required(
        &mut self,
        key: &'static str,
        secret: Option<&SecretRef>,
        findings: &mut Findings<'_>,
    ) -> Option<Resolved> {
        let Some(secret) = secret else {
            let fix = "put the key into a file of mode 600 and name the file here";
            findings.add(key, "is not set, and nothing works without it", fix);
            return None;
        };
        self.optional(key, secret, findings)
    }

    fn optional(
        &mut self,
        key: &'static str,
        secret: &SecretRef,
        findings: &mut Findings<'_>,
    ) -> Option<Resolved> {
        match secret.resolve(self.places.borrowed()) {
            Ok(resolved) => {
                if !resolved.live {
                    self.fixed.push(key);
                }
                Some(resolved)
            }
            Err(error) => {
                findings.add(key, chain(&error), fix_of(&error));
                None
            }
        }
    }
}

fn fix_of(error: &SecretError) -> String {
    match error {
        SecretError::Exposed { path, .. } => format!("chmod 600 {}", path.display()),
        SecretError::Empty { path } => format!("put the secret into {}", path.display()),
        SecretError::Read { path, .. }
        | SecretError::NotAFile { path }
        | SecretError::TooLong { path } => {
            format!(
                "make {} a file that holds the secret, readable by the service",
                path.display()
            )
        }
    }
}

fn stripe_key(
    config: &Config,
    secrets: &mut Secrets<'_>,
    findings: &mut Findings<'_>,
) -> Option<ApiKey> {
    let key = "stripe.secret_key_file";
    let resolved = secrets.required(key, config.stripe.secret_key_file.as_ref(), findings)?;
    let kind = stripe_key_kind(&resolved.secret, config.stripe.mode);
    if kind == Ok(StripeKeyKind::Restricted) && config.stripe.client_id.is_some() {
        // Stripe's documentation, "OAuth reference": `client_secret` is a secret key.
        let fix = "use the platform's secret key (sk_…), or remove `stripe.client_id`";
        findings.add(
            key,
            "is a restricted key, and `stripe.client_id` is set",
            fix,
        );
        return None;
    }
    if let Err(error) = kind {
        let fix = format!(
            "use a key of {} mode, or change `stripe.mode`",
            config.stripe.mode
        );
        findings.add(key, error.to_string(), fix);
        return None;
    }
    api_key(key, &resolved, findings)
}

fn api_key(key: &'static str, resolved: &Resolved, findings: &mut Findings<'_>) -> Option<ApiKey> {
    let text = resolved.secret.expose_text().unwrap_or_default();
    match ApiKey::parse(text) {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            let fix = format!("put the key alone into {}", resolved.path.display());
            findings.add(key, error.to_string(), fix);
            None
        }
    }
}

fn tls(
    config: &Config,
    secrets: &mut Secrets<'_>,
    findings: &mut Findings<'_>,
) -> Option<TlsIdentity> {
    let key = "listen.tls";
    let tls = config.listen.tls.as_ref()?;
    let private = secrets.optional(key, &tls.key, findings)?;
    let certificate = match std::fs::read(&tls.certificate) {
        Ok(certificate) => certificate,
        Err(error) => {
            let path = tls.certificate.display();
            let fix = format!("make {path} a PEM file, readable by the service");
            findings.add(key, format!("read {path}: {error}"), fix);
            return None;
        }
    };
    TlsIdentity::from_pem(&certificate, private.secret.expose())
        .map_err(|error| {
            let fix = "name a PEM chain and its own private key";
            findings.add(key, chain(&error), fix);
        })
        .ok()
}

fn demand(config: &Config, findings: &mut Findings<'_>) -> Option<Demand> {
    let way = if config.stripe.client_id.is_some() {
        Way::OAuth
    } else {
        Way::Key
    };
    let account = config.stripe.account.as_deref();
    let organisation = config.zenskar.organisation.as_deref();
    if account.is_none() && way == Way::Key {
        let fix = "set it to the account's id, acct_…, as Stripe's dashboard shows it";
        findings.add("stripe.account", "is not set", fix);
    }
    if organisation.is_none() {
        let fix = "set it to the organisation's id, as Zenskar's settings show it";
        findings.add("zenskar.organisation", "is not set", fix);
    }
    let (account, organisation) = (
        account.map(AccountId::parse).transpose(),
        OrganisationId::parse(organisation?),
    );
    if let Err(error) = &account {
        findings.add(
            "stripe.account",
            error.to_string(),
            "write the account's id",
        );
    }
    if let Err(error) = &organisation {
        findings.add(
            "zenskar.organisation",
            error.to_string(),
            "write the organisation's id",
        );
    }
    let account = account.ok()?;
    if account.is_none() && way == Way::Key {
        return None;
    }
    Some(Demand {
        way,
        account,
        mode: match config.stripe.mode {
            crate::config::Mode::Live => Mode::Live,
            crate::config::Mode::Test => Mode::Test,
        },
        organisation: organisation.ok()?,
    })
}
