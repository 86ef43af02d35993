//! Stored form of a collection.

use crate::model::collection::{Booking, Collection, Decline, Ending, Rail, Stage, Taken};
use crate::model::id::{
    InvoiceId, MethodId, PaymentId, PaymentIntentId, SessionId, StripeCustomerId, ZenskarCustomerId,
};
use crate::model::money::Money;
use crate::store::codec::fields::time;
use crate::store::codec::invoice::currency;
use crate::store::codec::{Record, Tag, body};
use crate::store::error::RecordError;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct CollectionV1 {
    invoice: String,
    number: u64,
    rail: RailV1,
    zenskar_customer: String,
    customer: String,
    amount: MoneyV1,
    method: Option<String>,
    method_kind: Option<String>,
    by: String,
    run: Option<u64>,
    body: String,
    key: String,
    stage: StageV1,
    intent: Option<String>,
    charge: Option<String>,
    session: Option<String>,
    taken: Option<(MoneyV1, i64)>,
    booking: Option<BookingV1>,
    attempts: u32,
    decided_at: i64,
    since: i64,
    due_at: Option<i64>,
    note: Option<String>,
}

#[derive(Serialize, Deserialize)]
enum RailV1 {
    Link,
    Charge,
    Transfer,
}

/// Minor units of Stripe's, and the currency's letters.
#[derive(Serialize, Deserialize)]
pub(super) struct MoneyV1 {
    minor: i64,
    currency: String,
}

#[derive(Serialize, Deserialize)]
struct BookingV1 {
    amount: i64,
    part: i64,
    due_before: i64,
    payment: Option<String>,
}

#[derive(Serialize, Deserialize)]
enum StageV1 {
    Waiting,
    Unknown(i64),
    Open,
    Closing(EndingV1),
    Booking,
    BookingUnknown(i64),
    Settling,
    Booked,
    Ended(EndingV1),
}

#[derive(Serialize, Deserialize)]
enum EndingV1 {
    Declined {
        code: String,
        decline_code: Option<String>,
        advice_code: Option<String>,
    },
    NeedsCustomer,
    Refused(String),
    Canceled,
    Expired,
    Withdrawn(String),
}

impl Record for Collection {
    const TAG: Tag = Tag::Collection;
    const VERSION: u16 = 1;
    type Newest = CollectionV1;

    fn to_newest(&self) -> Result<CollectionV1, RecordError> {
        check(self)?;
        let text = |id: &dyn ToString| id.to_string();
        Ok(CollectionV1 {
            invoice: self.invoice.to_string(),
            number: self.number,
            rail: match self.rail {
                Rail::Link => RailV1::Link,
                Rail::Charge => RailV1::Charge,
                Rail::Transfer => RailV1::Transfer,
            },
            zenskar_customer: self.zenskar_customer.to_string(),
            customer: self.customer.to_string(),
            amount: self.amount.into(),
            method: self.method.as_ref().map(|id| text(id)),
            method_kind: self.method_kind.clone(),
            by: self.by.clone(),
            run: self.run,
            body: self.body.clone(),
            key: self.key.clone(),
            stage: (&self.stage).into(),
            intent: self.intent.as_ref().map(|id| text(id)),
            charge: self.charge.clone(),
            session: self.session.as_ref().map(|id| text(id)),
            taken: self
                .taken
                .map(|taken| (taken.amount.into(), taken.at.micros())),
            booking: self.booking.as_ref().map(|booking| BookingV1 {
                amount: booking.amount,
                part: booking.part,
                due_before: booking.due_before,
                payment: booking.payment.as_ref().map(|id| text(id)),
            }),
            attempts: self.attempts,
            decided_at: self.decided_at.micros(),
            since: self.since.micros(),
            due_at: self.due_at.map(|at| at.micros()),
            note: self.note.clone(),
        })
    }

    fn from_version(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        let collection = match version {
            1 => Self::try_from(body::<CollectionV1>(bytes)?)?,
            _ => return Err(RecordError::Version(version)),
        };
        check(&collection)?;
        Ok(collection)
    }
}

/// What no collection can be, whoever wrote it.
fn check(collection: &Collection) -> Result<(), RecordError> {
    let rule = |broken, what| {
        if broken {
            Err(RecordError::Rule(what))
        } else {
            Ok(())
        }
    };
    let stage = &collection.stage;
    let is_taken = matches!(
        stage,
        Stage::Booking | Stage::BookingUnknown(_) | Stage::Settling | Stage::Booked
    );
    rule(collection.number == 0, "a collection has no number")?;
    rule(
        !collection.amount.is_positive(),
        "a collection collects nothing",
    )?;
    rule(
        is_taken != collection.taken.is_some(),
        "what a collection took and how far it got disagree",
    )?;
    rule(
        stage.is_over() && collection.due_at.is_some(),
        "a collection that is over is due",
    )
}

impl TryFrom<CollectionV1> for Collection {
    type Error = RecordError;

    fn try_from(stored: CollectionV1) -> Result<Self, RecordError> {
        let booking = |booking: BookingV1| {
            let payment = booking.payment.as_deref().map(PaymentId::parse);
            Ok::<_, RecordError>(Booking {
                amount: booking.amount,
                part: booking.part,
                due_before: booking.due_before,
                payment: payment.transpose()?,
            })
        };
        let taken = |(amount, at): (MoneyV1, i64)| {
            Ok::<_, RecordError>(Taken {
                amount: amount.try_into()?,
                at: time(at),
            })
        };
        let method = stored.method.as_deref().map(MethodId::parse);
        let intent = stored.intent.as_deref().map(PaymentIntentId::parse);
        let session = stored.session.as_deref().map(SessionId::parse);
        Ok(Self {
            invoice: InvoiceId::parse(&stored.invoice)?,
            number: stored.number,
            rail: match stored.rail {
                RailV1::Link => Rail::Link,
                RailV1::Charge => Rail::Charge,
                RailV1::Transfer => Rail::Transfer,
            },
            zenskar_customer: ZenskarCustomerId::parse(&stored.zenskar_customer)?,
            customer: StripeCustomerId::parse(&stored.customer)?,
            amount: stored.amount.try_into()?,
            method: method.transpose()?,
            method_kind: stored.method_kind,
            by: stored.by,
            run: stored.run,
            body: stored.body,
            key: stored.key,
            stage: stored.stage.into(),
            intent: intent.transpose()?,
            charge: stored.charge,
            session: session.transpose()?,
            taken: stored.taken.map(taken).transpose()?,
            booking: stored.booking.map(booking).transpose()?,
            attempts: stored.attempts,
            decided_at: time(stored.decided_at),
            since: time(stored.since),
            due_at: stored.due_at.map(time),
            note: stored.note,
        })
    }
}

impl From<Money> for MoneyV1 {
    fn from(money: Money) -> Self {
        Self {
            minor: money.minor(),
            currency: money.currency().to_string(),
        }
    }
}

impl TryFrom<MoneyV1> for Money {
    type Error = RecordError;

    fn try_from(stored: MoneyV1) -> Result<Self, RecordError> {
        Ok(Self::new(stored.minor, currency(&stored.currency)?))
    }
}

impl From<&Stage> for StageV1 {
    fn from(stage: &Stage) -> Self {
        match stage {
            Stage::Waiting => Self::Waiting,
            Stage::Unknown(since) => Self::Unknown(since.micros()),
            Stage::Open => Self::Open,
            Stage::Closing(ending) => Self::Closing(ending.into()),
            Stage::Booking => Self::Booking,
            Stage::BookingUnknown(since) => Self::BookingUnknown(since.micros()),
            Stage::Settling => Self::Settling,
            Stage::Booked => Self::Booked,
            Stage::Ended(ending) => Self::Ended(ending.into()),
        }
    }
}

impl From<StageV1> for Stage {
    fn from(stored: StageV1) -> Self {
        match stored {
            StageV1::Waiting => Self::Waiting,
            StageV1::Unknown(since) => Self::Unknown(time(since)),
            StageV1::Open => Self::Open,
            StageV1::Closing(ending) => Self::Closing(ending.into()),
            StageV1::Booking => Self::Booking,
            StageV1::BookingUnknown(since) => Self::BookingUnknown(time(since)),
            StageV1::Settling => Self::Settling,
            StageV1::Booked => Self::Booked,
            StageV1::Ended(ending) => Self::Ended(ending.into()),
        }
    }
}

impl From<&Ending> for EndingV1 {
    fn from(ending: &Ending) -> Self {
        match ending {
            Ending::Declined(decline) => Self::Declined {
                code: decline.code.clone(),
                decline_code: decline.decline_code.clone(),
                advice_code: decline.advice_code.clone(),
            },
            Ending::NeedsCustomer => Self::NeedsCustomer,
            Ending::Refused(why) => Self::Refused(why.clone()),
            Ending::Canceled => Self::Canceled,
            Ending::Expired => Self::Expired,
            Ending::Withdrawn(why) => Self::Withdrawn(why.clone()),
        }
    }
}

impl From<EndingV1> for Ending {
    fn from(stored: EndingV1) -> Self {
        match stored {
            EndingV1::Declined {
                code,
                decline_code,
                advice_code,
            } => Self::Declined(Decline {
                code,
                decline_code,
                advice_code,
            }),
            EndingV1::NeedsCustomer => Self::NeedsCustomer,
            EndingV1::Refused(why) => Self::Refused(why),
            EndingV1::Canceled => Self::Canceled,
            EndingV1::Expired => Self::Expired,
            EndingV1::Withdrawn(why) => Self::Withdrawn(why),
        }
    }
}

#[cfg(test)]
mod tests;
