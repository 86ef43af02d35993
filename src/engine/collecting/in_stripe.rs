//! What becomes of a collection in Stripe: its request, the answer, and what is done where none came.

use super::entry;
use super::steps::Stepped;
use crate::engine::Engine;
use crate::engine::backoff;
use crate::engine::error::EngineError;
use crate::engine::gate::PARKED_FOR;
use crate::model::collection::{Collection, Ending, Stage};
use crate::model::id::PaymentIntentId;
use crate::model::link::Side;
use crate::model::payment_intent::PaymentIntent;
use crate::model::time::Timestamp;
use crate::remote::limiter::Priority;
use crate::remote::outcome::{Class, Failure};
use crate::sync::brakes::Trip;
use crate::sync::collect;
use crate::sync::payment_intent::{self, Meaning, meaning};
use std::time::Duration;

/// How long Stripe surely knows an idempotency key (API reference, "Idempotent requests": at least
/// 24 hours), less what clocks may differ.
const KEY_KEPT: Duration = Duration::from_secs(23 * 60 * 60);

/// How long after its request a `PaymentIntent` that nobody lists can surely not appear any more.
const NEVER_AFTER: Duration = Duration::from_secs(25 * 60 * 60);

/// How far clocks may differ, when a list is asked for what was made since.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60 * 60);

/// Pages of a customer's `PaymentIntents` that are gone through.
const PAGES_MAX: usize = 20;

impl Engine {
    /// Sends the request of a charge. `is_first` says that no request of it can have left before.
    pub(super) async fn send_charge(
        &self,
        collection: &Collection,
        is_first: bool,
    ) -> Result<Stepped, EngineError> {
        let key = collection.key.as_str();
        #[cfg(feature = "mutants")]
        let other = format!("{key}/{}", collection.attempts);
        #[cfg(feature = "mutants")]
        let key =
            if !is_first && crate::mutants::is_on(crate::mutants::Mutant::ChargedUnderAnotherKey) {
                other.as_str()
            } else {
                key
            };
        let sent = (collection.body.as_str(), key);
        let wanted = || {
            if is_first {
                self.is_still_wanted(collection)
            } else {
                self.may_collect()
            }
        };
        match self.stripe.charge(sent, &wanted, Priority::Money).await {
            Ok(answer) => {
                self.gate.open(Side::Stripe);
                self.take_in(collection, &answer.value).await
            }
            Err(failure) => self.charge_failed(collection, failure, is_first).await,
        }
    }

    /// Writes what a `PaymentIntent` means for its collection.
    async fn take_in(
        &self,
        collection: &Collection,
        seen: &PaymentIntent,
    ) -> Result<Stepped, EngineError> {
        let now = self.clock.now();
        let after = match payment_intent::after(collection, seen, now) {
            Ok(after) => after,
            Err(strange) => {
                let why = format!("{strange} ({})", seen.id);
                return self.leave_to_person(collection, &why).await;
            }
        };
        let is_news = after.stage != collection.stage || after.note != collection.note;
        let entry = is_news.then(|| {
            let said = entry(now, what_happened(&after), &after);
            let said = said.with("status", &seen.status.as_str());
            match seen
                .decline
                .as_ref()
                .map(|decline| decline.reason().to_owned())
            {
                Some(reason) => said.with("declined for", &reason),
                None => said,
            }
        });
        if is_news {
            tracing::info!(
                event = "collection_moved",
                invoice = %after.invoice,
                collection = after.number,
                stage = after.stage.as_str(),
            );
        }
        self.move_on("take in what became of a charge", collection, after, entry)
            .await
    }

    async fn charge_failed(
        &self,
        collection: &Collection,
        failure: Failure,
        is_first: bool,
    ) -> Result<Stepped, EngineError> {
        let now = self.clock.now();
        let is_clone = failure.code.as_deref() == Some("idempotency_error");
        match failure.class {
            _ if is_clone => {
                let collection_name = collection.name();
                let trip = Trip::Clone {
                    collection: collection_name,
                };
                self.trip(&trip).await?;
                self.leave_to_person(collection, &trip.to_string()).await
            }
            Class::Unknown => self.put_off(collection, &failure).await,
            // It says nothing about the request that may have come before.
            _ if !is_first => self.put_off(collection, &failure).await,
            Class::Retry { after } => {
                let wait = backoff::wait(&collection.name(), 1, after);
                let why = failure.in_words();
                self.take_collection_back(collection, &why, now.plus(wait))
                    .await
            }
            Class::Unauthorized => {
                self.park(&failure);
                let why = failure.in_words();
                self.take_collection_back(collection, &why, now.plus(PARKED_FOR))
                    .await
            }
            Class::Refused | Class::Missing | Class::Forbidden | Class::CursorGone => {
                let ending = Ending::Refused(failure.in_words());
                self.end(collection, ending).await
            }
        }
    }

    async fn end(&self, collection: &Collection, ending: Ending) -> Result<Stepped, EngineError> {
        let now = self.clock.now();
        let why = match &ending {
            Ending::Refused(why) | Ending::Withdrawn(why) => why.clone(),
            Ending::Declined(_) | Ending::NeedsCustomer | Ending::Canceled | Ending::Expired => {
                String::new()
            }
        };
        let after = collection.clone().at_stage(Stage::Ended(ending), now);
        let entry = entry(now, what_happened(&after), &after).with("why", &why);
        self.move_on("end collection", collection, after, Some(entry))
            .await
    }

    /// Finds out what became of a request without a usable answer: by the same request while Stripe
    /// knows its key, and from the second time on by what Stripe lists before, since an error that is
    /// stored under the key comes again and again.
    pub(super) async fn find_out(&self, collection: &Collection) -> Result<Stepped, EngineError> {
        let sent_at = match collection.stage {
            Stage::Unknown(sent_at) => sent_at,
            _ => collection.since,
        };
        if collection.attempts == 0 && self.may_repeat(collection, sent_at).await? {
            return self.send_charge(collection, false).await;
        }
        match self.look_for_intent(collection).await? {
            Some(seen) => self.take_in(collection, &seen).await,
            None if self.may_repeat(collection, sent_at).await? => {
                self.send_charge(collection, false).await
            }
            None if self.clock.now().since(sent_at) > NEVER_AFTER => {
                let why = "Stripe lists no PaymentIntent of it, a day after the request".to_owned();
                self.end(collection, Ending::Withdrawn(why)).await
            }
            None => {
                let failure = Failure {
                    message: "Stripe gave no usable answer and lists no PaymentIntent of it yet; it is \
                              not sent again while charges are frozen or the invoice owes less, and \
                              is looked for until a day has passed"
                        .to_owned(),
                    ..Failure::new(
                        Side::Stripe,
                        crate::remote::outcome::Call::read("find out what became of a charge"),
                        Class::Retry { after: None },
                    )
                };
                self.put_off(collection, &failure).await
            }
        }
    }

    /// Whether the request may be sent again. If no copy of it arrived before, the repeat is what takes
    /// the money: so charges must not be frozen, and the invoice must owe what it did, however long
    /// ago the last look was. Otherwise Stripe's lists alone say what became of it.
    async fn may_repeat(
        &self,
        collection: &Collection,
        sent_at: Timestamp,
    ) -> Result<bool, EngineError> {
        if self.clock.now().since(sent_at) >= KEY_KEPT || !self.may_collect() {
            return Ok(false);
        }
        let id = &collection.invoice;
        let invoice = self.zenskar.invoice(id, Priority::Money).await?.value;
        let payments = self.zenskar.payments_on(id, Priority::Money).await?.value;
        let settings = self.settings();
        let written = &settings.collecting.rules.written;
        let looked = (invoice.as_ref(), payments.payments.as_slice());
        Ok(payments.complete && collect::still_owes(collection.amount, looked, written))
    }

    /// The `PaymentIntent` that says that it is of this collection, among all that its customer has
    /// since the request.
    async fn look_for_intent(
        &self,
        collection: &Collection,
    ) -> Result<Option<PaymentIntent>, EngineError> {
        let since = collection.decided_at.minus(CLOCKS_DIFFER);
        let mut after: Option<PaymentIntentId> = None;
        for _ in 0..PAGES_MAX {
            let page = self
                .stripe
                .intents_page(
                    Some(&collection.customer),
                    since,
                    after.as_ref(),
                    Priority::Money,
                )
                .await?
                .value;
            if page.unreadable > 0 {
                return Err(incomplete().into());
            }
            let mut found = page.items.into_iter().filter(|seen| {
                let mark = seen.mark.as_ref();
                mark.is_some_and(|mark| {
                    mark.invoice == collection.invoice && mark.attempt == collection.number
                })
            });
            if let Some(found) = found.next() {
                return Ok(Some(found));
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(None),
            }
        }
        Err(incomplete().into())
    }

    /// Reads a `PaymentIntent` that may yet take the money.
    pub(super) async fn read_intent(
        &self,
        collection: &Collection,
    ) -> Result<Stepped, EngineError> {
        match self.intent_of(collection).await? {
            Some(seen) => self.take_in(collection, &seen).await,
            None => self.lost_intent(collection).await,
        }
    }

    /// Cancels a `PaymentIntent` that is to take no money, and reads back what it is then.
    pub(super) async fn close(&self, collection: &Collection) -> Result<Stepped, EngineError> {
        let Some(seen) = self.intent_of(collection).await? else {
            return self.lost_intent(collection).await;
        };
        if meaning(&seen.status) != Meaning::ToCancel {
            return self.take_in(collection, &seen).await;
        }
        if collection.attempts >= backoff::ATTEMPTS_MAX {
            let why = format!("{} could not be canceled", seen.id);
            return self.leave_to_person(collection, &why).await;
        }
        let key = format!("{}/cancel/{}", collection.key, collection.attempts);
        let canceled = self
            .stripe
            .cancel_intent(&seen.id, &key, Priority::Money)
            .await;
        if let Err(failure) = canceled {
            return self.put_off(collection, &failure).await;
        }
        let seen = self.stripe.intent(&seen.id, Priority::Money).await?.value;
        if meaning(&seen.status) == Meaning::ToCancel {
            let failure = Failure {
                message: "it is not canceled yet".to_owned(),
                ..incomplete()
            };
            return self.put_off(collection, &failure).await;
        }
        self.take_in(collection, &seen).await
    }

    async fn intent_of(
        &self,
        collection: &Collection,
    ) -> Result<Option<PaymentIntent>, EngineError> {
        let Some(id) = &collection.intent else {
            return Ok(None);
        };
        match self.stripe.intent(id, Priority::Money).await {
            Ok(answer) => {
                self.gate.open(Side::Stripe);
                Ok(Some(answer.value))
            }
            Err(failure) if failure.class == Class::Missing => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Stripe does not know an id that it gave us: that is another account or mode, and no proof that
    /// nothing was taken.
    async fn lost_intent(&self, collection: &Collection) -> Result<Stepped, EngineError> {
        let why = "Stripe does not know its PaymentIntent any more: is the key of another account or \
                   mode?";
        self.leave_to_person(collection, why).await
    }
}

fn incomplete() -> Failure {
    let call = crate::remote::outcome::Call::read("list PaymentIntents of a customer");
    Failure {
        message: "the list is not complete".to_owned(),
        ..Failure::new(Side::Stripe, call, Class::Retry { after: None })
    }
}

/// What happened to a collection, as the journal says it.
fn what_happened(after: &Collection) -> &'static str {
    match &after.stage {
        Stage::Booking => "money taken",
        Stage::Open => "payment is processing",
        Stage::Closing(_) => "payment to be canceled",
        Stage::Ended(Ending::Declined(_)) => "declined",
        Stage::Ended(Ending::NeedsCustomer) => "the customer has to confirm",
        Stage::Ended(Ending::Refused(_)) => "refused by Stripe",
        Stage::Ended(Ending::Canceled | Ending::Expired) => "canceled, nothing taken",
        Stage::Ended(Ending::Withdrawn(_)) => "nothing taken",
        Stage::Waiting
        | Stage::Unknown(_)
        | Stage::BookingUnknown(_)
        | Stage::Settling
        | Stage::Booked => "collection moved",
    }
}
