//! Talks to the running daemon: one request at a time over its Unix socket.

use crate::cli::error::{Exit, Failure, Outcome};
use crate::config::load::{self, LoadError};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Longest answer that is read, in bytes. A page of 500 rows with long reasons stays below it.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Longest wait for an answer. Most take milliseconds; linking asks Zenskar, at its own pace.
const ANSWER_DEADLINE: Duration = Duration::from_secs(120);

/// How often somebody who waits for a long action is told how far it is.
const FOLLOW_EVERY: Duration = Duration::from_secs(10);

/// What is said of a connection that ended before its answer.
pub(super) const BROKEN: &str = "the connection to the daemon broke";

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: Bytes,
}

/// The daemon at the other end of a socket.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    config: PathBuf,
}

impl Client {
    /// The daemon of this configuration. A configuration that is not valid still says where the
    /// daemon listens: the one that runs may have been started with an earlier one.
    ///
    /// # Errors
    ///
    /// There is no configuration, or it may not be read.
    pub fn of_config(config: &Path) -> Outcome<Self> {
        let socket = match load::load(config) {
            Ok(loaded) => loaded.config.listen.socket,
            Err(LoadError::Invalid(_)) => socket_of(config),
            Err(error) => return Err(not_loaded(&error)),
        };
        Ok(Self {
            socket,
            config: config.to_owned(),
        })
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Gets a view.
    ///
    /// # Errors
    ///
    /// The daemon does not run, or refuses.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Outcome<T> {
        self.call(Method::GET, path, None).await
    }

    /// Has something done.
    ///
    /// # Errors
    ///
    /// The daemon does not run, or refuses.
    pub async fn act<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Outcome<T> {
        self.call(method, path, body).await
    }

    /// Has something done that may take long, and calls `follow` now and then until it is. The
    /// daemon brings it to its end even if this is dropped.
    ///
    /// # Errors
    ///
    /// The daemon does not run, refuses, or ends before it has answered.
    pub async fn act_for_long<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<Value>,
        follow: impl AsyncFn(),
    ) -> Outcome<T> {
        self.act_following(path, body, FOLLOW_EVERY, follow).await
    }

    async fn act_following<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<Value>,
        every: Duration,
        follow: impl AsyncFn(),
    ) -> Outcome<T> {
        let path = format!("/api/v1{path}");
        let mut acting = pin!(self.exchange(Method::POST, &path, body));
        loop {
            match timeout(every, &mut acting).await {
                Ok(answer) => return read(&answer?),
                Err(_) => follow().await,
            }
        }
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Outcome<T> {
        read(&self.send(method, &format!("/api/v1{path}"), body).await?)
    }

    /// Sends a request and gives the answer, whatever its status.
    ///
    /// # Errors
    ///
    /// There is no answer.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Outcome<Answer> {
        match timeout(ANSWER_DEADLINE, self.exchange(method, path, body)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::new(
                Exit::Failed,
                format!(
                    "the daemon did not answer within {} s",
                    ANSWER_DEADLINE.as_secs()
                ),
            )
            .hint("its log says what it is doing: journalctl -u zenstripe")),
        }
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<Value>) -> Outcome<Answer> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| self.not_connected(&error))?;
        let (mut sender, connection) = http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        // Dropped with this function, and the connection with it.
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost");
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = request
            .body(Full::from(body))
            .map_err(|error| broken(&error))?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| broken(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| broken(&*error))?
            .to_bytes();
        Ok(Answer { status, body })
    }

    fn not_connected(&self, error: &io::Error) -> Failure {
        let socket = self.socket.display();
        match error.kind() {
            io::ErrorKind::PermissionDenied => {
                Failure::new(Exit::Permission, format!("not allowed to use {socket}"))
                    .because(Some(error))
                    .hint("run it as root, or as a member of the group zenstripe")
            }
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Failure::new(
                Exit::NotRunning,
                format!("zenstripe does not run: nothing listens on {socket}"),
            )
            .hint(format!(
                "start it: systemctl start zenstripe, or: zenstripe --config {} run",
                self.config.display()
            )),
            _ => Failure::new(Exit::Io, format!("connect to {socket}")).because(Some(error)),
        }
    }
}

/// Why a configuration could not be loaded, as a failure of the command.
#[must_use]
pub fn not_loaded(error: &LoadError) -> Failure {
    match error {
        LoadError::Unreadable { source, .. }
            if source.kind() == io::ErrorKind::PermissionDenied =>
        {
            Failure::of(Exit::Permission, error)
                .hint("run it as root, or as a member of the group zenstripe")
        }
        _ => Failure::of(Exit::Config, error),
    }
}

/// The socket that files name which are otherwise wrong.
fn socket_of(config: &Path) -> PathBuf {
    let mut socket = crate::config::Listen::default().socket;
    let directory = config.parent().unwrap_or(config);
    for source in load::read(config).unwrap_or_default() {
        let (table, _errors) = toml::de::DeTable::parse_recoverable(&source.text);
        let named = table
            .get_ref()
            .get("listen")
            .and_then(|listen| listen.get_ref().get("socket"))
            .and_then(|socket| socket.get_ref().as_str());
        if let Some(named) = named {
            socket = directory.join(named);
        }
    }
    socket
}

#[derive(Deserialize)]
struct Envelope {
    error: Refusal,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    message: String,
    #[serde(default)]
    hint: Option<String>,
}

/// The view that an answer holds.
fn read<T: DeserializeOwned>(answer: &Answer) -> Outcome<T> {
    if !answer.status.is_success() {
        return Err(refused(answer));
    }
    // By way of a value, as the console reads the same views: one way to read each is in the binary.
    let value: Result<Value, _> = serde_json::from_slice(&answer.body);
    value.and_then(serde_json::from_value).map_err(|error| {
        Failure::of(Exit::Failed, &error)
            .hint("the daemon may be of another version: compare `zenstripe version` and status")
    })
}

/// What the daemon answered instead of doing it.
fn refused(answer: &Answer) -> Failure {
    if let StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN = answer.status {
        let message = "only root, the daemon's own user and its group may give orders";
        return Failure::new(Exit::Permission, message);
    }
    let Ok(Envelope { error }) = serde_json::from_slice(&answer.body) else {
        let message = format!("the daemon answered with status {}", answer.status);
        return Failure::new(Exit::Failed, message);
    };
    let exit = match error.code.as_str() {
        "configuration" => Exit::Config,
        "remote" => Exit::Unavailable,
        "store" => Exit::Io,
        "invalid" => Exit::Usage,
        _ => Exit::Failed,
    };
    Failure {
        hint: error.hint,
        ..Failure::new(exit, error.message)
    }
}

fn broken(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::new(Exit::Failed, BROKEN)
        .because(Some(error))
        .hint("see whether it still runs: zenstripe status")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;
    use tokio::sync::Notify;

    #[tokio::test]
    async fn who_waits_for_a_long_action_hears_of_it_until_it_is_done() {
        let directory = tempfile::tempdir().unwrap();
        let client = Client {
            socket: directory.path().join("z.sock"),
            config: directory.path().join("z.toml"),
        };
        let listener = UnixListener::bind(client.socket()).unwrap();
        let heard_twice = Notify::new();
        let daemon = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert_ne!(stream.read(&mut request).await.unwrap(), 0);
            heard_twice.notified().await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n42";
            stream.write_all(answer).await.unwrap();
        };
        let times = Cell::new(0);
        let follow = async || {
            times.set(times.get() + 1);
            if times.get() == 2 {
                heard_twice.notify_one();
            }
        };
        let soon = Duration::from_millis(1);
        let asked = client.act_following::<u64>("/plan/apply", None, soon, follow);
        let (answer, ()) = tokio::join!(asked, daemon);
        assert_eq!(answer.unwrap(), 42);
        assert!(times.get() >= 2, "heard of it {} times", times.get());
    }

    #[test]
    fn a_wrong_configuration_still_names_the_socket() {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("z.toml");
        std::fs::write(
            &config,
            "[listen]\nsocket = \"run/z.sock\"\nsockte = 1\n[nonsense]\n",
        )
        .unwrap();
        let client = Client::of_config(&config).unwrap();
        assert_eq!(client.socket(), directory.path().join("run/z.sock"));
        std::fs::write(&config, "[listen]\nsocket = \"run/z.sock\"\n[broken\n").unwrap();
        let client = Client::of_config(&config).unwrap();
        assert_eq!(client.socket(), directory.path().join("run/z.sock"));
    }
}
