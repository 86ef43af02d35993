//! Many seeds, and proof that they would find what they are there to find.

use crate::run::{Report, run};
use crate::{both, making, money};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// Seeds of a run of all suites when nobody says otherwise.
const SEEDS_DEFAULT: u64 = 400;

/// What one-way and two-way sync each have of a hundred seeds; customers that are made and money
/// share the rest.
const SHARE_OF_SYNC: u64 = 35;

/// What money has.
const SHARE_OF_MONEY: u64 = 20;

/// Seeds of a suite among which every fault fires.
const SEEDS_TELLING: u64 = 200;

/// Faults of one-way sync that fire while customers are made as well.
const FAULTS_OF_MAKING: [&str; 6] = [
    "crash before a request",
    "crash before an answer",
    "crash at a sync",
    "restart",
    "two steps at once",
    "reads lag behind",
];

/// Runs one seed.
type Suite = fn(u64) -> Result<Report, String>;

/// The mutants are one for the process: while one is on, no other run may be under way.
static MUTANTS: RwLock<()> = RwLock::new(());

/// Every fault that must have fired at least once over all seeds.
const FAULTS: [&str; 46] = [
    "request lost",
    "response lost",
    "429",
    "lock_timeout",
    "500, applied",
    "500, not applied",
    "503",
    "webhook dropped",
    "webhook twice",
    "webhook late",
    "webhooks out of order",
    "event listed late",
    "event sent again",
    "crash before a request",
    "crash before an answer",
    "crash at a sync",
    "restart",
    "deleted in Stripe",
    "deleted in Zenskar",
    "gap of a month",
    "edit before a write",
    "two steps at once",
    "unlinked",
    "linked by a person",
    "event replayed",
    "short pages",
    "nested values merge",
    "null for missing",
    "filters ignored",
    "filter of changes ignored",
    "hints dropped",
    "cursors expired",
    "400",
    "401",
    "403",
    "404",
    "422",
    "address taken already",
    "key refused",
    "sync off",
    "field left out",
    "e-mail in lower case",
    "reads lag behind",
    "dead letters retried",
    "dead letters dropped",
    "dead letters taken back",
];

/// The first seed, and how many a suite runs that has so many of a hundred.
fn seeds(share: u64) -> (u64, u64) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the number of seeds is the caller's choice"
    )]
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let all = number("ZENSTRIPE_SIM_SEEDS").unwrap_or(SEEDS_DEFAULT);
    (
        number("ZENSTRIPE_SIM_FIRST").unwrap_or(1),
        (all * share).div_ceil(100),
    )
}

/// While this is held no mutant is on.
fn without_mutants() -> RwLockReadGuard<'static, ()> {
    MUTANTS.read().unwrap_or_else(PoisonError::into_inner)
}

/// Runs every seed that is asked for on all processors: what failed, and what came of the others.
fn each_seed(run: Suite, (first, count): (u64, u64)) -> (Vec<String>, Vec<Report>) {
    let next = AtomicU64::new(first);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let outcomes: Vec<(Vec<String>, Vec<Report>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let (mut failures, mut reports) = (Vec::new(), Vec::new());
                    loop {
                        let seed = next.fetch_add(1, Ordering::SeqCst);
                        if seed >= first + count {
                            return (failures, reports);
                        }
                        match guarded(seed, run) {
                            // A journal is long, and nobody compares it here.
                            Ok(report) => reports.push(Report {
                                journal: String::new(),
                                ..report
                            }),
                            Err(failure) => failures.push(failure),
                        }
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .collect()
    });
    let (failures, reports): (Vec<_>, Vec<_>) = outcomes.into_iter().unzip();
    (failures.concat(), reports.into_iter().flatten().collect())
}

/// Runs a suite's seeds; every one must hold, and every fault must have fired.
fn every_seed_holds(run: Suite, share: u64, faults: impl Iterator<Item = &'static str>) {
    let _held = without_mutants();
    let (first, count) = seeds(share);
    let (failures, reports) = each_seed(run, (first, count));
    let mut fired: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (name, times) in reports.into_iter().flat_map(|report| report.fired) {
        *fired.entry(name).or_default() += times;
    }
    show(&format!(
        "{count} seeds from {first}; faults fired: {fired:#?}"
    ));
    assert!(
        failures.is_empty(),
        "{} of {count} fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
    if count >= SEEDS_TELLING {
        for fault in faults {
            assert!(
                fired.get(fault).is_some_and(|times| *times > 0),
                "never fired: {fault}"
            );
        }
    }
}

#[test]
fn every_seed_converges_and_loses_nothing() {
    every_seed_holds(run, SHARE_OF_SYNC, FAULTS.into_iter());
}

#[test]
fn two_way_seeds_converge_and_lose_no_edit() {
    let faults = FAULTS.into_iter().chain(both::FAULTS);
    every_seed_holds(both::run, SHARE_OF_SYNC, faults);
}

#[test]
fn seeds_in_which_customers_are_made_make_each_once() {
    let faults = FAULTS_OF_MAKING.into_iter().chain(making::FAULTS);
    let share = 100 - 2 * SHARE_OF_SYNC - SHARE_OF_MONEY;
    every_seed_holds(making::run, share, faults);
}

#[test]
fn money_seeds_take_no_more_than_is_due_and_book_all_of_it() {
    every_seed_holds(money::run, SHARE_OF_MONEY, money::FAULTS.into_iter());
}

#[test]
fn one_seed_run_twice_writes_the_same_journal() {
    let _held = without_mutants();
    let suites: [Suite; 4] = [run, both::run, making::run, money::run];
    for suite in suites {
        for seed in 1..=20 {
            let (one, other) = (suite(seed), suite(seed));
            assert_eq!(one, other, "seed {seed}");
        }
    }
}

/// A panic of one seed is its failure, not the end of the others.
fn guarded(seed: u64, run: Suite) -> Result<Report, String> {
    catch_unwind(AssertUnwindSafe(|| run(seed))).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!(
            "seed {seed}: panicked: {}",
            text.unwrap_or_default()
        ))
    })
}

#[expect(clippy::print_stderr, reason = "the run says what it did")]
fn show(text: &str) {
    eprintln!("{text}");
}

#[cfg(feature = "mutants")]
mod mutants {
    use super::{MUTANTS, Suite, both, guarded, making, money, run, show};
    use zenstripe::mutants::{Mutant, switch};

    /// Seeds within which a mutant must be found.
    const MUTANT_SEEDS: u64 = 500;

    fn is_found(mutant: Mutant, run: Suite) {
        let _alone = MUTANTS
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // A seed that fails without the mutant as well has found something else.
        let found = (1..=MUTANT_SEEDS).find_map(|seed| {
            switch(Some(mutant));
            let failure = guarded(seed, run).err();
            switch(None);
            failure.filter(|_| guarded(seed, run).is_ok())
        });
        match found {
            Some(failure) => show(&format!("{mutant:?} is found: {failure}")),
            None => panic!("{mutant:?} is not found within {MUTANT_SEEDS} seeds"),
        }
    }

    #[test]
    fn intents_that_are_not_settled_are_found() {
        is_found(Mutant::IntentsNotSettled, run);
    }

    #[test]
    fn intents_that_are_not_settled_are_found_in_two_way_sync() {
        is_found(Mutant::IntentsNotSettled, both::run);
    }

    #[test]
    fn a_repeat_without_a_look_is_found_in_two_way_sync() {
        is_found(Mutant::RepeatWithoutLook, both::run);
    }

    #[test]
    fn a_base_that_moves_with_the_decision_is_found_in_two_way_sync() {
        is_found(Mutant::BaseMovedByDecision, both::run);
    }

    #[test]
    fn a_change_that_counts_as_later_because_it_was_noticed_later_is_found_in_two_way_sync() {
        is_found(Mutant::NoticedLaterIsLater, both::run);
    }

    #[test]
    fn an_answer_before_the_commit_is_found_in_two_way_sync() {
        is_found(Mutant::AckBeforeCommit, both::run);
    }

    #[test]
    fn an_answer_before_the_commit_is_found() {
        is_found(Mutant::AckBeforeCommit, run);
    }

    #[test]
    fn a_cursor_moved_by_a_webhook_is_found() {
        is_found(Mutant::CursorMovedByWebhook, run);
    }

    #[test]
    fn changes_that_are_not_heard_of_are_found() {
        is_found(Mutant::ChangesUnheard, run);
    }

    #[test]
    fn a_customer_made_again_under_another_key_is_found() {
        is_found(Mutant::MadeUnderAnotherKey, making::run);
    }

    #[test]
    fn an_answer_before_the_commit_is_found_while_customers_are_made() {
        is_found(Mutant::AckBeforeCommit, making::run);
    }

    #[test]
    fn a_lease_that_is_skipped_is_found() {
        is_found(Mutant::LeaseSkipped, money::run);
    }

    #[test]
    fn a_charge_repeated_under_another_key_is_found() {
        is_found(Mutant::ChargedUnderAnotherKey, money::run);
    }

    #[test]
    fn a_processing_payment_that_counts_as_none_is_found() {
        is_found(Mutant::ProcessingIsFree, money::run);
    }

    #[test]
    fn a_booking_repeated_without_a_look_is_found() {
        is_found(Mutant::BookedWithoutLook, money::run);
    }

    #[test]
    fn a_repeat_without_a_look_is_found() {
        is_found(Mutant::RepeatWithoutLook, run);
    }
}
