use super::*;
use crate::model::customer::{Field, Value};
use crate::model::intent::Change;
use crate::remote::testing::{Scripted, StillClock, response, run, shown};
use crate::remote::transport::{Response, TransportError};

const DATE: (&str, &str) = ("date", "Tue, 24 Nov 2026 08:12:31 GMT");
const NOW: Timestamp = Timestamp::from_seconds(1_795_507_951);

struct Bench {
    client: ZenskarClient,
    transport: Arc<Scripted>,
    clock: StillClock,
}

fn bench(answers: Vec<Result<Response, TransportError>>) -> Bench {
    let transport = Scripted::new(answers);
    let clock = StillClock::new();
    let options = ZenskarClientOptions {
        api_base: "https://api.zenskar.test".into(),
        key: ApiKey::parse("key-1").unwrap(),
        organisation: OrganisationId::parse("org-1").unwrap(),
        rates: Rates { start: 5, max: 50 },
    };
    let client = ZenskarClient::new(
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
fn answer(status: u16, body: &str) -> Result<Response, TransportError> {
    Ok(response(status, &[DATE], body))
}

fn id(text: &str) -> ZenskarCustomerId {
    ZenskarCustomerId::parse(text).unwrap()
}

fn urls(transport: &Scripted) -> Vec<String> {
    let seen = transport.seen();
    let base = "https://api.zenskar.test";
    let path = |url: &str| url.strip_prefix(base).unwrap().to_owned();
    seen.iter().map(|request| path(&request.url)).collect()
}

fn look(b: &Bench) -> Look {
    match run(&b.clock, b.client.customer(&id("z1"), Priority::Sync))
        .unwrap()
        .value
    {
        Found::Here(look) => *look,
        Found::Gone => panic!("it is gone"),
    }
}

#[test]
fn a_customer_is_read_as_it_is() {
    let body = r#"{"id":"z1", "customer_name":"Acme"}"#;
    let b = bench(vec![answer(200, body)]);
    let look = look(&b);
    assert_eq!((look.date(), b.client.remote_now()), (Some(NOW), Some(NOW)));
    assert_eq!(look.seen().payload, body.as_bytes());
    assert_eq!(
        b.transport.seen().iter().map(shown).collect::<Vec<_>>(),
        ["GET https://api.zenskar.test/customers/z1\n\
          x-api-key: key-1\n\
          organisation: org-1\n\
          apiversion: 20230501\n\
          accept: application/json"]
    );
    assert_eq!((b.client.reads(), b.client.writes()), (1, 0));
}

#[test]
fn a_customer_that_is_not_there_is_gone() {
    let b = bench(vec![
        answer(404, r#"{"detail":"Customer not found"}"#),
        answer(200, " null\n"),
        answer(404, "<html>"),
        answer(200, r#"{"id":"z2"}"#),
        answer(200, "[]"),
    ]);
    let read = || run(&b.clock, b.client.customer(&id("z1"), Priority::Sync));
    for _ in 0..2 {
        let gone = read().unwrap();
        assert_eq!(
            (gone.value.presence(), gone.date),
            (Presence::Deleted, Some(NOW))
        );
    }
    // A page that is not Zenskar's says nothing about a customer.
    for _ in 0..3 {
        assert_eq!(read().unwrap_err().class, Class::Retry { after: None });
    }
}

#[test]
fn a_write_that_is_not_wanted_when_its_turn_comes_is_not_sent() {
    let b = bench(vec![answer(200, r#"{"id":"z1","customer_name":"Old"}"#)]);
    let look = look(&b);
    b.transport.seen();
    let change = Change {
        from: Value::text("Old"),
        to: Value::text("New"),
    };
    let changes = [(Field::Name, change)].into();
    let writing = b
        .client
        .update_customer(look, &changes, &|| false, Priority::Sync);
    let failure = run(&b.clock, writing).unwrap_err();
    assert_eq!(failure.class, Class::Retry { after: None });
    assert!(b.transport.seen().is_empty());
}

#[test]
fn a_write_sends_what_changes_and_reads_what_came_of_it() {
    let b = bench(vec![
        answer(200, r#"{"id":"z1","customer_name":"Old","email":"a@b.c"}"#),
        answer(200, r#"{"id":"z1","customer_name":"New","email":"a@b.c"}"#),
    ]);
    let look = look(&b);
    b.transport.seen();
    let change = Change {
        from: Value::text("Old"),
        to: Value::text("New"),
    };
    let changes = [(Field::Name, change)].into();
    let done = run(
        &b.clock,
        b.client
            .update_customer(look, &changes, &|| true, Priority::Sync),
    )
    .unwrap();
    assert_eq!(done.date, Some(NOW));
    let now = done.value.unwrap();
    assert_eq!(
        now.customer.value(Field::Name).unwrap(),
        &Value::text("New")
    );
    assert_eq!(
        b.transport.seen().iter().map(shown).collect::<Vec<_>>(),
        ["PATCH https://api.zenskar.test/customers/z1\n\
          x-api-key: key-1\n\
          organisation: org-1\n\
          apiversion: 20230501\n\
          accept: application/json\n\
          content-type: application/json\n\n\
          {\"customer_name\":\"New\"}"]
    );
    assert_eq!((b.client.reads(), b.client.writes()), (1, 1));
}

#[test]
fn a_write_says_what_is_known_of_it() {
    let changes = Changes::new();
    for (result, expected) in [
        (answer(200, r#"{"id":"z1"}"#), Ok(true)),
        (answer(200, ""), Ok(false)),
        (answer(200, "null"), Ok(false)),
        (answer(200, r#"{"id":"z2"}"#), Ok(false)),
        (answer(422, r#"{"detail":[]}"#), Err(Class::Refused)),
        (answer(500, ""), Err(Class::Unknown)),
        (answer(404, r#"{"detail":"gone"}"#), Err(Class::Missing)),
        (
            Err(TransportError::Lost("reset".into())),
            Err(Class::Unknown),
        ),
        (
            Err(TransportError::NotSent("refused".into())),
            Err(Class::Retry { after: None }),
        ),
    ] {
        let b = bench(vec![answer(200, r#"{"id":"z1"}"#), result]);
        let look = look(&b);
        let done = run(
            &b.clock,
            b.client
                .update_customer(look, &changes, &|| true, Priority::Sync),
        );
        let done = done
            .map(|done| done.value.is_some())
            .map_err(|failure| failure.class);
        assert_eq!(done, expected);
    }
}

#[test]
fn customers_are_paged_by_cursor() {
    let b = bench(vec![
        answer(
            200,
            r#"{"results":[{"id":"z1"},{"no":"id"}],"next":"a+b="}"#,
        ),
        answer(200, r#"{"data":[{"id":"z2"}],"next":"a+b="}"#),
        answer(400, r#"{"detail":"bad cursor"}"#),
    ]);
    let page =
        |cursor: Option<&str>| run(&b.clock, b.client.customers_page(cursor, Priority::Scan));
    let first = page(None).unwrap().value;
    assert_eq!((first.items.len(), first.unreadable), (1, 1));
    assert_eq!(first.next.as_deref(), Some("a+b="));
    // A cursor that leads to itself ends the list.
    let second = page(first.next.as_deref()).unwrap().value;
    assert_eq!((second.items.len(), second.next), (1, None));
    assert_eq!(page(Some("old")).unwrap_err().class, Class::CursorGone);
    assert_eq!(
        urls(&b.transport),
        [
            "/customers?limit=100&order=created_at",
            "/customers?limit=100&order=created_at&cursor=a%2Bb%3D",
            "/customers?limit=100&order=created_at&cursor=old",
        ]
    );
}

#[test]
fn a_filter_is_checked_again() {
    let rows = r#"{"results":[{"id":"z1","external_id":"cus_1","email":"Jane@Example.com"},
        {"id":"z2","external_id":"CUS_1","email":"jane@example.com "},{"id":"z3"}]}"#;
    let one = r#"{"results":[{"id":"z1","external_id":"cus_1"}],"next":null}"#;
    let b = bench(vec![answer(200, rows), answer(200, rows), answer(200, one)]);
    let ids = |matches: &Matches| -> Vec<String> {
        matches
            .customers
            .iter()
            .map(|seen| seen.id.to_string())
            .collect()
    };
    let by_id = || {
        run(
            &b.clock,
            b.client.customers_by_external_id("cus_1", Priority::Sync),
        )
    };
    let found = by_id().unwrap().value;
    assert_eq!(
        (ids(&found), found.complete),
        (vec!["z1".to_owned()], false)
    );
    let found = b
        .client
        .customers_by_email(" jane@example.com", Priority::Sync);
    let found = run(&b.clock, found).unwrap().value;
    assert_eq!(
        (ids(&found), found.complete),
        (vec!["z1".to_owned(), "z2".to_owned()], false)
    );
    let found = by_id().unwrap().value;
    assert_eq!((ids(&found), found.complete), (vec!["z1".to_owned()], true));
    assert_eq!(
        urls(&b.transport),
        [
            "/customers?external_id=cus_1&limit=100",
            "/customers?email=jane%40example.com&limit=100",
            "/customers?external_id=cus_1&limit=100",
        ]
    );
}

#[test]
fn a_mapping_names_or_denies_or_says_nothing() {
    let no_answer = |text: &str| Ok(Mapping::NoAnswer(text.to_owned()));
    let names = Mapping::Names(StripeCustomerId::parse("cus_1").unwrap());
    for (status, body, expected) in [
        (
            200,
            r#"{"connector_name":"stripe","reference_id":"cus_1"}"#,
            Ok(names),
        ),
        (200, "null", Ok(Mapping::Nothing)),
        (
            200,
            r#"{"connector_name":"stripe","reference_id":null}"#,
            Ok(Mapping::Nothing),
        ),
        (200, r#"{"reference_id":""}"#, Ok(Mapping::Nothing)),
        (200, "{}", no_answer("its form is not understood")),
        (
            200,
            r#"{"reference_id":5}"#,
            no_answer("its form is not understood"),
        ),
        (
            200,
            r#"{"reference_id":"a b"}"#,
            no_answer("its reference is no id of stripe"),
        ),
        (
            200,
            r#"{"connector_name":"xero","reference_id":"cus_1"}"#,
            no_answer("it speaks of the connector \"xero\""),
        ),
        (
            400,
            r#"{"detail":"resource deleted on connector"}"#,
            no_answer("resource deleted on connector"),
        ),
        (
            404,
            r#"{"detail":"Customer not found"}"#,
            Err(Class::Missing),
        ),
        (422, r#"{"detail":[]}"#, Err(Class::Refused)),
        (500, "", Err(Class::Retry { after: None })),
        (200, "<html>", Err(Class::Retry { after: None })),
    ] {
        let b = bench(vec![answer(status, body)]);
        let mapping = run(&b.clock, b.client.mapping(&id("z1"), Priority::Scan));
        let mapping = mapping.map(|m| m.value).map_err(|failure| failure.class);
        assert_eq!(mapping, expected, "{status} {body}");
        assert_eq!(urls(&b.transport), ["/customers/z1/connector/stripe"]);
    }
}

#[test]
fn too_many_slows_the_client_and_a_key_can_be_swapped() {
    let b = bench(vec![
        Ok(response(429, &[("retry-after", "4")], "")),
        answer(503, ""),
        answer(200, r#"{"id":"z1"}"#),
    ]);
    let read = || run(&b.clock, b.client.customer(&id("z1"), Priority::Sync));
    let start = b.clock.now();
    let wait = Class::Retry {
        after: Some(Duration::from_secs(4)),
    };
    assert_eq!(read().unwrap_err().class, wait);
    assert_eq!(b.client.limiters()[0].milli_rate, 2_500);
    b.client.set_key(ApiKey::parse("key-2").unwrap());
    assert!(read().is_err());
    let waited = b.clock.now().since(start);
    assert_eq!(waited, Duration::from_secs(4));
    assert_eq!(b.client.limiters()[0].milli_rate, 1_250);
    assert!(read().is_ok());
    let seen = b.transport.seen();
    assert_eq!(seen[0].header("x-api-key"), Some("key-1"));
    assert_eq!(seen[1].header("x-api-key"), Some("key-2"));
    assert!(
        !format!("{seen:?} {:?}", b.client).contains("key-"),
        "{seen:?}"
    );
}

#[test]
fn a_customer_is_made_once_for_each_look_that_shows_nobody() {
    let stripe = StripeCustomerId::parse("cus_1").unwrap();
    let nobody = r#"{"results":[],"next":null}"#;
    let made = r#"{"id":"z1","customer_name":"Ann","external_id":"cus_1"}"#;
    let others = r#"{"results":[{"id":"z2","external_id":"cus_2"}],"next":null}"#;
    let b = bench(vec![
        answer(200, nobody),
        answer(200, made),
        answer(200, nobody),
        answer(200, others),
    ]);
    let absent = |b: &Bench| run(&b.clock, b.client.absent(&stripe, Priority::Sync)).unwrap();
    let create = |b: &Bench, absence| {
        let values = [(Field::Name, Value::text("Ann"))].into();
        run(
            &b.clock,
            b.client
                .create_customer(absence, &values, true, Priority::Sync),
        )
    };
    let Lookup::Absent(absence) = absent(&b).value else {
        panic!("nobody has it");
    };
    let seen = create(&b, absence).unwrap();
    assert_eq!(seen.value.unwrap().external_id.as_deref(), Some("cus_1"));
    let post = b.transport.seen().pop().unwrap();
    assert!(shown(&post).starts_with("POST https://api.zenskar.test/customers\n"));

    // One that waited for long is too old, and nothing is sent.
    let Lookup::Absent(absence) = absent(&b).value else {
        panic!("nobody has it");
    };
    b.clock.set(b.clock.now().plus(LOOK_SERVES * 2));
    let failure = create(&b, absence).unwrap_err();
    assert_eq!(failure.class, Class::Retry { after: None });
    // A filter that was ignored proves nothing.
    assert!(matches!(absent(&b).value, Lookup::Held(found) if found.customers.is_empty()));
}
