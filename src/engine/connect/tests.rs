use super::*;
use crate::engine::testing::{Bench, Script, says};
use crate::model::connection::GrantState;
use crate::model::id::OrganisationId;
use crate::remote::testing::drive;
use crate::store::{Identity, KEY_BYTES, Mode, Sealer};
use crate::stripe::client::Acting;
use crate::stripe::oauth::OAuth;

fn acct(id: &str) -> AccountId {
    AccountId::parse(id).unwrap()
}

fn sealer() -> Sealer {
    Sealer::new(&[1; KEY_BYTES]).unwrap()
}

fn bench(stripe: Script) -> Bench {
    let mut bench = Bench::new(stripe, Vec::new());
    let transport: Arc<dyn crate::remote::transport::Transport> = bench.stripe.clone();
    let site = Site {
        sealer: sealer(),
        platform: Some(Platform {
            oauth: OAuth::new("http://connect", "ca_1", "v1", transport),
            pages: Some("https://here".to_owned()),
        }),
        webhook_url: None,
        account: None,
        mode: Mode::Test,
        organisation: OrganisationId::parse("org-1").unwrap(),
    };
    bench.engine = bench.engine.at(site);
    bench
}

fn token(account: &str) -> String {
    format!(
        r#"{{"access_token":"sk_test_a","refresh_token":"rt_1","token_type":"bearer",
            "stripe_user_id":"{account}","scope":"read_write","livemode":false}}"#
    )
}

/// A browser goes to Stripe and comes back with a code.
fn come_back(bench: &Bench) -> Landing {
    let engine = &bench.engine;
    let begun = engine.begin_connecting("alice").unwrap();
    let (page, ticket) = begun.url.split_once("?ticket=").unwrap();
    assert_eq!(page, "https://here/oauth/stripe/start");
    let departure = engine.depart(ticket).unwrap();
    assert!(departure.is_secure);
    let (_, state) = departure.location.split_once("&state=").unwrap();
    let back = Back {
        state: Some(state.to_owned()),
        code: Some("ac_1".to_owned()),
        error: None,
        browser: Some(departure.browser.to_string()),
    };
    let mut landing = None;
    let slot = &mut landing;
    drive(
        &bench.clock,
        vec![
            Box::pin(async move { *slot = Some(engine.arrive(back).await) }),
            Box::pin(async move { engine.tend_connection().await.map(drop).unwrap() }),
        ],
    );
    landing.unwrap()
}

#[test]
fn a_grant_binds_a_new_store_and_its_tokens_are_sealed() {
    let bench = bench(vec![says(200, 5, &token("acct_1"))]);
    bench.run(bench.engine.resume_connection()).unwrap();
    assert_eq!(bench.engine.stripe.acting(), Acting::Nobody);
    let landing = come_back(&bench);
    assert!(landing.connected, "{landing:?}");
    let read = bench.engine.store.read().unwrap();
    assert_eq!(read.identity().unwrap().unwrap().account, acct("acct_1"));
    assert_eq!(read.grant().unwrap().held(), Some(&acct("acct_1")));
    let sealed = read.secret(TOKENS).unwrap().unwrap();
    let opened = sealer().open(TOKENS, &sealed).unwrap();
    assert!(String::from_utf8_lossy(&opened).contains("sk_test_a"));
    assert_eq!(bench.engine.stripe.acting(), Acting::For(acct("acct_1")));
    assert!(!bench.engine.gate.is_closed(Side::Stripe));
    let entry = read.journal(None, 1).unwrap().entries.remove(0).entry;
    assert_eq!(
        (entry.what.as_str(), entry.who.as_str()),
        ("connected", "alice")
    );
}

#[test]
fn a_grant_of_another_account_than_the_stores_is_taken_back() {
    let bench = bench(vec![
        says(200, 5, &token("acct_2")),
        says(200, 6, r#"{"stripe_user_id":"acct_2"}"#),
    ]);
    bench.write(|tx| {
        tx.set_identity(&Identity {
            account: acct("acct_1"),
            mode: Mode::Test,
            organisation: OrganisationId::parse("org-1").unwrap(),
        })
    });
    let landing = come_back(&bench);
    assert!(!landing.connected);
    assert!(landing.message.contains("was taken back"), "{landing:?}");
    let asked = bench.stripe.seen();
    assert_eq!(asked.len(), 2, "nothing of it is read");
    assert!(asked[1].url.ends_with("/oauth/deauthorize"));
    let read = bench.engine.store.read().unwrap();
    assert_eq!(read.grant().unwrap(), Grant::default());
    assert_eq!(read.secret(TOKENS).unwrap(), None);
    assert_eq!(bench.journal(), ["grant taken back", "connection refused"]);
}

#[test]
fn a_start_settles_what_a_crash_left_without_asking_again() {
    let bench = bench(Vec::new());
    let now = bench.clock_now();
    bench.write(move |tx| {
        let grant = tx.grant()?;
        tx.set_grant(&decide::redeeming(&grant, now))
    });
    bench.run(bench.engine.resume_connection()).unwrap();
    let grant = bench.engine.store.read().unwrap().grant().unwrap();
    assert_eq!(grant.redeeming, None);
    let GrantState::Ended { account, why, .. } = grant.state else {
        panic!("{grant:?}");
    };
    assert_eq!((account, why), (None, Ended::Unsettled));
    assert_eq!(bench.journal(), ["connection refused"]);
    assert!(bench.stripe.seen().is_empty());
    assert!(bench.engine.gate.is_closed(Side::Stripe));
}

#[test]
fn a_connection_that_stripe_does_not_know_ends_and_comes_back_by_itself() {
    let gone = r#"{"error":{"type":"invalid_request_error","code":"account_invalid"}}"#;
    let bench = bench(vec![
        says(403, 5, gone),
        says(403, 6, gone),
        says(200, 7, r#"{"id":"acct_1"}"#),
    ]);
    let now = bench.clock_now();
    bench.write(move |tx| tx.set_grant(&decide::accepted(&Grant::default(), &acct("acct_1"), now)));
    bench.run(bench.engine.resume_connection()).unwrap();
    let tend = || bench.run(bench.engine.tend_connection()).unwrap();
    let held = || {
        let grant = bench.engine.store.read().unwrap().grant().unwrap();
        grant.held().is_some()
    };
    tend();
    assert!(!held());
    assert_eq!(bench.engine.stripe.acting(), Acting::Nobody);
    tend();
    assert_eq!(bench.stripe.seen().len(), 1, "not asked again at once");
    bench.later(60);
    tend();
    assert!(!held());
    bench.engine.credentials_changed();
    tend();
    assert!(held(), "new credentials are tried at once");
    assert_eq!(bench.engine.stripe.acting(), Acting::For(acct("acct_1")));
    assert_eq!(bench.journal(), ["connected", "disconnected"]);
}
