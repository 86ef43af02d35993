//! Invoices, collections and charge runs, as people see them.

use super::super::customers::history_row;
use super::super::{CommandError, invalid, show_time};
use crate::engine::Engine;
use crate::engine::collecting::subject;
use crate::engine::view::{
    Amount, ChargeLineRow, ChargeRunRow, ChargeRunView, CollectionRow, InvoiceRow, InvoiceView,
    MoneyStatus, Page, Problem, Status,
};
use crate::model::charge::{ChargeLine, ChargeRun, LineState};
use crate::model::collection::{Collection, Ending, Rail, Stage};
use crate::model::id::InvoiceId;
use crate::model::money::{Currency, Money};
use crate::model::time::Timestamp;
use crate::store::{ReadTx, SeenInvoice, StoreError};
use crate::sync::collect;
use crate::sync::units::{Written, to_stripe};

/// Entries of an invoice's history that are shown.
const HISTORY_MAX: usize = 200;

impl Engine {
    pub(super) fn open_invoices(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<InvoiceRow>, CommandError> {
        let place = after.map(place).transpose()?;
        let read = self.store.read()?;
        let open = read.open_invoices(place.as_ref(), limit)?;
        let next = open.last().filter(|_| open.len() >= limit);
        let next = next.map(|last| {
            let (due, id) = last.place();
            format!("{}/{id}", due.micros())
        });
        let rows = open.iter().map(|seen| self.invoice_row(&read, seen));
        Ok(Page {
            rows: rows.collect::<Result<_, _>>()?,
            next,
        })
    }

    pub(super) async fn why_invoice(&self, called: &str) -> Result<InvoiceView, CommandError> {
        let seen = self.known_invoice(called).await?;
        let read = self.store.read()?;
        let collections = read.collections_of(&seen.invoice.id)?;
        let name = seen.invoice.name();
        let history = read.journal_of(&subject(&seen.invoice.id), None, HISTORY_MAX)?;
        let rows = collections.iter().map(|one| collection_row(one, name));
        Ok(InvoiceView {
            invoice: self.invoice_row(&read, &seen)?,
            collections: rows.collect(),
            history: history
                .entries
                .into_iter()
                .map(|numbered| history_row(numbered.entry))
                .collect(),
        })
    }

    pub(super) fn charge_runs(
        &self,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Page<ChargeRunRow>, CommandError> {
        let before = before.map(str::parse::<u64>).transpose();
        let before = before.map_err(|wrong| invalid(&wrong))?;
        let runs = self.store.read()?.charge_runs(before, limit)?;
        let next = runs.last().filter(|_| runs.len() >= limit);
        Ok(Page {
            rows: runs.iter().map(run_row).collect(),
            next: next.map(|run| run.number.to_string()),
        })
    }

    pub(super) fn charge_run(
        &self,
        number: u64,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ChargeRunView, CommandError> {
        let after = after.map(InvoiceId::parse).transpose();
        let after = after.map_err(|wrong| invalid(&wrong))?;
        let read = self.store.read()?;
        let run = read.charge_run(number)?;
        let none = || CommandError::NotFound(format!("there is no charge run {number}"));
        let lines = read.charge_lines(number, after.as_ref(), limit)?;
        let next = lines.last().filter(|_| lines.len() >= limit);
        let rows = lines.iter().map(|line| line_row(&read, line));
        Ok(ChargeRunView {
            run: run_row(&run.ok_or_else(none)?),
            rows: rows.collect::<Result<_, _>>()?,
            next: next.map(|last| last.invoice.to_string()),
        })
    }

    pub(super) fn collections(
        &self,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Page<CollectionRow>, CommandError> {
        let before = before.map(collection_place).transpose()?;
        let before = before.as_ref().map(|(at, id, number)| (*at, id, *number));
        let read = self.store.read()?;
        let found = read.collections(before, limit)?;
        let next = found.last().filter(|_| found.len() >= limit);
        let next = next.map(|last| {
            let at = last.decided_at.micros();
            format!("{at}/{}/{}", last.invoice, last.number)
        });
        let rows = found.iter().map(|one| named_row(&read, one));
        Ok(Page {
            rows: rows.collect::<Result<_, _>>()?,
            next,
        })
    }

    /// Money at one glance.
    pub(in crate::engine::command) fn money_status(&self) -> Result<MoneyStatus, CommandError> {
        let read = self.store.read()?;
        let counts = read.collection_counts()?;
        let off = collect::allowed(Rail::Charge, &self.collecting_rules());
        Ok(MoneyStatus {
            freeze: self.frozen()?,
            off: off.err().map(|refusal| refusal.to_string()),
            open_invoices: read.open_invoice_count()?,
            collecting: counts.open,
            taken_not_booked: counts.unbooked,
            awaiting_person: counts.awaiting_person,
        })
    }

    fn invoice_row(
        &self,
        read: &ReadTx<'_>,
        seen: &SeenInvoice,
    ) -> Result<InvoiceRow, CommandError> {
        let invoice = &seen.invoice;
        let settings = self.settings();
        let amount = |minor| amount_of(minor, invoice.currency, &settings.collecting.rules.written);
        let ours = read.collections_of(&invoice.id)?;
        let link = read.link_by_zenskar(&invoice.customer)?;
        let frozen = read.freeze()?.map(|freeze| freeze.reason);
        let rules = self.collecting_rules();
        let refused = collect::permit(Rail::Charge, &rules, frozen.as_deref(), &ours);
        let last = ours.last();
        Ok(InvoiceRow {
            id: invoice.id.to_string(),
            number: invoice.name().to_owned(),
            zenskar: invoice.customer.to_string(),
            stripe: link.map(|link| link.stripe.to_string()),
            status: if seen.gone {
                "gone".to_owned()
            } else {
                invoice.status.as_str().to_owned()
            },
            due: amount(invoice.due),
            total: amount(invoice.total),
            due_date: invoice.due_date.map(day),
            is_due: self.is_due(invoice, self.clock.now()),
            seen_at: show_time(seen.seen_at),
            collection: last.map(|last| collection_row(last, invoice.name())),
            refused: refused.err().map(|refusal| refusal.to_string()),
        })
    }
}

/// What is wrong about money, the loudest first.
pub(in crate::engine::command) fn problems(status: &Status) -> Vec<Problem> {
    let money = &status.money;
    let mut problems = Vec::new();
    let mut add = |what: String, hint: &str| {
        problems.push(Problem {
            what,
            hint: hint.to_owned(),
        });
    };
    if money.awaiting_person > 0 {
        add(
            format!(
                "collections that wait for a person: {} ({} with money taken and not booked)",
                money.awaiting_person, money.taken_not_booked
            ),
            "see why with \"zenstripe payments list\" and \"zenstripe why INVOICE\"; once it is \
             repaired: \"zenstripe payments retry INVOICE\"",
        );
    }
    if money.freeze.frozen {
        let by = money.freeze.by.as_deref().unwrap_or_default();
        let why = money.freeze.reason.as_deref().unwrap_or_default();
        add(
            format!("charges are frozen by {by}: {why}"),
            "once it is repaired: \"zenstripe unfreeze\"",
        );
    }
    problems
}

/// A collection with what people call its invoice.
fn named_row(read: &ReadTx<'_>, collection: &Collection) -> Result<CollectionRow, StoreError> {
    let seen = read.invoice(&collection.invoice)?;
    let name = seen.map(|seen| seen.invoice.name().to_owned());
    let name = name.unwrap_or_else(|| collection.invoice.to_string());
    Ok(collection_row(collection, &name))
}

fn collection_row(collection: &Collection, name: &str) -> CollectionRow {
    CollectionRow {
        invoice: collection.invoice.to_string(),
        invoice_number: name.to_owned(),
        number: collection.number,
        rail: collection.rail.to_string(),
        stage: collection.stage.as_str().to_owned(),
        is_over: collection.stage.is_over(),
        awaits_person: collection.awaits_person(),
        amount: amount(collection.amount),
        taken: collection.taken.map(|taken| amount(taken.amount)),
        stripe: collection.customer.to_string(),
        method: collection.method.as_ref().map(ToString::to_string),
        payment_intent: collection.intent.as_ref().map(ToString::to_string),
        charge: collection.charge.clone(),
        payment: collection
            .booking
            .as_ref()
            .and_then(|booking| booking.payment.as_ref())
            .map(ToString::to_string),
        why: why(collection),
        by: collection.by.clone(),
        run: collection.run,
        decided_at: show_time(collection.decided_at),
        since: show_time(collection.since),
        due_at: collection.due_at.and_then(show_time),
    }
}

/// Why a collection came to nothing, or waits.
fn why(collection: &Collection) -> Option<String> {
    match &collection.stage {
        Stage::Ended(Ending::Declined(decline)) | Stage::Closing(Ending::Declined(decline)) => {
            Some(decline.reason().to_owned())
        }
        Stage::Ended(Ending::Refused(why) | Ending::Withdrawn(why)) => Some(why.clone()),
        Stage::Ended(Ending::NeedsCustomer) => {
            Some("the bank wants its owner to confirm the payment".to_owned())
        }
        _ => collection.note.clone(),
    }
}

fn line_row(read: &ReadTx<'_>, line: &ChargeLine) -> Result<ChargeLineRow, StoreError> {
    let collection = match line.state {
        LineState::Begun(number) => read.collection(&line.invoice, number)?,
        LineState::Waiting | LineState::Skipped(_) => None,
    };
    let row = collection.map(|one| collection_row(&one, &line.name));
    Ok(ChargeLineRow {
        invoice: line.invoice.to_string(),
        number: line.name.clone(),
        state: match (&line.state, &row) {
            (LineState::Waiting, _) => "waiting".to_owned(),
            (LineState::Skipped(_), _) => "skipped".to_owned(),
            (LineState::Begun(_), Some(row)) => row.stage.clone(),
            (LineState::Begun(_), None) => "begun".to_owned(),
        },
        why: match &line.state {
            LineState::Waiting => line.note.clone(),
            LineState::Skipped(why) => Some(why.clone()),
            LineState::Begun(_) => row.as_ref().and_then(|row| row.why.clone()),
        },
        confirmed: line.confirmed.map(amount),
        collection: row,
    })
}

pub(super) fn run_row(run: &ChargeRun) -> ChargeRunRow {
    ChargeRunRow {
        number: run.number,
        by: run.by.clone(),
        at: show_time(run.at),
        state: match run.paused_at {
            _ if run.counts.waiting == 0 => "done",
            Some(_) => "interrupted",
            None => "waiting",
        }
        .to_owned(),
        lines: run.counts.all(),
        waiting: run.counts.waiting,
        begun: run.counts.begun,
        skipped: run.counts.skipped,
    }
}

fn amount(money: Money) -> Amount {
    Amount {
        minor: money.minor(),
        currency: Some(money.currency().to_string()),
        text: money.to_string(),
    }
}

/// An amount of Zenskar's; in its own units where nothing says what they are.
fn amount_of(minor: i64, currency: Option<Currency>, written: &Written) -> Amount {
    let known = currency.and_then(|currency| to_stripe(minor, currency, written).ok());
    known.map_or_else(
        || Amount {
            minor,
            currency: currency.map(|currency| currency.to_string()),
            text: match currency {
                Some(currency) => format!("{minor} minor units of {currency}"),
                None => format!("{minor} minor units"),
            },
        },
        amount,
    )
}

/// The day of an instant.
fn day(at: Timestamp) -> String {
    let text = at.to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

fn place(after: &str) -> Result<(Timestamp, InvoiceId), CommandError> {
    let wrong = || invalid(&format!("{after:?} is no place in this list"));
    let (due, id) = after.split_once('/').ok_or_else(wrong)?;
    let due = due.parse().map_err(|_| wrong())?;
    let id = InvoiceId::parse(id).map_err(|_| wrong())?;
    Ok((Timestamp::from_micros(due), id))
}

fn collection_place(before: &str) -> Result<(Timestamp, InvoiceId, u64), CommandError> {
    let wrong = || invalid(&format!("{before:?} is no place in this list"));
    let (rest, number) = before.rsplit_once('/').ok_or_else(wrong)?;
    let (at, id) = place(rest).map_err(|_| wrong())?;
    Ok((at, id, number.parse().map_err(|_| wrong())?))
}
