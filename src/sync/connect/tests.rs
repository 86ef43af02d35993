use super::*;

fn acct(id: &str) -> AccountId {
    AccountId::parse(id).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn held(id: &str) -> Grant {
    accepted(&Grant::default(), &acct(id), at(1))
}

#[test]
fn only_the_wanted_account_in_the_wanted_mode_is_accepted() {
    let other = |id| Verdict::OtherAccount(acct(id));
    for (account, live, can_write, bound, named, verdict) in [
        ("acct_1", false, true, None, None, Verdict::Accept),
        ("acct_1", false, true, Some("acct_1"), None, Verdict::Accept),
        (
            "acct_1",
            false,
            true,
            Some("acct_1"),
            Some("acct_1"),
            Verdict::Accept,
        ),
        ("acct_2", false, true, Some("acct_1"), None, other("acct_1")),
        ("acct_2", false, true, None, Some("acct_1"), other("acct_1")),
        (
            "acct_2",
            false,
            true,
            Some("acct_2"),
            Some("acct_1"),
            other("acct_1"),
        ),
        ("acct_1", true, true, None, None, Verdict::OtherMode),
        // The mode comes first: an account of the other mode is another account.
        (
            "acct_2",
            true,
            true,
            Some("acct_1"),
            None,
            Verdict::OtherMode,
        ),
        ("acct_1", false, false, None, None, Verdict::ReadOnly),
    ] {
        let granted = Granted {
            account: acct(account),
            live,
            can_write,
        };
        let wanted = Wanted {
            bound: bound.map(acct),
            named: named.map(acct),
            live: false,
        };
        assert_eq!(judge(&granted, &wanted), verdict, "{granted:?} {wanted:?}");
    }
}

#[test]
fn a_lost_answer_leaves_a_connection_that_holds_and_makes_a_doubt_of_none() {
    let asked = redeeming(&Grant::default(), at(5));
    assert_eq!(asked.redeeming, Some(at(5)));
    assert_eq!(not_redeemed(&asked), Grant::default());

    let lost = unsettled(&asked, None, at(6));
    let state = GrantState::Ended {
        account: None,
        why: Ended::Unsettled,
        since: at(6),
    };
    assert_eq!((lost.state.clone(), lost.redeeming), (state, None));
    assert_eq!(in_doubt(&lost), None, "nobody knows whom to ask about");
    let known = unsettled(&asked, Some(&acct("acct_1")), at(6));
    assert_eq!(in_doubt(&known), Some(&acct("acct_1")));

    let again = unsettled(&redeeming(&held("acct_1"), at(7)), None, at(8));
    assert_eq!(again, held("acct_1"));
}

#[test]
fn what_is_not_wanted_is_taken_back_and_never_what_is_connected() {
    let grant = refused(&Grant::default(), &acct("acct_2"));
    assert_eq!(grant.unwanted, Some(acct("acct_2")));
    assert_eq!(grant.state, GrantState::None);
    let kept = refused(&held("acct_1"), &acct("acct_1"));
    assert_eq!(
        (kept.unwanted.clone(), kept.held()),
        (None, Some(&acct("acct_1")))
    );

    // Connected again before it was taken back: it is wanted now.
    assert_eq!(accepted(&grant, &acct("acct_2"), at(2)).unwanted, None);
    let other = accepted(&grant, &acct("acct_1"), at(2));
    assert_eq!(other.unwanted, Some(acct("acct_2")));
}

#[test]
fn a_grant_ends_once_and_is_taken_back_if_a_person_ended_it() {
    let over = ended(&held("acct_1"), Ended::Person, at(3)).unwrap();
    assert_eq!(over.unwanted, Some(acct("acct_1")));
    assert_eq!(in_doubt(&over), None);
    assert_eq!(ended(&over, Ended::Revoked, at(4)), None);
    let revoked = ended(&held("acct_1"), Ended::Revoked, at(3)).unwrap();
    assert_eq!(revoked.unwanted, None);
    let given_up = ended(&revoked, Ended::Person, at(5)).unwrap();
    assert_eq!(given_up.unwanted, Some(acct("acct_1")));
    assert_eq!(in_doubt(&revoked), Some(&acct("acct_1")));
    assert!(is_revoked(Some("account_invalid")));
    assert!(is_revoked(Some("platform_api_key_expired")));
    assert!(!is_revoked(Some("api_key_expired")) && !is_revoked(None));
}

#[test]
fn the_connection_follows_from_key_and_grant() {
    let account = acct("acct_1");
    let of = |way, grant: &Grant, refused| connection(way, Some(&account), grant, refused);
    let said = Some(("Expired", at(9)));
    let connected = Connection::Connected {
        account: account.clone(),
    };
    let refused = Connection::Disconnected {
        account: Some(account.clone()),
        reason: Reason::KeyRefused("Expired".to_owned()),
        since: at(9),
    };
    let none = Grant::default();
    let over = ended(&held("acct_1"), Ended::Revoked, at(3)).unwrap();
    let revoked = Connection::Disconnected {
        account: Some(account.clone()),
        reason: Reason::Ended(Ended::Revoked),
        since: at(3),
    };
    for (way, grant, said, expected) in [
        (Way::Key, &none, None, &connected),
        (Way::Key, &none, said, &refused),
        (Way::Key, &over, None, &connected),
        (Way::OAuth, &none, None, &Connection::NotConnected),
        (Way::OAuth, &none, said, &Connection::NotConnected),
        (Way::OAuth, &held("acct_1"), None, &connected),
        (Way::OAuth, &held("acct_1"), said, &refused),
        (Way::OAuth, &over, None, &revoked),
        (Way::OAuth, &over, said, &revoked),
    ] {
        assert_eq!(
            &of(way, grant, said),
            expected,
            "{way:?} {grant:?} {said:?}"
        );
    }
}
