//! Which record an event asks to look at.

use crate::model::event::{ZENSKAR_DELETED, ZENSKAR_UPDATED};
use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::work::Subject;
use std::collections::BTreeSet;

/// Types of events that ask for a look, as Stripe names them. The poller asks for these alone; a
/// webhook may bring others, which are kept and counted.
pub const EVENT_TYPES: [&str; 6] = [
    "customer.created",
    "customer.updated",
    "customer.deleted",
    "customer.tax_id.created",
    "customer.tax_id.updated",
    "customer.tax_id.deleted",
];

/// Types of events that tell of money under way. The collection of their object is looked at; nothing is
/// taken from what they say.
pub const MONEY_EVENT_TYPES: [&str; 5] = [
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.canceled",
];

/// Whether an event of this type tells of money under way.
#[must_use]
pub fn is_of_money(kind: &str) -> bool {
    MONEY_EVENT_TYPES.contains(&kind)
}

/// Every type of event that something is done about.
#[must_use]
pub fn heard_types() -> Vec<&'static str> {
    EVENT_TYPES.into_iter().chain(MONEY_EVENT_TYPES).collect()
}

/// The type of the event that the owner of a connected account ended the connection. It reaches the
/// platform's endpoint for connected accounts alone (Stripe's documentation, "Types of events").
pub const DEAUTHORISED: &str = "account.application.deauthorized";

/// Exactly the types that our own endpoint is made for.
#[must_use]
pub fn endpoint_events(connect: bool) -> BTreeSet<String> {
    let ended = connect.then_some(DEAUTHORISED);
    let types = heard_types().into_iter().chain(ended);
    types.map(str::to_owned).collect()
}

/// The record that an event of this type about this object asks to look at. What happens to a tax
/// id is about its customer.
///
/// `None` for a type nothing is done about, and for an object whose id cannot be one.
#[must_use]
pub fn of_event(kind: &str, object: &str) -> Option<Subject> {
    // Earlier versions kept events of tax ids under the tax id's own id.
    if EVENT_TYPES.contains(&kind) && !object.starts_with("txi_") {
        StripeCustomerId::parse(object).ok().map(Subject::Customer)
    } else {
        None
    }
}

/// The customer of Zenskar that an event of this type about this object tells of.
///
/// Its link says which record to look at; without one, its mapping is asked for.
#[must_use]
pub fn in_zenskar(kind: &str, object: &str) -> Option<ZenskarCustomerId> {
    if [ZENSKAR_UPDATED, ZENSKAR_DELETED].contains(&kind) {
        ZenskarCustomerId::parse(object).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_endpoint_for_connected_accounts_hears_of_their_end() {
        assert_eq!(endpoint_events(false).len(), heard_types().len());
        assert!(!endpoint_events(false).contains(DEAUTHORISED));
        assert!(endpoint_events(true).contains(DEAUTHORISED));
        assert_eq!(of_event(DEAUTHORISED, "ca_1"), None);
    }

    #[test]
    fn only_events_of_zenskar_tell_of_its_customers() {
        let told = in_zenskar(ZENSKAR_DELETED, "z-1").map(|id| id.to_string());
        assert_eq!(told, Some("z-1".to_owned()));
        assert_eq!(in_zenskar("customer.updated", "z-1"), None);
        assert_eq!(in_zenskar(ZENSKAR_UPDATED, ""), None);
        assert_eq!(of_event(ZENSKAR_UPDATED, "z-1"), None);
    }

    #[test]
    fn only_events_of_a_customer_and_its_tax_ids_ask_for_a_look() {
        assert_eq!(
            of_event("customer.updated", "cus_1").map(|subject| subject.to_string()),
            Some("customer/cus_1".to_owned())
        );
        assert!(of_event("customer.tax_id.created", "cus_1").is_some());
        assert_eq!(of_event("customer.tax_id.created", "txi_1"), None);
        assert_eq!(of_event("customer.subscription.updated", "sub_1"), None);
        assert_eq!(of_event("invoice.paid", "in_1"), None);
        assert_eq!(of_event("customer.updated", ""), None);
    }
}
