//! Whom a request comes from that came through a proxy.

use crate::http::listener::Peer;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName};
use std::net::IpAddr;
use std::sync::Arc;

/// Each proxy adds whom it was asked by, at the end.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Proxies that are believed when they say whom a request comes from.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Arc<[IpAddr]>);

/// Whom a request comes from, where that is another than the peer.
#[derive(Clone, Copy, Debug)]
struct Client(IpAddr);

impl Proxies {
    /// Believes these.
    #[must_use]
    pub fn new(trusted: &[IpAddr]) -> Self {
        Self(trusted.iter().map(IpAddr::to_canonical).collect())
    }

    /// Middleware: takes note of whom a trusted proxy names.
    pub async fn note(self, mut request: Request, next: Next) -> Response {
        let peer = peer(&request).filter(|peer| self.trusts(*peer));
        if let Some(client) = peer.and_then(|peer| self.client(peer, request.headers())) {
            request.extensions_mut().insert(Client(client));
        }
        next.run(request).await
    }

    /// The nearest address that is none of ours, by what our proxies said of each other.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let mut nearest = peer;
        let lines: Vec<&str> = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .map(|line| line.to_str().ok())
            .collect::<Option<_>>()?;
        let said = lines.iter().flat_map(|line| line.split(','));
        let said: Vec<&str> = said.map(str::trim).collect();
        for address in said.iter().rev() {
            if !self.trusts(nearest) {
                break;
            }
            // What cannot be read says nothing of whoever stands behind it.
            nearest = address.parse::<IpAddr>().ok()?.to_canonical();
        }
        Some(nearest)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

fn peer(request: &Request) -> Option<IpAddr> {
    match request.extensions().get() {
        Some(Peer::Tcp(address)) => Some(address.ip()),
        Some(Peer::Unix(_)) | None => None,
    }
}

/// Where a request comes from; nowhere that counts if it is this machine's socket.
pub(super) fn address(request: &Request) -> Option<IpAddr> {
    let client = request.extensions().get::<Client>();
    client.map(|client| client.0).or_else(|| peer(request))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_what_our_own_proxies_say_is_believed() {
        let proxies = Proxies::new(&[ip("127.0.0.1"), ip("10.0.0.5")]);
        for (lines, client) in [
            (&[][..], Some("127.0.0.1")),
            (&["203.0.113.7"], Some("203.0.113.7")),
            (&["203.0.113.7, 10.0.0.5"], Some("203.0.113.7")),
            // Whoever asks can write what they like before what the proxy adds.
            (&["1.2.3.4, 203.0.113.7"], Some("203.0.113.7")),
            (&["1.2.3.4", "203.0.113.7,10.0.0.5"], Some("203.0.113.7")),
            (&["::ffff:203.0.113.7"], Some("203.0.113.7")),
            (&["2001:db8::1"], Some("2001:db8::1")),
            (&["unknown"], None),
            (&["203.0.113.7:443"], None),
            (&[""], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, HeaderValue::from_static(line));
            }
            let found = proxies.client(ip("127.0.0.1"), &headers);
            assert_eq!(found, client.map(ip), "{lines:?}");
        }
        assert!(!proxies.trusts(ip("203.0.113.7")));
        assert!(!Proxies::default().trusts(ip("127.0.0.1")));
    }
}
