//! The loops that join the parts, and nothing that decides.
//!
//! A datum's way: [`intake`] sorts new events of the inbox into work, one piece a record;
//! [`look`] takes a piece of work, reads both remotes, has [`crate::sync`] make a plan and applies
//! it in one transaction; [`delivery`] carries out the writes that plans decided, and [`creation`]
//! makes customers that are missing on one side. [`poller`],
//! [`changes`] and [`scan`] only add to the inbox and to the work. [`connect`] keeps the account
//! connected, and `endpoint` our webhook endpoint right. [`driver`] wakes each of them by signal and
//! by period; none takes any other input, so losing every signal costs time and nothing else.
//!
//! # Invariants
//!
//! - An `if` that depends on a business value belongs in [`crate::sync`].
//! - Each transition is one named transaction; no call to a remote happens inside one.
//! - A look and a delivery of the same customer never overlap ([`claims`]).
//! - A failure of a remote is a state (retry at, parked, dead letter), never an end of the process.
//!   Only a failure of the store is: what is durable is then known by opening it again.

pub mod activation;
pub mod backoff;
pub mod changes;
pub mod claims;
pub mod collecting;
pub mod command;
pub mod connect;
pub mod creation;
mod decisions;
pub mod delivery;
pub mod driver;
mod endpoint;
pub mod error;
pub mod gate;
pub mod intake;
pub mod janitor;
pub mod linking;
pub mod look;
pub mod looks;
pub mod poller;
pub mod redrive;
mod rehearsal;
pub mod scan;
pub mod secret;
pub mod settings;
pub mod site;
#[cfg(test)]
mod testing;
pub mod tokens;
mod unlinked;
pub mod view;

use crate::clock::Clock;
use crate::engine::changes::Unreadable;
use crate::engine::claims::Claims;
use crate::engine::collecting::invoices::Sweep;
use crate::engine::connect::Connecting;
use crate::engine::decisions::Deciding;
use crate::engine::endpoint::Endpoint;
use crate::engine::error::EngineError;
use crate::engine::gate::Gate;
use crate::engine::looks::Looks;
use crate::engine::poller::LeftOut;
use crate::engine::scan::roll::KeptRoll;
use crate::engine::settings::Settings;
use crate::engine::site::Site;
use crate::model::id::InvoiceId;
use crate::model::intent::Intent;
use crate::model::time::Timestamp;
use crate::model::work::{Subject, Work};
use crate::remote::outcome::{Class, Failure};
use crate::store::{Store, Writer};
use crate::stripe::client::StripeClient;
use crate::zenskar::client::ZenskarClient;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Notify;

/// Everything the loops share.
#[derive(Debug)]
pub struct Engine {
    /// The store, for reading.
    pub store: Store,
    /// The store, for writing.
    pub writer: Writer,
    /// Stripe.
    pub stripe: StripeClient,
    /// Zenskar.
    pub zenskar: ZenskarClient,
    /// This host's time.
    pub clock: Arc<dyn Clock>,
    /// Who works on what.
    pub claims: Claims,
    /// Whether the remotes take our calls.
    pub gate: Gate,
    /// Signals between the loops.
    pub wake: Wake,
    collecting: Claims<InvoiceId>,
    invoice_sweep: Sweep,
    looks: Looks,
    roll: KeptRoll,
    left_out: LeftOut,
    deciding: Deciding,
    unreadable_customers: Unreadable,
    reads_booked: AtomicU64,
    site: Option<Site>,
    connecting: Connecting,
    endpoint: Endpoint,
    settings: RwLock<Arc<Settings>>,
}

/// Signals between the loops. A lost one costs a period.
#[derive(Debug, Default)]
pub struct Wake {
    /// There are new events in the inbox.
    pub intake: Arc<Notify>,
    /// There is new work.
    pub look: Notify,
    /// There are new intents.
    pub delivery: Notify,
    /// There are creations to be carried out.
    pub creation: Notify,
    /// There are charges to begin, or collections whose next step is due.
    pub collecting: Notify,
    /// Zenskar's invoices are to be listed now.
    pub invoices: Notify,
    /// Dead letters are to be tried again.
    pub redrive: Notify,
    /// The poller is to poll Stripe now.
    pub poller: Notify,
    /// Zenskar is to be asked for changes now.
    pub changes: Notify,
    /// A scan is wanted.
    pub scan: Notify,
    /// There is something to be done about the connection.
    pub connection: Notify,
    /// Our webhook endpoint is to be looked at.
    pub endpoint: Notify,
    /// Which webhooks are believed has changed.
    pub acceptance: Notify,
}

impl Engine {
    /// Joins the parts.
    #[must_use]
    pub fn new(
        (store, writer): (Store, Writer),
        stripe: StripeClient,
        zenskar: ZenskarClient,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Self {
        Self {
            store,
            writer,
            stripe,
            zenskar,
            clock,
            claims: Claims::default(),
            gate: Gate::default(),
            wake: Wake::default(),
            collecting: Claims::default(),
            invoice_sweep: Sweep::default(),
            looks: Looks::default(),
            roll: KeptRoll::default(),
            left_out: LeftOut::default(),
            deciding: Deciding::default(),
            unreadable_customers: Unreadable::default(),
            reads_booked: AtomicU64::new(0),
            site: None,
            connecting: Connecting::default(),
            endpoint: Endpoint::default(),
            settings: RwLock::new(Arc::new(settings)),
        }
    }

    /// The same, at an installation.
    #[must_use]
    pub fn at(mut self, site: Site) -> Self {
        self.site = Some(site);
        self
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads of Stripe since this was last asked; the caller books them in the store.
    fn unbooked_reads(&self) -> u64 {
        let sent = self.stripe.reads();
        sent.saturating_sub(self.reads_booked.swap(sent, Ordering::SeqCst))
    }

    /// Work that is due and nobody has, oldest first.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn due_work(&self, now: Timestamp, limit: usize) -> Result<Vec<Work>, EngineError> {
        let mut due = self.store.read()?.due_work(now, limit.saturating_mul(2))?;
        due.retain(|work| !self.claims.is_taken(&work.subject));
        due.truncate(limit);
        Ok(due)
    }

    /// Intents that are due, whose target takes calls and whose customer nobody has, oldest first.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn due_intents(&self, now: Timestamp, limit: usize) -> Result<Vec<Intent>, EngineError> {
        let is_open = |intent: &Intent| self.gate.is_open(intent.target, now);
        let read = self.store.read()?;
        let mut due = read.due_intents_where(now, limit.saturating_mul(2), is_open)?;
        due.retain(|intent| {
            !self
                .claims
                .is_taken(&Subject::Customer(intent.link.clone()))
        });
        due.truncate(limit);
        Ok(due)
    }

    /// Takes note of a failure that is not about one record: a refused key parks the remote.
    fn refused(&self, failure: Failure) -> EngineError {
        if failure.class == Class::Unauthorized {
            self.park(&failure);
        }
        EngineError::Remote(failure)
    }

    /// Puts new settings in force: the next look and the next delivery use them. What becomes
    /// active by them is to be noted first ([`Engine::activate`]).
    pub fn set_settings(&self, settings: Settings) {
        *self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        // A loop that found nothing to do under the old ones looks again.
        self.wake.scan.notify_one();
        self.wake.changes.notify_one();
        self.wake.look.notify_one();
        self.wake.creation.notify_one();
        self.wake.collecting.notify_one();
        self.want_invoice_sweep();
        self.wake.endpoint.notify_one();
    }
}
