//! What is to be done about our webhook endpoint, one step at a time.
//!
//! Made, then its secret saved, then older ones cleaned up: in this order there is always one that
//! delivers and can be verified. Which are ours is said by the installation id in their metadata;
//! others are never touched, since they share the account's limit with us and belong to somebody.
//!
//! Source: Stripe's API reference, "Webhook Endpoints": version and `connect` are fixed when one is
//! made, address, types, metadata and whether it is disabled are not; the secret is shown once.

use crate::model::endpoint::Kept;
use std::collections::BTreeSet;

/// Endpoints an account can have (Stripe's documentation, "Webhooks": 16).
pub const ENDPOINTS_MAX: usize = 16;

/// The metadata key that says whose an endpoint is.
pub const INSTALLATION_KEY: &str = "zenstripe_installation";

/// What our endpoint is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where it delivers to.
    pub url: String,
    /// Exactly these types.
    pub events: BTreeSet<String>,
    /// In this version.
    pub api_version: String,
    /// For events of connected accounts.
    pub connect: bool,
}

/// An endpoint as Stripe lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its id.
    pub id: String,
    /// Where it delivers to.
    pub url: String,
    /// The types it gets.
    pub events: BTreeSet<String>,
    /// The version it was made for; `None` is the account's own.
    pub api_version: Option<String>,
    /// Whether anything is delivered.
    pub enabled: bool,
    /// The installation that its metadata names.
    pub installation: Option<String>,
}

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make one.
    Make,
    /// Put address, types, metadata and status of this one right.
    Repair(String),
    /// Delete this one of ours.
    Delete(String),
    /// There is no room, and none of ours to make some: so many are there.
    Full(usize),
    /// All is as it should be.
    Settled,
}

/// The next step; `wanted` is `None` where there is to be none of ours.
#[must_use]
pub fn next(
    wanted: Option<&Wanted>,
    installation: &str,
    kept: Option<&Kept>,
    listed: &[Seen],
) -> Step {
    let is_ours = |seen: &Seen| {
        let is_kept = kept.is_some_and(|kept| kept.id == seen.id);
        is_kept || seen.installation.as_deref() == Some(installation)
    };
    let Some(wanted) = wanted else {
        let ours = listed.iter().find(|seen| is_ours(seen));
        return ours.map_or(Step::Settled, |seen| Step::Delete(seen.id.clone()));
    };
    let fits = |kept: &&Kept| {
        kept.url == wanted.url
            && kept.connect == wanted.connect
            && kept.api_version == wanted.api_version
    };
    let current = kept.filter(fits).and_then(|kept| {
        let mut listed = listed.iter();
        listed.find(|seen| {
            seen.id == kept.id && seen.api_version.as_ref() == Some(&wanted.api_version)
        })
    });
    let Some(current) = current else {
        let room = listed.len() < ENDPOINTS_MAX;
        let ours = listed.iter().find(|seen| is_ours(seen));
        return match (room, ours) {
            (true, _) => Step::Make,
            // Of no use as it is, and the only way to one that is.
            (false, Some(seen)) => Step::Delete(seen.id.clone()),
            (false, None) => Step::Full(listed.len()),
        };
    };
    let is_right = current.url == wanted.url
        && current.events == wanted.events
        && current.enabled
        && current.installation.as_deref() == Some(installation);
    if !is_right {
        return Step::Repair(current.id.clone());
    }
    let older = listed
        .iter()
        .find(|seen| is_ours(seen) && seen.id != current.id);
    older.map_or(Step::Settled, |seen| Step::Delete(seen.id.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "aa11";

    fn events() -> BTreeSet<String> {
        ["customer.created", "customer.updated"]
            .map(str::to_owned)
            .into()
    }

    fn wanted() -> Wanted {
        Wanted {
            url: "https://a/webhooks/stripe".to_owned(),
            events: events(),
            api_version: "v1".to_owned(),
            connect: false,
        }
    }

    fn kept(id: &str) -> Kept {
        Kept {
            id: id.to_owned(),
            url: wanted().url,
            api_version: "v1".to_owned(),
            connect: false,
        }
    }

    fn seen(id: &str, installation: Option<&str>) -> Seen {
        Seen {
            id: id.to_owned(),
            url: wanted().url,
            events: events(),
            api_version: Some("v1".to_owned()),
            enabled: true,
            installation: installation.map(str::to_owned),
        }
    }

    fn next(kept: Option<&Kept>, listed: &[Seen]) -> Step {
        super::next(Some(&wanted()), OURS, kept, listed)
    }

    #[test]
    fn one_is_made_and_then_left_alone() {
        assert_eq!(next(None, &[]), Step::Make);
        let (one, ours) = (kept("we_1"), seen("we_1", Some(OURS)));
        assert_eq!(next(Some(&one), std::slice::from_ref(&ours)), Step::Settled);
        let foreign = [seen("we_2", None), seen("we_3", Some("bb22")), ours];
        assert_eq!(next(Some(&one), &foreign), Step::Settled);
        assert_eq!(
            next(None, &foreign[..2]),
            Step::Make,
            "foreign ones are not ours"
        );
    }

    #[test]
    fn what_drifted_is_repaired_and_what_cannot_be_is_replaced() {
        let one = kept("we_1");
        let with = |change: fn(&mut Seen)| {
            let mut seen = seen("we_1", Some(OURS));
            change(&mut seen);
            next(Some(&one), &[seen])
        };
        let repair = Step::Repair("we_1".to_owned());
        assert_eq!(with(|seen| seen.enabled = false), repair);
        assert_eq!(with(|seen| drop(seen.events.pop_first())), repair);
        assert_eq!(with(|seen| seen.events.extend(["*".to_owned()])), repair);
        assert_eq!(with(|seen| seen.url.push('x')), repair);
        assert_eq!(with(|seen| seen.installation = None), repair);
        assert_eq!(with(|seen| seen.api_version = None), Step::Make);
        assert_eq!(next(Some(&one), &[]), Step::Make, "it was deleted");
        for kept in [
            Kept {
                url: "https://old".to_owned(),
                ..one.clone()
            },
            Kept {
                api_version: "v0".to_owned(),
                ..one.clone()
            },
            Kept {
                connect: true,
                ..one.clone()
            },
        ] {
            assert_eq!(next(Some(&kept), &[seen("we_1", Some(OURS))]), Step::Make);
        }
    }

    #[test]
    fn older_ones_of_ours_go_once_a_newer_one_delivers() {
        let listed = [
            seen("we_old", Some(OURS)),
            seen("we_2", Some(OURS)),
            seen("we_3", None),
        ];
        let clean = Step::Delete("we_old".to_owned());
        assert_eq!(next(Some(&kept("we_2")), &listed), clean);
        // The secret of none of them is known.
        assert_eq!(next(None, &listed), Step::Make);
    }

    #[test]
    fn a_full_account_is_never_relieved_of_foreign_ones() {
        let mut listed: Vec<Seen> = (0..ENDPOINTS_MAX)
            .map(|number| seen(&format!("we_{number}"), Some("bb22")))
            .collect();
        assert_eq!(next(None, &listed), Step::Full(ENDPOINTS_MAX));
        assert_eq!(
            next(Some(&kept("we_gone")), &listed),
            Step::Full(ENDPOINTS_MAX)
        );
        listed[7].installation = Some(OURS.to_owned());
        assert_eq!(next(None, &listed), Step::Delete("we_7".to_owned()));
    }

    #[test]
    fn where_none_is_wanted_ours_go() {
        let listed = [seen("we_1", None), seen("we_2", Some(OURS))];
        let none = |kept: Option<&Kept>, listed: &[Seen]| super::next(None, OURS, kept, listed);
        assert_eq!(none(None, &listed), Step::Delete("we_2".to_owned()));
        assert_eq!(
            none(Some(&kept("we_1")), &listed[..1]),
            Step::Delete("we_1".to_owned())
        );
        assert_eq!(none(None, &listed[..1]), Step::Settled);
    }
}
