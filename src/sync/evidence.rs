//! What events and earlier looks prove about changes: which fields changed, from what, and when.

use crate::model::customer::{Customer, Field, Value};
use crate::model::link::Side;
use crate::model::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The time within which a field changed, by the clock of the system that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// It had not changed yet.
    pub after: Timestamp,
    /// It had changed.
    pub until: Timestamp,
}

impl Span {
    /// Whether it surely changed after `other` did.
    ///
    /// Each system's clock is its own, both are set by the network: a second apart is not apart.
    #[must_use]
    pub fn is_after(self, other: Self) -> bool {
        #[cfg(feature = "mutants")]
        if crate::mutants::is_on(crate::mutants::Mutant::NoticedLaterIsLater) {
            return self.until > other.until;
        }
        self.after.since(other.until) > CLOCKS_APART
    }
}

/// How far the clocks of the two systems may be apart.
const CLOCKS_APART: Duration = Duration::from_secs(2);

/// What the pending events of a Stripe customer say about its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    named: BTreeMap<Field, BTreeSet<Value>>,
    unspecified: bool,
    spans: BTreeMap<(Side, Field), Span>,
}

impl Evidence {
    /// The field last changed on this side within `span`. The later of two spans counts.
    pub fn changed_within(&mut self, side: Side, field: Field, span: Span) {
        let known = self.spans.entry((side, field)).or_insert(span);
        if known.until < span.until {
            *known = span;
        }
    }

    /// Two looks at a customer of this side: what differs changed between them.
    pub fn seen(
        &mut self,
        side: Side,
        fields: impl Iterator<Item = Field>,
        before: (&Customer, Timestamp),
        now: (&Customer, Timestamp),
    ) {
        let span = Span {
            after: before.1,
            until: now.1,
        };
        for field in fields {
            // What was not read tells nothing.
            let (Some(before), Some(now)) = (before.0.value(field), now.0.value(field)) else {
                continue;
            };
            if before != now {
                self.changed_within(side, field, span);
            }
        }
    }

    /// The side that surely changed the field later, if either did.
    #[must_use]
    pub fn newest(&self, field: Field) -> Option<Side> {
        let stripe = self.spans.get(&(Side::Stripe, field))?;
        let zenskar = self.spans.get(&(Side::Zenskar, field))?;
        if stripe.is_after(*zenskar) {
            Some(Side::Stripe)
        } else {
            zenskar.is_after(*stripe).then_some(Side::Zenskar)
        }
    }

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
        for ((side, field), span) in other.spans {
            self.changed_within(side, field, span);
        }
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
