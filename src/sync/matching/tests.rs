use super::*;
use crate::model::customer::Fields;
use crate::model::time::Timestamp;

const US: &str = "cus_1";

fn zenskar(id: &str) -> ZenskarCustomerId {
    ZenskarCustomerId::parse(id).unwrap()
}

fn names(stripe: &str) -> Mapping {
    Mapping::Names(StripeCustomerId::parse(stripe).unwrap())
}

/// A candidate; each letter of `clues` is one: m(etadata), x (external id), e(-mail).
fn candidate(id: &str, mapping: Mapping, clues: &str) -> Candidate {
    Candidate {
        id: zenskar(id),
        mapping,
        metadata: clues.contains('m'),
        external_id: clues.contains('x'),
        email: clues.contains('e'),
    }
}

fn judged(candidates: Vec<Candidate>, email_proves: bool) -> Verdict {
    let search = Search {
        candidates,
        complete: true,
        email_proves,
        names_nobody: false,
    };
    judge(&StripeCustomerId::parse(US).unwrap(), &search)
}

#[test]
fn a_link_over_which_nothing_moves_gives_way_to_what_remains() {
    use LinkState::{Active, Deleted, Unknown, Unlinked};
    // Whether the pair of its customer of Stripe with another of Zenskar takes the link's place, and
    // the pair of its customer of Zenskar with another of Stripe.
    for (state, same_stripe, same_zenskar) in [
        (Active, false, false),
        (Deleted(Side::Zenskar), true, false),
        (Deleted(Side::Stripe), false, true),
        (Unknown, false, true),
        (Unlinked, true, true),
    ] {
        let cus = |id| StripeCustomerId::parse(id).unwrap();
        let known = Link {
            stripe: cus("cus_1"),
            zenskar: zenskar("z1"),
            version: 1,
            base: Fields::new(),
            state,
            proof: LinkProof::Mapping,
            made_at: Timestamp::default(),
            planned_at: Timestamp::default(),
        };
        let gives = |stripe, id| gives_way(&known, (&cus(stripe), &zenskar(id)));
        assert_eq!(gives("cus_1", "z2"), same_stripe, "{state:?}");
        assert_eq!(gives("cus_2", "z1"), same_zenskar, "{state:?}");
        assert!(!gives("cus_1", "z1"), "{state:?}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one row a case")]
fn the_table() {
    use LinkProof::{Email, ExternalId, Metadata};
    use Mapping::{NoAnswer, Nothing};
    let link = |id: &str, proof| Verdict::Link(zenskar(id), proof);
    let ambiguous = |ids: &[&str]| Verdict::Ambiguous(ids.iter().map(|id| zenskar(id)).collect());
    for (candidates, email_proves, expected) in [
        (vec![], true, Verdict::Unlinked),
        // The mapping goes before everything else.
        (
            vec![
                candidate("a", names(US), ""),
                candidate("b", Nothing, "mxe"),
            ],
            true,
            link("a", LinkProof::Mapping),
        ),
        (
            vec![candidate("a", names(US), ""), candidate("b", names(US), "")],
            true,
            ambiguous(&["a", "b"]),
        ),
        // Then metadata, then the external id; where they disagree a person decides.
        (
            vec![candidate("a", NoAnswer, "m")],
            false,
            link("a", Metadata),
        ),
        (
            vec![candidate("a", Nothing, "mx")],
            false,
            link("a", Metadata),
        ),
        (
            vec![candidate("a", Nothing, "m"), candidate("b", Nothing, "x")],
            false,
            ambiguous(&["a", "b"]),
        ),
        (
            vec![candidate("a", NoAnswer, "x")],
            false,
            link("a", ExternalId),
        ),
        (
            vec![candidate("a", Nothing, "x"), candidate("b", Nothing, "x")],
            false,
            ambiguous(&["a", "b"]),
        ),
        (
            vec![candidate("a", Nothing, "x"), candidate("b", Nothing, "e")],
            true,
            link("a", ExternalId),
        ),
        // An address of e-mail proves only where that is allowed, and only if it is unique.
        (vec![candidate("a", Nothing, "e")], false, Verdict::Unlinked),
        (vec![candidate("a", Nothing, "e")], true, link("a", Email)),
        (
            vec![candidate("a", Nothing, "e"), candidate("b", Nothing, "e")],
            true,
            ambiguous(&["a", "b"]),
        ),
        (
            vec![
                candidate("a", Nothing, "e"),
                candidate("b", names("cus_2"), "e"),
            ],
            true,
            ambiguous(&["a", "b"]),
        ),
        // Whoever is mapped to another customer is not the one.
        (
            vec![candidate("a", names("cus_2"), "mxe")],
            true,
            Verdict::Unlinked,
        ),
        (
            vec![
                candidate("a", names("cus_2"), "x"),
                candidate("b", Nothing, "x"),
            ],
            true,
            link("b", ExternalId),
        ),
    ] {
        let row = format!("{candidates:?} {email_proves}");
        assert_eq!(judged(candidates, email_proves), expected, "{row}");
    }
}

#[test]
fn a_search_that_did_not_see_everybody_proves_no_uniqueness() {
    let stripe = StripeCustomerId::parse(US).unwrap();
    let search = |mapping, clues| Search {
        candidates: vec![candidate("a", mapping, clues)],
        complete: false,
        email_proves: true,
        names_nobody: false,
    };
    for clues in ["x", "e"] {
        let verdict = judge(&stripe, &search(Mapping::Nothing, clues));
        assert_eq!(verdict, Verdict::Unlinked);
    }
    let link = |proof| Verdict::Link(zenskar("a"), proof);
    let mapped = search(names(US), "x");
    assert_eq!(judge(&stripe, &mapped), link(LinkProof::Mapping));
    let named = search(Mapping::NoAnswer, "m");
    assert_eq!(judge(&stripe, &named), link(LinkProof::Metadata));
}
