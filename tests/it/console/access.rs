//! Tokens at `/api/v1`, and the page where they are made.

use super::{OWN, Visitor};
use crate::support::browser::{Browser, Page};
use crate::support::{WEBHOOKS, World};
use http::Method;
use serde_json::{Value, json};
use std::process::Stdio;
use zenstripe::http::commands::listed;
use zenstripe::model::session::Role;

/// A program with a token.
#[derive(Clone, Debug)]
struct Program {
    base: String,
    bearer: String,
}

const JSON: (&str, &str) = ("content-type", "application/json");

impl World {
    /// A program with a token of this role and name.
    async fn program(&self, role: &str, name: &str) -> Program {
        let made = self
            .json(&["token", "create", "--role", role, "--name", name])
            .await;
        let token = made["token"].as_str().unwrap_or_else(|| panic!("{made}"));
        Program {
            base: self.console().await,
            bearer: format!("Bearer {token}"),
        }
    }
}

impl Program {
    fn token(&self) -> &str {
        self.bearer.strip_prefix("Bearer ").unwrap()
    }

    /// Asks with these headers besides the token.
    async fn ask(&self, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> Page {
        let url = format!("{}{path}", self.base);
        let headers = [&[("authorization", self.bearer.as_str())], more].concat();
        let mut nobody = Browser::default();
        nobody.send(method, &url, &headers, body).await.unwrap()
    }

    async fn get(&self, path: &str) -> Page {
        self.ask("GET", path, &[], "").await
    }

    async fn json(&self, path: &str) -> Value {
        let page = self.get(path).await;
        assert_eq!(page.status, 200, "{path}: {page:?}");
        serde_json::from_str(&page.body).unwrap()
    }
}

#[tokio::test]
async fn every_route_takes_its_role() {
    let world = World::new().await;
    let _daemon = world.linked(WEBHOOKS, 0).await;
    let mut programs = Vec::new();
    for role in Role::ALL {
        programs.push((role, world.program(role.as_str(), role.as_str()).await));
    }
    let nobody = Program {
        bearer: String::new(),
        ..programs[0].1.clone()
    };
    let routes = listed();
    assert!(routes.len() > 30, "{routes:?}");
    // What ends a connection comes last.
    for route in routes {
        let path = route.path.replace("{id}", "7").replace("{run}", "7");
        let path = path.replace("{flow}", "7").replace("{token}", "7");
        let path = path.replace("{invoice}", "7");
        assert!(!path.contains('{'), "{path}");
        let path = format!("/api/v1{path}");
        let body = match route.method {
            Method::POST => "{\"nonsense\":true}",
            _ => "",
        };
        let method = route.method.as_str();
        let page = nobody.ask(method, &path, &[JSON], body).await;
        assert_eq!(page.status, 401, "{method} {path}: {page:?}");
        assert_eq!(page.header("www-authenticate"), Some("Bearer"));
        for (role, program) in &programs {
            let page = program.ask(method, &path, &[JSON], body).await;
            let is_refused = page.status == 403;
            assert_eq!(
                is_refused,
                *role < route.role,
                "{role}: {method} {path}: {page:?}"
            );
            assert!(
                ![401, 405, 500].contains(&page.status),
                "{method} {path}: {page:?}"
            );
            if is_refused {
                assert!(page.body.contains("\"code\":\"role\""), "{page:?}");
            }
        }
    }
    let page = programs[2].1.get("/api/v1/nothing").await;
    assert_eq!(page.status, 404, "{page:?}");
    assert!(page.body.contains("There is no such command."), "{page:?}");
}

#[tokio::test]
async fn roles_are_those_that_people_have_too() {
    let role = |path: &str, method: Method| {
        let found = listed()
            .into_iter()
            .find(|route| route.path == path && route.method == method);
        found.unwrap_or_else(|| panic!("{method} {path}")).role
    };
    for (method, path, expected) in [
        (Method::GET, "/status", Role::Viewer),
        (Method::GET, "/conflicts/{id}", Role::Viewer),
        (Method::POST, "/conflicts/{id}", Role::Operator),
        (Method::POST, "/plan/apply", Role::Operator),
        (Method::POST, "/events/{id}/replay", Role::Operator),
        (Method::POST, "/connect", Role::Admin),
        (Method::POST, "/disconnect", Role::Admin),
        (Method::GET, "/config", Role::Admin),
        (Method::POST, "/reload", Role::Admin),
        (Method::GET, "/tokens", Role::Admin),
        (Method::POST, "/tokens", Role::Admin),
        (Method::POST, "/console/logins", Role::Admin),
    ] {
        assert_eq!(role(path, method), expected, "{path}");
    }
}

#[tokio::test]
async fn viewers_see_no_value_and_no_event_as_it_came() {
    let world = World::new().await;
    let pair = world.pairs(1).remove(0);
    let _daemon = world.linked(WEBHOOKS, 1).await;
    let secret = "Known to operators";
    world
        .sandbox
        .stripe_update_customer(&pair.stripe, &json!({ "name": secret }));
    world.until_zenskar(&pair, "customer_name", secret).await;
    let viewer = world.program("viewer", "dashboard").await;
    let operator = world.program("operator", "support").await;
    let events = viewer.json("/api/v1/events").await;
    let event = events["rows"][0]["id"].as_str().unwrap().to_owned();
    for path in [
        format!("/api/v1/events/{event}"),
        format!("/api/v1/customers/{}", pair.stripe),
    ] {
        let (hidden, shown) = (viewer.get(&path).await, operator.get(&path).await);
        assert_eq!((hidden.status, shown.status), (200, 200), "{path}");
        assert!(shown.body.contains(secret), "{path}: {shown:?}");
        assert!(!hidden.body.contains(secret), "{path}: {hidden:?}");
    }
    let customer = viewer
        .get(&format!("/api/v1/customers/{}", pair.stripe))
        .await;
    assert!(customer.body.contains("\"hidden\""), "{customer:?}");
    let event = viewer.json(&format!("/api/v1/events/{event}")).await;
    assert_eq!(event["payload"], Value::Null, "{event}");
    // That a payload was looked at is noted.
    let activity = viewer.json("/api/v1/activity").await;
    let rows = activity["rows"].as_array().unwrap();
    let shown = rows.iter().find(|row| row["what"] == "event payload shown");
    assert_eq!(shown.unwrap()["who"], "token/support", "{activity}");
    for list in ["customers", "conflicts", "dead", "activity", "plan", "runs"] {
        let page = viewer.get(&format!("/api/v1/{list}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        assert!(!page.body.contains(secret), "{list}: {page:?}");
    }
}

#[tokio::test]
async fn what_is_revoked_expired_or_wrong_lets_nobody_in() {
    let world = World::new().await;
    let daemon = world.linked(WEBHOOKS, 0).await;
    let revoked = world.program("viewer", "revoked").await;
    assert_eq!(revoked.get("/api/v1/status").await.status, 200);
    let done = world.json(&["token", "revoke", "revoked"]).await;
    assert_eq!(done["count"], 1, "{done}");
    assert_eq!(revoked.get("/api/v1/status").await.status, 401);

    let brief = ["token", "create", "--role", "admin", "--ttl", "2s"];
    let made = world.json(&brief).await;
    assert_eq!(made["name"], "token-2", "{made}");
    let expired = Program {
        bearer: format!("bearer {}", made["token"].as_str().unwrap()),
        ..revoked.clone()
    };
    let mut page = expired.get("/api/v1/status").await;
    while page.status == 200 {
        page = expired.get("/api/v1/status").await;
    }
    assert_eq!(page.status, 401, "{page:?}");
    let list = world.json(&["token", "list"]).await;
    assert_eq!(list["rows"][0]["expired"], true, "{list}");
    assert!(list["rows"][0]["used_at"].is_string(), "{list}");

    let kept = world.program("viewer", "kept").await;
    let wrong = Program {
        bearer: format!("Bearer zst_{}", "0".repeat(64)),
        ..revoked.clone()
    };
    assert_eq!(wrong.get("/api/v1/status").await.status, 401);
    // The same token after a restart; the other ones stay as they are.
    daemon.stop().await.unwrap();
    let _daemon = world.start().await;
    let base = world.console().await;
    for (program, expected) in [(kept, 200), (revoked, 401), (expired, 401)] {
        let program = Program {
            base: base.clone(),
            ..program
        };
        assert_eq!(program.get("/api/v1/status").await.status, expected);
    }
}

#[tokio::test]
async fn a_session_opens_no_api_and_a_token_no_page() {
    let world = World::new().await;
    let _daemon = world.linked(WEBHOOKS, 0).await;
    let mut visitor = world.visitor("admin").await;
    let page = visitor.get("/api/v1/status").await;
    assert_eq!(page.status, 401, "{page:?}");
    let url = format!("{}/api/v1/reload", visitor.base);
    let page = visitor.browser.send("POST", &url, &[OWN], "").await;
    assert_eq!(page.unwrap().status, 401);

    let program = world.program("admin", "ci").await;
    for path in ["/", "/access", "/customers", "/live"] {
        let page = program.get(path).await;
        assert_eq!(page.status, 303, "{path}: {page:?}");
        let accept = [("accept", "application/json")];
        let page = program.ask("GET", path, &accept, "").await;
        assert_eq!(page.status, 401, "{path}: {page:?}");
    }
    // A login by a token's text, the token in an address or in a cookie: none of it opens anything.
    let token = program.token().to_owned();
    let mut other = Visitor {
        base: visitor.base.clone(),
        browser: Browser::default(),
    };
    assert_eq!(other.sign_in(&token).await.status, 401);
    for path in ["?token=", "?access_token=", "?bearer="] {
        let page = other.get(&format!("/api/v1/status{path}{token}")).await;
        assert_eq!(page.status, 401, "{page:?}");
    }
    let port = other.base.rsplit(':').next().unwrap();
    other.browser.cookie = Some(format!("zenstripe_{port}={token}; token={token}"));
    assert_eq!(other.get("/api/v1/status").await.status, 401);
    // The listener that faces the world has no API.
    let public = Program {
        base: format!("http://127.0.0.1:{}", world.place.port),
        ..program
    };
    assert_eq!(public.get("/api/v1/status").await.status, 404);
}

#[tokio::test]
async fn other_names_and_other_sites_get_nothing_from_the_api() {
    let world = World::new().await;
    let _daemon = world.linked(WEBHOOKS, 0).await;
    let program = world.program("admin", "ci").await;
    let own = program.base.clone();
    let path = "/api/v1/status";
    for (headers, expected) in [
        (&[][..], 200),
        (&[("host", "attacker.test")], 421),
        (&[("host", "localhost.attacker.test")], 421),
        (&[("origin", "http://attacker.test")], 403),
        (&[("origin", "null")], 403),
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("sec-fetch-site", "same-site")], 403),
        (&[("origin", own.as_str()), OWN], 200),
    ] {
        let page = program.ask("GET", path, headers, "").await;
        assert_eq!(page.status, expected, "{headers:?}: {page:?}");
        let allowed = page.header("access-control-allow-origin");
        assert_eq!(allowed, None, "{headers:?}");
    }
    let asked = [
        ("origin", "http://attacker.test"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization"),
    ];
    let mut nobody = Browser::default();
    let url = format!("{own}{path}");
    let page = nobody.send("OPTIONS", &url, &asked, "").await.unwrap();
    assert_eq!(page.status, 403, "{page:?}");
    assert!(page.header("access-control-allow-headers").is_none());
}

#[tokio::test]
async fn a_program_acts_under_its_name_and_its_token_is_in_no_log() {
    let world = World::new().await;
    world.configure(WEBHOOKS);
    let log = world.place.directory.join("daemon.log");
    let mut command = world.place.command(&["run"]);
    let _daemon = command
        .env("ZENSTRIPE_LOG", "trace")
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let ready = world.output(&["wait", "--ready", "--timeout", "60s"]).await;
    assert!(ready.status.success(), "{ready:?}");
    let program = world.program("operator", "ci").await;
    let page = program.ask("POST", "/api/v1/scan", &[], "").await;
    assert_eq!(page.status, 200, "{page:?}");
    let wrong = Program {
        bearer: program.bearer.replace("zst_", "zst_f"),
        ..program.clone()
    };
    assert_eq!(wrong.get("/api/v1/status").await.status, 401);
    let mut visitor = world.visitor("admin").await;
    let made = visitor
        .post("/access/tokens", "name=page&role=viewer&days=7")
        .await;
    let shown = shown_token(&made);
    world.json(&["token", "revoke", "page"]).await;

    let activity = program.json("/api/v1/activity").await;
    let rows = activity["rows"].as_array().unwrap();
    let by = |what: &str| {
        let row = rows.iter().find(|row| row["what"] == what);
        let row = row.unwrap_or_else(|| panic!("{what}: {activity}"));
        (row["subject"].clone(), row["who"].clone())
    };
    assert_eq!(by("scan asked for"), (json!("scan"), json!("token/ci")));
    assert_eq!(by("token made"), (json!("token/page"), json!("Ann Lee")));
    assert_eq!(by("token revoked").0, "token/page");
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("TRACE") || log.contains("trace"), "{log}");
    assert!(log.contains("token_refused"), "{log}");
    let file = std::fs::read(world.place.directory.join("zenstripe.redb")).unwrap();
    for token in [program.token(), wrong.token(), &shown] {
        let digits = token.strip_prefix("zst_").unwrap();
        assert!(!log.contains(digits), "it is in the log");
        let found = file
            .windows(digits.len())
            .any(|bytes| bytes == digits.as_bytes());
        assert!(!found, "it is in the store");
    }
}

/// The token that a page shows.
fn shown_token(page: &Page) -> String {
    assert_eq!(page.status, 200, "{page:?}");
    let (_, rest) = page.body.split_once("<code data-copy>").unwrap();
    let token = rest.split('<').next().unwrap();
    assert!(token.starts_with("zst_") && token.len() == 68, "{token}");
    token.to_owned()
}

#[tokio::test]
async fn wrong_tokens_make_an_address_wait_and_lock_nobody_out() {
    let world = World::new().await;
    let _daemon = world.linked(WEBHOOKS, 0).await;
    let program = world.program("viewer", "right").await;
    let guesser = Program {
        bearer: format!("Bearer zst_{}", "a".repeat(64)),
        ..program.clone()
    };
    for _ in 0..5 {
        assert_eq!(guesser.get("/api/v1/status").await.status, 401);
    }
    let page = guesser.get("/api/v1/status").await;
    assert_eq!(page.status, 429, "{page:?}");
    assert!(page.body.contains("\"too_many\""), "{page:?}");
    assert_eq!(program.get("/api/v1/status").await.status, 200);
    let mut visitor = world.visitor("viewer").await;
    assert!(visitor.is_signed_in().await, "people are not held up");
}

#[tokio::test]
async fn admins_make_and_end_tokens_on_a_page() {
    let world = World::new().await;
    let _daemon = world.linked(WEBHOOKS, 0).await;
    let mut admin = world.visitor("admin").await;
    assert!(
        admin
            .page("/")
            .await
            .contains("<a href=\"/access\">Access</a>")
    );
    let page = admin.page("/access").await;
    assert!(
        page.contains("No program has a token.") && page.contains("This is you"),
        "{page}"
    );

    let made = admin
        .post("/access/tokens", "name=report&role=viewer&days=30")
        .await;
    let program = Program {
        base: admin.base.clone(),
        bearer: format!("Bearer {}", shown_token(&made)),
    };
    assert_eq!(program.get("/api/v1/status").await.status, 200);
    let page = admin.page("/access").await;
    assert!(
        page.contains("report") && !page.contains(program.token()),
        "{page}"
    );
    for bad in [
        "name=report&role=viewer&days=30",
        "name=a+b&role=viewer&days=30",
        "name=x&role=root&days=30",
        "name=x&role=viewer&days=367",
        "name=x&role=viewer&days=",
    ] {
        let refused = admin.post("/access/tokens", bad).await;
        assert_eq!(refused.header("location"), Some("/access"), "{bad}");
        let page = admin.page("/access").await;
        assert!(page.contains("class=\"note bad\""), "{bad}: {page}");
    }
    let view = admin.json("/access").await;
    let tokens = view["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 1, "{view}");
    let number = tokens[0]["number"].as_u64().unwrap();
    admin
        .post("/access/tokens/revoke", &format!("token={number}"))
        .await;
    assert!(
        admin
            .page("/access")
            .await
            .contains("The token report lets nobody in any more.")
    );
    assert_eq!(program.get("/api/v1/status").await.status, 401);

    let activity = admin.page("/activity").await;
    assert!(
        activity.contains("Token made") && activity.contains("token/report"),
        "{activity}"
    );
}

#[tokio::test]
async fn admins_see_who_is_signed_in_and_end_that_and_nobody_else_does() {
    let world = World::new().await;
    let _daemon = world.linked(WEBHOOKS, 0).await;
    let mut admin = world.visitor("admin").await;
    let mut other = world.visitor("operator").await;
    assert!(!other.page("/").await.contains("/access"));
    for path in ["/access", "/access/tokens"] {
        let page = match path {
            "/access" => other.get(path).await,
            _ => other.post(path, "role=admin&days=7").await,
        };
        assert_eq!(page.status, 403, "{path}: {page:?}");
    }
    let view = admin.json("/access").await;
    let sessions = view["sessions"].as_array().unwrap();
    let operator = sessions.iter().find(|row| row["role"] == "operator");
    let id = operator.unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        world.json(&["console", "--sessions"]).await["rows"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let ended = admin
        .post("/access/sessions/end", &format!("session={id}"))
        .await;
    assert_eq!(ended.header("location"), Some("/access"));
    assert!(!other.is_signed_in().await && admin.is_signed_in().await);
    let activity = admin.page("/activity").await;
    assert!(activity.contains("Session ended"), "{activity}");
}
