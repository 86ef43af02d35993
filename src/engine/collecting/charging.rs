//! Lines of charge runs: the last look at both remotes, the decision, and the collection that begins.

use super::steps::Stepped;
use super::{entry, name_of, subject};
use crate::engine::Engine;
use crate::engine::backoff;
use crate::engine::error::EngineError;
use crate::engine::gate::PARKED_FOR;
use crate::engine::linking::{make_link, new_link};
use crate::model::charge::{ChargeLine, ChargeRun, LineState};
use crate::model::collection::{Collection, Rail, Stage};
use crate::model::freeze::Freeze;
use crate::model::id::{MethodId, StripeCustomerId, ZenskarCustomerId};
use crate::model::invoice::Invoice;
use crate::model::journal::Entry;
use crate::model::link::{LinkProof, LinkState};
use crate::model::method::Method;
use crate::model::money::Money;
use crate::model::payment_intent::Mark;
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Class, Failure};
use crate::remote::text::form;
use crate::store::{Identity, Placed, SeenInvoice, StoreError, WriteTx};
use crate::stripe::payment_intent::{Charge, charge_form};
use crate::sync::brakes::{self, LOOKS_BACK, Limits, Trip};
use crate::sync::collect::{self, Looked, Native, Refusal, Rules};
use crate::sync::{method, units};
use crate::zenskar::client::{Found, Mapping};
use aws_lc_rs::digest::{SHA256, digest};
use std::time::Duration;

/// How long a line waits that a passing reason refused.
const PASSES_IN: Duration = Duration::from_secs(30);

/// How long a last look serves: what it showed may have changed since. Longer than the reads take while
/// as many lines as there can be take turns at the slowest rate.
const LOOK_SERVES: Duration = Duration::from_secs(120);

/// How long a request may wait for its turn after it was decided, before it is looked at anew.
const TURN_WITHIN: Duration = Duration::from_secs(60);

/// What a charge needs to know besides its invoice.
struct Payer {
    /// When the last look began.
    looked_at: Timestamp,
    customer: StripeCustomerId,
    method: Method,
    amount: Money,
}

/// Why a line does not go on.
enum Stop {
    Refused(Refusal),
    Tripped(Trip),
    Failed(EngineError),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(EngineError::Remote(failure))
    }
}

impl Engine {
    /// Lines whose turn it is and whose invoice nobody works on; none while charges are frozen.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub fn due_lines(&self, now: Timestamp, limit: usize) -> Result<Vec<ChargeLine>, EngineError> {
        let read = self.store.read()?;
        if read.freeze()?.is_some() {
            return Ok(Vec::new());
        }
        let mut due = read.due_lines(now, limit.saturating_mul(2))?;
        due.retain(|line| !self.collecting.is_taken(&line.invoice));
        due.truncate(limit);
        Ok(due)
    }

    /// Charges the invoice of a line, unless something speaks against it.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn charge_line(&self, line: &ChargeLine) -> Result<Stepped, EngineError> {
        let Some(_claim) = self.collecting.take(&line.invoice) else {
            return Ok(Stepped::Skipped);
        };
        let stored = self.store.read()?.charge_line(line.run, &line.invoice)?;
        if stored.as_ref() != Some(line) || line.state != LineState::Waiting {
            return Ok(Stepped::Skipped);
        }
        let (invoice, payer) = match self.last_look(line).await {
            Ok(found) => found,
            Err(Stop::Refused(refusal)) => return self.refuse_line(line, &refusal).await,
            Err(Stop::Tripped(trip)) => return self.trip(&trip).await,
            Err(Stop::Failed(EngineError::Remote(failure))) => {
                return self.put_line_off(line, &failure).await;
            }
            Err(Stop::Failed(error)) => return Err(error),
        };
        match self.begin_charge(line, invoice, payer).await? {
            Begun::Collection(collection) => self.send_charge(&collection, true).await,
            Begun::TooSoon(again) => {
                let note = "its customer was charged a moment ago".to_owned();
                self.wait_for_turn(line, again, note).await
            }
            Begun::Stale => {
                let (now, note) = (self.clock.now(), "it is looked at anew".to_owned());
                self.wait_for_turn(line, now, note).await
            }
            Begun::Refused(refusal) => self.refuse_line(line, &refusal).await,
            Begun::Tripped(trip) => {
                tracing::error!(event = "charges_frozen", reason = %trip);
                Ok(Stepped::Waits)
            }
            Begun::Moved => Ok(Stepped::Skipped),
        }
    }

    /// The last look: what both remotes show of the invoice right before it is charged.
    async fn last_look(&self, line: &ChargeLine) -> Result<(Invoice, Payer), Stop> {
        let (rules, looked_at) = (self.collecting_rules(), self.clock.now());
        let ours = self.store.read()?.collections_of(&line.invoice)?;
        collect::permit(Rail::Charge, &rules, None, &ours)?;
        let invoice = self.zenskar.invoice(&line.invoice, Priority::Money).await?;
        let invoice = invoice.value.ok_or(Refusal::Gone)?;
        let payments = self
            .zenskar
            .payments_on(&line.invoice, Priority::Money)
            .await?
            .value;
        self.check_for_native(&rules, &payments.payments)?;
        let lines = self
            .zenskar
            .lines_total(&line.invoice, Priority::Money)
            .await?
            .value;
        let looked = Looked {
            invoice: &invoice,
            lines: &lines,
            payments: &payments.payments,
            complete: payments.complete,
            ours: &ours,
            contract_currency: None,
        };
        let amount = collect::judge(&looked, line.confirmed, &rules)?;
        self.keep_sight(&invoice, amount).await?;
        let customer = self.payer_of(&invoice.customer, &rules).await?;
        let method = self.method_of(&customer, amount).await?;
        let payer = Payer {
            looked_at,
            customer,
            method,
            amount,
        };
        Ok((invoice, payer))
    }

    /// Whether Zenskar's own connector makes payments although it is said not to.
    fn check_for_native(
        &self,
        rules: &Rules,
        payments: &[crate::model::invoice::Payment],
    ) -> Result<(), Stop> {
        if rules.native != Native::Off {
            return Ok(());
        }
        let read = self.store.read()?;
        let Some(since) = read.native_off_since()? else {
            return Ok(());
        };
        let is_ours = |id: &str| {
            let known = read.collections_with(id);
            known.is_ok_and(|known| !known.is_empty())
        };
        match brakes::native_payment(payments, since, is_ours) {
            Some(trip) => Err(Stop::Tripped(trip)),
            None => Ok(()),
        }
    }

    /// Keeps what the last look showed, with the currency that was found.
    async fn keep_sight(&self, invoice: &Invoice, amount: Money) -> Result<(), EngineError> {
        let seen = SeenInvoice {
            invoice: Invoice {
                currency: Some(amount.currency()),
                ..invoice.clone()
            },
            seen_at: self.clock.now(),
            looked_at: Some(self.clock.now()),
            gone: false,
        };
        self.writer
            .write("see invoice", move |tx| tx.put_invoice(&seen))
            .await?;
        Ok(())
    }

    /// The customer of Stripe who pays for this one of Zenskar.
    async fn payer_of(
        &self,
        id: &ZenskarCustomerId,
        rules: &Rules,
    ) -> Result<StripeCustomerId, Stop> {
        let answer = self.zenskar.customer(id, Priority::Money).await?;
        match answer.value {
            Found::Gone => return Err(Refusal::NotLinked.into()),
            Found::Here(look) if look.seen().is_consolidated() && !rules.consolidated => {
                return Err(Refusal::Consolidated.into());
            }
            Found::Here(_) => {}
        }
        let link = self.store.read()?.link_by_zenskar(id)?;
        match link {
            Some(link) if link.state == LinkState::Active => Ok(link.stripe),
            Some(_) => Err(Refusal::LinkInDoubt.into()),
            None => self.link_by_mapping(id).await,
        }
    }

    /// Links a customer of whom nobody asked before, where Zenskar's own mapping names the other one.
    async fn link_by_mapping(&self, id: &ZenskarCustomerId) -> Result<StripeCustomerId, Stop> {
        let mapping = match self.zenskar.mapping(id, Priority::Money).await {
            Ok(answer) => answer.value,
            Err(failure) if failure.class == Class::Missing => Mapping::Nothing,
            Err(failure) => return Err(failure.into()),
        };
        let Mapping::Names(stripe) = mapping else {
            return Err(Refusal::NotLinked.into());
        };
        let now = self.clock.now();
        let link = new_link(&stripe, id, LinkProof::Mapping, now);
        let placed = self
            .writer
            .write("link customer", move |tx| {
                make_link(tx, &link, "engine", now)
            })
            .await
            .map_err(EngineError::from)?;
        match placed {
            Placed::Stored => Ok(stripe),
            Placed::Claimed(_) => Err(Refusal::LinkInDoubt.into()),
        }
    }

    /// The stored method that the customer's charges go to.
    async fn method_of(&self, customer: &StripeCustomerId, amount: Money) -> Result<Method, Stop> {
        let defaults = self.stripe.defaults(customer, Priority::Money).await?.value;
        if defaults.deleted {
            return Err(Refusal::CustomerDeleted(customer.clone()).into());
        }
        let id: &MethodId = method::default_of(&defaults).ok_or(Refusal::NoMethod)?;
        let found = match self.stripe.method(id, Priority::Money).await {
            Ok(answer) => answer.value,
            Err(failure) if failure.class == Class::Missing => {
                let why = format!("Stripe does not know {id}");
                return Err(Refusal::MethodUnusable(why).into());
            }
            Err(failure) => return Err(failure.into()),
        };
        method::fits(&found, customer, amount.currency()).map_err(Refusal::MethodUnusable)?;
        units::chargeable(amount, found.kind == "card").map_err(Refusal::Units)?;
        Ok(found)
    }

    /// Writes the collection that is to be sent, if nothing moved since the look.
    async fn begin_charge(
        &self,
        line: &ChargeLine,
        invoice: Invoice,
        payer: Payer,
    ) -> Result<Begun, EngineError> {
        let now = self.clock.now();
        let settings = self.settings();
        let (line, rules) = (line.clone(), self.collecting_rules());
        let limits = settings.collecting.limits.clone();
        let begun = self
            .writer
            .write("begin charge", move |tx| {
                begin(tx, (&line, &invoice, &payer), (&rules, &limits), now)
            })
            .await?;
        Ok(begun)
    }

    async fn refuse_line(
        &self,
        line: &ChargeLine,
        refusal: &Refusal,
    ) -> Result<Stepped, EngineError> {
        let now = self.clock.now();
        let why = refusal.to_string();
        if refusal.may_pass() || matches!(refusal, Refusal::Frozen(_)) {
            return self.wait_for_turn(line, now.plus(PASSES_IN), why).await;
        }
        let line = line.clone();
        self.writer
            .write("leave line out", move |tx| {
                let mut entry =
                    Entry::engine(now, "not charged", &subject(&line.invoice)).with("why", &why);
                if let Some(run) = tx.charge_run(line.run)? {
                    entry = entry
                        .with("charge run", &run.number)
                        .with("ordered by", &run.by);
                }
                tx.append_journal(&entry)?;
                tx.put_charge_line(&ChargeLine {
                    state: LineState::Skipped(why),
                    ..line
                })
            })
            .await?;
        Ok(Stepped::Moved)
    }

    async fn put_line_off(
        &self,
        line: &ChargeLine,
        failure: &Failure,
    ) -> Result<Stepped, EngineError> {
        let now = self.clock.now();
        let wait = if failure.class == Class::Unauthorized {
            self.park(failure);
            PARKED_FOR
        } else {
            let tries = now.since(line.due_at).as_secs();
            let tries = u32::try_from(tries).unwrap_or(u32::MAX).clamp(2, 8);
            backoff::wait(line.invoice.as_str(), tries, failure.retry_after())
        };
        self.wait_for_turn(line, now.plus(wait), failure.in_words())
            .await
    }

    async fn wait_for_turn(
        &self,
        line: &ChargeLine,
        due_at: Timestamp,
        note: String,
    ) -> Result<Stepped, EngineError> {
        let line = ChargeLine {
            due_at,
            note: Some(note),
            ..line.clone()
        };
        self.writer
            .write("put line off", move |tx| {
                match tx.charge_line(line.run, &line.invoice)? {
                    Some(stored) if stored.state == LineState::Waiting => tx.put_charge_line(&line),
                    _ => Ok(()),
                }
            })
            .await?;
        Ok(Stepped::Waits)
    }

    /// A brake tripped: charges freeze, and the line waits for a person.
    pub(super) async fn trip(&self, trip: &Trip) -> Result<Stepped, EngineError> {
        let (now, reason) = (self.clock.now(), trip.to_string());
        tracing::error!(event = "charges_frozen", reason);
        self.writer
            .write("freeze charges", move |tx| {
                freeze(tx, "engine", &reason, now)
            })
            .await?;
        Ok(Stepped::Waits)
    }

    /// Whether the first request of a charge may be sent, whose turn has come.
    pub(super) fn is_still_wanted(&self, collection: &Collection) -> bool {
        self.clock.now().since(collection.decided_at) <= TURN_WITHIN && self.may_collect()
    }

    /// Whether something may be sent that takes money; asked right before it is.
    pub(super) fn may_collect(&self) -> bool {
        let frozen = self.store.read().and_then(|read| read.freeze());
        frozen.is_ok_and(|frozen| frozen.is_none())
    }
}

/// What came of beginning a charge.
enum Begun {
    Collection(Box<Collection>),
    TooSoon(Timestamp),
    /// What the last look showed is too old.
    Stale,
    Refused(Refusal),
    Tripped(Trip),
    /// The line moved, or its run is interrupted.
    Moved,
}

fn begin(
    tx: &mut WriteTx<'_>,
    (line, invoice, payer): (&ChargeLine, &Invoice, &Payer),
    (rules, limits): (&Rules, &Limits),
    now: Timestamp,
) -> Result<Begun, StoreError> {
    let stored = tx.charge_line(line.run, &line.invoice)?;
    let run = tx.charge_run(line.run)?;
    let run = run.filter(|run| run.paused_at.is_none());
    let (Some(run), Some(identity)) = (run, tx.identity()?) else {
        return Ok(Begun::Moved);
    };
    if stored.as_ref() != Some(line) {
        return Ok(Begun::Moved);
    }
    if now.since(payer.looked_at) > LOOK_SERVES {
        return Ok(Begun::Stale);
    }
    let frozen = tx.freeze()?.map(|freeze| freeze.reason);
    let ours = tx.collections_of(&line.invoice)?;
    if let Err(refusal) = collect::permit(Rail::Charge, rules, frozen.as_deref(), &ours) {
        return Ok(Begun::Refused(refusal));
    }
    let lately = tx.collections_since(now.minus(LOOKS_BACK))?;
    if let Some(again) = brakes::too_soon(&payer.customer, &lately, limits, now) {
        return Ok(Begun::TooSoon(again));
    }
    if let Some(trip) = brakes::trip(payer.amount, &lately, limits) {
        freeze(tx, "engine", &trip.to_string(), now)?;
        return Ok(Begun::Tripped(trip));
    }
    let collection = collection(tx, (invoice, payer), &run, (&identity, now))?;
    if !tx.begin_collection(&collection)? {
        return Ok(Begun::Moved);
    }
    let entry = entry(now, "charge begun", &collection)
        .with("invoice", &name_of(invoice))
        .with("method", &payer.method.id)
        .with("ordered by", &run.by)
        .with("charge run", &run.number);
    tx.append_journal(&entry)?;
    tx.put_charge_line(&ChargeLine {
        state: LineState::Begun(collection.number),
        note: None,
        ..line.clone()
    })?;
    Ok(Begun::Collection(Box::new(collection)))
}

/// The collection of a charge, with its request: whatever is sent of it, these are the bytes.
fn collection(
    tx: &mut WriteTx<'_>,
    (invoice, payer): (&Invoice, &Payer),
    run: &ChargeRun,
    (identity, now): (&Identity, Timestamp),
) -> Result<Collection, StoreError> {
    let number = tx.next_collection_number(&invoice.id)?;
    let mark = Mark {
        installation: tx.installation_id()?,
        epoch: tx.epoch()?,
        organisation: identity.organisation.clone(),
        invoice: invoice.id.clone(),
        attempt: number,
    };
    let body = form(&charge_form(&Charge {
        amount: payer.amount,
        customer: &payer.customer,
        method: &payer.method.id,
        description: invoice.name(),
        mark: &mark,
    }));
    Ok(Collection {
        invoice: invoice.id.clone(),
        number,
        rail: Rail::Charge,
        zenskar_customer: invoice.customer.clone(),
        customer: payer.customer.clone(),
        amount: payer.amount,
        method: Some(payer.method.id.clone()),
        method_kind: Some(payer.method.kind.clone()),
        by: run.by.clone(),
        run: Some(run.number),
        body,
        key: key(identity, &mark),
        stage: Stage::Unknown(now),
        intent: None,
        charge: None,
        session: None,
        taken: None,
        booking: None,
        rest_by: None,
        attempts: 0,
        decided_at: now,
        since: now,
        due_at: Some(now),
        note: None,
    })
}

/// Freezes charges, unless they are frozen already.
pub(in crate::engine) fn freeze(
    tx: &mut WriteTx<'_>,
    by: &str,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    if tx.freeze()?.is_some() {
        return Ok(());
    }
    tx.set_freeze(Some(&Freeze {
        at: now,
        by: by.to_owned(),
        reason: reason.to_owned(),
    }))?;
    let mut entry = Entry::engine(now, "charges frozen", &"charges").with("why", &reason);
    by.clone_into(&mut entry.who);
    tx.append_journal(&entry).map(drop)
}

/// The idempotency key of a collection. It follows from the account, the organisation, the invoice and
/// the collection's number, and not from the installation: a copy of this store collides with it at
/// Stripe instead of charging a second time.
fn key(identity: &Identity, mark: &Mark) -> String {
    let of = format!(
        "{}\n{}\n{}",
        identity.account, mark.organisation, mark.invoice
    );
    let of = digest(&SHA256, of.as_bytes());
    let of: String = of
        .as_ref()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("zenstripe/collect/{of}/{}", mark.attempt)
}
