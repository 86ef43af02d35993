//! Which test holds which rule of money. A rule without a row here is not held.

use std::path::{Path, PathBuf};

/// What must not happen, and a test that fails when it can.
const HELD: [(&str, &str); 37] = [
    (
        "nobody said who collects, and we do",
        "money_a1_nothing_is_collected_until_somebody_says_who_collects",
    ),
    (
        "the same, seen from outside",
        "money_a1_nothing_is_charged_before_somebody_says_who_collects",
    ),
    (
        "an invoice is collected that somebody else is collecting",
        "money_a2_a_collection_of_somebody_else_is_seen_at_the_last_look",
    ),
    (
        "an invoice is collected that was charged by nobody knows whom",
        "money_a2_a_charge_that_we_did_not_make_and_nobody_shows_refuses_the_lease",
    ),
    (
        "two connectors collect on one organisation",
        "money_a2_a_native_payment_freezes_where_there_should_be_none",
    ),
    (
        "the same, seen from outside",
        "money_a2_a_native_payment_under_way_refuses_and_a_new_one_freezes",
    ),
    (
        "test money is booked into live books",
        "money_a3_test_money_is_never_booked_into_a_live_organisation",
    ),
    (
        "the same, seen from outside",
        "money_a3_test_charges_are_refused_for_a_live_organisation",
    ),
    (
        "a store is used with another account",
        "a_store_of_another_organisation_is_refused",
    ),
    (
        "a key of another account is used",
        "a_key_of_another_account_is_refused",
    ),
    (
        "OAuth brings another account",
        "another_account_is_refused_and_its_grant_taken_back",
    ),
    (
        "a method is charged that is another's, detached, or of another currency",
        "money_a5_a_method_fits_the_currency_and_belongs_to_the_customer",
    ),
    (
        "links are offered that nobody switched on",
        "money_b6_links_are_off_until_they_are_switched_on",
    ),
    (
        "something is collected while charges are frozen",
        "money_b8_a_freeze_stops_every_rail",
    ),
    (
        "the same, seen from outside",
        "money_b8_a_freeze_stops_what_is_to_begin_and_ends_by_a_person",
    ),
    (
        "too many charges in an hour",
        "money_b8_too_many_charges_in_an_hour_freeze",
    ),
    (
        "the same, seen from outside",
        "money_b8_too_many_charges_trip_the_brake",
    ),
    (
        "too much money in an hour",
        "money_b8_too_much_money_in_an_hour_freezes",
    ),
    (
        "charges go on though most are declined",
        "money_b8_too_many_declines_freeze_once_there_are_enough_to_say",
    ),
    (
        "one customer is charged again within minutes",
        "money_b8_the_same_customer_is_not_charged_twice_within_minutes",
    ),
    (
        "two collections of one invoice at a time",
        "money_c10_one_collection_at_a_time_whatever_its_rail",
    ),
    (
        "the same, by the store itself",
        "money_c10_the_store_gives_a_lease_once",
    ),
    (
        "more is taken than either ledger says is left",
        "money_c10_the_amount_is_the_smaller_of_what_both_ledgers_say",
    ),
    (
        "a lease ends before the invoice owes less",
        "money_c10_a_booking_is_over_when_the_invoice_owes_less",
    ),
    (
        "a copy of the store charges a second time",
        "money_c11_a_copy_of_the_store_collides_at_stripe_instead_of_charging",
    ),
    (
        "a status is taken for another than it is",
        "money_c12_every_status_has_a_meaning_and_only_canceled_is_free",
    ),
    (
        "an invoice is free before Stripe shows that nothing is taken",
        "money_c12_a_status_moves_the_collection_and_only_canceled_ends_it",
    ),
    (
        "a card that wants its owner counts as declined",
        "money_c12_a_card_that_wants_its_owner_is_no_decline",
    ),
    (
        "an unknown outcome counts as failed",
        "a_charge_without_an_answer_keeps_its_lease",
    ),
    (
        "a repeat takes what was paid in another way meanwhile",
        "money_c13_a_repeat_does_not_take_what_is_paid_meanwhile",
    ),
    (
        "a lost answer makes a second charge",
        "lesson_6_a_charge_whose_answer_was_lost_is_not_made_twice",
    ),
    (
        "an amount is taken that nobody confirmed",
        "money_c15_an_amount_that_changed_since_it_was_confirmed_is_not_taken",
    ),
    (
        "money beyond what is due is dropped",
        "money_c16_what_is_not_due_any_more_is_booked_unallocated_and_never_dropped",
    ),
    (
        "a payment is booked twice",
        "money_d17_an_unknown_booking_is_looked_for_twice_before_it_is_repeated",
    ),
    (
        "money is booked that is not of ours",
        "money_d18_a_payment_intent_that_is_not_of_the_collection_is_not_believed",
    ),
    (
        "an amount is read in the wrong units",
        "money_d19_a_scale_in_doubt_is_refused",
    ),
    (
        "more is taken than was invoiced, whatever breaks",
        "money_seeds_take_no_more_than_is_due_and_book_all_of_it",
    ),
];

#[test]
fn every_rule_of_money_that_is_said_to_be_held_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    let mut left: Vec<PathBuf> = ["src", "tests/it", "tests/sim"]
        .map(|at| root.join(at))
        .into();
    while let Some(place) = left.pop() {
        if place.is_dir() {
            let entries = std::fs::read_dir(place).unwrap();
            left.extend(entries.map(|entry| entry.unwrap().path()));
        } else if place.extension().is_some_and(|kind| kind == "rs") {
            sources.push_str(&std::fs::read_to_string(place).unwrap());
        }
    }
    for (what, test) in HELD {
        let is_there = sources.contains(&format!("fn {test}("));
        assert!(is_there, "{what}: there is no test {test}");
    }
}
