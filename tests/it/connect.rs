//! An account is connected by OAuth, stays so or not, and what waited goes on.

mod ended;

use crate::support::browser::Browser;
use crate::support::daemon::{Daemon, until};
use crate::support::{LONGEST, Pair, World};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use zenstripe_sandbox::{ACCOUNT, Exchange, Fault, FaultKind, OTHER_ACCOUNT, PLATFORM, Remote};

const IMPORT: &str = "[customers]\nsync = \"import-only\"\n[events]\npoll = \"1s\"\n";

/// Whether Stripe reaches us.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Public,
    Nowhere,
}

impl World {
    /// The platform's client and key in place of a key of the account's own; `named` is
    /// `stripe.account`.
    pub(crate) fn configure_oauth(&self, more: &str, reach: Reach, named: Option<&str>) {
        self.place
            .write_secret("stripe-key", "sk_test_platform")
            .unwrap();
        let is_public = reach == Reach::Public;
        let text = self.place.oauth_config_text(more, is_public, named);
        self.place.put_config(&text).unwrap();
    }

    async fn oauth(&self, more: &str, reach: Reach) -> Daemon {
        self.configure_oauth(more, reach, None);
        self.start().await
    }

    /// A ticket: the address to open, and the number to ask about.
    async fn ticket(&self) -> (String, u64) {
        let begun = self.json_of_api("POST", "/connect").await;
        let url = begun["url"].as_str().unwrap().to_owned();
        (url, begun["flow"].as_u64().unwrap())
    }

    /// Asks the daemon over its socket, as the command line does.
    async fn json_of_api(&self, method: &str, path: &str) -> Value {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let socket = self.place.directory.join("zenstripe.sock");
        let mut stream = tokio::net::UnixStream::connect(socket).await.unwrap();
        let request = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    /// Connects the account through a browser; what the page says.
    pub(crate) async fn connects(&self, account: &str) -> String {
        let (url, _) = self.ticket().await;
        let page = Browser::default().connect(&url, account).await.unwrap();
        page.body
    }

    pub(crate) async fn connected(&self) {
        let said = self.connects(ACCOUNT).await;
        assert!(said.contains("is connected"), "{said}");
        self.until_connection("connected").await;
    }

    pub(crate) async fn until_connection(&self, state: &str) -> Value {
        self.until_status(|status| status["connection"]["state"] == state)
            .await
    }

    fn exchanges_of(&self, path: &str) -> Vec<Exchange> {
        let exchanges = self.sandbox.exchanges().into_iter();
        exchanges.filter(|one| one.path == path).collect()
    }

    fn journal_holds(&self, journal: &Value, what: &str) -> bool {
        journal.to_string().contains(what)
    }

    /// Changes an address of e-mail in Stripe, and waits for it in Zenskar.
    async fn email_moves(&self, pair: &Pair, email: &str) {
        let patch = json!({ "email": email });
        self.sandbox.stripe_update_customer(&pair.stripe, &patch);
        self.until_zenskar(pair, "email", email).await;
    }
}

#[tokio::test]
async fn a_person_connects_an_account_and_customers_move() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    world.sandbox.register_redirect(&format!(
        "http://127.0.0.1:{}/oauth/stripe/callback",
        world.place.port
    ));
    let _daemon = world.oauth(IMPORT, Reach::Public).await;
    let status = world.until_connection("not-connected").await;
    assert_eq!(status["state"], "degraded");
    let hint = status["problems"][0]["hint"].as_str().unwrap();
    assert!(hint.contains("zenstripe connect"), "{status}");
    let asked = world.sandbox.exchanges();
    let for_account = asked.iter().filter(|one| one.path.starts_with("/v1/"));
    assert_eq!(
        for_account.count(),
        0,
        "nothing is asked of Stripe for nobody"
    );

    // The command line waits for the browser.
    let mut command = world.place.command(&["connect", "--json"]);
    let mut command = command
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(command.stdout.take().unwrap());
    let mut text = String::new();
    while serde_json::from_str::<Value>(&text).is_err() {
        assert!(lines.read_line(&mut text).await.unwrap() > 0, "{text}");
    }
    let begun: Value = serde_json::from_str(&text).unwrap();
    let url = begun["url"].as_str().unwrap();
    let mut browser = Browser::default();
    let page = browser.connect(url, ACCOUNT).await.unwrap();
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.body.contains("is connected") && page.body.contains("Back to the console"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("'none'")
    );
    assert_eq!(browser.cookie, None, "it has done its work");
    assert!(command.wait().await.unwrap().success());

    let status = world
        .until_status(|status| {
            status["state"] == "ok" && status["endpoint"]["state"] == "registered"
        })
        .await;
    assert_eq!(status["connection"]["account"], ACCOUNT);
    assert_eq!(status["daemon"]["account"], ACCOUNT);
    world.until_status(|status| status["links"] == 1).await;
    world.email_moves(&pair, "oauth@example.com").await;

    for one in world.sandbox.exchanges() {
        let account = one.headers.get("stripe-account").map(String::as_str);
        if one.path.starts_with("/v1/webhook_endpoints") {
            assert_eq!(account, None, "{one:?}");
        } else if one.path.starts_with("/v1/") {
            assert_eq!(account, Some(ACCOUNT), "{one:?}");
        }
    }
    let log = world.place.log();
    for secret in ["ticket=", "code=", "sk_test_platform", "whsec_"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    let doctor = world.output(&["doctor"]).await;
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(
        said.contains(PLATFORM) && said.contains(&format!("the key opens {ACCOUNT}")),
        "{said}"
    );
}

#[tokio::test]
async fn a_connection_outlives_a_restart_and_its_tokens_are_sealed() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let daemon = world.oauth(IMPORT, Reach::Public).await;
    world.connected().await;
    daemon.stop().await.unwrap();
    let file = std::fs::read(world.place.directory.join("zenstripe.redb")).unwrap();
    let holds = |text: &[u8]| file.windows(text.len()).any(|window| window == text);
    assert!(holds(b"stripe/oauth") && holds(ACCOUNT.as_bytes()));
    assert!(!holds(b"access_token") && !holds(b"sk_test_"));

    let _daemon = world.start().await;
    world.until_connection("connected").await;
    world.until_status(|status| status["links"] == 1).await;
    world.email_moves(&pair, "again@example.com").await;
    assert_eq!(world.exchanges_of("/oauth/token").len(), 1);
}

#[tokio::test]
async fn without_a_public_address_the_consoles_listener_takes_browsers_in_test_mode() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.oauth(IMPORT, Reach::Nowhere).await;
    let (url, _) = world.ticket().await;
    let console = world.json(&["status"]).await;
    let console = console["daemon"]["listeners"]["console"].as_str().unwrap();
    assert!(
        url.starts_with(&format!("http://{console}/oauth/stripe/start?ticket=")),
        "{url}"
    );
    let public = url.replace(console, &format!("127.0.0.1:{}", world.place.port));
    assert_eq!(Browser::default().open(&public).await.unwrap().status, 404);
    // Another name that leads here is another site's.
    let mut browser = Browser::default();
    let host = [("host", "attacker.test")];
    let refused = browser.send("GET", &url, &host, "").await.unwrap();
    assert_eq!(refused.status, 421, "{refused:?}");

    let page = browser.connect(&url, ACCOUNT).await.unwrap();
    assert!(page.body.contains("is connected"), "{page:?}");
    let status = world.until_connection("connected").await;
    assert_eq!(status["endpoint"]["state"], "off");
    world.until_status(|status| status["links"] == 1).await;
    world.email_moves(&pair, "loopback@example.com").await;
}

#[tokio::test]
async fn a_ticket_works_once_and_a_preview_of_it_uses_nothing_up() {
    let world = World::new().await;
    let _daemon = world.oauth(IMPORT, Reach::Public).await;
    let (url, flow) = world.ticket().await;
    let mut browser = Browser::default();
    let preview = browser.send("HEAD", &url, &[], "").await.unwrap();
    assert_eq!(
        (preview.status, preview.header("allow")),
        (405, Some("GET"))
    );
    assert_eq!(
        browser.send("POST", &url, &[], "").await.unwrap().status,
        405
    );
    let standing = world.json_of_api("GET", &format!("/connect/{flow}")).await;
    assert_eq!(standing["state"], "waiting");

    // What a browser calls us changes nothing about where Stripe sends it back to.
    let host = [
        ("host", "attacker.test"),
        ("x-forwarded-host", "attacker.test"),
    ];
    let sent = browser.send("GET", &url, &host, "").await.unwrap();
    let location = sent.header("location").unwrap();
    assert_eq!(sent.status, 303);
    let back = format!(
        "redirect_uri=http%3A%2F%2F127.0.0.1%3A{}%2Foauth",
        world.place.port
    );
    assert!(
        location.contains(&back) && !location.contains("attacker"),
        "{location}"
    );
    let cookie = sent.header("set-cookie").unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );

    for (url, words) in [
        (url.clone(), "used before"),
        (format!("{url}0"), "is not known"),
        (url.split('?').next().unwrap().to_owned(), "is not known"),
    ] {
        let page = Browser::default().open(&url).await.unwrap();
        assert_eq!(
            (page.status, page.header("location")),
            (400, None),
            "{page:?}"
        );
        assert!(page.body.contains(words), "{page:?}");
    }
    assert!(world.exchanges_of("/oauth/token").is_empty());
}

#[tokio::test]
async fn a_state_is_for_one_browser_and_for_once() {
    let world = World::new().await;
    let _daemon = world.oauth(IMPORT, Reach::Public).await;
    let pages = format!(
        "http://127.0.0.1:{}/oauth/stripe/callback",
        world.place.port
    );

    // Another browser, such as one that an attacker sends there.
    let (url, flow) = world.ticket().await;
    let mut browser = Browser::default();
    let sent = browser.open(&url).await.unwrap();
    let stripe = sent.header("location").unwrap().to_owned();
    let back = browser.decide(&stripe, "authorize", ACCOUNT).await.unwrap();
    let page = Browser::default().open(&back).await.unwrap();
    assert!(page.body.contains("Another browser"), "{page:?}");
    let page = browser.open(&back).await.unwrap();
    assert!(
        page.body.contains("opened before"),
        "right or wrong, it is used: {page:?}"
    );
    let standing = world.json_of_api("GET", &format!("/connect/{flow}")).await;
    assert_eq!(standing["state"], "refused");

    // A cookie that is made up.
    let (url, _) = world.ticket().await;
    let sent = browser.open(&url).await.unwrap();
    let stripe = sent.header("location").unwrap().to_owned();
    let back = browser.decide(&stripe, "authorize", ACCOUNT).await.unwrap();
    let mut forged = Browser {
        cookie: Some(format!("zenstripe_oauth={}", "0".repeat(64))),
    };
    assert_eq!(forged.open(&back).await.unwrap().status, 400);

    for query in [
        "",
        "?code=ac_1",
        "?state=",
        "?state=00&code=ac_1",
        "?state=00&state=00&code=ac_1",
        "?state=%ff&code=%00",
        "?state=00&error=%3Cscript%3E",
    ] {
        let page = browser.open(&format!("{pages}{query}")).await.unwrap();
        assert_eq!(page.status, 400, "{query}: {page:?}");
        assert!(
            page.body.contains("Nobody was sent to Stripe"),
            "{query}: {page:?}"
        );
        assert!(!page.body.contains("<script>"), "{query}");
    }
    assert!(
        world.exchanges_of("/oauth/token").is_empty(),
        "no code was used"
    );

    // Replayed after it was used.
    let (url, _) = world.ticket().await;
    let mut browser = Browser::default();
    let sent = browser.open(&url).await.unwrap();
    let stripe = sent.header("location").unwrap().to_owned();
    let back = browser.decide(&stripe, "authorize", ACCOUNT).await.unwrap();
    let cookie = browser.cookie.clone();
    assert_eq!(browser.open(&back).await.unwrap().status, 200);
    browser.cookie = cookie;
    let page = browser.open(&back).await.unwrap();
    assert_eq!(page.status, 400);
    assert!(page.body.contains("opened before"), "{page:?}");
    assert_eq!(world.exchanges_of("/oauth/token").len(), 1);
    assert_eq!(world.sandbox.stripe_connected(), [ACCOUNT]);
}

#[tokio::test]
async fn a_person_who_says_no_is_told_so() {
    let world = World::new().await;
    let _daemon = world.oauth(IMPORT, Reach::Public).await;
    let (url, flow) = world.ticket().await;
    let mut browser = Browser::default();
    let sent = browser.open(&url).await.unwrap();
    let stripe = sent.header("location").unwrap().to_owned();
    let back = browser.decide(&stripe, "deny", ACCOUNT).await.unwrap();
    let page = browser.open(&back).await.unwrap();
    assert_eq!(page.status, 400);
    assert!(page.body.contains("said no at Stripe"), "{page:?}");
    let standing = world.json_of_api("GET", &format!("/connect/{flow}")).await;
    assert_eq!(standing["state"], "refused");
    world.until_connection("not-connected").await;
}

#[tokio::test]
async fn another_account_is_refused_and_its_grant_taken_back() {
    let world = World::new().await;
    world.configure_oauth(IMPORT, Reach::Public, Some(ACCOUNT));
    let daemon = world.start().await;
    let said = world.connects(OTHER_ACCOUNT).await;
    assert!(
        said.contains("was taken back") && said.contains(ACCOUNT),
        "{said}"
    );
    assert!(world.sandbox.stripe_connected().is_empty());
    let read = world.sandbox.exchanges().into_iter();
    let read = read
        .filter(|one| one.headers.get("stripe-account").map(String::as_str) == Some(OTHER_ACCOUNT));
    assert_eq!(read.count(), 0, "nothing of it was read");
    world.until_connection("not-connected").await;

    // The store remembers whom it belongs to.
    world.connected().await;
    daemon.stop().await.unwrap();
    world.configure_oauth(IMPORT, Reach::Public, None);
    let daemon = world.start().await;
    let said = world.connects(OTHER_ACCOUNT).await;
    assert!(said.contains("this installation belongs to"), "{said}");
    assert_eq!(
        world.sandbox.stripe_connected(),
        [ACCOUNT],
        "the right one stays"
    );
    let status = world.until_connection("connected").await;
    assert_eq!(status["connection"]["account"], ACCOUNT);

    // Taken back as soon as Stripe answers, also by another start.
    let _fault = world.sandbox.order_fault(
        Fault::next(Remote::Stripe, FaultKind::Unavailable)
            .prefix("/oauth/deauthorize")
            .times(1),
    );
    let said = world.connects(OTHER_ACCOUNT).await;
    assert!(said.contains("as soon as it answers"), "{said}");
    daemon.kill().await.unwrap();
    let _daemon = world.start().await;
    let gone = || (world.sandbox.stripe_connected() == [ACCOUNT]).then_some(());
    assert!(
        until(LONGEST, gone).await.is_some(),
        "{}",
        world.place.log()
    );
}

#[tokio::test]
async fn a_kill_between_code_and_answer_is_settled_as_unknown_and_the_code_never_sent_again() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let daemon = world.oauth(IMPORT, Reach::Public).await;
    let held = FaultKind::Delay { ms: 60_000 };
    let _fault = world
        .sandbox
        .order_fault(Fault::next(Remote::Stripe, held).prefix("/oauth/token"));
    let (url, _) = world.ticket().await;
    let mut browser = Browser::default();
    let coming = async { browser.connect(&url, ACCOUNT).await.map(drop) };
    let asked = until(LONGEST, || {
        (!world.exchanges_of("/oauth/token").is_empty()).then_some(())
    });
    tokio::select! {
        _ = coming => panic!("the answer was held back"),
        asked = asked => assert!(asked.is_some(), "{}", world.place.log()),
    }
    daemon.kill().await.unwrap();
    assert_eq!(
        world.sandbox.stripe_connected(),
        [ACCOUNT],
        "Stripe granted it"
    );

    let _daemon = world.start().await;
    let status = world.until_connection("disconnected").await;
    let reason = status["connection"]["reason"].as_str().unwrap();
    assert!(reason.contains("answer got lost"), "{status}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        world.exchanges_of("/oauth/token").len(),
        1,
        "it is never repeated"
    );
    assert_eq!(world.sandbox.stripe_connected(), [ACCOUNT]);

    world.connected().await;
    world.until_status(|status| status["links"] == 1).await;
    world.email_moves(&pair, "after-a-kill@example.com").await;
}

#[tokio::test]
async fn a_lost_answer_is_not_repeated_and_stripe_is_asked_where_one_account_is_possible() {
    let world = World::new().await;
    let daemon = world.oauth(IMPORT, Reach::Public).await;
    let lost = || {
        let fault = Fault::next(Remote::Stripe, FaultKind::LoseResponse).prefix("/oauth/token");
        let _fault = world.sandbox.order_fault(fault);
    };
    lost();
    let said = world.connects(ACCOUNT).await;
    assert!(
        said.contains("answer got lost") && said.contains("Connect again"),
        "{said}"
    );
    assert_eq!(world.exchanges_of("/oauth/token").len(), 1);
    world.until_connection("disconnected").await;
    daemon.stop().await.unwrap();

    // Only this account is possible, so Stripe can be asked about it.
    world.configure_oauth(IMPORT, Reach::Public, Some(ACCOUNT));
    let _daemon = world.start().await;
    lost();
    let said = world.connects(ACCOUNT).await;
    assert!(said.contains("Stripe says that"), "{said}");
    world.until_connection("connected").await;
    assert_eq!(world.exchanges_of("/oauth/token").len(), 2);
    assert_eq!(world.sandbox.stripe_connected(), [ACCOUNT]);
}

#[tokio::test]
async fn what_stripe_says_about_a_code_is_explained() {
    let world = World::new().await;
    let _daemon = world.oauth(IMPORT, Reach::Public).await;
    world.sandbox.expire_key("sk_test_platform");
    let said = world.connects(ACCOUNT).await;
    assert!(said.contains("does not accept the platform"), "{said}");
    assert!(said.contains("stripe.client_id"), "{said}");
    world.sandbox.allow_key("sk_test_platform");

    let refused = Fault::next(Remote::Stripe, FaultKind::Refuse { status: 400 });
    let _fault = world.sandbox.order_fault(refused.prefix("/oauth/token"));
    let said = world.connects(ACCOUNT).await;
    assert!(said.contains("did not take the code"), "{said}");
    let slow = FaultKind::TooManyRequests {
        reason: None,
        retry_after: None,
    };
    let _fault = world
        .sandbox
        .order_fault(Fault::next(Remote::Stripe, slow).prefix("/oauth/token"));
    let said = world.connects(ACCOUNT).await;
    assert!(said.contains("asked us to slow down"), "{said}");
    world.until_connection("not-connected").await;
    world.connected().await;
}

#[tokio::test]
async fn a_browser_that_goes_away_in_the_middle_changes_nothing() {
    let world = World::new().await;
    let _daemon = world.oauth(IMPORT, Reach::Public).await;
    let slow = FaultKind::Delay { ms: 1_500 };
    let _fault = world
        .sandbox
        .order_fault(Fault::next(Remote::Stripe, slow).prefix("/oauth/token"));
    let (url, flow) = world.ticket().await;
    let mut browser = Browser::default();
    let asked = until(LONGEST, || {
        (!world.exchanges_of("/oauth/token").is_empty()).then_some(())
    });
    tokio::select! {
        _ = browser.connect(&url, ACCOUNT) => panic!("the answer was held back"),
        asked = asked => assert!(asked.is_some(), "{}", world.place.log()),
    }
    world.until_connection("connected").await;
    let standing = world.json_of_api("GET", &format!("/connect/{flow}")).await;
    assert_eq!(standing["state"], "connected", "{standing}");
}
