//! What people do about money: invoices listed and charged, charge runs, what was collected, and the
//! freeze of charges.

mod charge;
mod show;

pub use charge::{Asked, Order};
pub(super) use show::problems;

use super::{CommandError, done, json, rows as limited};
use crate::engine::Engine;
use crate::engine::collecting::freeze;
use crate::engine::view::{Done, FreezeView};
use crate::model::charge::ChargeRun;
use crate::model::collection::Collection;
use crate::model::id::InvoiceId;
use crate::model::journal::Entry;
use serde_json::Value as Json;

/// An action about money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MoneyCommand {
    /// Open invoices, the earliest due first: a page of [`InvoiceRow`](crate::engine::view::InvoiceRow).
    Invoices {
        /// Where the page begins, as the page before said.
        after: Option<String>,
        /// Rows, up to [`ROWS_MAX`](super::ROWS_MAX).
        limit: usize,
    },
    /// List Zenskar's invoices anew, now: [`Done`].
    Refresh,
    /// One invoice and why it was or was not collected:
    /// [`InvoiceView`](crate::engine::view::InvoiceView).
    Why {
        /// Its id or its number.
        invoice: String,
    },
    /// Charge invoices: [`ChargeRunRow`](crate::engine::view::ChargeRunRow).
    Charge(Order),
    /// Charge runs, newest first: a page of them.
    Runs {
        /// Where the page begins, as the page before said.
        after: Option<String>,
        /// Rows, up to [`ROWS_MAX`](super::ROWS_MAX).
        limit: usize,
    },
    /// A charge run with its lines: [`ChargeRunView`](crate::engine::view::ChargeRunView).
    Run {
        /// Its number.
        run: u64,
        /// Where the page begins, as the page before said.
        after: Option<String>,
        /// Rows, up to [`ROWS_MAX`](super::ROWS_MAX).
        limit: usize,
    },
    /// Interrupt a charge run, or let it go on: [`Done`].
    RunPause {
        /// Its number.
        run: u64,
        /// Whether no line of it is to begin from now on.
        pause: bool,
        /// Who says so.
        who: String,
    },
    /// Collections, the latest first: a page of [`CollectionRow`](crate::engine::view::CollectionRow).
    Payments {
        /// Where the page begins, as the page before said.
        after: Option<String>,
        /// Rows, up to [`ROWS_MAX`](super::ROWS_MAX).
        limit: usize,
    },
    /// Have a collection that waits for a person go on: [`Done`].
    Retry {
        /// The invoice, by its id or its number.
        invoice: String,
        /// The collection's number; the last one where it is not said.
        number: Option<u64>,
        /// Whether what is more than the invoice owes may be booked unallocated.
        unallocated: bool,
        /// Who says so.
        who: String,
    },
    /// Whether charges are frozen: [`FreezeView`].
    Frozen,
    /// Freeze charges: [`FreezeView`].
    Freeze {
        /// Why.
        reason: String,
        /// Who says so.
        who: String,
    },
    /// End the freeze: [`FreezeView`].
    Unfreeze {
        /// Who says so.
        who: String,
    },
}

impl Engine {
    pub(super) async fn money_command(&self, command: MoneyCommand) -> Result<Json, CommandError> {
        match command {
            MoneyCommand::Invoices { after, limit } => {
                json(&self.open_invoices(after.as_deref(), limited(limit))?)
            }
            MoneyCommand::Refresh => {
                self.want_invoice_sweep();
                json(&done("Zenskar's invoices are listed anew", 0))
            }
            MoneyCommand::Why { invoice } => json(&self.why_invoice(&invoice).await?),
            MoneyCommand::Charge(order) => json(&self.order_charges(order).await?),
            MoneyCommand::Runs { after, limit } => {
                json(&self.charge_runs(after.as_deref(), limited(limit))?)
            }
            MoneyCommand::Run { run, after, limit } => {
                json(&self.charge_run(run, after.as_deref(), limited(limit))?)
            }
            MoneyCommand::RunPause { run, pause, who } => {
                json(&self.pause_charge_run(run, pause, &who).await?)
            }
            MoneyCommand::Payments { after, limit } => {
                json(&self.collections(after.as_deref(), limited(limit))?)
            }
            MoneyCommand::Retry {
                invoice,
                number,
                unallocated,
                who,
            } => json(
                &self
                    .retry_collection(&invoice, number, unallocated, &who)
                    .await?,
            ),
            MoneyCommand::Frozen => json(&self.frozen()?),
            MoneyCommand::Freeze { reason, who } => json(&self.freeze(&reason, &who).await?),
            MoneyCommand::Unfreeze { who } => json(&self.unfreeze(&who).await?),
        }
    }

    /// Whether charges are frozen, and why.
    pub(super) fn frozen(&self) -> Result<FreezeView, CommandError> {
        let freeze = self.store.read()?.freeze()?;
        Ok(
            freeze.map_or_else(FreezeView::default, |freeze| FreezeView {
                frozen: true,
                at: super::show_time(freeze.at),
                by: Some(freeze.by),
                reason: Some(freeze.reason),
            }),
        )
    }

    async fn freeze(&self, reason: &str, who: &str) -> Result<FreezeView, CommandError> {
        let now = self.clock.now();
        let reason = Some(reason.trim()).filter(|reason| !reason.is_empty());
        let (reason, who) = (
            reason.unwrap_or("no reason was given").to_owned(),
            who.to_owned(),
        );
        tracing::warn!(event = "charges_frozen", who);
        self.writer
            .write("freeze charges", move |tx| freeze(tx, &who, &reason, now))
            .await?;
        self.frozen()
    }

    async fn unfreeze(&self, who: &str) -> Result<FreezeView, CommandError> {
        let (now, name) = (self.clock.now(), who.to_owned());
        let was = self
            .writer
            .write("unfreeze charges", move |tx| {
                let Some(freeze) = tx.freeze()? else {
                    return Ok(false);
                };
                tx.set_freeze(None)?;
                let entry = Entry::engine(now, "charges unfrozen", &"charges")
                    .with("were frozen by", &freeze.by)
                    .with("why they were", &freeze.reason);
                tx.append_journal(&Entry { who: name, ..entry })?;
                Ok(true)
            })
            .await?;
        if was {
            tracing::warn!(event = "charges_unfrozen", who);
        }
        self.wake.collecting.notify_one();
        self.frozen()
    }

    async fn pause_charge_run(
        &self,
        number: u64,
        pause: bool,
        who: &str,
    ) -> Result<Done, CommandError> {
        let (now, who) = (self.clock.now(), who.to_owned());
        let waiting = self
            .writer
            .write("interrupt charge run", move |tx| {
                let Some(run) = tx.charge_run(number)? else {
                    return Ok(None);
                };
                let waiting = run.counts.waiting;
                if run.paused_at.is_some() == pause {
                    return Ok(Some(waiting));
                }
                tx.put_charge_run(&ChargeRun {
                    paused_at: pause.then_some(now),
                    ..run
                })?;
                let what = if pause {
                    "charge run interrupted"
                } else {
                    "charge run goes on"
                };
                let subject = format!("charge-run/{number}");
                let entry = Entry::engine(now, what, &subject).with("lines that wait", &waiting);
                tx.append_journal(&Entry { who, ..entry })?;
                Ok(Some(waiting))
            })
            .await?
            .ok_or_else(|| CommandError::NotFound(format!("there is no charge run {number}")))?;
        self.wake.collecting.notify_one();
        let message = if pause {
            format!("charge run {number} is interrupted: {waiting} invoices wait")
        } else {
            format!("charge run {number} goes on with {waiting} invoices")
        };
        Ok(done(message, waiting))
    }

    async fn retry_collection(
        &self,
        invoice: &str,
        number: Option<u64>,
        unallocated: bool,
        who: &str,
    ) -> Result<Done, CommandError> {
        let seen = self.known_invoice(invoice).await?;
        let id: InvoiceId = seen.invoice.id;
        let all = self.store.read()?.collections_of(&id)?;
        let wanted = |one: &&Collection| number.is_none_or(|number| one.number == number);
        let found = all.iter().rfind(wanted).cloned();
        let name = seen.invoice.number.unwrap_or_else(|| id.to_string());
        let found = found
            .ok_or_else(|| CommandError::NotFound(format!("{name} has no such collection")))?;
        if !found.awaits_person() {
            return Err(CommandError::Refused {
                message: format!("the collection of {name} does not wait for a person"),
                hint: format!("it is {}", found.stage.as_str()),
            });
        }
        let (now, who) = (self.clock.now(), who.to_owned());
        let after = Collection {
            due_at: Some(now),
            attempts: 0,
            since: now,
            rest_by: unallocated
                .then(|| who.clone())
                .or_else(|| found.rest_by.clone()),
            ..found.clone()
        };
        let moved = self
            .writer
            .write("try collection again", move |tx| {
                if !tx.move_collection(&found, &after)? {
                    return Ok(false);
                }
                let subject = crate::engine::collecting::subject(&after.invoice);
                let entry = Entry::engine(now, "collection tried again", &subject)
                    .with("collection", &after.number);
                tx.append_journal(&Entry { who, ..entry })?;
                Ok(true)
            })
            .await?;
        self.wake.collecting.notify_one();
        if moved {
            Ok(done(format!("the collection of {name} goes on"), 1))
        } else {
            Err(CommandError::Refused {
                message: format!("the collection of {name} moved meanwhile"),
                hint: "look at it again".to_owned(),
            })
        }
    }
}
