//! From the inbox to work: one piece a record, however many events name it.
//!
//! Events are sorted in the order in which they came, many in one short transaction. Nothing is
//! read from a remote here, and nothing is decided but which record an event is about.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::model::collection::{Collection, Stage};
use crate::model::event::ZENSKAR_UNKNOWN;
use crate::model::time::Timestamp;
use crate::model::work::Subject;
use crate::store::{ReadTx, Sorted, StoreError, WriteTx};
use crate::sync::subject;
use std::sync::atomic::Ordering;

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
        let doubt = self.connecting.doubt();
        let taken = self
            .writer
            .write("sort events", move |tx| {
                let (mut of_money, mut of_invoices) = (Vec::new(), false);
                let taken = tx.take_in(SORT_MAX, now, |read, stored| {
                    if subject::is_of_money(&stored.head.kind) {
                        of_money.push(stored.head.object.clone());
                        return Ok(Sorted::Ignored);
                    }
                    // What Zenskar tells of in words that are not known may be an invoice.
                    of_invoices |= stored.head.kind == ZENSKAR_UNKNOWN;
                    // A hint, which can be late: Stripe is asked whether it is so.
                    if stored.head.kind == subject::DEAUTHORISED {
                        doubt.store(true, Ordering::SeqCst);
                        return Ok(Sorted::Ignored);
                    }
                    // While sync is off nothing moves, and what differs when it is switched on is
                    // a question for a person: no event asks for a look.
                    if is_off {
                        return Ok(Sorted::Ignored);
                    }
                    let subject = subject_of(read, &stored.head.kind, &stored.head.object)?;
                    Ok(subject.map_or(Sorted::Ignored, Sorted::Work))
                })?;
                let mut woken = false;
                for object in of_money {
                    woken |= wake_collections(tx, &object, now)?;
                }
                Ok((taken, (woken, of_invoices)))
            })
            .await?;
        let (taken, (woken, of_invoices)) = taken;
        if of_invoices {
            self.hint_at_invoices();
        }
        if woken {
            self.wake.collecting.notify_one();
        }
        if self.connecting.doubt().load(Ordering::SeqCst) {
            self.wake.connection.notify_one();
        }
        if taken.work > 0 {
            self.wake.look.notify_one();
        }
        Ok(taken.events)
    }
}

/// Has the collections of an object of Stripe looked at now that may be affected by news of it; says
/// whether there are any.
fn wake_collections(
    tx: &mut WriteTx<'_>,
    object: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut woken = false;
    for collection in tx.collections_with(object)? {
        let is_news = matches!(collection.stage, Stage::Open | Stage::Closing(_));
        if is_news && collection.due_at.is_some_and(|due| due > now) {
            let due = Collection {
                due_at: Some(now),
                ..collection.clone()
            };
            woken |= tx.move_collection(&collection, &due)?;
        }
    }
    Ok(woken)
}

/// The record that an event of this type about this object asks to look at; a customer of Zenskar
/// stands for its link.
pub(super) fn subject_of(
    read: &ReadTx<'_>,
    kind: &str,
    object: &str,
) -> Result<Option<Subject>, StoreError> {
    let Some(zenskar) = subject::in_zenskar(kind, object) else {
        return Ok(subject::of_event(kind, object));
    };
    let link = read.link_by_zenskar(&zenskar)?;
    Ok(Some(match link {
        Some(link) => Subject::Customer(link.stripe),
        None => Subject::Unlinked(zenskar),
    }))
}
