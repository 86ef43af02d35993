//! How the console is reached: by which names, through a proxy, over TLS.

use super::{OWN, Visitor};
use crate::support::browser::Browser;
use crate::support::{WEBHOOKS, World};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

impl World {
    /// The daemon listens as these lines of its configuration say, too.
    fn listening(&self, lines: &str) {
        let text = self.place.config_text(WEBHOOKS);
        let text = text.replace("[listen]\n", &format!("[listen]\n{lines}\n"));
        self.place.put_config(&text).unwrap();
    }
}

#[tokio::test]
async fn the_console_answers_to_the_names_that_the_file_has() {
    let world = World::new().await;
    world.listening("console_names = [\"zenstripe.corp.test\"]");
    let _daemon = world.start().await;
    let base = world.console().await;
    let status = async |name: &'static str| {
        let host = [("host", name)];
        let url = format!("{base}/login");
        let mut nobody = Browser::default();
        let page = nobody.send("GET", &url, &host, "").await.unwrap();
        page.status
    };
    assert_eq!(status("zenstripe.corp.test").await, 200);
    assert_eq!(status("ZENSTRIPE.corp.test:443").await, 200);
    assert_eq!(status("other.corp.test").await, 421);
    world.listening("console_names = [\"other.corp.test\"]");
    assert!(world.output(&["reload"]).await.status.success());
    assert_eq!(status("other.corp.test").await, 200);
    assert_eq!(status("zenstripe.corp.test").await, 421);
    assert_eq!(status("localhost").await, 200);
}

/// What pages say where the sign-in is not protected by TLS.
const IN_THE_CLEAR: &str = "travels unencrypted, and only on this machine";

#[tokio::test]
async fn without_tls_the_pages_about_sessions_say_so() {
    let world = World::new().await;
    let _daemon = world.linked(WEBHOOKS, 0).await;
    let mut admin = world.visitor("admin").await;
    for path in ["/login", "/access"] {
        let page = admin.page(path).await;
        assert!(page.contains(IN_THE_CLEAR), "{path}: {page}");
    }
}

#[tokio::test]
async fn behind_a_proxy_cookies_are_for_tls_alone() {
    let world = World::new().await;
    world.listening("console_names = [\"zenstripe.corp.test\"]\nconsole_behind_proxy = true");
    let _daemon = world.start().await;
    let login = world.json(&["console"]).await;
    let url = login["url"].as_str().unwrap();
    assert!(
        url.starts_with("https://zenstripe.corp.test/login?token="),
        "{url}"
    );
    let mut visitor = Visitor {
        base: world.console().await,
        browser: Browser::default(),
    };
    let page = visitor.sign_in(login["token"].as_str().unwrap()).await;
    assert_eq!(page.status, 303, "{page:?}");
    let cookie = page.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-zenstripe_"), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure"),
        "{cookie}"
    );
    assert!(visitor.is_signed_in().await);
    for path in ["/login", "/access"] {
        let page = visitor.page(path).await;
        assert!(!page.contains(IN_THE_CLEAR), "{path}: {page}");
    }
}

#[tokio::test]
async fn wrong_tokens_are_held_against_whoever_a_trusted_proxy_names() {
    for (trusted, others_wait) in [("127.0.0.1", false), ("10.0.0.5", true)] {
        let world = World::new().await;
        world.listening(&format!(
            "console_behind_proxy = true\ntrusted_proxies = [\"{trusted}\"]"
        ));
        let _daemon = world.start().await;
        let mut visitor = Visitor {
            base: world.console().await,
            browser: Browser::default(),
        };
        let mut last = 0;
        for _ in 0..6 {
            let from = [OWN, ("x-forwarded-for", "203.0.113.7")];
            last = visitor.send("/login", &from, "token=wrong").await.status;
        }
        assert_eq!(last, 429, "{trusted}");
        let from = [OWN, ("x-forwarded-for", "203.0.113.7, 203.0.113.8")];
        let other = visitor.send("/login", &from, "token=wrong").await.status;
        assert_eq!(other == 429, others_wait, "{trusted}: {other}");
    }
}

#[tokio::test]
async fn a_console_for_other_machines_speaks_tls() {
    let world = World::new().await;
    let made = rcgen::generate_simple_self_signed(["zenstripe.corp.test".to_owned()]).unwrap();
    let certificate = world.place.directory.join("cert.pem");
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    let key = made.signing_key.serialize_pem();
    world.place.write_secret("tls-key", &key).unwrap();
    world.listening(
        "console_names = [\"zenstripe.corp.test\"]\n\
         tls = { certificate = \"./cert.pem\", key = \"./tls-key\" }",
    );
    let text = std::fs::read_to_string(world.place.config()).unwrap();
    let text = text.replace("console = \"127.0.0.1:0\"", "console = \"0.0.0.0:0\"");
    world.place.put_config(&text).unwrap();
    let _daemon = world.start().await;
    let login = world.json(&["console"]).await;
    let url = login["url"].as_str().unwrap();
    assert!(url.starts_with("https://zenstripe.corp.test:"), "{url}");
    let base = world.console().await;
    let port = base.rsplit(':').next().unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(format!("127.0.0.1:{port}"))
        .await
        .unwrap();
    let name = "zenstripe.corp.test".try_into().unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, stream).await.unwrap();
    let request = "GET /login HTTP/1.1\r\nhost: zenstripe.corp.test\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap_or_default();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(!answer.contains(IN_THE_CLEAR), "{answer}");
}
