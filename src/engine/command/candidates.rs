//! Who may be a Stripe customer's customer in Zenskar: a search for a person, which links nobody.

use super::{CommandError, invalid};
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::linking::why_not;
use crate::engine::view::{CandidateRow, CandidatesView};
use crate::model::id::StripeCustomerId;
use crate::model::link::{Link, LinkState, Side};
use crate::remote::limiter::Priority;
use crate::remote::outcome::Class;
use crate::sync::matching::{Candidate, Mapping, Search, Verdict, judge};

impl Engine {
    pub(super) async fn customer_candidates(
        &self,
        id: &str,
    ) -> Result<CandidatesView, CommandError> {
        let stripe = StripeCustomerId::parse(id).map_err(|e| invalid(&e))?;
        let seen = match self.stripe.customer(&stripe, Priority::Money).await {
            Ok(answer) => answer.value,
            Err(failure) if failure.class == Class::Missing => {
                let message = format!("{} has no customer {id}", Side::Stripe);
                return Err(CommandError::NotFound(message));
            }
            Err(failure) => return Err(CommandError::Engine(self.refused(failure))),
        };
        let search = match self.search(&stripe, &seen, Priority::Money).await {
            Err(EngineError::Remote(failure)) => {
                return Err(CommandError::Engine(self.refused(failure)));
            }
            found => found?,
        };
        let read = self.store.read()?;
        let link = read.link(&stripe)?;
        let link = link.filter(|link| link.state != LinkState::Unlinked);
        let mut rows = Vec::new();
        for candidate in &search.candidates {
            let taken = read.link_by_zenskar(&candidate.id)?;
            let taken = taken.filter(|link| link.state != LinkState::Unlinked);
            rows.push(row(candidate, taken));
        }
        Ok(CandidatesView {
            rows,
            ..view(&stripe, link.as_ref(), &search)
        })
    }
}

fn view(stripe: &StripeCustomerId, link: Option<&Link>, search: &Search) -> CandidatesView {
    let mut view = CandidatesView {
        stripe: stripe.to_string(),
        complete: search.complete,
        ..CandidatesView::default()
    };
    let verdict = judge(stripe, search);
    let (name, partner) = match (link, &verdict) {
        (Some(link), _) => ("linked", Some((link.zenskar.to_string(), link.proof))),
        (None, Verdict::Link(zenskar, proof)) => ("link", Some((zenskar.to_string(), *proof))),
        (None, Verdict::Ambiguous(_)) => ("ambiguous", None),
        (None, Verdict::Unlinked) => ("none", None),
    };
    name.clone_into(&mut view.verdict);
    view.message = match &partner {
        Some((zenskar, proof)) if link.is_some() => {
            format!("it is linked with {zenskar}, by {}", proof.as_str())
        }
        Some((zenskar, proof)) => format!("it belongs to {zenskar}, by {}", proof.as_str()),
        None => why_not(&verdict, search),
    };
    if let Some((zenskar, proof)) = partner {
        view.zenskar = Some(zenskar);
        view.proof = Some(proof.as_str().to_owned());
    }
    view
}

fn row(candidate: &Candidate, taken: Option<Link>) -> CandidateRow {
    let clues = [
        (candidate.metadata, "metadata"),
        (candidate.external_id, "external-id"),
        (candidate.email, "email"),
    ];
    CandidateRow {
        zenskar: candidate.id.to_string(),
        mapping: match &candidate.mapping {
            Mapping::Names(stripe) => stripe.to_string(),
            Mapping::Nothing => "none".to_owned(),
            Mapping::NoAnswer => "no answer".to_owned(),
        },
        clues: clues
            .into_iter()
            .filter(|(speaks, _)| *speaks)
            .map(|(_, name)| name.to_owned())
            .collect(),
        linked_with: taken.map(|link| link.stripe.to_string()),
    }
}
