//! Clients for the tests of this module: they speak to the byte.

use crate::http::listener::Identity;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

/// Fails a test that waits for something that does not come.
pub(in crate::http) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("in time")
}

pub(in crate::http) fn get_request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes()
}

/// Status, headers and body of what `router` answers.
pub(in crate::http) async fn ask_router(
    router: &axum::Router,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, http::HeaderMap, String) {
    let mut request = http::Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request
        .body(axum::body::Body::from(body.to_owned()))
        .unwrap();
    let answer = within(tower::ServiceExt::oneshot(router.clone(), request))
        .await
        .unwrap();
    let (head, body) = answer.into_parts();
    let body = http_body_util::BodyExt::collect(body)
        .await
        .unwrap()
        .to_bytes();
    (
        head.status.as_u16(),
        head.headers,
        String::from_utf8(body.to_vec()).unwrap(),
    )
}

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// An answer of HTTP/1.1.
pub(in crate::http) struct Answer {
    pub(in crate::http) status: u16,
    pub(in crate::http) body: String,
}

/// A client of HTTP/1.1 over any stream.
pub(in crate::http) struct Client(Box<dyn Duplex>);

impl Client {
    pub(in crate::http) async fn connect(address: SocketAddr) -> Self {
        Self::over(within(TcpStream::connect(address)).await.unwrap())
    }

    pub(in crate::http) fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Self {
        Self(Box::new(stream))
    }

    pub(in crate::http) async fn send(&mut self, bytes: &[u8]) {
        within(self.0.write_all(bytes)).await.unwrap();
    }

    pub(in crate::http) async fn ask(&mut self, request: &[u8]) -> Answer {
        self.send(request).await;
        self.answer().await
    }

    /// Reads one answer, which must have a `content-length`.
    pub(in crate::http) async fn answer(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(within(self.0.read_u8()).await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head.split("content-length: ").nth(1).expect("a length");
        let mut body = vec![0; length.split("\r\n").next().unwrap().parse().unwrap()];
        within(self.0.read_exact(&mut body)).await.unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            body: String::from_utf8(body).unwrap(),
        }
    }

    /// Everything up to the end of the stream; a reset is an end.
    pub(in crate::http) async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        drop(within(self.0.read_to_end(&mut bytes)).await);
        String::from_utf8(bytes).unwrap()
    }

    /// Sends a byte now and then until the other side ends it; what it said meanwhile.
    pub(in crate::http) async fn drip(self) -> String {
        let (read, mut write) = split(self.0);
        let mut reader = Self(Box::new(tokio::io::join(read, tokio::io::sink())));
        let mut pace = tokio::time::interval(Duration::from_millis(10));
        let dripping = async {
            loop {
                pace.tick().await;
                if write.write_all(b"a").await.is_err() {
                    return;
                }
            }
        };
        let said = reader.rest();
        tokio::pin!(said);
        tokio::select! {
            biased;
            said = &mut said => said,
            () = dripping => said.await,
        }
    }
}

/// A certificate and its key as PEM, and the certificate's bytes.
pub(in crate::http) fn pem(name: &str) -> (String, String, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (
        made.cert.pem(),
        made.signing_key.serialize_pem(),
        made.cert.der().to_vec(),
    )
}

pub(in crate::http) fn identity(name: &str) -> (Identity, Vec<u8>) {
    let (certificate, key, der) = pem(name);
    (
        Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap(),
        der,
    )
}

/// A TLS session.
pub(in crate::http) struct Tls(TlsStream<TcpStream>);

impl Tls {
    pub(in crate::http) async fn connect(address: SocketAddr, offered: &[&[u8]]) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
        config.alpn_protocols = offered.iter().map(|protocol| protocol.to_vec()).collect();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = within(TcpStream::connect(address)).await.unwrap();
        let name = ServerName::try_from("a.test").unwrap();
        Self(within(connector.connect(name, stream)).await.unwrap())
    }

    pub(in crate::http) fn certificate(&self) -> Vec<u8> {
        self.0.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }

    pub(in crate::http) async fn until_closed(mut self) {
        let mut bytes = Vec::new();
        drop(within(self.0.read_to_end(&mut bytes)).await);
    }

    /// Status, version and body of a GET in the protocol that was agreed on.
    pub(in crate::http) async fn get(self, path: &str) -> (u16, http::Version, String, Session) {
        use http_body_util::{BodyExt, Empty};
        let h2 = self.0.get_ref().1.alpn_protocol() == Some(b"h2");
        let io = TokioIo::new(self.0);
        let request = http::Request::get(format!("https://a.test{path}"))
            .header("host", "a.test")
            .body(Empty::<bytes::Bytes>::new())
            .unwrap();
        let mut driver = JoinSet::new();
        let sender: Box<dyn Any + Send>;
        let response = if h2 {
            let (mut requests, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
                    .await
                    .unwrap();
            driver.spawn(connection);
            let response = within(requests.send_request(request)).await.unwrap();
            sender = Box::new(requests);
            response
        } else {
            let (mut requests, connection) =
                hyper::client::conn::http1::handshake(io).await.unwrap();
            driver.spawn(connection);
            let response = within(requests.send_request(request)).await.unwrap();
            sender = Box::new(requests);
            response
        };
        let (head, body) = response.into_parts();
        let body = within(body.collect()).await.unwrap().to_bytes();
        (
            head.status.as_u16(),
            head.version,
            String::from_utf8(body.to_vec()).unwrap(),
            Session {
                _driver: driver,
                _sender: sender,
            },
        )
    }
}

/// Keeps a connection open.
pub(in crate::http) struct Session {
    _driver: JoinSet<hyper::Result<()>>,
    _sender: Box<dyn Any + Send>,
}

/// Trusts whoever answers.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
