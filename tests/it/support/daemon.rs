//! A daemon as an operator has one: the real program in a process of its own, with a
//! configuration file, keys and a store in a directory of its own, beside a sandbox.
//!
//! A child is ended by its own handle, at the latest when that is dropped.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// The secret that signs webhooks in tests and in the demonstration.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_for_the_sandbox_alone";

/// How often something awaited is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A port that is free, of those that the system gives to nobody who asks for any: a connection
/// that somebody opens does not take it. Each process of tests has twenty of its own.
fn free_port() -> io::Result<u16> {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let of_process = u16::try_from(std::process::id() % 600).unwrap_or(0);
    let mut tried = 0;
    loop {
        let port = 20_000 + of_process * 20 + TAKEN.fetch_add(1, Ordering::SeqCst) % 20;
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(port),
            Err(error) if tried == 20 => return Err(error),
            Err(_) => tried += 1,
        }
    }
}

/// Where a daemon lives.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) binary: PathBuf,
    pub(crate) directory: PathBuf,
    /// Port of the public listener. Fixed, so that webhooks find the daemon after a restart.
    pub(crate) port: u16,
    /// Where Stripe and Zenskar are.
    pub(crate) remotes: (SocketAddr, SocketAddr),
}

impl Place {
    /// Makes keys in `directory`, for remotes at these addresses.
    pub(crate) fn new(
        binary: &Path,
        directory: &Path,
        remotes: (SocketAddr, SocketAddr),
    ) -> io::Result<Self> {
        let place = Self {
            binary: binary.to_owned(),
            directory: directory.to_owned(),
            port: free_port()?,
            remotes,
        };
        let options = zenstripe_sandbox::Options::default();
        let key = options.stripe_keys.first().cloned().unwrap_or_default();
        place.write_secret("stripe-key", &key)?;
        place.write_secret("zenskar-key", &options.zenskar_key)?;
        place.write_secret("webhook-secret", WEBHOOK_SECRET)?;
        Ok(place)
    }

    /// The configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.directory.join("zenstripe.toml")
    }

    /// What the daemon said on standard error.
    pub(crate) fn log(&self) -> String {
        let bytes = std::fs::read(self.directory.join("daemon.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Where Stripe is to send its webhooks.
    pub(crate) fn webhook_url(&self) -> String {
        format!("http://127.0.0.1:{}/webhooks/stripe", self.port)
    }

    /// Writes a file that its owner alone can read.
    pub(crate) fn write_secret(&self, name: &str, secret: &str) -> io::Result<()> {
        let path = self.directory.join(name);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        io::Write::write_all(&mut options.open(path)?, secret.as_bytes())
    }

    /// A whole configuration; `more` has the sections customers and events.
    pub(crate) fn config_text(&self, more: &str) -> String {
        let (account, organisation) = (
            zenstripe_sandbox::ACCOUNT,
            zenstripe_sandbox::Options::default().organisation,
        );
        format!(
            "[stripe]\n\
             api_base = \"http://{}\"\n\
             account = \"{account}\"\n\
             secret_key_file = \"stripe-key\"\n\
             webhook_secret_files = [\"webhook-secret\"]\n\
             requests_per_second = 1000\n\
             [zenskar]\n\
             api_base = \"http://{}\"\n\
             organisation = \"{organisation}\"\n\
             api_key_file = \"zenskar-key\"\n\
             requests_per_second = {{ start = 500, max = 1000 }}\n\
             settle = \"2s\"\n\
             [listen]\n\
             public = \"127.0.0.1:{}\"\n\
             console = \"127.0.0.1:0\"\n\
             socket = \"zenstripe.sock\"\n\
             [store]\n\
             path = \"zenstripe.redb\"\n\
             {more}\n",
            self.remotes.0, self.remotes.1, self.port,
        )
    }

    /// The same for a daemon that may charge: Zenskar's own connector collects nothing.
    pub(crate) fn charging_config_text(&self, more: &str) -> String {
        let settle = "settle = \"2s\"\n";
        let charging = format!("{settle}native_stripe = \"off\"\n");
        self.config_text(more).replace(settle, &charging)
    }

    /// The same for a platform, which connects accounts by OAuth. Its key has to be in the key's file;
    /// `named` is the account that may be connected, and with `is_public` Stripe reaches the daemon.
    pub(crate) fn oauth_config_text(
        &self,
        more: &str,
        is_public: bool,
        named: Option<&str>,
    ) -> String {
        let account = format!("account = \"{}\"\n", zenstripe_sandbox::ACCOUNT);
        let named = named.map(|named| format!("account = \"{named}\"\n"));
        let platform = format!(
            "connect_base = \"http://{}\"\nclient_id = \"{}\"\n{}",
            self.remotes.0,
            zenstripe_sandbox::CLIENT_ID,
            named.unwrap_or_default()
        );
        let text = self
            .config_text(more)
            .replace(&account, &platform)
            .replace("webhook_secret_files = [\"webhook-secret\"]\n", "");
        if !is_public {
            return text;
        }
        let url = format!(
            "[listen]\npublic_url = \"http://127.0.0.1:{}\"\n",
            self.port
        );
        text.replace("[listen]\n", &url)
    }

    /// Puts a configuration in place as most editors do: written beside, renamed over.
    pub(crate) fn put_config(&self, text: &str) -> io::Result<()> {
        let draft = self.directory.join("zenstripe.toml.new");
        std::fs::write(&draft, text)?;
        std::fs::rename(draft, self.config())
    }

    /// A command of the program.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .arg("--config")
            .arg(self.config())
            .args(arguments)
            .env_remove("NOTIFY_SOCKET")
            .env_remove("CREDENTIALS_DIRECTORY")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command of the program to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> io::Result<Output> {
        self.command(arguments).output().await
    }

    /// Starts the daemon.
    pub(crate) fn start(&self) -> io::Result<Daemon> {
        let log = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.directory.join("daemon.log"))?;
        let child = self
            .command(&["run"])
            .stdout(Stdio::null())
            .stderr(log)
            // Ctrl-C at a terminal is for whoever started it, who then stops it in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Daemon { child })
    }

    /// Starts the daemon and waits until it is ready.
    pub(crate) async fn start_ready(&self) -> io::Result<Daemon> {
        let daemon = self.start()?;
        let waited = self.run(&["wait", "--ready", "--timeout", "60s"]).await?;
        if waited.status.success() {
            return Ok(daemon);
        }
        Err(io::Error::other(format!(
            "the daemon did not become ready: {}{}",
            String::from_utf8_lossy(&waited.stderr),
            self.log()
        )))
    }
}

/// A daemon that runs.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
}

impl Daemon {
    /// Its process id, while it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// `kill -9`: it learns nothing of its end.
    pub(crate) async fn kill(mut self) -> io::Result<ExitStatus> {
        self.child.start_kill()?;
        self.child.wait().await
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) async fn signal(&self, name: &str) -> io::Result<()> {
        let id = self
            .id()
            .ok_or_else(|| io::Error::other("it does not run"))?;
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &id.to_string()])
            .status()
            .await?;
        if sent.success() {
            Ok(())
        } else {
            Err(io::Error::other("kill failed"))
        }
    }

    /// Waits for its end.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) async fn stop(mut self) -> io::Result<ExitStatus> {
        self.signal("TERM").await?;
        self.child.wait().await
    }
}

/// Looks until `seen` sees something, for so long; gives it with how long that took.
pub(crate) async fn until<T>(
    longest: Duration,
    mut seen: impl FnMut() -> Option<T>,
) -> Option<(T, Duration)> {
    let began = Instant::now();
    loop {
        if let Some(value) = seen() {
            return Some((value, began.elapsed()));
        }
        if began.elapsed() > longest {
            return None;
        }
        sleep(LOOK_AGAIN).await;
    }
}
