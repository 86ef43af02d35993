//! What events prove about a field that was never seen to agree.

use crate::model::customer::{Field, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What the pending events of a Stripe customer say about its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    named: BTreeMap<Field, BTreeSet<Value>>,
    unspecified: bool,
}

impl Evidence {
    /// An event names `field` as changed, and says what it held before.
    pub fn name(&mut self, field: Field, before: Value) {
        self.named.entry(field).or_default().insert(before);
    }

    /// An event says that `field` changed, and not what it held before.
    pub fn touch(&mut self, field: Field) {
        self.named.entry(field).or_default();
    }

    /// An update event does not say which fields changed.
    pub const fn unspecified(&mut self) {
        self.unspecified = true;
    }

    /// Adds what `other` proves.
    pub fn extend(&mut self, other: Self) {
        self.unspecified |= other.unspecified;
        for (field, values) in other.named {
            self.named.entry(field).or_default().extend(values);
        }
    }

    /// Whether an event proves that Stripe's `field` changed, or is an update that names nothing.
    /// Tax ids are objects of their own: no update of the customer is about them.
    #[must_use]
    pub fn changed(&self, field: Field) -> bool {
        (self.unspecified && field != Field::TaxIds) || self.named.contains_key(&field)
    }

    /// Whether an event proves that `field` held `value` in Stripe before it changed there.
    #[must_use]
    pub fn held_before(&self, field: Field, value: &Value) -> bool {
        self.named
            .get(&field)
            .is_some_and(|values| values.contains(value))
    }
}
