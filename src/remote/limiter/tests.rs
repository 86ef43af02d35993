use super::*;
use crate::clock::BoxFuture;
use crate::remote::testing::{StillClock, drive};
use proptest::prelude::*;

fn limiter(clock: &StillClock, rates: Rates) -> Limiter {
    Limiter::new("test", rates, Arc::new(clock.clone()))
}

/// Every caller asks at once; returns who went when, in milliseconds from the start.
fn order(clock: &StillClock, limiter: &Limiter, callers: &[Priority]) -> Vec<(Priority, u64)> {
    let start = clock.now();
    let log = Mutex::new(Vec::new());
    let futures = callers
        .iter()
        .map(|priority| -> BoxFuture<'_, ()> {
            Box::pin(async {
                let permit = limiter.acquire(*priority).await;
                let at = clock.now().since(start).as_millis();
                log.lock()
                    .unwrap()
                    .push((*priority, u64::try_from(at).unwrap()));
                permit.on_success();
            })
        })
        .collect();
    drive(clock, futures);
    log.into_inner().unwrap()
}

#[test]
fn higher_priorities_go_first_and_equal_ones_in_turn() {
    use Priority::{Money, Scan, Sync};
    let clock = StillClock::new();
    let limiter = limiter(&clock, Rates::fixed(10));
    // The first to ask goes at once; by the time of the next turn the others stand in line.
    assert_eq!(
        order(&clock, &limiter, &[Scan, Scan, Sync, Money, Sync, Money]),
        [
            (Scan, 0),
            (Money, 100),
            (Money, 200),
            (Sync, 300),
            (Sync, 400),
            (Scan, 500)
        ]
    );
}

#[test]
fn a_scan_uses_what_the_others_leave() {
    let clock = StillClock::new();
    let limiter = limiter(&clock, Rates::fixed(10));
    let log = Mutex::new(Vec::new());
    let scan = async {
        for _ in 0..5 {
            limiter.acquire(Priority::Scan).await.on_success();
            log.lock().unwrap().push("scan");
        }
    };
    let money = async {
        clock.sleep(Duration::from_millis(150)).await;
        for _ in 0..3 {
            limiter.acquire(Priority::Money).await.on_success();
            log.lock().unwrap().push("money");
        }
    };
    drive(&clock, vec![Box::pin(scan), Box::pin(money)]);
    let log = log.into_inner().unwrap();
    assert_eq!(
        log,
        [
            "scan", "scan", "money", "money", "money", "scan", "scan", "scan"
        ]
    );
}

#[test]
fn one_who_gives_up_leaves_the_queue() {
    let clock = StillClock::new();
    let limiter = limiter(&clock, Rates::fixed(1));
    let first = limiter.acquire(Priority::Money);
    drive(&clock, vec![Box::pin(async { first.await.on_success() })]);
    {
        let mut gives_up = Box::pin(limiter.acquire(Priority::Money));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(gives_up.as_mut().poll(&mut context).is_pending());
        assert_eq!(limiter.stats().waiting.get(&Priority::Money), Some(&1));
    }
    assert_eq!(limiter.stats().waiting.get(&Priority::Money), Some(&0));
    assert_eq!(
        order(&clock, &limiter, &[Priority::Scan]),
        [(Priority::Scan, 1_000)]
    );
}

#[test]
fn too_many_halves_the_rate_once_and_pauses() {
    let clock = StillClock::new();
    let limiter = limiter(&clock, Rates { start: 8, max: 50 });
    let permits = Mutex::new(Vec::new());
    let all = (0..3)
        .map(|_| -> BoxFuture<'_, ()> {
            Box::pin(async {
                let permit = limiter.acquire(Priority::Sync).await;
                permits.lock().unwrap().push(permit);
            })
        })
        .collect();
    drive(&clock, all);
    for permit in permits.into_inner().unwrap() {
        permit.on_limited("429", Some(Duration::from_secs(7)));
    }
    let stats = limiter.stats();
    assert_eq!(
        (stats.milli_rate, stats.limited, stats.in_flight),
        (4_000, 3, 0)
    );
    assert_eq!(stats.last_reason.as_deref(), Some("429"));
    assert_eq!(
        stats.paused_until,
        Some(clock.now().plus(Duration::from_secs(7)))
    );
    assert_eq!(
        order(&clock, &limiter, &[Priority::Sync]),
        [(Priority::Sync, 7_000)]
    );
}

#[test]
fn successes_that_waited_raise_the_rate_up_to_its_limit() {
    let clock = StillClock::new();
    let limiter = limiter(&clock, Rates { start: 5, max: 50 });
    order(&clock, &limiter, &[Priority::Sync]);
    assert_eq!(limiter.stats().milli_rate, 5_000);
    // A second's worth of requests that waited adds about one request per second.
    order(&clock, &limiter, &[Priority::Sync; 5]);
    assert!(
        (5_900..=6_100).contains(&limiter.stats().milli_rate),
        "{:?}",
        limiter.stats()
    );
    for _ in 0..100 {
        order(&clock, &limiter, &[Priority::Sync; 20]);
    }
    assert_eq!(limiter.stats().milli_rate, 50_000);
}

#[test]
fn not_more_are_under_way_than_a_second_holds() {
    let clock = StillClock::new();
    let limiter = limiter(&clock, Rates::fixed(2));
    let most = std::sync::atomic::AtomicU64::new(0);
    let slow = (0..12)
        .map(|_| -> BoxFuture<'_, ()> {
            Box::pin(async {
                let permit = limiter.acquire(Priority::Sync).await;
                let in_flight = limiter.stats().in_flight;
                most.fetch_max(in_flight, std::sync::atomic::Ordering::Relaxed);
                clock.sleep(Duration::from_secs(60)).await;
                permit.on_success();
            })
        })
        .collect();
    drive(&clock, slow);
    assert_eq!(most.into_inner(), IN_FLIGHT_MIN);
    assert_eq!(limiter.stats().in_flight, 0);
}

#[test]
fn a_clock_set_back_costs_one_interval() {
    let clock = StillClock::new();
    let limiter = limiter(&clock, Rates::fixed(10));
    order(&clock, &limiter, &[Priority::Sync; 3]);
    clock.set(clock.now().minus(Duration::from_secs(3_600)));
    assert_eq!(
        order(&clock, &limiter, &[Priority::Sync]),
        [(Priority::Sync, 100)]
    );
}

#[test]
fn new_rates_take_effect_at_once() {
    let clock = StillClock::new();
    let limiter = limiter(&clock, Rates::fixed(1));
    limiter.set_rates(Rates::fixed(100));
    let times = order(&clock, &limiter, &[Priority::Sync; 3]);
    assert_eq!(times.last(), Some(&(Priority::Sync, 20)));
}

proptest! {
    /// However the callers come, no window holds more starts than the rate allows.
    #[test]
    fn no_window_holds_more_than_the_rate(
        rate in 1_u32..200,
        gaps in proptest::collection::vec(0_u64..100_000, 1..200),
        window_ms in 1_u64..5_000,
    ) {
        let mut pace = Pace::new(Rates::fixed(rate));
        let mut now = Timestamp::from_seconds(1_000);
        let mut starts = Vec::new();
        for gap in gaps {
            now = now.plus(Duration::from_micros(gap));
            while let Err(wait) = pace.try_start(now) {
                now = now.plus(wait);
            }
            starts.push(now);
        }
        let window = Duration::from_millis(window_ms);
        let allowed_span = window + LATENESS_MAX;
        let most = allowed_span.as_micros() * u128::from(rate) / 1_000_000 + 1;
        for (first, start) in starts.iter().enumerate() {
            let end = start.plus(window);
            let count = starts.iter().skip(first).take_while(|at| **at < end).count();
            prop_assert!(u128::try_from(count).unwrap() <= most, "{count} > {most}");
        }
    }

    /// Nobody waits longer than an interval for a turn that is theirs.
    #[test]
    fn a_wait_is_never_longer_than_an_interval(rate in 1_u32..200, jumps in proptest::collection::vec(-5_000_000_i64..5_000_000, 1..50)) {
        let mut pace = Pace::new(Rates::fixed(rate));
        let mut now = 1_000_000_000_i64;
        for jump in jumps {
            now += jump;
            if let Err(wait) = pace.try_start(Timestamp::from_micros(now)) {
                prop_assert!(wait <= pace.interval());
            }
        }
    }
}
