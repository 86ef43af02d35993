//! A payment method that is stored in Stripe.

use crate::model::id::{MethodId, StripeCustomerId};

/// A payment method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// Its id.
    pub id: MethodId,
    /// Its kind, in Stripe's word, such as `card` or `us_bank_account`.
    pub kind: String,
    /// Whose it is; nobody's once it is detached.
    pub customer: Option<StripeCustomerId>,
}

/// What a customer's charges go to by default, by both of Stripe's fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Whether the customer was deleted.
    pub deleted: bool,
    /// `invoice_settings.default_payment_method`.
    pub method: Option<MethodId>,
    /// `default_source`, the older of the two fields.
    pub source: Option<MethodId>,
}
