//! What Zenskar shows of open invoices: a sweep through the collectable ones, page by page, and a
//! look at each one that was open and did not come in it.
//!
//! A sweep is a hint for lists and for rules. Before money moves an invoice is read by itself.

use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::model::id::InvoiceId;
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::Class;
use crate::store::SeenInvoice;
use crate::sync::collect::Native;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The statuses of invoices that may be collected, in Zenskar's words.
const COLLECTABLE: &str = "approved,partially_paid";

/// The wait between sweeps, at least: Zenskar tells of invoices in no other way that is sure.
const PAUSE_MIN: Duration = Duration::from_secs(60);

/// The wait between sweeps, at most.
const PAUSE_MAX: Duration = Duration::from_secs(30 * 60);

/// The wait between a hint and the sweep that it asks for: hints come in crowds.
const PAUSE_AFTER_HINT: Duration = Duration::from_secs(5);

/// The wait for each page of the sweep before, so that sweeps take a small part of Zenskar's rate.
const PAUSE_A_PAGE: Duration = Duration::from_secs(4);

/// Invoices that are looked at by themselves in one step.
const MISSED_MAX: usize = 20;

/// Where a sweep stands. It is not kept: after a restart it begins anew.
#[derive(Debug, Default)]
pub struct Sweep {
    place: Mutex<Place>,
    /// Another one is to begin, whatever the one under way has seen.
    wanted: AtomicBool,
}

#[derive(Clone, Debug, Default)]
struct Place {
    began_at: Option<Timestamp>,
    cursor: Option<String>,
    pages: u32,
    /// Every page came; what was open and did not come is looked at, from after this one.
    listed: bool,
    missed_after: Option<(Timestamp, InvoiceId)>,
    next_at: Option<Timestamp>,
}

/// What a step of a sweep came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swept {
    /// There is more to do at once.
    More,
    /// Nothing is to be done before this instant.
    Until(Timestamp),
}

impl Engine {
    /// One step of the sweep through Zenskar's collectable invoices.
    ///
    /// # Errors
    ///
    /// The remote or the store failed.
    pub async fn sweep_invoices(&self) -> Result<Swept, EngineError> {
        let now = self.clock.now();
        self.note_native(now).await?;
        if self.settings().collecting.rules.native == Native::Unsaid {
            // Nothing is collected, so nothing needs to be known.
            return Ok(Swept::Until(now.plus(PAUSE_MAX)));
        }
        let place = self.invoice_sweep.place();
        let Some(began_at) = place.began_at else {
            let is_wanted = self.invoice_sweep.wanted.swap(false, Ordering::Relaxed);
            if let Some(next_at) = place.next_at.filter(|next_at| !is_wanted && *next_at > now) {
                return Ok(Swept::Until(next_at));
            }
            self.invoice_sweep.set(Place {
                began_at: Some(now),
                ..Place::default()
            });
            return Ok(Swept::More);
        };
        if place.listed {
            self.look_for_missed(place, began_at).await
        } else {
            self.list_invoices(place).await
        }
    }

    /// Has the next sweep begin soon, as somebody said that invoices may have changed.
    pub(in crate::engine) fn hint_at_invoices(&self) {
        let soon = self.clock.now().plus(PAUSE_AFTER_HINT);
        let mut place = self.invoice_sweep.lock();
        place.next_at = place.next_at.map(|next_at| next_at.min(soon));
        let is_under_way = place.began_at.is_some();
        drop(place);
        if is_under_way {
            self.invoice_sweep.wanted.store(true, Ordering::Relaxed);
        }
        self.wake.invoices.notify_one();
    }

    /// Has the next sweep begin now, or once the one under way is through: that one may have listed
    /// already what is to be seen.
    pub fn want_invoice_sweep(&self) {
        self.invoice_sweep.wanted.store(true, Ordering::Relaxed);
        self.wake.invoices.notify_one();
    }

    /// Notes since when Zenskar's own connector is said to collect nothing.
    async fn note_native(&self, now: Timestamp) -> Result<(), EngineError> {
        let is_off = self.settings().collecting.rules.native == Native::Off;
        if self.store.read()?.native_off_since()?.is_some() == is_off {
            return Ok(());
        }
        let since = is_off.then_some(now);
        self.writer
            .write("note who collects", move |tx| {
                tx.set_native_off_since(since)
            })
            .await?;
        Ok(())
    }

    async fn list_invoices(&self, place: Place) -> Result<Swept, EngineError> {
        let cursor = place.cursor.as_deref();
        let page = self
            .zenskar
            .invoices_page(COLLECTABLE, cursor, Priority::Scan)
            .await;
        let page = match page {
            Ok(answer) => answer.value,
            Err(failure) if failure.class == Class::CursorGone => {
                self.invoice_sweep.set(Place::default());
                return Ok(Swept::More);
            }
            Err(failure) => return Err(self.refused(failure)),
        };
        let (now, next) = (self.clock.now(), page.next);
        if page.unreadable > 0 {
            tracing::warn!(
                event = "invoices_unreadable",
                count = page.unreadable,
                "they cannot be collected"
            );
        }
        let seen = page.items.into_iter().map(|invoice| SeenInvoice {
            invoice,
            seen_at: now,
            looked_at: None,
            gone: false,
        });
        let seen: Vec<SeenInvoice> = seen.collect();
        self.writer
            .write("see invoices", move |tx| {
                seen.iter().try_for_each(|seen| tx.put_invoice(seen))
            })
            .await?;
        self.invoice_sweep.set(Place {
            // A cursor that leads to itself would be followed for ever.
            listed: next.is_none() || next == place.cursor,
            cursor: next,
            pages: place.pages.saturating_add(1),
            ..place
        });
        Ok(Swept::More)
    }

    /// Looks at invoices that were open and did not come in the sweep: they are paid, void, or gone.
    async fn look_for_missed(
        &self,
        place: Place,
        began_at: Timestamp,
    ) -> Result<Swept, EngineError> {
        let after = place.missed_after.as_ref();
        let open = self.store.read()?.open_invoices(after, MISSED_MAX)?;
        let last = open.last().map(SeenInvoice::place);
        // A list shows no currency: what is new in it is read once, so that people see what it is.
        let to_read = |seen: &SeenInvoice| {
            let is_new = seen.looked_at.is_none() && seen.invoice.currency.is_none();
            seen.seen_at < began_at || is_new
        };
        for seen in open.into_iter().filter(to_read) {
            self.look_at_invoice(&seen, Priority::Scan).await?;
        }
        let Some(last) = last else {
            let pause = PAUSE_A_PAGE.saturating_mul(place.pages);
            let next_at = self.clock.now().plus(pause.clamp(PAUSE_MIN, PAUSE_MAX));
            self.invoice_sweep.set(Place {
                next_at: Some(next_at),
                ..Place::default()
            });
            // It may be wanted already.
            return Ok(Swept::More);
        };
        self.invoice_sweep.set(Place {
            missed_after: Some(last),
            ..place
        });
        Ok(Swept::More)
    }

    /// Reads one invoice by itself, and keeps what it shows.
    pub(super) async fn look_at_invoice(
        &self,
        known: &SeenInvoice,
        priority: Priority,
    ) -> Result<SeenInvoice, EngineError> {
        let id = &known.invoice.id;
        let answer = self.zenskar.invoice(id, priority).await;
        let mut found = answer.map_err(|failure| self.refused(failure))?.value;
        if let Some(invoice) = found.as_mut().filter(|invoice| invoice.currency.is_none()) {
            let lines = self.zenskar.lines_total(id, priority).await;
            invoice.currency = lines.ok().and_then(|lines| lines.value.currency);
        }
        let seen_at = self.clock.now();
        let seen = match found {
            Some(invoice) => SeenInvoice {
                invoice,
                seen_at,
                looked_at: Some(seen_at),
                gone: false,
            },
            None => SeenInvoice {
                seen_at,
                looked_at: Some(seen_at),
                gone: true,
                ..known.clone()
            },
        };
        let row = seen.clone();
        self.writer
            .write("see invoice", move |tx| tx.put_invoice(&row))
            .await?;
        Ok(seen)
    }
}

impl Sweep {
    fn lock(&self) -> std::sync::MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self) -> Place {
        self.lock().clone()
    }

    fn set(&self, place: Place) {
        *self.lock() = place;
    }
}
