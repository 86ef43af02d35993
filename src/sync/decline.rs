//! What is to be done about a payment method that was declined: try again later, or not at all.
//!
//! Sources: Stripe's documentation, "Decline codes", "Card declines" (advice codes), "ACH Direct
//! Debit" (returns).

use crate::model::collection::{Collection, Decline, Ending, Stage};
use crate::model::time::Timestamp;
use crate::sync::payment_intent::is_for_the_customer;
use std::time::Duration;

/// What a decline says about another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeclineClass {
    /// Another try may succeed: there was no money, or nobody knows why.
    Soft,
    /// The method cannot be charged any more; another one may.
    NewMethod,
    /// Nobody is to try again.
    Hard,
    /// There was no money on a bank account: the bank takes a fee for each try.
    NoFunds,
    /// The customer has to confirm: a link, not another try.
    Customer,
}

/// Tries after the first, at most, and how long after the one before.
const RETRY_AFTER_DAYS: [u64; 4] = [1, 3, 5, 7];

/// Debits of one invoice that may be returned for lack of funds before nobody tries again.
const NO_FUNDS_MAX: usize = 2;

/// The class of a decline; `is_bank` says whether a bank account was debited.
#[must_use]
pub fn class(decline: &Decline, is_bank: bool) -> DeclineClass {
    match decline.advice_code.as_deref() {
        Some("do_not_try_again") => return DeclineClass::Hard,
        Some("confirm_card_data") => return DeclineClass::NewMethod,
        _ => {}
    }
    match decline.reason() {
        reason if is_for_the_customer(reason) => DeclineClass::Customer,
        "insufficient_funds" if is_bank => DeclineClass::NoFunds,
        "fraudulent"
        | "lost_card"
        | "stolen_card"
        | "pickup_card"
        | "restricted_card"
        | "security_violation"
        | "merchant_blacklist"
        | "revocation_of_all_authorizations"
        | "revocation_of_authorization"
        | "stop_payment_order"
        | "debit_not_authorized"
        | "customer_dispute" => DeclineClass::Hard,
        "expired_card"
        | "incorrect_number"
        | "invalid_number"
        | "invalid_account"
        | "invalid_expiry_month"
        | "invalid_expiry_year"
        | "incorrect_cvc"
        | "card_not_supported"
        | "currency_not_supported"
        | "new_account_information_available"
        | "testmode_decline"
        | "test_mode_live_card"
        | "account_closed"
        | "account_frozen"
        | "no_account"
        | "bank_account_restricted"
        | "bank_ownership_changed"
        | "incorrect_account_holder_name"
        | "invalid_account_number"
        | "payment_method_unactivated"
        | "payment_method_customer_decline" => DeclineClass::NewMethod,
        _ => DeclineClass::Soft,
    }
}

/// When an invoice is to be charged again by itself after its collections so far came to nothing;
/// `None` where it is not. `is_bank` says whether the method of a collection is a bank account.
#[must_use]
pub fn next_try(
    collections: &[Collection],
    is_bank: impl Fn(&Collection) -> bool,
) -> Option<Timestamp> {
    let declined = |collection: &Collection| match &collection.stage {
        Stage::Ended(Ending::Declined(decline)) => {
            Some((class(decline, is_bank(collection)), collection.since))
        }
        Stage::Ended(Ending::NeedsCustomer) => Some((DeclineClass::Customer, collection.since)),
        _ => None,
    };
    let declines: Vec<_> = collections.iter().filter_map(declined).collect();
    let (last, at) = declines.last()?;
    let returned = declines
        .iter()
        .filter(|(class, _)| *class == DeclineClass::NoFunds);
    match last {
        DeclineClass::Soft => {}
        DeclineClass::NoFunds if returned.count() < NO_FUNDS_MAX => {}
        DeclineClass::NoFunds
        | DeclineClass::Hard
        | DeclineClass::NewMethod
        | DeclineClass::Customer => return None,
    }
    let days = RETRY_AFTER_DAYS.get(declines.len().saturating_sub(1))?;
    Some(at.plus(Duration::from_secs(days.saturating_mul(86_400))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::testing::collection;

    fn decline(code: &str, decline_code: &str, advice: &str) -> Decline {
        let word = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Decline {
            code: code.to_owned(),
            decline_code: word(decline_code),
            advice_code: word(advice),
        }
    }

    #[test]
    fn declines_have_the_class_that_stripes_words_say() {
        use DeclineClass::{Customer, Hard, NewMethod, NoFunds, Soft};
        for (code, reason, advice, is_bank, expected) in [
            ("card_declined", "insufficient_funds", "", false, Soft),
            ("card_declined", "insufficient_funds", "", true, NoFunds),
            ("card_declined", "generic_decline", "", false, Soft),
            (
                "card_declined",
                "generic_decline",
                "try_again_later",
                false,
                Soft,
            ),
            (
                "card_declined",
                "generic_decline",
                "do_not_try_again",
                false,
                Hard,
            ),
            (
                "card_declined",
                "generic_decline",
                "confirm_card_data",
                false,
                NewMethod,
            ),
            ("card_declined", "lost_card", "", false, Hard),
            ("expired_card", "", "", false, NewMethod),
            ("processing_error", "", "", false, Soft),
            ("authentication_required", "", "", false, Customer),
            (
                "card_declined",
                "authentication_not_handled",
                "",
                false,
                Customer,
            ),
            (
                "payment_method_provider_decline",
                "account_closed",
                "",
                true,
                NewMethod,
            ),
            ("a_word_of_next_year", "", "", false, Soft),
        ] {
            let found = class(&decline(code, reason, advice), is_bank);
            assert_eq!(found, expected, "{code} {reason} {advice}");
        }
    }

    fn declined(reasons: &[&str]) -> Vec<Collection> {
        let each = reasons.iter().zip(1_u64..);
        each.map(|(reason, number)| {
            let stage = Stage::Ended(Ending::Declined(decline("card_declined", reason, "")));
            Collection {
                number,
                since: Timestamp::from_seconds(0),
                ..collection(stage)
            }
        })
        .collect()
    }

    #[test]
    fn tries_grow_rarer_and_end() {
        let day = |days: i64| Some(Timestamp::from_seconds(days * 86_400));
        let soft = "generic_decline";
        for (reasons, is_bank, expected) in [
            (vec![], false, None),
            (vec![soft], false, day(1)),
            (vec![soft, soft], false, day(3)),
            (vec![soft; 4], false, day(7)),
            (vec![soft; 5], false, None),
            (vec![soft, "stolen_card"], false, None),
            (vec![soft, "expired_card"], false, None),
            (vec!["insufficient_funds"], true, day(1)),
            // The second return is the last.
            (vec!["insufficient_funds"; 2], true, None),
            (vec!["insufficient_funds"; 2], false, day(3)),
        ] {
            let found = next_try(&declined(&reasons), |_| is_bank);
            assert_eq!(found, expected, "{reasons:?}");
        }
    }
}
