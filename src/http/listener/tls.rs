//! The certificate of a listener, replaceable while it listens.
//!
//! Sessions under way keep the certificate they began with; new ones get the newest.

mod expiry;

use crate::model::time::Timestamp;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::Arc;
use tokio::sync::watch;

/// Protocols we offer, in order of preference, as ALPN spells them.
const PROTOCOLS: [&[u8]; 2] = [H2, b"http/1.1"];
/// HTTP/2 as ALPN spells it.
pub(super) const H2: &[u8] = b"h2";

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file holds no PEM certificate.
    #[error("read certificate")]
    Certificate {
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The certificate file holds none.
    #[error("read certificate: no certificate in the file")]
    NoCertificate,
    /// The key file holds no PEM private key.
    #[error("read private key")]
    Key {
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The key is of a kind we do not know, or does not belong to the certificate.
    #[error("use certificate and private key")]
    Pair {
        /// What the library says.
        source: rustls::Error,
    },
    /// TLS cannot be set up.
    #[error("set up tls")]
    Setup {
        /// What the library says.
        source: rustls::Error,
    },
}

/// A certificate chain and its private key, checked to belong together.
#[derive(Clone, Debug)]
pub struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// Reads the chain, server's certificate first, and the key from PEM text.
    ///
    /// # Errors
    ///
    /// Text without a certificate or key, a key we cannot use, or one of another certificate.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| TlsError::Certificate { source })?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|source| TlsError::Key { source })?;
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
            .map(|pair| Self(Arc::new(pair)))
            .map_err(|source| TlsError::Pair { source })
    }

    /// When the certificate runs out, if it says so in a way we can read.
    #[must_use]
    pub fn not_after(&self) -> Option<Timestamp> {
        expiry::not_after(self.0.end_entity_cert().ok()?)
    }
}

/// The certificate in force.
#[derive(Debug)]
pub struct Certificate(watch::Sender<Identity>);

impl Certificate {
    /// Puts the first one in force.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self(watch::Sender::new(identity))
    }

    /// Puts another one in force, for sessions that begin from now on.
    pub fn replace(&self, identity: Identity) {
        self.0.send_replace(identity);
    }

    /// TLS as the listener speaks it: 1.2 and 1.3, with whatever certificate is in force.
    ///
    /// # Errors
    ///
    /// When the library's own defaults do not fit together.
    pub(super) fn server(&self) -> Result<Arc<rustls::ServerConfig>, TlsError> {
        let failed = |source| TlsError::Setup { source };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(InForce(self.0.subscribe())));
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        // Tickets let a client resume without memory of ours; the library rotates their key.
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(failed)?;
        Ok(Arc::new(config))
    }
}

/// Hands out the certificate in force, whatever name the client asks for.
#[derive(Debug)]
struct InForce(watch::Receiver<Identity>);

impl ResolvesServerCert for InForce {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.borrow().0))
    }
}
