//! Reads a whole store into a [`Model`], by every way there is.

use super::story::{CUSTOMERS, Model, customer};
use std::collections::BTreeMap;
use zenstripe::model::link::Side;
use zenstripe::model::time::Timestamp;
use zenstripe::model::work::Work;
use zenstripe::store::{ReadTx, Store};

/// Reads everything, by every way there is, and compares the ways with one another.
pub(super) fn read_all(store: &Store) -> Model {
    let tx = store.read().unwrap();
    let mut model = Model {
        intake: tx.intake_cursor().unwrap(),
        poll: tx.poll_cursor().unwrap(),
        reads: tx.reads_since(0).unwrap(),
        ..Model::default()
    };
    for stored in tx.events_after(0, usize::MAX).unwrap() {
        let by_id = tx.event_by_id(&stored.head.id).unwrap().unwrap();
        assert_eq!(by_id.seq, stored.seq);
        assert!(!by_id.pruned);
        model.events.insert(by_id.seq, by_id.event);
    }
    let by_subject = |work: Work| (work.subject.clone(), work);
    model.work = tx
        .work_list(None, usize::MAX)
        .unwrap()
        .into_iter()
        .map(by_subject)
        .collect();
    model.parked = tx
        .parked_list(None, usize::MAX)
        .unwrap()
        .into_iter()
        .map(by_subject)
        .collect();
    for link in tx.links(None, usize::MAX).unwrap() {
        assert_eq!(
            tx.link_by_zenskar(&link.zenskar).unwrap().as_ref(),
            Some(&link)
        );
        model.links.insert(link.stripe.clone(), link);
    }
    for row in tx.outbox(None, usize::MAX).unwrap() {
        let key = (row.intent.link.clone(), row.intent.number);
        model.outbox.insert(key, (row.intent, row.due_at));
    }
    for letter in tx.dead_letters(None, usize::MAX).unwrap() {
        model.dead.insert(letter.number, letter);
    }
    model.differences = tx
        .differences_list(None, usize::MAX)
        .unwrap()
        .into_iter()
        .collect();
    for who in 1..=CUSTOMERS {
        if let Some(mirror) = tx.mirror(Side::Stripe, customer(who).as_str()).unwrap() {
            model.mirrors.insert(customer(who), mirror);
        }
    }
    let page = tx.journal(None, usize::MAX).unwrap();
    assert_eq!(page.next, None);
    model.journal = page
        .entries
        .into_iter()
        .rev()
        .map(|numbered| numbered.entry)
        .collect();
    check_indexes(&tx, &model);
    model
}

/// The indexes and counts say the same as the rows.
fn check_indexes(tx: &ReadTx<'_>, model: &Model) {
    let due = tx.due_work(Timestamp::MAX, usize::MAX).unwrap();
    assert_eq!(due.len(), model.work.len());
    assert!(due.is_sorted_by_key(|work| work.due_at));
    assert_eq!(
        (tx.next_work_due().unwrap(), tx.next_intent_due().unwrap()),
        model.next_due()
    );
    for intent in tx.due_intents(Timestamp::MAX, usize::MAX).unwrap() {
        let key = (intent.link.clone(), intent.number);
        assert_eq!(model.outbox.get(&key).map(|row| &row.0), Some(&intent));
    }
    let mut held = BTreeMap::new();
    for difference in model.differences.values().flatten() {
        *held.entry(difference.why).or_insert(0) += 1;
    }
    assert_eq!(tx.difference_counts().unwrap(), held);
    let rows = tx.rows().unwrap();
    for (table, count) in [
        ("events", model.events.len()),
        ("event_ids", model.events.len()),
        ("work_due", model.work.len()),
        ("links_by_zenskar", model.links.len()),
        ("mirrors", model.mirrors.len()),
    ] {
        assert_eq!(
            rows.get(table).copied(),
            u64::try_from(count).ok(),
            "{table}"
        );
    }
}
