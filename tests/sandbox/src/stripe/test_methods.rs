//! Stripe's test payment methods: what each looks like, and what a charge on it comes to.
//!
//! Unlike at Stripe, every card here can be attached to a customer, those that decline too, so
//! that a customer's method can be one that declines. The longer names with the brand in them
//! (`pm_card_visa_chargeDeclined`) and tokens (`tok_chargeDeclined`) name the same.

/// Why a charge failed, in Stripe's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decline {
    pub(crate) code: &'static str,
    pub(crate) decline_code: Option<&'static str>,
    pub(crate) advice_code: Option<&'static str>,
    pub(crate) message: &'static str,
}

/// What a charge comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It succeeds at once.
    Succeeds,
    /// It is declined at once.
    Declines(Decline),
    /// The customer has to authenticate it.
    Authenticates,
    /// It is known after days: success, or why not.
    Settles(Option<Decline>),
    /// It is never known.
    Hangs,
}

/// The kind of a payment method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MethodType {
    Card,
    UsBankAccount,
    SepaDebit,
}

impl MethodType {
    /// Stripe's name of it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::UsBankAccount => "us_bank_account",
            Self::SepaDebit => "sepa_debit",
        }
    }

    /// The only currency it can be charged in, if it is one.
    pub(crate) fn currency(self) -> Option<&'static str> {
        match self {
            Self::Card => None,
            Self::UsBankAccount => Some("usd"),
            Self::SepaDebit => Some("eur"),
        }
    }
}

/// A test payment method.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TestMethod {
    pub(crate) id: &'static str,
    pub(crate) kind: MethodType,
    /// The card's brand; the bank's country.
    pub(crate) brand: &'static str,
    pub(crate) last4: &'static str,
    pub(crate) outcome: Outcome,
}

const fn decline(
    code: &'static str,
    decline_code: Option<&'static str>,
    advice_code: Option<&'static str>,
    message: &'static str,
) -> Decline {
    Decline {
        code,
        decline_code,
        advice_code,
        message,
    }
}

/// What a card that wants authentication says off session.
pub(crate) const AUTHENTICATION_REQUIRED: Decline = decline(
    "authentication_required",
    Some("authentication_required"),
    None,
    "Your card was declined. This transaction requires authentication.",
);

/// What it says where the caller wants an error instead of a next action.
pub(crate) const AUTHENTICATION_NOT_HANDLED: Decline = decline(
    "authentication_required",
    Some("authentication_not_handled"),
    None,
    "This payment required an authentication action to complete.",
);

/// What it says after the customer failed to authenticate.
pub(crate) const AUTHENTICATION_FAILED: Decline = decline(
    "payment_intent_authentication_failure",
    None,
    None,
    "The customer could not be authenticated.",
);

const fn declined(decline_code: &'static str, advice_code: Option<&'static str>) -> Outcome {
    let message = "Your card was declined.";
    Outcome::Declines(decline(
        "card_declined",
        Some(decline_code),
        advice_code,
        message,
    ))
}

const fn refused(code: &'static str, advice: &'static str, message: &'static str) -> Outcome {
    Outcome::Declines(decline(code, None, Some(advice), message))
}

const fn returned(code: &'static str, message: &'static str) -> Outcome {
    Outcome::Settles(Some(decline(code, None, None, message)))
}

const fn card(
    id: &'static str,
    brand: &'static str,
    last4: &'static str,
    outcome: Outcome,
) -> TestMethod {
    TestMethod {
        id,
        kind: MethodType::Card,
        brand,
        last4,
        outcome,
    }
}

const fn bank(id: &'static str, last4: &'static str, outcome: Outcome) -> TestMethod {
    TestMethod {
        id,
        kind: MethodType::UsBankAccount,
        brand: "US",
        last4,
        outcome,
    }
}

const fn sepa(id: &'static str, last4: &'static str, outcome: Outcome) -> TestMethod {
    TestMethod {
        id,
        kind: MethodType::SepaDebit,
        brand: "DE",
        last4,
        outcome,
    }
}

const AGAIN: Option<&str> = Some("try_again_later");
const NEVER: Option<&str> = Some("do_not_try_again");
const NO_FUNDS: &str = "The account has insufficient funds to cover the payment.";
const CLOSED: &str = "The bank account is closed.";

/// Every test payment method that is known here.
static METHODS: [TestMethod; 26] = [
    card("pm_card_visa", "visa", "4242", Outcome::Succeeds),
    card(
        "pm_card_mastercard",
        "mastercard",
        "4444",
        Outcome::Succeeds,
    ),
    card("pm_card_amex", "amex", "0005", Outcome::Succeeds),
    card("pm_card_us", "visa", "4242", Outcome::Succeeds),
    card(
        "pm_card_chargeDeclined",
        "visa",
        "0002",
        declined("generic_decline", AGAIN),
    ),
    card(
        "pm_card_chargeCustomerFail",
        "visa",
        "0341",
        declined("generic_decline", AGAIN),
    ),
    card(
        "pm_card_chargeDeclinedInsufficientFunds",
        "visa",
        "9995",
        declined("insufficient_funds", AGAIN),
    ),
    card(
        "pm_card_chargeDeclinedLostCard",
        "visa",
        "9987",
        declined("lost_card", NEVER),
    ),
    card(
        "pm_card_chargeDeclinedStolenCard",
        "visa",
        "9979",
        declined("stolen_card", NEVER),
    ),
    card(
        "pm_card_chargeDeclinedFraudulent",
        "visa",
        "0019",
        declined("fraudulent", NEVER),
    ),
    card(
        "pm_card_radarBlock",
        "visa",
        "0019",
        declined("fraudulent", NEVER),
    ),
    card(
        "pm_card_chargeDeclinedVelocityLimitExceeded",
        "visa",
        "6975",
        declined("card_velocity_exceeded", AGAIN),
    ),
    card(
        "pm_card_chargeDeclinedExpiredCard",
        "visa",
        "0069",
        refused(
            "expired_card",
            "confirm_card_data",
            "Your card has expired.",
        ),
    ),
    card(
        "pm_card_chargeDeclinedIncorrectCvc",
        "visa",
        "0127",
        refused(
            "incorrect_cvc",
            "confirm_card_data",
            "The card's security code is incorrect.",
        ),
    ),
    card(
        "pm_card_chargeDeclinedProcessingError",
        "visa",
        "0119",
        refused(
            "processing_error",
            "try_again_later",
            "The card could not be processed.",
        ),
    ),
    card(
        "pm_card_authenticationRequired",
        "visa",
        "3184",
        Outcome::Authenticates,
    ),
    card(
        "pm_card_threeDSecure2Required",
        "visa",
        "3220",
        Outcome::Authenticates,
    ),
    bank("pm_usBankAccount", "6789", Outcome::Settles(None)),
    bank("pm_usBankAccount_success", "6789", Outcome::Settles(None)),
    bank(
        "pm_usBankAccount_accountClosed",
        "1113",
        returned("account_closed", CLOSED),
    ),
    bank(
        "pm_usBankAccount_noAccount",
        "1116",
        returned("no_account", "The bank account could not be located."),
    ),
    bank(
        "pm_usBankAccount_insufficientFunds",
        "2227",
        returned("insufficient_funds", NO_FUNDS),
    ),
    bank(
        "pm_usBankAccount_debitNotAuthorized",
        "3335",
        returned(
            "debit_not_authorized",
            "The customer says that the debit was not authorized.",
        ),
    ),
    bank("pm_usBankAccount_processing", "4440", Outcome::Hangs),
    sepa("pm_success_de", "3000", Outcome::Settles(None)),
    sepa(
        "pm_failed_de",
        "3001",
        returned("insufficient_funds", NO_FUNDS),
    ),
];

/// The test payment method of this id or token.
pub(crate) fn find(id: &str) -> Option<&'static TestMethod> {
    let short = match id.strip_prefix("tok_") {
        Some(token) => format!("pm_card_{token}"),
        None => id.to_owned(),
    };
    let short = match short.strip_prefix("pm_card_visa_") {
        Some(rest) => format!("pm_card_{rest}"),
        None => short,
    };
    METHODS.iter().find(|known| known.id == short)
}

#[cfg(test)]
mod tests {
    use super::{MethodType, find};

    #[test]
    fn several_names() {
        let id = |name: &str| find(name).map(|method| method.id);
        assert_eq!(id("pm_card_visa"), Some("pm_card_visa"));
        assert_eq!(id("tok_visa"), Some("pm_card_visa"));
        let declined = Some("pm_card_chargeDeclined");
        assert_eq!(id("pm_card_visa_chargeDeclined"), declined);
        assert_eq!(id("tok_chargeDeclined"), declined);
        assert_eq!(id("pm_nothing"), None);
        assert_eq!(MethodType::SepaDebit.currency(), Some("eur"));
    }
}
