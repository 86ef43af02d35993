//! The next step of a collection, and how a step that failed is tried again.

use super::entry;
use crate::engine::Engine;
use crate::engine::backoff;
use crate::engine::error::EngineError;
use crate::engine::gate::PARKED_FOR;
use crate::model::charge::{ChargeLine, LineState};
use crate::model::collection::{Collection, Stage};
use crate::model::journal::Entry;
use crate::model::time::Timestamp;
use crate::remote::outcome::{Class, Failure};

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stepped {
    /// The collection moved.
    Moved,
    /// It waits, for a time or for a person.
    Waits,
    /// Somebody else works on the invoice, or moved the collection meanwhile.
    Skipped,
}

impl Engine {
    /// Takes the next step of a collection.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn step(&self, collection: &Collection) -> Result<Stepped, EngineError> {
        let Some(_claim) = self.collecting.take(&collection.invoice) else {
            return Ok(Stepped::Skipped);
        };
        // It may have moved since it was listed.
        let read = self.store.read()?;
        let stored = read.collection(&collection.invoice, collection.number)?;
        drop(read);
        let Some(collection) = stored.filter(|stored| stored == collection) else {
            return Ok(Stepped::Skipped);
        };
        let stepped = match collection.stage {
            Stage::Waiting | Stage::Unknown(_) => self.find_out(&collection).await,
            Stage::Open => self.read_intent(&collection).await,
            Stage::Closing(_) => self.close(&collection).await,
            Stage::Booking | Stage::BookingUnknown(_) => self.book(&collection).await,
            Stage::Settling => self.see_settled(&collection).await,
            Stage::Booked | Stage::Ended(_) => Ok(Stepped::Skipped),
        };
        match stepped {
            Err(EngineError::Remote(failure)) => self.put_off(&collection, &failure).await,
            stepped => stepped,
        }
    }

    /// A read on the way to the next step failed: it is taken later.
    pub(super) async fn put_off(
        &self,
        collection: &Collection,
        failure: &Failure,
    ) -> Result<Stepped, EngineError> {
        let now = self.clock.now();
        let attempts = collection.attempts.saturating_add(1);
        let wait = match failure.class {
            Class::Unauthorized => {
                self.park(failure);
                PARKED_FOR
            }
            _ => backoff::wait(&collection.name(), attempts, failure.retry_after()),
        };
        let after = Collection {
            due_at: Some(now.plus(wait)),
            note: Some(failure.in_words()),
            // What a booking counts are looks.
            attempts: match collection.stage {
                Stage::BookingUnknown(_) | Stage::Open => collection.attempts,
                _ => attempts,
            },
            ..collection.clone()
        };
        self.move_on("put collection off", collection, after, None)
            .await?;
        Ok(Stepped::Waits)
    }

    /// A person has to look: nothing is due any more, the lease stays.
    pub(super) async fn leave_to_person(
        &self,
        collection: &Collection,
        why: &str,
    ) -> Result<Stepped, EngineError> {
        let now = self.clock.now();
        tracing::error!(
            event = "collection_awaits_person",
            invoice = %collection.invoice,
            collection = collection.number,
            stage = collection.stage.as_str(),
        );
        let after = Collection {
            due_at: None,
            note: Some(why.to_owned()),
            ..collection.clone()
        };
        let entry = entry(now, "collection waits for a person", &after).with("why", &why);
        self.move_on(
            "leave collection to a person",
            collection,
            after,
            Some(entry),
        )
        .await?;
        Ok(Stepped::Waits)
    }

    /// Writes what became of a collection, unless it moved meanwhile; and what that means for the
    /// line of a charge run that it is of.
    pub(super) async fn move_on(
        &self,
        name: &'static str,
        before: &Collection,
        after: Collection,
        entry: Option<Entry>,
    ) -> Result<Stepped, EngineError> {
        let before = before.clone();
        let is_due = after.due_at.is_some();
        let moved = self
            .writer
            .write(name, move |tx| {
                if !tx.move_collection(&before, &after)? {
                    return Ok(false);
                }
                if let Some(entry) = &entry {
                    tx.append_journal(entry)?;
                }
                Ok(true)
            })
            .await?;
        if moved && is_due {
            self.wake.collecting.notify_one();
        }
        Ok(if moved {
            Stepped::Moved
        } else {
            Stepped::Skipped
        })
    }

    /// The request of a collection surely never left: it is taken back, and its line waits again.
    pub(super) async fn take_collection_back(
        &self,
        collection: &Collection,
        why: &str,
        due_at: Timestamp,
    ) -> Result<Stepped, EngineError> {
        let (before, why) = (collection.clone(), why.to_owned());
        self.writer
            .write("take collection back", move |tx| {
                if !tx.take_back_collection(&before)? {
                    return Ok(());
                }
                let Some(run) = before.run else {
                    return Ok(());
                };
                match tx.charge_line(run, &before.invoice)? {
                    Some(line) if line.state == LineState::Begun(before.number) => tx
                        .put_charge_line(&ChargeLine {
                            state: LineState::Waiting,
                            due_at,
                            note: Some(why),
                            ..line
                        }),
                    _ => Ok(()),
                }
            })
            .await?;
        Ok(Stepped::Waits)
    }
}
