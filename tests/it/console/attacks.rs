//! What others try: sessions that they chose, other names, other sites' pages, odd paths, large forms.

use super::{OWN, Visitor};
use crate::support::browser::Browser;
use crate::support::{WEBHOOKS, World};

#[tokio::test]
async fn a_session_is_never_the_one_that_a_browser_brings() {
    let world = World::new().await;
    let _daemon = world.linked(WEBHOOKS, 0).await;
    let base = world.console().await;
    let port = base.rsplit(':').next().unwrap();
    let chosen = format!("zenstripe_{port}={}", "a".repeat(64));
    let attacker = || Visitor {
        base: base.clone(),
        browser: Browser {
            cookie: Some(chosen.clone()),
        },
    };
    let mut victim = attacker();
    let token = world.token("admin").await;
    assert_eq!(victim.sign_in(&token).await.status, 303);
    assert_ne!(victim.browser.cookie.as_ref(), Some(&chosen));
    assert!(victim.is_signed_in().await);
    assert!(!attacker().is_signed_in().await);

    // Who signs in again leaves no session behind.
    let mut before = Visitor {
        base: base.clone(),
        browser: victim.browser.clone(),
    };
    let token = world.token("admin").await;
    assert_eq!(victim.sign_in(&token).await.status, 303);
    assert!(!before.is_signed_in().await);
    // A cookie that comes twice is nobody's.
    let twice = victim.browser.cookie.clone().unwrap();
    victim.browser.cookie = Some(format!("{twice}; {twice}"));
    assert!(!victim.is_signed_in().await);
}

#[tokio::test]
async fn another_name_that_leads_here_is_refused() {
    let world = World::new().await;
    let _daemon = world.linked(WEBHOOKS, 0).await;
    let mut visitor = world.visitor("admin").await;
    for path in ["/", "/login", "/live", "/assets/x", "/nothing"] {
        let url = format!("{}{path}", visitor.base);
        let host = [("host", "attacker.test")];
        let page = visitor.browser.send("GET", &url, &host, "").await.unwrap();
        assert_eq!(page.status, 421, "{path}");
    }
    // Nothing in an answer follows the name.
    let url = format!("{}/login", visitor.base);
    let host = [("host", "localhost:1")];
    let page = visitor.browser.send("GET", &url, &host, "").await.unwrap();
    assert!(
        page.status == 200 && !page.body.contains("localhost:1"),
        "{page:?}"
    );
}

#[tokio::test]
async fn what_other_sites_send_changes_nothing() {
    let world = World::new().await;
    let _daemon = world.linked(WEBHOOKS, 0).await;
    let mut visitor = world.visitor("admin").await;
    let key = visitor.form_key().await;
    let right = format!("form_key={key}");
    let host = visitor.base.strip_prefix("http://").unwrap().to_owned();
    let own_origin = visitor.base.clone();
    let other_key = world.visitor("admin").await.form_key().await;
    for (headers, body) in [
        (&[("sec-fetch-site", "cross-site")][..], right.clone()),
        (&[("sec-fetch-site", "same-site")], right.clone()),
        (&[("sec-fetch-site", "none")], right.clone()),
        (&[("origin", "http://attacker.test")], right.clone()),
        (&[("origin", "null")], right.clone()),
        (
            &[("sec-fetch-site", "cross-site"), ("origin", &own_origin)],
            right.clone(),
        ),
        (&[], right.clone()),
        (&[OWN], String::new()),
        (&[OWN], "form_key=".to_owned()),
        (&[OWN], format!("form_key={other_key}")),
    ] {
        let page = visitor.send("/logout", headers, &body).await;
        assert_eq!(page.status, 403, "{headers:?} {body}: {page:?}");
        assert!(page.body.contains("othing was changed"), "{page:?}");
        assert!(visitor.is_signed_in().await, "{headers:?} {body}");
    }
    // By GET nothing is changed at all.
    assert_eq!(visitor.get("/logout").await.status, 405);
    // A browser that does not tell sites apart tells where the page is from.
    let origin = [("origin", own_origin.as_str()), ("host", host.as_str())];
    let page = visitor.send("/logout", &origin, &right).await;
    assert_eq!(
        (page.status, page.header("location")),
        (303, Some("/login"))
    );
    assert!(!visitor.is_signed_in().await);
}

#[tokio::test]
async fn nothing_is_found_by_odd_paths() {
    let world = World::new().await;
    let _daemon = world.linked(WEBHOOKS, 0).await;
    let mut nobody = Visitor {
        base: world.console().await,
        browser: Browser::default(),
    };
    for path in [
        "/live",
        "//",
        "/.",
        "/login/..",
        "/login/../",
        "/assets/../",
        "/assets/..%2f..%2fetc%2fpasswd",
        "/%2e%2e/",
        "/LOGIN/",
        "/login/",
        "/api/v1/status",
        "/api/v1/console/logins",
        "/metrics/../",
        "/%00",
    ] {
        let page = nobody.get(path).await;
        assert!(
            [303, 400, 401, 404].contains(&page.status),
            "{path}: {page:?}"
        );
        let said = page.body.to_lowercase();
        assert!(
            !said.contains("stripe account") && !said.contains("root:"),
            "{path}"
        );
    }
    let url = format!("{}/", nobody.base);
    let accept = [("accept", "application/json")];
    let page = nobody.browser.send("GET", &url, &accept, "").await.unwrap();
    assert_eq!(page.status, 401);
    assert!(page.body.contains("\"unauthenticated\""));
    // A link on another site leaves the cookie at home; the browser is asked again from here.
    let link = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
    ];
    let page = nobody.browser.send("GET", &url, &link, "").await.unwrap();
    assert_eq!(page.status, 200);
    assert!(
        page.body
            .contains("http-equiv=\"refresh\" content=\"0;url=/\""),
        "{page:?}"
    );
    // Nobody is sent elsewhere after the login.
    let token = world.token("viewer").await;
    let form = format!("token={token}&next=//attacker.test/");
    let page = nobody.send("/login", &[OWN], &form).await;
    assert_eq!(page.header("location"), Some("/"));
}

#[tokio::test]
async fn large_forms_and_wrong_tokens_are_cut_off() {
    let world = World::new().await;
    let _daemon = world.linked(WEBHOOKS, 0).await;
    let mut visitor = world.visitor("viewer").await;
    let large = format!("form_key=x&token={}", "x".repeat(17 * 1024));
    for path in ["/login", "/logout"] {
        let page = visitor.send(path, &[OWN], &large).await;
        assert_eq!(page.status, 413, "{path}: {page:?}");
    }
    let json = [OWN, ("content-type", "application/json")];
    let url = format!("{}/logout", visitor.base);
    let page = visitor
        .browser
        .send("POST", &url, &json, "{}")
        .await
        .unwrap();
    assert_eq!(page.status, 415);

    let mut guesser = Visitor {
        base: visitor.base.clone(),
        browser: Browser::default(),
    };
    for _ in 0..5 {
        assert_eq!(guesser.sign_in("guess").await.status, 401);
    }
    let page = guesser.sign_in("guess").await;
    assert_eq!(page.status, 429, "{page:?}");
    assert!(visitor.is_signed_in().await, "who is in stays in");
}
