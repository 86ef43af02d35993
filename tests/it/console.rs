//! The console as a browser meets it, and as an attacker does.

mod access;
mod attacks;
mod events;
pub(crate) mod letters;
mod manage;
pub(crate) mod money;
mod pages;
mod reach;
mod rehearsal;
mod search;

use crate::support::browser::{Browser, Page};
use crate::support::{POLLING, WEBHOOKS, World};
use serde_json::Value;
use zenstripe::model::session::Session;
use zenstripe::model::time::Timestamp;
use zenstripe::store::{Store, StoreOptions, Writer};

/// A browser at the console.
pub(crate) struct Visitor {
    pub(crate) base: String,
    pub(crate) browser: Browser,
}

/// What browsers send along with a page's own form.
pub(crate) const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

impl World {
    /// Where the console is.
    pub(crate) async fn console(&self) -> String {
        let status = self.json(&["status"]).await;
        let address = status["daemon"]["listeners"]["console"].as_str().unwrap();
        format!("http://{address}")
    }

    /// A token that signs in once.
    pub(crate) async fn token(&self, role: &str) -> String {
        let login = self
            .json(&["console", "--role", role, "--for", "Ann Lee"])
            .await;
        login["token"].as_str().unwrap().to_owned()
    }

    /// Somebody who is signed in.
    pub(crate) async fn visitor(&self, role: &str) -> Visitor {
        let (base, token) = (self.console().await, self.token(role).await);
        let mut visitor = Visitor {
            base,
            browser: Browser::default(),
        };
        let page = visitor.sign_in(&token).await;
        assert_eq!(
            (page.status, page.header("location")),
            (303, Some("/")),
            "{page:?}"
        );
        visitor
    }
}

impl Visitor {
    pub(crate) async fn sign_in(&mut self, token: &str) -> Page {
        self.send("/login", &[OWN], &format!("token={token}")).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        let url = format!("{}{path}", self.base);
        self.browser.open(&url).await.unwrap()
    }

    /// A page that is there.
    pub(crate) async fn page(&mut self, path: &str) -> String {
        let page = self.get(path).await;
        assert_eq!(page.status, 200, "{path}: {page:?}");
        page.body
    }

    /// The page as JSON.
    pub(crate) async fn json(&mut self, path: &str) -> Value {
        let url = format!("{}{path}", self.base);
        let accept = [("accept", "application/json")];
        let page = self.browser.send("GET", &url, &accept, "").await.unwrap();
        assert_eq!(page.status, 200, "{path}: {page:?}");
        serde_json::from_str(&page.body).unwrap_or_else(|error| panic!("{path}: {error}: {page:?}"))
    }

    /// Posts a form as it is given.
    pub(crate) async fn send(&mut self, path: &str, headers: &[(&str, &str)], body: &str) -> Page {
        let url = format!("{}{path}", self.base);
        let headers = [&[FORM], headers].concat();
        self.browser
            .send("POST", &url, &headers, body)
            .await
            .unwrap()
    }

    /// Fills in a form of a page and sends it, as a browser does.
    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Page {
        let key = self.form_key().await;
        self.send(path, &[OWN], &format!("form_key={key}&{body}"))
            .await
    }

    pub(crate) async fn form_key(&mut self) -> String {
        let page = self.page("/").await;
        let (_, rest) = page.split_once("name=\"form_key\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    pub(crate) async fn is_signed_in(&mut self) -> bool {
        let page = self.get("/").await;
        match (page.status, page.header("location")) {
            (200, _) => true,
            (303, Some("/login")) => false,
            _ => panic!("{page:?}"),
        }
    }
}

#[tokio::test]
async fn a_token_signs_in_once_and_stays_in_no_page_and_no_log() {
    let world = World::new().await;
    let _daemon = world.linked(WEBHOOKS, 0).await;
    let login = world
        .json(&["console", "--role", "operator", "--for", "Ann Lee"])
        .await;
    let (url, token) = (
        login["url"].as_str().unwrap(),
        login["token"].as_str().unwrap(),
    );
    let base = world.console().await;
    assert_eq!(url, format!("{base}/login?token={token}"));

    let mut visitor = Visitor {
        base,
        browser: Browser::default(),
    };
    assert!(!visitor.is_signed_in().await);
    // Looked at twice, as link previews do, it still works.
    for _ in 0..2 {
        let page = visitor.browser.open(url).await.unwrap();
        assert_eq!(page.status, 200);
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert!(page.header("set-cookie").is_none());
    }
    let page = visitor.sign_in(token).await;
    assert_eq!((page.status, page.header("location")), (303, Some("/")));
    let cookie = page.header("set-cookie").unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    let secret = visitor.browser.cookie.clone().unwrap();
    let (_, secret) = secret.split_once('=').unwrap();

    let page = visitor.page("/").await;
    assert!(
        page.contains("Signed in as <b>Ann Lee</b>, operator"),
        "{page}"
    );
    assert!(!page.contains(token) && !page.contains(secret));
    let mut other = Visitor {
        base: visitor.base.clone(),
        browser: Browser::default(),
    };
    let again = other.sign_in(token).await;
    assert_eq!(again.status, 401, "{again:?}");
    assert!(again.body.contains("This token lets nobody in"));
    assert!(!other.is_signed_in().await);

    let log = world.place.log();
    let file = std::fs::read(world.place.directory.join("zenstripe.redb")).unwrap();
    for shown in [token, secret] {
        assert!(!log.contains(shown), "it is in the log");
        let found = file
            .windows(shown.len())
            .any(|bytes| bytes == shown.as_bytes());
        assert!(!found, "it is in the store");
    }
}

#[tokio::test]
async fn the_first_login_is_shown_by_init_and_works_once_whatever_restarts() {
    let world = World::new().await;
    let init = world.json(&["init"]).await;
    let url = init["console"].as_str().unwrap();
    let (address, token) = url.split_once("/login?token=").unwrap();
    assert_eq!(address, "http://127.0.0.1:9481");
    let left = std::fs::read_to_string(world.place.directory.join("zenstripe.login")).unwrap();
    assert!(!left.contains(token));

    world.configure(WEBHOOKS);
    let daemon = world.start().await;
    let mut visitor = Visitor {
        base: world.console().await,
        browser: Browser::default(),
    };
    assert_eq!(visitor.sign_in(token).await.status, 303);
    assert!(visitor.page("/").await.contains("<b>installer</b>, admin"));
    daemon.stop().await.unwrap();
    let _daemon = world.start().await;
    let mut other = Visitor {
        base: world.console().await,
        browser: Browser::default(),
    };
    assert_eq!(other.sign_in(token).await.status, 401);
}

#[tokio::test]
async fn everybody_is_signed_out_and_no_token_that_was_shown_lets_anybody_in() {
    let world = World::new().await;
    let init = world.json(&["init"]).await;
    let (_, first) = init["console"]
        .as_str()
        .unwrap()
        .split_once("token=")
        .unwrap();
    world.configure(WEBHOOKS);
    let daemon = world.start().await;
    let (mut one, mut other) = (world.visitor("admin").await, world.visitor("viewer").await);
    let shown = world.token("admin").await;
    let done = world.json(&["console", "--sign-out-everybody"]).await;
    assert_eq!(done["count"], 2, "{done}");
    assert!(!one.is_signed_in().await && !other.is_signed_in().await);
    assert_eq!(one.sign_in(&shown).await.status, 401);
    daemon.stop().await.unwrap();
    let _daemon = world.start().await;
    one.base = world.console().await;
    assert_eq!(
        one.sign_in(first).await.status,
        401,
        "not after a restart either"
    );
}

#[tokio::test]
async fn a_session_outlives_a_restart_and_ends_when_nobody_was_there() {
    let world = World::new().await;
    let daemon = world.linked(WEBHOOKS, 0).await;
    let mut visitor = world.visitor("admin").await;
    daemon.stop().await.unwrap();
    let daemon = world.start().await;
    // The console's port changed, and the name of the cookie with it.
    let moved = |visitor: &Visitor, base: &str| {
        let cookie = visitor.browser.cookie.clone().unwrap();
        let (_, secret) = cookie.split_once('=').unwrap();
        let port = base.rsplit(':').next().unwrap();
        Some(format!("zenstripe_{port}={secret}"))
    };
    let base = world.console().await;
    visitor.browser.cookie = moved(&visitor, &base);
    visitor.base = base;
    assert!(visitor.is_signed_in().await);

    daemon.stop().await.unwrap();
    let idle = |session: Session| Session {
        seen_at: Timestamp::from_seconds(session.seen_at.seconds() - 1_800),
        ..session
    };
    change_session(&world, &visitor, idle).await;
    let _daemon = world.start().await;
    let base = world.console().await;
    visitor.browser.cookie = moved(&visitor, &base);
    visitor.base = base;
    let page = visitor.get("/?x=1").await;
    assert_eq!(
        (page.status, page.header("location")),
        (303, Some("/login"))
    );
}

/// Changes what the store keeps of a session while no daemon runs.
async fn change_session(world: &World, visitor: &Visitor, change: impl Fn(Session) -> Session) {
    let cookie = visitor.browser.cookie.clone().unwrap();
    let (_, secret) = cookie.split_once('=').unwrap();
    let key = zenstripe::engine::secret::digest(secret);
    let path = world.place.directory.join("zenstripe.redb");
    let store = Store::open(&path, StoreOptions::default()).unwrap();
    let writer = Writer::spawn(store.clone()).unwrap();
    let session = store.read().unwrap().session(&key).unwrap().unwrap();
    let changed = change(session);
    writer
        .write("change session", move |tx| tx.put_session(&key, &changed))
        .await
        .unwrap();
    writer.close().await;
}

#[tokio::test]
async fn pages_are_guarded_and_say_the_same_as_json() {
    let world = World::new().await;
    let _daemon = world.linked(POLLING, 0).await;
    let mut visitor = world.visitor("viewer").await;
    let page = visitor.get("/").await;
    let policy = page.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert!(page.body.len() < 25_000, "{}", page.body.len());
    for outside in ["http://", "https://", "style=", "<script>", "onclick"] {
        let body = page.body.replace("https://www.w3.org", "");
        assert!(!body.contains(outside), "{outside}");
    }
    let mut assets = 0;
    for piece in page.body.split("\"/assets/").skip(1) {
        let path = format!("/assets/{}", piece.split('"').next().unwrap());
        let asset = visitor.get(&path).await;
        assert_eq!(asset.status, 200, "{path}");
        let cached = asset.header("cache-control").unwrap();
        assert!(cached.contains("immutable"), "{cached}");
        assets += 1;
    }
    assert_eq!(assets, 3);
    world.until_status(|status| status["state"] == "ok").await;
    let status = visitor.json("/").await;
    assert_eq!(status["state"], "ok");
    assert_eq!(status["daemon"]["mode"], "test");
}

#[tokio::test]
async fn one_stream_tells_the_figures_until_the_session_ends() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let world = World::new().await;
    let _daemon = world.linked(WEBHOOKS, 0).await;
    let mut visitor = world.visitor("viewer").await;
    let authority = visitor.base.strip_prefix("http://").unwrap().to_owned();
    let mut stream = tokio::net::TcpStream::connect(&authority).await.unwrap();
    let cookie = visitor.browser.cookie.clone().unwrap();
    let request = format!(
        "GET /live HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\ncookie: {cookie}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut said = String::new();
    while !said.contains("\"headline\"") {
        let mut bytes = [0_u8; 4_096];
        let count = stream.read(&mut bytes).await.unwrap();
        assert!(count > 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    assert!(
        said.to_lowercase()
            .contains("content-type: text/event-stream"),
        "{said}"
    );
    assert_eq!(visitor.post("/logout", "").await.status, 303);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap_or_default();
    assert!(rest.contains("event: end"), "{rest}");
}
