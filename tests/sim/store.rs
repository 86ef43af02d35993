//! The store loses power at every sync there is.
//!
//! What must hold after each: all that was acknowledged is there; of what was not acknowledged,
//! either a whole commit is there or nothing of it; no half of a story is; and the work goes on.

mod reading;
mod story;

use crate::crash_backend::{CrashBackend, Survive};
use futures_util::future::join_all;
use reading::read_all;
use story::{Given, Model, Story, stories};
use zenstripe::clock::Random;
use zenstripe::store::{PreparedEvent, Store, StoreError, StoreOptions, WriteError, Writer};

/// Stories of one run.
const STORIES: usize = 60;

/// Most stories that are brought to the writer together.
const TOGETHER_MAX: u64 = 4;

const OPTIONS: StoreOptions = StoreOptions {
    cache_bytes: 1024 * 1024,
    installation_id: Some([7; 16]),
};

/// What should be after each number of stories, and what each should have returned.
struct Expected {
    stories: Vec<Story>,
    states: Vec<Model>,
    returns: Vec<String>,
}

impl Expected {
    fn from_seed(seed: u64) -> Self {
        let stories = stories(seed, STORIES);
        let (mut model, mut given) = (Model::default(), Given::default());
        let (mut states, mut returns) = (vec![model.clone()], Vec::new());
        for story in &stories {
            returns.push(story.apply(&mut model, &mut given));
            states.push(model.clone());
        }
        Self {
            stories,
            states,
            returns,
        }
    }

    fn last(&self) -> &Model {
        self.states.last().unwrap()
    }
}

/// How far a run got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reached {
    /// Stories that were acknowledged.
    acknowledged: usize,
    /// Stories that were brought, with those of the commit that failed.
    brought: usize,
}

/// Brings the stories from `from` on, a few at a time, until one fails.
async fn bring(store: &Store, expected: &Expected, from: usize, random: &Random) -> Reached {
    let writer = Writer::inline(store.clone());
    let mut done = from;
    while done < expected.stories.len() {
        let count = usize::try_from(random.between(1, TOGETHER_MAX)).unwrap();
        let together: Vec<_> = expected.stories.iter().skip(done).take(count).collect();
        let results = join_all(together.iter().map(|story| bring_one(&writer, story))).await;
        let brought = done + results.len();
        if results.iter().any(Result::is_err) {
            assert!(
                results.iter().all(Result::is_err),
                "a commit was acknowledged in part"
            );
            let again = writer.write("after the end", |_| Ok(())).await;
            assert!(matches!(again, Err(WriteError::WriterGone)));
            writer.failed().await;
            return Reached {
                acknowledged: done,
                brought,
            };
        }
        for result in results {
            assert_eq!(Some(&result.unwrap()), expected.returns.get(done));
            done += 1;
        }
    }
    writer.close().await;
    Reached {
        acknowledged: done,
        brought: done,
    }
}

async fn bring_one(writer: &Writer, story: &Story) -> Result<String, WriteError> {
    let story = story.clone();
    if let Story::Receive(event) = &story {
        let prepared = PreparedEvent::new(event).unwrap();
        let inserted = writer.try_insert_event(prepared).unwrap().await?;
        return Ok(match inserted {
            zenstripe::store::Inserted::New(seq) => format!("new {seq}"),
            zenstripe::store::Inserted::Known(seq) => format!("known {seq}"),
        });
    }
    writer.write("story", move |tx| story.write(tx)).await
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// Opens the disk and brings all stories.
fn run(disk: &CrashBackend, expected: &Expected, seed: u64) -> Result<Reached, StoreError> {
    let store = Store::open_backend(disk.clone(), OPTIONS)?;
    Ok(block_on(bring(
        &store,
        expected,
        0,
        &Random::from_seed(seed),
    )))
}

/// The disk after a crash holds what it must; the rest of the stories can be brought.
fn check_after(disk: CrashBackend, expected: &Expected, reached: Option<Reached>, context: &str) {
    let Some(Reached {
        acknowledged,
        brought,
    }) = reached
    else {
        // The store was being made. A file that is being made has another name and is never
        // opened again.
        return;
    };
    let store = Store::open_backend(disk, OPTIONS).expect(context);
    let found = read_all(&store);
    let at = [acknowledged, brought]
        .into_iter()
        .find(|at| expected.states.get(*at) == Some(&found));
    let Some(at) = at else {
        panic!("{context}: neither the state after {acknowledged} stories nor after {brought}");
    };
    let on = block_on(bring(&store, expected, at, &Random::from_seed(0)));
    assert_eq!(on.acknowledged, STORIES, "{context}");
    assert_eq!(&read_all(&store), expected.last(), "{context}");
}

/// How many seeds to try: `ZENSTRIPE_STORE_SEEDS`, or a few.
#[expect(
    clippy::disallowed_methods,
    reason = "a test is told how long to run by its environment"
)]
fn seeds(default: u64) -> impl Iterator<Item = u64> {
    let count = std::env::var("ZENSTRIPE_STORE_SEEDS").ok();
    let count = count
        .and_then(|count| count.parse().ok())
        .unwrap_or(default);
    1..=count
}

#[test]
fn without_a_crash_the_store_equals_the_model() {
    for seed in seeds(8) {
        let expected = Expected::from_seed(seed);
        let disk = CrashBackend::new(Vec::new());
        let reached = run(&disk, &expected, seed).unwrap();
        assert_eq!(reached.acknowledged, STORIES);
        let store = Store::open_backend(disk.take_over(), OPTIONS).unwrap();
        assert_eq!(&read_all(&store), expected.last(), "seed {seed}");
    }
}

#[test]
fn power_is_lost_at_every_sync() {
    for seed in seeds(2) {
        let expected = Expected::from_seed(seed);
        let whole = CrashBackend::new(Vec::new());
        run(&whole, &expected, seed).unwrap();
        for sync in 1..=whole.syncs() {
            for survive in [
                Survive::Nothing,
                Survive::Everything,
                Survive::Torn(seed.wrapping_add(sync)),
                Survive::Torn(seed.wrapping_mul(31).wrapping_add(sync)),
            ] {
                let disk = CrashBackend::new(Vec::new());
                disk.crash_at_sync(sync, survive);
                let reached = run(&disk, &expected, seed).ok();
                assert!(disk.is_frozen());
                let context = format!("seed {seed}, sync {sync}, {survive:?}");
                check_after(disk.revive(), &expected, reached, &context);
            }
        }
    }
}

#[test]
fn power_is_lost_again_while_the_store_recovers() {
    for seed in seeds(2) {
        let expected = Expected::from_seed(seed);
        let whole = CrashBackend::new(Vec::new());
        run(&whole, &expected, seed).unwrap();
        for sync in (1..=whole.syncs()).step_by(7) {
            for again in 1..=3 {
                let disk = CrashBackend::new(Vec::new());
                disk.crash_at_sync(sync, Survive::Torn(sync));
                let reached = run(&disk, &expected, seed).ok();
                let disk = disk.revive();
                disk.crash_at_sync(again, Survive::Torn(again));
                if let Ok(store) = Store::open_backend(disk.clone(), OPTIONS) {
                    drop(store);
                }
                disk.freeze(Survive::Torn(again));
                let context = format!("seed {seed}, sync {sync}, then {again}");
                check_after(disk.revive(), &expected, reached, &context);
            }
        }
    }
}

#[test]
fn an_error_of_the_disk_stops_the_writer_and_loses_nothing() {
    for seed in seeds(1) {
        let expected = Expected::from_seed(seed);
        let whole = CrashBackend::new(Vec::new());
        run(&whole, &expected, seed).unwrap();
        for change in (1..=whole.changes()).step_by(3) {
            let disk = CrashBackend::new(Vec::new());
            disk.fail_change(change);
            let reached = run(&disk, &expected, seed).ok();
            let context = format!("seed {seed}, change {change}");
            check_after(disk.take_over(), &expected, reached, &context);
        }
    }
}
