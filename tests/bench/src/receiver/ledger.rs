//! The ideal store: one writer thread that commits whatever has queued, in one transaction.

use crate::Outcome;
use bytes::Bytes;
use redb::{Database, Durability, ReadableTable, TableDefinition};
use serde::Deserialize;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use tokio::sync::oneshot;

/// Number of arrival → the body as it came: new rows go to the end, where they dirty the fewest
/// pages.
const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
/// Event id → number of arrival.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
/// Most events in one transaction.
const BATCH: usize = 1_024;
/// Pages kept in memory.
const CACHE_BYTES: usize = 64 << 20;

struct Arrival {
    id: String,
    body: Bytes,
    kept: oneshot::Sender<bool>,
}

/// The writer's door.
pub(crate) struct Ledger {
    queue: Sender<Arrival>,
}

#[derive(Deserialize)]
struct Head<'a> {
    id: &'a str,
}

impl Ledger {
    /// Makes the store at `path` and starts its writer.
    pub(crate) fn open(path: &Path) -> Outcome<Self> {
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(path)?;
        let (queue, arrivals) = channel();
        thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || write(&database, &arrivals))?;
        Ok(Self { queue })
    }

    /// Keeps an event; returns once it is on the disk, with whether it is.
    pub(crate) async fn keep(&self, body: Bytes) -> bool {
        let Ok(head) = serde_json::from_slice::<Head<'_>>(&body) else {
            return false;
        };
        let id = head.id.to_owned();
        let (kept, answer) = oneshot::channel();
        self.queue.send(Arrival { id, body, kept }).is_ok() && answer.await.unwrap_or(false)
    }
}

fn write(database: &Database, arrivals: &Receiver<Arrival>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut number = 0;
    while let Ok(first) = arrivals.recv() {
        batch.push(first);
        batch.extend(arrivals.try_iter().take(BATCH - 1));
        let kept = commit(database, &batch, &mut number).is_ok();
        for arrival in batch.drain(..) {
            // The connection may be gone; the event is kept all the same.
            arrival.kept.send(kept).ok();
        }
    }
}

fn commit(database: &Database, batch: &[Arrival], number: &mut u64) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    {
        let mut events = transaction.open_table(EVENTS)?;
        let mut numbers = transaction.open_table(NUMBERS)?;
        for arrival in batch {
            let known = numbers.get(arrival.id.as_str())?.is_some();
            if !known {
                events.insert(*number, &*arrival.body)?;
                numbers.insert(arrival.id.as_str(), *number)?;
                *number += 1;
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_event_is_kept_once() {
        let backend = redb::backends::InMemoryBackend::new();
        let database = Database::builder().create_with_backend(backend).unwrap();
        let mut number = 0;
        for (id, expected) in [("evt_1", 1), ("evt_1", 1), ("evt_2", 2)] {
            let (kept, _answer) = oneshot::channel();
            let (id, body) = (id.to_owned(), Bytes::from_static(b"{}"));
            commit(&database, &[Arrival { id, body, kept }], &mut number).unwrap();
            assert_eq!(number, expected);
        }
    }
}
