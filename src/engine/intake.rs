//! From the inbox to work: one piece a record, however many events name it.
//!
//! Events are sorted in the order in which they came, many in one short transaction. Nothing is
//! read from a remote here, and nothing is decided but which record an event is about.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::store::Sorted;
use crate::sync::subject;

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
        let read = self.store.read()?;
        if read.last_seq()? == read.intake_cursor()? {
            return Ok(0);
        }
        drop(read);
        let now = self.clock.now();
        let is_off = self.settings().policy.direction.is_none();
        let taken = self
            .writer
            .write("sort events", move |tx| {
                tx.take_in(SORT_MAX, now, |_, stored| {
                    let subject = subject::of_event(&stored.head.kind, &stored.head.object);
                    // While sync is off nothing moves, and what differs when it is switched on is
                    // a question for a person: no event asks for a look.
                    let subject = subject.filter(|_| !is_off);
                    Ok(subject.map_or(Sorted::Ignored, Sorted::Work))
                })
            })
            .await?;
        if taken.work > 0 {
            self.wake.look.notify_one();
        }
        Ok(taken.events)
    }
}
