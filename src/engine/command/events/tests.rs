use super::*;
use crate::engine::testing::Bench;
use crate::model::event::Event;
use crate::model::time::Timestamp;
use crate::store::PreparedEvent;

/// More than one page of a filtered list looks at.
const MANY: u64 = 2_100;

fn event(number: u64, kind: &str, object: &str) -> PreparedEvent {
    let event = Event {
        id: EventId::parse(&format!("evt_{number}")).unwrap(),
        kind: kind.to_owned(),
        object: object.to_owned(),
        account: None,
        created: Timestamp::from_seconds(1),
        api_version: None,
        channel: Channel::Webhook,
        received_at: Timestamp::from_seconds(2),
        payload: b"{}".to_vec(),
    };
    PreparedEvent::new(&event).unwrap()
}

/// Two events of customers, and then [`MANY`] of invoices.
fn bench() -> Bench {
    let bench = Bench::new(Vec::new(), Vec::new());
    let mut events = vec![
        event(1, "customer.updated", "cus_1"),
        event(2, "customer.tax_id.created", "cus_1"),
    ];
    events.extend((0..MANY).map(|number| event(number + 3, "invoice.paid", "in_1")));
    bench.write(move |tx| {
        for event in &events {
            tx.insert_event(event)?;
        }
        Ok(())
    });
    bench
}

fn of(kind: &str, state: Option<EventState>) -> EventFilter {
    EventFilter {
        kind: (!kind.is_empty()).then(|| kind.to_owned()),
        state,
    }
}

fn page(bench: &Bench, filter: &EventFilter, after: Option<&str>) -> (Vec<String>, Option<String>) {
    let page = bench.engine.events(filter, after, 50).unwrap();
    let ids = page.rows.into_iter().map(|row| row.id);
    (ids.collect(), page.next)
}

#[test]
fn a_page_looks_at_so_many_events_and_the_next_goes_on() {
    let bench = bench();
    let (none, next) = page(&bench, &of("customer.", None), None);
    assert!(none.is_empty());
    let last = MANY + 2 + 1 - u64::try_from(EVENTS_SEARCHED).unwrap();
    assert_eq!(next, Some(last.to_string()));
    let rest = page(&bench, &of("customer.", None), next.as_deref());
    assert_eq!(rest, (vec!["evt_2".to_owned(), "evt_1".to_owned()], None));
    let exact = page(&bench, &of("customer.updated", None), next.as_deref());
    assert_eq!(exact, (vec!["evt_1".to_owned()], None));
    let beginning = page(&bench, &of("customer", None), next.as_deref());
    assert_eq!(beginning, (Vec::new(), None), "a type ends where it ends");
}

#[test]
fn a_full_page_goes_on_where_it_ended_and_the_last_one_ends() {
    let bench = bench();
    let filter = of("invoice.paid", Some(EventState::NotOurs));
    for filter in [EventFilter::default(), filter] {
        let (rows, next) = page(&bench, &filter, None);
        assert_eq!((rows.len(), rows[0].as_str()), (50, "evt_2102"));
        assert_eq!(next.as_deref(), Some("2053"));
        let (rows, _) = page(&bench, &filter, next.as_deref());
        assert_eq!(rows[0], "evt_2052");
    }
    let (rows, next) = page(&bench, &EventFilter::default(), Some("51"));
    assert_eq!((rows.len(), next), (50, None), "nothing is after it");
}

#[test]
fn events_are_found_by_what_they_came_to() {
    let bench = bench();
    let customers = |state| page(&bench, &of("customer.", Some(state)), Some("3")).0;
    assert_eq!(customers(EventState::Received), ["evt_2", "evt_1"]);
    bench.write(|tx| tx.set_intake_cursor(1));
    assert_eq!(customers(EventState::Received), ["evt_2"]);
    assert_eq!(customers(EventState::Done), ["evt_1"]);
    let names: Vec<_> = EventState::ALL.map(EventState::as_str).into();
    assert_eq!(names.len(), 6);
}

#[test]
fn a_look_at_a_payload_is_noted_and_the_head_shows_none() {
    let bench = bench();
    let head = bench.engine.event_head("evt_1").unwrap();
    assert_eq!((head.payload, head.pruned), (None, false));
    assert!(bench.journal().is_empty());
    for (id, subject) in [("evt_1", "customer/cus_1"), ("evt_3", "event/evt_3")] {
        let shown = bench.run(bench.engine.show_payload(id, "ann")).unwrap();
        assert_eq!(shown.payload.as_deref(), Some("{}"));
        let read = bench.engine.store.read().unwrap();
        let entry = read.journal(None, 1).unwrap().entries.remove(0).entry;
        assert_eq!(
            (entry.what.as_str(), entry.who.as_str()),
            ("event payload shown", "ann")
        );
        assert_eq!(entry.subject, subject);
        assert_eq!(entry.details, [("event".to_owned(), id.to_owned())]);
    }
    let missing = bench.engine.event_head("evt_0");
    assert!(matches!(missing, Err(CommandError::NotFound(_))));
}
