//! Invoices that are charged: one, several at once, and one that somebody orders twice.

use super::{LONGEST, ask, pair};
use crate::Outcome;
use crate::daemon::until;
use crate::stage::{Pair, Stage};
use serde_json::{Value, json};

/// Nothing but charges; a customer may be charged again at once.
const CHARGES: &str = "[events]\npoll = \"1s\"\n[limits]\nsame_customer_minutes = 0\n";

/// Customers that are charged at once.
const IN_BULK: std::ops::Range<usize> = 10..15;

/// Lets the daemon charge.
pub(super) async fn begin(stage: &Stage) -> Outcome {
    let text = stage.place.charging_config_text(CHARGES);
    stage
        .place
        .put_config(&text)
        .map_err(|error| error.to_string())?;
    let reloaded = stage.place.run(&["reload"]).await;
    let reloaded = reloaded.map_err(|error| error.to_string())?;
    if reloaded.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&reloaded.stderr).into_owned())
}

/// An invoice is charged by its number: Stripe takes the money, Zenskar says that it is paid.
pub(super) async fn charged(stage: &Stage, pairs: &[Pair]) -> Outcome<String> {
    let pair = pair(pairs, 9)?;
    card(stage, pair, "pm_card_visa")?;
    let invoice = bill(stage, pair, "DEMO-1", 12_000)?;
    charge(stage, &[&invoice]).await?;
    paid(stage, &invoice).await?;
    let money = stage.sandbox.money();
    let taken: Vec<_> = money
        .taken
        .iter()
        .filter(|taken| taken.customer.as_deref() == Some(&pair.stripe))
        .collect();
    let [taken] = taken.as_slice() else {
        return Err(format!("Stripe took {} payments for it", taken.len()));
    };
    let booked = money.booked.iter();
    let booked = booked.filter(|one| one.external_id.as_ref() == Some(&taken.payment_intent));
    if taken.amount != 12_000 || booked.count() != 1 {
        return Err(format!("{taken:?} is not booked once"));
    }
    let why = ask(&stage.place, &["why", "DEMO-1"]).await?;
    let id = why.pointer("/collections/0/payment_intent");
    if id != Some(&json!(taken.payment_intent)) {
        return Err(format!(
            "`why` does not name {}: {why}",
            taken.payment_intent
        ));
    }
    Ok(format!(
        "Stripe took 120.00 USD as {}, Zenskar holds one payment of it, and the invoice is paid",
        taken.payment_intent
    ))
}

/// Everything that is due is charged at once; a card that is declined keeps the others from nothing.
pub(super) async fn charged_in_bulk(stage: &Stage, pairs: &[Pair]) -> Outcome<String> {
    let customers = pairs.get(IN_BULK).ok_or("there are too few customers")?;
    let mut invoices = Vec::new();
    for (number, pair) in customers.iter().enumerate() {
        let declines = number == 2;
        let method = if declines {
            "pm_card_chargeDeclined"
        } else {
            "pm_card_visa"
        };
        card(stage, pair, method)?;
        let invoice = bill(stage, pair, &format!("BULK-{number}"), 2_000)?;
        invoices.push((invoice, declines));
    }
    ask(&stage.place, &["invoices", "refresh"]).await?;
    let listed = || async {
        let shown = ask(&stage.place, &["invoices", "list"]).await.ok()?;
        let rows = shown.get("rows")?.as_array()?;
        let ours = rows.iter().filter(|row| {
            let number = row.get("number").and_then(Value::as_str);
            number.is_some_and(|number| number.starts_with("BULK-"))
        });
        (ours.count() == invoices.len()).then_some(())
    };
    let mut tries = 0_u32;
    while listed().await.is_none() {
        tries += 1;
        if tries > 600 {
            return Err("the invoices are not listed".to_owned());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let said = stage
        .place
        .run(&["invoices", "charge", "--all-due", "--json"])
        .await
        .map_err(|error| error.to_string())?;
    let run: Value = serde_json::from_slice(&said.stdout).map_err(|error| error.to_string())?;
    let rows = run.get("rows").and_then(Value::as_array);
    let declined = rows
        .into_iter()
        .flatten()
        .filter(|row| row.get("state") == Some(&json!("declined")));
    if declined.count() != 1 {
        return Err(format!("not one was declined: {run}"));
    }
    for (invoice, declines) in &invoices {
        if *declines {
            let status = stage.sandbox.zenskar_invoice(invoice);
            if status.get("status") != Some(&json!("approved")) {
                return Err(format!("a declined invoice is {status}"));
            }
        } else {
            paid(stage, invoice).await?;
        }
    }
    Ok("4 of 5 invoices that were due are paid; the one with a declined card is still open, and the \
        run says why"
        .to_owned())
}

/// A bank debit is under way when somebody orders the same invoice again: it is refused, and paid once.
pub(super) async fn double_collection_refused(stage: &Stage, pairs: &[Pair]) -> Outcome<String> {
    let pair = pair(pairs, 16)?;
    card(stage, pair, "pm_usBankAccount_success")?;
    let invoice = bill(stage, pair, "TWICE-1", 7_500)?;
    charge(stage, &[&invoice]).await?;
    let again = stage
        .place
        .run(&["invoices", "charge", &invoice, "--json"])
        .await
        .map_err(|error| error.to_string())?;
    let run: Value = serde_json::from_slice(&again.stdout).map_err(|error| error.to_string())?;
    let why = run.pointer("/rows/0/why").and_then(Value::as_str);
    let why = why.unwrap_or_default().to_owned();
    if !why.contains("is under way") {
        return Err(format!("it was not refused: {run}"));
    }
    let intents: Vec<String> = stage
        .sandbox
        .stripe_payment_intents()
        .iter()
        .filter(|intent| intent.get("customer") == Some(&json!(pair.stripe)))
        .filter_map(|intent| Some(intent.get("id")?.as_str()?.to_owned()))
        .collect();
    let [intent] = intents.as_slice() else {
        return Err(format!("Stripe has {} PaymentIntents of it", intents.len()));
    };
    if !stage.sandbox.stripe_settle_debit(intent) {
        return Err("the bank had nothing to say".to_owned());
    }
    paid(stage, &invoice).await?;
    Ok(format!(
        "the second order was left out (\"{why}\"); when the bank had paid, Zenskar held one payment"
    ))
}

/// Gives a customer a default payment method.
fn card(stage: &Stage, pair: &Pair, test_method: &str) -> Outcome {
    let method = stage.sandbox.stripe_attach(&pair.stripe, test_method);
    let method = method.map_err(|error| error.to_string())?;
    if stage
        .sandbox
        .stripe_set_default(&pair.stripe, Some(&method))
    {
        return Ok(());
    }
    Err(format!("{method} cannot be the default"))
}

/// Makes an approved invoice over so many cents that is due.
fn bill(stage: &Stage, pair: &Pair, number: &str, cents: i64) -> Outcome<String> {
    let fields = json!({
        "customer_id": pair.zenskar, "number": number, "amount": cents, "currency": "USD",
        "status": "approved", "due_date": "2020-05-01T00:00:00",
    });
    stage
        .sandbox
        .zenskar_create_invoice(&fields)
        .map_err(|error| error.to_string())
}

async fn charge(stage: &Stage, invoices: &[&str]) -> Outcome {
    let arguments = [&["invoices", "charge"], invoices].concat();
    ask(&stage.place, &arguments).await.map(drop)
}

/// Waits until Zenskar says that an invoice is paid.
async fn paid(stage: &Stage, invoice: &str) -> Outcome {
    let is_paid = || {
        let held = stage.sandbox.zenskar_invoice(invoice);
        (held.get("status") == Some(&json!("paid"))).then_some(())
    };
    let paid = until(LONGEST, is_paid).await;
    paid.map(drop).ok_or_else(|| {
        let held = stage.sandbox.zenskar_invoice(invoice);
        format!("the invoice is not paid: {held}\n{}", stage.place.log())
    })
}
