//! How the console is reached: by which names, over what, and what its address is.

use crate::config::{Config, Listen};
use crate::http::console::Cookies;
use crate::http::host::Hosts;
use crate::http::proxies::Proxies;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use tokio::sync::watch;

/// The names that the console answers to besides the loopback's.
#[derive(Debug)]
pub(super) struct Names {
    /// That of the address it listens on.
    own: Option<String>,
    known: watch::Sender<BTreeSet<String>>,
}

impl Names {
    /// Those of a console that listens on `address`.
    pub(super) fn new(address: Option<SocketAddr>, config: &Config) -> Self {
        let own = address.map(|address| host(address.ip()));
        let known = watch::Sender::new(BTreeSet::new());
        let names = Self { own, known };
        names.set(config);
        names
    }

    /// Takes over what a configuration says.
    pub(super) fn set(&self, config: &Config) {
        let configured = config.listen.console_names.iter();
        let names = configured.map(|name| name.as_str().to_owned());
        // A name of another site's that leads here is not ours, but for those that are known.
        let names: BTreeSet<String> = names.chain(self.own.clone()).collect();
        self.known.send_replace(names);
    }

    /// The guard that knows them.
    pub(super) fn hosts(&self) -> Hosts {
        Hosts::new(self.known.subscribe())
    }
}

/// Whether the console speaks TLS itself. On the machine's own address it does not: nobody is in
/// between.
pub(super) const fn speaks_tls(listen: &Listen) -> bool {
    listen.tls.is_some() && !listen.console_behind_proxy && !listen.console_is_local()
}

/// What the console's cookies are like.
pub(super) fn cookies(address: Option<SocketAddr>, listen: &Listen) -> Cookies {
    let port = address.map_or(0, |address| address.port());
    Cookies::new(port, listen.console_behind_proxy || speaks_tls(listen))
}

/// The proxies that are believed: none unless one is in front of the console.
pub(super) fn proxies(listen: &Listen) -> Proxies {
    if listen.console_behind_proxy {
        Proxies::new(&listen.trusted_proxies)
    } else {
        Proxies::default()
    }
}

/// How a browser reaches a console that listens on `address`.
pub(super) fn url(address: SocketAddr, listen: &Listen) -> String {
    let (port, own) = (address.port(), host(address.ip()));
    let name = listen.console_names.first().map(|name| name.as_str());
    match (listen.console_behind_proxy, speaks_tls(listen), name) {
        // The proxy's port is not ours to know.
        (true, _, Some(name)) => format!("https://{name}"),
        (_, true, name) => format!("https://{}:{port}", name.unwrap_or(&own)),
        _ => format!("http://{own}:{port}"),
    }
}

/// An address as it stands in a URL. A browser on this machine reaches one that means every address
/// by the loopback's.
fn host(ip: IpAddr) -> String {
    match ip {
        ip if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{HostName, SecretRef, Tls};

    #[test]
    fn the_console_is_reached_by_its_name_where_it_has_one_over_tls() {
        let name = HostName::parse("zenstripe.corp.example").unwrap();
        for (console, tls, behind_proxy, named, expected) in [
            (
                "127.0.0.1:9481",
                false,
                false,
                false,
                "http://127.0.0.1:9481",
            ),
            ("127.0.0.1:9481", true, false, true, "http://127.0.0.1:9481"),
            ("[::1]:9481", false, false, true, "http://[::1]:9481"),
            (
                "127.0.0.1:9481",
                false,
                true,
                true,
                "https://zenstripe.corp.example",
            ),
            ("0.0.0.0:9481", false, true, false, "http://127.0.0.1:9481"),
            ("10.0.0.5:9481", true, false, false, "https://10.0.0.5:9481"),
            (
                "10.0.0.5:9481",
                true,
                false,
                true,
                "https://zenstripe.corp.example:9481",
            ),
            (
                "10.0.0.5:9481",
                true,
                true,
                true,
                "https://zenstripe.corp.example",
            ),
        ] {
            let listen = Listen {
                console: console.parse().unwrap(),
                console_names: if named {
                    vec![name.clone()]
                } else {
                    Vec::new()
                },
                console_behind_proxy: behind_proxy,
                tls: tls.then(|| Tls {
                    certificate: "c.pem".into(),
                    key: SecretRef::Name("key".to_owned()),
                }),
                ..Listen::default()
            };
            assert_eq!(url(listen.console, &listen), expected);
        }
    }
}
