use super::*;
use crate::model::customer::{Presence, Value};
use crate::remote::outcome::Class;
use crate::remote::testing::{Scripted, StillClock, response, run, shown};
use crate::remote::transport::{Response, TransportError};

const DATE: (&str, &str) = ("date", "Tue, 24 Nov 2026 08:12:31 GMT");
const NOW: Timestamp = Timestamp::from_seconds(1_795_507_951);

struct Bench {
    client: StripeClient,
    transport: Arc<Scripted>,
    clock: StillClock,
}

fn bench(answers: Vec<Result<Response, TransportError>>, account: Option<&str>) -> Bench {
    let transport = Scripted::new(answers);
    let clock = StillClock::new();
    let options = StripeClientOptions {
        api_base: "https://api.stripe.test/".into(),
        key: ApiKey::parse("sk_test_1\n").unwrap(),
        account: account.map(|id| AccountId::parse(id).unwrap()),
        api_version: "2026-05-27.dahlia".into(),
        live: false,
        requests_per_second: 25,
    };
    let client = StripeClient::new(
        options,
        Arc::<Scripted>::clone(&transport),
        Arc::new(clock.clone()),
    );
    Bench {
        client,
        transport,
        clock,
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a line of a script, where other lines are errors"
)]
fn ok(body: &str) -> Result<Response, TransportError> {
    Ok(response(200, &[DATE, ("request-id", "req_1")], body))
}

fn cus(id: &str) -> StripeCustomerId {
    StripeCustomerId::parse(id).unwrap()
}

#[test]
fn a_customer_is_read_as_it_is() {
    let body = r#"{"id":"cus_1","name":"Jane", "livemode":false}"#;
    let b = bench(vec![ok(body)], None);
    assert_eq!(b.client.remote_now(), None);
    let answer = run(&b.clock, b.client.customer(&cus("cus_1"), Priority::Sync)).unwrap();
    assert_eq!(answer.date, Some(NOW));
    assert_eq!(answer.request_id.as_deref(), Some("req_1"));
    assert_eq!(answer.value.payload, body.as_bytes());
    let customer = answer.value.presence.customer().unwrap();
    assert_eq!(customer.value(Field::Name).unwrap(), &Value::text("Jane"));
    assert_eq!(
        b.transport.seen().iter().map(shown).collect::<Vec<_>>(),
        ["GET https://api.stripe.test/v1/customers/cus_1\n\
          authorization: Bearer sk_test_1\n\
          stripe-version: 2026-05-27.dahlia"]
    );
    assert_eq!(
        (b.client.remote_now(), b.client.reads(), b.client.writes()),
        (Some(NOW), 1, 0)
    );
}

#[test]
fn a_write_that_is_not_wanted_when_its_turn_comes_is_not_sent() {
    let b = bench(Vec::new(), None);
    let changes = [("name".to_owned(), "New".to_owned())];
    let (id, wanted) = (cus("cus_1"), || false);
    let write: (&str, Wanted<'_>) = ("key", &wanted);
    let writing = b
        .client
        .update_customer(&id, &changes, write, Priority::Sync);
    let failure = run(&b.clock, writing).unwrap_err();
    assert_eq!(failure.class, Class::Retry { after: None });
    assert!(b.transport.seen().is_empty());
}

#[test]
fn more_tax_ids_than_the_object_shows_are_read_from_their_pages() {
    let tax_id = |id: &str, value: &str| {
        format!(r#"{{"id":"{id}","type":"eu_vat","country":"DE","value":"{value}"}}"#)
    };
    let [first, second] = [("txi_1", "DE1"), ("txi_2", "DE2")].map(|(id, value)| tax_id(id, value));
    let customer = |id: &str, more: bool| {
        format!(
            r#"{{"id":"{id}","name":"Jane","tax_ids":{{"object":"list","data":[{first}],
            "has_more":{more}}}}}"#
        )
    };
    let page = |data: &str, more: bool| format!(r#"{{"data":[{data}],"has_more":{more}}}"#);
    let pages = || [ok(&page(&first, true)), ok(&page(&second, false))];
    let answers = [ok(&customer("cus_1", true))]
        .into_iter()
        .chain(pages())
        .chain([ok(&page(
            &format!("{},{}", customer("cus_2", false), customer("cus_1", true)),
            false,
        ))])
        .chain(pages());
    let b = bench(answers.collect(), None);
    let id = cus("cus_1");
    let read = b.client.customer_in(&id, Detail::TaxIds, Priority::Sync);
    let one = run(&b.clock, read).unwrap().value;
    let listed = b
        .client
        .customers_page(None, Detail::TaxIds, Priority::Sync);
    let listed = run(&b.clock, listed).unwrap().value.items;
    assert_eq!(listed[1], one);
    let held = |seen: &Observed| {
        let customer = seen.presence.customer().unwrap();
        match customer.value(Field::TaxIds) {
            Some(Value::TaxIds(ids)) => ids.len(),
            _ => 0,
        }
    };
    assert_eq!((held(&one), held(&listed[0])), (2, 1));
    let calls: Vec<_> = b
        .transport
        .seen()
        .iter()
        .map(|one| one.url.clone())
        .collect();
    let base = "https://api.stripe.test/v1/customers/cus_1/tax_ids?limit=100";
    assert_eq!(
        calls[1..3],
        [base.to_owned(), format!("{base}&starting_after=txi_1")]
    );
}

#[test]
fn while_nobody_is_connected_nothing_is_sent() {
    let one = || ok(r#"{"id":"acct_1"}"#);
    let b = bench(vec![one(), one()], None);
    b.client.set_acting(Acting::Nobody);
    let failure = run(&b.clock, b.client.account(Priority::Sync)).unwrap_err();
    assert_eq!(failure.class, Class::Unauthorized);
    let failure = run(&b.clock, b.client.customer(&cus("cus_1"), Priority::Sync));
    assert_eq!(failure.unwrap_err().message, "no account is connected");
    assert_eq!((b.transport.seen().len(), b.client.reads()), (0, 0));

    let account = AccountId::parse("acct_1").unwrap();
    run(
        &b.clock,
        b.client.connected_account(&account, Priority::Sync),
    )
    .unwrap();
    run(&b.clock, b.client.own_account(Priority::Sync)).unwrap();
    let named: Vec<bool> = b
        .transport
        .seen()
        .iter()
        .map(|request| request.header("stripe-account") == Some("acct_1"))
        .collect();
    assert_eq!(named, [true, false]);
}

#[test]
fn a_connected_account_is_named_and_a_key_can_be_swapped() {
    let b = bench(
        vec![ok(r#"{"id":"acct_1"}"#), ok(r#"{"id":"acct_1"}"#)],
        Some("acct_1"),
    );
    run(&b.clock, b.client.account(Priority::Sync)).unwrap();
    b.client.set_key(ApiKey::parse("sk_test_2").unwrap());
    run(&b.clock, b.client.account(Priority::Sync)).unwrap();
    let seen = b.transport.seen();
    assert_eq!(seen[0].header("stripe-account"), Some("acct_1"));
    assert_eq!(seen[0].header("authorization"), Some("Bearer sk_test_1"));
    assert_eq!(seen[1].header("authorization"), Some("Bearer sk_test_2"));
    assert!(!format!("{:?} {:?}", seen, b.client).contains("sk_test"));
}

#[test]
fn the_account_says_its_name() {
    let b = bench(
        vec![ok(
            r#"{"id":"acct_1","country":"US","default_currency":"usd",
            "business_profile":{"name":"Public"},"settings":{"dashboard":{"display_name":"Shown"}}}"#,
        )],
        None,
    );
    let account = run(&b.clock, b.client.account(Priority::Sync))
        .unwrap()
        .value;
    assert_eq!(account.name.as_deref(), Some("Shown"));
    assert_eq!(account.id.as_str(), "acct_1");
}

#[test]
fn a_deleted_customer_is_an_answer_and_an_unknown_one_a_failure() {
    let missing = r#"{"error":{"code":"resource_missing","param":"id"}}"#;
    let b = bench(
        vec![
            ok(r#"{"id":"cus_1","object":"customer","deleted":true}"#),
            Ok(response(404, &[], missing)),
            ok(r#"{"id":"cus_2"}"#),
            ok("<html>"),
            Err(TransportError::Lost("reset".into())),
        ],
        None,
    );
    let read = || run(&b.clock, b.client.customer(&cus("cus_1"), Priority::Sync));
    assert_eq!(read().unwrap().value.presence, Presence::Deleted);
    assert_eq!(read().unwrap_err().class, Class::Missing);
    let again = Class::Retry { after: None };
    assert_eq!(read().unwrap_err().class, again, "another customer");
    assert_eq!(read().unwrap_err().class, again, "not json");
    assert_eq!(read().unwrap_err().class, again, "lost");
}

#[test]
fn customers_are_paged_by_their_last_id() {
    let b = bench(
        vec![
            ok(
                r#"{"object":"list","has_more":true,"data":[{"id":"cus_3","name":"A"}, {"no":"id"},
                {"id":"cus_2"}]}"#,
            ),
            ok(r#"{"object":"list","has_more":false,"data":[]}"#),
            ok(r#"{"object":"list","has_more":true,"data":[]}"#),
        ],
        None,
    );
    let page = |after: Option<&StripeCustomerId>| {
        run(
            &b.clock,
            b.client
                .customers_page(after, Detail::Plain, Priority::Scan),
        )
    };
    let first = page(None).unwrap().value;
    assert_eq!(first.next, Some(cus("cus_2")));
    assert_eq!(first.unreadable, 1);
    assert_eq!(first.items[0].payload, br#"{"id":"cus_3","name":"A"}"#);
    let last = page(first.next.as_ref()).unwrap().value;
    assert_eq!((last.items.len(), last.next), (0, None));
    // More without a place to go on from must not look like the end.
    assert!(page(None).is_err());
    let urls: Vec<_> = b.transport.seen().into_iter().map(|r| r.url).collect();
    assert_eq!(
        urls[..2],
        [
            "https://api.stripe.test/v1/customers?limit=100",
            "https://api.stripe.test/v1/customers?limit=100&starting_after=cus_2",
        ]
    );
}

#[test]
fn events_are_asked_for_by_window_and_type() {
    let element = r#"{"id":"evt_2","type":"customer.updated","livemode":false, "created":7,
        "data":{"object":{"id":"cus_1"}}}"#;
    let list = format!(r#"{{"has_more":true,"data":[{element},{{"id":"evt_1"}}]}}"#);
    let aged = r#"{"error":{"message":"it's aged out of our retention policy"}}"#;
    let b = bench(
        vec![ok(&list), Ok(response(400, &[], aged)), ok(element)],
        None,
    );
    let window = EventWindow {
        from: Timestamp::from_micros(5_900_000),
        to: Some(Timestamp::from_seconds(9)),
    };
    let types = ["customer.updated", "customer.deleted"];
    let page = run(
        &b.clock,
        b.client.events_page(window, None, &types, Priority::Sync),
    );
    let page = page.unwrap().value;
    assert_eq!(page.items[0].payload, element.as_bytes());
    assert_eq!(page.items[0].envelope.object, "cus_1");
    assert_eq!(
        (page.unreadable, page.next.clone()),
        (1, Some(EventId::parse("evt_1").unwrap()))
    );
    let open = EventWindow { to: None, ..window };
    let next = b
        .client
        .events_page(open, page.next.as_ref(), &[], Priority::Sync);
    assert_eq!(run(&b.clock, next).unwrap_err().class, Class::CursorGone);
    let one = EventId::parse("evt_2").unwrap();
    let event = run(&b.clock, b.client.event(&one, Priority::Sync))
        .unwrap()
        .value;
    assert_eq!(event, page.items[0]);
    let urls: Vec<_> = b.transport.seen().into_iter().map(|r| r.url).collect();
    assert_eq!(
        urls,
        [
            "https://api.stripe.test/v1/events?limit=100&created%5Bgte%5D=5&created%5Blte%5D=9\
             &types%5B%5D=customer.updated&types%5B%5D=customer.deleted",
            "https://api.stripe.test/v1/events?limit=100&created%5Bgte%5D=5&starting_after=evt_1",
            "https://api.stripe.test/v1/events/evt_2",
        ]
    );
}

#[test]
fn a_limit_slows_what_it_is_about() {
    let limit = |reason: &'static str| {
        Ok(response(
            429,
            &[("stripe-rate-limited-reason", reason), ("retry-after", "2")],
            "",
        ))
    };
    let lock = r#"{"error":{"code":"lock_timeout"}}"#;
    let b = bench(
        vec![
            limit("endpoint-rate"),
            limit("global-rate"),
            Ok(response(429, &[], lock)),
        ],
        None,
    );
    let rates = || -> Vec<u64> { b.client.limiters().iter().map(|l| l.milli_rate).collect() };
    let read = || run(&b.clock, b.client.customer(&cus("cus_1"), Priority::Sync));
    let wait = Class::Retry {
        after: Some(std::time::Duration::from_secs(2)),
    };
    assert_eq!(read().unwrap_err().class, wait);
    assert_eq!(rates(), [25_000, 12_500, 25_000, 25_000, 25_000]);
    assert_eq!(read().unwrap_err().class, wait);
    assert_eq!(rates(), [12_500, 12_500, 25_000, 25_000, 25_000]);
    assert_eq!(read().unwrap_err().code.as_deref(), Some("lock_timeout"));
    assert_eq!(rates(), [12_500, 12_500, 25_000, 25_000, 25_000]);
}

#[test]
fn ids_cannot_leave_their_place_in_the_path() {
    let b = bench(vec![ok("{}"), ok("{}")], None);
    for id in ["cus_1?x=%", ".."] {
        assert!(run(&b.clock, b.client.customer(&cus(id), Priority::Sync)).is_err());
    }
    let urls: Vec<_> = b.transport.seen().into_iter().map(|r| r.url).collect();
    assert_eq!(
        urls,
        [
            "https://api.stripe.test/v1/customers/cus_1%3Fx%3D%25",
            "https://api.stripe.test/v1/customers/%252E%252E",
        ]
    );
}

#[test]
fn a_list_that_does_not_say_whether_it_ends_is_gone_on_from() {
    let b = bench(
        vec![
            ok(r#"{"data":[{"id":"cus_1"}]}"#),
            ok(r#"{"data":[],"has_more":null}"#),
        ],
        None,
    );
    let page = |after| {
        let page = b
            .client
            .customers_page(after, Detail::Plain, Priority::Sync);
        run(&b.clock, page).unwrap().value.next
    };
    let next = page(None);
    assert_eq!(next.as_ref().map(StripeCustomerId::as_str), Some("cus_1"));
    assert_eq!(page(next.as_ref()), None);
}

#[test]
fn a_customer_whose_tax_ids_may_not_be_read_is_read_without_them() {
    let denied = r#"{"error":{"type":"invalid_request_error",
        "message":"Having the 'rak_tax_id_read' permission would allow this request"}}"#;
    let other = r#"{"error":{"type":"invalid_request_error",
        "message":"Having the 'rak_customer_read' permission would allow this request"}}"#;
    let customer = r#"{"id":"cus_1","name":"A"}"#;
    let b = bench(
        vec![
            Ok(response(403, &[], denied)),
            ok(customer),
            ok(customer),
            Ok(response(403, &[], other)),
        ],
        None,
    );
    let read = || {
        let id = StripeCustomerId::parse("cus_1").unwrap();
        let read = b.client.customer_in(&id, Detail::TaxIds, Priority::Sync);
        run(&b.clock, read)
    };
    assert!(!b.client.lacks_tax_ids());
    let seen = read().unwrap().value;
    let customer = seen.presence.customer().unwrap();
    assert_eq!(customer.value(Field::TaxIds), None);
    assert!(b.client.lacks_tax_ids());
    // It is known now, and asked again for another key.
    read().unwrap();
    b.client.set_key(ApiKey::parse("rk_test_2").unwrap());
    assert!(!b.client.lacks_tax_ids());
    // A key that may not read customers at all is another matter.
    assert_eq!(read().unwrap_err().class, Class::Forbidden);
    assert!(!b.client.lacks_tax_ids());
    let urls = b.transport.seen();
    let expanded: Vec<bool> = urls.iter().map(|r| r.url.contains("tax_ids")).collect();
    assert_eq!(expanded, [true, false, false, true]);
}
