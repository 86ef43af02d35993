//! Which names the console listener answers to.
//!
//! A page of another site can make a browser call us under that site's name, once its name
//! resolves to our address (DNS rebinding). Such a request carries the other name, and is refused
//! before anything looks at its cookies.

use crate::http::reply::{Class, Failure};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{header, uri::Authority};
use std::collections::BTreeSet;
use tokio::sync::watch;

/// Names of this machine to itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Names we answer to, on any port: those of the loopback and the configured ones.
#[derive(Clone, Debug)]
pub struct Hosts(watch::Receiver<BTreeSet<String>>);

impl Hosts {
    /// Answers to `configured` names besides the loopback's; a reload replaces them.
    #[must_use]
    pub const fn new(configured: watch::Receiver<BTreeSet<String>>) -> Self {
        Self(configured)
    }

    /// Middleware: refuses requests under another name.
    pub async fn guard(self, request: Request, next: Next) -> Response {
        if self.include(&request) {
            return next.run(request).await;
        }
        Failure::new(
            Class::WrongHost,
            "wrong_host",
            "This is not a name of this listener.",
        )
        .hint("Use localhost, 127.0.0.1 or [::1], or add the name to the configuration.")
        .into_response()
    }

    fn include(&self, request: &Request) -> bool {
        // HTTP/2 has the name in the target, HTTP/1.1 in a header, of which there must be one.
        let mut headers = request.headers().get_all(header::HOST).iter();
        let name = match (request.uri().authority(), headers.next(), headers.next()) {
            (Some(authority), None, None) => Some(authority.clone()),
            (None, Some(host), None) => Authority::try_from(host.as_bytes()).ok(),
            // Given twice, they must agree.
            (Some(authority), Some(host), None) if authority.as_str().as_bytes() == host => {
                Some(authority.clone())
            }
            _ => None,
        };
        let Some(name) = name.filter(|name| !name.as_str().contains('@')) else {
            return false;
        };
        let name = name.host().to_ascii_lowercase();
        LOOPBACK.contains(&name.as_str()) || self.0.borrow().contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[test]
    fn only_known_names_are_answered() {
        let configured = watch::Sender::new(BTreeSet::from(["zenstripe.corp.test".to_owned()]));
        let hosts = Hosts::new(configured.subscribe());
        for (target, headers, included) in [
            ("/", &["localhost"][..], true),
            ("/", &["LOCALHOST:9481"], true),
            ("/", &["127.0.0.1:1"], true),
            ("/", &["[::1]:9481"], true),
            ("/", &["zenstripe.corp.test:9481"], true),
            ("/", &["attacker.test"], false),
            ("/", &["localhost.attacker.test"], false),
            ("/", &["localhost@attacker.test"], false),
            ("/", &["attacker@localhost"], false),
            ("/", &["127.0.0.2"], false),
            ("/", &[""], false),
            ("/", &[], false),
            ("/", &["localhost", "localhost"], false),
            ("https://localhost:9481/", &[], true),
            ("https://attacker.test/", &[], false),
            ("https://localhost/", &["localhost"], true),
            ("https://localhost/", &["attacker.test"], false),
        ] {
            let mut request = Request::builder().uri(target);
            for host in headers {
                request = request.header("host", *host);
            }
            let request = request.body(Body::empty()).unwrap();
            assert_eq!(hosts.include(&request), included, "{target} {headers:?}");
        }
        configured.send_replace(BTreeSet::new());
        let request = Request::builder().header("host", "zenstripe.corp.test");
        assert!(
            !hosts.include(&request.body(Body::empty()).unwrap()),
            "after a reload"
        );
    }
}
