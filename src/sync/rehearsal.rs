//! What would differ under rules that are not in force, so that their plan can be seen before they
//! are.
//!
//! A field that becomes active begins as if its two sides had never met ([`crate::sync::activation`]).
//! So a rehearsal knows of no base, no event, no intent and no decision: where both sides hold the
//! same they agree, and everything else is a difference. Nothing follows from it but that it is shown.

use crate::model::customer::{Fields, Presence};
use crate::model::difference::Difference;
use crate::model::link::Link;
use crate::model::time::Timestamp;
use crate::sync::activation::Activations;
use crate::sync::customer::{State, plan};
use crate::sync::evidence::Evidence;
use crate::sync::policy::Policy;
use std::time::Duration;

/// What would differ of a linked customer if `policy` came into force.
#[must_use]
pub fn differences(
    link: &Link,
    (stripe, zenskar): (&Presence, &Presence),
    policy: &Policy,
    now: Timestamp,
) -> Vec<Difference> {
    let link = Link {
        base: Fields::new(),
        ..link.clone()
    };
    let state = State {
        link: &link,
        stripe,
        zenskar,
        intents: &[],
        held: &[],
        decided: &[],
        evidence: &Evidence::default(),
        now,
        settle: Duration::ZERO,
    };
    plan(&state, policy).differences
}

/// The rules that are rehearsed: what else the configuration says holds as it does now.
#[must_use]
pub fn policy(rehearsed: &Activations, configured: &Policy) -> Policy {
    Policy {
        direction: rehearsed.direction,
        fields: rehearsed.fields.keys().copied().collect(),
        ..configured.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::customer::{Customer, Field, Value};
    use crate::model::difference::Held;
    use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
    use crate::model::link::{LinkProof, LinkState, Side};
    use crate::sync::policy::Direction;

    fn named(name: &str) -> Presence {
        let fields = Fields::from([(Field::Name, Value::text(name))]);
        Presence::Present(Customer::new(fields).without(Field::Email))
    }

    #[test]
    fn everything_that_differs_is_shown_as_never_agreed_and_nothing_is_written() {
        let link = Link {
            stripe: StripeCustomerId::parse("cus_1").unwrap(),
            zenskar: ZenskarCustomerId::parse("z1").unwrap(),
            version: 1,
            // Of a time when sync was on: Stripe alone changed since, which would be written.
            base: Fields::from([(Field::Name, Value::text("Ann"))]),
            state: LinkState::Active,
            proof: LinkProof::Mapping,
            made_at: Timestamp::default(),
            planned_at: Timestamp::default(),
        };
        for direction in [
            Direction::From(Side::Stripe),
            Direction::From(Side::Zenskar),
            Direction::Both,
        ] {
            let policy = Policy {
                direction: Some(direction),
                fields: [Field::Name, Field::Email].into(),
                ..Policy::off()
            };
            let of = |stripe: &Presence, zenskar: &Presence| {
                differences(&link, (stripe, zenskar), &policy, Timestamp::default())
            };
            let found = of(&named("Anna"), &named("Ann"));
            let [one] = &found[..] else {
                panic!("{found:?}");
            };
            assert_eq!((one.field, one.why), (Field::Name, Held::NoBase));
            assert_eq!(one.base, None);
            assert_eq!(of(&named("Ann"), &named("Ann")), []);
            assert_eq!(of(&named("Ann"), &Presence::Deleted), []);
        }
    }
}
