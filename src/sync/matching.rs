//! Which customer of Zenskar belongs to a customer of Stripe.
//!
//! Only Zenskar's own connector mapping proves a match. An external id or an e-mail address finds
//! candidates; it never links.

use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use std::collections::BTreeSet;

/// What Zenskar's mapping says of one candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// It belongs to this customer of Stripe.
    Names(StripeCustomerId),
    /// It answered, and belongs to none.
    Nothing,
    /// It gave no answer; this never means "belongs to none".
    NoAnswer,
}

/// What the candidates come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Exactly one is proven.
    Link(ZenskarCustomerId),
    /// None is proven; a mapping may appear later.
    Unlinked,
    /// Several are proven: a person decides.
    Ambiguous(BTreeSet<ZenskarCustomerId>),
}

/// Judges the candidates for `stripe`.
#[must_use]
pub fn judge(stripe: &StripeCustomerId, candidates: &[(ZenskarCustomerId, Mapping)]) -> Verdict {
    let named = Mapping::Names(stripe.clone());
    let mut proven: BTreeSet<ZenskarCustomerId> = candidates
        .iter()
        .filter(|(_, mapping)| *mapping == named)
        .map(|(zenskar, _)| zenskar.clone())
        .collect();
    match (proven.pop_first(), proven.is_empty()) {
        (None, _) => Verdict::Unlinked,
        (Some(only), true) => Verdict::Link(only),
        (Some(first), false) => {
            proven.insert(first);
            Verdict::Ambiguous(proven)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zenskar(id: &str) -> ZenskarCustomerId {
        ZenskarCustomerId::parse(id).unwrap()
    }

    #[test]
    fn only_a_mapping_proves() {
        let us = StripeCustomerId::parse("cus_1").unwrap();
        let other = StripeCustomerId::parse("cus_2").unwrap();
        let named = || Mapping::Names(us.clone());
        assert_eq!(judge(&us, &[]), Verdict::Unlinked);
        assert_eq!(
            judge(
                &us,
                &[
                    (zenskar("a"), Mapping::NoAnswer),
                    (zenskar("b"), Mapping::Nothing)
                ]
            ),
            Verdict::Unlinked
        );
        assert_eq!(
            judge(
                &us,
                &[
                    (zenskar("a"), Mapping::Names(other)),
                    (zenskar("b"), named())
                ]
            ),
            Verdict::Link(zenskar("b"))
        );
        assert_eq!(
            judge(&us, &[(zenskar("a"), named()), (zenskar("a"), named())]),
            Verdict::Link(zenskar("a"))
        );
        assert_eq!(
            judge(&us, &[(zenskar("b"), named()), (zenskar("a"), named())]),
            Verdict::Ambiguous([zenskar("a"), zenskar("b")].into())
        );
    }
}
