//! Charges: what is to be charged, seen and confirmed before it is ordered; and charge runs, how far
//! they are and what came of every invoice.
//!
//! # Invariants
//!
//! - A form orders the invoices and the amounts that its page showed, and nothing else: what changed
//!   meanwhile is left out by the engine, and listed.
//! - A form orders once, however often it is sent: its key is drawn with its page.

use super::Desk;
use super::form::{Fields, Posted};
use super::invoices::LIST;
use super::mask::for_visitor;
use super::money::{self, Badge};
use super::page::{Here, PageQuery, Shell, Tab, Visit, one_page, see_other, tabs};
use super::time::grouped;
use crate::engine::command::{Asked, Command, MoneyCommand, Order, ROWS_DEFAULT, ROWS_MAX};
use crate::engine::secret::draw;
use crate::engine::view::{
    Amount, ChargeLineRow, ChargeRunRow, ChargeRunView, Done, InvoiceRow, InvoiceView, MoneyStatus,
    Page,
};
use crate::http::commands::{bad_path, bad_query, order_key, viewed};
use crate::http::reply::{Class, Failure};
use crate::model::money::{Currency, Money};
use crate::remote::text::query as address_query;
use askama::Template;
use axum::Router;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::Uri;
use serde::Serialize;

/// Where runs are listed.
const RUNS: &str = "/charges";

/// Where charges are confirmed.
const NEW: &str = "/charges/new";

/// Largest form that orders charges, in bytes: it names [`ROWS_MAX`] invoices with their amounts.
const ORDER_BYTES_MAX: usize = 128 * 1024;

/// Invoices that a confirmation shows, at most.
const SHOWN_MAX: usize = 20;

pub(super) fn router() -> Router<Desk> {
    Router::new()
        .route(RUNS, get(runs))
        .route("/charges/{run}", get(run))
}

pub(super) fn orders() -> Router<Desk> {
    let order = Router::new()
        .route("/charges/order", post(order))
        .layer(DefaultBodyLimit::max(ORDER_BYTES_MAX));
    Router::new()
        .route(NEW, get(confirm))
        .route("/charges/{run}/interrupt", post(interrupt))
        .route("/charges/{run}/resume", post(resume))
        .merge(order)
}

/// An invoice that can be charged.
#[derive(Debug, Serialize)]
struct Offer {
    invoice: String,
    number: String,
    /// Who pays: a customer's id in Stripe, or in Zenskar where no link is known.
    customer: String,
    due: Amount,
}

/// An invoice that was chosen and cannot be charged.
#[derive(Debug, Serialize)]
struct LeftOut {
    invoice: String,
    number: String,
    why: String,
}

/// What is to be confirmed.
#[derive(Debug, Default, Serialize)]
struct Offered {
    invoices: Vec<Offer>,
    /// What they come to, by currency.
    sums: Vec<String>,
    left_out: Vec<LeftOut>,
    /// Whether these are all that are due.
    all_due: bool,
    /// Whether there are more that are due than can be confirmed at once.
    more: bool,
}

impl Offered {
    fn of(rows: Vec<InvoiceRow>) -> Self {
        let mut offered = Self::default();
        for row in rows {
            match money::blocked(&row) {
                None => offered.invoices.push(Offer {
                    invoice: row.id,
                    number: row.number,
                    customer: row.stripe.unwrap_or(row.zenskar),
                    due: row.due,
                }),
                Some(why) => offered.left_out.push(LeftOut {
                    invoice: row.id,
                    number: row.number,
                    why,
                }),
            }
        }
        offered.sums = sums(&offered.invoices);
        offered
    }

    /// The invoices with their amounts, as the form sends them: no id holds a space.
    fn lines(&self) -> String {
        let line = |offer: &Offer| {
            let currency = offer.due.currency.as_deref().unwrap_or_default();
            format!("{} {} {currency}", offer.invoice, offer.due.minor)
        };
        let lines: Vec<String> = self.invoices.iter().map(line).collect();
        lines.join(" ")
    }
}

/// What offers come to, by currency.
fn sums(offers: &[Offer]) -> Vec<String> {
    let mut sums: Vec<Money> = Vec::new();
    for offer in offers {
        let currency = offer.due.currency.as_deref().map(Currency::parse);
        let Some(Ok(currency)) = currency else {
            continue;
        };
        let due = Money::new(offer.due.minor, currency);
        let same = sums.iter_mut().find(|sum| sum.currency() == currency);
        match same {
            Some(sum) => *sum = sum.checked_add(due).unwrap_or(*sum),
            None => sums.push(due),
        }
    }
    sums.iter().map(ToString::to_string).collect()
}

/// The invoices that a form ordered, with the amounts that its page showed.
fn asked(lines: &str) -> Option<Vec<Asked>> {
    let words: Vec<&str> = lines.split_whitespace().collect();
    let line = |words: &[&str]| match words {
        [invoice, minor, currency] => Some(Asked {
            invoice: (*invoice).to_owned(),
            confirmed: Some((minor.parse().ok()?, (*currency).to_owned())),
        }),
        _ => None,
    };
    let asked: Option<Vec<Asked>> = words.chunks(3).map(line).collect();
    asked.filter(|asked| !asked.is_empty())
}

#[derive(Template)]
#[template(path = "charge.html", config = "src/http/console/askama.toml")]
struct ConfirmPage<'a> {
    shell: Shell,
    money: &'a MoneyStatus,
    offered: &'a Offered,
    key: &'a str,
}

impl ConfirmPage<'_> {
    fn shown(&self) -> impl Iterator<Item = &Offer> {
        self.offered.invoices.iter().take(SHOWN_MAX)
    }

    fn unshown(&self) -> usize {
        self.offered.invoices.len().saturating_sub(SHOWN_MAX)
    }

    /// The one invoice, where it is one.
    fn only(&self) -> Option<&Offer> {
        match self.offered.invoices.as_slice() {
            [only] if !self.offered.all_due => Some(only),
            _ => None,
        }
    }
}

async fn confirm(visit: Visit, uri: Uri) -> Result<Response, Failure> {
    let fields = Fields::of_query(&uri)?;
    let all_due = fields.has("due");
    let (rows, more) = if all_due {
        all_that_are_due(&visit).await?
    } else {
        (chosen(&visit, &fields.all("invoice")).await?, false)
    };
    if rows.is_empty() && !all_due {
        let message = "choose the invoices that are to be charged";
        let failure = Failure::new(Class::Malformed, "invalid", message);
        if visit.is_program() {
            return Err(failure);
        }
        visit.desk.tell::<String>(&visit.visitor, Err(failure));
        return Ok(see_other(LIST));
    }
    let offered = Offered {
        all_due,
        more,
        ..Offered::of(rows)
    };
    let money = money::glance(&visit).await?;
    let key = draw().map_err(|error| Failure::internal(&error))?;
    Ok(visit.answer(Here::Invoices, &offered, |shell| ConfirmPage {
        shell,
        money: &money,
        offered: &offered,
        key: &key,
    }))
}

/// The invoices that were chosen, each once.
async fn chosen(visit: &Visit, invoices: &[&str]) -> Result<Vec<InvoiceRow>, Failure> {
    let mut rows: Vec<InvoiceRow> = Vec::new();
    for invoice in invoices.iter().take(ROWS_MAX) {
        let order = MoneyCommand::Why {
            invoice: (*invoice).to_owned(),
        };
        let view: InvoiceView = viewed(&visit.desk.doors, Command::Money(order)).await?;
        if rows.iter().all(|row| row.id != view.invoice.id) {
            rows.push(view.invoice);
        }
    }
    Ok(rows)
}

/// The invoices whose due date is past, the earliest due first, and whether there are more of them.
async fn all_that_are_due(visit: &Visit) -> Result<(Vec<InvoiceRow>, bool), Failure> {
    let (after, limit) = (None, ROWS_MAX);
    let order = Command::Money(MoneyCommand::Invoices { after, limit });
    let page: Page<InvoiceRow> = viewed(&visit.desk.doors, order).await?;
    let mut rows = page.rows;
    let all = rows.len();
    rows.retain(|row| row.is_due);
    let more = page.next.is_some() && rows.len() == all;
    Ok((rows, more))
}

async fn order(State(desk): State<Desk>, posted: Posted) -> Result<Response, Failure> {
    let fields = &posted.fields;
    let invoices = asked(fields.text("lines")).ok_or_else(|| {
        let message = "This form does not say which invoices are to be charged.";
        Failure::new(Class::Malformed, "invalid", message)
    })?;
    // Typed, so that nobody charges a hundred customers by a slip of the hand.
    if invoices.len() > 1 && fields.text("count") != invoices.len().to_string() {
        let message = "the number that was typed is not the number of invoices; nothing is charged";
        let refused = Failure::new(Class::Conflict, "refused", message);
        desk.tell::<String>(&posted.visitor, Err(refused));
        return Ok(see_other(&again(fields, &invoices)));
    }
    let count = invoices.len();
    let key = order_key(fields.text("key").as_bytes(), &invoices, false);
    let order = MoneyCommand::Charge(Order {
        invoices,
        all_due: false,
        key: Some(key),
        who: posted.visitor.who.clone(),
    });
    let run: Result<ChargeRunRow, Failure> = viewed(&desk.doors, Command::Money(order)).await;
    let to = match &run {
        Ok(run) => format!("{RUNS}/{}", run.number),
        Err(_) => LIST.to_owned(),
    };
    let told = run.map(|run| match count {
        1 => format!("ordered: the invoice is charged in run {}", run.number),
        _ => format!(
            "ordered: {count} invoices are charged in run {}",
            run.number
        ),
    });
    desk.tell(&posted.visitor, told);
    Ok(see_other(&to))
}

/// The page on which the same is confirmed again.
fn again(fields: &Fields, invoices: &[Asked]) -> String {
    if fields.has("due") {
        return format!("{NEW}?due=all");
    }
    let pairs: Vec<_> = invoices
        .iter()
        .map(|asked| ("invoice", asked.invoice.as_str()))
        .collect();
    format!("{NEW}{}", address_query(&pairs))
}

#[derive(Template)]
#[template(path = "charges.html", config = "src/http/console/askama.toml")]
struct RunsPage<'a> {
    shell: Shell,
    tabs: Vec<Tab>,
    money: &'a MoneyStatus,
    page: &'a Page<ChargeRunRow>,
    is_first: bool,
}

/// A run's state.
fn state(run: &ChargeRunRow) -> Badge {
    match run.state.as_str() {
        "done" => Badge::new("good", "done"),
        "interrupted" => Badge::new("warn", "interrupted"),
        _ => Badge::new("wait", "under way"),
    }
}

/// How far one invoice of a run is.
fn line(row: &ChargeLineRow) -> Badge {
    match (&row.collection, row.state.as_str()) {
        (Some(collection), _) => money::stage(collection),
        (None, "skipped") => Badge::new("warn", "left out"),
        (None, other) => Badge::new("wait", other),
    }
}

async fn runs(
    visit: Visit,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let order = |after, limit| Command::Money(MoneyCommand::Runs { after, limit });
    let (page, is_first) = one_page::<ChargeRunRow>(&visit, query, order).await?;
    let money = money::glance(&visit).await?;
    Ok(visit.answer(Here::Invoices, &page, |shell| RunsPage {
        shell,
        tabs: tabs(money::TABS, RUNS),
        money: &money,
        page: &page,
        is_first,
    }))
}

/// How far a run is, for a page that is open.
#[derive(Serialize)]
pub(super) struct Progress {
    waiting: String,
    begun: String,
    skipped: String,
    /// In figures that a progress bar reads.
    taken_up: String,
    /// Changes with whatever the page shows in words.
    headline: String,
}

impl Progress {
    fn of(view: &ChargeRunView) -> Self {
        let run = &view.run;
        let states = view.rows.iter().map(|row| row.state.as_str());
        let states: Vec<&str> = [run.state.as_str()].into_iter().chain(states).collect();
        Self {
            waiting: grouped(run.waiting),
            begun: grouped(run.begun),
            skipped: grouped(run.skipped),
            taken_up: run.lines.saturating_sub(run.waiting).to_string(),
            headline: states.join(", "),
        }
    }
}

/// How far a run is now.
pub(super) async fn progress(desk: &Desk, run: u64, after: Option<String>) -> Option<Progress> {
    let view = one(desk, run, after).await.ok()?;
    Some(Progress::of(&view))
}

async fn one(desk: &Desk, run: u64, after: Option<String>) -> Result<ChargeRunView, Failure> {
    let limit = ROWS_DEFAULT;
    let order = Command::Money(MoneyCommand::Run { run, after, limit });
    viewed(&desk.doors, order).await
}

#[derive(Template)]
#[template(path = "charged.html", config = "src/http/console/askama.toml")]
struct RunPage<'a> {
    shell: Shell,
    money: &'a MoneyStatus,
    view: &'a ChargeRunView,
    progress: Progress,
    after: Option<&'a str>,
}

impl RunPage<'_> {
    /// Whether something of it is still to move.
    fn is_moving(&self) -> bool {
        let collections = self
            .view
            .rows
            .iter()
            .filter_map(|row| row.collection.as_ref());
        let mut open = collections.filter(|one| !one.is_over && !one.awaits_person);
        self.view.run.state == "waiting" || open.next().is_some()
    }

    /// Where what moves is told.
    fn stream(&self) -> String {
        let run = self.view.run.number.to_string();
        let mut pairs = vec![("run", run.as_str())];
        pairs.extend(self.after.map(|after| ("after", after)));
        format!("/live{}", address_query(&pairs))
    }
}

async fn run(
    visit: Visit,
    run: Result<Path<u64>, PathRejection>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let Path(run) = run.map_err(bad_path)?;
    let Query(PageQuery { after }) = query.map_err(bad_query)?;
    let view = one(&visit.desk, run, after.clone()).await?;
    let view = for_visitor(view, &visit.visitor);
    let money = money::glance(&visit).await?;
    Ok(visit.answer(Here::Invoices, &view, |shell| RunPage {
        shell,
        money: &money,
        progress: Progress::of(&view),
        view: &view,
        after: after.as_deref(),
    }))
}

async fn interrupt(
    State(desk): State<Desk>,
    run: Result<Path<u64>, PathRejection>,
    posted: Posted,
) -> Result<Response, Failure> {
    pause(&desk, run, &posted, true).await
}

async fn resume(
    State(desk): State<Desk>,
    run: Result<Path<u64>, PathRejection>,
    posted: Posted,
) -> Result<Response, Failure> {
    pause(&desk, run, &posted, false).await
}

async fn pause(
    desk: &Desk,
    run: Result<Path<u64>, PathRejection>,
    posted: &Posted,
    pause: bool,
) -> Result<Response, Failure> {
    let Path(run) = run.map_err(bad_path)?;
    let who = posted.visitor.who.clone();
    let order = Command::Money(MoneyCommand::RunPause { run, pause, who });
    let done: Result<Done, Failure> = viewed(&desk.doors, order).await;
    desk.tell(&posted.visitor, done.map(|done| done.message));
    Ok(see_other(&format!("{RUNS}/{run}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(invoice: &str, minor: i64, currency: &str) -> Offer {
        Offer {
            invoice: invoice.to_owned(),
            number: invoice.to_owned(),
            customer: "cus_1".to_owned(),
            due: Amount {
                minor,
                currency: Some(currency.to_owned()),
                text: String::new(),
            },
        }
    }

    #[test]
    fn a_form_orders_what_its_page_showed() {
        let offered = Offered {
            invoices: vec![offer("in-1", 1_000, "USD"), offer("in-2", 5, "JPY")],
            ..Offered::default()
        };
        let asked = asked(&offered.lines()).unwrap();
        let confirmed: Vec<_> = asked
            .iter()
            .map(|one| (one.invoice.as_str(), one.confirmed.clone().unwrap()))
            .collect();
        let expected = [
            ("in-1", (1_000, "USD".to_owned())),
            ("in-2", (5, "JPY".to_owned())),
        ];
        assert_eq!(confirmed, expected);
    }

    #[test]
    fn a_form_that_was_cut_orders_nothing() {
        for lines in ["", "in-1", "in-1 10 USD in-2", "in-1 ten USD"] {
            assert_eq!(asked(lines), None, "{lines:?}");
        }
    }

    #[test]
    fn amounts_are_added_up_by_currency() {
        let offers = [
            offer("a", 1_050, "USD"),
            offer("b", 500, "JPY"),
            offer("c", 50, "USD"),
        ];
        assert_eq!(sums(&offers), ["11.00 USD", "500 JPY"]);
    }
}
