//! What is to be booked in Zenskar of money that Stripe took, and whether it already is.
//!
//! Zenskar knows no idempotency key: nothing but a look prevents a payment from being booked twice.
//! So every booking begins with one ([`step`]), and after one of unknown outcome there is a time to
//! settle and a second look before another is sent.
//!
//! # Invariants
//!
//! - What was taken is booked whole: in one payment, of which a part is put against the invoice and
//!   the rest stands unallocated. A part is never more than the invoice owes.
//! - A payment is recognised by comparing ids exactly: Zenskar's filter takes `_` and `%` for
//!   wildcards.

use crate::model::collection::{Booking, Collection, Stage};
use crate::model::id::PaymentId;
use crate::model::invoice::{Invoice, Payment};
use crate::model::time::Timestamp;
use crate::sync::units::{self, UnitsError, Written};
use std::time::Duration;

/// Looks that have to show nothing before a booking of unknown outcome is sent again.
pub const LOOKS_BEFORE_REPEAT: u32 = 2;

/// What a look before a booking saw.
#[derive(Clone, Copy, Debug)]
pub struct Looked<'a> {
    /// The invoice; `None` where Zenskar does not know it.
    pub invoice: Option<&'a Invoice>,
    /// The payments of its customer that may be of this PaymentIntent, and those on the invoice.
    pub payments: &'a [Payment],
    /// Whether these are surely all.
    pub complete: bool,
    /// When it was seen, by this host's clock.
    pub now: Timestamp,
}

/// What is to be done about a booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Zenskar holds the payment: it is not sent again.
    There(PaymentId),
    /// Zenskar holds more than one payment of the same money. A person decides.
    Twice(Vec<PaymentId>),
    /// Zenskar holds a payment of it with another amount. A person decides.
    Differs {
        /// The payment.
        payment: PaymentId,
        /// Its amount, in Zenskar's minor units.
        amount: i64,
    },
    /// It is to be sent.
    Send(Booking),
    /// More was taken than the invoice owes, and a person is to say what becomes of the rest.
    AskAboutRest(Booking),
    /// A request may yet arrive, or has to be looked for again: at this time.
    Wait(Timestamp),
    /// What was taken cannot be said in Zenskar's units.
    Unsayable(UnitsError),
}

/// What to do about the booking of `collection`, whose money was taken.
///
/// `settle` is how long after it was sent a booking may still appear. `unallocated` says whether
/// what is more than the invoice owes may be booked without asking.
#[must_use]
pub fn step(
    collection: &Collection,
    looked: &Looked<'_>,
    written: &Written,
    settle: Duration,
    unallocated: bool,
) -> Step {
    let Some(taken) = collection.taken else {
        return Step::Wait(looked.now);
    };
    let amount = match units::to_zenskar(taken.amount, written) {
        Ok(amount) => amount,
        Err(wrong) => return Step::Unsayable(wrong),
    };
    let names = collection.names_in_stripe();
    let found: Vec<&Payment> = looked
        .payments
        .iter()
        .filter(|payment| is_of(payment, &names))
        .collect();
    #[cfg(feature = "mutants")]
    if crate::mutants::is_on(crate::mutants::Mutant::BookedWithoutLook) {
        return Step::Send(Booking {
            amount,
            part: amount.min(looked.invoice.map_or(0, |invoice| invoice.due.max(0))),
            due_before: looked.invoice.map_or(0, |invoice| invoice.due),
            payment: None,
        });
    }
    match found.as_slice() {
        [] => {}
        [one] if one.amount == amount => return Step::There(one.id.clone()),
        [one] => {
            return Step::Differs {
                payment: one.id.clone(),
                amount: one.amount,
            };
        }
        more => return Step::Twice(more.iter().map(|payment| payment.id.clone()).collect()),
    }
    if !looked.complete {
        return Step::Wait(looked.now.plus(settle));
    }
    if let Stage::BookingUnknown(since) = collection.stage {
        let settled = since.plus(settle);
        if looked.now < settled {
            return Step::Wait(settled);
        }
        if collection.attempts < LOOKS_BEFORE_REPEAT {
            return Step::Wait(looked.now.plus(settle));
        }
    }
    let owes = looked.invoice.filter(|invoice| invoice.is_open());
    let due_before = owes.map_or(0, |invoice| invoice.due);
    let booking = Booking {
        amount,
        part: amount.min(due_before),
        due_before,
        payment: None,
    };
    if booking.part < amount && !unallocated {
        Step::AskAboutRest(booking)
    } else {
        Step::Send(booking)
    }
}

/// Whether a payment in Zenskar is of the money that Stripe knows by these names.
fn is_of(payment: &Payment, names: &[String]) -> bool {
    let id = payment.external_id.as_ref();
    // What goes back is a row of its own, under the same id.
    let came_in = payment.kind != "refund" && payment.kind != "payment_reversal";
    came_in && id.is_some_and(|id| names.contains(id))
}

/// Whether a booking was seen to have its effect: Zenskar holds the payment as a success, and the
/// invoice owes less by its part.
#[must_use]
pub fn is_settled(booking: &Booking, invoice: Option<&Invoice>, payment: Option<&Payment>) -> bool {
    let Some(payment) = payment.filter(|payment| payment.is_success()) else {
        return false;
    };
    if booking.part == 0 {
        return true;
    }
    let Some(invoice) = invoice else {
        return false;
    };
    let left = booking.due_before.saturating_sub(booking.part);
    payment.part_of(&invoice.id) == booking.part && invoice.due <= left
}

/// The Stripe ids for which Zenskar holds more than one payment: money that is booked twice.
#[must_use]
pub fn booked_twice(payments: &[Payment]) -> Vec<&str> {
    let mut ids: Vec<&str> = payments
        .iter()
        .filter(|payment| payment.kind == "payment" && payment.is_success())
        .filter_map(|payment| payment.external_id.as_deref())
        .collect();
    ids.sort_unstable();
    let mut twice: Vec<&str> = ids
        .windows(2)
        .filter_map(|pair| match pair {
            [one, other] if one == other => Some(*one),
            _ => None,
        })
        .collect();
    twice.dedup();
    twice
}

#[cfg(test)]
mod tests;
