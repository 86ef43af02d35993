//! Money: invoices, charges, what was collected, and the freeze.

use super::routes::Routes;
use super::{Answer, Doors, PageQuery, answer, bad_path, bad_query, invalid, rows, seen, who};
use crate::engine::command::{Asked, Command, MoneyCommand, Order};
use crate::engine::secret::hex;
use crate::engine::view::{CollectionRow, InvoiceRow, InvoiceView, Page};
use crate::http::api::{Actor, Input};
use crate::http::reply::Failure;
use crate::model::session::Role;
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use http::HeaderMap;
use serde::Deserialize;

/// The header in which a caller gives an order a key of its own: the same order under the same key is
/// carried out once.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Longest key that a caller may give, in bytes.
const KEY_BYTES_MAX: usize = 255;

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .for_role(Role::Viewer)
        .get("/invoices", invoices)
        .get("/invoices/{invoice}", why)
        .get("/payments", payments)
        .get("/charges", runs)
        .get("/charges/{run}", run)
        .get("/freeze", frozen)
        .for_role(Role::Operator)
        .post("/invoices", refresh)
        .post("/invoices/{invoice}/charge", charge_one)
        .post("/charges", charge)
        .post("/charges/{run}/interrupt", interrupt)
        .post("/charges/{run}/resume", resume)
        .post("/payments/{invoice}/retry", retry)
        .post("/freeze", freeze)
        .for_role(Role::Admin)
        .delete("/freeze", unfreeze)
}

async fn invoices(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Answer {
    let Query(PageQuery { after, limit }) = query.map_err(bad_query)?;
    let limit = rows(limit)?;
    let order = money(MoneyCommand::Invoices { after, limit });
    seen::<Page<InvoiceRow>>(&doors, &actor, order).await
}

async fn refresh(State(doors): State<Doors>) -> Answer {
    answer(&doors, money(MoneyCommand::Refresh)).await
}

async fn why(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    invoice: Result<Path<String>, PathRejection>,
) -> Answer {
    let Path(invoice) = invoice.map_err(bad_path)?;
    seen::<InvoiceView>(&doors, &actor, money(MoneyCommand::Why { invoice })).await
}

async fn payments(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Answer {
    let Query(PageQuery { after, limit }) = query.map_err(bad_query)?;
    let limit = rows(limit)?;
    let order = money(MoneyCommand::Payments { after, limit });
    seen::<Page<CollectionRow>>(&doors, &actor, order).await
}

async fn runs(
    State(doors): State<Doors>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Answer {
    let Query(PageQuery { after, limit }) = query.map_err(bad_query)?;
    let limit = rows(limit)?;
    answer(&doors, money(MoneyCommand::Runs { after, limit })).await
}

async fn run(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    run: Result<Path<u64>, PathRejection>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Answer {
    let Path(run) = run.map_err(bad_path)?;
    let Query(PageQuery { after, limit }) = query.map_err(bad_query)?;
    let limit = rows(limit)?;
    let order = money(MoneyCommand::Run { run, after, limit });
    seen::<crate::engine::view::ChargeRunView>(&doors, &actor, order).await
}

async fn frozen(State(doors): State<Doors>) -> Answer {
    answer(&doors, money(MoneyCommand::Frozen)).await
}

/// `{"amount": 10000, "currency": "USD"}`: what was seen to be due, in Stripe's minor units. Without
/// it whatever is due is charged.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConfirmedBody {
    amount: Option<i64>,
    currency: Option<String>,
}

impl ConfirmedBody {
    fn confirmed(self) -> Result<Option<(i64, String)>, Failure> {
        match (self.amount, self.currency) {
            (Some(amount), Some(currency)) => Ok(Some((amount, currency))),
            (None, None) => Ok(None),
            _ => Err(invalid(
                "\"amount\" and \"currency\" stand together or not at all",
            )),
        }
    }
}

async fn charge_one(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    invoice: Result<Path<String>, PathRejection>,
    Input(body): Input<ConfirmedBody>,
) -> Answer {
    let Path(invoice) = invoice.map_err(bad_path)?;
    let confirmed = body.confirmed()?;
    let invoices = vec![Asked { invoice, confirmed }];
    order(&doors, &actor, &headers, (invoices, false)).await
}

/// `{"invoices": [{"invoice": "INV-1", "amount": 10000, "currency": "USD"}], "all_due": false}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChargesBody {
    #[serde(default)]
    invoices: Vec<InvoiceBody>,
    #[serde(default)]
    all_due: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InvoiceBody {
    invoice: String,
    amount: Option<i64>,
    currency: Option<String>,
}

async fn charge(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    Input(body): Input<ChargesBody>,
) -> Answer {
    let asked = |body: InvoiceBody| {
        let (amount, currency) = (body.amount, body.currency);
        let confirmed = ConfirmedBody { amount, currency }.confirmed()?;
        Ok(Asked {
            invoice: body.invoice,
            confirmed,
        })
    };
    let invoices = body.invoices.into_iter().map(asked);
    let invoices = invoices.collect::<Result<_, Failure>>()?;
    order(&doors, &actor, &headers, (invoices, body.all_due)).await
}

async fn order(
    doors: &Doors,
    actor: &Actor,
    headers: &HeaderMap,
    (invoices, all_due): (Vec<Asked>, bool),
) -> Answer {
    let key = match headers.get(IDEMPOTENCY_KEY) {
        None => None,
        Some(key) if !key.is_empty() && key.len() <= KEY_BYTES_MAX => {
            Some(order_key(key.as_bytes(), &invoices, all_due))
        }
        Some(_) => {
            return Err(invalid(format!(
                "an Idempotency-Key has 1 to {KEY_BYTES_MAX} bytes"
            )));
        }
    };
    let order = Order {
        invoices,
        all_due,
        key,
        who: who::name(actor).await,
    };
    answer(doors, money(MoneyCommand::Charge(order))).await
}

/// The key of an order as [`Order::key`] has it: a digest of what the caller gave, and one of what is
/// ordered under it.
pub(in crate::http) fn order_key(
    key: &[u8],
    invoices: &[Asked],
    all_due: bool,
) -> ([u8; 32], String) {
    let ordered = format!("{invoices:?} {all_due}");
    let ordered = hex(digest(&SHA256, ordered.as_bytes()).as_ref());
    // SHA-256 has this many bytes.
    let key = digest(&SHA256, key).as_ref().try_into();
    (key.unwrap_or_default(), ordered)
}

async fn interrupt(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    run: Result<Path<u64>, PathRejection>,
) -> Answer {
    pause(&doors, &actor, run, true).await
}

async fn resume(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    run: Result<Path<u64>, PathRejection>,
) -> Answer {
    pause(&doors, &actor, run, false).await
}

async fn pause(
    doors: &Doors,
    actor: &Actor,
    run: Result<Path<u64>, PathRejection>,
    pause: bool,
) -> Answer {
    let Path(run) = run.map_err(bad_path)?;
    let who = who::name(actor).await;
    answer(doors, money(MoneyCommand::RunPause { run, pause, who })).await
}

/// `{"number": 2, "unallocated": true}`: which collection of the invoice, the last where it is not
/// said; and whether what is more than the invoice owes may be booked unallocated.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RetryBody {
    number: Option<u64>,
    unallocated: bool,
}

async fn retry(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    invoice: Result<Path<String>, PathRejection>,
    Input(body): Input<RetryBody>,
) -> Answer {
    let Path(invoice) = invoice.map_err(bad_path)?;
    let order = MoneyCommand::Retry {
        invoice,
        number: body.number,
        unallocated: body.unallocated,
        who: who::name(&actor).await,
    };
    answer(&doors, money(order)).await
}

/// `{"reason": "an audit"}`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FreezeBody {
    reason: String,
}

async fn freeze(
    State(doors): State<Doors>,
    Extension(actor): Extension<Actor>,
    Input(body): Input<FreezeBody>,
) -> Answer {
    let (reason, who) = (body.reason, who::name(&actor).await);
    answer(&doors, money(MoneyCommand::Freeze { reason, who })).await
}

async fn unfreeze(State(doors): State<Doors>, Extension(actor): Extension<Actor>) -> Answer {
    let who = who::name(&actor).await;
    answer(&doors, money(MoneyCommand::Unfreeze { who })).await
}

const fn money(command: MoneyCommand) -> Command {
    Command::Money(command)
}
