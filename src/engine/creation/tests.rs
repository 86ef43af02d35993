use super::*;
use crate::engine::linking::{make_link, new_link};
use crate::engine::look::Looked;
use crate::engine::settings::Settings;
use crate::engine::testing::{Bench, Script, says};
use crate::model::creation::{Sent, Stage};
use crate::model::customer::{Field, Value};
use crate::model::difference::{Difference, Held};
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::{Link, LinkProof};
use crate::model::work::Work;
use crate::remote::transport::TransportError;
use crate::sync::creation::{Creates, Since, Switched};
use crate::sync::lag::READ_LAG;

/// The remotes' time; creating was switched on then.
const NOW: i64 = 2_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn cus(id: &str) -> StripeCustomerId {
    StripeCustomerId::parse(id).unwrap()
}

fn zen(id: &str) -> ZenskarCustomerId {
    ZenskarCustomerId::parse(id).unwrap()
}

fn ours() -> Subject {
    Subject::Customer(cus("cus_1"))
}

fn theirs() -> Subject {
    Subject::Unlinked(zen("z1"))
}

const BOTH: Creates = Creates {
    stripe: true,
    zenskar: true,
};

/// An engine that creates on both sides, and one creation.
fn bench(stripe: Script, zenskar: Script, creation: Creation) -> Bench {
    let bench = Bench::new(stripe, zenskar);
    let settings = Settings {
        creates: BOTH,
        ..(*bench.engine.settings()).clone()
    };
    bench.engine.set_settings(settings);
    let since = Some(Since {
        here: at(1),
        source: Some(at(NOW)),
    });
    bench.write(move |tx| {
        tx.set_switched(&Switched {
            stripe: since,
            zenskar: since,
        })?;
        tx.put_creation(&creation)?;
        tx.note_parked(&creation.subject, "it waits", at(2))
    });
    bench
}

impl Bench {
    fn create(&self, subject: &Subject) -> Created {
        self.run(self.engine.create(subject)).unwrap()
    }

    fn row(&self, subject: &Subject) -> Option<Creation> {
        let read = self.engine.store.read().unwrap();
        read.creation(subject).unwrap()
    }

    fn why(&self, subject: &Subject) -> String {
        let read = self.engine.store.read().unwrap();
        let parked = read.parked(subject).unwrap();
        parked
            .and_then(|parked| parked.last_error)
            .unwrap_or_default()
    }

    fn made(&self) -> Option<Link> {
        let read = self.engine.store.read().unwrap();
        read.link(&cus("cus_1")).unwrap()
    }
}

/// What was asked: method and path, and for what is made the key.
fn asked(remote: &crate::remote::testing::Scripted) -> Vec<String> {
    let seen = remote.seen().into_iter();
    let base = |url: &str| {
        url.replace("http://stripe", "")
            .replace("http://zenskar", "")
    };
    seen.map(|request| format!("{} {}", request.method, base(&request.url)))
        .collect()
}

fn stripe_customer(metadata: &str) -> String {
    format!(
        r#"{{"id":"cus_1","object":"customer","created":5,"name":"Ann","email":"a@b.c",
        "phone":null,"address":null,"shipping":null,"preferred_locales":[],
        "tax_ids":{{"data":[],"has_more":false}},"metadata":{{{metadata}}}}}"#
    )
}

const NAMES_IT: &str = r#""zenstripe_zenskar_customer":"z1""#;

fn zenskar_customer() -> &'static str {
    r#"{"id":"z1","customer_name":"Ann","email":"a@b.c","external_id":null,"custom_data":{},
    "ship_to_address":null,"tax_info":[],"created_at":"1970-01-01T00:00:05"}"#
}

fn list(rows: &str) -> String {
    format!(r#"{{"object":"list","data":[{rows}],"has_more":false}}"#)
}

const NOBODY: &str = r#"{"results":[],"next":null}"#;
const UNMAPPED: &str = r#"{"connector_name":"stripe","reference_id":null}"#;

fn yes(body: &str) -> Result<crate::remote::transport::Response, TransportError> {
    says(200, NOW, body)
}

fn sent(at: Timestamp, body: Option<&str>) -> Sent {
    Sent {
        values: [
            (Field::Name, Value::text("Ann")),
            (Field::Email, Value::text("a@b.c")),
        ]
        .into(),
        body: body.map(str::to_owned),
        at,
    }
}

fn unknown(subject: Subject, since: Timestamp, request: Sent) -> Creation {
    Creation {
        attempts: 1,
        number: 1,
        ordered_by: Some("bea".to_owned()),
        request: Some(request),
        ..Creation::new(subject, Stage::Unknown(since), at(0))
    }
}

fn offered(subject: Subject) -> Creation {
    Creation::new(subject, Stage::Offered, at(0))
}

#[test]
fn who_was_there_before_is_made_when_a_person_orders_it() {
    let zenskar = vec![
        yes(NOBODY),
        yes(NOBODY),
        yes(NOBODY),
        yes(zenskar_customer()),
        yes(r#"{"connector_name":"stripe","reference_id":"cus_1"}"#),
    ];
    let bench = bench(vec![yes(&stripe_customer(""))], zenskar, offered(ours()));
    assert_eq!(bench.create(&ours()), Created::Skipped);
    let read = bench.engine.store.read().unwrap();
    assert_eq!(rows::offered(&read, BOTH, None, 9).unwrap().len(), 1);
    assert_eq!(rows::offered_count(&read, BOTH).unwrap(), 1);
    let stripe_alone = Creates {
        zenskar: false,
        ..BOTH
    };
    assert_eq!(rows::offered(&read, stripe_alone, None, 9).unwrap(), []);
    assert_eq!(rows::offered_count(&read, stripe_alone).unwrap(), 0);
    drop(read);
    let order = |bench: &Bench| bench.write(|tx| rows::order(tx, &ours(), "bea", at(9)));
    assert!(order(&bench));
    assert!(!order(&bench), "it is ordered already");
    assert_eq!(bench.why(&ours()), "it is being created in zenskar");
    let due = bench.engine.due_creations(at(9), 9).unwrap();
    assert_eq!(due.len(), 1);

    assert_eq!(bench.create(&ours()), Created::Linked);
    let link = bench.made().unwrap();
    assert_eq!((link.zenskar, link.proof), (zen("z1"), LinkProof::Created));
    assert_eq!(link.base.get(&Field::Name), Some(&Value::text("Ann")));
    assert_eq!(link.base.get(&Field::Phone), Some(&Value::Blank));
    assert_eq!(bench.row(&ours()), None);
    assert_eq!(bench.why(&ours()), "");
    let journal = ["customer linked", "customer created", "creation ordered"];
    assert_eq!(bench.journal(), journal);
    let find = "GET /customers?external_id=cus_1&limit=100";
    let calls = [
        find,
        "GET /customers?email=a%40b.c&limit=100",
        find,
        "POST /customers",
        "GET /customers/z1/connector/stripe",
    ];
    assert_eq!(asked(&bench.zenskar), calls);
}

#[test]
fn an_order_of_who_has_a_counterpart_after_all_is_a_question() {
    let held = list(&stripe_customer(""));
    let ordered = Creation {
        ordered_by: Some("bea".to_owned()),
        ..Creation::new(theirs(), Stage::Waiting, at(0))
    };
    let bench = bench(
        vec![yes(&held)],
        vec![yes(zenskar_customer()), yes(UNMAPPED)],
        ordered,
    );
    assert_eq!(bench.create(&theirs()), Created::Question);
    let why = "not created in stripe: a customer of Stripe has its address of e-mail";
    assert_eq!(bench.why(&theirs()), why);
    assert_eq!(bench.row(&theirs()), None);
    assert_eq!(bench.journal(), ["creation withdrawn"]);
}

#[test]
fn whom_metadata_name_is_made_only_once_they_say_something_else() {
    let ordered = || Creation {
        ordered_by: Some("bea".to_owned()),
        ..Creation::new(theirs(), Stage::Waiting, at(0))
    };
    let zenskar = || vec![yes(zenskar_customer()), yes(UNMAPPED)];
    let named = |bench: &Bench| bench.write(|tx| tx.note_named(&zen("z1"), &cus("cus_1")));
    let held = vec![yes(&stripe_customer(NAMES_IT)), yes(&list(""))];
    let named_yet = bench(held, zenskar(), ordered());
    named(&named_yet);
    assert_eq!(named_yet.create(&theirs()), Created::Question);
    let why = "not created in stripe: the metadata of cus_1 name it";
    assert_eq!(named_yet.why(&theirs()), why);

    let made = stripe_customer(NAMES_IT).replace("cus_1", "cus_2");
    let held = vec![yes(&stripe_customer("")), yes(&list("")), yes(&made)];
    let renamed = bench(held, zenskar(), ordered());
    named(&renamed);
    assert_eq!(renamed.create(&theirs()), Created::Linked);
    let read = renamed.engine.store.read().unwrap();
    assert_eq!(read.named_by(&zen("z1"), 9).unwrap(), []);
    let link = read.link_by_zenskar(&zen("z1")).unwrap().unwrap();
    assert_eq!(link.stripe, cus("cus_2"));
}

#[test]
fn zenskar_is_looked_at_until_its_reads_cannot_lag_and_asked_again_only_then() {
    let since = at(1_000_000);
    let row = unknown(ours(), since, sent(since, None));
    let zenskar = vec![
        yes(NOBODY),
        yes(NOBODY),
        yes(NOBODY),
        yes(NOBODY),
        yes(NOBODY),
        Err(TransportError::Lost("reset".into())),
        yes(r#"{"results":[{"id":"z1","external_id":"cus_1","customer_name":"Ann"}],"next":null}"#),
        says(400, NOW, r#"{"detail":"No stripe integration"}"#),
    ];
    let customer = || yes(&stripe_customer(""));
    let bench = bench(vec![customer(), customer()], zenskar, row);
    assert_eq!(bench.create(&ours()), Created::Later);
    let lost_at = since.plus(READ_LAG);
    assert_eq!(bench.row(&ours()).unwrap().due_at, lost_at);
    assert_eq!(asked(&bench.zenskar).len(), 1);
    bench.clock.set(lost_at);
    assert_eq!(bench.create(&ours()), Created::Later);
    let again = bench.row(&ours()).unwrap();
    assert!(matches!(again.stage, Stage::Unknown(since) if since >= lost_at));
    assert_eq!(again.attempts, 2);
    assert_eq!(asked(&bench.zenskar).last().unwrap(), "POST /customers");
    // That one arrived, though its answer was lost.
    assert_eq!(bench.create(&ours()), Created::Linked);
    let posts = asked(&bench.zenskar);
    assert!(
        !posts.iter().any(|call| call.starts_with("POST")),
        "{posts:?}"
    );
    assert_eq!(bench.made().unwrap().base.get(&Field::Email), None);
}

fn keys(bench: &Bench) -> Vec<String> {
    let seen = bench.stripe.seen().into_iter();
    let posts = seen.filter(|request| request.method == http::Method::POST);
    posts
        .map(|request| {
            let key = request
                .headers
                .iter()
                .find(|(name, _)| *name == "idempotency-key");
            key.map(|(_, value)| value.expose().to_owned())
                .unwrap_or_default()
        })
        .collect()
}

#[test]
fn stripe_is_sent_the_same_again_while_it_surely_knows_the_key() {
    let row = unknown(theirs(), at(1_000_000), sent(at(999_000), Some("name=Ann")));
    let stripe = vec![
        Err(TransportError::Lost("reset".into())),
        yes(&stripe_customer(NAMES_IT)),
    ];
    let zenskar = vec![yes(zenskar_customer()), yes(zenskar_customer())];
    let bench = bench(stripe, zenskar, row);
    assert_eq!(bench.create(&theirs()), Created::Later);
    assert_eq!(bench.row(&theirs()).unwrap().number, 1);
    assert_eq!(bench.create(&theirs()), Created::Linked);
    let keys = keys(&bench);
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]));
    assert!(keys[0].contains("/create/z1/1/"), "{keys:?}");
    let base = bench.made().unwrap().base;
    assert_eq!(base.get(&Field::Email), Some(&Value::text("a@b.c")));
}

#[test]
fn stripe_is_looked_at_once_it_may_have_forgotten_the_key() {
    let day_ago = at(1_000_000 - 86_400);
    let row = unknown(theirs(), day_ago, sent(day_ago, Some("name=Ann")));
    let made = list(&stripe_customer(NAMES_IT));
    let found = bench(vec![yes(&made)], vec![yes(zenskar_customer())], row.clone());
    assert_eq!(found.create(&theirs()), Created::Linked);
    assert_eq!(
        asked(&found.stripe),
        ["GET /v1/customers?email=a%40b.c&limit=100"]
    );

    // It was not made: another request, once everything was asked again.
    let stripe = vec![
        yes(&list("")),
        yes(&list("")),
        yes(&list("")),
        yes(&stripe_customer(NAMES_IT)),
    ];
    let zenskar = vec![yes(zenskar_customer()), yes(UNMAPPED)];
    let anew = bench(stripe, zenskar, row);
    assert_eq!(anew.create(&theirs()), Created::Linked);
    let keys = keys(&anew);
    assert_eq!(keys.len(), 1);
}

#[test]
fn an_answer_that_stripe_keeps_under_the_key_is_not_asked_for_again() {
    let waiting = Creation {
        ordered_by: Some("bea".to_owned()),
        ..Creation::new(theirs(), Stage::Waiting, at(0))
    };
    let stripe = vec![
        yes(&list("")),
        says(500, NOW, r#"{"error":{"type":"api_error"}}"#),
        yes(&list(&stripe_customer(NAMES_IT))),
    ];
    let zenskar = vec![
        yes(zenskar_customer()),
        yes(UNMAPPED),
        yes(zenskar_customer()),
    ];
    let bench = bench(stripe, zenskar, waiting);
    assert_eq!(bench.create(&theirs()), Created::Later);
    assert_eq!(bench.row(&theirs()).unwrap().request.unwrap().body, None);
    assert_eq!(bench.create(&theirs()), Created::Linked);
    assert_eq!(keys(&bench).len(), 1);
}

/// A person gave it another address meanwhile: looked for by the old one, it was made twice.
#[test]
fn a_customer_that_was_made_is_found_by_what_names_it_whatever_its_address_is_now() {
    let day_ago = at(1_000_000 - 86_400);
    let mut request = sent(day_ago, Some("name=Ann"));
    let moved = stripe_customer(NAMES_IT).replace("a@b.c", "ann@b.c");
    let other = stripe_customer("").replace("cus_1", "cus_2");
    let first = list(&other).replace("false}", "true}");
    let pages = || vec![yes(&list("")), yes(&first), yes(&list(&moved))];
    let with = unknown(theirs(), day_ago, request.clone());
    request.values.remove(&Field::Email);
    let without = unknown(theirs(), day_ago, request);
    for (row, stripe) in [(with, pages()), (without, pages().split_off(1))] {
        let bench = bench(stripe, vec![yes(zenskar_customer())], row);
        assert_eq!(bench.create(&theirs()), Created::Linked);
        let since = 1_000_000 - 86_400 - 3_600;
        let calls = [
            "GET /v1/customers?email=a%40b.c&limit=100".to_owned(),
            format!("GET /v1/customers?created%5Bgte%5D={since}&limit=100"),
            format!("GET /v1/customers?created%5Bgte%5D={since}&limit=100&starting_after=cus_2"),
        ];
        assert!(calls.ends_with(&asked(&bench.stripe)), "{calls:?}");
    }
}

#[test]
fn where_one_of_those_made_since_cannot_be_read_a_person_decides() {
    let day_ago = at(1_000_000 - 86_400);
    let row = unknown(theirs(), day_ago, sent(day_ago, Some("name=Ann")));
    let damaged = list(r#"{"id":7}"#);
    let stripe = vec![yes(&list("")), yes(&damaged)];
    let bench = bench(stripe, vec![yes(zenskar_customer())], row);
    assert_eq!(bench.create(&theirs()), Created::Dead);
    assert!(bench.why(&theirs()).contains("is not known"));
    assert_eq!(bench.create(&theirs()), Created::Skipped);
    bench.write(|tx| rows::retry(tx, &theirs(), at(9)));
    assert_eq!(bench.row(&theirs()).unwrap().stage, Stage::Waiting);
}

/// One answer that does not know the customer was taken for its deletion.
#[test]
fn one_answer_that_does_not_know_the_customer_is_not_its_deletion() {
    let row = Creation {
        ordered_by: Some("bea".to_owned()),
        ..Creation::new(theirs(), Stage::Waiting, at(0))
    };
    let gone = || says(404, NOW, "{}");
    let made = vec![yes(&list("")), yes(&stripe_customer(NAMES_IT))];
    let zenskar = vec![gone(), yes(zenskar_customer()), yes(UNMAPPED)];
    let back = bench(made, zenskar, row.clone());
    assert_eq!(back.create(&theirs()), Created::Later);
    let known = back.row(&theirs()).unwrap();
    assert_eq!(known.due_at, known.gone_at.unwrap().plus(READ_LAG));
    assert_eq!(back.create(&theirs()), Created::Linked);

    let waiting = Creation {
        gone_at: Some(at(1)),
        ..row
    };
    let gone = bench(Vec::new(), vec![gone()], waiting);
    assert_eq!(gone.create(&theirs()), Created::Question);
    assert_eq!(gone.why(&theirs()), "not created in stripe: it is deleted");
}

#[test]
fn what_was_not_sent_is_dropped_when_creating_is_switched_off() {
    let waiting = Creation::new(ours(), Stage::Waiting, at(0));
    let bench = bench(Vec::new(), Vec::new(), waiting);
    let settings = Settings {
        creates: Creates::default(),
        ..(*bench.engine.settings()).clone()
    };
    bench.engine.set_settings(settings);
    assert_eq!(bench.create(&ours()), Created::Question);
    assert_eq!(bench.row(&ours()), None);
    assert_eq!(bench.why(&ours()), "creating in zenskar is switched off");
}

/// A refusal says nothing of the request before it, which may have made the customer.
#[test]
fn after_a_request_of_unknown_outcome_a_refusal_is_looked_into() {
    let row = unknown(theirs(), at(999_000), sent(at(999_000), Some("name=Ann")));
    let stripe = vec![
        says(400, NOW, r#"{"error":{"type":"invalid_request_error"}}"#),
        yes(&list(&stripe_customer(NAMES_IT))),
    ];
    let zenskar = vec![yes(zenskar_customer()), yes(zenskar_customer())];
    let bench = bench(stripe, zenskar, row);
    assert_eq!(bench.create(&theirs()), Created::Later);
    assert_eq!(bench.create(&theirs()), Created::Linked);
    assert_eq!(keys(&bench).len(), 1);
}

/// Somebody linked the customer with another one while its counterpart was made.
#[test]
fn a_customer_that_was_made_in_vain_is_said_to_be() {
    let since = at(1_000_000);
    let row = unknown(ours(), since, sent(since, None));
    let zenskar = vec![
        yes(r#"{"results":[{"id":"z1","external_id":"cus_1","customer_name":"Ann"}],"next":null}"#),
        yes(UNMAPPED),
    ];
    let bench = bench(vec![yes(&stripe_customer(""))], zenskar, row);
    // The other end: a link of the customer that was made.
    let other = new_link(&cus("cus_9"), &zen("z1"), LinkProof::Person, at(3));
    bench.write(move |tx| make_link(tx, &other, "bea", at(3)).map(drop));
    assert_eq!(bench.create(&ours()), Created::Question);
    let why = bench.why(&ours());
    assert!(
        why.contains("z1 was made for it in zenskar, and cus_9"),
        "{why}"
    );
    assert_eq!(bench.journal()[0], "created customer not linked");
    assert_eq!((bench.row(&ours()), bench.made()), (None, None));
}

#[test]
fn an_event_that_comes_before_the_answer_makes_the_same_link() {
    let row = unknown(theirs(), at(5), sent(at(5), None));
    let bench = bench(Vec::new(), Vec::new(), row.clone());
    let by_event = new_link(&cus("cus_1"), &zen("z1"), LinkProof::Metadata, at(3));
    let by_answer = Link {
        base: [(Field::Name, Value::text("Ann"))].into(),
        ..new_link(&cus("cus_1"), &zen("z1"), LinkProof::Created, at(4))
    };
    let shown = |why| Difference {
        field: Field::Email,
        stripe: Value::text("A@b.c"),
        zenskar: Value::text("a@b.c"),
        base: None,
        why,
    };
    let own = shown(Held::NotTaken);
    let claimed = bench.write(move |tx| {
        make_link(tx, &by_event, "engine", at(3))?;
        // The look that the event asked for could not know whose form that is.
        tx.put_differences(&cus("cus_1"), &[shown(Held::NoBase)])?;
        outcome::link_created(tx, &row, (&by_answer, &[own]), at(4))
    });
    assert_eq!(claimed, None);
    let read = bench.engine.store.read().unwrap();
    let shown = read.differences(&cus("cus_1")).unwrap();
    assert_eq!(
        shown.iter().map(|one| one.why).collect::<Vec<_>>(),
        [Held::NotTaken]
    );
    let link = bench.made().unwrap();
    assert_eq!((link.proof, link.version), (LinkProof::Created, 2));
    assert_eq!(link.base.get(&Field::Name), Some(&Value::text("Ann")));
}

/// Its answer was lost and its event came first: linked by that, nobody knew what both agreed on,
/// and what was edited since was a question for a person.
#[test]
fn a_customer_that_a_request_may_have_made_is_linked_by_its_creation() {
    let row = unknown(theirs(), at(999_000), sent(at(999_000), Some("name=Ann")));
    let looks = [
        yes(zenskar_customer()),
        yes(NOBODY),
        yes(NOBODY),
        yes(UNMAPPED),
    ];
    let edited = zenskar_customer().replace("Ann", "Bea");
    let stripe = vec![
        yes(&stripe_customer(NAMES_IT)),
        yes(&stripe_customer(NAMES_IT)),
    ];
    let zenskar = looks.into_iter().chain([yes(&edited)]).collect();
    let bench = bench(stripe, zenskar, row);
    let work = Work {
        asked: 1,
        ..Work::new(ours(), at(1))
    };
    bench.write(move |tx| tx.put_work(&work));
    let looked = bench.run(bench.engine.look_at(&ours())).unwrap();
    assert_eq!(looked, Looked::Postponed);
    assert_eq!(bench.made(), None);
    assert_eq!(bench.create(&theirs()), Created::Linked);
    assert!(
        keys(&bench).is_empty(),
        "it is there: nothing is sent again"
    );
    let link = bench.made().unwrap();
    assert_eq!(link.base.get(&Field::Name), Some(&Value::text("Ann")));
}

#[test]
fn a_link_ends_the_creations_of_both_its_customers() {
    let row = unknown(ours(), at(5), sent(at(5), None));
    let bench = bench(Vec::new(), Vec::new(), row);
    let link = new_link(&cus("cus_1"), &zen("z1"), LinkProof::Person, at(3));
    bench.write(move |tx| {
        tx.put_creation(&offered(theirs()))?;
        tx.put_work(&Work::new(theirs(), at(3)))?;
        make_link(tx, &link, "bea", at(3)).map(drop)
    });
    assert_eq!((bench.row(&ours()), bench.row(&theirs())), (None, None));
    assert!(
        bench
            .journal()
            .contains(&"creation overtaken by link".to_owned())
    );
    assert_eq!(bench.create(&ours()), Created::Skipped);
}
