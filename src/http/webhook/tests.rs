//! Every case of a delivery, through a listener and against a real store.

mod zenskar;

use super::*;
use crate::clock::BoxFuture;
use crate::http::listener::{Drained, Limits, Listener, Socket};
use crate::http::public::Public;
use crate::http::testing::{Answer, Client, get_request, within};
use crate::model::id::{AccountId, EventId, OrganisationId};
use crate::model::time::Timestamp;
use crate::store::{Store, StoreOptions};
use crate::stripe::signature::SigningSecrets;
use crate::telemetry::metrics::{Door, Remote};
use crate::zenskar::hook::HookSecret;
use aws_lc_rs::hmac;
use axum::Router;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const NOW: i64 = 1_780_000_000;
const OURS: &str = "acct_ours";
const SECRET: &str = "whsec_current";
const PREVIOUS: &str = "whsec_previous";

/// A clock that stands still.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(NOW)
    }

    fn sleep(&self, _span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

struct World {
    address: std::net::SocketAddr,
    acceptance: watch::Sender<Acceptance>,
    zenskar_acceptance: watch::Sender<ZenskarAcceptance>,
    store: Store,
    writer: Writer,
    wake: Arc<Notify>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    task: JoinSet<Drained>,
    _directory: tempfile::TempDir,
}

fn acceptance(secrets: &[&str]) -> Acceptance {
    Acceptance {
        secrets: SigningSecrets::new(secrets.iter().map(|secret| secret.as_bytes())),
        audience: Audience::Connected(AccountId::parse(OURS).unwrap()),
        livemode: false,
    }
}

fn zenskar_acceptance(secret: Option<&str>) -> ZenskarAcceptance {
    ZenskarAcceptance {
        secret: secret.and_then(|secret| HookSecret::new(secret.as_bytes())),
        organisation: OrganisationId::parse("org-1").unwrap(),
    }
}

impl World {
    fn new() -> Self {
        Self::with(Limits::public(), BodyBudget::default())
    }

    fn with(limits: Limits, budget: BodyBudget) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("store.redb");
        let store = Store::open(&file, StoreOptions::default()).unwrap();
        Self::on((store, directory), limits, budget)
    }

    fn on(
        (store, directory): (Store, tempfile::TempDir),
        limits: Limits,
        budget: BodyBudget,
    ) -> Self {
        let writer = Writer::spawn(store.clone()).unwrap();
        let acceptance = watch::Sender::new(acceptance(&[SECRET, PREVIOUS]));
        let (wake, metrics) = (Arc::new(Notify::new()), Arc::new(Metrics::new("test")));
        let stripe = StripeWebhook {
            acceptance: acceptance.subscribe(),
            writer: writer.clone(),
            known_type: |kind| kind.starts_with("customer."),
            wake: Arc::clone(&wake),
            budget,
            clock: Arc::new(Still),
            metrics: Arc::clone(&metrics),
            log: LogThrottles::default(),
        };
        let socket = Socket::tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = Listener::new(socket, Door::Public, limits, Arc::clone(&metrics));
        let address = listener.socket().address().unwrap();
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        let zenskar_acceptance = watch::Sender::new(zenskar_acceptance(Some(SECRET)));
        let zenskar = ZenskarWebhook {
            acceptance: zenskar_acceptance.subscribe(),
            writer: writer.clone(),
            known_type: |kind| kind.starts_with("zenskar.customer."),
            wake: Arc::clone(&wake),
            budget: stripe.budget.clone(),
            clock: Arc::new(Still),
            metrics: Arc::clone(&metrics),
            log: LogThrottles::default(),
        };
        let handler = Public {
            stripe,
            zenskar,
            rest: Router::new(),
        };
        task.spawn(listener.serve(handler, stop.clone()));
        Self {
            address,
            acceptance,
            zenskar_acceptance,
            store,
            writer,
            wake,
            metrics,
            stop,
            task,
            _directory: directory,
        }
    }

    async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    async fn deliver(&self, signature: Option<&str>, body: &[u8]) -> Answer {
        self.client().await.ask(&delivery(signature, body)).await
    }

    /// Delivers as Stripe would.
    async fn deliver_signed(&self, body: &[u8]) -> Answer {
        self.deliver(Some(&sign(SECRET, NOW, body)), body).await
    }

    fn stored(&self, id: &str) -> Option<Vec<u8>> {
        let id = EventId::parse(id).unwrap();
        let found = self.store.read().unwrap().event_by_id(&id).unwrap();
        found.map(|stored| stored.event.payload)
    }

    fn stored_count(&self) -> usize {
        self.store
            .read()
            .unwrap()
            .events_after(0, 1_000)
            .unwrap()
            .len()
    }

    /// Keeps the writer busy until the sender is dropped.
    async fn block_writer(&self, tasks: &mut JoinSet<()>) -> mpsc::Sender<()> {
        let (release, blocked) = mpsc::channel();
        let (began, begins) = oneshot::channel();
        let story = self.writer.write("block", move |_| {
            began.send(()).ok();
            blocked.recv().ok();
            Ok(())
        });
        tasks.spawn(async move { drop(story.await) });
        within(begins).await.unwrap();
        release
    }

    async fn until_queued(&self, stories: usize) {
        within(async {
            while self.writer.stats().queued < stories {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

fn event(id: &str, change: &str) -> Vec<u8> {
    let event = format!(
        r#"{{"id":"{id}","object":"event","account":"{OURS}","api_version":"2026-05-27.dahlia",
        "created":1779999999,"livemode":false,"type":"customer.updated","pending_webhooks":1,
        "data":{{"object":{{"id":"cus_1","object":"customer","email":"a@b.test"}}}}}}"#
    );
    match change.split_once(" => ") {
        Some((from, to)) => {
            assert!(event.contains(from), "{from}");
            event.replace(from, to).into_bytes()
        }
        None => event.into_bytes(),
    }
}

fn hex(secret: &str, at: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [format!("{at}.").as_bytes(), body].concat();
    let tag = hmac::sign(&key, &signed);
    tag.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn sign(secret: &str, at: i64, body: &[u8]) -> String {
    format!("t={at},v1={}", hex(secret, at, body))
}

fn delivery(signature: Option<&str>, body: &[u8]) -> Vec<u8> {
    let signature = signature.map(|text| format!("stripe-signature: {text}\r\n"));
    let length = body.len();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: x\r\n{}content-length: {length}\r\n\r\n",
        signature.unwrap_or_default()
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn a_signature_that_proves_nothing_is_a_400_and_stores_nothing() {
    let world = World::new();
    let body = event("evt_1", "");
    let good = sign(SECRET, NOW, &body);
    let other_body = sign(SECRET, NOW, b"{}");
    let other_secret = sign("whsec_other", NOW, &body);
    let old = sign(SECRET, NOW - 301, &body);
    let ahead = sign(SECRET, NOW + 301, &body);
    let fake = good.replace("v1=", "v0=");
    let cases: [(Option<&str>, Rejected); 9] = [
        (None, Rejected::Missing),
        (Some(""), Rejected::Missing),
        (Some("v1=00"), Rejected::Malformed),
        (Some("t=now,v1=00"), Rejected::Malformed),
        (Some(&other_body), Rejected::NoMatch),
        (Some(&other_secret), Rejected::NoMatch),
        (Some(&old), Rejected::TooOld),
        (Some(&ahead), Rejected::TooNew),
        (Some(&fake), Rejected::Malformed),
    ];
    for (signature, reason) in cases {
        let counter = world.metrics.webhooks.rejected.of((Remote::Stripe, reason));
        let before = counter.get();
        let answer = world.deliver(signature, &body).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (400, reason.as_str()),
            "{signature:?}"
        );
        assert_eq!(counter.get(), before + 1);
    }
    assert_eq!(world.stored_count(), 0);
    assert_eq!(world.metrics.webhooks.received.of(Remote::Stripe).get(), 9);
}

#[tokio::test]
async fn without_a_secret_the_door_is_closed() {
    let world = World::new();
    let body = event("evt_1", "");
    for secrets in [&[][..], &[""], &[" \n"]] {
        world.acceptance.send_replace(acceptance(secrets));
        let forged = sign("", NOW, &body);
        let answer = world.deliver(Some(&forged), &body).await;
        assert_eq!((answer.status, answer.body.as_str()), (400, "no_secret"));
    }
    assert_eq!(world.stored_count(), 0);
}

#[tokio::test]
async fn a_good_delivery_is_stored_as_it_came_and_wakes_the_engine() {
    let world = World::new();
    let body = event("evt_1", "");
    let answer = world.deliver_signed(&body).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "stored"));
    assert_eq!(world.stored("evt_1").as_deref(), Some(body.as_slice()));
    within(world.wake.notified()).await;
    assert_eq!(world.metrics.webhooks.accepted.of(Remote::Stripe).get(), 1);
    assert!(world.metrics.encode().contains(
        "webhook_ack_seconds_count{remote=\"stripe\"} 1
"
    ));
    assert_eq!(
        world.metrics.webhooks.unknown_type.of(Remote::Stripe).get(),
        0
    );
}

#[tokio::test]
async fn any_signature_under_any_secret_will_do() {
    let world = World::new();
    let body = event("evt_1", "");
    let previous = hex(PREVIOUS, NOW, &body);
    let header = format!("t={NOW},v1={},v1={previous}", "0".repeat(64));
    assert_eq!(world.deliver(Some(&header), &body).await.status, 200);
}

#[tokio::test]
async fn a_known_event_is_acknowledged_and_stored_once() {
    let world = World::new();
    let body = event("evt_1", "");
    assert_eq!(world.deliver_signed(&body).await.body, "stored");
    let again = event("evt_1", r#""pending_webhooks":1 => "pending_webhooks":0"#);
    let answer = world.deliver_signed(&again).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "known"));
    assert_eq!(
        world.stored("evt_1").as_deref(),
        Some(body.as_slice()),
        "the first one stays"
    );
    assert_eq!(world.metrics.webhooks.duplicate.of(Remote::Stripe).get(), 1);
}

#[tokio::test]
async fn a_type_we_do_not_know_is_stored_and_counted() {
    let world = World::new();
    let body = event("evt_1", "customer.updated => radar.surprise");
    assert_eq!(world.deliver_signed(&body).await.body, "stored");
    assert!(world.stored("evt_1").is_some());
    assert_eq!(
        world.metrics.webhooks.unknown_type.of(Remote::Stripe).get(),
        1
    );
}

#[tokio::test]
async fn what_is_not_ours_is_acknowledged_counted_and_not_stored() {
    let world = World::new();
    let thin = r#"{"id":"evt_t","object":"v2.core.event","type":"v1.customer.created",
        "livemode":false,"created":"2026-05-28T20:26:56.000Z","related_object":{"id":"cus_1"}}"#;
    let cases: [(Vec<u8>, Ignored); 8] = [
        (
            event("evt_1", "acct_ours => acct_other"),
            Ignored::ForeignAccount,
        ),
        (
            event("evt_1", "\"account\":\"acct_ours\", => "),
            Ignored::ForeignAccount,
        ),
        (
            event("evt_1", "\"livemode\":false => \"livemode\":true"),
            Ignored::OtherMode,
        ),
        (thin.as_bytes().to_vec(), Ignored::Thin),
        (b"hello".to_vec(), Ignored::NotAnEvent),
        (Vec::new(), Ignored::NotAnEvent),
        (b"{\"object\":\"event\"}".to_vec(), Ignored::NotAnEvent),
        (vec![0xff, 0xfe], Ignored::NotAnEvent),
    ];
    for (body, reason) in cases {
        let counter = world.metrics.webhooks.ignored.of((Remote::Stripe, reason));
        let before = counter.get();
        let answer = world.deliver_signed(&body).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, reason.as_str())
        );
        assert_eq!(counter.get(), before + 1);
    }
    assert_eq!(world.stored_count(), 0);
}

#[tokio::test]
async fn a_test_mode_event_on_the_live_endpoint_is_acknowledged_and_not_kept() {
    let world = World::new();
    world.acceptance.send_replace(Acceptance {
        livemode: true,
        ..acceptance(&[SECRET])
    });
    let test = event("evt_test", "");
    let answer = world.deliver_signed(&test).await;
    let reason = Ignored::OtherMode.as_str();
    assert_eq!((answer.status, answer.body.as_str()), (200, reason));
    assert_eq!(world.stored_count(), 0);
    let live = event("evt_live", "\"livemode\":false => \"livemode\":true");
    assert_eq!(world.deliver_signed(&live).await.body, "stored");
}

#[tokio::test]
async fn the_audience_decides_whose_events_are_ours() {
    let ours = AccountId::parse(OURS).unwrap();
    let other = AccountId::parse("acct_other").unwrap();
    let own = Audience::Own(ours.clone());
    let connected = Audience::Connected(ours.clone());
    for (audience, account, included) in [
        (&own, None, true),
        (&own, Some(&ours), true),
        (&own, Some(&other), false),
        (&connected, None, false),
        (&connected, Some(&ours), true),
        (&connected, Some(&other), false),
        (&Audience::Nobody, None, false),
        (&Audience::Nobody, Some(&ours), false),
    ] {
        assert_eq!(
            audience.includes(account),
            included,
            "{audience:?} {account:?}"
        );
    }
}

#[tokio::test]
async fn a_reload_counts_from_the_next_delivery() {
    let world = World::new();
    let body = event("evt_1", "");
    let signature = sign("whsec_new", NOW, &body);
    let mut client = world.client().await;
    let request = delivery(Some(&signature), &body);
    assert_eq!(client.ask(&request).await.status, 400);
    world.acceptance.send_replace(acceptance(&["whsec_new"]));
    assert_eq!(
        client.ask(&request).await.status,
        200,
        "on the same connection"
    );
}

#[tokio::test]
async fn the_answer_waits_for_the_commit() {
    let world = World::new();
    let mut tasks = JoinSet::new();
    let release = world.block_writer(&mut tasks).await;
    let body = event("evt_1", "");
    let mut client = world.client().await;
    client
        .send(&delivery(Some(&sign(SECRET, NOW, &body)), &body))
        .await;
    world.until_queued(1).await;
    assert_eq!(world.metrics.webhooks.accepted.of(Remote::Stripe).get(), 0);
    assert_eq!(world.stored_count(), 0);
    drop(release);
    assert_eq!(client.answer().await.body, "stored");
    assert!(world.stored("evt_1").is_some());
}

#[tokio::test]
async fn a_full_queue_is_a_503_and_the_next_delivery_is_taken() {
    let world = World::new();
    let mut tasks = JoinSet::new();
    let release = world.block_writer(&mut tasks).await;
    // Large events first, then small ones into what is left.
    for size in [1 << 20, 1] {
        let filler = incompressible(size);
        for number in 0.. {
            let head = event(&format!("evt_fill_{size}_{number}"), "");
            let filled = crate::stripe::event::parse(&head).unwrap().into_event(
                crate::model::event::Channel::Webhook,
                Timestamp::from_seconds(NOW),
                filler.clone(),
            );
            let filled = PreparedEvent::new(&filled).unwrap();
            match world.writer.try_insert_event(filled) {
                Ok(stored) => drop(tasks.spawn(async move { drop(stored.await) })),
                Err(_full) => break,
            }
        }
    }
    let body = event("evt_1", "");
    let answer = world.deliver_signed(&body).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "busy"));
    drop(release);
    within(async { while tasks.join_next().await.is_some() {} }).await;
    assert_eq!(world.deliver_signed(&body).await.status, 200);
}

/// A disk on which, from one moment on, nothing has room.
#[derive(Debug, Default)]
struct Disk {
    bytes: redb::backends::InMemoryBackend,
    is_full: Arc<AtomicBool>,
}

impl Disk {
    fn room(&self) -> io::Result<()> {
        const NO_SPACE: i32 = 28;
        match self.is_full.load(Ordering::SeqCst) {
            true => Err(io::Error::from_raw_os_error(NO_SPACE)),
            false => Ok(()),
        }
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.bytes.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.bytes.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.room()?;
        self.bytes.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.bytes.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.room()?;
        self.bytes.write(offset, data)
    }
}

#[tokio::test]
async fn a_disk_that_is_full_is_told_as_such() {
    let disk = Disk::default();
    let is_full = Arc::clone(&disk.is_full);
    let store = Store::open_backend(disk, StoreOptions::default()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let world = World::on((store, directory), Limits::public(), BodyBudget::default());
    assert_eq!(world.deliver_signed(&event("evt_1", "")).await.status, 200);
    is_full.store(true, Ordering::SeqCst);
    let answer = world.deliver_signed(&event("evt_2", "")).await;
    let reason = Unavailable::DiskFull;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (503, reason.as_str())
    );
    let unavailable = &world.metrics.webhooks.unavailable;
    assert_eq!(unavailable.of((Remote::Stripe, reason)).get(), 1);
}

#[tokio::test]
async fn a_signature_in_two_header_lines_is_one_list() {
    let world = World::new();
    let body = event("evt_1", "");
    let signature = sign(SECRET, NOW, &body);
    let (time, proof) = signature.split_once(',').unwrap();
    let head = format!("v1=00\r\nstripe-signature: {time}\r\nstripe-signature: {proof}");
    assert_eq!(world.deliver(Some(&head), &body).await.status, 200);
}

#[tokio::test]
async fn a_failed_commit_is_a_503() {
    for (kind, reason) in [
        (io::ErrorKind::StorageFull, Unavailable::DiskFull),
        (io::ErrorKind::Other, Unavailable::CommitFailed),
    ] {
        let world = World::new();
        let mut tasks = JoinSet::new();
        let release = world.block_writer(&mut tasks).await;
        let body = event("evt_1", "");
        let mut client = world.client().await;
        client
            .send(&delivery(Some(&sign(SECRET, NOW, &body)), &body))
            .await;
        world.until_queued(1).await;
        let failing = world.writer.write("fail", move |_| -> Result<(), _> {
            Err(StoreError::Io {
                doing: "commit",
                source: io::Error::from(kind).into(),
            })
        });
        tasks.spawn(async move { drop(failing.await) });
        world.until_queued(2).await;
        drop(release);
        let answer = client.answer().await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (503, reason.as_str())
        );
        let counter = world
            .metrics
            .webhooks
            .unavailable
            .of((Remote::Stripe, reason));
        assert_eq!(counter.get(), 1);
        assert_eq!(world.stored_count(), 0);

        let answer = world.deliver_signed(&body).await;
        assert_eq!((answer.status, answer.body.as_str()), (503, "stopping"));
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413() {
    let world = World::new();
    let largest = vec![b'x'; BODY_BYTES_MAX];
    let answer = world.deliver_signed(&largest).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "not_an_event"));

    // Refused by its announced length, before it is sent.
    let mut client = world.client().await;
    let length = BODY_BYTES_MAX + 1;
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    assert_eq!(client.ask(head.as_bytes()).await.status, 413);

    // Refused while it comes, when it does not say its length.
    let mut client = world.client().await;
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = [format!("{length:x}\r\n").as_bytes(), &vec![b'x'; length]].concat();
    let request = [head.as_bytes(), &chunk].concat();
    assert_eq!(client.ask(&request).await.status, 413);
}

#[tokio::test]
async fn a_body_in_pieces_is_put_together() {
    let world = World::new();
    let body = event("evt_1", "");
    let signature = sign(SECRET, NOW, &body);
    let mut client = world.client().await;
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: x\r\nstripe-signature: {signature}\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    client.send(head.as_bytes()).await;
    for piece in body.chunks(100) {
        let size = format!("{:x}\r\n", piece.len());
        client
            .send(&[size.as_bytes(), piece, b"\r\n"].concat())
            .await;
    }
    assert_eq!(client.ask(b"0\r\n\r\n").await.body, "stored");
    assert_eq!(world.stored("evt_1"), Some(body));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_a_408() {
    let short = Limits {
        body_deadline: Duration::from_millis(100),
        ..Limits::public()
    };
    let world = World::with(short, BodyBudget::default());
    let mut client = world.client().await;
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf");
    let answer = client.ask(head.as_bytes()).await;
    assert_eq!((answer.status, answer.body.as_str()), (408, "unfinished"));
    assert_eq!(client.rest().await, "", "and the connection ends");
}

#[tokio::test]
async fn memory_for_bodies_is_bounded_and_comes_back() {
    let world = World::with(Limits::public(), BodyBudget::new(4096));
    let large = vec![b'x'; 8192];
    let answer = world.deliver_signed(&large).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "busy"));
    for number in 0..9 {
        let body = event(&format!("evt_{number}"), "");
        assert_eq!(world.deliver_signed(&body).await.body, "stored");
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_not_the_webhook() {
    let mut world = World::new();
    let mut client = world.client().await;
    assert_eq!(client.ask(&get_request(PATH)).await.status, 405);
    assert_eq!(
        client.ask(&get_request("/webhooks/stripe/")).await.status,
        404
    );
    assert_eq!(world.metrics.webhooks.received.of(Remote::Stripe).get(), 0);
    world.stop.cancel();
    let drained = within(world.task.join_next()).await.unwrap().unwrap();
    assert_eq!(drained, Drained { cut: 0 });
}

/// Bytes that zstd does not make smaller.
fn incompressible(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    bytes
}
