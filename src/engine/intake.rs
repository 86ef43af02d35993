//! From the inbox to work: one piece a record, however many events name it.
//!
//! Events are sorted in the order in which they came, many in one short transaction. Nothing is
//! read from a remote here, and nothing is decided but which record an event is about.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::model::work::{Subject, Work};
use crate::model::time::Timestamp;
use crate::store::error::StoreError;
use crate::store::tx::WriteTx;
use crate::sync::subject;
use std::collections::BTreeMap;

/// Events sorted in one transaction. It holds the store's only writer for a few milliseconds, in
/// which webhooks wait for their acknowledgement.
const SORT_MAX: usize = 256;

impl Engine {
    /// Sorts the next events into work. Returns how many there were; zero means all are sorted.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn sort_events(&self) -> Result<usize, EngineError> {
        let now = self.clock.now();
        if self.store.read()?.last_event_sequence()? == self.store.read()?.intake_sequence()? {
            return Ok(0);
        }
        let sorted = self.writer.write("sort events", move |tx| sort(tx, now)).await?;
        if sorted > 0 {
            self.wake.look.notify_one();
        }
        Ok(sorted)
    }
}

fn sort(tx: &mut WriteTx<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let heads = tx.events_after(tx.intake_sequence()?, SORT_MAX)?;
    let Some(last) = heads.last() else {
        return Ok(0);
    };
    tx.set_intake_sequence(last.sequence)?;
    let mut by_subject: BTreeMap<Subject, Vec<u64>> = BTreeMap::new();
    for head in &heads {
        if let Some(subject) = subject::of_event(&head.kind, &head.object) {
            by_subject.entry(subject).or_default().push(head.sequence);
        }
    }
    for (subject, sequences) in by_subject {
        tx.unpark(&subject, now)?;
        let mut work = tx.work(&subject)?.unwrap_or_else(|| Work::new(subject, now));
        for sequence in sequences {
            work.add_event(sequence);
        }
        tx.put_work(&work)?;
    }
    Ok(heads.len())
}
