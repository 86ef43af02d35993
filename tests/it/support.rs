//! A world for one test: a sandbox that is served, customers in it, and a place for a daemon.

pub(crate) mod browser;
pub(crate) mod daemon;

use daemon::{Daemon, Place, WEBHOOK_SECRET, until};
use serde_json::Value;
use std::path::Path;
use std::process::Output;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use zenstripe_sandbox::{Listeners, Options, Sandbox, ServeOptions, serve, signature_header};

/// Longest wait for what takes a second on a machine with nothing else to do.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

/// Import of every field; webhooks alone.
pub(crate) const WEBHOOKS: &str = "[customers]\nsync = \"import-only\"\n[events]\npoll = \"off\"\n";
/// Import of every field; polling every second.
pub(crate) const POLLING: &str = "[customers]\nsync = \"import-only\"\n[events]\npoll = \"1s\"\n";

/// A sandbox and a place for a daemon.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) place: Place,
    _directory: TempDir,
    _serving: JoinSet<std::io::Result<()>>,
}

/// A customer on both sides.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) stripe: String,
    pub(crate) zenskar: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        let sandbox = Sandbox::new(Options {
            now_unix: now(),
            ..Options::default()
        });
        let any = "127.0.0.1:0";
        let listeners = Listeners::bind(any, any).await.unwrap();
        let remotes = (
            listeners.stripe.local_addr().unwrap(),
            listeners.zenskar.local_addr().unwrap(),
        );
        let directory = tempfile::tempdir().unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_zenstripe"));
        let place = Place::new(binary, directory.path(), remotes).unwrap();
        sandbox
            .add_webhook(&place.webhook_url(), WEBHOOK_SECRET)
            .unwrap();
        let mut serving = JoinSet::new();
        let never = std::future::pending();
        serving.spawn(serve(
            sandbox.clone(),
            listeners,
            ServeOptions::default(),
            never,
        ));
        Self {
            sandbox,
            place,
            _directory: directory,
            _serving: serving,
        }
    }

    pub(crate) fn pairs(&self, count: usize) -> Vec<Pair> {
        let seeded = self.sandbox.seed_customers(count).into_iter();
        seeded
            .map(|(stripe, zenskar)| Pair { stripe, zenskar })
            .collect()
    }

    pub(crate) fn configure(&self, more: &str) {
        self.place
            .put_config(&self.place.config_text(more))
            .unwrap();
    }

    pub(crate) async fn start(&self) -> Daemon {
        self.place.start_ready().await.unwrap()
    }

    /// A daemon with this configuration that knows `links` customers of both sides.
    pub(crate) async fn linked(&self, more: &str, links: usize) -> Daemon {
        self.configure(more);
        let daemon = self.start().await;
        self.until_status(|status| status["links"] == links).await;
        daemon
    }

    /// Runs a command and gives its JSON.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.output(&[arguments, &["--json"]].concat()).await;
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{arguments:?}: {error}: {output:?}");
        })
    }

    /// Runs a command.
    pub(crate) async fn output(&self, arguments: &[&str]) -> Output {
        self.place.run(arguments).await.unwrap()
    }

    /// Waits until the status is as `wanted`.
    pub(crate) async fn until_status(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..600 {
            let status = self.json(&["status"]).await;
            if wanted(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{}\n{}", self.json(&["status"]).await, self.place.log());
    }

    /// Waits until Zenskar holds this value.
    pub(crate) async fn until_zenskar(&self, pair: &Pair, field: &str, value: &str) {
        let arrived = || (self.in_zenskar(pair, field) == value).then_some(());
        if until(LONGEST, arrived).await.is_none() {
            let have = self.in_zenskar(pair, field);
            let customer = self.output(&["customers", "show", &pair.stripe]).await;
            panic!(
                "{field} is {have:?} and not {value:?}\n{}\n{}",
                String::from_utf8_lossy(&customer.stdout),
                self.place.log()
            );
        }
    }

    /// Waits until Stripe's customer holds `value` at this place.
    pub(crate) async fn until_stripe(&self, pair: &Pair, place: &str, value: &str) {
        let held = || {
            let customer = self.sandbox.stripe_customer(&pair.stripe);
            let text = customer.pointer(place).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        if until(LONGEST, || (held() == value).then_some(()))
            .await
            .is_none()
        {
            let customer = self.output(&["customers", "show", &pair.stripe]).await;
            panic!(
                "{place} is {:?} and not {value:?}\n{}\n{}",
                held(),
                String::from_utf8_lossy(&customer.stdout),
                self.place.log()
            );
        }
    }

    pub(crate) fn in_zenskar(&self, pair: &Pair, field: &str) -> String {
        let customer = self.sandbox.zenskar_customer(&pair.zenskar);
        customer[field].as_str().unwrap_or_default().to_owned()
    }

    /// Posts a webhook as Stripe does, signed with `secret`; gives the status.
    pub(crate) async fn post_webhook(&self, body: &str, secret: &str) -> u16 {
        let signature = signature_header(&[secret], now(), body.as_bytes(), false);
        let head = format!("POST /webhooks/stripe HTTP/1.1\r\nstripe-signature: {signature}\r\n");
        self.post(&head, body).await
    }

    /// Posts to the public listener; gives the status.
    pub(crate) async fn post(&self, head: &str, body: &str) -> u16 {
        let address = format!("127.0.0.1:{}", self.place.port);
        exchange(&address, head, body).await.0
    }

    /// Asks the daemon over its Unix socket, as a program on this machine does; gives the status and
    /// the body. `head` is the first line and the headers, each with its line break.
    pub(crate) async fn ask_socket(&self, head: &str, body: &str) -> (u16, String) {
        let socket = self.place.directory.join("zenstripe.sock");
        let stream = UnixStream::connect(socket).await.unwrap();
        let (status, answer) = exchange_over(stream, head, body).await;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        (status, body.to_owned())
    }

    /// A page of the console's listener.
    pub(crate) async fn page(&self, path: &str) -> String {
        let status = self.json(&["status"]).await;
        let console = status["daemon"]["listeners"]["console"].as_str().unwrap();
        exchange(console, &format!("GET {path} HTTP/1.1\r\n"), "")
            .await
            .1
    }
}

async fn exchange(address: &str, head: &str, body: &str) -> (u16, String) {
    let stream = TcpStream::connect(address).await.unwrap();
    exchange_over(stream, head, body).await
}

async fn exchange_over(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    head: &str,
    body: &str,
) -> (u16, String) {
    let length = body.len();
    let request = format!(
        "{head}host: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

/// This machine's time, in Unix seconds: webhooks are signed with it.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
