//! Booking what was taken: a look, the payment, and the look that shows its effect.

use super::entry;
use super::steps::Stepped;
use crate::engine::Engine;
use crate::engine::backoff;
use crate::engine::error::EngineError;
use crate::model::collection::{Booking, Collection, Stage};
use crate::model::id::PaymentId;
use crate::model::invoice::Invoice;
use crate::model::link::Side;
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Class, Failure};
use crate::store::SeenInvoice;
use crate::sync::booking::{self, Looked, Step};
use crate::sync::units::{self, Written};
use crate::zenskar::client::{NewPayment, Payments};
use std::time::Duration;

/// Refusals of one booking before a person has to look: what was seen may have changed in between.
const REFUSALS_MAX: u32 = 3;

/// How long the effect of a booking is waited for before a person has to look.
const SETTLES_WITHIN: Duration = Duration::from_secs(30 * 60);

impl Engine {
    /// Books what a collection took, unless Zenskar holds it.
    pub(super) async fn book(&self, collection: &Collection) -> Result<Stepped, EngineError> {
        let names = collection.names_in_stripe();
        let (invoice, payments) = self.look_before_booking(collection, &names).await?;
        let now = self.clock.now();
        let settings = self.settings();
        let looked = Looked {
            invoice: invoice.as_ref(),
            payments: &payments.payments,
            complete: payments.complete,
            now,
        };
        let unallocated = settings.collecting.unallocated || collection.rest_by.is_some();
        let written = &settings.collecting.rules.written;
        match booking::step(collection, &looked, written, settings.settle, unallocated) {
            Step::There(payment) => {
                let found = payments.payments.iter().find(|found| found.id == payment);
                let part = found.map_or(0, |found| found.part_of(&collection.invoice));
                let due = invoice.as_ref().map_or(0, |invoice| invoice.due);
                let booking = collection.booking.clone().unwrap_or_else(|| Booking {
                    amount: found.map_or(0, |found| found.amount),
                    part,
                    due_before: due.saturating_add(part),
                    payment: None,
                });
                self.booked(collection, booking, payment).await
            }
            Step::Send(booking) => {
                self.send_booking(collection, booking, &payments, &names)
                    .await
            }
            Step::Wait(until) => self.wait_to_book(collection, until, settings.settle).await,
            Step::Twice(ids) => {
                let ids: Vec<&str> = ids.iter().map(PaymentId::as_str).collect();
                let why = format!(
                    "Zenskar holds this payment more than once ({}): delete what is too much",
                    ids.join(", ")
                );
                self.leave_to_person(collection, &why).await
            }
            Step::Differs { payment, amount } => {
                let why = format!(
                    "Zenskar holds payment {payment} of it over {amount} minor units, which is not \
                     what was taken: correct it there, then have it tried again"
                );
                self.leave_to_person(collection, &why).await
            }
            Step::AskAboutRest(booking) => {
                let why = more_than_owed(collection, &booking, written);
                self.leave_to_person(collection, &why).await
            }
            Step::Unsayable(wrong) => self.leave_to_person(collection, &wrong.to_string()).await,
        }
    }

    /// What Zenskar shows of an invoice and of payments that may be of this money: by invoice, and by
    /// customer under each of its names.
    async fn look_before_booking(
        &self,
        collection: &Collection,
        names: &[String],
    ) -> Result<(Option<Invoice>, Payments), EngineError> {
        let id = &collection.invoice;
        let invoice = self.zenskar.invoice(id, Priority::Money).await?.value;
        self.gate.open(Side::Zenskar);
        let mut payments = self.zenskar.payments_on(id, Priority::Money).await?.value;
        for name in names {
            let of = &collection.zenskar_customer;
            let found = self.zenskar.payments_of(of, name, Priority::Money).await?;
            payments = payments.and(found.value);
        }
        Ok((invoice, payments))
    }

    /// Sends a booking. That it is being sent is durable before.
    async fn send_booking(
        &self,
        collection: &Collection,
        booking: Booking,
        payments: &Payments,
        names: &[String],
    ) -> Result<Stepped, EngineError> {
        let (Some(looked), Some(taken), Some(name)) =
            (payments.absent(names), collection.taken, names.first())
        else {
            let why = "it is not known what Stripe calls the money that was taken";
            return self.leave_to_person(collection, why).await;
        };
        let now = self.clock.now();
        let sent = Collection {
            booking: Some(booking.clone()),
            due_at: Some(now.plus(self.settings().settle)),
            ..collection.clone().at_stage(Stage::BookingUnknown(now), now)
        };
        let moved = self
            .move_on("begin booking", collection, sent.clone(), None)
            .await?;
        if moved == Stepped::Skipped {
            return Ok(moved);
        }
        let payment = NewPayment {
            customer: &sent.zenskar_customer,
            invoice: &sent.invoice,
            booking: &booking,
            currency: taken.amount.currency(),
            external_id: name,
            method: method_word(sent.method_kind.as_deref()),
        };
        match self.zenskar.book(looked, payment, Priority::Money).await {
            Ok(answer) => {
                let made = answer.value.filter(|made| {
                    let id = made.external_id.as_ref();
                    id.is_some_and(|id| names.contains(id))
                });
                match made {
                    Some(made) => self.booked(&sent, booking, made.id).await,
                    // It is there, under an id that the next look finds.
                    None => Ok(Stepped::Waits),
                }
            }
            Err(failure) => {
                self.booking_failed(&sent, collection.attempts, &failure)
                    .await
            }
        }
    }

    async fn booking_failed(
        &self,
        sent: &Collection,
        refusals: u32,
        failure: &Failure,
    ) -> Result<Stepped, EngineError> {
        let now = self.clock.now();
        if failure.class == Class::Unknown {
            let waits = Collection {
                note: Some(failure.in_words()),
                ..sent.clone()
            };
            return self.move_on("booking unknown", sent, waits, None).await;
        }
        // It is known not to have been applied: the next step looks and sends anew.
        let again = Collection {
            attempts: refusals,
            ..sent.clone().at_stage(Stage::Booking, now)
        };
        self.move_on("booking not applied", sent, again.clone(), None)
            .await?;
        let is_refused = matches!(failure.class, Class::Refused | Class::Missing);
        if is_refused && refusals >= REFUSALS_MAX {
            let why = format!("Zenskar does not take the payment: {}", failure.in_words());
            return self.leave_to_person(&again, &why).await;
        }
        self.put_off(&again, failure).await
    }

    async fn wait_to_book(
        &self,
        collection: &Collection,
        until: Timestamp,
        settle: Duration,
    ) -> Result<Stepped, EngineError> {
        let now = self.clock.now();
        let looks = match collection.stage {
            // This look counts, as it came after what was sent could have settled.
            Stage::BookingUnknown(since) if now >= since.plus(settle) => {
                collection.attempts.saturating_add(1)
            }
            _ => collection.attempts,
        };
        let after = Collection {
            attempts: looks,
            due_at: Some(until.max(now.plus(Duration::from_secs(1)))),
            ..collection.clone()
        };
        self.move_on("wait to book", collection, after, None)
            .await?;
        Ok(Stepped::Waits)
    }

    async fn booked(
        &self,
        collection: &Collection,
        booking: Booking,
        payment: PaymentId,
    ) -> Result<Stepped, EngineError> {
        let now = self.clock.now();
        let after = Collection {
            booking: Some(Booking {
                payment: Some(payment.clone()),
                ..booking.clone()
            }),
            ..collection.clone().at_stage(Stage::Settling, now)
        };
        let entry = entry(now, "payment booked in Zenskar", &after)
            .with("payment", &payment)
            .with("against the invoice", &booking.part)
            .with("unallocated", &booking.amount.saturating_sub(booking.part));
        self.move_on("payment is booked", collection, after, Some(entry))
            .await
    }

    /// Looks whether a booking had its effect: that ends the lease.
    pub(super) async fn see_settled(
        &self,
        collection: &Collection,
    ) -> Result<Stepped, EngineError> {
        let known = collection.booking.as_ref();
        let Some((booking, id)) = known.and_then(|known| Some((known, known.payment.as_ref()?)))
        else {
            let why = "which payment of Zenskar's it is, is not known";
            return self.leave_to_person(collection, why).await;
        };
        let payment = self.zenskar.payment(id, Priority::Money).await?.value;
        let invoice = self
            .zenskar
            .invoice(&collection.invoice, Priority::Money)
            .await?
            .value;
        let now = self.clock.now();
        if booking::is_settled(booking, invoice.as_ref(), payment.as_ref()) {
            let after = collection.clone().at_stage(Stage::Booked, now);
            let entry = entry(now, "collected", &after).with("payment", id);
            let stepped = self
                .move_on("collection is over", collection, after, Some(entry))
                .await?;
            if let Some(invoice) = invoice {
                self.keep_settled(invoice, now).await?;
            }
            return Ok(stepped);
        }
        if now.since(collection.since) > SETTLES_WITHIN {
            let why = format!(
                "Zenskar holds payment {id}, and the invoice does not owe less for it: look at both"
            );
            return self.leave_to_person(collection, &why).await;
        }
        let attempts = collection.attempts.saturating_add(1);
        let wait = backoff::wait(&collection.name(), attempts, None);
        let after = Collection {
            attempts,
            due_at: Some(now.plus(wait)),
            note: Some("Zenskar does not show the effect of the payment yet".to_owned()),
            ..collection.clone()
        };
        self.move_on("wait for the effect", collection, after, None)
            .await?;
        Ok(Stepped::Waits)
    }

    async fn keep_settled(&self, invoice: Invoice, seen_at: Timestamp) -> Result<(), EngineError> {
        let seen = SeenInvoice {
            invoice,
            seen_at,
            looked_at: Some(seen_at),
            gone: false,
        };
        self.writer
            .write("see invoice", move |tx| tx.put_invoice(&seen))
            .await?;
        Ok(())
    }
}

/// That more was taken than the invoice owes, in words.
fn more_than_owed(collection: &Collection, booking: &Booking, written: &Written) -> String {
    let in_words = |amount| {
        let currency = collection.amount.currency();
        units::to_stripe(amount, currency, written).map_or_else(
            |_| format!("{amount} minor units"),
            |money| money.to_string(),
        )
    };
    format!(
        "{} of {} are more than the invoice owes (payments.overpaid): have the rest booked \
         unallocated, or refund it in Stripe",
        in_words(booking.amount.saturating_sub(booking.part)),
        in_words(booking.amount)
    )
}

/// Zenskar's word for how it was paid (API reference, "Payments": `payment_method`).
fn method_word(kind: Option<&str>) -> &'static str {
    match kind {
        None | Some("card" | "link") => "card",
        Some(_) => "direct_debit",
    }
}
