//! Which customer of Zenskar belongs to a customer of Stripe.
//!
//! | rank | proof | how many may fit |
//! |---|---|---|
//! | 1 | Zenskar's own connector mapping names the Stripe customer | one |
//! | 2 | metadata of the Stripe customer names the Zenskar customer | one |
//! | 3 | `external_id` of the Zenskar customer is the Stripe customer's id | one |
//! | 4 | the e-mail address, where the operator allows it, and it is unique on both sides | one |
//!
//! The first rank with a fit decides. More than one fit of a rank is a question for a person, and
//! so is metadata that names another customer than the external id does. A candidate whose mapping
//! names another Stripe customer never fits. An address of e-mail only finds, unless `match_email`
//! makes it a proof.
//!
//! A link that is in force is never taken apart for another one: the second claim is a question.
//! One over which nothing moves gives way to the proof that one of its customers belongs to another
//! ([`gives_way`]): so the duplicate that was merged does not hold the one that stays.

use crate::model::id::{StripeCustomerId, ZenskarCustomerId};
use crate::model::link::{Link, LinkProof, LinkState, Side};
use std::collections::BTreeSet;

/// The key of Stripe's metadata under which a customer names its customer in Zenskar.
pub const METADATA_KEY: &str = "zenstripe_zenskar_customer";

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

/// A customer of Zenskar that may be the one, and what speaks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: ZenskarCustomerId,
    /// What Zenskar's mapping says of it.
    pub mapping: Mapping,
    /// Stripe's metadata names it.
    pub metadata: bool,
    /// Its external id is the Stripe customer's id.
    pub external_id: bool,
    /// It has the Stripe customer's e-mail address.
    pub email: bool,
}

/// What a search brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Who may be the one.
    pub candidates: Vec<Candidate>,
    /// Whether the search surely saw everybody who may be.
    pub complete: bool,
    /// Whether an address of e-mail proves, and no other customer of Stripe has it.
    pub email_proves: bool,
    /// Whether metadata name a customer that Zenskar does not have.
    pub names_nobody: bool,
}

/// What the candidates come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Exactly one is proven, by this.
    Link(ZenskarCustomerId, LinkProof),
    /// None is proven; a mapping may appear later.
    Unlinked,
    /// Several are proven: a person decides.
    Ambiguous(BTreeSet<ZenskarCustomerId>),
}

/// Judges the candidates for `stripe`.
#[must_use]
pub fn judge(stripe: &StripeCustomerId, search: &Search) -> Verdict {
    let fits = |clue: fn(&Candidate) -> bool| -> BTreeSet<ZenskarCustomerId> {
        let is_anothers = |one: &Candidate| match &one.mapping {
            Mapping::Names(named) => named != stripe,
            Mapping::Nothing | Mapping::NoAnswer => false,
        };
        let all = search.candidates.iter();
        all.filter(|one| !is_anothers(one) && clue(one))
            .map(|one| one.id.clone())
            .collect()
    };
    let mapped = fits(|one| matches!(one.mapping, Mapping::Names(_)));
    let named = fits(|one| one.metadata);
    let external = fits(|one| one.external_id);
    let both: BTreeSet<_> = named.union(&external).cloned().collect();
    if !mapped.is_empty() {
        return one_of(mapped, LinkProof::Mapping);
    }
    if !named.is_empty() && both.len() > 1 {
        return Verdict::Ambiguous(both);
    }
    if !named.is_empty() {
        return one_of(named, LinkProof::Metadata);
    }
    // A search that did not see everybody cannot say that there is only one.
    if !search.complete {
        return Verdict::Unlinked;
    }
    if !external.is_empty() {
        return one_of(external, LinkProof::ExternalId);
    }
    if !search.email_proves {
        return Verdict::Unlinked;
    }
    // Whoever else has the address counts, even if its mapping names another.
    let having = search.candidates.iter().filter(|one| one.email);
    let having: BTreeSet<_> = having.map(|one| one.id.clone()).collect();
    if having.len() > 1 {
        return Verdict::Ambiguous(having);
    }
    one_of(fits(|one| one.email), LinkProof::Email)
}

/// Whether a link gives way to another pair that is proven and has one of its customers.
///
/// A customer that is gone lets go of the one that is there: what remains of the pair proves
/// nothing. A pair that a person took apart stays apart, and stands in nobody else's way.
#[must_use]
pub fn gives_way(known: &Link, (stripe, zenskar): (&StripeCustomerId, &ZenskarCustomerId)) -> bool {
    let is_same = known.stripe == *stripe && known.zenskar == *zenskar;
    match known.state {
        _ if is_same => false,
        LinkState::Active => false,
        LinkState::Unlinked => true,
        LinkState::Deleted(Side::Zenskar) => known.stripe == *stripe,
        LinkState::Deleted(Side::Stripe) | LinkState::Unknown => known.zenskar == *zenskar,
    }
}

fn one_of(mut fits: BTreeSet<ZenskarCustomerId>, proof: LinkProof) -> Verdict {
    match (fits.pop_first(), fits.is_empty()) {
        (None, _) => Verdict::Unlinked,
        (Some(only), true) => Verdict::Link(only, proof),
        (Some(first), false) => {
            fits.insert(first);
            Verdict::Ambiguous(fits)
        }
    }
}

#[cfg(test)]
mod tests;
