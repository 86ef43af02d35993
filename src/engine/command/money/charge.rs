//! Charges ordered: a charge run of the invoices that were named, or of all that are due.

use super::super::{CommandError, invalid};
use super::show::run_row;
use crate::engine::Engine;
use crate::engine::view::ChargeRunRow;
use crate::model::charge::{ChargeLine, ChargeRun, LineCounts, LineState};
use crate::model::collection::Rail;
use crate::model::id::InvoiceId;
use crate::model::journal::Entry;
use crate::model::money::{Currency, Money};
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::store::SeenInvoice;
use crate::sync::collect;
use std::collections::BTreeMap;

/// Invoices that are ordered at once by name, at most.
const NAMED_MAX: usize = 1_000;

/// Lines written in one transaction: it holds the writer for some milliseconds.
const LINES_STEP: usize = 200;

/// Invoices read at once from the store.
const READ_STEP: usize = 500;

/// What is to be charged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// These invoices.
    pub invoices: Vec<Asked>,
    /// Every open invoice whose due date is past, besides.
    pub all_due: bool,
    /// Digest of a key that the caller gave, and one of what it ordered under it: the same order under
    /// the same key is one order.
    pub key: Option<([u8; 32], String)>,
    /// Who says so.
    pub who: String,
}

/// An invoice that is to be charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its id or its number.
    pub invoice: String,
    /// What was seen to be due, where that was agreed to: minor units of Stripe's, and the currency.
    pub confirmed: Option<(i64, String)>,
}

impl Engine {
    /// Orders charges. They begin at once, one after the other.
    pub(in crate::engine::command) async fn order_charges(
        &self,
        order: Order,
    ) -> Result<ChargeRunRow, CommandError> {
        if let Some(run) = self.ordered_before(&order)? {
            return Ok(run_row(&run));
        }
        collect::allowed(Rail::Charge, &self.collecting_rules()).map_err(|refusal| {
            CommandError::Refused {
                message: "nothing is charged".to_owned(),
                hint: refusal.to_string(),
            }
        })?;
        if order.invoices.len() > NAMED_MAX {
            return Err(CommandError::Invalid(format!(
                "more than {NAMED_MAX} invoices at once; order all that are due instead"
            )));
        }
        let mut lines = BTreeMap::new();
        for asked in &order.invoices {
            let seen = self.known_invoice(&asked.invoice).await?;
            let confirmed = asked.confirmed.as_ref().map(confirmed).transpose()?;
            lines.insert(seen.invoice.id.clone(), (name(&seen), confirmed));
        }
        if order.all_due {
            self.add_all_due(&mut lines)?;
        }
        if lines.is_empty() {
            return Err(CommandError::Refused {
                message: "there is nothing to charge".to_owned(),
                hint: "name invoices, or wait until one is due".to_owned(),
            });
        }
        self.write_run(lines, order).await
    }

    /// The charge run that the same order under the same key was.
    fn ordered_before(&self, order: &Order) -> Result<Option<ChargeRun>, CommandError> {
        let Some((key, ordered)) = &order.key else {
            return Ok(None);
        };
        let read = self.store.read()?;
        let Some(number) = read.charge_run_by_key(key)? else {
            return Ok(None);
        };
        let run = read.charge_run(number)?;
        match run {
            Some(run) if run.order.as_ref() != Some(ordered) => Err(CommandError::Refused {
                message: format!("the key was given before, for charge run {number}"),
                hint: "give each order a key of its own".to_owned(),
            }),
            run => Ok(run),
        }
    }

    fn add_all_due(
        &self,
        lines: &mut BTreeMap<InvoiceId, (String, Option<Money>)>,
    ) -> Result<(), CommandError> {
        let (read, now) = (self.store.read()?, self.clock.now());
        let mut place = None;
        loop {
            let open = read.open_invoices(place.as_ref(), READ_STEP)?;
            let Some(last) = open.last() else {
                return Ok(());
            };
            place = Some(last.place());
            for seen in open {
                if !self.is_due(&seen.invoice, now) {
                    return Ok(());
                }
                let line = (name(&seen), None);
                lines.entry(seen.invoice.id).or_insert(line);
            }
        }
    }

    /// Writes a run and its lines, interrupted until the last line stands: what a crash leaves of it
    /// is seen, and goes on when a person says so.
    async fn write_run(
        &self,
        lines: BTreeMap<InvoiceId, (String, Option<Money>)>,
        order: Order,
    ) -> Result<ChargeRunRow, CommandError> {
        let now = self.clock.now();
        let number = self
            .writer
            .write("order charges", move |tx| {
                let number = tx.next_charge_run_number()?;
                tx.put_charge_run(&ChargeRun {
                    number,
                    by: order.who.clone(),
                    at: now,
                    counts: LineCounts::default(),
                    order: order.key.as_ref().map(|(_, ordered)| ordered.clone()),
                    paused_at: Some(now),
                })?;
                if let Some((key, _)) = &order.key {
                    tx.put_charge_key(key, number)?;
                }
                let subject = format!("charge-run/{number}");
                let entry = Entry::engine(now, "charges ordered", &subject);
                let who = order.who;
                tx.append_journal(&Entry { who, ..entry })?;
                Ok(number)
            })
            .await?;
        let lines: Vec<ChargeLine> = lines
            .into_iter()
            .map(|(invoice, (name, confirmed))| ChargeLine {
                run: number,
                invoice,
                name,
                confirmed,
                state: LineState::Waiting,
                due_at: now,
                note: None,
            })
            .collect();
        for step in lines.chunks(LINES_STEP) {
            let step = step.to_vec();
            self.writer
                .write("write lines of a charge run", move |tx| {
                    step.iter().try_for_each(|line| tx.put_charge_line(line))
                })
                .await?;
        }
        let run = self
            .writer
            .write("begin charge run", move |tx| {
                let run = tx.charge_run(number)?;
                let Some(run) = run else { return Ok(None) };
                let run = ChargeRun {
                    paused_at: None,
                    ..run
                };
                tx.put_charge_run(&run)?;
                Ok(Some(run))
            })
            .await?;
        self.wake.collecting.notify_one();
        let gone = || CommandError::NotFound(format!("there is no charge run {number}"));
        Ok(run_row(&run.ok_or_else(gone)?))
    }

    /// The invoice that people call so: by its id or its number among those seen, or asked of
    /// Zenskar.
    pub(in crate::engine::command) async fn known_invoice(
        &self,
        called: &str,
    ) -> Result<SeenInvoice, CommandError> {
        let none = || {
            CommandError::NotFound(format!(
                "no invoice is called {called:?}; a new one is known by its number within minutes, \
                 and by its id at once"
            ))
        };
        let Ok(id) = InvoiceId::parse(called) else {
            return self.numbered(called)?.ok_or_else(none);
        };
        if let Some(seen) = self.store.read()?.invoice(&id)? {
            return Ok(seen);
        }
        if let Some(seen) = self.numbered(called)? {
            return Ok(seen);
        }
        self.ask_for_invoice(&id).await?.ok_or_else(none)
    }

    fn numbered(&self, number: &str) -> Result<Option<SeenInvoice>, CommandError> {
        let mut found = self.store.read()?.invoices_numbered(number, 2)?;
        if found.len() > 1 {
            return Err(CommandError::Invalid(format!(
                "several invoices are called {number:?}: name the one you mean by its id"
            )));
        }
        Ok(found.pop())
    }

    async fn ask_for_invoice(&self, id: &InvoiceId) -> Result<Option<SeenInvoice>, CommandError> {
        use crate::engine::error::EngineError;
        use crate::remote::outcome::Class;

        let found = match self.zenskar.invoice(id, Priority::Money).await {
            Ok(answer) => answer.value,
            // What is no id of Zenskar's names nothing there.
            Err(failure) if failure.class == Class::Refused => None,
            Err(failure) => return Err(EngineError::Remote(failure).into()),
        };
        let Some(invoice) = found else {
            return Ok(None);
        };
        let seen_at = self.clock.now();
        let seen = SeenInvoice {
            invoice,
            seen_at,
            looked_at: Some(seen_at),
            gone: false,
        };
        let row = seen.clone();
        self.writer
            .write("see invoice", move |tx| tx.put_invoice(&row))
            .await?;
        Ok(Some(seen))
    }

    /// Whether an invoice's due date is past or today, by the operator's time zone.
    pub(in crate::engine::command) fn is_due(
        &self,
        invoice: &crate::model::invoice::Invoice,
        now: Timestamp,
    ) -> bool {
        invoice
            .due_date
            .is_some_and(|due| self.settings().collecting.day_begins(due) <= now)
    }
}

fn confirmed((minor, currency): &(i64, String)) -> Result<Money, CommandError> {
    let currency = Currency::parse(currency).map_err(|wrong| invalid(&wrong))?;
    Ok(Money::new(*minor, currency))
}

fn name(seen: &SeenInvoice) -> String {
    seen.invoice.name().to_owned()
}
