//! The listener, met by clients that misbehave.

use super::*;
use crate::http::testing::{Client, Tls, get_request, identity, pem, within};
use crate::telemetry::metrics::End;
use axum::Router;
use axum::routing::{get, post};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Deadlines short enough to wait for.
const SHORT: Duration = Duration::from_millis(150);
/// A deadline that a test does not reach.
const LONG: Duration = Duration::from_secs(60);

/// A listener at work.
struct Running {
    address: Option<SocketAddr>,
    metrics: Arc<Metrics>,
    /// Lets `/wait` answer.
    release: Arc<Notify>,
    /// A request reached `/wait`.
    waiting: Arc<Notify>,
    stop: CancellationToken,
    task: JoinSet<Drained>,
}

impl Running {
    fn on(socket: Socket, limits: Limits, certificate: Option<&Certificate>) -> Self {
        let metrics = Arc::new(Metrics::new("test"));
        let mut listener = Listener::new(socket, Door::Public, limits, Arc::clone(&metrics));
        if let Some(certificate) = certificate {
            listener = listener.with_tls(certificate).unwrap();
        }
        let address = listener.socket().address();
        let (release, waiting) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let router = router(&metrics, &release, &waiting);
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(listener.serve(router, stop.clone()));
        Self {
            address,
            metrics,
            release,
            waiting,
            stop,
            task,
        }
    }

    fn tcp(limits: Limits) -> Self {
        Self::on(any_port(), limits, None)
    }

    async fn client(&self) -> Client {
        Client::connect(self.address.unwrap()).await
    }

    fn ended(&self, end: End) -> u64 {
        self.metrics.http.ended.of((Door::Public, end)).get()
    }

    async fn until_ended(&self, end: End) {
        within(async {
            while self.ended(end) == 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    async fn drained(mut self) -> Drained {
        self.stop.cancel();
        within(self.task.join_next()).await.unwrap().unwrap()
    }
}

fn any_port() -> Socket {
    Socket::tcp("127.0.0.1:0".parse().unwrap()).unwrap()
}

fn router(metrics: &Arc<Metrics>, release: &Arc<Notify>, waiting: &Arc<Notify>) -> Router {
    let metrics = Arc::clone(metrics);
    let (release, waiting) = (Arc::clone(release), Arc::clone(waiting));
    Router::new()
        .route("/", get(async || "ok"))
        .route("/echo", post(async |body: String| body))
        .route(
            "/peer",
            get(async |axum::Extension(peer): axum::Extension<Peer>| format!("{peer:?}")),
        )
        .route("/large", get(async || vec![b'x'; 64 << 20]))
        .route(
            "/open",
            get(async move || metrics.http.connections.of(Door::Public).get().to_string()),
        )
        .route(
            "/wait",
            get(async move || {
                waiting.notify_one();
                release.notified().await;
                "waited"
            }),
        )
        .route("/panic", get(panics))
}

async fn panics() -> &'static str {
    panic!("a handler's defect")
}

fn limits() -> Limits {
    Limits {
        connections: 16,
        handshake_deadline: LONG,
        head_deadline: LONG,
        body_deadline: LONG,
        idle_deadline: LONG,
        write_deadline: LONG,
        drain_deadline: LONG,
        head_bytes: 16 * 1024,
    }
}

#[tokio::test]
async fn answers_request_after_request_on_one_connection() {
    let running = Running::tcp(limits());
    let mut client = running.client().await;
    for _ in 0..3 {
        let answer = client.ask(&get_request("/")).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    }
    drop(client);
    running.until_ended(End::Closed).await;
    assert_eq!(running.drained().await, Drained { cut: 0 });
}

#[tokio::test]
async fn a_silent_client_is_cut() {
    let running = Running::tcp(Limits {
        head_deadline: SHORT,
        ..limits()
    });
    for sent in ["", "G", "GET / HTTP/1.1\r\nhost: x\r\n"] {
        let mut client = running.client().await;
        client.send(sent.as_bytes()).await;
        assert_eq!(client.rest().await, "", "after {sent:?}");
    }
    assert_eq!(running.ended(End::SlowHead), 3);
}

#[tokio::test]
async fn a_head_that_drips_is_cut() {
    let running = Running::tcp(Limits {
        head_deadline: SHORT,
        ..limits()
    });
    let mut client = running.client().await;
    client.send(b"GET / HTTP/1.1\r\nx: ").await;
    client.drip().await;
    running.until_ended(End::SlowHead).await;
}

#[tokio::test]
async fn the_second_head_has_the_same_deadline() {
    let running = Running::tcp(Limits {
        head_deadline: SHORT,
        ..limits()
    });
    let mut client = running.client().await;
    assert_eq!(client.ask(&get_request("/")).await.status, 200);
    client.send(b"GET / HTTP/1.1\r\nx: ").await;
    client.drip().await;
    running.until_ended(End::SlowHead).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let running = Running::tcp(Limits {
        idle_deadline: SHORT,
        ..limits()
    });
    let mut client = running.client().await;
    assert_eq!(client.ask(&get_request("/")).await.status, 200);
    assert_eq!(client.rest().await, "");
    running.until_ended(End::Idle).await;
}

#[tokio::test]
async fn a_body_that_drips_is_cut() {
    let running = Running::tcp(Limits {
        body_deadline: SHORT,
        ..limits()
    });
    let mut client = running.client().await;
    client
        .send(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n")
        .await;
    let answer = client.drip().await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_answer_nobody_takes_is_cut() {
    let running = Running::tcp(Limits {
        write_deadline: SHORT,
        ..limits()
    });
    let mut client = running.client().await;
    client.send(&get_request("/large")).await;
    running.until_ended(End::SlowRead).await;
}

#[tokio::test]
async fn a_head_over_its_limits_is_refused() {
    let running = Running::tcp(limits());
    let many = "x: y\r\n".repeat(101);
    let long = format!("x: {}\r\n", "y".repeat(20_000));
    for headers in [many, long] {
        let mut client = running.client().await;
        client
            .send(format!("GET / HTTP/1.1\r\nhost: x\r\n{headers}\r\n").as_bytes())
            .await;
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}

#[tokio::test]
async fn connections_over_the_cap_wait_for_their_turn() {
    let running = Running::tcp(Limits {
        connections: 1,
        ..limits()
    });
    let mut first = running.client().await;
    first.send(&get_request("/wait")).await;
    within(running.waiting.notified()).await;
    let mut second = running.client().await;
    second.send(&get_request("/open")).await;
    running.release.notify_one();
    assert_eq!(first.answer().await.body, "waited");
    drop(first);
    assert_eq!(
        second.answer().await.body,
        "1",
        "one connection was open at a time"
    );
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_next_request_is_served() {
    let running = Running::tcp(limits());
    let mut client = running.client().await;
    assert_eq!(client.ask(&get_request("/panic")).await.status, 500);
    assert_eq!(client.ask(&get_request("/")).await.status, 200);
    assert_eq!(running.metrics.http.panics.of(Door::Public).get(), 1);
}

#[tokio::test]
async fn a_drain_finishes_what_is_under_way() {
    let mut running = Running::tcp(limits());
    let mut idle = running.client().await;
    assert_eq!(idle.ask(&get_request("/")).await.status, 200);
    let mut client = running.client().await;
    client.send(&get_request("/wait")).await;
    within(running.waiting.notified()).await;

    running.stop.cancel();
    assert_eq!(
        idle.rest().await,
        "",
        "an idle connection is closed at once"
    );
    running.release.notify_one();
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "waited"));
    assert_eq!(client.rest().await, "", "and no further request is taken");
    assert_eq!(
        within(running.task.join_next()).await.unwrap().unwrap(),
        Drained { cut: 0 }
    );
    assert!(
        tokio::net::TcpStream::connect(running.address.unwrap())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_drain_does_not_wait_for_the_silent() {
    let certificate = Certificate::new(identity("a.test").0);
    for certificate in [None, Some(&certificate)] {
        let running = Running::on(any_port(), limits(), certificate);
        let mut silent = running.client().await;
        while running.metrics.http.connections.of(Door::Public).get() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(running.drained().await, Drained { cut: 0 });
        assert_eq!(silent.rest().await, "");
    }
}

#[tokio::test]
async fn a_drain_ends_at_its_deadline() {
    let running = Running::tcp(Limits {
        drain_deadline: SHORT,
        ..limits()
    });
    let mut client = running.client().await;
    client.send(&get_request("/wait")).await;
    within(running.waiting.notified()).await;
    let metrics = Arc::clone(&running.metrics);
    assert_eq!(running.drained().await, Drained { cut: 1 });
    assert_eq!(client.rest().await, "");
    assert_eq!(metrics.http.ended.of((Door::Public, End::Drain)).get(), 1);
}

#[tokio::test]
async fn alpn_chooses_the_protocol() {
    let (first, _) = identity("first.test");
    let certificate = Certificate::new(first);
    let running = Running::on(any_port(), limits(), Some(&certificate));
    let address = running.address.unwrap();
    for (offered, version) in [
        (&[b"h2".as_slice(), b"http/1.1"][..], http::Version::HTTP_2),
        (&[b"http/1.1"], http::Version::HTTP_11),
        (&[], http::Version::HTTP_11),
    ] {
        let tls = Tls::connect(address, offered).await;
        let (status, spoken, body, _open) = tls.get("/").await;
        assert_eq!((status, spoken, body.as_str()), (200, version, "ok"));
    }
    assert_eq!(running.drained().await, Drained { cut: 0 });
}

#[tokio::test]
async fn a_new_certificate_serves_new_sessions() {
    let ((first, first_der), (second, second_der)) = (identity("a.test"), identity("b.test"));
    let certificate = Certificate::new(first);
    let running = Running::on(any_port(), limits(), Some(&certificate));
    let address = running.address.unwrap();
    assert_eq!(Tls::connect(address, &[]).await.certificate(), first_der);
    certificate.replace(second);
    assert_eq!(Tls::connect(address, &[]).await.certificate(), second_der);
}

#[tokio::test]
async fn a_key_of_another_certificate_is_refused() {
    let (a, b) = (pem("a.test"), pem("b.test"));
    let bad = Identity::from_pem(a.0.as_bytes(), b.1.as_bytes());
    assert!(matches!(bad, Err(TlsError::Pair { .. })));
    let none = Identity::from_pem(b"", a.1.as_bytes());
    assert!(matches!(none, Err(TlsError::NoCertificate)));
    let none = Identity::from_pem(a.0.as_bytes(), b"");
    assert!(matches!(none, Err(TlsError::Key { .. })));
}

#[tokio::test]
async fn silence_is_cut_in_every_phase_of_tls() {
    let certificate = Certificate::new(identity("a.test").0);
    let short = Limits {
        handshake_deadline: SHORT,
        head_deadline: SHORT,
        ..limits()
    };
    let running = Running::on(any_port(), short, Some(&certificate));
    let mut client = running.client().await;
    assert_eq!(client.rest().await, "", "before the handshake");
    running.until_ended(End::Handshake).await;
    for offered in [&[b"h2".as_slice()][..], &[b"http/1.1"]] {
        Tls::connect(running.address.unwrap(), offered)
            .await
            .until_closed()
            .await;
    }
    assert_eq!(running.ended(End::SlowHead), 2);
}

#[tokio::test]
async fn an_idle_http_2_connection_is_closed() {
    let certificate = Certificate::new(identity("a.test").0);
    let short = Limits {
        idle_deadline: SHORT,
        ..limits()
    };
    let running = Running::on(any_port(), short, Some(&certificate));
    let tls = Tls::connect(running.address.unwrap(), &[b"h2"]).await;
    let (status, .., _open) = tls.get("/").await;
    assert_eq!(status, 200);
    running.until_ended(End::Idle).await;
}

#[tokio::test]
async fn the_unix_socket_knows_its_caller() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let running = Running::on(Socket::unix(&path).await.unwrap(), limits(), None);
    assert_eq!(mode(&path), 0o660);
    let mut client = Client::over(UnixStream::connect(&path).await.unwrap());
    let answer = client.ask(&get_request("/peer")).await;
    let pid = std::process::id();
    assert!(
        answer.body.contains(&format!("pid: Some({pid})")),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("allowed: true"), "{}", answer.body);
    assert_eq!(running.drained().await, Drained { cut: 0 });
    assert!(!path.exists(), "the file goes with the listener");
}

#[tokio::test]
async fn a_socket_file_is_replaced_only_if_nobody_answers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "left by a process that died");
    let first = Socket::unix(&path).await.unwrap();
    let second = Socket::unix(&path).await;
    assert!(
        matches!(second, Err(BindError::Answered { .. })),
        "{second:?}"
    );
    assert!(path.exists());
    drop(first);

    std::fs::write(&path, "precious").unwrap();
    let occupied = Socket::unix(&path).await;
    assert!(
        matches!(occupied, Err(BindError::Occupied { .. })),
        "{occupied:?}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[tokio::test]
async fn sockets_that_listen_already_are_taken_over() {
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let running = Running::on(Socket::inherited_tcp(tcp).unwrap(), limits(), None);
    assert_eq!(
        running.client().await.ask(&get_request("/")).await.status,
        200
    );

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let running = Running::on(Socket::inherited_unix(unix).unwrap(), limits(), None);
    let mut client = Client::over(UnixStream::connect(&path).await.unwrap());
    assert_eq!(client.ask(&get_request("/")).await.status, 200);
    running.drained().await;
    assert!(path.exists(), "the file belongs to whoever made it");
}

#[test]
fn errors_of_one_connection_do_not_pause_the_rest() {
    assert!(is_of_the_connection(
        &io::ErrorKind::ConnectionAborted.into()
    ));
    for number in [23, 24, 12] {
        let error = io::Error::from_raw_os_error(number);
        assert!(!is_of_the_connection(&error), "{error}");
    }
}

#[test]
fn serves_again_once_descriptors_are_free() {
    // With 40 descriptors for the test below, so that running out of them is quick.
    let inner = "http::listener::tests::runs_out_of_descriptors";
    let child = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 40 && exec \"$0\" --exact \"$1\" --ignored"])
        .arg(std::env::current_exe().unwrap())
        .arg(inner)
        .output();
    let output = child.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[tokio::test]
#[ignore = "needs a low limit of descriptors, which the test above sets"]
async fn runs_out_of_descriptors() {
    let running = Running::tcp(limits());
    let mut client = running.client().await;
    let mut hoard: Vec<std::fs::File> = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        hoard.push(file);
        assert!(hoard.len() < 1_000, "this test is run with a low limit");
    }
    // `client` waits in the backlog or was accepted before; the next one finds no descriptor.
    hoard.pop();
    let mut late = running.client().await;
    late.send(&get_request("/")).await;
    within(async {
        while running.metrics.http.accept_errors.of(Door::Public).get() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(hoard);
    assert_eq!(late.answer().await.status, 200);
    assert_eq!(client.ask(&get_request("/")).await.status, 200);
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
