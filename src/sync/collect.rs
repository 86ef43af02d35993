//! Whether an invoice may be collected now, by which amount, and if not, why.
//!
//! [`permit`] needs nothing but what the store and the configuration know; [`judge`] is the last
//! look, made on what Zenskar shows right before the request. Both say why they refuse, in words
//! that tell what to do.

use crate::model::collection::{Collection, Rail};
use crate::model::id::StripeCustomerId;
use crate::model::invoice::{Invoice, LinesTotal, Payment};
use crate::model::money::{Currency, Money};
use crate::model::time::Timestamp;
use crate::sync::units::{self, UnitsError, Written};
use std::fmt;
use std::time::Duration;

/// How long after `charged_at` the payment that it speaks of may have been made, and before.
const CHARGED_WITHIN: Duration = Duration::from_secs(15 * 60);

/// Whether Zenskar's own Stripe connector collects on the organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Native {
    /// Nobody said.
    Unsaid,
    /// It does not.
    Off,
    /// It may; each rail has the owner that is named.
    Present {
        /// Whether links are ours.
        links: bool,
        /// Whether charges are ours.
        charge: bool,
        /// Whether bank transfers are ours.
        transfers: bool,
    },
}

/// What the operator allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether somebody else collects.
    pub native: Native,
    /// Whether Stripe's mode and Zenskar's organisation are both for tests, or both live.
    pub is_paired: bool,
    /// Whether Stripe's mode is live.
    pub live: bool,
    /// Whether payment links are offered.
    pub links: bool,
    /// How Zenskar writes amounts.
    pub written: Written,
    /// Whether the invoices of consolidated customers may be collected.
    pub consolidated: bool,
}

/// Why an invoice is not collected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody said whether Zenskar's own connector collects.
    NativeUnsaid,
    /// Zenskar's own connector collects over this rail.
    NotOurs(Rail),
    /// One side is for tests, and the other is live.
    NotPaired {
        /// Whether Stripe's mode is live.
        live: bool,
    },
    /// Payment links are not offered.
    LinksOff,
    /// Charges are frozen, for this reason.
    Frozen(String),
    /// Another collection holds the lease.
    Leased {
        /// Its number.
        number: u64,
        /// Its rail.
        rail: Rail,
        /// How far it got.
        stage: &'static str,
    },
    /// Its customer is linked to none of Stripe.
    NotLinked,
    /// Its customer's link waits for a person.
    LinkInDoubt,
    /// Its customer's invoices are paid by another customer.
    Consolidated,
    /// Zenskar does not know it.
    Gone,
    /// Nothing of it is to be collected.
    NotOpen {
        /// Its status, in Zenskar's word.
        status: String,
    },
    /// Its currency is not known.
    NoCurrency,
    /// Its amount does not fit.
    Units(UnitsError),
    /// Its lines and its total disagree about the scale.
    ScaleInDoubt,
    /// Somebody else is collecting it.
    PendingElsewhere {
        /// The payment in Zenskar.
        payment: String,
        /// Its status.
        status: String,
    },
    /// Zenskar says that it was charged, and shows no payment of that.
    ChargedElsewhere(Timestamp),
    /// What Zenskar listed may not be all.
    PaymentsIncomplete,
    /// By our own ledger nothing is left, while Zenskar says that something is due.
    NothingLeft,
    /// The amount is not the one that was confirmed.
    AmountChanged {
        /// What was confirmed.
        confirmed: Money,
        /// What would be collected.
        now: Money,
    },
    /// Its customer has no default payment method.
    NoMethod,
    /// Its default payment method cannot be charged, for this reason.
    MethodUnusable(String),
    /// Its customer was deleted in Stripe.
    CustomerDeleted(StripeCustomerId),
}

impl Refusal {
    /// Whether it passes within seconds, without anybody doing anything. What somebody collects, which
    /// can take days, is no such reason: who orders it twice is told so.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::PaymentsIncomplete)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NativeUnsaid => f.write_str(
                "zenskar.native_stripe is not set: say whether Zenskar's own Stripe connector \
                 collects on this organisation (\"off\" or \"present\")",
            ),
            Self::NotOurs(rail) => write!(
                f,
                "Zenskar's own connector collects over this rail (zenskar.owners names it for {rail})"
            ),
            Self::NotPaired { live: true } => f.write_str(
                "Stripe is in live mode and the organisation's key is for its sandbox: \
                 use a live organisation, or stripe.mode = \"test\"",
            ),
            Self::NotPaired { live: false } => f.write_str(
                "Stripe is in test mode and the organisation's key is for a live one: \
                 use a key that begins with sandbox_, or stripe.mode = \"live\"",
            ),
            Self::LinksOff => f.write_str("payment links are off (payments.links)"),
            Self::Frozen(reason) => write!(f, "charges are frozen: {reason}"),
            Self::Leased {
                number,
                rail,
                stage,
            } => write!(f, "collection {number} by {rail} is under way: {stage}"),
            Self::NotLinked => f.write_str(
                "its customer is linked to no customer of Stripe: \
                 link the two (\"zenstripe customers link\")",
            ),
            Self::LinkInDoubt => f.write_str(
                "its customer's link waits for a person (\"zenstripe customers show\")",
            ),
            Self::Consolidated => f.write_str(
                "its customer's invoices are consolidated, and zenskar.consolidation does not say \
                 which invoice owes",
            ),
            Self::Gone => f.write_str("Zenskar does not know the invoice"),
            Self::NotOpen { status } => write!(f, "nothing of it is due: it is {status}"),
            Self::NoCurrency => f.write_str("Zenskar does not show its currency"),
            Self::Units(wrong) => wrong.fmt(f),
            Self::ScaleInDoubt => f.write_str(
                "its lines do not agree with its total, so that it is not certain in which units \
                 Zenskar writes it",
            ),
            Self::PendingElsewhere { payment, status } => write!(
                f,
                "somebody else is collecting it: payment {payment} in Zenskar is {status}"
            ),
            Self::ChargedElsewhere(at) => write!(
                f,
                "Zenskar says that it was charged at {at} and shows no payment of that"
            ),
            Self::PaymentsIncomplete => {
                f.write_str("Zenskar did not show all payments on the invoice")
            }
            Self::NothingLeft => f.write_str(
                "by our own ledger it is paid already, and Zenskar says that something is due",
            ),
            Self::AmountChanged { confirmed, now } => {
                write!(f, "{confirmed} was confirmed, and {now} is due now")
            }
            Self::NoMethod => f.write_str(
                "its customer has no default payment method in Stripe: set one, or send a payment link",
            ),
            Self::MethodUnusable(why) => write!(f, "its default payment method cannot be charged: {why}"),
            Self::CustomerDeleted(id) => write!(f, "its customer {id} was deleted in Stripe"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Whether the rules let anything be collected over this rail.
///
/// # Errors
///
/// They do not.
pub fn allowed(rail: Rail, rules: &Rules) -> Result<(), Refusal> {
    if !rules.is_paired {
        return Err(Refusal::NotPaired { live: rules.live });
    }
    let is_ours = match rules.native {
        Native::Unsaid => return Err(Refusal::NativeUnsaid),
        Native::Off => true,
        Native::Present {
            links,
            charge,
            transfers,
        } => match rail {
            Rail::Link => links,
            Rail::Charge => charge,
            Rail::Transfer => transfers,
        },
    };
    if !is_ours {
        return Err(Refusal::NotOurs(rail));
    }
    if rail == Rail::Link && !rules.links {
        return Err(Refusal::LinksOff);
    }
    Ok(())
}

/// Whether a collection of the invoice may begin, by what the store alone knows: nothing freezes it,
/// and nobody holds its lease. `ours` are its collections so far.
///
/// # Errors
///
/// It may not.
pub fn permit(
    rail: Rail,
    rules: &Rules,
    frozen: Option<&str>,
    ours: &[Collection],
) -> Result<(), Refusal> {
    allowed(rail, rules)?;
    if let Some(reason) = frozen {
        return Err(Refusal::Frozen(reason.to_owned()));
    }
    #[cfg(feature = "mutants")]
    if crate::mutants::is_on(crate::mutants::Mutant::LeaseSkipped) {
        return Ok(());
    }
    match ours.iter().find(|collection| collection.holds_lease()) {
        Some(holder) => Err(Refusal::Leased {
            number: holder.number,
            rail: holder.rail,
            stage: holder.stage.as_str(),
        }),
        None => Ok(()),
    }
}

/// What the last look saw.
#[derive(Clone, Copy, Debug)]
pub struct Looked<'a> {
    /// The invoice, read by itself.
    pub invoice: &'a Invoice,
    /// What its lines add up to.
    pub lines: &'a LinesTotal,
    /// The payments on it in Zenskar, whoever made them.
    pub payments: &'a [Payment],
    /// Whether these are surely all.
    pub complete: bool,
    /// Our collections of it so far.
    pub ours: &'a [Collection],
    /// The currency of its contract, asked for where neither invoice nor lines show one.
    pub contract_currency: Option<Currency>,
}

/// What may be collected of the invoice: the smaller of what Zenskar says is due and what our own
/// ledger says remains. `confirmed` is the amount that a person agreed to, if one did.
///
/// # Errors
///
/// Nothing may be.
pub fn judge(
    looked: &Looked<'_>,
    confirmed: Option<Money>,
    rules: &Rules,
) -> Result<Money, Refusal> {
    let invoice = looked.invoice;
    if !invoice.is_open() {
        let status = invoice.status.as_str().to_owned();
        return Err(Refusal::NotOpen { status });
    }
    let currency = currency_of(looked).ok_or(Refusal::NoCurrency)?;
    if !units::scale_is_sure(invoice, looked.lines, currency, &rules.written) {
        // What nobody said is the better answer than what cannot be compared.
        units::to_stripe(invoice.due, currency, &rules.written).map_err(Refusal::Units)?;
        return Err(Refusal::ScaleInDoubt);
    }
    let in_stripe = |amount| units::to_stripe(amount, currency, &rules.written);
    let due = in_stripe(invoice.due).map_err(Refusal::Units)?;
    open_elsewhere(looked)?;
    let left = left_by_ledger(
        in_stripe(invoice.total).map_err(Refusal::Units)?,
        looked.ours,
    );
    let amount = left
        .and_then(|left| due.at_most(left))
        .filter(|amount| amount.is_positive())
        .ok_or(Refusal::NothingLeft)?;
    match confirmed {
        Some(confirmed) if confirmed != amount => Err(Refusal::AmountChanged {
            confirmed,
            now: amount,
        }),
        _ => Ok(amount),
    }
}

/// Whether an invoice still owes `amount`, and nobody else is collecting it: what has to hold before a
/// request that may never have arrived is sent again.
#[must_use]
pub fn still_owes(
    amount: Money,
    (invoice, payments): (Option<&Invoice>, &[Payment]),
    written: &Written,
) -> bool {
    let Some(invoice) = invoice.filter(|invoice| invoice.is_open()) else {
        return false;
    };
    let due = units::to_stripe(invoice.due, amount.currency(), written);
    let owes = due.is_ok_and(|due| due.minor() >= amount.minor());
    owes && !payments.iter().any(Payment::is_pending)
}

/// The currency, by the first place that shows one.
#[must_use]
pub fn currency_of(looked: &Looked<'_>) -> Option<Currency> {
    looked
        .invoice
        .currency
        .or(looked.lines.currency)
        .or(looked.contract_currency)
}

/// Whether somebody else may be taking money on the invoice.
fn open_elsewhere(looked: &Looked<'_>) -> Result<(), Refusal> {
    if !looked.complete {
        return Err(Refusal::PaymentsIncomplete);
    }
    if let Some(pending) = looked.payments.iter().find(|payment| payment.is_pending()) {
        return Err(Refusal::PendingElsewhere {
            payment: pending.id.to_string(),
            status: pending.status.clone(),
        });
    }
    let Some(charged_at) = looked.invoice.charged_at else {
        return Ok(());
    };
    let is_of_it = |made_at: Timestamp| {
        made_at.plus(CHARGED_WITHIN) >= charged_at && made_at <= charged_at.plus(CHARGED_WITHIN)
    };
    let explained = looked
        .payments
        .iter()
        .filter_map(|payment| payment.created_at)
        .chain(looked.ours.iter().map(|collection| collection.since))
        .any(is_of_it);
    if explained {
        Ok(())
    } else {
        Err(Refusal::ChargedElsewhere(charged_at))
    }
}

/// What is left of `total` after what our collections took; `None` where it cannot be said.
fn left_by_ledger(total: Money, ours: &[Collection]) -> Option<Money> {
    ours.iter()
        .filter_map(|collection| collection.taken)
        .try_fold(total, |left, taken| left.checked_sub(taken.amount))
}

#[cfg(test)]
mod tests;
