//! `invoices`, `payments`, `why`, `freeze` and `unfreeze`.

use crate::cli::args::{Charge, Freeze, Invoices, Page as PageArgs, Payments};
use crate::cli::client::Client;
use crate::cli::customers::{done, next_page, page_query};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::out::{Out, Tone};
use crate::clock::{Clock, SystemClock};
use crate::engine::view::{
    ChargeRunRow, ChargeRunView, CollectionRow, FreezeView, InvoiceRow, InvoiceView, Page,
};
use crate::remote::text::path_segment;
use http::Method;
use serde_json::json;
use std::time::Duration;

/// How often a charge run is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Lines of a charge run that are asked for at once.
const LINES: &str = "500";

/// Does what was typed about invoices.
///
/// # Errors
///
/// The daemon does not run, or refuses; a charge that was waited for came to nothing.
pub async fn invoices(client: &Client, command: &Invoices, out: &Out) -> Outcome {
    match command {
        Invoices::List { page } => list(client, page, out).await,
        Invoices::Refresh => done(client, Method::POST, "/invoices", None, out).await,
        Invoices::Charge(charge) => order(client, charge, out).await,
        Invoices::Runs { run: None, page } => runs(client, page, out).await,
        Invoices::Runs {
            run: Some(run),
            page,
        } => show_run(client, *run, page, out).await,
        Invoices::Interrupt { run } => {
            let path = format!("/charges/{run}/interrupt");
            done(client, Method::POST, &path, None, out).await
        }
        Invoices::Resume { run } => {
            let path = format!("/charges/{run}/resume");
            done(client, Method::POST, &path, None, out).await
        }
    }
}

/// Does what was typed about payments.
///
/// # Errors
///
/// The daemon does not run, or refuses.
pub async fn payments(client: &Client, command: &Payments, out: &Out) -> Outcome {
    match command {
        Payments::List { page } => {
            let path = format!("/payments{}", page_query(page, &[]));
            let page: Page<CollectionRow> = client.get(&path).await?;
            if out.is_json() {
                out.json(&page);
                return Ok(Exit::Ok);
            }
            let rows = page.rows.iter().map(|row| collection(row, out));
            let columns = ["INVOICE", "BY", "AMOUNT", "STATE", "SINCE", "STRIPE", "WHY"];
            out.table(&columns, rows.collect(), "nothing was collected");
            next_page(&page, "payments list", out);
            Ok(Exit::Ok)
        }
        Payments::Show { invoice } => why(client, invoice, out).await,
        Payments::Retry {
            invoice,
            number,
            unallocated,
        } => {
            let path = format!("/payments/{}/retry", path_segment(invoice));
            let body = json!({ "number": number, "unallocated": unallocated });
            done(client, Method::POST, &path, Some(body), out).await
        }
    }
}

/// Says why an invoice was or was not collected.
///
/// # Errors
///
/// The daemon does not run, or knows no such invoice.
pub async fn why(client: &Client, invoice: &str, out: &Out) -> Outcome {
    let path = format!("/invoices/{}", path_segment(invoice));
    let view: InvoiceView = client.get(&path).await?;
    if out.is_json() {
        out.json(&view);
        return Ok(Exit::Ok);
    }
    let invoice = &view.invoice;
    out.painted_line(&format!(
        "{}: {}, {} of {} due{}",
        out.paint(Tone::Strong, &invoice.number),
        invoice.status,
        invoice.due.text,
        invoice.total.text,
        invoice
            .due_date
            .as_ref()
            .map(|day| format!(" on {day}"))
            .unwrap_or_default(),
    ));
    out.line(&format!("Zenskar invoice {}", invoice.id));
    let partner = invoice.stripe.as_deref().unwrap_or("not linked in Stripe");
    out.line(&format!("customer {} = {partner}", invoice.zenskar));
    if let Some(refused) = &invoice.refused {
        out.line(&format!("it cannot be charged now: {refused}"));
    }
    for row in &view.collections {
        out.line("");
        out.painted_line(&out.paint(
            Tone::Strong,
            &format!("collection {} by {}: {}", row.number, row.rail, row.stage),
        ));
        for (name, value) in facts(row) {
            out.line(&format!("  {name}: {value}"));
        }
    }
    if view.collections.is_empty() {
        out.line("nothing was ever collected on it");
    }
    out.line("");
    for entry in view.history.iter().rev() {
        let details: Vec<String> = entry
            .details
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        out.line(&format!(
            "{}  {} ({})  {}",
            out.when(&entry.at),
            entry.what,
            entry.who,
            details.join(", ")
        ));
    }
    Ok(Exit::Ok)
}

fn facts(row: &CollectionRow) -> Vec<(&'static str, String)> {
    let amount = |amount: &crate::engine::view::Amount| amount.text.clone();
    [
        ("asked for", Some(amount(&row.amount))),
        ("taken", row.taken.as_ref().map(amount)),
        ("ordered by", Some(row.by.clone())),
        ("charge run", row.run.map(|run| run.to_string())),
        ("customer", Some(row.stripe.clone())),
        ("payment method", row.method.clone()),
        ("PaymentIntent", row.payment_intent.clone()),
        ("charge", row.charge.clone()),
        ("payment in Zenskar", row.payment.clone()),
        ("why", row.why.clone()),
        (
            "waits for you",
            row.awaits_person.then(|| {
                format!(
                    "once it is repaired, run \"zenstripe payments retry {}\"",
                    row.invoice_number
                )
            }),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// Freezes charges, or shows whether they are frozen.
///
/// # Errors
///
/// The daemon does not run.
pub async fn freeze(client: &Client, freeze: &Freeze, out: &Out) -> Outcome {
    let view: FreezeView = if freeze.show {
        client.get("/freeze").await?
    } else {
        let body = json!({ "reason": freeze.reason.clone().unwrap_or_default() });
        client.act(Method::POST, "/freeze", Some(body)).await?
    };
    Ok(show_freeze(&view, out))
}

/// Ends the freeze of charges.
///
/// # Errors
///
/// The daemon does not run.
pub async fn unfreeze(client: &Client, out: &Out) -> Outcome {
    let view: FreezeView = client.act(Method::DELETE, "/freeze", None).await?;
    Ok(show_freeze(&view, out))
}

fn show_freeze(view: &FreezeView, out: &Out) -> Exit {
    if out.is_json() {
        out.json(view);
    } else if view.frozen {
        let by = view.by.as_deref().unwrap_or_default();
        let at = view.at.as_deref().map(|at| out.when(at));
        out.line(&format!(
            "charges are frozen since {} by {by}: {}",
            at.unwrap_or_default(),
            view.reason.as_deref().unwrap_or_default()
        ));
        out.line("what is under way is finished and booked; \"zenstripe unfreeze\" ends it");
    } else {
        out.line("charges are not frozen");
    }
    Exit::Ok
}

async fn list(client: &Client, page: &PageArgs, out: &Out) -> Outcome {
    let path = format!("/invoices{}", page_query(page, &[]));
    let page: Page<InvoiceRow> = client.get(&path).await?;
    if out.is_json() {
        out.json(&page);
        return Ok(Exit::Ok);
    }
    let rows = page.rows.iter().map(|row| {
        let last = row.collection.as_ref();
        vec![
            row.number.clone(),
            row.due.text.clone(),
            row.due_date.clone().unwrap_or_default(),
            row.status.clone(),
            row.stripe
                .clone()
                .unwrap_or_else(|| "not linked".to_owned()),
            last.map(|last| last.stage.clone()).unwrap_or_default(),
            last.and_then(|last| last.why.clone())
                .or_else(|| row.refused.clone())
                .unwrap_or_default(),
        ]
    });
    let columns = [
        "INVOICE", "DUE", "ON", "STATUS", "CUSTOMER", "LAST TRY", "WHY",
    ];
    let empty =
        "no open invoices; they are listed every minute or so once zenskar.native_stripe is set";
    out.table(&columns, rows.collect(), empty);
    next_page(&page, "invoices list", out);
    Ok(Exit::Ok)
}

async fn order(client: &Client, charge: &Charge, out: &Out) -> Outcome {
    let invoices: Vec<_> = charge
        .invoices
        .iter()
        .map(|invoice| json!({ "invoice": invoice }))
        .collect();
    let body = json!({ "invoices": invoices, "all_due": charge.all_due });
    let run: ChargeRunRow = client.act(Method::POST, "/charges", Some(body)).await?;
    if charge.no_wait {
        if out.is_json() {
            out.json(&run);
        } else {
            out.line(&format!(
                "charge run {} of {} invoices; follow it: zenstripe invoices runs {}",
                run.number, run.lines, run.number
            ));
        }
        return Ok(Exit::Ok);
    }
    if !out.is_json() {
        out.note(&format!(
            "charge run {} of {} invoices; Ctrl-C leaves it going, \"zenstripe invoices interrupt {}\" \
             stops it",
            run.number, run.lines, run.number
        ));
    }
    follow(client, run.number, out).await
}

/// Waits until every line of a run came to something, and says what.
async fn follow(client: &Client, number: u64, out: &Out) -> Outcome {
    loop {
        let view: ChargeRunView = client
            .get(&format!("/charges/{number}?limit={LINES}"))
            .await?;
        let open = view.rows.iter().filter(|row| is_open(row)).count();
        if out.is_terminal() && !out.is_json() {
            let ended = view.run.lines.saturating_sub(view.run.waiting);
            out.progress(&format!("{ended} of {} begun, {open} open", view.run.lines));
        }
        if view.run.waiting == 0 && open == 0 || view.run.state == "interrupted" {
            out.progress_ends();
            show_lines(&view, out);
            let failed = view.rows.iter().any(|row| is_failed(&row.state));
            return if failed {
                Err(Failure::new(
                    Exit::Failed,
                    "not every invoice was collected",
                ))
            } else {
                Ok(Exit::Ok)
            };
        }
        SystemClock.sleep(LOOK_AGAIN).await;
    }
}

/// Whether a line has yet to come to something within seconds: a payment that is processing takes
/// days, and one that waits for a person takes one.
fn is_open(row: &crate::engine::view::ChargeLineRow) -> bool {
    match &row.collection {
        None => row.state == "waiting" || row.state == "begun",
        Some(collection) => {
            !collection.is_over && !collection.awaits_person && collection.stage != "processing"
        }
    }
}

fn is_failed(state: &str) -> bool {
    !matches!(state, "booked" | "processing" | "waiting")
}

async fn runs(client: &Client, page: &PageArgs, out: &Out) -> Outcome {
    let path = format!("/charges{}", page_query(page, &[]));
    let page: Page<ChargeRunRow> = client.get(&path).await?;
    if out.is_json() {
        out.json(&page);
        return Ok(Exit::Ok);
    }
    let rows = page.rows.iter().map(|row| {
        vec![
            row.number.to_string(),
            row.state.clone(),
            row.at.as_deref().map(|at| out.ago(at)).unwrap_or_default(),
            row.by.clone(),
            row.lines.to_string(),
            row.waiting.to_string(),
            row.begun.to_string(),
            row.skipped.to_string(),
        ]
    });
    let columns = [
        "RUN", "STATE", "SINCE", "BY", "INVOICES", "WAIT", "BEGUN", "LEFT OUT",
    ];
    out.table(&columns, rows.collect(), "nothing was charged");
    next_page(&page, "invoices runs", out);
    Ok(Exit::Ok)
}

async fn show_run(client: &Client, run: u64, page: &PageArgs, out: &Out) -> Outcome {
    let path = format!("/charges/{run}{}", page_query(page, &[]));
    let view: ChargeRunView = client.get(&path).await?;
    show_lines(&view, out);
    Ok(Exit::Ok)
}

fn show_lines(view: &ChargeRunView, out: &Out) {
    if out.is_json() {
        out.json(view);
        return;
    }
    let rows = view.rows.iter().map(|row| {
        let last = row.collection.as_ref();
        vec![
            row.number.clone(),
            row.state.clone(),
            last.map(|last| last.amount.text.clone())
                .unwrap_or_default(),
            last.and_then(|last| last.payment_intent.clone())
                .unwrap_or_default(),
            row.why.clone().unwrap_or_default(),
        ]
    });
    let columns = ["INVOICE", "STATE", "AMOUNT", "STRIPE", "WHY"];
    out.table(&columns, rows.collect(), "no invoices");
    if let Some(next) = &view.next {
        let run = view.run.number;
        out.note(&format!(
            "more: zenstripe invoices runs {run} --after {next}"
        ));
    }
}

fn collection(row: &CollectionRow, out: &Out) -> Vec<String> {
    let taken = row.taken.as_ref().unwrap_or(&row.amount);
    vec![
        row.invoice_number.clone(),
        row.rail.clone(),
        taken.text.clone(),
        row.stage.clone(),
        row.since
            .as_deref()
            .map(|at| out.ago(at))
            .unwrap_or_default(),
        row.payment_intent.clone().unwrap_or_default(),
        row.why.clone().unwrap_or_default(),
    ]
}
