//! What a listing shows of a linked customer, beside what is known of it.

use crate::model::customer::{Customer, Field, Value};
use crate::model::difference::Difference;
use crate::model::link::{Link, Side};
use crate::sync::policy::Policy;

/// What a listing showed of a linked customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// The fields that do not hold what both sides last agreed on.
    pub differing: Vec<Field>,
    /// Whether one of them is news: neither agreed nor shown as a difference already.
    pub is_news: bool,
}

/// Compares what `side` shows of a customer with its link, whose base counts, and with the
/// differences that are known. What was not read is no news.
#[must_use]
pub fn compare(
    side: Side,
    customer: &Customer,
    counting: &Link,
    known: &[Difference],
    policy: &Policy,
) -> Compared {
    let mut compared = Compared::default();
    for field in &policy.fields {
        let Some(value) = customer.value(*field) else {
            continue;
        };
        let differs = counting.base.get(field) != Some(value);
        if differs {
            compared.differing.push(*field);
        }
        compared.is_news |= match known.iter().find(|one| one.field == *field) {
            Some(one) => shown(one, side) != value || is_outdated(one, counting),
            None => differs,
        };
    }
    compared
}

fn shown(difference: &Difference, side: Side) -> &Value {
    match side {
        Side::Stripe => &difference.stripe,
        Side::Zenskar => &difference.zenskar,
    }
}

/// Whether a shown difference rests on a base that does not count since its field is active: it has
/// become another question.
fn is_outdated(shown: &Difference, counting: &Link) -> bool {
    shown.base.is_some() && !counting.base.contains_key(&shown.field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::customer::Fields;
    use crate::model::difference::Held;
    use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
    use crate::model::link::{LinkProof, LinkState};
    use crate::model::time::Timestamp;

    fn text(field: Field, text: &str) -> Fields {
        Fields::from([(field, Value::text(text))])
    }

    #[test]
    fn a_shown_difference_differs_and_is_no_news() {
        let mut link = Link {
            stripe: StripeCustomerId::parse("cus_1").unwrap(),
            zenskar: ZenskarCustomerId::parse("z1").unwrap(),
            version: 1,
            base: text(Field::Name, "A"),
            state: LinkState::Active,
            proof: LinkProof::Mapping,
            made_at: Timestamp::default(),
            planned_at: Timestamp::default(),
        };
        let known = [Difference {
            field: Field::Name,
            stripe: Value::text("A"),
            zenskar: Value::text("B"),
            base: Some(Value::text("A")),
            why: Held::Drift,
        }];
        let policy = Policy {
            fields: [Field::Name, Field::TaxIds].into(),
            ..Policy::off()
        };
        let sees = |name: &str, link: &Link, known: &[Difference]| {
            let customer = Customer::new(text(Field::Name, name)).without(Field::TaxIds);
            let seen = compare(Side::Zenskar, &customer, link, known, &policy);
            (seen.differing.len(), seen.is_news)
        };
        assert_eq!(sees("A", &link, &[]), (0, false));
        assert_eq!(sees("B", &link, &[]), (1, true));
        assert_eq!(sees("B", &link, &known), (1, false));
        assert_eq!(sees("C", &link, &known), (1, true));
        assert_eq!(sees("A", &link, &known), (0, true));
        link.base.clear();
        assert_eq!(sees("B", &link, &known), (1, true));
    }
}
