//! An invoice and a collection of it, for tests to change.

use crate::model::collection::{Collection, Rail, Stage};
use crate::model::id::{InvoiceId, MethodId, PaymentId, StripeCustomerId, ZenskarCustomerId};
use crate::model::invoice::{Invoice, InvoiceStatus, Payment};
use crate::model::money::{Currency, Money};
use crate::model::time::Timestamp;

/// So many cents.
pub(crate) fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::parse("USD").unwrap())
}

/// An approved invoice of which so many cents are due.
pub(crate) fn invoice(due: i64) -> Invoice {
    Invoice {
        id: InvoiceId::parse("i-1").unwrap(),
        number: Some("INV-1".to_owned()),
        customer: ZenskarCustomerId::parse("z-1").unwrap(),
        status: InvoiceStatus::Approved,
        currency: Currency::parse("USD").ok(),
        total: due,
        gross: due,
        due,
        due_date: None,
        created_at: None,
        updated_at: None,
        charged_at: None,
    }
}

/// A charge of it, at this stage.
pub(crate) fn collection(stage: Stage) -> Collection {
    let now = Timestamp::from_seconds(1_000);
    Collection {
        invoice: InvoiceId::parse("i-1").unwrap(),
        number: 1,
        rail: Rail::Charge,
        zenskar_customer: ZenskarCustomerId::parse("z-1").unwrap(),
        customer: StripeCustomerId::parse("cus_1").unwrap(),
        amount: usd(10_000),
        method: MethodId::parse("pm_1").ok(),
        method_kind: Some("card".to_owned()),
        by: "ann".to_owned(),
        run: None,
        body: "amount=10000".to_owned(),
        key: "zenstripe/i-1/1".to_owned(),
        stage: Stage::Waiting,
        intent: None,
        charge: None,
        session: None,
        taken: None,
        booking: None,
        attempts: 0,
        decided_at: now,
        since: now,
        due_at: Some(now),
        note: None,
    }
    .at_stage(stage, now)
}

/// A successful payment of so many cents on the invoice, of this PaymentIntent or charge.
pub(crate) fn payment(id: &str, external_id: &str, amount: i64) -> Payment {
    Payment {
        id: PaymentId::parse(id).unwrap(),
        kind: "payment".to_owned(),
        status: "success".to_owned(),
        external_id: Some(external_id.to_owned()),
        connector: None,
        amount,
        currency: Currency::parse("USD").ok(),
        parts: vec![(InvoiceId::parse("i-1").unwrap(), amount)],
        created_at: Some(Timestamp::from_seconds(1_000)),
    }
}
