//! Which stored payment method a charge goes to, and whether it can.
//!
//! Sources: Stripe's API reference, "The Customer object" (both default fields), and the pages of each
//! payment method (currencies).

use crate::model::id::{MethodId, StripeCustomerId};
use crate::model::method::{Defaults, Method};
use crate::model::money::Currency;

/// The method that a charge of the customer names: `invoice_settings.default_payment_method`, then
/// `default_source`. Without either none is named, and nothing is guessed.
#[must_use]
pub fn default_of(defaults: &Defaults) -> Option<&MethodId> {
    defaults.method.as_ref().or(defaults.source.as_ref())
}

/// Whether a method can be charged for the customer in this currency, without its owner.
///
/// # Errors
///
/// It cannot, for the reason in words.
pub fn fits(
    method: &Method,
    customer: &StripeCustomerId,
    currency: Currency,
) -> Result<(), String> {
    match &method.customer {
        None => return Err(format!("{} was detached", method.id)),
        Some(other) if other != customer => {
            return Err(format!("{} belongs to {other}", method.id));
        }
        Some(_) => {}
    }
    let wanted: &[&str] = match method.kind.as_str() {
        "card" | "link" => return Ok(()),
        "us_bank_account" | "cashapp" => &["USD"],
        "sepa_debit" => &["EUR"],
        "bacs_debit" => &["GBP"],
        "au_becs_debit" => &["AUD"],
        "acss_debit" => &["CAD", "USD"],
        other => {
            return Err(format!(
                "{} is of kind {other}, which is not charged",
                method.id
            ));
        }
    };
    if wanted.contains(&currency.as_str()) {
        Ok(())
    } else {
        Err(format!(
            "{} is of kind {}, which takes {} and not {currency}",
            method.id,
            method.kind,
            wanted.join(" or ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lesson_16_the_older_default_counts_where_the_newer_names_none() {
        let id = |text| MethodId::parse(text).ok();
        let (both, older, none) = (
            Defaults {
                method: id("pm_1"),
                source: id("card_1"),
                deleted: false,
            },
            Defaults {
                source: id("card_1"),
                ..Defaults::default()
            },
            Defaults::default(),
        );
        for (defaults, expected) in [(both, id("pm_1")), (older, id("card_1")), (none, None)] {
            assert_eq!(default_of(&defaults), expected.as_ref());
        }
    }

    #[test]
    fn money_a5_a_method_fits_the_currency_and_belongs_to_the_customer() {
        let customer = StripeCustomerId::parse("cus_1").unwrap();
        let other = StripeCustomerId::parse("cus_2").ok();
        let ours = Some(customer.clone());
        for (kind, owner, currency, expected) in [
            ("card", &ours, "JPY", true),
            ("us_bank_account", &ours, "USD", true),
            ("us_bank_account", &ours, "EUR", false),
            ("sepa_debit", &ours, "EUR", true),
            ("sepa_debit", &ours, "USD", false),
            ("ach_credit_transfer", &ours, "USD", false),
            ("customer_balance", &ours, "USD", false),
            ("card", &None, "USD", false),
            ("card", &other, "USD", false),
        ] {
            let method = Method {
                id: MethodId::parse("pm_1").unwrap(),
                kind: kind.to_owned(),
                customer: owner.clone(),
            };
            let currency = Currency::parse(currency).unwrap();
            let found = fits(&method, &customer, currency);
            assert_eq!(found.is_ok(), expected, "{kind} {owner:?} {currency}");
        }
    }
}
