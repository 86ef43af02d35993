//! The daemon under measurement: built, configured, started, watched until it is ready.

use crate::child::Guard;
use crate::stub::{ACCOUNT, ORGANISATION, Stub};
use crate::yard::{SECRET, Site, target};
use crate::{Outcome, clock, out};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Requests a second that the daemon may send to each remote: the most its configuration takes.
pub(crate) const RATE: u32 = 1_000;
/// How long the daemon may take to become ready.
const READY_DEADLINE: Duration = Duration::from_secs(120);
/// How often it is asked.
const READY_STEP: Duration = Duration::from_micros(500);
/// How long one such question may take.
const ASK_DEADLINE: Duration = Duration::from_secs(5);

/// Builds the daemon's release code and returns the binary.
pub(crate) fn build() -> Outcome<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = target()?;
    out::note("building the daemon");
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--profile", "bench-fast"])
        .args([
            "--package",
            "zenstripe",
            "--bin",
            "zenstripe",
            "--target-dir",
        ])
        .arg(&target)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .status()?;
    if built.success() {
        Ok(target.join("bench-fast/zenstripe"))
    } else {
        Err("the daemon does not build".into())
    }
}

/// How a daemon is set up.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// The binary.
    pub(crate) binary: PathBuf,
    /// Its own directory: configuration, keys, store, log.
    pub(crate) dir: PathBuf,
    /// `customers.sync`.
    pub(crate) sync: &'static str,
}

impl Setting {
    /// Where the store lies.
    pub(crate) fn store(&self) -> PathBuf {
        self.dir.join("zenstripe.redb")
    }

    /// Writes configuration and keys; returns the addresses to listen on.
    fn write(&self, stub: &Stub) -> Outcome<(SocketAddr, SocketAddr)> {
        let (public, console) = free_addresses()?;
        secret(
            &self.dir.join("stripe-secret-key"),
            "rk_test_bench0000000000000000",
        )?;
        secret(&self.dir.join("stripe-webhook-secret"), SECRET)?;
        secret(
            &self.dir.join("zenskar-api-key"),
            "sandbox_bench0000000000000000",
        )?;
        let dir = self.dir.display();
        let base = stub.base();
        let text = format!(
            r#"[stripe]
mode = "test"
api_base = "{base}"
connect_base = "{base}"
requests_per_second = {RATE}
secret_key_file = "{dir}/stripe-secret-key"
account = "{ACCOUNT}"
webhook_secret_files = ["{dir}/stripe-webhook-secret"]

[zenskar]
api_base = "{base}"
requests_per_second = {{ start = {RATE}, max = {RATE} }}
organisation = "{ORGANISATION}"
api_key_file = "{dir}/zenskar-api-key"

[listen]
public = "{public}"
console = "{console}"
socket = "{dir}/zenstripe.sock"

[store]
path = "{store}"

[customers]
sync = "{sync}"
"#,
            store = self.store().display(),
            sync = self.sync,
        );
        fs::create_dir_all(self.dir.join("etc"))?;
        fs::write(self.config(), text)?;
        Ok((public, console))
    }

    /// Runs a command of the product's against the daemon; gives what it prints.
    pub(crate) fn command(&self, arguments: &[&str]) -> Outcome<String> {
        let mut command = Command::new(&self.binary);
        command.arg("--config").arg(self.config()).args(arguments);
        let output = command.output()?;
        // A daemon that needs attention answers, and its command exits with another code than 0.
        if output.stdout.is_empty() {
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("{arguments:?} failed: {told}").into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// In a directory of its own, as it is installed: the daemon watches that.
    fn config(&self) -> PathBuf {
        self.dir.join("etc/zenstripe.toml")
    }
}

/// Writes a secret that only its owner can read.
fn secret(path: &Path, text: &str) -> Outcome<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(text.as_bytes())?;
    Ok(())
}

/// Two addresses that nobody listens on now.
fn free_addresses() -> Outcome<(SocketAddr, SocketAddr)> {
    let one = TcpListener::bind("127.0.0.1:0")?;
    let two = TcpListener::bind("127.0.0.1:0")?;
    Ok((one.local_addr()?, two.local_addr()?))
}

/// A daemon that is ready.
#[derive(Debug)]
pub(crate) struct Daemon {
    guard: Guard,
    public: SocketAddr,
    console: SocketAddr,
    /// From the start of the process to the first 200 of `/readyz`.
    pub(crate) ready_after: Duration,
}

impl Daemon {
    /// Starts the daemon and waits until it is ready.
    pub(crate) fn start(setting: &Setting, stub: &Stub) -> Outcome<Self> {
        let (public, console) = setting.write(stub)?;
        let log = setting.dir.join("log");
        let file = File::options().create(true).append(true).open(&log)?;
        let mut command = Command::new(&setting.binary);
        command.arg("--config").arg(setting.config()).arg("run");
        command.stdout(file.try_clone()?).stderr(file);
        let began = clock::now();
        let mut guard = Guard::start(&mut command)?;
        let ready = wait_ready(&mut guard, console, began);
        match ready {
            Ok(ready_after) => Ok(Self {
                guard,
                public,
                console,
                ready_after,
            }),
            Err(error) => Err(format!("{error}; its log ends:\n{}", end_of(&log)).into()),
        }
    }

    /// Where it takes webhooks.
    pub(crate) fn site(&self) -> Site {
        Site {
            address: self.public,
            pid: self.guard.id(),
        }
    }

    /// Where its console is.
    pub(crate) const fn console(&self) -> SocketAddr {
        self.console
    }

    /// Ends it as systemd does, and waits.
    pub(crate) fn stop(self) -> Outcome<()> {
        let status = self.guard.stop()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("the daemon ended with {status}").into())
        }
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(self) -> Outcome<()> {
        self.guard.kill()
    }
}

fn wait_ready(guard: &mut Guard, console: SocketAddr, began: Instant) -> Outcome<Duration> {
    loop {
        if is_ready(console) {
            return Ok(clock::now() - began);
        }
        if let Some(status) = guard.ended()? {
            return Err(format!("the daemon ended with {status} before it was ready").into());
        }
        if clock::now() - began > READY_DEADLINE {
            return Err("the daemon did not become ready".into());
        }
        clock::pause(READY_STEP);
    }
}

/// Whether `/readyz` says 200.
fn is_ready(console: SocketAddr) -> bool {
    let ask = || -> Outcome<bool> {
        let mut stream = TcpStream::connect(console)?;
        stream.set_read_timeout(Some(ASK_DEADLINE))?;
        let request = "GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes())?;
        let mut head = [0_u8; 12];
        stream.read_exact(&mut head)?;
        Ok(head.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

/// The last lines of a log.
fn end_of(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let skipped = lines.len().saturating_sub(12);
    lines
        .into_iter()
        .skip(skipped)
        .collect::<Vec<_>>()
        .join("\n")
}
