//! Opens what the daemon stands on: store, clients, listeners. Each failure has its exit code.

use super::metered::Metered;
use super::names;
use crate::cli::check::store_failed;
use crate::cli::error::{Exit, Failure};
use crate::cli::prepare::{Demand, Prepared};
use crate::cli::settings;
use crate::clock::Clock;
use crate::config::{BaseUrl, Config};
use crate::engine::site::{Platform, Site};
use crate::http::listener::{self, BindError, Certificate, Limits, Listener, Socket};
use crate::http::webhook::{self, ZenskarAcceptance};
use crate::model::id::{AccountId, OrganisationId};
use crate::model::time::Timestamp;
use crate::remote::transport::Transport;
use crate::store::{Identity, Mode, Sealer, Store, StoreError, StoreOptions, Writer};
use crate::stripe::client::{StripeClient, StripeClientOptions};
use crate::stripe::oauth::OAuth;
use crate::telemetry::metrics::{Door, Metrics};
use crate::zenskar::client::{ZenskarClient, ZenskarClientOptions};
use crate::zenskar::hook::HookSecret;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// Opens the store and starts its writer.
pub(super) async fn store(path: &Path) -> Result<(Store, Writer), Failure> {
    let file = path.to_owned();
    let opened = tokio::task::spawn_blocking(move || {
        let store = Store::open(&file, StoreOptions::default())?;
        let writer = Writer::spawn(store.clone())?;
        Ok::<_, StoreError>((store, writer))
    });
    match opened.await {
        Ok(opened) => opened.map_err(|error| store_failed(path, &error)),
        Err(error) => Err(Failure::new(Exit::Io, "open the store").because(Some(&error))),
    }
}

/// Binds a new store to an account, mode and organisation, and refuses one that is bound to others.
/// Says which account it is bound to; with OAuth that is none before one was connected.
pub(super) async fn bind(
    store: &Store,
    writer: &Writer,
    demand: &Demand,
    path: &Path,
) -> Result<Option<AccountId>, Failure> {
    let bound = store
        .read()
        .and_then(|read| read.identity())
        .map_err(|error| store_failed(path, &error))?;
    match bound {
        Some(bound) if demand.fits(&bound) => Ok(Some(bound.account)),
        Some(bound) => Err(foreign(&bound, demand, path)),
        None => {
            let Some(wanted) = demand.identity() else {
                return Ok(None);
            };
            let account = wanted.account.clone();
            let written = writer
                .write("bind store", move |tx| tx.set_identity(&wanted))
                .await;
            written
                .map_err(|error| Failure::new(Exit::Io, "bind the store").because(Some(&error)))?;
            Ok(Some(account))
        }
    }
}

fn foreign(bound: &Identity, wanted: &Demand, path: &Path) -> Failure {
    let words = |account: Option<&AccountId>, mode: Mode, organisation: &OrganisationId| {
        let mode = match mode {
            Mode::Live => "live",
            Mode::Test => "test",
        };
        let account = account.map_or("that is connected", AccountId::as_str);
        format!("Stripe account {account} in {mode} mode and Zenskar organisation {organisation}")
    };
    let message = format!(
        "the store {} belongs to {}; the configuration names {}",
        path.display(),
        words(Some(&bound.account), bound.mode, &bound.organisation),
        words(wanted.account.as_ref(), wanted.mode, &wanted.organisation)
    );
    Failure::new(Exit::Config, message)
        .hint("undo the change, or give the other account a store of its own: `store.path`")
}

/// Clients of both remotes, which have sent nothing yet.
pub(super) fn clients(
    config: &Config,
    prepared: &Prepared,
    transport: &Arc<Metered>,
    clock: &Arc<dyn Clock>,
) -> (StripeClient, ZenskarClient) {
    let transport: Arc<dyn Transport> = Arc::<Metered>::clone(transport);
    let stripe = stripe(config, prepared, &transport, clock);
    let zenskar = ZenskarClientOptions {
        api_base: config.zenskar.api_base.as_str().to_owned(),
        key: prepared.zenskar_key.clone(),
        organisation: prepared.demand.organisation.clone(),
        rates: settings::zenskar_rates(config),
    };
    (
        stripe,
        ZenskarClient::new(zenskar, transport, Arc::clone(clock)),
    )
}

/// A client of Stripe.
pub(super) fn stripe(
    config: &Config,
    prepared: &Prepared,
    transport: &Arc<dyn Transport>,
    clock: &Arc<dyn Clock>,
) -> StripeClient {
    let options = StripeClientOptions {
        api_base: config.stripe.api_base.as_str().to_owned(),
        key: prepared.stripe_key.clone(),
        account: None,
        api_version: config.stripe.api_version.clone(),
        live: prepared.demand.is_live(),
        requests_per_second: config.stripe.requests_per_second,
    };
    StripeClient::new(options, Arc::clone(transport), Arc::clone(clock))
}

/// What is particular to this installation.
pub(super) fn site(
    config: &Config,
    prepared: &Prepared,
    sealer: Sealer,
    listeners: &Listeners,
    transport: &Arc<Metered>,
) -> Site {
    let transport: Arc<dyn Transport> = Arc::<Metered>::clone(transport);
    let public_url = config.listen.public_url.as_ref().map(BaseUrl::as_str);
    let demand = &prepared.demand;
    // Stripe sends browsers back over TLS alone in live mode ("OAuth reference", `redirect_uri`).
    let pages = match public_url {
        Some(url) => Some(url.to_owned()),
        None if demand.is_live() => None,
        None => listeners
            .console_address()
            .map(|address| names::url(address, &config.listen)),
    };
    let platform = config.stripe.client_id.as_ref().map(|client_id| Platform {
        oauth: OAuth::new(
            config.stripe.connect_base.as_str(),
            client_id,
            &config.stripe.api_version,
            transport,
        ),
        pages,
    });
    Site {
        sealer,
        platform,
        webhook_url: public_url.map(|url| format!("{url}{}", webhook::PATH)),
        account: demand.account.clone(),
        mode: demand.mode,
        organisation: demand.organisation.clone(),
    }
}

/// What Zenskar's webhook accepts.
pub(super) fn zenskar_acceptance(prepared: &Prepared) -> ZenskarAcceptance {
    let secret = prepared.zenskar_webhook_secret.as_ref();
    ZenskarAcceptance {
        secret: secret.and_then(|resolved| HookSecret::new(resolved.secret.expose())),
        organisation: prepared.demand.organisation.clone(),
    }
}

/// The bound listeners.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) public: Option<Listener>,
    pub(super) console: Listener,
    pub(super) socket: Listener,
    certificate: Option<Arc<Certificate>>,
    socket_path: String,
}

impl Listeners {
    /// Binds what the configuration names. The console's listener stays plain where it is for the
    /// machine itself, or for a proxy.
    pub(super) async fn bind(
        config: &Config,
        prepared: &Prepared,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, Failure> {
        let listen = &config.listen;
        let socket = Socket::unix(&listen.socket)
            .await
            .map_err(|error| not_bound(&error))?;
        let console = Socket::tcp(listen.console).map_err(|error| not_bound(&error))?;
        let public = listen
            .public
            .map(Socket::tcp)
            .transpose()
            .map_err(|error| not_bound(&error))?;
        let listening =
            |socket, door, limits| Listener::new(socket, door, limits, Arc::clone(metrics));
        let expiry = prepared
            .tls
            .as_ref()
            .and_then(listener::Identity::not_after);
        metrics
            .http
            .certificate_expiry
            .set(expiry.map_or(0, Timestamp::seconds));
        let certificate = prepared
            .tls
            .clone()
            .map(|tls| Arc::new(Certificate::new(tls)));
        let mut public = public.map(|socket| listening(socket, Door::Public, Limits::public()));
        let mut console = listening(console, Door::Console, Limits::console());
        if let Some(certificate) = &certificate {
            let no_tls = |error| Failure::of(Exit::Config, &error);
            let secured = public.map(|public| public.with_tls(certificate));
            public = secured.transpose().map_err(no_tls)?;
            if names::speaks_tls(listen) {
                console = console.with_tls(certificate).map_err(no_tls)?;
            }
        }
        Ok(Self {
            public,
            console,
            socket: listening(socket, Door::Socket, Limits::socket()),
            certificate,
            socket_path: listen.socket.display().to_string(),
        })
    }

    /// The certificate, to be replaced by a reload.
    pub(super) fn certificate(&self) -> Option<Arc<Certificate>> {
        self.certificate.clone()
    }

    /// Where the console listens.
    pub(super) fn console_address(&self) -> Option<SocketAddr> {
        self.console.socket().address()
    }

    /// What listens, and where.
    pub(super) fn addresses(&self) -> BTreeMap<String, String> {
        let mut addresses = BTreeMap::from([("socket".to_owned(), self.socket_path.clone())]);
        let tcp = [
            ("console", Some(&self.console)),
            ("public", self.public.as_ref()),
        ];
        for (name, listener) in tcp {
            if let Some(address) = listener.and_then(|listener| listener.socket().address()) {
                addresses.insert(name.to_owned(), address.to_string());
            }
        }
        addresses
    }
}

fn not_bound(error: &BindError) -> Failure {
    match error {
        BindError::Answered { .. } => Failure::of(Exit::InUse, error)
            .hint("another zenstripe runs: see `zenstripe status`, or give this one its own `listen.socket`"),
        BindError::Occupied { .. } => {
            Failure::of(Exit::Io, error).hint("move the file away, or choose another `listen.socket`")
        }
        BindError::Tcp { source, .. }
        | BindError::Unix { source, .. }
        | BindError::Inherited { source } => match source.kind() {
            io::ErrorKind::PermissionDenied => Failure::of(Exit::Permission, error)
                .hint("the service's user must be allowed to: see the unit, and `listen` in the configuration"),
            io::ErrorKind::AddrInUse => Failure::of(Exit::Io, error)
                .hint("another program listens there: choose another address in `listen`"),
            io::ErrorKind::NotFound => Failure::of(Exit::Io, error)
                .hint("make the directory, or choose another `listen.socket`"),
            _ => Failure::of(Exit::Io, error),
        },
    }
}
