use super::*;
use crate::model::id::AccountId;
use crate::remote::client::ApiKey;
use crate::remote::testing::{Scripted, StillClock, response, run, shown};
use crate::stripe::client::StripeClientOptions;
use std::collections::BTreeSet;
use std::sync::Arc;

fn client(status: u16, body: &str) -> (StripeClient, Arc<Scripted>, StillClock) {
    let transport = Scripted::new([Ok(response(status, &[], body))]);
    let clock = StillClock::new();
    let options = StripeClientOptions {
        api_base: "https://api.stripe.test".into(),
        key: ApiKey::parse("sk_test_1").unwrap(),
        account: Some(AccountId::parse("acct_1").unwrap()),
        api_version: "v1".into(),
        live: false,
        requests_per_second: 25,
    };
    let (sender, time) = (Arc::clone(&transport), Arc::new(clock.clone()));
    (StripeClient::new(options, sender, time), transport, clock)
}

fn wanted() -> Wanted {
    Wanted {
        url: "https://a/b".to_owned(),
        events: BTreeSet::from(["customer.updated".to_owned()]),
        api_version: "v1".to_owned(),
        connect: true,
    }
}

const ONE: &str = r#"{"id":"we_1","object":"webhook_endpoint","url":"https://a/b",
    "enabled_events":["customer.updated"],"api_version":"v1","status":"disabled",
    "metadata":{"zenstripe_installation":"aa"},"secret":"whsec_1"}"#;

#[test]
fn one_is_made_on_the_platform_and_its_secret_is_never_shown() {
    let (client, transport, clock) = client(200, ONE);
    let form = form_of(&wanted(), "aa");
    let made = run(&clock, client.make_endpoint(&form, "k", Priority::Sync));
    let made = made.unwrap().value;
    assert_eq!(made.secret.as_str(), "whsec_1");
    assert!(!format!("{made:?}").contains("whsec_1"));
    assert_eq!(made.seen.installation.as_deref(), Some("aa"));
    assert!(!made.seen.enabled);
    let sent: Vec<String> = transport.seen().iter().map(shown).collect();
    assert_eq!(
        sent,
        ["POST https://api.stripe.test/v1/webhook_endpoints\n\
          authorization: Bearer sk_test_1\n\
          stripe-version: v1\n\
          content-type: application/x-www-form-urlencoded\n\
          idempotency-key: k\n\n\
          url=https%3A%2F%2Fa%2Fb&description=zenstripe\
          &metadata%5Bzenstripe_installation%5D=aa&enabled_events%5B%5D=customer.updated\
          &api_version=v1&connect=true"],
        "without Stripe-Account"
    );
}

#[test]
fn one_without_its_secret_may_have_been_made() {
    let (client, _, clock) = client(200, &ONE.replace("whsec_1", ""));
    let made = run(&clock, client.make_endpoint("", "k", Priority::Sync));
    assert_eq!(made.unwrap_err().class, Class::Unknown);
}

#[test]
fn deleting_what_is_gone_is_done() {
    let gone = r#"{"error":{"code":"resource_missing","type":"invalid_request_error"}}"#;
    for (status, body, ok) in [(200, "{}", true), (404, gone, true), (403, "{}", false)] {
        let (client, transport, clock) = client(status, body);
        let deleted = run(&clock, client.delete_endpoint("we_1", Priority::Sync));
        assert_eq!(deleted.is_ok(), ok, "{status}");
        assert_eq!(transport.seen()[0].method, Method::DELETE);
    }
}

#[test]
fn a_list_is_read() {
    let list = format!(r#"{{"data":[{ONE}],"has_more":true}}"#);
    let (client, transport, clock) = client(200, &list);
    let page = run(&clock, client.endpoints_page(Some("we_0"), Priority::Sync));
    let page = page.unwrap().value;
    assert_eq!(page.next.as_deref(), Some("we_1"));
    assert_eq!(page.items[0].events, wanted().events);
    let url = &transport.seen()[0].url;
    assert!(url.ends_with("?limit=100&starting_after=we_0"), "{url}");
}
