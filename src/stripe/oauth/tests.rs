use super::*;
use crate::remote::testing::{Scripted, StillClock, response, run, shown};
use crate::remote::transport::TransportError;
use crate::stripe::client::StripeClientOptions;

type Answer = Result<Response, TransportError>;

fn platform(answer: Answer) -> (OAuth, StripeClient, Arc<Scripted>, StillClock) {
    let transport = Scripted::new([answer]);
    let clock = StillClock::new();
    let options = StripeClientOptions {
        api_base: "https://api.stripe.test".into(),
        key: ApiKey::parse("sk_test_platform").unwrap(),
        account: None,
        api_version: "v1".into(),
        live: false,
        requests_per_second: 25,
    };
    let sender: Arc<dyn Transport> = Arc::<Scripted>::clone(&transport);
    let oauth = OAuth::new("https://connect.test/", "ca_1", "v1", Arc::clone(&sender));
    let stripe = StripeClient::new(options, sender, Arc::new(clock.clone()));
    (oauth, stripe, transport, clock)
}

const TOKEN: &str = r#"{"access_token":"sk_test_access","refresh_token":"rt_1",
    "token_type":"bearer","stripe_publishable_key":"pk_test_1","stripe_user_id":"acct_1",
    "scope":"read_write","livemode":false}"#;

#[test]
fn the_page_is_asked_for_writing_and_to_come_back() {
    let (oauth, ..) = platform(Ok(response(200, &[], "")));
    assert_eq!(
        oauth.authorize_url("https://a/back", "s&1"),
        "https://connect.test/oauth/authorize?response_type=code&client_id=ca_1&scope=read_write\
         &redirect_uri=https%3A%2F%2Fa%2Fback&state=s%261"
    );
}

#[test]
fn a_code_is_redeemed_with_the_platforms_key() {
    let (oauth, stripe, transport, clock) = platform(Ok(response(200, &[], TOKEN)));
    let tokens = run(&clock, oauth.redeem(&stripe, "ac_1")).unwrap();
    let granted = Granted {
        account: AccountId::parse("acct_1").unwrap(),
        live: false,
        can_write: true,
    };
    assert_eq!(tokens.granted, granted);
    assert_eq!(tokens.access.as_str(), "sk_test_access");
    assert!(!format!("{tokens:?}").contains("sk_test_access"));
    let sent: Vec<String> = transport.seen().iter().map(shown).collect();
    assert_eq!(
        sent,
        ["POST https://connect.test/oauth/token\n\
          content-type: application/x-www-form-urlencoded\n\
          stripe-version: v1\n\n\
          client_secret=sk_test_platform&grant_type=authorization_code&code=ac_1"]
    );
}

#[test]
fn what_came_of_a_code_is_said_by_the_answer() {
    let said = |status, word: &str| {
        let body = format!(
            r#"{{"error":"{word}","error_description":"Authorization code does not exist: ac_1"}}"#
        );
        Ok(response(status, &[], &body))
    };
    for (answer, class) in [
        (said(400, "invalid_grant"), Class::Refused),
        (said(400, "invalid_request"), Class::Refused),
        (said(401, "invalid_client"), Class::Unauthorized),
        (said(400, "invalid_client"), Class::Unauthorized),
        (said(429, ""), Class::Retry { after: None }),
        (said(500, ""), Class::Unknown),
        (said(409, ""), Class::Unknown),
        (Ok(response(200, &[], "{}")), Class::Unknown),
        (
            Ok(response(200, &[], &TOKEN.replace("acct_1", ""))),
            Class::Unknown,
        ),
        (Err(TransportError::Lost("reset".into())), Class::Unknown),
        (
            Err(TransportError::NotSent("refused".into())),
            Class::Retry { after: None },
        ),
    ] {
        let (oauth, stripe, _, clock) = platform(answer);
        let failure = run(&clock, oauth.redeem(&stripe, "ac_1")).unwrap_err();
        assert_eq!(failure.class, class, "{failure:?}");
        assert!(!format!("{failure:?}").contains("ac_1"), "{failure:?}");
    }
}

#[test]
fn a_grant_is_taken_back_once_and_for_all() {
    let account = AccountId::parse("acct_1").unwrap();
    let said = |status, text: &str| {
        let body = format!(r#"{{"error":"invalid_client","error_description":"{text}"}}"#);
        Ok(response(status, &[], &body))
    };
    for (answer, ok) in [
        (
            Ok(response(200, &[], r#"{"stripe_user_id":"acct_1"}"#)),
            true,
        ),
        (
            said(
                401,
                "This application is not connected to stripe account acct_1",
            ),
            true,
        ),
        (said(401, "Invalid API Key provided"), false),
        (Err(TransportError::Lost("reset".into())), false),
    ] {
        let (oauth, stripe, transport, clock) = platform(answer);
        let done = run(&clock, oauth.deauthorise(&stripe, &account));
        assert_eq!(done.is_ok(), ok, "{done:?}");
        let sent = shown(&transport.seen()[0]);
        assert!(
            sent.contains("authorization: Bearer sk_test_platform"),
            "{sent}"
        );
        assert!(
            sent.ends_with("client_id=ca_1&stripe_user_id=acct_1"),
            "{sent}"
        );
    }
}
